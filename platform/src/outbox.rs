//! When which command is published: in order, repeated until its reply, with a limit on how many are under way.
//!
//! Holds only the numbers of unanswered commands; their text is in the file. All of it is rebuilt from the file at
//! start, when everything unanswered is due.

use std::collections::{HashMap, VecDeque};

/// Commands of one site that may be without a reply at once.
pub const FLIGHT_MAX: usize = 50;

const REPEAT_FIRST_MS: u64 = 5_000;
const REPEAT_MAX_MS: u64 = 60_000;

#[derive(Debug, Default)]
pub struct Outbox {
    /// By the site's number.
    sites: HashMap<i64, Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    flight: VecDeque<Flight>,
    waiting: VecDeque<i64>,
    /// The agent said that it is gone: what was published once waits for its return.
    away: bool,
}

#[derive(Debug)]
struct Flight {
    command: i64,
    due_ms: u64,
    /// The wait after the next sending.
    wait_ms: u64,
    sent: bool,
}

impl Outbox {
    /// A new command, after all others of its site.
    pub fn add(&mut self, site: i64, command: i64, now_ms: u64) {
        let queue = self.sites.entry(site).or_default();
        queue.waiting.push_back(command);
        queue.refill(now_ms);
    }

    /// Its reply came. Returns whether it was unanswered.
    pub fn answered(&mut self, site: i64, command: i64, now_ms: u64) -> bool {
        let Some(queue) = self.sites.get_mut(&site) else { return false };
        let before = queue.len();
        queue.flight.retain(|flight| flight.command != command);
        queue.waiting.retain(|waiting| *waiting != command);
        queue.refill(now_ms);
        queue.len() < before
    }

    /// The agent came: everything unanswered is due, in order.
    pub fn online(&mut self, site: i64, now_ms: u64) {
        let queue = self.sites.entry(site).or_default();
        queue.away = false;
        for flight in &mut queue.flight {
            flight.due_ms = now_ms;
            flight.wait_ms = REPEAT_FIRST_MS;
        }
    }

    /// The agent is gone.
    pub fn away(&mut self, site: i64) {
        self.sites.entry(site).or_default().away = true;
    }

    /// Unanswered commands of a site.
    #[must_use]
    pub fn len(&self, site: i64) -> usize {
        self.sites.get(&site).map_or(0, Queue::len)
    }

    /// Up to `room` commands to publish now, as (site, command), each site's in order.
    #[must_use]
    pub fn due(&self, now_ms: u64, room: usize) -> Vec<(i64, i64)> {
        let due = self.sites.iter().flat_map(|(site, queue)| {
            let due = queue.flight.iter().filter(move |flight| queue.due_ms(flight).is_some_and(|due| due <= now_ms));
            due.map(|flight| (*site, flight.command))
        });
        due.take(room).collect()
    }

    /// It was published.
    pub fn sent(&mut self, site: i64, command: i64, now_ms: u64) {
        let flight = self.sites.get_mut(&site).and_then(|queue| queue.flight.iter_mut().find(|f| f.command == command));
        if let Some(flight) = flight {
            flight.sent = true;
            flight.due_ms = now_ms + flight.wait_ms;
            flight.wait_ms = (2 * flight.wait_ms).min(REPEAT_MAX_MS);
        }
    }

    /// The next moment at which something is due.
    #[must_use]
    pub fn next_ms(&self) -> Option<u64> {
        let of_site = |queue: &Queue| queue.flight.iter().filter_map(|flight| queue.due_ms(flight)).min();
        self.sites.values().filter_map(of_site).min()
    }
}

impl Queue {
    fn len(&self) -> usize {
        self.flight.len() + self.waiting.len()
    }

    fn refill(&mut self, now_ms: u64) {
        while self.flight.len() < FLIGHT_MAX {
            let Some(command) = self.waiting.pop_front() else { return };
            self.flight.push_back(Flight { command, due_ms: now_ms, wait_ms: REPEAT_FIRST_MS, sent: false });
        }
    }

    fn due_ms(&self, flight: &Flight) -> Option<u64> {
        (!self.away || !flight.sent).then_some(flight.due_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each step: `time what`, with what = `add N`, `reply N`, `online`, `away`, or `sends` and the numbers expected.
    fn check(script: &str) {
        let mut outbox = Outbox::default();
        for step in script.lines().map(str::trim) {
            let words: Vec<&str> = step.split_whitespace().collect();
            let now_ms: u64 = words[0].parse().unwrap();
            let number = || words[2].parse().unwrap();
            match words[1] {
                "add" => outbox.add(1, number(), now_ms),
                "reply" => assert!(outbox.answered(1, number(), now_ms), "{step}"),
                "online" => outbox.online(1, now_ms),
                "away" => outbox.away(1),
                _ => {
                    let due = outbox.due(now_ms, 100);
                    let sent: Vec<String> = due.iter().map(|(_, command)| command.to_string()).collect();
                    assert_eq!(sent, words[2..], "{step}");
                    due.iter().for_each(|(site, command)| outbox.sent(*site, *command, now_ms));
                }
            }
        }
    }

    #[test]
    fn a_command_is_repeated_until_its_reply_ever_more_seldom() {
        check(
            "0      add 1
             0      sends 1
             4999   sends
             5000   sends 1
             14999  sends
             15000  sends 1
             35000  sends 1
             75000  sends 1
             134999 sends
             135000 sends 1
             195000 sends 1
             195001 reply 1
             999999 sends",
        );
    }

    #[test]
    fn an_agent_that_comes_online_gets_everything_unanswered_at_once_and_in_order() {
        check(
            "0     add 1
             0     add 2
             0     sends 1 2
             10    add 3
             10    sends 3
             20    reply 2
             100   online
             100   sends 1 3
             101   sends
             102   online
             102   sends 1 3",
        );
    }

    #[test]
    fn what_was_sent_once_waits_while_the_agent_is_away() {
        check(
            "0     add 1
             0     sends 1
             1     away
             60000 sends
             60000 add 2
             60000 sends 2
             90000 sends
             90001 online
             90001 sends 1 2",
        );
    }

    #[test]
    fn only_so_many_are_under_way_and_the_rest_keeps_its_order() {
        let mut outbox = Outbox::default();
        (0..120).for_each(|command| outbox.add(7, command, 0));
        let due = outbox.due(0, 1_000);
        assert_eq!(due, (0..50).map(|command| (7, command)).collect::<Vec<_>>());
        due.iter().for_each(|(site, command)| outbox.sent(*site, *command, 0));
        assert!(outbox.due(1, 1_000).is_empty());
        assert!(outbox.answered(7, 3, 2));
        assert!(!outbox.answered(7, 3, 2));
        assert_eq!(outbox.due(2, 1_000), [(7, 50)]);
        assert_eq!(outbox.len(7), 119);
    }
}
