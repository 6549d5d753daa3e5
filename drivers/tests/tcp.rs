//! A port on a TCP address.

mod harness;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use harness::Watched;
use parceld_drivers::port::{Address, NotSent};

/// A connection that nobody has taken after this long is not taken.
const UNANSWERED: Duration = Duration::from_millis(200);

/// Sooner than a port gives up the connection, which is after two seconds.
const TURNED_WITHIN: Duration = Duration::from_secs(1);

fn address(place: SocketAddr) -> Address {
    Address::Tcp { host: place.ip().to_string(), port: place.port() }
}

#[test]
fn scans_and_answers_go_over_tcp_and_a_closed_connection_is_made_anew() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let watched = Watched::spawn(address(listener.local_addr().unwrap()));
    let answerer = watched.port.answerer();
    for _ in 0..3 {
        let (mut scanner, _) = listener.accept().unwrap();
        assert_eq!(watched.next(), "opened, 0 discarded");
        scanner.write_all(b"]E04006381333931\r\n").unwrap();
        assert_eq!(watched.next(), "Ean13 4006381333931");
        answerer.send(b"\x06\x07").unwrap();
        let mut heard = [0; 2];
        scanner.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"\x06\x07");
        scanner.write_all(b"40063").unwrap();
        drop(scanner);
        assert_eq!(watched.next(), "Unterminated 5");
        assert_eq!(watched.next(), "lost");
        assert_eq!(answerer.send(b"\x06"), Err(NotSent::Lost));
    }
    drop(listener);
    watched.port.stop();
}

#[test]
fn raw_bytes_come_before_what_is_made_of_them_while_the_tap_is_open() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let watched = Watched::spawn(address(listener.local_addr().unwrap()));
    let (mut scanner, _) = listener.accept().unwrap();
    assert_eq!(watched.next(), "opened, 0 discarded");
    scanner.write_all(b"A\r").unwrap();
    assert_eq!(watched.next(), "Unidentified A", "nothing raw while nobody listens");
    watched.port.tap().set(true);
    scanner.write_all(b"B\r").unwrap();
    assert_eq!(watched.next(), "bytes B\\r");
    assert_eq!(watched.next(), "Unidentified B");
    watched.port.tap().set(false);
    scanner.write_all(b"C\r").unwrap();
    assert_eq!(watched.next(), "Unidentified C");
    assert!(watched.stop().is_empty());
}

#[test]
fn a_refused_connection_is_reported_once_and_made_when_somebody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap();
    drop(listener);
    let watched = Watched::spawn(address(place));
    assert_eq!(watched.next(), "open failed");
    let listener = TcpListener::bind(place).unwrap();
    let (mut scanner, _) = listener.accept().unwrap();
    assert_eq!(watched.next(), "opened, 0 discarded");
    scanner.write_all(b"A\r").unwrap();
    assert_eq!(watched.next(), "Unidentified A");
    assert!(watched.stop().is_empty());
}

#[test]
fn a_port_turns_when_it_is_asked_to_while_nobody_takes_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap();
    // Room for one that nobody accepts: whoever comes after it gets no answer.
    rustix::net::listen(&listener, 0).unwrap();
    let _waiting: Vec<_> = std::iter::from_fn(|| TcpStream::connect_timeout(&place, UNANSWERED).ok()).collect();
    let watched = Watched::spawn(address(place));
    let pulse = watched.port.pulse();
    for _ in 0..3 {
        let before = pulse.turns();
        pulse.ask();
        harness::until_within(TURNED_WITHIN, || before < pulse.turns());
    }
    watched.stop();
}
