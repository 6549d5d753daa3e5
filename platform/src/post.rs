//! Letters: a notification on one channel, sent once, by one instance.
//!
//! A letter is `to_send` until it is `sent`, `failed` for good, `replaced` or `expired`. An instance that sends one claims
//! it for a while: if it dies, another claims it when that is over, so a provider should know a letter by its key. Times
//! are on the platform's own clock, expiry is the calendar's.

use crate::clock::Now;
use crate::faults;
use crate::letters::channels::Channel;
use crate::store::{Db, Error, params};

/// How long an instance has for what it claimed: longer than any provider takes, with its retries.
pub const CLAIM_MS: i64 = 60_000;
/// What is over is ended so many at once; the rest at the next look.
const OVER_MAX: usize = 100;

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

/// Writes a letter for each channel that is one here; one that is there already stays as it is.
///
/// # Errors
/// The storage's.
pub fn write(db: &Db, site: i64, key: &str, channels: &[String], time: &str) -> Result<(), Error> {
    for channel in channels.iter().filter(|word| Channel::named(word).is_some()) {
        db.write(
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
    db.write(
        "UPDATE letters SET state = ?3, updated = ?4 WHERE site = ?1 AND key = ?2 AND state = 'to_send'",
        &params![site, key, state, time],
    )
}

/// A notification of which nothing more is said on any channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over {
    site: i64,
    key: String,
    order: String,
    expired: bool,
}

/// Notifications whose letters on a channel are due and come too late: they have expired, or something newer is said.
///
/// # Errors
/// The storage's.
pub fn over(db: &Db, channel: &str, now: Now, now_ms: i64) -> Result<Vec<Over>, Error> {
    db.rows(
        "SELECT letters.site, letters.key, order_id, notifications.state IN ('to_send', 'sent')
         FROM letters JOIN notifications ON notifications.site = letters.site AND notifications.key = letters.key
         WHERE letters.state = 'to_send' AND channel = ?1 AND due_ms <= ?2
             AND (notifications.state NOT IN ('to_send', 'sent') OR expires_ms <= ?3)
             AND (claimed_until_ms IS NULL OR claimed_until_ms <= ?2 OR ?4 < claimed_until_ms)
         ORDER BY letters.id LIMIT ?5",
        &params![channel, now_ms, now.at.as_millisecond(), now_ms.saturating_add(CLAIM_MS), OVER_MAX],
        |row| Ok(Over { site: row.get(0)?, key: row.get(1)?, order: row.get(2)?, expired: row.get(3)? }),
    )
}

/// Ends the letters of what is over. To be called in a transaction of its own: whoever applies an event changes a
/// notification before its letters too, but several of them in an order of its own.
///
/// # Errors
/// The storage's.
pub fn end(db: &Db, over: &Over, now: Now) -> Result<(), Error> {
    let Over { site, key, order, expired } = over;
    let time = faults::stamp(now);
    if !expired {
        return drop(db, *site, key, "replaced", &time);
    }
    tracing::info!(order, key, state = "expired", "notification dropped");
    db.run(
        "UPDATE notifications SET state = 'expired' WHERE site = ?1 AND key = ?2 AND state = 'to_send'",
        &params![site, key],
    )?;
    drop(db, *site, key, "expired", &time)
}

/// Takes up to `letters_max` letters of a channel that are due, for `by`. To be called in a transaction of its own,
/// which waits for nobody.
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
    let claimed = db.rows(
        "SELECT letters.id, sites.name, letters.key, channel, milestone, order_id, attempts, data
         FROM letters JOIN notifications ON notifications.site = letters.site AND notifications.key = letters.key
             JOIN sites ON sites.id = letters.site
         WHERE letters.state = 'to_send' AND channel = ?4 AND letters.due_ms <= ?1
             AND notifications.state IN ('to_send', 'sent') AND ?5 < expires_ms
             AND (letters.claimed_until_ms IS NULL OR letters.claimed_until_ms <= ?1 OR ?2 < letters.claimed_until_ms)
             AND NOT EXISTS (
                 SELECT 1 FROM notifications AS old JOIN letters AS hand ON hand.site = old.site AND hand.key = old.key
                 WHERE old.site = notifications.site AND old.order_id = notifications.order_id
                     AND hand.channel = ?4 AND hand.state = 'replaced'
                     AND ?1 < hand.claimed_until_ms AND hand.claimed_until_ms <= ?2)
         ORDER BY letters.due_ms, letters.id LIMIT ?3 FOR UPDATE OF letters SKIP LOCKED",
        &params![now_ms, now_ms.saturating_add(CLAIM_MS), letters_max, channel, now.at.as_millisecond()],
        |row| {
            Ok(Letter {
                id: row.get(0)?,
                site: row.get(1)?,
                key: row.get(2)?,
                channel: row.get(3)?,
                milestone: row.get(4)?,
                order: row.get(5)?,
                attempts: row.get(6)?,
                data: row.get(7)?,
            })
        },
    )?;
    for letter in &claimed {
        db.run(
            "UPDATE letters SET claimed_by = ?2, claimed_until_ms = ?3, attempts = attempts + 1 WHERE id = ?1",
            &params![letter.id, by, now_ms + CLAIM_MS],
        )?;
    }
    Ok(claimed)
}

