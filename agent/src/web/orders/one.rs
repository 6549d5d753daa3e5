//! One order: what it is now, and all that happened to it.

use super::words::Words;
use super::{called, course, sight};
use crate::journal::{Error, Place, Stored};
use crate::report::Gatherer;
use crate::report::orders::{History, OrderWhole, ParcelSeen};
use crate::web::frame::{Bar, Made, Page, encoded};
use crate::web::look::{Light, Looks, Sight, plain};
use crate::web::status::{Line, event_line};
use crate::web::told::Piece;
use askama::Template;
use axum::http::StatusCode;
use serde::Deserialize;

/// From where on to look back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Older {
    /// Only what happened before this place; none: from now.
    pub before: Option<Place>,
}

/// A raw event that is longer is cut.
const RAW_CHARS_MAX: usize = 4_000;

#[derive(Template)]
#[template(path = "order.html")]
struct One<'a> {
    bar: Bar<'a>,
    words: &'static Words,
    title: String,
    /// Why there is less than could be.
    lacks: Option<String>,
    order: Option<Told<'a>>,
    events: Vec<Happened>,
    older: Option<String>,
    newest: Option<String>,
}

struct Told<'a> {
    whole: &'a OrderWhole,
    state: String,
    course: Option<Light>,
    facts: Vec<(&'static str, String)>,
    parcels: Vec<Parcel<'a>>,
}

struct Parcel<'a> {
    seen: &'a ParcelSeen,
    state: String,
    facts: Vec<(&'static str, String)>,
}

struct Happened {
    place: Place,
    line: Line,
    /// The place of what took it back.
    undone_by: Option<Place>,
    raw: String,
}

impl Older {
    /// As the end of an address.
    pub fn query(self) -> String {
        self.before.map_or_else(String::new, |before| format!("?before={before}"))
    }
}

/// The order of this id or number, and its history. Blocks.
///
/// # Errors
/// The database can't be read.
pub fn look_up(gatherer: &Gatherer, text: &str, wanted: Older) -> Result<(Option<OrderWhole>, History), Error> {
    let order = gatherer.order(text)?;
    // Retention may have forgotten the order, and not its events.
    let (id, number) = order.as_ref().map_or((text, text), |whole| (&whole.order.id, &whole.order.number));
    let history = gatherer.history(id, number, wanted.before)?;
    Ok((order, history))
}

/// The page. Blocks while the database is read.
///
/// # Errors
/// A template that fails; none does.
pub fn make(gatherer: &Gatherer, looks: &Looks, id: &str, wanted: Older) -> askama::Result<Made> {
    let (sight, words) = (sight(gatherer, looks), Words::of(looks.language));
    let found = look_up(gatherer, id, wanted);
    let (order, history, error) = match found {
        Ok((order, history)) => (order, Some(history), None),
        Err(error) => (None, None, Some(format!("{} {error}", words.unreadable))),
    };
    let has_events = history.as_ref().is_some_and(|history| !history.events.is_empty() || history.older.is_some());
    let missing = match (&order, has_events) {
        (Some(_), _) => None,
        (None, true) => Some(words.forgotten.to_owned()),
        (None, false) => Some(words.not_there.to_owned()),
    };
    let is_missing = error.is_none() && order.is_none() && !has_events;
    let title = format!("{} {}", words.order, plain(order.as_ref().map_or(id, |whole| &whole.order.number)));
    let at = |before| format!("/orders/{}{}", encoded(id), Older { before }.query());
    let about = gatherer.about();
    let page = One {
        bar: Page::Order { id: id.to_owned(), wanted }.bar(&about, &sight),
        words,
        title: title.clone(),
        lacks: error.or(missing),
        order: order.as_ref().map(|whole| told(words, &sight, whole)),
        events: history.as_ref().map(|history| happened(&sight, history)).unwrap_or_default(),
        older: history.and_then(|history| history.older).map(|place| at(Some(place))),
        newest: wanted.before.map(|_| at(None)),
    };
    let status = if is_missing { StatusCode::NOT_FOUND } else { StatusCode::OK };
    Ok(Made::new(&title, &page)?.with_status(status))
}

