//! Any scanner that sends lines and knows ACK, NAK and BEL, as most do over RS-232 and USB-CDC.
//!
//! ACK comes first for whatever is on disk, right or wrong: a scanner that waits for its host repeats the read on
//! NAK or silence, and what is recorded must not come again. BEL has one pitch on all of them, so tiers of urgency
//! are told apart by number: none, carry on; one, something is finished; two, look up; three, stop; four after NAK,
//! not saved. Two answers of one tier differ on the screen.

use super::Feedback;

/// The bytes to send for `feedback`: ACK 0x06 or NAK 0x15, then a BEL 0x07 for each beep.
#[must_use]
pub fn answer(feedback: Feedback) -> &'static [u8] {
    match feedback {
        Feedback::Accepted | Feedback::Opened | Feedback::Silent => b"\x06",
        Feedback::Completed => b"\x06\x07",
        Feedback::Already | Feedback::Unknown => b"\x06\x07\x07",
        Feedback::Wrong | Feedback::Over | Feedback::Refused => b"\x06\x07\x07\x07",
        Feedback::NotSaved => b"\x15\x07\x07\x07\x07",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_tell_the_tiers_apart() {
        let rows = [
            (Feedback::Accepted, "ACK", 0),
            (Feedback::Opened, "ACK", 0),
            (Feedback::Silent, "ACK", 0),
            (Feedback::Completed, "ACK", 1),
            (Feedback::Already, "ACK", 2),
            (Feedback::Unknown, "ACK", 2),
            (Feedback::Wrong, "ACK", 3),
            (Feedback::Over, "ACK", 3),
            (Feedback::Refused, "ACK", 3),
            (Feedback::NotSaved, "NAK", 4),
        ];
        for (feedback, first, beeps) in rows {
            let (head, tail) = answer(feedback).split_first().unwrap();
            assert_eq!(*head, if first == "ACK" { 0x06 } else { 0x15 }, "{feedback:?}");
            assert_eq!(tail, vec![0x07; beeps], "{feedback:?}");
        }
    }
}
