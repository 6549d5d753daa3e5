//! Scans: what a code stands for here, the facts for the decision, and what follows from it.

use super::State;
use crate::clock::Moment;
use crate::domain::code::{Again, Cause, Meaning, Scan, Verb};
use crate::domain::decide::{Decision, Facts, Label, LastScan, Subject, decide, serial_asked, sku_asked};
use crate::domain::dispatch::Desk;
use crate::domain::event::{Event, Method};
use crate::domain::manifest::Manifest;
use crate::domain::name::{OrderId, StationId};
use crate::domain::order::Order;
use crate::domain::returns::Return;
use crate::domain::signal::{Answer, Reason, Signal};
use crate::domain::sscc::Sscc;
use crate::domain::station::{Counted, Mode, Pending, Station, Work};
use crate::domain::stock::Stock;
use crate::journal::Error;
use crate::journal::job::{PrintJob, PrintWhat};
use crate::journal::log::By;
use crate::journal::queue;
use crate::journal::shelf::Shelf;

impl State {
    pub fn scan(&mut self, station: &StationId, scan: &Scan, method: Method, moment: &Moment) -> Result<Answer, Error> {
        // Of one that isn't configured every scan is refused, whatever its mode.
        let mode = self.config.stations.get(station).copied().unwrap_or(Mode::Pack);
        let context = self.shelf.station(station, &Station::idle(station.clone(), mode));
        let context = self.sign_out_if_idle(context, moment)?;
        let last = self.shelf.last_scan(&scan.scanner).cloned();
        let decision = {
            let facts = self.facts(&context, last.as_ref(), scan, method, moment)?;
            decide(&facts, scan)
        };
        if decision.answer.signal == Signal::Silent {
            self.shelf.touch_scan(&scan.scanner, scan.since_start);
            return Ok(decision.answer);
        }
        if scan.again != Again::No
            && decision.events.is_empty()
            && decision.station == context
            && last.as_ref().is_some_and(|last| last.text == scan.text)
        {
            return Ok(decision.answer);
        }
        let moved = decision.station != context;
        // What is counted or received has no event before it is written, nor has a list that ends with nothing left on it.
        let tallied = matches!(decision.station.work, Work::Tally(_)) && decision.station.work != context.work;
        let ended = decision.manifest.as_ref().is_some_and(|manifest| manifest.closed);
        let is_done = !decision.events.is_empty() || tallied || ended;
        self.store(&decision, &context, moment)?;
        self.take_mode_that_waits(&decision.station)?;
        let counted = decision.answer.signal.counts() && is_done;
        // Who was asked and never heard it has to be asked again.
        let asked = decision.answer.reason == Some(Reason::PerhapsCounted) && last.is_some_and(|last| last.counted);
        let last = LastScan {
            text: scan.text.clone(),
            signal: decision.answer.signal,
            counted: counted || asked,
            since_start: Some(scan.since_start),
            doubtful: false,
        };
        self.wrote |= last.counted || moved;
        let repeats = self.config.repeating.contains(&scan.scanner) && self.wrote;
        self.shelf.save_scan(&scan.scanner, last, repeats);
        Ok(decision.answer)
    }

    /// Signs out whoever has scanned nothing for too long, at every station.
    pub fn sign_out_idle(&mut self, moment: &Moment) -> Result<(), Error> {
        self.latest = self.latest.max(moment.since_start);
        for station in self.shelf.stations().cloned().collect::<Vec<_>>() {
            self.sign_out_if_idle(station, moment)?;
        }
        Ok(())
    }

    fn sign_out_if_idle(&mut self, station: Station, moment: &Moment) -> Result<Station, Error> {
        let Some((left, event)) = station.signed_out_if_idle(self.config.rules.idle_sign_out, self.uptime_s(moment))
        else {
            return Ok(station);
        };
        self.record_by(&event, By { station: Some(&station.id), operator: station.operator.as_ref() }, moment)?;
        self.shelf.save_station(&left);
        Ok(left)
    }

