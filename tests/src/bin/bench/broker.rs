//! A private mosquitto without limits of its own: nothing is dropped, and nobody waits for a window of the broker's.

use std::fs;
use std::process::Command;

use parceld_tests::process::Process;
use parceld_tests::tempdir::TempDir;
use parceld_tests::{binaries, net};

/// Listens on one loopback port, across restarts; knows nothing of before after one.
#[derive(Debug)]
pub struct Broker {
    process: Option<Process>,
    port: u16,
    dir: TempDir,
}

impl Broker {
    pub fn start() -> Broker {
        let mut broker = Broker { process: None, port: net::free_port(), dir: TempDir::new("broker") };
        // Started by root it would become another user, who can't read the file.
        let config = format!(
            "user root\nlistener {} 127.0.0.1\nallow_anonymous true\nlog_dest stderr\nlog_type error\nlog_type warning\n\
             set_tcp_nodelay true\nmax_inflight_messages 0\nmax_queued_messages 0\n",
            broker.port
        );
        fs::write(broker.config(), config).expect("a fresh directory takes a file");
        broker.restart();
        broker
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    pub fn restart(&mut self) {
        self.stop();
        let mut command = Command::new(binaries::system("mosquitto", "mosquitto"));
        command.arg("-c").arg(self.config());
        self.process = Some(Process::spawn("mosquitto", &mut command, &self.dir.join("log")));
        net::until_listening(self.port);
    }

    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.terminate();
        }
    }

    fn config(&self) -> std::path::PathBuf {
        self.dir.join("mosquitto.conf")
    }
}
