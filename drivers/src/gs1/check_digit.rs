//! The check digit of all numeric GS1 keys: weights 3, 1, 3, … from the digit beside it leftwards, modulo 10.

/// The check digit that belongs behind `digits`, each an ASCII digit.
#[must_use]
pub fn check_digit(digits: &[u8]) -> u8 {
    let sum: u32 = digits
        .iter()
        .rev()
        .zip([3, 1].into_iter().cycle())
        .map(|(digit, weight)| u32::from(digit & 0x0f) * weight)
        .sum();
    b'0' + ((10 - sum % 10) % 10) as u8
}

/// Whether `key` is made of digits and its last one is the check digit of the others.
#[must_use]
pub fn is_check_digit_right(key: &[u8]) -> bool {
    match key {
        [digits @ .., last] => key.iter().all(u8::is_ascii_digit) && check_digit(digits) == *last,
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_match() {
        let rows = [
            ("400638133393", '1'),
            ("0234567", '3'),
            ("1234567890123", '1'),
            ("211234567890", '0'),
            ("00614141123456789", '0'),
        ];
        for (digits, expected) in rows {
            assert_eq!(char::from(check_digit(digits.as_bytes())), expected, "{digits}");
            assert!(is_check_digit_right(format!("{digits}{expected}").as_bytes()), "{digits}");
        }
    }

    #[test]
    fn what_is_no_key_is_not_right() {
        for key in ["", "4006381333930", "400638133393A", "A"] {
            assert!(!is_check_digit_right(key.as_bytes()), "{key}");
        }
    }
}
