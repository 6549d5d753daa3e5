//! Letters: a notification on one channel, sent once, by one instance.
//!
//! A letter is `to_send` until it is `sent`, `failed` for good, `replaced` or `expired`. An instance that sends one claims
//! it for a while: if it dies, another claims it when that is over, so a provider should know a letter by its key. Times
//! are on the platform's own clock, expiry is the calendar's.

#![cfg_attr(not(test), allow(dead_code, reason = "for the sender of letters, which is not part of the program yet"))]

use crate::clock::Now;
use crate::faults;
use crate::store::{Db, Error, params};

/// How long an instance has for what it claimed: longer than any provider takes, with its retries.
const CLAIM_MS: i64 = 60_000;

/// A letter that the claimer sends now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub id: i64,
    pub site: String,
    /// The notification's key: the same whenever this letter is tried.
    pub key: String,
    pub channel: String,
    pub milestone: String,
    pub order: String,
    /// How often it was tried before.
    pub attempts: u32,
    /// What the site asked for, as JSON.
    pub data: String,
}

/// Writes a letter for each channel; one that is there already stays as it is.
///
/// # Errors
/// The storage's.
pub fn write(db: &Db, site: i64, key: &str, channels: &[String], time: &str) -> Result<(), Error> {
    for channel in channels {
        db.run(
            "INSERT INTO letters (site, key, channel, state, due_ms, updated) VALUES (?1, ?2, ?3, 'to_send', 0, ?4)
             ON CONFLICT DO NOTHING",
            &params![site, key, channel, time],
        )?;
    }
    Ok(())
}

/// A notification's letters that are not sent never will be.
///
/// # Errors
/// The storage's.
pub fn drop(db: &Db, site: i64, key: &str, state: &str, time: &str) -> Result<(), Error> {
    db.run(
        "UPDATE letters SET state = ?3, updated = ?4 WHERE site = ?1 AND key = ?2 AND state = 'to_send'",
        &params![site, key, state, time],
    )?;
    Ok(())
}

/// Takes up to `letters_max` letters of a channel that are due, for `by`. To be called in a transaction of its own.
///
/// # Errors
/// The storage's.
pub fn claim(
    db: &Db,
    channel: &str,
    by: &str,
    now: Now,
    now_ms: i64,
    letters_max: usize,
) -> Result<Vec<Letter>, Error> {
    let due = db.rows(
        "SELECT id, site, key FROM letters
         WHERE state = 'to_send' AND channel = ?4 AND due_ms <= ?1
             AND (claimed_until_ms IS NULL OR claimed_until_ms <= ?1 OR ?2 < claimed_until_ms)
         ORDER BY due_ms, id LIMIT ?3 FOR UPDATE SKIP LOCKED",
        &params![now_ms, now_ms.saturating_add(CLAIM_MS), letters_max, channel],
        |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?, row.get::<String>(2)?)),
    )?;
    let mut claimed = Vec::with_capacity(due.len());
    for (id, site, key) in due {
        let letter = db.row(
            "SELECT sites.name, channel, milestone, order_id, attempts, data, notifications.state, expires_ms
             FROM letters JOIN notifications ON notifications.site = letters.site AND notifications.key = letters.key
                 JOIN sites ON sites.id = letters.site
             WHERE letters.id = ?1",
            &params![id],
            |row| {
                let letter = Letter {
                    id,
                    site: row.get(0)?,
                    key: key.clone(),
                    channel: row.get(1)?,
                    milestone: row.get(2)?,
                    order: row.get(3)?,
                    attempts: row.get(4)?,
                    data: row.get(5)?,
                };
                Ok((letter, row.get::<String>(6)?, row.get::<i64>(7)?))
            },
        )?;
        match letter {
            Some((letter, state, expires_ms)) if ["to_send", "sent"].contains(&state.as_str()) => {
                if expires_ms <= now.at.as_millisecond() {
                    expire(db, site, &letter, now)?;
                    continue;
                }
                db.run(
                    "UPDATE letters SET claimed_by = ?2, claimed_until_ms = ?3, attempts = attempts + 1 WHERE id = ?1",
                    &params![id, by, now_ms + CLAIM_MS],
                )?;
                claimed.push(letter);
            }
            _ => drop(db, site, &key, "replaced", &faults::stamp(now))?,
        }
    }
    Ok(claimed)
}

