//! The control socket: what the command line asks of the running agent.
//!
//! One JSON request per line, one JSON reply per line, each at most [`FRAME_BYTES_MAX`]. A request names the site that it
//! means, so that it never reaches another agent of the same machine. Who may open the socket may do all of it: the
//! socket's mode is 0660, and its group decides.

mod client;
mod server;
mod wire;

pub use client::{Client, Unreached};
pub use server::{Bench, Error, Socket, bind, serve};
pub use wire::{Refusal, Request};

use rustix::fs::Access;
use std::path::{Path, PathBuf};

/// A longer line is refused and its connection closed.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;

/// Where the socket lies by default, below systemd's runtime directory.
const DEFAULT: &str = "/run/parceld/control.sock";

/// Where the agent listens: as configured, else in the runtime directory if it can write there, else beside the database.
#[must_use]
pub fn path(configured: Option<&Path>, database: &Path) -> PathBuf {
    let is_writable = |path: &Path| {
        path.parent().is_some_and(|directory| rustix::fs::access(directory, Access::WRITE_OK | Access::EXEC_OK).is_ok())
    };
    match configured {
        Some(path) => path.to_owned(),
        None if is_writable(Path::new(DEFAULT)) => DEFAULT.into(),
        None => beside(database),
    }
}

/// Where to look for the agent: whoever asks may not have the agent's rights, so they can't tell which one it took.
#[must_use]
pub fn candidates(configured: Option<&Path>, database: &Path) -> Vec<PathBuf> {
    match configured {
        Some(path) => vec![path.to_owned()],
        None => vec![beside(database), DEFAULT.into()],
    }
}

fn beside(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".sock");
    path.into()
}

#[cfg(test)]
mod tests;
