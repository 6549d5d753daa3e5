//! New terms for an order at work, and its progress where an older copy of the site had forgotten it.

use super::{Line, Of, Order, Parcel, ParcelState, State, Units, add, take};
use serde::Deserialize;

/// What this platform told a site of an order's progress, come back with the terms that the site took.
#[derive(Debug, Deserialize)]
pub struct Known {
    #[serde(default)]
    lines: Vec<KnownLine>,
    #[serde(default)]
    parcels: Vec<KnownParcel>,
    #[serde(default)]
    packed: bool,
}

#[derive(Debug, Deserialize)]
struct KnownLine {
    line: String,
    #[serde(deserialize_with = "super::super::count")]
    picked: i64,
    #[serde(deserialize_with = "super::super::count")]
    packed: i64,
    #[serde(default, deserialize_with = "super::super::count")]
    short: i64,
}

#[derive(Debug, Deserialize)]
struct KnownParcel {
    parcel: i64,
    sscc: String,
    #[serde(default)]
    handed_over: bool,
    contents: Vec<KnownUnits>,
}

#[derive(Debug, Deserialize)]
struct KnownUnits {
    line: String,
    #[serde(deserialize_with = "super::super::count")]
    quantity: i64,
}

impl Order {
    /// A site that has forgotten the order takes it as a new one: what it had done follows as `known`.
    pub fn accepted(&mut self, lines: Vec<Line>) {
        (self.held, self.expedited, self.tote) = (false, false, None);
        if matches!(self.state, State::Put | State::Cancelled) {
            *self = Self { state: State::Accepted, lines, ..Self::put(self.revision) };
        } else {
            self.updated(lines, None);
        }
    }

    /// Keeps what was done for every line that still stands for the same product; what was picked for nothing is to be
    /// put back.
    pub fn updated(&mut self, mut lines: Vec<Line>, known: Option<&Known>) {
        for at in 0..self.lines.len() {
            let was = &self.lines[at];
            let new = lines.iter().position(|line| line.line == was.line && line.sku == was.sku);
            let kept = self.reduced(at, new.map_or(0, |new| lines[new].wanted));
            if let Some(new) = new {
                let Line { picked, packed, short, .. } = kept;
                lines[new] = Line { picked, packed, short, ..lines[new].clone() };
            }
        }
        self.lines = lines;
        for parcel in &mut self.parcels {
            let lines = &self.lines;
            parcel.contents.retain(|units| lines.iter().any(|line| line.line == units.line && line.sku == units.sku));
        }
        self.drop_empty();
        match (self.state, known) {
            (State::Put, None) => self.state = State::Accepted,
            (State::Completed | State::Cancelled, _) | (_, None) => self.pick_again(),
            (_, Some(known)) => {
                self.adopt(known);
                self.state_from_progress(known.packed);
            }
        }
        self.settle();
    }

    /// The line with what stays of its progress where only `wanted` units are asked for.
    fn reduced(&mut self, at: usize, wanted: i64) -> Line {
        let line = self.lines[at].clone();
        let (picked, packed) = (line.picked.min(wanted), line.packed.min(wanted));
        let of = Of { line: &line.line, sku: &line.sku, name: &line.name };
        if let Some(open) = self.parcels.last_mut().filter(|last| last.state == ParcelState::Open) {
            let out = (line.packed - packed).min(open.units_of(&line.line));
            if 0 < out {
                take(&mut open.contents, of, out);
            }
        }
        if picked < line.picked {
            add(&mut self.put_back, of, line.picked - picked);
        }
        Line { picked, packed, short: line.short.min(wanted - picked), ..line }
    }

    /// The site has no less of each than it was told. What is packed and in no closed parcel is in the open one.
    fn adopt(&mut self, known: &Known) {
        for theirs in &known.lines {
            if let Some(line) = self.line(&theirs.line) {
                line.picked = line.picked.max(theirs.picked).max(theirs.packed);
                line.packed = line.packed.max(theirs.packed);
                line.short = line.short.max(theirs.short);
            }
        }
        for theirs in &known.parcels {
            self.adopt_parcel(theirs);
        }
        for at in 0..self.lines.len() {
            let boxed: i64 = self.parcels.iter().map(|parcel| parcel.units_of(&self.lines[at].line)).sum();
            let line = &mut self.lines[at];
            line.packed = line.packed.max(boxed);
            line.picked = line.picked.max(line.packed);
            line.short = line.short.min((line.wanted - line.picked).max(0));
            let (line, loose) = (line.clone(), line.packed - boxed);
            if 0 < loose {
                let of = Of { line: &line.line, sku: &line.sku, name: &line.name };
                add(&mut self.open().contents, of, loose);
            }
        }
    }

    fn adopt_parcel(&mut self, theirs: &KnownParcel) {
        let units = |units: &KnownUnits| {
            let line = self.lines.iter().find(|line| line.line == units.line)?;
            let (sku, name) = (line.sku.clone(), line.name.clone());
            Some(Units { line: units.line.clone(), sku, name, quantity: units.quantity })
        };
        let contents: Vec<Units> = theirs.contents.iter().filter_map(units).collect();
        let same = |ours: &Parcel| ours.state != ParcelState::Open && ours.sscc.as_ref() == Some(&theirs.sscc);
        match self.parcel(theirs.parcel) {
            Some(ours) if same(ours) && (ours.state.is_gone() || !theirs.handed_over) => {}
            _ => {
                self.sealed(theirs.parcel, theirs.sscc.clone(), contents, None);
                if let Some(ours) = self.parcel(theirs.parcel).filter(|_| theirs.handed_over) {
                    ours.state = ParcelState::HandedOver;
                }
            }
        }
    }

    fn open(&mut self) -> &mut Parcel {
        if self.parcels.last().is_none_or(|last| last.state != ParcelState::Open) {
            let n = self.parcels.last().map_or(1, |last| last.n + 1);
            self.parcels.push(Parcel::open(n));
        }
        let last = self.parcels.len() - 1;
        &mut self.parcels[last]
    }

    /// A site that was told of progress goes on from there.
    fn state_from_progress(&mut self, packed: bool) {
        let filled = self.lines.iter().all(|line| line.wanted - line.short <= line.packed);
        let closed = self.parcels.last().is_some_and(|last| last.state != ParcelState::Open);
        self.state = if closed && filled && packed {
            State::Packed
        } else if !self.parcels.is_empty() {
            State::Packing
        } else if self.lines.iter().any(|line| 0 < line.picked) {
            State::Picking
        } else {
            State::Accepted
        };
        self.parcels_total = match self.state {
            State::Packed => i64::try_from(self.parcels.len()).ok(),
            _ => None,
        };
    }
}
