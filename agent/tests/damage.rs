//! Databases that are truncated, bit-flipped, zeroed or gone: the agent starts on every one of them, says so, loses
//! nothing that lies outside the damage, and gives no number twice.
//!
//! `PARCELD_SEED=N` plays the case of that seed alone.

#![expect(clippy::unwrap_used, reason = "what fails here is a failed test")]

mod site;

use parceld::domain::event::Kind;
use parceld::domain::station::Mode;
use parceld::journal::{self, Epoch, Error, ReceiptOutcome, Stored, salvage};
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use site::*;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Instant;
use std::{env, fs};

/// Cases of a run; each is a copy of one file with damage of its own.
const SEEDS: u64 = 90;
const PAGE: usize = 2_048;

/// Of what lies outside the damage.
const SAVED_PERCENT_MIN: usize = 99;

/// A site's file as an orderly stop and as a power cut leave it, and what is in it.
struct Template {
    folder: Folder,
    events: Vec<Stored>,
    ssccs: BTreeSet<String>,
    epoch: Epoch,
    site_key: Vec<u8>,
    /// Which places stand on a page.
    places: BTreeMap<u32, BTreeSet<u64>>,
    /// Pages by what they are for, as SQLite has them.
    pages: BTreeMap<String, Vec<u32>>,
}

const STOPPED: &str = "stopped.db";
const CUT: &str = "cut.db";

impl Template {
    fn get() -> &'static Self {
        static MADE: OnceLock<Template> = OnceLock::new();
        MADE.get_or_init(Self::make)
    }

    fn make() -> Self {
        let folder = Folder::in_memory();
        let path = folder.file("j.db");
        let mut site = Site::start(&path);
        for number in 1..=120 {
            assert_eq!(site.put(number, "3xA 2xB 1xC"), "accepted");
            site.scan("bench", &number.to_string());
            for code in ["A", "A", "A", "B", "B", "C"] {
                site.scan("bench", code);
            }
            site.scan("bench", "nobody-knows");
        }
        for number in 201..=230 {
            assert_eq!(site.tell("order.put", large(number)), "accepted");
            site.scan("bench-2", &number.to_string());
            site.scan("bench-2", "A");
        }
        let (epoch, head) = (site.epoch(), site.head());
        let received = head * 2 / 3;
        assert_eq!(site.receipt(epoch, received, false), ReceiptOutcome::Advanced(received));
        for number in 301..=330 {
            assert_eq!(site.put(number, "2xA 2xB"), "accepted");
            site.scan("bench", &number.to_string());
            site.scan("bench", "A");
        }
        site.copy_to(&folder.file(CUT));
        let site_key = site.journal.site_key().to_vec();
        site.stop_in_order();
        let stopped = folder.file(STOPPED);
        fs::copy(&path, &stopped).unwrap();
        fs::copy(lock(&path), lock(&stopped)).unwrap();
        fs::copy(lock(&path), lock(&folder.file(CUT))).unwrap();
        let file = Connection::open_with_flags(&stopped, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let (places, pages) = map(&file);
        let events = journal::Reader::open(&stopped).unwrap().events(0, 100_000).unwrap();
        let ssccs = given(&events).collect();
        Self { folder, events, ssccs, epoch, site_key, places, pages }
    }

    /// A copy of its own for one case.
    fn copy(&self, name: &str) -> Case {
        let folder = Folder::in_memory();
        let path = folder.file("parceld.db");
        for end in ["", "-wal", ".lock"] {
            let from = self.folder.file(&format!("{name}{end}"));
            if from.exists() {
                fs::copy(from, end_of(&path, end)).unwrap();
            }
        }
        Case { path, _folder: folder }
    }
}

/// The numbers of parcels, as far as they can be read: a bit of an event may have changed that nobody can tell.
fn given(events: &[Stored]) -> impl Iterator<Item = String> {
    let sealed = events.iter().filter(|event| event.kind == Kind::ParcelSealed);
    sealed.filter_map(|event| {
        let data: serde_json::Value = serde_json::from_str(&event.data).ok()?;
        data["sscc"].as_str().map(str::to_owned)
    })
}

