//! The platform's HTTP side: an API for shops and tests, and one page for people.
//!
//! Reads have their own connections, which can't write; what changes something is a job for the writer. Bound to
//! loopback unless told otherwise. A browser that another site sent here is refused.

mod api;
mod lists;
mod page;
pub(crate) mod support;
pub(crate) mod track;

use crate::clock::Clock;
use crate::shop::Shop;
use crate::store::{Db, Error, Place};
use crate::writer::Job;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, mpsc, watch};

/// A few thousand orders in one request.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A customer's form: a return of many goods, or a comment. Whoever finds the page may send one.
const FORM_BYTES_MAX: usize = 64 * 1024;
/// Reads at the same time.
const READS_MAX: usize = 4;

/// What every handler may use.
#[derive(Clone)]
pub struct Web {
    pub jobs: mpsc::Sender<Job>,
    pub clock: Clock,
    pub changed: watch::Receiver<u64>,
    pub stop: watch::Receiver<bool>,
    /// Names that a request may be for; none means any.
    pub hosts: Option<Arc<[String]>>,
    pub shops: Arc<[Arc<Shop>]>,
    readers: Arc<Readers>,
}

/// Connections that read.
struct Readers {
    place: Place,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Db>>,
}

impl Web {
    #[must_use]
    pub fn new(
        jobs: mpsc::Sender<Job>,
        place: Place,
        clock: Clock,
        changed: watch::Receiver<u64>,
        stop: watch::Receiver<bool>,
        hosts: Option<Vec<String>>,
        shops: Arc<[Arc<Shop>]>,
    ) -> Self {
        let hosts = hosts.map(Into::into);
        let readers = Readers { place, permits: Arc::new(Semaphore::new(READS_MAX)), idle: Mutex::default() };
        Self { jobs, clock, changed, stop, hosts, shops, readers: Arc::new(readers) }
    }

    pub fn router(self) -> Router {
        let public = Router::new()
            .route("/t/assets/{name}", get(track::asset))
            .route("/t/shops/{shop}/{file}", get(track::brand))
            .route("/t/{token}", get(track::page))
            .route("/t/{token}/stop", get(track::stop).post(track::stop_at_once))
            .route("/t/{token}/{what}", post(track::ask))
            .layer(DefaultBodyLimit::max(FORM_BYTES_MAX));
        Router::new()
            .route("/", get(page::page))
            .route("/live", get(page::live))
            .route("/assets/{name}", get(page::asset))
            .route("/support", get(support::search))
            .route("/support/{site}/{order}", get(support::page))
            .route("/api/customers/{reference}", get(api::entry).put(api::enter).delete(api::forget))
            .route("/api/sites", get(api::sites))
            .route("/api/quarantine", get(api::quarantine))
            .route("/api/sites/{site}", get(api::site))
            .route("/api/sites/{site}/{list}", get(api::list).post(api::ask))
            .route("/api/sites/{site}/orders/{order}", get(api::order))
            .route("/api/sites/{site}/orders/{order}/{verb}", get(api::of_order).post(api::lead))
            .route("/api/sites/{site}/orders/{order}/parcels/{n}/label", post(api::label))
            .route("/api/sites/{site}/returns/{id}/resolve", post(api::resolve))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .merge(public)
            .layer(middleware::from_fn_with_state(self.clone(), guard))
            .with_state(self)
    }

    /// Reads what was stored at one moment, beside the writer.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Db) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let gone = |_| Problem(StatusCode::SERVICE_UNAVAILABLE, "the platform is stopping".to_owned());
        let permit = Arc::clone(&self.readers.permits).acquire_owned().await.map_err(gone)?;
        let readers = Arc::clone(&self.readers);
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let mut db = match readers.idle().pop() {
                Some(db) => db,
                None => readers.place.read()?,
            };
            let done = db.snapshot(read);
            // A file that is open here could not be left in order by its writer.
            if let Db::Postgres(_) = db {
                readers.idle().push(db);
            }
            done
        });
        done.await.map_err(|error| Problem(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?
    }
}

impl Readers {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Db>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that can't be served, with a sentence that says why.
#[derive(Debug)]
pub struct Problem(StatusCode, String);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, format!("the storage refuses: {error}"))
    }
}

impl From<askama::Error> for Problem {
    fn from(error: askama::Error) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self(status, error) = self;
        (status, axum::Json(serde_json::json!({ "error": error }))).into_response()
    }
}

const CONTENT_SECURITY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'",
);

async fn guard(State(web): State<Web>, request: Request, next: Next) -> Response {
    let refused = if !is_for_us(request.headers(), web.hosts.as_deref()) {
        Some(Problem(StatusCode::MISDIRECTED_REQUEST, "this host name is not served here".to_owned()))
    } else if request.method() != Method::GET && is_cross_site(request.headers()) {
        Some(Problem(StatusCode::FORBIDDEN, "sent by the page of another site".to_owned()))
    } else {
        None
    };
    let mut response = match refused {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(CONTENT_SECURITY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Nobody else hears of a page's token. Without any referrer a form of ours would say that it comes from nowhere.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A name that somebody let point at this address is not ours.
fn is_for_us(headers: &HeaderMap, hosts: Option<&[String]>) -> bool {
    let Some(hosts) = hosts else { return true };
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn is_cross_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin"), text("host")) {
        (Some(site), _, _) => !matches!(site, "same-origin" | "none"),
        (None, Some(origin), host) => origin.split_once("://").map(|(_, origin)| origin) != host,
        (None, None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;

    fn headers(text: &str) -> HeaderMap {
        let pairs = text.split_terminator(", ").map(|pair| pair.split_once('=').unwrap());
        pairs.map(|(name, value)| (HeaderName::try_from(name).unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_our_own_names_are_served() {
        let hosts = ["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned()];
        let rows = [
            ("host=localhost:8090", true),
            ("host=LOCALHOST", true),
            ("host=127.0.0.1:1", true),
            ("host=[::1]:8090", true),
            ("host=[::1]", true),
            ("host=evil.example:8090", false),
            ("", false),
        ];
        for (text, expected) in rows {
            assert_eq!(is_for_us(&headers(text), Some(&hosts)), expected, "{text}");
        }
    }

    #[test]
    fn another_sites_page_is_refused() {
        let rows = [
            ("host=localhost:8090", false),
            ("host=localhost:8090, origin=http://localhost:8090", false),
            ("host=localhost:8090, origin=http://evil.example", true),
            ("host=localhost:8090, origin=null", true),
            ("host=localhost:8090, sec-fetch-site=cross-site", true),
            ("host=localhost:8090, sec-fetch-site=same-site", true),
            ("host=localhost:8090, sec-fetch-site=same-origin", false),
        ];
        for (text, expected) in rows {
            assert_eq!(is_cross_site(&headers(text)), expected, "{text}");
        }
    }
}
