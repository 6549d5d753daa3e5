//! The project's own commands: `cargo xtask test`, `simulate`, `fuzz`, `coverage`, `demo`, `bench`, `fleet`, `dist`,
//! `smoke`, `deny`, `contract` and `gs1-table`.
//!
//! Each is a list of programs to run, said before it is run: whoever doubts a step can repeat it by hand.

mod cache;
mod coverage;
mod debian;
mod deny;
mod dist;
mod fuzz;
mod gs1_table;
mod programs;
mod simulate;
mod step;
mod test;

use std::env;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};

use step::{Step, cargo};

const HELP: &str = "\
The project's own commands.

  cargo xtask test [--full]        everything that must hold before a change is taken: formatting, lints, all tests
                                   --full adds the tests that take long and the documentation's links
  cargo xtask simulate [--seeds N] [--from SEED] | --seed SEED
                                   plays N random lives of the simulated agent, or tells what happens in one
  cargo xtask fuzz [--target NAME]... [--minutes N] [--keep]
                                   looks for bytes that break a parser, N minutes for each target; --keep adds what it
                                   has found on its way to the corpora
  cargo xtask coverage [--uncovered]
                                   which lines of the drivers and the domain no test runs; fails where too many
  cargo xtask demo [--once] [--fast]
                                   a site at work on this machine: scans, events, dispatches, notifications
  cargo xtask bench [ARGUMENTS]    measures the agent beside its floors; what follows goes to the benchmark
  cargo xtask fleet [ARGUMENTS]    measures many sites at one broker and platform; what follows goes to that program
  cargo xtask dist [--target amd64|arm64|armv7]... [--reproducible]
                                   release programs and Debian packages into target/dist, for all three or those named.
                                   --reproducible makes them once more elsewhere: they must be the same bytes
  cargo xtask smoke [--release] [arm64] [armv7]
                                   the end-to-end test of the agent for a board, in an emulator; arm64 if none is named.
                                   --release makes and takes what is packaged
  cargo xtask deny [--fetch]       judges every crate in Cargo.lock by deny.toml: licences, sources, duplicates, and known
                                   faults where there is a list of them, which --fetch gets
  cargo xtask contract             writes what is published of the contract from the agent's types: schemas, and examples that
                                   aren't there yet
  cargo xtask gs1-table            makes the drivers' table of GS1's application identifiers from GS1's dictionary

`cargo demo` is short for `cargo xtask demo`.";

/// What the harness starts as processes of their own.
const PROGRAMS: [&str; 3] = ["parceld", "parceld-platform", "parceld-demo-broker"];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    env::set_current_dir(root()).context("cannot enter the workspace")?;
    match command {
        "test" => test::run(rest),
        "simulate" => simulate::run(rest),
        "fuzz" => fuzz::run(rest),
        "coverage" => coverage::run(rest),
        "demo" => demo(rest),
        "bench" => bench(rest),
        "fleet" => fleet(rest),
        "dist" => dist::run(rest),
        "smoke" => dist::smoke::run(rest),
        "deny" => deny::run(rest),
        "contract" => contract(),
        "gs1-table" => gs1_table::write(),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(())
        }
        unknown => bail!("there is no command {unknown:?}\n\n{HELP}"),
    }
}

/// Replaces this process by the demonstration, so that Ctrl-C and its exit code are the demonstration's own.
fn demo(arguments: &[String]) -> anyhow::Result<()> {
    let programs = PROGRAMS.into_iter().flat_map(|program| ["--package", program, "--bin", program]);
    let demo = ["--package", "parceld-tests", "--bin", "demo"];
    Step::new("build", cargo(["build"]).args(programs).args(demo)).run_quietly()?;
    // Built into the directory that this program was built into.
    let program = env::current_exe().context("cannot find the demonstration")?.with_file_name("demo");
    Err(Command::new(program).args(arguments).exec()).context("cannot start the demonstration")
}

/// What is measured is built like what is released, without the slow last link.
const MEASURED: [&str; 2] = ["--profile", "bench-agent"];

/// Built into one directory, where the one finds the other.
fn fleet(arguments: &[String]) -> anyhow::Result<()> {
    let platform = ["--package", "parceld-platform", "--bin", "parceld-platform"];
    Step::new("build", cargo(["build"]).args(MEASURED).args(platform)).run_quietly()?;
    let fleet = ["--package", "parceld-tests", "--bin", "fleet", "--"];
    let directory = env::current_dir().context("the workspace has gone")?.join("target/bench-agent");
    let mut run = cargo(["run"]);
    run.args(MEASURED).args(fleet).args(arguments).env("PARCELD_BIN_DIR", directory);
    Err(run.exec()).context("cannot start the measuring")
}

fn bench(arguments: &[String]) -> anyhow::Result<()> {
    let programs = PROGRAMS.into_iter().flat_map(|program| ["--package", program, "--bin", program]);
    Step::new("build", cargo(["build"]).args(MEASURED).args(programs)).run_quietly()?;
    let bench = ["--package", "parceld-tests", "--bin", "bench", "--", "--bin-dir", "target/bench-agent"];
    let failed = cargo(["run"]).args(MEASURED).args(bench).args(arguments).exec();
    Err(failed).context("cannot start the benchmark")
}

/// The types are the agent's own affair: its unit tests write what is made of them, and compare it everywhere else.
fn contract() -> anyhow::Result<()> {
    let tests = ["contract::tests::examples", "contract::tests::schemas"];
    let mut write = cargo(["test", "--package", "parceld", "--lib", "--quiet", "--"]);
    Step::new("contract", write.args(tests).env("PARCELD_BLESS", "1")).run()
}

/// The workspace that this program was built in.
fn root() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/..")
}
