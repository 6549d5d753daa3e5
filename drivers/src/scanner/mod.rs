//! What each family of scanners is told, and how: one file per family, in the same order inside.
//!
//! An answer is sent only when the scan it answers is on disk, or cannot be put there. Within a family every signal has
//! a sound of its own; families with pitches share one language, so that a bench sounds like the next:
//!
//! ```text
//! accepted  high            wrong  low low          already  high low
//! completed high high       over   low low low      unknown  low high
//! opened    high high high  refused long low        not saved  five high, until the storage heals
//! ```

mod rhythm;

pub mod line;

pub mod ssi;

pub mod honeywell;

pub mod datalogic;

pub mod newland;

use std::time::Duration;

use thiserror::Error;

use crate::framing;
use crate::framing::line::Terminator;
use crate::port::LineSettings;
use crate::protocol::Protocol;
use crate::protocol::lines::Lines;
use crate::protocol::ssi::SsiLink;

/// What the one who scanned is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feedback {
    /// It counted.
    Accepted,
    /// It counted and finished something.
    Completed,
    /// It opened something to work on.
    Opened,
    /// Another item, parcel or place was expected.
    Wrong,
    /// One more than wanted.
    Over,
    /// Done before.
    Already,
    /// Nobody knows the code.
    Unknown,
    /// Not allowed now.
    Refused,
    /// The storage did not take it: the scan does not count.
    NotSaved,
    /// Taken without a word, as the second half of a double read.
    Silent,
    /// The sound of [`NotSaved`](Self::NotSaved) once more. It answers no scan.
    Alarm,
}

impl Feedback {
    pub const ALL: [Self; 11] = [
        Self::Accepted,
        Self::Completed,
        Self::Opened,
        Self::Wrong,
        Self::Over,
        Self::Already,
        Self::Unknown,
        Self::Refused,
        Self::NotSaved,
        Self::Silent,
        Self::Alarm,
    ];
}

/// Bytes for a scanner, in steps. The first step goes out at once; a newer answer takes the place of what is left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The pause before it; zero for the first.
    pub pause: Duration,
    pub bytes: Vec<u8>,
}

impl Answer {
    #[must_use]
    pub fn at_once(bytes: impl Into<Vec<u8>>) -> Self {
        Self::default().then(0, bytes)
    }

    #[must_use]
    pub fn then(mut self, pause_ms: u64, bytes: impl Into<Vec<u8>>) -> Self {
        self.steps.push(Step { pause: Duration::from_millis(pause_ms), bytes: bytes.into() });
        self
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Anything that sends lines.
    Line,
    /// Zebra and Symbol, in packets.
    Ssi,
    Honeywell,
    Datalogic,
    Newland,
}

impl Family {
    pub const ALL: [Self; 5] = [Self::Line, Self::Ssi, Self::Honeywell, Self::Datalogic, Self::Newland];

    /// The word for it in a configuration.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Ssi => "ssi",
            Self::Honeywell => "honeywell",
            Self::Datalogic => "datalogic",
            Self::Newland => "newland",
        }
    }

    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.word() == word)
    }

    /// Its models; the first is meant where none is named.
    #[must_use]
    pub fn models(self) -> &'static [Model] {
        match self {
            Self::Line => line::MODELS,
            Self::Ssi => ssi::MODELS,
            Self::Honeywell => honeywell::MODELS,
            Self::Datalogic => datalogic::MODELS,
            Self::Newland => newland::MODELS,
        }
    }
}

/// Scanners of a family that are set up and answered alike.
#[derive(Debug)]
pub struct Model {
    pub word: &'static str,
    pub preset: Preset,
    /// None where nothing is known that it would understand.
    answer: Option<fn(Feedback) -> Answer>,
    /// The sound alone; none where the scanner would take any sound for the answer to a read of its own.
    voice: Option<fn(Feedback) -> Answer>,
    /// How long it waits for an answer.
    answer_within: Option<Duration>,
}

/// How its line is set when the scanner leaves the factory. Anything of it may be set otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    pub settings: LineSettings,
    pub terminator: Terminator,
}

