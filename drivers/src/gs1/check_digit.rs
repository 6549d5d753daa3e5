//! The check digit of all numeric GS1 keys: weights 3, 1, 3, … from the digit beside it leftwards, modulo 10. And the
//! check character pair of the alphanumeric ones.

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

/// GS1's character set 82 in the order of its values.
const CHARACTERS: &[u8; 82] = b"!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

/// What check characters are taken from, in the order of their values.
const CHECK_CHARACTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// Whether the last two characters of `key` are the check character pair of the others: the sum of their values, with
/// the prime numbers from 2 as weights from the right, modulo 1021, in two digits of base 32 (GS1 General
/// Specifications, section 7.9.5).
pub(super) fn are_check_characters_right(key: &[u8]) -> bool {
    let Some((characters, pair)) = key.split_last_chunk::<2>() else { return false };
    let sum = characters.iter().rev().zip(primes()).try_fold(0, |sum, (character, weight)| {
        let value = CHARACTERS.iter().position(|other| other == character)?;
        Some((sum + value * weight) % 1021)
    });
    sum.is_some_and(|sum| *pair == [CHECK_CHARACTERS[sum / 32], CHECK_CHARACTERS[sum % 32]])
}

fn primes() -> impl Iterator<Item = usize> {
    (2..).filter(|number| {
        (2..*number).take_while(|factor| factor * factor <= *number).all(|factor| number % factor != 0)
    })
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

    /// The keys are those of GS1's own tests.
    #[test]
    fn check_characters_match() {
        for key in [
            "1987654Ad4X4bL5ttr2310c2K",
            "12345678901234567890123NT",
            "12345_!\"%&'()*+,-./LC",
            "12345_0123456789:;<=>?62",
            "99999zzzzzzzzzzzzzzzzzzT2",
            "00000!HV",
            "22",
        ] {
            assert!(are_check_characters_right(key.as_bytes()), "{key}");
        }
        for key in ["1987654Ad4X4bL5ttr2310cXK", "1987654Ad4X4bL5ttr2310c2X", "123456ABOO", "A", "", " 22", "2\x1d2"] {
            assert!(!are_check_characters_right(key.as_bytes()), "{key}");
        }
    }
}
