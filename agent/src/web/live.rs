//! A page's parts, sent again when they change.
//!
//! The status page is rendered by one task for everybody, which starts with the first listener and ends with the last:
//! every screen in the house may show it. Other pages are rendered for each listener, no more than once a second.

use super::frame::Page;
use super::orders::{Older, Wanted};
use super::{Shared, stopped};
use crate::report::Gatherer;
use crate::report::gather::Changes;
use crate::report::log::Wanted as Lines;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Listeners at once.
pub const STREAMS_MAX: usize = 32;

/// Nobody reads faster.
const BETWEEN_SENDS: Duration = Duration::from_millis(250);

/// A page that is rendered for one listener alone costs more.
const BETWEEN_OWN_SENDS: Duration = Duration::from_secs(1);

/// A page that takes long, an order deep in the log, is made again the more seldom: all that follow one take a tenth of
/// the database's time together.
const PAUSE_PER_WORK: u32 = 9;

/// Ages grow without anything happening.
const REFRESHED_AT_LEAST_EVERY: Duration = Duration::from_secs(5);

const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The newest parts of the status page and who listens.
#[derive(Debug)]
pub struct Live {
    /// Empty until they are rendered for the first time.
    parts: watch::Sender<Arc<str>>,
    is_rendering: Mutex<bool>,
    room: Arc<Semaphore>,
}

impl Default for Live {
    fn default() -> Self {
        let room = Arc::new(Semaphore::new(STREAMS_MAX));
        Self { parts: watch::Sender::new("".into()), is_rendering: Mutex::new(false), room }
    }
}

/// `GET /api/v1/live`: each message's data is the page's parts as HTML.
pub async fn status(State(shared): State<Shared>) -> Response {
    let Some(place) = take_place(&shared) else {
        return no_room();
    };
    let listener = Listener { parts: listen(&shared), stop: shared.stop, _place: place };
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Sse::new(stream::unfold(listener, next)).keep_alive(keep_alive).into_response()
}

