//! The connection to the broker: the only file that knows the MQTT client.
//!
//! A fresh client and event loop for each connection, because the client's own retry memory loses and reorders: what
//! matters is in the file. Three futures share a connection and none is ever cancelled for another: one only polls, one
//! acknowledges what the writer has committed, one publishes within a window that stays below the client's own, since
//! a full one of its own would hold back acknowledgements too.

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
pub struct Delivery {
    publish: Publish,
    /// Only the connection that delivered it can acknowledge it.
    connection: u64,
}

impl Delivery {
    /// The topic; empty if it is no text.
    #[must_use]
    pub fn topic(&self) -> &str {
        std::str::from_utf8(&self.publish.topic).unwrap_or_default()
    }

    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.publish.payload
    }
}

/// The writer's end of one connection. Dropping it ends the connection.
#[derive(Debug)]
pub struct Line {
    connection: u64,
    acks: mpsc::Sender<Publish>,
    publishes: mpsc::Sender<Outgoing>,
}

impl Line {
    #[must_use]
    pub fn is(&self, connection: u64) -> bool {
        self.connection == connection
    }

    /// Acknowledges a message that is stored. One of an earlier connection needs nothing: it comes again.
    ///
    /// `false` means that the line is of no more use: the connection ended, or the broker has more outstanding than we
    /// allowed it.
    #[must_use]
    pub fn acknowledge(&self, delivery: Delivery) -> bool {
        !self.is(delivery.connection)
            || delivery.publish.qos == QoS::AtMostOnce
            || self.acks.try_send(delivery.publish).is_ok()
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
    for connection in 1.. {
        let mut established = false;
        let ended = match options(&broker) {
            Ok(options) => {
                let (client, mut events) = AsyncClient::new(options, AHEAD);
                tokio::select! {
                    ended = connect(connection, &client, &mut events, &filters, &jobs, &mut established) => ended,
                    () = stopped(&mut stop) => return goodbye(&client, &mut events).await,
                }
            }
            Err(error) => Err(error.into()),
        };
        let Err(error) = ended else { return };
        attempts = if established { 0 } else { attempts.saturating_add(1) };
        tracing::warn!(%error, "the connection to the broker ended");
        if jobs.send(Job::Disconnected(connection)).await.is_err() {
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
    connection: u64,
    client: &AsyncClient,
    events: &mut EventLoop,
    filters: &[String],
    jobs: &mpsc::Sender<Job>,
    established: &mut bool,
) -> Result<(), LinkError> {
    let window = loop {
        if let Event::Incoming(Packet::ConnAck(answer)) = next(events).await? {
            break accept(&answer)?;
        }
    };
    *established = true;
    tracing::info!(connection, "connected to the broker");
    let filters = filters.iter().map(|filter| Filter::new(filter.clone(), QoS::AtLeastOnce));
    if client.subscribe_many(filters).await.is_err() {
        return Err(LinkError::OutOfStep);
    }
    let (acks, ready) = mpsc::channel(usize::from(RECEIVE_MAX));
    let (publishes, outgoing) = mpsc::channel(AHEAD);
    if jobs.send(Job::Connected(Line { connection, acks, publishes })).await.is_err() {
        return Ok(());
    }
    let window = Semaphore::new(window);
    tokio::select! {
        ended = poll(connection, events, jobs, &window) => ended,
        ended = acknowledge(client, ready) => ended,
        ended = publish(client, outgoing, &window) => ended,
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
    connection: u64,
    events: &mut EventLoop,
    jobs: &mpsc::Sender<Job>,
    window: &Semaphore,
) -> Result<(), LinkError> {
    loop {
        match next(events).await? {
            Event::Incoming(Packet::Publish(publish)) => {
                let Ok(()) = jobs.send(Job::Message(Delivery { publish, connection })).await else { return Ok(()) };
            }
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
mod tests {
    use super::*;

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
