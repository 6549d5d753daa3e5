//! When a pick-up place is open, as people say it.

use crate::words::Words;
use jiff::Zoned;
use jiff::civil::Time;
use serde::Deserialize;

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The same hours on some days of the week.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    days: Vec<String>,
    from: Time,
    to: Time,
}

impl Opening {
    /// # Errors
    /// What is wrong, for the shop.
    pub fn check(&self) -> Result<(), String> {
        if let Some(day) = self.days.iter().find(|day| !DAYS.contains(&day.as_str())) {
            return Err(format!("pickup.open: {day:?} is no day; write {}", DAYS.join(", ")));
        }
        if self.days.is_empty() || self.to <= self.from {
            return Err(format!("pickup.open: opens at {} and closes at {}", clock(self.from), clock(self.to)));
        }
        Ok(())
    }

    /// Numbers of its days, from Monday as 0.
    fn numbers(&self) -> Vec<usize> {
        (0..DAYS.len()).filter(|number| self.days.iter().any(|day| day == DAYS[*number])).collect()
    }
}

/// All hours in a sentence's part: `Monday to Saturday 10–20 (today until 20)`; empty where none are known.
#[must_use]
pub fn say(openings: &[Opening], words: &Words, now: &Zoned) -> String {
    let parts: Vec<String> = openings
        .iter()
        .map(|open| {
            let (from, to) = hours(open.from, open.to);
            words.fill("when.open", &[("days", &days(&open.numbers(), words)), ("from", &from), ("to", &to)])
        })
        .collect();
    let all = parts.join(", ");
    let today = usize::try_from(now.weekday().to_monday_zero_offset()).unwrap_or_default();
    let open_now =
        openings.iter().find(|open| open.numbers().contains(&today) && open.from <= now.time() && now.time() < open.to);
    match open_now {
        Some(open) => words.fill("when.open_until", &[("open", &all), ("time", &hours(open.to, open.to).1)]),
        None => all,
    }
}

/// Neighbouring days as a span, others one by one.
fn days(numbers: &[usize], words: &Words) -> String {
    let name = |number: usize| words.weekdays.get(number).map_or("", String::as_str);
    let spans = numbers.chunk_by(|one, next| one + 1 == *next);
    let said: Vec<String> = spans
        .map(|span| match span {
            [first, .., last] if 2 < span.len() => {
                words.fill("when.open_days", &[("from", name(*first)), ("to", name(*last))])
            }
            some => some.iter().map(|number| name(*number)).collect::<Vec<_>>().join(", "),
        })
        .collect();
    said.join(", ")
}

/// Two times of a span: bare hours where both are full.
#[must_use]
pub fn hours(from: Time, to: Time) -> (String, String) {
    if from.minute() == 0 && to.minute() == 0 {
        return (format!("{:02}", from.hour()), format!("{:02}", to.hour()));
    }
    (clock(from), clock(to))
}

#[must_use]
pub fn clock(time: Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}
