//! One connection to the broker, over rumqttc: a fresh client each time, so that nothing of the last one is trusted.
//!
//! One future only polls the event loop, another only works; they share [`Inbox`] and run on one thread. A poll is
//! never cancelled in between, except to throw the whole connection away. Order of a connection: subscribe, say
//! `online`, wait for its acknowledgement (by then retained receipts are here), then send events.

use super::{Config, Shared};
use crate::contract::MESSAGE_BYTES_MAX;
use crate::contract::state::{AgentState, Presence};
use rumqttc::NetworkOptions;
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnectReturnCode, LastWill, LastWillProperties, Packet, PubAckReason, Publish, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::Notify;
use work::Work;

mod work;

/// Commands that the broker may have under way to us at once.
const COMMANDS_IN_FLIGHT_MAX: u16 = 32;
/// Room for publishes, replies and acknowledgements that the client has not taken yet.
const REQUESTS_BEYOND_WINDOW: usize = 3 * COMMANDS_IN_FLIGHT_MAX as usize;
/// TCP, CONNECT and CONNACK together; a slow mobile link needs most of it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    #[error("the agent stops")]
    Stopped,
    #[error("refused by the broker: {0}")]
    Refused(String),
    #[error("the password file {0} can't be read: {1}")]
    NoPassword(String, std::io::Error),
    #[error("{0}")]
    Broken(String),
    #[error("the broker asks for a keep-alive of 0 s, which this client can't keep")]
    NoKeepAlive,
    #[error("the broker does not let us subscribe to {0}: check its access rules")]
    SubscriptionDenied(String),
    #[error("the broker refuses our publishes ({0}): check its access rules and quotas")]
    PublishRefused(String),
    #[error("no acknowledgement for {0} s although one is owed")]
    Unacknowledged(u64),
    #[error("another client took over the session {0:?}: two agents with one client id")]
    TakenOver(String),
    #[error("the journal can't be read: {0}")]
    Journal(#[from] crate::journal::Error),
}

/// What the polling future has seen and the working one has not yet.
#[derive(Default)]
struct Inbox {
    seen: RefCell<VecDeque<Seen>>,
    wake: Notify,
}

enum Seen {
    Connected { receive_max: Option<u16> },
    Subscribed(Vec<SubscribeReasonCode>),
    Left(u16),
    Collision(u16),
    Acknowledged(u16, PubAckReason),
    Message(Publish),
}

/// Runs one connection until it ends.
pub async fn run(shared: &mut Shared, session: u64) -> Ended {
    let config = shared.config.clone();
    let options = match options(&config, shared, session) {
        Ok(options) => options,
        Err(ended) => return ended,
    };
    let (client, event_loop) = AsyncClient::new(options, usize::from(config.window) + REQUESTS_BEYOND_WINDOW);
    let inbox = Inbox::default();
    let mut work = Work::new(shared, client, session);
    tokio::select! {
        ended = poll(event_loop, &inbox, config.keep_alive, &config.client_id) => ended,
        ended = work.run(&inbox) => ended,
    }
}

/// Only polls: whatever must wait for something else happens in [`Work`].
async fn poll(mut event_loop: EventLoop, inbox: &Inbox, mut keep_alive: Duration, client_id: &str) -> Ended {
    loop {
        let watchdog = keep_alive * 2 + CONNECT_TIMEOUT;
        let event = match tokio::time::timeout(watchdog, event_loop.poll()).await {
            Ok(Ok(event)) => event,
            Ok(Err(error)) => return ended(error, client_id),
            Err(_) => return Ended::Broken(format!("nothing moved for {} s", watchdog.as_secs())),
        };
        let seen = match event {
            Event::Incoming(Packet::ConnAck(ack)) => {
                let properties = ack.properties;
                match properties.as_ref().and_then(|properties| properties.server_keep_alive) {
                    Some(0) => return Ended::NoKeepAlive,
                    Some(server_s) => keep_alive = Duration::from_secs(server_s.into()),
                    None => {}
                }
                Seen::Connected { receive_max: properties.and_then(|properties| properties.receive_max) }
            }
            Event::Incoming(Packet::SubAck(ack)) => Seen::Subscribed(ack.return_codes),
            Event::Incoming(Packet::PubAck(ack)) => Seen::Acknowledged(ack.pkid, ack.reason),
            Event::Incoming(Packet::Publish(publish)) => Seen::Message(publish),
            Event::Outgoing(Outgoing::Publish(pkid)) => Seen::Left(pkid),
            Event::Outgoing(Outgoing::AwaitAck(pkid)) => Seen::Collision(pkid),
            Event::Outgoing(Outgoing::Disconnect) => return Ended::Stopped,
            _ => continue,
        };
        inbox.seen.borrow_mut().push_back(seen);
        inbox.wake.notify_one();
    }
}

