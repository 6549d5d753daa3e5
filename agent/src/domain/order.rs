//! An order and what has been done for it.
//!
//! Its terms come from the platform, its progress from events alone: [`Order::apply`] is the only way it changes.
//! `accepted → picking → picked → packing → packed → partly dispatched → completed`; where one scan picks and packs it
//! goes from `accepted` to `packing`. `held` stops it where it is, `cancelled` comes before hand-over. A parcel goes
//! `open → sealed → labelled → loaded → handed over`, or `ready → collected` where the customer fetches it; it can be
//! reopened, taken off a manifest, and is `withdrawn` with its order.

mod follow;
mod update;

use super::code::Values;
use super::event::Item;
use super::name::{
    BinId, CarrierId, CollectionId, DispatchKey, LineId, ManifestId, OrderId, OrderNumber, ProductCode, Sku, ToteId,
};
use super::notice::Told;
use super::pattern::Pattern;
use super::sscc::Sscc;
use jiff::Timestamp;
use std::sync::Arc;

pub use follow::Illegal;

/// What the platform asked for; replaced as a whole by a newer revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    pub id: OrderId,
    pub number: OrderNumber,
    /// Grows with every change that the platform makes.
    pub revision: u32,
    pub lines: Vec<Line>,
    pub delivery: Delivery,
    pub promise: Promise,
    pub notify: Notify,
    pub on_short: OnShort,
}

/// One line: so many units of one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub id: LineId,
    pub sku: Sku,
    /// As the shop shows it.
    pub name: Arc<str>,
    pub quantity: u32,
    /// Every code that counts as this item, the catalog's apart.
    pub codes: Vec<ProductCode>,
    /// Where it lies.
    pub bin: Option<BinId>,
    /// Of one unit, in grams.
    pub weight_g: Option<u32>,
    pub capture: Capture,
}

/// What is to be recorded of each unit when it is packed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capture {
    pub serial: bool,
    pub lot: bool,
    pub expiry: bool,
    /// What a serial or lot looks like when it stands alone in a code.
    pub pattern: Option<Pattern>,
}

/// How the goods leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    Carrier { carrier: CarrierId, service: Option<Box<str>> },
    Pickup,
}

/// What the checkout promised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Promise {
    pub ship_by: Option<Timestamp>,
    pub deliver_from: Option<Timestamp>,
    pub deliver_by: Option<Timestamp>,
}

/// Whom the platform may tell, and how: opaque here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    pub customer: Option<Box<str>>,
    pub channels: Vec<Box<str>>,
    pub language: Option<Box<str>>,
}

/// What becomes of an order that can't be filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnShort {
    #[default]
    ShipRest,
    Hold,
    Cancel,
}

/// An order at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub terms: Arc<Terms>,
    pub progress: Progress,
}

/// What has been done: the part that scans change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub state: State,
    /// Nobody works on it until the platform releases it; its state is where it goes on then.
    pub held: bool,
    /// It comes before all others.
    pub expedited: bool,
    /// The box that it is gathered in.
    pub tote: Option<ToteId>,
    /// Parallel to the terms' lines.
    pub lines: Vec<Done>,
    /// In the order of their numbers, from 1; at most the last one is open.
    pub parcels: Vec<Parcel>,
    /// Picked goods that the order no longer wants, until each is scanned back.
    pub put_back: Vec<PutBack>,
    /// How often couriers were asked for parcels, by their numbers, that were taken apart again.
    pub taken_apart: Vec<(u32, u32)>,
    /// What the customer was told, each milestone once, the last one last.
    pub told: Vec<Told>,
}

/// Units of one line: `packed <= picked`, and `picked + short <=` the line's quantity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    pub picked: u32,
    pub packed: u32,
    /// Units that this site can't deliver.
    pub short: u32,
}

/// Goods that go back on the shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutBack {
    pub item: Item,
    pub codes: Vec<ProductCode>,
    pub units: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    Accepted,
    Packing,
    Packed,
    PartlyDispatched,
    Completed,
    Cancelled,
    /// Known from an older copy of the database: nobody works on it until the platform puts it again.
    AwaitsPlatform,
    Picking,
    Picked,
}

impl State {
    /// Every state, with the word for it in the database and in interfaces.
    pub const WORDS: [(&str, Self); 9] = [
        ("accepted", Self::Accepted),
        ("packing", Self::Packing),
        ("packed", Self::Packed),
        ("partly_dispatched", Self::PartlyDispatched),
        ("completed", Self::Completed),
        ("cancelled", Self::Cancelled),
        ("awaits_platform", Self::AwaitsPlatform),
        ("picking", Self::Picking),
        ("picked", Self::Picked),
    ];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize].0
    }

    /// Whether it has been begun and goes on here.
    #[must_use]
    pub fn is_at_work(self) -> bool {
        matches!(self, Self::Picking | Self::Picked | Self::Packing | Self::Packed | Self::PartlyDispatched)
    }

    /// Whether nothing more will happen to the order.
    #[must_use]
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }
}

