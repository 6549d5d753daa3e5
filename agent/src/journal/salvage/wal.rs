//! The frames of a write-ahead log (<https://www.sqlite.org/fileformat2.html>, chapter 4), each judged for itself.
//!
//! SQLite believes a log up to its first bad frame: after a crash that is its end. Here every frame is compared with the
//! checksum that the one before it says, so that reading goes on behind a bad one.
//!
//! What lies behind the end may also be left of commits that failed: the next one began where they had begun, and covers
//! their beginning alone. Such a rest never goes on behind its own commit, and so is told from what was committed: that
//! goes on, each transaction from the checksum of the one before.

use super::btree::u32_at;
use super::image::read;
use crate::pulse::Pulse;
use std::collections::HashMap;
use std::fs::File;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
const MAGIC: u32 = 0x377f_0682;

/// A page's newer content, in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Where in the log its bytes begin.
    pub at: u64,
    /// Whether the checksum agrees.
    pub sound: bool,
}

/// What a log holds.
#[derive(Debug, Default)]
pub struct Log {
    pub page_bytes: usize,
    /// Of each page, oldest first; nothing older than the newest sound one.
    pub pages: HashMap<u32, Vec<Image>>,
    /// Frames up to the last commit that counts.
    pub frames: usize,
    /// Those of them that aren't what they were, and the header if it isn't.
    pub bad: usize,
    /// Pages of the file, as the last commit that counts says it.
    pub file_pages: u32,
}

type Sum = (u32, u32);

impl Log {
    /// Reads a log, frame by frame: it may be larger than memory. `page_bytes`: the file's, where the log's own header
    /// can't be believed.
    pub fn read(file: &File, page_bytes: usize, pulse: &Pulse) -> Self {
        let bytes = file.metadata().map_or(0, |found| found.len());
        let beginning = read(file, 0, HEADER_BYTES + FRAME_HEADER_BYTES).unwrap_or_default();
        let header = Header::read(&beginning).unwrap_or_else(|| Header::guess(&beginning, page_bytes));
        let frame_bytes = FRAME_HEADER_BYTES + header.page_bytes;
        let count = bytes.saturating_sub(HEADER_BYTES as u64) / frame_bytes as u64;
        let mut log = Self { page_bytes: header.page_bytes, ..Self::default() };
        // What is read, up to the next commit that counts.
        let mut waiting: Vec<(u32, Image)> = Vec::new();
        let (mut sum, mut is_behind_bad, mut commits) = (header.sum, !header.sound, 0);
        for index in 0..count {
            pulse.turned();
            let start = HEADER_BYTES as u64 + index * frame_bytes as u64;
            let frame = read(file, start, frame_bytes);
            let is_read = frame.is_some();
            let frame = frame.unwrap_or_else(|| vec![0; frame_bytes]);
            let number = |at| u32_at(&frame, at).unwrap_or_default();
            let said = (number(16), number(20));
            let found = sum.map(|sum| {
                let sum = checksum(header.big_endian, sum, &frame[..8]);
                checksum(header.big_endian, sum, &frame[FRAME_HEADER_BYTES..])
            });
            // Another salt is what an earlier round of the log left, unless only the salt is hurt.
            let sound = is_read && found.is_none_or(|found| found == said) && frame[8..16] == header.salt;
            sum = is_read.then_some(said);
            waiting.push((number(0), Image { at: start + FRAME_HEADER_BYTES as u64, sound }));
            if !sound {
                (is_behind_bad, commits) = (true, 0);
            } else if number(4) != 0 {
                commits += 1;
                if !is_behind_bad || COMMITS_THAT_TELL <= commits {
                    log.take(&mut waiting);
                    log.file_pages = number(4);
                }
            }
        }
        log.bad += usize::from(!header.sound && 0 < log.frames);
        log
    }

    /// All of it was committed.
    fn take(&mut self, frames: &mut Vec<(u32, Image)>) {
        self.frames += frames.len();
        for (page, image) in frames.drain(..) {
            let images = self.pages.entry(page).or_default();
            if image.sound {
                images.clear();
            } else {
                self.bad += 1;
            }
            images.push(image);
        }
    }
}