/// A family, and the model within it.
#[derive(Clone, Copy, Debug)]
pub struct Driver {
    family: Family,
    model: &'static Model,
}

/// Two are the same where their words are.
impl PartialEq for Driver {
    fn eq(&self, other: &Self) -> bool {
        (self.family, self.model.word) == (other.family, other.model.word)
    }
}

/// A word that names no driver, and the words that do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnknownDriver {
    #[error("there is no driver {asked:?}; there are: {}", .known.join(", "))]
    Family { asked: String, known: Vec<&'static str> },
    #[error("the driver {family:?} has no model {asked:?}; it has: {}", .known.join(", "))]
    Model { family: &'static str, asked: String, known: Vec<&'static str> },
}

/// Any scanner that sends lines.
impl Default for Driver {
    fn default() -> Self {
        Self::of(Family::Line)
    }
}

impl Driver {
    /// The driver of a family's first model.
    #[must_use]
    pub fn of(family: Family) -> Self {
        Self { family, model: &family.models()[0] }
    }

    /// # Errors
    /// There is no such family, or it has no such model.
    pub fn named(family: &str, model: Option<&str>) -> Result<Self, UnknownDriver> {
        let unknown_family = || UnknownDriver::Family {
            asked: family.to_owned(),
            known: Family::ALL.into_iter().map(Family::word).collect(),
        };
        let family = Family::named(family).ok_or_else(unknown_family)?;
        let Some(asked) = model else {
            return Ok(Self::of(family));
        };
        let unknown_model = || UnknownDriver::Model {
            family: family.word(),
            asked: asked.to_owned(),
            known: family.models().iter().map(|model| model.word).collect(),
        };
        let model = family.models().iter().find(|model| model.word == asked).ok_or_else(unknown_model)?;
        Ok(Self { family, model })
    }

    #[must_use]
    pub fn family(self) -> Family {
        self.family
    }

