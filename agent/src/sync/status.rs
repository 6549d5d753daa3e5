//! How sync is doing, for pages and command lines.

use super::{Trouble, Validity};
use jiff::Timestamp;
use std::time::Duration;

/// Sync at one moment.
#[derive(Clone, Debug)]
pub struct SyncStatus {
    /// The broker's address, without any secret.
    pub broker: String,
    pub link: Link,
    /// Since when the link is so.
    pub since: Timestamp,
    /// Attempts in a row that failed or were soon broken off; none while the link is up.
    pub attempts: u32,
    pub receipts: Receipts,
    /// Publishes without their acknowledgement yet.
    pub in_flight: usize,
    /// Publishes that the broker refused since the start, and its last reason.
    pub refused: u64,
    pub last_refusal: Option<String>,
    /// Acknowledgements that said that nobody subscribes, since the last receipt.
    pub without_subscriber: u64,
    /// How often sending went back because receipts did not move.
    pub rewinds: u64,
    /// Connections that came up since the start.
    pub connections: u64,
    /// From handing the last acknowledged publish to the client until its acknowledgement.
    pub round_trip: Option<Duration>,
    /// What the broker doesn't take from us.
    pub denied: Option<Denied>,
    pub certificates: Certificates,
    /// While there is a connection.
    pub unfit: Option<Unfit>,
}

impl SyncStatus {
    /// Connections that came up after the first one.
    #[must_use]
    pub fn reconnects(&self) -> u64 {
        self.connections.saturating_sub(1)
    }
}

/// A publish that the broker has refused, and of its kind none that it took since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    pub topic: String,
    /// The broker's reason code.
    pub why: String,
    pub since: Timestamp,
}

/// The certificates of the last connection that got as far as to have them; none without TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificates {
    /// This site's own.
    pub client: Option<Validity>,
    /// The broker's, as it was last shown.
    pub server: Option<Validity>,
    /// Of the CAs in `ca_file` the last one to expire.
    pub authority: Option<Validity>,
    /// Of the lists in `crl_file` the first one to grow old.
    pub revocations: Option<Validity>,
}

/// New files that the connection can't be made with; it goes on with those that it was made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    pub trouble: Trouble,
    pub since: Timestamp,
}

/// The connection to the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    Connecting,
    Up,
    /// Tried again at about this time; not before somebody asks for it, where there is none.
    Down {
        trouble: Trouble,
        retry_at: Option<Timestamp>,
    },
}

/// What the platform's receipts tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipts {
    /// None has ever come: events are kept, and only a few are sent as a probe.
    None,
    /// The last one, and the sequence that it covered.
    Last { at: Timestamp, sequence: u64 },
    /// Events are sent and receipts stand still since then.
    Missing { since: Timestamp },
    /// Not expected: the configuration forgets on the broker's acknowledgement.
    NotExpected,
}
