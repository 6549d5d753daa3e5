//! The moves that an order may make, live and on replay: one `match` that refuses the rest.

use super::{Delivery, Order, Parcel, ParcelState, PutBack, State};
use crate::domain::code::Values;
use crate::domain::event::{Event, Item};
use crate::domain::name::OrderId;
use std::sync::Arc;

/// An event that the order's state does not allow: a programming error live, a damaged log on replay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} is not allowed for order {order} in state {state}")]
pub struct Illegal {
    pub order: OrderId,
    pub state: &'static str,
    pub event: &'static str,
}

impl Order {
    /// Moves on by one event; an event about another order changes nothing.
    ///
    /// # Errors
    /// The order's state does not allow it.
    pub fn apply(&mut self, event: &Event) -> Result<(), Illegal> {
        // What is said about an order moves it no further.
        if matches!(event, Event::PromiseTurned { .. } | Event::PromiseKept { .. }) {
            return Ok(());
        }
        if event.order().is_none_or(|order| *order != self.terms.id) {
            return Ok(());
        }
        let illegal = Illegal { order: self.terms.id.clone(), state: self.state_word(), event: event.kind().word() };
        self.follow(event).ok_or(illegal)
    }

    fn follow(&mut self, event: &Event) -> Option<()> {
        if self.progress.held && is_work(event) {
            return None;
        }
        match event {
            Event::PickStarted { .. } | Event::PickCompleted { .. } | Event::PackStarted { .. } => self.step(event),
            Event::ItemPicked { .. }
            | Event::ItemUnpicked { .. }
            | Event::ItemShort { .. }
            | Event::ItemPacked { .. }
            | Event::ItemUnpacked { .. } => self.count(event),
            Event::ParcelSealed { .. }
            | Event::ParcelReopened { .. }
            | Event::ParcelLabelled { .. }
            | Event::LabelReceived { .. }
            | Event::LabelVoided { .. }
            | Event::PackCompleted { .. } => self.pack(event),
            Event::DispatchRequested { .. }
            | Event::DispatchWithdrawn { .. }
            | Event::DispatchMissed { .. }
            | Event::LabelRequested { .. }
            | Event::ParcelReady { .. }
            | Event::ParcelLoaded { .. }
            | Event::ParcelUnloaded { .. }
            | Event::HandedOver { .. }
            | Event::LeftBehind { .. } => self.dispatch(event),
            Event::NotificationRequested(notice) => {
                self.remember_told(notice);
                Some(())
            }
            _ => self.lead(event),
        }
    }

    /// What begins and ends a part of the work.
    fn step(&mut self, event: &Event) -> Option<()> {
        match (self.progress.state, event) {
            (State::Accepted | State::Picking | State::Picked | State::Packing, Event::PickStarted { tote, .. }) => {
                self.progress.state = State::Picking;
                self.progress.tote = tote.clone().or_else(|| self.progress.tote.take());
            }
            (State::Picking, Event::PickCompleted { .. }) => {
                self.is_picked().then_some(())?;
                self.progress.state = State::Picked;
            }
            (State::Accepted | State::Picking | State::Picked | State::Packing, Event::PackStarted { tote, .. }) => {
                self.progress.state = State::Packing;
                self.progress.tote = tote.clone().or_else(|| self.progress.tote.take());
            }
            _ => return None,
        }
        Some(())
    }

    fn count(&mut self, event: &Event) -> Option<()> {
        match (self.progress.state, event) {
            (State::Picking | State::Packing, Event::ItemPicked { item, .. }) => {
                let line = self.line(&item.line)?;
                (0 < self.missing(line)).then_some(())?;
                self.progress.lines[line].picked += 1;
            }
            (_, Event::ItemUnpicked { item, put_back: true, .. }) => self.put_back(item)?,
            (State::Picking | State::Picked | State::Packing, Event::ItemUnpicked { item, .. }) => {
                let line = self.line(&item.line)?;
                let done = &mut self.progress.lines[line];
                (done.packed < done.picked).then_some(())?;
                done.picked -= 1;
                self.pick_again();
            }
            (State::Picking | State::Picked | State::Packing, Event::ItemShort { item, quantity, .. }) => {
                let line = self.line(&item.line)?;
                let done = self.progress.lines[line];
                let short = u32::try_from(i64::from(done.short).checked_add(*quantity)?).ok()?;
                (short <= self.terms.lines[line].quantity.saturating_sub(done.picked)).then_some(())?;
                self.progress.lines[line].short = short;
                self.pick_again();
            }
            (State::Packing, Event::ItemPacked { item, parcel, values, .. }) => {
                let line = self.line(&item.line)?;
                let done = self.progress.lines[line];
                (done.packed < done.picked && *parcel == self.packing_into()).then_some(())?;
                self.progress.lines[line].packed += 1;
                let open = self.open();
                open.put(line, 1);
                if *values != Values::default() {
                    open.recorded.push((line, values.clone()));
                }
            }
            (State::Packing, Event::ItemUnpacked { item, parcel, values, .. }) => {
                let line = self.line(&item.line)?;
                let open = self.progress.parcels.last_mut().filter(|last| last.state == ParcelState::Open)?;
                (open.n == *parcel).then_some(())?;
                let recorded = open.recorded.iter().rposition(|(of, known)| *of == line && known == values);
                let all_recorded = open.units_of(line) as usize <= open.recorded_of(line);
                (recorded.is_some() || (*values == Values::default() && !all_recorded)).then_some(())?;
                open.take(line, 1)?;
                if let Some(at) = recorded {
                    open.recorded.remove(at);
                }
                self.progress.lines[line].packed -= 1;
                self.take_apart_if_empty();
            }
            _ => return None,
        }
        Some(())
    }

