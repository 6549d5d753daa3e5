//! A write-ahead log: what was written soundly is sound up to its last commit, and one bad frame doesn't hide the others.

use crate::input::Input;
use crate::measure::within;
use parceld::journal::salvage::wal::Log;
use parceld::pulse::Pulse;
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::os::unix::fs::FileExt;

const PAGE_BYTES: usize = 512;
const HEADER_BYTES: usize = 32;
const FRAME_BYTES: usize = 24 + PAGE_BYTES;
const FRAMES_MAX: usize = 12;
/// Frames have 536 bytes at least, and some 50 in lists that grow by doubling.
const MEMORY_EACH: u64 = 4;

pub fn run(bytes: &[u8]) {
    is_sane(bytes);
    let mut input = Input::new(bytes);
    let (log, commits) = written(&mut input);
    let last = commits.iter().rposition(|commit| *commit).map_or(0, |at| at + 1);
    let read = log_of(&log);
    assert_eq!((read.frames, read.bad), (last, 0), "a sound log of {commits:?}");

    // A frame whose page is hurt; what is behind it counts if two commits are.
    if commits.is_empty() {
        return;
    }
    let (hurt, at, bit) = (usize::from(input.byte()) % commits.len(), usize::from(input.pair()), input.byte() & 7);
    let mut damaged = log.clone();
    damaged[HEADER_BYTES + hurt * FRAME_BYTES + 24 + at % PAGE_BYTES] ^= 1 << bit;
    let read = log_of(&damaged);
    let before = commits[..hurt].iter().rposition(|commit| *commit).map_or(0, |at| at + 1);
    let behind = commits[hurt + 1..].iter().filter(|commit| **commit).count();
    let expected = if 2 <= behind { (last, 1) } else { (before, 0) };
    assert_eq!((read.frames, read.bad), expected, "frame {hurt} of {commits:?} is hurt");
    let mut noise = damaged;
    for _ in 0..8 {
        let at = usize::from(input.pair()) % noise.len();
        noise[at] = input.byte();
    }
    is_sane(&noise);
}

fn is_sane(bytes: &[u8]) {
    let read = within(bytes, MEMORY_EACH, 4_096, || log_of(bytes));
    assert!(read.bad <= read.frames + 1);
    assert!(read.pages.values().flatten().count() <= read.frames);
    for (image, older) in read.pages.values().flat_map(|images| images.iter().zip(0..)) {
        assert!(!image.sound || older == 0, "a sound page, and an older one is kept");
        assert!(image.at + read.page_bytes as u64 <= bytes.len() as u64, "a page behind the end");
    }
}

/// As a file, which is how a log is read.
fn log_of(bytes: &[u8]) -> Log {
    let file = File::from(memfd_create("log", MemfdFlags::CLOEXEC).expect("a file in memory"));
    file.write_all_at(bytes, 0).expect("room for it");
    Log::read(&file, PAGE_BYTES, &Pulse::default())
}

/// A log as SQLite writes it, and which of its frames are commits.
fn written(input: &mut Input<'_>) -> (Vec<u8>, Vec<bool>) {
    let is_big_endian = input.byte() & 1 == 1;
    let mut log = Vec::new();
    for word in [0x377f_0682 | u32::from(is_big_endian), 3_007_000, PAGE_BYTES as u32, 1, 0x0102_0304, 0x0506_0708] {
        log.extend(word.to_be_bytes());
    }
    let mut sum = checksum(is_big_endian, (0, 0), &log);
    log.extend([sum.0.to_be_bytes(), sum.1.to_be_bytes()].concat());
    let mut commits = Vec::new();
    for _ in 0..usize::from(input.byte()) % (FRAMES_MAX + 1) {
        let (head, filler) = (input.byte(), input.byte());
        let is_commit = head & 1 == 1;
        let place = [u32::from(head >> 1) + 1, if is_commit { 128 } else { 0 }].map(u32::to_be_bytes).concat();
        let page = vec![filler; PAGE_BYTES];
        sum = checksum(is_big_endian, checksum(is_big_endian, sum, &place), &page);
        log.extend(place);
        log.extend([0x0102_0304, 0x0506_0708, sum.0, sum.1].map(u32::to_be_bytes).concat());
        log.extend(page);
        commits.push(is_commit);
    }
    (log, commits)
}

fn checksum(is_big_endian: bool, from: (u32, u32), bytes: &[u8]) -> (u32, u32) {
    let words = bytes.chunks_exact(4).map(|word| {
        let word: [u8; 4] = word.try_into().expect("four bytes");
        if is_big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
    });
    let (sum, _) = words.fold((from, false), |((one, two), is_second), word| match is_second {
        false => ((one.wrapping_add(word).wrapping_add(two), two), true),
        true => ((one, two.wrapping_add(word).wrapping_add(one)), false),
    });
    sum
}
