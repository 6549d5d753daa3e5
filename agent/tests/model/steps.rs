//! What may happen: the alphabet that random lives of a site are written in.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// How a site works.
#[derive(Clone, Debug)]
pub struct Setup {
    pub two_steps: bool,
    pub bins: bool,
}

/// A line of an order: its id, its product's letter, its quantity and its bin.
pub type Line = (&'static str, char, u32, Option<&'static str>);

#[derive(Clone, Debug)]
pub enum Step {
    Scan {
        at: &'static str,
        code: &'static str,
    },
    /// An order's number.
    Order {
        at: &'static str,
        which: Index,
    },
    /// The label of a parcel: its own, one that it had before, or one that was printed beforehand.
    Parcel {
        at: &'static str,
        which: Index,
    },
    /// What somebody who knows the work would scan, so often.
    Work {
        at: &'static str,
        times: u32,
    },
    /// What was scanned here last, once more.
    Rescan {
        at: &'static str,
    },
    /// The scanner has heard no answer and sends its frame again.
    Again {
        at: &'static str,
    },
    /// The scanner reads the same code twice.
    Bounce {
        at: &'static str,
    },
    /// New terms for an order that is not closed, or a new order.
    Put {
        which: Option<Index>,
        terms: Terms,
    },
    Command {
        verb: &'static str,
        which: Index,
    },
    /// A carrier's label for a parcel.
    Label {
        which: Index,
        n: usize,
        revision: u32,
        /// With the carrier's number.
        number: bool,
    },
    Announce {
        id: &'static str,
        of: Option<Index>,
        units: u32,
    },
    Stock {
        sku: char,
        units: i64,
    },
    Restart,
    /// The agent dies, and what was scanned last is scanned again.
    Crash {
        at: &'static str,
    },
}

#[derive(Clone, Debug)]
pub struct Terms {
    pub lines: Vec<Line>,
    pub way: &'static str,
    pub on_short: &'static str,
}

/// Numbers for labels that are printed before anything is packed.
pub const LABELS_BEFOREHAND: u64 = 2;

/// Everybody at work, or few who are in each other's way.
const STAFF: [&[&str]; 8] = [
    &["bench", "2", "pick", "door", "desk"],
    &["bench", "pick", "door"],
    &["bench", "2", "pick", "door", "door-2"],
    &["bench", "door", "door-2"],
    &["bench", "pick", "pick-2"],
    &["bench", "2", "3", "pick", "desk"],
    &["bench", "pick", "door", "desk", "shelf", "gate"],
    &["bench", "2", "3", "pick", "pick-2", "door", "door-2", "desk", "shelf", "gate"],
];

/// A site and what happens in it.
pub fn life(steps_max: usize) -> impl Strategy<Value = (Setup, Vec<Step>)> {
    let setup = (any::<bool>(), prop::bool::weighted(0.2)).prop_map(|(two_steps, bins)| Setup { two_steps, bins });
    let begin = prop::collection::vec(put(Just(None)), 1..4);
    let rest = select(&STAFF[..]).prop_flat_map(move |staff| prop::collection::vec(step(staff), 1..steps_max));
    (setup, begin, rest).prop_map(|(setup, begin, rest)| (setup, [begin, rest].concat()))
}

fn step(staff: &'static [&'static str]) -> impl Strategy<Value = Step> {
    let at = || select(staff);
    let which = any::<Index>;
    prop_oneof![
        50 => (at(), 1..5u32).prop_map(|(at, times)| Step::Work { at, times }),
        50 => at().prop_flat_map(|at| code(at).prop_map(move |code| Step::Scan { at, code })),
        10 => (at(), which()).prop_map(|(at, which)| Step::Order { at, which }),
        14 => (at(), which()).prop_map(|(at, which)| Step::Parcel { at, which }),
        4 => at().prop_map(|at| Step::Rescan { at }),
        6 => put(which().prop_map(Some)),
        6 => put(Just(None)),
        6 => (select(&["cancel", "hold", "hold", "release", "release", "release", "expedite"][..]), which())
            .prop_map(|(verb, which)| Step::Command { verb, which }),
        2 => (which(), 0..2usize, 1..4u32, any::<bool>())
            .prop_map(|(which, n, revision, number)| Step::Label { which, n, revision, number }),
        2 => (select(&["r-1", "r-2"][..]), prop::option::of(which()), 1..3u32)
            .prop_map(|(id, of, units)| Step::Announce { id, of, units }),
        1 => (select(&['A', 'B', 'C'][..]), 0..9i64).prop_map(|(sku, units)| Step::Stock { sku, units }),
        2 => at().prop_map(|at| Step::Again { at }),
        1 => at().prop_map(|at| Step::Bounce { at }),
        1 => Just(Step::Restart),
        3 => at().prop_map(|at| Step::Crash { at }),
    ]
}

