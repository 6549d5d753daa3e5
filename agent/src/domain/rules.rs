//! What the configuration says about this site, in the domain's own words.

use super::carrier::{Carrier, Collection};
use super::name::{CarrierId, SiteId, StationId};
use super::notice::Milestone;
use super::order::{Delivery, Order};
use super::promise::Pledge;
use super::station::{Mode, Step};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The site's standing rules; they change only with the configuration.
#[derive(Clone, Debug)]
pub struct Rules {
    pub site: SiteId,
    pub zone: TimeZone,
    /// Four to twelve digits, given by GS1.
    pub company_prefix: Box<str>,
    pub carriers: Vec<Carrier>,
    /// A product is reported as low when it falls to this many.
    pub low_stock: i64,
    pub flow: Flow,
    /// Nothing counts at a station where nobody is signed in.
    pub operators_required: bool,
    /// Who scans nothing for so long is signed out.
    pub idle_sign_out: Duration,
    /// An item counts only after the place where it lies was scanned.
    pub bins: bool,
    /// Orders in one round, at most.
    pub batch_size: usize,
    /// The stations that print labels.
    pub printers: BTreeSet<StationId>,
    pub notices: Notices,
    /// What is promised, and how it is told whether it can be kept.
    pub pledge: Pledge,
}

/// What customers are told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notices {
    /// The milestones that are told, and after how long nobody wants to hear of each any more.
    pub asked: BTreeMap<Milestone, Duration>,
    /// How long after its hand-over a customer is asked what they think of an order; none where nobody is.
    pub feedback_after: Option<Duration>,
}

impl Default for Notices {
    /// Every milestone.
    fn default() -> Self {
        let asked = Milestone::WORDS.map(|(_, milestone)| (milestone, milestone.expires_after()));
        Self { asked: asked.into(), feedback_after: Some(FEEDBACK_AFTER) }
    }
}

/// Two days: the goods have been seen, and not forgotten.
pub const FEEDBACK_AFTER: Duration = Duration::from_secs(48 * 3600);

/// The order of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// One scan picks and packs.
    SingleStep,
    PickThenPack,
}

impl Rules {
    /// A site without carriers, for tests.
    #[cfg(test)]
    pub fn of_nothing() -> Self {
        Self {
            site: "sthlm-03".into(),
            zone: TimeZone::UTC,
            company_prefix: "7350053".into(),
            carriers: Vec::new(),
            low_stock: 0,
            flow: Flow::SingleStep,
            operators_required: false,
            idle_sign_out: Duration::from_secs(1_200),
            bins: false,
            batch_size: 8,
            printers: BTreeSet::new(),
            notices: Notices::default(),
            pledge: Pledge::default(),
        }
    }

    /// What a scan of an item does in `mode`.
    #[must_use]
    pub fn step(&self, mode: Mode) -> Step {
        match (self.flow, mode) {
            (Flow::SingleStep, _) => Step::Both,
            (Flow::PickThenPack, Mode::Pick) => Step::Pick,
            (Flow::PickThenPack, _) => Step::Pack,
        }
    }

    /// The day at this site.
    #[must_use]
    pub fn day(&self, now: Timestamp) -> Date {
        now.to_zoned(self.zone.clone()).date()
    }

    /// The collection that an order must make to be in time: the last one that keeps its promise, or, where it is too
    /// late for that or nothing was promised, the next one.
    #[must_use]
    pub fn must_make(
        &self,
        carrier: &str,
        ship_by: Option<Timestamp>,
        now: Timestamp,
        clock_trusted: bool,
    ) -> Option<Collection> {
        let carrier = self.carriers.iter().find(|known| *known.id == *carrier).filter(|_| clock_trusted)?;
        let last = ship_by.and_then(|by| carrier.last_collection(now, by, &self.zone));
        last.or_else(|| carrier.next_collection(now, &self.zone))
    }

    /// The id of the carrier that takes the order's parcels, configured or not.
    #[must_use]
    pub fn carrier_id_of<'a>(&self, order: &'a Order) -> Option<&'a CarrierId> {
        match &order.terms.delivery {
            Delivery::Carrier { carrier, .. } => Some(carrier),
            Delivery::Pickup => None,
        }
    }

    /// The carrier that takes the order's parcels, where it is configured.
    #[must_use]
    pub fn carrier_of(&self, order: &Order) -> Option<&Carrier> {
        let carrier = self.carrier_id_of(order)?;
        self.carriers.iter().find(|known| known.id == *carrier)
    }
}
