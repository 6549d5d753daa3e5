//! Corrections at the bench: `SHORT`, `REMOVE`, `TAKE`, and what each station's one `UNDO` takes back.

use super::scans::{Code, other_mode, refused, unknown, wrong};
use super::world::{Last, Mode, OnShort, Pending, Place, State, Step, Work, World};

fn nothing_to_undo() -> String {
    refused("nothing_to_undo")
}

impl World {
    /// `SHORT` and `REMOVE` wait for their item.
    pub fn begin(&mut self, at: &str, pending: Pending) -> String {
        let hindered = match &self.stations[at].work {
            Work::Order(number) => self.hindrance(at, *number),
            Work::Round(_) => None,
            _ => Some(refused("no_order_open")),
        };
        if let Some(why) = hindered {
            return why;
        }
        self.station(at).pending = Some(pending);
        "opened".into()
    }

    /// The first order here with a line of this item for which `suits` is true.
    fn find(&self, at: &str, code: &Code, suits: impl Fn(u32, usize) -> bool) -> Option<(u32, usize)> {
        let here = self.orders_here(at).into_iter();
        here.into_iter().find_map(|number| Some((number, self.line_of(at, number, code, |line| suits(number, line))?)))
    }

    fn not_here(&self, code: &Code) -> String {
        if code.known().is_some() { wrong("not_on_order") } else { unknown() }
    }

    pub fn short_item(&mut self, at: &str, code: &Code) -> String {
        let step = self.step(at);
        let open = |number: u32, line: usize| {
            let row = &self.orders[&number].lines[line];
            0 < if step == Step::Pick { row.missing() } else { row.unpacked() }
        };
        let Some((number, line)) = self.find(at, code, open) else {
            return match self.find(at, code, |_, _| true) {
                Some(_) => "over (line_complete)".into(),
                None => self.not_here(code),
            };
        };
        if let Some(why) = self.hindrance(at, number) {
            return why;
        }
        let line = self.orders[&number].lines[line].id.clone();
        self.station(at).pending = Some(Pending::ShortCause { order: number, line, there: None });
        "opened".into()
    }

    /// The rest of the line is closed, stock follows the reason, and the order goes on as it says itself.
    pub fn short(&mut self, at: &str, number: u32, line: &str, there: Option<u32>, reason: &str) -> String {
        let step = self.step(at);
        if let Some(why) = self.hindrance(at, number) {
            return why;
        }
        let Some(line) = self.orders[&number].line(line) else {
            return refused("no_order_open");
        };
        let row = &self.orders[&number].lines[line];
        let units = if step == Step::Pick { row.missing() } else { row.unpacked() };
        if units == 0 {
            return "over (line_complete)".into();
        }
        self.begin_work(at, number);
        let row = &mut self.order(number).lines[line];
        // What was picked and can't be packed is neither on the shelf nor in a parcel.
        let lost = if step == Step::Pick { 0 } else { row.picked - row.packed };
        row.picked -= lost;
        row.short += units;
        let (id, sku) = (row.id.clone(), row.sku);
        let on_hand = self.on_hand.get(&sku).copied().unwrap_or_default();
        let delta = match reason {
            _ if 0 < lost => 0,
            "R-NOT-THERE" => i64::from(there.unwrap_or_default()) - on_hand,
            "R-DAMAGED" => -i64::from(units),
            _ => 0,
        };
        self.move_stock(sku, delta);
        let order = self.order(number);
        // What turns up again lies on the shelf until it is picked again.
        let delta = delta - i64::from(lost);
        let mut last = Last::Short { order: number, line: id, units, delta, closed: false, heard: order.heard };
        if order.on_short == OnShort::Cancel || order.wanted() == 0 {
            order.cancel();
            let station = self.station(at);
            station.give_up(number);
            station.last = None;
            return "accepted".into();
        }
        let said = if order.on_short == OnShort::Hold {
            order.held = true;
            self.station(at).give_up(number);
            "accepted".into()
        } else {
            self.close(at, number)
        };
        if let Last::Short { closed, .. } = &mut last {
            *closed = said.starts_with("completed");
        }
        self.station(at).last = Some(last);
        said
    }

