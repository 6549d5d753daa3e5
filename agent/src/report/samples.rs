//! What changed since midnight, in the last hour and in the last minute: differences of counters that only grow.
//!
//! Samples are taken once a minute, when the agent is awake anyway, and when somebody looks. They are kept in memory, and
//! only so many: after a restart the day begins anew, and says so.

use crate::journal::Place;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

/// A point each minute of an hour.
pub const POINTS_MAX: usize = 60;
/// A minute's sample may come a little early.
const MINUTE: Duration = Duration::from_secs(58);
const HOUR: Duration = Duration::from_secs(3_600);
/// Rates are those of the last minute, or of the time since the sample of the minute before.
const RATE_WINDOW: Duration = Duration::from_secs(65);
/// From a shorter time no rate can be told.
const RATE_MIN: Duration = Duration::from_secs(5);
/// Samples that rates are told from: one each five seconds of the window, and the minutes'.
const RECENT_MAX: usize = 24;

/// Counters of the agent's parts: all of them only grow, but for the places when an epoch begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub scans: u64,
    pub not_saved: u64,
    pub unreadable: u64,
    pub scanner_losses: u64,
    pub reconnects: u64,
    pub written_bytes: u64,
    pub head: Place,
    pub received: Place,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    pub at: Timestamp,
    /// On the clock that never steps.
    pub since_start: Duration,
    pub counters: Counters,
}

/// How much was scanned, and how well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scanning {
    /// Scans that were answered, since [`super::Report::today_since`] like all that is of today.
    pub scans_today: u64,
    /// In the last 60 minutes, or since the start.
    pub scans_last_hour: u64,
    /// From the last byte of the code to the answer.
    pub slowest_today_us: Option<u64>,
    pub not_saved_today: u64,
    /// Frames that were no codes.
    pub unreadable_today: u64,
    /// How often a scanner was lost.
    pub scanners_lost_today: u64,
}

/// How the events that wait for a receipt come and go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Backlog {
    /// Events recorded per second in the last minute; none in the first seconds.
    pub in_per_s: Option<f64>,
    /// Events that receipts have covered per second in the last minute.
    pub out_per_s: Option<f64>,
    /// How long it takes until none waits, at these rates; none where that is never.
    pub empty_in_s: Option<u64>,
    /// Since the oldest of them happened.
    pub oldest_age_s: Option<u64>,
    /// A point each minute of the last hour, oldest first, at most [`POINTS_MAX`].
    pub history: Vec<Point>,
}

/// How many events waited at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    pub at: Timestamp,
    pub events: u64,
}

/// The samples that differences are told from.
#[derive(Debug)]
pub struct Samples {
    zone: TimeZone,
    start: Sample,
    /// The first sample of today, by the site's calendar.
    day: (Date, Sample),
    /// One a minute.
    minutes: VecDeque<Sample>,
    /// Of the last minute and the one before.
    recent: VecDeque<Sample>,
}

impl Counters {
    /// Events that wait for a receipt.
    fn backlog(&self) -> u64 {
        self.head.saturating_sub(self.received)
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            scans: self.scans.saturating_sub(before.scans),
            not_saved: self.not_saved.saturating_sub(before.not_saved),
            unreadable: self.unreadable.saturating_sub(before.unreadable),
            scanner_losses: self.scanner_losses.saturating_sub(before.scanner_losses),
            reconnects: self.reconnects.saturating_sub(before.reconnects),
            written_bytes: self.written_bytes.saturating_sub(before.written_bytes),
            head: self.head.saturating_sub(before.head),
            received: self.received.saturating_sub(before.received),
        }
    }
}

impl Samples {
    /// Begins with the agent: what was counted before `start` counts for nothing.
    #[must_use]
    pub fn new(zone: TimeZone, start: Sample) -> Self {
        let day = (date(&zone, start.at), start);
        Self { zone, start, day, minutes: VecDeque::new(), recent: VecDeque::new() }
    }

