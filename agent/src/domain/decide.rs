//! Decides what a scan means: at a bench, where one scan picks and packs, and at the loading door.

mod bench;
mod door;

use super::code::{Meaning, Scan, Verb};
use super::event::{Event, Item, Method};
use super::manifest::Manifest;
use super::name::{ScannerId, Sku, StationId};
use super::order::{Order, State};
use super::rules::Rules;
use super::signal::{Answer, EXPECTED_MAX, Reason, Signal};
use super::station::{Mode, Station, Work};
use super::stock::Stock;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// All that a decision may depend on, read in the transaction that will store it.
#[derive(Debug)]
pub struct Facts<'a> {
    pub rules: &'a Rules,
    pub now: Timestamp,
    pub clock_trusted: bool,
    pub station: &'a Station,
    /// What this scanner read last.
    pub last: Option<&'a LastScan>,
    /// The same code again within this time is bounce.
    pub bounce: Duration,
    pub method: Method,
    /// What the code stands for.
    pub subject: Subject,
    /// The order that is open here.
    pub open: Option<Order>,
    /// The other station that has the subject open.
    pub elsewhere: Option<StationId>,
    /// The most urgent order that no station has open, the one put down here last of all; looked up for `DONE` only.
    pub next: Option<Order>,
    /// Of the product that was scanned.
    pub stock: Stock,
    /// The serial of the next SSCC.
    pub sscc_serial: u64,
    /// The manifest open here, or else the one that the scanned parcel would go on.
    pub manifest: Option<Manifest>,
    /// How many manifests this collection has had.
    pub manifests: u32,
    /// The orders with parcels on that manifest; looked up for `HANDOVER` only.
    pub loaded: Vec<Order>,
    /// How many parcels of its carrier are sealed and on no manifest; looked up for `HANDOVER` only.
    pub left: u32,
}

/// What a code stands for at this site.
#[derive(Clone, Debug)]
pub enum Subject {
    Parcel {
        order: Order,
        n: u32,
    },
    Order(Order),
    /// A product; the catalog's name for it where it is there.
    Product {
        sku: Option<Sku>,
        name: Option<Arc<str>>,
    },
    /// A verb, or a code that nobody knows.
    Nothing,
}

/// A scanner's memory of its last frame, for repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastScan {
    pub text: Arc<[u8]>,
    pub signal: Signal,
    /// Whether it counted units or parcels.
    pub counted: bool,
    /// None: before this start of the agent.
    pub since_start: Option<Duration>,
    /// The answer may never have reached the scanner.
    pub doubtful: bool,
}

/// What follows from a scan.
#[derive(Clone, Debug)]
pub struct Decision {
    pub answer: Answer,
    pub events: Vec<Event>,
    /// Every order that the events moved, as it is after them.
    pub orders: Vec<Order>,
    pub station: Station,
    pub manifest: Option<Manifest>,
    pub stock: Option<(Sku, Stock)>,
    /// How many SSCC serials were used.
    pub sscc_used: u64,
}

/// Decides what `scan` means at the facts' station.
///
/// Cannot fail: a wrong scan is an answer, not an error. Time comes only from the facts and the scan, so playing a
/// capture back repeats every decision. The caller commits the events before it shows the answer.
#[must_use]
pub fn decide(facts: &Facts<'_>, scan: &Scan) -> Decision {
    let mut decision = match repeat(facts, scan) {
        Some(answer) => Decision::nothing(facts, answer),
        None => first(facts, scan),
    };
    if let Some(reason) = decision.answer.reason.clone() {
        decision.events.push(Event::ScanRefused {
            scanner: scan.scanner.clone(),
            code: scan.shown().into(),
            signal: decision.answer.signal,
            reason,
            order: decision.answer.order.clone(),
            expected: decision.answer.expected.clone(),
        });
    }
    decision
}

