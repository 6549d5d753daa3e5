//! Actions on the connection to the platform: a test of both its halves, connecting anew, sending again.

use super::{Action, Actions, Outcome, Told, told};
use crate::access::By;
use crate::journal::{Head, Place};
use crate::sync::Ask;
use crate::sync::status::Link;
use std::time::Duration;

/// A broker on a slow link has acknowledged by then.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(10);

/// The platform stores an event and says so well before.
const RECEIPT_WITHIN: Duration = Duration::from_secs(10);

/// The connection's own time-out, and some.
const CONNECTED_WITHIN: Duration = Duration::from_secs(20);

impl Actions {
    /// Records itself, and waits until the broker and then the platform have that event.
    pub(super) async fn test_publish(&self, by: &By) -> Told {
        let mut head = self.journal.head();
        if let Some(reason) = self.why_down() {
            let recorded = self.note(&Action::TestPublish, Outcome::NotConnected.word(), by).await.is_some();
            return Told { recorded, ..told(Outcome::NotConnected, [("why", reason)]) };
        }
        let begun = self.clock.now().since_start;
        let waiting = |head: &Head, place: Place| place.saturating_sub(1).saturating_sub(head.sent);
        let Some(place) = self.note(&Action::TestPublish, "sent", by).await else {
            return told(Outcome::NotSaved, []);
        };
        let seconds = |time: Duration| time.as_secs().to_string();
        let took_ms = || (self.clock.now().since_start.saturating_sub(begun)).as_millis().to_string();
        let sent = tokio::time::timeout(ACKNOWLEDGED_WITHIN, head.wait_for(|head| place <= head.sent)).await;
        let result = if !sent.is_ok_and(|sent| sent.is_ok()) {
            let before = waiting(&head.borrow(), place).to_string();
            told(Outcome::NotAcknowledged, [("seconds", seconds(ACKNOWLEDGED_WITHIN)), ("waiting", before)])
        } else if !super::lock(&self.config).receipts_expected {
            told(Outcome::AcknowledgedOnly, [("ms", took_ms())])
        } else {
            let received = tokio::time::timeout(RECEIPT_WITHIN, head.wait_for(|head| place <= head.received)).await;
            if received.is_ok_and(|received| received.is_ok()) {
                let sequence = head.borrow().epoch.sequence(place).to_string();
                told(Outcome::RoundTrip, [("ms", took_ms()), ("sequence", sequence)])
            } else {
                told(Outcome::NoReceipt, [("seconds", seconds(RECEIPT_WITHIN))])
            }
        };
        tracing::info!(outcome = result.outcome.word(), "test publish");
        Told { recorded: true, ..result }
    }

    pub(super) async fn claim(&self) -> Told {
        if self.link.borrow().link == Link::Up {
            // It may give way just now: then this is what it asks for next.
            let _ = self.asks.ask(Ask::Claim);
            return told(Outcome::NobodyElse, []);
        }
        let told = self.reconnect(Ask::Claim).await;
        if told.outcome == Outcome::Reconnected { Told { outcome: Outcome::Claimed, ..told } } else { told }
    }

    /// Has the connection made anew, as `ask` says.
    pub(super) async fn reconnect(&self, ask: Ask) -> Told {
        let mut link = self.link.clone();
        let before = link.borrow_and_update().since;
        let begun = self.clock.now().since_start;
        if !self.asks.ask(ask) {
            return told(Outcome::Busy, []);
        }
        // The old connection may end and the new one be up before anybody looks.
        let connected = link.wait_for(|status| status.link == Link::Up && status.since != before);
        let connected = tokio::time::timeout(CONNECTED_WITHIN, connected).await.is_ok_and(|up| up.is_ok());
        if connected {
            let ms = self.clock.now().since_start.saturating_sub(begun).as_millis().to_string();
            return told(Outcome::Reconnected, [("broker", link.borrow().broker.clone()), ("ms", ms)]);
        }
        let why = self.why_down().unwrap_or_default();
        told(Outcome::StaysDown, [("why", why), ("seconds", CONNECTED_WITHIN.as_secs().to_string())])
    }

    pub(super) async fn resend(&self, from: u64) -> Told {
        let head = *self.journal.head().borrow();
        let newest = head.epoch.sequence(head.place);
        if from == 0 || newest < from {
            return told(Outcome::BeyondHead, [("from", from.to_string()), ("head", newest.to_string())]);
        }
        let (journal, after) = (self.journal.clone(), head.epoch.base + from - 1);
        let first = tokio::task::spawn_blocking(move || {
            let first = journal.reader().and_then(|reader| reader.events(after, 1));
            first.ok().and_then(|events| events.first().map(|event| event.place))
        });
        if first.await.ok().flatten() != Some(after + 1) {
            return told(Outcome::NotKept, [("from", from.to_string())]);
        }
        if !self.asks.ask(Ask::Resend { after }) {
            return told(Outcome::Busy, []);
        }
        told(Outcome::Resending, [("from", from.to_string()), ("head", newest.to_string())])
    }

    /// Why nothing can be sent, where that is known.
    fn why_down(&self) -> Option<String> {
        match &self.link.borrow().link {
            Link::Up => None,
            Link::Connecting => Some("…".into()),
            Link::Down { trouble, .. } => Some(trouble.to_string()),
        }
    }
}
