//! One site, one agent: of two boards that are set up for the same site one serves it, and a technician says which.

use parceld_tests::agent::{Agent, AgentSetup};
use parceld_tests::mqtt_client::MqttClient;
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::site::{Broker, PATIENCE, SITE, Site};
use parceld_tests::{http, wait};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const ROOT: &str = "parceld/v1";
const BENCH: usize = 0;

/// A second board with the site's id, and a scanner at its bench.
struct Board {
    agent: Agent,
    scanner: VirtualScanner,
}

impl Board {
    fn start(broker: &Broker, change: impl FnOnce(AgentSetup) -> AgentSetup) -> Board {
        let scanner = VirtualScanner::new();
        let setup = AgentSetup::new(SITE, &broker.url()).station("bench-1", "pack");
        let mut agent = change(setup.scanner("scanner-1", "bench-1", scanner.port())).start();
        agent.ready();
        Board { agent, scanner }
    }

    /// Scans what nobody knows: an event each.
    fn scan(&mut self, code: &str) {
        assert!(self.scanner.scan(code).recorded, "{code} was not saved");
    }
}

fn until_it_stays_away(agent: &Agent) {
    wait::until("an agent that stays away", PATIENCE, || agent.finding("another_agent"));
}

fn until_it_serves(agent: &Agent) {
    wait::until("an agent that serves the site", PATIENCE, || {
        (agent.status()["broker"]["state"] == "up").then_some(())
    });
}

/// The epoch of the agent's log.
fn epoch(agent: &Agent) -> String {
    agent.status()["log"]["epoch"].as_str().expect("a log has an epoch").to_owned()
}

/// Waits until everything of the agent's log is with the platform.
fn until_sent(agent: &Agent) {
    wait::until("receipts for everything", PATIENCE, || {
        let log = &agent.status()["log"];
        (log["received"] == log["head"]).then_some(())
    });
}

fn open_orders(agent: &Agent) -> usize {
    let orders = agent.command(&["orders", "--json"]).output().expect("the agent's program runs");
    String::from_utf8(orders.stdout).expect("text").lines().count()
}

fn claim(agent: &Agent) {
    let claimed = agent.command(&["claim"]).output().expect("the agent's program runs");
    let said = String::from_utf8_lossy(&claimed.stderr) + String::from_utf8_lossy(&claimed.stdout);
    assert!(claimed.status.success(), "{said}");
    assert!(said.contains("This agent serves the site"), "{said}");
}

/// The epochs of the events that were published, as somebody who listens to the broker hears them.
fn epochs_heard(listener: &MqttClient) -> BTreeSet<String> {
    let events = listener.messages().into_iter().filter(|message| message.topic.contains("/events/"));
    events.map(|event| event.json()["epoch"].as_str().expect("an event has its epoch").to_owned()).collect()
}

fn listener(broker: &Broker) -> MqttClient {
    let listener = MqttClient::connect(broker.port(), "listener");
    listener.subscribe(&format!("{ROOT}/{SITE}/#"));
    listener
}

/// A second board comes, is claimed, and gives the site back: both keep what is scanned, and one at a time sends it.
fn goes_back_and_forth(broker: Broker, change: impl FnOnce(AgentSetup) -> AgentSetup) {
    let mut site = Site::start(broker);
    let listener = listener(&site.broker);
    site.scan(BENCH, "first-1");
    until_sent(&site.agent);
    let first = epoch(&site.agent);

    let mut second = Board::start(&site.broker, change);
    until_it_stays_away(&second.agent);
    second.scan("second-1");
    until_it_serves(&site.agent);
    site.scan(BENCH, "first-2");
    until_sent(&site.agent);
    assert_eq!(epochs_heard(&listener), BTreeSet::from([first.clone()]));
    assert_eq!(site.agent.finding("another_agent"), None);

    claim(&second.agent);
    until_sent(&second.agent);
    assert_eq!(epochs_heard(&listener), BTreeSet::from([first.clone(), epoch(&second.agent)]));
    until_it_stays_away(&site.agent);
    let sent = site.agent.status()["log"]["sent"].clone();
    site.scan(BENCH, "first-3");
    second.scan("second-2");
    until_sent(&second.agent);
    assert_eq!(site.agent.status()["log"]["sent"], sent, "the first one sends nothing more");

    claim(&site.agent);
    until_sent(&site.agent);
    until_it_stays_away(&second.agent);
    assert_eq!(second.agent.stop().and_then(|ended| ended.code()), Some(0));
}

