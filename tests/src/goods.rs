//! Products and orders for tests: each product by a letter, its GTIN-13 made from it.

use serde_json::{Value, json};

/// The GTIN-13 of the product `letter`, `A` to `Z`.
#[must_use]
pub fn gtin(letter: char) -> String {
    let digits = format!("4006381{:05}", u32::from(letter));
    let sum: u32 =
        digits.bytes().zip([1, 3].into_iter().cycle()).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// The catalog with the products `letters`.
#[must_use]
pub fn catalog(letters: &str) -> Value {
    let product =
        |letter: char| json!({ "sku": sku(letter), "name": format!("Product {letter}"), "barcodes": [gtin(letter)] });
    json!({ "products": letters.chars().map(product).collect::<Vec<_>>() })
}

/// So many of each product on hand.
#[must_use]
pub fn stock(letters: &str, quantity: i64) -> Value {
    let item = |letter: char| json!({ "sku": sku(letter), "quantity": quantity });
    json!({ "items": letters.chars().map(item).collect::<Vec<_>>() })
}

/// An order in words: `2xA 1xB`, for a customer who may be told by e-mail.
#[must_use]
pub fn order(id: &str, carrier: &str, words: &str) -> Value {
    let line = |(index, words): (usize, &str)| {
        let (quantity, letter) = words.split_once('x').expect("a line is QUANTITYxLETTER");
        let letter = letter.chars().next().expect("a line names a product");
        let quantity: u32 = quantity.parse().expect("a line has a quantity");
        json!({
            "line": (index + 1).to_string(), "sku": sku(letter), "name": format!("Product {letter}"),
            "quantity": quantity, "barcodes": [gtin(letter)],
        })
    };
    json!({
        "id": id, "number": id.to_uppercase(), "delivery": "carrier", "carrier": carrier, "service": "standard",
        "lines": words.split_whitespace().enumerate().map(line).collect::<Vec<_>>(),
        "notify": { "customer": format!("customer-of-{id}"), "channels": ["email"], "language": "en" },
    })
}

/// The order for a customer who fetches it.
#[must_use]
pub fn pickup(mut order: Value) -> Value {
    order["delivery"] = "pickup".into();
    for field in ["carrier", "service"] {
        order.as_object_mut().expect("an order has fields").remove(field);
    }
    order
}

/// The order with what becomes of it when something is short: `ship_rest`, `hold` or `cancel`.
#[must_use]
pub fn on_short(mut order: Value, what: &str) -> Value {
    order["on_short"] = what.into();
    order
}

/// The order with each product in the bin [`bin`] of its letter.
#[must_use]
pub fn in_bins(order: Value) -> Value {
    each_line(order, |letter, line| line["bin"] = bin(letter).into())
}

/// Where the product `letter` lies.
#[must_use]
pub fn bin(letter: char) -> String {
    format!("BIN-{letter}")
}

/// The order with what is to be recorded of each unit of the product `letter`: `serial`, `lot`, `expiry`.
#[must_use]
pub fn capturing(order: Value, letter: char, values: &[&str]) -> Value {
    let capture: serde_json::Map<String, Value> =
        values.iter().map(|value| ((*value).to_owned(), true.into())).collect();
    each_line(order, |of, line| {
        if of == letter {
            line["capture"] = capture.clone().into();
        }
    })
}

/// A return in words: `2xA 1xB`, of the order where there is one. Its customer wants the money back.
#[must_use]
pub fn return_of(id: &str, order: Option<&str>, words: &str) -> Value {
    let mut announced = json!({ "id": id, "resolution": "refund" });
    let lines = self::order(id, "-", words)["lines"].take();
    announced["lines"] = lines;
    if let Some(order) = order {
        announced["order"] = json!({ "id": order, "number": order.to_uppercase(), "revision": 1 });
    }
    announced
}

fn each_line(mut order: Value, change: impl Fn(char, &mut Value)) -> Value {
    for line in order["lines"].as_array_mut().expect("an order has lines") {
        let letter = line["sku"].as_str().and_then(|sku| sku.chars().last()).expect("a SKU ends with its letter");
        change(letter, line);
    }
    order
}

fn sku(letter: char) -> String {
    format!("SKU-{letter}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_check_digit() {
        assert_eq!(gtin('A'), "4006381000659");
    }

    #[test]
    fn an_order_is_changed_by_its_letters() {
        let order = capturing(in_bins(on_short(pickup(order("o1", "dhl", "2xA 1xB")), "hold")), 'B', &["serial"]);
        assert_eq!(
            (&order["delivery"], order.get("carrier"), &order["on_short"]),
            (&"pickup".into(), None, &"hold".into())
        );
        assert_eq!((&order["lines"][0]["bin"], order["lines"][0].get("capture")), (&"BIN-A".into(), None));
        assert_eq!(order["lines"][1]["capture"], json!({ "serial": true }));
        assert_eq!(return_of("r1", Some("o1"), "1xB")["order"]["number"], "O1");
    }
}
