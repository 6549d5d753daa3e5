//! Who joins a commit that is being made: one costs the disk the same for many scans as for one.
//!
//! What comes while others are decided joins them. Where several scanners come again as soon as they are answered, as machines
//! do and nobody's hand does, a commit also waits a moment for those that were in the ones before. A scanner that is alone is
//! never waited with, nor is anybody once the writer has rested.

use super::job::{Job, Queue};
use crate::domain::name::ScannerId;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// Jobs that share one commit: more save no fsync worth having, and all of them wait for the slowest.
pub const BATCH_JOBS_MAX: usize = 64;

/// How long one scanner that is expected is waited for: as long as an answer and the next scan take between two threads. One
/// that doesn't come is expected no more until it has scanned again.
const COMES_WITHIN: Duration = Duration::from_micros(100);
/// From the newest scan before the first wait to the newest that is waited with.
const WAITS_MAX: Duration = Duration::from_micros(200);
/// Whoever comes later than this after the last commit is no machine that waits for its answer.
const RESTS_AFTER: Duration = Duration::from_millis(1);
/// A scanner is expected for so many commits after its own: of two groups that take turns, each waits for the other.
const EXPECTED_FOR: u32 = 2;

/// Who was in the last commits, and who has come along for the next.
#[derive(Debug, Default)]
pub struct Company {
    /// Each scanner, and how many commits ago it scanned; 0 is in the one that is being made.
    scanners: Vec<(ScannerId, u32)>,
    /// Came along, but is no scan: it begins the next batch.
    next: Option<Job>,
    /// Whether anybody is waited for: not where time is played.
    waits: bool,
}

impl Company {
    /// For a writer that has a thread to wait with.
    pub fn that_waits() -> Self {
        Self { waits: true, ..Self::default() }
    }

    /// The next job, within `patience` if there is any.
    ///
    /// # Errors
    /// None came within it, or none ever comes.
    pub fn next(&mut self, queue: &Queue, patience: Option<Duration>) -> Result<Job, RecvTimeoutError> {
        if let Some(job) = self.waiting(queue) {
            return Ok(job);
        }
        let rests_after = patience.map_or(RESTS_AFTER, |patience| patience.min(RESTS_AFTER));
        if 1 < self.scanners.len()
            && let Ok(job) = queue.recv_timeout(rests_after)
        {
            return Ok(*job);
        }
        self.scanners.clear();
        let job = match patience {
            Some(patience) => queue.recv_timeout(patience),
            None => queue.recv().map_err(RecvTimeoutError::from),
        };
        job.map(|job| *job)
    }

    /// What is there already.
    pub fn waiting(&mut self, queue: &Queue) -> Option<Job> {
        self.next.take().or_else(|| queue.try_recv().ok().map(|job| *job))
    }

    /// A batch begins with `job`, and with what waits behind it.
    pub fn begin(&mut self, job: Job, batch: &mut Vec<Job>, queue: &Queue) {
        for (_, commits_ago) in &mut self.scanners {
            *commits_ago += 1;
        }
        self.scanners.retain(|(_, commits_ago)| *commits_ago <= EXPECTED_FOR);
        self.join(job, batch);
        while batch.len() < BATCH_JOBS_MAX
            && !matches!(batch.last(), Some(Job::Stop))
            && let Some(job) = self.waiting(queue)
        {
            self.join(job, batch);
        }
    }

    /// Scans that have come since, for a transaction in which all of `batch` is decided. Whether there are any; they are to
    /// be decided before this is asked again.
    pub fn more(&mut self, batch: &mut Vec<Job>, waited_since: &mut Option<Duration>, queue: &Queue) -> bool {
        let before = batch.len();
        if matches!(batch.last(), Some(Job::Stop)) {
            return false;
        }
        while batch.len() < BATCH_JOBS_MAX && self.next.is_none() {
            let has_joined = before < batch.len();
            let waits = queue.try_recv().ok().map(|job| *job);
            match waits.or_else(|| if has_joined { None } else { self.wait(batch, waited_since, queue) }) {
                Some(job @ Job::Scan { .. }) => self.join(job, batch),
                Some(job) => self.next = Some(job),
                None => break,
            }
        }
        before < batch.len()
    }

    fn wait(&mut self, batch: &[Job], waited_since: &mut Option<Duration>, queue: &Queue) -> Option<Job> {
        let is_expected = |(_, commits_ago): &(ScannerId, u32)| 0 < *commits_ago;
        if !self.waits || !self.scanners.iter().any(is_expected) {
            return None;
        }
        let newest = batch.iter().filter_map(Job::moment).map(|moment| moment.since_start).max()?;
        if WAITS_MAX < newest.saturating_sub(*waited_since.get_or_insert(newest)) {
            return None;
        }
        let job = queue.recv_timeout(COMES_WITHIN).ok().map(|job| *job);
        if job.is_none() {
            self.scanners.retain(|scanner| !is_expected(scanner));
        }
        job
    }

