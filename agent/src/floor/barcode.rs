//! Command barcodes `PD:{verb}:{check}`: the check is made with the site's key, so that a label that came from
//! outside can't drive a station.

use crate::domain::code::Verb;
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

/// Every command barcode of this site: its word and its text.
pub fn sheet(site_key: &[u8]) -> impl Iterator<Item = (&'static str, String)> {
    Verb::WORDS.into_iter().map(move |(word, _)| (word, text(word, site_key)))
}

/// The verb of a command barcode: `None` where the text is none, `Some(Err)` where its check is not this site's.
#[must_use]
pub fn verb<'a>(text: &'a str, site_key: &[u8]) -> Option<Result<&'a str, WrongCheck>> {
    let (words, given) = text.rsplit_once(':')?;
    let verb = words.strip_prefix(PREFIX)?;
    Some(if check(words, site_key) == given { Ok(verb) } else { Err(WrongCheck) })
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
        assert_eq!(verb(&code, &here), Some(Ok("DONE")));
        assert_eq!(verb(&code, &elsewhere), Some(Err(WrongCheck)));
        assert_eq!(verb(&code.replace("DONE", "SEAL"), &here), Some(Err(WrongCheck)));
        assert_eq!(verb("PD:DONE", &here), None);
        assert_eq!(verb("4006381333931", &here), None);
    }

    #[test]
    fn the_check_is_the_head_of_the_hmac() {
        // HMAC-SHA-256 with key "key" of "The quick brown fox jumps over the lazy dog": f7bc83f4…
        assert_eq!(check("The quick brown fox jumps over the lazy dog", b"key"), "666I");
    }
}
