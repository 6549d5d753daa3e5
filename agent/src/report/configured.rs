//! Which configuration the agent runs on, and how that stands to its files.

use super::log::Level;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

/// What the agent runs on.
#[derive(Clone, Debug, Default)]
pub struct Configured {
    /// The file that it comes from.
    pub file: PathBuf,
    /// When what runs was read.
    pub read_at: Timestamp,
    /// Why what the files say now does not run.
    pub refused: Option<Refused>,
    /// The keys that the files say otherwise and that count only after a restart, and since when.
    pub waiting: Option<(Vec<String>, Timestamp)>,
    /// The files as they were when they were read last, right or wrong.
    pub stamps: Stamps,
    /// Everything that runs, as `parceld config show --json` says it.
    pub shown: Arc<str>,
}

/// Files that were not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Since when they are wrong.
    pub since: Timestamp,
    /// The first fault, with its place.
    pub why: String,
    /// Further faults.
    pub more: usize,
    /// They were wrong at the start already: what runs is what ran before it.
    pub at_start: bool,
}

/// How files were: what is written to changes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamps(Vec<(PathBuf, Option<Stamp>)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl Stamps {
    /// One that isn't there is noted as well.
    fn of(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let stamp = |path: &PathBuf| {
            let found = std::fs::metadata(path).ok()?;
            Some(Stamp { inode: found.ino(), bytes: found.len(), modified: (found.mtime(), found.mtime_nsec()) })
        };
        Self(paths.into_iter().map(|path| (stamp(&path), path)).map(|(stamp, path)| (path, stamp)).collect())
    }
}

/// Which files the configuration has, now.
#[derive(Clone)]
pub struct Files(Arc<dyn Fn() -> Vec<PathBuf> + Send + Sync>);

impl Files {
    pub fn new(list: impl Fn() -> Vec<PathBuf> + Send + Sync + 'static) -> Self {
        Self(Arc::new(list))
    }

    /// How they are. Lists a folder and reads each one's metadata.
    #[must_use]
    pub fn stamps(&self) -> Stamps {
        Stamps::of((self.0)())
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Files")
    }
}

/// The log's level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loudness {
    /// As configured.
    pub configured: Level,
    /// For a while, and until when.
    pub raised: Option<(Level, Timestamp)>,
}

impl Loudness {
    /// What is written now.
    #[must_use]
    pub fn level(&self) -> Level {
        self.raised.map_or(self.configured, |(level, _)| level)
    }
}

impl Default for Loudness {
    fn default() -> Self {
        Self { configured: Level::Info, raised: None }
    }
}

/// The configuration, for page and interfaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigurationSeen {
    pub file: String,
    /// When what runs was read.
    pub read_at: Option<Timestamp>,
    /// `current`; `changed`: the files were written to since they were read; `needs_restart`; `refused`.
    pub state: String,
    /// The first fault of files that were refused, with its place.
    pub refused: Option<String>,
    /// What the files say otherwise and counts only after a restart.
    pub needs_restart: Vec<String>,
    /// The least important lines that are logged.
    pub log_level: String,
    /// Until when that is so, where somebody has changed it for a while.
    pub log_level_until: Option<Timestamp>,
}

impl ConfigurationSeen {
    pub(super) fn of(configured: &Configured, has_changed: bool, loudness: Loudness) -> Self {
        let state = match configured {
            Configured { refused: Some(_), .. } => "refused",
            _ if has_changed => "changed",
            Configured { waiting: Some(_), .. } => "needs_restart",
            _ => "current",
        };
        Self {
            file: configured.file.display().to_string(),
            read_at: Some(configured.read_at),
            state: state.to_owned(),
            refused: configured.refused.as_ref().map(|refused| refused.why.clone()),
            needs_restart: configured.waiting.clone().map(|(keys, _)| keys).unwrap_or_default(),
            log_level: loudness.level().word().to_owned(),
            log_level_until: loudness.raised.map(|(_, until)| until),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_written_to_is_noticed() {
        let folder = std::env::temp_dir().join(format!("parceld-stamps-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("parceld.toml");
        let named = file.clone();
        let files = Files::new(move || vec![named.clone()]);
        let absent = files.stamps();
        assert_eq!(files.stamps(), absent, "one that isn't there is as it was");
        std::fs::write(&file, "a").unwrap();
        let written = files.stamps();
        assert_ne!(written, absent);
        assert_eq!(files.stamps(), written);
        std::fs::write(folder.join("new"), "b").unwrap();
        std::fs::rename(folder.join("new"), &file).unwrap();
        assert_ne!(files.stamps(), written);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
