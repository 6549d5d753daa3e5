//! A batch of events before it is taken: read, and in the order in which every instance locks what they are about.

use crate::topic::Topic;
use crate::wire::{self, Envelope, Unreadable};
use uuid::Uuid;

/// An event's message.
#[derive(Debug)]
pub struct Arrived<'a> {
    pub topic: &'a str,
    pub site: &'a str,
    pub group: &'a str,
    pub payload: &'a [u8],
    /// Its text, and what that says.
    pub read: Result<(&'a str, Envelope<'a>), Unreadable>,
}

impl<'a> Arrived<'a> {
    /// `None` if it is no event.
    pub fn read((topic, place, payload): &(&'a str, Option<Topic<'a>>, &'a [u8])) -> Option<Self> {
        let Some(Topic::Event { site, group }) = *place else { return None };
        let read = wire::text(payload).and_then(|text| Ok((text, Envelope::read(text)?)));
        Some(Self { topic, site, group, payload, read })
    }

    /// What can't be read waits for nobody, and comes first.
    fn place(&self) -> Option<(Uuid, i64)> {
        self.read.as_ref().ok().map(|(_, event)| (event.epoch, event.sequence))
    }
}

/// By site and sequence. Epochs of a site stay in the order in which they came: the first to come began first.
pub fn sort(arrived: &mut [Arrived<'_>]) {
    arrived.sort_by_key(|event| event.site);
    for of_site in arrived.chunk_by_mut(|one, next| one.site == next.site) {
        let mut epochs: Vec<Uuid> = Vec::new();
        for (epoch, _) in of_site.iter().filter_map(Arrived::place) {
            if !epochs.contains(&epoch) {
                epochs.push(epoch);
            }
        }
        let rank = |epoch: Uuid| epochs.iter().position(|known| *known == epoch);
        of_site.sort_by_key(|event| event.place().map(|(epoch, sequence)| (rank(epoch), sequence)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sites_and_sequences_are_in_order_and_epochs_as_they_came() {
        let event = |site: &str, epoch: u128, sequence: i64| {
            let text = json!({
                "id": Uuid::nil(), "source": site, "type": "t", "time": "2026-11-22T14:00:00Z",
                "epoch": Uuid::from_u128(epoch), "sequence": sequence, "data": {},
            });
            (site.to_owned(), text.to_string())
        };
        let came = [
            event("b", 9, 4),
            event("a", 1, 7),
            ("a".to_owned(), "{".to_owned()),
            event("b", 3, 1),
            event("b", 9, 2),
            event("a", 1, 6),
        ];
        let mut arrived: Vec<_> = came
            .iter()
            .map(|(site, text)| {
                let place = Some(Topic::Event { site, group: "g" });
                Arrived::read(&("t", place, text.as_bytes())).unwrap()
            })
            .collect();
        sort(&mut arrived);
        let places = arrived.iter().map(|event| {
            let place = event.place().map(|(epoch, sequence)| (epoch.as_u128(), sequence));
            (event.site, place)
        });
        let expected = [
            ("a", None),
            ("a", Some((1, 6))),
            ("a", Some((1, 7))),
            ("b", Some((9, 2))),
            ("b", Some((9, 4))),
            ("b", Some((3, 1))),
        ];
        assert_eq!(places.collect::<Vec<_>>(), expected);
    }
}
