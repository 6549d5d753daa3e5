//! What the platform commands, and what becomes of a site that dies.

use super::world::{Line, OnShort, Order, Parcel, Place, Received, Return, State, World};

/// What `order.put` says.
#[derive(Clone, Debug)]
pub struct Terms {
    pub lines: Vec<Line>,
    pub carrier: Option<&'static str>,
    pub on_short: OnShort,
}

fn accepted() -> String {
    "accepted".into()
}

impl World {
    pub fn put(&mut self, number: u32, terms: Terms) -> String {
        let age = self.orders.len();
        let Some(order) = self.orders.get_mut(&number) else {
            let Terms { lines, carrier, on_short } = terms;
            let order = Order {
                state: State::Accepted,
                held: false,
                expedited: false,
                heard: 1,
                lines,
                carrier,
                on_short,
                parcels: Vec::new(),
                put_back: Vec::new(),
                tote: None,
                age,
            };
            self.orders.insert(number, order);
            return accepted();
        };
        match order.state {
            State::Completed => return "rejected (handed_over)".into(),
            State::Cancelled => return "rejected (cancelled)".into(),
            _ if !order.can_take(&terms) => return "rejected (packed)".into(),
            _ => {}
        }
        let rerouted = order.carrier != terms.carrier;
        order.merge(terms);
        for n in 0..order.parcels.len() {
            let place = self.orders[&number].parcels[n].place;
            if rerouted && (place.waits() || place == Place::Loaded) {
                self.void_label(number, n);
            }
        }
        let order = self.order(number);
        if order.lines.iter().all(|line| line.quantity == line.short) {
            order.cancel();
        }
        self.pick_again(number);
        self.order(number).end_picking();
        accepted()
    }

    /// Where one picks and another packs, what is missing again is picked first.
    fn pick_again(&mut self, number: u32) {
        let two_steps = self.two_steps;
        let order = self.order(number);
        if two_steps && order.state == State::Packing && !order.is_picked() && !order.held {
            order.state = State::Picking;
        }
    }

    /// It goes another way: nobody shall come for it under its old label.
    fn void_label(&mut self, number: u32, n: usize) {
        self.mint(number, n);
        let order = self.order(number);
        (order.parcels[n].asked, order.parcels[n].revision) = (None, 0);
        order.parcels[n].wants_label();
        self.ask(number, n);
    }

    /// `parcel.label`: one before it is void. What its carrier has can only get a number.
    pub fn label_anew(&mut self, number: u32, n: usize, revision: u32, numbered: bool) -> String {
        let order = self.order(number);
        let cancelled = order.state == State::Cancelled;
        let Some(parcel) = order.parcels.get_mut(n) else {
            return "rejected (no_parcel)".into();
        };
        match parcel.place {
            place if place.is_gone() && !(numbered && place == Place::HandedOver) => {
                return "rejected (handed_over)".into();
            }
            Place::Withdrawn => return "rejected (cancelled)".into(),
            Place::Open => return "rejected (no_parcel)".into(),
            _ if revision < parcel.revision => return "rejected (stale)".into(),
            _ if revision == parcel.revision => return "duplicate (duplicate)".into(),
            Place::HandedOver => {}
            _ if cancelled => return "rejected (cancelled)".into(),
            _ => {}
        }
        parcel.revision = revision;
        if parcel.place != Place::HandedOver {
            parcel.wants_label();
        }
        accepted()
    }

    pub fn cancel(&mut self, number: u32) -> String {
        match self.orders[&number].state {
            State::Completed => "rejected (handed_over)".into(),
            State::Cancelled => "rejected (cancelled)".into(),
            _ => {
                self.order(number).cancel();
                accepted()
            }
        }
    }

    /// `hold`, `release`, `expedite`.
    pub fn steer(&mut self, verb: &str, number: u32) -> String {
        let order = self.order(number);
        match (order.state, verb) {
            (State::Completed, _) => return "rejected (handed_over)".into(),
            (State::Cancelled, _) => return "rejected (cancelled)".into(),
            (_, "hold") => order.held = true,
            (_, "release") if order.held => {
                order.held = false;
                self.ask_for_waiting(number);
                self.pick_again(number);
                self.order(number).end_picking();
            }
            (_, "expedite") if !order.expedited => order.expedited = true,
            _ => return "duplicate (done)".into(),
        }
        self.order(number).heard += 1;
        accepted()
    }

