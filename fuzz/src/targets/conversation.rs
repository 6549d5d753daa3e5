//! What goes back and forth with a scanner of each family: bounded, never busy, and a good read gets through afterwards.

use crate::input::{Input, Then};
use parceld_drivers::framing::line::{Config, FRAME_BYTES_MAX, Terminator};
use parceld_drivers::framing::ssi::PACKET_BYTES_MAX;
use parceld_drivers::protocol::{Output, Protocol, Read};
use parceld_drivers::scanner::{Driver, Family};
use parceld_drivers::symbology::Symbology;
use std::time::Duration;

const CODE: &[u8] = b"5901234123457";
const GAP: Duration = Duration::from_millis(250);
const SILENCE: Duration = Duration::from_secs(4);
/// Longer than any part of a conversation waits for the next.
const REST: Duration = Duration::from_secs(60);
/// Timers that are due one after the other in a [`SILENCE`]: more would keep a thread awake.
const TICKS_MAX: usize = 32;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let is_packets = input.byte() & 1 == 1;
    let (family, good) = match is_packets {
        true => (Family::Ssi, &b"\x12\xf3\x00\x00\x0b5901234123457\xfc\x52"[..]),
        false => (Family::Line, &b"]E05901234123457\r"[..]),
    };
    let mut protocol = Driver::of(family).protocol(Config::terminated_by(Terminator::Cr));
    let mut at = Duration::from_secs(1);
    protocol.opened(at, &mut judge);
    for piece in input.pieces() {
        match piece.then {
            Then::Lost => {
                protocol.abandon(&mut judge);
                protocol.skip_past(piece.bytes);
                protocol.opened(at, &mut judge);
            }
            then => {
                protocol.push(piece.bytes, at, &mut judge);
                at += match then {
                    Then::Gap => GAP,
                    Then::Silence => SILENCE,
                    Then::Nothing | Then::Lost => Duration::from_millis(1),
                };
                tick(&mut protocol, at);
            }
        }
    }
    at += REST;
    tick(&mut protocol, at);
    if !is_packets {
        protocol.push(b"\r", at, &mut judge);
    }
    let mut reads: Vec<Read> = Vec::new();
    protocol.push(good, at, &mut |output| {
        if let Output::Read(read) = output {
            reads.push(read);
        }
    });
    let codes: Vec<_> = reads.iter().map(|read| (read.symbology, &read.payload[..])).collect();
    assert_eq!(codes, [(Symbology::Ean13, CODE)], "a good read after a rest is not read");
}

/// Does everything that is due until `at`.
fn tick(protocol: &mut Protocol, at: Duration) {
    let mut ticks = 0;
    while let Some(due) = protocol.due().filter(|due| *due <= at) {
        protocol.tick(due, &mut judge);
        ticks += 1;
        assert!(ticks <= TICKS_MAX, "something is due again and again, at {due:?}");
    }
}

fn judge(output: Output<'_>) {
    match output {
        Output::Read(read) => {
            assert!((1..=FRAME_BYTES_MAX).contains(&read.payload.len()), "a read of {} bytes", read.payload.len());
            assert!(read.frame.ends_with(&read.payload), "a read that its frame doesn't hold");
        }
        Output::Send(bytes) => assert!((1..=PACKET_BYTES_MAX).contains(&bytes.len()), "{} bytes sent", bytes.len()),
        Output::Unreadable { .. } | Output::SetupFailed(_) | Output::SetUp => {}
    }
}