/// More than a page can hold of its terms.
fn large(number: u32) -> serde_json::Value {
    let mut order = order(number, 1, "2xA");
    let lines = (0..60).map(|n| {
        json!({"line": format!("line-{n}"), "sku": format!("sku-{number}-{n}"), "quantity": 1, "barcodes": [format!("code-{n}")],
            "name": format!("a thing with a long name that takes some room, the {n}th of its kind")})
    });
    order["lines"].as_array_mut().unwrap().extend(lines);
    order
}

/// Places by the page that their row begins on, and pages by their use, as SQLite's own account has them.
fn map(file: &Connection) -> (BTreeMap<u32, BTreeSet<u64>>, BTreeMap<String, Vec<u32>>) {
    let mut pages: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    let mut statement = file.prepare("SELECT name, pagetype, pageno, ncell FROM dbstat ORDER BY name, path").unwrap();
    let rows = statement
        .query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, u32>(2)?, row.get::<_, usize>(3)?))
        })
        .unwrap();
    let mut places = file.prepare("SELECT place FROM events ORDER BY place").unwrap();
    let mut places = places.query_map([], |row| row.get::<_, u64>(0)).unwrap().map(Result::unwrap);
    let mut by_page = BTreeMap::<u32, BTreeSet<u64>>::new();
    let mut latest = BTreeSet::new();
    for (name, kind, page, cells) in rows.map(Result::unwrap) {
        pages.entry(format!("{name} {kind}")).or_default().push(page);
        if name == "events" && kind == "leaf" {
            latest = places.by_ref().take(cells).collect();
            by_page.insert(page, latest.clone());
        } else if name == "events" && kind == "overflow" {
            // Of some row of the leaf before it.
            by_page.insert(page, latest.clone());
        }
    }
    assert!(places.next().is_none());
    (by_page, pages)
}

fn lock(database: &Path) -> PathBuf {
    end_of(database, ".lock")
}

fn end_of(database: &Path, end: &str) -> PathBuf {
    PathBuf::from(format!("{}{end}", database.display()))
}

struct Case {
    path: PathBuf,
    /// Gone with it.
    _folder: Folder,
}

/// What is hurt: pages of the file, and how much of its end is gone.
#[derive(Default)]
struct Damage {
    pages: BTreeSet<u32>,
    from: Option<u32>,
}

impl Damage {
    fn hits(&self, page: u32) -> bool {
        self.pages.contains(&page) || self.from.is_some_and(|from| from <= page)
    }
}

impl Case {
    fn change(&self, end: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = end_of(&self.path, end);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    }

    fn zero(&self, pages: &[u32]) -> Damage {
        self.change("", |bytes| {
            for page in pages {
                let at = (*page as usize - 1) * PAGE;
                bytes[at..at + PAGE].fill(0);
            }
        });
        Damage { pages: pages.iter().copied().collect(), from: None }
    }

    fn truncate(&self, bytes: usize) -> Damage {
        self.change("", |content| content.truncate(bytes));
        Damage { pages: BTreeSet::new(), from: Some(u32::try_from(bytes / PAGE + 1).unwrap()) }
    }

    fn flip(&self, bits: usize, random: &mut Random) -> Damage {
        let mut damage = Damage::default();
        self.change("", |content| {
            for _ in 0..bits {
                let at = random.below(content.len());
                content[at] ^= 1 << random.below(8);
                damage.pages.insert(u32::try_from(at / PAGE + 1).unwrap());
            }
        });
        damage
    }

    /// Starts, looks through the file as the agent does while it runs, and starts over where that finds something.
    fn start(&self, what: &str) -> Site {
        let mut config = config(&self.path);
        config.stations.insert("spare".into(), Mode::Pack);
        let open = || match journal::open(config.clone(), at(0)) {
            Ok((journal, writing)) => {
                let commands = 1_000_000 * journal.starts();
                Site { journal, writing, now_ms: 0, commands }
            }
            Err(error) => panic!("{what}: {error}"),
        };
        let site = open();
        let Some(found) = look_through(&self.path) else { return site };
        site.stop_without_a_word();
        salvage::suspect(&self.path, &found).unwrap();
        let site = open();
        assert_eq!(look_through(&self.path), None, "{what}: the salvaged file");
        site
    }

