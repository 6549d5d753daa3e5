//! The wall clock: how far it is believed, by the running agent or by what it would find at its start.

use super::{Check, Outcome};
use crate::clock::{Believed, Clock};
use crate::journal::Reader;
use crate::report::{ClockSeen, Report};
use jiff::{SignedDuration, Timestamp};
use std::path::Path;

/// A clock that is set right goes back by less.
const BACK_MAX: SignedDuration = SignedDuration::from_mins(5);

pub const FIX: &str =
    "let the board reach a time server (timedatectl shows which it asks); replace the clock's battery if it has one";

/// What the running agent says of the clock counts: it has seen it set.
pub fn check(database: &Path, report: Option<&Report>, clock: Clock) -> Check {
    let newest = Reader::open(database).ok().and_then(|reader| reader.latest(1).ok()?.pop());
    let newest_at = newest.map(|event| event.at);
    let state = report.map(|report| &report.clock).filter(|seen: &&ClockSeen| !seen.state.is_empty());
    let state = state.map_or_else(|| clock.standing().believed.word(), |seen| seen.state.as_str());
    judge(clock.shown().wall, state, newest_at)
}

fn judge(shows: Timestamp, state: &str, newest_at: Option<Timestamp>) -> Check {
    let check = |outcome, found: &str| Check::new("clock", outcome, format!("{shows}: {found}"));
    let behind = newest_at.filter(|at| BACK_MAX < at.duration_since(shows));
    let is = |believed: Believed| state == believed.word();
    match behind {
        _ if is(Believed::Synchronized) => check(Outcome::Ok, "set by a time server"),
        Some(at) if is(Believed::Behind) => {
            let found = format!("the time can't be right: it is before the newest event, which is of {at}");
            check(Outcome::Error, &found).fix(FIX)
        }
        _ if is(Believed::Behind) => check(Outcome::Error, "the time can't be right").fix(FIX),
        _ if is(Believed::Awaited) => {
            check(Outcome::Warning, "a time server is waited for, and was not heard since the board started").fix(FIX)
        }
        _ if is(Believed::Stepped) => {
            let found = "it was set back, or too far ahead, and is not believed yet";
            check(Outcome::Warning, found).fix("set it right; one that was set back is believed after ten minutes")
        }
        _ => check(Outcome::Skipped, "plausible; no time server is waited for"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_the_clock() {
        let shows: Timestamp = "2026-11-22T14:03:24Z".parse().unwrap();
        let event = |minutes_later| Some(shows + SignedDuration::from_mins(minutes_later));
        for (believed, newest_at, outcome, found) in [
            (Believed::Synchronized, event(-1), Outcome::Ok, "set by a time server"),
            (Believed::Synchronized, event(60), Outcome::Ok, "set by a time server"),
            (Believed::Plausible, None, Outcome::Skipped, "plausible"),
            (Believed::Awaited, event(-1), Outcome::Warning, "waited for"),
            (Believed::Stepped, event(120), Outcome::Warning, "set back"),
            (Believed::Behind, event(6), Outcome::Error, "before the newest event"),
            (Believed::Behind, event(4), Outcome::Error, "can't be right"),
            (Believed::Behind, None, Outcome::Error, "can't be right"),
        ] {
            let check = judge(shows, believed.word(), newest_at);
            assert_eq!(check.outcome, outcome, "{believed:?} {newest_at:?}");
            assert!(check.found.contains(found), "{}", check.found);
        }
    }
}
