//! What all pages have in common: which there are, the bar above each, and the skeleton around.
//!
//! A page is a value. What is shown of it is made from the agent's facts whenever somebody looks, and again while a
//! script listens.

use super::Shared;
use super::guard::Visitor;
use super::look::{Looks, Shown, Sight};
use super::words::Words;
use super::{commands, log, orders, scanners, status};
use crate::report::log::Wanted;
use crate::report::{About, Gatherer};
use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::sync::Arc;

/// A page, and what of it was asked for.
#[derive(Clone, Debug)]
pub enum Page {
    Status,
    Orders(orders::Wanted),
    Order { id: String, wanted: orders::Older },
    Scanners,
    Scanner { id: String },
    Commands,
    Log(Wanted),
}

/// What a page shows now.
#[derive(Debug)]
pub struct Made {
    pub status: StatusCode,
    pub title: String,
    /// The bar and the main part as HTML: what changes.
    pub parts: String,
}

/// The bar above a page.
pub struct Bar<'a> {
    pub words: &'static Words,
    pub site: &'a str,
    /// Where it isn't the site's name.
    pub site_id: Option<&'a str>,
    pub version: &'a str,
    pub now: Shown,
    pub ways: Vec<Way>,
}

/// A link to a page.
pub struct Way {
    pub to: &'static str,
    pub name: &'static str,
    pub is_here: bool,
}

#[derive(Template)]
#[template(path = "page.html")]
struct Skeleton<'a> {
    language: &'static str,
    words: &'static Words,
    title: &'a str,
    site: &'a str,
    version: &'a str,
    /// Where the page's changes are told.
    live: String,
    /// Whether it is loaded again by itself where no script runs: not while somebody may be typing.
    refreshes: bool,
    /// Whether a scanner's bytes are on it.
    hears: bool,
    /// Escaped already.
    parts: &'a str,
    is_signed_in: bool,
    /// The page's own address, to come back to.
    here: String,
}

/// What stands as it is in a path or a query.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `text` as one segment of a path, or one value of a query.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

impl Page {
    /// The page as it is now. Blocks while the database is read.
    ///
    /// # Errors
    /// A template that fails; none does.
    pub fn make(&self, gatherer: &Gatherer, looks: &Looks) -> askama::Result<Made> {
        match self {
            Self::Status => status::make(gatherer, looks),
            Self::Orders(wanted) => orders::list(gatherer, looks, wanted),
            Self::Order { id, wanted } => orders::one(gatherer, looks, id, *wanted),
            Self::Scanners => scanners::list(gatherer, looks),
            Self::Scanner { id } => scanners::one(gatherer, looks, id),
            Self::Commands => commands::make(gatherer, looks),
            Self::Log(wanted) => log::make(gatherer, looks, wanted),
        }
    }

    /// Its address.
    fn path(&self) -> String {
        match self {
            Self::Status => "/".to_owned(),
            Self::Orders(wanted) => format!("/orders{}", wanted.query()),
            Self::Order { id, wanted } => format!("/orders/{}{}", encoded(id), wanted.query()),
            Self::Scanners => "/scanners".to_owned(),
            Self::Scanner { id } => format!("/scanners/{}", encoded(id)),
            Self::Commands => "/commands".to_owned(),
            Self::Log(wanted) => format!("/log{}", log::query(wanted)),
        }
    }

    fn live(&self) -> String {
        match self {
            Self::Status => "/api/v1/live".to_owned(),
            _ => format!("/api/v1/live{}", self.path()),
        }
    }

    fn refreshes(&self) -> bool {
        matches!(self, Self::Status | Self::Scanners | Self::Scanner { .. })
    }

    /// The page of the bar that it belongs to.
    fn section(&self) -> &'static str {
        match self {
            Self::Status => "/",
            Self::Orders(_) | Self::Order { .. } => "/orders",
            Self::Scanners | Self::Scanner { .. } => "/scanners",
            Self::Commands => "/commands",
            Self::Log(_) => "/log",
        }
    }

    /// The bar above it.
    pub fn bar<'a>(&self, about: &'a About, sight: &Sight<'_>) -> Bar<'a> {
        let words = sight.words;
        let ways = [
            ("/", words.status),
            ("/orders", words.orders),
            ("/scanners", words.scanners),
            ("/station", words.stations),
            ("/commands", words.quarantine),
            ("/log", words.log),
            ("/actions", crate::action::words(sight.looks.language).title),
        ];
        let here = self.section();
        Bar {
            words,
            site: &about.site.name,
            site_id: Some(about.site.id.as_str()).filter(|id| *id != about.site.name),
            version: &about.version,
            now: sight.shown(sight.now),
            ways: ways.map(|(to, name)| Way { to, name, is_here: to == here }).into(),
        }
    }

    fn whole(&self, gatherer: &Gatherer, looks: &Looks, is_signed_in: bool) -> askama::Result<(StatusCode, String)> {
        let made = self.make(gatherer, looks)?;
        let about = gatherer.about();
        let skeleton = Skeleton {
            language: looks.language.tag(),
            words: Words::of(looks.language),
            title: &made.title,
            site: &about.site.name,
            version: &about.version,
            live: self.live(),
            refreshes: self.refreshes(),
            hears: matches!(self, Self::Scanner { .. }),
            parts: &made.parts,
            is_signed_in,
            here: encoded(&self.path()),
        };
        Ok((made.status, skeleton.render()?))
    }

    /// The whole document.
    pub async fn show(self, shared: Shared, visitor: &Visitor) -> Response {
        let is_signed_in = visitor.session.is_some();
        let looks = Arc::clone(&shared.looks);
        match shared.gatherer.ask_in_time(move |gatherer| self.whole(gatherer, &looks, is_signed_in)).await {
            Some(Ok((status, page))) => (status, Html(page)).into_response(),
            Some(Err(_)) | None => failed(),
        }
    }
}

/// Where a page can't be made.
pub fn failed() -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, "The page could not be made.\n").into_response()
}

impl Made {
    pub fn new(title: &str, template: &impl Template) -> askama::Result<Self> {
        Ok(Self { status: StatusCode::OK, title: title.to_owned(), parts: template.render()? })
    }

    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_an_id_is_its_address_is_one_segment() {
        for (id, path) in
            [("o-1", "/orders/o-1"), ("a/b?c#d", "/orders/a%2Fb%3Fc%23d"), ("å \"", "/orders/%C3%A5%20%22")]
        {
            let page = Page::Order { id: id.to_owned(), wanted: orders::Older::default() };
            assert_eq!(page.path(), path);
        }
    }
}
