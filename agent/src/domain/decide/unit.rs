//! One unit, or a case of them, on its way from the scan to being counted: its place, its values, its tote.

use super::bench::{begin, stopped};
use super::{Decision, Facts, Trail, expected, parcel, progress, round, wants};
use crate::domain::code::{Meaning, Scan, Values};
use crate::domain::event::{Event, Method};
use crate::domain::name::{Sku, ToteId};
use crate::domain::order::{Line, Order};
use crate::domain::signal::{Answer, Ask, Reason, Signal};
use crate::domain::station::{Counted, Pending, Step, Unit, Work};
use crate::domain::stock::Stock;
use jiff::civil::Date;

/// A line of an order.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub order: &'a Order,
    pub line: usize,
}

impl<'a> Place<'a> {
    fn of(&self) -> &'a Line {
        &self.order.terms.lines[self.line]
    }

    pub fn sku(&self) -> &'a Sku {
        &self.of().sku
    }
}

/// A scanned item whose line is known: refused where it can't count, and asked about where something is missing.
pub fn take_in(facts: &Facts<'_>, place: Place<'_>, unit: Unit) -> Decision {
    let (order, line, step) = (place.order, place.of(), facts.step());
    let wanted = wants(order, place.line, step);
    if wanted < unit.units {
        let decision = Decision::refused(facts, Signal::Over, Reason::LineComplete).about(order);
        return decision.item(&line.name).expecting(expected(order, step));
    }
    if let Some(bin) = line.bin.as_ref().filter(|_| facts.rules.bins && step != Step::Pack && !unit.by_hand)
        && facts.station.bin.as_ref() != Some(bin)
    {
        let decision = Decision::refused(facts, Signal::Wrong, Reason::WrongBin(bin.clone())).about(order);
        return decision.item(&line.name).expecting([Box::from(&**bin)]).asking(Ask::Bin(bin.clone()));
    }
    if line.capture.serial && 1 < unit.units {
        return Decision::refused(facts, Signal::Refused, Reason::OneByOne).about(order).item(&line.name);
    }
    if is_expired(facts, &unit.values) {
        return Decision::refused(facts, Signal::Refused, Reason::Expired).about(order).item(&line.name);
    }
    if unit.values.serial.is_some() && facts.serial_used && step != Step::Pick {
        return Decision::refused(facts, Signal::Already, Reason::SerialUsed).about(order).item(&line.name);
    }
    go_on(facts, place, unit)
}

/// Asks for the next thing that the unit lacks, or counts it.
pub fn go_on(facts: &Facts<'_>, place: Place<'_>, unit: Unit) -> Decision {
    let line = place.of();
    let ask = lacking(&unit, line, facts.step()).or_else(|| tote_for(facts, place.order).map(Ask::Tote));
    let Some(ask) = ask else {
        return count(facts, place, &unit);
    };
    let answer = Answer::new(Signal::Opened).order(&place.order.terms.number).item(&line.name).ask(ask.clone());
    let mut decision = Decision::nothing(facts, answer);
    let tote = if let Ask::Tote(tote) = ask { Some(tote) } else { None };
    decision.station.pending = Some(Pending::Unit(Unit { tote, ..unit }));
    decision
}

fn tote_for(facts: &Facts<'_>, order: &Order) -> Option<ToteId> {
    match &facts.station.work {
        Work::Round(totes) => totes.iter().find(|(_, open)| *open == order.terms.id).map(|(tote, _)| tote.clone()),
        _ => None,
    }
}

/// The value that is asked for next. What is recorded is recorded when the unit is packed.
pub fn lacking(unit: &Unit, line: &Line, step: Step) -> Option<Ask> {
    let capture = Some(&line.capture).filter(|_| step != Step::Pick)?;
    match &unit.values {
        values if capture.serial && values.serial.is_none() => Some(Ask::Serial),
        values if capture.lot && values.lot.is_none() => Some(Ask::Lot),
        values if capture.expiry && values.expiry.is_none() => Some(Ask::Expiry),
        _ => None,
    }
}

