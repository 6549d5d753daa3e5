//! The benchmark's command line, and how much work it asks for.

use std::path::PathBuf;
use std::time::Duration;

pub const HELP: &str = "\
Measures the agent beside its floors, in one run on this machine.

  cargo xtask bench [--quick | --full] [--rounds N] [--only NAMES] [--json FILE] [--allow-debug]

  --quick        a smoke test of the benchmark itself: one short round, under a minute
  --full         20 s become 60 s of idling, and 100,000 events are stored before starts are timed
  --rounds N     the rate measures are repeated N times, the median counts (3)
  --only NAMES   some of answer1,broker8,answers8,flood8,screen,offline,idle
  --json FILE    also writes every figure of every round to FILE
  --bin-dir DIR  where the agent's program is (beside the benchmark's)
  --allow-debug  measures a debug build all the same

The table goes to standard output, what happens meanwhile to standard error. Databases are made in the directory for
temporary files: TMPDIR chooses the disk that is measured.";

/// The measures, in the order of the table.
pub const MEASURES: [&str; 7] = ["answer1", "broker8", "answers8", "flood8", "screen", "offline", "idle"];

/// How to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    pub bin_dir: Option<PathBuf>,
    pub json: Option<PathBuf>,
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
    idle: Duration::from_secs(5),
    ..USUAL
};

const FULL: Work = Work { stored_events_min: 100_000, idle: Duration::from_secs(60), ..USUAL };

impl Arguments {
    /// `None` where help is wanted.
    ///
    /// # Errors
    /// A word that means nothing here, or lacks its value.
    pub fn parse(words: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
        let mut words = words;
        let (mut bin_dir, mut json, mut allow_debug, mut rounds, mut work) = (None, None, false, None, USUAL);
        let mut only: Vec<String> = MEASURES.map(str::to_owned).to_vec();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--quick" => work = QUICK,
                "--full" => work = FULL,
                "--rounds" => rounds = Some(number(&value()?)?),
                "--only" => only = names(&value()?)?,
                "--json" => json = Some(PathBuf::from(value()?)),
                "--bin-dir" => bin_dir = Some(PathBuf::from(value()?)),
                "--allow-debug" => allow_debug = true,
                "--help" | "-h" => return Ok(None),
                unknown => return Err(format!("{unknown:?} is not known")),
            }
        }
        work.rounds = rounds.unwrap_or(work.rounds);
        Ok(Some(Arguments { bin_dir, json, allow_debug, only, work }))
    }

    pub fn wants(&self, measure: &str) -> bool {
        self.only.iter().any(|name| name == measure)
    }
}

fn number(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|rounds| (1..=100).contains(rounds));
    number.ok_or_else(|| format!("--rounds: 1 to 100, not {text:?}"))
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

        let some = parse("--rounds 5 --quick --only idle,answer1 --json out.json --bin-dir target/x").unwrap().unwrap();
        assert_eq!(some.work, Work { rounds: 5, ..QUICK });
        assert!(some.wants("idle") && !some.wants("offline"));
        assert_eq!((some.json, some.bin_dir), (Some("out.json".into()), Some("target/x".into())));
        assert_eq!(parse("--full --help"), Ok(None));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for words in ["--fast", "--rounds", "--rounds 0", "--rounds many", "--only idle,sleep"] {
            assert!(parse(words).is_err(), "{words}");
        }
    }
}
