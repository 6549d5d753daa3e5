//! Backups that nobody has to think of.

use crate::action::Actions;
use crate::journal::backup;
use crate::report::{Backup, Gatherer};
use std::sync::Arc;
use std::time::Duration;

/// A start has other things to do first, and a board that starts again and again should not copy each time.
const AFTER_START: Duration = Duration::from_secs(600);
/// After one that failed: the disk may have been away.
const AGAIN_AFTER: Duration = Duration::from_secs(3_600);

/// Makes one whenever the newest is as old as `every`; zero: never. How old it is, its name tells also after a restart.
pub async fn keep(every: Duration, actions: Arc<Actions>, gatherer: Arc<Gatherer>) {
    let site = gatherer.about().site.id.clone();
    if let Some((at, bytes)) = backup::newest(&actions.backups(), &site, gatherer.now()) {
        gatherer.backup_made(Backup { at, bytes, verified: true });
    }
    if every.is_zero() {
        return;
    }
    let mut wait = due_in(every, &actions, &gatherer).max(AFTER_START.min(every));
    loop {
        tokio::time::sleep(wait).await;
        // Somebody may have made one by hand.
        let due = due_in(every, &actions, &gatherer);
        if !due.is_zero() {
            wait = due;
            continue;
        }
        let told = actions.back_up_by_schedule().await;
        wait = match told.outcome.is_well() {
            true => every,
            false => {
                tracing::error!(outcome = told.outcome.word(), values = ?told.values, "no backup was made");
                AGAIN_AFTER.min(every)
            }
        };
    }
}

/// How long the newest one is good for, of those whose time can be right.
fn due_in(every: Duration, actions: &Actions, gatherer: &Gatherer) -> Duration {
    let now = gatherer.now();
    let newest = backup::newest(&actions.backups(), &gatherer.about().site.id, now);
    newest.map_or(Duration::ZERO, |(at, _)| every.saturating_sub(now.duration_since(at).unsigned_abs()))
}
