//! The journal through its front door: jobs in, answers and a file out.

#![expect(clippy::unwrap_used, reason = "what fails here is a failed test")]

mod site;

use parceld::clock::Moment;
use parceld::contract;
use parceld::domain::event::{Event, Kind, Method};
use parceld::domain::replay::replay;
use parceld::domain::signal::Answer;
use parceld::domain::station::Mode;
use parceld::journal::salvage::restore::{Unfit, restore};
use parceld::journal::{self, Epoch, Job, Journal, NotSaved, ReceiptOutcome, Stored};
use serde_json::{Value, json};
use site::*;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc;
use uuid::Uuid;

// I2: the log

#[test]
fn the_log_has_no_gaps_however_many_ask_at_once() {
    let folder = Folder::new();
    let mut config = config(&folder.file("j.db"));
    config.stations.extend((1_000..1_004).map(|n| (format!("flood-{n}").as_str().into(), Mode::Pack)));
    let mut site = Site::start_with(config);
    for number in 1_000..1_004 {
        site.put(number, "250xA");
    }
    let answers: Vec<Vec<String>> = std::thread::scope(|scope| {
        let floods = (1_000..1_004).map(|number| {
            let journal = site.journal.clone();
            scope.spawn(move || flood(&journal, number))
        });
        let floods: Vec<_> = floods.collect();
        floods.into_iter().map(|flood| flood.join().unwrap()).collect()
    });
    for answers in &answers {
        assert_eq!(answers[0], "opened 0/250");
        assert_eq!(answers[1], "accepted 1/250");
        assert_eq!(answers[250], "completed 250/250");
    }
    let events = site.events();
    assert_gapless(&events);
    assert_eq!(of_kind(&events, Kind::ItemPicked), 1_000);
    assert_eq!(events.len() as u64, site.head());
    assert_eq!(ssccs(&events).into_iter().collect::<BTreeSet<_>>().len(), 4);
}

/// Opens an order at a station of its own and packs it without waiting for answers.
fn flood(journal: &Journal, number: u64) -> Vec<String> {
    let (sender, answers) = mpsc::channel();
    let station = format!("flood-{number}");
    for n in 0..=250 {
        let code = if n == 0 { number.to_string() } else { "A".to_owned() };
        let moment = at(n * 1_000);
        let scan = read(&station, &code, &moment);
        let sender = sender.clone();
        let reply = Box::new(move |answer: Answer| drop(sender.send(told(&answer))));
        let job = Job::Scan { station: station.as_str().into(), scan, method: Method::Scan, moment, reply };
        journal.submit(job).unwrap();
    }
    (0..=250).map(|_| answers.recv_timeout(PATIENCE).unwrap()).collect()
}

#[test]
fn what_was_just_committed_is_at_hand_as_the_file_has_it() {
    let folder = Folder::new();
    let mut site = Site::start(&folder.file("j.db"));
    let places = |site: &Site, after| {
        let fresh = site.journal.fresh(after, 9);
        fresh.map(|fresh| fresh.iter().map(|event| event.place - after).collect::<Vec<_>>())
    };
    let start = site.head();
    assert_eq!(places(&site, start - 1), None, "what was there before is in the file");
    site.put(1, "2xA");
    site.scan("bench", "1");
    let opened = site.head();
    site.scan("bench", "A");
    assert_eq!(places(&site, opened), Some(vec![1, 2]));
    assert_eq!(places(&site, start - 1), None);
    let record = |moment| Job::Record { event: Event::SiteStopped, station: Some("bench".into()), moment };
    let mut moment = at(site.now_ms + 1);
    moment.wall += std::time::Duration::from_nanos(999);
    site.journal.submit(record(moment)).unwrap();
    let between = site.head();
    assert_eq!(places(&site, between - 1), Some(vec![1]));
    site.events();
    // Its time may come to be told otherwise.
    site.journal.submit(record(Moment { trusted: false, ..at(site.now_ms + 2) })).unwrap();
    assert_eq!(places(&site, between), None);
    let unsynced = site.head();
    assert_eq!(places(&site, between), None);
    site.scan("bench", "A");
    assert_eq!(places(&site, unsynced - 1), None);
    assert_eq!(places(&site, unsynced).map(|places| places[0]), Some(1));
    site.events();
}

#[test]
fn the_log_played_back_is_what_scans_find() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let mut site = Site::start(&path);
    for (number, lines) in [(1, "2xA 1xB"), (2, "1xB"), (3, "3xC"), (4, "1xA 1xC")] {
        assert_eq!(site.put(number, lines), "accepted");
    }
    for code in ["1", "A", "A", "B", "2", "B", "3", "C", "SEAL", "C", "B", "DONE", "4", "A"] {
        site.scan("bench", code);
    }
    assert_eq!(site.tell("order.put", order(3, 2, "4xC 1xA")), "accepted");
    assert_eq!(site.tell("order.cancel", json!({"id": "o-4", "revision": 1})), "accepted");
    site.stop_in_order();

    let mut site = Site::start(&path);
    let orders = replay(&decoded(&site.events())).unwrap();
    for order in orders.values() {
        let (done, of) = order.units();
        let expected = match order.progress.state.word() {
            "packed" => "already (finished)".to_owned(),
            "cancelled" => "refused (cancelled)".to_owned(),
            _ => format!("opened {done}/{of}"),
        };
        assert_eq!(site.scan("bench-2", &order.terms.number), expected, "order {}", order.terms.number);
    }
    assert_eq!(orders.len(), 4);
}

// Starting again

#[test]
fn a_restart_keeps_what_is_open_at_a_station() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let mut site = Site::start(&path);
    site.put(1, "3xA");
    assert_eq!(site.scan("bench", "1"), "opened 0/3");
    assert_eq!(site.scan("bench", "A"), "accepted 1/3");
    let key = site.journal.site_key().to_vec();
    site.stop_in_order();

    let mut site = Site::start(&path);
    assert_eq!(site.scan("bench", "A"), "accepted 2/3");
    assert_eq!(site.scan("bench-2", "1"), "refused (open_elsewhere)");
    assert_eq!((site.journal.starts(), site.journal.site_key()), (2, &*key));
}

#[test]
fn a_station_that_is_no_longer_configured_gives_its_order_back() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let mut site = Site::start(&path);
    site.put(1, "3xA");
    assert_eq!(site.scan("bench-2", "1"), "opened 0/3");
    site.stop_in_order();

    let mut smaller = config(&path);
    smaller.stations.remove("bench-2");
    let (journal, writing) = journal::open(smaller, at(0)).unwrap();
    let mut site = Site { journal, writing, now_ms: 0, commands: 0 };
    assert_eq!(site.scan("bench", "DONE"), "opened 0/3");
}

#[test]
fn an_order_put_down_is_offered_after_the_others_also_after_a_restart() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let mut site = Site::start(&path);
    site.put(1, "3xA");
    site.put(2, "1xB");
    assert_eq!(site.scan("bench", "DONE"), "opened 0/3");
    assert_eq!(site.scan("bench", "DONE"), "accepted 0/3");
    site.stop_in_order();

    let mut site = Site::start(&path);
    assert_eq!(site.scan("bench", "DONE"), "opened 0/1");
}

