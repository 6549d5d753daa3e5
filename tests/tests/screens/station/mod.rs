//! A station's screen, as the one who scans there sees and hears it.

mod contact;
mod labels;
mod saving;
mod seen;
mod signals;
mod tones;

use std::time::Duration;

use parceld_tests::browser::{Browser, Heard, Look, Page};
use parceld_tests::goods::{catalog, order, stock};
use parceld_tests::scanner::Answer;
use parceld_tests::site::{Broker, SITE, Site};
use serde_json::Value;

use crate::judge::{PATIENT, assert_eventually_empty};

/// The screens that it is made for: a wall's, and a small touch panel's.
pub const BIG: Look = Look::sized(1920, 1080);
pub const SMALL: Look = Look::sized(1024, 600);

/// The station that is looked at, and its scanner.
pub const STATION: &str = "bench-1";
pub const SCANNER: usize = 0;

/// What the screen says now. Only one stage is to be seen at any time.
const SHOWN: &str = "(() => {
    const stages = [...document.querySelectorAll('.stage')].filter(stage => stage.checkVisibility());
    const text = (stage, selector) => stage.querySelector(selector)?.innerText.replaceAll(/\\s+/g, ' ').trim() ?? '';
    return stages.map(stage => ({
        state: document.querySelector('[data-state]').dataset.state,
        role: stage.getAttribute('role'),
        symbol: stage.querySelector('.signal use')?.getAttribute('href') ?? '',
        word: text(stage, '.word'), big: text(stage, '.big'), what: text(stage, '.what'), next: text(stage, '.next'),
    }));
})()";

/// Elements that are cut or lie outside of the screen; a screen that scrolls.
const OVERFLOW: &str = "(() => {
    const root = document.documentElement, out = [];
    if (root.clientWidth < root.scrollWidth || root.clientHeight < root.scrollHeight)
        out.push(`scrolls: ${root.scrollWidth} × ${root.scrollHeight} in ${root.clientWidth} × ${root.clientHeight}`);
    for (const it of document.body.querySelectorAll('*')) {
        const box = it.getBoundingClientRect();
        if (!it.checkVisibility() || it.closest('svg') || box.width === 0) continue;
        const { overflowX, overflowY, fontSize } = getComputedStyle(it);
        // A tight line is lower than the font's own box: what is cut is a line or more.
        const isCut = (overflowX !== 'visible' && it.clientWidth + 1 < it.scrollWidth)
            || (overflowY !== 'visible' && it.clientHeight + .4 * parseFloat(fontSize) < it.scrollHeight);
        const isOutside = box.left < -1 || box.top < -1 || innerWidth + 1 < box.right || innerHeight + 1 < box.bottom;
        if (isCut || isOutside) out.push(`${isCut ? 'cut' : 'outside'}: ${it.outerHTML.slice(0, 160)}`);
    }
    return out;
})()";

/// What is touched with a glove and is smaller than a fingertip in it: 20 mm at 96 dpi.
const TOO_SMALL: &str = "[...document.querySelectorAll('button, a[href], input, select')]
    .filter(it => it.checkVisibility())
    .map(it => [it.getBoundingClientRect(), it])
    .filter(([box]) => box.width < 76 || box.height < 76)
    .map(([box, it]) => `${box.width} × ${box.height}: ${it.outerHTML.slice(0, 120)}`)";

/// A bench at which orders are picked and packed, and its screen.
pub struct Bench<'b> {
    pub site: Site,
    pub page: Page<'b>,
}

impl<'b> Bench<'b> {
    /// With `count` orders `O1`, `O2`, … of two A and one B; C is known too.
    pub fn new(browser: &'b Browser, language: &str, count: usize) -> Bench<'b> {
        Bench::with(browser, language, count, &[])
    }

    /// The same with more settings.
    #[track_caller]
    pub fn with(browser: &'b Browser, language: &str, count: usize, settings: &[(&str, &str)]) -> Bench<'b> {
        let site = Site::with(Broker::embedded(), |setup| {
            let setup = setup.set("site.language", language);
            settings.iter().fold(setup, |setup, (key, value)| setup.set(key, *value))
        });
        site.platform.put_catalog(SITE, &catalog("ABC"));
        site.platform.set_stock(SITE, &stock("ABC", 1_000));
        for number in 1..=count {
            site.platform.put_order(SITE, &order(&format!("o{number}"), "dhl", "2xA 1xB"));
        }
        site.until_accepted(count);
        let page = browser.page();
        page.look(BIG);
        page.listen("parceld:signal");
        page.prepare(tones::RECORDER);
        page.open(&format!("{}/station/{STATION}", site.agent.url()));
        page.until("sound", "document.querySelector('#sound')?.checkVisibility() === false");
        Bench { site, page }
    }

    /// Scans, and returns what the page told of it at once.
    #[track_caller]
    pub fn scan(&mut self, code: &str) -> (Answer, Heard) {
        let answer = self.site.scanners[SCANNER].scan(code);
        (answer, self.page.heard())
    }

    /// Forgets what sounded and what was told so far.
    #[track_caller]
    pub fn forget(&self) {
        self.page.eval("oscillators.length = 0");
        while self.page.heard_within(Duration::ZERO).is_some() {}
    }

    /// What the screen says now.
    #[track_caller]
    pub fn shown(&self) -> Value {
        shown(&self.page)
    }

    /// Waits until the screen is in `state`, and returns what it says.
    #[track_caller]
    pub fn until_state(&self, state: &str) -> Value {
        self.page.until(state, &is_in(state));
        self.shown()
    }
}

/// Whether the screen is in that state.
pub fn is_in(state: &str) -> String {
    format!("document.querySelector('[data-state]').dataset.state === {state:?}")
}

#[track_caller]
pub fn shown(page: &Page<'_>) -> Value {
    let shown = page.eval(SHOWN);
    let stages = shown.as_array().expect("a list of stages");
    assert_eq!(stages.len(), 1, "stages on the screen: {shown}");
    stages[0].clone()
}

/// Everything on the screen can be read and touched, in both sizes; leaves it in the big one.
#[track_caller]
pub fn assert_fits(page: &Page<'_>, name: &str) {
    for look in [SMALL, BIG] {
        page.look(look);
        let name = format!("{name} at {} × {}", look.width, look.height);
        assert_eventually_empty(page, OVERFLOW, PATIENT, &format!("{name}: cut or outside"));
        assert_eventually_empty(page, TOO_SMALL, PATIENT, &format!("{name}: too small for a glove"));
    }
}
