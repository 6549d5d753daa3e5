//! An MQTT 5 broker that does what a test tells it: refuses, withholds, acknowledges wrongly, forgets sessions.
//!
//! - It serves one client, and routes nothing: what the client publishes is only recorded, and what the client gets is
//!   what the test [delivers](Scripted::deliver) or [retains](Scripted::retain).
//! - Each connection follows a [`Behaviour`] of its own, made when it is opened. Connections count from 1.
//! - All that happens is in the [`Log`].

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::BytesMut;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnAckProperties, ConnectReturnCode, DisconnectReasonCode, LastWill, Packet, PingResp, PubAck,
    PubAckReason, Publish, PublishProperties, SubAck, Subscribe, SubscribeReasonCode, UnsubAck, UnsubAckReason,
};
use rumqttc::v5::mqttbytes::{Error as MqttError, QoS, matches};

use crate::net;
use crate::wait::{self, Stopwatch};

/// How often a connection that receives nothing looks at acknowledgements that have become due, and at the end.
const TICK: Duration = Duration::from_millis(5);

const READ_BYTES_MAX: usize = 16 * 1024;

/// What the broker does on one connection. The default is a well-behaved broker that knows no session.
pub struct Behaviour {
    pub on_connect: OnConnect,
    pub on_subscribe: OnSubscribe,
    pub on_publish: Box<dyn FnMut(&Published) -> OnPublish + Send>,
    /// Whether pings are answered.
    pub pongs: bool,
}

#[derive(Debug, Clone, Copy)]
pub enum OnConnect {
    Accept(Terms),
    Refuse(ConnectReturnCode),
    /// Takes the TCP connection, and never says a word.
    Silence,
    /// Closes without an answer.
    Close,
}

/// What an accepting CONNACK says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terms {
    pub session_present: bool,
    pub receive_max: Option<u16>,
    pub server_keep_alive_s: Option<u16>,
    pub packet_bytes_max: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnSubscribe {
    Grant,
    Refuse(SubscribeReasonCode),
    Withhold,
}

/// What becomes of one publish with QoS 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnPublish {
    Ack,
    AckWith(PubAckReason),
    AckTwice,
    /// Acknowledges another packet id in place of its own.
    AckOther(u16),
    AckAfter(Duration),
    /// Waits until so many publishes wait like this, then acknowledges the newest first.
    AckReversed(usize),
    Withhold,
    /// Closes the connection unacknowledged.
    Close,
}

impl Default for Behaviour {
    fn default() -> Behaviour {
        Behaviour {
            on_connect: OnConnect::Accept(Terms::default()),
            on_subscribe: OnSubscribe::Grant,
            on_publish: Box::new(|_| OnPublish::Ack),
            pongs: true,
        }
    }
}

impl Behaviour {
    /// Accepts the connection with these terms.
    #[must_use]
    pub fn accepting(terms: Terms) -> Behaviour {
        Behaviour { on_connect: OnConnect::Accept(terms), ..Behaviour::default() }
    }

    /// Does the same with every publish.
    #[must_use]
    pub fn always(self, on_publish: OnPublish) -> Behaviour {
        self.publishes(move |_| on_publish)
    }

    /// Decides for each publish.
    #[must_use]
    pub fn publishes(self, on_publish: impl FnMut(&Published) -> OnPublish + Send + 'static) -> Behaviour {
        Behaviour { on_publish: Box::new(on_publish), ..self }
    }
}

/// Everything that a broker has seen, in the order of time within each list.
#[derive(Debug, Clone, Default)]
pub struct Log {
    pub connected: Vec<Connected>,
    pub subscribed: Vec<Subscribed>,
    pub published: Vec<Published>,
    pub acknowledged: Vec<Acknowledged>,
    pub ended: Vec<Ended>,
}

