//! When which command is published: in order, repeated until its reply, with a limit on how many are under way.
//!
//! All of it is in the database, so that any instance can publish, and only one does: it claims what is due by moving
//! its time, under the lock of the site's row, and publishes after the commit. Times are on the platform's own clock.

use crate::store::{Db, Error, params};
use crate::wire::{Agent, Presence};

/// Commands of one site that may be without a reply at once.
pub const FLIGHT_MAX: usize = 50;

const REPEAT_FIRST_MS: i64 = 5_000;
const REPEAT_MAX_MS: i64 = 60_000;

/// Sites whose commands are claimed at once.
const SITES_MAX: i64 = 64;

/// A command that may be under way.
#[derive(Clone, Copy, Debug)]
struct Flight {
    command: i64,
    due_ms: i64,
    /// How often it was published since the agent came online.
    sent: u32,
}

/// A command to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    pub site: String,
    pub payload: String,
}

/// Something of this site may be due at once.
///
/// # Errors
/// The storage's.
pub fn wake(db: &Db, site: i64, now_ms: i64) -> Result<(), Error> {
    db.write("UPDATE sites SET due_ms = ?2 WHERE id = ?1 AND (due_ms IS NULL OR ?2 < due_ms)", &params![site, now_ms])
}

/// The agent came, or may have heard nothing of what was published: everything unanswered is due, in order.
///
/// # Errors
/// The storage's.
pub fn repeat(db: &Db, site: i64, now_ms: i64) -> Result<(), Error> {
    let all = "UPDATE commands SET sent = 0, due_ms = ?2 WHERE site = ?1 AND status IS NULL AND 0 < sent";
    db.write(all, &params![site, now_ms])?;
    wake(db, site, now_ms)
}

/// Takes up to `room` commands that are due, each site's in order. They count as published with the commit.
///
/// # Errors
/// The storage's.
pub fn claim(db: &Db, now_ms: i64, room: usize) -> Result<Vec<Claimed>, Error> {
    let mut claimed = Vec::new();
    let sites = db.rows(
        "SELECT id, name, agent FROM sites WHERE due_ms <= ?1 OR ?2 < due_ms ORDER BY due_ms LIMIT ?3
         FOR UPDATE SKIP LOCKED",
        &params![now_ms, latest(now_ms), SITES_MAX],
        |row| Ok((row.get::<i64>(0)?, row.get::<String>(1)?, row.get::<Option<String>>(2)?)),
    )?;
    for (site, name, agent) in sites {
        let agent = agent.and_then(|text| serde_json::from_str::<Agent>(&text).ok());
        let away = agent.is_some_and(|agent| agent.state != Presence::Online);
        let flights = db.rows(
            "SELECT id, due_ms, sent FROM commands WHERE site = ?1 AND status IS NULL ORDER BY id LIMIT ?2",
            &params![site, FLIGHT_MAX],
            |row| Ok(Flight { command: row.get(0)?, due_ms: row.get(1)?, sent: row.get(2)? }),
        )?;
        let (due, next_ms) = plan(flights, away, now_ms, room - claimed.len());
        for flight in due {
            let payload: Option<String> = db.row(
                "UPDATE commands SET due_ms = ?2, sent = ?3 WHERE id = ?1 RETURNING payload",
                &params![flight.command, flight.due_ms, flight.sent],
                |row| row.get(0),
            )?;
            claimed.extend(payload.map(|payload| Claimed { site: name.clone(), payload }));
        }
        db.run("UPDATE sites SET due_ms = ?2 WHERE id = ?1", &params![site, next_ms])?;
    }
    Ok(claimed)
}

/// The next moment at which something is due, of any site.
///
/// # Errors
/// The storage's.
pub fn next_ms(db: &Db) -> Result<Option<i64>, Error> {
    Ok(db.row("SELECT min(due_ms) FROM sites", &[], |row| row.get(0))?.flatten())
}

/// Unanswered commands of a site.
///
/// # Errors
/// The storage's.
pub fn waiting(db: &Db, site: i64) -> Result<usize, Error> {
    let count = "SELECT count(*) FROM commands WHERE site = ?1 AND status IS NULL";
    Ok(db.row(count, &params![site], |row| row.get(0))?.unwrap_or_default())
}

/// Nothing is due later than this: the clock was put back.
fn latest(now_ms: i64) -> i64 {
    now_ms.saturating_add(REPEAT_MAX_MS)
}

/// Those to publish now, as they are afterwards, and the next moment at which one of the site is due.
fn plan(flights: Vec<Flight>, away: bool, now_ms: i64, room: usize) -> (Vec<Flight>, Option<i64>) {
    let (mut due, mut next_ms) = (Vec::new(), None::<i64>);
    for flight in flights {
        // What was published once waits for the agent's return.
        if away && 0 < flight.sent {
            continue;
        }
        let is_due = flight.due_ms <= now_ms || latest(now_ms) < flight.due_ms;
        let after = if is_due && due.len() < room {
            let flight =
                Flight { due_ms: now_ms + wait_ms(flight.sent), sent: flight.sent.saturating_add(1), ..flight };
            due.push(flight);
            if away {
                continue;
            }
            flight.due_ms
        } else {
            flight.due_ms
        };
        next_ms = Some(next_ms.map_or(after, |next_ms| next_ms.min(after)));
    }
    (due, next_ms)
}

