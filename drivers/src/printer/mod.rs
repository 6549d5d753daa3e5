//! Label printers that take ZPL on a TCP port. One OS thread and one bounded queue each.
//!
//! Port 9100 confirms nothing: bytes that were sent may lie in a printer that has no paper, or be lost with its power.
//! So the printer is asked for its status before each job and after it, until it says that it is ready and has nothing
//! left; no answer means "not ready". Whether a label came out is known when somebody scans it, and not before.
//!
//! - A job stays first in the queue until it is printed. Where the connection is lost after a part of it went out, it
//!   is sent again: a label may come twice, and is never missing silently.
//! - The connection is held while jobs wait, and closed behind the last: many printers serve one host at a time.
//! - The thread sleeps while nothing waits. Whoever prints never waits for it.
//! - Jobs are in memory only: a carrier's label names people, and is not to lie on a disk.

mod spool;
pub mod status;
mod wire;
pub mod zpl;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use mio::{Poll, Token, Waker};
use thiserror::Error;

use spool::Worker;
use status::Condition;

/// Where printers listen for raw data.
pub const PORT: u16 = 9100;

/// More labels than a bench makes while somebody fetches a new roll.
pub const JOBS_MAX: usize = 64;

/// A carrier's label is a drawing of up to 240 kB (800 × 1200 dots in hexadecimal), sometimes two.
pub const JOB_BYTES_MAX: usize = 1024 * 1024;

/// All jobs that wait.
pub const QUEUE_BYTES_MAX: usize = 4 * JOB_BYTES_MAX;

const WAKE: Token = Token(0);

#[derive(Clone, Debug)]
pub struct Config {
    /// What the printer's thread is named after.
    pub name: String,
    pub host: String,
    pub port: u16,
}

/// What the caller calls a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobId(pub u64);

/// Something to print: a label of ours, or a carrier's as it came.
#[derive(Clone)]
pub struct Job {
    id: JobId,
    zpl: Arc<[u8]>,
}

