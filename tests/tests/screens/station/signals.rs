//! Each signal by a real scan: what is read, seen, announced and heard, and how long it stands.

use std::time::Duration;

use parceld_tests::browser::Browser;
use parceld_tests::goods::gtin;

use super::tones::assert_sounds;
use super::{BIG, Bench, SMALL, STATION, assert_fits, is_in};
use crate::judge::{Judge, LANGUAGES, assert_quiet, picture};

/// A signal: the scan that gives it, its shape, whom a screen reader tells, and its word in English and Swedish.
struct Signal {
    state: &'static str,
    scan: Scan,
    symbol: &'static str,
    role: &'static str,
    word: [&'static str; 2],
}

/// What is scanned.
enum Scan {
    Unit(char),
    Code(&'static str),
}

impl Scan {
    fn code(&self) -> String {
        match self {
            Scan::Unit(letter) => gtin(*letter),
            Scan::Code(code) => (*code).to_owned(),
        }
    }
}

const fn signal(
    state: &'static str,
    scan: Scan,
    symbol: &'static str,
    role: &'static str,
    word: [&'static str; 2],
) -> Signal {
    Signal { state, scan, symbol, role, word }
}

/// At a bench with the order O1 of two A and one B, in this order.
const SIGNALS: [Signal; 9] = [
    signal("opened", Scan::Code("O1"), "#i-opened", "status", ["Opened", "Öppnad"]),
    signal("accepted", Scan::Unit('A'), "#i-accepted", "status", ["Counted", "Räknad"]),
    signal("wrong", Scan::Unit('C'), "#i-wrong", "alert", ["Wrong item", "Fel vara"]),
    signal("accepted", Scan::Unit('A'), "#i-accepted", "status", ["Counted", "Räknad"]),
    signal("over", Scan::Unit('A'), "#i-over", "alert", ["One too many", "En för mycket"]),
    signal("refused", Scan::Code("PD:DONE:AAAA"), "#i-refused", "alert", ["Not allowed", "Stopp"]),
    signal("unknown", Scan::Code("never-heard-of"), "#i-unknown", "status", ["Unknown code", "Okänd kod"]),
    signal("completed", Scan::Unit('B'), "#i-completed", "status", ["O1 done", "O1 klar"]),
    signal("already", Scan::Code("O1"), "#i-already", "status", ["Already done", "Redan gjort"]),
];

/// What counted or opened is seen for so long.
const SETTLES_AFTER: Duration = Duration::from_secs(2);
const SETTLES_BEFORE: Duration = Duration::from_secs(4);

/// Longer than anything settles.
const STAYS_MS: u32 = 2_600;

#[test]
fn each_signal_is_read_seen_announced_and_heard() {
    let (browser, judge) = (Browser::start(), Judge::new());
    for (language, tag) in LANGUAGES.iter().enumerate() {
        let mut bench = Bench::new(&browser, tag, 3);
        judge.assert_usable(&bench.page, &format!("station-idle-{tag}"), &[SMALL, BIG]);
        assert_fits(&bench.page, &format!("idle in {tag}"));
        let mut last_number = 0;
        for Signal { state, scan, symbol, role, word } in &SIGNALS {
            let (_, heard) = bench.scan(&scan.code());
            assert_eq!(
                (&heard.detail["state"], &heard.detail["tone"]),
                (&(*state).into(), &(*state).into()),
                "{state}"
            );
            let number = heard.detail["number"].as_u64().expect("a signal has its number");
            assert!(last_number < number, "{state}: {number} after {last_number}");
            last_number = number;
            let shown = bench.shown();
            assert_eq!(shown["state"], *state, "{shown}");
            assert_eq!(shown["word"], word[language], "{state} in {tag}: {shown}");
            assert_eq!((&shown["symbol"], &shown["role"]), (&(*symbol).into(), &(*role).into()), "{state}");
            picture(&bench.page, &format!("station-{state}-{tag}-1920"));
            bench.page.look(SMALL);
            picture(&bench.page, &format!("station-{state}-{tag}-1024"));
            assert_sounds(&bench.page, state);
            assert_fits(&bench.page, &format!("{state} in {tag}"));
            // Contrast and roles don't depend on the language.
            if language == 0 {
                let objections = judge.objections(&bench.page);
                assert!(objections.is_empty(), "{state}: axe says\n{}", objections.join("\n"));
            }
        }
        assert_quiet(&bench.page, &bench.site.agent.url(), STATION);
    }
}

#[test]
fn what_counted_gives_way_to_the_next_and_what_is_wrong_stays() {
    let browser = Browser::start();
    let mut bench = Bench::new(&browser, "en", 1);
    for code in ["O1".to_owned(), gtin('A')] {
        let (_, heard) = bench.scan(&code);
        let next = bench.until_state("pick");
        let after = browser.now() - heard.at;
        assert!(SETTLES_AFTER - Duration::from_millis(300) <= after && after <= SETTLES_BEFORE, "{after:?}");
        assert_eq!((&next["word"], &next["symbol"]), (&"Scan next".into(), &"#i-barcode".into()), "{next}");
    }
    for (code, state) in [(gtin('C'), "wrong"), ("never-heard-of".to_owned(), "unknown")] {
        bench.scan(&code);
        let later = format!("new Promise(over => setTimeout(() => over({}), {STAYS_MS}))", is_in(state));
        assert_eq!(bench.page.eval(&later), true, "{state} stays until the next scan");
    }
    // The right scan clears it; there is nothing to dismiss.
    let (_, heard) = bench.scan(&gtin('A'));
    assert_eq!(heard.detail["state"], "accepted");
    // The same signal a second time is a new one.
    let (_, again) = bench.scan("never-heard-of");
    let (_, and_again) = bench.scan("never-heard-of");
    assert_eq!(again.detail["state"], and_again.detail["state"]);
    assert!(again.detail["number"].as_u64() < and_again.detail["number"].as_u64());
}
