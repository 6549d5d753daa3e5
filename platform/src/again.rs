//! What a site is told when a newer epoch began: its database is new, or an older copy.
//!
//! The catalog, every order that is still open with what is known of its progress, every hold, cancel and label, the
//! returns that are expected, and the stock as the older epoch left it. Revisions stay: the site waits for exactly
//! these.

use crate::command::{Desk, Refusal};
use crate::store::{Db, Error, Row, params};
use serde_json::{Value, json};
use uuid::Uuid;

/// Stores the commands of one site. What is too large for one is left out: the rest must not wait for it.
///
/// # Errors
/// The storage's, or that too much is unanswered already.
pub fn tell(desk: &mut Desk<'_>, epoch: Uuid) -> Result<(), Refusal> {
    let (db, site) = desk.place();
    let products = "SELECT data FROM products WHERE site = ?1 ORDER BY sku";
    let products = db.rows(products, &params![site], |row| json_of(row, 0))?;
    unless_too_large(desk.put_products(&products), "the catalog")?;
    let stock = "SELECT sku, on_hand FROM stock WHERE site = ?1 ORDER BY sku";
    let stock = db.rows(stock, &params![site], |row| {
        let (sku, on_hand): (String, i64) = (row.get(0)?, row.get(1)?);
        Ok(json!({ "sku": sku, "quantity": on_hand.max(0) }))
    })?;
    unless_too_large(desk.set_stock(&stock, Some(&json!({ "epoch": epoch, "sequence": 1 }))), "the stock")?;
    let orders = "SELECT id, revision, state, parcels IS NOT NULL, terms, held, expedited, EXISTS (
            SELECT 1 FROM commands WHERE commands.site = orders.site AND order_id = orders.id AND kind = 'order.release')
        FROM orders WHERE site = ?1 AND state <> 'completed' ORDER BY id";
    let orders = db.rows(orders, &params![site], |row| {
        Ok(Open {
            id: row.get(0)?,
            revision: row.get(1)?,
            cancelled: row.text(2)? == "cancelled",
            packed: row.get(3)?,
            terms: json_of(row, 4)?,
            held: row.get(5)?,
            expedited: row.get(6)?,
            released: row.get(7)?,
        })
    })?;
    for order in orders {
        let id = order.id.clone();
        unless_too_large(tell_order(desk, order), &id)?;
    }
    let returns = "SELECT terms FROM returns WHERE site = ?1 AND authorized = 1 AND state <> 'completed' ORDER BY id";
    for terms in db.rows(returns, &params![site], |row| json_of(row, 0))? {
        unless_too_large(desk.send("return.put", None, &terms), "a return")?;
    }
    Ok(())
}

fn unless_too_large<T>(sent: Result<T, Refusal>, what: &str) -> Result<(), Refusal> {
    match sent {
        Err(Refusal::TooLarge(bytes)) => {
            tracing::error!(what, bytes, "too large for a command: it is not put again");
            Ok(())
        }
        sent => sent.map(drop),
    }
}

/// An order that is not completed.
struct Open {
    id: String,
    revision: u32,
    cancelled: bool,
    packed: bool,
    terms: Value,
    held: bool,
    expedited: bool,
    /// It was held and released: the site's copy may be from between.
    released: bool,
}

fn tell_order(desk: &mut Desk<'_>, order: Open) -> Result<(), Refusal> {
    let (db, site) = desk.place();
    let Open { id, revision, cancelled, packed, mut terms, held, expedited, released } = order;
    let named = Some((id.as_str(), revision));
    let mut data = json!({ "id": id, "revision": revision });
    if cancelled {
        (data["reason"], data["notify"]) = ("rerouted".into(), false.into());
        desk.send("order.cancel", named, &data)?;
        return Ok(());
    }
    (terms["revision"], terms["known"]) = (revision.into(), known(db, site, &id, packed)?);
    desk.send("order.put", named, &terms)?;
    if held {
        desk.send("order.hold", named, &data)?;
    } else if released {
        desk.send("order.release", named, &data)?;
    }
    if expedited {
        desk.send("order.expedite", named, &data)?;
    }
    let labels = db.rows(
        "SELECT n, tracking, label_revision FROM parcels
         WHERE site = ?1 AND order_id = ?2 AND 0 < label_revision
             AND state NOT IN ('open', 'handed_over', 'collected', 'withdrawn') ORDER BY n",
        &params![site, id],
        |row| {
            let (n, tracking, revision): (i64, Option<String>, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            // A site is not trusted to have said one.
            let revision = u32::try_from(revision).unwrap_or(u32::MAX);
            Ok((revision, json!({ "order": id, "parcel": n, "tracking": tracking, "revision": revision })))
        },
    )?;
    for (revision, label) in labels {
        desk.send("parcel.label", Some((&id, revision)), &label)?;
    }
    Ok(())
}

/// The progress of one order: lines, closed parcels, and whether it was packed.
fn known(db: &Db, site: i64, order: &str, packed: bool) -> Result<Value, Error> {
    let lines = db.rows(
        "SELECT line, picked, packed, short FROM lines WHERE site = ?1 AND order_id = ?2 ORDER BY position",
        &params![site, order],
        |row| {
            let (line, picked): (String, i64) = (row.get(0)?, row.get(1)?);
            let (packed, short): (i64, i64) = (row.get(2)?, row.get(3)?);
            Ok(json!({ "line": line, "picked": picked, "packed": packed, "short": short }))
        },
    )?;
    let mut parcels = db.rows(
        "SELECT n, sscc, state IN ('handed_over', 'collected'), contents FROM parcels
         WHERE site = ?1 AND order_id = ?2 AND state NOT IN ('open', 'withdrawn') ORDER BY n",
        &params![site, order],
        |row| {
            let (n, sscc, handed_over): (i64, Option<String>, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let contents: Vec<Value> = match json_of(row, 3)? {
                Value::Array(units) => {
                    units.iter().map(|unit| json!({ "line": unit["line"], "quantity": unit["quantity"] })).collect()
                }
                _ => Vec::new(),
            };
            Ok(json!({ "parcel": n, "sscc": sscc, "handed_over": handed_over, "contents": contents }))
        },
    )?;
    // A site refuses an order whose parcels aren't numbered from 1: one that couldn't be read here must not cost that.
    let is_whole = |(parcel, n): &(&Value, i32)| parcel["parcel"] == *n && parcel["sscc"].is_string();
    let numbered = parcels.iter().zip(1..).take_while(is_whole).count();
    parcels.truncate(numbered);
    Ok(json!({ "lines": lines, "parcels": parcels, "packed": packed }))
}

fn json_of(row: &Row, column: usize) -> Result<Value, Error> {
    Ok(serde_json::from_str(row.text(column)?).unwrap_or_default())
}
