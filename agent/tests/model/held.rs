//! Holds the site against the model, and its log against what must be true of any log.

use super::play::{Floor, PREFIX};
use super::told;
use super::world::{Order, Place, SKUS, State, World};
use parceld::domain::event::Event;
use parceld::domain::order::{Order as Real, Parcel as RealParcel};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What both sides say of all orders and of the stock, as text.
pub fn compare(world: &World, floor: &Floor) -> Result<(), String> {
    let (orders, stock) = floor.orders_and_stock();
    let number = |order: &Real| order.terms.number.parse::<u32>().unwrap();
    let site: BTreeMap<u32, String> = orders.iter().map(|order| (number(order), real(order))).collect();
    for (number, order) in &world.orders {
        let (expected, found) = (modelled(order), site.get(number).map_or("none", String::as_str));
        if found != expected {
            return Err(format!("order {number} should be\n{expected}but is\n{found}"));
        }
    }
    for sku in SKUS {
        let expected = (world.on_hand.get(&sku).copied().unwrap_or_default(), world.reserved(sku));
        let found = stock.get(format!("sku-{sku}").as_str()).map(|stock| (stock.on_hand, stock.reserved));
        if found.unwrap_or_default() != expected {
            return Err(format!("stock of {sku}, on hand and reserved, should be {expected:?} but is {found:?}"));
        }
    }
    Ok(())
}

fn modelled(order: &Order) -> String {
    let state = match order.state {
        _ if order.held => "held",
        State::Accepted => "accepted",
        State::Picking => "picking",
        State::Picked => "picked",
        State::Packing => "packing",
        State::Packed => "packed",
        State::PartlyDispatched => "partly_dispatched",
        State::Completed => "completed",
        State::Cancelled => "cancelled",
    };
    let mut text = format!("  {state}{}", if order.expedited { " expedited" } else { "" });
    for line in &order.lines {
        let _ = write!(text, ", {} {} {}+{} of {}", line.id, line.picked, line.packed, line.short, line.quantity);
    }
    for parcel in &order.parcels {
        let place = match parcel.place {
            Place::Open => "open",
            Place::Sealed => "sealed",
            Place::Labelled => "labelled",
            Place::Ready => "ready",
            Place::Loaded => "loaded",
            Place::HandedOver => "handed_over",
            Place::Collected => "collected",
            Place::Withdrawn => "withdrawn",
        };
        let (label, void) = (parcel.label, if parcel.void { " void" } else { "" });
        let _ = write!(text, "\n  {place} {label:?}{void} {:?}", parcel.contents);
    }
    let mut goods: Vec<_> = order.put_back.iter().map(|goods| (goods.line.clone(), goods.sku, goods.units)).collect();
    goods.sort();
    let _ = writeln!(text, "\n  back {goods:?}");
    text
}

fn real(order: &Real) -> String {
    let mut text = format!("  {}{}", order.state_word(), if order.progress.expedited { " expedited" } else { "" });
    for (line, done) in order.terms.lines.iter().zip(&order.progress.lines) {
        let _ = write!(text, ", {} {} {}+{} of {}", line.id, done.picked, done.packed, done.short, line.quantity);
    }
    for parcel in &order.progress.parcels {
        let label = parcel.sscc.map(|sscc| sscc.serial_under(PREFIX).unwrap());
        let void = if parcel.void { " void" } else { "" };
        let _ = write!(text, "\n  {} {label:?}{void} {:?}", parcel.state.word(), contents(order, parcel));
    }
    let letter = |sku: &str| sku.strip_prefix("sku-").unwrap().chars().next().unwrap();
    let goods = order.progress.put_back.iter();
    let mut goods: Vec<_> =
        goods.map(|goods| (goods.item.line.to_string(), letter(&goods.item.sku), goods.units)).collect();
    goods.sort();
    let _ = writeln!(text, "\n  back {goods:?}");
    text
}

fn contents(order: &Real, parcel: &RealParcel) -> BTreeMap<String, u32> {
    parcel.contents.iter().map(|(line, units)| (order.terms.lines[*line].id.to_string(), *units)).collect()
}

