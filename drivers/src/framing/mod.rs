//! How a scanner marks where one read ends and the next begins. Sans-I/O: no clock, no port.

pub mod line;
pub mod ssi;

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
    /// A symbology with nothing behind it.
    Empty,
    /// A packet that was changed on its way.
    BadChecksum,
    /// Bytes outside any packet: the scanner sends plain text, or another baud rate.
    NotPacket,
    /// The scanner says that its trigger was pulled and no code found.
    NoRead,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "longer than any barcode",
            Self::NotText => "not barcode text",
            Self::Unterminated => "cut off before its terminator",
            Self::Stale => "begun before the port was opened",
            Self::Empty => "nothing behind the symbology identifier",
            Self::BadChecksum => "changed on its way: the checksum is wrong",
            Self::NotPacket => "not a packet: the scanner sends plain text, or at another baud rate",
            Self::NoRead => "no code found when the trigger was pulled",
        })
    }
}

/// Barcodes carry text: ASCII, Latin-1 or UTF-8 (neither of which needs 0xFF), line breaks in 2D codes, and the
/// separators FS, GS, RS, US and EOT of GS1 and ISO/IEC 15434. NUL and 0xFF runs are what a wrong baud rate gives.
pub(crate) fn is_text(byte: u8) -> bool {
    match byte {
        b'\t' | b'\n' | b'\r' | 0x04 | 0x1c..=0x1f => true,
        0x00..=0x1b | 0x7f | 0xff => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::Unreadable::*;
    use std::collections::HashSet;

    #[test]
    fn every_reason_has_words_of_its_own() {
        let all = [TooLong, NotText, Unterminated, Stale, Empty, BadChecksum, NotPacket, NoRead];
        let words: HashSet<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(words.len(), all.len(), "{words:?}");
        assert!(words.iter().all(|words| 10 < words.len()), "{words:?}");
    }
}
