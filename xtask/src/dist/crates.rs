//! The crates that the agent is made of, as cargo resolves them for a target.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;

use super::architecture::Architecture;
use crate::step::{Step, cargo};

const AGENT: &str = "parceld";

/// One crate of the agent's tree, the agent itself and its own crates included.
#[derive(Debug)]
pub struct Crate {
    pub name: String,
    pub version: String,
    /// An SPDX expression, as its author wrote it.
    pub licence: String,
    pub repository: Option<String>,
    /// SHA-256 of what was downloaded; none of this workspace's own.
    pub checksum: Option<String>,
    pub directory: PathBuf,
    /// In the program, and not only used to build it.
    pub is_linked: bool,
    /// Name and version of what it depends on here.
    pub needs: BTreeSet<(String, String)>,
}

impl Crate {
    pub fn is_own(&self) -> bool {
        self.checksum.is_none()
    }
}

/// All of them, by name and version.
///
/// # Errors
/// Where cargo fails, or says something else than it used to.
pub fn of_the_agent(architecture: Architecture) -> anyhow::Result<Vec<Crate>> {
    let triple = architecture.triple();
    let linked: BTreeSet<_> = tree("normal,no-proc-macro", triple)?.into_iter().map(|(_, id)| id).collect();
    let with_depths = tree("normal,build", triple)?;
    let needs = needs(&with_depths);
    let lock = Path::new(crate::root()).join("Cargo.lock");
    let sums = checksums(&fs::read_to_string(lock).context("cannot read Cargo.lock")?);

    let mut metadata = cargo(["metadata", "--locked", "--format-version", "1", "--filter-platform", triple]);
    let metadata: Value = serde_json::from_str(&Step::new("metadata", &mut metadata).output()?)?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let by_id: BTreeMap<_, _> = packages
        .iter()
        .filter_map(|package| Some(((text(package, "name")?, text(package, "version")?), package)))
        .collect();

    needs
        .into_iter()
        .map(|(id, needs)| {
            let package = by_id.get(&id).with_context(|| format!("cargo metadata doesn't know {id:?}"))?;
            let manifest = PathBuf::from(text(package, "manifest_path").context("a crate without a manifest")?);
            Ok(Crate {
                licence: text(package, "license").unwrap_or_default(),
                repository: text(package, "repository"),
                checksum: sums.get(&id).cloned(),
                directory: manifest.parent().context("a manifest without a folder")?.to_owned(),
                is_linked: linked.contains(&id),
                needs,
                name: id.0,
                version: id.1,
            })
        })
        .collect()
}

fn text(package: &Value, key: &str) -> Option<String> {
    package[key].as_str().map(str::to_owned)
}

/// Each crate with its depth, from the agent down. What was shown before comes again without what it needs.
fn tree(edges: &str, triple: &str) -> anyhow::Result<Vec<(usize, (String, String))>> {
    let mut tree = cargo(["tree", "--locked", "--package", AGENT, "--edges", edges, "--target", triple]);
    let tree = Step::new("crates", tree.args(["--prefix", "depth", "--format", " {p}"])).output()?;
    tree.lines().map(|line| parse(line).with_context(|| format!("cargo tree says {line:?}"))).collect()
}

/// `2 serde_json v1.0.154`, with ` (/folder)` or ` (*)` behind it.
fn parse(line: &str) -> Option<(usize, (String, String))> {
    let mut words = line.split_whitespace();
    let depth = words.next()?.parse().ok()?;
    Some((depth, (words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned())))
}

type Needs = BTreeMap<(String, String), BTreeSet<(String, String)>>;

fn needs(tree: &[(usize, (String, String))]) -> Needs {
    let (mut needs, mut way) = (Needs::new(), Vec::new());
    for (depth, id) in tree {
        way.truncate(*depth);
        if let Some(above) = way.last() {
            needs.entry(Clone::clone(above)).or_default().insert(id.clone());
        }
        needs.entry(id.clone()).or_default();
        way.push(id.clone());
    }
    needs
}

/// The checksums of Cargo.lock, whose form is cargo's own.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |package: &str, key: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""))?;
        Some(line.trim_end_matches('"').to_owned())
    };
    lock.split("[[package]]")
        .filter_map(|package| {
            Some(((value(package, "name")?, value(package, "version")?), value(package, "checksum")?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str, version: &str) -> (String, String) {
        (name.to_owned(), version.to_owned())
    }

    #[test]
    fn reads_what_needs_what_from_the_depths() {
        let tree = "0 a v1.0.0 (/there/a)\n1 b v2.0.0\n2 c v0.1.0+meta\n1 d v1.0.0\n2 c v0.1.0+meta (*)";
        let needs = needs(&tree.lines().map(|line| parse(line).unwrap()).collect::<Vec<_>>());
        let c = id("c", "0.1.0+meta");
        assert_eq!(needs[&id("a", "1.0.0")], BTreeSet::from([id("b", "2.0.0"), id("d", "1.0.0")]));
        assert_eq!(needs[&id("b", "2.0.0")], BTreeSet::from([c.clone()]));
        assert_eq!(needs[&id("d", "1.0.0")], BTreeSet::from([c.clone()]));
        assert_eq!(needs[&c], BTreeSet::new());
        assert!(parse("warning: something").is_none());
    }

    #[test]
    fn own_crates_have_no_checksum() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\n \"b\",\n]\n\n\
                    [[package]]\nname = \"b\"\nversion = \"2.0.0\"\nsource = \"somewhere\"\nchecksum = \"c0ffee\"\n";
        assert_eq!(checksums(lock), BTreeMap::from([(id("b", "2.0.0"), "c0ffee".to_owned())]));
    }
}
