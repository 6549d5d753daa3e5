//! The wall clock: plausible, and set by somebody.

use super::{Check, Outcome};
use std::path::Path;

/// systemd-timesyncd makes this file once the clock is set.
const SET_BY_TIMESYNCD: &str = "/run/systemd/timesync/synchronized";

/// chrony and ntpd keep the clock themselves, and tell nobody without being asked.
const OTHER_KEEPERS: [&str; 3] = ["/run/chrony", "/run/chronyd.pid", "/run/ntpd.pid"];

/// `is_plausible`: not before the release.
pub fn check(is_plausible: bool) -> Check {
    let is_there = |path: &str| Path::new(path).exists();
    judge(is_plausible, is_there(SET_BY_TIMESYNCD), OTHER_KEEPERS.into_iter().any(is_there))
}

fn judge(is_plausible: bool, is_set: bool, has_other_keeper: bool) -> Check {
    let check = |outcome, found: &str| Check::new("clock", outcome, found);
    match (is_plausible, is_set, has_other_keeper) {
        (false, _, _) => check(Outcome::Error, "the time can't be right").fix(
            "let the board reach a time server (timedatectl shows which it asks); replace the clock's battery if it has one",
        ),
        (true, true, _) => check(Outcome::Ok, "plausible, and set by a time server"),
        (true, false, true) => check(Outcome::Ok, "plausible; chrony or ntpd keeps it"),
        (true, false, false) => check(Outcome::Skipped, "plausible; nothing here tells whether a time server sets it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_the_clock() {
        for (is_plausible, is_set, has_other_keeper, outcome) in [
            (true, true, false, Outcome::Ok),
            (true, false, true, Outcome::Ok),
            (true, false, false, Outcome::Skipped),
            (false, true, true, Outcome::Error),
        ] {
            assert_eq!(judge(is_plausible, is_set, has_other_keeper).outcome, outcome);
        }
    }
}
