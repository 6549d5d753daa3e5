//! The list of orders: by urgency, by search, a page at a time.

use super::words::Words;
use super::{called, course, sight};
use crate::journal::orders::Which;
use crate::report::Gatherer;
use crate::report::orders::{OrderSeen, OrdersPage};
use crate::web::frame::{Bar, Made, Page, encoded};
use crate::web::look::{Light, Looks, Shown, Sight, plain};
use askama::Template;
use serde::Deserialize;

/// Orders on a page.
const SHOWN: usize = 50;
/// Orders in one answer to a machine.
const TOLD_MAX: usize = 500;
/// What is searched for: longer than any id.
const SEARCH_CHARS_MAX: usize = 128;
/// Further back nobody looks page by page.
const FROM_MAX: usize = 100_000;

/// Which orders are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// A number or its beginning, an id, an SSCC, or a carrier's number.
    #[serde(default)]
    pub q: String,
    #[serde(default)]
    pub show: Show,
    #[serde(default)]
    pub from: usize,
    /// None: as many as a page shows.
    pub limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Show {
    #[default]
    Open,
    Closed,
}

#[derive(Template)]
#[template(path = "orders.html")]
struct List<'a> {
    bar: Bar<'a>,
    words: &'static Words,
    /// What was searched for.
    asked: String,
    is_open: bool,
    caption: &'static str,
    /// Instead of rows.
    nothing: Option<String>,
    rows: Vec<Row>,
    first: Option<String>,
    next: Option<String>,
}

struct Row {
    number: String,
    to: String,
    state: String,
    is_expedited: bool,
    packed: String,
    picked: String,
    course: Option<Light>,
    leaves: Option<Shown>,
    left: Option<String>,
    carrier: String,
    stations: String,
    tote: Option<String>,
}

impl Wanted {
    fn text(&self) -> String {
        self.q.trim().chars().take(SEARCH_CHARS_MAX).collect()
    }

    fn which(&self) -> Which {
        match (self.text(), self.show) {
            (text, _) if !text.is_empty() => Which::Named(text),
            (_, Show::Open) => Which::Open,
            (_, Show::Closed) => Which::Closed,
        }
    }

    /// What is asked for; the error in words.
    pub fn look_up(&self, gatherer: &Gatherer) -> Result<OrdersPage, String> {
        let limit = self.limit.unwrap_or(SHOWN).min(TOLD_MAX);
        gatherer.orders(&self.which(), self.from.min(FROM_MAX), limit).map_err(|error| error.to_string())
    }

    /// As the end of an address.
    pub fn query(&self) -> String {
        let text = self.text();
        let search = (!text.is_empty()).then(|| format!("q={}", encoded(&text)));
        let show = (self.show == Show::Closed).then(|| "show=closed".to_owned());
        let from = (0 < self.from).then(|| format!("from={}", self.from));
        let limit = self.limit.map(|limit| format!("limit={limit}"));
        let parts: Vec<String> = [search, show, from, limit].into_iter().flatten().collect();
        if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
    }
}

/// The list. Blocks while the database is read.
///
/// # Errors
/// A template that fails; none does.
pub fn make(gatherer: &Gatherer, looks: &Looks, wanted: &Wanted) -> askama::Result<Made> {
    let (sight, words) = (sight(gatherer, looks), Words::of(looks.language));
    let found = wanted.look_up(gatherer);
    let is_search = !wanted.text().is_empty();
    let caption = match wanted.show {
        _ if is_search => words.found,
        Show::Open => words.open,
        Show::Closed => words.closed,
    };
    let empty = match wanted.show {
        _ if is_search => words.none_found,
        Show::Open => words.none_open,
        Show::Closed => words.none_closed,
    };
    let nothing = match &found {
        Err(why) => Some(format!("{} {why}", words.unreadable)),
        Ok(page) => page.orders.is_empty().then(|| empty.to_owned()),
    };
    let page = found.unwrap_or(OrdersPage { orders: Vec::new(), next: None });
    let at = |from| format!("/orders{}", Wanted { from, ..wanted.clone() }.query());
    let about = gatherer.about();
    let list = List {
        bar: Page::Orders(wanted.clone()).bar(&about, &sight),
        words,
        asked: wanted.text(),
        is_open: wanted.show == Show::Open,
        caption,
        nothing,
        rows: page.orders.iter().map(|order| row(words, &sight, order)).collect(),
        first: (0 < wanted.from).then(|| at(0)),
        next: page.next.map(at),
    };
    Made::new(words.title, &list)
}

fn row(words: &'static Words, sight: &Sight<'_>, order: &OrderSeen) -> Row {
    let done = |progress: crate::report::Progress| format!("{}/{}", progress.done, progress.of);
    let at = order.target.as_ref().map(|target| target.at).or(order.promise.ship_by);
    let is_over = order.target.as_ref().is_some_and(|target| target.course == "over");
    Row {
        number: plain(&order.number),
        to: format!("/orders/{}", encoded(&order.id)),
        state: called(&words.states, &order.state).to_owned(),
        is_expedited: order.expedited,
        packed: done(order.packed),
        picked: done(order.picked),
        course: order.target.as_ref().map(|target| course(words, target)),
        leaves: at.map(|at| sight.shown(at)),
        left: at.filter(|at| sight.now < *at && !is_over).map(|at| sight.left(at)),
        carrier: order.carrier.clone().unwrap_or_else(|| words.pickup.to_owned()),
        stations: order.stations.join(", "),
        tote: order.tote.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_the_same_after_it_was_an_address() {
        for (q, show, from) in [("", Show::Open, 0), ("10 042&x=å", Show::Closed, 50), ("<b>", Show::Open, 0)] {
            let wanted = Wanted { q: q.to_owned(), show, from, limit: None };
            let address: axum::http::Uri = format!("/orders{}", wanted.query()).parse().unwrap();
            let read = axum::extract::Query::<Wanted>::try_from_uri(&address).unwrap().0;
            assert_eq!(read, wanted, "{address}");
        }
    }
}
