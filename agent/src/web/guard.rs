//! What is checked before any route, and what every answer says to the browser.
//!
//! Every request must name a host that was allowed. What changes anything is a POST, comes from a page of ours or with
//! the token, and is small. Who may do what stands in the table of routes, as [`Needs`]; [`may`] decides it.

use super::door::Peer;
use super::{Config, Shared, login};
use crate::access::{Attempt, By, Session};
use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Browsers tell a form's origin only under a policy that lets them.
const REFERRERS: &str = "same-origin";

const SAID_ALWAYS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, REFERRERS),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The largest form of ours has a few short fields.
pub const BODY_BYTES_MAX: usize = 16 * 1024;

/// A form that is longer under way is cut off.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// What proxies add: whoever asks through one is not at the board.
const FORWARDED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// Who may use a route that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Anybody, from a page of ours: signing in and out.
    Nothing,
    /// Whoever has signed in, or sends the token.
    Token,
    /// The same, and whoever is at the board itself: a station's screen.
    TokenOrBoard,
}

/// Who asks, as far as a request tells. Every route can take it as an argument.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    pub session: Option<Session>,
    /// Of the board itself, and not through a proxy.
    pub is_on_board: bool,
    /// None only where there is no connection, in tests.
    pub address: Option<IpAddr>,
    /// Who was let in to change something.
    pub by: Option<By>,
}

impl Visitor {
    /// Whose failures count together.
    pub fn address(&self) -> IpAddr {
        self.address.unwrap_or(Ipv4Addr::LOCALHOST.into())
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// Names that this page may be asked for by.
#[derive(Debug)]
pub struct Hosts(Vec<String>);

impl Hosts {
    pub fn new(config: &Config) -> Self {
        let own = match config.listen.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let local = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
        Self(local.into_iter().chain([own]).chain(config.allowed_hosts.iter().cloned()).collect())
    }

    fn allow(&self, host: &str) -> bool {
        let name = without_port(host).trim_end_matches('.').to_ascii_lowercase();
        let name = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).map(str::parse::<Ipv6Addr>) {
            Some(Ok(address)) => format!("[{address}]"),
            Some(Err(_)) | None => name,
        };
        self.0.contains(&name)
    }
}

/// Lets requests under an allowed name pass, of those that change something only what comes from our own pages or with
/// a token, and adds the headers to whatever is answered.
pub async fn check(State(shared): State<Shared>, mut request: Request, next: Next) -> Response {
    let visitor = visitor(&shared, &request);
    request.extensions_mut().insert(visitor);
    let mut response = match refusal(&shared.hosts, &request) {
        Some(refusal) => refusal,
        None => match with_body(request).await {
            Ok(request) => next.run(request).await,
            Err(refusal) => refusal,
        },
    };
    let headers = response.headers_mut();
    for (name, value) in SAID_ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Lets only those through who have what the route needs, and tells the route who they are.
pub async fn admit(State((shared, needs)): State<(Shared, Needs)>, mut request: Request, next: Next) -> Response {
    let visitor = request.extensions().get::<Visitor>().cloned().unwrap_or_default();
    let bearer = match bearer(request.headers()) {
        Some(token) if needs != Needs::Nothing => {
            Some(login::attempt(&shared.access, token.to_owned(), visitor.address()).await)
        }
        Some(_) | None => None,
    };
    match may(needs, &visitor, bearer) {
        Ok(by) => {
            if let Some(id) = login::cookie(request.headers(), &shared.cookie) {
                shared.access.use_session(id);
            }
            request.extensions_mut().insert(Visitor { by, ..visitor });
            next.run(request).await
        }
        Err(Stranger::Wrong { after }) => {
            tokio::time::sleep(after).await;
            unauthorized("That is not the token of this device.\n")
        }
        Err(Stranger::TooMany { again }) => too_many(again),
        Err(Stranger::Unknown) => login::sign_in_first(&shared, request.headers()),
    }
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stranger {
    Unknown,
    /// The token is wrong, which is told after a while.
    Wrong {
        after: Duration,
    },
    TooMany {
        again: Duration,
    },
}

/// Whether a visitor may use a route, and as whom; `bearer` is what became of the token that the request sent, if any.
/// That it comes from a page of ours has been checked before.
///
/// # Errors
/// Why not.
pub fn may(needs: Needs, visitor: &Visitor, bearer: Option<Attempt>) -> Result<Option<By>, Stranger> {
    match (needs, bearer, &visitor.session) {
        (Needs::Nothing, ..) => Ok(None),
        (_, Some(Attempt::Right), _) => Ok(Some(By::Token)),
        (_, Some(Attempt::Wrong { after }), _) => Err(Stranger::Wrong { after }),
        (_, Some(Attempt::NotNow { again }), _) => Err(Stranger::TooMany { again }),
        (_, None, Some(session)) => Ok(Some(By::Session(session.clone()))),
        (Needs::TokenOrBoard, None, None) if visitor.is_on_board => Ok(Some(By::Board)),
        (Needs::Token | Needs::TokenOrBoard, None, None) => Err(Stranger::Unknown),
    }
}

fn too_many(again: Duration) -> Response {
    let advice = "A wrong token is still being answered: try again in a while.\n";
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds(again))], advice).into_response()
}

