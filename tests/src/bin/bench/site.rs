//! One subject at its scanners: the agent or a floor, a broker of its own and the consumer.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use parceld_tests::agent::{Agent, AgentSetup};
use parceld_tests::process::{Memory, Process};
use parceld_tests::pty::Pty;
use parceld_tests::tempdir::TempDir;
use parceld_tests::wait::Stopwatch;
use parceld_tests::{binaries, goods, net};
use serde_json::Value;

use crate::broker::Broker;
use crate::consumer::{Consumer, SITE};
use crate::floor;
use crate::lanes::{self, Gate, Until};
use crate::record::Run;
use crate::screen;
use crate::stop::Stop;
use crate::usage::Usage;
use crate::workload::{CARRIER, PRODUCTS, Source, Workload};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Agent,
    FloorFsync,
    Floor,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Agent, Kind::FloorFsync, Kind::Floor];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Agent => "agent",
            Kind::FloorFsync => "floor+fsync",
            Kind::Floor => "floor",
        }
    }

    /// Whether scanners get an answer.
    pub fn answers(self) -> bool {
        self != Kind::Floor
    }
}

/// What all sites of a benchmark have in common.
#[derive(Debug, Clone)]
pub struct Context {
    pub clock: Stopwatch,
    pub stop: Stop,
}

/// Receipts never hold the agent up.
const AHEAD_EVENTS: i64 = 1_000_000;

const READY_WITHIN: Duration = Duration::from_secs(30);
/// As a platform would put its orders: a burst of thousands is another test's.
const COMMANDS_IN_FLIGHT_MAX: usize = 16;
const COMMANDS_WITHIN: Duration = Duration::from_secs(60);
const BACK_WITHIN: Duration = Duration::from_secs(60);
/// Scans that the benchmark itself has in memory at once.
const REFUSED_SCANS: usize = 50_000;
/// A million on a slow machine.
const BACKLOG_WITHIN: Duration = Duration::from_secs(1_800);

/// After it, cursors are on disk and receipts have been given: nothing of the past is measured.
const SETTLE: Duration = Duration::from_millis(1_200);
const SILENCE: Duration = Duration::from_millis(20);
const PROBE_EVERY: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub struct Site {
    kind: Kind,
    // Dropped in this order: the agent says good-bye to a broker that is still there.
    subject: Subject,
    consumer: Consumer,
    broker: Broker,
    ptys: Vec<Pty>,
    source: Source,
    commands: usize,
    context: Context,
}

#[derive(Debug)]
enum Subject {
    Agent(Box<Agent>),
    Floor(Floor),
}

#[derive(Debug)]
struct Floor {
    process: Process,
    dir: TempDir,
    has_log: bool,
}

/// Events that waited for the broker.
#[derive(Debug, Clone, Copy)]
pub struct Backlog {
    pub events: usize,
    /// The most that was seen.
    pub memory: Memory,
    pub drained: Duration,
}

/// A run and what it cost.
#[derive(Debug)]
pub struct Outcome {
    pub run: Arc<Run>,
    pub usage: Usage,
}

impl Site {
    /// Starts everything, and waits until every scanner has got a scan through to the broker.
    ///
    /// # Errors
    /// Where that never happens.
    pub fn start(kind: Kind, scanners: usize, context: &Context) -> anyhow::Result<Site> {
        Site::start_on(kind, scanners, context, None)
    }

    /// The same; the agent's database lies in `storage`.
    ///
    /// # Errors
    /// As [`start`](Site::start).
    pub fn start_on(kind: Kind, scanners: usize, context: &Context, storage: Option<&Path>) -> anyhow::Result<Site> {
        let broker = Broker::start();
        let consumer = Consumer::start(broker.port(), context.clock);
        let ptys: Vec<Pty> = (0..scanners).map(|_| Pty::new()).collect();
        context.stop.until("the subscription", READY_WITHIN, || consumer.seen().is_subscribed.then_some(()))?;
        let subject = Subject::start(kind, &ptys, &broker, storage)?;
        let (source, context) = (Source::default(), context.clone());
        let mut site = Site { kind, subject, consumer, broker, ptys, source, commands: 0, context };
        site.ready()?;
        Ok(site)
    }

