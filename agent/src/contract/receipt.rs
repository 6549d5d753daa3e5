//! The platform's word on what it has stored.

use super::object::Object;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// Everything of `epoch` up to and including `sequence` is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Receipt {
    /// As in the events.
    pub epoch: Uuid,
    /// The last one without a gap before it; 0 where nothing of the epoch is stored.
    pub sequence: u64,
}

/// Fields are read by themselves: serde's words on a wrong one have all of it in them, however long it is.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    epoch: &'a RawValue,
    #[serde(borrow)]
    sequence: &'a RawValue,
}

impl Receipt {
    /// # Errors
    /// What is wrong with the message; nothing of it is repeated.
    pub fn parse(payload: &[u8]) -> Result<Self, String> {
        if !payload.trim_ascii_start().starts_with(b"{") {
            return Err("no object".into());
        }
        let Object(Wire { epoch, sequence }) = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
        Ok(Self {
            epoch: serde_json::from_str(epoch.get()).map_err(|_| "epoch: no UUID")?,
            sequence: sequence.get().parse().map_err(|_| "sequence: no whole number from 0 on")?,
        })
    }
}
