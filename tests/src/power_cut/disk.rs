//! Files of which is known what was forced to disk, and what a power cut leaves of the rest.
//!
//! - What a sync that has ended found written is there.
//! - What a sync that failed was for never is, though whoever reads finds it there: the system takes it for written.
//! - Of anything else each sector of 512 bytes has what it had at some time since, whatever others have; a file is as long
//!   as it was at some time since. Only what cuts a file off happens at once: its end is gone with its length.
//! - Names are a directory's content: made, changed and removed when that is forced to disk, and perhaps before.
//! - A sector is written whole or not at all, and nothing beside what is written changes ("powersafe overwrite", which
//!   SQLite relies on).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::record::{Step, What};
use crate::random::Random;

const SECTOR_BYTES: usize = 512;

/// How much of what was not forced to disk a power cut leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    Everything,
    Nothing,
    /// What came last.
    TheEnd,
    /// Sectors, lengths and names here and there.
    HereAndThere,
}

impl Loss {
    /// The last most of the time: it can be the others as well.
    pub fn any(random: &mut Random) -> Loss {
        *random.one_of(&[
            Loss::Everything,
            Loss::Nothing,
            Loss::TheEnd,
            Loss::TheEnd,
            Loss::HereAndThere,
            Loss::HereAndThere,
            Loss::HereAndThere,
            Loss::HereAndThere,
        ])
    }
}

/// A directory's files as a disk could have them after a power cut.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// Other names of some of them.
    links: BTreeMap<PathBuf, PathBuf>,
}

