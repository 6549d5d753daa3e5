//! Messages that come in several packets, of which the scanner has two forms:
//!
//! - several DECODE_DATA, all but the last marked as continued, each beginning with the code type;
//! - MULTIPACKET_SEGMENT, counted from 0. The first holds a DECODE_DATA with its own header: opcode, source, status,
//!   length, code type, a byte, the number of data bytes, data. All but the last are full.
//!
//! A packet that comes again because its acknowledgement was lost is recognised, and not appended again.

use std::time::Duration;

use crate::framing::Unreadable;
use crate::framing::line::FRAME_BYTES_MAX;
use crate::framing::ssi::{DATA_BYTES_MAX, Packet, opcode};

/// The next packet follows at once, or is the same one again after the scanner's response time-out of 2 s.
const PART_TIME_OUT: Duration = Duration::from_millis(3_000);

/// What a packet did to the message that it belongs to.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// More must come: acknowledge it now.
    Part,
    Whole(Message),
    /// It can't become a message, and will not if it is sent again.
    Broken {
        reason: Unreadable,
        bytes: usize,
    },
    Unexpected,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub code_type: u8,
    pub data: Vec<u8>,
    pub retransmitted: bool,
}

#[derive(Debug, Default)]
pub struct Assembly {
    begun: Option<Begun>,
    /// The last message of several packets, by the data of its last packet: if that comes again, so does the message.
    last: Option<(Vec<u8>, Message)>,
}

#[derive(Debug)]
struct Begun {
    form: Form,
    code_type: u8,
    data: Vec<u8>,
    /// Bytes that came, also those beyond the limit.
    bytes: usize,
    last_part: Vec<u8>,
    touched: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Continued,
    Segments { bytes_wanted: usize, next: u8 },
}

impl Assembly {
    /// Takes a DECODE_DATA. `dropped` hears of a message that will never be whole.
    pub fn decode_data(&mut self, packet: &Packet<'_>, at: Duration, dropped: impl FnOnce(usize)) -> Taken {
        let Some((&code_type, data)) = packet.data.split_first() else {
            return Taken::Broken { reason: Unreadable::Empty, bytes: 0 };
        };
        if self.begun.as_ref().is_some_and(|begun| begun.form != Form::Continued || begun.code_type != code_type) {
            self.drop_begun(dropped);
        }
        if packet.is_continued() {
            let begun = self.begun.get_or_insert_with(|| Begun::new(Form::Continued, code_type));
            begun.touched = at;
            if !(packet.is_retransmit() && begun.last_part == packet.data) {
                begun.append(data, packet.data);
            }
            return Taken::Part;
        }
        if let Some(mut begun) = self.begun.take() {
            begun.append(data, packet.data);
            return self.finish(begun, packet.is_retransmit());
        }
        if packet.is_retransmit()
            && let Some(message) = self.repeated(packet.data)
        {
            return Taken::Whole(message);
        }
        self.last = None;
        Taken::Whole(Message { code_type, data: data.to_vec(), retransmitted: packet.is_retransmit() })
    }

    /// Takes a MULTIPACKET_SEGMENT. `dropped` hears of a message that will never be whole.
    pub fn segment(&mut self, packet: &Packet<'_>, at: Duration, dropped: impl FnOnce(usize)) -> Taken {
        let Some((&number, rest)) = packet.data.split_first() else {
            return Taken::Unexpected;
        };
        if let Some(begun) = &mut self.begun
            && begun.last_part == packet.data
        {
            begun.touched = at;
            return Taken::Part;
        }
        if self.begun.is_none()
            && let Some(message) = self.repeated(packet.data)
        {
            return Taken::Whole(message);
        }
        let (mut begun, data) = match (self.begun.take(), rest) {
            (Some(begun), _) if begun.expects(number) => (begun, rest),
            (begun, [opcode::DECODE_DATA, _, _, _, _, code_type, _, high, low, data @ ..]) if number == 0 => {
                self.begun = begun;
                self.drop_begun(dropped);
                let bytes_wanted = usize::from(u16::from_be_bytes([*high, *low]));
                if FRAME_BYTES_MAX < bytes_wanted {
                    return Taken::Broken { reason: Unreadable::TooLong, bytes: data.len() };
                }
                (Begun::new(Form::Segments { bytes_wanted, next: 0 }, *code_type), data)
            }
            (begun, _) => {
                self.begun = begun;
                self.drop_begun(dropped);
                return Taken::Unexpected;
            }
        };
        begun.append(data, packet.data);
        begun.touched = at;
        match begun.form {
            Form::Segments { bytes_wanted, .. } if bytes_wanted <= begun.data.len() => {
                begun.data.truncate(bytes_wanted);
                self.finish(begun, packet.is_retransmit())
            }
            _ if packet.data.len() < DATA_BYTES_MAX => {
                Taken::Broken { reason: Unreadable::Unterminated, bytes: begun.bytes }
            }
            _ => {
                self.begun = Some(begun);
                Taken::Part
            }
        }
    }

    /// When a message that has begun is given up.
    pub fn due(&self) -> Option<Duration> {
        self.begun.as_ref().map(|begun| begun.touched.saturating_add(PART_TIME_OUT))
    }

    pub fn drop_begun(&mut self, dropped: impl FnOnce(usize)) {
        if let Some(begun) = self.begun.take() {
            dropped(begun.bytes);
        }
    }

    fn repeated(&self, part: &[u8]) -> Option<Message> {
        let (last_part, message) = self.last.as_ref()?;
        (last_part == part).then(|| Message { retransmitted: true, ..message.clone() })
    }

    fn finish(&mut self, begun: Begun, retransmitted: bool) -> Taken {
        if FRAME_BYTES_MAX < begun.bytes && begun.form == Form::Continued {
            return Taken::Broken { reason: Unreadable::TooLong, bytes: begun.bytes };
        }
        let message = Message { code_type: begun.code_type, data: begun.data, retransmitted };
        self.last = Some((begun.last_part, message.clone()));
        Taken::Whole(message)
    }
}

impl Begun {
    fn new(form: Form, code_type: u8) -> Self {
        Self { form, code_type, data: Vec::new(), bytes: 0, last_part: Vec::new(), touched: Duration::ZERO }
    }

    fn append(&mut self, data: &[u8], part: &[u8]) {
        let room = FRAME_BYTES_MAX.saturating_sub(self.data.len());
        self.data.extend(&data[..data.len().min(room)]);
        self.bytes = self.bytes.saturating_add(data.len());
        self.last_part = part.to_vec();
        if let Form::Segments { next, .. } = &mut self.form {
            *next = next.wrapping_add(1);
        }
    }

    fn expects(&self, number: u8) -> bool {
        matches!(self.form, Form::Segments { next, .. } if next == number)
    }
}
