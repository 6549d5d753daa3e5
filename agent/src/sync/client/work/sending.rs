//! Events and promises: what is published, what the broker answers to it, and how far that is known to the journal.

use super::{Answered, Stage, Work};
use crate::contract::CONTENT_TYPE;
use crate::contract::envelope::Envelope;
use crate::contract::promise::PromiseState;
use crate::journal::{Job, Storage};
use crate::sync::client::Ended;
use crate::sync::ledger::Flight;
use crate::sync::status::Denied;
use crate::sync::{Shared, Trouble};
use rumqttc::v5::mqttbytes::v5::{PubAckReason, PublishProperties};
use std::ops::DerefMut;
use std::sync::Arc;
use std::time::Duration;

/// How often the journal is told how far sending is: a crash repeats what was acknowledged since.
const TELL_EVERY: Duration = Duration::from_millis(250);

impl<S: DerefMut<Target = Shared>> Work<S> {
    /// Says what can be promised where it is news for this connection.
    pub(super) fn publish_promise(&mut self) -> Result<(), Ended> {
        let offer = self.shared.offer.borrow().clone();
        let Some(offer) = offer.filter(|offer| self.promised.as_ref().is_none_or(|said| !Arc::ptr_eq(said, offer)))
        else {
            return Ok(());
        };
        let payload = PromiseState::from_domain(&offer).render();
        self.promised = Some(offer);
        let properties =
            PublishProperties { content_type: Some("application/json".into()), ..PublishProperties::default() };
        self.publish(self.shared.topics.state_promise(), true, payload, properties, Flight::Promise)
    }

    /// Publishes as many events as there is room for.
    pub(super) fn send(&mut self) -> Result<(), Ended> {
        if self.receipts_asked != 0 || self.unsaved_receipt.is_some() {
            return Ok(());
        }
        let head = *self.shared.journal.head().borrow();
        let now = self.now();
        self.shared.plan.log_is(head.place, head.received, now);
        let Some((after, count)) = self.shared.plan.room() else {
            return Ok(());
        };
        if !self.shared.has_sent && self.shared.journal.unpublished_from() < after + count as u64 {
            let is_well = *self.shared.journal.storage().borrow() == Storage::Well;
            return if is_well { self.ask_to_publish() } else { Ok(()) };
        }
        let moment = self.shared.clock.now();
        for stored in self.shared.events(after, count)? {
            let Some(epoch) = self.shared.epoch_of(stored.place) else {
                return Err(Ended::broken(&format_args!("place {} belongs to no epoch", stored.place)));
            };
            let age = moment.wall.duration_since(stored.at);
            let envelope = Envelope {
                site: &self.shared.config.site,
                id: stored.id,
                kind: stored.kind,
                subject: stored.subject.as_deref(),
                time: stored.at,
                epoch: epoch.id,
                sequence: epoch.sequence(stored.place),
                head: self.shared.epoch_head(epoch, head.place),
                clock: stored.label.word(),
                station: stored.station.as_deref(),
                operator: stored.operator.as_deref(),
                historical: age.unsigned_abs() > self.shared.config.historical_after,
                data: &stored.data,
            };
            let payload = envelope.render().map_err(|error| Ended::broken(&error))?;
            let topic = self.shared.topics.events(stored.kind.group());
            let properties =
                PublishProperties { content_type: Some(CONTENT_TYPE.into()), ..PublishProperties::default() };
            self.publish(topic, false, payload, properties, Flight::Event(stored.place))?;
            self.shared.plan.handed(stored.place);
        }
        Ok(())
    }

    /// From the first event of its own on the file can't be told from an older copy: the journal notes that before.
    fn ask_to_publish(&mut self) -> Result<(), Ended> {
        let answers = self.answers.0.clone();
        self.receipts_asked += 1;
        let reply = Box::new(move |noted| drop(answers.send(Answered::MayPublish(noted))));
        Ok(self.shared.journal.submit(Job::Publishing { reply })?)
    }

