//! Every trouble with certificates, and with lists of revoked ones, has a message of its own: in the status, on the page and
//! from the doctor. Real mosquitto, with the settings that are shipped.

use parceld_tests::agent::{Agent, AgentSetup};
use parceld_tests::certificates::{Authority, Days, EXPIRED, NOT_YET_VALID, VALID, replace};
use parceld_tests::platform::Platform;
use parceld_tests::secured::{NAMES, Secured};
use parceld_tests::site::SITE;
use parceld_tests::{http, wait};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// A fault is shown within this, and gone after it was mended: files are looked at every five seconds.
const SHOWN_WITHIN: Duration = Duration::from_secs(10);

/// New files that don't do are a fault after ten seconds.
const UNFIT_WITHIN: Duration = Duration::from_secs(40);

struct Shop {
    // Dropped in this order: the agent says good-bye to a broker that is still there.
    agent: Agent,
    _platform: Platform,
    secured: Secured,
    /// The number of the site's certificate.
    number: u64,
    brokers_number: u64,
    /// Every file as it is while all is well.
    well: BTreeMap<PathBuf, String>,
}

struct Trouble {
    breaks: fn(&Shop),
    /// Whether it only shows with the next connection.
    restarts: bool,
    fault: &'static str,
    reason: &'static str,
    /// The doctor's check, and what it says.
    check: (&'static str, &'static str),
}

impl Shop {
    fn start() -> Shop {
        let secured = Secured::start();
        let platform = secured.platform();
        let identify = secured.identified(SITE);
        let setup = identify(AgentSetup::new(SITE, &secured.url()));
        let file = |name: &str| secured.file(name);
        let number = secured.authority.sign(&[SITE], VALID, &file("site.pem"), &file("site.key"));
        let brokers_number = secured.serve(&secured.authority, NAMES, VALID);
        replace(&file("site.crl"), &secured.authority.list(VALID));
        let crl_file = file("site.crl").display().to_string();
        let mut agent = setup.set("broker.crl_file", crl_file).station("bench-1", "pack").start();
        agent.ready();
        let names = ["site-ca.pem", "site.pem", "site.key", "site.crl", "broker.pem", "broker.key", "ca.pem", "ca.crl"];
        let read = |name: &str| (file(name), std::fs::read_to_string(file(name)).expect("it is there"));
        let well = names.map(read).into();
        let shop = Shop { agent, _platform: platform, secured, number, brokers_number, well };
        shop.until_well();
        shop
    }

    fn file(&self, name: &str) -> PathBuf {
        self.secured.file(name)
    }

    fn findings(&self) -> Vec<Value> {
        self.agent.findings().into_iter().filter(|finding| finding["topic"] == "broker").collect()
    }

    #[track_caller]
    fn until_well(&self) {
        wait::until("a connection without a fault", SHOWN_WITHIN, || {
            (self.agent.status()["broker"]["state"] == "up" && self.findings().is_empty()).then_some(())
        });
    }

    #[track_caller]
    fn until_found(&self, fault: &str, reason: &str, within: Duration) -> Value {
        let is_it = |finding: &Value| {
            finding["fault"] == fault && finding["reason"].as_str().is_some_and(|said| said.contains(reason))
        };
        wait::until(&format!("{fault}: {reason}"), within, || self.findings().into_iter().find(is_it))
    }

    fn mend(&mut self) {
        for (file, text) in &self.well {
            replace(file, text);
        }
        self.secured.broker.restart();
        self.until_well();
    }

    fn identify(&self, authority: &Authority, days: Days) {
        authority.sign(&[SITE], days, &self.file("site.pem"), &self.file("site.key"));
    }
}