#[test]
fn after_a_crash_the_last_scan_is_asked_about_once() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let mut site = Site::start(&path);
    site.put(1, "4xA 1xB");
    site.scan("bench", "1");
    assert_eq!(site.scan("bench", "A"), "accepted 1/5");
    let copy = folder.file("crashed.db");
    site.copy_to(&copy);
    site.stop_in_order();

    let mut crashed = Site::start(&copy);
    assert_eq!(crashed.scan("bench", "A"), "already (perhaps_counted)");
    assert_eq!(crashed.scan("bench", "A"), "accepted 2/5");
    let started = crashed.events().into_iter().rfind(|event| event.kind == Kind::SiteStarted);
    assert!(started.unwrap().data.contains("recovered"));
    crashed.stop_without_a_word();

    let mut crashed = Site::start(&copy);
    assert_eq!(crashed.scan("bench", "B"), "accepted 3/5", "another code is no repeat");
    assert_eq!(crashed.scan("bench", "A"), "accepted 4/5");
    crashed.stop_without_a_word();

    let mut stopped = Site::start(&path);
    assert_eq!(stopped.scan("bench", "A"), "accepted 2/5", "an orderly stop leaves no doubt");
}

#[test]
fn a_question_that_never_arrived_is_asked_again() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let mut site = Site::start(&path);
    site.put(1, "4xA");
    site.scan("bench", "1");
    assert_eq!(site.scan("bench", "A"), "accepted 1/4");
    let dead = |site: Site| {
        let next = folder.file(&format!("{}.db", site.journal.starts()));
        site.copy_to(&next);
        site.stop_without_a_word();
        Site::start(&next)
    };
    let mut site = dead(site);
    assert_eq!(site.scan("bench", "A"), "already (perhaps_counted)");
    let mut site = dead(site);
    assert_eq!(site.scan("bench", "A"), "already (perhaps_counted)", "the agent died over the answer");
    site.journal.submit(Job::Unanswered { scanner: "bench".into() }).unwrap();
    assert_eq!(site.scan("bench", "A"), "already (perhaps_counted)", "the line was lost over it");
    assert_eq!(site.scan("bench", "A"), "accepted 2/4");
    let mut site = dead(site);
    assert_eq!(site.scan("bench", "A"), "already (perhaps_counted)", "a new doubt");
    assert_eq!(site.scan("bench", "A"), "accepted 3/4");
}

#[test]
fn a_scan_whose_answer_did_not_arrive_is_asked_about_once() {
    let folder = Folder::new();
    let mut site = Site::start(&folder.file("j.db"));
    site.put(1, "4xA");
    site.scan("bench", "1");
    assert_eq!(site.scan("bench", "A"), "accepted 1/4");
    site.journal.submit(Job::Unanswered { scanner: "bench".into() }).unwrap();
    assert_eq!(site.scan("bench", "A"), "already (perhaps_counted)");
    assert_eq!(site.scan("bench", "A"), "accepted 2/4");
}

#[test]
fn a_scan_whose_answer_did_not_arrive_is_asked_about_also_after_an_orderly_stop() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let mut site = Site::start(&path);
    site.put(1, "4xA");
    site.scan("bench", "1");
    assert_eq!(site.scan("bench", "A"), "accepted 1/4");
    site.journal.submit(Job::Unanswered { scanner: "bench".into() }).unwrap();
    site.stop_in_order();
    let mut site = Site::start(&path);
    assert_eq!(site.scan("bench", "A"), "already (perhaps_counted)");
    assert_eq!(site.scan("bench", "A"), "accepted 2/4");
    site.stop_in_order();
    let mut site = Site::start(&path);
    assert_eq!(site.scan("bench", "A"), "accepted 3/4");
}

#[test]
fn more_orders_than_memory_keeps_are_in_the_file_as_they_were_answered() {
    let folder = Folder::new();
    let orders_cached = 4;
    for others in 0..=2 * orders_cached as u32 {
        let path = folder.file(&format!("{others}.db"));
        let mut site = Site::start_with(journal::Config { orders_cached, ..config(&path) });
        site.put(1, "3xA");
        site.scan("bench", "1");
        assert_eq!(site.scan("bench", "A"), "accepted 1/3");
        (2..2 + others).for_each(|number| _ = site.put(number, "1xA"));
        assert_eq!(site.scan("bench", "A"), "accepted 2/3");
        site.stop_in_order();
        let mut site = Site::start(&path);
        assert_eq!(site.scan("bench", "A"), "completed 3/3", "beside {others} others");
    }
}

#[test]
fn a_newer_file_is_refused() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    Site::start(&path).stop_in_order();
    let conn = rusqlite::Connection::open(&path).unwrap();
    let version: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    conn.execute_batch(&format!("PRAGMA user_version = {}", version + 1)).unwrap();
    drop(conn);
    let refused = journal::open(config(&path), at(0)).map(|_| ());
    assert!(matches!(refused, Err(journal::Error::NewerFile { found, known, .. }) if found == known + 1));
    assert!(journal::Reader::open(&path).is_err());
}

#[test]
fn a_file_in_use_is_refused_until_its_writer_has_ended() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let Site { journal, writing, .. } = Site::start(&path);
    let refused = journal::open(config(&path), at(0)).map(|_| ());
    assert!(matches!(refused, Err(journal::Error::Locked { .. })));
    drop(writing);
    let refused = journal::open(config(&path), at(0)).map(|_| ());
    assert!(matches!(refused, Err(journal::Error::Locked { .. })), "the writer still runs");
    drop(journal);
    until("the lock is released", || journal::open(config(&path), at(0)).is_ok());
}

/// SQLite would keep the log beside the file itself, and all of ours would look beside the link.
#[test]
fn a_link_to_a_file_is_refused_with_the_path_to_write() {
    let folder = Folder::new();
    let (path, link) = (folder.file("j.db"), folder.file("link.db"));
    drop(journal::open(config(&path), at(0)).unwrap());
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let refused = journal::open(config(&link), at(0)).map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("set storage.path to the file itself"), "{refused}");
    assert!(refused.contains(&path.display().to_string()), "{refused}");
}

#[test]
fn what_is_no_database_is_refused() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    std::fs::write(&path, "not a database, ".repeat(1_000)).unwrap();
    assert!(journal::open(config(&path), at(0)).is_err());
    assert_eq!(std::fs::read(&path).unwrap().len(), 16_000, "it is left as it was");
}

// I4: receipts and cursors

#[test]
fn receipts_move_on_and_never_back() {
    let folder = Folder::new();
    let mut site = Site::start(&folder.file("j.db"));
    site.put(1, "9xA");
    let (epoch, head) = (site.epoch(), site.head());
    let foreign = Epoch { id: FOREIGN, base: 0 };
    for (of, sequence, expected) in [
        (epoch, 1, ReceiptOutcome::Advanced(1)),
        (epoch, 1, ReceiptOutcome::Repeated(1)),
        (epoch, head, ReceiptOutcome::Advanced(head)),
        (epoch, 1, ReceiptOutcome::Older),
        (epoch, head + 1, ReceiptOutcome::Beyond),
        (epoch, u64::MAX, ReceiptOutcome::Beyond),
        (foreign, 1, ReceiptOutcome::OtherEpoch),
    ] {
        assert_eq!(site.receipt(of, sequence, false), expected, "{sequence}");
    }
    let seen = *site.journal.head().borrow();
    assert_eq!((seen.sent, seen.received), (head, head), "a receipt ahead of what was sent moves both");
}

/// An epoch of no file here.
const FOREIGN: Uuid = Uuid::from_u128(0x0193_5d00_0000_7000_8000_0000_0000_0001);

