//! The connection to the broker: the only file that knows the MQTT client.
//!
//! A fresh client and event loop for each connection, because the client's own retry memory loses and reorders: what
//! matters is in the file. Three futures share a connection and none is ever cancelled for another: one only polls, one
//! acknowledges what the writer has committed, one publishes within a window that stays below the client's own, since
//! a full one of its own would hold back acknowledgements too.
//!
//! The one that polls waits for nothing but the broker, however long the writer takes: pings must be heard. What came
//! lies in the connection's own [`Line`], which has room for all that the broker may have unacknowledged with us. So a
//! slow writer holds the broker back by acknowledgements alone, and what a connection leaves goes with its line.

use crate::central::Outgoing;
use crate::tls::{self, Tls};
use crate::topic::Topics;
use crate::writer::Job;
use rumqttc::Outgoing as Sent;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnectReturnCode, Filter, Packet, PubAckReason, Publish, PublishProperties, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions};
use rumqttc::{NetworkOptions, TlsConfiguration, Transport};
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// Where the broker is and who we are.
#[derive(Clone, Debug)]
pub struct Broker {
    pub host: String,
    pub port: u16,
    pub client_id: String,
    pub login: Option<(String, String)>,
    /// `None`: in the clear.
    pub tls: Option<Tls>,
    /// Instances with the same group share what sites send.
    pub group: Option<String>,
}

/// Unacknowledged events that the broker may have with us: what one transaction can take at most.
const RECEIVE_MAX: u16 = 1_000;
/// Own publishes without an acknowledgement.
const WINDOW: u16 = 32;
/// The client's table of them: larger than our window, so that it never fills.
const INFLIGHT_MAX: u16 = 4 * WINDOW;
/// Publishes that the writer may hand over ahead of the window.
const AHEAD: usize = 64;
/// The contract allows 128 KiB of payload; topic and properties come on top.
const PACKET_BYTES_MAX: u32 = 256 * 1024;
const SESSION_EXPIRY_S: u32 = 24 * 60 * 60;
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT_S: u64 = 10;
/// Nothing at all came, not even the answer to a ping.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// A broker that doesn't acknowledge for so long is as good as gone.
const ACKNOWLEDGE_MAX: Duration = Duration::from_secs(20);
const BACK_OFF_FIRST: Duration = Duration::from_millis(100);
const BACK_OFF_MAX: Duration = Duration::from_secs(5);
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// Longer than two keep-alives and one connection: the client itself notices what it can.
const _: () = assert!(2 * KEEP_ALIVE.as_secs() + CONNECT_TIMEOUT_S <= SILENCE_MAX.as_secs());

/// A message that the broker waits to see acknowledged.
#[derive(Debug)]
pub struct Delivery(Publish);

impl Delivery {
    /// The topic; empty if it is no text.
    #[must_use]
    pub fn topic(&self) -> &str {
        std::str::from_utf8(&self.0.topic).unwrap_or_default()
    }

    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.0.payload
    }
}

/// The writer's end of one connection. Dropping it ends the connection.
#[derive(Debug)]
pub struct Line {
    deliveries: mpsc::Receiver<Delivery>,
    /// What was not acknowledged when it ended is delivered to the next one.
    comes_again: bool,
    acks: mpsc::Sender<Publish>,
    publishes: mpsc::Sender<Outgoing>,
}

/// The connection's end of it.
struct Ends {
    deliveries: mpsc::Sender<Delivery>,
    acks: mpsc::Receiver<Publish>,
    publishes: mpsc::Receiver<Outgoing>,
}

impl Line {
    fn new(comes_again: bool) -> (Self, Ends) {
        // The broker has no more than that unacknowledged, wherever with us it is.
        let (delivered, deliveries) = mpsc::channel(usize::from(RECEIVE_MAX));
        let (acks, ready) = mpsc::channel(usize::from(RECEIVE_MAX));
        let (publishes, outgoing) = mpsc::channel(AHEAD);
        let line = Self { deliveries, comes_again, acks, publishes };
        (line, Ends { deliveries: delivered, acks: ready, publishes: outgoing })
    }

    /// Waits for messages, and takes up to `most`. How many; none means that the connection has ended.
    pub async fn hear(&mut self, messages: &mut Vec<Delivery>, most: usize) -> usize {
        self.deliveries.recv_many(messages, most).await
    }

