//! The pages beside the status page, each in both languages, with and without scripts.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use parceld_tests::browser::{Browser, Look, Page};
use parceld_tests::goods::{catalog, gtin, order, stock};
use parceld_tests::mqtt_client::MqttClient;
use parceld_tests::site::{Broker, SITE, Site};
use parceld_tests::tempdir::TempDir;
use parceld_tests::wait;

use crate::judge::{Judge, LANGUAGES, PHONE, TABLET, WALL, assert_quiet};

const TOKEN: &str = "correct-horse-battery-staple";

/// Pages that everybody may see, by the names of their pictures, with what they say in each language.
const PAGES: [(&str, &str, [&str; 2]); 12] = [
    ("orders", "/orders", ["Orders", "Ordrar"]),
    ("orders-closed", "/orders?show=closed", ["Closed", "Avslutade"]),
    ("orders-found", "/orders?q=O2", ["Found", "Hittade"]),
    ("order", "/orders/o1", ["O1", "O1"]),
    ("scanners", "/scanners", ["Scanners", "Skannrar"]),
    ("scanner", "/scanners/scanner-1", ["All scanners", "Alla skannrar"]),
    ("commands", "/commands", ["Quarantine", "Karantän"]),
    ("log", "/log", ["At least", "Minst"]),
    ("log-empty", "/log?text=nobody-says-that", ["No line is like that.", "Ingen rad är sådan."]),
    ("stations", "/station", ["bench-1", "bench-1"]),
    ("actions", "/actions", ["Actions need the device's token.", "Åtgärder kräver enhetens nyckel."]),
    ("login", "/login", ["The device's token", "Enhetens nyckel"]),
];

/// A site with two orders in work, one of them begun, one order that is done, and a message in quarantine.
fn at_work(language: &str) -> Site {
    let mut site = Site::with(Broker::embedded(), |setup| setup.set("site.language", language));
    site.platform.put_catalog(SITE, &catalog("AB"));
    site.platform.set_stock(SITE, &stock("AB", 10));
    for (id, goods) in [("o1", "2xA 1xB"), ("o2", "1xB"), ("o3", "1xA")] {
        site.platform.put_order(SITE, &order(id, "dhl", goods));
    }
    site.until_accepted(3);
    for code in ["O3", &gtin('A'), "O1", &gtin('A')] {
        site.scan(0, code);
    }
    quarantine(&site, "{\"is\": \"no command\"}");
    wait::until("a message in quarantine", wait::GENEROUS, || {
        (site.agent.status()["quarantine"]["count"] == 1).then_some(())
    });
    site.until_received();
    site
}

/// Publishes what is no command.
fn quarantine(site: &Site, payload: &str) {
    let platform = MqttClient::connect(site.broker.port(), "somebody");
    platform.publish(&format!("parceld/v1/{SITE}/commands"), payload.as_bytes());
}

#[test]
fn every_page_can_be_used_in_both_languages() {
    let (browser, judge) = (Browser::start(), Judge::new());
    for (language, tag) in LANGUAGES.iter().enumerate() {
        let site = at_work(tag);
        let [page, plain] = [browser.page(), browser.page()];
        plain.without_scripts();
        for (name, path, says) in PAGES {
            let (name, url) = (format!("{name}-{tag}"), format!("{}{path}", site.agent.url()));
            page.open(&url);
            assert_eq!(page.eval("document.documentElement.lang"), *tag, "{name}");
            assert!(page.text("body").contains(says[language]), "{name}: {}", page.text("body"));
            let looks: &[Look] =
                if language == 0 { &[PHONE, PHONE.dark(), TABLET, WALL] } else { &[PHONE, WALL.dark()] };
            judge.assert_usable(&page, &name, looks);
            plain.open(&url);
            assert!(plain.text("body").contains(says[language]), "{name} without scripts: {}", plain.text("body"));
        }
        for page in [page, plain] {
            assert_quiet(&page, &site.agent.url(), tag);
        }
    }
}

/// Waits until the text is on the page.
#[track_caller]
fn until_says(page: &Page<'_>, text: &str) {
    page.until(&format!("{text:?} on the page"), &format!("document.body.innerText.includes({text:?})"));
}

#[test]
fn open_pages_follow_what_happens() {
    let (browser, judge) = (Browser::start(), Judge::new());
    let mut site = at_work("en");
    let agent = site.agent.url();
    let open = |path: &str| {
        let page = browser.page();
        page.open(&format!("{agent}{path}"));
        page.eval("window.wasNotLoadedAgain = true");
        page
    };
    let [orders, order, scanner, commands] = ["/orders", "/orders/o1", "/scanners/scanner-1", "/commands"].map(open);
    until_says(&orders, "1/3");
    until_says(&order, "1 / 3");
    let script = "<script>alert(1)</script>";
    site.scan(0, &gtin('A'));
    site.scan(0, script);
    quarantine(&site, script);
    until_says(&orders, "2/3");
    until_says(&order, "2 / 3");
    until_says(&scanner, &gtin('A'));
    for page in [&scanner, &commands] {
        let text =
            format!("[...document.querySelectorAll('code')].some(code => code.textContent.includes({script:?}))");
        page.until("the script as text", &text);
        assert_eq!(page.eval("document.querySelectorAll('main script').length"), 0);
    }
    let [log, warnings, paused] = ["/log", "/log?level=warn", "/log"].map(open);
    paused.click("#pause");
    // That it was opened is known from the start, and no warning.
    let lines =
        "[...document.querySelectorAll('#log-lines li')].filter(line => line.innerText.includes('scanner-3')).length";
    assert_eq!([&log, &warnings, &paused].map(|page| page.eval(lines)), [1, 0, 1]);
    site.scanners[2].unplug();
    log.until("the loss in the log", &format!("1 < {lines}"));
    warnings.until("the loss among the warnings", &format!("0 < {lines}"));
    assert_eq!(paused.eval(lines), 1, "a line came during the pause");
    paused.click("#pause");
    paused.until("the loss after the pause", &format!("1 < {lines}"));

    judge.assert_usable(&scanner, "scanner-live-en", &[PHONE, WALL.dark()]);
    let pages = [(orders, "orders"), (order, "order"), (scanner, "scanner"), (commands, "commands"), (log, "log")];
    for (page, name) in pages {
        assert_eq!(page.eval("window.wasNotLoadedAgain"), true, "{name} was loaded again");
        assert_quiet(&page, &agent, name);
    }
}

#[test]
fn whoever_has_the_token_signs_in() {
    let dir = TempDir::new("token");
    let file = dir.join("token");
    fs::write(&file, format!("{TOKEN}\n")).expect("a file can be written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("the file is our own");
    let path = file.display().to_string();
    let site = Site::with(Broker::embedded(), |setup| setup.set("web.token_file", path));
    let (browser, judge) = (Browser::start(), Judge::new());
    let page = browser.page();
    let sign_in = |token: &str| {
        page.eval(&format!("document.querySelector('#token').value = {token:?}"));
        page.click("form [type=submit]");
    };
    page.open(&format!("{}/login", site.agent.url()));
    sign_in("something-else-of-that-length");
    page.until("a refusal", "document.querySelector('[role=alert]')?.innerText");
    judge.assert_usable(&page, "login-wrong-en", &[PHONE, WALL.dark()]);
    // That the answer was 401 is told by the browser too.
    page.forgive();
    sign_in(TOKEN);
    page.until("the status page", "location.pathname === '/' && document.querySelector('#verdict') != null");
    assert_eq!(page.eval("document.cookie"), "", "the session is out of scripts' reach");
    assert_quiet(&page, &site.agent.url(), "signed in");
}
