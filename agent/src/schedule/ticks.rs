//! Ticks: the only file that knows the cron library.
//!
//! A tick only wakes work that finds out by itself what is due, so that one too many, one too few or one too late does
//! no harm. The library counts on the wall clock, and while it runs it looks at that twice a second: it is started shortly
//! before each tick, in a runtime of its own, since tasks of it outlive it. Where the clock steps, or a tick stays away, one
//! comes all the same. While the clock can't be trusted there are none.

use crate::clock::Clock;
use jiff::Timestamp;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// At the beginning of every minute, in UTC: the library forgets when summer time begins.
const EVERY_MINUTE: &str = "0 * * * * *";
const PERIOD: Duration = Duration::from_secs(60);
/// The library is started so long before the minute ends: its own start takes milliseconds, and clocks are slewed.
const STARTED_BEFORE: Duration = Duration::from_secs(1);
/// How long after its start the library's tick is given up.
const SILENT_MAX: Duration = Duration::from_secs(5);

/// How often it is looked whether the clock was set.
const COMPARE_EVERY: Duration = Duration::from_secs(10);

/// Sends a tick every minute, and whenever the clock has stepped, as long as somebody listens.
pub async fn run(clock: Clock, ticks: mpsc::Sender<()>) {
    let (mut waited, mut changes) = (false, clock.standing().changes);
    while !ticks.is_closed() {
        if !clock.now().trusted {
            waited = true;
            pause(COMPARE_EVERY, &ticks).await;
            continue;
        }
        if std::mem::take(&mut waited) {
            // What is due by the time that is known now need not wait for the minute to end.
            changes = clock.standing().changes;
            let _ = ticks.try_send(());
        }
        let wait = until_start(clock.shown().wall);
        pause(wait.min(COMPARE_EVERY), &ticks).await;
        // Also one that was set and set back in between, and one that is believed no longer.
        if std::mem::replace(&mut changes, clock.standing().changes) != changes {
            tracing::info!("the clock has stepped: what is due by it is done now");
            let _ = ticks.try_send(());
        } else if wait <= COMPARE_EVERY {
            match library_ticks(ticks.clone()).await {
                Ok(true) => {}
                Ok(false) => tracing::info!("no tick came: what is due is done without"),
                Err(error) => {
                    tracing::error!(%error, "the scheduler can't be started: it is tried again");
                    pause(COMPARE_EVERY, &ticks).await;
                }
            }
            // A full channel is a tick that is waiting already.
            let _ = ticks.try_send(());
        }
    }
}

/// How long until the library is to be started for the next minute; that one's beginning is at least so far away.
fn until_start(now: Timestamp) -> Duration {
    let into_minute = now.as_millisecond().rem_euclid(PERIOD.as_millis() as i64);
    let left = PERIOD.saturating_sub(Duration::from_millis(into_minute.unsigned_abs()));
    left.saturating_sub(STARTED_BEFORE)
}

async fn pause(wait: Duration, ticks: &mpsc::Sender<()>) {
    tokio::select! {
        () = tokio::time::sleep(wait) => {}
        () = ticks.closed() => {}
    }
}

/// Waits for the library's next tick. Whether one came in time, or nobody waits for it any more.
async fn library_ticks(ticks: mpsc::Sender<()>) -> Result<bool, Trouble> {
    // Dropped with all that runs in it, which can't be done from within another.
    let apart = tokio::task::spawn_blocking(move || {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        runtime.block_on(async {
            let (beat, mut beats) = mpsc::channel(1);
            let scheduler = JobScheduler::new().await?;
            scheduler.add(Job::new(EVERY_MINUTE, move |_, _| _ = beat.try_send(()))?).await?;
            scheduler.start().await?;
            Ok(tokio::select! {
                beat = tokio::time::timeout(SILENT_MAX, beats.recv()) => beat.is_ok(),
                () = ticks.closed() => true,
            })
        })
    });
    apart.await?
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Runtime(#[from] std::io::Error),
    #[error(transparent)]
    Library(#[from] JobSchedulerError),
    #[error(transparent)]
    Torn(#[from] tokio::task::JoinError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_started_a_second_before_the_minute_ends() {
        for (now, wait_ms) in [
            ("2026-11-26T10:00:00Z", 59_000),
            ("2026-11-26T10:00:00.250Z", 58_750),
            ("2026-11-26T10:00:58.999Z", 1),
            ("2026-11-26T10:00:59Z", 0),
            ("2026-11-26T10:00:59.999Z", 0),
            ("1969-12-31T23:59:30Z", 29_000),
        ] {
            let now: Timestamp = now.parse().unwrap();
            assert_eq!(until_start(now), Duration::from_millis(wait_ms), "{now}");
        }
    }

    #[test]
    fn the_library_ticks_by_the_minute_and_ends_with_who_listens() {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (ticks, waiting) = mpsc::channel(1);
            let started = tokio::spawn(library_ticks(ticks));
            drop(waiting);
            assert!(started.await.unwrap().unwrap());
            assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
        });
    }
}