/// What the scan says that the unit lacked, or that it goes into its tote.
pub fn answer(facts: &Facts<'_>, scan: &Scan, place: Place<'_>, unit: &Unit) -> Decision {
    let line = place.of();
    if let Some(refused) = stopped(facts, place.order) {
        return refused.about(place.order).item(&line.name);
    }
    if wants(place.order, place.line, facts.step()) < unit.units {
        return Decision::refused(facts, Signal::Over, Reason::LineComplete).about(place.order).item(&line.name);
    }
    if let Some(tote) = &unit.tote {
        return match &scan.meaning {
            Meaning::Tote(scanned) if scanned == tote => count(facts, place, unit),
            _ => {
                let decision = Decision::refused(facts, Signal::Wrong, Reason::WrongTote(tote.clone()));
                decision.about(place.order).item(&line.name).asking(Ask::Tote(tote.clone()))
            }
        };
    }
    let Some(ask) = lacking(unit, line, facts.step()) else {
        return go_on(facts, place, unit.clone());
    };
    let unfit = |reason| {
        let decision = Decision::refused(facts, Signal::Wrong, reason).about(place.order);
        decision.item(&line.name).asking(ask.clone())
    };
    let mut unit = unit.clone();
    match value_of(scan, &ask, place) {
        Some(Value::Serial(_)) if facts.serial_used => {
            let decision = Decision::refused(facts, Signal::Already, Reason::SerialUsed).about(place.order);
            return decision.item(&line.name).asking(ask);
        }
        Some(Value::Serial(serial)) => unit.values.serial = Some(serial),
        Some(Value::Lot(lot)) => unit.values.lot = Some(lot),
        Some(Value::Expiry(expiry)) => unit.values.expiry = Some(expiry),
        None => return unfit(Reason::Unfit),
    }
    if is_expired(facts, &unit.values) {
        return unfit(Reason::Expired);
    }
    go_on(facts, place, unit)
}

enum Value {
    Serial(Box<str>),
    Lot(Box<str>),
    Expiry(Date),
}

/// The value in a code that was scanned for it: from a GS1 code its own element, from another the whole text, if it
/// fits the line's pattern and is no code of the order's items.
fn value_of(scan: &Scan, ask: &Ask, place: Place<'_>) -> Option<Value> {
    let reading = scan.meaning.reading();
    let own = reading.map(|reading| reading.values.clone()).unwrap_or_default();
    let text = std::str::from_utf8(&scan.text).ok().filter(|text| is_value(text));
    let is_item = reading.is_some_and(|reading| place.order.line_for(&reading.code, None, |_| true).is_some());
    let whole = || {
        let pattern = &place.of().capture.pattern;
        let fits = text.filter(|text| pattern.as_ref().map_or(!is_item, |pattern| pattern.fits(text)))?;
        matches!(scan.meaning, Meaning::Plain | Meaning::Product(_)).then(|| Box::from(fits))
    };
    match ask {
        Ask::Serial => own.serial.or_else(whole).map(Value::Serial),
        Ask::Lot => own.lot.or_else(whole).map(Value::Lot),
        Ask::Expiry => own.expiry.or_else(|| text.and_then(date)).map(Value::Expiry),
        _ => None,
    }
}

/// The serial that the scan would give to a unit which waits for one.
pub fn serial_in(scan: &Scan, place: Place<'_>) -> Option<Box<str>> {
    match value_of(scan, &Ask::Serial, place)? {
        Value::Serial(serial) => Some(serial),
        Value::Lot(_) | Value::Expiry(_) => None,
    }
}

