//! The language of scanners with a beeper of one pitch: groups of beeps with a pause between them.
//!
//! The first group is a tier of urgency, which is enough to act on: none, carry on; one, something is finished; two,
//! look up; three, stop; four, not saved. The second tells apart what is in a tier.

use super::{Answer, Feedback};

/// From the end of a group to the next one.
const PAUSE_MS: u64 = 350;

/// What a scanner needs for a beep, with the gap behind it.
const BEEP_MS: u64 = 150;

/// The groups for `feedback`, the first of them without a pause.
pub(super) fn groups(feedback: Feedback) -> &'static [u8] {
    match feedback {
        Feedback::Accepted | Feedback::Silent => &[0],
        Feedback::Opened => &[0, 1, 1],
        Feedback::Completed => &[1],
        Feedback::Already => &[2],
        Feedback::Unknown => &[2, 1],
        Feedback::Wrong => &[3],
        Feedback::Over => &[3, 1],
        Feedback::Refused => &[3, 2],
        Feedback::NotSaved | Feedback::Alarm => &[4],
    }
}

/// `acknowledgement` and then the groups, with `beep` for each beep.
pub(super) fn answer(feedback: Feedback, acknowledgement: &[u8], beep: &[u8]) -> Answer {
    let mut answer = Answer::default();
    let mut pause_ms = 0;
    for (index, &beeps) in groups(feedback).iter().enumerate() {
        let mut bytes = if index == 0 { acknowledgement.to_vec() } else { Vec::new() };
        bytes.extend(beep.repeat(beeps.into()));
        answer = answer.then(pause_ms, bytes);
        pause_ms = PAUSE_MS + BEEP_MS * u64::from(beeps);
    }
    answer
}
