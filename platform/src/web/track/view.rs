//! What a customer sees of an order: the news, the promise, what can be done, the steps, the parcels. Pure.

use crate::dossier::{Choice, Dossier, Parcel, Return};
use crate::letters::channels::Customer;
use crate::letters::delay;
use crate::letters::notice::Notice;
use crate::letters::when::{Promise, When};
use crate::letters::{Line, say_resolution};
use crate::shop::Shop;
use crate::words::{Words, capital};
use jiff::Timestamp;
use serde_json::{Value, json};

/// What a customer may wish for a return.
pub const WISHES: [&str; 4] = ["refund", "exchange", "replacement", "voucher"];

#[derive(Debug, Default)]
pub struct View {
    pub kicker: String,
    pub title: String,
    pub lead: Vec<String>,
    /// What is said at the counter.
    pub code: Option<String>,
    pub when: Vec<Line>,
    pub choices: Vec<delay::Choice>,
    /// The notification that offers them.
    pub delay: String,
    /// What came of the customer's choice.
    pub chosen: Option<String>,
    /// What does not come, and what happens with its money.
    pub short: Vec<String>,
    pub short_note: String,
    pub steps: Vec<Step>,
    pub parcels: Vec<ParcelView>,
    /// Goods that are in no parcel yet.
    pub items: Vec<String>,
    pub feedback: Ask,
    pub pickup: bool,
    /// SKU, name and how many can be sent back.
    pub returnable: Vec<(String, String, i64)>,
    pub wishes: Vec<(&'static str, String)>,
    pub stopped: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub enum Ask {
    #[default]
    No,
    Yes,
    /// It was given; a comment can be added.
    Given,
    Commented,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// `past`, `now`, `late` or `next`.
    pub class: &'static str,
    pub current: bool,
    pub label: String,
    pub sub: String,
    pub time: String,
}

#[derive(Debug, PartialEq, Eq)]
pub struct ParcelView {
    pub head: String,
    pub lines: Vec<String>,
    pub note: String,
    /// The carrier's number, and its page.
    pub tracking: Option<(String, Option<String>)>,
}

impl ParcelView {
    pub fn number(&self) -> &str {
        self.tracking.as_ref().map_or("", |(number, _)| number)
    }

    pub fn url(&self) -> &str {
        self.tracking.as_ref().and_then(|(_, url)| url.as_deref()).unwrap_or_default()
    }
}

#[must_use]
pub fn view(dossier: &Dossier, shop: &Shop, words: &Words, now: Timestamp) -> View {
    Desk::new(dossier, shop, words, now).view()
}

/// The newest delay that holds, as its notice says it. Who wants no messages still sees it here.
#[must_use]
pub fn delayed(dossier: &Dossier) -> Option<Notice> {
    let asked = dossier.notifications.iter().filter(|notification| notification.milestone == "delayed");
    let asked = asked.max_by_key(|notification| notification.at);
    let broke = |told: &&crate::dossier::Told| match told.kind.as_str() {
        "promise.will_miss" | "promise.missed" => told.data["broken"] == true,
        "promise.recovered" | "promise.kept" => true,
        _ => false,
    };
    let event = dossier.told.iter().rev().find(broke);
    let notice = match (asked, event) {
        (Some(asked), event) if event.is_none_or(|event| event.at <= asked.at) => {
            Notice::read(&asked.data.to_string()).ok()
        }
        (_, Some(event)) => {
            let good = matches!(event.kind.as_str(), "promise.recovered" | "promise.kept");
            let data = json!({
                "key": "", "milestone": "delayed", "order": { "id": dossier.id, "number": dossier.number },
                "promise": event.data["promise"], "reason": event.data["cause"],
                "delay": { "revised": event.data["revised"], "restored": good, "choices": ["keep", "pick_up", "cancel"] },
            });
            Notice::read(&data.to_string()).ok()
        }
        _ => None,
    };
    notice.filter(|notice| notice.delay.as_ref().is_some_and(|delay| !delay.restored))
}

struct Desk<'a> {
    dossier: &'a Dossier,
    shop: &'a Shop,
    words: &'a Words,
    when: When<'a>,
    now: Timestamp,
    pickup: bool,
    carrier: String,
    delayed: Option<Notice>,
    gone: usize,
    all_gone: bool,
}

impl<'a> Desk<'a> {
    fn new(dossier: &'a Dossier, shop: &'a Shop, words: &'a Words, now: Timestamp) -> Self {
        let pickup = dossier.is_pickup();
        let carrier = dossier.carrier().map(|(id, name)| shop.carrier(id, name).to_owned());
        let carrier = carrier.unwrap_or_else(|| words.say("letter.carrier"));
        let gone = dossier.gone();
        let all = dossier.parcels_total.and_then(|total| usize::try_from(total).ok());
        let all_gone = dossier.state == "completed" || (0 < gone && all == Some(gone));
        let when = When::new(words, &shop.zone, now);
        // Who fetches it instead waits for no courier.
        let settled = |notice: &Notice| {
            pickup && dossier.choices.iter().any(|choice| choice.choice == "pick_up" && choice.key == notice.key)
        };
        let delayed = delayed(dossier).filter(|notice| !settled(notice));
        Self { dossier, shop, words, when, now, pickup, carrier, delayed, gone, all_gone }
    }

