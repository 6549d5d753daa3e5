//! Decides what a scan means, by the station's mode and by what was begun there.
//!
//! A scan is first looked at as a repeat of the last one, then as what finishes something that was begun, and then by
//! the mode: a bench, the loading door, returns, or a count.

mod bench;
mod correct;
mod door;
mod parcel;
mod pending;
mod person;
mod pickup;
mod returns;
mod round;
mod tally;
mod unit;

use super::code::{Again, Meaning, Scan, Verb};
use super::dispatch::{Desk, Gone, Serials};
use super::event::{Event, Item, Method};
use super::manifest::Manifest;
use super::name::{CarrierId, ScannerId, Sku, StationId, ToteId};
use super::notice::Notice;
use super::order::{Order, State};
use super::returns::Return;
use super::rules::Rules;
use super::signal::{Answer, Ask, EXPECTED_MAX, Reason, Signal};
use super::sscc::Sscc;
use super::station::{ACTIVE_STEP_S, Mode, Station, Step};
use super::stock::Stock;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

pub use door::left as left_beside;
pub use pending::{serial_asked, sku_asked};

/// All that a decision may depend on, read in the transaction that will store it.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    pub rules: &'a Rules,
    pub now: Timestamp,
    pub clock_trusted: bool,
    pub gone: &'a Gone,
    /// The site's running time.
    pub uptime_s: u64,
    pub station: &'a Station,
    /// Whether the station is configured: what a line read before it was closed comes after another configuration.
    pub is_configured: bool,
    /// What this scanner read last.
    pub last: Option<&'a LastScan>,
    /// The same code again within this time is bounce.
    pub bounce: Duration,
    pub method: Method,
    /// What the code stands for.
    pub subject: Subject,
    /// The order that is open here: worked on, put back, or fetched by its customer.
    pub open: Option<Order>,
    /// The orders of the round here, with their totes.
    pub round: Vec<(ToteId, Order)>,
    /// The other station that has the subject open.
    pub elsewhere: Option<Station>,
    /// The most urgent order that no station has open, the one put down here last of all; looked up for `DONE` only.
    pub next: Option<Order>,
    /// Of [`sku_asked`].
    pub stock: Stock,
    /// Of each product of the count here, in its order; looked up for `DONE` only.
    pub tally_stock: Vec<Stock>,
    /// Whether a parcel has [`serial_asked`] in it.
    pub serial_used: bool,
    /// The serial of the next SSCC.
    pub sscc_serial: u64,
    /// The order of what was counted here last; looked up for `UNDO` only.
    pub undone: Option<Order>,
    /// The order of the parcel that was sealed here last.
    pub sealed: Option<Order>,
    /// The return that is open here, or else the one that was scanned, or is announced for the order that was scanned.
    pub returned: Option<Return>,
    /// The order of the return that was scanned.
    pub returned_of: Option<Order>,
    /// The number of the next return that nobody announced.
    pub return_serial: u64,
    /// The manifest open here, or else the one that the scanned parcel would go on.
    pub manifest: Option<Manifest>,
    /// How many manifests this collection has had.
    pub manifests: u32,
    /// The orders with parcels on that manifest; looked up for `HANDOVER`, `REPRINT` and `R-NO-COURIER` only.
    pub loaded: Vec<Order>,
    /// The orders with parcels of its carrier that are closed and on no manifest; as above.
    pub left: Vec<Order>,
}

/// What a code stands for at this site.
#[derive(Clone, Debug)]
pub enum Subject {
    /// `void`: a label that the parcel had before.
    Parcel {
        order: Order,
        n: u32,
        void: bool,
    },
    Order(Order),
    Return(Return),
    /// A label that no parcel here has.
    Label(Label),
    /// A tote, and the order that it holds.
    Tote {
        id: ToteId,
        order: Option<Order>,
    },
    /// A product; the name for it where it is known here.
    Product {
        sku: Option<Sku>,
        name: Option<Arc<str>>,
    },
    /// A verb, or a code that nobody knows.
    Nothing,
}

/// What a label that was printed beforehand says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Label {
    /// A number of this site, printed and not given yet.
    Sscc(Sscc),
    /// A number of a carrier.
    Tracking { number: Box<str>, carrier: CarrierId },
}

/// A scanner's memory of its last frame, for repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastScan {
    pub text: Arc<[u8]>,
    pub signal: Signal,
    /// Whether it counted units or parcels, or was asked about because the one before had.
    pub counted: bool,
    /// None: before this start of the agent.
    pub since_start: Option<Duration>,
    /// The answer may never have reached the scanner.
    pub doubtful: bool,
}

