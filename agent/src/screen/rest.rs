//! What to do next, whatever was said last: the screen at rest, and the card under every signal.

use super::act::{self, Act, Touch};
use super::{Below, Big, Facts, Gathered, Lead, Mark, Next, Row, Stage, State, Tote, signal};
use crate::domain::code::{Cause, Condition};
use crate::domain::manifest::Manifest;
use crate::domain::name::ToteId;
use crate::domain::order::{Delivery, Order, ParcelState};
use crate::domain::returns::Return;
use crate::domain::station::{Mode, Pending, Step, Tally, Unit, Work};
use crate::journal::view::{Left, Open};
use crate::words::fill;
use jiff::{SignedDuration, ToSpan};

/// More marks than this are no longer seen at once.
const PIPS_MAX: u32 = 12;

/// Orders that a screen lists; the smallest one shows the first three of them.
pub const ROWS_MAX: usize = 4;

pub fn stage(facts: &Facts<'_>) -> Stage {
    if signal::wants_badge(facts) {
        return plain(State::Badge, "i-badge", facts.words.badge).what(facts.words.badge_what);
    }
    if let Some(pending) = facts.pending()
        && let Some(stage) = begun(facts, pending)
    {
        return stage;
    }
    match (&facts.bench.station.work, &facts.bench.open) {
        (_, Open::Order(order)) => at_order(facts, order),
        (_, Open::Round(totes)) if !totes.is_empty() => in_round(facts, totes),
        (Work::Manifest { hand_over_asked, .. }, Open::Manifest(manifest, left)) => {
            at_manifest(facts, manifest, left, *hand_over_asked)
        }
        (_, Open::Collect(order)) => collecting(facts, order),
        (_, Open::PutBack(order)) => putting_back(facts, order),
        (_, Open::Return(known)) => receiving(facts, known),
        (Work::Tally(lines), _) => tallying(facts, lines),
        _ => idle(facts),
    }
}

/// The card of a stage, for under a signal.
pub fn card(stage: &Stage) -> Below {
    match &stage.below {
        Below::Queue { .. } => Below::Nothing,
        below => below.clone(),
    }
}

fn plain(state: State, icon: &'static str, word: &str) -> Stage {
    let (mark, word) = (Mark::Icon(icon), word.to_owned());
    Stage { state, mark, word, big: None, pips: None, what: None, below: Below::Nothing }
}

impl Stage {
    fn what(self, what: impl Into<String>) -> Self {
        Self { what: Some(what.into()), ..self }
    }

    fn text(self, text: impl Into<String>) -> Self {
        Self { big: Some(Big::Text(text.into())), ..self }
    }

    /// How far it is.
    pub fn progress(self, done: u32, of: u32) -> Self {
        Self { big: Some(Big::Of(done, of)), pips: pips(done, of), ..self }
    }

    fn below(self, below: Below) -> Self {
        Self { below, ..self }
    }
}

pub fn pips(done: u32, of: u32) -> Option<(u32, u32)> {
    Some((done.min(of), of)).filter(|(_, of)| (1..=PIPS_MAX).contains(of))
}

fn next(lead: Lead, does: &str, name: impl Into<String>, place: Option<String>) -> Below {
    Below::Next(Next { lead, does: does.to_owned(), name: name.into(), place })
}

