//! What customers read: texts by their keys, a file for each language, and a shop's own on top.
//!
//! The built-in English is the measure: a text that replaces one may fill in what that one fills in, the shop's name and
//! the order's number, and nothing else. A language that a shop adds has to have all of them. So no letter finds a hole.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A language with its texts, as a file that the program brings along.
const BUILT_IN: [(&str, &str); 2] =
    [("en", include_str!("../words/en.toml")), ("sv", include_str!("../words/sv.toml"))];
/// What every text may name.
const ALWAYS: [&str; 2] = ["number", "shop"];
const WEEK: usize = 7;
const YEAR: usize = 12;

/// Why a file of words can't be used.
#[derive(Debug, thiserror::Error)]
pub enum WordsError {
    #[error("{0}")]
    File(#[from] std::io::Error),
    #[error("{file}: {source}")]
    Toml { file: String, source: Box<toml::de::Error> },
    #[error("{file}: there is no text {key:?}; the built-in English has all that there are")]
    NoSuchText { file: String, key: String },
    #[error("{file}: {key} has to be text")]
    NoText { file: String, key: String },
    #[error("{file}: {key} fills in {{{name}}}, which is not known there")]
    NotFilled { file: String, key: String, name: String },
    #[error("{file}: {key} has to be a list of {len} names")]
    Names { file: String, key: &'static str, len: usize },
    #[error("{file}: language {language:?} is not built in, so it needs every text; {key} is missing")]
    Incomplete { file: String, language: String, key: String },
}

/// The texts of one language.
#[derive(Clone, Debug)]
pub struct Words {
    /// As a page says which language it is in: `en`.
    pub language: String,
    /// From Monday.
    pub weekdays: Vec<String>,
    pub months: Vec<String>,
    texts: BTreeMap<String, String>,
}

/// The languages of one shop.
#[derive(Clone, Debug)]
pub struct Tongues {
    by_language: BTreeMap<String, Arc<Words>>,
    /// For who asks for none that there is.
    first: Arc<Words>,
}

impl Tongues {
    /// The built-in languages with what `folder` has on top: a file LANGUAGE.toml for each. `language` is what a customer
    /// gets who has none.
    ///
    /// # Errors
    /// A file can't be read, doesn't fit, or `language` isn't there.
    pub fn load(folder: Option<&Path>, language: &str) -> Result<Self, WordsError> {
        let mut by_language = BTreeMap::new();
        for (language, text) in BUILT_IN {
            let mut words = Words::empty(language);
            words.lay(text, &format!("{language}.toml"), None)?;
            by_language.insert(language.to_owned(), words);
        }
        let english = by_language["en"].clone();
        for (language, file, text) in files(folder)? {
            let words = by_language.entry(language.clone()).or_insert_with(|| Words::empty(&language));
            words.lay(&text, &file, Some(&english))?;
            if let Some(key) = words.lacks(&english) {
                return Err(WordsError::Incomplete { file, language, key });
            }
        }
        let by_language: BTreeMap<_, _> =
            by_language.into_iter().map(|(name, words)| (name, Arc::new(words))).collect();
        let first = by_language.get(language).cloned().ok_or_else(|| WordsError::Incomplete {
            file: folder.map_or_else(|| "built in".into(), |folder| folder.display().to_string()),
            language: language.to_owned(),
            key: "all".into(),
        })?;
        Ok(Self { by_language, first })
    }

    /// The texts for a language tag: `sv-FI` is `sv` where there is no other.
    #[must_use]
    pub fn speak(&self, language: &str) -> &Arc<Words> {
        let main = language.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        self.by_language.get(language).or_else(|| self.by_language.get(&main)).unwrap_or(&self.first)
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<Words>> {
        self.by_language.values()
    }
}

impl Words {
    fn empty(language: &str) -> Self {
        Self { language: language.into(), weekdays: Vec::new(), months: Vec::new(), texts: BTreeMap::new() }
    }

    /// The text of a key, with what stands in braces filled in. A name with a capital fills in its value with one.
    #[must_use]
    pub fn fill(&self, key: &str, values: &[(&str, &str)]) -> String {
        let text = self.texts.get(key).map_or(key, String::as_str);
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, name, after)) = next_name(rest) {
            filled.push_str(before);
            let value =
                values.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value);
            if name.starts_with(char::is_uppercase) {
                filled.push_str(&capital(value));
            } else {
                filled.push_str(value);
            }
            rest = after;
        }
        filled + rest
    }

