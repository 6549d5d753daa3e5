//! Aggregates as rows: the only file that knows how they look on disk, events apart.

mod promise;
mod station;

use crate::contract;
use crate::domain::carrier::Collection;
use crate::domain::code::Values;
use crate::domain::decide::LastScan;
use crate::domain::event::{Event, Item, Kind};
use crate::domain::manifest::Manifest;
use crate::domain::notice::{Milestone, Told};
use crate::domain::order::{Done, Order, Parcel, ParcelState, Progress, PutBack, State, Terms};
use crate::domain::returns::{Return, ReturnState};
use crate::domain::signal::Signal;
use crate::domain::sscc::Sscc;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ops::Not;
use std::sync::Arc;

pub use promise::{read_standing, standing};
use station::FoundRow;
pub use station::{read_station, station};

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
    /// Short per line; none where nothing is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    s: Vec<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    p: Vec<ParcelRow>,
    /// The state in which it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    h: Option<usize>,
    #[serde(default, skip_serializing_if = "Not::not")]
    x: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    o: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    b: Vec<PutBackRow>,
    /// Numbers of parcels that were taken apart, and how often they had been asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    a: Vec<(u32, u32)>,
    /// What the customer was told: milestone, parcel (0: the order), revision, fingerprint. None: nobody kept account.
    #[serde(default)]
    w: Option<Vec<(usize, u32, u32, u32)>>,
}

