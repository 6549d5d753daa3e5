//! Touches: a word of the page is translated here into what its barcode means.

use crate::screen::Touch;
use crate::web::Shared;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::time::Duration;

/// A storage that takes longer than this has an alarm of its own.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// `POST /station/{id}/tap`: the body is the word. What became of it comes over the stream, as for every scan.
pub async fn tap(State(shared): State<Shared>, Path(id): Path<String>, word: String) -> Response {
    if shared.stations.seat(&id).is_none_or(|seat| !seat.screen) {
        return (StatusCode::NOT_FOUND, "There is no such station with a screen.\n").into_response();
    }
    let Some(touch) = Touch::named(&word) else {
        return (StatusCode::BAD_REQUEST, "That is no command of a station's screen.\n").into_response();
    };
    let floor = shared.stations.floor().clone();
    // The writer's queue may be full: nobody else waits for that.
    let asked = tokio::task::spawn_blocking(move || floor.tap(&id, touch.meaning(), &touch.text()));
    let answered = async {
        match asked.await {
            Ok(Ok(answer)) => match answer.await {
                Ok(answer) => (StatusCode::OK, format!("{}\n", answer.signal.word())).into_response(),
                Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "The agent is stopping.\n").into_response(),
            },
            Ok(Err(unknown)) => (StatusCode::NOT_FOUND, format!("{unknown}\n")).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    };
    let late = || (StatusCode::SERVICE_UNAVAILABLE, "No answer in time.\n").into_response();
    tokio::time::timeout(ANSWERED_WITHIN, answered).await.unwrap_or_else(|_| late())
}
