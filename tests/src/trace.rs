//! The system calls of a traced program, and whether each answer was on disk before it was given.
//!
//! A trace is what strace writes: calls in the order in which the kernel was entered and left. A call that others
//! interrupt in the trace has two lines; it began at the first and ended at the second.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::{binaries, wait};

/// The first byte of an answer to a scan that was stored, as strace prints it before another byte or the end.
const ACK: &str = r"\6";
/// The same before a digit.
const ACK_BEFORE_DIGIT: &str = r"\006";

/// One call on one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub name: String,
    pub file: PathBuf,
    /// The bytes written, as strace prints them; empty for a call that writes none.
    pub text: String,
    /// Its first line in the trace.
    pub began: usize,
    /// Its last line; `None` where it failed or never ended.
    pub ended: Option<usize>,
}

/// An answer that was given too early, with its line in the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Early {
    /// Nothing was written to the log since the scanner's last answer.
    Unwritten { line: usize },
    /// What was last written to the log had not been forced to disk.
    Unsynced { line: usize },
}

/// The words before a program that have strace follow it, with what [`calls`] wants to know, into `file`. The program
/// keeps its place as our child. `None`, and the reason printed, where nothing may be traced here.
///
/// # Panics
/// Where strace isn't installed.
#[must_use]
pub fn tracer(file: &Path) -> Option<Vec<String>> {
    strace(&["-tt", "-y", "-s", "16", "-e", "trace=fsync,fdatasync,write,pwrite64,writev,pwritev,pwritev2"], file)
}

/// The words before a program for which each sync of a file takes this much longer; what was delayed is listed in
/// `file`. `None` as for [`tracer`].
///
/// # Panics
/// Where strace isn't installed.
#[must_use]
pub fn slow_disk(delay: Duration, file: &Path) -> Option<Vec<String>> {
    let delay = format!("inject=fsync,fdatasync:delay_enter={}", delay.as_micros());
    strace(&["-e", "trace=fsync,fdatasync", "-e", &delay], file)
}

/// The words before a program that is killed as it enters its `nth` call that changes one of `files`, or forces it to disk.
/// What it did to them by then is listed in `file`. `None` as for [`tracer`].
///
/// # Panics
/// Where strace isn't installed.
#[must_use]
pub fn killer(nth: u32, files: &[&Path], file: &Path) -> Option<Vec<String>> {
    let kill = format!("inject={CHANGES}:signal=KILL:when={nth}");
    let (trace, files): (_, Vec<_>) =
        (format!("trace={CHANGES}"), files.iter().map(|file| file.to_string_lossy()).collect());
    let mut options = vec!["-e", &trace, "-e", &kill];
    options.extend(files.iter().flat_map(|file| ["-P", file]));
    strace(&options, file)
}

/// The words before a program whose `nth` read of `file` fails with an I/O error; its reads are listed in `trace`. `None` as
/// for [`tracer`].
///
/// # Panics
/// Where strace isn't installed.
#[must_use]
pub fn failed_read(nth: u32, file: &Path, trace: &Path) -> Option<Vec<String>> {
    let fail = format!("inject=pread64:error=EIO:when={nth}");
    strace(&["-e", "trace=pread64", "-e", &fail, "-P", &file.to_string_lossy()], trace)
}

/// The words before a program for which no plain read of `file` succeeds: of whoever reads it from its beginning to its end.
/// Its reads are listed in `trace`. `None` as for [`tracer`].
///
/// # Panics
/// Where strace isn't installed.
#[must_use]
pub fn unreadable(file: &Path, trace: &Path) -> Option<Vec<String>> {
    strace(&["-e", "trace=read", "-e", "inject=read:error=EIO", "-P", &file.to_string_lossy()], trace)
}

/// Has each sync of `file` by a running process fail with an I/O error, until [`Failing::end`]. `None` as for [`tracer`].
///
/// # Panics
/// Where strace isn't installed, or doesn't get hold of the process.
#[must_use]
pub fn fail_syncs(process: u32, file: &Path) -> Option<Failing> {
    let words =
        strace(&["-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO"], Path::new("/dev/null"))?;
    // It stays apart from the process, and is told to let go of it.
    let words = words.into_iter().filter(|word| word != "-D");
    let words: Vec<String> =
        words.chain(["-P".into(), file.to_string_lossy().into_owned(), "-p".into(), process.to_string()]).collect();
    let strace = Command::new(&words[0]).args(&words[1..]).stdin(Stdio::null()).stderr(Stdio::null()).spawn();
    let failing = Failing(strace.expect("strace can be started"));
    wait::until("strace to have hold of it", wait::GENEROUS, || is_traced(process).then_some(()));
    Some(failing)
}

/// What makes a process's calls fail.
#[derive(Debug)]
pub struct Failing(Child);

