//! An MQTT 5 broker in a process of its own, for the demonstration and the tests.
//!
//! Everything is in memory: a restart forgets sessions, queues and retained messages. The library has no way to stop a
//! broker and reports no failed bind, hence a process which is ended from outside, and a trial bind before it starts.

use std::collections::HashMap;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener};
use std::process;
use std::thread;

use anyhow::{Context, bail};
use clap::Parser;
use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};

/// The contract allows messages of 128 KB; the rest is room for topic and properties.
const PAYLOAD_BYTES_MAX: usize = 160 * 1024;

/// A full log drops its oldest segment although its messages were acknowledged: 4 GiB are never filled by a demo.
const SEGMENT_BYTES_MAX: usize = 64 * 1024 * 1024;
const SEGMENTS_MAX: usize = 64;

/// Runs an MQTT 5 broker in memory until it is killed. Takes anyone who connects: keep it on loopback.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:1883")]
    listen: SocketAddr,

    /// Exit when standard input closes, so that the broker never outlives the program that started it
    #[arg(long)]
    until_stdin_closes: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    drop(TcpListener::bind(arguments.listen).with_context(|| format!("cannot listen on {}", arguments.listen))?);
    if arguments.until_stdin_closes {
        thread::Builder::new().name("stdin".into()).spawn(exit_with_stdin)?;
    }
    Broker::new(config(arguments.listen)).start().context("the broker failed")?;
    bail!("the broker on {} ended", arguments.listen)
}

fn exit_with_stdin() {
    let mut ignored = [0; 64];
    loop {
        match io::stdin().read(&mut ignored) {
            Ok(0) => process::exit(0),
            Err(error) if error.kind() != io::ErrorKind::Interrupted => process::exit(0),
            Ok(_) | Err(_) => {}
        }
    }
}

fn config(listen: SocketAddr) -> Config {
    let server = ServerSettings {
        name: "mqtt5".into(),
        listen,
        tls: None,
        next_connection_delay_ms: 0,
        connections: ConnectionSettings {
            connection_timeout_ms: 5_000,
            max_payload_size: PAYLOAD_BYTES_MAX,
            max_inflight_count: 100,
            auth: None,
            external_auth: None,
            dynamic_filters: true,
        },
    };
    Config {
        router: RouterConfig {
            max_connections: 1_000,
            max_outgoing_packet_count: 200,
            max_segment_size: SEGMENT_BYTES_MAX,
            max_segment_count: SEGMENTS_MAX,
            ..RouterConfig::default()
        },
        v5: Some(HashMap::from([("mqtt5".into(), server)])),
        ..Config::default()
    }
}