    /// About so many scans for the site's scanners; the agent has their orders afterwards.
    ///
    /// # Errors
    /// Where the agent doesn't accept them.
    pub fn workload(&mut self, scans: usize) -> anyhow::Result<Workload> {
        let workload = self.source.workload(self.ptys.len(), scans);
        if self.kind == Kind::Agent {
            self.put(&workload)?;
        }
        self.context.stop.pause(SETTLE)?;
        Ok(workload)
    }

    /// Scans `workload`, until all of it is answered and at the broker, as far as the kind of subject can.
    ///
    /// # Errors
    /// Where something is lost, not saved, or doesn't arrive.
    pub fn scan(&mut self, workload: &Workload, gate: Gate) -> anyhow::Result<Outcome> {
        let events = if self.kind == Kind::Agent { workload.events() } else { workload.scans() };
        self.scan_until(workload, gate, Until { answers: self.kind.answers(), arrivals: Some(events) })
    }

    /// Stops the broker, scans `workload`, and starts the broker again: the outcome is of the scanning, the returned
    /// moment that of the agent's `online` afterwards.
    ///
    /// # Errors
    /// As [`scan`](Site::scan).
    pub fn scan_offline(&mut self, workload: &Workload, in_flight: usize) -> anyhow::Result<(Outcome, u64)> {
        self.broker.stop();
        let stored = self.scan_until(workload, Gate::Answers { in_flight }, Until { answers: true, arrivals: None })?;
        self.consumer.seen().online_at = None;
        self.broker.restart();
        let (stop, consumer) = (&self.context.stop, &self.consumer);
        let online = stop.until("the agent to be online", BACK_WITHIN, || consumer.seen().online_at)?;
        stop.until("the backlog at the broker", BACK_WITHIN, || {
            let run = &stored.run;
            (run.arrivals() == run.scans() && run.events_expected() <= run.events()).then_some(())
        })?;
        Ok((stored, online))
    }

    /// Scans codes that nobody knows, until at least so many events are stored and at the broker.
    ///
    /// # Errors
    /// As [`scan`](Site::scan).
    pub fn fill(&mut self, events: usize, in_flight: usize) -> anyhow::Result<()> {
        loop {
            let missing = events.saturating_sub(self.consumer.seen().events);
            if missing == 0 {
                return Ok(());
            }
            let workload = self.source.unknowns(self.ptys.len(), REFUSED_SCANS.min(missing));
            self.scan(&workload, Gate::Arrivals { in_flight })?;
        }
    }

    /// Stops the broker, has the agent store so many events in a hurry, and starts the broker again: how much memory it
    /// takes while they wait and go, and how long they take from `online` on.
    ///
    /// # Errors
    /// Where an event is lost.
    pub fn backlog(&mut self, events: usize, in_flight: usize) -> anyhow::Result<Backlog> {
        self.broker.stop();
        let (before, mut stored) = (self.consumer.seen().events, 0);
        while stored < events {
            let workload = self.source.unknowns(self.ptys.len(), REFUSED_SCANS.min(events - stored));
            self.scan_until(&workload, Gate::Answers { in_flight }, Until { answers: true, arrivals: None })?;
            stored += workload.events();
        }
        let mut memory = self.process().memory();
        self.consumer.seen().online_at = None;
        self.broker.restart();
        let (context, consumer) = (&self.context, &self.consumer);
        let online = context.stop.until("the agent to be online", BACK_WITHIN, || consumer.seen().online_at)?;
        let mut looked = Stopwatch::start();
        context.stop.until("the backlog at the broker", BACKLOG_WITHIN, || {
            if PROBE_EVERY <= looked.elapsed() {
                memory = memory.max(self.process().memory());
                looked = Stopwatch::start();
            }
            (before + stored <= consumer.seen().events).then_some(())
        })?;
        let drained = self.context.clock.elapsed().saturating_sub(Duration::from_nanos(online));
        Ok(Backlog { events: stored, memory, drained })
    }

