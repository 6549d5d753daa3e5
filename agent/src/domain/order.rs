//! An order and what has been done for it.
//!
//! Its terms come from the platform, its progress from events alone: [`Order::apply`] is the only way it changes.
//! `accepted → packing → packed → partly dispatched → completed`; `cancelled` before hand-over. A parcel goes
//! `open → sealed → loaded → handed over`, back from loaded to sealed, and is `withdrawn` with its order.

use super::event::{Event, Known};
use super::name::CarrierId;
use super::name::{DispatchKey, LineId, ManifestId, OrderId, OrderNumber, ProductCode, Sku};
use super::sscc::Sscc;
use jiff::Timestamp;
use std::sync::Arc;

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
    /// Parallel to the terms' lines.
    pub lines: Vec<Done>,
    /// In the order of their numbers, from 1; at most the last one is open.
    pub parcels: Vec<Parcel>,
}

/// Units of one line: `packed <= picked`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    pub picked: u32,
    pub packed: u32,
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
}

impl State {
    /// Every state, with the word for it in the database and in interfaces.
    pub const WORDS: [(&str, Self); 7] = [
        ("accepted", Self::Accepted),
        ("packing", Self::Packing),
        ("packed", Self::Packed),
        ("partly_dispatched", Self::PartlyDispatched),
        ("completed", Self::Completed),
        ("cancelled", Self::Cancelled),
        ("awaits_platform", Self::AwaitsPlatform),
    ];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize].0
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
    /// From sealing on.
    pub sscc: Option<Sscc>,
    pub state: ParcelState,
    /// Line index and units.
    pub contents: Vec<(usize, u32)>,
    /// What the courier was asked for with, and how often it has been asked.
    pub dispatch: Option<DispatchKey>,
    pub dispatch_revision: u32,
    pub manifest: Option<ManifestId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParcelState {
    Open,
    Sealed,
    Loaded,
    HandedOver,
    Withdrawn,
}

impl ParcelState {
    /// Every state, with the word for it in the database and in interfaces.
    pub const WORDS: [(&str, Self); 5] = [
        ("open", Self::Open),
        ("sealed", Self::Sealed),
        ("loaded", Self::Loaded),
        ("handed_over", Self::HandedOver),
        ("withdrawn", Self::Withdrawn),
    ];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}