    /// What it still has of an ended connection, up to `most`.
    pub fn rest(&mut self, messages: &mut Vec<Delivery>, most: usize) -> usize {
        let before = messages.len();
        messages.extend(std::iter::from_fn(|| self.deliveries.try_recv().ok()).take(most));
        messages.len() - before
    }

    /// Whether nothing that came on it needs to be taken: the connection has ended, and all of it comes on the next one.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.comes_again && self.deliveries.is_closed()
    }

    /// Acknowledges a message that is stored. Where the connection has ended, nobody waits for that.
    ///
    /// `false` means that the line is of no more use: the broker has more outstanding than we allowed it.
    #[must_use]
    pub fn acknowledge(&self, Delivery(publish): Delivery) -> bool {
        publish.qos == QoS::AtMostOnce || !matches!(self.acks.try_send(publish), Err(TrySendError::Full(_)))
    }

    /// How many publishes it takes now.
    #[must_use]
    pub fn room(&self) -> usize {
        if self.publishes.is_closed() { 0 } else { self.publishes.capacity() }
    }

    pub fn publish(&self, outgoing: Outgoing) {
        if self.publishes.try_send(outgoing).is_err() {
            tracing::debug!("the connection ended before a publish");
        }
    }
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("{0}")]
    Client(Box<ConnectionError>),
    #[error("nothing came for {} s, not even the answer to a ping", SILENCE_MAX.as_secs())]
    Silent,
    #[error("the broker refused the connection: {0:?}")]
    Refused(ConnectReturnCode),
    #[error("the broker wants no keep-alive, which this client can't do without")]
    NoKeepAlive,
    #[error("the broker refused a subscription: {0:?}")]
    Subscription(SubscribeReasonCode),
    #[error("the broker hasn't acknowledged a publish for {} s", ACKNOWLEDGE_MAX.as_secs())]
    Unacknowledged,
    #[error("the client's table of publishes is out of step with the broker")]
    OutOfStep,
    #[error(transparent)]
    Tls(#[from] tls::Error),
    #[error("the broker has more than {RECEIVE_MAX} messages unacknowledged with us")]
    TooMany,
    #[error("the storage failed: the broker shall deliver again")]
    Dropped,
}

impl From<ConnectionError> for LinkError {
    fn from(error: ConnectionError) -> Self {
        Self::Client(Box::new(error))
    }
}

