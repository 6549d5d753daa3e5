//! A station: what staff are doing there now. Survives a restart.

use super::code::{Condition, Reading, Values};
use super::event::{Event, SignOut};
use super::name::{BinId, LineId, ManifestId, OperatorId, OrderId, ProductCode, ReturnId, Sku, StationId, ToteId};
use super::returns::Returned;
use std::sync::Arc;
use std::time::Duration;

/// A bench or door and its context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Station {
    pub id: StationId,
    pub mode: Mode,
    pub work: Work,
    /// What was begun and the next scan finishes.
    pub pending: Option<Pending>,
    /// The place on the shelf that was scanned last.
    pub bin: Option<BinId>,
    /// The order that was put down here last: `DONE` offers others before it.
    pub put_down: Option<OrderId>,
    /// What was counted here last: what `UNDO` negates.
    pub last: Option<Counted>,
    /// The parcel that was sealed here last: a label that is scanned belongs to it.
    pub sealed: Option<(OrderId, u32)>,
    pub operator: Option<OperatorId>,
    /// The site's running time, in seconds, at which the operator scanned last; to [`ACTIVE_STEP_S`].
    pub active_s: u64,
}

/// What kind of work scans mean here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In single-step flow the same as [`Mode::Pack`]: one scan picks and packs.
    Pick,
    Pack,
    Load,
    Return,
    Count,
    Receive,
}

impl Mode {
    /// Every mode, with the word for it in configuration and interfaces.
    pub const WORDS: [(&str, Self); 6] = [
        ("pick", Self::Pick),
        ("pack", Self::Pack),
        ("load", Self::Load),
        ("return", Self::Return),
        ("count", Self::Count),
        ("receive", Self::Receive),
    ];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize].0
    }

    /// Whether orders are worked on in it.
    #[must_use]
    pub fn is_bench(self) -> bool {
        matches!(self, Self::Pick | Self::Pack)
    }

    /// The mode of `word`.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, mode)| *mode)
    }
}

/// What is open at a station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    Idle,
    Order(OrderId),
    /// Several orders at once, each in its tote.
    Round(Vec<(ToteId, OrderId)>),
    /// `hand_over_asked`: `HANDOVER` was scanned while sealed parcels were missing; a second one closes.
    Manifest {
        id: ManifestId,
        hand_over_asked: bool,
    },
    /// A pick-up order whose customer is here.
    Collect(OrderId),
    Return(ReturnId),
    /// Goods of a cancelled or changed order, on their way back to the shelf.
    PutBack(OrderId),
    /// A count or a receipt that is not written yet.
    Tally(Vec<Tally>),
}

/// How many units of one product have been counted or received so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    pub sku: Sku,
    pub name: Arc<str>,
    pub units: u32,
    /// What was on hand by the books when it was counted last.
    pub expected: i64,
    pub bin: Option<BinId>,
}

/// What was begun: the next scan finishes it, `CANCEL` drops it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pending {
    /// A tote that waits for its order.
    Tote(ToteId),
    /// `TAKE` waits for what to take over.
    Take,
    /// A unit that lacks a value, or the tote that it goes into.
    Unit(Unit),
    /// `SHORT` waits for the item, then for the reason; `found` units of it are on hand after all.
    Short { of: Option<(OrderId, LineId)>, found: Option<u32> },
    /// `REMOVE` waits for the item, or for the serial of the unit.
    Remove(Option<(OrderId, LineId)>),
    /// A returned item waits for its condition.
    Condition(Returned),
    /// A pick-up order's parcel waits for its place.
    Place { order: OrderId, parcel: u32 },
    /// A parcel that had been handed over was scanned: `R-LEFT-BEHIND` says that it is still here.
    Found { order: OrderId, parcel: u32 },
}

/// A unit, or a case of them, on its way to being counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    pub order: OrderId,
    pub line: LineId,
    pub code: ProductCode,
    pub units: u32,
    pub values: Values,
    /// A person named the line instead of scanning the item.
    pub by_hand: bool,
    /// It counts when this tote is scanned.
    pub tote: Option<ToteId>,
}

