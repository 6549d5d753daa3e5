//! The broker's settings and access rules that are shipped, with real mosquitto: what a site may do, and what it may not.

use parceld_tests::agent::AgentSetup;
use parceld_tests::certificates::replace;
use parceld_tests::goods::{gtin, order};
use parceld_tests::mqtt_client::MqttClient;
use parceld_tests::secured::{PLATFORM, Secured};
use parceld_tests::site::{Broker, SITE, Site, assert_gapless};
use parceld_tests::{binaries, wait};
use std::process::Command;
use std::time::Duration;

const SHOWN_WITHIN: Duration = Duration::from_secs(5);

/// Files are seen within five seconds, rest for one, are tried for three, and are taken.
const TAKEN_WITHIN: Duration = Duration::from_secs(20);

/// They are taken, refused, and a fault ten seconds later.
const REFUSAL_TOLD_WITHIN: Duration = Duration::from_secs(40);

fn secured(site: &Site) -> &Secured {
    let Broker::Secured(secured) = &site.broker else { panic!("the site has another broker") };
    secured
}

#[test]
fn a_site_works_from_scan_to_receipt_with_the_shipped_rules() {
    let mut site = Site::secured(|setup| setup);
    site.platform.put_order(SITE, &order("o1", "dhl", "2xA"));
    site.until_accepted(1);
    site.scan(0, "O1");
    site.scan(0, &gtin('A'));
    site.scan(0, &gtin('A'));
    site.until_synced();
    site.until_received();
    site.until_answered();
    assert_gapless(&site.events());
    wait::until("nothing that anybody should look at", SHOWN_WITHIN, || {
        (site.agent.status()["verdict"]["state"] == "well").then_some(())
    });
    for check in ["tls", "login", "topics"] {
        assert_eq!(site.agent.doctor(check)["outcome"], "ok", "{check}");
    }
    assert_eq!(site.agent.status()["broker"]["refused"], 0);
    let log = secured(&site).broker.process().log();
    assert!(log.contains("Sending SUBACK"), "it tells everything: {log}");
    assert!(!log.contains("Denied"), "the agent asks for no more than it is granted: {log}");
    site.agent.stop();
    let watcher = secured(&site).client(PLATFORM, "watcher");
    watcher.subscribe(&format!("parceld/v1/{SITE}/state/agent"));
    watcher.until_messages(1);
    assert_eq!(watcher.messages()[0].json()["state"], "offline", "the good-bye is granted too");
}

