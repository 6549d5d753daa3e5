//! Who works at a station: badges.

use super::{Decision, Facts};
use crate::domain::event::{Event, SignOut};
use crate::domain::name::OperatorId;
use crate::domain::signal::{Answer, Reason, Signal};

/// A badge signs in, and whoever was signed in out. What is open at the station stays open.
pub fn badge(facts: &Facts<'_>, operator: &OperatorId) -> Decision {
    if facts.station.operator.as_ref() == Some(operator) {
        return Decision::refused(facts, Signal::Already, Reason::Finished).item(operator);
    }
    let mut decision = Decision::nothing(facts, Answer::new(Signal::Opened).item(operator)).keeping(facts);
    if let Some(relieved) = facts.station.operator.clone() {
        decision.events.push(Event::OperatorOut { operator: relieved, cause: SignOut::Relieved });
    }
    decision.events.push(Event::OperatorIn { operator: operator.clone() });
    decision.station.operator = Some(operator.clone());
    decision.station.active_s = facts.uptime_s;
    decision
}
