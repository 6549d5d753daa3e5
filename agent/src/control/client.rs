//! The command line's side of the socket. It blocks.

use super::wire::{Ask, Refusal, Reply, Request};
use crate::action::{self, Action};
use crate::report::{Report, Told};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// A reply may hold many scanners and answers.
const REPLY_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A connection to the running agent.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    site: String,
}

/// Why the agent gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unreached {
    #[error("parceld isn't running: nobody answers at {}", shown(.tried))]
    NotRunning { tried: Vec<PathBuf> },
    #[error("{}: not allowed; ask as root or as a member of the agent's group (parceld)", .path.display())]
    NotAllowed { path: PathBuf },
    #[error("parceld didn't answer: {source}")]
    Silent { source: io::Error },
    #[error("parceld answered something that this version doesn't know: {why}")]
    Strange { why: String },
    #[error(transparent)]
    Refused(Refusal),
}

fn shown(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" or ")
}

impl Client {
    /// Connects to the first of `candidates` where somebody answers; each question may take up to `timeout`.
    ///
    /// # Errors
    /// Nobody answers, or the socket may not be opened.
    pub fn connect(candidates: &[PathBuf], site: &str, timeout: Duration) -> Result<Self, Unreached> {
        let mut not_allowed = None;
        for path in candidates {
            match UnixStream::connect(path) {
                Ok(stream) => {
                    let limited = stream.set_read_timeout(Some(timeout)).and(stream.set_write_timeout(Some(timeout)));
                    limited.map_err(|source| Unreached::Silent { source })?;
                    return Ok(Self { stream, site: site.to_owned() });
                }
                Err(error) if error.kind() == ErrorKind::PermissionDenied => not_allowed = Some(path.clone()),
                Err(_) => {}
            }
        }
        Err(match not_allowed {
            Some(path) => Unreached::NotAllowed { path },
            None => Unreached::NotRunning { tried: candidates.to_vec() },
        })
    }

    /// How the agent is.
    ///
    /// # Errors
    /// The agent didn't answer, or refused.
    pub fn status(&mut self) -> Result<Report, Unreached> {
        match self.ask(Ask::Status)? {
            Reply::Report(report) => Ok(*report),
            other => Err(strange(&other)),
        }
    }

    /// Scans `code` at `station`.
    ///
    /// # Errors
    /// The agent didn't answer, or knows no such station.
    pub fn scan(&mut self, station: &str, code: &str) -> Result<Told, Unreached> {
        match self.ask(Ask::Scan { station: station.to_owned(), code: code.to_owned() })? {
            Reply::Answer(told) => Ok(*told),
            other => Err(strange(&other)),
        }
    }

    /// Takes `count` numbers for labels, which nobody else gets; the serial of the first.
    ///
    /// # Errors
    /// The agent didn't answer, or could not save that they are taken.
    pub fn reserve_labels(&mut self, count: u32) -> Result<u64, Unreached> {
        match self.ask(Ask::ReserveLabels { count })? {
            Reply::Reserved { first } => Ok(first),
            other => Err(strange(&other)),
        }
    }

    /// The newest lines of the agent's log, the oldest first.
    ///
    /// # Errors
    /// The agent didn't answer.
    pub fn log(&mut self) -> Result<Vec<String>, Unreached> {
        match self.ask(Ask::Log)? {
            Reply::Log { lines } => Ok(lines),
            other => Err(strange(&other)),
        }
    }

    /// The configuration that runs, as JSON.
    ///
    /// # Errors
    /// The agent didn't answer.
    pub fn configuration(&mut self) -> Result<String, Unreached> {
        match self.ask(Ask::Configuration)? {
            Reply::Configuration { shown } => Ok(shown),
            other => Err(strange(&other)),
        }
    }

    /// Has something done, and waits for how it went.
    ///
    /// # Errors
    /// The agent didn't answer.
    pub fn act(&mut self, action: Action) -> Result<action::Told, Unreached> {
        match self.ask(Ask::Act { action })? {
            Reply::Acted(told) => Ok(told),
            other => Err(strange(&other)),
        }
    }

    fn ask(&mut self, ask: Ask) -> Result<Reply, Unreached> {
        let silent = |source| Unreached::Silent { source };
        let request = Request { site: self.site.clone(), ask };
        let mut line = serde_json::to_vec(&request).map_err(|error| silent(error.into()))?;
        line.push(b'\n');
        self.stream.write_all(&line).map_err(silent)?;
        let mut reply = Vec::new();
        BufReader::new((&self.stream).take(REPLY_BYTES_MAX)).read_until(b'\n', &mut reply).map_err(silent)?;
        if reply.is_empty() {
            return Err(silent(ErrorKind::UnexpectedEof.into()));
        }
        match serde_json::from_slice(&reply) {
            Ok(Reply::Refused(refusal)) => Err(Unreached::Refused(refusal)),
            Ok(reply) => Ok(reply),
            Err(error) => Err(Unreached::Strange { why: error.to_string() }),
        }
    }
}

fn strange(reply: &Reply) -> Unreached {
    let why = match reply {
        Reply::Report(_) => "a report",
        Reply::Answer(_) => "an answer to a scan",
        Reply::Reserved { .. } => "numbers for labels",
        Reply::Log { .. } => "lines of the log",
        Reply::Configuration { .. } => "a configuration",
        Reply::Acted(_) => "the result of an action",
        Reply::Refused(_) => "a refusal",
    };
    Unreached::Strange { why: format!("{why} to another question") }
}
