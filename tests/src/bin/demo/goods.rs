//! What the shop sells, who has ordered it, and which mistakes staff will make over it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// One product on the shelves.
#[derive(Debug)]
pub struct Product {
    pub sku: &'static str,
    pub name: &'static str,
    /// Its EAN-13.
    pub code: &'static str,
    pub on_hand: u32,
}

/// One order and how it is worked on.
#[derive(Debug)]
pub struct Order {
    /// The platform's id of it, and its number for people.
    pub id: &'static str,
    /// Products and units.
    pub lines: &'static [(&'static Product, u32)],
    /// Carrier and service; `None` where the customer fetches it.
    pub by: Option<(&'static str, &'static str)>,
    /// In so many minutes it must have left.
    pub ship_within_min: i64,
    pub slip: Option<Slip>,
    customer: &'static str,
    channels: &'static [&'static str],
}

/// What goes wrong at the bench, before the last unit is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slip {
    /// A product that isn't on the order.
    WrongItem(&'static str),
    /// One more of the first line.
    OneTooMany,
    /// A code that nobody knows.
    Unknown(&'static str),
    /// The last unit isn't where the books have it: the rest goes out.
    NotThere,
}

/// Goods that a customer sends back.
#[derive(Debug)]
pub struct Return {
    pub id: &'static str,
    /// The order that they were in, of another day.
    pub order: &'static str,
    /// Each unit, and the word of what becomes of it.
    pub units: &'static [(&'static Product, &'static str)],
}

pub const CARGO_BIKE: &str = "cargo-bike";
pub const EXAMPLE_POST: &str = "example-post";

const MUG: Product = Product { sku: "MUG-BLUE", name: "Stoneware mug, blue", code: "7350053850019", on_hand: 24 };
const TEA: Product = Product { sku: "TEA-EARL", name: "Earl Grey, 100 g", code: "7350053850026", on_hand: 40 };
const HONEY: Product = Product { sku: "HONEY-350", name: "Heather honey, 350 g", code: "7350053850033", on_hand: 18 };
const SOAP: Product = Product { sku: "SOAP-PINE", name: "Pine soap", code: "7350053850040", on_hand: 60 };
const TOWEL: Product = Product { sku: "TOWEL-LIN", name: "Linen towel", code: "7350053850057", on_hand: 2 };
const CANDLE: Product = Product { sku: "CANDLE-6", name: "Beeswax candles, 6", code: "7350053850064", on_hand: 30 };
const COFFEE: Product = Product { sku: "COFFEE-500", name: "Coffee beans, 500 g", code: "7350053850071", on_hand: 35 };

pub const PRODUCTS: [&Product; 7] = [&MUG, &TEA, &HONEY, &SOAP, &TOWEL, &CANDLE, &COFFEE];

/// The most urgent first.
pub const ORDERS: [Order; 7] = [
    Order {
        id: "10041",
        lines: &[(&MUG, 2), (&TEA, 1)],
        by: Some((CARGO_BIKE, "same-day")),
        ship_within_min: 150,
        slip: Some(Slip::OneTooMany),
        customer: "c-7f31",
        channels: &["push", "email"],
    },
    Order {
        id: "10042",
        lines: &[(&COFFEE, 1), (&HONEY, 1)],
        by: Some((CARGO_BIKE, "same-day")),
        ship_within_min: 155,
        slip: Some(Slip::WrongItem(TEA.code)),
        customer: "c-02a9",
        channels: &["sms"],
    },
    Order {
        id: "10043",
        lines: &[(&SOAP, 3)],
        by: Some((CARGO_BIKE, "same-day")),
        ship_within_min: 160,
        slip: None,
        customer: "c-b48e",
        channels: &["email"],
    },
    Order {
        id: "10044",
        lines: &[(&CANDLE, 1), (&TOWEL, 2)],
        by: Some((EXAMPLE_POST, "home")),
        ship_within_min: 270,
        slip: Some(Slip::NotThere),
        customer: "c-5d10",
        channels: &["email", "sms"],
    },
    Order {
        id: "10045",
        lines: &[(&TEA, 2), (&HONEY, 1), (&MUG, 1)],
        by: Some((EXAMPLE_POST, "home")),
        ship_within_min: 275,
        slip: Some(Slip::Unknown("OLD-LABEL-77")),
        customer: "c-e6c2",
        channels: &["email"],
    },
    Order {
        id: "10046",
        lines: &[(&COFFEE, 2)],
        by: Some((EXAMPLE_POST, "pickup-point")),
        ship_within_min: 280,
        slip: None,
        customer: "c-91d7",
        channels: &["push"],
    },
    Order {
        id: "10047",
        lines: &[(&CANDLE, 1), (&SOAP, 1)],
        by: None,
        ship_within_min: 300,
        slip: None,
        customer: "c-3ab8",
        channels: &["sms"],
    },
];

pub const RETURN: Return =
    Return { id: "R-2001", order: "10012", units: &[(&MUG, "C-RESTOCK"), (&CANDLE, "C-DISCARD")] };

/// The order with this id.
#[must_use]
pub fn order(id: &str) -> Option<&'static Order> {
    const ALL: &[Order] = &ORDERS;
    ALL.iter().find(|order| order.id == id)
}

