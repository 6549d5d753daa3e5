//! Everything that a station's screen says, as words already: facts in, [`Screen`] out.
//!
//! Pure: no clock, no database, no HTML. A signal stands until the scan that ends it: what counted or opened gives way
//! to the next thing after two seconds, look and stop stay until the next scan. What stops all work comes before it, in
//! this order: the storage, an order that was cancelled or held while it is open here, a badge that is missing.

mod act;
mod rail;
mod rest;
mod say;
mod signal;
mod words;

pub use act::{Act, Touch};
pub use words::Words;

use crate::domain::name::ToteId;
use crate::domain::rules::Rules;
use crate::domain::signal::Signal;
use crate::floor::status::Answered;
use crate::journal::Storage;
use crate::journal::view::{Bench, Door, Past, Waiting};
use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;

/// What a screen is made of.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub words: &'a Words,
    pub rules: &'a Rules,
    pub now: Timestamp,
    pub clock_trusted: bool,
    /// How often the agent has started on its file: what another start said is over.
    pub start: u64,
    /// What people call the station.
    pub name: &'a str,
    pub bench: &'a Bench,
    pub waiting: &'a Waiting,
    pub door: &'a Door,
    /// The station's last answers since this start, newest first.
    pub answers: &'a VecDeque<Answered>,
    /// What counted last before this start, newest first.
    pub past: &'a [Past],
    /// None while nobody knows what day it is.
    pub counts: Option<Counts>,
    pub storage: &'a Storage,
    /// Since when the storage is so.
    pub storage_since: Timestamp,
    pub net: Net,
    /// No scanner of the station can be heard.
    pub is_deaf: bool,
}

/// Units that counted at the station.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub today: u64,
    /// In the last sixty minutes.
    pub hour: u64,
}

/// Whether what is saved here gets to the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Net {
    /// So many events are under way.
    Up(u64),
    /// So many events wait here.
    Down(u64),
}

/// All of a station's screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Screen {
    /// The number of the last answer that it knows, since this start; 0 before the first.
    pub number: u64,
    /// Another key is another signal: what is painted again under the same one makes no sound.
    pub key: String,
    pub stage: Stage,
    /// What the stage gives way to after [`SETTLES_AFTER`], where it does.
    pub settled: Option<Stage>,
    pub top: Top,
    pub rail: Rail,
    pub acts: Vec<Act>,
}

/// What the whole screen is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing is open.
    Idle,
    /// At rest in work: scan the next.
    Pick,
    /// The next scan must be something certain.
    Ask,
    /// A unit waits for its tote.
    Round,
    /// Nobody is signed in.
    Badge,
    /// Was the courier here?
    Taken,
    Accepted,
    Completed,
    Opened,
    Wrong,
    Over,
    Already,
    Unknown,
    Refused,
    NotSaved,
}

impl State {
    pub const ALL: [Self; 15] = [
        Self::Idle,
        Self::Pick,
        Self::Ask,
        Self::Round,
        Self::Badge,
        Self::Taken,
        Self::Accepted,
        Self::Completed,
        Self::Opened,
        Self::Wrong,
        Self::Over,
        Self::Already,
        Self::Unknown,
        Self::Refused,
        Self::NotSaved,
    ];

    /// The word for it in the page.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Pick => "pick",
            Self::Ask => "ask",
            Self::Round => "round",
            Self::Badge => "badge",
            Self::Taken => "taken",
            Self::Accepted => "accepted",
            Self::Completed => "completed",
            Self::Opened => "opened",
            Self::Wrong => "wrong",
            Self::Over => "over",
            Self::Already => "already",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
            Self::NotSaved => "notsaved",
        }
    }

    /// What sounds with it; nothing at rest.
    #[must_use]
    pub fn tone(self) -> Option<&'static str> {
        match self {
            Self::Idle | Self::Pick | Self::Ask | Self::Round | Self::Badge | Self::Taken => None,
            signal => Some(signal.word()),
        }
    }

    /// Whether it interrupts: an alert for a screen reader, not a status.
    #[must_use]
    pub fn stops(self) -> bool {
        matches!(self, Self::Wrong | Self::Over | Self::Refused | Self::NotSaved)
    }

    fn settles(self) -> bool {
        matches!(self, Self::Accepted | Self::Completed | Self::Opened)
    }

    fn of(signal: Signal) -> Option<Self> {
        Some(match signal {
            Signal::Accepted => Self::Accepted,
            Signal::Completed => Self::Completed,
            Signal::Opened => Self::Opened,
            Signal::Wrong => Self::Wrong,
            Signal::Over => Self::Over,
            Signal::Already => Self::Already,
            Signal::Unknown => Self::Unknown,
            Signal::Refused => Self::Refused,
            Signal::NotSaved => Self::NotSaved,
            Signal::Silent => return None,
        })
    }
}

