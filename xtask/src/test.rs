//! `cargo xtask test`: everything that must hold before a change is taken.

use std::process::Command;

use anyhow::bail;

use crate::debian::{self, Tool, What};
use crate::deny;
use crate::dist::architecture::{ALL, Architecture};
use crate::dist::{self, smoke};
use crate::programs;
use crate::step::{Step, cargo};

/// Debian's judge of packages, which is large, and a reader of manual pages: only asked where packages are made.
const PACKAGES: [Tool; 2] = [
    Tool { what: What::Program("lintian"), package: "lintian", why: "it judges the packages that are made" },
    Tool { what: What::Program("mandoc"), package: "mandoc", why: "a test has it read the package's manual pages" },
];

/// Most boards'. On such a board all other tests run it anyway.
const BOARD: Architecture = Architecture::Arm64;

/// Runs the steps, and stops at the first that fails.
///
/// # Errors
/// The step that failed, and how to repeat it.
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let full = match arguments {
        [] => false,
        [flag] if flag == "--full" => true,
        _ => bail!("usage: cargo xtask test [--full]"),
    };
    debian::install_missing(debian::TESTS)?;
    Step::new("formatting", &mut cargo(["fmt", "--all", "--check"])).run()?;
    let mut clippy = cargo(["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"]);
    Step::new("lints", &mut clippy).run()?;
    if full {
        deny::run(&[])?;
    } else if deny::is_installed()? {
        deny::check()?;
    }
    // The same selection as the tests', so that nothing is built twice.
    Step::new("programs", &mut cargo(["build", "--workspace", "--bins", "--quiet"])).run()?;
    if full {
        debian::install_missing(&PACKAGES)?;
        let packages = dist::make(&ALL)?;
        let own: Vec<_> = ALL.into_iter().filter(|architecture| architecture.is_this_machine()).collect();
        let mut lintian = Command::new("lintian");
        lintian.args(["--fail-on", "error,warning", "--"]).args(packages);
        Step::new("lintian", &mut lintian).run()?;
        // Of one architecture: what would differ is the project's own.
        if dist::again::is_possible()? {
            dist::again::check(&own)?;
        } else {
            println!("── something isn't committed: it isn't tried whether packages are the same again");
        }
        for architecture in ALL.into_iter().filter(|architecture| !architecture.is_this_machine()) {
            smoke::prepare(architecture, &dist::binary::path(architecture))?;
        }
    } else if !BOARD.is_this_machine() {
        smoke::build(BOARD)?;
    }

    let mut counts = Counts::default();
    let arguments: &[&str] = if full { &["--include-ignored"] } else { &[] };
    let outcome = programs::run(arguments, |line| counts.add(line));
    let mut examples = cargo(["test", "--workspace", "--doc", "--no-fail-fast", "--quiet"]);
    let documented = Step::new("examples", &mut examples).run_and_read(|line| counts.add(line));
    println!("{} passed, {} failed, {} ignored", counts.passed, counts.failed, counts.ignored);
    outcome?;
    documented?;
    if full {
        let mut doc = cargo(["doc", "--workspace", "--no-deps", "--quiet"]);
        return Step::new("documentation", doc.env("RUSTDOCFLAGS", "--deny warnings")).run();
    }
    if !BOARD.is_this_machine() {
        smoke::test(&[BOARD])?;
    }
    Ok(())
}

/// Added up over all test programs.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Counts {
    /// Adds what a test program's closing line says: `test result: ok. 3 passed; 0 failed; …`.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for count in counts.split("; ") {
            match count.split_once(' ').and_then(|(number, what)| Some((number.parse::<u64>().ok()?, what))) {
                Some((number, "passed")) => self.passed += number,
                Some((number, "failed")) => self.failed += number,
                Some((number, "ignored")) => self.ignored += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_closing_lines() {
        let mut counts = Counts::default();
        counts.add("running 3 tests");
        counts.add("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s");
        counts.add("test result: FAILED. 5 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.5s");
        assert_eq!(counts, Counts { passed: 8, failed: 2, ignored: 1 });
    }
}
