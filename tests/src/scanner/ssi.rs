//! A Zebra on a pty that speaks Simple Serial Interface, both ways.
//!
//! It sends plain text until it is told to send packets. A packet that is not acknowledged in time is sent again twice,
//! marked as such. Written from the guides alone, and shares no code with the driver.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use crate::pty::Pty;
use crate::scanner::told::Told;
use crate::wait::{self, Stopwatch};

/// The pause between two beeps of a melody, or before a light goes out, is shorter.
const SILENCE_ENDS_ANSWER: Duration = Duration::from_millis(700);

const SENDS_MAX: u8 = 3;
const DATA_BYTES_MAX: usize = 251;

const DECODE_DATA: u8 = 0xf3;
const MULTIPACKET_SEGMENT: u8 = 0x73;
const MULTIPACKET_ACK: u8 = 0x74;
const PARAM_SEND: u8 = 0xc6;
const CMD_ACK: u8 = 0xd0;
const CMD_NAK: u8 = 0xd1;
const BEEP: u8 = 0xe6;
const LED_ON: u8 = 0xe7;
const LED_OFF: u8 = 0xe8;

const RESEND: u8 = 1;
const BAD_CONTEXT: u8 = 2;
const DENIED: u8 = 6;

const SEND_PACKETS: u8 = 0xee;
const AGAIN: u8 = 0x01;
const CONTINUED: u8 = 0x02;

/// How a code is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Single,
    /// Several DECODE_DATA, each with so many characters at most.
    Continued(usize),
    /// Several MULTIPACKET_SEGMENT, as cordless scanners do.
    Segments,
}

/// What goes wrong when a packet is sent, for the first time unless it says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A byte is changed on the way.
    Corrupt,
    /// What the host says is not heard.
    LoseAnswer,
    /// The line carries this before the packet.
    Noise(Vec<u8>),
    /// Only the beginning arrives.
    Half,
    /// The line carries this before the packet is sent for the second time.
    NoiseThen(Vec<u8>),
}

/// What the host said to a packet in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    Acknowledged,
    /// With this cause.
    Refused(u8),
    /// Not even to the third time.
    Nothing,
}

/// What became of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub reply: Reply,
    pub told: Told,
    /// How often its last packet was sent.
    pub sends: u8,
    /// From when that was sent for the first time to the reply that counted.
    pub after: Duration,
    /// LEDs that were switched on and off again.
    pub lights: Vec<u8>,
}

#[derive(Debug)]
pub struct VirtualSsi {
    pty: Pty,
    unread: Vec<u8>,
    settings: BTreeMap<u8, u8>,
    refused: BTreeSet<u8>,
    beeps: Vec<u8>,
    leds: Vec<(u8, u8)>,
    response_time_out: Duration,
}

#[derive(Debug)]
struct Packet {
    opcode: u8,
    data: Vec<u8>,
}

impl VirtualSsi {
    /// As it leaves the factory, but for how long it waits for the host.
    #[must_use]
    pub fn new(response_time_out: Duration) -> VirtualSsi {
        VirtualSsi {
            pty: Pty::new(),
            unread: Vec::new(),
            settings: BTreeMap::new(),
            refused: BTreeSet::new(),
            beeps: Vec::new(),
            leds: Vec::new(),
            response_time_out,
        }
    }

    #[must_use]
    pub fn port(&self) -> &Path {
        self.pty.port()
    }

    #[must_use]
    pub fn line(&self) -> &Pty {
        &self.pty
    }

    /// Denies a setting from now on.
    pub fn refuse(&mut self, parameter: u8) {
        self.refused.insert(parameter);
    }

    /// What it was told, by parameter.
    #[must_use]
    pub fn settings(&self) -> &BTreeMap<u8, u8> {
        &self.settings
    }

    /// Listens until it was told, and has accepted, all of `parameters`.
    #[track_caller]
    pub fn until_set_up(&mut self, parameters: &[u8]) {
        wait::until("the scanner to be set up", wait::GENEROUS, || {
            self.serve(Duration::from_millis(20));
            parameters.iter().all(|parameter| self.settings.contains_key(parameter)).then_some(())
        });
    }

    /// Sends a code and hears the whole answer.
    pub fn scan(&mut self, code_type: u8, text: &str) -> Answer {
        self.scan_as(code_type, text, Form::Single, &[])
    }

