//! The bench in single-step flow: one person picks and packs with one scan.

use super::{Decision, Facts, Subject, Trail, expected, items};
use crate::domain::code::{Meaning, Scan, Verb};
use crate::domain::event::Event;
use crate::domain::name::{DispatchKey, ProductCode};
use crate::domain::notice::{Milestone, notice};
use crate::domain::order::{Delivery, Order, ParcelState, State};
use crate::domain::signal::{Answer, Reason, Signal};
use crate::domain::sscc::Sscc;
use crate::domain::station::Work;

pub fn verb(facts: &Facts<'_>, verb: Verb) -> Decision {
    match verb {
        Verb::Done => done(facts),
        Verb::Seal => seal_by_verb(facts),
        Verb::HandOver | Verb::Cancel | Verb::Mode(_) => Decision::refused(facts, Signal::Refused, Reason::OtherMode),
    }
}

pub fn code(facts: &Facts<'_>, scan: &Scan) -> Decision {
    match &facts.subject {
        Subject::Parcel { order, n } => parcel(facts, order, *n),
        Subject::Order(order) => open(facts, order),
        Subject::Product { .. } | Subject::Nothing => item(facts, scan),
    }
}

/// Without an order: opens the most urgent one. With one that is unfinished: puts it down.
fn done(facts: &Facts<'_>) -> Decision {
    if let Some(order) = &facts.open {
        let (packed, wanted) = order.units();
        let answer = Answer::new(Signal::Accepted).order(&order.terms.number).progress(packed, wanted);
        let mut decision = Decision::nothing(facts, answer);
        decision.station.work = Work::Idle;
        decision.station.put_down = Some(order.terms.id.clone());
        return decision;
    }
    match &facts.next {
        Some(order) => open(facts, order),
        None => Decision::refused(facts, Signal::Already, Reason::NothingWaits),
    }
}

fn open(facts: &Facts<'_>, order: &Order) -> Decision {
    if let Some(refused) = not_workable(facts, order) {
        return refused.about(order);
    }
    if let Some(open) = &facts.open
        && open.terms.id != order.terms.id
        && open.open_parcel().is_some()
    {
        let reason = Reason::OrderOpen(open.terms.number.clone());
        return Decision::refused(facts, Signal::Refused, reason).about(order);
    }
    let (packed, wanted) = order.units();
    let mut trail = Trail::of(order);
    if order.progress.state == State::Accepted {
        trail.push(Event::PackStarted { order: order.reference(), units: wanted });
    }
    let answer = Answer { expected: expected(order), ..Answer::new(Signal::Opened) };
    let mut decision = trail.decision(facts, answer.order(&order.terms.number).progress(packed, wanted));
    decision.station.work = Work::Order(order.terms.id.clone());
    decision.station.put_down = None;
    decision
}

fn not_workable(facts: &Facts<'_>, order: &Order) -> Option<Decision> {
    let refused = |signal, reason| Some(Decision::refused(facts, signal, reason));
    match order.progress.state {
        State::Cancelled => refused(Signal::Refused, Reason::Cancelled),
        State::AwaitsPlatform => refused(Signal::Refused, Reason::AwaitsPlatform),
        State::Packed | State::PartlyDispatched | State::Completed => refused(Signal::Already, Reason::Finished),
        State::Accepted | State::Packing => {
            let station = facts.elsewhere.clone()?;
            refused(Signal::Refused, Reason::OpenElsewhere(station))
        }
    }
}

fn parcel(facts: &Facts<'_>, order: &Order, n: u32) -> Decision {
    let state = order.parcel(n).map(|parcel| parcel.state);
    let decision = match state {
        Some(ParcelState::Withdrawn) => Decision::refused(facts, Signal::Refused, Reason::Cancelled),
        _ => Decision::refused(facts, Signal::Already, Reason::Finished),
    };
    decision.about(order)
}

fn item(facts: &Facts<'_>, scan: &Scan) -> Decision {
    let code = product_code(scan);
    let (sku, name) = match &facts.subject {
        Subject::Product { sku, name } => (sku.as_ref(), name.as_deref()),
        Subject::Parcel { .. } | Subject::Order(_) | Subject::Nothing => (None, None),
    };
    let known = sku.is_some();
    let Some(order) = &facts.open else {
        return match known {
            true => Decision::refused(facts, Signal::Refused, Reason::NoOrderOpen),
            false => unknown(facts, scan),
        };
    };
    if let Some(refused) = not_workable(facts, order) {
        return refused.about(order);
    }
    let Some(line) = order.line_for(&code, sku) else {
        let decision = match known {
            true => Decision::refused(facts, Signal::Wrong, Reason::NotOnOrder),
            false => unknown(facts, scan),
        };
        let answer = Answer { expected: expected(order), ..decision.answer };
        let answer = name.into_iter().fold(answer, Answer::item);
        return Decision { answer, ..Decision::nothing(facts, Answer::new(Signal::Wrong)) }.about(order);
    };
    if order.missing(line) == 0 {
        let decision = Decision::refused(facts, Signal::Over, Reason::LineComplete).about(order);
        let answer = Answer { expected: expected(order), ..decision.answer.item(&order.terms.lines[line].name) };
        return Decision { answer, ..Decision::nothing(facts, Answer::new(Signal::Over)) };
    }
    count(facts, order, line, code)
}

fn unknown(facts: &Facts<'_>, scan: &Scan) -> Decision {
    let answer = Answer::because(Signal::Unknown, Reason::UnknownCode).item(&scan.shown());
    Decision::nothing(facts, answer)
}

