//! Scans: what a code stands for here, the facts for the decision, and what follows from it.

use super::State;
use crate::clock::Moment;
use crate::domain::code::{Meaning, Scan, Verb};
use crate::domain::decide::{Decision, Facts, LastScan, Subject, decide};
use crate::domain::event::Method;
use crate::domain::name::StationId;
use crate::domain::order::Order;
use crate::domain::signal::{Answer, Signal};
use crate::domain::sscc::Sscc;
use crate::domain::station::{Mode, Station, Work};
use crate::domain::stock::Stock;
use crate::journal::Error;
use crate::journal::shelf::Shelf;

impl State {
    pub fn scan(&mut self, station: &StationId, scan: &Scan, method: Method, moment: &Moment) -> Result<Answer, Error> {
        let mode = self.config.stations.get(station).copied().unwrap_or(Mode::Pack);
        let context = self.shelf.station(station, &Station::idle(station.clone(), mode));
        let last = self.shelf.last_scan(&scan.scanner).cloned();
        let decision = {
            let facts = self.facts(&context, last.as_ref(), scan, method, moment)?;
            decide(&facts, scan)
        };
        if decision.answer.signal == Signal::Silent {
            self.shelf.touch_scan(&scan.scanner, scan.since_start);
            return Ok(decision.answer);
        }
        self.store(&decision, station, moment)?;
        let last = LastScan {
            text: scan.text.clone(),
            signal: decision.answer.signal,
            counted: decision.answer.signal.counts() && !decision.events.is_empty(),
            since_start: Some(scan.since_start),
            doubtful: false,
        };
        self.wrote |= last.counted;
        self.shelf.save_scan(&self.conn, scan, last)?;
        Ok(decision.answer)
    }

    fn store(&mut self, decision: &Decision, station: &StationId, moment: &Moment) -> Result<(), Error> {
        for event in &decision.events {
            self.record(event, Some(station), moment)?;
        }
        let uptime_s = self.uptime_s(moment);
        for order in &decision.orders {
            self.shelf.save_order(&self.conn, order, uptime_s)?;
        }
        if let Some((sku, stock)) = &decision.stock {
            self.shelf.save_stock(&self.conn, sku, *stock)?;
        }
        if let Some(manifest) = &decision.manifest {
            Shelf::save_manifest(&self.conn, manifest)?;
        }
        self.shelf.use_serials(&self.conn, decision.sscc_used)?;
        self.shelf.save_station(&self.conn, &decision.station)
    }

