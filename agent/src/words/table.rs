//! A table of a language file as a value whose texts live as long as the program.

use serde::de::value::{BorrowedStrDeserializer, Error, MapDeserializer, SeqDeserializer};
use serde::de::{Deserialize, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use toml::{Table, Value};

/// Reads what `file` has under `name`. The file's texts are never freed: a program has few languages, and reads each
/// table once.
pub fn read<T: Deserialize<'static>>(file: &str, name: &str) -> Result<T, Error> {
    let part = cut(file, name);
    let mut part: Table = part.parse().map_err(|error: toml::de::Error| Error::custom(error.to_string()))?;
    let found = part.remove(name).ok_or_else(|| Error::custom("there is no such table"))?;
    T::deserialize(Said(Box::leak(Box::new(found))))
}

/// The lines of `file` that stand under `name`, and those before the first table: a whole file read for one of its tables
/// takes a megabyte of memory meanwhile. No line within a table's values begins with a bracket.
fn cut(file: &str, name: &str) -> String {
    let mut is_meant = true;
    let meant = file.split_inclusive('\n').filter(|line| {
        if let Some(header) = line.strip_prefix('[') {
            let rest = header.strip_prefix(name);
            is_meant = rest.is_some_and(|rest| rest.starts_with([']', '.']));
        }
        is_meant
    });
    meant.collect()
}

#[derive(Clone, Copy)]
struct Said(&'static Value);

impl IntoDeserializer<'static, Error> for Said {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl Deserializer<'static> for Said {
    type Error = Error;

    fn deserialize_any<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(list) => visitor.visit_seq(SeqDeserializer::new(list.iter().map(Said))),
            Value::Table(table) => {
                let entry = |(key, value): (&'static String, _)| (BorrowedStrDeserializer::new(key), Said(value));
                visitor.visit_map(MapDeserializer::new(table.iter().map(entry)))
            }
            other => Err(Error::custom(format!("{} is no text", other.type_str()))),
        }
    }

    /// Without the way by which it would be read from a list: that is written out for each table too.
    fn deserialize_struct<V: Visitor<'static>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::Table(table) => {
                let entry = |(key, value): (&'static String, _)| (BorrowedStrDeserializer::new(key), Said(value));
                visitor.visit_map(MapDeserializer::new(table.iter().map(entry)))
            }
            other => Err(Error::custom(format!("{} is no table", other.type_str()))),
        }
    }

    fn deserialize_option<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        <V: Visitor<'static>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Words {
        one: &'static str,
        sign: char,
        pair: [&'static str; 2],
        #[serde(default)]
        safe: Option<&'static str>,
        #[serde(default)]
        #[serde(borrow)]
        by_name: BTreeMap<&'static str, &'static str>,
    }

    #[test]
    fn what_is_cut_out_of_each_language_is_all_that_it_has_under_that_name() {
        for (tag, file) in super::super::FILES {
            let whole: Table = file.parse().unwrap();
            for (name, value) in &whole {
                let part: Table = cut(file, name).parse().unwrap();
                assert_eq!(part.get(name), Some(value), "{tag}: {name}");
            }
        }
    }

    #[test]
    fn cuts_out_a_table_with_the_tables_in_it() {
        let file = "name = 'x'\n[a]\nb = 1\n[ab]\nc = 2\n[a.d]\ne = 3\n[f]\n";
        for (name, expected) in [
            ("a", "name = 'x'\n[a]\nb = 1\n[a.d]\ne = 3\n"),
            ("ab", "name = 'x'\n[ab]\nc = 2\n"),
            ("name", "name = 'x'\n"),
            ("z", "name = 'x'\n"),
        ] {
            assert_eq!(cut(file, name), expected, "{name}");
        }
    }

    #[test]
    fn a_list_is_no_table() {
        let list = Value::Array(vec!["a".into(), ",".into()]);
        let error = Words::deserialize(Said(Box::leak(Box::new(list)))).unwrap_err();
        assert_eq!(error.to_string(), "array is no table");
    }

    #[test]
    fn reads_what_the_type_describes_and_nothing_else() {
        let whole = "[t]\none = 'a'\nsign = ','\npair = ['b', 'c']\nsafe = 'd'\nby_name = { x = 'y' }\n";
        let words: Words = read(whole, "t").unwrap();
        assert_eq!((words.one, words.sign, words.pair, words.safe), ("a", ',', ["b", "c"], Some("d")));
        assert_eq!(words.by_name, [("x", "y")].into());
        for (file, why) in [
            ("[t]\none = 'a'\nsign = ','\n", "missing field `pair`"),
            ("[t]\none = 'a'\nsign = ','\npair = ['b', 'c']\nother = ''\n", "unknown field `other`"),
            ("[t]\none = 1\n", "integer is no text"),
            ("[u]\n", "there is no such table"),
        ] {
            let error = read::<Words>(file, "t").unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
