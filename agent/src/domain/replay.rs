//! Plays a log back: the orders as they are after it, by the same state machines as live.

use super::event::Event;
use super::name::OrderId;
use super::order::{Illegal, Order};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The orders that `events` tell of.
///
/// # Errors
/// An event that its order's state refuses: the log is damaged or has a gap.
pub fn replay<'a>(events: impl IntoIterator<Item = &'a Event>) -> Result<BTreeMap<OrderId, Order>, Illegal> {
    let mut orders = BTreeMap::new();
    for event in events {
        if let Event::OrderAccepted { terms } = event {
            orders.insert(terms.id.clone(), Order::accept(Arc::clone(terms)));
            continue;
        }
        if let Some(order) = event.order().and_then(|id| orders.get_mut(&**id)) {
            order.apply(event)?;
        }
    }
    Ok(orders)
}
