//! The thread of a port: open, serve until the line is lost, close, pause, again.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::backoff::Backoff;
use super::link::{Line, Link, Taken};
use super::{Address, Config, Control, Event, NotOpened, serial, tcp};
use crate::protocol::{Output, Protocol};

pub(super) const WAKE: Token = Token(0);
pub(super) const LINE: Token = Token(1);

/// One read takes at most this, several scans.
const CHUNK_BYTES: usize = 2048;

/// How long what is left of an answer may hold the end up: longer than any lasts.
const ANSWER_ENDS_WITHIN: Duration = Duration::from_secs(2);

/// What a Linux tty can hold unread: 64 KiB as received and 4 KiB in its line discipline. Bytes beyond it came after
/// the port was opened.
const OLD_INPUT_BYTES_MAX: usize = (64 + 4) * 1024;

pub(super) struct Worker<S> {
    address: Address,
    protocol: Protocol,
    started: Instant,
    poll: Poll,
    events: Events,
    control: Arc<Control>,
    link: Arc<Link>,
    sink: S,
    last_failure: Option<NotOpened>,
}

impl<S: FnMut(Event)> Worker<S> {
    pub fn new(config: Config, poll: Poll, control: Arc<Control>, link: Arc<Link>, sink: S) -> Self {
        Self {
            address: config.address,
            protocol: config.driver.protocol(config.framing),
            started: now(),
            poll,
            events: Events::with_capacity(4),
            control,
            link,
            sink,
            last_failure: None,
        }
    }

    pub fn run(mut self) {
        let mut backoff = Backoff::new();
        while !self.control.is_stopped() {
            if self.control.is_to_rest() {
                self.control.rests();
                if self.sleep(None).is_err() {
                    return;
                }
                continue;
            }
            self.control.take_reopen();
            let lasted = match self.open() {
                Ok(line) => {
                    let opened = now();
                    self.serve(line);
                    now().duration_since(opened)
                }
                Err(failure) => {
                    self.report_failure(failure);
                    Duration::ZERO
                }
            };
            self.pause(backoff.next(lasted));
        }
    }

    fn open(&mut self) -> Result<Line, NotOpened> {
        let control = &self.control;
        // Whoever waits for a scanner that doesn't answer turns all the same.
        let turned = || {
            control.turned();
            control.is_wanted()
        };
        let line = match &self.address {
            Address::Serial { path, settings } => serial::open(path, *settings)?,
            Address::Tcp { host, port } => tcp::open(host, *port, &mut self.poll, turned)?,
        };
        let descriptor = line.descriptor();
        self.poll
            .registry()
            .register(&mut SourceFd(&descriptor), LINE, Interest::READABLE)
            .map_err(|error| format!("{}: {error}", self.address))?;
        Ok(line)
    }

    fn report_failure(&mut self, failure: NotOpened) {
        if !self.control.is_wanted() && self.last_failure.as_ref() != Some(&failure) {
            self.last_failure = Some(failure.clone());
            let NotOpened { reason, obstacle } = failure;
            (self.sink)(Event::OpenFailed { reason, obstacle });
        }
    }

    fn serve(&mut self, mut line: Line) {
        self.last_failure = None;
        let discarded_bytes = self.discard_old_input(&mut line);
        self.link.put(line);
        (self.sink)(Event::Opened { discarded_bytes });
        self.converse(Protocol::opened);
        if let Some(reason) = self.read_until_lost() {
            self.close(Line::abandon);
            self.converse(|protocol, _, out| protocol.abandon(out));
            (self.sink)(Event::Lost { reason });
        }
    }

    /// A new TCP connection has no past; what a device server sends on it is taken as new.
    fn discard_old_input(&mut self, line: &mut Line) -> usize {
        let mut chunk = [0; CHUNK_BYTES];
        let mut discarded_bytes = 0;
        while matches!(line, Line::Serial(_)) && discarded_bytes < OLD_INPUT_BYTES_MAX {
            let Taken::Bytes(count) = line.read(&mut chunk) else { break };
            self.protocol.skip_past(&chunk[..count]);
            discarded_bytes += count;
        }
        discarded_bytes
    }

