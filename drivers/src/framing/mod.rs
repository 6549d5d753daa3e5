//! How a scanner marks where one read ends and the next begins. Sans-I/O: no clock, no port.

pub mod line;

use std::fmt;

/// Why bytes from a scanner did not become a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unreadable {
    /// Longer than any barcode: a wrong terminator setting, or a line that never stops.
    TooLong,
    /// Bytes that no barcode text has: wrong baud rate or parity, noise, or a break.
    NotText,
    /// The line went silent, was lost or began anew before the terminator: half a scan.
    Unterminated,
    /// The end of a frame that began before the port was opened.
    Stale,
    /// A symbology identifier with nothing behind it.
    Empty,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "longer than any barcode",
            Self::NotText => "not barcode text",
            Self::Unterminated => "cut off before its terminator",
            Self::Stale => "begun before the port was opened",
            Self::Empty => "nothing behind the symbology identifier",
        })
    }
}
