//! A trace as steps: what a program did to the files of one directory, and what it said meanwhile.
//!
//! Strings in the trace are hexadecimal (`-xx`), so that brackets and quotes in it are strace's own. A call on the
//! directory that isn't known here is a panic: a disk that missed it would show something else than what was.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::trace;

/// Calls that change files, force them to disk, or say something.
const CALLS: &str = "trace=open,openat,openat2,creat,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,fsync,fdatasync,\
sync_file_range,ftruncate,truncate,fallocate,rename,renameat,renameat2,unlink,unlinkat,link,linkat,symlink,symlinkat,\
copy_file_range,sendfile,lseek";

/// Longer than anything that is written at once.
const STRING_BYTES_MAX: &str = "4194304";

/// A memory that processes share, made anew by whoever opens the database first: what a disk has of it counts for nothing.
const SHARED: &str = "-shm";

/// The first byte of an answer to a scan that was stored.
const ACK: u8 = 0x06;

/// One call, by the lines of the trace in which it began and ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub began: usize,
    /// None: the program was killed in it.
    pub ended: Option<usize>,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Open {
        path: PathBuf,
        truncates: bool,
    },
    /// `at`: none where the file's own position says it.
    Write {
        path: PathBuf,
        at: Option<u64>,
        bytes: Arc<[u8]>,
    },
    Resize {
        path: PathBuf,
        bytes: u64,
    },
    Allocate {
        path: PathBuf,
        bytes: u64,
    },
    /// Of a file, or of a directory's entries.
    Sync {
        path: PathBuf,
    },
    /// One that was refused.
    FailedSync {
        path: PathBuf,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    /// Another name for the same file.
    Link {
        from: PathBuf,
        to: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
    /// A scan on this port was answered as stored.
    Green {
        port: PathBuf,
    },
    /// Something was sent over the network.
    Sent {
        bytes: Arc<[u8]>,
    },
}

/// The words before a program that have strace follow it, with what [`steps`] wants to know, into `file`. The program
/// keeps its place as our child. `None`, and the reason printed, where nothing may be traced here.
///
/// # Panics
/// Where strace isn't installed.
#[must_use]
pub fn recorder(file: &Path) -> Option<Vec<String>> {
    recorder_that(&[], file)
}

/// The same, and of each thread the `nth` sync of a file's content fails, and all behind it.
///
/// # Panics
/// As [`recorder`].
#[must_use]
pub fn recorder_of_failing_syncs(nth: u32, file: &Path) -> Option<Vec<String>> {
    let fail = format!("inject=fdatasync:error=EIO:when={nth}+");
    recorder_that(&["-e", &fail], file)
}

fn recorder_that(does_more: &[&str], file: &Path) -> Option<Vec<String>> {
    let options = [&["-y", "-xx", "-s", STRING_BYTES_MAX, "-e", CALLS], does_more].concat();
    trace::strace(&options, file)
}

/// Reads a trace of [`recorder`]; `first` is the number of its first line. Returns the steps, and the number behind its
/// last line.
///
/// # Panics
/// At a call on a file in `directory` that isn't known here.
#[must_use]
pub fn steps(trace: &str, first: usize, directory: &Path, ports: &[PathBuf]) -> (Vec<Step>, usize) {
    let mut steps: Vec<Step> = Vec::new();
    // Of each thread the step that it is in, if what it does is one.
    let mut open: HashMap<&str, Option<usize>> = HashMap::new();
    let reader = Reader { directory, ports };
    let mut next = first;
    let results = results(trace);
    for (index, text) in trace.lines().enumerate() {
        let line = first + index;
        next = line + 1;
        let Some((thread, call)) = text.split_once(' ').map(|(thread, call)| (thread, call.trim_start())) else {
            continue;
        };
        if call.starts_with("<... ") {
            if let Some(Some(step)) = open.remove(thread) {
                steps[step].ended = Some(line);
            }
            continue;
        }
        let is_cut = call.ends_with("<unfinished ...>");
        let outcome = results.get(&index).copied().unwrap_or(Outcome::NeverEnded);
        let what = match outcome {
            Outcome::Failed => reader.failed(call),
            Outcome::Cut => None,
            Outcome::Returned(_) | Outcome::NeverEnded => reader.what(call, outcome),
        };
        if is_cut {
            open.insert(thread, what.is_some().then_some(steps.len()));
        }
        steps.extend(what.map(|what| Step { began: line, ended: (!is_cut).then_some(line), what }));
    }
    (steps, next)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Returned(u64),
    Failed,
    /// The program was killed in it.
    Cut,
    NeverEnded,
}

/// What became of each call, by the line in which it began.
fn results(trace: &str) -> HashMap<usize, Outcome> {
    let (mut results, mut open) = (HashMap::new(), HashMap::new());
    for (index, text) in trace.lines().enumerate() {
        let Some((thread, call)) = text.split_once(' ').map(|(thread, call)| (thread, call.trim_start())) else {
            continue;
        };
        if call.ends_with("<unfinished ...>") {
            open.insert(thread, index);
            continue;
        }
        let began = if call.starts_with("<... ") { open.remove(thread) } else { Some(index) };
        let result = call.rsplit_once(" = ").map(|(_, result)| result.trim_start());
        let number = result.map(|result| result.chars().take_while(char::is_ascii_digit).collect::<String>());
        let outcome = match number.and_then(|number| number.parse().ok()) {
            Some(number) => Outcome::Returned(number),
            None if result.is_some_and(|result| result.starts_with('-')) => Outcome::Failed,
            None => Outcome::Cut,
        };
        if let Some(began) = began {
            results.insert(began, outcome);
        }
    }
    results
}

struct Reader<'a> {
    directory: &'a Path,
    ports: &'a [PathBuf],
}

