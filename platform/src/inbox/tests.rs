use super::*;
use crate::store::testing::{count, empty};
use jiff::Timestamp;
use serde_json::json;

const NOW: Now = Now { ms: 0, at: Timestamp::UNIX_EPOCH };

/// An event `id` (a letter) at `place` (`epoch/sequence`, the epoch a digit).
fn event(place: &str, id: &str) -> (String, Uuid, i64) {
    let (epoch, sequence) = place.split_once('/').unwrap();
    let epoch = Uuid::from_u128(epoch.parse().unwrap());
    let sequence: i64 = sequence.parse().unwrap();
    let text = json!({
        "specversion": "1.0", "id": Uuid::from_u128(u128::from(id.as_bytes()[0])), "source": "/sites/s",
        "type": "parceld.stock.adjusted.v1", "time": "2026-11-22T14:03:11.482Z", "epoch": epoch,
        "sequence": sequence, "head": 99, "something": "new",
        "data": {"sku": id, "delta": 1, "on_hand": sequence, "reserved": 0, "available": sequence},
    });
    (text.to_string(), epoch, sequence)
}

fn take(db: &mut Db, text: &str) -> Result<(Fate, Finished), TakeError> {
    db.transact(|db| {
        let mut inbox = Inbox::new(db, NOW, 0);
        let fate = inbox.take("s", "stock", &Envelope::read(text)?, text)?;
        Ok((fate, inbox.finish()?))
    })
}

/// Each row: place, id, and what becomes of it with how far the epoch is applied then.
fn check(rows: &str) -> Db {
    let mut db = empty();
    for row in rows.lines().map(str::trim) {
        let words: Vec<&str> = row.split_whitespace().collect();
        let (text, epoch, _) = event(words[0], words[1]);
        let (fate, finished) = take(&mut db, &text).unwrap();
        let applied = "SELECT applied FROM epochs WHERE epoch = ?1";
        let applied: i64 = db.row(applied, &params![epoch], |row| row.get(0)).unwrap().unwrap();
        let mut told = format!("{fate:?} {applied}").to_lowercase();
        if let Some(heard) = finished.heard.first() {
            assert_eq!(heard.applied, applied, "{row}");
            told.push_str(if heard.renewed { " renewed" } else { "" });
        }
        assert_eq!(told, words[2..].join(" "), "{row}");
    }
    db
}

#[test]
fn events_are_applied_once_and_in_sequence() {
    let db = check(
        "1/1 a applied 1
         1/2 b applied 2
         1/2 b duplicate 2
         1/4 d aside 2
         1/4 d duplicate 2
         1/6 f aside 2
         1/3 c applied 4
         1/5 e applied 6
         1/1 a duplicate 6
         1/7 g applied 7",
    );
    assert_eq!(count(&db, "SELECT count(*) FROM events"), 7);
    assert_eq!(count(&db, "SELECT count(*) FROM aside"), 0);
    assert_eq!(count(&db, "SELECT on_hand FROM stock WHERE sku = 'd'"), 4);
    assert_eq!(count(&db, "SELECT duplicates FROM sites"), 3);
}

#[test]
fn a_site_first_heard_in_the_middle_has_a_gap_from_the_start() {
    check(
        "1/3 c aside 0
         1/2 b aside 0
         1/1 a applied 3",
    );
}

#[test]
fn two_events_for_one_place_are_a_conflict_and_change_nothing() {
    let db = check(
        "1/1 a applied 1
         1/1 x conflict 1
         1/1 x conflict 1
         1/3 c aside 1
         1/3 y conflict 1
         1/2 b applied 3",
    );
    assert_eq!(count(&db, "SELECT count(*) FROM conflicts WHERE kind = 'place_taken'"), 2);
    assert_eq!(count(&db, "SELECT count(*) FROM stock WHERE sku IN ('x', 'y')"), 0);
}

