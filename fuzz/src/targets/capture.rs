//! Captures: what was read is written as the same.

use crate::measure::within;
use parceld_drivers::capture::parse;

/// The shortest line makes a piece of some 80 bytes, with two buffers of their own; a list grows by doubling.
const MEMORY_EACH: u64 = 48;

pub fn run(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match within(bytes, MEMORY_EACH, 1_024, || parse(text)) {
        Ok(pieces) => {
            let written: String = pieces.iter().map(|piece| format!("{piece}\n")).collect();
            assert_eq!(parse(&written), Ok(pieces), "a capture is read as another: {written}");
        }
        Err(bad) => assert!((1..=text.lines().count()).contains(&bad.line), "a fault outside of the text: {bad}"),
    }
}
