//! What comes over a scanner's line while it comes, as server-sent events.
//!
//! Each message is a JSON object with `at`, `time` (the site's), `what` and what belongs to it; a page shows it as text.
//! Listeners are few, and listen for ten minutes at most: a forgotten page costs nothing for long.

use crate::report::listen::{Heard, Listener, Told, What};
use crate::web::look::{Looks, Sight, plain};
use crate::web::{Shared, stopped};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use jiff::Timestamp;
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout_at};

/// Listeners at once, over all scanners.
pub const LISTENERS_MAX: usize = 8;

/// Longer nobody stands beside a scanner and looks.
const LISTENS_FOR: Duration = Duration::from_secs(10 * 60);

const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Room for listeners.
#[derive(Clone, Debug)]
pub struct Listeners(Arc<Semaphore>);

impl Default for Listeners {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LISTENERS_MAX)))
    }
}

/// One thing that happened on the line.
#[derive(Debug, Serialize)]
struct Message {
    /// None for what is about the listening itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    /// The time of the day there.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    /// Visible ASCII, everything else as a dot.
    #[serde(skip_serializing_if = "Option::is_none")]
    ascii: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
}

struct Open {
    listener: Listener,
    until: Instant,
    stop: watch::Receiver<bool>,
    looks: Arc<Looks>,
    _place: OwnedSemaphorePermit,
}

/// `GET /api/v1/scanners/{id}/bytes`
pub async fn stream(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    let Some(listener) = shared.gatherer.listen(&id) else {
        return (StatusCode::NOT_FOUND, "There is no scanner of that name.\n").into_response();
    };
    let Ok(place) = Arc::clone(&shared.listeners.0).try_acquire_owned() else {
        let advice = "Too many listen to scanners; close a page.\n";
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "15")], advice).into_response();
    };
    let until = Instant::now() + LISTENS_FOR;
    let open = Open { listener, until, stop: shared.stop, looks: shared.looks, _place: place };
    Sse::new(stream::unfold(Some(open), next)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

/// After the last message there is none: a page doesn't ask again by itself, because it was told that it is over.
async fn next(open: Option<Open>) -> Option<(Result<Event, Infallible>, Option<Open>)> {
    let mut open = open?;
    let told = tokio::select! {
        () = stopped(open.stop.clone()) => return None,
        told = timeout_at(open.until, open.listener.next()) => told,
    };
    match told {
        Ok(Some(told)) => {
            let message = message(&open.looks, &told);
            Some((Ok(event(&message)), Some(open)))
        }
        Ok(None) | Err(_) => Some((Ok(event(&about("ended"))), None)),
    }
}

fn event(message: &Message) -> Event {
    Event::default().data(serde_json::to_string(message).unwrap_or_default())
}

fn about(what: &'static str) -> Message {
    Message { at: None, time: None, what, hex: None, ascii: None, text: None, count: None }
}

fn message(looks: &Looks, told: &Told) -> Message {
    let Heard { at, what } = match told {
        Told::Heard(heard) => heard,
        Told::Missed(count) => return Message { count: Some(*count), ..about("missed") },
    };
    let said = match what {
        What::Bytes(bytes) => seen(about("bytes"), bytes),
        What::Read { symbology, payload } => {
            Message { text: Some(symbology.to_string()), ..seen(about("read"), payload) }
        }
        What::Unreadable { reason, bytes } => {
            Message { text: Some(plain(reason)), count: Some(*bytes as u64), ..about("unreadable") }
        }
        What::NotSetUp(why) => Message { text: Some(plain(why)), ..about("not_set_up") },
        What::SetUp => about("set_up"),
        What::Opened { discarded_bytes } => Message { count: Some(*discarded_bytes as u64), ..about("opened") },
        What::Lost(why) => Message { text: Some(plain(why)), ..about("lost") },
    };
    let time = Some(Sight::new(looks, *at).precise(*at));
    Message { at: Some(*at), time, ..said }
}

fn seen(message: Message, bytes: &[u8]) -> Message {
    let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    let visible = |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '·' };
    Message { hex: Some(hex), ascii: Some(bytes.iter().map(visible).collect()), ..message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Language;
    use jiff::tz::TimeZone;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(told: What, expected: &Value) {
        let looks = Looks { language: Language::ENGLISH, timezone: TimeZone::UTC };
        let told = Told::Heard(Heard { at: Timestamp::from_millisecond(1_500).unwrap(), what: told });
        let mut said = serde_json::to_value(message(&looks, &told)).unwrap();
        assert_eq!(said["time"], "00:00:01.500");
        let fields = said.as_object_mut().unwrap();
        fields.retain(|name, _| name != "at" && name != "time");
        assert_eq!(said, *expected);
    }

    #[test]
    fn bytes_are_told_as_figures_and_as_what_can_be_seen_of_them() {
        check(
            What::Bytes(b"]C1<b>\x1d\xff\r".as_slice().into()),
            &json!({"what": "bytes", "hex": "5d 43 31 3c 62 3e 1d ff 0d", "ascii": "]C1<b>···"}),
        );
        check(
            What::Read { symbology: "Ean13".into(), payload: b"40".as_slice().into() },
            &json!({"what": "read", "text": "Ean13", "hex": "34 30", "ascii": "40"}),
        );
        check(
            What::Unreadable { reason: "too\u{202e} long".into(), bytes: 9 },
            &json!({"what": "unreadable", "text": "too\u{fffd} long", "count": 9}),
        );
        check(What::Opened { discarded_bytes: 3 }, &json!({"what": "opened", "count": 3}));
        check(What::Lost("unplugged".into()), &json!({"what": "lost", "text": "unplugged"}));
    }
}
