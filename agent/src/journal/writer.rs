//! The thread that writes: batches of jobs, one commit each, and what to do when a commit fails.

use super::ahead::Ahead;
use super::ballast::{Ballast, is_full};
use super::company::{BATCH_JOBS_MAX, Company};
use super::job::{CommandOutcome, Job, NotSaved, Queue, ReceiptOutcome, Retried};
use super::log::Place;
use super::state::{State, is_storage_fault};
use super::{Damage, Error, Head, Storage};
use crate::domain::signal::{Answer, Reason, Signal};
use crate::pulse::Pulse;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;
use tokio::sync::watch;

/// How long cursors that only moved in memory may stay there: duplicates per crash are bounded by it.
const CURSORS_BEHIND_MAX: Duration = Duration::from_secs(1);

/// How often a failing storage is tried again while nobody scans.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// How much of the write-ahead log is folded into the file at a time: at once when nobody waits, at the second bound always.
/// Each time, a page that changes all the time is written once more; and a start reads all of the log, within a second from a
/// slow card. Less than what makes retention wait for a reader.
const FOLDED_BYTES: u64 = 4 * 1024 * 1024;
const FOLDED_BYTES_MAX: u64 = 6 * 1024 * 1024;

/// Of the write-ahead log: as much as stays of it anyway.
const RETAIN_HELD_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// What SQLite says of a full disk, of one that was full before the start.
const STILL_FULL: &str = "database or disk is full";

/// What others watch of the writer.
pub struct Watched {
    pub head: watch::Sender<Head>,
    pub storage: watch::Sender<Storage>,
    pub damage: Damage,
    pub pulse: Pulse,
}

pub struct Writer {
    state: State,
    head: watch::Sender<Head>,
    storage: watch::Sender<Storage>,
    pulse: Pulse,
    damage: Damage,
    ballast: Ballast,
    /// The disk is full: what is left is for cursors, and nothing that grows is taken.
    short: bool,
    /// Something of a commit that failed may lie behind the end of the write-ahead log.
    leftovers: bool,
    /// What the log held when it was last folded.
    folded_bytes: u64,
    /// It is folded in any case as soon as somebody looks.
    folds: bool,
    ahead: Ahead,
    company: Company,
    /// Empty between turns.
    batch: Vec<Job>,
    /// When a failing storage was last tried.
    tried_at: Duration,
}

/// What a job's reply will be told.
enum Outcome {
    Answer(Answer),
    Command(CommandOutcome),
    Receipt(ReceiptOutcome),
    Serial(u64),
    Noted(Place),
    Retried(Retried),
    Discarded(bool),
    Kept,
    More(bool),
    Nothing,
    NotSaved,
}

impl Writer {
    /// Where the room that was kept can't be made again the disk is as full as it was before the start; where it never could
    /// be made there is none to protect.
    pub fn new(state: State, watched: Watched, ballast: Ballast) -> Self {
        let Watched { head, storage, damage, pulse } = watched;
        let (has_room, is_given_up) = (ballast.make(), ballast.is_given_up());
        let short = !has_room && is_given_up;
        if short {
            tracing::warn!("the disk is still full: what is left is for cursors alone");
            storage.send_replace(Storage::Failing { error: STILL_FULL.into() });
        } else if !has_room {
            tracing::warn!("there is not enough room to keep some for a full disk: storage.ballast is without effect");
        }
        let ahead = Ahead::of(state.path(), FOLDED_BYTES);
        Self {
            state,
            head,
            storage,
            pulse,
            damage,
            ballast,
            short,
            leftovers: false,
            folded_bytes: 0,
            folds: false,
            ahead,
            company: Company::default(),
            batch: Vec::with_capacity(BATCH_JOBS_MAX),
            tried_at: Duration::ZERO,
        }
    }

    /// Works until told to stop, or until nobody can ask any more.
    pub fn run(mut self, queue: &Queue) {
        self.company = Company::that_waits();
        loop {
            self.pulse.turned();
            match self.next(queue) {
                Ok(Some(job)) => {
                    self.pulse.begins();
                    if self.turn(job, queue) {
                        break;
                    }
                }
                Ok(None) => {
                    self.pulse.begins();
                    self.flush();
                }
                Err(()) => break,
            }
        }
        self.finish();
    }

    /// What waits, for whoever has no thread to wait with.
    pub fn waiting(&mut self, queue: &Queue) -> Option<Job> {
        self.company.waiting(queue)
    }

