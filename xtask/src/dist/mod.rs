//! `cargo xtask dist`: release programs and Debian packages for boards, out of a clone.
//!
//! What comes out follows from the commit: no time, path or name of the machine is in it. What a compiler of another
//! version makes differs.

pub mod again;
pub mod architecture;
pub mod binary;
mod crates;
mod licences;
mod package;
mod release;
mod sbom;
pub mod smoke;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::step::{Step, cargo};
use architecture::{ALL, Architecture};
use binary::Binary;
use package::{Own, Shared};
use release::Release;

pub const FOLDER: &str = "target/dist";

const MANUAL: &str = "target/package/man";

const SUMS: &str = "SHA256SUMS";

/// The option that has everything made twice.
const REPRODUCIBLE: &str = "--reproducible";

/// Makes what was asked for, all architectures if nothing was.
///
/// # Errors
/// The step that failed, and how to repeat it.
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let (compare, targets): (Vec<_>, Vec<_>) = arguments.iter().cloned().partition(|option| option == REPRODUCIBLE);
    let targets = self::targets(&targets)?;
    make(&targets)?;
    if compare.is_empty() { Ok(()) } else { again::check(&targets) }
}

/// Returns the packages.
///
/// # Errors
/// As [`run`].
pub fn make(architectures: &[Architecture]) -> anyhow::Result<Vec<PathBuf>> {
    let release = Release::of_this_clone()?;
    let folder = Path::new(FOLDER);
    fs::create_dir_all(folder).with_context(|| format!("cannot make {FOLDER}"))?;
    let mut binaries: Vec<(Architecture, Binary)> = Vec::new();
    for &architecture in architectures {
        binaries.push((architecture, binary::build(architecture, &release)?));
    }
    let shared = shared(&program_of_this_machine(&binaries)?, &release)?;
    let mut packages = Vec::new();
    for (architecture, binary) in &binaries {
        forget(folder, *architecture)?;
        let crates = crates::of_the_agent(*architecture)?;
        let own = Own {
            binary,
            licences: licences::account(&crates)?,
            bill: sbom::cyclonedx(&crates, &release, *architecture)?,
        };
        packages.push(package::make(*architecture, &release, &shared, &own, folder)?);
        let name = format!("parceld-{}", architecture.name());
        fs::copy(&binary.path, folder.join(&name)).with_context(|| format!("cannot write {name}"))?;
        fs::write(folder.join(format!("{name}.cdx.json")), &own.bill).context("cannot write the bill of materials")?;
    }
    add_up(folder)?;
    Ok(packages)
}

/// `--target NAME`, as often as wanted.
fn targets(arguments: &[String]) -> anyhow::Result<Vec<Architecture>> {
    let mut targets = Vec::new();
    for pair in arguments.chunks(2) {
        match pair {
            [option, name] if option == "--target" => targets.push(Architecture::parse(name)?),
            _ => bail!("usage: cargo xtask dist [--target amd64|arm64|armv7]... [--reproducible]"),
        }
    }
    Ok(if targets.is_empty() { ALL.to_vec() } else { targets })
}

/// One that runs here, for the pages that it prints. A quick build, where none was built for this machine.
fn program_of_this_machine(binaries: &[(Architecture, Binary)]) -> anyhow::Result<PathBuf> {
    if let Some((_, binary)) = binaries.iter().find(|(architecture, _)| architecture.is_this_machine()) {
        return Ok(binary.path.clone());
    }
    let mut build = cargo(["build", "--locked", "--package", "parceld", "--bin", "parceld"]);
    Step::new("this machine's own", &mut build).run()?;
    Ok("target/debug/parceld".into())
}

fn shared(program: &Path, release: &Release) -> anyhow::Result<Shared> {
    let manual = PathBuf::from(MANUAL);
    if manual.exists() {
        fs::remove_dir_all(&manual).with_context(|| format!("cannot remove {MANUAL}"))?;
    }
    let mut man = Command::new(program);
    Step::new("manual pages", release.dated(man.args(["man", "--to"]).arg(&manual))).run_quietly()?;
    let completions = |shell| {
        let script = Step::new("completions", Command::new(program).args(["completions", shell])).output()?;
        Ok::<_, anyhow::Error>(script + "\n")
    };
    Ok(Shared { manual, completions: [completions("bash")?, completions("zsh")?, completions("fish")?] })
}

/// Removes what an earlier commit left of an architecture.
fn forget(folder: &Path, architecture: Architecture) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if is_of(architecture, &path.file_name().unwrap_or_default().to_string_lossy()) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// Whether a file in [`FOLDER`] was made for the architecture.
fn is_of(architecture: Architecture, file: &str) -> bool {
    let (name, package) = (format!("parceld-{}", architecture.name()), format!("_{}.deb", architecture.debian()));
    file.starts_with(&name) || file.ends_with(&package)
}

fn add_up(folder: &Path) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let names = entries.map(|entry| Ok(entry?.file_name()));
    let mut names = names.collect::<anyhow::Result<Vec<_>>>()?;
    names.retain(|name| name != SUMS);
    names.sort();
    let mut sha256sum = Command::new("sha256sum");
    let sums = Step::new("sums", sha256sum.current_dir(folder).arg("--").args(&names)).output()?;
    fs::write(folder.join(SUMS), format!("{sums}\n")).with_context(|| format!("cannot write {SUMS}"))?;
    println!("── {FOLDER}:\n{sums}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_named_targets_and_all_where_none_is_named() {
        let targets = |arguments: &[&str]| targets(&arguments.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(targets(&[]).unwrap(), ALL);
        let two = [Architecture::Armv7, Architecture::Amd64];
        assert_eq!(targets(&["--target", "armv7", "--target", "amd64"]).unwrap(), two);
        for wrong in [&["--target"][..], &["--target", "riscv"], &["arm64", "armv7"]] {
            assert!(targets(wrong).is_err(), "{wrong:?}");
        }
    }
}
