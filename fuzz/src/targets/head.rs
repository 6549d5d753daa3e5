//! The head of a request for the local page: nothing passes under a foreign name, and no change from a foreign page.

use crate::input::Input;
use axum::body::Body;
use axum::http::uri::Authority;
use axum::http::{HeaderName, HeaderValue, Method, Request, Uri, header};
use jiff::tz::TimeZone;
use parceld::web::{Config, Hosts, cookie, refusal};
use parceld::words::Language;
use std::net::Ipv6Addr;

const ALLOWED: [&str; 5] = ["localhost", "127.0.0.1", "[::1]", "10.0.4.2", "parceld.local"];
const METHODS: [Method; 5] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::OPTIONS];

/// A byte for the method, a line for the target, and a line for each header.
pub fn run(bytes: &[u8]) {
    let config = Config {
        listen: ([10, 0, 4, 2], 8080).into(),
        allowed_hosts: vec!["parceld.local".into()],
        language: Language::ENGLISH,
        timezone: TimeZone::UTC,
        site: "s".into(),
    };
    let mut input = Input::new(bytes);
    let method = METHODS[usize::from(input.byte()) % METHODS.len()].clone();
    let mut lines = input.rest().split(|byte| *byte == b'\n');
    let Some(uri) = lines.next().and_then(|line| Uri::try_from(line).ok()) else { return };
    let mut request = Request::new(Body::empty());
    (*request.method_mut(), *request.uri_mut()) = (method.clone(), uri);
    for line in lines {
        let Some(at) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (HeaderName::from_bytes(&line[..at]), HeaderValue::from_bytes(line[at + 1..].trim_ascii()));
        if let (Ok(name), Ok(value)) = (name, value) {
            request.headers_mut().append(name, value);
        }
    }
    if let Some(id) = cookie(request.headers(), "parceld-s") {
        assert!(!id.contains(';'), "a cookie of two");
    }
    if refusal(&Hosts::new(&config), &request).is_none() {
        is_allowed(&request);
    }
}

/// What may pass, by the library's own reader of authorities.
fn is_allowed(request: &Request<Body>) {
    let only = |name: &HeaderName| {
        let mut values = request.headers().get_all(name).iter();
        values.next().filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok())
    };
    let asked = request.uri().authority().map(Authority::as_str).or(only(&header::HOST)).unwrap_or_default();
    let host = host(asked).unwrap_or_else(|| panic!("{asked:?} is no authority"));
    assert!(ALLOWED.contains(&host.as_str()), "{asked:?} passes");
    assert!(request.headers().get_all(header::HOST).iter().count() <= 1, "two hosts pass");
    assert!([Method::GET, Method::HEAD, Method::POST].contains(request.method()));
    if *request.method() == Method::POST {
        let site = request.headers().get("sec-fetch-site").map(HeaderValue::as_bytes);
        assert!(site.is_none_or(|site| site == b"same-origin" || site == b"none"), "a change from another site");
        let from = request.headers().get(header::ORIGIN).map(|from| from.to_str().unwrap_or_default());
        let is_own = |from: &str| from.split_once("://").is_some_and(|(_, from)| from.eq_ignore_ascii_case(asked));
        assert!(from.is_none_or(is_own), "a change from the page {from:?}");
        assert!(site.is_some() || from.is_some() || request.headers().contains_key(header::AUTHORIZATION));
    }
}

fn host(authority: &str) -> Option<String> {
    let authority: Authority = authority.parse().ok()?;
    if authority.as_str().contains('@') {
        return None;
    }
    let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    Some(match address.and_then(|address| address.parse::<Ipv6Addr>().ok()) {
        Some(address) => format!("[{address}]"),
        None => host,
    })
}
