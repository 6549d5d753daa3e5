//! What a technician does about commands that rest: decide one again, or throw it away.

use super::State;
use crate::clock::Moment;
use crate::contract::command;
use crate::journal::Error;
use crate::journal::job::Retried;
use rusqlite::{OptionalExtension, params};
use serde_json::Value;

impl State {
    /// Decides a command once more, as if it had just come. What was answered then is forgotten: the platform asks no
    /// more, and hears what follows as events.
    pub fn retry(&mut self, key: i64, moment: &Moment) -> Result<Retried, Error> {
        let payload: Option<Vec<u8>> = self
            .conn
            .prepare_cached("SELECT payload FROM quarantine WHERE key = ?1")?
            .query_row([key], |row| row.get(0))
            .optional()?;
        let Some(payload) = payload else { return Ok(Retried::Absent) };
        if payload.is_empty() {
            return Ok(Retried::NotKept);
        }
        let id = match command::parse(&payload) {
            Ok(command) => command.id,
            Err(unreadable) => return Ok(Retried::Unusable { why: unreadable.why }),
        };
        self.forget_rejection(&id)?;
        let outcome = self.command(&payload, moment)?;
        self.discard(key)?;
        let reply: Value = outcome.reply.as_deref().map(serde_json::from_str).transpose()?.unwrap_or_default();
        let word = |name: &str| reply["data"][name].as_str().map(str::to_owned);
        Ok(Retried::Decided {
            status: word("status").unwrap_or_default(),
            why: word("detail").or_else(|| word("reason")),
            rewind: outcome.rewind,
        })
    }

    /// Whether there was one.
    pub fn discard(&mut self, key: i64) -> Result<bool, Error> {
        let deleted = self.conn.prepare_cached("DELETE FROM quarantine WHERE key = ?1")?.execute([key])?;
        self.wrote |= 0 < deleted;
        Ok(0 < deleted)
    }

    /// What was rejected may be decided anew; what was accepted never.
    fn forget_rejection(&mut self, id: &str) -> Result<(), Error> {
        self.conn
            .prepare_cached("DELETE FROM commands WHERE id = ?1 AND reply ->> '$.data.status' = ?2")?
            .execute(params![id, command::Status::Rejected.word()])?;
        Ok(())
    }
}