    /// Starts on it and checks all that must hold.
    fn check(&self, what: &str, damage: &Damage) -> Site {
        let template = Template::get();
        let mut site = self.start(what);
        let events = site.events();
        let here: BTreeMap<_, _> = events.iter().map(|event| (event.id, &event.data)).collect();
        let hurt: BTreeSet<u64> = template
            .places
            .iter()
            .filter(|(page, _)| damage.hits(**page))
            .flat_map(|(_, places)| places)
            .copied()
            .collect();
        let outside = template.events.iter().filter(|event| !hurt.contains(&event.place));
        let (mut all, mut saved) = (0, 0);
        for event in outside {
            all += 1;
            saved += usize::from(here.get(&event.id) == Some(&&event.data));
        }
        assert!(all * SAVED_PERCENT_MIN <= saved * 100, "{what}: {saved} of {all} events outside the damage");

        let salvaged = of_kind(&events, Kind::StorageSalvaged);
        let kept = salvage::quarantine(&self.path);
        if site.epoch() == template.epoch {
            // Nothing is damaged that anybody can see, or indexes only.
            assert_eq!(salvaged, 0, "{what}");
        } else {
            assert_eq!(salvaged, kept.len(), "{what}: what is salvaged is told, and kept");
        }
        if salvaged != 0 {
            self.check_salvaged(what, &site, &events);
        }

        // The site works, and no number comes twice.
        assert_eq!(site.put(9_001, "1xA"), "accepted", "{what}");
        assert_eq!(site.scan("spare", "9001"), "opened 0/1", "{what}");
        assert_eq!(site.scan("spare", "A"), "completed 1/1", "{what}");
        let last = given(&site.events()).last().unwrap();
        assert!(!template.ssccs.contains(&last), "{what}: {last} was given before");
        site
    }

    fn check_salvaged(&self, what: &str, site: &Site, events: &[Stored]) {
        let epoch = site.epoch();
        assert_ne!(epoch.id, Template::get().epoch.id, "{what}");
        let new: Vec<_> = events.iter().filter(|event| epoch.base < event.place).collect();
        let places: Vec<u64> = new.iter().map(|event| event.place).collect();
        let expected: Vec<u64> = (epoch.base + 1..).take(places.len()).collect();
        assert_eq!(places, expected, "{what}: the new epoch has no gap");
        assert_eq!((new[0].kind, new[1].kind), (Kind::SiteStarted, Kind::StorageSalvaged), "{what}");
        let ids: BTreeSet<_> = events.iter().map(|event| event.id).collect();
        assert_eq!(ids.len(), events.len(), "{what}: every event once");
    }
}

/// What somebody finds who looks at all of it.
fn look_through(path: &Path) -> Option<String> {
    let read = || -> Result<String, Error> {
        let reader = journal::Reader::open(path)?;
        let mut after = 0;
        loop {
            let events = reader.events(after, 1_000)?;
            let Some(last) = events.last() else { break };
            after = last.place;
        }
        reader.orders(10_000)?;
        reader.quick_check()
    };
    match read() {
        Ok(said) if said == "ok" => None,
        Ok(said) => Some(said),
        Err(error) if salvage::is_damage(&error) => Some(error.to_string()),
        Err(error) => panic!("{error}"),
    }
}

/// xorshift64*
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15).max(1));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % limit
    }
}

