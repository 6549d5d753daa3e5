//! The platform's part, as far as it can be measured against: sees every message, gives receipts, puts orders.
//!
//! Its session is as short as its connection; it comes back by itself as soon as the broker listens. Receipts follow
//! the contract: after every 100 events, within a second of the last, and at once when the agent comes online.

use std::collections::HashSet;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parceld_tests::wait::{self, Stopwatch};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::floor;
use crate::mqtt::{self, Packet};
use crate::record::Run;
use crate::workload::{Mark, order_number, unknown_number};

/// The agent's site.
pub const SITE: &str = "bench";
const ROOT: &str = "parceld/v1/bench";

const RECEIPT_AFTER_EVENTS: u64 = 100;
const RECEIPT_AFTER: Duration = Duration::from_secs(1);

/// A read returns after this long, so that a receipt that is due is not late.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const READ_BYTES_MAX: usize = 64 * 1024;

/// Connected until dropped.
#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    clock: Stopwatch,
    port: u16,
    leaving: AtomicBool,
    seen: Mutex<Seen>,
    uplink: Mutex<Option<Uplink>>,
}

#[derive(Debug)]
struct Uplink {
    stream: TcpStream,
    last_id: u16,
}

/// What has come so far.
#[derive(Debug, Default)]
pub struct Seen {
    /// The broker has taken the subscription of the running connection.
    pub is_subscribed: bool,
    /// Unknown codes, of the agent or of a floor.
    pub refused: HashSet<u32>,
    /// When one of them came, after this was last set to none; as [`Run::now`] counts.
    pub first_refused_at: Option<u64>,
    /// Commands that were accepted, and what was said about the others.
    pub accepted: usize,
    pub not_accepted: Vec<String>,
    /// Order puts that have become events.
    pub orders: usize,
    /// Every event, also those of no run.
    pub events: usize,
    /// Events that came before.
    pub repeated: usize,
    /// Events that came too early: one before them had not come yet.
    pub out_of_order: usize,
    /// When the agent last said that it is online, as [`Run::now`] counts.
    pub online_at: Option<u64>,
    run: Option<Arc<Run>>,
    epoch: String,
    sequence: u64,
    receipt: u64,
    /// The agent has come online, and wants to know how far its events are here.
    is_asked: bool,
}

#[derive(Deserialize)]
struct State<'a> {
    state: &'a str,
    epoch: &'a str,
}

#[derive(Deserialize)]
struct Event<'a> {
    r#type: &'a str,
    epoch: &'a str,
    sequence: u64,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct OfOrder<'a> {
    #[serde(borrow)]
    order: Reference<'a>,
    line: Option<&'a str>,
    picked: Option<u32>,
}

#[derive(Deserialize)]
struct Reference<'a> {
    id: &'a str,
}

#[derive(Deserialize)]
struct OfCode<'a> {
    code: &'a str,
}

