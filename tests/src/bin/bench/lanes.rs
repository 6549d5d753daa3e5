//! Scanning: one thread per scanner sends, another reads the answers.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::bail;
use parceld_tests::pty::Pty;
use parceld_tests::wait::Stopwatch;

use crate::record::{Lane, Run};
use crate::stop::Stop;

/// When a scanner may send its next scan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gate {
    /// So many scans per second in all, evenly spread over the scanners.
    Paced { per_s: f64 },
    /// So many scans per scanner have no answer yet.
    Answers { in_flight: usize },
    /// So many scans per scanner are not at the broker yet.
    Arrivals { in_flight: usize },
}

/// What a run waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Until {
    pub answers: bool,
    /// Every scan, and so many events.
    pub arrivals: Option<usize>,
}

const ACK: u8 = 0x06;
const NAK: u8 = 0x15;

/// A benchmark that stands still for so long has failed.
const STALLED: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(5);
const READ_PATIENCE: Duration = Duration::from_millis(100);

/// A scan that was sent later than this after its time, because the line was full, counts from its time.
const LATE: Duration = Duration::from_millis(2);

/// Scans all of `run`, and waits for what it leads to.
///
/// # Errors
/// Where a scan is refused by the storage, or nothing moves any more.
pub fn scan(ptys: &[Pty], run: &Arc<Run>, gate: Gate, until: Until, stop: &Stop) -> anyhow::Result<()> {
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for (number, pty) in ptys.iter().enumerate() {
            if until.answers {
                threads.push(scope.spawn(move || read_answers(pty, number, run)));
            }
            threads.push(scope.spawn(move || {
                send(pty, number, run, gate);
                Ok(())
            }));
        }
        let outcome = wait_for(run, until, stop);
        if outcome.is_err() {
            run.give_up();
        }
        for thread in threads {
            thread.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause))?;
        }
        outcome
    })
}

fn wait_for(run: &Run, until: Until, stop: &Stop) -> anyhow::Result<()> {
    let mut still = Stopwatch::start();
    let mut before = (0, 0, 0);
    loop {
        let now = (run.answers(), run.arrivals(), run.events());
        let answered = !until.answers || now.0 == run.scans();
        let arrived = until.arrivals.is_none_or(|events| now.1 == run.scans() && events <= now.2);
        if answered && arrived {
            return Ok(());
        }
        stop.check()?;
        if now != before {
            (before, still) = (now, Stopwatch::start());
        }
        if run.is_given_up() || STALLED <= still.elapsed() {
            let (answers, arrivals, events) = now;
            bail!("of {} scans, {answers} were answered and {arrivals} arrived, with {events} events", run.scans());
        }
        thread::park_timeout(LOOK_EVERY);
    }
}

fn send(pty: &Pty, number: usize, run: &Run, gate: Gate) {
    let lane = &run.lanes[number];
    lane.wake_me();
    let begun = run.now();
    for (index, line) in lane.lines.iter().enumerate() {
        let due = due(begun, number, run.lanes.len(), index, gate);
        while !run.is_given_up() && !may_send(run, lane, index, gate, due) {
            let left_ns = due.map_or(u64::MAX, |due| due.saturating_sub(run.now()));
            thread::park_timeout(Duration::from_nanos(left_ns).min(READ_PATIENCE));
        }
        if run.is_given_up() {
            return;
        }
        let now = run.now();
        let late_ns = due.map_or(0, |due| now.saturating_sub(due));
        let from = if LATE < Duration::from_nanos(late_ns) { now - late_ns } else { now };
        run.sent(number, index, from);
        pty.write(line.as_bytes());
    }
}

/// When a paced scan is to be sent: the scanners one after the other, each at an even pace.
fn due(begun: u64, number: usize, lanes: usize, index: usize, gate: Gate) -> Option<u64> {
    let Gate::Paced { per_s } = gate else { return None };
    let nth = (index * lanes + number) as f64;
    Some(begun + (nth / per_s * 1e9) as u64)
}

fn may_send(run: &Run, lane: &Lane, index: usize, gate: Gate, due: Option<u64>) -> bool {
    match gate {
        Gate::Paced { .. } => due.is_none_or(|due| due <= run.now()),
        Gate::Answers { in_flight } => index < lane.answers() + in_flight,
        Gate::Arrivals { in_flight } => index < lane.arrivals() + in_flight,
    }
}

fn read_answers(pty: &Pty, number: usize, run: &Run) -> anyhow::Result<()> {
    let lane = &run.lanes[number];
    while lane.answers() < lane.lines.len() && !run.is_given_up() {
        let bytes = pty.read(READ_PATIENCE);
        let at = run.now();
        for byte in bytes {
            match byte {
                ACK => run.answered(number, at),
                NAK => {
                    run.give_up();
                    bail!("a scan could not be saved");
                }
                _ => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::{BufRead, BufReader, Write};

    use super::*;
    use crate::record::End;
    use crate::workload::Source;

    /// Answers every line of all scanners, up to one that is not saved.
    fn scan_all(scanners: usize, gate: Gate, answer: &'static [u8]) -> (Arc<Run>, anyhow::Result<()>) {
        let ptys: Vec<Pty> = (0..scanners).map(|_| Pty::new()).collect();
        let run = Arc::new(Run::new(&Source::default().workload(scanners, 14), Stopwatch::start()));
        let until = Until { answers: true, arrivals: None };
        let outcome = thread::scope(|scope| {
            for (pty, lane) in ptys.iter().zip(&run.lanes) {
                let port = OpenOptions::new().read(true).write(true).open(pty.port()).unwrap();
                scope.spawn(move || {
                    for line in BufReader::new(&port).lines().take(lane.lines.len()) {
                        line.unwrap();
                        (&port).write_all(answer).unwrap();
                        if answer[0] == NAK {
                            return;
                        }
                    }
                });
            }
            scan(&ptys, &run, gate, until, &Stop::default())
        });
        (run, outcome)
    }

    #[test]
    fn every_scan_is_answered_through_each_gate() {
        for gate in [Gate::Paced { per_s: 1_000.0 }, Gate::Answers { in_flight: 1 }, Gate::Answers { in_flight: 64 }] {
            let (run, outcome) = scan_all(2, gate, b"\x06\x07");
            outcome.unwrap();
            assert_eq!((run.answers(), run.latencies_ms(End::Answer).len()), (run.scans(), run.scans()), "{gate:?}");
        }
    }

    #[test]
    fn a_scan_that_is_not_saved_ends_the_run() {
        let (_, outcome) = scan_all(1, Gate::Answers { in_flight: 1 }, b"\x15\x07");
        assert!(outcome.is_err());
    }

    #[test]
    fn paced_scanners_take_turns() {
        let gate = Gate::Paced { per_s: 200.0 };
        let due: Vec<_> = (0..4).map(|nth| due(1, nth % 2, 2, nth / 2, gate)).collect();
        assert_eq!(due, [1, 5_000_001, 10_000_001, 15_000_001].map(Some));
    }
}
