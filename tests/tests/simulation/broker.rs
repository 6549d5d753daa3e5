//! The broker and the line to it, as a state machine: sessions, retained receipts, queues, and all that goes wrong there.

use parceld_tests::random::Random;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnectReturnCode, Packet, PubAck, PubAckReason, Publish, SubAck, SubscribeReasonCode,
};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// The agent's receive maximum: so much a broker may have under way to it.
const UNDER_WAY_MAX: usize = 32;

/// Of a packet in good weather, at most.
pub const LATENCY_MS: u64 = 30;

/// More than an agent that has nothing else to do sends in two seconds.
const EVENTS_NOTED_MAX: usize = 10_000;

/// How the line and the broker are at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// Nobody answers at its address.
    pub unreachable: bool,
    /// It takes connections and says nothing.
    pub silent: bool,
    /// What is sent vanishes, both ways, and neither end is told.
    pub vanishes: bool,
    /// Acknowledgements: one in so many is lost, 0: none.
    pub lost: usize,
    /// One in so many is for a packet that was never sent.
    pub wrong: usize,
    /// One in so many comes twice.
    pub twice: usize,
    /// One in so many comes after the next.
    pub swapped: usize,
    /// The longest way of a packet.
    pub latency_ms: u64,
}

/// A message on its way to the platform.
#[derive(Clone, Debug)]
pub struct Message {
    pub topic: String,
    pub payload: Vec<u8>,
}

#[derive(Debug, Default)]
pub struct Broker {
    pub weather: Weather,
    /// The line that is up as the broker sees it.
    up: bool,
    to_broker: VecDeque<(Duration, Packet)>,
    to_agent: VecDeque<(Duration, Packet)>,
    session: Option<Session>,
    receipt: Option<Publish>,
    state: Option<Message>,
    will: Option<Message>,
    held_ack: Option<PubAck>,
    pub to_platform: VecDeque<Message>,
    /// Whether the platform is connected: without it nobody subscribes, unless its session is kept.
    pub is_heard: bool,
    pub keeps_for_platform: bool,
    /// Lines that came up.
    pub lines: u64,
    /// When the last events came.
    events: VecDeque<Duration>,
}

#[derive(Debug, Default)]
struct Session {
    subscribed: bool,
    queue: VecDeque<Publish>,
    under_way: BTreeMap<u16, Publish>,
    last: u16,
}

impl Broker {
    /// In good weather, with the platform there.
    pub fn new() -> Self {
        let weather = Weather { latency_ms: LATENCY_MS, ..Weather::default() };
        Self { weather, is_heard: true, keeps_for_platform: true, ..Self::default() }
    }

    /// The agent connects over a line that is up.
    pub fn connect(&mut self, will: Option<Message>, now: Duration, random: &mut Random) {
        self.hang_up();
        self.up = true;
        self.lines += 1;
        if self.weather.silent {
            return;
        }
        let session_present = self.session.is_some();
        let session = self.session.get_or_insert_default();
        let mut again: VecDeque<Publish> = std::mem::take(&mut session.under_way).into_values().collect();
        again.iter_mut().for_each(|publish| publish.dup = true);
        again.append(&mut session.queue);
        session.queue = again;
        self.will = will;
        self.send(
            Packet::ConnAck(ConnAck { session_present, code: ConnectReturnCode::Success, properties: None }),
            now,
            random,
        );
        self.deliver(now, random);
    }

    /// The line is gone: what was on it too. The will is published where the broker notices.
    pub fn hang_up(&mut self) {
        self.to_broker.clear();
        self.to_agent.clear();
        self.held_ack = None;
        if std::mem::take(&mut self.up)
            && let Some(will) = self.will.take()
        {
            self.state = Some(will.clone());
            self.forward(will);
        }
    }

    /// It ends and starts: with what is left of its memory.
    pub fn restart(&mut self, forgets_session: bool, forgets_receipt: bool, forgets_queue: bool) {
        self.will = None;
        self.hang_up();
        if forgets_session {
            self.session = None;
        }
        if forgets_receipt {
            self.receipt = None;
        }
        if forgets_queue {
            self.to_platform.clear();
        }
    }

    /// Events that have come since then.
    pub fn events_since(&self, since: Duration) -> u64 {
        self.events.iter().take_while(|at| since <= **at).count() as u64
    }

    /// The agent sends this.
    pub fn push(&mut self, packet: Packet, now: Duration, random: &mut Random) {
        let at = self.arrival(self.to_broker.back().map(|(at, _)| *at), now, random);
        self.to_broker.push_back((at, packet));
    }

    fn send(&mut self, packet: Packet, now: Duration, random: &mut Random) {
        if self.up {
            let at = self.arrival(self.to_agent.back().map(|(at, _)| *at), now, random);
            self.to_agent.push_back((at, packet));
        }
    }

    fn arrival(&self, last: Option<Duration>, now: Duration, random: &mut Random) -> Duration {
        let way = Duration::from_millis(random.below(self.weather.latency_ms.max(1) as usize) as u64);
        (now + way).max(last.unwrap_or_default())
    }