    pub fn remove_item(&mut self, at: &str, code: &Code) -> String {
        let step = self.step(at);
        let goods = self.orders_here(at).into_iter().find_map(|number| {
            let goods = self.orders[&number].goods(code)?;
            Some((number, goods.line.clone(), goods.sku))
        });
        if let Some((number, line, sku)) = goods {
            return self.put_back(at, number, &line, sku);
        }
        let removable = |number: u32, line: usize| {
            let order = &self.orders[&number];
            let row = &order.lines[line];
            row.packed < row.picked || (step != Step::Pick && 0 < order.in_open_parcel(&row.id))
        };
        let Some((number, line)) = self.find(at, code, removable) else {
            return match self.find(at, code, |_, _| true) {
                Some(_) => nothing_to_undo(),
                None => self.not_here(code),
            };
        };
        if let Some(why) = self.hindrance(at, number) {
            return why;
        }
        self.begin_work(at, number);
        let order = self.order(number);
        let sku = order.lines[line].sku;
        if step != Step::Pick && 0 < order.in_open_parcel(&order.lines[line].id.clone()) {
            order.unpack(line);
        }
        order.lines[line].picked -= 1;
        if step == Step::Pack {
            order.state = State::Picking;
        }
        let said = format!("accepted {}", order.progress(step));
        self.move_stock(sku, 1);
        let station = self.station(at);
        if step == Step::Pack {
            station.give_up(number);
        }
        station.last = Some(Last::Removed { order: number, sku });
        said
    }

    /// One unit of goods that the order no longer wants, back on the shelf.
    pub fn put_back(&mut self, at: &str, number: u32, line: &str, sku: char) -> String {
        self.move_stock(sku, 1);
        let order = self.order(number);
        let at_goods = order.put_back.iter().position(|goods| goods.line == line && goods.sku == sku).unwrap();
        order.put_back[at_goods].units -= 1;
        if order.put_back[at_goods].units == 0 {
            order.put_back.remove(at_goods);
        }
        let all = order.put_back.is_empty();
        let at_work = self.hindrance(at, number).is_none();
        self.station(at).last = Some(Last::Removed { order: number, sku });
        if all && at_work && self.orders_here(at).contains(&number) {
            self.begin_work(at, number);
            return self.close(at, number);
        }
        if all && matches!(self.stations[at].work, Work::PutBack(_)) {
            self.station(at).work = Work::Idle;
        }
        if all { "completed".into() } else { "accepted".into() }
    }

    /// `R-DAMAGED` behind a unit that came out: it does not go on the shelf after all.
    pub fn damaged(&mut self, at: &str) -> String {
        let Some(Last::Removed { sku, .. }) = self.stations[at].last else {
            return other_mode();
        };
        self.move_stock(sku, -1);
        self.station(at).last = None;
        "accepted".into()
    }

    /// `TAKE` and what is open elsewhere; none where the code is nothing that can be taken here.
    pub fn take_over(&mut self, at: &'static str, code: &Code) -> Option<String> {
        match (self.stations[at].mode, code) {
            (Mode::Pick | Mode::Pack, Code::Order(number)) => {
                let other = self.elsewhere(at, *number);
                let said = self.open(at, *number, None, true);
                if let Some(other) = other.filter(|_| said.starts_with("opened")) {
                    self.station(other).give_up(*number);
                }
                Some(said)
            }
            (Mode::Load, Code::Label(label)) => self.take_manifest(at, *label),
            (Mode::Load, Code::Order(number)) if self.orders[number].carrier.is_none() => {
                let other = self.elsewhere(at, *number);
                let said = self.fetch(at, *number, true);
                if let Some(other) = other.filter(|_| said.starts_with("opened")) {
                    self.station(other).give_up(*number);
                }
                Some(said)
            }
            (Mode::Return, Code::Order(_) | Code::Label(_) | Code::Return(_)) => self.take_return(at, code),
            _ => None,
        }
    }

    /// The station's last counted scan is negated; a hand-over never is.
    pub fn undo(&mut self, at: &'static str) -> String {
        if self.station(at).pending.take().is_some() {
            return "accepted".into();
        }
        let Some(last) = self.stations[at].last.clone() else {
            return nothing_to_undo();
        };
        if let Some(why) = self.undo_hindered(at, &last) {
            return why;
        }
        let said = match last {
            Last::Unit { order, line, step, closed } => self.undo_unit(at, order, &line, step, closed),
            Last::Sealed { order, n } => self.reopen(order, n).then(|| self.open_again(at, order, Step::Both)),
            Last::Short { order, line, units, delta, closed, .. } => {
                self.undo_short(at, order, &line, (units, delta), closed)
            }
            Last::Removed { order, sku } => self.undo_removed(at, order, sku),
            Last::Loaded { order, n } => self.unload(order, n),
            Last::Inspected { id, sku, condition } => self.undo_inspected(&id, sku, &condition),
            Last::Tallied { sku, units } => self.undo_tallied(at, sku, units),
        };
        let Some(said) = said else {
            return nothing_to_undo();
        };
        if said.starts_with("accepted") || said.starts_with("completed") {
            self.station(at).last = None;
        }
        said
    }

