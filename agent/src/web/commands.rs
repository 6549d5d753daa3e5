//! The quarantine: messages from the platform that could not be used, with why, and what they were.

use super::Shared;
use super::frame::{Bar, Made, Page};
use super::guard::Visitor;
use super::look::{Looks, Shown, Sight, plain};
use crate::journal::reader::Quarantined;
use crate::report::{Gatherer, Language};
use crate::words::Part;
use askama::Template;
use axum::extract::State as Extract;
use axum::response::Response;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Messages on the page; there are a thousand at most.
const SHOWN_MAX: usize = 100;
/// A payload that is longer is cut.
const PAYLOAD_BYTES_MAX: usize = 4_096;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    pub title: &'static str,
    pub is: &'static str,
    pub empty: &'static str,
    pub unreadable: &'static str,
    pub more: &'static str,
    pub message: &'static str,
    pub payload: &'static str,
    pub bytes: &'static str,
    pub cut: &'static str,
    pub retry: &'static str,
    pub drop: &'static str,
    /// Why a message can't be used, by the contract's words.
    #[serde(borrow)]
    pub reasons: BTreeMap<&'static str, &'static str>,
}

#[derive(Template)]
#[template(path = "commands.html")]
struct Commands<'a> {
    bar: Bar<'a>,
    words: &'static Words,
    /// Instead of messages.
    nothing: Option<String>,
    messages: Vec<Message>,
    /// How many are not shown.
    more: Option<String>,
}

struct Message {
    key: i64,
    at: Shown,
    reason: String,
    why: String,
    payload: String,
    size: String,
    is_cut: bool,
}

impl Words {
    fn of(language: Language) -> &'static Self {
        static WORDS: Part<Words> = Part::new("commands");
        WORDS.of(language)
    }
}

/// `GET /commands`
pub async fn show(Extract(shared): Extract<Shared>, visitor: Visitor) -> Response {
    Page::Commands.show(shared, &visitor).await
}

/// The page. Blocks while the database is read.
///
/// # Errors
/// A template that fails; none does.
pub fn make(gatherer: &Gatherer, looks: &Looks) -> askama::Result<Made> {
    let sight = Sight::new(looks, gatherer.now());
    let about = gatherer.about();
    render(
        Page::Commands.bar(&about, &sight),
        &gatherer.quarantined(PAYLOAD_BYTES_MAX).map_err(|error| error.to_string()),
        &sight,
    )
}

fn render(bar: Bar<'_>, found: &Result<Vec<Quarantined>, String>, sight: &Sight<'_>) -> askama::Result<Made> {
    let words = Words::of(sight.looks.language);
    let nothing = match found {
        Err(why) => Some(format!("{} {why}", words.unreadable)),
        Ok(messages) => messages.is_empty().then(|| words.empty.to_owned()),
    };
    let all = found.as_deref().unwrap_or_default();
    let more = all.len().saturating_sub(SHOWN_MAX);
    let page = Commands {
        bar,
        words,
        nothing,
        messages: all.iter().take(SHOWN_MAX).map(|message| shown(words, sight, message)).collect(),
        more: (0 < more).then(|| format!("{} {}", sight.number(more as u64), words.more)),
    };
    Made::new(words.title, &page)
}

fn shown(words: &'static Words, sight: &Sight<'_>, message: &Quarantined) -> Message {
    Message {
        key: message.key,
        at: sight.shown(message.at),
        reason: words
            .reasons
            .get(message.reason.as_str())
            .map_or_else(|| plain(&message.reason), |said| (*said).into()),
        why: plain(&message.why),
        payload: visible(&message.payload),
        size: sight.number(message.bytes as u64),
        is_cut: message.payload.len() < message.bytes,
    }
}

/// Text as it is, but for what would rewrite what stands around it; ends of lines stay.
fn visible(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload).split('\n').map(line).collect::<Vec<_>>().join("\n")
}

fn line(text: &str) -> String {
    let mut rest = text;
    let mut shown = String::with_capacity(text.len());
    while !rest.is_empty() {
        let end = rest.char_indices().nth(CHARS_AT_ONCE).map_or(rest.len(), |(end, _)| end);
        shown.push_str(&plain(&rest[..end]));
        rest = &rest[end..];
    }
    shown
}

/// [`plain`] cuts what is longer.
const CHARS_AT_ONCE: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::now;
    use jiff::tz::TimeZone;

    fn rendered(found: &Result<Vec<Quarantined>, String>, language: Language) -> String {
        let looks = Looks { language, timezone: TimeZone::UTC };
        let sight = Sight::new(&looks, now());
        let bar = Bar {
            words: sight.words,
            site: "s",
            site_id: None,
            version: "1",
            now: sight.shown(now()),
            ways: Vec::new(),
        };
        render(bar, found, &sight).unwrap().parts
    }

    fn message(key: i64, payload: &[u8]) -> Quarantined {
        let (reason, why, bytes) = ("unreadable".into(), "no <json>".into(), payload.len());
        let payload = payload.iter().take(PAYLOAD_BYTES_MAX).copied().collect();
        Quarantined { key, at: now(), reason, why, payload, bytes }
    }

    #[test]
    fn a_payload_is_shown_as_text_and_cut() {
        let long = [b"{\"a\":\n\"<script>\x1b\xff".as_slice(), &[b'x'; 5_000]].concat();
        let page = rendered(&Ok(vec![message(7, &long)]), Language::ENGLISH);
        assert!(page.contains("{&#34;a&#34;:\n&#34;&#60;script&#62;\u{fffd}\u{fffd}xxx"), "{page}");
        assert!(!page.contains(&"x".repeat(4_096)), "cut");
        assert!(page.contains("no &#60;json&#62;") && page.contains("5,017"), "{page}");
        for action in ["retry", "drop"] {
            assert!(page.contains(&format!("method=\"post\" action=\"/actions/quarantine/7/{action}\"")), "{page}");
        }
    }

    #[test]
    fn an_empty_quarantine_says_so_and_many_messages_are_counted() {
        for language in Language::all() {
            assert!(rendered(&Ok(Vec::new()), language).contains(Words::of(language).empty));
        }
        let many = (0..130).map(|key| message(key, b"x")).collect();
        let page = rendered(&Ok(many), Language::ENGLISH);
        assert_eq!(page.matches("<pre>").count(), SHOWN_MAX);
        assert!(page.contains("30 more"), "{page}");
        assert!(rendered(&Err("disk I/O error".into()), Language::ENGLISH).contains("disk I/O error"));
    }
}
