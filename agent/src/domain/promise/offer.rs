//! What the site can still promise: until when an order that comes now leaves today.

use super::Target;
use super::pace::Capacity;
use crate::domain::carrier::{Carrier, Collection};
use crate::domain::dispatch::Desk;
use crate::domain::name::CarrierId;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// Collections that are told of, for each carrier.
const COLLECTIONS_TOLD: usize = 3;

/// The open work: in all, and by when it must be packed.
#[derive(Clone, Debug)]
pub struct Load {
    pub orders: u32,
    pub units: u32,
    /// Every cut-off that the offer asks for, in order.
    cut_offs: Vec<Timestamp>,
    /// Units that must be packed by each of them and not by the one before; the last for those without, or with a later one.
    by_cut_off: Vec<u32>,
}

impl Load {
    /// None yet.
    #[must_use]
    pub fn of(desk: Desk<'_>) -> Self {
        let upcoming = |carrier: &Carrier| carrier.upcoming(desk.now, &desk.rules.zone);
        let mut cut_offs: Vec<_> = desk.rules.carriers.iter().flat_map(upcoming).map(|next| next.cut_off).collect();
        cut_offs.sort_unstable();
        cut_offs.dedup();
        let by_cut_off = vec![0; cut_offs.len() + 1];
        Self { orders: 0, units: 0, cut_offs, by_cut_off }
    }

    pub fn add(&mut self, units: u32, target: Option<&Target>) {
        self.orders += 1;
        self.units += units;
        let asked = |target: &Target| self.cut_offs.partition_point(|asked| *asked < target.cut_off);
        let at = target.map_or(self.cut_offs.len(), asked);
        self.by_cut_off[at] += units;
    }

    /// Units that come before an order for this cut-off, of those that it was made for.
    fn before(&self, cut_off: Timestamp) -> u32 {
        let asked = self.cut_offs.partition_point(|asked| *asked <= cut_off);
        self.by_cut_off[..asked].iter().sum()
    }

    /// Units of one order, as orders are here; at least one.
    fn usual_order(&self) -> u32 {
        if self.orders == 0 { 1 } else { self.units.div_ceil(self.orders).max(1) }
    }
}

/// Whether orders can be promised for today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Open,
    /// There is a collection, and no time to pack for it.
    Full,
    /// No collection is left today.
    Closed,
    /// The clock can't be trusted: nobody can tell.
    Unknown,
}

impl Door {
    /// Every state, with the word for it in interfaces.
    pub const WORDS: [(&str, Self); 4] =
        [("open", Self::Open), ("full", Self::Full), ("closed", Self::Closed), ("unknown", Self::Unknown)];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}

/// What the checkout may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub door: Door,
    pub computed_at: Timestamp,
    /// The latest moment at which an order that is accepted leaves today.
    pub same_day_until: Option<Timestamp>,
    pub carriers: Vec<CarrierOffer>,
    pub open_orders: u32,
    pub open_units: u32,
    pub per_hour: u32,
    /// Whether the pace was measured at this time of day, and over how many minutes.
    pub measured: bool,
    pub measured_min: u32,
    /// Units that can be packed for today's last collection beyond those that wait for it.
    pub capacity_left: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarrierOffer {
    pub carrier: CarrierId,
    pub name: Arc<str>,
    pub same_day_until: Option<Timestamp>,
    /// The next ones that can still be made.
    pub collections: Vec<Collection>,
}

impl Offer {
    /// While the clock can't be trusted.
    #[must_use]
    pub fn unknown(now: Timestamp) -> Self {
        Self {
            door: Door::Unknown,
            computed_at: now,
            same_day_until: None,
            carriers: Vec::new(),
            open_orders: 0,
            open_units: 0,
            per_hour: 0,
            measured: false,
            measured_min: 0,
            capacity_left: 0,
        }
    }

    /// Whether a checkout sells by both: the same collections can be made, and as much as before is open or closed.
    #[must_use]
    pub fn sells_as(&self, other: &Self) -> bool {
        let sold = |offer: &Self| {
            let carriers = offer.carriers.iter();
            let sold = carriers.map(|of| (of.carrier.clone(), of.same_day_until.is_some(), of.collections.clone()));
            (offer.door, sold.collect::<Vec<_>>())
        };
        sold(self) == sold(other)
    }

    /// Whether both say the same to a checkout.
    #[must_use]
    pub fn says_what(&self, other: &Self) -> bool {
        Self { computed_at: other.computed_at, ..self.clone() } == *other
    }
}

