//! A day's work on the whole floor: which orders there are and what goes wrong with which ([`Day`]), what staff scan for
//! it ([`staff`]), and what they would write down ([`books`]). When who comes is each test's own.

pub mod books;
pub mod staff;

use serde_json::Value;

use crate::goods::{catalog, order, stock};
use crate::random::Random;
use crate::scanner::VirtualScanner;
use crate::site::{SITE, Site, barcodes};
use books::{Books, Line, Order, State};
use staff::Scan;

/// How much there is to do.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub orders: usize,
    pub items: u32,
    /// Scans of something that isn't wanted.
    pub wrong_scans: usize,
}

/// Orders in one round.
pub const ROUND: usize = 8;

pub const PRODUCTS: &str = "ABCDEFGHIJKLMNOPQRST";
/// On the shelf and on no order.
pub const NOBODYS: char = 'Z';
/// Only counted and received.
pub const COUNTED: char = 'Y';
const ON_HAND: i64 = 200;

/// What goes wrong with an order, or is special about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Plain,
    /// Before anybody has picked it.
    CancelledAtOnce,
    /// Its goods are scanned back.
    CancelledWhenPicked,
    /// And released later.
    Held,
    HeldForGood,
    /// Its last unit can't be had.
    Short,
    /// A unit is found damaged at the bench, and picked again.
    Damaged,
    /// Two parcels.
    Split,
    /// Goes with the other carrier, after it was sealed.
    Rerouted,
    /// A unit comes back.
    Returned,
}

#[derive(Debug)]
pub struct Day {
    pub books: Books,
    pub fates: Vec<Fate>,
    /// Of all units in the order in which they are picked, those before which something else is scanned.
    pub wrong_at: Vec<usize>,
    pub units_tried: usize,
    /// Scans that did not count, each of which is an event.
    pub refused: usize,
    pub words: Value,
    pub badges: Value,
    random: Random,
}

impl Day {
    /// The day of `seed`, with so many orders of each fate.
    ///
    /// # Panics
    /// Where there are too few orders for them.
    #[must_use]
    pub fn of(seed: u64, size: Size, plan: &[(Fate, usize)]) -> Day {
        let mut random = Random::new(seed);
        let mut units = vec![size.items / size.orders as u32; size.orders];
        while units.iter().sum::<u32>() < size.items {
            units[random.below(size.orders)] += 1;
        }
        let mut fates = vec![Fate::Plain; size.orders];
        let mut free = random.shuffled(size.orders).into_iter();
        for (fate, count) in plan {
            for _ in 0..*count {
                // What comes back has to have left in time, and what is damaged to be packed in time.
                let order = free.by_ref().find(|order| *order < size.orders - 6 * ROUND).expect("enough orders");
                fates[order] = *fate;
            }
        }
        let mut wrong_at = random.shuffled(size.items as usize);
        wrong_at.truncate(size.wrong_scans);
        let orders = units.iter().enumerate().map(|(at, units)| planned(at, *units, &mut random)).collect();
        let stock = PRODUCTS.chars().chain([NOBODYS, COUNTED]).map(|product| (product, ON_HAND)).collect();
        Day {
            books: Books { orders, stock, ..Books::default() },
            fates,
            wrong_at,
            units_tried: 0,
            refused: 0,
            words: Value::Null,
            badges: Value::Null,
            random,
        }
    }

    /// The platform tells the site of goods and the first `orders`, and staff get their barcodes.
    ///
    /// # Panics
    /// Where the agent has no barcodes for them.
    pub fn open(&mut self, site: &Site, orders: usize) {
        let all = format!("{PRODUCTS}{NOBODYS}{COUNTED}");
        site.platform.put_catalog(SITE, &catalog(&all));
        site.platform.set_stock(SITE, &stock(&all, ON_HAND));
        for planned in &self.books.orders[..orders] {
            site.platform.put_order(SITE, &terms(planned));
        }
        site.until_answered();
        site.until_synced();
        self.words = barcodes(&site.agent);
        let arguments = ["barcodes", "--badge", "ann", "--badge", "bo", "--badge", "cy", "--badge", "di", "--json"];
        let output = site.agent.command(&arguments).output().expect("the agent's program runs");
        self.badges = serde_json::from_slice(&output.stdout).expect("badges");
    }

    /// Everybody at once, each with the scans of their station; each scan waits for the last one's answer. `heard` is told
    /// of each before it is sent: the scanner's number from 1, and the code.
    ///
    /// # Panics
    /// Where an answer is another one than the scan expects.
    #[track_caller]
    pub fn together(
        &mut self,
        scans: Vec<Vec<Scan>>,
        scanners: &mut [VirtualScanner],
        heard: &(dyn Fn(usize, &str) + Sync),
    ) {
        self.refused += scans.iter().flatten().filter(|scan| 2 <= scan.beeps).count();
        std::thread::scope(|all| {
            let staff: Vec<_> = scanners
                .iter_mut()
                .zip(scans)
                .zip(1..)
                .map(|((scanner, scans), number)| {
                    all.spawn(move || {
                        for scan in scans {
                            heard(number, &scan.code);
                            let answer = scanner.scan(&scan.code);
                            assert!(answer.recorded, "not saved: {scan:?}");
                            assert_eq!(answer.beeps, scan.beeps, "scanner-{number}: {scan:?}");
                        }
                    })
                })
                .collect();
            staff.into_iter().for_each(|one| one.join().expect("nobody fails"));
        });
    }

    /// From 0 to one less than `limit`.
    pub fn random(&mut self, limit: usize) -> usize {
        self.random.below(limit)
    }
}

fn planned(at: usize, units: u32, random: &mut Random) -> Order {
    let mut lines: Vec<Line> = Vec::new();
    for _ in 0..units {
        let product = PRODUCTS.chars().nth(random.below(PRODUCTS.len())).expect("a product");
        match lines.iter_mut().find(|line| line.product == product) {
            Some(line) => line.wanted += 1,
            None => lines.push(Line { product, wanted: 1, picked: 0, packed: 0, short: 0 }),
        }
    }
    let carrier = if random.below(10) < 6 { "dhl" } else { "postnord" };
    Order { id: format!("n{}", at + 1), carrier, lines, parcels: Vec::new(), state: State::Open, held: false }
}

/// What the platform puts for it.
#[must_use]
pub fn terms(planned: &Order) -> Value {
    let words: Vec<String> = planned.lines.iter().map(|line| format!("{}x{}", line.wanted, line.product)).collect();
    order(&planned.id, planned.carrier, &words.join(" "))
}