#[test]
fn cursors_reach_the_file_without_another_job() {
    let folder = Folder::new();
    let mut site = Site::start(&folder.file("j.db"));
    site.put(1, "9xA");
    let head = site.head();
    site.journal.submit(Job::Sent { place: head, again_to: None, moment: at(10) }).unwrap();
    let reader = site.journal.reader().unwrap();
    until("the cursor is in the file", || reader.cursors().unwrap().sent == head);
    assert_eq!(reader.cursors().unwrap().received, 0);
}

#[test]
fn cursors_reach_the_file_while_they_move_all_the_time() {
    let folder = Folder::new();
    let site = Site::start(&folder.file("j.db"));
    let reader = site.journal.reader().unwrap();
    let mut now_ms = 0;
    until("a cursor is in the file", || {
        now_ms += 250;
        site.journal.submit(Job::Sent { place: 1, again_to: None, moment: at(now_ms) }).unwrap();
        reader.cursors().unwrap().sent != 0
    });
}

/// As long as a log gets: what it has when it is folded, and the last piece that it is lengthened by.
const LOG_BYTES: u64 = (4_096 + 256) * 1_024;

#[test]
fn the_log_is_as_long_beforehand_as_it_gets_and_holds_what_was_saved_meanwhile() {
    let folder = Folder::new();
    let length = |name: &str| std::fs::metadata(folder.file(&format!("{name}-wal"))).unwrap().len();
    // Of each file the next one is what a power cut would leave.
    let mut saved = 0;
    for (number, (name, next)) in [("1.db", "2.db"), ("2.db", "3.db"), ("3.db", "4.db")].into_iter().enumerate() {
        let mut site = Site::start(&folder.file(name));
        let order = u32::try_from(number).unwrap() + 1;
        site.put(order, "999xA");
        site.scan("bench", &order.to_string());
        let picks = |site: &mut Site| assert!(site.scan("bench", "A").starts_with("accepted"));
        until("the log is long", || {
            picks(&mut site);
            LOG_BYTES <= length(name)
        });
        let long = length(name);
        (0..20).for_each(|_| picks(&mut site));
        assert_eq!(length(name), long, "a commit writes over what is there");
        site.scan("bench", "CANCEL");
        let events = site.events();
        assert_gapless(&events);
        assert!(saved < events.len());
        saved = events.len();
        site.copy_to(&folder.file(next));
        site.stop_in_order();
        assert_eq!(length(name), 0, "an orderly stop leaves none of it");
    }
    let site = Site::start(&folder.file("4.db"));
    assert!(saved < site.events().len());
}

#[test]
fn an_answer_that_panics_takes_nobody_else_along() {
    let folder = Folder::new();
    let mut site = Site::start(&folder.file("j.db"));
    site.journal.submit(Job::Barrier { reply: Box::new(|()| panic!("a bug in an answer")) }).unwrap();
    assert_eq!(site.put(1, "1xA"), "accepted");
}

#[test]
fn forgetting_on_acknowledgement_takes_it_for_a_receipt() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let (journal, writing) = journal::open(journal::Config { forget_on_puback: true, ..config(&path) }, at(0)).unwrap();
    let site = Site { journal, writing, now_ms: 0, commands: 0 };
    site.journal.submit(Job::Sent { place: 1, again_to: None, moment: at(10) }).unwrap();
    site.settle();
    assert_eq!(site.journal.head().borrow().received, 1);
}

#[test]
fn an_older_copy_begins_a_new_epoch() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let mut site = Site::start(&path);
    site.put(1, "2xA");
    site.put(2, "1xB");
    site.scan("bench", "1");
    site.scan("bench", "A");
    let copy = folder.file("copy.db");
    site.copy_to(&copy);
    site.scan("bench", "A");
    site.scan("bench", "2");
    site.scan("bench", "B");
    let (epoch, sequence) = (site.epoch(), site.head());
    let used = ssccs(&site.events());
    assert_eq!(used.len(), 2);
    site.stop_in_order();

    let mut site = Site::start(&copy);
    let found = site.journal.head_at_start();
    assert_eq!(site.scan("bench-2", "2"), "opened 0/1");
    let before = site.events();
    assert_eq!(site.receipt(epoch, sequence, true), ReceiptOutcome::NewEpoch);

    let events = site.events();
    assert_gapless(&events);
    let begun = site.epoch();
    assert_eq!((begun.base, begun.id == epoch.id), (found, false));
    let first = &events[found as usize];
    assert_eq!((first.kind, begun.sequence(first.place)), (Kind::SiteStarted, 1));
    let follows = format!(r#""follows":{{"epoch":"{}","sequence":{found}}}"#, epoch.id);
    assert!(first.data.contains(&follows), "{}", first.data);
    let ids = |events: &[Stored]| events.iter().map(|event| event.id).collect::<Vec<_>>();
    assert_eq!(ids(&before)[..found as usize], ids(&events)[..found as usize]);
    assert_eq!(ids(&before)[found as usize..], ids(&events)[found as usize + 1..], "the same events, one place on");
    let seen = *site.journal.head().borrow();
    assert_eq!((seen.sent, seen.received, seen.place), (found, found, events.len() as u64));
    assert_eq!(site.receipt(epoch, sequence, true), ReceiptOutcome::OtherEpoch, "the old epoch says no more");

    assert_eq!(site.scan("bench", "A"), "already (perhaps_counted)");
    assert_eq!(site.scan("bench", "A"), "unknown (unknown_code)", "no order is open any more");
    assert_eq!(site.scan("bench", "1"), "refused (awaits_platform)");
    let mut again = order(2, 1, "1xB");
    again["known"] = json!({
        "lines": [{"line": "B", "picked": 1, "packed": 1}],
        "parcels": [{"parcel": 1, "sscc": used[1], "contents": [{"line": "B", "quantity": 1}]}],
        "packed": true,
    });
    assert_eq!(site.tell("order.put", again), "accepted");
    assert_eq!(site.scan("bench", "2"), "already (finished)");
    assert_eq!(site.scan("door", &used[1]), "accepted", "the parcel that the copy never had");
    assert_eq!(site.put(1, "2xA"), "accepted");
    assert_eq!(site.scan("bench", "1"), "opened 1/2");
    assert_eq!(site.scan("bench", "A"), "completed 2/2");
    let given = ssccs(&site.events());
    assert!(!used.contains(&given[0]), "{given:?} of {used:?}");
    site.stop_in_order();

    let site = Site::start(&copy);
    assert_eq!(site.epoch(), begun, "the epoch lasts");
    assert_eq!(site.receipt(begun, 3, true), ReceiptOutcome::Advanced(found + 3));
}

/// It has worked on by itself, in two lives, before it reaches anybody: what it recorded since stands nowhere else.
#[test]
fn an_older_copy_is_known_although_it_has_started_again_before_it_heard_the_platform() {
    for more in [9, 1] {
        let folder = Folder::new();
        let mut site = Site::start(&folder.file("j.db"));
        site.put(1, "9xA");
        let copy = folder.file("copy.db");
        site.copy_to(&copy);
        let (epoch, copied) = (site.epoch(), site.head());
        (0..more).for_each(|n| _ = site.put(2 + n, "1xA"));
        let known = epoch.sequence(site.head());
        site.stop_without_a_word();

        let mut site = Site::start_unheard(config(&copy));
        assert_eq!(site.scan("bench", "1"), "opened 0/9");
        assert_eq!(site.scan("bench", "A"), "accepted 1/9");
        site.stop_without_a_word();
        let site = Site::start_unheard(config(&copy));
        let recorded = site.events();
        assert_eq!(site.receipt(epoch, known, true), ReceiptOutcome::NewEpoch, "{more}");
        let (begun, events) = (site.epoch(), site.events());
        assert_eq!((begun.base, begun.id == epoch.id), (copied, false), "{more}");
        assert_eq!(site.journal.head().borrow().sent, copied, "nothing of it is sent");
        let ids = |events: &[Stored]| events.iter().map(|event| event.id).collect::<Vec<_>>();
        let at = copied as usize;
        assert_eq!(ids(&recorded)[at..], ids(&events)[at + 1..], "the same events, one place on");
    }
}

