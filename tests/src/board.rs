//! A board on a wall: a machine of its own with a scanner, its secrets as credentials, a broker that wants certificates,
//! and the platform behind it. The test says how the agent gets onto it.

use std::path::PathBuf;

use serde_json::Value;

use crate::certificates::{Authority, VALID};
use crate::goods::{gtin, order};
use crate::machine::Machine;
use crate::mosquitto::Mosquitto;
use crate::platform::Platform;
use crate::scanner::VirtualScanner;
use crate::site::{PATIENCE, SITE};
use crate::{http, net, wait};

pub const CONFIG: &str = "/etc/parceld/parceld.toml";

#[derive(Debug)]
pub struct Board {
    // Dropped in this order: the agent says good-bye to a broker that is still there.
    pub machine: Machine,
    pub platform: Platform,
    pub scanner: VirtualScanner,
    broker: Mosquitto,
    page: u16,
    orders: usize,
}

impl Board {
    /// Not switched on, and without an agent. `None` where this machine can have no other; `dir` as in [`Machine::new`].
    #[must_use]
    pub fn new(dir: &str) -> Option<Board> {
        let mut machine = Machine::new(dir)?;
        let (mut broker, authority) = (Mosquitto::start(), Authority::new("the site's CA"));
        let file = |name: &str| broker.directory().join(name);
        authority.publish(&file("ca.pem"));
        authority.sign(&["localhost"], VALID, &file("server.pem"), &file("server.key"));
        authority.sign(&[SITE], VALID, &file("site.pem"), &file("site.key"));
        let guarded = format!(
            "cafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\nallow_anonymous true",
            file("ca.pem").display(),
            file("server.pem").display(),
            file("server.key").display()
        );
        machine.install(&file("ca.pem"), "/etc/parceld/ca.pem", 0o644);
        machine.install(&file("site.pem"), "/etc/parceld/site.pem", 0o644);
        machine.install(&file("site.key"), "/etc/credstore/parceld.key", 0o400);
        machine.write("/etc/credstore/parceld.password", 0o400, "a password that is in no file of the agent's\n");
        broker.guard(&guarded);
        let platform = Platform::start(broker.port());
        let scanner = VirtualScanner::new();
        machine.plug_in(scanner.port(), "scanner");
        Some(Board { machine, platform, scanner, broker, page: net::free_port(), orders: 0 })
    }

    /// What a technician would write.
    #[must_use]
    pub fn configuration(&self) -> String {
        format!(
            r#"[site]
id = "{SITE}"
name = "Board"
timezone = "Europe/Stockholm"
gs1_company_prefix = "7312345"
[broker]
url = "mqtts://localhost:{}"
ca_file = "/etc/parceld/ca.pem"
certificate_file = "/etc/parceld/site.pem"
key_file = "credential:parceld.key"
username = "{SITE}"
password_file = "credential:parceld.password"
[web]
listen = "127.0.0.1:{}"
[[station]]
id = "bench-1"
mode = "pack"
[[scanner]]
id = "scanner-1"
station = "bench-1"
driver = "line"
port = "/dev/scanner"
bounce = "0s"
[[carrier]]
id = "dhl"
grace = "0s"
collections = [{{ days = ["mon-sun"], at = "23:59", cut_off = "0s" }}]
"#,
            self.broker.guarded_port(),
            self.page
        )
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.page)
    }

    /// What the agent says about itself.
    #[must_use]
    #[track_caller]
    pub fn status(&self) -> Value {
        http::get(&format!("{}/api/v1/status", self.url())).expect("the agent's page answers").success().json()
    }

    /// Waits until the scanner is heard and the broker has let the agent in.
    #[track_caller]
    pub fn until_at_work(&self) {
        wait::until("the scanner's line and the broker's", PATIENCE, || {
            let status = http::get(&format!("{}/api/v1/status", self.url())).ok()?.json();
            (status["scanners"][0]["state"] == "open" && status["broker"]["state"] == "up").then_some(())
        });
    }

    /// A whole order: the platform sends it, it is scanned, and the platform has all of it.
    #[track_caller]
    pub fn pack_an_order(&mut self) {
        self.orders += 1;
        let id = format!("o{}", self.orders);
        self.platform.put_order(SITE, &order(&id, "dhl", "1xA 1xB"));
        wait::until("the order to be here", PATIENCE, || {
            (self.platform.order(SITE, &id)?["state"] == "accepted").then_some(())
        });
        for code in [id.to_uppercase(), gtin('A'), gtin('B')] {
            assert!(self.scanner.scan(&code).recorded, "{code}");
        }
        self.until_synced();
        let state = self.platform.order(SITE, &id).expect("the platform has it")["state"].take();
        assert_eq!(state, "packed", "{id}");
    }

    /// Waits until the platform has applied everything that the agent has recorded.
    #[track_caller]
    pub fn until_synced(&self) {
        wait::until("the platform has everything", PATIENCE, || {
            let (log, site) = (self.status()["log"].take(), self.platform.site(SITE)?);
            (log["epoch"] == site["epoch"] && log["head"].as_u64()? <= site["sequence"].as_u64()?).then_some(())
        });
    }
}

/// A file of the repository.
#[must_use]
pub fn of_the_project(file: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(file)
}
