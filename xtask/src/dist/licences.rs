//! The licence texts of everything that is linked into the agent, or none of it is packaged.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use super::crates::Crate;

/// What may be linked into a program that others get. Of alternatives one must be here; of several at once all.
const ALLOWED: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Files of a crate that hold its licence begin with one of these, in any case.
const LICENCE_FILES: [&str; 7] = ["licence", "license", "copying", "copyright", "notice", "unlicense", "unlicence"];

/// Texts of licences that are only an alternative, and not the one that is made use of.
const NOT_USED: [&str; 1] = ["license-gpl3"];

/// Deep enough for what crates bring along from others.
const FOLDERS_DEEP_MAX: usize = 6;

/// Crates that come without their licence's text, with that text.
const TEXT_ELSEWHERE: [(&str, &str, &str); 1] = [("rumqttc", "Apache-2.0", include_str!("../../../LICENSE"))];

/// What is linked and is no crate of the lock file.
const BESIDE_CRATES: &str = include_str!("beside_crates.txt");

/// The whole account, for `/usr/share/doc/parceld`.
///
/// # Errors
/// Where a linked crate has no text, or a licence that isn't allowed.
pub fn account(crates: &[Crate]) -> anyhow::Result<String> {
    let mut lines = String::new();
    let mut users_by_text: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for part in crates.iter().filter(|part| part.is_linked && !part.is_own()) {
        let name = format!("{} {}", part.name, part.version);
        ensure!(is_allowed(&part.licence)?, "{name} may not be linked: its licence is {:?}", part.licence);
        let source = part.repository.as_deref().unwrap_or("the crate registry");
        let _ = writeln!(lines, "  {name}\n      {}; source: {source}", part.licence);
        for (file, text) in texts(part)? {
            users_by_text.entry(text).or_default().insert(format!("{name} ({file})"));
        }
    }
    let mut account = format!("{BESIDE_CRATES}\n\nCrates, with their licences\n\n{lines}");
    for (text, users) in users_by_text {
        let users: Vec<_> = users.into_iter().collect();
        let _ = write!(account, "\n\n{}\n{}\n\n{text}\n", "=".repeat(80), users.join("\n"));
    }
    Ok(account)
}

/// Each with the name of its file.
fn texts(part: &Crate) -> anyhow::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    find(&part.directory, 0, &mut files)?;
    files.sort();
    if files.is_empty() {
        let elsewhere = TEXT_ELSEWHERE.iter().find(|(name, licence, _)| *name == part.name && *licence == part.licence);
        let Some((_, _, text)) = elsewhere else {
            bail!("{} {} comes without its licence's text ({})", part.name, part.version, part.licence);
        };
        return Ok(vec![(part.licence.clone(), tidy(text))]);
    }
    files.iter().map(|file| Ok((file.strip_prefix(&part.directory)?.display().to_string(), read(file)?))).collect()
}

fn read(file: &Path) -> anyhow::Result<String> {
    let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(tidy(&String::from_utf8_lossy(&text)))
}

/// Without what differs between copies of one text.
fn tidy(text: &str) -> String {
    let lines: Vec<_> = text.trim_matches(['\u{feff}', '\n', '\r']).lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}

fn find(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        let (name, kind) = (entry.file_name().to_string_lossy().to_lowercase(), entry.file_type()?);
        if kind.is_dir() && depth < FOLDERS_DEEP_MAX {
            find(&entry.path(), depth + 1, found)?;
        }
        let is_licence = LICENCE_FILES.iter().any(|begin| name.starts_with(begin)) && !name.ends_with(".rs");
        if kind.is_file() && is_licence && !NOT_USED.contains(&name.as_str()) {
            found.push(entry.path());
        }
    }
    Ok(())
}

/// Judges an SPDX expression, also in cargo's older form with `/` for OR. AND binds more tightly.
fn is_allowed(expression: &str) -> anyhow::Result<bool> {
    ensure!(!expression.contains(['(', ')']), "{expression:?} has brackets: judge it by hand, and teach this to do it");
    let expression = expression.replace('/', " OR ");
    let all = |licences: &str| licences.split(" AND ").all(|licence| ALLOWED.contains(&licence.trim()));
    Ok(expression.split(" OR ").any(all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::architecture::ALL;
    use crate::dist::crates::of_the_agent;

    fn part(licence: &str, directory: &Path) -> Crate {
        Crate {
            name: "example".to_owned(),
            version: "1.0.0".to_owned(),
            licence: licence.to_owned(),
            repository: None,
            checksum: Some(String::new()),
            directory: directory.to_owned(),
            is_linked: true,
            needs: BTreeSet::new(),
        }
    }

    #[test]
    fn one_of_several_licences_must_be_allowed_and_all_that_apply_at_once() {
        for (expression, allowed) in [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0-only", false),
            ("MIT OR GPL-3.0-only", true),
            ("Apache-2.0 AND ISC", true),
            ("Apache-2.0 AND GPL-3.0-only", false),
            ("Apache-2.0 AND GPL-3.0-only OR MIT", true),
            ("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", true),
            ("", false),
        ] {
            assert_eq!(is_allowed(expression).unwrap(), allowed, "{expression}");
        }
        assert!(is_allowed("(MIT OR Apache-2.0) AND Unicode-3.0").is_err());
    }

    #[test]
    fn the_same_licences_are_allowed_for_all_that_is_built_here() {
        let lists = fs::read_to_string(Path::new(crate::root()).join("deny.toml")).unwrap();
        let (_, list) = lists.split_once("\nallow = [\n").unwrap();
        let (list, _) = list.split_once("\n]").unwrap();
        let allowed: Vec<_> = list.lines().map(|line| line.trim().trim_matches(['"', ','])).collect();
        assert_eq!(allowed, ALLOWED);
    }

    #[test]
    fn every_crate_that_is_linked_comes_with_its_licence() {
        for architecture in ALL {
            let crates = of_the_agent(architecture).unwrap();
            let account = account(&crates).unwrap_or_else(|error| panic!("{}: {error}", architecture.name()));
            for part in crates.iter().filter(|part| part.is_linked && !part.is_own()) {
                let text = format!("\n{} {} (", part.name, part.version);
                assert!(account.contains(&text), "no text of {} {}", part.name, part.version);
            }
        }
    }

    #[test]
    fn a_linked_crate_needs_an_allowed_licence_and_its_text() {
        let folder = std::env::temp_dir().join(format!("parceld-licences-{}", std::process::id()));
        fs::create_dir_all(folder.join("third_party/other")).unwrap();
        let error = account(&[part("MIT", &folder)]).unwrap_err().to_string();
        assert_eq!(error, "example 1.0.0 comes without its licence's text (MIT)");

        fs::write(folder.join("LICENSE-MIT"), "Somebody's text  \r\nof two lines\n").unwrap();
        fs::write(folder.join("third_party/other/LICENSE"), "Somebody else's text").unwrap();
        fs::write(folder.join("license.rs"), "fn main() {}").unwrap();
        let text = account(&[part("MIT", &folder)]).unwrap();
        assert!(text.contains("example 1.0.0 (LICENSE-MIT)\n\nSomebody's text\nof two lines\n"), "{text}");
        assert!(text.contains("example 1.0.0 (third_party/other/LICENSE)\n\nSomebody else's text\n"), "{text}");
        assert!(!text.contains("fn main"));

        let error = account(&[part("GPL-3.0-only", &folder)]).unwrap_err().to_string();
        assert_eq!(error, "example 1.0.0 may not be linked: its licence is \"GPL-3.0-only\"");
        fs::remove_dir_all(&folder).unwrap();
    }
}
