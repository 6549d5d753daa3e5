//! How things look to people: times, spans, states and texts, in the site's language and zone.

use super::words::Words;
use crate::report::{Language, Severity, State};
use crate::words::{Answers, Figures};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What decides how the same thing looks: the language and the zone of the site.
#[derive(Clone, Debug)]
pub struct Looks {
    pub language: Language,
    pub timezone: TimeZone,
}

/// A longer text from elsewhere is cut.
const TEXT_CHARS_MAX: usize = 128;

/// A state as colour class, icon and word: never one alone.
#[derive(Clone, Copy, Debug)]
pub struct Light {
    pub class: &'static str,
    pub icon: &'static str,
    pub word: &'static str,
}

/// A time for machines and for people.
#[derive(Clone, Debug)]
pub struct Shown {
    pub machine: String,
    pub people: String,
}

/// How long ago, and when.
#[derive(Clone, Debug)]
pub struct Past {
    pub age: String,
    pub at: Shown,
}

/// One moment, seen in one language and zone.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    pub words: &'static Words,
    pub answers: &'static Answers,
    pub looks: &'a Looks,
    pub now: Timestamp,
    figures: &'static Figures,
}

impl<'a> Sight<'a> {
    pub fn new(looks: &'a Looks, now: Timestamp) -> Self {
        let language = looks.language;
        let (words, answers, figures) = (Words::of(language), Answers::of(language), Figures::of(language));
        Self { words, answers, looks, now, figures }
    }

    pub fn number(&self, number: u64) -> String {
        self.figures.number(number)
    }

    /// `11.4 GB`
    pub fn bytes(&self, bytes: u64) -> String {
        let units = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
        let bytes = bytes as f64;
        match units.into_iter().find(|(_, size)| *size <= bytes) {
            Some((unit, size)) => format!("{}\u{a0}{unit}", self.decimal(bytes / size)),
            None => format!("{bytes}\u{a0}B"),
        }
    }

    /// `1.1/s`
    pub fn rate(&self, per_s: f64) -> String {
        format!("{}/s", self.decimal(per_s))
    }

    pub fn seconds(&self, seconds: u64) -> String {
        self.span(i64::try_from(seconds).unwrap_or(i64::MAX))
    }

    /// With one place after the sign.
    fn decimal(&self, value: f64) -> String {
        format!("{value:.1}").replace('.', self.figures.decimal)
    }

    pub fn light(&self, state: State) -> Light {
        Light { word: self.words.state(state), ..lamp(state) }
    }

    pub fn severity(&self, severity: Severity) -> Light {
        self.light(severity.into())
    }

    pub fn past(&self, at: Timestamp) -> Past {
        Past { age: self.age(at), at: self.shown(at) }
    }

    /// `14:03:09` today, `16 Nov 09:12` on another day.
    pub fn shown(&self, at: Timestamp) -> Shown {
        let there = at.to_zoned(self.looks.timezone.clone());
        let today = self.now.to_zoned(self.looks.timezone.clone()).date();
        let people = match there.date() == today {
            true => format!("{:02}:{:02}:{:02}", there.hour(), there.minute(), there.second()),
            false => {
                let month = self.figures.months[usize::try_from(there.month() - 1).unwrap_or_default()];
                let year = if there.year() == today.year() { String::new() } else { format!("\u{a0}{}", there.year()) };
                format!("{}\u{a0}{month}{year} {:02}:{:02}", there.day(), there.hour(), there.minute())
            }
        };
        Shown { machine: at.to_string(), people }
    }

    /// `14:03:09.123`: a time of the day, where things follow each other fast.
    pub fn precise(&self, at: Timestamp) -> String {
        let there = at.to_zoned(self.looks.timezone.clone());
        format!("{:02}:{:02}:{:02}.{:03}", there.hour(), there.minute(), there.second(), there.millisecond())
    }

