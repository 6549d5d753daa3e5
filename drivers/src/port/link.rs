//! An open line of either kind, and where its reader and its answerers meet.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use mio::net::TcpStream;
use serialport::{ClearBuffer, SerialPort as _, TTYPort};

use super::NotSent;
use crate::scanner::{Answer, Step};

/// An open line; neither reading nor writing blocks.
#[derive(Debug)]
pub(super) enum Line {
    Serial(TTYPort),
    Tcp(TcpStream),
}

/// What one read gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Bytes(usize),
    /// Nothing more for now.
    Drained,
    /// The line is gone.
    Lost(String),
}

impl Line {
    pub fn descriptor(&self) -> RawFd {
        match self {
            Self::Serial(port) => port.as_raw_fd(),
            Self::Tcp(stream) => stream.as_raw_fd(),
        }
    }

    /// A device that is gone reads end of file, EIO or a hang-up, for ever: all but "nothing now" is a loss.
    pub fn read(&mut self, buffer: &mut [u8]) -> Taken {
        loop {
            let taken = match self {
                Self::Serial(port) => port.read(buffer),
                Self::Tcp(stream) => stream.read(buffer),
            };
            return match taken {
                Ok(0) => Taken::Lost("the other end closed the line".to_owned()),
                Ok(bytes) => Taken::Bytes(bytes),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if is_not_now(&error) => Taken::Drained,
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Taken::Lost("unplugged".to_owned()),
                Err(error) => Taken::Lost(error.to_string()),
            };
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), NotSent> {
        loop {
            let written = match self {
                Self::Serial(port) => port.write(bytes),
                Self::Tcp(stream) => stream.write(bytes),
            };
            return match written {
                Ok(count) if count == bytes.len() => Ok(()),
                Ok(_) => Err(NotSent::LineFull),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if is_not_now(&error) => Err(NotSent::LineFull),
                Err(_) => Err(NotSent::Lost),
            };
        }
    }

    /// Closes a line that is no good: without waiting until a held device takes the bytes it was sent, half a minute.
    pub fn abandon(self) {
        if let Self::Serial(port) = &self {
            let _ = port.clear(ClearBuffer::Output);
        }
    }
}

fn is_not_now(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// The line while it is open, and what is left of the last answer. The port's thread puts the line in and takes it out;
/// nobody else can do either.
#[derive(Debug, Default)]
pub(super) struct Link(Mutex<Shared>);

#[derive(Debug, Default)]
struct Shared {
    line: Option<Line>,
    left: VecDeque<Step>,
    /// When the step before those left was sent. A pause is never cut short, so that a late thread keeps the rhythm.
    left_since: Option<Instant>,
}

impl Link {
    pub fn put(&self, line: Line) {
        self.lock().line = Some(line);
    }

    /// The line, so that it is closed outside the mutex: closing may take longer than an answer can wait.
    pub fn take(&self) -> Option<Line> {
        let mut shared = self.lock();
        shared.left.clear();
        shared.line.take()
    }

    pub fn read(&self, buffer: &mut [u8]) -> Taken {
        match self.lock().line.as_mut() {
            Some(line) => line.read(buffer),
            None => Taken::Lost("the line is closed".to_owned()),
        }
    }

    pub fn write(&self, bytes: &[u8]) -> Result<(), NotSent> {
        self.lock().write(bytes)
    }

    /// Sends the first step of `answer` in place of what was left of an older one, and says whether steps are left.
    pub fn answer(&self, answer: Answer, now: Instant) -> Result<bool, NotSent> {
        let mut steps = VecDeque::from(answer.steps);
        let Some(first) = steps.pop_front() else {
            return Ok(false);
        };
        let mut shared = self.lock();
        shared.left.clear();
        shared.write(&first.bytes)?;
        shared.left = steps;
        shared.left_since = Some(now);
        Ok(!shared.left.is_empty())
    }

    /// Sends what is due of the last answer, and says when the next step will be. A scanner that takes nothing now has
    /// lost the rest: it was told the first step.
    pub fn continue_answer(&self, now: Instant) -> Option<Instant> {
        let mut shared = self.lock();
        loop {
            let due = shared.left_since? + shared.left.front()?.pause;
            if now < due {
                return Some(due);
            }
            let step = shared.left.pop_front()?;
            shared.left_since = Some(now);
            if shared.write(&step.bytes).is_err() {
                shared.left.clear();
            }
        }
    }

    /// A panic while the mutex is held leaves the line as it was.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn write(&mut self, bytes: &[u8]) -> Result<(), NotSent> {
        self.line.as_mut().ok_or(NotSent::Lost)?.write(bytes)
    }
}
