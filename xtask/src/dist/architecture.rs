//! What the package is made for, and where its compilers are.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::cache;
use crate::debian::{self, Tool, What};
use crate::step::{Step, cargo};

/// Debian's own Rust comes as programs for this machine only.
const DEBIAN_RUST_HOST: &str = "x86_64";

const TOOLCHAIN: &str = "xtask/src/dist/toolchain.sh";

const LLD_FOLDER: &str = "/usr/lib/llvm-19/bin";
const LLD: Tool =
    Tool { what: What::File("/usr/lib/llvm-19/bin/ld.lld"), package: "lld-19", why: "programs are linked with it" };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    Amd64,
    Arm64,
    Armv7,
}

use Architecture::{Amd64, Arm64, Armv7};

pub const ALL: [Architecture; 3] = [Amd64, Arm64, Armv7];

impl Architecture {
    /// # Errors
    /// Where there is none of this name.
    pub fn parse(name: &str) -> anyhow::Result<Architecture> {
        let found = ALL.into_iter().find(|architecture| architecture.name() == name);
        found.with_context(|| format!("there is no target {name:?}: amd64, arm64 or armv7"))
    }

    pub fn name(self) -> &'static str {
        match self {
            Amd64 => "amd64",
            Arm64 => "arm64",
            Armv7 => "armv7",
        }
    }

    /// What Debian calls it.
    pub fn debian(self) -> &'static str {
        match self {
            Amd64 => "amd64",
            Arm64 => "arm64",
            Armv7 => "armhf",
        }
    }

    /// What Rust calls it.
    pub fn triple(self) -> &'static str {
        match self {
            Amd64 => "x86_64-unknown-linux-gnu",
            Arm64 => "aarch64-unknown-linux-gnu",
            Armv7 => "armv7-unknown-linux-gnueabihf",
        }
    }

    pub fn is_this_machine(self) -> bool {
        let here = if cfg!(target_os = "linux") { env::consts::ARCH } else { "" };
        match self {
            Amd64 => here == "x86_64",
            Arm64 => here == "aarch64",
            Armv7 => here == "arm",
        }
    }

    /// The start of the names of Debian's cross compiler and its folder of libraries.
    fn gnu(self) -> &'static str {
        match self {
            Amd64 => "x86_64-linux-gnu",
            Arm64 => "aarch64-linux-gnu",
            Armv7 => "arm-linux-gnueabihf",
        }
    }

    /// What a board's card and its update over a slow line should bear. A sixth of the program is tables for unwinding,
    /// without which a page that panics would stop the scanning.
    pub fn program_bytes_max(self) -> u64 {
        match self {
            Arm64 | Armv7 => 8_000_000,
            Amd64 => 10_000_000,
        }
    }

    /// What rustc is told of it when it compiles the whole program.
    ///
    /// LLVM takes out for arm64 what several functions do alike, where that saves an instruction. Each such piece has an
    /// entry in the tables for unwinding, of 32 bytes and more, which it doesn't count.
    pub fn compiled(self) -> &'static [&'static str] {
        match self {
            Arm64 => &["-Cllvm-args=-outliner-benefit-threshold=40"],
            Amd64 | Armv7 => &[],
        }
    }

    /// Debian's C compiler and library for it. Rust needs them to link, SQLite and ring to be compiled.
    fn compiler(self) -> [Tool; 2] {
        const WHY: &str = "programs for another machine are linked with it";
        let [compiler, library, compiler_package, library_package] = match self {
            Amd64 => [
                "x86_64-linux-gnu-gcc",
                "/usr/x86_64-linux-gnu/lib/libc.so.6",
                "gcc-x86-64-linux-gnu",
                "libc6-dev-amd64-cross",
            ],
            Arm64 => [
                "aarch64-linux-gnu-gcc",
                "/usr/aarch64-linux-gnu/lib/libc.so.6",
                "gcc-aarch64-linux-gnu",
                "libc6-dev-arm64-cross",
            ],
            Armv7 => [
                "arm-linux-gnueabihf-gcc",
                "/usr/arm-linux-gnueabihf/lib/libc.so.6",
                "gcc-arm-linux-gnueabihf",
                "libc6-dev-armhf-cross",
            ],
        };
        [
            Tool { what: What::Program(compiler), package: compiler_package, why: WHY },
            Tool { what: What::File(library), package: library_package, why: WHY },
        ]
    }

    /// The program of qemu that runs its programs here, with the C library that they load.
    ///
    /// # Errors
    /// Where it can't be fetched.
    pub fn emulator(self) -> anyhow::Result<Vec<String>> {
        let program = match self {
            Amd64 => bail!("amd64 needs no emulator"),
            Arm64 => "qemu-aarch64",
            Armv7 => "qemu-arm",
        };
        debian::install_missing(&self.compiler())?;
        let program = have("qemu")?.join("qemu/usr/bin").join(program);
        Ok(vec![program.display().to_string(), "-L".to_owned(), format!("/usr/{}", self.gnu())])
    }
}

/// A cargo that builds for an architecture.
pub struct Toolchain {
    architecture: Architecture,
    /// Debian's, where rustup has no library for the target.
    own: Option<PathBuf>,
}

