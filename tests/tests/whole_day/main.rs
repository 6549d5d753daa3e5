//! A whole day on one floor: 300 orders with 1,000 items go through picking, bench, door and desk on ptys, with what goes
//! wrong on a day. At its end the platform believes what the day's own books say, which are kept without the agent.
//!
//! The day is kept as a capture, and played back it ends the same.

mod course;
mod tape;

use parceld_tests::agent::AgentSetup;
use parceld_tests::day::Day;
use parceld_tests::picture;
use parceld_tests::platform::Platform;
use parceld_tests::random::seed_or;
use parceld_tests::recorder::Recorder;
use parceld_tests::site::{Broker, LABELS, SITE, Site, assert_gapless};
use parceld_tests::tempdir::TempDir;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use tape::Tape;

/// Another seed, in `PARCELD_SEED` too, is another day.
const SEED: u64 = 20_261_126;

const DATABASE: &str = "parceld.db";

#[test]
fn at_the_end_of_a_whole_day_the_platform_believes_what_happened() {
    let broker = Broker::mosquitto();
    let recorder = Recorder::start(broker.port(), env!("CARGO_TARGET_TMPDIR"), "whole_day");
    let mut site = Site::whole_floor(broker, impatient);
    let mut day = Day::of(seed_or(SEED), course::SIZE, &course::FATES);
    day.open(&site, course::SIZE.orders);
    let morning = Morning::of(&mut site);

    let mut tape = Tape::default();
    course::work(&mut day, &mut site, &mut tape);
    let capture = Path::new(env!("CARGO_TARGET_TMPDIR")).join("whole-day.capture");
    fs::write(&capture, tape.to_string()).expect("the capture can be written");

    day.books.assert_believed_by(&site);
    picture::assert_same(&end(&site), &picture::of_platform(&site.platform, SITE));
    let told = site.platform.site(SITE).expect("the platform knows the site");
    assert_eq!((&told["conflicts"], &told["gaps"]), (&Value::Array(Vec::new()), &0.into()));
    let events = site.events();
    assert_gapless(&events);
    let ids: BTreeSet<&str> = events.iter().filter_map(|event| event["id"].as_str()).collect();
    assert_eq!(ids.len(), events.len(), "every event once");
    assert_no_scan_was_lost(&events, &day);
    let evening = end(&site);
    assert_all_was_recorded(&recorder.finish(), &events);
    drop(site);

    let text = fs::read_to_string(&capture).expect("it was written");
    let mut again = morning.site();
    tape.replay(&text, &mut again);
    let again = end(&again);
    for part in ["orders", "returns", "stock"] {
        assert_eq!(again[part], evening[part], "{part} of the day that was played back");
    }
}

/// A broker that dies takes events along: they are sent again soon.
fn impatient(setup: AgentSetup) -> AgentSetup {
    setup.set("sync.receipt_timeout", "2s")
}

/// Each kind of event that the platform has was seen on the broker, and judged.
#[track_caller]
fn assert_all_was_recorded(recorded: &BTreeMap<String, usize>, events: &[Value]) {
    for event in events {
        let kind = event["type"].as_str().expect("an event has a type");
        let schema = kind.replace("parceld.", "event.").replace(".v1", "");
        assert!(recorded.contains_key(&schema), "{kind} is in no recording: {recorded:?}");
    }
}

/// The files of the site and the platform before the first scan.
struct Morning {
    dir: TempDir,
    agent: PathBuf,
    platform: PathBuf,
}

impl Morning {
    fn of(site: &mut Site) -> Morning {
        let dir = TempDir::new("morning");
        let (agent, platform) = (dir.join(DATABASE), dir.join("platform.db"));
        assert!(site.agent.stop().is_some_and(|status| status.success()));
        site.platform.stop();
        for (from, to) in [(site.agent.database(), &agent), (site.platform.database(), &platform)] {
            let log = from.with_extension("db-wal");
            let is_folded = fs::metadata(&log).map_or(true, |log| log.len() == 0);
            assert!(is_folded, "all of a closed database is in one file: {}", log.display());
            fs::copy(from, to).expect("a database can be copied");
        }
        site.platform.restart();
        site.agent.restart();
        site.agent.ready();
        Morning { dir, agent, platform }
    }

    /// Another site and platform that know the same.
    fn site(&self) -> Site {
        let broker = Broker::mosquitto();
        let platform = Platform::knowing(&self.platform, broker.port(), LABELS);
        let database = self.dir.join("again.db");
        fs::copy(&self.agent, &database).expect("a database can be copied");
        Site::whole_floor_with(broker, platform, |setup| {
            impatient(setup).set("storage.path", database.to_string_lossy().into_owned())
        })
    }
}

/// The site's picture once the platform has everything.
fn end(site: &Site) -> Value {
    site.until_answered();
    site.until_synced();
    picture::of_site(&site.agent.database())
}

/// What was wrong is there as well: an event for each scan that did not count.
#[track_caller]
fn assert_no_scan_was_lost(events: &[Value], day: &Day) {
    let refused = events.iter().filter(|event| event["type"] == "parceld.site.scan_refused.v1").count();
    assert_eq!(refused, day.refused, "events for scans that did not count");
    let picked = events.iter().filter(|event| event["type"] == "parceld.pick.item_picked.v1").count();
    assert_eq!(picked, day.books.picks, "items that were picked");
}