impl Reader<'_> {
    /// What fails does nothing, but for a sync: the system doesn't try again.
    fn failed(&self, call: &str) -> Option<What> {
        let (name, arguments) = call.split_once('(')?;
        let path = Arguments::of(arguments).path().filter(|path| self.counts(path))?;
        matches!(name, "fsync" | "fdatasync").then_some(What::FailedSync { path })
    }

    fn what(&self, call: &str, outcome: Outcome) -> Option<What> {
        let (name, arguments) = call.split_once('(')?;
        let mut arguments = Arguments::of(arguments);
        let path = arguments.path();
        match name {
            "open" | "openat" | "openat2" | "creat" => {
                let path = arguments.named().filter(|path| self.counts(path))?;
                let makes = arguments.text.contains("O_CREAT") || name == "creat";
                // A file that is there already has its name; one that isn't and isn't made is a call that fails.
                makes.then(|| What::Open { path, truncates: arguments.text.contains("O_TRUNC") })
            }
            "write" | "pwrite64" | "writev" | "pwritev" | "pwritev2" | "sendto" | "sendmsg" => {
                let path = path?;
                if self.ports.contains(&path) {
                    let is_green = arguments.bytes().first() == Some(&ACK);
                    return is_green.then_some(What::Green { port: path });
                }
                if path.to_string_lossy().starts_with("socket:") {
                    return Some(What::Sent { bytes: arguments.bytes().into() });
                }
                if !self.counts(&path) || arguments.is_gone() {
                    return None;
                }
                assert!(matches!(name, "write" | "pwrite64"), "unknown on {}: {name}", path.display());
                let bytes = arguments.bytes();
                if let Outcome::Returned(count) = outcome {
                    assert_eq!(count, bytes.len() as u64, "a write in parts to {}", path.display());
                }
                let at = (name == "pwrite64").then(|| arguments.last_number());
                Some(What::Write { path, at, bytes: bytes.into() })
            }
            "fsync" | "fdatasync" => {
                let path = path.filter(|path| self.counts(path) || path == self.directory)?;
                (!arguments.is_gone()).then_some(What::Sync { path })
            }
            "ftruncate" => {
                let path = path.filter(|path| self.counts(path))?;
                (!arguments.is_gone()).then(|| What::Resize { path, bytes: arguments.last_number() })
            }
            "fallocate" => {
                let path = path.filter(|path| self.counts(path))?;
                assert!(arguments.text.contains(", 0, 0, "), "unknown: {}", arguments.text);
                Some(What::Allocate { path, bytes: arguments.last_number() })
            }
            "rename" | "renameat" | "renameat2" => {
                let (from, to) = (arguments.named()?, arguments.second_name()?);
                (self.counts(&from) || self.counts(&to)).then_some(What::Rename { from, to })
            }
            "link" | "linkat" => {
                let (from, to) = (arguments.named()?, arguments.second_name()?);
                (self.counts(&from) || self.counts(&to)).then_some(What::Link { from, to })
            }
            "unlink" | "unlinkat" => {
                let path = arguments.named().filter(|path| self.counts(path))?;
                Some(What::Remove { path })
            }
            // From a file that lies elsewhere and stays as it is, all at once.
            "copy_file_range" | "sendfile" => {
                let paths = arguments.paths();
                let (to, from) = if name == "sendfile" { (0, 1) } else { (1, 0) };
                let (to, from) = (paths.get(to)?, paths.get(from)?);
                assert!(!self.counts(from), "unknown: {name} on {}", self.directory.display());
                if !self.counts(to) || outcome == Outcome::Returned(0) {
                    return None;
                }
                let bytes = std::fs::read(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
                assert_eq!(outcome, Outcome::Returned(bytes.len() as u64), "a copy in parts to {}", to.display());
                Some(What::Write { path: to.clone(), at: None, bytes: bytes.into() })
            }
            other => {
                let touched = path.into_iter().chain(arguments.named()).any(|path| self.counts(&path));
                assert!(!touched || other == "lseek", "unknown: {other} on {}", self.directory.display());
                None
            }
        }
    }

    fn counts(&self, path: &Path) -> bool {
        path != self.directory && path.starts_with(self.directory) && !path.to_string_lossy().ends_with(SHARED)
    }
}

