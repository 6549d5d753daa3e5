//! What a floor is: orders, parcels, stock and what is open where, as plain values. It has no events, no file and no
//! history, and it was written from the specification of what scans mean.

use super::scans::Code;
use std::collections::BTreeMap;

/// Everything that the site knows.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Orders are picked at one station and packed at another.
    pub two_steps: bool,
    pub bins: bool,
    pub orders: BTreeMap<u32, Order>,
    pub on_hand: BTreeMap<char, i64>,
    /// The parcel that each number belongs or once belonged to.
    pub labels: BTreeMap<u64, (u32, usize)>,
    pub next_label: u64,
    pub manifests: Vec<Manifest>,
    /// How many of each carrier's collections are over.
    pub over: BTreeMap<&'static str, Asked>,
    /// The order that each tote was last taken for.
    pub totes: BTreeMap<String, u32>,
    pub returns: BTreeMap<String, Return>,
    pub next_return: u64,
    /// Counts and receipts so far.
    pub written: u32,
    pub stations: BTreeMap<&'static str, Station>,
}

/// Orders in one round, at most.
pub const BATCH: usize = 2;
/// What the catalog knows.
pub const SKUS: [char; 3] = ['A', 'B', 'C'];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Accepted,
    Picking,
    Picked,
    Packing,
    Packed,
    PartlyDispatched,
    Completed,
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnShort {
    ShipRest,
    Hold,
    Cancel,
}

