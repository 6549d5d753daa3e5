//! The last configuration that the agent ran on, kept beside its database: with a file that is wrong a start is no stop.
//!
//! The copy says which file it was read from, and counts for that file alone. One at the default place says where the
//! database is that ran last, so that an old copy beside another one never counts.

use super::sources::Stack;
use super::{Config, Error, Loaded, show, sources};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// What an agent starts on.
#[derive(Debug)]
pub struct Start {
    pub stack: Stack,
    pub loaded: Loaded,
    /// Why it is not what the files say, and where the copy lies that it is.
    pub refused: Option<(Error, PathBuf)>,
}

/// Where the database is where nothing says so.
pub(super) const DATABASE: &str = "/var/lib/parceld/parceld.db";

/// It may name a user that is an access token.
const MODE: u32 = 0o600;

/// Where the copy lies.
#[must_use]
pub fn copy_of(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".config.toml");
    path.into()
}

/// Keeps `config`, on which the agent runs: beside its database, and at the default place too, where files are looked for
/// that say nothing any more. Writes nothing where that says the same, and forgets the copy beside the database of before.
///
/// # Errors
/// It can't be written, or what the default place says is out of date and can't be replaced; the one before stays.
pub fn keep(stack: &Stack, config: &Config) -> io::Result<()> {
    keep_near(stack, config, Path::new(DATABASE))
}

pub(super) fn keep_near(stack: &Stack, config: &Config, default: &Path) -> io::Result<()> {
    let database = &config.storage.path;
    let header = header(&stack.path);
    let text = format!("{header}\n{}", show::whole(config));
    let before = kept(default, &header);
    // First, so that at no moment it names a database that is no longer the one.
    let pointed = if database == default { Ok(()) } else { point(default, before.as_deref(), &text) };
    write(&copy_of(database), &text)?;
    let former = before.as_deref().and_then(database_in).filter(|former| former != database && former != default);
    if let Some(former) = former.filter(|former| kept(former, &header).is_some()) {
        fs::remove_file(copy_of(&former))?;
    }
    pointed
}

/// Says at the default place what runs. Another file's copy stays there, and where nothing is there nothing has to be.
fn point(default: &Path, before: Option<&str>, text: &str) -> io::Result<()> {
    let path = copy_of(default);
    if before.is_none() && path.exists() {
        return Ok(());
    }
    match write(&path, text) {
        Err(_) if before.is_none() => Ok(()),
        written => written,
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|kept| kept == text) {
        return Ok(());
    }
    let new = path.with_extension("new");
    let mut file = File::options().write(true).create(true).truncate(true).mode(MODE).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

/// The configuration that the agent has last run on from these files, and where it was found; none where it never has, and
/// none where the files name one database and the default place another: on an old one numbers would be given out twice.
#[must_use]
pub fn last_good(stack: &Stack) -> Option<(PathBuf, Loaded)> {
    last_good_near(stack, Path::new(DATABASE))
}

pub(super) fn last_good_near(stack: &Stack, default: &Path) -> Option<(PathBuf, Loaded)> {
    let header = header(&stack.path);
    let is_its_own =
        |database: &PathBuf| kept(database, &header).and_then(|text| database_in(&text)).as_ref() == Some(database);
    let named = stack.database_named().filter(is_its_own);
    let pointed = kept(default, &header).and_then(|text| database_in(&text));
    let database = match (named, pointed) {
        (Some(named), Some(pointed)) if named != pointed => return None,
        (named, pointed) => named.or(pointed)?,
    };
    let path = copy_of(&database);
    kept(&database, &header)?;
    let copy = Stack { path: path.clone(), with_folder: false, given: stack.given.clone() };
    let loaded = copy.load().ok().filter(|loaded| loaded.config.storage.path == database)?;
    Some((path, loaded))
}

fn header(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    format!("# What parceld has last run on, from {path:?}. It is written anew: edit that file, not this one.")
}

/// The copy beside this database, where it is of the file that `header` names.
fn kept(database: &Path, header: &str) -> Option<String> {
    fs::read_to_string(copy_of(database)).ok().filter(|text| text.lines().next() == Some(header))
}

/// Where a text, which may be broken, says that the database is.
fn database_in(text: &str) -> Option<PathBuf> {
    let (tree, _) = DeTable::parse_recoverable(text);
    let storage = under(tree.get_ref(), "storage")?;
    under(storage.as_table()?, "path")?.as_str().map(PathBuf::from)
}

fn under<'t, 'i>(table: &'t DeTable<'i>, key: &str) -> Option<&'t DeValue<'i>> {
    table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value.get_ref())
}

impl Stack {
    /// Where what can be read of the files says that the database is.
    fn database_named(&self) -> Option<PathBuf> {
        let texts = self.files().into_iter().rev().filter_map(|path| sources::readable(&path));
        texts.filter_map(|text| database_in(text.trim_start_matches(super::BYTE_ORDER_MARK))).next()
    }
}
