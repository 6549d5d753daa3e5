//! Barcode scanners on ptys: they send codes and take the agent's answers. Here one that sends lines; other families have
//! a file each.
//!
//! An answer is ACK (recorded) or NAK (not saved), then a BEL for each beep. It has no end of its own: it is over when
//! the next begins, or when no further byte comes for a moment. Some have more groups of beeps, each after a pause: who
//! asks for the whole rhythm waits for them, everybody else passes over them when they come late.

pub mod datalogic;
pub mod honeywell;
pub mod ssi;
pub mod told;

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use crate::pty::Pty;
use crate::wait::{self, Stopwatch};
use told::Told;

const ACK: u8 = 0x06;
const BEL: u8 = 0x07;
const NAK: u8 = 0x15;

/// The agent writes an answer at once; a slow line could still deliver it in pieces.
const SILENCE_ENDS_ANSWER: Duration = Duration::from_millis(2);

/// Longer than any pause between groups.
const SILENCE_ENDS_RHYTHM: Duration = Duration::from_millis(1_200);

/// What the scanner was told about a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The scan is on disk, whatever it meant.
    pub recorded: bool,
    /// The first group: 0 accepted, opened, or bounce; 1 completed; 2 already, unknown; 3 wrong, over, refused; 4 not
    /// saved.
    pub beeps: u8,
    /// From when the scan was sent, or waiting began, to the answer's first byte.
    pub after: Duration,
}

/// A scanner that ends each code with CR LF.
#[derive(Debug, Default)]
pub struct VirtualScanner {
    pty: Pty,
    unread: VecDeque<u8>,
}

impl VirtualScanner {
    #[must_use]
    pub fn new() -> VirtualScanner {
        VirtualScanner::default()
    }

    #[must_use]
    pub fn port(&self) -> &Path {
        self.pty.port()
    }

    /// The line itself, for bytes that are no code.
    #[must_use]
    pub fn line(&self) -> &Pty {
        &self.pty
    }

    /// Unplugs the scanner; unread answers are lost.
    pub fn unplug(&mut self) {
        self.unread.clear();
        self.pty.unplug();
    }

    pub fn replug(&mut self) {
        self.pty.replug();
    }

    /// Sends a code, and doesn't wait for its answer.
    #[track_caller]
    pub fn send(&mut self, code: &str) {
        self.pty.write(format!("{code}\r\n").as_bytes());
    }

    /// Sends a code and waits for its answer. Answers to earlier codes are thrown away first.
    ///
    /// # Panics
    /// Where no answer comes.
    #[track_caller]
    pub fn scan(&mut self, code: &str) -> Answer {
        self.try_scan(code, wait::GENEROUS).unwrap_or_else(|| panic!("no answer to {code:?}"))
    }

    /// Like [`scan`](VirtualScanner::scan), but `None` where no answer comes within `patience`.
    #[track_caller]
    pub fn try_scan(&mut self, code: &str, patience: Duration) -> Option<Answer> {
        self.drain();
        let sent = Stopwatch::start();
        self.send(code);
        self.answer_since(sent, patience)
    }

    /// Sends a code and listens to the whole rhythm of its answer. Takes over a second.
    ///
    /// # Panics
    /// Where no answer comes, or no signal sounds like it.
    #[track_caller]
    pub fn hear(&mut self, code: &str) -> Told {
        let Answer { recorded, beeps, .. } = self.scan(code);
        let mut groups = vec![beeps];
        while self.receive(SILENCE_ENDS_RHYTHM) {
            groups.push(self.take_beeps());
        }
        Told::by_rhythm(recorded, &groups)
    }

    /// The next answer, in the order of the codes; `None` where none comes within `patience`.
    #[track_caller]
    pub fn answer(&mut self, patience: Duration) -> Option<Answer> {
        self.answer_since(Stopwatch::start(), patience)
    }

    /// Throws away what has come so far, and returns it without late beeps.
    pub fn drain(&mut self) -> Vec<u8> {
        while self.receive(Duration::ZERO) {}
        self.skip_late_beeps();
        self.unread.drain(..).collect()
    }

    #[track_caller]
    fn answer_since(&mut self, start: Stopwatch, patience: Duration) -> Option<Answer> {
        self.skip_late_beeps();
        while self.unread.is_empty() {
            if !self.receive(start.left_of(patience)) {
                return None;
            }
            self.skip_late_beeps();
        }
        let after = start.elapsed();
        let recorded = match self.unread.pop_front() {
            Some(ACK) => true,
            Some(NAK) => false,
            other => panic!("{} was answered by {other:02x?}, then {:02x?}", self.port().display(), self.unread),
        };
        Some(Answer { recorded, beeps: self.take_beeps(), after })
    }

