//! What a site has and what its platform believes, in the same words, so that a test can hold one against the other.
//!
//! The site's picture is read from the agent's own file, the platform's from its API; both leave out what only one of
//! them keeps. A parcel's `dispatch` is the key that its courier is asked for with.

use crate::platform::Platform;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Map, Value, json};
use std::path::Path;

/// States in the agent's file, by their numbers.
const STATES: [&str; 9] = [
    "accepted",
    "packing",
    "packed",
    "partly_dispatched",
    "completed",
    "cancelled",
    "awaits_platform",
    "picking",
    "picked",
];
const PARCEL_STATES: [&str; 8] =
    ["open", "sealed", "loaded", "handed_over", "withdrawn", "labelled", "ready", "collected"];
/// The agent keeps the dispatch of a parcel that has left.
const GONE: [&str; 2] = ["handed_over", "collected"];
const RETURN_STATES: [&str; 3] = ["authorized", "receiving", "completed"];

/// Orders, returns and stock as the agent's file has them.
///
/// # Panics
/// Where the file can't be read.
#[must_use]
pub fn of_site(database: &Path) -> Value {
    let file = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE).expect("the file opens");
    let orders = "SELECT orders.id, json_array(orders.terms, progress.state, progress.body)
        FROM orders JOIN progress ON progress.key = orders.key";
    let returns = "SELECT id, json_array(terms, state, found) FROM returns";
    let stock = "SELECT sku, json_array(on_hand, reserved) FROM stock";
    json!({
        "orders": rows(&file, orders, order_of_site),
        "returns": rows(&file, returns, return_of_site),
        "stock": rows(&file, stock, |row| json!({ "on_hand": row[0], "reserved": row[1] })),
    })
}

/// The same as the platform tells it.
#[must_use]
#[track_caller]
pub fn of_platform(platform: &Platform, site: &str) -> Value {
    let orders = platform.orders(site);
    let dispatches = platform.dispatches(site);
    let ids = orders.iter().filter_map(|order| order["id"].as_str());
    let order = |id: &str| order_of_platform(&platform.order(site, id).unwrap_or_default(), &dispatches);
    let orders = ids.map(|id| (id.to_owned(), order(id)));
    let returns = platform.returns(site).into_iter().map(|back| (text(&back["id"]), return_of_platform(&back)));
    let stock = platform.stock(site).into_iter();
    let stock = stock.map(|of| (text(&of["sku"]), json!({ "on_hand": of["on_hand"], "reserved": of["reserved"] })));
    json!({
        "orders": orders.collect::<Map<_, _>>(),
        "returns": returns.collect::<Map<_, _>>(),
        "stock": stock.collect::<Map<_, _>>(),
    })
}

/// Asserts that the site, `here`, and its platform, `there`, believe the same of everything.
///
/// # Panics
/// With the first thing that differs.
#[track_caller]
pub fn assert_same(here: &Value, there: &Value) {
    for part in ["orders", "returns", "stock"] {
        let (here, there) = (here[part].as_object().expect("a part"), there[part].as_object().expect("a part"));
        for (id, here) in here {
            assert_eq!(there.get(id), Some(here), "{part}: {id} on the platform and at the site");
        }
        assert_eq!(here.len(), there.len(), "{part}");
    }
}

fn rows(file: &Connection, sql: &str, read: impl Fn(&Value) -> Value) -> Map<String, Value> {
    let mut rows = file.prepare(sql).expect("the agent's tables");
    let rows = rows.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
    let rows = rows.expect("rows").map(|row| row.expect("a row"));
    rows.map(|(id, row)| (id, read(&parse(&row)))).collect()
}