/// One parcel of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    pub n: u32,
    /// From sealing on, until it is reopened.
    pub sscc: Option<Sscc>,
    pub state: ParcelState,
    /// Line index and units.
    pub contents: Vec<(usize, u32)>,
    /// What was recorded of single units, with their line's index.
    pub recorded: Vec<(usize, Values)>,
    /// What the courier was asked for with, for which collection, and how often it has been asked.
    pub dispatch: Option<DispatchKey>,
    pub collection: Option<CollectionId>,
    pub dispatch_revision: u32,
    pub manifest: Option<ManifestId>,
    /// The carrier's number, and the revision of the carrier's label that it stands on.
    pub tracking: Option<Box<str>>,
    pub label_revision: u32,
    /// It carries a label that is no longer its own.
    pub void: bool,
    /// Where its customer can have it.
    pub place: Option<BinId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParcelState {
    Open,
    Sealed,
    Loaded,
    HandedOver,
    Withdrawn,
    Labelled,
    Ready,
    Collected,
}

impl ParcelState {
    /// Every state, with the word for it in the database and in interfaces.
    pub const WORDS: [(&str, Self); 8] = [
        ("open", Self::Open),
        ("sealed", Self::Sealed),
        ("loaded", Self::Loaded),
        ("handed_over", Self::HandedOver),
        ("withdrawn", Self::Withdrawn),
        ("labelled", Self::Labelled),
        ("ready", Self::Ready),
        ("collected", Self::Collected),
    ];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize].0
    }

    /// Whether the parcel has left this site for good.
    #[must_use]
    pub fn is_gone(self) -> bool {
        matches!(self, Self::HandedOver | Self::Collected)
    }

    /// Whether it is packed and waits here, on no manifest.
    #[must_use]
    pub fn waits(self) -> bool {
        matches!(self, Self::Sealed | Self::Labelled | Self::Ready)
    }
}

impl Terms {
    /// Whether `other` asks for the same units of the same products.
    #[must_use]
    pub fn same_goods(&self, other: &Self) -> bool {
        let goods = |line: &Line| (line.id.clone(), line.sku.clone(), line.quantity);
        self.lines.iter().map(goods).eq(other.lines.iter().map(goods))
    }
}

impl Order {
    /// A new order with nothing done.
    #[must_use]
    pub fn accept(terms: Arc<Terms>) -> Self {
        let lines = vec![Done::default(); terms.lines.len()];
        Self { terms, progress: Progress::of(State::Accepted, lines) }
    }

    /// The line that `code`, or the product that the catalog knows it as, stands on: the first that `wants` it, or else
    /// the first.
    #[must_use]
    pub fn line_for(&self, code: &str, sku: Option<&Sku>, wants: impl Fn(usize) -> bool) -> Option<usize> {
        let matches = |index: &usize| {
            let line = &self.terms.lines[*index];
            Some(&line.sku) == sku || line.codes.iter().any(|known| **known == *code)
        };
        let mut on_order = (0..self.terms.lines.len()).filter(matches);
        let first = on_order.next()?;
        std::iter::once(first).chain(on_order).find(|index| wants(*index)).or(Some(first))
    }

    /// The index of the line with this id.
    #[must_use]
    pub fn line(&self, id: &LineId) -> Option<usize> {
        self.terms.lines.iter().position(|line| line.id == *id)
    }

    /// Units that a line asks for, without those that can't be delivered.
    #[must_use]
    pub fn wanted(&self, line: usize) -> u32 {
        self.terms.lines[line].quantity.saturating_sub(self.progress.lines[line].short)
    }

    /// Units that a line still wants picked.
    #[must_use]
    pub fn missing(&self, line: usize) -> u32 {
        self.wanted(line).saturating_sub(self.progress.lines[line].picked)
    }

    /// Units that a line still wants packed, picked or not.
    #[must_use]
    pub fn unpacked(&self, line: usize) -> u32 {
        self.wanted(line).saturating_sub(self.progress.lines[line].packed)
    }

    /// Units packed and units wanted over all lines.
    #[must_use]
    pub fn units(&self) -> (u32, u32) {
        (self.progress.lines.iter().map(|done| done.packed).sum(), self.units_wanted())
    }

    /// Units picked and units wanted over all lines.
    #[must_use]
    pub fn units_picked(&self) -> (u32, u32) {
        (self.progress.lines.iter().map(|done| done.picked).sum(), self.units_wanted())
    }

    fn units_wanted(&self) -> u32 {
        (0..self.terms.lines.len()).map(|line| self.wanted(line)).sum()
    }

    /// Whether every line has the units packed that can be had.
    #[must_use]
    pub fn is_filled(&self) -> bool {
        (0..self.terms.lines.len()).all(|line| self.unpacked(line) == 0)
    }

    /// Whether every line has the units picked that can be had.
    #[must_use]
    pub fn is_picked(&self) -> bool {
        (0..self.terms.lines.len()).all(|line| self.missing(line) == 0)
    }

