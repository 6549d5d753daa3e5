//! What stands in an agent's database, read by somebody else, and whether it is what it must be after a crash.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// An event of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub place: u64,
    /// As the contract writes it.
    pub id: String,
    pub kind: String,
    /// What was scanned, where it was refused.
    pub code: Option<String>,
    /// The order that it is about.
    pub order: Option<String>,
}

/// All of it that matters after a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub events: Vec<Event>,
    /// Ids of the log's lives, as the contract writes them.
    pub epochs: Vec<String>,
}

/// What a crash must never lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// I1: what was answered as stored is not in the log.
    Lost { what: String },
    /// A scan that was answered as not saved is in the log.
    Kept { what: String },
    /// A scan is in the log more often than it was scanned.
    Twice { what: String },
    /// I2: places with a gap, or an id that stands twice.
    Order { place: u64 },
    /// The log goes on as another one.
    Epochs { epochs: Vec<String> },
    /// A crash was taken for damage.
    Salvaged,
    /// No agent starts on it.
    Unusable { why: String },
}

impl Stored {
    /// # Errors
    /// The file can't be read.
    pub fn read(database: &Path) -> Result<Stored, rusqlite::Error> {
        let file = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let mut rows =
            file.prepare("SELECT place, id, kind, data ->> 'code', data ->> '$.order.id' FROM events ORDER BY place")?;
        let events = rows.query_map([], |row| {
            Ok(Event {
                place: u64::try_from(row.get::<_, i64>(0)?).unwrap_or_default(),
                id: hyphenated(&row.get::<_, Vec<u8>>(1)?),
                kind: row.get(2)?,
                code: row.get(3)?,
                order: row.get(4)?,
            })
        })?;
        let events = events.collect::<Result<_, _>>()?;
        let mut epochs = file.prepare("SELECT id FROM epochs ORDER BY base")?;
        let epochs = epochs.query_map([], |row| Ok(hyphenated(&row.get::<_, Vec<u8>>(0)?)))?;
        Ok(Stored { events, epochs: epochs.collect::<Result<_, _>>()? })
    }

    /// Events of a kind, as the log names it: `pick.item_picked`.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Event> {
        self.events.iter().filter(move |event| event.kind == kind)
    }

    /// How often `code` was scanned and refused.
    #[must_use]
    pub fn refused(&self, code: &str) -> usize {
        self.of("site.scan_refused").filter(|event| event.code.as_deref() == Some(code)).count()
    }

    /// I2, and that the log is the one that it was: gapless from the first place, each id once, one epoch, nothing
    /// salvaged.
    ///
    /// # Errors
    /// What it is not.
    pub fn is_whole(&self) -> Result<(), Broken> {
        let mut ids = BTreeSet::new();
        for (event, place) in self.events.iter().zip(1..) {
            if event.place != place || !ids.insert(&event.id) {
                return Err(Broken::Order { place: event.place });
            }
        }
        if self.of("site.storage_salvaged").next().is_some() {
            return Err(Broken::Salvaged);
        }
        match self.epochs.len() {
            1 => Ok(()),
            _ => Err(Broken::Epochs { epochs: self.epochs.clone() }),
        }
    }
}

/// A UUID's 16 bytes as text.
fn hyphenated(id: &[u8]) -> String {
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    match hex.len() {
        32 => [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"),
        _ => hex,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(places: &[u64], kinds: &[&str], epochs: usize) -> Stored {
        let kinds = kinds.iter().copied().chain(std::iter::repeat("pick.item_picked"));
        let events = places.iter().zip(kinds).map(|(&place, kind)| Event {
            place,
            id: format!("id-{place}"),
            kind: kind.into(),
            code: None,
            order: None,
        });
        Stored { events: events.collect(), epochs: (0..epochs).map(|n| format!("epoch-{n}")).collect() }
    }

    #[test]
    fn tells_a_whole_log_from_others() {
        assert_eq!(stored(&[1, 2, 3], &[], 1).is_whole(), Ok(()));
        assert_eq!(stored(&[1, 3], &[], 1).is_whole(), Err(Broken::Order { place: 3 }));
        assert_eq!(stored(&[2, 3], &[], 1).is_whole(), Err(Broken::Order { place: 2 }));
        assert_eq!(stored(&[1, 1], &[], 1).is_whole(), Err(Broken::Order { place: 1 }));
        assert_eq!(stored(&[1, 2], &["site.started", "site.storage_salvaged"], 1).is_whole(), Err(Broken::Salvaged));
        assert!(matches!(stored(&[1], &[], 2).is_whole(), Err(Broken::Epochs { .. })));
    }

    #[test]
    fn writes_ids_as_the_contract_does() {
        let id: Vec<u8> = (0..16).collect();
        assert_eq!(hyphenated(&id), "00010203-0405-0607-0809-0a0b0c0d0e0f");
    }
}
