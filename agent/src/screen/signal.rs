//! The signal that stands: what the last scan was answered, and what stops all work.

use super::rest::{self, carrier_name};
use super::{Below, Big, Facts, Lead, Mark, Next, SETTLES_AFTER, Stage, State, Tote};
use crate::domain::name::ToteId;
use crate::domain::order::{Order, State as OrderState};
use crate::domain::signal::{Ask, Reason, Signal};
use crate::domain::station::{Counted, Mode};
use crate::floor::status::Answered;
use crate::journal::Storage;
use crate::journal::view::Open;
use crate::words::fill;
use jiff::SignedDuration;

/// The stage, and the key of the signal.
pub fn stage(facts: &Facts<'_>, rest: &Stage) -> (String, Stage) {
    if let Storage::Failing { error } = facts.storage {
        return ("notsaved".to_owned(), not_saved(facts, Some(error)));
    }
    let last = facts.answers.front();
    if let Some((order, reason)) = interruption(facts)
        && !last.is_some_and(|last| last.answer.reason.as_ref().is_some_and(is_about_order))
    {
        return (format!("{}/{}", reason.word(), order.terms.id), interrupted(facts, order, &reason));
    }
    let Some(last) = last else { return ("0".to_owned(), rest.clone()) };
    let key = last.number.to_string();
    let stage = match State::of(last.answer.signal) {
        Some(State::NotSaved) if last.at <= facts.storage_since => {
            // It was healed after that scan.
            let what = Some(facts.words.saves_again.to_owned());
            Stage { what, ..rest.clone() }
        }
        Some(State::NotSaved) => not_saved(facts, None),
        Some(State::Accepted) => accepted(facts, rest, last),
        Some(State::Completed) => completed(facts, rest, last),
        Some(State::Opened) => opened(facts, rest, last),
        Some(state) => did_not_count(facts, rest, last, state),
        None => rest.clone(),
    };
    (key, stage)
}

/// Which state the screen has.
pub fn state(facts: &Facts<'_>) -> State {
    match (facts.storage, facts.answers.front()) {
        (Storage::Failing { .. }, _) => State::NotSaved,
        (Storage::Well, Some(last)) => State::of(last.answer.signal).unwrap_or(State::Idle),
        (Storage::Well, None) => State::Idle,
    }
}

/// Whether what counted or opened has been seen. A clock that stepped back makes it seen.
pub fn is_over(facts: &Facts<'_>) -> bool {
    let Some(last) = facts.answers.front() else { return true };
    let age = facts.now.duration_since(last.at);
    SETTLES_AFTER <= age || age < SignedDuration::ZERO
}

/// Nobody is signed in where somebody must be, and the last scan was not refused for that.
pub fn wants_badge(facts: &Facts<'_>) -> bool {
    facts.rules.operators_required && facts.bench.station.operator.is_none()
}

/// The order that is open here and that nobody may work on any more, and why.
pub fn interruption<'a>(facts: &'a Facts<'_>) -> Option<(&'a Order, Reason)> {
    let (Open::Order(order) | Open::Collect(order)) = &facts.bench.open else { return None };
    let reason = match order.progress.state {
        OrderState::Cancelled => Reason::Cancelled,
        OrderState::AwaitsPlatform => Reason::AwaitsPlatform,
        _ if order.progress.held => Reason::OnHold,
        _ => return None,
    };
    Some((order, reason))
}

fn is_about_order(reason: &Reason) -> bool {
    matches!(reason, Reason::Cancelled | Reason::AwaitsPlatform | Reason::OnHold)
}

fn icon(state: State) -> Mark {
    Mark::Icon(match state {
        State::Accepted => "i-accepted",
        State::Completed => "i-completed",
        State::Opened => "i-opened",
        State::Wrong => "i-wrong",
        State::Over => "i-over",
        State::Already => "i-already",
        State::Unknown => "i-unknown",
        State::Refused => "i-refused",
        State::NotSaved => "i-notsaved",
        State::Badge => "i-badge",
        State::Taken => "i-parcel",
        State::Idle | State::Pick | State::Ask | State::Round => "i-barcode",
    })
}

fn blank(state: State, word: impl Into<String>) -> Stage {
    let (mark, word) = (icon(state), word.into());
    Stage { state, mark, word, big: None, pips: None, what: None, below: Below::Nothing }
}

