//! How an order stands: what it must make, how it is on its way there, and what its customer was told.

use crate::domain::carrier::Collection;
use crate::domain::event::OrderRef;
use crate::domain::name::CarrierId;
use crate::domain::notice::Revised;
use crate::domain::order::{Delivery, Order, Promise};
use jiff::Timestamp;

/// How an order stands with what it must make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub target: Target,
    /// When it has to leave for its promise to hold: what is promised instead is as many days later as it leaves.
    pub due: Timestamp,
    pub course: Course,
    /// What troubles it, or troubled it last.
    pub trouble: Option<Trouble>,
    /// What the checkout promised can't be kept any more.
    pub broken: bool,
    /// What the customer was told last about a delay.
    pub told: Option<Told>,
    /// What of the order's terms the target was taken from.
    pub basis: Basis,
}

/// What an order's target follows from: it stays while this stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basis {
    /// None for an order that is fetched.
    pub carrier: Option<CarrierId>,
    pub ship_by: Option<Timestamp>,
    pub deliver_from: Option<Timestamp>,
    pub deliver_by: Option<Timestamp>,
}

impl Basis {
    #[must_use]
    pub fn of(order: &Order) -> Self {
        let carrier = match &order.terms.delivery {
            Delivery::Carrier { carrier, .. } => Some(carrier.clone()),
            Delivery::Pickup => None,
        };
        let Promise { ship_by, deliver_from, deliver_by } = order.terms.promise;
        Self { carrier, ship_by, deliver_from, deliver_by }
    }

    pub(super) fn promises_the_same(&self, other: &Self) -> bool {
        Self { carrier: other.carrier.clone(), ..self.clone() } == *other
    }
}

/// The collection of an order, or when it must lie ready for its customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub collection: Option<Collection>,
    pub at: Timestamp,
    /// By then its parcels must be sealed.
    pub cut_off: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    OnTrack,
    AtRisk,
    WillMiss,
    /// Kept; or missed, with no collection known that comes after it: then its target has none.
    Over,
}

impl Course {
    /// Every course, with the word for it in the database and in interfaces.
    pub const WORDS: [(&str, Self); 4] =
        [("on_track", Self::OnTrack), ("at_risk", Self::AtRisk), ("will_miss", Self::WillMiss), ("over", Self::Over)];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}

/// A delay that the customer was told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What was promised instead, as far as anybody knew.
    pub promise: Option<Promise>,
    /// Later it was told that all is well again.
    pub restored: bool,
}

/// Why an order is late, or may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Too much is to be packed before it.
    Backlog,
    /// The site packs more slowly than usual.
    SlowPace,
    OnHold,
    /// It was not packed when the last parcel had to be.
    CutOff,
    /// When it came, the collections that keep its promise were over.
    AcceptedLate,
    /// A parcel was found after its courier had gone.
    LeftBehind,
    NoCourier,
    /// The courier went while it was not packed.
    NotPacked,
    /// The courier went while it was packed, and not on the manifest.
    NotLoaded,
    /// The day ended, and nobody said that it had left.
    DayClosed,
}

impl Trouble {
    /// Every trouble, with the word for it in interfaces.
    pub const WORDS: [(&str, Self); 10] = [
        ("backlog", Self::Backlog),
        ("slow_pace", Self::SlowPace),
        ("on_hold", Self::OnHold),
        ("cut_off", Self::CutOff),
        ("accepted_late", Self::AcceptedLate),
        ("left_behind", Self::LeftBehind),
        ("no_courier", Self::NoCourier),
        ("not_packed", Self::NotPacked),
        ("not_loaded", Self::NotLoaded),
        ("day_closed", Self::DayClosed),
    ];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize].0
    }

    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, trouble)| *trouble)
    }
}

/// What ended a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    HandedOver,
    NoCourier,
    DayClosed,
}

/// What the queue says of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forecast {
    /// When its last unit is packed; none if nobody can tell.
    pub finish: Option<Timestamp>,
    /// Orders and units that come before it.
    pub orders_ahead: u32,
    pub units_ahead: u32,
    /// Units per hour, now.
    pub pace: u32,
    /// The site is slower than usual.
    pub slow: bool,
}

/// A turn in an order's promise, as the platform hears of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    pub order: OrderRef,
    /// The collection that it is about; none for an order that is fetched, and one that found none in time.
    pub collection: Option<Collection>,
    /// As shown at checkout.
    pub promise: Promise,
    pub trouble: Trouble,
    pub finish: Option<Timestamp>,
    /// While it can still change: the order's own units, and what the queue says.
    pub queue: Option<Queue>,
    /// What is expected now; none if nobody knows.
    pub revised: Option<Revised>,
    /// What the checkout promised breaks with it.
    pub broken: bool,
}

/// What lies before an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    pub units_left: u32,
    pub orders_ahead: u32,
    pub units_ahead: u32,
    pub pace: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    AtRisk,
    WillMiss,
    Recovered,
    Missed,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::terms;
    use std::sync::Arc;

    #[test]
    fn every_course_and_trouble_has_its_own_word() {
        for (word, course) in Course::WORDS {
            assert_eq!(course.word(), word);
        }
        for (word, trouble) in Trouble::WORDS {
            assert_eq!((trouble.word(), Trouble::named(word)), (word, Some(trouble)));
        }
        assert_eq!(Trouble::named("weather"), None);
    }

    #[test]
    fn another_carrier_keeps_the_promise_and_another_day_does_not() {
        let day = |n: i64| Some(Timestamp::constant(1_795_420_800, 0) + jiff::SignedDuration::from_hours(24 * n));
        let basis = |text: &str, ship_by, deliver_from, deliver_by| {
            let mut terms = terms(text);
            terms.promise = Promise { ship_by, deliver_from, deliver_by };
            Basis::of(&Order::accept(Arc::new(terms)))
        };
        let promised = basis("10: 1xA via dhl", day(1), day(2), day(3));
        assert_eq!(promised.carrier.as_deref(), Some("dhl"));
        for (what, other, same) in [
            ("the same", basis("10: 1xA via dhl", day(1), day(2), day(3)), true),
            ("more units", basis("10 r2: 9xA via dhl", day(1), day(2), day(3)), true),
            ("another carrier", basis("10: 1xA via fjard", day(1), day(2), day(3)), true),
            ("its customer fetches it", basis("10: 1xA via pickup", day(1), day(2), day(3)), true),
            ("shipped later", basis("10: 1xA via dhl", day(2), day(2), day(3)), false),
            ("delivered not before", basis("10: 1xA via dhl", day(1), None, day(3)), false),
            ("delivered later", basis("10: 1xA via dhl", day(1), day(2), day(4)), false),
        ] {
            assert_eq!(promised.promises_the_same(&other), same, "{what}");
        }
        assert_eq!(basis("10: 1xA via pickup", None, None, None).carrier, None);
    }
}