    /// Does `job`, what waits behind it, and the scans that come meanwhile, up to a batch. Whether that was the end.
    pub fn turn(&mut self, job: Job, queue: &Queue) -> bool {
        let mut batch = std::mem::take(&mut self.batch);
        self.company.begin(job, &mut batch, queue);
        let stopping = matches!(batch.last(), Some(Job::Stop));
        let is_tried = batch.iter().any(|job| matches!(job, Job::Try));
        let done = self.work(&mut batch, queue);
        self.batch = batch;
        if is_tried {
            self.flush();
        }
        self.checkpoint(done < BATCH_JOBS_MAX);
        stopping
    }

    /// Writes what only moved in memory, and folds the log.
    pub fn finish(&mut self) {
        self.flush();
        if self.may_fold() {
            self.state.fold();
        }
    }

    /// The next job; `Ok(None)` when it is time to look after cursors or a failing storage, also between jobs that come
    /// all the time and write nothing.
    fn next(&mut self, queue: &Queue) -> Result<Option<Job>, ()> {
        let patience = self.patience();
        if patience.is_some_and(|patience| patience.is_zero()) {
            return Ok(None);
        }
        loop {
            match self.waiting(queue) {
                None if self.lengthens_log() => {}
                None => break,
                job => return Ok(job),
            }
        }
        match self.company.next(queue, patience) {
            Ok(job) => Ok(Some(job)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(()),
        }
    }

    /// How long to wait for a job until there is something to look after; none where there is nothing.
    pub fn patience(&self) -> Option<Duration> {
        let (within, since) = match (self.is_failing(), self.state.cursors_behind_since()) {
            (true, _) => (RETRY_EVERY, self.tried_at),
            (false, Some(since)) => (CURSORS_BEHIND_MAX, since),
            (false, None) => return None,
        };
        Some(within.saturating_sub(self.state.latest().saturating_sub(since)))
    }

    /// How many jobs were done, one way or another.
    fn work(&mut self, batch: &mut Vec<Job>, queue: &Queue) -> usize {
        if self.short {
            let (grows, rest) = batch.drain(..).partition(Job::grows);
            *batch = rest;
            for job in grows {
                if let Some(moment) = job.moment() {
                    self.state.hear(moment);
                }
                answer(job, Outcome::NotSaved);
            }
            if batch.is_empty() {
                return 0;
            }
        }
        self.hold_retention(batch);
        let mut company = std::mem::take(&mut self.company);
        let (mut waited_since, joins) = (None, !self.short);
        let attempted = self.attempt(batch, |batch| joins && company.more(batch, &mut waited_since, queue));
        self.company = company;
        let done = batch.len();
        match attempted {
            Ok(outcomes) => {
                let has_forgotten_much = outcomes.iter().any(|outcome| matches!(outcome, Outcome::More(true)));
                self.folds |= has_forgotten_much;
                self.tell(batch, outcomes);
            }
            Err(error) => {
                let alone = batch.len() == 1;
                self.failed(&error, alone);
                for job in batch.drain(..) {
                    match alone {
                        _ if self.short && job.grows() => answer(job, Outcome::NotSaved),
                        true => self.give_up(job, &error),
                        false => self.work_alone(job),
                    }
                }
            }
        }
        done
    }

    /// Where somebody who reads keeps the log from being folded, retention waits for the next hour: each of its full turns
    /// is folded at once, or they make a long log of their own.
    fn hold_retention(&mut self, batch: &mut Vec<Job>) {
        let is_retention = |job: &Job| matches!(job, Job::Retain { .. });
        if !batch.iter().any(is_retention) {
            return;
        }
        let held_bytes = self.state.held_bytes();
        if RETAIN_HELD_BYTES_MAX < held_bytes {
            self.folds = true;
            tracing::warn!(
                held_bytes,
                "somebody reads for long, and the write-ahead log can't be folded: retention waits"
            );
            let (waits, rest): (Vec<_>, _) = batch.drain(..).partition(is_retention);
            *batch = rest;
            waits.into_iter().for_each(|job| answer(job, Outcome::Nothing));
        }
    }

    /// Staff wait for their answers, so those come before anybody is woken by the new head; all others may rely on
    /// the head being known when they are answered.
    fn tell(&self, batch: &mut Vec<Job>, outcomes: Vec<Outcome>) {
        let is_scan = |(job, _): &(Job, Outcome)| matches!(job, Job::Scan { .. });
        let (scans, others): (Vec<_>, Vec<_>) = batch.drain(..).zip(outcomes).partition(is_scan);
        scans.into_iter().for_each(|(job, outcome)| answer(job, outcome));
        self.announce();
        others.into_iter().for_each(|(job, outcome)| answer(job, outcome));
    }

    fn work_alone(&mut self, job: Job) {
        let mut alone = vec![job];
        match self.attempt(&mut alone, |_| false) {
            Ok(outcomes) => {
                self.announce();
                alone.into_iter().zip(outcomes).for_each(|(job, outcome)| answer(job, outcome));
            }
            Err(error) => {
                self.failed(&error, true);
                alone.into_iter().for_each(|job| self.give_up(job, &error));
            }
        }
    }

    /// A command that deciding failed on is put aside and answered, or the platform would send it for ever.
    fn give_up(&mut self, job: Job, error: &Error) {
        let outcome = match (&job, error) {
            (
                Job::Command { payload, moment, .. },
                Error::Panicked { .. } | Error::Damaged(_) | Error::Encoding(_) | Error::UnknownKind { .. },
            ) => {
                let why = error.to_string();
                match self.transaction(|state| state.poisoned(payload, &why, moment)) {
                    Ok((outcome, _)) => Outcome::Command(outcome),
                    Err(error) => {
                        self.failed(&error, true);
                        Outcome::NotSaved
                    }
                }
            }
            (
                Job::Retry { .. },
                Error::Panicked { .. } | Error::Damaged(_) | Error::Encoding(_) | Error::UnknownKind { .. },
            ) => Outcome::Retried(Retried::Unusable { why: error.to_string() }),
            _ => Outcome::NotSaved,
        };
        answer(job, outcome);
    }

    /// One transaction of `jobs`, and of those that `more` adds once they are decided.
    fn attempt(
        &mut self,
        jobs: &mut Vec<Job>,
        mut more: impl FnMut(&mut Vec<Job>) -> bool,
    ) -> Result<Vec<Outcome>, Error> {
        let all = |state: &mut State, jobs: &[Job]| jobs.iter().map(|job| perform(state, job)).collect();
        match jobs.iter().all(Job::is_memory_only) {
            true => all(&mut self.state, jobs),
            false => {
                let (outcomes, wrote) = self.transaction(|state| {
                    let mut outcomes: Vec<Outcome> = all(state, jobs)?;
                    while more(jobs) {
                        outcomes.extend(all(state, jobs.get(outcomes.len()..).unwrap_or_default())?);
                    }
                    Ok(outcomes)
                })?;
                // A scan that was saved proves that there is room for one.
                if wrote && jobs.iter().any(|job| matches!(job, Job::Scan { .. })) {
                    self.well();
                }
                Ok(outcomes)
            }
        }
    }

    /// All of `work` is on disk, or nothing of it is; and whether it wrote anything.
    fn transaction<T>(&mut self, work: impl FnOnce(&mut State) -> Result<T, Error>) -> Result<(T, bool), Error> {
        self.state.begin()?;
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut self.state)));
        let outcome = outcome.unwrap_or_else(|panic| Err(Error::Panicked { why: words(&*panic) }))?;
        let wrote = self.state.commit(CURSORS_BEHIND_MAX)?;
        if wrote {
            self.healed();
        }
        Ok((outcome, wrote))
    }

    /// Writes what only moved in memory, or finds out whether a failing storage works again.
    pub fn flush(&mut self) {
        self.tried_at = self.state.latest();
        // What is left of the room is not spent on finding out.
        let rests = self.short && self.state.cursors_behind_since().is_none();
        let behind = if rests { CURSORS_BEHIND_MAX } else { Duration::ZERO };
        let written = self.state.begin().and_then(|()| self.state.commit(behind));
        match written {
            Ok(_) => {
                if self.short {
                    if self.may_fold() {
                        self.state.checkpoint();
                    }
                    self.short = !self.ballast.make();
                }
                self.restart_log();
                self.doubts_what_was_folded();
                self.healed();
                self.announce();
            }
            Err(error) => self.failed(&error, true),
        }
    }

    fn failed(&mut self, error: &Error, known_alone: bool) {
        tracing::error!(%error, alone = known_alone, "not saved: rolled back");
        self.damage.suspect(error);
        if !self.short && is_full(error) && self.ballast.release() {
            tracing::warn!("the disk is full: the room that was kept for that is given up, for cursors alone");
            self.short = true;
        }
        if let Err(error) = self.state.roll_back(error) {
            tracing::error!(%error, "the database can't be read again");
            self.damage.suspect(&error);
        }
        if is_storage_fault(error) {
            self.leftovers = true;
            self.restart_log();
        }
        if (known_alone || self.short) && !matches!(error, Error::Panicked { .. }) {
            self.storage.send_replace(Storage::Failing { error: error.to_string() });
        }
    }

    /// What was saved may be smaller than a scan: a disk without room for one is not well yet.
    fn healed(&self) {
        if !self.short && self.is_failing() && self.state.has_room() {
            self.well();
        }
    }

    /// Read and let go of: whoever says meanwhile that the disk doesn't answer must never wait for it.
    fn is_failing(&self) -> bool {
        let storage = self.storage.borrow();
        *storage != Storage::Well
    }

    fn well(&self) {
        self.storage.send_if_modified(|storage| {
            let was_failing = *storage != Storage::Well;
            *storage = Storage::Well;
            was_failing
        });
    }

    fn announce(&self) {
        let head = self.state.head();
        self.head.send_if_modified(|known| {
            let moved = *known != head;
            *known = head;
            moved
        });
    }

    /// A file that is to be salvaged stays as it is, with its log beside it: that is what can be saved.
    fn may_fold(&self) -> bool {
        !self.damage.awaits_salvage()
    }

    /// What failed must not be taken for what was committed by whoever reads the log after a crash. Where it can't be done
    /// now, it is tried again.
    fn restart_log(&mut self) {
        if self.leftovers && self.may_fold() && self.state.restart_log() {
            self.leftovers = false;
            self.ahead.begin_anew();
        }
    }

    /// Makes the log as long as it gets, for whoever has no time to wait in. Not where the storage fails.
    pub fn lengthen_log(&mut self) {
        while !self.ahead.is_done() && !self.is_failing() && self.may_fold() {
            if self.ahead.is_due() && !self.adds_to_log() {
                break;
            }
        }
    }

    /// Adds to the log's length, a piece at a time. Whether there was anything to do.
    fn lengthens_log(&mut self) -> bool {
        !self.is_failing() && self.may_fold() && self.ahead.is_due() && self.adds_to_log()
    }

    fn adds_to_log(&mut self) -> bool {
        self.pulse.begins();
        let Self { state, ahead, .. } = self;
        let was_alone = state.alone(|| ahead.lengthen());
        self.pulse.turned();
        was_alone.is_ok()
    }

    fn checkpoint(&mut self, nobody_waits: bool) {
        if !self.may_fold() {
            return;
        }
        if nobody_waits {
            self.restart_log();
        }
        let held = self.state.log_bytes();
        // A log that has begun anew holds nothing that was folded.
        let unfolded = held.checked_sub(self.folded_bytes).unwrap_or(held);
        let due = if nobody_waits { FOLDED_BYTES } else { FOLDED_BYTES_MAX };
        if (due <= unfolded || (self.folds && nobody_waits)) && self.state.checkpoint() {
            (self.folded_bytes, self.folds) = (held, false);
        }
        self.doubts_what_was_folded();
    }

    /// The next start folds all of the log, which is left as it is.
    fn doubts_what_was_folded(&self) {
        if self.state.is_folding_in_doubt() {
            self.damage.found("what was folded into it could not be forced to disk");
        }
    }
}