/// What `by` claimed in an earlier life is anybody's again. Whether it had been sent nobody knows: its key tells.
///
/// # Errors
/// The storage's.
pub fn give_back(db: &Db, by: &str) -> Result<(), Error> {
    db.run("UPDATE letters SET claimed_until_ms = NULL WHERE state = 'to_send' AND claimed_by = ?1", &params![by])?;
    Ok(())
}

/// Nobody is to be told on this channel.
///
/// # Errors
/// The storage's.
pub fn unsaid(db: &Db, id: i64, why: &str, now: Now) -> Result<(), Error> {
    db.run(
        "UPDATE letters SET state = 'unsaid', why = ?2, attempts = 0, claimed_until_ms = NULL, updated = ?3
         WHERE id = ?1 AND state = 'to_send'",
        &params![id, why, faults::stamp(now)],
    )?;
    Ok(())
}

/// The provider has taken it.
///
/// # Errors
/// The storage's.
pub fn sent(db: &Db, id: i64, now: Now) -> Result<(), Error> {
    // Also one that was replaced while it was on its way: it is sent.
    let letter = db.row(
        "UPDATE letters SET state = 'sent', why = NULL, claimed_until_ms = NULL, updated = ?2 WHERE id = ?1
         RETURNING site, key, channel",
        &params![id, faults::stamp(now)],
        |row| Ok((row.get::<i64>(0)?, row.get::<String>(1)?, row.get::<String>(2)?)),
    )?;
    let Some((site, key, channel)) = letter else { return Ok(()) };
    let order: Option<String> = db.row(
        "UPDATE notifications SET state = 'sent' WHERE site = ?1 AND key = ?2 RETURNING order_id",
        &params![site, key],
        |row| row.get(0),
    )?;
    tracing::info!(order = order.unwrap_or_default(), key, channel, state = "sent", "notification sent");
    Ok(())
}

/// It could not be sent: it is tried again at `again_ms`, or never.
///
/// # Errors
/// The storage's.
pub fn failed(db: &Db, id: i64, why: &str, again_ms: Option<i64>, now: Now) -> Result<(), Error> {
    let letter = db.row(
        "UPDATE letters SET state = CASE WHEN state <> 'to_send' OR ?3 = 1 THEN state ELSE 'failed' END, why = ?2,
             due_ms = ?4, claimed_until_ms = NULL, updated = ?5
         WHERE id = ?1 RETURNING key, channel, state",
        &params![id, why, again_ms.is_some(), again_ms.unwrap_or_default(), faults::stamp(now)],
        |row| Ok((row.get::<String>(0)?, row.get::<String>(1)?, row.get::<String>(2)?)),
    )?;
    if let Some((key, channel, state)) = letter {
        tracing::warn!(key, channel, state, why, "a notification could not be sent");
    }
    Ok(())
}

/// The next moment at which a letter of a channel is due, whoever has claimed it.
///
/// # Errors
/// The storage's.
pub fn next_ms(db: &Db, channel: &str) -> Result<Option<i64>, Error> {
    let next = "SELECT min(CASE WHEN claimed_until_ms IS NULL THEN due_ms ELSE claimed_until_ms END)
        FROM letters WHERE state = 'to_send' AND channel = ?1";
    Ok(db.row(next, &params![channel], |row| row.get(0))?.flatten())
}

