//! Where a platform's letters end in tests: a mail server and a webhook, which keep all that arrives and can misbehave.
//!
//! A thread for each connection, a mood for all of them. What arrived whole is kept, also where nobody was told so: that
//! is what a sender's repeat looks like from the other end.

pub mod smtp;
pub mod webhook;

use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::{net, wait};

/// A read waits for so long before it looks whether the sink still stands.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// More than any letter of a test.
const LINE_BYTES_MAX: usize = 64 * 1024;
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// What a sink does with a letter that arrived whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mood {
    /// Takes it, and says so.
    #[default]
    Takes,
    /// Refuses it for now: it doesn't count as arrived.
    Fails,
    /// Refuses it for good.
    Refuses,
    /// Takes it, and never answers while this lasts.
    Hangs,
    /// Takes it, and the connection breaks before the answer.
    Drops,
}

/// The listener of a sink and everything that has arrived.
#[derive(Debug)]
struct Door<T> {
    port: u16,
    shared: Arc<Shared<T>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared<T> {
    inner: Mutex<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    mood: Mood,
    arrived: Vec<T>,
    closing: bool,
}

impl<T: Send + 'static> Door<T> {
    /// `talk` speaks with one client until it leaves, or the sink is closing.
    fn open(talk: impl Fn(&mut Talk, &Shared<T>) -> io::Result<()> + Send + Sync + 'static) -> Door<T> {
        let port = net::free_port();
        let listener = net::listen(port);
        let inner = Inner { mood: Mood::default(), arrived: Vec::new(), closing: false };
        let shared = Arc::new(Shared { inner: Mutex::new(inner) });
        let thread = thread::spawn({
            let (shared, talk) = (Arc::clone(&shared), Arc::new(talk));
            move || welcome(&listener, &shared, &talk)
        });
        Door { port, shared, thread: Some(thread) }
    }
}

impl<T> Drop for Door<T> {
    fn drop(&mut self) {
        self.shared.inner().closing = true;
        // Wakes who waits for a client.
        drop(TcpStream::connect(net::loopback(self.port)));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn welcome<T: Send + 'static>(
    listener: &TcpListener,
    shared: &Arc<Shared<T>>,
    talk: &Arc<impl Fn(&mut Talk, &Shared<T>) -> io::Result<()> + Send + Sync + 'static>,
) {
    let mut clients = Vec::new();
    for stream in listener.incoming() {
        if shared.inner().closing {
            break;
        }
        let Ok(stream) = stream else { continue };
        let (shared, talk) = (Arc::clone(shared), Arc::clone(talk));
        clients.push(thread::spawn(move || {
            let Ok(mut line) = Talk::with(stream) else { return };
            // Ends with the client, or with the sink: neither is a fault of the test.
            let _ = talk(&mut line, &shared);
            let _ = line.stream.shutdown(Shutdown::Both);
        }));
        clients.retain(|client| !client.is_finished());
    }
    for client in clients {
        let _ = client.join();
    }
}

impl<T> Shared<T> {
    fn inner(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mood(&self) -> Mood {
        self.inner().mood
    }

    fn arrived(&self, what: T) {
        self.inner().arrived.push(what);
    }

    fn is_closing(&self) -> bool {
        self.inner().closing
    }

    /// Until the mood is another one, or the sink closes.
    fn hang(&self) {
        while self.mood() == Mood::Hangs && !self.is_closing() {
            wait::a_moment();
        }
    }
}

/// The bytes of one client.
#[derive(Debug)]
struct Talk {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Talk {
    fn with(stream: TcpStream) -> io::Result<Talk> {
        stream.set_read_timeout(Some(LOOK_EVERY))?;
        stream.set_nodelay(true)?;
        Ok(Talk { stream, unread: Vec::new() })
    }

    /// The next line without its end.
    fn line<T>(&mut self, shared: &Shared<T>) -> io::Result<String> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.unread.drain(..end + 2).take(end).collect();
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            if LINE_BYTES_MAX < self.unread.len() {
                return Err(ErrorKind::InvalidData.into());
            }
            self.more(shared)?;
        }
    }

    fn bytes<T>(&mut self, count: usize, shared: &Shared<T>) -> io::Result<Vec<u8>> {
        if BODY_BYTES_MAX < count {
            return Err(ErrorKind::InvalidData.into());
        }
        while self.unread.len() < count {
            self.more(shared)?;
        }
        Ok(self.unread.drain(..count).collect())
    }

    fn more<T>(&mut self, shared: &Shared<T>) -> io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    self.unread.extend(&buffer[..count]);
                    return Ok(());
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if shared.is_closing() {
                        return Err(ErrorKind::ConnectionAborted.into());
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
}
