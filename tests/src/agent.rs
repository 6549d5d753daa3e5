//! The agent: its configuration, and its process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use serde_json::Value;
use toml::Table;

use crate::process::Process;
use crate::tempdir::TempDir;
use crate::{binaries, http, net, wait};

/// What the service manager sets for it: an agent in a test is as it is at a site.
fn environment_of_the_unit() -> impl Iterator<Item = (&'static str, &'static str)> {
    const UNIT: &str = include_str!("../../systemd/parceld.service");
    UNIT.lines().filter_map(|line| line.strip_prefix("Environment=")?.split_once('='))
}

/// An agent's configuration, as a table that a test adds to before [`start`](AgentSetup::start).
///
/// Database, page and control socket get their places at the start, unless they are set.
#[derive(Debug, Clone)]
pub struct AgentSetup {
    config: Table,
    /// A program and its arguments, to which the agent's own are added.
    runner: Vec<String>,
    /// Started in place of this workspace's.
    program: Option<PathBuf>,
}

impl AgentSetup {
    /// A site in Stockholm without stations.
    #[must_use]
    pub fn new(site: &str, broker_url: &str) -> AgentSetup {
        AgentSetup { config: Table::new(), runner: Vec::new(), program: None }
            .set("site.id", site)
            .set("site.name", "Test site")
            .set("site.timezone", "Europe/Stockholm")
            .set("site.gs1_company_prefix", "7312345")
            .set("broker.url", broker_url)
    }

    /// A station in `mode` (`pack`, `load`, …).
    #[must_use]
    pub fn station(self, id: &str, mode: &str) -> AgentSetup {
        self.push("station", [("id", id), ("mode", mode)])
    }

    /// A scanner with the driver `line`; `port` is a device path or `tcp://host:port`. Its bounce is off: tests scan at
    /// once what people scan a second apart.
    #[must_use]
    pub fn scanner(self, id: &str, station: &str, port: impl AsRef<Path>) -> AgentSetup {
        self.scanner_of("line", id, station, port)
    }

    /// The same with the driver of another family.
    #[must_use]
    pub fn scanner_of(self, driver: &str, id: &str, station: &str, port: impl AsRef<Path>) -> AgentSetup {
        let port = port.as_ref().to_string_lossy();
        self.push("scanner", [("id", id), ("station", station), ("driver", driver), ("port", &port), ("bounce", "0s")])
    }

    /// A carrier that collects every day, late: a test at any hour has a collection ahead. Nobody waits for a courier who is
    /// late: what is loaded after midnight goes with the next one.
    #[must_use]
    pub fn carrier(self, id: &str) -> AgentSetup {
        self.toml(&format!(
            "[[carrier]]\nid = {id:?}\ngrace = \"0s\"\ncollections = [{{ days = [\"mon-sun\"], at = \"23:59\", cut_off = \"0s\" }}]"
        ))
    }

    /// Sets one key of the configuration, for example `sync.window`.
    ///
    /// # Panics
    /// Where a part of `key` before the last isn't a table.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<toml::Value>) -> AgentSetup {
        let (tables, last) = key.rsplit_once('.').unwrap_or(("", key));
        let mut table = &mut self.config;
        for name in tables.split('.').filter(|name| !name.is_empty()) {
            let entry = table.entry(name).or_insert_with(|| Table::new().into());
            table = entry.as_table_mut().unwrap_or_else(|| panic!("{name} in {key} is no table"));
        }
        table.insert(last.to_owned(), value.into());
        self
    }

    /// Adds what `text` holds, for whatever has no method here. A list in it (`[[carrier]]`) is appended to, any other
    /// table is merged into the one of its name.
    ///
    /// # Panics
    /// Where `text` isn't TOML.
    #[must_use]
    pub fn toml(mut self, text: &str) -> AgentSetup {
        let added: Table = text.parse().unwrap_or_else(|error| panic!("the test's TOML is broken: {error}"));
        merge(&mut self.config, added);
        self
    }

    /// Runs the agent through another program, which must become it: the process that is watched is the agent's.
    #[must_use]
    pub fn through(self, runner: Vec<String>) -> AgentSetup {
        AgentSetup { runner, ..self }
    }

    /// As a configuration file says it.
    #[must_use]
    pub fn text(&self) -> String {
        self.config.to_string()
    }

    /// Runs another build of the agent. Its other commands are still this workspace's own.
    #[must_use]
    pub fn program(self, program: PathBuf) -> AgentSetup {
        AgentSetup { program: Some(program), ..self }
    }

    /// Starts an agent, and doesn't wait for it.
    #[must_use]
    pub fn start(self) -> Agent {
        Agent::start(self)
    }

    fn push<const N: usize>(mut self, list: &str, entry: [(&str, &str); N]) -> AgentSetup {
        let entry: Table = entry.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
        merge(&mut self.config, Table::from_iter([(list.to_owned(), vec![entry].into())]));
        self
    }

    fn get(&self, table: &str, key: &str) -> Option<&str> {
        self.config.get(table)?.get(key)?.as_str()
    }
}

