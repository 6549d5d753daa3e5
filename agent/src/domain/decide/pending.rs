//! What was begun at a station, and how the next scan finishes it. A verb lets it be; what does not fit is refused, and
//! it goes on waiting.

use super::unit::{self, Place};
use super::{Decision, Facts, Subject, bench, correct, door, pickup, returns, round};
use crate::domain::code::{Cause, Meaning, Scan, Verb};
use crate::domain::name::{LineId, OrderId, Sku};
use crate::domain::order::{Delivery, Order};
use crate::domain::signal::{Answer, Ask, Reason, Signal};
use crate::domain::station::{Counted, Mode, Pending, Unit, Work};

/// The decision where the scan belongs to what was begun.
pub fn finish(facts: &Facts<'_>, scan: &Scan) -> Option<Decision> {
    let pending = facts.station.pending.as_ref()?;
    let unfit = |ask: Ask| Some(Decision::refused(facts, Signal::Wrong, Reason::Unfit).asking(ask));
    match (pending, &scan.meaning) {
        (Pending::Tote(tote), Meaning::Verb(Verb::Done)) => {
            Some(facts.next.as_ref().map_or_else(|| nothing_waits(facts), |order| round::add(facts, tote, order)))
        }
        (Pending::Condition(_), Meaning::Verb(Verb::Done)) => unfit(Ask::Condition),
        (_, Meaning::Verb(_)) => None,
        (Pending::Tote(tote), _) => match &facts.subject {
            Subject::Order(order) => Some(round::add(facts, tote, order)),
            _ => None,
        },
        (Pending::Take, _) => take_over(facts).or_else(|| unfit(Ask::Order)),
        (Pending::Unit(waiting), _) => {
            let place = place_of(facts, &waiting.order, &waiting.line)?;
            Some(unit::answer(facts, scan, place, waiting))
        }
        (Pending::Short { of: None, found }, _) if correct::is_item(facts, scan) => {
            Some(correct::short_item(facts, scan, *found))
        }
        (Pending::Short { of: Some(of), .. }, Meaning::Quantity(found)) => {
            let answer = Answer::new(Signal::Opened).progress(*found, *found).ask(Ask::Cause);
            let mut decision = Decision::nothing(facts, answer);
            decision.station.pending = Some(Pending::Short { of: Some(of.clone()), found: Some(*found) });
            Some(decision)
        }
        (Pending::Short { of: Some(of), found }, Meaning::Cause(cause)) if is_of_goods(*cause) => {
            Some(correct::short(facts, of, *found, *cause))
        }
        (Pending::Short { of: None, .. } | Pending::Remove(None), _) if !correct::is_item(facts, scan) => {
            unfit(Ask::Item)
        }
        (Pending::Short { .. }, _) => unfit(Ask::Cause),
        (Pending::Remove(None), _) => Some(correct::remove_item(facts, scan)),
        (Pending::Remove(Some(of)), _) => Some(correct::remove_serial(facts, scan, of)),
        (Pending::Condition(item), Meaning::Condition(condition)) => Some(returns::inspect(facts, item, *condition)),
        (Pending::Condition(_), _) => unfit(Ask::Condition),
        (Pending::Place { parcel, .. }, Meaning::Bin(place)) => pickup::place(facts, *parcel, place),
        (Pending::Found { parcel, .. }, Meaning::Cause(Cause::LeftBehind)) => door::left_behind(facts, *parcel),
        (Pending::Place { .. } | Pending::Found { .. }, _) => None,
    }
}

fn nothing_waits(facts: &Facts<'_>) -> Decision {
    Decision::refused(facts, Signal::Already, Reason::NothingWaits).asking(Ask::Order)
}

fn is_of_goods(cause: Cause) -> bool {
    matches!(cause, Cause::NotThere | Cause::Damaged | Cause::Other)
}

