//! The day's books: what people did, as they would write it down. They know nothing of the agent.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::goods::gtin;
use crate::site::{SITE, Site};

#[derive(Debug, Default)]
pub struct Books {
    pub orders: Vec<Order>,
    /// Units on the shelf, by product.
    pub stock: BTreeMap<char, i64>,
    /// Return, product, condition.
    pub returns: Vec<(String, char, &'static str)>,
    pub picks: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub id: String,
    pub carrier: &'static str,
    pub lines: Vec<Line>,
    pub parcels: Vec<Parcel>,
    pub state: State,
    pub held: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    pub product: char,
    pub wanted: u32,
    pub picked: u32,
    pub packed: u32,
    pub short: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parcel {
    /// With a carrier's label it is labelled once that was scanned; with ours at the door.
    Sealed,
    Labelled,
    HandedOver,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Open,
    Packed,
    Cancelled,
}

impl Line {
    #[must_use]
    pub fn missing(&self) -> u32 {
        self.wanted - self.short - self.picked
    }

    #[must_use]
    pub fn unpacked(&self) -> u32 {
        self.wanted - self.short - self.packed
    }
}

impl Order {
    #[must_use]
    pub fn number(&self) -> String {
        self.id.to_uppercase()
    }

    #[must_use]
    pub fn is_picked(&self) -> bool {
        self.lines.iter().all(|line| line.missing() == 0)
    }

    /// As the platform calls it.
    fn state(&self) -> &'static str {
        let gone = self.parcels.iter().filter(|parcel| **parcel == Parcel::HandedOver).count();
        match self.state {
            State::Cancelled => "cancelled",
            State::Open => "accepted",
            State::Packed if gone == self.parcels.len() => "completed",
            State::Packed if 0 < gone => "partly_dispatched",
            State::Packed => "packed",
        }
    }
}

impl Books {
    pub fn pick(&mut self, order: usize, line: usize) {
        let line = &mut self.orders[order].lines[line];
        line.picked += 1;
        *self.stock.entry(line.product).or_default() -= 1;
        self.picks += 1;
    }

    /// Back on the shelf.
    pub fn put_back(&mut self, product: char) {
        *self.stock.entry(product).or_default() += 1;
    }

    pub fn lose(&mut self, product: char) {
        *self.stock.entry(product).or_default() -= 1;
    }

    /// Asserts that the platform believes what stands here.
    #[track_caller]
    pub fn assert_believed_by(&self, site: &Site) {
        site.until_answered();
        site.until_synced();
        for order in &self.orders {
            let told = site.platform.order(SITE, &order.id).expect("the platform knows the order");
            assert_eq!((&told["state"], &told["held"]), (&order.state().into(), &order.held.into()), "{}", order.id);
            if order.state == State::Cancelled {
                assert_eq!(told["put_back"], json!([]), "{}: nothing of it lies about", order.id);
                continue;
            }
            assert_eq!(lines(&told), order.lines, "{}", order.id);
            assert_eq!(parcels(&told), order.parcels, "{}", order.id);
        }
        for (product, on_hand) in &self.stock {
            let told = site.platform.stock_of(SITE, &format!("SKU-{product}")).expect("the platform knows the product");
            assert_eq!(told["on_hand"], *on_hand, "{product} ({})", gtin(*product));
        }
        self.assert_returns(site);
        self.assert_dispatches(site);
    }

    #[track_caller]
    fn assert_returns(&self, site: &Site) {
        let told = site.platform.returns(SITE);
        assert_eq!(told.len(), self.returns.len());
        for (id, product, condition) in &self.returns {
            let told = told.iter().find(|told| told["id"] == *id).expect("the platform knows the return");
            let found = json!([{ "sku": format!("SKU-{product}"), "condition": condition }]);
            let shown: Vec<Value> = told["found"].as_array().into_iter().flatten().map(shown_item).collect();
            assert_eq!((&told["state"], Value::from(shown)), (&"completed".into(), found), "{id}");
        }
    }

    /// A courier came for each parcel that is gone, and is asked for once for each that waits.
    #[track_caller]
    fn assert_dispatches(&self, site: &Site) {
        let told = site.platform.dispatches(SITE);
        for order in &self.orders {
            for (n, parcel) in (1..).zip(&order.parcels) {
                let of_it = told.iter().filter(|told| told["order"] == *order.id && told["parcel"] == n);
                let of_carrier = of_it.filter(|told| told["data"]["carrier"] == order.carrier);
                let in_state = |state: &str| of_carrier.clone().filter(|told| told["state"] == state).count();
                let expected = if *parcel == Parcel::HandedOver { (1, 0) } else { (0, 1) };
                assert_eq!((in_state("fulfilled"), in_state("open")), expected, "{}/{n}", order.id);
            }
        }
    }
}

fn shown_item(item: &Value) -> Value {
    json!({ "sku": item["sku"], "condition": item["condition"] })
}

fn lines(told: &Value) -> Vec<Line> {
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok()).expect("a number");
    let line = |told: &Value| Line {
        product: told["sku"].as_str().and_then(|sku| sku.chars().last()).expect("a SKU"),
        wanted: number(&told["wanted"]),
        picked: number(&told["picked"]),
        packed: number(&told["packed"]),
        short: number(&told["short"]),
    };
    told["lines"].as_array().into_iter().flatten().map(line).collect()
}

fn parcels(told: &Value) -> Vec<Parcel> {
    let parcel = |told: &Value| match told["state"].as_str() {
        Some("sealed") => Parcel::Sealed,
        Some("labelled") => Parcel::Labelled,
        Some("handed_over") => Parcel::HandedOver,
        other => panic!("no parcel should be {other:?}"),
    };
    told["parcels"].as_array().into_iter().flatten().map(parcel).collect()
}
