//! The reference platform: its process and its HTTP interface.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::process::Process;
use crate::tempdir::TempDir;
use crate::{binaries, http, net, wait};

/// A platform with its own database and page; both stay the same across restarts.
#[derive(Debug)]
pub struct Platform {
    process: Option<Process>,
    port: u16,
    broker_url: String,
    arguments: Vec<String>,
    /// A program and its arguments, to which the platform's own are added.
    runner: Vec<String>,
    /// Its file, or the URL of what it may share with others.
    storage: String,
    dir: TempDir,
}

impl Platform {
    /// Starts one at the broker on a loopback port, and waits until its page answers.
    #[must_use]
    pub fn start(broker_port: u16) -> Platform {
        Platform::with(broker_port, &[])
    }

    /// The same with further arguments, for example `&["--labels"]`.
    #[must_use]
    pub fn with(broker_port: u16, arguments: &[&str]) -> Platform {
        Platform::through(Vec::new(), broker_port, arguments)
    }

    /// The same through another program, which must become it.
    #[must_use]
    pub fn through(runner: Vec<String>, broker_port: u16, arguments: &[&str]) -> Platform {
        Platform::at(runner, in_the_clear(broker_port), arguments, None, |_| {})
    }

    /// The same at the broker with this URL, for one that wants TLS.
    #[must_use]
    pub fn reaching(broker_url: &str, arguments: &[&str]) -> Platform {
        Platform::at(Vec::new(), broker_url.to_owned(), arguments, None, |_| {})
    }

    /// The same with its data in a server's database, whose URL is given.
    #[must_use]
    pub fn on(url: &str, broker_port: u16, arguments: &[&str]) -> Platform {
        Platform::at(Vec::new(), in_the_clear(broker_port), arguments, Some(url), |_| {})
    }

    /// One of several instances that share a server's database and what sites send.
    #[must_use]
    pub fn sharing(url: &str, broker_port: u16, client_id: &str) -> Platform {
        Platform::on(url, broker_port, &["--share", "platform", "--client-id", client_id])
    }

    /// The same with all that another one knew, from a copy of its [`database`](Platform::database).
    #[must_use]
    pub fn knowing(database: &Path, broker_port: u16, arguments: &[&str]) -> Platform {
        Platform::at(Vec::new(), in_the_clear(broker_port), arguments, None, |own| {
            fs::copy(database, own).expect("a database can be copied");
        })
    }

    fn at(
        runner: Vec<String>,
        broker_url: String,
        arguments: &[&str],
        url: Option<&str>,
        prepare: impl FnOnce(&Path),
    ) -> Platform {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        let (port, dir) = (net::free_port(), TempDir::new("platform"));
        let storage = url.map_or_else(|| dir.join("platform.db").display().to_string(), str::to_owned);
        let mut platform = Platform { process: None, port, broker_url, arguments, runner, storage, dir };
        prepare(&platform.database());
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
    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Its file, where it has one.
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
        let program = binaries::workspace("parceld-platform");
        let mut command = match self.runner.split_first() {
            None => Command::new(program),
            Some((runner, arguments)) => {
                let mut command = Command::new(runner);
                command.args(arguments).arg(program);
                command
            }
        };
        command.arg("--broker").arg(&self.broker_url);
        command.arg("--database").arg(&self.storage);
        command.arg("--listen").arg(net::loopback(self.port).to_string());
        command.args(&self.arguments);
        let mut process = Process::spawn("parceld-platform", &mut command, &self.dir.join("log"));
        wait::until("the platform's page", wait::GENEROUS, || {
            if let Some(status) = process.ended() {
                panic!("the platform ended with {status}: {}", process.log());
            }
            http::get(&self.url()).ok()
        });
        self.process = Some(process);
    }

    /// # Panics
    /// Where it doesn't end in order.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let ended = process.terminate();
            assert!(ended.success(), "the platform ended with {ended}: {}", process.log());
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

    /// Has the platform send `order.hold`; `body` may hold the reason.
    #[track_caller]
    pub fn hold(&self, site: &str, order: &str, body: &Value) -> Value {
        self.post(&format!("/api/sites/{site}/orders/{order}/hold"), body)
    }

    #[track_caller]
    pub fn release(&self, site: &str, order: &str) -> Value {
        self.post(&format!("/api/sites/{site}/orders/{order}/release"), &json!({}))
    }

    #[track_caller]
    pub fn expedite(&self, site: &str, order: &str) -> Value {
        self.post(&format!("/api/sites/{site}/orders/{order}/expedite"), &json!({}))
    }

    /// Has the platform send `parcel.label`; `body` holds `tracking`, `zpl` and `revision`, each of which it can lack.
    #[track_caller]
    pub fn label(&self, site: &str, order: &str, parcel: u32, body: &Value) -> Value {
        self.post(&format!("/api/sites/{site}/orders/{order}/parcels/{parcel}/label"), body)
    }

    /// Has the platform send `return.put`.
    #[track_caller]
    pub fn put_return(&self, site: &str, announced: &Value) -> Value {
        self.post(&format!("/api/sites/{site}/returns"), announced)
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

    /// One order with its parcels; `None` where it was never heard of.
    #[must_use]
    #[track_caller]
    pub fn order(&self, site: &str, order: &str) -> Option<Value> {
        let reply = self.get(&format!("/api/sites/{site}/orders/{order}"));
        (reply.status != 404).then(|| reply.success().json())
    }

    /// All that was told of one order, in the order in which it was applied.
    #[must_use]
    #[track_caller]
    pub fn events_of(&self, site: &str, order: &str) -> Vec<Value> {
        self.list(site, &format!("orders/{order}/events"))
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

    /// Letters of the outbox, with their channel and state.
    #[must_use]
    #[track_caller]
    pub fn letters(&self, site: &str) -> Vec<Value> {
        self.list(site, "letters")
    }

    #[must_use]
    #[track_caller]
    pub fn stock(&self, site: &str) -> Vec<Value> {
        self.list(site, "stock")
    }

    /// `on_hand`, `reserved` and `available` of one product; `None` where nothing is known of it.
    #[must_use]
    #[track_caller]
    pub fn stock_of(&self, site: &str, sku: &str) -> Option<Value> {
        self.stock(site).into_iter().find(|stock| stock["sku"] == sku)
    }

    #[must_use]
    #[track_caller]
    pub fn returns(&self, site: &str) -> Vec<Value> {
        self.list(site, "returns")
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

fn in_the_clear(broker_port: u16) -> String {
    format!("mqtt://{}", net::loopback(broker_port))
}
