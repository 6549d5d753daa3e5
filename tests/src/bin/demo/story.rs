//! What is told on the terminal: each scan with its answer, each label that is printed, and each event as it arrives at
//! the platform.

use std::io::{self, IsTerminal, Write};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use parceld_tests::printer::Label;
use parceld_tests::scanner::Answer;
use serde_json::Value;

use crate::board::{Board, Event};
use crate::goods::ORDERS;
use crate::site::{SITE, Site};
use crate::stop::Stop;

const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a label says before what it says it of.
const CAPTIONS: [&str; 3] = ["Order", "Parcel", "Collection"];

/// Who tells. Each call writes whole lines, so that nobody is cut short by another.
#[derive(Debug)]
pub struct Story {
    colours: bool,
    /// Shared by those who are scanning, and taken alone to tell of events: a scan is told before what it led to.
    turn: RwLock<()>,
}

#[derive(Clone, Copy)]
enum Colour {
    Green,
    Amber,
    Red,
    Blue,
    Grey,
}

impl Story {
    #[must_use]
    pub fn new() -> Story {
        Story { colours: io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(), turn: RwLock::default() }
    }

    /// Until it is dropped, no event is told of.
    pub fn scanning(&self) -> RwLockReadGuard<'_, ()> {
        self.turn.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where to look, and what will happen.
    pub fn opening(&self, site: &Site) {
        let (agent, platform) = (site.agent_url(), site.platform_url());
        let config = site.config();
        self.line(&format!(
            "\n  The site's status page   {agent}\n  The platform             {platform}\n  \
             The configuration        {}\n\n  {} orders and a return; two benches with label printers, a loading door, a desk for returns.\n  \
             The scanner of bench-1 is a Zebra that sends packets. Ctrl-C ends all of it.\n",
            config.display(),
            ORDERS.len()
        ));
    }

    /// One scan, the light that its scanner was given, and what the screen said.
    pub fn scanned(&self, station: &str, code: &str, what: &str, answer: Answer, shown: Option<&Value>) {
        let (colour, light) = match (answer.recorded, answer.beeps) {
            (false, _) => (Colour::Red, "NOT SAVED"),
            (true, 0 | 1) => (Colour::Green, "green"),
            (true, 2) => (Colour::Amber, "amber"),
            (true, _) => (Colour::Red, "red"),
        };
        let light = self.coloured(colour, &format!("→ {light}"));
        let shown = shown.map(on_screen).unwrap_or_default();
        let ms = answer.after.as_secs_f64() * 1_000.0;
        self.line(&format!("{station:<8} scan  {code:<20} {what:<24} {light} {shown}({ms:.1} ms)"));
    }

    /// Tells each event that the platform receives, and puts it on the board, and each label, until the end.
    ///
    /// # Errors
    /// None but the end: a platform that doesn't answer is asked again.
    pub fn tell_what_arrives(&self, site: &Site, board: &Board, stop: &Stop) -> anyhow::Result<()> {
        let mut told = 0;
        let (mut told_labels, mut told_letters) = ([0; 2], [0; 2]);
        loop {
            let events = site.events(told);
            let turn = self.turn.write().unwrap_or_else(PoisonError::into_inner);
            for event in events.iter().filter_map(Event::read) {
                if told < event.sequence {
                    told = event.sequence;
                    self.arrived(&event);
                    board.add(event);
                }
            }
            for ((bench, labels), told) in site.labels().iter().zip(&mut told_labels) {
                labels.iter().skip(*told).for_each(|label| self.printed(bench, label));
                *told = labels.len();
            }
            for (letters, told) in site.letters().iter().zip(&mut told_letters) {
                letters.iter().skip(*told).for_each(|(to, said)| self.sent(to, said));
                *told = letters.len();
            }
            drop(turn);
            stop.pause(LOOK_EVERY)?;
        }
    }

    pub fn all_done(&self) {
        self.line("\n  Every order has left, and the platform knows it.");
    }

    /// The orders are done, and the pages stay.
    pub fn resting(&self, site: &Site) {
        self.all_done();
        self.line(&format!(
            "  Look around: {} and {}. Ctrl-C ends the demonstration.",
            site.agent_url(),
            site.platform_url()
        ));
    }

    /// Where a customer looks.
    pub fn pages(&self, site: &Site) {
        for order in [ORDERS[0].id, ORDERS[1].id] {
            if let Some(page) = site.page_of(order) {
                self.line(&format!("  What the customer of order {order} sees   {page}"));
            }
        }
        self.line("");
    }

    fn sent(&self, to: &str, said: &str) {
        self.line(&format!("         {} to {to}: {said}", self.coloured(Colour::Blue, &format!("{:<14}", "letter"))));
    }

    fn printed(&self, bench: &str, label: &Label) {
        let codes = label.barcodes();
        let code = codes.last().map_or("", |code| code.strip_prefix("]C1").unwrap_or(code));
        self.line(&format!("{bench:<8} label {code:<20} {}", on_label(&label.texts())));
    }

