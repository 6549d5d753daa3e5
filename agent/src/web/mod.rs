//! The pages, what a technician may have done from them, and the interface for machines beside it.
//!
//! [`ROUTES`] is all that there is: what shows answers GET and HEAD, what changes anything answers POST to whom the table
//! says. Everything answers only under a host name that was allowed: a name that somebody else points at this address
//! gets 421. Pages are whole without a script; with it, parts of them are replaced as they change. While nobody looks,
//! nothing here wakes up.

mod actions;
mod api;
mod commands;
mod door;
mod frame;
mod guard;
mod health;
mod live;
mod log;
mod login;
mod look;
mod metrics;
mod orders;
mod scanners;
mod station;
mod status;
mod told;
mod words;

use crate::access::Access;
use crate::action::Actions;
use crate::bundle;
use crate::report::{Gatherer, Language};
use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
pub use guard::{Hosts, Needs, refusal};
use jiff::tz::TimeZone;
pub use login::cookie;
pub use station::{Seat, Stations};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What the page needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    /// Host names that are allowed besides the address itself; lower case, without a port.
    pub allowed_hosts: Vec<String>,
    pub language: Language,
    /// The site's zone: times are shown in it.
    pub timezone: TimeZone,
    /// The site's id: agents of one host must not take each other's cookies.
    pub site: String,
}

/// A path that is answered.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    pub path: &'static str,
    pub does: Does,
    serve: fn() -> MethodRouter<Shared>,
}

/// What a route is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// Shows something, to GET and HEAD.
    Shows,
    /// Changes something, by POST.
    Changes(Needs),
}

const fn shows(path: &'static str, serve: fn() -> MethodRouter<Shared>) -> Route {
    Route { path, does: Does::Shows, serve }
}

const fn changes(path: &'static str, needs: Needs, serve: fn() -> MethodRouter<Shared>) -> Route {
    Route { path, does: Does::Changes(needs), serve }
}

/// Everything that is answered.
pub const ROUTES: &[Route] = &[
    shows("/", || get(status::show)),
    shows("/orders", || get(orders::show_list)),
    shows("/orders/{id}", || get(orders::show_one)),
    shows("/scanners", || get(scanners::show_list)),
    shows("/scanners/{id}", || get(scanners::show_one)),
    shows("/commands", || get(commands::show)),
    shows("/log", || get(log::show)),
    shows("/login", || get(login::show)),
    changes("/login", Needs::Nothing, || post(login::sign_in)),
    changes("/logout", Needs::Nothing, || post(login::sign_out)),
    shows("/actions", || get(actions::show)),
    shows("/actions/results/{id}", || get(actions::result)),
    changes("/actions/bundle", Needs::Token, || post(actions::bundle)),
    changes("/actions/quarantine/{key}/{verb}", Needs::Token, || post(actions::perform_on_quarantine)),
    changes("/actions/{action}", Needs::Token, || post(actions::perform)),
    shows("/api/v1/status", || get(api::status)),
    shows("/api/v1/events", || get(api::events)),
    shows("/api/v1/orders", || get(orders::tell_list)),
    shows("/api/v1/orders/{id}", || get(orders::tell_one)),
    shows("/api/v1/scanners/{id}/bytes", || get(scanners::stream)),
    shows("/api/v1/live", || get(live::status)),
    shows("/api/v1/live/orders", || get(live::orders)),
    shows("/api/v1/live/orders/{id}", || get(live::order)),
    shows("/api/v1/live/scanners", || get(live::scanners)),
    shows("/api/v1/live/scanners/{id}", || get(live::scanner)),
    shows("/api/v1/live/commands", || get(live::commands)),
    shows("/api/v1/log", || get(api::log)),
    shows("/station", || get(station::list)),
    shows("/station/{id}", || get(station::show)),
    shows("/station/{id}/live", || get(station::stream)),
    changes("/station/{id}/tap", Needs::TokenOrBoard, || post(station::tap)),
    shows("/api/v1/live/log", || get(live::log)),
    shows("/livez", || get(|| async { "alive\n" })),
    shows("/readyz", || get(api::ready)),
    shows("/healthz", || get(health::show)),
    shows("/metrics", || get(metrics::show)),
    shows("/assets/page.css", || get(|| asset("text/css; charset=utf-8", include_str!("assets/page.css")))),
    shows("/assets/forms.css", || get(|| asset("text/css; charset=utf-8", include_str!("assets/forms.css")))),
    shows("/assets/tokens.css", || get(|| asset("text/css; charset=utf-8", include_str!("assets/tokens.css")))),
    shows("/assets/page.js", || get(|| asset("text/javascript; charset=utf-8", include_str!("assets/page.js")))),
    shows("/assets/scanner.js", || get(|| asset("text/javascript; charset=utf-8", include_str!("assets/scanner.js")))),
    shows("/assets/station.css", || get(|| asset("text/css; charset=utf-8", include_str!("assets/station.css")))),
    shows("/assets/station.js", || get(|| asset("text/javascript; charset=utf-8", include_str!("assets/station.js")))),
    shows("/assets/icon.svg", || get(|| asset("image/svg+xml", include_str!("assets/icon.svg")))),
];

