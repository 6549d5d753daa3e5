//! Zebra and Symbol scanners that speak Simple Serial Interface: packets, acknowledged in both directions.
//!
//! CMD_ACK comes first for whatever is on disk. A scan that is not saved is denied: the scanner doesn't send it again.
//! Sounds are the beep codes 0 to 6, one to five short high beeps and one or two short low ones; the codes after them
//! differ between sources and are not used. A melody of both is several BEEP, each a command of its own with room
//! for its acknowledgement, since a decoder may lose what is sent while it sends.
//!
//! Sources: SSI chapters of Zebra's DS4308, DS8108 and CR6080 product reference guides; MK1000 product reference
//! guide, table 5-8 (beep codes).

use std::time::Duration;

use super::{Answer, Feedback, Model, Preset};
use crate::framing::line::Terminator;
use crate::framing::ssi::{Nak, ack, nak, opcode, packet};
use crate::port::LineSettings;
use crate::protocol::ssi::{RESPONSE_TIME_OUT, Setting};

pub(super) const MODELS: &[Model] = &[
    Model {
        word: "zebra",
        preset: PRESET,
        answer: Some(|feedback| answer(feedback, false)),
        voice: Some(voice),
        answer_within: WITHIN,
    },
    Model {
        word: "zebra-led",
        preset: PRESET,
        answer: Some(|feedback| answer(feedback, true)),
        voice: Some(voice),
        answer_within: WITHIN,
    },
];

/// Packets end by themselves: the terminator has no meaning.
const PRESET: Preset = Preset { settings: LineSettings::FACTORY, terminator: Terminator::None };

const WITHIN: Option<Duration> = Some(RESPONSE_TIME_OUT);

/// What the scanner is told when its line is opened.
pub(super) const SETTINGS: &[Setting] = &[
    Setting { name: "acknowledge every packet", parameter: 0x9f, value: 1 },
    Setting { name: "send decoded data in packets", parameter: 0xee, value: 1 },
    Setting { name: "no beep before the answer", parameter: 0x38, value: 0 },
];

const HIGH: u8 = 0x00;
const TWO_HIGH: u8 = 0x01;
const THREE_HIGH: u8 = 0x02;
const FIVE_HIGH: u8 = 0x04;
const LOW: u8 = 0x05;
const TWO_LOW: u8 = 0x06;

/// Room for the decoder's acknowledgement before the next command.
const AFTER_ACK_MS: u64 = 25;
/// A beep or two, and room to hear that the next one begins.
const BETWEEN_BEEPS_MS: u64 = 250;

const DECODE_LED: u8 = 0x01;
const LED_ON_MS: u64 = 500;

fn answer(feedback: Feedback, with_led: bool) -> Answer {
    let beeps = beeps(feedback).iter().map(|&code| packet(opcode::BEEP, 0, &[code]));
    let mut pauses_ms = std::iter::once(AFTER_ACK_MS).chain(std::iter::repeat(BETWEEN_BEEPS_MS));
    let mut answer = match feedback {
        Feedback::Alarm => {
            pauses_ms.next();
            return Answer::at_once(beeps.flatten().collect::<Vec<_>>());
        }
        Feedback::NotSaved => Answer::at_once(nak(Nak::Denied)),
        _ => Answer::at_once(ack()),
    };
    for (beep, pause_ms) in beeps.zip(pauses_ms) {
        answer = answer.then(pause_ms, beep);
    }
    let counted = matches!(feedback, Feedback::Accepted | Feedback::Completed | Feedback::Opened);
    if with_led && counted {
        answer = answer
            .then(AFTER_ACK_MS, packet(opcode::LED_ON, 0, &[DECODE_LED]))
            .then(LED_ON_MS, packet(opcode::LED_OFF, 0, &[DECODE_LED]));
    }
    answer
}

fn voice(feedback: Feedback) -> Answer {
    let mut steps = answer(feedback, false).steps.into_iter().skip(usize::from(feedback != Feedback::Alarm));
    let mut voice = Answer::default();
    if let Some(first) = steps.next() {
        voice = Answer::at_once(first.bytes);
        voice.steps.extend(steps);
    }
    voice
}

/// Beep codes. A long low beep has no code that all sources agree on: refused is two low beeps twice.
fn beeps(feedback: Feedback) -> &'static [u8] {
    match feedback {
        Feedback::Accepted => &[HIGH],
        Feedback::Completed => &[TWO_HIGH],
        Feedback::Opened => &[THREE_HIGH],
        Feedback::Wrong => &[TWO_LOW],
        Feedback::Over => &[TWO_LOW, LOW],
        Feedback::Already => &[HIGH, LOW],
        Feedback::Unknown => &[LOW, HIGH],
        Feedback::Refused => &[TWO_LOW, TWO_LOW],
        Feedback::NotSaved | Feedback::Alarm => &[FIVE_HIGH],
        Feedback::Silent => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps as text: opcode and data of each packet, pauses in milliseconds.
    fn shown(feedback: Feedback, with_led: bool) -> String {
        let steps = answer(feedback, with_led).steps.into_iter().map(|step| {
            let data: String = step.bytes[4..step.bytes.len() - 2].iter().map(|byte| format!(" {byte:02x}")).collect();
            format!("{} {:02x}{data}", step.pause.as_millis(), step.bytes[1])
        });
        steps.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn answers_acknowledge_first_and_beep_in_their_own_way() {
        let rows = [
            (Feedback::Accepted, "0 d0, 25 e6 00"),
            (Feedback::Completed, "0 d0, 25 e6 01"),
            (Feedback::Opened, "0 d0, 25 e6 02"),
            (Feedback::Wrong, "0 d0, 25 e6 06"),
            (Feedback::Over, "0 d0, 25 e6 06, 250 e6 05"),
            (Feedback::Already, "0 d0, 25 e6 00, 250 e6 05"),
            (Feedback::Unknown, "0 d0, 25 e6 05, 250 e6 00"),
            (Feedback::Refused, "0 d0, 25 e6 06, 250 e6 06"),
            (Feedback::NotSaved, "0 d1 06, 25 e6 04"),
            (Feedback::Silent, "0 d0"),
            (Feedback::Alarm, "0 e6 04"),
        ];
        for (feedback, expected) in rows {
            assert_eq!(shown(feedback, false), expected, "{feedback:?}");
        }
    }

    #[test]
    fn a_voice_beeps_and_acknowledges_nothing() {
        for feedback in Feedback::ALL {
            let opcodes: Vec<u8> = voice(feedback).steps.iter().map(|step| step.bytes[1]).collect();
            assert_eq!(opcodes, vec![opcode::BEEP; beeps(feedback).len()], "{feedback:?}");
            assert!(voice(feedback).steps.first().is_none_or(|step| step.pause.is_zero()), "{feedback:?}");
        }
    }

    #[test]
    fn the_light_shines_for_what_counted() {
        assert_eq!(shown(Feedback::Completed, true), "0 d0, 25 e6 01, 25 e7 01, 500 e8 01");
        assert_eq!(shown(Feedback::Wrong, true), shown(Feedback::Wrong, false));
    }
}
