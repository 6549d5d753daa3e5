//! Orders as values: the list of them, and one with its history. What pages show, `/api/v1/orders` returns and the
//! command line prints.
//!
//! Field names and words are an interface: they are added to, never changed.

mod undone;

pub use undone::undone;

use super::Progress;
use super::wire::Sender;
use crate::domain::order::{Delivery, Order, Parcel, ParcelState};
use crate::domain::promise::Standing;
use crate::journal::orders::Listed;
use crate::journal::{Error, Place, Stored};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// One order in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderSeen {
    pub id: String,
    pub number: String,
    pub revision: u32,
    /// As in the contract; `held` while it is on hold.
    pub state: String,
    pub expedited: bool,
    pub picked: Progress,
    pub packed: Progress,
    pub parcels: usize,
    pub tote: Option<String>,
    /// Where it is open now.
    pub stations: Vec<String>,
    /// None where its customer fetches it.
    pub carrier: Option<String>,
    pub service: Option<String>,
    pub promise: PromiseSeen,
    /// None for an order whose promise is not watched: nothing was promised, or it is closed.
    pub target: Option<TargetSeen>,
}

/// What was promised at checkout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromiseSeen {
    pub ship_by: Option<Timestamp>,
    pub deliver_from: Option<Timestamp>,
    pub deliver_by: Option<Timestamp>,
}

/// What the order must make, and how it is on its way there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetSeen {
    /// None where its customer fetches it, or no collection is known.
    pub collection: Option<String>,
    pub at: Timestamp,
    /// By then its parcels must be sealed.
    pub cut_off: Timestamp,
    /// `on_track`, `at_risk`, `will_miss` or `over`.
    pub course: String,
    /// A word for what troubles it, or troubled it last.
    pub trouble: Option<String>,
    /// What the checkout promised can't be kept any more.
    pub broken: bool,
}

/// One order with all that is in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderWhole {
    #[serde(flatten)]
    pub order: OrderSeen,
    pub lines: Vec<LineSeen>,
    pub packed_in: Vec<ParcelSeen>,
    /// Picked goods that go back on the shelf.
    pub put_back: Vec<Units>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineSeen {
    pub line: String,
    pub sku: String,
    pub name: String,
    pub bin: Option<String>,
    /// Asked for.
    pub quantity: u32,
    pub picked: u32,
    pub packed: u32,
    /// Units that this site can't deliver.
    pub short: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParcelSeen {
    pub parcel: u32,
    pub state: String,
    pub sscc: Option<String>,
    pub tracking: Option<String>,
    /// It carries a label that is no longer its own.
    pub void: bool,
    pub manifest: Option<String>,
    pub collection: Option<String>,
    /// Where its customer can have it.
    pub place: Option<String>,
    pub weight_g: Option<u64>,
    pub contents: Vec<Units>,
    pub recorded: Vec<Recorded>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Units {
    pub sku: String,
    pub name: String,
    pub units: u32,
}

/// What was recorded of one unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    pub sku: String,
    pub serial: Option<String>,
    pub lot: Option<String>,
    pub expiry: Option<Date>,
    pub weight_g: Option<u32>,
}

/// A page of orders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrdersPage {
    pub orders: Vec<OrderSeen>,
    /// `from` of the next page, where there is one.
    pub next: Option<usize>,
}

/// What happened to an order, newest first.
#[derive(Debug)]
pub struct History {
    pub events: Vec<Stored>,
    /// For each event the place of the one that took it back.
    pub undone: Vec<Option<Place>>,
    /// Where to look on; none where the order's beginning has been seen, or the log's.
    pub older: Option<Place>,
    pub sender: Sender,
}

/// An order and its history, as the interface for machines has it.
#[derive(Debug, Serialize)]
pub struct OrderTold {
    /// None where it has been forgotten, and its events have not.
    pub order: Option<OrderWhole>,
    /// Newest first.
    pub events: Vec<EventTold>,
    /// `before` of the next question, where there may be more.
    pub before: Option<Place>,
}

#[derive(Debug, Serialize)]
pub struct EventTold {
    pub place: Place,
    /// The place of the event that took it back.
    pub undone_by: Option<Place>,
    pub event: Box<RawValue>,
}

