//! What is scanned: orders of three lines of two units, each opened by its code, and one scan in fifty of a code that
//! nobody knows.
//!
//! Every scan can be told from the event that it caused: an order is opened once, a unit is counted once, an unknown
//! code is scanned once.

use parceld_tests::goods;
use serde_json::{Value, json};

const LINES: u32 = 3;
const UNITS: u32 = 2;
const ONE_WRONG_IN: usize = 50;

/// The products: as many as a letter can name.
pub const PRODUCTS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The carrier of every order.
pub const CARRIER: &str = "example-post";

/// What tells a scan's first event from any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    Opened { order: u32 },
    Picked { order: u32, line: u32, unit: u32 },
    Refused { number: u32 },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// As the scanner sends it, with its line end.
    pub line: String,
    pub mark: Mark,
    /// How many events it leads to.
    pub events: usize,
}

/// Orders for the platform to put, and what each scanner then scans.
#[derive(Debug)]
pub struct Workload {
    pub orders: Vec<Value>,
    pub lanes: Vec<Vec<Scan>>,
}

/// Makes workloads that never repeat an order.
#[derive(Debug, Default)]
pub struct Source {
    orders: u32,
    unknown: u32,
}

impl Source {
    /// About `scans` in all over `lanes` scanners: each finishes its last order.
    pub fn workload(&mut self, lanes: usize, scans: usize) -> Workload {
        let mut orders = Vec::new();
        let share = scans.div_ceil(lanes);
        let mut lane = |number: usize| {
            let mut scans = Vec::with_capacity(share + 8);
            while scans.len() < share {
                self.order(&mut orders, &mut scans, number);
            }
            scans
        };
        let lanes = (0..lanes).map(&mut lane).collect();
        Workload { orders, lanes }
    }

    /// So many scans of codes that nobody knows, an event each.
    pub fn unknowns(&mut self, lanes: usize, scans: usize) -> Workload {
        let mut workload = Workload { orders: Vec::new(), lanes: vec![Vec::new(); lanes] };
        (0..scans).for_each(|scan| workload.lanes[scan % lanes].push(self.unknown()));
        workload
    }

    /// A code that nobody knows.
    pub fn unknown(&mut self) -> Scan {
        self.unknown += 1;
        let number = self.unknown;
        Scan { line: format!("X{number:08}\r\n"), mark: Mark::Refused { number }, events: 1 }
    }

    fn order(&mut self, orders: &mut Vec<Value>, scans: &mut Vec<Scan>, lane: usize) {
        self.orders += 1;
        let order = self.orders;
        let letters = letters(order);
        let words: Vec<String> = letters.iter().map(|letter| format!("{UNITS}x{letter}")).collect();
        let mut terms = goods::order(&id(order), CARRIER, &words.join(" "));
        terms["revision"] = json!(1);
        orders.push(terms);

        let number = id(order).to_uppercase();
        let mut push = |scan: Scan| {
            // Scanners take their turns, so that not all of them are wrong at once.
            if (scans.len() + lane * 7) % ONE_WRONG_IN == ONE_WRONG_IN - 1 {
                scans.push(self.unknown());
            }
            scans.push(scan);
        };
        push(Scan { line: format!("{number}\r\n"), mark: Mark::Opened { order }, events: 1 });
        for (line, letter) in (1..).zip(letters) {
            for unit in 1..=UNITS {
                // Picked and packed; the last unit also seals the parcel, and with it the order: parcel sealed,
                // dispatch requested, pack completed, notification requested.
                let events = if (line, unit) == (LINES, UNITS) { 6 } else { 2 };
                let mark = Mark::Picked { order, line, unit };
                push(Scan { line: format!("{}\r\n", goods::gtin(letter)), mark, events });
            }
        }
    }
}

impl Workload {
    pub fn scans(&self) -> usize {
        self.lanes.iter().map(Vec::len).sum()
    }

    pub fn events(&self) -> usize {
        self.lanes.iter().flatten().map(|scan| scan.events).sum()
    }
}

/// The number of an order by its id.
pub fn order_number(id: &str) -> Option<u32> {
    id.strip_prefix('b')?.parse().ok()
}

/// The number of an unknown code.
pub fn unknown_number(code: &str) -> Option<u32> {
    code.strip_prefix('X')?.parse().ok()
}

fn id(order: u32) -> String {
    format!("b{order:07}")
}

fn letters(order: u32) -> [char; LINES as usize] {
    let count = PRODUCTS.len() as u32;
    let letter = |line: u32| char::from(PRODUCTS.as_bytes()[((order * LINES + line) % count) as usize]);
    [letter(0), letter(1), letter(2)]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn never_repeats_itself() {
        let mut source = Source::default();
        let workloads = [source.workload(8, 1_000), source.workload(1, 100)];
        let mut marks = HashSet::new();
        for workload in &workloads {
            assert!(workload.lanes.iter().flatten().all(|scan| marks.insert(scan.mark)));
        }
        assert_eq!(workloads[0].lanes.len(), 8);
        assert!((1_000..1_080).contains(&workloads[0].scans()));
    }

    #[test]
    fn an_order_is_opened_and_filled() {
        let workload = Source::default().workload(1, 1);
        let lines: Vec<_> = workload.lanes[0].iter().map(|scan| scan.line.trim_end()).collect();
        let [d, e, f] = ['D', 'E', 'F'].map(goods::gtin);
        assert_eq!(lines, ["B0000001", &d, &d, &e, &e, &f, &f]);
        assert_eq!((workload.orders.len(), workload.events()), (1, 1 + 5 * 2 + 6));
        assert_eq!(order_number(workload.orders[0]["id"].as_str().unwrap()), Some(1));
        assert_eq!(workload.orders[0]["lines"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn one_scan_in_fifty_is_wrong() {
        let workload = Source::default().workload(8, 4_000);
        let wrong = |scan: &&Scan| matches!(scan.mark, Mark::Refused { .. });
        assert_eq!(workload.lanes.iter().flatten().filter(wrong).count(), workload.scans() / ONE_WRONG_IN);
    }

    #[test]
    fn unknown_codes_fill_all_lanes() {
        let workload = Source::default().unknowns(3, 8);
        assert_eq!(workload.lanes.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 2]);
        assert_eq!((workload.events(), workload.orders.len()), (8, 0));
    }

    #[test]
    fn codes_are_read_back() {
        let unknown = Source::default().unknown();
        assert_eq!(unknown_number(unknown.line.trim_end()), Some(1));
        assert_eq!((unknown_number("B0000001"), order_number("X00000001")), (None, None));
    }
}
