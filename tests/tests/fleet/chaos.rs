//! When what breaks, by a seed: each thing that can break is up for a while, then away for a while, and so on.

use parceld_tests::random::Random;
use parceld_tests::sink::Mood;
use std::time::Duration;

/// What can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// One instance of the platform, by its number.
    Platform(usize),
    Broker,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// SIGKILL.
    Breaks(Part),
    /// SIGTERM: it has a moment to say good-bye, and to save.
    Stops(Part),
    Returns(Part),
    /// The database server ends all connections of the platform.
    CutsDatabase,
    /// Where letters end, by its number, misbehaves, or no longer does.
    Sink(usize, Mood),
    /// The platform is asked to send a site another order.
    Orders {
        site: usize,
    },
}

/// A part stays up, and away, for up to so long.
const UP_MAX: Duration = Duration::from_millis(4_000);
const AWAY_MAX: Duration = Duration::from_millis(1_500);
const ORDER_EVERY: Duration = Duration::from_millis(800);
const CUT_MAX: Duration = Duration::from_millis(5_000);

/// The moods of `count` sinks, one after the other, each of which is well in the end.
#[must_use]
pub fn moods(seed: u64, length: Duration, count: usize) -> Vec<(Duration, Turn)> {
    let mut turns = Vec::new();
    for number in 0..count {
        let mut random = Random::stream(!seed, number as u64);
        let mut at = part_of(UP_MAX, &mut random);
        while at < length {
            let mood = *random.one_of(&[Mood::Fails, Mood::Hangs, Mood::Drops]);
            let well = at + part_of(AWAY_MAX, &mut random);
            turns.extend([(at, Turn::Sink(number, mood)), (well, Turn::Sink(number, Mood::Takes))]);
            at = well + part_of(UP_MAX, &mut random);
        }
    }
    turns
}

/// The turns of `length`, with the time since its start of each.
#[must_use]
pub fn plan(seed: u64, length: Duration, parts: &[Part], cuts: bool, sites: usize) -> Vec<(Duration, Turn)> {
    let mut turns = Vec::new();
    for (part, number) in parts.iter().zip(0..) {
        let mut random = Random::stream(seed, number);
        let mut at = Duration::ZERO;
        loop {
            at += part_of(UP_MAX, &mut random);
            let goes = if random.once_in(4) { Turn::Stops(*part) } else { Turn::Breaks(*part) };
            let returns = at + part_of(AWAY_MAX, &mut random);
            if length <= returns {
                break;
            }
            turns.extend([(at, goes), (returns, Turn::Returns(*part))]);
            at = returns;
        }
    }
    let mut random = Random::stream(seed, parts.len() as u64);
    let mut at = ORDER_EVERY;
    while at < length {
        turns.push((at, Turn::Orders { site: random.below(sites) }));
        at += ORDER_EVERY;
    }
    let mut random = Random::stream(seed, parts.len() as u64 + 1);
    let mut at = part_of(CUT_MAX, &mut random);
    while cuts && at < length {
        turns.push((at, Turn::CutsDatabase));
        at += part_of(CUT_MAX, &mut random);
    }
    turns.sort_by_key(|(at, _)| *at);
    turns
}

fn part_of(most: Duration, random: &mut Random) -> Duration {
    most * u32::try_from(random.below(1_000)).unwrap_or_default() / 1_000
}

#[test]
fn whatever_goes_comes_back() {
    let parts = [Part::Platform(0), Part::Platform(1), Part::Broker];
    for seed in 0..50 {
        let turns = plan(seed, Duration::from_secs(20), &parts, true, 5);
        assert_eq!(turns, plan(seed, Duration::from_secs(20), &parts, true, 5), "seed {seed}");
        for part in parts {
            let of_it = turns.iter().filter(|(_, turn)| match turn {
                Turn::Breaks(of) | Turn::Stops(of) | Turn::Returns(of) => *of == part,
                Turn::Orders { .. } | Turn::CutsDatabase | Turn::Sink(..) => false,
            });
            let mut is_away = false;
            for (_, turn) in of_it {
                assert_eq!(matches!(turn, Turn::Returns(_)), is_away, "seed {seed}: {turn:?}");
                is_away = !is_away;
            }
            assert!(!is_away, "seed {seed}: {part:?}");
        }
    }
}
