//! `/api`: JSON in and out.

use super::lists::{self, Asked};
use super::{Problem, Web};
use crate::command::{Catalog, Label, Lead, Refusal, Request, Stock};
use crate::counter::Ask;
use crate::dossier;
use crate::letters::channels::Customer;
use crate::shop;
use crate::store::{Db, Value as Stored, params};
use crate::topic;
use crate::wire::{Agent, Presence, PromiseState};
use crate::writer::Job;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::Write;
use tokio::sync::oneshot;
use uuid::Uuid;

/// Rows of one answer, unless it asks for events with its own limit.
const ROWS_MAX: i64 = 100_000;
const EVENTS: i64 = 1_000;

#[derive(Deserialize)]
pub struct Page {
    #[serde(default)]
    since: i64,
    limit: Option<i64>,
    #[serde(default)]
    all: i64,
    /// Of orders.
    number: Option<String>,
}

#[derive(Deserialize)]
struct Resend {
    epoch: Uuid,
    from: u64,
}

#[derive(Deserialize)]
struct Cancel {
    #[serde(default = "customer")]
    reason: String,
    #[serde(default = "yes")]
    notify: bool,
    /// Only for an order that isn't known here.
    revision: Option<u32>,
}

#[derive(Deserialize)]
struct Resolve {
    resolution: String,
}

#[derive(Deserialize)]
struct Hold {
    #[serde(default = "unspecified")]
    reason: String,
    revision: Option<u32>,
}

#[derive(Deserialize)]
struct Revision {
    revision: Option<u32>,
}

fn customer() -> String {
    "customer".into()
}

fn unspecified() -> String {
    "unspecified".into()
}

fn yes() -> bool {
    true
}

/// All sites.
pub async fn sites(State(web): State<Web>) -> Result<Response, Problem> {
    web.read(|db| {
        let names: Vec<String> = db.rows("SELECT name FROM sites ORDER BY name", &[], |row| row.get(0))?;
        let sites: Vec<Value> = names.iter().map(|name| describe(db, name)).collect::<Result<_, _>>()?;
        Ok(Json(sites).into_response())
    })
    .await
}

pub async fn site(State(web): State<Web>, Path(site): Path<String>) -> Result<Response, Problem> {
    web.read(move |db| Ok(Json(describe(db, &site)?).into_response())).await
}

/// Messages that could not be read, of all sites.
pub async fn quarantine(State(web): State<Web>) -> Result<Response, Problem> {
    web.read(|db| {
        let quarantine = "SELECT topic, reason, payload, seen FROM quarantine ORDER BY id";
        let rows = db.rows(quarantine, &[], |row| {
            let payload: Vec<u8> = row.get(2)?;
            Ok(json!({
                "topic": row.text(0)?, "reason": row.text(1)?,
                "payload": String::from_utf8_lossy(&payload), "seen": row.text(3)?,
            }))
        })?;
        Ok(Json(rows).into_response())
    })
    .await
}

pub async fn list(
    State(web): State<Web>,
    Path((site, list)): Path<(String, String)>,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let now = web.clock.now().at;
    web.read(move |db| {
        let id = site_id(db, &site)?;
        if list == "events" {
            return events(db, id, &page);
        }
        if list == "promise" {
            return Ok(Json(promise(db, id, now)?).into_response());
        }
        let rows_max = page.limit.unwrap_or(ROWS_MAX).clamp(0, ROWS_MAX);
        let asked = Asked { rows_max, number: page.number, now_ms: now.as_millisecond() };
        let found = lists::list(db, id, &list, &asked)?;
        let rows = found.ok_or_else(|| Problem(StatusCode::NOT_FOUND, format!("there is no list {list:?}")))?;
        Ok(Json(rows).into_response())
    })
    .await
}

/// One order with its parcels.
pub async fn order(State(web): State<Web>, Path((site, order)): Path<(String, String)>) -> Result<Response, Problem> {
    let shops = web.shops.clone();
    web.read(move |db| {
        let found = lists::order(db, site_id(db, &site)?, &order)?;
        let mut body =
            found.ok_or_else(|| Problem(StatusCode::NOT_FOUND, format!("order {order} is not known here")))?;
        let shop = shop::of_site(&shops, &site);
        if let Some((shop, token)) = shop.zip(dossier::token(db, &site, &order)?) {
            body["page"] = shop.page(&token).into();
        }
        Ok(Json(body).into_response())
    })
    .await
}

