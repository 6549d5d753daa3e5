//! What monitoring stands on: a real agent's figures, the alert rules, the dashboard and the document of the status.

use parceld_tests::agent::{Agent, AgentSetup};
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::{http, net};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the document tells and this agent has nothing of: it sees no certificate, no receipt and no clock that steps, and
/// its broker is away.
const UNSEEN: [&str; 13] = [
    "clock.last_step.at",
    "clock.last_step.by_ms",
    "receipts.at",
    "receipts.sequence",
    "receipts.since",
    "certificates[].what",
    "certificates[].expires_at",
    "storage.last_backup.at",
    "storage.last_backup.bytes",
    "storage.last_backup.verified",
    "storage.damaged.count",
    "storage.damaged.path",
    "storage.damaged.at",
];

/// An agent with one of everything, after a scan; its broker is away.
fn agent() -> (Agent, VirtualScanner) {
    let mut scanner = VirtualScanner::new();
    let away = net::free_port();
    let printer =
        format!("[[printer]]\nid = \"zebra\"\nstation = \"bench\"\nhost = \"127.0.0.1\"\nport = {}", net::free_port());
    let mut agent = AgentSetup::new("sthlm-03", &format!("mqtt://127.0.0.1:{away}"))
        .station("bench", "pack")
        .scanner("hand", "bench", scanner.port())
        .carrier("example-post")
        .toml(&printer)
        .start();
    agent.ready();
    assert!(scanner.scan("no-such-code").recorded);
    (agent, scanner)
}

fn metrics(agent: &Agent) -> String {
    let text = http::get(&format!("{}/metrics", agent.url())).expect("the agent answers").success().body;
    assert!(text.contains("parceld_scans_total{station=\"bench\",signal=\"unknown\"} 1"), "{text}");
    text
}

#[test]
fn promtool_finds_nothing_to_say_about_a_real_agents_metrics() {
    let (agent, _scanner) = agent();
    let text = metrics(&agent);
    let mut check = Command::new("promtool");
    check.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut check = check.spawn().expect("promtool is there: Debian's package prometheus");
    check.stdin.take().expect("it is piped").write_all(text.as_bytes()).expect("promtool reads");
    let said = check.wait_with_output().expect("promtool ends");
    let words = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() && words.trim().is_empty(), "{words}\n{text}");
}

#[test]
fn each_alert_is_quiet_and_fires_as_its_test_says() {
    let folder = workspace().join("config/alerts");
    for (arguments, file) in [(["check", "rules"], "parceld.rules.yml"), (["test", "rules"], "parceld.test.yml")] {
        let said = Command::new("promtool").args(arguments).arg(file).current_dir(&folder).output();
        let said = said.expect("promtool is there: Debian's package prometheus");
        let words = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "{arguments:?}: {words}");
    }
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).expect("it is there");
    let (rules, tests) = (read("parceld.rules.yml"), read("parceld.test.yml"));
    let alerts: BTreeSet<&str> = after(&rules, "- alert: ").collect();
    assert!(10 < alerts.len());
    assert_eq!(alerts, after(&tests, "alertname: ").collect(), "every alert has its test");
}

#[test]
fn alerts_dashboard_and_document_name_only_figures_that_there_are() {
    let (agent, _scanner) = agent();
    let text = metrics(&agent);
    let families: BTreeSet<String> =
        after(&text, "# HELP ").filter_map(|line| Some(line.split(' ').next()?.into())).collect();
    for file in ["config/alerts/parceld.rules.yml", "config/grafana/parceld.json", "docs/status-api.md"] {
        let text = std::fs::read_to_string(workspace().join(file)).expect("it is there");
        let named = named(&text);
        assert!(10 < named.len(), "{file} names {named:?}");
        let unknown: Vec<_> = named.iter().filter(|name| !families.contains(family(name))).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?} are no figures");
        if file.ends_with(".md") {
            let missing: Vec<_> = families.iter().filter(|family| !named.contains(*family)).collect();
            assert!(missing.is_empty(), "{file} leaves out {missing:?}");
        }
    }
    let dashboard = std::fs::read(workspace().join("config/grafana/parceld.json")).expect("it is there");
    assert!(serde_json::from_slice::<Value>(&dashboard).is_ok_and(|dashboard| dashboard["panels"].is_array()));
}

#[test]
fn the_document_tells_every_field_of_the_status_and_no_other() {
    let (agent, _scanner) = agent();
    let mut seen = BTreeSet::new();
    let status = agent.status();
    fields(&status, "", &mut seen);
    let document = std::fs::read_to_string(workspace().join("docs/status-api.md")).expect("it is there");
    let told: BTreeSet<String> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(field, _)| field.to_owned())
        .filter(|field| !field.starts_with(['/', '?']) && !field.starts_with("parceld_"))
        .collect();
    let untold: Vec<_> = seen.difference(&told).collect();
    assert!(untold.is_empty(), "the document leaves out {untold:?}");
    let unseen: BTreeSet<&str> = told.difference(&seen).map(String::as_str).collect();
    assert_eq!(unseen, UNSEEN.into(), "{status:#}");
}

/// Every field below `value`: `a.b`, `list[].c`, and `map.{}` where keys are values themselves.
fn fields(value: &Value, at: &str, into: &mut BTreeSet<String>) {
    const MAPS: [&str; 3] = ["signals", "work.orders", "work.promises"];
    match value {
        Value::Object(object) if MAPS.contains(&at) => {
            assert!(!object.is_empty(), "{at}");
            into.insert(format!("{at}.{{}}"));
        }
        Value::Object(object) => {
            let dot = if at.is_empty() { "" } else { "." };
            object.iter().for_each(|(name, value)| fields(value, &format!("{at}{dot}{name}"), into));
        }
        Value::Array(items) => match items.first() {
            Some(Value::Object(_)) => items.iter().for_each(|item| fields(item, &format!("{at}[]"), into)),
            Some(_) | None => drop(into.insert(at.to_owned())),
        },
        _ => drop(into.insert(at.to_owned())),
    }
}

/// Every word of `text` that begins as a figure's name does.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("parceld_")).map(str::to_owned).collect()
}

/// The family that a row of a histogram belongs to.
fn family(name: &str) -> &str {
    let rows = ["_bucket", "_sum", "_count"];
    rows.iter().find_map(|row| name.strip_suffix(row)).unwrap_or(name)
}

/// What follows `start` in each line that has it.
fn after<'t>(text: &'t str, start: &'t str) -> impl Iterator<Item = &'t str> {
    text.lines().filter_map(move |line| Some(line.split_once(start)?.1.trim()))
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_owned()
}