#[test]
fn a_site_gets_at_nothing_of_others() {
    const OTHER: &str = "site-2";
    let secured = Secured::start();
    let platform = secured.client(PLATFORM, "platform");
    for topic in ["events/+", "state/agent", "state/promise", "replies", "receipts"] {
        platform.subscribe(&format!("parceld/v1/+/{topic}"));
    }
    let site = secured.client(SITE, "parceld-site-1");
    for filter in [
        "#",
        "$SYS/#",
        "parceld/#",
        "parceld/v1/+/events/+",
        "parceld/v1/+/commands",
        "parceld/v1/site-2/#",
        "parceld/v1/site-2/commands",
        "parceld/v1/site-2/receipts",
        "$share/group/parceld/v1/+/events/+",
        "$share/group/parceld/v1/+/commands",
        "$share/group/#",
        "parceld/v1/site-1/events/+",
        "parceld/v1/site-1/commands",
        "parceld/v1/site-1/receipts",
        "parceld/v1/site-1/state/agent",
        "parceld/v1/site-2/state/agent",
    ] {
        site.subscribe(filter);
    }
    let other = secured.client(OTHER, "parceld-site-2");
    for (topic, is_granted) in [
        (format!("parceld/v1/{SITE}/events/pick"), true),
        (format!("parceld/v1/{SITE}/state/agent"), true),
        (format!("parceld/v1/{SITE}/state/promise"), true),
        (format!("parceld/v1/{SITE}/state/doctor"), true),
        (format!("parceld/v1/{SITE}/replies"), true),
        // Its own, and not its to say.
        (format!("parceld/v1/{SITE}/commands"), false),
        (format!("parceld/v1/{SITE}/receipts"), false),
        (format!("parceld/v1/{SITE}/state/other"), false),
        (format!("parceld/v1/{SITE}/events/a/b"), false),
        (format!("parceld/v1/{SITE}"), false),
        // Another's.
        (format!("parceld/v1/{OTHER}/events/pick"), false),
        (format!("parceld/v1/{OTHER}/state/agent"), false),
        (format!("parceld/v1/{OTHER}/replies"), false),
        (format!("parceld/v1/{OTHER}/commands"), false),
        (format!("parceld/v1/{OTHER}/receipts"), false),
        ("parceld/v2/site-1/events/pick".to_owned(), false),
        ("elsewhere".to_owned(), false),
        ("$SYS/broker/uptime".to_owned(), false),
    ] {
        site.publish(&topic, b"{}");
        let reason = format!("{:?}", site.acknowledgements().last().expect("it is acknowledged"));
        assert_eq!(reason != "NotAuthorized", is_granted, "{topic}: {reason}");
    }
    other.publish(&format!("parceld/v1/{OTHER}/events/pick"), b"{}");
    other.publish(&format!("parceld/v1/{OTHER}/state/agent"), b"{}");
    for (topic, retained) in [
        (format!("parceld/v1/{OTHER}/commands"), false),
        (format!("parceld/v1/{OTHER}/receipts"), true),
        (format!("parceld/v1/{SITE}/receipts"), true),
        (format!("parceld/v1/{SITE}/commands"), false),
    ] {
        if retained { platform.publish_retained(&topic, b"{}") } else { platform.publish(&topic, b"{}") }
    }
    // The last one is the site's own: all before it would have come by then, however it subscribed.
    let own = format!("parceld/v1/{SITE}/commands");
    wait::until("the site's own command", wait::GENEROUS, || topics(&site).contains(&own).then_some(()));
    let allowed = [own, format!("parceld/v1/{SITE}/receipts"), format!("parceld/v1/{SITE}/state/agent")];
    let foreign: Vec<_> = topics(&site).into_iter().filter(|topic| !allowed.contains(topic)).collect();
    assert_eq!(foreign, Vec::<String>::new());
    let read = topics(&platform);
    for topic in ["events/pick", "state/agent", "state/promise", "replies"] {
        assert!(read.contains(&format!("parceld/v1/{SITE}/{topic}")), "{read:?}");
    }
    assert!(read.contains(&format!("parceld/v1/{OTHER}/events/pick")), "{read:?}");
    assert!(!read.contains(&"elsewhere".to_owned()), "{read:?}");
}

fn topics(client: &MqttClient) -> Vec<String> {
    client.messages().into_iter().map(|message| message.topic).collect()
}

#[test]
fn a_site_with_anothers_certificate_is_denied_and_says_so() {
    let secured = Secured::start();
    let identify = secured.identified("site-2");
    let mut agent = identify(AgentSetup::new(SITE, &secured.url()).station("bench-1", "pack")).start();
    agent.ready();
    let found = wait::until("the denial to be told", SHOWN_WITHIN, || agent.finding("publish_refused"));
    let reason = found["reason"].as_str().expect("a reason");
    assert!(reason.contains("parceld/v1/site-1/state/agent") && reason.contains("NotAuthorized"), "{reason}");
    let topics = agent.doctor("topics");
    assert_eq!(topics["outcome"], "error", "{topics}");
    let found = topics["found"].as_str().expect("what was found");
    assert!(found.contains("certificate is for \"site-2\", and site.id is \"site-1\""), "{found}");
}

