//! What the agent says to people: a file of `agent/words` for each language, a table in it for each part that speaks.
//!
//! Files are listed when the agent is built, so that adding a language is adding a file. A part describes its table as a
//! type with no key too many and none missing, and has a test that reads it in every language.

mod answers;
mod figures;
mod table;

pub use answers::Answers;
pub use figures::Figures;

use serde::Deserialize;
use std::fmt;
use std::sync::OnceLock;

/// Each language's tag and file; English first.
static FILES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/languages.rs"));

/// A language that people are spoken to in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Language(usize);

/// What one part of the agent says, in every language: the table of that name in each file.
#[derive(Debug)]
pub struct Part<T> {
    table: &'static str,
    spoken: OnceLock<Vec<T>>,
}

impl Language {
    pub const ENGLISH: Self = Self(0);

    /// Every language that there is.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..FILES.len()).map(Self)
    }

    /// The language of a tag, as `site.language` names it.
    #[must_use]
    pub fn named(tag: &str) -> Option<Self> {
        Self::all().find(|language| language.tag() == tag)
    }

    /// Its tag (BCP 47), as a document says which language it is in.
    #[must_use]
    pub fn tag(self) -> &'static str {
        FILES[self.0].0
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

impl<T: Deserialize<'static>> Part<T> {
    /// The table is read when somebody first asks.
    #[must_use]
    pub const fn new(table: &'static str) -> Self {
        Self { table, spoken: OnceLock::new() }
    }

    /// What it says in `language`.
    ///
    /// # Panics
    /// A file of this build lacks the table, or has another one than `T` describes.
    pub fn of(&'static self, language: Language) -> &'static T {
        let spoken = self.spoken.get_or_init(|| Language::all().map(|language| self.read(language)).collect());
        &spoken[language.0]
    }

    fn read(&self, language: Language) -> T {
        match table::read(FILES[language.0].1, self.table) {
            Ok(words) => words,
            Err(error) => panic!("words/{}.toml, [{}]: {error}", language.tag(), self.table),
        }
    }
}

/// `text` with each `{name}` replaced by the value of that name; names without a value stay as they are.
#[must_use]
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let value = after.split_once('}').and_then(|(name, after)| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((value, after))
        });
        match value {
            Some((value, after)) => {
                filled.push_str(value);
                rest = after;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// The names that `text` has places for, each once, in alphabetical order.
#[cfg(test)]
pub fn places(text: &str) -> std::collections::BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_a_name_and_is_found_by_its_tag() {
        static NAME: Part<&str> = Part::new("name");
        for language in Language::all() {
            assert_eq!(Language::named(language.tag()), Some(language));
            assert!(!NAME.of(language).is_empty(), "{language:?}");
        }
        assert_eq!(Language::ENGLISH.tag(), "en");
        assert_eq!(Language::named("sv").map(|language| *NAME.of(language)), Some("Svenska"));
        assert_eq!(Language::named("xx"), None);
    }

    #[test]
    fn fills_in_what_it_knows_and_only_once() {
        let values = [("a", "{b}"), ("b", "2")];
        for (text, filled) in [
            ("", ""),
            ("{b} of 3", "2 of 3"),
            ("{a}{b}", "{b}2"),
            ("{c} {b}", "{c} 2"),
            ("{b", "{b"),
            ("{{b}", "{2"),
            ("b}", "b}"),
        ] {
            assert_eq!(fill(text, &values), filled, "{text}");
        }
    }

    /// Every language says all that English says, with the same places to fill in.
    #[test]
    fn languages_fill_in_the_same() {
        let english: toml::Table = FILES[0].1.parse().unwrap();
        for (tag, file) in FILES {
            let table: toml::Table = file.parse().unwrap();
            compare(&english, &table, tag);
        }
    }

    fn compare(english: &toml::Table, other: &toml::Table, path: &str) {
        assert_eq!(english.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>(), "{path}");
        for (key, text) in english {
            let path = format!("{path}.{key}");
            match (text, &other[key]) {
                (toml::Value::Table(english), toml::Value::Table(other)) => compare(english, other, &path),
                (toml::Value::Array(english), toml::Value::Array(other)) => {
                    assert_eq!(english.len(), other.len(), "{path}");
                }
                (english, other) => {
                    let (english, other) = (english.as_str().unwrap(), other.as_str().unwrap());
                    assert_eq!(places(english), places(other), "{path}");
                    assert!(!other.is_empty(), "{path}");
                }
            }
        }
    }
}
