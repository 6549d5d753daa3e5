//! Orders as text, for tests: `10042: 2xA 1xB via dhl`.

use super::order::{Capture, Delivery, Line, Notify, OnShort, Promise, Terms};

/// The terms of `NUMBER [rN]: LINES via CARRIER|pickup [quiet]`.
///
/// The order's id is `o-` and its number; a line's id is its product's letter, its code the same letter. `quiet` is a
/// customer who allows no channel.
pub fn terms(text: &str) -> Terms {
    let (head, rest) = text.split_once(':').expect("a colon after the number");
    let (lines, delivery) = rest.split_once(" via ").expect("`via` before the carrier");
    let (number, revision) = head.trim().split_once(" r").unwrap_or((head.trim(), "1"));
    let mut words = delivery.split_whitespace();
    let delivery = match words.next().expect("a carrier") {
        "pickup" => Delivery::Pickup,
        carrier => Delivery::Carrier { carrier: carrier.into(), service: None },
    };
    let channels = if words.next() == Some("quiet") { Vec::new() } else { vec!["email".into()] };
    Terms {
        id: format!("o-{number}").as_str().into(),
        number: number.into(),
        revision: revision.parse().expect("a revision"),
        lines: lines.split_whitespace().map(line).collect(),
        delivery,
        promise: Promise::default(),
        notify: Notify { customer: Some("c-1".into()), channels, language: None },
        on_short: OnShort::ShipRest,
    }
}

fn line(text: &str) -> Line {
    let (quantity, product) = text.split_once('x').expect("`2xA`");
    Line {
        id: product.into(),
        sku: format!("sku-{product}").as_str().into(),
        name: format!("Product {product}").into(),
        quantity: quantity.parse().expect("a quantity"),
        codes: vec![product.into()],
        bin: None,
        weight_g: None,
        capture: Capture::default(),
    }
}
