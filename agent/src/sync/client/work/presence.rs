//! Who serves the site: what this agent says in `state/agent`, and what it makes of what others say there.

use super::super::state;
use super::{Ended, Flight, Stage, Work};
use crate::contract::state::{Presence, StateHeard};
use crate::sync::rival::{Own, Whose};
use crate::sync::{Shared, Trouble};
use rumqttc::v5::mqttbytes::v5::{Publish, PublishProperties};
use std::ops::DerefMut;

impl<S: DerefMut<Target = Shared>> Work<S> {
    pub(super) fn is_looking(&self) -> bool {
        matches!(self.stage, Stage::Connecting | Stage::Looking { .. } | Stage::Subscribing { .. })
    }

    /// Whether commands at this connection are this agent's to carry out.
    pub(super) fn takes_commands(&self) -> bool {
        !self.is_looking() && self.shared.rival.is_none()
    }

    /// What stands in `state/agent`, or was just said there.
    pub(super) fn heard_of_an_agent(&mut self, publish: &Publish) -> Result<(), Ended> {
        let said = match StateHeard::parse(&publish.payload) {
            Ok(said) => said,
            Err(_) if publish.payload.is_empty() => return Ok(()),
            Err(why) => {
                tracing::warn!(why, "what stands in state/agent can't be read");
                return Ok(());
            }
        };
        let Shared { epochs, said_in, claims, .. } = &*self.shared;
        let whose = Own { epochs, session: self.session, said_in: *said_in }.whose(&said);
        match whose {
            _ if self.stage == Stage::Leaving => Ok(()),
            Whose::Another | Whose::Gone { ours: false } if *claims => Ok(()),
            Whose::Another => self.give_way_to(said),
            // This process has never served the site: only a technician knows whether the other agent comes back.
            Whose::Gone { ours: false } if self.is_looking() && said_in.is_none() => self.give_way_to(said),
            // A will that came late stands there instead of what we said.
            Whose::Gone { .. } if !self.is_looking() => self.publish_state(Presence::Online),
            Whose::Gone { .. } | Whose::Ours => Ok(()),
        }
    }

    /// Leaves without a word, or whoever looks would take it for the other's; and without the will.
    fn give_way_to(&mut self, said: StateHeard) -> Result<(), Ended> {
        let StateHeard { version, epoch, .. } = said;
        self.shared.rival = Some(Trouble::AnotherAgent { version, epoch });
        self.stage = Stage::Leaving;
        self.client.try_disconnect().map_err(|error| Ended::broken(&error))
    }

    pub(super) fn publish_state(&mut self, presence: Presence) -> Result<(), Ended> {
        if presence == Presence::Online {
            self.shared.said_in = Some(self.session);
        }
        let payload = state(&self.shared, self.session, presence);
        let properties =
            PublishProperties { content_type: Some("application/json".into()), ..PublishProperties::default() };
        self.publish(self.shared.topics.state_agent(), true, payload, properties, Flight::State)
    }
}
