//! A serial line made of a pseudo-terminal, under a path that stays the same when it is unplugged and put back.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, ioctl_tiocnxcl, tcgetattr, tcsetattr};

use crate::tempdir::TempDir;
use crate::wait::{self, Stopwatch};

const READ_BYTES_MAX: usize = 4096;

/// The device's end of a serial line. The agent opens [`port`](Pty::port), a link like those in `/dev/serial/by-id`.
///
/// The harness keeps the agent's end open too: otherwise the line hangs up whenever the agent restarts.
#[derive(Debug)]
pub struct Pty {
    line: Option<Line>,
    link: PathBuf,
    _dir: TempDir,
}

#[derive(Debug)]
struct Line {
    device_end: OwnedFd,
    agent_end: Option<OwnedFd>,
}

impl Pty {
    /// A plugged-in line in raw mode.
    #[must_use]
    pub fn new() -> Pty {
        let dir = TempDir::new("pty");
        let link = dir.join("scanner");
        let mut pty = Pty { line: None, link, _dir: dir };
        pty.replug();
        pty
    }

    /// The path for the agent to open. Nothing is there while the line is unplugged.
    #[must_use]
    pub fn port(&self) -> &Path {
        &self.link
    }

    #[must_use]
    pub fn is_plugged(&self) -> bool {
        self.line.is_some()
    }

    /// Takes the line away: the agent's end hangs up, and the link is gone. No effect on an unplugged line.
    pub fn unplug(&mut self) {
        if self.line.take().is_some() {
            fs::remove_file(&self.link).expect("the link was there");
        }
    }

    /// A new line, as a rule with another number, under the same link.
    pub fn replug(&mut self) {
        self.unplug();
        let (line, name) = open_line().unwrap_or_else(|error| panic!("cannot open a pseudo-terminal: {error}"));
        let fresh = self.link.with_extension("new");
        std::os::unix::fs::symlink(name, &fresh).expect("a link can be made in a fresh directory");
        fs::rename(&fresh, &self.link).expect("a link can be renamed");
        self.line = Some(line);
    }

    /// Lets the line hang up when the agent closes it, until the next [`replug`](Pty::replug).
    pub fn drop_agent_end(&mut self) {
        if let Some(line) = &mut self.line {
            line.agent_end = None;
        }
    }

    /// Takes back the mark "exclusive" which an agent that was killed leaves on a line that stays open. Only root may
    /// open a marked line.
    pub fn clear_exclusive(&self) {
        if let Some(agent_end) = self.line.as_ref().and_then(|line| line.agent_end.as_ref()) {
            ioctl_tiocnxcl(agent_end).expect("a terminal knows TIOCNXCL");
        }
    }

    /// Writes all of `bytes` towards the agent.
    ///
    /// # Panics
    /// Where the line is unplugged, or the agent doesn't read for long.
    #[track_caller]
    pub fn write(&self, bytes: &[u8]) {
        let waiting = Stopwatch::start();
        let mut rest = bytes;
        while !rest.is_empty() {
            match rustix::io::write(&self.line().device_end, rest) {
                Ok(count) => rest = &rest[count..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let left = waiting.left_of(wait::GENEROUS);
                    assert!(!left.is_zero(), "the agent reads nothing from {}", self.link.display());
                    self.await_line(PollFlags::OUT, left);
                }
                Err(error) => panic!("cannot write to {}: {error}", self.link.display()),
            }
        }
    }

    /// What the agent wrote, waiting up to `patience` for the first byte; empty where nothing came.
    ///
    /// # Panics
    /// Where the line is unplugged.
    #[track_caller]
    pub fn read(&self, patience: Duration) -> Vec<u8> {
        let waiting = Stopwatch::start();
        let mut bytes = [0; READ_BYTES_MAX];
        loop {
            match rustix::io::read(&self.line().device_end, &mut bytes) {
                Ok(count) if 0 < count => return bytes[..count].to_vec(),
                // Nothing yet; and EIO as long as nobody has the agent's end open.
                Ok(_) | Err(Errno::AGAIN | Errno::INTR | Errno::IO) => {}
                Err(error) => panic!("cannot read from {}: {error}", self.link.display()),
            }
            let left = waiting.left_of(patience);
            if left.is_zero() {
                return Vec::new();
            }
            self.await_line(PollFlags::IN, left);
        }
    }

