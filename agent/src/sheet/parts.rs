//! The sections of a sheet, from words and ids.

use super::ids::Id;
use super::{Code, Section, Words};
use crate::domain::sscc::Sscc;

/// Command barcodes that are printed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Group {
    Verbs,
    Modes,
    Reasons,
    Conditions,
    Quantities,
}

/// The words of the modes; the other groups are told by how their words begin.
const MODES: [&str; 6] = ["PICK", "PACK", "LOAD", "RETURN", "COUNT", "RECEIVE"];

impl Group {
    pub const ALL: [Self; 5] = [Self::Verbs, Self::Modes, Self::Reasons, Self::Conditions, Self::Quantities];

    fn of(word: &str) -> Self {
        match word {
            mode if MODES.contains(&mode) => Self::Modes,
            reason if reason.starts_with("R-") => Self::Reasons,
            condition if condition.starts_with("C-") => Self::Conditions,
            quantity if quantity.starts_with("Q-") => Self::Quantities,
            _ => Self::Verbs,
        }
    }

    fn title(self, words: &Words) -> &'static str {
        match self {
            Self::Verbs => words.verbs,
            Self::Modes => words.modes,
            Self::Reasons => words.reasons,
            Self::Conditions => words.conditions,
            Self::Quantities => words.quantities,
        }
    }
}

/// A section for each group that has words among `commands`, which are the words and the texts of their barcodes.
pub fn commands(words: &Words, groups: &[Group], commands: &[(String, String)]) -> Vec<Section> {
    let sections = groups.iter().map(|group| {
        let of_group = commands.iter().filter(|(word, _)| Group::of(word) == *group);
        let codes = of_group.map(|(word, text)| {
            let (label, hint) = words.command(word);
            Code { name: word.clone(), text: text.clone(), label, hint, is_gs1: false }
        });
        Section { title: group.title(words).to_owned(), codes: codes.collect() }
    });
    sections.filter(|section| !section.codes.is_empty()).collect()
}

/// Badges; `text` makes the text of the barcode for a word with the site's check.
pub fn badges(words: &Words, ids: &[Id], text: impl Fn(&str) -> String) -> Section {
    let code = |id: &Id| {
        let name = format!("OP:{id}");
        plain(text(&name), name, id, words.badge_hint)
    };
    Section { title: words.badges.to_owned(), codes: ids.iter().map(code).collect() }
}

pub fn bins(words: &Words, ids: &[Id]) -> Section {
    Section { title: words.bins.to_owned(), codes: places("BIN", ids, words.bin_hint) }
}

pub fn totes(words: &Words, ids: &[Id]) -> Section {
    Section { title: words.totes.to_owned(), codes: places("TOTE", ids, words.tote_hint) }
}

/// Labels for parcels that don't exist yet, with the serials from `first_serial` on. Whoever calls this has reserved
/// them: a serial that is used twice names two parcels.
pub fn parcels(words: &Words, company_prefix: &str, first_serial: u64, count: u16) -> Section {
    let code = |serial: u64| {
        let sscc = Sscc::mint(company_prefix, serial).to_string();
        Code {
            text: format!("00{sscc}"),
            name: format!("SSCC:{sscc}"),
            label: words.parcel_label.to_owned(),
            hint: words.parcel_hint.to_owned(),
            is_gs1: true,
        }
    };
    let codes = (first_serial..).take(count.into()).map(code).collect();
    Section { title: words.parcels.to_owned(), codes }
}

fn places(kind: &str, ids: &[Id], hint: &str) -> Vec<Code> {
    let code = |id: &Id| plain(format!("PD:{kind}:{id}"), format!("{kind}:{id}"), id, hint);
    ids.iter().map(code).collect()
}

fn plain(text: String, name: String, id: &Id, hint: &str) -> Code {
    Code { text, name, label: id.to_string(), hint: hint.to_owned(), is_gs1: false }
}

#[cfg(test)]
mod tests {
    use super::super::ids::Ids;
    use super::*;
    use crate::words::Language;

    fn texts(section: &Section) -> Vec<&str> {
        section.codes.iter().map(|code| code.text.as_str()).collect()
    }

    #[test]
    fn commands_are_grouped_by_their_words() {
        let all: Vec<(String, String)> = ["DONE", "PICK", "R-DAMAGED", "C-RESTOCK", "Q-5", "Q-12", "NEWVERB", "RETURN"]
            .map(|word| (word.to_owned(), format!("PD:{word}:ABCD")))
            .into();
        let sections = commands(Words::of(Language::ENGLISH), &Group::ALL, &all);
        let shown: Vec<(&str, Vec<&str>)> =
            sections.iter().map(|section| (section.title.as_str(), texts(section))).collect();
        assert_eq!(
            shown,
            [
                ("Verbs", vec!["PD:DONE:ABCD", "PD:NEWVERB:ABCD"]),
                ("Modes", vec!["PD:PICK:ABCD", "PD:RETURN:ABCD"]),
                ("Reasons", vec!["PD:R-DAMAGED:ABCD"]),
                ("Conditions", vec!["PD:C-RESTOCK:ABCD"]),
                ("Quantities", vec!["PD:Q-5:ABCD", "PD:Q-12:ABCD"]),
            ]
        );
        assert_eq!(commands(Words::of(Language::ENGLISH), &[Group::Reasons], &all).len(), 1);
        assert!(commands(Words::of(Language::ENGLISH), &Group::ALL, &[]).is_empty());
    }

    #[test]
    fn only_badges_carry_a_check() {
        let ids: Ids = "A-01..A-02".parse().unwrap();
        let words = Words::of(Language::named("sv").unwrap());
        assert_eq!(texts(&bins(words, &ids.0)), ["PD:BIN:A-01", "PD:BIN:A-02"]);
        assert_eq!(texts(&totes(words, &ids.0)), ["PD:TOTE:A-01", "PD:TOTE:A-02"]);
        let badges = badges(words, &ids.0[..1], |word| format!("PD:{word}:WXYZ"));
        assert_eq!(texts(&badges), ["PD:OP:A-01:WXYZ"]);
        assert_eq!((badges.codes[0].name.as_str(), badges.codes[0].label.as_str()), ("OP:A-01", "A-01"));
    }

    #[test]
    fn parcels_take_one_serial_each() {
        let section = parcels(Words::of(Language::ENGLISH), "7350053", 1, 2);
        assert_eq!(texts(&section), ["00073500530000000018", "00073500530000000025"]);
        assert!(section.codes.iter().all(|code| code.is_gs1));
    }
}