impl Image {
    /// Writes them below `target`, which stands for the directory that was recorded.
    ///
    /// # Panics
    /// Where they can't be written.
    pub fn write(&self, directory: &Path, target: &Path) {
        let place = |path: &Path| {
            let inside = path.strip_prefix(directory).expect("only the directory's files are recorded");
            let path = target.join(inside);
            let parent = path.parent().expect("a file lies in a directory");
            fs::create_dir_all(parent).expect("a directory of our own takes another");
            path
        };
        for (path, content) in &self.files {
            fs::write(place(path), content).expect("a directory of our own takes a file");
        }
        for (path, named) in &self.links {
            fs::hard_link(place(named), place(path)).expect("a file of our own takes another name");
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct Disk {
    files: Vec<File>,
    /// Which file has which name now.
    names: BTreeMap<PathBuf, usize>,
    /// The same on disk.
    durable: BTreeMap<PathBuf, usize>,
    /// What the two differ by.
    moves: Vec<Pending<Move>>,
}

#[derive(Debug, Clone, Default)]
struct File {
    durable: Vec<u8>,
    changes: Vec<Pending<Change>>,
    /// Where the next write without a place goes.
    position: u64,
}

#[derive(Debug, Clone)]
struct Pending<T> {
    /// The line of the trace by which it was done.
    ended: Option<usize>,
    what: T,
}

#[derive(Debug, Clone)]
enum Change {
    Write { at: usize, bytes: Arc<[u8]> },
    Resize(usize),
    AtLeast(usize),
}

#[derive(Debug, Clone)]
enum Move {
    Name {
        path: PathBuf,
        file: usize,
    },
    Unname(PathBuf),
    /// Whole or not at all, as every journaling file system has it.
    Rename {
        from: PathBuf,
        to: PathBuf,
        file: usize,
    },
}

impl Disk {
    /// The order in which [`play`](Disk::play) takes steps: a change counts from its beginning, a sync at its end.
    #[must_use]
    pub fn in_order(steps: &[Step]) -> Vec<(usize, Step)> {
        let at = |step: &Step| match &step.what {
            What::Sync { .. } | What::FailedSync { .. } => step.ended,
            _ => Some(step.began),
        };
        let mut ordered: Vec<_> = steps.iter().filter_map(|step| Some((at(step)?, step.clone()))).collect();
        ordered.sort_by_key(|(line, _)| *line);
        ordered
    }

    /// A file that has lain there for long.
    pub fn put(&mut self, path: &Path, content: &[u8]) {
        let file = self.files.len();
        self.files.push(File { durable: content.to_owned(), ..File::default() });
        self.names.insert(path.to_owned(), file);
        self.durable.insert(path.to_owned(), file);
    }

    /// # Panics
    /// At a file that the record knows nothing of.
    pub fn play(&mut self, step: &Step) {
        let Step { began, ended, what } = step;
        match what {
            What::Open { path, truncates } => {
                let file = self.names.get(path).copied().unwrap_or_else(|| self.make(path, *ended));
                self.files[file].position = 0;
                if *truncates {
                    self.change(path, *ended, Change::Resize(0));
                }
            }
            What::Write { path, at, bytes } => {
                let file = self.file(path);
                let at = at.unwrap_or(file.position);
                file.position = at + bytes.len() as u64;
                self.change(path, *ended, Change::Write { at: length(at), bytes: Arc::clone(bytes) });
            }
            What::Resize { path, bytes } => self.change(path, *ended, Change::Resize(length(*bytes))),
            What::Allocate { path, bytes } => self.change(path, *ended, Change::AtLeast(length(*bytes))),
            What::Sync { path } => match self.names.get(path) {
                Some(&file) => self.files[file].sync(*began),
                None => self.sync_names(path, *began),
            },
            What::FailedSync { path } => {
                if let Some(&file) = self.names.get(path) {
                    self.files[file].forget(*began);
                }
            }
            What::Rename { from, to } => {
                let file = self.names.remove(from).unwrap_or_else(|| panic!("nobody made {}", from.display()));
                self.names.insert(to.clone(), file);
                self.moves
                    .push(Pending { ended: *ended, what: Move::Rename { from: from.clone(), to: to.clone(), file } });
            }
            What::Link { from, to } => {
                let file = *self.names.get(from).unwrap_or_else(|| panic!("nobody made {}", from.display()));
                self.names.insert(to.clone(), file);
                self.moves.push(Pending { ended: *ended, what: Move::Name { path: to.clone(), file } });
            }
            What::Remove { path } => {
                self.names.remove(path);
                self.moves.push(Pending { ended: *ended, what: Move::Unname(path.clone()) });
            }
            What::Green { .. } | What::Sent { .. } => {}
        }
    }

    /// What a power cut now could leave.
    #[must_use]
    pub fn cut(&self, loss: Loss, random: &mut Random) -> Image {
        let mut names = self.durable.clone();
        let kept = random.below(self.moves.len() + 1);
        for (index, pending) in self.moves.iter().enumerate() {
            let stays = match loss {
                Loss::Everything => false,
                Loss::Nothing => true,
                Loss::TheEnd => index < kept,
                Loss::HereAndThere => random.once_in(2),
            };
            if stays {
                pending.what.apply(&mut names);
            }
        }
        let mut image = Image::default();
        let mut first_names = BTreeMap::new();
        for (path, file) in names {
            if let Some(named) = first_names.get(&file) {
                image.links.insert(path, PathBuf::clone(named));
                continue;
            }
            image.files.insert(path.clone(), self.files[file].cut(loss, random));
            first_names.insert(file, path);
        }
        image
    }

    fn make(&mut self, path: &Path, ended: Option<usize>) -> usize {
        let file = self.files.len();
        self.files.push(File::default());
        self.names.insert(path.to_owned(), file);
        self.moves.push(Pending { ended, what: Move::Name { path: path.to_owned(), file } });
        file
    }

    fn file(&mut self, path: &Path) -> &mut File {
        let file = self.names.get(path).unwrap_or_else(|| panic!("nobody made {}", path.display()));
        &mut self.files[*file]
    }

    fn change(&mut self, path: &Path, ended: Option<usize>, what: Change) {
        self.file(path).changes.push(Pending { ended, what });
    }

    fn sync_names(&mut self, directory: &Path, began: usize) {
        let is_in = |path: &Path| path.parent() == Some(directory);
        let (done, rest) = self.moves.drain(..).partition(|pending| {
            let (Move::Name { path, .. } | Move::Unname(path) | Move::Rename { to: path, .. }) = &pending.what;
            is_in(path) && pending.ended.is_some_and(|ended| ended < began)
        });
        self.moves = rest;
        let done: Vec<Pending<Move>> = done;
        done.iter().for_each(|pending| pending.what.apply(&mut self.durable));
    }
}

impl Move {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Move::Name { path, file } => names.insert(path.clone(), *file),
            Move::Unname(path) => names.remove(path),
            Move::Rename { from, to, file } => {
                names.remove(from);
                names.insert(to.clone(), *file)
            }
        };
    }
}

impl File {
    /// What had been done before the sync began is on disk now.
    fn sync(&mut self, began: usize) {
        let done = self.take_done_before(began);
        done.iter().for_each(|change| change.what.apply(&mut self.durable));
    }

    /// The next sync writes nothing of it.
    fn forget(&mut self, began: usize) {
        self.take_done_before(began);
    }

    fn take_done_before(&mut self, began: usize) -> Vec<Pending<Change>> {
        let is_done = |change: &Pending<Change>| change.ended.is_some_and(|ended| ended < began);
        let (done, rest) = self.changes.drain(..).partition(is_done);
        self.changes = rest;
        done
    }