#[test]
fn a_second_board_stays_away_until_it_is_claimed_and_then_the_first_does() {
    goes_back_and_forth(Broker::mosquitto(), |setup| setup);
}

#[test]
fn a_second_board_with_a_client_id_of_its_own_stays_away_too() {
    goes_back_and_forth(Broker::mosquitto(), |setup| setup.set("broker.client_id", "another"));
}

#[test]
fn the_embedded_broker_knows_who_serves_a_site() {
    goes_back_and_forth(Broker::embedded(), |setup| setup.set("broker.client_id", "another"));
}

#[test]
fn a_second_board_that_looks_does_not_disturb_the_first_one_where_it_has_its_own_client_id() {
    let site = Site::start(Broker::mosquitto());
    until_it_serves(&site.agent);
    let second = Board::start(&site.broker, |setup| setup.set("broker.client_id", "another"));
    until_it_stays_away(&second.agent);
    let status = site.agent.status();
    assert_eq!((&status["broker"]["state"], &status["broker"]["reconnects"]), (&"up".into(), &0.into()));
}

#[test]
fn a_new_board_in_the_place_of_a_dead_one_is_claimed_and_its_page_says_how() {
    let mut site = Site::start(Broker::mosquitto());
    site.scan(BENCH, "first-1");
    until_sent(&site.agent);
    site.agent.kill9();

    let mut second = Board::start(&site.broker, |setup| setup);
    until_it_stays_away(&second.agent);
    second.scan("second-1");
    let page = http::get(&second.agent.url()).expect("the page answers").success().body;
    for said in ["Another agent serves this site", "parceld claim", "action=\"/actions/claim\""] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let status = second.agent.command(&["status"]).output().expect("the agent's program runs");
    assert_eq!(status.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&status.stdout).contains("parceld claim"));
    claim(&second.agent);
    until_sent(&second.agent);
    assert_eq!(second.agent.finding("another_agent"), None);
    claim(&second.agent);
}

#[test]
fn a_board_that_was_sent_away_stays_away_after_a_restart() {
    let site = Site::start(Broker::mosquitto());
    until_it_serves(&site.agent);
    let mut second = Board::start(&site.broker, |setup| setup);
    claim(&second.agent);
    until_it_stays_away(&site.agent);
    claim(&site.agent);
    until_it_stays_away(&second.agent);
    for is_killed in [true, false] {
        if is_killed {
            second.agent.kill9();
        } else {
            second.agent.stop();
        }
        second.agent.restart();
        second.agent.ready();
        until_it_stays_away(&second.agent);
        until_it_serves(&site.agent);
    }
}

#[test]
fn of_a_copied_card_one_board_serves_the_site() {
    of_a_copied_card(|setup| setup);
}

#[test]
fn of_a_copied_card_with_client_ids_of_their_own_one_board_serves_the_site() {
    of_a_copied_card(|setup| setup.set("broker.client_id", "another"));
}

