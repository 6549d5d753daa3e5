//! What sheets and labels say.

use crate::words::{Language, Part, fill};
use parceld_drivers::printer::zpl::Captions;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Everything that a sheet says by itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    pub title: &'static str,
    pub page: &'static str,
    pub verbs: &'static str,
    pub modes: &'static str,
    pub reasons: &'static str,
    pub conditions: &'static str,
    pub quantities: &'static str,
    pub badges: &'static str,
    pub bins: &'static str,
    pub totes: &'static str,
    pub parcels: &'static str,
    pub badge_hint: &'static str,
    pub bin_hint: &'static str,
    pub tote_hint: &'static str,
    pub parcel_label: &'static str,
    pub parcel_hint: &'static str,
    /// By each command's word.
    #[serde(borrow)]
    commands: BTreeMap<&'static str, Named>,
    /// The same for a quantity; `{n}` is its number.
    quantity: Named,
    #[serde(with = "CaptionsSaid")]
    captions: Captions,
}

/// What people call a command, and what it does.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    label: &'static str,
    hint: &'static str,
}

/// What printed labels say.
#[derive(Deserialize)]
#[serde(remote = "Captions", deny_unknown_fields)]
struct CaptionsSaid {
    order: &'static str,
    parcel: &'static str,
    collection: &'static str,
    tracking: &'static str,
    lines: &'static str,
    bin: &'static str,
    manifest: &'static str,
    parcels: &'static str,
    pickup: &'static str,
    page: &'static str,
    more: &'static str,
}

impl Words {
    #[must_use]
    pub fn of(language: Language) -> &'static Self {
        static WORDS: Part<Words> = Part::new("sheet");
        WORDS.of(language)
    }

    /// What people call the command of `word`, and what it does. A word without an entry is its own name.
    #[must_use]
    pub fn command(&self, word: &str) -> (String, String) {
        if let Some(n) = word.strip_prefix("Q-") {
            let said = |text| fill(text, &[("n", n)]);
            return (said(self.quantity.label), said(self.quantity.hint));
        }
        let known = self.commands.get(word);
        known.map_or((word.to_owned(), String::new()), |named| (named.label.to_owned(), named.hint.to_owned()))
    }

    /// What printed labels say.
    #[must_use]
    pub fn captions(&self) -> Captions {
        self.captions
    }

    /// Every command that has words.
    pub fn commands(&self) -> impl Iterator<Item = &'static str> {
        self.commands.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::code::Verb;

    #[test]
    fn every_command_is_explained_in_every_language() {
        for language in Language::all() {
            let words = Words::of(language);
            for (word, _) in Verb::WORDS {
                let (label, hint) = words.command(word);
                assert!(!label.is_empty() && !hint.is_empty(), "{language:?}: {word} has no words");
            }
        }
    }

    #[test]
    fn a_quantity_says_its_number() {
        let english = Words::of(Language::ENGLISH);
        assert_eq!(english.command("Q-12").0, "12 units");
        assert_eq!(Words::of(Language::named("sv").unwrap()).command("Q-12").0, "12 enheter");
        assert_eq!(english.command("FLY"), ("FLY".to_owned(), String::new()));
    }

    #[test]
    fn english_labels_are_the_printers_own() {
        assert_eq!(Words::of(Language::ENGLISH).captions(), Captions::ENGLISH);
    }
}