/// What `by` claimed in an earlier life is anybody's again. Whether it had been sent nobody knows: its key tells. To be
/// called in a transaction of its own, which waits for nobody: what somebody changes just then stays claimed until that is
/// over.
///
/// # Errors
/// The storage's.
pub fn give_back(db: &Db, by: &str) -> Result<(), Error> {
    let claimed = "SELECT id FROM letters WHERE state IN ('to_send', 'replaced') AND claimed_until_ms IS NOT NULL
         AND claimed_by = ?1 FOR UPDATE SKIP LOCKED";
    free(db, &db.rows(claimed, &params![by], |row| row.get(0))?)
}

/// What `by` may have claimed of a channel without hearing of it is anybody's again. Its sender has nothing in hand.
///
/// # Errors
/// The storage's.
pub fn give_back_channel(db: &Db, by: &str, channel: &str) -> Result<(), Error> {
    let claimed = "SELECT id FROM letters WHERE state IN ('to_send', 'replaced') AND claimed_until_ms IS NOT NULL
         AND claimed_by = ?1 AND channel = ?2 FOR UPDATE SKIP LOCKED";
    free(db, &db.rows(claimed, &params![by, channel], |row| row.get(0))?)
}

fn free(db: &Db, letters: &[i64]) -> Result<(), Error> {
    letters.iter().try_for_each(|id| db.write("UPDATE letters SET claimed_until_ms = NULL WHERE id = ?1", &params![id]))
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
    let letter = db.row("SELECT site, key, channel FROM letters WHERE id = ?1", &params![id], |row| {
        Ok((row.get::<i64>(0)?, row.get::<String>(1)?, row.get::<String>(2)?))
    })?;
    let Some((site, key, channel)) = letter else { return Ok(()) };
    // The notification before its letter, as whoever applies an event locks them.
    let order: Option<String> = db.row(
        "UPDATE notifications SET state = 'sent' WHERE site = ?1 AND key = ?2 RETURNING order_id",
        &params![site, key],
        |row| row.get(0),
    )?;
    // Also one that was replaced while it was on its way: it is sent.
    db.run(
        "UPDATE letters SET state = 'sent', why = NULL, claimed_until_ms = NULL, updated = ?2 WHERE id = ?1",
        &params![id, faults::stamp(now)],
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
        for over in over(db, channel, now(), now_ms).unwrap() {
            db.transact(|db| end(db, &over, now())).unwrap();
        }
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
    fn what_a_channel_had_claimed_is_given_back_alone() {
        let mut db = letters();
        assert_eq!(claims(&mut db, "email", "one", 1_000, 1), ["a email 0"]);
        assert_eq!(claims(&mut db, "sms", "one", 1_000, 1), ["a sms 0"]);
        give_back_channel(&db, "one", "email").unwrap();
        assert_eq!(claims(&mut db, "email", "one", 1_001, 1), ["a email 1"]);
        assert_eq!(claims(&mut db, "sms", "one", 1_001, 1), ["b sms 0"]);
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
    fn what_is_newer_waits_for_what_it_replaces_in_anothers_hands() {
        let mut db = letters();
        assert_eq!(claims(&mut db, "email", "one", 1_000, 1), ["a email 0"]);
        drop(&db, 1, "a", "replaced", "t").unwrap();
        assert!(claims(&mut db, "email", "two", 1_000, 9).is_empty());
        assert_eq!(claims(&mut db, "sms", "two", 1_000, 9), ["b sms 0"], "nobody had the old one there");
        sent(&db, 1, now()).unwrap();
        assert_eq!(claims(&mut db, "email", "two", 1_000, 9), ["b email 0"]);
    }

    #[test]
    fn what_is_newer_waits_no_longer_than_for_one_who_died_with_the_old_one_in_hand() {
        for starts_again in [true, false] {
            let mut db = letters();
            assert_eq!(claims(&mut db, "email", "one", 1_000, 1), ["a email 0"]);
            drop(&db, 1, "a", "replaced", "t").unwrap();
            let free_ms = if starts_again { 1_001 } else { 61_000 };
            if starts_again {
                give_back(&db, "one").unwrap();
            } else {
                assert!(claims(&mut db, "email", "two", 60_999, 9).is_empty());
            }
            assert_eq!(claims(&mut db, "email", "two", free_ms, 9), ["b email 0"]);
        }
    }

    #[test]
    fn writing_again_changes_nothing() {
        let db = letters();
        sent(&db, 1, now()).unwrap();
        write(&db, 1, "a", &["email".to_owned()], "later").unwrap();
        assert_eq!(states(&db)[0], "a email sent");
    }
}
