//! A platform with an empty database in memory, and a clock that stands still unless told.

use jiff::Timestamp;
use parceld_platform::central::{Central, Outgoing};
use parceld_platform::clock::Now;
use parceld_platform::store::{Db, Place};
use parceld_platform::topic::Topics;
use parceld_platform::wire::MESSAGE_BYTES_MAX;
use std::sync::atomic::{AtomicU64, Ordering};

pub const SITE: &str = "sthlm-03";
const ROOT: &str = "r";
/// 2026-11-22T14:00:00Z
const BEGINS_S: i64 = 1_795_356_000;
/// More than anything waits before it is published.
const WAIT_MS: u64 = 60_000;
/// What one site can make the platform say at once, with some to spare.
const OUTGOING_MAX: usize = 1_000;

pub struct World {
    pub central: Central,
    pub now: Now,
    /// The same database, for looking.
    db: Db,
}

impl World {
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("file:world-{}?mode=memory&cache=shared", COUNT.fetch_add(1, Ordering::Relaxed));
        let open = || Place::File(name.clone().into()).open().expect("a database in memory");
        let now = Now { ms: 0, at: Timestamp::from_second(BEGINS_S).unwrap_or_default() };
        let (db, writer) = (open(), open());
        let central = Central::new(writer, Topics::new(ROOT), now).expect("a new platform");
        Self { central, now, db }
    }

    /// A message of the site's, below its topic.
    pub fn take(&mut self, below: &str, payload: &[u8]) {
        let topic = format!("{ROOT}/{SITE}/{below}");
        // Whatever a site says, only the storage itself may fail.
        self.central.take(&[(&topic, payload)], self.now).expect("a message can be taken");
    }

    /// Why messages and events were put into quarantine.
    pub fn quarantine(&self) -> Vec<String> {
        self.db
            .rows("SELECT reason FROM quarantine ORDER BY id", &[], |row| row.get(0))
            .expect("quarantine can be read")
    }

    /// What is published once everything that waits has waited long enough.
    pub fn published(&mut self) -> Vec<Outgoing> {
        self.now.ms += WAIT_MS;
        self.central.tend(self.now).expect("nothing is left undone");
        let out = self.central.due(self.now, OUTGOING_MAX).expect("what is due can be read");
        let topics = Topics::new(ROOT);
        for Outgoing { topic, payload, .. } in &out {
            assert!(*topic == topics.commands(SITE) || *topic == topics.receipts(SITE), "{topic}");
            assert!(payload.len() <= MESSAGE_BYTES_MAX, "{} bytes are published", payload.len());
            serde_json::from_str::<serde_json::Value>(payload).expect("JSON is published");
        }
        out
    }
}
