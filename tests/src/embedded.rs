//! The demonstration's broker, as a process: its library can't be stopped inside one.

use std::process::{Command, Stdio};

use crate::process::Process;
use crate::tempdir::TempDir;
use crate::{binaries, net};

/// Listens on one loopback port for its whole life. It holds everything in memory: each restart forgets it all.
#[derive(Debug)]
pub struct DemoBroker {
    process: Option<Process>,
    port: u16,
    dir: TempDir,
}

impl DemoBroker {
    #[must_use]
    pub fn start() -> DemoBroker {
        let mut broker = DemoBroker { process: None, port: net::free_port(), dir: TempDir::new("demo-broker") };
        broker.restart();
        broker
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Starts it again on the same port, after a kill where it runs.
    pub fn restart(&mut self) {
        self.kill9();
        let mut command = Command::new(binaries::workspace("parceld-demo-broker"));
        command.arg("--listen").arg(net::loopback(self.port).to_string()).arg("--until-stdin-closes");
        command.stdin(Stdio::piped());
        self.process = Some(Process::spawn("parceld-demo-broker", &mut command, &self.dir.join("log")));
        net::until_listening(self.port);
    }

    /// It knows no other end.
    pub fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill9();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt_client::MqttClient;
    use crate::wait;

    #[test]
    fn carries_messages_and_comes_back_on_its_port_after_a_kill() {
        let mut broker = DemoBroker::start();
        let client = MqttClient::connect(broker.port(), "self-test");
        client.subscribe("floor/#");
        client.publish("floor/1", b"before");
        client.until_messages(1);
        broker.restart();
        client.publish("floor/1", b"after");
        client.until_messages(2);
    }

    #[test]
    fn ends_when_its_input_closes() {
        let dir = TempDir::new("demo-broker");
        let listen = net::loopback(net::free_port()).to_string();
        let mut command = Command::new(binaries::workspace("parceld-demo-broker"));
        command.args(["--listen", &listen, "--until-stdin-closes"]).stdin(Stdio::null());
        let mut process = Process::spawn("parceld-demo-broker", &mut command, &dir.join("log"));
        let status = wait::until("its end", wait::GENEROUS, || process.ended());
        assert!(status.success());
    }

    #[test]
    fn says_that_its_port_is_taken() {
        let taken = DemoBroker::start();
        let dir = TempDir::new("demo-broker");
        let mut command = Command::new(binaries::workspace("parceld-demo-broker"));
        command.args(["--listen", &net::loopback(taken.port()).to_string()]);
        let mut process = Process::spawn("parceld-demo-broker", &mut command, &dir.join("log"));
        let status = wait::until("its end", wait::GENEROUS, || process.ended());
        assert_eq!(status.code(), Some(1));
        assert!(process.log().contains(&format!("cannot listen on 127.0.0.1:{}", taken.port())), "{}", process.log());
    }

    #[test]
    fn keeps_acknowledged_messages_for_a_session_that_is_away() {
        let broker = DemoBroker::start();
        let reader = MqttClient::connect(broker.port(), "reader");
        reader.subscribe("floor/#");
        reader.leave();
        let writer = MqttClient::connect(broker.port(), "writer");
        for number in 0..3_000 {
            writer.start_publish("floor/1", format!("{number:0200}").as_bytes(), false);
        }
        writer.until_acknowledged(3_000);
        let reader = MqttClient::connect(broker.port(), "reader");
        reader.until_messages(3_000);
        let in_order = reader.messages().iter().enumerate().all(|(number, m)| m.text() == format!("{number:0200}"));
        assert!(in_order);
    }
}