/// A scan that repeats nothing.
fn first(facts: &Facts<'_>, scan: &Scan) -> Decision {
    match (&scan.meaning, facts.station.mode) {
        (Meaning::Forged, _) => Decision::nothing(facts, Answer::because(Signal::Refused, Reason::CheckFailed)),
        (Meaning::Verb(Verb::Mode(mode)), _) => change_mode(facts, *mode),
        (Meaning::Verb(Verb::Cancel), _) => leave(facts),
        (Meaning::Verb(verb), Mode::Pick | Mode::Pack) => bench::verb(facts, *verb),
        (Meaning::Verb(verb), Mode::Load) => door::verb(facts, *verb),
        (_, Mode::Pick | Mode::Pack) => bench::code(facts, scan),
        (_, Mode::Load) => door::code(facts, scan),
    }
}

/// Bounce, or the scan whose answer was lost with the last process.
fn repeat(facts: &Facts<'_>, scan: &Scan) -> Option<Answer> {
    let last = facts.last.filter(|last| last.text == scan.text)?;
    if let Some(before) = last.since_start
        && scan.since_start.saturating_sub(before) < facts.bounce
    {
        return Some(Answer::new(Signal::Silent));
    }
    (last.doubtful && last.counted).then(|| Answer::because(Signal::Already, Reason::PerhapsCounted))
}

fn change_mode(facts: &Facts<'_>, mode: Mode) -> Decision {
    let mut decision = Decision::nothing(facts, Answer::new(Signal::Opened).item(mode.word()));
    decision.station = Station::idle(facts.station.id.clone(), mode);
    decision
}

/// `CANCEL` leaves the context and changes nothing that was counted.
fn leave(facts: &Facts<'_>) -> Decision {
    let mut decision = Decision::nothing(facts, Answer::new(Signal::Accepted));
    decision.station.work = Work::Idle;
    decision
}

/// An order's events as they come about: each moves the order at once, so the next is decided on what is true then.
struct Trail {
    order: Order,
    events: Vec<Event>,
}

impl Trail {
    fn of(order: &Order) -> Self {
        Self { order: order.clone(), events: Vec::with_capacity(8) }
    }

    /// # Panics
    /// When the state machine refuses: then this folder has decided what it must not.
    fn push(&mut self, event: Event) {
        if let Err(illegal) = self.order.apply(&event) {
            panic!("decided an illegal move: {illegal}");
        }
        self.events.push(event);
    }

    /// Ends an order whose every parcel is with its carrier.
    fn complete_if_gone(&mut self) {
        if self.order.progress.state == State::PartlyDispatched && self.order.is_gone() {
            let parcels = self.order.progress.parcels.len() as u32;
            self.push(Event::OrderCompleted { order: self.order.reference(), parcels });
        }
    }

    fn decision(self, facts: &Facts<'_>, answer: Answer) -> Decision {
        Decision { events: self.events, orders: vec![self.order], ..Decision::nothing(facts, answer) }
    }
}

impl Decision {
    fn nothing(facts: &Facts<'_>, answer: Answer) -> Self {
        Self {
            answer,
            events: Vec::new(),
            orders: Vec::new(),
            station: facts.station.clone(),
            manifest: None,
            stock: None,
            sscc_used: 0,
        }
    }

    fn refused(facts: &Facts<'_>, signal: Signal, reason: Reason) -> Self {
        Self::nothing(facts, Answer::because(signal, reason))
    }

    fn about(mut self, order: &Order) -> Self {
        self.answer.order = Some(order.terms.number.clone());
        self
    }
}

/// The items that an order still wants, for people.
fn expected(order: &Order) -> Vec<Box<str>> {
    let wanted = |index: &usize| 0 < order.missing(*index);
    let name = |index: usize| Box::from(&*order.terms.lines[index].name);
    (0..order.terms.lines.len()).filter(wanted).map(name).take(EXPECTED_MAX).collect()
}

fn items(order: &Order, n: u32) -> Vec<(Item, u32)> {
    let contents = order.parcel(n).map(|parcel| &parcel.contents);
    contents.into_iter().flatten().map(|(line, units)| (order.item(*line), *units)).collect()
}

/// The scanner of a scan that no scanner read: `scan` on the command line.
#[must_use]
pub fn command_line() -> ScannerId {
    "command-line".into()
}

#[cfg(test)]
mod tests;
