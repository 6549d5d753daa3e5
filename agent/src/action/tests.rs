use super::*;
use crate::access;
use crate::journal::Stored;
use crate::report::tests::Running;
use crate::sync::Trouble;
use crate::sync::status::Link;
use crate::words::Language;

/// Actions before a running journal, with a station and no broker.
pub fn actions(running: &Running, access: &Arc<Access>) -> Arc<Actions> {
    let parts = Parts {
        journal: running.journal.clone(),
        floor: Floor::new(running.journal.clone(), running.clock, ["bench-1".into()]),
        asks: Asks::unheard(),
        link: running.sync.subscribe(),
        access: Arc::clone(access),
        gatherer: Arc::clone(&running.gatherer),
        volume: Volume::new(Level::Info, running.clock, |_| {}),
    };
    let backups = running.directory.join("backups");
    let config = Config { site: "sthlm-03".into(), backups, receipts_expected: true };
    Arc::new(Actions::new(config, running.clock, parts))
}

struct Bench {
    running: Running,
    actions: Arc<Actions>,
}

impl Bench {
    fn new() -> Self {
        let running = Running::new();
        let access = access::Access::new(access::Config::default(), running.journal.clone(), running.clock);
        let actions = actions(&running, &Arc::new(access));
        Self { running, actions }
    }

    async fn told(&self, action: Action) -> Told {
        self.actions.perform(action, &By::CommandLine).await
    }

    fn events(&self) -> Vec<Stored> {
        self.running.journal.reader().unwrap().events(0, 1_000).unwrap()
    }

    fn resting(&self) -> Vec<i64> {
        let rows = self.running.journal.reader().unwrap().quarantine(0).unwrap();
        rows.iter().map(|row| row.key).collect()
    }
}

fn log_level(level: &str) -> Action {
    Action::SetLogLevel { level: level.into(), seconds: 900 }
}

/// A configuration that is read again with this result.
#[derive(Debug)]
struct Reads(Reloaded);

impl Reload for Reads {
    fn reload(&self) -> Reloaded {
        self.0.clone()
    }
}

#[tokio::test]
async fn what_became_of_the_configuration_is_told_by_its_keys() {
    let keys = |keys: &[&str]| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
    let many: Vec<String> = (1..=20).map(|n| format!("scanner.s{n}")).collect();
    let refused = Reloaded::Refused { why: "parceld.toml:1:6: the name of the table is not closed".into(), more: 2 };
    for (reloaded, outcome, sentence) in [
        (
            Reloaded::Taken { changed: keys(&["log.level"]), restart: Vec::new() },
            Outcome::Reloaded,
            "The new configuration counts. Changed: log.level.",
        ),
        (
            Reloaded::Taken { changed: Vec::new(), restart: keys(&["site.id", "web.listen"]) },
            Outcome::ReloadedInPart,
            "Changed: –. These count only after a restart: site.id, web.listen.",
        ),
        (
            Reloaded::Taken { changed: Vec::new(), restart: Vec::new() },
            Outcome::NothingNew,
            "Nothing has changed: the files say what runs.",
        ),
        (
            refused,
            Outcome::ConfigRefused,
            "Nothing was taken, and everything goes on as before: parceld.toml:1:6: the name of the table is not closed (+ 2)",
        ),
        (
            Reloaded::Taken { changed: many, restart: Vec::new() },
            Outcome::Reloaded,
            "The new configuration counts. Changed: scanner.s1, scanner.s2, scanner.s3, scanner.s4, scanner.s5, \
             scanner.s6, scanner.s7, scanner.s8, scanner.s9, scanner.s10, scanner.s11, scanner.s12, … (20).",
        ),
    ] {
        let bench = Bench::new();
        let reads: Arc<dyn Reload> = Arc::new(Reads(reloaded));
        bench.actions.reload_by(Arc::downgrade(&reads));
        let told = bench.told(Action::Reload).await;
        assert_eq!((told.outcome, told.outcome.is_well()), (outcome, outcome != Outcome::ConfigRefused));
        assert_eq!(in_words(&told, Language::ENGLISH), sentence);
    }
}

fn signal_at(station: &str, signal: Option<&str>) -> Action {
    Action::TestSignal { station: station.into(), signal: signal.map(Into::into) }
}

#[test]
fn every_outcome_has_one_word_and_a_sentence_in_every_language() {
    let words: BTreeSet<_> = Outcome::WORDS.iter().map(|(_, word)| *word).collect();
    assert_eq!(words.len(), Outcome::WORDS.len());
    for (outcome, word) in Outcome::WORDS {
        assert_eq!(serde_json::to_value(outcome).unwrap(), word);
    }
    for language in Language::all() {
        let said: BTreeSet<_> = super::words(language).outcome.keys().copied().collect();
        assert_eq!(said, words, "{language:?}");
        let named = &super::words(language).name;
        assert!(Action::WORDS.iter().all(|word| named.contains_key(word)), "{language:?}");
    }
}