    fn pack(&mut self, event: &Event) -> Option<()> {
        match (self.progress.state, event) {
            (State::Packing, Event::ParcelSealed { parcel, sscc, .. }) => {
                let open = self.progress.parcels.last_mut()?;
                (open.state == ParcelState::Open && open.n == *parcel && !open.contents.is_empty()).then_some(())?;
                open.state = ParcelState::Sealed;
                open.sscc = Some(*sscc);
            }
            (State::Packing, Event::PackCompleted { .. }) => {
                let closed = self.open_parcel().is_none() && !self.progress.parcels.is_empty();
                (self.is_filled() && closed).then_some(())?;
                self.progress.state = State::Packed;
                self.settle();
            }
            (state, Event::ParcelReopened { parcel, .. }) if state.is_at_work() => {
                let last = self.progress.parcels.last_mut()?;
                let closed = last.state.waits() && !last.contents.is_empty();
                (last.n == *parcel && closed && last.dispatch.is_none()).then_some(())?;
                last.state = ParcelState::Open;
                last.sscc = None;
                last.tracking = None;
                last.label_revision = 0;
                last.place = None;
                self.progress.state = State::Packing;
            }
            (state, Event::ParcelLabelled { parcel, sscc, tracking, .. }) if state.is_at_work() => {
                let parcel = self.parcel_mut(*parcel)?;
                parcel.state.waits().then_some(())?;
                if parcel.state == ParcelState::Sealed {
                    parcel.state = ParcelState::Labelled;
                }
                parcel.sscc = Some(*sscc);
                parcel.tracking = tracking.clone().or_else(|| parcel.tracking.take());
            }
            (state, Event::LabelReceived { parcel, tracking, revision, .. }) => {
                let parcel = self.parcel_mut(*parcel)?;
                let with_carrier = parcel.state == ParcelState::HandedOver && tracking.is_some();
                let here = state.is_at_work() && can_change(parcel);
                (parcel.label_revision < *revision && (here || with_carrier)).then_some(())?;
                parcel.tracking.clone_from(tracking);
                parcel.label_revision = *revision;
                parcel.wants_new_label();
            }
            (state, Event::LabelVoided { parcel, sscc, .. }) if state.is_at_work() => {
                let parcel = self.parcel_mut(*parcel)?;
                can_change(parcel).then_some(())?;
                parcel.sscc = Some(*sscc);
                parcel.tracking = None;
                parcel.label_revision = 0;
                parcel.place = None;
                parcel.wants_new_label();
            }
            _ => return None,
        }
        Some(())
    }

