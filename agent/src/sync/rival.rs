//! Whether another agent serves this site, told by what stands in `state/agent`.
//!
//! Two boards of one site would tell the platform two stories. Whoever comes second sees the state of the first before it has
//! said anything, and stays away until a technician claims the site; the first hears of the second only after that, and
//! stays away in turn. What is of this file's own past never counts: its earlier epochs, its last life, a will that comes late,
//! and epochs that it had before an older copy was put back.

use crate::contract::state::{Presence, StateHeard};
use crate::journal::Epoch;

/// What of this agent's own may stand there.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    /// Of its file, all of them.
    pub epochs: &'a [Epoch],
    /// The connection's. They grow with each connection and each start of a file.
    pub session: u64,
    /// The session in which this process last said `online`.
    pub said_in: Option<u64>,
}

/// Whose state it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Ours,
    /// This site's agent as it stands there is gone: one of this file's own lives, or another agent that has left.
    Gone {
        ours: bool,
    },
    /// Another agent is there.
    Another,
}

impl Own<'_> {
    /// Whose state `said` is.
    #[must_use]
    pub fn whose(&self, said: &StateHeard) -> Whose {
        let is_known = self.epochs.iter().any(|epoch| epoch.id == said.epoch);
        let is_related = said.origin.is_some() && said.origin == self.epochs.first().map(|epoch| epoch.id);
        match said.state {
            Presence::Offline | Presence::Lost => Whose::Gone { ours: is_known || is_related },
            Presence::Online if !is_known => Whose::Another,
            // Of a copy of this file that was started elsewhere: it counts its connections for itself.
            Presence::Online if self.said_in.map_or(self.session <= said.session, |own| own != said.session) => {
                Whose::Another
            }
            Presence::Online => Whose::Ours,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const EPOCHS: [Epoch; 2] = [Epoch { id: Uuid::from_u128(1), base: 0 }, Epoch { id: Uuid::from_u128(2), base: 40 }];

    fn whose(session: u64, said_in: Option<u64>, state: Presence, epoch: u128, of_session: u64) -> Whose {
        of_origin(None, session, said_in, state, epoch, of_session)
    }

    fn of_origin(
        origin: Option<u128>,
        session: u64,
        said_in: Option<u64>,
        state: Presence,
        epoch: u128,
        of_session: u64,
    ) -> Whose {
        let (epoch, origin) = (Uuid::from_u128(epoch), origin.map(Uuid::from_u128));
        let said = StateHeard { state, epoch, origin, session: of_session, version: "0.1.0".into() };
        Own { epochs: &EPOCHS, session, said_in }.whose(&said)
    }

    #[test]
    fn knows_what_went_on_before_an_older_copy_was_put_back() {
        let session = 3_000_001;
        for gone in [Presence::Offline, Presence::Lost] {
            assert_eq!(of_origin(Some(1), session, None, gone, 9, 5_000_001), Whose::Gone { ours: true });
            assert_eq!(of_origin(Some(8), session, None, gone, 9, 5_000_001), Whose::Gone { ours: false });
        }
        let online = of_origin(Some(1), session, None, Presence::Online, 9, 1_000_001);
        assert_eq!(online, Whose::Another, "a copy of this file that goes on elsewhere");
    }

    #[test]
    fn knows_its_own_past() {
        for epoch in [1, 2] {
            for said_in in [None, Some(3_000_001)] {
                for gone in [Presence::Offline, Presence::Lost] {
                    for of_session in [2_000_009, 3_000_001, 3_000_002, 9_000_000] {
                        let is = whose(3_000_002, said_in, gone, epoch, of_session);
                        assert_eq!(is, Whose::Gone { ours: true }, "{epoch} {said_in:?} {of_session}");
                    }
                }
            }
            assert_eq!(whose(3_000_001, None, Presence::Online, epoch, 2_000_009), Whose::Ours, "its last life");
            assert_eq!(whose(3_000_002, Some(3_000_001), Presence::Online, epoch, 3_000_001), Whose::Ours);
            assert_eq!(whose(3_000_002, Some(3_000_002), Presence::Online, epoch, 3_000_002), Whose::Ours, "an echo");
        }
    }

    #[test]
    fn knows_another_agent_and_a_copy_of_its_own_file() {
        for (said_in, of_session) in [(None, 1_000_001), (Some(3_000_002), 3_000_002), (None, 9_000_000)] {
            assert_eq!(whose(3_000_002, said_in, Presence::Online, 9, of_session), Whose::Another);
        }
        assert_eq!(whose(3_000_002, None, Presence::Lost, 9, 1), Whose::Gone { ours: false });
        for epoch in [1, 2] {
            assert_eq!(whose(3_000_001, None, Presence::Online, epoch, 3_000_001), Whose::Another, "started as often");
            assert_eq!(whose(3_000_001, None, Presence::Online, epoch, 4_000_001), Whose::Another);
            for of_session in [2_000_001, 3_000_001, 3_000_003, 4_000_001] {
                let is = whose(3_000_002, Some(3_000_002), Presence::Online, epoch, of_session);
                assert_eq!(is, Whose::Another, "{of_session}");
            }
        }
    }
}
