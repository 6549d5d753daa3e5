//! The measures. Each takes a site of its own, and the subjects take turns in each round: a noisy minute hits all.

use std::time::Duration;

use parceld_tests::disk::Card;
use parceld_tests::process::Memory;

use crate::arguments::{Arguments, Work};
use crate::figures::{Figures, Stored};
use crate::lanes::Gate;
use crate::record::End;
use crate::site::{Context, Kind, Outcome, Site, forget_program};
use crate::stats::percentile;
use crate::usage::Usage;

const SCANNERS: usize = 8;
const ANSWER1_PER_S: f64 = 50.0;
const BROKER8_PER_S: f64 = 200.0;
const IN_FLIGHT: usize = 64;

/// Idle after everything that follows a start: the check of the tables, and what the file system wrote down later.
const IDLE_FROM: Duration = Duration::from_secs(10);
/// The card that an idle agent's database lies on.
const CARD_MEBIBYTES: u64 = 64;

/// Runs what is wanted.
///
/// # Errors
/// Where a scan or an event is lost, or the end is asked for.
pub fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<Figures> {
    let work = &arguments.work;
    let mut figures = Figures::default();
    let mut measure = Measure { work, context, figures: &mut figures };
    for round in 1..=work.rounds {
        for (name, kinds, take) in RATES {
            if !arguments.wants(name) {
                continue;
            }
            for kind in kinds {
                eprintln!("round {round} of {}: {name}, {}", work.rounds, kind.name());
                take(&mut measure, *kind)?;
            }
        }
    }
    if arguments.wants("screen") {
        for kind in Kind::ALL {
            eprintln!("screen, {}", kind.name());
            measure.screen(kind)?;
        }
    }
    if arguments.wants("offline") {
        eprintln!("offline, then starts");
        measure.offline_and_starts()?;
    }
    if arguments.wants("stored") && !work.stored.is_empty() {
        measure.stored()?;
    }
    if arguments.wants("idle") {
        eprintln!("idle for {} s", work.idle.as_secs());
        measure.idle()?;
    }
    Ok(figures)
}

type Take = fn(&mut Measure<'_>, Kind) -> anyhow::Result<()>;

const RATES: [(&str, &[Kind], Take); 4] = [
    ("answer1", &[Kind::Agent, Kind::FloorFsync], |measure, kind| measure.answer1(kind)),
    ("broker8", &Kind::ALL, |measure, kind| measure.broker8(kind)),
    ("answers8", &[Kind::Agent, Kind::FloorFsync], |measure, kind| measure.answers8(kind)),
    ("flood8", &Kind::ALL, |measure, kind| measure.flood8(kind)),
];

struct Measure<'a> {
    work: &'a Work,
    context: &'a Context,
    figures: &'a mut Figures,
}

