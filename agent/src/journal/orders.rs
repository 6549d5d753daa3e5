//! Orders for whoever looks: which there are, and what happened to one.
//!
//! Every question is bounded: a page of orders, or one stretch of the log. The log is not indexed by order, because
//! each scan would pay for that; whoever wants an order's history asks stretch by stretch, and may stop in between.

use super::log::{self, Place, Stored};
use super::reader::{self, Reader};
use super::{Error, row, slate};
use crate::domain::name::StationId;
use crate::domain::order::Order;
use crate::domain::promise::Standing;
use crate::domain::station::Station;
use rusqlite::{Row, params};

/// Which orders are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that are not closed: expedited ones first, then by when they must leave, the oldest first.
    Open,
    /// Those that are closed, the newest first.
    Closed,
    /// Those whose id, whose parcel's SSCC or whose tracking number is this text, or whose number begins with it; the
    /// newest first.
    Named(String),
}

/// An order with what the site knows of it beside its terms and progress.
#[derive(Clone, Debug)]
pub struct Listed {
    pub order: Order,
    pub standing: Option<Standing>,
    /// Where it is open now.
    pub stations: Vec<StationId>,
}

/// A stretch of the log, without the event at `after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub after: Place,
    pub to: Place,
}

const LISTED: &str = "SELECT o.terms, p.state, p.body, s.course, s.body
    FROM progress p JOIN orders o USING (key) LEFT JOIN promises s ON s.order_key = p.key";

/// By the collection that an order must make, or else by its promise, as texts that sort like their times.
const BY_URGENCY: &str = "ORDER BY p.expedited DESC,
    coalesce(s.body ->> 'at', strftime('%Y-%m-%dT%H:%M:%SZ', nullif(p.urgency, 9223372036854775807) / 1000000, 'unixepoch'), 'none'),
    p.key";

impl Reader {
    /// Up to `limit` orders after the first `skip` ones.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn listed(&self, which: &Which, skip: usize, limit: usize) -> Result<Vec<Listed>, Error> {
        let open_at = self.stations()?;
        let complete = |row: &Row<'_>| listed(row, &open_at);
        let conn = self.connection();
        let skip = i64::try_from(skip).unwrap_or(i64::MAX);
        let bounds = params![skip, limit];
        match which {
            Which::Open => {
                let query = format!("{LISTED} WHERE p.closed_s IS NULL {BY_URGENCY} LIMIT ?2 OFFSET ?1");
                conn.prepare_cached(&query)?.query_and_then(bounds, complete)?.collect()
            }
            Which::Closed => {
                let query = format!("{LISTED} WHERE p.closed_s IS NOT NULL ORDER BY p.key DESC LIMIT ?2 OFFSET ?1");
                conn.prepare_cached(&query)?.query_and_then(bounds, complete)?.collect()
            }
            Which::Named(text) => {
                let query = format!(
                    "{LISTED} WHERE p.key IN (
                         SELECT key FROM orders WHERE id = ?3
                         UNION SELECT key FROM orders WHERE ?3 <= number AND number < ?4
                         UNION SELECT order_key FROM parcels WHERE sscc = ?5
                         UNION SELECT order_key FROM labels WHERE code = ?3)
                     ORDER BY p.key DESC LIMIT ?2 OFFSET ?1"
                );
                let sscc: Option<i64> = text.parse().ok();
                let bounds = params![skip, limit, text, format!("{text}{}", char::MAX), sscc];
                conn.prepare_cached(&query)?.query_and_then(bounds, complete)?.collect()
            }
        }
    }

    /// The order that `text` is the id or the number of; of several with one number the newest.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn listed_one(&self, text: &str) -> Result<Option<Listed>, Error> {
        let open_at = self.stations()?;
        let query = format!("{LISTED} WHERE o.id = ?1 OR o.number = ?1 ORDER BY o.id = ?1 DESC, o.key DESC LIMIT 1");
        let mut statement = self.connection().prepare_cached(&query)?;
        let mut rows = statement.query_and_then([text], |row| listed(row, &open_at))?;
        rows.next().transpose()
    }

    /// The events of a stretch that are about an order, or name it: a refused scan and a return do. Newest first.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn about_order(&self, id: &str, number: &str, stretch: Stretch, limit: usize) -> Result<Vec<Stored>, Error> {
        let query = format!(
            "SELECT {} FROM events
             WHERE ?1 < place AND place <= ?2
                 AND (subject = ?3
                     OR (kind = 'site.scan_refused' AND data ->> '$.order' = ?4)
                     OR (kind LIKE 'return.%' AND data ->> '$.order.id' = ?5))
             ORDER BY place DESC LIMIT ?6",
            log::COLUMNS
        );
        let mut statement = self.connection().prepare_cached(&query)?;
        let values = params![stretch.after, stretch.to, format!("orders/{id}"), number, id, limit];
        statement.query_and_then(values, log::stored)?.collect()
    }

    /// What is done where.
    fn stations(&self) -> Result<Vec<Station>, Error> {
        let rows = slate::all(self.connection(), &slate::station(""))?;
        rows.into_iter().map(|(id, text)| Ok(row::read_station(id.as_str().into(), &text)?)).collect()
    }
}

fn listed(row: &Row<'_>, stations: &[Station]) -> Result<Listed, Error> {
    let order = reader::order(row)?;
    let course: Option<usize> = row.get(3)?;
    let body: Option<String> = row.get(4)?;
    let standing = course.zip(body).map(|(course, body)| row::read_standing(course, &body)).transpose()?;
    let open_at = stations.iter().filter(|station| station.has_open(&order.terms.id));
    let stations = open_at.map(|station| station.id.clone()).collect();
    Ok(Listed { order, standing, stations })
}