/// The arguments of a call, and its result.
struct Arguments<'a> {
    text: &'a str,
    /// What stands in quotes.
    strings: Vec<&'a str>,
}

impl<'a> Arguments<'a> {
    fn of(text: &'a str) -> Arguments<'a> {
        let strings = text.split('"').skip(1).step_by(2).collect();
        Arguments { text, strings }
    }

    /// Of the descriptor that is the first argument.
    fn path(&self) -> Option<PathBuf> {
        let first = self.text.split_once(',').map_or(self.text, |(first, _)| first);
        let hex = first.split_once('<')?.1.split_once('>')?.0;
        Some(text(hex))
    }

    /// Of all descriptors.
    fn paths(&self) -> Vec<PathBuf> {
        self.text.split('<').skip(1).filter_map(|rest| Some(text(rest.split_once('>')?.0))).collect()
    }

    /// Whether the descriptor's file has no name any more.
    fn is_gone(&self) -> bool {
        self.text.split_once('>').is_some_and(|(_, rest)| rest.starts_with("(deleted)"))
    }

    fn named(&self) -> Option<PathBuf> {
        self.strings.first().map(|hex| text(hex))
    }

    fn second_name(&self) -> Option<PathBuf> {
        self.strings.get(1).map(|hex| text(hex))
    }

    fn bytes(&mut self) -> Vec<u8> {
        self.strings.iter().flat_map(|hex| bytes(hex)).collect()
    }

    fn last_number(&self) -> u64 {
        let inner = self.text.rsplit_once(')').map_or(self.text, |(inner, _)| inner);
        let inner = inner.trim_end_matches(" <unfinished ...>").trim_end_matches('>');
        let last = inner.rsplit_once(", ").map_or(inner, |(_, last)| last);
        let digits: String = last.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or_else(|error| panic!("no number at the end of {last:?}: {error}"))
    }
}

fn text(hex: &str) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(&bytes(hex)).into_owned())
}