/// What was begun and the next scan finishes.
fn begun(facts: &Facts<'_>, pending: &Pending) -> Option<Stage> {
    let words = facts.words;
    let ask = |word: &str, what: &str| plain(State::Ask, "i-barcode", word).what(what);
    Some(match pending {
        Pending::Unit(Unit { tote: Some(tote), order, line, .. }) => {
            let name = line_name(facts, order, line).unwrap_or_default();
            let tote = Tote::of(tote);
            Stage {
                mark: Mark::Tote(tote.clone()),
                ..plain(State::Round, "", &fill(words.put_in_tote, &[("tote", &tote.id)]))
            }
            .text(name)
            .what(words.then_scan_tote)
            .below(Below::Totes(gathered(facts, Some(&tote.id))))
        }
        Pending::Unit(unit) => {
            let name = line_name(facts, &unit.order, &unit.line).unwrap_or_default();
            let order = open_order(facts, &unit.order)?;
            let capture = &order.terms.lines[order.line(&unit.line)?].capture;
            if capture.serial && unit.values.serial.is_none() {
                ask(words.serial, words.serial_what).text(name)
            } else if capture.lot && unit.values.lot.is_none() {
                ask(words.lot, words.lot_what).text(name)
            } else {
                let from = facts.rules.day(facts.now).checked_add(1.month()).ok()?;
                ask(words.expiry, words.expiry_what).text(name).below(Below::Date(from))
            }
        }
        Pending::Tote(tote) => {
            let word = fill(words.order_for_tote, &[("tote", tote)]);
            ask(&word, words.order_for_tote_what).below(queue(facts))
        }
        Pending::Take => ask(words.take, words.take_what),
        Pending::Short { of: None, .. } => ask(words.short, words.short_what).below(choices(lines_wanted(facts))),
        Pending::Short { of: Some((order, line)), found } => {
            let what = match found {
                Some(found) => fill(words.cause_found, &[("n", &found.to_string())]),
                None => words.cause_what.to_owned(),
            };
            let cause = |cause: Cause| Act {
                touch: Touch::Cause(cause),
                label: words.cause(cause.word()).to_owned(),
                is_main: false,
            };
            let causes = [Cause::NotThere, Cause::Damaged, Cause::Other].map(cause).into();
            ask(words.cause, &what).text(line_name(facts, order, line).unwrap_or_default()).below(choices(causes))
        }
        Pending::Remove(None) => ask(words.remove, words.remove_what).below(choices(lines_done(facts))),
        Pending::Remove(Some((order, line))) => {
            let name = line_name(facts, order, line).unwrap_or_default();
            ask(words.serial, words.remove_serial).text(name)
        }
        Pending::Condition(item) => {
            let condition = |condition: Condition| Act {
                touch: Touch::Condition(condition),
                label: words.condition(condition.word()).to_owned(),
                is_main: false,
            };
            let all = [Condition::Restock, Condition::Inspect, Condition::Discard, Condition::Missing];
            ask(words.condition, words.condition_what).text(&*item.name).below(choices(all.map(condition).into()))
        }
        Pending::Place { .. } => ask(words.place, words.place_what),
        Pending::Found { .. } => {
            let left = Act {
                touch: Touch::Cause(Cause::LeftBehind),
                label: words.act("left_behind").to_owned(),
                is_main: true,
            };
            let stage = ask(words.found, words.found_what);
            Stage { mark: Mark::Icon("i-parcel"), ..stage }.below(choices(vec![left]))
        }
    })
}

fn choices(acts: Vec<Act>) -> Below {
    if acts.is_empty() { Below::Nothing } else { Below::Choices(acts) }
}

fn open_order<'a>(facts: &'a Facts<'_>, id: &str) -> Option<&'a Order> {
    match &facts.bench.open {
        Open::Order(order) | Open::Collect(order) | Open::PutBack(order) => Some(order),
        Open::Round(totes) => totes.iter().map(|(_, order)| order).find(|order| *order.terms.id == *id),
        _ => None,
    }
}

fn line_name<'a>(facts: &'a Facts<'_>, order: &str, line: &str) -> Option<&'a str> {
    let order = open_order(facts, order)?;
    order.terms.lines.iter().find(|known| *known.id == *line).map(|line| &*line.name)
}

/// Units of a line that this station's step can still count.
pub fn wants(facts: &Facts<'_>, order: &Order, line: usize) -> u32 {
    match facts.rules.step(facts.bench.station.mode) {
        Step::Pick => order.missing(line),
        Step::Pack => order.progress.lines[line].picked - order.progress.lines[line].packed,
        Step::Both => order.unpacked(line),
    }
}

/// The line that is next: one that lies where the last place was scanned, or else the first that is wanted.
pub fn next_line(facts: &Facts<'_>, order: &Order) -> Option<usize> {
    let mut wanted = (0..order.terms.lines.len()).filter(|line| 0 < wants(facts, order, *line));
    let first = wanted.next()?;
    let here =
        |line: &usize| facts.bench.station.bin.is_some() && order.terms.lines[*line].bin == facts.bench.station.bin;
    std::iter::once(first).chain(wanted).find(here).or(Some(first))
}

