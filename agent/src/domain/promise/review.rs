//! All open orders at once: who comes before whom, when each will be packed, and which of them turn.

use super::offer::{Load, Offer, offer};
use super::pace::Capacity;
use super::{Case, Ending, Forecast, Standing, Target, judge, target, units_left};
use crate::domain::dispatch::Desk;
use crate::domain::name::OrderId;
use crate::domain::order::{Order, State};
use jiff::Timestamp;

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

/// Looks at all work. What turns, and what can still be promised to others.
#[must_use]
pub fn review(desk: Desk<'_>, capacity: &Capacity, work: &[Work]) -> (Vec<Finding>, Offer) {
    let with_target = |work| (work, target(desk, &case(work, Forecast::default())));
    let mut queue: Vec<(&Work, Option<Target>)> = work.iter().map(with_target).collect();
    queue.sort_by_key(|(work, target)| {
        let at = target.as_ref().map_or(Timestamp::MAX, |target| target.at);
        let ship_by = work.order.terms.promise.ship_by.unwrap_or(Timestamp::MAX);
        (!work.order.progress.expedited, at, ship_by)
    });

    let mut load = Load::default();
    let mut findings = Vec::new();
    for (work, target) in queue {
        let units = units_left(&work.order);
        let waits = !work.order.progress.held && !is_over(&work.order);
        let (orders_ahead, units_ahead) = (load.orders, load.units);
        let forecast = Forecast {
            finish: capacity.finish(units_ahead + units),
            orders_ahead,
            units_ahead,
            pace: capacity.per_hour,
            slow: capacity.slow,
        };
        if waits && 0 < units {
            load.add(units, target.as_ref());
        }
        let verdict = judge(desk, &case(work, forecast));
        if verdict.standing != work.standing || !verdict.events.is_empty() {
            findings.push(Finding { order: work.order.terms.id.clone(), forecast, ending: work.ending });
        }
    }
    let offer = offer(desk, capacity, &load);
    (findings, offer)
}

fn case(work: &Work, forecast: Forecast) -> Case<'_> {
    Case { order: &work.order, standing: work.standing.as_ref(), forecast, ending: work.ending }
}

fn is_over(order: &Order) -> bool {
    order.progress.state.is_closed() || order.progress.state == State::AwaitsPlatform
}