    /// From the start of the program to the first scan at the broker; before, it is stopped in order.
    ///
    /// # Errors
    /// Where no scan arrives.
    pub fn start_again(&mut self) -> anyhow::Result<Duration> {
        self.subject.stop();
        self.consumer.seen().first_refused_at = None;
        let started = self.context.clock.elapsed();
        self.subject.start_again(&self.ptys, &self.broker)?;
        let arrived = self.context.stop.until("a scan at the broker", READY_WITHIN, || {
            // What was sent before the line was open is thrown away, so that there is a scan every few milliseconds.
            let scan = self.source.unknown();
            self.ptys[0].write(scan.line.as_bytes());
            self.consumer.seen().first_refused_at
        })?;
        self.quiet()?;
        Ok(Duration::from_nanos(arrived).saturating_sub(started))
    }

    /// How long each of so many scans at one scanner took until its answer was painted, in milliseconds. The screens'
    /// floors have no broker, and nothing to decide.
    ///
    /// # Errors
    /// Where an answer is never painted.
    pub fn paint(kind: Kind, scans: usize, context: &Context) -> anyhow::Result<Vec<f64>> {
        if kind == Kind::Agent {
            let mut site = Site::start(kind, 1, context)?;
            let workload = site.workload(scans)?;
            let Subject::Agent(agent) = &site.subject else { anyhow::bail!("a floor has no station") };
            let lines = workload.lanes[0].iter().map(|scan| scan.line.as_str());
            return screen::scan(&format!("{}/station/bench-0", agent.url()), &site.ptys[0], lines, context);
        }
        let (pty, dir, port) = (Pty::new(), TempDir::new("floor"), net::free_port());
        let log = dir.join("scans");
        let mut command = screen::floor(port, kind.answers().then_some(log.as_path()), &pty)?;
        let _floor = Process::spawn("floor", &mut command, &dir.join("log"));
        net::until_listening(port);
        let workload = Source::default().workload(1, scans);
        let lines = workload.lanes[0].iter().map(|scan| scan.line.as_str());
        screen::scan(&format!("http://{}/", net::loopback(port)), &pty, lines, context)
    }

    pub fn process(&self) -> &Process {
        match &self.subject {
            Subject::Agent(agent) => agent.process(),
            Subject::Floor(floor) => &floor.process,
        }
    }

    pub fn consumer(&self) -> &Consumer {
        &self.consumer
    }

    fn scan_until(&mut self, workload: &Workload, gate: Gate, until: Until) -> anyhow::Result<Outcome> {
        let run = Arc::new(Run::new(workload, self.context.clock));
        self.consumer.attend(&run);
        let before = Usage::of(self.process());
        lanes::scan(&self.ptys, &run, gate, until, &self.context.stop)?;
        let usage = Usage::of(self.process()).since(&before);
        Ok(Outcome { run, usage })
    }

    fn put(&mut self, workload: &Workload) -> anyhow::Result<()> {
        let orders_before = self.consumer.seen().orders;
        if self.commands == 0 {
            self.command("catalog.put", &goods::catalog(PRODUCTS))?;
            self.command("stock.set", &goods::stock(PRODUCTS, 1_000_000))?;
        }
        for order in &workload.orders {
            self.command("order.put", order)?;
        }
        let (wanted, orders) = (self.commands, orders_before + workload.orders.len());
        let consumer = &self.consumer;
        let refused = self.context.stop.until("the orders to be accepted", COMMANDS_WITHIN, || {
            let seen = consumer.seen();
            let refused = seen.not_accepted.first().cloned();
            (refused.is_some() || (wanted <= seen.accepted && orders <= seen.orders)).then_some(refused)
        });
        let refused = refused.with_context(|| {
            let seen = consumer.seen();
            format!("{} of {wanted} commands accepted, {} of {orders} orders seen", seen.accepted, seen.orders)
        })?;
        anyhow::ensure!(refused.is_none(), "the agent did not accept a command: {}", refused.unwrap_or_default());
        Ok(())
    }