/// Serials and lots as GS1 has them: 1 to 20 printable ASCII characters.
fn is_value(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `YYYY-MM-DD`, or `YYMMDD` as on labels.
fn date(text: &str) -> Option<Date> {
    let digits = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    match digits {
        true => {
            Date::new(2000 + text[..2].parse::<i16>().ok()?, text[2..4].parse().ok()?, text[4..].parse().ok()?).ok()
        }
        false => text.parse().ok(),
    }
}

/// While nobody knows what day it is, nothing has expired.
fn is_expired(facts: &Facts<'_>, values: &Values) -> bool {
    facts.clock_trusted && values.expiry.is_some_and(|expiry| expiry < facts.rules.day(facts.now))
}

/// Units picked, packed, or both; the last one ends the picking, or seals the parcel and finishes the order.
fn count(facts: &Facts<'_>, place: Place<'_>, unit: &Unit) -> Decision {
    let (order, line, step) = (place.order, place.line, facts.step());
    let mut trail = Trail::of(order);
    begin(&mut trail, step, None);
    let mut stock = facts.stock;
    for _ in 0..unit.units {
        let done = trail.order.progress.lines[line];
        if step == Step::Pick || (step == Step::Both && done.picked == done.packed) {
            stock = stock.picked();
            trail.push(picked(facts, &trail.order, line, unit, stock));
        }
        if step != Step::Pick {
            trail.push(packed(&trail.order, line, &unit.values));
        }
    }
    low(facts, &mut trail, line, stock);
    let name = &order.terms.lines[line].name;
    let answer = Answer::new(Signal::Accepted).order(&order.terms.number).item(name);
    let mut decision = close(facts, trail, answer);
    if stock != facts.stock {
        decision.stock.push((order.terms.lines[line].sku.clone(), stock));
    }
    let closed = decision.answer.signal == Signal::Completed;
    let (id, line) = (order.terms.id.clone(), order.terms.lines[line].id.clone());
    decision.station.last = Some(Counted::Units { order: id, line, units: unit.units, step, closed });
    decision
}

/// Ends picking or packing where nothing is missing any more, and tells how far the order is.
pub fn close(facts: &Facts<'_>, mut trail: Trail, answer: Answer) -> Decision {
    let step = facts.step();
    let order = &trail.order;
    let blocked = order.progress.put_back.first().map(|goods| goods.item.name.clone());
    let filled = if step == Step::Pick { order.is_picked() } else { order.is_filled() };
    let mut serials = facts.serials();
    let mut prints = Vec::new();
    let closes = blocked.is_none() && !order.progress.parcels.is_empty();
    let finished = filled && (closes || step == Step::Pick);
    if finished && step == Step::Pick {
        let (picked, wanted) = order.units_picked();
        trail.push(Event::PickCompleted { order: order.reference(), picked, wanted });
    } else if finished {
        prints = parcel::finish(facts, &mut trail, &mut serials, None);
    }
    let (done, of) = progress(&trail.order, step);
    let answer =
        Answer { signal: if finished { Signal::Completed } else { answer.signal }, ..answer }.progress(done, of);
    let (id, n) = (trail.order.terms.id.clone(), trail.order.progress.parcels.len() as u32);
    let mut decision = trail.decision(facts, answer);
    if finished {
        decision.station.work = round::without(&facts.station.work, &id);
        decision.station.bin = None;
        if step != Step::Pick {
            decision.station.sealed = Some((id, n));
            decision.answer.ask = (!facts.has_printer()).then_some(Ask::Label);
        }
    } else if let (true, Some(name)) = (filled, blocked) {
        decision.answer.expected = vec![Box::from(&*name)];
    }
    decision.sscc_used = serials.used;
    decision.prints = prints;
    decision
}

fn picked(facts: &Facts<'_>, order: &Order, line: usize, unit: &Unit, stock: Stock) -> Event {
    Event::ItemPicked {
        order: order.reference(),
        item: order.item(line),
        code: unit.code.clone(),
        method: if unit.by_hand { Method::Manual } else { facts.method },
        picked: order.progress.lines[line].picked + 1,
        wanted: order.wanted(line),
        stock,
    }
}

fn packed(order: &Order, line: usize, values: &Values) -> Event {
    Event::ItemPacked {
        order: order.reference(),
        item: order.item(line),
        parcel: order.packing_into(),
        packed: order.progress.lines[line].packed + 1,
        wanted: order.wanted(line),
        values: values.clone(),
    }
}

/// Says so where a product has just become scarce.
pub fn low(facts: &Facts<'_>, trail: &mut Trail, line: usize, stock: Stock) {
    if stock.falls_to(facts.rules.low_stock, facts.stock) {
        let (sku, name) = (trail.order.terms.lines[line].sku.clone(), trail.order.terms.lines[line].name.clone());
        trail.push(Event::StockLow { sku, name, stock, threshold: facts.rules.low_stock });
    }
}