    fn dispatch(&mut self, event: &Event) -> Option<()> {
        match (self.progress.state, event) {
            (state, Event::DispatchRequested { parcel, key, collection, revision, .. }) if state.is_at_work() => {
                let parcel = self.parcel_mut(*parcel)?;
                (can_change(parcel) && parcel.dispatch.is_none()).then_some(())?;
                parcel.dispatch = Some(key.clone());
                parcel.collection = collection.as_ref().map(|collection| collection.id.clone());
                parcel.dispatch_revision = *revision;
            }
            (_, Event::DispatchWithdrawn { parcel, .. } | Event::DispatchMissed { parcel, .. }) => {
                let parcel = self.parcel_mut(*parcel)?;
                parcel.dispatch = None;
                parcel.collection = None;
            }
            (_, Event::LabelRequested { parcel, .. }) => {
                self.parcel(*parcel)?;
            }
            (state, Event::ParcelReady { parcel, place, .. }) if state.is_at_work() => {
                (self.terms.delivery == Delivery::Pickup).then_some(())?;
                let parcel = self.parcel_mut(*parcel)?;
                parcel.state.waits().then_some(())?;
                parcel.state = ParcelState::Ready;
                parcel.place = Some(place.clone());
            }
            (state, Event::ParcelLoaded { parcel, manifest, .. }) if state.is_at_work() => {
                let parcel = self.parcel_mut(*parcel)?;
                matches!(parcel.state, ParcelState::Sealed | ParcelState::Labelled).then_some(())?;
                parcel.state = ParcelState::Loaded;
                parcel.manifest = Some(manifest.clone());
            }
            (state, Event::ParcelUnloaded { parcel, .. }) => {
                let parcel = self.parcel_mut(*parcel)?;
                (parcel.state == ParcelState::Loaded).then_some(())?;
                parcel.state = match (state, std::mem::take(&mut parcel.void)) {
                    (State::Cancelled, _) => ParcelState::Withdrawn,
                    (_, true) => ParcelState::Sealed,
                    (_, false) => ParcelState::Labelled,
                };
                parcel.manifest = None;
            }
            (state, Event::HandedOver { parcel, .. }) if state.is_at_work() => {
                let parcel = self.parcel_mut(*parcel)?;
                (parcel.state == ParcelState::Loaded && !parcel.void).then_some(())?;
                parcel.state = ParcelState::HandedOver;
                self.settle();
            }
            (state, Event::LeftBehind { parcel: n, .. }) => {
                let parcel = self.parcel_mut(*n)?;
                (parcel.state == ParcelState::HandedOver).then_some(())?;
                parcel.state = ParcelState::Labelled;
                parcel.manifest = None;
                parcel.dispatch = None;
                parcel.collection = None;
                match state {
                    State::Cancelled => self.withdraw_found(*n),
                    State::Completed | State::PartlyDispatched => {
                        self.progress.state = State::Packed;
                        self.settle();
                    }
                    _ => {}
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// What happens to the order as a whole.
    fn lead(&mut self, event: &Event) -> Option<()> {
        let state = self.progress.state;
        match (state, event) {
            (State::PartlyDispatched, Event::OrderCompleted { .. }) => {
                self.is_gone().then_some(())?;
                self.progress.state = State::Completed;
            }
            (State::Packed | State::PartlyDispatched, Event::OrderCollected { .. }) => {
                let here = self.terms.delivery == Delivery::Pickup
                    && self.progress.parcels.iter().all(|parcel| parcel.state.waits() || parcel.state.is_gone());
                here.then_some(())?;
                for parcel in self.progress.parcels.iter_mut().filter(|parcel| parcel.state.waits()) {
                    parcel.state = ParcelState::Collected;
                }
                self.settle();
            }
            (State::Completed | State::Cancelled, _) => return None,
            (_, Event::OrderCancelled { .. }) => self.withdraw(),
            (State::AwaitsPlatform, Event::OrderHeld { .. }) => return None,
            (_, Event::OrderHeld { order, .. }) => {
                (!self.progress.held || self.terms.revision < order.revision).then_some(())?;
                self.progress.held = true;
                self.heard_of(order.revision);
            }
            (_, Event::OrderReleased { order }) => {
                self.progress.held.then_some(())?;
                self.progress.held = false;
                self.heard_of(order.revision);
            }
            (_, Event::OrderExpedited { order }) => {
                self.progress.expedited = true;
                self.heard_of(order.revision);
            }
            (_, Event::OrderUpdated { terms, known }) => {
                self.can_take(terms, known.as_ref()).then_some(())?;
                self.update(terms, known.as_ref());
            }
            _ => return None,
        }
        Some(())
    }

    /// Every command about an order has a revision, not only those with terms.
    fn heard_of(&mut self, revision: u32) {
        if self.terms.revision < revision {
            Arc::make_mut(&mut self.terms).revision = revision;
        }
    }

    fn parcel_mut(&mut self, n: u32) -> Option<&mut Parcel> {
        self.progress.parcels.get_mut(n.checked_sub(1)? as usize)
    }

    pub(super) fn open(&mut self) -> &mut Parcel {
        if self.open_parcel().is_none() {
            let n = self.packing_into();
            let asked = self.progress.taken_apart.iter().rfind(|(of, _)| *of == n).map_or(0, |(_, asked)| *asked);
            self.progress.parcels.push(Parcel { dispatch_revision: asked, ..Parcel::open(n) });
        }
        let last = self.progress.parcels.len() - 1;
        &mut self.progress.parcels[last]
    }

    /// An open parcel with nothing in it is none; another one with its number must not ask for its couriers again.
    pub(super) fn take_apart_if_empty(&mut self) {
        let emptied = |last: &mut Parcel| last.state == ParcelState::Open && last.contents.is_empty();
        if let Some(parcel) = self.progress.parcels.pop_if(emptied)
            && 0 < parcel.dispatch_revision
        {
            self.progress.taken_apart.retain(|(of, _)| *of != parcel.n);
            self.progress.taken_apart.push((parcel.n, parcel.dispatch_revision));
        }
    }

    /// An order that was picked and lacks something again goes on being picked.
    pub(super) fn pick_again(&mut self) {
        if self.progress.state == State::Picked && !self.is_picked() {
            self.progress.state = State::Picking;
        }
    }

    /// `packed` becomes `partly dispatched` as soon as a parcel is gone; while packing goes on it stays `packing`.
    pub(super) fn settle(&mut self) {
        let any_gone = self.progress.parcels.iter().any(|parcel| parcel.state.is_gone());
        if self.progress.state == State::Packed && any_gone {
            self.progress.state = State::PartlyDispatched;
        }
    }

    /// Parcels that are still on a manifest stay `loaded`, so that they are asked for at hand-over.
    fn withdraw(&mut self) {
        let here = self.goods_here();
        self.progress.state = State::Cancelled;
        self.progress.held = false;
        for parcel in &mut self.progress.parcels {
            parcel.dispatch = None;
            parcel.collection = None;
            if parcel.state == ParcelState::Open || parcel.state.waits() {
                parcel.state = ParcelState::Withdrawn;
            }
        }
        for (line, units) in here {
            self.return_to_shelf(line, units);
        }
    }

    /// A parcel of an order that was cancelled in part, found here after all.
    fn withdraw_found(&mut self, n: u32) {
        let Some(parcel) = self.parcel_mut(n) else { return };
        parcel.state = ParcelState::Withdrawn;
        for (line, units) in parcel.contents.clone() {
            self.return_to_shelf(line, units);
        }
    }

    /// Units of each line that were picked and have not left.
    #[must_use]
    pub fn goods_here(&self) -> Vec<(usize, u32)> {
        let gone = |line: usize| -> u32 {
            let parcels = self.progress.parcels.iter().filter(|parcel| parcel.state.is_gone());
            parcels.map(|parcel| parcel.units_of(line)).sum()
        };
        (0..self.terms.lines.len())
            .map(|line| (line, self.progress.lines[line].picked.saturating_sub(gone(line))))
            .filter(|(_, units)| 0 < *units)
            .collect()
    }

    pub(super) fn return_to_shelf(&mut self, line: usize, units: u32) {
        let item = self.item(line);
        match self.progress.put_back.iter_mut().find(|goods| goods.item.line == item.line && goods.item.sku == item.sku)
        {
            Some(goods) => goods.units += units,
            None => {
                let codes = self.terms.lines[line].codes.clone();
                self.progress.put_back.push(PutBack { item, codes, units });
            }
        }
    }

    fn put_back(&mut self, item: &Item) -> Option<()> {
        let goods = &mut self.progress.put_back;
        let at = goods.iter().position(|goods| goods.item.line == item.line && goods.item.sku == item.sku)?;
        goods[at].units -= 1;
        if goods[at].units == 0 {
            goods.remove(at);
        }
        Some(())
    }
}

impl Parcel {
    /// The label on it is no longer the right one; one that is on a manifest must come down first.
    fn wants_new_label(&mut self) {
        match self.state {
            ParcelState::Loaded => self.void = true,
            ParcelState::Labelled | ParcelState::Ready => self.state = ParcelState::Sealed,
            _ => {}
        }
    }
}

fn can_change(parcel: &Parcel) -> bool {
    parcel.state.waits() || parcel.state == ParcelState::Loaded
}

/// What nobody may do with an order that is on hold.
fn is_work(event: &Event) -> bool {
    match event {
        Event::ItemUnpicked { put_back, .. } => !put_back,
        Event::PickStarted { .. }
        | Event::ItemPicked { .. }
        | Event::ItemShort { .. }
        | Event::PickCompleted { .. }
        | Event::PackStarted { .. }
        | Event::ItemPacked { .. }
        | Event::ItemUnpacked { .. }
        | Event::ParcelSealed { .. }
        | Event::ParcelReopened { .. }
        | Event::ParcelLabelled { .. }
        | Event::PackCompleted { .. }
        | Event::DispatchRequested { .. }
        | Event::ParcelReady { .. }
        | Event::ParcelLoaded { .. }
        | Event::HandedOver { .. }
        | Event::OrderCollected { .. }
        | Event::OrderCompleted { .. } => true,
        _ => false,
    }
}
