//! `cargo xtask coverage`: which lines of the drivers and the domain no test runs.
//!
//! The compiler puts counters in, the tests write them down, and LLVM's tools of the same release read them. Lines of tests
//! don't count.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::debian::{self, Tool, What};
use crate::programs::{Program, program};
use crate::step::{Step, cargo};

/// The release of LLVM that the compiler is made with: only that can read what it writes.
const LLVM: &str = "22";

const TOOLS: [Tool; 1] =
    [Tool { what: What::Program("llvm-profdata-22"), package: "llvm-22", why: "it reads the counters" }];

/// What is looked at, and how much of it is run at least, in lines of a hundred. Ports and printers talk to devices: theirs is
/// what end-to-end tests show.
const PARTS: [(&str, u64); 2] = [("drivers/src/", 97), ("agent/src/domain/", 95)];
/// No file has less.
const FILE_PERCENT_MIN: u64 = 70;
/// These run against devices, in end-to-end tests with ptys and sockets that aren't counted here.
const WITH_DEVICES: [&str; 4] =
    ["drivers/src/port/", "drivers/src/printer/mod.rs", "drivers/src/printer/spool.rs", "drivers/src/printer/wire.rs"];

const WORK: &str = "target/coverage";

/// The tests that run them: what to build, and which of its tests.
const TESTS: [(&[&str], &[&str]); 3] = [
    (&["--package", "parceld-drivers", "--lib"], &[]),
    (&["--package", "parceld", "--lib"], &["domain::"]),
    (&["--package", "parceld", "--test", "floor"], &[]),
];

/// A file's lines, and which of them were run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lines {
    run: u64,
    missed: Vec<u32>,
}

/// Runs the tests, and shows what they left out.
///
/// # Errors
/// They failed, the tools are missing, or too little is run: where.
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let is_listed = match arguments {
        [] => false,
        [flag] if flag == "--uncovered" => true,
        _ => bail!("usage: cargo xtask coverage [--uncovered]"),
    };
    check_release()?;
    debian::install_missing(&TOOLS)?;
    let root = env::current_dir().context("no current directory")?;
    let work = root.join(WORK);
    if work.exists() {
        fs::remove_dir_all(&work).with_context(|| format!("cannot delete {}", work.display()))?;
    }
    fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
    let mut objects = Vec::new();
    for (tests, filter) in TESTS {
        let mut build = cargo(["test", "--no-run", "--message-format=json-render-diagnostics", "--quiet"]);
        build.args(tests).env("RUSTC_WORKSPACE_WRAPPER", root.join("xtask/rustc-with-counters.sh"));
        // Build scripts and macros are instrumented too, and write as they run.
        build.env("LLVM_PROFILE_FILE", work.join("build-%p.unused"));
        let said = Step::new("tests with counters", &mut build).run_and_take()?;
        let programs: Vec<Program> = said.lines().filter_map(program).collect();
        for program in &programs {
            println!("── {}", program.name);
            let counters = work.join("%p-%m.profraw");
            let (is_well, said) = program.run_with(filter, &[("LLVM_PROFILE_FILE", counters.as_path())])?;
            if !is_well {
                bail!("{} failed:\n{said}", program.name);
            }
        }
        objects.extend(programs.into_iter().map(|program| program.path));
    }
    let files = counted(&root, &work, &objects)?;
    judge(&files, is_listed)
}

fn check_release() -> anyhow::Result<()> {
    let said = Step::new("compiler", Command::new("rustc").arg("-vV")).output()?;
    let release = said.lines().find_map(|line| line.strip_prefix("LLVM version: ")).unwrap_or_default();
    if release.split('.').next() != Some(LLVM) {
        bail!("the compiler is made with LLVM {release}, and tools of LLVM {LLVM} are looked for: change both");
    }
    Ok(())
}

/// The lines of every file that is looked at.
fn counted(root: &Path, work: &Path, objects: &[PathBuf]) -> anyhow::Result<BTreeMap<String, Lines>> {
    let all = work.join("all.profdata");
    let raw: Vec<PathBuf> = fs::read_dir(work)?.flatten().map(|entry| entry.path()).collect();
    let raw = raw.iter().filter(|path| path.extension().is_some_and(|end| end == "profraw"));
    let mut merge = Command::new(format!("llvm-profdata-{LLVM}"));
    Step::new("merge", merge.args(["merge", "--sparse", "-o"]).arg(&all).args(raw)).run_quietly()?;
    let mut export = Command::new(format!("llvm-cov-{LLVM}"));
    export.args(["export", "--format=lcov"]).arg(format!("--instr-profile={}", all.display()));
    for object in objects {
        export.arg("--object").arg(object);
    }
    let said = Step::new("lines", &mut export).run_and_take()?;
    let mut files = BTreeMap::new();
    for record in said.split("end_of_record") {
        let Some(path) = record.lines().find_map(|line| line.strip_prefix("SF:")) else { continue };
        let Ok(name) = Path::new(path).strip_prefix(root) else { continue };
        let name = name.to_string_lossy().into_owned();
        let is_looked_at = PARTS.iter().any(|(part, _)| name.starts_with(part));
        if !is_looked_at || is_test(&name) || WITH_DEVICES.iter().any(|folder| name.starts_with(folder)) {
            continue;
        }
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
        files.insert(name, read(record, tests_from(&text)));
    }
    Ok(files)
}

fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.ends_with("/tests.rs") || name == "agent/src/domain/text.rs"
}

/// The line on which a file's tests begin.
fn tests_from(text: &str) -> u32 {
    let at = text.lines().position(|line| line == "#[cfg(test)]");
    let is_last =
        |at: &usize| text.lines().nth(at + 1).is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'));
    at.filter(is_last).map_or(u32::MAX, |at| u32::try_from(at + 1).unwrap_or(u32::MAX))
}

/// A record's lines in front of `end`.
fn read(record: &str, end: u32) -> Lines {
    let mut lines = Lines::default();
    for line in record.lines().filter_map(|line| line.strip_prefix("DA:")) {
        let Some((number, count)) = line.split_once(',') else { continue };
        match number.parse() {
            Ok(number) if number < end && count == "0" => lines.missed.push(number),
            Ok(number) if number < end => lines.run += 1,
            _ => {}
        }
    }
    lines
}

impl Lines {
    fn count(&self) -> u64 {
        self.run + self.missed.len() as u64
    }

    /// Rounded down.
    fn percent(&self) -> u64 {
        (self.run * 100).checked_div(self.count()).unwrap_or(100)
    }
}

/// Shows the table by folder, and what is below its limit.
fn judge(files: &BTreeMap<String, Lines>, is_listed: bool) -> anyhow::Result<()> {
    let mut faults = Vec::new();
    println!("| part | lines | run | % |\n|---|---|---|---|");
    for (part, percent_min) in PARTS {
        let of_part = || files.iter().filter(move |(name, _)| name.starts_with(part));
        let mut groups: BTreeMap<&str, Vec<&Lines>> = BTreeMap::new();
        for (name, lines) in of_part() {
            let inner = name.strip_prefix(part).unwrap_or(name);
            let group = inner.split(['/', '.']).next().unwrap_or(inner);
            groups.entry(group).or_default().push(lines);
        }
        for (group, lines) in groups {
            let sum = sum(lines);
            println!("| `{part}{group}` | {} | {} | {} |", sum.count(), sum.run, sum.percent());
        }
        let all = sum(of_part().map(|(_, lines)| lines));
        println!("| **`{part}`** | **{}** | **{}** | **{}** |", all.count(), all.run, all.percent());
        if all.percent() < percent_min {
            faults.push(format!("{part} has {} %, {percent_min} % at least", all.percent()));
        }
    }
    for (name, lines) in files {
        if lines.percent() < FILE_PERCENT_MIN {
            faults.push(format!("{name} has {} %, {FILE_PERCENT_MIN} % at least", lines.percent()));
        }
        if is_listed && !lines.missed.is_empty() {
            let missed: Vec<String> = lines.missed.iter().map(u32::to_string).collect();
            println!("{name}: {}", missed.join(" "));
        }
    }
    if files.is_empty() {
        bail!("nothing was counted");
    }
    if !faults.is_empty() {
        bail!("too little is run:\n{}", faults.join("\n"));
    }
    Ok(())
}

fn sum<'l>(lines: impl IntoIterator<Item = &'l Lines>) -> Lines {
    lines.into_iter().fold(Lines::default(), |mut all, lines| {
        all.run += lines.run;
        all.missed.extend(&lines.missed);
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_tests_dont_count() {
        let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
        assert_eq!(tests_from(text), 3);
        assert_eq!(tests_from("#[cfg(test)]\nmod tests;\nfn a() {}\n"), u32::MAX);
        let record = "SF:x.rs\nDA:1,4\nDA:2,0\nDA:5,0\n";
        assert_eq!(read(record, 3), Lines { run: 1, missed: vec![2] });
        assert_eq!(read(record, u32::MAX).percent(), 33);
    }

    #[test]
    fn too_little_in_one_file_is_told() {
        let lines = |run, missed| Lines { run, missed: (0..missed).collect() };
        let files = |door| {
            BTreeMap::from([
                ("drivers/src/ean.rs".to_owned(), lines(100, 0)),
                ("agent/src/domain/code.rs".to_owned(), lines(1_000, 0)),
                ("agent/src/domain/door.rs".to_owned(), door),
            ])
        };
        assert!(judge(&files(lines(20, 1)), true).is_ok());
        let told = judge(&files(lines(5, 5)), false).unwrap_err().to_string();
        assert_eq!(told, "too little is run:\nagent/src/domain/door.rs has 50 %, 70 % at least");
        assert!(judge(&BTreeMap::new(), false).is_err());
    }
}
