use parceld::{app, config};
use std::path::Path;
use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let path = std::env::args().nth(3).unwrap_or_default();
    app::run(config::load(Path::new(&path))?)
}
