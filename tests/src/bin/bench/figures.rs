//! The figures of a benchmark: one value per round, subject and key; shown are medians.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::machine::Machine;
use crate::plot::{Series, svg};
use crate::site::Kind;
use crate::stats::{median, shown};

#[derive(Debug, Default)]
pub struct Figures {
    values: BTreeMap<(String, Kind), Vec<f64>>,
    stored: Vec<Stored>,
}

/// What the agent costs with so many events stored.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Stored {
    pub events: f64,
    pub answer_p50_ms: f64,
    pub answer_p99_ms: f64,
    pub cpu_us_per_scan: f64,
    pub bytes_per_scan: f64,
    /// Events.
    pub drained_per_s: f64,
}

impl Stored {
    /// Of each figure.
    pub fn median(rounds: &[Stored]) -> Stored {
        let of =
            |figure: fn(&Stored) -> f64| median(&rounds.iter().map(figure).collect::<Vec<_>>()).unwrap_or_default();
        Stored {
            events: of(|round| round.events),
            answer_p50_ms: of(|round| round.answer_p50_ms),
            answer_p99_ms: of(|round| round.answer_p99_ms),
            cpu_us_per_scan: of(|round| round.cpu_us_per_scan),
            bytes_per_scan: of(|round| round.bytes_per_scan),
            drained_per_s: of(|round| round.drained_per_s),
        }
    }
}

/// A line of the table.
struct Row {
    key: &'static str,
    what: &'static str,
    first_step: Target,
    aim: Target,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Target {
    Most(f64),
    Least(f64),
    /// Of the floor with fsync.
    TimesFloorAtMost(f64),
    TimesFloorAtLeast(f64),
    None,
}

use Target::{Least, Most, None as NoTarget, TimesFloorAtLeast, TimesFloorAtMost};

const ROWS: [Row; 28] = [
    row(
        "answer1.p50_ms",
        "scan → durable answer, 1 scanner, 50/s, p50 ms",
        TimesFloorAtMost(1.5),
        TimesFloorAtMost(1.2),
    ),
    row("answer1.p99_ms", "… p99 ms", TimesFloorAtMost(2.0), TimesFloorAtMost(1.3)),
    row("broker8.p50_ms", "scan → broker, 8 scanners, 200/s, p50 ms", TimesFloorAtMost(2.0), TimesFloorAtMost(1.4)),
    row("broker8.p99_ms", "… p99 ms", TimesFloorAtMost(2.0), TimesFloorAtMost(1.4)),
    row("broker8.cpu_s_per_10k", "… CPU s per 10,000 events", Most(3.0), Most(1.6)),
    row("broker8.bytes_per_event", "… bytes written per event", Most(13_000.0), Most(8_000.0)),
    row(
        "answers8.per_s",
        "8 scanners, each waits for its answer, scans per s",
        TimesFloorAtLeast(2.0),
        Least(15_000.0),
    ),
    row("answers8.offline_per_s", "… with the broker away", NoTarget, NoTarget),
    row(
        "flood8.scans_per_s",
        "8 scanners, 64 scans in flight each, to the broker, scans per s",
        TimesFloorAtLeast(3.0),
        Least(30_000.0),
    ),
    row("flood8.events_per_s", "… events per s", NoTarget, NoTarget),
    row("flood8.cpu_s_per_10k", "… CPU s per 10,000 events", Most(0.6), Most(0.3)),
    row("flood8.bytes_per_event", "… bytes written per event", Most(2_000.0), Most(1_000.0)),
    row("screen.p50_ms", "scan → painted on the station screen, p50 ms", NoTarget, NoTarget),
    row("screen.p99_ms", "… p99 ms", Most(100.0), Most(100.0)),
    row("offline.drain_s", "scans offline → all at the broker in order, s from `online`", Most(3.0), Most(1.0)),
    row("idle.pss_mb", "idle: memory (PSS), MB", Most(10.0), Most(7.0)),
    row("idle.dirty_mb", "… of it what it has written to, MB", NoTarget, NoTarget),
    row("idle.program_mb", "… of it pages of its program and libraries, MB", NoTarget, NoTarget),
    row("idle.wake_ups_per_s", "… wake-ups per s", Most(5.0), Most(3.0)),
    row("idle.bytes", "… bytes written", Most(0.0), Most(0.0)),
    row("idle.card_bytes", "… bytes that its card was given to write", Most(0.0), Most(0.0)),
    row("backlog.pss_mb", "memory (PSS) while events wait and go, MB", Most(16.0), Most(9.0)),
    row("backlog.dirty_mb", "… of it what it has written to, MB", NoTarget, NoTarget),
    row("backlog.program_mb", "… of it pages of its program and libraries, MB", NoTarget, NoTarget),
    row("stored.cpu_ratio", "CPU per scan, with many events stored ÷ with few", Most(1.2), Most(1.05)),
    row("stored.bytes_ratio", "bytes per scan, with many events stored ÷ with few", Most(1.2), Most(1.05)),
    row("start.ms", "start → first scan at the broker, ms", Most(60.0), Most(20.0)),
    row("events_per_scan", "events per scan", NoTarget, NoTarget),
];

const fn row(key: &'static str, what: &'static str, first_step: Target, aim: Target) -> Row {
    Row { key, what, first_step, aim }
}

impl Figures {
    pub fn add(&mut self, key: &str, kind: Kind, value: f64) {
        self.values.entry((key.to_owned(), kind)).or_default().push(value);
    }

