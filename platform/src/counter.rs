//! The counter: what customers ask for on their page, and what the shop decides about a return.
//!
//! What concerns the site is a command to it, in the same transaction; what doesn't is stored. Nothing is done twice: a
//! form that is sent again asks for what has been asked for.

use crate::clock::Now;
use crate::command::{Desk, Refusal};
use crate::dossier::{self, Choice, Dossier};
use crate::faults;
use crate::letters::channels::Customer;
use crate::post;
use crate::store::{Db, Error, params};
use crate::web::track::{WISHES, delayed, fetched_instead};
use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;

/// Kinds of goods in one return.
pub const RETURN_LINES_MAX: usize = 100;
/// Returns of one order that a customer can announce.
const RETURNS_MAX: usize = 20;
/// A number that has more returns than this is none of one order.
const IDS_TRIED_MAX: usize = 1_000;
const COMMENT_CHARS_MAX: usize = 1_000;
/// Answers to "how did it arrive" of one order.
const FEEDBACK_MAX: usize = 10;
/// News of a return is none after this.
const RESOLVED_EXPIRES: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Crockford's base 32 has no letters that look alike.
const TOKEN_LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 100 bits: nobody guesses one, and a text message has room for it.
const TOKEN_CHARS: usize = 20;

#[derive(Clone, Debug)]
pub enum Ask {
    /// `keep`, `pick_up` or `cancel`, at a delay: the newest, or the one that the page showed.
    Choose {
        choice: String,
        delay: Option<String>,
    },
    /// SKU and quantity of each.
    Return {
        items: Vec<(String, i64)>,
        wish: String,
    },
    Feedback {
        arrived: String,
        comment: String,
    },
    /// No more messages, or messages again.
    Stop(bool),
    /// The shop's decision about a return that is looked at.
    Resolve {
        id: String,
        resolution: String,
    },
}

/// Takes what is asked for about an order. Returns the ids of its commands.
///
/// # Errors
/// Why it has no effect.
pub fn take(desk: &mut Desk<'_>, order: &str, ask: Ask) -> Result<Vec<Uuid>, Refusal> {
    let (db, site) = desk.place();
    let name: Option<String> = db.row("SELECT name FROM sites WHERE id = ?1", &params![site], |row| row.get(0))?;
    let dossier = dossier::read(db, name.as_deref().unwrap_or_default(), order)?;
    let dossier = dossier.ok_or_else(|| Refusal::UnknownOrder(order.to_owned()))?;
    match ask {
        Ask::Choose { choice, delay } => choose(desk, &dossier, &choice, delay.as_deref()),
        Ask::Return { items, wish } => announce(desk, &dossier, &items, &wish),
        Ask::Feedback { arrived, comment } => feedback(desk, &dossier, &arrived, &comment),
        Ask::Stop(stopped) => stop(desk, &dossier, stopped),
        Ask::Resolve { id, resolution } => resolve(desk, &dossier, &id, &resolution),
    }
}

/// The token of an order's page, made when it is first needed.
///
/// # Errors
/// The storage's.
pub fn token(db: &Db, site: i64, order: &str) -> Result<String, Error> {
    db.write(
        "INSERT INTO pages (token, site, order_id) VALUES (?1, ?2, ?3) ON CONFLICT (site, order_id) DO NOTHING",
        &params![new_token(), site, order],
    )?;
    let token =
        db.row("SELECT token FROM pages WHERE site = ?1 AND order_id = ?2", &params![site, order], |row| row.get(0))?;
    token.ok_or(Error::Column(0))
}

/// Enters a customer into the address book, or replaces the entry; whether messages are stopped stays where the new one says
/// nothing of it.
///
/// # Errors
/// The storage's.
pub fn enter(db: &Db, reference: &str, customer: &Customer, now: Now) -> Result<(), Error> {
    let stopped = match customer.stopped {
        None => dossier::customer(db, reference)?.and_then(|before| before.stopped),
        stopped => stopped,
    };
    let customer = Customer { stopped, ..customer.clone() };
    db.run(
        "INSERT INTO customers (reference, data, updated) VALUES (?1, ?2, ?3)
         ON CONFLICT (reference) DO UPDATE SET data = excluded.data, updated = excluded.updated",
        &params![reference, serde_json::to_string(&customer)?, faults::stamp(now)],
    )?;
    Ok(())
}

/// Takes a customer out of the address book.
///
/// # Errors
/// The storage's.
pub fn forget(db: &Db, reference: &str) -> Result<(), Error> {
    db.run("DELETE FROM customers WHERE reference = ?1", &params![reference])?;
    Ok(())
}

