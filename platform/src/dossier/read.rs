//! The dossier from the tables. One order's rows, each list with a limit: a page is made of it at once.

use super::{Choice, Command, Dispatch, Dossier, Feedback, Letter, Line, Notification, Parcel, Return, Told};
use crate::letters::channels::Customer;
use crate::letters::notice::{Item, show};
use crate::store::{Db, Error, Row, params};
use crate::wire;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// Events of one order, or return. An order of a hundred goods has some hundreds.
const EVENTS_MAX: usize = 2_000;
/// The site's newest refused scans that are looked through for the order's.
const REFUSED_MAX: usize = 2_000;
const ROWS_MAX: usize = 500;

/// The site and the order that a token is for.
///
/// # Errors
/// The storage's.
pub fn place(db: &Db, token: &str) -> Result<Option<(String, String)>, Error> {
    db.row(
        "SELECT name, order_id FROM pages JOIN sites ON sites.id = pages.site WHERE token = ?1",
        &params![token],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// The token of an order's page.
///
/// # Errors
/// The storage's.
pub fn token(db: &Db, site: &str, order: &str) -> Result<Option<String>, Error> {
    db.row(
        "SELECT token FROM pages JOIN sites ON sites.id = pages.site WHERE name = ?1 AND order_id = ?2",
        &params![site, order],
        |row| row.get(0),
    )
}

/// The order that a return is of.
///
/// # Errors
/// The storage's.
pub fn order_of_return(db: &Db, site: &str, id: &str) -> Result<Option<String>, Error> {
    let order: Option<Option<String>> = db.row(
        "SELECT order_id FROM returns JOIN sites ON sites.id = returns.site WHERE name = ?1 AND returns.id = ?2",
        &params![site, id],
        |row| row.get(0),
    )?;
    Ok(order.flatten())
}

/// The order that a token is for.
///
/// # Errors
/// The storage's.
pub fn by_token(db: &Db, token: &str) -> Result<Option<Dossier>, Error> {
    let Some((site, order)) = place(db, token)? else { return Ok(None) };
    read(db, &site, &order)
}

/// An order by its id.
///
/// # Errors
/// The storage's.
pub fn read(db: &Db, site: &str, order: &str) -> Result<Option<Dossier>, Error> {
    let site_id: Option<i64> = db.row("SELECT id FROM sites WHERE name = ?1", &params![site], |row| row.get(0))?;
    let Some(site_id) = site_id else { return Ok(None) };
    let found = db.row(
        "SELECT number, state, held, parcels, terms,
             (SELECT token FROM pages WHERE pages.site = orders.site AND pages.order_id = orders.id)
         FROM orders WHERE site = ?1 AND id = ?2",
        &params![site_id, order],
        |row| {
            Ok(Dossier {
                site: site.to_owned(),
                id: order.to_owned(),
                number: row.get(0)?,
                state: row.get(1)?,
                held: row.get(2)?,
                parcels_total: row.get(3)?,
                terms: json(row, 4)?,
                token: row.get::<Option<String>>(5)?.unwrap_or_default(),
                ..Dossier::default()
            })
        },
    )?;
    let Some(mut dossier) = found else { return Ok(None) };
    let of = params![site_id, order];
    dossier.lines = db.rows(
        "SELECT sku, name, wanted, picked, packed, short FROM lines WHERE site = ?1 AND order_id = ?2 ORDER BY position",
        &of,
        |row| {
            Ok(Line {
                sku: row.get(0)?,
                name: row.get(1)?,
                wanted: row.get(2)?,
                picked: row.get(3)?,
                packed: row.get(4)?,
                short: row.get(5)?,
            })
        },
    )?;
    dossier.parcels = db.rows(
        "SELECT n, state, tracking, contents FROM parcels WHERE site = ?1 AND order_id = ?2 ORDER BY n",
        &of,
        |row| {
            let contents: Vec<Item> = serde_json::from_value(json(row, 3)?).unwrap_or_default();
            Ok(Parcel { n: row.get(0)?, state: row.get(1)?, tracking: row.get(2)?, contents })
        },
    )?;
    dossier.returns = returns(db, site_id, order)?;
    dossier.told = events(db, site_id, &format!("orders/{order}"))?;
    for returned in &dossier.returns {
        dossier.told.extend(events(db, site_id, &format!("returns/{}", returned.id))?);
    }
    dossier.refused = refused(db, site_id, &dossier.number)?;
    dossier.notifications = notifications(db, site_id, order)?;
    dossier.dispatches = db.rows(
        "SELECT parcel, state, reason, requested, data FROM dispatches WHERE site = ?1 AND order_id = ?2
         ORDER BY requested, key",
        &of,
        |row| {
            let (parcel, state, reason) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Dispatch { parcel, state, reason, at: moment(row, 3)?, data: json(row, 4)? })
        },
    )?;
    dossier.commands = db.rows(
        "SELECT kind, revision, created, status, reason, detail, answered FROM commands
         WHERE site = ?1 AND order_id = ?2 ORDER BY id LIMIT ?3",
        &params![site_id, order, ROWS_MAX],
        |row| {
            let answered: Option<String> = row.get(6)?;
            Ok(Command {
                kind: row.get(0)?,
                revision: row.get(1)?,
                created: moment(row, 2)?,
                status: row.get(3)?,
                reason: row.get(4)?,
                detail: row.get(5)?,
                answered: answered.and_then(|at| at.parse().ok()),
            })
        },
    )?;
    dossier.choices = db.rows(
        "SELECT key, choice, at, revision FROM choices WHERE site = ?1 AND order_id = ?2 ORDER BY at",
        &of,
        |row| Ok(Choice { key: row.get(0)?, choice: row.get(1)?, at: moment(row, 2)?, revision: row.get(3)? }),
    )?;
    dossier.feedback = db.rows(
        "SELECT at, arrived, comment FROM feedback WHERE site = ?1 AND order_id = ?2 ORDER BY at",
        &of,
        |row| Ok(Feedback { at: moment(row, 0)?, arrived: row.get(1)?, comment: row.get(2)? }),
    )?;
    if let Some(reference) = dossier.terms["notify"]["customer"].as_str() {
        dossier.customer = Some((reference.to_owned(), customer(db, reference)?));
    }
    Ok(Some(dossier))
}

/// An entry of the address book.
///
/// # Errors
/// The storage's.
pub fn customer(db: &Db, reference: &str) -> Result<Option<Customer>, Error> {
    db.row("SELECT data FROM customers WHERE reference = ?1", &params![reference], |row| {
        Ok(serde_json::from_str(row.text(0)?)?)
    })
}

fn returns(db: &Db, site: i64, order: &str) -> Result<Vec<Return>, Error> {
    db.rows(
        "SELECT id, state, terms, resolved, found FROM returns WHERE site = ?1 AND order_id = ?2 ORDER BY updated, id",
        &params![site, order],
        |row| {
            let (terms, found) = (json(row, 2)?, json(row, 4)?);
            let lines = terms["lines"].as_array();
            let quantities = lines.into_iter().flatten().filter_map(|line| line["quantity"].as_i64());
            let announced = quantities.fold(0, i64::saturating_add);
            let found =
                found.as_array().map_or(0, |items| items.iter().filter(|item| item["condition"] != "missing").count());
            Ok(Return {
                id: row.get(0)?,
                state: row.get(1)?,
                wish: terms["resolution"].as_str().map(str::to_owned),
                resolution: row.get(3)?,
                found: i64::try_from(found).unwrap_or(i64::MAX),
                announced,
            })
        },
    )
}

/// What is read of a stored event.
#[derive(Deserialize)]
struct Stored {
    time: Timestamp,
    r#type: String,
    #[serde(default)]
    station: Option<String>,
    data: Value,
}

/// What a site told of a subject, in sequence.
///
/// # Errors
/// The storage's.
pub fn events(db: &Db, site: i64, subject: &str) -> Result<Vec<Told>, Error> {
    let told = db.rows(
        "SELECT payload FROM events JOIN epochs ON epochs.id = events.epoch
         WHERE events.site = ?1 AND subject = ?2 ORDER BY began, sequence LIMIT ?3",
        &params![site, subject, EVENTS_MAX],
        |row| {
            let Ok(mut stored) = serde_json::from_str::<Stored>(row.text(0)?) else { return Ok(None) };
            show(&mut stored.data);
            let kind = wire::kind(&stored.r#type).unwrap_or(&stored.r#type).to_owned();
            let Stored { time: at, station, data, .. } = stored;
            Ok(Some(Told { at, kind, station, data }))
        },
    )?;
    Ok(told.into_iter().flatten().collect())
}

/// A refused scan names the order by its number.
fn refused(db: &Db, site: i64, number: &str) -> Result<Vec<Told>, Error> {
    let mut scans = db.rows(
        "SELECT time, data FROM refused WHERE site = ?1 ORDER BY epoch DESC, sequence DESC LIMIT ?2",
        &params![site, REFUSED_MAX],
        |row| {
            let (at, data) = (moment(row, 0)?, json(row, 1)?);
            Ok(Told { at, kind: "site.scan_refused".into(), station: None, data })
        },
    )?;
    scans.retain(|scan| scan.data["order"] == number);
    scans.reverse();
    Ok(scans)
}

fn notifications(db: &Db, site: i64, order: &str) -> Result<Vec<Notification>, Error> {
    let mut told = db.rows(
        "SELECT key, milestone, state, requested, data FROM notifications WHERE site = ?1 AND order_id = ?2
         ORDER BY requested, key",
        &params![site, order],
        |row| {
            let (key, milestone, state) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Notification { key, milestone, state, at: moment(row, 3)?, data: json(row, 4)?, letters: Vec::new() })
        },
    )?;
    for notification in &mut told {
        notification.letters = db.rows(
            "SELECT channel, state, attempts, why, updated FROM letters WHERE site = ?1 AND key = ?2 ORDER BY id",
            &params![site, notification.key],
            |row| {
                let (channel, state, attempts) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(Letter { channel, state, attempts, why: row.get(3)?, at: moment(row, 4)? })
            },
        )?;
    }
    Ok(told)
}

/// Stored JSON, with what can't be seen made visible.
/// What a site has sent is kept as it came: where a part of it can't be read, half a surrogate or a number beyond all, there is
/// nothing of it to show.
fn json(row: &Row, column: usize) -> Result<Value, Error> {
    let mut value = serde_json::from_str(row.text(column)?).unwrap_or_default();
    show(&mut value);
    Ok(value)
}

fn moment(row: &Row, column: usize) -> Result<Timestamp, Error> {
    row.text(column)?.parse().map_err(|_| Error::Column(column))
}
