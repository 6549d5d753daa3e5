//! The bench: orders opened, alone or in a round of totes, units counted, parcels closed and labelled.

use super::scans::{Code, finished, other_mode, refused, unknown, wrong};
use super::world::{BATCH, Last, Order, Pending, Place, State, Step, Work, World};

impl World {
    pub fn bench(&mut self, at: &'static str, code: &Code) -> String {
        match code {
            Code::Verb(verb) => match &**verb {
                "DONE" => self.done(at),
                "SEAL" => self.seal_by_verb(at),
                "REPRINT" => refused("no_printer"),
                "SHORT" => self.begin(at, Pending::ShortItem),
                "REMOVE" => self.begin(at, Pending::Remove),
                "TAKE" => self.take(at),
                _ => other_mode(),
            },
            Code::Reason(reason) if reason == "R-DAMAGED" => self.damaged(at),
            Code::Reason(_) | Code::Condition(_) | Code::Quantity(_) | Code::Return(_) | Code::Mode(_) => other_mode(),
            Code::Bin(bin) => self.bin(at, bin),
            Code::Tote(tote) => self.tote(at, tote),
            Code::Label(label) => self.label(at, *label),
            Code::Order(number) => self.open(at, *number, None, false),
            Code::Item(_) | Code::Line(_) | Code::Nobody => self.item(at, code),
        }
    }

    pub fn take(&mut self, at: &str) -> String {
        self.station(at).pending = Some(Pending::Take);
        "opened".into()
    }

    fn done(&mut self, at: &'static str) -> String {
        let step = self.step(at);
        match self.station(at).work.clone() {
            Work::Order(number) => {
                let station = self.station(at);
                station.lay_down();
                station.put_down = Some(number);
                format!("accepted {}", self.orders[&number].progress(step))
            }
            Work::Round(_) => {
                self.station(at).lay_down();
                "accepted".into()
            }
            _ => match self.most_urgent(at) {
                Some(number) => self.open(at, number, None, false),
                None => "already (nothing_waits)".into(),
            },
        }
    }

    /// Expedited, then by collection, then by age; what was put down here comes last.
    pub fn most_urgent(&self, at: &str) -> Option<u32> {
        let fits = |order: &Order| match (self.step(at), order.state) {
            _ if order.held => false,
            (Step::Pick | Step::Both, State::Accepted | State::Picking) => true,
            (Step::Pack | Step::Both, State::Picked | State::Packing) => true,
            _ => false,
        };
        let is_open = |number: u32| self.stations.values().any(|station| station.has_open(number));
        let waiting = self.orders.iter().filter(|(number, order)| fits(order) && !is_open(**number));
        let rank = |(number, order): &(&u32, &Order)| {
            let collection = order.carrier.map_or(2, |carrier| if carrier == "dhl" { 0 } else { 1 });
            (self.stations[at].put_down == Some(**number), !order.expedited, collection, order.age)
        };
        waiting.min_by_key(rank).map(|(number, _)| *number)
    }

    /// Why nobody can work on the order at this step, wherever it is open.
    pub fn hindrance(&self, at: &str, number: u32) -> Option<String> {
        let order = &self.orders[&number];
        match (order.state, self.step(at)) {
            (State::Cancelled, _) => Some(refused("cancelled")),
            _ if order.held => Some(refused("on_hold")),
            (State::Packed | State::PartlyDispatched | State::Completed, _) => Some(finished()),
            (State::Accepted | State::Picking, Step::Pack) => Some(refused("not_picked")),
            (State::Picked, Step::Pick) => Some(finished()),
            (State::Packing, Step::Pick) if order.is_picked() => Some(finished()),
            _ => None,
        }
    }

    fn open_elsewhere(&self, at: &str, number: u32) -> Option<String> {
        Some(refused(format!("open_elsewhere {}", self.elsewhere(at, number)?)))
    }

