//! What a start finds in the write-ahead log of an agent that was killed, and makes of it.

use parceld_tests::site::{Broker, Site, assert_gapless};
use parceld_tests::tempdir::TempDir;
use parceld_tests::trace;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

struct Bench {
    site: Site,
    scanned: Vec<String>,
}

impl Bench {
    fn start() -> Bench {
        Bench { site: Site::start(Broker::mosquitto()), scanned: Vec::new() }
    }

    /// Scans codes that nobody knows: each is an event.
    fn scan(&mut self, count: usize) {
        for _ in 0..count {
            let code = format!("nobody-knows-{}", self.scanned.len());
            assert!(self.site.scan(0, &code).recorded, "{code}");
            self.scanned.push(code);
        }
    }

    fn database(&self) -> PathBuf {
        fs::canonicalize(self.site.agent.database()).expect("the database stays")
    }

    fn log(&self) -> PathBuf {
        PathBuf::from(format!("{}-wal", self.database().display()))
    }

    fn restart(&mut self) {
        self.site.agent.restart();
        self.site.agent.ready();
    }

    fn head(&self) -> u64 {
        self.site.agent.status()["log"]["head"].as_u64().expect("a log has a head")
    }

    /// Waits until all is at the platform, and returns what was refused, and how often something was salvaged.
    fn settle(&self, epochs: usize) -> (Vec<String>, usize) {
        self.site.until_synced();
        let events = self.site.events();
        let lives: Vec<&[Value]> = events.chunk_by(|one, next| one["epoch"] == next["epoch"]).collect();
        assert_eq!(lives.len(), epochs, "epochs");
        lives.iter().for_each(|life| _ = assert_gapless(life));
        let of = |kind: &'static str| events.iter().filter(move |event| event["type"] == kind);
        let refused = of("parceld.site.scan_refused.v1").filter_map(|event| event["data"]["code"].as_str());
        (refused.map(str::to_owned).collect(), of("parceld.site.storage_salvaged.v1").count())
    }
}

fn inode(file: &Path) -> u64 {
    fs::metadata(file).expect("it is there").ino()
}

fn newest(conn: &Connection) -> u64 {
    conn.query_row("SELECT max(place) FROM events", [], |row| row.get(0)).expect("it can be read")
}

/// Such as a shell, or a tool that copies databases.
#[test]
fn somebody_who_has_the_database_open_over_a_crash_goes_on_with_the_same_log() {
    let mut bench = Bench::start();
    bench.scan(10);
    let other = Connection::open(bench.database()).expect("anybody may read");
    let seen = newest(&other);
    let log = inode(&bench.log());
    bench.site.agent.kill9();
    bench.restart();
    assert_eq!(inode(&bench.log()), log, "it is still the log that somebody has open");
    bench.scan(10);
    assert_eq!(newest(&other), bench.head());
    assert!(seen + 10 <= bench.head());
    bench.site.agent.kill9();
    // The last one to close it folds what it has for the log, and takes away what has its name.
    drop(other);
    bench.restart();
    bench.scan(1);
    assert_eq!(bench.settle(1), (bench.scanned.clone(), 0));

    bench.site.agent.kill9();
    let log = inode(&bench.log());
    bench.restart();
    assert_ne!(inode(&bench.log()), log, "where nobody has it, it is copied");
    bench.scan(1);
    assert_eq!(bench.settle(1), (bench.scanned.clone(), 0));
}

#[test]
fn a_log_that_was_taken_away_is_missed() {
    let mut bench = Bench::start();
    bench.scan(5);
    bench.site.until_synced();
    let fold = Connection::open(bench.database()).expect("anybody may fold");
    fold.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).expect("SQLite knows it");
    let in_file: (i64, i64) = fold
        .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| Ok((row.get(1)?, row.get(2)?)))
        .expect("it can be folded");
    assert!(0 < in_file.0 && in_file.0 == in_file.1, "all of it is in the file: {in_file:?}");
    drop(fold);
    bench.scan(5);
    bench.site.agent.kill9();
    fs::remove_file(bench.log()).expect("it is there");
    let _ = fs::remove_file(format!("{}-shm", bench.database().display()));
    bench.restart();
    bench.scan(1);
    let (_, salvaged) = bench.settle(2);
    assert_eq!(salvaged, 1, "it is told that something is gone");
}

#[test]
fn a_log_of_which_something_cannot_be_read_is_salvaged() {
    let mut bench = Bench::start();
    bench.scan(10);
    bench.site.agent.kill9();
    let dir = TempDir::new("unreadable-log");
    let Some(words) = trace::unreadable(&bench.log(), &dir.join("trace")) else { return };
    bench.site.agent.change(|setup| setup.through(words));
    bench.restart();
    bench.scan(1);
    assert_eq!(bench.settle(2), (bench.scanned.clone(), 1));
    bench.site.agent.stop();
    bench.site.agent.change(|setup| setup.through(Vec::new()));
    bench.restart();
    bench.scan(1);
    assert_eq!(bench.settle(2), (bench.scanned.clone(), 1));
}
