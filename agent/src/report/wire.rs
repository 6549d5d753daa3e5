//! Stored events as the contract says them, for whoever looks: the same text as published, but for when it is asked.

use crate::contract::envelope::Envelope;
use crate::domain::name::SiteId;
use crate::journal::{Epoch, Place, Stored};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use uuid::Uuid;

/// What an envelope needs that isn't in the event's row.
#[derive(Clone, Debug)]
pub struct Sender {
    pub site: SiteId,
    /// Every epoch of the file, oldest first.
    pub epochs: Vec<Epoch>,
    pub head: Place,
    pub now: Timestamp,
    /// [`super::About::historical_after`].
    pub historical_after: Duration,
}

impl Sender {
    /// The event's envelope.
    ///
    /// # Errors
    /// The stored data is not JSON: the row is damaged.
    pub fn render(&self, stored: &Stored) -> Result<String, serde_json::Error> {
        let (epoch, sequence) = self.place(stored.place);
        let late = SignedDuration::try_from(self.historical_after).unwrap_or(SignedDuration::MAX);
        Envelope {
            site: &self.site,
            id: stored.id,
            kind: stored.kind,
            subject: stored.subject.as_deref(),
            time: stored.at,
            epoch,
            sequence,
            head: self.place(self.head).1,
            clock: stored.label.word(),
            station: stored.station.as_deref(),
            operator: stored.operator.as_deref(),
            historical: late < self.now.duration_since(stored.at),
            data: &stored.data,
        }
        .render()
    }

    /// The epoch that `place` lies in, and its sequence there.
    #[must_use]
    pub fn place(&self, place: Place) -> (Uuid, u64) {
        let epoch = self.epochs.iter().rfind(|epoch| epoch.base < place).or(self.epochs.first());
        epoch.map_or((Uuid::nil(), place), |epoch| (epoch.id, epoch.sequence(place)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Kind;
    use crate::journal::Label;

    fn sender() -> Sender {
        let epoch = |n, base| Epoch { id: Uuid::from_u128(n), base };
        Sender {
            site: "sthlm-03".into(),
            epochs: vec![epoch(1, 0), epoch(2, 40)],
            head: 44,
            now: Timestamp::from_second(1_800_000_000).unwrap(),
            historical_after: Duration::from_secs(60),
        }
    }

    #[test]
    fn counts_in_the_epoch_that_the_place_lies_in() {
        for (place, epoch, sequence) in [(1, 1, 1), (40, 1, 40), (41, 2, 1), (44, 2, 4)] {
            assert_eq!(sender().place(place), (Uuid::from_u128(epoch), sequence), "place {place}");
        }
    }

    #[test]
    fn says_the_event_in_the_words_of_the_contract() {
        let stored = Stored {
            place: 42,
            id: Uuid::from_u128(7),
            at: Timestamp::from_second(1_799_999_000).unwrap(),
            label: Label::Unsynced,
            kind: Kind::ItemPicked,
            station: Some("bench-1".into()),
            operator: Some("op-7".into()),
            subject: Some("orders/10042".into()),
            data: r#"{"picked":1}"#.into(),
        };
        let json: serde_json::Value = serde_json::from_str(&sender().render(&stored).unwrap()).unwrap();
        for (field, expected) in [
            ("type", serde_json::json!("parceld.pick.item_picked.v1")),
            ("source", "/sites/sthlm-03".into()),
            ("sequence", 2.into()),
            ("head", 4.into()),
            ("clock", "unsynced".into()),
            ("operator", "op-7".into()),
            ("historical", true.into()),
            ("data", serde_json::json!({"picked": 1})),
        ] {
            assert_eq!(json[field], expected, "{field}");
        }
    }
}
