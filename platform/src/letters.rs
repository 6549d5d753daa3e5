//! Letters: what a customer is told, from what a site asked to be said. Pure: time and all that is known are arguments.
//!
//! A [`Letter`] says it once, in the customer's language and the shop's voice; `email` and `text` write it for their
//! channels. Names of goods and shops are text everywhere, never markup. Everything that is written carries [`once`]: who
//! gets the same key twice was told the same thing twice.

pub mod channels;
pub mod delay;
pub mod draft;
mod email;
pub mod notice;
mod text;
pub mod when;

pub use channels::Channel;
pub use notice::Notice;

use crate::shop::Shop;
use crate::words::Words;
use jiff::Timestamp;
use notice::Item;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use when::When;

/// What the platform knows of an order beside the notice.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// When it happened.
    pub at: Timestamp,
    /// The token of its page.
    pub token: String,
    pub pickup: bool,
    /// What customers call its carrier.
    pub carrier: Option<String>,
    /// The collection that its parcels wait for.
    pub collection: Option<Timestamp>,
    pub parcels: Vec<Parcel>,
    /// Something of it has left the site.
    pub partly_gone: bool,
}

#[derive(Clone, Debug)]
pub struct Parcel {
    pub n: i64,
    pub items: Vec<Item>,
}

/// What is said, without how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub number: String,
    pub title: String,
    /// Paragraphs.
    pub lead: Vec<String>,
    pub when: Vec<Line>,
    /// As in "Tomorrow is fine: you need not do anything".
    pub silence: Option<String>,
    pub button: String,
    /// The order's page.
    pub link: String,
    pub rows: Vec<Row>,
}

/// A promise: `With you`, `today 18–20`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub label: String,
    pub text: String,
    /// No longer holds.
    pub old: bool,
}

/// A parcel, or what does not come, with what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub head: Option<String>,
    pub lines: Vec<String>,
    /// The carrier's page, with its text.
    pub tracking: Option<(String, Option<String>)>,
}

/// What a sender sends, as the outbox keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "channel", rename_all = "lowercase")]
pub enum Message {
    Email {
        from_name: String,
        from: String,
        reply_to: String,
        to: String,
        subject: String,
        text: String,
        html: String,
        /// Where one POST ends the messages (RFC 8058).
        stop: String,
    },
    Sms {
        from: String,
        to: String,
        text: String,
    },
    Push {
        to: String,
        title: String,
        body: String,
        link: String,
    },
}

