//! A site's connection to the broker: a fresh client for each, two futures over it that are never cancelled for another.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, Filter, LastWill, Packet, PubAckReason, Publish};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::Plan;
use super::cursor::Cursor;
use super::log::Log;
use crate::random::Random;
use crate::wait::{self, Stopwatch};

/// Events that the broker hasn't acknowledged.
pub const WINDOW: usize = 24;
/// The client's own table: replies and states go beside the window, and it must never be full.
const INFLIGHT_MAX: u16 = 8 * WINDOW as u16;
const SESSION_EXPIRY_S: u32 = 3600;
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// The broker acknowledges nothing for so long: another connection.
const ACKNOWLEDGE_MAX: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const BACK_OFF_FIRST: Duration = Duration::from_millis(50);
const ROOT: &str = "parceld/v1";

/// Keeps a connection until `stop`.
pub async fn run(port: u16, log: Arc<Log>, plan: Plan, mut random: Random, mut stop: watch::Receiver<bool>) {
    let site = log.site().to_owned();
    let clock = Stopwatch::start();
    let cursor = RefCell::new(Cursor::new(WINDOW as u64, plan.receipt_timeout));
    let mut cap = BACK_OFF_FIRST;
    for session in 1.. {
        let state = |state: &str| json!({ "state": state, "version": "0.1.0", "epoch": log.epoch(), "head": log.head(), "session": session });
        let mut options = MqttOptions::new(&site, "127.0.0.1", port);
        options.set_clean_start(false).set_session_expiry_interval(Some(SESSION_EXPIRY_S)).set_keep_alive(KEEP_ALIVE);
        options.set_outgoing_inflight_upper_limit(INFLIGHT_MAX);
        let will = LastWill::new(topic(&site, "state/agent"), state("lost").to_string(), QoS::AtLeastOnce, true, None);
        options.set_last_will(will);
        let (client, mut events) = AsyncClient::new(options, usize::from(INFLIGHT_MAX));
        let link = Link {
            site: &site,
            log: &log,
            cursor: &cursor,
            clock,
            client,
            handed: RefCell::default(),
            in_flight: RefCell::default(),
            acknowledged_at: Cell::new(clock.elapsed()),
        };
        let birth = state("online");
        tokio::select! {
            established = link.live(&mut events, &birth, plan) => {
                cap = if established { BACK_OFF_FIRST } else { (2 * cap).min(plan.back_off_max) };
            }
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let part = u32::try_from(random.below(1_000)).unwrap_or_default();
        tokio::select! {
            () = sleep(cap * part / 1_000) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// One connection.
struct Link<'a> {
    site: &'a str,
    log: &'a Log,
    cursor: &'a RefCell<Cursor>,
    clock: Stopwatch,
    client: AsyncClient,
    /// What the client has been given and has not numbered yet.
    handed: RefCell<VecDeque<Sent>>,
    in_flight: RefCell<HashMap<u16, Sent>>,
    acknowledged_at: Cell<Duration>,
}

#[derive(Debug, Clone, Copy)]
enum Sent {
    Event(u64),
    Other,
}

impl Link<'_> {
    /// Returns when it breaks: whether it ever stood.
    async fn live(&self, events: &mut EventLoop, birth: &Value, plan: Plan) -> bool {
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(answer))) if answer.code == ConnectReturnCode::Success => break,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
        self.cursor.borrow_mut().connected(self.clock.elapsed());
        let filters = ["receipts", "commands"].map(|what| Filter::new(topic(self.site, what), QoS::AtLeastOnce));
        if self.client.try_subscribe_many(filters).is_err() || !self.publish("state/agent", true, birth.to_string()) {
            return false;
        }
        tokio::select! {
            () = self.listen(events) => {}
            () = self.speak(plan) => {}
        }
        true
    }

    async fn listen(&self, events: &mut EventLoop) {
        loop {
            match events.poll().await {
                Ok(Event::Outgoing(Outgoing::Publish(number))) => {
                    let Some(sent) = self.handed.borrow_mut().pop_front() else { return };
                    self.in_flight.borrow_mut().insert(number, sent);
                }
                Ok(Event::Incoming(Packet::PubAck(ack))) => self.acknowledged(ack.pkid, ack.reason),
                Ok(Event::Incoming(Packet::Publish(publish))) => self.heard(&publish),
                Ok(Event::Incoming(Packet::Disconnect(_)) | Event::Outgoing(Outgoing::AwaitAck(_))) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    async fn speak(&self, plan: Plan) {
        loop {
            while let Some(sequence) = self.cursor.borrow_mut().next(self.log.head()) {
                let message = self.log.message(sequence, wait::wall_clock(), plan.historical_after);
                let (group, text) = message.expect("no event beyond the head is sent");
                self.handed.borrow_mut().push_back(Sent::Event(sequence));
                if self
                    .client
                    .try_publish(topic(self.site, &format!("events/{group}")), QoS::AtLeastOnce, false, text)
                    .is_err()
                {
                    return;
                }
            }
            let now = self.clock.elapsed();
            self.cursor.borrow_mut().tick(now);
            if self.in_flight.borrow().is_empty() {
                self.acknowledged_at.set(now);
            }
            if self.acknowledged_at.get() + ACKNOWLEDGE_MAX <= now {
                return;
            }
            // Either there is more to say, or it is time to look at the clock.
            let _ = timeout(LOOK_EVERY, self.log.grown.notified()).await;
        }
    }

    fn acknowledged(&self, number: u16, reason: PubAckReason) {
        let now = self.clock.elapsed();
        self.acknowledged_at.set(now);
        let Some(Sent::Event(sequence)) = self.in_flight.borrow_mut().remove(&number) else { return };
        // What is acknowledged is what comes before everything that is not.
        let open = self
            .in_flight
            .borrow()
            .values()
            .filter_map(|sent| match sent {
                Sent::Event(open) => Some(*open),
                Sent::Other => None,
            })
            .min();
        let up_to = open.map_or(sequence, |open| sequence.min(open - 1));
        self.cursor.borrow_mut().acknowledged(up_to, now);
        if reason != PubAckReason::Success {
            // The broker has taken it, and had nobody to give it to: whoever comes now says how far it is.
            self.cursor.borrow_mut().unheard();
        }
        self.log.grown.notify_one();
    }

    fn heard(&self, publish: &Publish) {
        let Ok(message) = serde_json::from_slice::<Value>(&publish.payload) else { return };
        if publish.topic.ends_with(b"/receipts") {
            let Some(sequence) = message["sequence"].as_u64() else { return };
            // One beyond the head, or of another life, is refused.
            if message["epoch"] != self.log.epoch() || self.log.head() < sequence {
                return;
            }
            self.log.receipt(sequence);
            self.cursor.borrow_mut().receipt(sequence, self.clock.elapsed());
            self.log.grown.notify_one();
        } else if let Some(reply) = self.log.answer(&message) {
            self.publish("replies", false, reply);
        }
    }

    fn publish(&self, what: &str, retain: bool, text: String) -> bool {
        self.handed.borrow_mut().push_back(Sent::Other);
        self.client.try_publish(topic(self.site, what), QoS::AtLeastOnce, retain, text).is_ok()
    }
}

fn topic(site: &str, what: &str) -> String {
    format!("{ROOT}/{site}/{what}")
}
