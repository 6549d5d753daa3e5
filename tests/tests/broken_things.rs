//! What breaks at a site is named with its cause and what to do, by the status, by the page and by the doctor; and by none
//! of them once it is mended.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use parceld_tests::agent::{Agent, AgentSetup};
use parceld_tests::certificates::{Authority, EXPIRED, VALID, replace};
use parceld_tests::disk::{Card, SmallDisk};
use parceld_tests::fake_clock::FakeClock;
use parceld_tests::mosquitto::Mosquitto;
use parceld_tests::platform::Platform;
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::site::SITE;
use parceld_tests::wait::{self, Stopwatch};
use parceld_tests::{binaries, http};
use serde_json::Value;

/// Within this a fault is named, and gone after it was mended.
const SHOWN_WITHIN: Duration = Duration::from_secs(5);

/// Within this the doctor has looked at everything.
const DOCTOR_WITHIN: Duration = Duration::from_secs(10);

/// Without receipts for so long, they are missing.
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(2);

/// A user that owns nothing, and its group: Debian's nobody.
const NOBODY: u32 = 65_534;

/// The database's log is folded into its file before it has as many.
const SCANS_TO_FULL: usize = 500;

const USER: &str = "site";
const PASSWORD: &str = "the right one";

/// A site whose parts can be broken one by one.
struct Site {
    agent: Agent,
    scanner: VirtualScanner,
    platform: Platform,
    broker: Mosquitto,
    authority: Authority,
    disk: Option<SmallDisk>,
    card: Option<Card>,
    clock: Option<FakeClock>,
}

/// What a site needs beside the ordinary for something to break.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// An agent that isn't root.
    Nobody,
    SmallDisk,
    Card,
    Tls,
    /// A broker that decides by itself what is subscribed to.
    Rules,
    Clock,
}

/// A broken thing.
struct Thing {
    needs: Needs,
    breaks: fn(&mut Site),
    /// The finding's name, and what its reason says.
    fault: (&'static str, &'static str),
    /// The doctor's check, what it has found, and what to do.
    check: (&'static str, &'static str, &'static str),
    shown_within: Duration,
    heals: fn(&mut Site),
}

impl Site {
    /// `None` where this user may not do what it needs.
    fn start(needs: Needs) -> Option<Site> {
        let (mut broker, authority) = (Mosquitto::start(), Authority::new("the site's CA"));
        let platform = Platform::start(broker.port());
        let scanner = VirtualScanner::new();
        let file = |name: &str| broker.directory().join(name);
        let shown = |name: &str| file(name).display().to_string();
        replace(&file("password"), PASSWORD);
        make_password(&file("passwords"));
        let settings = match needs {
            Needs::Tls => {
                authority.publish(&file("ca.pem"));
                authority.sign(&["localhost"], VALID, &file("server.pem"), &file("server.key"));
                format!("allow_anonymous true\ncertfile {}\nkeyfile {}", shown("server.pem"), shown("server.key"))
            }
            Needs::Rules => {
                replace(&file("rules.json"), &rules(true));
                format!(
                    "allow_anonymous true\nplugin {}\nplugin_opt_config_file {}",
                    rules_plugin().display(),
                    shown("rules.json")
                )
            }
            _ => {
                replace(&file("acl"), &acl("events"));
                format!("allow_anonymous false\npassword_file {}\nacl_file {}", shown("passwords"), shown("acl"))
            }
        };
        let port = broker.guarded_port();
        let url =
            if needs == Needs::Tls { format!("mqtts://localhost:{port}") } else { format!("mqtt://127.0.0.1:{port}") };
        let timeout = format!("{}s", RECEIPT_TIMEOUT.as_secs());
        let mut setup = AgentSetup::new(SITE, &url)
            .set("sync.receipt_timeout", timeout)
            .set("storage.low_space", "0MiB")
            .station("bench", "pack")
            .scanner("hand", "bench", scanner.port());
        setup = match needs {
            Needs::Tls => setup.set("broker.ca_file", shown("ca.pem")),
            Needs::Rules => setup,
            _ => setup.set("broker.username", USER).set("broker.password_file", shown("password")),
        };
        let (mut disk, mut card, mut clock) = (None, None, None);
        match needs {
            Needs::Nothing | Needs::Tls | Needs::Rules => {}
            Needs::SmallDisk => {
                let mounted = disk.insert(SmallDisk::mount(8)?);
                setup = setup.set("storage.path", database_on(mounted.path()));
            }
            Needs::Card => {
                let inserted = card.insert(Card::insert(32)?);
                setup = setup.set("storage.path", database_on(inserted.path()));
            }
            Needs::Clock => {
                let set = clock.insert(FakeClock::at("2027-03-26T09:00[Europe/Stockholm]"));
                setup = setup.through(set.runner());
            }
            Needs::Nobody => {
                if !rustix::process::geteuid().is_root() {
                    eprintln!("skipped: only root can run an agent as another user");
                    return None;
                }
                let home = broker.directory().join("home");
                fs::create_dir(&home).expect("a directory of our own takes another");
                chown(&home, Some(NOBODY), Some(NOBODY)).expect("root gives away what it owns");
                chown(file("password"), Some(NOBODY), Some(NOBODY)).expect("root gives away what it owns");
                let_open(&scanner);
                let runner = binaries::system("setpriv", "util-linux").display().to_string();
                let user = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".to_owned()];
                setup = setup
                    .set("storage.path", database_on(&home))
                    .set("control.socket", home.join("control.sock").display().to_string())
                    .through([runner].into_iter().chain(user).collect());
            }
        }
        broker.guard(&settings);
        let mut agent = setup.start();
        agent.ready();
        let site = Site { agent, scanner, platform, broker, authority, disk, card, clock };
        wait::until("a site where all is well", wait::GENEROUS, || {
            let status = site.agent.status();
            let is_confirmed = status["log"]["received"] == status["log"]["head"];
            (status["broker"]["state"] == "up" && is_confirmed && attentions(&status).is_empty()).then_some(())
        });
        Some(site)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.broker.directory().join(name)
    }