#[derive(Clone, Debug)]
pub struct Order {
    pub state: State,
    pub held: bool,
    pub expedited: bool,
    /// How often the platform has said something of it that was taken.
    pub heard: u32,
    pub lines: Vec<Line>,
    /// None: its customer fetches it.
    pub carrier: Option<&'static str>,
    pub on_short: OnShort,
    pub parcels: Vec<Parcel>,
    pub put_back: Vec<PutBack>,
    pub tote: Option<String>,
    /// How many orders came before it.
    pub age: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub id: String,
    pub sku: char,
    pub quantity: u32,
    pub bin: Option<&'static str>,
    pub picked: u32,
    pub packed: u32,
    pub short: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutBack {
    pub line: String,
    pub sku: char,
    pub units: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Open,
    Sealed,
    Labelled,
    Ready,
    Loaded,
    HandedOver,
    Collected,
    Withdrawn,
}

/// Which of its carrier's collections a courier was asked for, from 0; always 0 where a carrier has none.
pub type Asked = u32;

#[derive(Clone, Debug)]
pub struct Parcel {
    pub place: Place,
    /// Units by line.
    pub contents: BTreeMap<String, u32>,
    pub label: Option<u64>,
    /// It stands on a manifest under a label that is no longer its own.
    pub void: bool,
    pub asked: Option<Asked>,
    /// Of the carrier's label.
    pub revision: u32,
    pub manifest: Option<usize>,
    /// How often it was put where its customer can have it.
    pub placed: u32,
}

#[derive(Clone, Debug)]
pub struct Manifest {
    pub carrier: &'static str,
    /// Of the carrier's collections.
    pub collection: Asked,
    pub closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    Authorized,
    Receiving,
    Completed,
}

#[derive(Clone, Debug)]
pub struct Return {
    pub order: Option<u32>,
    pub announced: u32,
    pub lines: Vec<char>,
    pub state: Received,
    /// What was found, and how it is.
    pub found: Vec<(char, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Pick,
    Pack,
    Load,
    Return,
    Count,
    Receive,
}

/// What one scan of an item does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Pick,
    Pack,
    Both,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Station {
    pub mode: Mode,
    pub work: Work,
    pub pending: Option<Pending>,
    /// What `UNDO` negates.
    pub last: Option<Last>,
    pub sealed: Option<(u32, usize)>,
    pub put_down: Option<u32>,
    pub bin: Option<String>,
    pub heard: Option<Heard>,
}

/// What the station's scanner read last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub code: String,
    pub signal: String,
    pub counted: bool,
    /// The agent died after it.
    pub doubtful: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    Idle,
    Order(u32),
    Round(Vec<(String, u32)>),
    Manifest { id: usize, asked: bool },
    Collect(u32),
    Return(String),
    PutBack(u32),
    Tally(Vec<Tally>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    pub sku: char,
    pub units: u32,
    /// On hand by the books when it was counted last.
    pub books: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pending {
    Tote(String),
    Take,
    Unit { order: u32, line: String, tote: String },
    ShortItem,
    ShortCause { order: u32, line: String, there: Option<u32> },
    Remove,
    Condition(char),
    Place { order: u32, n: usize },
    Found { order: u32, n: usize },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Last {
    Unit { order: u32, line: String, step: Step, closed: bool },
    Sealed { order: u32, n: usize },
    Short { order: u32, line: String, units: u32, delta: i64, closed: bool, heard: u32 },
    Removed { order: u32, sku: char },
    Loaded { order: u32, n: usize },
    Inspected { id: String, sku: char, condition: String },
    Tallied { sku: char, units: u32 },
}

impl Line {
    pub fn wanted(&self) -> u32 {
        self.quantity - self.short
    }

    /// Still to be picked.
    pub fn missing(&self) -> u32 {
        self.wanted() - self.picked
    }

    /// Still to be packed, picked or not.
    pub fn unpacked(&self) -> u32 {
        self.wanted() - self.packed
    }

    /// What this step can still count.
    pub fn todo(&self, step: Step) -> u32 {
        match step {
            Step::Pick => self.missing(),
            Step::Pack => self.picked - self.packed,
            Step::Both => self.unpacked(),
        }
    }
}

impl Place {
    pub fn waits(self) -> bool {
        matches!(self, Self::Sealed | Self::Labelled | Self::Ready)
    }

    pub fn is_gone(self) -> bool {
        matches!(self, Self::HandedOver | Self::Collected)
    }
}

impl Order {
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Completed | State::Cancelled)
    }

    pub fn line(&self, id: &str) -> Option<usize> {
        self.lines.iter().position(|line| line.id == id)
    }

    /// Goods that go back, of this item, or of the line that is named while it stands for the same item.
    pub fn goods(&self, code: &Code) -> Option<&PutBack> {
        let named = match code {
            Code::Line(line) => Some(self.lines.get(*line)?),
            _ => None,
        };
        self.put_back.iter().find(|goods| match named {
            Some(line) => goods.line == line.id && goods.sku == line.sku,
            None => Some(goods.sku) == code.known(),
        })
    }

    pub fn wanted(&self) -> u32 {
        self.lines.iter().map(Line::wanted).sum()
    }

    pub fn is_picked(&self) -> bool {
        self.lines.iter().all(|line| line.missing() == 0)
    }

    pub fn is_filled(&self) -> bool {
        self.lines.iter().all(|line| line.unpacked() == 0)
    }

    /// `2/3`, as the step's screen shows it.
    pub fn progress(&self, step: Step) -> String {
        let done: u32 = match step {
            Step::Pick => self.lines.iter().map(|line| line.picked).sum(),
            Step::Pack | Step::Both => self.lines.iter().map(|line| line.packed).sum(),
        };
        format!("{done}/{}", self.wanted())
    }

    /// The parcel that units go into now, where it has any.
    pub fn open_parcel(&mut self) -> Option<&mut Parcel> {
        self.parcels.last_mut().filter(|last| last.place == Place::Open)
    }

    pub fn in_open_parcel(&self, line: &str) -> u32 {
        let open = self.parcels.last().filter(|last| last.place == Place::Open);
        open.and_then(|open| open.contents.get(line)).copied().unwrap_or_default()
    }

    pub fn has_open_parcel(&self) -> bool {
        self.parcels.last().is_some_and(|last| last.place == Place::Open)
    }

    /// One unit of a line into the open parcel.
    pub fn pack(&mut self, line: usize) {
        let id = self.lines[line].id.clone();
        self.lines[line].packed += 1;
        if !self.has_open_parcel() {
            let contents = BTreeMap::new();
            let parcel = Parcel {
                place: Place::Open,
                contents,
                label: None,
                void: false,
                asked: None,
                revision: 0,
                manifest: None,
                placed: 0,
            };
            self.parcels.push(parcel);
        }
        *self.open_parcel().unwrap().contents.entry(id).or_default() += 1;
    }

    /// One unit of a line out of the open parcel.
    pub fn unpack(&mut self, line: usize) {
        let id = self.lines[line].id.clone();
        self.lines[line].packed -= 1;
        let open = self.open_parcel().unwrap();
        let units = open.contents.get_mut(&id).unwrap();
        *units -= 1;
        if *units == 0 {
            open.contents.remove(&id);
        }
        if open.contents.is_empty() {
            self.parcels.pop();
        }
    }

    /// What was picked beyond what is wanted goes on the list.
    pub fn give_back(&mut self, line: &str, sku: char, units: u32) {
        if units == 0 {
            return;
        }
        match self.put_back.iter_mut().find(|goods| goods.line == line && goods.sku == sku) {
            Some(goods) => goods.units += units,
            None => self.put_back.push(PutBack { line: line.to_owned(), sku, units }),
        }
    }

    /// Asks for couriers where nobody was asked.
    /// After a parcel left, or all was packed.
    pub fn settle(&mut self) {
        if self.state == State::Packed && self.parcels.iter().any(|parcel| parcel.place.is_gone()) {
            self.state = State::PartlyDispatched;
        }
        if self.state == State::PartlyDispatched && self.parcels.iter().all(|parcel| parcel.place.is_gone()) {
            self.state = State::Completed;
        }
    }

    /// Given up: what was not handed over is withdrawn, and its goods go back.
    pub fn cancel(&mut self) {
        self.state = State::Cancelled;
        self.held = false;
        for line in self.lines.clone() {
            let gone = self.parcels.iter().filter(|parcel| parcel.place.is_gone());
            let gone: u32 = gone.filter_map(|parcel| parcel.contents.get(&line.id)).sum();
            self.give_back(&line.id, line.sku, line.picked - gone);
        }
        for parcel in &mut self.parcels {
            if parcel.place == Place::Open || parcel.place.waits() {
                parcel.place = Place::Withdrawn;
            }
            if !parcel.place.is_gone() {
                parcel.asked = None;
            }
        }
    }
}

impl Return {
    /// `2/3`: found of announced.
    pub fn progress(&self) -> String {
        let found = self.found.iter().filter(|(_, condition)| condition != "C-MISSING").count();
        format!("{found}/{}", self.announced)
    }
}

impl Station {
    pub fn in_mode(mode: Mode) -> Self {
        let (work, heard) = (Work::Idle, None);
        Self { mode, work, pending: None, last: None, sealed: None, put_down: None, bin: None, heard }
    }

