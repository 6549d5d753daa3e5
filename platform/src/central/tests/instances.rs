//! Instances on one server, step by step.

use super::*;
use crate::letters::channels::Channel;
use crate::senders::{Next, Office};
use crate::shop;
use crate::store::{Place, testing};
use parceld_tests::postgres::{Postgres, Session};
use parceld_tests::wait;
use std::sync::Barrier;
use std::thread;

/// One of several instances.
fn instance(place: &Place) -> World {
    let mut world = World::on(place.open().unwrap());
    world.central = world.central.sharing();
    world
}

impl World {
    fn tend(&mut self) {
        self.central.tend(self.now).unwrap();
    }
}

#[test]
fn what_comes_for_a_site_at_which_another_works_is_stored_and_taken_later() {
    let server = Postgres::start();
    let place: Place = server.database().parse().unwrap();
    let (mut here, mut there) = (instance(&place), place.open().unwrap());
    here.begin_epoch(1);
    let look = place.read().unwrap();
    let stored =
        || (testing::count(&look, "SELECT count(*) FROM events"), testing::count(&look, "SELECT count(*) FROM aside"));
    let stock = json!({"sku": "A", "on_hand": 5});
    let left = there.transact(|db| {
        let site = "SELECT id FROM sites WHERE name = 's' FOR UPDATE";
        db.row(site, &[], |row| row.get::<i64>(0))?;
        here.event("stock.adjusted", stock.clone());
        here.event("stock.adjusted", stock.clone());
        here.wait(20);
        here.tend();
        Ok::<_, Error>(stored())
    });
    assert_eq!(left.unwrap(), (1, 2), "both are safe, and neither is applied");
    here.wait(20);
    here.tend();
    assert_eq!(stored(), (3, 0));
}

#[test]
fn what_an_instance_that_died_has_left_is_taken_by_another() {
    let server = Postgres::start();
    let place: Place = server.database().parse().unwrap();
    let (mut dies, mut there) = (instance(&place), place.open().unwrap());
    dies.begin_epoch(1);
    let mut lives = instance(&place);
    let left = there.transact(|db| {
        let site = "SELECT id FROM sites WHERE name = 's' FOR UPDATE";
        db.row(site, &[], |row| row.get::<i64>(0))?;
        dies.event("stock.adjusted", json!({"sku": "A", "on_hand": 5}));
        Ok::<_, Error>(())
    });
    left.unwrap();
    drop(dies);
    lives.wait(LOOK_MS);
    lives.tend();
    assert_eq!(testing::count(&there, "SELECT applied FROM epochs"), 2);
    lives.wait(500);
    assert_eq!(lives.receipts(), [(json!(Uuid::from_u128(1)), json!(2))], "it tells what the other has not");
}

#[test]
fn instances_publish_a_command_or_a_receipt_once_between_them() {
    let server = Postgres::start();
    let place: Place = server.database().parse().unwrap();
    let (mut one, mut two) = (instance(&place), instance(&place));
    one.begin_epoch(1);
    let epoch = Uuid::from_u128(1);
    (two.epoch, two.sequence) = (one.epoch, one.sequence);
    two.event("stock.adjusted", json!({"sku": "A", "on_hand": 5}));
    one.ask(Request::Put(vec![order("10")])).unwrap();
    let mut published = |wait_ms: u64| {
        [&mut one, &mut two].map(|world| {
            world.wait(wait_ms);
            world.tend();
            world.published().into_iter().map(|(kind, _)| kind).collect::<Vec<_>>()
        })
    };
    let [first, second] = published(1_000);
    assert_eq!((first.len(), second.len()), (2, 0), "{first:?} {second:?}");
    assert_eq!(published(1_000), [[""; 0]; 2], "and then nobody anything");
    // The repeats are on the server's clock.
    let again = "UPDATE commands SET due_ms = 0";
    let again = place
        .open()
        .unwrap()
        .run(again, &[])
        .and_then(|_| place.open().unwrap().run("UPDATE sites SET due_ms = 0", &[]));
    again.unwrap();
    let repeated = published(1_000).concat();
    assert_eq!(repeated, ["parceld.order.put.v1"]);
    assert_eq!(two.rows("SELECT CAST(told AS TEXT) FROM epochs"), ["2"], "{epoch}");
}

