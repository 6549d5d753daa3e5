//! The benchmark: the agent's figures beside its floors, measured in the same run.
//!
//! Agent and floors are processes of their own, at ptys of the same kind and a private mosquitto. Every scan is followed
//! from its line to its answer and to its first event at a subscriber; a scan or an event that is lost fails the run,
//! however fast it was. Nothing is judged by time.

mod arguments;
mod broker;
mod consumer;
mod figures;
mod floor;
mod lanes;
mod machine;
mod measures;
mod mqtt;
mod plot;
mod record;
mod screen;
mod site;
mod stats;
mod stop;
mod usage;
mod workload;

use std::env;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};
use parceld_tests::binaries;
use parceld_tests::wait::Stopwatch;

use arguments::Arguments;
use machine::Machine;
use site::Context;
use stop::{Stop, Stopped};

/// Where the harness looks for programs.
const DIRECTORY_VARIABLE: &str = "PARCELD_BIN_DIR";

fn main() -> ExitCode {
    let mut words = env::args().skip(1).peekable();
    if words.next_if(|word| word == floor::WORD).is_some() {
        return exit("floor", floor::run(words));
    }
    if words.next_if(|word| word == screen::WORD).is_some() {
        return exit("floor", screen::run_floor(words));
    }
    let arguments = match Arguments::parse(words) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{}", arguments::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("bench: {error}\n\n{}", arguments::HELP);
            return ExitCode::from(2);
        }
    };
    exit("bench", run(&arguments))
}

fn exit(name: &str, outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Stopped>() => ExitCode::from(130),
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if let Some(directory) = &arguments.bin_dir {
        use_programs_of(directory)?;
    }
    if is_debug() && !arguments.allow_debug {
        bail!(
            "this is a debug build: without optimisation, deciding and SQLite take many times what they take in the \
             shipped agent, so its figures would say nothing.\nUse `cargo xtask bench`, or --allow-debug"
        );
    }
    let stop = Stop::at_signals()?;
    let machine = Machine::look().context("the directory for temporary files can't be written")?;
    eprintln!("{}", machine.sentence());
    if machine.writes_to_memory() {
        eprintln!("Databases lie in memory here: nothing is forced to any disk. TMPDIR chooses another directory.");
    }
    let figures = measures::run(arguments, &Context { clock: Stopwatch::start(), stop })?;
    println!("{}.\n\n{}", machine.sentence(), figures.table());
    if let Some(directory) = &arguments.plots {
        std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        for (name, svg) in figures.plots() {
            let path = directory.join(name);
            std::fs::write(&path, svg).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&figures.json(&machine))?;
        std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// The harness is told by its environment, which only a new process can be given.
fn use_programs_of(directory: &Path) -> anyhow::Result<()> {
    let directory = directory.canonicalize().with_context(|| format!("cannot find {}", directory.display()))?;
    if env::var_os(DIRECTORY_VARIABLE).is_some_and(|set| set == *directory) {
        return Ok(());
    }
    let itself = env::current_exe().context("this program's own path is unknown")?;
    let failed = Command::new(itself).args(env::args_os().skip(1)).env(DIRECTORY_VARIABLE, directory).exec();
    Err(failed).context("cannot start anew")
}

/// Of the benchmark or of the agent; cargo puts programs with debug assertions into a directory of that name.
fn is_debug() -> bool {
    let agent = binaries::workspace("parceld");
    cfg!(debug_assertions) || agent.parent().is_some_and(|directory| directory.ends_with("debug"))
}
