//! Any scanner that sends lines and knows ACK, NAK and BEL, as most do over RS-232 and USB-CDC.
//!
//! ACK comes first for whatever is on disk, right or wrong: a scanner that waits for its host repeats the read on
//! NAK or silence, and what is recorded must not come again. BEL has one pitch on all of them, so the signals are
//! told apart by number and rhythm.
//!
//! Sources: Zebra DS9808 product reference guide, table 2-1 (BEL); Honeywell N4313 user's guide, p. 2-20 (ACK, NAK);
//! Honeywell IS4825 integration guide, p. 22.

use super::{Answer, Feedback, Model, Preset, rhythm};
use crate::framing::line::Terminator;
use crate::port::{DataBits, LineSettings, Parity, StopBits};

pub(super) const MODELS: &[Model] = &[
    Model {
        word: "generic",
        preset: Preset { settings: LineSettings::FACTORY, terminator: Terminator::Auto },
        answer: Some(answer),
        voice: Some(voice),
        answer_within: None,
    },
    // 7 data bits and space parity, which is 8 data bits to a line that knows no space parity.
    Model {
        word: "is48xx",
        preset: Preset {
            settings: LineSettings {
                baud: 9600,
                data_bits: DataBits::Eight,
                parity: Parity::None,
                stop_bits: StopBits::Two,
            },
            terminator: Terminator::Auto,
        },
        answer: Some(answer),
        voice: Some(voice),
        answer_within: None,
    },
];

pub(super) const ACK: &[u8] = b"\x06";
pub(super) const NAK: &[u8] = b"\x15";
const BEL: &[u8] = b"\x07";

fn answer(feedback: Feedback) -> Answer {
    rhythm::answer(feedback, acknowledgement(feedback), BEL)
}

fn voice(feedback: Feedback) -> Answer {
    rhythm::answer(feedback, b"", BEL)
}

/// ACK for what is on disk, NAK for what is not.
pub(super) fn acknowledgement(feedback: Feedback) -> &'static [u8] {
    match feedback {
        Feedback::NotSaved => NAK,
        Feedback::Alarm => b"",
        _ => ACK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps as text: `A` ACK, `N` NAK, `B` BEL, pauses in milliseconds.
    fn shown(feedback: Feedback) -> String {
        let steps = answer(feedback).steps.into_iter().map(|step| {
            let bytes = step.bytes.iter().map(|byte| match byte {
                0x06 => 'A',
                0x15 => 'N',
                0x07 => 'B',
                _ => '?',
            });
            format!("{} {}", step.pause.as_millis(), bytes.collect::<String>())
        });
        steps.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_voice_acknowledges_nothing() {
        for feedback in Feedback::ALL {
            let told: Vec<u8> = answer(feedback).steps.into_iter().flat_map(|step| step.bytes).collect();
            let heard: Vec<u8> = voice(feedback).steps.into_iter().flat_map(|step| step.bytes).collect();
            assert_eq!(heard, told.strip_prefix(acknowledgement(feedback)).unwrap(), "{feedback:?}");
        }
    }

    #[test]
    fn the_first_group_is_a_tier_and_the_second_tells_its_signals_apart() {
        let rows = [
            (Feedback::Accepted, "0 A"),
            (Feedback::Silent, "0 A"),
            (Feedback::Opened, "0 A, 350 B, 500 B"),
            (Feedback::Completed, "0 AB"),
            (Feedback::Already, "0 ABB"),
            (Feedback::Unknown, "0 ABB, 650 B"),
            (Feedback::Wrong, "0 ABBB"),
            (Feedback::Over, "0 ABBB, 800 B"),
            (Feedback::Refused, "0 ABBB, 800 BB"),
            (Feedback::NotSaved, "0 NBBBB"),
            (Feedback::Alarm, "0 BBBB"),
        ];
        for (feedback, expected) in rows {
            assert_eq!(shown(feedback), expected, "{feedback:?}");
        }
    }
}