fn expire(db: &Db, site: i64, letter: &Letter, now: Now) -> Result<(), Error> {
    tracing::info!(order = letter.order, key = letter.key, state = "expired", "notification dropped");
    db.run(
        "UPDATE notifications SET state = 'expired' WHERE site = ?1 AND key = ?2 AND state = 'to_send'",
        &params![site, letter.key],
    )?;
    drop(db, site, &letter.key, "expired", &faults::stamp(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{empty, texts};

    fn now() -> Now {
        Now { ms: 0, at: "2026-11-22T14:00:00Z".parse().unwrap() }
    }

    /// Notifications `a`, `b` by e-mail and SMS, and `c`, which has expired.
    fn letters() -> Db {
        let db = empty();
        db.run("INSERT INTO sites (id, name) VALUES (1, 's')", &[]).unwrap();
        let at_ms = now().at.as_millisecond();
        for (key, expires_ms) in [("a", at_ms + 1), ("b", at_ms + 1), ("c", at_ms)] {
            db.run(
                "INSERT INTO notifications (site, key, milestone, rank, order_id, number, state, expires_ms, requested,
                     data)
                 VALUES (1, ?1, 'packed', 20, 'o', 'O', 'to_send', ?2, 't', '{}')",
                &params![key, expires_ms],
            )
            .unwrap();
            write(&db, 1, key, &["email".to_owned(), "sms".to_owned()], "t").unwrap();
        }
        db
    }

    fn claims(db: &mut Db, channel: &str, by: &str, now_ms: i64, letters_max: usize) -> Vec<String> {
        let claimed = db.transact(|db| claim(db, channel, by, now(), now_ms, letters_max)).unwrap();
        claimed.iter().map(|letter| format!("{} {} {}", letter.key, letter.channel, letter.attempts)).collect()
    }

    fn states(db: &Db) -> Vec<String> {
        texts(db, "SELECT key || ' ' || channel || ' ' || state FROM letters ORDER BY id")
    }

    #[test]
    fn a_letter_is_claimed_by_one_instance_until_its_time_is_over() {
        let mut db = letters();
        assert_eq!(claims(&mut db, "email", "one", 1_000, 1), ["a email 0"]);
        assert_eq!(claims(&mut db, "sms", "two", 1_000, 2), ["a sms 0", "b sms 0"]);
        assert_eq!(claims(&mut db, "email", "one", 1_000, 9), ["b email 0"], "what has expired is dropped");
        assert!(claims(&mut db, "email", "one", 60_999, 9).is_empty());
        assert_eq!(next_ms(&db, "email").unwrap(), Some(61_000));
        assert_eq!(claims(&mut db, "email", "two", 61_000, 1), ["a email 1"]);
        assert_eq!(states(&db)[4..], ["c email expired", "c sms expired"]);
        assert_eq!(texts(&db, "SELECT state FROM notifications WHERE key = 'c'"), ["expired"]);
    }

    #[test]
    fn an_instance_that_starts_again_gives_back_what_it_had_claimed() {
        let mut db = letters();
        assert_eq!(claims(&mut db, "email", "one", 1_000, 1), ["a email 0"]);
        assert_eq!(claims(&mut db, "email", "two", 1_000, 1), ["b email 0"]);
        give_back(&db, "one").unwrap();
        assert_eq!(claims(&mut db, "email", "two", 1_001, 9), ["a email 1"]);
    }

    #[test]
    fn a_letter_ends_sent_failed_or_replaced() {
        let mut db = letters();
        claims(&mut db, "email", "one", 1_000, 9);
        claims(&mut db, "sms", "one", 1_000, 9);
        failed(&db, 1, "busy", Some(5_000), now()).unwrap();
        failed(&db, 2, "no such number", None, now()).unwrap();
        drop(&db, 1, "b", "replaced", "t").unwrap();
        sent(&db, 3, now()).unwrap();
        failed(&db, 4, "busy", Some(5_000), now()).unwrap();
        assert_eq!(
            states(&db)[..4],
            ["a email to_send", "a sms failed", "b email sent", "b sms replaced"],
            "what was replaced on its way is sent all the same, if it was"
        );
        assert!(claims(&mut db, "email", "two", 4_999, 9).is_empty());
        assert_eq!(claims(&mut db, "email", "two", 5_000, 9), ["a email 1"]);
        sent(&db, 1, now()).unwrap();
        assert_eq!(texts(&db, "SELECT key || ' ' || state FROM notifications ORDER BY key")[0], "a sent");
        assert_eq!(next_ms(&db, "email").unwrap(), None);
    }

    #[test]
    fn writing_again_changes_nothing() {
        let db = letters();
        sent(&db, 1, now()).unwrap();
        write(&db, 1, "a", &["email".to_owned()], "later").unwrap();
        assert_eq!(states(&db)[0], "a email sent");
    }
}