fn not_saved(facts: &Facts<'_>, error: Option<&str>) -> Stage {
    let words = facts.words;
    let refused = facts.answers.iter().take_while(|answer| answer.answer.signal == Signal::NotSaved);
    let since = refused.last().map_or(facts.storage_since, |first| first.at);
    let what = match error {
        Some(_) => fill(words.not_saved_what, &[("time", &facts.time_to_the_second(since))]),
        None => words.not_saved_once.to_owned(),
    };
    let is_work = |answer: &&Answered| answer.answer.item.is_some() || answer.answer.progress.is_some();
    let saved = facts.answers.iter().filter(is_work).find(|answer| answer.answer.signal.counts());
    let (does, name) = match saved {
        Some(saved) => {
            let time = facts.time_to_the_second(saved.at);
            let does = match saved.answer.progress {
                Some((done, of)) => {
                    fill(words.last_saved_of, &[("time", &time), ("done", &done.to_string()), ("n", &of.to_string())])
                }
                None => fill(words.last_saved, &[("time", &time)]),
            };
            (does, about(facts, saved))
        }
        None => match facts.past.first() {
            Some(past) => (fill(words.last_saved, &[("time", &facts.time(past.at))]), past.what.clone()),
            None => (words.never_saved.to_owned(), String::new()),
        },
    };
    let is_full = error.is_some_and(|error| error.contains("full"));
    let place = error.map(|_| if is_full { words.storage_full } else { words.storage_fails }.to_owned());
    let lead = Lead::Icon(if name.is_empty() { "i-attention" } else { "i-accepted" });
    let next = Next { lead, does, name, place };
    let stage = blank(State::NotSaved, words.not_saved);
    let big = Some(Big::Text(words.not_saved_big.to_owned()));
    Stage { big, what: Some(what), below: Below::Next(next), ..stage }
}

fn interrupted(facts: &Facts<'_>, order: &Order, reason: &Reason) -> Stage {
    let number = &*order.terms.number;
    let stage = blank(State::Refused, facts.words.refused);
    let Some(why) = facts.words.reason(reason.word()) else { return stage };
    let big = why.big.map(|big| Big::Text(fill(big, &[("order", number)])));
    Stage { big, what: Some(why.what.to_owned()), below: go_on(facts), ..stage }
}

/// The next order, where what is open can't be gone on with.
fn go_on(facts: &Facts<'_>) -> Below {
    let words = facts.words;
    match facts.waiting.first.first() {
        Some(first) => Below::Next(Next {
            lead: Lead::Icon("i-parcel"),
            does: words.go_on.to_owned(),
            name: fill(words.order, &[("order", &first.order.terms.number)]),
            place: first.due.map(|due| facts.due(due).left),
        }),
        None => Below::Nothing,
    }
}

/// What a scan was about, for people: the item, else the order, else the code.
pub fn about(facts: &Facts<'_>, last: &Answered) -> String {
    let answer = &last.answer;
    match (&answer.item, &answer.order) {
        (Some(item), _) => item_name(facts, item),
        (None, Some(order)) => fill(facts.words.order, &[("order", order)]),
        (None, None) => match command(&last.code) {
            Some(word) => {
                let act = word.to_ascii_lowercase();
                facts.words.did(word).unwrap_or_else(|| facts.words.act(&act)).to_owned()
            }
            None => last.code.clone(),
        },
    }
}

/// A mode or a carrier is called by its name.
fn item_name(facts: &Facts<'_>, item: &str) -> String {
    match Mode::named(item) {
        Some(mode) => facts.words.act(mode.word()).to_owned(),
        None => carrier_name(facts, item),
    }
}

/// The word of a command barcode; what somebody else's label says is refused before it could be one.
fn command(code: &str) -> Option<&str> {
    let rest = code.strip_prefix("PD:")?;
    Some(rest.split_once(':').map_or(rest, |(word, _)| word))
}

