//! The agent's program for an architecture: built so that it tells nothing of the machine that built it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use super::architecture::{Architecture, Toolchain};
use super::release::Release;
use crate::step::Step;

/// Libraries that Debian's libc6 and libgcc-s1 bring, by the start of their names. Others would have to be depended on.
const LIBRARIES: [&str; 7] = ["ld-linux", "libc.so", "libdl.so", "libgcc_s.so", "libm.so", "libpthread.so", "librt.so"];

/// No panic passes through C: rusqlite catches it before.
const NO_C_UNWINDING: &str = "-fno-asynchronous-unwind-tables -fno-unwind-tables";

/// The first glibc that corrects packed addresses.
const UNPACKS_ADDRESSES: (u32, u32) = (2, 36);

/// Separates flags in the variable that takes those with spaces.
const FLAG_SEPARATOR: &str = "\u{1f}";

pub struct Binary {
    pub path: PathBuf,
    /// The version of glibc that it needs, as in `2.34`.
    pub glibc: String,
}

/// Builds it with the release profile.
///
/// # Errors
/// Where it doesn't build, is too large, holds a path of this machine, or needs a library that isn't depended on.
pub fn build(architecture: Architecture, release: &Release) -> anyhow::Result<Binary> {
    let toolchain = Toolchain::find(architecture)?;
    let folders = folders(&toolchain)?;
    let mut build = toolchain.rustc();
    build.args(["--release", "--package", "parceld", "--bin", "parceld"]);
    build.env("CARGO_ENCODED_RUSTFLAGS", flags("--remap-path-prefix", &folders, FLAG_SEPARATOR));
    let compiler_flags = format!("CFLAGS_{}", architecture.triple().replace('-', "_"));
    build.env(compiler_flags, format!("{} {NO_C_UNWINDING}", flags("-ffile-prefix-map", &folders, " ")));
    // SQLite's account of a file's pages, which only tests ask for. All other flags are `.cargo/config.toml`'s.
    let sqlite = std::env::var("LIBSQLITE3_FLAGS").unwrap_or_default();
    build.env("LIBSQLITE3_FLAGS", format!("{sqlite} -USQLITE_ENABLE_DBSTAT_VTAB"));
    build.arg("--").args(Toolchain::packed()?).args(architecture.compiled());
    Step::new(architecture.name(), release.dated(&mut build)).run()?;

    let path = path(architecture);
    let program = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    for (folder, _) in &folders {
        ensure!(!holds(&program, folder), "{} holds the path {folder} of this machine", path.display());
    }
    let bytes = program.len() as u64;
    let most = architecture.program_bytes_max();
    ensure!(bytes <= most, "{} has {bytes} bytes, more than {most}", path.display());
    let mut readelf = Command::new("readelf");
    readelf.env("LC_ALL", "C").args(["--wide", "--dynamic", "--version-info"]).arg(&path);
    let facts = Step::new("libraries", &mut readelf).output()?;
    for library in needed(&facts) {
        let is_known = LIBRARIES.iter().any(|begin| library.starts_with(begin));
        ensure!(is_known, "{} needs {library}: the package has to depend on it", path.display());
    }
    let (major, minor) = glibc(&facts).with_context(|| format!("{} needs no glibc", path.display()))?;
    println!("── {}: {:.2} MB, needs glibc {major}.{minor}", path.display(), bytes as f64 / 1e6);
    Ok(Binary { path, glibc: format!("{major}.{minor}") })
}

/// Where the release of an architecture lies, once it is built.
pub fn path(architecture: Architecture) -> PathBuf {
    Path::new("target").join(architecture.triple()).join("release/parceld")
}

/// Folders of this machine, with what stands for them in the program. Of two that fit rustc takes the later.
fn folders(toolchain: &Toolchain) -> anyhow::Result<Vec<(String, &'static str)>> {
    let cargo = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo = cargo.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let cargo = cargo.context("neither CARGO_HOME nor HOME says where crates are")?;
    let workspace = env::current_dir().context("cannot find the workspace")?;
    let folders = [(workspace, "/parceld"), (toolchain.sysroot()?, "/rust"), (cargo, "/cargo")];
    Ok(folders.into_iter().map(|(folder, name)| (folder.display().to_string(), name)).collect())
}

fn flags(option: &str, folders: &[(String, &str)], separator: &str) -> String {
    let flags = folders.iter().map(|(folder, name)| format!("{option}={folder}={name}"));
    flags.collect::<Vec<_>>().join(separator)
}

fn holds(program: &[u8], text: &str) -> bool {
    program.windows(text.len()).any(|window| window == text.as_bytes())
}

/// `0x01 (NEEDED) Shared library: [libc.so.6]`.
fn needed(facts: &str) -> impl Iterator<Item = &str> {
    facts.lines().filter(|line| line.contains("(NEEDED)")).filter_map(|line| {
        let (_, name) = line.split_once('[')?;
        name.split(']').next()
    })
}

/// The newest of those in lines like `0x0010: Name: GLIBC_2.34 Flags: none Version: 5`. That addresses are packed is one of
/// them.
fn glibc(facts: &str) -> Option<(u32, u32)> {
    let versions = facts.split_whitespace().filter_map(|word| word.strip_prefix("GLIBC_"));
    let pairs = versions.filter_map(|version| {
        if version == "ABI_DT_RELR" {
            return Some(UNPACKS_ADDRESSES);
        }
        let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
        Some((numbers.next()??, numbers.next()??))
    });
    pairs.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: &str = "\
 0x0000000000000001 (NEEDED)             Shared library: [libgcc_s.so.1]
 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]
 0x000000000000000c (INIT)               0x53000
Version needs section '.gnu.version_r' contains 2 entries:
  0x0010:   Name: GLIBC_2.9  Flags: none  Version: 14
  0x0020:   Name: GLIBC_2.34  Flags: none  Version: 13
  0x0030:   Name: GLIBC_2.2.5  Flags: none  Version: 12
  0x0040:   Name: GLIBC_ABI_DT_RELR  Flags: none  Version: 11
  0x0050:   Name: GCC_4.2.0  Flags: none  Version: 10
";

    #[test]
    fn reads_what_a_program_needs() {
        assert_eq!(needed(FACTS).collect::<Vec<_>>(), ["libgcc_s.so.1", "libc.so.6"]);
        assert_eq!(glibc(FACTS), Some((2, 36)));
        assert_eq!(glibc(&FACTS.replace("GLIBC_ABI_DT_RELR", "GLIBC_2.3")), Some((2, 34)));
        assert_eq!(glibc(""), None);
    }

    #[test]
    fn a_folder_is_replaced_by_its_name() {
        let folders = [("/home/a b".to_owned(), "/parceld"), ("/c".to_owned(), "/cargo")];
        let flags = flags("--remap-path-prefix", &folders, FLAG_SEPARATOR);
        assert_eq!(flags, "--remap-path-prefix=/home/a b=/parceld\u{1f}--remap-path-prefix=/c=/cargo");
        assert!(holds(b"..\0/home/a b/src/main.rs", "/home/a b"));
        assert!(!holds(b"..\0/parceld/src/main.rs", "/home/a b"));
    }
}
