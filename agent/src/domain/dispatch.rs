//! Asking for couriers: which collection a parcel must make, and what its booking is known by.

use super::carrier::Collection;
use super::event::Event;
use super::name::CarrierId;
use super::order::{Delivery, Order, Parcel, ParcelState};
use super::rules::Rules;
use super::sscc::Sscc;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// For each carrier the time of the last collection that is over, though its time may still come: the courier came early.
pub type Gone = BTreeMap<CarrierId, Timestamp>;

/// No courier comes earlier than this for a collection: over a long run of holidays.
const EARLY_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Nobody waits longer than this for a courier: the day has been closed by then.
const LATE_MAX: SignedDuration = SignedDuration::from_hours(24);

/// What dispatching depends on.
#[derive(Clone, Copy, Debug)]
pub struct Desk<'a> {
    pub rules: &'a Rules,
    pub now: Timestamp,
    pub clock_trusted: bool,
    pub gone: &'a Gone,
}

impl Desk<'_> {
    /// The collection that a parcel of `order` closed now must make: the first after `after`, or after now, that is not
    /// over; none while the clock can't be trusted.
    #[must_use]
    pub fn collection_for(&self, order: &Order, after: Option<Timestamp>) -> Option<Collection> {
        let carrier = self.rules.carrier_of(order).filter(|_| self.clock_trusted)?;
        let gone = self.gone_until(order);
        let from = [after, gone].into_iter().flatten().fold(self.now, Timestamp::max);
        carrier.next_collection(from, &self.rules.zone)
    }

    /// Until when nobody comes any more for the order's carrier.
    #[must_use]
    pub fn gone_until(&self, order: &Order) -> Option<Timestamp> {
        let gone = self.rules.carrier_id_of(order).and_then(|carrier| self.gone.get(carrier)).copied();
        gone.filter(|gone| self.is_plausible(*gone))
    }

    /// Whether a courier can have come so early for a collection at `gone`; else the clock was wrong when it was closed,
    /// and nobody may be left waiting for years.
    #[must_use]
    pub fn is_plausible(&self, gone: Timestamp) -> bool {
        gone.duration_since(self.now) <= EARLY_MAX
    }

    /// The collection whose manifest a parcel goes on that is loaded now: the last one where its courier is still
    /// awaited, or where the parcel was to go with it; or else the next.
    #[must_use]
    pub fn collection_at_the_door(&self, order: &Order, parcel: &Parcel) -> Option<Collection> {
        let carrier = self.rules.carrier_of(order).filter(|_| self.clock_trusted)?;
        let from = self.now.saturating_sub(LATE_MAX).unwrap_or(Timestamp::MIN);
        let last = carrier.between(from, self.now, &self.rules.zone).pop();
        let gone = self.gone_until(order);
        let is_awaited = |last: &Collection| {
            let late = self.now.duration_since(last.at).unsigned_abs();
            let expected = late <= carrier.grace || parcel.collection.as_ref() == Some(&last.id);
            expected && gone.is_none_or(|gone| gone < last.at)
        };
        last.filter(is_awaited).or_else(|| self.collection_for(order, None))
    }

    /// Asks for a courier for parcel `n`, at the next collection after `after`, or after now; none for an order that
    /// its customer fetches, and for a parcel that is not closed, has left, or has been asked for.
    #[must_use]
    pub fn request(&self, order: &Order, n: u32, after: Option<Timestamp>) -> Option<Event> {
        let Delivery::Carrier { carrier, service } = &order.terms.delivery else {
            return None;
        };
        let is_here = |parcel: &&Parcel| parcel.state.waits() || parcel.state == ParcelState::Loaded;
        let parcel = order.parcel(n).filter(is_here).filter(|parcel| parcel.dispatch.is_none())?;
        let sscc = parcel.sscc?;
        let collection = self.collection_for(order, after);
        let revision = parcel.dispatch_revision + 1;
        let at = collection.as_ref().map_or("-", |collection| &collection.id);
        Some(Event::DispatchRequested {
            order: order.reference(),
            key: format!("{}/{n}/{at}/{revision}", order.terms.id).as_str().into(),
            parcel: n,
            of: order.parcels_total(),
            sscc,
            carrier: carrier.clone(),
            carrier_name: self.rules.carrier_of(order).map_or(&**carrier, |known| &known.name).into(),
            service: service.clone(),
            time_left_s: collection.as_ref().map(|collection| collection.at.duration_since(self.now).as_secs()),
            collection,
            revision,
        })
    }
}

/// Tells the platform that nobody shall come for the parcel any more; none where nobody was asked.
#[must_use]
pub fn withdraw(order: &Order, parcel: &Parcel, cause: &str) -> Option<Event> {
    let (key, sscc) = (parcel.dispatch.clone()?, parcel.sscc?);
    Some(Event::DispatchWithdrawn { order: order.reference(), key, parcel: parcel.n, sscc, cause: cause.into() })
}

/// Tells the platform that the collection has gone without the parcel; none where nobody was asked.
#[must_use]
pub fn missed(order: &Order, parcel: &Parcel, cause: &str) -> Option<Event> {
    let (key, sscc) = (parcel.dispatch.clone()?, parcel.sscc?);
    Some(Event::DispatchMissed { order: order.reference(), key, parcel: parcel.n, sscc, cause: cause.into() })
}

/// Numbers for parcels, taken one after the other from the site's counter.
#[derive(Clone, Debug)]
pub struct Serials<'a> {
    company_prefix: &'a str,
    first: u64,
    pub used: u64,
}

impl<'a> Serials<'a> {
    #[must_use]
    pub fn from(company_prefix: &'a str, first: u64) -> Self {
        Self { company_prefix, first, used: 0 }
    }

    /// The next number.
    pub fn mint(&mut self) -> Sscc {
        self.used += 1;
        Sscc::mint(self.company_prefix, self.first + self.used - 1)
    }
}
