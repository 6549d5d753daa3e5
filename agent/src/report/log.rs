//! The newest lines of the agent's own log, in memory, for whoever looks without a shell.
//!
//! What is kept is bounded: [`LINES_MAX`] lines of [`LINE_BYTES_MAX`] bytes, so 250 kB with their ends, however much is
//! logged. Nothing in a line can move a cursor or turn the reading direction: whatever isn't plain text is escaped.

use crate::clock::Clock;
use jiff::Timestamp;
use serde::de::IntoDeserializer;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::VecDeque;
use std::fmt::{self, Debug, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// Lines that are kept: a bad hour of a site whose broker comes and goes.
pub const LINES_MAX: usize = 500;
/// A longer line is cut.
pub const LINE_BYTES_MAX: usize = 400;
/// Stands at the end of what was cut.
const CUT: char = '…';

/// How important a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Level {
    /// Each with its word.
    pub const WORDS: [(&'static str, Self); 5] = [
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];

    /// The word for it in interfaces.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, level)| *level == self).map_or("", |(word, _)| word)
    }

    /// The level of this word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, level)| *level)
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Counts all lines since the start, from 1.
    pub number: u64,
    pub at: Timestamp,
    pub level: Level,
    /// The part of the agent that wrote it: a module's name, `drivers`, or a library's name.
    pub part: String,
    /// What happened, and then `name=value` of its fields; without control characters.
    pub message: String,
    /// How often the same was said right before; the line has the number and time of the last one.
    #[serde(default, skip_serializing_if = "is_none")]
    pub repeated: u64,
}

/// JSON leaves the usual case out.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands in a reference")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// As a terminal shows it.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {}: {}", self.at, self.level, self.part, self.message)?;
        match self.repeated {
            0 => Ok(()),
            1 => f.write_str(" (repeated once)"),
            times => write!(f, " (repeated {times} times)"),
        }
    }
}

/// Which lines are asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    /// The least important.
    #[serde(deserialize_with = "chosen")]
    pub level: Option<Level>,
    /// Exactly this part.
    pub part: Option<String>,
    /// Contained in the message, in capitals or not.
    pub text: Option<String>,
    /// Only lines with a higher number.
    pub after: u64,
    pub limit: Option<usize>,
}

/// A form sends a choice that nobody made as nothing.
fn chosen<'de, D: Deserializer<'de>>(form: D) -> Result<Option<Level>, D::Error> {
    let word = Option::<String>::deserialize(form)?.filter(|word| !word.is_empty());
    word.map(|word| Level::deserialize(word.into_deserializer())).transpose()
}

/// The lines that are kept. Cheap to clone: all clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Lines(Arc<Mutex<Ring>>);

#[derive(Debug, Default)]
struct Ring {
    /// Oldest first.
    lines: VecDeque<Arc<Line>>,
    /// All lines since the start.
    written: u64,
}

impl Lines {
    /// The newest lines that are wanted, newest first.
    #[must_use]
    pub fn read(&self, wanted: &Wanted) -> Vec<Line> {
        let text = wanted.text.as_deref().map(str::to_lowercase);
        let is_wanted = |line: &Arc<Line>| {
            wanted.after < line.number
                && wanted.level.is_none_or(|least| line.level <= least)
                && wanted.part.as_deref().is_none_or(|part| part.is_empty() || line.part == part)
                && text.as_deref().is_none_or(|text| line.message.to_lowercase().contains(text))
        };
        let limit = wanted.limit.unwrap_or(LINES_MAX).min(LINES_MAX);
        // Whoever logs does not wait for the search.
        let kept: Vec<_> = self.ring().lines.iter().rev().cloned().collect();
        kept.into_iter().filter(is_wanted).take(limit).map(|line| Line::clone(&line)).collect()
    }

    /// Takes a line as if the program had logged it.
    #[cfg(test)]
    pub fn say(&self, level: Level, part: &str, message: &str) {
        self.add(Timestamp::UNIX_EPOCH, level, part, plain(message));
    }

