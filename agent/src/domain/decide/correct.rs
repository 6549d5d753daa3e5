//! Corrections at the bench: taken back, short, taken out, taken over.

use super::bench::{self, goods_of, not_workable, place_of, stopped};
use super::unit::{self, Place, low};
use super::{Decision, Facts, Subject, Trail, expected, parcel, progress};
use crate::domain::code::{Cause, Meaning, Scan, Values};
use crate::domain::command::cancelling;
use crate::domain::event::{Adjustment, Event, Method};
use crate::domain::name::{LineId, OrderId, Sku};
use crate::domain::notice;
use crate::domain::order::{OnShort, Order, PutBack, State};
use crate::domain::signal::{Answer, Ask, Reason, Signal};
use crate::domain::station::{Counted, Pending, Step, Work};
use crate::domain::stock::Stock;

/// `SHORT` and `REMOVE` wait for the item.
pub fn begin(facts: &Facts<'_>, pending: Pending) -> Decision {
    let order = match (&facts.open, &facts.station.work) {
        (Some(order), _) => order,
        (None, Work::Round(_)) if !facts.round.is_empty() => &facts.round[0].1,
        _ => return Decision::refused(facts, Signal::Refused, Reason::NoOrderOpen),
    };
    if facts.round.is_empty()
        && let Some(refused) = not_workable(facts, order)
    {
        return refused.about(order);
    }
    let mut decision = Decision::nothing(facts, Answer::new(Signal::Opened).ask(Ask::Item));
    if facts.round.is_empty() {
        decision = decision.about(order);
    }
    decision.station.pending = Some(pending);
    decision
}

/// The orders that `SHORT` or `REMOVE` may be about.
fn orders<'a>(facts: &'a Facts<'_>) -> impl Iterator<Item = &'a Order> {
    facts.open.iter().chain(facts.round.iter().map(|(_, order)| order))
}

fn find<'a>(facts: &'a Facts<'_>, id: &OrderId) -> Option<&'a Order> {
    orders(facts).find(|order| order.terms.id == *id)
}

/// The item that is short: the rest of its line will be closed.
pub fn short_item(facts: &Facts<'_>, scan: &Scan, found: Option<u32>) -> Decision {
    let step = facts.step();
    let place = orders(facts).find_map(|order| place_of(facts, order, scan, |line| 0 < open_units(order, line, step)));
    let Some(Place { order, line }) = place else {
        let on_order = orders(facts).any(|order| place_of(facts, order, scan, |_| true).is_some());
        return not_here(facts, scan, on_order, step);
    };
    if let Some(refused) = stopped(facts, order) {
        return refused.about(order);
    }
    let name = &order.terms.lines[line].name;
    let answer = Answer::new(Signal::Opened).order(&order.terms.number).item(name).ask(Ask::Cause);
    let mut decision = Decision::nothing(facts, answer);
    let of = Some((order.terms.id.clone(), order.terms.lines[line].id.clone()));
    decision.station.pending = Some(Pending::Short { of, found });
    decision
}

/// Units of a line that would be short.
fn open_units(order: &Order, line: usize, step: Step) -> u32 {
    if step == Step::Pick { order.missing(line) } else { order.unpacked(line) }
}

fn not_here(facts: &Facts<'_>, scan: &Scan, on_order: bool, step: Step) -> Decision {
    let decision = match (&facts.subject, on_order) {
        (_, true) => Decision::refused(facts, Signal::Over, Reason::LineComplete),
        (Subject::Product { sku: Some(_), .. }, false) => Decision::refused(facts, Signal::Wrong, Reason::NotOnOrder),
        _ => Decision::unknown(facts, scan),
    };
    let expected = orders(facts).next().map(|order| expected(order, step)).unwrap_or_default();
    decision.expecting(expected).asking(Ask::Item)
}

