//! The agent as boards run it, in an emulator: a scan on a pty reaches SQLite, a broker over TLS that asks for the site's
//! certificate, the platform, and by its receipt the page; and the clock is believed once a time server was heard.

use std::fs;
use std::path::{Path, PathBuf};

use parceld_tests::certificates::{Authority, VALID};
use parceld_tests::goods::{catalog, gtin, order, stock};
use parceld_tests::http;
use parceld_tests::mosquitto::Mosquitto;
use parceld_tests::platform::Platform;
use parceld_tests::site::{Broker, PATIENCE, SITE, Site, assert_gapless};
use parceld_tests::timekeeper::Timekeeper;
use parceld_tests::wait;
use serde_json::Value;

#[test]
#[ignore = "needs the program for arm64 and its emulator: cargo xtask smoke arm64"]
fn arm64_carries_a_scan_to_the_platform() {
    carries_a_scan_to_the_platform("arm64", "qemu-aarch64", &["awaited", "synchronized"]);
}

#[test]
#[ignore = "needs the program for armv7 and its emulator: cargo xtask smoke armv7"]
fn armv7_carries_a_scan_to_the_platform() {
    carries_a_scan_to_the_platform("armv7", "qemu-arm", &["awaited"]);
}

/// How an answer sounds: beeps after the acknowledgement.
const GOOD: u8 = 0;
const DONE: u8 = 1;

/// Where there is one, it vouches for the time.
const HARDWARE_CLOCK: &str = "/sys/class/rtc/rtc0";

/// `clock`: what it may be before timesyncd says that it has set it. Where the kernel is asked it may know better.
fn carries_a_scan_to_the_platform(architecture: &str, emulator: &str, clock: &[&str]) {
    let program = program(architecture);
    let board = Timekeeper::waiting();
    let runner = board.as_ref().map(Timekeeper::runner).unwrap_or_default();
    let (broker, authority) = (Mosquitto::start(), Authority::new("the site's CA"));
    let file = |name: &str| broker.directory().join(name).display().to_string();
    authority.publish(file("ca.pem").as_ref());
    authority.sign(&["localhost"], VALID, file("server.pem").as_ref(), file("server.key").as_ref());
    authority.sign(&[SITE], VALID, file("site.pem").as_ref(), file("site.key").as_ref());
    let settings = format!(
        "cafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\nuse_identity_as_username true\nallow_anonymous false",
        file("ca.pem"),
        file("server.pem"),
        file("server.key")
    );
    let [ca, certificate, key] = ["ca.pem", "site.pem", "site.key"].map(file);
    let url = format!("mqtts://localhost:{}", broker.guarded_port());
    let mut broker = broker;
    broker.guard(&settings);
    let platform = Platform::start(broker.port());
    let mut site = Site::with_platform(Broker::Mosquitto(broker), platform, |setup| {
        setup
            .program(program)
            .through(runner)
            .set("broker.url", url)
            .set("broker.ca_file", ca)
            .set("broker.certificate_file", certificate)
            .set("broker.key_file", key)
    });
    assert_emulated(&site, emulator);
    if board.is_some() && !Path::new(HARDWARE_CLOCK).exists() {
        let status = site.agent.status();
        assert!(clock.iter().any(|state| status["clock"]["state"] == *state), "{status}");
    }

    site.platform.put_catalog(SITE, &catalog("AB"));
    site.platform.set_stock(SITE, &stock("AB", 10));
    site.platform.put_order(SITE, &order("o1", "dhl", "1xA 1xB"));
    site.until_accepted(1);
    for (code, beeps) in [("O1".to_owned(), GOOD), (gtin('A'), GOOD), (gtin('B'), DONE)] {
        assert_eq!(site.scan(0, &code).beeps, beeps, "{code}");
    }

    site.until_received();
    site.until_synced();
    assert_eq!(site.platform.order(SITE, "o1").map(|order| order["state"].clone()), Some("packed".into()));
    let picked = |event: &&Value| event["type"] == "parceld.pick.item_picked.v1";
    let applied = site.events();
    assert_gapless(&applied);
    assert_eq!(applied.iter().filter(picked).count(), 2);
    assert_eq!(logged(&site).iter().filter(picked).count(), 2);

    let status = site.agent.status();
    assert_eq!(status["broker"]["state"], "up", "{status}");
    assert_eq!(status["receipts"]["state"], "last", "{status}");
    assert_eq!(status["log"]["backlog"], 0, "{status}");
    wait::until("the page to show the scan", PATIENCE, || {
        let page = http::get(&site.agent.url()).ok()?.success().body;
        page.contains(&gtin('B')).then_some(())
    });
    if let Some(board) = &board {
        board.hear();
        wait::until("a clock that is synchronized", PATIENCE, || {
            (site.agent.status()["clock"]["state"] == "synchronized").then_some(())
        });
        site.until_synced();
        assert_gapless(&site.events());
    }
    assert!(site.agent.stop().is_some_and(|status| status.success()), "it stops in order");
}

/// What starts the agent of another architecture here.
fn program(architecture: &str) -> PathBuf {
    let program =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/emulated").join(architecture).join("parceld");
    assert!(
        program.is_file(),
        "{} is missing: `cargo xtask smoke {architecture}` builds it and runs this test",
        program.display()
    );
    program
}

/// An emulator runs programs of its own architecture and no others.
fn assert_emulated(site: &Site, emulator: &str) {
    let process = fs::read_link(format!("/proc/{}/exe", site.agent.process().pid())).expect("it runs");
    assert!(process.ends_with(emulator), "the agent runs as {}", process.display());
}

/// The events in its database, read by this machine's own program.
fn logged(site: &Site) -> Vec<Value> {
    let output =
        site.agent.command(&["events", "--since", "1", "--json"]).output().expect("the program can be started");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}
