//! What the platform asks of a site that can't hear it, and what must come of it once it can.

use parceld_tests::day::books::{Order, Parcel, State};
use parceld_tests::day::{Day, terms};
use parceld_tests::platform::Platform;
use parceld_tests::site::SITE;
use serde_json::{Value, json};

/// One wish about an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    Cancel,
    /// One unit more of its first line.
    Grow,
    /// With the other carrier.
    Reroute,
    Hold,
    Release,
    Expedite,
    /// An order that the site has not heard of.
    New,
}

/// A wish that was sent, as a command.
#[derive(Debug)]
pub struct Ask {
    pub wish: Wish,
    pub order: usize,
    command: String,
}

/// A reply's status and reason.
type Outcome = (&'static str, Option<&'static str>);

impl Ask {
    /// Tells the platform, which is to tell the site.
    pub fn send(wish: Wish, order: usize, day: &Day, platform: &Platform) -> Ask {
        let planned = &day.books.orders[order];
        let id = &planned.id;
        let sent = match wish {
            Wish::Cancel => platform.cancel(SITE, id, &json!({ "reason": "customer", "notify": true })),
            Wish::Grow => {
                let mut grown = planned.clone();
                grown.lines[0].wanted += 1;
                platform.put_order(SITE, &terms(&grown))
            }
            Wish::Reroute => {
                let mut rerouted = planned.clone();
                rerouted.carrier = other(rerouted.carrier);
                platform.put_order(SITE, &terms(&rerouted))
            }
            Wish::Hold => platform.hold(SITE, id, &json!({ "reason": "payment" })),
            Wish::Release => platform.release(SITE, id),
            Wish::Expedite => platform.expedite(SITE, id),
            Wish::New => platform.put_order(SITE, &terms(planned)),
        };
        let command = sent["commands"][0].as_str().expect("a command was made").to_owned();
        Ask { wish, order, command }
    }

    /// What the site must answer, by what staff had done when it heard.
    fn must_come(&self, day: &Day) -> Outcome {
        let order = &day.books.orders[self.order];
        match self.wish {
            Wish::New => ("accepted", None),
            _ if has_left(order) => ("rejected", Some("handed_over")),
            Wish::Grow if order.state == State::Packed => ("rejected", Some("packed")),
            _ => ("accepted", None),
        }
    }

    /// Asserts the site's reply, and writes into the books what it means. Whether it has an effect.
    #[track_caller]
    pub fn settle(&self, day: &mut Day, replies: &[Value]) -> bool {
        let reply = replies.iter().find(|reply| reply["id"] == *self.command).expect("the platform lists its commands");
        let came = (reply["status"].as_str().unwrap_or_default(), reply["reason"].as_str());
        let (status, reason) = self.must_come(day);
        let order = &mut day.books.orders[self.order];
        assert_eq!(came, (status, reason), "{:?} of {order:?}: {reply}", self.wish);
        if status != "accepted" {
            return false;
        }
        match self.wish {
            Wish::Cancel => {
                order.state = State::Cancelled;
                // Nobody takes them to the door any more.
                order.parcels.clear();
            }
            Wish::Grow => order.lines[0].wanted += 1,
            Wish::Reroute => {
                order.carrier = other(order.carrier);
                // Its labels are void.
                order.parcels.iter_mut().for_each(|parcel| *parcel = Parcel::Sealed);
            }
            Wish::Hold => order.held = true,
            Wish::Release => order.held = false,
            Wish::Expedite | Wish::New => {}
        }
        true
    }
}

/// With its carrier, all of it.
pub fn has_left(order: &Order) -> bool {
    order.state == State::Packed && order.parcels.iter().all(|parcel| *parcel == Parcel::HandedOver)
}

fn other(carrier: &str) -> &'static str {
    if carrier == "dhl" { "postnord" } else { "dhl" }
}
