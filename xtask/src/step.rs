//! One program that is run, with its name, its time and how to repeat it.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};

/// A program to run as one step of a command.
pub struct Step<'a> {
    name: &'a str,
    command: &'a mut Command,
}

impl<'a> Step<'a> {
    pub fn new(name: &'a str, command: &'a mut Command) -> Step<'a> {
        Step { name, command }
    }

    /// Runs it, with its name before and its time after it.
    ///
    /// # Errors
    /// Where it fails: its name, and the command that repeats it.
    pub fn run(self) -> anyhow::Result<()> {
        let (name, begun) = (self.name, announce(self.name, self.command));
        self.run_quietly()?;
        report(name, begun);
        Ok(())
    }

    /// Runs it without a word of its own.
    ///
    /// # Errors
    /// As [`Step::run`].
    pub fn run_quietly(self) -> anyhow::Result<()> {
        let status = self.command.status().with_context(|| format!("cannot start: {}", shown(self.command)))?;
        self.judge(status.success())
    }

    /// Runs it without a word of its own, and returns what it prints, without the white space around it.
    ///
    /// # Errors
    /// As [`Step::run`].
    pub fn output(self) -> anyhow::Result<String> {
        let command = self.command.stderr(Stdio::inherit());
        let output = command.output().with_context(|| format!("cannot start: {}", shown(command)))?;
        let text = String::from_utf8(output.stdout).with_context(|| format!("{} prints no text", self.name))?;
        self.judge(output.status.success())?;
        Ok(text.trim().to_owned())
    }

    /// Runs it, and shows `line` each line of its standard output, which goes on as it was.
    ///
    /// # Errors
    /// As [`Step::run`].
    pub fn run_and_read(self, mut line: impl FnMut(&str)) -> anyhow::Result<()> {
        let begun = announce(self.name, self.command);
        let command = self.command.stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start: {}", shown(command)))?;
        if let Some(output) = child.stdout.take() {
            for text in BufReader::new(output).split(b'\n') {
                let text = text.context("cannot read the step's output")?;
                let text = String::from_utf8_lossy(&text);
                println!("{text}");
                line(&text);
            }
        }
        let status = child.wait().context("cannot wait for the step")?;
        let name = self.name;
        self.judge(status.success())?;
        report(name, begun);
        Ok(())
    }

    /// Runs it, and gives back its standard output.
    ///
    /// # Errors
    /// As [`Step::run`].
    pub fn run_and_take(self) -> anyhow::Result<String> {
        let (name, begun) = (self.name, announce(self.name, self.command));
        let command = self.command.stderr(Stdio::inherit());
        let output = command.output().with_context(|| format!("cannot start: {}", shown(command)))?;
        self.judge(output.status.success())?;
        report(name, begun);
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn judge(self, success: bool) -> anyhow::Result<()> {
        if !success {
            bail!("{} failed. To repeat it:\n  {}", self.name, shown(self.command));
        }
        Ok(())
    }
}

/// A command of the cargo that runs this program.
pub fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments);
    cargo
}

#[expect(clippy::disallowed_methods, reason = "how long a step takes is shown to the one who waits for it")]
fn announce(name: &str, command: &Command) -> Instant {
    println!("── {name}: {}", shown(command));
    Instant::now()
}

fn report(name: &str, begun: Instant) {
    println!("── {name}: {:.1} s", begun.elapsed().as_secs_f64());
}

/// The command as one would type it, cargo by its plain name.
fn shown(command: &Command) -> String {
    let variables =
        command.get_envs().filter_map(|(name, value)| Some(format!("{}={}", name.to_string_lossy(), quoted(value?))));
    let program = command.get_program();
    let is_cargo = env::var_os("CARGO").is_some_and(|cargo| cargo == program);
    let program = if is_cargo { "cargo".to_owned() } else { quoted(program) };
    let words = variables.chain([program]).chain(command.get_args().map(quoted));
    words.collect::<Vec<_>>().join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:+,@".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into_owned() } else { format!("'{word}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_a_command_that_a_shell_takes() {
        let mut command = Command::new("apt-get");
        command.env("RUNLEVEL", "1").args(["install", "a b"]);
        assert_eq!(shown(&command), "RUNLEVEL=1 apt-get install 'a b'");
    }

    #[test]
    fn a_failed_step_says_how_to_repeat_it() {
        let error = Step::new("lint", &mut Command::new("false")).run_quietly().unwrap_err();
        assert_eq!(error.to_string(), "lint failed. To repeat it:\n  false");
        assert!(Step::new("lint", &mut Command::new("false")).output().is_err());
    }

    #[test]
    fn returns_what_a_step_prints() {
        assert_eq!(Step::new("print", Command::new("printf").arg("one\ntwo\n")).output().unwrap(), "one\ntwo");
    }

    #[test]
    fn reads_what_a_step_prints() {
        let mut lines = Vec::new();
        let mut command = Command::new("printf");
        command.arg("one\ntwo\n");
        Step::new("print", &mut command).run_and_read(|line| lines.push(line.to_owned())).unwrap();
        assert_eq!(lines, ["one", "two"]);
    }
}
