//! A Datalogic on a pty: ACK or NAK, then escape sequences for tones and lights, up to CR.

use std::path::Path;
use std::time::Duration;

use crate::pty::Pty;
use crate::scanner::told::Told;
use crate::scanner::{ACK, NAK, burst};
use crate::wait;

/// A scanner that ends each code with CR LF.
#[derive(Debug, Default)]
pub struct VirtualDatalogic {
    pty: Pty,
}

/// What a scan was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The scan is on disk, whatever it meant.
    pub recorded: bool,
    pub told: Told,
    pub green: bool,
    /// The green spot, or the red light, by model.
    pub second: bool,
}

impl VirtualDatalogic {
    #[must_use]
    pub fn new() -> VirtualDatalogic {
        VirtualDatalogic::default()
    }

    #[must_use]
    pub fn port(&self) -> &Path {
        self.pty.port()
    }

    /// Sends a code and hears the answer.
    ///
    /// # Panics
    /// Where no answer comes, or one that the scanner would not understand.
    #[track_caller]
    pub fn scan(&mut self, code: &str) -> Answer {
        self.try_scan(code, wait::GENEROUS).unwrap_or_else(|| panic!("no answer to {code:?}"))
    }

    /// Like [`scan`](VirtualDatalogic::scan), but `None` where nothing comes within `patience`.
    #[track_caller]
    pub fn try_scan(&mut self, code: &str, patience: Duration) -> Option<Answer> {
        self.pty.write(format!("{code}\r\n").as_bytes());
        let bytes = burst(&self.pty, patience);
        (!bytes.is_empty()).then(|| understood(&bytes))
    }
}

/// Every light that is switched on is switched off again, or it would shine for ever.
#[track_caller]
fn understood(bytes: &[u8]) -> Answer {
    let (recorded, message) = match bytes {
        [ACK, message @ .., b'\r'] => (true, message),
        [NAK, message @ .., b'\r'] => (false, message),
        other => panic!("no answer: {}", other.escape_ascii()),
    };
    let (mut melody, mut lit, mut shone) = (String::new(), [false; 2], [false; 2]);
    for sequence in message.chunks(4) {
        let [0x1b, b'[', figure, b'q'] = sequence else { panic!("no sequence: {}", sequence.escape_ascii()) };
        match figure {
            b'0' => melody.push('H'),
            b'1' => melody.push('L'),
            b'2' => melody.push('_'),
            b'5' => {}
            b'6' | b'8' => lit[usize::from(*figure == b'8')] = true,
            b'7' | b'9' => {
                let light = usize::from(*figure == b'9');
                shone[light] |= std::mem::take(&mut lit[light]);
            }
            other => panic!("no sequence: {}", other.escape_ascii()),
        }
    }
    assert_eq!(lit, [false; 2], "a light stays on after {}", bytes.escape_ascii());
    let [green, second] = shone;
    Answer { recorded, told: Told::by_melody(&melody), green, second }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understands_tones_and_lights() {
        let answer = understood(b"\x06\x1b[6q\x1b[0q\x1b[0q\x1b[5q\x1b[7q\r");
        assert_eq!(answer, Answer { recorded: true, told: Told::Completed, green: true, second: false });
        let answer = understood(b"\x15\x1b[8q\x1b[2q\x1b[9q\r");
        assert_eq!(answer, Answer { recorded: false, told: Told::Refused, green: false, second: true });
        assert_eq!(understood(b"\x06\r").told, Told::Silent);
    }

    #[test]
    #[should_panic(expected = "a light stays on")]
    fn says_that_a_light_stays_on() {
        understood(b"\x06\x1b[6q\r");
    }
}
