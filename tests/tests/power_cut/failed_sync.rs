//! The disk fails an agent, which is killed, and takes everything from the next one; then the power goes. Of what the failed sync
//! was for the system has told that one agent alone, and shows it to whoever reads as if it were on disk.

use std::fs;
use std::path::Path;

use parceld_tests::power_cut::What;
use parceld_tests::power_cut::record::{recorder, recorder_of_failing_syncs, steps};
use parceld_tests::random::seed_or;
use parceld_tests::site::Site;
use parceld_tests::stored::Stored;
use parceld_tests::tempdir::TempDir;

use super::judge::{By, cut_everywhere};
use super::lives::{Lives, entries, ports, restart_behind, site, whole};
use super::{IMAGES_OF_A_FAULT, SEED};

/// Of a thread: more than a start has, and fewer than the scans of a life.
const SYNCS_DONE: u32 = 20;
const SCANS: usize = 40;

const IMAGES: usize = 120;
const STARTS: usize = 4;

#[test]
fn what_a_failed_sync_left_in_the_log_costs_no_green_behind_it() {
    let Some(lives) = live() else { return };
    let failed = lives.entries.iter().filter(|entry| matches!(entry.step.what, What::FailedSync { .. })).count();
    assert!(0 < failed, "no sync has failed");
    let seed = seed_or(SEED);
    for (images, by) in [(IMAGES, By::Journal), (STARTS, By::Agent)] {
        let found = cut_everywhere(&lives, seed, images, by);
        eprintln!("{by:?}: {found}");
        assert!(found.broken.is_empty(), "PARCELD_SEED={seed}: {found}");
    }
    // The same, without the log that a start writes once more: a hole is left in it, which a salvage has to find its way around.
    let is_again = |path: &Path| path.to_string_lossy().ends_with("-wal.again");
    let trusting = lives.without(|what| match what {
        What::Open { path, .. } | What::Write { path, .. } | What::Resize { path, .. } | What::Sync { path } => {
            is_again(path)
        }
        What::Rename { from, .. } => is_again(from),
        _ => false,
    });
    assert!(trusting.entries.len() < lives.entries.len(), "no log was written once more");
    let found = cut_everywhere(&trusting, seed, IMAGES_OF_A_FAULT, By::Journal);
    eprintln!("a log that is taken as it reads: {found}");
    assert!(!found.broken.is_empty(), "a log that is taken as it reads: not found out");
}

/// A life in order; one whose disk fails, until it is killed; and one that goes on. `None` where nothing may be traced here.
fn live() -> Option<Lives> {
    let dir = TempDir::new("failed-sync");
    let directory = fs::canonicalize(dir.path()).expect("it was just made").join("site");
    fs::create_dir(&directory).expect("a directory of our own takes another");
    let database = directory.join("parceld.db");
    let traces = [0, 1, 2].map(|life| dir.join(format!("life-{life}")));
    let mut site = site(&database, recorder(&traces[0])?, None);
    let ports = ports(&site);
    let (mut recorded, mut next) = (Vec::new(), 0);
    let mut take = |trace: &Path, process: u32| {
        let (more, behind) = steps(&whole(trace, process), next, &directory, &ports);
        recorded.extend(more);
        next = behind;
    };

    let mut scanned = scan(&mut site, 0);
    take(&traces[0], stop(&mut site));

    restart_behind(&mut site, recorder_of_failing_syncs(SYNCS_DONE, &traces[1])?);
    let process = site.agent.process().pid();
    let saved = scan(&mut site, 1);
    assert!(saved.len() < SCANS, "the disk has taken everything");
    scanned.extend(saved);
    site.agent.kill9();
    take(&traces[1], process);

    restart_behind(&mut site, recorder(&traces[2])?);
    let saved = scan(&mut site, 2);
    assert_eq!(saved.len(), SCANS);
    scanned.extend(saved);
    site.until_synced();
    take(&traces[2], stop(&mut site));

    let stored = Stored::read(&database).expect("an orderly stop leaves a file that can be read");
    assert_eq!(stored.is_whole(), Ok(()));
    let scans = scanned.len();
    let entries = entries(&recorded, &stored, &ports, &[scanned, Vec::new()]);
    Some(Lives { directory, entries, scans, stored })
}

fn stop(site: &mut Site) -> u32 {
    let process = site.agent.process().pid();
    assert!(site.agent.stop().is_some_and(|status| status.success()));
    process
}

/// What nobody knows, one after the other's answer, until one isn't saved. Those that are.
fn scan(site: &mut Site, life: usize) -> Vec<String> {
    let codes = (0..SCANS).map(|number| format!("bench-0-life-{life}-{number}"));
    codes.take_while(|code| site.scanners[0].scan(code).recorded).collect()
}
