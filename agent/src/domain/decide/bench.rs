//! The bench: orders are opened, picked and packed, with one scan per unit for both or in two steps.

use super::unit::{self, Place};
use super::{Decision, Facts, Subject, Trail, correct, expected, parcel, progress, round, wants};
use crate::domain::code::{Cause, Meaning, Reading, Scan, Verb};
use crate::domain::event::Event;
use crate::domain::name::{BinId, ProductCode, ToteId};
use crate::domain::order::{Order, PutBack, State};
use crate::domain::signal::{Answer, Ask, Reason, Signal};
use crate::domain::station::{Pending, Step, Unit, Work};

pub fn scan(facts: &Facts<'_>, scan: &Scan) -> Decision {
    match &scan.meaning {
        Meaning::Verb(verb) => by_verb(facts, *verb),
        Meaning::Cause(Cause::Damaged) => correct::damaged(facts),
        Meaning::Cause(_) | Meaning::Condition(_) | Meaning::Quantity(_) => Decision::other_mode(facts),
        Meaning::Bin(id) => bin(facts, id),
        _ => by_subject(facts, scan),
    }
}

fn by_verb(facts: &Facts<'_>, verb: Verb) -> Decision {
    match verb {
        Verb::Done => done(facts),
        Verb::Seal => parcel::seal_by_verb(facts),
        Verb::Reprint => parcel::reprint(facts),
        Verb::Short => correct::begin(facts, Pending::Short { of: None, found: None }),
        Verb::Remove => correct::begin(facts, Pending::Remove(None)),
        Verb::Take => take(facts),
        Verb::HandOver | Verb::Cancel | Verb::Undo | Verb::Mode(_) => Decision::other_mode(facts),
    }
}

fn by_subject(facts: &Facts<'_>, scan: &Scan) -> Decision {
    match &facts.subject {
        Subject::Parcel { order, n, void } => parcel::scanned(facts, order, *n, *void),
        Subject::Label(label) => match facts.step() {
            Step::Pick => Decision::other_mode(facts),
            Step::Pack | Step::Both => parcel::labelled_by(facts, label),
        },
        Subject::Order(order) => open(facts, order, None),
        Subject::Tote { id, order } => round::tote(facts, id, order.as_ref()),
        Subject::Return(_) => Decision::other_mode(facts),
        Subject::Product { .. } | Subject::Nothing => item(facts, scan),
    }
}

/// Without an order: opens the most urgent one. With one that is unfinished: puts it down.
fn done(facts: &Facts<'_>) -> Decision {
    if let Some(order) = &facts.open {
        let (done, wanted) = progress(order, facts.step());
        let answer = Answer::new(Signal::Accepted).order(&order.terms.number).progress(done, wanted);
        let mut decision = Decision::nothing(facts, answer);
        decision.station.lay_down();
        decision.station.put_down = Some(order.terms.id.clone());
        return decision;
    }
    if let Work::Round(_) = facts.station.work {
        let mut decision = Decision::nothing(facts, Answer::new(Signal::Accepted));
        decision.station.lay_down();
        return decision;
    }
    match &facts.next {
        Some(order) => open(facts, order, None),
        None => Decision::refused(facts, Signal::Already, Reason::NothingWaits),
    }
}

/// `TAKE` waits for what is open at another station.
pub fn take(facts: &Facts<'_>) -> Decision {
    let mut decision = Decision::nothing(facts, Answer::new(Signal::Opened).ask(Ask::Order));
    decision.station.pending = Some(Pending::Take);
    decision
}

/// Opens `order`, alone or in a tote of the round.
pub fn open(facts: &Facts<'_>, order: &Order, tote: Option<&ToteId>) -> Decision {
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
    if tote.is_none() && matches!(facts.station.work, Work::Round(_)) {
        return Decision::refused(facts, Signal::Refused, Reason::WantsTote).about(order);
    }
    let step = facts.step();
    let mut trail = Trail::of(order);
    begin(&mut trail, step, tote);
    let (done, wanted) = progress(&trail.order, step);
    let answer = Answer::new(Signal::Opened).order(&order.terms.number).progress(done, wanted);
    let mut decision = trail.decision(facts, answer).expecting(expected(order, step));
    if let Some(bin) = first_bin(facts, order, step) {
        decision = decision.asking(Ask::Bin(bin));
    }
    decision.station.bin = None;
    decision.station.put_down = None;
    decision.station.work = Work::Order(order.terms.id.clone());
    decision
}

