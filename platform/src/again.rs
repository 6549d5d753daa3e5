//! What a site is told when a newer epoch began: its database is new, or an older copy.
//!
//! The catalog, every order that is still open with what is known of its progress, every cancel, and the stock as the
//! older epoch left it. Revisions stay: the site waits for exactly these.

use crate::command::{Desk, Refusal};
use rusqlite::{Connection, Row, params};
use serde_json::{Value, json};
use uuid::Uuid;

/// Stores the commands of one site.
///
/// # Errors
/// The storage's, or that too much is unanswered already.
pub fn tell(desk: &mut Desk<'_>, epoch: Uuid) -> Result<(), Refusal> {
    let (db, site) = desk.place();
    let products = rows(db, "SELECT data FROM products WHERE site = ?1 ORDER BY sku", site, |row| json_of(row, 0))?;
    desk.put_products(&products)?;
    let stock = "SELECT sku, on_hand FROM stock WHERE site = ?1 ORDER BY sku";
    let stock = rows(db, stock, site, |row| {
        let (sku, on_hand): (String, i64) = (row.get(0)?, row.get(1)?);
        Ok(json!({ "sku": sku, "quantity": on_hand.max(0) }))
    })?;
    desk.set_stock(&stock, Some(&json!({ "epoch": epoch, "sequence": 1 })))?;
    let orders = "SELECT id, revision, state, packed, terms FROM orders WHERE site = ?1 AND state <> 'completed'";
    let orders = rows(db, orders, site, |row| {
        let (id, revision, state): (String, u32, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok((id, revision, state, row.get::<_, bool>(3)?, json_of(row, 4)?))
    })?;
    for (id, revision, state, packed, mut terms) in orders {
        let order = Some((id.as_str(), revision));
        if state == "cancelled" {
            let data = json!({ "id": id, "revision": revision, "reason": "rerouted", "notify": false });
            desk.send("order.cancel", order, &data)?;
            continue;
        }
        terms["known"] = known(db, site, &id, packed)?;
        desk.send("order.put", order, &terms)?;
    }
    Ok(())
}

/// The progress of one order: lines, sealed parcels, and whether it was packed.
fn known(db: &Connection, site: i64, order: &str, packed: bool) -> rusqlite::Result<Value> {
    let mut lines = db
        .prepare_cached("SELECT line, picked, packed FROM lines WHERE site = ?1 AND order_id = ?2 ORDER BY position")?;
    let lines = lines.query_map(params![site, order], |row| {
        let (line, picked, packed): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(json!({ "line": line, "picked": picked, "packed": packed }))
    })?;
    let lines: Vec<Value> = lines.collect::<Result<_, _>>()?;
    let mut parcels = db.prepare_cached(
        "SELECT n, sscc, state = 'handed_over', contents FROM parcels
         WHERE site = ?1 AND order_id = ?2 AND state <> 'withdrawn' ORDER BY n",
    )?;
    let parcels = parcels.query_map(params![site, order], |row| {
        let (n, sscc, handed_over): (i64, String, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let contents: Vec<Value> = match json_of(row, 3)? {
            Value::Array(units) => {
                units.iter().map(|unit| json!({ "line": unit["line"], "quantity": unit["quantity"] })).collect()
            }
            _ => Vec::new(),
        };
        Ok(json!({ "parcel": n, "sscc": sscc, "handed_over": handed_over, "contents": contents }))
    })?;
    let mut parcels: Vec<Value> = parcels.collect::<Result<_, _>>()?;
    // A site refuses an order whose parcels aren't numbered from 1: one that couldn't be read here must not cost that.
    let numbered = parcels.iter().zip(1..).take_while(|(parcel, n)| parcel["parcel"] == *n).count();
    parcels.truncate(numbered);
    Ok(json!({ "lines": lines, "parcels": parcels, "packed": packed }))
}

fn rows<T>(
    db: &Connection,
    sql: &str,
    site: i64,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    db.prepare_cached(sql)?.query_map([site], read)?.collect()
}

fn json_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Value> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}