    fn facts<'a>(
        &'a mut self,
        station: &'a Station,
        last: Option<&'a LastScan>,
        scan: &Scan,
        method: Method,
        moment: &Moment,
    ) -> Result<Facts<'a>, Error> {
        let open = match &station.work {
            Work::Order(id) => self.shelf.order_by_id(&self.conn, id)?,
            Work::Idle | Work::Manifest { .. } => None,
        };
        let subject = self.subject(scan, open.as_ref())?;
        let elsewhere = match &subject {
            Subject::Order(order) => self.shelf.elsewhere(&order.terms.id, &station.id),
            Subject::Parcel { .. } | Subject::Product { .. } | Subject::Nothing => None,
        };
        let at_bench = station.mode != Mode::Load;
        let asks = |verb| scan.meaning == Meaning::Verb(verb);
        let next = match asks(Verb::Done) && at_bench && open.is_none() {
            true => self.shelf.most_urgent(&self.conn, station.put_down.as_ref())?,
            false => None,
        };
        let stock = match &subject {
            Subject::Product { sku: Some(sku), .. } if open.is_some() => self.shelf.stock(&self.conn, sku)?,
            _ => Stock::default(),
        };
        let manifest = if at_bench { None } else { self.manifest(station, &subject)? };
        let manifests = match (&manifest, &subject) {
            (None, Subject::Parcel { order, .. }) if !at_bench => self.manifests(order, moment)?,
            _ => 0,
        };
        let (loaded, left) = match &manifest {
            Some(manifest) if asks(Verb::HandOver) => {
                let mut loaded = self.shelf.loaded(&self.conn, &manifest.carrier)?;
                loaded.retain(|order| order.progress.parcels.iter().any(|p| p.manifest.as_ref() == Some(&manifest.id)));
                (loaded, Shelf::left(&self.conn, &manifest.carrier)?)
            }
            _ => (Vec::new(), 0),
        };
        Ok(Facts {
            rules: &self.config.rules,
            now: moment.wall,
            clock_trusted: moment.trusted,
            station,
            last,
            bounce: self.config.bounce.get(&scan.scanner).copied().unwrap_or_default(),
            method,
            subject,
            open,
            elsewhere,
            next,
            stock,
            sscc_serial: self.shelf.sscc_serial,
            manifest,
            manifests,
            loaded,
            left,
        })
    }

    /// What the code stands for: a parcel, then an order, then a product. A code on a line of the order that is open
    /// here is that product without looking further.
    fn subject(&mut self, scan: &Scan, open: Option<&Order>) -> Result<Subject, Error> {
        let text = match &scan.meaning {
            Meaning::Verb(_) | Meaning::Forged => return Ok(Subject::Nothing),
            Meaning::Sscc(sscc) => {
                let parcel = self.shelf.parcel(&self.conn, *sscc)?;
                return Ok(parcel.map_or(Subject::Nothing, |(order, n)| Subject::Parcel { order, n }));
            }
            Meaning::Product(code) => &**code,
            Meaning::Plain => std::str::from_utf8(&scan.text).unwrap_or_default(),
        };
        if let Some((order, line)) = open.and_then(|order| Some((order, order.line_for(text, None)?))) {
            let line = &order.terms.lines[line];
            return Ok(Subject::Product { sku: Some(line.sku.clone()), name: Some(line.name.clone()) });
        }
        let raw = std::str::from_utf8(&scan.text).unwrap_or_default();
        if let Some(sscc) = bare_sscc(raw)
            && let Some((order, n)) = self.shelf.parcel(&self.conn, sscc)?
        {
            return Ok(Subject::Parcel { order, n });
        }
        if let Some(order) = self.shelf.order_named(&self.conn, raw)? {
            return Ok(Subject::Order(order));
        }
        Ok(match Shelf::product(&self.conn, text)? {
            Some((sku, name)) => Subject::Product { sku: Some(sku), name: Some(name) },
            None => Subject::Product { sku: None, name: None },
        })
    }

    fn manifest(
        &self,
        station: &Station,
        subject: &Subject,
    ) -> Result<Option<crate::domain::manifest::Manifest>, Error> {
        if let Work::Manifest { id, .. } = &station.work
            && let Some(here) = Shelf::manifest(&self.conn, id)?.filter(|manifest| !manifest.closed)
        {
            return Ok(Some(here));
        }
        match subject {
            Subject::Parcel { order, .. } => match self.config.rules.carrier_id_of(order) {
                Some(carrier) => Shelf::open_manifest(&self.conn, carrier),
                None => Ok(None),
            },
            Subject::Order(_) | Subject::Product { .. } | Subject::Nothing => Ok(None),
        }
    }

    fn manifests(&self, order: &Order, moment: &Moment) -> Result<u32, Error> {
        let rules = &self.config.rules;
        match (rules.collection_for(order, moment.wall, moment.trusted), rules.carrier_id_of(order)) {
            (Some(collection), _) => Shelf::manifests(&self.conn, &collection.id),
            (None, Some(carrier)) => Shelf::manifests(&self.conn, carrier),
            (None, None) => Ok(0),
        }
    }
}

/// Eighteen digits, or twenty that begin with the application identifier: an SSCC only if a parcel here has it.
fn bare_sscc(text: &str) -> Option<Sscc> {
    let digits = text.strip_prefix("00").filter(|rest| rest.len() == 18).unwrap_or(text);
    let plain = digits.len() == 18 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| plain).map(Sscc)
}
