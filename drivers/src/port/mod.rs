//! Lines that scanners hang on: a serial device by its stable path, or a TCP address. One OS thread each.
//!
//! The thread is the port's only opener, reader and closer. It sleeps until bytes, a hang-up or a wake-up come, and
//! has a time-out only while a frame is partial, the scanner owes an acknowledgement, an answer has steps left, or the
//! line is lost. A lost line is closed at once and opened anew by
//! its address, which is resolved each time, with pauses that grow to a second and are not forgiven to a line that is
//! lost again right away. What was sent before the port was open is never a read.
//!
//! There is one descriptor per line, behind a mutex held for one system call that cannot block: an [`Answerer`] on
//! another thread writes through it, and finds nothing there once the line is lost. It writes the first step of an
//! answer itself; the port's thread sends the others when they are due, unless a newer answer has replaced them.
//!
//! A port that is to end rests first: it reads nothing more, and what was read before still gets its answer.

mod backoff;
mod link;
mod name;
mod serial;
mod tcp;
mod worker;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mio::{Poll, Waker};
use thiserror::Error;

pub use crate::framing::Unreadable;
pub use crate::protocol::{Read, Repeat, SetupFailure};
pub use serial::{DataBits, LineSettings, Parity, StopBits};
pub(crate) use tcp::connect;
pub(crate) use worker::now;

use crate::framing;
use crate::scanner::{Driver, Feedback};
use link::Link;
use worker::Worker;

/// Where a scanner is found. Serial paths should be stable ones, as under `/dev/serial/by-id`: a number such as
/// `/dev/ttyACM0` may be another scanner's after a replug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Serial { path: PathBuf, settings: LineSettings },
    Tcp { host: String, port: u16 },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What the port's thread is named after.
    pub name: String,
    pub address: Address,
    pub driver: Driver,
    /// Where one line ends, for families that send lines.
    pub framing: framing::line::Config,
}

/// What happens on a port, in order. Each `Lost` follows an `Opened`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// What came over the line, before anything is made of it. Only while the port's [`Tap`] is open.
    Bytes(Vec<u8>),
    Opened {
        /// Bytes that lay in the input buffer: scans made while nobody listened, thrown away.
        discarded_bytes: usize,
    },
    Read(Read),
    Unreadable {
        reason: Unreadable,
        bytes: usize,
    },
    /// The scanner is not set up as its family needs it. Reported when the failure changes, not each time it is told.
    SetupFailed(SetupFailure),
    /// It was told again, and is set up after all.
    SetUp,
    Lost {
        reason: String,
    },
    /// Reported when the reason changes, not for each attempt.
    OpenFailed {
        reason: String,
        obstacle: Obstacle,
    },
}

/// What stands in the way of opening a port: something else is to be done about each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Nothing is there.
    Absent,
    /// This user may not open it.
    Denied,
    /// Another program has it.
    Held,
    Other,
}

/// Why a port could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NotOpened {
    reason: String,
    obstacle: Obstacle,
}

impl From<String> for NotOpened {
    fn from(reason: String) -> Self {
        Self { reason, obstacle: Obstacle::Other }
    }
}

/// A running port. Dropping it ends its thread without waiting for it.
#[derive(Debug)]
pub struct Port {
    thread: Option<JoinHandle<()>>,
    answerer: Answerer,
}

/// Tells the scanner, from any thread.
#[derive(Clone, Debug)]
pub struct Answerer {
    driver: Driver,
    control: Arc<Control>,
    link: Arc<Link>,
}

/// Whether the line's raw bytes are wanted as [`Event::Bytes`] too. While it is closed they cost a look at a flag.
#[derive(Clone, Debug, Default)]
pub struct Tap(Arc<AtomicBool>);

/// Whether the port's thread turns: it counts its turns, and one is asked for. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<Control>);

/// Why an answer did not go out. The scanner's own time-out then tells the one who scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotSent {
    #[error("the scanner is unplugged or unreachable")]
    Lost,
    #[error("the line takes no bytes now: the scanner is held, switched off or out of range")]
    LineFull,
}

/// Starts the thread of a port, named `port-{name}`. `sink` is called on it; if it panics the thread ends, its line is
/// closed, and [`Port::is_alive`] tells.
///
/// # Errors
/// When the system has no thread or descriptor left. A line that can't be opened is an [`Event`], not an error.
pub fn spawn(config: Config, sink: impl FnMut(Event) + Send + 'static) -> io::Result<Port> {
    let poll = Poll::new()?;
    let control = Arc::new(Control {
        stop: AtomicBool::new(false),
        reopen: AtomicBool::new(false),
        rest: AtomicBool::new(false),
        rests: Mutex::new(false),
        came_to_rest: Condvar::new(),
        turns: AtomicU64::new(0),
        tap: Tap::default(),
        waker: Waker::new(poll.registry(), worker::WAKE)?,
    });
    let link = Arc::new(Link::default());
    let answerer = Answerer { driver: config.driver, control: Arc::clone(&control), link: Arc::clone(&link) };
    let name = format!("port-{}", config.name);
    let worker = Worker::new(config, poll, control, link, sink);
    let thread = thread::Builder::new().name(name).spawn(move || worker.run())?;
    Ok(Port { thread: Some(thread), answerer })
}

impl Port {
    #[must_use]
    pub fn answerer(&self) -> Answerer {
        self.answerer.clone()
    }

    #[must_use]
    pub fn tap(&self) -> Tap {
        self.answerer.control.tap.clone()
    }

    #[must_use]
    pub fn pulse(&self) -> Pulse {
        Pulse(Arc::clone(&self.answerer.control))
    }

    /// Closes the line and opens it anew, at once if it is lost.
    pub fn reopen(&self) {
        self.answerer.reopen();
    }

