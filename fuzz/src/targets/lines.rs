//! Frames that end by a terminator: the same however the bytes are cut, bounded, and found again after anything.

use crate::input::{Input, Piece, Then};
use crate::measure::within;
use parceld_drivers::framing::Unreadable;
use parceld_drivers::framing::line::{Config, FRAME_BYTES_MAX, Framed, LineFramer, Terminator};

const GOOD: &[u8] = b"]E04006381333931";
/// The buffer of a frame, grown by doubling.
const HELD_BYTES_MAX: u64 = 4 * FRAME_BYTES_MAX as u64;

#[derive(Debug, PartialEq, Eq)]
enum Found {
    Frame(Vec<u8>),
    Unreadable(Unreadable, usize),
}

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (_, terminator) = Terminator::WORDS[usize::from(input.byte()) % Terminator::WORDS.len()];
    let config = Config::terminated_by(terminator);
    let pieces = input.pieces();
    let (found, mut framer) = hear(config, &pieces, usize::MAX);
    assert_eq!(found, hear(config, &pieces, 1).0, "what is found depends on how the bytes are cut");
    let mut counted = 0;
    for one in &found {
        counted += match one {
            Found::Frame(frame) => {
                assert!((1..=FRAME_BYTES_MAX).contains(&frame.len()), "a frame of {} bytes", frame.len());
                assert!(!frame.contains(&0x02), "STX begins a frame, and is never in one");
                frame.len()
            }
            Found::Unreadable(_, bytes) => *bytes,
        };
    }
    assert!(counted <= bytes.len(), "more bytes are told of than there were");
    // None of them keeps more than a frame.
    within(&[], 0, HELD_BYTES_MAX, || {
        let mut framer = LineFramer::new(config);
        pieces.iter().for_each(|piece| framer.push(piece.bytes, |_| ()));
    });
    assert_eq!(
        resynchronised(&mut framer, terminator),
        [Found::Frame(GOOD.to_vec())],
        "a good frame behind an end is not read"
    );
}

fn hear(config: Config, pieces: &[Piece<'_>], chunk: usize) -> (Vec<Found>, LineFramer) {
    let (mut framer, mut found) = (LineFramer::new(config), Vec::new());
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

/// What is found once something has ended whatever was there.
fn resynchronised(framer: &mut LineFramer, terminator: Terminator) -> Vec<Found> {
    let end: &[u8] = match terminator {
        Terminator::Auto | Terminator::CrLf => b"\r\n",
        Terminator::Cr => b"\r",
        Terminator::Lf => b"\n",
        Terminator::Etx => b"\x03",
        Terminator::Tab => b"\t",
        Terminator::None => b"",
    };
    framer.push(end, |_| ());
    if terminator == Terminator::None {
        framer.idle(|_| ());
    }
    let mut found = Vec::new();
    framer.push(GOOD, |framed| found.push(of(framed)));
    framer.push(end, |framed| found.push(of(framed)));
    if terminator == Terminator::None {
        framer.idle(|framed| found.push(of(framed)));
    }
    found
}

fn of(framed: Framed<'_>) -> Found {
    match framed {
        Framed::Frame(frame) => Found::Frame(frame.to_vec()),
        Framed::Unreadable { reason, bytes } => Found::Unreadable(reason, bytes),
    }
}
