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
}
