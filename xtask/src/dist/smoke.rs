//! `cargo xtask smoke`: the agent for another architecture, run here by an emulator through its end-to-end test.
//!
//! By itself the whole program with little optimisation: what is shown is that it works there, and the release takes
//! several times as long to build.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, bail};

use super::architecture::{Architecture, Toolchain};
use super::binary;
use crate::debian;
use crate::dist;
use crate::step::{Step, cargo};

const PROFILE: &str = "smoke";

/// Where tests look for a program that starts like any other, in a folder for each architecture.
const FOLDER: &str = "target/emulated";

/// Builds and tests those that are named, arm64 if none is; with `--release` what is packaged.
///
/// # Errors
/// The step that failed, and how to repeat it.
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let (options, names): (Vec<_>, Vec<_>) = arguments.iter().partition(|argument| argument.starts_with('-'));
    let mut architectures =
        names.into_iter().map(|name| Architecture::parse(name)).collect::<anyhow::Result<Vec<_>>>()?;
    if architectures.is_empty() {
        architectures.push(Architecture::Arm64);
    }
    let is_release = match options[..] {
        [] => false,
        [option] if option == "--release" => true,
        _ => bail!("usage: cargo xtask smoke [--release] [arm64] [armv7]"),
    };
    debian::install_missing(debian::TESTS)?;
    if is_release {
        dist::make(&architectures)?;
    }
    for &architecture in &architectures {
        if is_release { prepare(architecture, &binary::path(architecture))? } else { build(architecture)? }
    }
    Step::new("programs", &mut cargo(["build", "--workspace", "--bins", "--quiet"])).run()?;
    test(&architectures)
}

/// Builds a program quickly, and has its test use it.
///
/// # Errors
/// As [`run`].
pub fn build(architecture: Architecture) -> anyhow::Result<()> {
    let mut build = Toolchain::find(architecture)?.build();
    build.args(["--profile", PROFILE, "--package", "parceld", "--bin", "parceld", "--quiet"]);
    Step::new(architecture.name(), &mut build).run()?;
    prepare(architecture, &Path::new("target").join(architecture.triple()).join(PROFILE).join("parceld"))
}

/// Has an architecture's test use this program.
///
/// # Errors
/// Where there is no emulator for it.
pub fn prepare(architecture: Architecture, program: &Path) -> anyhow::Result<()> {
    let program = fs::canonicalize(program).with_context(|| format!("{} is missing", program.display()))?;
    let mut words = architecture.emulator()?;
    words.push(program.display().to_string());
    let folder = Path::new(FOLDER).join(architecture.name());
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let launcher = folder.join("parceld");
    fs::write(&launcher, launches(&words)).with_context(|| format!("cannot write {}", launcher.display()))?;
    fs::set_permissions(&launcher, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot change the mode of {}", launcher.display()))
}

/// Runs their tests, which are ignored unless they are asked for.
///
/// # Errors
/// Where one fails.
pub fn test(architectures: &[Architecture]) -> anyhow::Result<()> {
    let mut test = cargo(["test", "--workspace", "--test", "arm_smoke", "--", "--ignored", "--exact"]);
    test.args(
        architectures.iter().map(|architecture| format!("{}_carries_a_scan_to_the_platform", architecture.name())),
    );
    Step::new("emulated", &mut test).run()
}

/// A script that becomes the program, so that whoever starts it watches the program itself.
fn launches(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("'{}'", word.replace('\'', "'\\''"))).collect();
    format!("#!/bin/sh\nexec {} \"$@\"\n", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launcher_becomes_the_program_whatever_its_path() {
        let words = ["/c d/qemu", "-L", "/usr/it's"].map(str::to_owned);
        assert_eq!(launches(&words), "#!/bin/sh\nexec '/c d/qemu' '-L' '/usr/it'\\''s' \"$@\"\n");
    }
}
