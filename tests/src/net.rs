//! Free loopback ports.

use std::env;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::wait;

/// Below the kernel's ephemeral range (32768 and up): no client connection takes the port while its server restarts.
const FIRST_PORT: u32 = 20_000;
const PORTS: u32 = 12_000;

/// Spreads processes that run at the same time.
const PORTS_PER_PROCESS: u32 = 61;

/// What says to other processes which ports this one was given, for as long as it lives.
static KEPT: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A loopback port that nobody listens on, never given twice by one process, nor to two that live at the same time: a
/// server that is away for a moment finds it free when it returns.
#[must_use]
pub fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let offset = process::id().wrapping_mul(PORTS_PER_PROCESS) % PORTS;
    for _ in 0..PORTS {
        let candidate = FIRST_PORT + (offset + GIVEN.fetch_add(1, Ordering::Relaxed)) % PORTS;
        let Ok(port) = u16::try_from(candidate) else { continue };
        if keep(port) && TcpListener::bind(loopback(port)).is_ok() {
            return port;
        }
    }
    panic!("no free loopback port from {FIRST_PORT} on");
}

/// Whether no other process keeps the port; this one does from now on.
fn keep(port: u16) -> bool {
    let Ok(file) = File::create(env::temp_dir().join(format!("parceld-port-{port}"))) else { return false };
    let is_ours = file.try_lock().is_ok();
    if is_ours {
        KEPT.lock().unwrap_or_else(PoisonError::into_inner).push(file);
    }
    is_ours
}

/// Listens on a port from [`free_port`]. A process that is just being started has a copy of every descriptor until it
/// becomes another program, so that a port can be taken for a moment by whoever tried it.
#[must_use]
#[track_caller]
pub fn listen(port: u16) -> TcpListener {
    wait::until(&format!("port {port} to be free"), wait::GENEROUS, || TcpListener::bind(loopback(port)).ok())
}

/// `127.0.0.1:port`.
#[must_use]
pub fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Waits until a connection to the loopback port is accepted.
#[track_caller]
pub fn until_listening(port: u16) {
    wait::until(&format!("a listener on port {port}"), wait::GENEROUS, || TcpStream::connect(loopback(port)).ok());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_no_port_twice_and_none_that_is_taken() {
        let first = free_port();
        let _taken = TcpListener::bind(loopback(first)).unwrap();
        let others: Vec<u16> = (0..100).map(|_| free_port()).collect();
        assert!(!others.contains(&first));
        assert!(others.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn gives_no_port_that_another_process_was_given() {
        let kept = (0..PORTS).filter_map(|n| u16::try_from(FIRST_PORT + n).ok()).rev();
        let (port, other) = kept
            .map(|port| (port, File::create(env::temp_dir().join(format!("parceld-port-{port}"))).unwrap()))
            .find(|(_, file)| file.try_lock().is_ok())
            .unwrap();
        assert!(!keep(port));
        drop(other);
        assert!(keep(port));
    }
}