/// Why it is short. The line asks for no more, stock follows the reason, and the order goes on as it says itself.
pub fn short(facts: &Facts<'_>, of: &(OrderId, LineId), found: Option<u32>, cause: Cause) -> Decision {
    let Some((order, line)) = find(facts, &of.0).and_then(|order| Some((order, order.line(&of.1)?))) else {
        return Decision::refused(facts, Signal::Refused, Reason::NoOrderOpen);
    };
    if let Some(refused) = stopped(facts, order) {
        return refused.about(order);
    }
    let step = facts.step();
    let done = order.progress.lines[line];
    let units = open_units(order, line, step);
    if units == 0 {
        return Decision::refused(facts, Signal::Over, Reason::LineComplete).about(order);
    }
    let mut trail = Trail::of(order);
    bench::begin(&mut trail, step, None);
    let lost = if step == Step::Pick { 0 } else { done.picked - done.packed };
    for n in 1..=lost {
        // What was picked and can't be packed is on no shelf any more.
        trail.push(unpicked(&trail.order, line, false, facts.stock.reserved_more(i64::from(n))));
    }
    let delta = match cause {
        _ if 0 < lost => 0,
        Cause::NotThere => i64::from(found.unwrap_or_default()) - facts.stock.on_hand,
        Cause::Damaged => -i64::from(units),
        Cause::Other | Cause::NoCourier | Cause::LeftBehind => 0,
    };
    let missing = order.missing(line);
    let stock = facts.stock.moved(delta).reserved_more(-i64::from(missing));
    let (reference, item) = (order.reference(), order.item(line));
    trail.push(Event::ItemShort {
        order: reference,
        item,
        quantity: i64::from(units),
        cause,
        picked: trail.order.progress.lines[line].picked,
        wanted: order.wanted(line) - units,
        delta,
        stock,
    });
    low(facts, &mut trail, line, stock);
    let sku = order.terms.lines[line].sku.clone();
    let other_lines =
        (0..order.terms.lines.len()).filter(|other| *other != line && order.terms.lines[*other].sku == sku);
    let wanted_besides: u32 = other_lines.map(|other| order.missing(other)).sum();
    let mut decision = go_on_short(facts, trail, line, cause);
    let closed = decision.answer.signal == Signal::Completed;
    let gone = decision.orders.iter().any(|order| order.progress.state == State::Cancelled);
    let besides = if gone { i64::from(wanted_besides) } else { 0 };
    decision.stock.push((sku, stock.reserved_more(-besides)));
    let revision = order.terms.revision;
    let (order, line) = of.clone();
    // What turns up again lies on the shelf until it is picked again.
    let delta = delta - i64::from(lost);
    decision.station.last = (!gone).then_some(Counted::Short { order, line, units, delta, closed, revision });
    decision
}

/// The order says itself what becomes of it when something is short.
fn go_on_short(facts: &Facts<'_>, mut trail: Trail, line: usize, cause: Cause) -> Decision {
    let order = trail.order.clone();
    let answer = Answer::new(Signal::Accepted).order(&order.terms.number).item(&order.terms.lines[line].name);
    let (_, wanted) = order.units();
    let cancel = order.terms.on_short == OnShort::Cancel || wanted == 0;
    match order.terms.on_short {
        _ if cancel => {
            trail.push_all(cancelling(&order, "short", true, facts.desk()));
            let mut decision = trail.decision(facts, answer);
            decision.station.give_up(&order.terms.id);
            decision
        }
        OnShort::Hold => {
            trail.push(Event::OrderHeld { order: order.reference(), cause: "short".into() });
            let mut decision = trail.decision(facts, answer);
            let last = decision.station.last.clone();
            decision.station.give_up(&order.terms.id);
            decision.station.last = last;
            decision
        }
        OnShort::ShipRest | OnShort::Cancel => {
            trail.tell(notice::short(facts.rules, &trail.order, Some(cause), facts.now));
            unit::close(facts, trail, answer)
        }
    }
}

/// What comes out with a scanned item, or with the line named instead.
enum Removal<'a> {
    /// Goods that their order no longer wants.
    Goods(&'a Order, &'a PutBack),
    /// A unit that it wants, and that will be missing.
    Unit(Place<'a>),
}

/// What the order no longer wants comes out before what it wants.
fn removal<'a>(facts: &'a Facts<'_>, scan: &Scan) -> Option<Removal<'a>> {
    let step = facts.step();
    let goods = orders(facts).find_map(|order| Some(Removal::Goods(order, goods_of(facts, order, scan)?)));
    let unit = || orders(facts).find_map(|order| place_of(facts, order, scan, |line| is_removable(order, line, step)));
    goods.or_else(|| unit().map(Removal::Unit))
}

/// The product that comes out.
pub fn sku_removed<'a>(facts: &'a Facts<'_>, scan: &Scan) -> Option<&'a Sku> {
    Some(match removal(facts, scan)? {
        Removal::Goods(_, goods) => &goods.item.sku,
        Removal::Unit(place) => place.sku(),
    })
}

