//! A disk that neither takes what is written nor refuses it. The writer waits in the kernel and can't say so; whoever looks
//! from outside can.

use std::time::Duration;

/// A good card answers within a second, whatever it tidies up meanwhile. Shown two looks later at the latest.
const ANSWERS_WITHIN: Duration = Duration::from_millis(1_500);

/// What was seen of the writer at the last look: its turn, and since when it is at that.
#[derive(Debug, Default)]
pub struct Stall(Option<(u64, Duration)>);

impl Stall {
    /// `at_work` is the turn that the writer is at, if it is at one. Whether it has been at the same for too long.
    pub fn look(&mut self, at_work: Option<u64>, now: Duration) -> bool {
        let Some(turn) = at_work else {
            self.0 = None;
            return false;
        };
        match self.0 {
            Some((seen, since)) if seen == turn => ANSWERS_WITHIN <= now.saturating_sub(since),
            Some(_) | None => {
                self.0 = Some((turn, now));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_turn_for_long_is_a_stall() {
        // Seconds, the turn that the writer is at, and whether that is a stall.
        let rows = [
            (0, None, false),
            (2, Some(7), false),
            (4, Some(8), false),
            (5, Some(8), false),
            (6, Some(8), true),
            (8, Some(8), true),
            (10, Some(9), false),
            (12, None, false),
            (14, Some(9), false),
            (15, Some(9), false),
            (16, Some(9), true),
        ];
        let mut stall = Stall::default();
        for (at, turn, expected) in rows {
            assert_eq!(stall.look(turn, Duration::from_secs(at)), expected, "at {at} s");
        }
    }
}
