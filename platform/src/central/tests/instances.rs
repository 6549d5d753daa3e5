//! Instances on one server, step by step.

use super::*;
use crate::store::{Place, testing};
use parceld_tests::postgres::Postgres;

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
