//! Packages of npm that judge what the project makes, each in the version that the lock file names.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FlockOperation, flock};

use crate::binaries;

/// The folder with the lock file, and the programs that use the packages.
pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/validators");

/// The folder that has them in `node_modules`. They are installed once into `dir`, which is cargo's directory for what
/// tests leave, and again when the lock file changes.
///
/// # Panics
/// Where npm can't install them.
#[must_use]
pub fn packages(dir: &str) -> PathBuf {
    let dir = Path::new(dir).join("npm");
    fs::create_dir_all(&dir).expect("cargo's directory for tests takes a folder");
    let turn = File::create(dir.join("turn")).expect("the folder is our own");
    flock(&turn, FlockOperation::LockExclusive).expect("a file of our own can be locked");
    let lock = fs::read(Path::new(FOLDER).join("package-lock.json")).expect("the lock file is there");
    let done = dir.join("installed.lock");
    if !fs::read(&done).is_ok_and(|installed| installed == lock) {
        for file in ["package.json", "package-lock.json"] {
            fs::copy(Path::new(FOLDER).join(file), dir.join(file)).expect("a file can be copied");
        }
        let mut install = Command::new(binaries::system("npm", "npm"));
        install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&dir);
        let output = install.output().expect("npm can be started");
        assert!(output.status.success(), "npm ci in {}: {}", dir.display(), String::from_utf8_lossy(&output.stderr));
        fs::write(done, lock).expect("the folder is our own");
    }
    dir
}
