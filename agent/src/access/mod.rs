//! Who may have something done from the page: the device's token, the sessions it opens, and patience with wrong ones.
//!
//! There is no default password. The token is made at the first start, shown once and kept as a digest in the database;
//! or an administrator gives one in a file, which is read anew for each attempt. Sessions live in memory only. A right
//! token is answered at once, a wrong one after a while that grows; whoever waits holds up nobody at another address.

mod patience;
mod sessions;
mod token;

pub use sessions::{Session, SessionId};
pub use token::Token;

use crate::clock::Clock;
use crate::journal::{Job, Journal};
use patience::Patience;
use sessions::Sessions;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use token::{Digest, digest, matches};
use tokio::sync::oneshot;

/// A token that an administrator gives must be as hard to guess as a random one could be at this length.
pub const GIVEN_CHARS_MIN: usize = 20;

/// A file that holds a token has no reason to be longer.
const FILE_BYTES_MAX: u64 = 4 * 1024;

/// Where the token comes from.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// A file whose first line is the token; without it, the one that was made here.
    pub token_file: Option<PathBuf>,
}

/// The token, the sessions and the patience of one agent.
#[derive(Debug)]
pub struct Access {
    config: Mutex<Config>,
    journal: Journal,
    clock: Clock,
    /// Of the token that was made here.
    digest: Mutex<Option<Digest>>,
    sessions: Mutex<Sessions>,
    patience: Mutex<Patience>,
}

/// What became of an attempt with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    Right,
    /// To be told after this while; until then nobody at that address is listened to.
    Wrong {
        after: Duration,
    },
    /// An earlier attempt from that address is still being answered: this one tells nothing.
    NotNow {
        again: Duration,
    },
}

/// Who has had something done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    Session(Session),
    /// A machine that has the token.
    Token,
    /// Somebody at the board itself: a station's screen.
    Board,
    CommandLine,
}

impl By {
    /// As it is recorded.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Session(session) => &session.label,
            Self::Token => "token",
            Self::Board => "board",
            Self::CommandLine => "cli",
        }
    }
}

/// Why there is no new token.
#[derive(Debug, thiserror::Error)]
pub enum NoToken {
    #[error("the token is the first line of {}: change it there", .0.display())]
    Given(PathBuf),
    #[error("no random numbers: {0}")]
    NoRandom(#[from] io::Error),
    #[error("the new token could not be saved, so the old one stays")]
    NotSaved,
}

/// Why a file gives no token.
#[derive(Debug, thiserror::Error)]
pub enum BadFile {
    #[error("{}: can't be read: {why}", .path.display())]
    Unreadable { path: PathBuf, why: io::Error },
    #[error("{}: its first line has fewer than {GIVEN_CHARS_MIN} characters", .path.display())]
    TooShort { path: PathBuf },
}

impl Access {
    #[must_use]
    pub fn new(config: Config, journal: Journal, clock: Clock) -> Self {
        let digest = Mutex::new(journal.token_digest());
        let config = Mutex::new(config);
        Self { config, journal, clock, digest, sessions: Mutex::default(), patience: Mutex::default() }
    }

    /// The token comes from elsewhere from here on. Where it does, every session ends.
    pub fn change_to(&self, config: Config) {
        let mut known = lock(&self.config);
        if known.token_file != config.token_file {
            lock(&self.sessions).end_all();
        }
        *known = config;
    }

    /// Whether no token opens anything: none is made, and no file gives one.
    #[must_use]
    pub fn lacks_token(&self) -> bool {
        self.token_file().is_none() && lock(&self.digest).is_none()
    }

    fn token_file(&self) -> Option<PathBuf> {
        lock(&self.config).token_file.clone()
    }

    /// The token that the very first start makes; none where there is one already.
    ///
    /// # Errors
    /// It could not be made or saved.
    pub async fn first_token(&self) -> Result<Option<Token>, NoToken> {
        if self.token_file().is_some() || lock(&self.digest).is_some() {
            return Ok(None);
        }
        self.new_token().await.map(Some)
    }

    /// Makes a token in place of the old one, and ends every session.
    ///
    /// # Errors
    /// The token is given by a file, or the new one could not be made or saved.
    pub async fn new_token(&self) -> Result<Token, NoToken> {
        if let Some(path) = self.token_file() {
            return Err(NoToken::Given(path));
        }
        let token = Token::random()?;
        let digest = token.digest();
        let (sender, saved) = oneshot::channel();
        let reply = Box::new(move |outcome: Result<(), _>| {
            let _ = sender.send(outcome.is_ok());
        });
        let job = Job::KeepToken { digest, reply };
        if self.journal.try_submit(job).is_err() || !saved.await.unwrap_or(false) {
            return Err(NoToken::NotSaved);
        }
        *lock(&self.digest) = Some(digest);
        lock(&self.sessions).end_all();
        Ok(token)
    }

    /// What is wrong with the file that gives the token, if one does.
    ///
    /// # Errors
    /// It can't be read, or gives too short a token.
    pub fn check_file(&self) -> Result<(), BadFile> {
        self.given().map(|_| ())
    }

    /// Tries `token` for somebody at `address`. Reads the file that gives the token, if one does.
    pub fn attempt(&self, token: &str, address: IpAddr) -> Attempt {
        let now = self.clock.now().since_start;
        let is_right = match self.given() {
            Ok(Some(given)) => matches(&digest(token.trim()), &digest(&given)),
            Ok(None) => {
                lock(&self.digest).as_ref().is_some_and(|digest| matches(&Token::parse(token).digest(), digest))
            }
            Err(error) => {
                tracing::error!(%error, "nobody can sign in");
                false
            }
        };
        let mut patience = lock(&self.patience);
        if let Some(again) = patience.busy_for(address, now) {
            return Attempt::NotNow { again };
        }
        if is_right {
            patience.forgive(address);
            return Attempt::Right;
        }
        let after = patience.failed(address, now);
        tracing::warn!(%address, wait_ms = after.as_millis(), "a wrong token");
        Attempt::Wrong { after }
    }

    /// Opens a session; what is returned is the only copy of its id.
    ///
    /// # Errors
    /// There are no random numbers.
    pub fn open_session(&self) -> io::Result<SessionId> {
        let id = SessionId::random()?;
        lock(&self.sessions).open(&id, self.clock.now().since_start);
        Ok(id)
    }

    /// The session with this id, if it is open.
    pub fn session(&self, id: &str) -> Option<Session> {
        lock(&self.sessions).get(id, self.clock.now().since_start)
    }

    /// Notes that somebody works in this session: looking alone does not keep it open.
    pub fn use_session(&self, id: &str) {
        lock(&self.sessions).touch(id, self.clock.now().since_start);
    }

    pub fn end_session(&self, id: &str) {
        lock(&self.sessions).end(id);
    }

    fn given(&self) -> Result<Option<String>, BadFile> {
        let Some(path) = self.token_file() else {
            return Ok(None);
        };
        let mut text = String::new();
        let read = std::fs::File::open(&path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text));
        read.map_err(|why| BadFile::Unreadable { path: path.clone(), why })?;
        let token = text.lines().next().unwrap_or_default().trim();
        if token.chars().count() < GIVEN_CHARS_MIN {
            return Err(BadFile::TooShort { path: path.clone() });
        }
        Ok(Some(token.to_owned()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
