//! Times that were stored by a wrong clock: told and set right, and nothing decided by them.

#![expect(clippy::unwrap_used, reason = "what fails here is a failed test")]

mod site;

use jiff::Timestamp;
use parceld::clock::{Boot, Known, Mark, Moment};
use parceld::domain::event::{Event, Kind, Method};
use parceld::journal::{self, Job, Label, Reader, ReceiptOutcome, Stored};
use proptest::prelude::*;
use site::*;
use std::time::Duration;

/// What the board reckons in its first boots, as seconds of this year's first hour.
fn reckoned(second: u64) -> Moment {
    let wall = "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap() + Duration::from_secs(second);
    Moment { wall, since_start: Duration::from_secs(second), trusted: false }
}

/// The right time so long after the start, which was at 8 o'clock.
fn right(second: u64) -> Moment {
    at(second * 1_000)
}

fn boot(id: &str, at_start_s: u64) -> Boot {
    Boot { id: id.into(), at_start: Duration::from_secs(at_start_s) }
}

fn start(folder: &Folder, boot: Boot, moment: Moment) -> Site {
    let config = journal::Config { boot, ..config(&folder.file("j.db")) };
    let (journal, writing) = journal::open(config, moment).unwrap();
    let site = Site { journal, writing, now_ms: 0, commands: 0 };
    site.ask(|reply| Job::Publishing { reply }).expect("it is noted");
    site
}

fn record(site: &Site, moment: Moment) {
    site.journal.submit(Job::Record { event: Event::SiteStopped, station: None, moment }).unwrap();
    site.settle();
}

fn correct(site: &Site, moment: Moment) -> bool {
    site.ask(|reply| Job::CorrectTimes { moment, vouched: false, reply }).unwrap()
}

/// Each as `place label time`, the time of day.
fn told(site: &Site) -> Vec<String> {
    let tell = |stored: &Stored| format!("{} {} {:.3}", stored.place, stored.label.word(), stored.at);
    site.events().iter().map(tell).collect()
}

/// The ranges that were told, as `boot from-to offset`.
fn corrections(site: &Site) -> Vec<String> {
    let events = site.events();
    let told = decoded(&events).into_iter().filter_map(|event| match event {
        Event::ClockCorrected { boot, from, to, offset_ms } => Some(format!("{boot} {from}-{to} {offset_ms}")),
        _ => None,
    });
    told.collect()
}

/// From the year's first second to the 22 November, 8 o'clock.
const OFF_MS: i64 = 28_108_800_000;

#[test]
fn a_board_that_learns_the_time_sets_its_times_right() {
    let folder = Folder::new();
    let site = start(&folder, boot("b", 30), reckoned(0));
    record(&site, reckoned(60));
    assert!(!correct(&site, reckoned(61)), "who doesn't know the time corrects nothing");
    assert_eq!(told(&site), ["1 unsynced 2026-01-01T00:00:00.000Z", "2 unsynced 2026-01-01T00:01:00.000Z"]);
    record(&site, right(90));
    assert!(!correct(&site, right(91)));
    assert!(!correct(&site, right(92)), "once");
    assert_eq!(corrections(&site), [format!("b 1-2 {OFF_MS}")]);
    assert_eq!(
        told(&site),
        [
            "1 corrected 2026-11-22T08:00:00.000Z",
            "2 corrected 2026-11-22T08:01:00.000Z",
            "3 synced 2026-11-22T08:01:30.000Z",
            "4 synced 2026-11-22T08:01:31.000Z",
        ]
    );
    site.stop_without_a_word();
}

#[test]
fn another_start_in_the_same_boot_sets_right_what_the_last_one_left() {
    let folder = Folder::new();
    let site = start(&folder, boot("b", 30), reckoned(0));
    record(&site, reckoned(60));
    site.stop_without_a_word();
    // 100 s of the boot had gone by at the first start's moment 70.
    let later = |second: u64, moment: Moment| Moment { since_start: Duration::from_secs(second), ..moment };
    let site = start(&folder, boot("b", 130), later(0, reckoned(100)));
    record(&site, later(20, right(120)));
    correct(&site, later(21, right(121)));
    assert_eq!(corrections(&site), [format!("b 1-3 {OFF_MS}")]);
    site.stop_without_a_word();
}

#[test]
fn nobody_knows_how_long_ago_another_boot_was() {
    let folder = Folder::new();
    let site = start(&folder, boot("a", 30), reckoned(0));
    record(&site, reckoned(60));
    site.stop_without_a_word();
    let site = start(&folder, boot("b", 10), right(0));
    assert!(!correct(&site, right(1)));
    assert_eq!(corrections(&site), Vec::<String>::new());
    assert!(site.events()[1].label == Label::Unsynced);
    // A boot that begins in the dark sets right its own times only.
    site.stop_without_a_word();
    let site = start(&folder, boot("c", 10), reckoned(0));
    correct(&site, right(1));
    assert_eq!(corrections(&site), [format!("c 4-4 {OFF_MS}")]);
    site.stop_without_a_word();
}