    pub fn open(&mut self, at: &str, number: u32, tote: Option<&str>, taken: bool) -> String {
        let elsewhere = self.open_elsewhere(at, number).filter(|_| !taken);
        if let Some(why) = self.hindrance(at, number).or(elsewhere) {
            return why;
        }
        let step = self.step(at);
        match &self.stations[at].work {
            Work::Order(open) if *open != number && self.orders[open].has_open_parcel() => {
                return refused(format!("order_open {open}"));
            }
            Work::Round(_) if tote.is_none() => return refused("wants_tote"),
            _ => {}
        }
        self.begin_work(at, number);
        let order = self.order(number);
        if let Some(tote) = tote {
            order.tote = Some(tote.into());
            self.totes.insert(tote.into(), number);
        }
        let station = self.station(at);
        station.bin = None;
        station.put_down = None;
        station.work = match (tote, std::mem::replace(&mut station.work, Work::Idle)) {
            (None, _) => Work::Order(number),
            (Some(tote), Work::Round(mut totes)) => {
                totes.push((tote.into(), number));
                Work::Round(totes)
            }
            (Some(tote), _) => Work::Round(vec![(tote.into(), number)]),
        };
        format!("opened {}", self.orders[&number].progress(step))
    }

    /// Whoever counts something of an order works on it at their own step, whatever was done with it meanwhile.
    pub fn begin_work(&mut self, at: &str, number: u32) {
        let step = self.step(at);
        self.order(number).state = if step == Step::Pick { State::Picking } else { State::Packing };
    }

    pub fn add_to_round(&mut self, at: &str, tote: &str, number: u32) -> String {
        match self.stations[at].has_open(number) {
            true => finished(),
            false => self.open(at, number, Some(tote), false),
        }
    }

    fn tote(&mut self, at: &str, tote: &str) -> String {
        let step = self.step(at);
        let gathered = match &self.stations[at].work {
            Work::Round(totes) if totes.iter().any(|(known, _)| known == tote) => return finished(),
            Work::Round(totes) => Some(totes.len()),
            Work::Idle => Some(0),
            _ => None,
        };
        if let Some(number) = self.in_tote(tote) {
            return match self.hindrance(at, number).or_else(|| self.open_elsewhere(at, number)) {
                _ if matches!(self.stations[at].work, Work::Round(_)) => refused(format!("tote_in_use {number}")),
                Some(why) if why == finished() && step == Step::Pick => refused(format!("tote_in_use {number}")),
                Some(why) => why,
                None => self.open(at, number, None, false),
            };
        }
        match (step, gathered) {
            (Step::Pack, _) => refused("empty_tote"),
            (_, None) => {
                let Work::Order(open) = self.stations[at].work else { return other_mode() };
                refused(format!("order_open {open}"))
            }
            (_, Some(gathered)) if BATCH <= gathered => refused("round_full"),
            _ => {
                self.station(at).pending = Some(Pending::Tote(tote.into()));
                "opened".into()
            }
        }
    }

    /// The order whose goods lie in the tote: what is packed lies in its parcels.
    fn in_tote(&self, tote: &str) -> Option<u32> {
        let number = *self.totes.get(tote)?;
        let order = &self.orders[&number];
        let in_it = matches!(order.state, State::Accepted | State::Picking | State::Picked | State::Packing);
        (in_it && order.tote.as_deref() == Some(tote)).then_some(number)
    }

    /// The orders that an item may be for.
    pub fn orders_here(&self, at: &str) -> Vec<u32> {
        match &self.stations[at].work {
            Work::Order(number) => vec![*number],
            Work::Round(totes) => totes.iter().map(|(_, number)| *number).collect(),
            _ => Vec::new(),
        }
    }

    fn bin(&mut self, at: &str, bin: &str) -> String {
        let step = self.step(at);
        let here = self.orders_here(at);
        let lines = || here.iter().flat_map(|number| &self.orders[number].lines).filter(|line| 0 < line.todo(step));
        if here.is_empty() {
            return refused("no_order_open");
        }
        if lines().any(|line| line.bin == Some(bin)) {
            self.station(at).bin = Some(bin.into());
            return "opened".into();
        }
        match lines().find_map(|line| line.bin).filter(|_| self.bins && step != Step::Pack) {
            Some(right) => wrong(format!("wrong_bin {right}")),
            None => wrong("not_on_order"),
        }
    }

    /// The first line of this item for which `suits` is true; one that lies in the bin at hand before others.
    pub fn line_of(&self, at: &str, number: u32, code: &Code, suits: impl Fn(usize) -> bool) -> Option<usize> {
        let lines = &self.orders[&number].lines;
        let bin = self.stations[at].bin.as_deref();
        match code {
            Code::Line(line) => Some(*line).filter(|line| *line < lines.len() && suits(*line)),
            Code::Item(letter) => {
                let fits = |line: &usize| lines[*line].sku == *letter && suits(*line);
                let near = |line: &usize| fits(line) && (bin.is_none() || lines[*line].bin == bin);
                (0..lines.len()).find(near).or_else(|| (0..lines.len()).find(fits))
            }
            _ => None,
        }
    }

