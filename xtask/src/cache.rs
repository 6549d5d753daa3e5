//! Where tools lie that are outside of the repository, for all clones of this user.

use std::env;
use std::path::PathBuf;

use anyhow::Context;

/// The folder of this name in the cache directory. It may not be there yet.
///
/// # Errors
/// Where neither `XDG_CACHE_HOME` nor `HOME` says where that is.
pub fn folder(name: &str) -> anyhow::Result<PathBuf> {
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute()).or_else(home);
    Ok(cache.context("neither XDG_CACHE_HOME nor HOME says where tools are kept")?.join(name))
}
