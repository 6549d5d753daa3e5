//! A private mosquitto 2.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::process::Process;
use crate::tempdir::TempDir;
use crate::{binaries, net, wait};

/// How a [`Mosquitto`] deviates from its own defaults.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Sessions, queues and retained messages survive an orderly [`Mosquitto::stop`]; a kill loses them all the same,
    /// since mosquitto by itself saves every half hour.
    pub persistence: bool,
    /// With persistence: saves after so many seconds too, so that a kill brings back what was then.
    pub autosave_s: Option<u32>,
    /// Messages queued for a client that is away; what comes beyond is dropped silently. Its default is 1,000, and 0
    /// is no limit.
    pub max_queued_messages: Option<u32>,
}

/// Listens on one loopback port for its whole life, across restarts, and takes anyone; on a second one where that is
/// guarded.
#[derive(Debug)]
pub struct Mosquitto {
    process: Option<Process>,
    port: u16,
    guarded_port: u16,
    options: Options,
    dir: TempDir,
}

impl Mosquitto {
    /// Starts one with mosquitto's own defaults: nothing is persisted.
    #[must_use]
    pub fn start() -> Mosquitto {
        Mosquitto::with(Options::default())
    }

    #[must_use]
    pub fn with(options: Options) -> Mosquitto {
        let dir = TempDir::new("mosquitto");
        let (port, guarded_port) = (net::free_port(), net::free_port());
        let mut mosquitto = Mosquitto { process: None, port, guarded_port, options, dir };
        mosquitto.guard("");
        mosquitto
    }

    /// Starts one with exactly `config`, in which `{port}` and `{directory}` stand for its port and its directory; what is
    /// in there already is `prepare`'s. One listener, which [`port`](Mosquitto::port) tells.
    #[must_use]
    pub fn configured(config: &str, prepare: impl FnOnce(&Path)) -> Mosquitto {
        let (dir, port) = (TempDir::new("mosquitto"), net::free_port());
        let config = config.replace("{port}", &port.to_string());
        let config = config.replace("{directory}", &dir.path().display().to_string());
        fs::write(dir.join("mosquitto.conf"), config).expect("a directory of our own takes a file");
        prepare(dir.path());
        let options = Options::default();
        let mut mosquitto = Mosquitto { process: None, port, guarded_port: port, options, dir };
        mosquitto.restart();
        mosquitto
    }

    /// Has it read its files again, as far as it does while it runs.
    ///
    /// # Panics
    /// Where it doesn't say that it has.
    #[track_caller]
    pub fn reload(&self) {
        let reloads = || self.process().log().matches("Reloading config").count();
        let before = reloads();
        self.process().hang_up();
        wait::until("the broker to read its files again", wait::GENEROUS, || (before < reloads()).then_some(()));
    }

    /// Starts it again with a second listener, which has these `settings` of mosquitto.conf(5), as for its certificates,
    /// passwords and access rules; without it where there are none.
    pub fn guard(&mut self, settings: &str) {
        let mut config = config(self.port, &self.dir, self.options);
        if !settings.is_empty() {
            let _ = writeln!(config, "listener {} 127.0.0.1\n{settings}", self.guarded_port);
        }
        fs::write(self.dir.join("mosquitto.conf"), config).expect("a directory of our own takes a file");
        self.restart();
    }

    /// The port of the second listener.
    #[must_use]
    pub fn guarded_port(&self) -> u16 {
        self.guarded_port
    }

    /// Its directory, for the files that its settings name.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.dir.path()
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// # Panics
    /// Where it is stopped, as in the other methods that need it running.
    #[must_use]
    pub fn process(&self) -> &Process {
        self.process.as_ref().expect("mosquitto is stopped")
    }

    /// Starts it again on the same port, after an orderly stop where it runs.
    pub fn restart(&mut self) {
        self.stop();
        let mut command = Command::new(binaries::system("mosquitto", "mosquitto"));
        command.arg("-c").arg(self.dir.join("mosquitto.conf"));
        self.process = Some(Process::spawn("mosquitto", &mut command, &self.dir.join("log")));
        net::until_listening(self.port);
    }

    /// Orderly, with what persistence saves. No effect where it is stopped.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.terminate_for_sure();
        }
    }

    /// SIGKILL: what wasn't saved is lost.
    pub fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill9();
        }
    }

    /// SIGSTOP: connections stay open, and nothing moves on them.
    pub fn pause(&self) {
        self.process().pause();
    }

    pub fn resume(&self) {
        self.process().resume();
    }
}

fn config(port: u16, dir: &TempDir, options: Options) -> String {
    // Started by root it would become another user, who can't write to the directory.
    let mut config = "user root\nlog_dest stderr\nper_listener_settings true\n".to_owned();
    if options.persistence {
        let _ = writeln!(config, "persistence true\npersistence_location {}/", dir.path().display());
    }
    if let Some(seconds) = options.autosave_s {
        let _ = writeln!(config, "autosave_interval {seconds}");
    }
    if let Some(messages) = options.max_queued_messages {
        let _ = writeln!(config, "max_queued_messages {messages}");
    }
    let _ = writeln!(config, "listener {port} 127.0.0.1\nallow_anonymous true");
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt_client::MqttClient;

    #[test]
    fn carries_messages_and_comes_back_on_its_port_after_a_kill() {
        let mut mosquitto = Mosquitto::start();
        let client = MqttClient::connect(mosquitto.port(), "self-test");
        client.subscribe("floor/#");
        client.publish("floor/1", b"before");
        client.until_messages(1);

        mosquitto.kill9();
        mosquitto.restart();
        client.publish("floor/1", b"after");
        client.until_messages(2);
        let payloads: Vec<_> = client.messages().into_iter().map(|message| message.text()).collect();
        assert_eq!(payloads, ["before", "after"]);
    }

    #[test]
    fn persistence_saves_retained_messages_at_an_orderly_stop() {
        for persistence in [true, false] {
            let mut mosquitto = Mosquitto::with(Options { persistence, ..Options::default() });
            MqttClient::connect(mosquitto.port(), "writer").publish_retained("state", b"online");
            mosquitto.restart();
            let reader = MqttClient::connect(mosquitto.port(), "reader");
            reader.subscribe("state");
            reader.subscribe("mark");
            reader.publish("mark", b"");
            wait::until("the mark", wait::GENEROUS, || {
                reader.messages().iter().any(|m| m.topic == "mark").then_some(())
            });
            let saved = reader.messages().iter().any(|message| message.topic == "state" && message.retained);
            assert_eq!(saved, persistence);
        }
    }

    #[test]
    fn a_paused_broker_delivers_once_resumed() {
        let mosquitto = Mosquitto::start();
        let client = MqttClient::connect(mosquitto.port(), "self-test");
        client.subscribe("floor/#");
        mosquitto.pause();
        client.start_publish("floor/1", b"held", false);
        assert!(client.messages().is_empty());
        mosquitto.resume();
        client.until_messages(1);
    }
}