/// The item that is to be taken out again.
pub fn remove_item(facts: &Facts<'_>, scan: &Scan) -> Decision {
    match removal(facts, scan) {
        Some(Removal::Goods(order, goods)) => put_back(facts, order, goods),
        Some(Removal::Unit(place)) => remove_unit(facts, scan, place),
        None if orders(facts).any(|order| place_of(facts, order, scan, |_| true).is_some()) => {
            Decision::refused(facts, Signal::Refused, Reason::NothingToUndo).asking(Ask::Item)
        }
        None => not_here(facts, scan, false, facts.step()),
    }
}

/// Takes the unit out, or asks for its serial where that says which one it is.
fn remove_unit(facts: &Facts<'_>, scan: &Scan, Place { order, line }: Place<'_>) -> Decision {
    if let Some(refused) = stopped(facts, order) {
        return refused.about(order);
    }
    let serial = scan.meaning.reading().and_then(|reading| reading.values.serial.clone());
    match recorded(order, line, serial.as_deref()) {
        Recorded::One(values) => remove(facts, order, line, values),
        Recorded::Several => {
            let name = &order.terms.lines[line].name;
            let answer = Answer::new(Signal::Opened).order(&order.terms.number).item(name).ask(Ask::Serial);
            let mut decision = Decision::nothing(facts, answer);
            let of = (order.terms.id.clone(), order.terms.lines[line].id.clone());
            decision.station.pending = Some(Pending::Remove(Some(of)));
            decision
        }
        Recorded::Another => {
            let decision = Decision::refused(facts, Signal::Wrong, Reason::Unfit).about(order);
            decision.asking(Ask::Item)
        }
    }
}

/// Whether a unit of the line is here and can come out.
fn is_removable(order: &Order, line: usize, step: Step) -> bool {
    let boxed = order.open_parcel().map_or(0, |open| open.units_of(line));
    (step != Step::Pick && 0 < boxed) || order.progress.lines[line].packed < order.progress.lines[line].picked
}

/// The serial of the unit that is to be taken out.
pub fn remove_serial(facts: &Facts<'_>, scan: &Scan, of: &(OrderId, LineId)) -> Decision {
    let Some((order, line)) = find(facts, &of.0).and_then(|order| Some((order, order.line(&of.1)?))) else {
        return Decision::refused(facts, Signal::Refused, Reason::NoOrderOpen);
    };
    if let Some(refused) = stopped(facts, order) {
        return refused.about(order);
    }
    let serial = unit::serial_in(scan, Place { order, line }).filter(|_| is_removable(order, line, facts.step()));
    match serial.map(|serial| recorded(order, line, Some(&serial))) {
        Some(Recorded::One(values)) => remove(facts, order, line, values),
        _ => Decision::refused(facts, Signal::Wrong, Reason::Unfit).about(order).asking(Ask::Serial),
    }
}

/// What was recorded of the unit that comes out.
enum Recorded {
    One(Values),
    /// Units with serials, and nobody said which.
    Several,
    /// Not the serial that was scanned.
    Another,
}

fn recorded(order: &Order, line: usize, serial: Option<&str>) -> Recorded {
    let open = order.open_parcel();
    let units: Vec<&Values> = open
        .into_iter()
        .flat_map(|open| &open.recorded)
        .filter(|(of, _)| *of == line)
        .map(|(_, values)| values)
        .collect();
    match (serial, &units[..]) {
        (_, []) => Recorded::One(Values::default()),
        (Some(serial), units) => match units.iter().find(|values| values.serial.as_deref() == Some(serial)) {
            Some(values) => Recorded::One((*values).clone()),
            None => Recorded::Another,
        },
        (None, [only]) => Recorded::One((*only).clone()),
        (None, [.., last]) if last.serial.is_none() => Recorded::One((*last).clone()),
        (None, _) => Recorded::Several,
    }
}