/// An event that the order's state does not allow: a programming error live, a damaged log on replay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} is not allowed for order {order} in state {state}")]
pub struct Illegal {
    pub order: OrderId,
    pub state: &'static str,
    pub event: &'static str,
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
        Self { terms, progress: Progress { state: State::Accepted, lines, parcels: Vec::new() } }
    }

    /// The line that `code`, or the product that the catalog knows it as, stands on: one that still wants units
    /// before one that has them all.
    #[must_use]
    pub fn line_for(&self, code: &str, sku: Option<&Sku>) -> Option<usize> {
        let matches = |index: &usize| {
            let line = &self.terms.lines[*index];
            Some(&line.sku) == sku || line.codes.iter().any(|known| **known == *code)
        };
        let mut on_order = (0..self.terms.lines.len()).filter(matches);
        let first = on_order.next()?;
        std::iter::once(first).chain(on_order).find(|index| 0 < self.missing(*index)).or(Some(first))
    }

    /// Units that a line still wants picked.
    #[must_use]
    pub fn missing(&self, line: usize) -> u32 {
        self.terms.lines[line].quantity.saturating_sub(self.progress.lines[line].picked)
    }

    /// Units packed and units wanted over all lines.
    #[must_use]
    pub fn units(&self) -> (u32, u32) {
        let packed = self.progress.lines.iter().map(|done| done.packed).sum();
        let wanted = self.terms.lines.iter().map(|line| line.quantity).sum();
        (packed, wanted)
    }

    /// Whether every line has its units packed.
    #[must_use]
    pub fn is_filled(&self) -> bool {
        self.terms.lines.iter().zip(&self.progress.lines).all(|(line, done)| line.quantity <= done.packed)
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
        let certain = !matches!(self.progress.state, State::Accepted | State::Packing | State::AwaitsPlatform);
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

    /// Whether every parcel is with its carrier.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        !self.progress.parcels.is_empty()
            && self.progress.parcels.iter().all(|parcel| parcel.state == ParcelState::HandedOver)
    }

    /// Known only from an older copy of the database: waits for the platform, and nothing of it is on a manifest.
    pub fn set_aside(&mut self) {
        self.progress.state = State::AwaitsPlatform;
        for parcel in &mut self.progress.parcels {
            if parcel.state == ParcelState::Loaded {
                parcel.state = ParcelState::Sealed;
                parcel.manifest = None;
            }
        }
    }

    /// Whether every unit that has been picked still has a line that wants it under `terms`.
    #[must_use]
    pub fn keeps_what_is_picked(&self, terms: &Terms) -> bool {
        self.terms.lines.iter().zip(&self.progress.lines).filter(|(_, done)| 0 < done.picked).all(|(line, done)| {
            let same = |other: &&Line| other.id == line.id && other.sku == line.sku;
            terms.lines.iter().find(same).is_some_and(|kept| done.picked <= kept.quantity)
        })
    }

    /// Moves on by one event; an event about another order changes nothing.
    pub fn apply(&mut self, event: &Event) -> Result<(), Illegal> {
        if event.order().is_none_or(|order| *order != self.terms.id) {
            return Ok(());
        }
        let illegal =
            Illegal { order: self.terms.id.clone(), state: self.progress.state.word(), event: event.kind().word() };
        self.follow(event).ok_or(illegal)
    }

    fn follow(&mut self, event: &Event) -> Option<()> {
        let state = self.progress.state;
        match (state, event) {
            (State::Accepted, Event::PackStarted { .. }) => self.progress.state = State::Packing,
            (State::Packing, Event::ItemPicked { item, .. }) => {
                let line = self.line(&item.line)?;
                (0 < self.missing(line)).then_some(())?;
                self.progress.lines[line].picked += 1;
            }
            (State::Packing, Event::ItemPacked { item, parcel, .. }) => {
                let line = self.line(&item.line)?;
                let done = self.progress.lines[line];
                (done.packed < done.picked && *parcel == self.packing_into()).then_some(())?;
                self.progress.lines[line].packed += 1;
                self.open().put(line, 1);
            }
            (State::Packing, Event::ParcelSealed { parcel, sscc, .. }) => {
                let open = self.progress.parcels.last_mut()?;
                (open.state == ParcelState::Open && open.n == *parcel && !open.contents.is_empty()).then_some(())?;
                open.state = ParcelState::Sealed;
                open.sscc = Some(*sscc);
            }
            (State::Packing, Event::PackCompleted { .. }) => {
                (self.is_filled() && self.open_parcel().is_none()).then_some(())?;
                self.progress.state = State::Packed;
                self.settle();
            }
            (
                State::Packing | State::Packed | State::PartlyDispatched,
                Event::DispatchRequested { parcel, key, revision, .. },
            ) => {
                let parcel = self.parcel_mut(*parcel)?;
                (parcel.state == ParcelState::Sealed).then_some(())?;
                parcel.dispatch = Some(key.clone());
                parcel.dispatch_revision = *revision;
            }
            (_, Event::DispatchWithdrawn { parcel, .. }) => self.parcel_mut(*parcel)?.dispatch = None,
            (
                State::Packing | State::Packed | State::PartlyDispatched,
                Event::ParcelLoaded { parcel, manifest, .. },
            ) => {
                let parcel = self.parcel_mut(*parcel)?;
                (parcel.state == ParcelState::Sealed).then_some(())?;
                parcel.state = ParcelState::Loaded;
                parcel.manifest = Some(manifest.clone());
            }
            (_, Event::ParcelUnloaded { parcel, .. }) => {
                let cancelled = state == State::Cancelled;
                let parcel = self.parcel_mut(*parcel)?;
                (parcel.state == ParcelState::Loaded).then_some(())?;
                parcel.state = if cancelled { ParcelState::Withdrawn } else { ParcelState::Sealed };
                parcel.manifest = None;
            }
            (State::Packing | State::Packed | State::PartlyDispatched, Event::HandedOver { parcel, .. }) => {
                let parcel = self.parcel_mut(*parcel)?;
                (parcel.state == ParcelState::Loaded).then_some(())?;
                parcel.state = ParcelState::HandedOver;
                self.settle();
            }
            (State::PartlyDispatched, Event::OrderCompleted { .. }) => {
                self.is_gone().then_some(())?;
                self.progress.state = State::Completed;
            }
            (State::Completed | State::Cancelled, Event::OrderCancelled { .. }) => return None,
            (_, Event::OrderCancelled { .. }) => self.withdraw(),
            (State::Completed | State::Cancelled, Event::OrderUpdated { .. }) => return None,
            (State::Packed | State::PartlyDispatched, Event::OrderUpdated { terms, .. }) => {
                self.terms.same_goods(terms).then_some(())?;
                self.update(terms, None);
            }
            (_, Event::OrderUpdated { terms, known }) => self.update(terms, known.as_ref()),
            (_, Event::NotificationRequested(_)) => {}
            _ => return None,
        }
        Some(())
    }

    fn line(&self, id: &LineId) -> Option<usize> {
        self.terms.lines.iter().position(|line| line.id == *id)
    }

    fn parcel_mut(&mut self, n: u32) -> Option<&mut Parcel> {
        self.progress.parcels.get_mut(n.checked_sub(1)? as usize)
    }

    fn open(&mut self) -> &mut Parcel {
        if self.open_parcel().is_none() {
            let n = self.packing_into();
            self.progress.parcels.push(Parcel::open(n));
        }
        let last = self.progress.parcels.len() - 1;
        &mut self.progress.parcels[last]
    }

    /// `packed` becomes `partly dispatched` as soon as a parcel is gone; while packing goes on it stays `packing`.
    fn settle(&mut self) {
        let any_gone = self.progress.parcels.iter().any(|parcel| parcel.state == ParcelState::HandedOver);
        if self.progress.state == State::Packed && any_gone {
            self.progress.state = State::PartlyDispatched;
        }
    }

    /// Parcels that are still on a manifest stay `loaded`, so that they are asked for at hand-over.
    fn withdraw(&mut self) {
        self.progress.state = State::Cancelled;
        for parcel in &mut self.progress.parcels {
            parcel.dispatch = None;
            if matches!(parcel.state, ParcelState::Open | ParcelState::Sealed) {
                parcel.state = ParcelState::Withdrawn;
            }
        }
    }

    /// Takes new terms and keeps what has been done for every line that still stands for the same product.
    fn update(&mut self, terms: &Arc<Terms>, known: Option<&Known>) {
        let old = std::mem::replace(&mut self.terms, Arc::clone(terms));
        let done = std::mem::take(&mut self.progress.lines);
        let place = |was: &Line| terms.lines.iter().position(|line| line.id == was.id && line.sku == was.sku);
        self.progress.lines = vec![Done::default(); terms.lines.len()];
        for (line, done) in old.lines.iter().zip(done) {
            if let Some(index) = place(line) {
                self.progress.lines[index] = done;
            }
        }
        for parcel in &mut self.progress.parcels {
            parcel.contents =
                parcel.contents.iter().filter_map(|(line, units)| Some((place(&old.lines[*line])?, *units))).collect();
        }
        self.progress.parcels.pop_if(|last| last.state == ParcelState::Open && last.contents.is_empty());
        if let Some(known) = known {
            self.adopt(known);
        }
        let packed = known.is_some_and(|known| known.packed);
        match self.progress.state {
            State::AwaitsPlatform => self.progress.state = self.state_from_progress(packed),
            State::Accepted if known.is_some() => self.progress.state = self.state_from_progress(packed),
            _ => {}
        }
        self.settle();
    }

    /// Takes over what the platform knows and this copy of the database does not. What is packed and in no parcel that
    /// either knows is in the open one.
    fn adopt(&mut self, known: &Known) {
        for (id, theirs) in &known.lines {
            if let Some(line) = self.line(id) {
                let ours = &mut self.progress.lines[line];
                ours.picked = ours.picked.max(theirs.picked);
                ours.packed = ours.packed.max(theirs.packed);
            }
        }
        for theirs in &known.parcels {
            let contents = theirs.contents.iter().filter_map(|(id, units)| Some((self.line(id)?, *units))).collect();
            let state = if theirs.handed_over { ParcelState::HandedOver } else { ParcelState::Sealed };
            let parcel = Parcel { contents, sscc: Some(theirs.sscc), state, ..Parcel::open(theirs.n) };
            let place = theirs.n.saturating_sub(1) as usize;
            let next = self.progress.parcels.len();
            match self.progress.parcels.get_mut(place) {
                Some(ours)
                    if ours.sscc == Some(theirs.sscc) && ours.state != ParcelState::Open && !theirs.handed_over => {}
                Some(ours) => *ours = parcel,
                None if place == next => self.progress.parcels.push(parcel),
                None => {}
            }
        }
        for line in 0..self.terms.lines.len() {
            let boxed = self.boxed(line);
            let done = &mut self.progress.lines[line];
            done.packed = done.packed.max(boxed);
            done.picked = done.picked.max(done.packed);
            let loose = done.packed - boxed;
            if 0 < loose {
                self.open().put(line, loose);
            }
        }
    }

    /// Units of a line in all parcels.
    fn boxed(&self, line: usize) -> u32 {
        let contents = self.progress.parcels.iter().flat_map(|parcel| &parcel.contents);
        contents.filter(|(known, _)| *known == line).map(|(_, units)| units).sum()
    }

    fn state_from_progress(&self, packed: bool) -> State {
        let begun = self.progress.lines.iter().any(|done| 0 < done.picked);
        let parcels_closed = self.open_parcel().is_none() && !self.progress.parcels.is_empty();
        match (begun, parcels_closed && self.is_filled() && packed) {
            (_, true) => State::Packed,
            (true, false) => State::Packing,
            (false, false) => State::Accepted,
        }
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
            dispatch: None,
            dispatch_revision: 0,
            manifest: None,
        }
    }

    fn put(&mut self, line: usize, more: u32) {
        match self.contents.iter_mut().find(|(known, _)| *known == line) {
            Some((_, units)) => *units += more,
            None => self.contents.push((line, more)),
        }
    }
}

#[cfg(test)]
mod tests;
