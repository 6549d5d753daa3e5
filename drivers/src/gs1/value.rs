//! Whether a value is what its AI says: its length, its characters, and the rules for its parts.

use thiserror::Error;

use super::ai::{Ai, Entry};
use super::rule::Rule;

/// What is wrong with an AI's value. Counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ValueError {
    #[error("the value of ({ai}) is missing")]
    Missing { ai: Ai },
    #[error("the value of ({ai}) has {found} characters and needs {needed}")]
    Short { ai: Ai, found: usize, needed: usize },
    #[error("the value of ({ai}) has {found} characters, at most {max}: perhaps a scanner that drops the separators")]
    Long { ai: Ai, found: usize, max: usize },
    #[error("the value of ({ai}) has a character that isn't allowed at place {place}")]
    Character { ai: Ai, place: usize },
    #[error("the value of ({ai}) {rule}")]
    Broken { ai: Ai, rule: Rule },
}

/// The value as text.
pub(super) fn judge<'a>(ai: Ai, entry: &Entry, value: &'a [u8]) -> Result<&'a str, ValueError> {
    let found = value.len();
    let max = entry.components.iter().map(|component| usize::from(component.characters_max)).sum();
    if found == 0 {
        return Err(ValueError::Missing { ai });
    }
    if max < found {
        return Err(ValueError::Long { ai, found, max });
    }
    let mut rest = value;
    for component in entry.components {
        if component.optional && rest.is_empty() {
            break;
        }
        let at = found - rest.len();
        let needed = at + usize::from(component.characters_min);
        if found < needed {
            return Err(ValueError::Short { ai, found, needed });
        }
        let (part, behind) = rest.split_at(rest.len().min(component.characters_max.into()));
        if let Some(place) = component.characters.first_foreign(part) {
            return Err(ValueError::Character { ai, place: at + place + 1 });
        }
        judge_content(ai, component.rules, part)?;
        rest = behind;
    }
    str::from_utf8(value).map_err(|error| ValueError::Character { ai, place: error.valid_up_to() + 1 })
}

fn judge_content(ai: Ai, rules: &[Rule], part: &[u8]) -> Result<(), ValueError> {
    let is_broken = |rule: &&Rule| !str::from_utf8(part).is_ok_and(|part| rule.is_kept_by(part));
    match rules.iter().find(is_broken) {
        Some(&rule) => Err(ValueError::Broken { ai, rule }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::gs1::ai::{CharacterSet, Component};
    use crate::gs1::ai_table::TABLE;
    use crate::gs1::{ElementString, ElementStringError};

    /// Texts of one length, of which one keeps whatever rules a part of that length has.
    fn candidates(characters: usize) -> Vec<String> {
        let mut texts: Vec<String> =
            ["270228", "20270228", "0102", "1/3", "752", "SE", "A"].map(str::to_owned).into_iter().collect();
        texts.extend(["0", "1", "-"].map(|filler| filler.repeat(characters)));
        let head = |characters: usize| "1111A1111111111111111111111"[..characters.min(27)].to_owned();
        if let Some(characters) = characters.checked_sub(1) {
            texts.extend((0..10).map(|last| format!("{}{last}", "1".repeat(characters))));
        }
        if let Some(characters) = characters.checked_sub(2) {
            const PAIR: &str = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
            texts.extend(PAIR.chars().flat_map(|a| PAIR.chars().map(move |b| format!("{}{a}{b}", head(characters)))));
        }
        if let Some(characters) = characters.checked_sub(4) {
            texts.extend((0..100).map(|check| format!("SE{check:02}{}", "1".repeat(characters))));
        }
        texts.retain(|text| text.len() == characters);
        texts
    }

    fn sample(component: &Component, characters: usize) -> Option<String> {
        candidates(characters).into_iter().find(|text| {
            component.characters.first_foreign(text.as_bytes()).is_none()
                && component.rules.iter().all(|rule| rule.is_kept_by(text))
        })
    }

    fn shortest(component: &Component) -> String {
        (component.characters_min..=component.characters_max).find_map(|count| sample(component, count.into())).unwrap()
    }

    fn longest(component: &Component) -> String {
        sample(component, component.characters_max.into()).unwrap()
    }

    /// Each AI with the shortest value that it can have and the longest, in parts.
    fn samples() -> impl Iterator<Item = (u16, Vec<String>, Vec<String>)> {
        TABLE.iter().flat_map(|entry| {
            let needed = entry.components.iter().filter(|component| !component.optional);
            let (shortest, longest): (Vec<_>, Vec<_>) =
                (needed.map(shortest).collect(), entry.components.iter().map(longest).collect());
            (entry.first..=entry.last).map(move |number| (number, shortest.clone(), longest.clone()))
        })
    }

    fn refusal(number: u16, value: &str) -> Option<ElementStringError> {
        ElementString::parse(format!("{number:02}{value}").as_bytes()).err()
    }

    #[test]
    fn every_ai_takes_its_shortest_and_its_longest_value() {
        let mut count = 0;
        for (number, shortest, longest) in samples() {
            for value in [shortest.concat(), longest.concat()] {
                assert_eq!(refusal(number, &value), None, "({number:02}){value}");
            }
            count += 1;
        }
        assert_eq!(count, 541);
    }

    #[test]
    fn no_ai_takes_a_character_more_or_less() {
        for (number, shortest, longest) in samples() {
            let (mut short, long) = (shortest.concat(), longest.concat() + "1");
            short.pop();
            for value in [short, long] {
                assert!(refusal(number, &value).is_some(), "({number:02}){value}");
            }
        }
    }

    #[test]
    fn no_ai_takes_a_character_that_its_parts_dont_have() {
        for entry in &TABLE {
            let longest: Vec<String> = entry.components.iter().map(longest).collect();
            for (place, component) in entry.components.iter().enumerate() {
                let foreign = match component.characters {
                    CharacterSet::N => ["A", " ", "-"],
                    CharacterSet::X => ["^", " ", "~"],
                    CharacterSet::Y => ["a", " ", "_"],
                    CharacterSet::Z => ["/", " ", "="],
                };
                for character in foreign {
                    let mut parts = longest.clone();
                    parts[place].replace_range(..1, character);
                    let at = longest[..place].concat().len();
                    let ai = entry.first;
                    let error = refusal(ai, &parts.concat()).unwrap().to_string();
                    let expected =
                        format!("the value of ({ai:02}) has a character that isn't allowed at place {}", at + 1);
                    assert_eq!(error, expected, "({ai:02}){parts:?}");
                }
            }
        }
    }

    #[test]
    fn base64_may_be_filled_up() {
        for (value, accepted) in [("QUI=", true), ("QQ==", true), ("QUJD", true), ("Q===", false), ("Q=Q", false)] {
            assert_eq!(refusal(8030, value).is_none(), accepted, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_value_of_any_ai_is_judged(
            place in 0..TABLE.len(),
            value in proptest::collection::vec(any::<u8>(), 0..100),
            digits in "[0-9]{0,40}",
        ) {
            let entry = &TABLE[place];
            for value in [value.as_slice(), digits.as_bytes()] {
                let payload = [format!("{:02}", entry.first).as_bytes(), value].concat();
                if let Ok(string) = ElementString::parse(&payload) {
                    prop_assert_eq!(string.content().elements()[0].ai.number(), entry.first);
                }
            }
        }
    }
}