    fn view(&self) -> View {
        let mut view = View { kicker: self.fill("page.order", &[("number", &self.dossier.number)]), ..View::default() };
        view.pickup = self.pickup;
        let returned = self.dossier.returns.last();
        self.news(&mut view, returned);
        self.steps(&mut view, returned);
        view.parcels = self.dossier.parcels.iter().map(|parcel| self.parcel(parcel)).collect();
        if view.parcels.is_empty() {
            let left = self.dossier.lines.iter().filter(|line| line.short < line.wanted);
            view.items = left.map(|line| count(&line.name, line.wanted - line.short)).collect();
        }
        let short = self.dossier.lines.iter().filter(|line| 0 < line.short);
        view.short = short.map(|line| count(&line.name, line.short)).collect();
        view.short_note = self.fill("short.refund", &[("days", &self.shop.refund_days.to_string())]);
        view.chosen = self.dossier.choices.last().map(|choice| self.chosen(choice));
        if self.may_have_arrived() && returned.is_none() {
            let given = |with_comment: bool| {
                self.dossier.feedback.iter().any(|feedback| !with_comment || !feedback.comment.is_empty())
            };
            view.feedback = match (given(false), given(true)) {
                (false, _) => Ask::Yes,
                (true, false) => Ask::Given,
                (true, true) => Ask::Commented,
            };
        }
        if 0 < self.gone && returned.is_none() {
            let sent = self.dossier.lines.iter().filter(|line| 0 < line.packed);
            view.returnable = sent.map(|line| (line.sku.clone(), line.name.clone(), line.packed)).collect();
            view.wishes = WISHES.map(|wish| (wish, capital(&say_resolution(self.words, wish)))).into();
        }
        let customer = self.dossier.customer.as_ref().and_then(|(_, customer)| customer.as_ref());
        view.stopped = customer.is_some_and(Customer::wants_nothing);
        view
    }

