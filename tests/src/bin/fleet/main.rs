//! A fleet's figures: how many events per second of how many simulated sites one broker and the reference platform take,
//! with its data on PostgreSQL; how soon they have caught up after an outage that all sites share; and how a broker that
//! comes back is met.
//!
//! Every part is a process of its own on this machine, which they share with the sites. What was taken is held against
//! the sites' own logs in the end: a fleet that is fast and wrong fails.

mod arguments;
mod figures;
mod measure;
mod usage;

use std::env;
use std::fs;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use parceld_tests::binaries;

use arguments::Arguments;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{}", arguments::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("fleet: {error}\n\n{}", arguments::HELP);
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fleet: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let platform = binaries::workspace("parceld-platform");
    let is_debug = platform.parent().is_some_and(|directory| directory.ends_with("debug"));
    if is_debug && !arguments.allow_debug {
        bail!(
            "this is a debug build of the platform: its figures would say nothing.\nUse `cargo xtask fleet`, or --allow-debug"
        );
    }
    let mut all = Vec::new();
    for instances in &arguments.instances {
        let figures = measure::run(arguments, *instances);
        eprintln!("{}", figures.sentence());
        all.push(figures);
    }
    println!("{}", figures::table(&all));
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&all)?;
        fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
