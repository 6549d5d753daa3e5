//! Commands as rows: what is stored, what is told, and what becomes of it.

use super::{Change, Rejection, Slot, authorize, expedite, hold};
use crate::domain::code::{Cause, Condition, Values};
use crate::domain::dispatch::{Desk, Gone, Serials};
use crate::domain::event::{Event, Item, Known, KnownParcel, Method, OrderRef};
use crate::domain::order::{Done, Illegal, Order, State, Terms};
use crate::domain::returns::{Return, ReturnLine, ReturnState, Returned};
use crate::domain::rules::Rules;
use crate::domain::sscc::Sscc;
use crate::domain::text::terms;
use proptest::prelude::*;
use std::sync::Arc;

mod history;
mod known;
mod label;
mod put;
mod returns;
mod stop;

fn rules() -> Rules {
    Rules::of_nothing()
}

fn desk(rules: &Rules) -> Desk<'_> {
    static GONE: Gone = Gone::new();
    Desk { rules, now: "2026-11-22T08:00:00Z".parse().unwrap(), clock_trusted: true, gone: &GONE }
}

fn put(slot: &Slot, terms: Terms, known: Option<Known>) -> Result<Change, Rejection> {
    let rules = rules();
    super::put(slot, terms, known, desk(&rules), &mut Serials::from(&rules.company_prefix, 100))
}

fn cancel(slot: &Slot, revision: u32, cause: &str, notify: bool) -> Result<Change, Rejection> {
    super::cancel(slot, revision, cause, notify, desk(&rules()))
}

fn label(slot: &Slot, n: u32, tracking: Option<&str>, revision: u32) -> Result<Change, Rejection> {
    super::label(slot, n, tracking, revision, desk(&rules()))
}

fn release(slot: &Slot, revision: u32) -> Result<Change, Rejection> {
    super::release(slot, revision, desk(&rules()))
}

/// The order of `text` after `work`: `pick A`, `unit A` (picked and packed), `short A`, `picked`, `seal`, `finish`,
/// `ready 1`, `load 1`, `gone 1`, `hold`, `aside`.
fn order(text: &str, work: &str) -> Order {
    let mut order = Order::accept(Arc::new(terms(text)));
    for step in work.split(',').map(str::trim).filter(|step| !step.is_empty()) {
        work_on(&mut order, step).unwrap_or_else(|illegal| panic!("{work}: {illegal}"));
    }
    order
}

fn work_on(order: &mut Order, step: &str) -> Result<(), Illegal> {
    match step.split_once(' ') {
        Some(("pick", line)) => pick(order, line),
        Some(("unit", line)) => pack(order, line),
        Some(("short", line)) => short(order, line),
        Some(("ready", n)) => ready(order, n),
        Some(("load", n)) => load(order, n),
        Some(("gone", n)) => hand_over(order, n),
        _ => match step {
            "aside" => {
                order.set_aside();
                Ok(())
            }
            "hold" => order.apply(&Event::OrderHeld { order: order.reference(), cause: "payment".into() }),
            "picked" => order.apply(&Event::PickCompleted { order: order.reference(), picked: 0, wanted: 0 }),
            "pack" => order.apply(&Event::PackStarted { order: order.reference(), units: 0, tote: None }),
            _ => close(order, step),
        },
    }
}

fn item(order: &Order, line: &str) -> Item {
    let wanted = |line| 0 < order.missing(line);
    order
        .line_for(line, None, wanted)
        .map_or_else(|| Item { line: line.into(), sku: line.into(), name: line.into() }, |line| order.item(line))
}

fn pick(order: &mut Order, line: &str) -> Result<(), Illegal> {
    if order.progress.state == State::Accepted {
        order.apply(&Event::PickStarted { order: order.reference(), units: 0, tote: None })?;
    }
    let (order_ref, item, code) = (order.reference(), item(order, line), line.into());
    let stock = Default::default();
    order.apply(&Event::ItemPicked { order: order_ref, item, code, method: Method::Scan, picked: 1, wanted: 1, stock })
}

fn pack(order: &mut Order, line: &str) -> Result<(), Illegal> {
    if order.progress.state == State::Accepted {
        order.apply(&Event::PackStarted { order: order.reference(), units: 0, tote: None })?;
    }
    let (reference, item, parcel) = (order.reference(), item(order, line), order.packing_into());
    pick(order, line)?;
    let values = Default::default();
    order.apply(&Event::ItemPacked { order: reference, item, parcel, packed: 1, wanted: 1, values })
}

fn short(order: &mut Order, line: &str) -> Result<(), Illegal> {
    let (reference, item) = (order.reference(), item(order, line));
    order.apply(&Event::ItemShort {
        order: reference,
        item,
        quantity: 1,
        cause: Cause::Other,
        picked: 0,
        wanted: 0,
        delta: 0,
        stock: Default::default(),
    })
}

