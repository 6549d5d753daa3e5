//! A program's calls on files fail one by one, or kill it: strace puts itself between one of its threads and the kernel.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::Process;
use crate::{binaries, trace, wait};

/// What changes files, makes them, or forces them to disk.
const CALLS: &str = "openat,write,pwrite64,fsync,fdatasync,ftruncate,fallocate,rename,unlink";

/// A call by its name, and how many of that name a thread has done by then.
pub type Call = (String, u32);

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL as the thread enters it.
    Kill,
    /// It does nothing, and says that this went wrong.
    Error(&'static str),
}

/// A fault, and the call on one of `files` that it waits for.
#[derive(Debug, Clone, Copy)]
pub struct Strike<'a> {
    pub fault: Fault,
    pub call: &'a Call,
    pub files: &'a [PathBuf],
}

impl Strike<'_> {
    fn options(&self) -> Vec<String> {
        let Strike { fault, call: (name, nth), files } = self;
        let fault = match fault {
            Fault::Kill => "signal=KILL".to_owned(),
            Fault::Error(errno) => format!("error={errno}"),
        };
        let mut options: Vec<String> =
            ["-e", &format!("trace={CALLS}"), "-e", &format!("inject={name}:{fault}:when={nth}")]
                .map(str::to_owned)
                .to_vec();
        for file in *files {
            options.extend(["-P".to_owned(), file.to_string_lossy().into_owned()]);
        }
        options
    }

    /// The words before a program that meets it at its start: each of its threads counts for itself, and the one that
    /// starts comes first. What was struck is told by [`struck`]. `None`, and the reason printed, where nothing may be
    /// traced here.
    #[must_use]
    pub fn at_start(&self, told: &Path) -> Option<Vec<String>> {
        let options = self.options();
        trace::strace(&options.iter().map(String::as_str).collect::<Vec<_>>(), told)
    }

    /// Has the running program's thread of this name meet it from now on.
    ///
    /// # Panics
    /// Where there is no such thread, or it can't be followed.
    #[must_use]
    pub fn on(&self, process: &Process, thread: &str, told: &Path) -> Waiting {
        let mut command = Command::new(binaries::system("strace", "strace"));
        command.args(["-p", &thread_of(process, thread).to_string()]).args(self.options()).arg("-o").arg(told);
        let log = told.with_extension("strace");
        let tracer = Process::spawn("strace", &mut command, &log);
        let attached = || tracer.log().contains(" attached").then_some(());
        wait::until("strace to follow a thread", wait::GENEROUS, attached);
        Waiting { tracer, told: told.to_owned() }
    }
}

/// A fault that waits for its call.
#[derive(Debug)]
pub struct Waiting {
    tracer: Process,
    told: PathBuf,
}

impl Waiting {
    #[must_use]
    pub fn struck(&self) -> bool {
        struck(&self.told)
    }

    /// Lets the thread go on by itself.
    pub fn lift(mut self) {
        self.tracer.terminate();
    }
}

/// Whether the call has come.
#[must_use]
pub fn struck(told: &Path) -> bool {
    let told = fs::read_to_string(told).unwrap_or_default();
    told.contains("(INJECTED)") || told.contains("killed by SIGKILL")
}

/// How many calls of each name a thread has done; the trace is whole.
#[must_use]
pub fn counted(told: &Path, thread: Option<u32>) -> BTreeMap<String, u32> {
    let told = fs::read_to_string(told).unwrap_or_default();
    let thread = thread.map(|thread| thread.to_string());
    let mut counted = BTreeMap::new();
    for line in told.lines() {
        // With one thread alone lines don't say which it is.
        let call = match &thread {
            Some(thread) => line.strip_prefix(&thread[..]).map(str::trim_start),
            None => Some(line),
        };
        if let Some((name, _)) = call.and_then(|call| call.split_once('(')).filter(|(name, _)| is_name(name)) {
            *counted.entry(name.to_owned()).or_default() += 1;
        }
    }
    counted
}

fn is_name(text: &str) -> bool {
    CALLS.split(',').any(|name| name == text)
}

/// Whether the trace tells how the process has ended.
#[must_use]
pub fn has_ended(told: &Path, process: u32) -> bool {
    let told = fs::read_to_string(told).unwrap_or_default();
    let process = process.to_string();
    told.lines().any(|line| line.strip_prefix(&process[..]).is_some_and(|rest| rest.trim_start().starts_with("+++")))
}

fn thread_of(process: &Process, name: &str) -> u32 {
    let threads = fs::read_dir(format!("/proc/{}/task", process.pid())).expect("a running program has threads");
    let mut threads = threads.flatten().map(|thread| thread.path());
    let is_it = |thread: &PathBuf| fs::read_to_string(thread.join("comm")).is_ok_and(|found| found.trim() == name);
    let found = threads.find(is_it).unwrap_or_else(|| panic!("no thread is called {name}"));
    found.file_name().and_then(|id| id.to_str()?.parse().ok()).expect("a thread's folder is its number")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tempdir::TempDir;

    /// What a shell has written whose second write is struck, and how many calls it did.
    fn shell(fault: Fault) -> Option<(String, BTreeMap<String, u32>)> {
        let dir = TempDir::new("inject");
        let (file, told) = (dir.join("file"), dir.join("told"));
        let call = ("write".to_owned(), 2);
        let words = Strike { fault, call: &call, files: std::slice::from_ref(&file) }.at_start(&told)?;
        let script = format!("exec 5>{}; echo one >&5; echo two >&5; echo three >&5; exit 0", file.display());
        let mut shell = Process::spawn(
            "sh",
            Command::new(&words[0]).args(&words[1..]).args(["sh", "-c", &script]),
            &dir.join("log"),
        );
        wait::until("its end", wait::GENEROUS, || shell.ended().filter(|_| has_ended(&told, shell.pid())));
        assert!(struck(&told));
        Some((fs::read_to_string(&file).unwrap(), counted(&told, Some(shell.pid()))))
    }

    #[test]
    fn one_call_fails_and_others_go_on() {
        let Some((written, counted)) = shell(Fault::Error("EIO")) else { return };
        assert_eq!(written, "one\nthree\n");
        assert_eq!((counted["openat"], counted["write"]), (1, 3));
    }

    #[test]
    fn the_program_dies_as_it_enters_the_call() {
        let Some((written, counted)) = shell(Fault::Kill) else { return };
        assert_eq!(written, "one\n");
        assert_eq!(counted["write"], 2);
    }
}
