//! The page: what each site has told, and what is to be done about it.

use super::api::describe;
use super::{Problem, Web};
use crate::store::{Db, Error, Row, params};
use askama::Template;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use futures_util::stream::{self, Stream};
use jiff::Timestamp;
use serde_json::Value;
use std::convert::Infallible;
use std::time::Duration;

/// Sites, and rows of each table, on the page; the API has the rest.
const SITES_MAX: i64 = 20;
const ROWS_MAX: i64 = 50;
const REFUSED_MAX: i64 = 10;

/// The page is told of changes at most this often.
const CHANGES_EVERY: Duration = Duration::from_millis(500);

#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    sites: Vec<SiteView>,
}

struct SiteView {
    name: String,
    /// `online`, `offline`, `lost`, or `unknown`.
    agent: String,
    version: String,
    sequence: i64,
    head: i64,
    gaps: i64,
    waiting: i64,
    conflicts: Vec<String>,
    scanners_lost: Vec<String>,
    orders: Vec<OrderView>,
    parcels: Vec<ParcelView>,
    dispatches: Vec<DispatchView>,
    notifications: Vec<NotificationView>,
    returns: Vec<ReturnView>,
    stock: Vec<StockView>,
    refused: Vec<RefusedView>,
}

struct OrderView {
    number: String,
    state: String,
    held: bool,
    expedited: bool,
    picked: i64,
    packed: i64,
    /// Without what is short.
    wanted: i64,
    short: i64,
}

struct ParcelView {
    number: String,
    n: i64,
    state: String,
    /// Where it waits, or on which manifest it is.
    place: String,
    sscc: String,
    tracking: String,
}

struct DispatchView {
    number: String,
    parcel: i64,
    carrier: String,
    service: String,
    collection: String,
    sscc: String,
}

struct NotificationView {
    number: String,
    milestone: String,
    customer: String,
    channels: String,
    expires: String,
}

struct ReturnView {
    id: String,
    number: String,
    state: String,
    announced: i64,
    found: i64,
}

struct StockView {
    sku: String,
    on_hand: i64,
    reserved: i64,
}

struct RefusedView {
    time: String,
    scanner: String,
    code: String,
    signal: String,
    reason: String,
}