/// One unit picked and packed; the last one seals the parcel and finishes the order.
fn count(facts: &Facts<'_>, order: &Order, line: usize, code: ProductCode) -> Decision {
    let mut trail = Trail::of(order);
    let (item, wanted) = (order.item(line), order.terms.lines[line].quantity);
    let parcel = order.packing_into();
    let stock = facts.stock.picked();
    trail.push(Event::ItemPicked {
        order: order.reference(),
        item: item.clone(),
        code,
        method: facts.method,
        picked: order.progress.lines[line].picked + 1,
        wanted,
        stock,
    });
    let packed = order.progress.lines[line].packed + 1;
    trail.push(Event::ItemPacked { order: order.reference(), item: item.clone(), parcel, packed, wanted });
    if stock.on_hand == facts.rules.low_stock {
        let threshold = facts.rules.low_stock;
        trail.push(Event::StockLow { sku: item.sku.clone(), name: item.name.clone(), stock, threshold });
    }
    let finished = trail.order.is_filled();
    if finished {
        seal(facts, &mut trail);
        finish(facts, &mut trail);
    }
    let (done, of) = trail.order.units();
    let signal = if finished { Signal::Completed } else { Signal::Accepted };
    let answer = Answer::new(signal).order(&order.terms.number).item(&item.name).progress(done, of);
    let mut decision = trail.decision(facts, answer);
    decision.stock = Some((item.sku, stock));
    decision.sscc_used = u64::from(finished);
    if finished {
        decision.station.work = Work::Idle;
    }
    decision
}

/// `SEAL`: closes the open parcel; the next unit begins another one.
fn seal_by_verb(facts: &Facts<'_>) -> Decision {
    let Some(order) = &facts.open else {
        return Decision::refused(facts, Signal::Refused, Reason::NoOrderOpen);
    };
    if let Some(refused) = not_workable(facts, order) {
        return refused.about(order);
    }
    let mut trail = Trail::of(order);
    let has_contents = order.open_parcel().is_some();
    let finished = order.is_filled() && (has_contents || !order.progress.parcels.is_empty());
    if !has_contents && !finished {
        return Decision::refused(facts, Signal::Refused, Reason::NothingToClose).about(order);
    }
    if has_contents {
        seal(facts, &mut trail);
    }
    if finished {
        finish(facts, &mut trail);
    } else {
        request_dispatch(facts, &mut trail);
    }
    let (done, of) = trail.order.units();
    let answer = Answer::new(Signal::Completed).order(&order.terms.number).progress(done, of);
    let mut decision = trail.decision(facts, answer);
    decision.sscc_used = u64::from(has_contents);
    if finished {
        decision.station.work = Work::Idle;
    }
    decision
}

fn seal(facts: &Facts<'_>, trail: &mut Trail) {
    let n = trail.order.packing_into();
    trail.push(Event::ParcelSealed {
        order: trail.order.reference(),
        parcel: n,
        sscc: Sscc::mint(&facts.rules.company_prefix, facts.sscc_serial),
        contents: items(&trail.order, n),
    });
}

fn finish(facts: &Facts<'_>, trail: &mut Trail) {
    let parcels = trail.order.progress.parcels.len() as u32;
    trail.push(Event::PackCompleted { order: trail.order.reference(), parcels });
    request_dispatch(facts, trail);
    if let Some(notice) = notice(&facts.rules.site, &trail.order, Milestone::Packed, None, facts.now) {
        trail.push(Event::NotificationRequested(Box::new(notice)));
    }
    trail.complete_if_gone();
}

/// Asks the platform for a courier for the parcel sealed last, if it has not been asked yet.
fn request_dispatch(facts: &Facts<'_>, trail: &mut Trail) {
    let order = &trail.order;
    let Delivery::Carrier { carrier, service } = &order.terms.delivery else {
        return;
    };
    let Some(parcel) = order.progress.parcels.last().filter(|parcel| parcel.dispatch.is_none()) else {
        return;
    };
    let Some(sscc) = parcel.sscc.filter(|_| parcel.state == ParcelState::Sealed) else {
        return;
    };
    let collection = facts.rules.collection_for(order, facts.now, facts.clock_trusted);
    let revision = parcel.dispatch_revision + 1;
    let event = Event::DispatchRequested {
        order: order.reference(),
        key: dispatch_key(order, parcel.n, collection.as_ref().map_or("-", |collection| &collection.id), revision),
        parcel: parcel.n,
        of: order.parcels_total(),
        sscc,
        carrier: carrier.clone(),
        carrier_name: facts.rules.carrier_of(order).map_or(&**carrier, |known| &known.name).into(),
        service: service.clone(),
        time_left_s: collection.as_ref().map(|collection| collection.at.duration_since(facts.now).as_secs()),
        collection,
        revision,
    };
    trail.push(event);
}

fn dispatch_key(order: &Order, parcel: u32, collection: &str, revision: u32) -> DispatchKey {
    format!("{}/{parcel}/{collection}/{revision}", order.terms.id).as_str().into()
}

fn product_code(scan: &Scan) -> ProductCode {
    match &scan.meaning {
        Meaning::Product(code) => code.clone(),
        Meaning::Verb(_) | Meaning::Forged | Meaning::Sscc(_) | Meaning::Plain => {
            String::from_utf8_lossy(&scan.text).as_ref().into()
        }
    }
}
