//! Code 128 and GS1-128 symbols (ISO/IEC 15417): text in, bars out. Pure.
//!
//! Printable ASCII and FNC1 are all that our codes hold, so subset A, which exists for control characters, is never
//! used: a control character is refused instead. The shortest way between B and C is found from the end backwards.

use thiserror::Error;

/// Longer symbols fit no label and no page at a width that a hand scanner reads.
pub const CHARACTERS_MAX: usize = 80;

/// Light modules that a symbol needs on either side of it.
pub const QUIET_MODULES: usize = 10;

const CODE_C: u8 = 99;
const CODE_B: u8 = 100;
const FNC1: u8 = 102;
const START_B: u8 = 104;
const START_C: u8 = 105;
const STOP: u8 = 106;

/// Ends an element of variable length in a GS1 element string; drawn as FNC1.
const GROUP_SEPARATOR: u8 = 0x1d;

/// A symbol from start to stop, its check character included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code128 {
    values: Vec<u8>,
}

/// A dark bar, in modules from the first bar's left edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    pub left: usize,
    pub width: usize,
}

/// What stands between start and check character, for printers that draw a symbol themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Character {
    StartB,
    StartC,
    /// From here on subset B.
    CodeB,
    /// From here on subset C.
    CodeC,
    Fnc1,
    Ascii(char),
    /// 0 to 99.
    Pair(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotEncodable {
    #[error("a barcode without a text")]
    Empty,
    #[error("{characters} characters are too many for a barcode, {CHARACTERS_MAX} the most")]
    TooLong { characters: usize },
    #[error("{character:?} can't stand in a barcode: printable ASCII only")]
    Character { character: char },
}

impl Code128 {
    /// The symbol of a plain text.
    ///
    /// # Errors
    /// When `text` is empty, too long, or not printable ASCII.
    pub fn plain(text: &str) -> Result<Self, NotEncodable> {
        Self::encode(text, false)
    }

    /// The GS1-128 symbol of an element string: FNC1 in first position says that it is one. Separators are written as
    /// the character that scanners send for them, GS (0x1D).
    ///
    /// # Errors
    /// As [`Code128::plain`].
    pub fn gs1(element_string: &str) -> Result<Self, NotEncodable> {
        Self::encode(element_string, true)
    }

    fn encode(text: &str, is_gs1: bool) -> Result<Self, NotEncodable> {
        if text.is_empty() {
            return Err(NotEncodable::Empty);
        }
        let is_drawn = |c: char| matches!(c, ' '..='~') || (is_gs1 && c == char::from(GROUP_SEPARATOR));
        if let Some(character) = text.chars().find(|c| !is_drawn(*c)) {
            return Err(NotEncodable::Character { character });
        }
        if CHARACTERS_MAX < text.len() {
            return Err(NotEncodable::TooLong { characters: text.len() });
        }
        let mut values = Vec::with_capacity(text.len() + 5);
        push_shortest(text.as_bytes(), is_gs1, &mut values);
        values.push(check_character(&values));
        values.push(STOP);
        Ok(Self { values })
    }

    /// Symbol characters by their values.
    #[must_use]
    pub fn values(&self) -> &[u8] {
        &self.values
    }

    /// Width without quiet zones.
    #[must_use]
    pub fn modules(&self) -> usize {
        self.values.iter().map(|value| widths(*value).map(usize::from).sum::<usize>()).sum()
    }

    /// The dark bars from left to right.
    pub fn bars(&self) -> impl Iterator<Item = Bar> {
        let elements = self.values.iter().flat_map(|value| widths(*value)).enumerate();
        elements
            .scan(0, |left, (index, width)| {
                let bar = Bar { left: *left, width: width.into() };
                *left += bar.width;
                Some((index, bar))
            })
            // A character begins with a bar and ends with a space; only the stop's last element is a bar more.
            .filter(|(index, _)| index % 2 == 0)
            .map(|(_, bar)| bar)
    }

    /// The characters before the check character.
    pub fn characters(&self) -> impl Iterator<Item = Character> {
        let mut is_c = false;
        self.values[..self.values.len() - 2].iter().map(move |value| {
            let character = match (*value, is_c) {
                (START_B, _) => Character::StartB,
                (START_C, _) => Character::StartC,
                (FNC1, _) => Character::Fnc1,
                (CODE_B, true) => Character::CodeB,
                (CODE_C, false) => Character::CodeC,
                (pair, true) => Character::Pair(pair),
                (other, false) => Character::Ascii(char::from(other + b' ')),
            };
            is_c = match character {
                Character::StartC | Character::CodeC => true,
                Character::StartB | Character::CodeB => false,
                Character::Fnc1 | Character::Ascii(_) | Character::Pair(_) => is_c,
            };
            character
        })
    }
}

/// The fewest characters that say the rest of a text, by the subset that is in force before it.
#[derive(Clone, Copy)]
struct Rest {
    in_b: usize,
    in_c: usize,
}

fn push_shortest(text: &[u8], is_gs1: bool, values: &mut Vec<u8>) {
    let rests = rests(text);
    let mut is_c = rests[0].in_c < rests[0].in_b;
    values.push(if is_c { START_C } else { START_B });
    if is_gs1 {
        values.push(FNC1);
    }
    let mut at = 0;
    while at < text.len() {
        if text[at] == GROUP_SEPARATOR {
            values.push(FNC1);
            at += 1;
        } else if is_c {
            match pair(&text[at..]) {
                Some(pair) if 1 + rests[at + 2].in_c == rests[at].in_c => {
                    values.push(pair);
                    at += 2;
                }
                _ => {
                    values.push(CODE_B);
                    is_c = false;
                }
            }
        } else if 1 + rests[at + 1].in_b == rests[at].in_b {
            values.push(text[at] - b' ');
            at += 1;
        } else {
            values.push(CODE_C);
            is_c = true;
        }
    }
}

/// One for each place in `text`, and one for its end.
fn rests(text: &[u8]) -> Vec<Rest> {
    let mut rests = vec![Rest { in_b: 0, in_c: 0 }; text.len() + 1];
    for at in (0..text.len()).rev() {
        let is_separator = text[at] == GROUP_SEPARATOR;
        let stay_b = 1 + rests[at + 1].in_b;
        let stay_c =
            if is_separator { Some(1 + rests[at + 1].in_c) } else { pair(&text[at..]).map(|_| 1 + rests[at + 2].in_c) };
        let in_c = stay_c.map_or(1 + stay_b, |stay| stay.min(1 + stay_b));
        let in_b = stay_b.min(1 + in_c);
        rests[at] = Rest { in_b, in_c };
    }
    rests
}

fn pair(text: &[u8]) -> Option<u8> {
    match text {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', ..] => Some(10 * (tens - b'0') + ones - b'0'),
        _ => None,
    }
}

/// The sum of the values, each by its place, modulo 103; the start's place counts as one.
fn check_character(values: &[u8]) -> u8 {
    let sum: usize = values.iter().enumerate().map(|(place, value)| place.max(1) * usize::from(*value)).sum();
    (sum % 103) as u8
}

/// Bar, space, bar, … in modules.
fn widths(value: u8) -> impl Iterator<Item = u8> {
    PATTERNS[usize::from(value)].bytes().map(|digit| digit - b'0')
}

/// Each character's widths by its value (ISO/IEC 15417, table 1).
#[rustfmt::skip]
const PATTERNS: [&str; 107] = [
    "212222", "222122", "222221", "121223", "121322", "131222", "122213", "122312", "132212", "221213",
    "221312", "231212", "112232", "122132", "122231", "113222", "123122", "123221", "223211", "221132",
    "221231", "213212", "223112", "312131", "311222", "321122", "321221", "312212", "322112", "322211",
    "212123", "212321", "232121", "111323", "131123", "131321", "112313", "132113", "132311", "211313",
    "231113", "231311", "112133", "112331", "132131", "113123", "113321", "133121", "313121", "211331",
    "231131", "213113", "213311", "213131", "311123", "311321", "331121", "312113", "312311", "332111",
    "314111", "221411", "431111", "111224", "111422", "121124", "121421", "141122", "141221", "112214",
    "112412", "122114", "122411", "142112", "142211", "241211", "221114", "413111", "241112", "134111",
    "111242", "121142", "121241", "114212", "124112", "124211", "411212", "421112", "421211", "212141",
    "214121", "412121", "111143", "111341", "131141", "114113", "114311", "411113", "411311", "113141",
    "114131", "311141", "411131", "211412", "211214", "211232", "2331112",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codewords_are_those_of_the_standard() {
        #[rustfmt::skip]
        let rows: &[(&str, bool, &[u8])] = &[
            ("PJJ123C", false, &[104, 48, 42, 42, 17, 18, 19, 35, 55, 106]),
            ("Wikipedia", false, &[104, 55, 73, 75, 73, 80, 69, 68, 73, 65, 88, 106]),
            ("A", false, &[104, 33, 34, 106]),
            ("12", false, &[105, 12, 14, 106]),
            ("1234", false, &[105, 12, 34, 82, 106]),
            ("123", false, &[104, 17, 18, 19, 8, 106]),
            ("A1234", false, &[104, 33, 99, 12, 34, 95, 106]),
            ("1234A", false, &[105, 12, 34, 100, 33, 102, 106]),
            ("~", false, &[104, 94, 95, 106]),
            ("0012345", true, &[104, 102, 16, 99, 1, 23, 45, 100, 106]),
        ];
        for (text, is_gs1, expected) in rows {
            let symbol = Code128::encode(text, *is_gs1).unwrap();
            assert_eq!(symbol.values(), *expected, "{text}");
        }
    }

    #[test]
    fn an_sscc_is_ten_pairs_behind_fnc1() {
        let symbol = Code128::gs1("00373500120000000012").unwrap();
        assert_eq!(symbol.values()[..12], [105, 102, 0, 37, 35, 0, 12, 0, 0, 0, 0, 12]);
        assert_eq!(symbol.modules(), 13 * 11 + 13);
    }

    #[test]
    fn separators_are_fnc1_and_stay_in_their_subset() {
        let symbol = Code128::gs1("101234\u{1d}21AB").unwrap();
        assert_eq!(symbol.values()[..10], [105, 102, 10, 12, 34, 102, 21, 100, 33, 34]);
    }

    #[test]
    fn every_pattern_is_eleven_modules_and_no_other() {
        let stop = PATTERNS[usize::from(STOP)];
        let others = &PATTERNS[..usize::from(STOP)];
        for (value, pattern) in others.iter().enumerate() {
            let widths: Vec<u32> = pattern.chars().filter_map(|digit| digit.to_digit(10)).collect();
            let dark: u32 = widths.iter().step_by(2).sum();
            assert_eq!((widths.len(), widths.iter().sum::<u32>(), dark % 2), (6, 11, 0), "{value}");
            assert!(!others[..value].contains(pattern), "{value}");
            assert!(!stop.starts_with(pattern), "{value}");
        }
    }

    #[test]
    fn what_has_no_bars_is_refused() {
        let long = "x".repeat(CHARACTERS_MAX + 1);
        for (text, expected) in [
            ("", NotEncodable::Empty),
            ("Å", NotEncodable::Character { character: 'Å' }),
            ("a\u{1d}b", NotEncodable::Character { character: '\u{1d}' }),
            ("\u{7f}", NotEncodable::Character { character: '\u{7f}' }),
            (&long, NotEncodable::TooLong { characters: CHARACTERS_MAX + 1 }),
        ] {
            assert_eq!(Code128::plain(text), Err(expected), "{text:?}");
        }
    }

    /// The text, and whether FNC1 leads.
    fn read(symbol: &Code128) -> (String, bool) {
        let mut characters = symbol.characters().skip(1).peekable();
        let is_gs1 = characters.next_if_eq(&Character::Fnc1).is_some();
        let text = characters.map(|character| match character {
            Character::Ascii(c) => c.to_string(),
            Character::Pair(pair) => format!("{pair:02}"),
            Character::Fnc1 => "\u{1d}".to_owned(),
            Character::StartB | Character::StartC | Character::CodeB | Character::CodeC => String::new(),
        });
        (text.collect(), is_gs1)
    }

    proptest! {
        #[test]
        fn a_symbol_says_its_text(text in "[ -~]{1,80}", digits in "[0-9]{1,30}[ -~]{0,3}[0-9]{0,30}") {
            for text in [text, digits] {
                let symbol = Code128::plain(&text).unwrap();
                prop_assert_eq!(read(&symbol), (text.clone(), false));
                let symbol = Code128::gs1(&text).unwrap();
                prop_assert_eq!(read(&symbol), (text, true));
            }
        }

        #[test]
        fn bars_fill_the_symbol(text in "[ -~]{1,80}") {
            let symbol = Code128::plain(&text).unwrap();
            let bars: Vec<Bar> = symbol.bars().collect();
            prop_assert_eq!(bars.len(), 3 * symbol.values().len() + 1);
            prop_assert_eq!(bars[0].left, 0);
            prop_assert!(bars.windows(2).all(|pair| pair[0].left + pair[0].width < pair[1].left));
            prop_assert_eq!(bars.last().map(|bar| bar.left + bar.width), Some(symbol.modules()));
        }
    }
}