#[test]
fn whatever_is_damaged_the_site_goes_on_with_all_the_rest() {
    let template = Template::get();
    let pages = fs::metadata(template.folder.file(STOPPED)).unwrap().len() as usize / PAGE;
    let given: Option<u64> = env::var("PARCELD_SEED").ok().map(|seed| seed.parse().unwrap());
    for seed in given.map_or(0..SEEDS, |seed| seed..seed + 1) {
        let mut random = Random::new(seed);
        let name = if random.below(3) == 0 { CUT } else { STOPPED };
        let case = template.copy(name);
        let (what, damage) = match random.below(4) {
            0 => {
                let bits = 1 + random.below(100);
                (format!("{bits} bits"), case.flip(bits, &mut random))
            }
            1 => {
                let zeroed: Vec<u32> = (0..1 + random.below(5)).map(|_| 1 + random.below(pages) as u32).collect();
                let length = fs::metadata(&case.path).unwrap().len() as usize / PAGE;
                let zeroed: Vec<u32> = zeroed.into_iter().filter(|page| *page as usize <= length).collect();
                (format!("zeroed {zeroed:?}"), case.zero(&zeroed))
            }
            2 => {
                let length = fs::metadata(&case.path).unwrap().len() as usize;
                let left = random.below(length);
                (format!("truncated to {left} of {length}"), case.truncate(left))
            }
            _ => {
                let from = random.below(pages);
                let noise = 1 + random.below(8);
                let mut damage = Damage::default();
                case.change("", |bytes| {
                    let pages = bytes.len() / PAGE;
                    for page in from..(from + noise).min(pages) {
                        bytes[page * PAGE..(page + 1) * PAGE].fill_with(|| random.below(256) as u8);
                        damage.pages.insert(page as u32 + 1);
                    }
                });
                (format!("noise in {noise} pages from {from}"), damage)
            }
        };
        case.check(&format!("PARCELD_SEED={seed} ({name}, {what})"), &damage).stop_without_a_word();
    }
}

/// A header, then frames of a header and a page.
const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

#[test]
fn a_log_that_is_hurt_in_the_middle_loses_what_is_hurt_and_no_more() {
    let template = Template::get();
    let log = fs::read(template.folder.file(&format!("{CUT}-wal"))).unwrap();
    let frame = FRAME_HEADER + PAGE;
    let frames = (log.len() - LOG_HEADER) / frame;
    assert!(20 < frames, "{frames} frames: too few to hurt one in the middle");
    let page_of = |n: usize| {
        let at = LOG_HEADER + n * frame;
        u32::from_be_bytes(log[at..at + 4].try_into().unwrap())
    };
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let case = template.copy(CUT);
        let mut damage = Damage::default();
        case.change("-wal", |bytes| {
            for _ in 0..1 + random.below(8) {
                let n = random.below(frames);
                bytes[LOG_HEADER + n * frame + random.below(frame)] ^= 1 << random.below(8);
                damage.pages.insert(page_of(n));
            }
        });
        case.check(&format!("log, seed {seed}"), &damage).stop_without_a_word();
    }
    for (what, at) in [("magic", 1), ("page size", 10), ("salt", 17), ("checksum", 25)] {
        let case = template.copy(CUT);
        case.change("-wal", |bytes| bytes[at] ^= 0x10);
        case.check(&format!("the log's header: {what}"), &Damage::default()).stop_without_a_word();
    }
}

#[test]
fn a_log_that_is_gone_is_missed_and_no_number_comes_twice() {
    let template = Template::get();
    let case = template.copy(CUT);
    fs::remove_file(end_of(&case.path, "-wal")).unwrap();
    let site = Site::start(&case.path);
    let (events, epoch) = (site.events(), site.epoch());
    assert_eq!(of_kind(&events, Kind::StorageSalvaged), 1, "it is told");
    assert_ne!(epoch.id, template.epoch.id);
    assert!(salvage::quarantine(&case.path).is_empty(), "what there is is whole");
    site.stop_without_a_word();
    let mut site = Site::start(&case.path);
    assert_eq!(site.epoch().id, epoch.id, "once");
    site.put(9_001, "1xA");
    let numbers: Vec<String> = given(&site.events()).collect();
    site.stop_in_order();
    let site = Site::start(&case.path);
    assert_eq!((site.epoch().id, of_kind(&site.events(), Kind::StorageSalvaged)), (epoch.id, 1));
    assert!(numbers.iter().all(|number| template.ssccs.contains(number)), "numbers of before");
}