fn accepted(facts: &Facts<'_>, rest: &Stage, last: &Answered) -> Stage {
    let answer = &last.answer;
    let removed = is_bench(facts) && matches!(facts.bench.station.last, Some(Counted::Removed { .. }));
    let did = match command(&last.code) {
        Some(word) if facts.words.did(word).is_some() => facts.words.did(word),
        _ if removed => facts.words.did("REMOVE"),
        _ => None,
    };
    let stage = blank(State::Accepted, did.unwrap_or(facts.words.accepted));
    let item = answer.item.as_deref().map(|item| item_name(facts, item));
    let stage = match (answer.progress, &rest.big) {
        (Some((n, of)), _) if n == of && facts.bench.station.mode != Mode::Return && !is_bench(facts) => {
            Stage { big: Some(Big::Number(n.to_string())), ..stage }
        }
        (Some((done, of)), _) if 0 < of => stage.progress(done, of),
        (Some((done, _)), _) => Stage { big: Some(Big::Number(done.to_string())), ..stage },
        (None, Some(Big::Of(done, of))) if did.is_none() => stage.progress(*done, *of),
        _ => {
            let order = answer.order.as_ref().map(|order| fill(facts.words.order, &[("order", order)]));
            let text = item.clone().or(order);
            return Stage { big: text.map(Big::Text), below: rest::card(rest), ..stage };
        }
    };
    Stage { what: item, below: rest::card(rest), ..stage }
}

fn is_bench(facts: &Facts<'_>) -> bool {
    facts.bench.station.mode.is_bench()
}

fn completed(facts: &Facts<'_>, rest: &Stage, last: &Answered) -> Stage {
    let words = facts.words;
    let answer = &last.answer;
    let is_part = answer.progress.is_some_and(|(done, of)| done < of) && is_bench(facts);
    let word = match (&answer.order, &answer.item) {
        (Some(_), _) if is_part => words.did("SEAL").unwrap_or(words.completed).to_owned(),
        (Some(order), _) => fill(words.completed_order, &[("order", order)]),
        (None, Some(item)) if facts.bench.station.mode == Mode::Load => {
            fill(words.handed_over, &[("carrier", &carrier_name(facts, item))])
        }
        _ => words.completed.to_owned(),
    };
    let stage = blank(State::Completed, word);
    let stage = match answer.progress {
        Some((n, of)) if n == of && !is_bench(facts) => Stage { big: Some(Big::Number(n.to_string())), ..stage },
        Some((done, of)) if 0 < of => stage.progress(done, of),
        _ => Stage { big: answer.item.as_deref().map(|item| Big::Text(item.to_owned())), ..stage },
    };
    let parcel = || is_bench(facts).then(|| rest::label_card(facts).or_else(|| rest::shelf_card(facts))).flatten();
    let below = parcel().unwrap_or_else(|| rest::card(rest));
    Stage { below, ..stage }
}

fn opened(facts: &Facts<'_>, rest: &Stage, last: &Answered) -> Stage {
    let answer = &last.answer;
    if matches!(rest.state, State::Ask | State::Round) {
        let mark = match &rest.mark {
            Mark::Tote(tote) => Mark::Tote(tote.clone()),
            Mark::Icon(_) => icon(State::Opened),
        };
        return Stage { state: State::Opened, mark, ..rest.clone() };
    }
    let stage = blank(State::Opened, facts.words.opened);
    let (big, what) = match (&answer.order, &answer.item) {
        (Some(order), None) => (Some(Big::Number(order.to_string())), order_in_short(facts)),
        (order, Some(item)) if answer.ask == Some(Ask::Item) => {
            let order = order.as_ref().map(|order| fill(facts.words.order, &[("order", order)]));
            (Some(Big::Text(item_name(facts, item))), order.or_else(|| Some(rest.word.clone())))
        }
        (Some(order), Some(item)) => (Some(Big::Number(order.to_string())), Some(item_name(facts, item))),
        (None, Some(item)) => (Some(Big::Text(item_name(facts, item))), Some(rest.word.clone())),
        (None, None) => (None, Some(rest.word.clone())),
    };
    Stage { big, what, below: rest::card(rest), ..stage }
}

/// How much the open order is, and until when.
fn order_in_short(facts: &Facts<'_>) -> Option<String> {
    let (Open::Order(order) | Open::Collect(order)) = &facts.bench.open else { return None };
    let (_, of) = order.units();
    let items = facts.words.items.of(of as usize);
    let clock = super::rail::clock(facts);
    Some(match &clock.due {
        Some(due) => format!("{items}, {} {}", lower(&clock.title), due.left),
        None => items,
    })
}