#[test]
fn what_a_file_has_published_itself_makes_it_no_older_copy() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let mut site = Site::start(&path);
    site.put(1, "9xA");
    let epoch = site.epoch();
    site.stop_without_a_word();
    let mut site = Site::start(&path);
    site.put(2, "1xA");
    let head = site.head();
    site.stop_without_a_word();
    let site = Site::start_unheard(config(&path));
    assert_eq!(site.receipt(epoch, head, true), ReceiptOutcome::Advanced(head));
    assert_eq!(site.epoch(), epoch);
}

#[test]
fn a_parcel_that_awaits_the_platform_is_not_asked_for_at_hand_over() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let mut site = Site::start(&path);
    for number in [1, 2] {
        site.put(number, "1xA");
        site.scan("bench", &number.to_string());
        assert_eq!(site.scan("bench", "A"), "completed 1/1");
    }
    let given = ssccs(&site.events());
    let copy = folder.file("copy.db");
    site.copy_to(&copy);
    site.put(3, "1xA");
    let (epoch, sequence) = (site.epoch(), site.head());
    site.stop_in_order();

    let mut site = Site::start(&copy);
    assert_eq!(site.receipt(epoch, sequence, true), ReceiptOutcome::NewEpoch);
    let mut again = order(1, 1, "1xA");
    again["known"] = json!({"lines": [{"line": "A", "picked": 1, "packed": 1}], "packed": true});
    assert_eq!(site.tell("order.put", again), "accepted");
    assert_eq!(site.scan("bench", &given[1]), "already (finished)");
    assert_eq!(site.scan("door", &given[1]), "refused (awaits_platform)");
    assert_eq!(site.scan("door", &given[0]), "accepted");
    assert_eq!(site.scan("door", "HANDOVER"), "completed 1/1");
}

#[test]
fn a_backup_that_is_put_back_begins_a_new_epoch_at_once() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let mut site = Site::start(&path);
    site.put(1, "2xA");
    site.put(2, "1xB");
    site.scan("bench", "1");
    site.scan("bench", "A");
    let backup = folder.file("backup.db");
    journal::backup::copy(&path, &backup).unwrap();
    let (epoch, backed_up) = (site.epoch(), site.head());
    assert!(matches!(restore(&config(&path), &backup, &at(0)), Err(Unfit::Database(journal::Error::Locked { .. }))));
    assert_eq!(site.scan("bench", "A"), "completed 2/2");
    let used = ssccs(&site.events());
    let key = site.journal.site_key().to_vec();
    site.stop_in_order();

    let restored = restore(&config(&path), &backup, &at(0)).unwrap();
    assert_eq!((restored.events, restored.orders), (backed_up, 2));
    assert!(restored.kept.unwrap().exists());
    let mut site = Site::start(&path);
    let begun = site.epoch();
    assert_eq!((begun.base, begun.id == epoch.id), (backed_up, false));
    let seen = *site.journal.head().borrow();
    assert_eq!(seen.received, 0, "what was unreceived then is sent under its old places");
    assert_eq!(site.journal.site_key(), key);
    assert_eq!(site.scan("bench", "1"), "refused (awaits_platform)");
    assert_eq!(site.receipt(begun, 0, true), ReceiptOutcome::OtherEpoch, "it says nothing of the old one");
    assert_eq!(site.receipt(epoch, 2, true), ReceiptOutcome::Advanced(2));
    assert_eq!(site.receipt(epoch, backed_up + 3, true), ReceiptOutcome::Advanced(backed_up), "up to its end");
    assert_eq!(site.receipt(epoch, backed_up + 3, true), ReceiptOutcome::OtherEpoch);
    assert_eq!(site.receipt(begun, 1, false), ReceiptOutcome::Advanced(backed_up + 1));
    assert_eq!(site.put(3, "1xA"), "accepted");
    assert_eq!(site.scan("bench", "3"), "opened 0/1");
    assert_eq!(site.scan("bench", "A"), "completed 1/1");
    assert!(!used.contains(&ssccs(&site.events()).pop().unwrap()));
    site.stop_in_order();
}

#[test]
fn only_a_whole_backup_of_this_site_is_put_back() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    Site::start(&path).stop_in_order();
    let file = |name: &str, change: &dyn Fn(&rusqlite::Connection)| {
        let copy = folder.file(name);
        std::fs::copy(&path, &copy).unwrap();
        change(&rusqlite::Connection::open(&copy).unwrap());
        copy
    };
    let noise = folder.file("noise.db");
    std::fs::write(&noise, "not a database, ".repeat(1_000)).unwrap();
    let empty = folder.file("empty.db");
    std::fs::write(&empty, "").unwrap();
    let other = file("other.db", &|file| {
        file.execute("UPDATE slate SET value = 'umea-01' WHERE name = 'site'", []).unwrap();
    });
    let newer = file("newer.db", &|file| file.execute_batch("PRAGMA user_version = 99").unwrap());
    let rotten = file("rotten.db", &|_| {});
    let mut bytes = std::fs::read(&rotten).unwrap();
    bytes[2 * 4_096..3 * 4_096].fill(7);
    std::fs::write(&rotten, bytes).unwrap();
    for (backup, expected) in [
        (folder.file("nowhere.db"), "can't be read"),
        (noise, "no backup of an agent"),
        (empty, "no backup of an agent"),
        (other, "a backup of the site umea-01, and this one is sthlm-03"),
        (newer, "written by a newer parceld"),
        (rotten, "damaged"),
        (path.clone(), "is the database itself"),
    ] {
        let before = std::fs::read(&path).unwrap();
        let why = restore(&config(&path), &backup, &at(0)).unwrap_err().to_string();
        assert!(why.contains(expected), "{}: {why}", backup.display());
        assert_eq!(std::fs::read(&path).unwrap(), before, "{}", backup.display());
    }
}

// Stock

#[test]
fn stock_set_as_of_a_place_keeps_the_picks_since() {
    let folder = Folder::new();
    let mut site = Site::start(&folder.file("j.db"));
    site.put(1, "9xA 9xB");
    site.scan("bench", "1");
    site.scan("bench", "A");
    let (epoch, counted) = (site.epoch(), site.head());
    site.scan("bench", "A");
    site.scan("bench", "B");
    let place = |sequence: u64| json!({"epoch": epoch.id.to_string(), "sequence": sequence});
    let items = json!([{"sku": "A", "quantity": 50}, {"sku": "C", "quantity": 7}]);
    for (as_of, expected) in [
        (place(site.head() + 1), "rejected (not_kept)"),
        (json!({"epoch": FOREIGN.to_string(), "sequence": 1}), "rejected (not_kept)"),
        (place(counted), "accepted"),
    ] {
        assert_eq!(site.tell("stock.set", json!({"items": items, "as_of": as_of})), expected);
    }
    let adjusted = decoded(&site.events()).into_iter().filter_map(|event| match event {
        Event::StockAdjusted { sku, delta, stock, .. } => Some((sku.to_string(), delta, stock.on_hand, stock.reserved)),
        _ => None,
    });
    assert_eq!(adjusted.collect::<Vec<_>>(), [("A".to_owned(), 51, 49, 7), ("C".to_owned(), 7, 7, 0)]);
    let without_a_place = json!({"items": [{"sku": "A", "quantity": 49}]});
    assert_eq!(site.tell("stock.set", without_a_place), "accepted");
    assert_eq!(of_kind(&site.events(), Kind::StockAdjusted), 2, "nothing changed, nothing is told");
}

