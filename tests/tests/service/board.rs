//! The agent's unit for real: systemd starts it as its first user would, and the floor works in its sandbox.

use parceld_tests::binaries;
use parceld_tests::board::{Board, CONFIG, of_the_project};
use parceld_tests::site::PATIENCE;
use parceld_tests::{http, wait};
use std::fs;

const DIR: &str = env!("CARGO_TARGET_TMPDIR");

/// systemd waits this long for a sign of life in [`a_hanging_agent_is_started_anew`].
const WATCHDOG: &str = "[Service]\nWatchdogSec=4s\n";

/// A board with the program under test, and everything of `systemd/` where a package has it.
fn board() -> Option<Board> {
    let board = Board::new(DIR)?;
    board.machine.install(&binaries::workspace("parceld"), "/usr/bin/parceld", 0o755);
    for (file, inside) in [
        ("parceld.service", "/usr/lib/systemd/system/parceld.service"),
        ("parceld.sysusers", "/usr/lib/sysusers.d/parceld.conf"),
        ("parceld.tmpfiles", "/usr/lib/tmpfiles.d/parceld.conf"),
        ("60-parceld.rules", "/usr/lib/udev/rules.d/60-parceld.rules"),
    ] {
        board.machine.install(&of_the_project("systemd").join(file), inside, 0o644);
    }
    board.machine.write(CONFIG, 0o644, board.configuration());
    Some(board)
}

/// A field of the agent's `/proc/PID/status`.
fn kernel_says(board: &Board, field: &str) -> String {
    let pid = board.machine.property("parceld", "MainPID");
    let status = board.machine.output(&["cat", &format!("/proc/{pid}/status")]);
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {field}")).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_floor_works_in_the_units_sandbox() {
    let Some(mut board) = board() else { return };
    board.machine.boot();
    // Returns when the agent has said that it is ready.
    board.machine.output(&["systemctl", "start", "parceld"]);
    assert_eq!(board.machine.property("parceld", "ActiveState"), "active");
    let how = board.machine.property("parceld", "StatusText");
    assert!(how.starts_with("scans are saved; "), "{how}");
    board.until_at_work();

    let user = board.machine.output(&["id", "--user", "parceld"]);
    assert_eq!(kernel_says(&board, "Uid"), [user.trim(); 4].join(" "));
    for (field, expected) in [
        ("CapBnd", "0000000000000000"),
        ("CapEff", "0000000000000000"),
        ("CapAmb", "0000000000000000"),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
    ] {
        assert_eq!(kernel_says(&board, field), expected, "{field}");
    }
    only_serial_lines_can_be_opened(&board);
    only_its_own_directories_can_be_written(&board);

    board.pack_an_order();
    let page = http::get(&board.url()).expect("the page answers").success().body;
    assert!(page.contains("Board"), "the page names the site");
    a_technician_gets_everything(&board);
    a_reload_takes_what_is_new(&mut board);
    udev_reads_the_rules(&board);

    let output = board.machine.journal("parceld");
    assert!(!output.contains("Operation not permitted") && !output.contains("panicked"), "{output}");
    board.machine.output(&["systemctl", "stop", "parceld"]);
    assert_eq!(board.machine.property("parceld", "Result"), "success");
    assert_eq!(board.machine.property("parceld", "ExecMainStatus"), "0");
    let applied = board.machine.property("parceld", "MemoryMax");
    println!(
        "not applied where control groups have no controllers: MemoryMax ({applied}), TasksMax, CPU and IO weight"
    );
}

/// Devices that nobody drives: one that may be opened says that it isn't there, any other that it is not allowed.
fn only_serial_lines_can_be_opened(board: &Board) {
    let open = "echo $$ >/sys/fs/cgroup/system.slice/parceld.service/cgroup.procs && exec 3<>/dev/tried";
    for (major, minor, expected) in [
        (188, 7, "No such device"),
        (166, 7, "No such device"),
        (204, 200, "No such device"),
        (10, 200, "Operation not permitted"),
        (1, 1, "Operation not permitted"),
        (89, 0, "Operation not permitted"),
    ] {
        let (major, minor) = (major.to_string(), minor.to_string());
        board.machine.output(&["mknod", "/dev/tried", "c", &major, &minor]);
        let tried = board.machine.run(&["sh", "-c", open]);
        let said = String::from_utf8_lossy(&tried.stderr).into_owned();
        assert!(said.contains(expected), "{major}:{minor}: {said}");
        board.machine.output(&["rm", "/dev/tried"]);
    }
}

