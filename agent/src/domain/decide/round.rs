//! A round: several orders at once, each in its tote.

use super::bench::{not_workable, open};
use super::{Decision, Facts};
use crate::domain::name::{OrderId, ToteId};
use crate::domain::order::Order;
use crate::domain::signal::{Answer, Ask, Reason, Signal};
use crate::domain::station::{Pending, Step, Work};

/// A tote: at a packing bench it stands for the order in it; where items are picked it waits for an order to gather.
pub fn tote(facts: &Facts<'_>, id: &ToteId, holds: Option<&Order>) -> Decision {
    let in_round = matches!(&facts.station.work, Work::Round(totes) if totes.iter().any(|(tote, _)| tote == id));
    if in_round {
        return Decision::refused(facts, Signal::Already, Reason::Finished).item(id);
    }
    // What is packed lies in its parcels.
    let empty = |order: &&Order| order.progress.state.is_closed() || order.parcels_total().is_some();
    let Some(order) = holds.filter(|order| !empty(order)) else {
        return match facts.step() {
            Step::Pack => Decision::refused(facts, Signal::Refused, Reason::EmptyTote).item(id),
            Step::Pick | Step::Both => wait_for_order(facts, id),
        };
    };
    let in_use = || {
        let reason = Reason::ToteInUse(order.terms.number.clone());
        Decision::refused(facts, Signal::Refused, reason).item(id)
    };
    match not_workable(facts, order) {
        _ if is_gathering(facts) => in_use(),
        None => open(facts, order, None),
        Some(refused) if refused.answer.signal == Signal::Already && facts.step() == Step::Pick => in_use(),
        Some(refused) => refused.about(order),
    }
}

fn is_gathering(facts: &Facts<'_>) -> bool {
    matches!(facts.station.work, Work::Round(_))
}

fn wait_for_order(facts: &Facts<'_>, id: &ToteId) -> Decision {
    let have = match &facts.station.work {
        Work::Round(totes) => totes.len(),
        Work::Idle => 0,
        _ => {
            let number = facts.open.as_ref().map(|order| order.terms.number.clone());
            let reason = number.map_or(Reason::OtherMode, Reason::OrderOpen);
            return Decision::refused(facts, Signal::Refused, reason).item(id);
        }
    };
    if facts.rules.batch_size <= have {
        return Decision::refused(facts, Signal::Refused, Reason::RoundFull).item(id);
    }
    let mut decision = Decision::nothing(facts, Answer::new(Signal::Opened).item(id).ask(Ask::Order));
    decision.station.pending = Some(Pending::Tote(id.clone()));
    decision
}

/// The order for the tote that was scanned before it.
pub fn add(facts: &Facts<'_>, tote: &ToteId, order: &Order) -> Decision {
    let mut totes = match &facts.station.work {
        Work::Round(totes) => totes.clone(),
        _ => Vec::new(),
    };
    if totes.iter().any(|(_, open)| *open == order.terms.id) {
        return Decision::refused(facts, Signal::Already, Reason::Finished).about(order);
    }
    let mut decision = open(facts, order, Some(tote));
    if decision.answer.reason.is_some() {
        return decision.asking(Ask::Order);
    }
    decision.answer.item = Some(Box::from(&**tote));
    totes.push((tote.clone(), order.terms.id.clone()));
    decision.station.work = Work::Round(totes);
    decision
}

/// The round without an order that is finished.
pub fn without(work: &Work, order: &OrderId) -> Work {
    match work {
        Work::Round(totes) => {
            let rest: Vec<_> = totes.iter().filter(|(_, open)| open != order).cloned().collect();
            if rest.is_empty() { Work::Idle } else { Work::Round(rest) }
        }
        _ => Work::Idle,
    }
}
