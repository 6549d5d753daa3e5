//! Honeywell scanners over RS-232 or USB in its serial mode.
//!
//! Two ways to wait for the host, both off as they leave the factory:
//!
//! - Host ACK (`xenon`): no sound or light until an escape command comes, up to 10 s. Commands are `ESC x ,` and may be
//!   strung together. Text before the ESC would name a work group of scanners, so no ACK is sent in front; what is not
//!   saved is said by sound alone, and the scanner is free again.
//! - ACK/NAK (`voyager`): ACK 06 frees the scanner, NAK 15 makes it send again. It beeps at SYN BEL CR, in one pitch.
//!
//! Sources: Xenon XP 1950g user guide, pp. 79-80, and 1900GHD p. 3-38 (Host ACK); 1450g p. 2-22, 3310g p. 2-22, N4313
//! p. 2-20 (ACK/NAK, time-out). SYN BEL CR is not from a manual: two programs in the field use it.

use std::time::Duration;

use super::{Answer, Feedback, Model, Preset, line, rhythm};
use crate::framing::line::Terminator;
use crate::port::LineSettings;

pub(super) const MODELS: &[Model] = &[
    Model {
        word: "xenon",
        preset: PRESET,
        answer: Some(escape_commands),
        voice: None,
        answer_within: Some(Duration::from_secs(10)),
    },
    Model {
        word: "voyager",
        preset: PRESET,
        answer: Some(ack_and_beeps),
        voice: Some(|feedback| rhythm::answer(feedback, b"", BEEP)),
        answer_within: Some(Duration::from_millis(2_000)),
    },
];

/// USB ignores the baud rate. Over RS-232 it differs between models, and belongs into the configuration.
const PRESET: Preset = Preset { settings: LineSettings::FACTORY, terminator: Terminator::Auto };

const GREEN: u8 = b'1';
const LOW: u8 = b'4';
const MEDIUM: u8 = b'5';
const HIGH: u8 = b'6';
const RAZZ: u8 = b'8';

const BEEP: &[u8] = b"\x16\x07\r";

/// The light comes last, since a pause follows it. It is what frees the scanner where nothing shall sound.
fn escape_commands(feedback: Feedback) -> Answer {
    let commands: &[u8] = match feedback {
        Feedback::Accepted => &[HIGH, GREEN],
        Feedback::Completed => &[MEDIUM, HIGH, GREEN],
        Feedback::Opened => &[MEDIUM, GREEN],
        Feedback::Wrong => &[LOW, LOW],
        Feedback::Over => &[LOW, LOW, LOW],
        Feedback::Already => &[HIGH, LOW],
        Feedback::Unknown => &[LOW, HIGH, LOW, HIGH],
        Feedback::Refused => &[RAZZ],
        Feedback::NotSaved | Feedback::Alarm => &[HIGH; 5],
        Feedback::Silent => &[GREEN],
    };
    Answer::at_once(commands.iter().flat_map(|&command| [0x1b, command, b',']).collect::<Vec<_>>())
}

fn ack_and_beeps(feedback: Feedback) -> Answer {
    rhythm::answer(feedback, line::acknowledgement(feedback), BEEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(answer: &Answer) -> String {
        let steps = answer.steps.iter().map(|step| format!("{} {}", step.pause.as_millis(), step.bytes.escape_ascii()));
        steps.collect::<Vec<_>>().join(" | ").replace("\\x1b", "E")
    }

    #[test]
    fn host_ack_is_escape_commands() {
        let rows = [
            (Feedback::Accepted, "0 E6,E1,"),
            (Feedback::Completed, "0 E5,E6,E1,"),
            (Feedback::Opened, "0 E5,E1,"),
            (Feedback::Wrong, "0 E4,E4,"),
            (Feedback::Over, "0 E4,E4,E4,"),
            (Feedback::Already, "0 E6,E4,"),
            (Feedback::Unknown, "0 E4,E6,E4,E6,"),
            (Feedback::Refused, "0 E8,"),
            (Feedback::NotSaved, "0 E6,E6,E6,E6,E6,"),
            (Feedback::Silent, "0 E1,"),
            (Feedback::Alarm, "0 E6,E6,E6,E6,E6,"),
        ];
        for (feedback, expected) in rows {
            assert_eq!(sent(&escape_commands(feedback)), expected, "{feedback:?}");
        }
    }

    #[test]
    fn ack_and_nak_are_followed_by_beeps() {
        let rows = [
            (Feedback::Accepted, "0 \\x06"),
            (Feedback::Silent, "0 \\x06"),
            (Feedback::Completed, "0 \\x06\\x16\\x07\\r"),
            (Feedback::Unknown, "0 \\x06\\x16\\x07\\r\\x16\\x07\\r | 650 \\x16\\x07\\r"),
            (Feedback::NotSaved, "0 \\x15\\x16\\x07\\r\\x16\\x07\\r\\x16\\x07\\r\\x16\\x07\\r"),
            (Feedback::Alarm, "0 \\x16\\x07\\r\\x16\\x07\\r\\x16\\x07\\r\\x16\\x07\\r"),
        ];
        for (feedback, expected) in rows {
            assert_eq!(sent(&ack_and_beeps(feedback)), expected, "{feedback:?}");
        }
    }
}
