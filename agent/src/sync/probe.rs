//! A client that looks at what this site may do at the broker, and leaves no trace: a client id of its own, a session that
//! ends with it, no will.
//!
//! It subscribes to what the agent subscribes to, and publishes to a topic beside the agent's state, which nobody reads.

use super::kept::Credentials;
use super::status::Certificates;
use super::tls::{self, Heard};
use super::trouble::{Attempt, Trouble};
use super::wire::Wire;
use super::{BrokerConfig, way};
use crate::clock::Clock;
use crate::contract::receipt::Receipt;
use crate::contract::topic::Topics;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Packet, PubAckReason, SubscribeReasonCode};
use rumqttc::v5::{AsyncClient, Event};
use std::time::Duration;

/// What is behind the agent's client id in the probe's.
pub const SUFFIX: &str = "-doctor";

/// Requests that the probe makes in all.
const REQUESTS_MAX: usize = 8;

/// A retained receipt comes right behind the subscription; longer is none.
const RECEIPT_WITHIN: Duration = Duration::from_millis(500);

/// What the probe has seen. Nothing is known of what comes after the first step that failed.
#[derive(Debug, Default)]
pub struct Seen {
    pub certificates: Certificates,
    /// Whom this site's certificate is for.
    pub own_name: Option<String>,
    /// The broker has taken the login.
    pub is_in: bool,
    /// It has answered all that the probe asked.
    pub is_whole: bool,
    /// Topics that it doesn't let us use, each with its reason code.
    pub denied: Vec<(String, String)>,
    /// The last receipt for this site, as the topic keeps it.
    pub receipt: Option<u64>,
    pub trouble: Option<Trouble>,
}

/// Looks, for no longer than `within`. Blocks.
#[must_use]
pub fn look(config: &BrokerConfig, client_id: &str, topics: &Topics, within: Duration, clock: Clock) -> Seen {
    let mut seen = Seen::default();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            seen.trouble = Some(Trouble::Broken(error.to_string()));
            return seen;
        }
    };
    let client_id = format!("{client_id}{SUFFIX}");
    let looking = async { tokio::time::timeout(within, connect(config, &client_id, topics, clock, &mut seen)).await };
    let ended = runtime.block_on(looking);
    runtime.shutdown_background();
    seen.trouble = match ended {
        Ok(Ok(())) => None,
        Ok(Err(trouble)) => Some(trouble),
        Err(_) => Some(Trouble::Unreachable(format!("no answer within {} s", within.as_secs()))),
    };
    seen
}

async fn connect(
    config: &BrokerConfig,
    client_id: &str,
    topics: &Topics,
    clock: Clock,
    seen: &mut Seen,
) -> Result<(), Trouble> {
    let (mut options, Credentials { tls, .. }) = way::options(config, client_id, None, clock)?;
    options.set_clean_start(true).set_outgoing_inflight_upper_limit(REQUESTS_MAX as u16);
    let (client, mut wire) = Wire::new(options, REQUESTS_MAX);
    let ended = ask(&client, &mut wire, topics, seen).await;
    drop(wire);
    if let Some(tls) = &tls {
        (seen.certificates, seen.own_name) = (tls.certificates(), tls.own_name.clone());
    }
    let Err(error) = ended else { return Ok(()) };
    let own = tls.as_ref().and_then(|tls| tls.own);
    let attempt = Attempt { config, client_id, is_accepted: seen.is_in, own, now: clock.now().wall };
    let trouble = attempt.trouble(error);
    Err(match &tls {
        Some(tls) if trouble.is_guessed() => match tls::hear(tls, config).await {
            Heard::Refusal(error) => attempt.untrusted(&error),
            Heard::Silence | Heard::Nothing(_) => trouble,
        },
        _ => trouble,
    })
}

async fn ask(
    client: &AsyncClient,
    wire: &mut Wire,
    topics: &Topics,
    seen: &mut Seen,
) -> Result<(), rumqttc::v5::ConnectionError> {
    let subscriptions = [topics.commands(), topics.receipts(), topics.state_agent()];
    let (mut subscribed, mut published) = (false, false);
    let mut receipt_due = None;
    loop {
        let is_answered = subscribed && published;
        if is_answered && receipt_due.is_none() {
            receipt_due = Some(tokio::time::Instant::now() + RECEIPT_WITHIN);
        }
        let event = match receipt_due {
            Some(_) if seen.receipt.is_some() => break,
            Some(due) => match tokio::time::timeout_at(due, wire.poll()).await {
                Ok(event) => event?,
                Err(_) => break,
            },
            None => wire.poll().await?,
        };
        match event {
            Event::Incoming(Packet::ConnAck(_)) => {
                seen.is_in = true;
                let filters = subscriptions.clone().map(|topic| Filter::new(topic, QoS::AtLeastOnce));
                // Room is there for all that is ever asked.
                let _ = client.try_subscribe_many(filters);
                let _ = client.try_publish(topics.state_doctor(), QoS::AtLeastOnce, false, PAYLOAD);
            }
            Event::Incoming(Packet::SubAck(ack)) => {
                subscribed = true;
                let codes = subscriptions.iter().zip(&ack.return_codes);
                let denied = codes.filter(|(_, code)| !matches!(code, SubscribeReasonCode::Success(_)));
                seen.denied.extend(denied.map(|(topic, code)| (topic.clone(), format!("{code:?}"))));
            }
            Event::Incoming(Packet::PubAck(ack)) => {
                published = true;
                if !matches!(ack.reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers) {
                    seen.denied.push((topics.state_doctor(), format!("{:?}", ack.reason)));
                }
            }
            Event::Incoming(Packet::Publish(publish)) if publish.topic == topics.receipts().as_bytes() => {
                seen.receipt = Receipt::parse(&publish.payload).ok().map(|receipt| receipt.sequence).or(seen.receipt);
            }
            _ => {}
        }
    }
    seen.is_whole = true;
    let _ = client.try_disconnect();
    // The good-bye is sent by the next turn, and the connection closed by dropping it.
    let _ = tokio::time::timeout(RECEIPT_WITHIN, wire.poll()).await;
    Ok(())
}

/// What the topic beside the agent's state is told.
const PAYLOAD: &str = "{}";