#[test]
fn every_page_that_trees_hang_on_may_be_lost() {
    let template = Template::get();
    let mut single: Vec<u32> = vec![1, 2];
    for (name, pages) in &template.pages {
        if name.ends_with("internal") || name.starts_with("sqlite_schema") || pages.len() == 1 {
            single.extend(pages);
        }
    }
    single.sort_unstable();
    single.dedup();
    for page in &single {
        let case = template.copy(STOPPED);
        let damage = case.zero(&[*page]);
        case.check(&format!("page {page}"), &damage).stop_without_a_word();
    }
    let (case, roots) = (template.copy(STOPPED), &template.pages["events internal"]);
    let all = [&[1, 2], &roots[..]].concat();
    let damage = case.zero(&all);
    case.check("the header, the account of pages and all that leads to events", &damage).stop_without_a_word();
}

#[test]
fn damaged_indexes_are_made_anew_and_nothing_else_changes() {
    let template = Template::get();
    let indexes =
        template.pages.iter().filter(|(name, _)| name.starts_with("orders_number ") || name.contains("autoindex"));
    let indexes: Vec<u32> = indexes.flat_map(|(_, pages)| pages.iter().copied()).collect();
    assert!(2 < indexes.len());
    let case = template.copy(STOPPED);
    let damage = case.zero(&indexes);
    let site = case.check("indexes", &damage);
    assert_eq!((site.epoch(), salvage::quarantine(&case.path).len()), (template.epoch, 1));
    assert_eq!(
        site.events().iter().filter(|event| event.place <= template.events.len() as u64).count(),
        template.events.len()
    );
    site.stop_in_order();
}

#[test]
fn a_file_that_holds_nothing_begins_anew_and_says_so() {
    let template = Template::get();
    type Hurt = fn(&Case);
    let cases: [(&str, Hurt); 4] = [
        ("empty", |case| fs::write(&case.path, "").unwrap()),
        ("noise", |case| {
            let mut random = Random::new(1);
            case.change("", |bytes| bytes.fill_with(|| random.below(256) as u8));
        }),
        ("a directory", |case| {
            fs::remove_file(&case.path).unwrap();
            fs::create_dir(&case.path).unwrap();
        }),
        ("cut off in its header", |case| drop(case.truncate(60))),
    ];
    for (what, damage) in cases {
        let case = template.copy(STOPPED);
        damage(&case);
        let site = case.check(what, &Damage { from: Some(1), ..Damage::default() });
        assert_ne!(site.journal.site_key(), template.site_key, "{what}");
        site.stop_in_order();
        let site = Site::start(&case.path);
        assert_eq!(of_kind(&site.events(), Kind::StorageSalvaged), 1, "{what}: told once");
        site.stop_in_order();
    }
}

#[test]
fn a_suspicion_that_is_not_true_leaves_the_file_in_its_place() {
    let template = Template::get();
    for name in [STOPPED, CUT] {
        let case = template.copy(name);
        salvage::suspect(&case.path, "disk I/O error").unwrap();
        let site = case.check(name, &Damage::default());
        assert_eq!((site.epoch(), salvage::quarantine(&case.path).len()), (template.epoch, 0), "{name}");
        assert!(!end_of(&case.path, ".suspected").exists(), "{name}: it is taken back");
        let unfounded = salvage::unfounded(&case.path);
        assert_eq!(unfounded.iter().map(|(_, said)| said.as_str()).collect::<Vec<_>>(), ["disk I/O error"], "{name}");
        site.stop_in_order();
    }
}

#[test]
fn a_suspicion_that_is_true_is_found_by_whatever_reads_the_row() {
    let template = Template::get();
    for (what, change) in [
        ("an event", "UPDATE events SET data = substr(data, 2) WHERE place = 40"),
        ("a running time", "UPDATE events SET uptime_s = -5 WHERE place = 41"),
        ("an order", "UPDATE progress SET body = 'x' WHERE key = 3"),
        ("a station", "UPDATE slate SET value = 'x' WHERE name = 'station/bench'"),
    ] {
        let case = template.copy(STOPPED);
        let file = Connection::open(&case.path).unwrap();
        assert_eq!(file.execute(change, []).unwrap(), 1, "{what}");
        drop(file);
        salvage::suspect(&case.path, "somebody met it").unwrap();
        let site = Site::start(&case.path);
        assert_eq!(salvage::quarantine(&case.path).len(), 1, "{what}");
        site.stop_in_order();
    }
}