/// An agent with its own directory and page; both stay the same across restarts.
#[derive(Debug)]
pub struct Agent {
    process: Option<Process>,
    setup: AgentSetup,
    dir: TempDir,
}

impl Agent {
    #[must_use]
    pub fn start(setup: AgentSetup) -> Agent {
        let dir = TempDir::new("agent");
        let mut setup = setup;
        if setup.get("storage", "path").is_none() {
            setup = setup.set("storage.path", dir.join("parceld.db").to_string_lossy().into_owned());
        }
        if setup.get("control", "socket").is_none() {
            setup = setup.set("control.socket", dir.join("control.sock").to_string_lossy().into_owned());
        }
        if setup.get("web", "listen").is_none() {
            setup = setup.set("web.listen", net::loopback(net::free_port()).to_string());
        }
        let mut agent = Agent { process: None, setup, dir };
        agent.restart();
        agent
    }

    /// The process, for its log and its counters.
    ///
    /// # Panics
    /// Where it is stopped.
    #[must_use]
    pub fn process(&self) -> &Process {
        self.process.as_ref().expect("the agent is stopped")
    }

    /// How the running process ended by itself, or `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.as_mut().expect("the agent is stopped").ended()
    }

    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.setup.get("storage", "path").expect("set at the start").into()
    }

    /// The configuration file that the agent was started with.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.dir.join("parceld.toml")
    }

    /// `http://127.0.0.1:PORT` of its page.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.setup.get("web", "listen").expect("set at the start"))
    }

    /// Waits until it says that it is ready, and has tried to open every scanner: what one sent before that is not taken
    /// for a scan.
    ///
    /// # Panics
    /// Where it ends instead, or never is.
    #[track_caller]
    pub fn ready(&mut self) {
        wait::until("the agent to be ready", wait::GENEROUS, || {
            if let Some(status) = self.ended() {
                panic!("the agent ended with {status} instead of getting ready");
            }
            self.is_ready().then_some(())
        });
    }

    /// What [`ready`](Agent::ready) waits for.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let [ready, status] = ["readyz", "api/v1/status"].map(|path| format!("{}/{path}", self.url()));
        let status = || http::get(&status).ok().filter(|reply| reply.status == 200).map(|reply| reply.json());
        let opening = |scanner: &Value| scanner["state"] == "opening";
        http::get(&ready).is_ok_and(|reply| reply.status == 200)
            && status().is_some_and(|status| {
                status["scanners"].as_array().is_some_and(|scanners| !scanners.iter().any(opening))
            })
    }

    /// What it says about itself.
    #[must_use]
    #[track_caller]
    pub fn status(&self) -> Value {
        let reply = http::get(&format!("{}/api/v1/status", self.url())).expect("the agent's page answers");
        reply.success().json()
    }

    /// What is wrong, by its own verdict.
    ///
    /// # Panics
    /// Where its status has no list of that.
    #[must_use]
    #[track_caller]
    pub fn findings(&self) -> Vec<Value> {
        let findings = self.status()["verdict"]["findings"].take();
        findings.as_array().expect("a verdict has findings").clone()
    }

    /// The fault of this name among those, if it is there.
    #[must_use]
    #[track_caller]
    pub fn finding(&self, fault: &str) -> Option<Value> {
        self.findings().into_iter().find(|finding| finding["fault"] == fault)
    }

    /// What the doctor says of one thing.
    ///
    /// # Panics
    /// Where it says nothing of it.
    #[must_use]
    #[track_caller]
    pub fn doctor(&self, check: &str) -> Value {
        let output = self.command(&["doctor", "--json"]).output().expect("the doctor runs");
        let checks: Value = serde_json::from_slice(&output.stdout).expect("the doctor speaks JSON");
        let mut checks = checks["checks"].as_array().expect("a list of checks").iter();
        checks.find(|found| found["check"] == check).cloned().unwrap_or_else(|| panic!("no check of {check}"))
    }

    /// Another command of the same program, for example `&["events", "--json"]`, ready to run with this agent's configuration.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binaries::workspace("parceld"));
        command.args(arguments).env("PARCELD_CONFIG", self.config());
        command
    }

    /// Starts it again with the same configuration and database, after an orderly stop where it runs.
    pub fn restart(&mut self) {
        self.stop();
        fs::write(self.config(), self.setup.config.to_string()).expect("a directory of our own takes a file");
        let program = self.setup.program.clone().unwrap_or_else(|| binaries::workspace("parceld"));
        let mut command = match self.setup.runner.split_first() {
            None => Command::new(program),
            Some((runner, arguments)) => {
                let mut command = Command::new(runner);
                command.args(arguments).arg(program);
                command
            }
        };
        command.args(["run", "--config"]).arg(self.config()).envs(environment_of_the_unit());
        self.process = Some(Process::spawn("parceld", &mut command, &self.dir.join("log")));
    }

    /// Changes the configuration that the next [`restart`](Agent::restart) uses.
    pub fn change(&mut self, change: impl FnOnce(AgentSetup) -> AgentSetup) {
        self.setup = change(self.setup.clone());
    }

    /// SIGTERM, and waits for the end; `None` where it is stopped.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        Some(self.process.take()?.terminate())
    }

    pub fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill9();
        }
    }

    /// All that it has written to its log, in all its lives.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.dir.join("log")).unwrap_or_default()).into_owned()
    }
}

