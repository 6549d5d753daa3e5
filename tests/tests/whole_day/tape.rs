//! The day on tape: what scanners sent, as a capture, and what happened in between.

use parceld_drivers::capture;
use parceld_tests::site::{SITE, Site};
use parceld_tests::wait::{self, Stopwatch};
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// What happens between scans.
#[derive(Debug, Clone)]
pub enum Turn {
    Put(Value),
    Cancel(String),
    Hold(String),
    Release(String),
    Return(Value),
    /// The agent stops in order and is started again.
    Restart,
    /// The agent dies and is started again.
    Kill,
    /// The broker dies and is started again, knowing nothing.
    KillBroker,
    KillPlatform,
}

impl Turn {
    /// Does it, and waits until everybody has heard of it.
    pub fn happen(&self, site: &mut Site) {
        match self {
            Turn::Put(order) => drop(site.platform.put_order(SITE, order)),
            Turn::Cancel(order) => {
                let body = serde_json::json!({ "reason": "customer", "notify": false });
                site.platform.cancel(SITE, order, &body);
            }
            Turn::Hold(order) => drop(site.platform.hold(SITE, order, &serde_json::json!({ "reason": "payment" }))),
            Turn::Release(order) => drop(site.platform.release(SITE, order)),
            Turn::Return(announced) => drop(site.platform.put_return(SITE, announced)),
            Turn::Restart => {
                site.agent.restart();
                site.agent.ready();
            }
            Turn::Kill => {
                site.agent.kill9();
                site.agent.restart();
                site.agent.ready();
            }
            Turn::KillBroker => {
                site.broker.kill9();
                site.broker.restart();
            }
            Turn::KillPlatform => {
                site.platform.kill9();
                site.platform.restart();
            }
        }
    }
}

/// Pieces and turns in the order in which they happened.
#[derive(Debug, Default)]
pub struct Tape {
    lines: Vec<String>,
    turns: Vec<Turn>,
    since: Option<Stopwatch>,
}

const TURN: &str = "# turn ";
const ALL_HEARD: &str = "# all heard";

impl Tape {
    pub fn scan(&mut self, scanner: &str, code: &str) {
        let at = self.since.get_or_insert_with(Stopwatch::start).elapsed().as_millis();
        self.lines.push(format!("+{at} {scanner} {}", format!("{code}\r\n").escape_default()));
    }

    pub fn turn(&mut self, turn: Turn, site: &mut Site) {
        turn.happen(site);
        self.lines.push(format!("{TURN}{}: {turn:?}", self.turns.len()));
        self.turns.push(turn);
    }

    /// Waits until site and platform know the same.
    pub fn all_heard(&mut self, site: &Site) {
        all_heard(site);
        self.lines.push(ALL_HEARD.to_owned());
    }

    /// Plays a capture of this tape at a site: one scan after the other's answer.
    #[track_caller]
    pub fn replay(&self, text: &str, site: &mut Site) {
        let pieces = capture::parse(text).expect("what was written is a capture");
        let mut pieces = pieces.into_iter();
        let mut turns = self.turns.iter();
        for line in text.lines() {
            if line == ALL_HEARD {
                all_heard(site);
            } else if line.starts_with(TURN) {
                turns.next().expect("a turn for each line").happen(site);
            } else if !line.starts_with('#') {
                let piece = pieces.next().expect("a piece for each line");
                let number: usize =
                    piece.scanner.rsplit_once('-').and_then(|(_, n)| n.parse().ok()).expect("scanner-N");
                let scanner = &mut site.scanners[number - 1];
                scanner.drain();
                scanner.line().write(&piece.bytes);
                let answer = scanner.answer(PATIENCE);
                assert!(answer.is_some_and(|answer| answer.recorded), "{line}");
            }
        }
    }
}

const PATIENCE: Duration = wait::GENEROUS;

/// Waits until the platform has everything, every command has its reply, and carriers' labels are here.
fn all_heard(site: &Site) {
    wait::until("a label for each parcel that has none", wait::GENEROUS, || {
        site.until_synced();
        site.until_answered();
        let wants = |parcel: &Value| parcel["label"] == "requested";
        (!site.platform.parcels(SITE).iter().any(wants)).then_some(())
    });
    site.until_synced();
}

impl fmt::Display for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "# A day at one site: picking is scanner-1, the bench scanner-2, the door scanner-3, the desk scanner-4."
        )?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