fn progress(facts: &Facts<'_>, order: &Order) -> (u32, u32) {
    match facts.rules.step(facts.bench.station.mode) {
        Step::Pick => order.units_picked(),
        Step::Pack | Step::Both => order.units(),
    }
}

fn lines_wanted(facts: &Facts<'_>) -> Vec<Act> {
    match &facts.bench.open {
        Open::Order(order) => act::lines(order, |line| 0 < wants(facts, order, line)),
        // In a round a line's number says nothing.
        _ => Vec::new(),
    }
}

fn lines_done(facts: &Facts<'_>) -> Vec<Act> {
    match &facts.bench.open {
        Open::Order(order) => {
            act::lines(order, |line| 0 < order.progress.lines[line].picked || order.put_back_of(line).is_some())
        }
        _ => Vec::new(),
    }
}

fn at_order(facts: &Facts<'_>, order: &Order) -> Stage {
    let words = facts.words;
    let (done, of) = progress(facts, order);
    let stage = plain(State::Pick, "i-barcode", words.scan_next).progress(done, of);
    let stage = match last_counted(facts) {
        Some(last) => stage.what(last),
        None => stage,
    };
    stage.below(next_item(facts, order))
}

/// The card for the next item of an order.
pub fn next_item(facts: &Facts<'_>, order: &Order) -> Below {
    let words = facts.words;
    if let Some(goods) = order.progress.put_back.first() {
        return next(Lead::Quantity(goods.units), words.take_out, &*goods.item.name, None);
    }
    let step = facts.rules.step(facts.bench.station.mode);
    let Some(line) = next_line(facts, order) else {
        // The order has changed: the last unit that would have closed it is not wanted any more.
        let does = if step == Step::Pick { words.all_scanned } else { words.all_packed };
        return next(Lead::Icon("i-parcel"), does, &*order.terms.number, None);
    };
    let item = &order.terms.lines[line];
    let place_first =
        facts.rules.bins && step != Step::Pack && item.bin.is_some() && item.bin != facts.bench.station.bin;
    let does = match step {
        _ if place_first => words.place_first,
        Step::Pick | Step::Both => words.pick_each,
        Step::Pack => words.pack_each,
    };
    let place = item.bin.as_ref().filter(|_| step != Step::Pack).map(ToString::to_string);
    next(Lead::Quantity(wants(facts, order, line)), does, &*item.name, place)
}

/// After a restart nobody has scanned yet: what counted last is said.
fn last_counted(facts: &Facts<'_>) -> Option<String> {
    let last = facts.past.first().filter(|_| facts.answers.is_empty())?;
    let time = facts.time(last.at);
    Some(fill(facts.words.last_counted, &[("time", &time), ("item", &last.what)]))
}

fn in_round(facts: &Facts<'_>, totes: &[(ToteId, Order)]) -> Stage {
    let words = facts.words;
    let (done, of) =
        totes.iter().map(|(_, order)| progress(facts, order)).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let stage = plain(State::Pick, "i-barcode", words.scan_next);
    let coming = totes.iter().find_map(|(tote, order)| Some((tote, order, next_line(facts, order)?)));
    let stage = match coming {
        Some((_, order, line)) => {
            let item = &order.terms.lines[line];
            let place = item.bin.as_ref().map(|bin| format!("{bin} · ")).unwrap_or_default();
            stage.text(&*item.name).what(format!("{place}{done} {} {of}", words.of))
        }
        None => stage.progress(done, of),
    };
    stage.below(Below::Totes(gathered(facts, None)))
}

fn gathered(facts: &Facts<'_>, now: Option<&str>) -> Vec<Gathered> {
    let Open::Round(totes) = &facts.bench.open else { return Vec::new() };
    let tote = |(id, order): &(ToteId, Order)| {
        let (done, of) = progress(facts, order);
        let is_stopped = order.progress.held || order.progress.state.is_closed();
        let act = Touch::Tote(id.clone());
        Gathered { tote: Tote::of(id), done, of, is_now: now == Some(&**id), is_stopped, act }
    };
    totes.iter().map(tote).collect()
}