/// Keeps a connection until `stop`; every end but that one is followed by another attempt.
pub async fn run(broker: Broker, topics: Topics, jobs: mpsc::Sender<Job>, mut stop: watch::Receiver<bool>) {
    let filters = topics.filters(broker.group.as_deref());
    let mut attempts: u32 = 0;
    loop {
        let mut established = false;
        let ended = match options(&broker) {
            Ok(options) => {
                let (client, mut events) = AsyncClient::new(options, AHEAD);
                let line = Line::new(broker.group.is_none());
                tokio::select! {
                    ended = connect(&client, &mut events, &filters, line, &jobs, &mut established) => ended,
                    () = stopped(&mut stop) => return goodbye(&client, &mut events).await,
                }
            }
            Err(error) => Err(error.into()),
        };
        let Err(error) = ended else { return };
        attempts = if established { 0 } else { attempts.saturating_add(1) };
        tracing::warn!(%error, "the connection to the broker ended");
        if jobs.is_closed() {
            return;
        }
        tokio::select! {
            () = sleep(back_off(attempts, Uuid::now_v7().as_u128())) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone stops as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// One connection from its start to its end. `Ok` means that the writer is gone.
async fn connect(
    client: &AsyncClient,
    events: &mut EventLoop,
    filters: &[String],
    (line, ends): (Line, Ends),
    jobs: &mpsc::Sender<Job>,
    established: &mut bool,
) -> Result<(), LinkError> {
    let window = loop {
        if let Event::Incoming(Packet::ConnAck(answer)) = next(events).await? {
            break accept(&answer)?;
        }
    };
    *established = true;
    tracing::info!("connected to the broker");
    let filters = filters.iter().map(|filter| Filter::new(filter.clone(), QoS::AtLeastOnce));
    if client.subscribe_many(filters).await.is_err() {
        return Err(LinkError::OutOfStep);
    }
    let window = Semaphore::new(window);
    let answer = async {
        // Whatever the writer does at the moment, the broker is heard meanwhile.
        if jobs.send(Job::Connected(line)).await.is_err() {
            return Ok(());
        }
        acknowledge(client, ends.acks).await
    };
    tokio::select! {
        ended = poll(events, &ends.deliveries, &window) => ended,
        ended = answer => ended,
        ended = publish(client, ends.publishes, &window) => ended,
    }
}

/// Checks the broker's answer. Returns how many publishes may be without an acknowledgement.
fn accept(answer: &ConnAck) -> Result<usize, LinkError> {
    if answer.code != ConnectReturnCode::Success {
        return Err(LinkError::Refused(answer.code));
    }
    let properties = answer.properties.as_ref();
    if properties.and_then(|properties| properties.server_keep_alive) == Some(0) {
        return Err(LinkError::NoKeepAlive);
    }
    let theirs = properties.and_then(|properties| properties.receive_max).unwrap_or(u16::MAX);
    Ok(usize::from(theirs.saturating_sub(1).clamp(1, WINDOW)))
}

async fn poll(
    events: &mut EventLoop,
    deliveries: &mpsc::Sender<Delivery>,
    window: &Semaphore,
) -> Result<(), LinkError> {
    loop {
        match next(events).await? {
            Event::Incoming(Packet::Publish(publish)) => match deliveries.try_send(Delivery(publish)) {
                Ok(()) => {}
                Err(TrySendError::Full(Delivery(publish))) if publish.qos == QoS::AtMostOnce => {
                    tracing::warn!("a message without an acknowledgement found no room");
                }
                Err(TrySendError::Full(_)) => return Err(LinkError::TooMany),
                Err(TrySendError::Closed(_)) => return Err(LinkError::Dropped),
            },
            Event::Incoming(Packet::PubAck(ack)) => {
                window.add_permits(1);
                if !matches!(ack.reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers) {
                    tracing::warn!(reason = ?ack.reason, "the broker did not take a publish");
                }
            }
            Event::Incoming(Packet::SubAck(ack)) => {
                let refused = ack.return_codes.iter().find(|code| !matches!(code, SubscribeReasonCode::Success(_)));
                if let Some(refused) = refused {
                    return Err(LinkError::Subscription(*refused));
                }
            }
            Event::Outgoing(Sent::AwaitAck(_)) => return Err(LinkError::OutOfStep),
            _ => {}
        }
    }
}

async fn acknowledge(client: &AsyncClient, mut ready: mpsc::Receiver<Publish>) -> Result<(), LinkError> {
    while let Some(publish) = ready.recv().await {
        if client.ack(&publish).await.is_err() {
            return Err(LinkError::OutOfStep);
        }
    }
    Err(LinkError::Dropped)
}

async fn publish(
    client: &AsyncClient,
    mut outgoing: mpsc::Receiver<Outgoing>,
    window: &Semaphore,
) -> Result<(), LinkError> {
    while let Some(Outgoing { topic, retain, content, payload }) = outgoing.recv().await {
        let Ok(Ok(permit)) = timeout(ACKNOWLEDGE_MAX, window.acquire()).await else {
            return Err(LinkError::Unacknowledged);
        };
        permit.forget();
        let properties = PublishProperties { content_type: Some(content.to_owned()), ..PublishProperties::default() };
        let sent = client.publish_with_properties(topic, QoS::AtLeastOnce, retain, payload, properties).await;
        if sent.is_err() {
            return Err(LinkError::OutOfStep);
        }
    }
    Err(LinkError::Dropped)
}

async fn next(events: &mut EventLoop) -> Result<Event, LinkError> {
    Ok(timeout(SILENCE_MAX, events.poll()).await.map_err(|_| LinkError::Silent)??)
}

fn options(broker: &Broker) -> Result<MqttOptions, tls::Error> {
    let mut options = MqttOptions::new(&broker.client_id, &broker.host, broker.port);
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options
        .set_clean_start(broker.group.is_some())
        .set_keep_alive(KEEP_ALIVE)
        .set_connection_timeout(CONNECT_TIMEOUT_S)
        .set_network_options(network)
        .set_session_expiry_interval(Some(session_expiry_s(broker)))
        .set_receive_maximum(Some(RECEIVE_MAX))
        .set_max_packet_size(Some(PACKET_BYTES_MAX))
        .set_outgoing_inflight_upper_limit(INFLIGHT_MAX)
        .set_manual_acks(true);
    if let Some((user, password)) = &broker.login {
        options.set_credentials(user, password);
    }
    if let Some(tls) = &broker.tls {
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls.client()?)));
    }
    Ok(options)
}

