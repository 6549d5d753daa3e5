//! The platform's word on what it has stored.

use serde::Deserialize;
use uuid::Uuid;

/// Everything of `epoch` up to and including `sequence` is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Receipt {
    /// As in the events.
    pub epoch: Uuid,
    /// The last one without a gap before it; 0 where nothing of the epoch is stored.
    pub sequence: u64,
}

impl Receipt {
    /// # Errors
    /// What is wrong with the message, in serde's words.
    pub fn parse(payload: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(payload).map_err(|error| error.to_string())
    }
}
