//! `parceld orders`: open orders by urgency, or one with what happened to it, from the database.

use super::Exit;
use super::events;
use super::terminal::{self, plain};
use crate::config::Config;
use crate::journal::orders::{Listed, Which};
use crate::journal::{Error, Reader};
use crate::report::orders::{OrderSeen, OrderWhole};
use jiff::tz::TimeZone;
use std::io;

/// More than anybody reads on a terminal.
const ORDERS_MAX: usize = 1_000;

pub fn list(config: &Config, json: bool) -> io::Result<Exit> {
    let orders = match read(config, &Which::Open, ORDERS_MAX) {
        Ok(orders) => orders,
        Err(error) => return Ok(complain(&error)),
    };
    let seen = orders.iter().map(OrderSeen::from);
    let zone = &config.site.timezone;
    for order in seen {
        terminal::print(&match json {
            true => terminal::plain_json(&serde_json::to_string(&order)?),
            false => line(&order, zone),
        })?;
    }
    if orders.is_empty() {
        terminal::complain("no order is open");
    }
    Ok(Exit::Well)
}

pub fn show(config: &Config, id: &str, json: bool) -> io::Result<Exit> {
    let mut orders = match read(config, &Which::Named(id.to_owned()), ORDERS_MAX) {
        Ok(orders) => orders,
        Err(error) => return Ok(complain(&error)),
    };
    // Of those whose number only begins so, none is meant where one is called exactly that.
    if orders.iter().any(|listed| is_called(listed, id)) {
        orders.retain(|listed| is_called(listed, id));
    }
    let [listed] = orders.as_slice() else {
        let numbers: Vec<_> = orders.iter().take(20).map(|listed| listed.order.terms.number.to_string()).collect();
        terminal::complain(&match numbers.as_slice() {
            [] => format!("no order is called {id}; parceld events --order {id} shows what is left of a forgotten one"),
            numbers => format!("several orders are meant by {id}: {}", numbers.join(", ")),
        });
        return Ok(Exit::Failed);
    };
    let whole = OrderWhole::from(listed);
    if json {
        terminal::print(&terminal::plain_json(&serde_json::to_string(&whole)?))?;
        return Ok(Exit::Well);
    }
    text(&whole, &config.site.timezone).iter().try_for_each(|line| terminal::print(line))?;
    terminal::print("")?;
    let order = Some(whole.order.id.clone());
    events::print(config, &events::Wanted { follow: false, order, since: None, limit: None, json: false })
}

fn is_called(listed: &Listed, text: &str) -> bool {
    *listed.order.terms.id == *text || *listed.order.terms.number == *text
}

fn read(config: &Config, which: &Which, limit: usize) -> Result<Vec<Listed>, Error> {
    Reader::open(&config.storage.path)?.listed(which, 0, limit)
}

fn complain(error: &Error) -> Exit {
    terminal::complain(&error.to_string());
    Exit::Failed
}

fn line(order: &OrderSeen, zone: &TimeZone) -> String {
    let by = order.target.as_ref().map_or_else(String::new, |target| {
        format!("  by {} ({})", terminal::time(target.cut_off, zone), target.course)
    });
    let at = if order.stations.is_empty() { String::new() } else { format!("  at {}", order.stations.join(", ")) };
    let expedited = if order.expedited { "  expedited" } else { "" };
    let (done, of) = (order.packed.done, order.packed.of);
    plain(&format!("{:<12} {:<16} {done} of {of}{by}{at}{expedited}", order.number, order.state))
}

fn text(whole: &OrderWhole, zone: &TimeZone) -> Vec<String> {
    let order = &whole.order;
    let mut lines = vec![line(order, zone), plain(&format!("id         {}", order.id))];
    let carrier = order.carrier.as_deref().unwrap_or("fetched by its customer");
    lines.push(plain(&format!("carrier    {carrier}")));
    lines.extend(whole.lines.iter().map(|line| {
        let short = if line.short == 0 { String::new() } else { format!(", {} short", line.short) };
        plain(&format!("line       {} {}: {} of {} packed{short}", line.sku, line.name, line.packed, line.quantity))
    }));
    lines.extend(whole.packed_in.iter().map(|parcel| {
        let number = parcel.tracking.as_deref().or(parcel.sscc.as_deref()).unwrap_or("no label yet");
        plain(&format!("parcel     {} {}: {number}", parcel.parcel, parcel.state))
    }));
    lines
}