    pub fn lay_down(&mut self) {
        self.work = Work::Idle;
        self.pending = None;
        self.bin = None;
    }

    pub fn has_open(&self, number: u32) -> bool {
        match &self.work {
            Work::Order(open) | Work::Collect(open) | Work::PutBack(open) => *open == number,
            Work::Round(totes) => totes.iter().any(|(_, open)| *open == number),
            Work::Idle | Work::Manifest { .. } | Work::Return(_) | Work::Tally(_) => false,
        }
    }

    /// The order is somebody else's from now on, or nobody's.
    pub fn give_up(&mut self, number: u32) {
        let about = |order: u32| order == number;
        if self.has_open(number) {
            self.close(number);
            if self.work == Work::Idle {
                self.lay_down();
            }
        }
        let pending = match &self.pending {
            Some(
                Pending::Unit { order, .. }
                | Pending::ShortCause { order, .. }
                | Pending::Place { order, .. }
                | Pending::Found { order, .. },
            ) => about(*order),
            _ => false,
        };
        let last = match &self.last {
            Some(
                Last::Unit { order, .. }
                | Last::Sealed { order, .. }
                | Last::Short { order, .. }
                | Last::Removed { order, .. }
                | Last::Loaded { order, .. },
            ) => about(*order),
            _ => false,
        };
        self.pending = self.pending.take().filter(|_| !pending);
        self.last = self.last.take().filter(|_| !last);
        self.sealed = self.sealed.filter(|(order, _)| !about(*order));
    }

    /// An order is finished: the rest of a round goes on.
    pub fn close(&mut self, number: u32) {
        self.work = match std::mem::replace(&mut self.work, Work::Idle) {
            Work::Round(mut totes) => {
                totes.retain(|(_, open)| *open != number);
                if totes.is_empty() { Work::Idle } else { Work::Round(totes) }
            }
            _ => Work::Idle,
        };
    }
}

impl World {
    pub fn station(&mut self, at: &str) -> &mut Station {
        self.stations.get_mut(at).unwrap()
    }

    pub fn order(&mut self, number: u32) -> &mut Order {
        self.orders.get_mut(&number).unwrap()
    }

    pub fn step(&self, at: &str) -> Step {
        match (self.two_steps, self.stations[at].mode) {
            (false, _) => Step::Both,
            (true, Mode::Pick) => Step::Pick,
            (true, _) => Step::Pack,
        }
    }

    /// The other station that has the order open.
    pub fn elsewhere(&self, at: &str, number: u32) -> Option<&'static str> {
        self.stations.iter().find(|(id, station)| **id != at && station.has_open(number)).map(|(id, _)| *id)
    }

    pub fn move_stock(&mut self, sku: char, delta: i64) {
        *self.on_hand.entry(sku).or_default() += delta;
    }

    /// Gives the parcel a new number; the one before is void.
    pub fn mint(&mut self, number: u32, n: usize) -> u64 {
        let label = self.next_label;
        self.next_label += 1;
        self.bind(number, n, label);
        label
    }

    pub fn bind(&mut self, number: u32, n: usize, label: u64) {
        self.labels.insert(label, (number, n));
        self.order(number).parcels[n].label = Some(label);
    }

    /// On the manifest now.
    pub fn loaded(&self, manifest: usize) -> usize {
        let parcels = self.orders.values().flat_map(|order| &order.parcels);
        parcels.filter(|parcel| parcel.place == Place::Loaded && parcel.manifest == Some(manifest)).count()
    }

    /// What open orders still want picked.
    pub fn reserved(&self, sku: char) -> i64 {
        let open = self.orders.values().filter(|order| !order.is_closed());
        let lines = open.flat_map(|order| &order.lines).filter(|line| line.sku == sku);
        lines.map(|line| i64::from(line.missing())).sum()
    }
}