#[test]
fn one_event_at_two_places_of_an_epoch_is_a_conflict() {
    let db = check(
        "1/1 a applied 1
         1/2 a conflict 2
         1/2 a duplicate 2
         1/4 a aside 2
         1/3 c applied 4
         1/4 a duplicate 4
         1/4 d conflict 4
         1/5 d applied 5
         2/1 b applied 1 renewed
         2/2 a repeated 2
         2/3 a conflict 3
         2/4 e applied 4",
    );
    assert_eq!(count(&db, "SELECT count(*) FROM conflicts WHERE kind = 'event_moved'"), 3);
    assert_eq!(count(&db, "SELECT on_hand FROM stock WHERE sku = 'a'"), 1, "applied once");
}

#[test]
fn a_newer_epoch_starts_at_one_and_applies_nothing_twice() {
    let db = check(
        "1/1 a applied 1
         1/2 b applied 2
         2/2 b aside 0
         2/1 c applied 2 renewed
         2/3 d applied 3
         1/3 e applied 3
         1/4 d repeated 4
         2/2 b duplicate 3
         2/4 b conflict 4
         2/5 f applied 5
         3/1 g applied 1 renewed
         2/6 h applied 6",
    );
    assert_eq!(count(&db, "SELECT on_hand FROM stock WHERE sku = 'b'"), 2, "applied under the older epoch only");
    assert_eq!(count(&db, "SELECT count(*) FROM events"), 8);
}

#[test]
fn what_finds_no_room_beyond_a_gap_is_let_go() {
    let mut db = empty();
    take(&mut db, &event("1/2", "b").0).unwrap();
    for sequence in 3..ASIDE_MAX + 2 {
        let aside = "INSERT INTO aside (epoch, sequence, id, payload) VALUES (1, ?1, ?2, '')";
        db.run(aside, &params![sequence, Uuid::from_u128(u128::from(sequence.unsigned_abs()))]).unwrap();
    }
    let (fate, finished) = take(&mut db, &event("1/6000", "c").0).unwrap();
    assert_eq!((fate, finished.heard[0].gap), (Fate::Dropped, true));
    assert_eq!(count(&db, "SELECT count(*) FROM aside"), ASIDE_MAX);
    assert_eq!(count(&db, "SELECT dropped FROM sites"), 1);
}

#[test]
fn what_was_left_aside_is_taken_by_whoever_has_the_site_next() {
    let mut db = empty();
    take(&mut db, &event("1/1", "a").0).unwrap();
    for (sequence, id) in [(1_i64, "a"), (2, "b"), (3, "c"), (5, "e")] {
        let (text, ..) = event(&format!("1/{sequence}"), id);
        let aside = "INSERT INTO aside (epoch, sequence, id, payload) VALUES (1, ?1, ?2, ?3)";
        db.run(aside, &params![sequence, Uuid::from_u128(u128::from(id.as_bytes()[0])), text]).unwrap();
    }
    let finished = db.transact(|db| {
        let mut inbox = Inbox::new(db, NOW, 0);
        assert!(inbox.settle("s")?);
        Ok::<_, TakeError>(inbox.finish()?)
    });
    let heard = finished.unwrap().heard;
    assert_eq!((heard[0].applied, heard[0].moved, heard[0].gap), (3, true, true));
    assert_eq!(count(&db, "SELECT count(*) FROM aside"), 1);
    assert_eq!(count(&db, "SELECT duplicates FROM sites"), 1);
}

#[test]
fn what_is_not_the_contract_is_not_taken() {
    let mut db = empty();
    let (good, ..) = event("1/1", "a");
    let rows = [
        ("/sites/s", "/sites/t", "source"),
        ("stock.adjusted", "pick.item_picked", "group"),
        ("\"sequence\":1", "\"sequence\":0", "the first is 1"),
        ("\"sequence\":1", "\"sequence\":18446744073709551615", "expected i64"),
        ("\"data\":{", "\"data\":", "expected"),
        ("2026-11-22", "yesterday", "year"),
    ];
    for (from, to, expected) in rows {
        assert!(good.contains(from), "{from}");
        let error = take(&mut db, &good.replace(from, to)).unwrap_err();
        assert!(matches!(&error, TakeError::Unreadable(_)), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert_eq!(take(&mut db, &good).unwrap().0, Fate::Applied);
}
