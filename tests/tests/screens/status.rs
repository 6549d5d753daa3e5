//! The status page: its three verdicts, as they come and go, with and without scripts.

use parceld_tests::browser::{Browser, Look, Page};
use parceld_tests::goods::{catalog, gtin, order, stock};
use parceld_tests::site::{Broker, SITE, Site};
use parceld_tests::wait;
use serde_json::Value;

use crate::judge::{Judge, LANGUAGES, PHONE, TABLET, WALL, assert_quiet};

/// A verdict's word and its cause, in English and in Swedish.
const VERDICTS: [(&str, [[&str; 2]; 2]); 3] = [
    ("well", [["Well", "All well"], ["Bra", "Allt bra"]]),
    (
        "attention",
        [["Attention", "No connection to the platform's broker"], ["Se över", "Ingen kontakt med plattformens broker"]],
    ),
    ("stopped", [["Stopped", "Nobody can scan at bench-1"], ["Stopp", "Ingen kan skanna på bench-1"]]),
];

/// Something that is true of the page only until it is loaded again.
const MARK: &str = "window.wasNotLoadedAgain = true";

#[test]
fn the_status_page_says_how_it_is_while_it_changes() {
    let (browser, judge) = (Browser::start(), Judge::new());
    for (language, tag) in LANGUAGES.iter().enumerate() {
        let mut site = at_work(tag);
        let page = browser.page();
        page.open(&site.agent.url());
        assert_eq!(page.eval("document.documentElement.lang"), *tag);
        page.eval(MARK);

        assert_says(&page, &site, "well", language);
        // The scan that is made now is on the page that is open.
        site.scan(0, "never-seen-before");
        page.until("the scan on the page", "document.body.innerText.includes('never-seen-before')");
        look(&judge, &page, "well", language);

        site.broker.kill9();
        assert_says(&page, &site, "attention", language);
        look(&judge, &page, "attention", language);

        site.scanners[0].unplug();
        assert_says(&page, &site, "stopped", language);
        look(&judge, &page, "stopped", language);

        site.scanners[0].replug();
        site.broker.restart();
        assert_says(&page, &site, "well", language);
        assert_eq!(page.eval("window.wasNotLoadedAgain"), true);
        assert_quiet(&page, &site.agent.url(), "status");
    }
}

/// A site that has just done some work, and all of whose events are at the platform.
fn at_work(language: &str) -> Site {
    let mut site = Site::with(Broker::embedded(), |setup| setup.set("site.language", language));
    site.platform.put_catalog(SITE, &catalog("AB"));
    site.platform.set_stock(SITE, &stock("AB", 10));
    site.platform.put_order(SITE, &order("o1", "dhl", "2xA 1xB"));
    site.until_accepted(1);
    for code in ["O1", &gtin('A'), &gtin('A')] {
        site.scan(0, code);
    }
    site.until_received();
    site
}

/// In one language every look, in the other the narrowest and the widest.
fn look(judge: &Judge, page: &Page<'_>, verdict: &str, language: usize) {
    let all: &[Look] = &[PHONE, PHONE.dark(), TABLET, WALL, WALL.dark()];
    let looks = if language == 0 { all } else { &[PHONE, WALL] };
    judge.assert_usable(page, &format!("status-{verdict}-{}", LANGUAGES[language]), looks);
}

/// Waits until the agent has that verdict and the open page says so, with its reason and what to do.
#[track_caller]
fn assert_says(page: &Page<'_>, site: &Site, verdict: &str, language: usize) {
    let (_, words) = VERDICTS.iter().find(|(state, _)| *state == verdict).expect("a verdict has words");
    // Reasons change, as when a lost scanner is looked for again: page and agent are asked together.
    wait::until(&format!("{verdict} on the page"), wait::GENEROUS, || {
        let status = Some(site.agent.status()).filter(|status| status["verdict"]["state"] == verdict)?;
        let told = flat(&page.text("#verdict"));
        let is_told = words[language].iter().all(|word| told.contains(&flat(word)));
        // The interface tells its reasons in English.
        (is_told && (language != 0 || missing(page, &status).is_empty())).then_some(())
    });
    assert_eq!(page.eval("document.querySelector('#verdict-said').getAttribute('role')"), "status");
}

/// What of the essentials isn't on the page.
fn missing(page: &Page<'_>, status: &Value) -> Vec<String> {
    let shown = flat(&page.text("body"));
    essentials(status).into_iter().filter(|text| !shown.contains(&flat(text))).collect()
}

/// Upper and lower case, and the breaks of lines, are the style sheet's affair.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// What somebody must be able to read to help: what it is, why, what to do, and every scanner.
fn essentials(status: &Value) -> Vec<String> {
    let verdict = &status["verdict"];
    let findings = verdict["findings"].as_array().expect("a verdict has findings");
    let steps = findings.iter().flat_map(|finding| finding["todo"].as_array().into_iter().flatten());
    let scanners = status["scanners"].as_array().expect("there are scanners").iter().map(|scanner| &scanner["id"]);
    let all = [&verdict["what"], &verdict["reason"]].into_iter().chain(steps).chain(scanners);
    all.map(|text| text.as_str().expect("a text").to_owned()).collect()
}

#[test]
fn the_status_page_has_the_essentials_without_scripts() {
    let browser = Browser::start();
    let mut site = at_work("en");
    site.scanners[0].unplug();
    let page = browser.page();
    page.without_scripts();
    page.look(PHONE);
    wait::until("all of it on the page", wait::GENEROUS, || {
        page.open(&site.agent.url());
        let status = site.agent.status();
        (status["verdict"]["state"] == "stopped" && missing(&page, &status).is_empty()).then_some(())
    });
    assert_eq!(page.eval("document.body.classList.contains('scripted')"), false, "scripts ran");
    assert_quiet(&page, &site.agent.url(), "status without scripts");
}
