//! What sheets and labels say, one file per language. A new language is a file and a line in [`ALL`].

use parceld_drivers::printer::zpl::Captions;

mod en;
mod sv;

const ALL: [&Words; 2] = [&en::WORDS, &sv::WORDS];

/// Everything that a sheet says by itself.
#[derive(Debug)]
pub struct Words {
    /// BCP 47, as in the configuration.
    pub language: &'static str,
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
    /// Each command's word, what people call it, and what it does.
    pub commands: &'static [(&'static str, &'static str, &'static str)],
    /// The same for a quantity; `{n}` is its number.
    pub quantity: (&'static str, &'static str),
    /// What printed labels say.
    pub captions: Captions,
}

impl Words {
    /// In that language, or else in English.
    #[must_use]
    pub fn of(language: &str) -> &'static Self {
        ALL.into_iter().find(|words| words.language == language).unwrap_or(&en::WORDS)
    }

    /// What people call the command of `word`, and what it does. A word without an entry is its own name.
    #[must_use]
    pub fn command(&self, word: &str) -> (String, String) {
        if let Some(n) = word.strip_prefix("Q-") {
            let (label, hint) = self.quantity;
            return (label.replace("{n}", n), hint.replace("{n}", n));
        }
        let known = self.commands.iter().find(|(known, _, _)| *known == word);
        known.map_or((word.to_owned(), String::new()), |(_, label, hint)| ((*label).to_owned(), (*hint).to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::code::Verb;

    #[test]
    fn every_command_is_explained_in_every_language() {
        for words in ALL {
            for (word, _) in Verb::WORDS {
                let (label, hint) = words.command(word);
                assert!(!label.is_empty() && !hint.is_empty(), "{}: {word} has no words", words.language);
            }
        }
    }

    #[test]
    fn languages_explain_the_same_commands() {
        let known = |words: &'static Words| words.commands.iter().map(|(word, _, _)| *word).collect::<Vec<_>>();
        for words in ALL {
            assert_eq!(known(words), known(&en::WORDS), "{}", words.language);
        }
    }

    #[test]
    fn a_quantity_says_its_number() {
        assert_eq!(Words::of("en").command("Q-12").0, "12 units");
        assert_eq!(Words::of("sv").command("Q-12").0, "12 enheter");
        assert_eq!(Words::of("xx").command("DONE").0, "Done");
        assert_eq!(Words::of("en").command("FLY"), ("FLY".to_owned(), String::new()));
    }
}
