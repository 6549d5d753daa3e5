//! How long to wait before the next attempt: full jitter, so that a fleet does not come back at once.

use std::time::Duration;

/// The longest wait, and so the longest that draining may take to begin after healing.
pub const CAP: Duration = Duration::from_secs(30);
const FIRST: Duration = Duration::from_millis(500);

/// The wait before attempt `failures + 1`; `random` is uniform in 0..=u32::MAX.
#[must_use]
pub fn wait(failures: u32, random: u32) -> Duration {
    let ceiling = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(6)).min(CAP);
    ceiling.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_the_cap_and_is_spread_over_all_of_it() {
        for (failures, ceiling_ms) in [(1, 500), (2, 1_000), (4, 4_000), (7, 30_000), (40, 30_000)] {
            assert_eq!(wait(failures, u32::MAX), Duration::from_millis(ceiling_ms), "{failures}");
            assert_eq!(wait(failures, 0), Duration::ZERO);
        }
    }
}