/// What is true of every log, whatever happened.
pub fn assert_log(floor: &Floor) -> Result<(), String> {
    floor.assert_consistent();
    let events = floor.events();
    let (orders, _) = floor.orders_and_stock();
    couriers(&events, &orders)?;
    labels(&events, &orders)?;
    hand_overs(&events)?;
    told::notices(&events, &orders)?;
    orders.iter().try_for_each(units)
}

/// No key is asked for twice, and each ends once: fulfilled, withdrawn or missed, or its parcel still has it.
fn couriers(events: &[Event], orders: &[Real]) -> Result<(), String> {
    let (mut asked, mut open) = (BTreeSet::new(), BTreeSet::new());
    for event in events {
        match event {
            Event::DispatchRequested { key, .. } if !asked.insert(key.clone()) => {
                return Err(format!("a courier was asked for twice with {key}"));
            }
            Event::DispatchRequested { key, .. } => drop(open.insert(key.clone())),
            Event::DispatchWithdrawn { key, .. }
            | Event::DispatchMissed { key, .. }
            | Event::HandedOver { key: Some(key), .. }
                if !open.remove(key) =>
            {
                return Err(format!("{key} has ended before: {event:?}"));
            }
            _ => {}
        }
    }
    let parcels = orders.iter().flat_map(|order| &order.progress.parcels).filter(|parcel| !parcel.state.is_gone());
    let waiting: BTreeSet<_> = parcels.filter_map(|parcel| parcel.dispatch.clone()).collect();
    if open == waiting {
        Ok(())
    } else {
        Err(format!("couriers are to come for {open:?}, parcels wait for {waiting:?}"))
    }
}

/// No number stands on two parcels, and none is given a second time.
fn labels(events: &[Event], orders: &[Real]) -> Result<(), String> {
    let parcels = orders.iter().flat_map(|order| order.progress.parcels.iter().filter_map(|parcel| parcel.sscc));
    let (mut now, mut given) = (BTreeSet::new(), BTreeSet::new());
    for sscc in parcels {
        if !now.insert(sscc) {
            return Err(format!("{sscc} stands on two parcels"));
        }
    }
    for event in events {
        if let Event::ParcelSealed { sscc, .. } | Event::LabelVoided { sscc, .. } = event
            && !given.insert(*sscc)
        {
            return Err(format!("{sscc} was given twice"));
        }
    }
    Ok(())
}

/// A parcel that was handed over stays so until it is found left behind.
fn hand_overs(events: &[Event]) -> Result<(), String> {
    let mut gone = BTreeSet::new();
    for event in events {
        let id = event.order().cloned();
        match event {
            Event::HandedOver { parcel, .. } if !gone.insert((id.clone(), *parcel)) => {
                return Err(format!("handed over twice: {event:?}"));
            }
            Event::LeftBehind { parcel, .. } if !gone.remove(&(id.clone(), *parcel)) => {
                return Err(format!("left behind and never handed over: {event:?}"));
            }
            Event::ParcelUnloaded { parcel, .. }
            | Event::ParcelReopened { parcel, .. }
            | Event::LabelVoided { parcel, .. }
            | Event::ParcelLoaded { parcel, .. }
                if gone.contains(&(id.clone(), *parcel)) =>
            {
                return Err(format!("a parcel that has left can't do this: {event:?}"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// What is packed is in exactly one parcel, and nothing is packed that was not picked.
fn units(order: &Real) -> Result<(), String> {
    for (line, done) in order.progress.lines.iter().enumerate() {
        let boxed: u32 = order.progress.parcels.iter().map(|parcel| parcel.units_of(line)).sum();
        let fits = done.packed <= done.picked && done.picked + done.short <= order.terms.lines[line].quantity;
        if boxed != done.packed || !fits {
            return Err(format!("order {}: {done:?}, {boxed} in parcels", order.terms.number));
        }
    }
    Ok(())
}
