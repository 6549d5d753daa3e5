//! Ticks: the only file that knows the cron library.
//!
//! A tick only wakes work that finds out by itself what is due, so that one too many, one too few or one too late does
//! no harm. The library counts on the wall clock: where that steps, or ticks stay away, it is built anew. While the clock
//! can't be trusted there are none.

use crate::clock::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// At the beginning of every minute, in UTC: the library forgets when summer time begins.
const EVERY_MINUTE: &str = "0 * * * * *";
const PERIOD: Duration = Duration::from_secs(60);
/// So many ticks may stay away before the library is built anew.
const SILENT_MAX: Duration = Duration::from_secs(3 * PERIOD.as_secs());

/// How often it is looked whether the clock was set.
const COMPARE_EVERY: Duration = Duration::from_secs(10);

/// Sends a tick every minute, and whenever the clock has stepped, as long as somebody listens.
pub async fn run(clock: Clock, ticks: mpsc::Sender<()>) {
    let mut waited = false;
    while !ticks.is_closed() {
        if !clock.now().trusted {
            waited = true;
            tokio::time::sleep(COMPARE_EVERY).await;
            continue;
        }
        let changes = clock.standing().changes;
        let scheduler = match start(ticks.clone()).await {
            Ok(scheduler) => scheduler,
            Err(error) => {
                tracing::error!(%error, "the scheduler can't be started: it is tried again");
                tokio::time::sleep(COMPARE_EVERY).await;
                continue;
            }
        };
        if std::mem::take(&mut waited) {
            // What is due by the time that is known now need not wait for the minute to end.
            let _ = ticks.try_send(());
        }
        let why = watch(clock, changes, &ticks, &scheduler).await;
        let mut scheduler = scheduler.inner;
        if let Err(error) = scheduler.shutdown().await {
            tracing::debug!(%error, "the scheduler did not shut down");
        }
        if let Some(why) = why {
            tracing::info!(why, "the scheduler is built anew");
            let _ = ticks.try_send(());
        }
    }
}

struct Started {
    inner: JobScheduler,
    /// How often it has ticked.
    beats: Arc<AtomicU64>,
}

async fn start(ticks: mpsc::Sender<()>) -> Result<Started, JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    let beats = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&beats);
    let job = Job::new(EVERY_MINUTE, move |_, _| {
        // A full channel is a tick that is waiting already.
        let _ = ticks.try_send(());
        counted.fetch_add(1, Ordering::Relaxed);
    })?;
    scheduler.add(job).await?;
    scheduler.start().await?;
    Ok(Started { inner: scheduler, beats })
}

/// Until the library can't be relied on, or the clock has changed since it was started; none where nobody listens any
/// more.
async fn watch(clock: Clock, changes: u64, ticks: &mpsc::Sender<()>, scheduler: &Started) -> Option<&'static str> {
    let mut compare = tokio::time::interval(COMPARE_EVERY);
    compare.set_missed_tick_behavior(MissedTickBehavior::Delay);
    compare.tick().await;
    let (mut beats, mut heard_at) = (0, clock.now().since_start);
    loop {
        tokio::select! {
            _ = compare.tick() => {}
            () = ticks.closed() => return None,
        }
        // Also one that was set and set back in between, and one that is believed no longer.
        if clock.standing().changes != changes {
            return Some("the clock has stepped");
        }
        let now = clock.now();
        let beaten = scheduler.beats.load(Ordering::Relaxed);
        if beaten != beats {
            (beats, heard_at) = (beaten, now.since_start);
        }
        if SILENT_MAX < now.since_start.saturating_sub(heard_at) {
            return Some("no tick came");
        }
    }
}
