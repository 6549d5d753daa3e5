//! SQLite's record format: a header of types, then the values (<https://www.sqlite.org/fileformat2.html>, chapter 2.1).
//!
//! Whatever doesn't fit to the byte is no record: of damaged bytes nothing is believed half.

use rusqlite::types::Value;

/// A number of one to nine bytes, and how many; none where the bytes end before it.
pub fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().take(8).enumerate() {
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    bytes.get(8).map(|last| (value << 8 | u64::from(*last), 9))
}

/// The values of a record.
pub fn decode(payload: &[u8]) -> Option<Vec<Value>> {
    let (header_bytes, mut at) = varint(payload)?;
    let header_bytes = usize::try_from(header_bytes).ok()?;
    let (mut body, header) = (header_bytes, payload.get(..header_bytes)?);
    let mut values = Vec::new();
    while at < header.len() {
        let (kind, used) = varint(&header[at..])?;
        at += used;
        let bytes = payload.get(body..body.checked_add(width(kind)?)?)?;
        body += bytes.len();
        values.push(value(kind, bytes)?);
    }
    (at == header_bytes && body == payload.len()).then_some(values)
}

/// How many bytes a value of this type takes; none for types that no file has.
fn width(kind: u64) -> Option<usize> {
    match kind {
        0 | 8 | 9 => Some(0),
        1..=4 => Some(kind as usize),
        5 => Some(6),
        6 | 7 => Some(8),
        10 | 11 => None,
        _ => usize::try_from((kind - 12) / 2).ok(),
    }
}

fn value(kind: u64, bytes: &[u8]) -> Option<Value> {
    Some(match kind {
        0 => Value::Null,
        1..=6 => Value::Integer(integer(bytes)),
        7 => Value::Real(f64::from_bits(integer(bytes).cast_unsigned())),
        8 => Value::Integer(0),
        9 => Value::Integer(1),
        _ if kind.is_multiple_of(2) => Value::Blob(bytes.to_vec()),
        _ => Value::Text(str::from_utf8(bytes).ok()?.to_owned()),
    })
}

/// Big-endian, of up to eight bytes, with its sign.
fn integer(bytes: &[u8]) -> i64 {
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let sign = if negative { -1 } else { 0 };
    bytes.iter().fold(sign, |value, byte| value << 8 | i64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_of_every_length() {
        for (bytes, expected) in [
            (&[0x00][..], Some((0, 1))),
            (&[0x7f], Some((127, 1))),
            (&[0x81, 0x00], Some((128, 2))),
            (&[0xff; 9], Some((u64::MAX, 9))),
            (&[0x81], None),
            (&[0xff; 8], None),
            (&[], None),
        ] {
            assert_eq!(varint(bytes), expected, "{bytes:x?}");
        }
    }

    #[test]
    fn reads_values_of_every_type() {
        let record = [&[6u8, 0, 1, 5, 9, 17][..], &[0xfe], &[0, 0, 1, 0, 0, 0], b"ab"].concat();
        let values = [Value::Null, Value::Integer(-2), Value::Integer(1 << 24), Value::Integer(1), text("ab")];
        assert_eq!(decode(&record), Some(values.to_vec()));
        let blob = [&[2u8, 16][..], &[1, 2]].concat();
        assert_eq!(decode(&blob), Some(vec![Value::Blob(vec![1, 2])]));
        let real = [&[2u8, 7][..], &1.5f64.to_be_bytes()].concat();
        assert_eq!(decode(&real), Some(vec![Value::Real(1.5)]));
    }

    #[test]
    fn believes_nothing_that_does_not_fit() {
        let good = [3u8, 1, 17, 7, b'a', b'b'];
        assert!(decode(&good).is_some());
        for (what, bad) in [
            ("too short", &good[..5]),
            ("too long", &[3, 1, 17, 7, b'a', b'b', 0]),
            ("a type that no file has", &[3, 10, 17, b'a', b'b']),
            ("text that is none", &[3, 1, 17, 7, 0xff, 0xfe]),
            ("a header beyond the end", &[99, 1, 17, 7, b'a', b'b']),
            ("a header that ends in a number", &[3, 1, 0x91, 0x01, 7]),
            ("nothing", &[]),
        ] {
            assert_eq!(decode(bad), None, "{what}");
        }
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }
}
