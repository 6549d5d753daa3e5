//! The file of shops: refused with a sentence, or shops whose letters and pages can be made.

use parceld_platform::shop::read;
use std::collections::HashSet;
use std::path::Path;

/// What a value that is refused adds to a sentence about it: as often as it is said, and escaped.
const REFUSED_EACH: usize = 12;
const REFUSED_BESIDE: usize = 2_000;

pub fn run(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    // Both name other files, and whoever writes this one may read them.
    if ["logo", "words", "\\"].iter().any(|key| text.contains(key)) {
        return;
    }
    match read(text, Path::new("")) {
        Err(error) => {
            let said = error.to_string();
            let most = REFUSED_BESIDE + REFUSED_EACH * text.len();
            assert!(!said.trim().is_empty() && said.len() <= most, "{} bytes: {said}", said.len());
        }
        Ok(shops) => {
            let ids: HashSet<&str> = shops.iter().map(|shop| shop.id.as_str()).collect();
            assert_eq!(ids.len(), shops.len(), "a shop stands twice");
            for shop in &shops {
                let page = shop.page("t");
                assert!(page.starts_with("http") && page.ends_with("/t/t"), "{page}");
                assert!(!page.chars().any(|c| c.is_whitespace() || c.is_control() || "<>\"".contains(c)), "{page:?}");
                // Both stand in the headers of mails.
                let headers = [&shop.name, &shop.sender, &shop.reply_to];
                assert!(!headers.iter().any(|text| text.contains(['\r', '\n'])), "{headers:?}");
            }
        }
    }
}