pub async fn page(State(web): State<Web>) -> Result<Response, Problem> {
    let now_ms = web.clock.now().at.as_millisecond();
    let page = web
        .read(move |db| {
            let sites = "SELECT id, name FROM sites ORDER BY name LIMIT ?1";
            let sites: Vec<(i64, String)> =
                db.rows(sites, &params![SITES_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let sites = sites.into_iter().map(|(id, name)| SiteView::read(db, id, name, now_ms));
            Ok(Page { sites: sites.collect::<Result<_, _>>()? })
        })
        .await?;
    let html = page.render().map_err(|error| Problem(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(Html(html).into_response())
}

/// Says `changed` after commits, until the platform stops.
pub async fn live(State(web): State<Web>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = stream::unfold((web.changed, web.stop), |(mut changed, mut stop)| async {
        let change = async {
            changed.changed().await.ok()?;
            tokio::time::sleep(CHANGES_EVERY).await;
            changed.mark_unchanged();
            Some(())
        };
        let change = tokio::select! {
            change = change => change,
            _ = stop.wait_for(|stop| *stop) => None,
        };
        change.map(|()| (Ok(Event::default().data("changed")), (changed, stop)))
    });
    Sse::new(changes).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

pub async fn asset(Path(name): Path<String>) -> Response {
    let (content, text) = match name.as_str() {
        "tokens.css" => ("text/css; charset=utf-8", include_str!("../../assets/tokens.css")),
        "page.css" => ("text/css; charset=utf-8", include_str!("../../assets/page.css")),
        "support.css" => ("text/css; charset=utf-8", include_str!("../../assets/support.css")),
        "live.js" => ("text/javascript; charset=utf-8", include_str!("../../assets/live.js")),
        _ => return Problem(StatusCode::NOT_FOUND, "there is no such file".to_owned()).into_response(),
    };
    ([(header::CONTENT_TYPE, content)], text).into_response()
}

impl SiteView {
    fn read(db: &Db, site: i64, name: String, now_ms: i64) -> Result<Self, Problem> {
        let told = describe(db, &name)?;
        let sequence = told["sequence"].as_i64().unwrap_or_default();
        let conflicts = told["conflicts"].as_array().map(|list| list.iter().map(|one| word(&one["detail"])).collect());
        Ok(Self {
            agent: Some(word(&told["agent"]["state"])).filter(|state| !state.is_empty()).unwrap_or("unknown".into()),
            version: word(&told["agent"]["version"]),
            sequence,
            head: told["agent"]["head"].as_i64().unwrap_or_default().max(sequence),
            gaps: told["gaps"].as_i64().unwrap_or_default(),
            waiting: told["commands"]["waiting"].as_i64().unwrap_or_default(),
            conflicts: conflicts.unwrap_or_default(),
            scanners_lost: rows(
                db,
                "SELECT scanner FROM scanners WHERE site = ?1 AND state = 'lost' ORDER BY scanner LIMIT ?2",
                site,
                |row| row.get(0),
            )?,
            orders: rows(db, ORDERS, site, |row| {
                Ok(OrderView {
                    number: row.get(0)?,
                    state: row.get(1)?,
                    held: row.get(2)?,
                    expedited: row.get(3)?,
                    picked: row.get(4)?,
                    packed: row.get(5)?,
                    wanted: row.get(6)?,
                    short: row.get(7)?,
                })
            })?,
            parcels: rows(db, PARCELS, site, |row| {
                Ok(ParcelView {
                    number: row.get(0)?,
                    n: row.get(1)?,
                    state: row.get(2)?,
                    place: row.get(3)?,
                    sscc: row.get(4)?,
                    tracking: row.get(5)?,
                })
            })?,
            dispatches: rows(db, DISPATCHES, site, |row| {
                Ok(DispatchView {
                    number: row.get(0)?,
                    parcel: row.get(1)?,
                    sscc: row.get(2)?,
                    carrier: field(row, 3, &["carrier_name", "carrier"])?,
                    service: field(row, 3, &["service"])?,
                    collection: collection(row, 3)?,
                })
            })?,
            notifications: notifications(db, site, now_ms)?,
            returns: rows(db, RETURNS, site, |row| {
                Ok(ReturnView {
                    id: row.get(0)?,
                    number: row.get(1)?,
                    state: row.get(2)?,
                    announced: quantity(row, 3)?,
                    found: found(row, 4)?,
                })
            })?,
            stock: rows(
                db,
                "SELECT sku, on_hand, reserved FROM shelf WHERE site = ?1 ORDER BY on_hand - reserved, sku LIMIT ?2",
                site,
                |row| Ok(StockView { sku: row.get(0)?, on_hand: row.get(1)?, reserved: row.get(2)? }),
            )?,
            refused: db.rows(REFUSED, &params![site, REFUSED_MAX], |row| {
                Ok(RefusedView {
                    time: moment(row.text(0)?),
                    scanner: field(row, 1, &["scanner"])?,
                    code: field(row, 1, &["code"])?,
                    signal: field(row, 1, &["signal"])?,
                    reason: field(row, 1, &["reason"])?,
                })
            })?,
            name,
        })
    }
}

const ORDERS: &str = "SELECT number, state, held, expedited, CAST(sum(picked) AS BIGINT),
        CAST(sum(lines.packed) AS BIGINT), CAST(sum(wanted - short) AS BIGINT), CAST(sum(short) AS BIGINT)
    FROM orders JOIN lines ON lines.site = orders.site AND order_id = id
    WHERE orders.site = ?1 GROUP BY orders.site, orders.id
    ORDER BY CASE WHEN state IN ('completed', 'cancelled') THEN 1 ELSE 0 END, updated DESC LIMIT ?2";

const PARCELS: &str = "SELECT number, n, state, coalesce(manifest, place, ''), coalesce(sscc, ''),
        coalesce(tracking, CASE WHEN label = 'requested' THEN 'wanted' ELSE '' END)
    FROM parcels WHERE site = ?1 ORDER BY updated DESC, n DESC LIMIT ?2";

const RETURNS: &str = "SELECT id, coalesce(number, ''), state, terms, found FROM returns WHERE site = ?1
    ORDER BY CASE WHEN state = 'completed' THEN 1 ELSE 0 END, updated DESC LIMIT ?2";

const DISPATCHES: &str = "SELECT number, parcel, sscc, data FROM dispatches
    WHERE site = ?1 AND state = 'open' ORDER BY requested, key LIMIT ?2";

const REFUSED: &str = "SELECT time, data FROM refused WHERE site = ?1 ORDER BY epoch DESC, sequence DESC LIMIT ?2";

fn notifications(db: &Db, site: i64, now_ms: i64) -> Result<Vec<NotificationView>, Error> {
    let to_send = "SELECT number, milestone, data FROM notifications
        WHERE site = ?1 AND state = 'to_send' AND ?3 < expires_ms ORDER BY requested, key LIMIT ?2";
    db.rows(to_send, &params![site, ROWS_MAX, now_ms], |row| {
        let channels = parsed(row, 2)?["channels"].as_array().map(|list| list.iter().map(word).collect::<Vec<_>>());
        Ok(NotificationView {
            number: row.get(0)?,
            milestone: row.get(1)?,
            customer: field(row, 2, &["customer"])?,
            channels: channels.unwrap_or_default().join(", "),
            expires: moment(&field(row, 2, &["expires_at"])?),
        })
    })
}

fn rows<T>(db: &Db, sql: &str, site: i64, read: impl FnMut(&Row) -> Result<T, Error>) -> Result<Vec<T>, Error> {
    db.rows(sql, &params![site, ROWS_MAX], read)
}

fn parsed(row: &Row, column: usize) -> Result<Value, Error> {
    Ok(serde_json::from_str(row.text(column)?)?)
}

/// The first of the fields that is there, as text.
fn field(row: &Row, column: usize, names: &[&str]) -> Result<String, Error> {
    let data = parsed(row, column)?;
    let first = names.iter().map(|name| &data[*name]).find(|value| !value.is_null());
    Ok(first.map_or_else(String::new, |value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
}

fn collection(row: &Row, column: usize) -> Result<String, Error> {
    Ok(moment(parsed(row, column)?["collection"]["at"].as_str().unwrap_or("next")))
}

/// Units of all lines.
fn quantity(row: &Row, column: usize) -> Result<i64, Error> {
    let lines = parsed(row, column)?["lines"].take();
    let quantities = lines.as_array().into_iter().flatten().filter_map(|line| line["quantity"].as_i64());
    Ok(quantities.fold(0, i64::saturating_add))
}

/// What was in a box.
fn found(row: &Row, column: usize) -> Result<i64, Error> {
    let items = parsed(row, column)?;
    let there = items.as_array().map_or(0, |items| items.iter().filter(|item| item["condition"] != "missing").count());
    Ok(i64::try_from(there).unwrap_or(i64::MAX))
}

/// A stored moment for people; what is none stays as it is.
fn moment(text: &str) -> String {
    text.parse::<Timestamp>().map_or_else(|_| text.to_owned(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// How many rows a table has, which may be more than the page shows.
fn count<T>(rows: &[T]) -> String {
    let more = i64::try_from(rows.len()).is_ok_and(|rows| ROWS_MAX <= rows);
    format!("{}{}", rows.len(), if more { " or more" } else { "" })
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
