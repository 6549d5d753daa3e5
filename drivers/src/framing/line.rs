//! Frames that end by a terminator, as scanners send them by default over RS-232 and USB-CDC.
//!
//! Bytes are pushed in whatever chunks the port gives; the frames depend on the bytes alone, never on the chunks.
//! A frame is the bytes up to its terminator, without it and without a leading STX. Empty frames are silent, which
//! also makes CR LF one terminator however it is split. Everything else that is not a frame is reported with its
//! number of bytes and skipped up to the next terminator, STX or idle gap: the framer always finds back.
//! Memory is bounded by [`FRAME_BYTES_MAX`].

use std::str::FromStr;

use thiserror::Error;

use super::{Unreadable, is_text};

/// The longest frame in bytes, terminator not counted. The largest symbols hold 7,089 (QR) and 3,116 (Data Matrix)
/// characters; with an AIM identifier and room to spare.
pub const FRAME_BYTES_MAX: usize = 8192;

/// Gap after which a frame without its terminator is given up: the host character time-out of Zebra's scanners.
const GAP_DEFAULT_MS: u64 = 200;

/// Gap that ends a frame where nothing else does. The scan's answer waits for it, so it is as short as USB and
/// 9600 baud allow.
const GAP_AS_TERMINATOR_MS: u64 = 50;

const STX: u8 = 0x02;
const ETX: u8 = 0x03;
const TAB: u8 = b'\t';
const LF: u8 = b'\n';
const CR: u8 = b'\r';

/// What ends a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Terminator {
    /// Any of CR, LF, CR LF, ETX and TAB.
    #[default]
    Auto,
    Cr,
    Lf,
    /// CR and LF together; either alone is part of the code, as in a 2D code with several lines.
    CrLf,
    Etx,
    Tab,
    /// Nothing but the idle gap.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a terminator: write auto, cr, lf, crlf, etx, tab or none")]
pub struct UnknownTerminator;

impl Terminator {
    /// Every terminator, with the word for it in a configuration.
    pub const WORDS: [(&str, Self); 7] = [
        ("auto", Self::Auto),
        ("cr", Self::Cr),
        ("lf", Self::Lf),
        ("crlf", Self::CrLf),
        ("etx", Self::Etx),
        ("tab", Self::Tab),
        ("none", Self::None),
    ];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}

impl FromStr for Terminator {
    type Err = UnknownTerminator;

    fn from_str(name: &str) -> Result<Self, UnknownTerminator> {
        let found = Self::WORDS.iter().find(|(word, _)| *word == name);
        found.map(|(_, terminator)| *terminator).ok_or(UnknownTerminator)
    }
}

/// What a silence of [`Config::gap_ms`] means for a frame that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdleGap {
    /// It ends the frame.
    Ends,
    /// The frame is half a scan and is dropped.
    Discards,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    pub terminator: Terminator,
    pub idle_gap: IdleGap,
    pub gap_ms: u64,
}

impl Config {
    /// The gap that suits a terminator: it ends a frame where nothing else does, and discards half a scan elsewhere.
    #[must_use]
    pub fn terminated_by(terminator: Terminator) -> Self {
        match terminator {
            Terminator::None => Self { terminator, idle_gap: IdleGap::Ends, gap_ms: GAP_AS_TERMINATOR_MS },
            _ => Self { terminator, idle_gap: IdleGap::Discards, gap_ms: GAP_DEFAULT_MS },
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::terminated_by(Terminator::Auto)
    }
}

/// What [`LineFramer`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed<'a> {
    /// A whole frame, never empty.
    Frame(&'a [u8]),
    Unreadable {
        reason: Unreadable,
        bytes: usize,
    },
}

#[derive(Debug)]
pub struct LineFramer {
    config: Config,
    state: State,
    held: Vec<u8>,
    after_cr: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Holding,
    /// Dropping bytes until the next frame begins; `bytes` are dropped and not yet reported.
    Skipping {
        reason: Unreadable,
        bytes: usize,
    },
}

impl LineFramer {
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { config, state: State::Holding, held: Vec::new(), after_cr: false }
    }

