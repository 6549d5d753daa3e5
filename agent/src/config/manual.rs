//! `config/parceld.toml`, which explains every key, as the source of the examples in messages.

/// In each table: required keys as they are, all others behind `# `.
pub const MANUAL: &str = include_str!("../../../config/parceld.toml");

const REQUIRED_TABLES: [&str; 3] = ["[site]", "[broker]", "[[station]]"];

/// How `key` may be written, for example `keep = "30d"`; the whole list for a key inside of one.
pub fn example(table: &str, key: &str) -> Option<&'static str> {
    lines_of(table)
        .map(|line| line.strip_prefix("# ").unwrap_or(line))
        .find(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(" = ")))
}

/// The same for a key of the table that `key` is.
pub fn example_inside(table: &str, key: &str, inner: &str) -> Option<&'static str> {
    let keys = example(table, key)?.split(['{', '}', ',']).map(str::trim);
    keys.into_iter().find(|pair| pair.strip_prefix(inner).is_some_and(|rest| rest.starts_with(" = ")))
}

/// The smallest file that works.
pub fn smallest() -> String {
    REQUIRED_TABLES.map(required).join("\n\n")
}

/// A table with its required keys alone.
pub fn required(table: &'static str) -> String {
    let keys = lines_of(table).filter(|line| !line.starts_with('#') && !line.is_empty());
    std::iter::once(table).chain(keys).collect::<Vec<_>>().join("\n")
}

fn lines_of(table: &str) -> impl Iterator<Item = &'static str> {
    MANUAL.lines().skip_while(move |line| *line != table).skip(1).take_while(|line| !line.starts_with('['))
}
