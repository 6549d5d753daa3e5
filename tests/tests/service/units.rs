//! Units as systemd reads them.

use parceld_tests::binaries;
use parceld_tests::board::of_the_project;
use parceld_tests::tempdir::TempDir;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// systemd's sum of what a unit leaves open, times ten.
const EXPOSURE_MAX: &str = "20";

/// The unit with a program that every machine has in place of its own.
fn with_another_program(dir: &TempDir, unit: &str, instance: &str) -> PathBuf {
    let text = fs::read_to_string(of_the_project("systemd").join(unit)).expect("the unit is there");
    let mut lines = text.lines();
    let mut copy = String::new();
    while let Some(line) = lines.next() {
        if line.starts_with("ExecStart=") {
            copy += "ExecStart=/bin/true\n";
            let mut last = line;
            while last.ends_with('\\') {
                last = lines.next().expect("a line that goes on has a next one");
            }
        } else {
            copy += &format!("{line}\n");
        }
    }
    let path = dir.join(instance);
    fs::write(&path, copy).expect("a directory of our own takes a file");
    path
}

fn analyze(arguments: &[&str], unit: &Path) -> (bool, String) {
    let mut analyze = Command::new(binaries::system("systemd-analyze", "systemd"));
    let output = analyze.args(arguments).arg(unit).env("SYSTEMD_COLORS", "0").output().expect("it can be started");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), said(&output.stderr) + &said(&output.stdout))
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let dir = TempDir::new("units");
    for (unit, instance) in
        [("parceld.service", "parceld.service"), ("parceld-kiosk@.service", "parceld-kiosk@bench-1.service")]
    {
        let (is_fine, said) = analyze(&["verify", "--man=no"], &with_another_program(&dir, unit, instance));
        assert!(is_fine && said.is_empty(), "{unit}: {said}");
    }
}

#[test]
fn a_line_that_systemd_does_not_know_would_be_found() {
    let dir = TempDir::new("units");
    let unit = with_another_program(&dir, "parceld.service", "parceld.service");
    let text = fs::read_to_string(&unit).expect("just written");
    fs::write(&unit, text.replace("PrivateTmp=", "PrivateTemp=")).expect("a directory of our own takes a file");
    let (_, said) = analyze(&["verify", "--man=no"], &unit);
    assert!(said.contains("PrivateTemp"), "{said}");
}

#[test]
fn the_agents_unit_leaves_little_open() {
    let unit = of_the_project("systemd/parceld.service");
    let threshold = format!("--threshold={EXPOSURE_MAX}");
    let (is_fine, said) = analyze(&["security", "--offline=true", "--no-pager", &threshold], &unit);
    println!("{}", said.lines().last().unwrap_or_default());
    assert!(is_fine, "{said}");
}

/// The agent's own times, as its sources have them.
#[test]
fn the_unit_waits_longer_than_the_agent() {
    let unit = fs::read_to_string(of_the_project("systemd/parceld.service")).expect("the unit is there");
    let value = |key: &str| {
        let line = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("{key} is missing")).to_owned()
    };
    let source = fs::read_to_string(of_the_project("agent/src/app/stop.rs")).expect("the source is there");
    let deadline = source.lines().find_map(|line| line.strip_prefix("const DEADLINE: Duration = Duration::from_secs("));
    let deadline_s: u64 =
        deadline.and_then(|rest| rest.strip_suffix(");")?.parse().ok()).expect("a deadline in seconds");
    let stop_s: u64 = value("TimeoutStopSec").parse().expect("in seconds");
    assert!(Duration::from_secs(deadline_s) + Duration::from_secs(5) <= Duration::from_secs(stop_s));
    assert_eq!(value("Type"), "notify");
    assert_eq!(value("ExecStart"), "/usr/bin/parceld run --config /etc/parceld/parceld.toml");
}
