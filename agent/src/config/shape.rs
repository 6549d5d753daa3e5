//! Syntax, known keys and types, of each file by itself; then all of them as one.
//!
//! serde stops at the first fault. The faulty key is then taken out of the parsed tree and the rest is read again, until
//! nothing is left to complain about.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{self, Faults};
use super::merge::{self, Origins};
use super::sources::Sources;
use super::tree::{Misfit, Tree};
use super::{manual, raw, values};

/// Each fault costs one more reading of the tree.
const FAULTS_MAX: usize = 100;

/// Where toml says that the root table stands; no other table can be empty.
pub(super) const ROOT: Range<usize> = 0..0;

/// Reads the tables of all texts. `None` when the syntax of one is broken, or when there are too many faults to go on.
pub(super) fn read(sources: &Sources, faults: &mut Faults) -> Option<(raw::File, Origins)> {
    let mut trees = Vec::with_capacity(sources.parts().len());
    for part in sources.parts() {
        let (tree, errors) = DeTable::parse_recoverable(&part.text);
        report_syntax(&part.text, part.base, &errors, faults);
        trees.push(merge::shifted(tree.into_inner(), part.base));
    }
    if !faults.is_empty() {
        return None;
    }
    for tree in &mut trees {
        understood(tree, faults)?;
    }
    let mut all = DeTable::new();
    for tree in trees {
        merge::lay_over(&mut all, tree, faults);
    }
    let origins = Origins::of(&all, sources);
    Some((understood(&mut all, faults)?, origins))
}

/// The tables of `tree`, from which what nobody can understand is taken out.
fn understood(tree: &mut DeTable<'_>, faults: &mut Faults) -> Option<raw::File> {
    for _ in 0..FAULTS_MAX {
        let whole = Spanned::new(ROOT, DeValue::Table(tree.clone()));
        let (message, at) = match raw::File::deserialize(Tree(whole)) {
            Ok(file) => return Some(file),
            Err(Misfit { message, at }) => (message, at.unwrap_or_default()),
        };
        let root = Place { name: "", repeated: false, at: ROOT };
        let Some(taken) = take_out(tree, &root, &at) else {
            faults.add(at, error::name(&message), "compare it with the manual, parceld.toml");
            return None;
        };
        report_shape(&message, at, &taken, faults);
        faults.wound(taken.table_at);
    }
    None
}

/// The tables or keys that serde names in its error about an unknown one.
pub(super) fn known_keys(message: &str) -> Option<Vec<&str>> {
    let (_, list) = message.strip_prefix("unknown field ")?.rsplit_once(", expected ")?;
    Some(list.split('`').skip(1).step_by(2).collect())
}

fn report_syntax(text: &str, base: usize, errors: &[toml::de::Error], faults: &mut Faults) {
    let mut errors: Vec<_> = errors.iter().map(|error| (error.span().unwrap_or_default(), error.message())).collect();
    errors.sort_by_key(|(at, _)| at.start);
    let mut line_before = None;
    for (at, message) in errors {
        let line = text.as_bytes()[..at.start.min(text.len())].iter().filter(|byte| **byte == b'\n').count();
        // What follows on the same line usually comes from the first fault.
        if line_before.replace(line) == Some(line) {
            continue;
        }
        let marked = text.get(at.clone()).unwrap_or_default();
        let (what, mut advice) = explain_syntax(message, marked);
        if error::is_masked(text, at.start) {
            advice = advice.replace(&error::quote(marked), "\"...\"");
        }
        faults.add(at.start + base..at.end + base, what, advice);
    }
}

fn explain_syntax(message: &str, marked: &str) -> (String, String) {
    let (what, advice) = match message.split(", expected").next().unwrap_or_default() {
        "string values must be quoted" if marked.is_empty() => {
            ("there is no value after the =".into(), "a line reads: key = value".into())
        }
        "string values must be quoted" => ("a text needs quotes".into(), format!("write {}", error::quote(marked))),
        "key with no value" => ("there is no = after the key".into(), "a line reads: key = value".into()),
        "duplicate key" => {
            (format!("`{}` stands here for the second time", error::name(marked)), "keep one of the two".into())
        }
        "unclosed table" => {
            ("the name of the table is not closed".into(), "write [name], or [[name]] for a list".into())
        }
        "invalid basic string" => (
            "the text is not closed".into(),
            "end it with \" on the same line; inside of it write \\\" and \\\\".into(),
        ),
        "invalid literal string" => ("the text is not closed".into(), "end it with ' on the same line".into()),
        "recursion limit" => ("this is nested too deeply".into(), "no key needs more than two levels".into()),
        _ => (
            format!("this is not TOML: {}", message.trim_end_matches(", expected nothing")),
            "a line reads: key = value; a table begins with [name]; a comment begins with #".into(),
        ),
    };
    (what, advice)
}

/// A table: its dotted name, whether it is one of several, and where it stands.
struct Place<'n> {
    name: &'n str,
    repeated: bool,
    at: Range<usize>,
}