/// As it stands inside a sentence.
fn lower(text: &str) -> String {
    let mut characters = text.chars();
    // A name keeps its capital.
    match (characters.next(), characters.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => first.to_lowercase().chain(characters).collect(),
        _ => text.to_owned(),
    }
}

/// Look and stop.
fn did_not_count(facts: &Facts<'_>, rest: &Stage, last: &Answered, state: State) -> Stage {
    let words = facts.words;
    let answer = &last.answer;
    let (own_word, does) = match state {
        State::Wrong => (words.wrong, words.scan_instead),
        State::Over => (words.over, words.scan_next),
        State::Already => (words.already, words.not_counted),
        State::Unknown => (words.unknown, words.other_barcode),
        _ => (words.refused, words.go_on),
    };
    let why = answer.reason.as_ref().and_then(|reason| words.reason(reason.word()));
    let stage = blank(state, why.and_then(|why| why.word).unwrap_or(own_word));
    let (big, what) = match why {
        Some(why) => explained(facts, last, why.big, why.what),
        None => (None, None),
    };
    let literal = || Big::Literal(last.code.clone());
    let big = match (state, big) {
        (State::Unknown, _) => literal(),
        (_, Some(big)) => Big::Text(big),
        (_, None) if command(&last.code).is_some() => Big::Text(about(facts, last)),
        (_, None) => literal(),
    };
    Stage { big: Some(big), what, below: instead(facts, rest, last, does), ..stage }
}

/// The sentences of a reason with what it names; a headline lacks what the answer does not know.
fn explained(facts: &Facts<'_>, last: &Answered, big: Option<&str>, what: &str) -> (Option<String>, Option<String>) {
    let words = facts.words;
    let answer = &last.answer;
    let order = answer.order.as_deref();
    let sentence = order.map_or(words.this_order.to_owned(), |order| fill(words.order, &[("order", order)]));
    let detail = answer.reason.as_ref().and_then(Reason::detail).unwrap_or_default();
    let expected = answer.expected.first().map(|name| carrier_name(facts, name)).unwrap_or_default();
    let item = answer.item.as_deref().map(|item| item_name(facts, item));
    let about = about(facts, last);
    let mode = words.mode(facts.bench.station.mode.word());
    let values = [
        ("order", order.unwrap_or(words.this_order)),
        ("Order", &sentence),
        ("of_order", &lower(&sentence)),
        ("item", item.as_deref().unwrap_or(words.this_item)),
        ("about", &about),
        ("detail", &detail),
        ("expected", &expected),
        ("mode", mode),
    ];
    let is_code = answer.item.is_none() && answer.order.is_none();
    let nameless = |big: &str| big == "{item}" && item.is_none() || big == "{about}" && is_code;
    let big = big.filter(|big| !nameless(big)).map(|big| fill(big, &values));
    (big, Some(fill(what, &values)))
}

/// The card under a signal that did not count: what would be right.
fn instead(facts: &Facts<'_>, rest: &Stage, last: &Answered, does: &str) -> Below {
    let card = |lead, does: &str, name: String| Below::Next(Next { lead, does: does.to_owned(), name, place: None });
    match (&last.answer.ask, &last.answer.reason) {
        (Some(Ask::Bin(bin)), _) => return card(Lead::Icon("i-barcode"), facts.words.scan_place, bin.to_string()),
        (_, Some(Reason::WrongTote(tote))) => return tote_card(facts, tote),
        (_, Some(reason)) if is_about_order(reason) => return go_on(facts),
        _ => {}
    }
    match &rest.below {
        Below::Next(next) => {
            // A card that names no goods keeps its own sentence.
            let names_goods = rest.state == State::Pick && matches!(next.lead, Lead::Quantity(_));
            let does = if names_goods { does.to_owned() } else { next.does.clone() };
            Below::Next(Next { does, ..next.clone() })
        }
        Below::Queue { .. } => go_on(facts),
        below => below.clone(),
    }
}

fn tote_card(facts: &Facts<'_>, tote: &ToteId) -> Below {
    let name = fill(facts.words.put_in_tote, &[("tote", tote)]);
    let does = facts.words.then_scan_tote.to_owned();
    Below::Next(Next { lead: Lead::Tote(Tote::of(tote)), does, name, place: None })
}
