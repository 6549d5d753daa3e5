//! Staff: two at the benches and one at the loading door, each with a scanner.

use std::time::Duration;

use anyhow::{Context, bail};
use parceld_tests::scanner::{Answer, VirtualScanner};
use parceld_tests::wait::{self, Stopwatch};
use serde_json::Value;

use crate::arguments::Arguments;
use crate::board::{Board, Event};
use crate::goods::{self, ORDERS, Order, Slip};
use crate::site::{CARRIERS_IN_TURN, Site};
use crate::stop::Stop;
use crate::story::Story;

/// This site's command barcodes, as they hang at the benches.
#[derive(Debug)]
pub struct Codes {
    done: String,
    hand_over: String,
}

impl Codes {
    #[must_use]
    pub fn of(site: &Site) -> Codes {
        Codes { done: site.barcode("DONE"), hand_over: site.barcode("HANDOVER") }
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
const SCREEN_SHOWS_WITHIN: Duration = Duration::from_secs(1);

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
    scanner: &'a mut VirtualScanner,
    /// The last answer that the screen showed.
    shown: Option<Value>,
}

impl<'a> Hand<'a> {
    fn new(desk: Desk<'a>, station: &'static str, scanner: &'a mut VirtualScanner) -> Hand<'a> {
        Hand { desk, station, scanner, shown: None }
    }

    fn scan(&mut self, code: &str, what: &str) -> anyhow::Result<Answer> {
        self.desk.stop.pause(self.desk.pace.between_scans)?;
        let scanning = self.desk.story.scanning();
        let Some(answer) = self.scanner.try_scan(code, wait::GENEROUS) else {
            bail!("{}: no answer to {code} within {} s", self.station, wait::GENEROUS.as_secs());
        };
        self.look_at_screen(code);
        self.desk.story.scanned(self.station, code, what, answer, self.shown.as_ref());
        drop(scanning);
        if 1 < answer.beeps {
            self.desk.stop.pause(self.desk.pace.after_a_slip)?;
        }
        Ok(answer)
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

/// A bench: takes the most urgent order, fills it, takes the next, until none waits.
pub struct Bench<'a> {
    hand: Hand<'a>,
    opened: usize,
}

impl<'a> Bench<'a> {
    pub fn new(desk: Desk<'a>, station: &'static str, scanner: &'a mut VirtualScanner) -> Bench<'a> {
        Bench { hand: Hand::new(desk, station, scanner), opened: 0 }
    }

    /// # Errors
    /// An answer that isn't what it should be, or the end.
    pub fn work(mut self) -> anyhow::Result<()> {
        loop {
            let done = self.hand.desk.codes.done.clone();
            let answer = self.hand.scan(&done, "DONE")?;
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
        for code in others {
            self.expect(code, goods::name_of(code), 0)?;
        }
        match order.slip {
            Some(Slip::WrongItem(code)) => self.expect(code, goods::name_of(code), 3)?,
            Some(Slip::OneTooMany) => self.expect(units[0], goods::name_of(units[0]), 3)?,
            Some(Slip::Unknown(code)) => self.expect(code, "an old label", 2)?,
            None => {}
        }
        self.expect(last, goods::name_of(last), 1)
    }

    fn expect(&mut self, code: &str, what: &str, beeps: u8) -> anyhow::Result<()> {
        let answer = self.hand.scan(code, what)?;
        if !answer.recorded || answer.beeps != beeps {
            bail!("{}: {code} was answered with {answer:?}, not with {beeps} beeps", self.hand.station);
        }
        Ok(())
    }
}

/// The loading door: each carrier's parcels, once all of them are sealed, and their hand-over.
pub struct Door<'a> {
    hand: Hand<'a>,
}

impl<'a> Door<'a> {
    pub fn new(desk: Desk<'a>, station: &'static str, scanner: &'a mut VirtualScanner) -> Door<'a> {
        Door { hand: Hand::new(desk, station, scanner) }
    }

    /// # Errors
    /// An answer that isn't what it should be, or the end.
    pub fn work(mut self) -> anyhow::Result<()> {
        for (carrier, name) in CARRIERS_IN_TURN {
            for sscc in self.wait_for_parcels(carrier)? {
                let answer = self.hand.scan(&sscc, "a parcel's SSCC")?;
                if answer.beeps != 0 {
                    bail!("door: parcel {sscc} was answered with {answer:?}");
                }
            }
            let hand_over = self.hand.desk.codes.hand_over.clone();
            let answer = self.hand.scan(&hand_over, &format!("HANDOVER to {name}"))?;
            if answer.beeps != 1 {
                bail!("door: the hand-over to {name} was answered with {answer:?}");
            }
        }
        Ok(())
    }

    /// The SSCCs of all orders of a carrier, as soon as all of them are sealed.
    fn wait_for_parcels(&self, carrier: &str) -> anyhow::Result<Vec<String>> {
        let Desk { board, stop, .. } = self.hand.desk;
        let orders = ORDERS.iter().filter(|order| order.carrier == carrier).count();
        board.wait_for(stop, |events| {
            let ours = |event: &&Event| goods::order(event.order()).is_some_and(|order| order.carrier == carrier);
            let sealed = events.iter().filter(|event| event.kind == "pack.parcel_sealed").filter(ours);
            let ssccs: Vec<String> = sealed.filter_map(|event| Some(event.data["sscc"].as_str()?.to_owned())).collect();
            (ssccs.len() == orders).then_some(ssccs)
        })
    }
}
