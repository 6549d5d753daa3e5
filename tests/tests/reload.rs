//! The configuration is read again while people scan: what is right counts, what is wrong changes nothing, and either way
//! no green light is lost.

use parceld_tests::agent::{Agent, AgentSetup};
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::service_manager::{Message, ServiceManager};
use parceld_tests::site::{Broker, PATIENCE, SITE, Site, assert_gapless};
use parceld_tests::{http, net, wait};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// So that the service manager's looks are a second apart; and how many show that nothing hangs.
const WATCHDOG: Duration = Duration::from_secs(2);
const LOOKS: usize = 4;

/// Enough to meet every moment of a scan.
const RELOADS: usize = 40;

fn drop_in(agent: &Agent, name: &str) -> PathBuf {
    let folder = agent.config().with_file_name("conf.d");
    fs::create_dir_all(&folder).expect("a directory of our own takes a folder");
    folder.join(name)
}

/// Writes a file of `conf.d` as an editor would: whole, or not at all.
fn write(agent: &Agent, name: &str, text: &str) {
    let (new, file) = (drop_in(agent, &format!(".{name}.new")), drop_in(agent, name));
    fs::write(&new, text).expect("the folder takes a file");
    fs::rename(new, file).expect("a file can be renamed");
}

fn run(agent: &Agent, arguments: &[&str]) -> Output {
    agent.command(arguments).output().expect("the agent's program runs")
}

/// What a command said, on stdout and stderr; it must end with `code`.
#[track_caller]
fn said(agent: &Agent, arguments: &[&str], code: i32) -> String {
    let Output { status, stdout, stderr } = run(agent, arguments);
    let said = [stdout, stderr].map(|text| String::from_utf8(text).expect("a message is text")).concat();
    assert_eq!(status.code(), Some(code), "{arguments:?}: {said}");
    said
}

fn hang_up(agent: &Agent) {
    let pid = i32::try_from(agent.process().pid()).ok().and_then(Pid::from_raw).expect("a process has an id");
    kill_process(pid, Signal::HUP).expect("the agent runs");
}

/// Scans codes that nobody knows, each once, until told to stop; those that were answered as saved.
fn scan_on(scanner: &mut VirtualScanner, name: &str, stop: &AtomicBool) -> Vec<String> {
    let mut saved = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let code = format!("{name}-{number}");
        let answer = scanner.scan(&code);
        assert!(answer.recorded, "{code} was not saved");
        saved.push(code);
    }
    saved
}

