//! When a site is told how much is stored.
//!
//! Receipts are cumulative and retained, so only the newest matters: after every [`EVENTS_MAX`] events, [`DELAY_MS`]
//! after storing the last, at once on a gap or a duplicate. The same receipt again makes a site send again, so it is
//! repeated at most every [`REPEAT_MS`].

use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

const EVENTS_MAX: i64 = 100;
const DELAY_MS: u64 = 500;
const REPEAT_MS: u64 = 200;

/// The contract says: at most a second after storing the last.
const _: () = assert!(DELAY_MS <= 1_000);

#[derive(Debug, Default)]
pub struct Receipts {
    sites: HashMap<(Arc<str>, Uuid), Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    stored: i64,
    told: Option<Told>,
    /// When the first event was stored that no receipt covers.
    waits_since_ms: Option<u64>,
    /// Say it again, even if it was said.
    again: bool,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    sequence: i64,
    at_ms: u64,
}

/// "Everything of `epoch` up to and including `sequence` is stored."
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub site: Arc<str>,
    pub epoch: Uuid,
    pub sequence: i64,
}

impl Receipts {
    /// Events were stored, up to `sequence`.
    pub fn stored(&mut self, site: &Arc<str>, epoch: Uuid, sequence: i64, now_ms: u64) {
        let entry = self.sites.entry((Arc::clone(site), epoch)).or_default();
        entry.stored = sequence;
        entry.waits_since_ms.get_or_insert(now_ms);
    }

    /// The site should hear it at once: there is a gap, a duplicate, or somebody who may not have heard.
    pub fn again(&mut self, site: &Arc<str>, epoch: Uuid, sequence: i64) {
        let entry = self.sites.entry((Arc::clone(site), epoch)).or_default();
        entry.stored = sequence;
        entry.again = true;
    }

    /// A newer epoch began: nobody looks at receipts of the others.
    pub fn only(&mut self, site: &Arc<str>, epoch: Uuid) {
        self.sites.retain(|(other, old), _| other != site || *old == epoch);
    }

    /// What is to be said now.
    #[must_use]
    pub fn due(&self, now_ms: u64) -> Vec<Receipt> {
        let due = self.sites.iter().filter(|(_, entry)| entry.due_ms().is_some_and(|due_ms| due_ms <= now_ms));
        due.map(|((site, epoch), entry)| Receipt { site: Arc::clone(site), epoch: *epoch, sequence: entry.stored })
            .collect()
    }

    /// It was said.
    pub fn told(&mut self, receipt: &Receipt, now_ms: u64) {
        if let Some(entry) = self.sites.get_mut(&(Arc::clone(&receipt.site), receipt.epoch)) {
            entry.told = Some(Told { sequence: receipt.sequence, at_ms: now_ms });
            entry.waits_since_ms = None;
            entry.again = false;
        }
    }

    /// The next moment at which something is to be said.
    #[must_use]
    pub fn next_ms(&self) -> Option<u64> {
        self.sites.values().filter_map(Entry::due_ms).min()
    }
}

impl Entry {
    fn due_ms(&self) -> Option<u64> {
        let news = self.told.is_none_or(|told| told.sequence != self.stored);
        if self.again {
            return Some(self.told.filter(|_| !news).map_or(0, |told| told.at_ms + REPEAT_MS));
        }
        let since_ms = self.waits_since_ms?;
        let told = self.told.map_or(0, |told| told.sequence);
        Some(if EVENTS_MAX <= self.stored - told { since_ms } else { since_ms + DELAY_MS })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each step: `time what`, with what = `stored N`, `again N`, or what is expected to be said: `says N`, `silent`.
    fn check(script: &str) {
        let (site, epoch): (Arc<str>, Uuid) = ("s".into(), Uuid::nil());
        let mut receipts = Receipts::default();
        for step in script.lines().map(str::trim) {
            let words: Vec<&str> = step.split_whitespace().collect();
            let now_ms: u64 = words[0].parse().unwrap();
            let sequence = words.get(2).map_or(0, |word| word.parse().unwrap());
            match words[1] {
                "stored" => receipts.stored(&site, epoch, sequence, now_ms),
                "again" => receipts.again(&site, epoch, sequence),
                _ => {
                    let due = receipts.due(now_ms);
                    let said = due.first().map_or("silent".to_owned(), |receipt| format!("says {}", receipt.sequence));
                    assert_eq!(said, words[1..].join(" "), "{step}");
                    due.iter().for_each(|receipt| receipts.told(receipt, now_ms));
                }
            }
        }
    }

    #[test]
    fn stored_events_are_receipted_after_a_hundred_or_half_a_second() {
        check(
            "0    stored 1
             0    silent
             499  silent
             500  says 1
             600  silent
             700  stored 99
             710  stored 100
             710  silent
             720  stored 101
             720  says 101
             5000 silent",
        );
    }

    #[test]
    fn gaps_and_duplicates_are_told_at_once_but_not_in_a_storm() {
        check(
            "0   again 0
             0   says 0
             1   again 0
             199 silent
             200 says 0
             201 again 0
             202 stored 1
             202 again 1
             202 says 1
             203 silent",
        );
    }
}