#[tokio::test]
async fn what_is_done_is_recorded_with_who_had_it_done() {
    let bench = Bench::new();
    for (action, outcome, target) in [
        (Action::Resend { from: 900 }, Outcome::BeyondHead, Some("900")),
        (Action::DropQuarantined { key: 7 }, Outcome::Absent, Some("7")),
        (Action::RetryQuarantined { key: 7 }, Outcome::Absent, Some("7")),
        (Action::ReopenScanner { scanner: "hand".into() }, Outcome::UnknownScanner, Some("hand")),
        (signal_at("bench-1", Some("wrong")), Outcome::ScreenOnly, Some("bench-1: wrong")),
        (signal_at("bench-9", None), Outcome::UnknownStation, Some("bench-9")),
        (signal_at("bench-1", Some("loud")), Outcome::UnknownSignal, Some("bench-1: loud")),
        (Action::BundleMade { bytes: 12 }, Outcome::Done, Some("12 bytes")),
        (Action::Reconnect, Outcome::Busy, None),
        (Action::Claim, Outcome::NobodyElse, None),
        (Action::Reload, Outcome::Busy, None),
        (log_level("debug"), Outcome::LogLevelSet, Some("debug for 900 s")),
        (log_level("loud"), Outcome::UnknownLevel, Some("loud for 900 s")),
    ] {
        let told = bench.told(action.clone()).await;
        assert_eq!((told.outcome, told.recorded), (outcome, true), "{action:?}");
        let last = bench.events().pop().unwrap();
        assert_eq!(last.kind.word(), "site.action_taken");
        let data: serde_json::Value = serde_json::from_str(&last.data).unwrap();
        assert_eq!(data["action"], action.word());
        assert_eq!(data["target"].as_str(), target, "{action:?}");
        assert_eq!(data["outcome"], outcome.word(), "{action:?}");
        assert_eq!(data["by"], "cli");
        for language in Language::all() {
            let sentence = in_words(&told, language);
            assert!(!sentence.is_empty() && !sentence.contains('{'), "{sentence}");
        }
    }
}

#[tokio::test]
async fn says_that_the_log_takes_nothing() {
    let mut bench = Bench::new();
    bench.running.stop_writing();
    let told = bench.told(Action::BundleMade { bytes: 1 }).await;
    assert!(!told.recorded);
    assert_eq!(in_words(&told, Language::ENGLISH), "Done. It could not be recorded in the log.");
}

#[tokio::test]
async fn a_test_signal_shows_on_the_stations_screen_and_counts_nothing() {
    let bench = Bench::new();
    let floor = bench.actions.floor.status();
    for number in [1, 2] {
        bench.told(signal_at("bench-1", Some("not_saved"))).await;
        let tested = floor.borrow().tested.clone().unwrap();
        assert_eq!((&*tested.station, tested.signal, tested.number), ("bench-1", Signal::NotSaved, number));
    }
    assert!(floor.borrow().answers.is_empty() && floor.borrow().signals.is_empty());
}

#[tokio::test]
async fn signals_in_turn_are_one_test_at_a_time() {
    let bench = Bench::new();
    assert_eq!(bench.told(signal_at("bench-1", None)).await.outcome, Outcome::ScreenOnly);
    assert_eq!(bench.told(signal_at("bench-1", None)).await.outcome, Outcome::AlreadyTesting);
}

#[tokio::test]
async fn a_test_publish_says_that_there_is_no_connection() {
    let bench = Bench::new();
    bench.running.sync.send_modify(|status| {
        status.link = Link::Down { trouble: Trouble::Unreachable("no route".into()), retry_at: Some(status.since) };
    });
    let told = bench.told(Action::TestPublish).await;
    assert_eq!(in_words(&told, Language::ENGLISH), "There is no connection to the broker: no route");
    assert_eq!((told.outcome, told.recorded), (Outcome::NotConnected, true));
}

