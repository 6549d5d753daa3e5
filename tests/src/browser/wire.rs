//! The DevTools protocol over a pair of pipes: JSON messages, each ended by a NUL.
//!
//! A thread reads what the browser says: replies go to whoever waits for them, events to the page whose session they
//! name, each with the time at which it came.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::wait::{self, Stopwatch};

/// Something that happened in a page.
#[derive(Debug)]
pub struct Event {
    /// By the wire's clock, when its last byte had come.
    pub at: Duration,
    pub method: String,
    pub params: Value,
}

/// The browser's end of it. Closing it ends the browser.
#[derive(Debug)]
pub struct Wire {
    to: Mutex<ChildStdin>,
    last_id: AtomicU64,
    desk: Arc<Desk>,
    clock: Stopwatch,
}

/// Who waits for what.
#[derive(Debug, Default)]
struct Desk {
    /// By the message's number.
    replies: Mutex<HashMap<u64, Sender<Result<Value, String>>>>,
    /// By session.
    pages: Mutex<HashMap<String, Sender<Event>>>,
}

impl Wire {
    pub fn new(to: ChildStdin, from: ChildStdout) -> Wire {
        let (desk, clock) = (Arc::new(Desk::default()), Stopwatch::start());
        let readers = Arc::clone(&desk);
        thread::spawn(move || readers.read(from, clock));
        Wire { to: Mutex::new(to), last_id: AtomicU64::new(0), desk, clock }
    }

    pub fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Asks the browser itself.
    ///
    /// # Panics
    /// Where it refuses, or doesn't answer.
    #[track_caller]
    pub fn call(&self, method: &str, params: &Value) -> Value {
        self.ask(None, method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Asks the page of `session`, or the browser itself.
    ///
    /// # Errors
    /// It refuses: its words.
    ///
    /// # Panics
    /// Where it doesn't answer.
    #[track_caller]
    pub fn ask(&self, session: Option<&str>, method: &str, params: &Value) -> Result<Value, String> {
        let id = 1 + self.last_id.fetch_add(1, Ordering::Relaxed);
        let (sender, reply) = mpsc::channel();
        lock(&self.desk.replies).insert(id, sender);
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let written = lock(&self.to).write_all(format!("{message}\0").as_bytes());
        written.unwrap_or_else(|error| panic!("the browser has gone before {method}: {error}"));
        let reply = reply.recv_timeout(wait::GENEROUS);
        reply.unwrap_or_else(|_| panic!("the browser doesn't answer {method} {}", shown(&params.to_string())))
    }

    /// What happens in the page of `session` from now on.
    pub fn listen(&self, session: &str) -> Receiver<Event> {
        let (sender, events) = mpsc::channel();
        lock(&self.desk.pages).insert(session.to_owned(), sender);
        events
    }

    pub fn forget(&self, session: &str) {
        lock(&self.desk.pages).remove(session);
    }
}

impl Desk {
    /// Ends with the browser; whoever waits then is told so.
    fn read(&self, from: ChildStdout, clock: Stopwatch) {
        let mut from = BufReader::new(from);
        let mut message = Vec::new();
        while from.read_until(0, &mut message).is_ok_and(|read| 0 < read) {
            let at = clock.elapsed();
            if message.pop() == Some(0) {
                let message = serde_json::from_slice(&message);
                self.give(message.unwrap_or_else(|error| panic!("the browser sends no JSON: {error}")), at);
            }
            message.clear();
        }
        lock(&self.replies).clear();
        lock(&self.pages).clear();
    }

    fn give(&self, mut message: Value, at: Duration) {
        if let Some(id) = message["id"].as_u64() {
            let reply = match message.get("error") {
                Some(error) => Err(error["message"].as_str().unwrap_or_default().to_owned()),
                None => Ok(message["result"].take()),
            };
            if let Some(waiting) = lock(&self.replies).remove(&id) {
                // Who has given up waiting has said so.
                let _ = waiting.send(reply);
            }
        } else if let (Some(session), Some(method)) = (message["sessionId"].as_str(), message["method"].as_str()) {
            let method = method.to_owned();
            if let Some(page) = lock(&self.pages).get(session) {
                let _ = page.send(Event { at, method, params: message["params"].take() });
            }
        }
    }
}

/// The beginning of what is said: a whole library is no help in a message.
pub fn shown(text: &str) -> String {
    const SHOWN_MAX: usize = 400;
    text.chars().take(SHOWN_MAX).collect()
}

/// The maps are whole after every step, so that another test's panic leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
