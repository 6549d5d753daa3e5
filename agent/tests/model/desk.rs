//! Goods that come in: returns, goods that orders no longer want, counts and receipts.

use super::scans::{Code, finished, other_mode, refused, unknown, wrong};
use super::world::{Last, Mode, Pending, Received, Return, Tally, Work, World};

/// How ids of returns begin that nobody announced.
const OWN: &str = "sthlm-03-r";

impl World {
    pub fn desk(&mut self, at: &'static str, code: &Code) -> String {
        match code {
            Code::Verb(verb) if verb == "DONE" => self.empty(at),
            Code::Verb(verb) if verb == "TAKE" => self.take(at),
            Code::Reason(reason) if reason == "R-DAMAGED" => self.damaged(at),
            Code::Label(label) if !self.labels.contains_key(label) => unknown(),
            Code::Order(_) | Code::Label(_) | Code::Return(_) => self.open_return(at, code, false),
            Code::Tote(tote) => match self.totes.get(tote) {
                Some(number) if self.orders[number].tote.as_deref() == Some(tote) => {
                    self.open_return(at, &Code::Order(*number), false)
                }
                _ => refused("empty_tote"),
            },
            Code::Item(_) | Code::Line(_) | Code::Nobody => self.returned_item(at, code),
            _ => other_mode(),
        }
    }

    /// The order that a code names, and the return that is to be opened for it.
    fn named(&self, code: &Code) -> (Option<u32>, Option<String>) {
        let order = match code {
            Code::Order(number) => Some(*number),
            Code::Label(label) => self.labels.get(label).map(|(number, _)| *number),
            _ => None,
        };
        let of_order = |(_, known): &(&String, &Return)| {
            order.is_some() && known.order == order && known.state != Received::Completed
        };
        let id = match code {
            Code::Return(id) => Some(id.clone()),
            _ => self.returns.iter().find(of_order).map(|(id, _)| id.clone()),
        };
        (order, id)
    }

