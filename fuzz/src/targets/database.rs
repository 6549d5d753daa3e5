//! A database of SQLite's own making: the salvage's reader finds the rows that SQLite has, in the file and in its
//! write-ahead log; and of the same bytes with some of them changed it takes no more than there are.

use crate::input::Input;
use crate::measure::within;
use parceld::journal::salvage::btree::Page;
use parceld::journal::salvage::image::Image;
use parceld::journal::salvage::record;
use parceld::pulse::Pulse;
use rusqlite::types::Value;
use rusqlite::{Connection, params};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use uuid::Uuid;

const STEPS_MAX: usize = 40;
const BLOB_BYTES_MAX: usize = 6_000;
/// Bytes that are changed.
const HURT_MAX: usize = 12;
/// No tree of so few rows is deeper.
const DEPTH_MAX: usize = 12;

type Row = (i64, Vec<Value>);

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let scratch = Scratch::new();
    let conn = scratch.open(&mut input);
    let steps = usize::from(input.byte()) % (STEPS_MAX + 1);
    for _ in 0..steps {
        step(&conn, &mut input);
    }
    let image = scratch.image();
    assert_eq!(image.bad_frames(), 0, "a sound log");
    let expected = rows(&conn, "SELECT id, NULL, a, b FROM t ORDER BY id");
    assert_eq!(shown(&found(&image, root(&conn, "t"))), shown(&expected), "by number");
    let mut keyed = found(&image, root(&conn, "w"));
    // A tree without numbers has its rows on all levels.
    keyed.sort_by_key(|(_, values)| match values.first() {
        Some(Value::Integer(key)) => *key,
        _ => i64::MIN,
    });
    assert_eq!(shown(&keyed), shown(&rows(&conn, "SELECT 0, k, v FROM w ORDER BY k")), "by key");
    drop(image);
    scratch.hurt(&mut input);
    let image = scratch.image();
    for number in 1..=image.pages {
        for content in image.contents(number) {
            read_all(&image, number, &content);
        }
    }
}

fn read_all(image: &Image, number: u32, content: &[u8]) {
    let Some(page) = Page::parse(number, content) else { return };
    let (size, pages) = (image.page_bytes as u64, u64::from(image.pages));
    for cell in page.cells().flatten() {
        // What goes on over every page is read once, and a page perhaps in every version that the log has of it.
        let payload = within(content, 8, 16 * size * (pages + 64), || {
            image.payload(cell.local, cell.payload_bytes, cell.overflow)
        });
        if let Some(payload) = payload {
            assert_eq!(payload.len(), cell.payload_bytes);
            let _ = record::decode(&payload);
        }
    }
}

/// The rows of the tree below a page, in its order.
fn found(image: &Image, root: u32) -> Vec<Row> {
    let (mut rows, mut open) = (Vec::new(), vec![(root, 0)]);
    while let Some((number, depth)) = open.pop() {
        assert!(depth <= DEPTH_MAX, "a tree without end");
        let content = image.newest(number).expect("a page");
        let page = Page::parse(number, &content).expect("a page of a tree");
        open.extend(page.children().into_iter().rev().map(|child| (child, depth + 1)));
        for cell in page.cells() {
            let cell = cell.expect("a cell");
            let payload = image.payload(cell.local, cell.payload_bytes, cell.overflow).expect("a payload");
            rows.push((cell.rowid.unwrap_or_default(), record::decode(&payload).expect("a record")));
        }
    }
    rows
}

fn rows(conn: &Connection, query: &str) -> Vec<Row> {
    let mut statement = conn.prepare(query).expect("a query");
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| {
        Ok((row.get(0)?, (1..columns).map(|column| row.get(column)).collect::<Result<_, _>>()?))
    };
    statement.query_map([], row).expect("rows").collect::<Result<_, _>>().expect("rows")
}

