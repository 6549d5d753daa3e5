//! The thread that writes to the database: takes what waits, commits it at once, and only then acknowledges and publishes.

use crate::central::Central;
use crate::clock::Clock;
use crate::command::{Refusal, Request};
use crate::letters::channels::{Channel, Customer};
use crate::letters::draft::Draft;
use crate::link::{Delivery, Line};
use crate::senders::{Next, Office};
use crate::store::Error;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use uuid::Uuid;

/// What the thread is asked to do.
#[derive(Debug)]
pub enum Job {
    Connected(Line),
    Disconnected(u64),
    Message(Delivery),
    Ask {
        site: String,
        request: Request,
        answer: oneshot::Sender<Result<Vec<Uuid>, Refusal>>,
    },
    Raw {
        site: String,
        payload: String,
        answer: oneshot::Sender<Result<(), Refusal>>,
    },
    /// A sender wants letters; it also hears when the next one is due.
    Letters {
        office: Arc<Office>,
        channel: Channel,
        answer: oneshot::Sender<Result<Letters, Error>>,
    },
    LetterEnded {
        id: i64,
        next: Next,
        answer: oneshot::Sender<Result<(), Error>>,
    },
    /// Without an entry it is taken out.
    Customer {
        reference: String,
        entry: Option<Customer>,
        answer: oneshot::Sender<Result<(), Refusal>>,
    },
}

/// Letters to send now, and when the next one is due.
pub type Letters = (Vec<Draft>, Option<u64>);

/// Letters that a sender has in hand at once. One that waited there for another might be old news when it goes out:
/// nobody takes it back, and another instance may have sent what replaces it.
const LETTERS_MAX: usize = 1;
/// Jobs that may wait. More than the broker may have outstanding, so that it never waits for this.
pub const JOBS_MAX: usize = 2_048;
/// Jobs in one round, and so messages in one transaction.
const ROUND_MAX: usize = 512;
/// Without anything to do it looks up this often.
const IDLE: Duration = Duration::from_secs(60);
/// A line without room is asked again after this.
const ROOM_WAIT: Duration = Duration::from_millis(50);
/// A storage that refuses is asked again after this.
const FAILED_WAIT: Duration = Duration::from_millis(500);
/// What other instances commit isn't told here: the page looks this often.
const OTHERS_MS: u64 = 2_000;

/// Works until every sender of `jobs` is gone. `changed` counts the commits. `timer` is nobody else's: another's may end
/// while somebody still asks for something.
pub fn run(
    mut central: Central,
    mut jobs: mpsc::Receiver<Job>,
    timer: &Runtime,
    clock: Clock,
    changed: &watch::Sender<u64>,
) {
    let mut line = None;
    let mut round = Vec::with_capacity(ROUND_MAX);
    let mut changed_by_others = clock.now().ms;
    loop {
        let due_ms = central.next_ms(line.is_some());
        let wait = due_ms.map_or(IDLE, |due_ms| Duration::from_millis(due_ms.saturating_sub(clock.now().ms)));
        let wait = if line.as_ref().is_some_and(|line: &Line| line.room() == 0) { wait.max(ROOM_WAIT) } else { wait };
        match timer.block_on(async { timeout(wait.min(IDLE), jobs.recv_many(&mut round, ROUND_MAX)).await }) {
            Ok(0) => break,
            Ok(_) => work(&mut central, &mut round, &mut line, clock, changed),
            Err(_) => {}
        }
        if let Err(error) = central.tend(clock.now()) {
            tracing::error!(%error, "what was put aside could not be taken");
            thread::sleep(FAILED_WAIT);
        }
        speak(&mut central, &mut line, clock);
        if central.is_shared() && changed_by_others + OTHERS_MS <= clock.now().ms {
            changed_by_others = clock.now().ms;
            changed.send_modify(|commits| *commits += 1);
        }
    }
    drop(line);
    if let Err(error) = central.close() {
        tracing::error!(%error, "the database could not be closed in order");
    }
}

fn work(
    central: &mut Central,
    round: &mut Vec<Job>,
    line: &mut Option<Line>,
    clock: Clock,
    changed: &watch::Sender<u64>,
) {
    let mut messages = Vec::new();
    for job in round.drain(..) {
        if let Job::Message(delivery) = job {
            messages.push(delivery);
            continue;
        }
        store(central, &mut messages, line, clock, changed);
        match job {
            Job::Message(_) => {}
            Job::Connected(new) => {
                if let Err(error) = central.connected(clock.now()) {
                    tracing::error!(%error, "the storage failed: the broker is asked again");
                    thread::sleep(FAILED_WAIT);
                    continue;
                }
                *line = Some(new);
            }
            Job::Disconnected(connection) => {
                line.take_if(|line| line.is(connection));
            }
            Job::Ask { site, request, answer } => {
                let done = central.ask(&site, &request, clock.now());
                changed.send_modify(|commits| *commits += 1);
                // Whoever asked may have gone: what was asked is done all the same.
                let _ = answer.send(done);
            }
            Job::Raw { site, payload, answer } => {
                let _ = answer.send(central.raw(&site, payload));
            }
            Job::Letters { office, channel, answer } => {
                let _ = answer.send(central.letters(&office, channel, LETTERS_MAX, clock.now()));
            }
            Job::LetterEnded { id, next, answer } => {
                let _ = answer.send(central.letter_ended(id, &next, clock.now()));
                changed.send_modify(|commits| *commits += 1);
            }
            Job::Customer { reference, entry, answer } => {
                let _ = answer.send(central.customer(&reference, entry.as_ref(), clock.now()).map_err(Refusal::from));
            }
        }
    }
    store(central, &mut messages, line, clock, changed);
}

/// Commits the messages, then acknowledges them. If that fails the connection ends, and the broker delivers again.
fn store(
    central: &mut Central,
    messages: &mut Vec<Delivery>,
    line: &mut Option<Line>,
    clock: Clock,
    changed: &watch::Sender<u64>,
) {
    if messages.is_empty() {
        return;
    }
    let taken: Vec<_> = messages.iter().map(|delivery| (delivery.topic(), delivery.payload())).collect();
    if let Err(error) = central.take(&taken, clock.now()) {
        tracing::error!(%error, messages = messages.len(), "nothing of this was stored: it shall be delivered again");
        messages.clear();
        *line = None;
        thread::sleep(FAILED_WAIT);
        return;
    }
    changed.send_modify(|commits| *commits += 1);
    let Some(open) = line else { return messages.clear() };
    if !messages.drain(..).all(|delivery| open.acknowledge(delivery)) {
        *line = None;
    }
}

fn speak(central: &mut Central, line: &mut Option<Line>, clock: Clock) {
    let Some(open) = line else { return };
    match central.due(clock.now(), open.room()) {
        Ok(outgoing) => outgoing.into_iter().for_each(|outgoing| open.publish(outgoing)),
        Err(error) => {
            tracing::error!(%error, "what is due could not be read");
            *line = None;
        }
    }
}
