//! The configuration that the package installs: refused until the site's own values are in it, and right with them.

use std::fs;
use std::process::{Command, Output};

use parceld_tests::binaries;
use parceld_tests::tempdir::TempDir;

const NEW_SITE: &str = include_str!("../../config/new-site.toml");

/// What a technician has to write, as the file asks for it.
const VALUES: [(&str, &str); 4] = [
    ("id", "sthlm-03"),
    ("timezone", "Europe/Stockholm"),
    ("gs1_company_prefix", "7312345"),
    ("url", "mqtt://broker.example.com"),
];

fn check(text: &str) -> Output {
    let dir = TempDir::new("new_site");
    let file = dir.join("parceld.toml");
    fs::write(&file, text).expect("the file can be written");
    let output = Command::new(binaries::workspace("parceld")).arg("check-config").arg(&file).output();
    output.expect("the program can be started")
}

/// The file with these values written into it.
fn filled<'v>(values: impl IntoIterator<Item = &'v (&'v str, &'v str)>) -> String {
    values.into_iter().fold(NEW_SITE.to_owned(), |text, (key, value)| {
        let empty = format!("\n{key} = \"\"\n");
        assert_eq!(text.matches(&empty).count(), 1, "{key}");
        text.replace(&empty, &format!("\n{key} = {value:?}\n"))
    })
}

#[test]
fn every_value_that_is_not_written_yet_is_named() {
    let said = check(NEW_SITE);
    let text = String::from_utf8(said.stderr).unwrap();
    assert_eq!(said.status.code(), Some(2), "{text}");
    for (key, _) in VALUES {
        let line = 1 + NEW_SITE.lines().position(|line| line == format!("{key} = \"\"")).unwrap();
        assert!(text.contains(&format!("parceld.toml:{line}:")), "{key} in line {line} is not named:\n{text}");
    }
    for (missing, _) in VALUES {
        let text = filled(VALUES.iter().filter(|(key, _)| *key != missing));
        assert_eq!(check(&text).status.code(), Some(2), "without {missing}");
    }
}

#[test]
fn with_the_sites_own_values_it_is_right_and_so_are_its_samples() {
    let text = filled(&VALUES);
    // A sample is what stands behind `# [[` and the lines that follow it.
    let mut in_sample = false;
    let with_samples = text.lines().map(|line| {
        in_sample = line.starts_with("# [[") || in_sample && line.starts_with("# ");
        if in_sample { line.trim_start_matches("# ") } else { line }
    });
    let with_samples = with_samples.collect::<Vec<_>>().join("\n");
    assert!(with_samples.contains("\n[[scanner]]\n") && with_samples.contains("\n[[carrier]]\n"), "{with_samples}");
    for text in [text, with_samples] {
        let said = check(&text);
        assert!(said.status.success(), "{}\n{text}", String::from_utf8_lossy(&said.stderr));
    }
}