/// Deadlocks that the server has ended, once it has heard from all connections but `look`.
fn deadlocks(look: &Session) -> i64 {
    wait::until("all other connections to end", wait::GENEROUS, || {
        let others =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        (look.integers(others) == [0]).then_some(())
    });
    look.integers("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")[0]
}

#[test]
fn batches_about_the_same_sites_in_any_order_wait_for_each_other_without_a_deadlock() {
    const SITES: u128 = 12;
    const SEQUENCES: i64 = 6;
    let server = Postgres::start();
    let url = server.database();
    let place: Place = url.parse().unwrap();
    drop(place.open().unwrap());
    let event = |site: u128, sequence: i64| {
        let event = json!({
            "specversion": "1.0", "id": Uuid::from_u128(site << 64 | u128::from(sequence.unsigned_abs())),
            "source": format!("/sites/s{site:02}"), "type": "parceld.stock.adjusted.v1",
            "time": "2026-11-22T14:00:00.000Z", "epoch": Uuid::from_u128(site), "sequence": sequence,
            "data": {"sku": "A", "on_hand": sequence},
        });
        (format!("r/s{site:02}/events/stock"), event.to_string())
    };
    // Both have everything, for what a broker has delivered to one instance may come to another.
    let batch: Vec<_> =
        (1..=SEQUENCES).rev().flat_map(|sequence| (0..SITES).map(move |site| event(site, sequence))).collect();
    let start = Barrier::new(2);
    thread::scope(|scope| {
        for backwards in [false, true] {
            let mut batch = batch.clone();
            if backwards {
                batch.reverse();
            }
            let (place, start) = (&place, &start);
            scope.spawn(move || {
                let mut world = instance(place);
                let messages: Vec<_> = batch.iter().map(|(topic, text)| (topic.as_str(), text.as_bytes())).collect();
                start.wait();
                world.central.take(&messages, world.now).unwrap();
            });
        }
    });
    let mut last = instance(&place);
    wait::until("everything that was left to be taken", wait::GENEROUS, || {
        last.wait(LOOK_MS);
        last.tend();
        let applied = "SELECT CAST(applied AS TEXT) FROM epochs";
        (last.rows(applied) == vec![SEQUENCES.to_string(); SITES as usize]).then_some(())
    });
    drop(last);
    assert_eq!(deadlocks(&Session::open(&url).unwrap()), 0);
}

#[test]
fn states_wait_for_their_sites_before_they_take_what_was_left_at_any_of_them() {
    let server = Postgres::start();
    let url = server.database();
    let place: Place = url.parse().unwrap();
    let (mut states, mut there) = (instance(&place), place.open().unwrap());
    states.begin_epoch(1);
    states.message("r/t/state/agent", "-");
    let left = there.transact(|db| {
        db.row("SELECT id FROM sites WHERE name = 's' FOR UPDATE", &[], |row| row.get::<i64>(0))?;
        states.event("stock.adjusted", json!({"sku": "A", "on_hand": 5}));
        Ok::<_, Error>(())
    });
    left.unwrap();
    let look = Session::open(&url).unwrap();
    thread::scope(|scope| {
        let mut states = Some(states);
        let same = there.transact(|db| {
            db.row("SELECT id FROM sites WHERE name = 't' FOR UPDATE", &[], |row| row.get::<i64>(0))?;
            if let Some(mut states) = states.take() {
                scope.spawn(move || {
                    let both: [(&str, &[u8]); 2] = [("r/s/state/agent", b"-"), ("r/t/state/agent", b"-")];
                    states.central.take(&both, states.now).unwrap();
                });
            }
            wait::until("the states to wait for their second site", wait::GENEROUS, || {
                let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
                (look.integers(waits) == [1]).then_some(())
            });
            let again = "INSERT INTO aside SELECT * FROM aside ON CONFLICT DO NOTHING";
            db.run(again, &[])
        });
        assert_eq!(same.unwrap(), 0, "what was left is still there");
    });
    assert_eq!(testing::count(&there, "SELECT applied FROM epochs"), 2);
    drop(there);
    assert_eq!(deadlocks(&look), 0);
}

