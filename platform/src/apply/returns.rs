//! Goods that come back: announced, received, inspected one by one, completed.

use super::{ApplyError, Desk, OrderRef, Text, read};
use crate::store::params;
use crate::terms::{self, Return};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct About<'a> {
    #[serde(borrow)]
    r#return: ReturnRef<'a>,
    #[serde(default, borrow)]
    order: Option<OrderRef<'a>>,
}

#[derive(Deserialize)]
struct ReturnRef<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    authorized: bool,
}

#[derive(Deserialize)]
struct Inspected<'a> {
    #[serde(flatten, borrow)]
    about: About<'a>,
    #[serde(flatten)]
    found: Found,
    #[serde(deserialize_with = "super::count")]
    quantity: i64,
    #[serde(default)]
    stock: Option<Stock>,
}

#[derive(Deserialize)]
struct Stock {
    #[serde(deserialize_with = "super::count")]
    on_hand: i64,
}

/// An item of the box and how it is, as it is stored too.
#[derive(PartialEq, Serialize, Deserialize)]
struct Found {
    sku: Option<String>,
    name: String,
    code: String,
    condition: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lot: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry: Option<String>,
}

#[derive(Deserialize)]
struct Completed<'a> {
    #[serde(flatten, borrow)]
    about: About<'a>,
    items: Vec<Found>,
    outstanding: Vec<Outstanding>,
}

#[derive(Serialize, Deserialize)]
struct Outstanding {
    sku: String,
    name: String,
    #[serde(deserialize_with = "super::count")]
    quantity: i64,
}

/// `return.*`
pub fn come_back(desk: &Desk<'_>, kind: &str, data: &str) -> Result<(), ApplyError> {
    match kind {
        "authorized" => {
            let announced: Return = read(data)?;
            terms::store_return(desk.db, desk.about.site, &announced, "authorized", &desk.time)?;
            Ok(())
        }
        "received" => desk.received(&read(data)?),
        "item_inspected" => desk.inspected(read(data)?),
        "completed" => desk.returned(&read(data)?),
        _ => Ok(()),
    }
}

impl Desk<'_> {
    fn received(&self, about: &About<'_>) -> Result<(), ApplyError> {
        let (order, number) = named(about.order.as_ref());
        self.run(
            "INSERT INTO returns (site, id, order_id, number, authorized, state, updated)
             VALUES (?1, ?2, ?3, ?4, ?5, 'receiving', ?6)
             ON CONFLICT (site, id) DO UPDATE SET state = 'receiving', found = '[]', updated = excluded.updated",
            &params![self.about.site, about.r#return.id, order, number, about.r#return.authorized, self.time],
        )
    }

    fn inspected(&self, data: Inspected<'_>) -> Result<(), ApplyError> {
        let Inspected { about, found, quantity, stock } = data;
        let (site, id) = (self.about.site, &about.r#return.id);
        let known = "SELECT found FROM returns WHERE site = ?1 AND id = ?2";
        let known: Option<String> = self.db.row(known, &params![site, id], |row| row.get(0))?;
        let mut items: Vec<Found> = read(known.as_deref().unwrap_or("[]"))?;
        if let (Some(stock), Some(sku)) = (stock, &found.sku) {
            self.has(sku, stock.on_hand)?;
        }
        if 0 < quantity {
            items.push(found);
        } else if let Some(last) = items.iter().rposition(|item| *item == found) {
            items.remove(last);
        }
        self.run(
            "UPDATE returns SET found = ?3, updated = ?4 WHERE site = ?1 AND id = ?2",
            &params![site, id, serde_json::to_string(&items)?, self.time],
        )
    }

    fn returned(&self, data: &Completed<'_>) -> Result<(), ApplyError> {
        let (items, outstanding) = (serde_json::to_string(&data.items)?, serde_json::to_string(&data.outstanding)?);
        let id = &data.about.r#return.id;
        self.run(
            "UPDATE returns SET state = 'completed', found = ?3, outstanding = ?4, updated = ?5
             WHERE site = ?1 AND id = ?2",
            &params![self.about.site, id, items, outstanding, self.time],
        )
    }
}

fn named<'a>(order: Option<&'a OrderRef<'_>>) -> (Option<&'a str>, Option<&'a str>) {
    order.map(|order| (order.id.as_ref(), order.number.as_ref())).unzip()
}
