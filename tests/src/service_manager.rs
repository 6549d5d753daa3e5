//! A service manager as a service sees it: the socket of sd_notify(3).

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::tempdir::TempDir;
use crate::wait::{self, Stopwatch};

/// No service of ours says more at once.
const MESSAGE_BYTES_MAX: usize = 4096;

/// Hears what one service says.
#[derive(Debug)]
pub struct ServiceManager {
    dir: TempDir,
    socket: UnixDatagram,
}

/// What the service said at once: a line each, `READY=1`, `STATUS=…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message(Vec<String>);

impl Message {
    #[must_use]
    pub fn says(&self, line: &str) -> bool {
        self.0.iter().any(|said| said == line)
    }

    /// What follows `STATUS=`.
    #[must_use]
    pub fn status(&self) -> Option<&str> {
        self.0.iter().find_map(|line| line.strip_prefix("STATUS="))
    }

    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.says("WATCHDOG=1")
    }
}

impl ServiceManager {
    /// # Panics
    /// Where no socket can be made.
    #[must_use]
    pub fn start() -> ServiceManager {
        let dir = TempDir::new("manager");
        let socket = UnixDatagram::bind(dir.join("notify")).expect("a directory of our own takes a socket");
        ServiceManager { dir, socket }
    }

    /// What a service is started through, so that it finds this manager, and is asked to say something every `watchdog`.
    #[must_use]
    pub fn runner(&self, watchdog: Duration) -> Vec<String> {
        let socket = format!("NOTIFY_SOCKET={}", self.dir.join("notify").display());
        vec!["/usr/bin/env".to_owned(), socket, format!("WATCHDOG_USEC={}", watchdog.as_micros())]
    }

    /// The next message; `None` where there is none within `patience`.
    ///
    /// # Panics
    /// Where it is no text.
    #[must_use]
    pub fn next(&self, patience: Duration) -> Option<Message> {
        // The system takes no time-out of nothing.
        let patience = patience.max(Duration::from_millis(1));
        self.socket.set_read_timeout(Some(patience)).expect("a socket takes a time-out");
        let mut bytes = vec![0; MESSAGE_BYTES_MAX];
        let count = self.socket.recv(&mut bytes).ok()?;
        let text = std::str::from_utf8(&bytes[..count]).expect("services say text");
        Some(Message(text.lines().map(str::to_owned).collect()))
    }

    /// All messages up to the first that `is_it`, that one included.
    ///
    /// # Panics
    /// Where none comes.
    #[track_caller]
    pub fn until(&self, what: &str, is_it: impl Fn(&Message) -> bool) -> Vec<Message> {
        let waiting = Stopwatch::start();
        let mut heard = Vec::new();
        loop {
            let Some(message) = self.next(waiting.left_of(wait::GENEROUS)) else {
                panic!("in vain for: {what}; heard: {heard:?}");
            };
            let found = is_it(&message);
            heard.push(message);
            if found {
                return heard;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn hears_what_a_service_says() {
        let manager = ServiceManager::start();
        let said = "socket=${NOTIFY_SOCKET:?} python3 - <<'END'\n\
                    import os, socket\n\
                    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
                    s.connect(os.environ['NOTIFY_SOCKET'])\n\
                    s.send(b'READY=1')\n\
                    s.send(b'WATCHDOG=1\\nSTATUS=' + os.environ['WATCHDOG_USEC'].encode())\n\
                    END";
        let runner = manager.runner(Duration::from_secs(2));
        let service = Command::new(&runner[0]).args(&runner[1..]).args(["sh", "-c", said]).status().unwrap();
        assert!(service.success());
        let heard = manager.until("an answer", Message::is_alive);
        assert!(heard[0].says("READY=1") && heard.len() == 2, "{heard:?}");
        assert_eq!(heard[1].status(), Some("2000000"));
        assert_eq!(manager.next(Duration::ZERO), None);
    }
}
