//! The configuration: refused with a report of a bounded length, or shown so that it reads back as the same.

use parceld::config::{Error, Loaded, Origins, Shown, duration, duration_text, parse};
use std::path::Path;

/// Every fault has a place and a sentence or two; a key can have one.
const REPORT_EACH: usize = 400;

pub fn run(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Some(said) = duration(text) {
        assert_eq!(duration(&duration_text(said)), Some(said), "{text} is another duration");
    }
    let path = Path::new("parceld.toml");
    match parse(path, text) {
        Err(Error::Invalid(report)) => {
            let said = report.to_string();
            assert!(!said.is_empty() && said.len() <= REPORT_EACH * (text.len() + 10), "{} bytes", said.len());
        }
        Err(other) => panic!("a text can't be {other}"),
        Ok(config) => {
            let loaded = Loaded { config, origins: Origins::default() };
            let shown = Shown::of(&loaded);
            if shown.sections.iter().flat_map(|section| &section.keys).any(|key| key.hidden) {
                return;
            }
            let written = shown.to_string();
            match parse(path, &written) {
                Ok(read) => assert_eq!(read, loaded.config, "a configuration is shown as another:\n{written}"),
                Err(error) => panic!("what is shown is none: {error}\n{written}"),
            }
        }
    }
}