/// One unit out of the parcel and back on the shelf.
fn remove(facts: &Facts<'_>, order: &Order, line: usize, values: Values) -> Decision {
    let step = facts.step();
    let mut trail = Trail::of(order);
    bench::begin(&mut trail, step, None);
    let boxed = order.open_parcel().is_some_and(|open| 0 < open.units_of(line));
    if step != Step::Pick && boxed {
        trail.push(unpacked(&trail.order, line, values));
    }
    let stock = facts.stock.moved(1).reserved_more(1);
    trail.push(unpicked(&trail.order, line, true, stock));
    if step == Step::Pack {
        // It has to be picked again before it can be packed.
        let (_, units) = trail.order.units();
        trail.push(Event::PickStarted { order: order.reference(), units, tote: None });
    }
    let (done, of) = progress(&trail.order, step);
    let name = &order.terms.lines[line].name;
    let answer = Answer::new(Signal::Accepted).order(&order.terms.number).item(name).progress(done, of);
    let mut decision = trail.decision(facts, answer);
    decision.stock.push((order.terms.lines[line].sku.clone(), stock));
    if step == Step::Pack {
        decision.station.give_up(&order.terms.id);
    }
    let sku = order.terms.lines[line].sku.clone();
    decision.station.last = Some(Counted::Removed { order: order.terms.id.clone(), sku });
    decision
}

/// One unit of goods that the order no longer wants, back on the shelf.
pub fn put_back(facts: &Facts<'_>, order: &Order, goods: &PutBack) -> Decision {
    let (line, sku) = (&goods.item.line, &goods.item.sku);
    let stock = facts.stock.moved(1);
    let mut trail = Trail::of(order);
    let now = order.line(line).filter(|index| order.terms.lines[*index].sku == *sku);
    trail.push(Event::ItemUnpicked {
        order: order.reference(),
        item: goods.item.clone(),
        picked: now.map_or(0, |index| order.progress.lines[index].picked),
        wanted: now.map_or(0, |index| order.wanted(index)),
        put_back: true,
        restocked: true,
        stock,
    });
    let left: u32 = trail.order.progress.put_back.iter().map(|goods| goods.units).sum();
    let answer = Answer::new(if left == 0 { Signal::Completed } else { Signal::Accepted })
        .order(&order.terms.number)
        .item(&goods.item.name);
    let at_work = stopped(facts, order).is_none() && facts.station.has_open(&order.terms.id);
    let at_bench = matches!(facts.station.work, Work::Order(_) | Work::Round(_));
    let mut decision = match left == 0 && at_work && at_bench {
        true => {
            bench::begin(&mut trail, facts.step(), None);
            unit::close(facts, trail, Answer { signal: Signal::Accepted, ..answer })
        }
        false => trail.decision(facts, answer),
    };
    decision.stock.push((sku.clone(), stock));
    if left == 0 && matches!(facts.station.work, Work::PutBack(_)) {
        decision.station.work = Work::Idle;
    }
    decision.station.last = Some(Counted::Removed { order: order.terms.id.clone(), sku: sku.clone() });
    decision
}

/// `R-DAMAGED` behind a unit that was taken out: it does not go on the shelf after all.
pub fn damaged(facts: &Facts<'_>) -> Decision {
    let Some(Counted::Removed { sku, .. }) = &facts.station.last else {
        return Decision::other_mode(facts);
    };
    let stock = facts.stock.moved(-1);
    let mut decision = Decision::nothing(facts, Answer::new(Signal::Accepted).item(sku));
    decision.events.push(Event::StockAdjusted { sku: sku.clone(), delta: -1, stock, cause: Adjustment::Damaged });
    decision.stock.push((sku.clone(), stock));
    decision.station.last = None;
    decision
}

/// `UNDO`: what was counted here last, taken back by new events.
pub fn undo(facts: &Facts<'_>) -> Decision {
    if facts.station.pending.is_some() {
        return Decision::nothing(facts, Answer::new(Signal::Accepted));
    }
    let nothing = || Decision::refused(facts, Signal::Refused, Reason::NothingToUndo);
    let Some(last) = &facts.station.last else {
        return nothing();
    };
    let mut decision = match (last, &facts.undone) {
        (Counted::Inspected { .. }, _) => super::returns::undo(facts).unwrap_or_else(nothing),
        (Counted::Tallied { sku, units }, _) => super::tally::undo(facts, sku, *units).unwrap_or_else(nothing),
        (_, Some(order)) => match hindered(facts, order) {
            Some(refused) => refused.about(order),
            None => undo_of(facts, order, last).unwrap_or_else(nothing),
        },
        (_, None) => nothing(),
    };
    if decision.answer.reason.is_none() {
        decision.station.last = None;
    }
    decision
}