fn perform(state: &mut State, job: &Job) -> Result<Outcome, Error> {
    Ok(match job {
        Job::Scan { station, scan, method, moment, .. } => Outcome::Answer(state.scan(station, scan, *method, moment)?),
        Job::Command { payload, moment, .. } => Outcome::Command(state.command(payload, moment)?),
        Job::Record { event, station, moment } => {
            state.record(event, station.as_ref(), moment)?;
            Outcome::Nothing
        }
        Job::Note { event, moment, .. } => {
            state.record(event, None, moment)?;
            Outcome::Noted(state.head().place)
        }
        Job::Retry { key, moment, .. } => Outcome::Retried(state.retry(*key, moment)?),
        Job::Discard { key, .. } => Outcome::Discarded(state.discard(*key)?),
        Job::Sent { place, again_to, moment } => {
            state.sent(*place, *again_to, moment);
            Outcome::Nothing
        }
        Job::Receipt { receipt, at_start, moment, .. } => Outcome::Receipt(state.receipt(receipt, *at_start, moment)?),
        Job::Publishing { .. } => {
            state.publishing()?;
            Outcome::Kept
        }
        Job::Unanswered { scanner } => {
            state.doubt(scanner);
            Outcome::Nothing
        }
        Job::SignOutIdle { moment } => {
            state.sign_out_idle(moment)?;
            Outcome::Nothing
        }
        Job::Judge { findings, moment } => {
            state.judge(findings, moment)?;
            Outcome::Nothing
        }
        Job::Duty { name, event, marks, moment } => {
            state.duty(name, event.as_ref(), marks, moment)?;
            Outcome::Nothing
        }
        Job::Pace { slots, counted, passed, moment } => {
            state.keep_pace(slots, *counted, *passed, moment)?;
            Outcome::Nothing
        }
        Job::Invite { completed, moment, .. } => {
            for (place, order) in completed {
                state.invite(order, *place, moment)?;
            }
            Outcome::Kept
        }
        Job::ReserveSerials { count, .. } => Outcome::Serial(state.reserve_serials(*count)?),
        Job::KeepToken { digest, .. } => {
            state.keep_token(digest)?;
            Outcome::Kept
        }
        Job::CorrectTimes { moment, vouched, .. } => Outcome::More(state.correct_times(moment, *vouched)?),
        Job::Configure { config, .. } => {
            state.configure(config)?;
            Outcome::Kept
        }
        Job::Retain { moment, .. } => Outcome::More(state.retain(moment)?),
        Job::Barrier { .. } | Job::Try | Job::Stop => Outcome::Nothing,
    })
}

