//! The status page and the interface for machines beside it: it shows, and changes nothing.
//!
//! Every route answers GET and HEAD only, and only under a host name that was allowed: a name that somebody else points
//! at this address gets 421. The page is whole without a script; with it, parts of the page are replaced as they change.
//! While nobody looks, nothing here wakes up.

mod api;
mod door;
mod guard;
mod live;
mod page;
mod words;

use crate::report::{Gatherer, Language};
use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::tz::TimeZone;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
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
}

/// How long answers that are under way may take after the stop.
const DRAIN: Duration = Duration::from_secs(2);

/// An upgrade changes the assets' addresses, so a browser may keep them.
const ASSETS_KEPT: &str = "public, max-age=86400";

/// What every route can use.
#[derive(Clone, Debug)]
struct Shared {
    gatherer: Arc<Gatherer>,
    looks: Arc<page::Looks>,
    live: Arc<live::Live>,
    stop: watch::Receiver<bool>,
}

/// Takes the address.
///
/// # Errors
/// The address is in use, isn't this machine's, or may not be used.
pub async fn bind(config: &Config) -> io::Result<TcpListener> {
    TcpListener::bind(config.listen).await
}

/// Serves until `stop` is true or gone; open streams are ended, and what else is under way gets two seconds.
///
/// # Errors
/// Never so far: an accept that fails is tried again.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    gatherer: Arc<Gatherer>,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let router = router(&config, gatherer, stop.clone());
    let serving = axum::serve(door::Door::new(listener), router).with_graceful_shutdown(stopped(stop.clone()));
    let too_late = async {
        stopped(stop).await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        served = serving => served,
        () = too_late => Ok(()),
    }
}

/// The routes with their guards.
pub fn router(config: &Config, gatherer: Arc<Gatherer>, stop: watch::Receiver<bool>) -> Router {
    let looks = Arc::new(page::Looks { language: config.language, timezone: config.timezone.clone() });
    let shared = Shared { gatherer, looks, live: Arc::default(), stop };
    Router::new()
        .route("/", get(page::show))
        .route("/api/v1/status", get(api::status))
        .route("/api/v1/events", get(api::events))
        .route("/api/v1/live", get(live::stream))
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(api::ready))
        .route("/assets/page.css", get(|| asset("text/css; charset=utf-8", include_str!("assets/page.css"))))
        .route("/assets/tokens.css", get(|| asset("text/css; charset=utf-8", include_str!("assets/tokens.css"))))
        .route("/assets/page.js", get(|| asset("text/javascript; charset=utf-8", include_str!("assets/page.js"))))
        .route("/assets/icon.svg", get(|| asset("image/svg+xml", include_str!("assets/icon.svg"))))
        .with_state(shared)
        .layer(middleware::from_fn_with_state(Arc::new(guard::Hosts::new(config)), guard::check))
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