fn choose(desk: &mut Desk<'_>, dossier: &Dossier, choice: &str, delay: Option<&str>) -> Result<Vec<Uuid>, Refusal> {
    if dossier.state == "cancelled" {
        return Err(Refusal::Conflict("the order is cancelled".into()));
    }
    if dossier.state == "completed" || 0 < dossier.gone() {
        return Err(Refusal::Conflict("the order has left, or a part of it".into()));
    }
    let notice = delayed(dossier).ok_or_else(|| Refusal::Conflict("the order is not delayed".into()))?;
    if delay.is_some_and(|delay| delay != notice.key) {
        return Err(Refusal::Conflict("the order is delayed anew since this page was shown: look at it again".into()));
    }
    let offered = notice.delay.as_ref().is_some_and(|delay| delay.choices.iter().any(|known| known == choice));
    if !offered || !["keep", "pick_up", "cancel"].contains(&choice) {
        return Err(Refusal::Invalid(format!("{choice:?} can't be chosen")));
    }
    if let Some(last) = dossier.choices.last().filter(|last| last.key == notice.key) {
        return if last.choice == choice {
            Ok(Vec::new())
        } else if last.choice == "keep" {
            chosen(desk, dossier, &notice.key, choice)
        } else {
            Err(Refusal::Conflict(format!("{} was asked for already", last.choice)))
        };
    }
    if let Some(open) = dossier.choices.iter().find(|earlier| is_open(dossier, earlier)) {
        return Err(Refusal::Conflict(format!("{} was asked for already", open.choice)));
    }
    if choice == "pick_up" && dossier.is_pickup() {
        return Err(Refusal::Conflict("the order is fetched already".into()));
    }
    chosen(desk, dossier, &notice.key, choice)
}

/// Whether the site has not answered yet what a customer chose.
fn is_open(dossier: &Dossier, choice: &Choice) -> bool {
    let kind = match choice.choice.as_str() {
        "cancel" => "order.cancel",
        "pick_up" => "order.put",
        _ => return false,
    };
    let sent = dossier.commands.iter().rev().find(|sent| sent.kind == kind && sent.revision == choice.revision);
    sent.is_some_and(|sent| sent.status.is_none())
}

fn chosen(desk: &mut Desk<'_>, dossier: &Dossier, key: &str, choice: &str) -> Result<Vec<Uuid>, Refusal> {
    let at = faults::stamp(desk.now());
    let sent = match choice {
        "cancel" => desk.cancel(&dossier.id, None, "customer", true)?,
        "pick_up" => vec![desk.put(fetched_instead(&dossier.terms))?],
        _ => Vec::new(),
    };
    let (db, site) = desk.place();
    let revision: Option<i64> =
        db.row("SELECT revision FROM orders WHERE site = ?1 AND id = ?2", &params![site, dossier.id], |row| {
            row.get(0)
        })?;
    db.run(
        "INSERT INTO choices (site, order_id, key, choice, at, revision) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &params![site, dossier.id, key, choice, at, revision],
    )?;
    Ok(sent)
}

fn announce(desk: &mut Desk<'_>, dossier: &Dossier, items: &[(String, i64)], wish: &str) -> Result<Vec<Uuid>, Refusal> {
    if dossier.gone() == 0 {
        return Err(Refusal::Conflict("nothing of the order has left yet".into()));
    }
    if RETURNS_MAX <= dossier.returns.len() {
        return Err(Refusal::Conflict(format!("{RETURNS_MAX} returns of this order are announced")));
    }
    if !WISHES.contains(&wish) {
        return Err(Refusal::Invalid(format!("{wish:?} can't be wished for")));
    }
    let mut lines: Vec<Value> = Vec::new();
    for (sku, quantity) in items {
        let of_sku = || dossier.lines.iter().filter(|line| line.sku == *sku);
        let sent: i64 = of_sku().map(|line| line.packed).sum();
        let Some(line) = of_sku().next().filter(|_| (1..=sent).contains(quantity)) else {
            return Err(Refusal::Invalid(format!("{quantity} of {sku} can't come back: {sent} were sent")));
        };
        let terms = dossier.terms["lines"].as_array();
        let barcodes = terms.and_then(|lines| lines.iter().find(|line| line["sku"] == sku.as_str()));
        let barcodes = barcodes.map_or(json!([]), |line| line["barcodes"].clone());
        let barcodes = if barcodes.is_array() { barcodes } else { json!([]) };
        lines.push(json!({ "sku": sku, "name": line.name, "quantity": quantity, "barcodes": barcodes }));
    }
    if lines.is_empty() {
        return Err(Refusal::Invalid("nothing is sent back".into()));
    }
    let open = dossier.returns.iter().any(|returned| returned.state == "put");
    if open {
        return Err(Refusal::Conflict("a return of this order is announced already".into()));
    }
    let id = free_id(desk, dossier)?;
    let order = json!({ "id": dossier.id, "number": dossier.number });
    Ok(vec![desk.put_return(&json!({ "id": id, "order": order, "lines": lines, "resolution": wish }))?])
}

