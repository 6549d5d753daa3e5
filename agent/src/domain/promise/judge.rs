//! One order judged: how it stands now, and what follows. Nothing changed, nothing follows.

use super::{Basis, Course, Ending, Forecast, Outlook, Queue, Standing, Target, Told, Trouble, Turn};
use crate::domain::carrier::Collection;
use crate::domain::dispatch::{self, Desk};
use crate::domain::event::Event;
use crate::domain::notice::{Delay, Revised, delayed};
use crate::domain::order::{Delivery, Order, ParcelState, Promise, State};
use jiff::{SignedDuration, Timestamp, ToSpan};
use std::time::Duration;

/// One order to judge.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    pub order: &'a Order,
    pub standing: Option<&'a Standing>,
    pub forecast: Forecast,
    /// What ended the collection that it was to make.
    pub ending: Option<Ending>,
}

/// What follows for the order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// None: nothing was promised, or nothing can be any more.
    pub standing: Option<Standing>,
    pub events: Vec<Event>,
}

/// Judges one order. The same order and standing judged again, with nothing changed, leads to no event.
#[must_use]
pub fn judge(desk: Desk<'_>, case: &Case<'_>) -> Verdict {
    let order = case.order;
    if matches!(order.progress.state, State::Cancelled | State::AwaitsPlatform) {
        return Verdict::default();
    }
    let mut bench = Bench { desk, case, events: Vec::new() };
    let standing = bench.standing().map(|standing| bench.judge(standing));
    Verdict { standing, events: bench.events }
}

/// The target of an order: what it has, or what it would get now.
#[must_use]
pub fn target(desk: Desk<'_>, case: &Case<'_>) -> Option<Target> {
    let known = case.standing.filter(|known| known.basis == Basis::of(case.order));
    known.map(|known| known.target.clone()).or_else(|| first_target(desk, case))
}

fn first_target(desk: Desk<'_>, case: &Case<'_>) -> Option<Target> {
    let order = case.order;
    let Delivery::Carrier { .. } = order.terms.delivery else {
        let at = order.terms.promise.ship_by.or(order.terms.promise.deliver_from)?;
        return Some(Target { collection: None, at, cut_off: at });
    };
    let (packed, gone) = (is_packed(order), desk.gone_until(order));
    let open = |collection: &Collection| {
        let closes = if packed { collection.at } else { collection.cut_off };
        desk.now < closes && gone.is_none_or(|gone| gone < collection.at)
    };
    let upcoming = desk.rules.carrier_of(order)?.upcoming(desk.now, &desk.rules.zone);
    let mut upcoming = upcoming.into_iter().filter(open).peekable();
    let first = upcoming.peek().cloned();
    let in_time = |collection: &Collection| order.terms.promise.ship_by.is_none_or(|by| collection.at <= by);
    let kept = match order.terms.promise.ship_by {
        Some(_) => upcoming.take_while(in_time).last(),
        None => None,
    };
    kept.or(first).map(Target::from)
}

impl From<Collection> for Target {
    fn from(collection: Collection) -> Self {
        Self { at: collection.at, cut_off: collection.cut_off, collection: Some(collection) }
    }
}

/// Every unit that can be had is in a parcel, and every parcel closed.
fn is_packed(order: &Order) -> bool {
    matches!(order.progress.state, State::Packed | State::PartlyDispatched | State::Completed)
}

/// It has left, or lies where its customer can have it.
fn is_fulfilled(order: &Order) -> bool {
    let ready = |state: ParcelState| state == ParcelState::Ready || state.is_gone();
    order.progress.state == State::Completed
        || order.terms.delivery == Delivery::Pickup
            && is_packed(order)
            && !order.progress.parcels.is_empty()
            && order.progress.parcels.iter().all(|parcel| ready(parcel.state))
}

/// Every parcel is on a manifest, or gone.
fn is_on_its_way_out(order: &Order) -> bool {
    is_packed(order) && order.progress.parcels.iter().all(|parcel| !parcel.state.waits())
}

/// One case on the bench.
struct Bench<'a> {
    desk: Desk<'a>,
    case: &'a Case<'a>,
    events: Vec<Event>,
}

