//! Whether another agent serves this site, told by what stands in `state/agent`.
//!
//! Two boards of one site would tell the platform two stories. Whoever comes second sees the state of the first before it has
//! said anything, and stays away until a technician claims the site; the first hears of the second only after that, and
//! stays away in turn. What is of this database's own past never counts: earlier epochs and starts, a will that comes late,
//! what a broker has restored, and what went on before an older copy was put back.

use crate::contract::state::{Presence, StateHeard};
use crate::journal::Epoch;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// What this agent is known by.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    /// Of its database, all that it has known.
    pub epochs: &'a [Epoch],
    /// The database, whatever becomes of it.
    pub origin: Uuid,
    /// The running agent.
    pub instance: Uuid,
    /// The last session that an earlier start of the database can have had.
    pub before: u64,
    /// A broker has taken its `online` since its start.
    pub has_served: bool,
}

/// Whose state it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Of this agent, or of an earlier start of its database.
    Own,
    /// The same, and it says that it is gone.
    OwnEnd,
    /// Another agent is there.
    Another,
    /// Another agent was there last.
    AnothersEnd,
}

impl Own<'_> {
    /// Whose state `said` is. `retained`: it stood there before anybody asked.
    #[must_use]
    pub fn whose(&self, said: &StateHeard, retained: bool) -> Whose {
        let is_gone = said.state != Presence::Online;
        let is_past = said.session <= self.before;
        let is_related = said.origin == Some(self.origin) || self.epochs.iter().any(|epoch| epoch.id == said.epoch);
        let is_own = said.instance == Some(self.instance)
            || is_related
                && match said.state {
                    // Nobody but a copy of the database says so while this agent is there. Before that it may be what an agent
                    // said last that was killed: the broker had it still on its way.
                    Presence::Online => is_past && (retained || !self.has_served),
                    // Of an older copy's past the sessions are later ones; of a copy that has served in the meantime, too.
                    Presence::Offline | Presence::Lost => is_past || !self.has_served,
                };
        match (is_own, is_gone) {
            (true, false) => Whose::Own,
            (true, true) => Whose::OwnEnd,
            (false, false) => Whose::Another,
            (false, true) => Whose::AnothersEnd,
        }
    }
}

/// What a database is known by: it is never without the key of its site's barcodes, whatever is lost of it.
#[must_use]
pub fn origin(site_key: &[u8]) -> Uuid {
    let digest = Sha256::new_with_prefix(b"parceld origin ").chain_update(site_key).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Presence::{Lost, Offline, Online};

    const EPOCHS: [Epoch; 2] = [Epoch { id: Uuid::from_u128(1), base: 0 }, Epoch { id: Uuid::from_u128(2), base: 40 }];
    const ORIGIN: u128 = 10;
    const INSTANCE: u128 = 20;
    /// The third start of the database.
    const BEFORE: u64 = 3_000_000;

    /// `epoch`, `origin` and `instance` of what is said; 0 where it isn't said.
    fn whose(has_served: bool, said: (Presence, u128, u128, u128, u64), retained: bool) -> Whose {
        let (state, epoch, origin, instance, session) = said;
        let id = |id: u128| (id != 0).then(|| Uuid::from_u128(id));
        let (epoch, origin, instance) = (Uuid::from_u128(epoch), id(origin), id(instance));
        let said = StateHeard { state, epoch, origin, instance, session, version: "0.1.0".into() };
        let (own_origin, own_instance) = (Uuid::from_u128(ORIGIN), Uuid::from_u128(INSTANCE));
        let own = Own { epochs: &EPOCHS, origin: own_origin, instance: own_instance, before: BEFORE, has_served };
        own.whose(&said, retained)
    }

    #[test]
    fn what_this_agent_has_said_is_its_own_in_whichever_session() {
        for retained in [true, false] {
            for session in [3_000_001, 3_000_002, 3_000_009] {
                for (state, is) in [(Online, Whose::Own), (Offline, Whose::OwnEnd), (Lost, Whose::OwnEnd)] {
                    assert_eq!(whose(true, (state, 2, ORIGIN, INSTANCE, session), retained), is, "{session}");
                }
            }
        }
    }

    #[test]
    fn earlier_starts_of_the_database_are_its_own_also_of_versions_that_said_less() {
        for has_served in [true, false] {
            for (epoch, origin, instance) in [(1, ORIGIN, 21), (2, ORIGIN, 21), (9, ORIGIN, 21), (2, 0, 0)] {
                let said = |state| (state, epoch, origin, instance, 2_000_007);
                // A kill, or a broker that was restored and forgot what was said since.
                assert_eq!(whose(has_served, said(Online), true), Whose::Own, "{epoch}");
                assert_eq!(whose(false, said(Online), false), Whose::Own, "on its way when it was killed: {epoch}");
                assert_eq!(whose(has_served, said(Lost), true), Whose::OwnEnd, "{epoch}");
                assert_eq!(whose(has_served, said(Lost), false), Whose::OwnEnd, "a late will: {epoch}");
            }
        }
    }

    #[test]
    fn an_older_copy_knows_what_went_on_before_it_was_put_back() {
        for gone in [Offline, Lost] {
            assert_eq!(whose(false, (gone, 9, ORIGIN, 21, 5_000_001), true), Whose::OwnEnd);
            assert_eq!(whose(false, (gone, 2, ORIGIN, 21, 5_000_001), true), Whose::OwnEnd);
        }
    }

    #[test]
    fn another_boards_database_is_anothers_whatever_it_says() {
        for has_served in [true, false] {
            for retained in [true, false] {
                for session in [1, 1_000_001, 3_000_001, 9_000_000] {
                    for (epoch, origin, instance) in [(9, 11, 21), (9, 0, 0)] {
                        let is = |state| whose(has_served, (state, epoch, origin, instance, session), retained);
                        assert_eq!(is(Online), Whose::Another);
                        assert_eq!([is(Lost), is(Offline)], [Whose::AnothersEnd; 2]);
                    }
                }
            }
        }
    }

    #[test]
    fn a_copy_of_the_database_that_runs_elsewhere_is_anothers() {
        for epoch in [2, 9] {
            for session in [1_000_001, 3_000_001, 3_000_002, 9_000_001] {
                let live = whose(true, (Online, epoch, ORIGIN, 21, session), false);
                assert_eq!(live, Whose::Another, "it says so now: {epoch} {session}");
            }
            for session in [3_000_001, 3_000_002, 9_000_001] {
                for has_served in [true, false] {
                    assert_eq!(whose(has_served, (Online, epoch, ORIGIN, 21, session), true), Whose::Another);
                }
                // Its will, where the broker publishes it as this agent takes its session.
                assert_eq!(whose(true, (Lost, epoch, ORIGIN, 21, session), true), Whose::AnothersEnd);
            }
        }
    }

    #[test]
    fn a_databases_origin_is_its_site_keys_and_tells_nothing_of_it() {
        let (one, other) = (origin(&[7; 16]), origin(&[8; 16]));
        assert_ne!(one, other);
        assert_eq!((one, one.get_version_num()), (origin(&[7; 16]), 8));
    }
}
