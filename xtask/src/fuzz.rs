//! `cargo xtask fuzz`: looks for bytes that break a target of `fuzz/`, with libFuzzer and the stable compiler.
//!
//! The compiler's own pass counts what is run, and no sanitizer is linked: safe code has nothing that one would find. What is
//! found on the way stays in `target/fuzzing`; `--keep` adds what shows something new to the corpora beside the code.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::step::{Step, cargo};

const USAGE: &str = "usage: cargo xtask fuzz [--target NAME]... [--minutes N] [--keep]";

/// What cargo-fuzz passes too, on a nightly compiler.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Flags are then not for what cargo runs itself, such as build scripts.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// A target's name, for the engine.
const VARIABLE: &str = "PARCELD_FUZZ_TARGET";

/// Where all that is found on the way stays.
const WORK: &str = "target/fuzzing";
const CORPUS: &str = "fuzz/corpus";
/// Words that formats have, which bytes alone would take long to find.
const WORDS: &str = "fuzz/words.dict";

/// An input that takes longer is a finding.
const INPUT_SECONDS_MAX: u32 = 20;
const MEMORY_MB_MAX: u32 = 2_048;
/// Larger inputs are not kept beside the code.
const KEPT_BYTES_MAX: u32 = 2_048;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    /// All if none is named.
    targets: Vec<String>,
    /// Of each target.
    minutes: u32,
    keep: bool,
}

/// A target, as the engine tells of it.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    name: String,
    bytes_max: String,
    seeds: Vec<String>,
}

/// Runs the targets one after the other.
///
/// # Errors
/// It can't be built, or something was found: what, and where the input is.
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let wanted = Wanted::read(arguments)?;
    let mut build = cargo(["build", "--package", "parceld-fuzz", "--bin", "fuzz-engine", "--features", "engine"]);
    build.args(["--profile", "fuzz", "--target", TRIPLE]).env("RUSTFLAGS", FLAGS);
    Step::new("fuzzer", &mut build).run()?;
    let engine = Path::new("target").join(TRIPLE).join("fuzz/fuzz-engine");
    let listed = Step::new("targets", &mut Command::new(&engine)).output()?;
    let mut targets: Vec<Target> = listed.lines().filter_map(Target::read).collect();
    if let Some(unknown) = wanted.targets.iter().find(|name| targets.iter().all(|target| target.name != **name)) {
        let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        bail!("{unknown:?} is no target; there are: {}", names.join(", "));
    }
    targets.retain(|target| wanted.targets.is_empty() || wanted.targets.contains(&target.name));
    let mut broken = Vec::new();
    for target in &targets {
        match target.fuzz(&engine, wanted.minutes)? {
            Found::Nothing { executions } => println!("── {}: {executions} executions", target.name),
            Found::Broken { log } => {
                println!("── {}: broken, see {}", target.name, log.display());
                broken.push(target.name.as_str());
            }
        }
        if wanted.keep {
            target.keep(&engine)?;
        }
    }
    if !broken.is_empty() {
        bail!("broken: {}. The inputs are in {WORK}/found", broken.join(", "));
    }
    Ok(())
}

impl Wanted {
    fn read(arguments: &[String]) -> anyhow::Result<Self> {
        let mut wanted = Self { targets: Vec::new(), minutes: 1, keep: false };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--target" => wanted.targets.push(arguments.next().context(USAGE)?.clone()),
                "--minutes" => wanted.minutes = arguments.next().and_then(|text| text.parse().ok()).context(USAGE)?,
                "--keep" => wanted.keep = true,
                _ => bail!(USAGE),
            }
        }
        Ok(wanted)
    }
}

/// What a run of a target has led to.
enum Found {
    Nothing { executions: String },
    Broken { log: PathBuf },
}