#[tokio::test]
async fn a_test_publish_is_back_when_its_receipt_is() {
    let bench = Bench::new();
    bench.running.sync.send_modify(|status| status.link = Link::Up);
    let journal = bench.running.journal.clone();
    let moment = bench.running.clock.now();
    let platform = tokio::spawn(async move {
        let mut head = journal.head();
        let found = *head.wait_for(|head| head.place == 2).await.unwrap();
        let receipt = crate::contract::receipt::Receipt { epoch: found.epoch.id, sequence: 2 };
        journal.submit(Job::Receipt { receipt, at_start: false, moment, reply: Box::new(|_| {}) }).unwrap();
    });
    let told = bench.told(Action::TestPublish).await;
    platform.await.unwrap();
    assert_eq!(told.outcome, Outcome::RoundTrip);
    assert_eq!(told.values["sequence"], "2");
}

#[tokio::test]
async fn a_backup_lies_where_backups_are_kept() {
    let bench = Bench::new();
    let told = bench.told(Action::Backup).await;
    assert_eq!(told.outcome, Outcome::BackedUp, "{told:?}");
    let path = PathBuf::from(&told.values["path"]);
    assert!(path.starts_with(bench.running.directory.join("backups")));
    let copy = crate::journal::Reader::open(&path).unwrap();
    assert_eq!(copy.cursors().unwrap().head, 1);
    assert_eq!(copy.quick_check().unwrap(), "ok");
}

#[tokio::test]
async fn a_guest_is_signed_in_as_with_a_badge() {
    let bench = Bench::new();
    let guest = || bench.told(Action::AdmitGuest { station: "bench-1".into() });
    let told = guest().await;
    assert_eq!(told.outcome, Outcome::GuestIn, "{told:?}");
    assert_eq!(told.values["operator"], "guest-1-1");
    let kinds: Vec<_> = bench.events().iter().map(|event| event.kind.word()).collect();
    assert_eq!(kinds, ["site.started", "site.operator_in", "site.action_taken"]);
    assert_eq!(guest().await.values["operator"], "guest-1-2", "no id is given twice");
    assert_eq!(bench.told(Action::AdmitGuest { station: "bench-9".into() }).await.outcome, Outcome::UnknownStation);
}

#[tokio::test]
async fn commands_that_rest_are_decided_again_or_thrown_away() {
    let bench = Bench::new();
    for payload in
        ["not json", r#"{"specversion":"1.0","id":"c1","type":"parceld.order.juggle.v1","source":"/p","data":{}}"#]
    {
        let (payload, moment) = (payload.as_bytes().to_vec(), bench.running.clock.now());
        bench.running.journal.submit(Job::Command { payload, moment, reply: Box::new(|_| {}) }).unwrap();
    }
    assert!(bench.running.gatherer.writer_answers(std::time::Duration::from_secs(10)).await);
    let resting = bench.resting();
    assert_eq!(resting.len(), 2);
    let told = bench.told(Action::RetryQuarantined { key: resting[0] }).await;
    assert_eq!(told.outcome, Outcome::StillUnusable, "{told:?}");
    assert_eq!(bench.resting(), resting, "it stays");
    assert_eq!(bench.told(Action::DropQuarantined { key: resting[0] }).await.outcome, Outcome::Dropped);
    assert_eq!(bench.resting(), resting[1..]);
}

/// What an older version could not use is here with the answer that it gave then.
#[tokio::test]
async fn a_command_that_can_be_used_now_is_carried_out_once() {
    let bench = Bench::new();
    let payload = r#"{"specversion":"1.0","id":"c2","source":"/platform","type":"parceld.catalog.put.v1","data":{"products":[{"sku":"TEA","name":"Tea","barcodes":["4006381333931"]}]}}"#;
    let database = rusqlite::Connection::open(bench.running.database()).unwrap();
    let rest = || {
        let row = "INSERT INTO quarantine (at, uptime_s, reason, why, payload) VALUES (1, 1, 'unknown_type', '', ?1)";
        database.execute(row, [payload.as_bytes()]).unwrap();
        database.last_insert_rowid()
    };
    let rejected = r#"{"data":{"status":"rejected"}}"#;
    database.execute("INSERT INTO commands VALUES ('c2', 1, ?1)", [rejected]).unwrap();
    let told = bench.told(Action::RetryQuarantined { key: rest() }).await;
    assert_eq!((told.outcome, told.values["status"].as_str()), (Outcome::RetryAccepted, "accepted"), "{told:?}");
    assert!(bench.resting().is_empty());
    let reply: String = database.query_row("SELECT reply FROM commands WHERE id = 'c2'", [], |row| row.get(0)).unwrap();
    assert!(reply.contains(r#""status":"accepted""#), "{reply}");
    assert_eq!(bench.told(Action::RetryQuarantined { key: rest() }).await.outcome, Outcome::RetryAccepted);
    let names: i64 = database.query_row("SELECT count(*) FROM products", [], |row| row.get(0)).unwrap();
    assert_eq!(names, 1);
}