    /// Other access rules for the connections that there are.
    fn allow(&self, events: &str) {
        let reloads = || self.broker.process().log().matches("Reloading config").count();
        let before = reloads();
        replace(&self.file("acl"), &acl(events));
        self.broker.process().hang_up();
        wait::until("the broker to read its files again", wait::GENEROUS, || (before < reloads()).then_some(()));
    }

    /// The finding of this name, while there is one.
    /// The page as its reader sees it.
    fn page(&self) -> String {
        let page = http::get(&self.agent.url()).expect("the page answers").success().body;
        let entities =
            [("&#39;", "'"), ("&#x27;", "'"), ("&quot;", "\""), ("&#34;", "\""), ("&lt;", "<"), ("&gt;", ">")];
        let plain = entities.iter().fold(page, |page, (entity, character)| page.replace(entity, character));
        plain.replace("&#60;", "<").replace("&#62;", ">").replace("&#38;", "&").replace("&amp;", "&")
    }

    /// What the doctor says of one thing, and how long it took for all of them.
    #[track_caller]
    fn doctor(&self, check: &str) -> Value {
        let stopwatch = Stopwatch::start();
        let mut command = self.agent.command(&["doctor", "--json"]);
        if let Some(clock) = &self.clock {
            let (variables, program) = (clock.runner(), command.get_program().to_owned());
            let mut through = Command::new(&variables[0]);
            through
                .args(&variables[1..])
                .arg(program)
                .args(["doctor", "--json"])
                .env("PARCELD_CONFIG", self.agent.config());
            command = through;
        }
        let output = command.output().expect("the agent's program runs");
        assert!(stopwatch.elapsed() <= DOCTOR_WITHIN, "the doctor took {:?}", stopwatch.elapsed());
        let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{error}: {} {}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
        });
        let code = match said["worst"].as_str() {
            Some("ok" | "skipped") => 0,
            Some("warning") => 1,
            _ => 2,
        };
        assert_eq!(output.status.code(), Some(code), "{said:#}");
        let checks = said["checks"].as_array().expect("checks");
        let found = checks.iter().find(|found| found["check"] == check);
        found.unwrap_or_else(|| panic!("no check {check}: {said:#}")).clone()
    }
}

