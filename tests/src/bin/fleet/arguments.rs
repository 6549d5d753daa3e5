//! The command line, and how much work it asks for.

use std::path::PathBuf;

pub const HELP: &str = "\
Measures a fleet of simulated sites at one broker and the reference platform on PostgreSQL.

  cargo xtask fleet [--sites N] [--events N] [--instances N,N…] [--json FILE] [--allow-debug]

  --sites N      how many sites there are (500)
  --events N     how many events each has to send, before the outage and for each outage (200)
  --instances …  with so many instances of the platform, one run after the other (1,2)
  --json FILE    also writes the figures to FILE
  --allow-debug  measures a debug build all the same

The table goes to standard output, what happens meanwhile to standard error. Needs mosquitto and PostgreSQL's programs. The
database is made in the directory for temporary files: TMPDIR chooses its disk.";

/// What one broker's default configuration has connections for, with room for the platform.
const SITES_MAX: usize = 900;
const EVENTS_MAX: usize = 100_000;
const INSTANCES_MAX: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    pub sites: usize,
    pub events_per_site: usize,
    pub instances: Vec<usize>,
    pub json: Option<PathBuf>,
    pub allow_debug: bool,
}

impl Arguments {
    /// `None` where help is wanted.
    ///
    /// # Errors
    /// A word that means nothing here, or lacks its value.
    pub fn parse(words: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
        let mut words = words;
        let mut arguments =
            Arguments { sites: 500, events_per_site: 200, instances: vec![1, 2], json: None, allow_debug: false };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--sites" => arguments.sites = number(&word, &value()?, SITES_MAX)?,
                "--events" => arguments.events_per_site = number(&word, &value()?, EVENTS_MAX)?,
                "--instances" => {
                    let counts = value()?;
                    let counts = counts.split(',').map(|count| number(&word, count, INSTANCES_MAX));
                    arguments.instances = counts.collect::<Result<_, _>>()?;
                }
                "--json" => arguments.json = Some(PathBuf::from(value()?)),
                "--allow-debug" => arguments.allow_debug = true,
                "--help" | "-h" => return Ok(None),
                unknown => return Err(format!("{unknown:?} is not known")),
            }
        }
        Ok(Some(arguments))
    }
}

fn number(word: &str, text: &str, most: usize) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("{word}: 1 to {most}, not {text:?}"))
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
        assert_eq!((usual.sites, usual.events_per_site, &usual.instances[..]), (500, 200, &[1, 2][..]));
        let some = parse("--sites 20 --events 50 --instances 3 --json out.json --allow-debug").unwrap().unwrap();
        assert_eq!((some.sites, some.events_per_site, &some.instances[..]), (20, 50, &[3][..]));
        assert_eq!((some.json, some.allow_debug), (Some("out.json".into()), true));
        assert_eq!(parse("--sites 3 --help"), Ok(None));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for words in ["--fast", "--sites", "--sites 0", "--sites 9999", "--instances 1,many"] {
            assert!(parse(words).is_err(), "{words}");
        }
    }
}
