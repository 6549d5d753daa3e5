//! One order as its site has it: its lines, its parcels, and what is to be put back.
//!
//! Every event is believed, for the site has decided: counts are taken as it says them, and what it says of a line or
//! parcel that is not known here changes nothing. No storage, no time.

mod terms;

pub use terms::Known;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub revision: u32,
    pub state: State,
    pub held: bool,
    pub expedited: bool,
    pub tote: Option<String>,
    /// How many parcels it has, while all of it is packed.
    pub parcels_total: Option<i64>,
    pub lines: Vec<Line>,
    /// By their numbers, from 1; only the last can be open.
    pub parcels: Vec<Parcel>,
    pub put_back: Vec<Units>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    pub line: String,
    pub sku: String,
    pub name: String,
    /// What the terms ask for.
    pub wanted: i64,
    pub picked: i64,
    pub packed: i64,
    pub short: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    pub n: i64,
    pub state: ParcelState,
    pub sscc: Option<String>,
    pub carrier: Option<String>,
    pub manifest: Option<String>,
    pub tracking: Option<String>,
    pub place: Option<String>,
    pub weight_g: Option<i64>,
    /// `requested` by the site, or `sent` to it.
    pub label: Option<String>,
    pub label_revision: i64,
    /// On a manifest with a label that is no longer its own.
    pub void: bool,
    pub contents: Vec<Units>,
}

/// Units of one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Units {
    pub line: String,
    pub sku: String,
    pub name: String,
    #[serde(deserialize_with = "super::count")]
    pub quantity: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The site has not answered yet.
    Put,
    Accepted,
    Picking,
    Picked,
    Packing,
    Packed,
    PartlyDispatched,
    Completed,
    Cancelled,
}

impl State {
    const WORDS: [(&str, Self); 9] = [
        ("put", Self::Put),
        ("accepted", Self::Accepted),
        ("picking", Self::Picking),
        ("picked", Self::Picked),
        ("packing", Self::Packing),
        ("packed", Self::Packed),
        ("partly_dispatched", Self::PartlyDispatched),
        ("completed", Self::Completed),
        ("cancelled", Self::Cancelled),
    ];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize].0
    }

    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, state)| *state)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParcelState {
    Open,
    Sealed,
    Labelled,
    Ready,
    Loaded,
    HandedOver,
    Collected,
    Withdrawn,
}

impl ParcelState {
    const WORDS: [(&str, Self); 8] = [
        ("open", Self::Open),
        ("sealed", Self::Sealed),
        ("labelled", Self::Labelled),
        ("ready", Self::Ready),
        ("loaded", Self::Loaded),
        ("handed_over", Self::HandedOver),
        ("collected", Self::Collected),
        ("withdrawn", Self::Withdrawn),
    ];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize].0
    }

    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, state)| *state)
    }

    /// Closed, here, and on no manifest.
    #[must_use]
    pub fn waits(self) -> bool {
        matches!(self, Self::Sealed | Self::Labelled | Self::Ready)
    }

    /// With its carrier or its customer.
    #[must_use]
    pub fn is_gone(self) -> bool {
        matches!(self, Self::HandedOver | Self::Collected)
    }
}

/// A line in an event, with the counts after it.
#[derive(Clone, Copy, Debug)]
pub struct Of<'a> {
    pub line: &'a str,
    pub sku: &'a str,
    pub name: &'a str,
}

impl Order {
    /// An order that was put and not answered.
    #[must_use]
    pub fn put(revision: u32) -> Self {
        Self {
            revision,
            state: State::Put,
            held: false,
            expedited: false,
            tote: None,
            parcels_total: None,
            lines: Vec::new(),
            parcels: Vec::new(),
            put_back: Vec::new(),
        }
    }

    #[must_use]
    pub fn parcel(&mut self, n: i64) -> Option<&mut Parcel> {
        self.parcels.iter_mut().find(|parcel| parcel.n == n)
    }

    /// Commands about the order as a whole carry revisions too.
    pub fn heard_of(&mut self, revision: u32) {
        self.revision = self.revision.max(revision);
    }

    pub fn begins(&mut self, state: State, tote: Option<String>) {
        self.state = state;
        self.tote = tote.or(self.tote.take());
    }

    pub fn picked(&mut self, of: Of<'_>, picked: i64) {
        if let Some(line) = self.line(of.line) {
            line.picked = picked;
        }
    }

