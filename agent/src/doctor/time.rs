//! The wall clock: plausible, not behind what was recorded, and set by somebody.

use super::{Check, Outcome};
use crate::clock::Moment;
use crate::journal::Reader;
use jiff::{SignedDuration, Timestamp};
use std::path::Path;

/// systemd-timesyncd makes this file once the clock is set.
const SET_BY_TIMESYNCD: &str = "/run/systemd/timesync/synchronized";

/// chrony and ntpd keep the clock themselves, and tell nobody without being asked.
const OTHER_KEEPERS: [&str; 3] = ["/run/chrony", "/run/chronyd.pid", "/run/ntpd.pid"];

/// A clock that is set right goes back by less.
const BACK_MAX: SignedDuration = SignedDuration::from_mins(5);

const FIX: &str =
    "let the board reach a time server (timedatectl shows which it asks); replace the clock's battery if it has one";

/// `now` is trusted where it is not before the release.
pub fn check(now: Moment, database: &Path) -> Check {
    let is_there = |path: &str| Path::new(path).exists();
    let newest = Reader::open(database).ok().and_then(|reader| reader.latest(1).ok()?.pop());
    let newest_at = newest.map(|event| event.at);
    judge(now, newest_at, is_there(SET_BY_TIMESYNCD), OTHER_KEEPERS.into_iter().any(is_there))
}

fn judge(now: Moment, newest_at: Option<Timestamp>, is_set: bool, has_other_keeper: bool) -> Check {
    let check = |outcome, found: &str| Check::new("clock", outcome, format!("{}: {found}", now.wall));
    let newest_at = newest_at.filter(|at| BACK_MAX < at.duration_since(now.wall));
    match (now.trusted, newest_at, is_set, has_other_keeper) {
        (false, ..) => check(Outcome::Error, "the time can't be right").fix(FIX),
        (true, Some(at), ..) => {
            check(Outcome::Error, &format!("the time is before the newest event, which is of {at}")).fix(FIX)
        }
        (true, None, true, _) => check(Outcome::Ok, "plausible, and set by a time server"),
        (true, None, false, true) => check(Outcome::Ok, "plausible; chrony or ntpd keeps it"),
        (true, None, false, false) => {
            check(Outcome::Skipped, "plausible; nothing here tells whether a time server sets it")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn judges_the_clock() {
        let wall: Timestamp = "2026-11-22T14:03:24Z".parse().unwrap();
        let event = |minutes_later| Some(wall + SignedDuration::from_mins(minutes_later));
        for (trusted, newest_at, is_set, has_other_keeper, outcome) in [
            (true, event(-1), true, false, Outcome::Ok),
            (true, event(4), true, false, Outcome::Ok),
            (true, None, false, true, Outcome::Ok),
            (true, None, false, false, Outcome::Skipped),
            (true, event(6), true, false, Outcome::Error),
            (false, None, true, true, Outcome::Error),
        ] {
            let now = Moment { wall, since_start: Duration::ZERO, trusted };
            assert_eq!(judge(now, newest_at, is_set, has_other_keeper).outcome, outcome, "{trusted} {newest_at:?}");
        }
    }
}