    fn item(&mut self, at: &'static str, code: &Code) -> String {
        let step = self.step(at);
        let here = self.orders_here(at);
        match here[..] {
            [] if code.known().is_some() => return refused("no_order_open"),
            [] => return unknown(),
            [only] => {
                if let Some(why) = self.hindrance(at, only) {
                    return why;
                }
            }
            _ => {}
        }
        let workable = || here.iter().filter(|number| self.hindrance(at, **number).is_none());
        let of = |number: &u32, any: bool| {
            let lines = &self.orders[number].lines;
            let line = self.line_of(at, *number, code, |line| any || 0 < lines[line].todo(step))?;
            Some((*number, line))
        };
        let found = workable().find_map(|number| of(number, false)).or_else(|| workable().find_map(|n| of(n, true)));
        let Some((number, line)) = found else {
            let known = code.known().is_some() || matches!(code, Code::Line(_));
            return if known { wrong("not_on_order") } else { unknown() };
        };
        let row = &self.orders[&number].lines[line];
        if row.todo(step) == 0 {
            return "over (line_complete)".into();
        }
        let by_hand = matches!(code, Code::Line(_));
        if let Some(bin) = row.bin.filter(|_| self.bins && step != Step::Pack && !by_hand)
            && self.stations[at].bin.as_deref() != Some(bin)
        {
            return wrong(format!("wrong_bin {bin}"));
        }
        if let Work::Round(totes) = &self.stations[at].work {
            let tote = totes.iter().find(|(_, open)| *open == number).unwrap().0.clone();
            let line = row.id.clone();
            self.station(at).pending = Some(Pending::Unit { order: number, line, tote });
            return "opened".into();
        }
        self.count(at, number, line)
    }

    /// A unit whose tote was named counts when that is scanned.
    pub fn unit_into_tote(&mut self, at: &str, number: u32, line: &str, tote: &str, code: &Code) -> Option<String> {
        let line = self.orders[&number].line(line)?;
        if let Some(why) = self.hindrance(at, number) {
            return Some(why);
        }
        if self.orders[&number].lines[line].todo(self.step(at)) == 0 {
            return Some("over (line_complete)".into());
        }
        Some(match code {
            Code::Tote(scanned) if scanned == tote => self.count(at, number, line),
            _ => wrong(format!("wrong_tote {tote}")),
        })
    }

    fn count(&mut self, at: &str, number: u32, line: usize) -> String {
        let step = self.step(at);
        self.begin_work(at, number);
        let order = self.order(number);
        let row = &mut order.lines[line];
        let (id, sku) = (row.id.clone(), row.sku);
        if step != Step::Pack && (step == Step::Pick || row.picked == row.packed) {
            row.picked += 1;
            self.move_stock(sku, -1);
        }
        if step != Step::Pick {
            self.order(number).pack(line);
        }
        let said = self.close(at, number);
        let closed = said.starts_with("completed");
        self.station(at).last = Some(Last::Unit { order: number, line: id, step, closed });
        said
    }

    /// Ends the step where nothing is missing any more; goods that must come out keep a parcel open.
    pub fn close(&mut self, at: &str, number: u32) -> String {
        let step = self.step(at);
        let order = self.order(number);
        let done = match step {
            Step::Pick => order.is_picked(),
            Step::Pack | Step::Both => order.is_filled() && order.put_back.is_empty() && !order.parcels.is_empty(),
        };
        if !done {
            return format!("accepted {}", order.progress(step));
        }
        match step {
            Step::Pick => order.state = State::Picked,
            Step::Pack | Step::Both => {
                self.finish(number, None);
                let n = self.orders[&number].parcels.len() - 1;
                self.station(at).sealed = Some((number, n));
            }
        }
        let station = self.station(at);
        station.close(number);
        station.bin = None;
        format!("completed {}", self.orders[&number].progress(step))
    }

