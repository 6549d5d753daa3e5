//! A full disk: the screen takes staff off their work at once, sounds until it is healed, and goes on by itself.

use parceld_tests::browser::Browser;
use parceld_tests::disk::SmallDisk;
use parceld_tests::goods::gtin;
use parceld_tests::wait;

use super::tones::tone;
use super::{BIG, Bench, SCANNER, SMALL, assert_fits, is_in};
use crate::judge::{Judge, LANGUAGES};

/// Room for the database and its log, and for some hundred scans.
const DISK_MEBIBYTES: u32 = 8;

/// In English and Swedish.
const WORD: [&str; 2] = ["Stop. Not saved.", "Stopp. Inte sparat."];

#[test]
fn what_is_not_saved_takes_the_whole_screen_until_it_is_healed() {
    let (browser, judge) = (Browser::start(), Judge::new());
    for (language, tag) in LANGUAGES.iter().enumerate() {
        let Some(disk) = SmallDisk::mount(DISK_MEBIBYTES) else { return };
        let path = disk.path().join("parceld.db").to_string_lossy().into_owned();
        let mut bench = Bench::with(&browser, tag, 1, &[("storage.path", &path)]);
        bench.scan("O1");
        disk.fill();
        // The log may still have room for one or another.
        wait::until("a scan that is not saved", wait::GENEROUS, || {
            (!bench.site.scanners[SCANNER].scan("never-heard-of").recorded).then_some(())
        });
        let shown = bench.until_state("notsaved");
        assert_eq!(shown["word"], WORD[language], "{shown}");
        assert_eq!((&shown["symbol"], &shown["role"]), (&"#i-notsaved".into(), &"alert".into()), "{shown}");
        assert_fits(&bench.page, &format!("not saved in {tag}"));
        judge.assert_usable(&bench.page, &format!("station-notsaved-{tag}"), &[SMALL, BIG]);
        // The alarm goes on: the first beat of it comes again.
        let (low, ..) = tone("notsaved").beats[0];
        bench.page.eval("oscillators.length = 0");
        let beats = format!("2 <= oscillators.filter(({{ hz }}) => hz === {low}).length");
        bench.page.until("the alarm a second time", &beats);

        disk.free();
        bench.page.until("the work again", &format!("!({})", is_in("notsaved")));
        bench.forget();
        let (answer, heard) = bench.scan(&gtin('A'));
        assert!(answer.recorded);
        assert_eq!(heard.detail["state"], "accepted");
    }
}