/// Where another instance changes a notification, one that marks or ends its letter waits, and holds nothing.
#[track_caller]
fn check_letter_beside_a_change(expires_at: &str, act: impl FnOnce(&mut World, i64) + Send) {
    let server = Postgres::start();
    let url = server.database();
    let place: Place = url.parse().unwrap();
    let mut sends = instance(&place);
    sends.begin_epoch(1);
    sends.event(
        "notification.requested",
        json!({"key": "k", "milestone": "packed", "rank": 20, "order": named("10"), "customer": "c-1",
               "channels": ["email"], "items": [], "promise": {}, "expires_at": expires_at}),
    );
    let mut changes = place.open().unwrap();
    let look = Session::open(&url).unwrap();
    let id = look.integers("SELECT id FROM letters")[0];
    thread::scope(|scope| {
        let mut act = Some(act);
        let mut sends = Some(sends);
        let changed = changes.transact(|db| {
            db.run("UPDATE notifications SET state = 'replaced' WHERE key = 'k'", &[])?;
            if let (Some(act), Some(mut sends)) = (act.take(), sends.take()) {
                scope.spawn(move || act(&mut sends, id));
            }
            wait::until("the sender to wait", wait::GENEROUS, || {
                let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
                (look.integers(waits) == [1]).then_some(())
            });
            post::drop(db, 1, "k", "replaced", "t")
        });
        changed.unwrap();
    });
    drop(changes);
    assert_eq!(deadlocks(&look), 0);
}

#[test]
fn a_letter_is_marked_while_another_instance_replaces_it_without_a_deadlock() {
    check_letter_beside_a_change("2026-11-23T14:00:00Z", |world, id| {
        world.central.letter_ended(id, &Next::Sent, world.now).unwrap();
    });
}

#[test]
fn a_letter_expires_while_another_instance_replaces_it_without_a_deadlock() {
    check_letter_beside_a_change("2026-11-22T15:00:00Z", |world, _| {
        let office = Office {
            shops: shop::built_in(shop::SERVED_AT).unwrap().into(),
            channels: vec![Channel::Email],
            name: "one".into(),
        };
        world.now.at = "2026-11-22T16:00:00Z".parse().unwrap();
        let (letters, _) = world.central.letters(&office, Channel::Email, 9, world.now).unwrap();
        assert!(letters.is_empty());
    });
}

#[test]
fn an_instance_starts_again_whoever_changes_its_letters_meanwhile() {
    let server = Postgres::start();
    let place: Place = server.database().parse().unwrap();
    let mut there = place.open().unwrap();
    let letter = "INSERT INTO letters (id, site, key, channel, state, due_ms, claimed_by, claimed_until_ms, updated)
         VALUES (?1, 1, 'k', ?2, 'to_send', 0, 'one', 60000, 't')";
    for (id, channel) in [(1_i64, "email"), (2, "sms")] {
        there.run(letter, &params![id, channel]).unwrap();
    }
    there
        .transact(|db| {
            db.row("SELECT id FROM letters WHERE id = 1 FOR UPDATE", &[], |row| row.get::<i64>(0))?;
            instance(&place).central.starting_again("one").map(|_| ())
        })
        .unwrap();
    let claimed = "SELECT channel FROM letters WHERE claimed_until_ms IS NOT NULL";
    assert_eq!(texts(&there, claimed), ["email"], "until its claim is over");
}
