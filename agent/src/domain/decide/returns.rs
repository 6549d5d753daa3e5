//! Goods that come back: from customers, and from orders that no longer want them. Nothing is ever refused that lies on
//! the table.

use super::{Decision, Facts, Subject, Trail, bench, correct};
use crate::domain::code::{Condition, Meaning, Scan, Verb};
use crate::domain::event::Event;
use crate::domain::name::ReturnId;
use crate::domain::notice;
use crate::domain::order::Order;
use crate::domain::returns::{FOUND_MAX, Return, ReturnState, Returned};
use crate::domain::signal::{Answer, Ask, Reason, Signal};
use crate::domain::station::{Counted, Pending, Work};
use std::sync::Arc;

pub fn scan(facts: &Facts<'_>, scan: &Scan) -> Decision {
    match &scan.meaning {
        Meaning::Verb(Verb::Done) => done(facts),
        Meaning::Verb(Verb::Take) => bench::take(facts),
        Meaning::Cause(crate::domain::code::Cause::Damaged) => correct::damaged(facts),
        Meaning::Verb(_) | Meaning::Cause(_) | Meaning::Condition(_) | Meaning::Quantity(_) | Meaning::Bin(_) => {
            Decision::other_mode(facts)
        }
        _ => by_subject(facts, scan),
    }
}

fn by_subject(facts: &Facts<'_>, scan: &Scan) -> Decision {
    match &facts.subject {
        Subject::Return(_) | Subject::Order(_) | Subject::Parcel { .. } => match open(facts) {
            Some(decision) => decision,
            None => Decision::unknown(facts, scan),
        },
        Subject::Tote { order: Some(_), .. } => open(facts).unwrap_or_else(|| Decision::unknown(facts, scan)),
        Subject::Tote { id, order: None } => Decision::refused(facts, Signal::Refused, Reason::EmptyTote).item(id),
        Subject::Label(_) => Decision::unknown(facts, scan),
        Subject::Product { .. } | Subject::Nothing => item(facts, scan),
    }
}

/// The order that was scanned, by itself, by a parcel, or by its tote.
fn order_scanned<'a>(facts: &'a Facts<'_>) -> Option<&'a Order> {
    match &facts.subject {
        Subject::Order(order) | Subject::Parcel { order, .. } | Subject::Tote { order: Some(order), .. } => Some(order),
        _ => None,
    }
}

/// Opens the return that was scanned or is announced for the order that was; else one that nobody announced. An order
/// with goods to put back is opened for that.
pub fn open(facts: &Facts<'_>) -> Option<Decision> {
    if let Some(station) = facts.elsewhere() {
        return Some(Decision::refused(facts, Signal::Refused, Reason::OpenElsewhere(station)));
    }
    let order = order_scanned(facts);
    if let Some(order) = order.filter(|order| !order.progress.put_back.is_empty()) {
        return Some(open_put_back(facts, order));
    }
    let known = match (&facts.subject, order) {
        (Subject::Return(known), _) => Some(known),
        (_, Some(order)) => facts.returned.as_ref().filter(|known| {
            known.order.as_ref().is_some_and(|of| of.id == order.terms.id) && known.state != ReturnState::Completed
        }),
        _ => return None,
    };
    match known {
        Some(known) if known.state == ReturnState::Completed => {
            Some(Decision::refused(facts, Signal::Already, Reason::Finished).item(&known.id))
        }
        Some(known) => Some(receive(facts, known.clone(), order.or(facts.returned_of.as_ref()))),
        None => Some(receive_unannounced(facts, order)),
    }
}

fn open_put_back(facts: &Facts<'_>, order: &Order) -> Decision {
    let goods = &order.progress.put_back;
    let units = goods.iter().map(|goods| goods.units).sum();
    let names = goods.iter().map(|goods| Box::from(&*goods.item.name));
    let answer =
        Answer::new(Signal::Opened).order(&order.terms.number).progress(0, units).ask(Ask::Item).expected(names);
    let mut decision = Decision::nothing(facts, answer);
    decision.station.work = Work::PutBack(order.terms.id.clone());
    decision
}

