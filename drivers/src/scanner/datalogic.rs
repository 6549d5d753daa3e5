//! Datalogic Gryphon and PowerScan over RS-232 or USB in its serial mode.
//!
//! ACK or NAK, then escape sequences for tones and lights, then CR: one answer for two settings. A scanner with the
//! ACK/NAK protocol takes the first byte. A base that waits for "ACK from host" takes all up to CR as a message for its
//! scanner, whose escape sequences are commands and whose text is nothing to hear. Sequences that a model doesn't know
//! are ignored.
//!
//! Sources: Gryphon GD/GBT/GM4200 product reference guide, p. 250, and GD44XX, pp. 268 and 307; PowerScan PD/PM96XX,
//! p. 304, where the second light is another one.

use super::{Answer, Feedback, Model, Preset, line};
use crate::framing::line::Terminator;
use crate::port::LineSettings;

pub(super) const MODELS: &[Model] = &[
    Model {
        word: "gryphon",
        preset: PRESET,
        answer: Some(|feedback| answer(feedback, SecondLight::GreenSpot)),
        voice: None,
        answer_within: None,
    },
    Model {
        word: "powerscan-96xx",
        preset: PRESET,
        answer: Some(|feedback| answer(feedback, SecondLight::Red)),
        voice: None,
        answer_within: None,
    },
];

const PRESET: Preset = Preset { settings: LineSettings::FACTORY, terminator: Terminator::Auto };

/// What the sequences 8 and 9 turn on and off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SecondLight {
    /// On the code that was read.
    GreenSpot,
    Red,
}

const HIGH: u8 = b'0';
const LOW: u8 = b'1';
const LONG_LOW: u8 = b'2';
const WAIT_100_MS: u8 = b'5';
const GREEN_ON: u8 = b'6';
const GREEN_OFF: u8 = b'7';
const SECOND_ON: u8 = b'8';
const SECOND_OFF: u8 = b'9';

const CR: u8 = b'\r';

fn answer(feedback: Feedback, second: SecondLight) -> Answer {
    let (on, off): (&[u8], &[u8]) = match (feedback, second) {
        (Feedback::Accepted | Feedback::Completed | Feedback::Opened, SecondLight::GreenSpot) => {
            (&[GREEN_ON, SECOND_ON], &[WAIT_100_MS, SECOND_OFF, GREEN_OFF])
        }
        (Feedback::Accepted | Feedback::Completed | Feedback::Opened, SecondLight::Red) => {
            (&[GREEN_ON], &[WAIT_100_MS, GREEN_OFF])
        }
        (
            Feedback::Wrong | Feedback::Over | Feedback::Refused | Feedback::NotSaved | Feedback::Alarm,
            SecondLight::Red,
        ) => (&[SECOND_ON], &[WAIT_100_MS, SECOND_OFF]),
        _ => (&[], &[]),
    };
    let mut bytes = line::acknowledgement(feedback).to_vec();
    for sequence in [on, tones(feedback), off].concat() {
        bytes.extend([0x1b, b'[', sequence, b'q']);
    }
    bytes.push(CR);
    Answer::at_once(bytes)
}

fn tones(feedback: Feedback) -> &'static [u8] {
    match feedback {
        Feedback::Accepted => &[HIGH],
        Feedback::Completed => &[HIGH, HIGH],
        Feedback::Opened => &[HIGH, HIGH, HIGH],
        Feedback::Wrong => &[LOW, LOW],
        Feedback::Over => &[LOW, LOW, LOW],
        Feedback::Already => &[HIGH, LOW],
        Feedback::Unknown => &[LOW, HIGH],
        Feedback::Refused => &[LONG_LOW],
        Feedback::NotSaved | Feedback::Alarm => &[HIGH; 5],
        Feedback::Silent => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `A` ACK, `N` NAK, the figure of each sequence, `.` CR.
    fn sent(feedback: Feedback, second: SecondLight) -> String {
        let steps = answer(feedback, second).steps;
        assert_eq!(steps.len(), 1);
        let text = String::from_utf8(steps[0].bytes.clone()).unwrap();
        text.replace('\x06', "A").replace('\x15', "N").replace("\x1b[", "").replace('q', "").replace('\r', ".")
    }

    #[test]
    fn answers_are_tones_between_lights() {
        let rows = [
            (Feedback::Accepted, "A680597.", "A6057."),
            (Feedback::Completed, "A6800597.", "A60057."),
            (Feedback::Opened, "A68000597.", "A600057."),
            (Feedback::Wrong, "A11.", "A81159."),
            (Feedback::Over, "A111.", "A811159."),
            (Feedback::Already, "A01.", "A01."),
            (Feedback::Unknown, "A10.", "A10."),
            (Feedback::Refused, "A2.", "A8259."),
            (Feedback::NotSaved, "N00000.", "N80000059."),
            (Feedback::Silent, "A.", "A."),
            (Feedback::Alarm, "00000.", "80000059."),
        ];
        for (feedback, gryphon, powerscan) in rows {
            assert_eq!(sent(feedback, SecondLight::GreenSpot), gryphon, "{feedback:?}");
            assert_eq!(sent(feedback, SecondLight::Red), powerscan, "{feedback:?}");
        }
        assert_eq!(answer(Feedback::Wrong, SecondLight::GreenSpot).steps[0].bytes, b"\x06\x1b[1q\x1b[1q\r");
    }
}