    /// The one thing to know first.
    fn news(&self, view: &mut View, returned: Option<&Return>) {
        let words = self.words;
        if let Some(returned) = returned {
            return self.news_of_return(view, returned);
        }
        let days = self.shop.refund_days.to_string();
        if self.dossier.state == "cancelled" && self.gone == 0 {
            view.title = words.say("cancelled.title");
            view.lead = vec![words.fill("news.cancelled_lead", &[("days", &days)])];
            return;
        }
        if self.pickup && self.all_gone {
            view.title = words.say("news.collected");
            let at = self.dossier.last("order.collected").or(self.dossier.last("order.completed"));
            view.lead = at
                .map(|told| self.fill("news.collected_lead", &[("at", &self.when.at(told.at))]))
                .into_iter()
                .collect();
            return;
        }
        if 0 < self.gone {
            self.news_of_leaving(view);
            return;
        }
        let ready = self.dossier.parcels.iter().filter(|parcel| parcel.state == "ready").count();
        if self.pickup && 0 < ready {
            return self.news_of_ready(view, ready);
        }
        view.when = self.promise();
        if let Some(notice) = &self.delayed {
            let Some(delay) = &notice.delay else { return };
            view.title = delay::title(delay, notice.promise.as_ref(), self.pickup, &self.when);
            view.lead = delay::lead(delay, notice.reason.as_deref(), &self.carrier, &self.when);
            if !self.has_chosen(&notice.key) {
                view.choices = delay::choices(delay, self.shop, self.pickup, &self.when);
                view.delay.clone_from(&notice.key);
            }
            return;
        }
        if self.dossier.held {
            (view.title, view.lead) = (words.say("news.held"), vec![words.say("news.held_lead")]);
            return;
        }
        if self.dossier.lines.iter().any(|line| 0 < line.short) {
            let why = self.dossier.last("pick.item_short").map(|told| told.data["reason"] == "damaged");
            let lead = if why == Some(true) { "short_shipped.lead_damaged" } else { "short_shipped.lead" };
            (view.title, view.lead) = (words.say("short_shipped.title"), vec![words.say(lead)]);
            return;
        }
        let state = match self.dossier.state.as_str() {
            "picking" => "picking",
            "picked" | "packing" => "packing",
            "packed" | "partly_dispatched" => "packed",
            _ => "put",
        };
        view.title = words.say(&format!("news.{state}"));
        view.lead = vec![match (state, self.pickup, self.dossier.collection()) {
            ("packed", true, _) => words.say("news.packed_lead_pickup"),
            ("packed", false, Some(at)) => {
                self.fill("news.packed_lead_at", &[("carrier", &self.carrier), ("at", &self.when.at(at))])
            }
            _ => self.fill(&format!("news.{state}_lead"), &[("carrier", &self.carrier)]),
        }];
    }

    fn news_of_return(&self, view: &mut View, returned: &Return) {
        let words = self.words;
        view.kicker = self.fill("page.return_of", &[("id", &returned.id), ("number", &self.dossier.number)]);
        let wish = returned.wish.as_deref().map(|wish| say_resolution(words, wish));
        let days = self.shop.refund_days.to_string();
        (view.title, view.lead) = match (returned.state.as_str(), returned.resolution.as_deref()) {
            (_, Some(resolution)) => {
                let title =
                    if resolution == "refund" { "return_resolved.title_refund" } else { "return_resolved.title" };
                let key = format!("return_resolved.{resolution}");
                let key = if words.has(&key) { key.as_str() } else { "return_resolved.other" };
                (words.say(title), vec![self.fill(key, &[("days", &days)])])
            }
            ("receiving", _) => (words.say("return_received.title"), vec![words.say("news.return_receiving_lead")]),
            ("completed", _) => (words.say("news.return_completed"), vec![words.say("news.return_completed_lead")]),
            _ => (words.say("news.return_put"), vec![self.fill("news.return_put_lead", &[("id", &returned.id)])]),
        };
        let wish = wish.filter(|_| returned.resolution.is_none());
        view.when = wish
            .map(|wish| Line { label: words.say("news.chosen"), text: capital(&wish), old: false })
            .into_iter()
            .collect();
    }

    fn news_of_leaving(&self, view: &mut View) {
        let at = self.dossier.last("dispatch.handed_over").map(|told| self.when.at(told.at)).unwrap_or_default();
        let (n, m) = (self.gone.to_string(), self.total().to_string());
        let values = [("carrier", self.carrier.as_str()), ("at", &at), ("n", &n), ("m", &m)];
        (view.title, view.lead) = if !self.all_gone {
            let lead = if self.dossier.state == "cancelled" { "cancelled.lead_partial" } else { "news.partly_lead" };
            (self.fill("news.partly", &values), vec![self.words.say(lead)])
        } else if 1 < self.gone {
            (self.words.say("news.onway"), vec![self.fill("news.onway_lead_all", &values)])
        } else {
            (self.words.say("news.onway"), vec![self.fill("news.onway_lead", &values)])
        };
        let with_you = self.words.say("promise.with_you");
        view.when = self.promise();
        // When it leaves is no news once it has left.
        view.when.retain(|line| line.old || line.label == with_you || line.label == self.words.say("promise.now"));
    }