fn receive(facts: &Facts<'_>, mut known: Return, order: Option<&Order>) -> Decision {
    let mut events = Vec::new();
    let is_new = known.state == ReturnState::Authorized;
    if is_new {
        push(&mut known, &mut events, |known| Event::ReturnReceived { about: known.reference() });
    }
    opened(facts, known, events, order.filter(|_| is_new))
}

fn receive_unannounced(facts: &Facts<'_>, order: Option<&Order>) -> Decision {
    let id = ReturnId::from(format!("{}-r{}", facts.rules.site, facts.return_serial).as_str());
    let fresh = Return::unannounced(id, order.map(Order::reference));
    let events = vec![Event::ReturnReceived { about: fresh.reference() }];
    let mut decision = opened(facts, fresh, events, order);
    decision.return_used = true;
    decision
}

/// The return is open here. `order`: what it belongs to, where its customer is to be told that it has come.
fn opened(facts: &Facts<'_>, known: Return, events: Vec<Event>, order: Option<&Order>) -> Decision {
    let (found, announced) = known.units();
    let names = known.outstanding().into_iter().map(|(line, _)| Box::from(&*line.name)).collect::<Vec<Box<str>>>();
    let answer = Answer::new(Signal::Opened).item(&known.id).progress(found, announced).ask(Ask::Item);
    let mut decision = Decision::nothing(facts, answer.expected(names));
    decision.answer.order = known.order.as_ref().map(|order| order.number.clone());
    decision.events = events;
    if let Some(order) = order
        && let Some(notice) = notice::return_received(facts.rules, order, &known, facts.now)
    {
        let mut trail = Trail::of(order);
        trail.tell(Some(notice));
        decision.take(trail);
    }
    decision.station.work = Work::Return(known.id.clone());
    decision.returned = Some(known);
    decision
}

/// # Panics
/// When the state machine refuses: then this file has decided what it must not.
fn push(known: &mut Return, events: &mut Vec<Event>, event: impl FnOnce(&Return) -> Event) {
    let event = event(known);
    if let Err(illegal) = known.apply(&event) {
        panic!("decided an illegal move: {illegal}");
    }
    events.push(event);
}

fn item(facts: &Facts<'_>, scan: &Scan) -> Decision {
    if let (Work::PutBack(_), Some(order)) = (&facts.station.work, &facts.open) {
        let is_known = facts.product().0.is_some() || matches!(scan.meaning, Meaning::Line(_));
        return match bench::goods_of(facts, order, scan) {
            Some(goods) => correct::put_back(facts, order, goods),
            None if !is_known => Decision::unknown(facts, scan),
            None => {
                let names = order.progress.put_back.iter().map(|goods| Box::from(&*goods.item.name));
                Decision::refused(facts, Signal::Wrong, Reason::NotOnOrder).about(order).expecting(names)
            }
        };
    }
    let open = facts.returned.as_ref().filter(|_| matches!(facts.station.work, Work::Return(_)));
    let Some(item) = returned(facts, scan, open) else {
        return Decision::unknown(facts, scan);
    };
    if open.is_some_and(|open| FOUND_MAX <= open.found.len()) {
        return Decision::refused(facts, Signal::Refused, Reason::Full);
    }
    let mut decision = match open {
        Some(_) => Decision::nothing(facts, Answer::new(Signal::Opened)),
        None => receive_unannounced(facts, None),
    };
    decision.answer = Answer::new(Signal::Opened).item(&item.name).ask(Ask::Condition);
    decision.station.pending = Some(Pending::Condition(item));
    decision
}

/// The item that was scanned: announced, known to the catalog, or at least a product's number.
fn returned(facts: &Facts<'_>, scan: &Scan, open: Option<&Return>) -> Option<Returned> {
    if let Meaning::Line(number) = scan.meaning {
        let line = open?.lines.get(number.checked_sub(1)?)?;
        let code = line.codes.first().cloned().unwrap_or_else(|| (&*line.sku).into());
        return Some(Returned {
            sku: Some(line.sku.clone()),
            name: Arc::clone(&line.name),
            code,
            values: Default::default(),
        });
    }
    let code = bench::product_code(scan);
    let (sku, name) = facts.product();
    let announced = open.and_then(|open| open.line_for(&code, sku));
    let values = scan.meaning.reading().map(|reading| reading.values.clone()).unwrap_or_default();
    let (sku, name) = match (announced, sku, name) {
        (Some(line), ..) => (Some(line.sku.clone()), Arc::clone(&line.name)),
        (None, Some(sku), Some(name)) => (Some(sku.clone()), Arc::clone(name)),
        (None, Some(sku), None) => (Some(sku.clone()), Arc::from(&**sku)),
        (None, None, _) => (None, Arc::from(&*scan.meaning.reading()?.code)),
    };
    Some(Returned { sku, name, code, values })
}