    /// Reads until the line is lost, and says why; `None` when the port is stopped.
    fn read_until_lost(&mut self) -> Option<String> {
        let mut chunk = [0; CHUNK_BYTES];
        loop {
            if self.control.is_stopped() {
                return None;
            }
            if self.control.is_to_rest() {
                self.rest();
                return None;
            }
            if self.control.is_wanted() {
                return Some("opened anew on request".to_owned());
            }
            match self.link.read(&mut chunk) {
                Taken::Bytes(count) => {
                    if self.control.tap.is_open() {
                        (self.sink)(Event::Bytes(chunk[..count].to_vec()));
                    }
                    self.converse(|protocol, at, out| protocol.push(&chunk[..count], at, out));
                }
                Taken::Drained => {
                    let time_out = self.do_what_is_due();
                    if let Err(error) = self.sleep(time_out) {
                        return Some(error.to_string());
                    }
                }
                Taken::Lost(reason) => return Some(reason),
            }
        }
    }

    /// Reads nothing more and sends answers until the end, and then what is left of the last one.
    fn rest(&mut self) {
        self.control.rests();
        let mut ends_at = None;
        loop {
            let now = now();
            let due = self.link.continue_answer(now).map(|due| due.saturating_duration_since(now));
            if self.control.is_stopped() {
                let ends_at = *ends_at.get_or_insert(now + ANSWER_ENDS_WITHIN);
                if due.is_none() || ends_at <= now {
                    return;
                }
            }
            if self.sleep(due).is_err() {
                return;
            }
        }
    }

    /// Does what is due in the conversation and of the last answer, and says how long nothing will be.
    fn do_what_is_due(&mut self) -> Option<Duration> {
        self.converse(Protocol::tick);
        let now = now();
        let at = now.duration_since(self.started);
        let protocol = self.protocol.due().map(|due| due.saturating_sub(at));
        let answer = self.link.continue_answer(now).map(|due| due.saturating_duration_since(now));
        [protocol, answer].into_iter().flatten().min()
    }

    /// What the scanner must be told at once is not repeated when it can't be: the scanner will.
    fn converse(&mut self, with: impl FnOnce(&mut Protocol, Duration, &mut dyn FnMut(Output<'_>))) {
        let Self { protocol, link, sink, started, .. } = self;
        with(protocol, now().duration_since(*started), &mut |output| match output {
            Output::Read(read) => sink(Event::Read(read)),
            Output::Unreadable { reason, bytes } => sink(Event::Unreadable { reason, bytes }),
            Output::SetupFailed(failure) => sink(Event::SetupFailed(failure)),
            Output::SetUp => sink(Event::SetUp),
            Output::Send(bytes) => {
                let _ = link.write(bytes);
            }
        });
    }

    fn pause(&mut self, pause: Duration) {
        let until = now() + pause;
        while !self.control.is_wanted() {
            let left = until.saturating_duration_since(now());
            if left.is_zero() || self.sleep(Some(left)).is_err() {
                return;
            }
        }
    }

    /// Until something happens, at most for so long.
    fn sleep(&mut self, at_most: Option<Duration>) -> io::Result<()> {
        let slept = self.poll.poll(&mut self.events, at_most);
        self.control.turned();
        match slept {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }
}

impl<S> Worker<S> {
    /// Whoever answers finds nothing from here on, before the descriptor is closed.
    fn close(&mut self, closed: impl FnOnce(Line)) {
        if let Some(line) = self.link.take() {
            // The system forgets a closed descriptor by itself.
            let _ = self.poll.registry().deregister(&mut SourceFd(&line.descriptor()));
            closed(line);
        }
    }
}

/// The line goes with its thread, also when the sink panics.
impl<S> Drop for Worker<S> {
    fn drop(&mut self) {
        self.close(drop);
    }
}

#[expect(clippy::disallowed_methods, reason = "a driver's own thread measures gaps and pauses, never event times")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
