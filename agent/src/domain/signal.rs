//! The answer to a scan: one of ten signals, and what a screen needs to say more.

use super::name::{OrderNumber, StationId};

/// What staff hear and see. Sent when the transaction is on disk, never before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// The scan counted.
    Accepted,
    /// It finished the order, parcel or manifest.
    Completed,
    /// An order or a mode was opened.
    Opened,
    /// Not on this order, or another carrier's parcel.
    Wrong,
    /// One more than the order has.
    Over,
    /// Done before; perhaps the last scan again.
    Already,
    /// Nobody knows this code.
    Unknown,
    /// Known, and not allowed now.
    Refused,
    /// The storage can't take it.
    NotSaved,
    /// Bounce: the scanner gets its acknowledgement, people get nothing.
    Silent,
}

impl Signal {
    /// Every signal.
    pub const ALL: [Self; 10] = [
        Self::Accepted,
        Self::Completed,
        Self::Opened,
        Self::Wrong,
        Self::Over,
        Self::Already,
        Self::Unknown,
        Self::Refused,
        Self::NotSaved,
        Self::Silent,
    ];

    /// The word for it in interfaces.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Completed => "completed",
            Self::Opened => "opened",
            Self::Wrong => "wrong",
            Self::Over => "over",
            Self::Already => "already",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
            Self::NotSaved => "not_saved",
            Self::Silent => "silent",
        }
    }

    /// Whether the scan counted as work done.
    #[must_use]
    pub fn counts(self) -> bool {
        matches!(self, Self::Accepted | Self::Completed)
    }
}

/// A signal and the few facts that a screen shows with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub signal: Signal,
    /// The order it was about.
    pub order: Option<OrderNumber>,
    /// The item, parcel or code it was about, for people.
    pub item: Option<Box<str>>,
    /// Units done of units wanted.
    pub progress: Option<(u32, u32)>,
    /// Why not.
    pub reason: Option<Reason>,
    /// What would have been right, for people; at most [`EXPECTED_MAX`] names.
    pub expected: Vec<Box<str>>,
}

/// More than this many expected items help nobody who holds one in the hand.
pub const EXPECTED_MAX: usize = 5;

impl Answer {
    /// Just a signal.
    #[must_use]
    pub fn new(signal: Signal) -> Self {
        Self { signal, order: None, item: None, progress: None, reason: None, expected: Vec::new() }
    }

    /// A refusal or a wrong scan with its reason.
    #[must_use]
    pub fn because(signal: Signal, reason: Reason) -> Self {
        Self { reason: Some(reason), ..Self::new(signal) }
    }

    #[must_use]
    pub fn order(mut self, number: &OrderNumber) -> Self {
        self.order = Some(number.clone());
        self
    }

    #[must_use]
    pub fn item(mut self, item: &str) -> Self {
        self.item = Some(item.into());
        self
    }

    #[must_use]
    pub fn progress(mut self, done: u32, of: u32) -> Self {
        self.progress = Some((done, of));
        self
    }
}

/// Why a scan did not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The order was cancelled.
    Cancelled,
    /// The order came from an older copy of the database and waits for the platform to put it again.
    AwaitsPlatform,
    /// Another station has the order open.
    OpenElsewhere(StationId),
    /// An item without an order open here.
    NoOrderOpen,
    /// Another order is open here with units in it: put it down first.
    OrderOpen(OrderNumber),
    /// The item is on no line of this order.
    NotOnOrder,
    /// The line has all its units.
    LineComplete,
    /// The order or parcel was finished before.
    Finished,
    /// The same code as before the restart, whose answer may have been lost.
    PerhapsCounted,
    /// The parcel goes with another carrier.
    OtherCarrier,
    /// The parcel is not for a carrier.
    NotForCarrier,
    /// So many parcels of this collection are sealed and not loaded; handing over again leaves them here.
    ParcelsLeft(u32),
    /// A loaded parcel must come out first.
    TakeOut(Box<str>),
    /// Nothing has been packed or loaded that could be closed.
    NothingToClose,
    /// Nothing waits to be packed.
    NothingWaits,
    /// The order still lacks units.
    Incomplete,
    /// A command barcode whose check is not this site's.
    CheckFailed,
    /// This does not belong to the station's mode.
    OtherMode,
    /// Nobody knows this code.
    UnknownCode,
    /// The storage can't take it.
    Storage,
}

impl Reason {
    /// The word for it in interfaces.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::AwaitsPlatform => "awaits_platform",
            Self::OpenElsewhere(_) => "open_elsewhere",
            Self::NoOrderOpen => "no_order_open",
            Self::OrderOpen(_) => "order_open",
            Self::NotOnOrder => "not_on_order",
            Self::LineComplete => "line_complete",
            Self::Finished => "finished",
            Self::PerhapsCounted => "perhaps_counted",
            Self::OtherCarrier => "other_carrier",
            Self::NotForCarrier => "not_for_carrier",
            Self::ParcelsLeft(_) => "parcels_left",
            Self::TakeOut(_) => "take_out",
            Self::NothingToClose => "nothing_to_close",
            Self::NothingWaits => "nothing_waits",
            Self::Incomplete => "incomplete",
            Self::CheckFailed => "check_failed",
            Self::OtherMode => "other_mode",
            Self::UnknownCode => "unknown_code",
            Self::Storage => "storage",
        }
    }

    /// One plain sentence for a technician or a terminal.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Cancelled => "the order was cancelled".into(),
            Self::AwaitsPlatform => "the order waits for the platform to send it again".into(),
            Self::OpenElsewhere(station) => format!("the order is open at {station}"),
            Self::NoOrderOpen => "no order is open here: scan an order or DONE first".into(),
            Self::OrderOpen(number) => format!("order {number} is open here: put it down with DONE first"),
            Self::NotOnOrder => "the item is not on this order".into(),
            Self::LineComplete => "the order has all it needs of this item".into(),
            Self::Finished => "this was finished before".into(),
            Self::PerhapsCounted => "perhaps the last scan before the restart again: scan once more to count it".into(),
            Self::OtherCarrier => "the parcel goes with another carrier".into(),
            Self::NotForCarrier => "the order goes with no carrier".into(),
            Self::ParcelsLeft(left) => format!("{left} sealed and not loaded: HANDOVER again leaves them here"),
            Self::TakeOut(parcel) => format!("take out parcel {parcel}: its order was cancelled"),
            Self::NothingToClose => "there is nothing to close".into(),
            Self::NothingWaits => "no order waits".into(),
            Self::Incomplete => "the order still lacks items".into(),
            Self::CheckFailed => "this command barcode is not this site's".into(),
            Self::OtherMode => "that is not done in this mode".into(),
            Self::UnknownCode => "nobody knows this code".into(),
            Self::Storage => "the storage can't take it: stop and call a technician".into(),
        }
    }
}