#[test]
fn an_order_from_before_anybody_kept_account_of_notices_has_heard_of_what_had_happened() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let mut site = Site::start(&path);
    site.put(1, "1xA");
    site.scan("bench", "1");
    site.scan("bench", "A");
    let label = ssccs(&site.events()).pop().unwrap();
    site.stop_in_order();
    let file = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(file.execute("UPDATE progress SET body = json_remove(body, '$.w')", []).unwrap(), 1);
    drop(file);
    let mut site = Site::start(&path);
    site.scan("door", &label);
    assert_eq!(site.scan("door", "HANDOVER"), "completed 1/1");
    let last = decoded(&site.events()).into_iter().rev().find_map(|event| match event {
        Event::NotificationRequested(notice) => Some((notice.key, notice.replaces)),
        _ => None,
    });
    let replaced = Some("sthlm-03/o-1/-/packed/1".into());
    assert_eq!(last, Some(("sthlm-03/o-1/1/handed_over/1".into(), replaced)));
}

// I10: commands

#[test]
fn the_same_command_gets_the_same_reply_and_acts_once() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let site = Site::start(&path);
    let put = command("cmd-1", "order.put", order(1, 1, "2xA"));
    let first = site.command(&put).unwrap();
    assert_eq!(status(&first), "accepted");
    assert_eq!(site.command(&put).unwrap(), first);
    let other = command("cmd-1", "order.put", order(2, 1, "2xA"));
    assert_eq!(site.command(&other).unwrap(), first, "the id is the command");
    site.stop_in_order();
    let site = Site::start(&path);
    assert_eq!(site.command(&put).unwrap(), first);
    assert_eq!(of_kind(&site.events(), Kind::OrderAccepted), 1);
}

#[test]
fn a_site_reports_what_is_open_once_for_each_command() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let mut site = Site::start(&path);
    for number in 1..5 {
        site.put(number, "1xA");
    }
    assert_eq!(site.tell("order.hold", json!({"id": "o-3", "revision": 1})), "accepted");
    assert_eq!(site.tell("order.cancel", json!({"id": "o-4", "revision": 1})), "accepted");
    assert_eq!(site.tell("return.put", json!({"id": "r-1", "lines": []})), "accepted");
    site.scan("bench", "1");
    site.scan("bench", "A");
    let label = ssccs(&site.events()).pop().unwrap();
    site.scan("door", &label);
    site.scan("bench", "2");
    let ask = command("cmd-r", "site.report", json!({}));
    let first = site.command(&ask).unwrap();
    assert_eq!(status(&first), "accepted");
    let reply: Value = serde_json::from_str(first.reply.as_deref().unwrap()).unwrap();
    let (report, epoch) = (&reply["data"]["report"], site.epoch());
    assert_eq!((&report["version"], &report["epoch"]), (&"0.1.0".into(), &epoch.id.to_string().into()));
    assert_eq!(report["head"], epoch.sequence(site.head()));
    assert_eq!((&report["sent"], &report["received"]), (&0.into(), &0.into()));
    assert_eq!(report["orders"], json!({"packed": 1, "packing": 1, "held": 1}));
    assert_eq!(report["manifests"], json!([{"manifest": "dhl@2026-11-22T16:30#1", "carrier": "dhl", "loaded": 1}]));
    assert_eq!(report["returns"], json!({"authorized": 1}));
    let stations = json!([
        {"station": "bench", "mode": "pack", "work": "order", "open": 1},
        {"station": "bench-2", "mode": "pack", "work": "idle", "open": 0},
        {"station": "door", "mode": "load", "work": "manifest", "open": 1},
    ]);
    assert_eq!(report["stations"], stations);
    site.put(5, "1xA");
    assert_eq!(site.command(&ask).unwrap(), first, "the same command, the same reply");
    site.stop_in_order();
    assert_eq!(Site::start(&path).command(&ask).unwrap(), first);
}

#[test]
fn commands_are_answered_in_the_contract_s_words() {
    let folder = Folder::new();
    let mut site = Site::start(&folder.file("j.db"));
    let cancel = |number: u32, revision: u32| json!({"id": format!("o-{number}"), "revision": revision});
    let epoch = site.epoch().id.to_string();
    for (kind, data, expected) in [
        ("order.put", order(1, 2, "1xA"), "accepted"),
        ("order.put", order(1, 2, "1xA"), "duplicate (duplicate)"),
        ("order.put", order(1, 1, "1xA"), "rejected (stale)"),
        ("order.cancel", cancel(1, 1), "rejected (stale)"),
        ("order.cancel", cancel(1, 2), "accepted"),
        ("order.cancel", cancel(1, 2), "rejected (cancelled)"),
        ("order.put", order(1, 3, "1xA"), "rejected (cancelled)"),
        ("order.cancel", cancel(2, 3), "accepted"),
        ("order.put", order(2, 3, "1xA"), "rejected (cancelled)"),
        ("order.put", order(2, 4, "1xA"), "accepted"),
        ("order.teleport", json!({}), "rejected (unknown_command)"),
        ("order.put", json!({}), "rejected (unreadable)"),
        ("events.resend", json!({"epoch": epoch, "from": 99_999}), "rejected (not_kept)"),
    ] {
        assert_eq!(site.tell(kind, data.clone()), expected, "{kind} {data}");
    }
}

#[test]
fn an_expired_command_does_nothing() {
    let folder = Folder::new();
    let site = Site::start(&folder.file("j.db"));
    for (id, expires, expected) in
        [("cmd-1", "2026-11-22T07:59:59Z", "expired"), ("cmd-2", "2026-11-22T08:00:01Z", "accepted")]
    {
        let mut late: Value = serde_json::from_slice(&command(id, "catalog.put", json!({"products": []}))).unwrap();
        late["expirytime"] = json!(expires);
        assert_eq!(status(&site.command(late.to_string().as_bytes()).unwrap()), expected);
    }
}

#[test]
fn a_resend_goes_back_to_before_its_place() {
    let folder = Folder::new();
    let mut site = Site::start(&folder.file("j.db"));
    site.put(1, "1xA");
    let resend = command("cmd-1", "events.resend", json!({"epoch": site.epoch().id.to_string(), "from": 2}));
    assert_eq!(site.command(&resend).unwrap().rewind, Some(1));
    assert_eq!(site.command(&resend).unwrap().rewind, Some(1), "asked again, gone back again");
}

