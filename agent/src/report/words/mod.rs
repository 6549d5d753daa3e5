//! What is said about each fault, one file per language.

use super::{Fault, Log};
use serde::{Deserialize, Serialize};

mod en;
mod sv;

/// The language that people are spoken to in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Language {
    English,
    Swedish,
}

/// A fault in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub what: String,
    pub reason: String,
    pub todo: Vec<String>,
    pub safe: Option<String>,
}

/// What to say of `fault`, with the log's figures where they help.
pub fn say(fault: &Fault, log: &Log, language: Language) -> Said {
    match language {
        Language::English => en::say(fault, log),
        Language::Swedish => sv::say(fault, log),
    }
}

/// What to say when nothing is wrong.
pub fn well(weak: bool, language: Language) -> Said {
    match language {
        Language::English => en::well(weak),
        Language::Swedish => sv::well(weak),
    }
}

/// `a: why; b: why`.
fn each(lost: &[(String, String)]) -> String {
    lost.iter().map(|(id, reason)| format!("{id}: {reason}")).collect::<Vec<_>>().join("; ")
}

/// `3 events`, `1 event`.
fn counted(count: u64, one: &str, more: &str) -> String {
    format!("{count}\u{a0}{}", if count == 1 { one } else { more })
}

fn steps(steps: &[&str]) -> Vec<String> {
    steps.iter().map(ToString::to_string).collect()
}
