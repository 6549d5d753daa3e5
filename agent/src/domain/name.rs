//! Names: short texts that point at something. Cheap to clone, never mixed up with each other.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl Deref for $name {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", &*self.0)
            }
        }
    )*};
}

names! {
    /// The site's own id, as in its topics.
    SiteId
    /// The platform's id of an order.
    OrderId
    /// The number that people read, on the order and its papers.
    OrderNumber
    /// A line's id within its order.
    LineId
    /// A stock keeping unit.
    Sku
    /// A bench, or the loading door.
    StationId
    /// One scanner.
    ScannerId
    /// A carrier's id, as configured and as orders name it.
    CarrierId
    /// One collection of one carrier: `dhl@2026-11-22T16:30`, local time.
    CollectionId
    /// One list of parcels handed over together: its collection and a running number.
    ManifestId
    /// Who works here: a pseudonym from the badge.
    OperatorId
    /// A place on the shelf, or for parcels that wait for their customer.
    BinId
    /// A box that an order is gathered in.
    ToteId
    /// The platform's id of a return, or the one that the site gave to goods that nobody had announced.
    ReturnId
    /// What courier bookings are deduplicated by: order, parcel, collection and revision.
    DispatchKey
    /// A product's code in the form that catalogs and scans are compared in: fourteen digits for a GTIN, else as printed.
    ProductCode
}
