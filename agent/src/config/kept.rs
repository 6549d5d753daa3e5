//! The last configuration that the agent ran on, kept beside its database: with a file that is wrong a start is no stop.
//!
//! The copy says which file it was read from, and counts for that file alone.

use super::sources::Stack;
use super::{Config, Error, Loaded, Name, show, sources::Sources};
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

/// Keeps `config`, on which the agent runs. Writes nothing where the copy says the same.
///
/// # Errors
/// It can't be written; the one before stays.
pub fn keep(stack: &Stack, config: &Config) -> io::Result<()> {
    let path = copy_of(&config.storage.path);
    let text = format!("{}\n{}", header(&stack.path), show::whole(config));
    if fs::read_to_string(&path).is_ok_and(|kept| kept == text) {
        return Ok(());
    }
    let new = path.with_extension("new");
    let mut file = File::options().write(true).create(true).truncate(true).mode(MODE).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, &path)
}

/// The configuration that the agent has last run on from these files, and where it was found; none where it never has.
#[must_use]
pub fn last_good(stack: &Stack) -> Option<(PathBuf, Loaded)> {
    let named = database_named(stack).into_iter();
    named.chain([PathBuf::from(DATABASE)]).find_map(|database| {
        let path = copy_of(&database);
        let is_of_these = fs::read_to_string(&path).ok()?.lines().next() == Some(header(&stack.path).as_str());
        let copy = Stack { path: path.clone(), with_folder: false, given: stack.given.clone() };
        let loaded = copy.load().ok().filter(|loaded| is_of_these && loaded.config.storage.path == database)?;
        Some((path, loaded))
    })
}

fn header(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    format!("# What parceld has last run on, from {path:?}. It is written anew: edit that file, not this one.")
}

/// What files that may be broken say of where the database is.
fn database_named(stack: &Stack) -> Option<PathBuf> {
    let texts = stack.readable();
    let mut named = texts.parts().iter().rev().filter(|part| matches!(part.name, Name::File(_))).filter_map(|part| {
        let (tree, _) = DeTable::parse_recoverable(&part.text);
        let storage = under(tree.get_ref(), "storage")?;
        under(storage.as_table()?, "path")?.as_str().map(PathBuf::from)
    });
    named.next()
}

fn under<'t, 'i>(table: &'t DeTable<'i>, key: &str) -> Option<&'t DeValue<'i>> {
    table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value.get_ref())
}

impl Stack {
    /// What of it can be read at all.
    fn readable(&self) -> Sources {
        self.read().unwrap_or_else(|_| {
            let text = fs::read(&self.path).unwrap_or_default();
            Sources::of_text(&self.path, &String::from_utf8_lossy(&text[..text.len().min(super::FILE_BYTES_MAX)]))
        })
    }
}
