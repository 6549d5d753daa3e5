//! Orders at work: accepted and led, picked, packed.

use super::picture::{Known, Line, Of, Order, State, Units};
use super::{ApplyError, Desk, OfOrder, OrderRef, Text, notify, read};
use crate::faults::{self, Conflict};
use crate::store::params;
use crate::terms::{self, Terms};
use serde::Deserialize;

#[derive(Deserialize)]
struct WithKnown {
    #[serde(default)]
    known: Option<Known>,
}

#[derive(Deserialize)]
struct Cancelled<'a> {
    #[serde(borrow)]
    order: OrderRef<'a>,
    picked: Vec<Units>,
}

#[derive(Deserialize)]
struct Started<'a> {
    #[serde(borrow)]
    order: OrderRef<'a>,
    #[serde(default)]
    tote: Option<String>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    line: Text<'a>,
    #[serde(borrow)]
    sku: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
}

#[derive(Deserialize)]
struct Picked<'a> {
    #[serde(borrow)]
    order: OrderRef<'a>,
    #[serde(flatten, borrow)]
    item: Item<'a>,
    #[serde(deserialize_with = "super::count")]
    picked: i64,
    #[serde(deserialize_with = "super::count")]
    wanted: i64,
    #[serde(default)]
    put_back: bool,
    stock: Stock,
}

#[derive(Deserialize)]
struct Stock {
    #[serde(deserialize_with = "super::count")]
    on_hand: i64,
}

#[derive(Deserialize)]
struct Packed<'a> {
    #[serde(borrow)]
    order: OrderRef<'a>,
    #[serde(flatten, borrow)]
    item: Item<'a>,
    parcel: i64,
    #[serde(deserialize_with = "super::count")]
    packed: i64,
}

#[derive(Deserialize)]
struct Sealed<'a> {
    #[serde(borrow)]
    order: OrderRef<'a>,
    parcel: i64,
    sscc: String,
    contents: Vec<Units>,
    #[serde(default)]
    weight_g: Option<i64>,
}

#[derive(Deserialize)]
struct Labelled<'a> {
    #[serde(borrow)]
    order: OrderRef<'a>,
    parcel: i64,
    sscc: String,
    #[serde(default)]
    tracking: Option<String>,
}

#[derive(Deserialize)]
struct Parcels<'a> {
    #[serde(borrow)]
    order: OrderRef<'a>,
    #[serde(deserialize_with = "super::count")]
    parcels: i64,
}

/// `order.*`
pub fn lead(desk: &Desk<'_>, kind: &str, data: &str) -> Result<(), ApplyError> {
    match kind {
        "accepted" => {
            let terms: Terms = read(data)?;
            desk.take_terms(&terms, data, Order::accepted)
        }
        "updated" => {
            let (terms, WithKnown { known }) = (read::<Terms>(data)?, read(data)?);
            desk.take_terms(&terms, data, |order, lines| order.updated(lines, known.as_ref()))
        }
        "cancelled" => {
            let Cancelled { order, picked } = read(data)?;
            desk.nobody_comes(&order, None, "cancelled")?;
            notify::cancelled(desk, &order)?;
            let revision = order.revision;
            desk.order(&order, |order| {
                order.heard_of(revision);
                order.cancelled(picked);
            })
        }
        "held" => desk.told(read(data)?, |order| order.held = true),
        "released" => desk.told(read(data)?, |order| order.held = false),
        "expedited" => desk.told(read(data)?, |order| order.expedited = true),
        "collected" => desk.told(read(data)?, Order::collected),
        "completed" => desk.told(read(data)?, |order| order.state = State::Completed),
        _ => Ok(()),
    }
}

/// `pick.*`
pub fn pick(desk: &Desk<'_>, kind: &str, data: &str) -> Result<(), ApplyError> {
    match kind {
        "started" => {
            let Started { order, tote } = read(data)?;
            desk.order(&order, |order| order.begins(State::Picking, tote))
        }
        "completed" => desk.told(read(data)?, |order| order.state = State::Picked),
        "item_picked" | "item_unpicked" | "item_short" => {
            let Picked { order, item, picked, wanted, put_back, stock } = read(data)?;
            let of = item.of();
            desk.order(&order, |order| match kind {
                "item_picked" => order.picked(of, picked),
                "item_short" => order.short(of, picked, wanted),
                _ if put_back => order.returned_to_shelf(of),
                _ => order.unpicked(of, picked),
            })?;
            desk.has(of.sku, stock.on_hand)
        }
        _ => Ok(()),
    }
}

