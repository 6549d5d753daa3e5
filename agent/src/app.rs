//! The composition root: the only file that builds and connects everything, and takes it down in order.

use crate::clock::{self, Clock};
use crate::config::{self, Config};
use crate::domain::carrier::{Carrier, Schedule};
use crate::domain::event::Event;
use crate::domain::name::{CarrierId, ScannerId, SiteId, StationId};
use crate::domain::rules::Rules;
use crate::domain::station::Mode;
use crate::floor::{self, Floor, Ports};
use crate::journal::{self, Job, Journal};
use crate::sync;
use anyhow::Context;
use parceld_drivers::framing::line as framing;
use parceld_drivers::port;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// How often the log is looked through for what may be forgotten.
const RETAIN_EVERY: Duration = Duration::from_secs(3_600);
/// How often threads are looked after; each look is one wake-up.
const LOOK_AFTER_EVERY: Duration = Duration::from_secs(10);
/// How long an acknowledgement of the broker may take.
const ACK_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a stop waits for the journal.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs the agent until it is told to stop, or until a part that it can't do without has ended.
///
/// # Errors
/// What kept it from starting.
pub fn run(config: Config) -> anyhow::Result<ExitCode> {
    let clock = Clock::start();
    start_log(&config.log);
    let (journal, writing) = journal::open(journal_config(&config), clock.now()).context("the journal can't be opened")?;
    tracing::info!(database = %journal.path().display(), start = journal.starts(), "journal open");
    let floor = Floor::new(journal.clone(), clock, config.stations.iter().map(|station| station.id.as_str().into()));
    let ports = floor.open(&scanners(&config)).context("a scanner's thread can't be started")?;
    let syncing = sync::spawn(sync_config(&config), journal.clone(), clock).context("sync can't be started")?;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let code = runtime.block_on(watch_over(&config, &journal, &floor, &ports, &syncing, clock));

    ports.stop();
    record_stop(&journal, clock);
    syncing.stop();
    writing.stop();
    tracing::info!("stopped");
    code
}

/// The next start knows by it that every answer was given.
fn record_stop(journal: &Journal, clock: Clock) {
    let (done, recorded) = std::sync::mpsc::sync_channel(1);
    let stopped = Job::Record { event: Event::SiteStopped, station: None, moment: clock.now() };
    let barrier = Job::Barrier { reply: Box::new(move |()| {
            let _ = done.try_send(());
        }) };
    let asked = journal.submit(stopped).and_then(|()| journal.submit(barrier));
    if asked.is_err() || recorded.recv_timeout(STOP_TIMEOUT).is_err() {
        tracing::error!("the stop could not be recorded");
    }
}

/// Serves until a signal comes or a critical part dies.
async fn watch_over(
    _config: &Config,
    journal: &Journal,
    _floor: &Floor,
    ports: &Ports,
    syncing: &sync::Syncing,
    clock: Clock,
) -> anyhow::Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut look_after = tokio::time::interval(LOOK_AFTER_EVERY);
    let mut retain = tokio::time::interval(RETAIN_EVERY);
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(ExitCode::SUCCESS),
            _ = interrupt.recv() => return Ok(ExitCode::SUCCESS),
            _ = retain.tick() => forget_old(journal, clock),
            _ = look_after.tick() => {
                if let Some(dead) = dead_part(journal, ports, syncing) {
                    tracing::error!(part = dead, "has ended by itself: stopping, so that the service is started anew");
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
    }
}

fn dead_part(journal: &Journal, ports: &Ports, syncing: &sync::Syncing) -> Option<&'static str> {
    if journal.head().has_changed().is_err() {
        return Some("the journal");
    }
    if !syncing.is_alive() {
        return Some("sync");
    }
    (!ports.dead().is_empty()).then_some("a scanner's thread")
}

/// Asks for one turn of retention, and for the next one as long as there is more.
fn forget_old(journal: &Journal, clock: Clock) {
    let again = journal.clone();
    let reply = Box::new(move |more| {
        if more {
            forget_old(&again, clock);
        }
    });
    if journal.try_submit(Job::Retain { moment: clock.now(), reply }).is_err() {
        tracing::debug!("the journal is busy: retention waits");
    }
}

fn start_log(log: &config::Log) {
    let filter = EnvFilter::new(log.level.as_str());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match log.format {
        config::Format::Json => builder.json().try_init(),
        config::Format::Text => builder.with_ansi(false).with_target(false).try_init(),
    };
    if started.is_err() {
        tracing::debug!("a log is already being kept");
    }
}

