//! Command barcodes `PD:{verb}:{check}`: the check is made with the site's key, so that a label that came from
//! outside can't drive a station.

use crate::domain::code::{Cause, Condition, Verb};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// What every command barcode begins with.
pub const PREFIX: &str = "PD:";

/// Four base-32 characters (RFC 4648) of the HMAC-SHA-256 of everything before the check.
#[must_use]
pub fn check(words: &str, site_key: &[u8]) -> String {
    let mut bytes = [0; 32];
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(site_key) {
        mac.update(words.as_bytes());
        bytes = mac.finalize().into_bytes().into();
    }
    let bits = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]) >> 4;
    (0..4).rev().map(|place| char::from(ALPHABET[(bits >> (5 * place) & 31) as usize])).collect()
}

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The text of the command barcode for `verb` at this site.
#[must_use]
pub fn text(verb: &str, site_key: &[u8]) -> String {
    let words = format!("{PREFIX}{verb}");
    let check = check(&words, site_key);
    format!("{words}:{check}")
}

/// Quantities that are printed: a person counts by twelves, twenties and what is in a case.
const QUANTITIES: [u32; 18] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 24, 30, 50, 100];

/// Every word that a command barcode can have without an id: verbs and modes, causes, conditions, quantities.
#[must_use]
pub fn words() -> Vec<String> {
    let verbs = Verb::WORDS.iter().map(|(word, _)| (*word).to_owned());
    let causes = Cause::WORDS.iter().map(|(word, _)| (*word).to_owned());
    let conditions = Condition::WORDS.iter().map(|(word, _)| (*word).to_owned());
    let quantities = QUANTITIES.iter().map(|quantity| format!("Q-{quantity}"));
    verbs.chain(causes).chain(conditions).chain(quantities).collect()
}

/// Every command barcode of this site: its word and its text.
pub fn sheet(site_key: &[u8]) -> impl Iterator<Item = (String, String)> {
    words().into_iter().map(move |word| {
        let text = text(&word, site_key);
        (word, text)
    })
}

/// The word of a command barcode: `None` where the text is none, `Some(Err)` where its check is not this site's.
#[must_use]
pub fn word<'a>(text: &'a str, site_key: &[u8]) -> Option<Result<&'a str, WrongCheck>> {
    let (words, given) = text.rsplit_once(':')?;
    let word = words.strip_prefix(PREFIX)?;
    Some(if check(words, site_key) == given { Ok(word) } else { Err(WrongCheck) })
}

/// The check is not what this site's key makes of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongCheck;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_opens_only_its_own_verb_at_its_own_site() {
        let (here, elsewhere) = ([7; 32], [8; 32]);
        let code = text("DONE", &here);
        assert_eq!(code.len(), "PD:DONE:".len() + 4);
        assert_eq!(word(&code, &here), Some(Ok("DONE")));
        assert_eq!(word(&code, &elsewhere), Some(Err(WrongCheck)));
        assert_eq!(word(&code.replace("DONE", "SEAL"), &here), Some(Err(WrongCheck)));
        assert_eq!(word("PD:DONE", &here), None);
        assert_eq!(word("4006381333931", &here), None);
    }

    #[test]
    fn every_word_on_a_sheet_means_something() {
        for word in words() {
            assert!(crate::domain::code::Meaning::commanded(&word).is_some(), "{word}");
        }
    }

    #[test]
    fn the_check_is_the_head_of_the_hmac() {
        // HMAC-SHA-256 with key "key" of "The quick brown fox jumps over the lazy dog": f7bc83f4…
        assert_eq!(check("The quick brown fox jumps over the lazy dog", b"key"), "666I");
    }
}
