//! The answer to a scan: one of ten signals, and what a screen needs to say more.

use super::name::{BinId, OrderNumber, StationId, ToteId};

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
    /// What the next scan must be, where something was begun.
    pub ask: Option<Ask>,
}

/// What the next scan must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    Item,
    Order,
    /// Why it is short.
    Cause,
    /// How the returned item is.
    Condition,
    Serial,
    Lot,
    Expiry,
    /// Any place.
    Place,
    /// This place.
    Bin(BinId),
    /// This tote.
    Tote(ToteId),
    /// The parcel's label.
    Label,
    /// `HANDOVER`.
    HandOver,
}

impl Ask {
    /// The word for it in interfaces.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Item => "item",
            Self::Order => "order",
            Self::Cause => "cause",
            Self::Condition => "condition",
            Self::Serial => "serial",
            Self::Lot => "lot",
            Self::Expiry => "expiry",
            Self::Place => "place",
            Self::Bin(_) => "bin",
            Self::Tote(_) => "tote",
            Self::Label => "label",
            Self::HandOver => "handover",
        }
    }

    /// The place or the tote that is meant, where it is a certain one.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Bin(bin) => Some(bin.to_string()),
            Self::Tote(tote) => Some(tote.to_string()),
            _ => None,
        }
    }

    /// What to scan, in plain words for a technician or a terminal.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Item => "scan the item".into(),
            Self::Order => "scan the order".into(),
            Self::Cause => "scan the reason".into(),
            Self::Condition => "scan the condition".into(),
            Self::Serial => "scan the serial number".into(),
            Self::Lot => "scan the lot".into(),
            Self::Expiry => "scan the expiry date".into(),
            Self::Place => "scan its place".into(),
            Self::Bin(bin) => format!("scan place {bin}"),
            Self::Tote(tote) => format!("scan tote {tote}"),
            Self::Label => "put a label on the parcel and scan it".into(),
            Self::HandOver => "scan HANDOVER".into(),
        }
    }
}

/// More than this many expected items help nobody who holds one in the hand.
pub const EXPECTED_MAX: usize = 5;

impl Answer {
    /// Just a signal.
    #[must_use]
    pub fn new(signal: Signal) -> Self {
        Self { signal, order: None, item: None, progress: None, reason: None, expected: Vec::new(), ask: None }
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

    #[must_use]
    pub fn ask(mut self, ask: Ask) -> Self {
        self.ask = Some(ask);
        self
    }

    #[must_use]
    pub fn expected(mut self, expected: impl IntoIterator<Item = Box<str>>) -> Self {
        self.expected = expected.into_iter().take(EXPECTED_MAX).collect();
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
    /// The order is on hold.
    OnHold,
    /// Nobody is signed in at a station that wants to know who works there.
    NotSignedIn,
    /// The order is still being picked, or nobody has begun.
    NotPicked,
    /// The item is to be taken from another place.
    WrongBin(BinId),
    /// The unit goes into another tote.
    WrongTote(ToteId),
    /// The tote holds another order.
    ToteInUse(OrderNumber),
    /// The tote holds no order.
    EmptyTote,
    /// No more orders fit into the round.
    RoundFull,
    /// An order in a round needs its tote.
    WantsTote,
    /// The label on the parcel is void.
    Relabel,
    /// The carrier wants its own label on it.
    NoLabel,
    /// No printer belongs to the station.
    NoPrinter,
    /// What was counted last can't be taken back any more, or nothing was.
    NothingToUndo,
    /// The serial number is in a parcel already.
    SerialUsed,
    /// The item's expiry is in the past.
    Expired,
    /// What was scanned is not the value that was asked for.
    Unfit,
    /// A case, where each unit's serial is recorded.
    OneByOne,
    /// Something must come out that the order no longer wants.
    PutBack(Box<str>),
    /// A count or receipt is not written yet.
    Unwritten,
    /// A list has all that it can hold.
    Full,
    /// The customer's order is not packed.
    NotReady,
    /// Nobody knows this code.
    UnknownCode,
    /// The station is no longer in the configuration.
    NoStation,
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
            Self::OnHold => "on_hold",
            Self::NotSignedIn => "not_signed_in",
            Self::NotPicked => "not_picked",
            Self::WrongBin(_) => "wrong_bin",
            Self::WrongTote(_) => "wrong_tote",
            Self::ToteInUse(_) => "tote_in_use",
            Self::EmptyTote => "empty_tote",
            Self::RoundFull => "round_full",
            Self::WantsTote => "wants_tote",
            Self::Relabel => "relabel",
            Self::NoLabel => "no_label",
            Self::NoPrinter => "no_printer",
            Self::NothingToUndo => "nothing_to_undo",
            Self::SerialUsed => "serial_used",
            Self::Expired => "expired",
            Self::Unfit => "unfit",
            Self::OneByOne => "one_by_one",
            Self::PutBack(_) => "put_back",
            Self::Unwritten => "unwritten",
            Self::Full => "full",
            Self::NotReady => "not_ready",
            Self::UnknownCode => "unknown_code",
            Self::NoStation => "no_station",
            Self::Storage => "storage",
        }
    }

