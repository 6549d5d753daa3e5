//! `cargo xtask dist --reproducible`: the same commit once more, cloned and built in another folder, must give the same bytes.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use super::architecture::Architecture;
use super::release::Release;
use super::{FOLDER, is_of};
use crate::step::{Step, cargo};

const CLONE: &str = "target/again";

/// Whether there is nothing in the clone that another would lack.
///
/// # Errors
/// Where this is no clone.
pub fn is_possible() -> anyhow::Result<bool> {
    Ok(!Release::of_this_clone()?.is_changed)
}

/// Compares with what [`super::make`] has left of these.
///
/// # Errors
/// Where something isn't committed, and so wouldn't be in the clone; where it can't be built; where a file differs.
pub fn check(architectures: &[Architecture]) -> anyhow::Result<()> {
    ensure!(is_possible()?, "what isn't committed isn't cloned: commit it first");
    let clone = Path::new(CLONE);
    if clone.exists() {
        fs::remove_dir_all(clone).with_context(|| format!("cannot remove {CLONE}"))?;
    }
    Step::new("clone", Command::new("git").args(["clone", "--quiet", ".", CLONE])).run_quietly()?;
    let mut again = cargo(["xtask", "dist"]);
    for architecture in architectures {
        again.args(["--target", architecture.name()]);
    }
    Step::new("the same again", again.current_dir(clone).env_remove("CARGO_TARGET_DIR")).run()?;
    compare(Path::new(FOLDER), &clone.join(FOLDER), architectures)?;
    fs::remove_dir_all(clone).with_context(|| format!("cannot remove {CLONE}"))
}

fn compare(first: &Path, second: &Path, architectures: &[Architecture]) -> anyhow::Result<()> {
    for &architecture in architectures {
        let mut compared = 0;
        for entry in fs::read_dir(first).with_context(|| format!("cannot list {}", first.display()))? {
            let name = entry?.file_name();
            if is_of(architecture, &name.to_string_lossy()) {
                let read = |folder: &Path| {
                    let file = folder.join(&name);
                    fs::read(&file).with_context(|| format!("cannot read {}", file.display()))
                };
                ensure!(read(first)? == read(second)?, "{} is not the same again", first.join(&name).display());
                compared += 1;
            }
        }
        ensure!(compared != 0, "{} has nothing for {}", first.display(), architecture.name());
        println!("── {}: {compared} files are the same again", architecture.name());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_differs_or_is_missing_is_told() {
        let folder = std::env::temp_dir().join(format!("parceld-again-{}", std::process::id()));
        let (first, second) = (folder.join("first"), folder.join("second"));
        let write = |folder: &Path, name: &str, text: &str| {
            fs::create_dir_all(folder).unwrap();
            fs::write(folder.join(name), text).unwrap();
        };
        let only = [Architecture::Arm64];
        write(&first, "SHA256SUMS", "these are of all");
        write(&second, "SHA256SUMS", "that is another matter");
        assert!(compare(&first, &second, &only).is_err(), "nothing was compared");
        write(&first, "parceld-arm64", "program");
        write(&first, "parceld-amd64", "another");
        assert!(compare(&first, &second, &only).is_err(), "it is missing");
        write(&second, "parceld-arm64", "program");
        compare(&first, &second, &only).unwrap();
        write(&first, "parceld_1.0_arm64.deb", "package");
        write(&second, "parceld_1.0_arm64.deb", "Package");
        let error = compare(&first, &second, &only).unwrap_err().to_string();
        assert!(error.ends_with("parceld_1.0_arm64.deb is not the same again"), "{error}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
