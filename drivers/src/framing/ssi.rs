//! Packets of Zebra's Simple Serial Interface (SSI).
//!
//! ```text
//! 0 length, checksum not counted | 1 opcode | 2 source | 3 status | data … | checksum, high byte first
//! ```
//!
//! The checksum is the two's complement of the sum of all bytes before it. Nothing marks where a packet begins: a byte
//! that can't begin one, or begins one with a wrong checksum, is dropped, and the next one is tried. A gap of
//! [`GAP_MS`] ends whatever has begun. What is found depends on the bytes and the gaps, never on the chunks, and any
//! bytes may be pushed.
//!
//! Source: Zebra product reference guides, chapter "SSI Interface"; SE-923 integration guide.

use super::Unreadable;

/// Zebra's Host Character Time-out, parameter EFh, as it leaves the factory.
pub const GAP_MS: u64 = 200;

pub const PACKET_BYTES_MAX: usize = HEADER_BYTES + DATA_BYTES_MAX + CHECKSUM_BYTES;
pub const DATA_BYTES_MAX: usize = u8::MAX as usize - HEADER_BYTES;

const HEADER_BYTES: usize = 4;
const CHECKSUM_BYTES: usize = 2;

/// Noise without end is reported each time that so much of it has gone by.
const NOISE_BYTES_MAX: usize = 8192;

const SOURCE_DECODER: u8 = 0x00;
const SOURCE_HOST: u8 = 0x04;

/// Some scanners write their continuation flag into the source of the first of several segments.
const SOURCE_FIRST_SEGMENT: u8 = 0x02;

/// There is none below. Without this, the opcode and zeros inside a damaged packet would look like another packet, and
/// the next good one would have to wait for a gap.
const OPCODE_MIN: u8 = 0x10;

pub mod opcode {
    pub const MULTIPACKET_SEGMENT: u8 = 0x73;
    pub const MULTIPACKET_ACK: u8 = 0x74;
    pub const REPLY_REVISION: u8 = 0xa4;
    pub const PARAM_SEND: u8 = 0xc6;
    pub const CMD_ACK: u8 = 0xd0;
    pub const CMD_NAK: u8 = 0xd1;
    pub const CAPABILITIES_REPLY: u8 = 0xd4;
    pub const BEEP: u8 = 0xe6;
    pub const LED_ON: u8 = 0xe7;
    pub const LED_OFF: u8 = 0xe8;
    pub const DECODE_DATA: u8 = 0xf3;
    pub const EVENT: u8 = 0xf6;
}

/// Why a packet is not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Nak {
    /// It was damaged: send it again.
    Resend = 1,
    /// Unknown, or not expected now.
    BadContext = 2,
    /// Understood and refused.
    Denied = 6,
}

/// A whole packet of a decoder, its checksum verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub opcode: u8,
    pub status: u8,
    pub data: &'a [u8],
}

impl Packet<'_> {
    /// Whether this is a repetition of a packet that was not acknowledged.
    #[must_use]
    pub fn is_retransmit(&self) -> bool {
        self.status & 0x01 != 0
    }

    /// Whether more packets of the same message follow.
    #[must_use]
    pub fn is_continued(&self) -> bool {
        self.status & 0x02 != 0
    }
}

/// A packet of the host; `data` beyond [`DATA_BYTES_MAX`] is left out.
#[must_use]
pub fn packet(opcode: u8, status: u8, data: &[u8]) -> Vec<u8> {
    let data = &data[..data.len().min(DATA_BYTES_MAX)];
    let length = u8::try_from(HEADER_BYTES + data.len()).unwrap_or(u8::MAX);
    let mut bytes = vec![length, opcode, SOURCE_HOST, status];
    bytes.extend(data);
    bytes.extend(checksum(&bytes).to_be_bytes());
    bytes
}

#[must_use]
pub fn ack() -> Vec<u8> {
    packet(opcode::CMD_ACK, 0, &[])
}

#[must_use]
pub fn nak(why: Nak) -> Vec<u8> {
    packet(opcode::CMD_NAK, 0, &[why as u8])
}

fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0_u16, |sum, &byte| sum.wrapping_add(byte.into())).wrapping_neg()
}

/// What [`PacketFramer`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed<'a> {
    Packet(Packet<'a>),
    /// What looked like a packet has a wrong checksum. Its bytes are counted later, as unreadable.
    Damaged,
    Unreadable {
        reason: Unreadable,
        bytes: usize,
    },
}

#[derive(Debug, Default)]
pub struct PacketFramer {
    held: Vec<u8>,
    noise: Option<Noise>,
}

