//! The tables of this version, and whether a record can be a row of one of them.

use crate::domain::event::Kind;
use crate::journal::{Error, row, slate};
use rusqlite::Connection;
use rusqlite::types::Value;
use serde::de::IgnoredAny;
use std::ops::RangeInclusive;

/// A table as the new file has it.
#[derive(Debug)]
pub struct Table {
    pub name: String,
    /// In the order in which a record has them.
    pub columns: Vec<Column>,
    /// Whether rows stand under a number of their own; else the table is an index of itself.
    pub has_rowid: bool,
    /// The column that is the rowid.
    key: Option<usize>,
    /// Where a file that was made by this version has it.
    pub usual_root: u32,
}

#[derive(Debug)]
pub struct Column {
    pub name: String,
    kind: ColumnKind,
    nullable: bool,
    /// What rows from before the column have in it.
    default: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ColumnKind {
    Integer,
    Text,
    Blob,
    Any,
}

pub const EVENTS: &str = "events";
const EPOCHS: &str = "epochs";
const SLATE: &str = "slate";

/// Tables whose records look like no other's, nor like an index's: they are known without an owner.
const DISTINCT: [&str; 7] = [EVENTS, EPOCHS, SLATE, "orders", "progress", "commands", "parcels"];

const ID_BYTES: usize = 16;

impl Table {
    /// Every table of `conn`.
    pub fn all(conn: &Connection) -> Result<Vec<Self>, Error> {
        let query = "SELECT l.name, l.wr, s.rootpage FROM pragma_table_list l JOIN sqlite_schema s USING (name)
             WHERE l.schema = 'main' AND l.type = 'table' AND s.type = 'table' ORDER BY s.rootpage";
        let mut statement = conn.prepare(query)?;
        let tables = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let tables: Vec<(String, bool, u32)> = tables.collect::<Result<_, _>>()?;
        tables.into_iter().map(|(name, without_rowid, root)| Self::read(conn, name, !without_rowid, root)).collect()
    }

    fn read(conn: &Connection, name: String, has_rowid: bool, usual_root: u32) -> Result<Self, Error> {
        // Without a rowid a record has the key's columns first.
        let order = if has_rowid { "cid" } else { "pk = 0, pk, cid" };
        let query =
            format!("SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info(?1) ORDER BY {order}");
        let mut statement = conn.prepare(&query)?;
        let mut rows = statement.query([&name])?;
        let (mut columns, mut key) = (Vec::new(), None);
        while let Some(row) = rows.next()? {
            let kind = match row.get::<_, String>(1)?.as_str() {
                "INTEGER" => ColumnKind::Integer,
                "TEXT" => ColumnKind::Text,
                "BLOB" => ColumnKind::Blob,
                _ => ColumnKind::Any,
            };
            let (not_null, in_key): (bool, bool) = (row.get(2)?, 0 < row.get::<_, i64>(4)?);
            if has_rowid && in_key && kind == ColumnKind::Integer {
                key = Some(columns.len());
            }
            let default: Option<String> = row.get(3)?;
            let default = default.and_then(|text| text.parse().ok()).map_or(Value::Null, Value::Integer);
            columns.push(Column { name: row.get(0)?, kind, nullable: !not_null && !in_key, default });
        }
        Ok(Self { name, columns, has_rowid, key, usual_root })
    }

    /// Whether a record alone tells that it is a row of this table.
    pub fn is_distinct(&self) -> bool {
        DISTINCT.contains(&self.name.as_str())
    }

    /// A row for the columns, of a record; none if it can't be one.
    pub fn row(&self, rowid: Option<i64>, mut values: Vec<Value>) -> Option<Vec<Value>> {
        if rowid.is_some() != self.has_rowid || values.is_empty() || self.columns.len() < values.len() {
            return None;
        }
        if let Some(key) = self.key {
            let held = values.get_mut(key).filter(|held| **held == Value::Null)?;
            *held = Value::Integer(rowid?);
        }
        let added = self.columns.iter().skip(values.len()).map(|column| column.default.clone());
        values.extend(added.collect::<Vec<_>>());
        self.is_row(&values).then_some(values)
    }

    /// Whether values, one for each column, can be a row.
    pub fn is_row(&self, values: &[Value]) -> bool {
        let fits = |(column, value): (&Column, &Value)| match value {
            Value::Integer(number) => column.takes(value) && range(&self.name, &column.name).contains(number),
            value => column.takes(value),
        };
        values.len() == self.columns.len() && self.columns.iter().zip(values).all(fits) && self.makes_sense(values)
    }

    /// Every row, with its columns in order.
    pub fn select(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        format!("SELECT {} FROM {}", names.join(", "), self.name)
    }