impl Failing {
    /// Lets go of the process.
    ///
    /// # Panics
    /// Where strace can't be ended.
    pub fn end(mut self) {
        let strace = Pid::from_child(&self.0);
        rustix::process::kill_process(strace, Signal::INT).expect("it runs");
        self.0.wait().expect("it ends");
    }
}

/// Whether each of its threads is.
fn is_traced(process: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let status = |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("status")).unwrap_or_default();
    let tracer = |status: &str| status.lines().find_map(|line| line.strip_prefix("TracerPid:")?.trim().parse().ok());
    threads.map(status).all(|status| tracer(&status).is_none_or(|tracer: u32| tracer != 0))
}

/// Calls that change a file or force it to disk.
const CHANGES: &str = "write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,ftruncate,fallocate,unlink,unlinkat";

pub(crate) fn strace(options: &[&str], file: &Path) -> Option<Vec<String>> {
    let strace = binaries::system("strace", "strace").to_string_lossy().into_owned();
    let tried = Command::new(&strace).args(["-f", "-o", "/dev/null", "true"]).stderr(Stdio::piped()).output();
    let tried = tried.expect("strace can be started");
    if !tried.status.success() {
        eprintln!("skipped: strace may not trace here: {}", String::from_utf8_lossy(&tried.stderr).trim());
        return None;
    }
    let words = [&strace[..], "-D", "-f"].into_iter().chain(options.iter().copied()).chain(["-o"]).map(str::to_owned);
    Some(words.chain([file.to_string_lossy().into_owned()]).collect())
}

/// Reads a trace with `-f`, `-tt` and `-y`. Lines about anything else than a call on a file are passed over.
#[must_use]
pub fn calls(trace: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut open = HashMap::new();
    for (line, text) in trace.lines().enumerate() {
        let Some((process, text)) = text.split_once(' ').map(|(process, text)| (process, text.trim_start())) else {
            continue;
        };
        let Some((_time, text)) = text.split_once(' ') else { continue };
        if text.starts_with("<... ") {
            if let Some(index) = open.remove(process).filter(|_| has_succeeded(text)) {
                let call: &mut Call = &mut calls[index];
                call.ended = Some(line);
            }
        } else if let Some(call) = call(text, line) {
            if text.ends_with("<unfinished ...>") {
                open.insert(process, calls.len());
            }
            calls.push(call);
        }
    }
    calls
}

/// Checks that before each answer to one of the `scanners` something was written to `log` since this scanner's last
/// answer, and that all written to it by then had been forced to disk. Returns how many answers there were.
///
/// # Errors
/// The first answer that came too early.
pub fn answers_on_disk(calls: &[Call], log: &Path, scanners: &[PathBuf]) -> Result<usize, Early> {
    let mut answered: HashMap<&Path, usize> = HashMap::new();
    let mut answers = 0;
    for answer in calls.iter().filter(|call| scanners.contains(&call.file) && call.is_answer()) {
        let line = answer.began;
        let last_answer = answered.insert(&answer.file, line).unwrap_or(0);
        let before = || calls.iter().filter(|call| call.file == log && call.began < line);
        let written = before().rfind(|call| call.writes()).filter(|written| last_answer <= written.began);
        let written = written.ok_or(Early::Unwritten { line })?;
        let synced = |call: &Call| {
            let after_all_of_it = written.ended.is_some_and(|ended| ended < call.began);
            call.syncs() && after_all_of_it && call.ended.is_some_and(|ended| ended < line)
        };
        if !before().any(synced) {
            return Err(Early::Unsynced { line });
        }
        answers += 1;
    }
    Ok(answers)
}

impl Call {
    fn writes(&self) -> bool {
        self.name.contains("write")
    }

    fn syncs(&self) -> bool {
        matches!(self.name.as_str(), "fsync" | "fdatasync")
    }

    fn is_answer(&self) -> bool {
        let begins = |ack: &str| self.text.strip_prefix(ack).is_some_and(|rest| !rest.starts_with(char::is_numeric));
        self.writes() && (begins(ACK) || self.text.starts_with(ACK_BEFORE_DIGIT))
    }
}

/// `name(7</path>, "text", 4) = 4`, or its first half.
fn call(text: &str, line: usize) -> Option<Call> {
    let (name, arguments) = text.split_once('(')?;
    let (_descriptor, rest) = arguments.split_once('<')?;
    let (file, rest) = rest.split_once('>')?;
    let quoted = rest.split_once('"').and_then(|(_, text)| text.split_once('"'));
    Some(Call {
        name: name.to_owned(),
        file: file.into(),
        text: quoted.map_or(String::new(), |(text, _)| text.to_owned()),
        began: line,
        ended: has_succeeded(rest).then_some(line),
    })
}