fn put(which: impl Strategy<Value = Option<Index>>) -> impl Strategy<Value = Step> {
    let lines = prop_oneof![
        4 => Just(vec!["A"]),
        6 => Just(vec!["A", "B"]),
        2 => Just(vec!["B"]),
        2 => Just(vec!["A", "B", "C"]),
        2 => Just(vec!["A", "A2"]),
    ];
    let line = |id: &'static str| {
        let bin = match id {
            "A" => Some("B1"),
            "A2" | "B" => Some("B2"),
            _ => None,
        };
        let quantity = prop_oneof![3 => Just(1), 2 => Just(2), 1 => Just(3)];
        quantity.prop_map(move |quantity: u32| (id, id.chars().next().unwrap(), quantity, bin))
    };
    let lines = lines.prop_flat_map(move |ids| ids.into_iter().map(line).collect::<Vec<_>>());
    let way = prop_oneof![6 => Just("dhl"), 2 => Just("postnord"), 2 => Just("pickup")];
    let on_short = prop_oneof![3 => Just(""), 1 => Just("hold"), 1 => Just("cancel")];
    (which, lines, way, on_short)
        .prop_map(|(which, lines, way, on_short)| Step::Put { which, terms: Terms { lines, way, on_short } })
}

/// Mostly what belongs to the station, and now and then anything else.
fn code(at: &str) -> impl Strategy<Value = &'static str> {
    let own: &[&str] = match at {
        "door" | "door-2" => &[
            "HANDOVER",
            "HANDOVER",
            "HANDOVER",
            "UNDO",
            "UNDO",
            "TAKE",
            "R-NO-COURIER",
            "R-LEFT-BEHIND",
            "BIN:C1",
            "CANCEL",
        ],
        "desk" => &[
            "A",
            "A",
            "B",
            "X",
            "C-RESTOCK",
            "C-RESTOCK",
            "C-INSPECT",
            "C-DISCARD",
            "C-MISSING",
            "DONE",
            "UNDO",
            "UNDO",
            "R-DAMAGED",
            "r-1",
            "r-2",
            "TAKE",
            "CANCEL",
            "LINE:1",
            "LINE:2",
            "TOTE:t1",
        ],
        "shelf" | "gate" => &["A", "A", "B", "C", "Q-0", "Q-2", "Q-5", "DONE", "UNDO", "BIN:B1", "CANCEL"],
        _ => &[
            "A",
            "A",
            "A",
            "B",
            "B",
            "C",
            "DONE",
            "DONE",
            "UNDO",
            "UNDO",
            "UNDO",
            "SEAL",
            "SEAL",
            "CANCEL",
            "SHORT",
            "SHORT",
            "REMOVE",
            "REMOVE",
            "TAKE",
            "R-NOT-THERE",
            "R-DAMAGED",
            "R-DAMAGED",
            "R-OTHER",
            "Q-2",
            "TOTE:t1",
            "TOTE:t1",
            "TOTE:t2",
            "TOTE:t3",
            "BIN:B1",
            "BIN:B2",
            "LINE:1",
            "LINE:2",
        ],
    };
    prop_oneof![10 => select(own), 1 => select(&ANY[..])]
}

const ANY: [&str; 26] = [
    "X",
    "nobody",
    "A",
    "DONE",
    "UNDO",
    "CANCEL",
    "SEAL",
    "REPRINT",
    "HANDOVER",
    "SHORT",
    "REMOVE",
    "TAKE",
    "R-OTHER",
    "R-NO-COURIER",
    "C-RESTOCK",
    "Q-2",
    "BIN:B2",
    "TOTE:t1",
    "LINE:3",
    "sthlm-03-r0",
    "PICK",
    "PACK",
    "LOAD",
    "RETURN",
    "COUNT",
    "RECEIVE",
];
