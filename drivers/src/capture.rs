//! Captures: what scanners sent, and when, as text that can be read, edited and played back.
//!
//! ```text
//! # A line for each piece: milliseconds since the capture began, scanner, bytes.
//! +0 scanner-1 4006381333931\r\n
//! +850 scanner-2 \x12\xf3\x00\x00\x0b5901234123457\xfcR
//! ```
//!
//! Bytes are ASCII with `\r`, `\n`, `\t`, `\\`, `\'`, `\"` and `\xHH` for the others. They are as they came from the
//! line: a scan may be cut into several pieces, and a piece may hold several scans. Time never goes back.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

/// Bytes that one scanner sent at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Since the capture began, in whole milliseconds.
    pub at: Duration,
    /// The scanner's name, without spaces.
    pub scanner: String,
    pub bytes: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {fault}")]
pub struct BadCapture {
    /// From 1.
    pub line: usize,
    pub fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    #[error("not `+milliseconds scanner bytes`")]
    NotAPiece,
    #[error("earlier than the line before")]
    TimeGoesBack,
    #[error("a byte that is not ASCII has to be written as \\xHH")]
    NotAscii,
    #[error("a backslash that begins none of \\r \\n \\t \\\\ \\' \\\" \\xHH")]
    BadEscape,
}

/// The pieces of a capture. Empty lines, and lines that begin with `#`, are none.
///
/// # Errors
/// On the first line that is no piece, or earlier than the one before.
pub fn parse(text: &str) -> Result<Vec<Piece>, BadCapture> {
    let mut pieces: Vec<Piece> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let piece = parse_line(line).and_then(|piece| match pieces.last() {
            Some(last) if piece.at < last.at => Err(Fault::TimeGoesBack),
            _ => Ok(piece),
        });
        pieces.push(piece.map_err(|fault| BadCapture { line: index + 1, fault })?);
    }
    Ok(pieces)
}

fn parse_line(line: &str) -> Result<Piece, Fault> {
    let mut fields = line.splitn(3, ' ');
    let (Some(at), Some(scanner), Some(bytes)) = (fields.next(), fields.next(), fields.next()) else {
        return Err(Fault::NotAPiece);
    };
    let at_ms = at.strip_prefix('+').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let at_ms: u64 = at_ms.and_then(|digits| digits.parse().ok()).ok_or(Fault::NotAPiece)?;
    if scanner.is_empty() || bytes.is_empty() {
        return Err(Fault::NotAPiece);
    }
    Ok(Piece { at: Duration::from_millis(at_ms), scanner: scanner.to_owned(), bytes: unescape(bytes)? })
}

fn unescape(text: &str) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let (byte, after) = match (byte, after) {
            (b'\\', [escaped, after @ ..]) => unescape_one(*escaped, after).ok_or(Fault::BadEscape)?,
            (b'\\', []) => return Err(Fault::BadEscape),
            (byte, _) if !byte.is_ascii() => return Err(Fault::NotAscii),
            (byte, after) => (*byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
    Ok(bytes)
}

/// The byte that `escaped` stands for behind a backslash, and what follows.
fn unescape_one(escaped: u8, after: &[u8]) -> Option<(u8, &[u8])> {
    let byte = match escaped {
        b'r' => b'\r',
        b'n' => b'\n',
        b't' => b'\t',
        b'\\' | b'\'' | b'"' => escaped,
        b'x' => {
            let (digits, after) = after.split_at_checked(2)?;
            let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
            return Some((u8::from_str_radix(digits, 16).ok()?, after));
        }
        _ => return None,
    };
    Some((byte, after))
}

/// The line of a capture, without its end. Spaces are written as `\x20`, which no editor takes away.
impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes.escape_ascii().to_string().replace(' ', "\\x20");
        write!(f, "+{} {} {bytes}", self.at.as_millis(), self.scanner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn piece(at_ms: u64, scanner: &str, bytes: &[u8]) -> Piece {
        Piece { at: Duration::from_millis(at_ms), scanner: scanner.to_owned(), bytes: bytes.to_vec() }
    }

    #[test]
    fn a_capture_is_read() {
        let text = "# a morning\n\n+0 left 4006381333931\\r\\n\r\n+850 right \\x12\\xf3\\x00A B\n+850 left \\\\\\t\\'\\\"'\"\n";
        let expected = vec![
            piece(0, "left", b"4006381333931\r\n"),
            piece(850, "right", b"\x12\xf3\0A B"),
            piece(850, "left", b"\\\t'\"'\""),
        ];
        assert_eq!(parse(text), Ok(expected));
        assert_eq!(parse(""), Ok(Vec::new()));
    }

    #[test]
    fn a_piece_is_written_as_it_is_read() {
        let shown = piece(1_250, "door", b" ]C110AB\x1d21 C\r\xff").to_string();
        assert_eq!(shown, "+1250 door \\x20]C110AB\\x1d21\\x20C\\r\\xff");
    }

    #[test]
    fn a_bad_line_is_named() {
        let rows = [
            ("+0 left A\n+1 left", 2, Fault::NotAPiece),
            ("+0 left ", 1, Fault::NotAPiece),
            ("+0  A", 1, Fault::NotAPiece),
            ("0 left A", 1, Fault::NotAPiece),
            ("++1 left A", 1, Fault::NotAPiece),
            ("+-1 left A", 1, Fault::NotAPiece),
            ("+ left A", 1, Fault::NotAPiece),
            ("+99999999999999999999 left A", 1, Fault::NotAPiece),
            ("#\n+5 left A\n+4 left A", 3, Fault::TimeGoesBack),
            ("+0 left \u{e5}", 1, Fault::NotAscii),
            ("+0 left \\", 1, Fault::BadEscape),
            ("+0 left \\q", 1, Fault::BadEscape),
            ("+0 left \\x1", 1, Fault::BadEscape),
            ("+0 left \\x+1", 1, Fault::BadEscape),
            ("+0 left \\xg0", 1, Fault::BadEscape),
        ];
        for (text, line, fault) in rows {
            assert_eq!(parse(text), Err(BadCapture { line, fault }), "{text}");
        }
        assert_eq!(parse("+0").unwrap_err().to_string(), "line 1: not `+milliseconds scanner bytes`");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            pieces in proptest::collection::vec((0..500_u64, "[a-z0-9-]{1,12}", proptest::collection::vec(any::<u8>(), 1..60)), 0..20),
        ) {
            let mut at_ms = 0;
            let pieces: Vec<Piece> = pieces
                .iter()
                .map(|(pause_ms, scanner, bytes)| {
                    at_ms += pause_ms;
                    piece(at_ms, scanner, bytes)
                })
                .collect();
            let text: String = pieces.iter().map(|piece| format!("{piece}\n")).collect();
            prop_assert_eq!(parse(&text), Ok(pieces));
        }

        #[test]
        fn any_text_may_be_parsed(text in any::<String>(), bytes in "[+0-9 a\\\\xrn]{0,40}") {
            let _ = parse(&text);
            let _ = parse(&bytes);
        }
    }
}
