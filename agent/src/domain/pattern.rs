//! Masks for codes that only their maker knows: serial numbers, lots, tracking numbers.

use std::fmt;

/// `#` is a digit, `@` a letter, `?` any character, `*` any number of characters, and everything else itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// Whether all of `text` is as the mask says. Takes at most the product of their lengths in steps.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        let mask: Vec<char> = self.0.chars().collect();
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut next) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while next < text.len() {
            if mask.get(at).is_some_and(|wanted| *wanted == '*') {
                star = Some((at, next));
                at += 1;
            } else if mask.get(at).is_some_and(|wanted| is_one(*wanted, text[next])) {
                at += 1;
                next += 1;
            } else if let Some((behind, taken)) = star {
                star = Some((behind, taken + 1));
                at = behind + 1;
                next = taken + 1;
            } else {
                return false;
            }
        }
        mask[at..].iter().all(|wanted| *wanted == '*')
    }
}

fn is_one(wanted: char, have: char) -> bool {
    match wanted {
        '#' => have.is_ascii_digit(),
        '@' => have.is_ascii_alphabetic(),
        '?' => true,
        exact => exact == have,
    }
}

impl From<&str> for Pattern {
    fn from(mask: &str) -> Self {
        Self(mask.into())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_fits_the_whole_text_or_nothing() {
        for (mask, text, fits) in [
            ("JD##", "JD12", true),
            ("JD##", "JD123", false),
            ("JD##", "JD1x", false),
            ("@@#*", "AB1", true),
            ("@@#*", "AB1-anything", true),
            ("@@#*", "A11", false),
            ("*", "", true),
            ("*SE", "123SE", true),
            ("*SE", "SESE", true),
            ("*SE", "SEX", false),
            ("a*b*c", "aXbYbZc", true),
            ("?", "å", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(Pattern::from(mask).fits(text), fits, "{mask} {text}");
        }
    }
}