#[derive(Debug, Clone)]
pub struct Connected {
    pub connection: usize,
    pub client_id: String,
    pub clean_start: bool,
    pub keep_alive_s: u16,
    pub session_expiry_s: Option<u32>,
    pub will: Option<LastWill>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribed {
    pub connection: usize,
    pub filter: String,
}

/// A publish by the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub connection: usize,
    /// From 1 on each connection.
    pub number: usize,
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: QoS,
    pub pkid: u16,
    pub dup: bool,
    pub retain: bool,
}

/// The client's acknowledgement of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    pub connection: usize,
    pub pkid: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub connection: usize,
    pub how: End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The client said goodbye.
    Disconnect(DisconnectReasonCode),
    /// The client closed, or broke off, without a word.
    HangUp,
    /// The script closed it.
    Closed,
    /// The client sent what MQTT 5 doesn't know.
    Malformed(String),
}

/// Where a delivery went, to be found again in [`Log::acknowledged`].
pub type Delivered = Acknowledged;

/// Listens on a loopback port until it is dropped.
pub struct Scripted {
    port: u16,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    stopping: AtomicBool,
}

#[derive(Default)]
struct State {
    log: Log,
    retained: Vec<(String, Vec<u8>)>,
    live: Option<Live>,
    last_pkid: u16,
}

/// The newest connection, from its CONNECT to its end.
struct Live {
    connection: usize,
    wire: Wire,
    filters: Vec<String>,
}