#[test]
fn what_can_t_be_read_is_put_aside_and_the_next_is_served() {
    let folder = Folder::new();
    let mut site = Site::start(&folder.file("j.db"));
    for (payload, replied) in [
        (b"not json".to_vec(), false),
        (b"not json".to_vec(), false),
        (vec![b'x'; 200_000], false),
        (command("cmd-1", "order.put", json!({"id": 7})), true),
        (command("cmd-2", "order.put", json!({"email": "anna@example.org"})), true),
        (br#"{"data":{"email":"anna@example.org"}"#.to_vec(), false),
    ] {
        assert_eq!(site.command(&payload).unwrap().reply.is_some(), replied);
    }
    assert_eq!(site.put(1, "1xA"), "accepted");
    let kept = site.journal.reader().unwrap().quarantine(usize::MAX).unwrap();
    let rows: Vec<_> = kept.iter().rev().map(|row| (row.reason.as_str(), row.payload.len())).collect();
    let unreadable = command("cmd-1", "order.put", json!({"id": 7})).len();
    let expected = [
        ("unreadable", 8),
        ("too_large", contract::COMMAND_BYTES_MAX),
        ("unreadable", unreadable),
        ("personal_data", 0),
        ("personal_data", 0),
    ];
    assert_eq!(rows, expected);
    assert_absent(&site, "anna");
}

fn assert_absent(site: &Site, text: &str) {
    site.settle();
    for end in ["", "-wal"] {
        let bytes = std::fs::read(format!("{}{end}", site.journal.path().display())).unwrap();
        assert!(!bytes.windows(text.len()).any(|bytes| bytes == text.as_bytes()), "{text} is in the file{end}");
    }
}

#[test]
fn a_carrier_s_label_is_never_in_the_file_whatever_becomes_of_its_command() {
    let folder = Folder::new();
    let mut site = Site::start(&folder.file("j.db"));
    site.put(1, "1xA");
    site.put(2, "1xA");
    site.scan("bench", "1");
    assert_eq!(site.scan("bench", "A"), "completed 1/1");
    let zpl = format!("^XA^FDAnna Svensson^FS{}^XZ", "^FO1,1".repeat(200));
    let label =
        |parcel: u32, revision: u32| json!({"order": "o-1", "parcel": parcel, "revision": revision, "zpl": zpl});
    for (data, expected) in [
        (label(1, 0), "rejected (unreadable)"),
        (json!(zpl), "rejected (unreadable)"),
        (json!({"order": "o-1", "parcel": zpl, "revision": 1}), "rejected (unreadable)"),
        (label(2, 1), "rejected (no_parcel)"),
        (label(1, 2), "accepted"),
        (label(1, 2), "duplicate (duplicate)"),
        (label(1, 1), "rejected (stale)"),
    ] {
        assert_eq!(site.tell("parcel.label", data), expected);
    }
    let whole = command("cmd-label", "parcel.label", label(1, 3));
    for spoilt in [&whole[..whole.len() - 1], &whole[..whole.len() - 30], &[&whole[..], b"x"].concat()] {
        assert_eq!(site.command(spoilt).unwrap().reply, None);
    }
    let large = command("cmd-large", "parcel.label", json!({"zpl": zpl.repeat(100)}));
    assert_eq!(site.command(&large).unwrap().reply, None);
    let kept = site.journal.reader().unwrap().quarantine(usize::MAX).unwrap();
    assert_eq!(kept.len(), 7);
    assert!(kept.iter().all(|row| row.payload.is_empty() && !row.why.contains("Anna")), "{kept:?}");
    assert_absent(&site, "Anna");
    site.stop_in_order();
}

// Retention

#[test]
fn only_what_is_received_and_old_is_forgotten_and_never_the_head() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let mut site = Site::start(&path);
    site.put(1, "9xA");
    site.scan("bench", "1");
    site.scan("bench", "A");
    let old = site.head();
    site.now_ms = 2 * 1_000 * KEEP.as_secs();
    site.scan("bench", "A");
    let head = site.head();
    let retain = |site: &Site| site.ask(|reply| Job::Retain { moment: at(site.now_ms), reply });
    let first = |site: &Site| site.events()[0].place;
    assert!(!retain(&site));
    assert_eq!(first(&site), 1, "nothing is received");
    assert_eq!(site.receipt(site.epoch(), 2, false), ReceiptOutcome::Advanced(2));
    retain(&site);
    assert_eq!(first(&site), 3, "received and old");
    site.receipt(site.epoch(), head, false);
    retain(&site);
    assert_eq!(first(&site), old + 1, "received and new");
    site.now_ms *= 2;
    retain(&site);
    assert_eq!(first(&site), head, "the head stays");
    assert_eq!(site.scan("bench", "A"), "accepted 3/9", "an open order stays");
    site.stop_in_order();

    let mut site = Site::start(&path);
    assert_eq!(site.scan("bench", "A"), "accepted 4/9");
    let resend = command("cmd-x", "events.resend", json!({"epoch": site.epoch().id.to_string(), "from": 1}));
    assert_eq!(status(&site.command(&resend).unwrap()), "rejected (not_kept)");
}

#[test]
fn pages_that_hold_nothing_any_more_are_given_back_a_few_at_a_time() {
    let folder = Folder::in_memory();
    let path = folder.file("j.db");
    Site::start(&path).stop_in_order();
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch(
        "WITH RECURSIVE n(n) AS (SELECT 3 UNION ALL SELECT n + 1 FROM n WHERE n < 60000)
         INSERT INTO events (place, id, at, uptime_s, synced, kind, data)
         SELECT n, randomblob(16), 0, 0, 1, 'site.stopped', json_object('x', hex(zeroblob(150))) FROM n;
         INSERT OR REPLACE INTO slate VALUES ('received', 60000), ('sent', 60000);",
    )
    .unwrap();
    drop(file);
    let before = std::fs::metadata(&path).unwrap().len();
    let mut site = Site::start(&path);
    site.now_ms = 2 * 1_000 * KEEP.as_secs();
    let turns = (1..).find(|_| !site.ask(|reply| Job::Retain { moment: at(site.now_ms), reply }));
    assert!((100..1_000).contains(&turns.unwrap()), "{turns:?} turns");
    site.stop_in_order();
    let after = std::fs::metadata(&path).unwrap().len();
    assert!(after < before / 3, "{before} bytes, then {after}");
    let file = rusqlite::Connection::open(&path).unwrap();
    let whole: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");
}

#[test]
fn a_manifest_is_forgotten_when_it_is_old_but_never_the_last_one_of_its_carrier() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let mut site = Site::start(&path);
    let file = rusqlite::Connection::open(&path).unwrap();
    let closed =
        || -> u32 { file.query_row("SELECT count(*) FROM manifests WHERE closed = 1", [], |row| row.get(0)).unwrap() };
    let day_ms = 24 * 3_600 * 1_000;
    for day in 0..2 {
        site.now_ms = day * day_ms;
        site.put(day as u32 + 1, "1xA");
        site.scan("bench", &(day + 1).to_string());
        site.scan("bench", "A");
        let label = ssccs(&site.events()).pop().unwrap();
        assert_eq!(site.scan("door", &label), "accepted");
        assert_eq!(site.scan("door", "HANDOVER"), "completed 1/1");
    }
    assert_eq!(closed(), 2);
    let retain = |site: &Site| site.ask(|reply| Job::Retain { moment: at(site.now_ms), reply });
    retain(&site);
    assert_eq!(closed(), 1, "a day is longer than events are kept here");
    site.now_ms += 9 * day_ms;
    retain(&site);
    assert_eq!(closed(), 1, "the last one tells when the courier came");
}

