//! Aggregates as rows: the only file that knows how they look on disk, events apart.

use crate::contract;
use crate::domain::carrier::Collection;
use crate::domain::code::Scan;
use crate::domain::decide::LastScan;
use crate::domain::manifest::Manifest;
use crate::domain::name::{ManifestId, OrderId, StationId};
use crate::domain::order::{Done, Order, Parcel, ParcelState, Progress, State, Terms};
use crate::domain::signal::Signal;
use crate::domain::sscc::Sscc;
use crate::domain::station::{Mode, Station, Work};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A row that this version can't read: the file is damaged.
#[derive(Debug, thiserror::Error)]
#[error("a row of {table} can't be read: {why}")]
pub struct Damaged {
    pub table: &'static str,
    pub why: String,
}

#[derive(Serialize, Deserialize)]
struct ProgressRow {
    /// Picked and packed per line.
    l: Vec<(u32, u32)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    p: Vec<ParcelRow>,
}

#[derive(Serialize, Deserialize)]
struct ParcelRow {
    s: Option<u64>,
    t: usize,
    c: Vec<(usize, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    d: Option<String>,
    r: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    m: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StationRow {
    mode: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    manifest: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    hand_over_asked: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    put_down: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ScannerRow<'a> {
    text: std::borrow::Cow<'a, str>,
    counted: bool,
}

#[derive(Serialize, Deserialize)]
struct ManifestRow {
    loaded: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    collection: Option<(String, Timestamp, Timestamp)>,
}

pub fn terms(terms: &Terms) -> Result<String, serde_json::Error> {
    contract::event::encode(&crate::domain::event::Event::OrderAccepted { terms: Arc::new(terms.clone()) })
}

pub fn progress(progress: &Progress) -> Result<String, serde_json::Error> {
    let parcel = |parcel: &Parcel| ParcelRow {
        s: parcel.sscc.map(|sscc| sscc.0),
        t: parcel.state as usize,
        c: parcel.contents.clone(),
        d: parcel.dispatch.as_deref().map(str::to_owned),
        r: parcel.dispatch_revision,
        m: parcel.manifest.as_deref().map(str::to_owned),
    };
    serde_json::to_string(&ProgressRow {
        l: progress.lines.iter().map(|done| (done.picked, done.packed)).collect(),
        p: progress.parcels.iter().map(parcel).collect(),
    })
}

pub fn order(terms: &str, state: usize, body: &str) -> Result<Order, Damaged> {
    let damaged = |why: String| Damaged { table: "orders", why };
    let kind = crate::domain::event::Kind::OrderAccepted;
    let accepted = contract::event::decode(kind, terms).map_err(|error| damaged(error.to_string()))?;
    let crate::domain::event::Event::OrderAccepted { terms } = accepted else {
        return Err(damaged("terms of another kind".into()));
    };
    let row: ProgressRow = serde_json::from_str(body).map_err(|error| damaged(error.to_string()))?;
    let state = State::WORDS.get(state).ok_or_else(|| damaged(format!("state {state}")))?.1;
    if row.l.len() != terms.lines.len() {
        return Err(damaged(format!("{} lines, progress of {}", terms.lines.len(), row.l.len())));
    }
    let lines = row.l.into_iter().map(|(picked, packed)| Done { picked, packed }).collect();
    let parcels = row.p.into_iter().zip(1..).map(|(row, n)| parcel(n, row)).collect::<Option<Vec<_>>>();
    let parcels = parcels.ok_or_else(|| damaged("parcel state".into()))?;
    Ok(Order { terms, progress: Progress { state, lines, parcels } })
}

fn parcel(n: u32, row: ParcelRow) -> Option<Parcel> {
    Some(Parcel {
        n,
        sscc: row.s.map(Sscc),
        state: ParcelState::WORDS.get(row.t)?.1,
        contents: row.c,
        dispatch: row.d.map(|key| key.as_str().into()),
        dispatch_revision: row.r,
        manifest: row.m.map(|id| id.as_str().into()),
    })
}

pub fn station(station: &Station) -> Result<String, serde_json::Error> {
    let (order, manifest, hand_over_asked) = match &station.work {
        Work::Idle => (None, None, false),
        Work::Order(order) => (Some(order.to_string()), None, false),
        Work::Manifest { id, hand_over_asked } => (None, Some(id.to_string()), *hand_over_asked),
    };
    let put_down = station.put_down.as_deref().map(str::to_owned);
    serde_json::to_string(&StationRow { mode: station.mode.word().into(), order, manifest, hand_over_asked, put_down })
}

pub fn read_station(id: StationId, text: &str) -> Result<Station, Damaged> {
    let damaged = |why: String| Damaged { table: "slate", why };
    let row: StationRow = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
    let mode = Mode::named(&row.mode).ok_or_else(|| damaged(format!("mode {}", row.mode)))?;
    let work = match (row.order, row.manifest) {
        (Some(order), _) => Work::Order(OrderId::from(order.as_str())),
        (None, Some(id)) => Work::Manifest { id: ManifestId::from(id.as_str()), hand_over_asked: row.hand_over_asked },
        (None, None) => Work::Idle,
    };
    Ok(Station { id, mode, work, put_down: row.put_down.map(|id| id.as_str().into()) })
}

/// Only text that counted is ever compared after a restart, and that is never broken UTF-8.
pub fn scanner(scan: &Scan, counted: bool) -> Result<String, serde_json::Error> {
    serde_json::to_string(&ScannerRow { text: String::from_utf8_lossy(&scan.text), counted })
}

pub fn read_scanner(text: &str, doubtful: bool) -> Result<LastScan, Damaged> {
    let row: ScannerRow<'_> =
        serde_json::from_str(text).map_err(|error| Damaged { table: "slate", why: error.to_string() })?;
    Ok(LastScan {
        text: row.text.as_bytes().into(),
        signal: if row.counted { Signal::Accepted } else { Signal::Unknown },
        counted: row.counted,
        since_start: None,
        doubtful,
    })
}

pub fn manifest(manifest: &Manifest) -> Result<String, serde_json::Error> {
    let collection = manifest.collection.as_ref().map(|c| (c.id.to_string(), c.at, c.cut_off));
    serde_json::to_string(&ManifestRow { loaded: manifest.loaded, collection })
}

pub fn read_manifest(id: &str, carrier: &str, closed: bool, body: &str) -> Result<Manifest, Damaged> {
    let row: ManifestRow =
        serde_json::from_str(body).map_err(|error| Damaged { table: "manifests", why: error.to_string() })?;
    let collection = row.collection.map(|(id, at, cut_off)| Collection { id: id.as_str().into(), at, cut_off });
    Ok(Manifest { id: id.into(), carrier: carrier.into(), collection, closed, loaded: row.loaded })
}
