//! `state/agent`: retained, so that whoever looks knows whether the site can be reached.

use serde::Serialize;
use serde_json::Value;
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
    /// Of the database: kept when it is restored or salvaged, and shared by its copies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Uuid>,
    /// Of the running agent: another one at each start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<Uuid>,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateHeard {
    pub state: Presence,
    pub epoch: Uuid,
    /// None of a version that doesn't say them.
    pub origin: Option<Uuid>,
    pub instance: Option<Uuid>,
    pub session: u64,
    pub version: String,
}

/// No agent's state is longer, nor its version.
const STATE_BYTES_MAX: usize = 4 * 1024;
const VERSION_CHARS_MAX: usize = 64;

impl StateHeard {
    /// # Errors
    /// What is wrong with the message; nothing of it is repeated.
    pub fn parse(payload: &[u8]) -> Result<Self, &'static str> {
        if STATE_BYTES_MAX < payload.len() {
            return Err("longer than any");
        }
        let said: Value = serde_json::from_slice(payload).map_err(|_| "no JSON")?;
        let text = |name| said.get(name).and_then(Value::as_str);
        let uuid = |name| text(name).and_then(|text| Uuid::try_parse(text).ok());
        let state = match text("state") {
            Some("online") => Presence::Online,
            Some("offline") => Presence::Offline,
            Some("lost") => Presence::Lost,
            _ => return Err("state: none of online, offline and lost"),
        };
        let session = match said.get("session") {
            Some(session) => session.as_u64().ok_or("session: no whole number from 0 on")?,
            None => 0,
        };
        let version = text("version").unwrap_or_default().chars().filter(|char| !char.is_control());
        Ok(Self {
            state,
            epoch: uuid("epoch").ok_or("epoch: no UUID")?,
            origin: uuid("origin"),
            instance: uuid("instance"),
            session,
            version: version.take(VERSION_CHARS_MAX).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard_and_nothing_else() {
        let (epoch, origin, instance) = (Uuid::from_u128(2), Some(Uuid::from_u128(1)), Some(Uuid::from_u128(3)));
        for state in [Presence::Online, Presence::Offline, Presence::Lost] {
            let said = AgentState { state, version: "0.1.0", epoch, origin, instance, head: 7, session: 3 }.render();
            let heard = StateHeard { state, epoch, origin, instance, session: 3, version: "0.1.0".into() };
            assert_eq!(StateHeard::parse(said.as_bytes()), Ok(heard));
        }

        let old = format!(r#"{{"state": "online", "epoch": "{epoch}", "more": [1]}}"#);
        let heard = StateHeard::parse(old.as_bytes()).unwrap();
        assert_eq!((heard.origin, heard.instance, heard.session, heard.version), (None, None, 0, String::new()));

        let long = "x\\n".repeat(1_000);
        assert!(
            StateHeard::parse(
                format!(r#"{{"state": "online", "epoch": "{epoch}", "more": "{long}{long}"}}"#).as_bytes()
            )
            .is_err()
        );
        let version = format!(r#"{{"state": "online", "epoch": "{epoch}", "version": "{long}"}}"#);
        assert_eq!(StateHeard::parse(version.as_bytes()).unwrap().version, "x".repeat(VERSION_CHARS_MAX));
        for none in [
            format!(r#"{{"state": "{long}", "epoch": "{epoch}"}}"#),
            format!(r#"["online", "{epoch}"]"#),
            format!(r#"{{"state": "online", "epoch": "{epoch}", "session": -1}}"#),
            r#"{"state": "online"}"#.into(),
            "{".into(),
            String::new(),
        ] {
            assert!(StateHeard::parse(none.as_bytes()).is_err(), "{none}");
        }
    }
}