    /// When something arrives at either end.
    pub fn due(&self) -> Option<Duration> {
        let first = |line: &VecDeque<(Duration, Packet)>| line.front().map(|(at, _)| *at);
        first(&self.to_broker).into_iter().chain(first(&self.to_agent)).min()
    }

    /// Takes what has arrived at the broker, and gives what has arrived at the agent.
    pub fn turn(&mut self, now: Duration, random: &mut Random) -> Vec<Packet> {
        while let Some((_, packet)) = self.to_broker.pop_front_if(|(at, _)| *at <= now) {
            if !self.weather.vanishes && self.up {
                self.take(packet, now, random);
            }
        }
        let mut arrived = Vec::new();
        while let Some((_, packet)) = self.to_agent.pop_front_if(|(at, _)| *at <= now) {
            if !self.weather.vanishes {
                arrived.push(packet);
            }
        }
        arrived
    }

    fn take(&mut self, packet: Packet, now: Duration, random: &mut Random) {
        match packet {
            Packet::Subscribe(subscribe) => {
                let return_codes = vec![SubscribeReasonCode::Success(QoS::AtLeastOnce); subscribe.filters.len()];
                self.send(Packet::SubAck(SubAck { pkid: subscribe.pkid, return_codes, properties: None }), now, random);
                if let Some(session) = &mut self.session {
                    session.subscribed = true;
                    if let Some(receipt) = &self.receipt {
                        session.queue.push_back(Publish { retain: true, ..receipt.clone() });
                    }
                }
                self.deliver(now, random);
            }
            Packet::PubAck(ack) => {
                if let Some(session) = &mut self.session {
                    session.under_way.remove(&ack.pkid);
                }
                self.deliver(now, random);
            }
            Packet::Publish(publish) => self.published(&publish, now, random),
            _ => {}
        }
    }

    fn published(&mut self, publish: &Publish, now: Duration, random: &mut Random) {
        let topic = String::from_utf8_lossy(&publish.topic).into_owned();
        if topic.contains("/events/") {
            self.events.truncate(EVENTS_NOTED_MAX - 1);
            self.events.push_front(now);
        }
        let message = Message { topic, payload: publish.payload.to_vec() };
        if publish.retain && message.topic.ends_with("/state/agent") {
            self.state = Some(message.clone());
        }
        let is_heard = self.forward(message);
        let mut ack = PubAck::new(publish.pkid, None);
        ack.reason = if is_heard { PubAckReason::Success } else { PubAckReason::NoMatchingSubscribers };
        let Weather { lost, wrong, twice, swapped, .. } = self.weather;
        let is_time = |times: usize, random: &mut Random| 0 < times && random.once_in(times);
        if is_time(lost, random) {
            return;
        }
        if is_time(wrong, random) {
            self.send(Packet::PubAck(PubAck::new(publish.pkid.wrapping_add(7), None)), now, random);
        }
        if is_time(twice, random) {
            self.send(Packet::PubAck(ack.clone()), now, random);
        }
        if self.held_ack.is_none() && is_time(swapped, random) {
            self.held_ack = Some(ack);
            return;
        }
        self.send(Packet::PubAck(ack), now, random);
        if let Some(held) = self.held_ack.take() {
            self.send(Packet::PubAck(held), now, random);
        }
    }

    /// For the platform; whether anybody subscribes.
    fn forward(&mut self, message: Message) -> bool {
        let is_kept = self.is_heard || self.keeps_for_platform;
        if is_kept {
            self.to_platform.push_back(message);
        }
        is_kept
    }

    /// The platform is there, and hears what is retained.
    pub fn platform_comes(&mut self) {
        self.is_heard = true;
        if let Some(state) = self.state.clone() {
            self.to_platform.push_back(state);
        }
    }

    /// Of the platform, for the agent.
    pub fn give(&mut self, topic: &str, payload: &str, retain: bool, now: Duration, random: &mut Random) {
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload.to_owned(), None);
        publish.retain = false;
        if retain {
            self.receipt = Some(publish.clone());
        }
        if let Some(session) = self.session.as_mut().filter(|session| session.subscribed) {
            session.queue.push_back(publish);
        }
        self.deliver(now, random);
    }

    fn deliver(&mut self, now: Duration, random: &mut Random) {
        if !self.up {
            return;
        }
        let Some(session) = &mut self.session else { return };
        let mut out = Vec::new();
        while session.under_way.len() < UNDER_WAY_MAX
            && let Some(mut publish) = session.queue.pop_front()
        {
            if publish.pkid == 0 || session.under_way.contains_key(&publish.pkid) {
                while session.last == 0 || session.under_way.contains_key(&session.last) {
                    session.last = session.last.wrapping_add(1);
                }
                publish.pkid = session.last;
                session.last = session.last.wrapping_add(1);
            }
            session.under_way.insert(publish.pkid, publish.clone());
            out.push(publish);
        }
        out.into_iter().for_each(|publish| self.send(Packet::Publish(publish), now, random));
    }
}
