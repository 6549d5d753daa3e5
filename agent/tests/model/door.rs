//! The loading door: manifests, couriers, and customers who fetch their orders.

use super::scans::{Code, finished, other_mode, refused, unknown, wrong};
use super::world::{Last, Manifest, Order, Parcel, Pending, Place, State, Work, World};

impl World {
    pub fn door(&mut self, at: &'static str, code: &Code) -> String {
        match code {
            Code::Verb(verb) if verb == "HANDOVER" => self.hand_over(at),
            Code::Verb(verb) if verb == "REPRINT" => refused("no_printer"),
            Code::Verb(verb) if verb == "TAKE" => self.take(at),
            Code::Reason(reason) if reason == "R-NO-COURIER" => self.no_courier(at),
            Code::Label(label) => match self.labels.get(label).copied() {
                Some((number, n)) => self.load(at, number, n, *label),
                None => unknown(),
            },
            Code::Order(number) if self.orders[number].carrier.is_none() => self.fetch(at, *number, false),
            Code::Item(_) if code.known().is_none() => unknown(),
            Code::Nobody => unknown(),
            _ => other_mode(),
        }
    }

    /// The manifest that is worked on here, while it is open.
    fn manifest(&self, at: &str) -> Option<usize> {
        match self.stations[at].work {
            Work::Manifest { id, .. } => Some(id).filter(|id| !self.manifests[*id].closed),
            _ => None,
        }
    }

    fn open_manifest(&self, carrier: &str) -> Option<usize> {
        self.manifests.iter().position(|manifest| manifest.carrier == carrier && !manifest.closed)
    }

    fn load(&mut self, at: &str, number: u32, n: usize, label: u64) -> String {
        let order = &self.orders[&number];
        let unwanted = match order.state {
            State::Cancelled => Some("cancelled"),
            _ if order.held => Some("on_hold"),
            _ => None,
        };
        let Some(parcel) = order.parcels.get(n) else {
            return wrong("relabel");
        };
        let (place, own) = (parcel.place, parcel.label == Some(label));
        match (place, unwanted) {
            (Place::Loaded, Some(reason)) => return self.take_out(at, number, n, refused(reason)),
            (Place::Loaded, None) if parcel.void => return self.take_out(at, number, n, wrong("relabel")),
            (Place::HandedOver, _) => {
                self.station(at).pending = Some(Pending::Found { order: number, n });
                return finished();
            }
            (Place::Collected, _) => return finished(),
            (Place::Withdrawn, _) => return refused("cancelled"),
            (_, Some(reason)) => return refused(reason),
            _ if !own => return wrong("relabel"),
            (Place::Loaded, None) => return finished(),
            (Place::Open, None) => return refused("incomplete"),
            (Place::Sealed | Place::Labelled | Place::Ready, None) => {}
        }
        let Some(carrier) = order.carrier else {
            let station = self.station(at);
            station.work = Work::Idle;
            station.pending = Some(Pending::Place { order: number, n });
            return "opened".into();
        };
        let id = match self.manifest(at).or_else(|| self.open_manifest(carrier)) {
            Some(id) if self.manifests[id].carrier != carrier => return wrong("other_carrier"),
            Some(id) => id,
            None => {
                let collection = self.over.get(carrier).copied().unwrap_or_default();
                self.manifests.push(Manifest { carrier, collection, closed: false });
                self.manifests.len() - 1
            }
        };
        let parcel = &mut self.order(number).parcels[n];
        parcel.place = Place::Loaded;
        parcel.manifest = Some(id);
        let station = self.station(at);
        station.work = Work::Manifest { id, asked: false };
        station.last = Some(Last::Loaded { order: number, n });
        "accepted".into()
    }

    /// Off its manifest: withdrawn with its order, to be labelled anew, or as it was.
    fn off_manifest(&mut self, number: u32, n: usize) {
        let order = self.order(number);
        let parcel = &mut order.parcels[n];
        parcel.place = match (order.state, std::mem::take(&mut parcel.void)) {
            (State::Cancelled, _) => Place::Withdrawn,
            (_, true) => Place::Sealed,
            (_, false) => Place::Labelled,
        };
        parcel.manifest = None;
    }

    /// What must not leave comes off the manifest that is worked on where it is scanned.
    fn take_out(&mut self, at: &str, number: u32, n: usize, said: String) -> String {
        let on = self.orders[&number].parcels[n].manifest;
        if self.manifest(at).is_none_or(|here| Some(here) == on) {
            self.off_manifest(number, n);
        }
        said
    }

