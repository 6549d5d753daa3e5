//! The commands of docs/operating.md that make a CA, run as they stand there: with what they make a site gets in, and after
//! its certificate was revoked it doesn't.

use parceld_tests::agent::AgentSetup;
use parceld_tests::mosquitto::Mosquitto;
use parceld_tests::platform::Platform;
use parceld_tests::tempdir::TempDir;
use parceld_tests::{binaries, wait};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const DOCUMENT: &str = include_str!("../../docs/operating.md");
const SHOWN_WITHIN: Duration = Duration::from_secs(5);

/// The document's site, and its broker's name here.
const SITE: &str = "sthlm-03";
const BROKER: (&str, &str) = ("broker.example.com", "localhost");

/// The commands between two headings of the document.
fn commands(from: &str, to: &str) -> Vec<&'static str> {
    let (_, section) = DOCUMENT.split_once(&format!("\n{from}\n")).unwrap_or_else(|| panic!("no {from:?}"));
    let (section, _) = section.split_once(&format!("\n{to}\n")).unwrap_or_else(|| panic!("no {to:?} behind {from:?}"));
    section.lines().filter_map(|line| line.strip_prefix("$ ")).collect()
}

/// Runs them one after the other in one shell, as this user and below `root`. What systemd does the test does.
fn run(commands: &[&str], root: &Path, directory: &Path) {
    let mut script = String::from("set -e\n");
    for command in commands.iter().filter(|command| !command.contains("systemctl")) {
        let command = command.replace("sudo ", "").replace(" -o mosquitto", "").replace(" -o parceld", "");
        let command = command.replace(" /etc/", &format!(" {}/etc/", root.display())).replace(BROKER.0, BROKER.1);
        script += &format!("{command}\n");
    }
    let output = Command::new("sh").arg("-c").arg(&script).current_dir(directory).output().expect("a shell runs");
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_ca_made_by_the_document_lets_a_site_in_until_it_is_revoked() {
    let _installed = binaries::system("openssl", "openssl");
    let root = TempDir::new("own-ca");
    let etc = |name: &str| root.join("etc").join(name);
    for directory in ["parceld", "mosquitto"] {
        std::fs::create_dir_all(etc(directory)).expect("a directory of our own takes others");
    }
    let config = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../config");
    symlink(config, root.join("config")).expect("a link can be made");
    let make = commands("### A CA of your own", "#### Revoking");
    assert!(12 <= make.len(), "{make:?}");
    run(&make, root.path(), root.path());

    let settings = std::fs::read_to_string(etc("mosquitto/mosquitto.conf")).expect("it was installed");
    let settings = settings
        .replace("listener 8883", "listener {port} 127.0.0.1")
        .replace("/etc/mosquitto/", &format!("{}/", etc("mosquitto").display()))
        .replace("/var/lib/mosquitto/", "{directory}/");
    let mut broker = Mosquitto::configured(&format!("user root\n{settings}"), |_| {});
    let url = format!("mqtts://localhost:{}", broker.port());
    let ca = |name: &str| root.join("ca").join(name).display().to_string();
    let (authority, certificate, key) = (ca("ca.pem"), ca("platform.pem"), ca("platform.key"));
    let files = ["--ca-file", &authority, "--certificate-file", &certificate, "--key-file", &key];
    let _platform = Platform::reaching(&url, &files);
    let site = |name: &str| etc("parceld").join(name).display().to_string();
    let mut agent = AgentSetup::new(SITE, &url)
        .set("broker.ca_file", site("ca.pem"))
        .set("broker.certificate_file", site("site.pem"))
        .set("broker.key_file", site("site.key"))
        .set("broker.crl_file", ca("ca.crl"))
        .station("bench-1", "pack")
        .start();
    agent.ready();
    wait::until("everything to be received", wait::GENEROUS, || {
        let status = agent.status();
        (status["log"]["received"] == status["log"]["head"]).then_some(())
    });

    run(&commands("#### Revoking", "## The configuration"), root.path(), &root.join("ca"));
    broker.restart();
    wait::until("the revocation to be told", SHOWN_WITHIN, || agent.finding("certificate_revoked").map(drop));
}