    fn cut(&self, loss: Loss, random: &mut Random) -> Vec<u8> {
        let mut content = self.durable.clone();
        let kept = match loss {
            Loss::Everything => 0,
            Loss::Nothing => self.changes.len(),
            Loss::TheEnd => random.below(self.changes.len() + 1),
            Loss::HereAndThere => return self.scattered(random),
        };
        self.changes[..kept].iter().for_each(|change| change.what.apply(&mut content));
        content
    }

    /// The length as it was after some changes, and each sector after some of its own. What cut the file off came with its
    /// length; where it is lost, so is what was written since: that went to other places of the disk.
    fn scattered(&self, random: &mut Random) -> Vec<u8> {
        let mut lengths = vec![self.durable.len()];
        for change in &self.changes {
            lengths.push(change.what.length_after(lengths[lengths.len() - 1]));
        }
        let kept = random.below(lengths.len());
        let cuts_off = |index: usize| lengths[index + 1] < lengths[index];
        let counted = (kept..self.changes.len()).find(|&index| cuts_off(index)).unwrap_or(self.changes.len());
        let mut touched: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, change) in self.changes[..counted].iter().enumerate() {
            let (from, to) = change.what.range(lengths[index]);
            for sector in from / SECTOR_BYTES..to.div_ceil(SECTOR_BYTES) {
                touched.entry(sector).or_default().push(index);
            }
        }
        let mut content = self.durable.clone();
        content.resize(lengths.iter().copied().max().unwrap_or_default(), 0);
        for (sector, changes) in touched {
            let least = changes.iter().rposition(|&index| cuts_off(index)).map_or(0, |last| last + 1);
            let most = least + random.below(changes.len() - least + 1);
            for &index in &changes[..most] {
                self.changes[index].what.apply_within(&mut content, sector);
            }
        }
        content.resize(lengths[kept], 0);
        content
    }
}

impl Change {
    fn length_after(&self, before: usize) -> usize {
        match self {
            Change::Write { at, bytes } => before.max(at + bytes.len()),
            Change::Resize(bytes) => *bytes,
            Change::AtLeast(bytes) => before.max(*bytes),
        }
    }

    /// Which bytes of a file of this length it changes.
    fn range(&self, length: usize) -> (usize, usize) {
        match self {
            Change::Write { at, bytes } => (*at, at + bytes.len()),
            Change::Resize(bytes) if *bytes < length => (*bytes, length),
            Change::Resize(_) | Change::AtLeast(_) => (0, 0),
        }
    }

    fn apply(&self, content: &mut Vec<u8>) {
        content.resize(self.length_after(content.len()), 0);
        if let Change::Write { at, bytes } = self {
            content[*at..at + bytes.len()].copy_from_slice(bytes);
        }
    }

    /// Only what of it lies in this sector.
    fn apply_within(&self, content: &mut [u8], sector: usize) {
        let (begin, end) = (sector * SECTOR_BYTES, ((sector + 1) * SECTOR_BYTES).min(content.len()));
        let (from, to) = self.range(content.len());
        let (from, to) = (from.max(begin), to.min(end));
        if to <= from {
            return;
        }
        match self {
            Change::Write { at, bytes } => content[from..to].copy_from_slice(&bytes[from - at..to - at]),
            Change::Resize(_) | Change::AtLeast(_) => content[from..to].fill(0),
        }
    }
}