    fn join(&mut self, job: Job, batch: &mut Vec<Job>) {
        if let Job::Scan { scan, .. } = &job {
            match self.scanners.iter_mut().find(|(scanner, _)| *scanner == scan.scanner) {
                Some((_, commits_ago)) => *commits_ago = 0,
                None => self.scanners.push((scan.scanner.clone(), 0)),
            }
        }
        batch.push(job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;
    use crate::domain::code::{Again, Meaning, Scan};
    use crate::domain::event::Method;
    use jiff::Timestamp;
    use std::sync::mpsc::{SyncSender, sync_channel};

    fn scan(scanner: &str) -> Job {
        let (at, since_start) = (Timestamp::UNIX_EPOCH, Duration::ZERO);
        let scan = Scan {
            scanner: scanner.into(),
            text: b"1001".as_slice().into(),
            meaning: Meaning::Plain,
            again: Again::No,
            at,
            since_start,
        };
        let moment = Moment { wall: at, since_start, trusted: true };
        Job::Scan { station: "bench".into(), scan, method: Method::Scan, moment, reply: Box::new(|_| ()) }
    }

    fn barrier() -> Job {
        Job::Barrier { reply: Box::new(|()| ()) }
    }

    fn queue() -> (SyncSender<Box<Job>>, Queue) {
        sync_channel(4 * BATCH_JOBS_MAX)
    }

    fn names(batch: &[Job]) -> String {
        let name = |job: &Job| match job {
            Job::Scan { scan, .. } => scan.scanner.to_string(),
            other => format!("{other:?}"),
        };
        batch.iter().map(name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn scans_join_those_that_are_being_decided_and_nothing_else_does() {
        let ((sender, receiver), mut company) = (queue(), Company::default());
        let (mut batch, mut waited_since) = (Vec::new(), None);
        sender.send(barrier().into()).unwrap();
        company.begin(scan("a"), &mut batch, &receiver);
        assert_eq!(names(&batch), "a Barrier");
        for job in [scan("b"), scan("a"), barrier(), scan("c")] {
            sender.send(job.into()).unwrap();
        }
        assert!(company.more(&mut batch, &mut waited_since, &receiver));
        assert_eq!(names(&batch), "a Barrier b a");
        assert!(!company.more(&mut batch, &mut waited_since, &receiver), "what is no scan comes first now");
        batch.clear();
        let next = company.next(&receiver, None).unwrap();
        company.begin(next, &mut batch, &receiver);
        assert_eq!(names(&batch), "Barrier c");
    }

    #[test]
    fn a_batch_has_an_end() {
        let ((sender, receiver), mut company) = (queue(), Company::default());
        let mut batch = Vec::new();
        for _ in 0..2 * BATCH_JOBS_MAX {
            sender.send(scan("a").into()).unwrap();
        }
        company.begin(scan("a"), &mut batch, &receiver);
        assert_eq!(batch.len(), BATCH_JOBS_MAX);
        assert!(!company.more(&mut batch, &mut None, &receiver));
        batch.clear();
        company.begin(Job::Stop, &mut batch, &receiver);
        assert!(!company.more(&mut batch, &mut None, &receiver), "nothing is done after the stop");
        assert_eq!(names(&batch), "Stop");
    }

    /// Commits of the scanners named, one after the other; `-` where the writer rests. Whether each commit waits for somebody.
    fn check(commits: &str, waits: &str) {
        let ((sender, receiver), mut company) = (queue(), Company::that_waits());
        let mut waited = Vec::new();
        for commit in commits.split(' ') {
            if commit == "-" {
                assert!(company.next(&receiver, Some(Duration::ZERO)).is_err());
                continue;
            }
            let (mut batch, mut waited_since) = (Vec::new(), None);
            commit.split('+').for_each(|scanner| sender.send(scan(scanner).into()).unwrap());
            let first = company.next(&receiver, None).unwrap();
            company.begin(first, &mut batch, &receiver);
            assert!(!company.more(&mut batch, &mut waited_since, &receiver));
            waited.push(if waited_since.is_some() { "waits" } else { "goes" });
        }
        assert_eq!(waited.join(" "), waits, "{commits}");
    }

    #[test]
    fn waits_for_who_was_there_just_now_and_never_alone() {
        check("a a a", "goes goes goes");
        check("a - b - a", "goes goes goes");
        check("a+b a+b", "goes goes");
        // Of two that take turns each is waited for, until it hasn't come.
        check("a b b a", "goes waits goes waits");
        check("a+b+c a+b a+b", "goes waits goes");
        check("a+b - a - b", "goes goes goes");
    }
}
