//! Rows out of damaged pages, into a new file.

use super::btree::Page;
use super::census::{Census, Owner, values};
use super::image::Image;
use super::table::{EVENTS, Table};
use crate::journal::log::Place;
use crate::journal::{Error, slate};
use rusqlite::{Connection, ErrorCode, Statement, params_from_iter};

/// How much came over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    pub rows: u64,
    /// Of them.
    pub events: u64,
    /// What had the place of a row, and is none.
    pub unreadable: u64,
}

/// Which events are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    All,
    /// Where there is no room for more: what the platform hasn't got.
    Unreceived,
}

/// Copies every row that can be read. Of two rows under one key the first counts: the census names the pages that are
/// believed most first.
pub fn copy(
    image: &Image,
    census: &Census,
    tables: &[Table],
    conn: &Connection,
    wanted: Wanted,
) -> Result<Saved, Error> {
    let mut saved = Saved::default();
    let is_events = |table: &Table| table.name == EVENTS;
    for (at, table) in tables.iter().enumerate().filter(|(_, table)| !is_events(table)) {
        copy_table(image, census, (at, table), conn, 0, &mut saved)?;
    }
    let after: Place = match wanted {
        Wanted::All => 0,
        Wanted::Unreceived => slate::get(conn, slate::RECEIVED).ok().flatten().unwrap_or_default(),
    };
    for (at, table) in tables.iter().enumerate().filter(|(_, table)| is_events(table)) {
        let before = saved.rows;
        copy_table(image, census, (at, table), conn, after, &mut saved)?;
        saved.events = saved.rows - before;
    }
    Ok(saved)
}

fn copy_table(
    image: &Image,
    census: &Census,
    (at, table): (usize, &Table),
    conn: &Connection,
    after: Place,
    saved: &mut Saved,
) -> Result<(), Error> {
    let mut insert = conn.prepare(&table.insert())?;
    let pages = census.owners.iter().filter(|(_, owner)| *owner == Owner::Table(at));
    for (number, _) in pages {
        // An event never changes: of two copies, that which is surely whole is believed.
        let mut contents = image.contents(*number);
        if table.name == EVENTS {
            contents.reverse();
        }
        for content in contents {
            let Some(page) = Page::parse(*number, &content).filter(|page| page.kind.is_table() == table.has_rowid)
            else {
                continue;
            };
            for cell in page.cells() {
                let row = cell.and_then(|cell| table.row(cell.rowid, values(image, &cell)?));
                let is_old = cell.and_then(|cell| cell.rowid).is_some_and(|place| place.cast_unsigned() <= after);
                match row {
                    Some(_) if 0 < after && is_old => {}
                    Some(row) => add(&mut insert, &row, saved)?,
                    None => saved.unreadable += 1,
                }
            }
        }
    }
    Ok(())
}

fn add(insert: &mut Statement<'_>, row: &[rusqlite::types::Value], saved: &mut Saved) -> Result<(), Error> {
    match insert.execute(params_from_iter(row)) {
        Ok(added) => saved.rows += added as u64,
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => saved.unreadable += 1,
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
