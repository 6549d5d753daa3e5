//! Moments as people say them, in the shop's zone and the customer's language.

use crate::shop::Opening;
use crate::words::Words;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use serde::Deserialize;

/// Of a month's name where there is little room.
const MONTH_CHARS: usize = 3;

/// What a checkout promised, or what is expected now. Each is a moment in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Promise {
    #[serde(default)]
    pub ship_by: Option<Timestamp>,
    #[serde(default)]
    pub deliver_from: Option<Timestamp>,
    #[serde(default)]
    pub deliver_by: Option<Timestamp>,
}

/// One language at one moment in one place.
#[derive(Clone, Debug)]
pub struct When<'a> {
    pub words: &'a Words,
    now: Zoned,
}

impl<'a> When<'a> {
    #[must_use]
    pub fn new(words: &'a Words, zone: &TimeZone, now: Timestamp) -> Self {
        Self { words, now: now.to_zoned(zone.clone()) }
    }

    /// `today`, `tomorrow`, or `Friday 27 November`.
    #[must_use]
    pub fn day(&self, at: Timestamp) -> String {
        let (date, today) = (self.local(at).date(), self.now.date());
        let near = [(0, "when.today"), (1, "when.tomorrow"), (-1, "when.yesterday")];
        let near = near.iter().find(|(days, _)| today.checked_add(days.days()).is_ok_and(|day| day == date));
        if let Some((_, key)) = near {
            return self.words.say(key);
        }
        let name = |names: &[String], number: i8| {
            usize::try_from(number).ok().and_then(|number| names.get(number)).cloned().unwrap_or_default()
        };
        let weekday = name(&self.words.weekdays, date.weekday().to_monday_zero_offset());
        let month = name(&self.words.months, date.month() - 1);
        self.words.fill("when.day", &[("weekday", &weekday), ("date", &date.day().to_string()), ("month", &month)])
    }

