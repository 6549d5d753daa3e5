//! The stream of one screen: every answer of its station as it is given, everything else when it changes.
//!
//! An answer is never put together with another one; only a listener that reads too slowly is taken to the newest. The
//! message's id is the answer's number. A heartbeat tells a screen that has heard nothing for five seconds that it is
//! alone.

use super::{Seat, fragment};
use crate::floor::status::Answered;
use crate::report::gather::Changes;
use crate::web::guard::Visitor;
use crate::web::{Shared, stopped};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast};
use tokio::time::{Interval, MissedTickBehavior, Sleep};

/// Screens at once: a site has few, and some are looked at twice.
pub const STREAMS_MAX: usize = 32;

const HEARTBEAT: Duration = Duration::from_secs(2);

/// Heartbeats after which the screen is looked at although nothing happened: minutes pass.
const HEARTBEATS_TO_A_LOOK: u32 = 5;

/// What is no answer waits for so long, together with what comes after it.
const CHANGES_TOGETHER: Duration = Duration::from_millis(250);

/// `GET /station/{id}/live`
pub async fn stream(State(shared): State<Shared>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let Some(seat) = shared.stations.seat(&id).filter(|seat| seat.screen).cloned() else {
        return (StatusCode::NOT_FOUND, "There is no such station with a screen.\n").into_response();
    };
    let Ok(place) = Arc::clone(&shared.stations.room[usize::from(visitor.is_on_board)]).try_acquire_owned() else {
        let advice = "Too many screens are open; close some.\n";
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "15")], advice).into_response();
    };
    let mut beat = tokio::time::interval(HEARTBEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let answers = shared.stations.floor().answers();
    let changes = shared.gatherer.changes();
    let listener = Listener { seat, answers, changes, beat, beats: 0, due: None, sent: None, shared, _place: place };
    Sse::new(stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    }))
    .into_response()
}

struct Listener {
    seat: Seat,
    answers: broadcast::Receiver<Arc<Answered>>,
    changes: Changes,
    beat: Interval,
    beats: u32,
    /// When what has changed is looked at.
    due: Option<Pin<Box<Sleep>>>,
    /// The screen that was sent last, but for its time.
    sent: Option<String>,
    shared: Shared,
    _place: OwnedSemaphorePermit,
}

/// What wakes a listener.
enum Woken {
    Answer(Arc<Answered>),
    /// The screen is looked at as it is now.
    Look,
    Beat,
    End,
}

impl Listener {
    async fn next(&mut self) -> Option<Event> {
        loop {
            let woken = if self.sent.is_none() { Woken::Look } else { self.wake().await };
            match woken {
                Woken::End => return None,
                Woken::Beat => return Some(self.heartbeat()),
                Woken::Answer(answer) => {
                    if let Some(event) = self.screen(Some(answer)).await {
                        return Some(event);
                    }
                }
                Woken::Look => {
                    let is_first = self.sent.is_none();
                    if let Some(event) = self.screen(None).await {
                        return Some(event);
                    }
                    if is_first {
                        return None;
                    }
                }
            }
        }
    }

    /// Answers come before everything else.
    async fn wake(&mut self) -> Woken {
        loop {
            let changes_wanted = self.due.is_none();
            tokio::select! {
                biased;
                () = stopped(self.shared.stop.clone()) => return Woken::End,
                answer = self.answers.recv() => match answer {
                    Ok(answer) if answer.station == self.seat.id => return Woken::Answer(answer),
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => {
                        // The newest is in the floor's memory.
                        self.answers = self.answers.resubscribe();
                        return Woken::Look;
                    }
                    Err(RecvError::Closed) => return Woken::End,
                },
                () = self.changes.wait(), if changes_wanted => {
                    self.due = Some(Box::pin(tokio::time::sleep(CHANGES_TOGETHER)));
                }
                () = passed(&mut self.due), if !changes_wanted => {
                    self.due = None;
                    return Woken::Look;
                }
                _ = self.beat.tick() => {
                    self.beats += 1;
                    if self.beats.is_multiple_of(HEARTBEATS_TO_A_LOOK) && self.due.is_none() {
                        self.due = Some(Box::pin(tokio::time::sleep(Duration::ZERO)));
                    }
                    return Woken::Beat;
                }
            }
        }
    }

    fn heartbeat(&self) -> Event {
        Event::default().event("beat").data(self.shared.stations.now().as_millisecond().to_string())
    }

    /// The screen at `answer` or now; none where nothing else is to be seen on it.
    async fn screen(&mut self, answer: Option<Arc<Answered>>) -> Option<Event> {
        let (stations, seat) = (Arc::clone(&self.shared.stations), self.seat.clone());
        let language = self.shared.looks.language;
        let is_answer = answer.is_some();
        let seen = self.shared.gatherer.ask(move |gatherer| {
            let (screen, now) = stations.look(&seat, answer.as_deref(), gatherer, language);
            let html = fragment(&screen, language, &gatherer.about().version, now).ok()?;
            Some((screen.number, screen, html))
        });
        let (number, screen, html) = seen.await??;
        let said = format!("{screen:?}");
        if !is_answer && self.sent.as_ref() == Some(&said) {
            return None;
        }
        self.sent = Some(said);
        Some(Event::default().event("screen").id(number.to_string()).data(html))
    }
}

async fn passed(due: &mut Option<Pin<Box<Sleep>>>) {
    match due {
        Some(due) => due.await,
        None => std::future::pending().await,
    }
}
