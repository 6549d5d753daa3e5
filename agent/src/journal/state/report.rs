//! `site.report`: counts, from indexes and memory alone.

use super::State;
use crate::contract::report::{MANIFESTS_MAX, OpenManifest, SiteReport, StationReport};
use crate::domain::order::State as OrderState;
use crate::domain::returns::ReturnState;
use crate::domain::station::{Station, Work};
use crate::journal::{Error, row};
use rusqlite::params;
use std::collections::BTreeMap;

impl State {
    pub(super) fn report(&self) -> Result<SiteReport, Error> {
        let manifests = self.open_manifests()?;
        let configured = |station: &&Station| self.config.stations.contains_key(&station.id);
        let stations = self.shelf.stations().filter(configured);
        let mut stations: Vec<_> = stations.map(|station| station_report(station, &manifests)).collect();
        stations.sort_by(|a, b| a.station.cmp(&b.station));
        Ok(SiteReport {
            version: self.config.version.clone(),
            epoch: self.epoch.id,
            head: self.epoch.sequence(self.head),
            sent: self.epoch.sequence(self.sent),
            received: self.epoch.sequence(self.received),
            orders: self.open_orders()?,
            manifests,
            returns: self.open_returns()?,
            stations,
        })
    }

    fn open_orders(&self) -> Result<BTreeMap<String, u64>, Error> {
        let mut statement = self
            .conn
            .prepare_cached("SELECT state, count(*) FROM progress WHERE state NOT IN (?1, ?2) GROUP BY state")?;
        let closed = params![OrderState::Completed as i64, OrderState::Cancelled as i64];
        let rows = statement.query_map(closed, |row| Ok((row.get::<_, usize>(0)?, row.get(1)?)))?;
        let mut orders = BTreeMap::new();
        for row in rows {
            let (state, count) = row?;
            let known = OrderState::WORDS.get(state).map(|(word, _)| *word);
            let word = if state == row::HELD { "held" } else { known.unwrap_or("unknown") };
            orders.insert(word.to_owned(), count);
        }
        Ok(orders)
    }

    fn open_manifests(&self) -> Result<Vec<OpenManifest>, Error> {
        let mut statement = self
            .conn
            .prepare_cached("SELECT id, carrier, body FROM manifests WHERE closed = 0 ORDER BY carrier, id LIMIT ?1")?;
        let rows = statement.query_map([MANIFESTS_MAX], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        })?;
        let mut manifests = Vec::new();
        for row in rows {
            let (id, carrier, body) = row?;
            let loaded = row::read_manifest(&id, &carrier, false, &body)?.loaded;
            manifests.push(OpenManifest { manifest: id, carrier, loaded });
        }
        Ok(manifests)
    }

    fn open_returns(&self) -> Result<BTreeMap<String, u64>, Error> {
        let mut statement =
            self.conn.prepare_cached("SELECT state, count(*) FROM returns WHERE state < ?1 GROUP BY state")?;
        let closed = params![ReturnState::Completed as i64];
        let rows = statement.query_map(closed, |row| Ok((row.get::<_, usize>(0)?, row.get(1)?)))?;
        let mut returns = BTreeMap::new();
        for row in rows {
            let (state, count) = row?;
            let word = ReturnState::WORDS.get(state).map_or("unknown", |(word, _)| *word);
            returns.insert(word.to_owned(), count);
        }
        Ok(returns)
    }
}

fn station_report(station: &Station, manifests: &[OpenManifest]) -> StationReport {
    let loaded = |id: &str| manifests.iter().find(|open| open.manifest == id).map_or(0, |open| u64::from(open.loaded));
    let (work, open) = match &station.work {
        Work::Idle => ("idle", 0),
        Work::Order(_) => ("order", 1),
        Work::Round(totes) => ("round", totes.len() as u64),
        Work::Manifest { id, .. } => ("manifest", loaded(id)),
        Work::Collect(_) => ("collect", 1),
        Work::Return(_) => ("return", 1),
        Work::PutBack(_) => ("put_back", 1),
        Work::Tally(lines) => ("tally", lines.len() as u64),
    };
    StationReport { station: station.id.to_string(), mode: station.mode.word(), work, open }
}
