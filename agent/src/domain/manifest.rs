//! A manifest: the parcels that one courier takes along at once.

use super::carrier::Collection;
use super::name::{CarrierId, ManifestId};

/// The list for one carrier and collection. `open → closed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    pub id: ManifestId,
    pub carrier: CarrierId,
    /// None for a carrier whose collections are not configured.
    pub collection: Option<Collection>,
    pub closed: bool,
    /// How many parcels are on it.
    pub loaded: u32,
}

impl Manifest {
    /// The `nth` manifest (from 1) of this collection.
    #[must_use]
    pub fn open(carrier: &CarrierId, collection: Option<Collection>, nth: u32) -> Self {
        let base = collection.as_ref().map_or(&**carrier, |collection| &*collection.id);
        Self {
            id: format!("{base}#{nth}").as_str().into(),
            carrier: carrier.clone(),
            collection,
            closed: false,
            loaded: 0,
        }
    }
}
