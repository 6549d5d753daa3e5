//! A log read as plainly as can be: each event in turn, and nothing but what it says.
//!
//! Written beside the platform's code and without any of it; what both make of a log must be the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Picture {
    pub orders: BTreeMap<String, Order>,
    /// Of each request for a courier: `open`, `withdrawn`, `missed` or `fulfilled`.
    pub dispatches: BTreeMap<String, String>,
    pub returns: BTreeMap<String, String>,
    /// On hand, by product, where anything was said of it.
    pub stock: BTreeMap<String, i64>,
    pub notices: BTreeMap<String, Notice>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Order {
    pub state: String,
    pub held: bool,
    /// Wanted, picked, packed, short.
    pub lines: BTreeMap<String, [i64; 4]>,
    pub parcels: BTreeMap<u64, String>,
}

/// One request to tell a customer something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub milestone: String,
    pub order: String,
    /// The channels that its customer allows.
    pub channels: Vec<String>,
    /// The request for something newer that makes this one old.
    pub replaced_by: Option<String>,
    /// A step of an order that was cancelled after it was asked for.
    pub untrue: bool,
}

impl Picture {
    /// What a log of one epoch, in sequence, comes to.
    #[must_use]
    pub fn of(events: &[Value]) -> Picture {
        let mut picture = Picture::default();
        events.iter().for_each(|event| picture.take(event));
        picture
    }

    /// Keys of what has to be said: nothing newer replaces it, and it is still so.
    #[must_use]
    pub fn to_be_said(&self) -> BTreeSet<&str> {
        let last = self.notices.iter().filter(|(_, notice)| !notice.is_old());
        last.map(|(key, _)| key.as_str()).collect()
    }

    fn take(&mut self, event: &Value) {
        let data = &event["data"];
        let kind = event["type"].as_str().and_then(|kind| kind.strip_prefix("parceld.")?.strip_suffix(".v1"));
        let kind = kind.unwrap_or_else(|| panic!("a type of the contract: {event}"));
        if let Some(on_hand) = data["stock"]["on_hand"].as_i64() {
            self.stock.insert(text(&data["sku"]), on_hand);
        }
        match kind {
            "order.accepted" => {
                let lines = data["lines"].as_array().expect("an order has lines");
                let lines =
                    lines.iter().map(|line| (text(&line["line"]), [number(&line["quantity"]), 0, 0, 0])).collect();
                let order = Order { state: "accepted".to_owned(), lines, ..Order::default() };
                self.orders.insert(text(&data["id"]), order);
            }
            "return.authorized" => drop(self.returns.insert(text(&data["id"]), "authorized".to_owned())),
            "return.received" => drop(self.returns.insert(text(&data["return"]["id"]), "receiving".to_owned())),
            "return.completed" => drop(self.returns.insert(text(&data["return"]["id"]), "completed".to_owned())),
            "dispatch.requested" => drop(self.dispatches.insert(text(&data["key"]), "open".to_owned())),
            "dispatch.withdrawn" => drop(self.dispatches.insert(text(&data["key"]), "withdrawn".to_owned())),
            "dispatch.missed" => drop(self.dispatches.insert(text(&data["key"]), "missed".to_owned())),
            "notification.requested" => self.notice(data),
            "order.cancelled" => self.no_step_is_true(&text(&data["order"]["id"])),
            _ => {}
        }
        if let Some(order) = data["order"]["id"].as_str().and_then(|id| self.orders.get_mut(id)) {
            order.take(kind, data);
        }
        if kind == "dispatch.handed_over" {
            self.dispatches.insert(text(&data["key"]), "fulfilled".to_owned());
        }
    }

    fn no_step_is_true(&mut self, order: &str) {
        let steps = ["order_accepted", "packed", "ready_for_pickup", "delayed"];
        let of_it = self.notices.values_mut().filter(|notice| notice.order == order);
        of_it.filter(|notice| steps.contains(&notice.milestone.as_str())).for_each(|notice| notice.untrue = true);
    }

    fn notice(&mut self, data: &Value) {
        let key = text(&data["key"]);
        if let Some(replaced) = data["replaces"].as_str()
            && let Some(older) = self.notices.get_mut(replaced)
        {
            older.replaced_by.get_or_insert_with(|| key.clone());
        }
        let notice = Notice {
            channels: data["channels"].as_array().into_iter().flatten().map(text).collect(),
            milestone: text(&data["milestone"]),
            order: text(&data["order"]["id"]),
            replaced_by: None,
            untrue: false,
        };
        self.notices.insert(key, notice);
    }
}

impl Notice {
    /// Nobody is to be told any more, who was not told in time.
    #[must_use]
    pub fn is_old(&self) -> bool {
        self.untrue || self.replaced_by.is_some()
    }
}

impl Order {
    fn take(&mut self, kind: &str, data: &Value) {
        let parcel = data["parcel"].as_u64();
        match kind {
            "order.held" => self.held = true,
            "order.released" => self.held = false,
            "order.cancelled" => {
                self.held = false;
                self.state = "cancelled".to_owned();
                let here = self.parcels.values_mut().filter(|state| *state != "handed_over");
                here.for_each(|state| *state = "withdrawn".to_owned());
            }
            "order.completed" => self.state = "completed".to_owned(),
            "order.collected" => self.parcels.values_mut().for_each(|state| *state = "collected".to_owned()),
            "pick.started" => self.state = "picking".to_owned(),
            "pick.completed" => self.state = "picked".to_owned(),
            "pick.item_picked" => self.line(data)[1] = number(&data["picked"]),
            "pick.item_short" => self.line(data)[3] += number(&data["quantity"]),
            "pack.started" => self.state = "packing".to_owned(),
            "pack.item_packed" => {
                self.line(data)[2] = number(&data["packed"]);
                self.parcels.entry(parcel.expect("packed into a parcel")).or_insert_with(|| "open".to_owned());
            }
            "pack.completed" => self.state = "packed".to_owned(),
            "pack.parcel_sealed" => self.parcel(parcel, "sealed"),
            "pack.parcel_labelled" => self.parcel(parcel, "labelled"),
            "dispatch.parcel_ready" => self.parcel(parcel, "ready"),
            "dispatch.parcel_loaded" => self.parcel(parcel, "loaded"),
            "dispatch.handed_over" => {
                self.parcel(parcel, "handed_over");
                self.state = "partly_dispatched".to_owned();
            }
            _ => {}
        }
    }

    fn line(&mut self, data: &Value) -> &mut [i64; 4] {
        self.lines.get_mut(data["line"].as_str().unwrap_or_default()).expect("a line of the order")
    }

    fn parcel(&mut self, n: Option<u64>, state: &str) {
        self.parcels.insert(n.expect("about a parcel"), state.to_owned());
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("a number, not {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_newest_of_what_replaces_each_other_is_to_be_said() {
        let notice = |key: &str, replaces: Option<&str>| {
            let mut data = json!({ "key": key, "milestone": "m", "order": { "id": "o" } });
            if let Some(replaces) = replaces {
                data["replaces"] = replaces.into();
            }
            json!({ "type": "parceld.notification.requested.v1", "data": data })
        };
        let picture =
            Picture::of(&[notice("a", None), notice("b", Some("a")), notice("c", Some("a")), notice("d", None)]);
        assert_eq!(picture.to_be_said().into_iter().collect::<Vec<_>>(), ["b", "c", "d"]);
        assert_eq!(picture.notices["a"].replaced_by.as_deref(), Some("b"));
    }
}