/// A key that was taken out of the tree.
struct Taken {
    table: String,
    /// The table as a person would write it.
    table_shown: String,
    table_at: Range<usize>,
    key: String,
    is_table: bool,
    /// Whether an entry of its list is the faulty one.
    is_entry: bool,
    found: &'static str,
}

/// Removes the key that stands at `at`, or whose value does.
fn take_out(table: &mut DeTable<'_>, place: &Place<'_>, at: &Range<usize>) -> Option<Taken> {
    let hit = table.iter().find(|(key, value)| key.span() == *at || holds(value, at)).map(|(key, _)| key.clone());
    if let Some(key) = hit {
        let value = table.remove(&key)?;
        return Some(Taken {
            table: place.name.to_owned(),
            table_shown: shown(place),
            table_at: place.at.clone(),
            is_table: is_table(value.get_ref()),
            is_entry: key.span() != *at && value.span() != *at,
            found: kind(&value, at),
            key: key.into_inner().into_owned(),
        });
    }
    table.iter_mut().find_map(|(key, value)| {
        let name = format!("{}{}{}", place.name, if place.name.is_empty() { "" } else { "." }, key.get_ref());
        take_out_below(value, &name, at)
    })
}

fn take_out_below(value: &mut Spanned<DeValue<'_>>, name: &str, at: &Range<usize>) -> Option<Taken> {
    let span = value.span();
    match value.get_mut() {
        DeValue::Table(table) => take_out(table, &Place { name, repeated: false, at: span }, at),
        DeValue::Array(elements) => elements.iter_mut().find_map(|element| {
            let span = element.span();
            let DeValue::Table(table) = element.get_mut() else {
                return None;
            };
            take_out(table, &Place { name, repeated: true, at: span }, at)
        }),
        _ => None,
    }
}

/// Whether `value`, or an element of it that is no table, stands at `at`.
fn holds(value: &Spanned<DeValue<'_>>, at: &Range<usize>) -> bool {
    value.span() == *at
        || value
            .get_ref()
            .as_array()
            .is_some_and(|elements| elements.iter().any(|element| !element.get_ref().is_table() && holds(element, at)))
}

fn kind(value: &Spanned<DeValue<'_>>, at: &Range<usize>) -> &'static str {
    if value.span() != *at
        && let Some(elements) = value.get_ref().as_array()
        && let Some(element) = elements.iter().find(|element| holds(element, at))
    {
        return kind(element, at);
    }
    match value.get_ref() {
        DeValue::String(_) => "a text in quotes",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time without quotes",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn is_table(value: &DeValue<'_>) -> bool {
    value.is_table() || value.as_array().is_some_and(|elements| elements.iter().any(|e| e.get_ref().is_table()))
}

fn shown(place: &Place<'_>) -> String {
    match (place.name, place.repeated) {
        ("", _) => String::new(),
        (name, _) if name.contains('.') => name.to_owned(),
        (name, false) => format!("[{name}]"),
        (name, true) => format!("[[{name}]]"),
    }
}

fn report_shape(message: &str, at: Range<usize>, taken: &Taken, faults: &mut Faults) {
    let key = error::name(&taken.key);
    if let Some(known) = known_keys(message) {
        let what = match (taken.table.as_str(), taken.is_table) {
            ("", true) => format!("there is no table [{key}]"),
            ("", false) => format!("`{key}` stands outside of every table"),
            _ => format!("there is no key `{key}` in {}", taken.table_shown),
        };
        let advice = match values::nearest(&key, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if taken.table.is_empty() => format!("the tables are: {}", known.join(", ")),
            None => format!("its keys are: {}", known.join(", ")),
        };
        return faults.add(at, what, advice);
    }
    let wanted = match message.rsplit_once(", expected ").map_or("", |(_, wanted)| wanted) {
        "a string" => "a text in quotes",
        "i64" => "a whole number",
        "a sequence" => "a list",
        "a boolean" => "true or false",
        wanted => wanted,
    };
    let what = match (wanted, taken.found) {
        ("a whole number", "a number") => format!("`{key}` is far too large"),
        (_, found) if taken.is_entry => format!("an entry of `{key}` must be {wanted}, but this is {found}"),
        (_, found) => format!("`{key}` must be {wanted}, but this is {found}"),
    };
    let advice = match (taken.table.as_str(), wanted) {
        ("", _) if wanted == "a list" || taken.is_entry => {
            format!("write it as [[{key}]], in double brackets: there may be several")
        }
        ("", _) => format!("write it as [{key}], in single brackets, with its keys on the lines below"),
        (table, _) => example_advice(table, &key),
    };
    faults.add(at, what, advice);
}

/// What to write for a key of `table`, by the manual.
pub(super) fn example_advice(table: &str, key: &str) -> String {
    let example = match table.split_once('.') {
        Some((outer, list)) => manual::example(&format!("[[{outer}]]"), list)
            .or_else(|| manual::example_inside(&format!("[{outer}]"), list, key)),
        None => manual::example(&format!("[{table}]"), key).or_else(|| manual::example(&format!("[[{table}]]"), key)),
    };
    match example {
        Some(example) => format!("write it like this: {example}"),
        None => "compare it with the manual, parceld.toml".into(),
    }
}
