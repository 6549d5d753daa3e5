//! A scanner on a pty behind a stable link, and a port's events.

#![allow(dead_code, reason = "each test binary uses its part")]
#![expect(clippy::unwrap_used, reason = "a test that can't be set up fails")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use parceld_drivers::port::{self, Address, Config, Event, LineSettings, Port, Repeat};
use parceld_drivers::scanner::{Driver, Family};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

pub const DEADLINE: Duration = Duration::from_secs(10);

/// Waits for a condition that somebody else brings about.
pub fn until(condition: impl Fn() -> bool) {
    until_within(DEADLINE, condition);
}

/// The same, for what must not take longer.
#[expect(clippy::disallowed_methods, reason = "a test waits until a deadline")]
pub fn until_within(patience: Duration, condition: impl Fn() -> bool) {
    let started = std::time::Instant::now();
    while !condition() {
        assert!(started.elapsed() < patience, "in vain");
        std::thread::yield_now();
    }
}

/// A folder of a test's own, gone with it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("parceld-drivers-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn link(&self) -> PathBuf {
        self.0.join("scanner")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A scanner while it is plugged in; dropped, it is unplugged.
pub struct Scanner {
    master: File,
    /// Keeps the pty raw and what was sent in it while no port has it open.
    _slave: File,
    link: PathBuf,
}

impl Scanner {
    pub fn plug_in(link: &Path) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = rustix::fs::open(path.as_c_str(), flags, Mode::empty()).unwrap();
        let mut settings = tcgetattr(&slave).unwrap();
        settings.make_raw();
        tcsetattr(&slave, OptionalActions::Now, &settings).unwrap();
        symlink(path.to_str().unwrap(), link).unwrap();
        Self { master: master.into(), _slave: slave.into(), link: link.to_owned() }
    }

    pub fn sends(&mut self, bytes: &[u8]) {
        self.master.write_all(bytes).unwrap();
    }

    pub fn hears(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.master.read_exact(&mut bytes).unwrap();
        bytes
    }
}

impl Drop for Scanner {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.link);
    }
}

pub struct Watched {
    pub port: Port,
    events: Receiver<Event>,
}

impl Watched {
    pub fn serial(link: &Path) -> Self {
        Self::family(Family::Line, link)
    }

    pub fn family(family: Family, link: &Path) -> Self {
        let address = Address::Serial { path: link.to_owned(), settings: LineSettings::default() };
        Self::driven_by(Driver::of(family), address)
    }

    pub fn spawn(address: Address) -> Self {
        Self::driven_by(Driver::default(), address)
    }

    fn driven_by(driver: Driver, address: Address) -> Self {
        let (sender, events) = mpsc::channel();
        let config = Config { name: "test".to_owned(), address, driver, framing: Default::default() };
        let sink = move |event| {
            let _ = sender.send(event);
        };
        Self { port: port::spawn(config, sink).unwrap(), events }
    }

    /// The next event, in short.
    pub fn next(&self) -> String {
        shown(&self.events.recv_timeout(DEADLINE).expect("an event within the deadline"))
    }

    /// The next event that isn't `passed_over`.
    pub fn next_but(&self, passed_over: &str) -> String {
        loop {
            let event = self.next();
            if event != passed_over {
                return event;
            }
        }
    }

    /// Stops the port; what had happened and nobody had asked for.
    pub fn stop(self) -> Vec<String> {
        self.port.stop();
        self.events.iter().map(|event| shown(&event)).collect()
    }
}

fn shown(event: &Event) -> String {
    match event {
        Event::Opened { discarded_bytes } => format!("opened, {discarded_bytes} discarded"),
        Event::Read(read) => {
            let again = match read.repeat {
                Repeat::No => "",
                Repeat::Surely => ", again",
                Repeat::Perhaps => ", perhaps again",
            };
            format!("{:?} {}{again}", read.symbology, read.payload.escape_ascii())
        }
        Event::Unreadable { reason, bytes } => format!("{reason:?} {bytes}"),
        Event::SetupFailed(failure) => failure.to_string(),
        Event::SetUp => "set up".to_owned(),
        Event::Bytes(bytes) => format!("bytes {}", bytes.escape_ascii()),
        Event::Lost { .. } => "lost".to_owned(),
        Event::OpenFailed { .. } => "open failed".to_owned(),
    }
}