    pub fn unload(&mut self, number: u32, n: usize) -> Option<String> {
        let parcel = self.orders[&number].parcels.get(n).filter(|parcel| parcel.place == Place::Loaded)?;
        (!self.manifests[parcel.manifest?].closed).then_some(())?;
        self.off_manifest(number, n);
        Some("accepted".into())
    }

    pub fn take_manifest(&mut self, at: &'static str, label: u64) -> Option<String> {
        let (number, n) = *self.labels.get(&label)?;
        let order = &self.orders[&number];
        let id = match order.parcels.get(n).and_then(|parcel| parcel.manifest) {
            Some(id) => Some(id).filter(|id| !self.manifests[*id].closed),
            None => self.open_manifest(order.carrier?),
        }?;
        let has = |work: &Work| matches!(work, Work::Manifest { id: known, .. } if *known == id);
        let other = self.stations.iter().find(|(known, station)| **known != at && has(&station.work));
        if let Some(other) = other.map(|(known, _)| *known) {
            let other = self.station(other);
            other.lay_down();
            other.last = None;
        }
        self.station(at).work = Work::Manifest { id, asked: false };
        let loaded = self.loaded(id);
        Some(format!("opened {loaded}/{loaded}"))
    }

    /// Closed, meant for this collection, and not on the manifest.
    fn left(&self, id: usize) -> Vec<(u32, usize)> {
        let Manifest { carrier, collection, .. } = self.manifests[id];
        let carrier = Some(carrier);
        let meant = |order: &&Order| order.carrier == carrier && !order.held && !order.is_closed();
        let waits = |parcel: &Parcel| parcel.place.waits() && parcel.asked.is_none_or(|asked| asked == collection);
        let orders = self.orders.iter().filter(|(_, order)| meant(order));
        let parcels = orders.flat_map(|(number, order)| {
            let of_order = order.parcels.iter().enumerate().filter(|(_, parcel)| waits(parcel));
            of_order.map(|(n, _)| (*number, n))
        });
        parcels.collect()
    }

    fn on(&self, id: usize) -> Vec<(u32, usize)> {
        let on = |parcel: &Parcel| parcel.place == Place::Loaded && parcel.manifest == Some(id);
        let of_order = |(number, order): (&u32, &Order)| {
            let parcels = order.parcels.iter().enumerate().filter(|(_, parcel)| on(parcel));
            parcels.map(|(n, _)| (*number, n)).collect::<Vec<_>>()
        };
        self.orders.iter().flat_map(of_order).collect()
    }

    fn hand_over(&mut self, at: &str) -> String {
        if let Work::Collect(number) = self.stations[at].work {
            return self.collect(at, number);
        }
        let (Some(id), Work::Manifest { asked, .. }) = (self.manifest(at), self.stations[at].work.clone()) else {
            return refused("nothing_to_close");
        };
        let on = self.on(id);
        let must_not_leave = |(number, n): &(u32, usize)| {
            let order = &self.orders[number];
            order.state == State::Cancelled || order.held || order.parcels[*n].void
        };
        if on.iter().any(must_not_leave) {
            return refused("take_out");
        }
        if on.is_empty() {
            return refused("nothing_to_close");
        }
        let left = self.left(id);
        if !left.is_empty() && !asked {
            self.station(at).work = Work::Manifest { id, asked: true };
            return refused(format!("parcels_left {}", left.len()));
        }
        for (number, n) in &on {
            let order = self.order(*number);
            order.parcels[*n].place = Place::HandedOver;
            order.settle();
        }
        self.gone(at, id);
        format!("completed {0}/{0}", on.len())
    }

    /// The courier of this manifest has gone, or never came: what it was asked for and stays goes with the next.
    fn gone(&mut self, at: &str, id: usize) {
        let left = self.left(id);
        let Manifest { carrier, collection, .. } = self.manifests[id];
        // Only dhl has collections.
        if carrier == "dhl" {
            let over = self.over.entry(carrier).or_default();
            *over = (*over).max(collection + 1);
        }
        for (number, n) in left {
            if self.order(number).parcels[n].asked.take().is_some() {
                self.ask(number, n);
            }
        }
        self.manifests[id].closed = true;
        let station = self.station(at);
        station.lay_down();
        station.last = None;
    }