impl Bench<'_> {
    /// The standing to judge: the known one, or a first one where there is something to keep.
    fn standing(&mut self) -> Option<Standing> {
        let order = self.case.order;
        let (known, basis) = (self.case.standing, Basis::of(order));
        let holds = |known: &&Standing| known.basis == basis && !self.is_called_off(known);
        if let Some(known) = known.filter(holds) {
            return Some(known.clone());
        }
        if known.is_none() && is_fulfilled(order) {
            return self.unseen(basis);
        }
        let Some(target) = first_target(self.desk, self.case) else {
            let stays = |known: &&Standing| known.basis == basis || is_fulfilled(order) && known.course == Course::Over;
            return known.filter(stays).map(|known| Standing { basis: basis.clone(), ..known.clone() });
        };
        let Some(known) = known else {
            return Some(self.begin(target, None, basis));
        };
        if known.course == Course::Over {
            return Some(Standing { basis, ..known.clone() });
        }
        if known.target == target && known.basis.promises_the_same(&basis) {
            return Some(Standing { basis, ..known.clone() });
        }
        Some(self.begin(target, Some(known), basis))
    }

    /// A new promise, or the same one with another collection to make.
    fn begin(&mut self, target: Target, before: Option<&Standing>, basis: Basis) -> Standing {
        let order = self.case.order;
        let same = before.is_some_and(|before| before.basis.promises_the_same(&basis));
        let told = before.and_then(|before| before.told.clone());
        // New times are what the customer knows now: a delay that was told of the old ones is settled with them.
        let told = told.map(|told| Told { restored: told.restored || !same, ..told });
        let due = if same { before.map(|before| before.due) } else { None };
        let late = order.terms.promise.ship_by.is_some_and(|by| by < target.at) && target.collection.is_some();
        // Where the customer waits for worse, it is to be told that it recovers.
        let recovers = !late && told.as_ref().is_some_and(|told| !told.restored);
        let course = if recovers { Course::WillMiss } else { Course::OnTrack };
        let trouble = before.and_then(|before| before.trouble).filter(|_| recovers);
        let standing = Standing { due: due.unwrap_or(target.at), target, course, trouble, broken: false, told, basis };
        match late && !is_fulfilled(order) {
            true => self.too_late(standing, before.filter(|_| same)),
            false => standing,
        }
    }

    /// It has left, or lies ready, before anybody looked: with which collection nobody knows.
    fn unseen(&self, basis: Basis) -> Option<Standing> {
        let order = self.case.order;
        let Promise { ship_by, deliver_from, .. } = order.terms.promise;
        let at = match &order.terms.delivery {
            Delivery::Pickup => ship_by.or(deliver_from)?,
            Delivery::Carrier { .. } => {
                self.desk.rules.carrier_of(order)?;
                ship_by.unwrap_or(self.desk.now)
            }
        };
        let target = Target { collection: None, at, cut_off: at };
        Some(Standing { target, due: at, course: Course::OnTrack, trouble: None, broken: false, told: None, basis })
    }

    /// The configuration knows a collection no more that is still to come.
    fn is_called_off(&self, known: &Standing) -> bool {
        let (now, zone) = (self.desk.now, &self.desk.rules.zone);
        let to_come = known.target.collection.as_ref().filter(|to_come| now < to_come.at);
        let Some((to_come, carrier)) = to_come.zip(self.desk.rules.carrier_of(self.case.order)) else { return false };
        known.course != Course::Over && self.case.ending.is_none() && !carrier.comes(to_come, zone)
    }

    /// No collection keeps the promise any more: it is missed before it began.
    fn too_late(&mut self, standing: Standing, before: Option<&Standing>) -> Standing {
        if before.is_some_and(|before| before.broken) {
            return Standing { broken: true, trouble: before.and_then(|before| before.trouble), ..standing };
        }
        let due = before.map_or_else(|| self.due_day(), |before| before.due);
        let mut standing = Standing { due, trouble: Some(Trouble::AcceptedLate), broken: true, ..standing };
        let revised = Some(self.revised_to(standing.due, &standing.target));
        self.turn(Turn::Missed, &standing, None, revised.clone(), true);
        self.tell(&mut standing, revised, false);
        standing
    }

    fn judge(&mut self, standing: Standing) -> Standing {
        let order = self.case.order;
        if is_fulfilled(order) {
            return self.kept(standing);
        }
        if standing.course == Course::Over {
            return self.after_all(standing);
        }
        if let Some(ending) = self.case.ending {
            let trouble = match ending {
                Ending::NoCourier => Trouble::NoCourier,
                _ if order.progress.held => Trouble::OnHold,
                _ if !is_packed(order) => Trouble::NotPacked,
                Ending::HandedOver => Trouble::NotLoaded,
                Ending::DayClosed => Trouble::DayClosed,
            };
            return self.missed(standing, trouble);
        }
        let (course, trouble) = self.course(&standing);
        if course == standing.course {
            return standing;
        }
        self.turned(standing, course, trouble)
    }

    /// What was over is here: a parcel that was left behind, or an order for which no collection was known.
    fn after_all(&mut self, standing: Standing) -> Standing {
        let order = self.case.order;
        if let Some(collection) = &standing.target.collection {
            let gone = self.desk.gone_until(order).is_some_and(|gone| collection.at <= gone);
            return match self.desk.now < collection.at && !gone && self.case.ending.is_none() {
                true => Standing { course: Course::OnTrack, ..standing },
                false => self.missed(standing, Trouble::LeftBehind),
            };
        }
        if order.terms.delivery == Delivery::Pickup {
            return standing;
        }
        let Some(target) = first_target(self.desk, self.case) else { return standing };
        let mut standing = Standing { target, course: Course::OnTrack, ..standing };
        if standing.told.as_ref().is_some_and(|told| told.promise.is_none()) {
            let revised = Some(self.revised_to(standing.due, &standing.target));
            self.tell(&mut standing, revised, false);
        }
        standing
    }

    /// How the order stands now, and why.
    fn course(&self, standing: &Standing) -> (Course, Trouble) {
        let order = self.case.order;
        let Target { cut_off, .. } = standing.target;
        let usual = standing.trouble.unwrap_or(Trouble::Backlog);
        if cut_off <= self.desk.now {
            return match (is_packed(order), standing.course) {
                (true, Course::WillMiss) if is_on_its_way_out(order) => (Course::OnTrack, usual),
                (true, Course::WillMiss) => (Course::WillMiss, usual),
                (true, _) => (Course::OnTrack, usual),
                (false, _) if order.progress.held => (Course::WillMiss, Trouble::OnHold),
                (false, _) => (Course::WillMiss, Trouble::CutOff),
            };
        }
        if is_packed(order) {
            return (Course::OnTrack, usual);
        }
        let margin = signed(self.desk.rules.pledge.at_risk_margin);
        let forecast = &self.case.forecast;
        let trouble = match (order.progress.held, forecast.slow) {
            (true, _) => Trouble::OnHold,
            (false, true) => Trouble::SlowPace,
            (false, false) => Trouble::Backlog,
        };
        // One that nobody may work on can be finished when it is released, for all that anybody knows.
        let finish = if order.progress.held { Some(self.desk.now) } else { forecast.finish };
        let spare = finish.map_or(SignedDuration::MIN, |finish| cut_off.duration_since(finish));
        let course = match standing.course {
            _ if spare < -margin => Course::WillMiss,
            // Nothing gets better while nobody may work on it.
            Course::AtRisk | Course::WillMiss if order.progress.held => return (standing.course, usual),
            Course::OnTrack if spare < margin => Course::AtRisk,
            // Better only with room to spare, or it would flap.
            Course::AtRisk | Course::WillMiss if margin + margin / 2 <= spare => return (Course::OnTrack, usual),
            unchanged => unchanged,
        };
        (course, trouble)
    }

    fn turned(&mut self, standing: Standing, course: Course, trouble: Trouble) -> Standing {
        let mut standing = Standing { course, trouble: Some(trouble), ..standing };
        match course {
            Course::OnTrack => {
                let revised = Some(self.revised_to(standing.due, &standing.target));
                let broken = revised.as_ref().is_some_and(|revised| self.breaks(&standing.target, revised));
                self.turn(Turn::Recovered, &standing, standing.target.collection.clone(), revised.clone(), broken);
                if standing.told.as_ref().is_some_and(|told| !told.restored) && !standing.broken {
                    self.tell(&mut standing, revised, true);
                }
            }
            Course::AtRisk | Course::WillMiss => {
                let revised = self
                    .next(&standing.target, self.case.forecast.finish)
                    .map(|next| self.revised_to(standing.due, &next));
                let broken = self.would_break(&standing.target, revised.as_ref());
                let turn = if course == Course::AtRisk { Turn::AtRisk } else { Turn::WillMiss };
                self.turn(turn, &standing, standing.target.collection.clone(), revised.clone(), broken);
                if course == Course::WillMiss && broken {
                    self.tell(&mut standing, revised, false);
                }
            }
            Course::Over => {}
        }
        standing
    }

    /// The collection has ended without it: the next one is the one to make.
    fn missed(&mut self, standing: Standing, trouble: Trouble) -> Standing {
        let order = self.case.order;
        let finish = self.case.forecast.finish.filter(|_| !is_packed(order));
        let next = self.next(&standing.target, finish);
        let revised = next.as_ref().map(|next| self.revised_to(standing.due, next));
        let broken = self.would_break(&standing.target, revised.as_ref());
        let mut after = Standing { trouble: Some(trouble), broken: standing.broken || broken, ..standing };
        self.turn(Turn::Missed, &after, after.target.collection.clone(), revised.clone(), broken);
        self.ask_again(&after.target);
        if broken {
            self.tell(&mut after, revised, false);
        }
        match next {
            Some(target) => Standing { target, course: Course::OnTrack, ..after },
            None => {
                let target = Target { collection: None, ..after.target };
                Standing { target, course: Course::Over, ..after }
            }
        }
    }

    fn kept(&mut self, standing: Standing) -> Standing {
        if standing.course == Course::Over {
            return standing;
        }
        let order = self.case.order;
        let promise = order.terms.promise.clone();
        let collection = standing.target.collection.clone();
        // A courier that comes at 16:35 for the collection of 16:30 has kept it.
        let late = match &collection {
            Some(collection) => promise.ship_by.is_some_and(|by| by < collection.at),
            None => standing.target.at < self.desk.now,
        };
        let late = late || standing.broken;
        self.events.push(Event::PromiseKept { order: order.reference(), collection, promise, late });
        Standing { course: Course::Over, ..standing }
    }

    /// Couriers that were asked for the collection that is over are asked for the next one.
    fn ask_again(&mut self, over: &Target) {
        let Some(collection) = &over.collection else { return };
        let mut order = self.case.order.clone();
        let here = |state: ParcelState| state.waits() || state == ParcelState::Loaded;
        let asked: Vec<_> = order
            .progress
            .parcels
            .iter()
            .filter(|parcel| {
                here(parcel.state) && parcel.dispatch.is_some() && parcel.collection.as_ref() == Some(&collection.id)
            })
            .cloned()
            .collect();
        for parcel in asked {
            let missed = dispatch::missed(&order, &parcel, Trouble::DayClosed.word());
            if missed.iter().any(|missed| order.apply(missed).is_err()) {
                continue;
            }
            self.events.extend(missed);
            let again = self.desk.request(&order, parcel.n, Some(over.at)).filter(|_| !order.progress.held);
            if again.iter().all(|again| order.apply(again).is_ok()) {
                self.events.extend(again);
            }
        }
    }

    /// The first collection after `over` that an order packed by `finish` can make.
    fn next(&self, over: &Target, finish: Option<Timestamp>) -> Option<Target> {
        over.collection.as_ref()?;
        let order = self.case.order;
        let ready = finish.unwrap_or(self.desk.now).max(self.desk.now);
        let (packed, gone) = (is_packed(order), self.desk.gone_until(order));
        let upcoming = self.desk.rules.carrier_of(order)?.upcoming(self.desk.now, &self.desk.rules.zone);
        let mut after = upcoming.into_iter().filter(|next| over.at < next.at && gone.is_none_or(|gone| gone < next.at));
        after.find(|next| ready < if packed { next.at } else { next.cut_off }).map(Target::from)
    }

    fn revised_to(&self, due: Timestamp, to: &Target) -> Revised {
        Revised { collection: to.collection.clone(), promise: self.shifted(due, to.at) }
    }

    /// What was promised, later by as many days as the collection is; it ships with that collection.
    fn shifted(&self, from: Timestamp, to: Timestamp) -> Promise {
        let promise = &self.case.order.terms.promise;
        let zone = &self.desk.rules.zone;
        let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
        let days = (day(to) - day(from)).get_days().max(0);
        let shift = |at: Timestamp| {
            let later = at.to_zoned(zone.clone()).checked_add(i64::from(days).days());
            later.map_or(at, |later| later.timestamp())
        };
        Promise {
            ship_by: promise.ship_by.map(|by| by.max(to)),
            deliver_from: promise.deliver_from.map(shift),
            deliver_by: promise.deliver_by.map(shift),
        }
    }

    /// The day on which it should have left.
    fn due_day(&self) -> Timestamp {
        let promise = &self.case.order.terms.promise;
        promise.ship_by.unwrap_or(self.desk.now)
    }

    fn would_break(&self, target: &Target, revised: Option<&Revised>) -> bool {
        let promise = &self.case.order.terms.promise;
        match revised {
            Some(revised) => self.breaks(target, revised),
            None => promise.ship_by.is_some() || promise.deliver_by.is_some(),
        }
    }

    /// Whether what the checkout promised is broken by `revised`.
    fn breaks(&self, target: &Target, revised: &Revised) -> bool {
        let promise = &self.case.order.terms.promise;
        let leaves = revised.collection.as_ref().map_or(target.at, |collection| collection.at);
        let ships_late = promise.ship_by.is_some_and(|by| by < leaves);
        let arrives_late = promise
            .deliver_by
            .is_some_and(|by| by <= leaves || revised.promise.deliver_by.is_some_and(|revised| by < revised));
        ships_late || arrives_late
    }

    fn turn(
        &mut self,
        turn: Turn,
        standing: &Standing,
        collection: Option<Collection>,
        revised: Option<Revised>,
        broken: bool,
    ) {
        let (order, forecast) = (self.case.order, &self.case.forecast);
        let open = matches!(turn, Turn::AtRisk | Turn::WillMiss) && !is_packed(order);
        let queue = open.then(|| Queue {
            units_left: units_left(order),
            orders_ahead: forecast.orders_ahead,
            units_ahead: forecast.units_ahead,
            pace: forecast.pace,
        });
        let outlook = Outlook {
            order: order.reference(),
            collection,
            promise: order.terms.promise.clone(),
            trouble: standing.trouble.unwrap_or(Trouble::Backlog),
            finish: forecast.finish.filter(|_| open),
            queue,
            revised,
            broken,
        };
        self.events.push(Event::PromiseTurned { turn, outlook: Box::new(outlook) });
    }

    /// Tells the customer, unless it is no news.
    fn tell(&mut self, standing: &mut Standing, revised: Option<Revised>, restored: bool) {
        let promise = revised.as_ref().map(|revised| revised.promise.clone());
        let told = standing.told.as_ref();
        let is_news = told.is_none_or(|told| restored || told.restored || is_later(&promise, &told.promise));
        if !is_news {
            return;
        }
        let trouble = standing.trouble.unwrap_or(Trouble::Backlog);
        let delay = Delay { revised, cause: trouble.word().into(), restored };
        if let Some(notice) = delayed(self.desk.rules, self.case.order, delay, self.desk.now) {
            self.events.push(Event::NotificationRequested(Box::new(notice)));
            standing.told = Some(Told { promise, restored });
        }
    }
}

/// Whether `now` promises something later than `before` did, or nothing where something was promised, or something at last.
fn is_later(now: &Option<Promise>, before: &Option<Promise>) -> bool {
    match (now, before) {
        (Some(now), Some(before)) => before.ship_by < now.ship_by || before.deliver_by < now.deliver_by,
        (None, Some(_)) => true,
        // Now there is a date where none was known.
        (Some(_), None) => true,
        (None, None) => false,
    }
}

/// Units of it that are still to be packed.
#[must_use]
pub fn units_left(order: &Order) -> u32 {
    (0..order.terms.lines.len()).map(|line| order.unpacked(line)).sum()
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
