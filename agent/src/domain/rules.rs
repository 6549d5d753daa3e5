//! What the configuration says about this site, in the domain's own words.

use super::carrier::{Carrier, Collection};
use super::name::{CarrierId, SiteId};
use super::order::{Delivery, Order};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The site's standing rules; they change only with the configuration.
#[derive(Clone, Debug)]
pub struct Rules {
    pub site: SiteId,
    pub zone: TimeZone,
    /// Four to twelve digits, given by GS1.
    pub company_prefix: Box<str>,
    pub carriers: Vec<Carrier>,
    /// A product is reported as low when a pick brings it down to this many.
    pub low_stock: i64,
}

impl Rules {
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

    /// The collection that a parcel of `order` sealed at `now` must make; none while the clock can't be trusted.
    #[must_use]
    pub fn collection_for(&self, order: &Order, now: Timestamp, clock_trusted: bool) -> Option<Collection> {
        if !clock_trusted {
            return None;
        }
        self.carrier_of(order)?.next_collection(now, &self.zone)
    }
}