/// Breaks the thing, looks at it from all sides, heals it, and looks again.
#[track_caller]
fn check(thing: &Thing) {
    let Some(mut site) = Site::start(thing.needs) else { return };
    let (fault, reason) = thing.fault;
    (thing.breaks)(&mut site);
    let text = |finding: &Value, key: &str| finding[key].as_str().expect("a text").to_owned();
    let finding = wait::until(&format!("{fault} in the status and on the page"), thing.shown_within, || {
        let finding = site.agent.finding(fault).filter(|finding| text(finding, "reason").contains(reason))?;
        let todo = finding["todo"][0].as_str().expect("what to do").to_owned();
        let page = site.page();
        let is_told = |told: String| !told.is_empty() && page.contains(&told);
        [text(&finding, "what"), text(&finding, "reason"), todo].into_iter().all(is_told).then_some(finding)
    });
    let (name, found, fix) = thing.check;
    let said = site.doctor(name);
    assert!(["warning", "error"].contains(&said["outcome"].as_str().expect("a word")), "{said:#}");
    assert!(said["found"].as_str().expect("a text").contains(found), "{said:#}");
    assert!(said["fix"].as_str().expect("a text").contains(fix), "{said:#}");

    (thing.heals)(&mut site);
    let what = text(&finding, "what");
    wait::until(&format!("{fault} to be over"), thing.shown_within, || {
        (site.agent.finding(fault).is_none() && !site.page().contains(&what)).then_some(())
    });
    let said = site.doctor(name);
    assert!(["ok", "skipped"].contains(&said["outcome"].as_str().expect("a word")), "{said:#}");
}

const ORDINARY: Thing = Thing {
    needs: Needs::Nothing,
    breaks: |_| {},
    fault: ("", ""),
    check: ("", "", ""),
    shown_within: SHOWN_WITHIN,
    heals: |_| {},
};

#[test]
fn an_unplugged_scanner() {
    check(&Thing {
        breaks: |site| site.scanner.unplug(),
        fault: ("scanners_lost", "hand"),
        check: ("scanner hand", "", "plug the scanner in"),
        heals: |site| site.scanner.replug(),
        ..ORDINARY
    });
}

#[test]
fn a_wrong_baud_rate() {
    check(&Thing {
        breaks: |site| {
            for garbage in [b"\x00\xfe\x80\x00\r", b"\xff\x00\xff\x1b\r", b"\x06\x98\xe6\x00\r"] {
                site.scanner.line().write(garbage);
            }
        },
        fault: ("scanner_garbled", "baud rate"),
        check: ("scanner hand", "not barcode text", "9600 8N1"),
        heals: |site| assert!(site.scanner.scan("a code").recorded),
        ..ORDINARY
    });
}

#[test]
fn no_permission_on_the_port() {
    check(&Thing {
        needs: Needs::Nobody,
        // A new line belongs to root alone.
        breaks: |site| site.scanner.replug(),
        fault: ("scanners_denied", "may not open it"),
        check: ("scanner hand", "may not open it", "group"),
        heals: |site| let_open(&site.scanner),
        ..ORDINARY
    });
}

#[test]
fn a_full_disk() {
    check(&Thing {
        needs: Needs::SmallDisk,
        // Its log may have room for a few more.
        breaks: |site| {
            site.disk.as_ref().expect("it has one").fill();
            let refused = (0..SCANS_TO_FULL).any(|number| !site.scanner.scan(&format!("code {number}")).recorded);
            assert!(refused, "a full disk takes {SCANS_TO_FULL} scans");
        },
        fault: ("disk_full", "full"),
        check: ("space", "0 MiB free", "free space"),
        heals: |site| site.disk.as_ref().expect("it has one").free(),
        ..ORDINARY
    });
}

#[test]
fn a_read_only_disk() {
    check(&Thing {
        needs: Needs::Card,
        breaks: |site| site.card.as_ref().expect("it has one").wear_out(),
        fault: ("disk_read_only", "nobody write"),
        check: ("storage", "read-only", "replace it"),
        heals: |site| {
            site.agent.kill9();
            site.card.as_ref().expect("it has one").replace();
            site.agent.restart();
            site.agent.ready();
        },
        ..ORDINARY
    });
}

#[test]
fn a_broker_that_is_down() {
    check(&Thing {
        breaks: |site| site.broker.kill9(),
        fault: ("broker_down", "refused"),
        check: ("network", "no connection", "does the broker run"),
        heals: |site| site.broker.restart(),
        ..ORDINARY
    });
}

#[test]
fn a_wrong_password() {
    check(&Thing {
        breaks: |site| {
            replace(&site.file("password"), "a wrong one");
            site.broker.restart();
        },
        fault: ("login_refused", "refused by the broker"),
        check: ("login", "refused by the broker", "broker.password_file"),
        heals: |site| replace(&site.file("password"), PASSWORD),
        ..ORDINARY
    });
}