/// A while in whole seconds, not a moment too short.
pub fn seconds(while_: Duration) -> HeaderValue {
    HeaderValue::from(while_.as_secs() + 1)
}

pub fn unauthorized(text: &'static str) -> Response {
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer realm=\"parceld\"")], text).into_response()
}

fn visitor(shared: &Shared, request: &Request) -> Visitor {
    let peer = request.extensions().get::<Peer>().copied();
    let is_forwarded = FORWARDED.iter().any(|name| request.headers().contains_key(*name));
    Visitor {
        session: login::cookie(request.headers(), &shared.cookie).and_then(|id| shared.access.session(id)),
        is_on_board: peer.is_some_and(Peer::is_on_board) && !is_forwarded,
        address: peer.map(|peer| peer.address.ip().to_canonical()),
        by: None,
    }
}

/// Why a request is answered by none of the routes, judged by its head alone.
#[must_use]
pub fn refusal(hosts: &Hosts, request: &Request) -> Option<Response> {
    let host = asked_for(request.headers(), request.uri()).filter(|host| hosts.allow(host));
    let Some(host) = host else {
        let advice = "This page is not served under that host name.\nAdd the name to web.allowed_hosts to allow it.\n";
        return Some((StatusCode::MISDIRECTED_REQUEST, advice).into_response());
    };
    match *request.method() {
        Method::GET | Method::HEAD => None,
        Method::POST => match origin(request.headers(), host) {
            Origin::Own => None,
            Origin::Unsaid if bearer(request.headers()).is_some() => None,
            Origin::Unsaid | Origin::Foreign => {
                let advice =
                    "Changes are made from this device's own pages, or with Authorization: Bearer and its token.\n";
                Some((StatusCode::FORBIDDEN, advice).into_response())
            }
        },
        _ => {
            let advice = "Only GET, HEAD and POST are answered here.\n";
            Some((StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD, POST")], advice).into_response())
        }
    }
}

/// Where a request was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Own,
    Foreign,
    /// Not by a browser of these years.
    Unsaid,
}

/// By what the browser itself says: `Sec-Fetch-Site`, which it sends to hosts that it trusts, and `Origin`.
fn origin(headers: &HeaderMap, host: &str) -> Origin {
    let site = match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        None => Origin::Unsaid,
        Some(b"same-origin" | b"none") => Origin::Own,
        Some(_) => Origin::Foreign,
    };
    let named = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    let is_own = |origin: &str| {
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    };
    match (site, named) {
        (Origin::Foreign, _) => Origin::Foreign,
        (_, Some(origin)) if !is_own(origin) => Origin::Foreign,
        (Origin::Unsaid, None) => Origin::Unsaid,
        (Origin::Own | Origin::Unsaid, _) => Origin::Own,
    }
}

/// Reads what is posted, so that no route waits for a slow one.
async fn with_body(request: Request) -> Result<Request, Response> {
    if request.method() != Method::POST {
        return Ok(request);
    }
    let too_large = || (StatusCode::PAYLOAD_TOO_LARGE, "More than this device reads.\n").into_response();
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| (BODY_BYTES_MAX as u64) < length) {
        return Err(too_large());
    }
    let (parts, body) = request.into_parts();
    match tokio::time::timeout(BODY_WITHIN, axum::body::to_bytes(body, BODY_BYTES_MAX)).await {
        Ok(Ok(bytes)) => Ok(Request::from_parts(parts, Body::from(bytes))),
        Ok(Err(_)) => Err(too_large()),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "That took too long.\n").into_response()),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The authority of an absolute target stands above `Host` (RFC 9112, 3.2.2); two `Host` lines are none.