/// The events by which work on the order begins at this step, where it has not: also behind its opening, where the flow
/// or the order's state was changed while it was open here.
pub fn begin(trail: &mut Trail, step: Step, tote: Option<&ToteId>) {
    let (state, order) = (trail.order.progress.state, trail.order.reference());
    let elsewhere = tote.is_some() && tote != trail.order.progress.tote.as_ref();
    let tote = tote.cloned();
    match step {
        Step::Pick if state != State::Picking || elsewhere => {
            let (_, units) = trail.order.units_picked();
            trail.push(Event::PickStarted { order, units, tote });
        }
        Step::Pack | Step::Both if state != State::Packing || elsewhere => {
            let (_, units) = trail.order.units();
            trail.push(Event::PackStarted { order, units, tote });
        }
        Step::Pick | Step::Pack | Step::Both => {}
    }
}

/// Why the order can't be worked on here, as an answer.
pub fn not_workable(facts: &Facts<'_>, order: &Order) -> Option<Decision> {
    let elsewhere = || Some(Decision::refused(facts, Signal::Refused, Reason::OpenElsewhere(facts.elsewhere()?)));
    stopped(facts, order).or_else(elsewhere)
}

/// Why nobody can work on the order at this step, wherever it is open.
pub fn stopped(facts: &Facts<'_>, order: &Order) -> Option<Decision> {
    let refused = |signal, reason| Some(Decision::refused(facts, signal, reason));
    let unpicked = (0..order.terms.lines.len()).any(|line| 0 < order.missing(line));
    match (order.progress.state, facts.step()) {
        (State::Cancelled, _) => refused(Signal::Refused, Reason::Cancelled),
        (State::AwaitsPlatform, _) => refused(Signal::Refused, Reason::AwaitsPlatform),
        _ if order.progress.held => refused(Signal::Refused, Reason::OnHold),
        (State::Packed | State::PartlyDispatched | State::Completed, _) => refused(Signal::Already, Reason::Finished),
        (State::Accepted | State::Picking, Step::Pack) => refused(Signal::Refused, Reason::NotPicked),
        (State::Picked, Step::Pick) => refused(Signal::Already, Reason::Finished),
        (State::Packing, Step::Pick) if !unpicked => refused(Signal::Already, Reason::Finished),
        _ => None,
    }
}

/// The place of the first line that is still wanted, where places are scanned.
fn first_bin(facts: &Facts<'_>, order: &Order, step: Step) -> Option<BinId> {
    let places = facts.rules.bins && step != Step::Pack;
    let mut lines = (0..order.terms.lines.len()).filter(|_| places);
    lines.find_map(|line| order.terms.lines[line].bin.clone().filter(|_| 0 < wants(order, line, step)))
}

/// A place on the shelf: right where a line that is still wanted lies there.
fn bin(facts: &Facts<'_>, id: &BinId) -> Decision {
    let step = facts.step();
    let orders = orders_here(facts);
    let Some(first) = orders.first() else {
        return Decision::refused(facts, Signal::Refused, Reason::NoOrderOpen);
    };
    let wanted = |order: &&Order, line: usize| 0 < wants(order, line, step);
    let lies_here = |order: &&Order| {
        let lines = 0..order.terms.lines.len();
        lines.clone().any(|line| order.terms.lines[line].bin.as_ref() == Some(id) && wanted(order, line))
    };
    if let Some(order) = orders.iter().find(|order| lies_here(order)) {
        let here = |line: &usize| order.terms.lines[*line].bin.as_ref() == Some(id) && wanted(order, *line);
        let names = (0..order.terms.lines.len()).filter(here).map(|line| Box::from(&*order.terms.lines[line].name));
        let answer = Answer::new(Signal::Opened).item(id).ask(Ask::Item).expected(names);
        let mut decision = Decision::nothing(facts, answer).about(order);
        decision.station.bin = Some(id.clone());
        return decision;
    }
    match orders.iter().find_map(|order| first_bin(facts, order, step)) {
        Some(right) => {
            let decision = Decision::refused(facts, Signal::Wrong, Reason::WrongBin(right.clone())).about(first);
            decision.expecting([Box::from(&*right)]).asking(Ask::Bin(right))
        }
        None => Decision::refused(facts, Signal::Wrong, Reason::NotOnOrder).about(first),
    }
}