    /// Takes the next bytes of the line and gives every frame that they complete.
    pub fn push(&mut self, bytes: &[u8], mut found: impl FnMut(Framed<'_>)) {
        for &byte in bytes {
            self.take(byte, &mut found);
        }
    }

    /// To be called when the line has been silent for [`Config::gap_ms`] while [`is_partial`](Self::is_partial).
    pub fn idle(&mut self, mut found: impl FnMut(Framed<'_>)) {
        match (self.state, self.config.idle_gap) {
            (State::Holding, IdleGap::Ends) => self.end_frame(&mut found),
            _ => self.abandon(found),
        }
    }

    /// Drops what has begun: the line was lost.
    pub fn abandon(&mut self, mut found: impl FnMut(Framed<'_>)) {
        self.drop_begun(&mut found);
        self.after_cr = false;
    }

    /// Tells that `bytes` were thrown away unread. Unless they end with a terminator, what follows is the rest of a
    /// frame that nobody wants, and is skipped.
    pub fn skip_past(&mut self, bytes: &[u8]) {
        self.push(bytes, |_| ());
        if self.is_partial() {
            self.held.clear();
            self.state = State::Skipping { reason: Unreadable::Stale, bytes: 0 };
        }
    }

    /// Whether a frame has begun, or is being skipped, so that an idle gap would end it.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.state != State::Holding || !self.held.is_empty()
    }

    #[must_use]
    pub fn gap_ms(&self) -> u64 {
        self.config.gap_ms
    }

    fn take(&mut self, byte: u8, found: &mut impl FnMut(Framed<'_>)) {
        let after_cr = std::mem::replace(&mut self.after_cr, byte == CR);
        if byte == STX {
            return self.drop_begun(found);
        }
        if self.ends_frame(byte, after_cr) {
            return self.end_frame(found);
        }
        match &mut self.state {
            State::Holding => self.hold(byte, found),
            State::Skipping { reason, bytes } => {
                *bytes += 1;
                if FRAME_BYTES_MAX <= *bytes {
                    found(Framed::Unreadable { reason: *reason, bytes: std::mem::take(bytes) });
                }
            }
        }
    }

    fn ends_frame(&self, byte: u8, after_cr: bool) -> bool {
        match self.config.terminator {
            Terminator::Auto => matches!(byte, CR | LF | ETX | TAB),
            Terminator::Cr => byte == CR,
            Terminator::Lf => byte == LF,
            Terminator::CrLf => byte == LF && after_cr,
            Terminator::Etx => byte == ETX,
            Terminator::Tab => byte == TAB,
            Terminator::None => false,
        }
    }

    /// A line that never stops is reported each time the buffer is full, so that it shows while it lasts.
    fn hold(&mut self, byte: u8, found: &mut impl FnMut(Framed<'_>)) {
        let begun_terminator = usize::from(self.config.terminator == Terminator::CrLf && byte == CR);
        self.held.push(byte);
        if FRAME_BYTES_MAX + begun_terminator < self.held.len() {
            found(Framed::Unreadable { reason: Unreadable::TooLong, bytes: self.held.len() });
            self.held.clear();
            self.state = State::Skipping { reason: Unreadable::TooLong, bytes: 0 };
        }
    }

    fn end_frame(&mut self, found: &mut impl FnMut(Framed<'_>)) {
        if self.state != State::Holding {
            return self.drop_begun(found);
        }
        if self.config.terminator == Terminator::CrLf && self.held.last() == Some(&CR) {
            self.held.pop();
        }
        if self.held.is_empty() {
            return;
        }
        if self.held.iter().copied().all(is_text) {
            found(Framed::Frame(&self.held));
        } else {
            found(Framed::Unreadable { reason: Unreadable::NotText, bytes: self.held.len() });
        }
        self.held.clear();
    }

    fn drop_begun(&mut self, found: &mut impl FnMut(Framed<'_>)) {
        let (reason, bytes) = match self.state {
            State::Holding => (Unreadable::Unterminated, self.held.len()),
            State::Skipping { reason, bytes } => (reason, bytes),
        };
        self.held.clear();
        self.state = State::Holding;
        if 0 < bytes {
            found(Framed::Unreadable { reason, bytes });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Frames as text, `reason:bytes` in brackets for what is unreadable. `|` in `input` is an idle gap.
    fn frames(config: Config, input: &[u8]) -> String {
        let mut framer = LineFramer::new(config);
        let mut seen = Vec::new();
        for (index, part) in input.split(|&byte| byte == b'|').enumerate() {
            if 0 < index {
                framer.idle(|framed| seen.push(shown(framed)));
            }
            framer.push(part, |framed| seen.push(shown(framed)));
        }
        seen.join(" ")
    }

    fn shown(framed: Framed<'_>) -> String {
        match framed {
            Framed::Frame(frame) => frame.escape_ascii().to_string(),
            Framed::Unreadable { reason, bytes } => format!("[{reason:?}:{bytes}]"),
        }
    }

    #[test]
    fn words_name_terminators() {
        for (index, (word, terminator)) in Terminator::WORDS.into_iter().enumerate() {
            assert_eq!(terminator as usize, index, "{word}");
            assert_eq!(terminator.word().parse(), Ok(terminator));
        }
        assert_eq!("crcr".parse::<Terminator>(), Err(UnknownTerminator));
    }

    #[test]
    fn a_terminator_ends_a_frame() {
        let rows: &[(&str, &[u8], &str)] = &[
            ("auto", b"A\rB\nC\r\nD\x03E\tF", "A B C D E"),
            ("auto", b"\r\n\r\n\t\x03", ""),
            ("auto", b"\x02A\x03\r\n\x02B\x03", "A B"),
            ("auto", b"0109\x1d10AB\r", "0109\\x1d10AB"),
            ("auto", b"[)>\x1e06\x1dA\x1e\x04\r", "[)>\\x1e06\\x1dA\\x1e\\x04"),
            ("auto", "\u{e5}\r".as_bytes(), "\\xc3\\xa5"),
            ("auto", b"\xe5\r", "\\xe5"),
            ("auto", b" A \r", " A "),
            ("cr", b"A\nB\tC\r", "A\\nB\\tC"),
            ("lf", b"A\rB\n", "A\\rB"),
            ("crlf", b"A\rB\nC\r\n\r\nD\r\r\n", "A\\rB\\nC D\\r"),
            ("etx", b"\x02A\r\nB\x03", "A\\r\\nB"),
            ("tab", b"A\rB\t", "A\\rB"),
            ("none", b"A|B\r\n|", "A B\\r\\n"),
        ];
        for (terminator, input, expected) in rows {
            let config = Config::terminated_by(terminator.parse().unwrap());
            assert_eq!(frames(config, input), *expected, "{terminator} {}", input.escape_ascii());
        }
    }

    #[test]
    fn what_is_no_frame_is_counted_and_the_next_one_read() {
        let rows: &[(&[u8], &str)] = &[
            (b"A\0B\rC\r", "[NotText:3] C"),
            (b"\xff\xff\xff\rC\r", "[NotText:3] C"),
            (b"\x1b[A\rC\r", "[NotText:3] C"),
            (b"AB|C\r", "[Unterminated:2] C"),
            (b"AB\x02C\r", "[Unterminated:2] C"),
            (b"|||C\r", "C"),
        ];
        for (input, expected) in rows {
            assert_eq!(frames(Config::default(), input), *expected, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn the_longest_frame_is_read_and_one_byte_more_is_not() {
        let rows = [
            ("auto", FRAME_BYTES_MAX, "\rB\r", "[frame] B"),
            ("auto", FRAME_BYTES_MAX + 1, "\rB\r", "[TooLong:8193] B"),
            ("auto", FRAME_BYTES_MAX + 3, "|B\r", "[TooLong:8193] [TooLong:2] B"),
            ("auto", 3 * FRAME_BYTES_MAX, "\x02B\r", "[TooLong:8193] [TooLong:8192] [TooLong:8191] B"),
            ("crlf", FRAME_BYTES_MAX, "\r\nB\r\n", "[frame] B"),
            ("crlf", FRAME_BYTES_MAX, "\rB\r\n", "[TooLong:8194] [TooLong:1]"),
            ("crlf", FRAME_BYTES_MAX + 1, "\r\nB\r\n", "[TooLong:8193] [TooLong:1] B"),
        ];
        for (terminator, length, rest, expected) in rows {
            let frame = "A".repeat(length);
            let config = Config::terminated_by(terminator.parse().unwrap());
            let seen = frames(config, format!("{frame}{rest}").as_bytes());
            assert_eq!(seen.replace(&frame, "[frame]"), expected, "{terminator} {length} {}", rest.escape_debug());
        }
    }

    #[test]
    fn the_rest_of_what_was_thrown_away_is_skipped() {
        let rows: &[(&[u8], &[u8], &str)] = &[
            (b"", b"A\r", "A"),
            (b"old\r", b"A\r", "A"),
            (b"old\r\n", b"A\r", "A"),
            (b"old\r", b"\nA\r", "A"),
            (b"40063", b"81333931\rA\r", "[Stale:8] A"),
            (b"40063", b"|A\r", "A"),
            (b"40063", b"\rA\r", "A"),
            (b"40063", b"\x02A\r", "A"),
        ];
        for (thrown_away, input, expected) in rows {
            let mut framer = LineFramer::new(Config::default());
            let mut seen = Vec::new();
            framer.skip_past(thrown_away);
            for part in input.split_inclusive(|&byte| byte == b'|') {
                let (bytes, idle) = part.strip_suffix(b"|").map_or((part, false), |bytes| (bytes, true));
                framer.push(bytes, |framed| seen.push(shown(framed)));
                if idle {
                    framer.idle(|framed| seen.push(shown(framed)));
                }
            }
            assert_eq!(seen.join(" "), *expected, "{} {}", thrown_away.escape_ascii(), input.escape_ascii());
        }
    }

    #[test]
    fn a_lost_line_leaves_nothing_behind() {
        let mut framer = LineFramer::new(Config::terminated_by(Terminator::None));
        let mut seen = Vec::new();
        framer.push(b"AB", |framed| seen.push(shown(framed)));
        framer.abandon(|framed| seen.push(shown(framed)));
        framer.push(b"C", |framed| seen.push(shown(framed)));
        framer.idle(|framed| seen.push(shown(framed)));
        assert_eq!(seen, ["[Unterminated:2]", "C"]);
    }

    fn any_terminator() -> impl Strategy<Value = Terminator> {
        proptest::sample::select(vec![
            Terminator::Auto,
            Terminator::Cr,
            Terminator::Lf,
            Terminator::CrLf,
            Terminator::Etx,
            Terminator::Tab,
            Terminator::None,
        ])
    }

    /// Bytes as they come from a line, with what the framer looks at much more often than chance would have it.
    fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
        let chunk = prop_oneof![
            4 => proptest::collection::vec(any::<u8>(), 0..40),
            4 => proptest::sample::select(vec![b"\r".to_vec(), b"\n".to_vec(), b"\r\n".to_vec(), b"\x02".to_vec(),
                b"\x03".to_vec(), b"\t".to_vec(), b"]C1".to_vec(), b"\xff\xff".to_vec()]),
            4 => "[0-9A-Z]{0,20}".prop_map(String::into_bytes),
            1 => (FRAME_BYTES_MAX - 2..FRAME_BYTES_MAX + 3).prop_map(|length| vec![b'7'; length]),
        ];
        proptest::collection::vec(chunk, 0..12).prop_map(|chunks| chunks.concat())
    }

    proptest! {
        #[test]
        fn chunking_changes_nothing(
            terminator in any_terminator(),
            bytes in any_bytes(),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..20),
        ) {
            let config = Config::terminated_by(terminator);
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();

            let mut at_once = Vec::new();
            LineFramer::new(config).push(&bytes, |framed| at_once.push(shown(framed)));
            let mut in_chunks = Vec::new();
            let mut framer = LineFramer::new(config);
            for cut in cuts.windows(2) {
                framer.push(&bytes[cut[0]..cut[1]], |framed| in_chunks.push(shown(framed)));
            }
            prop_assert_eq!(at_once, in_chunks);
        }

        #[test]
        fn memory_is_bounded_and_no_byte_is_uncounted(
            terminator in any_terminator(),
            chunks in proptest::collection::vec((any_bytes(), any::<bool>()), 0..6),
        ) {
            let mut framer = LineFramer::new(Config::terminated_by(terminator));
            let (mut counted, mut structural, mut pushed) = (0, 0, 0);
            for (bytes, idle) in &chunks {
                let mut count = |framed: Framed<'_>| {
                    counted += match framed {
                        Framed::Frame(frame) => {
                            assert!(!frame.is_empty() && frame.len() <= FRAME_BYTES_MAX);
                            frame.len()
                        }
                        Framed::Unreadable { bytes, .. } => bytes,
                    };
                };
                framer.push(bytes, &mut count);
                if *idle {
                    framer.idle(&mut count);
                }
                pushed += bytes.len();
                structural += bytes.iter().filter(|byte| matches!(**byte, STX | CR | LF | ETX | TAB)).count();
                prop_assert!(framer.held.len() <= FRAME_BYTES_MAX + 1);
                prop_assert!(framer.held.capacity() <= 2 * (FRAME_BYTES_MAX + 1));
            }
            framer.abandon(|framed| {
                if let Framed::Unreadable { bytes, .. } = framed {
                    counted += bytes;
                }
            });
            prop_assert!(counted <= pushed);
            prop_assert!(pushed - structural <= counted);
        }

        #[test]
        fn a_good_frame_after_any_noise_is_read(terminator in any_terminator(), noise in any_bytes()) {
            let mut framer = LineFramer::new(Config::terminated_by(terminator));
            framer.push(&noise, |_| ());
            framer.idle(|_| ());
            let mut seen = Vec::new();
            framer.push(b"\x024006381333931", |framed| seen.push(shown(framed)));
            framer.push(match terminator {
                Terminator::Auto | Terminator::Cr => b"\r",
                Terminator::Lf => b"\n",
                Terminator::CrLf => b"\r\n",
                Terminator::Etx => b"\x03",
                Terminator::Tab => b"\t",
                Terminator::None => b"",
            }, |framed| seen.push(shown(framed)));
            framer.idle(|framed| seen.push(shown(framed)));
            prop_assert_eq!(seen, ["4006381333931"]);
        }
    }
}