/// Orders of one shop may have the same number, and the shop's own returns any id.
fn free_id(desk: &Desk<'_>, dossier: &Dossier) -> Result<String, Refusal> {
    let (db, site) = desk.place();
    let first = dossier.returns.len() + 1;
    for n in first..first + IDS_TRIED_MAX {
        let id = format!("R-{}-{n}", dossier.number);
        let taken = "SELECT 1 FROM returns WHERE site = ?1 AND id = ?2";
        if db.row(taken, &params![site, id], |_| Ok(()))?.is_none() {
            return Ok(id);
        }
    }
    Err(Refusal::Conflict("the return can't be numbered".into()))
}

fn feedback(desk: &Desk<'_>, dossier: &Dossier, arrived: &str, comment: &str) -> Result<Vec<Uuid>, Refusal> {
    let known = ["good", "missing", "broken"].contains(&arrived) || (arrived.is_empty() && !comment.is_empty());
    if !known || COMMENT_CHARS_MAX < comment.chars().count() {
        return Err(Refusal::Invalid(format!("good, missing or broken, and at most {COMMENT_CHARS_MAX} characters")));
    }
    if FEEDBACK_MAX <= dossier.feedback.len() {
        return Err(Refusal::Conflict("that was told often enough".into()));
    }
    let (db, site) = desk.place();
    db.run(
        "INSERT INTO feedback (site, order_id, at, arrived, comment) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (site, order_id, at) DO NOTHING",
        &params![site, dossier.id, faults::stamp(desk.now()), arrived, comment],
    )?;
    Ok(Vec::new())
}

/// For the customer, not the order alone.
fn stop(desk: &Desk<'_>, dossier: &Dossier, stopped: bool) -> Result<Vec<Uuid>, Refusal> {
    let Some((reference, customer)) = &dossier.customer else {
        return Err(Refusal::Conflict("nobody gets messages about this order".into()));
    };
    if customer.is_none() && !stopped {
        // Whoever was taken out of the address book doesn't come back by a button.
        return Ok(Vec::new());
    }
    let customer = Customer { stopped: Some(stopped), ..customer.clone().unwrap_or_default() };
    enter(desk.place().0, reference, &customer, desk.now())?;
    Ok(Vec::new())
}

fn resolve(desk: &Desk<'_>, dossier: &Dossier, id: &str, resolution: &str) -> Result<Vec<Uuid>, Refusal> {
    let Some(place) = dossier.returns.iter().position(|returned| returned.id == id) else {
        return Err(Refusal::Invalid(format!("order {} has no return {id}", dossier.id)));
    };
    let returned = &dossier.returns[place];
    if returned.resolution.as_deref() == Some(resolution) {
        return Ok(Vec::new());
    }
    if returned.state != "completed" {
        return Err(Refusal::Conflict(format!("return {id} is {}: it has to be looked at first", returned.state)));
    }
    if returned.resolution.is_some() {
        return Err(Refusal::Conflict(format!("return {id} is resolved already")));
    }
    if resolution.is_empty() || !crate::topic::is_level(resolution) {
        return Err(Refusal::Invalid(format!(
            "resolution {resolution:?}: refund, exchange, replacement, voucher, rejected"
        )));
    }
    let (db, site) = desk.place();
    let time = faults::stamp(desk.now());
    db.run("UPDATE returns SET resolved = ?3 WHERE site = ?1 AND id = ?2", &params![site, id, resolution])?;
    let notify = &dossier.terms["notify"];
    let Some(customer) = notify["customer"].as_str() else { return Ok(Vec::new()) };
    let told = dossier.notifications.iter().filter(|one| one.milestone == "return_resolved").count();
    let key = format!("{}/{}/-/return_resolved/{}", dossier.site, dossier.id, told + 1);
    let expires = desk.now().at.checked_add(RESOLVED_EXPIRES).unwrap_or(desk.now().at);
    let data = json!({
        "key": key, "milestone": "return_resolved", "rank": 60,
        "order": { "id": dossier.id, "number": dossier.number }, "customer": customer,
        "channels": notify["channels"], "language": notify["language"], "expires_at": expires,
        "return": { "id": id, "authorized": true, "resolution": resolution },
    });
    db.run(
        "INSERT INTO notifications (site, key, milestone, rank, order_id, number, state, expires_ms, requested, data)
         VALUES (?1, ?2, 'return_resolved', 60, ?3, ?4, 'to_send', ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        &params![site, key, dossier.id, dossier.number, expires.as_millisecond(), time, data.to_string()],
    )?;
    let channels = notify["channels"].as_array();
    let channels: Vec<String> =
        channels.into_iter().flatten().filter_map(|channel| channel.as_str().map(str::to_owned)).collect();
    post::write(db, site, &key, &channels, &time)?;
    Ok(Vec::new())
}

/// From a random UUID's random bytes, five bits a letter.
fn new_token() -> String {
    let random = Uuid::new_v4().into_bytes();
    // Bytes 6 and 8 hold its version and variant.
    let random = random[..6].iter().chain(&random[9..]);
    let bits = random.fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    (0..TOKEN_CHARS).map(|place| char::from(TOKEN_LETTERS[(bits >> (5 * place) & 31) as usize])).collect()
}
