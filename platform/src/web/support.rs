//! `/support/{site}/{order}`: all that is known of one order, in the order in which it happened, for who answers a
//! customer. Names of operators stay out: what the bench saw is there, not who stood at it.

mod told;

use super::{Problem, Web};
use crate::dossier::{self, Dossier};
use crate::shop;
use crate::store::{Db, params};
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::sync::Arc;

/// Orders that a search shows.
const FOUND_MAX: usize = 50;

/// Nothing of it runs; the search comes back here.
const CONTENT_SECURITY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);

#[derive(Template)]
#[template(path = "support.html")]
struct Page {
    site: String,
    order: Dossier,
    state: String,
    delivery: String,
    customer: String,
    shop: String,
    zone: String,
    promise: String,
    /// By day, the newest last.
    days: Vec<(String, Vec<Entry>)>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub at: Timestamp,
    /// `floor`, `refused`, `letter`, `command`, `courier`, `promise`, `customer`: who or what it is about.
    pub kind: &'static str,
    pub what: String,
    pub detail: String,
}

#[derive(Template)]
#[template(path = "found.html")]
struct Found {
    asked: String,
    orders: Vec<Row>,
}

struct Row {
    site: String,
    id: String,
    number: String,
    state: String,
}

#[derive(Deserialize)]
pub struct Search {
    #[serde(default)]
    number: String,
}

pub async fn page(State(web): State<Web>, Path((site, order)): Path<(String, String)>) -> Result<Response, Problem> {
    let shops = Arc::clone(&web.shops);
    web.read(move |db| {
        let found = dossier::read(db, &site, &order)?;
        let dossier =
            found.ok_or_else(|| Problem(StatusCode::NOT_FOUND, format!("order {order} is not known here")))?;
        let shop = shop::of_site(&shops, &site);
        let zone = shop.map_or(TimeZone::UTC, |shop| shop.zone.clone());
        let customer = match &dossier.customer {
            None => "nobody is told anything".to_owned(),
            Some((reference, None)) => format!("{reference}, not in the address book"),
            Some((reference, Some(customer))) => {
                format!("{reference}{}", if customer.wants_nothing() { ", wants no messages" } else { "" })
            }
        };
        let local = |at: Timestamp| at.to_zoned(zone.clone());
        let mut days: Vec<(String, Vec<Entry>)> = Vec::new();
        for entry in told::timeline(&dossier, &zone) {
            let day = local(entry.at).strftime("%A %-d %B %Y").to_string();
            match days.last_mut().filter(|(known, _)| *known == day) {
                Some((_, entries)) => entries.push(entry),
                None => days.push((day, vec![entry])),
            }
        }
        let page = Page {
            state: told::state(&dossier),
            delivery: told::delivery(&dossier, shop.map(AsRef::as_ref)),
            promise: told::promise(&dossier.agreed()["promise"], &zone),
            customer,
            shop: shop.map_or_else(String::new, |shop| shop.name.clone()),
            zone: zone.iana_name().unwrap_or("UTC").to_owned(),
            site,
            order: dossier,
            days,
        };
        Ok(html(page.render()?))
    })
    .await
}

/// `GET /support?number=…`: to the order, or to all that have this number.
pub async fn search(State(web): State<Web>, Query(Search { number }): Query<Search>) -> Result<Response, Problem> {
    web.read(move |db| {
        let asked = number.trim().to_owned();
        let orders = find(db, &asked)?;
        if let [Row { site, id, .. }] = orders.as_slice() {
            return Ok(Redirect::to(&format!("/support/{site}/{}", segment(id))).into_response());
        }
        Ok(html(Found { asked, orders }.render()?))
    })
    .await
}

fn find(db: &Db, number: &str) -> Result<Vec<Row>, crate::store::Error> {
    db.rows(
        "SELECT name, orders.id, number, state FROM orders JOIN sites ON sites.id = orders.site
         WHERE number = ?1 OR orders.id = ?1 ORDER BY updated DESC LIMIT ?2",
        &params![number, FOUND_MAX],
        |row| Ok(Row { site: row.get(0)?, id: row.get(1)?, number: row.get(2)?, state: row.get(3)? }),
    )
}

impl Page {
    fn clock(&self, at: &Timestamp) -> String {
        let zone = TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC);
        at.to_zoned(zone).strftime("%H:%M:%S").to_string()
    }
}

impl Row {
    fn href(&self) -> String {
        format!("/support/{}/{}", self.site, segment(&self.id))
    }
}

/// One segment of a path.
pub fn segment(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn html(text: String) -> Response {
    let mut response = Html(text).into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY);
    response
}
