//! Where the programs under test are.

use std::env;
use std::path::{Path, PathBuf};

/// Names a directory with the programs, where they aren't those built beside the tests.
const DIRECTORY_VARIABLE: &str = "PARCELD_BIN_DIR";

/// The path of a program of this workspace: `parceld`, `parceld-platform` or `parceld-demo-broker`.
///
/// # Panics
/// Where it isn't built, with the command that builds it: cargo doesn't build another package's program for a test.
#[must_use]
pub fn workspace(name: &str) -> PathBuf {
    let directory = env::var_os(DIRECTORY_VARIABLE).map_or_else(beside_the_tests, PathBuf::from);
    let program = directory.join(name);
    assert!(
        program.is_file(),
        "{} is missing: build it with `cargo build -p {name}`, or set {DIRECTORY_VARIABLE}",
        program.display()
    );
    program
}

/// A program of the system, also from the directories that only root has in `PATH`.
///
/// # Panics
/// Where it isn't installed, with the Debian package to install.
#[must_use]
pub fn system(name: &str, debian_package: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")])
        .map(|directory| directory.join(name))
        .find(|program| program.is_file())
        .unwrap_or_else(|| panic!("{name} is missing: install it with `apt-get install {debian_package}`"))
}

/// Tests are `target/PROFILE/deps/NAME-HASH`, programs `target/PROFILE/NAME`.
fn beside_the_tests() -> PathBuf {
    let executable = env::current_exe().expect("a running program knows its path");
    let directory = executable.parent().expect("a program lies in a directory");
    match directory.parent() {
        Some(profile) if directory.ends_with("deps") => profile.to_owned(),
        _ => Path::to_owned(directory),
    }
}