/// What was counted last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counted {
    /// `closed`: they were the last ones, and sealed the parcel or ended the picking.
    Units {
        order: OrderId,
        line: LineId,
        units: u32,
        step: Step,
        closed: bool,
    },
    Sealed {
        order: OrderId,
        parcel: u32,
    },
    /// `delta`: what `UNDO` takes back of the stock. `revision`: the order's then; at a newer one the platform has spoken
    /// since.
    Short {
        order: OrderId,
        line: LineId,
        units: u32,
        delta: i64,
        closed: bool,
        revision: u32,
    },
    /// A unit that was taken out and is back on the shelf, unless `R-DAMAGED` follows.
    Removed {
        order: OrderId,
        sku: Sku,
    },
    Loaded {
        order: OrderId,
        parcel: u32,
    },
    Inspected {
        id: ReturnId,
        item: Returned,
        condition: Condition,
    },
    Tallied {
        sku: Sku,
        units: u32,
    },
}

impl Counted {
    /// The order that it was about.
    #[must_use]
    pub fn order(&self) -> Option<&OrderId> {
        match self {
            Self::Units { order, .. }
            | Self::Sealed { order, .. }
            | Self::Short { order, .. }
            | Self::Removed { order, .. }
            | Self::Loaded { order, .. } => Some(order),
            Self::Inspected { .. } | Self::Tallied { .. } => None,
        }
    }
}

/// What one scan of an item does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Pick,
    Pack,
    /// Picks and packs at once.
    Both,
}

/// Operators' last scans are remembered to this many seconds, so that most scans leave the station's row alone.
pub const ACTIVE_STEP_S: u64 = 30;

impl Station {
    /// A station at the start of its life.
    #[must_use]
    pub fn idle(id: StationId, mode: Mode) -> Self {
        Self {
            id,
            mode,
            work: Work::Idle,
            pending: None,
            bin: None,
            put_down: None,
            last: None,
            sealed: None,
            operator: None,
            active_s: 0,
        }
    }

    /// The same station at its beginning in `mode`; who works here stays.
    #[must_use]
    pub fn anew_in(&self, mode: Mode) -> Self {
        Self { operator: self.operator.clone(), active_s: self.active_s, ..Self::idle(self.id.clone(), mode) }
    }

    /// Whether something is counted or received that `DONE` has not written yet.
    #[must_use]
    pub fn has_unwritten(&self) -> bool {
        matches!(&self.work, Work::Tally(lines) if !lines.is_empty())
    }

    /// Lays down whatever is open and begun; who works here stays, and so does what was counted last.
    pub fn lay_down(&mut self) {
        self.work = Work::Idle;
        self.pending = None;
        self.bin = None;
    }

    /// Whether `order` is open here, alone or in a round.
    #[must_use]
    pub fn has_open(&self, order: &OrderId) -> bool {
        match &self.work {
            Work::Order(open) | Work::Collect(open) | Work::PutBack(open) => open == order,
            Work::Round(totes) => totes.iter().any(|(_, open)| open == order),
            Work::Idle | Work::Manifest { .. } | Work::Return(_) | Work::Tally(_) => false,
        }
    }

    /// Another station takes `order` over: it is no longer open here, and can't be undone here.
    pub fn give_up(&mut self, order: &OrderId) {
        if let Work::Round(totes) = &mut self.work {
            totes.retain(|(_, open)| open != order);
        }
        if self.has_open(order) || matches!(&self.work, Work::Round(totes) if totes.is_empty()) {
            self.lay_down();
        }
        self.pending = self.pending.take().filter(|pending| pending.order() != Some(order));
        self.last = self.last.take().filter(|last| last.order() != Some(order));
        self.sealed = self.sealed.take().filter(|(sealed, _)| sealed != order);
    }

    /// Signs an operator out who has not scanned for so long.
    #[must_use]
    pub fn signed_out_if_idle(&self, idle_sign_out: Duration, uptime_s: u64) -> Option<(Self, Event)> {
        let operator = self.operator.clone()?;
        let idle = uptime_s.saturating_sub(self.active_s);
        (idle_sign_out.as_secs() <= idle).then(|| {
            let out = Event::OperatorOut { operator, cause: SignOut::Idle };
            (Self { operator: None, ..self.clone() }, out)
        })
    }
}

impl Pending {
    /// The order that it is about.
    #[must_use]
    pub fn order(&self) -> Option<&OrderId> {
        match self {
            Self::Unit(unit) => Some(&unit.order),
            Self::Short { of, .. } | Self::Remove(of) => of.as_ref().map(|(order, _)| order),
            Self::Place { order, .. } | Self::Found { order, .. } => Some(order),
            Self::Tote(_) | Self::Take | Self::Condition(_) => None,
        }
    }
}

impl Unit {
    /// The unit of `line` that a code was read from.
    #[must_use]
    pub fn read(order: OrderId, line: LineId, reading: Reading) -> Self {
        let Reading { code, units, values } = reading;
        Self { order, line, code, units, values, by_hand: false, tote: None }
    }
}