    pub fn unpicked(&mut self, of: Of<'_>, picked: i64) {
        self.picked(of, picked);
        self.pick_again();
    }

    /// One unit of goods that the order no longer wants is on the shelf again.
    pub fn returned_to_shelf(&mut self, of: Of<'_>) {
        take(&mut self.put_back, of, 1);
    }

    /// `wanted` is what the line still asks for.
    pub fn short(&mut self, of: Of<'_>, picked: i64, wanted: i64) {
        if let Some(line) = self.line(of.line) {
            line.short = line.wanted - wanted;
            line.picked = picked;
        }
        self.pick_again();
    }

    pub fn packed(&mut self, of: Of<'_>, n: i64, packed: i64) {
        if let Some(line) = self.line(of.line) {
            line.packed = packed;
        }
        if self.parcel(n).is_none() {
            self.parcels.push(Parcel::open(n));
        }
        if let Some(open) = self.parcel(n).filter(|parcel| parcel.state == ParcelState::Open) {
            add(&mut open.contents, of, 1);
        }
    }

    pub fn unpacked(&mut self, of: Of<'_>, n: i64, packed: i64) {
        if let Some(line) = self.line(of.line) {
            line.packed = packed;
        }
        if let Some(open) = self.parcel(n).filter(|parcel| parcel.state == ParcelState::Open) {
            take(&mut open.contents, of, 1);
        }
        self.drop_empty();
    }

    pub fn sealed(&mut self, n: i64, sscc: String, contents: Vec<Units>, weight_g: Option<i64>) {
        if self.parcel(n).is_none() {
            self.parcels.push(Parcel::open(n));
        }
        if let Some(parcel) = self.parcel(n) {
            *parcel = Parcel { state: ParcelState::Sealed, sscc: Some(sscc), contents, weight_g, ..Parcel::open(n) };
        }
    }

    /// Its label is void, and the order is packed no longer.
    pub fn reopened(&mut self, n: i64) {
        if let Some(parcel) = self.parcel(n) {
            *parcel = Parcel { contents: std::mem::take(&mut parcel.contents), ..Parcel::open(n) };
            self.state = State::Packing;
            self.parcels_total = None;
        }
    }

    pub fn labelled(&mut self, n: i64, sscc: String, tracking: Option<String>) {
        if let Some(parcel) = self.parcel(n) {
            if parcel.state == ParcelState::Sealed {
                parcel.state = ParcelState::Labelled;
            }
            parcel.sscc = Some(sscc);
            parcel.tracking = tracking.or(parcel.tracking.take());
        }
    }

    pub fn label_received(&mut self, n: i64, tracking: Option<String>, revision: i64) {
        if let Some(parcel) = self.parcel(n) {
            parcel.tracking = tracking;
            parcel.label_revision = revision;
            parcel.label = None;
            parcel.wants_new_label();
        }
    }

    pub fn label_voided(&mut self, n: i64, sscc: String) {
        if let Some(parcel) = self.parcel(n) {
            parcel.sscc = Some(sscc);
            parcel.tracking = None;
            parcel.label_revision = 0;
            parcel.label = None;
            parcel.place = None;
            parcel.wants_new_label();
        }
    }

    pub fn all_packed(&mut self, parcels: i64) {
        self.state = State::Packed;
        self.parcels_total = Some(parcels);
        self.settle();
    }

    pub fn loaded(&mut self, n: i64, carrier: String, manifest: String) {
        if let Some(parcel) = self.parcel(n) {
            parcel.state = ParcelState::Loaded;
            (parcel.carrier, parcel.manifest) = (Some(carrier), Some(manifest));
        }
    }

    pub fn unloaded(&mut self, n: i64) {
        let cancelled = self.state == State::Cancelled;
        if let Some(parcel) = self.parcel(n) {
            parcel.state = match (cancelled, std::mem::take(&mut parcel.void)) {
                (true, _) => ParcelState::Withdrawn,
                (false, true) => ParcelState::Sealed,
                (false, false) => ParcelState::Labelled,
            };
            (parcel.carrier, parcel.manifest) = (None, None);
        }
    }

