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
    /// The broker's messages come on it from now on.
    Connected(Line),
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

/// What the writer has waited for, and how many of it.
enum Came {
    Jobs(usize),
    Messages(usize),
}

/// Letters to send now, and when the next one is due.
pub type Letters = (Vec<Draft>, Option<u64>);

/// Letters that a sender has in hand at once. One that waited there for another might be old news when it goes out:
/// nobody takes it back, and another instance may have sent what replaces it.
const LETTERS_MAX: usize = 1;
/// Jobs that may wait. Whoever asks waits for room; what the broker delivers has its own.
pub const JOBS_MAX: usize = 256;
/// Messages in one transaction, or jobs in one round.
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
    let (mut round, mut messages) = (Vec::with_capacity(ROUND_MAX), Vec::with_capacity(ROUND_MAX));
    let mut changed_by_others = clock.now().ms;
    loop {
        let due_ms = central.next_ms(line.is_some());
        let wait = due_ms.map_or(IDLE, |due_ms| Duration::from_millis(due_ms.saturating_sub(clock.now().ms)));
        let wait = if line.as_ref().is_some_and(|line: &Line| line.room() == 0) { wait.max(ROOM_WAIT) } else { wait };
        let came = async {
            tokio::select! {
                jobs = jobs.recv_many(&mut round, ROUND_MAX) => Came::Jobs(jobs),
                heard = hear(&mut line, &mut messages) => Came::Messages(heard),
            }
        };
        match timer.block_on(async { timeout(wait.min(IDLE), came).await }) {
            Ok(Came::Jobs(0)) => break,
            Ok(Came::Jobs(_)) => work(&mut central, &mut round, &mut line, clock, changed),
            // The connection ended.
            Ok(Came::Messages(0)) => line = None,
            Ok(Came::Messages(_)) => store(&mut central, &mut messages, &mut line, clock, changed),
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
    take_rest(&mut central, &mut line, clock, changed);
    drop(line);
    if let Err(error) = central.close() {
        tracing::error!(%error, "the database could not be closed in order");
    }
}

/// Without a line nothing ever comes.
async fn hear(line: &mut Option<Line>, messages: &mut Vec<Delivery>) -> usize {
    match line {
        Some(line) => line.hear(messages, ROUND_MAX).await,
        None => std::future::pending().await,
    }
}

fn work(
    central: &mut Central,
    round: &mut Vec<Job>,
    line: &mut Option<Line>,
    clock: Clock,
    changed: &watch::Sender<u64>,
) {
    for job in round.drain(..) {
        match job {
            Job::Connected(new) => {
                take_rest(central, line, clock, changed);
                if let Err(error) = central.connected(clock.now()) {
                    tracing::error!(%error, "the storage failed: the broker is asked again");
                    thread::sleep(FAILED_WAIT);
                    continue;
                }
                *line = Some(new);
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
}

/// What came on a connection that has ended, and comes on no other.
fn take_rest(central: &mut Central, line: &mut Option<Line>, clock: Clock, changed: &watch::Sender<u64>) {
    let mut messages = Vec::new();
    while line.as_mut().is_some_and(|line| 0 < line.rest(&mut messages, ROUND_MAX)) {
        store(central, &mut messages, line, clock, changed);
    }
}

/// Commits the messages, then acknowledges them. If that fails the connection ends, and the broker delivers again. What an
/// ended connection has left is let go where it comes again: a writer that falls behind would else take all of it twice.
fn store(
    central: &mut Central,
    messages: &mut Vec<Delivery>,
    line: &mut Option<Line>,
    clock: Clock,
    changed: &watch::Sender<u64>,
) {
    if line.take_if(|line| line.is_over()).is_some() {
        return messages.clear();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::tests::ended;
    use crate::store::Place;
    use crate::store::testing::count;
    use crate::topic::Topics;
    use parceld_tests::tempdir::TempDir;
    use serde_json::json;

    /// Two events came on a connection that had ended when the writer got to them, and these on the next one, which has
    /// ended too. How many are stored, and how many came twice.
    #[track_caller]
    fn check(comes_again: bool, next: &[i64], stored: i64, twice: i64) {
        let dir = TempDir::new("writer");
        let place = Place::File(dir.join("platform.db"));
        let clock = Clock::start();
        let central = Central::new(place.open().unwrap(), Topics::new("r"), clock.now()).unwrap();
        let event = |sequence: &i64| {
            let event = json!({
                "specversion": "1.0", "id": Uuid::from_u128(sequence.unsigned_abs().into()), "source": "/sites/s",
                "type": "parceld.site.scan_refused.v1", "time": "2026-11-22T14:00:00.000Z",
                "epoch": Uuid::from_u128(9), "sequence": sequence, "data": {},
            });
            ("r/s/events/site", event.to_string())
        };
        let (jobs, waiting) = mpsc::channel(JOBS_MAX);
        for sequences in [&[1, 2][..], next] {
            let came: Vec<_> = sequences.iter().map(event).collect();
            jobs.try_send(Job::Connected(ended(comes_again, &came))).unwrap();
        }
        drop(jobs);
        let timer = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        run(central, waiting, &timer, clock, &watch::channel(0).0);
        let db = place.read().unwrap();
        let found = ["SELECT count(*) FROM events", "SELECT coalesce(sum(duplicates), 0) FROM sites"];
        assert_eq!(found.map(|sql| count(&db, sql)), [stored, twice], "{next:?}");
    }

    #[test]
    fn what_a_connection_leaves_is_taken_where_no_other_delivers_it() {
        check(true, &[], 0, 0);
        check(false, &[3], 3, 0);
        check(false, &[2, 3], 3, 1);
    }
}