    fn news_of_ready(&self, view: &mut View, ready: usize) {
        let all = self.total();
        view.title = if ready < all {
            self.fill("news.ready_partly", &[("n", &ready.to_string()), ("m", &all.to_string())])
        } else {
            self.words.say("ready_for_pickup.title")
        };
        view.code = Some(self.dossier.number.clone());
        let Some(pickup) = &self.shop.pickup else { return };
        let open = self.when.open(&pickup.open);
        let key = if open.is_empty() { "news.ready_lead" } else { "news.ready_lead_open" };
        let keep = pickup.keep_days.zip(self.dossier.last("dispatch.parcel_ready"));
        let keep = keep
            .and_then(|(days, told)| told.at.checked_add(jiff::SignedDuration::from_hours(24 * i64::from(days))).ok());
        view.lead = keep
            .map(|until| self.fill("ready_for_pickup.keep", &[("day", &self.when.day(until))]))
            .into_iter()
            .collect();
        view.lead.push(self.fill(key, &[("place", &pickup.place), ("open", &open)]));
    }

    /// Nobody tells us that a carrier delivered: the shop invited to say how it arrived, or its time has come.
    fn may_have_arrived(&self) -> bool {
        let expected = self.delayed.as_ref().map_or_else(|| self.promised(), delay::expected);
        let by = expected.and_then(|promise| promise.deliver_by);
        let invited = self.dossier.notifications.iter().any(|one| one.milestone == "feedback_invited");
        self.all_gone && (self.pickup || invited || by.is_some_and(|by| by <= self.now))
    }

    /// What was promised, and what holds now.
    fn promise(&self) -> Vec<Line> {
        let line = |(label, text, old): (String, String, bool)| Line { label, text: capital(&text), old };
        if let Some(notice) = &self.delayed {
            return delay::before_and_now(notice, self.pickup, &self.when).into_iter().map(line).collect();
        }
        let said = self.promised().and_then(|promise| self.when.promise(&promise, self.pickup));
        said.map(|(label, text)| line((self.words.say(label), text, false))).into_iter().collect()
    }

    fn promised(&self) -> Option<Promise> {
        serde_json::from_value(self.dossier.agreed()["promise"].clone()).ok()
    }

    fn has_chosen(&self, key: &str) -> bool {
        let asked = self.dossier.choices.iter().any(|choice| choice.choice != "keep" && self.is_open(choice));
        asked || self.dossier.choices.last().is_some_and(|choice| choice.choice == "keep" && choice.key == key)
    }

    /// The site has not said yet what comes of it.
    fn is_open(&self, choice: &Choice) -> bool {
        !self.is_refused(choice) && !self.is_done(choice)
    }

    fn is_refused(&self, choice: &Choice) -> bool {
        let kind = if choice.choice == "cancel" { "order.cancel" } else { "order.put" };
        let command = self
            .dossier
            .commands
            .iter()
            .rev()
            .find(|command| command.kind == kind && command.revision == choice.revision);
        command.is_some_and(|command| matches!(command.status.as_deref(), Some("rejected" | "expired")))
    }

    fn is_done(&self, choice: &Choice) -> bool {
        match choice.choice.as_str() {
            "keep" => true,
            "cancel" => self.dossier.told.iter().any(|told| told.kind == "order.cancelled"),
            _ => self.pickup,
        }
    }

    fn chosen(&self, choice: &Choice) -> String {
        let what = match choice.choice.as_str() {
            "keep" => return self.words.say("choice.keep"),
            "cancel" => "cancel",
            _ => "pick_up",
        };
        let state = match (self.is_done(choice), self.is_refused(choice)) {
            (true, _) => "done",
            (_, true) => "refused",
            _ => "asked",
        };
        self.words.say(&format!("choice.{what}_{state}"))
    }

