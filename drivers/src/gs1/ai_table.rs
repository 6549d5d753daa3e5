//! What an element string's structure needs to know of an application identifier (AI): its first two digits tell how
//! long it is and whether its value has a predefined length, so that no separator needs to follow. Source: GS1 Barcode
//! Syntax Dictionary, release of 2026-07-27.

/// AI and value lengths, by the first two digits of the AI.
pub(super) struct Structure {
    pub ai_digits: usize,
    /// Digits of the value where the length is predefined; `None` when the value ends at a separator.
    pub value_digits: Option<usize>,
    /// Whether the value is a key with a check digit at its end.
    pub check_digit: bool,
}

/// `None`: no AI begins so.
pub(super) fn structure(prefix: [u8; 2]) -> Option<Structure> {
    let ai_digits = match &prefix {
        b"20" | b"21" | b"22" | b"30" | b"37" => 2,
        [b'0', b'0'..=b'3'] => 2,
        [b'1', b'0'..=b'3' | b'5'..=b'7'] => 2,
        [b'9', b'0'..=b'9'] => 2,
        b"23" | b"24" | b"25" | b"40" | b"41" | b"42" | b"71" => 3,
        [b'3', b'1'..=b'6' | b'9'] | b"43" | b"70" | b"72" => 4,
        [b'8', b'0'..=b'2'] => 4,
        _ => return None,
    };
    let value_digits = match &prefix {
        b"00" => Some(18),
        b"01" | b"02" | b"03" => Some(14),
        [b'1', b'1'..=b'9'] => Some(6),
        b"20" => Some(2),
        [b'3', b'1'..=b'6'] => Some(6),
        b"41" => Some(13),
        _ => None,
    };
    let check_digit = matches!(&prefix, b"00" | b"01" | b"02" | b"03" | b"41");
    Some(Structure { ai_digits, value_digits, check_digit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_two_digits_tell_the_length_of_an_ai() {
        let mut known = 0;
        for line in include_str!("../../tests/data/gs1/ai_length_by_prefix.txt").lines() {
            if line.starts_with('#') {
                continue;
            }
            let (prefix, ai_digits) = line.split_once(' ').unwrap();
            let prefix = prefix.as_bytes().try_into().unwrap();
            assert_eq!(structure(prefix).map(|structure| structure.ai_digits), ai_digits.parse().ok(), "{line}");
            known += 1;
        }
        assert_eq!(known, 46);
    }

    #[test]
    fn no_ai_begins_otherwise() {
        for prefix in ["04", "14", "18", "19", "26", "29", "38", "44", "50", "69", "73", "83", "89", "A0", "0A", "]C"] {
            assert!(structure(prefix.as_bytes().try_into().unwrap()).is_none(), "{prefix}");
        }
    }
}