    /// Sends a command as soon as few enough are without a reply.
    fn command(&mut self, kind: &str, data: &Value) -> anyhow::Result<()> {
        let (sent, consumer) = (self.commands, &self.consumer);
        self.context.stop.until("the reply to a command", COMMANDS_WITHIN, || {
            let seen = consumer.seen();
            (sent < seen.accepted + seen.not_accepted.len() + COMMANDS_IN_FLIGHT_MAX).then_some(())
        })?;
        self.commands += 1;
        Ok(self.consumer.command(&format!("command-{}", self.commands), kind, data)?)
    }

    fn ready(&mut self) -> anyhow::Result<()> {
        for lane in 0..self.ptys.len() {
            let mut sent = Vec::new();
            let mut probed: Option<Stopwatch> = None;
            self.context.stop.until("a scanner's first scan at the broker", READY_WITHIN, || {
                if probed.is_none_or(|probed| PROBE_EVERY <= probed.elapsed()) {
                    let scan = self.source.unknown();
                    self.ptys[lane].write(scan.line.as_bytes());
                    sent.extend(crate::workload::unknown_number(scan.line.trim_end()));
                    probed = Some(Stopwatch::start());
                }
                let seen = self.consumer.seen();
                sent.iter().any(|number| seen.refused.contains(number)).then_some(())
            })?;
        }
        self.quiet()
    }

    /// Reads the answers to probes away.
    fn quiet(&self) -> anyhow::Result<()> {
        self.context.stop.pause(PROBE_EVERY)?;
        for pty in &self.ptys {
            while !pty.read(SILENCE).is_empty() {}
        }
        Ok(())
    }
}

impl Subject {
    fn start(kind: Kind, ptys: &[Pty], broker: &Broker, storage: Option<&Path>) -> anyhow::Result<Subject> {
        if kind == Kind::Agent {
            let setup = agent_setup(ptys, broker);
            let path = storage.map(|storage| storage.join("parceld.db").display().to_string());
            let setup = path.into_iter().fold(setup, |setup, path| setup.set("storage.path", path));
            return Ok(Subject::Agent(Box::new(setup.start())));
        }
        let (dir, has_log) = (TempDir::new("floor"), kind.answers());
        Ok(Subject::Floor(Floor { process: spawn_floor(&dir, has_log, ptys, broker)?, dir, has_log }))
    }

    fn stop(&mut self) {
        match self {
            Subject::Agent(agent) => drop(agent.stop()),
            Subject::Floor(floor) => drop(floor.process.terminate()),
        }
    }

    fn start_again(&mut self, ptys: &[Pty], broker: &Broker) -> anyhow::Result<()> {
        match self {
            Subject::Agent(agent) => agent.restart(),
            Subject::Floor(floor) => floor.process = spawn_floor(&floor.dir, floor.has_log, ptys, broker)?,
        }
        Ok(())
    }
}

/// So that memory is what it is after a boot, whoever has built or run the program before. The floor's is this one, which
/// runs: of that the kernel keeps what is in use.
///
/// # Errors
/// Where nobody knows which program this is.
pub fn forget_program(kind: Kind) -> anyhow::Result<()> {
    match kind {
        Kind::Agent => binaries::forget(&binaries::workspace("parceld")),
        Kind::Floor | Kind::FloorFsync => binaries::forget(&std::env::current_exe()?),
    }
    Ok(())
}

fn agent_setup(ptys: &[Pty], broker: &Broker) -> AgentSetup {
    let setup = AgentSetup::new(SITE, &broker.url()).carrier(CARRIER).set("sync.ahead", AHEAD_EVENTS);
    ptys.iter().enumerate().fold(setup, |setup, (number, pty)| {
        let station = format!("bench-{number}");
        setup.station(&station, "pack").scanner(&format!("scanner-{number}"), &station, pty.port())
    })
}

fn spawn_floor(dir: &TempDir, has_log: bool, ptys: &[Pty], broker: &Broker) -> anyhow::Result<Process> {
    let log = dir.join("scans");
    let log = has_log.then_some(log.as_path());
    let mut command = floor::command(broker.port(), log, ptys.iter().map(Pty::port))?;
    Ok(Process::spawn("floor", &mut command, &dir.join("log")))
}