#[test]
fn a_step_in_the_dark_makes_ranges_of_their_own() {
    let folder = Folder::new();
    let site = start(&folder, boot("b", 30), reckoned(0));
    record(&site, reckoned(60));
    let hour = Duration::from_secs(3_600);
    record(&site, Moment { wall: reckoned(70).wall + hour, ..reckoned(70) });
    record(&site, right(80));
    record(&site, Moment { wall: reckoned(90).wall + hour, ..reckoned(90) });
    correct(&site, right(100));
    let off_hour = OFF_MS - 3_600_000;
    assert_eq!(
        corrections(&site),
        [format!("b 1-2 {OFF_MS}"), format!("b 3-3 {off_hour}"), format!("b 5-5 {off_hour}")]
    );
    site.stop_without_a_word();
}

#[test]
fn many_times_are_set_right_a_little_at_a_time() {
    let folder = Folder::in_memory();
    let site = start(&folder, boot("b", 30), reckoned(0));
    for second in 1..4_500 {
        let (event, moment) = (Event::SiteStopped, reckoned(second));
        site.journal.submit(Job::Record { event, station: None, moment }).unwrap();
    }
    let mut turns = 1;
    while correct(&site, right(5_000)) {
        turns += 1;
    }
    assert_eq!(turns, 3);
    assert_eq!(corrections(&site), ["1-2000", "2001-4000", "4001-4500"].map(|range| format!("b {range} {OFF_MS}")));
    assert!(site.events().iter().all(|stored| stored.label != Label::Unsynced));
    site.stop_without_a_word();
}

#[test]
fn a_start_goes_on_from_the_newest_event_and_from_the_newest_that_was_believed() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    assert_eq!(journal::known(&path, &boot("b", 0)), None);
    let site = start(&folder, boot("b", 30), right(0));
    record(&site, right(60));
    site.stop_without_a_word();
    let known = |id: &str| journal::known(&path, &boot(id, 0));
    let believed = Mark { at: right(60).wall, since_boot: Some(Duration::from_secs(90)) };
    assert_eq!(known("b"), Some(Known { newest: believed, believed: Some(believed), vouched: false }));
    let of_another = Mark { since_boot: None, ..believed };
    assert_eq!(known("c"), Some(Known { newest: of_another, believed: Some(of_another), vouched: false }));
    // In doubt, after a time server was heard.
    let doubtful =
        |second: u64, moment: Moment| Moment { trusted: false, since_start: Duration::from_secs(second), ..moment };
    let site = start(&folder, boot("b", 100), doubtful(0, right(70)));
    assert!(
        !site
            .ask(|reply| Job::CorrectTimes {
                moment: Moment { trusted: true, ..doubtful(1, right(71)) },
                vouched: true,
                reply
            })
            .unwrap()
    );
    record(&site, doubtful(5, right(75)));
    site.stop_without_a_word();
    let newest = Mark { at: right(75).wall, since_boot: Some(Duration::from_secs(105)) };
    let corrected = Mark { at: right(71).wall, since_boot: Some(Duration::from_secs(101)) };
    assert_eq!(known("b"), Some(Known { newest, believed: Some(corrected), vouched: true }));
    assert!(!known("c").unwrap().vouched);
}

#[test]
fn what_comes_late_from_the_dark_waits_to_be_set_right_too() {
    let folder = Folder::new();
    let site = start(&folder, boot("b", 30), reckoned(0));
    let waits = |site: &Site| {
        site.settle();
        site.journal.head().borrow().uncorrected
    };
    assert!(waits(&site));
    correct(&site, right(60));
    assert!(!waits(&site));
    // It waited for the writer while the clock was set.
    record(&site, reckoned(50));
    assert!(waits(&site));
    correct(&site, right(62));
    assert!(!waits(&site));
    assert_eq!(corrections(&site), [format!("b 1-1 {OFF_MS}"), format!("b 3-3 {OFF_MS}")]);
    site.stop_without_a_word();
}

#[test]
fn corrections_move_along_when_an_old_copy_begins_a_new_epoch() {
    let folder = Folder::new();
    let site = start(&folder, boot("b", 30), reckoned(0));
    record(&site, reckoned(60));
    site.stop_without_a_word();
    // 100 s of the boot had gone by at the first start's moment 70.
    let later = |second: u64, moment: Moment| Moment { since_start: Duration::from_secs(second), ..moment };
    let site = start(&folder, boot("b", 130), later(0, reckoned(100)));
    correct(&site, later(20, right(120)));
    assert_eq!(corrections(&site), [format!("b 1-3 {OFF_MS}")]);
    record(&site, later(22, reckoned(122)));
    assert_eq!(site.receipt(site.epoch(), 40, true), ReceiptOutcome::NewEpoch);
    assert_eq!(corrections(&site), [format!("b 2-2 {OFF_MS}")], "the new epoch's own");
    correct(&site, later(24, right(124)));
    assert_eq!(corrections(&site), [format!("b 2-2 {OFF_MS}"), format!("b 4-4 {OFF_MS}")]);
    let told = told(&site);
    let words = |place: usize| told[place - 1].split('.').next().unwrap().to_owned();
    assert_eq!(
        [1, 2, 4, 6].map(words),
        [
            "1 corrected 2026-11-22T08:00:00",
            "2 corrected 2026-11-22T08:01:00",
            "4 corrected 2026-11-22T08:01:40",
            "6 corrected 2026-11-22T08:02:02",
        ]
    );
    assert!(told[2].starts_with("3 synced"), "{told:?}");
    site.stop_without_a_word();
}