    /// Has the thread read nothing more. The line stays open for answers until [`stop`](Self::stop).
    pub fn rest(&self) {
        self.answerer.control.rest.store(true, Ordering::Release);
        self.answerer.control.wake();
    }

    /// Waits until the thread rests: then its last [`Event::Read`] is over. Whether it does within that time.
    #[must_use]
    pub fn rests_within(&self, patience: Duration) -> bool {
        self.answerer.control.rests_within(patience)
    }

    /// Whether the thread runs: only a panic in the sink ends it before [`stop`](Self::stop).
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Has the thread end, once it has sent what is left of an answer.
    pub fn end(&self) {
        self.answerer.control.stop();
    }

    /// Closes the line and waits for the thread's end. No event comes after it.
    pub fn stop(mut self) {
        self.end();
        if let Some(thread) = self.thread.take() {
            // A panic in the sink was printed when it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.answerer.control.stop();
    }
}

impl Answerer {
    /// Tells `feedback` as the scanner's driver does, in place of what was left of an older answer. What can't be
    /// told to this scanner is not an error. Never blocks, and never opens a lost line.
    ///
    /// # Errors
    /// When the line is lost, or takes not all of the first step's bytes now.
    pub fn answer(&self, feedback: Feedback) -> Result<(), NotSent> {
        if self.link.answer(self.driver.answer(feedback), worker::now())? {
            self.control.wake();
        }
        Ok(())
    }

    /// Says what another scanner was told, without acknowledging anything; as [`answer`](Self::answer).
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub fn voice(&self, feedback: Feedback) -> Result<(), NotSent> {
        if self.link.answer(self.driver.voice(feedback), worker::now())? {
            self.control.wake();
        }
        Ok(())
    }

    /// Has the line closed and opened anew, at once if it is lost.
    pub fn reopen(&self) {
        self.control.reopen.store(true, Ordering::Release);
        self.control.wake();
    }

    #[must_use]
    pub fn driver(&self) -> Driver {
        self.driver
    }

    /// Sends `bytes` if the line takes them at once; never blocks, and never opens a lost line.
    ///
    /// # Errors
    /// When the line is lost, or takes not all of the bytes now.
    pub fn send(&self, bytes: &[u8]) -> Result<(), NotSent> {
        self.link.write(bytes)
    }
}

impl Pulse {
    /// How often the thread has gone round.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.0.turns.load(Ordering::Relaxed)
    }

    /// Has a thread that sleeps go round once.
    pub fn ask(&self) {
        self.0.wake();
    }
}

impl Tap {
    /// From the next bytes on.
    pub fn set(&self, open: bool) {
        self.0.store(open, Ordering::Relaxed);
    }

    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not an address: write the path of a device under /dev, or tcp://host:port")]
pub struct BadAddress;

/// A path, with default line settings, or `tcp://host:port`; IPv6 hosts in brackets.
impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let Some(host_and_port) = text.strip_prefix("tcp://") else {
            let is_path = text.starts_with('/');
            return is_path
                .then(|| Self::Serial { path: text.into(), settings: LineSettings::default() })
                .ok_or(BadAddress);
        };
        let (host, port) = host_and_port.rsplit_once(':').ok_or(BadAddress)?;
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').ok_or(BadAddress)?,
            None if host.contains(':') => return Err(BadAddress),
            None => host,
        };
        let port = port.parse().map_err(|_| BadAddress)?;
        if host.is_empty() || host.contains(['/', '@']) || port == 0 {
            return Err(BadAddress);
        }
        Ok(Self::Tcp { host: host.to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial { path, .. } => write!(f, "{}", path.display()),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
        }
    }
}

/// How others reach the thread.
#[derive(Debug)]
struct Control {
    stop: AtomicBool,
    reopen: AtomicBool,
    rest: AtomicBool,
    rests: Mutex<bool>,
    came_to_rest: Condvar,
    turns: AtomicU64,
    tap: Tap,
    waker: Waker,
}

impl Control {
    fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake();
    }

    /// A waker fails only when its queue of wake-ups is full, and then the thread wakes anyway.
    fn wake(&self) {
        let _ = self.waker.wake();
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn is_wanted(&self) -> bool {
        self.is_stopped() || self.is_to_rest() || self.reopen.load(Ordering::Acquire)
    }

    fn is_to_rest(&self) -> bool {
        self.rest.load(Ordering::Acquire)
    }

    fn rests(&self) {
        *self.rests.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.came_to_rest.notify_all();
    }

    fn rests_within(&self, patience: Duration) -> bool {
        let rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.came_to_rest.wait_timeout_while(rests, patience, |rests| !*rests);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn turned(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    fn take_reopen(&self) -> bool {
        self.reopen.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_paths_or_tcp() {
        let rows = [
            ("/dev/serial/by-id/usb-Zebra_1-if00", Some("/dev/serial/by-id/usb-Zebra_1-if00")),
            ("tcp://10.0.0.7:4001", Some("tcp://10.0.0.7:4001")),
            ("tcp://scanner.local:4001", Some("tcp://scanner.local:4001")),
            ("tcp://[fe80::1]:4001", Some("tcp://[fe80::1]:4001")),
            ("ttyACM0", None),
            ("tcp://10.0.0.7", None),
            ("tcp://10.0.0.7:0", None),
            ("tcp://10.0.0.7:4001/", None),
            ("tcp://:4001", None),
            ("tcp://fe80::1:4001", None),
            ("tcp://user@host:4001", None),
            ("", None),
        ];
        for (text, expected) in rows {
            let address = text.parse::<Address>().ok().map(|address| address.to_string());
            assert_eq!(address.as_deref(), expected, "{text}");
        }
    }
}
