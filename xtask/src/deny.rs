//! `cargo xtask deny`: what `deny.toml` says of everything in Cargo.lock, judged by cargo-deny. It needs a network to be
//! installed, and for `--fetch`, which gets the list of crates' known faults.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;

use crate::cache;
use crate::step::{Step, cargo};

/// A newer one may judge otherwise.
const VERSION: &str = "0.20.2";

/// Where tools lie that cargo installs, in the cache directory.
const TOOLS: &str = "parceld-tools";

/// The check that needs a list of known faults.
const ADVISORIES: &str = "advisories";

/// Installs cargo-deny where it isn't there, which takes some minutes once, and has it judge; with `--fetch` after it has got
/// the list of known faults.
///
/// # Errors
/// Where it can't be installed, or finds something.
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let fetches = match arguments {
        [] => false,
        [flag] if flag == "--fetch" => true,
        _ => bail!("usage: cargo xtask deny [--fetch]"),
    };
    if !is_installed()? {
        let mut install = cargo(["install", "cargo-deny", "--locked", "--version", VERSION, "--root"]);
        Step::new("cargo-deny", install.arg(cache::folder(TOOLS)?)).run()?;
    }
    if fetches {
        Step::new("known faults", Command::new(program()?).args(["fetch", "db"])).run()?;
    }
    check()
}

/// Judges, with a cargo-deny that is installed.
///
/// # Errors
/// Where it finds something.
pub fn check() -> anyhow::Result<()> {
    let checks = checks(advisories().as_deref());
    if !checks.contains(&ADVISORIES) {
        println!("── known faults of crates are not looked for: `cargo xtask deny --fetch` gets the list of them");
    }
    let mut check = Command::new(program()?);
    check.args(["--frozen", "check", "--hide-inclusion-graph"]);
    check.args(checks);
    Step::new("crates", &mut check).run()
}

/// Whether this version is there.
///
/// # Errors
/// Where there is no cache directory.
pub fn is_installed() -> anyhow::Result<bool> {
    let version = Command::new(program()?).arg("--version").output();
    let expected = format!("cargo-deny {VERSION}");
    Ok(version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == expected))
}

fn program() -> anyhow::Result<PathBuf> {
    Ok(cache::folder(TOOLS)?.join("bin/cargo-deny"))
}

/// Where cargo-deny keeps the lists of known faults that it has fetched.
fn advisories() -> Option<PathBuf> {
    let cargo = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo = cargo.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")))?;
    Some(cargo.join("advisory-dbs"))
}

/// All of them where there is a list of known faults, which nothing else needs.
fn checks(advisories: Option<&Path>) -> &'static [&'static str] {
    let is_there =
        advisories.and_then(|folder| fs::read_dir(folder).ok()).is_some_and(|mut lists| lists.next().is_some());
    if is_there { &[ADVISORIES, "bans", "licenses", "sources"] } else { &["bans", "licenses", "sources"] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_faults_are_looked_for_where_there_is_a_list_of_them() {
        let folder = env::temp_dir().join(format!("parceld-advisories-{}", std::process::id()));
        assert!(!checks(None).contains(&ADVISORIES));
        assert!(!checks(Some(&folder)).contains(&ADVISORIES));
        fs::create_dir_all(folder.join("a-list")).unwrap();
        assert!(checks(Some(&folder)).contains(&ADVISORIES));
        fs::remove_dir_all(&folder).unwrap();
    }
}
