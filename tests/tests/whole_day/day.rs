//! The plan of a day and its course: which orders come, what goes wrong with which, and who works when.

use crate::books::{Books, Line, Order, Parcel, State};
use crate::staff::{self, Scan};
use crate::tape::{Tape, Turn};
use parceld_tests::goods::{catalog, order, return_of, stock};
use parceld_tests::random::Random;
use parceld_tests::site::{SITE, Site, barcodes};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Mutex;

pub const ORDERS: usize = 300;
const ITEMS: u32 = 1_000;
/// 3 of 100.
const WRONG_SCANS: usize = 30;
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

/// How many of each: 1 % short and 5 % returned, as people have it.
const FATES: [(Fate, usize); 9] = [
    (Fate::CancelledAtOnce, 4),
    (Fate::CancelledWhenPicked, 5),
    (Fate::Held, 5),
    (Fate::HeldForGood, 2),
    (Fate::Short, 10),
    (Fate::Damaged, 5),
    (Fate::Split, 15),
    (Fate::Rerouted, 8),
    (Fate::Returned, 15),
];

/// When who comes, in rounds.
const HELD_UNTIL: usize = 6;
const DHL_LATE: usize = 12;
const POSTNORD_COMES_EVERY: usize = 4;
const POSTNORD_ABSENT: usize = 15;

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
    pub fn of(seed: u64) -> Day {
        let mut random = Random::new(seed);
        let mut units = vec![3; ORDERS];
        while units.iter().sum::<u32>() < ITEMS {
            units[random.below(ORDERS)] += 1;
        }
        let mut fates = vec![Fate::Plain; ORDERS];
        let mut free = random.shuffled(ORDERS).into_iter();
        for (fate, count) in FATES {
            for _ in 0..count {
                // What comes back has to have left in time, and what is damaged to be packed in time.
                let order = free.by_ref().find(|order| *order < ORDERS - 6 * ROUND).expect("enough orders");
                fates[order] = fate;
            }
        }
        let mut wrong_at = random.shuffled(ITEMS as usize);
        wrong_at.truncate(WRONG_SCANS);
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

    /// The platform tells the site everything, and staff get their barcodes.
    pub fn open(&mut self, site: &Site) {
        let all = format!("{PRODUCTS}{NOBODYS}{COUNTED}");
        site.platform.put_catalog(SITE, &catalog(&all));
        site.platform.set_stock(SITE, &stock(&all, ON_HAND));
        for planned in &self.books.orders {
            site.platform.put_order(SITE, &terms(planned));
        }
        site.until_answered();
        site.until_synced();
        self.words = barcodes(&site.agent);
        let arguments = ["barcodes", "--badge", "ann", "--badge", "bo", "--badge", "cy", "--badge", "di", "--json"];
        let output = site.agent.command(&arguments).output().expect("the agent's program runs");
        self.badges = serde_json::from_slice(&output.stdout).expect("badges");
    }

    /// From the first badge to the last courier.
    pub fn work(&mut self, site: &mut Site, tape: &mut Tape) {
        let of_fate = |fate: Fate| -> Vec<usize> { (0..ORDERS).filter(|order| self.fates[*order] == fate).collect() };
        let (held, for_good) = (of_fate(Fate::Held), of_fate(Fate::HeldForGood));
        let at_once = of_fate(Fate::CancelledAtOnce);
        let mut to_announce = of_fate(Fate::Returned);
        for order in held.iter().chain(&for_good) {
            tape.turn(Turn::Hold(self.books.orders[*order].id.clone()), site);
            self.books.orders[*order].held = true;
        }
        for order in &at_once {
            tape.turn(Turn::Cancel(self.books.orders[*order].id.clone()), site);
            self.books.orders[*order].state = State::Cancelled;
        }
        tape.all_heard(site);
        let signed_in = staff::sign_in(self);
        self.together(signed_in, site, tape);

        let is_here = |order: &usize| !held.contains(order) && !for_good.contains(order) && !at_once.contains(order);
        let mut waiting: VecDeque<usize> = (0..ORDERS).filter(is_here).collect();
        let mut picked: Vec<usize> = Vec::new();
        for wave in 0.. {
            if wave == HELD_UNTIL {
                for order in &held {
                    tape.turn(Turn::Release(self.books.orders[*order].id.clone()), site);
                    self.books.orders[*order].held = false;
                    waiting.push_front(*order);
                }
            }
            let mut round: Vec<usize> = waiting.drain(..waiting.len().min(ROUND)).collect();
            // A unit is for the first order of the round that wants it: who gets none stands last.
            round.sort_by_key(|order| self.fates[*order] == Fate::Short);
            if round.is_empty() && picked.is_empty() {
                break;
            }
            let cancelled = self.cancel_picked(&picked, site, tape);
            let returned = self.announce(&mut to_announce, site, tape);
            tape.all_heard(site);

            let (first, second) = staff::pick(self, wave, &round);
            let (packed, again) = staff::pack(self, &picked);
            again.into_iter().for_each(|order| waiting.push_front(order));
            let desk = staff::desk(self, wave, &cancelled, &returned);
            self.together(vec![first, packed, Vec::new(), desk], site, tape);
            self.disturb(wave, site, tape);
            tape.all_heard(site);
            let void = self.reroute(&picked, site, tape);
            tape.all_heard(site);
            let relabelled = staff::relabel(self, &void);
            self.together(vec![Vec::new(), relabelled], site, tape);
            tape.all_heard(site);

            let confirmed = staff::confirm(self, site);
            let door = staff::load(self, site, "dhl", &void, wave == DHL_LATE);
            self.together(vec![second, confirmed, door], site, tape);
            let last = waiting.is_empty() && round.is_empty();
            if wave % POSTNORD_COMES_EVERY == POSTNORD_COMES_EVERY - 1 || last {
                tape.all_heard(site);
                let door = match wave == POSTNORD_ABSENT || last {
                    true => staff::nobody_comes(self, site, "postnord"),
                    false => staff::load(self, site, "postnord", &[], false),
                };
                self.together(vec![Vec::new(), Vec::new(), door], site, tape);
            }
            picked = round.into_iter().filter(|order| self.books.orders[*order].is_picked()).collect();
        }
    }

    /// Everybody at once, each with the scans of their station; each scan waits for the last one's answer.
    #[track_caller]
    fn together(&mut self, scans: Vec<Vec<Scan>>, site: &mut Site, tape: &mut Tape) {
        self.refused += scans.iter().flatten().filter(|scan| 2 <= scan.beeps).count();
        let tape = Mutex::new(tape);
        std::thread::scope(|all| {
            let staff: Vec<_> = site.scanners.iter_mut().zip(scans).enumerate().collect();
            let staff: Vec<_> = staff
                .into_iter()
                .map(|(at, (scanner, scans))| {
                    let tape = &tape;
                    all.spawn(move || {
                        for scan in scans {
                            tape.lock().expect("nobody fails").scan(&format!("scanner-{}", at + 1), &scan.code);
                            let answer = scanner.scan(&scan.code);
                            assert!(answer.recorded, "not saved: {scan:?}");
                            assert_eq!(answer.beeps, scan.beeps, "scanner-{}: {scan:?}", at + 1);
                        }
                    })
                })
                .collect();
            staff.into_iter().for_each(|one| one.join().expect("nobody fails"));
        });
    }

    fn disturb(&mut self, wave: usize, site: &mut Site, tape: &mut Tape) {
        let turn = match wave % 10 {
            1 => Turn::Kill,
            4 => Turn::Restart,
            6 => Turn::KillBroker,
            8 => Turn::KillPlatform,
            _ => return,
        };
        tape.turn(turn, site);
    }

    fn cancel_picked(&mut self, picked: &[usize], site: &mut Site, tape: &mut Tape) -> Vec<usize> {
        let is_it = |order: &&usize| self.fates[**order] == Fate::CancelledWhenPicked;
        let cancelled: Vec<usize> = picked.iter().filter(is_it).copied().collect();
        for order in &cancelled {
            tape.turn(Turn::Cancel(self.books.orders[*order].id.clone()), site);
            self.books.orders[*order].state = State::Cancelled;
        }
        cancelled
    }

    /// Customers announce what they send back of what has left. The returns and their products.
    fn announce(&mut self, waiting: &mut Vec<usize>, site: &mut Site, tape: &mut Tape) -> Vec<(String, char)> {
        let has_left = |order: &usize| self.books.orders[*order].parcels.first() == Some(&Parcel::HandedOver);
        let (now, later): (Vec<usize>, Vec<usize>) = waiting.iter().partition(|order| has_left(order));
        *waiting = later;
        let announced = now.into_iter().map(|order| {
            let order = &self.books.orders[order];
            (format!("back-{}", order.id), order.id.clone(), order.lines[0].product)
        });
        let announced: Vec<_> = announced.collect();
        for (id, order, product) in &announced {
            let announced = return_of(id, Some(order), &format!("1x{product}"));
            tape.turn(Turn::Return(announced), site);
        }
        announced.into_iter().map(|(id, _, product)| (id, product)).collect()
    }

    /// Sealed orders go with the other carrier. The numbers on their labels, which are void now.
    fn reroute(&mut self, packed: &[usize], site: &mut Site, tape: &mut Tape) -> Vec<String> {
        let is_it = |order: &&usize| self.fates[**order] == Fate::Rerouted;
        let rerouted: Vec<usize> = packed.iter().filter(is_it).copied().collect();
        let mut void = Vec::new();
        for order in rerouted {
            void.push(staff::parcel_field(site, &self.books.orders[order].id, 1, "sscc"));
            let planned = &mut self.books.orders[order];
            planned.carrier = if planned.carrier == "dhl" { "postnord" } else { "dhl" };
            let terms = terms(planned);
            tape.turn(Turn::Put(terms), site);
        }
        void
    }

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

fn terms(planned: &Order) -> Value {
    let words: Vec<String> = planned.lines.iter().map(|line| format!("{}x{}", line.wanted, line.product)).collect();
    order(&planned.id, planned.carrier, &words.join(" "))
}