    pub fn with_stored(&mut self, stored: Stored) {
        self.stored.push(stored);
    }

    /// File names and plots against the events stored; none where that was not measured.
    pub fn plots(&self) -> Vec<(&'static str, String)> {
        let series = |name, figure: fn(&Stored) -> f64| Series {
            name,
            points: self.stored.iter().map(|stored| (stored.events, figure(stored))).collect(),
        };
        if self.stored.is_empty() {
            return Vec::new();
        }
        let p50 = series("p50", |stored| stored.answer_p50_ms);
        let p99 = series("p99", |stored| stored.answer_p99_ms);
        let cpu = series("processor, µs", |stored| stored.cpu_us_per_scan);
        let bytes = series("bytes", |stored| stored.bytes_per_scan);
        let drained = series("events per s", |stored| stored.drained_per_s);
        vec![
            ("latency.svg", svg("Scan → durable answer, 8 scanners, 200 scans per s, ms", &[p50, p99])),
            ("cpu.svg", svg("Processor time per scan, 8 scanners, 200 scans per s", &[cpu])),
            ("bytes.svg", svg("Bytes written per scan, 8 scanners, 200 scans per s", &[bytes])),
            ("drain.svg", svg("Scanned offline, then to the broker", &[drained])),
        ]
    }

    /// The median over the rounds.
    pub fn median(&self, key: &str, kind: Kind) -> Option<f64> {
        self.values.get(&(key.to_owned(), kind)).and_then(|values| median(values))
    }

    /// The tables, in Markdown.
    pub fn table(&self) -> String {
        let mut lines = vec![
            "| what | agent | floor+fsync | floor | agent ÷ floor+fsync | first step | aim |".to_owned(),
            "|---|---:|---:|---:|---:|---|---|".to_owned(),
        ];
        lines.extend(ROWS.iter().filter_map(|row| self.line(row)));
        lines.extend(self.sizes());
        lines.extend(self.by_stored());
        lines.extend(self.threads());
        lines.join("\n")
    }

    /// Everything, with the value of each round.
    pub fn json(&self, machine: &Machine) -> Value {
        let mut by_key: BTreeMap<&str, BTreeMap<&str, Value>> = BTreeMap::new();
        for ((key, kind), rounds) in &self.values {
            let value = json!({ "median": median(rounds), "rounds": rounds });
            by_key.entry(key).or_default().insert(kind.name(), value);
        }
        let version = env!("CARGO_PKG_VERSION");
        json!({ "version": version, "machine": machine, "figures": by_key, "with_stored": self.stored })
    }