fn hindered(facts: &Facts<'_>, order: &Order) -> Option<Decision> {
    // Of what the platform has said since, a hold may be part.
    let unchanged =
        |last: &Counted| matches!(last, Counted::Short { revision, .. } if *revision == order.terms.revision);
    let held_by_short = order.terms.on_short == OnShort::Hold && facts.station.last.as_ref().is_some_and(unchanged);
    // Whoever packs the rest of the order has nothing to do with what is on a manifest.
    let elsewhere = facts.elsewhere().filter(|_| !matches!(facts.station.last, Some(Counted::Loaded { .. })));
    match (order.progress.state, elsewhere) {
        (State::Cancelled, _) => Some(Decision::refused(facts, Signal::Refused, Reason::Cancelled)),
        (State::AwaitsPlatform, _) => Some(Decision::refused(facts, Signal::Refused, Reason::AwaitsPlatform)),
        _ if order.progress.held && !held_by_short => Some(Decision::refused(facts, Signal::Refused, Reason::OnHold)),
        (_, Some(station)) => Some(Decision::refused(facts, Signal::Refused, Reason::OpenElsewhere(station))),
        _ => None,
    }
}

fn undo_of(facts: &Facts<'_>, order: &Order, last: &Counted) -> Option<Decision> {
    match last {
        Counted::Units { line, units, step, closed, .. } => undo_units(facts, order, line, *units, *step, *closed),
        Counted::Sealed { parcel, .. } => {
            let mut trail = Trail::of(order);
            can_reopen(order, *parcel)?;
            parcel::reopen(&mut trail, *parcel);
            Some(opened_again(facts, trail, Step::Both))
        }
        Counted::Short { line, units, delta, closed, .. } => undo_short(facts, order, line, *units, *delta, *closed),
        Counted::Removed { sku, .. } => undo_removed(facts, order, sku),
        Counted::Loaded { parcel, .. } => super::door::unload(facts, order, *parcel),
        Counted::Inspected { .. } | Counted::Tallied { .. } => None,
    }
}

fn can_reopen(order: &Order, n: u32) -> Option<()> {
    let last = order.progress.parcels.last().filter(|last| last.n == n)?;
    let packing = matches!(order.progress.state, State::Packing | State::Packed | State::PartlyDispatched);
    (packing && last.state.waits()).then_some(())
}

fn undo_units(
    facts: &Facts<'_>,
    order: &Order,
    line: &LineId,
    units: u32,
    step: Step,
    closed: bool,
) -> Option<Decision> {
    let line = order.line(line)?;
    let mut trail = Trail::of(order);
    if closed && step != Step::Pick {
        let n = order.progress.parcels.len() as u32;
        can_reopen(order, n)?;
        parcel::reopen(&mut trail, n);
    }
    if step == Step::Pick && !matches!(order.progress.state, State::Picking | State::Picked) {
        return None;
    }
    if step != Step::Pick {
        let open = trail.order.open_parcel().filter(|_| trail.order.progress.state == State::Packing)?;
        (units <= open.units_of(line)).then_some(())?;
    }
    let mut stock = facts.stock;
    for _ in 0..units {
        if step != Step::Pick {
            let values = trail.order.open_parcel()?.recorded.iter().rfind(|(of, _)| *of == line);
            let values = values.map(|(_, values)| values.clone()).unwrap_or_default();
            trail.push(unpacked(&trail.order, line, values));
        }
        if step != Step::Pack {
            let done = trail.order.progress.lines[line];
            (done.packed < done.picked).then_some(())?;
            stock = stock.moved(1).reserved_more(1);
            trail.push(unpicked(&trail.order, line, true, stock));
        }
    }
    let sku = order.terms.lines[line].sku.clone();
    let mut decision = opened_again(facts, trail, step).item(&order.terms.lines[line].name);
    if stock != facts.stock {
        decision.stock.push((sku, stock));
    }
    Some(decision)
}

