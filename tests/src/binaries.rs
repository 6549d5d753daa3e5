//! Where the programs under test are.

use std::env;
use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::Advice;

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

/// Has the kernel forget what it holds of a program's file, as it does not know it yet after a boot: the next process that runs
/// it reads from the disk what it needs. A kernel that keeps large pieces of files together maps those as a whole, and a file
/// that was just written is nothing but large pieces. What a running process has mapped stays.
///
/// # Panics
/// Where the file can't be read, or its system doesn't take the advice.
pub fn forget(program: &Path) {
    let file = File::open(program).expect("a program can be read");
    // What is not on disk yet stays in memory.
    file.sync_all().expect("a program can be forced to disk");
    rustix::fs::fadvise(&file, 0, None, Advice::DontNeed).expect("the kernel takes advice about a file");
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
