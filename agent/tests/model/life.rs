//! Plays a life: each step at the site and at the model, and compares what both say.

use super::held;
use super::platform::Terms;
use super::play::{Floor, told};
use super::steps::{self, LABELS_BEFOREHAND, Setup, Step};
use super::world::{self, BATCH, Mode, OnShort, Station, World};
use parceld::domain::rules::Flow;
use parceld::domain::signal::Answer;
use proptest::sample::Index;
use proptest::test_runner::{TestCaseError, TestCaseResult};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Long enough that nothing bounces.
const BETWEEN_MS: u64 = 1_000;
/// A scanner sends a frame again within this.
const AGAIN_MS: u64 = 500;
/// A read so soon after the same one is no second one.
const BOUNCE_MS: u64 = 100;
/// The number of the first order.
const FIRST: u32 = 1_001;

pub const STATIONS: [(&str, Mode); 10] = [
    ("bench", Mode::Pack),
    ("2", Mode::Pack),
    ("3", Mode::Pack),
    ("pick", Mode::Pick),
    ("pick-2", Mode::Pick),
    ("door", Mode::Load),
    ("door-2", Mode::Load),
    ("desk", Mode::Return),
    ("shelf", Mode::Count),
    ("gate", Mode::Receive),
];

/// Both sides of the comparison, and what has been played so far.
struct Life {
    floor: Floor,
    world: World,
    /// In the words of scripts.
    script: String,
    now_ms: u64,
    /// When each scanner was heard last since the last start.
    heard: BTreeMap<&'static str, u64>,
}

pub fn play(setup: &Setup, steps: &[Step]) -> TestCaseResult {
    let mut life = Life::new(setup);
    for step in steps {
        let said = life.step(step).and_then(|()| held::compare(&life.world, &life.floor));
        if let Err(why) = said {
            return Err(TestCaseError::fail(format!("{setup:?}\n{}{why}", life.script)));
        }
    }
    held::assert_log(&life.floor).map_err(|why| TestCaseError::fail(format!("{setup:?}\n{}{why}", life.script)))
}