impl Scripted {
    /// `behaviour` is asked once per connection, with its number.
    #[must_use]
    pub fn start(behaviour: impl FnMut(usize) -> Behaviour + Send + 'static) -> Scripted {
        let port = net::free_port();
        let listener = net::listen(port);
        let shared = Arc::new(Shared { state: Mutex::default(), stopping: AtomicBool::new(false) });
        let accepting = Arc::clone(&shared);
        let thread = thread::spawn(move || accept(&listener, behaviour, &accepting));
        Scripted { port, shared, listener: Some(thread) }
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// What has been seen so far.
    #[must_use]
    pub fn log(&self) -> Log {
        self.shared.state().log.clone()
    }

    /// Waits until the log fulfils `condition`, and returns it.
    #[track_caller]
    pub fn until(&self, what: &str, condition: impl Fn(&Log) -> bool) -> Log {
        wait::until(what, wait::GENEROUS, || {
            let state = self.shared.state();
            condition(&state.log).then(|| state.log.clone())
        })
    }

    /// Keeps a message that every matching SUBSCRIBE gets, in place of the topic's last.
    pub fn retain(&self, topic: &str, payload: &[u8]) {
        let mut state = self.shared.state();
        state.retained.retain(|(other, _)| other != topic);
        state.retained.push((topic.to_owned(), payload.to_vec()));
    }

    /// Publishes to the client with QoS 1, once the newest connection has a matching subscription.
    #[track_caller]
    pub fn deliver(&self, topic: &str, payload: &[u8]) -> Delivered {
        self.deliver_with(topic, payload, &PublishProperties::default())
    }

    /// The same, with what MQTT 5 has beside the payload.
    #[track_caller]
    pub fn deliver_with(&self, topic: &str, payload: &[u8], properties: &PublishProperties) -> Delivered {
        wait::until(&format!("a subscription to {topic}"), wait::GENEROUS, || {
            self.shared.state().deliver(topic, payload, false, properties)
        })
    }

    /// Writes to the newest connection what may be no packet at all.
    pub fn write(&self, bytes: &[u8]) {
        if let Some(live) = &self.shared.state().live {
            live.wire.write_bytes(bytes);
        }
    }

    /// Ends the newest connection with a DISCONNECT of this reason, as a broker does that takes a session over.
    pub fn disconnect(&self, reason: DisconnectReasonCode) {
        if let Some(live) = &self.shared.state().live {
            live.wire.write_bytes(&[DISCONNECT, 2, reason as u8, 0]);
            live.wire.close();
        }
    }

    /// Breaks off the newest connection without a word.
    pub fn hang_up(&self) {
        if let Some(live) = &self.shared.state().live {
            live.wire.close();
        }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        // Wakes the listener; refused only where it has ended.
        let _ = TcpStream::connect(net::loopback(self.port));
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

impl State {
    fn deliver(
        &mut self,
        topic: &str,
        payload: &[u8],
        retain: bool,
        properties: &PublishProperties,
    ) -> Option<Delivered> {
        let live = self.live.as_ref()?;
        if !live.filters.iter().any(|filter| matches(topic, filter)) {
            return None;
        }
        self.last_pkid = self.last_pkid.checked_add(1).unwrap_or(1);
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload.to_vec(), Some(properties.clone()));
        publish.pkid = self.last_pkid;
        publish.retain = retain;
        live.wire.write(&Packet::Publish(publish));
        Some(Delivered { connection: live.connection, pkid: self.last_pkid })
    }
}

fn accept(listener: &TcpListener, mut behaviour: impl FnMut(usize) -> Behaviour, shared: &Arc<Shared>) {
    let mut connections = Vec::new();
    for stream in listener.incoming() {
        if shared.stopping() {
            break;
        }
        let Ok(stream) = stream else { continue };
        let number = connections.len() + 1;
        let behaviour = behaviour(number);
        let shared = Arc::clone(shared);
        connections.push(thread::spawn(move || Connection::new(number, stream, behaviour, shared).run()));
    }
    for connection in connections {
        let _ = connection.join();
    }
}

/// The writing half, shared by the connection's thread and the test's.
#[derive(Clone)]
struct Wire {
    stream: Arc<Mutex<TcpStream>>,
    closed: Arc<AtomicBool>,
}

impl Wire {
    fn write(&self, packet: &Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, None).expect("the script's packets can be written");
        self.write_bytes(&bytes);
    }

    /// A client that is gone is found by the reading half.
    fn write_bytes(&self, bytes: &[u8]) {
        let _ = self.stream().write_all(bytes);
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let _ = self.stream().shutdown(Shutdown::Both);
    }

    /// Who ended a connection that reads nothing more.
    fn end(&self) -> End {
        if self.closed.load(Ordering::Acquire) { End::Closed } else { End::HangUp }
    }

    fn stream(&self) -> MutexGuard<'_, TcpStream> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Connection {
    number: usize,
    behaviour: Behaviour,
    shared: Arc<Shared>,
    stream: TcpStream,
    wire: Wire,
    received: BytesMut,
    published: usize,
    /// To be acknowledged each after its delay.
    delayed: Vec<(Stopwatch, Duration, u16)>,
    /// To be acknowledged in reverse once there are enough.
    reversed: VecDeque<u16>,
}

impl Connection {
    fn new(number: usize, stream: TcpStream, behaviour: Behaviour, shared: Arc<Shared>) -> Connection {
        stream.set_nodelay(true).expect("a TCP socket takes options");
        stream.set_read_timeout(Some(TICK)).expect("a TCP socket takes options");
        let writing = stream.try_clone().expect("a socket can be duplicated");
        let wire = Wire { stream: Arc::new(Mutex::new(writing)), closed: Arc::default() };
        Connection {
            number,
            behaviour,
            shared,
            stream,
            wire,
            received: BytesMut::new(),
            published: 0,
            delayed: Vec::new(),
            reversed: VecDeque::new(),
        }
    }

    fn run(mut self) {
        let how = loop {
            if let Err(end) = self.receive().and_then(|()| self.serve()) {
                break end;
            }
            self.acknowledge_due();
        };
        self.wire.close();
        let mut state = self.shared.state();
        state.log.ended.push(Ended { connection: self.number, how });
        if state.live.as_ref().is_some_and(|live| live.connection == self.number) {
            state.live = None;
        }
    }

