//! Counting what is there, and receiving what comes in: nothing counts before `DONE` writes it.

use super::{Decision, Facts, Subject};
use crate::domain::code::{Meaning, Scan, Verb};
use crate::domain::event::{Adjustment, Event};
use crate::domain::name::Sku;
use crate::domain::signal::{Answer, Ask, Reason, Signal};
use crate::domain::station::{Counted, Mode, Tally, Work};
use crate::domain::stock::Stock;
use std::sync::Arc;

/// More products than anybody counts without writing.
const LINES_MAX: usize = 100;
/// More units than a site has of anything.
const UNITS_MAX: u32 = 1_000_000;

pub fn scan(facts: &Facts<'_>, scan: &Scan) -> Decision {
    match &scan.meaning {
        Meaning::Verb(Verb::Done) => write(facts),
        Meaning::Quantity(units) => quantity(facts, *units),
        Meaning::Verb(_) | Meaning::Cause(_) | Meaning::Condition(_) | Meaning::Tote(_) | Meaning::Line(_) => {
            Decision::other_mode(facts)
        }
        Meaning::Bin(id) => {
            let answer = Answer::new(Signal::Opened).item(id).ask(Ask::Item);
            let mut decision = Decision::nothing(facts, answer);
            decision.station.bin = Some(id.clone());
            decision
        }
        _ => match &facts.subject {
            Subject::Product { sku: Some(sku), name } => {
                let units = scan.meaning.reading().map_or(1, |reading| reading.units);
                add(facts, sku, name.as_ref(), units)
            }
            Subject::Order(order) | Subject::Parcel { order, .. } => Decision::other_mode(facts).about(order),
            Subject::Return(_) => Decision::other_mode(facts),
            _ => Decision::unknown(facts, scan),
        },
    }
}

fn lines(facts: &Facts<'_>) -> Vec<Tally> {
    match &facts.station.work {
        Work::Tally(lines) => lines.clone(),
        _ => Vec::new(),
    }
}

fn add(facts: &Facts<'_>, sku: &Sku, name: Option<&Arc<str>>, units: u32) -> Decision {
    let mut lines = lines(facts);
    let expected = facts.stock.on_hand;
    let at = match lines.iter().position(|line| line.sku == *sku) {
        Some(at) => at,
        None if LINES_MAX <= lines.len() => return Decision::refused(facts, Signal::Refused, Reason::Full),
        None => {
            let name = name.map_or_else(|| Arc::from(&**sku), Arc::clone);
            lines.push(Tally { sku: sku.clone(), name, units: 0, expected, bin: None });
            lines.len() - 1
        }
    };
    let line = &mut lines[at];
    if UNITS_MAX < line.units + units {
        return Decision::refused(facts, Signal::Refused, Reason::Full);
    }
    line.units += units;
    line.expected = expected;
    line.bin.clone_from(&facts.station.bin);
    let answer = Answer::new(Signal::Accepted).item(&line.name).progress(line.units, line.units);
    let mut decision = Decision::nothing(facts, answer);
    decision.station.work = Work::Tally(lines);
    decision.station.last = Some(Counted::Tallied { sku: sku.clone(), units });
    decision
}

/// `Q-n` behind an item: so many instead of the one that was scanned.
fn quantity(facts: &Facts<'_>, units: u32) -> Decision {
    let mut lines = lines(facts);
    let Some(Counted::Tallied { sku, units: before }) = &facts.station.last else {
        return Decision::refused(facts, Signal::Refused, Reason::Unfit).asking(Ask::Item);
    };
    let Some(line) = lines.iter_mut().find(|line| line.sku == *sku) else {
        return Decision::refused(facts, Signal::Refused, Reason::Unfit).asking(Ask::Item);
    };
    let total = line.units.saturating_sub(*before) + units;
    if UNITS_MAX < total {
        return Decision::refused(facts, Signal::Refused, Reason::Full);
    }
    line.units = total;
    let answer = Answer::new(Signal::Accepted).item(&line.name).progress(total, total);
    let mut decision = Decision::nothing(facts, answer);
    decision.station.work = Work::Tally(lines);
    decision.station.last = Some(Counted::Tallied { sku: sku.clone(), units });
    decision
}

/// `UNDO`: the last item was not counted.
pub fn undo(facts: &Facts<'_>, sku: &Sku, units: u32) -> Option<Decision> {
    let mut lines = lines(facts);
    let at = lines.iter().position(|line| line.sku == *sku)?;
    lines[at].units = lines[at].units.saturating_sub(units);
    let (name, left) = (lines[at].name.clone(), lines[at].units);
    if left == 0 {
        lines.remove(at);
    }
    let mut decision = Decision::nothing(facts, Answer::new(Signal::Accepted).item(&name).progress(left, left));
    decision.station.work = if lines.is_empty() { Work::Idle } else { Work::Tally(lines) };
    Some(decision)
}

/// `DONE`: a count changes the books by what they were wrong by when the product was counted, so what was picked since
/// stays picked; a receipt adds to them.
fn write(facts: &Facts<'_>) -> Decision {
    let lines = lines(facts);
    if lines.is_empty() {
        return Decision::refused(facts, Signal::Refused, Reason::NothingToClose);
    }
    let units = lines.iter().map(|line| line.units).sum();
    let mut decision = Decision::nothing(facts, Answer::new(Signal::Completed).progress(units, units));
    for (line, before) in lines.into_iter().zip(&facts.tally_stock) {
        let delta = match facts.station.mode {
            Mode::Receive => i64::from(line.units),
            _ => i64::from(line.units) - line.expected,
        };
        let stock = before.moved(delta);
        decision.events.push(written(facts.station.mode, &line, delta, stock));
        if stock.falls_to(facts.rules.low_stock, *before) {
            let (sku, name, threshold) = (line.sku.clone(), line.name.clone(), facts.rules.low_stock);
            decision.events.push(Event::StockLow { sku, name, stock, threshold });
        }
        decision.stock.push((line.sku, stock));
    }
    decision.station.lay_down();
    decision.station.last = None;
    decision
}

fn written(mode: Mode, line: &Tally, delta: i64, stock: Stock) -> Event {
    let sku = line.sku.clone();
    match mode {
        Mode::Receive => Event::StockAdjusted { sku, delta, stock, cause: Adjustment::Receipt },
        _ => Event::StockCounted {
            sku,
            name: line.name.clone(),
            counted: line.units,
            delta,
            stock,
            bin: line.bin.clone(),
        },
    }
}