    /// Sends a code in `form`. The faults are those of its last packet.
    pub fn scan_as(&mut self, code_type: u8, text: &str, form: Form, faults: &[Fault]) -> Answer {
        if self.settings.get(&SEND_PACKETS) != Some(&1) {
            self.pty.write(text.as_bytes());
            let after = Duration::ZERO;
            return Answer { reply: Reply::Nothing, told: Told::Silent, sends: 1, after, lights: Vec::new() };
        }
        let packets = packets(code_type, text.as_bytes(), form);
        let (last, parts) = packets.split_last().expect("a code has a packet");
        for part in parts {
            let (reply, _) = self.exchange(part, &[]);
            assert_eq!(reply, Reply::Acknowledged, "a part is acknowledged at once");
        }
        let sent = Stopwatch::start();
        let (reply, sends) = self.exchange(last, faults);
        let after = sent.elapsed();
        while self.serve(SILENCE_ENDS_ANSWER) {}
        Answer { reply, told: Told::by_melody(&self.melody()), sends, after, lights: self.lights() }
    }

    /// Sends a code, and doesn't listen to what the scanner is told beyond the reply: what comes late is passed over.
    pub fn send_as(&mut self, code_type: u8, text: &str, form: Form) -> (Reply, u8) {
        let packets = packets(code_type, text.as_bytes(), form);
        let mut said = (Reply::Nothing, 0);
        for packet in packets {
            said = self.exchange(&packet, &[]);
        }
        said
    }

    /// Sends a packet until the host has said something to it.
    fn exchange(&mut self, packet: &[u8], faults: &[Fault]) -> (Reply, u8) {
        for sends in 1..=SENDS_MAX {
            let of_this_time = |fault: &&Fault| match fault {
                Fault::NoiseThen(_) => sends == 2,
                _ => sends == 1,
            };
            let faults: Vec<&Fault> = faults.iter().filter(of_this_time).collect();
            (self.beeps, self.leds) = (Vec::new(), Vec::new());
            let status = if sends == 1 { 0 } else { AGAIN };
            self.send(&with_status(packet, status), &faults);
            match self.await_reply(faults.contains(&&Fault::LoseAnswer)) {
                Some(Reply::Refused(RESEND)) | None => {}
                Some(reply) => return (reply, sends),
            }
        }
        (Reply::Nothing, SENDS_MAX)
    }

    fn send(&mut self, packet: &[u8], faults: &[&Fault]) {
        let mut bytes = packet.to_vec();
        for fault in faults {
            match fault {
                Fault::Corrupt => bytes[5] ^= 0x01,
                Fault::Half => bytes.truncate(bytes.len() / 2),
                Fault::Noise(noise) | Fault::NoiseThen(noise) => self.pty.write(noise),
                Fault::LoseAnswer => {}
            }
        }
        self.pty.write(&bytes);
    }

    fn await_reply(&mut self, mut lose_one: bool) -> Option<Reply> {
        let sent = Stopwatch::start();
        loop {
            while let Some(packet) = self.take_packet() {
                let reply = match packet.opcode {
                    CMD_ACK | MULTIPACKET_ACK => Some(Reply::Acknowledged),
                    CMD_NAK => Some(Reply::Refused(packet.data[0])),
                    _ => {
                        self.obey(&packet);
                        None
                    }
                };
                if reply.is_some() && !std::mem::take(&mut lose_one) {
                    return reply;
                }
            }
            let bytes = self.pty.read(sent.left_of(self.response_time_out));
            if bytes.is_empty() {
                return None;
            }
            self.unread.extend(bytes);
        }
    }

    /// Does what the host wants, waiting up to `patience` for it to want something.
    fn serve(&mut self, patience: Duration) -> bool {
        let bytes = self.pty.read(patience);
        self.unread.extend(&bytes);
        while let Some(packet) = self.take_packet() {
            self.obey(&packet);
        }
        !bytes.is_empty()
    }

    fn obey(&mut self, packet: &Packet) {
        let answer = match (packet.opcode, &packet.data[..]) {
            (PARAM_SEND, [0xff, parameter, _]) if self.refused.contains(parameter) => Err(DENIED),
            (PARAM_SEND, [0xff, parameter, value]) => {
                self.settings.insert(*parameter, *value);
                Ok(())
            }
            (BEEP, [code]) => {
                self.beeps.push(*code);
                Ok(())
            }
            (LED_ON | LED_OFF, [led]) => {
                self.leds.push((packet.opcode, *led));
                Ok(())
            }
            (CMD_ACK | CMD_NAK, _) => return,
            _ => Err(BAD_CONTEXT),
        };
        let bytes = match answer {
            Ok(()) => encode(CMD_ACK, 0, &[]),
            Err(cause) => encode(CMD_NAK, 0, &[cause]),
        };
        self.pty.write(&bytes);
    }

