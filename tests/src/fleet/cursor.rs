//! What a site may send now, as the contract says it: pure, time is an argument.
//!
//! Sending goes on in sequence, a window ahead of the broker's acknowledgements and `AHEAD` beyond the last receipt. It
//! goes back to the receipt when one repeats, when receipts stand still while more was sent, and when the broker had
//! nobody to give an event to; then one window is a probe, and the wait doubles until receipts move.

use std::time::Duration;

/// Events beyond the last receipt. A broker's queue is larger.
const AHEAD: u64 = 500;
/// A receipt that repeats sooner after progress is one that a rewind, or a new connection, has caused; after each that was
/// believed it has twice as long.
const REPEAT_GRACE: Duration = Duration::from_millis(300);
/// The last doubling of the wait.
const PATIENCE_MAX: Duration = Duration::from_secs(8);

#[derive(Debug)]
pub struct Cursor {
    window: u64,
    receipt_timeout: Duration,
    received: u64,
    /// Acknowledged by the broker, up to here without a gap.
    sent: u64,
    /// Handed to the client.
    handed: u64,
    receipts_known: bool,
    probing: bool,
    progress_at: Duration,
    patience: Duration,
    repeat_grace: Duration,
    /// The broker had nobody to give something to, since sending last went back.
    unheard: bool,
}

impl Cursor {
    pub fn new(window: u64, receipt_timeout: Duration) -> Cursor {
        Cursor {
            window,
            receipt_timeout,
            received: 0,
            sent: 0,
            handed: 0,
            receipts_known: false,
            probing: false,
            progress_at: Duration::ZERO,
            patience: receipt_timeout,
            repeat_grace: REPEAT_GRACE,
            unheard: false,
        }
    }

    /// What was on its way is sent again.
    pub fn connected(&mut self, now: Duration) {
        self.handed = self.sent;
        self.progress_at = now;
    }

    /// The next event to hand to the client; none while it has a window, or a limit is reached.
    pub fn next(&mut self, head: u64) -> Option<u64> {
        let beyond = if self.receipts_known && !self.probing { AHEAD } else { self.window };
        let last = head.min(self.received + beyond).min(self.sent + self.window);
        (self.handed < last).then(|| {
            self.handed += 1;
            self.handed
        })
    }

    /// The broker has everything up to `sequence`.
    pub fn acknowledged(&mut self, sequence: u64, now: Duration) {
        if self.received == self.sent {
            self.progress_at = now;
        }
        self.sent = self.sent.max(sequence.min(self.handed));
    }

    /// The broker had nobody to give it to.
    pub fn unheard(&mut self) {
        self.probing = true;
        self.unheard = true;
    }

    /// A receipt of this epoch. Whether it says that sending must go back.
    pub fn receipt(&mut self, sequence: u64, now: Duration) -> bool {
        self.receipts_known = true;
        if sequence <= self.received {
            let is_due = self.unheard || self.progress_at + self.repeat_grace <= now;
            let goes_back = sequence == self.received && self.received < self.sent && is_due;
            if goes_back {
                self.repeat_grace = (2 * self.repeat_grace).min(PATIENCE_MAX);
                self.go_back(now);
            }
            return goes_back;
        }
        self.received = sequence;
        self.sent = self.sent.max(sequence);
        self.handed = self.handed.max(sequence);
        self.probing = false;
        self.patience = self.receipt_timeout;
        self.repeat_grace = REPEAT_GRACE;
        self.progress_at = now;
        false
    }

    /// Whether receipts have stood still for too long, so that sending goes back.
    pub fn tick(&mut self, now: Duration) -> bool {
        let overdue = self.received < self.handed && self.progress_at + self.patience <= now;
        if overdue {
            self.patience = (2 * self.patience).min(PATIENCE_MAX);
            self.go_back(now);
        }
        overdue
    }

    fn go_back(&mut self, now: Duration) {
        self.probing = true;
        self.unheard = false;
        self.sent = self.received;
        self.handed = self.received;
        self.progress_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays `milliseconds verb [number]`; `sends A-B` is all that may be handed over then, `sends -` nothing.
    #[track_caller]
    fn check(script: &str) {
        const HEAD: u64 = 2_000;
        let mut cursor = Cursor::new(10, Duration::from_secs(1));
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let now = Duration::from_millis(words[0].parse().unwrap());
            let number = || words[2].parse::<u64>().unwrap();
            match words[1] {
                "connected" => cursor.connected(now),
                "acked" => cursor.acknowledged(number(), now),
                "unheard" => cursor.unheard(),
                "receipt" => drop(cursor.receipt(number(), now)),
                "tick" => drop(cursor.tick(now)),
                _ => {
                    let sent: Vec<u64> = std::iter::from_fn(|| cursor.next(HEAD)).collect();
                    let shown = match (sent.first(), sent.last()) {
                        (Some(first), Some(last)) => format!("{first}-{last}"),
                        _ => "-".to_owned(),
                    };
                    assert_eq!(shown, words[2], "{line}");
                }
            }
        }
    }

    #[test]
    fn a_window_goes_out_until_receipts_come() {
        check(
            "0   connected
             0   sends 1-10
             10  acked 4
             10  sends -
             20  receipt 4
             20  sends 11-14
             30  acked 14
             30  sends 15-24",
        );
    }

    #[test]
    fn a_new_connection_goes_on_from_what_was_acknowledged() {
        check(
            "0   connected
             0   sends 1-10
             10  acked 6
             20  receipt 2
             30  connected
             30  sends 7-16",
        );
    }

    #[test]
    fn sending_goes_back_when_receipts_stand_still_and_waits_longer_each_time() {
        check(
            "0     connected
             0     sends 1-10
             10    acked 10
             20    receipt 3
             20    sends 11-20
             30    acked 20
             900   tick
             900   sends 21-30
             1020  tick
             1020  sends 4-13
             1030  acked 13
             2500  tick
             2500  sends -
             3030  tick
             3030  sends 4-13",
        );
    }

    #[test]
    fn sending_goes_back_at_once_for_a_platform_that_comes_after_nobody_listened() {
        check(
            "0    connected
             0    sends 1-10
             10   unheard
             10   acked 10
             50   receipt 0
             50   sends 1-10
             60   acked 10
             70   receipt 0
             70   sends -",
        );
    }

    #[test]
    fn sending_goes_back_when_a_receipt_repeats_but_not_at_once() {
        check(
            "0    connected
             0    sends 1-10
             10   acked 10
             20   receipt 3
             30   receipt 3
             30   sends 11-20
             600  receipt 3
             600  sends 4-13",
        );
    }
}
