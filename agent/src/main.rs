//! `parceld`: the agent and its command line.

use clap::Parser;
use parceld::{app, cli, cli::Cli};
use std::process::ExitCode;

fn main() -> ExitCode {
    cli::execute(Cli::parse(), app::run)
}