fn only_its_own_directories_can_be_written(board: &Board) {
    let pid = board.machine.property("parceld", "MainPID");
    let write = |path: &str| {
        let touched = board.machine.run(&["nsenter", "--mount", "--target", &pid, "--", "touch", path]);
        touched.status.success()
    };
    for path in ["/var/lib/parceld/x", "/run/parceld/x", "/tmp/x"] {
        assert!(write(path), "{path}");
    }
    for path in ["/etc/parceld/x", "/usr/bin/x", "/var/lib/x", "/var/log/x", "/opt/x", "/root/x"] {
        assert!(!write(path), "{path}");
    }
}

fn a_technician_gets_everything(board: &Board) {
    let as_agent = |arguments: &[&str]| {
        let command = [&["runuser", "--user", "parceld", "--", "parceld"], arguments].concat();
        board.machine.output(&command)
    };
    as_agent(&["check-config"]);
    let status = as_agent(&["status", "--json"]);
    assert!(status.contains("\"bench-1\""), "{status}");
    as_agent(&["backup"]);
    assert!(!board.machine.output(&["ls", "/var/lib/parceld/backups"]).is_empty());
    as_agent(&["bundle", "/var/lib/parceld/bundle.tar.gz"]);
    let bundle = fs::read(board.machine.path("/var/lib/parceld/bundle.tar.gz")).expect("the bundle is there");
    assert!(!bundle.is_empty());
    let doctor = board.machine.run(&["parceld", "doctor", "--json"]);
    let found = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.status.code().is_some_and(|code| code < 2), "{found}");
}

/// systemd is told when it begins and when it is over, and the agent goes on.
fn a_reload_takes_what_is_new(board: &mut Board) {
    let pid = board.machine.property("parceld", "MainPID");
    let more = "[[station]]\nid = \"bench-2\"\nmode = \"pack\"\n";
    board.machine.write(CONFIG, 0o644, board.configuration() + more);
    board.machine.output(&["systemctl", "reload", "parceld"]);
    wait::until("the new station", PATIENCE, || {
        let page = http::get(&format!("{}/station/bench-2", board.url())).ok()?;
        (page.status == 200).then_some(())
    });
    wait::until("the service to be as before", PATIENCE, || {
        (board.machine.property("parceld", "ActiveState") == "active").then_some(())
    });
    assert_eq!(board.machine.property("parceld", "MainPID"), pid);
    board.pack_an_order();
}

fn udev_reads_the_rules(board: &Board) {
    let tested = board.machine.run(&["udevadm", "test", "--action=add", "/sys/devices/virtual/mem/null"]);
    let said = String::from_utf8_lossy(&tested.stderr).into_owned();
    let wrong = |line: &&str| line.contains("60-parceld.rules:");
    let wrong: Vec<&str> = said.lines().filter(wrong).collect();
    assert!(said.contains("60-parceld.rules") && wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_hanging_agent_is_started_anew_and_the_floor_goes_on() {
    let Some(mut board) = board() else { return };
    board.machine.write("/etc/systemd/system/parceld.service.d/watchdog.conf", 0o644, WATCHDOG);
    board.machine.boot();
    board.machine.output(&["systemctl", "start", "parceld"]);
    board.until_at_work();
    let pid = board.machine.property("parceld", "MainPID");
    board.machine.output(&["systemctl", "kill", "--kill-who=main", "--signal=STOP", "parceld"]);
    wait::until("another agent", PATIENCE, || {
        let is_another = ![pid.as_str(), "0"].contains(&&*board.machine.property("parceld", "MainPID"));
        (is_another && board.machine.property("parceld", "ActiveState") == "active").then_some(())
    });
    assert_eq!(board.machine.property("parceld", "NRestarts"), "1");
    let journal = board.machine.journal("parceld");
    assert!(journal.contains("Watchdog timeout"), "{journal}");
    board.scanner.line().clear_exclusive();
    board.until_at_work();
    board.pack_an_order();
}

#[test]
fn without_any_secret_the_agent_starts_and_says_what_it_lacks() {
    let Some(mut board) = board() else { return };
    for secret in ["parceld.key", "parceld.password"] {
        fs::remove_file(board.machine.path(format!("/etc/credstore/{secret}"))).expect("it was put there");
    }
    board.machine.boot();
    board.machine.output(&["systemctl", "start", "parceld"]);
    wait::until("the scanner's line", PATIENCE, || (board.status()["scanners"][0]["state"] == "open").then_some(()));
    assert!(board.scanner.scan("NOBODY-KNOWS-THIS").recorded);
    let journal = board.machine.journal("parceld");
    assert!(journal.contains("/run/credentials/parceld.service/parceld.password"), "{journal}");
}