    fn undo_hindered(&self, at: &str, last: &Last) -> Option<String> {
        let (number, is_short, is_loaded) = match last {
            Last::Unit { order, .. } | Last::Sealed { order, .. } | Last::Removed { order, .. } => {
                (*order, false, false)
            }
            Last::Short { order, heard, .. } => {
                let of = &self.orders[order];
                (*order, of.on_short == OnShort::Hold && of.heard == *heard, false)
            }
            Last::Loaded { order, .. } => (*order, false, true),
            Last::Inspected { .. } | Last::Tallied { .. } => return None,
        };
        let order = &self.orders[&number];
        let elsewhere = self.elsewhere(at, number).filter(|_| !is_loaded);
        match (order.state, elsewhere) {
            (State::Cancelled, _) => Some(refused("cancelled")),
            _ if order.held && !is_short => Some(refused("on_hold")),
            (_, Some(station)) => Some(refused(format!("open_elsewhere {station}"))),
            _ => None,
        }
    }

    /// Opens the last parcel again, where it is still here: its label is void and nobody shall come for it.
    fn reopen(&mut self, number: u32, n: usize) -> bool {
        let order = self.order(number);
        let can = n + 1 == order.parcels.len()
            && order.parcels[n].place.waits()
            && matches!(order.state, State::Packing | State::Packed | State::PartlyDispatched);
        if can {
            let parcel = &mut order.parcels[n];
            (parcel.place, parcel.label, parcel.asked) = (Place::Open, None, None);
            parcel.revision = 0;
            order.state = State::Packing;
        }
        can
    }

    fn open_again(&mut self, at: &str, number: u32, step: Step) -> String {
        let station = self.station(at);
        if station.work == Work::Idle {
            station.work = Work::Order(number);
        }
        format!("accepted {}", self.orders[&number].progress(step))
    }

    fn undo_unit(&mut self, at: &str, number: u32, line: &str, step: Step, closed: bool) -> Option<String> {
        let order = &self.orders[&number];
        let index = order.line(line)?;
        let row = order.lines[index].clone();
        if step == Step::Pick {
            let here = matches!(order.state, State::Picking | State::Picked) && row.packed < row.picked;
            here.then_some(())?;
        } else {
            let last = order.parcels.last()?;
            (0 < last.contents.get(line).copied().unwrap_or_default()).then_some(())?;
            match closed {
                true => self.reopen(number, order.parcels.len() - 1).then_some(())?,
                false => (order.state == State::Packing && last.place == Place::Open).then_some(())?,
            }
            self.order(number).unpack(index);
        }
        if step != Step::Pack {
            let order = self.order(number);
            order.lines[index].picked -= 1;
            if order.state == State::Picked {
                order.state = State::Picking;
            }
            self.move_stock(row.sku, 1);
        }
        Some(self.open_again(at, number, step))
    }

    fn undo_short(
        &mut self,
        at: &str,
        number: u32,
        line: &str,
        (units, delta): (u32, i64),
        closed: bool,
    ) -> Option<String> {
        let step = self.step(at);
        let order = &self.orders[&number];
        let line = order.line(line).filter(|line| units <= order.lines[*line].short)?;
        let sku = order.lines[line].sku;
        let reopens = closed && step != Step::Pick;
        let at_work = matches!(order.state, State::Picking | State::Picked | State::Packing);
        match reopens {
            true => self.reopen(number, order.parcels.len() - 1).then_some(())?,
            false => at_work.then_some(())?,
        }
        let order = self.order(number);
        order.held = false;
        order.lines[line].short -= units;
        if step == Step::Pack || order.state == State::Picked {
            order.state = State::Picking;
        }
        self.ask_for_waiting(number);
        self.move_stock(sku, -delta);
        if step == Step::Pack {
            // The units have to be picked before they can be packed.
            self.station(at).give_up(number);
            return Some("accepted".into());
        }
        Some(self.open_again(at, number, step))
    }

    /// The unit that came out goes back in.
    fn undo_removed(&mut self, at: &str, number: u32, sku: char) -> Option<String> {
        let step = self.step(at);
        let state = if step == Step::Pick { State::Picking } else { State::Packing };
        let order = &self.orders[&number];
        let line = order.lines.iter().position(|line| line.sku == sku && 0 < line.missing())?;
        (step != Step::Pack && order.state == state && order.put_back.is_empty()).then_some(())?;
        let order = self.order(number);
        order.lines[line].picked += 1;
        if step == Step::Both {
            order.pack(line);
        }
        self.move_stock(sku, -1);
        Some(self.close(at, number))
    }
}
