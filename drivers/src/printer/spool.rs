//! The thread of a printer: sleep until a job waits, connect, print all that wait, close; after a fault a pause, again.

use std::sync::Arc;
use std::time::Duration;

use mio::Poll;

use super::wire::{ANSWER_TIMEOUT, ANSWER_TIMEOUT_BEHIND_JOB, End, Sleeper, Wire};
use super::{Config, DropReason, Event, Fault, Job, JobId, Shared};
use crate::port::now;

/// Pauses between attempts while a job waits; the last stays. Somebody who has put in a new roll waits no longer than
/// that, and a printer that can't cope with questions is not flooded. A new job ends the pause.
const PAUSES_MS: [u64; 4] = [500, 1_000, 2_000, 5_000];

/// A printer with a fault for which nothing waits any more is asked so often whether it is well.
const ASK_AGAIN_MS: u64 = 10_000;

/// How often a printer that prints is asked whether it is done.
const BUSY_PAUSE_MS: u64 = 100;

/// A label takes two seconds, a long manifest a minute.
const BUSY_MS_MAX: u64 = 90_000;

/// A job that goes with the connection each time is perhaps what breaks it.
const SENDS_MAX: u32 = 5;

pub(super) struct Worker<S> {
    config: Config,
    sleeper: Sleeper,
    shared: Arc<Shared>,
    sink: S,
    told: Told,
    pauses: usize,
    /// The job that was last lost with its connection, and how often.
    losses: Option<(JobId, u32)>,
}

/// What was last said of the printer.
#[derive(PartialEq, Eq)]
enum Told {
    Nothing,
    Ready,
    Faulty(Fault),
}

/// Why jobs wait on.
enum NotPrinted {
    Stopped,
    /// Nothing of a job went out.
    Before(Fault),
    /// The job may be printed, or not.
    Amid(JobId, Fault),
}

impl<S: FnMut(Event)> Worker<S> {
    pub fn new(config: Config, poll: Poll, shared: Arc<Shared>, sink: S) -> Self {
        let sleeper = Sleeper::new(poll, Arc::clone(&shared));
        Self { config, sleeper, shared, sink, told: Told::Nothing, pauses: 0, losses: None }
    }

    pub fn run(mut self) {
        while self.work_waits().is_ok() {
            let fault = match self.print_what_waits() {
                Ok(()) => continue,
                Err(NotPrinted::Stopped) => break,
                Err(NotPrinted::Before(fault)) => fault,
                Err(NotPrinted::Amid(id, fault)) => {
                    self.count_loss(id);
                    fault
                }
            };
            self.tell(Told::Faulty(fault));
            let nothing_waits = self.shared.queue().jobs.is_empty();
            let pause = if nothing_waits { Duration::from_millis(ASK_AGAIN_MS) } else { self.next_pause() };
            if self.sleeper.pause(pause).is_err() {
                break;
            }
        }
        let dropped: Vec<JobId> = self.shared.queue().jobs.drain(..).map(|job| job.id).collect();
        for id in dropped {
            (self.sink)(Event::Dropped(id, DropReason::Stopped));
        }
    }

    /// Sleeps until a job waits. After a fault there is something to do in any case: what was said of the printer may be over.
    fn work_waits(&mut self) -> Result<(), End> {
        loop {
            if self.shared.is_stopped() {
                return Err(End::Stopped);
            }
            self.shared.take_news();
            if matches!(self.told, Told::Faulty(_)) || !self.shared.queue().jobs.is_empty() {
                return Ok(());
            }
            self.sleeper.sleep(None)?;
        }
    }