    /// The word for its state in interfaces.
    #[must_use]
    pub fn state_word(&self) -> &'static str {
        if self.progress.held { "held" } else { self.progress.state.word() }
    }

    /// Goods of this code or product that go back on the shelf.
    #[must_use]
    pub fn put_back_for(&self, code: &str, sku: Option<&Sku>) -> Option<&PutBack> {
        let is = |goods: &&PutBack| Some(&goods.item.sku) == sku || goods.codes.iter().any(|known| **known == *code);
        self.progress.put_back.iter().find(is)
    }

    /// Goods of this line that go back on the shelf, while it still stands for their product.
    #[must_use]
    pub fn put_back_of(&self, line: usize) -> Option<&PutBack> {
        let line = self.terms.lines.get(line)?;
        self.progress.put_back.iter().find(|goods| goods.item.line == line.id && goods.item.sku == line.sku)
    }

    /// Every serial number that stands in a parcel of it, with its product.
    pub fn serials(&self) -> impl Iterator<Item = (&Sku, &str)> {
        let parcels = self.progress.parcels.iter().filter(|parcel| parcel.state != ParcelState::Withdrawn);
        let recorded = parcels.flat_map(|parcel| &parcel.recorded);
        recorded.filter_map(|(line, values)| Some((&self.terms.lines[*line].sku, values.serial.as_deref()?)))
    }

    /// What a parcel's contents weigh, in grams, where every unit's weight is known.
    #[must_use]
    pub fn weight_g(&self, parcel: &Parcel) -> Option<u64> {
        let line_weight = |(line, units): &(usize, u32)| {
            let weighed = parcel.recorded.iter().filter(|(of, _)| of == line).filter_map(|(_, values)| values.weight_g);
            let (weight, count) = weighed.fold((0, 0), |(sum, count), weight| (sum + u64::from(weight), count + 1));
            match units.saturating_sub(count) {
                0 => Some(weight),
                rest => Some(weight + u64::from(self.terms.lines[*line].weight_g?) * u64::from(rest)),
            }
        };
        parcel.contents.iter().map(line_weight).sum()
    }

    /// The parcel that units go into now.
    #[must_use]
    pub fn open_parcel(&self) -> Option<&Parcel> {
        self.progress.parcels.last().filter(|parcel| parcel.state == ParcelState::Open)
    }

    /// The number that the next unit's parcel has.
    #[must_use]
    pub fn packing_into(&self) -> u32 {
        match self.open_parcel() {
            Some(open) => open.n,
            None => self.progress.parcels.len() as u32 + 1,
        }
    }

    /// How many parcels the order has, once that is certain.
    #[must_use]
    pub fn parcels_total(&self) -> Option<u32> {
        let certain = matches!(
            self.progress.state,
            State::Packed | State::PartlyDispatched | State::Completed | State::Cancelled
        );
        certain.then_some(self.progress.parcels.len() as u32)
    }

    /// The parcel with this number.
    #[must_use]
    pub fn parcel(&self, n: u32) -> Option<&Parcel> {
        self.progress.parcels.get(n.checked_sub(1)? as usize)
    }

    /// The parcel's contents as lines and units.
    pub fn contents<'a>(&'a self, parcel: &'a Parcel) -> impl Iterator<Item = (&'a Line, u32)> {
        parcel.contents.iter().map(|(line, units)| (&self.terms.lines[*line], *units))
    }

    /// Whether every parcel is with its carrier or customer.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        !self.progress.parcels.is_empty() && self.progress.parcels.iter().all(|parcel| parcel.state.is_gone())
    }
}

impl Progress {
    /// Nothing but a state and its lines.
    #[must_use]
    pub fn of(state: State, lines: Vec<Done>) -> Self {
        let (parcels, put_back, taken_apart, told) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { state, held: false, expedited: false, tote: None, lines, parcels, put_back, taken_apart, told }
    }
}

impl Parcel {
    /// An empty parcel.
    #[must_use]
    pub fn open(n: u32) -> Self {
        Self {
            n,
            sscc: None,
            state: ParcelState::Open,
            contents: Vec::new(),
            recorded: Vec::new(),
            dispatch: None,
            collection: None,
            dispatch_revision: 0,
            manifest: None,
            tracking: None,
            label_revision: 0,
            void: false,
            place: None,
        }
    }

    /// Units of a line in it.
    #[must_use]
    pub fn units_of(&self, line: usize) -> u32 {
        self.contents.iter().find(|(known, _)| *known == line).map_or(0, |(_, units)| *units)
    }

    /// Units of a line of which something was recorded.
    fn recorded_of(&self, line: usize) -> usize {
        self.recorded.iter().filter(|(of, _)| *of == line).count()
    }

    fn put(&mut self, line: usize, more: u32) {
        match self.contents.iter_mut().find(|(known, _)| *known == line) {
            Some((_, units)) => *units += more,
            None => self.contents.push((line, more)),
        }
    }

    fn take(&mut self, line: usize, less: u32) -> Option<()> {
        let at = self.contents.iter().position(|(known, units)| *known == line && less <= *units)?;
        self.contents[at].1 -= less;
        if self.contents[at].1 == 0 {
            self.contents.remove(at);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
