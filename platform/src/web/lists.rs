//! How the picture is told: one object of JSON for each thing of a site.

use crate::store::{Db, Error, Row, Value as Stored, params};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// How a column is told.
#[derive(Clone, Copy)]
enum Field {
    /// A text or a number, or null.
    Plain(&'static str),
    /// Yes or no.
    Flag(&'static str),
    /// JSON that is stored as text, or null.
    Json(&'static str),
}
use Field::{Flag, Json, Plain};

/// What is listed as it is stored: `?1` is the site, `?2` how many.
const LISTS: [(&str, &str, &[Field]); 9] = [
    (
        "dispatches",
        "SELECT key, order_id, number, parcel, sscc, state, reason, requested, data
         FROM dispatches WHERE site = ?1 ORDER BY requested, key LIMIT ?2",
        &[
            Plain("key"),
            Plain("order"),
            Plain("number"),
            Plain("parcel"),
            Plain("sscc"),
            Plain("state"),
            Plain("reason"),
            Plain("requested"),
            Json("data"),
        ],
    ),
    (
        "stock",
        "SELECT sku, on_hand, reserved, on_hand - reserved FROM shelf WHERE site = ?1 ORDER BY sku LIMIT ?2",
        &[Plain("sku"), Plain("on_hand"), Plain("reserved"), Plain("available")],
    ),
    (
        "scanners",
        "SELECT scanner, state, reason, since FROM scanners WHERE site = ?1 ORDER BY scanner LIMIT ?2",
        &[Plain("scanner"), Plain("state"), Plain("reason"), Plain("since")],
    ),
    (
        "commands",
        "SELECT command, kind, order_id, revision, created, status, reason, detail, answered
         FROM commands WHERE site = ?1 ORDER BY id LIMIT ?2",
        &[
            Plain("id"),
            Plain("type"),
            Plain("order"),
            Plain("revision"),
            Plain("created"),
            Plain("status"),
            Plain("reason"),
            Plain("detail"),
            Plain("answered"),
        ],
    ),
    ("promises", PROMISES, PROMISE),
    (
        "couriers",
        "SELECT carrier, since, data FROM late_couriers WHERE site = ?1 ORDER BY since, carrier LIMIT ?2",
        &[Plain("carrier"), Plain("since"), Json("data")],
    ),
    ("days", "SELECT date, data FROM days WHERE site = ?1 ORDER BY date LIMIT ?2", &[Plain("date"), Json("data")]),
    (
        "letters",
        "SELECT key, channel, state, attempts, why, updated FROM letters WHERE site = ?1 ORDER BY id LIMIT ?2",
        &[Plain("key"), Plain("channel"), Plain("state"), Plain("attempts"), Plain("why"), Plain("updated")],
    ),
    (
        "parcels",
        "SELECT order_id, number, n, sscc, state, carrier, manifest, tracking, place, weight_g, label, label_revision,
             void, updated, contents FROM parcels WHERE site = ?1 ORDER BY order_id, n LIMIT ?2",
        PARCEL,
    ),
];

const PARCEL: &[Field] = &[
    Plain("order"),
    Plain("number"),
    Plain("n"),
    Plain("sscc"),
    Plain("state"),
    Plain("carrier"),
    Plain("manifest"),
    Plain("tracking"),
    Plain("place"),
    Plain("weight_g"),
    Plain("label"),
    Plain("label_revision"),
    Flag("void"),
    Plain("updated"),
    Json("contents"),
];

const ORDER: &[Field] = &[
    Plain("id"),
    Plain("number"),
    Plain("revision"),
    Plain("state"),
    Flag("held"),
    Flag("expedited"),
    Plain("tote"),
    Flag("packed"),
    Plain("parcels"),
    Json("put_back"),
    Plain("updated"),
];

const PROMISES: &str = "SELECT order_id, number, state, cause, broken, late, collection, promise, revised, updated
    FROM promises WHERE site = ?1 ORDER BY order_id LIMIT ?2";

const PROMISE: &[Field] = &[
    Plain("order"),
    Plain("number"),
    Plain("state"),
    Plain("cause"),
    Flag("broken"),
    Flag("late"),
    Json("collection"),
    Json("promise"),
    Json("revised"),
    Plain("updated"),
];

const LINE: &[Field] =
    &[Plain("line"), Plain("sku"), Plain("name"), Plain("wanted"), Plain("picked"), Plain("packed"), Plain("short")];

/// What is asked of a list.
#[derive(Clone, Debug)]
pub struct Asked {
    pub rows_max: i64,
    /// Orders with this number only.
    pub number: Option<String>,
    /// The calendar's now.
    pub now_ms: i64,
}

/// A list of one site; `None` if there is none of that name.
///
/// # Errors
/// The storage's.
pub fn list(db: &Db, site: i64, name: &str, asked: &Asked) -> Result<Option<Vec<Value>>, Error> {
    let rows_max = asked.rows_max;
    Ok(Some(match name {
        "orders" => orders(db, site, asked)?,
        "notifications" => notifications(db, site, asked)?,
        "returns" => returns(db, site, rows_max)?,
        "refused" => refused(db, site, rows_max)?,
        "replies" => {
            let replies = "SELECT payload FROM replies WHERE site = ?1 ORDER BY id LIMIT ?2";
            db.rows(replies, &params![site, rows_max], |row| parsed(row.text(0)?))?
        }
        _ => {
            let Some((_, sql, fields)) = LISTS.iter().find(|(known, ..)| *known == name) else { return Ok(None) };
            db.rows(sql, &params![site, rows_max], |row| object(row, fields))?
        }
    }))
}

/// One order, with the parcels themselves in place of their number, and its promise where one is told.
///
/// # Errors
/// The storage's.
pub fn order(db: &Db, site: i64, id: &str) -> Result<Option<Value>, Error> {
    let order =
        "SELECT id, number, revision, state, held, expedited, tote, parcels IS NOT NULL, parcels, put_back, updated
        FROM orders WHERE site = ?1 AND id = ?2";
    let Some(mut order) = db.row(order, &params![site, id], |row| object(row, ORDER))? else { return Ok(None) };
    let lines = "SELECT line, sku, name, wanted, picked, packed, short FROM lines
        WHERE site = ?1 AND order_id = ?2 ORDER BY position";
    order["lines"] = db.rows(lines, &params![site, id], |row| object(row, LINE))?.into();
    let parcels = "SELECT order_id, number, n, sscc, state, carrier, manifest, tracking, place, weight_g, label,
            label_revision, void, updated, contents
        FROM parcels WHERE site = ?1 AND order_id = ?2 ORDER BY n";
    order["parcels"] = db.rows(parcels, &params![site, id], |row| object(row, PARCEL))?.into();
    let promise = "SELECT order_id, number, state, cause, broken, late, collection, promise, revised, updated
        FROM promises WHERE site = ?1 AND order_id = ?2";
    order["promise"] = db.row(promise, &params![site, id], |row| object(row, PROMISE))?.into();
    Ok(Some(order))
}

fn orders(db: &Db, site: i64, asked: &Asked) -> Result<Vec<Value>, Error> {
    let Asked { rows_max, number, .. } = asked;
    let mut orders = db.rows(
        "SELECT id, number, revision, state, held, expedited, tote, parcels IS NOT NULL, parcels, put_back, updated
         FROM orders WHERE site = ?1 AND (number = ?3 OR CAST(?3 AS TEXT) IS NULL) ORDER BY id LIMIT ?2",
        &params![site, rows_max, number],
        |row| object(row, ORDER),
    )?;
    let mut lines: HashMap<String, Vec<Value>> = HashMap::new();
    db.rows(
        "SELECT line, sku, name, wanted, picked, packed, short, order_id FROM lines WHERE site = ?1 AND order_id IN
             (SELECT id FROM orders WHERE site = ?1 AND (number = ?3 OR CAST(?3 AS TEXT) IS NULL) ORDER BY id LIMIT ?2)
         ORDER BY order_id, position",
        &params![site, rows_max, number],
        |row| {
            lines.entry(row.get(7)?).or_default().push(object(row, LINE)?);
            Ok(())
        },
    )?;
    for order in &mut orders {
        let id = order["id"].as_str().unwrap_or_default();
        order["lines"] = lines.remove(id).unwrap_or_default().into();
    }
    Ok(orders)
}

fn notifications(db: &Db, site: i64, asked: &Asked) -> Result<Vec<Value>, Error> {
    const FIELDS: &[Field] = &[
        Plain("key"),
        Plain("milestone"),
        Plain("rank"),
        Plain("order"),
        Plain("number"),
        Plain("parcel"),
        Plain("replaces"),
        Plain("state"),
        Plain("requested"),
        Json("data"),
    ];
    db.rows(
        "SELECT key, milestone, rank, order_id, number, parcel, replaces,
             CASE WHEN state = 'to_send' AND expires_ms <= ?3 THEN 'expired' ELSE state END, requested, data
         FROM notifications WHERE site = ?1 ORDER BY requested, key LIMIT ?2",
        &params![site, asked.rows_max, asked.now_ms],
        |row| object(row, FIELDS),
    )
}

fn returns(db: &Db, site: i64, rows_max: i64) -> Result<Vec<Value>, Error> {
    const FIELDS: &[Field] = &[
        Plain("id"),
        Plain("order"),
        Plain("number"),
        Flag("authorized"),
        Plain("state"),
        Json("found"),
        Json("outstanding"),
        Plain("updated"),
    ];
    db.rows(
        "SELECT id, order_id, number, authorized, state, found, outstanding, updated, terms
         FROM returns WHERE site = ?1 ORDER BY id LIMIT ?2",
        &params![site, rows_max],
        |row| {
            let (mut back, terms) = (object(row, FIELDS)?, parsed(row.text(8)?)?);
            back["resolution"] = terms["resolution"].clone();
            back["lines"] = terms.get("lines").cloned().unwrap_or_else(|| json!([]));
            Ok(back)
        },
    )
}

fn refused(db: &Db, site: i64, rows_max: i64) -> Result<Vec<Value>, Error> {
    let refused = "SELECT sequence, time, data FROM refused WHERE site = ?1 ORDER BY epoch, sequence LIMIT ?2";
    db.rows(refused, &params![site, rows_max], |row| {
        let mut scan = match parsed(row.text(2)?)? {
            Value::Object(scan) => scan,
            _ => Map::new(),
        };
        scan.insert("sequence".into(), row.get::<i64>(0)?.into());
        scan.insert("time".into(), row.text(1)?.into());
        Ok(scan.into())
    })
}

fn object(row: &Row, fields: &[Field]) -> Result<Value, Error> {
    let mut object = Map::new();
    for (value, field) in row.values().iter().zip(fields) {
        let (name, told) = match (field, value) {
            (Plain(name), Stored::Int(number)) => (name, (*number).into()),
            (Plain(name), Stored::Text(text)) => (name, text.as_ref().into()),
            (Flag(name), Stored::Int(number)) => (name, (*number != 0).into()),
            (Json(name), Stored::Text(text)) => (name, parsed(text)?),
            (Plain(name) | Flag(name) | Json(name), _) => (name, Value::Null),
        };
        object.insert((*name).to_owned(), told);
    }
    Ok(object.into())
}

fn parsed(text: &str) -> Result<Value, Error> {
    Ok(serde_json::from_str(text)?)
}