#[derive(Serialize, Deserialize)]
struct PutBackRow {
    line: String,
    sku: String,
    name: String,
    codes: Vec<String>,
    units: u32,
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    v: Vec<(usize, ValuesRow)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    k: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    g: Option<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    n: u32,
    #[serde(default, skip_serializing_if = "Not::not")]
    void: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ValuesRow {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    s: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    l: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    e: Option<Date>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    w: Option<u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[derive(Serialize, Deserialize)]
struct ScannerRow<'a> {
    text: Cow<'a, str>,
    counted: bool,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    signal: Cow<'a, str>,
    /// The agent died after it: nobody knows whether its answer was heard.
    #[serde(default, skip_serializing_if = "Not::not")]
    doubtful: bool,
}

#[derive(Serialize, Deserialize)]
struct ManifestRow {
    loaded: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    collection: Option<(String, Timestamp, Timestamp)>,
    /// `uptime_s` at which it was closed: retention looks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closed_s: Option<u64>,
}

pub fn terms(terms: &Terms) -> Result<String, serde_json::Error> {
    contract::event::encode(&Event::OrderAccepted { terms: Arc::new(terms.clone()) })
}

/// What stands in the column `state` of an order that is held: none of its own states, so nobody finds it as work.
pub const HELD: usize = 100;

/// The column `state` of an order.
pub fn listed_state(progress: &Progress) -> usize {
    if progress.held { HELD } else { progress.state as usize }
}

pub fn progress(progress: &Progress) -> Result<String, serde_json::Error> {
    let parcel = |parcel: &Parcel| ParcelRow {
        s: parcel.sscc.map(|sscc| sscc.0),
        t: parcel.state as usize,
        c: parcel.contents.clone(),
        d: parcel.dispatch.as_deref().map(str::to_owned),
        r: parcel.dispatch_revision,
        m: parcel.manifest.as_deref().map(str::to_owned),
        v: parcel.recorded.iter().map(|(line, values)| (*line, values.into())).collect(),
        k: parcel.collection.as_deref().map(str::to_owned),
        g: parcel.tracking.as_deref().map(str::to_owned),
        n: parcel.label_revision,
        void: parcel.void,
        at: parcel.place.as_deref().map(str::to_owned),
    };
    let goods = |goods: &PutBack| PutBackRow {
        line: goods.item.line.to_string(),
        sku: goods.item.sku.to_string(),
        name: goods.item.name.as_ref().to_owned(),
        codes: goods.codes.iter().map(ToString::to_string).collect(),
        units: goods.units,
    };
    let told = |told: &Told| (told.milestone as usize, told.parcel.unwrap_or_default(), told.revision, told.said);
    let any_short = progress.lines.iter().any(|done| 0 < done.short);
    serde_json::to_string(&ProgressRow {
        l: progress.lines.iter().map(|done| (done.picked, done.packed)).collect(),
        s: progress.lines.iter().filter(|_| any_short).map(|done| done.short).collect(),
        p: progress.parcels.iter().map(parcel).collect(),
        h: progress.held.then_some(progress.state as usize),
        x: progress.expedited,
        o: progress.tote.as_deref().map(str::to_owned),
        b: progress.put_back.iter().map(goods).collect(),
        a: progress.taken_apart.clone(),
        w: Some(progress.told.iter().map(told).collect()),
    })
}

pub fn order(terms: &str, state: usize, body: &str) -> Result<Order, Damaged> {
    let damaged = |why: String| Damaged { table: "orders", why };
    let kind = Kind::OrderAccepted;
    let accepted = contract::event::decode(kind, terms).map_err(|error| damaged(error.to_string()))?;
    let Event::OrderAccepted { terms } = accepted else {
        return Err(damaged("terms of another kind".into()));
    };
    let row: ProgressRow = serde_json::from_str(body).map_err(|error| damaged(error.to_string()))?;
    let state = row.h.unwrap_or(state);
    let state = State::WORDS.get(state).ok_or_else(|| damaged(format!("state {state}")))?.1;
    if row.l.len() != terms.lines.len() {
        return Err(damaged(format!("{} lines, progress of {}", terms.lines.len(), row.l.len())));
    }
    let short = row.s.into_iter().chain(std::iter::repeat(0));
    let lines = row.l.into_iter().zip(short).map(|((picked, packed), short)| Done { picked, packed, short }).collect();
    let parcels = row.p.into_iter().zip(1..).map(|(row, n)| parcel(n, row)).collect::<Option<Vec<_>>>();
    let goods = |row: PutBackRow| PutBack {
        item: Item { line: row.line.as_str().into(), sku: row.sku.as_str().into(), name: row.name.into() },
        codes: row.codes.iter().map(|code| code.as_str().into()).collect(),
        units: row.units,
    };
    let accounted = row.w.is_some();
    let told = row.w.into_iter().flatten().map(told).collect::<Option<Vec<_>>>();
    let progress = Progress {
        state,
        held: row.h.is_some(),
        expedited: row.x,
        tote: row.o.map(|tote| tote.as_str().into()),
        lines,
        parcels: parcels.ok_or_else(|| damaged("parcel state".into()))?,
        taken_apart: row.a,
        put_back: row.b.into_iter().map(goods).collect(),
        told: told.ok_or_else(|| damaged("milestone".into()))?,
    };
    let mut order = Order { terms, progress };
    if !accounted {
        order.presume_told();
    }
    Ok(order)
}

fn told((milestone, parcel, revision, said): (usize, u32, u32, u32)) -> Option<Told> {
    let milestone = Milestone::WORDS.get(milestone)?.1;
    Some(Told { milestone, parcel: (parcel != 0).then_some(parcel), revision, said })
}

fn parcel(n: u32, row: ParcelRow) -> Option<Parcel> {
    Some(Parcel {
        n,
        sscc: row.s.map(Sscc),
        state: ParcelState::WORDS.get(row.t)?.1,
        contents: row.c,
        recorded: row.v.into_iter().map(|(line, values)| (line, values.into())).collect(),
        dispatch: row.d.map(|key| key.as_str().into()),
        collection: row.k.map(|id| id.as_str().into()),
        dispatch_revision: row.r,
        manifest: row.m.map(|id| id.as_str().into()),
        tracking: row.g.map(Into::into),
        label_revision: row.n,
        void: row.void,
        place: row.at.map(|id| id.as_str().into()),
    })
}

impl From<&Values> for ValuesRow {
    fn from(values: &Values) -> Self {
        Self {
            s: values.serial.as_deref().map(str::to_owned),
            l: values.lot.as_deref().map(str::to_owned),
            e: values.expiry,
            w: values.weight_g,
        }
    }
}

impl From<ValuesRow> for Values {
    fn from(row: ValuesRow) -> Self {
        Self { serial: row.s.map(Into::into), lot: row.l.map(Into::into), expiry: row.e, weight_g: row.w }
    }
}

/// A frame that is no text is kept with its broken characters replaced: it never counted, and is only ever compared
/// with itself.
pub fn scanner(last: &LastScan) -> Result<String, serde_json::Error> {
    let signal = last.signal.word().into();
    let (text, counted, doubtful) = (String::from_utf8_lossy(&last.text), last.counted, last.doubtful);
    serde_json::to_string(&ScannerRow { text, counted, signal, doubtful })
}

fn scanner_row(text: &str) -> Result<ScannerRow<'_>, Damaged> {
    serde_json::from_str(text).map_err(|error| Damaged { table: "slate", why: error.to_string() })
}

