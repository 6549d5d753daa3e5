//! A screen whose agent is gone says so, and comes back by itself; without the platform the floor goes on.

use std::time::Duration;

use parceld_tests::browser::{Browser, Page};
use parceld_tests::goods::gtin;
use parceld_tests::tempdir::TempDir;
use serde_json::{Value, json};

use super::tones::assert_sounds;
use super::{Bench, SCANNER, assert_fits, is_in, shown};
use crate::judge::{LANGUAGES, assert_fits as assert_narrow_enough, picture};

/// What the screen promises.
const LOST_WITHIN: Duration = Duration::from_secs(5);

/// "No contact", in English and Swedish.
const LOST: [&str; 2] = ["No contact", "Ingen kontakt"];

#[test]
fn a_screen_that_has_lost_its_agent_says_so_and_comes_back_by_itself() {
    let browser = Browser::start();
    for (language, tag) in LANGUAGES.iter().enumerate() {
        let mut bench = Bench::new(&browser, tag, 2);
        bench.page.eval("window.wasNotLoadedAgain = true");
        bench.scan("O1");
        bench.scan(&gtin('A'));
        bench.forget();

        bench.site.agent.kill9();
        assert_lost(&bench.page, LOST[language]);
        picture(&bench.page, &format!("station-lost-{tag}-1920"));
        assert_fits(&bench.page, &format!("lost in {tag}"));
        assert_narrow_enough(&bench.page, "lost");
        start_again(&mut bench);
        // The order is open as before; what was heard before sounds no second time.
        bench.until_state("pick");
        assert_eq!(bench.page.eval("oscillators.length"), 0, "old signals sound again");
        bench.forget();
        // And the next scan is a signal again, though numbers begin anew. The same code would be asked about: its first
        // answer may have been lost.
        let (_, heard) = bench.scan(&gtin('B'));
        assert_eq!(heard.detail["state"], "accepted");
        assert_sounds(&bench.page, "accepted");

        // Another database: the screen shows what is in it, not what it showed.
        bench.site.agent.kill9();
        assert_lost(&bench.page, LOST[language]);
        let dir = TempDir::new("other");
        let path = dir.join("parceld.db").to_string_lossy().into_owned();
        bench.site.agent.change(|setup| setup.set("storage.path", path));
        start_again(&mut bench);
        bench.until_state("idle");
        assert_eq!(bench.page.eval("window.wasNotLoadedAgain"), true);
    }
}

/// Nothing changes meanwhile, so that only the agent's beat tells that it is there.
#[test]
fn a_screen_comes_back_from_a_silence_in_which_nothing_happened() {
    let browser = Browser::start();
    let bench = Bench::new(&browser, LANGUAGES[0], 1);
    bench.site.until_synced();
    bench.page.until("all sent", "document.querySelector('.net')?.innerText.includes('Sent up to now')");
    let (before, streams) = (bench.shown(), bench.page.asked("/live"));
    bench.site.agent.process().pause();
    bench.page.until_within("the loss", SILENT_WITHIN, &is_in("lost"));
    bench.site.agent.process().resume();
    bench.until_state("idle");
    assert_eq!(bench.shown(), before);
    assert!(streams < bench.page.asked("/live"), "it came back because something changed, and not by itself");
}

/// A connection that stays open tells nothing: it is lost once two beats are missing.
const SILENT_WITHIN: Duration = Duration::from_secs(10);

fn start_again(bench: &mut Bench<'_>) {
    bench.site.scanners[SCANNER].line().clear_exclusive();
    bench.site.agent.restart();
    bench.site.agent.ready();
}

#[track_caller]
fn assert_lost(page: &Page<'_>, word: &str) {
    page.until_within("the loss", LOST_WITHIN, &is_in("lost"));
    let shown = shown(page);
    assert_eq!(
        (&shown["word"], &shown["symbol"], &shown["role"]),
        (&json!(word), &json!("#i-lost"), &json!("alert")),
        "{shown}"
    );
}

/// What the strip says, in English and Swedish; the count follows.
const OFFLINE: [&str; 2] = ["Saved here, sends later", "Sparat här, skickas senare"];

#[test]
fn without_the_platform_the_same_green_and_one_strip() {
    let browser = Browser::start();
    for (language, tag) in LANGUAGES.iter().enumerate() {
        let mut bench = Bench::new(&browser, tag, 1);
        bench.scan("O1");
        bench.scan(&gtin('A'));
        let online = (bench.shown(), bench.page.eval(PLACES));
        bench.site.broker.kill9();
        bench.page.until("the strip", "document.querySelector('.banner')?.checkVisibility()");
        bench.scan(&gtin('A'));
        let offline = (bench.shown(), bench.page.eval(PLACES));
        for part in ["state", "word", "symbol", "role"] {
            assert_eq!(online.0[part], offline.0[part], "{part}");
        }
        assert_stands_still(&online.1, &offline.1);
        let told = bench.page.text(".banner");
        assert!(told.starts_with(OFFLINE[language]), "{told}");
        bench.page.until("the count", "/[1-9]/.test(document.querySelector('.banner').innerText)");
        picture(&bench.page, &format!("station-offline-{tag}-1920"));
        assert_fits(&bench.page, &format!("offline in {tag}"));
        bench.site.broker.restart();
        bench.page.until("no strip", "!document.querySelector('.banner')?.checkVisibility()");
    }
}

/// Left, top, width and height of the screen's parts; a word is as wide as it is.
const PLACES: &str =
    "['.top', '.stage:not([hidden])', '.stage:not([hidden]) .word', '.rail', '.acts'].flatMap(selector => {
    const { x, y, width, height } = document.querySelector(selector).getBoundingClientRect();
    return [x, y, selector.endsWith('.word') ? 0 : width, height];
})";

/// Nobody sees less of a shift.
const SHIFT_PX_MAX: f64 = 2.0;

#[track_caller]
fn assert_stands_still(before: &Value, after: &Value) {
    let places = |of: &Value| -> Vec<f64> { of.as_array().into_iter().flatten().filter_map(Value::as_f64).collect() };
    let (before, after) = (places(before), places(after));
    assert!(!before.is_empty() && before.len() == after.len());
    let shift = before.iter().zip(&after).map(|(before, after)| (before - after).abs()).fold(0.0, f64::max);
    assert!(shift < SHIFT_PX_MAX, "the layout shifts by {shift} px: {before:?} {after:?}");
}
