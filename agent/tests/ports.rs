//! Scanners' lines while the agent is changed and stopped.

mod site;

use parceld::clock::Clock;
use parceld::domain::name::StationId;
use parceld::floor::{Floor, Scanner};
use parceld_drivers::scanner::Driver;
use parceld_drivers::{framing, port};
use site::{Folder, Site};
use std::time::Duration;

#[test]
fn a_configuration_that_is_taken_while_the_agent_stops_opens_no_line() {
    let folder = Folder::new();
    let site = Site::start(&folder.file("j.db"));
    let floor = Floor::new(site.journal.clone(), Clock::start(), [StationId::from("bench")]);
    let scanner = |id: &str| Scanner {
        id: id.into(),
        station: "bench".into(),
        port: port::Config {
            name: id.to_owned(),
            address: format!("{}/no-such-line", folder.0.display()).parse().unwrap(),
            driver: Driver::default(),
            framing: framing::line::Config::default(),
        },
        speaks: true,
    };
    let ports = floor.open(&[scanner("one")]).unwrap();
    let open = || ports.pulses(None).unwrap().1.into_iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>();
    ports.change_to(&[scanner("one"), scanner("two")]).unwrap();
    assert_eq!(open(), ["one", "two"]);
    ports.rest(Duration::from_secs(10)).unwrap();
    ports.change_to(&[scanner("two"), scanner("three")]).unwrap();
    assert_eq!(open(), ["one", "two"], "what rests is not opened anew either");
    ports.stop();
    ports.change_to(&[scanner("three")]).unwrap();
    assert!(open().is_empty());
    assert!(!floor.status().borrow().scanners.contains_key("three"));
}