#[test]
fn a_correction_of_what_an_old_copy_had_before_its_epoch_names_nothing_of_the_new_one() {
    let folder = Folder::new();
    let site = start(&folder, boot("b", 30), reckoned(0));
    site.stop_without_a_word();
    let site = start(&folder, boot("b", 60), right(30));
    correct(&site, right(31));
    assert_eq!(corrections(&site), [format!("b 1-1 {}", corrections_off(&site))]);
    assert_eq!(site.receipt(site.epoch(), 40, true), ReceiptOutcome::NewEpoch);
    assert_eq!(corrections(&site), [format!("b 3-3 {}", corrections_off(&site))]);
    assert!(told(&site)[0].starts_with("1 corrected"));
    site.stop_without_a_word();
}

/// The offset that was told first.
fn corrections_off(site: &Site) -> String {
    corrections(site)[0].rsplit(' ').next().unwrap().to_owned()
}

/// What can happen to a journal: the seconds that pass before it, what is scanned if anything is, and what the wall clock
/// shows then.
type Happening = (u64, Option<usize>, i64, bool);

const CODES: [&str; 8] = ["1", "A", "B", "A", "DONE", "SEAL", "2", "A"];

/// Answers, events and what is left of them after a life of `happenings` with a receipt for half of it.
fn live(happenings: &[Happening], wall: impl Fn(&Happening) -> Timestamp) -> (Vec<String>, Vec<String>, Vec<u64>) {
    let folder = Folder::in_memory();
    let moment = |second: u64, happening: &Happening| Moment {
        wall: wall(happening),
        since_start: Duration::from_secs(second),
        trusted: happening.3,
    };
    let mut second = 0;
    let first = (0, None, 0, false);
    let mut site = start(&folder, boot("b", 0), moment(0, happenings.first().unwrap_or(&first)));
    for number in [1, 2] {
        site.put(number, "3xA 2xB");
    }
    let mut answers = Vec::new();
    for happening in happenings {
        second += happening.0;
        let moment = moment(second, happening);
        match happening.1 {
            Some(code) => {
                let code = CODES[code % CODES.len()];
                let (station, scan) = ("bench".into(), read("bench", code, &moment));
                let job = |reply| Job::Scan { station, scan, method: Method::Scan, moment, reply };
                answers.push(site::told(&site.ask(job)));
            }
            None => {
                site.ask(|reply| Job::Retain { moment, reply });
            }
        }
    }
    let events: Vec<String> =
        site.events().iter().map(|stored| format!("{} {}", stored.place, stored.kind.word())).collect();
    site.receipt(site.epoch(), site.head() / 2, false);
    let last = Moment { since_start: Duration::from_secs(second + KEEP.as_secs() / 2), ..moment(second, &first) };
    while site.ask(|reply| Job::Retain { moment: last, reply }) {}
    let kept = Reader::open(site.journal.path()).unwrap().events(0, 100_000).unwrap();
    let kept = kept.iter().map(|stored| stored.place).collect();
    site.stop_without_a_word();
    (answers, events, kept)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// I5
    #[test]
    fn order_repeats_and_retention_never_look_at_the_wall_clock(
        happenings in prop::collection::vec(
            (0u64..600, prop::option::weighted(0.9, 0usize..8), -2_000_000_000i64..4_000_000_000, any::<bool>()),
            1..40,
        ),
    ) {
        let wild = live(&happenings, |(.., wall_s, _)| Timestamp::from_second(*wall_s).unwrap());
        let still = live(&happenings, |_| "2026-11-22T08:00:00Z".parse().unwrap());
        prop_assert_eq!(wild, still);
    }
}

#[test]
fn retention_forgets_what_was_corrected_with_its_events() {
    let folder = Folder::new();
    let site = start(&folder, boot("b", 30), reckoned(0));
    record(&site, reckoned(60));
    correct(&site, right(61));
    record(&site, right(62));
    site.receipt(site.epoch(), site.head(), false);
    let late = Moment { since_start: KEEP * 2, ..right(100) };
    site.ask(|reply| Job::Retain { moment: late, reply });
    let left = site.events();
    assert_eq!(left.iter().map(|stored| stored.kind).collect::<Vec<_>>(), [Kind::SiteStopped]);
    site.stop_without_a_word();
}
