//! Where a configuration comes from: a file, the files of `conf.d` beside it, and what was given over them.
//!
//! All of it is read before anything is understood. A place in it is one number, counted through all texts in their order,
//! so that every fault and every key knows its file and line.

use super::error::{self, Error};
use super::{BYTE_ORDER_MARK, FILE_BYTES_MAX};
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// The folder of further files, beside the file.
const FOLDER: &str = "conf.d";

/// Files in it: one for each scanner of the largest site would do.
pub const DROP_INS_MAX: usize = 64;

/// The keys that can be given without a file: what differs between containers of one image, and nothing secret.
pub const GIVEN: [(&str, &str, &str); 3] = [
    ("broker.url", "PARCELD_BROKER_URL", "--broker-url"),
    ("web.listen", "PARCELD_WEB_LISTEN", "--web-listen"),
    ("log.level", "PARCELD_LOG_LEVEL", "--log-level"),
];

/// A file, and what counts before it. Read anew at each [`load`](super::Stack::load).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    pub path: PathBuf,
    /// Whether the files in `conf.d` beside it belong to it.
    pub with_folder: bool,
    /// What counts before all files; the last one before those before it.
    pub given: Vec<Given>,
}

/// A key's value from the environment or the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// One of [`GIVEN`].
    pub key: &'static str,
    pub value: String,
    /// What gave it, as a person knows it.
    pub by: By,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Environment(&'static str),
    Flag(&'static str),
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

impl Stack {
    /// A file and those in `conf.d` beside it.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), with_folder: true, given: Vec::new() }
    }

    /// The folder whose files belong to it.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.path.with_file_name(FOLDER)
    }

    /// The files that belong to it now, as far as they can be listed.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let more = if self.with_folder { drop_ins(&self.folder()).unwrap_or_default() } else { Vec::new() };
        std::iter::once(self.path.clone()).chain(more).collect()
    }

    /// All texts, the ones that count less first.
    pub(super) fn read(&self) -> Result<Sources, Error> {
        let mut sources = Sources::default();
        sources.add_file(&self.path)?;
        if self.with_folder {
            for path in drop_ins(&self.folder())? {
                // Nobody writes into it, and the agent would wait for that.
                if fs::metadata(&path).is_ok_and(|found| found.file_type().is_fifo()) {
                    return Err(Error::Unreadable { path, source: io::Error::other("this is no file") });
                }
                sources.add_file(&path)?;
            }
        }
        for Given { key, value, by } in &self.given {
            sources.add(Name::Given(*by), format!("{key} = {}", toml::Value::from(value.as_str())));
        }
        Ok(sources)
    }
}

/// What of a file can be read at all, whatever its bytes; none of what is no file, which may never end.
pub(super) fn readable(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    File::open(path).ok()?.take(FILE_BYTES_MAX as u64).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The files that belong to a configuration, in the order in which they count: by the bytes of their names.
fn drop_ins(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Unreadable { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        if is_drop_in(&name) {
            names.push(name);
        }
        if DROP_INS_MAX < names.len() {
            return Err(Error::TooMany { path: folder.to_owned() });
        }
    }
    names.sort();
    Ok(names.iter().map(|name| folder.join(name)).collect())
}

/// What editors and package managers leave behind ends otherwise, or is hidden.
fn is_drop_in(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.ends_with(b".toml") && !name.starts_with(b".")
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, Error> {
    let open = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let path = path.to_path_buf();
    match open() {
        Ok(bytes) if bytes.len() <= FILE_BYTES_MAX => Ok(bytes),
        Ok(_) => Err(Error::TooLarge { path }),
        Err(source) if source.kind() == ErrorKind::NotFound => Err(Error::missing(path)),
        Err(source) if source.kind() == ErrorKind::IsADirectory => Err(Error::Directory { path }),
        Err(source) => Err(Error::Unreadable { path, source }),
    }
}

/// What a text is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    File(PathBuf),
    Given(By),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Given(by) => write!(f, "{by}"),
        }
    }
}

/// The texts of one configuration.
#[derive(Debug, Default)]
pub(super) struct Sources {
    parts: Vec<Part>,
}

#[derive(Debug)]
pub(super) struct Part {
    pub name: Name,
    pub text: String,
    /// The place of its first byte.
    pub base: usize,
}

impl Sources {
    /// One text.
    pub fn of_text(path: &Path, text: &str) -> Self {
        let mut sources = Self::default();
        sources.add(Name::File(path.to_owned()), text.to_owned());
        sources
    }

    fn add_file(&mut self, path: &Path) -> Result<(), Error> {
        let bytes = bytes_of(path)?;
        let text = String::from_utf8(bytes).map_err(|fault| {
            let at = fault.utf8_error().valid_up_to();
            Error::Invalid(error::not_utf8(path, fault.as_bytes(), at))
        })?;
        self.add(Name::File(path.to_owned()), text);
        Ok(())
    }

    pub fn add(&mut self, name: Name, mut text: String) {
        if text.starts_with(BYTE_ORDER_MARK) {
            text.drain(..BYTE_ORDER_MARK.len_utf8());
        }
        // An end and the next beginning are two places.
        let base = self.parts.last().map_or(0, |last| last.base + last.text.len() + 1);
        self.parts.push(Part { name, text, base });
    }

    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The text that holds a place, and the place in it.
    pub fn part_at(&self, place: usize) -> Option<(&Part, usize)> {
        let part = self.parts.iter().rev().find(|part| part.base <= place)?;
        Some((part, (place - part.base).min(part.text.len())))
    }

    /// Where in the first text something can be added.
    pub fn end(&self) -> Range<usize> {
        let end = self.parts.first().map_or(0, |part| part.base + part.text.trim_end().len());
        end..end
    }

    /// What a place is called, and its line from 1.
    pub fn line_of(&self, place: usize) -> Option<(&Name, usize)> {
        let (part, at) = self.part_at(place)?;
        Some((&part.name, part.text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1))
    }

    /// Where `first` is, for a message about `at`.
    pub fn line_words(&self, first: &Range<usize>, at: &Range<usize>) -> String {
        let (Some((name, line)), here) = (self.line_of(first.start), self.line_of(at.start)) else {
            return String::new();
        };
        match here.is_some_and(|(here, _)| here == name) {
            true => format!("in line {line}"),
            false => format!("in {name}, line {line}"),
        }
    }
}
