//! The configuration in each module's own words.

use super::VERSION;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::domain::carrier::{Carrier, Schedule};
use crate::domain::name::{CarrierId, ScannerId, SiteId, StationId};
use crate::domain::notice::Milestone;
use crate::domain::promise::Pledge;
use crate::domain::rules::{Flow, Notices, Rules};
use crate::domain::station::Mode;

use crate::journal::PrintJob;
use crate::report::{About, Site};
use crate::sheet::Words;
use crate::{access, action, floor, journal, sync, web};
use jiff::Timestamp;
use parceld_drivers::framing::line as framing;
use parceld_drivers::port;
use parceld_drivers::scanner::Family;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

pub fn journal(config: &Config, printing: Option<SyncSender<PrintJob>>, clock: Clock) -> journal::Config {
    journal::Config {
        path: config.storage.path.clone(),
        rules: rules(config),
        stations: config.stations.iter().map(|s| (StationId::from(s.id.as_str()), mode(s.mode))).collect(),
        bounce: config.scanners.iter().map(|s| (ScannerId::from(s.id.as_str()), s.bounce)).collect(),
        repeating: config
            .scanners
            .iter()
            .filter(|s| s.driver.family() == Family::Ssi)
            .map(|s| s.id.as_str().into())
            .collect(),
        printing,
        keep: config.storage.keep,
        orders_cached: journal::ORDERS_CACHED,
        backups: Some(backups(config)),
        ballast_bytes: config.storage.ballast_bytes,
        forget_on_puback: config.sync.forget == config::Forget::Puback,
        version: VERSION.to_owned(),
        boot: clock.boot(),
    }
}

/// What the configuration says, in the domain's words.
pub fn rules(config: &Config) -> Rules {
    Rules {
        site: SiteId::from(config.site.id.as_str()),
        zone: config.site.timezone.clone(),
        company_prefix: config.site.gs1_company_prefix.as_str().into(),
        carriers: config.carriers.iter().map(carrier).collect(),
        low_stock: i64::from(config.floor.low_stock),
        flow: match config.floor.flow {
            config::Flow::SingleStep => Flow::SingleStep,
            config::Flow::PickThenPack => Flow::PickThenPack,
        },
        operators_required: config.floor.operators == config::Operators::Required,
        idle_sign_out: config.floor.idle_sign_out,
        bins: config.floor.bins,
        batch_size: usize::from(config.floor.batch_size),
        printers: config.printers.iter().map(|printer| printer.station.as_str().into()).collect(),
        notices: notices(&config.notices),
        pledge: pledge(config),
    }
}

fn pledge(config: &Config) -> Pledge {
    let config::Promise { pace_floor, pace_window, at_risk_margin, day_closes } = config.promise;
    Pledge { pace_floor, pace_window, at_risk_margin, day_closes }
}

fn notices(notices: &config::Notices) -> Notices {
    let asked = |milestone: &Milestone| notices.milestones.contains(milestone);
    Notices {
        asked: notices.expire_after.iter().filter(|(milestone, _)| asked(milestone)).map(|(m, d)| (*m, *d)).collect(),
        feedback_after: asked(&Milestone::FeedbackInvited).then_some(notices.feedback_after),
    }
}

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
        grace: carrier.grace,
        tracking_required: carrier.tracking_required,
        tracking_pattern: carrier.tracking_pattern.as_deref().map(Into::into),
        tracking_url: carrier.tracking_url.as_deref().map(Into::into),
    }
}

fn mode(mode: config::Mode) -> Mode {
    match mode {
        config::Mode::Pick => Mode::Pick,
        config::Mode::Pack => Mode::Pack,
        config::Mode::Load => Mode::Load,
        config::Mode::Return => Mode::Return,
        config::Mode::Count => Mode::Count,
        config::Mode::Receive => Mode::Receive,
    }
}

pub fn scanners(config: &Config) -> Vec<floor::Scanner> {
    let scanner = |scanner: &config::Scanner| floor::Scanner {
        id: scanner.id.as_str().into(),
        station: scanner.station.as_str().into(),
        port: port::Config {
            name: scanner.id.clone(),
            address: address(scanner),
            driver: scanner.driver,
            framing: framing::Config {
                gap_ms: u64::try_from(scanner.idle_gap.as_millis()).unwrap_or(u64::MAX),
                ..framing::Config::terminated_by(terminator(scanner.terminator))
            },
        },
        speaks: scanner.feedback,
    };
    config.scanners.iter().map(scanner).collect()
}

pub fn printers(config: &Config) -> Vec<floor::printing::Printer> {
    let printer = |printer: &config::Printer| floor::printing::Printer {
        id: printer.id.clone(),
        station: printer.station.as_str().into(),
        host: printer.host.clone(),
        port: printer.port,
        media: printer.media,
    };
    config.printers.iter().map(printer).collect()
}

pub fn wording(config: &Config) -> floor::printing::Wording {
    floor::printing::Wording {
        site: config.site.name.clone(),
        zone: config.site.timezone.clone(),
        captions: Words::of(config.site.language).captions(),
        carriers: config.carriers.iter().map(|carrier| (carrier.id.clone(), carrier.name.clone())).collect(),
    }
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

pub fn sync(config: &Config) -> sync::Config {
    sync::Config {
        site: config.site.id.clone(),
        version: VERSION.to_owned(),
        root: config.broker.root.clone(),
        broker: config.broker.reached(),
        client_id: config.broker.client_id.clone(),
        keep_alive: config.broker.keep_alive,
        session_expiry: config.broker.session_expiry,
        window: config.sync.window,
        ahead: u64::from(config.sync.ahead),
        receipts_expected: config.sync.forget == config::Forget::Receipt,
        receipt_timeout: config.sync.receipt_timeout,
        historical_after: config.sync.historical_after,
        ack_timeout: config.sync.ack_timeout,
    }
}

pub fn web(config: &Config) -> web::Config {
    web::Config {
        listen: config.web.listen,
        allowed_hosts: config.web.allowed_hosts.clone(),
        language: config.site.language,
        timezone: config.site.timezone.clone(),
        site: config.site.id.clone(),
    }
}

/// The stations, for their screens.
pub fn seats(config: &Config) -> Vec<web::Seat> {
    let seat = |station: &config::Station| web::Seat {
        id: station.id.as_str().into(),
        name: station.name.clone(),
        mode: mode(station.mode),
        screen: station.screen,
    };
    config.stations.iter().map(seat).collect()
}

/// Where backups are kept.
pub fn backups(config: &Config) -> PathBuf {
    let beside = || config.storage.path.parent().map(|directory| directory.join("backups"));
    config.storage.backup_dir.clone().or_else(beside).unwrap_or_else(|| "backups".into())
}

pub fn actions(config: &Config) -> action::Config {
    action::Config {
        site: config.site.id.clone(),
        backups: backups(config),
        receipts_expected: config.sync.forget == config::Forget::Receipt,
    }
}

pub fn access(config: &Config) -> access::Config {
    access::Config { token_file: config.web.token_file.clone() }
}

pub fn about(config: &Config, started_at: Timestamp) -> About {
    About {
        site: Site { id: config.site.id.clone(), name: config.site.name.clone() },
        version: VERSION.to_owned(),
        started_at,
        forget_on_puback: config.sync.forget == config::Forget::Puback,
        receipt_timeout: config.sync.receipt_timeout,
        historical_after: config.sync.historical_after,
        low_space_bytes: config.storage.low_space_bytes,
        backup_every: config.storage.backup_every,
        rules: Arc::new(rules(config)),
        zone_name: config.site.timezone_name.clone(),
        system_root: "/".into(),
    }
}