    /// Takes what has come; returns after a tick without anything.
    fn receive(&mut self) -> Result<(), End> {
        if self.shared.stopping() {
            return Err(End::Closed);
        }
        let mut bytes = [0; READ_BYTES_MAX];
        match self.stream.read(&mut bytes) {
            Ok(0) => Err(self.wire.end()),
            Ok(count) => {
                self.received.extend_from_slice(&bytes[..count]);
                Ok(())
            }
            Err(error) if is_tick(&error) => Ok(()),
            Err(_) => Err(self.wire.end()),
        }
    }

    /// Answers every whole packet that has been received.
    fn serve(&mut self) -> Result<(), End> {
        loop {
            if self.received.starts_with(&PLAIN_DISCONNECT) {
                return Err(End::Disconnect(DisconnectReasonCode::NormalDisconnection));
            }
            match Packet::read(&mut self.received, None) {
                Ok(packet) => self.answer(packet)?,
                Err(MqttError::InsufficientBytes(_)) => return Ok(()),
                Err(error) => return Err(End::Malformed(error.to_string())),
            }
        }
    }

    fn answer(&mut self, packet: Packet) -> Result<(), End> {
        match packet {
            Packet::Connect(connect, will, _) => {
                let session_expiry_s = connect.properties.and_then(|properties| properties.session_expiry_interval);
                self.on_connect(Connected {
                    connection: self.number,
                    client_id: connect.client_id,
                    clean_start: connect.clean_start,
                    keep_alive_s: connect.keep_alive,
                    session_expiry_s,
                    will,
                })
            }
            Packet::Subscribe(subscribe) => {
                self.on_subscribe(&subscribe);
                Ok(())
            }
            Packet::Publish(publish) => self.on_publish(&publish),
            Packet::PubAck(PubAck { pkid, .. }) => {
                self.shared.state().log.acknowledged.push(Acknowledged { connection: self.number, pkid });
                Ok(())
            }
            Packet::PingReq(_) => {
                if self.behaviour.pongs {
                    self.wire.write(&Packet::PingResp(PingResp));
                }
                Ok(())
            }
            Packet::Unsubscribe(unsubscribe) => {
                let reasons = vec![UnsubAckReason::Success; unsubscribe.filters.len()];
                self.wire.write(&Packet::UnsubAck(UnsubAck { pkid: unsubscribe.pkid, reasons, properties: None }));
                Ok(())
            }
            Packet::Disconnect(disconnect) => Err(End::Disconnect(disconnect.reason_code)),
            other => Err(End::Malformed(format!("no client sends this to a broker, with QoS 1: {other:?}"))),
        }
    }

    fn on_connect(&mut self, connected: Connected) -> Result<(), End> {
        let mut state = self.shared.state();
        state.log.connected.push(connected);
        match self.behaviour.on_connect {
            OnConnect::Accept(terms) => {
                state.live = Some(Live { connection: self.number, wire: self.wire.clone(), filters: Vec::new() });
                self.wire.write(&Packet::ConnAck(terms.acknowledgement()));
                Ok(())
            }
            OnConnect::Refuse(code) => {
                self.wire.write(&Packet::ConnAck(ConnAck { session_present: false, code, properties: None }));
                Err(End::Closed)
            }
            OnConnect::Silence => Ok(()),
            OnConnect::Close => Err(End::Closed),
        }
    }

    fn on_subscribe(&mut self, subscribe: &Subscribe) {
        let filters: Vec<String> = subscribe.filters.iter().map(|filter| filter.path.clone()).collect();
        let mut state = self.shared.state();
        state
            .log
            .subscribed
            .extend(filters.iter().map(|filter| Subscribed { connection: self.number, filter: filter.clone() }));
        let reason = match self.behaviour.on_subscribe {
            OnSubscribe::Grant => SubscribeReasonCode::Success(QoS::AtLeastOnce),
            OnSubscribe::Refuse(reason) => reason,
            OnSubscribe::Withhold => return,
        };
        let return_codes = vec![reason; filters.len()];
        self.wire.write(&Packet::SubAck(SubAck { pkid: subscribe.pkid, return_codes, properties: None }));
        if self.behaviour.on_subscribe != OnSubscribe::Grant {
            return;
        }
        if let Some(live) = &mut state.live {
            live.filters.extend(filters.iter().cloned());
        }
        for (topic, payload) in state.retained.clone() {
            if filters.iter().any(|filter| matches(&topic, filter)) {
                state.deliver(&topic, &payload, true, &PublishProperties::default());
            }
        }
    }