    /// The last parcel is closed, and with it the order.
    fn finish(&mut self, number: u32, label: Option<u64>) {
        if self.orders[&number].has_open_parcel() {
            self.close_parcel(number, label);
        }
        let order = self.order(number);
        let n = order.parcels.len() - 1;
        order.state = State::Packed;
        self.ask(number, n);
        self.order(number).settle();
    }

    fn close_parcel(&mut self, number: u32, label: Option<u64>) {
        let order = self.order(number);
        let n = order.parcels.len() - 1;
        order.parcels[n].place = if label.is_some() { Place::Labelled } else { Place::Sealed };
        match label {
            Some(label) => self.bind(number, n, label),
            None => drop(self.mint(number, n)),
        }
        self.ask(number, n);
    }

    fn seal_by_verb(&mut self, at: &str) -> String {
        match self.stations[at].work {
            _ if self.step(at) == Step::Pick => other_mode(),
            Work::Order(number) => self.seal(at, number, None),
            _ => refused("no_order_open"),
        }
    }

    fn seal(&mut self, at: &str, number: u32, label: Option<u64>) -> String {
        if let Some(why) = self.hindrance(at, number) {
            return why;
        }
        let order = &self.orders[&number];
        if let Some(goods) = order.put_back.first() {
            return refused(format!("put_back Product {}", goods.sku));
        }
        match (order.is_filled() && !order.parcels.is_empty(), order.has_open_parcel()) {
            (true, _) => {
                self.begin_work(at, number);
                self.finish(number, label);
                self.station(at).work = Work::Idle;
            }
            (false, true) => {
                self.begin_work(at, number);
                self.close_parcel(number, label);
            }
            (false, false) => return refused("nothing_to_close"),
        }
        let n = self.orders[&number].parcels.len() - 1;
        let station = self.station(at);
        station.last = Some(Last::Sealed { order: number, n });
        station.sealed = Some((number, n));
        format!("completed {}", self.orders[&number].progress(Step::Both))
    }

    /// A parcel's label at the bench: on its parcel now, void, or one that was printed beforehand.
    fn label(&mut self, at: &'static str, label: u64) -> String {
        let Some((number, n)) = self.labels.get(&label).copied() else {
            return match self.step(at) {
                _ if self.next_label <= label => self.item(at, &Code::Nobody),
                Step::Pick => other_mode(),
                Step::Pack | Step::Both => self.label_beforehand(at, label),
            };
        };
        let parcel = self.orders[&number].parcels.get(n).map(|parcel| (parcel.place, parcel.label));
        match parcel {
            Some((Place::Withdrawn, _)) => return refused("cancelled"),
            Some((Place::Sealed, own)) if own == Some(label) => return self.confirm(at, number, n),
            _ => self.station(at).sealed = Some((number, n)),
        }
        if parcel.is_some_and(|(_, own)| own == Some(label)) { finished() } else { wrong("relabel") }
    }

    fn confirm(&mut self, at: &str, number: u32, n: usize) -> String {
        if self.orders[&number].held {
            return refused("on_hold");
        }
        self.order(number).parcels[n].place = Place::Labelled;
        self.station(at).sealed = Some((number, n));
        "accepted".into()
    }

    fn last_awaits_label(&self, at: &str) -> bool {
        let last = self.stations[at].sealed.map(|(number, n)| (&self.orders[&number], n));
        last.is_some_and(|(order, n)| {
            !order.held && order.parcels.get(n).is_some_and(|parcel| parcel.place == Place::Sealed)
        })
    }

    /// It closes the parcel that is open here, or belongs to the one that was closed last; not where that may be either.
    fn label_beforehand(&mut self, at: &str, label: u64) -> String {
        if let Work::Order(number) = self.stations[at].work
            && self.orders[&number].has_open_parcel()
        {
            if self.last_awaits_label(at) {
                return format!("refused (order_open {number})");
            }
            return self.seal(at, number, Some(label));
        }
        let Some((number, n)) = self.stations[at].sealed else {
            return refused("nothing_to_close");
        };
        match self.orders[&number].parcels.get(n).map(|parcel| parcel.place) {
            Some(Place::Sealed) => {
                let said = self.confirm(at, number, n);
                if said == "accepted" {
                    self.bind(number, n, label);
                }
                said
            }
            Some(Place::Labelled | Place::Ready) => finished(),
            _ => refused("nothing_to_close"),
        }
    }
}
