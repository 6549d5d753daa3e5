//! The bar at the top and what stands beside the stage.

use super::rest::carrier_name;
use super::say::signal_mark;
use super::{Clock, Facts, Line, Net, Rail, Top, Verdict, signal};
use crate::domain::order::{Delivery, Order};
use crate::domain::promise::Standing;
use crate::domain::signal::Signal;
use crate::journal::view::Open;
use crate::words::fill;
use jiff::Timestamp;

/// Scans that the rail lists.
pub const LINES_MAX: usize = 5;

pub fn top(facts: &Facts<'_>) -> Top {
    let words = facts.words;
    let count = |text: &str, events: u64| fill(text, &[("n", &events.to_string())]);
    let (net, offline) = match facts.net {
        Net::Up(0) => (words.sent.to_owned(), None),
        Net::Up(events) => (count(words.sending, events), None),
        Net::Down(events) => (String::new(), Some(count(words.offline, events))),
    };
    Top {
        name: facts.name.to_owned(),
        mode: words.mode(facts.bench.station.mode.word()).to_owned(),
        operator: facts.bench.station.operator.as_ref().map(ToString::to_string),
        net,
        offline,
        deaf: facts.is_deaf.then_some(words.deaf),
    }
}

pub fn rail(facts: &Facts<'_>) -> Rail {
    let count = |units: fn(&super::Counts) -> u64| facts.counts.map_or("–".to_owned(), |c| units(&c).to_string());
    Rail { clock: clock(facts), today: count(|c| c.today), hour: count(|c| c.hour), last: last(facts) }
}

/// The collection that the work here must make: of what is open, else of what is most urgent, else the next one.
pub fn clock(facts: &Facts<'_>) -> Clock {
    let words = facts.words;
    if !facts.clock_trusted {
        return Clock { title: words.clock_unknown.to_owned(), time: None, due: None, verdict: None };
    }
    let ahead = match &facts.bench.open {
        Open::Order(order) | Open::Collect(order) => of_order(facts, order, facts.bench.standing.as_ref()),
        Open::Round(totes) => {
            totes.first().and_then(|(_, order)| of_order(facts, order, facts.bench.standing.as_ref()))
        }
        Open::Manifest(manifest, _) => {
            manifest.collection.as_ref().map(|of| (Some(carrier_name(facts, &manifest.carrier)), of.at, None))
        }
        _ => facts.waiting.first.first().and_then(|first| {
            let standing = first.standing.as_ref();
            of_order(facts, &first.order, standing)
                .or(first.due.map(|due| (carrier_of(facts, &first.order), due, None)))
        }),
    };
    let ahead = ahead.or_else(|| next_collection(facts));
    let Some((carrier, at, verdict)) = ahead else {
        return Clock { title: words.no_collection.to_owned(), time: None, due: None, verdict: None };
    };
    let title = match carrier {
        Some(carrier) => fill(words.collects_in, &[("carrier", &carrier)]),
        None => words.ready_in.to_owned(),
    };
    let verdict = match (at < facts.now, verdict) {
        (true, _) => Some(Verdict { class: "stop", icon: "i-stopped", word: words.over_due.to_owned() }),
        (false, verdict) => with_left(facts, at, verdict),
    };
    Clock { title, time: Some(facts.time_or_day(at)), due: Some(facts.due(at)), verdict }
}

/// A verdict, and how many orders must make the same.
fn with_left(facts: &Facts<'_>, at: Timestamp, verdict: Option<Verdict>) -> Option<Verdict> {
    let left = facts.waiting.by_due.get(&at).copied().filter(|left| 0 < *left);
    let left = left.map(|left| facts.words.orders_left.of(left));
    match (verdict, left) {
        (Some(verdict), Some(left)) => Some(Verdict { word: format!("{}: {left}", verdict.word), ..verdict }),
        (None, Some(left)) => Some(Verdict { class: "quiet", icon: "i-parcel", word: left }),
        (verdict, None) => verdict,
    }
}

type Ahead = (Option<String>, Timestamp, Option<Verdict>);

fn of_order(facts: &Facts<'_>, order: &Order, standing: Option<&Standing>) -> Option<Ahead> {
    let at = match standing {
        Some(standing) => Some(standing.target.at),
        None => facts.rules.carrier_id_of(order).and_then(|carrier| {
            let by = order.terms.promise.ship_by;
            facts.rules.must_make(carrier, by, facts.now, facts.clock_trusted).map(|collection| collection.at)
        }),
    };
    Some((carrier_of(facts, order), at?, facts.verdict(standing)))
}

fn carrier_of(facts: &Facts<'_>, order: &Order) -> Option<String> {
    match &order.terms.delivery {
        Delivery::Carrier { carrier, .. } => Some(carrier_name(facts, carrier)),
        Delivery::Pickup => None,
    }
}

fn next_collection(facts: &Facts<'_>) -> Option<Ahead> {
    let next = |carrier: &crate::domain::carrier::Carrier| {
        let collection = carrier.next_collection(facts.now, &facts.rules.zone)?;
        Some((collection.at, carrier.name.to_string()))
    };
    // At the door those come first for whom something waits.
    let waits = |carrier: &&crate::domain::carrier::Carrier| {
        facts.door.waiting.iter().any(|(waiting, _)| *waiting == carrier.id)
    };
    let carriers = || facts.rules.carriers.iter();
    let (at, carrier) =
        carriers().filter(waits).filter_map(next).min().or_else(|| carriers().filter_map(next).min())?;
    Some((Some(carrier), at, None))
}

fn last(facts: &Facts<'_>) -> Vec<Line> {
    let answers = facts.answers.iter().map(|last| {
        let (class, icon) = signal_mark(last.answer.signal);
        let name = match last.answer.signal {
            Signal::Unknown => last.code.clone(),
            _ => signal::about(facts, last),
        };
        Line { class, icon, name, time: facts.time(last.at) }
    });
    let past = facts.past.iter().map(|past| {
        let (class, icon) = signal_mark(Signal::Accepted);
        Line { class, icon, name: past.what.clone(), time: facts.time(past.at) }
    });
    answers.chain(past).take(LINES_MAX).collect()
}
