//! New terms for an order at work: what has been done is kept where a line still stands for the same product, and what
//! was picked for nothing goes back on the shelf.

use super::{Delivery, Done, Line, Order, Parcel, ParcelState, State, Terms};
use crate::domain::event::{Known, KnownParcel};
use std::sync::Arc;

impl Order {
    /// Known only from an older copy of the database: waits for the platform, and nothing of it is on a manifest.
    pub fn set_aside(&mut self) {
        self.progress.state = State::AwaitsPlatform;
        for parcel in &mut self.progress.parcels {
            if parcel.state == ParcelState::Loaded {
                let void = std::mem::take(&mut parcel.void);
                parcel.state = if void { ParcelState::Sealed } else { ParcelState::Labelled };
                parcel.manifest = None;
            }
        }
    }

    /// Whether the order can go on under `terms`: nothing that is sealed, here or by what is `known`, would have to come
    /// out of its parcel, and what is packed stays as it is.
    #[must_use]
    pub fn can_take(&self, terms: &Arc<Terms>, known: Option<&Known>) -> bool {
        let packed = matches!(self.progress.state, State::Packed | State::PartlyDispatched);
        if packed && !self.terms.same_goods(terms) {
            return false;
        }
        let known = known.filter(|_| self.is_known_better_elsewhere());
        let stay = |parcel: &&Parcel| {
            parcel.state != ParcelState::Open
                && known.is_none_or(|known| !known.parcels.iter().any(|theirs| replaces(theirs, parcel)))
        };
        let own_fit = self.terms.lines.iter().enumerate().all(|(index, line)| {
            let sealed: u32 = self.progress.parcels.iter().filter(stay).map(|parcel| parcel.units_of(index)).sum();
            sealed == 0 || place(terms, line).is_some_and(|kept| sealed <= terms.lines[kept].quantity)
        });
        own_fit
            && known.is_none_or(|known| {
                let mut after = self.clone();
                after.update(terms, Some(known));
                (0..terms.lines.len()).all(|line| after.sealed(line) <= terms.lines[line].quantity)
            })
    }

    /// Whether this database may have forgotten what was done for the order; one at work here has it in its log.
    fn is_known_better_elsewhere(&self) -> bool {
        matches!(self.progress.state, State::Accepted | State::AwaitsPlatform)
    }

    /// Takes new terms and keeps what has been done for every line that still stands for the same product.
    pub(super) fn update(&mut self, terms: &Arc<Terms>, known: Option<&Known>) {
        let known = known.filter(|_| self.is_known_better_elsewhere());
        for line in 0..self.terms.lines.len() {
            let line_of_new = place(terms, &self.terms.lines[line]);
            let quantity = line_of_new.map_or(0, |index| terms.lines[index].quantity);
            self.reduce(line, quantity);
        }
        let old = std::mem::replace(&mut self.terms, Arc::clone(terms));
        let done = std::mem::take(&mut self.progress.lines);
        self.progress.lines = vec![Done::default(); terms.lines.len()];
        for (line, done) in old.lines.iter().zip(done) {
            if let Some(index) = place(terms, line) {
                self.progress.lines[index] = done;
            }
        }
        for parcel in &mut self.progress.parcels {
            let moved = |line: usize| place(terms, &old.lines[line]);
            parcel.contents =
                parcel.contents.iter().filter_map(|(line, units)| Some((moved(*line)?, *units))).collect();
            parcel.recorded =
                parcel.recorded.iter().filter_map(|(line, values)| Some((moved(*line)?, values.clone()))).collect();
            if parcel.state == ParcelState::Ready && terms.delivery != Delivery::Pickup {
                parcel.state = ParcelState::Labelled;
                parcel.place = None;
            }
        }
        if let Some(known) = known {
            self.adopt(known);
        }
        self.take_apart_if_empty();
        let packed = known.is_some_and(|known| known.packed);
        match self.progress.state {
            State::AwaitsPlatform => {
                self.progress.state = self.state_from_progress(packed);
                // Whether it is still on hold only the platform knows, and it says so after putting it.
                self.progress.held = false;
            }
            State::Accepted if known.is_some() => self.progress.state = self.state_from_progress(packed),
            _ => self.pick_again(),
        }
        self.settle();
        if known.is_some() {
            self.presume_told();
        }
    }

