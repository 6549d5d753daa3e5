//! `/api`: JSON in and out.

use super::lists::{self, LISTS};
use super::{Problem, Web};
use crate::command::{Catalog, Label, Lead, Refusal, Request, Stock};
use crate::topic;
use crate::writer::Job;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use rusqlite::{Connection, OptionalExtension, params};
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
        let mut names = db.prepare("SELECT name FROM sites ORDER BY name")?;
        let names: Vec<String> = names.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
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
        let mut rows = db.prepare("SELECT topic, reason, payload, seen FROM quarantine ORDER BY id")?;
        let rows = rows.query_map([], |row| {
            let payload: Vec<u8> = row.get(2)?;
            Ok(json!({
                "topic": row.get::<_, String>(0)?, "reason": row.get::<_, String>(1)?,
                "payload": String::from_utf8_lossy(&payload), "seen": row.get::<_, String>(3)?,
            }))
        })?;
        Ok(Json(rows.collect::<Result<Vec<_>, _>>()?).into_response())
    })
    .await
}

pub async fn list(
    State(web): State<Web>,
    Path((site, list)): Path<(String, String)>,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let now_ms = web.clock.now().at.as_millisecond();
    web.read(move |db| {
        let id = site_id(db, &site)?;
        let body = if list == "events" {
            events(db, id, &page)?
        } else {
            let found = LISTS.iter().find(|(name, _)| *name == list);
            let (_, sql) = found.ok_or_else(|| Problem(StatusCode::NOT_FOUND, format!("there is no list {list:?}")))?;
            let mut rows = db.prepare(sql)?;
            let limit = page.limit.unwrap_or(ROWS_MAX).clamp(0, ROWS_MAX);
            match rows.parameter_count() {
                2 => array(rows.query(params![id, limit])?)?,
                _ => array(rows.query(params![id, limit, now_ms])?)?,
            }
        };
        Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
    })
    .await
}

/// One order with its parcels.
pub async fn order(State(web): State<Web>, Path((site, order)): Path<(String, String)>) -> Result<Response, Problem> {
    web.read(move |db| {
        let id = site_id(db, &site)?;
        let found: Option<String> = db.query_row(lists::ORDER, params![id, order], |row| row.get(0)).optional()?;
        let body = found.ok_or_else(|| Problem(StatusCode::NOT_FOUND, format!("order {order} is not known here")))?;
        Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
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

async fn submit<T>(web: &Web, job: Job, done: oneshot::Receiver<Result<T, Refusal>>) -> Result<T, Problem> {
    let stopping = || Problem(StatusCode::SERVICE_UNAVAILABLE, "the platform is stopping".to_owned());
    web.jobs.send(job).await.map_err(|_| stopping())?;
    Ok(done.await.map_err(|_| stopping())??)
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match &refusal {
            Refusal::Invalid(_) => StatusCode::BAD_REQUEST,
            Refusal::UnknownOrder(_) | Refusal::UnknownParcel(..) => StatusCode::NOT_FOUND,
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

fn site_id(db: &Connection, name: &str) -> Result<i64, Problem> {
    let id = db.query_row("SELECT id FROM sites WHERE name = ?1", [name], |row| row.get(0)).optional()?;
    id.ok_or_else(|| Problem(StatusCode::NOT_FOUND, format!("site {name:?} has never been heard of")))
}

/// A site with what can be said of it in a few words.
pub(super) fn describe(db: &Connection, name: &str) -> Result<Value, Problem> {
    let id = site_id(db, name)?;
    let (agent, duplicates, dropped): (Option<String>, i64, i64) =
        db.query_row("SELECT agent, duplicates, dropped FROM sites WHERE id = ?1", [id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let newest = "SELECT epoch, applied FROM epochs WHERE site = ?1 AND began IS NOT NULL ORDER BY began DESC LIMIT 1";
    let newest: Option<([u8; 16], i64)> =
        db.query_row(newest, [id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let count = |sql: &str| db.query_row(sql, [id], |row| row.get::<_, i64>(0));
    let gaps = count("SELECT count(*) FROM aside JOIN epochs ON epochs.id = aside.epoch WHERE site = ?1")?;
    let waiting = count("SELECT count(*) FROM commands WHERE site = ?1 AND status IS NULL")?;
    let answered = count("SELECT count(*) FROM commands WHERE site = ?1 AND status IS NOT NULL")?;
    let mut conflicts = db.prepare(
        "SELECT json_object('kind', kind, 'epoch', epoch, 'sequence', sequence, 'event', event, 'detail', detail,
             'seen', seen) FROM conflicts WHERE site = ?1 ORDER BY id",
    )?;
    let conflicts: Vec<String> = conflicts.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let read = |text: &String| serde_json::from_str::<Value>(text).unwrap_or_default();
    Ok(json!({
        "site": name,
        "epoch": newest.map(|(epoch, _)| Uuid::from_bytes(epoch)),
        "sequence": newest.map_or(0, |(_, applied)| applied),
        "agent": agent.as_ref().map(read),
        "gaps": gaps,
        "duplicates": duplicates,
        "dropped": dropped,
        "conflicts": conflicts.iter().map(read).collect::<Vec<_>>(),
        "commands": { "waiting": waiting, "answered": answered },
    }))
}

/// The stored events in sequence: of the newest epoch those after `since`; of all epochs those after the first `since`.
fn events(db: &Connection, site: i64, page: &Page) -> Result<String, Problem> {
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
    let mut rows = db.prepare(sql)?;
    array(rows.query([site, page.since, limit])?).map_err(Into::into)
}

/// Rows of JSON text as one array.
fn array(mut rows: rusqlite::Rows<'_>) -> rusqlite::Result<String> {
    let mut text = String::from("[");
    while let Some(row) = rows.next()? {
        let separator = if text.len() == 1 { "" } else { "," };
        // Writing to a string can't fail.
        let _ = write!(text, "{separator}{}", row.get_ref(0)?.as_str()?);
    }
    text.push(']');
    Ok(text)
}
