//! Debian's Chromium without a window: pictures of pages, their DOM, and what it asked for.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::binaries;
use crate::tempdir::TempDir;

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub width: u32,
    pub height: u32,
    pub dark: bool,
}

/// A profile of its own, so that nothing is remembered from other tests.
#[derive(Debug)]
pub struct Browser {
    dir: TempDir,
}

impl Default for Browser {
    fn default() -> Browser {
        Browser { dir: TempDir::new("browser") }
    }
}

impl Browser {
    /// Writes a picture of the page to `png`.
    #[track_caller]
    pub fn picture(&self, url: &str, look: Look, png: &Path) {
        let shot = format!("--screenshot={}", png.display());
        self.run(url, look, &[&shot]);
        assert!(fs::metadata(png).is_ok_and(|picture| 0 < picture.len()), "no picture of {url}");
    }

    /// The page's DOM after it has loaded, and the URLs of all that it asked the network for.
    #[must_use]
    #[track_caller]
    pub fn visit(&self, url: &str) -> (String, Vec<String>) {
        let log = self.dir.join("net.json");
        let look = Look { width: 360, height: 800, dark: false };
        let dom = self.run(url, look, &["--dump-dom", &format!("--log-net-log={}", log.display())]);
        let text = fs::read_to_string(&log).unwrap_or_else(|error| panic!("no log of the network: {error}"));
        (dom, requests(&text))
    }

    #[track_caller]
    fn run(&self, url: &str, look: Look, arguments: &[&str]) -> String {
        let mut command = Command::new(binaries::system("chromium", "chromium"));
        command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]);
        command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
        // What the browser wants for itself it doesn't find: tests talk to loopback only.
        command.arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1");
        command.arg(format!("--user-data-dir={}", self.dir.join("profile").display()));
        command.arg(format!("--window-size={},{}", look.width, look.height));
        // 0 is dark, 1 is light.
        command.arg(format!("--blink-settings=preferredColorScheme={}", u8::from(!look.dark)));
        command.args(arguments).arg(url).stdin(Stdio::null());
        let output = command.output().unwrap_or_else(|error| panic!("chromium: {error}"));
        assert!(output.status.success(), "{url}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// URLs of a network log's requests that a page began. The browser's own have no origin.
fn requests(log: &str) -> Vec<String> {
    // A browser that is ended early leaves the list open.
    let log: Value = serde_json::from_str(log)
        .or_else(|_| serde_json::from_str(&format!("{}]}}", log.trim_end().trim_end_matches(','))))
        .unwrap_or_else(|error| panic!("no JSON in the log of the network: {error}"));
    let events = log["events"].as_array().cloned().unwrap_or_default();
    let begun = events.iter().map(|event| &event["params"]);
    let begun = begun.filter(|begun| begun["initiator"].as_str().is_some_and(|origin| origin.contains("://")));
    let mut urls: Vec<String> = begun.filter_map(|begun| begun["url"].as_str().map(str::to_owned)).collect();
    urls.sort();
    urls.dedup();
    urls
}
