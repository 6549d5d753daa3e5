//! What the generator says in Rust's terms, said in a reader's.

use serde_json::{Map, Value, json};

/// A field that may be missing is never null: the agent leaves out what it has nothing to say of. Where null means
/// something, the field is always there. Defaults are for who writes, not for who reads.
pub fn absent_is_not_null(schema: &mut Value) {
    each_object(schema, &mut |keywords| {
        let required: Vec<Value> = keywords.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        let Some(Value::Object(properties)) = keywords.get_mut("properties") else { return };
        for (name, property) in properties {
            if !required.contains(&json!(name)) {
                without_null(property);
            }
            if let Some(keywords) = property.as_object_mut() {
                keywords.remove("default");
            }
        }
    });
}

fn without_null(property: &mut Value) {
    let Some(keywords) = property.as_object_mut() else { return };
    if let Some(Value::Array(mut types)) = keywords.get("type").cloned() {
        types.retain(|one| one != "null");
        let only = if let [only] = &types[..] { only.clone() } else { json!(types) };
        keywords.insert("type".to_owned(), only);
    }
    if let Some(Value::Array(mut kinds)) = keywords.remove("anyOf") {
        kinds.retain(|kind| *kind != json!({ "type": "null" }));
        match &kinds[..] {
            [Value::Object(only)] => keywords.extend(only.clone()),
            _ => drop(keywords.insert("anyOf".to_owned(), json!(kinds))),
        }
    }
}

/// Widths of integers become limits, names of Rust types lose what marks them in the code, texts lose their line breaks
/// and links.
pub fn for_readers(mut schema: Value) -> Value {
    each_object(&mut schema, &mut |keywords| {
        if let Some(format) = keywords.get("format").and_then(Value::as_str).map(str::to_owned) {
            let width = format.trim_start_matches("uint").trim_start_matches("int");
            if width.parse::<u32>().is_ok() {
                keywords.remove("format");
            }
            if format == "uint32" {
                keywords.entry("maximum").or_insert(json!(u32::MAX));
            }
        }
        if let Some(Value::String(text)) = keywords.get_mut("description") {
            *text = text.replace('\n', " ").replace("[`", "`").replace("`]", "`");
        }
        if let Some(Value::String(reference)) = keywords.get_mut("$ref") {
            *reference = reference.replace("#/$defs/Wire", "#/$defs/");
        }
    });
    if let Some(Value::Object(definitions)) = schema.get_mut("$defs") {
        let count = definitions.len();
        let named = std::mem::take(definitions).into_iter();
        definitions.extend(named.map(|(name, schema)| (name.trim_start_matches("Wire").to_owned(), schema)));
        assert_eq!(definitions.len(), count, "two definitions of one name");
    }
    schema
}

fn each_object(schema: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    match schema {
        Value::Object(keywords) => {
            change(keywords);
            keywords.values_mut().for_each(|value| each_object(value, change));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| each_object(value, change)),
        _ => {}
    }
}
