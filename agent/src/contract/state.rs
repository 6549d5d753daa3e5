//! `state/agent`: retained, so that whoever looks knows whether the site can be reached.

use super::object::Object;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Whether the agent is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The first epoch of the file that the log is in, which its copies share: by it an agent knows its own earlier lives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Uuid>,
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

/// What an agent of this site has said, as another one reads it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct StateHeard {
    pub state: Presence,
    pub epoch: Uuid,
    /// None of a version that doesn't say it.
    #[serde(default)]
    pub origin: Option<Uuid>,
    #[serde(default)]
    pub session: u64,
    #[serde(default)]
    pub version: String,
}

/// No version has more.
const VERSION_CHARS_MAX: usize = 64;

impl StateHeard {
    /// # Errors
    /// That the message is none; nothing of it is repeated.
    pub fn parse(payload: &[u8]) -> Result<Self, String> {
        let heard = serde_json::from_slice(payload);
        let Object(heard): Object<Self> = heard.map_err(|error| format!("{:?} error", error.classify()))?;
        let version = heard.version.chars().filter(|char| !char.is_control()).take(VERSION_CHARS_MAX).collect();
        Ok(Self { version, ..heard })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard_and_nothing_else() {
        let (epoch, origin) = (Uuid::from_u128(2), Some(Uuid::from_u128(1)));
        let said = AgentState { state: Presence::Lost, version: "0.1.0", epoch, origin, head: 7, session: 3 }.render();
        let heard = StateHeard { state: Presence::Lost, epoch, origin, session: 3, version: "0.1.0".into() };
        assert_eq!(StateHeard::parse(said.as_bytes()), Ok(heard));

        let old = format!(r#"{{"state": "online", "epoch": "{epoch}", "more": [1]}}"#);
        let heard = StateHeard::parse(old.as_bytes()).unwrap();
        assert_eq!((heard.origin, heard.session, heard.version), (None, 0, String::new()));

        let long = "x\\n".repeat(1_000);
        let version = format!(r#"{{"state": "online", "epoch": "{epoch}", "version": "{long}"}}"#);
        assert_eq!(StateHeard::parse(version.as_bytes()).unwrap().version, "x".repeat(VERSION_CHARS_MAX));
        for none in [
            format!(r#"{{"state": "{long}", "epoch": "{epoch}"}}"#),
            format!(r#"["online", "{epoch}"]"#),
            r#"{"state": "online"}"#.into(),
            "{".into(),
            String::new(),
        ] {
            let why = StateHeard::parse(none.as_bytes()).unwrap_err();
            assert!(why.len() < 32, "{why}");
        }
    }
}
