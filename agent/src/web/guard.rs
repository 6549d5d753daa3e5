//! What is checked before any route, and what every answer says to the browser.

use super::Config;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const SAID_ALWAYS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

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

/// Lets GET and HEAD under an allowed name pass, and adds the headers to whatever is answered.
pub async fn check(State(hosts): State<Arc<Hosts>>, request: Request, next: Next) -> Response {
    let mut response = match refusal(&hosts, &request) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in SAID_ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn refusal(hosts: &Hosts, request: &Request) -> Option<Response> {
    if !asked_for(request.headers(), request.uri()).is_some_and(|host| hosts.allow(host)) {
        let advice = "This page is not served under that host name.\nAdd the name to web.allowed_hosts to allow it.\n";
        return Some((StatusCode::MISDIRECTED_REQUEST, advice).into_response());
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let advice = "Only GET and HEAD are answered here.\n";
        return Some((StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")], advice).into_response());
    }
    None
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
}