    #[track_caller]
    fn line(&self) -> &Line {
        self.line.as_ref().unwrap_or_else(|| panic!("{} is unplugged", self.link.display()))
    }

    fn await_line(&self, wanted: PollFlags, patience: Duration) {
        let mut polled = [PollFd::new(&self.line().device_end, wanted)];
        let timeout = Timespec::try_from(patience).expect("a test's patience fits");
        // A poll that fails is one that returned early: the caller asks again.
        let _ = poll(&mut polled, Some(&timeout));
        if polled[0].revents().contains(PollFlags::HUP) {
            // Hang-up is reported at once, for as long as it lasts.
            wait::a_moment();
        }
    }
}

impl Default for Pty {
    fn default() -> Pty {
        Pty::new()
    }
}

fn open_line() -> rustix::io::Result<(Line, PathBuf)> {
    let device_end = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&device_end)?;
    unlockpt(&device_end)?;
    let name = ptsname(&device_end, Vec::new())?.into_string().map_err(|_| Errno::ILSEQ)?;
    let agent_end = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    let mut attributes = tcgetattr(&agent_end)?;
    attributes.make_raw();
    tcsetattr(&agent_end, OptionalActions::Now, &attributes)?;
    rustix::fs::fcntl_setfl(&device_end, OFlags::RDWR | OFlags::NONBLOCK)?;
    Ok((Line { device_end, agent_end: Some(agent_end) }, PathBuf::from(name)))
}

#[cfg(test)]
mod tests {
    use std::fs::{File, OpenOptions};
    use std::io::{Read, Write};

    use super::*;

    fn open(pty: &Pty) -> File {
        OpenOptions::new().read(true).write(true).open(pty.port()).unwrap()
    }

    fn round_trip(pty: &Pty, agent: &mut File) {
        pty.write(b"\x00\x04\x114006381333931\r\n");
        let mut taken = [0; 18];
        agent.read_exact(&mut taken).unwrap();
        assert_eq!(&taken, b"\x00\x04\x114006381333931\r\n");
        agent.write_all(b"\x06\x07").unwrap();
        assert_eq!(pty.read(wait::GENEROUS), b"\x06\x07");
    }

    #[test]
    fn carries_every_byte_both_ways() {
        let pty = Pty::new();
        round_trip(&pty, &mut open(&pty));
        assert_eq!(pty.read(Duration::ZERO), b"");
    }

    #[test]
    fn hangs_up_when_unplugged_and_works_again_under_the_same_path() {
        let mut pty = Pty::new();
        let path = pty.port().to_owned();
        for _ in 0..10 {
            let mut agent = open(&pty);
            round_trip(&pty, &mut agent);
            pty.unplug();
            assert!(!path.exists());
            assert!(fs::symlink_metadata(&path).is_err());
            assert_eq!(agent.read(&mut [0; 16]).unwrap_or(0), 0);
            pty.replug();
        }
        assert_eq!(pty.port(), path);
    }

    #[test]
    fn outlives_an_agent_that_closes_it() {
        let mut pty = Pty::new();
        drop(open(&pty));
        pty.write(b"kept");
        let mut taken = [0; 4];
        open(&pty).read_exact(&mut taken).unwrap();
        assert_eq!(&taken, b"kept");

        pty.drop_agent_end();
        drop(open(&pty));
        assert_eq!(pty.read(Duration::from_millis(20)), b"");
        round_trip(&pty, &mut open(&pty));
    }
}
