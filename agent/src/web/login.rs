//! Signing in with the device's token, and out.

use super::guard::{self, Visitor};
use super::{Shared, frame};
use crate::access::{Access, Attempt};
use crate::words::Part;
use askama::Template;
use axum::Form;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What the page says by itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    title: &'static str,
    token: &'static str,
    sign_in: &'static str,
    where_it_is: &'static str,
    wrong: &'static str,
    too_many: &'static str,
    first: &'static str,
    back: &'static str,
}

static WORDS: Part<Words> = Part::new("login");

#[derive(Template)]
#[template(path = "login.html")]
struct Page<'a> {
    words: &'static Words,
    language: &'static str,
    site: &'a str,
    version: &'a str,
    /// What went wrong, if anything.
    message: Option<&'static str>,
    next: &'a str,
}

/// Where to go after signing in.
#[derive(Debug, Default, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub struct Attempted {
    token: String,
    #[serde(default)]
    next: String,
}

/// `GET /login`
pub async fn show(State(shared): State<Shared>, wanted: Result<Query<Wanted>, QueryRejection>) -> Response {
    let next = wanted.map(|Query(wanted)| wanted.next).unwrap_or_default();
    page(&shared, StatusCode::OK, None, &next)
}

/// `POST /login`
pub async fn sign_in(
    State(shared): State<Shared>,
    visitor: Visitor,
    attempted: Result<Form<Attempted>, FormRejection>,
) -> Response {
    let Ok(Form(Attempted { token, next })) = attempted else {
        return (StatusCode::BAD_REQUEST, "A form with the field token is asked for.\n").into_response();
    };
    let words = WORDS.of(shared.looks.language);
    match attempt(&shared.access, token, visitor.address()).await {
        Attempt::Right => {}
        Attempt::Wrong { after } => {
            tokio::time::sleep(after).await;
            return page(&shared, StatusCode::UNAUTHORIZED, Some(words.wrong), &next);
        }
        Attempt::NotNow { again } => {
            let mut response = page(&shared, StatusCode::TOO_MANY_REQUESTS, Some(words.too_many), &next);
            response.headers_mut().insert(header::RETRY_AFTER, guard::seconds(again));
            return response;
        }
    }
    let Ok(id) = shared.access.open_session() else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "No session could be opened.\n").into_response();
    };
    tracing::info!(address = %visitor.address(), "signed in");
    let cookie = format!("{}={}; HttpOnly; SameSite=Strict; Path=/", shared.cookie, id.as_str());
    go_on(&cookie, own_path(&next))
}

/// `POST /logout`
pub async fn sign_out(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    if let Some(id) = cookie(&headers, &shared.cookie) {
        shared.access.end_session(id);
    }
    go_on(&format!("{}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0", shared.cookie), "/")
}

/// The answer to an action of somebody who has not signed in: for people the form, for machines a line.
pub fn sign_in_first(shared: &Shared, headers: &HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
    if accepted.contains("text/html") {
        page(shared, StatusCode::UNAUTHORIZED, Some(WORDS.of(shared.looks.language).first), "")
    } else {
        guard::unauthorized("Sign in, or send the device's token: Authorization: Bearer TOKEN\n")
    }
}

/// Tries a token away from the runtime's thread: it may be read from a file.
pub async fn attempt(access: &Arc<Access>, token: String, address: IpAddr) -> Attempt {
    let access = Arc::clone(access);
    let tried = tokio::task::spawn_blocking(move || access.attempt(&token, address)).await;
    tried.unwrap_or(Attempt::NotNow { again: Duration::from_secs(1) })
}

/// The session's id that a browser sent.
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, id)| id)
}

fn page(shared: &Shared, status: StatusCode, message: Option<&'static str>, next: &str) -> Response {
    let about = shared.gatherer.about();
    let page = Page {
        words: WORDS.of(shared.looks.language),
        language: shared.looks.language.tag(),
        site: &about.site.name,
        version: &about.version,
        message,
        next: own_path(next),
    };
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(_) => frame::failed(),
    }
}

fn go_on(cookie: &str, path: &str) -> Response {
    let Ok(cookie) = HeaderValue::from_str(cookie) else {
        return frame::failed();
    };
    ([(header::SET_COOKIE, cookie)], Redirect::to(path)).into_response()
}

/// `next` where it leads to a page of this device, else the first page.
fn own_path(next: &str) -> &str {
    let is_own = next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.?=&%".contains(&byte));
    if is_own { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Language;

    #[test]
    fn speaks_every_language() {
        Language::all().for_each(|language| assert!(!WORDS.of(language).title.is_empty()));
    }

    #[test]
    fn goes_on_only_to_pages_of_its_own() {
        for (next, expected) in [
            ("/", "/"),
            ("/quarantine?key=3", "/quarantine?key=3"),
            ("", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/a\r\nSet-Cookie: x=y", "/"),
        ] {
            assert_eq!(own_path(next), expected, "{next:?}");
        }
    }

    #[test]
    fn finds_its_cookie_among_others() {
        let mut headers = HeaderMap::new();
        for line in ["a=1; parceld-x=2", "parceld-sthlm-03=K7; b=3"] {
            headers.append(header::COOKIE, HeaderValue::from_static(line));
        }
        assert_eq!(cookie(&headers, "parceld-sthlm-03"), Some("K7"));
        assert_eq!(cookie(&headers, "parceld"), None);
    }
}