    fn arrived(&self, event: &Event) {
        let Event { sequence, kind, data, .. } = event;
        let (what, colour) = match kind.as_str() {
            "dispatch.requested" => ("dispatch", Colour::Blue),
            "notification.requested" => ("notify", Colour::Blue),
            _ => ("event", Colour::Grey),
        };
        let text = format!("{kind:<24} {}", told(kind, data));
        let line =
            format!("         {} #{sequence:<4} {}", self.coloured(colour, &format!("{what:<8}")), text.trim_end());
        self.line(&line);
    }

    fn coloured(&self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Green => 32,
            Colour::Amber => 33,
            Colour::Red => 31,
            Colour::Blue => 36,
            Colour::Grey => 90,
        };
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A reader that has gone away doesn't end the demonstration.
    fn line(&self, text: &str) {
        let mut output = io::stdout().lock();
        let _ = writeln!(output, "{text}").and_then(|()| output.flush());
    }
}

/// `accepted 2 of 3 `, or `wrong: the item is not on this order `.
fn on_screen(answer: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let signal = word(&answer["signal"]);
    let (progress, reason, ask) = (&answer["progress"], &answer["reason"]["sentence"], &answer["ask"]["sentence"]);
    match (progress["done"].as_u64(), progress["of"].as_u64(), reason.as_str().or(ask.as_str())) {
        (_, _, Some(sentence)) => format!("{signal}: {sentence} "),
        _ if signal == "opened" => format!("{signal} order {} ", word(&answer["order"])),
        (Some(done), Some(of), None) => format!("{signal} {done} of {of} "),
        _ => format!("{signal} "),
    }
}

/// The texts of a label between the site's name and the number under the barcode, each caption before what it is of.
fn on_label(texts: &[String]) -> String {
    let inside = texts.get(1..texts.len().saturating_sub(1)).unwrap_or_default();
    let with_gap = |text: &String| format!("{text}{}", if CAPTIONS.contains(&text.as_str()) { " " } else { ", " });
    inside.iter().map(with_gap).collect::<String>().trim_end_matches(", ").to_owned()
}

