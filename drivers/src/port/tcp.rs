//! Scanners behind a TCP address: network scanners, cradles and serial device servers. Printers connect alike.

use std::io;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll};
use rustix::net::sockopt;

use super::link::Line;
use super::name;
use super::worker::{LINE, now};

/// How long one address may take to answer. A scanner on a weak radio link answers the second SYN, after a second.
const CONNECT_TIMEOUT_MS: u64 = 2_000;

/// A peer that is gone without a word is noticed after idle + interval × probes, 11 s; probes wake the kernel only.
const KEEPALIVE_IDLE_S: u64 = 5;
const KEEPALIVE_INTERVAL_S: u64 = 2;
const KEEPALIVE_PROBES: u32 = 3;

pub(super) fn open(host: &str, port: u16, poll: &mut Poll, is_wanted: impl Fn() -> bool) -> Result<Line, String> {
    connect(host, port, poll, is_wanted).map(Line::Tcp)
}

/// Connects to the first address of `host` that answers. Each wake-up of `poll` asks `is_wanted`, and it ends early when
/// that says so.
pub(crate) fn connect(
    host: &str,
    port: u16,
    poll: &mut Poll,
    is_wanted: impl Fn() -> bool,
) -> Result<TcpStream, String> {
    let shown = |error: io::Error| format!("{host}:{port}: {error}");
    let mut last_error = io::Error::from(io::ErrorKind::NotFound);
    for address in name::addresses(host, port, poll, &is_wanted).map_err(shown)? {
        let connected = TcpStream::connect(address).and_then(|mut stream| {
            poll.registry().register(&mut stream, LINE, Interest::WRITABLE)?;
            let connected = wait_for_connection(&stream, poll, &is_wanted);
            poll.registry().deregister(&mut stream)?;
            connected.and_then(|()| prepare(&stream)).map(|()| stream)
        });
        match connected {
            Ok(stream) => return Ok(stream),
            Err(error) => last_error = error,
        }
        if is_wanted() {
            break;
        }
    }
    Err(shown(last_error))
}

fn wait_for_connection(stream: &TcpStream, poll: &mut Poll, is_wanted: &impl Fn() -> bool) -> io::Result<()> {
    let deadline = now() + Duration::from_millis(CONNECT_TIMEOUT_MS);
    let mut events = Events::with_capacity(2);
    loop {
        let left = time_left(deadline)?;
        match poll.poll(&mut events, Some(left)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ if is_wanted() => return Err(io::ErrorKind::Interrupted.into()),
            _ => (),
        }
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        match stream.peer_addr() {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => (),
            Err(error) => return Err(error),
        }
    }
}

pub(super) fn time_left(deadline: Instant) -> io::Result<Duration> {
    match deadline.checked_duration_since(now()) {
        Some(left) if !left.is_zero() => Ok(left),
        _ => Err(io::ErrorKind::TimedOut.into()),
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, Duration::from_secs(KEEPALIVE_IDLE_S))?;
    sockopt::set_tcp_keepintvl(stream, Duration::from_secs(KEEPALIVE_INTERVAL_S))?;
    sockopt::set_tcp_keepcnt(stream, KEEPALIVE_PROBES)?;
    Ok(())
}
