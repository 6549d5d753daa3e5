//! Whether the agent moves. The service manager hears that it does only while each of its parts does, and kills it when
//! it hears nothing for too long.
//!
//! A part is a loop that counts its turns: the journal's, a scanner's, sync, the schedule, the runtime of pages and
//! signals. Each is asked for a turn twice in the time that the service manager waits, and what it does by itself counts
//! too. A loop that waits for a scanner, a broker or a busy disk turns all the same; one that hangs doesn't. Asking
//! writes nothing, and wakes each part once.
//!
//! Looks are `patience` apart, half of the service manager's time. So a part that hangs for less than all of that time
//! never costs a restart, and one that hangs for one and a half always does; which one it is stands in the log before.

use super::notify;
use crate::clock::Clock;
use std::fmt::Write as _;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often it is looked where the service manager says how the agent is, and doesn't kill.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How soon it is looked again while a part hangs: once it turns again that is said at once.
const LOOK_AGAIN_EVERY: Duration = Duration::from_secs(5);

/// What is watched over: asked with the number of what is known, it gives another number and other parts, or nothing
/// where they are the same.
pub type List = dyn Fn(Option<u64>) -> Option<(u64, Vec<Part>)> + Send;

/// A loop that must turn.
pub struct Part {
    pub name: String,
    pub turns: Box<dyn Fn() -> u64 + Send>,
    /// Has it turn once, where it would sleep. Must not wait for it.
    pub ask: Box<dyn Fn() + Send>,
}

