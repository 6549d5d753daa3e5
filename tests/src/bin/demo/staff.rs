//! Staff: two at the benches, one at the loading door and one at the desk for returns, each with a scanner.

use std::time::Duration;

use anyhow::{Context, bail};
use parceld_tests::scanner::Answer;
use parceld_tests::wait::{self, Stopwatch};
use serde_json::Value;

use crate::arguments::Arguments;
use crate::board::{Board, Event};
use crate::goods::{self, ORDERS, Order, RETURN, Slip};
use crate::scanner::Scanner;
use crate::site::{CARRIERS_IN_TURN, Site};
use crate::stop::Stop;
use crate::story::Story;

/// This site's command barcodes, as they hang at the stations.
#[derive(Debug)]
pub struct Codes(Value);

impl Codes {
    #[must_use]
    pub fn of(site: &Site) -> Codes {
        Codes(site.barcodes())
    }

    /// The text of the barcode for `word`; none is as good as one that nobody knows.
    fn get<'c>(&'c self, word: &'c str) -> &'c str {
        self.0[word].as_str().unwrap_or(word)
    }
}

/// How long people take from one scan to the next.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    between_scans: Duration,
    /// Until somebody who heard a wrong signal has looked up.
    after_a_slip: Duration,
}

impl Pace {
    /// The pace that the command line asks for.
    #[must_use]
    pub fn of(arguments: Arguments) -> Pace {
        // Two scans of one code nearer to each other than the agent's bounce time would be one.
        let ms = if arguments.fast { [200, 200] } else { [1_200, 1_600] };
        let [between_scans, after_a_slip] = ms.map(Duration::from_millis);
        Pace { between_scans, after_a_slip }
    }
}

/// Ample for the status to show what a scanner was answered.
const SCREEN_SHOWS_WITHIN: Duration = Duration::from_secs(5);

/// What everybody at work shares.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    pub site: &'a Site,
    pub board: &'a Board,
    pub story: &'a Story,
    pub stop: &'a Stop,
    pub codes: &'a Codes,
    pub pace: Pace,
}

/// One person with a scanner at a station.
struct Hand<'a> {
    desk: Desk<'a>,
    station: &'static str,
    scanner: &'a mut Scanner,
    /// The last answer that the screen showed.
    shown: Option<Value>,
}

impl<'a> Hand<'a> {
    fn new(desk: Desk<'a>, station: &'static str, scanner: &'a mut Scanner) -> Hand<'a> {
        Hand { desk, station, scanner, shown: None }
    }

    fn scan(&mut self, code: &str, what: &str) -> anyhow::Result<Answer> {
        self.desk.stop.pause(self.desk.pace.between_scans)?;
        let scanning = self.desk.story.scanning();
        let Some(heard) = self.scanner.scan(code) else {
            bail!("{}: no answer to {code} within {} s", self.station, wait::GENEROUS.as_secs());
        };
        let text = code.strip_prefix("]C1").unwrap_or(code);
        self.look_at_screen(text);
        let signal = self.shown.as_ref().and_then(|shown| shown["signal"].as_str());
        let Some(beeps) = heard.beeps.or_else(|| signal.and_then(beeps)) else {
            bail!("{}: nothing tells what became of {code}", self.station);
        };
        let answer = Answer { recorded: heard.recorded, beeps, after: heard.after };
        self.desk.story.scanned(self.station, text, what, answer, self.shown.as_ref());
        drop(scanning);
        if 1 < answer.beeps {
            self.desk.stop.pause(self.desk.pace.after_a_slip)?;
        }
        Ok(answer)
    }

    fn expect(&mut self, code: &str, what: &str, beeps: u8) -> anyhow::Result<()> {
        let answer = self.scan(code, what)?;
        if !answer.recorded || answer.beeps != beeps {
            bail!("{}: {code} was answered with {answer:?}, not with {beeps} beeps", self.station);
        }
        Ok(())
    }

    /// As [`expect`](Hand::expect), with the barcode for `word`.
    fn expect_word(&mut self, word: &str, what: &str, beeps: u8) -> anyhow::Result<()> {
        self.expect(self.desk.codes.get(word), what, beeps)
    }

    /// The scanner has its answer a little before the screen.
    fn look_at_screen(&mut self, code: &str) {
        let waiting = Stopwatch::start();
        let before = self.shown.take();
        while self.shown.is_none() && waiting.elapsed() < SCREEN_SHOWS_WITHIN {
            let shown = self.desk.site.answer_to(self.station);
            self.shown = shown.filter(|shown| shown["code"] == code && Some(shown) != before.as_ref());
            if self.shown.is_none() {
                wait::a_moment();
            }
        }
    }
}

/// As many as a scanner that sends lines beeps for a signal.
fn beeps(signal: &str) -> Option<u8> {
    match signal {
        "accepted" | "opened" => Some(0),
        "completed" => Some(1),
        "already" | "unknown" => Some(2),
        "wrong" | "over" | "refused" => Some(3),
        _ => None,
    }
}

/// A bench: takes the most urgent order, fills it, takes the next, until none waits.
pub struct Bench<'a> {
    hand: Hand<'a>,
    opened: usize,
}

