//! Times and spans as a screen shows them.

use super::{Due, Facts, Verdict};
use crate::domain::promise::{Course, Standing};
use jiff::{SignedDuration, Timestamp};

/// Between a number and its unit.
const NO_BREAK_SPACE: char = '\u{a0}';

/// From then on days are counted.
const DAYS_FROM_H: i64 = 48;

impl Facts<'_> {
    /// `14:03`
    pub fn time(&self, at: Timestamp) -> String {
        at.to_zoned(self.rules.zone.clone()).strftime("%H:%M").to_string()
    }

    /// `14:03:07`
    pub fn time_to_the_second(&self, at: Timestamp) -> String {
        at.to_zoned(self.rules.zone.clone()).strftime("%H:%M:%S").to_string()
    }

    /// `16:30` today, `Fri 16:30` would need a word: `27/11 16:30` on another day.
    pub fn time_or_day(&self, at: Timestamp) -> String {
        let zoned = at.to_zoned(self.rules.zone.clone());
        match zoned.date() == self.rules.day(self.now) {
            true => self.time(at),
            false => format!("{}/{} {}", zoned.day(), zoned.month(), self.time(at)),
        }
    }

    pub fn due(&self, at: Timestamp) -> Due {
        Due { at, left: left(at.duration_since(self.now), self.words.days) }
    }

    /// How an order stands, as a mark; none while nothing is known of it.
    pub fn verdict(&self, standing: Option<&Standing>) -> Option<Verdict> {
        let words = self.words;
        let (class, icon, word) = match standing?.course {
            Course::OnTrack => ("go", "i-well", words.in_time),
            Course::AtRisk => ("warn", "i-attention", words.tight),
            Course::WillMiss => ("stop", "i-stopped", words.will_miss),
            Course::Over => return None,
        };
        Some(Verdict { class, icon, word: word.to_owned() })
    }
}

/// Hours and minutes, begun minutes left out: `0:42`; what is over is `0:00`.
fn left(span: SignedDuration, days: &str) -> String {
    let minutes = span.as_mins().max(0);
    let hours = minutes / 60;
    if DAYS_FROM_H <= hours {
        let days_and_unit = days.replace("{n}", &(hours / 24).to_string());
        return days_and_unit.replace(' ', &NO_BREAK_SPACE.to_string());
    }
    format!("{hours}:{:02}", minutes % 60)
}

/// Symbol and colour of each signal in a list.
pub fn signal_mark(signal: crate::domain::signal::Signal) -> (&'static str, &'static str) {
    use crate::domain::signal::Signal;
    match signal {
        Signal::Accepted | Signal::Silent => ("go", "i-accepted"),
        Signal::Completed => ("go", "i-completed"),
        Signal::Opened => ("open", "i-opened"),
        Signal::Wrong => ("stop", "i-wrong"),
        Signal::Over => ("stop", "i-over"),
        Signal::Already => ("warn", "i-already"),
        Signal::Unknown => ("warn", "i-unknown"),
        Signal::Refused => ("stop", "i-refused"),
        Signal::NotSaved => ("stop", "i-notsaved"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_down_by_begun_minutes_and_then_days() {
        for (seconds, shown) in [
            (-90, "0:00"),
            (0, "0:00"),
            (59, "0:00"),
            (60, "0:01"),
            (42 * 60 + 59, "0:42"),
            (26 * 3_600 + 600, "26:10"),
            (3 * 86_400, "3\u{a0}d"),
        ] {
            assert_eq!(left(SignedDuration::from_secs(seconds), "{n} d"), shown, "{seconds}");
        }
    }
}