    fn store(&mut self, decision: &Decision, before: &Station, moment: &Moment) -> Result<(), Error> {
        let here = &decision.station;
        for event in &decision.events {
            let operator = match event {
                Event::OperatorOut { .. } => before.operator.as_ref(),
                _ => here.operator.as_ref(),
            };
            self.record_by(event, By { station: Some(&here.id), operator }, moment)?;
            if let Event::ItemInspected { item, negates: false, stock: Some(_), .. } = event
                && let (Some(sku), Some(serial)) = (&item.sku, &item.values.serial)
            {
                Shelf::free_serial(&self.conn, sku, serial)?;
            }
            if let Event::LabelRequested { order, parcel, .. } = event {
                self.want_label(&order.id, *parcel, &here.id);
            }
        }
        let uptime_s = self.uptime_s(moment);
        for order in &decision.orders {
            let was = self.shelf.order_by_id(&self.conn, &order.terms.id)?;
            self.save_reservations(was.as_ref(), order, &decision.stock)?;
            self.shelf.save_order(&self.conn, order, uptime_s)?;
        }
        for (sku, stock) in &decision.stock {
            self.shelf.save_stock(sku, *stock);
        }
        if let Some(manifest) = &decision.manifest {
            Shelf::save_manifest(&self.conn, manifest, uptime_s)?;
            self.close_collection(manifest);
        }
        if let Some(known) = &decision.returned {
            Shelf::save_returned(&self.conn, known, uptime_s)?;
        }
        if decision.return_used {
            self.shelf.use_returns(&self.conn, 1)?;
        }
        self.shelf.use_serials(&self.conn, decision.sscc_used)?;
        if let Some(other) = &decision.other {
            self.shelf.save_station(other);
        }
        for print in &decision.prints {
            let what = PrintWhat::Ours(Box::new(print.clone()));
            self.prints.push(PrintJob { station: Some(here.id.clone()), what });
        }
        self.shelf.save_station(here);
        Ok(())
    }