/// `TAKE` and what is open elsewhere: it is open here from now on, with all that is in it.
fn take_over(facts: &Facts<'_>) -> Option<Decision> {
    let opened = |decision: Decision, other| match decision.answer.reason {
        None => Decision { other, ..decision },
        Some(_) => decision,
    };
    let other = facts.elsewhere.clone();
    match &facts.subject {
        Subject::Order(order) if facts.station.mode.is_bench() => {
            let other = other.map(|mut other| {
                other.give_up(&order.terms.id);
                other
            });
            Some(opened(bench::open(&facts.without_others(), order, None), other))
        }
        Subject::Parcel { order, .. } if facts.station.mode == Mode::Load => {
            let other = other.map(|mut other| {
                other.lay_down();
                other.last = None;
                other
            });
            let decision = door::take_manifest(facts)?.about(order);
            Some(opened(decision, other))
        }
        Subject::Order(order) if facts.station.mode == Mode::Load && order.terms.delivery == Delivery::Pickup => {
            let other = other.map(|mut other| {
                other.give_up(&order.terms.id);
                other
            });
            Some(opened(pickup::fetch(&facts.without_others(), order), other))
        }
        Subject::Return(_) | Subject::Order(_) | Subject::Parcel { .. } if facts.station.mode == Mode::Return => {
            let other = other.map(|mut other| {
                other.lay_down();
                other.last = None;
                other
            });
            Some(opened(returns::open(&facts.without_others())?, other))
        }
        _ => None,
    }
}

/// The order at work here with this id.
fn order<'a>(facts: &'a Facts<'_>, id: &OrderId) -> Option<&'a Order> {
    let round = facts.round.iter().map(|(_, order)| order);
    facts.open.iter().chain(round).chain(&facts.undone).find(|order| order.terms.id == *id)
}

fn place_of<'a>(facts: &'a Facts<'_>, id: &OrderId, line: &LineId) -> Option<Place<'a>> {
    let order = order(facts, id)?;
    Some(Place { order, line: order.line(line)? })
}

/// The product whose stock the decision needs.
#[must_use]
pub fn sku_asked(facts: &Facts<'_>, scan: &Scan) -> Option<Sku> {
    let sku_at = |id: &OrderId, line: &LineId| place_of(facts, id, line).map(|place| place.sku().clone());
    let of_last = || match facts.station.last.as_ref()? {
        Counted::Units { order, line, .. } | Counted::Short { order, line, .. } => sku_at(order, line),
        Counted::Removed { sku, .. } => Some(sku.clone()),
        Counted::Inspected { item, .. } => item.sku.clone(),
        Counted::Sealed { .. } | Counted::Loaded { .. } | Counted::Tallied { .. } => None,
    };
    match (&scan.meaning, &facts.station.pending) {
        (Meaning::Verb(Verb::Undo), _) => of_last(),
        (_, Some(Pending::Unit(Unit { order, line, .. }))) => sku_at(order, line),
        (_, Some(Pending::Short { of: Some((order, line)), .. } | Pending::Remove(Some((order, line))))) => {
            sku_at(order, line)
        }
        (Meaning::Condition(_), Some(Pending::Condition(item))) => item.sku.clone(),
        (Meaning::Cause(_), _) => of_last(),
        (_, Some(Pending::Remove(None))) => correct::sku_removed(facts, scan).cloned(),
        _ => sku_scanned(facts, scan).cloned(),
    }
}

/// The product that a scanned item is here: of the line that it counts for or of the goods that go back, whatever else
/// has its code.
fn sku_scanned<'a>(facts: &'a Facts<'_>, scan: &Scan) -> Option<&'a Sku> {
    match (&facts.station.work, &facts.open) {
        (Work::Order(_) | Work::Round(_), _) => bench::place(facts, scan).map(|place| place.sku()),
        (Work::PutBack(_), Some(order)) => bench::goods_of(facts, order, scan).map(|goods| &goods.item.sku),
        _ => facts.product().0,
    }
}

/// The serial number, with its product, of which the decision needs to know whether a parcel has it.
#[must_use]
pub fn serial_asked(facts: &Facts<'_>, scan: &Scan) -> Option<(Sku, Box<str>)> {
    if let Some(Pending::Unit(unit)) = &facts.station.pending {
        let place = place_of(facts, &unit.order, &unit.line)?;
        return Some((place.sku().clone(), unit::serial_in(scan, place)?));
    }
    let serial = scan.meaning.reading()?.values.serial.clone()?;
    Some((sku_asked(facts, scan)?, serial))
}