const TROUBLES: [Trouble; 15] = [
    Trouble {
        breaks: |shop| Authority::new("somebody else's").publish(&shop.file("site-ca.pem")),
        restarts: true,
        fault: "broker_untrusted",
        reason: "signed by nobody in",
        check: ("tls", "signed by nobody in"),
    },
    Trouble {
        breaks: |shop| _ = shop.secured.serve(&shop.secured.authority, &["broker.example"], VALID),
        restarts: true,
        fault: "broker_untrusted",
        reason: "is for broker.example, and not for localhost",
        check: ("tls", "is for broker.example"),
    },
    Trouble {
        breaks: |shop| _ = shop.secured.serve(&shop.secured.authority, NAMES, EXPIRED),
        restarts: true,
        fault: "broker_certificate_expired",
        reason: "has expired",
        check: ("tls", "has expired"),
    },
    Trouble {
        breaks: |shop| _ = shop.secured.serve(&shop.secured.authority, NAMES, NOT_YET_VALID),
        restarts: true,
        fault: "broker_certificate_not_yet_valid",
        reason: "the clock may be wrong",
        check: ("tls", "is valid only from"),
    },
    // A list that says so ends the connection that is up.
    Trouble {
        breaks: |shop| {
            shop.secured.authority.revoke(shop.brokers_number);
            replace(&shop.file("site.crl"), &shop.secured.authority.list(VALID));
        },
        restarts: false,
        fault: "broker_certificate_revoked",
        reason: "the broker's certificate has been revoked",
        check: ("tls", "has been revoked"),
    },
    Trouble {
        breaks: |shop| replace(&shop.file("site.crl"), &Authority::new("somebody else's").list(VALID)),
        restarts: true,
        fault: "broker_file_unusable",
        reason: "it has no list by the CA that signed the broker's certificate",
        check: ("tls", "it has no list by the CA"),
    },
    Trouble {
        breaks: |shop| replace(&shop.file("site.crl"), &shop.secured.authority.pem()),
        restarts: true,
        fault: "broker_file_unusable",
        reason: "there is no list of revoked certificates in it",
        check: ("tls", "there is no list of revoked certificates"),
    },
    // An old list counts: the connection stays, and the list is told.
    Trouble {
        breaks: |shop| replace(&shop.file("site.crl"), &shop.secured.authority.list(EXPIRED)),
        restarts: false,
        fault: "certificate_expired",
        reason: "It was valid until",
        check: ("tls", "The list of revoked certificates has expired"),
    },
    Trouble {
        breaks: |shop| {
            shop.secured.authority.revoke(shop.number);
            replace(&shop.file("ca.crl"), &shop.secured.authority.list(VALID));
        },
        restarts: true,
        fault: "certificate_revoked",
        reason: "the broker refuses this site's certificate: it has been revoked",
        check: ("tls", "it has been revoked"),
    },
    Trouble {
        breaks: |shop| shop.identify(&Authority::new("somebody else's"), VALID),
        restarts: true,
        fault: "certificate_refused",
        reason: "the broker does not know the CA that signed it",
        check: ("tls", "the broker does not know the CA that signed it"),
    },
    Trouble {
        breaks: |shop| shop.identify(&shop.secured.authority, EXPIRED),
        restarts: true,
        fault: "certificate_refused",
        reason: "it was valid until",
        check: ("tls", "it was valid until"),
    },
    Trouble {
        breaks: |shop| shop.identify(&shop.secured.authority, NOT_YET_VALID),
        restarts: true,
        fault: "certificate_refused",
        reason: "it is valid only from",
        check: ("tls", "the clock may be wrong"),
    },
    // What the broker says of its own old list.
    Trouble {
        breaks: |shop| replace(&shop.file("ca.crl"), &shop.secured.authority.list(EXPIRED)),
        restarts: true,
        fault: "certificate_refused",
        reason: "or its list of revoked certificates too old",
        check: ("tls", "takes it for expired"),
    },
    Trouble {
        breaks: |shop| {
            let (_, _, key) = shop.secured.authority.make(&[SITE], VALID);
            replace(&shop.file("site.key"), &key);
        },
        restarts: true,
        fault: "broker_file_unusable",
        reason: "this key does not belong to the certificate in",
        check: ("tls", "this key does not belong"),
    },
    Trouble {
        breaks: |shop| std::fs::remove_file(shop.file("site-ca.pem")).expect("it is there"),
        restarts: true,
        fault: "broker_file_unusable",
        reason: "can't be read",
        check: ("tls", "can't be read"),
    },
];