#[test]
fn a_number_that_no_clock_gives_costs_its_row_and_not_every_start() {
    let case = Template::get().copy(STOPPED);
    let file = Connection::open(&case.path).unwrap();
    file.execute("UPDATE events SET uptime_s = -5 WHERE place = (SELECT max(place) FROM events)", []).unwrap();
    drop(file);
    for _ in 0..2 {
        let site = Site::start(&case.path);
        assert_eq!(salvage::quarantine(&case.path).len(), 1);
        site.stop_in_order();
    }
}

#[test]
fn a_database_that_is_gone_is_not_begun_anew_in_silence() {
    let template = Template::get();
    for (name, what) in [(STOPPED, "with its log"), (CUT, "but for its log")] {
        let case = template.copy(name);
        fs::remove_file(&case.path).unwrap();
        if name == STOPPED {
            fs::remove_file(end_of(&case.path, "-wal")).unwrap();
        }
        let backups = case.path.with_file_name("backups");
        fs::create_dir(&backups).unwrap();
        fs::copy(template.folder.file(STOPPED), backups.join("sthlm-03-20261122T080000Z.db")).unwrap();
        let mut config = config(&case.path);
        config.backups = Some(backups);
        config.stations.insert("spare".into(), Mode::Pack);
        let mut site = Site::start_with(config);
        let events = site.events();
        assert_eq!(of_kind(&events, Kind::StorageSalvaged), 1, "gone {what}: it is told");
        assert_eq!(site.journal.site_key(), template.site_key, "gone {what}: barcodes go on");
        assert_ne!(site.epoch().id, template.epoch.id, "gone {what}");
        let kept = salvage::quarantine(&case.path);
        if name == CUT {
            let logged = template.events.iter().filter(|event| events.iter().any(|saved| saved.id == event.id)).count();
            assert!(0 < logged, "what only the log has is read");
            assert!(end_of(&kept[0], "-wal").is_file(), "the log is kept");
        }
        assert_eq!(kept.len(), usize::from(name == CUT), "gone {what}");
        assert_eq!(site.put(9_001, "1xA"), "accepted", "gone {what}");
        assert_eq!(site.scan("spare", "9001"), "opened 0/1", "gone {what}");
        assert_eq!(site.scan("spare", "A"), "completed 1/1", "gone {what}");
        let last = given(&site.events()).last().unwrap();
        assert!(!template.ssccs.contains(&last), "gone {what}: {last} was given before");
        site.stop_in_order();
    }
}

#[test]
fn a_file_that_comes_damaged_at_each_start_is_not_salvaged_for_ever() {
    let case = Template::get().copy(STOPPED);
    case.zero(&[1]);
    let original = fs::read(&case.path).unwrap();
    for times in 1..=3 {
        let site = Site::start(&case.path);
        assert_eq!(salvage::quarantine(&case.path).len(), times);
        site.stop_in_order();
        case.zero(&[1]);
    }
    let refused = journal::open(config(&case.path), at(60_000)).map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("so often of late"), "{refused}");
    let kept = salvage::quarantine(&case.path);
    assert_eq!(kept.len(), 3);
    assert!(fs::read(&kept[0]).unwrap() == original, "the first is what was there before anybody salvaged");
    // Later it is worth another attempt, and what is younger than a day stays.
    let (journal, writing) = journal::open(config(&case.path), at(3 * 3_600_000)).unwrap();
    assert_eq!(salvage::quarantine(&case.path).len(), 4);
    drop(journal);
    writing.stop();
}

/// The log of a copy on which `transactions` were committed, without what an earlier round has left behind its end.
fn log_after(name: &str, transactions: &[String]) -> Vec<u8> {
    let fork = Template::get().copy(name);
    let file = Connection::open(&fork.path).unwrap();
    for transaction in transactions {
        file.execute_batch(transaction).unwrap();
    }
    let pages: usize = file.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1)).unwrap();
    let mut log = fs::read(end_of(&fork.path, "-wal")).unwrap();
    log.truncate(LOG_HEADER + pages * (FRAME_HEADER + PAGE));
    log
}

