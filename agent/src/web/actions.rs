//! What a technician has done from the page: a form for each action, and how it went.
//!
//! A form is answered with a redirect to its result, so that loading the page again does nothing again. Results are kept
//! in memory, a few of the newest.

use super::Shared;
use super::frame::failed;
use super::guard::Visitor;
use crate::access::By;
use crate::action::{Action, Told, Words, audible, in_words, words};
use crate::report::log::Level;
use crate::words::Answers;
use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Form, Json};
use serde::Deserialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// More than one technician looks at.
const RESULTS_KEPT_MAX: usize = 32;

/// How the newest actions went, until somebody has looked.
#[derive(Debug, Default)]
pub struct Results(Mutex<VecDeque<(Uuid, &'static str, Told)>>);

#[derive(Template)]
#[template(path = "actions.html")]
struct Page<'a> {
    words: &'static Words,
    language: &'static str,
    site: &'a str,
    version: &'a str,
    is_signed_in: bool,
    stations: Vec<String>,
    scanners: Vec<String>,
    levels: [&'static str; 5],
    /// Each signal's word, and what people call it.
    signals: Vec<(&'static str, &'static str)>,
}

#[derive(Template)]
#[template(path = "result.html")]
struct ResultPage<'a> {
    words: &'static Words,
    language: &'static str,
    site: &'a str,
    version: &'a str,
    name: &'static str,
    is_well: bool,
    sentence: String,
}

/// What a form may have; each action takes what it needs.
#[derive(Debug, Default, Deserialize)]
pub struct Fields {
    station: Option<String>,
    signal: Option<String>,
    scanner: Option<String>,
    key: Option<i64>,
    from: Option<u64>,
    level: Option<String>,
    minutes: Option<u64>,
}

impl Results {
    fn keep(&self, action: &'static str, told: Told) -> Uuid {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = Uuid::new_v4();
        kept.push_front((id, action, told));
        kept.truncate(RESULTS_KEPT_MAX);
        id
    }

    fn find(&self, id: Uuid) -> Option<(&'static str, Told)> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(known, ..)| *known == id).map(|(_, action, told)| (*action, told.clone()))
    }
}

/// `GET /actions`
pub async fn show(State(shared): State<Shared>, visitor: Visitor) -> Response {
    let language = shared.looks.language;
    let answers = Answers::of(language);
    let about = shared.gatherer.about();
    let page = Page {
        words: words(language),
        language: language.tag(),
        site: &about.site.name,
        version: &about.version,
        is_signed_in: visitor.session.is_some(),
        stations: shared.actions.stations(),
        scanners: shared.actions.scanners(),
        levels: Level::WORDS.map(|(word, _)| word),
        signals: audible().map(|signal| (signal.word(), answers.signal(signal.word()))).collect(),
    };
    page.render().map_or_else(|_| failed(), |html| Html(html).into_response())
}

/// `POST /actions/{action}`
pub async fn perform(
    State(shared): State<Shared>,
    visitor: Visitor,
    Path(word): Path<String>,
    headers: HeaderMap,
    fields: Result<Form<Fields>, FormRejection>,
) -> Response {
    let fields = match fields {
        Ok(Form(fields)) => Some(fields),
        // A program that has nothing to add sends no form.
        Err(FormRejection::InvalidFormContentType(_)) => Some(Fields::default()),
        Err(_) => None,
    };
    let action = fields.and_then(|fields| read(&word, fields));
    done(&shared, visitor, action, &headers).await
}

/// `POST /actions/quarantine/{key}/retry` and `…/drop`
pub async fn perform_on_quarantine(
    State(shared): State<Shared>,
    visitor: Visitor,
    Path((key, verb)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let action = match (key.parse(), verb.as_str()) {
        (Ok(key), "retry") => Some(Action::RetryQuarantined { key }),
        (Ok(key), "drop") => Some(Action::DropQuarantined { key }),
        _ => None,
    };
    done(&shared, visitor, action, &headers).await
}

async fn done(shared: &Shared, visitor: Visitor, action: Option<Action>, headers: &HeaderMap) -> Response {
    let Some(action) = action else {
        return (StatusCode::BAD_REQUEST, "There is no such action, or it lacks a field.\n").into_response();
    };
    let name = action.word();
    let Some(told) = perform_whole(shared, action, by(visitor)).await else { return failed() };
    if wants_html(headers) {
        return Redirect::to(&format!("/actions/results/{}", shared.results.keep(name, told))).into_response();
    }
    let status = if told.outcome.is_well() { StatusCode::OK } else { StatusCode::CONFLICT };
    (status, Json(told)).into_response()
}

/// Does it to its end and has it recorded, whether or not anybody still waits for the answer; none if it panicked.
async fn perform_whole(shared: &Shared, action: Action, by: By) -> Option<Told> {
    let actions = Arc::clone(&shared.actions);
    tokio::spawn(async move { actions.perform(action, &by).await }).await.ok()
}

/// `GET /actions/results/{id}`
pub async fn result(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    let language = shared.looks.language;
    let words = words(language);
    let about = shared.gatherer.about();
    let found = id.parse().ok().and_then(|id| shared.results.find(id));
    let status = if found.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let (name, is_well, sentence) = match &found {
        Some((action, told)) => {
            let name = words.name.get(action).copied().unwrap_or_default();
            (name, told.outcome.is_well(), in_words(told, language))
        }
        None => (words.title, false, words.forgotten.to_owned()),
    };
    let (site, version) = (about.site.name.as_str(), about.version.as_str());
    let page = ResultPage { words, language: language.tag(), site, version, name, is_well, sentence };
    page.render().map_or_else(|_| failed(), |html| (status, Html(html)).into_response())
}

/// Who was let in; the guard lets nobody else come this far.
fn by(visitor: Visitor) -> By {
    visitor.by.unwrap_or(By::Token)
}

/// Whether a person asks, and not a program.
fn wants_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

/// The action of this word, with what it needs of the form.
fn read(word: &str, fields: Fields) -> Option<Action> {
    let Fields { station, signal, scanner, key, from, level, minutes } = fields;
    Some(match word {
        "test_signal" => Action::TestSignal { station: station?, signal: signal.filter(|signal| !signal.is_empty()) },
        "test_publish" => Action::TestPublish,
        "reopen_scanner" => Action::ReopenScanner { scanner: scanner? },
        "reconnect" => Action::Reconnect,
        "claim" => Action::Claim,
        "backup" => Action::Backup,
        "retry_quarantined" => Action::RetryQuarantined { key: key? },
        "drop_quarantined" => Action::DropQuarantined { key: key? },
        "resend" => Action::Resend { from: from? },
        "admit_guest" => Action::AdmitGuest { station: station? },
        "reload" => Action::Reload,
        "log_level" => Action::SetLogLevel { level: level?, seconds: minutes?.saturating_mul(60) },
        _ => return None,
    })
}

/// `POST /actions/bundle`: the file itself.
pub async fn bundle(State(shared): State<Shared>, visitor: Visitor) -> Response {
    let maker = shared.clone();
    let made = tokio::spawn(async move { maker.bundle.make().await }).await;
    let bytes = match made.unwrap_or_else(|error| Err(error.into())) {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::error!(%error, "no diagnostics bundle");
            return failed();
        }
    };
    let made = Action::BundleMade { bytes: bytes.len() as u64 };
    if perform_whole(&shared, made, by(visitor)).await.is_none() {
        return failed();
    }
    let name = format!("attachment; filename=\"parceld-{}.tar.gz\"", shared.gatherer.about().site.id);
    ([(header::CONTENT_TYPE, "application/gzip".to_owned()), (header::CONTENT_DISPOSITION, name)], bytes)
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Outcome;

    #[test]
    fn reads_every_action_with_what_it_needs() {
        for word in Action::WORDS {
            let whole = Fields {
                station: Some("bench-1".into()),
                signal: Some(String::new()),
                scanner: Some("hand".into()),
                key: Some(3),
                from: Some(1),
                level: Some("debug".into()),
                minutes: Some(15),
            };
            let action = read(word, whole).unwrap_or_else(|| panic!("{word} can't be asked for"));
            assert_eq!(action.word(), word);
        }
        assert_eq!(read("new_token", Fields::default()), None, "not from the page");
        assert_eq!(read("resend", Fields::default()), None, "from where?");
    }

    #[test]
    fn keeps_only_the_newest_results() {
        let results = Results::default();
        let told = Told { outcome: Outcome::Done, values: Default::default(), recorded: true };
        let ids: Vec<_> = (0..=RESULTS_KEPT_MAX).map(|_| results.keep("backup", told.clone())).collect();
        assert_eq!(results.find(ids[0]), None);
        assert!(ids[1..].iter().all(|id| results.find(*id).is_some()));
    }
}