/// `GET /api/sites/{site}/orders/{order}/events`: what was told of it, in the order in which it was applied.
pub async fn of_order(
    State(web): State<Web>,
    Path((site, order, what)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    web.read(move |db| {
        if what != "events" {
            return Err(Problem(StatusCode::NOT_FOUND, format!("an order has no {what:?}")));
        }
        let events = "SELECT payload FROM events JOIN epochs ON epochs.id = events.epoch
            WHERE events.site = ?1 AND subject = ?2 ORDER BY began, sequence LIMIT ?3";
        array(db, events, &params![site_id(db, &site)?, format!("orders/{order}"), ROWS_MAX])
    })
    .await
}

/// `POST /api/sites/{site}/{orders|returns|catalog|stock|resend|commands}`.
pub async fn ask(
    State(web): State<Web>,
    Path((site, what)): Path<(String, String)>,
    body: String,
) -> Result<Response, Problem> {
    if what == "commands" {
        check_site(&site)?;
        let (answer, done) = oneshot::channel();
        submit(&web, Job::Raw { site, payload: body, answer }, done).await?;
        return Ok((StatusCode::ACCEPTED, Json(json!({}))).into_response());
    }
    let request = match what.as_str() {
        "orders" => Request::Put(one_or_more(parse(&body)?)),
        "returns" => Request::Returns(one_or_more(parse(&body)?)),
        "catalog" => Request::Catalog(parse::<Catalog>(&body)?.products),
        "stock" => {
            let Stock { items, as_of } = parse(&body)?;
            Request::Stock { items, as_of }
        }
        "resend" => {
            let Resend { epoch, from } = parse(&body)?;
            Request::Resend { epoch, from }
        }
        _ => return Err(Problem(StatusCode::NOT_FOUND, format!("nothing can be posted to {what:?}"))),
    };
    accept(&web, site, request).await
}

/// `POST /api/sites/{site}/returns/{id}/resolve`: what the shop decided. The customer is told.
pub async fn resolve(
    State(web): State<Web>,
    Path((site, id)): Path<(String, String)>,
    body: String,
) -> Result<Response, Problem> {
    let Resolve { resolution } = parse(&body)?;
    let (of, return_id) = (site.clone(), id.clone());
    let order = web.read(move |db| Ok(dossier::order_of_return(db, &of, &return_id)?)).await?;
    let order =
        order.ok_or_else(|| Problem(StatusCode::NOT_FOUND, format!("return {id} of an order is not known here")))?;
    accept(&web, site, Request::Counter { order, ask: Ask::Resolve { id, resolution } }).await
}

/// An entry of the address book.
pub async fn entry(State(web): State<Web>, Path(reference): Path<String>) -> Result<Response, Problem> {
    web.read(move |db| {
        let found = dossier::customer(db, &reference)?;
        let customer =
            found.ok_or_else(|| Problem(StatusCode::NOT_FOUND, "the address book doesn't have it".into()))?;
        Ok(Json(customer).into_response())
    })
    .await
}

/// `PUT /api/customers/{reference}`: replaces the entry.
pub async fn enter(State(web): State<Web>, Path(reference): Path<String>, body: String) -> Result<Response, Problem> {
    let entry: Customer = parse(&body)?;
    entry.check().map_err(|why| Problem(StatusCode::BAD_REQUEST, why))?;
    change_entry(&web, reference, Some(entry)).await
}

pub async fn forget(State(web): State<Web>, Path(reference): Path<String>) -> Result<Response, Problem> {
    change_entry(&web, reference, None).await
}

async fn change_entry(web: &Web, reference: String, entry: Option<Customer>) -> Result<Response, Problem> {
    let (answer, done) = oneshot::channel();
    submit(web, Job::Customer { reference, entry, answer }, done).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /api/sites/{site}/orders/{order}/{cancel|hold|release|expedite}`.
pub async fn lead(
    State(web): State<Web>,
    Path((site, order, verb)): Path<(String, String, String)>,
    body: String,
) -> Result<Response, Problem> {
    let body = if body.is_empty() { "{}" } else { &body };
    let request = match verb.as_str() {
        "cancel" => {
            let Cancel { reason, notify, revision } = parse(body)?;
            Request::Cancel { order, revision, reason, notify }
        }
        "hold" => {
            let Hold { reason, revision } = parse(body)?;
            Request::Lead { order, revision, lead: Lead::Hold { reason } }
        }
        "release" => Request::Lead { order, revision: parse::<Revision>(body)?.revision, lead: Lead::Release },
        "expedite" => Request::Lead { order, revision: parse::<Revision>(body)?.revision, lead: Lead::Expedite },
        _ => return Err(Problem(StatusCode::NOT_FOUND, format!("nothing can be posted to {verb:?}"))),
    };
    accept(&web, site, request).await
}

pub async fn label(
    State(web): State<Web>,
    Path((site, order, parcel)): Path<(String, String, i64)>,
    body: String,
) -> Result<Response, Problem> {
    let label: Label = parse(if body.is_empty() { "{}" } else { &body })?;
    accept(&web, site, Request::Label { order, parcel, label }).await
}

fn one_or_more(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        value => vec![value],
    }
}

async fn accept(web: &Web, site: String, request: Request) -> Result<Response, Problem> {
    check_site(&site)?;
    let (answer, done) = oneshot::channel();
    let ids = submit(web, Job::Ask { site, request, answer }, done).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "commands": ids }))).into_response())
}

pub(super) async fn submit<T>(web: &Web, job: Job, done: oneshot::Receiver<Result<T, Refusal>>) -> Result<T, Problem> {
    let stopping = || Problem(StatusCode::SERVICE_UNAVAILABLE, "the platform is stopping".to_owned());
    web.jobs.send(job).await.map_err(|_| stopping())?;
    Ok(done.await.map_err(|_| stopping())??)
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match &refusal {
            Refusal::Invalid(_) => StatusCode::BAD_REQUEST,
            Refusal::UnknownOrder(_) | Refusal::UnknownParcel(..) => StatusCode::NOT_FOUND,
            Refusal::Conflict(_) => StatusCode::CONFLICT,
            Refusal::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Refusal::Storage(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self(status, refusal.to_string())
    }
}

fn parse<T: for<'de> Deserialize<'de>>(body: &str) -> Result<T, Problem> {
    serde_json::from_str(body).map_err(|error| Problem(StatusCode::BAD_REQUEST, format!("body: {error}")))
}

fn check_site(site: &str) -> Result<(), Problem> {
    if topic::is_level(site) {
        return Ok(());
    }
    let why = format!("site {site:?}: 1 to 32 of a-z, 0-9, - and _");
    Err(Problem(StatusCode::BAD_REQUEST, why))
}

fn site_id(db: &Db, name: &str) -> Result<i64, Problem> {
    let id = db.row("SELECT id FROM sites WHERE name = ?1", &params![name], |row| row.get(0))?;
    id.ok_or_else(|| Problem(StatusCode::NOT_FOUND, format!("site {name:?} has never been heard of")))
}

/// A site with what can be said of it in a few words.
pub(super) fn describe(db: &Db, name: &str) -> Result<Value, Problem> {
    let id = site_id(db, name)?;
    let site = "SELECT agent, duplicates, dropped FROM sites WHERE id = ?1";
    let site =
        db.row(site, &params![id], |row| Ok((row.get::<Option<String>>(0)?, row.get::<i64>(1)?, row.get::<i64>(2)?)))?;
    let (agent, duplicates, dropped) = site.unwrap_or_default();
    let newest = "SELECT epoch, applied FROM epochs WHERE site = ?1 AND began IS NOT NULL ORDER BY began DESC LIMIT 1";
    let newest: Option<(Uuid, i64)> = db.row(newest, &params![id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let count = |sql: &str| Ok::<i64, Problem>(db.row(sql, &params![id], |row| row.get(0))?.unwrap_or_default());
    // What lies aside and was applied meanwhile waits for nothing: it is put away in its turn.
    let gaps =
        "SELECT count(*) FROM aside JOIN epochs ON epochs.id = aside.epoch WHERE site = ?1 AND applied < sequence";
    let gaps = count(gaps)?;
    let waiting = count("SELECT count(*) FROM commands WHERE site = ?1 AND status IS NULL")?;
    let answered = count("SELECT count(*) FROM commands WHERE site = ?1 AND status IS NOT NULL")?;
    let conflicts = "SELECT kind, epoch, sequence, event, detail, seen FROM conflicts WHERE site = ?1 ORDER BY id";
    let conflicts = db.rows(conflicts, &params![id], |row| {
        Ok(json!({
            "kind": row.text(0)?, "epoch": row.text(1)?, "sequence": row.get::<i64>(2)?, "event": row.text(3)?,
            "detail": row.text(4)?, "seen": row.text(5)?,
        }))
    })?;
    Ok(json!({
        "site": name,
        "epoch": newest.map(|(epoch, _)| epoch),
        "sequence": newest.map_or(0, |(_, applied)| applied),
        "agent": agent.map(|text| serde_json::from_str::<Value>(&text).unwrap_or_default()),
        "gaps": gaps,
        "duplicates": duplicates,
        "dropped": dropped,
        "conflicts": conflicts,
        "commands": { "waiting": waiting, "answered": answered },
    }))
}

/// The newest `state/promise`, or `unknown` when nobody can rely on it.
fn promise(db: &Db, site: i64, now: Timestamp) -> Result<Value, Problem> {
    let stored = db.row("SELECT promise, agent FROM sites WHERE id = ?1", &params![site], |row| {
        Ok((row.get::<Option<String>>(0)?, row.get::<Option<String>>(1)?))
    })?;
    let (promise, agent) = stored.unwrap_or_default();
    let agent = agent.and_then(|text| serde_json::from_str::<Agent>(&text).ok());
    let state: Option<PromiseState> = promise.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let reason = match (agent.map(|agent| agent.state), &state) {
        (_, None) => "never_told",
        (Some(Presence::Lost), _) => "agent_lost",
        (Some(Presence::Offline), _) => "agent_offline",
        (_, Some(state)) if state.valid_until <= now => "expired",
        _ => {
            let promise = promise.and_then(|text| serde_json::from_str(&text).ok());
            return Ok(promise.unwrap_or_default());
        }
    };
    Ok(json!({ "state": "unknown", "reason": reason, "same_day_until": null }))
}

/// The stored events in sequence: of the newest epoch those after `since`; of all epochs those after the first `since`.
fn events(db: &Db, site: i64, page: &Page) -> Result<Response, Problem> {
    let limit = page.limit.unwrap_or(EVENTS);
    if !(0..=ROWS_MAX).contains(&limit) || page.since < 0 {
        return Err(Problem(StatusCode::BAD_REQUEST, format!("limit: 0 to {ROWS_MAX}; since: from 0")));
    }
    let sql = if page.all == 0 {
        "SELECT payload FROM events WHERE sequence > ?2 AND epoch =
             (SELECT id FROM epochs WHERE site = ?1 AND began IS NOT NULL ORDER BY began DESC LIMIT 1)
         ORDER BY sequence LIMIT ?3"
    } else {
        "SELECT payload FROM epochs JOIN events ON events.epoch = epochs.id
         WHERE epochs.site = ?1 AND began IS NOT NULL ORDER BY began, sequence LIMIT ?3 OFFSET ?2"
    };
    array(db, sql, &params![site, page.since, limit])
}

/// Rows of JSON text as one array.
fn array(db: &Db, sql: &str, values: &[Stored<'_>]) -> Result<Response, Problem> {
    let mut body = String::from("[");
    db.rows(sql, values, |row| {
        let separator = if body.len() == 1 { "" } else { "," };
        // Writing to a string can't fail.
        let _ = write!(body, "{separator}{}", row.text(0)?);
        Ok(())
    })?;
    body.push(']');
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}
