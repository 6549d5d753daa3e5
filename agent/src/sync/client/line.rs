//! A connection without a socket: somebody else plays the client's event loop, one step at a time.

use super::work::Work;
use super::{Ended, Inbox, begin, requests_max, seen};
use crate::sync::{Shared, Trouble};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use std::time::Duration;

/// A connection that holds what outlives it, until it ends.
pub struct Line {
    work: Work<Box<Shared>>,
    inbox: Inbox,
    broken: Option<Ended>,
}

impl Line {
    /// `client` makes a client of these options, which takes so many requests before any of them is sent.
    ///
    /// # Errors
    /// A file can't be used.
    pub fn begin(
        mut shared: Box<Shared>,
        session: u64,
        client: impl FnOnce(MqttOptions, usize) -> AsyncClient,
    ) -> Result<Self, (Box<Shared>, Trouble)> {
        let options = match begin(&mut shared, session) {
            Ok(options) => options,
            Err(trouble) => return Err((shared, trouble)),
        };
        let client = client(options, requests_max(&shared.config));
        Ok(Self { work: Work::new(shared, client, session), inbox: Inbox::default(), broken: None })
    }

    /// The event loop has this to say.
    pub fn hear(&mut self, event: Event) {
        match seen(event) {
            Ok(seen) => self.inbox.put(seen),
            Err(ended) => self.broken = self.broken.take().or(Some(ended)),
        }
    }

    /// Takes in what was heard, and does what follows.
    ///
    /// # Errors
    /// The connection ends.
    pub fn step(&mut self) -> Result<(), Ended> {
        self.work.step(&self.inbox)?;
        self.broken.take().map_or(Ok(()), Err)
    }

    /// When to step although nothing happens, since the agent's start.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        self.work.next_deadline()
    }

    /// What outlives it.
    #[must_use]
    pub fn end(self) -> Box<Shared> {
        self.work.into_shared()
    }
}
