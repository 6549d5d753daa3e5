//! A site that begins one epoch after the other before the platform has heard of any: it gets all of them, each after the
//! one before.

#![expect(clippy::unwrap_used, reason = "what fails here is a failed test")]

mod site;

use parceld::domain::event::Kind;
use parceld::journal::salvage::restore::restore;
use parceld::journal::{Epoch, Place, ReceiptOutcome};
use site::*;
use std::path::Path;
use uuid::Uuid;

/// Has the file as it is now put back: a new epoch begins, and all that the file has stays.
fn put_back(site: Site, folder: &Folder, change: impl FnOnce(&Path)) -> Site {
    let path = site.journal.path().to_owned();
    site.stop_in_order();
    let copy = folder.file("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    change(&copy);
    restore(&config(&path), &copy, &at(0)).unwrap();
    Site::start(&path)
}

/// Its epochs, and where each ends; the last one hasn't.
fn lives(site: &Site) -> Vec<(Epoch, Option<Place>)> {
    let epochs = site.journal.reader().unwrap().epochs().unwrap();
    let ends = epochs.iter().skip(1).map(|next| Some(next.base)).chain([None]);
    epochs.iter().copied().zip(ends).collect()
}

/// Four epochs, of none of which the platform has heard.
fn four_epochs(folder: &Folder) -> Site {
    let mut site = Site::start(&folder.file("j.db"));
    for number in 1..=3 {
        site.put(number, "2xA");
        site.scan("bench", "nobody-knows");
        site = put_back(site, folder, |_| {});
    }
    site
}

#[test]
fn a_receipt_counts_in_its_own_epoch_up_to_its_end() {
    let folder = Folder::new();
    let site = four_epochs(&folder);
    let lives = lives(&site);
    let ends: Vec<Place> = lives.iter().filter_map(|(_, end)| *end).collect();
    let &[one, two, three] = &ends[..] else { panic!("four epochs: {lives:?}") };
    use ReceiptOutcome::{Advanced, Beyond, Older, OtherEpoch, Repeated};
    for (n, sequence, expected, why) in [
        (3, 0, OtherEpoch, "it knows nothing of the newest, which says nothing of the others"),
        (1, 0, OtherEpoch, "the same of one in between"),
        (0, 2, Advanced(2), "the first one moves on"),
        (0, 2, Repeated(2), "again"),
        (0, 1, Older, "less"),
        (0, one + 7, Advanced(one), "no further than to its end"),
        (0, one + 7, OtherEpoch, "it is over"),
        (1, 0, Repeated(one), "everything up to its beginning, and what comes next is missing"),
        (1, 1, Advanced(one + 1), "the second one moves on"),
        (2, 1, Advanced(two + 1), "who has something of the third has all of the second"),
        (1, 2, OtherEpoch, "that is over"),
        (3, 1, Advanced(three + 1), "and so the newest"),
        (3, 1_000, Beyond, "there is no more"),
    ] {
        assert_eq!(site.receipt(lives[n].0, sequence, false), expected, "{why}");
    }
    site.stop_in_order();
}

#[test]
fn receipts_of_every_epoch_move_on_to_the_head() {
    let folder = Folder::new();
    let site = four_epochs(&folder);
    let head = site.head();
    for (epoch, end) in lives(&site) {
        let end = end.unwrap_or(head);
        for place in epoch.base + 1..=end {
            assert_eq!(site.receipt(epoch, epoch.sequence(place), false), ReceiptOutcome::Advanced(place));
        }
    }
    assert_eq!(site.journal.head().borrow().received, head);
    site.stop_in_order();
}

#[test]
fn a_receipt_beyond_the_end_of_any_epoch_tells_of_an_older_copy_and_of_one_within_it_does_not() {
    let folder = Folder::new();
    for (n, beyond, waits) in [(0, 0, false), (0, 3, true), (1, 0, false), (1, 3, true), (2, 3, true)] {
        let mut site = four_epochs(&folder);
        // What is put from here on is open.
        for number in 1..=3 {
            assert_eq!(site.put(number, "2xA"), "accepted");
        }
        let lives = lives(&site);
        let (epoch, end) = lives[n];
        let end = end.unwrap();
        let sequence = epoch.sequence(end) + beyond;
        assert_eq!(site.receipt(epoch, sequence, false), ReceiptOutcome::Advanced(end), "{n} {beyond}");
        let expected = if waits { "refused (awaits_platform)" } else { "opened 0/2" };
        assert_eq!(site.scan("bench", "1"), expected, "{n} {beyond}");
        site.stop_in_order();
        std::fs::remove_file(folder.file("j.db")).unwrap();
        std::fs::remove_file(folder.file("j.db-wal")).unwrap();
        std::fs::remove_file(folder.file("j.db.lock")).unwrap();
    }
}

#[test]
fn what_follows_on_a_gap_in_an_older_epoch_goes_on_in_the_new_one() {
    let folder = Folder::new();
    let mut site = Site::start(&folder.file("j.db"));
    for number in 1..=5 {
        site.put(number, "2xA");
    }
    let oldest = site.epoch();
    site = put_back(site, &folder, |_| {});
    for number in 6..=9 {
        site.put(number, "2xA");
    }
    let before = site.events();
    let (received, gap) = (2, 4);
    assert_eq!(site.receipt(oldest, received, false), ReceiptOutcome::Advanced(received));
    let site = put_back(site, &folder, |copy| {
        let file = rusqlite::Connection::open(copy).unwrap();
        assert_eq!(file.execute("DELETE FROM events WHERE place = ?1", [gap]).unwrap(), 1);
    });
    let epochs: Vec<Epoch> = lives(&site).into_iter().map(|(epoch, _)| epoch).collect();
    assert_eq!(epochs, [oldest, site.epoch()], "the one in between has no event that can be sent under it");
    assert_eq!(site.epoch().base, gap - 1);
    let events = site.events();
    let places: Vec<Place> = events.iter().map(|event| event.place).collect();
    assert_eq!(places, (1..=events.len() as Place).collect::<Vec<_>>(), "no gap");
    let ids: Vec<Uuid> = events.iter().map(|event| event.id).collect();
    let kept = before.iter().filter(|event| event.place != gap);
    assert!(kept.clone().all(|event| ids.contains(&event.id)), "nothing else is lost");
    assert_eq!(events[gap as usize - 1].kind, Kind::SiteStarted);
    let base = site.epoch().base;
    assert_eq!(site.receipt(oldest, 9, false), ReceiptOutcome::Advanced(base));
    let head = site.head();
    assert_eq!(site.receipt(site.epoch(), head - base, false), ReceiptOutcome::Advanced(head));
    site.stop_in_order();
}

/// A file that could not write down that it publishes is taken for an older copy by the next start, which begins its epoch
/// before what the platform has.
#[test]
fn cursors_go_back_with_the_epoch_and_not_some_time_after() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let mut site = Site::start_unheard(config(&path));
    site.put(1, "2xA");
    site.scan("bench", "nobody-knows");
    let known = site.head();
    assert_eq!(site.receipt(site.epoch(), known, false), ReceiptOutcome::Advanced(known));
    site.stop_in_order();
    let site = Site::start_unheard(config(&path));
    assert_eq!(site.receipt(site.epoch(), known, true), ReceiptOutcome::NewEpoch);
    // The program dies now: what it has is what the files have.
    let copy = folder.file("copy.db");
    for end in ["", "-wal"] {
        let file = |path: &Path| format!("{}{end}", path.display());
        std::fs::copy(file(&path), file(&copy)).unwrap();
    }
    site.stop_without_a_word();
    let site = Site::start_unheard(config(&copy));
    let head = *site.journal.head().borrow();
    assert!(head.epoch.base < known, "{head:?}");
    assert_eq!((head.sent, head.received), (head.epoch.base, head.epoch.base), "all of the epoch is still to be sent");
    site.stop_in_order();
}
