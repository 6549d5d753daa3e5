//! Senders: what takes a letter out of the house, one for each channel that is configured.
//!
//! Each asks the writer for letters that are due, sends them, and says what became of them. A letter is sent again until
//! its service took it, ever more seldom, and fails visibly in the end. What was sent just before a crash is sent again
//! under the same key, so that whoever takes it can tell.

mod smtp;
mod webhook;

pub use smtp::Smtp;
pub use webhook::Webhook;

use crate::clock::{Clock, Now};
use crate::letters::draft::Draft;
use crate::letters::{Channel, Message};
use crate::shop::Shop;
use crate::writer::Job;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

/// Waits before a letter's next sendings; after the last it has failed. A mail server that greylists lets in after
/// minutes, one that is being repaired after hours; news of a parcel is none after a day.
const WAITS_MS: [i64; 7] = [10_000, 60_000, 300_000, 900_000, 3_600_000, 10_800_000, 21_600_000];

/// Without anything to do a sender looks up this often.
const IDLE: Duration = Duration::from_secs(60);
/// A storage that refuses is asked again after this.
const REFUSED_WAIT: Duration = Duration::from_secs(5);
/// Commits come in bursts: the letters of one burst are asked for once.
const BURST: Duration = Duration::from_millis(50);

/// Who sends what for whom: the same for all senders.
#[derive(Debug)]
pub struct Office {
    pub shops: Arc<[Arc<Shop>]>,
    /// That have a sender.
    pub channels: Vec<Channel>,
    /// Of this instance.
    pub name: String,
}

/// Where a sender gets its letters.
#[derive(Debug)]
pub struct Desk {
    pub office: Arc<Office>,
    pub channel: Channel,
    pub jobs: mpsc::Sender<Job>,
    pub clock: Clock,
}

#[derive(Debug)]
pub enum Sender {
    Smtp(Smtp),
    Webhook(Webhook),
}

/// Why a letter was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Another sending would end the same.
    pub final_: bool,
    pub why: String,
}

/// What becomes of a letter after a sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    Sent,
    /// To be sent again after so many milliseconds.
    Again {
        wait_ms: i64,
        why: String,
    },
    Failed {
        why: String,
    },
}

impl Sender {
    /// Sends one letter and waits until the service has taken it. `once` is the letter's own key.
    ///
    /// # Errors
    /// It wasn't taken.
    pub fn send(&self, message: &Message, once: &str, now: Now) -> Result<(), Fault> {
        match self {
            Self::Smtp(smtp) => smtp.send(message, once, now),
            Self::Webhook(webhook) => webhook.send(message, once),
        }
    }
}

impl Desk {
    /// Sends what is due, until `stop` or the end of the writer.
    pub async fn run(self, sender: Sender, mut changed: watch::Receiver<u64>, mut stop: watch::Receiver<bool>) {
        let sender = Arc::new(sender);
        loop {
            changed.mark_unchanged();
            let (answer, done) = oneshot::channel();
            let job = Job::Letters { office: Arc::clone(&self.office), channel: self.channel, answer };
            let Some(answered) = self.ask(job, done).await else { return };
            let wait = match answered {
                Ok((letters, next_ms)) if letters.is_empty() => next_ms.map_or(IDLE, |next_ms| {
                    Duration::from_millis(next_ms.saturating_sub(self.clock.now().ms)).clamp(BURST, IDLE)
                }),
                Ok((letters, _)) => {
                    for letter in letters {
                        if self.send(&sender, letter).await.is_none() {
                            return;
                        }
                    }
                    Duration::ZERO
                }
                Err(error) => {
                    tracing::error!(channel = self.channel.word(), %error, "no letters can be read");
                    REFUSED_WAIT
                }
            };
            let due = timeout(wait, async {
                if changed.changed().await.is_ok() {
                    tokio::time::sleep(BURST).await;
                }
            });
            tokio::select! {
                _ = due => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Sends one letter and says what became of it. `None` if there is nobody to say it to.
    async fn send(&self, sender: &Arc<Sender>, letter: Draft) -> Option<()> {
        let Draft { id, attempt, once, message } = letter;
        let (sender, now) = (Arc::clone(sender), self.clock.now());
        let outcome = tokio::task::spawn_blocking(move || sender.send(&message, &once, now)).await.ok()?;
        let (answer, done) = oneshot::channel();
        if let Err(error) = self.ask(Job::LetterEnded { id, next: next(outcome, attempt), answer }, done).await? {
            tracing::error!(channel = self.channel.word(), %error, "a letter was sent and not marked: it goes out again");
        }
        Some(())
    }

    async fn ask<T>(&self, job: Job, done: oneshot::Receiver<T>) -> Option<T> {
        self.jobs.send(job).await.ok()?;
        done.await.ok()
    }
}

/// What follows from the outcome of a letter's sending number `attempt`, from 1.
#[must_use]
pub fn next(outcome: Result<(), Fault>, attempt: i64) -> Next {
    let Err(Fault { final_, why }) = outcome else { return Next::Sent };
    let wait = usize::try_from(attempt - 1).ok().and_then(|attempt| WAITS_MS.get(attempt));
    match wait {
        Some(wait_ms) if !final_ => Next::Again { wait_ms: *wait_ms, why },
        _ => Next::Failed { why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_sent_again_ever_more_seldom_until_it_has_failed() {
        let fault = |final_| Err(Fault { final_, why: "busy".into() });
        assert_eq!(next(Ok(()), 1), Next::Sent);
        assert_eq!(next(fault(false), 1), Next::Again { wait_ms: 10_000, why: "busy".into() });
        assert_eq!(next(fault(false), 7), Next::Again { wait_ms: 21_600_000, why: "busy".into() });
        assert_eq!(next(fault(false), 8), Next::Failed { why: "busy".into() });
        assert_eq!(next(fault(true), 1), Next::Failed { why: "busy".into() });
        assert!(WAITS_MS.is_sorted());
    }
}
