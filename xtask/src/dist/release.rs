//! What the commit says of a release: its version and its time, and nothing that the machine or the hour decides.

use std::process::Command;

use anyhow::Context;

use crate::step::Step;

/// The first release of the packaging of a version, as all packages here are.
const DEBIAN_REVISION: u32 = 1;

/// Enough of a commit's name to find it.
const COMMIT_DIGITS: usize = 10;

pub struct Release {
    /// For Debian: that of Cargo.toml at its tag; before it, with the commit's time, so that later ones are newer.
    pub version: String,
    pub commit: String,
    /// Of the commit, in seconds since 1970.
    pub epoch_s: u64,
    /// The same as Debian's changelogs write it.
    pub date: String,
    /// The same in RFC 3339.
    pub timestamp: String,
    /// There is something in the clone that isn't committed.
    pub is_changed: bool,
}

impl Release {
    /// # Errors
    /// Where this is no clone.
    pub fn of_this_clone() -> anyhow::Result<Release> {
        let commit = commit("%H", "iso")?;
        let epoch_s = self::commit("%ct", "iso")?;
        let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
        let tag = format!("v{}", env!("CARGO_PKG_VERSION"));
        let tags = git(&["tag", "--points-at", "HEAD"])?;
        let version = version(
            env!("CARGO_PKG_VERSION"),
            tags.lines().any(|name| name == tag),
            &self::commit("%cd", "format-local:%Y%m%d%H%M%S")?,
            &commit,
            !changed.is_empty(),
        );
        Ok(Release {
            version,
            commit,
            epoch_s: epoch_s.parse().context("git gives no time")?,
            date: self::commit("%cd", "format-local:%a, %d %b %Y %H:%M:%S +0000")?,
            timestamp: self::commit("%cd", "format-local:%Y-%m-%dT%H:%M:%SZ")?,
            is_changed: !changed.is_empty(),
        })
    }

    /// Has tools write the commit's time instead of their own.
    pub fn dated<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.env("SOURCE_DATE_EPOCH", self.epoch_s.to_string())
    }
}

fn version(version: &str, is_tagged: bool, time: &str, commit: &str, is_changed: bool) -> String {
    let changed = if is_changed { ".changed" } else { "" };
    if is_tagged && !is_changed {
        return format!("{version}-{DEBIAN_REVISION}");
    }
    let commit = commit.get(..COMMIT_DIGITS).unwrap_or(commit);
    format!("{version}~git{time}.{commit}{changed}-{DEBIAN_REVISION}")
}

fn commit(format: &str, date: &str) -> anyhow::Result<String> {
    git(&["log", "-1", &format!("--date={date}"), &format!("--format={format}")])
}

fn git(arguments: &[&str]) -> anyhow::Result<String> {
    Step::new("git", Command::new("git").env("TZ", "UTC").env("LC_ALL", "C").args(arguments)).output()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_later_than_those_before_it() {
        let (time, commit) = ("20261126134229", "00beb82a1c5d");
        for (is_tagged, is_changed, expected) in [
            (true, false, "1.2.0-1"),
            (false, false, "1.2.0~git20261126134229.00beb82a1c-1"),
            (false, true, "1.2.0~git20261126134229.00beb82a1c.changed-1"),
            (true, true, "1.2.0~git20261126134229.00beb82a1c.changed-1"),
        ] {
            assert_eq!(version("1.2.0", is_tagged, time, commit, is_changed), expected);
        }
    }
}
