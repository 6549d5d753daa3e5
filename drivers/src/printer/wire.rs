//! The connection to a printer: asks, sends and pauses, and ends at once when the printer is stopped or gone.

use std::io::{self, Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rustix::net::sockopt;

use super::Shared;
use super::status::{NoReply, QUESTION, REPLY_BYTES_MAX, Status};
use crate::port::{connect, now};

const LINE: Token = Token(1);

/// A printer with nothing to do answers within milliseconds, over a busy radio network within a second.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Behind a job the question waits until a slow printer has read all of it.
pub(super) const ANSWER_TIMEOUT_BEHIND_JOB: Duration = Duration::from_secs(10);

/// A late answer, to a question that was given up, is over by then.
const SETTLE_MS: u64 = 200;

/// A printer that takes nothing for so long has a full buffer, and can't print.
const STALL_MS: u64 = 5_000;

/// A printer whose plug was pulled says nothing. Keep-alive doesn't notice it while a question is on its way, and the
/// system alone would go on trying for a quarter of an hour.
const GONE_AFTER_MS: u32 = 30_000;

const CHUNK_BYTES: usize = 512;

/// Why a connection is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    Stopped,
    Lost(String),
}

/// What the thread sleeps on.
pub(super) struct Sleeper {
    poll: Poll,
    events: Events,
    shared: Arc<Shared>,
}

pub(super) struct Wire {
    stream: TcpStream,
    /// A question was given up: its answer may still come, and says how the printer was.
    is_behind: bool,
}

impl Sleeper {
    pub fn new(poll: Poll, shared: Arc<Shared>) -> Self {
        Self { poll, events: Events::with_capacity(4), shared }
    }

    /// Sleeps until something happens, at most for so long.
    pub fn sleep(&mut self, at_most: Option<Duration>) -> Result<(), End> {
        match self.poll.poll(&mut self.events, at_most) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(End::Lost(error.to_string())),
            _ if self.shared.is_stopped() => Err(End::Stopped),
            _ => Ok(()),
        }
    }

    /// Lets time pass, until there is news.
    pub fn pause(&mut self, pause: Duration) -> Result<(), End> {
        let until = now() + pause;
        loop {
            let left = until.saturating_duration_since(now());
            if left.is_zero() || self.shared.take_news() {
                return Ok(());
            }
            self.sleep(Some(left))?;
        }
    }
}

impl Wire {
    pub fn open(host: &str, port: u16, sleeper: &mut Sleeper) -> Result<Self, End> {
        let shared = Arc::clone(&sleeper.shared);
        let connected = connect(host, port, &mut sleeper.poll, || shared.is_stopped());
        if shared.is_stopped() {
            return Err(End::Stopped);
        }
        let mut stream = connected.map_err(End::Lost)?;
        sockopt::set_tcp_user_timeout(&stream, GONE_AFTER_MS).map_err(|error| lost(error.into()))?;
        let both = Interest::READABLE | Interest::WRITABLE;
        sleeper.poll.registry().register(&mut stream, LINE, both).map_err(lost)?;
        Ok(Self { stream, is_behind: false })
    }

    /// How the printer is now; `None` where it doesn't say within `patience`, or something that is no status.
    pub fn ask(&mut self, patience: Duration, sleeper: &mut Sleeper) -> Result<Option<Status>, End> {
        let status = self.ask_once(patience, sleeper)?;
        let was_behind = std::mem::replace(&mut self.is_behind, status.is_none());
        if status.is_none() || !was_behind {
            return Ok(status);
        }
        self.pause(Duration::from_millis(SETTLE_MS), sleeper)?;
        let status = self.ask_once(patience, sleeper)?;
        self.is_behind = status.is_none();
        Ok(status)
    }

    fn ask_once(&mut self, patience: Duration, sleeper: &mut Sleeper) -> Result<Option<Status>, End> {
        self.read(|_| ())?;
        if self.write(QUESTION)? < QUESTION.len() {
            return Ok(None);
        }
        let mut reply = Vec::new();
        let until = now() + patience;
        loop {
            self.read(|bytes| {
                let room = REPLY_BYTES_MAX - reply.len();
                reply.extend_from_slice(&bytes[..bytes.len().min(room)]);
            })?;
            match Status::parse(&reply) {
                Ok(status) => return Ok(Some(status)),
                Err(NoReply::Garbled) => return Ok(None),
                Err(NoReply::Incomplete) if reply.len() == REPLY_BYTES_MAX => return Ok(None),
                Err(NoReply::Incomplete) => (),
            }
            let left = until.saturating_duration_since(now());
            if left.is_zero() {
                return Ok(None);
            }
            sleeper.sleep(Some(left))?;
        }
    }

    /// Sends all of `bytes`, as long as the printer is there. `stalled` is called while it takes none.
    pub fn send(&mut self, bytes: &[u8], sleeper: &mut Sleeper, mut stalled: impl FnMut()) -> Result<(), End> {
        let mut rest = bytes;
        let mut progress = now();
        loop {
            let written = self.write(rest)?;
            rest = &rest[written..];
            if rest.is_empty() {
                return Ok(());
            }
            if 0 < written {
                progress = now();
            }
            let left = (progress + Duration::from_millis(STALL_MS)).saturating_duration_since(now());
            if left.is_zero() {
                stalled();
                progress = now();
                continue;
            }
            sleeper.sleep(Some(left))?;
            self.read(|_| ())?;
        }
    }

    /// Lets time pass, until there is news or the printer is gone.
    pub fn pause(&mut self, pause: Duration, sleeper: &mut Sleeper) -> Result<(), End> {
        let until = now() + pause;
        loop {
            self.read(|_| ())?;
            let left = until.saturating_duration_since(now());
            if left.is_zero() || sleeper.shared.take_news() {
                return Ok(());
            }
            sleeper.sleep(Some(left))?;
        }
    }

    /// Hands over what has come, without waiting for more.
    fn read(&mut self, mut take: impl FnMut(&[u8])) -> Result<(), End> {
        let mut chunk = [0; CHUNK_BYTES];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(End::Lost("the printer closed it".to_owned())),
                Ok(count) => take(&chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(lost(error)),
            }
        }
    }

    /// Writes what is taken at once, and says how much that was.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, End> {
        let mut written = 0;
        while written < bytes.len() {
            match self.stream.write(&bytes[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(lost(error)),
            }
        }
        Ok(written)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn lost(error: io::Error) -> End {
    End::Lost(error.to_string())
}