    /// Takes note of a sample.
    pub fn note(&mut self, sample: Sample) {
        let today = date(&self.zone, sample.at);
        if self.day.0 != today {
            self.day = (today, sample);
        }
        let passed = |last: Option<&Sample>| last.map(|last| sample.since_start.saturating_sub(last.since_start));
        if passed(self.minutes.back()).is_none_or(|passed| MINUTE <= passed) {
            self.minutes.push_back(sample);
        }
        while POINTS_MAX < self.minutes.len() {
            self.minutes.pop_front();
        }
        if passed(self.recent.back()).is_none_or(|passed| RATE_MIN <= passed) {
            self.recent.push_back(sample);
        }
        while RECENT_MAX < self.recent.len() {
            self.recent.pop_front();
        }
    }

    /// Since when the day's figures are counted.
    #[must_use]
    pub fn today_since(&self) -> Timestamp {
        self.day.1.at
    }

    /// What today's counters have become at `now`.
    #[must_use]
    pub fn today(&self, now: &Sample) -> Counters {
        now.counters.since(&self.day.1.counters)
    }

    /// The day's first moment, in the site's zone; `now` where the calendar ends.
    #[must_use]
    pub fn midnight(&self, now: Timestamp) -> Timestamp {
        now.to_zoned(self.zone.clone()).start_of_day().map_or(now, |midnight| midnight.timestamp())
    }

    #[must_use]
    pub fn scanning(&self, now: &Sample, slowest_today_us: Option<u64>) -> Scanning {
        let today = self.today(now);
        let inside = |sample: &&Sample| now.since_start.saturating_sub(sample.since_start) <= HOUR;
        let hour_ago =
            self.minutes.iter().find(inside).filter(|_| HOUR < now.since_start.saturating_sub(self.start.since_start));
        Scanning {
            scans_today: today.scans,
            scans_last_hour: now.counters.since(&hour_ago.unwrap_or(&self.start).counters).scans,
            slowest_today_us,
            not_saved_today: today.not_saved,
            unreadable_today: today.unreadable,
            scanners_lost_today: today.scanner_losses,
        }
    }

    /// `oldest_at`: when the first event happened that waits.
    #[must_use]
    pub fn backlog(&self, now: &Sample, oldest_at: Option<Timestamp>) -> Backlog {
        let waiting = now.counters.backlog();
        let rates = self.rates(now);
        let empty_in_s = match rates {
            _ if waiting == 0 => Some(0),
            Some((into, out)) if into < out => Some((waiting as f64 / (out - into)).ceil() as u64),
            Some(_) | None => None,
        };
        let point = |sample: &Sample| Point { at: sample.at, events: sample.counters.backlog() };
        Backlog {
            in_per_s: rates.map(|(into, _)| into),
            out_per_s: rates.map(|(_, out)| out),
            empty_in_s,
            oldest_age_s: oldest_at
                .filter(|_| 0 < waiting)
                .map(|at| u64::try_from(now.at.duration_since(at).as_secs()).unwrap_or_default()),
            history: self.minutes.iter().map(point).collect(),
        }
    }

    /// Events per second that came, and that receipts covered.
    fn rates(&self, now: &Sample) -> Option<(f64, f64)> {
        let age = |sample: &Sample| now.since_start.saturating_sub(sample.since_start);
        let from = self.recent.iter().find(|sample| (RATE_MIN..=RATE_WINDOW).contains(&age(sample)))?;
        let (passed_s, moved) = (age(from).as_secs_f64(), now.counters.since(&from.counters));
        // To the tenth: more would only flicker.
        let rate = |events: u64| (events as f64 / passed_s * 10.0).round() / 10.0;
        Some((rate(moved.head), rate(moved.received)))
    }
}

