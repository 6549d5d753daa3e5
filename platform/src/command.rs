//! Commands to sites: what may be asked for, and how each is written.

use crate::clock::Now;
use crate::counter::{self, Ask};
use crate::faults;
use crate::outbox;
use crate::store::{Db, Error, OfStorage, params};
use crate::terms::{self, Return, Terms};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// Unanswered commands of one site.
const WAITING_MAX: usize = 100_000;

/// No site reads a larger one.
const COMMAND_BYTES_MAX: usize = 96 * 1024;

/// What of that items may take, beside the rest of their command.
const ITEMS_BYTES_MAX: usize = COMMAND_BYTES_MAX - 1_024;

/// Products or stock items in one command, so that it stays well below the contract's largest message.
pub const ITEMS_MAX: usize = 400;

/// Something that a shop or a person asks for.
#[derive(Clone, Debug)]
pub enum Request {
    /// `order.put` of each.
    Put(Vec<Value>),
    Cancel {
        order: String,
        revision: Option<u32>,
        reason: String,
        notify: bool,
    },
    /// `order.hold`, `order.release`, `order.expedite`.
    Lead {
        order: String,
        revision: Option<u32>,
        lead: Lead,
    },
    /// `parcel.label`; without a revision it is newer than every one before.
    Label {
        order: String,
        parcel: i64,
        label: Label,
    },
    /// `return.put` of each.
    Returns(Vec<Value>),
    Catalog(Vec<Value>),
    Stock {
        items: Vec<Value>,
        as_of: Option<Value>,
    },
    Resend {
        epoch: Uuid,
        from: u64,
    },
    /// What a customer asks for about an order, or the shop decides about its return.
    Counter {
        order: String,
        ask: Ask,
    },
    /// The file that a site starts with: what was put before is not put again.
    Seed(Seed),
}

/// What is to happen with an order as a whole.
#[derive(Clone, Debug)]
pub enum Lead {
    Hold { reason: String },
    Release,
    Expedite,
}

/// A carrier's label. `zpl` names a person: it is kept until the site's reply and nowhere else.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Label {
    #[serde(default)]
    pub tracking: Option<String>,
    #[serde(default)]
    pub zpl: Option<String>,
    #[serde(default)]
    pub revision: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    #[serde(default)]
    catalog: Option<Catalog>,
    #[serde(default)]
    stock: Option<Stock>,
    #[serde(default)]
    orders: Vec<Value>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Catalog {
    pub products: Vec<Value>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Stock {
    pub items: Vec<Value>,
    #[serde(default)]
    pub as_of: Option<Value>,
}

/// Why a request has no effect.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("{0}")]
    Invalid(String),
    #[error("order {0} is not known here")]
    UnknownOrder(String),
    #[error("parcel {1} of order {0} is not known here")]
    UnknownParcel(String, i64),
    #[error("{0}")]
    Conflict(String),
    #[error("the command has {0} bytes, no site reads more than {COMMAND_BYTES_MAX}")]
    TooLarge(usize),
    #[error("{WAITING_MAX} commands of this site are unanswered: the site is gone, or doesn't answer")]
    TooMany,
    #[error("the storage refuses: {0}")]
    Storage(#[from] Error),
}

impl OfStorage for Refusal {
    fn storage(&self) -> Option<&Error> {
        match self {
            Self::Storage(error) => Some(error),
            _ => None,
        }
    }
}

/// The commands of one site, being written into the open transaction.
pub struct Desk<'a> {
    db: &'a Db,
    site: i64,
    now: Now,
    /// The moment on the platform's own clock.
    now_ms: i64,
    /// Unanswered ones, once they were counted.
    waiting: Option<usize>,
}

#[derive(Deserialize)]
struct Product {
    sku: String,
    #[serde(rename = "name")]
    _name: String,
}

#[derive(Deserialize)]
struct Item {
    sku: String,
    quantity: i64,
}

