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

    /// Whether what the broker gives is this agent's.
    pub(super) fn serves(&self) -> bool {
        matches!(self.stage, Stage::Arriving | Stage::Sending | Stage::Leaving)
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
        let Shared { epochs, origin, instance, before, has_served, claims, .. } = &*self.shared;
        let own = Own { epochs, origin: *origin, instance: *instance, before: *before, has_served: *has_served };
        let (whose, claims, is_looking) = (own.whose(&said, publish.retain), *claims, self.is_looking());
        match whose {
            _ if matches!(self.stage, Stage::Leaving | Stage::HungUp) => Ok(()),
            Whose::Another if claims => Ok(()),
            Whose::Another => self.give_way_to(said),
            // Only a technician knows whether it comes back.
            Whose::AnothersEnd if is_looking && !claims => self.give_way_to(said),
            // It stands there instead of what we said.
            Whose::AnothersEnd | Whose::OwnEnd if !is_looking => self.publish_state(Presence::Online),
            Whose::OwnEnd if said.instance != Some(self.shared.instance) => {
                self.shared.before = self.shared.before.max(said.session);
                Ok(())
            }
            Whose::AnothersEnd | Whose::OwnEnd | Whose::Own => Ok(()),
        }
    }

    /// Leaves without a word, or whoever looks would take it for the other's; and without the will.
    fn give_way_to(&mut self, said: StateHeard) -> Result<(), Ended> {
        let StateHeard { version, epoch, .. } = said;
        self.shared.rival = Some(Trouble::AnotherAgent { version, epoch });
        self.say_good_bye()
    }

    pub(super) fn publish_state(&mut self, presence: Presence) -> Result<(), Ended> {
        let payload = state(&self.shared, self.session, presence);
        let properties =
            PublishProperties { content_type: Some("application/json".into()), ..PublishProperties::default() };
        self.publish(self.shared.topics.state_agent(), true, payload, properties, Flight::State)
    }
}
