//! Receipts: what the platform has, as far as the broker brings it.

use super::{Answered, Stage, Work};
use crate::contract::receipt::Receipt;
use crate::journal::{Job, NotSaved, ReceiptOutcome};
use crate::sync::Shared;
use crate::sync::client::Ended;
use rumqttc::v5::mqttbytes::v5::Publish;
use std::ops::DerefMut;

/// A receipt; a retained one only says where the platform was, it is no repetition.
#[derive(Clone, Copy)]
pub(super) struct Heard {
    receipt: Receipt,
    retained: bool,
    /// Sent since we said that we are here.
    fresh: bool,
    /// Heard before anything of this file's own was published since the start.
    at_start: bool,
}

impl<S: DerefMut<Target = Shared>> Work<S> {
    /// One that the broker has given.
    pub(super) fn take_receipt(&mut self, publish: &Publish) -> Result<(), Ended> {
        self.acknowledge(publish)?;
        match Receipt::parse(&publish.payload) {
            Ok(receipt) => {
                let at_start = !self.shared.has_sent;
                // What the broker kept for us, as the topic's last receipt or in our session, comes before our `online`.
                let fresh = !publish.retain && matches!(self.stage, Stage::Arriving | Stage::Sending);
                self.ask_what_it_means(Heard { receipt, retained: publish.retain, fresh, at_start })
            }
            Err(why) => {
                tracing::warn!(why, "a receipt can't be read");
                Ok(())
            }
        }
    }

    /// Asks the journal.
    pub(super) fn ask_what_it_means(&mut self, heard: Heard) -> Result<(), Ended> {
        let (moment, answers) = (self.shared.clock.now(), self.answers.0.clone());
        let Heard { receipt, at_start, .. } = heard;
        let reply = Box::new(move |outcome| drop(answers.send(Answered::Receipt(heard, outcome))));
        self.receipts_asked += 1;
        Ok(self.shared.journal.submit(Job::Receipt { receipt, at_start, moment, reply })?)
    }

    /// The journal has answered.
    pub(super) fn receipt(&mut self, heard: Heard, outcome: Result<ReceiptOutcome, NotSaved>) -> Result<(), Ended> {
        let Heard { receipt, retained, fresh, at_start } = heard;
        let moment = self.shared.clock.now();
        let now = moment.since_start;
        if fresh && outcome.is_ok() {
            self.shared.plan.platform_spoke();
        }
        match outcome {
            Ok(ReceiptOutcome::Advanced(place)) => {
                self.shared.plan.received(place, now);
                self.shared.receipt_seen(moment.wall, receipt.sequence);
            }
            Ok(ReceiptOutcome::Repeated(_)) => {
                if !retained {
                    self.shared.plan.repeated(now);
                }
                self.shared.receipt_seen(moment.wall, receipt.sequence);
            }
            Ok(ReceiptOutcome::NewEpoch) => tracing::info!("sending begins anew in a new epoch"),
            Ok(ReceiptOutcome::Beyond) => {
                tracing::error!(epoch = %receipt.epoch, sequence = receipt.sequence, "a receipt beyond the log's head is refused");
            }
            Ok(ReceiptOutcome::Older) => tracing::warn!(
                sequence = receipt.sequence,
                "a receipt says less than an earlier one: a platform that has lost events asks for them with events.resend"
            ),
            Ok(ReceiptOutcome::OtherEpoch) => {
                tracing::debug!(epoch = %receipt.epoch, sequence = receipt.sequence, "a receipt of another epoch is ignored");
            }
            Err(NotSaved) if at_start => {
                tracing::warn!("a receipt could not be taken: nothing is sent before it is");
                let says_more =
                    |kept: &Heard| kept.receipt.epoch != receipt.epoch || kept.receipt.sequence < receipt.sequence;
                if self.unsaved_receipt.as_ref().is_none_or(says_more) {
                    self.unsaved_receipt = Some(heard);
                }
            }
            Err(NotSaved) => tracing::warn!("a receipt could not be taken: the next one counts"),
        }
        Ok(())
    }
}
