//! Debian's Chromium without a window, alive and driven over its DevTools protocol.
//!
//! A [`Browser`] is a process with a profile of its own, which ends with it; a [`Page`] is a tab with cookies of its own.
//! What a page asked the network for, what went wrong in it and which events it told of is kept as it comes, each with
//! its time by the browser's one clock ([`Browser::now`]). Pages are on loopback: nothing else has an address here.

mod axe;
mod kept;
mod look;
mod page;
mod process;
mod wire;

pub use axe::Axe;
pub use kept::Heard;
pub use look::{Look, Vision};
pub use page::Page;

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use self::process::Chromium;
use self::wire::Wire;

/// A running browser. Threads may share it; each page belongs to one of them.
#[derive(Debug)]
pub struct Browser {
    // Dropped in this order: a browser whose wire is gone ends by itself.
    wire: Wire,
    _chromium: Chromium,
}

impl Browser {
    /// # Panics
    /// Where Chromium isn't installed or doesn't start.
    #[must_use]
    #[track_caller]
    pub fn start() -> Browser {
        let (chromium, to, from) = Chromium::start();
        let wire = Wire::new(to, from);
        wire.call("Browser.getVersion", &json!({}));
        Browser { wire, _chromium: chromium }
    }

    /// An empty page that looks like a desk's.
    #[must_use]
    #[track_caller]
    pub fn page(&self) -> Page<'_> {
        Page::new(&self.wire)
    }

    /// Time since the browser's start: the clock of everything that is [heard](Page::heard).
    #[must_use]
    pub fn now(&self) -> Duration {
        self.wire.now()
    }

    /// Writes a picture of the page to `png`.
    #[track_caller]
    pub fn picture(&self, url: &str, look: Look, png: &Path) {
        let page = self.page();
        page.look(look);
        page.open(url);
        page.picture(png);
    }

    /// The page's DOM after it has loaded, and the URLs of all that it asked the network for.
    #[must_use]
    #[track_caller]
    pub fn visit(&self, url: &str) -> (String, Vec<String>) {
        let page = self.page();
        page.look(Look::sized(360, 800));
        page.open(url);
        (page.dom(), page.requests())
    }
}

#[cfg(test)]
mod tests;
