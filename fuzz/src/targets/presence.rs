//! What agents say in `state/agent`, which the platform and other agents read alike.

use crate::measure::within;
use parceld::contract::state::StateHeard;
use parceld_platform::wire::Agent;

/// A version is shown to people: never longer, nor with anything that breaks a line.
const VERSION_BYTES_MAX: usize = 256;

pub fn run(bytes: &[u8]) {
    let Ok(heard) = within(bytes, 256, 4_096, || StateHeard::parse(bytes)) else { return };
    assert!(heard.version.len() <= VERSION_BYTES_MAX && !heard.version.contains(char::is_control));
    // It is stricter with fields that come twice.
    if let Ok(agent) = serde_json::from_slice::<Agent>(bytes) {
        assert_eq!((agent.epoch, agent.session), (heard.epoch, heard.session));
        assert_eq!(format!("{:?}", agent.state), format!("{:?}", heard.state));
    }
}
