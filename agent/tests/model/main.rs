//! Random lives of a site against a model of it: every answer, and after every step all orders, parcels and stock.
//!
//! The model (`world` and what is beside it) says what scans and commands mean in plain values and was written from the
//! specification, not from the code. What is played is printed in the words of the floor's scripts, so that a failing
//! life is nearly a script of its own. `PROPTEST_CASES` sets how many lives are played.

#![expect(clippy::unwrap_used, reason = "what fails here is a failed test")]

#[path = "../site/mod.rs"]
mod site;

#[path = "../floor/play.rs"]
#[allow(dead_code, reason = "scripts use the rest")]
mod play;

mod bench;
mod correct;
mod desk;
mod door;
mod held;
mod life;
mod platform;
mod scans;
mod staff;
mod steps;
mod told;
mod world;

use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};
use steps::life;

/// So many lives of so many steps are played in less than a minute.
const LIVES: u32 = 128;
const STEPS_MAX: usize = 160;

fn play(count: u32, steps_max: usize) {
    let given = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let config = ProptestConfig {
        cases: given.unwrap_or(count),
        failure_persistence: None,
        max_shrink_iters: 3_000,
        ..ProptestConfig::default()
    };
    let played = TestRunner::new(config).run(&life(steps_max), |(setup, steps)| life::play(&setup, &steps));
    match played {
        Ok(()) => {}
        Err(TestError::Fail(why, _)) => panic!("{why}"),
        Err(aborted) => panic!("{aborted}"),
    }
}

#[test]
fn whatever_happens_a_site_is_what_the_model_says() {
    play(LIVES, STEPS_MAX);
}

#[test]
#[ignore = "long"]
fn whatever_happens_for_long_a_site_is_what_the_model_says() {
    play(20 * LIVES, 3 * STEPS_MAX);
}
