//! The browser's process: its command line, its profile, and its end.

use std::fs::File;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::binaries;
use crate::tempdir::TempDir;
use crate::wait::{self, Stopwatch};

/// A browser that is told to end has nothing to save.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// The browser takes messages from descriptor 3 and answers on 4.
const OWN_PIPES: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

const FLAGS: [&str; 15] = [
    "--headless=new",
    "--remote-debugging-pipe",
    // Tests run as root, and open nothing but pages of their own.
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--mute-audio",
    // As a kiosk is started: a page may sound before anybody has touched it.
    "--autoplay-policy=no-user-gesture-required",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    // A tab that isn't in front is as fast as the one that is.
    "--disable-renderer-backgrounding",
    // What the browser wants for itself it doesn't find: tests talk to loopback only.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/// Ends by itself once its pipe is closed, also where the test is killed; is killed where it doesn't.
#[derive(Debug)]
pub struct Chromium {
    child: Child,
    _dir: TempDir,
}

impl Chromium {
    /// The browser, the pipe to it and the one from it.
    #[track_caller]
    pub fn start() -> (Chromium, ChildStdin, ChildStdout) {
        let dir = TempDir::new("browser");
        let log = File::create(dir.join("log")).expect("a directory of our own takes a file");
        let mut command = Command::new("sh");
        command.args(["-c", OWN_PIPES]).arg(binaries::system("chromium", "chromium")).args(FLAGS);
        command.arg(format!("--user-data-dir={}", dir.join("profile").display())).arg("about:blank");
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("chromium: {error}"));
        let (to, from) = (child.stdin.take().expect("it is piped"), child.stdout.take().expect("it is piped"));
        (Chromium { child, _dir: dir }, to, from)
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let waiting = Stopwatch::start();
        while matches!(self.child.try_wait(), Ok(None)) {
            if ENDS_WITHIN <= waiting.elapsed() {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            wait::a_moment();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn ends_with_its_pipes_and_takes_its_profile_along() {
        let (chromium, to, from) = Chromium::start();
        let (process, profile) = (chromium.child.id(), chromium._dir.path().to_owned());
        wait::until("a profile", wait::GENEROUS, || profile.join("profile/Default").is_dir().then_some(()));
        drop((to, from));
        let begun = Stopwatch::start();
        drop(chromium);
        assert!(begun.elapsed() < ENDS_WITHIN, "it had to be killed");
        assert!(!profile.exists());
        assert!(!Path::new("/proc").join(process.to_string()).exists());
    }
}
