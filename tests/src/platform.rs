//! The reference platform: its process and its HTTP interface.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::process::Process;
use crate::tempdir::TempDir;
use crate::{binaries, http, net, wait};

/// A platform with its own database and page; both stay the same across restarts.
#[derive(Debug)]
pub struct Platform {
    process: Option<Process>,
    port: u16,
    broker_port: u16,
    dir: TempDir,
}

impl Platform {
    /// Starts one at the broker on a loopback port, and waits until its page answers.
    #[must_use]
    pub fn start(broker_port: u16) -> Platform {
        let mut platform =
            Platform { process: None, port: net::free_port(), broker_port, dir: TempDir::new("platform") };
        platform.restart();
        platform
    }

    /// # Panics
    /// Where it is stopped.
    #[must_use]
    pub fn process(&self) -> &Process {
        self.process.as_ref().expect("the platform is stopped")
    }

    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.dir.join("platform.db")
    }

    /// `http://127.0.0.1:PORT` of its page.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", net::loopback(self.port))
    }

    /// Starts it again with the same database, after an orderly stop where it runs.
    pub fn restart(&mut self) {
        self.stop();
        let mut command = Command::new(binaries::workspace("parceld-platform"));
        command.arg("--broker").arg(format!("mqtt://{}", net::loopback(self.broker_port)));
        command.arg("--database").arg(self.database());
        command.arg("--listen").arg(net::loopback(self.port).to_string());
        let mut process = Process::spawn("parceld-platform", &mut command, &self.dir.join("log"));
        wait::until("the platform's page", wait::GENEROUS, || {
            if let Some(status) = process.ended() {
                panic!("the platform ended with {status}: {}", process.log());
            }
            http::get(&self.url()).ok()
        });
        self.process = Some(process);
    }

    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.terminate();
        }
    }

    pub fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill9();
        }
    }

    /// Has the platform send `order.put` until the site replies.
    #[track_caller]
    pub fn put_order(&self, site: &str, order: &Value) -> Value {
        self.post(&format!("/api/sites/{site}/orders"), order)
    }

    /// Has the platform send `order.cancel`; `body` holds the reason.
    #[track_caller]
    pub fn cancel(&self, site: &str, order: &str, body: &Value) -> Value {
        self.post(&format!("/api/sites/{site}/orders/{order}/cancel"), body)
    }

    #[track_caller]
    pub fn put_catalog(&self, site: &str, catalog: &Value) -> Value {
        self.post(&format!("/api/sites/{site}/catalog"), catalog)
    }

    #[track_caller]
    pub fn set_stock(&self, site: &str, stock: &Value) -> Value {
        self.post(&format!("/api/sites/{site}/stock"), stock)
    }

    /// What is known of a site, with `epoch` and `sequence`; `None` where it was never heard of.
    #[must_use]
    #[track_caller]
    pub fn site(&self, site: &str) -> Option<Value> {
        let reply = self.get(&format!("/api/sites/{site}"));
        (reply.status != 404).then(|| reply.success().json())
    }

    #[must_use]
    #[track_caller]
    pub fn orders(&self, site: &str) -> Vec<Value> {
        self.list(site, "orders")
    }

    #[must_use]
    #[track_caller]
    pub fn parcels(&self, site: &str) -> Vec<Value> {
        self.list(site, "parcels")
    }

    #[must_use]
    #[track_caller]
    pub fn dispatches(&self, site: &str) -> Vec<Value> {
        self.list(site, "dispatches")
    }

    #[must_use]
    #[track_caller]
    pub fn notifications(&self, site: &str) -> Vec<Value> {
        self.list(site, "notifications")
    }

    #[must_use]
    #[track_caller]
    pub fn stock(&self, site: &str) -> Vec<Value> {
        self.list(site, "stock")
    }

    #[must_use]
    #[track_caller]
    pub fn events(&self, site: &str) -> Vec<Value> {
        self.list(site, "events")
    }

    /// Empty where the site was never heard of.
    #[track_caller]
    fn list(&self, site: &str, what: &str) -> Vec<Value> {
        let reply = self.get(&format!("/api/sites/{site}/{what}"));
        if reply.status == 404 {
            return Vec::new();
        }
        match reply.success().json() {
            Value::Array(list) => list,
            other => panic!("{what} of {site} is no list: {other}"),
        }
    }

    #[track_caller]
    fn get(&self, path: &str) -> http::Reply {
        http::get(&format!("{}{path}", self.url())).unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value) -> Value {
        let reply = http::post(&format!("{}{path}", self.url()), body);
        let reply = reply.unwrap_or_else(|error| panic!("POST {path}: {error}")).success();
        if reply.body.is_empty() { Value::Null } else { reply.json() }
    }
}
