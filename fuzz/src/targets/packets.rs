//! Packets of SSI: the same however the bytes are cut, read as they were written, and found again after anything.

use crate::input::{Input, Piece, Then};
use crate::measure::within;
use parceld_drivers::framing::Unreadable;
use parceld_drivers::framing::ssi::{DATA_BYTES_MAX, Framed, PACKET_BYTES_MAX, PacketFramer, opcode, packet};

const GOOD: &[u8] = b"\x12\xf3\x00\x00\x0b5901234123457\xfc\x52";
const GOOD_DATA: &[u8] = b"\x0b5901234123457";
/// Held bytes and those that have just come, grown by doubling.
const HELD_BYTES_MAX: u64 = 16 * PACKET_BYTES_MAX as u64;

#[derive(Debug, PartialEq, Eq)]
enum Found {
    Packet { opcode: u8, status: u8, data: Vec<u8> },
    Damaged,
    Unreadable(Unreadable, usize),
}

pub fn run(bytes: &[u8]) {
    let pieces = Input::new(bytes).pieces();
    let (found, mut framer) = hear(&pieces, usize::MAX);
    assert_eq!(found, hear(&pieces, 1).0, "what is found depends on how the bytes are cut");
    let mut counted = 0;
    for one in &found {
        counted += match one {
            Found::Packet { data, .. } => data.len() + PACKET_BYTES_MAX - DATA_BYTES_MAX,
            Found::Damaged => 0,
            Found::Unreadable(_, bytes) => *bytes,
        };
    }
    assert!(counted <= bytes.len(), "more bytes are told of than there were");
    within(&[], 0, HELD_BYTES_MAX, || {
        let mut framer = PacketFramer::new();
        pieces.iter().for_each(|piece| framer.push(piece.bytes, |_| ()));
    });
    is_read_as_written(bytes);
    // What looks like a packet may swallow some, but no more than it is long, and then nothing is in the way.
    let mut read = 0;
    for _ in 0..3 * PACKET_BYTES_MAX / GOOD.len() {
        framer.push(GOOD, |framed| read += usize::from(is_good(&framed)));
    }
    assert!(0 < read, "a good packet that is repeated is never read");
    framer.idle(|_| ());
    let mut found = Vec::new();
    framer.push(GOOD, |framed| found.push(is_good(&framed)));
    assert_eq!(found, [true], "a good packet behind a gap is not read");
}

fn is_good(framed: &Framed<'_>) -> bool {
    matches!(framed, Framed::Packet(packet) if packet.opcode == opcode::DECODE_DATA && packet.data == GOOD_DATA)
}

fn hear(pieces: &[Piece<'_>], chunk: usize) -> (Vec<Found>, PacketFramer) {
    let (mut framer, mut found) = (PacketFramer::new(), Vec::new());
    let mut note = |framed: Framed<'_>| found.push(of(framed));
    for piece in pieces {
        if piece.then == Then::Lost {
            framer.abandon(&mut note);
            framer.skip_past(piece.bytes);
            continue;
        }
        piece.bytes.chunks(chunk).for_each(|bytes| framer.push(bytes, &mut note));
        if piece.then != Then::Nothing && framer.is_partial() {
            framer.idle(&mut note);
        }
    }
    (found, framer)
}

/// A packet of the host is one of the decoder but for its source.
fn is_read_as_written(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (opcode, status, data) = (input.byte().max(0x10), input.byte(), input.take(DATA_BYTES_MAX));
    let mut written = packet(opcode, status, data);
    written[2] = 0;
    let end = written.len() - 2;
    let sum: u32 = written[..end].iter().map(|byte| u32::from(*byte)).sum();
    written.splice(end.., (sum as u16).wrapping_neg().to_be_bytes());
    let (found, _) = hear(&[Piece { bytes: &written, then: Then::Nothing }], usize::MAX);
    assert_eq!(found, [Found::Packet { opcode, status, data: data.to_vec() }], "a packet is read as another");
}

fn of(framed: Framed<'_>) -> Found {
    match framed {
        Framed::Packet(packet) => {
            Found::Packet { opcode: packet.opcode, status: packet.status, data: packet.data.to_vec() }
        }
        Framed::Damaged => Found::Damaged,
        Framed::Unreadable { reason, bytes } => Found::Unreadable(reason, bytes),
    }
}