    fn on_publish(&mut self, publish: &Publish) -> Result<(), End> {
        self.published += 1;
        let published = Published {
            connection: self.number,
            number: self.published,
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            payload: publish.payload.to_vec(),
            qos: publish.qos,
            pkid: publish.pkid,
            dup: publish.dup,
            retain: publish.retain,
        };
        self.shared.state().log.published.push(published.clone());
        if publish.qos == QoS::AtMostOnce {
            return Ok(());
        }
        match (self.behaviour.on_publish)(&published) {
            OnPublish::Ack => self.acknowledge(publish.pkid, PubAckReason::Success),
            OnPublish::AckWith(reason) => self.acknowledge(publish.pkid, reason),
            OnPublish::AckTwice => {
                self.acknowledge(publish.pkid, PubAckReason::Success);
                self.acknowledge(publish.pkid, PubAckReason::Success);
            }
            OnPublish::AckOther(pkid) => self.acknowledge(pkid, PubAckReason::Success),
            OnPublish::AckAfter(delay) => self.delayed.push((Stopwatch::start(), delay, publish.pkid)),
            OnPublish::AckReversed(count) => {
                self.reversed.push_front(publish.pkid);
                if count <= self.reversed.len() {
                    for pkid in std::mem::take(&mut self.reversed) {
                        self.acknowledge(pkid, PubAckReason::Success);
                    }
                }
            }
            OnPublish::Withhold => {}
            OnPublish::Close => return Err(End::Closed),
        }
        Ok(())
    }

    fn acknowledge_due(&mut self) {
        let wire = &self.wire;
        self.delayed.retain(|(since, delay, pkid)| {
            let waits = !since.left_of(*delay).is_zero();
            if !waits {
                wire.write(&acknowledgement(*pkid, PubAckReason::Success));
            }
            waits
        });
    }

