//! Which AIs must or must not stand beside others. That is a property of all codes on an item: one scan can only warn.

use std::fmt;

use thiserror::Error;

use super::ai::{Ai, Ais};
use super::content::Content;

/// What the codes of an item should not be, as far as this one tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Warning {
    #[error("({ai}) needs {companions} beside it, perhaps in another code on the item")]
    Alone { ai: Ai, companions: Companions },
    #[error("({ai}) and ({other}) exclude each other")]
    Together { ai: Ai, other: Ai },
}

/// Groups of AIs, of which one must be there as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Companions(&'static [&'static [Ais]]);

impl fmt::Display for Companions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, group) in self.0.iter().enumerate() {
            let conjunction = if place == 0 { "" } else { " or " };
            write!(f, "{conjunction}")?;
            for (place, ais) in group.iter().enumerate() {
                let conjunction = if place == 0 { "" } else { " with " };
                write!(f, "{conjunction}{ais}")?;
            }
        }
        Ok(())
    }
}

impl Content<'_> {
    /// What the associations that GS1 demands and forbids have to say of these elements, each once.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for ai in self.ais() {
            let Some(entry) = ai.entry() else { continue };
            let stands_here = |ais: &Ais| self.ais().any(|other| ais.contains(other) && other != ai);
            let companions = entry.requires;
            if !companions.is_empty() && !companions.iter().any(|group| group.iter().all(stands_here)) {
                add(&mut warnings, Warning::Alone { ai, companions: Companions(companions) });
            }
            let excluded = |other: Ai| other != ai && entry.excludes.iter().any(|ais| ais.contains(other));
            for other in self.ais().filter(|&other| excluded(other)) {
                add(&mut warnings, Warning::Together { ai: ai.min(other), other: ai.max(other) });
            }
        }
        warnings
    }

    fn ais(&self) -> impl Iterator<Item = Ai> {
        self.elements().iter().map(|element| element.ai)
    }
}

fn add(warnings: &mut Vec<Warning>, warning: Warning) {
    if !warnings.contains(&warning) {
        warnings.push(warning);
    }
}

#[cfg(test)]
mod tests {
    use crate::gs1::ElementString;

    fn warnings(payload: &str) -> String {
        let payload = payload.replace('^', "\x1d");
        let string = ElementString::parse(payload.as_bytes()).unwrap();
        string.content().warnings().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    /// Rows of GS1's own tests, and what they warn of here.
    #[test]
    fn a_companion_that_is_missing_is_said() {
        let rows = [
            ("0112345678901231", ""),
            ("99A", ""),
            ("21ABC123", "(21) needs (01) or (03) or (8006)"),
            ("21ABC123^21ABC123", "(21) needs (01) or (03) or (8006)"),
            ("21ABC123^0112345678901231", ""),
            ("21ABC123^8006123456789012310510", ""),
            ("0212345678901231", "(02) needs (37)"),
            ("0112345678901231250ABC123", "(250) needs (01) with (21) or (03) with (21) or (8006) with (21)"),
            ("011234567890123121XYZ999^250ABC123", ""),
            ("001234567890123456750212345678901231^37123", ""),
            ("91XXX^021234567890123192YYY^37123^93ZZZ^00123456789012345675", ""),
            ("0212345678901231^37123", "(37) needs (00) with (02) or (00) with (8026)"),
            ("0112345678901231392512599^30123", ""),
            ("0112345678901231392512599^3100654321", ""),
            ("0112345678901231392512599^3575654321", ""),
            ("0112345678901231392512599^3695654321", ""),
            (
                "0112345678901231392512599",
                "(3925) needs (01) with (30) or (01) with (31nn) or (01) with (32nn) or (01) with (35nn) or (01) with \
                 (36nn)",
            ),
        ];
        for (payload, expected) in rows {
            let suffix = if expected.is_empty() { "" } else { " beside it, perhaps in another code on the item" };
            assert_eq!(warnings(payload), format!("{expected}{suffix}"), "{payload}");
        }
    }

    #[test]
    fn what_excludes_each_other_is_said_once() {
        let rows = [
            ("0112345678901231^0112345678901231", None),
            ("01123456789012310212345678901231", Some("(01) and (02)")),
            ("01123456789012312555412345000150", Some("(01) and (255)")),
            ("011234567890123137123", Some("(01) and (37)")),
            ("21ABC123^235XYZ", Some("(21) and (235)")),
            ("39401234^81119999", Some("(3940) and (8111)")),
            ("39401234^39419999", Some("(3940) and (3941)")),
            ("39401234^39401234", None),
            ("3955123456^3929123", Some("(3929) and (3955)")),
            ("8017123456789012345675^8018123456789012345675", Some("(8017) and (8018)")),
        ];
        for (payload, expected) in rows {
            let warnings = warnings(payload);
            let excluded: Vec<&str> =
                warnings.split("; ").filter_map(|one| one.strip_suffix(" exclude each other")).collect();
            assert_eq!(excluded, Vec::from_iter(expected), "{payload}");
        }
    }
}