/// mosquitto's file takes a subscription that it denies: only what doesn't come tells.
#[test]
fn rules_that_hide_the_receipts_are_named_as_a_cause() {
    let secured = Secured::start();
    let rules = secured.file("parceld.acl");
    let shipped = std::fs::read_to_string(&rules).expect("they are there");
    let hidden = shipped.replace("pattern read parceld/v1/%u/receipts\n", "");
    assert_ne!(hidden, shipped);
    let (platform, identify) = (secured.platform(), secured.identified(SITE));
    let mut site = Site::with_platform(Broker::Secured(Box::new(secured)), platform, |setup| {
        identify(setup).set("sync.receipt_timeout", "2s")
    });
    site.platform.put_order(SITE, &order("o1", "dhl", "2xA"));
    site.until_accepted(1);
    site.until_received();
    let broker = &self::secured(&site).broker;
    replace(&rules, &hidden);
    broker.reload();
    site.scan(0, "O1");
    site.scan(0, &gtin('A'));
    let found = wait::until("missing receipts to be told", Duration::from_secs(2 + 5), || {
        site.agent.finding("receipts_missing")
    });
    assert!(found["todo"].to_string().contains("ACL"), "{found}");
    let topics = site.agent.doctor("topics");
    assert_eq!(topics["outcome"], "warning", "{topics}");
    assert!(topics["fix"].to_string().contains("ACL"), "{topics}");

    replace(&rules, &shipped);
    self::secured(&site).broker.reload();
    site.until_received();
    wait::until("missing receipts to be forgotten", SHOWN_WITHIN, || {
        site.agent.finding("receipts_missing").is_none().then_some(())
    });
    assert_eq!(site.agent.doctor("topics")["outcome"], "ok");
}

#[test]
fn passwords_do_instead_of_certificates() {
    let by_password = |settings: String| {
        let mut settings = settings;
        for (shipped, changed) in [
            ("\nrequire_certificate true\n", "\n"),
            ("\nuse_identity_as_username true\n", "\n"),
            ("\n# password_file ", "\npassword_file "),
        ] {
            assert!(settings.contains(shipped), "the shipped settings say nothing of {shipped:?}");
            settings = settings.replace(shipped, changed);
        }
        settings
    };
    let directory = parceld_tests::tempdir::TempDir::new("passwords");
    let passwords = directory.join("passwords");
    let mut make = Command::new(binaries::system("mosquitto_passwd", "mosquitto"));
    let made = make.args(["-c", "-b"]).arg(&passwords).args([SITE, "a very long secret"]).output();
    assert!(made.expect("mosquitto_passwd runs").status.success());
    let named = passwords.display().to_string();
    let mut secured = Secured::with(|settings| by_password(settings).replace("{directory}/passwords", &named));
    let (ca, password) = (secured.file("site-ca.pem"), secured.file("password"));
    secured.authority.publish(&ca);
    replace(&password, "a very long secret\n");
    let mut agent = AgentSetup::new(SITE, &secured.url())
        .set("broker.ca_file", ca.display().to_string())
        .set("broker.username", SITE)
        .set("broker.password_file", password.display().to_string())
        .station("bench-1", "pack")
        .start();
    agent.ready();
    let until_up = || {
        wait::until("the connection", SHOWN_WITHIN, || (agent.status()["broker"]["state"] == "up").then_some(()));
    };
    until_up();
    assert_eq!(agent.doctor("topics")["outcome"], "ok");

    // A wrong password is noticed with the file, and told: the connection is made with the right one again, a second time too.
    replace(&password, "another\n");
    let told = || {
        let found = agent.finding("new_broker_files_unusable");
        found.filter(|_| agent.status()["broker"]["state"] == "up")
    };
    let found = wait::until("the refusal to be told", REFUSAL_TOLD_WITHIN, told);
    assert!(found["reason"].as_str().is_some_and(|reason| reason.contains("refused by the broker")), "{found}");
    let reconnects = || agent.status()["broker"]["reconnects"].as_u64();
    let before = reconnects();
    secured.broker.restart();
    let is_back = || told().filter(|_| before < reconnects());
    wait::until("the connection with the old password, and the fault", REFUSAL_TOLD_WITHIN, is_back);
    replace(&password, "a very long secret\n");
    let is_well = || agent.finding("new_broker_files_unusable").is_none().then_some(());
    wait::until("the old file to be noticed", TAKEN_WITHIN, is_well);
    until_up();
}