fn of_a_copied_card(change: impl FnOnce(AgentSetup) -> AgentSetup) {
    let broker = Broker::mosquitto();
    let mut first = Board::start(&broker, |setup| setup);
    first.scan("first-1");
    until_it_serves(&first.agent);
    first.agent.stop();
    let card = first.agent.database();

    let mut second = Board::start(&broker, change);
    until_it_stays_away(&second.agent);
    second.agent.stop();
    let place = second.agent.database();
    remove_with_its_log(&place);
    fs::copy(&card, &place).expect("the card can be copied");

    first.agent.restart();
    first.agent.ready();
    until_it_serves(&first.agent);
    let again = first.agent.command(&["reconnect"]).status().expect("the agent's program runs");
    assert!(again.success());
    second.agent.restart();
    second.agent.ready();
    for turn in 0..4 {
        first.scan(&format!("first-{turn}"));
        second.scan(&format!("second-{turn}"));
        let (serves, away) = until_one_serves(&first.agent, &second.agent);
        claim(away);
        until_it_stays_away(serves);
        until_it_serves(away);
    }
}

/// The one that serves the site, and the one that stays away.
fn until_one_serves<'a>(one: &'a Agent, other: &'a Agent) -> (&'a Agent, &'a Agent) {
    wait::until("one of two that serves the site", PATIENCE, || {
        let up = [one, other].map(|agent| agent.status()["broker"]["state"] == "up");
        let away = [one, other].map(|agent| agent.finding("another_agent").is_some());
        match (up, away) {
            ([true, false], [false, true]) => Some((one, other)),
            ([false, true], [true, false]) => Some((other, one)),
            _ => None,
        }
    })
}

#[test]
fn what_a_broker_remembers_of_an_agents_past_keeps_nobody_away() {
    let mut site = Site::start(Broker::mosquitto());
    let listener = listener(&site.broker);
    let topic = format!("{ROOT}/{SITE}/state/agent");
    let said = || {
        let states = listener.messages().into_iter().filter(|message| message.topic == topic);
        states.map(|state| state.json()).collect::<Vec<_>>()
    };
    let online = |sessions: usize| {
        wait::until("the agent's word that it is there", PATIENCE, || {
            let mut online: Vec<Value> = said().into_iter().filter(|state| state["state"] == "online").collect();
            online.dedup();
            (sessions <= online.len()).then(|| online[sessions - 1].clone())
        })
    };
    let first = online(1);
    let reconnect = |agent: &Agent| assert!(agent.command(&["reconnect"]).status().expect("it runs").success());
    reconnect(&site.agent);
    online(2);
    // A broker that is restored has what was said before, of this start or an earlier one; so has one that lost a birth.
    let remember = || {
        listener.publish_retained(&topic, first.to_string().as_bytes());
        wait::until("the old word", PATIENCE, || (said().last() == Some(&first)).then_some(()));
    };
    remember();
    reconnect(&site.agent);
    until_it_serves(&site.agent);
    site.agent.stop();
    remember();
    site.agent.restart();
    site.agent.ready();
    until_it_serves(&site.agent);
    assert_eq!(site.agent.finding("another_agent"), None);
    site.scan(BENCH, "first-1");
    until_sent(&site.agent);
}

fn remove_with_its_log(database: &Path) {
    for beside in ["", "-wal", "-shm"] {
        let mut path = database.as_os_str().to_owned();
        path.push(beside);
        // The log is gone after an orderly stop.
        let _ = fs::remove_file(Path::new(&path));
    }
}

#[test]
fn commands_of_the_first_boards_session_are_not_carried_out_by_a_second_one() {
    let mut site = Site::start(Broker::mosquitto());
    site.agent.stop();
    for number in 0..40 {
        site.platform.put_order(SITE, &parceld_tests::goods::order(&format!("o{number}"), "dhl", "1xA"));
    }
    // With the same client id it is given what the broker keeps for the first one.
    let second = Board::start(&site.broker, |setup| setup);
    until_it_stays_away(&second.agent);
    assert_eq!(open_orders(&second.agent), 0);
    assert_eq!(second.agent.status()["quarantine"]["count"], 0);
    site.agent.restart();
    site.agent.ready();
    site.until_accepted(40);
    assert_eq!(open_orders(&site.agent), 40);
}