fn journal_config(config: &Config) -> journal::Config {
    let carriers = config.carriers.iter().map(carrier).collect();
    journal::Config {
        path: config.storage.path.clone(),
        rules: Rules {
            site: SiteId::from(config.site.id.as_str()),
            zone: config.site.timezone.clone(),
            company_prefix: config.site.gs1_company_prefix.as_str().into(),
            carriers,
            low_stock: i64::from(config.floor.low_stock),
        },
        stations: config.stations.iter().map(|s| (StationId::from(s.id.as_str()), mode(s.mode))).collect(),
        bounce: config.scanners.iter().map(|s| (ScannerId::from(s.id.as_str()), s.bounce)).collect(),
        keep: config.storage.keep,
        forget_on_puback: config.sync.forget == config::Forget::Puback,
        version: VERSION.to_owned(),
        boot: clock::boot_id(),
    }
}

/// This build's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

fn carrier(carrier: &config::Carrier) -> Carrier {
    let schedule = |collection: &config::Collection| Schedule {
        days: collection.days,
        at: collection.at,
        cut_off: collection.cut_off,
    };
    Carrier {
        id: CarrierId::from(carrier.id.as_str()),
        name: carrier.name.as_str().into(),
        collections: carrier.collections.iter().map(schedule).collect(),
        holidays: carrier.holidays.clone(),
        tracking_url: carrier.tracking_url.as_deref().map(Into::into),
    }
}

fn mode(mode: config::Mode) -> Mode {
    match mode {
        config::Mode::Pick => Mode::Pick,
        config::Mode::Pack => Mode::Pack,
        config::Mode::Load => Mode::Load,
    }
}

fn scanners(config: &Config) -> Vec<floor::Scanner> {
    let scanner = |scanner: &config::Scanner| floor::Scanner {
        id: scanner.id.as_str().into(),
        station: scanner.station.as_str().into(),
        port: port::Config {
            name: scanner.id.clone(),
            address: address(scanner),
            framing: framing::Config {
                gap_ms: u64::try_from(scanner.idle_gap.as_millis()).unwrap_or(u64::MAX),
                ..framing::Config::terminated_by(terminator(scanner.terminator))
            },
        },
    };
    config.scanners.iter().map(scanner).collect()
}

fn address(scanner: &config::Scanner) -> port::Address {
    match &scanner.port {
        config::Port::Tcp { host, port } => port::Address::Tcp { host: host.clone(), port: *port },
        config::Port::Serial(path) => port::Address::Serial {
            path: path.clone(),
            settings: port::LineSettings {
                baud: scanner.baud,
                data_bits: match scanner.data_bits {
                    config::DataBits::Seven => port::DataBits::Seven,
                    config::DataBits::Eight => port::DataBits::Eight,
                },
                parity: match scanner.parity {
                    config::Parity::None => port::Parity::None,
                    config::Parity::Odd => port::Parity::Odd,
                    config::Parity::Even => port::Parity::Even,
                },
                stop_bits: match scanner.stop_bits {
                    config::StopBits::One => port::StopBits::One,
                    config::StopBits::Two => port::StopBits::Two,
                },
            },
        },
    }
}

fn terminator(terminator: config::Terminator) -> framing::Terminator {
    match terminator {
        config::Terminator::Auto => framing::Terminator::Auto,
        config::Terminator::Cr => framing::Terminator::Cr,
        config::Terminator::Lf => framing::Terminator::Lf,
        config::Terminator::Crlf => framing::Terminator::CrLf,
        config::Terminator::Etx => framing::Terminator::Etx,
        config::Terminator::Tab => framing::Terminator::Tab,
        config::Terminator::None => framing::Terminator::None,
    }
}

fn sync_config(config: &Config) -> sync::Config {
    let login = config.broker.username.clone().zip(config.broker.password_file.clone());
    sync::Config {
        site: config.site.id.clone(),
        version: VERSION.to_owned(),
        root: config.broker.root.clone(),
        host: config.broker.url.host.clone(),
        port: config.broker.url.port,
        client_id: config.broker.client_id.clone(),
        login: login.map(|(username, password_file)| sync::Login { username, password_file }),
        keep_alive: config.broker.keep_alive,
        session_expiry: config.broker.session_expiry,
        window: config.sync.window,
        ahead: u64::from(config.sync.ahead),
        receipts_expected: config.sync.forget == config::Forget::Receipt,
        receipt_timeout: config.sync.receipt_timeout,
        historical_after: config.sync.historical_after,
        ack_timeout: ACK_TIMEOUT,
    }
}