fn date(zone: &TimeZone, at: Timestamp) -> Date {
    at.to_zoned(zone.clone()).date()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;

    fn sample(second: u64, counters: Counters) -> Sample {
        let start: Timestamp = "2026-11-22T22:00:00Z".parse().unwrap();
        Sample { at: start + (second as i64).seconds(), since_start: Duration::from_secs(second), counters }
    }

    /// Notes `(second, scans, head, received)`, each but the last, which is only looked at.
    fn samples(rows: &[(u64, u64, u64, u64)]) -> (Samples, Sample) {
        let zone = TimeZone::get("Europe/Stockholm").unwrap();
        let samples: Vec<Sample> = rows
            .iter()
            .map(|(second, scans, head, received)| {
                sample(*second, Counters { scans: *scans, head: *head, received: *received, ..Counters::default() })
            })
            .collect();
        let mut noted = Samples::new(zone, samples[0]);
        for sample in &samples {
            noted.note(*sample);
        }
        (noted, samples[samples.len() - 1])
    }

    #[test]
    fn a_day_begins_at_midnight_in_the_sites_zone() {
        for (rows, today, since) in [
            (&[(0, 0, 0, 0), (60, 5, 0, 0)][..], 5, "2026-11-22T22:00:00Z"),
            (&[(0, 0, 0, 0), (3_599, 7, 0, 0)], 7, "2026-11-22T22:00:00Z"),
            (&[(0, 0, 0, 0), (3_599, 7, 0, 0), (3_630, 9, 0, 0), (4_000, 20, 0, 0)], 11, "2026-11-22T23:00:30Z"),
        ] {
            let (samples, now) = samples(rows);
            assert_eq!(samples.scanning(&now, None).scans_today, today, "{rows:?}");
            assert_eq!(samples.today_since(), since.parse().unwrap(), "{rows:?}");
        }
    }

    #[test]
    fn counts_the_scans_of_the_last_hour() {
        let minutes = |count: u64| (0..=count).map(|n| (60 * n, 10 * n, 0, 0)).collect::<Vec<_>>();
        for (count, expected) in [(0, 0), (1, 10), (59, 590), (60, 600), (61, 590), (600, 590)] {
            let (samples, now) = samples(&minutes(count));
            let last_hour = samples.scanning(&now, None).scans_last_hour;
            assert!(last_hour.abs_diff(expected) <= 10, "{count} minutes: {last_hour}");
        }
    }

    #[test]
    fn tells_rates_and_when_nothing_waits_any_more() {
        for (what, rows, into, out, empty_in_s) in [
            ("too soon", &[(0, 0, 100, 0), (4, 0, 100, 50)][..], None, None, None),
            ("drains", &[(0, 0, 1_000, 0), (60, 0, 1_060, 660)], Some(1.0), Some(11.0), Some(40)),
            ("grows", &[(0, 0, 1_000, 0), (60, 0, 1_600, 60)], Some(10.0), Some(1.0), None),
            ("stands still", &[(0, 0, 7, 7), (60, 0, 7, 7)], Some(0.0), Some(0.0), Some(0)),
            ("an old sample is none of the last minute", &[(0, 0, 1_000, 0), (66, 0, 1_066, 66)], None, None, None),
            (
                "only the last minute",
                &[(0, 0, 0, 0), (60, 0, 600, 600), (120, 0, 660, 630)],
                Some(1.0),
                Some(0.5),
                None,
            ),
            ("a new epoch", &[(0, 0, 100, 100), (60, 0, 40, 40)], Some(0.0), Some(0.0), Some(0)),
        ] {
            let (samples, now) = samples(rows);
            let backlog = samples.backlog(&now, None);
            assert_eq!((backlog.in_per_s, backlog.out_per_s, backlog.empty_in_s), (into, out, empty_in_s), "{what}");
        }
    }

    #[test]
    fn remembers_a_point_a_minute_for_an_hour() {
        let rows: Vec<_> = (0..8_000).map(|second| (second, 0, second, 0)).collect();
        let (samples, now) = samples(&rows);
        let points = samples.backlog(&now, Some(now.at - 90.seconds())).history;
        assert_eq!(points.len(), POINTS_MAX);
        assert!(points.is_sorted_by_key(|point| point.events));
        assert!(samples.recent.len() <= RECENT_MAX);
    }

    #[test]
    fn tells_how_old_the_oldest_is_where_one_waits() {
        let (samples, now) = samples(&[(0, 0, 0, 0), (60, 0, 5, 0)]);
        assert_eq!(samples.backlog(&now, Some(now.at - 90.seconds())).oldest_age_s, Some(90));
        assert_eq!(samples.backlog(&now, Some(now.at + 90.seconds())).oldest_age_s, Some(0), "a clock that went back");
        let none = Sample { counters: Counters { received: 5, ..now.counters }, ..now };
        assert_eq!(samples.backlog(&none, Some(now.at - 90.seconds())).oldest_age_s, None);
    }
}