/// What an event says, in a few words.
fn told(kind: &str, data: &Value) -> String {
    let word = |field: &str| data[field].as_str().unwrap_or_default();
    let number = |field: &str| data[field].as_i64().unwrap_or_default();
    let in_words = |field: &str| word(field).replace('_', " ");
    let order = data["order"]["number"].as_str().unwrap_or_default();
    let of_return = data["return"]["id"].as_str().unwrap_or_default();
    match kind {
        "order.accepted" if data["delivery"] == "pickup" => format!("order {} to be fetched", word("number")),
        "order.accepted" => format!("order {} to go with {}", word("number"), word("carrier")),
        "order.expedited" => format!("order {order} comes before all others"),
        "order.collected" => format!("the customer has order {order}"),
        "order.completed" => format!("order {order} has left"),
        "pack.started" => format!("order {order}: {} units", number("units")),
        "pick.item_picked" => {
            let left = data["stock"]["on_hand"].as_i64().unwrap_or_default();
            format!("{}, {} of {} for order {order}; {left} left", word("name"), number("picked"), number("wanted"))
        }
        "pick.item_short" => {
            let left = data["stock"]["on_hand"].as_i64().unwrap_or_default();
            format!("{} {} {} for order {order}; {left} left", number("quantity"), word("name"), in_words("reason"))
        }
        "pack.item_packed" => format!("{} into parcel {} of order {order}", word("name"), number("parcel")),
        "pack.parcel_sealed" => format!("parcel {} of order {order} is {}", number("parcel"), word("sscc")),
        "pack.parcel_labelled" => format!("parcel {} of order {order} has its label", number("parcel")),
        "pack.completed" => format!("order {order} is packed"),
        "dispatch.requested" => format!("{} to fetch order {order} {}", word("carrier_name"), collection(data)),
        "dispatch.parcel_loaded" => {
            format!("order {order}, now {} on the list of {}", number("loaded"), word("carrier"))
        }
        "dispatch.parcel_ready" => format!("order {order} waits at {} to be fetched", word("place")),
        "dispatch.handed_over" => format!("{} has order {order}", word("carrier")),
        "notification.requested" => {
            let channels: Vec<&str> =
                data["channels"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            format!("tell {} by {}: {}", word("customer"), channels.join(" and "), milestone(order, data))
        }
        "promise.at_risk" => format!("order {order} may come too late: {}", in_words("cause")),
        "promise.will_miss" => format!("order {order} will miss its collection: {}", in_words("cause")),
        "promise.recovered" => format!("order {order} is in time again"),
        "promise.missed" => format!("order {order} has missed its collection: {}", in_words("cause")),
        "promise.kept" if data["late"] == true => format!("order {order} has left late"),
        "promise.kept" => format!("order {order} has left in time"),
        "return.authorized" => format!("return {} of order {order} may come", word("id")),
        "return.received" => format!("return {of_return} of order {order} is here"),
        "return.item_inspected" => match data["stock"]["on_hand"].as_i64() {
            Some(on_hand) => format!("{}: {}; {on_hand} on hand", word("name"), word("condition")),
            None => format!("{}: {}", word("name"), word("condition")),
        },
        "return.completed" => format!("return {of_return} of order {order}: {}", word("resolution")),
        "stock.adjusted" => format!("{}: {} on hand", word("sku"), number("on_hand")),
        "stock.low" => format!("{}: only {} left", word("name"), number("on_hand")),
        "site.started" => format!("{SITE}, {}", word("cause")),
        "site.scan_refused" => format!("{}: {} ({})", word("signal"), word("code"), in_words("reason")),
        "site.scanner_lost" | "site.scanner_back" => word("scanner").to_owned(),
        _ => String::new(),
    }
}

/// `at 16:00, 37 min from now`, of a collection such as `cargo-bike@2026-11-22T16:00`.
fn collection(data: &Value) -> String {
    let id = data["collection"]["id"].as_str().unwrap_or_default();
    let (Some((_, at)), Some(left_s)) = (id.rsplit_once('T'), data["time_left_s"].as_i64()) else {
        return "at the next collection".to_owned();
    };
    format!("at {at}, {} min from now", left_s / 60)
}

fn milestone(order: &str, data: &Value) -> String {
    match data["milestone"].as_str().unwrap_or_default() {
        "order_accepted" => format!("order {order} is accepted"),
        "short_shipped" => format!("order {order} comes without some of it"),
        "return_received" => format!("what came back of order {order} is here"),
        "feedback_invited" => format!("how was order {order}?"),
        milestone => format!("order {order} is {}", milestone.replace('_', " ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn says_what_the_screen_shows() {
        let rows = [
            (json!({ "signal": "accepted", "progress": { "done": 2, "of": 3 }, "reason": null }), "accepted 2 of 3 "),
            (json!({ "signal": "wrong", "reason": { "word": "x", "sentence": "not on it" } }), "wrong: not on it "),
            (
                json!({ "signal": "opened", "order": "10041", "progress": { "done": 0, "of": 3 } }),
                "opened order 10041 ",
            ),
            (json!({ "signal": "completed", "progress": null }), "completed "),
        ];
        for (answer, expected) in rows {
            assert_eq!(on_screen(&answer), expected);
        }
    }

    #[test]
    fn says_what_a_label_says() {
        let texts = ["Site", "Bike", "Order", "10041", "Parcel", "1 / 1", "(00) 0735"].map(str::to_owned);
        assert_eq!(on_label(&texts), "Bike, Order 10041, Parcel 1 / 1");
        assert_eq!(on_label(&[]), "");
    }

    #[test]
    fn tells_events_in_a_few_words() {
        let order = json!({ "id": "10041", "number": "10041", "revision": 1 });
        let rows = [
            (
                "pick.item_picked",
                json!({ "order": order, "name": "Pine soap", "picked": 1, "wanted": 3, "stock": { "on_hand": 59 } }),
                "Pine soap, 1 of 3 for order 10041; 59 left",
            ),
            (
                "dispatch.requested",
                json!({
                    "order": order,
                    "carrier_name": "Cargo Bike",
                    "collection": { "id": "cargo-bike@2026-11-22T16:00" },
                    "time_left_s": 2_250,
                }),
                "Cargo Bike to fetch order 10041 at 16:00, 37 min from now",
            ),
            (
                "notification.requested",
                json!({ "order": order, "customer": "c-1", "channels": ["push", "email"], "milestone": "handed_over" }),
                "tell c-1 by push and email: order 10041 is handed over",
            ),
            (
                "notification.requested",
                json!({ "order": order, "customer": "c-1", "channels": ["sms"], "milestone": "short_shipped" }),
                "tell c-1 by sms: order 10041 comes without some of it",
            ),
            (
                "pick.item_short",
                json!({
                    "order": order,
                    "name": "Linen towel",
                    "quantity": 1,
                    "reason": "not_there",
                    "stock": { "on_hand": 0 },
                }),
                "1 Linen towel not there for order 10041; 0 left",
            ),
            (
                "return.completed",
                json!({ "return": { "id": "R-1" }, "order": order, "resolution": "refund" }),
                "return R-1 of order 10041: refund",
            ),
            ("promise.kept", json!({ "order": order, "late": false }), "order 10041 has left in time"),
            (
                "promise.at_risk",
                json!({ "order": order, "cause": "slow_pace" }),
                "order 10041 may come too late: slow pace",
            ),
            ("nothing.known", json!({}), ""),
        ];
        for (kind, data, expected) in rows {
            assert_eq!(told(kind, &data), expected);
        }
    }
}