#[test]
fn reloads_in_a_loop_lose_no_green_light() {
    let mut site = Site::start(Broker::mosquitto());
    let spare = VirtualScanner::new();
    let stop = AtomicBool::new(false);
    let (agent, broker) = (&site.agent, site.broker.url());
    let (one, rest) = site.scanners.split_at_mut(1);
    let saved: Vec<String> = thread::scope(|scope| {
        let floods =
            [(&mut one[0], "left"), (&mut rest[0], "right")].map(|(s, name)| scope.spawn(|| scan_on(s, name, &stop)));
        for turn in 0..RELOADS {
            let more = format!(
                "[log]\nlevel = {:?}\n[floor]\nlow_stock = {turn}\n[broker]\nurl = {broker:?}\nkeep_alive = \"{}s\"\n\
                 [[station]]\nid = \"bench-1\"\nname = \"Turn {turn}\"\n",
                ["info", "debug"][turn % 2],
                20 + turn % 3,
            );
            let extra = match turn % 2 {
                0 => format!(
                    "[[station]]\nid = \"extra\"\n[[scanner]]\nid = \"spare\"\nstation = \"extra\"\nport = {:?}\n",
                    spare.port()
                ),
                _ => String::new(),
            };
            write(agent, "10.toml", &format!("{more}{extra}"));
            match turn % 4 {
                3 => {
                    hang_up(agent);
                    let wanted = format!("low_stock = {turn} ");
                    wait::until("the signal to have it read", PATIENCE, || {
                        said(agent, &["config", "show", "--running"], 0).contains(&wanted).then_some(())
                    });
                }
                // What is wrong in between changes nothing either.
                1 => {
                    write(agent, "20.toml", "[floor]\nlow_stok = 1\n");
                    said(agent, &["reload"], 2);
                    fs::remove_file(drop_in(agent, "20.toml")).expect("it was written");
                    said(agent, &["reload"], 0);
                }
                _ => _ = said(agent, &["reload"], 0),
            }
            let scanners = agent.status()["scanners"].as_array().map(Vec::len);
            assert_eq!(scanners, Some(3 + (turn + 1) % 2), "turn {turn}");
        }
        stop.store(true, Ordering::Relaxed);
        floods.into_iter().flat_map(|flood| flood.join().expect("staff go home")).collect()
    });
    assert!(site.agent.ended().is_none());
    assert!(RELOADS < saved.len(), "nobody scanned meanwhile");
    site.until_synced();
    let events = site.events();
    assert_gapless(&events);
    let refused = events.iter().filter(|event| event["type"] == "parceld.site.scan_refused.v1");
    let codes: Vec<&str> = refused.filter_map(|event| event["data"]["code"].as_str()).collect();
    let ours: Vec<&str> =
        codes.into_iter().filter(|code| code.starts_with("left-") || code.starts_with("right-")).collect();
    assert_eq!(ours.len(), saved.len(), "each once");
    assert_eq!(ours.into_iter().collect::<BTreeSet<_>>(), saved.iter().map(String::as_str).collect());
    // Scanners that were the same were never closed.
    let losses: Vec<_> =
        site.agent.status()["scanners"].as_array().expect("a list").iter().map(|s| s["losses"].clone()).collect();
    assert!(losses.iter().all(|losses| *losses == 0), "{losses:?}");
}

#[test]
fn what_is_wrong_changes_nothing_and_is_told_everywhere() {
    let mut site = Site::start(Broker::mosquitto());
    write(&site.agent, "10.toml", "[floor]\nlow_stock = 7\n[log]\nlevle = \"debug\"\n");
    let place = format!("{}:4:1: there is no key `levle` in [log]", drop_in(&site.agent, "10.toml").display());
    assert!(said(&site.agent, &["reload"], 2).contains(&place));
    let found = site.agent.finding("config_refused").expect("it is a fault");
    assert!(found["reason"].as_str().is_some_and(|reason| reason.contains(&place)), "{found}");
    let configuration = site.agent.status()["configuration"].clone();
    assert_eq!((&configuration["state"], &configuration["refused"]), (&"refused".into(), &place.clone().into()));
    let page = http::get(&format!("{}/", site.agent.url())).expect("the page answers").body;
    assert!(page.contains("levle") && page.contains("The configuration is wrong"), "{page}");
    let metrics = http::get(&format!("{}/metrics", site.agent.url())).expect("the page answers").body;
    assert!(metrics.contains("\nparceld_config_last_reload_successful 0"), "{metrics}");
    assert!(metrics.contains("parceld_fault{fault=\"config_refused\"} 1"), "{metrics}");
    assert!(site.agent.log().contains(&place), "{}", site.agent.log());
    assert!(said(&site.agent, &["doctor"], 2).contains("there is no key `levle`"));
    // The others go on with what was right last, and say so.
    let status = said(&site.agent, &["status"], 1);
    assert!(status.contains("going on with what was right last") && status.contains("levle"), "{status}");
    assert!(!said(&site.agent, &["config", "show", "--running"], 0).contains("low_stock = 7"));
    assert_eq!(site.scan(0, "nobody-knows").beeps, 2);
    hang_up(&site.agent);
    assert!(said(&site.agent, &["reload"], 2).contains(&place));
    assert_eq!(site.agent.finding("config_refused").expect("it still is")["since"], found["since"]);

    write(&site.agent, "10.toml", "[floor]\nlow_stock = 7\n");
    assert!(said(&site.agent, &["reload"], 0).contains("Changed: floor.low_stock."));
    assert!(site.agent.finding("config_refused").is_none());
    assert_eq!(site.agent.status()["configuration"]["state"], "current");
    let metrics = http::get(&format!("{}/metrics", site.agent.url())).expect("the page answers").body;
    assert!(metrics.contains("\nparceld_config_last_reload_successful 1"), "{metrics}");
    assert!(said(&site.agent, &["reload"], 0).contains("Nothing has changed"));
}

