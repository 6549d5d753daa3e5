//! A small random number generator that gives the same everywhere (xorshift64*), and the seed that a test takes.

use std::env;

/// Plays a seeded test again as it failed.
pub const SEED_VARIABLE: &str = "PARCELD_SEED";

/// Odd, and far from any simple fraction of 2^64: neighbouring streams have nothing in common.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Seed 0 is as good as 1: the generator would stand still on it.
    #[must_use]
    pub fn new(seed: u64) -> Random {
        Random(seed.max(1))
    }

    /// One of many that come from the same seed, and know nothing of each other.
    #[must_use]
    pub fn stream(seed: u64, number: u64) -> Random {
        let mut mixed = seed ^ number.wrapping_add(1).wrapping_mul(GOLDEN);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Random::new(mixed ^ (mixed >> 31))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From 0 to one less than `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.bits() >> 33) as usize % limit
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of `choices`, which has some.
    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// The numbers below `count` in another order.
    pub fn shuffled(&mut self, count: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..count).collect();
        (1..count).rev().for_each(|last| all.swap(last, self.below(last + 1)));
        all
    }
}

/// The seed of [`SEED_VARIABLE`], or `usual` where it isn't set.
///
/// # Panics
/// Where it is set and no number.
#[must_use]
pub fn seed_or(usual: u64) -> u64 {
    match env::var(SEED_VARIABLE) {
        Ok(seed) => seed.parse().unwrap_or_else(|error| panic!("{SEED_VARIABLE}={seed}: {error}")),
        Err(_) => usual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_same_for_the_same_seed_and_another_for_each_stream() {
        let first = |mut random: Random| [(); 8].map(|()| random.bits());
        assert_eq!(first(Random::new(7)), first(Random::new(7)));
        assert_eq!(first(Random::stream(7, 3)), first(Random::stream(7, 3)));
        assert_ne!(first(Random::stream(7, 3)), first(Random::stream(7, 4)));
        assert_ne!(first(Random::stream(0, 0)), first(Random::stream(1, 0)));
        assert_ne!(first(Random::new(0))[0], 0);
    }

    #[test]
    fn shuffles_all_of_them() {
        let mut all = Random::new(7).shuffled(100);
        assert_ne!(all, (0..100).collect::<Vec<_>>());
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
    }
}
