//! Which events may be sent now, and when sending goes back: pure, time is an argument.
//!
//! The broker's acknowledgement moves `sent`, the platform's receipt moves `received`; only the second one lets an
//! event be forgotten. Sending goes back to `received` when a receipt repeats although more was acknowledged, when
//! receipts stand still, or when the broker says that nobody listens; then one window goes out as a probe, and the
//! wait doubles until receipts move again. What the platform asks for once more it gets, whatever receipts say
//! meanwhile. A platform that never sent a receipt only ever gets that window. After a restart the platform is heard
//! first: the file may be an older copy, whose next places are taken. Of several epochs
//! each waits until the one before is received to its end.

use std::time::Duration;

/// What the configuration says.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Unacknowledged publishes at once.
    pub window: usize,
    /// Events beyond the last receipt.
    pub ahead: u64,
    /// How long receipts may stand still.
    pub receipt_timeout: Duration,
    /// False where the platform sends no receipts and the broker's acknowledgement is all there is.
    pub receipts_expected: bool,
}

/// Where sending stands. Places are the journal's.
#[derive(Clone, Debug)]
pub struct Plan {
    limits: Limits,
    /// The limit's window, or what this connection's broker allows.
    window: usize,
    head: u64,
    received: u64,
    /// Everything up to here is acknowledged by the broker.
    sent: u64,
    /// The last event handed to the client.
    handed: u64,
    in_flight: usize,
    receipts_known: bool,
    /// An earlier life of the agent has sent events, and the platform has not said in this one how far it has them.
    platform_silent: bool,
    /// Receipts stood still: only one window beyond `received` until they move.
    probing: bool,
    /// Where epochs end and the next ones begin, lowest first: what comes behind an end waits until the platform has
    /// everything up to there. Ends that it has reached say nothing any more.
    ends: Vec<u64>,
    /// Sending waits to go back to here until nothing is in flight.
    rewind_to: Option<u64>,
    /// The platform asked for events again: until everything up to here is sent once more, receipts skip nothing.
    again_to: Option<u64>,
    /// When receipts last moved, or sending last went back.
    progress_at: Duration,
    /// How long receipts may stand still from then on.
    patience: Duration,
    /// How long after that a repeated receipt is believed to mean a gap.
    repeat_grace: Duration,
    /// Since sending last went back, the broker had nobody to give something to: a receipt that comes now is of a platform
    /// that has come since, and doesn't have it.
    unheard: bool,
    rewinds: u64,
}

/// The platform repeats a receipt also when it connects, or for duplicates of a rewind.
const REPEAT_GRACE: Duration = Duration::from_secs(1);

/// Receipts that never come are asked for this seldom.
const PATIENCE_MAX: Duration = Duration::from_secs(3_600);

impl Plan {
    #[must_use]
    pub fn new(limits: Limits, head: u64, sent: u64, received: u64) -> Self {
        let sent = sent.max(received).min(head);
        Self {
            limits,
            window: limits.window,
            head,
            received,
            sent,
            handed: sent,
            in_flight: 0,
            receipts_known: 0 < received,
            platform_silent: limits.receipts_expected && 0 < sent,
            probing: false,
            ends: Vec::new(),
            rewind_to: None,
            again_to: None,
            progress_at: Duration::ZERO,
            patience: limits.receipt_timeout,
            repeat_grace: REPEAT_GRACE,
            unheard: false,
            rewinds: 0,
        }
    }

