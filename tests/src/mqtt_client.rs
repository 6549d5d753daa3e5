//! A small MQTT 5 client for tests: subscribes, publishes, and keeps all that it receives.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Packet, PubAckReason};
use rumqttc::v5::{Client, Event, MqttOptions};
use rumqttc::{Outgoing, Transport};
use serde_json::Value;

use crate::wait;

/// More than any test has on its way at once: the client's channel never limits a test.
const REQUESTS_MAX: usize = 100_000;

const MESSAGE_BYTES_MAX: u32 = 1024 * 1024;

const SESSION_EXPIRY_S: u32 = 3600;

/// One received message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    pub payload: Vec<u8>,
    /// It was delivered because it is the topic's retained message.
    pub retained: bool,
}

impl Message {
    /// # Panics
    /// Where the payload isn't UTF-8.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8(self.payload.clone()).expect("a payload of text")
    }

    /// # Panics
    /// Where the payload isn't JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.payload)
            .unwrap_or_else(|error| panic!("no JSON on {}: {error}: {:?}", self.topic, self.payload.escape_ascii()))
    }
}

/// QoS 1 throughout; the session outlives the connection; reconnects and subscribes again by itself until dropped.
///
/// rumqttc forgets what it was to send when a connection breaks, so each connection gets a client of its own.
pub struct MqttClient {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    leaving: AtomicBool,
}

#[derive(Default)]
struct Seen {
    link: Link,
    filters: Vec<String>,
    messages: Vec<Message>,
    acknowledgements: Vec<PubAckReason>,
}

/// What holds for one connection only.
#[derive(Default)]
struct Link {
    number: usize,
    /// From CONNACK to the end.
    client: Option<Client>,
    requested: VecDeque<Vec<String>>,
    granted: Vec<String>,
    published: usize,
    acknowledged: usize,
}

impl MqttClient {
    /// Connects to a loopback port, and waits until that has succeeded.
    #[must_use]
    #[track_caller]
    pub fn connect(port: u16, client_id: &str) -> MqttClient {
        MqttClient::with(MqttOptions::new(client_id, "127.0.0.1", port))
    }

    /// The same over TLS, where `ca`, as PEM, signs the broker's certificate for `localhost`; with a certificate and its
    /// key, as PEM, of its own.
    #[must_use]
    #[track_caller]
    pub fn over_tls(port: u16, client_id: &str, ca: &str, identity: (&str, &str)) -> MqttClient {
        let mut options = MqttOptions::new(client_id, "localhost", port);
        let (certificate, key) = (identity.0.as_bytes().to_vec(), identity.1.as_bytes().to_vec());
        options.set_transport(Transport::tls(ca.as_bytes().to_vec(), Some((certificate, key)), None));
        MqttClient::with(options)
    }

    #[track_caller]
    fn with(mut options: MqttOptions) -> MqttClient {
        options.set_clean_start(false).set_session_expiry_interval(Some(SESSION_EXPIRY_S));
        options.set_max_packet_size(Some(MESSAGE_BYTES_MAX));
        options.set_keep_alive(Duration::from_secs(30));
        let shared = Arc::new(Shared::default());
        let thread = thread::spawn({
            let shared = Arc::clone(&shared);
            move || run(&options, &shared)
        });
        let client = MqttClient { shared, thread: Some(thread) };
        client.until("a connection to the broker", Seen::is_ready);
        client
    }

    /// Subscribes, and waits for the broker's answer.
    #[track_caller]
    pub fn subscribe(&self, filter: &str) {
        let mut seen = self.shared.seen();
        seen.filters.push(filter.to_owned());
        seen.request_filters(&[filter.to_owned()]);
        drop(seen);
        self.until(&format!("the subscription to {filter}"), Seen::is_ready);
    }

    /// Publishes, again where the connection breaks, and waits for the acknowledgement.
    #[track_caller]
    pub fn publish(&self, topic: &str, payload: &[u8]) {
        self.publish_and_wait(topic, payload, false);
    }

    /// Like [`publish`](MqttClient::publish).
    #[track_caller]
    pub fn publish_json(&self, topic: &str, payload: &Value) {
        self.publish(topic, payload.to_string().as_bytes());
    }

    /// Like [`publish`](MqttClient::publish), as the topic's retained message.
    #[track_caller]
    pub fn publish_retained(&self, topic: &str, payload: &[u8]) {
        self.publish_and_wait(topic, payload, true);
    }

