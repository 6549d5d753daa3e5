//! The interface for machines: status, events, the log, readiness.

use super::Shared;
use crate::journal::{Error, Place, Storage};
use crate::report::gather::Page;
use crate::report::{Gatherer, Language, Report, log};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;

/// Events in one answer.
const EVENTS_MAX: usize = 1_000;
const EVENTS_DEFAULT: usize = 100;
const LINES_DEFAULT: usize = 100;

/// A writer that takes longer can't serve a bench.
const WRITER_ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// Which events are asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    #[serde(default)]
    after: Place,
    limit: Option<usize>,
}

/// The report, always in English: a machine reads it.
pub async fn status(State(shared): State<Shared>) -> Response {
    match shared.gatherer.ask_in_time(|gatherer| Report::new(&gatherer.facts(), Language::ENGLISH)).await {
        Some(report) => Json(report).into_response(),
        None => failed("the report could not be made"),
    }
}

/// `{"events": [envelope, …], "next": PLACE}`: what follows comes after `next`.
pub async fn events(State(shared): State<Shared>, wanted: Result<Query<Wanted>, QueryRejection>) -> Response {
    let Ok(Query(wanted)) = wanted else {
        let advice = "Write it like this: /api/v1/events?after=0&limit=100\n";
        return (StatusCode::BAD_REQUEST, advice).into_response();
    };
    let limit = wanted.limit.unwrap_or(EVENTS_DEFAULT).min(EVENTS_MAX);
    let asked = move |gatherer: &Gatherer| render(&gatherer.events(wanted.after, limit)?, wanted.after);
    match shared.gatherer.ask(asked).await {
        Some(Ok(json)) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Some(Err(error)) => failed(&format!("the events can't be read: {error}")),
        None => failed("the events can't be read"),
    }
}

/// `{"written": N, "parts": [PART, …], "lines": [line, …]}`: the newest lines of the agent's log, newest first.
pub async fn log(State(shared): State<Shared>, wanted: Result<Query<log::Wanted>, QueryRejection>) -> Response {
    #[derive(serde::Serialize)]
    struct Log {
        written: u64,
        parts: Vec<String>,
        lines: Vec<log::Line>,
    }
    let Ok(Query(wanted)) = wanted else {
        let advice = "Write it like this: /api/v1/log?level=warn&part=sync&text=receipt&limit=100&after=0\n";
        return (StatusCode::BAD_REQUEST, advice).into_response();
    };
    let limit = wanted.limit.unwrap_or(LINES_DEFAULT);
    let lines = shared.gatherer.lines();
    let kept = lines.read(&log::Wanted { limit: Some(limit), ..wanted });
    Json(Log { written: lines.written(), parts: lines.parts(), lines: kept }).into_response()
}

/// 200 while scans can be stored. A broker that is down is no reason to restart anything.
pub async fn ready(State(shared): State<Shared>) -> Response {
    match not_ready(&shared.gatherer).await {
        None => "ready\n".into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

pub async fn not_ready(gatherer: &Arc<Gatherer>) -> Option<String> {
    if let Storage::Failing { error } = gatherer.storage() {
        return Some(format!("scans are not saved: {error}"));
    }
    let answers = gatherer.writer_answers(WRITER_ANSWERS_WITHIN).await;
    (!answers).then(|| format!("the journal does not answer within {} s", WRITER_ANSWERS_WITHIN.as_secs()))
}

fn render(page: &Page, after: Place) -> Result<String, Error> {
    #[derive(serde::Serialize)]
    struct Events {
        events: Vec<Box<RawValue>>,
        next: Place,
    }
    let envelope = |stored| RawValue::from_string(page.sender.render(stored)?);
    let events = page.events.iter().map(envelope).collect::<Result<_, serde_json::Error>>()?;
    let next = page.events.last().map_or(after, |last| last.place);
    Ok(serde_json::to_string(&Events { events, next })?)
}

fn failed(why: &str) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{why}\n")).into_response()
}
