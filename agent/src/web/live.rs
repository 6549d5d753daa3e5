//! The page's parts, sent again when they change.
//!
//! One task renders for everybody: it starts with the first listener and ends with the last.

use super::{Shared, page, stopped};
use axum::extract::State;
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

/// Ages grow without anything happening.
const REFRESHED_AT_LEAST_EVERY: Duration = Duration::from_secs(5);

const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The newest parts and who listens.
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
pub async fn stream(State(shared): State<Shared>) -> Response {
    let Ok(place) = Arc::clone(&shared.live.room).try_acquire_owned() else {
        let advice = "Too many pages are open; close some.\n";
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "15")], advice).into_response();
    };
    let listener = Listener { parts: listen(&shared), stop: shared.stop, _place: place };
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Sse::new(stream::unfold(listener, next)).keep_alive(keep_alive).into_response()
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
        let parts = shared.gatherer.ask(move |gatherer| page::parts(gatherer, &looks)).await;
        if let Some(Ok(parts)) = parts {
            shared.live.parts.send_if_modified(|sent| {
                let is_new = **sent != *parts;
                if is_new {
                    *sent = parts.into();
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
