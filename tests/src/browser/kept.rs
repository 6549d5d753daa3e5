//! What is kept of a page's events: its requests, its faults, and the events that it told of.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use serde_json::Value;

use super::wire::Event;
use crate::wait::Stopwatch;

/// The function by which a page tells of its own events; the part after it is the event's name and detail, as JSON.
pub const BINDING: &str = "tellHarness";

/// An event of the page's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// By the browser's clock, when the harness had it.
    pub at: Duration,
    pub name: String,
    /// A `CustomEvent`'s detail, or what was given to the function.
    pub detail: Value,
}

/// Filled from the page's events whenever it is looked into.
#[derive(Debug)]
pub struct Kept {
    events: Receiver<Event>,
    pub requests: Vec<String>,
    /// Errors and warnings of scripts, broken policies, what couldn't be loaded.
    pub faults: Vec<String>,
    pub heard: Vec<Heard>,
    /// Documents that have loaded, by the protocol's own name for each.
    pub loaded: Vec<String>,
}

impl Kept {
    pub fn new(events: Receiver<Event>) -> Kept {
        Kept { events, requests: Vec::new(), faults: Vec::new(), heard: Vec::new(), loaded: Vec::new() }
    }

    /// Takes in what has come.
    pub fn catch_up(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.keep(event);
        }
    }

    /// Takes in what comes, until `found` finds something in it; `None` where it hasn't within `patience`.
    pub fn until<T>(&mut self, patience: Duration, mut found: impl FnMut(&mut Kept) -> Option<T>) -> Option<T> {
        let waiting = Stopwatch::start();
        self.catch_up();
        loop {
            if let Some(value) = found(self) {
                return Some(value);
            }
            match self.events.recv_timeout(waiting.left_of(patience)) {
                Ok(event) => self.keep(event),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    fn keep(&mut self, Event { at, method, mut params }: Event) {
        match method.as_str() {
            "Network.requestWillBeSent" => self.requests.push(text(&params["request"]["url"])),
            "Network.webSocketCreated" => self.requests.push(text(&params["url"])),
            "Page.lifecycleEvent" if params["name"] == "load" => self.loaded.push(text(&params["loaderId"])),
            "Runtime.bindingCalled" if params["name"] == BINDING => {
                let told: Value = serde_json::from_str(&text(&params["payload"])).unwrap_or_default();
                self.heard.push(Heard { at, name: text(&told["name"]), detail: told["detail"].clone() });
            }
            "Runtime.exceptionThrown" => {
                let thrown = params["exceptionDetails"].take();
                self.faults.push(format!("{} {}", text(&thrown["text"]), text(&thrown["exception"]["description"])));
            }
            "Runtime.consoleAPICalled" if ["error", "warning", "assert"].iter().any(|kind| params["type"] == *kind) => {
                self.faults.push(format!("console.{}: {}", text(&params["type"]), params["args"]));
            }
            "Log.entryAdded" if ["error", "warning"].iter().any(|level| params["entry"]["level"] == *level) => {
                let entry = params["entry"].take();
                self.faults.push(format!("{} {}", text(&entry["text"]), text(&entry["url"])));
            }
            _ => {}
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
