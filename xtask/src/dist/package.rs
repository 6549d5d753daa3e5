//! The Debian package: which file goes where, and what dpkg is told of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use super::architecture::Architecture;
use super::binary::Binary;
use super::release::Release;
use super::tree::Tree;
use crate::step::Step;

const NAME: &str = "parceld";
const MAINTAINER: &str = "parceld maintainers <maintainers@parceld.invalid>";

/// What a technician edits. dpkg asks before it replaces a changed one.
const CONFFILE: &str = "etc/parceld/parceld.toml";
const STARTING_FILE: &str = "config/new-site.toml";

/// Of `config/`, what isn't an example: the starting file, the platform's, and what tests the alerts.
const NO_EXAMPLES: [&str; 3] = ["new-site.toml", "shops.toml", "parceld.test.yml"];

const DOCUMENTS: [&str; 2] = ["docs/operating.md", "docs/hardware.md"];

/// Where the unit of `systemd/` expects it.
const PROGRAM: &str = "usr/bin/parceld";

/// What dpkg runs, in `packaging/`.
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

const DESCRIPTION: &str = "\
Description: warehouse edge agent: barcode scans in, durable events out
 parceld runs on the board in a small warehouse. Barcode scanners on serial
 lines become pick, pack, ship and return events in a database, and the events
 become MQTT messages to the platform. A scanner is answered when its scan is
 on disk; scanning works without a network.
";

/// Made once, and the same for every architecture.
pub struct Shared {
    /// Files of manual pages, by their names.
    pub manual: PathBuf,
    /// bash, zsh and fish, in this order.
    pub completions: [String; 3],
}

/// What is in one architecture's package beside what is shared.
pub struct Own<'a> {
    pub binary: &'a Binary,
    pub licences: String,
    pub bill: String,
}

/// Makes the package's files and packs them into `into`.
///
/// # Errors
/// Where a file is missing, or one of `systemd/` has no place.
pub fn make(
    architecture: Architecture,
    release: &Release,
    shared: &Shared,
    own: &Own<'_>,
    into: &Path,
) -> anyhow::Result<PathBuf> {
    let tree = Tree::new(&Path::new("target/package").join(architecture.name()))?;
    tree.program(PROGRAM, fs::read(&own.binary.path).context("cannot read the program")?)?;
    tree.copy(Path::new(STARTING_FILE), CONFFILE)?;
    tree.folder("etc/parceld/conf.d")?;
    for file in files_in(Path::new("systemd"))? {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        tree.copy(&file, &place_of(&name)?)?;
    }
    for file in files_in(Path::new("config"))? {
        let place = file.strip_prefix("config")?.display().to_string();
        if !NO_EXAMPLES.iter().any(|name| place.ends_with(name)) {
            tree.copy(&file, &format!("usr/share/doc/{NAME}/examples/{place}"))?;
        }
    }
    for document in DOCUMENTS {
        let name = document.rsplit('/').next().unwrap_or(document);
        tree.copy(Path::new(document), &format!("usr/share/doc/{NAME}/{name}"))?;
    }
    for page in files_in(&shared.manual)? {
        let name = page.file_name().unwrap_or_default().to_string_lossy();
        let section = name.rsplit('.').next().unwrap_or_default();
        tree.compressed(&format!("usr/share/man/man{section}/{name}"), fs::read(&page)?)?;
    }
    let [bash, zsh, fish] = &shared.completions;
    tree.file("usr/share/bash-completion/completions/parceld", bash)?;
    tree.file("usr/share/zsh/vendor-completions/_parceld", zsh)?;
    tree.file("usr/share/fish/vendor_completions.d/parceld.fish", fish)?;
    let doc = format!("usr/share/doc/{NAME}");
    tree.file(&format!("{doc}/copyright"), copyright(release))?;
    tree.compressed(&format!("{doc}/third-party-licences"), &own.licences)?;
    tree.compressed(&format!("{doc}/sbom.cdx.json"), &own.bill)?;
    tree.compressed(&format!("{doc}/changelog"), fs::read("CHANGELOG.md").context("cannot read CHANGELOG.md")?)?;
    tree.compressed(&format!("{doc}/changelog.Debian"), changelog(release))?;
    tree.copy(Path::new("packaging/lintian-overrides"), &format!("usr/share/lintian/overrides/{NAME}"))?;

    let sums = sums(&tree)?;
    let control = control(architecture, release, &own.binary.glibc, installed_kib(&tree)?);
    tree.file("DEBIAN/control", control)?;
    tree.file("DEBIAN/md5sums", sums)?;
    tree.file("DEBIAN/conffiles", format!("/{CONFFILE}\n"))?;
    for script in SCRIPTS {
        let text = fs::read(Path::new("packaging").join(script)).with_context(|| format!("cannot read {script}"))?;
        tree.program(&format!("DEBIAN/{script}"), text)?;
    }
    let package = into.join(format!("{NAME}_{}_{}.deb", release.version, architecture.debian()));
    let mut pack = Command::new("dpkg-deb");
    pack.args(["--root-owner-group", "-Zxz", "--build"]).arg(tree.root()).arg(&package);
    Step::new("package", release.dated(&mut pack)).run()?;
    Ok(package)
}

/// Where a file of `systemd/` is installed, without a `/` in front.
fn place_of(name: &str) -> anyhow::Result<String> {
    let (stem, kind) = name.rsplit_once('.').unwrap_or((name, ""));
    Ok(match kind {
        "service" if stem == NAME => format!("usr/lib/systemd/system/{name}"),
        // A sample for a board with a screen, which not every board has.
        "service" => format!("usr/share/doc/{NAME}/examples/{name}"),
        "sysusers" => format!("usr/lib/sysusers.d/{stem}.conf"),
        "tmpfiles" => format!("usr/lib/tmpfiles.d/{stem}.conf"),
        "rules" => format!("usr/lib/udev/rules.d/{name}"),
        _ => bail!("nobody has decided where the package has systemd/{name}"),
    })
}

