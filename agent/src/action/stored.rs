//! Actions on what is stored: copies of the database, and commands that rest.

use super::{Actions, Outcome, Told, in_words, told};
use crate::journal::backup::{self, NoCopy};
use crate::journal::{Job, NotSaved, Retried};
use crate::report::{Backup, Language};
use crate::sync::Ask;
use std::path::PathBuf;

impl Actions {
    /// Where backups are kept.
    #[must_use]
    pub fn backups(&self) -> PathBuf {
        super::lock(&self.config).backups.clone()
    }

    /// A backup that nobody asked for: nobody's action, so it isn't recorded as one.
    pub async fn back_up_by_schedule(&self) -> Told {
        let told = self.back_up().await;
        if !told.outcome.is_well() {
            self.gatherer.backup_failed(in_words(&told, Language::ENGLISH));
        }
        told
    }

    pub(super) async fn back_up(&self) -> Told {
        let Ok(_copying) = self.copying.try_lock() else {
            return told(Outcome::Busy, []);
        };
        let config = super::lock(&self.config).clone();
        let (database, moment) = (self.journal.path().to_owned(), self.clock.now());
        let copying = move || backup::copy_into(&database, &config.backups, &config.site, &moment);
        let made = tokio::task::spawn_blocking(copying).await;
        match made {
            Ok(Ok(copy)) => self.copied(copy.path.display().to_string(), copy.bytes),
            Ok(Err(NoCopy::NoRoom { path, need, free })) => told(
                Outcome::NoRoom,
                [("path", path.display().to_string()), ("need", mebibytes(need)), ("free", mebibytes(free))],
            ),
            Ok(Err(error)) => told(Outcome::NoCopy, [("why", error.to_string())]),
            Err(error) => told(Outcome::NoCopy, [("why", error.to_string())]),
        }
    }

    /// The report tells when the last copy was made.
    pub(super) fn copied(&self, path: String, bytes: u64) -> Told {
        self.gatherer.backup_made(Backup { at: self.clock.now().wall, bytes, verified: true });
        told(Outcome::BackedUp, [("path", path), ("size", mebibytes(bytes))])
    }

    pub(super) async fn retry(&self, key: i64) -> Told {
        let moment = self.clock.now();
        let named = ("key", key.to_string());
        match self.ask(|reply| Job::Retry { key, moment, reply }).await {
            Some(Ok(Retried::Absent)) => told(Outcome::Absent, [named]),
            Some(Ok(Retried::NotKept)) => told(Outcome::NothingKept, [named]),
            Some(Ok(Retried::Unusable { why })) => told(Outcome::StillUnusable, [named, ("why", why)]),
            Some(Ok(Retried::Decided { status, why, rewind })) => {
                if let Some(after) = rewind {
                    let _ = self.asks.ask(Ask::Resend { after });
                }
                let outcome = match status.as_str() {
                    "accepted" | "duplicate" => Outcome::RetryAccepted,
                    _ => Outcome::RetryRejected,
                };
                told(outcome, [named, ("status", status), ("why", why.unwrap_or_default())])
            }
            Some(Err(NotSaved)) | None => told(Outcome::NotSaved, []),
        }
    }

    pub(super) async fn discard(&self, key: i64) -> Told {
        let named = ("key", key.to_string());
        match self.ask(|reply| Job::Discard { key, reply }).await {
            Some(Ok(true)) => told(Outcome::Dropped, [named]),
            Some(Ok(false)) => told(Outcome::Absent, [named]),
            Some(Err(NotSaved)) | None => told(Outcome::NotSaved, []),
        }
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{}.{} MiB", bytes >> 20, ((bytes & 0xf_ffff) * 10) >> 20)
}