/// `GET /api/v1/live/orders`
pub async fn orders(State(shared): State<Shared>, wanted: Result<Query<Wanted>, QueryRejection>) -> Response {
    match wanted {
        Ok(Query(wanted)) => follow(shared, Page::Orders(wanted)),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// `GET /api/v1/live/orders/{id}`
pub async fn order(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    wanted: Result<Query<Older>, QueryRejection>,
) -> Response {
    match wanted {
        Ok(Query(wanted)) => follow(shared, Page::Order { id, wanted }),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// `GET /api/v1/live/scanners`
pub async fn scanners(State(shared): State<Shared>) -> Response {
    follow(shared, Page::Scanners)
}

/// `GET /api/v1/live/scanners/{id}`
pub async fn scanner(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    follow(shared, Page::Scanner { id })
}

/// `GET /api/v1/live/commands`
pub async fn commands(State(shared): State<Shared>) -> Response {
    follow(shared, Page::Commands)
}

/// `GET /api/v1/live/log`
pub async fn log(State(shared): State<Shared>, wanted: Result<Query<Lines>, QueryRejection>) -> Response {
    match wanted {
        Ok(Query(wanted)) => follow(shared, Page::Log(wanted)),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

fn take_place(shared: &Shared) -> Option<OwnedSemaphorePermit> {
    Arc::clone(&shared.live.room).try_acquire_owned().ok()
}

fn no_room() -> Response {
    let advice = "Too many pages are open; close some.\n";
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "15")], advice).into_response()
}

/// A page for one listener.
struct Own {
    page: Page,
    shared: Shared,
    changes: Changes,
    sent: String,
    /// How long the page took the last time, with the wait for the database.
    took: Duration,
    _place: OwnedSemaphorePermit,
}

fn follow(shared: Shared, page: Page) -> Response {
    let Some(place) = take_place(&shared) else {
        return no_room();
    };
    let own = Own {
        page,
        changes: shared.gatherer.changes(),
        shared,
        sent: String::new(),
        took: Duration::ZERO,
        _place: place,
    };
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Sse::new(stream::unfold(own, next_own)).keep_alive(keep_alive).into_response()
}

async fn next_own(mut own: Own) -> Option<(Result<Event, Infallible>, Own)> {
    loop {
        if !own.sent.is_empty() {
            let pause = BETWEEN_OWN_SENDS.max(own.took * PAUSE_PER_WORK);
            tokio::select! {
                () = stopped(own.shared.stop.clone()) => return None,
                () = tokio::time::sleep(pause) => {}
            }
            tokio::select! {
                () = stopped(own.shared.stop.clone()) => return None,
                () = own.changes.wait() => {}
                () = tokio::time::sleep(REFRESHED_AT_LEAST_EVERY) => {}
            }
        }
        let (page, looks) = (own.page.clone(), Arc::clone(&own.shared.looks));
        let making = move |gatherer: &Gatherer| {
            let begun = gatherer.since_start();
            let made = page.make(gatherer, &looks);
            (made, gatherer.since_start().saturating_sub(begun))
        };
        let (made, took) = own.shared.gatherer.ask_in_time(making).await?;
        own.took = took;
        match made {
            Ok(made) if made.parts != own.sent => {
                own.sent = made.parts;
                return Some((Ok(Event::default().data(own.sent.as_str())), own));
            }
            Ok(_) => {}
            Err(_) => return None,
        }
    }
}

struct Listener {
    parts: watch::Receiver<Arc<str>>,
    stop: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

async fn next(mut listener: Listener) -> Option<(Result<Event, Infallible>, Listener)> {
    let rendered = tokio::select! {
        () = stopped(listener.stop.clone()) => return None,
        rendered = listener.parts.changed() => rendered,
    };
    rendered.ok()?;
    let event = Event::default().data(&**listener.parts.borrow_and_update());
    Some((Ok(event), listener))
}

/// A listener that gets the newest parts at once, or as soon as there are any.
fn listen(shared: &Shared) -> watch::Receiver<Arc<str>> {
    let mut is_rendering = shared.live.is_rendering.lock().unwrap_or_else(PoisonError::into_inner);
    if !*is_rendering {
        *is_rendering = true;
        // What was rendered for earlier listeners is old.
        shared.live.parts.send_replace("".into());
        tokio::spawn(render(shared.clone()));
    }
    let mut parts = shared.live.parts.subscribe();
    if !parts.borrow().is_empty() {
        parts.mark_changed();
    }
    parts
}

async fn render(shared: Shared) {
    let mut changes = shared.gatherer.changes();
    while !is_over(&shared) {
        let looks = Arc::clone(&shared.looks);
        let made = shared.gatherer.ask_in_time(move |gatherer| Page::Status.make(gatherer, &looks)).await;
        if let Some(Ok(made)) = made {
            shared.live.parts.send_if_modified(|sent| {
                let is_new = **sent != *made.parts;
                if is_new {
                    *sent = made.parts.into();
                }
                is_new
            });
        }
        tokio::time::sleep(BETWEEN_SENDS).await;
        tokio::select! {
            () = changes.wait() => {}
            () = tokio::time::sleep(REFRESHED_AT_LEAST_EVERY) => {}
            () = shared.live.parts.closed() => {}
            () = stopped(shared.stop.clone()) => {}
        }
    }
}

/// Whether to end; decided under the lock under which listeners come.
fn is_over(shared: &Shared) -> bool {
    let mut is_rendering = shared.live.is_rendering.lock().unwrap_or_else(PoisonError::into_inner);
    let has_stopped = *shared.stop.borrow() || shared.stop.has_changed().is_err();
    let is_over = has_stopped || shared.live.parts.receiver_count() == 0;
    if is_over {
        *is_rendering = false;
    }
    is_over
}
