use super::*;
use crate::clock::{Believed, Clock, Standing, Step};
use crate::domain::event::Event;
use crate::domain::name::ScannerId;
use crate::domain::rules::{Flow, Rules};
use crate::domain::signal::{Reason, Signal};
use crate::domain::station::Mode;
use crate::floor::status::{Garbled, Obstacle, ScannerSetup};
use crate::journal::{Job, Journal, Writing};
use crate::report::fault::Whose;
use crate::schedule::status::ScheduleStatus;
use crate::sync::status::{Denied, Unfit};
use crate::sync::{Refusal, Trouble};
use gather::Watched;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;
use uuid::Uuid;

/// A gatherer before a real journal; floor and broker are told by the test.
pub struct Running {
    pub gatherer: Arc<Gatherer>,
    pub floor: watch::Sender<FloorStatus>,
    pub sync: watch::Sender<SyncStatus>,
    pub configured: watch::Sender<Configured>,
    pub directory: PathBuf,
    pub journal: Journal,
    writing: Option<Writing>,
    pub clock: Clock,
}

impl Running {
    pub fn new() -> Self {
        let directory = std::env::temp_dir().join(format!("parceld-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&directory).unwrap();
        let clock = Clock::start();
        let config = journal::Config {
            path: directory.join("parceld.db"),
            rules: rules(),
            stations: [("bench-1".into(), Mode::Pack)].into(),
            bounce: [].into(),
            repeating: Default::default(),
            printing: None,
            keep: Duration::from_secs(86_400),
            orders_cached: journal::ORDERS_CACHED,
            backups: None,
            ballast_bytes: 0,
            forget_on_puback: false,
            version: "1.2.3".into(),
            boot: "boot".into(),
        };
        let (journal, writing) = journal::open(config, clock.now()).unwrap();
        let facts = facts();
        let (floor, floor_seen) = watch::channel(facts.floor);
        let (sync, sync_seen) = watch::channel(facts.sync);
        let about = About { site: Site { id: "sthlm-03".into(), name: "Söder & malm".into() }, ..facts.about };
        let (_, schedule) = watch::channel(ScheduleStatus::default());
        let (configured, configured_seen) = watch::channel(facts.configured);
        let (_, loudness) = watch::channel(facts.loudness);
        let lines = log::Lines::default();
        let watched = Watched {
            floor: floor_seen,
            sync: sync_seen,
            schedule,
            lines,
            configured: configured_seen,
            files: Files::new(Vec::new),
            loudness,
        };
        let gatherer = Gatherer::new(about, clock, journal.clone(), watched);
        Self { gatherer, floor, sync, configured, directory, journal, writing: Some(writing), clock }
    }

    pub fn database(&self) -> PathBuf {
        self.directory.join("parceld.db")
    }

    pub async fn record(&self, event: Event) {
        self.journal.submit(Job::Record { event, station: None, moment: self.clock.now() }).unwrap();
        assert!(self.gatherer.writer_answers(Duration::from_secs(10)).await);
    }

    /// Tells a command of the platform, which is applied.
    pub async fn tell(&self, kind: &str, data: serde_json::Value) {
        let command = serde_json::json!({
            "specversion": "1.0", "id": Uuid::now_v7(), "source": "/platform", "type": format!("parceld.{kind}.v1"),
            "data": data,
        });
        let outcome = self.send(command.to_string().as_bytes()).await;
        assert!(outcome.reply.as_ref().is_some_and(|reply| reply.contains("\"accepted\"")), "{kind}: {outcome:?}");
    }

    /// Hands in a message of the platform.
    pub async fn send(&self, payload: &[u8]) -> journal::CommandOutcome {
        let (said, reply) = tokio::sync::oneshot::channel();
        let (payload, moment) = (payload.to_vec(), self.clock.now());
        let reply_to = Box::new(move |outcome| drop(said.send(outcome)));
        self.journal.submit(Job::Command { payload, moment, reply: reply_to }).unwrap();
        reply.await.unwrap().unwrap()
    }

    /// Puts order `number`, with the id `o-{number}` and two units of a product with a hostile name.
    pub async fn put_order(&self, number: u32, ship_by: &str) {
        let line = serde_json::json!({"line": "1", "sku": "tea", "name": "Tea <b>", "quantity": 2, "barcodes": []});
        let mut order = serde_json::json!({
            "id": format!("o-{number}"), "number": number.to_string(), "revision": 1, "lines": [line],
            "delivery": "carrier", "carrier": "dhl",
        });
        if ship_by.parse::<Timestamp>().is_ok() {
            order["promise"] = serde_json::json!({"ship_by": ship_by});
        }
        self.tell("order.put", order).await;
    }

    pub fn stop_writing(&mut self) {
        if let Some(writing) = self.writing.take() {
            writing.stop();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop_writing();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A site without carriers, in UTC.
pub fn rules() -> Rules {
    Rules {
        site: "sthlm-03".into(),
        zone: TimeZone::UTC,
        company_prefix: "7312345".into(),
        carriers: Vec::new(),
        low_stock: 2,
        flow: Flow::SingleStep,
        operators_required: false,
        idle_sign_out: Duration::from_secs(1_200),
        bins: false,
        batch_size: 8,
        printers: Default::default(),
        notices: Default::default(),
        pledge: Default::default(),
    }
}

pub fn now() -> Timestamp {
    "2026-11-22T14:03:24Z".parse().unwrap()
}

pub fn seconds_ago(seconds: i64) -> Timestamp {
    now() - seconds.seconds()
}

pub fn scanner(station: &str, line: Line) -> ScannerStatus {
    ScannerStatus {
        station: station.into(),
        port: "/dev/serial/by-id/usb-Example".into(),
        setup: ScannerSetup {
            driver: "line".into(),
            model: "generic".into(),
            settings: Some("9600 8N1".into()),
            terminator: Some("auto".into()),
            idle_gap_ms: Some(50),
            answered: true,
        },
        ear: crate::floor::ear::Ear::default(),
        line,
        since: seconds_ago(30),
        reads: 214,
        unreadable: 2,
        last_unreadable: None,
        discarded_bytes: 0,
        unanswered: 0,
        setup_failure: None,
        obstacle: None,
        garbled: None,
        last_read_at: Some(seconds_ago(4)),
        losses: 0,
    }
}

/// A site where all is well.
pub fn facts() -> Facts {
    let answered = Answered {
        number: 1,
        at: seconds_ago(4),
        station: "bench-1".into(),
        scanner: "hand".into(),
        code: "<script>alert(1)</script>".into(),
        answer: Answer::because(Signal::Unknown, Reason::UnknownCode),
        took_us: 1_400,
    };
    let mut floor = FloorStatus::default();
    floor.scanners.insert("hand".into(), scanner("bench-1", Line::Open));
    floor.scanners.insert("desk".into(), scanner("bench-1", Line::Open));
    floor.answered(answered);
    Facts {
        now: now(),
        runs_for: Duration::from_secs(3_600),
        about: About {
            site: Site { id: "sthlm-03".into(), name: "Södermalm".into() },
            version: "1.2.3".into(),
            started_at: seconds_ago(3_600),
            forget_on_puback: false,
            receipt_timeout: Duration::from_secs(60),
            historical_after: Duration::from_secs(60),
            low_space_bytes: 200 << 20,
            backup_every: Duration::ZERO,
            rules: Arc::new(rules()),
            zone_name: "UTC".into(),
            system_root: "/".into(),
        },
        configured: Configured {
            file: "/etc/parceld/parceld.toml".into(),
            read_at: seconds_ago(3_600),
            ..Configured::default()
        },
        configuration_changed: false,
        loudness: Loudness::default(),
        storage: journal::Storage::Well,
        storage_since: seconds_ago(3_600),
        unreadable: None,
        left: None,
        log: Log { epoch: Some(Uuid::from_u128(1)), head: 48, sent: 48, received: 48, backlog: 0, oldest_at: None },
        floor,
        sync: SyncStatus {
            broker: "mqtt://broker.example:1883".into(),
            link: Link::Up,
            since: seconds_ago(600),
            attempts: 0,
            receipts: Receipts::Last { at: seconds_ago(3), sequence: 48 },
            in_flight: 0,
            refused: 0,
            last_refusal: None,
            without_subscriber: 0,
            rewinds: 0,
            connections: 1,
            round_trip: Some(Duration::from_millis(14)),
            denied: None,
            unfit: None,
            certificates: Certificates::default(),
        },
        clock: Standing {
            believed: Believed::Synchronized,
            since: seconds_ago(4_000),
            step: Some(Step { at: seconds_ago(3_000), by: SignedDuration::from_millis(-1_500) }),
            changes: 2,
        },
        clock_shows: now(),
        clock_synchronized_at: Some(seconds_ago(1_000)),
        schedule: ScheduleStatus { judged_at: Some(seconds_ago(24)) },
        quarantine: Quarantine::default(),
        today_since: seconds_ago(3_600),
        scanning: Scanning {
            scans_today: 214,
            scans_last_hour: 61,
            slowest_today_us: Some(38_000),
            ..Scanning::default()
        },
        backlog: Backlog {
            in_per_s: Some(1.1),
            out_per_s: Some(1.1),
            empty_in_s: Some(0),
            oldest_age_s: None,
            history: vec![Point { at: seconds_ago(60), events: 3 }],
        },
        reconnects_today: 0,
        space: Space {
            free_bytes: Some(11_400_000_000),
            total_bytes: Some(15_000_000_000),
            ours_bytes: Some(410_000_000),
            log_held_bytes: 0,
            others_bytes: Some(3_190_000_000),
            read_only: Some(false),
            growth_bytes_per_day: Some(53_000_000),
            runway_days: Some(212),
            written_today_bytes: Some(38_000_000),
            written_bytes: Some(238_000_000),
            low_space_bytes: 200 << 20,
            damaged: None,
            last_backup: None,
            backup_failure: None,
        },
        jobs: Jobs { day_closes_at: Some(seconds_ago(-30_000)), ..Jobs::default() },
        work: Work::default(),
        board: Board { temperature_c: Some(47.0), under_voltage: Some(false), ..Board::default() },
    }
}

/// A site where everything is wrong that can be wrong at once.
pub fn wreck() -> Facts {
    let mut facts = facts();
    facts.storage = journal::Storage::Failing { error: "database or disk is full".into() };
    facts.unreadable = Some("disk I/O error".into());
    facts.space.free_bytes = Some(0);
    lose(&mut facts, "hand");
    lose(&mut facts, "desk");
    facts.sync.link = down();
    facts.sync.refused = 3;
    facts.sync.last_refusal = Some("NotAuthorized".into());
    facts.sync.denied = Some(denied());
    facts.sync.certificates.client = Some(validity(-400, -3));
    facts.sync.without_subscriber = 2;
    facts.sync.receipts = Receipts::Missing { since: seconds_ago(700) };
    stick(&mut facts);
    distrust(&mut facts);
    facts.quarantine = Quarantine { count: 1, newest_at: Some(seconds_ago(9)) };
    facts.about.forget_on_puback = true;
    facts.configured.refused = Some(Refused {
        since: seconds_ago(30),
        why: "/etc/parceld/parceld.toml:3:1: there is no key `tiemzone` in [site]".into(),
        more: 1,
        at_start: false,
    });
    facts.configured.waiting = Some((vec!["web.listen".into()], seconds_ago(20)));
    facts.configuration_changed = true;
    facts
}

/// Its clock can't be right.
pub fn distrust(facts: &mut Facts) {
    facts.clock.believed = Believed::Behind;
}

fn lose(facts: &mut Facts, id: &str) {
    let scanner = facts.floor.scanners.get_mut(id).unwrap();
    scanner.line = Line::Lost { reason: "unplugged".into() };
}

fn garble(facts: &mut Facts, frames: u64) {
    let scanner = facts.floor.scanners.get_mut("hand").unwrap();
    scanner.garbled = Some(Garbled { since: seconds_ago(5), frames });
}

fn stick(facts: &mut Facts) {
    facts.log = Log { received: 40, backlog: 8, oldest_at: Some(seconds_ago(720)), ..facts.log };
}

/// `expected`: the verdict's state, then each finding with its severity.
#[track_caller]
fn check(what: &str, change: impl FnOnce(&mut Facts), expected: &str) {
    let mut facts = facts();
    change(&mut facts);
    let verdict = Report::new(&facts, Language::ENGLISH).verdict;
    let findings = verdict.findings.iter().map(|finding| format!("{} {:?}", finding.fault, finding.severity));
    let found = std::iter::once(verdict.state.word().to_owned()).chain(findings).collect::<Vec<_>>().join(", ");
    assert_eq!(found, expected, "{what}");
}

#[test]
fn finds_each_fault_and_judges_it() {
    let never = |facts: &mut Facts| {
        facts.sync.receipts = Receipts::None;
        stick(facts);
    };
    check("nothing wrong", |_| {}, "well");
    check("a disk that fails", |facts| facts.storage = failing(), "stopped, storage_failing Stopped");
    let full = || journal::Storage::Failing { error: "database or disk is full".into() };
    let full = |facts: &mut Facts| facts.storage = full();
    check("a full disk, and the room that was kept is free", full, "stopped, disk_full Stopped");
    check(
        "a full disk",
        |facts| {
            facts.storage = failing();
            facts.space = Space { free_bytes: Some(0), low_space_bytes: 0, ..facts.space.clone() };
            facts.about.low_space_bytes = 0;
        },
        "stopped, disk_full Stopped",
    );
    check("nobody has tried to write", |facts| facts.space.read_only = Some(true), "stopped, disk_read_only Stopped");
    check(
        "read-only, and somebody has tried",
        |facts| {
            facts.storage = failing();
            facts.space.read_only = Some(true);
        },
        "stopped, disk_read_only Stopped",
    );
    check("no look", |facts| facts.unreadable = Some("x".into()), "attention, database_unreadable Attention");
    let salvaged = || Damaged { count: 1, path: "parceld.db.damaged-20261122T080000000000Z".into(), at: None };
    let salvaged = |facts: &mut Facts| facts.space.damaged = Some(salvaged());
    check("a salvaged file", salvaged, "attention, database_salvaged Attention");
    let left = |facts: &mut Facts| facts.left = Some(journal::Left { what: "x".into(), since: seconds_ago(60) });
    check("damage that is left", left, "attention, database_left Attention");
    let backed_up = |facts: &mut Facts, hours: i64| {
        facts.about.backup_every = Duration::from_secs(24 * 3_600);
        facts.space.last_backup = Some(Backup { at: seconds_ago(hours * 3_600), bytes: 1, verified: true });
    };
    check("a backup of three days ago", |facts| backed_up(facts, 72), "well");
    check("an older one", |facts| backed_up(facts, 73), "attention, backup_overdue Attention");
    check("a clock that went back", |facts| backed_up(facts, -9_000), "well");
    let in_days = |facts: &mut Facts| {
        backed_up(facts, -9_000);
        facts.runs_for = Duration::from_secs(73 * 3_600);
    };
    check("a clock that went back three days ago", in_days, "attention, backup_overdue Attention");
    let held = |facts: &mut Facts, mib: u64| facts.space.log_held_bytes = mib << 20;
    check("a log that is folded when it is due", |facts| held(facts, 60), "well");
    check("one that can't be folded", |facts| held(facts, 64), "attention, log_held Attention");
    let without = |facts: &mut Facts, runs_for_h: u64| {
        facts.about.backup_every = Duration::from_secs(24 * 3_600);
        facts.about.started_at = seconds_ago(300 * 24 * 3_600);
        facts.runs_for = Duration::from_secs(runs_for_h * 3_600);
    };
    check("none yet, and a clock that was set by months", |facts| without(facts, 1), "well");
    check("none in three days", |facts| without(facts, 73), "attention, backup_overdue Attention");
    let space = |free_bytes, runway_days| Space { free_bytes, runway_days, ..Space::default() };
    let low = "attention, low_space Attention";
    for (what, free_bytes, runway_days, expected) in [
        ("room for a fortnight", Some(200 << 20), Some(14), "well"),
        ("room for less than a fortnight", Some(9 << 30), Some(13), low),
        ("too little room", Some((200 << 20) - 1), Some(400), low),
        ("too little room, and no pace yet", Some(0), None, low),
        ("a disk that tells nothing", None, None, "well"),
    ] {
        check(what, |facts| facts.space = space(free_bytes, runway_days), expected);
    }
    check("one of two scanners", |facts| lose(facts, "hand"), "attention, scanners_lost Attention");
    check(
        "both scanners of a station",
        |facts| {
            lose(facts, "hand");
            lose(facts, "desk");
        },
        "stopped, scanners_lost Stopped",
    );
    check(
        "the only scanner of one of two stations",
        |facts| {
            facts.floor.scanners.insert("door".into(), scanner("gate", Line::Lost { reason: "unplugged".into() }));
        },
        "stopped, scanners_lost Stopped",
    );
    check(
        "a scanner that opens for half a minute",
        |facts| {
            facts.floor.scanners.insert("hand".into(), scanner("bench-1", Line::Opening));
        },
        "attention, scanners_lost Attention",
    );
    check(
        "one may not be opened, one is gone",
        |facts| {
            lose(facts, "hand");
            lose(facts, "desk");
            facts.floor.scanners.get_mut("hand").unwrap().obstacle = Some(Obstacle::Denied);
        },
        "stopped, scanners_denied Stopped, scanners_lost Stopped",
    );
    check("garbage twice", |facts| garble(facts, 2), "well");
    check("garbage thrice", |facts| garble(facts, 3), "attention, scanner_garbled Attention");
    check("no scanners", |facts| facts.floor.scanners.clear(), "well, no_scanner Note");
    check("broker down", |facts| facts.sync.link = down(), "attention, broker_down Attention");
    check(
        "first connection",
        |facts| {
            facts.sync.link = Link::Connecting;
            facts.sync.since = seconds_ago(2);
        },
        "well",
    );
    check("no first connection", |facts| facts.sync.link = Link::Connecting, "attention, broker_down Attention");
    check(
        "refused, and again and again",
        |facts| {
            facts.sync.denied = Some(denied());
            let trouble = Trouble::PublishDenied { topic: "x".into(), why: "y".into() };
            facts.sync.link = Link::Down { trouble, retry_at: Some(now()) };
        },
        "attention, publish_refused Attention",
    );
    check(
        "refused, and connected again",
        |facts| facts.sync.denied = Some(denied()),
        "attention, publish_refused Attention",
    );
    check(
        "connected, with files that would not do again",
        |facts| {
            let trouble = Trouble::FileUnusable { file: "/etc/parceld/site.key".into(), why: "another's".into() };
            facts.sync.unfit = Some(Unfit { trouble, since: seconds_ago(11) });
        },
        "attention, new_broker_files_unusable Attention",
    );
    check("refused once, and healed", |facts| facts.sync.refused = 1, "well");
    check(
        "no subscriber, and stuck",
        |facts| {
            facts.sync.without_subscriber = 1;
            stick(facts);
        },
        "attention, no_subscriber Attention",
    );
    check("no subscriber once, and healed", |facts| facts.sync.without_subscriber = 1, "well");
    check(
        "no subscriber once, and no connection now",
        |facts| {
            facts.sync.without_subscriber = 1;
            facts.sync.link = Link::Connecting;
            stick(facts);
        },
        "attention, broker_down Attention",
    );
    check(
        "no subscriber, without receipts",
        |facts| {
            facts.sync.without_subscriber = 1;
            facts.sync.receipts = Receipts::NotExpected;
        },
        "attention, no_subscriber Attention",
    );
    check("receipts never came", never, "attention, receipts_never_came Attention");
    check(
        "receipts can't have come yet",
        |facts| {
            never(facts);
            facts.sync.since = seconds_ago(59);
        },
        "well",
    );
    check(
        "receipts stand still",
        |facts| facts.sync.receipts = Receipts::Missing { since: seconds_ago(61) },
        "attention, receipts_missing Attention",
    );
    for believed in [Believed::Behind, Believed::Awaited, Believed::Stepped] {
        let change = |facts: &mut Facts| facts.clock.believed = believed;
        check(believed.word(), change, "attention, clock_untrusted Attention");
    }
    check("no time server", |facts| facts.clock.believed = Believed::Plausible, "well");
    let aside = |newest_at| Quarantine { count: 2, newest_at: Some(newest_at) };
    check("quarantine", |facts| facts.quarantine = aside(seconds_ago(9)), "attention, quarantined Attention");
    check("quarantine of yesterday", |facts| facts.quarantine = aside(seconds_ago(90_000)), "well, quarantined Note");
    check("a new file", |facts| facts.configuration_changed = true, "well, config_not_read Note");
    let waiting = || Some((vec!["web.listen".to_owned()], seconds_ago(9)));
    check("a restart", |facts| facts.configured.waiting = waiting(), "attention, config_needs_restart Attention");
    let refused = |at_start| Some(Refused { since: seconds_ago(9), why: "why".into(), more: 0, at_start });
    check("a wrong file", |facts| facts.configured.refused = refused(false), "attention, config_refused Attention");
    check("at the start", |facts| facts.configured.refused = refused(true), "attention, config_refused Attention");
    check("puback", |facts| facts.about.forget_on_puback = true, "well, weak_promise Note");
}

#[test]
fn tells_reasons_apart_for_which_something_else_is_to_be_done() {
    for (trouble, word) in troubles() {
        for language in Language::all() {
            let mut facts = facts();
            facts.sync.link = Link::Down { trouble: trouble.clone(), retry_at: Some(now()) };
            let finding = Report::new(&facts, language).verdict.findings.remove(0);
            assert_eq!(finding.fault, word, "{trouble:?}");
            assert!(finding.reason.contains(&facts.sync.broker) && !finding.todo.is_empty(), "{finding:?}");
        }
    }
}

#[test]
fn judges_the_dates_of_certificates() {
    for (from_days, until_days, word) in [
        (-100, 300, None),
        (-100, 31, None),
        (-100, 29, Some("certificate_expires_soon")),
        // Made for a week: the last third of it.
        (-4, 3, None),
        (-5, 2, Some("certificate_expires_soon")),
        (-100, -1, Some("certificate_expired")),
        (1, 300, Some("certificate_not_yet_valid")),
    ] {
        for whose in [Whose::Site, Whose::Broker, Whose::Authority, Whose::Revocations] {
            let mut facts = facts();
            let validity = Some(validity(from_days, until_days));
            let certificates = &mut facts.sync.certificates;
            match whose {
                Whose::Site => certificates.client = validity,
                Whose::Broker => certificates.server = validity,
                Whose::Authority => certificates.authority = validity,
                Whose::Revocations => certificates.revocations = validity,
            }
            let word = word.filter(|word| whose != Whose::Revocations || *word == "certificate_expired");
            let findings = Report::new(&facts, Language::ENGLISH).verdict.findings;
            let found = findings.first().map(|finding| finding.fault.as_str());
            assert_eq!(found, word, "{whose:?} {from_days} {until_days}");
        }
    }
}

#[test]
fn the_verdict_is_the_worst_finding() {
    let report = Report::new(&wreck(), Language::ENGLISH);
    let verdict = &report.verdict;
    assert_eq!(verdict.state, State::Stopped);
    assert_eq!(verdict.reason, verdict.findings[0].reason);
    assert!(verdict.findings.is_sorted_by_key(|finding| std::cmp::Reverse(finding.severity)));
    assert_eq!(report.worst_about(Topic::Broker), Some(Severity::Attention));
}

#[test]
fn every_fault_has_a_reason_and_steps_in_both_languages() {
    for language in Language::all() {
        for finding in Report::new(&wreck(), language).verdict.findings {
            assert!(!finding.what.is_empty() && !finding.reason.is_empty(), "{finding:?}");
            assert!(!finding.todo.is_empty(), "{finding:?}");
        }
    }
}

#[test]
fn a_report_survives_json() {
    for facts in [facts(), wreck()] {
        let report = Report::new(&facts, Language::ENGLISH);
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
    }
}

#[test]
fn all_is_well_since_the_last_change() {
    let mut facts = facts();
    facts.floor.scanners.get_mut(&ScannerId::from("hand")).unwrap().since = seconds_ago(5);
    assert_eq!(Report::new(&facts, Language::ENGLISH).verdict.since, Some(seconds_ago(5)));
}

fn failing() -> journal::Storage {
    journal::Storage::Failing { error: "disk I/O error".into() }
}

fn down() -> Link {
    Link::Down { trouble: Trouble::Unreachable("connection refused".into()), retry_at: Some(now()) }
}

fn denied() -> Denied {
    let topic = "parceld/v1/sthlm-03/events/pick".to_owned();
    Denied { topic, why: "NotAuthorized".into(), since: seconds_ago(20) }
}

/// Days from now.
fn validity(from: i64, until: i64) -> Validity {
    let day = |days: i64| now() + (24 * days).hours();
    Validity { from: day(from), until: day(until) }
}

/// Every trouble, with its fault.
pub fn troubles() -> [(Trouble, &'static str); 25] {
    let (file, at, topic) = (PathBuf::from("/etc/parceld/x"), now(), "parceld/v1/sthlm-03/receipts".to_owned());
    let why = || "why".to_owned();
    [
        (Trouble::Unreachable(why()), "broker_down"),
        (Trouble::Busy(why()), "broker_down"),
        (Trouble::Broken(why()), "broker_down"),
        (Trouble::LoginRefused(why()), "login_refused"),
        (Trouble::NoPassword { file: file.clone(), why: why() }, "broker_file_unusable"),
        (Trouble::FileUnusable { file: file.clone(), why: why() }, "broker_file_unusable"),
        (Trouble::AuthorityUnknown { ca_file: file }, "broker_untrusted"),
        (Trouble::OtherName { host: "b".into(), names: vec!["a".into()] }, "broker_untrusted"),
        (Trouble::Expired { at }, "broker_certificate_expired"),
        (Trouble::NotYetValid { from: at, now: at }, "broker_certificate_not_yet_valid"),
        (Trouble::Revoked { crl_file: PathBuf::from("/etc/parceld/x") }, "broker_certificate_revoked"),
        (Trouble::CertificateRefused(Refusal::Revoked), "certificate_revoked"),
        (Trouble::CertificateRefused(Refusal::AuthorityUnknown), "certificate_refused"),
        (Trouble::CertificateRefused(Refusal::Expired { at }), "certificate_refused"),
        (Trouble::CertificateRefused(Refusal::NotYetValid { from: at, now: at }), "certificate_refused"),
        (Trouble::CertificateRefused(Refusal::CalledExpired { until: at }), "certificate_refused"),
        (Trouble::CertificateRefused(Refusal::Said(why())), "certificate_refused"),
        (Trouble::CertificateRefused(Refusal::Unsaid(why())), "certificate_refused"),
        (Trouble::Unusable(why()), "broker_untrusted"),
        (Trouble::CertificateWanted, "certificate_refused"),
        (Trouble::NoTls(why()), "no_tls"),
        (Trouble::HungUp(why()), "no_tls"),
        (Trouble::SubscribeDenied { topic }, "topic_denied"),
        (Trouble::TakenOver { client_id: "parceld".into() }, "session_taken_over"),
        (Trouble::AnotherAgent { version: "0.1.0".into(), epoch: Uuid::from_u128(7) }, "another_agent"),
    ]
}

#[tokio::test]
async fn gathers_what_is_there() {
    let running = Running::new();
    running.record(Event::ScannerBack { scanner: "hand".into() }).await;
    let facts = running.gatherer.facts();
    assert_eq!((facts.log.head, facts.log.received, facts.log.backlog), (2, 0, 2));
    assert!(facts.log.oldest_at.is_some());
    assert_eq!(facts.unreadable, None);
    assert_eq!(running.gatherer.latest(1).unwrap().events[0].place, 2);
    assert_eq!((facts.scanning.scans_today, facts.scanning.slowest_today_us), (1, None), "answered at another time");
    assert_eq!(facts.backlog.history.last().map(|point| point.events), Some(2));
    assert!(facts.today_since <= facts.now && 0 < facts.space.ours_bytes.unwrap(), "{facts:?}");
    assert_eq!(facts.work.orders["accepted"], 0);
    assert!(facts.jobs.day_closes_at.is_some_and(|at| facts.now < at));
}

#[tokio::test]
async fn tells_of_the_last_backup() {
    let running = Running::new();
    assert_eq!(running.gatherer.facts().space.last_backup, None);
    let backup = Backup { at: now(), bytes: 410_000_000, verified: true };
    running.gatherer.backup_made(backup);
    assert_eq!(running.gatherer.facts().space.last_backup, Some(backup));
}

#[tokio::test]
async fn wakes_those_who_wait_for_changes() {
    let running = Running::new();
    let mut changes = running.gatherer.changes();
    running.sync.send_modify(|sync| sync.in_flight = 1);
    tokio::time::timeout(Duration::from_secs(20), changes.wait()).await.expect("sync has changed");
    running.record(Event::ScannerBack { scanner: "hand".into() }).await;
    tokio::time::timeout(Duration::from_secs(20), changes.wait()).await.expect("the log has grown");
}
