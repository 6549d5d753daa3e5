//! What names or reaches a person, in commands that must not be stored then.

use serde_json::Value;

/// Fields that name or reach a person, as letters and digits alone: `firstName` and `first_name` are one. A command
/// with one of them anywhere is refused and not stored.
pub const PERSONAL: [&str; 27] = [
    "address",
    "addressline1",
    "addressline2",
    "birthdate",
    "city",
    "customername",
    "dateofbirth",
    "email",
    "emailaddress",
    "familyname",
    "firstname",
    "fullname",
    "givenname",
    "lastname",
    "mobile",
    "phone",
    "phonenumber",
    "postcode",
    "postalcode",
    "recipient",
    "recipientname",
    "street",
    "streetaddress",
    "surname",
    "telephone",
    "zip",
    "zipcode",
];

/// The first field that names or reaches a person. A line's and a product's `name` is the goods'.
pub fn field(data: &Value) -> Option<String> {
    let mut open = vec![(data, false)];
    while let Some((value, goods)) = open.pop() {
        match value {
            Value::Object(fields) => {
                for (field, value) in fields {
                    let plain = plain(field);
                    if PERSONAL.contains(&plain.as_str()) || (plain == "name" && !goods) {
                        return Some(field.clone());
                    }
                    open.push((value, matches!(plain.as_str(), "lines" | "products")));
                }
            }
            Value::Array(values) => open.extend(values.iter().map(|value| (value, goods))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    None
}

fn plain(field: &str) -> String {
    field.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// A field as [`field`] looks for, in a message that can't be read: quoted text before a colon that is
/// such a field's name. A channel may be called `email`.
pub fn hint(payload: &[u8]) -> Option<&'static str> {
    let texts = || payload.split(|byte| *byte == b'"');
    let is_field =
        |(text, next): &(&[u8], &[u8])| text.len() <= FIELD_BYTES_MAX && next.trim_ascii_start().starts_with(b":");
    let fields = texts().zip(texts().skip(1)).filter(is_field);
    let mut names = fields.map(|(text, _)| plain(&String::from_utf8_lossy(text)));
    names.find_map(|name| PERSONAL.into_iter().find(|known| *known == name))
}

/// Longer than any name of a field that is looked for.
const FIELD_BYTES_MAX: usize = 32;

/// Whether a message may have a carrier's label in it, readable or not: such a label names whom it goes to.
pub fn may_hold_a_label(payload: &[u8]) -> bool {
    let has = |word: &&str| payload.windows(word.len()).any(|bytes| bytes.eq_ignore_ascii_case(word.as_bytes()));
    LABELS.iter().any(has)
}

/// The command's name, its field, and how every label in ZPL begins.
const LABELS: [&str; 3] = ["parcel.label", "zpl", "^XA"];