    /// The broker has taken what was published under `pkid`, or refuses it.
    pub(super) fn acknowledged(&mut self, pkid: u16, reason: PubAckReason) -> Result<(), Ended> {
        let flight = self.ledger.flight(pkid);
        match reason {
            PubAckReason::Success => self.allowed(flight),
            PubAckReason::NoMatchingSubscribers => {
                self.allowed(flight);
                if matches!(flight, Some(Flight::Event(_))) {
                    self.shared.plan.unheard();
                    self.shared.status.send_modify(|status| status.without_subscriber += 1);
                }
            }
            refused => {
                let reason = format!("{refused:?}");
                self.shared.status.send_modify(|status| {
                    status.refused += 1;
                    status.last_refusal = Some(reason.clone());
                });
                // Where a reply goes is the command's choice: it must not hold events up.
                match flight {
                    Some(Flight::Reply(Some(named))) => {
                        tracing::warn!(
                            reason,
                            "the broker refuses a reply where a command wants it: the next one goes to the site's own topic"
                        );
                        self.shared.elsewhere.refused(named);
                    }
                    Some(Flight::Reply(None)) | None => {
                        tracing::warn!(reason, "the broker refuses a reply: the platform will ask again");
                    }
                    Some(flight) => return Err(self.denied(flight, reason)),
                }
            }
        }
        let now = self.now();
        let round_trip = self.ledger.age(pkid, now);
        // Whoever looks sees it; nobody is woken up by it.
        self.shared.status.send_if_modified(|status| {
            status.round_trip = round_trip.or(status.round_trip);
            false
        });
        let done = self.ledger.acknowledged(pkid, now).map_err(|stray| Ended::broken(&stray))?;
        for flight in done {
            match flight {
                Flight::Event(place) => self.shared.plan.acknowledged(place, now),
                Flight::State if self.stage == Stage::Arriving => self.arrived(),
                Flight::State | Flight::Promise | Flight::Reply(_) => {}
            }
        }
        Ok(())
    }

    /// Connections come and go while a topic is denied; that it is stays known until the broker takes such a publish.
    fn denied(&mut self, flight: Flight, why: String) -> Ended {
        let topics = &self.shared.topics;
        let topic = match flight {
            Flight::Event(place) => match self.shared.reader.events(place.saturating_sub(1), 1) {
                Ok(events) => events.first().map(|event| topics.events(event.kind.group())).unwrap_or_default(),
                Err(error) => return error.into(),
            },
            Flight::State => topics.state_agent(),
            Flight::Promise => topics.state_promise(),
            Flight::Reply(_) => topics.replies(),
        };
        let now = self.shared.clock.now().wall;
        self.shared.denied_flight = Some(flight);
        self.shared.status.send_modify(|status| {
            let since = status.denied.as_ref().map_or(now, |denied| denied.since);
            status.denied = Some(Denied { topic: topic.clone(), why: why.clone(), since });
        });
        Trouble::PublishDenied { topic, why }.into()
    }

    fn allowed(&mut self, flight: Option<Flight>) {
        if let Some(Flight::Reply(Some(named))) = flight {
            self.shared.elsewhere.taken(named);
        }
        let kind = |flight: Option<Flight>| flight.as_ref().map(std::mem::discriminant);
        if flight.is_some() && kind(flight) == kind(self.shared.denied_flight) {
            self.shared.denied_flight = None;
            self.shared.status.send_modify(|status| status.denied = None);
        }
    }

    /// When the journal is to be told how far sending is.
    pub(super) fn tell_at(&self) -> Option<Duration> {
        let (told, at) = self.shared.told;
        (self.shared.plan.progress() != told).then_some(at + TELL_EVERY)
    }

    /// Tells the journal how far sending is, also when it went back.
    pub(super) fn tell(&mut self) {
        let (progress, moment) = (self.shared.plan.progress(), self.shared.clock.now());
        self.shared.told.1 = moment.since_start;
        let (place, again_to) = progress;
        if self.shared.journal.try_submit(Job::Sent { place, again_to, moment }).is_ok() {
            self.shared.told.0 = progress;
        }
    }
}
