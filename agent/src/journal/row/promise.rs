//! How an order stands with its promise, as a row.

use super::Damaged;
use crate::domain::carrier::Collection;
use crate::domain::order::Promise;
use crate::domain::promise::{Basis, Course, Standing, Target, Told, Trouble};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::ops::Not;

#[derive(Serialize, Deserialize)]
struct StandingRow {
    at: Timestamp,
    cut_off: Timestamp,
    due: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    collection: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
    #[serde(default, skip_serializing_if = "Not::not")]
    broken: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<ToldRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    carrier: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ship_by: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deliver_from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deliver_by: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct ToldRow {
    #[serde(default, skip_serializing_if = "Not::not")]
    restored: bool,
    /// Nobody could tell when.
    #[serde(default, skip_serializing_if = "Not::not")]
    open: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ship_by: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deliver_from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deliver_by: Option<Timestamp>,
}

/// The column `course`, and the body.
pub fn standing(standing: &Standing) -> Result<(usize, String), serde_json::Error> {
    let told = |told: &Told| {
        let Promise { ship_by, deliver_from, deliver_by } = told.promise.clone().unwrap_or_default();
        ToldRow { restored: told.restored, open: told.promise.is_none(), ship_by, deliver_from, deliver_by }
    };
    let Target { collection, at, cut_off } = &standing.target;
    let body = serde_json::to_string(&StandingRow {
        at: *at,
        cut_off: *cut_off,
        due: standing.due,
        collection: collection.as_ref().map(|collection| collection.id.to_string()),
        trouble: standing.trouble.map(|trouble| trouble.word().to_owned()),
        broken: standing.broken,
        told: standing.told.as_ref().map(told),
        carrier: standing.basis.carrier.as_deref().map(str::to_owned),
        ship_by: standing.basis.ship_by,
        deliver_from: standing.basis.deliver_from,
        deliver_by: standing.basis.deliver_by,
    })?;
    Ok((standing.course as usize, body))
}

pub fn read_standing(course: usize, body: &str) -> Result<Standing, Damaged> {
    let damaged = |why: String| Damaged { table: "promises", why };
    let row: StandingRow = serde_json::from_str(body).map_err(|error| damaged(error.to_string()))?;
    let course = Course::WORDS.get(course).ok_or_else(|| damaged(format!("course {course}")))?.1;
    let trouble = match row.trouble {
        Some(word) => Some(Trouble::named(&word).ok_or_else(|| damaged(format!("trouble {word:?}")))?),
        None => None,
    };
    let told = |row: ToldRow| {
        let ToldRow { ship_by, deliver_from, deliver_by, .. } = row;
        let promise = (!row.open).then_some(Promise { ship_by, deliver_from, deliver_by });
        Told { promise, restored: row.restored }
    };
    let (at, cut_off) = (row.at, row.cut_off);
    let collection = row.collection.map(|id| Collection { id: id.as_str().into(), at, cut_off });
    Ok(Standing {
        target: Target { collection, at, cut_off },
        due: row.due,
        course,
        trouble,
        broken: row.broken,
        told: row.told.map(told),
        basis: Basis {
            carrier: row.carrier.map(|carrier| carrier.as_str().into()),
            ship_by: row.ship_by,
            deliver_from: row.deliver_from,
            deliver_by: row.deliver_by,
        },
    })
}
