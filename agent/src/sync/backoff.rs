//! How long to wait before the next attempt: full jitter, so that a fleet does not come back at once.
//!
//! Who mends something stands before the page in the first half minute and wants to see it work; a broker that is away
//! for longer is asked less and less.

use std::time::Duration;

/// The longest wait, and so the longest that draining may take to begin after healing.
pub const CAP: Duration = Duration::from_secs(30);
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait of the first attempts, which take about half a minute.
const EARLY_CAP: Duration = Duration::from_secs(4);
const EARLY_FAILURES: u32 = 16;

/// Failures in a row, with a connection of `up` (if it ever was) just ended. One that was soon broken off is a failure
/// too: a broker that takes us and throws us out is not asked twice a second.
#[must_use]
pub fn failures(before: u32, up: Option<Duration>) -> u32 {
    if up.is_some_and(|up| CAP <= up) { 1 } else { before.saturating_add(1) }
}

/// The wait before attempt `failures + 1`; `random` is uniform in 0..=u32::MAX.
#[must_use]
pub fn wait(failures: u32, random: u32) -> Duration {
    let late = failures.saturating_sub(EARLY_FAILURES).min(6);
    let ceiling = match late {
        0 => FIRST.saturating_mul(1 << failures.saturating_sub(1).min(6)).min(EARLY_CAP),
        late => EARLY_CAP.saturating_mul(1 << late).min(CAP),
    };
    ceiling.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_anew_only_after_a_connection_that_lasted() {
        for (before, up_s, expected) in [(0, None, 1), (5, None, 6), (5, Some(29), 6), (5, Some(30), 1)] {
            assert_eq!(failures(before, up_s.map(Duration::from_secs)), expected, "{before} {up_s:?}");
        }
    }

    #[test]
    fn grows_to_the_cap_and_is_spread_over_all_of_it() {
        for (failures, ceiling_ms) in
            [(1, 500), (2, 1_000), (4, 4_000), (16, 4_000), (17, 8_000), (19, 30_000), (40, 30_000)]
        {
            assert_eq!(wait(failures, u32::MAX), Duration::from_millis(ceiling_ms), "{failures}");
            assert_eq!(wait(failures, 0), Duration::ZERO);
        }
    }
}