    fn acknowledge(&self, pkid: u16, reason: PubAckReason) {
        self.wire.write(&acknowledgement(pkid, reason));
    }
}

const DISCONNECT: u8 = 0xE0;

/// The shortest DISCONNECT is valid, but rumqttc, which writes it, can't read it.
const PLAIN_DISCONNECT: [u8; 2] = [DISCONNECT, 0];

impl Terms {
    fn acknowledgement(self) -> ConnAck {
        let properties = ConnAckProperties {
            session_expiry_interval: None,
            receive_max: self.receive_max,
            max_qos: None,
            retain_available: None,
            max_packet_size: self.packet_bytes_max,
            assigned_client_identifier: None,
            topic_alias_max: None,
            reason_string: None,
            user_properties: Vec::new(),
            wildcard_subscription_available: None,
            subscription_identifiers_available: None,
            shared_subscription_available: None,
            server_keep_alive: self.server_keep_alive_s,
            response_information: None,
            server_reference: None,
            authentication_method: None,
            authentication_data: None,
        };
        ConnAck {
            session_present: self.session_present,
            code: ConnectReturnCode::Success,
            properties: Some(properties),
        }
    }
}

fn acknowledgement(pkid: u16, reason: PubAckReason) -> Packet {
    Packet::PubAck(PubAck { pkid, reason, properties: None })
}

fn is_tick(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use rumqttc::v5::{Client, ConnectionError, Event, MqttOptions};

    use super::*;
    use crate::mqtt_client::MqttClient;

    /// The packet ids and reasons of the acknowledgements that rumqttc takes for three publishes, until an error.
    fn acknowledgements(on_publish: OnPublish) -> (Vec<(u16, PubAckReason)>, Option<String>) {
        let broker = Scripted::start(move |_| Behaviour::default().always(on_publish));
        let (client, mut connection) = Client::new(MqttOptions::new("self-test", "127.0.0.1", broker.port()), 10);
        for number in 1..=3 {
            client.publish("floor/1", QoS::AtLeastOnce, false, number.to_string()).unwrap();
        }
        let mut taken = Vec::new();
        for event in connection.iter() {
            match event {
                Ok(Event::Incoming(Packet::PubAck(ack))) => taken.push((ack.pkid, ack.reason)),
                Ok(_) => {}
                Err(error) => return (taken, Some(error.to_string())),
            }
            if taken.len() == 3 {
                break;
            }
        }
        (taken, None)
    }

    #[test]
    fn acknowledges_as_told() {
        use PubAckReason::{QuotaExceeded, Success};
        let cases = [
            (OnPublish::Ack, vec![(1, Success), (2, Success), (3, Success)]),
            (OnPublish::AckReversed(3), vec![(3, Success), (2, Success), (1, Success)]),
            (OnPublish::AckAfter(Duration::from_millis(30)), vec![(1, Success), (2, Success), (3, Success)]),
            (OnPublish::AckWith(QuotaExceeded), vec![(1, QuotaExceeded), (2, QuotaExceeded), (3, QuotaExceeded)]),
        ];
        for (on_publish, expected) in cases {
            assert_eq!(acknowledgements(on_publish), (expected, None), "{on_publish:?}");
        }
    }

    #[test]
    fn acknowledges_wrongly_as_told() {
        let (_, twice) = acknowledgements(OnPublish::AckTwice);
        assert!(twice.is_some(), "a second acknowledgement ends rumqttc's connection");
        let (taken, other) = acknowledgements(OnPublish::AckOther(9));
        assert_eq!(taken, []);
        assert!(other.is_some(), "an acknowledgement of an unknown id ends rumqttc's connection");
        let (taken, closed) = acknowledgements(OnPublish::Close);
        assert_eq!(taken, []);
        assert!(closed.is_some());
    }

    #[test]
    fn withholds_and_records_what_came() {
        let broker = Scripted::start(|_| {
            Behaviour::default().publishes(|it| if it.number == 2 { OnPublish::Withhold } else { OnPublish::Ack })
        });
        let client = MqttClient::connect(broker.port(), "self-test");
        for payload in ["one", "two", "three"] {
            client.start_publish("floor/1", payload.as_bytes(), payload == "three");
        }
        client.until_acknowledged(2);
        let published: Vec<_> = broker
            .log()
            .published
            .into_iter()
            .map(|it| (it.connection, it.number, it.topic, String::from_utf8(it.payload).unwrap(), it.pkid, it.retain))
            .collect();
        let floor = || "floor/1".to_owned();
        assert_eq!(
            published,
            [
                (1, 1, floor(), "one".to_owned(), 1, false),
                (1, 2, floor(), "two".to_owned(), 2, false),
                (1, 3, floor(), "three".to_owned(), 3, true),
            ]
        );
        assert_eq!(client.acknowledgements().len(), 2);
    }

    #[test]
    fn delivers_retained_messages_on_subscribe_and_others_when_told() {
        let broker = Scripted::start(|_| Behaviour::default());
        broker.retain("site/receipts", b"old");
        broker.retain("site/receipts", b"receipt");
        broker.retain("other/receipts", b"foreign");
        let client = MqttClient::connect(broker.port(), "self-test");
        client.subscribe("site/#");
        let delivered = broker.deliver("site/commands", b"command");
        client.until_messages(2);
        let messages: Vec<_> = client.messages().into_iter().map(|m| (m.text(), m.retained)).collect();
        assert_eq!(messages, [("receipt".to_owned(), true), ("command".to_owned(), false)]);
        broker.until("the acknowledgement", |log| log.acknowledged.contains(&delivered));
    }

    #[test]
    fn behaves_differently_on_each_connection() {
        let broker = Scripted::start(|connection| match connection {
            1 => Behaviour { on_connect: OnConnect::Close, ..Behaviour::default() },
            2 => {
                let refused = OnConnect::Refuse(ConnectReturnCode::NotAuthorized);
                Behaviour { on_connect: refused, ..Behaviour::default() }
            }
            3 => Behaviour::default(),
            _ => Behaviour::accepting(Terms { session_present: true, receive_max: Some(3), ..Terms::default() }),
        });
        let mut options = MqttOptions::new("self-test", "127.0.0.1", broker.port());
        options.set_clean_start(false);
        let (_client, mut connection) = Client::new(options, 10);
        let mut outcomes = Vec::new();
        while outcomes.len() < 4 {
            match connection.recv().unwrap() {
                Ok(Event::Incoming(Packet::ConnAck(ack))) => {
                    let receive_max = ack.properties.and_then(|properties| properties.receive_max);
                    outcomes.push(format!("session {} receive_max {receive_max:?}", ack.session_present));
                    broker.hang_up();
                }
                Err(ConnectionError::ConnectionRefused(code)) => outcomes.push(format!("refused {code:?}")),
                Err(_) if outcomes.is_empty() => outcomes.push("closed".to_owned()),
                Ok(_) | Err(_) => {}
            }
        }
        assert_eq!(
            outcomes,
            ["closed", "refused NotAuthorized", "session false receive_max None", "session true receive_max Some(3)"]
        );
        let log = broker.until("four ends", |log| 4 <= log.ended.len());
        assert_eq!(log.connected.len(), 4);
        assert!(log.ended.iter().all(|ended| ended.how == End::Closed), "{:?}", log.ended);
        assert!(log.connected.iter().all(|connected| connected.client_id == "self-test" && !connected.clean_start));
    }

    #[test]
    fn says_nothing_when_told() {
        let broker = Scripted::start(|_| Behaviour { on_connect: OnConnect::Silence, ..Behaviour::default() });
        let mut options = MqttOptions::new("self-test", "127.0.0.1", broker.port());
        options.set_connection_timeout(1);
        let (_client, mut connection) = Client::new(options, 10);
        let error = connection.recv().unwrap().unwrap_err();
        assert!(matches!(error, ConnectionError::Timeout(_)), "{error}");
    }

    #[test]
    fn tells_an_orderly_end_from_a_broken_one() {
        let broker = Scripted::start(|_| Behaviour::default());
        MqttClient::connect(broker.port(), "orderly").leave();
        broker.until("one end", |log| !log.ended.is_empty());
        drop(TcpStream::connect(net::loopback(broker.port())).unwrap());
        let log = broker.until("two ends", |log| 2 <= log.ended.len());
        assert_eq!(
            log.ended,
            [
                Ended { connection: 1, how: End::Disconnect(DisconnectReasonCode::NormalDisconnection) },
                Ended { connection: 2, how: End::HangUp },
            ]
        );
    }

    #[test]
    fn takes_a_session_over() {
        let broker = Scripted::start(|_| Behaviour::default());
        let (_client, mut connection) = Client::new(MqttOptions::new("self-test", "127.0.0.1", broker.port()), 10);
        let reason = loop {
            match connection.recv().unwrap() {
                Ok(Event::Incoming(Packet::ConnAck(_))) => broker.disconnect(DisconnectReasonCode::SessionTakenOver),
                Ok(Event::Incoming(Packet::Disconnect(disconnect))) => break format!("{:?}", disconnect.reason_code),
                Ok(_) => {}
                Err(error) => break error.to_string(),
            }
        };
        assert!(reason.contains("SessionTakenOver"), "{reason}");
    }
}
