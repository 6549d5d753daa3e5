//! The words that stand in events for what the domain has types for.

use crate::domain::code::{Cause, Condition};
use crate::domain::event::{Adjustment, Method, SignOut, StartCause};
use crate::domain::signal::{Reason, Signal};

/// How an item was identified.
pub fn method_word(method: Method) -> &'static str {
    match method {
        Method::Scan => "scan",
        Method::Manual => "manual",
    }
}

pub const STARTS: [(&str, StartCause); 4] = [
    ("new", StartCause::New),
    ("restarted", StartCause::Restarted),
    ("recovered", StartCause::Recovered),
    ("old_copy", StartCause::OldCopy),
];

pub fn start_word(cause: StartCause) -> &'static str {
    STARTS[cause as usize].0
}

pub fn signal_named(word: &str) -> Result<Signal, String> {
    let found = Signal::ALL.into_iter().find(|signal| signal.word() == word);
    found.ok_or_else(|| format!("signal {word:?} is not known"))
}

pub fn reason_named(word: &str, detail: Option<&str>) -> Result<Reason, String> {
    let detail = detail.unwrap_or_default();
    let reasons = [
        Reason::Cancelled,
        Reason::AwaitsPlatform,
        Reason::OpenElsewhere(detail.into()),
        Reason::NoOrderOpen,
        Reason::OrderOpen(detail.into()),
        Reason::NotOnOrder,
        Reason::LineComplete,
        Reason::Finished,
        Reason::PerhapsCounted,
        Reason::OtherCarrier,
        Reason::NotForCarrier,
        Reason::ParcelsLeft(detail.parse().unwrap_or_default()),
        Reason::TakeOut(detail.into()),
        Reason::NothingToClose,
        Reason::NothingWaits,
        Reason::Incomplete,
        Reason::CheckFailed,
        Reason::OtherMode,
        Reason::OnHold,
        Reason::NotSignedIn,
        Reason::NotPicked,
        Reason::WrongBin(detail.into()),
        Reason::WrongTote(detail.into()),
        Reason::ToteInUse(detail.into()),
        Reason::EmptyTote,
        Reason::RoundFull,
        Reason::WantsTote,
        Reason::Relabel,
        Reason::NoLabel,
        Reason::NoPrinter,
        Reason::NothingToUndo,
        Reason::SerialUsed,
        Reason::Expired,
        Reason::Unfit,
        Reason::OneByOne,
        Reason::PutBack(detail.into()),
        Reason::Unwritten,
        Reason::Full,
        Reason::NotReady,
        Reason::UnknownCode,
        Reason::NoStation,
        Reason::Storage,
    ];
    let found = reasons.into_iter().find(|reason| reason.word() == word);
    found.ok_or_else(|| format!("reason {word:?} is not known"))
}

pub fn cause_named(word: &str) -> Result<Cause, String> {
    let found = Cause::WORDS.iter().find(|(_, cause)| cause.word() == word);
    found.map(|(_, cause)| *cause).ok_or_else(|| format!("reason {word:?} is not known"))
}

pub fn condition_named(word: &str) -> Result<Condition, String> {
    let found = Condition::WORDS.iter().find(|(_, condition)| condition.word() == word);
    found.map(|(_, condition)| *condition).ok_or_else(|| format!("condition {word:?} is not known"))
}

pub fn adjustment_named(word: &str) -> Result<Adjustment, String> {
    let found = Adjustment::WORDS.iter().find(|(known, _)| *known == word);
    found.map(|(_, cause)| *cause).ok_or_else(|| format!("reason {word:?} is not known"))
}

pub fn sign_out_named(word: &str) -> Result<SignOut, String> {
    let found = SignOut::WORDS.iter().find(|(known, _)| *known == word);
    found.map(|(_, cause)| *cause).ok_or_else(|| format!("reason {word:?} is not known"))
}
