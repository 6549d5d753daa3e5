//! TLS to the broker: what connects, and what each broken certificate is called until it is mended.

use std::path::PathBuf;
use std::time::Duration;

use parceld_tests::agent::{Agent, AgentSetup};
use parceld_tests::certificates::{Authority, Days, EXPIRED, NOT_YET_VALID, VALID, replace};
use parceld_tests::mosquitto::Mosquitto;
use parceld_tests::mqtt_client::MqttClient;
use parceld_tests::platform::Platform;
use parceld_tests::site::SITE;
use parceld_tests::wait;
use serde_json::Value;

/// Here the broker is started so often that the agent waits longer between attempts than for a first failure.
const SHOWN_WITHIN: Duration = wait::GENEROUS;

/// Names of the broker's certificate.
const NAMES: &[&str] = &["localhost", "127.0.0.1"];

/// A broker that wants certificates, an agent with one, and a platform that comes in by another door.
struct Tls {
    agent: Agent,
    _platform: Platform,
    broker: Mosquitto,
    authority: Authority,
}

impl Tls {
    fn start() -> Tls {
        let (mut broker, authority) = (Mosquitto::start(), Authority::new("the site's CA"));
        let platform = Platform::start(broker.port());
        let file = |name: &str| broker.directory().join(name);
        authority.publish(&file("ca.pem"));
        authority.publish(&file("clients-ca.pem"));
        authority.sign(NAMES, VALID, &file("server.pem"), &file("server.key"));
        authority.sign(&[SITE], VALID, &file("site.pem"), &file("site.key"));
        let settings = format!(
            "cafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\nallow_anonymous true",
            file("clients-ca.pem").display(),
            file("server.pem").display(),
            file("server.key").display()
        );
        let shown = |name: &str| file(name).display().to_string();
        let mut agent = AgentSetup::new(SITE, &format!("mqtts://localhost:{}", broker.guarded_port()))
            .set("broker.ca_file", shown("ca.pem"))
            .set("broker.certificate_file", shown("site.pem"))
            .set("broker.key_file", shown("site.key"))
            .station("bench-1", "pack")
            .start();
        broker.guard(&settings);
        agent.ready();
        Tls { agent, _platform: platform, broker, authority }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.broker.directory().join(name)
    }

    /// Another certificate for the broker, which only takes it at a start.
    fn serve(&mut self, names: &[&str], days: Days) {
        self.authority.sign(names, days, &self.file("server.pem"), &self.file("server.key"));
        self.broker.restart();
    }

    /// Another certificate for the agent, by a stranger if one is given, and a new connection.
    fn identify(&mut self, stranger: Option<&Authority>, days: Days) {
        stranger.unwrap_or(&self.authority).sign(&[SITE], days, &self.file("site.pem"), &self.file("site.key"));
        self.broker.restart();
    }

    fn until_up(&self) {
        wait::until("the connection to the broker", SHOWN_WITHIN, || {
            (self.agent.status()["broker"]["state"] == "up").then_some(())
        });
    }

    /// Waits until a finding of this name says this among its reasons.
    fn until_found(&self, fault: &str, reason: &str) -> Value {
        wait::until(&format!("{fault}: {reason}"), SHOWN_WITHIN, || {
            let found = self.agent.finding(fault);
            found.filter(|finding| finding["reason"].as_str().is_some_and(|said| said.contains(reason)))
        })
    }

    fn until_well(&self) {
        self.until_up();
        wait::until("no finding about the broker", SHOWN_WITHIN, || {
            self.agent.findings().iter().all(|finding| finding["topic"] != "broker").then_some(())
        });
    }
}