    /// What the reason names, where it names something: a station, an order, a place, a tote, a parcel, a number.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::OpenElsewhere(station) => Some(station.to_string()),
            Self::OrderOpen(number) | Self::ToteInUse(number) => Some(number.to_string()),
            Self::ParcelsLeft(left) => Some(left.to_string()),
            Self::TakeOut(parcel) => Some(parcel.to_string()),
            Self::WrongBin(bin) => Some(bin.to_string()),
            Self::WrongTote(tote) => Some(tote.to_string()),
            Self::PutBack(item) => Some(item.to_string()),
            _ => None,
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
            Self::PerhapsCounted => {
                "perhaps it was counted before: look at what is there, and scan once more to count it".into()
            }
            Self::OtherCarrier => "the parcel goes with another carrier".into(),
            Self::NotForCarrier => "the order goes with no carrier".into(),
            Self::ParcelsLeft(left) => format!("{left} sealed and not loaded: HANDOVER again leaves them here"),
            Self::TakeOut(parcel) => format!("take out parcel {parcel}: it must not leave"),
            Self::NothingToClose => "there is nothing to close".into(),
            Self::NothingWaits => "no order waits".into(),
            Self::Incomplete => "the order still lacks items".into(),
            Self::CheckFailed => "this command barcode is not this site's".into(),
            Self::OtherMode => "that is not done in this mode".into(),
            Self::OnHold => "the order is on hold".into(),
            Self::NotSignedIn => "nobody is signed in: scan your badge first".into(),
            Self::NotPicked => "the order has not been picked yet".into(),
            Self::WrongBin(what) => format!("the item lies elsewhere: {what}"),
            Self::WrongTote(what) => format!("that is another tote: this goes into {what}"),
            Self::ToteInUse(what) => format!("the tote holds order {what}"),
            Self::EmptyTote => "the tote holds no order".into(),
            Self::RoundFull => "the round is full: pick what is in it".into(),
            Self::WantsTote => "scan the tote first, then the order".into(),
            Self::Relabel => "the label is void: it needs a new one".into(),
            Self::NoLabel => "the parcel does not carry its carrier's label yet".into(),
            Self::NoPrinter => "this station has no printer".into(),
            Self::NothingToUndo => "there is nothing to undo".into(),
            Self::SerialUsed => "this serial number was packed before".into(),
            Self::Expired => "the item has expired".into(),
            Self::Unfit => "that is not what was asked for".into(),
            Self::OneByOne => "scan each unit: its serial number is recorded".into(),
            Self::PutBack(what) => format!("take {what} out: the order no longer wants it"),
            Self::Unwritten => "DONE writes the count first, CANCEL drops it".into(),
            Self::Full => "there is no room for more: finish this first".into(),
            Self::NotReady => "the order is not ready for its customer".into(),
            Self::UnknownCode => "nobody knows this code".into(),
            Self::NoStation => "this station was taken out of the configuration".into(),
            Self::Storage => "the storage can't take it: stop and call a technician".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The words are an interface, and the sentence tells what the detail names.
    #[track_caller]
    fn check(word: &str, detail: Option<&str>, is: (&str, Option<String>, String)) {
        let (found, named, sentence) = is;
        assert_eq!((found, named.as_deref()), (word, detail));
        assert!(detail.is_none_or(|detail| sentence.contains(detail)), "{word}: {sentence:?}");
        assert!(sentence.len() > 3 && !sentence.ends_with('.') && sentence.trim() == sentence, "{word}: {sentence:?}");
    }

