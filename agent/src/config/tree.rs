//! The parsed tree as serde reads it: tables, lists, texts, whole numbers and switches, each with its place.
//!
//! toml's own reader is written out for each table four times, as a table, a list, a date and a place; it took a twentieth
//! of the program. This one is written out once.

use serde::de::value::SeqDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_spanned::de::{SpannedDeserializer, is_spanned};
use std::fmt;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeInteger, DeString, DeValue};

pub(super) struct Tree<'i>(pub(super) Spanned<DeValue<'i>>);

/// What in the tree is not as the types want it, and where.
#[derive(Debug)]
pub(super) struct Misfit {
    pub(super) message: String,
    pub(super) at: Option<Range<usize>>,
}

impl Misfit {
    /// The innermost place counts.
    fn at(self, at: Range<usize>) -> Self {
        Self { at: Some(self.at.unwrap_or(at)), ..self }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Misfit {}

impl Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), at: None }
    }
}

/// As serde names it in its messages.
fn unexpected<'v>(value: &'v DeValue<'_>) -> Unexpected<'v> {
    match value {
        DeValue::String(text) => Unexpected::Str(text),
        DeValue::Integer(number) => whole(number).map_or(Unexpected::Other("integer"), Unexpected::Signed),
        DeValue::Float(_) => Unexpected::Other("floating point"),
        DeValue::Boolean(is_on) => Unexpected::Bool(*is_on),
        DeValue::Datetime(_) => Unexpected::Other("datetime"),
        DeValue::Array(_) => Unexpected::Seq,
        DeValue::Table(_) => Unexpected::Map,
    }
}

fn whole(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

impl<'de> IntoDeserializer<'de, Misfit> for Tree<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Tree<'de> {
    type Error = Misfit;

    /// By what stands there; the types say what they want by those below.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0.get_ref() {
            DeValue::String(_) => self.deserialize_string(visitor),
            DeValue::Boolean(_) => self.deserialize_bool(visitor),
            DeValue::Array(_) => self.deserialize_seq(visitor),
            DeValue::Table(_) => self.deserialize_map(visitor),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) => self.deserialize_i64(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let at = self.0.span();
        let read = match self.0.into_inner() {
            DeValue::String(text) => visitor.visit_string(text.into_owned()),
            other => Err(Misfit::invalid_type(unexpected(&other), &visitor)),
        };
        read.map_err(|misfit| misfit.at(at))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let at = self.0.span();
        let read = match self.0.into_inner() {
            DeValue::Boolean(is_on) => visitor.visit_bool(is_on),
            other => Err(Misfit::invalid_type(unexpected(&other), &visitor)),
        };
        read.map_err(|misfit| misfit.at(at))
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let at = self.0.span();
        let value = self.0.into_inner();
        let read = match value.as_integer().and_then(whole) {
            Some(number) => visitor.visit_i64(number),
            None => Err(Misfit::invalid_type(unexpected(&value), &visitor)),
        };
        read.map_err(|misfit| misfit.at(at))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let at = self.0.span();
        let read = match self.0.into_inner() {
            DeValue::Array(elements) => visitor.visit_seq(SeqDeserializer::new(elements.into_iter().map(Tree))),
            other => Err(Misfit::invalid_type(unexpected(&other), &visitor)),
        };
        read.map_err(|misfit| misfit.at(at))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_struct("", &[], visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let at = self.0.span();
        let entries = match self.0.into_inner() {
            value if is_spanned(name) => {
                Entries::Place(SpannedDeserializer::new(Tree(Spanned::new(at.clone(), value)), at.clone()))
            }
            DeValue::Table(table) => Entries::Table { left: table.into_iter(), value: None },
            other => return Err(Misfit::invalid_type(unexpected(&other), &visitor).at(at)),
        };
        visitor.visit_map(entries).map_err(|misfit| misfit.at(at))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char str bytes byte_buf unit unit_struct newtype_struct tuple
        tuple_struct enum identifier ignored_any
    }
}

