//! What a technician has done from a terminal, against a whole site; and that no secret leaves with a bundle.

use parceld_tests::agent::{Agent, AgentSetup};
use parceld_tests::http;
use parceld_tests::net;
use parceld_tests::site::{Broker, SITE, Site};
use parceld_tests::tempdir::TempDir;
use parceld_tests::wait::{self, Stopwatch};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

/// However much hangs.
const BUNDLED_WITHIN: Duration = Duration::from_secs(5);

/// What starting a program takes on a loaded machine.
const STARTING: Duration = Duration::from_secs(5);

fn run(agent: &Agent, arguments: &[&str]) -> Output {
    agent.command(arguments).output().expect("the agent's program runs")
}

#[track_caller]
fn well(agent: &Agent, arguments: &[&str]) -> String {
    let output = run(agent, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("it prints text").trim().to_owned()
}

#[track_caller]
fn fails(agent: &Agent, arguments: &[&str], code: i32, message: &str) {
    let output = run(agent, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    assert!(said.contains(message), "{arguments:?}: {said}");
    assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
}

#[test]
fn a_technician_gets_along_with_a_terminal() {
    let mut site = Site::start(Broker::embedded());
    site.until_received();
    let agent = &site.agent;
    let told: Value = serde_json::from_str(&well(agent, &["test-publish", "--json"])).expect("JSON");
    assert_eq!((&told["outcome"], &told["recorded"]), (&"round_trip".into(), &true.into()), "{told}");
    assert!(well(agent, &["reconnect"]).starts_with("Connected to "));
    wait::until("receipts after connecting anew", wait::GENEROUS, || {
        well(agent, &["test-publish"]).starts_with("The platform has it").then_some(())
    });
    assert!(well(agent, &["resend", "--from", "1"]).starts_with("Events 1 to "));
    fails(agent, &["resend", "--from", "100000"], 2, "There is no sequence 100000");
    assert!(well(agent, &["scanners"]).contains("at bench-1 open"), "{}", well(agent, &["scanners"]));
    let scanners: Value = serde_json::from_str(&well(agent, &["scanners", "--json"])).expect("JSON");
    let id = scanners[0]["id"].as_str().expect("a scanner has an id");
    assert_eq!(well(agent, &["scanners", "reopen", id]), format!("{id} is open again."));
    fails(agent, &["scanners", "reopen", "nobody"], 2, "There is no scanner nobody.");
    well(agent, &["test-signal", "--station", "bench-1", "refused"]);
    fails(agent, &["test-signal", "--station", "bench-9"], 2, "There is no station bench-9");
    assert!(well(agent, &["guest", "--station", "bench-1"]).contains(" is signed in at bench-1."));
    assert_eq!(well(agent, &["quarantine", "list"]), "");
    fails(agent, &["quarantine", "drop", "3"], 2, "There is no resting command 3.");
    assert_eq!(well(agent, &["orders"]), "");
    fails(agent, &["orders", "10042"], 2, "no order is called 10042");
    let kept = well(agent, &["backup", "--json"]);
    let kept: Value = serde_json::from_str(&kept).expect("JSON");
    assert!(Path::new(kept["values"]["path"].as_str().expect("where it is")).exists());
    let dir = TempDir::new("technician");
    let copy = dir.join("copy.db");
    let copy = copy.to_str().expect("a path in UTF-8");
    well(agent, &["backup", copy]);
    fails(agent, &["backup", copy], 2, "there is something of that name");
    assert!(well(agent, &["completions", "bash"]).contains("quarantine"));
    assert!(well(agent, &["man"]).contains(".TH parceld 1"));

    site.until_synced();
    let events = site.events();
    let taken = |action: &str| {
        let is_it =
            |event: &&Value| event["type"] == "parceld.site.action_taken.v1" && event["data"]["action"] == action;
        events.iter().filter(is_it).map(|event| event["data"]["outcome"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(taken("reconnect"), ["reconnected"]);
    assert_eq!(taken("resend"), ["resending", "beyond_head"]);
    assert_eq!(taken("reopen_scanner"), ["reopened", "unknown_scanner"]);
    assert_eq!(taken("admit_guest"), ["guest_in"]);
    assert_eq!(taken("backup"), ["backed_up", "backed_up"]);
    let guests = events.iter().filter(|event| event["type"] == "parceld.site.operator_in.v1").count();
    assert_eq!(guests, 1);
    site.agent.stop();
    fails(&site.agent, &["reconnect"], 1, "parceld isn't running");
}

#[test]
fn a_token_is_shown_once_and_replaced() {
    let broker = format!("mqtt://{}", net::loopback(net::free_port()));
    let mut agent = AgentSetup::new(SITE, &broker).station("bench-1", "pack").start();
    agent.ready();
    wait::until("the first start to show its token", wait::GENEROUS, || {
        agent.log().contains("this device's token").then_some(())
    });
    let token = well(&agent, &["token", "new"]);
    assert_eq!(token.split('-').count(), 7, "{token}");
    agent.restart();
    agent.ready();
    assert_eq!(agent.log().matches("this device's token").count(), 1);
    assert!(!agent.log().contains(&token));
    let reply = sign_in(&agent, &token);
    assert!(reply.contains(" 303 ") && reply.to_ascii_lowercase().contains("set-cookie: parceld-"), "{reply}");
}

/// The answer's head.
fn sign_in(agent: &Agent, token: &str) -> String {
    use std::io::{Read, Write};
    let host = agent.url().trim_start_matches("http://").to_owned();
    let mut stream = std::net::TcpStream::connect(&host).expect("the page listens");
    let body = format!("token={token}");
    let request = format!(
        "POST /login HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nConnection: close\r\nContent-Type: \
         application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("a request is sent");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("a reply is text");
    reply
}

const PASSWORD: &str = "canary-password-7319";
const TOKEN: &str = "canary-token-0123456789-8642";
const USER: &str = "canary-user-5150";

#[test]
fn no_secret_leaves_with_a_bundle_or_shows_anywhere() {
    let dir = TempDir::new("secrets");
    let write = |name: &str, text: &str| {
        let path = dir.join(name);
        fs::write(&path, text).expect("a directory of our own takes a file");
        path.to_str().expect("a path in UTF-8").to_owned()
    };
    let (password, token) = (write("password", PASSWORD), write("token", TOKEN));
    // A broker that takes connections and says nothing: what asks it hangs.
    let listener = net::listen(net::free_port());
    let broker = format!("mqtt://{}", listener.local_addr().expect("an address"));
    let mut agent = AgentSetup::new(SITE, &broker)
        .station("bench-1", "pack")
        .set("broker.username", USER)
        .set("broker.password_file", password)
        .set("web.token_file", token)
        .set("log.level", "debug")
        .start();
    agent.ready();
    let session = sign_in(&agent, TOKEN);
    let id =
        session.split(&format!("parceld-{SITE}=")).nth(1).and_then(|rest| rest.split(';').next()).expect("a session");
    let file = dir.join("bundle.tar.gz");
    let file = file.to_str().expect("a path in UTF-8");
    let begun = Stopwatch::start();
    well(&agent, &["bundle", file]);
    assert!(begun.elapsed() < BUNDLED_WITHIN + STARTING, "{:?}", begun.elapsed());
    let text = |arguments: &[&str]| {
        let output = Command::new("tar").args(arguments).arg("-f").arg(file).output().expect("tar runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let all = text(&["-xzO"]);
    let names = text(&["-tz"]);
    let manifest = all.lines().take_while(|line| !line.is_empty()).collect::<String>();
    assert!(manifest.contains("parceld diagnostics bundle"), "{manifest}");
    for name in
        ["MANIFEST", "status.json", "configuration.txt", "events.jsonl", "log.txt", "database.json", "system.txt"]
    {
        assert!(names.lines().any(|line| line.ends_with(&format!("/{name}"))), "{name} is not in\n{names}");
        assert!(name == "MANIFEST" || all.contains(&format!("{name} ")), "the manifest lacks {name}");
    }
    assert!(all.contains("site.started") && all.contains("\"schema\""), "events and facts are in it");

    let database = rusqlite::Connection::open(agent.database()).expect("the database can be read");
    let key: Vec<u8> = database
        .query_row("SELECT value FROM slate WHERE name = 'site_key'", [], |row| row.get(0))
        .expect("there is a site key");
    let key_hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let key_list = format!("{key:?}");
    let page = http::get(&format!("{}/", agent.url())).expect("the page answers").body;
    let status = agent.status().to_string();
    let doctor = String::from_utf8_lossy(&run(&agent, &["doctor", "--json"]).stdout).into_owned();
    let checked = well(&agent, &["check-config"]);
    let files = well(&agent, &["config", "show"]);
    let running = well(&agent, &["config", "show", "--running", "--json"]);
    assert!(files.contains("username = \"(hidden)\"") && running.contains("(hidden)"), "{files}\n{running}");
    let shown = [("bundle", &all), ("page", &page), ("status", &status), ("doctor", &doctor), ("check", &checked)];
    let shown = shown.into_iter().chain([("configuration", &files), ("running configuration", &running)]);
    let log = agent.log();
    for (what, text) in shown.chain([("log", &log)]) {
        for secret in [PASSWORD, TOKEN, USER, id, &key_hex, &key_list] {
            assert!(!text.contains(secret), "{secret} is in the {what}");
        }
    }
    drop(listener);
}
