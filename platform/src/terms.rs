//! Terms of orders and returns: checked when they are put, stored, and sent again when a site has lost them.

use crate::apply;
use crate::counter;
use crate::store::{Db, Error, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the platform reads of the terms; the rest passes through.
#[derive(Debug, Deserialize)]
pub struct Terms {
    pub id: String,
    #[serde(default)]
    pub number: Option<String>,
    #[serde(default)]
    pub revision: Option<u32>,
    pub lines: Vec<Line>,
    delivery: Delivery,
    #[serde(default)]
    carrier: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Line {
    line: String,
    sku: String,
    name: String,
    quantity: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Delivery {
    Carrier,
    Pickup,
}

impl Terms {
    /// What a shop put, or what is wrong with it in a sentence for the shop.
    ///
    /// # Errors
    /// The sentence.
    pub fn check(order: &Value) -> Result<Self, String> {
        let terms = Self::deserialize(order).map_err(|error| format!("order: {error}"))?;
        let id = &terms.id;
        if id.is_empty() {
            return Err("order: id is empty".into());
        }
        if terms.lines.is_empty() {
            return Err(format!("order {id}: lines is empty"));
        }
        if let Some(line) = terms.lines.iter().find(|line| line.quantity == 0) {
            return Err(format!("order {id}: quantity of line {} is 0", line.line));
        }
        for (index, line) in terms.lines.iter().enumerate() {
            if terms.lines[..index].iter().any(|earlier| earlier.line == line.line) {
                return Err(format!("order {id}: line {} stands twice", line.line));
            }
        }
        if terms.delivery == Delivery::Carrier && terms.carrier.as_deref().is_none_or(str::is_empty) {
            return Err(format!("order {id}: delivery \"carrier\" needs a carrier"));
        }
        Ok(terms)
    }
}

/// The terms as they are sent, without the progress that came with them.
///
/// # Errors
/// It is no JSON.
pub fn without_known(data: &str) -> Result<String, serde_json::Error> {
    let mut terms: Value = serde_json::from_str(data)?;
    if let Some(fields) = terms.as_object_mut() {
        fields.remove("known");
    }
    Ok(terms.to_string())
}

/// Stores terms unless newer ones are there; a new order is in `state`.
///
/// # Errors
/// The storage's.
pub fn store(db: &Db, site: i64, terms: &Terms, text: &str, state: &str, time: &str) -> Result<(), Error> {
    let number = terms.number.as_ref().unwrap_or(&terms.id);
    db.write(
        "INSERT INTO orders (site, id, number, revision, state, terms, updated) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (site, id) DO UPDATE SET number = excluded.number, revision = excluded.revision,
         terms = excluded.terms, updated = excluded.updated WHERE orders.revision <= excluded.revision",
        &params![site, terms.id, number, terms.revision.unwrap_or(1), state, text, time],
    )?;
    counter::token(db, site, &terms.id)?;
    Ok(())
}

/// The lines, with nothing done.
#[must_use]
pub fn lines(terms: &Terms) -> Vec<apply::Line> {
    let line = |Line { line, sku, name, quantity }: &Line| apply::Line {
        line: line.clone(),
        sku: sku.clone(),
        name: name.clone(),
        wanted: i64::from(*quantity),
        ..apply::Line::default()
    };
    terms.lines.iter().map(line).collect()
}

/// The lines of an order that its site has not answered yet.
///
/// # Errors
/// The storage's.
pub fn store_lines(db: &Db, site: i64, terms: &Terms) -> Result<(), Error> {
    db.write("DELETE FROM lines WHERE site = ?1 AND order_id = ?2", &params![site, terms.id])?;
    for (position, Line { line, sku, name, quantity }) in terms.lines.iter().enumerate() {
        db.write(
            "INSERT INTO lines (site, order_id, line, position, sku, name, wanted) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            &params![site, terms.id, line, position, sku, name, quantity],
        )?;
    }
    Ok(())
}

/// A return as it is announced. What else a shop says of it goes no further.
#[derive(Debug, Deserialize, Serialize)]
pub struct Return {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order: Option<ReturnOrder>,
    lines: Vec<ReturnLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resolution: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
struct ReturnOrder {
    id: String,
    number: String,
    #[serde(default)]
    revision: u32,
}

#[derive(Debug, Deserialize, Serialize)]
struct ReturnLine {
    sku: String,
    name: String,
    quantity: u32,
    #[serde(default)]
    barcodes: Vec<String>,
}

impl Return {
    /// What a shop announced, or what is wrong with it in a sentence for the shop.
    ///
    /// # Errors
    /// The sentence.
    pub fn check(announced: &Value) -> Result<Self, String> {
        let announced = Self::deserialize(announced).map_err(|error| format!("return: {error}"))?;
        let id = &announced.id;
        if id.is_empty() {
            return Err("return: id is empty".into());
        }
        if let Some(line) = announced.lines.iter().find(|line| line.quantity == 0) {
            return Err(format!("return {id}: quantity of {} is 0", line.sku));
        }
        Ok(announced)
    }
}

/// Stores what was announced; a return that goes on already keeps its state.
///
/// # Errors
/// The storage's.
pub fn store_return(db: &Db, site: i64, announced: &Return, state: &str, time: &str) -> Result<(), Error> {
    let order = announced.order.as_ref().map(|order| (&order.id, &order.number)).unzip();
    let terms = serde_json::to_string(announced)?;
    db.write(
        "INSERT INTO returns (site, id, order_id, number, authorized, state, terms, updated)
         VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, ?7)
         ON CONFLICT (site, id) DO UPDATE SET order_id = excluded.order_id, number = excluded.number, authorized = 1,
             state = CASE WHEN returns.state = 'put' THEN excluded.state ELSE returns.state END,
             terms = excluded.terms, updated = excluded.updated
         WHERE returns.state <> 'completed'",
        &params![site, announced.id, order.0, order.1, state, terms, time],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_an_order_is_said() {
        let good = r#"{"id":"1","lines":[{"line":"1","sku":"A","name":"a","quantity":2}],"delivery":"pickup"}"#;
        assert!(Terms::check(&serde_json::from_str(good).unwrap()).is_ok());
        let rows = [
            (r#""id":"1""#, r#""id":"""#, "id is empty"),
            (r#""id":"1","#, "", "missing field `id`"),
            (r#""quantity":2"#, r#""quantity":0"#, "quantity of line 1 is 0"),
            (r#""quantity":2"#, r#""quantity":"2""#, "invalid type"),
            ("pickup", "carrier", "needs a carrier"),
            ("pickup", "pigeon", "unknown variant `pigeon`"),
            (r#"[{"line""#, r#"[{"line":"1","sku":"B","name":"b","quantity":1},{"line""#, "line 1 stands twice"),
        ];
        for (from, to, expected) in rows {
            let bad: Value = serde_json::from_str(&good.replace(from, to)).unwrap();
            let why = Terms::check(&bad).unwrap_err();
            assert!(why.contains(expected), "{why}");
        }
    }
}