    /// How many lines were written since the start.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.ring().written
    }

    /// The parts that the kept lines come from, in order.
    #[must_use]
    pub fn parts(&self) -> Vec<String> {
        let mut parts: Vec<String> = self.ring().lines.iter().map(|line| line.part.clone()).collect();
        parts.sort();
        parts.dedup();
        parts
    }

    /// What takes the lines from the program.
    #[must_use]
    pub fn keeper(&self, clock: Clock) -> Keeper {
        Keeper { lines: self.clone(), clock }
    }

    fn add(&self, at: Timestamp, level: Level, part: &str, message: String) {
        let mut ring = self.ring();
        ring.written += 1;
        let number = ring.written;
        let is_same = |last: &Line| last.level == level && last.part == part && last.message == message;
        let before = ring.lines.pop_back_if(|last| is_same(last));
        let repeated = before.map_or(0, |before| before.repeated + 1);
        if LINES_MAX <= ring.lines.len() {
            ring.lines.pop_front();
        }
        ring.lines.push_back(Arc::new(Line { number, at, level, part: part.to_owned(), message, repeated }));
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes what the program logs, as far as the log's level lets it through.
#[derive(Debug)]
pub struct Keeper {
    lines: Lines,
    clock: Clock,
}

impl<S: Subscriber> Layer<S> for Keeper {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        let metadata = event.metadata();
        self.lines.add(self.clock.now().wall, metadata.level().into(), part(metadata.target()), said.whole());
    }
}

impl From<&tracing::Level> for Level {
    fn from(level: &tracing::Level) -> Self {
        match *level {
            tracing::Level::ERROR => Self::Error,
            tracing::Level::WARN => Self::Warn,
            tracing::Level::INFO => Self::Info,
            tracing::Level::DEBUG => Self::Debug,
            tracing::Level::TRACE => Self::Trace,
        }
    }
}

/// `parceld::sync::client` is of `sync`, `parceld_drivers::port` of `drivers`, and anything else of its crate.
fn part(target: &str) -> &str {
    let mut names = target.split("::");
    match (names.next(), names.next()) {
        (Some("parceld"), Some(module)) => module,
        (Some("parceld_drivers"), _) => "drivers",
        (Some(other), _) => other,
        (None, _) => target,
    }
}

/// A message and its fields, as they come.
#[derive(Default)]
struct Said {
    message: Plain,
    fields: Plain,
}

impl Said {
    fn whole(mut self) -> String {
        let _ = self.message.write_str(&self.fields.0);
        self.message.0.shrink_to_fit();
        self.message.0
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

/// `text` as a line shows it.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut plain = Plain::default();
    let _ = plain.write_str(text);
    plain.0
}

/// Text without anything that isn't seen, cut at [`LINE_BYTES_MAX`].
#[derive(Default)]
struct Plain(String);

impl Write for Plain {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.0.ends_with(CUT) && LINE_BYTES_MAX - CUT.len_utf8() <= self.0.len() {
                break;
            }
            let end = self.0.len();
            match is_plain(c) {
                true => self.0.push(c),
                false => self.0.extend(c.escape_default()),
            }
            if LINE_BYTES_MAX - CUT.len_utf8() < self.0.len() {
                self.0.truncate(end);
                self.0.push(CUT);
                break;
            }
        }
        Ok(())
    }
}