#[test]
fn what_failed_commits_have_left_in_the_log_never_stands_in_for_what_was_green() {
    let template = Template::get();
    let head = template.events.len() as u64 - 1;
    let batch = |events: u64, of: &str| {
        format!(
            "BEGIN; INSERT INTO events (place, id, at, uptime_s, synced, kind, station, data)
             SELECT {head} + value, randomblob(16), 1, 1, 1, 'site.stopped', '{of}', '{{}}'
             FROM (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < {events}) SELECT value FROM n);
             COMMIT"
        )
    };
    // A batch fails, then some of it; each next one is written over the beginning of the one before.
    let refused = [log_after(CUT, &[batch(400, "refused")]), log_after(CUT, &[batch(150, "refused")])];
    let green = log_after(CUT, &[batch(1, "green")]);
    assert!(green.len() < refused[1].len() && refused[1].len() < refused[0].len());
    let case = template.copy(CUT);
    let log = [&green[..], &refused[1][green.len()..], &refused[0][refused[1].len()..]].concat();
    fs::write(end_of(&case.path, "-wal"), log).unwrap();
    let site = Site::start(&case.path);
    let of = |of: &str| site.events().iter().filter(|event| event.station.as_deref() == Some(of)).count();
    assert_eq!((of("green"), of("refused")), (1, 0));
    assert_eq!((site.epoch(), salvage::quarantine(&case.path).len()), (template.epoch, 0), "nothing is damaged");
    site.stop_in_order();
}

#[test]
fn a_tool_that_closes_the_file_after_a_crash_has_lost_no_log() {
    let template = Template::get();
    for (what, is_folded) in [("closed by a tool", true), ("deleted", false)] {
        let case = template.copy(CUT);
        let log = end_of(&case.path, "-wal");
        fs::hard_link(&log, end_of(&case.path, ".wal-too")).unwrap();
        if is_folded {
            let tool = Connection::open(&case.path).unwrap();
            tool.query_row("SELECT count(*) FROM events", [], |_| Ok(())).unwrap();
        } else {
            fs::remove_file(&log).unwrap();
        }
        assert!(!log.exists(), "{what}");
        let site = Site::start(&case.path);
        assert_eq!(site.epoch() == template.epoch, is_folded, "{what}");
        assert_eq!(of_kind(&site.events(), Kind::StorageSalvaged), usize::from(!is_folded), "{what}");
        site.stop_in_order();
    }
}

#[test]
fn the_log_has_a_second_name_from_the_start_on() {
    let folder = Folder::new();
    let path = folder.file("parceld.db");
    for _ in 0..2 {
        let mut site = Site::start(&path);
        site.scan("bench", "nobody-knows");
        let inode = |end: &str| fs::metadata(end_of(&path, end)).unwrap().ino();
        assert_eq!(inode("-wal"), inode(".wal-too"));
        site.stop_in_order();
    }
}

#[test]
fn what_the_platform_has_told_an_older_copy_stays_after_a_salvage() {
    let folder = Folder::new();
    let copy = folder.file("copy.db");
    let mut site = Site::start(&folder.file("parceld.db"));
    site.put(1, "2xA");
    site.scan("bench", "1");
    assert_eq!(site.scan("bench", "A"), "accepted 1/2");
    site.copy_to(&copy);
    assert_eq!(site.scan("bench", "A"), "completed 2/2");
    let used: Vec<String> = given(&site.events()).collect();
    let (epoch, sequence) = (site.epoch(), site.head());
    site.stop_in_order();

    let mut site = Site::start(&copy);
    assert_eq!(site.receipt(epoch, sequence, true), ReceiptOutcome::NewEpoch);
    let mut again = order(1, 1, "2xA");
    again["known"] = json!({
        "lines": [{"line": "A", "picked": 2, "packed": 2}], "packed": true,
        "parcels": [{"parcel": 1, "sscc": used[0], "contents": [{"line": "A", "quantity": 2}]}],
    });
    assert_eq!(site.tell("order.put", again), "accepted");
    site.stop_in_order();
    let mut bytes = fs::read(&copy).unwrap();
    bytes[..4_096].fill(0xa5);
    fs::write(&copy, bytes).unwrap();

    let mut site = Site::start(&copy);
    assert_eq!(site.events().iter().filter(|event| event.kind == Kind::StorageSalvaged).count(), 1);
    assert_eq!(site.scan("bench", "1"), "already (finished)");
    assert_eq!(site.scan("door", &used[0]), "accepted");
}

