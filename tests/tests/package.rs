//! The Debian package on a board, from its installation to the day it is purged. All that was done, and what was said, is
//! in `package-life-cycle.log` in cargo's directory for what tests leave.

use parceld_tests::binaries;
use parceld_tests::board::{Board, CONFIG, of_the_project};
use parceld_tests::http;
use parceld_tests::machine::Machine;
use parceld_tests::tempdir::TempDir;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const DIR: &str = env!("CARGO_TARGET_TMPDIR");

/// Where `cargo xtask dist` leaves packages.
const PACKAGES: &str = "target/dist";

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {out}{errors}");
    out.into_owned()
}

/// The one for this machine.
fn package() -> PathBuf {
    let architecture = said("dpkg", &["--print-architecture"]);
    let ending = format!("_{}.deb", architecture.trim());
    let folder = of_the_project(PACKAGES);
    let files = fs::read_dir(&folder).map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())));
    let package = files.ok().and_then(|mut files| {
        files.find(|file| file.file_name().is_some_and(|name| name.to_string_lossy().ends_with(&ending)))
    });
    package
        .unwrap_or_else(|| panic!("no package for this machine in {}: `cargo xtask dist` makes it", folder.display()))
}

/// The same package as a later version, with something more at the end of its configuration file.
fn later(package: &Path, number: u32, more_configuration: &str) -> (TempDir, PathBuf) {
    let dir = TempDir::new("package");
    let (tree, later) = (dir.join("tree"), dir.join("later.deb"));
    let shown = |path: &Path| path.display().to_string();
    said("dpkg-deb", &["--raw-extract", &shown(package), &shown(&tree)]);
    let control = fs::read_to_string(tree.join("DEBIAN/control")).expect("a package has it");
    let version = |line: &str| match line.strip_prefix("Version: ") {
        Some(version) => format!("Version: {version}+test{number}\n"),
        None => format!("{line}\n"),
    };
    fs::write(tree.join("DEBIAN/control"), control.lines().map(version).collect::<String>()).expect("our own file");
    let mut config =
        File::options().append(true).open(tree.join("etc/parceld/parceld.toml")).expect("a package has it");
    config.write_all(more_configuration.as_bytes()).expect("our own file");
    said("dpkg-deb", &["--root-owner-group", "--build", &shown(&tree), &shown(&later)]);
    (dir, later)
}

/// What is done on the board, kept with what is said.
struct Technician<'a> {
    machine: &'a Machine,
    log: &'a mut File,
}

impl Technician<'_> {
    fn note(&mut self, what: &str) {
        writeln!(self.log, "\n=== {what}").expect("a file of our own");
    }

    /// Whether it did its work, and all that it said.
    fn tries(&mut self, command: &[&str]) -> (bool, String) {
        let output = self.machine.run(command);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        writeln!(self.log, "$ {}\n{text}[{}]", command.join(" "), output.status).expect("a file of our own");
        (output.status.success(), text)
    }

    #[track_caller]
    fn does(&mut self, command: &[&str]) -> String {
        let (is_done, text) = self.tries(command);
        assert!(is_done, "{command:?}: {text}");
        text
    }

    fn installs(&mut self, package: &Path) -> (bool, String) {
        self.machine.install(package, "/root/parceld.deb", 0o644);
        self.tries(&["dpkg", "--install", "/root/parceld.deb"])
    }

    fn is_there(&self, path: &str) -> bool {
        self.machine.path(path).exists()
    }
}