fn at_manifest(facts: &Facts<'_>, manifest: &Manifest, left: &Left, asked: bool) -> Stage {
    let words = facts.words;
    let parcels_left = words.parcels.of(left.count);
    let all = manifest.loaded + left.count as u32;
    if asked && 0 < left.count {
        let word = fill(words.left_word, &[("parcels", &parcels_left)]);
        return plain(State::Ask, "i-parcel", &word).what(words.left_what).below(not_loaded(facts, left));
    }
    if let Some(stage) = taken(facts, manifest) {
        return stage;
    }
    let stage = plain(State::Pick, "i-barcode", words.load_next).progress(manifest.loaded, all);
    let stage = stage.what(carrier_and_time(facts, manifest));
    match left.count {
        0 => stage.below(next(Lead::Icon("i-parcel"), words.all_loaded, words.scan_handover, None)),
        _ => stage.below(not_loaded(facts, left)),
    }
}

fn not_loaded(facts: &Facts<'_>, left: &Left) -> Below {
    let name = left.parcels.first().map(ToString::to_string).unwrap_or_default();
    let more = left.count.saturating_sub(1);
    let more = (0 < more).then(|| facts.words.more.of(more));
    next(Lead::Quantity(left.count as u32), facts.words.not_loaded, name, more)
}

/// Was the courier here? Asked when its collection and the grace after it are over, and nobody has said.
fn taken(facts: &Facts<'_>, manifest: &Manifest) -> Option<Stage> {
    let words = facts.words;
    let collection = manifest.collection.as_ref().filter(|_| is_late(facts, manifest))?;
    let carrier = carrier_name(facts, &manifest.carrier);
    let (parcels, time) = (words.parcels.of(manifest.loaded as usize), facts.time_or_day(collection.at));
    let what = fill(words.taken_what, &[("parcels", &parcels), ("time", &time)]);
    let yes = Touch::Verb(crate::domain::code::Verb::HandOver);
    let acts = vec![
        Act { touch: yes, label: words.act("taken").to_owned(), is_main: true },
        Act { touch: Touch::Cause(Cause::NoCourier), label: words.act("no_courier").to_owned(), is_main: false },
    ];
    let word = fill(words.taken, &[("carrier", &carrier)]);
    Some(plain(State::Taken, "i-parcel", &word).what(what).below(Below::Choices(acts)))
}

fn is_late(facts: &Facts<'_>, manifest: &Manifest) -> bool {
    let carrier = facts.rules.carriers.iter().find(|known| known.id == manifest.carrier);
    let grace = carrier.and_then(|carrier| SignedDuration::try_from(carrier.grace).ok()).unwrap_or_default();
    let over = |at: jiff::Timestamp| grace < facts.now.duration_since(at);
    facts.clock_trusted
        && 0 < manifest.loaded
        && manifest.collection.as_ref().is_some_and(|collection| over(collection.at))
}

pub fn carrier_name(facts: &Facts<'_>, id: &str) -> String {
    let known = facts.rules.carriers.iter().find(|carrier| *carrier.id == *id);
    known.map_or(id, |carrier| &carrier.name).to_owned()
}

/// `Fjärdbud 16:30`
pub fn carrier_and_time(facts: &Facts<'_>, manifest: &Manifest) -> String {
    let carrier = carrier_name(facts, &manifest.carrier);
    match &manifest.collection {
        Some(collection) => format!("{carrier} {}", facts.time_or_day(collection.at)),
        None => carrier,
    }
}

fn collecting(facts: &Facts<'_>, order: &Order) -> Stage {
    let words = facts.words;
    let places: Vec<String> = order
        .progress
        .parcels
        .iter()
        .filter(|parcel| parcel.state.waits())
        .filter_map(|parcel| parcel.place.as_ref().map(ToString::to_string))
        .collect();
    let stage = plain(State::Pick, "i-parcel", words.collect);
    let stage = Stage { big: Some(Big::Number(order.terms.number.to_string())), ..stage };
    let parcels = words.parcels.of(order.progress.parcels.len());
    let place = (!places.is_empty()).then(|| places.join(" "));
    stage.below(next(Lead::Quantity(order.progress.parcels.len() as u32), words.collect_do, parcels, place))
}

