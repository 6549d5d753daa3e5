//! `cargo xtask simulate`: many lives of the simulated agent, built to be quick, or one of them told.

use anyhow::{Context, bail};

use crate::step::{Step, cargo};

const USAGE: &str = "usage: cargo xtask simulate [--seeds N] [--from SEED] | --seed SEED";

/// Some minutes on two cores.
const SEEDS: u64 = 5_000;
/// `cargo xtask test` plays those from the first one on.
const FROM: u64 = 1_001;

/// What the simulation's test goes by.
const SEED_VARIABLE: &str = "PARCELD_SEED";
const SEEDS_VARIABLE: &str = "PARCELD_SEEDS";
const FROM_VARIABLE: &str = "PARCELD_FROM";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Many {
        seeds: u64,
        from: u64,
    },
    /// It tells what happens.
    One {
        seed: u64,
    },
}

/// Plays them on all cores.
///
/// # Errors
/// It can't be built, or a seed fails: which, and how it is played again.
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let mut play = cargo(["test", "--profile", "sim", "--package", "parceld-tests", "--test", "simulation", "--"]);
    play.args(["--exact", "every_green_scan_takes_effect_once_whatever_breaks", "--nocapture"]);
    match Wanted::read(arguments)? {
        Wanted::Many { seeds, from } => {
            play.env_remove(SEED_VARIABLE);
            play.env(SEEDS_VARIABLE, seeds.to_string()).env(FROM_VARIABLE, from.to_string())
        }
        Wanted::One { seed } => play.env(SEED_VARIABLE, seed.to_string()),
    };
    Step::new("simulation", &mut play).run()
}

impl Wanted {
    fn read(arguments: &[String]) -> anyhow::Result<Self> {
        let (mut seeds, mut from, mut seed) = (None, None, None);
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let place = match argument.as_str() {
                "--seeds" => &mut seeds,
                "--from" => &mut from,
                "--seed" => &mut seed,
                _ => bail!(USAGE),
            };
            *place = Some(arguments.next().and_then(|text| text.parse().ok()).context(USAGE)?);
        }
        match (seed, seeds.or(from)) {
            (Some(seed), None) => Ok(Self::One { seed }),
            (Some(_), Some(_)) => bail!(USAGE),
            (None, _) => Ok(Self::Many { seeds: seeds.unwrap_or(SEEDS), from: from.unwrap_or(FROM) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_say_which_seeds_are_played() {
        let read = |text: &str| Wanted::read(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).ok();
        let many = |seeds, from| Some(Wanted::Many { seeds, from });
        for (text, expected) in [
            ("", many(SEEDS, FROM)),
            ("--seeds 7", many(7, FROM)),
            ("--from 7 --seeds 9", many(9, 7)),
            ("--seed 86", Some(Wanted::One { seed: 86 })),
            ("--seed 86 --seeds 7", None),
            ("--seeds", None),
            ("--seeds many", None),
            ("86", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