/// A table's, or those in which serde is told a value's place; one type, so that readers are written out once.
enum Entries<'i> {
    Table {
        left: toml::map::IntoIter<Spanned<DeString<'i>>, Spanned<DeValue<'i>>>,
        value: Option<Spanned<DeValue<'i>>>,
    },
    Place(SpannedDeserializer<'i, Tree<'i>, Misfit>),
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        match self {
            Entries::Table { left, value } => {
                let Some((key, next)) = left.next() else { return Ok(None) };
                *value = Some(next);
                let at = key.span();
                let key: serde::de::value::CowStrDeserializer<'_, Misfit> = key.into_inner().into_deserializer();
                seed.deserialize(key).map(Some).map_err(|misfit| misfit.at(at))
            }
            Entries::Place(place) => place.next_key_seed(seed),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Misfit> {
        match self {
            Entries::Table { value, .. } => {
                let value = value.take().ok_or_else(|| Misfit::custom("a value is asked for without its key"))?;
                seed.deserialize(Tree(value))
            }
            Entries::Place(place) => place.next_value_seed(seed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use toml::de::DeTable;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Table {
        text: Option<Spanned<String>>,
        number: Option<Spanned<i64>>,
        switch: Option<Spanned<bool>>,
        list: Option<Spanned<Vec<Spanned<String>>>>,
        below: Option<Spanned<Box<Table>>>,
    }

    fn read(text: &str) -> Result<Table, Misfit> {
        let tree = DeTable::parse(text).unwrap();
        let at = tree.span();
        Table::deserialize(Tree(Spanned::new(at, DeValue::Table(tree.into_inner()))))
    }

    #[test]
    fn values_come_with_their_places() {
        let text = "text = 'a'\nnumber = -5\nswitch = true\nlist = ['b', 'c']\nbelow = { number = 7 }\n";
        let Table { text: word, number, switch, list, below } = read(text).unwrap();
        let at = |spanned: Range<usize>| &text[spanned];
        let (word, number, switch) = (word.unwrap(), number.unwrap(), switch.unwrap());
        assert_eq!((word.get_ref().as_str(), *number.get_ref(), *switch.get_ref()), ("a", -5, true));
        assert_eq!((at(word.span()), at(number.span()), at(switch.span())), ("'a'", "-5", "true"));
        let list = list.unwrap();
        assert_eq!(at(list.span()), "['b', 'c']");
        let words: Vec<_> = list.get_ref().iter().map(|word| (word.get_ref().as_str(), at(word.span()))).collect();
        assert_eq!(words, [("b", "'b'"), ("c", "'c'")]);
        let below = below.unwrap();
        assert_eq!(at(below.span()), "{ number = 7 }");
        assert_eq!(below.into_inner().number.map(Spanned::into_inner), Some(7));
        assert!(read("").unwrap().list.is_none());
    }

    #[test]
    fn what_does_not_fit_is_told_with_the_innermost_place() {
        for (text, place, message) in [
            ("text = 5", "5", "invalid type: integer `5`, expected a string"),
            ("text = 1.5", "1.5", "invalid type: floating point, expected a string"),
            ("text = 2026-11-26", "2026-11-26", "invalid type: datetime, expected a string"),
            ("number = 'a'", "'a'", "invalid type: string \"a\", expected i64"),
            ("number = 99999999999999999999", "99999999999999999999", "invalid type: integer, expected i64"),
            ("switch = []", "[]", "invalid type: sequence, expected a boolean"),
            ("list = {}", "{}", "invalid type: map, expected a sequence"),
            ("list = ['a', true]", "true", "invalid type: boolean `true`, expected a string"),
            (
                "below = { txt = 1 }",
                "txt",
                "unknown field `txt`, expected one of `text`, `number`, `switch`, `list`, `below`",
            ),
            ("below = []", "[]", "invalid type: sequence, expected struct Table"),
        ] {
            let misfit = read(text).unwrap_err();
            assert_eq!((misfit.message.as_str(), &text[misfit.at.unwrap()]), (message, place), "{text}");
        }
    }
}