#[test]
fn what_belongs_to_an_order_is_forgotten_with_it_and_a_return_when_it_is_old() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let mut site = Site::start(&path);
    site.put(1, "1xA");
    site.put(2, "1xA");
    let back = json!({"id": "r-1", "lines": [{"line": "1", "sku": "sku-A", "quantity": 1, "name": "A"}], "resolution": "refund"});
    assert_eq!(status(&site.command(&command("cmd-r", "return.put", back)).unwrap()), "accepted");
    for (code, answer) in [("RETURN", "opened"), ("r-1", "opened 0/1"), ("DONE", "completed 0/1")] {
        assert_eq!(site.scan("bench-2", code), answer, "{code}");
    }
    let cancel = json!({"id": "o-1", "revision": 1, "reason": "customer"});
    assert_eq!(status(&site.command(&command("cmd-c", "order.cancel", cancel)).unwrap()), "accepted");
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch(
        "INSERT INTO labels SELECT 'JD' || key, key, 1 FROM orders; INSERT INTO totes SELECT 't' || key, key FROM orders;",
    )
    .unwrap();
    let count = |table: &str| -> u32 {
        file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    let counts = || ["orders", "labels", "totes", "returns"].map(count);
    assert_eq!(counts(), [2, 2, 2, 1]);
    site.receipt(site.epoch(), site.head(), false);
    site.now_ms += 2 * 1_000 * KEEP.as_secs();
    site.ask(|reply| Job::Retain { moment: at(site.now_ms), reply });
    assert_eq!(counts(), [1, 1, 1, 0]);
}

#[test]
fn time_while_the_agent_is_off_does_not_count() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let mut site = Site::start(&path);
    site.put(1, "9xA");
    site.now_ms = 900 * KEEP.as_secs();
    site.stop_in_order();
    let mut site = Site::start(&path);
    site.receipt(site.epoch(), site.head(), false);
    let retain = |site: &Site| site.ask(|reply| Job::Retain { moment: at(site.now_ms), reply });
    site.now_ms = 50 * KEEP.as_secs();
    retain(&site);
    assert_eq!(site.events()[0].place, 1);
    site.now_ms = 200 * KEEP.as_secs();
    retain(&site);
    assert!(1 < site.events()[0].place);
}

// I1: a full disk

/// A file system of its own that is soon full, or none where nothing may be mounted.
struct Small(Folder);

impl Small {
    fn mount(bytes: u64) -> Option<Self> {
        let folder = Folder::new();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]).arg(&folder.0);
        match mount.output() {
            Ok(output) if output.status.success() => Some(Self(folder)),
            Ok(output) => {
                println!("skipped: nothing can be mounted here: {}", String::from_utf8_lossy(&output.stderr).trim());
                None
            }
            Err(error) => {
                println!("skipped: nothing can be mounted here: {error}");
                None
            }
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.file(name)
    }

    /// Takes all the room that is left.
    fn fill(&self) -> PathBuf {
        use std::io::Write;
        let path = self.file("filler");
        let mut file = std::fs::File::options().create(true).append(true).open(&path).unwrap();
        while file.write(&[0; 512]).is_ok_and(|written| 0 < written) {}
        path
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0.0).output();
    }
}

#[test]
fn on_a_full_disk_green_is_in_the_file_and_red_is_not() {
    let Some(small) = Small::mount(1 << 20) else {
        return;
    };
    let path = small.file("j.db");
    let mut config = config(&path);
    config.stations.extend((0..4).map(|n| (format!("flood-{n}").as_str().into(), Mode::Pack)));
    let mut site = Site::start_with(config);
    for number in 0..4 {
        assert_eq!(site.put(2_000 + number, "5000xA"), "accepted");
        site.scan(&format!("flood-{number}"), &(2_000 + number).to_string());
    }
    let (mut green, mut red) = (0, 0);
    let mut at_ms = 100_000;
    let storage = site.journal.storage();
    // A small job may still find room after a large one did not: the storage is as its last commit was.
    let says_full = || matches!(&*storage.borrow(), journal::Storage::Failing { error } if error.contains("full"));
    while red < 100 || !says_full() {
        let answers = flood_all(&site.journal, &mut at_ms, 200);
        green += answers.iter().filter(|answer| answer.starts_with("accepted")).count();
        red += answers.iter().filter(|answer| *answer == "not_saved (storage)").count();
        assert_eq!(answers.len(), 200);
    }
    let in_file = of_kind(&site.events(), Kind::ItemPicked);
    assert_eq!(in_file, green, "while it is full");
    let head = site.head();
    assert_gapless(&site.events());
    assert_eq!(head, site.events().len() as u64);
    site.stop_without_a_word();

    let room = Folder::new();
    let copy = room.file("j.db");
    std::fs::copy(&path, &copy).unwrap();
    let wal = small.file("j.db-wal");
    if wal.exists() {
        std::fs::copy(&wal, room.file("j.db-wal")).unwrap();
    }
    let again = Site::start(&copy);
    assert_eq!(of_kind(&again.events(), Kind::ItemPicked), green, "opened anew");
    assert_gapless(&again.events());
}

/// Scans at four stations without waiting for answers; all of the answers.
fn flood_all(journal: &Journal, at_ms: &mut u64, count: usize) -> Vec<String> {
    let (sender, answers) = mpsc::channel();
    for n in 0..count {
        *at_ms += 1_000;
        let (station, moment) = (format!("flood-{}", n % 4), at(*at_ms));
        let scan = read(&station, "A", &moment);
        let sender = sender.clone();
        let reply = Box::new(move |answer: Answer| drop(sender.send(told(&answer))));
        let job = Job::Scan { station: station.as_str().into(), scan, method: Method::Scan, moment, reply };
        journal.submit(job).unwrap();
    }
    drop(sender);
    answers.iter().collect()
}

#[test]
fn a_full_disk_heals_when_there_is_room_again() {
    let Some(small) = Small::mount(2 << 20) else {
        return;
    };
    let mut site = Site::start(&small.file("j.db"));
    site.put(1, "5000xA");
    site.scan("bench", "1");
    assert_eq!(site.scan("bench", "A"), "accepted 1/5000");
    let mut filler = small.fill();
    let mut counted = 1;
    let mut answer = String::new();
    for _ in 0..2_000 {
        answer = site.scan("bench", "A");
        if !answer.starts_with("accepted") {
            break;
        }
        counted += 1;
        filler = small.fill();
    }
    assert_eq!(answer, "not_saved (storage)");
    let (epoch, sequence) = (site.epoch(), site.head());
    assert_eq!(site.scan("bench", "A"), "not_saved (storage)");
    let put = command("cmd-full", "order.put", order(2, 1, "1xA"));
    assert_eq!(site.command(&put), Err(NotSaved));
    // A cursor is one page: it may find room where a scan doesn't.
    let received = site.try_receipt(epoch, sequence, false);
    assert_eq!(site.head(), sequence, "nothing was recorded");

    std::fs::remove_file(filler).unwrap();
    let storage = site.journal.storage();
    until("the storage is well again without a scan", || *storage.borrow() == journal::Storage::Well);
    assert_eq!(site.scan("bench", "A"), format!("accepted {}/5000", counted + 1));
    assert_eq!(status(&site.command(&put).unwrap()), "accepted");
    let expected = match received {
        Ok(_) => ReceiptOutcome::Repeated(sequence),
        Err(NotSaved) => ReceiptOutcome::Advanced(sequence),
    };
    assert_eq!(site.receipt(epoch, sequence, false), expected);
    assert_gapless(&site.events());
    assert_eq!(of_kind(&site.events(), Kind::ItemPicked), counted + 1);
}