    pub fn handed_over(&mut self, n: i64, carrier: String, manifest: String, tracking: Option<String>) {
        if let Some(parcel) = self.parcel(n) {
            parcel.state = ParcelState::HandedOver;
            (parcel.carrier, parcel.manifest) = (Some(carrier), Some(manifest));
            parcel.tracking = tracking.or(parcel.tracking.take());
        }
        self.settle();
    }

    /// It had not been handed over after all.
    pub fn left_behind(&mut self, n: i64) {
        let cancelled = self.state == State::Cancelled;
        let Some(parcel) = self.parcel(n) else { return };
        parcel.state = if cancelled { ParcelState::Withdrawn } else { ParcelState::Labelled };
        (parcel.carrier, parcel.manifest) = (None, None);
        if cancelled {
            for units in parcel.contents.clone() {
                add(&mut self.put_back, units.of(), units.quantity);
            }
        }
        if matches!(self.state, State::Completed | State::PartlyDispatched) {
            self.state = State::Packed;
            self.settle();
        }
    }

    pub fn ready(&mut self, n: i64, place: String) {
        if let Some(parcel) = self.parcel(n) {
            parcel.state = ParcelState::Ready;
            parcel.place = Some(place);
        }
    }

    pub fn collected(&mut self) {
        for parcel in self.parcels.iter_mut().filter(|parcel| parcel.state.waits()) {
            parcel.state = ParcelState::Collected;
        }
        self.settle();
    }

    /// `picked` is what is still here of its goods. Parcels on a manifest stay loaded until they are scanned out of it.
    pub fn cancelled(&mut self, picked: Vec<Units>) {
        self.state = State::Cancelled;
        self.held = false;
        for parcel in &mut self.parcels {
            parcel.label = None;
            if parcel.state == ParcelState::Open || parcel.state.waits() {
                parcel.state = ParcelState::Withdrawn;
            }
        }
        for units in picked {
            add(&mut self.put_back, units.of(), units.quantity);
        }
    }

    fn line(&mut self, id: &str) -> Option<&mut Line> {
        self.lines.iter_mut().find(|line| line.line == id)
    }

    /// What was picked and lacks something again goes on being picked.
    fn pick_again(&mut self) {
        if self.state == State::Picked && self.lines.iter().any(|line| line.picked < line.wanted - line.short) {
            self.state = State::Picking;
        }
    }

    /// While packing goes on it stays `packing`, whatever has left.
    fn settle(&mut self) {
        if self.state == State::Packed && self.parcels.iter().any(|parcel| parcel.state.is_gone()) {
            self.state = State::PartlyDispatched;
        }
    }

    fn drop_empty(&mut self) {
        self.parcels.pop_if(|last| last.state == ParcelState::Open && last.contents.is_empty());
    }
}

impl Parcel {
    #[must_use]
    pub fn open(n: i64) -> Self {
        Self {
            n,
            state: ParcelState::Open,
            sscc: None,
            carrier: None,
            manifest: None,
            tracking: None,
            place: None,
            weight_g: None,
            label: None,
            label_revision: 0,
            void: false,
            contents: Vec::new(),
        }
    }

    /// One that is on a manifest must come down before it gets its new label.
    fn wants_new_label(&mut self) {
        match self.state {
            ParcelState::Loaded => self.void = true,
            ParcelState::Labelled | ParcelState::Ready => self.state = ParcelState::Sealed,
            _ => {}
        }
    }

    fn units_of(&self, line: &str) -> i64 {
        self.contents.iter().filter(|units| units.line == line).map(|units| units.quantity).sum()
    }
}

impl Units {
    #[must_use]
    pub fn of(&self) -> Of<'_> {
        Of { line: &self.line, sku: &self.sku, name: &self.name }
    }

    fn is(&self, of: Of<'_>) -> bool {
        self.line == of.line && self.sku == of.sku
    }
}

fn add(goods: &mut Vec<Units>, of: Of<'_>, quantity: i64) {
    match goods.iter_mut().find(|units| units.is(of)) {
        Some(units) => units.quantity += quantity,
        None => {
            let Of { line, sku, name } = of;
            goods.push(Units { line: line.into(), sku: sku.into(), name: name.into(), quantity });
        }
    }
}

fn take(goods: &mut Vec<Units>, of: Of<'_>, quantity: i64) {
    if let Some(at) = goods.iter().position(|units| units.is(of)) {
        goods[at].quantity -= quantity;
        if goods[at].quantity <= 0 {
            goods.remove(at);
        }
    }
}
