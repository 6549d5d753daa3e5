//! A child process with its log, its end, and what the kernel counts about it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::wait::{self, Stopwatch};

/// Lines of a log that a failing test prints.
const LOG_TAIL_LINES: usize = 60;

/// Longer than any program here takes to drain.
const TERMINATE_WITHIN: Duration = Duration::from_secs(30);

/// Longer than a program takes that has heard it.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(3);

/// What a process has in memory, as the kernel's proportional set size, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// What it has written to.
    pub written: u64,
    /// The rest: pages of its program and its libraries. The kernel can take them away and read them again.
    pub read: u64,
}

impl Memory {
    #[must_use]
    pub fn all(self) -> u64 {
        self.written + self.read
    }

    /// The most of each.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self { written: self.written.max(other.written), read: self.read.max(other.read) }
    }
}

/// Killed with SIGKILL when dropped; where the test panics, the end of its log is printed.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with standard output and error appended to `log`. A piped standard input stays open until drop.
    ///
    /// # Panics
    /// Where it can't be started.
    #[must_use]
    pub fn spawn(name: &str, command: &mut Command, log: &Path) -> Process {
        let output = open_log(log).unwrap_or_else(|error| panic!("cannot write {}: {error}", log.display()));
        let errors = output.try_clone().expect("an open file can be duplicated");
        let child = command
            .stdout(output)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        Process { name: name.to_owned(), child, log: log.to_owned() }
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it, and others with the same log, have written so far.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// How it ended, or `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// SIGKILL, and waits for the end. No effect on a process that has ended.
    pub fn kill9(&mut self) {
        // Fails only where the process has ended.
        let _ = self.child.kill();
        self.child.wait().expect("a child can be waited for");
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Panics
    /// Where it doesn't end.
    pub fn terminate(&mut self) -> ExitStatus {
        if self.ended().is_none() {
            self.signal(Signal::TERM);
        }
        let what = format!("{} to end after SIGTERM", self.name);
        wait::until(&what, TERMINATE_WITHIN, || self.ended())
    }

    /// SIGTERM, again and again until it ends: for programs that forget one that comes as they start.
    ///
    /// # Panics
    /// Where it doesn't end.
    pub fn terminate_for_sure(&mut self) {
        let what = format!("{} to end after SIGTERM, again and again", self.name);
        let mut asked: Option<Stopwatch> = None;
        wait::until(&what, TERMINATE_WITHIN, || {
            let ended = self.ended();
            if ended.is_none() && asked.is_none_or(|asked| ASK_AGAIN_AFTER <= asked.elapsed()) {
                self.signal(Signal::TERM);
                asked = Some(Stopwatch::start());
            }
            ended
        });
    }

    /// SIGTERM, and doesn't wait.
    pub fn begin_to_terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGQUIT, and waits for the end. No effect on a process that has ended.
    pub fn quit(&mut self) {
        if self.ended().is_none() {
            self.signal(Signal::QUIT);
        }
        let what = format!("{} to end after SIGQUIT", self.name);
        wait::until(&what, TERMINATE_WITHIN, || self.ended());
    }

    /// SIGSTOP: the process stands still, its connections stay open.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Processor time used so far by all its threads, in user and kernel, in seconds.
    #[must_use]
    pub fn cpu_seconds(&self) -> f64 {
        let stat = self.proc("stat");
        let (_, after_name) = stat.rsplit_once(')').expect("stat names the program in brackets");
        let ticks: u64 = after_name
            .split_whitespace()
            .skip(11) // utime and stime are fields 14 and 15 of proc_pid_stat(5), the name is field 2.
            .take(2)
            .map(|field| field.parse::<u64>().expect("utime and stime are integers"))
            .sum();
        ticks as f64 / rustix::param::clock_ticks_per_second() as f64
    }

    /// Open file descriptors.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        self.proc_dir("fd").count()
    }

    /// What it has in memory now.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let rollup = self.proc("smaps_rollup");
        let [all, written] = ["Pss:", "Pss_Dirty:"].map(|name| 1024 * number_after(name, &rollup));
        Memory { written, read: all.saturating_sub(written) }
    }

    /// How often its threads went to sleep by themselves: once per wake-up of an idle process. Threads that have ended
    /// don't count.
    #[must_use]
    pub fn voluntary_context_switches(&self) -> u64 {
        self.proc_dir("task")
            .filter_map(|thread| fs::read_to_string(thread.join("status")).ok())
            .map(|status| number_after("voluntary_ctxt_switches:", &status))
            .sum()
    }

    /// Bytes that it caused to be sent to storage.
    #[must_use]
    pub fn bytes_written(&self) -> u64 {
        number_after("write_bytes:", &self.proc("io"))
    }

    /// SIGHUP: many programs then read their files again.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap_or_else(|error| panic!("cannot signal {}: {error}", self.name));
    }

    fn proc_path(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.pid().to_string()).join(name)
    }

    fn proc(&self, name: &str) -> String {
        let path = self.proc_path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {} of {}: {error}", name, self.name))
    }

    fn proc_dir(&self, name: &str) -> impl Iterator<Item = PathBuf> {
        fs::read_dir(self.proc_path(name))
            .unwrap_or_else(|error| panic!("cannot list {} of {}: {error}", name, self.name))
            .filter_map(|entry| Some(entry.ok()?.path()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            self.print_end_of_log();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    fn print_end_of_log(&mut self) {
        let state = match self.child.try_wait() {
            Ok(Some(status)) => match status.signal() {
                Some(signal) => format!("ended by signal {signal}"),
                None => format!("ended, {status}"),
            },
            Ok(None) => "running".to_owned(),
            Err(error) => error.to_string(),
        };
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = &lines[lines.len().saturating_sub(LOG_TAIL_LINES)..];
        eprintln!("--- {} ({state}), end of its log:\n{}\n---", self.name, tail.join("\n"));
    }
}

fn open_log(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn number_after(label: &str, text: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(label))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("the kernel shows no {label}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tempdir::TempDir;

    fn shell(script: &str, dir: &TempDir) -> Process {
        Process::spawn("shell", Command::new("sh").arg("-c").arg(script), &dir.join("log"))
    }

    #[test]
    fn keeps_what_the_process_says() {
        let dir = TempDir::new("process");
        let mut process = shell("echo said; echo complained >&2; exit 3", &dir);
        let status = wait::until("the end", wait::GENEROUS, || process.ended());
        assert_eq!(status.code(), Some(3));
        assert_eq!(process.log(), "said\ncomplained\n");
    }

    #[test]
    fn ends_a_process_each_way() {
        let dir = TempDir::new("process");
        let mut killed = shell("exec sleep 1000", &dir);
        killed.kill9();
        assert_eq!(killed.ended().and_then(|status| status.signal()), Some(9));
        let mut terminated = shell("exec sleep 1000", &dir);
        assert_eq!(terminated.terminate().signal(), Some(15));
    }

    #[test]
    fn pauses_and_resumes() {
        let dir = TempDir::new("process");
        let process = shell("exec sleep 1000", &dir);
        let state = |wanted: char| {
            wait::until(&format!("state {wanted}"), wait::GENEROUS, || {
                let stat = process.proc("stat");
                stat.rsplit_once(") ")?.1.starts_with(wanted).then_some(())
            });
        };
        state('S');
        process.pause();
        state('T');
        process.resume();
        state('S');
    }

    #[test]
    fn reads_the_kernels_counters() {
        let dir = TempDir::new("process");
        let process = shell("while :; do :; done", &dir);
        wait::until("some processor time", wait::GENEROUS, || (0.05 <= process.cpu_seconds()).then_some(()));
        assert!(3 <= process.descriptors());
        assert!(10_000 < process.memory().all());
        assert_eq!(process.bytes_written(), 0);
        let _ = process.voluntary_context_switches();
    }
}
