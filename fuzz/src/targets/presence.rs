//! What agents say in `state/agent`, which the platform and other agents read alike.

use crate::measure::within;
use parceld::contract::state::StateHeard;
use parceld_platform::wire::Agent;
use serde_json::Value;

/// No text of a message is repeated to whoever reads the log, but a version of this length at most.
const TEXT_BYTES_MAX: usize = 256;

pub fn run(bytes: &[u8]) {
    let heard = within(bytes, 8, 1_024, || StateHeard::parse(bytes));
    let heard = match heard {
        Ok(heard) => heard,
        Err(why) => {
            assert!(why.len() < TEXT_BYTES_MAX, "{why}");
            return;
        }
    };
    assert!(heard.version.len() <= TEXT_BYTES_MAX && !heard.version.contains(char::is_control));
    // The platform reads no list as an object either, but keeps nothing of the rest.
    let agent: Agent = serde_json::from_slice(bytes).expect("the platform reads what an agent does");
    assert_eq!((agent.epoch, agent.session), (heard.epoch, heard.session));
    let state: Value = serde_json::from_slice(bytes).expect("JSON");
    assert_eq!(state["state"].as_str().map(str::to_uppercase), Some(format!("{:?}", heard.state).to_uppercase()));
}