    /// The model's word.
    #[must_use]
    pub fn model(self) -> &'static str {
        self.model.word
    }

    #[must_use]
    pub fn preset(self) -> Preset {
        self.model.preset
    }

    /// What to send for `feedback`; no steps where the scanner can't be answered.
    #[must_use]
    pub fn answer(self, feedback: Feedback) -> Answer {
        self.model.answer.map_or_else(Answer::default, |answer| answer(feedback))
    }

    /// What to send so that the scanner tells what another one was told; no steps where it can't do that without
    /// acknowledging what it may be waiting for itself.
    #[must_use]
    pub fn voice(self, feedback: Feedback) -> Answer {
        self.model.voice.map_or_else(Answer::default, |voice| voice(feedback))
    }

    /// Whether it can tell what another scanner was told.
    #[must_use]
    pub fn has_voice(self) -> bool {
        self.model.voice.is_some()
    }

    /// Whether the scanner itself can tell the one who scanned. Where it can't, somebody else must.
    #[must_use]
    pub fn can_answer(self) -> bool {
        self.model.answer.is_some()
    }

    /// How long the scanner waits for its answer, as it leaves the factory. One that comes later may not have been
    /// heard, and the scanner may have sent its read again.
    #[must_use]
    pub fn answer_within(self) -> Option<Duration> {
        self.model.answer_within
    }

    /// The conversation on its line. `framing` is for families that send lines.
    #[must_use]
    pub fn protocol(self, framing: framing::line::Config) -> Protocol {
        match self.family {
            Family::Ssi => Protocol::Ssi(Box::new(SsiLink::new(ssi::SETTINGS))),
            Family::Line | Family::Honeywell | Family::Datalogic | Family::Newland => {
                Protocol::Lines(Lines::new(framing))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::protocol::Output;

    fn drivers() -> impl Iterator<Item = Driver> {
        let of_family =
            |family: Family| family.models().iter().map(move |model| Driver::named(family.word(), Some(model.word)));
        Family::ALL.into_iter().flat_map(of_family).map(Result::unwrap)
    }

    #[test]
    fn a_line_that_was_lost_begins_anew_in_every_family() {
        for family in Family::ALL {
            let good: &[u8] = match family {
                Family::Ssi => b"\x12\xf3\x00\x00\x0b5901234123457\xfc\x52",
                _ => b"]E05901234123457\r",
            };
            let (cut, rest) = good.split_at(6);
            let mut protocol = Driver::of(family).protocol(framing::line::Config::default());
            let mut codes = Vec::new();
            let mut note = |output: Output<'_>| {
                if let Output::Read(read) = output {
                    codes.push(read.payload);
                }
            };
            protocol.opened(Duration::ZERO, &mut note);
            protocol.push(cut, Duration::ZERO, &mut note);
            let due = protocol.due().unwrap();
            protocol.abandon(&mut note);
            protocol.skip_past(&rest[..2]);
            protocol.push(good, Duration::from_millis(1), &mut note);
            protocol.tick(due * 2, &mut note);
            protocol.push(good, due * 3, &mut note);
            // What ends with a terminator ends what was skipped too; a packet has to wait for a gap.
            assert!((1..=2).contains(&codes.len()), "{family:?} {}", codes.len());
            assert!(codes.iter().all(|code| code == b"5901234123457"), "{family:?}");
        }
    }

    /// The bytes with their pauses, without the acknowledgement in front of them.
    fn sound(driver: Driver, feedback: Feedback) -> Vec<Step> {
        let mut steps = driver.answer(feedback).steps;
        if let Some(Step { bytes, .. }) = steps.first_mut() {
            let acknowledgement =
                [&framing::ssi::ack()[..], &framing::ssi::nak(framing::ssi::Nak::Denied), b"\x06", b"\x15"]
                    .into_iter()
                    .find_map(|begin| bytes.strip_prefix(begin).map(<[u8]>::to_vec));
            *bytes = acknowledgement.unwrap_or_else(|| bytes.clone());
        }
        steps
    }

    #[test]
    fn words_name_drivers() {
        let named = |family, model| Driver::named(family, model).map(|driver| (driver.family(), driver.model()));
        assert_eq!(named("line", None), Ok((Family::Line, "generic")));
        assert_eq!(named("datalogic", Some("powerscan-96xx")), Ok((Family::Datalogic, "powerscan-96xx")));
        assert_eq!(
            named("lines", None).unwrap_err().to_string(),
            "there is no driver \"lines\"; there are: line, ssi, honeywell, datalogic, newland"
        );
        assert_eq!(
            named("ssi", Some("gryphon")).unwrap_err().to_string(),
            "the driver \"ssi\" has no model \"gryphon\"; it has: zebra, zebra-led"
        );
        for family in Family::ALL {
            assert_eq!(Family::named(family.word()), Some(family));
            assert_eq!(Driver::of(family).model(), family.models()[0].word);
        }
    }

    #[test]
    fn every_signal_of_a_scanner_sounds_different() {
        for driver in drivers().filter(|driver| driver.can_answer()) {
            let heard =
                Feedback::ALL.into_iter().filter(|feedback| !matches!(feedback, Feedback::Silent | Feedback::Alarm));
            let sounds: BTreeSet<_> = heard.map(|feedback| format!("{:?}", sound(driver, feedback))).collect();
            assert_eq!(sounds.len(), 9, "{driver:?}");
            let alarm = sound(driver, Feedback::Alarm);
            assert_eq!(alarm, driver.answer(Feedback::Alarm).steps, "{driver:?}: an alarm acknowledges nothing");
        }
    }

    #[test]
    fn the_first_step_has_no_pause_and_a_scanner_without_answers_gets_no_step() {
        for driver in drivers() {
            for feedback in Feedback::ALL {
                let steps = driver.answer(feedback).steps;
                assert_eq!(steps.is_empty(), !driver.can_answer(), "{driver:?} {feedback:?}");
                assert!(steps.first().is_none_or(|step| step.pause.is_zero()), "{driver:?} {feedback:?}");
                assert!(steps.iter().skip(1).all(|step| !step.pause.is_zero() && !step.bytes.is_empty()));
            }
        }
    }
}