fn merge(into: &mut Table, added: Table) {
    for (key, value) in added {
        match (into.get_mut(&key), value) {
            (Some(toml::Value::Array(list)), toml::Value::Array(more)) => list.extend(more),
            (Some(toml::Value::Table(table)), toml::Value::Table(more)) => merge(table, more),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_configuration_that_the_test_composed() {
        let setup = AgentSetup::new("sthlm-03", "mqtt://127.0.0.1:1883")
            .station("bench-1", "pack")
            .scanner("left", "bench-1", "/dev/scanner")
            .scanner("right", "bench-1", "tcp://127.0.0.1:5000")
            .set("sync.window", 8)
            .carrier("example-post")
            .toml("[[carrier]]\nid = \"cargo-bike\"\n[site]\nlanguage = \"sv\"");
        let expected: Table = r#"
            [site]
            id = "sthlm-03"
            name = "Test site"
            timezone = "Europe/Stockholm"
            gs1_company_prefix = "7312345"
            language = "sv"
            [broker]
            url = "mqtt://127.0.0.1:1883"
            [sync]
            window = 8
            [[station]]
            id = "bench-1"
            mode = "pack"
            [[scanner]]
            id = "left"
            station = "bench-1"
            driver = "line"
            port = "/dev/scanner"
            bounce = "0s"
            [[scanner]]
            id = "right"
            station = "bench-1"
            driver = "line"
            port = "tcp://127.0.0.1:5000"
            bounce = "0s"
            [[carrier]]
            id = "example-post"
            grace = "0s"
            collections = [{ days = ["mon-sun"], at = "23:59", cut_off = "0s" }]
            [[carrier]]
            id = "cargo-bike"
        "#
        .parse()
        .unwrap();
        assert_eq!(setup.config, expected);
        assert_eq!(setup.config.to_string().parse::<Table>().unwrap(), expected);
    }
}