fn putting_back(facts: &Facts<'_>, order: &Order) -> Stage {
    let words = facts.words;
    let units: u32 = order.progress.put_back.iter().map(|goods| goods.units).sum();
    let number = fill(words.order, &[("order", &order.terms.number)]);
    let stage = plain(State::Pick, "i-barcode", words.put_back).text(number).what(words.items.of(units as usize));
    match order.progress.put_back.first() {
        Some(goods) => {
            let line = order.line(&goods.item.line);
            let place = line.and_then(|line| order.terms.lines[line].bin.as_ref()).map(ToString::to_string);
            stage.below(next(Lead::Quantity(goods.units), words.put_back_do, &*goods.item.name, place))
        }
        None => stage,
    }
}

fn receiving(facts: &Facts<'_>, known: &Return) -> Stage {
    let words = facts.words;
    let (found, announced) = known.units();
    let stage = plain(State::Pick, "i-barcode", words.returns_next);
    let stage = match announced {
        0 => Stage { big: Some(Big::Number(found.to_string())), ..stage },
        _ => stage.progress(found, announced),
    };
    let number = known
        .order
        .as_ref()
        .map_or_else(|| known.id.to_string(), |order| fill(words.order, &[("order", &order.number)]));
    let stage = stage.what(number);
    match known.outstanding().first() {
        Some((line, left)) => stage.below(next(Lead::Quantity(*left), words.returns_do, &*line.name, None)),
        None => {
            let name = if announced == 0 { words.count_next } else { words.returns_all };
            stage.below(next(Lead::Icon("i-tick"), words.done_closes, name, None))
        }
    }
}

fn tallying(facts: &Facts<'_>, lines: &[Tally]) -> Stage {
    let words = facts.words;
    let units: u32 = lines.iter().map(|line| line.units).sum();
    let stage = match facts.bench.station.mode {
        Mode::Receive => plain(State::Pick, "i-barcode", words.receive),
        _ => plain(State::Pick, "i-barcode", words.count),
    };
    let last = match &facts.bench.station.last {
        Some(crate::domain::station::Counted::Tallied { sku, .. }) => lines.iter().find(|line| line.sku == *sku),
        _ => None,
    };
    let last = last.or(lines.last());
    let stage = Stage { big: last.map(|line| Big::Number(line.units.to_string())), ..stage };
    let stage = match last {
        Some(line) => stage.what(&*line.name),
        None => stage,
    };
    let place = facts.bench.station.bin.as_ref().map(ToString::to_string);
    let total = words.items.of(units as usize);
    stage.below(next(Lead::Icon("i-tick"), words.done_writes, total, place))
}

fn idle(facts: &Facts<'_>) -> Stage {
    let words = facts.words;
    let simple = |word: &str, what: &str| plain(State::Idle, "i-barcode", word).what(what);
    match facts.bench.station.mode {
        Mode::Load => at_the_door(facts),
        Mode::Return => simple(words.returns, words.returns_what),
        Mode::Count => simple(words.count, words.count_what),
        Mode::Receive => simple(words.receive, words.receive_what),
        Mode::Pick | Mode::Pack => {
            if let Some(stage) = unlabelled(facts) {
                return stage;
            }
            match facts.waiting.first.first() {
                Some(first) => {
                    let what = fill(words.idle_what, &[("order", &first.order.terms.number)]);
                    simple(words.idle, &what).below(queue(facts))
                }
                None => {
                    let what = match facts.rules.step(facts.bench.station.mode) {
                        Step::Pack => words.picked_waits_what,
                        Step::Pick | Step::Both => words.nothing_waits_what,
                    };
                    Stage { mark: Mark::Icon("i-well"), ..simple(words.nothing_waits, what) }
                }
            }
        }
    }
}