    fn desk_elsewhere(&self, at: &str, code: &Code) -> Option<&'static str> {
        let (order, id) = self.named(code);
        let has_return = |work: &Work| matches!((work, &id), (Work::Return(known), Some(id)) if known == id);
        let other = self.stations.iter().find(|(known, station)| **known != at && has_return(&station.work));
        order.and_then(|number| self.elsewhere(at, number)).or_else(|| other.map(|(known, _)| *known))
    }

    fn open_return(&mut self, at: &str, code: &Code, taken: bool) -> String {
        if let Some(station) = self.desk_elsewhere(at, code).filter(|_| !taken) {
            return refused(format!("open_elsewhere {station}"));
        }
        let (order, id) = self.named(code);
        if let Some(number) = order.filter(|number| !self.orders[number].put_back.is_empty()) {
            self.station(at).work = Work::PutBack(number);
            let units: u32 = self.orders[&number].put_back.iter().map(|goods| goods.units).sum();
            return format!("opened 0/{units}");
        }
        let id = id.unwrap_or_else(|| self.unannounced(order));
        let known = self.returns.get_mut(&id).unwrap();
        if known.state == Received::Completed {
            return finished();
        }
        known.state = Received::Receiving;
        let said = format!("opened {}", known.progress());
        self.station(at).work = Work::Return(id);
        said
    }

    fn unannounced(&mut self, order: Option<u32>) -> String {
        let id = format!("{OWN}{}", self.next_return);
        self.next_return += 1;
        let (lines, found) = (Vec::new(), Vec::new());
        self.returns.insert(id.clone(), Return { order, announced: 0, lines, state: Received::Receiving, found });
        id
    }

    pub fn take_return(&mut self, at: &'static str, code: &Code) -> Option<String> {
        if matches!(code, Code::Label(label) if !self.labels.contains_key(label)) {
            return None;
        }
        let other = self.desk_elsewhere(at, code);
        let said = self.open_return(at, code, true);
        if let Some(other) = other.filter(|_| said.starts_with("opened")) {
            let other = self.station(other);
            other.lay_down();
            other.last = None;
        }
        Some(said)
    }

    fn returned_item(&mut self, at: &str, code: &Code) -> String {
        if let Work::PutBack(number) = self.stations[at].work {
            let goods = self.orders[&number].goods(code).cloned();
            return match goods {
                Some(goods) => self.put_back(at, number, &goods.line, goods.sku),
                None if code.known().is_some() || matches!(code, Code::Line(_)) => wrong("not_on_order"),
                None => unknown(),
            };
        }
        let open = match &self.stations[at].work {
            Work::Return(id) => Some(id.clone()),
            _ => None,
        };
        let sku = match code {
            Code::Item(letter) => Some(*letter),
            Code::Line(line) => open.as_ref().and_then(|id| self.returns[id].lines.get(*line)).copied(),
            _ => None,
        };
        let Some(sku) = sku else {
            return unknown();
        };
        let id = open.unwrap_or_else(|| self.unannounced(None));
        let station = self.station(at);
        station.work = Work::Return(id);
        station.pending = Some(Pending::Condition(sku));
        "opened".into()
    }

    /// How the item is; what can be sold again goes on the shelf.
    pub fn inspect(&mut self, at: &str, sku: char, condition: &str) -> String {
        let Work::Return(id) = self.stations[at].work.clone() else {
            return refused("nothing_to_close");
        };
        let known = self.returns.get_mut(&id).unwrap();
        known.found.push((sku, condition.to_owned()));
        let said = format!("accepted {}", known.progress());
        self.restock(sku, condition, 1);
        self.station(at).last = Some(Last::Inspected { id, sku, condition: condition.to_owned() });
        said
    }

    /// A product that this site does not know has no stock.
    fn restock(&mut self, sku: char, condition: &str, delta: i64) {
        if condition == "C-RESTOCK" && super::world::SKUS.contains(&sku) {
            self.move_stock(sku, delta);
        }
    }

    pub fn undo_inspected(&mut self, id: &str, sku: char, condition: &str) -> Option<String> {
        let known = self.returns.get_mut(id).filter(|known| known.state == Received::Receiving)?;
        let at = known.found.iter().rposition(|found| *found == (sku, condition.to_owned()))?;
        known.found.remove(at);
        let said = format!("accepted {}", known.progress());
        self.restock(sku, condition, -1);
        Some(said)
    }

    /// `DONE`: the box is empty. Goods that are put back can be left for later.
    fn empty(&mut self, at: &str) -> String {
        match self.stations[at].work.clone() {
            Work::PutBack(_) => {
                self.station(at).lay_down();
                "accepted".into()
            }
            Work::Return(id) => {
                let known = self.returns.get_mut(&id).unwrap();
                known.state = Received::Completed;
                let said = format!("completed {}", known.progress());
                let station = self.station(at);
                station.lay_down();
                station.last = None;
                said
            }
            _ => refused("nothing_to_close"),
        }
    }

    /// Counts and receipts: nothing changes before `DONE` writes it.
    pub fn tally(&mut self, at: &str, code: &Code) -> String {
        match code {
            Code::Verb(verb) if verb == "DONE" => self.write(at),
            Code::Quantity(units) => self.quantity(at, *units),
            Code::Bin(bin) => {
                self.station(at).bin = Some(bin.clone());
                "opened".into()
            }
            Code::Label(label) if !self.labels.contains_key(label) => unknown(),
            Code::Nobody => unknown(),
            Code::Item(_) => match code.known() {
                Some(sku) => self.tally_item(at, sku),
                None => unknown(),
            },
            _ => other_mode(),
        }
    }

    fn lines(&self, at: &str) -> Vec<Tally> {
        match &self.stations[at].work {
            Work::Tally(lines) => lines.clone(),
            _ => Vec::new(),
        }
    }

    fn tally_item(&mut self, at: &str, sku: char) -> String {
        let books = self.on_hand.get(&sku).copied().unwrap_or_default();
        let mut lines = self.lines(at);
        if lines.iter().all(|line| line.sku != sku) {
            lines.push(Tally { sku, units: 0, books });
        }
        let line = lines.iter_mut().find(|line| line.sku == sku).unwrap();
        line.units += 1;
        line.books = books;
        let units = line.units;
        let station = self.station(at);
        station.work = Work::Tally(lines);
        station.last = Some(Last::Tallied { sku, units: 1 });
        format!("accepted {units}/{units}")
    }

    /// So many instead of what the last scan said.
    fn quantity(&mut self, at: &str, units: u32) -> String {
        let mut lines = self.lines(at);
        let Some(Last::Tallied { sku, units: before }) = self.stations[at].last else {
            return refused("unfit");
        };
        let Some(line) = lines.iter_mut().find(|line| line.sku == sku) else {
            return refused("unfit");
        };
        line.units = line.units - before + units;
        let total = line.units;
        let station = self.station(at);
        station.work = Work::Tally(lines);
        station.last = Some(Last::Tallied { sku, units });
        format!("accepted {total}/{total}")
    }

    pub fn undo_tallied(&mut self, at: &str, sku: char, units: u32) -> Option<String> {
        let mut lines = self.lines(at);
        let line = lines.iter_mut().find(|line| line.sku == sku)?;
        line.units -= units;
        let left = line.units;
        lines.retain(|line| line.sku != sku || 0 < line.units);
        self.station(at).work = if lines.is_empty() { Work::Idle } else { Work::Tally(lines) };
        Some(format!("accepted {left}/{left}"))
    }

    /// A count corrects the books by what they were wrong by when it was made; a receipt adds to them.
    fn write(&mut self, at: &str) -> String {
        let lines = self.lines(at);
        if lines.is_empty() {
            return refused("nothing_to_close");
        }
        self.written += 1;
        let receives = self.stations[at].mode == Mode::Receive;
        for line in &lines {
            let books = if receives { 0 } else { line.books };
            self.move_stock(line.sku, i64::from(line.units) - books);
        }
        let units: u32 = lines.iter().map(|line| line.units).sum();
        let station = self.station(at);
        station.lay_down();
        station.last = None;
        format!("completed {units}/{units}")
    }
}
