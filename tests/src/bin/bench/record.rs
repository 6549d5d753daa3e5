//! When each scan of a run was sent, answered, and seen at the broker.
//!
//! Times are nanoseconds since the benchmark's start plus one; 0 is "not yet". Whoever waits for one scanner's progress
//! is unparked by it.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::Thread;

use parceld_tests::wait::Stopwatch;

use crate::workload::{Mark, Workload};

/// One workload being scanned.
#[derive(Debug)]
pub struct Run {
    clock: Stopwatch,
    pub lanes: Vec<Lane>,
    places: HashMap<Mark, (usize, usize)>,
    events_expected: usize,
    events: AtomicUsize,
    first_event: AtomicU64,
    last_event: AtomicU64,
    given_up: AtomicBool,
}

/// One scanner's part.
#[derive(Debug, Default)]
pub struct Lane {
    pub lines: Vec<String>,
    sent: Vec<AtomicU64>,
    answered: Vec<AtomicU64>,
    arrived: Vec<AtomicU64>,
    answers: AtomicUsize,
    arrivals: AtomicUsize,
    waiter: OnceLock<Thread>,
}

/// Where a scan's way ends that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The answer's first byte at the scanner.
    Answer,
    /// The scan's first event at a subscriber.
    Broker,
}

impl Run {
    pub fn new(workload: &Workload, clock: Stopwatch) -> Run {
        let numbered = |lane: usize| {
            let scans = workload.lanes[lane].iter().enumerate();
            scans.map(move |(index, scan)| (scan.mark, (lane, index)))
        };
        Run {
            clock,
            lanes: workload.lanes.iter().map(|scans| Lane::new(scans.iter().map(|scan| scan.line.clone()))).collect(),
            places: (0..workload.lanes.len()).flat_map(numbered).collect(),
            events_expected: workload.events(),
            events: AtomicUsize::new(0),
            first_event: AtomicU64::new(0),
            last_event: AtomicU64::new(0),
            given_up: AtomicBool::new(false),
        }
    }

    pub fn now(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(u64::MAX).saturating_add(1)
    }

    pub fn sent(&self, lane: usize, index: usize, at: u64) {
        self.lanes[lane].sent[index].store(at, Ordering::Release);
    }

    /// The next answer on a scanner's line.
    pub fn answered(&self, lane: usize, at: u64) {
        let lane = &self.lanes[lane];
        lane.mark(&lane.answered, &lane.answers, lane.answers(), at);
    }

    /// An event at the subscriber; `mark` for one that is a scan's first.
    pub fn event(&self, mark: Option<Mark>, at: u64) {
        let _ = self.first_event.compare_exchange(0, at, Ordering::AcqRel, Ordering::Relaxed);
        self.last_event.store(at, Ordering::Release);
        if let Some((lane, index)) = mark.and_then(|mark| self.places.get(&mark).copied()) {
            self.lanes[lane].mark(&self.lanes[lane].arrived, &self.lanes[lane].arrivals, index, at);
        }
        self.events.fetch_add(1, Ordering::AcqRel);
    }

    /// A floor's message: its scanner's next scan, and the only event of it.
    pub fn message(&self, lane: usize, at: u64) {
        if let Some(lane) = self.lanes.get(lane) {
            lane.mark(&lane.arrived, &lane.arrivals, lane.arrivals(), at);
        }
        self.event(None, at);
    }

    pub fn scans(&self) -> usize {
        self.lanes.iter().map(|lane| lane.lines.len()).sum()
    }

    pub fn answers(&self) -> usize {
        self.lanes.iter().map(Lane::answers).sum()
    }

    pub fn arrivals(&self) -> usize {
        self.lanes.iter().map(Lane::arrivals).sum()
    }

    pub fn events(&self) -> usize {
        self.events.load(Ordering::Acquire)
    }

    /// How many events the agent makes of the workload.
    pub fn events_expected(&self) -> usize {
        self.events_expected
    }