    pub fn announce(&mut self, id: &str, order: Option<u32>, lines: &[(char, u32)]) -> String {
        let announced = lines.iter().map(|(_, units)| units).sum();
        let lines: Vec<char> = lines.iter().map(|(sku, _)| *sku).collect();
        let known = self.returns.entry(id.to_owned()).or_insert(Return {
            order,
            announced,
            lines: lines.clone(),
            state: Received::Authorized,
            found: Vec::new(),
        });
        if known.state == Received::Completed {
            return "rejected (completed)".into();
        }
        (known.order, known.announced, known.lines) = (order, announced, lines);
        accepted()
    }

    pub fn set_stock(&mut self, sku: char, units: i64) -> String {
        self.on_hand.insert(sku, units);
        accepted()
    }

    /// The agent died: nobody knows whether the last answers were heard. An orderly stop leaves that as it is.
    pub fn crash(&mut self) {
        for heard in self.stations.values_mut().filter_map(|station| station.heard.as_mut()) {
            heard.doubtful = true;
        }
    }
}

impl Parcel {
    /// What is on a manifest must come down before it is labelled.
    fn wants_label(&mut self) {
        match self.place {
            Place::Loaded => self.void = true,
            _ => self.place = Place::Sealed,
        }
    }
}

impl Order {
    /// What is sealed stays in its parcel, and what is packed stays as it is.
    fn can_take(&self, terms: &Terms) -> bool {
        let goods = |line: &Line| (line.id.clone(), line.sku, line.quantity);
        let same = self.lines.iter().map(goods).eq(terms.lines.iter().map(goods));
        let sealed = |line: &Line| -> u32 {
            let closed = self.parcels.iter().filter(|parcel| parcel.place != Place::Open);
            closed.filter_map(|parcel| parcel.contents.get(&line.id)).sum()
        };
        let asked = |line: &Line| {
            let kept = terms.lines.iter().find(|new| new.id == line.id && new.sku == line.sku);
            kept.map_or(0, |kept| kept.quantity)
        };
        match self.state {
            State::Packed | State::PartlyDispatched => same,
            _ => self.lines.iter().all(|line| sealed(line) <= asked(line)),
        }
    }

    /// Lines that still stand for the same product keep what was done for them; the rest goes back.
    fn merge(&mut self, terms: Terms) {
        let old = std::mem::replace(&mut self.lines, terms.lines);
        (self.carrier, self.on_short) = (terms.carrier, terms.on_short);
        self.heard += 1;
        for was in old {
            let kept = self.lines.iter_mut().find(|new| new.id == was.id && new.sku == was.sku);
            let quantity = kept.as_ref().map_or(0, |kept| kept.quantity);
            let (picked, packed) = (was.picked.min(quantity), was.packed.min(quantity));
            if let Some(kept) = kept {
                kept.picked = picked;
                kept.packed = packed;
                kept.short = was.short.min(quantity - picked);
            }
            self.give_back(&was.id, was.sku, was.picked - picked);
            self.out_of_parcel(&was.id, was.packed - packed);
        }
        if self.state == State::Picked && !self.is_picked() {
            self.state = State::Picking;
        }
    }

    /// Nobody can scan what is no longer missing.
    fn end_picking(&mut self) {
        if self.state == State::Picking && self.is_picked() && !self.held {
            self.state = State::Picked;
        }
    }

    fn out_of_parcel(&mut self, line: &str, units: u32) {
        let Some(open) = self.open_parcel().filter(|_| 0 < units) else {
            return;
        };
        let left = open.contents[line] - units;
        open.contents.insert(line.to_owned(), left);
        open.contents.retain(|_, units| 0 < *units);
        if open.contents.is_empty() {
            self.parcels.pop();
        }
    }
}
