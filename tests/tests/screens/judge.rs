//! What holds for every page, whatever is on it and however it is looked at.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use parceld_tests::browser::{Axe, Look, Page};
use parceld_tests::wait::{self, Stopwatch};
use serde_json::json;

/// What the pages speak.
pub const LANGUAGES: [&str; 2] = ["en", "sv"];

/// A phone, a tablet, and a screen on the wall.
pub const PHONE: Look = Look::sized(360, 800);
pub const TABLET: Look = Look::sized(768, 1024);
pub const WALL: Look = Look::sized(1920, 1080);

/// Elements that stick out of the page to its right, or that need a scroll bar along the bottom.
const TOO_WIDE: &str = "(() => {
    const root = document.documentElement;
    if (root.scrollWidth <= root.clientWidth && document.body.scrollWidth <= root.clientWidth) return [];
    const isWide = it => root.clientWidth < it.getBoundingClientRect().right || (0 < it.clientWidth && it.clientWidth < it.scrollWidth);
    const out = [...document.body.querySelectorAll('*')].filter(it => isWide(it) && ![...it.children].some(isWide));
    return [`page: ${root.scrollWidth} of ${root.clientWidth}`, ...out.slice(0, 5).map(it => it.outerHTML.slice(0, 200))];
})()";

/// The judge of pages.
pub struct Judge {
    axe: Axe,
}

impl Judge {
    pub fn new() -> Judge {
        Judge { axe: Axe::installed(env!("CARGO_TARGET_TMPDIR")) }
    }

    /// What axe finds serious or worse in the page as it is now.
    #[track_caller]
    pub fn objections(&self, page: &Page<'_>) -> Vec<String> {
        self.axe.objections(page)
    }

    /// Looks at the page as it is now in each look, takes a picture of each and has axe judge it.
    #[track_caller]
    pub fn assert_usable(&self, page: &Page<'_>, name: &str, looks: &[Look]) {
        for look in looks {
            page.look(*look);
            let name = named(name, *look);
            picture(page, &name);
            assert_fits(page, &name);
            let objections = self.objections(page);
            assert!(objections.is_empty(), "{name}: axe says\n{}", objections.join("\n"));
        }
    }
}

/// Nothing sticks out to the right.
#[track_caller]
pub fn assert_fits(page: &Page<'_>, name: &str) {
    assert_eq!(page.eval(TOO_WIDE), json!([]), "{name}: wider than the screen");
}

/// The page has asked nobody but its own agent, and nothing went wrong in it.
#[track_caller]
pub fn assert_quiet(page: &Page<'_>, agent: &str, name: &str) {
    let own = format!("{agent}/");
    let requests = page.requests();
    assert!(!requests.is_empty(), "{name}: a page that asked for nothing");
    let foreign: Vec<&String> =
        requests.iter().filter(|url| !url.starts_with(&own) && !url.starts_with("data:")).collect();
    assert!(foreign.is_empty(), "{name} asks others for {foreign:?}");
    assert_eq!(page.faults(), Vec::<String>::new(), "{name}");
}

/// Layout follows a change of the window a moment later.
pub const PATIENT: Duration = Duration::from_secs(2);

/// Waits until the list that `expression` makes is empty.
#[track_caller]
pub fn assert_eventually_empty(page: &Page<'_>, expression: &str, patience: Duration, what: &str) {
    let waiting = Stopwatch::start();
    loop {
        let found = page.eval(expression);
        if found == json!([]) {
            return;
        }
        assert!(waiting.elapsed() < patience, "{what}: {found:#}");
        wait::a_moment();
    }
}

/// Takes a picture of what is on the screen now.
#[track_caller]
pub fn picture(page: &Page<'_>, name: &str) {
    page.picture(&screens().join(format!("{name}.png")));
}

/// The name with what tells the look apart.
pub fn named(name: &str, look: Look) -> String {
    format!("{name}-{}{}", look.width, if look.dark { "-dark" } else { "" })
}

fn screens() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screens");
    fs::create_dir_all(&folder).expect("a folder can be made");
    folder
}
