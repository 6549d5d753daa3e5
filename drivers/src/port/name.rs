//! Looks names up without being held up by it: where no name server answers, the system's resolver may take minutes.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::Duration;

use mio::unix::pipe;
use mio::{Events, Interest, Poll};

use super::tcp::time_left;
use super::worker::{LINE, now};

/// Three name servers may be asked twice, 5 s each. A look-up that takes longer goes on by itself until the system gives it
/// up, so that a port never has more than a few of them.
const FOUND_WITHIN: Duration = Duration::from_secs(30);

/// The addresses of `host`. Ends early when `is_wanted` says so after a wake-up of `poll`.
pub(super) fn addresses(
    host: &str,
    port: u16,
    poll: &mut Poll,
    is_wanted: &impl Fn() -> bool,
) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let host = host.to_owned();
    let resolve = move || (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
    aside(resolve, FOUND_WITHIN, poll, is_wanted)
}

/// Has `resolve` run on a thread of its own, and waits for it.
fn aside(
    resolve: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static,
    within: Duration,
    poll: &mut Poll,
    is_wanted: &impl Fn() -> bool,
) -> io::Result<Vec<SocketAddr>> {
    let deadline = now() + within;
    // Nothing is ever written: that it is closed wakes the poll.
    let (open, mut closed) = pipe::new()?;
    let (tell, told) = mpsc::sync_channel(1);
    thread::Builder::new().name("look-up".to_owned()).spawn(move || {
        let _ = tell.send(resolve());
        drop(open);
    })?;
    poll.registry().register(&mut closed, LINE, Interest::READABLE)?;
    let mut events = Events::with_capacity(2);
    let found = loop {
        match told.try_recv() {
            Ok(found) => break found,
            Err(TryRecvError::Disconnected) => break Err(io::ErrorKind::BrokenPipe.into()),
            Err(TryRecvError::Empty) => (),
        }
        let left = match time_left(deadline) {
            Ok(left) => left,
            Err(late) => break Err(late),
        };
        match poll.poll(&mut events, Some(left)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => break Err(error),
            _ if is_wanted() => break Err(io::ErrorKind::Interrupted.into()),
            _ => (),
        }
    };
    poll.registry().deregister(&mut closed)?;
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::worker::WAKE;
    use mio::Waker;
    use std::cell::Cell;
    use std::sync::mpsc::channel;

    fn place() -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 7], 4001))
    }

    #[test]
    fn finds_a_name_and_takes_an_address_as_it_is() {
        let mut poll = Poll::new().unwrap();
        assert_eq!(addresses("10.0.0.7", 4001, &mut poll, &|| false).unwrap(), [place()]);
        let found = addresses("localhost", 4001, &mut poll, &|| false).unwrap();
        assert!(!found.is_empty() && found.iter().all(|found| found.ip().is_loopback()), "{found:?}");
    }

    #[test]
    fn turns_whenever_it_is_woken_while_nothing_is_found() {
        let mut poll = Poll::new().unwrap();
        let waker = Waker::new(poll.registry(), WAKE).unwrap();
        let (find, is_found) = channel();
        let resolve = move || is_found.recv().map(|()| vec![place()]).map_err(io::Error::other);
        let turns = Cell::new(0);
        let turned = || {
            turns.set(turns.get() + 1);
            match turns.get() {
                1..3 => waker.wake().unwrap(),
                _ => _ = find.send(()),
            }
            false
        };
        waker.wake().unwrap();
        assert_eq!(aside(resolve, Duration::from_secs(60), &mut poll, &turned).unwrap(), [place()]);
        assert!(3 <= turns.get(), "{}", turns.get());
    }

    #[test]
    fn ends_when_somebody_wants_it_or_it_takes_too_long() {
        let mut poll = Poll::new().unwrap();
        let waker = Waker::new(poll.registry(), WAKE).unwrap();
        let (_never, is_found) = channel::<()>();
        let never = move || is_found.recv().map(|()| Vec::new()).map_err(io::Error::other);
        waker.wake().unwrap();
        let ended = aside(never, Duration::from_secs(60), &mut poll, &|| true).unwrap_err();
        assert_eq!(ended.kind(), io::ErrorKind::Interrupted);
        let (_never, is_found) = channel::<()>();
        let never = move || is_found.recv().map(|()| Vec::new()).map_err(io::Error::other);
        let ended = aside(never, Duration::from_millis(20), &mut poll, &|| false).unwrap_err();
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
    }
}