fn ended(error: ConnectionError, client_id: &str) -> Ended {
    match error {
        ConnectionError::ConnectionRefused(code)
        | ConnectionError::MqttState(StateError::ConnFail { reason: code }) => Ended::Refused(refusal(code).to_owned()),
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, reason_string }) => {
            let code = format!("{reason_code:?}");
            if code == "SessionTakenOver" {
                return Ended::TakenOver(client_id.to_owned());
            }
            Ended::Broken(format!("the broker disconnected us: {}", reason_string.unwrap_or(code)))
        }
        ConnectionError::MqttState(StateError::AwaitPingResp) => {
            Ended::Broken("the broker does not answer pings".into())
        }
        ConnectionError::Timeout(_) => {
            Ended::Broken(format!("no answer to CONNECT within {} s", CONNECT_TIMEOUT.as_secs()))
        }
        ConnectionError::Io(error) => Ended::Broken(error.to_string()),
        other => Ended::Broken(other.to_string()),
    }
}

fn refusal(code: ConnectReturnCode) -> &'static str {
    match code {
        ConnectReturnCode::BadUserNamePassword => "wrong user name or password",
        ConnectReturnCode::NotAuthorized => "not authorized: check user, password and client id",
        ConnectReturnCode::ClientIdentifierNotValid | ConnectReturnCode::BadClientId => "the client id is not accepted",
        ConnectReturnCode::ServerUnavailable | ConnectReturnCode::ServiceUnavailable => "the broker is not available",
        ConnectReturnCode::ServerBusy => "the broker is busy",
        ConnectReturnCode::Banned => "this client is banned",
        ConnectReturnCode::QuotaExceeded => "a quota of the broker is exceeded",
        ConnectReturnCode::UnsupportedProtocolVersion | ConnectReturnCode::RefusedProtocolVersion => {
            "the broker does not speak MQTT 5"
        }
        _ => "the broker gives no usable reason",
    }
}

fn options(config: &Config, shared: &Shared, session: u64) -> Result<MqttOptions, Ended> {
    let mut options = MqttOptions::new(&config.client_id, &config.host, config.port);
    options
        .set_keep_alive(config.keep_alive)
        .set_connection_timeout(CONNECT_TIMEOUT.as_secs())
        .set_clean_start(false)
        .set_session_expiry_interval(Some(u32::try_from(config.session_expiry.as_secs()).unwrap_or(u32::MAX)))
        .set_receive_maximum(Some(COMMANDS_IN_FLIGHT_MAX))
        .set_max_packet_size(Some(2 * MESSAGE_BYTES_MAX as u32))
        .set_outgoing_inflight_upper_limit(config.window.saturating_mul(4).saturating_add(2 * COMMANDS_IN_FLIGHT_MAX))
        .set_manual_acks(true);
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    if let Some(login) = &config.login {
        let unreadable = |error| Ended::NoPassword(login.password_file.display().to_string(), error);
        let password = std::fs::read_to_string(&login.password_file).map_err(unreadable)?;
        options.set_credentials(&login.username, password.lines().next().unwrap_or_default());
    }
    let lost = state(shared, session, Presence::Lost);
    let properties = LastWillProperties {
        delay_interval: None,
        payload_format_indicator: None,
        message_expiry_interval: None,
        content_type: Some("application/json".into()),
        response_topic: None,
        correlation_data: None,
        user_properties: Vec::new(),
    };
    let topic = shared.topics.state_agent();
    options.set_last_will(LastWill::new(topic, lost, QoS::AtLeastOnce, true, Some(properties)));
    Ok(options)
}

fn state(shared: &Shared, session: u64, state: Presence) -> String {
    let head = shared.journal.head().borrow().to_owned();
    let version = shared.config.version.as_str();
    AgentState { state, version, epoch: head.epoch.id, head: head.epoch.sequence(head.place), session }.render()
}
