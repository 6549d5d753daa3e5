//! Whether the database is whole: looked through in the background, and what follows where it isn't.

use crate::clock::Clock;
use crate::journal::{Error, Journal, Reader, salvage};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Duration;

/// Scans come first: nobody waits for a check, least of all the first scan after a start.
const LOOK_AFTER_START: Duration = Duration::from_secs(5);
/// Between two tables, so that what was written meanwhile gets folded in.
const BETWEEN_TABLES: Duration = Duration::from_millis(200);
/// A card that rots does so in months.
const LOOK_EVERY: Duration = Duration::from_secs(24 * 3_600);
/// Where damage can't be written down, or comes again and again, the agent works on as far as it can.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Looks through all tables soon after the start and then daily, and tells the journal what it finds.
pub async fn look_through(journal: Journal) {
    tokio::time::sleep(LOOK_AFTER_START).await;
    loop {
        let opened = journal.clone();
        let tables = tokio::task::spawn_blocking(move || opened.reader()?.tables()).await;
        let Ok(tables) = tables else { return };
        for table in tables.unwrap_or_else(|error| suspect(&journal, &error)) {
            let (path, name) = (journal.path().to_owned(), table);
            let checked = tokio::task::spawn_blocking(move || Reader::open(&path)?.quick_check_of(&name)).await;
            match checked {
                Ok(Ok(said)) if said == "ok" => {}
                Ok(Ok(said)) => journal.damage().found(&said),
                Ok(Err(error)) => _ = suspect(&journal, &error),
                Err(_) => return,
            }
            tokio::time::sleep(BETWEEN_TABLES).await;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn suspect(journal: &Journal, error: &Error) -> Vec<String> {
    tracing::warn!(%error, "the database can't be looked through");
    journal.damage().suspect(error);
    Vec::new()
}

/// Returns when the file was found to be damaged, and the next start will know.
pub async fn damaged(journal: &Journal, clock: Clock) {
    let mut damage = journal.damage().watch();
    let found = damage.wait_for(Option::is_some).await.map(|found| found.clone().unwrap_or_default());
    let Ok(found) = found else { return std::future::pending().await };
    loop {
        let now = clock.now().wall;
        if salvage::is_often(journal.path(), now) {
            journal.damage().leave(now);
            tracing::error!(
                "it was salvaged, or read in vain, so often of late that it is left as it is: replace the card"
            );
        } else {
            match salvage::suspect(journal.path(), &found) {
                Ok(()) => return journal.damage().leave_no_longer(),
                Err(error) => {
                    tracing::error!(%error, "that it is damaged can't be written down");
                    journal.damage().leave(now);
                }
            }
        }
        tokio::time::sleep(TRY_AGAIN_AFTER).await;
    }
}

/// Becomes a new start of the same program, in the same process: whoever watches over it need not know. Returns only where
/// that fails, with the code that has the service manager start it.
pub fn start_over() -> ExitCode {
    tracing::warn!("starting over: the database is read, and salvaged if it is damaged");
    let why = Command::new(PROGRAM).args(std::env::args_os().skip(1)).exec();
    tracing::error!(%why, "can't start over: the service manager has to");
    ExitCode::FAILURE
}

/// This one, also where a newer one has taken its name.
const PROGRAM: &str = "/proc/self/exe";