fn files_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() { files.extend(files_in(&path)?) } else { files.push(path) }
    }
    ensure!(!files.is_empty(), "{} is empty", folder.display());
    files.sort();
    Ok(files)
}

fn control(architecture: Architecture, release: &Release, glibc: &str, installed_kib: u64) -> String {
    format!(
        "Package: {NAME}\n\
         Version: {}\n\
         Architecture: {}\n\
         Maintainer: {MAINTAINER}\n\
         Installed-Size: {installed_kib}\n\
         Depends: libc6 (>= {glibc}), libgcc-s1, systemd | systemd-standalone-sysusers | systemd-sysusers, tzdata\n\
         Recommends: udev\n\
         Section: misc\n\
         Priority: optional\n\
         {DESCRIPTION}",
        release.version,
        architecture.debian()
    )
}

fn changelog(release: &Release) -> String {
    format!(
        "{NAME} ({}) stable; urgency=medium\n\n  * Made of commit {}.\n  * What changed is in changelog.gz.\n\n -- {MAINTAINER}  {}\n",
        release.version, release.commit, release.date
    )
}

fn copyright(release: &Release) -> String {
    let year = release.timestamp.get(..4).unwrap_or_default();
    format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Upstream-Name: {NAME}\n\
         Source: commit {} of the project's repository\n\
         Comment: Others' software is linked into the program. third-party-licences.gz\n \
         beside this file names all of it, with the text of every licence, and\n \
         sbom.cdx.json.gz lists it for programs.\n\
         \n\
         Files: *\n\
         Copyright: {year} the parceld authors\n\
         License: Apache-2.0\n \
         On Debian systems the text of the Apache License, Version 2.0, is in\n \
         /usr/share/common-licenses/Apache-2.0.\n",
        release.commit
    )
}

fn sums(tree: &Tree) -> anyhow::Result<String> {
    let mut md5sum = Command::new("md5sum");
    Ok(Step::new("sums", md5sum.current_dir(tree.root()).arg("--").args(tree.files()?)).output()? + "\n")
}

/// As Debian counts: each file rounded up, and one for each folder, of which there are few.
fn installed_kib(tree: &Tree) -> anyhow::Result<u64> {
    let mut kib = 0;
    for file in tree.files()? {
        kib += fs::metadata(tree.root().join(file))?.len().div_ceil(1024);
    }
    Ok(kib)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release() -> Release {
        Release {
            version: "1.2.0-1".to_owned(),
            commit: "00beb82a1c5d".to_owned(),
            epoch_s: 1_795_700_549,
            date: "Thu, 26 Nov 2026 13:42:29 +0000".to_owned(),
            timestamp: "2026-11-26T13:42:29Z".to_owned(),
            is_changed: false,
        }
    }

    #[test]
    fn every_kind_of_file_has_its_place() {
        for (name, place) in [
            ("parceld.service", "usr/lib/systemd/system/parceld.service"),
            ("kiosk.service", "usr/share/doc/parceld/examples/kiosk.service"),
            ("parceld.sysusers", "usr/lib/sysusers.d/parceld.conf"),
            ("parceld.tmpfiles", "usr/lib/tmpfiles.d/parceld.conf"),
            ("60-parceld.rules", "usr/lib/udev/rules.d/60-parceld.rules"),
        ] {
            assert_eq!(place_of(name).unwrap(), place);
        }
        assert!(place_of("parceld.other").is_err());
    }

    #[test]
    fn every_file_of_systemd_has_a_place_and_the_unit_starts_the_packages_program() {
        let folder = Path::new(crate::root()).join("systemd");
        for file in files_in(&folder).unwrap() {
            place_of(&file.file_name().unwrap().to_string_lossy()).unwrap();
        }
        let unit = fs::read_to_string(folder.join("parceld.service")).unwrap();
        assert!(unit.contains(&format!("\nExecStart=/{PROGRAM} run ")), "{unit}");
    }

    #[test]
    fn a_shell_takes_the_scripts() {
        for script in SCRIPTS {
            let path = Path::new(crate::root()).join("packaging").join(script);
            Step::new(script, Command::new("sh").arg("-n").arg(path)).run_quietly().unwrap();
        }
    }

    #[test]
    fn dpkg_is_told_what_the_program_needs() {
        let control = control(Architecture::Armv7, &release(), "2.34", 7000);
        for line in [
            "Package: parceld",
            "Version: 1.2.0-1",
            "Architecture: armhf",
            "Installed-Size: 7000",
            "Depends: libc6 (>= 2.34), libgcc-s1, systemd | systemd-standalone-sysusers | systemd-sysusers, tzdata",
        ] {
            assert!(control.lines().any(|there| there == line), "{line} is missing:\n{control}");
        }
        assert!(control.ends_with("on disk; scanning works without a network.\n"), "{control}");
    }

    #[test]
    fn the_changelog_is_dated_like_the_commit() {
        assert_eq!(
            changelog(&release()),
            "parceld (1.2.0-1) stable; urgency=medium\n\n  * Made of commit 00beb82a1c5d.\n  * What changed is \
             in changelog.gz.\n\n -- parceld maintainers <maintainers@parceld.invalid>  Thu, 26 Nov 2026 13:42:29 +0000\n"
        );
    }
}
