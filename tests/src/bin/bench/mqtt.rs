//! As much of MQTT 3.1.1 as a floor and a consumer need: a library's own costs would be measured along with the agent's.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use parceld_tests::net;

/// A packet from the broker.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    Publish {
        topic: &'a str,
        /// To be acknowledged.
        id: Option<u16>,
        payload: &'a [u8],
    },
    SubscribeAcknowledged,
    Other,
}

/// Connects to the loopback port with a clean session and without keep-alive.
///
/// # Errors
/// Where nobody listens, or the broker refuses.
pub fn connect(port: u16, client_id: &str) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(net::loopback(port))?;
    stream.set_nodelay(true)?;
    let mut body = b"\x00\x04MQTT\x04\x02\x00\x00".to_vec();
    put_text(&mut body, client_id);
    let mut packet = Vec::new();
    put_packet(&mut packet, 0x10, &body);
    stream.write_all(&packet)?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer)?;
    match answer {
        [0x20, 2, _, 0] => Ok(stream),
        _ => Err(io::Error::new(ErrorKind::ConnectionRefused, format!("the broker answered {answer:02x?}"))),
    }
}

/// Appends a subscription at QoS 1.
pub fn put_subscribe(out: &mut Vec<u8>, id: u16, filter: &str) {
    let mut body = id.to_be_bytes().to_vec();
    put_text(&mut body, filter);
    body.push(1);
    put_packet(out, 0x82, &body);
}

/// Appends a publish at QoS 1.
pub fn put_publish(out: &mut Vec<u8>, id: u16, topic: &str, retain: bool, payload: &[u8]) {
    let mut body = Vec::with_capacity(4 + topic.len() + payload.len());
    put_text(&mut body, topic);
    body.extend_from_slice(&id.to_be_bytes());
    body.extend_from_slice(payload);
    put_packet(out, 0x32 | u8::from(retain), &body);
}

/// Appends the acknowledgement of a received publish.
pub fn put_acknowledgement(out: &mut Vec<u8>, id: u16) {
    put_packet(out, 0x40, &id.to_be_bytes());
}

/// The packet that `bytes` begin with, and its length; `None` where its end hasn't come yet.
pub fn take(bytes: &[u8]) -> Option<(Packet<'_>, usize)> {
    let (header, length, rest) = fixed_header(bytes)?;
    let body = rest.get(..length)?;
    let taken = bytes.len() - rest.len() + length;
    let packet = match header >> 4 {
        3 => publish(header, body).unwrap_or(Packet::Other),
        9 => Packet::SubscribeAcknowledged,
        _ => Packet::Other,
    };
    Some((packet, taken))
}

/// The first byte, the length of what follows, and what follows.
fn fixed_header(bytes: &[u8]) -> Option<(u8, usize, &[u8])> {
    let (header, mut rest) = bytes.split_first()?;
    let mut length = 0;
    for shift in [0, 7, 14, 21] {
        let (digit, after) = rest.split_first()?;
        rest = after;
        length |= usize::from(digit & 0x7f) << shift;
        if digit & 0x80 == 0 {
            break;
        }
    }
    Some((*header, length, rest))
}

fn publish(header: u8, body: &[u8]) -> Option<Packet<'_>> {
    let (length, rest) = body.split_first_chunk::<2>()?;
    let (topic, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    let topic = str::from_utf8(topic).ok()?;
    if header & 0x06 == 0 {
        return Some(Packet::Publish { topic, id: None, payload: rest });
    }
    let (id, payload) = rest.split_first_chunk::<2>()?;
    Some(Packet::Publish { topic, id: Some(u16::from_be_bytes(*id)), payload })
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).expect("the benchmark's own texts are short");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn put_packet(out: &mut Vec<u8>, header: u8, body: &[u8]) {
    out.push(header);
    let mut length = body.len();
    loop {
        let digit = (length & 0x7f) as u8;
        length >>= 7;
        if length == 0 {
            out.push(digit);
            break;
        }
        out.push(digit | 0x80);
    }
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_it_puts() {
        let long = vec![b'x'; 300];
        let mut bytes = Vec::new();
        put_publish(&mut bytes, 7, "events/pick", false, &long);
        put_acknowledgement(&mut bytes, 7);
        let first = bytes.len() - 4;
        let expected = Packet::Publish { topic: "events/pick", id: Some(7), payload: &long };
        assert_eq!(take(&bytes), Some((expected, first)));
        assert_eq!(take(&bytes[first..]), Some((Packet::Other, 4)));
        for short in 0..first {
            assert_eq!(take(&bytes[..short]), None, "{short}");
        }
    }

    #[test]
    fn reads_what_a_broker_sends() {
        assert_eq!(take(b"\x90\x03\x00\x01\x01"), Some((Packet::SubscribeAcknowledged, 5)));
        let plain = Packet::Publish { topic: "a", id: None, payload: b"x" };
        assert_eq!(take(b"\x31\x04\x00\x01ax"), Some((plain, 6)));
        assert_eq!(take(b"\x31\x02\x00\x09"), Some((Packet::Other, 4)));
    }
}
