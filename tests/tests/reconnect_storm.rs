//! All agents of a fleet lose their broker at once, and come back to it: spread out, all of them, and with everything.

use parceld_tests::agent::{Agent, AgentSetup};
use parceld_tests::mosquitto::{Mosquitto, Options};
use parceld_tests::mqtt_client::MqttClient;
use parceld_tests::platform::Platform;
use parceld_tests::upstream::BEGINS_WITHIN;
use parceld_tests::wait::{self, Stopwatch};
use std::collections::BTreeSet;
use std::time::Duration;

const AGENTS: usize = 200;

/// Longer than the first waits, which are short: a broker that has died is not back sooner.
const AWAY: Duration = Duration::from_secs(12);

/// Agents try again after anything up to this long in the first half minute.
const SPREAD_OVER: Duration = Duration::from_secs(4);

/// Of all agents, in any quarter of a second. Evenly spread it would be a sixteenth.
const MOST_IN_A_STEP: usize = AGENTS / 5;
const STEP: Duration = Duration::from_millis(250);

const STARTS_WITHIN: Duration = Duration::from_secs(300);

#[test]
#[ignore = "long"]
fn two_hundred_agents_come_back_to_their_broker_spread_out() {
    let mut broker = Mosquitto::with(Options { max_queued_messages: Some(0), ..Options::default() });
    let platform = Platform::start(broker.port());
    let url = broker.url();
    let agents: Vec<Agent> = (0..AGENTS)
        .map(|number| AgentSetup::new(&format!("site-{number:03}"), &url).station("bench", "pack").start())
        .collect();
    let until_received = |patience: Duration| {
        let mut agents = agents.iter().peekable();
        wait::until("receipts for everything", patience, || {
            while let Some(agent) = agents.peek() {
                let reply = parceld_tests::http::get(&format!("{}/api/v1/status", agent.url())).ok()?;
                let status = reply.json();
                let log = &status["log"];
                if log["received"] != log["head"] || log["head"].as_u64() == Some(0) {
                    return None;
                }
                agents.next();
            }
            Some(())
        });
    };
    until_received(STARTS_WITHIN);

    broker.kill9();
    let away = Stopwatch::start();
    wait::until("the broker to have been away", STARTS_WITHIN, || (AWAY <= away.elapsed()).then_some(()));
    broker.restart();
    let clock = Stopwatch::start();
    let listener = MqttClient::connect(broker.port(), "listener");
    listener.subscribe("parceld/v1/+/state/agent");
    let (mut back, mut read, mut steps) = (BTreeSet::new(), 0, Vec::new());
    wait::until("every agent to be back", BEGINS_WITHIN, || {
        let messages = listener.messages();
        let new = messages[read..].iter().filter(|message| message.json()["state"] == "online");
        back.extend(new.map(|message| message.topic.clone()));
        read = messages.len();
        let step = (clock.elapsed().as_millis() / STEP.as_millis()) as usize;
        steps.resize(step + 1, back.len());
        steps[step] = back.len();
        (back.len() == AGENTS).then_some(())
    });
    let came: Vec<usize> = steps.iter().scan(0, |before, now| Some(now - std::mem::replace(before, *now))).collect();
    println!("{AGENTS} agents back after {:?}; in each {STEP:?}: {came:?}", clock.elapsed());
    assert!(came.iter().all(|count| *count <= MOST_IN_A_STEP), "too many at once: {came:?}");
    assert!(SPREAD_OVER / 2 <= clock.elapsed(), "spread over the whole wait");
    until_received(BEGINS_WITHIN);
    assert!(agents.iter().all(|agent| platform.site(&site_of(agent)).is_some()));
}

fn site_of(agent: &Agent) -> String {
    agent.status()["site"]["id"].as_str().expect("an agent knows its site").to_owned()
}