/// An upgrade changes the assets' addresses, so a browser may keep them.
const ASSETS_KEPT: &str = "public, max-age=86400";

/// The parts of the agent that pages reach.
#[derive(Clone, Debug)]
pub struct Parts {
    pub gatherer: Arc<Gatherer>,
    pub access: Arc<Access>,
    pub actions: Arc<Actions>,
    pub bundle: bundle::Maker,
    pub stations: Arc<Stations>,
}

/// What every route can use.
#[derive(Clone, Debug)]
struct Shared {
    gatherer: Arc<Gatherer>,
    access: Arc<Access>,
    actions: Arc<Actions>,
    bundle: bundle::Maker,
    results: Arc<actions::Results>,
    hosts: Arc<guard::Hosts>,
    /// The name of the cookie that holds a session.
    cookie: Arc<str>,
    looks: Arc<look::Looks>,
    live: Arc<live::Live>,
    listeners: scanners::Listeners,
    stations: Arc<Stations>,
    stop: watch::Receiver<bool>,
}

/// Takes the address.
///
/// # Errors
/// The address is in use, isn't this machine's, or may not be used.
pub async fn bind(config: &Config) -> io::Result<TcpListener> {
    TcpListener::bind(config.listen).await
}

/// The pages as the configuration has them, which can change while they are served.
#[derive(Debug)]
pub struct Pages {
    reached: Reached,
    now: watch::Sender<Router>,
    /// Ends the streams of those who look at what is now.
    streams: Mutex<watch::Sender<bool>>,
}

/// What stays, whatever the configuration says.
#[derive(Clone, Debug)]
struct Reached {
    gatherer: Arc<Gatherer>,
    access: Arc<Access>,
    actions: Arc<Actions>,
    bundle: bundle::Maker,
    results: Arc<actions::Results>,
    listeners: scanners::Listeners,
}

impl Pages {
    #[must_use]
    pub fn new(config: &Config, parts: Parts) -> Self {
        let Parts { gatherer, access, actions, bundle, stations } = parts;
        let (results, listeners) = (Arc::default(), scanners::Listeners::default());
        let reached = Reached { gatherer, access, actions, bundle, results, listeners };
        let (end, ended) = watch::channel(false);
        let router = routes(config, reached.clone(), stations, ended);
        Self { reached, now: watch::Sender::new(router), streams: Mutex::new(end) }
    }

    /// Shows the pages so from here on; all but the address counts. Open streams end, and browsers come back for new ones.
    pub fn change_to(&self, config: &Config, stations: Arc<Stations>) {
        let (end, ended) = watch::channel(false);
        let _ = self.now.send_replace(routes(config, self.reached.clone(), stations, ended));
        let before = std::mem::replace(&mut *self.streams.lock().unwrap_or_else(PoisonError::into_inner), end);
        let _ = before.send(true);
    }

    fn end_streams(&self) {
        let _ = self.streams.lock().unwrap_or_else(PoisonError::into_inner).send(true);
    }
}

/// Serves until `stop` is true or gone; open streams are ended, and what else is under way gets two seconds.
pub async fn serve(listener: TcpListener, pages: Arc<Pages>, stop: watch::Receiver<bool>) {
    let ending = async {
        stopped(stop.clone()).await;
        pages.end_streams();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = door::serve(listener, pages.now.subscribe(), stop.clone()) => {}
        () = ending => {}
    }
}

/// The routes with their guards; streams end with `stop`.
fn routes(config: &Config, reached: Reached, stations: Arc<Stations>, stop: watch::Receiver<bool>) -> Router {
    let Reached { gatherer, access, actions, bundle, results, listeners } = reached;
    let shared = Shared {
        gatherer,
        access,
        actions,
        bundle,
        results,
        hosts: Arc::new(guard::Hosts::new(config)),
        cookie: format!("parceld-{}", config.site).into(),
        looks: Arc::new(look::Looks { language: config.language, timezone: config.timezone.clone() }),
        live: Arc::default(),
        listeners,
        stations,
        stop,
    };
    let routes = ROUTES.iter().fold(Router::new(), |routes, route| {
        let serve = (route.serve)();
        let serve = match route.does {
            Does::Shows => serve,
            Does::Changes(needs) => {
                serve.route_layer(middleware::from_fn_with_state((shared.clone(), needs), guard::admit))
            }
        };
        routes.route(route.path, serve)
    });
    routes.fallback(nothing_here).with_state(shared.clone()).layer(middleware::from_fn_with_state(shared, guard::check))
}

async fn nothing_here() -> Response {
    (StatusCode::NOT_FOUND, "There is no such page. What is wrong and where to go is at /\n").into_response()
}

async fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, ASSETS_KEPT)];
    (headers.map(|(name, value)| (name, HeaderValue::from_static(value))), text).into_response()
}

/// Ends when `stop` is true, or when nobody is left who could say so.
async fn stopped(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests;