/// The same row of a scanner whose last answer may not have been heard.
pub fn doubted(text: &str) -> Result<String, Damaged> {
    let row = ScannerRow { doubtful: true, ..scanner_row(text)? };
    serde_json::to_string(&row).map_err(|error| Damaged { table: "slate", why: error.to_string() })
}

pub fn read_scanner(text: &str) -> Result<LastScan, Damaged> {
    let row = scanner_row(text)?;
    let fallback = if row.counted { Signal::Accepted } else { Signal::Unknown };
    Ok(LastScan {
        text: row.text.as_bytes().into(),
        signal: Signal::ALL.into_iter().find(|signal| signal.word() == row.signal).unwrap_or(fallback),
        counted: row.counted,
        since_start: None,
        doubtful: row.doubtful,
    })
}

/// What was announced of a return, and what was found.
pub fn returned(known: &Return) -> Result<(String, String), serde_json::Error> {
    let terms = contract::event::encode(&Event::ReturnAuthorized { terms: Box::new(known.clone()) })?;
    let found: Vec<FoundRow> = known.found.iter().map(|(item, condition)| FoundRow::new(item, *condition)).collect();
    Ok((terms, serde_json::to_string(&(known.authorized, found))?))
}

pub fn read_returned(state: usize, terms: &str, found: &str) -> Result<Return, Damaged> {
    let damaged = |why: String| Damaged { table: "returns", why };
    let decoded = contract::event::decode(Kind::ReturnAuthorized, terms).map_err(|error| damaged(error.to_string()))?;
    let Event::ReturnAuthorized { terms } = decoded else {
        return Err(damaged("terms of another kind".into()));
    };
    let (authorized, rows): (bool, Vec<FoundRow>) =
        serde_json::from_str(found).map_err(|error| damaged(error.to_string()))?;
    let state = ReturnState::WORDS.get(state).ok_or_else(|| damaged(format!("state {state}")))?.1;
    let found = rows.into_iter().map(FoundRow::into_domain).collect::<Option<_>>();
    let found = found.ok_or_else(|| damaged("condition".into()))?;
    Ok(Return { authorized, state, found, ..*terms })
}

pub fn manifest(manifest: &Manifest, uptime_s: u64) -> Result<String, serde_json::Error> {
    let closed_s = manifest.closed.then_some(uptime_s);
    let collection = manifest.collection.as_ref().map(|c| (c.id.to_string(), c.at, c.cut_off));
    serde_json::to_string(&ManifestRow { loaded: manifest.loaded, collection, closed_s })
}

pub fn read_manifest(id: &str, carrier: &str, closed: bool, body: &str) -> Result<Manifest, Damaged> {
    let row: ManifestRow =
        serde_json::from_str(body).map_err(|error| Damaged { table: "manifests", why: error.to_string() })?;
    let collection = row.collection.map(|(id, at, cut_off)| Collection { id: id.as_str().into(), at, cut_off });
    Ok(Manifest { id: id.into(), carrier: carrier.into(), collection, closed, loaded: row.loaded })
}