    fn line(&self, row: &Row) -> Option<String> {
        let agent = self.median(row.key, Kind::Agent)?;
        let [fsync, floor] = [Kind::FloorFsync, Kind::Floor].map(|kind| self.median(row.key, kind));
        let text = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), shown);
        let ratio = fsync.filter(|fsync| 0.0 < *fsync).map(|fsync| agent / fsync);
        let times = ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{} ×", shown(ratio)));
        let [first_step, aim] = [row.first_step, row.aim].map(|target| target.shown(agent, ratio));
        Some(format!(
            "| {} | {} | {} | {} | {times} | {first_step} | {aim} |",
            row.what,
            shown(agent),
            text(fsync),
            text(floor)
        ))
    }

    /// What the measures that run only once were taken of.
    fn sizes(&self) -> Vec<String> {
        let agent = |key: &str| self.median(key, Kind::Agent);
        let mut lines = Vec::new();
        if let (Some(scans), Some(events), Some(per_s)) =
            (agent("offline.scans"), agent("offline.events"), agent("offline.stored_per_s"))
        {
            let count = |key: &str| shown(agent(key).unwrap_or_default());
            lines.push(String::new());
            lines.push(format!(
                "Offline: {} scans stored at {} per s, {} events; {} out of order, {} repeated. Starts with {} events stored.",
                shown(scans),
                shown(per_s),
                shown(events),
                count("offline.out_of_order"),
                count("offline.repeated"),
                count("start.stored_events"),
            ));
        }
        if let (Some(events), Some(per_s)) = (agent("backlog.events"), agent("backlog.drained_per_s")) {
            lines.push(String::new());
            lines.push(format!("{} events waited, and went at {} per s.", shown(events), shown(per_s)));
        }
        if let Some(idle_s) = agent("idle.s") {
            lines.push(String::new());
            lines.push(format!("Idle for {} s.", shown(idle_s)));
        }
        lines
    }

    fn by_stored(&self) -> Vec<String> {
        if self.stored.is_empty() {
            return Vec::new();
        }
        let head = [
            "",
            "| events stored | answer p50 ms | p99 ms | CPU µs per scan | bytes per scan | events drained per s |",
            "|---:|---:|---:|---:|---:|---:|",
        ];
        let line = |stored: &Stored| {
            let Stored { events, answer_p50_ms, answer_p99_ms, cpu_us_per_scan, bytes_per_scan, drained_per_s } =
                stored;
            let values = [events, answer_p50_ms, answer_p99_ms, cpu_us_per_scan, bytes_per_scan, drained_per_s];
            format!("| {} |", values.map(|value| shown(*value)).join(" | "))
        };
        head.map(str::to_owned).into_iter().chain(self.stored.iter().map(line)).collect()
    }

    /// Where the processor time goes.
    fn threads(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for ((key, kind), rounds) in &self.values {
            let Some((measure, thread)) = key.split_once(".cpu_us_per_scan.") else { continue };
            if lines.is_empty() {
                lines.extend(["", "| CPU µs per scan, by thread | | |", "|---|---|---:|"].map(str::to_owned));
            }
            let value = median(rounds).unwrap_or_default();
            lines.push(format!("| {measure} | {}: {thread} | {} |", kind.name(), shown(value)));
        }
        lines
    }
}

impl Target {
    fn shown(self, value: f64, ratio: Option<f64>) -> String {
        let (words, is_met) = match self {
            Most(limit) => (format!("≤ {}", shown(limit)), value <= limit),
            Least(limit) => (format!("≥ {}", shown(limit)), limit <= value),
            TimesFloorAtMost(limit) => (format!("≤ {limit} ×"), ratio.is_some_and(|ratio| ratio <= limit)),
            TimesFloorAtLeast(limit) => (format!("≥ {limit} ×"), ratio.is_some_and(|ratio| limit <= ratio)),
            NoTarget => return "–".to_owned(),
        };
        format!("{words} {}", if is_met { "✔" } else { "✖" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_medians_beside_their_floors() {
        let mut figures = Figures::default();
        for (kind, rounds) in [(Kind::Agent, [0.7, 0.6, 0.9]), (Kind::FloorFsync, [0.5, 0.4, 0.6])] {
            for value in rounds {
                figures.add("answer1.p50_ms", kind, value);
            }
        }
        let table = figures.table();
        let line = table.lines().last().unwrap();
        assert_eq!(
            line,
            "| scan → durable answer, 1 scanner, 50/s, p50 ms | 0.70 | 0.50 | – | 1.40 × | ≤ 1.5 × ✔ | ≤ 1.2 × ✖ |"
        );
        assert_eq!(table.lines().count(), 3);
    }

    #[test]
    fn shows_and_draws_what_grows_with_the_events_stored() {
        let mut figures = Figures::default();
        assert!(figures.plots().is_empty());
        let at = |events, answer_p50_ms| Stored {
            events,
            answer_p50_ms,
            answer_p99_ms: 3.0,
            cpu_us_per_scan: 500.0,
            bytes_per_scan: 17_000.0,
            drained_per_s: 20_000.0,
        };
        figures.with_stored(Stored::median(&[at(1_000.0, 1.0), at(1_200.0, 9.0), at(1_400.0, 2.0)]));
        let table = figures.table();
        assert_eq!(table.lines().last(), Some("| 1,200 | 2.00 | 3.00 | 500 | 17,000 | 20,000 |"));
        assert!(figures.plots().iter().all(|(name, svg)| name.ends_with(".svg") && svg.contains("<circle")));
    }

    #[test]
    fn says_whether_a_target_is_met() {
        for (target, value, ratio, expected) in [
            (Most(3.0), 3.0, None, "≤ 3.00 ✔"),
            (Least(15_000.0), 9.0, None, "≥ 15,000 ✖"),
            (TimesFloorAtLeast(2.0), 9.0, Some(2.5), "≥ 2 × ✔"),
            (TimesFloorAtMost(1.5), 9.0, None, "≤ 1.5 × ✖"),
            (NoTarget, 9.0, None, "–"),
        ] {
            assert_eq!(target.shown(value, ratio), expected);
        }
    }
}
