//! Personal data in schemas: what `command/personal.rs` refuses, in the words of JSON Schema.

use crate::contract::command::personal::PERSONAL;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// `Impersonal`, which no part of a command's data may fail; `Goods`, what stands under `lines` and `products`, where a
/// `name` is the goods'; and the names that both refuse.
pub fn definitions() -> Map<String, Value> {
    let names: Vec<Value> =
        PERSONAL.into_iter().map(|word| json!({ "title": word, "pattern": spelled(&[word]) })).collect();
    let part = |description: &str, refused: &Value, this: &str| {
        json!({
            "description": description,
            "propertyNames": refused,
            "patternProperties": { spelled(&["lines", "products"]): { "$ref": "#/$defs/Goods" } },
            "additionalProperties": { "$ref": "#/$defs/Impersonal" },
            "items": { "$ref": this },
        })
    };
    let person = json!({ "$ref": "#/$defs/PersonalField" });
    let name = json!({ "pattern": spelled(&["name"]) });
    let impersonal = part(
        "No field names or reaches a person, at any depth.",
        &json!({ "not": { "anyOf": [person, name] } }),
        "#/$defs/Impersonal",
    );
    let goods = part("The same, but for the name of goods.", &json!({ "not": person }), "#/$defs/Goods");
    let field = json!({ "description": "Names of fields that name or reach a person.", "anyOf": names });
    [("Impersonal", impersonal), ("Goods", goods), ("PersonalField", field)]
        .map(|(name, schema)| (name.to_owned(), schema))
        .into_iter()
        .collect()
}

/// Matches each of the words in upper or lower case, with anything that is neither letter nor digit in between.
fn spelled(words: &[&str]) -> String {
    const BETWEEN: &str = "[^0-9A-Za-z]*";
    let spelled = words.iter().map(|word| {
        word.chars().fold(BETWEEN.to_owned(), |mut pattern, letter| {
            let upper = letter.to_ascii_uppercase();
            let _ = if upper == letter {
                write!(pattern, "{letter}{BETWEEN}")
            } else {
                write!(pattern, "[{upper}{letter}]{BETWEEN}")
            };
            pattern
        })
    });
    format!("^({})$", spelled.collect::<Vec<_>>().join("|"))
}