/// So that one can see how they differ: of a long value its length and a sum stand for it.
fn shown(rows: &[Row]) -> Vec<String> {
    let short = |value: &Value| match value {
        Value::Blob(bytes) => {
            let sum = bytes.iter().fold(7u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)));
            format!("{} bytes, {sum:x}", bytes.len())
        }
        other => format!("{other:?}"),
    };
    rows.iter().map(|(id, values)| format!("{id}: {:?}", values.iter().map(short).collect::<Vec<_>>())).collect()
}

fn root(conn: &Connection, table: &str) -> u32 {
    conn.query_row("SELECT rootpage FROM sqlite_schema WHERE name = ?1", [table], |row| row.get(0)).expect("a root")
}

fn step(conn: &Connection, input: &mut Input<'_>) {
    let (what, key) = (input.byte(), i64::from(input.byte()));
    let done = match what % 8 {
        0..=2 => conn.execute("INSERT OR REPLACE INTO t VALUES (?1, ?2, ?3)", params![key, value(input), value(input)]),
        3..=4 => conn.execute("INSERT OR REPLACE INTO w VALUES (?1, ?2)", params![key, value(input)]),
        5 => conn.execute("DELETE FROM t WHERE id BETWEEN ?1 AND ?1 + 3", [key]),
        6 => conn.execute("DELETE FROM w WHERE k <= ?1", [key / 4]),
        _ => conn.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(0)),
    };
    done.expect("SQLite does it");
}

fn value(input: &mut Input<'_>) -> Value {
    match input.byte() % 6 {
        0 => Value::Null,
        1 => Value::Integer(i64::from(input.byte()).wrapping_sub(2)),
        2 => {
            let mut bytes = [0; 8];
            let some = input.take(8);
            bytes[..some.len()].copy_from_slice(some);
            Value::Integer(i64::from_le_bytes(bytes))
        }
        3 => Value::Real(f64::from(input.pair()) / 7.0),
        4 => Value::Text("å".repeat(usize::from(input.byte()))),
        _ => Value::Blob(vec![input.byte(); usize::from(input.pair()) % BLOB_BYTES_MAX]),
    }
}

/// A file of a database, and its log; gone at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        // In memory, where there is a place for that.
        let shared = Path::new("/dev/shm");
        let folder = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
        Self(folder.join(format!("parceld-fuzz-{}.db", Uuid::now_v7())))
    }

    fn piece(&self, end: &str) -> PathBuf {
        let mut name = self.0.clone().into_os_string();
        name.push(end);
        name.into()
    }

    fn open(&self, input: &mut Input<'_>) -> Connection {
        let how = input.byte();
        let (page, vacuum) = (512 << (how & 3), if how & 4 == 0 { "NONE" } else { "INCREMENTAL" });
        let conn = Connection::open(&self.0).expect("a file");
        conn.execute_batch(&format!(
            "PRAGMA page_size = {page}; PRAGMA auto_vacuum = {vacuum}; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
             PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (id INTEGER PRIMARY KEY, a, b);
             CREATE TABLE w (k INTEGER PRIMARY KEY, v) WITHOUT ROWID; CREATE INDEX i ON t (a);"
        ))
        .expect("tables");
        conn
    }

    fn image(&self) -> Image {
        let (file, log) = (File::open(&self.0).expect("the file"), File::open(self.piece("-wal")).ok());
        Image::new(Some(file), log, &Pulse::default())
    }

    fn hurt(&self, input: &mut Input<'_>) {
        for _ in 0..HURT_MAX {
            if input.is_empty() {
                return;
            }
            let (which, at, byte) = (input.byte(), input.pair(), input.byte());
            let file = File::options().write(true).open(self.piece(if which & 1 == 0 { "" } else { "-wal" }));
            let Ok(file) = file else { continue };
            let length = file.metadata().map_or(0, |found| found.len());
            if let Some(at) = (u64::from(at) << (which >> 5)).checked_rem(length) {
                file.write_all_at(&[byte], at).expect("a byte");
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(self.piece(end));
        }
    }
}
