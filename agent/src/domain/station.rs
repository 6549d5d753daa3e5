//! A station: what staff are doing there now. Survives a restart.

use super::name::{ManifestId, OrderId, StationId};

/// A bench or door and its context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Station {
    pub id: StationId,
    pub mode: Mode,
    pub work: Work,
    /// The order that was put down here last: `DONE` offers others before it.
    pub put_down: Option<OrderId>,
}

/// What kind of work scans mean here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In single-step flow the same as [`Mode::Pack`]: one scan picks and packs.
    Pick,
    Pack,
    Load,
}

impl Mode {
    /// The word for it in configuration and interfaces.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pick => "pick",
            Self::Pack => "pack",
            Self::Load => "load",
        }
    }

    /// The mode of `word`.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        [Self::Pick, Self::Pack, Self::Load].into_iter().find(|mode| mode.word() == word)
    }
}

/// What is open at a station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    Idle,
    Order(OrderId),
    /// `hand_over_asked`: `HANDOVER` was scanned while sealed parcels were missing; a second one closes.
    Manifest {
        id: ManifestId,
        hand_over_asked: bool,
    },
}

impl Station {
    /// A station at the start of its life.
    #[must_use]
    pub fn idle(id: StationId, mode: Mode) -> Self {
        Self { id, mode, work: Work::Idle, put_down: None }
    }
}