/// One of several instances leaves nothing at the broker: a session that nobody comes back to would keep its part of what
/// sites send from the others. What is lost with it sites send again, as its receipt is missing.
fn session_expiry_s(broker: &Broker) -> u32 {
    if broker.group.is_some() { 0 } else { SESSION_EXPIRY_S }
}

/// Full jitter: anything between at once and the cap of this attempt.
fn back_off(attempts: u32, random: u128) -> Duration {
    let cap = BACK_OFF_FIRST.saturating_mul(2_u32.saturating_pow(attempts)).min(BACK_OFF_MAX);
    let part = u32::try_from(random & 0xffff).unwrap_or_default();
    cap * part / 0x1_0000
}

/// Says goodbye, so that the broker doesn't wait for us; a broker that doesn't listen isn't waited for.
async fn goodbye(client: &AsyncClient, events: &mut EventLoop) {
    if client.try_disconnect().is_err() {
        return;
    }
    let said = async {
        while let Ok(event) = events.poll().await {
            if event == Event::Outgoing(Sent::Disconnect) {
                return;
            }
        }
    };
    if timeout(GOODBYE_MAX, said).await.is_err() {
        tracing::debug!("the broker did not hear the goodbye");
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use parceld_tests::mosquitto::Mosquitto;
    use parceld_tests::mqtt_client::MqttClient;
    use parceld_tests::wait;
    use tokio::sync::mpsc::error::TryRecvError;

    /// A line on which the broker has delivered these before its connection ended.
    pub fn ended(comes_again: bool, messages: &[(&str, String)]) -> Line {
        let (line, ends) = Line::new(comes_again);
        for (topic, payload) in messages {
            let publish = Publish::new(*topic, QoS::AtLeastOnce, payload.clone(), None);
            ends.deliveries.try_send(Delivery(publish)).unwrap();
        }
        line
    }

    #[test]
    fn the_broker_is_heard_while_the_writer_stands_still() {
        let broker = Mosquitto::start();
        let at = Broker {
            host: "127.0.0.1".to_owned(),
            port: broker.port(),
            client_id: "platform".to_owned(),
            login: None,
            tls: None,
            group: None,
        };
        let (jobs, mut waiting) = mpsc::channel(1);
        // The writer is asked for something, and takes nothing.
        let (answer, _answered) = tokio::sync::oneshot::channel();
        jobs.try_send(Job::Raw { site: "s".to_owned(), payload: String::new(), answer }).unwrap();
        let (stop, stopped) = watch::channel(false);
        let link = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(at, Topics::new("r"), jobs, stopped));
        });
        let sites = MqttClient::connect(broker.port(), "sites");
        wait::until("the platform to listen", wait::GENEROUS, || {
            broker.process().log().contains("platform").then_some(())
        });
        for number in 0..RECEIVE_MAX {
            sites.publish("r/s/events/pick", number.to_string().as_bytes());
        }
        waiting.try_recv().unwrap();
        let mut line = wait::until("the connection", wait::GENEROUS, || match waiting.try_recv() {
            Ok(Job::Connected(line)) => Some(line),
            Ok(other) => panic!("{other:?}"),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => panic!("the link ended"),
        });
        wait::until("all that the broker has", wait::GENEROUS, || {
            (line.deliveries.len() == usize::from(RECEIVE_MAX)).then_some(())
        });
        let mut messages = Vec::new();
        assert_eq!(line.rest(&mut messages, 3), 3);
        assert!(messages.drain(..).all(|delivery| line.acknowledge(delivery)));
        sites.publish("r/s/events/pick", b"behind them");
        wait::until("what there was no room for", wait::GENEROUS, || {
            (line.deliveries.len() == usize::from(RECEIVE_MAX) - 2).then_some(())
        });
        stop.send_replace(true);
        link.join().unwrap();
    }

    #[test]
    fn back_off_grows_to_its_cap_and_is_spread_over_all_of_it() {
        for attempts in [0, 1, 5, 6, 40, u32::MAX] {
            assert_eq!(back_off(attempts, 0), Duration::ZERO);
            let most = back_off(attempts, u128::MAX);
            assert!(most < BACK_OFF_MAX, "{attempts}: {most:?}");
        }
        assert!(back_off(0, u128::MAX) < BACK_OFF_FIRST);
        assert!(Duration::from_millis(4_900) < back_off(40, u128::MAX));
    }
}