    /// A text that fills in nothing.
    #[must_use]
    pub fn say(&self, key: &str) -> String {
        self.fill(key, &[])
    }

    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.texts.contains_key(key)
    }

    fn lay(&mut self, text: &str, file: &str, measure: Option<&Self>) -> Result<(), WordsError> {
        let source = |source| WordsError::Toml { file: file.into(), source: Box::new(source) };
        let table: toml::Table = text.parse().map_err(source)?;
        for (section, value) in table {
            match (section.as_str(), value) {
                ("weekdays", names) => self.weekdays = list(&names, file, "weekdays", WEEK)?,
                ("months", names) => self.months = list(&names, file, "months", YEAR)?,
                (_, toml::Value::Table(texts)) => {
                    for (name, value) in texts {
                        self.put(format!("{section}.{name}"), &value, file, measure)?;
                    }
                }
                (_, value) => self.put(section, &value, file, measure)?,
            }
        }
        Ok(())
    }

    fn put(&mut self, key: String, value: &toml::Value, file: &str, measure: Option<&Self>) -> Result<(), WordsError> {
        let Some(text) = value.as_str() else { return Err(WordsError::NoText { file: file.into(), key }) };
        if let Some(measure) = measure {
            let Some(known) = measure.texts.get(&key) else {
                return Err(WordsError::NoSuchText { file: file.into(), key });
            };
            let known = names(known);
            let odd = names(text).into_iter().find(|name| !known.contains(name) && !ALWAYS.contains(&name.as_str()));
            if let Some(name) = odd {
                return Err(WordsError::NotFilled { file: file.into(), key, name });
            }
        }
        self.texts.insert(key, text.to_owned());
        Ok(())
    }

    /// The first of the other's texts that isn't here.
    fn lacks(&self, other: &Self) -> Option<String> {
        let names = [("weekdays", self.weekdays.is_empty()), ("months", self.months.is_empty())];
        let list = names.iter().find(|(_, lacks)| *lacks).map(|(name, _)| (*name).to_owned());
        list.or_else(|| other.texts.keys().find(|key| !self.texts.contains_key(*key)).cloned())
    }
}

/// With its first letter as a capital.
#[must_use]
pub fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn files(folder: Option<&Path>) -> std::io::Result<Vec<(String, String, String)>> {
    let Some(folder) = folder else { return Ok(Vec::new()) };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    let read = |path: std::path::PathBuf| {
        let language = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok((language, path.display().to_string(), std::fs::read_to_string(&path)?))
    };
    paths.into_iter().map(read).collect()
}

fn list(value: &toml::Value, file: &str, key: &'static str, len: usize) -> Result<Vec<String>, WordsError> {
    let names: Option<Vec<String>> =
        value.as_array().and_then(|names| names.iter().map(|name| name.as_str().map(str::to_owned)).collect());
    names.filter(|names| names.len() == len).ok_or_else(|| WordsError::Names { file: file.into(), key, len })
}

/// What a text fills in, in small letters.
fn names(mut text: &str) -> Vec<String> {
    let mut names = Vec::new();
    while let Some((_, name, after)) = next_name(text) {
        names.push(name.to_ascii_lowercase());
        text = after;
    }
    names
}

/// The text before the next brace, what is in it, and the text after.
fn next_name(text: &str) -> Option<(&str, &str, &str)> {
    let (before, inner) = text.split_once('{')?;
    let (name, after) = inner.split_once('}')?;
    Some((before, name, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built_in(language: &str) -> Words {
        (**Tongues::load(None, "en").unwrap().speak(language)).clone()
    }

    #[test]
    fn both_languages_have_the_same_texts_with_the_same_names() {
        let (en, sv) = (built_in("en"), built_in("sv"));
        assert_eq!(en.lacks(&sv), None);
        assert_eq!(sv.lacks(&en), None);
        for (key, text) in &en.texts {
            let (mut theirs, mut ours) = (names(&sv.texts[key]), names(text));
            theirs.sort();
            ours.sort();
            assert_eq!(theirs, ours, "{key}");
        }
    }

    #[test]
    fn names_are_filled_in_and_a_capital_asks_for_one() {
        let words = built_in("en");
        let values = [("carrier", "the carrier"), ("at", "at 16:28"), ("n", "1"), ("m", "2")];
        assert_eq!(words.fill("handed_over.lead_of", &values), "The carrier took parcel 1 of 2 at 16:28.");
        assert_eq!(words.fill("handed_over.lead_of", &[("carrier", "{at}")]), "{at} took parcel  of  .");
    }

    #[test]
    fn a_language_is_found_by_its_tag() {
        let tongues = Tongues::load(None, "sv").unwrap();
        for (tag, expected) in [("en", "en"), ("en-GB", "en"), ("sv_FI", "sv"), ("SV", "sv"), ("fi", "sv"), ("", "sv")]
        {
            assert_eq!(tongues.speak(tag).language, expected, "{tag}");
        }
    }

    #[test]
    fn words_that_do_not_fit_are_refused() {
        let folder = std::env::temp_dir().join(format!("parceld-words-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&folder).unwrap();
        let rows = [
            ("sv", "[packed]\ntitle = 'Klart {shop}!'", None),
            ("sv", "[packed]\ntitel = 'Klart'", Some("there is no text \"packed.titel\"")),
            ("sv", "[packed]\ntitle = 'Klart {tracking}'", Some("packed.title fills in {tracking}")),
            ("sv", "[packed]\ntitle = 7", Some("packed.title has to be text")),
            ("sv", "months = ['januari']", Some("months has to be a list of 12 names")),
            ("sv", "[packed", Some("sv.toml")),
            ("de", "name = 'Deutsch'", Some("\"de\" is not built in, so it needs every text; weekdays is missing")),
            ("de", BUILT_IN[0].1, None),
        ];
        for (language, text, expected) in rows {
            let file = folder.join(format!("{language}.toml"));
            std::fs::write(&file, text).unwrap();
            let loaded = Tongues::load(Some(&folder), "sv").map_err(|error| error.to_string());
            match expected {
                None => assert!(loaded.is_ok(), "{text}: {loaded:?}"),
                Some(why) => assert!(loaded.as_ref().is_err_and(|error| error.contains(why)), "{text}: {loaded:?}"),
            }
            std::fs::remove_file(file).unwrap();
        }
        std::fs::remove_dir(folder).unwrap();
    }
}
