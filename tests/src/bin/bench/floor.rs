//! The least that an agent could do, as a yardstick: a line in, a QoS 1 publish out, and for the one with fsync an
//! append that is forced to disk and a byte back to the scanner in between.
//!
//! It decides nothing, keeps no outbox and ends with its broker: a lower bound, no agent.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::Context;

use crate::mqtt;

/// The word by which the benchmark starts itself as a floor.
pub const WORD: &str = "floor";

/// A floor publishes each scanner's lines under a topic of its own, so that the nth message is the nth line.
pub const TOPIC: &str = "floor";

const ACK: u8 = 0x06;

/// The command of a floor on `ports`; `log` is the file to append to, for the one with fsync.
///
/// # Errors
/// Where this program's own path is unknown.
pub fn command<'a>(broker: u16, log: Option<&Path>, ports: impl Iterator<Item = &'a Path>) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("this program's own path is unknown")?);
    command.arg(WORD).arg(broker.to_string()).arg(log.unwrap_or(Path::new(""))).args(ports);
    Ok(command)
}

/// What such a command runs, until the broker or every line is gone.
///
/// # Errors
/// Where the broker, the file or a line can't be opened.
pub fn run(mut words: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let broker = words.next().context("no broker")?.parse().context("no port")?;
    let log = words.next().filter(|path| !path.is_empty());
    let log = match log {
        Some(path) => Some(OpenOptions::new().create(true).append(true).open(path)?),
        None => None,
    };
    let stream = mqtt::connect(broker, "floor").context("no broker")?;
    let floor = Floor { log: log.map(Mutex::new), uplink: Mutex::new((stream.try_clone()?, 0)) };
    let ports = words.map(|path| Ok((PathBuf::from(&path), open(&path)?))).collect::<io::Result<Vec<_>>>()?;
    thread::scope(|scope| {
        for (lane, (path, port)) in ports.into_iter().enumerate() {
            let floor = &floor;
            scope.spawn(move || match floor.serve(lane, &port) {
                Ok(()) => {}
                Err(error) => eprintln!("{}: {error}", path.display()),
            });
        }
        swallow(&stream);
        // Whatever is still to be read from the lines has nowhere to go.
        std::process::exit(0);
    })
}

struct Floor {
    log: Option<Mutex<File>>,
    uplink: Mutex<(TcpStream, u16)>,
}

impl Floor {
    fn serve(&self, lane: usize, port: &File) -> io::Result<()> {
        let topic = format!("{TOPIC}/{lane}");
        let mut lines = BufReader::new(port);
        let (mut line, mut packet) = (Vec::new(), Vec::new());
        loop {
            line.clear();
            if lines.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            if let Some(log) = &self.log {
                append(log, &line)?;
                (&*port).write_all(&[ACK])?;
            }
            let mut uplink = self.uplink.lock().unwrap_or_else(PoisonError::into_inner);
            uplink.1 = uplink.1.checked_add(1).unwrap_or(1);
            packet.clear();
            mqtt::put_publish(&mut packet, uplink.1, &topic, false, line.trim_ascii_end());
            uplink.0.write_all(&packet)?;
        }
    }
}

fn open(path: &str) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

fn append(log: &Mutex<File>, line: &[u8]) -> io::Result<()> {
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    log.write_all(line)?;
    log.sync_data()
}

fn swallow(mut stream: &TcpStream) {
    let mut acknowledgements = [0; 4096];
    while matches!(stream.read(&mut acknowledgements), Ok(count) if 0 < count) {}
}