/// Bytes that were dropped and not yet reported.
#[derive(Clone, Copy, Debug)]
struct Noise {
    reason: Unreadable,
    bytes: usize,
}

enum Begins<'a> {
    Packet(Packet<'a>),
    Damaged,
    Unfinished,
    Nothing,
}

impl PacketFramer {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the line and gives every packet that they complete.
    pub fn push(&mut self, bytes: &[u8], mut found: impl FnMut(Framed<'_>)) {
        for chunk in bytes.chunks(PACKET_BYTES_MAX) {
            self.held.extend(chunk);
            self.take_packets(false, &mut found);
        }
    }

    /// To be called when the line has been silent for [`GAP_MS`] while [`is_partial`](Self::is_partial). A packet that
    /// was hidden behind noise is found now.
    pub fn idle(&mut self, mut found: impl FnMut(Framed<'_>)) {
        self.take_packets(true, &mut found);
        self.report_noise(&mut found);
    }

    /// Drops what has begun: the line was lost.
    pub fn abandon(&mut self, mut found: impl FnMut(Framed<'_>)) {
        let bytes = self.held.len();
        self.held.clear();
        if 0 < bytes {
            self.drop_bytes(bytes, Unreadable::Unterminated, &mut found);
        }
        self.report_noise(&mut found);
    }

    /// Tells that `bytes` were thrown away unread. The rest of a packet that began in them is noise.
    pub fn skip_past(&mut self, bytes: &[u8]) {
        self.push(bytes, |_| ());
        self.noise = self.is_partial().then_some(Noise { reason: Unreadable::Stale, bytes: 0 });
        self.held.clear();
    }

    #[must_use]
    pub fn is_partial(&self) -> bool {
        !self.held.is_empty() || self.noise.is_some()
    }

    fn take_packets(&mut self, at_gap: bool, found: &mut impl FnMut(Framed<'_>)) {
        let held = std::mem::take(&mut self.held);
        let mut rest = &held[..];
        while !rest.is_empty() {
            match begins(rest) {
                Begins::Packet(packet) => {
                    self.report_noise(found);
                    found(Framed::Packet(packet));
                    rest = &rest[HEADER_BYTES + packet.data.len() + CHECKSUM_BYTES..];
                    continue;
                }
                Begins::Damaged => {
                    found(Framed::Damaged);
                    self.drop_bytes(1, Unreadable::BadChecksum, found);
                }
                Begins::Unfinished if !at_gap => break,
                Begins::Unfinished => self.drop_bytes(1, Unreadable::Unterminated, found),
                Begins::Nothing => self.drop_bytes(1, Unreadable::NotPacket, found),
            }
            rest = &rest[1..];
        }
        let taken = held.len() - rest.len();
        self.held = held;
        self.held.drain(..taken);
    }

    /// The first reason stands for all that is dropped together.
    fn drop_bytes(&mut self, bytes: usize, reason: Unreadable, found: &mut impl FnMut(Framed<'_>)) {
        let noise = self.noise.get_or_insert(Noise { reason, bytes: 0 });
        noise.bytes += bytes;
        if NOISE_BYTES_MAX <= noise.bytes {
            found(Framed::Unreadable { reason: noise.reason, bytes: std::mem::take(&mut noise.bytes) });
        }
    }

    fn report_noise(&mut self, found: &mut impl FnMut(Framed<'_>)) {
        if let Some(Noise { reason, bytes: bytes @ 1.. }) = self.noise.take() {
            found(Framed::Unreadable { reason, bytes });
        }
    }
}

/// What the first of `bytes` begins.
fn begins(bytes: &[u8]) -> Begins<'_> {
    let length = usize::from(bytes[0]);
    if length < HEADER_BYTES {
        return Begins::Nothing;
    }
    match bytes.get(1..3) {
        Some([OPCODE_MIN..=u8::MAX, SOURCE_DECODER] | [opcode::MULTIPACKET_SEGMENT, SOURCE_FIRST_SEGMENT]) => {}
        Some(_) => return Begins::Nothing,
        None => return Begins::Unfinished,
    }
    let (Some(counted), Some(&[high, low])) = (bytes.get(..length), bytes.get(length..length + CHECKSUM_BYTES)) else {
        return Begins::Unfinished;
    };
    if checksum(counted) != u16::from_be_bytes([high, low]) {
        return Begins::Damaged;
    }
    Begins::Packet(Packet { opcode: bytes[1], status: bytes[3], data: &counted[HEADER_BYTES..] })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EAN_13: &[u8] = b"\x12\xf3\x00\x00\x0b5901234123457\xfc\x52";
    const NO_READ: &[u8] = b"\x07\xf3\x00\x00\x01NR\xfe\x65";
    const ACK: &[u8] = b"\x04\xd0\x00\x80\xfe\xac";

    fn decoder(opcode: u8, status: u8, data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![u8::try_from(HEADER_BYTES + data.len()).unwrap(), opcode, SOURCE_DECODER, status];
        bytes.extend(data);
        bytes.extend(checksum(&bytes).to_be_bytes());
        bytes
    }

    fn shown(framed: Framed<'_>) -> String {
        match framed {
            Framed::Packet(packet) => format!("{:02x}:{}", packet.opcode, packet.data.escape_ascii()),
            Framed::Damaged => "damaged".to_owned(),
            Framed::Unreadable { reason, bytes } => format!("[{reason:?}:{bytes}]"),
        }
    }

    /// `None` is a gap.
    fn found(pieces: &[Option<&[u8]>]) -> String {
        let mut framer = PacketFramer::new();
        let mut seen = Vec::new();
        for piece in pieces {
            match piece {
                Some(bytes) => framer.push(bytes, |framed| seen.push(shown(framed))),
                None => framer.idle(|framed| seen.push(shown(framed))),
            }
        }
        seen.join(" ")
    }

    #[test]
    fn packets_of_the_host_have_the_bytes_of_the_manual() {
        let rows: [(Vec<u8>, &[u8]); 8] = [
            (ack(), b"\x04\xd0\x04\x00\xff\x28"),
            (nak(Nak::Resend), b"\x05\xd1\x04\x00\x01\xff\x25"),
            (nak(Nak::BadContext), b"\x05\xd1\x04\x00\x02\xff\x24"),
            (nak(Nak::Denied), b"\x05\xd1\x04\x00\x06\xff\x20"),
            (packet(opcode::BEEP, 0, &[0]), b"\x05\xe6\x04\x00\x00\xff\x11"),
            (packet(0xe9, 0, &[]), b"\x04\xe9\x04\x00\xff\x0f"),
            (packet(0xe9, 0x08, &[]), b"\x04\xe9\x04\x08\xff\x07"),
            (packet(opcode::PARAM_SEND, 0, &[0xff, 0xee, 1]), b"\x07\xc6\x04\x00\xff\xee\x01\xfd\x41"),
        ];
        for (packet, expected) in rows {
            assert_eq!(packet, expected);
        }
        assert_eq!(checksum(&[0xff; 5]), 0xfb05);
        assert_eq!(packet(opcode::BEEP, 0, &[0; 300]).len(), PACKET_BYTES_MAX);
    }

    #[test]
    fn packets_of_the_decoder_are_read() {
        assert_eq!(found(&[Some(EAN_13)]), "f3:\\x0b5901234123457");
        assert_eq!(found(&[Some(NO_READ), Some(ACK)]), "f3:\\x01NR d0:");
    }

    /// The longest there is, as scanners begin a long QR code; computed apart from this code.
    #[test]
    fn the_longest_packet_is_read() {
        let bytes = [b"\xff\xf3\x00\x03\x1c", &[b'Z'; 250][..], b"\xa6\x0b"].concat();
        assert_eq!(bytes.len(), PACKET_BYTES_MAX);
        let mut status = None;
        PacketFramer::new().push(&bytes, |framed| {
            let Framed::Packet(packet) = framed else { panic!("{framed:?}") };
            assert_eq!((packet.opcode, packet.data[0], packet.data.len()), (opcode::DECODE_DATA, 0x1c, DATA_BYTES_MAX));
            status = Some((packet.is_retransmit(), packet.is_continued()));
        });
        assert_eq!(status, Some((true, true)));
    }

    #[test]
    fn a_packet_is_found_behind_noise() {
        let mut damaged = EAN_13.to_vec();
        damaged[8] ^= 0x10;
        let rows: &[(&[Option<&[u8]>], &str)] = &[
            (&[Some(b"\x00\x01\xff"), Some(EAN_13)], "[NotPacket:3] f3:\\x0b5901234123457"),
            (&[Some(&damaged), Some(EAN_13)], "damaged [BadChecksum:20] f3:\\x0b5901234123457"),
            (&[Some(&EAN_13[..12]), None, Some(ACK)], "[Unterminated:12] d0:"),
            (&[Some(b"\xff\xf3\x00"), Some(ACK)], ""),
            (&[Some(b"\xff\xf3\x00"), Some(ACK), None], "[Unterminated:3] d0:"),
            (&[Some(b"5901234123457\r")], ""),
            (&[Some(b"5901234123457\r"), None, Some(ACK)], "[NotPacket:14] d0:"),
            (&[None, Some(ACK), None], "d0:"),
        ];
        for (pieces, expected) in rows {
            let seen = found(pieces);
            assert_eq!(seen, *expected, "{pieces:02x?}");
        }
    }

    #[test]
    fn noise_without_end_is_reported_while_it_lasts() {
        let noise = vec![0; 2 * NOISE_BYTES_MAX + 5];
        assert_eq!(found(&[Some(&noise), None]), "[NotPacket:8192] [NotPacket:8192] [NotPacket:5]");
    }

    #[test]
    fn the_rest_of_what_was_thrown_away_is_noise() {
        for (thrown_away, rest, expected) in [
            (&EAN_13[..7], &EAN_13[7..], "[Stale:13] d0:"),
            (EAN_13, &b""[..], "d0:"),
            (&b""[..], EAN_13, "f3:\\x0b5901234123457 d0:"),
        ] {
            let mut framer = PacketFramer::new();
            let mut seen = Vec::new();
            framer.skip_past(thrown_away);
            for bytes in [rest, ACK] {
                framer.push(bytes, |framed| seen.push(shown(framed)));
            }
            assert_eq!(seen.join(" "), expected, "{thrown_away:02x?}");
        }
    }

    #[test]
    fn a_lost_line_leaves_nothing_behind() {
        let mut framer = PacketFramer::new();
        let mut seen = Vec::new();
        framer.push(&EAN_13[..5], |framed| seen.push(shown(framed)));
        framer.abandon(|framed| seen.push(shown(framed)));
        assert!(!framer.is_partial());
        framer.push(ACK, |framed| seen.push(shown(framed)));
        assert_eq!(seen, ["[Unterminated:5]", "d0:"]);
    }

    /// Bytes as they come from a line, with whole, cut and damaged packets among noise.
    fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
        let whole = (any::<u8>(), any::<u8>(), proptest::collection::vec(any::<u8>(), 0..=DATA_BYTES_MAX))
            .prop_map(|(opcode, status, data)| decoder(opcode, status, &data));
        let cut = (whole.clone(), any::<proptest::sample::Index>())
            .prop_map(|(bytes, at)| bytes[..at.index(bytes.len())].to_vec());
        let damaged =
            (whole.clone(), any::<proptest::sample::Index>(), 1..=u8::MAX).prop_map(|(mut bytes, at, change)| {
                let at = at.index(bytes.len());
                bytes[at] ^= change;
                bytes
            });
        let noise = proptest::collection::vec(any::<u8>(), 0..300);
        let piece = prop_oneof![whole, cut, damaged, noise];
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn chunking_changes_nothing(
            bytes in any_bytes(),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..20),
        ) {
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<_> = cuts.windows(2).map(|cut| Some(&bytes[cut[0]..cut[1]])).chain([None]).collect();
            prop_assert_eq!(found(&[Some(&bytes), None]), found(&chunks));
        }

        #[test]
        fn memory_is_bounded_and_every_byte_counted(
            chunks in proptest::collection::vec((any_bytes(), any::<bool>()), 0..6),
        ) {
            let mut framer = PacketFramer::new();
            let (mut counted, mut pushed) = (0, 0);
            let mut count = |framed: Framed<'_>| {
                counted += match framed {
                    Framed::Packet(packet) => HEADER_BYTES + packet.data.len() + CHECKSUM_BYTES,
                    Framed::Damaged => 0,
                    Framed::Unreadable { bytes, .. } => bytes,
                };
            };
            for (bytes, idle) in &chunks {
                framer.push(bytes, &mut count);
                if *idle {
                    framer.idle(&mut count);
                }
                pushed += bytes.len();
                prop_assert!(framer.held.len() < PACKET_BYTES_MAX);
                prop_assert!(framer.held.capacity() <= 4 * PACKET_BYTES_MAX);
            }
            framer.abandon(&mut count);
            prop_assert_eq!(counted, pushed);
        }

        #[test]
        fn a_good_packet_after_any_noise_and_a_gap_is_found(noise in any_bytes()) {
            let mut framer = PacketFramer::new();
            framer.push(&noise, |_| ());
            framer.idle(|_| ());
            let mut seen = Vec::new();
            framer.push(EAN_13, |framed| seen.push(shown(framed)));
            prop_assert_eq!(seen, ["f3:\\x0b5901234123457"]);
        }
    }
}
