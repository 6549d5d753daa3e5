//! A network cable to a port of this machine: everything goes through it until it is cut.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::net;

const BUFFER_BYTES: usize = 16 * 1024;

#[derive(Debug)]
pub struct Cable {
    port: u16,
    shared: Arc<Mutex<State>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    cut: bool,
    closing: bool,
    /// Both ends of everything that goes through.
    ends: Vec<TcpStream>,
}

impl Cable {
    /// To whoever listens on the loopback port `to`.
    #[must_use]
    pub fn to(to: u16) -> Cable {
        let port = net::free_port();
        let listener = net::listen(port);
        let shared = Arc::new(Mutex::new(State::default()));
        let thread = thread::spawn({
            let shared = Arc::clone(&shared);
            move || carry(&listener, to, &shared)
        });
        Cable { port, shared, thread: Some(thread) }
    }

    /// Where its near end listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Connections break, and new ones lead nowhere.
    pub fn cut(&self) {
        let mut state = lock(&self.shared);
        state.cut = true;
        state.break_all();
    }

    pub fn mend(&self) {
        lock(&self.shared).cut = false;
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        let mut state = lock(&self.shared);
        state.closing = true;
        state.break_all();
        drop(state);
        // Wakes who waits for a connection.
        drop(TcpStream::connect(net::loopback(self.port)));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl State {
    fn break_all(&mut self) {
        for end in self.ends.drain(..) {
            // One that is closed already needs nothing.
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

fn carry(listener: &TcpListener, to: u16, shared: &Arc<Mutex<State>>) {
    for near in listener.incoming() {
        let mut state = lock(shared);
        if state.closing {
            return;
        }
        let far = TcpStream::connect(net::loopback(to));
        let (false, Ok(near), Ok(far)) = (state.cut, near, far) else { continue };
        for (from, into) in [(&near, &far), (&far, &near)] {
            let (Ok(from), Ok(into), Ok(end)) = (from.try_clone(), into.try_clone(), into.try_clone()) else {
                continue;
            };
            state.ends.push(end);
            thread::spawn(move || copy(from, into));
        }
    }
}

/// Until either end closes; then both do.
fn copy(mut from: TcpStream, mut into: TcpStream) {
    let mut buffer = [0; BUFFER_BYTES];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if into.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = into.shutdown(Shutdown::Both);
}

fn lock(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mosquitto::Mosquitto;
    use crate::mqtt_client::MqttClient;
    use crate::wait;

    #[test]
    fn carries_everything_until_it_is_cut_and_again_once_mended() {
        let broker = Mosquitto::start();
        let cable = Cable::to(broker.port());
        let (near, far) = (MqttClient::connect(cable.port(), "near"), MqttClient::connect(broker.port(), "far"));
        near.subscribe("floor/#");
        far.publish("floor/1", b"before");
        near.until_messages(1);

        cable.cut();
        far.publish("floor/1", b"meanwhile");
        assert!(
            TcpStream::connect(net::loopback(cable.port()))
                .is_ok_and(|mut end| end.read(&mut [0]).is_ok_and(|count| count == 0))
        );
        assert_eq!(near.messages().len(), 1);

        cable.mend();
        // What the cut left unacknowledged comes again.
        let has_come = || near.messages().iter().any(|message| message.payload == b"meanwhile");
        wait::until("what came meanwhile", wait::GENEROUS, || has_come().then_some(()));
    }
}