impl<'a> Desk<'a> {
    /// The site is locked.
    #[must_use]
    pub fn new(db: &'a Db, site: i64, now: Now, now_ms: i64) -> Self {
        Self { db, site, now, now_ms, waiting: None }
    }

    #[must_use]
    pub fn place(&self) -> (&'a Db, i64) {
        (self.db, self.site)
    }

    #[must_use]
    pub fn now(&self) -> Now {
        self.now
    }

    /// Stores what a request asks for. Returns the ids of its commands.
    ///
    /// # Errors
    /// Why it has no effect; the transaction must then be rolled back.
    pub fn take(&mut self, request: Request) -> Result<Vec<Uuid>, Refusal> {
        match request {
            Request::Put(orders) => orders.into_iter().map(|order| self.put(order)).collect(),
            Request::Cancel { order, revision, reason, notify } => self.cancel(&order, revision, &reason, notify),
            Request::Lead { order, revision, lead } => self.lead(&order, revision, lead),
            Request::Label { order, parcel, label } => self.label(&order, parcel, label),
            Request::Returns(returns) => returns.iter().map(|announced| self.put_return(announced)).collect(),
            Request::Catalog(products) => self.catalog(&products),
            Request::Stock { items, as_of } => self.stock(&items, as_of.as_ref()),
            Request::Resend { epoch, from } => {
                Ok(vec![self.send("events.resend", None, &json!({ "epoch": epoch, "from": from }))?])
            }
            Request::Counter { order, ask } => counter::take(self, &order, ask),
            Request::Seed(seed) => self.seed(seed),
        }
    }

    /// Stores one command; it goes out after the commit.
    ///
    /// # Errors
    /// It is too large, or there are too many.
    pub fn send(&mut self, kind: &str, order: Option<(&str, u32)>, data: &Value) -> Result<Uuid, Refusal> {
        let waiting = match self.waiting {
            Some(waiting) => waiting,
            None => outbox::waiting(self.db, self.site)?,
        };
        if WAITING_MAX <= waiting {
            return Err(Refusal::TooMany);
        }
        let id = Uuid::now_v7();
        let time = faults::stamp(self.now);
        let payload = json!({
            "specversion": "1.0",
            "id": id,
            "source": "/platform",
            "type": format!("parceld.{kind}.v1"),
            "time": time,
            "datacontenttype": "application/json",
            "data": data,
        })
        .to_string();
        if COMMAND_BYTES_MAX < payload.len() {
            return Err(Refusal::TooLarge(payload.len()));
        }
        let (order, revision) = order.unzip();
        self.db.run(
            "INSERT INTO commands (site, command, kind, order_id, revision, payload, created, due_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            &params![self.site, id.to_string(), kind, order, revision, payload, time, self.now_ms],
        )?;
        if self.waiting.is_none() {
            outbox::wake(self.db, self.site, self.now_ms)?;
        }
        self.waiting = Some(waiting + 1);
        Ok(id)
    }

    /// `order.put`, newer than every one before unless it says a revision.
    ///
    /// # Errors
    /// It is no order, or as [`Desk::send`].
    pub fn put(&mut self, mut order: Value) -> Result<Uuid, Refusal> {
        let mut terms = Terms::check(&order).map_err(Refusal::Invalid)?;
        let last = self.last_put(&terms.id)?;
        let revision = *terms.revision.get_or_insert(last.map_or(1, |last| last.saturating_add(1)));
        let number = terms.number.get_or_insert_with(|| terms.id.clone()).clone();
        order["revision"] = revision.into();
        order["number"] = number.into();
        let stored = terms::without_known(&order.to_string()).map_err(|error| Refusal::Invalid(error.to_string()))?;
        let time = faults::stamp(self.now);
        terms::store(self.db, self.site, &terms, &stored, "put", &time)?;
        let waits: Option<bool> = self.db.row(
            "SELECT state = 'put' AND revision = ?3 FROM orders WHERE site = ?1 AND id = ?2",
            &params![self.site, terms.id, revision],
            |row| row.get(0),
        )?;
        if waits == Some(true) {
            terms::store_lines(self.db, self.site, &terms)?;
        }
        self.send("order.put", Some((&terms.id, revision)), &order)
    }