    /// How long ago: `15 s`, `12 min`, `1 h 57 min`, `6 d 4 h`.
    pub fn age(&self, since: Timestamp) -> String {
        self.span(self.now.duration_since(since).as_secs())
    }

    /// How long until then; zero where it is past.
    pub fn left(&self, until: Timestamp) -> String {
        self.span(until.duration_since(self.now).as_secs())
    }

    pub fn span(&self, seconds: i64) -> String {
        let seconds = seconds.max(0);
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
        let (d, h) = (self.figures.days, self.figures.hours);
        match (days, hours, minutes) {
            (0, 0, 0) => format!("{seconds}\u{a0}s"),
            (0, 0, _) => format!("{minutes}\u{a0}min"),
            (0, _, _) => format!("{hours}\u{a0}{h} {minutes}\u{a0}min"),
            _ => format!("{days}\u{a0}{d} {hours}\u{a0}{h}"),
        }
    }
}

/// Colour and icon of a state, without a word.
pub fn lamp(state: State) -> Light {
    let (class, icon) = match state {
        State::Well => ("go", "i-well"),
        State::Attention => ("warn", "i-attention"),
        State::Stopped => ("stop", "i-stopped"),
    };
    Light { class, icon, word: "" }
}

/// What is neither good nor bad.
pub fn quiet(word: &'static str) -> Light {
    Light { class: "quiet", icon: "i-info", word }
}

/// Somebody else's text as it may be shown: not too long, and nothing in it that rewrites what stands around it.
pub fn plain(text: &str) -> String {
    let harmless = |c: char| match c {
        _ if c.is_control() => char::REPLACEMENT_CHARACTER,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {
            char::REPLACEMENT_CHARACTER
        }
        _ => c,
    };
    text.chars().take(TEXT_CHARS_MAX).map(harmless).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{now, seconds_ago};

    #[test]
    fn tells_times_in_the_sites_zone() {
        let looks = Looks { language: Language::ENGLISH, timezone: TimeZone::get("Europe/Stockholm").unwrap() };
        let sight = Sight::new(&looks, now());
        for (ago, age, shown) in [
            (15, "15 s", "15:03:09"),
            (720, "12 min", "14:51:24"),
            (7_020, "1 h 57 min", "13:06:24"),
            (532_800, "6 d 4 h", "16 Nov 11:03"),
            (31_536_000, "365 d 0 h", "22 Nov 2025 15:03"),
        ] {
            assert_eq!(sight.age(seconds_ago(ago)).replace('\u{a0}', " "), age);
            assert_eq!(sight.shown(seconds_ago(ago)).people.replace('\u{a0}', " "), shown);
        }
        assert_eq!(sight.age(now() + std::time::Duration::from_secs(9)), "0\u{a0}s", "a clock that stepped back");
        assert_eq!(sight.left(now() + std::time::Duration::from_secs(9)), "9\u{a0}s");
        assert_eq!(sight.precise(seconds_ago(0)), "15:03:24.000");
    }

    #[test]
    fn figures_are_written_as_the_language_does() {
        let swedish = Looks { language: Language::named("sv").unwrap(), timezone: TimeZone::UTC };
        let sight = Sight::new(&swedish, now());
        for (bytes, shown) in
            [(999, "999 B"), (1_000, "1,0 kB"), (11_400_000_000, "11,4 GB"), (410_000_000, "410,0 MB")]
        {
            assert_eq!(sight.bytes(bytes).replace('\u{a0}', " "), shown);
        }
        assert_eq!(sight.rate(1.14), "1,1/s");
    }

    #[test]
    fn a_text_from_elsewhere_can_not_rewrite_what_stands_around_it() {
        assert_eq!(plain("a\u{202e}b\u{1b}[2J\n<b>"), "a\u{fffd}b\u{fffd}[2J\u{fffd}<b>");
        assert_eq!(plain(&"x".repeat(1_000)).len(), TEXT_CHARS_MAX);
    }
}
