//! The benchmark's command line, and how much work it asks for.

use std::path::PathBuf;
use std::time::Duration;

pub const HELP: &str = "\
Measures the agent beside its floors, in one run on this machine.

  cargo xtask bench [--quick | --full] [--rounds N] [--only NAMES] [--idle SECONDS] [--json FILE] [--plots DIR]

  --quick        a smoke test of the benchmark itself: one short round, about a minute
  --full         20 s become 60 s of idling, 100,000 events are stored before starts are timed, and costs are measured
                 with 1,000 to 1,000,000 events stored and with 1,000,000 waiting for the broker: 15 minutes more
  --rounds N     the rate measures are repeated N times, the median counts (3)
  --only NAMES   some of answer1,broker8,answers8,flood8,screen,offline,stored,idle
  --idle SECONDS how long agent and floor idle
  --json FILE    also writes every figure of every round to FILE
  --plots DIR    also draws latency, cost and drain against the events stored, as SVG
  --bin-dir DIR  where the agent's program is (beside the benchmark's)
  --allow-debug  measures a debug build all the same

The table goes to standard output, what happens meanwhile to standard error. Databases are made in the directory for
temporary files: TMPDIR chooses the disk that is measured.";

/// The measures, in the order of the table.
pub const MEASURES: [&str; 8] = ["answer1", "broker8", "answers8", "flood8", "screen", "offline", "stored", "idle"];

/// How to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    pub bin_dir: Option<PathBuf>,
    pub json: Option<PathBuf>,
    pub plots: Option<PathBuf>,
    pub allow_debug: bool,
    pub only: Vec<String>,
    pub work: Work,
}

/// How much each measure does; scans are of all scanners together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    pub rounds: usize,
    pub answer1_scans: usize,
    pub broker8_scans: usize,
    pub answers8_scans: usize,
    pub flood8_scans: usize,
    /// Not repeated in rounds: each takes as long as a few frames.
    pub screen_scans: usize,
    pub offline_scans: usize,
    /// At least so many events are in the database when starts are timed.
    pub stored_events_min: usize,
    pub starts: usize,
    /// With at least so many events stored, costs are measured; the first and the last are compared.
    pub stored: &'static [usize],
    pub stored_scans: usize,
    /// Events that wait for the broker while memory is measured.
    pub backlog_events: usize,
    pub idle: Duration,
}

const USUAL: Work = Work {
    rounds: 3,
    answer1_scans: 300,
    broker8_scans: 1_200,
    answers8_scans: 4_000,
    flood8_scans: 10_000,
    screen_scans: 1_000,
    offline_scans: 20_000,
    stored_events_min: 0,
    starts: 5,
    stored: &[],
    stored_scans: 600,
    backlog_events: 0,
    idle: Duration::from_secs(20),
};

const QUICK: Work = Work {
    rounds: 1,
    answer1_scans: 100,
    broker8_scans: 600,
    answers8_scans: 1_000,
    flood8_scans: 2_000,
    screen_scans: 100,
    offline_scans: 4_000,
    starts: 2,
    stored: &[1_000, 4_000],
    stored_scans: 300,
    backlog_events: 5_000,
    idle: Duration::from_secs(5),
    ..USUAL
};

const FULL: Work = Work {
    stored_events_min: 100_000,
    stored: &[1_000, 10_000, 100_000, 300_000, 1_000_000],
    backlog_events: 1_000_000,
    idle: Duration::from_secs(60),
    ..USUAL
};

impl Arguments {
    /// `None` where help is wanted.
    ///
    /// # Errors
    /// A word that means nothing here, or lacks its value.
    pub fn parse(words: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
        let mut words = words;
        let (mut bin_dir, mut json, mut plots, mut allow_debug, mut work) = (None, None, None, false, USUAL);
        let (mut rounds, mut idle_s) = (None, None);
        let mut only: Vec<String> = MEASURES.map(str::to_owned).to_vec();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--quick" => work = QUICK,
                "--full" => work = FULL,
                "--rounds" => rounds = Some(number(&word, &value()?, 100)?),
                "--idle" => idle_s = Some(number(&word, &value()?, IDLE_S_MAX)?),
                "--only" => only = names(&value()?)?,
                "--json" => json = Some(PathBuf::from(value()?)),
                "--plots" => plots = Some(PathBuf::from(value()?)),
                "--bin-dir" => bin_dir = Some(PathBuf::from(value()?)),
                "--allow-debug" => allow_debug = true,
                "--help" | "-h" => return Ok(None),
                unknown => return Err(format!("{unknown:?} is not known")),
            }
        }
        work.rounds = rounds.unwrap_or(work.rounds);
        work.idle = idle_s.map_or(work.idle, |idle_s| Duration::from_secs(idle_s as u64));
        Ok(Some(Arguments { bin_dir, json, plots, allow_debug, only, work }))
    }

    pub fn wants(&self, measure: &str) -> bool {
        self.only.iter().any(|name| name == measure)
    }
}

/// A day.
const IDLE_S_MAX: usize = 86_400;

fn number(word: &str, text: &str, max: usize) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=max).contains(number));
    number.ok_or_else(|| format!("{word}: 1 to {max}, not {text:?}"))
}

fn names(text: &str) -> Result<Vec<String>, String> {
    let known = |name: &str| match MEASURES.contains(&name) {
        true => Ok(name.to_owned()),
        false => Err(format!("{name:?} is no measure; there are {}", MEASURES.join(", "))),
    };
    text.split(',').map(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Option<Arguments>, String> {
        Arguments::parse(words.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn reads_the_command_line() {
        let usual = parse("").unwrap().unwrap();
        assert_eq!((usual.work.clone(), usual.allow_debug), (USUAL, false));
        assert!(MEASURES.iter().all(|name| usual.wants(name)));

        let words = "--rounds 5 --quick --idle 7 --only idle,answer1 --json out.json --bin-dir target/x --plots plots";
        let some = parse(words).unwrap().unwrap();
        assert_eq!(some.work, Work { rounds: 5, idle: Duration::from_secs(7), ..QUICK });
        assert_eq!(some.plots, Some("plots".into()));
        assert!(some.wants("idle") && !some.wants("offline"));
        assert_eq!((some.json, some.bin_dir), (Some("out.json".into()), Some("target/x".into())));
        assert_eq!(parse("--full --help"), Ok(None));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for words in ["--fast", "--rounds", "--rounds 0", "--rounds many", "--idle 0", "--only idle,sleep"] {
            assert!(parse(words).is_err(), "{words}");
        }
    }
}
