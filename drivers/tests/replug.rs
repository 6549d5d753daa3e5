//! Unplugging and plugging in again. Alone in its process, so that it can count descriptors.

mod harness;

use harness::{Folder, Scanner, Watched};
use parceld_drivers::port::NotSent;

const TIMES: usize = 10;

#[test]
fn a_replugged_scanner_is_found_again_and_no_descriptor_stays_behind() {
    let folder = Folder::new("replug");
    let mut scanner = Scanner::plug_in(&folder.link());
    let watched = Watched::serial(&folder.link());
    let answerer = watched.port.answerer();
    assert_eq!(watched.next(), "opened, 0 discarded");
    let descriptors = open_descriptors();
    for time in 0..TIMES {
        scanner.sends(format!("A{time}\r").as_bytes());
        assert_eq!(watched.next(), format!("Unidentified A{time}"));
        answerer.send(b"\x06").unwrap();
        assert_eq!(scanner.hears(1), b"\x06");

        drop(scanner);
        assert_eq!(watched.next(), "lost");
        assert_eq!(answerer.send(b"\x06"), Err(NotSent::Lost));

        scanner = Scanner::plug_in(&folder.link());
        assert_eq!(watched.next_but("open failed"), "opened, 0 discarded");
        assert_eq!(open_descriptors(), descriptors, "after replug {time}");
    }
    drop(scanner);
    assert_eq!(watched.next(), "lost");
    watched.port.stop();
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}