/// What people call the product with this code.
#[must_use]
pub fn name_of(code: &str) -> &'static str {
    PRODUCTS.iter().find(|product| product.code == code).map_or("", |product| product.name)
}

/// `catalog.put`'s data.
#[must_use]
pub fn catalog() -> Value {
    let product = |p: &&Product| json!({ "sku": p.sku, "name": p.name, "barcodes": [p.code] });
    json!({ "products": PRODUCTS.iter().map(product).collect::<Vec<_>>() })
}

/// `stock.set`'s data.
#[must_use]
pub fn stock() -> Value {
    let item = |p: &&Product| json!({ "sku": p.sku, "quantity": p.on_hand });
    json!({ "items": PRODUCTS.iter().map(item).collect::<Vec<_>>() })
}

impl Order {
    /// `order.put`'s data, for an order that comes in `now`.
    #[must_use]
    pub fn put(&self, now: Timestamp) -> Value {
        let line = |(index, (product, quantity)): (usize, &(&Product, u32))| {
            json!({
                "line": (index + 1).to_string(),
                "sku": product.sku,
                "name": product.name,
                "quantity": quantity,
                "barcodes": [product.code],
            })
        };
        let in_minutes = |minutes| now.saturating_add(SignedDuration::from_mins(minutes)).unwrap_or(now).to_string();
        let mut put = json!({
            "id": self.id,
            "number": self.id,
            "revision": 1,
            "lines": self.lines.iter().enumerate().map(line).collect::<Vec<_>>(),
            "delivery": "pickup",
            "promise": { "ship_by": in_minutes(self.ship_within_min), "deliver_by": in_minutes(self.ship_within_min + 180) },
            "notify": { "customer": self.customer, "channels": self.channels, "language": "en" },
        });
        if let Some((carrier, service)) = self.by {
            put["delivery"] = "carrier".into();
            put["carrier"] = carrier.into();
            put["service"] = service.into();
        }
        put
    }

    /// The reference of its customer, and the entry in the platform's address book.
    #[must_use]
    pub fn address(&self) -> (&'static str, Value) {
        let customer = self.customer;
        (customer, json!({ "email": format!("{customer}@example.com"), "phone": "+46 70 000 00 00", "push": customer }))
    }

    #[must_use]
    pub fn carrier(&self) -> Option<&'static str> {
        self.by.map(|(carrier, _)| carrier)
    }

    /// The codes to scan, one for each unit, in the order of the lines.
    #[must_use]
    pub fn units(&self) -> Vec<&'static str> {
        let codes = |(product, quantity): &(&'static Product, u32)| vec![product.code; *quantity as usize];
        self.lines.iter().flat_map(codes).collect()
    }
}

impl Return {
    /// `return.put`'s data.
    #[must_use]
    pub fn put(&self) -> Value {
        let line = |(product, _): &(&Product, &str)| json!({ "sku": product.sku, "name": product.name, "quantity": 1, "barcodes": [product.code] });
        json!({
            "id": self.id,
            "order": { "id": self.order, "number": self.order, "revision": 1 },
            "lines": self.units.iter().map(line).collect::<Vec<_>>(),
            "resolution": "refund",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_check_digit() {
        for product in PRODUCTS {
            let digits: Vec<u32> = product.code.chars().map(|digit| digit.to_digit(10).unwrap()).collect();
            let weighed: u32 = digits.iter().enumerate().map(|(place, digit)| digit * [1, 3][place % 2]).sum();
            assert_eq!((digits.len(), weighed % 10), (13, 0), "{}", product.code);
        }
    }

    #[test]
    fn orders_stand_by_urgency_and_can_be_filled() {
        assert!(ORDERS.is_sorted_by_key(|order| order.ship_within_min));
        for product in PRODUCTS {
            let lines = ORDERS.iter().flat_map(|order| order.lines);
            let wanted: u32 = lines.filter(|(ordered, _)| ordered.sku == product.sku).map(|(_, units)| units).sum();
            assert!(wanted <= product.on_hand, "{}", product.sku);
        }
    }

    #[test]
    fn slips_are_what_they_are_called() {
        for order in ORDERS {
            let on_order = |code: &str| order.lines.iter().any(|(product, _)| product.code == code);
            match order.slip {
                Some(Slip::WrongItem(code)) => assert!(!on_order(code) && !name_of(code).is_empty(), "{}", order.id),
                Some(Slip::Unknown(code)) => assert_eq!(name_of(code), "", "{}", order.id),
                // The first line is done before the last unit of the order is.
                Some(Slip::OneTooMany) => assert!(1 < order.lines.len(), "{}", order.id),
                // What isn't there takes nothing from another order.
                Some(Slip::NotThere) => {
                    let (missing, _) = order.lines.last().unwrap();
                    let wanting = ORDERS.iter().filter(|other| other.units().contains(&missing.code));
                    assert_eq!(wanting.count(), 1, "{}", order.id);
                }
                None => {}
            }
        }
    }
}