fn has_succeeded(text: &str) -> bool {
    let result = text.rsplit_once(" = ").map(|(_, result)| result.trim_start());
    result.is_some_and(|result| result.starts_with(char::is_numeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row is a trace in short: a letter for the thread, then what it does. `w` writes to the log, `s` forces it to
    /// disk, `1` and `2` answer a scanner; `(` after a letter begins the call only, `)` ends it, `!` fails it.
    fn check(script: &str) -> Result<usize, Early> {
        let trace: String = script.split_whitespace().enumerate().map(|(number, word)| line(number, word)).collect();
        let scanners = ["/dev/pts/1".into(), "/dev/pts/2".into()];
        answers_on_disk(&calls(&trace), Path::new("/site/parceld.db-wal"), &scanners)
    }

    fn line(number: usize, word: &str) -> String {
        let (thread, rest) = word.split_at(1);
        let (what, how) = rest.split_at(1);
        let (name, arguments, result) = match what {
            "w" => ("pwrite64", r#"9</site/parceld.db-wal>, "7\177\6\202"..., 4096, 32"#, "4096"),
            "d" => ("pwrite64", r#"8</site/parceld.db>, "SQLite format 3\0"..., 4096, 0"#, "4096"),
            "s" => ("fdatasync", "9</site/parceld.db-wal>", "0"),
            "1" => ("write", r#"12</dev/pts/1>, "\6\7", 2"#, "2"),
            "2" => ("write", r#"13</dev/pts/2>, "\6", 1"#, "1"),
            "n" => ("write", r#"12</dev/pts/1>, "\25\7\7\7\7", 5"#, "5"),
            other => panic!("no call is written as {other}"),
        };
        let text = match how {
            "" => format!("{name}({arguments}) = {result}"),
            "(" => format!("{name}({arguments} <unfinished ...>"),
            ")" => format!("<... {name} resumed>) = {result}"),
            "!" => format!("{name}({arguments}) = -1 EIO (Input/output error)"),
            other => panic!("no call goes like {other}"),
        };
        format!("{thread}  14:03:11.{number:06} {text}\n")
    }

    #[test]
    fn an_answer_after_its_sync_is_in_order() {
        for (script, answers) in [
            ("", 0),
            ("aw aw as a1", 1),
            ("aw as a1 aw as a1", 2),
            ("aw as a1 a2", 2), // one commit for two scanners
            ("aw( bn aw) as( bn as) a1(", 1),
            ("aw as an", 0),     // not saved, and said so
            ("aw as! as a1", 1), // forced to disk in the end
        ] {
            assert_eq!(check(script), Ok(answers), "{script}");
        }
    }

    #[test]
    fn an_answer_before_its_sync_is_found() {
        let unsynced = |line| Err(Early::Unsynced { line });
        let unwritten = |line| Err(Early::Unwritten { line });
        for (script, expected) in [
            ("a1", unwritten(0)),
            ("ad as a1", unwritten(2)), // the database itself is no log
            ("aw a1", unsynced(1)),
            ("aw a1 as", unsynced(1)),
            ("aw as aw a1", unsynced(3)),
            ("aw as a1 a1", unwritten(3)),
            ("aw as a1 as a1", unwritten(4)),
            ("aw as a1 aw a1 as", unsynced(4)),
            ("aw( as aw) a1", unsynced(3)), // synced while it was still being written
            ("aw as( b1 as)", unsynced(2)),
            ("aw as! a1", unsynced(2)),
        ] {
            assert_eq!(check(script), expected, "{script}");
        }
    }

    #[test]
    fn an_acknowledgement_is_told_from_other_bytes() {
        for (text, is_answer) in [(r"\6", true), (r"\6\7\7", true), (r"\0061", true), (r"\60", false), (r"\25", false)]
        {
            let trace = format!("7 14:03:11.482000 write(5</dev/pts/1>, \"{text}\", 2) = 2");
            assert_eq!(calls(&trace)[0].is_answer(), is_answer, "{text}");
        }
    }

    #[test]
    fn reads_a_trace_of_a_real_program() {
        let dir = crate::tempdir::TempDir::new("trace");
        let Some(words) = tracer(&dir.join("trace")) else { return };
        let script = format!("printf '\\006\\007' > {0}/answer; sync -d {0}/answer", dir.path().display());
        let traced = Command::new(&words[0]).args(&words[1..]).args(["sh", "-c", &script]).status();
        assert!(traced.unwrap().success());
        let calls = wait::until("both calls", wait::GENEROUS, || {
            let calls = calls(&std::fs::read_to_string(dir.join("trace")).unwrap());
            let on_it: Vec<_> = calls.into_iter().filter(|call| call.file == dir.join("answer")).collect();
            (2 <= on_it.len()).then_some(on_it)
        });
        assert!(calls[0].is_answer() && calls[1].syncs(), "{calls:?}");
        assert!(calls[0].ended < calls[1].ended, "{calls:?}");
    }
}