    /// From sending to `end`, of every scan that got there, in milliseconds.
    pub fn latencies_ms(&self, end: End) -> Vec<f64> {
        let of = |lane: &Lane| {
            let ends = lane.ends(end).iter().zip(&lane.sent).map(|(end, sent)| (load(end), load(sent)));
            ends.filter(|(end, _)| *end != 0)
                .map(|(end, sent)| end.saturating_sub(sent) as f64 / 1e6)
                .collect::<Vec<_>>()
        };
        self.lanes.iter().flat_map(of).collect()
    }

    /// From the first scan's sending to the last one's `end`, in seconds.
    pub fn span_s(&self, end: End) -> f64 {
        let first = self.lanes.iter().flat_map(|lane| &lane.sent).map(load).filter(|at| *at != 0).min();
        let last = self.lanes.iter().flat_map(|lane| lane.ends(end)).map(load).max();
        last.unwrap_or_default().saturating_sub(first.unwrap_or_default()) as f64 / 1e9
    }

    /// When the first and the last event came, if any has.
    pub fn events_between(&self) -> Option<(u64, u64)> {
        let first = load(&self.first_event);
        (first != 0).then(|| (first, load(&self.last_event)))
    }

    /// Ends every thread that works on this run.
    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
    }

    pub fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }
}

impl Lane {
    fn new(lines: impl Iterator<Item = String>) -> Lane {
        let lines: Vec<String> = lines.collect();
        let times = || lines.iter().map(|_| AtomicU64::new(0)).collect();
        Lane { sent: times(), answered: times(), arrived: times(), lines, ..Lane::default() }
    }

    pub fn answers(&self) -> usize {
        self.answers.load(Ordering::Acquire)
    }

    pub fn arrivals(&self) -> usize {
        self.arrivals.load(Ordering::Acquire)
    }

    /// The calling thread is unparked at every progress from here on.
    pub fn wake_me(&self) {
        let _ = self.waiter.set(std::thread::current());
    }

    fn ends(&self, end: End) -> &[AtomicU64] {
        match end {
            End::Answer => &self.answered,
            End::Broker => &self.arrived,
        }
    }

    /// Notes the first time only: what is sent again has arrived before.
    fn mark(&self, times: &[AtomicU64], count: &AtomicUsize, index: usize, at: u64) {
        let Some(time) = times.get(index) else { return };
        if time.compare_exchange(0, at, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            count.fetch_add(1, Ordering::AcqRel);
        }
        if let Some(waiter) = self.waiter.get() {
            waiter.unpark();
        }
    }
}

fn load(time: &AtomicU64) -> u64 {
    time.load(Ordering::Acquire)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Source;

    #[test]
    fn matches_answers_by_order_and_events_by_mark() {
        let workload = Source::default().workload(2, 14);
        let run = Run::new(&workload, Stopwatch::start());
        run.sent(1, 0, 1_000_000);
        run.sent(1, 1, 2_000_000);
        run.answered(1, 3_000_000);
        run.event(Some(workload.lanes[1][1].mark), 5_000_000);
        run.event(Some(workload.lanes[1][1].mark), 9_000_000);
        run.event(None, 9_500_000);
        assert_eq!((run.answers(), run.arrivals(), run.events()), (1, 1, 3));
        assert_eq!(run.latencies_ms(End::Answer), [2.0]);
        assert_eq!(run.latencies_ms(End::Broker), [3.0]);
        assert!((run.span_s(End::Broker) - 0.004).abs() < 1e-9);
        assert_eq!(run.events_between(), Some((5_000_000, 9_500_000)));
    }

    #[test]
    fn matches_a_floors_messages_by_order() {
        let run = Run::new(&Source::default().workload(2, 14), Stopwatch::start());
        run.sent(0, 0, 1);
        run.message(0, 1_000_001);
        run.message(7, 1_000_001);
        assert_eq!((run.arrivals(), run.events()), (1, 2));
        assert_eq!(run.latencies_ms(End::Broker), [1.0]);
    }
}