#[test]
fn every_trouble_with_certificates_has_a_message_of_its_own_until_it_is_mended() {
    let mut shop = Shop::start();
    for Trouble { breaks, restarts, fault, reason, check: (check, found) } in TROUBLES {
        breaks(&shop);
        if restarts {
            shop.secured.broker.restart();
        }
        // A certificate is tried beside the connection for up to three seconds.
        let within = if restarts { SHOWN_WITHIN } else { 2 * SHOWN_WITHIN };
        let finding = shop.until_found(fault, reason, within);
        let what = finding["what"].as_str().expect("it says what").replace('\'', "&#39;");
        let page = http::get(&shop.agent.url()).expect("the page answers").success().body;
        assert!(page.contains(&what), "{fault}: the page says nothing of {what}");
        let checked = shop.agent.doctor(check);
        assert!(checked["found"].as_str().is_some_and(|said| said.contains(found)), "{fault}: {checked}");
        assert!(checked["fix"].is_string(), "{fault}: {checked}");
        shop.mend();
    }
}

#[test]
fn a_broker_that_wants_a_certificate_from_a_site_without_one_says_so() {
    let secured = Secured::start();
    let ca = secured.file("site-ca.pem");
    secured.authority.publish(&ca);
    let setup = AgentSetup::new(SITE, &secured.url()).set("broker.ca_file", ca.display().to_string());
    let mut agent = setup.station("bench-1", "pack").start();
    agent.ready();
    let reason = wait::until("the refusal", SHOWN_WITHIN, || {
        agent.finding("certificate_refused").map(|finding| finding["reason"].to_string())
    });
    assert!(reason.contains("the broker wants a certificate from this site, and none is configured"), "{reason}");
}

/// What is replaced while a connection is up, and doesn't do, is told, and the connection stays.
#[test]
fn new_files_that_would_not_do_are_told_while_the_connection_stays() {
    let shop = Shop::start();
    let reconnects = || shop.agent.status()["broker"]["reconnects"].clone();
    let before = reconnects();
    for (breaks, reason) in [
        ((|shop| shop.identify(&Authority::new("somebody else's"), VALID)) as fn(&Shop), "does not know the CA"),
        (|shop| shop.identify(&shop.secured.authority, EXPIRED), "this certificate was valid until"),
        (|shop| Authority::new("somebody else's").publish(&shop.file("site-ca.pem")), "signed by nobody in"),
    ] {
        breaks(&shop);
        shop.until_found("new_broker_files_unusable", reason, UNFIT_WITHIN);
        assert_eq!(shop.agent.status()["broker"]["state"], "up", "{reason}");
        for (file, text) in &shop.well {
            replace(file, text);
        }
        shop.until_well();
    }
    assert_eq!(reconnects(), before, "the same contents are no reason to leave");
}

/// Dates are told at a start, before the broker was ever reached.
#[test]
fn an_expiring_certificate_is_told_while_the_broker_is_away() {
    let mut secured = Secured::start();
    let identify = secured.identified(SITE);
    let setup = identify(AgentSetup::new(SITE, &secured.url()).station("bench-1", "pack"));
    let days = Days { from: -300, until: 20 };
    secured.authority.sign(&[SITE], days, &secured.file("site.pem"), &secured.file("site.key"));
    secured.broker.stop();
    let mut agent = setup.start();
    agent.ready();
    let what = wait::until("the certificate to be told", SHOWN_WITHIN, || {
        agent.finding("certificate_expires_soon").map(|finding| finding["what"].clone())
    });
    assert_eq!(what, "This site's certificate expires soon");
}