fn undo_short(
    facts: &Facts<'_>,
    order: &Order,
    line: &LineId,
    units: u32,
    delta: i64,
    closed: bool,
) -> Option<Decision> {
    let line = order.line(line)?;
    let step = facts.step();
    let mut trail = Trail::of(order);
    if order.progress.held {
        trail.push(Event::OrderReleased { order: order.reference() });
        for parcel in order.progress.parcels.iter().filter(|parcel| parcel.state.waits()) {
            trail.push_all(facts.desk().request(&trail.order, parcel.n, None));
        }
    }
    if closed && step != Step::Pick {
        let n = order.progress.parcels.len() as u32;
        can_reopen(order, n)?;
        parcel::reopen(&mut trail, n);
    }
    matches!(trail.order.progress.state, State::Picking | State::Picked | State::Packing).then_some(())?;
    (units <= order.progress.lines[line].short).then_some(())?;
    if step == Step::Pack {
        let (_, wanted) = order.units();
        trail.push(Event::PickStarted { order: order.reference(), units: wanted + units, tote: None });
    }
    let stock = facts.stock.moved(-delta).reserved_more(i64::from(units));
    trail.push(Event::ItemShort {
        order: order.reference(),
        item: order.item(line),
        quantity: -i64::from(units),
        cause: Cause::Other,
        picked: order.progress.lines[line].picked,
        wanted: order.wanted(line) + units,
        delta: -delta,
        stock,
    });
    trail.tell(notice::short(facts.rules, &trail.order, None, facts.now));
    let sku = order.terms.lines[line].sku.clone();
    let mut decision = match step {
        Step::Pack => {
            let answer = Answer::new(Signal::Accepted).order(&order.terms.number);
            let mut decision = trail.decision(facts, answer);
            decision.station.give_up(&order.terms.id);
            decision
        }
        Step::Pick | Step::Both => opened_again(facts, trail, step),
    };
    decision.stock.push((sku, stock));
    Some(decision.item(&order.terms.lines[line].name))
}

/// The unit that was taken out goes back in.
fn undo_removed(facts: &Facts<'_>, order: &Order, sku: &Sku) -> Option<Decision> {
    let step = facts.step();
    if step == Step::Pack {
        return None;
    }
    let line =
        (0..order.terms.lines.len()).find(|line| order.terms.lines[*line].sku == *sku && 0 < order.missing(*line))?;
    let capture = &order.terms.lines[line].capture;
    if step == Step::Both && (capture.serial || capture.lot || capture.expiry) {
        return None;
    }
    let expected_state = if step == Step::Pick { State::Picking } else { State::Packing };
    (order.progress.state == expected_state && order.progress.put_back.is_empty()).then_some(())?;
    let mut trail = Trail::of(order);
    let stock = facts.stock.picked();
    let code = order.terms.lines[line].codes.first().cloned().unwrap_or_else(|| (&**sku).into());
    trail.push(Event::ItemPicked {
        order: order.reference(),
        item: order.item(line),
        code,
        method: Method::Manual,
        picked: order.progress.lines[line].picked + 1,
        wanted: order.wanted(line),
        stock,
    });
    if step == Step::Both {
        trail.push(Event::ItemPacked {
            order: order.reference(),
            item: order.item(line),
            parcel: trail.order.packing_into(),
            packed: order.progress.lines[line].packed + 1,
            wanted: order.wanted(line),
            values: Values::default(),
        });
    }
    let answer = Answer::new(Signal::Accepted).order(&order.terms.number).item(&order.terms.lines[line].name);
    let mut decision = unit::close(facts, trail, answer);
    decision.stock.push((sku.clone(), stock));
    Some(decision)
}

/// The order is open here again, if nothing else is.
fn opened_again(facts: &Facts<'_>, trail: Trail, step: Step) -> Decision {
    let (done, of) = progress(&trail.order, step);
    let order = trail.order.terms.id.clone();
    let answer = Answer::new(Signal::Accepted).order(&trail.order.terms.number).progress(done, of);
    let mut decision = trail.decision(facts, answer);
    if facts.station.work == Work::Idle {
        decision.station.work = Work::Order(order);
    }
    decision
}

fn unpicked(order: &Order, line: usize, restocked: bool, stock: Stock) -> Event {
    Event::ItemUnpicked {
        order: order.reference(),
        item: order.item(line),
        picked: order.progress.lines[line].picked.saturating_sub(1),
        wanted: order.wanted(line),
        put_back: false,
        restocked,
        stock,
    }
}

fn unpacked(order: &Order, line: usize, values: Values) -> Event {
    Event::ItemUnpacked {
        order: order.reference(),
        item: order.item(line),
        parcel: order.packing_into(),
        packed: order.progress.lines[line].packed.saturating_sub(1),
        wanted: order.wanted(line),
        values,
    }
}

/// Whether a scan names a line or an item, and not something else.
pub fn is_item(facts: &Facts<'_>, scan: &Scan) -> bool {
    matches!(scan.meaning, Meaning::Line(_) | Meaning::Product(_))
        || (scan.meaning == Meaning::Plain && matches!(facts.subject, Subject::Product { .. } | Subject::Nothing))
}