    /// The beeps that come without a pause.
    fn take_beeps(&mut self) -> u8 {
        let mut beeps = 0;
        while !self.unread.is_empty() || self.receive(SILENCE_ENDS_ANSWER) {
            if self.unread.front() != Some(&BEL) {
                break;
            }
            self.unread.pop_front();
            beeps += 1;
        }
        beeps
    }

    fn skip_late_beeps(&mut self) {
        while self.unread.front() == Some(&BEL) {
            self.unread.pop_front();
        }
    }

    fn receive(&mut self, patience: Duration) -> bool {
        let bytes = self.pty.read(patience);
        self.unread.extend(&bytes);
        !bytes.is_empty()
    }
}

/// The first bytes that come, and those that follow without a pause.
fn burst(pty: &Pty, patience: Duration) -> Vec<u8> {
    let mut bytes = pty.read(patience);
    while !bytes.is_empty() {
        match &pty.read(SILENCE_ENDS_ANSWER)[..] {
            [] => break,
            more => bytes.extend(more),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::fs::{File, OpenOptions};
    use std::io::{Read, Write};

    use super::*;

    fn agent(scanner: &VirtualScanner) -> File {
        OpenOptions::new().read(true).write(true).open(scanner.port()).unwrap()
    }

    fn answers(bytes: &[u8]) -> Vec<(bool, u8)> {
        let mut scanner = VirtualScanner::new();
        agent(&scanner).write_all(bytes).unwrap();
        let mut answers = Vec::new();
        let mut patience = wait::GENEROUS;
        while let Some(answer) = scanner.answer(patience) {
            answers.push((answer.recorded, answer.beeps));
            patience = Duration::from_millis(20);
        }
        answers
    }

    #[test]
    fn reads_each_answer() {
        assert_eq!(answers(b"\x06"), [(true, 0)]);
        assert_eq!(answers(b"\x06\x07"), [(true, 1)]);
        assert_eq!(answers(b"\x06\x07\x07\x07"), [(true, 3)]);
        assert_eq!(answers(b"\x15\x07\x07\x07\x07"), [(false, 4)]);
    }

    #[test]
    fn tells_answers_apart_that_come_together() {
        assert_eq!(
            answers(b"\x06\x06\x07\x06\x07\x07\x15\x07\x07\x07\x07"),
            [(true, 0), (true, 1), (true, 2), (false, 4)]
        );
    }

    #[test]
    fn sends_a_code_as_a_line_and_ignores_late_answers() {
        let mut scanner = VirtualScanner::new();
        let mut agent = agent(&scanner);
        agent.write_all(b"\x15\x07\x07\x07\x07").unwrap();
        let agent = std::thread::spawn(move || {
            let mut line = [0; 9];
            agent.read_exact(&mut line).unwrap();
            agent.write_all(b"\x06\x07\x07").unwrap();
            line
        });
        let answer = scanner.scan("PARCEL1");
        assert_eq!((answer.recorded, answer.beeps), (true, 2));
        assert_eq!(&agent.join().unwrap(), b"PARCEL1\r\n");
    }

    #[test]
    fn passes_over_late_beeps_and_hears_them_when_asked() {
        let mut scanner = VirtualScanner::new();
        let mut agent = agent(&scanner);
        agent.write_all(b"\x07\x07").unwrap();
        assert_eq!(scanner.drain(), b"");
        agent.write_all(b"\x07\x06\x07").unwrap();
        let answer = scanner.answer(wait::GENEROUS).unwrap();
        assert_eq!((answer.recorded, answer.beeps), (true, 1));

        let agent = std::thread::spawn(move || {
            agent.read_exact(&mut [0; 9]).unwrap();
            for group in [&b"\x06\x07\x07\x07"[..], b"\x07\x07"] {
                agent.write_all(group).unwrap();
                let written = Stopwatch::start();
                wait::until("a pause", wait::GENEROUS, || {
                    (Duration::from_millis(100) < written.elapsed()).then_some(())
                });
            }
        });
        assert_eq!(scanner.hear("PARCEL1"), Told::Refused);
        agent.join().unwrap();
    }

    #[test]
    fn says_when_nobody_answers() {
        assert_eq!(VirtualScanner::new().try_scan("PARCEL1", Duration::from_millis(20)), None);
    }
}
