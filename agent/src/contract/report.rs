//! What a site answers to `site.report`: where its log stands and what is open, without the orders themselves.

use serde::Serialize;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The site at one moment.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SiteReport {
    pub version: String,
    pub epoch: Uuid,
    /// The newest event's sequence in this epoch, and how far the broker and the platform have acknowledged.
    pub head: u64,
    pub sent: u64,
    pub received: u64,
    /// Open orders by state; states without any are left out. `held` counts whatever is on hold.
    pub orders: BTreeMap<String, u64>,
    /// Open manifests, at most [`MANIFESTS_MAX`].
    pub manifests: Vec<OpenManifest>,
    /// Returns that are not completed, by state.
    pub returns: BTreeMap<String, u64>,
    /// In the order of their ids.
    pub stations: Vec<StationReport>,
}

/// More manifests than couriers can be waited for at once.
pub const MANIFESTS_MAX: usize = 100;

/// A manifest that no courier has yet.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OpenManifest {
    pub manifest: String,
    pub carrier: String,
    pub loaded: u32,
}

/// What is open at a station.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StationReport {
    pub station: String,
    pub mode: &'static str,
    /// `idle`, `order`, `round`, `manifest`, `collect`, `return`, `put_back` or `tally`.
    pub work: &'static str,
    /// Orders, parcels, returns or products that it has open: none where it is idle.
    pub open: u64,
}
