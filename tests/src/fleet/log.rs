//! What a site has recorded: every event with its place, ready to be published.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::life::Fact;
use crate::random::Random;
use crate::wait;

/// A log that no crash touches: it lives as long as its site.
#[derive(Debug)]
pub struct Log {
    site: String,
    epoch: String,
    /// Wakes the line when there is more to say.
    pub(super) grown: Notify,
    pages: Mutex<Pages>,
}

#[derive(Debug)]
struct Pages {
    events: Vec<Recorded>,
    replies: HashMap<String, String>,
    received: u64,
    done: bool,
    random: Random,
}

#[derive(Debug)]
struct Recorded {
    time: Timestamp,
    group: &'static str,
    /// A JSON object.
    event: String,
}

impl Log {
    pub(super) fn new(site: &str, mut random: Random) -> Log {
        let epoch = uuid(wait::wall_clock(), &mut random);
        let pages = Pages { events: Vec::new(), replies: HashMap::new(), received: 0, done: false, random };
        Log { site: site.to_owned(), epoch, grown: Notify::new(), pages: Mutex::new(pages) }
    }

    #[must_use]
    pub fn site(&self) -> &str {
        &self.site
    }

    #[must_use]
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// The sequence of the last event; 0 before the first.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.pages().events.len() as u64
    }

    /// What the newest receipt covers.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.pages().received
    }

    /// Whether the site does nothing more by itself.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.pages().done
    }

    /// All events in sequence, without what is only said when they are sent (`head`, `historical`).
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.pages().events.iter().map(Recorded::read).collect()
    }

    /// The commands that were answered, by their ids.
    #[must_use]
    pub fn answered(&self) -> Vec<String> {
        self.pages().replies.keys().cloned().collect()
    }

    /// Gives events that belong together their places. Returns how many they are.
    pub(super) fn record(&self, facts: Vec<Fact>) -> usize {
        let count = facts.len();
        self.pages().record(&self.site, &self.epoch, facts);
        self.grown.notify_one();
        count
    }

    pub(super) fn done(&self, done: bool) {
        self.pages().done = done;
    }

    /// The group and text of the event at `sequence`, as it is sent at `now`.
    pub(super) fn message(
        &self,
        sequence: u64,
        now: Timestamp,
        historical_after: Duration,
    ) -> Option<(&'static str, String)> {
        let pages = self.pages();
        let Recorded { time, group, event } = pages.events.get(usize::try_from(sequence).ok()?.checked_sub(1)?)?;
        let late = SignedDuration::try_from(historical_after).is_ok_and(|limit| limit < now.duration_since(*time));
        let fields = event.strip_suffix('}')?;
        Some((*group, format!("{fields},\"head\":{},\"historical\":{late}}}", pages.events.len())))
    }

    pub(super) fn receipt(&self, sequence: u64) {
        let mut pages = self.pages();
        pages.received = pages.received.max(sequence);
    }

    /// The reply to a command: the first time with its effect, after that the same again.
    pub(super) fn answer(&self, command: &Value) -> Option<String> {
        let id = command["id"].as_str()?;
        let kind = command["type"].as_str()?;
        let mut pages = self.pages();
        if let Some(reply) = pages.replies.get(id) {
            return Some(reply.clone());
        }
        if kind == "parceld.order.put.v1" {
            let order = command["data"]["id"].as_str()?;
            let fact = Fact::about("order.accepted", &format!("orders/{order}"), command["data"].clone());
            pages.record(&self.site, &self.epoch, vec![fact]);
            self.grown.notify_one();
        }
        let reply = json!({
            "specversion": "1.0", "id": format!("{id}/reply"), "source": format!("/sites/{}", self.site),
            "type": "parceld.command.accepted.v1", "time": wait::wall_clock(), "datacontenttype": "application/json",
            "data": { "command": id, "command_type": kind, "status": "accepted" },
        });
        pages.replies.insert(id.to_owned(), reply.to_string());
        Some(reply.to_string())
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn record(&mut self, site: &str, epoch: &str, facts: Vec<Fact>) {
        let time = wait::wall_clock();
        for Fact { kind, subject, data } in facts {
            let mut event = json!({
                "specversion": "1.0", "id": uuid(time, &mut self.random), "source": format!("/sites/{site}"),
                "type": format!("parceld.{kind}.v1"), "time": format!("{time:.3}"),
                "datacontenttype": "application/json", "dataschema": format!("urn:parceld:v1:{kind}"),
                "epoch": epoch, "sequence": self.events.len() + 1, "clock": "synced", "station": "bench-1",
                "data": data,
            });
            if let Some(subject) = subject {
                event["subject"] = subject.into();
            }
            let (group, _) = kind.split_once('.').expect("a type has a group");
            self.events.push(Recorded { time, group, event: event.to_string() });
        }
    }
}

impl Recorded {
    fn read(&self) -> Value {
        serde_json::from_str(&self.event).expect("what a site has recorded is JSON")
    }
}

/// A UUIDv7 whose random part is the site's own.
fn uuid(time: Timestamp, random: &mut Random) -> String {
    let (ms, bits) = (time.as_millisecond(), random.bits());
    let (high, low) = (ms >> 16, ms & 0xffff);
    let (a, b, c) = (bits & 0xfff, 0x8000 | ((bits >> 12) & 0x3fff), random.bits() >> 16);
    format!("{high:08x}-{low:04x}-7{a:03x}-{b:04x}-{c:012x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_event_is_historical_and_says_where_the_log_ends() {
        let log = Log::new("site-001", Random::new(7));
        let facts = ["site.started", "site.stopped"].map(|kind| Fact::of(kind, json!({})));
        assert_eq!(log.record(facts.into()), 2);
        let now = wait::wall_clock();
        let shown = |now: Timestamp| {
            let (group, text) = log.message(1, now, Duration::from_secs(10)).unwrap();
            let event: Value = serde_json::from_str(&text).unwrap();
            (group, event["sequence"].clone(), event["head"].clone(), event["historical"].clone())
        };
        assert_eq!(shown(now), ("site", 1.into(), 2.into(), false.into()));
        assert_eq!(shown(now + SignedDuration::from_secs(11)), ("site", 1.into(), 2.into(), true.into()));
        assert!(log.message(3, now, Duration::ZERO).is_none());
    }

    #[test]
    fn ids_are_uuids_of_version_7_and_never_the_same() {
        let mut random = Random::new(7);
        let now = wait::wall_clock();
        let ids: std::collections::BTreeSet<String> = (0..1_000).map(|_| uuid(now, &mut random)).collect();
        assert_eq!(ids.len(), 1_000);
        for id in ids {
            assert_eq!((id.len(), &id[14..15], &id[8..9]), (36, "7", "-"), "{id}");
            assert!("89ab".contains(&id[19..20]), "{id}");
        }
    }
}
