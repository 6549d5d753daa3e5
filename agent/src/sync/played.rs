//! Sync without its thread, its runtime and its sockets: for simulations, which play the broker and the clock.
//!
//! Everything that decides is what the thread runs too: the way from one connection to the next, and all that a
//! connection makes of what it sees. Only whoever waits, and what carries packets, is another.

use super::client::Ended;
use super::client::line::Line;
use super::status::SyncStatus;
use super::{After, Config, Handles, SESSIONS_PER_START, Shared, prepare};
use crate::clock::Clock;
use crate::journal::{Error, Journal};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use std::time::Duration;
use tokio::sync::watch;

/// Nobody asks a simulation's sync for a connection: longer than any is played.
const NOBODY_ASKS: Duration = Duration::from_secs(u32::MAX as u64);

/// Sync, one step at a time.
pub struct Played {
    at: At,
    handles: Handles,
    failures: u32,
    session: u64,
}

enum At {
    Rest(Box<Shared>),
    Line(Box<Line>),
    /// Only while it goes from one to the other.
    Between,
}

impl Played {
    /// # Errors
    /// The journal can't be read.
    pub fn new(config: Config, journal: Journal, clock: Clock) -> Result<Self, Error> {
        let session = journal.starts() * SESSIONS_PER_START;
        let (shared, handles) = prepare(config, journal, watch::channel(None).1, clock)?;
        Ok(Self { at: At::Rest(Box::new(shared)), handles, failures: 0, session })
    }

    /// Begins a connection with the client that `client` makes of its options and of the number of requests that it may
    /// hold. It was not begun where this says how long to wait for the next attempt; `random` is uniform.
    pub fn connect(&mut self, random: u32, client: impl FnOnce(MqttOptions, usize) -> AsyncClient) -> Option<Duration> {
        let At::Rest(mut shared) = std::mem::replace(&mut self.at, At::Between) else { return None };
        self.session += 1;
        shared.take_new_config();
        match Line::begin(shared, self.session, client) {
            Ok(line) => {
                self.at = At::Line(Box::new(line));
                None
            }
            Err((shared, trouble)) => Some(self.rest(shared, trouble.into(), random)),
        }
    }

    #[must_use]
    pub fn is_connected(&self) -> bool {
        matches!(self.at, At::Line(_))
    }

    /// The client's event loop has this to say.
    pub fn hear(&mut self, event: Event) {
        if let At::Line(line) = &mut self.at {
            line.hear(event);
        }
    }

    /// Takes in what was heard, and does what follows. How long to wait for the next connection, where this one has ended.
    pub fn step(&mut self, random: u32) -> Option<Duration> {
        let At::Line(line) = &mut self.at else { return None };
        let ended = line.step().err()?;
        Some(self.end(ended, random))
    }

    /// The connection is gone; how long to wait for the next one.
    pub fn lost(&mut self, why: &str, random: u32) -> Duration {
        self.end(Ended::broken(why), random)
    }

    /// When to step although nothing happens, since the agent's start.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        match &self.at {
            At::Line(line) => line.due(),
            At::Rest(_) | At::Between => None,
        }
    }

    #[must_use]
    pub fn status(&self) -> SyncStatus {
        self.handles.status.borrow().clone()
    }

    fn end(&mut self, ended: Ended, random: u32) -> Duration {
        match std::mem::replace(&mut self.at, At::Between) {
            At::Line(line) => self.rest(line.end(), ended, random),
            at => {
                self.at = at;
                Duration::ZERO
            }
        }
    }

    fn rest(&mut self, mut shared: Box<Shared>, ended: Ended, random: u32) -> Duration {
        let after = shared.after(ended, &mut self.failures, random);
        self.at = At::Rest(shared);
        match after {
            After::End | After::AtOnce => Duration::ZERO,
            After::Wait(wait) => wait,
            After::Rest => NOBODY_ASKS,
        }
    }
}
