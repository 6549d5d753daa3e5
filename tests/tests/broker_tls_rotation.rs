//! Certificates, keys and CAs are replaced while staff scan: no restart, nothing lost, nothing twice.

use parceld_tests::certificates::{Authority, VALID, replace};
use parceld_tests::goods::{gtin, order};
use parceld_tests::http;
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::secured::{NAMES, PLATFORM, Secured};
use parceld_tests::site::{Broker, PATIENCE, SITE, Site, assert_gapless};
use parceld_tests::wait::{self, Stopwatch};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

const LETTERS: [char; 3] = ['A', 'B', 'C'];
/// More units than are scanned meanwhile.
const UNITS_EACH: u32 = 9_000;
/// Scans between two things that happen.
const SCANS: u32 = 20;

/// Files are seen within five seconds, rest for one, are tried for three, and are taken.
const TAKEN_WITHIN: Duration = Duration::from_secs(20);

/// They are taken, refused, and a fault ten seconds later.
const REFUSAL_TOLD_WITHIN: Duration = Duration::from_secs(40);

/// A connection that was left in order is back within this.
const BACK_WITHIN: Duration = Duration::from_secs(2);

/// What the technician sees and does while others scan.
struct Desk<'a> {
    url: String,
    secured: &'a Secured,
    scanned: &'a AtomicU32,
    log: &'a dyn Fn() -> String,
}

impl Desk<'_> {
    fn broker(&self) -> Value {
        let status = http::get(&format!("{}/api/v1/status", self.url)).expect("the agent's page answers");
        status.success().json()["broker"].take()
    }

    fn reconnects(&self) -> u64 {
        self.broker()["reconnects"].as_u64().expect("a number")
    }

    #[track_caller]
    fn until_scanned(&self, count: u32) {
        let before = self.scanned.load(Ordering::Relaxed);
        wait::until("some scans", PATIENCE, || (before + count <= self.scanned.load(Ordering::Relaxed)).then_some(()));
    }

    /// Replaces something, and waits until the agent is connected anew with it. Returns how long it had no connection, as
    /// far as one can see who looks again and again.
    #[track_caller]
    fn takes(&self, what: &str, replace: impl FnOnce()) -> Duration {
        self.until_scanned(SCANS);
        let before = self.reconnects();
        replace();
        let mut away: Option<Stopwatch> = None;
        wait::until(what, TAKEN_WITHIN, || {
            let broker = self.broker();
            if broker["state"] != "up" {
                away.get_or_insert_with(Stopwatch::start);
                return None;
            }
            (before < broker["reconnects"].as_u64()?).then_some(())
        });
        away.map_or(Duration::ZERO, |away| away.elapsed())
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.secured.file(name)).expect("it is there")
    }

    fn lists(&self, authorities: &[&Authority]) -> String {
        authorities.iter().map(|authority| authority.list(VALID)).collect()
    }
}

#[test]
fn certificates_and_their_cas_are_replaced_under_load_and_nothing_is_lost() {
    let mut site = Site::secured(|setup| setup);
    let lines: Vec<String> = LETTERS.iter().map(|letter| format!("{UNITS_EACH}x{letter}")).collect();
    for id in ["o1", "o2"] {
        site.platform.put_order(SITE, &order(id, "dhl", &lines.join(" ")));
    }
    site.until_accepted(2);
    site.scan(0, "O1");
    site.scan(1, "O2");

    let Site { agent, broker: Broker::Secured(secured), scanners, .. } = &mut site else { panic!("it is secured") };
    let (stop, scanned) = (AtomicBool::new(false), AtomicU32::new(0));
    let (one, others) = scanners.split_at_mut(1);
    let log = || agent.log();
    let (url, next) = (agent.url(), Authority::new("parceld sites, next"));
    let counted = std::thread::scope(|both| {
        let staff = [&mut one[0], &mut others[0]].map(|scanner| both.spawn(|| work(scanner, &stop, &scanned)));
        let away = rotate(secured, &next, &url, &scanned, &log);
        eprintln!("without a connection: {away:?}");
        for (away, what) in away {
            assert!(away <= BACK_WITHIN, "{what}: {away:?}");
        }
        stop.store(true, Ordering::Relaxed);
        staff.map(|staff| staff.join().expect("staff go home"))
    });

    site.until_synced();
    site.until_received();
    let events = site.events();
    assert_gapless(&events);
    let ids: BTreeSet<&str> = events.iter().filter_map(|event| event["id"].as_str()).collect();
    assert_eq!(ids.len(), events.len(), "every event once");
    for (order, units) in ["o1", "o2"].iter().zip(counted) {
        let picked =
            |event: &&Value| event["type"] == "parceld.pick.item_picked.v1" && event["data"]["order"]["id"] == *order;
        assert_eq!(events.iter().filter(picked).count() as u32, units, "units of {order}");
    }
    let started = |event: &&Value| event["type"] == "parceld.site.started.v1";
    assert_eq!(events.iter().filter(started).count(), 1, "no restart");
}