/// What happens to a printer and its jobs, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It can print. Told after a fault, and when it is used for the first time.
    Ready,
    /// It can't, and jobs wait. Told when the fault changes.
    Faulty(Fault),
    /// The printer has all of it.
    Sent(JobId),
    /// The printer says that it has nothing left to print. No more than that: see the module.
    Printed(JobId),
    Dropped(JobId, DropReason),
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    #[error("can't be reached: {0}. Is it switched on, and on the network?")]
    Unreachable(String),
    #[error("doesn't answer: out of labels or ribbon, open, too hot, or not a ZPL printer")]
    Silent,
    #[error("not ready: {0}")]
    NotReady(Condition),
    #[error("has taken no data for a while: look at its display")]
    Stalled,
    #[error("has not printed what it was sent: take the last label, or look at its display")]
    Busy,
    #[error("the connection was lost: {0}. Was it switched off?")]
    Lost(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DropReason {
    #[error("the printer was stopped before it was printed")]
    Stopped,
    #[error("the connection was lost each time that it was sent")]
    LostTooOften,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a job of {bytes} bytes is no label; {JOB_BYTES_MAX} are the most")]
pub struct TooLarge {
    pub bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{jobs} jobs wait already: mend the printer first")]
pub struct QueueFull {
    pub jobs: usize,
}

/// A running printer. Dropping it ends its thread without waiting for it.
#[derive(Debug)]
pub struct Printer {
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

/// Starts the thread of a printer, named `printer-{name}`. `sink` is called on it; if it panics the thread ends, and
/// [`Printer::is_alive`] tells.
///
/// # Errors
/// When the system has no thread or descriptor left. A printer that can't be reached is an [`Event`], not an error.
pub fn spawn(config: Config, sink: impl FnMut(Event) + Send + 'static) -> io::Result<Printer> {
    let poll = Poll::new()?;
    let shared = Arc::new(Shared {
        queue: Mutex::default(),
        stop: AtomicBool::new(false),
        news: AtomicBool::new(false),
        waker: Waker::new(poll.registry(), WAKE)?,
    });
    let name = format!("printer-{}", config.name);
    let worker = Worker::new(config, poll, Arc::clone(&shared), sink);
    let thread = thread::Builder::new().name(name).spawn(move || worker.run())?;
    Ok(Printer { thread: Some(thread), shared })
}

impl Printer {
    /// Puts a job behind those that wait; never blocks.
    ///
    /// # Errors
    /// When too many jobs or bytes wait.
    pub fn print(&self, job: Job) -> Result<(), QueueFull> {
        self.shared.queue().push(job)?;
        self.shared.wake();
        Ok(())
    }

    /// Takes a job back whose label is void; `false` where it is being sent, or was printed.
    #[must_use]
    pub fn cancel(&self, id: JobId) -> bool {
        self.shared.queue().cancel(id)
    }

    /// Jobs that are not printed yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.queue().jobs.len()
    }

    /// Whether the thread runs: only a panic in the sink ends it before [`stop`](Self::stop).
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Closes the connection, drops what waits, and waits for the thread's end. No event comes after it.
    pub fn stop(mut self) {
        self.shared.stop();
        if let Some(thread) = self.thread.take() {
            // A panic in the sink was printed when it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

impl Job {
    /// # Errors
    /// When it is too large for a label.
    pub fn new(id: JobId, zpl: impl Into<Vec<u8>>) -> Result<Self, TooLarge> {
        let zpl = zpl.into();
        if JOB_BYTES_MAX < zpl.len() {
            return Err(TooLarge { bytes: zpl.len() });
        }
        Ok(Self { id, zpl: zpl.into() })
    }
}

/// Without its content, which may name people.
impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("id", &self.id).field("bytes", &self.zpl.len()).finish()
    }
}

/// How others reach the thread.
#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    stop: AtomicBool,
    /// A job came since the thread last looked.
    news: AtomicBool,
    waker: Waker,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    bytes: usize,
    /// The first job is with the printer, in part or whole.
    is_sending: bool,
}

impl Queue {
    fn push(&mut self, job: Job) -> Result<(), QueueFull> {
        if JOBS_MAX <= self.jobs.len() || QUEUE_BYTES_MAX < self.bytes + job.zpl.len() {
            return Err(QueueFull { jobs: self.jobs.len() });
        }
        self.bytes += job.zpl.len();
        self.jobs.push_back(job);
        Ok(())
    }

    fn cancel(&mut self, id: JobId) -> bool {
        let kept = usize::from(self.is_sending);
        let Some(index) = self.jobs.iter().skip(kept).position(|job| job.id == id) else { return false };
        self.remove(kept + index);
        true
    }

    /// Marks the first job as on its way, unless it was cancelled and another is first now.
    fn claim(&mut self, id: JobId) -> bool {
        self.is_sending = self.jobs.front().is_some_and(|job| job.id == id);
        self.is_sending
    }

    fn remove_first(&mut self) {
        self.is_sending = false;
        self.remove(0);
    }

    fn remove(&mut self, index: usize) {
        if let Some(job) = self.jobs.remove(index) {
            self.bytes -= job.zpl.len();
        }
    }
}

impl Shared {
    /// A panic while the mutex is held leaves a queue that is whole.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake();
    }

    /// A waker fails only when its queue of wake-ups is full, and then the thread wakes anyway.
    fn wake(&self) {
        self.news.store(true, Ordering::Release);
        let _ = self.waker.wake();
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn take_news(&self) -> bool {
        self.news.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: u64, bytes: usize) -> Job {
        Job::new(JobId(id), vec![0; bytes]).unwrap()
    }

    #[test]
    fn the_queue_has_a_limit_of_jobs_and_of_bytes() {
        let mut queue = Queue::default();
        for id in 0..JOBS_MAX as u64 {
            queue.push(job(id, 1)).unwrap();
        }
        assert_eq!(queue.push(job(99, 1)), Err(QueueFull { jobs: JOBS_MAX }));
        queue.remove_first();
        assert_eq!(queue.push(job(99, 1)), Ok(()));

        let mut queue = Queue::default();
        for id in 0..4 {
            queue.push(job(id, JOB_BYTES_MAX)).unwrap();
        }
        assert_eq!(queue.push(job(4, 1)), Err(QueueFull { jobs: 4 }));
        assert!(queue.cancel(JobId(2)));
        assert_eq!(queue.push(job(4, JOB_BYTES_MAX)), Ok(()));
        assert_eq!(Job::new(JobId(5), vec![0; JOB_BYTES_MAX + 1]).err(), Some(TooLarge { bytes: JOB_BYTES_MAX + 1 }));
    }

    #[test]
    fn what_is_being_sent_is_not_taken_back() {
        let mut queue = Queue::default();
        for id in 1..=3 {
            queue.push(job(id, 1)).unwrap();
        }
        assert!(queue.claim(JobId(1)));
        assert!(!queue.cancel(JobId(1)));
        assert!(queue.cancel(JobId(3)));
        assert!(!queue.cancel(JobId(3)));
        queue.is_sending = false;
        assert!(queue.cancel(JobId(1)));
        assert!(!queue.claim(JobId(1)), "another job is first");
        assert!(queue.claim(JobId(2)));
    }

    #[test]
    fn a_jobs_content_is_not_shown() {
        let job = Job::new(JobId(7), "^FDAda Lovelace^FS").unwrap();
        assert_eq!(format!("{job:?}"), "Job { id: JobId(7), bytes: 18 }");
    }
}