#[test]
fn the_log_of_a_file_that_is_known_to_be_damaged_is_left_for_the_salvage() {
    let folder = Folder::in_memory();
    for (what, is_damaged, is_left, is_folded) in
        [("whole", false, false, true), ("damaged", true, false, false), ("left as it is", true, true, true)]
    {
        let path = folder.file(&format!("{what}.db"));
        let mut site = Site::start(&path);
        site.scan("bench", "nobody-knows");
        if is_damaged {
            site.journal.damage().found("a page is not what it should be");
        }
        if is_left {
            site.journal.damage().leave(jiff::Timestamp::UNIX_EPOCH);
        }
        site.stop_in_order();
        let left = fs::metadata(end_of(&path, "-wal")).unwrap().len();
        assert_eq!(left == 0, is_folded, "{what}: {left} bytes of the log are left");
    }
}

/// Of a large site that nobody has sent anything away for.
const MANY: u64 = 1_000_000;
/// Of the 256 MB that the service may take, beside what the agent has already.
const PEAK_BYTES_MAX: u64 = 128 << 20;

#[test]
#[ignore = "long"]
#[expect(clippy::disallowed_methods, reason = "how long it takes is what is measured")]
fn a_million_events_are_salvaged_in_bounded_memory() {
    let template = Template::get();
    let folder = Folder::new();
    let path = folder.file("parceld.db");
    fs::copy(template.folder.file(STOPPED), &path).unwrap();
    fs::copy(lock(&template.folder.file(STOPPED)), lock(&path)).unwrap();
    let file = Connection::open(&path).unwrap();
    let subject = "orders/o-1";
    let (each, head): (u64, u64) = file
        .query_row("SELECT sum(subject = ?1), max(place) FROM events", [subject], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    let copies = MANY / each;
    file.execute_batch(&format!(
        "BEGIN; INSERT INTO events (place, id, at, uptime_s, synced, kind, station, subject, data, operator, boot, since_boot_us)
         WITH RECURSIVE n(value) AS (SELECT 0 UNION ALL SELECT value + 1 FROM n WHERE value + 1 < {copies}),
         one AS (SELECT *, row_number() OVER (ORDER BY place) AS nth FROM events WHERE subject = '{subject}')
         SELECT {head} + value * {each} + nth, randomblob(16), at, uptime_s, synced, kind, station, 'orders/m-' || value,
             replace(data, '\"o-1\"', '\"m-' || value || '\"'), operator, boot, since_boot_us
         FROM n, one; COMMIT"
    ))
    .unwrap();
    drop(file);
    let bytes = fs::metadata(&path).unwrap().len();
    let hurt = fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&hurt, &[0; PAGE], 0).unwrap();
    drop(hurt);
    let measure = |what: &str| {
        fs::write("/proc/self/clear_refs", "5").unwrap();
        let (before, began) = (peak_bytes(), Instant::now());
        let site = Site::start(&path);
        let (took, peak) = (began.elapsed(), peak_bytes());
        println!(
            "{what}: {} events, {} MB, in {:.0} s; memory at its peak {} MB, {} MB before",
            site.head(),
            bytes >> 20,
            took.as_secs_f64(),
            peak >> 20,
            before >> 20
        );
        assert!(peak - before < PEAK_BYTES_MAX, "{what}: {peak} bytes, {before} before");
        site.stop_in_order();
    };
    measure("salvaged");
    let salvaged = salvage::quarantine(&path);
    assert_eq!(salvaged.len(), 1);
    assert!(MANY < journal::Reader::open(&path).unwrap().cursors().unwrap().head);
    salvage::suspect(&path, "a suspicion").unwrap();
    measure("examined");
    assert_eq!(salvage::quarantine(&path), salvaged);
}

/// The most memory that this process has had at once since it was last asked to forget.
fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
}
