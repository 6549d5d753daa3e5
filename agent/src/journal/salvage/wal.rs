//! The frames of a write-ahead log (<https://www.sqlite.org/fileformat2.html>, chapter 4), each judged for itself.
//!
//! SQLite believes a log up to its first bad frame: after a crash that is its end. Here every frame is compared with the
//! checksum that the one before it says, so that reading goes on behind a bad one.

use super::btree::u32_at;
use std::collections::HashMap;

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
    /// Of each page, oldest first.
    pub pages: HashMap<u32, Vec<Image>>,
    /// Frames up to the last commit that counts.
    pub frames: usize,
    /// Those of them that aren't what they were, and the header if it isn't.
    pub bad: usize,
}

type Sum = (u32, u32);

impl Log {
    /// Reads a log. `page_bytes`: the file's, where the log's own header can't be believed.
    pub fn read(bytes: &[u8], page_bytes: usize) -> Self {
        let header = Header::read(bytes).unwrap_or_else(|| Header::guess(bytes, page_bytes));
        let frame_bytes = FRAME_HEADER_BYTES + header.page_bytes;
        let mut frames: Vec<(u32, Image)> = Vec::new();
        let (mut complete, mut commits_behind_bad) = (0, 0);
        let (mut sum, mut is_bad) = (header.sum, !header.sound);
        for (index, frame) in bytes.get(HEADER_BYTES..).unwrap_or_default().chunks_exact(frame_bytes).enumerate() {
            let number = |at| u32_at(frame, at).unwrap_or_default();
            let said = (number(16), number(20));
            let found = sum.map(|sum| {
                let sum = checksum(header.big_endian, sum, &frame[..8]);
                checksum(header.big_endian, sum, &frame[FRAME_HEADER_BYTES..])
            });
            // Another salt is what an earlier round of the log left, unless only the salt is hurt.
            let sound = found.is_none_or(|found| found == said) && frame[8..16] == header.salt;
            is_bad |= !sound;
            sum = Some(said);
            let at = (HEADER_BYTES + index * frame_bytes + FRAME_HEADER_BYTES) as u64;
            frames.push((number(0), Image { at, sound }));
            if sound && number(4) != 0 {
                commits_behind_bad += usize::from(is_bad);
                if !is_bad || COMMITS_THAT_TELL <= commits_behind_bad {
                    complete = frames.len();
                }
            }
        }
        frames.truncate(complete);
        let bad = frames.iter().filter(|(_, image)| !image.sound).count();
        let bad = bad + usize::from(!header.sound && !frames.is_empty());
        let mut log = Self { page_bytes: header.page_bytes, frames: frames.len(), bad, pages: HashMap::new() };
        for (page, image) in frames {
            log.pages.entry(page).or_default().push(image);
        }
        log
    }
}

/// A commit is synced before the next transaction is written: with two commits behind it, what is bad is no torn end.
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
        let log = Log::read(bytes, PAGE);
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
}