/// What can be promised beside the open work.
#[must_use]
pub fn offer(desk: Desk<'_>, capacity: &Capacity, load: &Load) -> Offer {
    let (rules, now) = (desk.rules, desk.now);
    let margin = SignedDuration::try_from(rules.pledge.at_risk_margin).unwrap_or(SignedDuration::ZERO);
    let today = rules.day(now);
    let mut last_today: Option<Timestamp> = None;
    let mut of = |carrier: &Carrier| {
        let over = desk.gone.get(&carrier.id).copied().filter(|over| desk.is_plausible(*over));
        let open = |next: &Collection| now < next.cut_off && over.is_none_or(|over| over < next.at);
        let collections: Vec<_> = carrier.upcoming(now, &rules.zone).into_iter().filter(open).collect();
        let last = collections.iter().rfind(|next| rules.day(next.at) == today);
        let same_day_until = last.and_then(|last| {
            last_today = last_today.max(Some(last.cut_off));
            let packed_by = last.cut_off.checked_sub(margin).ok()?;
            let waiting = load.before(last.cut_off);
            let usual = load.usual_order();
            if capacity.until(packed_by) < waiting + usual {
                return None;
            }
            capacity.latest_start(usual, packed_by).filter(|until| now <= *until)
        });
        let collections = collections.into_iter().take(COLLECTIONS_TOLD).collect();
        CarrierOffer { carrier: carrier.id.clone(), name: (&*carrier.name).into(), same_day_until, collections }
    };
    let carriers: Vec<CarrierOffer> = rules.carriers.iter().map(&mut of).collect();
    let same_day_until = carriers.iter().filter_map(|carrier| carrier.same_day_until).max();
    let door = match (same_day_until, last_today) {
        (Some(_), _) => Door::Open,
        (None, Some(_)) => Door::Full,
        (None, None) => Door::Closed,
    };
    let capacity_left = last_today.map_or(0, |cut_off| capacity.until(cut_off).saturating_sub(load.before(cut_off)));
    Offer {
        door,
        computed_at: now,
        same_day_until,
        carriers,
        open_orders: load.orders,
        open_units: load.units,
        per_hour: capacity.per_hour,
        measured: capacity.measured,
        measured_min: capacity.measured_min,
        capacity_left,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::constant(1_795_420_800, 0) + SignedDuration::from_hours(hour)
    }

    fn collection(hour: i64) -> Collection {
        Collection { id: format!("dhl@{hour}").as_str().into(), at: at(hour), cut_off: at(hour - 1) }
    }

    fn said() -> Offer {
        let dhl = CarrierOffer {
            carrier: "dhl".into(),
            name: "DHL".into(),
            same_day_until: Some(at(12)),
            collections: vec![collection(16)],
        };
        Offer { door: Door::Open, same_day_until: Some(at(12)), carriers: vec![dhl], ..Offer::unknown(at(8)) }
    }

    #[test]
    fn what_changes_for_a_checkout_is_told_from_what_only_grows_or_shrinks() {
        type Change = fn(&mut Offer);
        for (what, change, sells_as, says_what) in [
            ("nothing", (|_| {}) as Change, true, true),
            ("it was looked at again", |offer| offer.computed_at = at(9), true, true),
            ("more waits", |offer| offer.open_units = 7, true, false),
            ("the pace is another", |offer| offer.per_hour = 60, true, false),
            ("less time is left", |offer| offer.carriers[0].same_day_until = Some(at(11)), true, false),
            ("no time is left", |offer| offer.carriers[0].same_day_until = None, false, false),
            ("a courier has gone", |offer| offer.carriers[0].collections = vec![collection(40)], false, false),
            ("a carrier is gone", |offer| offer.carriers.clear(), false, false),
            ("the day is over", |offer| offer.door = Door::Closed, false, false),
        ] {
            let mut now = said();
            change(&mut now);
            assert_eq!((said().sells_as(&now), said().says_what(&now)), (sells_as, says_what), "{what}");
        }
    }

    #[test]
    fn nothing_is_promised_while_nobody_knows_the_time() {
        let offer = Offer::unknown(at(8));
        assert_eq!((offer.door.word(), offer.same_day_until, offer.carriers), ("unknown", None, Vec::new()));
    }

    #[test]
    fn every_state_of_the_door_has_its_own_word() {
        for (word, door) in Door::WORDS {
            assert_eq!(door.word(), word);
        }
    }

    #[test]
    fn units_count_before_a_cut_off_that_is_not_sooner_and_orders_without_one_come_last() {
        let target = |hour| Target { collection: None, at: at(hour), cut_off: at(hour) };
        let mut load = Load { orders: 0, units: 0, cut_offs: vec![at(9), at(12)], by_cut_off: vec![0; 3] };
        assert_eq!((load.before(at(9)), load.usual_order()), (0, 1));
        for (units, hour) in [(3, Some(9)), (4, Some(12)), (8, None), (0, None)] {
            load.add(units, hour.map(target).as_ref());
        }
        for (hour, units) in [(8, 0), (9, 3), (11, 3), (12, 7), (99, 7)] {
            assert_eq!(load.before(at(hour)), units, "{hour}");
        }
        assert_eq!((load.orders, load.units, load.usual_order()), (4, 15, 4));
    }
}