    /// `order.cancel`: a request, which the site may reject.
    ///
    /// # Errors
    /// The order is not known, or as [`Desk::send`].
    pub fn cancel(
        &mut self,
        id: &str,
        revision: Option<u32>,
        reason: &str,
        notify: bool,
    ) -> Result<Vec<Uuid>, Refusal> {
        let known = self.last_revision(id)?;
        let revision = revision.or(known).ok_or_else(|| Refusal::UnknownOrder(id.to_owned()))?;
        let data = json!({ "id": id, "revision": revision, "reason": reason, "notify": notify });
        Ok(vec![self.send("order.cancel", Some((id, revision)), &data)?])
    }

    fn lead(&mut self, id: &str, revision: Option<u32>, lead: Lead) -> Result<Vec<Uuid>, Refusal> {
        let known = self.last_revision(id)?;
        let revision = revision.or(known).ok_or_else(|| Refusal::UnknownOrder(id.to_owned()))?;
        let mut data = json!({ "id": id, "revision": revision });
        let kind = match lead {
            Lead::Hold { reason } => {
                data["reason"] = reason.into();
                "order.hold"
            }
            Lead::Release => "order.release",
            Lead::Expedite => "order.expedite",
        };
        Ok(vec![self.send(kind, Some((id, revision)), &data)?])
    }

    /// `parcel.label` of a parcel that is known here.
    ///
    /// # Errors
    /// It isn't, or as [`Desk::send`].
    pub fn label(&mut self, order: &str, n: i64, label: Label) -> Result<Vec<Uuid>, Refusal> {
        let Label { tracking, zpl, revision } = label;
        let known = "SELECT label_revision, label_sent FROM parcels WHERE site = ?1 AND order_id = ?2 AND n = ?3";
        let (taken, sent): (u32, u32) = self
            .db
            .row(known, &params![self.site, order, n], |row| Ok((row.get(0)?, row.get(1)?)))?
            .ok_or_else(|| Refusal::UnknownParcel(order.to_owned(), n))?;
        let revision = revision.unwrap_or(taken.max(sent).saturating_add(1));
        self.db.run(
            "UPDATE parcels SET label = CASE WHEN label IS NULL THEN NULL ELSE 'sent' END, label_sent = ?4
             WHERE site = ?1 AND order_id = ?2 AND n = ?3",
            &params![self.site, order, n, sent.max(revision)],
        )?;
        let mut data = json!({ "order": order, "parcel": n, "revision": revision });
        for (field, text) in [("tracking", tracking), ("zpl", zpl)] {
            if let Some(text) = text {
                data[field] = text.into();
            }
        }
        Ok(vec![self.send("parcel.label", Some((order, revision)), &data)?])
    }

    /// `return.put`
    ///
    /// # Errors
    /// It is no return, or as [`Desk::send`].
    pub fn put_return(&mut self, announced: &Value) -> Result<Uuid, Refusal> {
        let checked = Return::check(announced).map_err(Refusal::Invalid)?;
        terms::store_return(self.db, self.site, &checked, "put", &faults::stamp(self.now))?;
        let data = serde_json::to_value(&checked).map_err(|error| Refusal::Invalid(error.to_string()))?;
        self.send("return.put", None, &data)
    }

    fn catalog(&mut self, products: &[Value]) -> Result<Vec<Uuid>, Refusal> {
        for product in products {
            let Product { sku, .. } =
                Product::deserialize(product).map_err(|error| Refusal::Invalid(format!("products: {error}")))?;
            self.db.run(
                "INSERT INTO products (site, sku, data) VALUES (?1, ?2, ?3)
                 ON CONFLICT (site, sku) DO UPDATE SET data = excluded.data",
                &params![self.site, sku, product.to_string()],
            )?;
        }
        self.put_products(products)
    }