    /// A line that wants fewer units than before: what was picked beyond them goes back, out of the open parcel first.
    fn reduce(&mut self, line: usize, quantity: u32) {
        let done = self.progress.lines[line];
        let packed = done.packed.min(quantity);
        let picked = done.picked.min(quantity);
        if let Some(open) = self.progress.parcels.last_mut().filter(|last| last.state == ParcelState::Open) {
            let out = (done.packed - packed).min(open.units_of(line));
            let kept = open.units_of(line) - out;
            let _ = open.take(line, out);
            let recorded = open.recorded_of(line);
            for _ in (kept as usize)..recorded {
                if let Some(at) = open.recorded.iter().rposition(|(of, _)| *of == line) {
                    open.recorded.remove(at);
                }
            }
        }
        if picked < done.picked {
            self.return_to_shelf(line, done.picked - picked);
        }
        self.progress.lines[line] = Done { picked, packed, short: done.short.min(quantity - picked) };
    }

    /// Takes over what the platform knows and this copy of the database does not. What is packed and in no parcel that
    /// either knows is in the open one.
    fn adopt(&mut self, known: &Known) {
        for (id, theirs) in &known.lines {
            if let Some(line) = self.line(id) {
                let ours = &mut self.progress.lines[line];
                ours.picked = ours.picked.max(theirs.picked);
                ours.packed = ours.packed.max(theirs.packed);
                ours.short = ours.short.max(theirs.short);
            }
        }
        for theirs in &known.parcels {
            let state = if theirs.handed_over { ParcelState::HandedOver } else { ParcelState::Sealed };
            let mut parcel = Parcel { sscc: Some(theirs.sscc), state, ..Parcel::open(theirs.n) };
            for (id, units) in &theirs.contents {
                if let Some(line) = self.line(id).filter(|_| 0 < *units) {
                    parcel.put(line, *units);
                }
            }
            let place = theirs.n.saturating_sub(1) as usize;
            let next = self.progress.parcels.len();
            match self.progress.parcels.get_mut(place) {
                Some(ours) if replaces(theirs, ours) => *ours = parcel,
                Some(_) => {}
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
            self.reduce(line, self.terms.lines[line].quantity);
        }
    }

    /// Units of a line in all parcels.
    pub(super) fn boxed(&self, line: usize) -> u32 {
        self.progress.parcels.iter().map(|parcel| parcel.units_of(line)).sum()
    }

    /// Units of a line in parcels that are closed.
    fn sealed(&self, line: usize) -> u32 {
        let closed = self.progress.parcels.iter().filter(|parcel| parcel.state != ParcelState::Open);
        closed.map(|parcel| parcel.units_of(line)).sum()
    }

    fn state_from_progress(&self, packed: bool) -> State {
        let picked = self.progress.lines.iter().any(|done| 0 < done.picked);
        let begun = !self.progress.parcels.is_empty();
        let closed = self.open_parcel().is_none() && begun;
        match (picked, begun) {
            _ if closed && self.is_filled() && packed => State::Packed,
            (_, true) => State::Packing,
            (true, false) => State::Picking,
            (false, false) => State::Accepted,
        }
    }
}

/// Whether a parcel that the platform knows is another than ours of its number, or has gone further.
fn replaces(theirs: &KnownParcel, ours: &Parcel) -> bool {
    let same = ours.sscc == Some(theirs.sscc) && ours.state != ParcelState::Open;
    theirs.n == ours.n && (!same || theirs.handed_over)
}

/// Where `terms` have the line for the same product.
fn place(terms: &Terms, was: &Line) -> Option<usize> {
    terms.lines.iter().position(|line| line.id == was.id && line.sku == was.sku)
}
