//! What sites send, as the contract says it. Fields that are not known here are left alone.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use uuid::Uuid;

/// No message of the contract is larger.
pub const MESSAGE_BYTES_MAX: usize = 128 * 1024;

/// A message that is not what the contract says. Its text goes to quarantine with the reason.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("{0} bytes, at most {MESSAGE_BYTES_MAX} are read")]
    TooLarge(usize),
    #[error("not UTF-8")]
    NotText,
    #[error("not what the contract says: {0}")]
    Json(#[from] serde_json::Error),
    #[error("source {0:?} is not this topic's site")]
    Source(String),
    #[error("type {0:?} is not of this topic's group")]
    Group(String),
    #[error("sequence {0}: the first is 1")]
    Sequence(i64),
    #[error("topic {0:?} is none of the contract's")]
    Topic(String),
    #[error("no room for another site or epoch")]
    TooMany,
}

/// An event as its site published it.
#[derive(Debug, Deserialize)]
pub struct Envelope<'a> {
    pub id: Uuid,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    pub time: Timestamp,
    pub epoch: Uuid,
    pub sequence: i64,
    /// The log's head when it was sent.
    #[serde(default)]
    pub head: i64,
    /// What `time` is worth.
    #[serde(default, borrow)]
    clock: Option<Cow<'a, str>>,
    /// It was sent late.
    #[serde(default)]
    pub historical: bool,
    #[serde(default, borrow)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub data: &'a RawValue,
}

/// `clock` of an event whose site had not learned the time.
pub const UNSYNCED: &str = "unsynced";
/// `clock` of one whose `time` was set right afterwards.
pub const CORRECTED: &str = "corrected";

/// Subjects of our sites are much shorter; one that isn't can't be looked up.
const SUBJECT_BYTES_MAX: usize = 200;

impl<'a> Envelope<'a> {
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &'a str) -> Result<Self, Unreadable> {
        let event: Self = serde_json::from_str(text)?;
        if event.sequence < 1 {
            return Err(Unreadable::Sequence(event.sequence));
        }
        Ok(event)
    }

    /// Whether it came where it belongs.
    ///
    /// # Errors
    /// Its source is another site, or its type another group.
    pub fn check(&self, site: &str, group: &str) -> Result<(), Unreadable> {
        if self.source.strip_prefix("/sites/") != Some(site) {
            return Err(Unreadable::Source(self.source.clone().into_owned()));
        }
        if self.kind().and_then(|kind| kind.split_once('.')).is_none_or(|(first, _)| first != group) {
            return Err(Unreadable::Group(self.r#type.clone().into_owned()));
        }
        Ok(())
    }

    /// Its site had not learned the time: all that it says of times is reckoned from a wrong one.
    #[must_use]
    pub fn is_unsynced(&self) -> bool {
        self.clock.as_deref() == Some(UNSYNCED)
    }

    /// What it is about, such as `orders/10042`.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref().filter(|subject| subject.len() <= SUBJECT_BYTES_MAX)
    }

    /// The order that it is about.
    #[must_use]
    pub fn order(&self) -> Option<&str> {
        self.subject()?.strip_prefix("orders/")
    }

    /// `{group}.{type}`, without what every type of this version has around it.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        kind(&self.r#type)
    }
}

/// `{group}.{type}` of a type of this version.
#[must_use]
pub fn kind(r#type: &str) -> Option<&str> {
    r#type.strip_prefix("parceld.")?.strip_suffix(".v1")
}

/// `state/agent`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Agent {
    pub state: Presence,
    pub epoch: Uuid,
    /// Grows with every connection of one database.
    #[serde(default)]
    pub session: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    Online,
    Offline,
    Lost,
}

impl Agent {
    /// Whether `self` is news after `known`. A will that comes late never overrules a newer birth.
    #[must_use]
    pub fn overrules(&self, known: &Self) -> bool {
        if self.epoch == known.epoch {
            return known.session <= self.session;
        }
        self.state == Presence::Online
    }
}

/// `receipts`, as this or another instance has said it.
#[derive(Debug, Deserialize)]
pub struct ReceiptHeard {
    pub epoch: Uuid,
    pub sequence: i64,
}

/// What the platform reads of `state/promise`; the rest passes through.
#[derive(Debug, Deserialize)]
pub struct PromiseState {
    pub computed_at: Timestamp,
    pub valid_until: Timestamp,
}

impl PromiseState {
    /// Whether `self` is news after `known`. An instance that lags may hold an older one; a site's clock that was put
    /// back also makes it look older, but then `known` is soon no longer valid.
    #[must_use]
    pub fn overrules(&self, known: &Self, now: Timestamp) -> bool {
        known.computed_at <= self.computed_at || known.valid_until <= now
    }
}

/// A reply's `data`.
#[derive(Debug, Deserialize)]
pub struct Reply<'a> {
    #[serde(borrow)]
    pub command: Cow<'a, str>,
    #[serde(borrow)]
    pub status: Cow<'a, str>,
    #[serde(default, borrow)]
    pub reason: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    pub detail: Option<Cow<'a, str>>,
}

impl<'a> Reply<'a> {
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &'a str) -> Result<Self, Unreadable> {
        #[derive(Deserialize)]
        struct Wire<'a> {
            #[serde(borrow)]
            data: Reply<'a>,
        }
        Ok(serde_json::from_str::<Wire<'a>>(text)?.data)
    }
}

/// A payload as text.
///
/// # Errors
/// It is too large or no text.
pub fn text(payload: &[u8]) -> Result<&str, Unreadable> {
    if MESSAGE_BYTES_MAX < payload.len() {
        return Err(Unreadable::TooLarge(payload.len()));
    }
    std::str::from_utf8(payload).map_err(|_| Unreadable::NotText)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_will_never_overrules_a_newer_birth() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let agent = |state, epoch, session| Agent { state, epoch, session };
        let birth = agent(Presence::Online, one, 5);
        let rows = [
            (agent(Presence::Lost, one, 4), false),
            (agent(Presence::Lost, one, 5), true),
            (agent(Presence::Online, one, 6), true),
            (agent(Presence::Online, one, 4), false),
            (agent(Presence::Online, two, 1), true),
            (agent(Presence::Lost, two, 9), false),
        ];
        for (news, expected) in rows {
            assert_eq!(news.overrules(&birth), expected, "{news:?}");
        }
    }
}