fn order_of_site(row: &Value) -> Value {
    let (terms, body) = (parse(&text(&row[0])), parse(&text(&row[2])));
    let held = body.get("h").filter(|state| !state.is_null());
    let lines = list(&terms["lines"]);
    let counts = list(&body["l"]);
    let line = |(at, line): (usize, &Value)| {
        json!({
            "line": line["line"], "sku": line["sku"], "wanted": line["quantity"],
            "picked": counts[at][0], "packed": counts[at][1], "short": body["s"].get(at).cloned().unwrap_or(0.into()),
        })
    };
    let parcel = |(at, parcel): (usize, &Value)| {
        let contents = list(&parcel["c"]);
        let units = |units: &Value| json!({ "line": lines[index(&units[0])]["line"], "quantity": units[1] });
        json!({
            "n": at + 1, "state": PARCEL_STATES[index(&parcel["t"])],
            "sscc": parcel["s"].as_u64().map(|sscc| format!("{sscc:018}")),
            "manifest": parcel["m"], "tracking": parcel["g"], "place": parcel["at"],
            "label_revision": parcel["n"].as_u64().unwrap_or_default(),
            "void": parcel["void"].as_bool().unwrap_or_default(),
            "dispatch": if GONE.contains(&PARCEL_STATES[index(&parcel["t"])]) { &Value::Null } else { &parcel["d"] },
            "contents": contents.iter().map(units).collect::<Vec<_>>(),
        })
    };
    json!({
        "revision": terms["revision"], "state": STATES[index(held.unwrap_or(&row[1]))], "held": held.is_some(),
        "expedited": body["x"].as_bool().unwrap_or_default(), "tote": body["o"],
        "lines": lines.iter().enumerate().map(line).collect::<Vec<_>>(),
        "parcels": list(&body["p"]).iter().enumerate().map(parcel).collect::<Vec<_>>(),
        "put_back": list(&body["b"]).iter().map(|goods| units(goods, "units")).collect::<Vec<_>>(),
    })
}

fn order_of_platform(order: &Value, dispatches: &[Value]) -> Value {
    let line = |line: &Value| picked(line, &["line", "sku", "wanted", "picked", "packed", "short"]);
    let parcel = |parcel: &Value| {
        let fields = ["n", "state", "sscc", "manifest", "tracking", "place", "label_revision", "void"];
        let mut shown = picked(parcel, &fields);
        let awaits = |dispatch: &&Value| {
            dispatch["state"] == "open" && dispatch["order"] == order["id"] && dispatch["parcel"] == parcel["n"]
        };
        shown["dispatch"] = dispatches.iter().find(awaits).map_or(Value::Null, |dispatch| dispatch["key"].clone());
        shown["contents"] =
            list(&parcel["contents"]).iter().map(|units| picked(units, &["line", "quantity"])).collect();
        shown
    };
    let mut shown = picked(order, &["revision", "state", "held", "expedited", "tote"]);
    shown["lines"] = list(&order["lines"]).iter().map(line).collect();
    shown["parcels"] = list(&order["parcels"]).iter().map(parcel).collect();
    shown["put_back"] = list(&order["put_back"]).iter().map(|goods| units(goods, "quantity")).collect();
    shown
}

fn return_of_site(row: &Value) -> Value {
    let (terms, found) = (parse(&text(&row[0])), parse(&text(&row[2])));
    let item = |item: &Value| json!({ "sku": item[0]["sku"], "condition": item[1] });
    json!({
        "state": RETURN_STATES[index(&row[1])], "order": terms["order"]["id"], "authorized": found[0],
        "resolution": terms["resolution"],
        "lines": list(&terms["lines"]).iter().map(|line| picked(line, &["sku", "quantity"])).collect::<Vec<_>>(),
        "found": list(&found[1]).iter().map(item).collect::<Vec<_>>(),
    })
}

fn return_of_platform(back: &Value) -> Value {
    let mut shown = picked(back, &["state", "order", "authorized", "resolution"]);
    shown["lines"] = list(&back["lines"]).iter().map(|line| picked(line, &["sku", "quantity"])).collect();
    shown["found"] = list(&back["found"]).iter().map(|item| picked(item, &["sku", "condition"])).collect();
    shown
}

fn units(goods: &Value, quantity: &str) -> Value {
    json!({ "line": goods["line"], "sku": goods["sku"], "quantity": goods[quantity] })
}

fn picked(value: &Value, fields: &[&str]) -> Value {
    fields.iter().map(|field| ((*field).to_owned(), value[field].clone())).collect::<Map<_, _>>().into()
}

/// A list that is left out is an empty one.
fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn index(value: &Value) -> usize {
    value.as_u64().and_then(|number| number.try_into().ok()).expect("a number")
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}
