//! All that the platform knows of one order, as plain values: what letters, the tracking page and support are made from.

mod read;

pub use read::{by_token, customer, events, order_of_return, place, read, token};

use crate::letters::channels::Customer;
use jiff::Timestamp;
use serde_json::Value;

#[derive(Clone, Debug, Default)]
pub struct Dossier {
    pub site: String,
    pub id: String,
    pub number: String,
    pub state: String,
    pub held: bool,
    /// Of its page.
    pub token: String,
    /// As they were put last; the site may not have taken them yet.
    pub terms: Value,
    pub lines: Vec<Line>,
    pub parcels: Vec<Parcel>,
    /// How many parcels it has, while all of it is packed.
    pub parcels_total: Option<i64>,
    /// Its events and those of its returns, in sequence.
    pub told: Vec<Told>,
    /// Scans of it that the bench refused.
    pub refused: Vec<Told>,
    pub notifications: Vec<Notification>,
    pub dispatches: Vec<Dispatch>,
    pub commands: Vec<Command>,
    pub returns: Vec<Return>,
    pub choices: Vec<Choice>,
    pub feedback: Vec<Feedback>,
    /// Reference and entry in the address book.
    pub customer: Option<(String, Option<Customer>)>,
}

#[derive(Clone, Debug, Default)]
pub struct Line {
    pub sku: String,
    pub name: String,
    pub wanted: i64,
    pub picked: i64,
    pub packed: i64,
    pub short: i64,
}

#[derive(Clone, Debug, Default)]
pub struct Parcel {
    pub n: i64,
    pub state: String,
    pub tracking: Option<String>,
    pub contents: Vec<crate::letters::notice::Item>,
}

/// An event.
#[derive(Clone, Debug)]
pub struct Told {
    pub at: Timestamp,
    /// `pick.item_picked`
    pub kind: String,
    pub station: Option<String>,
    pub data: Value,
}

#[derive(Clone, Debug)]
pub struct Notification {
    pub key: String,
    pub milestone: String,
    pub state: String,
    pub at: Timestamp,
    pub data: Value,
    pub letters: Vec<Letter>,
}

#[derive(Clone, Debug)]
pub struct Letter {
    pub channel: String,
    pub state: String,
    pub attempts: i64,
    pub why: Option<String>,
    pub at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct Dispatch {
    pub parcel: i64,
    pub state: String,
    pub reason: Option<String>,
    pub at: Timestamp,
    pub data: Value,
}

#[derive(Clone, Debug)]
pub struct Command {
    pub kind: String,
    pub revision: Option<i64>,
    pub created: Timestamp,
    pub status: Option<String>,
    pub reason: Option<String>,
    pub detail: Option<String>,
    pub answered: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct Return {
    pub id: String,
    pub state: String,
    /// What the customer wishes.
    pub wish: Option<String>,
    /// What the shop decided.
    pub resolution: Option<String>,
    pub found: i64,
    pub announced: i64,
}

/// What a customer chose at a delay.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Of the notification that offered it.
    pub key: String,
    /// `keep`, `pick_up`, `cancel`.
    pub choice: String,
    pub at: Timestamp,
    /// Of the command that asks the site.
    pub revision: Option<i64>,
}

#[derive(Clone, Debug)]
pub struct Feedback {
    pub at: Timestamp,
    /// `good`, `missing`, `broken`.
    pub arrived: String,
    pub comment: String,
}

impl Dispatch {
    #[must_use]
    pub fn carrier(&self) -> &str {
        let name = self.data["carrier_name"].as_str().or(self.data["carrier"].as_str());
        name.unwrap_or("–")
    }
}

impl Dossier {
    /// Terms that the site works by: the newest that it said it took.
    #[must_use]
    pub fn agreed(&self) -> &Value {
        let taken =
            self.told.iter().rev().find(|told| matches!(told.kind.as_str(), "order.accepted" | "order.updated"));
        taken.map_or(&self.terms, |told| &told.data)
    }

    #[must_use]
    pub fn is_pickup(&self) -> bool {
        self.agreed()["delivery"] == "pickup"
    }

    #[must_use]
    pub fn language(&self) -> Option<&str> {
        let own = self.customer.as_ref().and_then(|(_, customer)| customer.as_ref()?.language.as_deref());
        own.or(self.terms["notify"]["language"].as_str())
    }

    #[must_use]
    pub fn last(&self, kind: &str) -> Option<&Told> {
        self.told.iter().rev().find(|told| told.kind == kind)
    }

    /// The carrier's id, and the name that the site has for it.
    #[must_use]
    pub fn carrier(&self) -> Option<(&str, Option<&str>)> {
        let id = self.agreed()["carrier"].as_str()?;
        let known = self.dispatches.iter().rev().find(|dispatch| dispatch.data["carrier"] == id);
        Some((id, known.and_then(|dispatch| dispatch.data["carrier_name"].as_str())))
    }

    /// The collection that its parcels wait for.
    #[must_use]
    pub fn collection(&self) -> Option<Timestamp> {
        let open = self.dispatches.iter().rev().find(|dispatch| dispatch.state == "open")?;
        open.data["collection"]["at"].as_str()?.parse().ok()
    }

    /// Parcels that are with a carrier or the customer.
    #[must_use]
    pub fn gone(&self) -> usize {
        self.parcels.iter().filter(|parcel| matches!(parcel.state.as_str(), "handed_over" | "collected")).count()
    }
}