/// The handshake doesn't tell what the broker's rules say of another name.
#[test]
fn a_certificate_for_another_name_leaves_the_site_connected_with_its_own() {
    let mut site = Site::secured(|setup| setup);
    site.scan(0, &gtin('A'));
    site.until_synced();
    let Broker::Secured(secured) = &site.broker else { panic!("it is secured") };
    let names = ["site.pem", "site.key"].map(|name| secured.file(name));
    let own = names.clone().map(|name| fs::read_to_string(name).expect("it is there"));
    secured.authority.sign(&["site-2"], VALID, &names[0], &names[1]);
    let unfit = |site: &Site| {
        let told = site.agent.finding("new_broker_files_unusable")?;
        (site.agent.status()["broker"]["state"] == "up").then_some(told)
    };
    wait::until("the refusal to be told over a connection", REFUSAL_TOLD_WITHIN, || unfit(&site));
    site.scan(0, &gtin('B'));
    site.until_synced();

    // A connection that is lost comes back the same way.
    let reconnects = |site: &Site| site.agent.status()["broker"]["reconnects"].as_u64();
    let before = reconnects(&site);
    site.broker.restart();
    let is_back = || unfit(&site).filter(|_| before < reconnects(&site));
    wait::until("the connection, and the fault", REFUSAL_TOLD_WITHIN, is_back);
    site.scan(0, &gtin('C'));
    site.until_synced();

    for (name, text) in names.iter().zip(own) {
        replace(name, &text);
    }
    wait::until("the old files to be noticed", TAKEN_WITHIN, || unfit(&site).is_none().then_some(()));
    site.until_received();
    assert_gapless(&site.events());
}

/// Everything that is ever replaced, one after the other. Returns how long each left the agent without a connection.
fn rotate(
    secured: &mut Secured,
    next: &Authority,
    url: &str,
    scanned: &AtomicU32,
    log: &dyn Fn() -> String,
) -> Vec<(Duration, &'static str)> {
    let desk = Desk { url: url.to_owned(), secured, scanned, log };
    let (certificate, key) = (secured.file("site.pem"), secured.file("site.key"));
    let old = &secured.authority;
    let mut away = Vec::new();

    // One file after the other: the pair between them is not taken.
    let (first, pem, private) = old.make(&[SITE], VALID);
    let before = desk.reconnects();
    replace(&certificate, &pem);
    wait::until("the pair that doesn't fit to be seen", TAKEN_WITHIN, || {
        (desk.log)().contains("does not belong to the certificate").then_some(())
    });
    desk.until_scanned(SCANS);
    assert_eq!((desk.reconnects(), &desk.broker()["state"]), (before, &"up".into()), "it is not taken");
    let what = "a pair, one file after the other";
    away.push((desk.takes(what, || replace(&key, &private)), what));

    // Both at once, as certbot and Kubernetes do it: the files are links through another link.
    generation(secured, 1, &desk.text("site.pem"), &desk.text("site.key"));
    for name in ["site.pem", "site.key"] {
        let new = secured.file("link.new");
        symlink(secured.file("current").join(name), &new).expect("a link can be made");
        fs::rename(&new, secured.file(name)).expect("a link can be renamed");
    }
    let (second, pem, private) = old.make(&[SITE], VALID);
    let what = "a link to another generation";
    away.push((desk.takes(what, || generation(secured, 2, &pem, &private)), what));

    // Another CA: first everybody believes both …
    let both = format!("{}{}", old.pem(), next.pem());
    let what = "two CAs";
    away.push((desk.takes(what, || replace(&secured.file("site-ca.pem"), &both)), what));
    replace(&secured.file("ca.pem"), &both);
    replace(&secured.file("ca.crl"), &desk.lists(&[old, next]));
    let (_, pem, private) = next.make(&[PLATFORM], VALID);
    replace(&secured.file("platform.pem"), &pem);
    replace(&secured.file("platform.key"), &private);
    restart(secured, url, scanned);

    // … then each gets a certificate by the new one …
    let desk = Desk { url: url.to_owned(), secured, scanned, log };
    let (_, pem, private) = next.make(&[SITE], VALID);
    let what = "a certificate by the next CA";
    away.push((desk.takes(what, || generation(secured, 3, &pem, &private)), what));
    secured.serve(next, NAMES, VALID);

    // … and the old one goes.
    let what = "the next CA alone";
    away.push((desk.takes(what, || replace(&secured.file("site-ca.pem"), &next.pem())), what));
    for number in [first, second] {
        secured.authority.revoke(number);
    }
    replace(&secured.file("ca.crl"), &desk.lists(&[&secured.authority, next]));
    restart(secured, url, scanned);
    let desk = Desk { url: url.to_owned(), secured, scanned, log };
    desk.until_scanned(SCANS);
    replace(&secured.file("ca.pem"), &next.pem());
    replace(&secured.file("ca.crl"), &desk.lists(&[next]));
    restart(secured, url, scanned);
    Desk { url: url.to_owned(), secured, scanned, log }.until_scanned(SCANS);
    away
}

/// A pair in a directory of its own, to which the link `current` leads from now on.
fn generation(secured: &Secured, number: u32, pem: &str, private: &str) {
    let directory = secured.file(&format!("generation-{number}"));
    fs::create_dir(&directory).expect("a directory of our own takes another");
    replace(&directory.join("site.pem"), pem);
    replace(&directory.join("site.key"), private);
    let new = secured.file("current.new");
    symlink(&directory, &new).expect("a link can be made");
    fs::rename(&new, secured.file("current")).expect("a link can be renamed");
}

/// The broker takes other CAs and lists only at a start.
fn restart(secured: &mut Secured, url: &str, scanned: &AtomicU32) {
    secured.broker.restart();
    let desk = Desk { url: url.to_owned(), secured, scanned, log: &String::new };
    wait::until("the connection after the broker's restart", PATIENCE, || {
        (desk.broker()["state"] == "up").then_some(())
    });
}

/// Scans unit after unit. Returns how many counted.
fn work(scanner: &mut VirtualScanner, stop: &AtomicBool, scanned: &AtomicU32) -> u32 {
    let mut units = 0;
    while !stop.load(Ordering::Relaxed) {
        let answer = scanner.scan(&gtin(LETTERS[units as usize % LETTERS.len()]));
        assert!(answer.recorded && answer.beeps == 0, "unit {units}: {answer:?}");
        units += 1;
        scanned.fetch_add(1, Ordering::Relaxed);
    }
    units
}
