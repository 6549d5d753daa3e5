//! Requests and replies as JSON.

use crate::action::{self, Action};
use crate::report::{Report, Told};
use serde::{Deserialize, Serialize};

/// A request and the site that it is meant for.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    pub site: String,
    #[serde(flatten)]
    pub ask: Ask,
}

impl Request {
    /// # Errors
    /// The line is no request.
    pub fn read(line: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(line).map_err(|error| Refusal::Unreadable { detail: error.to_string() })
    }
}

/// What is asked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Ask {
    Status,
    Scan {
        station: String,
        code: String,
    },
    /// Numbers for labels that are printed beforehand.
    ReserveLabels {
        count: u32,
    },
    /// The newest lines of the log.
    Log,
    /// The configuration that runs.
    Configuration,
    /// Something for a technician.
    Act {
        #[serde(flatten)]
        action: Action,
    },
}

/// What comes back.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    Report(Box<Report>),
    Answer(Box<Told>),
    /// The serial of the first number; the others follow it.
    Reserved {
        first: u64,
    },
    Log {
        lines: Vec<String>,
    },
    /// As JSON, with what may be a secret hidden.
    Configuration {
        shown: String,
    },
    Acted(action::Told),
    Refused(Refusal),
}

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Refusal {
    #[error("the request can't be read: {detail}")]
    Unreadable { detail: String },
    #[error("the agent that answers serves the site {site}, not the one that was meant")]
    OtherSite { site: String },
    #[error("there is no station {station}; there are: {}", .known.join(", "))]
    UnknownStation { station: String, known: Vec<String> },
    #[error("too many are asking at the same time: try again")]
    Busy,
    #[error("no answer within {seconds} s: whether the scan counted is in parceld events")]
    NoAnswer { seconds: u64 },
    #[error("the agent failed: {detail}")]
    Failed { detail: String },
}
