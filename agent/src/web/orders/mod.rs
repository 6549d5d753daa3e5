//! The pages of orders: the list, and one with its history.

mod list;
mod one;
mod words;

pub use list::{Wanted, make as list};
pub use one::{Older, make as one};

use super::Shared;
use super::frame::Page;
use super::guard::Visitor;
use super::look::{Light, Looks, Sight, lamp, quiet};
use crate::report::orders::{OrderTold, OrdersPage, TargetSeen};
use crate::report::{Gatherer, State};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State as Extract};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use words::Words;

/// `GET /orders`
pub async fn show_list(
    Extract(shared): Extract<Shared>,
    visitor: Visitor,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    match wanted {
        Ok(Query(wanted)) => Page::Orders(wanted).show(shared, &visitor).await,
        Err(_) => (StatusCode::BAD_REQUEST, "Write it like this: /orders?q=10042&from=0\n").into_response(),
    }
}

/// `GET /orders/{id}`
pub async fn show_one(
    Extract(shared): Extract<Shared>,
    visitor: Visitor,
    Path(id): Path<String>,
    wanted: Result<Query<Older>, QueryRejection>,
) -> Response {
    match wanted {
        Ok(Query(wanted)) => Page::Order { id, wanted }.show(shared, &visitor).await,
        Err(_) => (StatusCode::BAD_REQUEST, "Write it like this: /orders/10042?before=4711\n").into_response(),
    }
}

/// `GET /api/v1/orders`: the same as a value.
pub async fn tell_list(Extract(shared): Extract<Shared>, wanted: Result<Query<Wanted>, QueryRejection>) -> Response {
    let Ok(Query(wanted)) = wanted else {
        let advice = "Write it like this: /api/v1/orders?q=10042&show=open&from=0\n";
        return (StatusCode::BAD_REQUEST, advice).into_response();
    };
    let orders = move |gatherer: &Gatherer| -> Result<OrdersPage, String> { wanted.look_up(gatherer) };
    match shared.gatherer.ask(orders).await {
        Some(Ok(page)) => Json(page).into_response(),
        Some(Err(why)) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("the orders can't be read: {why}\n")).into_response()
        }
        None => (StatusCode::INTERNAL_SERVER_ERROR, "the orders can't be read\n").into_response(),
    }
}

/// `GET /api/v1/orders/{id}`: the order by its id or number, and its events.
pub async fn tell_one(
    Extract(shared): Extract<Shared>,
    Path(id): Path<String>,
    wanted: Result<Query<Older>, QueryRejection>,
) -> Response {
    let Ok(Query(wanted)) = wanted else {
        let advice = "Write it like this: /api/v1/orders/10042?before=4711\n";
        return (StatusCode::BAD_REQUEST, advice).into_response();
    };
    let told = move |gatherer: &Gatherer| {
        let (order, history) = one::look_up(gatherer, &id, wanted)?;
        OrderTold::new(order, &history)
    };
    match shared.gatherer.ask(told).await {
        Some(Ok(told)) if told.order.is_none() && told.events.is_empty() && told.before.is_none() => {
            (StatusCode::NOT_FOUND, "no order has that id or number\n").into_response()
        }
        Some(Ok(told)) => Json(told).into_response(),
        Some(Err(error)) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("the order can't be read: {error}\n")).into_response()
        }
        None => (StatusCode::INTERNAL_SERVER_ERROR, "the order can't be read\n").into_response(),
    }
}

/// How an order stands with its promise.
fn course(words: &'static Words, target: &TargetSeen) -> Light {
    let word = words.courses.get(target.course.as_str()).copied().unwrap_or_default();
    match target.course.as_str() {
        "on_track" => Light { word, ..lamp(State::Well) },
        "at_risk" => Light { word, ..lamp(State::Attention) },
        "will_miss" => Light { word, ..lamp(State::Stopped) },
        _ => quiet(word),
    }
}

/// A word of the contract in the language, or itself.
fn called<'w>(names: &std::collections::BTreeMap<&'static str, &'static str>, word: &'w str) -> &'w str {
    names.get(word).copied().unwrap_or(word)
}

/// When the list or the order was looked at.
fn sight<'a>(gatherer: &Gatherer, looks: &'a Looks) -> Sight<'a> {
    Sight::new(looks, gatherer.now())
}