    /// Publishes once without waiting: lost where the connection breaks, or is none.
    pub fn start_publish(&self, topic: &str, payload: &[u8], retain: bool) {
        self.shared.seen().publish(topic, payload, retain);
    }

    /// All that has been received so far, in its order.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.shared.seen().messages.clone()
    }

    /// Waits until at least `count` messages have been received in all.
    #[track_caller]
    pub fn until_messages(&self, count: usize) {
        self.until(&format!("{count} messages"), |seen| count <= seen.messages.len());
    }

    /// The reasons with which publishes have been acknowledged so far.
    #[must_use]
    pub fn acknowledgements(&self) -> Vec<PubAckReason> {
        self.shared.seen().acknowledgements.clone()
    }

    /// Waits until at least `count` publishes have been acknowledged in all.
    #[track_caller]
    pub fn until_acknowledged(&self, count: usize) {
        self.until(&format!("{count} acknowledgements"), |seen| count <= seen.acknowledgements.len());
    }

    /// Disconnects in order; the broker keeps the session for an hour.
    pub fn leave(self) {}

    #[track_caller]
    fn publish_and_wait(&self, topic: &str, payload: &[u8], retain: bool) {
        let mut sent = None;
        self.until(&format!("the acknowledgement of a publish to {topic}"), |seen| match sent {
            Some((link, nth)) if link == seen.link.number => nth <= seen.link.acknowledged,
            _ => {
                if seen.is_ready() && seen.publish(topic, payload, retain) {
                    sent = Some((seen.link.number, seen.link.published));
                }
                false
            }
        });
    }

    #[track_caller]
    fn until(&self, what: &str, mut condition: impl FnMut(&mut Seen) -> bool) {
        wait::until(what, wait::GENEROUS, || condition(&mut self.shared.seen()).then_some(()));
    }
}

impl Drop for MqttClient {
    fn drop(&mut self) {
        self.shared.leaving.store(true, Ordering::Release);
        if let Some(client) = &self.shared.seen().link.client {
            // Refused only where the thread has ended.
            let _ = client.try_disconnect();
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }
}

impl Seen {
    fn is_ready(&mut self) -> bool {
        self.link.client.is_some() && self.filters.iter().all(|filter| self.link.granted.contains(filter))
    }

    fn publish(&mut self, topic: &str, payload: &[u8], retain: bool) -> bool {
        let Some(client) = &self.link.client else { return false };
        let sent = client.try_publish(topic, QoS::AtLeastOnce, retain, payload.to_vec()).is_ok();
        self.link.published += usize::from(sent);
        sent
    }

    fn request_filters(&mut self, filters: &[String]) {
        let Some(client) = &self.link.client else { return };
        let requested = filters.iter().map(|filter| Filter::new(filter, QoS::AtLeastOnce));
        if !filters.is_empty() && client.try_subscribe_many(requested).is_ok() {
            self.link.requested.push_back(filters.to_vec());
        }
    }

    fn take(&mut self, packet: Packet, client: &Client) {
        match packet {
            Packet::ConnAck(acknowledgement) => {
                self.link.client = Some(client.clone());
                if !acknowledgement.session_present {
                    self.link.granted.clear();
                }
                let granted = &self.link.granted;
                let missing: Vec<_> = self.filters.iter().filter(|filter| !granted.contains(filter)).cloned().collect();
                self.request_filters(&missing);
            }
            Packet::SubAck(_) => self.link.granted.extend(self.link.requested.pop_front().unwrap_or_default()),
            Packet::PubAck(acknowledgement) => {
                self.link.acknowledged += 1;
                self.acknowledgements.push(acknowledgement.reason);
            }
            Packet::Publish(publish) => self.messages.push(Message {
                topic: String::from_utf8_lossy(&publish.topic).into_owned(),
                payload: publish.payload.to_vec(),
                retained: publish.retain,
            }),
            _ => {}
        }
    }

    fn link_is_gone(&mut self) {
        let (number, granted) = (self.link.number + 1, mem::take(&mut self.link.granted));
        self.link = Link { number, granted, ..Link::default() };
    }
}

fn run(options: &MqttOptions, shared: &Shared) {
    while !shared.is_leaving() {
        let (client, mut connection) = Client::new(options.clone(), REQUESTS_MAX);
        for event in connection.iter() {
            match event {
                Ok(Event::Incoming(packet)) => shared.seen().take(packet, &client),
                Ok(Event::Outgoing(Outgoing::Disconnect)) => return,
                Ok(Event::Outgoing(_)) => {}
                Err(_) => break,
            }
        }
        shared.seen().link_is_gone();
        wait::a_moment();
    }
}
