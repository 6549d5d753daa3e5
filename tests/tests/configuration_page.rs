//! parceld.toml(5) is a page that groff takes without a word, and that a person can read.

use parceld_tests::binaries;
use std::io::Write;
use std::process::{Command, Stdio};

/// What groff makes of a page, and what it has to say about it.
fn formatted(page: &[u8]) -> (String, String) {
    let groff = binaries::system("groff", "groff-base");
    let mut groff = Command::new(groff)
        .args(["-man", "-ww", "-Tutf8", "-P-cbou"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("groff starts");
    groff.stdin.take().expect("it is piped").write_all(page).expect("groff reads");
    let output = groff.wait_with_output().expect("groff ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it is text");
    (text(output.stdout), text(output.stderr))
}

#[test]
fn groff_has_nothing_to_say_about_it() {
    let page = Command::new(binaries::workspace("parceld")).args(["man", "parceld.toml"]).output().expect("it runs");
    assert!(page.status.success());
    let (text, warnings) = formatted(&page.stdout);
    assert_eq!(warnings, "");
    for part in [
        "PARCELD.TOML(5)",
        "[site]",
        "[[scanner]]",
        "keep = \"30d\"",
        "name = \"Södermalm\"",
        "This is the default.",
        "Counts after a restart",
        "/etc/parceld/conf.d/*.toml",
        "PARCELD_BROKER_URL",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let (_, warnings) = formatted(b".TH X 5\n.NOSUCHREQUEST\n");
    assert!(!warnings.is_empty(), "groff would say if something was wrong");
}