#[test]
fn access_rules_that_deny_publishing() {
    check(&Thing {
        breaks: |site| {
            site.allow("nothing");
            assert!(site.scanner.scan("a code").recorded);
        },
        fault: ("publish_refused", "events/"),
        check: ("topics", "events/", "ACL"),
        heals: |site| site.allow("events"),
        ..ORDINARY
    });
}

#[test]
fn access_rules_that_deny_subscribing() {
    check(&Thing {
        needs: Needs::Rules,
        breaks: |site| {
            replace(&site.file("rules.json"), &rules(false));
            site.broker.restart();
        },
        fault: ("topic_denied", "receipts"),
        check: ("topics", "commands", "ACL"),
        heals: |site| {
            replace(&site.file("rules.json"), &rules(true));
            site.broker.restart();
        },
        ..ORDINARY
    });
}

#[test]
fn an_expired_certificate() {
    fn serve(site: &mut Site, days: parceld_tests::certificates::Days) {
        let (certificate, key) = (site.file("server.pem"), site.file("server.key"));
        site.authority.sign(&["localhost"], days, &certificate, &key);
        site.broker.restart();
    }
    check(&Thing {
        needs: Needs::Tls,
        breaks: |site| serve(site, EXPIRED),
        fault: ("broker_certificate_expired", "has expired"),
        check: ("tls", "has expired", "renew"),
        heals: |site| serve(site, VALID),
        ..ORDINARY
    });
}

#[test]
fn a_wrong_clock() {
    const YEARS: Duration = Duration::from_secs(8 * 366 * 86_400);
    check(&Thing {
        needs: Needs::Clock,
        breaks: |site| site.clock.as_mut().expect("it has one").step_back(YEARS),
        fault: ("clock_untrusted", "can't be right"),
        check: ("clock", "can't be right", "time server"),
        heals: |site| site.clock.as_mut().expect("it has one").pass(YEARS),
        ..ORDINARY
    });
}

#[test]
fn a_platform_that_sends_no_receipts() {
    check(&Thing {
        breaks: |site| {
            site.platform.process().pause();
            assert!(site.scanner.scan("a code").recorded);
        },
        fault: ("receipts_missing", "stand still"),
        check: ("receipts", "no longer confirms", "on-call"),
        shown_within: RECEIPT_TIMEOUT.saturating_add(SHOWN_WITHIN),
        heals: |site| site.platform.process().resume(),
        ..ORDINARY
    });
}

fn attentions(status: &Value) -> Vec<&Value> {
    let findings = status["verdict"]["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
    findings.iter().filter(|finding| finding["severity"] != "note").collect()
}

fn database_on(directory: &Path) -> String {
    directory.join("parceld.db").display().to_string()
}

/// Anybody may open the scanner's line.
fn let_open(scanner: &VirtualScanner) {
    fs::set_permissions(scanner.port(), fs::Permissions::from_mode(0o666)).expect("the line is ours");
}

fn make_password(file: &Path) {
    let mut make = Command::new(binaries::system("mosquitto_passwd", "mosquitto"));
    let made = make.args(["-c", "-b"]).arg(file).args([USER, PASSWORD]).output().expect("mosquitto_passwd runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// Access rules as a platform would give a site, with the topics of `events` under another name where that is said.
fn acl(events: &str) -> String {
    let root = format!("parceld/v1/{SITE}");
    format!(
        "user {USER}\ntopic read {root}/commands\ntopic read {root}/receipts\ntopic write {root}/{events}/#\n\
         topic write {root}/state/#\ntopic write {root}/replies\n"
    )
}

/// The same for mosquitto's plugin, which unlike the file also says whether a subscription is taken.
fn rules(subscribe: bool) -> String {
    serde_json::json!({"defaultACLAccess": {
        "publishClientSend": true, "publishClientReceive": true, "subscribe": subscribe, "unsubscribe": true,
    }})
    .to_string()
}

/// Debian has it beside the libraries of its architecture.
fn rules_plugin() -> PathBuf {
    let architectures = fs::read_dir("/usr/lib").into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    architectures
        .map(|architecture| architecture.join("mosquitto_dynamic_security.so"))
        .find(|plugin| plugin.is_file())
        .expect("mosquitto's plugin is missing: install it with `apt-get install mosquitto`")
}
