//! A record of SQLite's: believed to the byte or not at all, and written again as the same values.

use crate::measure::within;
use parceld::journal::salvage::record::{decode, varint};
use rusqlite::types::Value;

/// A byte of the header can be a value of 32 bytes in a list that grows by doubling.
const MEMORY_EACH: u64 = 128;

pub fn run(bytes: &[u8]) {
    if let Some((number, used)) = varint(bytes) {
        assert!((1..=9).contains(&used) && used <= bytes.len());
        let written = varint_of(number);
        assert!(written.len() <= used, "a shorter number than there is");
        assert_eq!(varint(&written), Some((number, written.len())));
    }
    let Some(values) = within(bytes, MEMORY_EACH, 1_024, || decode(bytes)) else { return };
    let read = decode(&encode(&values)).unwrap_or_else(|| panic!("{values:?} are none"));
    // Of numbers that are none, one is as good as another.
    assert_eq!(format!("{read:?}"), format!("{values:?}"), "values are read as others");
}

fn encode(values: &[Value]) -> Vec<u8> {
    let (mut kinds, mut body) = (Vec::new(), Vec::new());
    for value in values {
        let (kind, bytes) = match value {
            Value::Null => (0, Vec::new()),
            Value::Integer(number) => (6, number.to_be_bytes().to_vec()),
            Value::Real(number) => (7, number.to_bits().to_be_bytes().to_vec()),
            Value::Blob(bytes) => (12 + 2 * bytes.len() as u64, bytes.clone()),
            Value::Text(text) => (13 + 2 * text.len() as u64, text.clone().into_bytes()),
        };
        kinds.extend(varint_of(kind));
        body.extend(bytes);
    }
    // The header counts itself.
    let length = |extra: usize| varint_of((kinds.len() + extra) as u64);
    let head = (1..=9).map(length).find(|head| length(head.len()).len() == head.len()).unwrap_or_default();
    [length(head.len()), kinds, body].concat()
}

fn varint_of(number: u64) -> Vec<u8> {
    if number >> 56 != 0 {
        let high = (0..8).rev().map(|group| (number >> (8 + 7 * group)) as u8 | 0x80);
        return high.chain([number as u8]).collect();
    }
    let groups = (1..8).rev().find(|group| number >> (7 * group) != 0).unwrap_or_default();
    let byte = |group: u32| (number >> (7 * group)) as u8 & 0x7f | if group == 0 { 0 } else { 0x80 };
    (0..=groups).rev().map(byte).collect()
}
