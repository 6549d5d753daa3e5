//! The power goes at any moment of some hours' work of the real agent: whatever the disk has kept of what was not forced
//! to it, an agent that starts on it has all that was answered green or told to the platform (I1), in a log without gaps
//! that is still the same one (I2).
//!
//! The agent's lives are recorded from what it asks of the kernel. Most images are opened by the journal in this process,
//! some by the program itself. That the harness would find a fault is shown by lives that have one: of the program with
//! another word in its pragma, and with steps of the record left out or moved.
//!
//! `PARCELD_SEED=N` decides moments and losses; the lives are lived anew each time, step for step nearly the same. An
//! image on which something is broken is kept.

#![expect(clippy::unwrap_used, reason = "what fails here is a failed test")]

mod exchange;
mod failed_sync;
mod judge;
mod lives;

use judge::{By, Found, cut_everywhere};
use lives::Lives;
use parceld_tests::power_cut::What;
use parceld_tests::random::seed_or;
use parceld_tests::stored::Broken;

/// Another seed cuts at other moments, and loses other things.
const SEED: u64 = 20_261_126;

const IMAGES: usize = 520;
const IMAGES_OF_LONG: usize = 10_000;

/// Of which the program itself starts on so many.
const STARTS: usize = 8;
const STARTS_OF_LONG: usize = 400;

/// Enough to lose something where something can be lost.
const IMAGES_OF_A_FAULT: usize = 40;

#[test]
fn after_a_power_cut_everything_green_is_in_the_same_log() {
    let Some(lives) = Lives::live(None) else { return };
    lives.assert_eventful();
    hold(&lives, IMAGES, STARTS);
    bite(&lives);
}

#[test]
#[ignore = "long"]
fn after_any_of_ten_thousand_power_cuts_everything_green_is_in_the_same_log() {
    let Some(lives) = Lives::live(None) else { return };
    hold(&lives, IMAGES_OF_LONG, STARTS_OF_LONG);
}

/// With its fsyncs as rare as `NORMAL` makes them, the program itself is found out.
#[test]
fn an_agent_that_does_not_force_each_scan_to_disk_is_found_out() {
    let program = lives::with_synchronous_normal();
    let Some(lives) = Lives::live(Some(&program.path())) else { return };
    expect_losses("synchronous=NORMAL", &cut_everywhere(&lives, seed_or(SEED), IMAGES_OF_A_FAULT, By::Journal));
}

fn hold(lives: &Lives, images: usize, starts: usize) {
    let seed = seed_or(SEED);
    for (images, by) in [(images - starts, By::Journal), (starts, By::Agent)] {
        let found = cut_everywhere(lives, seed, images, by);
        eprintln!("{by:?}: {found}");
        assert!(found.broken.is_empty(), "PARCELD_SEED={seed}: {found}");
    }
}

/// The same record with a fault in it is refused.
fn bite(lives: &Lives) {
    let seed = seed_or(SEED);
    let unsynced = lives.without(|what| matches!(what, What::Sync { path } if path.ends_with("parceld.db-wal")));
    expect_losses("no fsync of the log", &cut_everywhere(&unsynced, seed, IMAGES_OF_A_FAULT, By::Journal));
    let early = lives.answering_before_the_commit();
    expect_losses("answers before the commit", &cut_everywhere(&early, seed, IMAGES_OF_A_FAULT, By::Journal));
}

#[track_caller]
fn expect_losses(what: &str, found: &Found) {
    let lost = found.broken.iter().filter(|cut| matches!(cut.broken, Broken::Lost { .. })).count();
    eprintln!("{what}: {lost} of {} images have lost something", found.images);
    assert!(0 < lost, "{what}: not found out: {found}");
}