#[test]
fn connects_with_the_sites_certificate_and_tells_how_long_it_holds() {
    let tls = Tls::start();
    tls.until_well();
    let certificates = tls.agent.status()["certificates"].take();
    for whose in ["site", "broker", "authority"] {
        let all = certificates.as_array().expect("a list");
        let it = all.iter().find(|certificate| certificate["what"] == whose);
        let expires = it.and_then(|it| it["expires_at"].as_str()).unwrap_or_else(|| panic!("{whose}: {certificates}"));
        let left = expires.parse::<jiff::Timestamp>().expect("a time").duration_since(wait::wall_clock());
        assert!((334..=335).contains(&(left.as_hours() / 24)), "{whose}: {left}");
    }
    let watcher = MqttClient::connect(tls.broker.port(), "watcher");
    watcher.subscribe(&format!("parceld/v1/{SITE}/state/agent"));
    watcher.until_messages(1);
}

#[test]
fn every_broken_certificate_is_named_until_it_is_mended() {
    let mut tls = Tls::start();
    tls.until_well();
    let stranger = Authority::new("somebody else's CA");

    stranger.publish(&tls.file("ca.pem"));
    tls.broker.restart();
    tls.until_found("broker_untrusted", "signed by nobody in");
    tls.authority.publish(&tls.file("ca.pem"));
    tls.until_well();

    tls.serve(&["broker.example"], VALID);
    tls.until_found("broker_untrusted", "is for broker.example, and not for localhost");
    tls.serve(NAMES, VALID);
    tls.until_well();

    tls.serve(NAMES, EXPIRED);
    tls.until_found("broker_certificate_expired", "has expired");
    tls.serve(NAMES, VALID);
    tls.until_well();

    tls.serve(NAMES, NOT_YET_VALID);
    tls.until_found("broker_certificate_not_yet_valid", "the clock may be wrong");
    tls.serve(NAMES, VALID);
    tls.until_well();

    tls.serve(NAMES, Days { from: -300, until: 20 });
    tls.until_found("certificate_expires_soon", "valid until");
    tls.serve(NAMES, VALID);
    tls.until_well();

    for (days, fault) in [(EXPIRED, "certificate_expired"), (NOT_YET_VALID, "certificate_not_yet_valid")] {
        tls.identify(None, days);
        tls.until_found("certificate_refused", "the broker refuses this site's certificate: it ");
        tls.until_found(fault, "It ");
        tls.identify(None, VALID);
        tls.until_well();
    }

    tls.identify(Some(&stranger), VALID);
    tls.until_found("certificate_refused", "the broker refuses this site's certificate");
    tls.identify(None, VALID);
    tls.until_well();
}

#[test]
fn files_that_cant_be_used_are_named_and_read_again() {
    let mut tls = Tls::start();
    tls.until_well();
    let [ca, certificate, key] = ["ca.pem", "site.pem", "site.key"].map(|name| tls.file(name));
    let texts = [&ca, &certificate, &key].map(|file| std::fs::read_to_string(file).expect("it is there"));
    let (other_certificate, other_key) = (tls.file("other.pem"), tls.file("other.key"));
    tls.authority.sign(&[SITE], VALID, &other_certificate, &other_key);
    let other_key = std::fs::read_to_string(other_key).expect("it is there");
    for (file, text, reason) in [
        (&ca, "", "there is no certificate in it"),
        (&certificate, "-----BEGIN CERTIFICATE-----\n%%\n-----END CERTIFICATE-----\n", "this is not PEM"),
        (&certificate, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "is damaged"),
        (&key, texts[1].as_str(), "there is no private key in it"),
        (&key, other_key.as_str(), "does not belong to the certificate"),
    ] {
        replace(file, text);
        tls.broker.restart();
        let finding = tls.until_found("broker_file_unusable", reason);
        let said = finding["reason"].as_str().expect("a reason");
        assert!(said.contains(&file.display().to_string()), "{said}");
        for (file, text) in [&ca, &certificate, &key].into_iter().zip(&texts) {
            replace(file, text);
        }
        tls.until_well();
    }
    std::fs::remove_file(&ca).expect("it is there");
    tls.broker.restart();
    tls.until_found("broker_file_unusable", "can't be read");
    tls.authority.publish(&ca);
    tls.until_well();
}
