//! `state/promise`: retained, so that a checkout knows what the site can keep without asking.

use crate::domain::promise::offer::{CarrierOffer, Door, Offer};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// After so long without a newer one it says nothing any more.
pub const VALID: SignedDuration = SignedDuration::from_mins(5);

/// What the site can still promise.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PromiseState<'a> {
    /// `open`: until `same_day_until` orders leave today. `full`: there is a collection, and no time to pack for it.
    /// `closed`: no collection is left today. `unknown`: see `reason`.
    pub state: &'static str,
    /// Why nothing can be promised: `clock_untrusted`, `no_capacity`, `no_collection`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The latest moment at which an order accepted now still makes today's last collection.
    pub same_day_until: Option<Timestamp>,
    pub carriers: Vec<CarrierState<'a>>,
    pub open: OpenWork,
    pub pace: PaceState,
    /// Units that can be packed for today's last collection beyond those that wait for it.
    pub capacity_left: u32,
    pub computed_at: Timestamp,
    /// After this the state is to be taken as `unknown`; so it is while the agent is `lost` or `offline`.
    pub valid_until: Timestamp,
}

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CarrierState<'a> {
    pub carrier: &'a str,
    pub name: &'a str,
    pub same_day_until: Option<Timestamp>,
    /// The next ones that can still be made.
    pub collections: Vec<NextCollection<'a>>,
}

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NextCollection<'a> {
    pub id: &'a str,
    pub at: Timestamp,
    /// By then a parcel must be sealed.
    pub closes_at: Timestamp,
}

/// What waits to be packed.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OpenWork {
    pub orders: u32,
    /// Units.
    pub items: u32,
}

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PaceState {
    /// Units.
    pub items_per_hour: u32,
    /// Whether it was measured at this time of day; else it is the configured floor.
    pub measured: bool,
    /// Over how many minutes with work.
    pub minutes: u32,
}

impl<'a> PromiseState<'a> {
    #[must_use]
    pub fn from_domain(offer: &'a Offer) -> Self {
        let carrier = |carrier: &'a CarrierOffer| CarrierState {
            carrier: &carrier.carrier,
            name: &carrier.name,
            same_day_until: carrier.same_day_until,
            collections: carrier
                .collections
                .iter()
                .map(|next| NextCollection { id: &next.id, at: next.at, closes_at: next.cut_off })
                .collect(),
        };
        Self {
            state: offer.door.word(),
            reason: match offer.door {
                Door::Open => None,
                Door::Full => Some("no_capacity"),
                Door::Closed => Some("no_collection"),
                Door::Unknown => Some("clock_untrusted"),
            },
            same_day_until: offer.same_day_until,
            carriers: offer.carriers.iter().map(carrier).collect(),
            open: OpenWork { orders: offer.open_orders, items: offer.open_units },
            pace: PaceState { items_per_hour: offer.per_hour, measured: offer.measured, minutes: offer.measured_min },
            capacity_left: offer.capacity_left,
            computed_at: offer.computed_at,
            valid_until: offer.computed_at.saturating_add(VALID).unwrap_or(Timestamp::MAX),
        }
    }

    #[must_use]
    pub fn render(&self) -> String {
        serde_json::json!(self).to_string()
    }
}