/// What makes a letter one and the same, however often it is sent: from the notification's key and the channel. It is
/// the e-mail's Message-ID and the webhooks' Idempotency-Key.
#[must_use]
pub fn once(key: &str, channel: Channel) -> String {
    let digest = Sha256::digest(format!("{key}\n{}", channel.word()));
    digest[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a letter for a channel.
#[must_use]
pub fn write(letter: &Letter, channel: Channel, to: &str, shop: &Shop, words: &Words) -> Message {
    match channel {
        Channel::Email => Message::Email {
            from_name: shop.name.clone(),
            from: shop.sender.clone(),
            reply_to: shop.reply_to.clone(),
            to: to.into(),
            subject: words.fill("letter.subject", &[("title", &letter.title), ("number", &letter.number)]),
            text: text::plain(letter, shop, words),
            html: email::html(letter, shop, words),
            stop: format!("{}/stop", letter.link),
        },
        Channel::Sms => Message::Sms { from: shop.name.clone(), to: to.into(), text: text::sms(letter, shop, words) },
        Channel::Push => Message::Push {
            to: to.into(),
            title: letter.title.clone(),
            body: text::push(letter, words),
            link: letter.link.clone(),
        },
    }
}

/// What a notice says to a customer of `shop`.
#[must_use]
pub fn compose(notice: &Notice, known: &Known, shop: &Shop, words: &Words, now: Timestamp) -> Letter {
    let desk = Desk { notice, known, shop, words, when: When::new(words, &shop.zone, now) };
    let (title, lead, button) = desk.say();
    let (when, silence) = desk.promise();
    Letter {
        number: notice.order.number.clone(),
        title,
        lead: lead.into_iter().filter(|part| !part.is_empty()).collect(),
        when,
        silence,
        button: button.unwrap_or_else(|| words.say("letter.see")),
        link: shop.page(&known.token),
        rows: desk.rows(),
    }
}

struct Desk<'a> {
    notice: &'a Notice,
    known: &'a Known,
    shop: &'a Shop,
    words: &'a Words,
    when: When<'a>,
}

impl Desk<'_> {
    /// Title, paragraphs, and the button's text where it is another than "see where it is".
    fn say(&self) -> (String, Vec<String>, Option<String>) {
        let (notice, words) = (self.notice, self.words);
        let milestone = notice.milestone.as_str();
        let mut title = words.say(&format!("{milestone}.title"));
        let mut button = words.has(&format!("{milestone}.button")).then(|| words.say(&format!("{milestone}.button")));
        let days = self.shop.refund_days.to_string();
        let refund = || words.fill(&format!("{milestone}.refund"), &[("days", &days)]);
        let lead = match milestone {
            "packed" => vec![self.packed()],
            "ready_for_pickup" => self.ready(),
            "handed_over" => {
                let (n, m) = (notice.parcel.unwrap_or(1).to_string(), notice.of.unwrap_or(1).to_string());
                let at = self.when.at(self.known.at);
                let values = [("carrier", self.carrier().as_str()), ("n", &n), ("m", &m), ("at", &at)].map(own);
                let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
                if notice.of.is_some_and(|of| 1 < of) {
                    title = words.fill("handed_over.title_of", &values);
                    vec![words.fill("handed_over.lead_of", &values)]
                } else {
                    vec![words.fill("handed_over.lead", &values)]
                }
            }
            "collected" => vec![words.fill("collected.lead", &[("at", &self.when.at(self.known.at))])],
            "short_shipped" => {
                let damaged = notice.reason.as_deref() == Some("damaged");
                vec![words.say(if damaged { "short_shipped.lead_damaged" } else { "short_shipped.lead" }), refund()]
            }
            "cancelled" => {
                let asked = matches!(notice.reason.as_deref(), Some("customer"));
                let first = words.say(if asked { "cancelled.lead_customer" } else { "cancelled.lead" });
                if self.known.partly_gone {
                    title = words.say("cancelled.title_partial");
                    return (title, vec![words.say("cancelled.lead_partial"), refund()], button);
                }
                vec![first, refund()]
            }
            "delayed" => {
                let delay = self.delay();
                title = delay::title(&delay, notice.promise.as_ref(), self.known.pickup, &self.when);
                let choices = delay::choices(&delay, self.shop, self.known.pickup, &self.when);
                button = match choices.len() {
                    0 | 1 => None,
                    3 => Some(words.say("delayed.choose")),
                    _ => Some(words.say("delayed.choose_few")),
                };
                delay::lead(&delay, notice.reason.as_deref(), &self.carrier(), &self.when)
            }
            "return_received" => {
                let told = notice.r#return.as_ref();
                let resolution = told.and_then(|told| told.resolution.as_deref());
                let after = match (told.is_some_and(|told| told.authorized), resolution) {
                    (_, Some(resolution)) => {
                        words.fill("return_received.chosen", &[("resolution", &say_resolution(words, resolution))])
                    }
                    (false, None) => words.say("return_received.unknown"),
                    (true, None) => String::new(),
                };
                button = Some(words.say("return_resolved.button"));
                vec![words.say("return_received.lead"), after]
            }
            "return_resolved" => {
                let resolution = notice.r#return.as_ref().and_then(|told| told.resolution.as_deref());
                if resolution == Some("refund") {
                    title = words.say("return_resolved.title_refund");
                }
                let key = format!("return_resolved.{}", resolution.unwrap_or("other"));
                let key = if words.has(&key) { key.as_str() } else { "return_resolved.other" };
                vec![words.fill(key, &[("days", &days)])]
            }
            // A milestone that a newer site knows has no words of its own yet.
            _ if !words.has(&format!("{milestone}.title")) => {
                title = words.say("letter.news");
                Vec::new()
            }
            _ => vec![words.say(&format!("{milestone}.lead"))],
        };
        (title, lead, button)
    }

    fn packed(&self) -> String {
        if self.known.pickup {
            return self.words.say("packed.lead_pickup");
        }
        let carrier = self.carrier();
        match self.known.collection {
            Some(at) => self.words.fill("packed.lead_at", &[("carrier", &carrier), ("at", &self.when.at(at))]),
            None => self.words.fill("packed.lead", &[("carrier", &carrier)]),
        }
    }

    fn ready(&self) -> Vec<String> {
        let Some(pickup) = &self.shop.pickup else { return Vec::new() };
        let open = self.when.open(&pickup.open);
        let key = if open.is_empty() { "ready_for_pickup.lead" } else { "ready_for_pickup.lead_open" };
        let values = [("open", open.as_str()), ("number", &self.notice.order.number)];
        let keep =
            pickup.keep_days.map(|days| self.words.fill("ready_for_pickup.keep", &[("day", &self.when.in_days(days))]));
        [Some(self.words.fill(key, &values)), keep].into_iter().flatten().collect()
    }

    /// The promise where it still says something, and what happens to who does nothing.
    fn promise(&self) -> (Vec<Line>, Option<String>) {
        let line = |(label, text, old)| Line { label, text, old };
        let pickup = self.known.pickup;
        match self.notice.milestone.as_str() {
            "order_accepted" | "packed" | "short_shipped" | "handed_over" => {
                let promise = self.notice.promise.as_ref();
                let said = promise.and_then(|promise| self.when.promise(promise, pickup));
                // When it leaves is no news once it has left.
                let said =
                    said.filter(|(label, _)| self.notice.milestone != "handed_over" || *label == "promise.with_you");
                let said = said.map(|(label, text)| line((self.words.say(label), text, false)));
                (said.into_iter().collect(), None)
            }
            "delayed" => {
                let rows = delay::before_and_now(self.notice, pickup, &self.when).into_iter().map(line).collect();
                let choices = delay::choices(&self.delay(), self.shop, pickup, &self.when);
                let first = choices.first().filter(|choice| choice.name == "keep");
                (rows, first.map(|choice| format!("{}: {}", choice.label, lower(&choice.hint))))
            }
            "ready_for_pickup" => {
                let place = self.shop.pickup.as_ref().map(|pickup| pickup.place.clone());
                let place = place.map(|place| line((self.words.say("promise.place"), place, false)));
                (place.into_iter().collect(), None)
            }
            _ => (Vec::new(), None),
        }
    }

    fn rows(&self) -> Vec<Row> {
        let notice = self.notice;
        let items = |items: &[Item]| items.iter().map(Item::say).collect::<Vec<_>>();
        match notice.milestone.as_str() {
            "short_shipped" => {
                let head = Some(self.words.say("short_shipped.missing"));
                vec![Row { head, lines: items(&notice.short), tracking: None }]
            }
            "packed" | "delayed" if 1 < self.known.parcels.len() => {
                let m = self.known.parcels.len().to_string();
                let row = |parcel: &Parcel| Row {
                    head: Some(self.parcel(parcel.n, &m)),
                    lines: items(&parcel.items),
                    tracking: None,
                };
                self.known.parcels.iter().map(row).collect()
            }
            "handed_over" => {
                let of = notice.of.filter(|of| 1 < *of);
                let head = of.map(|of| self.parcel(notice.parcel.unwrap_or(1), &of.to_string()));
                let tracking = notice.tracking.as_ref();
                let tracking = tracking.map(|number| (format!("{} {number}", self.carrier()), self.carriers_page()));
                vec![Row { head, lines: items(&notice.items), tracking }]
            }
            "feedback_invited" => Vec::new(),
            _ if notice.items.is_empty() => Vec::new(),
            _ => vec![Row { head: None, lines: items(&notice.items), tracking: None }],
        }
    }

    fn parcel(&self, n: i64, m: &str) -> String {
        self.words.fill("letter.parcel", &[("n", &n.to_string()), ("m", m)])
    }

    /// Only a page: what a browser would run is none.
    fn carriers_page(&self) -> Option<String> {
        self.notice.tracking_url.clone().filter(|url| url.starts_with("https://") || url.starts_with("http://"))
    }

    fn carrier(&self) -> String {
        self.known.carrier.clone().unwrap_or_else(|| match self.notice.carrier.as_deref() {
            Some(id) => self.shop.carrier(id, None).to_owned(),
            None => self.words.say("letter.carrier"),
        })
    }

    fn delay(&self) -> notice::Delay {
        let unknown = || notice::Delay { revised: None, first: true, restored: false, choices: Vec::new() };
        self.notice.delay.clone().unwrap_or_else(unknown)
    }
}

/// `money back`, for `refund`.
#[must_use]
pub fn say_resolution(words: &Words, resolution: &str) -> String {
    let key = format!("resolution.{resolution}");
    words.say(if words.has(&key) { &key } else { "resolution.other" })
}

fn own<'a>((name, value): (&'a str, &str)) -> (&'a str, String) {
    (name, value.to_owned())
}

/// With its first letter small, to go on in a sentence.
fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests;