impl Target {
    /// A line of the engine's list.
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace().map(str::to_owned);
        Some(Self { name: words.next()?, bytes_max: words.next()?, seeds: words.collect() })
    }

    fn fuzz(&self, engine: &Path, minutes: u32) -> anyhow::Result<Found> {
        let (corpus, seeds) = (self.work("corpus")?, self.gather_seeds()?);
        let (logs, found) = (folder("logs")?, folder("found")?);
        let path = logs.join(&self.name).with_extension("log");
        let log = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        // What is fuzzed for hours is not to be in anybody's way.
        let mut command = Command::new("nice");
        let kept = Path::new(CORPUS).join(&self.name);
        command.args(["-n", "19"]).arg(engine).args([&corpus, &seeds]).args(Some(kept).filter(|kept| kept.is_dir()));
        command.arg(format!("-max_total_time={}", u64::from(minutes) * 60)).arg(format!("-max_len={}", self.bytes_max));
        command.arg(format!("-timeout={INPUT_SECONDS_MAX}")).arg(format!("-rss_limit_mb={MEMORY_MB_MAX}"));
        command.arg(format!("-artifact_prefix={}/{}-", found.display(), self.name)).arg(format!("-dict={WORDS}"));
        command.arg("-print_final_stats=1").env(VARIABLE, &self.name);
        command.stdout(log.try_clone().context("no second handle for the log")?).stderr(log);
        println!("── {}: {minutes} min", self.name);
        let status = command.status().context("cannot start the fuzzer")?;
        if !status.success() {
            return Ok(Found::Broken { log: path });
        }
        let said = fs::read(&path).unwrap_or_default();
        Ok(Found::Nothing { executions: executions(&String::from_utf8_lossy(&said)).unwrap_or("no").to_owned() })
    }

    /// Adds to the corpus beside the code what shows something that nothing there shows.
    fn keep(&self, engine: &Path) -> anyhow::Result<()> {
        let (kept, seeds) = (Path::new(CORPUS).join(&self.name), self.gather_seeds()?);
        fs::create_dir_all(&kept).with_context(|| format!("cannot make {}", kept.display()))?;
        // Seeds lie where they are already: they are merged into a folder of their own, and what they show is not added.
        let merged = self.work("merged")?;
        let fresh = self.work("fresh")?;
        for old in [&merged, &fresh] {
            empty(old)?;
        }
        for from in [&kept, &seeds] {
            copy(from, &merged)?;
        }
        copy(&merged, &fresh)?;
        let mut merge = Command::new(engine);
        merge.args(["-merge=1", &format!("-max_len={KEPT_BYTES_MAX}")]).args([&merged, &self.work("corpus")?]);
        let quiet = File::create(folder("logs")?.join(format!("{}-merge.log", self.name)))?;
        Step::new("merge", merge.env(VARIABLE, &self.name).stderr(quiet)).run_quietly()?;
        let mut added = 0;
        for file in files(&merged) {
            let name = file.file_name().unwrap_or_default();
            if !fresh.join(name).exists() {
                fs::copy(&file, kept.join(name)).with_context(|| format!("cannot write into {}", kept.display()))?;
                added += 1;
            }
        }
        println!("── {}: {added} inputs kept", self.name);
        Ok(())
    }

    /// The files outside the corpora that the target names, in a folder of their own.
    fn gather_seeds(&self) -> anyhow::Result<PathBuf> {
        let seeds = self.work("seeds")?;
        empty(&seeds)?;
        for seed in &self.seeds {
            let (from, beginning) = seed.rsplit_once('/').unwrap_or((".", seed));
            for file in files(Path::new(from)) {
                let Some(name) = file.file_name() else { continue };
                if name.to_string_lossy().starts_with(beginning) {
                    fs::copy(&file, seeds.join(name)).with_context(|| format!("cannot copy {}", file.display()))?;
                }
            }
        }
        Ok(seeds)
    }

    fn work(&self, kind: &str) -> anyhow::Result<PathBuf> {
        folder(&format!("{kind}/{}", self.name))
    }
}

/// What libFuzzer says at its end of how often it ran the target.
fn executions(said: &str) -> Option<&str> {
    said.lines().rev().find_map(|line| line.strip_prefix("stat::number_of_executed_units:")).map(str::trim)
}

fn folder(name: &str) -> anyhow::Result<PathBuf> {
    let folder = Path::new(WORK).join(name);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

fn empty(folder: &Path) -> anyhow::Result<()> {
    for file in files(folder) {
        fs::remove_file(&file).with_context(|| format!("cannot delete {}", file.display()))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    for file in files(from) {
        let name = file.file_name().unwrap_or_default();
        fs::copy(&file, to.join(name)).with_context(|| format!("cannot copy {}", file.display()))?;
    }
    Ok(())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_say_what_to_fuzz_and_for_how_long() {
        let read = |text: &str| Wanted::read(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).ok();
        let wanted = |targets: &[&str], minutes, keep| {
            Some(Wanted { targets: targets.iter().map(|name| (*name).to_owned()).collect(), minutes, keep })
        };
        for (text, expected) in [
            ("", wanted(&[], 1, false)),
            ("--target scan --target lines --minutes 30", wanted(&["scan", "lines"], 30, false)),
            ("--keep", wanted(&[], 1, true)),
            ("--minutes", None),
            ("--minutes many", None),
            ("scan", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn reads_what_the_engine_says() {
        let seeds = vec!["config/parceld.toml".to_owned()];
        let target = Target { name: "config".into(), bytes_max: "512".into(), seeds };
        assert_eq!(Target::read("config 512 config/parceld.toml"), Some(target));
        assert_eq!(Target::read(""), None);
        let said = "#2 INITED\nstat::number_of_executed_units: 4711\nstat::peak_rss_mb: 30\n";
        assert_eq!(executions(said), Some("4711"));
        assert_eq!(executions("#2 INITED"), None);
    }
}
