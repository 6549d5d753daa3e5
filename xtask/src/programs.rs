//! The workspace's test programs, one for each core at a time: a test mostly waits, for a broker, a page or a deadline.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::step::{Step, cargo};

/// These compare how long something takes with and without a load or a fault, so nothing runs beside them.
const ALONE: &[&str] = &["security_matrix", "network_faults", "broker_faults", "backlog"];

/// A program that cargo has built of one package's tests.
#[derive(Debug, PartialEq, Eq)]
pub struct Program {
    pub name: String,
    pub path: PathBuf,
    /// Its package's: cargo runs tests there.
    folder: PathBuf,
}

/// Builds all of them, and runs them with `arguments`; `line` sees each line that they say.
///
/// # Errors
/// Where one can't be built or run, or has failed: which, after all have run.
pub fn run(arguments: &[&str], line: impl FnMut(&str) + Send) -> anyhow::Result<()> {
    let mut build = cargo(["test", "--workspace", "--no-run", "--message-format=json-render-diagnostics", "--quiet"]);
    let said = Step::new("tests' programs", &mut build).run_and_take()?;
    let programs: Vec<Program> = said.lines().filter_map(program).collect();
    if programs.is_empty() {
        bail!("cargo names no test program");
    }
    let (alone, others): (VecDeque<_>, VecDeque<_>) =
        programs.into_iter().partition(|program| ALONE.contains(&program.name.as_str()));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let line = Mutex::new(line);
    let mut failed = side_by_side(others, cores, arguments, &line)?;
    failed.extend(side_by_side(alone, 1, arguments, &line)?);
    if !failed.is_empty() {
        bail!("tests failed in: {}", failed.join(", "));
    }
    Ok(())
}

/// The names of those that failed.
fn side_by_side(
    programs: VecDeque<Program>,
    lanes: usize,
    arguments: &[&str],
    line: &Mutex<impl FnMut(&str) + Send>,
) -> anyhow::Result<Vec<String>> {
    let (waiting, failed) = (Mutex::new(programs), Mutex::new(Vec::new()));
    let next = || waiting.lock().ok().and_then(|mut waiting| waiting.pop_front());
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes)
            .map(|_| {
                scope.spawn(|| -> anyhow::Result<()> {
                    while let Some(program) = next() {
                        println!("── {} begins", program.name);
                        let (is_well, said) = program.run(arguments)?;
                        let Ok(mut line) = line.lock() else { bail!("another lane has panicked") };
                        println!("\n── {}: {}", program.name, program.path.display());
                        for text in said.lines() {
                            println!("{text}");
                            line(text);
                        }
                        if !is_well && let Ok(mut failed) = failed.lock() {
                            failed.push(program.name);
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        lanes.into_iter().try_for_each(|lane| lane.join().unwrap_or_else(|_| bail!("a lane has panicked")))
    })?;
    Ok(failed.into_inner().unwrap_or_default())
}

impl Program {
    /// Whether all its tests passed, and what it said.
    ///
    /// # Errors
    /// It can't be run.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<(bool, String)> {
        self.run_with(arguments, &[])
    }

    /// The same with more in its environment.
    ///
    /// # Errors
    /// As [`Program::run`].
    pub fn run_with(&self, arguments: &[&str], environment: &[(&str, &Path)]) -> anyhow::Result<(bool, String)> {
        let (mut reader, writer) = io::pipe().context("no pipe for a test's output")?;
        let mut command = Command::new(&self.path);
        command.args(arguments).current_dir(&self.folder).env("CARGO_MANIFEST_DIR", &self.folder);
        command.envs(environment.iter().copied());
        command.stdout(writer.try_clone().context("no pipe for a test's output")?).stderr(writer);
        let mut child = command.spawn().with_context(|| format!("cannot start: {}", self.path.display()))?;
        // Its ends of the pipe are the program's alone, or reading would never end.
        drop(command);
        let mut said = Vec::new();
        reader.read_to_end(&mut said).context("cannot read a test's output")?;
        let status = child.wait().context("cannot wait for a test")?;
        Ok((status.success(), String::from_utf8_lossy(&said).into_owned()))
    }
}

/// What one of cargo's messages names, if it is a test program.
pub fn program(message: &str) -> Option<Program> {
    let message: Value = serde_json::from_str(message).ok()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let is_test = message["reason"] == "compiler-artifact" && message["profile"]["test"] == true;
    let path = text(&message["executable"]).filter(|_| is_test)?;
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?.to_owned();
    Some(Program { name: text(&message["target"]["name"])?, path: path.into(), folder })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_test_programs_among_cargos_messages() {
        let test = r#"{"reason":"compiler-artifact","manifest_path":"/p/tests/Cargo.toml","target":{"name":"crash"},
            "profile":{"test":true},"executable":"/p/target/debug/deps/crash-1"}"#;
        let expected =
            Program { name: "crash".into(), path: "/p/target/debug/deps/crash-1".into(), folder: "/p/tests".into() };
        assert_eq!(program(test), Some(expected));
        for other in [
            test.replace("true", "false"),
            test.replace("\"/p/target/debug/deps/crash-1\"", "null"),
            test.replace("compiler-artifact", "build-finished"),
            "   Compiling".into(),
        ] {
            assert_eq!(program(&other), None, "{other}");
        }
    }

    #[test]
    fn runs_all_and_names_those_that_failed() {
        let program = |name: &str, path: &str| Program { name: name.into(), path: path.into(), folder: "/".into() };
        let programs = || {
            VecDeque::from([program("good", "/bin/true"), program("bad", "/bin/false"), program("echo", "/bin/echo")])
        };
        for lanes in [1, 3] {
            let mut seen = Vec::new();
            let line = Mutex::new(|text: &str| seen.push(text.to_owned()));
            let failed = side_by_side(programs(), lanes, &["said"], &line).expect("all can be started");
            assert_eq!((failed, seen), (vec!["bad".to_owned()], vec!["said".to_owned()]));
        }
    }
}
