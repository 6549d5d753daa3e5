//! `state/agent`: retained, so that whoever looks knows whether the site can be reached.

use serde::Serialize;
use uuid::Uuid;

/// Whether the agent is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// Connected.
    Online,
    /// Stopped in order.
    Offline,
    /// The will: the connection broke.
    Lost,
}

/// The agent's state.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AgentState<'a> {
    pub state: Presence,
    /// The agent's version.
    pub version: &'a str,
    /// Of its log.
    pub epoch: Uuid,
    /// Head of the log when this was published.
    pub head: u64,
    /// Grows with every connection: a late will can't overrule a newer birth.
    pub session: u64,
}

impl AgentState<'_> {
    #[must_use]
    pub fn render(&self) -> String {
        serde_json::json!(self).to_string()
    }
}