fn told<'a>(words: &'static Words, sight: &Sight<'_>, whole: &'a OrderWhole) -> Told<'a> {
    let order = &whole.order;
    let shown = |at| sight.shown(at).people;
    let done = |progress: crate::report::Progress| format!("{} / {}", progress.done, progress.of);
    let delivery = match (&order.carrier, &order.service) {
        (Some(carrier), Some(service)) => format!("{carrier}, {service}"),
        (Some(carrier), None) => carrier.clone(),
        (None, _) => words.pickup.to_owned(),
    };
    let promise = &order.promise;
    let deliver = match (promise.deliver_from, promise.deliver_by) {
        (Some(from), Some(by)) => Some(format!("{} – {}", shown(from), shown(by))),
        (from, Some(by)) => Some(from.map_or_else(|| format!("{} {}", words.until, shown(by)), shown)),
        (Some(from), None) => Some(shown(from)),
        (None, None) => None,
    };
    let target = order.target.as_ref();
    let stations = Some(order.stations.join(", ")).filter(|stations| !stations.is_empty());
    let trouble = target.and_then(|target| target.trouble.as_ref());
    let facts = [
        (words.picked, Some(done(order.picked))),
        (words.packed, Some(done(order.packed))),
        (words.open_at, stations),
        (words.tote, order.tote.clone()),
        (words.carrier, Some(delivery)),
        (words.collection, target.map(|target| shown(target.at))),
        (words.cut_off, target.map(|target| shown(target.cut_off))),
        (words.trouble, trouble.map(|trouble| called(&words.troubles, trouble).to_owned())),
        (words.ship_by, promise.ship_by.map(shown)),
        (words.deliver, deliver),
        (words.promise, target.filter(|target| target.broken).map(|_| words.broken.to_owned())),
        (words.revision, Some(order.revision.to_string())),
    ];
    Told {
        whole,
        state: called(&words.states, &order.state).to_owned(),
        course: target.map(|target| course(words, target)),
        facts: facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
        parcels: whole.packed_in.iter().map(|seen| parcel(words, sight, seen)).collect(),
    }
}

fn parcel<'a>(words: &'static Words, sight: &Sight<'_>, seen: &'a ParcelSeen) -> Parcel<'a> {
    let units = |units: &crate::report::orders::Units| format!("{} × {}", units.units, units.name);
    let recorded = |unit: &crate::report::orders::Recorded| {
        let expiry = unit.expiry.map(|expiry| expiry.to_string());
        let parts = [Some(unit.sku.clone()), unit.serial.clone(), unit.lot.clone(), expiry];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    };
    let list = |all: Vec<String>| Some(all.join(", ")).filter(|text| !text.is_empty());
    let facts = [
        (words.sscc, seen.sscc.clone()),
        (words.tracking, seen.tracking.clone()),
        (words.collection, seen.collection.clone()),
        (words.manifest, seen.manifest.clone()),
        (words.place, seen.place.clone()),
        (words.weight, seen.weight_g.map(|grams| format!("{}\u{a0}g", sight.number(grams)))),
        (words.contents, list(seen.contents.iter().map(units).collect())),
        (words.recorded, list(seen.recorded.iter().map(recorded).collect())),
    ];
    Parcel {
        seen,
        state: called(&words.parcel_states, &seen.state).to_owned(),
        facts: facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
    }
}

fn happened(sight: &Sight<'_>, history: &History) -> Vec<Happened> {
    let happened = |(stored, undone_by): (&Stored, &Option<Place>)| {
        let mut line = event_line(sight, stored);
        // Its order is the page's.
        line.around.retain(|part| part.to.is_none());
        Happened { place: stored.place, line, undone_by: *undone_by, raw: raw(history, stored) }
    };
    history.events.iter().zip(&history.undone).map(happened).collect()
}

/// The envelope, indented, so that a person can read it.
fn raw(history: &History, stored: &Stored) -> String {
    let envelope = history.sender.render(stored).ok();
    let value = envelope.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    let text = value.and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or_else(|| stored.data.clone());
    text.chars().take(RAW_CHARS_MAX).collect()
}