/// The part that is read from afar: a shape, a word, a number, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    pub state: State,
    pub mark: Mark,
    pub word: String,
    pub big: Option<Big>,
    /// Done and wanted, where they are few enough to be seen at once.
    pub pips: Option<(u32, u32)>,
    pub what: Option<String>,
    pub below: Below,
}

/// The shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The id of a symbol of the sprite.
    Icon(&'static str),
    Tote(Tote),
}

/// A tote's letter, with one of four outlines and colours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tote {
    pub id: String,
    pub letter: String,
    pub outline: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Big {
    /// "2 of 3".
    Of(u32, u32),
    /// A number of a few figures.
    Number(String),
    Text(String),
    /// What somebody else wrote: shown as it is, in a box of its own.
    Literal(String),
}

/// What stands under the signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Below {
    Nothing,
    Next(Next),
    Queue {
        rows: Vec<Row>,
        count: usize,
    },
    Totes(Vec<Gathered>),
    Choices(Vec<Act>),
    /// A date to set by touch, from this one on.
    Date(jiff::civil::Date),
}

/// The one next thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    pub lead: Lead,
    pub does: String,
    pub name: String,
    pub place: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lead {
    /// So many of it.
    Quantity(u32),
    Icon(&'static str),
    Tote(Tote),
}

/// An order that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub number: String,
    pub due: Option<Due>,
    pub verdict: Option<Verdict>,
    pub more: String,
    pub act: Touch,
}

/// A point in time with what is left until then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    pub at: Timestamp,
    pub left: String,
}

/// A class of colour, a symbol and a word: never one alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub class: &'static str,
    pub icon: &'static str,
    pub word: String,
}

/// A tote of the round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    pub tote: Tote,
    pub done: u32,
    pub of: u32,
    /// The next unit goes in.
    pub is_now: bool,
    /// Cancelled or held: nothing more goes in.
    pub is_stopped: bool,
    pub act: Touch,
}

/// The bar at the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Top {
    pub name: String,
    pub mode: String,
    pub operator: Option<String>,
    pub net: String,
    /// Said in a strip of its own: saved here, sent later.
    pub offline: Option<String>,
    /// Said in a strip of its own, before all others: nobody can scan here.
    pub deaf: Option<&'static str>,
}

/// What stands beside the stage, for arm's length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rail {
    pub clock: Clock,
    pub today: String,
    pub hour: String,
    pub last: Vec<Line>,
}

/// Until when the work must be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    pub title: String,
    /// The time of it, local.
    pub time: Option<String>,
    pub due: Option<Due>,
    pub verdict: Option<Verdict>,
}

/// One of the last scans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub class: &'static str,
    pub icon: &'static str,
    pub name: String,
    pub time: String,
}

/// What counted or opened is looked at for so long; the next scan does not wait for it.
pub const SETTLES_AFTER: SignedDuration = SignedDuration::from_secs(2);

impl Screen {
    /// What the screen says.
    #[must_use]
    pub fn of(facts: &Facts<'_>) -> Self {
        let rest = rest::stage(facts);
        let (key, stage) = signal::stage(facts, &rest);
        let settles = stage.state.settles();
        let stage = if settles && signal::is_over(facts) { rest.clone() } else { stage };
        let settled = (settles && stage != rest).then_some(rest);
        let number = facts.answers.front().map_or(0, |answer| answer.number);
        Self {
            number,
            key: format!("{}:{key}", facts.start),
            acts: act::of(facts),
            stage,
            settled,
            top: rail::top(facts),
            rail: rail::rail(facts),
        }
    }
}

impl Tote {
    /// A letter for a tote that is named by one; else the end of its name. Outline and colour are always the same.
    #[must_use]
    pub fn of(id: &ToteId) -> Self {
        const OUTLINES: [&str; 4] = ["a", "b", "c", "d"];
        let characters: Vec<char> = id.chars().collect();
        let letter = characters[characters.len().saturating_sub(2)..].iter().collect();
        let place = match characters[..] {
            [letter] if letter.is_ascii_alphabetic() => u32::from(letter.to_ascii_uppercase()) - u32::from('A'),
            _ => id.bytes().map(u32::from).sum(),
        };
        Self { id: id.to_string(), letter, outline: OUTLINES[(place % 4) as usize] }
    }
}
