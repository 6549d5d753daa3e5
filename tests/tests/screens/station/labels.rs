//! A label can say anything: on the screen it is text in a box of its own, and nothing else.

use parceld_tests::browser::Browser;
use parceld_tests::labels::{hostile, shown};

use super::{BIG, Bench, OVERFLOW, SMALL};
use crate::judge::picture;

/// What nobody but a label would put on the page, and what it would have left behind.
const INTRUDERS: &str = "document.querySelectorAll('main script, main img, main b:empty, [onload], [onerror]').length
    + (window.alerted ?? 0)";

#[test]
fn a_hostile_label_is_text_on_the_screen() {
    let browser = Browser::start();
    let mut bench = Bench::new(&browser, "en", 1);
    bench.page.eval("window.alert = () => { window.alerted = (window.alerted ?? 0) + 1 }");
    // A line holds no control characters, and some scanners no blanks at its ends.
    let is_line = |text: &String| !text.chars().any(char::is_control) && text.trim() == text && !text.is_empty();
    let labels: Vec<(&str, String)> = hostile().into_iter().filter(|(_, text)| is_line(text)).collect();
    assert!(25 < labels.len());
    for (what, text) in labels {
        let (_, heard) = bench.scan(&text);
        assert_eq!(heard.detail["state"], "unknown", "{what}");
        let literal = bench.page.eval("document.querySelector('.stage:not([hidden]) .literal').textContent");
        assert_eq!(literal, shown(&text), "{what}");
        assert_eq!(bench.page.eval(INTRUDERS), 0, "{what}: as markup");
        for look in [SMALL, BIG] {
            bench.page.look(look);
            let outside = bench.page.eval(&format!("({OVERFLOW}).filter(it => !it.startsWith('cut'))"));
            assert_eq!(outside, serde_json::json!([]), "{what}");
        }
        if what == "a script" || what.starts_with("4 KiB of digits") {
            picture(&bench.page, &format!("station-unknown-{}-1920", what.replace(' ', "-")));
        }
    }
}