    /// `at 16:28` today, else with its day.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> String {
        let time = self.clock(at);
        if self.is_today(at) {
            return self.words.fill("when.clock", &[("time", &time)]);
        }
        self.words.fill("when.at", &[("day", &self.day(at)), ("time", &time)])
    }

    /// `16:28`.
    #[must_use]
    pub fn clock(&self, at: Timestamp) -> String {
        crate::shop::clock(self.local(at).time())
    }

    /// `16:28` today, else `26 Nov`.
    #[must_use]
    pub fn short(&self, at: Timestamp) -> String {
        if self.is_today(at) {
            return self.clock(at);
        }
        let date = self.local(at).date();
        let month = usize::try_from(date.month() - 1).ok().and_then(|month| self.words.months.get(month));
        let month: String = month.map_or("", String::as_str).chars().take(MONTH_CHARS).collect();
        format!("{} {month}", date.day())
    }

    /// When it is with the customer (`today 18–20`), or else when it leaves or is ready, with the key of the word that
    /// says which.
    #[must_use]
    pub fn promise(&self, promise: &Promise, pickup: bool) -> Option<(&'static str, String)> {
        if pickup {
            let ready = promise.ship_by.or(promise.deliver_by)?;
            return Some(("promise.ready", self.by(ready)));
        }
        let said = match (promise.deliver_from, promise.deliver_by) {
            (Some(from), Some(by)) if self.local(from).date() == self.local(by).date() => self.window(from, by),
            (Some(from), Some(by)) => self.words.fill("when.days", &[("from", &self.day(from)), ("to", &self.day(by))]),
            (None, Some(by)) => self.by(by),
            (_, None) => return promise.ship_by.map(|ship_by| ("promise.leaves", self.by(ship_by))),
        };
        Some(("promise.with_you", said))
    }

    /// When the pick-up place is open.
    #[must_use]
    pub fn open(&self, openings: &[Opening]) -> String {
        crate::shop::say(openings, self.words, &self.now)
    }

    /// The day so many days from now.
    #[must_use]
    pub fn in_days(&self, days: u16) -> String {
        let then = self.now.checked_add(i32::from(days).days());
        then.map_or_else(|_| String::new(), |then| self.day(then.timestamp()))
    }

    fn window(&self, from: Timestamp, by: Timestamp) -> String {
        let (first, last) = crate::shop::hours(self.local(from).time(), self.local(by).time());
        self.words.fill("when.window", &[("day", &self.day(from)), ("from", &first), ("to", &last)])
    }

    fn by(&self, at: Timestamp) -> String {
        self.words.fill("when.by", &[("day", &self.day(at)), ("time", &self.clock(at))])
    }

    fn is_today(&self, at: Timestamp) -> bool {
        self.local(at).date() == self.now.date()
    }

    fn local(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.now.time_zone().clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Tongues;

    /// Thursday 26 November 2026, 14:03 in Stockholm.
    const NOW: &str = "2026-11-26T13:03:00Z";

    fn at(text: &str) -> Option<Timestamp> {
        (text != "-").then(|| text.parse().unwrap())
    }

    /// `ship_by from by` in UTC, and what is said in English and Swedish.
    #[test]
    fn promises_are_said_as_people_say_them() {
        let rows = [
            ("- 2026-11-26T17:00:00Z 2026-11-26T19:00:00Z", "today 18–20", "i dag 18–20"),
            ("- 2026-11-27T07:00:00Z 2026-11-27T09:00:00Z", "tomorrow 08–10", "i morgon 08–10"),
            ("- 2026-11-27T07:30:00Z 2026-11-27T09:00:00Z", "tomorrow 08:30–10:00", "i morgon 08:30–10:00"),
            ("- 2026-11-26T22:30:00Z 2026-11-27T00:00:00Z", "today to tomorrow", "i dag till i morgon"),
            (
                "- 2026-11-30T07:00:00Z 2026-12-02T19:00:00Z",
                "Monday 30 November to Wednesday 2 December",
                "måndag 30 november till onsdag 2 december",
            ),
            ("- - 2026-11-28T17:00:00Z", "Saturday 28 November by 18:00", "lördag 28 november senast 18:00"),
            ("2026-11-26T15:30:00Z - -", "leaves: today by 16:30", "leaves: i dag senast 16:30"),
            // The last hour of summer time and the first of winter time in Stockholm.
            ("- 2027-03-28T00:00:00Z 2027-03-28T02:00:00Z", "Sunday 28 March 01–04", "söndag 28 mars 01–04"),
            ("- - -", "", ""),
        ];
        let (tongues, zone) = (Tongues::load(None, "en").unwrap(), TimeZone::get("Europe/Stockholm").unwrap());
        for (moments, english, swedish) in rows {
            let moments: Vec<Option<Timestamp>> = moments.split(' ').map(at).collect();
            let promise = Promise { ship_by: moments[0], deliver_from: moments[1], deliver_by: moments[2] };
            for (language, expected) in [("en", english), ("sv", swedish)] {
                let when = When::new(tongues.speak(language), &zone, NOW.parse().unwrap());
                let said = when.promise(&promise, false).map_or_else(String::new, |(label, said)| match label {
                    "promise.leaves" => format!("leaves: {said}"),
                    _ => said,
                });
                assert_eq!(said, expected, "{moments:?}");
            }
        }
    }

    #[test]
    fn a_moment_of_today_needs_no_day() {
        let (tongues, zone) = (Tongues::load(None, "en").unwrap(), TimeZone::get("Europe/Stockholm").unwrap());
        let when = When::new(tongues.speak("en"), &zone, NOW.parse().unwrap());
        for (moment, expected) in [
            ("2026-11-26T15:28:00Z", "at 16:28"),
            ("2026-11-27T06:30:00Z", "tomorrow at 07:30"),
            ("2026-11-25T23:30:00Z", "at 00:30"),
            ("2026-11-25T22:30:00Z", "yesterday at 23:30"),
            ("2026-12-24T14:00:00Z", "Thursday 24 December at 15:00"),
        ] {
            assert_eq!(when.at(moment.parse().unwrap()), expected);
        }
    }
}