/// No control characters, none that turn the reading direction, and no separators that some programs break lines at.
fn is_plain(c: char) -> bool {
    let hidden = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !c.is_control() && !hidden
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::filter::LevelFilter;
    use tracing_subscriber::layer::SubscriberExt;

    /// What is kept of what `log` says.
    fn kept(log: impl FnOnce()) -> Lines {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::registry().with(LevelFilter::DEBUG).with(lines.keeper(Clock::start()));
        tracing::subscriber::with_default(subscriber, log);
        lines
    }

    fn messages(lines: &Lines, wanted: &Wanted) -> Vec<String> {
        lines.read(wanted).into_iter().map(|line| format!("{} {}", line.number, line.message)).collect()
    }

    #[test]
    fn says_what_happened_and_its_fields() {
        let lines = kept(|| {
            let reason = "unplugged";
            tracing::warn!(scanner = %"hand", reason, reads = 3, "scanner lost");
            tracing::trace!("not let through");
        });
        let line = &lines.read(&Wanted::default())[0];
        assert_eq!(line.message, r#"scanner lost scanner=hand reason="unplugged" reads=3"#);
        assert_eq!((line.number, line.level, line.part.as_str()), (1, Level::Warn, "report"));
        assert_eq!(lines.written(), 1);
    }

    #[test]
    fn finds_lines_by_level_part_text_and_number() {
        let lines = kept(|| {
            tracing::error!("a commit failed");
            tracing::warn!(target: "parceld::sync::client", "no receipt for 60 s");
            tracing::info!(target: "parceld_drivers::port", "opened COM1");
            tracing::debug!(target: "rumqttc::v5", "ping");
        });
        let any = Wanted::default();
        for (what, wanted, expected) in [
            ("all", any.clone(), "4 3 2 1"),
            ("warnings and worse", Wanted { level: Some(Level::Warn), ..any.clone() }, "2 1"),
            ("of sync", Wanted { part: Some("sync".into()), ..any.clone() }, "2"),
            ("of the drivers", Wanted { part: Some("drivers".into()), ..any.clone() }, "3"),
            ("of a library", Wanted { part: Some("rumqttc".into()), ..any.clone() }, "4"),
            ("of any part, by a form", Wanted { part: Some(String::new()), ..any.clone() }, "4 3 2 1"),
            ("with a word", Wanted { text: Some("com1".into()), ..any.clone() }, "3"),
            ("newer ones", Wanted { after: 2, ..any.clone() }, "4 3"),
            ("a few", Wanted { limit: Some(2), ..any.clone() }, "4 3"),
        ] {
            let numbers: Vec<_> = lines.read(&wanted).iter().map(|line| line.number.to_string()).collect();
            assert_eq!(numbers.join(" "), expected, "{what}");
        }
        assert_eq!(lines.parts(), ["drivers", "report", "rumqttc", "sync"]);
    }

    #[test]
    fn escapes_what_is_not_seen() {
        for (code, shown) in [
            ("\u{1b}[2J\r\n", r"\u{1b}[2J\r\n"),
            ("\0\u{7f}\u{9b}", r"\u{0}\u{7f}\u{9b}"),
            ("\u{202e}cod\u{2028}", r"\u{202e}cod\u{2028}"),
            ("Söder å <b>", "Söder å <b>"),
        ] {
            let lines = kept(|| tracing::info!(%code, "scan"));
            assert_eq!(messages(&lines, &Wanted::default()), [format!("1 scan code={shown}")]);
        }
    }

    #[test]
    fn what_is_said_again_and_again_is_one_line() {
        let lines = kept(|| {
            for n in [1, 1, 1, 2, 1] {
                tracing::warn!(n, "no connection");
            }
            tracing::error!(n = 1, "no connection");
        });
        let said: Vec<_> = lines.read(&Wanted::default()).iter().map(|line| (line.number, line.repeated)).collect();
        assert_eq!(said, [(6, 0), (5, 0), (4, 0), (3, 2)]);
        let shown = lines.read(&Wanted::default())[3].to_string();
        assert!(shown.ends_with("no connection n=1 (repeated 2 times)"), "{shown}");
        assert_eq!(lines.written(), 6);
        assert!(lines.read(&Wanted { after: 3, ..Wanted::default() }).iter().all(|line| line.repeated == 0));
    }

    #[test]
    fn keeps_so_many_lines_of_so_many_bytes() {
        let long = "å\u{1b}".repeat(10_000);
        let lines = kept(|| {
            for number in 0..LINES_MAX + 20 {
                tracing::info!(code = %long, other = %long, "{number} {long}");
            }
        });
        let all = lines.read(&Wanted { limit: Some(usize::MAX), ..Wanted::default() });
        assert_eq!((all.len(), all[0].number, lines.written()), (LINES_MAX, 520, 520));
        assert!(all.iter().all(|line| line.message.len() <= LINE_BYTES_MAX && line.message.ends_with(CUT)));
        let room: usize = all.iter().map(|line| line.message.capacity()).sum();
        assert!(room <= LINES_MAX * LINE_BYTES_MAX, "{room}");
    }
}