impl OrderTold {
    /// # Errors
    /// The stored data is not JSON: the row is damaged.
    pub fn new(order: Option<OrderWhole>, history: &History) -> Result<Self, Error> {
        let told = |(stored, undone_by): (&Stored, &Option<Place>)| {
            let event = RawValue::from_string(history.sender.render(stored)?)?;
            Ok(EventTold { place: stored.place, undone_by: *undone_by, event })
        };
        let events = history.events.iter().zip(&history.undone).map(told).collect::<Result<_, Error>>()?;
        Ok(Self { order, events, before: history.older })
    }
}

impl From<&Listed> for OrderSeen {
    fn from(listed: &Listed) -> Self {
        let Listed { order, standing, stations } = listed;
        let progress = |(done, of): (u32, u32)| Progress { done, of };
        let (carrier, service) = match &order.terms.delivery {
            Delivery::Carrier { carrier, service } => (Some(carrier.to_string()), service.as_deref()),
            Delivery::Pickup => (None, None),
        };
        let promise = &order.terms.promise;
        Self {
            id: order.terms.id.to_string(),
            number: order.terms.number.to_string(),
            revision: order.terms.revision,
            state: order.state_word().to_owned(),
            expedited: order.progress.expedited,
            picked: progress(order.units_picked()),
            packed: progress(order.units()),
            parcels: order.progress.parcels.iter().filter(|parcel| parcel.state != ParcelState::Withdrawn).count(),
            tote: order.progress.tote.as_ref().map(ToString::to_string),
            stations: stations.iter().map(ToString::to_string).collect(),
            carrier,
            service: service.map(str::to_owned),
            promise: PromiseSeen {
                ship_by: promise.ship_by,
                deliver_from: promise.deliver_from,
                deliver_by: promise.deliver_by,
            },
            target: standing.as_ref().map(Into::into),
        }
    }
}

impl From<&Standing> for TargetSeen {
    fn from(standing: &Standing) -> Self {
        let target = &standing.target;
        Self {
            collection: target.collection.as_ref().map(|collection| collection.id.to_string()),
            at: target.at,
            cut_off: target.cut_off,
            course: standing.course.word().to_owned(),
            trouble: standing.trouble.map(|trouble| trouble.word().to_owned()),
            broken: standing.broken,
        }
    }
}

impl From<&Listed> for OrderWhole {
    fn from(listed: &Listed) -> Self {
        let order = &listed.order;
        let lines = order.terms.lines.iter().zip(&order.progress.lines).map(|(line, done)| LineSeen {
            line: line.id.to_string(),
            sku: line.sku.to_string(),
            name: line.name.as_ref().to_owned(),
            bin: line.bin.as_ref().map(ToString::to_string),
            quantity: line.quantity,
            picked: done.picked,
            packed: done.packed,
            short: done.short,
        });
        let put_back = order.progress.put_back.iter().map(|goods| Units {
            sku: goods.item.sku.to_string(),
            name: goods.item.name.as_ref().to_owned(),
            units: goods.units,
        });
        Self {
            order: listed.into(),
            lines: lines.collect(),
            packed_in: order.progress.parcels.iter().map(|parcel| seen(order, parcel)).collect(),
            put_back: put_back.collect(),
        }
    }
}

fn seen(order: &Order, parcel: &Parcel) -> ParcelSeen {
    let contents = order.contents(parcel).map(|(line, units)| Units {
        sku: line.sku.to_string(),
        name: line.name.as_ref().to_owned(),
        units,
    });
    let recorded = parcel.recorded.iter().map(|(line, values)| Recorded {
        sku: order.terms.lines[*line].sku.to_string(),
        serial: values.serial.as_deref().map(str::to_owned),
        lot: values.lot.as_deref().map(str::to_owned),
        expiry: values.expiry,
        weight_g: values.weight_g,
    });
    ParcelSeen {
        parcel: parcel.n,
        state: parcel.state.word().to_owned(),
        sscc: parcel.sscc.map(|sscc| sscc.to_string()),
        tracking: parcel.tracking.as_deref().map(str::to_owned),
        void: parcel.void,
        manifest: parcel.manifest.as_ref().map(ToString::to_string),
        collection: parcel.collection.as_ref().map(ToString::to_string),
        place: parcel.place.as_ref().map(ToString::to_string),
        weight_g: order.weight_g(parcel),
        contents: contents.collect(),
        recorded: recorded.collect(),
    }
}

#[cfg(test)]
mod tests;