/// The orders that an item here may be for.
fn orders_here<'a>(facts: &'a Facts<'_>) -> Vec<&'a Order> {
    match &facts.station.work {
        Work::Round(_) => facts.round.iter().map(|(_, order)| order).collect(),
        _ => facts.open.iter().collect(),
    }
}

fn item(facts: &Facts<'_>, scan: &Scan) -> Decision {
    let (sku, name) = facts.product();
    let orders = orders_here(facts);
    let Some(first) = orders.first() else {
        return match sku {
            Some(_) => Decision::refused(facts, Signal::Refused, Reason::NoOrderOpen),
            None => Decision::unknown(facts, scan),
        };
    };
    let step = facts.step();
    if let [only] = orders[..]
        && let Some(refused) = not_workable(facts, only)
    {
        return refused.about(only);
    }
    let Some(Place { order, line }) = place(facts, scan) else {
        let decision = match sku {
            Some(_) => Decision::refused(facts, Signal::Wrong, Reason::NotOnOrder),
            None if matches!(scan.meaning, Meaning::Line(_)) => {
                Decision::refused(facts, Signal::Wrong, Reason::NotOnOrder)
            }
            None => Decision::unknown(facts, scan),
        };
        let decision = decision.expecting(expected(first, step)).about(first);
        return name.into_iter().fold(decision, |decision, name| decision.item(name));
    };
    let reading = scan.meaning.reading().cloned().unwrap_or_else(|| Reading::from(&*product_code(scan)));
    let by_hand = matches!(scan.meaning, Meaning::Line(_));
    let unit = Unit { by_hand, ..Unit::read(order.terms.id.clone(), order.terms.lines[line].id.clone(), reading) };
    unit::take_in(facts, Place { order, line }, unit)
}

/// The line here that a scanned item counts for: one that still wants it, or else one that has it already.
pub fn place<'a>(facts: &'a Facts<'_>, scan: &Scan) -> Option<Place<'a>> {
    let step = facts.step();
    let orders = orders_here(facts);
    let workable = || orders.iter().copied().filter(|order| not_workable(facts, order).is_none());
    let wanting = workable().find_map(|order| place_of(facts, order, scan, |line| 0 < wants(order, line, step)));
    wanting.or_else(|| workable().find_map(|order| place_of(facts, order, scan, |_| true)))
}

/// The line of `order` that the scanned item, or the line named instead, is for: one for which `suits` is true.
pub fn place_of<'a>(
    facts: &Facts<'_>,
    order: &'a Order,
    scan: &Scan,
    suits: impl Fn(usize) -> bool,
) -> Option<Place<'a>> {
    let line = match &scan.meaning {
        Meaning::Line(number) => number.checked_sub(1).filter(|line| *line < order.terms.lines.len())?,
        _ => {
            let here = |line: usize| {
                let bin = &order.terms.lines[line].bin;
                facts.station.bin.is_none() || *bin == facts.station.bin
            };
            let code = product_code(scan);
            let near = order.line_for(&code, facts.product().0, |line| suits(line) && here(line))?;
            match suits(near) && here(near) {
                true => near,
                false => order.line_for(&code, facts.product().0, &suits)?,
            }
        }
    };
    suits(line).then_some(Place { order, line })
}

/// The goods of `order` to be put back that the scanned item, or the line named instead, is one of.
pub fn goods_of<'a>(facts: &Facts<'_>, order: &'a Order, scan: &Scan) -> Option<&'a PutBack> {
    match scan.meaning {
        Meaning::Line(number) => order.put_back_of(number.checked_sub(1)?),
        _ => order.put_back_for(&product_code(scan), facts.product().0),
    }
}

/// The code that a scanned item is looked up by.
pub fn product_code(scan: &Scan) -> ProductCode {
    match &scan.meaning {
        Meaning::Product(reading) => reading.code.clone(),
        _ => String::from_utf8_lossy(&scan.text).as_ref().into(),
    }
}
