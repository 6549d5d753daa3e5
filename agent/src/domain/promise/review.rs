//! A look at many orders, a few in memory at a time: who comes before whom, when each will be packed, and which of them
//! turn.
//!
//! First [`Review::count`] is shown all work that waits to be packed, then [`Review::find`] whatever is to be judged. In
//! between it keeps sums by rank, of which there are [`RANKS_MAX`] at most.

use super::offer::{Load, Offer, offer};
use super::pace::Capacity;
use super::{Case, Ending, Forecast, Standing, Target, judge, target, units_left};
use crate::domain::dispatch::Desk;
use crate::domain::name::OrderId;
use crate::domain::order::{Order, State};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::ops::AddAssign;

/// A site has an order of its own rank for each of the thousands that it packs in a day; where there are more, those that
/// are due close to each other count as one rank. 0.3 MB.
const RANKS_MAX: usize = 4_096;

/// An order that is open, or whose standing is.
#[derive(Clone, Debug)]
pub struct Work {
    pub order: Order,
    pub standing: Option<Standing>,
    /// What ended the collection of its standing.
    pub ending: Option<Ending>,
}

/// An order that turns, with what it was judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub order: OrderId,
    pub forecast: Forecast,
    pub ending: Option<Ending>,
}

/// One look at all work.
#[derive(Debug)]
pub struct Review<'a> {
    desk: Desk<'a>,
    capacity: &'a Capacity,
    load: Load,
    ahead: Ahead,
}

impl<'a> Review<'a> {
    #[must_use]
    pub fn new(desk: Desk<'a>, capacity: &'a Capacity) -> Self {
        Self { desk, capacity, load: Load::of(desk), ahead: Ahead::default() }
    }

    /// Takes note of what comes before others. Everything that waits is shown here before anything is judged.
    pub fn count(&mut self, work: &Work) {
        let units = units_waiting(work);
        if 0 < units {
            let target = self.target(work);
            self.load.add(units, target.as_ref());
            self.ahead.add(Rank::of(work, target.as_ref()), Sum { orders: 1, units });
        }
    }

    /// Whether an order turns; those of one rank come in the order in which they are shown here.
    #[must_use]
    pub fn find(&mut self, work: &Work) -> Option<Finding> {
        let waits = Sum { orders: 1, units: units_waiting(work) };
        let rank = Rank::of(work, self.target(work).as_ref());
        let ahead = self.ahead.before(rank, Some(waits).filter(|waits| 0 < waits.units));
        let forecast = Forecast {
            finish: self.capacity.finish(ahead.units.saturating_add(units_left(&work.order))),
            orders_ahead: ahead.orders,
            units_ahead: ahead.units,
            pace: self.capacity.per_hour,
            slow: self.capacity.slow,
        };
        let verdict = judge(self.desk, &case(work, forecast));
        let turns = verdict.standing != work.standing || !verdict.events.is_empty();
        turns.then(|| Finding { order: work.order.terms.id.clone(), forecast, ending: work.ending })
    }

    /// What can still be promised to others.
    #[must_use]
    pub fn offer(&self) -> Offer {
        offer(self.desk, self.capacity, &self.load)
    }

    fn target(&self, work: &Work) -> Option<Target> {
        target(self.desk, &case(work, Forecast::default()))
    }
}

fn case(work: &Work, forecast: Forecast) -> Case<'_> {
    Case { order: &work.order, standing: work.standing.as_ref(), forecast, ending: work.ending }
}

/// Units that somebody has to pack, and may.
fn units_waiting(work: &Work) -> u32 {
    let progress = &work.order.progress;
    let waits = !progress.held && !progress.state.is_closed() && progress.state != State::AwaitsPlatform;
    if waits { units_left(&work.order) } else { 0 }
}

/// The smallest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    not_expedited: bool,
    /// Of the collection, or when it must lie ready; microseconds, the largest number where none is known.
    at: i64,
    ship_by: i64,
}

impl Rank {
    fn of(work: &Work, target: Option<&Target>) -> Self {
        let microsecond = |at: Option<Timestamp>| at.map_or(i64::MAX, Timestamp::as_microsecond);
        Self {
            not_expedited: !work.order.progress.expedited,
            at: microsecond(target.map(|target| target.at)),
            ship_by: microsecond(work.order.terms.promise.ship_by),
        }
    }

    /// With times in steps of `step` microseconds.
    fn coarse(self, step: i64) -> Self {
        Self { at: self.at.div_euclid(step), ship_by: self.ship_by.div_euclid(step), ..self }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    orders: u32,
    units: u32,
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.orders = self.orders.saturating_add(other.orders);
        self.units = self.units.saturating_add(other.units);
    }
}

