//! A database file as pages, with what its write-ahead log has of them. Nothing that is read is believed.

use super::btree::{Page, u32_at};
use super::wal::{self, Log};
use crate::journal::schema::PAGE_BYTES;
use crate::pulse::Pulse;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Sizes that pages may have; files of ours have the third or, older ones, the fourth.
const PAGE_BYTES_TRIED: [usize; 8] = [512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768, 65_536];

/// Pages that are looked at to find out how large they are.
const SAMPLE: u64 = 512;

/// Entries of a page that says what others are: type and parent.
const POINTER_BYTES: usize = 5;

/// The file.
#[derive(Debug)]
pub struct Image {
    /// None: there is no more than a log.
    file: Option<File>,
    /// None: there is none, or nothing in it counts.
    log: Option<(File, Log)>,
    pub page_bytes: usize,
    pub pages: u32,
    /// Turns with each page that is read: a large file takes long.
    pulse: Pulse,
}

/// What the file says a page is, in files that keep account (`auto_vacuum`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pointer {
    Root,
    Free,
    /// Part of a row; or what no file says.
    Other,
    Below(u32),
}

impl Image {
    pub fn new(file: Option<File>, log: Option<File>, pulse: &Pulse) -> Self {
        let said = file.as_ref().map(page_bytes);
        let log = log.and_then(|file| {
            let read = Log::read(&file, said.unwrap_or(PAGE_BYTES), pulse);
            (0 < read.frames && said.is_none_or(|said| said == read.page_bytes)).then_some((file, read))
        });
        let page_bytes = said.or(log.as_ref().map(|(_, log)| log.page_bytes)).unwrap_or(PAGE_BYTES);
        let in_file = file.as_ref().map_or(0, length).div_ceil(page_bytes as u64);
        let in_log = log.as_ref().and_then(|(_, log)| log.pages.keys().max().copied()).unwrap_or_default();
        // A number in the log may be hurt.
        let in_log = u64::from(in_log).min(in_file + PAGES_AHEAD_MAX);
        let pages = u32::try_from(in_file.max(in_log)).unwrap_or(u32::MAX);
        Self { file, log, page_bytes, pages, pulse: pulse.clone() }
    }

    /// How many frames of the log are damaged.
    pub fn bad_frames(&self) -> usize {
        self.log.as_ref().map_or(0, |(_, log)| log.bad)
    }

    /// Whether everything that the log has is in the file too; not if it has nothing.
    pub fn is_folded(&self) -> bool {
        let Some((log_file, log)) = &self.log else { return false };
        let is_in_file = |page: u32, image: &wal::Image| {
            let at = u64::from(page.saturating_sub(1)) * self.page_bytes as u64;
            let there = self.file.as_ref().and_then(|file| read(file, at, self.page_bytes));
            there.is_some() && there == read(log_file, image.at, self.page_bytes)
        };
        // What lies behind the file's end was given back.
        let pages = log.pages.iter().filter(|(page, _)| (1..=log.file_pages).contains(*page));
        log.bad == 0
            && pages.into_iter().all(|(page, images)| images.last().is_some_and(|image| is_in_file(*page, image)))
    }

    /// What the page holds: the newest first, then older ones as long as those before can't be believed whole.
    pub fn contents(&self, page: u32) -> Vec<Vec<u8>> {
        self.pulse.turned();
        let mut contents = Vec::new();
        if let Some((file, log)) = &self.log {
            for image in log.pages.get(&page).into_iter().flatten().rev() {
                contents.extend(read(file, image.at, self.page_bytes));
                if image.sound {
                    return contents;
                }
            }
        }
        let at = u64::from(page.saturating_sub(1)) * self.page_bytes as u64;
        contents.extend(self.file.as_ref().and_then(|file| read(file, at, self.page_bytes)));
        contents
    }

    /// What the page holds now.
    pub fn newest(&self, page: u32) -> Option<Vec<u8>> {
        self.contents(page).into_iter().next()
    }

    /// A payload, of which `local` is the beginning and `first` the page on which it goes on; none that is longer than
    /// the file, as pages could say that lead back to themselves.
    pub fn payload(&self, local: &[u8], bytes: usize, first: Option<u32>) -> Option<Vec<u8>> {
        if u64::from(self.pages) * (self.page_bytes as u64) < bytes as u64 {
            return None;
        }
        let (mut payload, mut next) = (local.to_vec(), first);
        while payload.len() < bytes {
            let page = self.newest(next.filter(|page| (2..=self.pages).contains(page))?)?;
            next = u32_at(&page, 0);
            let take = (bytes - payload.len()).min(self.page_bytes - 4);
            payload.extend_from_slice(&page[4..4 + take]);
        }
        Some(payload)
    }

    /// What the file's own account says of a page.
    pub fn pointer(&self, page: u32, account: &mut Account) -> Pointer {
        let per_page = (self.page_bytes / POINTER_BYTES) as u32;
        let Some(behind) = page.checked_sub(3) else { return Pointer::Other };
        let map = behind / (per_page + 1) * (per_page + 1) + 2;
        let Some(index) = page.checked_sub(map + 1) else { return Pointer::Other };
        if account.page != map {
            *account = Account { page: map, bytes: self.newest(map).unwrap_or_default() };
        }
        let at = index as usize * POINTER_BYTES;
        match (account.bytes.get(at), u32_at(&account.bytes, at + 1)) {
            (Some(1), Some(0)) => Pointer::Root,
            (Some(2), Some(0)) => Pointer::Free,
            (Some(5), Some(parent)) => Pointer::Below(parent),
            _ => Pointer::Other,
        }
    }
}