    #[test]
    fn every_reason_has_its_word_and_a_sentence_that_names_what_it_is_about() {
        let reasons = [
            (Reason::Cancelled, "cancelled", None),
            (Reason::AwaitsPlatform, "awaits_platform", None),
            (Reason::OpenElsewhere("bench-2".into()), "open_elsewhere", Some("bench-2")),
            (Reason::NoOrderOpen, "no_order_open", None),
            (Reason::OrderOpen("10042".into()), "order_open", Some("10042")),
            (Reason::NotOnOrder, "not_on_order", None),
            (Reason::LineComplete, "line_complete", None),
            (Reason::Finished, "finished", None),
            (Reason::PerhapsCounted, "perhaps_counted", None),
            (Reason::OtherCarrier, "other_carrier", None),
            (Reason::NotForCarrier, "not_for_carrier", None),
            (Reason::ParcelsLeft(7), "parcels_left", Some("7")),
            (Reason::TakeOut("10042/1".into()), "take_out", Some("10042/1")),
            (Reason::NothingToClose, "nothing_to_close", None),
            (Reason::NothingWaits, "nothing_waits", None),
            (Reason::Incomplete, "incomplete", None),
            (Reason::CheckFailed, "check_failed", None),
            (Reason::OtherMode, "other_mode", None),
            (Reason::OnHold, "on_hold", None),
            (Reason::NotSignedIn, "not_signed_in", None),
            (Reason::NotPicked, "not_picked", None),
            (Reason::WrongBin("A-01".into()), "wrong_bin", Some("A-01")),
            (Reason::WrongTote("T7".into()), "wrong_tote", Some("T7")),
            (Reason::ToteInUse("10043".into()), "tote_in_use", Some("10043")),
            (Reason::EmptyTote, "empty_tote", None),
            (Reason::RoundFull, "round_full", None),
            (Reason::WantsTote, "wants_tote", None),
            (Reason::Relabel, "relabel", None),
            (Reason::NoLabel, "no_label", None),
            (Reason::NoPrinter, "no_printer", None),
            (Reason::NothingToUndo, "nothing_to_undo", None),
            (Reason::SerialUsed, "serial_used", None),
            (Reason::Expired, "expired", None),
            (Reason::Unfit, "unfit", None),
            (Reason::OneByOne, "one_by_one", None),
            (Reason::PutBack("Tea".into()), "put_back", Some("Tea")),
            (Reason::Unwritten, "unwritten", None),
            (Reason::Full, "full", None),
            (Reason::NotReady, "not_ready", None),
            (Reason::UnknownCode, "unknown_code", None),
            (Reason::NoStation, "no_station", None),
            (Reason::Storage, "storage", None),
        ];
        for (reason, word, detail) in &reasons {
            check(word, *detail, (reason.word(), reason.detail(), reason.sentence()));
        }
        let sentences: BTreeSet<String> = reasons.iter().map(|(reason, ..)| reason.sentence()).collect();
        assert_eq!(sentences.len(), reasons.len(), "no two reasons say the same");
    }

    #[test]
    fn every_question_has_its_word_and_a_sentence_that_names_what_is_wanted() {
        for (ask, word, detail) in [
            (Ask::Item, "item", None),
            (Ask::Order, "order", None),
            (Ask::Cause, "cause", None),
            (Ask::Condition, "condition", None),
            (Ask::Serial, "serial", None),
            (Ask::Lot, "lot", None),
            (Ask::Expiry, "expiry", None),
            (Ask::Place, "place", None),
            (Ask::Bin("A-01".into()), "bin", Some("A-01")),
            (Ask::Tote("T7".into()), "tote", Some("T7")),
            (Ask::Label, "label", None),
            (Ask::HandOver, "handover", None),
        ] {
            check(word, detail, (ask.word(), ask.detail(), ask.sentence()));
        }
    }

    #[test]
    fn every_signal_has_a_word_of_its_own_and_two_of_them_count() {
        let words: BTreeSet<&str> = Signal::ALL.iter().map(|signal| signal.word()).collect();
        assert_eq!(words.len(), Signal::ALL.len());
        let counting: Vec<&str> = Signal::ALL.iter().filter(|signal| signal.counts()).map(|one| one.word()).collect();
        assert_eq!(counting, ["accepted", "completed"]);
    }

    #[test]
    fn an_answer_names_few_of_many_expected_items() {
        let answer = Answer::because(Signal::Wrong, Reason::NotOnOrder).order(&"10042".into()).item("Tea");
        let answer = answer.progress(1, 3).ask(Ask::Item).expected((0..9).map(|n| format!("Product {n}").into()));
        assert_eq!(answer.expected.len(), EXPECTED_MAX);
        assert_eq!((answer.order.as_deref(), answer.item.as_deref()), (Some("10042"), Some("Tea")));
        assert_eq!((answer.progress, answer.ask), (Some((1, 3)), Some(Ask::Item)));
    }
}