impl Life {
    fn new(setup: &Setup) -> Self {
        let mut floor = Floor::new(|rules| {
            rules.flow = if setup.two_steps { Flow::PickThenPack } else { Flow::SingleStep };
            rules.bins = setup.bins;
            rules.batch_size = BATCH;
        });
        floor.reserve(u32::try_from(LABELS_BEFOREHAND).unwrap());
        let world = World {
            two_steps: setup.two_steps,
            bins: setup.bins,
            next_label: LABELS_BEFOREHAND,
            stations: STATIONS.into_iter().map(|(id, mode)| (id, Station::in_mode(mode))).collect(),
            ..World::default()
        };
        let mut life = Self { floor, world, script: String::new(), now_ms: 0, heard: BTreeMap::new() };
        life.platform("catalog A B C", "accepted").unwrap();
        life
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Scan { at, code } => self.scan(at, code),
            Step::Order { at, which } => match self.some_order(which, false) {
                Some(number) => self.scan(at, &number.to_string()),
                None => Ok(()),
            },
            Step::Parcel { at, which } => {
                let label = which.index(usize::try_from(self.world.next_label).unwrap() + 1);
                self.scan(at, &format!("p{label}"))
            }
            Step::Work { at, times } => (0..*times).try_for_each(|_| match self.world.next_scan(at) {
                Some(code) => self.scan(at, &code),
                None => Ok(()),
            }),
            Step::Again { at } => self.repeat(at, AGAIN_MS, true),
            Step::Bounce { at } => self.repeat(at, BOUNCE_MS, false),
            Step::Put { which, terms } => {
                let known = which.as_ref().and_then(|which| self.some_order(which, true));
                let new = FIRST + u32::try_from(self.world.orders.len()).unwrap();
                self.put(known.unwrap_or(new), terms)
            }
            Step::Command { verb, which } => {
                let Some(number) = self.some_order(which, true).or_else(|| self.some_order(which, false)) else {
                    return Ok(());
                };
                let expected = match *verb {
                    "cancel" => self.world.cancel(number),
                    verb => self.world.steer(verb, number),
                };
                self.platform(&format!("{verb} {number}"), &expected)
            }
            Step::Label { which, n, revision, number: numbered } => {
                let Some(number) = self.some_order(which, false) else {
                    return Ok(());
                };
                let expected = self.world.label_anew(number, *n, *revision, *numbered);
                let tracking = if *numbered { format!(" tracking=T{number}-{n}-{revision}") } else { String::new() };
                self.platform(&format!("label {number}/{} rev={revision}{tracking}", n + 1), &expected)
            }
            Step::Announce { id, of, units } => {
                let number = of.as_ref().and_then(|which| self.some_order(which, false));
                let of = number.map(|number| format!(" of {number}")).unwrap_or_default();
                let expected = self.world.announce(id, number, &[('A', *units), ('B', 1)]);
                self.platform(&format!("return {id}{of}: {units}xA 1xB"), &expected)
            }
            Step::Stock { sku, units } => {
                let expected = self.world.set_stock(*sku, *units);
                self.platform(&format!("stock {sku} {units}"), &expected)
            }
            Step::Rescan { at } => self.rescan(at),
            Step::Restart => {
                self.start_again(true);
                Ok(())
            }
            Step::Crash { at } => {
                self.world.crash();
                self.start_again(false);
                self.rescan(at)
            }
        }
    }

    fn start_again(&mut self, orderly: bool) {
        let _ = writeln!(self.script, "{}", if orderly { "restart" } else { "crash" });
        self.floor.start_again(orderly);
        self.now_ms = 0;
        self.heard.clear();
    }

    fn rescan(&mut self, at: &'static str) -> Result<(), String> {
        match self.world.stations[at].heard.clone() {
            Some(heard) => self.scan(at, &heard.code),
            None => Ok(()),
        }
    }

    fn some_order(&self, which: &Index, at_work: bool) -> Option<u32> {
        let orders = self.world.orders.iter().filter(|(_, order)| !at_work || !order.is_closed());
        let numbers: Vec<u32> = orders.map(|(number, _)| *number).collect();
        (!numbers.is_empty()).then(|| *which.get(&numbers))
    }

    fn scan(&mut self, at: &'static str, code: &str) -> Result<(), String> {
        self.pass(BETWEEN_MS);
        let expected = self.world.scan(at, code);
        self.heard.insert(at, self.now_ms);
        self.says(at, code, &expected).map(drop)
    }

    /// The same frame once more, soon after: answered, and nothing happens.
    fn repeat(&mut self, at: &'static str, after_ms: u64, again: bool) -> Result<(), String> {
        let last = self.world.stations[at].heard.clone().zip(self.heard.get(at).copied());
        let Some((heard, _)) = last.filter(|(_, at_ms)| *at_ms == self.now_ms) else {
            return Ok(());
        };
        self.pass(after_ms);
        let (code, expected) = match again {
            true => (format!("{}!!", heard.code), heard.signal),
            false => (heard.code, "silent".into()),
        };
        let happened = self.says(at, &code, &expected)?;
        if happened.is_empty() { Ok(()) } else { Err(format!("a repeat led to {happened:?}")) }
    }

    fn says(&mut self, at: &str, code: &str, expected: &str) -> Result<Vec<&'static str>, String> {
        let _ = writeln!(self.script, "{} {code}@{at} → {expected}", self.now_ms);
        let (answer, happened) = self.floor.scan(&format!("{code}@{at}"));
        let said = told(&Answer { ask: None, ..answer });
        if said == expected { Ok(happened) } else { Err(format!("but the site said: {said}")) }
    }

    fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        self.floor.wait(ms);
    }

    fn put(&mut self, number: u32, terms: &steps::Terms) -> Result<(), String> {
        let named = |(id, sku, quantity, bin): &steps::Line| {
            let bin = bin.map(|bin| format!("@{bin}")).unwrap_or_default();
            let id = if id.len() == 1 { String::new() } else { format!("#{id}") };
            format!("{quantity}x{sku}{id}{bin}")
        };
        let text = terms.lines.iter().map(named).collect::<Vec<_>>().join(" ");
        let short = if terms.on_short.is_empty() { String::new() } else { format!(" short={}", terms.on_short) };
        let line = |(id, sku, quantity, bin): &steps::Line| world::Line {
            id: (*id).into(),
            sku: *sku,
            quantity: *quantity,
            bin: *bin,
            picked: 0,
            packed: 0,
            short: 0,
        };
        let modelled = Terms {
            lines: terms.lines.iter().map(line).collect(),
            carrier: Some(terms.way).filter(|way| *way != "pickup"),
            on_short: match terms.on_short {
                "hold" => OnShort::Hold,
                "cancel" => OnShort::Cancel,
                _ => OnShort::ShipRest,
            },
        };
        let expected = self.world.put(number, modelled);
        self.platform(&format!("put {number}: {text} via {}{short}", terms.way), &expected)
    }

    fn platform(&mut self, line: &str, expected: &str) -> Result<(), String> {
        let arrow = if expected == "accepted" { String::new() } else { format!(" → {expected}") };
        let _ = writeln!(self.script, "{line}{arrow}");
        let reply = self.floor.command(line);
        if reply == expected { Ok(()) } else { Err(format!("but the site replied: {reply}")) }
    }
}