/// How the item is; what can be sold again goes on the shelf.
pub fn inspect(facts: &Facts<'_>, item: &Returned, condition: Condition) -> Decision {
    let Some(known) = &facts.returned else {
        return Decision::refused(facts, Signal::Refused, Reason::NothingToClose);
    };
    let mut known = known.clone();
    let stock = item.sku.as_ref().filter(|_| condition == Condition::Restock).map(|_| facts.stock.moved(1));
    let mut events = Vec::new();
    push(&mut known, &mut events, |known| Event::ItemInspected {
        about: known.reference(),
        item: item.clone(),
        condition,
        negates: false,
        stock,
    });
    let (found, announced) = known.units();
    let answer = Answer::new(Signal::Accepted).item(&item.name).progress(found, announced);
    let mut decision = Decision::nothing(facts, answer);
    decision.events = events;
    decision.stock.extend(item.sku.clone().zip(stock));
    decision.station.last = Some(Counted::Inspected { id: known.id.clone(), item: item.clone(), condition });
    decision.returned = Some(known);
    decision
}

/// `UNDO`: the item that was inspected last was not.
pub fn undo(facts: &Facts<'_>) -> Option<Decision> {
    let Some(Counted::Inspected { id, item, condition }) = &facts.station.last else { return None };
    let mut known = facts.returned.clone().filter(|known| known.id == *id && known.state == ReturnState::Receiving)?;
    let stock = item.sku.as_ref().filter(|_| *condition == Condition::Restock).map(|_| facts.stock.moved(-1));
    let mut events = Vec::new();
    push(&mut known, &mut events, |known| Event::ItemInspected {
        about: known.reference(),
        item: item.clone(),
        condition: *condition,
        negates: true,
        stock,
    });
    let (found, announced) = known.units();
    let answer = Answer::new(Signal::Accepted).item(&item.name).progress(found, announced);
    let mut decision = Decision::nothing(facts, answer);
    decision.events = events;
    decision.stock.extend(item.sku.clone().zip(stock));
    decision.returned = Some(known);
    Some(decision)
}

/// `DONE`: the box is empty. Goods that are put back can be left for later.
fn done(facts: &Facts<'_>) -> Decision {
    if let (Work::PutBack(_), Some(order)) = (&facts.station.work, &facts.open) {
        let mut decision = Decision::nothing(facts, Answer::new(Signal::Accepted).order(&order.terms.number));
        decision.station.lay_down();
        return decision;
    }
    let open = facts.returned.as_ref().filter(|_| matches!(facts.station.work, Work::Return(_)));
    let Some(known) = open else {
        return Decision::refused(facts, Signal::Refused, Reason::NothingToClose);
    };
    let mut known = known.clone();
    let outstanding = known.outstanding();
    let outstanding = outstanding.into_iter().map(|(line, left)| (line.sku.clone(), Arc::clone(&line.name), left));
    let outstanding = outstanding.collect();
    let mut events = Vec::new();
    push(&mut known, &mut events, |known| Event::ReturnCompleted {
        about: known.reference(),
        resolution: known.resolution.clone(),
        found: known.found.clone(),
        outstanding,
    });
    let (found, announced) = known.units();
    let answer = Answer::new(Signal::Completed).item(&known.id).progress(found, announced);
    let mut decision = Decision::nothing(facts, answer);
    decision.answer.order = known.order.as_ref().map(|order| order.number.clone());
    decision.events = events;
    decision.station.lay_down();
    decision.station.last = None;
    decision.returned = Some(known);
    decision
}