impl Consumer {
    /// Connects to the broker, and again whenever that ends.
    pub fn start(port: u16, clock: Stopwatch) -> Consumer {
        let shared = Arc::new(Shared {
            clock,
            port,
            leaving: AtomicBool::new(false),
            seen: Mutex::default(),
            uplink: Mutex::default(),
        });
        let thread = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.listen()
        });
        Consumer { shared, thread: Some(thread) }
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.shared.seen()
    }

    /// From now on, what comes belongs to `run`.
    pub fn attend(&self, run: &Arc<Run>) {
        self.seen().run = Some(Arc::clone(run));
    }

    /// Sends the command with this id to the agent.
    ///
    /// # Errors
    /// Where the connection has ended.
    pub fn command(&self, id: &str, kind: &str, data: &Value) -> io::Result<()> {
        let command = serde_json::json!({
            "specversion": "1.0", "id": id, "source": "/bench", "type": format!("parceld.{kind}.v1"),
            "datacontenttype": "application/json", "data": data,
        });
        self.shared.publish(&format!("{ROOT}/commands"), false, command.to_string().as_bytes())
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.shared.leaving.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn listen(&self) {
        while !self.is_leaving() {
            // Ends with the connection; the next one makes up for it.
            let _ = self.session();
            self.seen().is_subscribed = false;
            *self.uplink() = None;
            wait::a_moment();
        }
    }

    fn session(&self) -> io::Result<()> {
        let mut stream = mqtt::connect(self.port, "consumer")?;
        stream.set_read_timeout(Some(LOOK_EVERY))?;
        let mut out = Vec::new();
        mqtt::put_subscribe(&mut out, 1, "#");
        stream.write_all(&out)?;
        *self.uplink() = Some(Uplink { stream: stream.try_clone()?, last_id: 1 });

        let mut received = Vec::new();
        let mut chunk = vec![0; READ_BYTES_MAX];
        let mut receipted = Stopwatch::start();
        while !self.is_leaving() {
            let count = match stream.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => 0,
                Err(error) => return Err(error),
            };
            received.extend_from_slice(&chunk[..count]);
            self.take_all(&mut received)?;
            self.give_receipt(&mut receipted)?;
        }
        Ok(())
    }

    fn take_all(&self, received: &mut Vec<u8>) -> io::Result<()> {
        let at = u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(u64::MAX).saturating_add(1);
        let (mut out, mut taken) = (Vec::new(), 0);
        let mut seen = self.seen();
        while let Some((packet, length)) = mqtt::take(&received[taken..]) {
            taken += length;
            match packet {
                Packet::SubscribeAcknowledged => seen.is_subscribed = true,
                Packet::Publish { topic, id, payload } => {
                    seen.message(topic, payload, at);
                    if let Some(id) = id {
                        mqtt::put_acknowledgement(&mut out, id);
                    }
                }
                Packet::Other => {}
            }
        }
        drop(seen);
        received.drain(..taken);
        self.write(&out)
    }

    fn give_receipt(&self, receipted: &mut Stopwatch) -> io::Result<()> {
        let payload = {
            let mut seen = self.seen();
            let missing = seen.sequence.saturating_sub(seen.receipt);
            let is_old = 0 < missing && RECEIPT_AFTER <= receipted.elapsed();
            if !seen.is_asked && !is_old && missing < RECEIPT_AFTER_EVENTS {
                return Ok(());
            }
            seen.is_asked = false;
            seen.receipt = seen.sequence;
            format!(r#"{{"epoch":"{}","sequence":{}}}"#, seen.epoch, seen.sequence)
        };
        *receipted = Stopwatch::start();
        self.publish(&format!("{ROOT}/receipts"), true, payload.as_bytes())
    }

    fn publish(&self, topic: &str, retain: bool, payload: &[u8]) -> io::Result<()> {
        let mut uplink = self.uplink();
        let uplink = uplink.as_mut().ok_or(ErrorKind::NotConnected)?;
        uplink.last_id = uplink.last_id.checked_add(1).unwrap_or(1);
        let mut out = Vec::new();
        mqtt::put_publish(&mut out, uplink.last_id, topic, retain, payload);
        uplink.stream.write_all(&out)
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        match self.uplink().as_mut() {
            Some(uplink) if !bytes.is_empty() => uplink.stream.write_all(bytes),
            _ => Ok(()),
        }
    }

    fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn uplink(&self) -> MutexGuard<'_, Option<Uplink>> {
        self.uplink.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn message(&mut self, topic: &str, payload: &[u8], at: u64) {
        let (above, level) = topic.rsplit_once('/').unwrap_or(("", topic));
        if above == floor::TOPIC {
            return self.floor(level, payload, at);
        }
        match topic.strip_prefix(ROOT).unwrap_or_default() {
            "/replies" => self.reply(payload),
            "/state/agent" => {
                let state: State<'_> = serde_json::from_slice(payload).expect("a state of the contract");
                self.state(&state, at);
            }
            path if path.starts_with("/events/") => {
                let event: Event<'_> = serde_json::from_slice(payload).expect("an event of the contract");
                self.event(&event, at);
            }
            _ => {}
        }
    }

    fn floor(&mut self, lane: &str, payload: &[u8], at: u64) {
        self.events += 1;
        match &self.run {
            Some(run) => run.message(lane.parse().expect("a floor's topic ends with a number"), at),
            None => {
                self.refused.extend(str::from_utf8(payload).ok().and_then(unknown_number));
                self.first_refused_at.get_or_insert(at);
            }
        }
    }

    fn reply(&mut self, payload: &[u8]) {
        match contains(payload, br#""status":"accepted""#) {
            true => self.accepted += 1,
            false => self.not_accepted.push(String::from_utf8_lossy(payload).into_owned()),
        }
    }

    fn state(&mut self, state: &State<'_>, at: u64) {
        if state.state == "online" {
            self.begin(state.epoch);
            self.online_at = Some(at);
            self.is_asked = true;
        }
    }

    fn begin(&mut self, epoch: &str) {
        if self.epoch != epoch {
            (self.epoch, self.sequence, self.receipt) = (epoch.to_owned(), 0, 0);
        }
    }

    fn event(&mut self, event: &Event<'_>, at: u64) {
        self.begin(event.epoch);
        if event.sequence <= self.sequence {
            self.repeated += 1;
            return;
        }
        if event.sequence != self.sequence + 1 {
            self.out_of_order += 1;
            return;
        }
        self.sequence = event.sequence;
        self.events += 1;
        let kind = event.r#type.strip_prefix("parceld.").and_then(|kind| kind.strip_suffix(".v1")).unwrap_or_default();
        self.orders += usize::from(kind == "order.accepted");
        let mark = mark(kind, event.data);
        if let Some(Mark::Refused { number }) = mark {
            self.refused.insert(number);
            self.first_refused_at.get_or_insert(at);
        }
        let caused_by_a_scan = ["pick.", "pack.", "dispatch.", "notification.", "site.scan_refused"];
        // What a put leads to may still come when the run has begun.
        let by_a_put = contains(event.data.get().as_bytes(), br#""milestone":"order_accepted""#);
        if let Some(run) = &self.run
            && !by_a_put
            && caused_by_a_scan.iter().any(|group| kind.starts_with(group))
        {
            run.event(mark, at);
        }
    }
}

/// What names the scan whose first event this is.
fn mark(kind: &str, data: &RawValue) -> Option<Mark> {
    match kind {
        "pack.started" => {
            let data: OfOrder<'_> = serde_json::from_str(data.get()).ok()?;
            Some(Mark::Opened { order: order_number(data.order.id)? })
        }
        "pick.item_picked" => {
            let data: OfOrder<'_> = serde_json::from_str(data.get()).ok()?;
            let (order, line) = (order_number(data.order.id)?, data.line?.parse().ok()?);
            Some(Mark::Picked { order, line, unit: data.picked? })
        }
        "site.scan_refused" => {
            let data: OfCode<'_> = serde_json::from_str(data.get()).ok()?;
            Some(Mark::Refused { number: unknown_number(data.code)? })
        }
        _ => None,
    }
}

fn contains(payload: &[u8], wanted: &[u8]) -> bool {
    payload.windows(wanted.len()).any(|bytes| bytes == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seen: &mut Seen, kind: &str, sequence: u64, data: &str) {
        let payload = format!(
            r#"{{"specversion":"1.0","type":"parceld.{kind}.v1","epoch":"e","sequence":{sequence},"head":9,"data":{data}}}"#
        );
        seen.message(&format!("{ROOT}/events/any"), payload.as_bytes(), 1);
    }

    #[test]
    fn reads_marks() {
        let data = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let rows = [
            (
                "pack.started",
                r#"{"order":{"id":"b0000003","number":"B","revision":1},"units":6}"#,
                Some(Mark::Opened { order: 3 }),
            ),
            (
                "pick.item_picked",
                r#"{"order":{"id":"b0000003"},"line":"2","sku":"SKU-A","picked":1,"wanted":2}"#,
                Some(Mark::Picked { order: 3, line: 2, unit: 1 }),
            ),
            ("pack.item_packed", r#"{"order":{"id":"b0000003"},"line":"2"}"#, None),
            ("site.scan_refused", r#"{"scanner":"s","code":"X00000005"}"#, Some(Mark::Refused { number: 5 })),
        ];
        for (kind, text, expected) in rows {
            assert_eq!(mark(kind, &data(text)), expected, "{kind}");
        }
    }

    #[test]
    fn counts_events_in_their_order_once() {
        let mut seen = Seen::default();
        for (sequence, kind) in
            [(1, "site.started"), (2, "order.accepted"), (2, "order.accepted"), (4, "order.accepted")]
        {
            event(&mut seen, kind, sequence, "{}");
        }
        assert_eq!((seen.events, seen.orders, seen.repeated, seen.out_of_order), (2, 1, 1, 1));
        assert_eq!(seen.sequence, 2);
    }

    #[test]
    fn hears_what_became_of_commands() {
        let mut seen = Seen::default();
        seen.message(&format!("{ROOT}/replies"), br#"{"data":{"status":"accepted"}}"#, 1);
        seen.message(&format!("{ROOT}/replies"), br#"{"data":{"status":"rejected"}}"#, 1);
        seen.message(&format!("{ROOT}/state/agent"), br#"{"state":"online","epoch":"e","head":1}"#, 7);
        assert_eq!((seen.accepted, seen.not_accepted.len(), seen.online_at), (1, 1, Some(7)));
    }
}
