//! A label can say anything. Whatever it says is shown as it is, logged in plain ASCII, sent as data, and moves nothing.

use parceld_tests::goods::{catalog, gtin, order, stock};
use parceld_tests::http;
use parceld_tests::labels::{hostile, shown};
use parceld_tests::scanner::ssi::{Form, Reply, VirtualSsi};
use parceld_tests::site::{Broker, SITE, Site, assert_gapless};
use parceld_tests::wait;
use serde_json::Value;
use std::fmt::Write as _;
use std::time::Duration;

const CODE_128: u8 = 0x03;
const QR: u8 = 0x1c;
const SETTINGS: [u8; 3] = [0x9f, 0xee, 0x38];

/// As Zebra's scanners have it.
const RESPONSE_TIME_OUT: Duration = Duration::from_secs(2);

/// What a packet holds beside its header.
const PACKET_CHARACTERS_MAX: usize = 200;

/// Our own words, with checks that are not of this site.
const FORGED: [(&str, &str); 7] = [
    ("a place without a name", "PD:BIN:"),
    ("our DONE with another's check", "PD:DONE:AAAA"),
    ("our SEAL with half a check", "PD:SEAL:A"),
    ("our HANDOVER with an empty check", "PD:HANDOVER:"),
    ("a badge with a wrong check", "PD:OP:ann:AAAA"),
    ("a quantity with a wrong check", "PD:Q-999:AAAA"),
    ("a word with letters that look alike", "PD:D\u{41e}NE:AAAA"),
];

#[test]
fn a_hostile_label_is_shown_as_it_is_and_moves_nothing() {
    let mut scanner = VirtualSsi::new(RESPONSE_TIME_OUT);
    let mut site = Site::with(Broker::mosquitto(), |setup| {
        setup.set("log.level", "debug").scanner_of("ssi", "scanner-4", "bench-1", scanner.port())
    });
    scanner.until_set_up(&SETTINGS);
    site.platform.put_catalog(SITE, &catalog("A"));
    site.platform.set_stock(SITE, &stock("A", 10));
    site.platform.put_order(SITE, &order("o1", "dhl", "2xA"));
    site.until_accepted(1);
    // In the middle of work: there is something to be moved.
    site.scan(0, "O1");
    site.scan(0, &gtin('A'));
    // Staff are answered before anybody else hears of it.
    wait::until("the unit at the platform", wait::GENEROUS, || {
        (site.platform.orders(SITE).first()?["lines"][0]["packed"] == 1).then_some(())
    });
    site.until_synced();
    let before = state(&site);
    let events_before = site.events().len();

    let unknown = hostile().into_iter().map(|(what, text)| (what, text, "unknown"));
    let forged = FORGED.iter().map(|(what, text)| (*what, (*text).to_owned(), "refused"));
    let corpus: Vec<(&str, String, &str)> = unknown.chain(forged).collect();
    for (what, text, signal) in &corpus {
        let kind = if text.len() <= PACKET_CHARACTERS_MAX { CODE_128 } else { QR };
        assert_eq!(scanner.send_as(kind, text, form(text)), (Reply::Acknowledged, 1), "{what}");
        assert_shown(&site, what, text, signal);
    }

    site.until_synced();
    assert_eq!(state(&site), before);
    let events = site.events();
    assert_gapless(&events);
    let refused: Vec<&Value> = events[events_before..].iter().collect();
    assert_eq!(refused.len(), corpus.len(), "one event for each");
    for (event, (what, text, _)) in refused.iter().zip(&corpus) {
        assert_eq!(event["type"], "parceld.site.scan_refused.v1", "{what}");
        assert_eq!(event["data"]["code"], shown(text), "{what}");
    }
    assert_is_for_terminals("the log", &site.agent.log());
    for arguments in [&["status"][..], &["events"], &["events", "--json"]] {
        let output = site.agent.command(arguments).output().expect("the agent's program runs");
        assert_is_for_terminals(&arguments.join(" "), &String::from_utf8(output.stdout).expect("it prints text"));
    }
    let log = site.agent.log();
    for (what, text, _) in corpus.iter().filter(|(_, text, _)| text.len() <= PACKET_CHARACTERS_MAX) {
        let logged = format!("code=\"{}\"", text.as_bytes().escape_ascii());
        assert!(log.contains(&logged), "{what}: {logged}");
    }
    assert_pages_show(&site, &corpus);
    // And the work goes on where it was.
    assert_eq!(site.scan(0, &gtin('A')).beeps, 1, "the order is complete");
}

