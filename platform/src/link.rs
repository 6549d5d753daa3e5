//! The connection to the broker: the only file that knows the MQTT client.
//!
//! A fresh client and event loop for each connection, because the client's own retry memory loses and reorders: what
//! matters is in the file. Three futures share a connection and none is ever cancelled for another: one only polls, one
//! acknowledges what the writer has committed, one publishes within a window that stays below the client's own, since
//! a full one of its own would hold back acknowledgements too.
//!
//! The one that polls waits for nothing but the broker, however long the writer takes: pings must be heard. What came
//! lies in the connection's own [`Line`], so a slow writer holds the broker back by acknowledgements, and what a connection
//! leaves goes with its line. A broker that doesn't keep to what we allow it (mosquitto 2.0.11 sends up to a window of its
//! queue for each acknowledgement) is held back by its socket once [`WAITING_BYTES_MAX`] wait.

use crate::central::Outgoing;
use crate::tls::{self, Tls};
use crate::topic::Topics;
use crate::writer::Job;
use bytes::Bytes;
use rumqttc::Outgoing as Sent;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnectReturnCode, Filter, Packet, PubAckReason, Publish, PublishProperties, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions};
use rumqttc::{NetworkOptions, TlsConfiguration, Transport};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
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

/// Unacknowledged events that the broker may have with us: about two transactions' worth.
const RECEIVE_MAX: u16 = 1_000;
/// What may wait for the writer all the same: the events that five hundred sites send ahead of their receipts.
const WAITING_BYTES_MAX: usize = 256 * 1024 * 1024;
/// What a message takes beside its topic and payload.
const MESSAGE_BYTES: usize = 512;
/// Acknowledgements that wait for the client, which writes them one at a time: there are no more packet identifiers.
const ACKS_MAX: usize = u16::MAX as usize;
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

/// Every message finds room in the end.
const _: () = assert!(PACKET_BYTES_MAX as usize + MESSAGE_BYTES < WAITING_BYTES_MAX);

/// Longer than two keep-alives and one connection: the client itself notices what it can.
const _: () = assert!(2 * KEEP_ALIVE.as_secs() + CONNECT_TIMEOUT_S <= SILENCE_MAX.as_secs());

/// A message that the broker waits to see acknowledged.
#[derive(Debug)]
pub struct Delivery {
    publish: Publish,
    /// Its part of what may wait.
    _room: OwnedSemaphorePermit,
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
    deliveries: mpsc::UnboundedReceiver<Delivery>,
    /// What was not acknowledged when it ended is delivered to the next one.
    comes_again: bool,
    acks: mpsc::Sender<Publish>,
    publishes: mpsc::Sender<Outgoing>,
}

/// The connection's end of it.
struct Ends {
    /// Bounded by `room`, in bytes.
    deliveries: mpsc::UnboundedSender<Delivery>,
    room: Arc<Semaphore>,
    acks: mpsc::Receiver<Publish>,
    publishes: mpsc::Receiver<Outgoing>,
}

impl Line {
    fn new(comes_again: bool, waiting_bytes_max: usize) -> (Self, Ends) {
        let (delivered, deliveries) = mpsc::unbounded_channel();
        let (acks, ready) = mpsc::channel(ACKS_MAX);
        let (publishes, outgoing) = mpsc::channel(AHEAD);
        let line = Self { deliveries, comes_again, acks, publishes };
        let room = Arc::new(Semaphore::new(waiting_bytes_max));
        (line, Ends { deliveries: delivered, room, acks: ready, publishes: outgoing })
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
    pub fn acknowledge(&self, delivery: Delivery) -> bool {
        // What it says is stored: only its identifier waits on.
        let publish = Publish { payload: Bytes::new(), ..delivery.publish };
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

/// Has the writer get a message, when there is room for it.
async fn deliver(
    publish: Publish,
    deliveries: &mpsc::UnboundedSender<Delivery>,
    room: &Arc<Semaphore>,
) -> Result<(), LinkError> {
    let bytes = u32::try_from(publish.topic.len() + publish.payload.len() + MESSAGE_BYTES).unwrap_or(u32::MAX);
    let room = Arc::clone(room).acquire_many_owned(bytes).await.map_err(|_| LinkError::Dropped)?;
    deliveries.send(Delivery { publish, _room: room }).map_err(|_| LinkError::Dropped)
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
    loop {
        let mut established = false;
        let ended = match options(&broker) {
            Ok(options) => {
                let (client, mut events) = AsyncClient::new(options, AHEAD);
                let line = Line::new(broker.group.is_none(), WAITING_BYTES_MAX);
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
        ended = poll(events, &ends.deliveries, &ends.room, &window) => ended,
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
    deliveries: &mpsc::UnboundedSender<Delivery>,
    room: &Arc<Semaphore>,
    window: &Semaphore,
) -> Result<(), LinkError> {
    loop {
        match next(events).await? {
            Event::Incoming(Packet::Publish(publish)) => deliver(publish, deliveries, room).await?,
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
    let event = timeout(SILENCE_MAX, events.poll()).await.map_err(|_| LinkError::Silent)??;
    if let Event::Incoming(_) = event {
        // Whatever comes says that the broker is there; the answer to a ping may be behind a long queue.
        events.state.await_pingresp = false;
    }
    Ok(event)
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
    use futures_util::FutureExt as _;
    use parceld_tests::mosquitto::Mosquitto;
    use parceld_tests::mqtt_client::MqttClient;
    use parceld_tests::wait;
    use tokio::sync::mpsc::error::TryRecvError;

    /// A line on which the broker has delivered these before its connection ended.
    pub fn ended(comes_again: bool, messages: &[(&str, String)]) -> Line {
        let (line, ends) = Line::new(comes_again, WAITING_BYTES_MAX);
        for (topic, payload) in messages {
            let publish = Publish::new(*topic, QoS::AtLeastOnce, payload.clone(), None);
            deliver(publish, &ends.deliveries, &ends.room).now_or_never().unwrap().unwrap();
        }
        line
    }

    #[test]
    fn what_waits_is_bounded_by_its_bytes() {
        let (mut line, ends) = Line::new(true, 2 * MESSAGE_BYTES + 10);
        let message = || Publish::new("t", QoS::AtLeastOnce, "1234", None);
        let deliver = || deliver(message(), &ends.deliveries, &ends.room).now_or_never().is_some();
        assert_eq!([deliver(), deliver(), deliver()], [true, true, false]);
        assert_eq!(line.rest(&mut Vec::new(), 1), 1);
        assert_eq!([deliver(), deliver()], [true, false]);
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