fn asked_for<'r>(headers: &'r HeaderMap, uri: &'r Uri) -> Option<&'r str> {
    let mut lines = headers.get_all(header::HOST).iter();
    let host = lines.next();
    if lines.next().is_some() {
        return None;
    }
    uri.authority().map(Authority::as_str).or_else(|| host?.to_str().ok())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => match name {
            name if name.starts_with('[') && !name.ends_with(']') => host,
            name => name,
        },
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Language;
    use jiff::tz::TimeZone;

    #[test]
    fn allows_its_own_names_and_those_of_the_configuration() {
        let config = Config {
            listen: "10.0.4.2:8080".parse().unwrap(),
            allowed_hosts: vec!["parceld.local".into()],
            language: Language::ENGLISH,
            timezone: TimeZone::UTC,
            site: "sthlm-03".into(),
        };
        let hosts = Hosts::new(&config);
        for (host, allowed) in [
            ("10.0.4.2:8080", true),
            ("10.0.4.2", true),
            ("localhost:9", true),
            ("LOCALHOST", true),
            ("127.0.0.1:8080", true),
            ("[::1]:8080", true),
            ("[0:0:0:0:0:0:0:1]", true),
            ("[::1]", true),
            ("parceld.local", true),
            ("Parceld.Local.:80", true),
            ("parceld.local.evil.example", false),
            ("evil.example", false),
            ("evil.example:8080", false),
            ("10.0.4.3:8080", false),
            ("user@localhost", false),
            ("::1", false),
            ("[::1", false),
            ("", false),
        ] {
            assert_eq!(hosts.allow(host), allowed, "{host:?}");
        }
    }

    #[test]
    fn tells_its_own_pages_from_others() {
        let host = "10.0.4.2:8080";
        for (site, named, expected) in [
            (None, None, Origin::Unsaid),
            (Some("same-origin"), None, Origin::Own),
            (Some("none"), None, Origin::Own),
            (Some("same-site"), None, Origin::Foreign),
            (Some("cross-site"), None, Origin::Foreign),
            (Some(""), None, Origin::Foreign),
            (None, Some("http://10.0.4.2:8080"), Origin::Own),
            (None, Some("https://10.0.4.2:8080"), Origin::Own),
            (None, Some("http://10.0.4.2"), Origin::Foreign),
            (None, Some("http://10.0.4.2:9000"), Origin::Foreign),
            (None, Some("http://evil.example"), Origin::Foreign),
            (None, Some("http://10.0.4.2:8080.evil.example"), Origin::Foreign),
            (None, Some("null"), Origin::Foreign),
            (None, Some(""), Origin::Foreign),
            (Some("same-origin"), Some("http://10.0.4.2:8080"), Origin::Own),
            (Some("same-origin"), Some("null"), Origin::Foreign),
            (Some("cross-site"), Some("http://10.0.4.2:8080"), Origin::Foreign),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [("sec-fetch-site", site), ("origin", named)] {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            assert_eq!(origin(&headers, host), expected, "{site:?} {named:?}");
        }
    }

    #[test]
    fn lets_in_whom_the_route_is_for() {
        let session = Session { label: "session-1".into() };
        let wait = Duration::from_secs(1);
        let unknown = Visitor::default();
        let signed_in = Visitor { session: Some(session.clone()), ..Visitor::default() };
        let board = Visitor { is_on_board: true, ..Visitor::default() };
        let as_session = Ok(Some(By::Session(session)));
        let (right, wrong) = (Some(Attempt::Right), Some(Attempt::Wrong { after: wait }));
        let busy = Some(Attempt::NotNow { again: wait });
        for (needs, visitor, bearer, expected) in [
            (Needs::Nothing, &unknown, None, Ok(None)),
            (Needs::Nothing, &signed_in, wrong, Ok(None)),
            (Needs::Token, &unknown, None, Err(Stranger::Unknown)),
            (Needs::Token, &board, None, Err(Stranger::Unknown)),
            (Needs::Token, &signed_in, None, as_session.clone()),
            (Needs::Token, &unknown, right, Ok(Some(By::Token))),
            (Needs::Token, &unknown, wrong, Err(Stranger::Wrong { after: wait })),
            (Needs::Token, &unknown, busy, Err(Stranger::TooMany { again: wait })),
            (Needs::Token, &signed_in, wrong, Err(Stranger::Wrong { after: wait })),
            (Needs::TokenOrBoard, &unknown, None, Err(Stranger::Unknown)),
            (Needs::TokenOrBoard, &board, None, Ok(Some(By::Board))),
            (Needs::TokenOrBoard, &board, wrong, Err(Stranger::Wrong { after: wait })),
            (Needs::TokenOrBoard, &signed_in, None, as_session),
            (Needs::TokenOrBoard, &unknown, right, Ok(Some(By::Token))),
        ] {
            assert_eq!(may(needs, visitor, bearer), expected, "{needs:?} {visitor:?} {bearer:?}");
        }
    }

    #[test]
    fn reads_a_token_from_its_header() {
        for (value, expected) in [
            ("Bearer K7QF-M2XD", Some("K7QF-M2XD")),
            ("bearer  K7QF ", Some("K7QF")),
            ("Basic K7QF", None),
            ("Bearer", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))]);
            assert_eq!(bearer(&headers), expected, "{value:?}");
        }
    }
}