#[test]
fn a_failed_transaction_forgets_neither_bounce_nor_doubt() {
    let Some(small) = Small::mount(2 << 20) else {
        return;
    };
    let mut site = Site::start(&small.file("j.db"));
    site.put(1, "5000xA 5000xB");
    site.put(2, "5000xA 5000xB");
    site.scan("bench", "1");
    site.scan("bench-2", "2");
    site.scan("bench-2", "A");
    site.journal.submit(Job::Unanswered { scanner: "bench-2".into() }).unwrap();
    let (mut filler, mut last) = (small.fill(), String::new());
    for _ in 0..2_000 {
        last = site.scan("bench", "A");
        if !last.starts_with("accepted") {
            break;
        }
        filler = small.fill();
    }
    assert_eq!(last, "not_saved (storage)");
    std::fs::remove_file(&filler).unwrap();
    let accepted = site.scan("bench", "A");
    assert!(accepted.starts_with("accepted"), "{accepted}");
    let filler = small.fill();
    for _ in 0..2_000 {
        site.commands += 1;
        let products = json!({"products": [{"sku": "Z", "name": "Z"}]});
        if site.command(&command(&format!("cmd-{}", site.commands), "catalog.put", products)).is_err() {
            break;
        }
        small.fill();
    }
    std::fs::remove_file(&filler).unwrap();
    let storage = site.journal.storage();
    until("the storage is well again", || *storage.borrow() == journal::Storage::Well);
    site.now_ms += 90;
    assert_eq!(site.scan_now("bench", "A"), "silent", "the same read again is still bounce");
    assert_eq!(site.scan("bench-2", "A"), "already (perhaps_counted)", "its answer never arrived");
}

#[test]
fn another_configuration_counts_from_the_next_scan_on() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let mut site = Site::start(&path);
    site.put(1, "3xA");
    site.put(2, "3xA");
    assert_eq!(site.scan("bench", "1"), "opened 0/3");
    assert_eq!(site.scan("bench", "A"), "accepted 1/3");
    site.configure(|config| config.rules.operators_required = true).unwrap();
    assert_eq!(site.scan("bench", "A"), "refused (not_signed_in)");
    site.configure(|_| {}).unwrap();
    assert_eq!(site.scan("bench", "A"), "accepted 2/3", "what is open stays open");

    let head = site.head();
    site.configure(|config| _ = config.stations.insert("bench".into(), Mode::Count)).unwrap();
    assert_eq!(site.scan("bench-2", "1"), "opened 2/3", "another mode lays down what was open");
    site.configure(|config| _ = config.stations.remove("bench-2")).unwrap();
    assert_eq!(site.scan("door", "1"), "refused (other_mode)");
    site.configure(|_| {}).unwrap();
    assert_eq!(site.scan("bench", "1"), "opened 2/3", "so does a station that is gone");
    assert_gapless(&site.events());
    assert!(head < site.head());
}

#[test]
fn a_station_that_has_counted_takes_its_new_mode_when_the_count_is_written() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let mut site = Site::start(&path);
    assert_eq!(
        site.tell("catalog.put", json!({"products": [{"sku": "A", "name": "A", "barcodes": ["A"]}]})),
        "accepted"
    );
    let in_mode = |mode| move |config: &mut journal::Config| _ = config.stations.insert("bench".into(), mode);
    site.configure(in_mode(Mode::Receive)).unwrap();
    assert_eq!(site.scan("bench", "A"), "accepted 1/1");
    site.configure(in_mode(Mode::Load)).unwrap();
    assert_eq!(site.scan("bench", "A"), "accepted 2/2", "what was counted is not thrown away");
    site.configure(|config| _ = config.stations.remove("bench")).unwrap();
    site.stop_in_order();

    let mut gone = config(&path);
    gone.stations.remove("bench");
    let mut site = Site::start_with(gone);
    assert_eq!(site.scan("bench", "A"), "refused (no_station)");
    site.configure(in_mode(Mode::Load)).unwrap();
    assert_eq!(site.scan("bench", "A"), "accepted 3/3", "also where the station is gone for a while");
    assert_eq!(site.scan("bench", "LOAD"), "refused (unwritten)");
    assert_eq!(site.scan("bench", "DONE"), "completed 3/3");
    assert_eq!(site.scan("bench", "A"), "refused (other_mode)", "from here on it loads");
    assert_eq!(of_kind(&site.events(), Kind::StockAdjusted), 1);

    site.configure(in_mode(Mode::Receive)).unwrap();
    assert_eq!(site.scan("bench", "A"), "accepted 1/1");
    site.configure(in_mode(Mode::Load)).unwrap();
    assert_eq!(site.scan("bench", "CANCEL"), "accepted");
    assert_eq!(site.scan("bench", "A"), "refused (other_mode)");
}

#[test]
fn a_station_that_is_not_configured_counts_nothing() {
    let folder = Folder::new();
    let mut site = Site::start(&folder.file("j.db"));
    site.put(1, "3xA");
    assert_eq!(site.scan("bench-2", "1"), "opened 0/3");
    assert_eq!(site.scan("bench-2", "A"), "accepted 1/3");
    site.configure(|config| _ = config.stations.remove("bench-2")).unwrap();
    assert_eq!(site.scan("bench-2", "1"), "refused (no_station)");
    assert_eq!(site.scan("bench-2", "DONE"), "refused (no_station)");
    assert_eq!(site.scan("bench", "1"), "opened 1/3", "nothing was opened there");
    assert_eq!(of_kind(&site.events(), Kind::ScanRefused), 2);
}

#[test]
fn whoever_says_that_the_disk_does_not_answer_never_waits_for_an_idle_writer() {
    let folder = Folder::new();
    let site = Site::start(&folder.file("j.db"));
    let storage = site.journal.storage();
    for _ in 0..3 {
        site.settle();
        until("the writer waits for work", || site.journal.at_work().is_none());
        let (journal, (told, is_told)) = (site.journal.clone(), mpsc::channel());
        std::thread::spawn(move || {
            journal.says_nothing();
            told.send(())
        });
        is_told.recv_timeout(site::PATIENCE).expect("it waits for the writer");
        until("the storage is well again", || *storage.borrow() == journal::Storage::Well);
    }
}

#[test]
fn a_configuration_that_cannot_be_stored_is_not_taken() {
    let Some(small) = Small::mount(2 << 20) else {
        return;
    };
    let mut site = Site::start(&small.file("j.db"));
    site.put(1, "5000xA");
    site.scan("bench", "1");
    let (mut filler, mut answer) = (small.fill(), String::new());
    for _ in 0..2_000 {
        answer = site.scan("bench", "A");
        if !answer.starts_with("accepted") {
            break;
        }
        filler = small.fill();
    }
    assert_eq!(answer, "not_saved (storage)");
    let stations = |config: &mut journal::Config| {
        config.rules.operators_required = true;
        // More than fits into what is left.
        let many = (0..5_000).map(|n| (format!("station-{n}").as_str().into(), Mode::Load));
        config.stations.extend(many);
    };
    assert_eq!(site.configure(stations), Err(NotSaved));
    std::fs::remove_file(filler).unwrap();
    let storage = site.journal.storage();
    until("the storage is well again", || *storage.borrow() == journal::Storage::Well);
    let counted = site.scan("bench", "A");
    assert!(counted.starts_with("accepted"), "the rules are those of before: {counted}");
}