/// A commit is synced before the next transaction is written: where two follow each other without a break, behind
/// something bad, the first was on disk, and what is bad before it is neither a torn end nor left of a failed commit.
const COMMITS_THAT_TELL: usize = 2;

struct Header {
    sound: bool,
    big_endian: bool,
    page_bytes: usize,
    salt: [u8; 8],
    /// None: the first frame can't be judged.
    sum: Option<Sum>,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        let magic = u32_at(bytes, 0)?;
        let page_bytes = usize::try_from(u32_at(bytes, 8)?).ok()?;
        let big_endian = magic & 1 == 1;
        let sum = (u32_at(bytes, 24)?, u32_at(bytes, 28)?);
        let sound = magic & !1 == MAGIC
            && (512..=65_536).contains(&page_bytes)
            && page_bytes.is_power_of_two()
            && checksum(big_endian, (0, 0), &bytes[..24]) == sum;
        let salt = bytes.get(16..24)?.try_into().ok()?;
        sound.then_some(Self { sound, big_endian, page_bytes, salt, sum: Some(sum) })
    }

    /// By the first frame, and as every machine of ours writes it.
    fn guess(bytes: &[u8], page_bytes: usize) -> Self {
        let salt = bytes.get(HEADER_BYTES + 8..HEADER_BYTES + 16).and_then(|salt| salt.try_into().ok());
        Self { sound: false, big_endian: false, page_bytes, salt: salt.unwrap_or_default(), sum: None }
    }
}

