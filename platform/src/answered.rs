//! What a site's reply means for the order that its command was about.
//!
//! An order's revision is what the site has, or the newest put that it hasn't answered. A command that it accepts leaves
//! its revision behind; a put that it refuses, or that came too late, leaves nothing: terms and revision are again what
//! they were without it.

use crate::dossier;
use crate::store::{Db, Error, params};
use crate::terms::{self, Terms};
use serde::Deserialize;
use serde_json::Value;

/// Takes the answer to a command into its order. It is stored with the command already.
///
/// # Errors
/// The storage's.
pub fn take(db: &Db, site: i64, command: &str, time: &str) -> Result<(), Error> {
    let answered = db.row(
        "SELECT kind, order_id, revision, status FROM commands
         WHERE site = ?1 AND command = ?2 AND order_id IS NOT NULL AND revision IS NOT NULL",
        &params![site, command],
        |row| Ok((row.get::<String>(0)?, row.get::<String>(1)?, row.get::<u32>(2)?, row.get::<String>(3)?)),
    )?;
    let Some((kind, order, revision, status)) = answered else { return Ok(()) };
    match (kind.as_str(), status.as_str()) {
        ("order.put", "rejected" | "expired") => forget(db, site, &order, revision, time),
        (kind, "accepted") if kind.starts_with("order.") => {
            db.run(
                "UPDATE orders SET revision = ?3 WHERE site = ?1 AND id = ?2 AND revision < ?3",
                &params![site, order, revision],
            )?;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Terms that the site has, or may have yet.
struct Standing {
    revision: u32,
    /// Where they are known: those of a put that was just accepted follow with its event.
    terms: Option<Value>,
}

/// Undoes a put of which nothing comes, unless something newer stands already.
fn forget(db: &Db, site: i64, order: &str, refused: u32, time: &str) -> Result<(), Error> {
    let known = db.row("SELECT revision FROM orders WHERE site = ?1 AND id = ?2", &params![site, order], |row| {
        row.get::<u32>(0)
    })?;
    if known != Some(refused) {
        return Ok(());
    }
    let standing = [waiting(db, site, order)?, taken(db, site, order)?, heard(db, site, order)?];
    // Of the same revision the one that is known.
    let newest = standing.into_iter().flatten().max_by_key(|standing| (standing.revision, standing.terms.is_some()));
    // Without any the order is what was put, and nothing came of it.
    let Some(Standing { revision, terms }) = newest.filter(|standing| standing.revision < refused) else {
        return Ok(());
    };
    tracing::info!(order, refused, revision, "a put was refused: the order is as it was without it");
    db.run(
        "UPDATE orders SET revision = ?3, updated = ?4 WHERE site = ?1 AND id = ?2",
        &params![site, order, revision, time],
    )?;
    let Some(text) = terms.map(|terms| terms::without_known(&terms.to_string())).transpose()? else { return Ok(()) };
    db.run("UPDATE orders SET terms = ?3 WHERE site = ?1 AND id = ?2", &params![site, order, text])?;
    let Ok(terms) = Terms::check(&serde_json::from_str(&text)?) else { return Ok(()) };
    if let Some(number) = &terms.number {
        db.run("UPDATE orders SET number = ?3 WHERE site = ?1 AND id = ?2", &params![site, order, number])?;
    }
    let unseen = "SELECT 1 FROM orders WHERE site = ?1 AND id = ?2 AND state = 'put'";
    if db.row(unseen, &params![site, order], |_| Ok(()))?.is_some() {
        terms::store_lines(db, site, &terms)?;
    }
    Ok(())
}

/// The newest put without an answer.
fn waiting(db: &Db, site: i64, order: &str) -> Result<Option<Standing>, Error> {
    #[derive(Deserialize)]
    struct Put {
        data: Value,
    }
    db.row(
        "SELECT revision, payload FROM commands
         WHERE site = ?1 AND order_id = ?2 AND kind = 'order.put' AND status IS NULL AND revision IS NOT NULL
         ORDER BY revision DESC LIMIT 1",
        &params![site, order],
        |row| {
            let Put { data } = serde_json::from_str(row.text(1)?)?;
            Ok(Standing { revision: row.get(0)?, terms: Some(data) })
        },
    )
}

/// The newest revision that the site accepted of a command.
fn taken(db: &Db, site: i64, order: &str) -> Result<Option<Standing>, Error> {
    let newest: Option<Option<u32>> = db.row(
        "SELECT max(revision) FROM commands WHERE site = ?1 AND order_id = ?2
             AND kind IN ('order.put', 'order.cancel', 'order.hold', 'order.release', 'order.expedite')
             AND status IN ('accepted', 'duplicate')",
        &params![site, order],
        |row| row.get(0),
    )?;
    Ok(newest.flatten().map(|revision| Standing { revision, terms: None }))
}

/// What the site's own events say: the revision of the last, and the terms that it took last.
fn heard(db: &Db, site: i64, order: &str) -> Result<Option<Standing>, Error> {
    let told = dossier::events(db, site, &format!("orders/{order}"))?;
    let revisions = told.iter().map(|told| told.data["order"]["revision"].as_u64().or(told.data["revision"].as_u64()));
    let Some(revision) = revisions.flatten().max().and_then(|revision| u32::try_from(revision).ok()) else {
        return Ok(None);
    };
    let took = |kind: &str| matches!(kind, "order.accepted" | "order.updated");
    let terms = told.into_iter().rev().find(|told| took(&told.kind)).map(|told| told.data);
    Ok(Some(Standing { revision, terms }))
}