    /// The next packet of the host, which is never damaged.
    fn take_packet(&mut self) -> Option<Packet> {
        let length = usize::from(*self.unread.first()?);
        if self.unread.len() < length + 2 {
            return None;
        }
        let bytes: Vec<u8> = self.unread.drain(..length + 2).collect();
        assert!(4 <= length && bytes[2] == 4, "no packet of a host: {bytes:02x?}");
        let sum = bytes[..length].iter().map(|&byte| u32::from(byte)).sum::<u32>();
        let checksum = u32::from(bytes[length]) << 8 | u32::from(bytes[length + 1]);
        assert_eq!((sum + checksum) & 0xffff, 0, "a wrong checksum: {bytes:02x?}");
        Some(Packet { opcode: bytes[1], data: bytes[4..length].to_vec() })
    }

    fn melody(&self) -> String {
        let sound = |code: &u8| match code {
            0..=4 => "H".repeat(usize::from(*code) + 1),
            5..=6 => "L".repeat(usize::from(*code) - 4),
            code => panic!("beep code {code:02x} is not one that all sources agree on"),
        };
        self.beeps.iter().map(sound).collect()
    }

    fn lights(&self) -> Vec<u8> {
        let pairs = self.leds.chunks(2).map(|pair| match pair {
            [(LED_ON, on), (LED_OFF, off)] if on == off => *on,
            other => panic!("a light that is not switched on and off again: {other:02x?}"),
        });
        pairs.collect()
    }
}

fn packets(code_type: u8, data: &[u8], form: Form) -> Vec<Vec<u8>> {
    match form {
        Form::Single => vec![decode_data(0, code_type, data)],
        Form::Continued(characters) => {
            let count = data.len().div_ceil(characters);
            let status = |index| if index + 1 < count { CONTINUED } else { 0 };
            data.chunks(characters)
                .enumerate()
                .map(|(index, part)| decode_data(status(index), code_type, part))
                .collect()
        }
        Form::Segments => segments(code_type, data),
    }
}

fn decode_data(status: u8, code_type: u8, data: &[u8]) -> Vec<u8> {
    encode(DECODE_DATA, status, &[&[code_type], data].concat())
}

fn segments(code_type: u8, data: &[u8]) -> Vec<Vec<u8>> {
    let size = |length: usize| u16::try_from(length).expect("a code is shorter").to_be_bytes();
    let [inner, length] = [size(data.len() + 3), size(data.len())];
    let header = [&[DECODE_DATA, 0, 0], &inner[..], &[code_type, 1], &length].concat();
    let message = [&header, data].concat();
    let segment = |(number, part): (usize, &[u8])| {
        let number = u8::try_from(number).expect("a code has few segments");
        encode(MULTIPACKET_SEGMENT, 0, &[&[number], part].concat())
    };
    message.chunks(DATA_BYTES_MAX - 1).enumerate().map(segment).collect()
}

fn encode(opcode: u8, status: u8, data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(4 + data.len()).expect("a packet has at most 255 bytes");
    sealed([&[length, opcode, 0, status], data].concat())
}

fn with_status(packet: &[u8], status: u8) -> Vec<u8> {
    let mut bytes = packet[..packet.len() - 2].to_vec();
    bytes[3] |= status;
    sealed(bytes)
}

fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum: u32 = bytes.iter().map(|&byte| u32::from(byte)).sum();
    let checksum = 0x1_0000 - sum;
    bytes.extend([(checksum >> 8) as u8, checksum as u8]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_have_the_bytes_of_the_guides() {
        assert_eq!(decode_data(0, 0x0b, b"5901234123457"), b"\x12\xf3\x00\x00\x0b5901234123457\xfc\x52");
        assert_eq!(encode(CMD_ACK, 0x80, &[]), b"\x04\xd0\x00\x80\xfe\xac");
        let segments = segments(0x1c, &[b'Z'; 500]);
        assert_eq!(segments.iter().map(Vec::len).collect::<Vec<_>>(), [257, 257, 16]);
        assert_eq!(segments[0][..14], *b"\xff\x73\x00\x00\x00\xf3\x00\x00\x01\xf7\x1c\x01\x01\xf4");
        assert_eq!(segments[2][12..], *b"ZZ\xfc\x53");
        let continued = packets(0x1c, b"httphttp", Form::Continued(4));
        assert_eq!(continued.iter().map(|packet| packet[3]).collect::<Vec<_>>(), [CONTINUED, 0]);
        assert_eq!(with_status(&continued[0], AGAIN)[3], CONTINUED | AGAIN);
    }
}