fn checksum(big_endian: bool, (mut one, mut two): Sum, bytes: &[u8]) -> Sum {
    let word = |bytes: &[u8]| {
        let bytes: [u8; 4] = bytes.try_into().unwrap_or_default();
        if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    for pair in bytes.chunks_exact(8) {
        one = one.wrapping_add(word(&pair[..4])).wrapping_add(two);
        two = two.wrapping_add(word(&pair[4..])).wrapping_add(one);
    }
    (one, two)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    const PAGE: usize = 4_096;
    const FRAME: usize = FRAME_HEADER_BYTES + PAGE;

    /// The log of some transactions, as a crash leaves it.
    fn log(transactions: usize) -> Vec<u8> {
        let path = std::env::temp_dir().join(format!("parceld-wal-{}.db", uuid::Uuid::now_v7()));
        let name = |end: &str| format!("{}{end}", path.display());
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x); PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        for n in 0..transactions {
            conn.execute("INSERT INTO t VALUES (?1)", [n]).unwrap();
        }
        let bytes = std::fs::read(name("-wal")).unwrap();
        drop(conn);
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(name(end));
        }
        bytes
    }

    fn check(what: &str, bytes: &[u8], frames: usize, bad: usize) {
        let path = std::env::temp_dir().join(format!("parceld-wal-{}", uuid::Uuid::now_v7()));
        std::fs::write(&path, bytes).unwrap();
        let log = Log::read(&File::open(&path).unwrap(), PAGE, &Pulse::default());
        std::fs::remove_file(&path).unwrap();
        assert_eq!((log.frames, log.bad), (frames, bad), "{what}");
    }

    #[test]
    fn tells_a_torn_end_from_damage() {
        let good = log(8);
        assert_eq!(good.len(), HEADER_BYTES + 8 * FRAME);
        check("whole", &good, 8, 0);
        check("nothing", &[], 0, 0);
        check("cut off in a frame", &good[..HEADER_BYTES + 5 * FRAME + 99], 5, 0);
        let flipped = |frame: usize, at: usize| {
            let mut bytes = good.clone();
            bytes[HEADER_BYTES + frame * FRAME + at] ^= 1;
            bytes
        };
        for (what, at) in [("the page's number", 3), ("the salt", 9), ("the page", 2_000)] {
            check(&format!("{what}, of the last"), &flipped(7, at), 7, 0);
            check(&format!("{what}, of the last but one"), &flipped(6, at), 6, 0);
            check(&format!("{what}, earlier"), &flipped(3, at), 8, 1);
        }
        check("the checksum, which two frames stand on", &flipped(3, 17), 8, 2);
        let mut bytes = good.clone();
        bytes[2] ^= 1;
        check("the header", &bytes, 8, 1);
        check("the header, of a log that nobody relied on", &bytes[..HEADER_BYTES + FRAME], 0, 0);
    }

    #[test]
    fn an_earlier_round_of_the_log_is_behind_its_end() {
        let (old, new) = (log(8), log(3));
        let bytes = [&new[..], &old[new.len()..]].concat();
        check("three frames, and five old ones", &bytes, 3, 0);
    }

    /// A log of `before` commits, and how it goes on with each of `then`, which are tried one after the other.
    fn forks(before: usize, then: &[&str]) -> Vec<Vec<u8>> {
        let path = std::env::temp_dir().join(format!("parceld-wal-{}.db", uuid::Uuid::now_v7()));
        let name = |path: &std::path::Path, end: &str| format!("{}{end}", path.display());
        let conn = Connection::open(&path).unwrap();
        let tables: String = (0..20).map(|n| format!("CREATE TABLE t{n} (x);")).collect();
        conn.execute_batch(&format!("PRAGMA journal_mode = WAL; {tables} PRAGMA wal_checkpoint(TRUNCATE)")).unwrap();
        for n in 0..before {
            conn.execute("INSERT INTO t0 VALUES (?1)", [n]).unwrap();
        }
        let logs = then.iter().enumerate().map(|(n, statements)| {
            let fork = path.with_extension(format!("fork-{n}"));
            for end in ["", "-wal"] {
                std::fs::copy(name(&path, end), name(&fork, end)).unwrap();
            }
            let conn = Connection::open(&fork).unwrap();
            conn.execute_batch(statements).unwrap();
            let bytes = std::fs::read(name(&fork, "-wal")).unwrap();
            drop(conn);
            for end in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(name(&fork, end));
            }
            bytes
        });
        let logs = logs.collect();
        drop(conn);
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(name(&path, end));
        }
        logs
    }

    #[test]
    fn what_failed_commits_have_left_behind_the_end_is_neither_damage_nor_content() {
        let batch = |tables: std::ops::Range<usize>| {
            let rows: String = tables.map(|n| format!("INSERT INTO t{n} VALUES (1);")).collect();
            format!("BEGIN; {rows} COMMIT;")
        };
        let (of_15, of_9, of_6, of_2) = (batch(0..15), batch(0..9), batch(3..9), batch(0..2));
        // Each failed commit is covered by the next one, and by what is green: the last.
        for (what, commits, frames) in [
            ("a batch and one of it", vec![&of_15, &of_9, &of_2], 2),
            ("three that failed", vec![&of_15, &of_9, &of_6, &of_2], 2),
            ("two green ones", vec![&of_15, &of_9, &of_2, &of_2], 4),
        ] {
            let mut scripts: Vec<String> = commits.iter().map(|commit| (*commit).clone()).collect();
            if frames == 4 {
                let last = scripts.pop().unwrap();
                scripts.last_mut().unwrap().push_str(&last);
            }
            let scripts: Vec<&str> = scripts.iter().map(String::as_str).collect();
            let logs = forks(3, &scripts);
            let left = logs.into_iter().reduce(|before, log| [&log[..], &before[log.len()..]].concat()).unwrap();
            assert!(HEADER_BYTES + (3 + frames) * FRAME < left.len(), "{what}: something is left");
            check(what, &left, 3 + frames, 0);
            // The same log, once its last green commits are followed by more, and one of them is hurt.
            let mut hurt = left.clone();
            hurt[HEADER_BYTES + FRAME + 2_000] ^= 1;
            check(&format!("{what}, and damage"), &hurt, 3 + frames, 1);
        }
    }
}
