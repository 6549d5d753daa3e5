//! Command barcodes: only the site's own are obeyed, and each word is written in one way.

use crate::input::Input;
use parceld::domain::code::{Meaning, is_label};
use parceld::floor::barcode::{self, PREFIX, WrongCheck};
use parceld::floor::meaning;
use parceld_drivers::symbology::Symbology;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let count = usize::from(input.byte() & 0x1f);
    let key = input.take(count);
    let other = [key, b"another"].concat();
    let Ok(text) = str::from_utf8(input.rest()) else { return };
    if let Some(Ok(word)) = barcode::word(text, key) {
        assert_eq!(barcode::text(word, key), text, "a command is written in two ways");
    }
    let own = barcode::text(text, key);
    assert_eq!(barcode::word(&own, key), Some(Ok(text)), "the site's own is not obeyed");
    if barcode::check(&format!("{PREFIX}{text}"), key) != barcode::check(&format!("{PREFIX}{text}"), &other) {
        assert_eq!(barcode::word(&own, &other), Some(Err(WrongCheck)), "another site's is obeyed");
    }
    for meant in [Meaning::commanded(text), Meaning::located(text)].into_iter().flatten() {
        is_one_word(&meant, text);
    }
    let of = |text: &str| meaning::of(Symbology::Unidentified, text.as_bytes(), 2026, key);
    if let Some(meant) = Meaning::commanded(text) {
        assert!(
            [meant].contains(&of(&own)) || Meaning::located(own.trim_start_matches(PREFIX)).is_some(),
            "{own} is not obeyed"
        );
    }
}

/// What a word means is said by that word and no other.
fn is_one_word(meant: &Meaning, word: &str) {
    let written = match meant {
        Meaning::Quantity(count) => {
            // A printed zero in front is tolerated.
            assert_eq!(word.strip_prefix("Q-").and_then(|digits| digits.parse().ok()), Some(*count));
            return assert!(word["Q-".len()..].bytes().all(|byte| byte.is_ascii_digit()), "{word:?} is a quantity");
        }
        Meaning::Badge(id) => format!("OP:{id}"),
        Meaning::Bin(id) => format!("BIN:{id}"),
        Meaning::Tote(id) => format!("TOTE:{id}"),
        Meaning::Line(line) => {
            let digits = word.strip_prefix("LINE:").unwrap_or_default();
            assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{word:?} is line {line}");
            return;
        }
        Meaning::Verb(_) | Meaning::Cause(_) | Meaning::Condition(_) => {
            return assert!(barcode::words().iter().any(|known| known == word), "{word:?} is on no sheet");
        }
        other => panic!("{word:?} means {other:?}"),
    };
    assert_eq!(written, word);
    let (_, id) = word.split_once(':').expect("an id");
    assert!(is_label(id), "{id:?} is an id");
}