impl Toolchain {
    /// That of rustup where it has the target's standard library, otherwise Debian's. Installs what is missing.
    ///
    /// # Errors
    /// Where something can't be installed.
    pub fn find(architecture: Architecture) -> anyhow::Result<Toolchain> {
        if !architecture.is_this_machine() {
            debian::install_missing(&architecture.compiler())?;
        }
        let mut rustc = Command::new("rustc");
        rustc.args(["--print", "target-libdir", "--target", architecture.triple()]);
        if Path::new(&Step::new("target", &mut rustc).output()?).is_dir() {
            return Ok(Toolchain { architecture, own: None });
        }
        let (name, triple) = (architecture.name(), architecture.triple());
        ensure!(
            env::consts::ARCH == DEBIAN_RUST_HOST && architecture != Amd64,
            "rustup has no standard library for {name}, and Debian's can only be used on amd64: rustup target add {triple}"
        );
        println!(
            "── rustup has no standard library for {name} here (rustup target add {triple}): Debian's Rust builds it"
        );
        debian::install_missing(&debian::RUST_NEEDS)?;
        let cache = have(if architecture == Armv7 { "armv7" } else { "rust" })?;
        Ok(Toolchain { architecture, own: Some(cache) })
    }

    /// A command of this cargo that builds for the architecture, into `target/TRIPLE`.
    pub fn build(&self) -> Command {
        self.command("build")
    }

    /// One that builds one program, and takes arguments behind `--` for the step that compiles it in whole.
    pub fn rustc(&self) -> Command {
        self.command("rustc")
    }

    fn command(&self, subcommand: &str) -> Command {
        let mut command = match &self.own {
            Some(cache) => Command::new(cache.join("cargo")),
            None => cargo([]),
        };
        let triple = self.architecture.triple();
        command.args([subcommand, "--locked", "--target", triple]);
        if !self.architecture.is_this_machine() {
            let variable = format!("CARGO_TARGET_{}_LINKER", triple.to_uppercase().replace('-', "_"));
            command.env(variable, format!("{}-gcc", self.architecture.gnu()));
        }
        command
    }

    /// Arguments of rustc that have lld link, and pack the addresses that change with the place where a program is loaded:
    /// they take a third of a megabyte as GNU's linker for ARM writes them. rustup's compiler brings one for every target;
    /// otherwise it is Debian's.
    ///
    /// # Errors
    /// Where it can't be installed.
    pub fn packed() -> anyhow::Result<[String; 3]> {
        let rustc = Step::new("sysroot", Command::new("rustc").args(["--print", "sysroot"])).output()?;
        let own = format!("lib/rustlib/{}-unknown-linux-gnu/bin/gcc-ld", env::consts::ARCH);
        let mut folder = Path::new(&rustc).join(own);
        if !folder.join("ld.lld").exists() {
            debian::install_missing(&[LLD])?;
            folder = LLD_FOLDER.into();
        }
        let folder = format!("-Clink-arg=-B{}", folder.display());
        Ok([folder, "-Clink-arg=-fuse-ld=lld".to_owned(), "-Clink-arg=-Wl,-z,pack-relative-relocs".to_owned()])
    }

    /// The folder of the compiler and its libraries.
    ///
    /// # Errors
    /// Where rustc doesn't say.
    pub fn sysroot(&self) -> anyhow::Result<PathBuf> {
        match &self.own {
            Some(cache) => Ok(cache.join("rust")),
            None => Ok(Step::new("sysroot", Command::new("rustc").args(["--print", "sysroot"])).output()?.into()),
        }
    }
}

/// Has a part of Debian's toolchain in its place outside of the repository, which is returned.
fn have(part: &str) -> anyhow::Result<PathBuf> {
    let cache = cache::folder("parceld-cross")?;
    Step::new("toolchain", Command::new("bash").arg(TOOLCHAIN).arg(&cache).arg(part)).run()?;
    Ok(cache)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_rust_and_of_debian() {
        for (name, triple, debian) in [
            ("amd64", "x86_64-unknown-linux-gnu", "amd64"),
            ("arm64", "aarch64-unknown-linux-gnu", "arm64"),
            ("armv7", "armv7-unknown-linux-gnueabihf", "armhf"),
        ] {
            let architecture = Architecture::parse(name).unwrap();
            assert_eq!((architecture.triple(), architecture.debian()), (triple, debian));
        }
        assert!(Architecture::parse("armhf").is_err());
    }

    #[test]
    fn another_machines_program_is_linked_by_its_compiler() {
        for architecture in ALL.into_iter().filter(|architecture| !architecture.is_this_machine()) {
            let command = Toolchain { architecture, own: Some("/cache".into()) }.build();
            let linker = command.get_envs().find(|(name, _)| name.to_string_lossy().ends_with("_LINKER"));
            let linker = linker.and_then(|(_, value)| value).expect("a linker").to_string_lossy();
            let What::Program(compiler) = architecture.compiler()[0].what else { panic!("no program") };
            assert_eq!(linker, compiler);
        }
    }
}