/// A scanner repeats a frame for three times its patience of two seconds; what comes later is a scan of its own.
const AGAIN_WITHIN: Duration = Duration::from_secs(6);

/// What follows from a scan.
#[derive(Clone, Debug)]
pub struct Decision {
    pub answer: Answer,
    pub events: Vec<Event>,
    /// Every order that the events moved, as it is after them.
    pub orders: Vec<Order>,
    pub station: Station,
    /// A station that lost something to this one.
    pub other: Option<Station>,
    pub manifest: Option<Manifest>,
    pub returned: Option<Return>,
    pub stock: Vec<(Sku, Stock)>,
    /// How many SSCC serials were used.
    pub sscc_used: u64,
    /// Whether the number of a return was used.
    pub return_used: bool,
    pub prints: Vec<Print>,
}

/// What comes out of the station's printer.
#[derive(Clone, Debug)]
pub enum Print {
    Label { order: Order, parcel: u32 },
    Ticket { order: Order },
    Manifest { manifest: Manifest, orders: Vec<Order> },
}

/// Decides what `scan` means at the facts' station.
///
/// Cannot fail: a wrong scan is an answer, not an error. Time comes only from the facts and the scan, so playing a
/// capture back repeats every decision. The caller commits the events before it shows the answer.
#[must_use]
pub fn decide(facts: &Facts<'_>, scan: &Scan) -> Decision {
    let mut decision = match repeat(facts, scan) {
        Some(answer) => Decision::nothing(facts, answer).keeping(facts),
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
    let active_s = &mut decision.station.active_s;
    if decision.station.operator.is_some() && *active_s + ACTIVE_STEP_S <= facts.uptime_s {
        *active_s = facts.uptime_s;
    }
    decision
}

/// A scan that repeats nothing.
fn first(facts: &Facts<'_>, scan: &Scan) -> Decision {
    if !facts.is_configured {
        return Decision::refused(facts, Signal::Refused, Reason::NoStation);
    }
    match &scan.meaning {
        Meaning::Forged => return Decision::refused(facts, Signal::Refused, Reason::CheckFailed),
        Meaning::Badge(operator) => return person::badge(facts, operator),
        _ if facts.rules.operators_required && facts.station.operator.is_none() => {
            return Decision::refused(facts, Signal::Refused, Reason::NotSignedIn);
        }
        Meaning::Verb(Verb::Mode(mode)) => return change_mode(facts, *mode),
        Meaning::Verb(Verb::Cancel) => return leave(facts),
        Meaning::Verb(Verb::Undo) => return correct::undo(facts),
        _ => {}
    }
    if let Some(decision) = pending::finish(facts, scan) {
        return decision;
    }
    match facts.station.mode {
        Mode::Pick | Mode::Pack => bench::scan(facts, scan),
        Mode::Load => door::scan(facts, scan),
        Mode::Return => returns::scan(facts, scan),
        Mode::Count | Mode::Receive => tally::scan(facts, scan),
    }
}

/// Bounce, a scanner that has heard no answer, or the scan whose answer was lost with the last process.
///
/// Where it isn't certain whether this is the last scan again, it does not count, and is said to be: scanned once more
/// it does.
fn repeat(facts: &Facts<'_>, scan: &Scan) -> Option<Answer> {
    let last = facts.last.filter(|last| last.text == scan.text)?;
    let since = last.since_start.map(|before| scan.since_start.saturating_sub(before));
    let perhaps = || Some(Answer::because(Signal::Already, Reason::PerhapsCounted));
    match (scan.again, since) {
        (Again::Surely, Some(since)) if since < AGAIN_WITHIN => return Some(Answer::new(last.signal)),
        (Again::Perhaps, Some(since)) if since < AGAIN_WITHIN => return perhaps(),
        // What was read before this start was read at least as long ago as the start.
        (Again::Surely | Again::Perhaps, None) if scan.since_start < AGAIN_WITHIN => return perhaps(),
        _ => {}
    }
    if since.is_some_and(|since| since < facts.bounce) {
        return Some(Answer::new(Signal::Silent));
    }
    if last.doubtful && last.counted { perhaps() } else { None }
}

fn change_mode(facts: &Facts<'_>, mode: Mode) -> Decision {
    if facts.station.has_unwritten() {
        return Decision::refused(facts, Signal::Refused, Reason::Unwritten);
    }
    let mut decision = Decision::nothing(facts, Answer::new(Signal::Opened).item(mode.word()));
    decision.station = facts.station.anew_in(mode);
    decision
}

/// `CANCEL` drops what was begun; with nothing begun it leaves the context. What was counted stays.
fn leave(facts: &Facts<'_>) -> Decision {
    let mut decision = Decision::nothing(facts, Answer::new(Signal::Accepted));
    if facts.station.pending.is_none() {
        decision.station.lay_down();
    }
    decision
}

impl<'a> Facts<'a> {
    fn desk(&self) -> Desk<'a> {
        Desk { rules: self.rules, now: self.now, clock_trusted: self.clock_trusted, gone: self.gone }
    }

    fn serials(&self) -> Serials<'a> {
        Serials::from(&self.rules.company_prefix, self.sscc_serial)
    }

    fn step(&self) -> Step {
        self.rules.step(self.station.mode)
    }

    fn has_printer(&self) -> bool {
        self.rules.printers.contains(&self.station.id)
    }

    /// As if no other station had anything open.
    fn without_others(&self) -> Self {
        Self { elsewhere: None, ..self.clone() }
    }

    fn elsewhere(&self) -> Option<StationId> {
        self.elsewhere.as_ref().map(|station| station.id.clone())
    }

    /// What the catalog or an open order knows of the scanned product.
    fn product(&self) -> (Option<&Sku>, Option<&Arc<str>>) {
        match &self.subject {
            Subject::Product { sku, name } => (sku.as_ref(), name.as_ref()),
            _ => (None, None),
        }
    }
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

    fn push_all(&mut self, events: impl IntoIterator<Item = Event>) {
        events.into_iter().for_each(|event| self.push(event));
    }

    fn tell(&mut self, notice: Option<Notice>) {
        self.push_all(notice.map(|notice| Event::NotificationRequested(Box::new(notice))));
    }

    /// Ends an order whose every parcel is with its carrier or customer.
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
    /// Nothing but an answer. A refusal leaves what was begun as it is; anything else ends it.
    fn nothing(facts: &Facts<'_>, answer: Answer) -> Self {
        let mut station = facts.station.clone();
        station.pending = station.pending.filter(|_| answer.reason.is_some());
        Self {
            answer,
            events: Vec::new(),
            orders: Vec::new(),
            station,
            other: None,
            manifest: None,
            returned: None,
            stock: Vec::new(),
            sscc_used: 0,
            return_used: false,
            prints: Vec::new(),
        }
    }

    /// What a trail led to; an order that nothing happened to is left alone.
    fn take(&mut self, trail: Trail) {
        if !trail.events.is_empty() {
            self.events.extend(trail.events);
            self.orders.push(trail.order);
        }
    }

    fn refused(facts: &Facts<'_>, signal: Signal, reason: Reason) -> Self {
        Self::nothing(facts, Answer::because(signal, reason))
    }

    /// Nobody here knows the code.
    fn unknown(facts: &Facts<'_>, scan: &Scan) -> Self {
        Self::nothing(facts, Answer::because(Signal::Unknown, Reason::UnknownCode).item(&scan.shown()))
    }

    fn other_mode(facts: &Facts<'_>) -> Self {
        Self::refused(facts, Signal::Refused, Reason::OtherMode)
    }

    fn about(mut self, order: &Order) -> Self {
        self.answer.order = Some(order.terms.number.clone());
        self
    }

    fn asking(mut self, ask: Ask) -> Self {
        self.answer.ask = Some(ask);
        self
    }

    fn expecting(mut self, expected: impl IntoIterator<Item = Box<str>>) -> Self {
        self.answer = self.answer.expected(expected);
        self
    }

    fn item(mut self, name: &str) -> Self {
        self.answer = self.answer.item(name);
        self
    }

    /// What was begun goes on.
    fn keeping(mut self, facts: &Facts<'_>) -> Self {
        self.station.pending.clone_from(&facts.station.pending);
        self
    }
}

/// The items that an order still wants, for people.
fn expected(order: &Order, step: Step) -> Vec<Box<str>> {
    let wanted = |index: &usize| 0 < wants(order, *index, step);
    let name = |index: usize| Box::from(&*order.terms.lines[index].name);
    (0..order.terms.lines.len()).filter(wanted).map(name).take(EXPECTED_MAX).collect()
}

/// Units of a line that `step` can still count.
fn wants(order: &Order, line: usize, step: Step) -> u32 {
    let done = order.progress.lines[line];
    match step {
        Step::Pick => order.missing(line),
        Step::Pack => done.picked - done.packed,
        Step::Both => order.unpacked(line),
    }
}

/// How far an order is, as the step's screen shows it.
fn progress(order: &Order, step: Step) -> (u32, u32) {
    match step {
        Step::Pick => order.units_picked(),
        Step::Pack | Step::Both => order.units(),
    }
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