/// `pack.*`
pub fn pack(desk: &Desk<'_>, kind: &str, data: &str) -> Result<(), ApplyError> {
    match kind {
        "started" => {
            let Started { order, tote } = read(data)?;
            desk.order(&order, |order| order.begins(State::Packing, tote))
        }
        "item_packed" | "item_unpacked" => {
            let Packed { order, item, parcel, packed } = read(data)?;
            let of = item.of();
            desk.order(&order, |order| match kind {
                "item_packed" => order.packed(of, parcel, packed),
                _ => order.unpacked(of, parcel, packed),
            })
        }
        "parcel_sealed" => {
            let Sealed { order, parcel, sscc, contents, weight_g } = read(data)?;
            desk.claim(&sscc, &order, parcel)?;
            desk.order(&order, |order| order.sealed(parcel, sscc, contents, weight_g))
        }
        "parcel_reopened" => {
            let Labelled { order, parcel, .. } = read(data)?;
            desk.nobody_comes(&order, Some(parcel), "reopened")?;
            desk.order(&order, |order| order.reopened(parcel))
        }
        "parcel_labelled" => {
            let Labelled { order, parcel, sscc, tracking } = read(data)?;
            desk.claim(&sscc, &order, parcel)?;
            desk.dispatch_goes_by(&order, parcel, &sscc)?;
            desk.order(&order, |order| order.labelled(parcel, sscc, tracking))
        }
        "completed" => {
            let Parcels { order, parcels } = read(data)?;
            desk.order(&order, |order| order.all_packed(parcels))
        }
        _ => Ok(()),
    }
}

impl Item<'_> {
    fn of(&self) -> Of<'_> {
        Of { line: &self.line, sku: &self.sku, name: &self.name }
    }
}

impl Desk<'_> {
    /// Terms that the site has taken. Newer ones that it hasn't seen stay stored.
    fn take_terms(
        &self,
        terms: &Terms,
        data: &str,
        change: impl FnOnce(&mut Order, Vec<Line>),
    ) -> Result<(), ApplyError> {
        let text = terms::without_known(data)?;
        terms::store(self.db, self.about.site, terms, &text, State::Put.word(), &self.time)?;
        self.change(&terms.id, |order| change(order, terms::lines(terms)))
    }

    /// An event about the order as a whole.
    fn told(&self, OfOrder { order }: OfOrder<'_>, change: impl FnOnce(&mut Order)) -> Result<(), ApplyError> {
        self.order(&order, |picture| {
            picture.heard_of(order.revision);
            change(picture);
        })
    }

    /// An SSCC belongs to one parcel for ever; a parcel may have had several.
    pub fn claim(&self, sscc: &str, order: &OrderRef<'_>, n: i64) -> Result<(), ApplyError> {
        let (db, site, id) = (self.db, self.about.site, &order.id);
        let insert = "INSERT INTO ssccs (sscc, site, order_id, n) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
        if db.run(insert, &params![sscc, site, id, n])? == 1 {
            return Ok(());
        }
        let owner = db.row(
            "SELECT sites.name, order_id, n FROM ssccs JOIN sites ON sites.id = site
             WHERE sscc = ?1 AND NOT (site = ?2 AND order_id = ?3 AND n = ?4)",
            &params![sscc, site, id, n],
            |row| {
                let (site, order, n): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(format!("{site}, order {order}, parcel {n}"))
            },
        )?;
        if let Some(owner) = owner {
            let detail = format!("SSCC {sscc} of order {id}, parcel {n} belongs to {owner}");
            faults::conflict(db, self.about, Conflict::SsccTwice, &detail, self.now)?;
        }
        Ok(())
    }
}