#[test]
fn a_start_with_a_wrong_file_goes_on_with_what_was_right_last() {
    let mut site = Site::with(Broker::mosquitto(), |setup| setup.set("floor.low_stock", 3));
    write(&site.agent, "10.toml", "[site\n");
    let place = format!("{}:1:6: the name of the table is not closed", drop_in(&site.agent, "10.toml").display());
    let strict = said(&site.agent, &["run", "--strict"], 2);
    assert!(strict.starts_with(&place), "{strict}");
    site.agent.restart();
    site.agent.ready();
    let found = site.agent.finding("config_refused").expect("it is a fault");
    assert!(found["what"].as_str().is_some_and(|what| what.contains("started on its last good")), "{found}");
    assert!(found["reason"].as_str().is_some_and(|reason| reason.contains(&place)), "{found}");
    assert!(said(&site.agent, &["config", "show", "--running"], 0).contains("low_stock = 3 "));
    assert_eq!(site.scan(0, "nobody-knows").beeps, 2);
    // What can be looked at without an agent can be still.
    assert!(said(&site.agent, &["events"], 0).contains("nobody-knows"));
    said(&site.agent, &["check-config"], 2);
    said(&site.agent, &["reload"], 2);
    fs::remove_file(drop_in(&site.agent, "10.toml")).expect("it was written");
    said(&site.agent, &["reload"], 0);
    assert!(site.agent.finding("config_refused").is_none());
}

