//! What a station's screen says, in each language.

use crate::words::{Language, Part, fill};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The table `[station]` of a language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    pub this_order: &'static str,
    pub this_item: &'static str,
    pub of: &'static str,
    pub order: &'static str,
    pub items: Count,
    pub parcels: Count,
    pub orders_left: Count,
    pub more: Count,
    pub days: &'static str,

    pub sent: &'static str,
    pub sending: &'static str,
    pub offline: &'static str,
    pub deaf: &'static str,
    pub sound_off: &'static str,
    pub touch_refused: &'static str,
    pub touch_not_taken: &'static str,
    pub commands: &'static str,

    pub collects_in: &'static str,
    pub ready_in: &'static str,
    pub no_collection: &'static str,
    pub clock_unknown: &'static str,
    pub in_time: &'static str,
    pub tight: &'static str,
    pub will_miss: &'static str,
    pub over_due: &'static str,
    pub today: &'static str,
    pub per_hour: &'static str,
    pub last_five: &'static str,
    pub nothing_yet: &'static str,

    pub accepted: &'static str,
    pub completed: &'static str,
    pub completed_order: &'static str,
    pub opened: &'static str,
    pub wrong: &'static str,
    pub over: &'static str,
    pub already: &'static str,
    pub unknown: &'static str,
    pub refused: &'static str,

    pub not_saved: &'static str,
    pub not_saved_big: &'static str,
    pub not_saved_what: &'static str,
    pub not_saved_once: &'static str,
    pub last_saved: &'static str,
    pub last_saved_of: &'static str,
    pub never_saved: &'static str,
    pub storage_full: &'static str,
    pub storage_fails: &'static str,
    pub saves_again: &'static str,

    pub lost: &'static str,
    pub lost_big: &'static str,
    pub lost_what: &'static str,
    pub lost_do: &'static str,
    pub lost_name: &'static str,

    pub scan_next: &'static str,
    pub scan_instead: &'static str,
    pub not_counted: &'static str,
    pub other_barcode: &'static str,
    pub go_on: &'static str,
    pub shelf: &'static str,
    pub pickup: &'static str,
    pub pick_each: &'static str,
    pub pack_each: &'static str,
    pub place_first: &'static str,
    pub scan_place: &'static str,
    pub take_out: &'static str,
    pub all_scanned: &'static str,
    pub all_packed: &'static str,
    pub last_counted: &'static str,
    pub done_starts: &'static str,
    pub done_closes: &'static str,
    pub done_writes: &'static str,
    pub label_print: &'static str,
    pub label_any: &'static str,
    pub parcel_of: &'static str,

    pub idle: &'static str,
    pub idle_what: &'static str,
    pub nothing_waits: &'static str,
    pub nothing_waits_what: &'static str,
    pub picked_waits_what: &'static str,

    pub put_in_tote: &'static str,
    pub then_scan_tote: &'static str,
    pub order_for_tote: &'static str,
    pub order_for_tote_what: &'static str,

    pub serial: &'static str,
    pub serial_what: &'static str,
    pub lot: &'static str,
    pub lot_what: &'static str,
    pub expiry: &'static str,
    pub expiry_what: &'static str,
    pub year: &'static str,
    pub month: &'static str,
    pub day: &'static str,
    pub use_date: &'static str,
    pub earlier: &'static str,
    pub later: &'static str,

    pub short: &'static str,
    pub short_what: &'static str,
    pub cause: &'static str,
    pub cause_what: &'static str,
    pub cause_found: &'static str,
    pub remove: &'static str,
    pub remove_what: &'static str,
    pub remove_serial: &'static str,
    pub condition: &'static str,
    pub condition_what: &'static str,
    pub place: &'static str,
    pub place_what: &'static str,
    pub take: &'static str,
    pub take_what: &'static str,
    pub found: &'static str,
    pub found_what: &'static str,

    pub badge: &'static str,
    pub badge_what: &'static str,

    pub taken: &'static str,
    pub taken_what: &'static str,
    pub taken_elsewhere: &'static str,

    pub load: &'static str,
    pub load_what: &'static str,
    pub load_next: &'static str,
    pub load_none: &'static str,
    pub not_loaded: &'static str,
    pub all_loaded: &'static str,
    pub scan_handover: &'static str,
    pub left_word: &'static str,
    pub left_what: &'static str,
    pub handed_over: &'static str,

    pub collect: &'static str,
    pub collect_do: &'static str,

    pub returns: &'static str,
    pub returns_what: &'static str,
    pub returns_next: &'static str,
    pub returns_do: &'static str,
    pub returns_all: &'static str,
    pub put_back: &'static str,
    pub put_back_do: &'static str,

    pub count: &'static str,
    pub count_what: &'static str,
    pub receive: &'static str,
    pub receive_what: &'static str,
    pub count_next: &'static str,

    pub no_screen: &'static str,
    pub no_screen_what: &'static str,
    pub stations: &'static str,

    #[serde(borrow)]
    modes: BTreeMap<&'static str, &'static str>,
    #[serde(borrow)]
    acts: BTreeMap<&'static str, &'static str>,
    #[serde(borrow)]
    did: BTreeMap<&'static str, &'static str>,
    #[serde(borrow)]
    causes: BTreeMap<&'static str, &'static str>,
    #[serde(borrow)]
    conditions: BTreeMap<&'static str, &'static str>,
    #[serde(borrow)]
    reasons: BTreeMap<&'static str, Why>,
}

/// A sentence for one and one for more; `{n}` is how many.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    pub one: &'static str,
    pub many: &'static str,
}

/// Why a scan did not count.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Why {
    /// Instead of the signal's own word.
    #[serde(default)]
    pub word: Option<&'static str>,
    /// What it is about; none: the code.
    #[serde(default)]
    pub big: Option<&'static str>,
    /// What to do.
    pub what: &'static str,
}

impl Words {
    #[must_use]
    pub fn of(language: Language) -> &'static Self {
        static WORDS: Part<Words> = Part::new("station");
        WORDS.of(language)
    }

    /// A mode as the top bar calls it.
    #[must_use]
    pub fn mode<'w>(&self, word: &'w str) -> &'w str {
        self.modes.get(word).copied().unwrap_or(word)
    }

    /// What stands on a button.
    #[must_use]
    pub fn act<'w>(&self, word: &'w str) -> &'w str {
        self.acts.get(word).copied().unwrap_or(word)
    }

    /// What a command that counted has done, by the word of its barcode; none where it counted like an item.
    #[must_use]
    pub fn did(&self, word: &str) -> Option<&'static str> {
        self.did.get(word).copied()
    }

    #[must_use]
    pub fn cause<'w>(&self, word: &'w str) -> &'w str {
        self.causes.get(word).copied().unwrap_or(word)
    }

    #[must_use]
    pub fn condition<'w>(&self, word: &'w str) -> &'w str {
        self.conditions.get(word).copied().unwrap_or(word)
    }

    /// None for a reason that this language does not know.
    #[must_use]
    pub fn reason(&self, word: &str) -> Option<&Why> {
        self.reasons.get(word)
    }
}

impl Count {
    #[must_use]
    pub fn of(&self, n: usize) -> String {
        fill(if n == 1 { self.one } else { self.many }, &[("n", &n.to_string())])
    }
}