    /// `catalog.put` of all of them, in as many commands as that takes.
    ///
    /// # Errors
    /// As [`Desk::send`].
    pub fn put_products(&mut self, products: &[Value]) -> Result<Vec<Uuid>, Refusal> {
        portions(products)
            .into_iter()
            .map(|some| self.send("catalog.put", None, &json!({ "products": some })))
            .collect()
    }

    fn stock(&mut self, items: &[Value], as_of: Option<&Value>) -> Result<Vec<Uuid>, Refusal> {
        for item in items {
            let Item { sku, quantity } =
                Item::deserialize(item).map_err(|error| Refusal::Invalid(format!("items: {error}")))?;
            if quantity < 0 {
                return Err(Refusal::Invalid(format!("items: quantity of {sku} is below 0")));
            }
        }
        self.set_stock(items, as_of)
    }

    /// `stock.set` of all of them, in as many commands as that takes.
    ///
    /// # Errors
    /// As [`Desk::send`].
    pub fn set_stock(&mut self, items: &[Value], as_of: Option<&Value>) -> Result<Vec<Uuid>, Refusal> {
        let data = |some: &[Value]| match as_of {
            Some(as_of) => json!({ "items": some, "as_of": as_of }),
            None => json!({ "items": some }),
        };
        items.chunks(ITEMS_MAX).map(|some| self.send("stock.set", None, &data(some))).collect()
    }

    fn seed(&mut self, seed: Seed) -> Result<Vec<Uuid>, Refusal> {
        let mut sent = Vec::new();
        if let Some(Catalog { products }) = seed.catalog
            && !self.has_sent("catalog.put")?
        {
            sent.extend(self.catalog(&products)?);
        }
        if let Some(Stock { items, as_of }) = seed.stock
            && !self.has_sent("stock.set")?
        {
            sent.extend(self.stock(&items, as_of.as_ref())?);
        }
        for mut order in seed.orders {
            let terms = Terms::check(&order).map_err(Refusal::Invalid)?;
            let revision = terms.revision.unwrap_or(1);
            if self.last_put(&terms.id)?.is_none_or(|last| last < revision) {
                order["revision"] = revision.into();
                sent.push(self.put(order)?);
            }
        }
        Ok(sent)
    }

    fn last_revision(&self, order: &str) -> Result<Option<u32>, Error> {
        let revision = "SELECT revision FROM orders WHERE site = ?1 AND id = ?2";
        self.db.row(revision, &params![self.site, order], |row| row.get(0))
    }

    /// The highest revision that the order has, or was put with in vain: no two puts have the same.
    fn last_put(&self, order: &str) -> Result<Option<u32>, Error> {
        let put = "SELECT max(revision) FROM commands WHERE site = ?1 AND order_id = ?2 AND kind = 'order.put'";
        let put: Option<Option<u32>> = self.db.row(put, &params![self.site, order], |row| row.get(0))?;
        Ok(self.last_revision(order)?.max(put.flatten()))
    }

    fn has_sent(&self, kind: &str) -> Result<bool, Error> {
        let sent = "SELECT 1 FROM commands WHERE site = ?1 AND kind = ?2 LIMIT 1";
        Ok(self.db.row(sent, &params![self.site, kind], |_| Ok(()))?.is_some())
    }
}

/// Parts of at most [`ITEMS_MAX`] items that each fit into a command; an item that fits into none is alone.
fn portions(items: &[Value]) -> Vec<&[Value]> {
    let (mut portions, mut rest) = (Vec::new(), items);
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take(ITEMS_MAX).take_while(|item| {
            bytes += item.to_string().len() + 1;
            bytes <= ITEMS_BYTES_MAX
        });
        let (portion, others) = rest.split_at(fits.count().max(1));
        portions.push(portion);
        rest = others;
    }
    portions
}