/// The head of the answer to a request under this name.
fn asked_as(agent: &Agent, host: &str) -> String {
    let address = agent.url();
    let mut stream = std::net::TcpStream::connect(address.trim_start_matches("http://")).expect("the page answers");
    write!(stream, "GET /livez HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("a request is sent");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("a reply is text");
    reply.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn each_part_takes_what_is_its_own() {
    let broker = Broker::mosquitto();
    let added = VirtualScanner::new();
    let mut agent =
        AgentSetup::new(SITE, &format!("mqtt://127.0.0.1:{}", net::free_port())).station("bench-1", "pack").start();
    agent.ready();
    let link = |agent: &Agent, state: &str| {
        wait::until(&format!("a connection that is {state}"), PATIENCE, || {
            (agent.status()["broker"]["state"] == state).then_some(())
        });
    };
    link(&agent, "down");
    write(&agent, "broker.toml", &format!("[broker]\nurl = {:?}\n", broker.url()));
    assert!(said(&agent, &["reload"], 0).contains("broker.url"));
    link(&agent, "up");

    said(&agent, &["scan", "--station", "extra", "x"], 2);
    let station = "[[station]]\nid = \"extra\"\nname = \"The extra one\"\n";
    let scanner = format!("[[scanner]]\nid = \"s\"\nstation = \"extra\"\nport = {:?}\n", added.port());
    write(&agent, "extra.toml", &format!("{station}{scanner}"));
    assert!(said(&agent, &["reload"], 0).contains("scanner.s, station.extra"));
    said(&agent, &["scan", "--station", "extra", "x"], 1);
    wait::until("the scanner to be open", PATIENCE, || {
        (agent.status()["scanners"][0]["state"] == "open").then_some(())
    });
    let mut added = added;
    assert_eq!(added.scan("y").beeps, 2);
    let stations = http::get(&format!("{}/station", agent.url())).expect("the page answers").body;
    assert!(stations.contains("The extra one"), "{stations}");
    write(&agent, "extra.toml", &format!("{station}{scanner}feedback = false\n"));
    assert!(said(&agent, &["reload"], 0).contains("scanner.s.feedback"));
    wait::until("the scanner to be open", PATIENCE, || {
        (agent.status()["scanners"][0]["state"] == "open").then_some(())
    });
    added.send("z");
    wait::until("its scan to be counted", PATIENCE, || said(&agent, &["events"], 0).contains("\"z\"").then_some(()));
    write(&agent, "extra.toml", "");
    said(&agent, &["reload"], 0);
    assert_eq!(agent.status()["scanners"], Value::Array(Vec::new()));
    said(&agent, &["scan", "--station", "extra", "x"], 2);

    assert!(asked_as(&agent, "shop.local").contains("421"));
    write(&agent, "web.toml", "[web]\nallowed_hosts = [\"shop.local\"]\n[site]\nlanguage = \"sv\"\n");
    said(&agent, &["reload"], 0);
    assert!(asked_as(&agent, "shop.local").contains("200"));
    let page = http::get(&format!("{}/", agent.url())).expect("the page answers").body;
    assert!(page.contains("lang=\"sv\""), "{page}");

    write(&agent, "web.toml", "[web]\nlisten = \"127.0.0.1:1\"\n[floor]\nlow_stock = 9\n");
    let told = said(&agent, &["reload"], 1);
    assert!(told.contains("floor.low_stock") && told.contains("only after a restart: web.listen"), "{told}");
    let status = agent.status();
    assert_eq!(status["configuration"]["needs_restart"], serde_json::json!(["web.listen"]));
    assert!(agent.finding("config_needs_restart").is_some());
    let shown = said(&agent, &["config", "show", "--running"], 0);
    assert!(shown.contains("low_stock = 9 ") && !shown.contains("127.0.0.1:1\""), "{shown}");
    write(&agent, "web.toml", "");
    assert_eq!(agent.status()["configuration"]["state"], "changed");
    said(&agent, &["reload"], 0);
    assert!(agent.finding("config_needs_restart").is_none());
}

#[test]
fn the_environment_counts_before_files_and_options_before_both() {
    let mut agent = AgentSetup::new(SITE, "mqtt://127.0.0.1:1").station("bench-1", "pack").start();
    agent.ready();
    write(&agent, "log.toml", "[log]\nlevel = \"error\"\n");
    let shown = |arguments: &[&str], environment: &str| {
        let mut command = agent.command(&[&["config", "show"], arguments].concat());
        let output = command.env("PARCELD_LOG_LEVEL", environment).output().expect("the agent's program runs");
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        shown.lines().find(|line| line.starts_with("level = ")).map(str::to_owned).unwrap_or_default()
    };
    let file = format!("level = \"error\"  # {}:2", drop_in(&agent, "log.toml").display());
    assert_eq!(shown(&[], ""), file, "nothing is no value");
    assert_eq!(shown(&[], "warn"), "level = \"warn\"  # environment PARCELD_LOG_LEVEL");
    assert_eq!(shown(&["--log-level", "debug"], "warn"), "level = \"debug\"  # --log-level");
    let wrong = agent.command(&["check-config"]).env("PARCELD_LOG_LEVEL", "loud").output().expect("it runs");
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(said.starts_with("environment PARCELD_LOG_LEVEL: `level` cannot be \"loud\""), "{said}");
}

#[test]
fn the_log_is_louder_for_a_while() {
    let mut agent = AgentSetup::new(SITE, "mqtt://127.0.0.1:1").station("bench-1", "pack").start();
    agent.ready();
    let level = |agent: &Agent| agent.status()["configuration"]["log_level"].as_str().map(str::to_owned);
    said(&agent, &["scan", "--station", "bench-1", "quiet"], 1);
    assert!(said(&agent, &["log-level", "debug", "--for", "10m"], 0).contains("debug for 10 min"));
    assert_eq!(level(&agent).as_deref(), Some("debug"));
    said(&agent, &["scan", "--station", "bench-1", "loud"], 1);
    wait::until("the scan to be logged", PATIENCE, || agent.log().contains("loud").then_some(()));
    assert!(!agent.log().contains("quiet"));
    // A configuration that is read meanwhile doesn't end it.
    write(&agent, "log.toml", "[log]\nlevel = \"warn\"\nformat = \"json\"\n");
    said(&agent, &["reload"], 0);
    assert_eq!(level(&agent).as_deref(), Some("debug"));
    said(&agent, &["log-level", "debug", "--for", "1s"], 0);
    wait::until("it to go back by itself", PATIENCE, || (level(&agent).as_deref() == Some("warn")).then_some(()));
    assert!(agent.log().lines().last().is_some_and(|line| line.starts_with('{')), "{}", agent.log());
    said(&agent, &["log-level", "loud"], 2);
}

#[test]
fn the_service_manager_hears_of_it_and_watches_over_the_scanners_that_there_are() {
    let manager = ServiceManager::start();
    let site = Site::with(Broker::mosquitto(), |setup| setup.through(manager.runner(WATCHDOG)));
    manager.until("READY=1", |message| message.says("READY=1"));
    let (agent, added) = (&site.agent, VirtualScanner::new());
    let scanner = format!("[[scanner]]\nid = \"added\"\nstation = \"bench-1\"\nport = {:?}\n", added.port());
    for (text, scanners) in [(scanner.as_str(), "; 4 of 4 scanners open; "), ("", "; 3 of 3 scanners open; ")] {
        write(agent, "10.toml", text);
        hang_up(agent);
        manager.until("RELOADING=1", |message| message.says("RELOADING=1"));
        manager.until("READY=1", |message| message.says("READY=1"));
        let is_so = |message: &Message| message.status().is_some_and(|status| status.contains(scanners));
        manager.until("the scanners that there are", is_so);
        for _ in 0..LOOKS {
            let heard = manager.until("a sign of life", Message::is_alive);
            let hangs = |message: &Message| message.status().is_some_and(|status| status.starts_with("hangs:"));
            assert!(!heard.iter().any(hangs), "{heard:?}");
        }
    }
}

/// Whether the process has a handler of its own for this signal.
fn catches(agent: &Agent, signal: Signal) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", agent.process().pid())).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    (caught >> (signal.as_raw() - 1)) & 1 == 1
}

#[test]
fn what_is_asked_for_during_a_long_start_is_done_after_it() {
    let mut agent = AgentSetup::new(SITE, "mqtt://127.0.0.1:1").station("bench-1", "pack").start();
    agent.ready();
    agent.stop();
    let database = rusqlite::Connection::open(agent.database()).expect("a database");
    for (signal, ends) in [(Signal::HUP, false), (Signal::TERM, true)] {
        // The start waits for whoever writes.
        database.execute_batch("BEGIN IMMEDIATE").expect("nobody writes");
        agent.restart();
        wait::until("the agent to hear signals", PATIENCE, || catches(&agent, signal).then_some(()));
        let pid = i32::try_from(agent.process().pid()).ok().and_then(Pid::from_raw).expect("a process has an id");
        kill_process(pid, signal).expect("the agent runs");
        database.execute_batch("ROLLBACK").expect("it is given up");
        match ends {
            false => {
                agent.ready();
                let reads = || agent.log().contains("configuration read again").then_some(());
                wait::until("the configuration to be read again", PATIENCE, reads);
                agent.stop();
            }
            true => {
                let ended = wait::until("the agent to end", PATIENCE, || agent.ended());
                assert!(ended.success(), "{ended}: {}", agent.log());
                let last: String = database
                    .query_row("SELECT kind FROM events ORDER BY place DESC LIMIT 1", [], |row| row.get(0))
                    .expect("there are events");
                assert_eq!(last, "site.stopped");
            }
        }
    }
}