/// The running thread.
#[derive(Debug)]
pub struct Watchdog {
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

/// Watches over the parts of `list` and tells the service manager; `how` says in a line how the agent is. `None` where
/// there is no service manager.
///
/// # Errors
/// The thread can't be started.
pub fn spawn(
    list: Box<List>,
    how: impl Fn() -> String + Send + 'static,
    clock: Clock,
) -> std::io::Result<Option<Watchdog>> {
    if !notify::is_heard() {
        return Ok(None);
    }
    let patience = notify::watchdog().map_or(LOOK_EVERY, |limit| limit / 2);
    let (stop, stopped) = sync_channel(1);
    let thread = std::thread::Builder::new().name("watchdog".into()).spawn(move || {
        let (judge, parts, hangs) = (Judge::new(patience, 0), Vec::new(), Vec::new());
        let mut watch = Watch { patience, clock, list, known: None, judge, parts, hangs };
        loop {
            let look_after = watch.look(&how);
            match stopped.recv_timeout(look_after) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    })?;
    Ok(Some(Watchdog { stop, thread }))
}

impl Watchdog {
    /// Ends: a stop has a deadline of its own.
    pub fn stop(self) {
        let _ = self.stop.try_send(());
        if self.thread.join().is_err() {
            tracing::error!("the watchdog's thread had panicked");
        }
    }
}

struct Watch {
    patience: Duration,
    clock: Clock,
    list: Box<List>,
    /// The number of the parts.
    known: Option<u64>,
    parts: Vec<Part>,
    judge: Judge,
    /// The parts that hung at the last look.
    hangs: Vec<usize>,
}

impl Watch {
    /// One look; how long until the next one.
    fn look(&mut self, how: impl Fn() -> String) -> Duration {
        // Other parts are asked for their first turn now: what hung before is found again.
        if let Some((number, parts)) = (self.list)(self.known) {
            (self.known, self.judge, self.parts) = (Some(number), Judge::new(self.patience, parts.len()), parts);
            self.hangs.clear();
        }
        let turns: Vec<u64> = self.parts.iter().map(|part| (part.turns)()).collect();
        let Look { turned, hanging } = self.judge.look(&turns, self.clock.now().since_start);
        for &part in &turned {
            if self.hangs.contains(&part) {
                tracing::info!(part = self.parts[part].name, "turns again");
            }
            (self.parts[part].ask)();
        }
        for hanging in &hanging {
            if !self.hangs.contains(&hanging.part) {
                let for_s = hanging.for_at_least.as_secs();
                tracing::error!(
                    part = self.parts[hanging.part].name,
                    for_s,
                    "hangs: unless it turns again, the service manager restarts the agent"
                );
            }
        }
        self.hangs = hanging.iter().map(|hanging| hanging.part).collect();
        if hanging.is_empty() {
            notify::alive(&how());
            return self.patience;
        }
        notify::status(&said(&self.parts, &hanging));
        LOOK_AGAIN_EVERY.min(self.patience)
    }
}

fn said(parts: &[Part], hanging: &[Hanging]) -> String {
    let mut line = "hangs:".to_owned();
    for (n, Hanging { part, for_at_least }) in hanging.iter().enumerate() {
        let comma = if n == 0 { "" } else { "," };
        let _ = write!(line, "{comma} {} for {} s", parts[*part].name, for_at_least.as_secs());
    }
    line
}

/// Judges by counts and times alone.
#[derive(Debug)]
struct Judge {
    patience: Duration,
    parts: Vec<Seen>,
}

/// What is known of a part: its count, and since when that is the same and another turn is asked for.
#[derive(Clone, Copy, Debug)]
struct Seen {
    turns: Option<u64>,
    since: Duration,
}

/// What one look has found, by the parts' places.
#[derive(Debug, PartialEq, Eq)]
struct Look {
    /// Those to ask for another turn.
    turned: Vec<usize>,
    hanging: Vec<Hanging>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hanging {
    part: usize,
    for_at_least: Duration,
}

impl Judge {
    fn new(patience: Duration, parts: usize) -> Self {
        Self { patience, parts: vec![Seen { turns: None, since: Duration::ZERO }; parts] }
    }

    /// `turns` is each part's count at `now`. Those in [`Look::turned`] are asked for another one by the caller.
    fn look(&mut self, turns: &[u64], now: Duration) -> Look {
        let mut look = Look { turned: Vec::new(), hanging: Vec::new() };
        for (part, (seen, turns)) in self.parts.iter_mut().zip(turns).enumerate() {
            let for_at_least = now.saturating_sub(seen.since);
            if seen.turns != Some(*turns) {
                *seen = Seen { turns: Some(*turns), since: now };
                look.turned.push(part);
            } else if self.patience <= for_at_least {
                look.hanging.push(Hanging { part, for_at_least });
            }
        }
        look
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line of `story` is a second, the counts of all parts, and what a look finds: `ask` and places, `hang` and
    /// places with seconds.
    fn check(patience_s: u64, story: &str) {
        let lines = story.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut judge: Option<Judge> = None;
        for line in lines {
            let (at, rest) = line.split_once(':').unwrap();
            let (counts, expected) = rest.split_once('→').unwrap();
            let counts: Vec<u64> = counts.split_whitespace().map(|count| count.parse().unwrap()).collect();
            let judge = judge.get_or_insert_with(|| Judge::new(Duration::from_secs(patience_s), counts.len()));
            let Look { turned, hanging } = judge.look(&counts, Duration::from_secs(at.trim().parse().unwrap()));
            let asked = turned.iter().map(|part| format!(" {part}")).collect::<String>();
            let hung = hanging.iter().map(|h| format!(" {} for {}", h.part, h.for_at_least.as_secs()));
            let hung = hung.collect::<String>();
            let found = match (asked.is_empty(), hung.is_empty()) {
                (false, false) => format!("ask{asked}; hang{hung}"),
                (false, true) => format!("ask{asked}"),
                (true, false) => format!("hang{hung}"),
                (true, true) => "nothing".to_owned(),
            };
            assert_eq!(found, expected.trim(), "{line}");
        }
    }

    #[test]
    fn a_part_that_turns_when_asked_is_well_however_idle_it_is() {
        check(
            60,
            "0:   0 7  → ask 0 1
             60:  1 8  → ask 0 1
             120: 2 9  → ask 0 1",
        );
    }

    #[test]
    fn what_a_part_does_by_itself_counts_as_a_turn() {
        check(
            60,
            "0:   0    → ask 0
             60:  900  → ask 0
             120: 1800 → ask 0",
        );
    }

    #[test]
    fn a_part_that_does_not_turn_hangs_until_it_does() {
        check(
            60,
            "0:   0 0  → ask 0 1
             60:  1 1  → ask 0 1
             120: 2 1  → ask 0; hang 1 for 60
             125: 2 1  → hang 1 for 65
             130: 3 1  → ask 0; hang 1 for 70
             135: 4 2  → ask 0 1
             195: 5 3  → ask 0 1",
        );
    }

    #[test]
    fn nobody_hangs_before_there_was_time_to_answer() {
        check(
            60,
            "0:   0 0  → ask 0 1
             60:  1 0  → ask 0; hang 1 for 60
             65:  2 0  → ask 0; hang 1 for 65
             70:  2 1  → ask 1
             124: 2 2  → ask 1
             125: 2 2  → hang 0 for 60",
        );
    }

    #[test]
    fn the_first_look_comes_late_and_finds_nobody_hanging() {
        check(
            60,
            "500: 0 3  → ask 0 1
             560: 1 4  → ask 0 1",
        );
    }
}