    fn steps(&self, view: &mut View, returned: Option<&Return>) {
        if let Some(returned) = returned {
            let last = returned.resolution.as_deref().map_or(0, |_| 4);
            let reached = match returned.state.as_str() {
                "put" | "authorized" => 1,
                "receiving" => 2,
                _ => 3,
            };
            let rows = [
                ("step.announced", "return.authorized"),
                ("step.received", "return.received"),
                ("step.looked_at", "return.completed"),
                ("step.settled", ""),
            ];
            let rows =
                rows.map(|(label, kind)| Row { label: self.words.say(label), sub: String::new(), at: self.time(kind) });
            view.steps = number(rows.into(), reached.max(last), None);
            return;
        }
        if self.dossier.state == "cancelled" && self.gone == 0 {
            let rows = [("step.ordered", "order.accepted"), ("step.cancelled", "order.cancelled")];
            let rows =
                rows.map(|(label, kind)| Row { label: self.words.say(label), sub: String::new(), at: self.time(kind) });
            view.steps = number(rows.into(), 2, None);
            return;
        }
        let total: i64 = self.dossier.lines.iter().map(|line| line.wanted - line.short).sum();
        let (picked, packed): (i64, i64) =
            self.dossier.lines.iter().fold((0, 0), |sum, line| (sum.0 + line.picked, sum.1 + line.packed));
        let of = |n: i64| {
            if 0 < n && n < total {
                self.fill("step.of_items", &[("n", &n.to_string()), ("m", &total.to_string())])
            } else {
                String::new()
            }
        };
        let state = self.dossier.state.as_str();
        let all_packed = self.dossier.parcels_total.is_some();
        let all_picked = all_packed || !matches!(state, "put" | "accepted" | "picking");
        let reached = match (state, all_picked, all_packed, self.all_gone) {
            (_, _, _, true) => 4,
            (_, _, true, _) => 3,
            (_, true, ..) => 2,
            ("put", ..) => 0,
            _ => 1,
        };
        let row = |label: &str, sub: String, kind: &str| Row { label: self.words.say(label), sub, at: self.time(kind) };
        let mut rows = vec![row("step.ordered", String::new(), "order.accepted")];
        rows.push(match state {
            "picking" => row("step.picking", of(picked), "pick.started"),
            _ => row("step.picked", String::new(), if all_picked { "pick.completed" } else { "" }),
        });
        let parcels = match self.total() {
            1 => self.words.say("step.one_parcel"),
            many => self.fill("step.parcels", &[("m", &many.to_string())]),
        };
        rows.push(match all_packed {
            true => row("step.packed", parcels, "pack.completed"),
            false if 0 < packed => row("step.packing", of(packed), "pack.started"),
            false => row("step.packed", String::new(), ""),
        });
        if self.pickup {
            let ready = self.dossier.parcels.iter().any(|parcel| parcel.state == "ready");
            rows.push(row(
                "step.ready",
                String::new(),
                if ready || self.all_gone { "dispatch.parcel_ready" } else { "" },
            ));
            rows.push(row("step.fetched", String::new(), if self.all_gone { "order.collected" } else { "" }));
            let reached = if self.all_gone {
                5
            } else if ready {
                4
            } else {
                reached.min(3)
            };
            let late = self.delayed.is_some().then_some(3).filter(|_| reached <= 3);
            view.steps = number(rows, reached, late);
            return;
        }
        let late = self.delayed.is_some() && !self.all_gone;
        let gone = self.gone.to_string();
        let sub = match (late, self.all_gone, self.gone) {
            (_, false, 1..) => self.fill("step.taken_of", &[("n", &gone), ("m", &self.total().to_string())]),
            (true, ..) => self.words.say("step.later"),
            (_, false, 0) => self
                .dossier
                .collection()
                .map(|at| self.fill("step.comes", &[("at", &self.when.at(at))]))
                .unwrap_or_default(),
            _ => String::new(),
        };
        let mut taken = row("step.taken", sub, if 0 < self.gone { "dispatch.handed_over" } else { "" });
        taken.label = self.fill("step.taken", &[("carrier", &self.carrier)]);
        rows.push(taken);
        let promise = self.delayed.as_ref().map_or_else(|| self.promised(), delay::expected);
        let with_you = promise.and_then(|promise| self.when.promise(&promise, false));
        let with_you =
            with_you.filter(|(label, _)| *label == "promise.with_you").map(|(_, said)| said).unwrap_or_default();
        rows.push(row("step.with_you", with_you, ""));
        view.steps = number(rows, reached, late.then_some(3));
    }

