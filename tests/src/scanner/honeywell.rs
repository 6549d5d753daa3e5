//! A Honeywell on a pty with Host ACK on: no sound before an escape command comes, and no scan either.

use std::path::Path;
use std::time::Duration;

use crate::pty::Pty;
use crate::scanner::burst;
use crate::scanner::told::Told;
use crate::wait;

/// A scanner that ends each code with CR.
#[derive(Debug, Default)]
pub struct VirtualHoneywell {
    pty: Pty,
}

impl VirtualHoneywell {
    #[must_use]
    pub fn new() -> VirtualHoneywell {
        VirtualHoneywell::default()
    }

    #[must_use]
    pub fn port(&self) -> &Path {
        self.pty.port()
    }

    /// Sends a code; what was to hear, and whether the green light shone.
    ///
    /// # Panics
    /// Where no answer comes, or one that the scanner would not understand.
    #[track_caller]
    pub fn scan(&mut self, code: &str) -> (Told, bool) {
        self.try_scan(code, wait::GENEROUS).unwrap_or_else(|| panic!("no answer to {code:?}"))
    }

    /// Like [`scan`](VirtualHoneywell::scan), but `None` where nothing comes within `patience`.
    #[track_caller]
    pub fn try_scan(&mut self, code: &str, patience: Duration) -> Option<(Told, bool)> {
        self.pty.write(format!("{code}\r").as_bytes());
        let bytes = burst(&self.pty, patience);
        (!bytes.is_empty()).then(|| understood(&bytes))
    }
}

#[track_caller]
fn understood(bytes: &[u8]) -> (Told, bool) {
    let (mut melody, mut light) = (String::new(), false);
    for command in bytes.chunks(3) {
        match command {
            b"\x1b1," => light = true,
            b"\x1b4," => melody.push('L'),
            b"\x1b5," => melody.push('M'),
            b"\x1b6," => melody.push('H'),
            b"\x1b8," => melody.push('_'),
            other => panic!("no escape command: {} in {}", other.escape_ascii(), bytes.escape_ascii()),
        }
    }
    (Told::by_melody(&melody), light)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understands_escape_commands() {
        assert_eq!(understood(b"\x1b5,\x1b6,\x1b1,"), (Told::Completed, true));
        assert_eq!(understood(b"\x1b1,"), (Told::Silent, true));
        assert_eq!(understood(b"\x1b8,"), (Told::Refused, false));
    }

    #[test]
    #[should_panic(expected = "no escape command")]
    fn says_what_it_does_not_understand() {
        understood(b"\x06\x1b6,");
    }
}
