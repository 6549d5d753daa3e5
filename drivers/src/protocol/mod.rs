//! What goes back and forth on a scanner's line. Sans-I/O: time is an argument, what to do is returned.
//!
//! A protocol takes bytes as they come and says what it heard and what has to be sent at once to keep the conversation
//! going. The answer to a read is not its business: that is sent when the read is on disk.

pub mod lines;
pub mod ssi;

use std::fmt;
use std::time::Duration;

pub use crate::framing::Unreadable;

use crate::symbology::{self, Symbology};
use lines::Lines;
use ssi::SsiLink;

/// One whole barcode as the scanner sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    pub symbology: Symbology,
    /// The barcode's data, never empty.
    pub payload: Vec<u8>,
    /// The payload with its AIM identifier, without terminator.
    pub frame: Vec<u8>,
    pub repeat: Repeat,
}

/// Whether the scanner says that it sends a read once more, because no answer has reached it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It is new.
    No,
    /// It was here before.
    Surely,
    /// Something was damaged since the last read: it may have been this one's first time.
    Perhaps,
}

impl Read {
    pub(crate) fn from_line(frame: &[u8]) -> Result<Self, Unreadable> {
        let (symbology, payload) = symbology::identify(frame);
        if payload.is_empty() {
            return Err(Unreadable::Empty);
        }
        Ok(Self { symbology, payload: payload.to_vec(), frame: frame.to_vec(), repeat: Repeat::No })
    }
}

/// Why a scanner is not set up as its family needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetupFailure {
    /// It said no.
    Refused { setting: &'static str },
    /// It said nothing, three times.
    Unanswered { setting: &'static str },
}

impl fmt::Display for SetupFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { setting } => write!(f, "the scanner refused the setting {setting:?}"),
            Self::Unanswered { setting } => write!(f, "the scanner did not answer when told {setting:?}"),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub enum Output<'a> {
    Read(Read),
    Unreadable {
        reason: Unreadable,
        bytes: usize,
    },
    SetupFailed(SetupFailure),
    /// It is set up after all.
    SetUp,
    /// Bytes for the scanner, at once.
    Send(&'a [u8]),
}

/// The protocol of a port. `at` is the time since any fixed moment.
#[derive(Debug)]
pub enum Protocol {
    Lines(Lines),
    Ssi(Box<SsiLink>),
}

impl Protocol {
    /// The line was opened, and the scanner can be told how to behave.
    pub fn opened(&mut self, at: Duration, out: &mut dyn FnMut(Output<'_>)) {
        match self {
            Self::Lines(lines) => lines.opened(at),
            Self::Ssi(link) => link.opened(at, out),
        }
    }

    pub fn push(&mut self, bytes: &[u8], at: Duration, out: &mut dyn FnMut(Output<'_>)) {
        match self {
            Self::Lines(lines) => lines.push(bytes, at, out),
            Self::Ssi(link) => link.push(bytes, at, out),
        }
    }

    /// When [`tick`](Self::tick) wants to be called, if nothing else happens before.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        match self {
            Self::Lines(lines) => lines.due(),
            Self::Ssi(link) => link.due(),
        }
    }

    /// Does what is due.
    pub fn tick(&mut self, at: Duration, out: &mut dyn FnMut(Output<'_>)) {
        match self {
            Self::Lines(lines) => lines.tick(at, out),
            Self::Ssi(link) => link.tick(at, out),
        }
    }

    /// The line was lost: drops all that has begun.
    pub fn abandon(&mut self, out: &mut dyn FnMut(Output<'_>)) {
        match self {
            Self::Lines(lines) => lines.abandon(out),
            Self::Ssi(link) => link.abandon(out),
        }
    }

    /// Tells that `bytes` were thrown away unread.
    pub fn skip_past(&mut self, bytes: &[u8]) {
        match self {
            Self::Lines(lines) => lines.skip_past(bytes),
            Self::Ssi(link) => link.skip_past(bytes),
        }
    }
}