    /// What types don't tell.
    fn makes_sense(&self, row: &[Value]) -> bool {
        let value = |name: &str| self.columns.iter().zip(row).find(|(column, _)| column.name == name).map(|(_, v)| v);
        let text = |name: &str| match value(name) {
            Some(Value::Text(text)) => text.as_str(),
            _ => "",
        };
        let is_id = |value: Option<&Value>| matches!(value, Some(Value::Blob(id)) if id.len() == ID_BYTES);
        match self.name.as_str() {
            EVENTS => is_id(value("id")) && Kind::named(text("kind")).is_some() && is_json(text("data")),
            EPOCHS => is_id(value("id")),
            SLATE => slate::is_known(text("name")),
            "orders" => is_json(text("terms")),
            "progress" => is_json(text("body")),
            "commands" => is_json(text("reply")),
            _ => true,
        }
    }

    /// The statement that adds a row, unless one of its key is there.
    pub fn insert(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        let marks = vec!["?"; names.len()].join(", ");
        format!("INSERT OR IGNORE INTO {} ({}) VALUES ({marks})", self.name, names.join(", "))
    }
}

impl Column {
    fn takes(&self, value: &Value) -> bool {
        match value {
            Value::Null => self.nullable,
            Value::Integer(_) => matches!(self.kind, ColumnKind::Integer | ColumnKind::Any),
            Value::Text(_) => matches!(self.kind, ColumnKind::Text | ColumnKind::Any),
            Value::Blob(_) => matches!(self.kind, ColumnKind::Blob | ColumnKind::Any),
            Value::Real(_) => false,
        }
    }
}

/// What a number may be: one that a bit has changed may overflow what is reckoned with it, at each start anew.
fn range(table: &str, column: &str) -> RangeInclusive<i64> {
    match (table, column) {
        (EVENTS, "place") => 1..=NUMBER_MAX,
        // None is the latest.
        (_, "urgency") => i64::MIN..=i64::MAX,
        (_, "on_hand" | "reserved" | "offset_ms") => -NUMBER_MAX..=NUMBER_MAX,
        (_, "sscc") | (SLATE, _) => 0..=SERIAL_MAX,
        (_, "uptime_s" | "closed_s") => 0..=UPTIME_S_MAX,
        (_, "n" | "revision" | "units" | "work_s") => 0..=u32::MAX.into(),
        (_, "synced" | "expedited") => 0..=1,
        // A number that is void.
        ("parcels", "state") => -1..=STATE_MAX,
        (_, "state" | "course" | "closed") => 0..=STATE_MAX,
        _ => 0..=NUMBER_MAX,
    }
}

/// What JSON's readers take; of microseconds, until 2255.
const NUMBER_MAX: i64 = 1 << 53;
/// An SSCC has eighteen digits.
const SERIAL_MAX: i64 = 1_000_000_000_000_000_000;
/// A hundred years.
const UPTIME_S_MAX: i64 = 100 * 31_557_600;
/// Words are counted from 0, and an order on hold is the last.
const STATE_MAX: i64 = row::HELD as i64;

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::schema;

    #[test]
    fn numbers_that_none_of_ours_can_be_are_no_rows() {
        let path = std::env::temp_dir().join(format!("parceld-table-{}.db", uuid::Uuid::now_v7()));
        let conn = schema::make(&path, schema::VERSION).unwrap();
        let tables = Table::all(&conn).unwrap();
        let event = |place: i64, at: i64, uptime_s: i64, synced: i64| {
            let (number, text) = (Value::Integer, |text: &str| Value::Text(text.into()));
            vec![
                number(place),
                Value::Blob(vec![7; ID_BYTES]),
                number(at),
                number(uptime_s),
                number(synced),
                text("site.stopped"),
                Value::Null,
                Value::Null,
                text("{}"),
            ]
        };
        let line = |value: i64| vec![Value::Text(slate::STARTS.into()), Value::Integer(value)];
        let stock = |on_hand: i64| vec![Value::Text("A".into()), Value::Integer(on_hand), Value::Integer(0)];
        for (what, table, row, good) in [
            ("an event", EVENTS, event(7, 1, 5, 1), true),
            ("place 0", EVENTS, event(0, 1, 5, 1), false),
            ("a place that can't be followed", EVENTS, event(i64::MAX, 1, 5, 1), false),
            ("a time before 1970", EVENTS, event(7, -1, 5, 1), false),
            ("a running time below zero", EVENTS, event(7, 1, -5, 1), false),
            ("a running time of ages", EVENTS, event(7, 1, 1 << 50, 1), false),
            ("neither true nor false", EVENTS, event(7, 1, 5, 2), false),
            ("a count", SLATE, line(3), true),
            ("a count that can't be added to", SLATE, line(i64::MAX), false),
            ("a count below zero", SLATE, line(-1), false),
            ("less than nothing on the shelf", "stock", stock(-3), true),
            ("stock beyond all shelves", "stock", stock(i64::MIN), false),
        ] {
            let table = tables.iter().find(|known| known.name == table).unwrap();
            let mut row = row;
            row.resize(table.columns.len(), Value::Null);
            assert_eq!(table.is_row(&row), good, "{what}");
        }
        drop(conn);
        std::fs::remove_file(path).unwrap();
    }
}
