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
use crate::post::CLAIM_MS;
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
/// What became of a letter is said again after this, so often. Together that is well below the time of a claim: a mark
/// that came after it would be about another's sending.
const MARK_WAIT: Duration = Duration::from_millis(500);
const MARKS_MAX: usize = 40;
const _: () = assert!(MARK_WAIT.as_millis() * MARKS_MAX as u128 <= CLAIM_MS as u128 / 2);
/// Commits come in bursts: the letters of one burst are asked for once.
const BURST: Duration = Duration::from_millis(50);
/// A letter that is due and not to be had is in another's hands, or waits for one that is: it is asked for again after this.
const HELD_MS: u64 = 500;

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
                    let wait_ms = match next_ms.saturating_sub(self.clock.now().ms) {
                        0 => HELD_MS,
                        wait_ms => wait_ms,
                    };
                    Duration::from_millis(wait_ms).clamp(BURST, IDLE)
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
        self.mark(id, next(outcome, attempt), MARK_WAIT).await
    }

    /// Says what became of a letter, every `wait` again where the database is away: while the letter is claimed nobody else
    /// has it.
    async fn mark(&self, id: i64, next: Next, wait: Duration) -> Option<()> {
        let channel = self.channel.word();
        for again in (0..MARKS_MAX).rev() {
            let (answer, done) = oneshot::channel();
            let job = Job::LetterEnded { id, next: next.clone(), answer };
            match self.ask(job, done).await? {
                Ok(()) => break,
                Err(error) if again == 0 => {
                    tracing::error!(channel, %error, "a letter was sent and not marked: it goes out again");
                }
                Err(error) => {
                    tracing::warn!(channel, %error, "a letter is not marked yet");
                    tokio::time::sleep(wait).await;
                }
            }
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
    use crate::store::Error;

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

    /// How often the writer is told of a letter where it refuses the first `refused` times.
    async fn marks(refused: usize) -> usize {
        let (jobs, mut heard) = mpsc::channel(1);
        let office = Arc::new(Office { shops: Vec::new().into(), channels: Vec::new(), name: "one".into() });
        let desk = Desk { office, channel: Channel::Email, jobs, clock: Clock::start() };
        let writer = tokio::spawn(async move {
            let mut count = 0;
            while let Some(job) = heard.recv().await {
                let Job::LetterEnded { id: 7, next: Next::Sent, answer } = job else { panic!("{job:?}") };
                let _ = answer.send(if count < refused { Err(Error::Silent) } else { Ok(()) });
                count += 1;
            }
            count
        });
        assert_eq!(desk.mark(7, Next::Sent, Duration::ZERO).await, Some(()));
        drop(desk);
        writer.await.unwrap()
    }

    #[tokio::test]
    async fn a_letter_is_marked_again_where_the_database_was_away() {
        assert_eq!(marks(0).await, 1);
        assert_eq!(marks(3).await, 4);
        assert_eq!(marks(usize::MAX).await, MARKS_MAX);
    }
}
