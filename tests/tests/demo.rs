//! The demonstration is what a newcomer sees first: it runs to its end, tells what it promises, and leaves nothing behind.

use std::fs;
use std::process::Command;
use std::time::Duration;

use parceld_tests::process::Process;
use parceld_tests::tempdir::TempDir;
use parceld_tests::wait;

/// The fast demonstration takes seconds; the rest is for a machine that is busy with other tests.
const ENDS_WITHIN: Duration = Duration::from_secs(180);

fn demo(arguments: &[&str], dir: &TempDir) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    Process::spawn("demo", command.args(arguments), &dir.join("log"))
}

#[test]
fn the_demonstration_goes_from_scans_to_dispatches_and_notifications() {
    let dir = TempDir::new("demo");
    let mut demo = demo(&["--once", "--fast"], &dir);
    let status = wait::until("the demonstration's end", ENDS_WITHIN, || demo.ended());
    let log = demo.log();
    assert!(status.success(), "{status}");
    let count = |what: &str| log.lines().filter(|line| line.contains(what)).count();
    assert_eq!(count("order.accepted"), 7);
    assert_eq!(count(" label 00"), 7, "one for each parcel");
    assert_eq!(count("dispatch.requested"), 6);
    assert_eq!(count("dispatch.handed_over"), 6);
    assert_eq!(count("dispatch.parcel_ready"), 1);
    assert_eq!(count("order.collected"), 1);
    assert_eq!(count("notification.requested"), 7 + 1 + 2 * 6 + 3, "accepted, short, and each order's own steps");
    assert_eq!(count("order.completed"), 7);
    assert_eq!(count("pick.item_short"), 1);
    assert_eq!(count("return.completed"), 1);
    assert_eq!(count("site.scan_refused"), 3 + 2, "one wrong, one over, one unknown; DONE without an order, twice");
}

#[test]
fn the_demonstration_ends_its_processes_on_sigterm() {
    let dir = TempDir::new("demo");
    let mut demo = demo(&["--fast"], &dir);
    wait::until("the first item", ENDS_WITHIN, || {
        assert!(demo.ended().is_none(), "it ended by itself");
        demo.log().contains("pick.item_picked").then_some(())
    });
    let children = children_of(demo.pid());
    assert_eq!(children.len(), 3, "broker, platform and agent");
    assert!(demo.terminate().success());
    wait::until("the end of its processes", wait::GENEROUS, || {
        children.iter().all(|child| !is_running(*child)).then_some(())
    });
}

fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc")
        .expect("Linux shows its processes")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.filter(|process| parent_of(*process) == Some(parent)).collect()
}

/// Field 4 of proc_pid_stat(5), behind the name in brackets.
fn parent_of(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split_whitespace().nth(1)?.parse().ok()
}

fn is_running(process: u32) -> bool {
    fs::exists(format!("/proc/{process}")).unwrap_or(true)
}