fn length(bytes: u64) -> usize {
    usize::try_from(bytes).expect("a file here fits into memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const CUTS: u64 = 400;

    /// Every content of `/d/f` that a power cut at the script's end could leave; `-` where there is no such file. A word
    /// is a step: `m` makes the file, `aX` writes the letter over the first sector, `bX` over the second, `tN` cuts it to
    /// N sectors, `s` forces it to disk, `f` fails to, `d` forces its directory, `r` removes it, `v` moves it to `/d/g` and
    /// `w` back.
    fn left(script: &str, loss: Loss) -> BTreeSet<String> {
        let f = || PathBuf::from("/d/f");
        let mut disk = Disk::default();
        for (line, word) in script.split_whitespace().enumerate() {
            let (what, rest) = word.split_at(1);
            let sector =
                |at| What::Write { path: f(), at: Some(at), bytes: rest.repeat(SECTOR_BYTES).into_bytes().into() };
            let what = match what {
                "m" => What::Open { path: f(), truncates: false },
                "a" => sector(0),
                "b" => sector(SECTOR_BYTES as u64),
                "t" => What::Resize { path: f(), bytes: rest.parse::<u64>().unwrap() * SECTOR_BYTES as u64 },
                "s" => What::Sync { path: f() },
                "f" => What::FailedSync { path: f() },
                "d" => What::Sync { path: "/d".into() },
                "r" => What::Remove { path: f() },
                "v" => What::Rename { from: f(), to: "/d/g".into() },
                "w" => What::Rename { from: "/d/g".into(), to: f() },
                other => panic!("no step is written as {other}"),
            };
            disk.play(&Step { began: line, ended: Some(line), what });
        }
        let contents = (0..CUTS).map(|number| {
            let image = disk.cut(loss, &mut Random::stream(7, number));
            let sectors = |content: &Vec<u8>| content.iter().step_by(SECTOR_BYTES).copied().collect();
            let letters: Option<Vec<u8>> = image.files.get(&f()).map(sectors);
            letters.map_or("-".to_owned(), |letters| String::from_utf8_lossy(&letters).replace('\0', "0"))
        });
        contents.collect()
    }

    #[track_caller]
    fn check(script: &str, loss: Loss, expected: &[&str]) {
        let expected: BTreeSet<String> = expected.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(left(script, loss), expected, "{script}, {loss:?}");
    }

    #[test]
    fn what_was_forced_to_disk_is_there() {
        for loss in [Loss::Everything, Loss::Nothing, Loss::TheEnd, Loss::HereAndThere] {
            check("m aX bY s d", loss, &["XY"]);
            check("m aX bY s d r d", loss, &["-"]);
        }
    }

    #[test]
    fn what_was_not_may_be_there_or_not() {
        check("m d aX bY", Loss::Everything, &[""]);
        check("m d aX bY", Loss::Nothing, &["XY"]);
        check("m d aX bY", Loss::TheEnd, &["", "X", "XY"]);
        check("m d aX s bY aZ", Loss::TheEnd, &["X", "XY", "ZY"]);
    }

    #[test]
    fn what_a_sync_failed_for_comes_no_more_unless_it_is_written_again() {
        for loss in [Loss::Everything, Loss::Nothing, Loss::TheEnd, Loss::HereAndThere] {
            check("m d aX f s", loss, &[""]);
            check("m d aX s bY f aZ s", loss, &["Z"]);
            check("m d aX f bY s", loss, &["0Y"]);
            check("m d aX f aX s", loss, &["X"]);
        }
    }

    #[test]
    fn sectors_and_lengths_come_in_any_order() {
        check("m d aX bY s aZ bW", Loss::HereAndThere, &["XY", "XW", "ZY", "ZW"]);
        check("m d aX s bY", Loss::HereAndThere, &["X", "X0", "XY"]);
        check("m d aX bY s t1", Loss::HereAndThere, &["XY", "X"]);
        check("m d aX bY s t0 aZ", Loss::HereAndThere, &["XY", "", "0", "Z"]);
        check("m d aX s aY aZ", Loss::HereAndThere, &["X", "Y", "Z"]);
    }

    #[test]
    fn names_need_a_sync_of_their_own() {
        check("m aX s", Loss::Everything, &["-"]);
        check("m aX s", Loss::HereAndThere, &["-", "X"]);
        check("m aX s d r", Loss::TheEnd, &["-", "X"]);
        check("m aX s d r", Loss::Nothing, &["-"]);
    }

    #[test]
    fn a_file_is_moved_whole_or_not_at_all() {
        check("m aX s d v", Loss::HereAndThere, &["-", "X"]);
        check("m aX s d v d w", Loss::HereAndThere, &["-", "X"]);
        let mut disk = Disk::default();
        disk.put(Path::new("/d/f"), b"old");
        disk.play(&Step { began: 0, ended: Some(0), what: What::Rename { from: "/d/f".into(), to: "/d/g".into() } });
        for number in 0..CUTS {
            let image = disk.cut(Loss::HereAndThere, &mut Random::stream(7, number));
            assert_eq!(image.files.values().collect::<Vec<_>>(), [b"old"], "under one of its names");
        }
    }

    #[test]
    fn a_sync_counts_for_what_was_done_before_it_began() {
        let write = |began, ended| Step {
            began,
            ended,
            what: What::Write { path: "/d/f".into(), at: Some(0), bytes: b"x".as_slice().into() },
        };
        let mut disk = Disk::default();
        disk.play(&Step { began: 0, ended: Some(0), what: What::Open { path: "/d/f".into(), truncates: false } });
        disk.play(&Step { began: 1, ended: Some(1), what: What::Sync { path: "/d".into() } });
        let sync = Step { began: 3, ended: Some(5), what: What::Sync { path: "/d/f".into() } };
        let mut late = disk.clone();
        for step in [&write(2, Some(2)), &sync] {
            disk.play(step);
        }
        for step in [&write(2, Some(4)), &sync] {
            late.play(step);
        }
        let left = |disk: &Disk| disk.cut(Loss::Everything, &mut Random::new(1)).files[Path::new("/d/f")].clone();
        assert_eq!((left(&disk), left(&late)), (b"x".to_vec(), Vec::new()));
    }
}