/// What waits, by rank; and then what of each rank was passed.
#[derive(Debug)]
struct Ahead {
    step: i64,
    counted: BTreeMap<Rank, Sum>,
    /// The same in order, once something is judged.
    passed: Vec<Passed>,
}

/// A rank: what comes before it, and what of it was shown already.
#[derive(Debug)]
struct Passed {
    rank: Rank,
    before: Sum,
    shown: Sum,
}

impl Default for Ahead {
    fn default() -> Self {
        Self { step: 1, counted: BTreeMap::new(), passed: Vec::new() }
    }
}

impl Ahead {
    fn add(&mut self, rank: Rank, waits: Sum) {
        *self.counted.entry(rank.coarse(self.step)).or_default() += waits;
        while RANKS_MAX < self.counted.len() {
            self.step *= 2;
            for (rank, waits) in std::mem::take(&mut self.counted) {
                *self.counted.entry(rank.coarse(2)).or_default() += waits;
            }
        }
    }

    /// What comes before an order of this rank that adds `waits` to what comes before the next one.
    fn before(&mut self, rank: Rank, waits: Option<Sum>) -> Sum {
        if !self.counted.is_empty() {
            let mut before = Sum::default();
            self.passed = Vec::with_capacity(self.counted.len() + 1);
            for (rank, waits) in std::mem::take(&mut self.counted) {
                self.passed.push(Passed { rank, before, shown: Sum::default() });
                before += waits;
            }
            // Behind all others: orders that have nothing to wait for.
            let rank = Rank { not_expedited: true, at: i64::MAX, ship_by: i64::MAX };
            self.passed.push(Passed { rank, before, shown: Sum::default() });
        }
        let rank = rank.coarse(self.step);
        let at = self.passed.partition_point(|passed| passed.rank < rank);
        let Some(passed) = self.passed.get_mut(at) else { return Sum::default() };
        let mut ahead = passed.before;
        if passed.rank == rank {
            ahead += passed.shown;
            if let Some(waits) = waits {
                passed.shown += waits;
            }
        }
        ahead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(at: i64, ship_by: i64) -> Rank {
        Rank { not_expedited: true, at, ship_by }
    }

    fn units(units: u32) -> Sum {
        Sum { orders: 1, units }
    }

    #[test]
    fn who_is_more_urgent_comes_first_and_of_one_rank_who_is_shown_first() {
        let mut ahead = Ahead::default();
        let expedited = Rank { not_expedited: false, ..rank(9, 9) };
        for (rank, count) in [(rank(5, 1), 10), (rank(3, 7), 20), (rank(5, 1), 40), (expedited, 80), (rank(5, 2), 160)]
        {
            ahead.add(rank, units(count));
        }
        let rows = [
            (expedited, Some(units(80)), (0, 0)),
            (rank(3, 7), Some(units(20)), (1, 80)),
            (rank(5, 1), Some(units(10)), (2, 100)),
            (rank(5, 1), Some(units(40)), (3, 110)),
            (rank(5, 2), Some(units(160)), (4, 150)),
            // Nothing is to be packed of these: who comes behind them waits no longer.
            (rank(5, 0), None, (2, 100)),
            (rank(1, 1), None, (1, 80)),
            (rank(i64::MAX, i64::MAX), None, (5, 310)),
        ];
        for (rank, waits, expected) in rows {
            let before = ahead.before(rank, waits);
            assert_eq!((before.orders, before.units), expected, "{rank:?}");
        }
    }

    #[test]
    fn nothing_comes_before_the_only_order() {
        assert_eq!(Ahead::default().before(rank(1, 1), None), Sum::default());
    }

    #[test]
    fn ranks_are_bounded_and_stay_in_order() {
        let mut ahead = Ahead::default();
        let many = 20 * RANKS_MAX as i64;
        for at in 0..many {
            ahead.add(rank(at, 0), units(1));
        }
        assert!(ahead.counted.len() <= RANKS_MAX, "{}", ahead.counted.len());
        let mut most_wrong = 0;
        for at in 0..many {
            let before = i64::from(ahead.before(rank(at, 0), Some(units(1))).units);
            most_wrong = most_wrong.max((before - at).abs());
        }
        assert_eq!(most_wrong, 0, "shown in order each comes behind those before it");
        assert!(ahead.passed.len() <= RANKS_MAX + 1);
    }
}