/// The parcel that was sealed here last, while its label is not on it.
fn unlabelled(facts: &Facts<'_>) -> Option<Stage> {
    let words = facts.words;
    let below = label_card(facts)?;
    let Below::Next(card) = &below else { return None };
    let stage = plain(State::Ask, "i-parcel", &card.does.clone()).what(card.name.clone());
    let does = fill(words.done_starts, &[]);
    let first = facts.waiting.first.first();
    Some(match first {
        Some(first) => {
            let number = fill(words.order, &[("order", &first.order.terms.number)]);
            stage.below(next(Lead::Icon("i-barcode"), &does, number, first.due.map(|due| facts.due(due).left)))
        }
        None => stage,
    })
}

/// What is to be done with the parcel that was sealed here last, while its label is not on it.
pub fn label_card(facts: &Facts<'_>) -> Option<Below> {
    let words = facts.words;
    let (_, n) = facts.bench.station.sealed.as_ref()?;
    let order = facts.bench.sealed.as_ref()?;
    let parcel = order.parcel(*n).filter(|parcel| parcel.state == ParcelState::Sealed)?;
    let prints = facts.rules.printers.contains(&facts.bench.station.id);
    let does = if prints { words.label_print } else { words.label_any };
    let name = fill(words.parcel_of, &[("n", &parcel.n.to_string()), ("order", &order.terms.number)]);
    Some(next(Lead::Icon("i-parcel"), does, name, None))
}

/// Where a parcel goes that is ready.
pub fn shelf_card(facts: &Facts<'_>) -> Option<Below> {
    let words = facts.words;
    let (_, n) = facts.bench.station.sealed.as_ref()?;
    let order = facts.bench.sealed.as_ref()?;
    let parcel = order.parcel(*n)?;
    let name = match &order.terms.delivery {
        Delivery::Pickup => words.pickup.to_owned(),
        Delivery::Carrier { carrier, .. } => {
            let carrier = carrier_name(facts, carrier);
            let at = parcel.collection.as_ref().and_then(|id| collection_time(id));
            at.map_or(carrier.clone(), |time| format!("{carrier} {time}"))
        }
    };
    Some(next(Lead::Icon("i-parcel"), words.shelf, name, None))
}

/// The local time at the end of a collection's id.
fn collection_time(id: &str) -> Option<String> {
    let time = id.rsplit_once('T').or_else(|| id.rsplit_once(' ')).map(|(_, time)| time)?;
    Some(time.chars().take(5).collect()).filter(|time: &String| time.len() == 5)
}

fn at_the_door(facts: &Facts<'_>) -> Stage {
    let words = facts.words;
    let stage = plain(State::Idle, "i-barcode", words.load);
    if let Some(late) = facts.door.open.iter().find(|manifest| is_late(facts, manifest)) {
        let word = fill(words.taken, &[("carrier", &carrier_name(facts, &late.carrier))]);
        return plain(State::Taken, "i-parcel", &word).what(words.taken_elsewhere);
    }
    let Some((carrier, count)) = facts.door.waiting.iter().max_by_key(|(_, count)| *count) else {
        return stage.what(words.load_none);
    };
    let stage = stage.what(words.load_what);
    let others: u32 = facts.door.waiting.iter().map(|(_, count)| count).sum::<u32>() - count;
    let more = (0 < others).then(|| words.more.of(others as usize));
    stage.below(next(Lead::Quantity(*count), words.not_loaded, carrier_name(facts, carrier), more))
}

/// The most urgent orders.
fn queue(facts: &Facts<'_>) -> Below {
    let words = facts.words;
    let row = |waits: &crate::journal::view::Waits| {
        let order = &waits.order;
        let (done, of) = progress(facts, order);
        Row {
            number: order.terms.number.to_string(),
            due: waits.due.map(|due| facts.due(due)),
            verdict: facts.verdict(waits.standing.as_ref()),
            more: words.items.of(of.saturating_sub(done) as usize),
            act: Touch::Order(order.terms.id.clone()),
        }
    };
    let rows: Vec<Row> = facts.waiting.first.iter().take(ROWS_MAX).map(row).collect();
    if rows.is_empty() { Below::Nothing } else { Below::Queue { rows, count: facts.waiting.count } }
}