    fn no_courier(&mut self, at: &str) -> String {
        let Some(id) = self.manifest(at) else {
            return refused("nothing_to_close");
        };
        for (number, n) in self.on(id) {
            self.off_manifest(number, n);
        }
        self.gone(at, id);
        "accepted".into()
    }

    /// It had not left after all, and goes with the next collection.
    pub fn left_behind(&mut self, number: u32, n: usize) -> Option<String> {
        let order = self.order(number);
        order.carrier?;
        let parcel = order.parcels.get_mut(n).filter(|parcel| parcel.place == Place::HandedOver)?;
        (parcel.place, parcel.manifest, parcel.asked) = (Place::Labelled, None, None);
        match order.state {
            State::Cancelled => {
                order.parcels[n].place = Place::Withdrawn;
                let units = order.parcels[n].contents.clone();
                for line in order.lines.clone() {
                    order.give_back(&line.id, line.sku, units.get(&line.id).copied().unwrap_or_default());
                }
                return Some("accepted".into());
            }
            State::Completed | State::PartlyDispatched => order.state = State::Packed,
            _ => {}
        }
        order.settle();
        self.ask(number, n);
        Some("accepted".into())
    }

    /// Asks for a courier for a parcel that has none: for the first collection that is not over.
    pub fn ask(&mut self, number: u32, n: usize) {
        let order = &self.orders[&number];
        let Some(carrier) = order.carrier.filter(|_| !order.held && order.parcels[n].asked.is_none()) else { return };
        let next = self.over.get(carrier).copied().unwrap_or_default();
        self.order(number).parcels[n].asked = Some(next);
    }

    pub fn ask_for_waiting(&mut self, number: u32) {
        for n in 0..self.orders[&number].parcels.len() {
            if self.orders[&number].parcels[n].place.waits() {
                self.ask(number, n);
            }
        }
    }

    /// The customer is here.
    pub fn fetch(&mut self, at: &str, number: u32, taken: bool) -> String {
        let order = &self.orders[&number];
        match order.state {
            State::Cancelled => return refused("cancelled"),
            State::Completed => return finished(),
            _ if order.held => return refused("on_hold"),
            State::Packed | State::PartlyDispatched => {}
            _ => return refused("not_ready"),
        }
        if let Some(station) = self.elsewhere(at, number).filter(|_| !taken) {
            return refused(format!("open_elsewhere {station}"));
        }
        let said = format!("opened 0/{}", order.parcels.len());
        self.station(at).work = Work::Collect(number);
        said
    }

    fn collect(&mut self, at: &str, number: u32) -> String {
        let order = &self.orders[&number];
        match order.state {
            State::Cancelled => return refused("cancelled"),
            _ if order.held => return refused("on_hold"),
            State::Packed | State::PartlyDispatched if order.carrier.is_none() => {}
            _ => return refused("not_ready"),
        }
        if order.parcels.iter().any(|parcel| parcel.place == Place::Loaded) {
            return refused("take_out");
        }
        let order = self.order(number);
        for parcel in order.parcels.iter_mut().filter(|parcel| parcel.place.waits()) {
            parcel.place = Place::Collected;
        }
        order.settle();
        let said = format!("completed {0}/{0}", order.parcels.len());
        let station = self.station(at);
        station.lay_down();
        station.last = None;
        said
    }

    /// A pick-up order's parcel is where its customer can have it; with the last one the order is ready.
    pub fn put_in_place(&mut self, at: &str, number: u32, n: usize) -> Option<String> {
        let order = self.order(number);
        let parcel = order.parcels.get(n).filter(|parcel| parcel.place.waits())?;
        let was = parcel.place;
        let no_place = match (order.held, order.carrier) {
            (true, _) => Some(refused("on_hold")),
            // It goes with a carrier since, under another label.
            (false, Some(_)) => Some(wrong("relabel")),
            (false, None) => None,
        };
        if let Some(said) = no_place {
            self.station(at).pending = Some(Pending::Place { order: number, n });
            return Some(said);
        }
        order.parcels[n].place = Place::Ready;
        order.parcels[n].placed += 1;
        let packed = matches!(order.state, State::Packed | State::PartlyDispatched);
        let all = order.parcels.iter().all(|parcel| parcel.place == Place::Ready || parcel.place.is_gone());
        Some(if packed && all && was != Place::Ready { "completed".into() } else { "accepted".into() })
    }
}