/// What of it stands in one packet is sent in one.
fn form(text: &str) -> Form {
    if text.len() <= PACKET_CHARACTERS_MAX { Form::Single } else { Form::Continued(PACKET_CHARACTERS_MAX) }
}

/// Everything that staff and the platform work with.
fn state(site: &Site) -> [Vec<Value>; 4] {
    [
        site.platform.orders(SITE),
        site.platform.stock(SITE),
        site.platform.parcels(SITE),
        site.agent.status()["stations"].as_array().cloned().unwrap_or_default(),
    ]
}

#[track_caller]
fn assert_shown(site: &Site, what: &str, text: &str, signal: &str) {
    let shown = shown(text);
    let answer = wait::until(&format!("an answer to {what}"), wait::GENEROUS, || {
        Some(site.agent.status()["answers"][0].clone()).filter(|answer| answer["code"] == shown)
    });
    assert_eq!(answer["signal"], signal, "{what}");
    let page = http::get(&format!("{}/", site.agent.url())).expect("the page answers").body;
    assert!(page.contains(&as_html(&shown)), "{what}: on the page");
    assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "{what}: as markup");
}

/// Each page that shows codes, events or log lines, as a person with a browser would open it.
#[track_caller]
fn assert_pages_show(site: &Site, corpus: &[(&str, String, &str)]) {
    let get = |path: &str| {
        let page = http::get(&format!("{}{path}", site.agent.url())).expect("the page answers").success().body;
        for markup in ["<script>", "<img src=x", "<svg/onload"] {
            assert!(!page.contains(markup), "{path}: {markup}");
        }
        page
    };
    let (what, last, _) = corpus.last().expect("there is a corpus");
    let history = get("/orders/O1");
    let scanner = get("/scanners/scanner-4");
    for (page, path) in [(get("/"), "/"), (scanner, "/scanners/scanner-4")] {
        assert!(page.contains(&as_html(&shown(last))), "{path}: {what}");
    }
    for (what, text, signal) in corpus {
        // A forged command is refused whatever is open: it is in no order's history.
        let is_told = *signal != "unknown" || history.contains(&as_html(&shown(text)));
        assert!(is_told, "{what}: in the order's history");
        // Asked for as an order, it is a text that is searched for, and finds nothing or that order.
        let asked: String = text.bytes().take(ASKED_BYTES_MAX).fold(String::new(), |mut path, byte| {
            let _ = write!(path, "%{byte:02x}");
            path
        });
        for path in ["/orders?q=", "/api/v1/orders?q=", "/log?text=", "/orders/", "/scanners/"] {
            let reply = http::get(&format!("{}{path}{asked}", site.agent.url())).expect("the page answers");
            assert!([200, 400, 404].contains(&reply.status), "{path} with {what}: {}", reply.status);
            assert!(!reply.body.contains("<script>") && !reply.body.contains("<img src=x"), "{path} with {what}");
        }
    }
    get("/log");
    get("/commands");
}

/// An address is no longer than anybody types.
const ASKED_BYTES_MAX: usize = 256;

fn as_html(text: &str) -> String {
    text.chars().fold(String::new(), |mut html, c| {
        match c {
            '<' | '>' | '&' | '"' | '\'' => {
                let _ = write!(html, "&#{};", u32::from(c));
            }
            c => html.push(c),
        }
        html
    })
}

/// No control characters but ends of lines, and none that turn the direction of writing.
#[track_caller]
fn assert_is_for_terminals(what: &str, text: &str) {
    let is_bad =
        |c: &char| (c.is_control() && *c != '\n') || matches!(*c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let found = text.lines().find(|line| line.chars().any(|c| is_bad(&c)));
    assert_eq!(found, None, "{what} would rewrite a terminal");
}
