//! How the agent is, in the one line that `systemctl status` shows. From memory alone: the page and `parceld status` say
//! the rest.

use crate::floor::status::{FloorStatus, Line};
use crate::journal::{Head, Storage};
use crate::sync::status::{Link, SyncStatus};
use tokio::sync::watch;

/// What the line is made of.
pub struct Seen {
    pub storage: watch::Receiver<Storage>,
    pub head: watch::Receiver<Head>,
    pub floor: watch::Receiver<FloorStatus>,
    pub sync: watch::Receiver<SyncStatus>,
}

impl Seen {
    pub fn line(&self) -> String {
        let saved = *self.storage.borrow() == Storage::Well;
        let floor = self.floor.borrow();
        let open = floor.scanners.values().filter(|scanner| scanner.line == Line::Open).count();
        let head = *self.head.borrow();
        let is_up = self.sync.borrow().link == Link::Up;
        line(saved, (open, floor.scanners.len()), is_up, head.place.saturating_sub(head.received))
    }
}

fn line(saved: bool, (open, scanners): (usize, usize), is_up: bool, waiting: u64) -> String {
    let storage = if saved { "scans are saved" } else { "scans are NOT saved" };
    let link = if is_up { "connected" } else { "not connected" };
    format!("{storage}; {open} of {scanners} scanners open; {link}; {waiting} events wait for the platform")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_the_worst_first() {
        let rows = [
            (
                (true, (2, 2), true, 0),
                "scans are saved; 2 of 2 scanners open; connected; 0 events wait for the platform",
            ),
            (
                (false, (0, 1), false, 37),
                "scans are NOT saved; 0 of 1 scanners open; not connected; 37 events wait for the platform",
            ),
        ];
        for ((saved, scanners, is_up, waiting), expected) in rows {
            assert_eq!(line(saved, scanners, is_up, waiting), expected);
        }
    }
}
