//! The orders that wait for a step of work, by urgency: what `DONE` opens next, and what a station's screen lists.

use super::Error;
use crate::domain::dispatch::Desk;
use crate::domain::name::OrderId;
use crate::domain::order::State;
use crate::domain::station::Step;
use jiff::Timestamp;
use rusqlite::{Connection, params};
use std::collections::HashMap;

/// More orders than wait at a site at once: the most urgent of so many by their promise is looked for.
const WAITING_MAX: i64 = 5_000;

/// Where an order stands in the queue: the smallest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// It was put down here last: others come before it.
    put_down: bool,
    not_expedited: bool,
    /// Microseconds; the largest number where no collection is known.
    collection: i64,
    promise: i64,
    /// The older order first.
    key: i64,
}

impl Rank {
    pub fn key(&self) -> i64 {
        self.key
    }

    /// The collection that the order must make, or when it must lie ready for its customer.
    pub fn due(&self) -> Option<Timestamp> {
        Timestamp::from_microsecond(self.collection).ok().filter(|_| self.collection != i64::MAX)
    }
}

/// The states in which orders wait for a step.
pub fn states(step: Step) -> &'static [State] {
    match step {
        Step::Pick => &[State::Accepted, State::Picking],
        Step::Pack => &[State::Picked, State::Packing],
        Step::Both => &[State::Accepted, State::Picking, State::Picked, State::Packing],
    }
}

/// Shows each waiting order in one of `states` that `is_open` at no station, in no particular order.
pub fn each(
    conn: &Connection,
    desk: Desk<'_>,
    states: &[State],
    last_of_all: Option<&OrderId>,
    is_open: impl Fn(&OrderId) -> bool,
    mut show: impl FnMut(Rank),
) -> Result<(), Error> {
    let mut collections = Collections { desk, known: HashMap::new() };
    for state in states {
        let mut statement = conn.prepare_cached(
            "SELECT o.key, o.id, p.urgency, p.carrier, p.expedited FROM progress p JOIN orders o USING (key)
             WHERE p.state = ?1 ORDER BY p.urgency, p.key LIMIT ?2",
        )?;
        let mut rows = statement.query(params![*state as i64, WAITING_MAX])?;
        while let Some(row) = rows.next()? {
            let id = OrderId::from(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?);
            if is_open(&id) {
                continue;
            }
            let (key, promise, expedited): (i64, i64, bool) = (row.get(0)?, row.get(2)?, row.get(4)?);
            let collection = match row.get_ref(3)?.as_str_or_null().map_err(rusqlite::Error::from)? {
                Some(carrier) => collections.must_make(carrier, promise),
                // Nobody collects it: its customer does, when it was promised.
                None => promise,
            };
            let put_down = last_of_all.is_some_and(|last| *last == id);
            show(Rank { put_down, not_expedited: !expedited, collection, promise, key });
        }
    }
    Ok(())
}

/// When the collections are that orders must make; many orders share one.
struct Collections<'a> {
    desk: Desk<'a>,
    known: HashMap<(String, i64), i64>,
}

impl Collections<'_> {
    fn must_make(&mut self, carrier: &str, promise: i64) -> i64 {
        if let Some(known) = self.known.get(&(carrier.to_owned(), promise)) {
            return *known;
        }
        let by = Timestamp::from_microsecond(promise).ok().filter(|_| promise != i64::MAX);
        let collection = self.desk.rules.must_make(carrier, by, self.desk.now, self.desk.clock_trusted);
        let at = collection.map_or(i64::MAX, |collection| collection.at.as_microsecond());
        self.known.insert((carrier.to_owned(), promise), at);
        at
    }
}
