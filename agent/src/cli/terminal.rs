//! What reaches the terminal: escaped, coloured only where that is wanted, and never on a closed pipe.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

/// Colours for states, or none.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    is_on: bool,
}

/// The colours that states have on every screen of ours.
#[derive(Clone, Copy, Debug)]
pub enum Tone {
    Go,
    Look,
    Stop,
    Quiet,
}

impl Paint {
    /// Colours if stdout is a terminal that shows them and nobody has set `NO_COLOR` (no-color.org).
    pub fn for_stdout() -> Self {
        let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { is_on: io::stdout().is_terminal() && !is_unwanted && !is_dumb }
    }

    #[cfg(test)]
    pub fn off() -> Self {
        Self { is_on: false }
    }

    pub fn paint(self, tone: Tone, text: &str) -> String {
        if !self.is_on {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Go => "1;32",
            Tone::Look => "1;33",
            Tone::Stop => "1;31",
            Tone::Quiet => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// `text` with everything escaped that could move the cursor, colour, ring or reorder what is shown.
pub fn plain(text: &str) -> String {
    escape(text, |escaped, c| write!(escaped, "\\u{{{:x}}}", u32::from(c)))
}

/// The same for JSON, where such characters, but for the ends of lines, only stand inside of strings.
pub fn plain_json(json: &str) -> String {
    let line = |line| {
        escape(line, |escaped, c| {
            c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(escaped, "\\u{unit:04x}"))
        })
    };
    json.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// A line to stdout.
pub fn print(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// A message to stderr.
pub fn complain(message: &str) {
    eprintln!("parceld: {}", plain(message));
}

/// `2026-11-22 15:03:09` in the site's zone.
pub fn time(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn escape(text: &str, write: impl Fn(&mut String, char) -> std::fmt::Result) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match is_harmful(c) {
            true => _ = write(&mut escaped, c),
            false => escaped.push(c),
        }
    }
    escaped
}

fn is_harmful(c: char) -> bool {
    let breaks_lines = matches!(c, '\u{2028}' | '\u{2029}');
    let reorders = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || breaks_lines || reorders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lets_nothing_through_that_a_terminal_obeys() {
        for (text, shown) in [
            ("10042", "10042"),
            ("Blåbär 250 g", "Blåbär 250 g"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\r\nb\u{7}", "a\\u{d}\\u{a}b\\u{7}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{7f}", "\\u{7f}"),
            ("1\u{202e}2", "1\\u{202e}2"),
        ] {
            assert_eq!(plain(text), shown);
        }
    }

    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({"code": "\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\u{1f600}\n\\u000a"});
        for json in [value.to_string(), format!("{value:#}")] {
            let shown = plain_json(&json);
            assert!(!shown.chars().any(|c| c != '\n' && is_harmful(c)), "{shown}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        }
    }
}