fn close(order: &mut Order, step: &str) -> Result<(), Illegal> {
    let parcels = order.progress.parcels.len() as u32;
    if order.open_parcel().is_some() {
        let (order_ref, sscc) = (order.reference(), Sscc(u64::from(parcels)));
        let (contents, weight_g) = (Vec::new(), None);
        order.apply(&Event::ParcelSealed { order: order_ref, parcel: parcels, sscc, contents, weight_g })?;
        if let Some(requested) = desk(&rules()).request(order, parcels, None) {
            order.apply(&requested)?;
        }
    }
    match step {
        "finish" => {
            order.apply(&Event::PackCompleted { order: order.reference(), parcels })?;
            complete(order)
        }
        _ => Ok(()),
    }
}

fn sscc(order: &Order, n: u32) -> Sscc {
    order.parcel(n).and_then(|parcel| parcel.sscc).unwrap_or(Sscc(0))
}

fn ready(order: &mut Order, n: &str) -> Result<(), Illegal> {
    let parcel = n.parse().unwrap();
    let (sscc, place) = (sscc(order, parcel), "C-1".into());
    order.apply(&Event::ParcelReady { order: order.reference(), parcel, of: None, sscc, place })
}

fn load(order: &mut Order, n: &str) -> Result<(), Illegal> {
    let parcel = n.parse().unwrap();
    let (sscc, carrier, manifest) = (sscc(order, parcel), "dhl".into(), "dhl#1".into());
    order.apply(&Event::ParcelLoaded { order: order.reference(), parcel, sscc, carrier, manifest, loaded: 1 })
}

fn hand_over(order: &mut Order, n: &str) -> Result<(), Illegal> {
    load(order, n)?;
    let parcel: u32 = n.parse().unwrap();
    let gone = Event::HandedOver {
        order: order.reference(),
        parcel,
        of: None,
        sscc: sscc(order, parcel),
        carrier: "dhl".into(),
        service: None,
        tracking: None,
        manifest: "dhl#1".into(),
        key: None,
    };
    order.apply(&gone)?;
    complete(order)
}

fn complete(order: &mut Order) -> Result<(), Illegal> {
    if order.progress.state == State::PartlyDispatched && order.is_gone() {
        let parcels = order.progress.parcels.len() as u32;
        order.apply(&Event::OrderCompleted { order: order.reference(), parcels })?;
    }
    Ok(())
}

/// The order as rows write it: state, `packed/quantity` of each line with `+picked` and `-short` where there are such
/// units, each parcel with what is in it, and what goes back.
fn shown(order: &Order) -> String {
    let lines = order.terms.lines.iter().zip(&order.progress.lines).map(|(line, done)| {
        let loose = done.picked - done.packed;
        let loose = if 0 < loose { format!("+{loose}") } else { String::new() };
        let short = if 0 < done.short { format!("-{}", done.short) } else { String::new() };
        format!("{} {}{loose}/{}{short}", &*line.id, done.packed, line.quantity)
    });
    let lines: Vec<_> = lines.collect();
    let parcels = order.progress.parcels.iter().map(|parcel| {
        let contents: Vec<_> = order.contents(parcel).map(|(line, units)| format!("{units}x{}", &*line.id)).collect();
        let void = if parcel.void { "void " } else { "" };
        format!("{void}{}[{}]", parcel.state.word(), contents.join(" "))
    });
    let back = order.progress.put_back.iter().map(|goods| format!("back {}x{}", goods.units, &*goods.item.line));
    let parts = [vec![order.state_word().to_owned(), lines.join(" ")], parcels.collect(), back.collect()].concat();
    parts.join(" | ")
}

fn told(change: Result<Change, Rejection>) -> String {
    match change {
        Err(rejection) => format!("{} {rejection:?}", rejection.word()),
        Ok(change) => {
            let events: Vec<_> = change.events.iter().map(|event| event.kind().word()).collect();
            format!("{} → {}", events.join(" "), change.order.as_ref().map_or("nothing".into(), shown))
        }
    }
}

/// `A 2 B 1 / 1xA / gone 1xA 1xB`: units done by line, then the parcels.
fn known(text: &str, packed: bool) -> Known {
    let mut parts = text.split('/').map(str::trim);
    let lines: Vec<_> = parts.next().unwrap().split_whitespace().collect();
    let lines = lines.chunks(2).map(|two| {
        let units = two[1].parse().unwrap();
        (two[0].into(), Done { picked: units, packed: units, short: 0 })
    });
    let parcels = parts.zip(1..).map(|(text, n)| {
        let contents = text.split_whitespace().filter_map(|part| part.split_once('x'));
        let contents = contents.map(|(units, line)| (line.into(), units.parse().unwrap())).collect();
        KnownParcel { n, sscc: Sscc(u64::from(n)), handed_over: text.starts_with("gone"), contents }
    });
    Known { lines: lines.collect(), parcels: parcels.collect(), packed }
}
