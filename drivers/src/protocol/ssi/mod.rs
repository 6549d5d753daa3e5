//! The conversation with a decoder that speaks Zebra's Simple Serial Interface.
//!
//! Every packet with a scan, or with a part of one, is acknowledged: parts at once, since a part is no scan; a whole
//! message by whoever answers the read, when it is on disk. What can never become a read is denied, so that the
//! scanner complains instead of asking again. A scanner that got no answer sends the message again: that is a read
//! too, marked as a repeat, and whoever decides knows whether the first one was stored. Where something was damaged
//! since the last read, nobody can tell a repeat of it from the second try of another one that looks the same.
//!
//! Source: SSI chapters of Zebra's product reference guides (DS4308, DS8108, CR6080).

mod assembly;
mod setup;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use setup::Setting;

use super::{Output, Read, Repeat};
use crate::framing::Unreadable;
use crate::framing::ssi::{Framed, GAP_MS, Nak, Packet, PacketFramer, ack, nak, opcode, packet};
use crate::symbology::ssi::identify_typed;
use assembly::{Assembly, Message, Taken};
use setup::Setup;

/// What a decoder sends as Code 39 where it is set to transmit that it read nothing.
const NO_READ: (u8, &[u8]) = (0x01, b"NR");

/// Zebra's Host Serial Response Time-out, parameter 9Bh, as it leaves the factory: how long either side waits for the
/// other's acknowledgement before it sends again.
pub const RESPONSE_TIME_OUT: Duration = Duration::from_millis(2_000);

const GAP: Duration = Duration::from_millis(GAP_MS);

#[derive(Debug)]
pub struct SsiLink {
    framer: PacketFramer,
    silent_since: Duration,
    talk: Talk,
}

impl SsiLink {
    #[must_use]
    pub fn new(settings: &'static [Setting]) -> Self {
        let talk =
            Talk { assembly: Assembly::default(), setup: Setup::new(settings), resend_asked: false, damaged: true };
        Self { framer: PacketFramer::new(), silent_since: Duration::ZERO, talk }
    }

    pub fn opened(&mut self, at: Duration, out: &mut dyn FnMut(Output<'_>)) {
        self.silent_since = at;
        self.talk.setup.begin(at, out);
    }

    pub fn push(&mut self, bytes: &[u8], at: Duration, out: &mut dyn FnMut(Output<'_>)) {
        self.silent_since = at;
        let Self { framer, talk, .. } = self;
        framer.push(bytes, |framed| talk.take(framed, at, out));
    }

    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        let gap = self.framer.is_partial().then(|| self.silent_since.saturating_add(GAP));
        [gap, self.talk.assembly.due(), self.talk.setup.due()].into_iter().flatten().min()
    }

    pub fn tick(&mut self, at: Duration, out: &mut dyn FnMut(Output<'_>)) {
        let Self { framer, talk, silent_since } = self;
        if framer.is_partial() && silent_since.saturating_add(GAP) <= at {
            framer.idle(|framed| talk.take(framed, at, out));
            talk.resend_asked = false;
        }
        if talk.assembly.due().is_some_and(|due| due <= at) {
            talk.assembly.drop_begun(|bytes| out(unterminated(bytes)));
        }
        talk.setup.tick(at, out);
    }

    pub fn abandon(&mut self, out: &mut dyn FnMut(Output<'_>)) {
        self.framer.abandon(|framed| {
            if let Framed::Unreadable { reason, bytes } = framed {
                out(Output::Unreadable { reason, bytes });
            }
        });
        self.talk.assembly.drop_begun(|bytes| out(unterminated(bytes)));
        self.talk.setup.abandon();
        self.talk.resend_asked = false;
        self.talk.damaged = true;
    }

    pub fn skip_past(&mut self, bytes: &[u8]) {
        self.framer.skip_past(bytes);
    }
}

#[derive(Debug)]
struct Talk {
    assembly: Assembly,
    setup: Setup,
    /// A damaged packet leaves pieces that look damaged too: it is asked for again once.
    resend_asked: bool,
    /// Since the last read something came that could not be read, or the line was lost.
    damaged: bool,
}

impl Talk {
    fn take(&mut self, framed: Framed<'_>, at: Duration, out: &mut dyn FnMut(Output<'_>)) {
        match framed {
            Framed::Packet(packet) => {
                self.resend_asked = false;
                self.setup.heard(at, out);
                self.packet(&packet, at, out);
            }
            Framed::Damaged => {
                self.damaged = true;
                if !std::mem::replace(&mut self.resend_asked, true) {
                    out(Output::Send(&nak(Nak::Resend)));
                }
            }
            Framed::Unreadable { reason, bytes } => {
                self.damaged = true;
                out(Output::Unreadable { reason, bytes });
                if reason == Unreadable::NotPacket {
                    self.setup.seems_forgotten(at, out);
                }
            }
        }
    }

    fn packet(&mut self, received: &Packet<'_>, at: Duration, out: &mut dyn FnMut(Output<'_>)) {
        match received.opcode {
            opcode::DECODE_DATA => {
                let taken = self.assembly.decode_data(received, at, |bytes| out(unterminated(bytes)));
                self.reply(taken, &ack(), out);
            }
            opcode::MULTIPACKET_SEGMENT => {
                let taken = self.assembly.segment(received, at, |bytes| out(unterminated(bytes)));
                self.reply(taken, &packet(opcode::MULTIPACKET_ACK, 0, &[]), out);
            }
            opcode::EVENT => out(Output::Send(&ack())),
            opcode::CMD_ACK => self.setup.accepted(at, out),
            opcode::CMD_NAK => self.setup.refused(received.data.first().copied(), at, out),
            opcode::REPLY_REVISION | opcode::CAPABILITIES_REPLY => {}
            _ => out(Output::Send(&nak(Nak::BadContext))),
        }
    }

    fn reply(&mut self, taken: Taken, part_ack: &[u8], out: &mut dyn FnMut(Output<'_>)) {
        match taken {
            Taken::Part => out(Output::Send(part_ack)),
            Taken::Unexpected => out(Output::Send(&nak(Nak::BadContext))),
            Taken::Broken { reason, bytes } => {
                out(Output::Unreadable { reason, bytes });
                out(Output::Send(&nak(Nak::Denied)));
            }
            Taken::Whole(message) if (message.code_type, &message.data[..]) == NO_READ => {
                out(Output::Unreadable { reason: Unreadable::NoRead, bytes: message.data.len() });
                out(Output::Send(&ack()));
            }
            Taken::Whole(message) => match self.read(message) {
                Ok(read) => out(Output::Read(read)),
                Err((reason, bytes)) => {
                    out(Output::Unreadable { reason, bytes });
                    out(Output::Send(&nak(Nak::Denied)));
                }
            },
        }
    }

    /// Any bytes may stand in a barcode, and a checksum says that these did: they are no noise.
    fn read(&mut self, message: Message) -> Result<Read, (Unreadable, usize)> {
        let (symbology, payload) = identify_typed(message.code_type, &message.data);
        if payload.is_empty() {
            return Err((Unreadable::Empty, message.data.len()));
        }
        let payload = payload.to_vec();
        let repeat = match (message.retransmitted, std::mem::take(&mut self.damaged)) {
            (false, _) => Repeat::No,
            (true, false) => Repeat::Surely,
            (true, true) => Repeat::Perhaps,
        };
        Ok(Read { symbology, payload, frame: message.data, repeat })
    }
}
fn unterminated(bytes: usize) -> Output<'static> {
    Output::Unreadable { reason: Unreadable::Unterminated, bytes }
}