impl Measure<'_> {
    fn answer1(&mut self, kind: Kind) -> anyhow::Result<()> {
        let outcome = self.scan(kind, 1, self.work.answer1_scans, Gate::Paced { per_s: ANSWER1_PER_S })?;
        self.latencies("answer1", kind, &outcome, End::Answer);
        Ok(())
    }

    fn broker8(&mut self, kind: Kind) -> anyhow::Result<()> {
        let outcome = self.scan(kind, SCANNERS, self.work.broker8_scans, Gate::Paced { per_s: BROKER8_PER_S })?;
        self.latencies("broker8", kind, &outcome, End::Broker);
        self.costs("broker8", kind, &outcome);
        let events_per_scan = outcome.run.events() as f64 / outcome.run.scans() as f64;
        self.figures.add("events_per_scan", kind, events_per_scan);
        Ok(())
    }

    fn answers8(&mut self, kind: Kind) -> anyhow::Result<()> {
        let outcome = self.scan(kind, SCANNERS, self.work.answers8_scans, Gate::Answers { in_flight: 1 })?;
        let scans = outcome.run.scans() as f64;
        self.figures.add("answers8.per_s", kind, scans / outcome.run.span_s(End::Answer));
        if kind == Kind::Agent {
            // What the journal and the ports can do where nobody carries events to a subscriber on the same processors.
            let mut site = Site::start(kind, SCANNERS, self.context)?;
            let workload = site.workload(self.work.answers8_scans)?;
            let (outcome, _) = site.scan_offline(&workload, 1)?;
            let scans = outcome.run.scans() as f64;
            self.figures.add("answers8.offline_per_s", kind, scans / outcome.run.span_s(End::Answer));
        }
        Ok(())
    }

    fn flood8(&mut self, kind: Kind) -> anyhow::Result<()> {
        let outcome = self.scan(kind, SCANNERS, self.work.flood8_scans, Gate::Arrivals { in_flight: IN_FLIGHT })?;
        let span_s = outcome.run.span_s(End::Broker);
        self.figures.add("flood8.scans_per_s", kind, outcome.run.scans() as f64 / span_s);
        self.figures.add("flood8.events_per_s", kind, outcome.run.events() as f64 / span_s);
        self.costs("flood8", kind, &outcome);
        Ok(())
    }

    fn screen(&mut self, kind: Kind) -> anyhow::Result<()> {
        let samples = Site::paint(kind, self.work.screen_scans, self.context)?;
        self.percentiles("screen", kind, &samples);
        Ok(())
    }

    /// The backlog is the database that starts are then timed on.
    fn offline_and_starts(&mut self) -> anyhow::Result<()> {
        let mut site = Site::start(Kind::Agent, SCANNERS, self.context)?;
        let workload = site.workload(self.work.offline_scans)?;
        let (outcome, online) = site.scan_offline(&workload, IN_FLIGHT)?;
        let scans = outcome.run.scans() as f64;
        self.figures.add("offline.scans", Kind::Agent, scans);
        self.figures.add("offline.events", Kind::Agent, outcome.run.events() as f64);
        self.figures.add("offline.stored_per_s", Kind::Agent, scans / outcome.run.span_s(End::Answer));
        if let Some((first, last)) = outcome.run.events_between() {
            let from = online.min(first);
            self.figures.add("offline.drain_s", Kind::Agent, last.saturating_sub(from) as f64 / 1e9);
        }
        let (out_of_order, repeated) = {
            let seen = site.consumer().seen();
            (seen.out_of_order, seen.repeated)
        };
        self.figures.add("offline.out_of_order", Kind::Agent, out_of_order as f64);
        self.figures.add("offline.repeated", Kind::Agent, repeated as f64);

        while site.consumer().seen().events < self.work.stored_events_min {
            let workload = site.workload(self.work.flood8_scans)?;
            site.scan(&workload, Gate::Arrivals { in_flight: IN_FLIGHT })?;
        }
        let stored = site.consumer().seen().events;
        self.figures.add("start.stored_events", Kind::Agent, stored as f64);
        self.starts(site, Kind::Agent)?;
        self.starts(Site::start(Kind::FloorFsync, SCANNERS, self.context)?, Kind::FloorFsync)
    }

    fn starts(&mut self, mut site: Site, kind: Kind) -> anyhow::Result<()> {
        for _ in 0..self.work.starts {
            let took = site.start_again()?;
            self.figures.add("start.ms", kind, took.as_secs_f64() * 1e3);
        }
        Ok(())
    }

    /// The same scans with more and more events stored, and with events that wait for the broker. What is stored beside
    /// are refusals: a shop's orders leave, and would be few among so many events. Rows are of the first and the last.
    fn stored(&mut self) -> anyhow::Result<()> {
        forget_program(Kind::Agent)?;
        let mut site = Site::start(Kind::Agent, SCANNERS, self.context)?;
        let (mut first, mut last) = (None, None);
        for least in self.work.stored {
            eprintln!("costs with {least} events stored");
            site.fill(*least, IN_FLIGHT)?;
            let stored = self.with_stored(&mut site)?;
            first.get_or_insert(stored);
            last = Some(stored);
        }
        if let (Some(first), Some(last)) = (first, last) {
            self.figures.add("stored.events", Kind::Agent, last.events);
            self.figures.add("stored.cpu_ratio", Kind::Agent, last.cpu_us_per_scan / first.cpu_us_per_scan);
            self.figures.add("stored.bytes_ratio", Kind::Agent, last.bytes_per_scan / first.bytes_per_scan);
        }
        eprintln!("{} events wait for the broker", self.work.backlog_events);
        let waited = site.backlog(self.work.backlog_events, IN_FLIGHT)?;
        self.figures.add("backlog.events", Kind::Agent, waited.events as f64);
        self.memory("backlog", Kind::Agent, waited.memory);
        self.figures.add("backlog.drained_per_s", Kind::Agent, waited.events as f64 / waited.drained.as_secs_f64());
        Ok(())
    }

    /// Medians of the rounds.
    fn with_stored(&mut self, site: &mut Site) -> anyhow::Result<Stored> {
        let mut rounds = Vec::new();
        for _ in 0..self.work.rounds {
            let workload = site.workload(self.work.stored_scans)?;
            let events = site.consumer().seen().events as f64;
            let paced = site.scan(&workload, Gate::Paced { per_s: BROKER8_PER_S })?;
            let workload = site.workload(self.work.stored_scans)?;
            let (waiting, online) = site.scan_offline(&workload, IN_FLIGHT)?;
            let drained =
                waiting.run.events_between().map_or(0, |(first, last)| last.saturating_sub(online.min(first)));
            let (scans, latencies) = (paced.run.scans() as f64, paced.run.latencies_ms(End::Answer));
            rounds.push(Stored {
                events,
                answer_p50_ms: percentile(&latencies, 50.0).unwrap_or_default(),
                answer_p99_ms: percentile(&latencies, 99.0).unwrap_or_default(),
                cpu_us_per_scan: paced.usage.cpu_total_s() / scans * 1e6,
                bytes_per_scan: paced.usage.bytes_written as f64 / scans,
                drained_per_s: waiting.run.events() as f64 / (drained.max(1) as f64 / 1e9),
            });
        }
        let stored = Stored::median(&rounds);
        self.figures.with_stored(stored);
        Ok(stored)
    }

    /// Agent and floor idle at the same time: neither disturbs the other by what it doesn't do. The agent has a card of its
    /// own, so that everything that is written to that is its doing.
    fn idle(&mut self) -> anyhow::Result<()> {
        let kinds = [Kind::Agent, Kind::FloorFsync];
        let card = Card::insert(CARD_MEBIBYTES);
        let storage = card.as_ref().map(Card::path);
        kinds.into_iter().try_for_each(forget_program)?;
        let sites = kinds.into_iter().map(|kind| Ok((kind, Site::start_on(kind, 1, self.context, storage)?)));
        let sites: Vec<(Kind, Site)> = sites.collect::<anyhow::Result<_>>()?;
        self.context.stop.pause(IDLE_FROM)?;
        let card_before = card.as_ref().map(Card::bytes_written);
        let before: Vec<Usage> = sites.iter().map(|(_, site)| Usage::of(site.process())).collect();
        self.context.stop.pause(self.work.idle)?;
        if let (Some(card), Some(before)) = (&card, card_before) {
            let written = card.bytes_written().saturating_sub(before);
            self.figures.add("idle.card_bytes", Kind::Agent, written as f64);
        }
        self.figures.add("idle.s", Kind::Agent, self.work.idle.as_secs_f64());
        for ((kind, site), before) in sites.iter().zip(&before) {
            let used = Usage::of(site.process()).since(before);
            self.figures.add("idle.wake_ups_per_s", *kind, used.wake_ups as f64 / self.work.idle.as_secs_f64());
            self.figures.add("idle.bytes", *kind, used.bytes_written as f64);
            self.memory("idle", *kind, site.process().memory());
        }
        Ok(())
    }

    fn scan(&mut self, kind: Kind, scanners: usize, scans: usize, gate: Gate) -> anyhow::Result<Outcome> {
        let mut site = Site::start(kind, scanners, self.context)?;
        let workload = site.workload(scans)?;
        site.scan(&workload, gate)
    }

    fn memory(&mut self, measure: &str, kind: Kind, memory: Memory) {
        for (name, bytes) in [("pss_mb", memory.all()), ("dirty_mb", memory.written), ("program_mb", memory.read)] {
            self.figures.add(&format!("{measure}.{name}"), kind, bytes as f64 / 1e6);
        }
    }

    fn latencies(&mut self, measure: &str, kind: Kind, outcome: &Outcome, end: End) {
        self.percentiles(measure, kind, &outcome.run.latencies_ms(end));
    }

    fn percentiles(&mut self, measure: &str, kind: Kind, samples_ms: &[f64]) {
        for (name, percent) in [("p50_ms", 50.0), ("p99_ms", 99.0)] {
            if let Some(value) = percentile(samples_ms, percent) {
                self.figures.add(&format!("{measure}.{name}"), kind, value);
            }
        }
    }

    fn costs(&mut self, measure: &str, kind: Kind, outcome: &Outcome) {
        let (events, scans) = (outcome.run.events() as f64, outcome.run.scans() as f64);
        let used = &outcome.usage;
        self.figures.add(&format!("{measure}.cpu_s_per_10k"), kind, used.cpu_total_s() / events * 1e4);
        self.figures.add(&format!("{measure}.bytes_per_event"), kind, used.bytes_written as f64 / events);
        for (thread, cpu_s) in &used.cpu_s {
            self.figures.add(&format!("{measure}.cpu_us_per_scan.{thread}"), kind, cpu_s / scans * 1e6);
        }
    }
}