/// A bug in an answer costs that answer, not the journal.
fn answer(job: Job, outcome: Outcome) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| tell(job, outcome))) {
        tracing::error!(why = words(&*panic), "an answer could not be given");
    }
}

fn tell(job: Job, outcome: Outcome) {
    match (job, outcome) {
        (Job::Scan { reply, .. }, Outcome::Answer(answer)) => reply(answer),
        (Job::Scan { reply, .. }, _) => reply(Answer::because(Signal::NotSaved, Reason::Storage)),
        (Job::Command { reply, .. }, Outcome::Command(outcome)) => reply(Ok(outcome)),
        (Job::Command { reply, .. }, _) => reply(Err(NotSaved)),
        (Job::Receipt { reply, .. }, Outcome::Receipt(outcome)) => reply(Ok(outcome)),
        (Job::Receipt { reply, .. }, _) => reply(Err(NotSaved)),
        (Job::Note { reply, .. }, Outcome::Noted(place)) => reply(Ok(place)),
        (Job::Note { reply, .. }, _) => reply(Err(NotSaved)),
        (Job::Retry { reply, .. }, Outcome::Retried(retried)) => reply(Ok(retried)),
        (Job::Retry { reply, .. }, _) => reply(Err(NotSaved)),
        (Job::Discard { reply, .. }, Outcome::Discarded(was_there)) => reply(Ok(was_there)),
        (Job::Discard { reply, .. }, _) => reply(Err(NotSaved)),
        (Job::ReserveSerials { reply, .. }, Outcome::Serial(first)) => reply(Ok(first)),
        (Job::ReserveSerials { reply, .. }, _) => reply(Err(NotSaved)),
        (Job::KeepToken { reply, .. } | Job::Configure { reply, .. } | Job::Publishing { reply }, outcome) => {
            reply(match outcome {
                Outcome::Kept => Ok(()),
                _ => Err(NotSaved),
            });
        }
        (Job::CorrectTimes { reply, .. }, Outcome::More(more)) => reply(Ok(more)),
        (Job::CorrectTimes { reply, .. }, _) => reply(Err(NotSaved)),
        (Job::Retain { reply, .. }, outcome) => reply(matches!(outcome, Outcome::More(true))),
        (Job::Invite { reply, .. }, outcome) => reply(matches!(outcome, Outcome::Kept)),
        (Job::Barrier { reply }, _) => reply(()),
        (
            Job::Record { .. }
            | Job::Sent { .. }
            | Job::Unanswered { .. }
            | Job::SignOutIdle { .. }
            | Job::Judge { .. }
            | Job::Duty { .. }
            | Job::Pace { .. }
            | Job::Try
            | Job::Stop,
            _,
        ) => {}
    }
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without words".into())
}