/// How long a command waits after it was published for the `sent`th time, counted from 0.
fn wait_ms(sent: u32) -> i64 {
    REPEAT_FIRST_MS.saturating_mul(2_i64.saturating_pow(sent)).min(REPEAT_MAX_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::empty;

    fn add(db: &Db, command: i64, now_ms: i64) {
        let insert = "INSERT INTO commands (id, site, command, kind, payload, created, due_ms)
            VALUES (?1, 1, ?2, 'order.put', ?2, 't', ?3)";
        db.run(insert, &params![command, command.to_string(), now_ms]).unwrap();
        wake(db, 1, now_ms).unwrap();
    }

    fn reply(db: &Db, command: i64, now_ms: i64) {
        let answer = "UPDATE commands SET status = 'accepted' WHERE id = ?1 AND status IS NULL";
        assert_eq!(db.run(answer, &params![command]).unwrap(), 1);
        wake(db, 1, now_ms).unwrap();
    }

    fn agent(db: &Db, state: &str) {
        let text = format!(r#"{{"state":"{state}","epoch":"{}"}}"#, uuid::Uuid::nil());
        db.run("UPDATE sites SET agent = ?1", &params![text]).unwrap();
    }

    fn sends(db: &mut Db, now_ms: i64, room: usize) -> Vec<String> {
        let claimed = db.transact(|db| claim(db, now_ms, room)).unwrap();
        claimed.into_iter().map(|claimed| claimed.payload).collect()
    }

    fn one_site() -> Db {
        let db = empty();
        db.run("INSERT INTO sites (id, name) VALUES (1, 's')", &[]).unwrap();
        db
    }

    /// Each step: `time what`, with what = `add N`, `reply N`, `online`, `away`, or `sends` and the numbers expected.
    fn check(script: &str) {
        let mut db = one_site();
        for step in script.lines().map(str::trim) {
            let words: Vec<&str> = step.split_whitespace().collect();
            let now_ms: i64 = words[0].parse().unwrap();
            let number = || words[2].parse().unwrap();
            match words[1] {
                "add" => add(&db, number(), now_ms),
                "reply" => reply(&db, number(), now_ms),
                "online" => {
                    agent(&db, "online");
                    repeat(&db, 1, now_ms).unwrap();
                }
                "away" => agent(&db, "lost"),
                _ => assert_eq!(sends(&mut db, now_ms, 100), words[2..], "{step}"),
            }
        }
    }

    #[test]
    fn a_command_is_repeated_until_its_reply_ever_more_seldom() {
        check(
            "0      add 1
             0      sends 1
             4999   sends
             5000   sends 1
             14999  sends
             15000  sends 1
             35000  sends 1
             75000  sends 1
             134999 sends
             135000 sends 1
             195000 sends 1
             195001 reply 1
             999999 sends",
        );
    }

    #[test]
    fn an_agent_that_comes_online_gets_everything_unanswered_at_once_and_in_order() {
        check(
            "0     add 1
             0     add 2
             0     sends 1 2
             10    add 3
             10    sends 3
             20    reply 2
             100   online
             100   sends 1 3
             101   sends
             102   online
             102   sends 1 3",
        );
    }

    #[test]
    fn what_was_sent_once_waits_while_the_agent_is_away() {
        check(
            "0     add 1
             0     sends 1
             1     away
             60000 sends
             60000 add 2
             60000 sends 2
             90000 sends
             90001 online
             90001 sends 1 2",
        );
    }

    #[test]
    fn a_clock_that_was_put_back_holds_nothing_up() {
        check(
            "9000000 add 1
             9000000 sends 1
             0       sends 1
             9999    sends
             10000   sends 1",
        );
    }

    #[test]
    fn only_so_many_are_under_way_and_the_rest_keeps_its_order() {
        let mut db = one_site();
        (1..=120).for_each(|command| add(&db, command, 0));
        let some = |numbers: std::ops::RangeInclusive<i64>| numbers.map(|n| n.to_string()).collect::<Vec<_>>();
        assert_eq!(sends(&mut db, 0, 30), some(1..=30), "no more than there is room for");
        assert_eq!(sends(&mut db, 0, 1_000), some(31..=50));
        assert!(sends(&mut db, 1, 1_000).is_empty());
        reply(&db, 3, 2);
        assert_eq!(sends(&mut db, 2, 1_000), ["51"]);
        assert_eq!(waiting(&db, 1).unwrap(), 119);
    }
}
