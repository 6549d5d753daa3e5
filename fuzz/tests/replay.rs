//! Every input that was ever of interest, once more: what the fuzzer has found, and what it began with.

use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use parceld_fuzz::{TARGETS, Target};

/// All of it stays small enough to be kept beside the code.
const CORPUS_BYTES_MAX: u64 = 2 * 1024 * 1024;

#[test]
fn every_input_of_interest_keeps_every_property() {
    let mut broken = Vec::new();
    for target in TARGETS {
        let inputs = inputs(target);
        assert!(!inputs.is_empty(), "{} has no input", target.name);
        for input in inputs.iter().chain([&PathBuf::new()]) {
            let bytes = fs::read(input).unwrap_or_default();
            if catch_unwind(AssertUnwindSafe(|| (target.run)(&bytes))).is_err() {
                broken.push(format!("{}: {}", target.name, input.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Without the engine nobody knows which input is of interest; but it runs wherever the tests do.
#[test]
#[ignore = "long"]
fn inputs_with_pieces_changed_keep_every_property() {
    let seed = env::var("PARCELD_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let rounds = env::var("PARCELD_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let only = env::var("PARCELD_FUZZ_TARGET").ok();
    let mut random = Random(seed);
    for target in TARGETS.iter().filter(|target| only.as_deref().is_none_or(|only| only == target.name)) {
        let inputs: Vec<Vec<u8>> = inputs(target).iter().map(|input| fs::read(input).unwrap_or_default()).collect();
        for round in 0..rounds {
            let bytes = random.changed(&inputs, target.bytes_max);
            let ran = catch_unwind(AssertUnwindSafe(|| (target.run)(&bytes)));
            assert!(ran.is_ok(), "seed {seed}, {} {round}: {}", target.name, bytes.escape_ascii());
        }
    }
}

/// Of each target.
const ROUNDS: u64 = 500;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % bound.max(1) as u64) as usize
    }

    /// One of the inputs with some of it changed, left out, put in again, or taken from another.
    fn changed(&mut self, inputs: &[Vec<u8>], bytes_max: usize) -> Vec<u8> {
        const ODD: [&[u8]; 8] =
            [b"\0", b"\xff", b"\"", b"-1", b"9223372036854775807", b"\x1d", b"\xf0\x9f\x98\x80", b"\r\n"];
        let mut bytes = inputs[self.below(inputs.len())].clone();
        for _ in 0..1 + self.below(4) {
            let (at, count) = (self.below(bytes.len() + 1), self.below(24));
            let end = (at + count).min(bytes.len());
            match self.below(6) {
                0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << self.below(8)),
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let again = bytes[at..end].to_vec();
                    bytes.splice(at..at, again);
                }
                3 => {
                    let odd = ODD[self.below(ODD.len())];
                    bytes.splice(at..end.min(at + self.below(4)), odd.iter().copied());
                }
                4 => {
                    let other = &inputs[self.below(inputs.len())];
                    let from = self.below(other.len() + 1);
                    let piece = other[from..(from + count).min(other.len())].to_vec();
                    bytes.splice(at..end, piece);
                }
                _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = self.below(256) as u8),
            }
        }
        bytes.truncate(bytes_max);
        bytes
    }
}

#[test]
fn the_corpora_are_small_and_each_belongs_to_a_target() {
    let mut bytes = 0;
    for folder in fs::read_dir(corpora()).expect("there are corpora").flatten() {
        let name = folder.file_name().into_string().unwrap_or_default();
        assert!(TARGETS.iter().any(|target| target.name == name), "{name} is no target");
        let files = fs::read_dir(folder.path()).expect("a folder").flatten();
        bytes += files.map(|file| file.metadata().map_or(0, |found| found.len())).sum::<u64>();
    }
    assert!(bytes <= CORPUS_BYTES_MAX, "{bytes} bytes");
}

fn inputs(target: &Target) -> Vec<PathBuf> {
    let mut inputs = files(&corpora().join(target.name), "");
    for seed in target.seeds {
        let (folder, beginning) = seed.rsplit_once('/').unwrap_or((".", seed));
        inputs.extend(files(&root().join(folder), beginning));
    }
    inputs
}

fn files(folder: &Path, beginning: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(beginning));
    let mut files: Vec<PathBuf> = named.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