/// The page of the account that was read last.
#[derive(Debug, Default)]
pub struct Account {
    page: u32,
    bytes: Vec<u8>,
}

/// More pages than a log adds to a file before it is folded into it.
const PAGES_AHEAD_MAX: u64 = 1_000_000;

/// The size with which the most of what is in the file looks like pages.
fn page_bytes(file: &File) -> usize {
    // About how many pages with rows the file has, of which a young one has few, if they are so large.
    let found = |bytes: usize| {
        let pages = length(file) / bytes as u64;
        let step = (pages / SAMPLE).max(1);
        let sampled = (0..pages).step_by(usize::try_from(step).unwrap_or(usize::MAX));
        let good = sampled.filter(|page| {
            let content = read(file, page * bytes as u64, bytes).unwrap_or_default();
            Page::parse(u32::try_from(page + 1).unwrap_or(u32::MAX), &content).is_some_and(|page| page.is_plausible())
        });
        good.count() as u64 * step
    };
    let said = read(file, SAID_AT, 2).map_or(0, |bytes| usize::from(u16::from_be_bytes([bytes[0], bytes[1]])));
    let counts = PAGE_BYTES_TRIED.map(|bytes| (bytes, found(bytes)));
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or_default();
    // Of twice the right size half as many are found, of half of it next to none.
    let good = counts.iter().filter(|(_, count)| most * 6 <= count * 10).map(|(bytes, _)| *bytes);
    let is_good = |bytes: &usize| good.clone().any(|good| good == *bytes);
    [said, PAGE_BYTES].into_iter().find(is_good).or_else(|| good.clone().next()).unwrap_or(PAGE_BYTES)
}

/// Where the file's header says it.
const SAID_AT: u64 = 16;

fn length(file: &File) -> u64 {
    file.metadata().map_or(0, |found| found.len())
}

/// The bytes there, with zeros for what is behind the end; none where the disk doesn't give them.
pub fn read(file: &File, at: u64, bytes: usize) -> Option<Vec<u8>> {
    let mut content = vec![0; bytes];
    let mut done = 0;
    while done < bytes {
        match file.read_at(&mut content[done..], at + done as u64) {
            Ok(0) => break,
            Ok(more) => done += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    (0 < done || bytes == 0).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;
    use std::fs;
    use std::os::unix::fs::FileExt;

    /// A file with so many tables, of which one has so many rows.
    fn image(page_bytes: usize, tables: usize, rows: usize, hurt: impl Fn(&File)) -> Image {
        let path = std::env::temp_dir().join(format!("parceld-image-{}.db", uuid::Uuid::now_v7()));
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(&format!("PRAGMA page_size = {page_bytes}; PRAGMA auto_vacuum = INCREMENTAL; BEGIN"))
            .unwrap();
        for table in 0..tables {
            conn.execute_batch(&format!("CREATE TABLE t{table} (a INTEGER PRIMARY KEY, b TEXT NOT NULL)")).unwrap();
        }
        for row in 0..rows {
            conn.execute("INSERT INTO t0 VALUES (?1, ?2)", (row, "forty bytes or so, as most rows of ours have"))
                .unwrap();
        }
        conn.execute_batch("COMMIT").unwrap();
        drop(conn);
        let file = File::options().read(true).write(true).open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        hurt(&file);
        Image::new(Some(file), None, &Pulse::default())
    }

    #[test]
    fn knows_how_large_pages_are_however_few_have_rows() {
        let whole: fn(&File) = |_| ();
        let no_header: fn(&File) = |file| file.write_all_at(&[0xff; 100], 0).unwrap();
        for (what, page, tables, rows, hurt, expected) in [
            ("a new file", 2_048, 30, 0, whole, 2_048),
            ("a new file of an older version", 4_096, 30, 0, whole, 4_096),
            ("a young file", 2_048, 30, 400, whole, 2_048),
            ("a young file without its header", 2_048, 30, 400, no_header, 2_048),
            ("an older young file without its header", 4_096, 30, 800, no_header, 4_096),
            ("a large file without its header", 4_096, 30, 20_000, no_header, 4_096),
            ("hardly a file", 512, 1, 1, whole, 512),
        ] {
            let image = image(page, tables, rows, hurt);
            assert_eq!(image.page_bytes, expected, "{what}");
        }
    }

    #[test]
    fn no_payload_is_longer_than_the_file() {
        // Each page says that it goes on on itself.
        let image = image(512, 4, 0, |file| file.write_all_at(&2u32.to_be_bytes(), 512).unwrap());
        assert_eq!(image.payload(b"a", 1_000, Some(2)).map(|payload| payload.len()), Some(1_000));
        assert_eq!(image.payload(b"a", 1_000_000, Some(2)), None);
    }
}