    fn parcel(&self, parcel: &Parcel) -> ParcelView {
        let n = parcel.n.to_string();
        let head = match self.dossier.parcels_total {
            Some(1) => self.words.say("letter.parcel_one"),
            Some(total) => self.fill("letter.parcel", &[("n", &n), ("m", &total.to_string())]),
            None => self.fill("letter.parcel_n", &[("n", &n)]),
        };
        let carrier = [("carrier", self.carrier.as_str())];
        let note = match parcel.state.as_str() {
            "open" => self.words.say("parcel.open"),
            "ready" => self.words.say("parcel.ready"),
            "collected" => self.words.say("parcel.collected"),
            "handed_over" => self.fill("parcel.gone", &carrier),
            _ if self.pickup => self.words.say("step.packed"),
            _ => self.fill("parcel.waits", &carrier),
        };
        let tracking = parcel.tracking.clone().filter(|_| parcel.state == "handed_over");
        let tracking = tracking.map(|number| (number, self.carriers_page(parcel.n)));
        let lines = parcel.contents.iter().map(|item| count(&item.name, item.quantity)).collect();
        ParcelView { head, lines, note, tracking }
    }

    /// Only a page: what a browser would run is none.
    fn carriers_page(&self, n: i64) -> Option<String> {
        let told = self.dossier.notifications.iter().rev().find(|one| {
            one.milestone == "handed_over"
                && one.data["parcel"].as_i64() == Some(n)
                && one.data["tracking_url"].is_string()
        })?;
        let url = told.data["tracking_url"].as_str()?;
        (url.starts_with("https://") || url.starts_with("http://")).then(|| url.to_owned())
    }

    fn total(&self) -> usize {
        let all = self.dossier.parcels_total.and_then(|total| usize::try_from(total).ok());
        all.unwrap_or(self.dossier.parcels.len())
    }

    fn time(&self, kind: &str) -> String {
        self.dossier.last(kind).map(|told| self.when.short(told.at)).unwrap_or_default()
    }

    fn fill(&self, key: &str, values: &[(&str, &str)]) -> String {
        self.words.fill(key, values)
    }
}

struct Row {
    label: String,
    sub: String,
    at: String,
}

/// The first `reached` are past; the next one is now, and it, or the `late` one, is marked.
fn number(rows: Vec<Row>, reached: usize, late: Option<usize>) -> Vec<Step> {
    let step = |(index, Row { label, sub, at }): (usize, Row)| {
        let class = match index {
            _ if index < reached => "past",
            _ if late == Some(index) => "late",
            _ if index == reached => "now",
            _ => "next",
        };
        Step { class, current: index == reached, label, sub, time: at }
    };
    rows.into_iter().enumerate().map(step).collect()
}

fn count(name: &str, quantity: i64) -> String {
    crate::letters::notice::Item { name: name.to_owned(), quantity }.say()
}

/// The terms of an order that its customer fetches instead. What the checkout promised was about a delivery.
#[must_use]
pub fn fetched_instead(terms: &Value) -> Value {
    let mut terms = terms.clone();
    if let Some(fields) = terms.as_object_mut() {
        for field in ["carrier", "service", "promise", "revision", "known"] {
            fields.remove(field);
        }
        fields.insert("delivery".into(), "pickup".into());
    }
    terms
}

#[cfg(test)]
mod tests;