    /// Another configuration; only between connections.
    pub fn change_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.window = limits.window;
        self.patience = limits.receipt_timeout;
        self.platform_silent &= limits.receipts_expected;
        self.probing &= limits.receipts_expected;
    }

    /// Each epoch begins behind its base; lowest first.
    #[must_use]
    pub fn in_epochs_from(self, bases: impl IntoIterator<Item = u64>) -> Self {
        let ends = bases.into_iter().filter(|base| self.received < *base).collect();
        Self { ends, ..self }
    }

    /// An earlier life of the agent was asked for everything up to `again_to` once more, and got as far as `sent`.
    #[must_use]
    pub fn sending_again(self, sent: u64, again_to: Option<u64>) -> Self {
        let sent = if again_to.is_some() { sent.min(self.sent) } else { self.sent };
        Self { sent, handed: sent, again_to, ..self }
    }

    /// A new connection: what was in flight on the last one is sent again.
    pub fn connected(&mut self, now: Duration) {
        self.handed = self.sent;
        self.in_flight = 0;
        self.progress_at = now;
        if let Some(place) = self.rewind_to.take() {
            self.go_back(place, now);
        }
    }

    /// This connection's broker takes fewer unacknowledged publishes than the configuration allows.
    pub fn limit_window(&mut self, window: usize) {
        self.window = window.min(self.limits.window);
    }

    /// The log has grown, or a new epoch began; and the journal has a receipt up to `received`. That was not heard of here where
    /// the answer was lost with its connection, or where receipts were not expected before.
    pub fn log_is(&mut self, head: u64, received: u64, now: Duration) {
        self.head = head;
        if self.limits.receipts_expected && self.received < received {
            self.received(received, now);
        }
    }

    /// A new epoch: everything after `base` is unsent, and the platform has what comes before. What is in flight is of the
    /// old one, and comes to its end.
    pub fn restarted_at(&mut self, base: u64, head: u64, now: Duration) {
        *self = Self {
            receipts_known: true,
            platform_silent: false,
            rewinds: self.rewinds,
            window: self.window,
            in_flight: self.in_flight,
            progress_at: now,
            ..Self::new(self.limits, head, base, base)
        };
    }

    /// After which place, and how many events, may be handed to the client now.
    #[must_use]
    pub fn room(&self) -> Option<(u64, usize)> {
        if self.rewind_to.is_some() || self.platform_silent {
            return None;
        }
        let window = self.window.saturating_sub(self.in_flight);
        let last = if !self.limits.receipts_expected {
            u64::MAX
        } else if self.receipts_known && !self.probing {
            self.received.saturating_add(self.limits.ahead)
        } else {
            self.received.saturating_add(self.limits.window as u64)
        };
        let end = self.ends.iter().find(|end| self.received < **end).filter(|_| self.limits.receipts_expected);
        let last = end.map_or(last, |end| last.min(*end));
        let count = window.min(usize::try_from(last.min(self.head).saturating_sub(self.handed)).unwrap_or(usize::MAX));
        (0 < count).then_some((self.handed, count))
    }

    /// The event at `place` was handed to the client.
    pub fn handed(&mut self, place: u64) {
        self.handed = place;
        self.in_flight += 1;
    }

    /// Acknowledged in order up to `place`.
    pub fn acknowledged(&mut self, place: u64, now: Duration) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if self.received == self.sent {
            self.progress_at = now;
        }
        self.sent = self.sent.max(place);
        if self.rewind_to.is_none() && self.again_to.is_some_and(|to| to <= self.sent) {
            self.again_to = None;
            self.sent = self.sent.max(self.received);
            self.handed = self.handed.max(self.received);
        }
        self.settle(now);
    }

    /// The broker has the event and nobody to give it to: it counts as not sent, and is tried again as a probe when
    /// receipts are overdue or the platform says where it stands.
    pub fn unheard(&mut self) {
        self.probing = self.limits.receipts_expected;
        self.unheard = self.limits.receipts_expected;
    }

    /// A receipt came that the platform sent just now: what it says of this file is known.
    pub fn platform_spoke(&mut self) {
        self.platform_silent = false;
    }

    /// A receipt moved `received`.
    pub fn received(&mut self, place: u64, now: Duration) {
        self.receipts_known = true;
        self.probing = false;
        self.patience = self.limits.receipt_timeout;
        self.repeat_grace = REPEAT_GRACE;
        self.progress_at = now;
        self.received = self.received.max(place);
        self.ends.retain(|end| self.received < *end);
        if self.again_to.is_some() {
            return;
        }
        self.sent = self.sent.max(place);
        self.handed = self.handed.max(place);
        if self.rewind_to.is_some_and(|to| to < place) {
            self.rewind_to = None;
        }
    }

    /// A receipt said what an earlier one had said.
    pub fn repeated(&mut self, now: Duration) {
        self.receipts_known = true;
        let is_due = self.unheard || self.progress_at.saturating_add(self.repeat_grace) <= now;
        if self.received < self.sent && is_due {
            self.probing = true;
            self.repeat_grace = self.repeat_grace.saturating_mul(2).min(PATIENCE_MAX);
            self.rewind_to.get_or_insert(self.received);
            self.settle(now);
        }
    }

    /// The platform asked for everything after `place` again.
    pub fn asked_back(&mut self, place: u64, now: Duration) {
        self.rewind_to = Some(self.rewind_to.map_or(place, |to| to.min(place)));
        self.again_to = self.again_to.max(Some(self.handed));
        self.settle(now);
    }

    /// Looks whether receipts have stood still for too long. Whether sending goes back because of it.
    pub fn tick(&mut self, now: Duration) -> bool {
        let due = self.overdue_at().is_some_and(|at| at <= now);
        if due {
            self.platform_silent = false;
            self.probing = true;
            self.patience = self.patience.saturating_mul(2).min(PATIENCE_MAX);
            self.rewind_to.get_or_insert(self.received);
            self.settle(now);
        }
        due
    }

    /// When receipts will have stood still for too long.
    #[must_use]
    pub fn overdue_at(&self) -> Option<Duration> {
        let waits = self.platform_silent || (self.limits.receipts_expected && self.received < self.sent);
        (waits && self.rewind_to.is_none()).then(|| self.progress_at.saturating_add(self.patience))
    }

    /// Since when receipts stand still although a whole patience has passed.
    #[must_use]
    pub fn are_receipts_missing(&self) -> bool {
        self.probing
    }

    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// How far sending is, and up to where events are sent once more because they were asked for.
    #[must_use]
    pub fn progress(&self) -> (u64, Option<u64>) {
        (self.sent, self.again_to)
    }

    #[must_use]
    pub fn rewinds(&self) -> u64 {
        self.rewinds
    }

    /// Goes back as soon as nothing is in flight: until then acknowledgements could not be told apart.
    fn settle(&mut self, now: Duration) {
        if self.in_flight == 0
            && let Some(place) = self.rewind_to.take()
        {
            self.go_back(place, now);
        }
    }

    fn go_back(&mut self, place: u64, now: Duration) {
        self.sent = place.min(self.sent);
        self.handed = self.sent;
        self.progress_at = now;
        self.unheard = false;
        self.rewinds += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a script. A line is `seconds verb [number]`; `→` lines say what may be sent next, as `after+count`.
    fn check(limits: Limits, head: u64, sent: u64, received: u64, script: &str) {
        let mut plan = Plan::new(limits, head, sent, received);
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let now = Duration::from_secs_f64(words[0].parse().unwrap());
            let number = || words[2].parse::<u64>().unwrap();
            match words[1] {
                "connected" => plan.connected(now),
                "head" => plan.log_is(number(), 0, now),
                "known" => plan.log_is(head, number(), now),
                "hand" => (0..number()).for_each(|_| {
                    let (after, _) = plan.room().unwrap_or_else(|| panic!("no room: {line}"));
                    plan.handed(after + 1);
                }),
                "ack" => plan.acknowledged(number(), now),
                "receipt" => plan.received(number(), now),
                "spoke" => plan.platform_spoke(),
                "repeat" => plan.repeated(now),
                "unheard" => plan.unheard(),
                "back" => plan.asked_back(number(), now),
                "epochs" => plan = plan.in_epochs_from(words[2].split(',').map(|base| base.parse().unwrap())),
                "restart" => plan.restarted_at(number(), head, now),
                "tick" => {
                    plan.tick(now);
                }
                "room" => {
                    let room = plan.room().map_or("none".to_owned(), |(after, count)| format!("{after}+{count}"));
                    assert_eq!(room, words[2], "{line}");
                }
                "sent" => assert_eq!(plan.sent(), number(), "{line}"),
                other => panic!("{other}"),
            }
        }
    }

    fn limits(window: usize, ahead: u64) -> Limits {
        Limits { window, ahead, receipt_timeout: Duration::from_secs(60), receipts_expected: true }
    }

    #[test]
    fn sends_a_window_at_a_time_and_only_so_far_ahead() {
        check(
            limits(4, 6),
            100,
            10,
            10,
            "0 connected
             0 spoke
             0 room 10+4
             0 hand 4
             0 room none
             0 ack 11
             0 room 14+1
             0 hand 1
             0 ack 12
             0 room 15+1
             0 hand 1
             0 ack 13
             0 room none
             0 receipt 12
             0 room 16+1",
        );
    }

    #[test]
    fn a_new_epoch_waits_until_the_platform_has_the_last_one() {
        check(
            limits(4, 6),
            20,
            10,
            10,
            "0 epochs 0,12
             0 connected
             0 spoke
             0 room 10+2
             0 hand 2
             0 ack 11
             0 ack 12
             0 room none
             1 receipt 11
             1 room none
             1 receipt 12
             1 room 12+4",
        );
        check(
            Limits { receipts_expected: false, ..limits(4, 6) },
            20,
            10,
            10,
            "0 epochs 0,12\n 0 connected\n 0 room 10+4",
        );
    }

    #[test]
    fn each_of_many_epochs_waits_for_the_one_before() {
        check(
            limits(4, 6),
            20,
            10,
            10,
            "0 epochs 0,11,12,14
             0 connected
             0 spoke
             0 room 10+1
             0 hand 1
             0 ack 11
             0 room none
             1 receipt 11
             1 room 11+1
             1 hand 1
             1 ack 12
             62 tick
             62 room 11+1
             62 hand 1
             62 ack 12
             63 room none
             63 receipt 12
             63 room 12+2
             63 hand 2
             63 ack 13
             63 ack 14
             63 back 11
             63 room 11+3
             63 hand 3
             63 ack 12
             63 ack 13
             63 ack 14
             63 room none
             64 receipt 14
             64 room 14+4",
        );
    }

    #[test]
    fn a_platform_without_receipts_is_not_flooded() {
        check(
            limits(4, 500),
            100,
            0,
            0,
            "0 connected
             0 hand 4
             0 ack 1
             0 ack 2
             0 ack 3
             0 ack 4
             0 room none
             59 tick
             59 room none
             60 tick
             60 room 0+4
             60 hand 4
             61 ack 1
             61 ack 2
             61 ack 3
             61 ack 4
             179 tick
             179 room none
             181 tick
             181 room 0+4
             182 receipt 4
             182 room 4+4",
        );
    }

    #[test]
    fn goes_on_from_what_was_acknowledged_after_a_reconnect() {
        check(
            limits(4, 500),
            100,
            0,
            1,
            "0 connected
             0 spoke
             0 hand 4
             0 ack 2
             0 ack 3
             1 connected
             1 room 3+4",
        );
    }

    #[test]
    fn hears_the_platform_before_it_sends_anything_in_a_new_life() {
        check(
            limits(4, 500),
            100,
            30,
            20,
            "0 connected
             0 room none
             59 tick
             59 room none
             59 connected
             118 tick
             118 receipt 25
             118 room none
             118 spoke
             118 room 30+4",
        );
        check(
            limits(4, 500),
            100,
            30,
            20,
            "0 connected
             60 tick
             60 room 20+4",
        );
    }

    #[test]
    fn a_repeated_receipt_goes_back_once_it_is_old_enough_and_nothing_is_in_flight() {
        check(
            limits(2, 500),
            100,
            5,
            5,
            "0 connected
             0 spoke
             0 hand 2
             0 ack 6
             0 repeat
             0 room 7+1
             2 repeat
             2 room none
             2 ack 7
             2 room 5+2
             2 sent 5
             2 hand 2
             2 ack 6
             2 ack 7
             3.5 repeat
             3.5 room none
             4 receipt 7
             4 room 7+2",
        );
    }

    #[test]
    fn goes_back_when_nobody_listens_and_when_asked() {
        check(
            limits(2, 500),
            100,
            5,
            5,
            "0 connected
             0 spoke
             0 hand 2
             0 unheard
             0 ack 6
             0 ack 7
             0 room none
             60 tick
             60 room 5+2
             61 back 1
             61 room 1+2",
        );
    }

    #[test]
    fn what_was_asked_for_again_is_sent_whatever_receipts_say_meanwhile() {
        check(
            limits(2, 500),
            100,
            9,
            5,
            "0 connected
             0 spoke
             0 hand 2
             0 back 1
             0 receipt 9
             0 ack 10
             0 ack 11
             0 room 1+2
             0 hand 2
             0 receipt 11
             0 ack 2
             0 connected
             0 room 2+2
             0 hand 2
             0 ack 3
             0 ack 4
             0 hand 2
             0 ack 5
             0 ack 6
             0 hand 2
             0 ack 7
             0 ack 8
             0 hand 2
             0 ack 9
             0 ack 10
             0 hand 2
             0 ack 11
             0 ack 12
             0 receipt 20
             0 room 20+2",
        );
    }

    #[test]
    fn a_start_goes_on_with_what_was_asked_for_again() {
        let plan = Plan::new(limits(2, 500), 100, 3, 90);
        assert_eq!(plan.sent(), 90);
        let mut plan = plan.sending_again(3, Some(95));
        plan.connected(Duration::ZERO);
        plan.platform_spoke();
        assert_eq!((plan.room(), plan.progress()), (Some((3, 2)), (3, Some(95))));
    }

    #[test]
    fn a_receipt_that_only_the_journal_has_counts() {
        check(
            limits(4, 8),
            31,
            30,
            1,
            "0 connected
             0 spoke
             0 room none
             60 tick
             60 room 1+4
             61 known 31
             61 room none
             61 head 33
             61 room 31+2",
        );
    }

    #[test]
    fn goes_back_at_once_for_a_platform_that_comes_after_nobody_listened() {
        check(
            limits(2, 500),
            100,
            5,
            5,
            "0 connected
             0 spoke
             0 hand 2
             0 unheard
             0 ack 6
             0.1 repeat
             0.1 room none
             0.1 ack 7
             0.1 room 5+2
             0.1 hand 2
             0.2 ack 6
             0.2 ack 7
             0.2 repeat
             0.2 room none
             0.3 receipt 7
             0.3 room 7+2",
        );
    }

    #[test]
    fn a_new_epoch_counts_what_is_still_in_flight_of_the_old_one() {
        check(
            limits(4, 500),
            100,
            30,
            20,
            "0 connected
             0 spoke
             0 hand 2
             0 restart 50
             0 room 50+2
             0 hand 2
             0 ack 31
             0 ack 32
             0 room 52+2
             0 sent 50
             0 back 40
             0 ack 51
             0 room none
             0 ack 52
             0 room 40+4",
        );
    }

    #[test]
    fn without_receipts_by_choice_only_the_window_limits() {
        check(
            Limits { receipts_expected: false, ..limits(4, 6) },
            100,
            0,
            0,
            "0 connected
             0 hand 4
             0 ack 1
             0 ack 2
             0 room 4+2
             0 unheard
             0 room 4+2",
        );
    }
}