impl<'a> Bench<'a> {
    pub fn new(desk: Desk<'a>, station: &'static str, scanner: &'a mut Scanner) -> Bench<'a> {
        Bench { hand: Hand::new(desk, station, scanner), opened: 0 }
    }

    /// # Errors
    /// An answer that isn't what it should be, or the end.
    pub fn work(mut self) -> anyhow::Result<()> {
        loop {
            let answer = self.hand.scan(self.hand.desk.codes.get("DONE"), "DONE")?;
            match answer.beeps {
                0 => self.look_which_order().and_then(|order| self.fill(order))?,
                // No order waits.
                2 => return Ok(()),
                _ => bail!("{}: DONE was answered with {answer:?}", self.hand.station),
            }
        }
    }

    fn look_which_order(&mut self) -> anyhow::Result<&'static Order> {
        let (station, nth) = (self.hand.station, self.opened);
        self.opened += 1;
        let Desk { board, stop, .. } = self.hand.desk;
        let id = board.find("the order that was opened", stop, |events| {
            let here = |event: &&Event| event.kind == "pack.started" && event.station.as_deref() == Some(station);
            events.iter().filter(here).nth(nth).map(|event| event.order().to_owned())
        })?;
        goods::order(&id).with_context(|| format!("{station}: order {id} was opened, which nobody put"))
    }

    fn fill(&mut self, order: &Order) -> anyhow::Result<()> {
        let units = order.units();
        let Some((last, others)) = units.split_last() else { return Ok(()) };
        let (hand, name) = (&mut self.hand, goods::name_of);
        for code in others {
            hand.expect(code, name(code), 0)?;
        }
        match order.slip {
            Some(Slip::WrongItem(code)) => hand.expect(code, name(code), 3)?,
            Some(Slip::OneTooMany) => hand.expect(units[0], name(units[0]), 3)?,
            Some(Slip::Unknown(code)) => hand.expect(code, "an old label", 2)?,
            Some(Slip::NotThere) => {
                hand.expect_word("SHORT", "SHORT", 0)?;
                hand.expect(last, name(last), 0)?;
                return hand.expect_word("R-NOT-THERE", "R-NOT-THERE", 1);
            }
            None => {}
        }
        hand.expect(last, name(last), 1)
    }
}

/// Where a parcel waits for the customer who fetches it.
const SHELF: &str = "C1";

/// The loading door: each carrier's parcels, once all of them are sealed, and their hand-over; then what customers fetch.
pub struct Door<'a> {
    hand: Hand<'a>,
}

impl<'a> Door<'a> {
    pub fn new(desk: Desk<'a>, station: &'static str, scanner: &'a mut Scanner) -> Door<'a> {
        Door { hand: Hand::new(desk, station, scanner) }
    }

    /// # Errors
    /// An answer that isn't what it should be, or the end.
    pub fn work(mut self) -> anyhow::Result<()> {
        for (carrier, name) in CARRIERS_IN_TURN {
            for label in self.wait_for_parcels(Some(carrier))? {
                self.hand.expect(&label, "a parcel's label", 0)?;
            }
            self.hand.expect_word("HANDOVER", &format!("HANDOVER to {name}"), 1)?;
        }
        for label in self.wait_for_parcels(None)? {
            self.hand.expect(&label, "a parcel's label", 0)?;
            self.hand.expect(&format!("PD:BIN:{SHELF}"), &format!("shelf {SHELF}"), 1)?;
        }
        for order in ORDERS.iter().filter(|order| order.by.is_none()) {
            self.hand.expect(order.id, "the customer's order", 0)?;
            self.hand.expect_word("HANDOVER", "HANDOVER to customer", 1)?;
        }
        Ok(())
    }

    /// The barcodes on the parcels of all orders of a carrier, or of those that are fetched, as soon as all are sealed.
    fn wait_for_parcels(&self, carrier: Option<&str>) -> anyhow::Result<Vec<String>> {
        let Desk { board, stop, .. } = self.hand.desk;
        let orders = ORDERS.iter().filter(|order| order.carrier() == carrier).count();
        let ssccs = board.wait_for(stop, |events| {
            let ours = |event: &&Event| goods::order(event.order()).is_some_and(|order| order.carrier() == carrier);
            let sealed = events.iter().filter(|event| event.kind == "pack.parcel_sealed").filter(ours);
            let ssccs: Vec<String> = sealed.filter_map(|event| Some(event.data["sscc"].as_str()?.to_owned())).collect();
            (ssccs.len() == orders).then_some(ssccs)
        })?;
        ssccs.iter().map(|sscc| self.label(sscc)).collect()
    }

    /// The barcode on the label with this SSCC, as soon as it is printed.
    fn label(&self, sscc: &str) -> anyhow::Result<String> {
        let Desk { site, board, stop, .. } = self.hand.desk;
        board.find(&format!("the label {sscc}"), stop, |_| {
            let printed = site.labels().into_iter().flat_map(|(_, labels)| labels);
            printed.flat_map(|label| label.barcodes()).find(|code| code.ends_with(sscc))
        })
    }
}

/// The desk for returns: what a customer sent back, once the first courier has come.
pub struct Counter<'a> {
    hand: Hand<'a>,
}

impl<'a> Counter<'a> {
    pub fn new(desk: Desk<'a>, station: &'static str, scanner: &'a mut Scanner) -> Counter<'a> {
        Counter { hand: Hand::new(desk, station, scanner) }
    }

    /// # Errors
    /// An answer that isn't what it should be, or the end.
    pub fn work(mut self) -> anyhow::Result<()> {
        let Desk { board, stop, .. } = self.hand.desk;
        board.wait_for(stop, |events| events.iter().any(|event| event.kind == "dispatch.handed_over").then_some(()))?;
        self.hand.expect(RETURN.id, "a return's number", 0)?;
        for (product, condition) in RETURN.units {
            self.hand.expect(product.code, product.name, 0)?;
            self.hand.expect_word(condition, condition, 0)?;
        }
        self.hand.expect_word("DONE", "DONE", 1)
    }
}
