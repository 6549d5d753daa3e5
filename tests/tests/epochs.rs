//! Backups are put back one after the other: whatever the platform has heard meanwhile, it gets everything, epoch by epoch,
//! and nothing is forgotten before.

use parceld_tests::goods::{catalog, gtin, order, stock};
use parceld_tests::site::{Broker, PATIENCE, SITE, Site, assert_gapless};
use parceld_tests::tempdir::TempDir;
use parceld_tests::wait;
use rusqlite::Connection;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const BENCH: usize = 0;

fn site() -> Site {
    let site = Site::with(Broker::mosquitto(), |setup| {
        // Of each epoch more waits than may be sent without a receipt.
        setup.set("sync.window", 4).set("sync.ahead", 10)
    });
    site.platform.put_catalog(SITE, &catalog("A"));
    site.platform.set_stock(SITE, &stock("A", 100));
    site.platform.put_order(SITE, &order("first", "dhl", "2xA"));
    site.until_accepted(1);
    site
}

/// Scans of what nobody knows: an event each, whatever is open.
fn scan_some(site: &mut Site, what: &str) {
    for number in 0..15 {
        site.scan(BENCH, &format!("{what}-{number}"));
    }
}

/// Stops the agent in order, and keeps its file as a backup.
fn back_up(site: &mut Site, to: &Path) {
    site.agent.stop();
    fs::copy(site.agent.database(), to).expect("the database is a file");
}

/// Puts a backup in the place of the stopped agent's database, and starts it.
fn put_back(site: &mut Site, backup: &Path) {
    let file = backup.display().to_string();
    let restored = site.agent.command(&["restore", &file]).output().expect("the agent's program runs");
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    site.agent.restart();
    site.agent.ready();
}

fn ids(site: &Site) -> BTreeSet<String> {
    let file = Connection::open(site.agent.database()).expect("the file opens");
    let mut ids = file.prepare("SELECT lower(hex(id)) FROM events").expect("it has events");
    let ids = ids.query_map([], |row| row.get(0)).expect("they can be read");
    ids.collect::<Result<_, _>>().expect("they can be read")
}

/// The platform has every event of the site's file, in order, and what each epoch follows on; how many epochs.
fn assert_everything_arrived(site: &Site) -> usize {
    site.until_synced();
    site.until_received();
    let events = site.events();
    let lives: Vec<&[Value]> = events.chunk_by(|one, next| one["epoch"] == next["epoch"]).collect();
    for (n, life) in lives.iter().enumerate() {
        assert_gapless(life);
        if 0 < n {
            assert_eq!(life[0]["type"], "parceld.site.started.v1");
            assert_eq!(life[0]["data"]["cause"], "old_copy");
        }
    }
    let there: BTreeSet<String> =
        events.iter().map(|event| event["id"].as_str().expect("an id").replace('-', "")).collect();
    assert_eq!(there.len(), events.len(), "every event once");
    let missing: Vec<String> = ids(site).difference(&there).cloned().collect();
    assert!(missing.is_empty(), "{missing:?} are missing");
    let known = site.platform.site(SITE).expect("the platform knows the site");
    assert_eq!(known["conflicts"], Value::Array(Vec::new()));
    lives.len()
}

#[test]
fn epochs_that_began_while_the_platform_was_away_arrive_one_after_the_other() {
    let dir = TempDir::new("epochs");
    let mut site = site();
    site.scan(BENCH, "first");
    assert!(site.scan(BENCH, &gtin('A')).recorded);
    site.until_received();
    site.platform.stop();
    for life in 0..3 {
        scan_some(&mut site, &format!("life-{life}"));
        let backup = dir.join(format!("{life}.db"));
        back_up(&mut site, &backup);
        put_back(&mut site, &backup);
    }
    scan_some(&mut site, "last");
    let log = &site.agent.status()["log"];
    assert!(60 <= log["backlog"].as_u64().expect("a number"), "nothing is received: {log}");
    site.platform.restart();
    assert_eq!(assert_everything_arrived(&site), 4);
    site.until_answered();
    site.until_synced();
    // One of the two was packed in the first epoch.
    site.scan(BENCH, "first");
    site.scan(BENCH, &gtin('A'));
    wait::until("the order is packed", PATIENCE, || {
        let parcels = site.platform.parcels(SITE);
        (parcels.len() == 1 && parcels[0]["order"] == "first").then_some(())
    });
}

#[test]
fn a_backup_from_before_an_epoch_that_the_platform_knows_is_followed_on() {
    let dir = TempDir::new("epochs");
    let mut site = site();
    scan_some(&mut site, "before");
    let backup = dir.join("old.db");
    back_up(&mut site, &backup);
    put_back(&mut site, &backup);
    scan_some(&mut site, "in the second epoch");
    assert_eq!(assert_everything_arrived(&site), 2);
    // The platform is in the second epoch, and the backup in the first.
    site.agent.stop();
    put_back(&mut site, &backup);
    scan_some(&mut site, "in the third epoch");
    assert_eq!(assert_everything_arrived(&site), 3);
}
