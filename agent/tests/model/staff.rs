//! What somebody who knows the work would scan next: it leads where random scans alone never come.

use super::world::{Mode, Order, Pending, Place, State, Step, Work, World};

impl World {
    /// None where nothing is to be done.
    pub fn next_scan(&self, at: &str) -> Option<String> {
        let station = &self.stations[at];
        if let Some(begun) = &station.pending {
            return Some(self.finishing(at, begun));
        }
        Some(match station.mode {
            Mode::Pick | Mode::Pack if station.work == Work::Idle => {
                self.most_urgent(at)?;
                "DONE".into()
            }
            Mode::Pick | Mode::Pack => self.at_bench(at),
            Mode::Load => return self.at_door(at),
            Mode::Return => self.at_desk(at),
            Mode::Count | Mode::Receive => match &station.work {
                Work::Tally(lines) if 1 < lines.len() => "DONE".into(),
                Work::Tally(lines) if lines[0].sku == 'A' => "B".into(),
                _ => "A".into(),
            },
        })
    }

    fn finishing(&self, at: &str, begun: &Pending) -> String {
        match begun {
            Pending::Tote(_) => "DONE".into(),
            Pending::Take => self.taken(at).unwrap_or_else(|| "CANCEL".into()),
            Pending::Unit { tote, .. } => format!("TOTE:{tote}"),
            Pending::ShortItem | Pending::Remove => self.some_item(at),
            Pending::ShortCause { .. } => "R-NOT-THERE".into(),
            Pending::Condition(_) => "C-RESTOCK".into(),
            Pending::Place { .. } => "BIN:C1".into(),
            Pending::Found { .. } => "R-LEFT-BEHIND".into(),
        }
    }

    fn taken(&self, at: &str) -> Option<String> {
        let (_, other) = self.stations.iter().find(|(id, other)| **id != at && other.work != Work::Idle)?;
        match &other.work {
            Work::Order(number) | Work::Collect(number) | Work::PutBack(number) => Some(number.to_string()),
            Work::Round(totes) => totes.first().map(|(_, number)| number.to_string()),
            Work::Return(id) => Some(id.clone()),
            Work::Manifest { id, .. } => self.label_where(|order, place| {
                place == Place::Loaded && order.carrier == Some(self.manifests[*id].carrier)
            }),
            Work::Idle | Work::Tally(_) => None,
        }
    }

    fn some_item(&self, at: &str) -> String {
        let here = self.orders_here(at);
        let goods = here.iter().flat_map(|number| &self.orders[number].put_back).map(|goods| goods.sku);
        let lines = here.iter().flat_map(|number| &self.orders[number].lines).map(|line| line.sku);
        goods.chain(lines).next().unwrap_or('A').to_string()
    }

    fn label_where(&self, is: impl Fn(&Order, Place) -> bool) -> Option<String> {
        let fits = |(label, (number, n)): &(&u64, &(u32, usize))| {
            let order = &self.orders[number];
            order.parcels.get(*n).is_some_and(|parcel| parcel.label == Some(**label) && is(order, parcel.place))
        };
        self.labels.iter().find(fits).map(|(label, _)| format!("p{label}"))
    }

    fn at_bench(&self, at: &str) -> String {
        let step = self.step(at);
        let here = self.orders_here(at);
        let mut lines = here.iter().flat_map(|number| &self.orders[number].lines).filter(|line| 0 < line.todo(step));
        let station = &self.stations[at];
        match (lines.next(), here.first()) {
            (Some(line), _) => match line.bin.filter(|_| self.bins && step != Step::Pack) {
                Some(bin) if station.bin.as_deref() != Some(bin) => format!("BIN:{bin}"),
                _ => line.sku.to_string(),
            },
            (None, Some(first)) if !self.orders[first].put_back.is_empty() && step != Step::Pick => "REMOVE".into(),
            (None, Some(first)) if self.orders[first].is_filled() => "SEAL".into(),
            _ => "DONE".into(),
        }
    }

    fn at_door(&self, at: &str) -> Option<String> {
        let carrier = match self.stations[at].work {
            Work::Collect(_) => return Some("HANDOVER".into()),
            Work::Manifest { id, .. } if !self.manifests[id].closed => Some(self.manifests[id].carrier),
            _ => None,
        };
        let here = |order: &Order| !order.held && (carrier.is_none() || order.carrier == carrier);
        let waits = |order: &Order, place: Place| {
            here(order) && (place == Place::Sealed || place == Place::Labelled) && order.state != State::Cancelled
        };
        let stuck = |order: &Order, place: Place| place == Place::Loaded && (order.held || order.is_closed());
        let ready = self
            .orders
            .iter()
            .find(|(_, order)| order.carrier.is_none() && order.state == State::Packed && !order.held);
        let label = self.label_where(waits).or_else(|| self.label_where(stuck));
        let hand_over = carrier.map(|_| "HANDOVER".into());
        label.or(hand_over).or_else(|| ready.map(|(number, _)| number.to_string()))
    }

    fn at_desk(&self, at: &str) -> String {
        match &self.stations[at].work {
            Work::PutBack(number) => self.orders[number].put_back.first().map_or('A', |goods| goods.sku).to_string(),
            Work::Return(id) if 2 < self.returns[id].found.len() => "DONE".into(),
            Work::Return(_) => "A".into(),
            _ => {
                let goods = self.orders.iter().find(|(_, order)| !order.put_back.is_empty());
                goods.map_or("r-1".into(), |(number, _)| number.to_string())
            }
        }
    }
}