/// Of `\x41\x42`.
fn bytes(hex: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or_default() as u8;
    hex.as_bytes().chunks_exact(4).map(|four| digit(four[2]) << 4 | digit(four[3])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> String {
        text.bytes().map(|byte| format!("\\x{byte:02x}")).collect()
    }

    /// Each line is a call with plain strings in `<…>` and `"…"`, which are made hexadecimal.
    fn check(lines: &[&str], expected: &[(usize, Option<usize>, What)]) {
        let line = |line: &&str| {
            let mut out = String::new();
            for (index, part) in line.split('"').enumerate() {
                if index % 2 == 1 {
                    out.push_str(&format!("\"{}\"", hex(part)));
                } else if let Some((before, rest)) = part.split_once("</") {
                    let (path, after) = rest.split_once('>').unwrap();
                    out.push_str(&format!("{before}<{}>{after}", hex(&format!("/{path}"))));
                } else {
                    out.push_str(part);
                }
            }
            format!("{out}\n")
        };
        let trace: String = lines.iter().map(line).collect();
        let (steps, next) = steps(&trace, 100, Path::new("/d"), &["/dev/pts/1".into()]);
        let found: Vec<_> = steps.into_iter().map(|step| (step.began, step.ended, step.what)).collect();
        assert_eq!(found, expected);
        assert_eq!(next, 100 + lines.len());
    }

    #[test]
    fn reads_what_was_done_to_the_directory_and_what_was_said() {
        let path = PathBuf::from("/d/db");
        let write = |at, text: &str| What::Write { path: "/d/db".into(), at, bytes: text.as_bytes().into() };
        check(
            &[
                r#"7  openat(AT_FDCWD</>, "/d/db", O_RDWR|O_CREAT|O_CLOEXEC, 0644) = 11</d/db>"#,
                r#"7  pwrite64(11</d/db>, "ab", 2, 512) = 2"#,
                r#"7  write(11</d/db>, "c", 1 <unfinished ...>"#,
                r#"8  write(5</dev/pts/1>, "?", 1) = 1"#,
                "7  <... write resumed>) = 1",
                "7  fsync(11</d/db>) = 0",
                "7  fsync(12</d>) = 0",
                "7  ftruncate(11</d/db>, 79872) = 0",
                r#"7  rename("/d/db", "/d/other") = 0"#,
                r#"7  linkat(AT_FDCWD</>, "/d/other", AT_FDCWD</>, "/d/too", 0) = 0"#,
                r#"7  unlink("/d/other") = -1 ENOENT (No such file or directory)"#,
                r#"7  pwrite64(11</d/db-shm>, "ab", 2, 512) = 2"#,
                r#"7  write(2</elsewhere>, "ab", 2) = 2"#,
                "7  fdatasync(11</d/db>) = -1 EIO (Input/output error) (INJECTED)",
                "7  fsync(11</d/db> <unfinished ...>",
                "7  +++ killed by SIGKILL +++",
            ],
            &[
                (100, Some(100), What::Open { path: path.clone(), truncates: false }),
                (101, Some(101), write(Some(512), "ab")),
                (102, Some(104), write(None, "c")),
                (105, Some(105), What::Sync { path: path.clone() }),
                (106, Some(106), What::Sync { path: "/d".into() }),
                (107, Some(107), What::Resize { path: path.clone(), bytes: 79_872 }),
                (108, Some(108), What::Rename { from: path.clone(), to: "/d/other".into() }),
                (109, Some(109), What::Link { from: "/d/other".into(), to: "/d/too".into() }),
                (113, Some(113), What::FailedSync { path: path.clone() }),
                (114, None, What::Sync { path }),
            ],
        );
        check(
            &["7  write(5</dev/pts/1>, \"\u{6}\", 1) = 1"],
            &[(100, Some(100), What::Green { port: "/dev/pts/1".into() })],
        );
    }

    #[test]
    #[should_panic(expected = "unknown: copy_file_range")]
    fn a_call_that_is_not_known_is_not_passed_over() {
        check(&["7  copy_file_range(3</d/a>, NULL, 4</d/b>, NULL, 9, 0) = 9"], &[]);
    }
}