    fn facts<'a>(
        &'a mut self,
        station: &'a Station,
        last: Option<&'a LastScan>,
        scan: &Scan,
        method: Method,
        moment: &Moment,
    ) -> Result<Facts<'a>, Error> {
        let asks = |verb| scan.meaning == Meaning::Verb(verb);
        let open = self.optional_order(open_at(station, scan))?;
        let round = self.round(station)?;
        let undone = match asks(Verb::Undo) {
            true => self.optional_order(station.last.as_ref().and_then(Counted::order))?,
            false => None,
        };
        let held = self.returned(station, scan)?;
        let subject = self.subject(scan, open.as_ref(), &round, held.as_ref())?;
        let returned = self.announced_for(station, &subject)?.or(held);
        let returned_of = match &subject {
            Subject::Return(known) => self.optional_order(known.order.as_ref().map(|order| &order.id))?,
            _ => None,
        };
        let elsewhere = self.elsewhere(station, &subject, undone.as_ref(), returned.as_ref());
        let labels = asks(Verb::Reprint) || matches!(subject, Subject::Label(_));
        let sealed = match &station.sealed {
            Some((order, _)) if labels => self.shelf.order_by_id(&self.conn, order)?,
            _ => None,
        };
        let next = self.next(station, asks(Verb::Done) && open.is_none(), moment)?;
        let tally_stock = match &station.work {
            Work::Tally(lines) if asks(Verb::Done) => {
                let stock = lines.iter().map(|line| self.shelf.stock(&self.conn, &line.sku));
                stock.collect::<Result<_, _>>()?
            }
            _ => Vec::new(),
        };
        let manifest = match &station.last {
            _ if station.mode != Mode::Load => None,
            Some(Counted::Loaded { parcel, .. }) if asks(Verb::Undo) => self.loaded_on(undone.as_ref(), *parcel)?,
            _ => self.manifest(station, &subject)?,
        };
        let manifests = match (&manifest, &subject) {
            (None, Subject::Parcel { order, n, .. }) if station.mode == Mode::Load => {
                self.manifests(order, *n, moment)?
            }
            _ => 0,
        };
        let closes = asks(Verb::HandOver) || asks(Verb::Reprint) || scan.meaning == Meaning::Cause(Cause::NoCourier);
        let (loaded, left) = match &manifest {
            Some(manifest) if closes => self.on_and_off(manifest)?,
            _ => (Vec::new(), Vec::new()),
        };
        let uptime_s = self.uptime_s(moment);
        let (sscc_serial, return_serial) = (self.shelf.sscc_serial, self.shelf.return_serial);
        let mut facts = Facts {
            rules: &self.config.rules,
            now: moment.wall,
            clock_trusted: moment.trusted,
            gone: &self.gone,
            uptime_s,
            station,
            is_configured: self.config.stations.contains_key(&station.id),
            last,
            bounce: self.config.bounce.get(&scan.scanner).copied().unwrap_or_default(),
            method,
            subject,
            open,
            round,
            elsewhere,
            next,
            stock: Stock::default(),
            tally_stock,
            serial_used: false,
            sscc_serial,
            undone,
            sealed,
            returned,
            returned_of,
            return_serial,
            manifest,
            manifests,
            loaded,
            left,
        };
        if let Some(sku) = sku_asked(&facts, scan) {
            facts.stock = self.shelf.stock(&self.conn, &sku)?;
        }
        if let Some((sku, serial)) = serial_asked(&facts, scan) {
            facts.serial_used = Shelf::has_serial(&self.conn, &sku, &serial)?;
        }
        Ok(facts)
    }

    fn optional_order(&mut self, id: Option<&OrderId>) -> Result<Option<Order>, Error> {
        id.map_or(Ok(None), |id| self.shelf.order_by_id(&self.conn, id))
    }

    fn round(&mut self, station: &Station) -> Result<Vec<(crate::domain::name::ToteId, Order)>, Error> {
        let Work::Round(totes) = &station.work else {
            return Ok(Vec::new());
        };
        let mut round = Vec::with_capacity(totes.len());
        for (tote, id) in totes {
            round.extend(self.shelf.order_by_id(&self.conn, id)?.map(|order| (tote.clone(), order)));
        }
        Ok(round)
    }

    /// The return that is open here, or was when what `UNDO` negates was counted.
    fn returned(&self, station: &Station, scan: &Scan) -> Result<Option<Return>, Error> {
        match (&station.work, &station.last) {
            (_, Some(Counted::Inspected { id, .. })) if scan.meaning == Meaning::Verb(Verb::Undo) => {
                Shelf::returned(&self.conn, id)
            }
            (Work::Return(id), _) => Shelf::returned(&self.conn, id),
            _ => Ok(None),
        }
    }

    fn announced_for(&self, station: &Station, subject: &Subject) -> Result<Option<Return>, Error> {
        match subject {
            Subject::Return(known) => Ok(Some(known.clone())),
            Subject::Order(order) | Subject::Parcel { order, .. } | Subject::Tote { order: Some(order), .. }
                if station.mode == Mode::Return =>
            {
                Shelf::returned_for(&self.conn, &order.terms.id)
            }
            _ => Ok(None),
        }
    }

    fn elsewhere(
        &self,
        station: &Station,
        subject: &Subject,
        undone: Option<&Order>,
        returned: Option<&Return>,
    ) -> Option<Station> {
        let here = &station.id;
        let taking = station.pending == Some(Pending::Take);
        let order = match (subject, undone) {
            (_, Some(undone)) => Some(undone),
            (Subject::Order(order) | Subject::Tote { order: Some(order), .. }, _) => Some(order),
            (Subject::Parcel { order, .. }, _) if station.mode == Mode::Return => Some(order),
            _ => None,
        };
        if let Some(other) = order.and_then(|order| self.shelf.elsewhere(&order.terms.id, here)) {
            return Some(other);
        }
        if let Some(known) = returned.filter(|_| station.mode == Mode::Return)
            && let Some(other) = self.shelf.other(here, |other| other.work == Work::Return(known.id.clone()))
        {
            return Some(other);
        }
        match subject {
            Subject::Parcel { .. } if taking && station.mode == Mode::Load => {
                let manifest = self.manifest(station, subject).ok().flatten()?;
                let has = |other: &Station| matches!(&other.work, Work::Manifest { id, .. } if *id == manifest.id);
                self.shelf.other(here, has)
            }
            _ => None,
        }
    }

    fn next(&mut self, station: &Station, wanted: bool, moment: &Moment) -> Result<Option<Order>, Error> {
        if !wanted || !station.mode.is_bench() {
            return Ok(None);
        }
        let states = queue::states(self.config.rules.step(station.mode));
        let desk =
            Desk { rules: &self.config.rules, now: moment.wall, clock_trusted: moment.trusted, gone: &self.gone };
        self.shelf.most_urgent(&self.conn, desk, states, station.put_down.as_ref())
    }

    /// What the code stands for: first what lies here, then what is known by exactly this code (a parcel, an order, a
    /// return, a product), then what only looks like a carrier's number.
    fn subject(
        &mut self,
        scan: &Scan,
        open: Option<&Order>,
        round: &[(crate::domain::name::ToteId, Order)],
        returned: Option<&Return>,
    ) -> Result<Subject, Error> {
        let text = match &scan.meaning {
            Meaning::Tote(id) => {
                let order = self.shelf.in_tote(&self.conn, id)?;
                return Ok(Subject::Tote { id: id.clone(), order });
            }
            Meaning::Sscc(sscc) => return Ok(self.parcel_of(*sscc)?.unwrap_or(Subject::Nothing)),
            Meaning::Product(reading) => &*reading.code,
            Meaning::Plain => std::str::from_utf8(&scan.text).unwrap_or_default(),
            _ => return Ok(Subject::Nothing),
        };
        let orders = || open.into_iter().chain(round.iter().map(|(_, order)| order));
        for order in orders() {
            if let Some(line) = order.line_for(text, None, |_| true) {
                let line = &order.terms.lines[line];
                return Ok(Subject::Product { sku: Some(line.sku.clone()), name: Some(line.name.clone()) });
            }
            if let Some(goods) = order.put_back_for(text, None) {
                return Ok(Subject::Product { sku: Some(goods.item.sku.clone()), name: Some(goods.item.name.clone()) });
            }
        }
        if let Some(line) = returned.and_then(|known| known.line_for(text, None)) {
            return Ok(Subject::Product { sku: Some(line.sku.clone()), name: Some(line.name.clone()) });
        }
        let raw = std::str::from_utf8(&scan.text).unwrap_or_default();
        if let Some(sscc) = bare_sscc(raw)
            && let Some(parcel) = self.parcel_of(sscc)?
        {
            return Ok(parcel);
        }
        if let Some((order, n)) = self.shelf.labelled(&self.conn, raw)? {
            let void = order.parcel(n).is_none_or(|parcel| parcel.tracking.as_deref() != Some(raw));
            return Ok(Subject::Parcel { order, n, void });
        }
        if let Some(order) = self.shelf.order_named(&self.conn, raw)? {
            return Ok(Subject::Order(order));
        }
        if let Some(known) = Shelf::returned(&self.conn, raw)? {
            return Ok(Subject::Return(known));
        }
        if let Some((sku, name)) = Shelf::product(&self.conn, text)? {
            return Ok(Subject::Product { sku: Some(sku), name: Some(name) });
        }
        let fits = |carrier: &&crate::domain::carrier::Carrier| {
            carrier.tracking_pattern.as_ref().is_some_and(|pattern| pattern.fits(raw))
        };
        Ok(match self.config.rules.carriers.iter().find(fits).filter(|_| is_number(raw)) {
            Some(carrier) => Subject::Label(Label::Tracking { number: raw.into(), carrier: carrier.id.clone() }),
            None => Subject::Product { sku: None, name: None },
        })
    }

    /// The parcel that has or had this number; or a label, where the number was given out and no parcel has it yet.
    fn parcel_of(&mut self, sscc: Sscc) -> Result<Option<Subject>, Error> {
        if let Some((order, n)) = self.shelf.parcel(&self.conn, sscc)? {
            let void = order.parcel(n).is_none_or(|parcel| parcel.sscc != Some(sscc));
            return Ok(Some(Subject::Parcel { order, n, void }));
        }
        let serial = sscc.serial_under(&self.config.rules.company_prefix);
        let given_out = serial.is_some_and(|serial| serial < self.shelf.sscc_serial);
        Ok(given_out.then_some(Subject::Label(Label::Sscc(sscc))))
    }

    fn manifest(&self, station: &Station, subject: &Subject) -> Result<Option<Manifest>, Error> {
        let taking = station.pending == Some(Pending::Take) && matches!(subject, Subject::Parcel { .. });
        if let Work::Manifest { id, .. } = &station.work
            && !taking
            && let Some(here) = Shelf::manifest(&self.conn, id)?.filter(|manifest| !manifest.closed)
        {
            return Ok(Some(here));
        }
        match subject {
            Subject::Parcel { order, n, .. } => {
                let on = order.parcel(*n).and_then(|parcel| parcel.manifest.as_ref());
                match (on, self.config.rules.carrier_id_of(order)) {
                    (Some(on), _) => Ok(Shelf::manifest(&self.conn, on)?.filter(|manifest| !manifest.closed)),
                    (None, Some(carrier)) => Shelf::open_manifest(&self.conn, carrier),
                    (None, None) => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }

    /// The manifest that a parcel stands on, while it is open.
    fn loaded_on(&self, order: Option<&Order>, n: u32) -> Result<Option<Manifest>, Error> {
        let on = order.and_then(|order| order.parcel(n)?.manifest.as_ref());
        let manifest = on.map_or(Ok(None), |on| Shelf::manifest(&self.conn, on))?;
        Ok(manifest.filter(|manifest| !manifest.closed))
    }

    fn manifests(&self, order: &Order, n: u32, moment: &Moment) -> Result<u32, Error> {
        let collection = order.parcel(n).and_then(|parcel| self.desk(moment).collection_at_the_door(order, parcel));
        match (collection, self.config.rules.carrier_id_of(order)) {
            (Some(collection), _) => Shelf::manifests(&self.conn, &collection.id),
            (None, Some(carrier)) => Shelf::manifests(&self.conn, carrier),
            (None, None) => Ok(0),
        }
    }

    /// The orders with parcels on the manifest, and those with parcels that were to go with it and wait beside it.
    fn on_and_off(&mut self, manifest: &Manifest) -> Result<(Vec<Order>, Vec<Order>), Error> {
        // An order that goes another way since it was loaded has another carrier now.
        let mut on = self.shelf.loaded(&self.conn)?;
        on.retain(|order| order.progress.parcels.iter().any(|p| p.manifest.as_ref() == Some(&manifest.id)));
        let off = self.shelf.left_beside(&self.conn, manifest)?;
        Ok((on, off))
    }
}

/// The order that scans here are about.
fn open_at<'a>(station: &'a Station, scan: &Scan) -> Option<&'a OrderId> {
    match (&station.work, &station.pending) {
        (_, Some(Pending::Found { order, .. })) if scan.meaning == Meaning::Cause(Cause::LeftBehind) => Some(order),
        (Work::Order(id) | Work::Collect(id) | Work::PutBack(id), _) => Some(id),
        (_, Some(Pending::Place { order, .. } | Pending::Found { order, .. })) => Some(order),
        _ => None,
    }
}

/// Eighteen digits, or twenty that begin with the application identifier: an SSCC only if it is known here.
fn bare_sscc(text: &str) -> Option<Sscc> {
    let digits = text.strip_prefix("00").filter(|rest| rest.len() == 18).unwrap_or(text);
    let plain = digits.len() == 18 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| plain).map(Sscc)
}

/// What can be a carrier's number at all: 1 to 50 printable ASCII characters without a space.
fn is_number(text: &str) -> bool {
    (1..=50).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