#[test]
#[ignore = "needs the package, which `cargo xtask dist` makes"]
fn lives_from_installation_to_purge() {
    let package = package();
    let Some(mut board) = Board::new(DIR) else { return };
    let mut log = File::create(Path::new(DIR).join("package-life-cycle.log")).expect("cargo's own directory");
    board.machine.boot();
    let configuration = board.configuration();
    macro_rules! technician {
        () => {
            Technician { machine: &board.machine, log: &mut log }
        };
    }

    let mut technician = technician!();
    technician.note("installation: nothing runs before the site is written down");
    let (is_done, text) = technician.installs(&package);
    assert!(is_done && text.contains("not started"), "{text}");
    assert!(!technician.tries(&["systemctl", "is-enabled", "parceld"]).0);
    assert!(!technician.tries(&["systemctl", "is-active", "parceld"]).0);
    assert!(technician.does(&["id", "parceld"]).contains("(dialout)"));
    assert!(!technician.tries(&["parceld", "check-config"]).0, "the site's own values are missing");

    technician.note("configuration and start");
    board.machine.write(CONFIG, 0o644, &configuration);
    let mut technician = technician!();
    technician.does(&["parceld", "check-config"]);
    technician.does(&["systemctl", "enable", "--now", "parceld"]);
    board.until_at_work();
    board.pack_an_order();

    let mut technician = technician!();
    technician.note("upgrade to a version with the same configuration file: nobody is asked, the agent is the new one");
    let before = board.machine.property("parceld", "MainPID");
    let (_dir, second) = later(&package, 2, "");
    let (is_done, text) = technician.installs(&second);
    assert!(is_done && !text.contains("Configuration file"), "{text}");
    assert_ne!(board.machine.property("parceld", "MainPID"), before);
    assert_eq!(fs::read_to_string(board.machine.path(CONFIG)).expect("it stays"), configuration);
    board.scanner.line().clear_exclusive();
    board.until_at_work();
    board.pack_an_order();

    let mut technician = technician!();
    technician.note("upgrade to a version with another one: dpkg asks, and until then the old agent goes on");
    let before = board.machine.property("parceld", "MainPID");
    let (_dir, third) = later(&package, 3, "\n# What is new.\n");
    let (is_done, text) = technician.installs(&third);
    assert!(!is_done && text.contains("Configuration file '/etc/parceld/parceld.toml'"), "{text}");
    assert_eq!(board.machine.property("parceld", "MainPID"), before);
    board.pack_an_order();
    let mut technician = technician!();
    technician.note("the answer is to keep ours");
    technician.does(&["dpkg", "--configure", "--force-confold", "parceld"]);
    assert_eq!(fs::read_to_string(board.machine.path(CONFIG)).expect("it stays"), configuration);
    assert!(technician.is_there("/etc/parceld/parceld.toml.dpkg-dist"));
    assert_ne!(board.machine.property("parceld", "MainPID"), before);
    board.scanner.line().clear_exclusive();
    board.until_at_work();
    board.pack_an_order();
    let head = board.status()["log"]["head"].as_u64().expect("a number");

    let mut technician = technician!();
    technician.note("removal: the agent stops, what it knows stays");
    technician.does(&["dpkg", "--remove", "parceld"]);
    assert!(!technician.tries(&["systemctl", "is-active", "parceld"]).0);
    assert!(
        !technician.is_there("/usr/bin/parceld") && !technician.is_there("/usr/lib/systemd/system/parceld.service")
    );
    assert!(technician.is_there("/var/lib/parceld/parceld.db") && technician.is_there(CONFIG));
    assert!(http::get(&board.url()).is_err(), "nobody answers");

    let mut technician = technician!();
    technician.note("installed again: it goes on where it was");
    assert!(technician.installs(&third).0);
    technician.does(&["systemctl", "enable", "--now", "parceld"]);
    board.scanner.line().clear_exclusive();
    board.until_at_work();
    board.pack_an_order();
    assert!(head < board.status()["log"]["head"].as_u64().expect("a number"), "the same log");

    let mut technician = technician!();
    technician.note("purge: nothing of the package's is left; certificates are not the package's");
    technician.does(&["dpkg", "--purge", "parceld"]);
    for gone in ["/var/lib/parceld", CONFIG, "/etc/parceld/conf.d", "/usr/bin/parceld", "/run/parceld"] {
        assert!(!technician.is_there(gone), "{gone}");
    }
    assert!(technician.is_there("/etc/parceld/ca.pem") && technician.is_there("/etc/credstore/parceld.key"));
    let (_, known) = technician.tries(&["dpkg-query", "--show", "--showformat", "${db:Status-Status}", "parceld"]);
    assert!(!known.contains("installed") && !known.contains("config-files"), "{known}");
    assert!(!technician.tries(&["systemctl", "cat", "parceld"]).0);

    writeln!(log, "\n=== lintian").expect("a file of our own");
    let (is_fine, verdict) = lintian(&package);
    writeln!(log, "{verdict}[{}]", if is_fine { "nothing to complain of" } else { "not clean" }).expect("our own file");
    assert!(is_fine, "{verdict}");
}

fn lintian(package: &Path) -> (bool, String) {
    let mut lintian = Command::new(binaries::system("lintian", "lintian"));
    lintian.args(["--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0"]).arg(package);
    let output = lintian.output().expect("lintian can be started");
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), format!("{out}{errors}"))
}

#[test]
#[ignore = "needs the package, which `cargo xtask dist` makes"]
fn manual_pages_are_without_fault() {
    let (dir, mandoc) = (TempDir::new("manual"), binaries::system("mandoc", "mandoc").display().to_string());
    let shown = |path: &Path| path.display().to_string();
    said("dpkg-deb", &["--extract", &shown(&package()), &shown(dir.path())]);
    let mut pages = Vec::new();
    for section in ["man1", "man5"] {
        let folder = dir.join("usr/share/man").join(section);
        said("gzip", &["--decompress", "--recursive", &shown(&folder)]);
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        pages.extend(entries.map(|entry| shown(&entry.expect("our own folder").path())));
    }
    for page in ["parceld.1", "parceld-run.1", "parceld-scanners-reopen.1", "parceld.toml.5"] {
        assert!(pages.iter().any(|path| path.ends_with(&format!("/{page}"))), "{page} is not among {pages:?}");
    }
    let lint = ["-T", "lint", "-W", "warning"];
    said(&mandoc, &[&lint[..], &pages.iter().map(String::as_str).collect::<Vec<_>>()].concat());

    let wrong = shown(&dir.join("wrong.1"));
    fs::write(&wrong, ".TH WRONG 1 2026-11-26\n.SH NAME\nwrong \\- it is\n.NOSUCHREQUEST\n").expect("our own folder");
    let output = Command::new(&mandoc).args(lint).arg(&wrong).output().expect("it can be started");
    assert!(!output.status.success(), "mandoc would say if something was wrong");
}