    /// One connection, for as long as jobs wait; where none does, until the printer has said how it is.
    fn print_what_waits(&mut self) -> Result<(), NotPrinted> {
        let mut wire = Wire::open(&self.config.host, self.config.port, &mut self.sleeper)
            .map_err(|end| before(end, Fault::Unreachable))?;
        loop {
            let first = self.shared.queue().jobs.front().cloned();
            if first.is_none() && !matches!(self.told, Told::Faulty(_)) {
                return Ok(());
            }
            match wire.ask(ANSWER_TIMEOUT, &mut self.sleeper).map_err(|end| before(end, Fault::Lost))? {
                None => return Err(NotPrinted::Before(Fault::Silent)),
                Some(status) if !status.condition.is_ready() => {
                    return Err(NotPrinted::Before(Fault::NotReady(status.condition)));
                }
                Some(_) => self.tell(Told::Ready),
            }
            let Some(job) = first else { return Ok(()) };
            if !self.shared.queue().claim(job.id) {
                continue;
            }
            let printed = self.print(&mut wire, &job);
            self.shared.queue().is_sending = false;
            printed.map_err(|end| match end {
                End::Stopped => NotPrinted::Stopped,
                End::Lost(reason) => NotPrinted::Amid(job.id, Fault::Lost(reason)),
            })?;
            self.shared.queue().remove_first();
            self.pauses = 0;
            (self.sink)(Event::Printed(job.id));
        }
    }

    /// Sends the job and waits until the printer has nothing left. Once it is sent, a fault is no reason to send it
    /// anew: a printer that gets a new roll prints what it holds.
    fn print(&mut self, wire: &mut Wire, job: &Job) -> Result<(), End> {
        let mut stalled = false;
        wire.send(&job.zpl, &mut self.sleeper, || {
            if !std::mem::replace(&mut stalled, true) {
                self.told = Told::Faulty(Fault::Stalled);
                (self.sink)(Event::Faulty(Fault::Stalled));
            }
        })?;
        (self.sink)(Event::Sent(job.id));
        let mut busy_since = now();
        let mut patience = ANSWER_TIMEOUT_BEHIND_JOB;
        loop {
            let pause = match wire.ask(patience, &mut self.sleeper)? {
                Some(status) if !status.condition.is_ready() => {
                    self.tell(Told::Faulty(Fault::NotReady(status.condition)));
                    busy_since = now();
                    self.next_pause()
                }
                None => {
                    self.tell(Told::Faulty(Fault::Silent));
                    busy_since = now();
                    self.next_pause()
                }
                Some(status) if status.is_idle() => {
                    self.tell(Told::Ready);
                    return Ok(());
                }
                Some(_) if Duration::from_millis(BUSY_MS_MAX) <= now().duration_since(busy_since) => {
                    self.tell(Told::Faulty(Fault::Busy));
                    self.next_pause()
                }
                Some(_) => Duration::from_millis(BUSY_PAUSE_MS),
            };
            patience = ANSWER_TIMEOUT;
            wire.pause(pause, &mut self.sleeper)?;
        }
    }

    fn count_loss(&mut self, id: JobId) {
        let before = self.losses.filter(|(lost, _)| *lost == id).map_or(0, |(_, losses)| losses);
        self.losses = Some((id, before + 1));
        let is_given_up = SENDS_MAX <= before + 1 && self.shared.queue().cancel(id);
        if is_given_up {
            self.losses = None;
            (self.sink)(Event::Dropped(id, DropReason::LostTooOften));
        }
    }

    fn next_pause(&mut self) -> Duration {
        let pause = PAUSES_MS[self.pauses];
        self.pauses = (self.pauses + 1).min(PAUSES_MS.len() - 1);
        Duration::from_millis(pause)
    }

    fn tell(&mut self, told: Told) {
        if self.told == told {
            return;
        }
        let event = match &told {
            Told::Nothing => return,
            Told::Ready => Event::Ready,
            Told::Faulty(fault) => Event::Faulty(fault.clone()),
        };
        self.told = told;
        (self.sink)(event);
    }
}

fn before(end: End, fault: impl Fn(String) -> Fault) -> NotPrinted {
    match end {
        End::Stopped => NotPrinted::Stopped,
        End::Lost(reason) => NotPrinted::Before(fault(reason)),
    }
}
