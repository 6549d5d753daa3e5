//! What carries packets: the library's protocol and codec, over a loop of our own that writes all that waits at once.
//!
//! The library's loop sends each publish by itself: a call of the system and a segment on the wire for each event, and as much
//! to do for the broker. Here whatever has been asked for when there is something to write goes together. All else is as the
//! library has it: one connection, pings whatever else goes on, and no request beyond what may be in flight.

use super::way::CONNECT_TIMEOUT;
use bytes::BytesMut;
use flume::Receiver;
use rumqttc::tokio_rustls::TlsConnector;
use rumqttc::tokio_rustls::rustls::pki_types::ServerName;
use rumqttc::v5::mqttbytes::Error;
use rumqttc::v5::mqttbytes::v5::{ConnAck, Connect, ConnectReturnCode, Packet};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, MqttOptions, MqttState, Request, StateError};
use rumqttc::{TlsConfiguration, TlsError, Transport};
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// Read at once: some dozens of acknowledgements. A larger message makes room for itself.
const READ_BYTES: usize = 4 * 1024;
/// Written at once, but for the last message: some dozens of events.
const WRITTEN_BYTES_MAX: usize = 32 * 1024;

/// How long the broker may take to close the connection behind our DISCONNECT.
const CLOSED_WITHIN: Duration = Duration::from_secs(1);

/// A connection's packets, both ways; it is made by the first [`poll`](Self::poll).
pub struct Wire {
    options: MqttOptions,
    state: MqttState,
    requests: Receiver<Request>,
    link: Option<Link>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

struct Link {
    stream: Box<dyn Stream>,
    heard: BytesMut,
    said: BytesMut,
    heard_bytes_max: Option<u32>,
    said_bytes_max: Option<u32>,
    in_flight_max: u16,
    keep_alive: Duration,
    ping: Pin<Box<Sleep>>,
}

impl Wire {
    /// A client of `options`, which takes so many requests before any of them is sent, and what carries them.
    pub fn new(options: MqttOptions, requests_max: usize) -> (AsyncClient, Self) {
        let (sender, requests) = flume::bounded(requests_max);
        let state = MqttState::new(in_flight_max(&options), options.manual_acks());
        (AsyncClient::from_senders(sender), Self { options, state, requests, link: None })
    }

    /// The next thing that was seen or sent. Whoever drops it before it is there gives the connection up.
    ///
    /// # Errors
    /// There is no connection, or it has ended.
    pub async fn poll(&mut self) -> Result<Event, ConnectionError> {
        loop {
            if let Some(event) = self.state.events.pop_front() {
                return Ok(event);
            }
            match &mut self.link {
                None => {
                    let connected = tokio::time::timeout(CONNECT_TIMEOUT, connect(&self.options)).await;
                    let (link, ack) = connected??;
                    let link = self.link.insert(link);
                    self.state.handle_incoming_packet(Packet::ConnAck(ack))?;
                    // More may have come along.
                    link.hear(&mut self.state)?;
                    link.send().await?;
                }
                Some(link) => link.turn(&mut self.state, &self.requests).await?,
            }
        }
    }

    /// Waits until the broker has closed the connection behind what was said last, for a short while. Where something is unread
    /// when a socket is closed the system breaks the connection off, and what was said last may never be read: the broker would
    /// take it for lost.
    pub async fn close(self) {
        let Some(Link { mut stream, mut heard, .. }) = self.link else { return };
        let closed = async {
            stream.shutdown().await?;
            while stream.read_buf(&mut heard).await? != 0 {
                heard.clear();
            }
            Ok::<_, std::io::Error>(())
        };
        let _ = tokio::time::timeout(CLOSED_WITHIN, closed).await;
    }
}

impl Link {
    fn new(stream: Box<dyn Stream>, options: &MqttOptions) -> Self {
        let keep_alive = options.keep_alive();
        Self {
            stream,
            heard: BytesMut::new(),
            said: BytesMut::new(),
            heard_bytes_max: options.max_packet_size(),
            said_bytes_max: None,
            in_flight_max: in_flight_max(options),
            keep_alive,
            ping: Box::pin(tokio::time::sleep(keep_alive)),
        }
    }

    /// Waits until there is something to hear or to say, and says all that there is to say then.
    async fn turn(&mut self, state: &mut MqttState, requests: &Receiver<Request>) -> Result<(), ConnectionError> {
        self.heard.reserve(READ_BYTES);
        tokio::select! {
            request = requests.recv_async(), if self.may_say(state) => {
                let mut next = Some(request.map_err(|_| ConnectionError::RequestsDone)?);
                while let Some(request) = next {
                    let packet = state.handle_outgoing_packet(request)?;
                    self.say(packet)?;
                    let has_room = self.may_say(state) && self.said.len() < WRITTEN_BYTES_MAX;
                    next = if has_room { requests.try_recv().ok() } else { None };
                }
            }
            heard = self.stream.read_buf(&mut self.heard) => {
                if heard? == 0 {
                    return Err(StateError::ConnectionAborted.into());
                }
                self.hear(state)?;
            }
            () = self.ping.as_mut() => {
                self.ping.as_mut().reset(Instant::now() + self.keep_alive);
                let packet = state.handle_outgoing_packet(Request::PingReq)?;
                self.say(packet)?;
            }
        }
        self.send().await
    }

    /// Not while as much is in flight as may be, nor while a packet id waits to be free.
    fn may_say(&self, state: &MqttState) -> bool {
        state.inflight() < self.in_flight_max && state.collision.is_none()
    }

    fn hear(&mut self, state: &mut MqttState) -> Result<(), StateError> {
        while let Some(packet) = self.packet()? {
            let answer = state.handle_incoming_packet(packet)?;
            self.say(answer)?;
        }
        Ok(())
    }

    fn say(&mut self, packet: Option<Packet>) -> Result<(), StateError> {
        let Some(packet) = packet else { return Ok(()) };
        packet.write(&mut self.said, self.said_bytes_max).map_err(StateError::Deserialization)?;
        Ok(())
    }

    async fn send(&mut self) -> Result<(), ConnectionError> {
        if !self.said.is_empty() {
            self.stream.write_all(&self.said).await?;
            self.stream.flush().await?;
            self.said.clear();
        }
        if WRITTEN_BYTES_MAX < self.said.capacity() {
            self.said = BytesMut::new();
        }
        Ok(())
    }

    /// The next packet of what was heard, if all of it is here.
    fn packet(&mut self) -> Result<Option<Packet>, StateError> {
        match Packet::read(&mut self.heard, self.heard_bytes_max) {
            Ok(packet) => Ok(Some(packet)),
            Err(Error::InsufficientBytes(missing)) => {
                self.heard.reserve(missing);
                Ok(None)
            }
            Err(error) => Err(StateError::Deserialization(error)),
        }
    }
}

fn in_flight_max(options: &MqttOptions) -> u16 {
    options.get_outgoing_inflight_upper_limit().unwrap_or(u16::MAX)
}

async fn connect(options: &MqttOptions) -> Result<(Link, ConnAck), ConnectionError> {
    let (host, port) = options.broker_address();
    let socket = TcpStream::connect((host.as_str(), port)).await?;
    // What is said together is written together.
    socket.set_nodelay(true)?;
    let stream: Box<dyn Stream> = match options.transport() {
        Transport::Tls(TlsConfiguration::Rustls(config)) => {
            let name = ServerName::try_from(host).map_err(TlsError::from)?;
            Box::new(TlsConnector::from(config).connect(name, socket).await.map_err(TlsError::Io)?)
        }
        _ => Box::new(socket),
    };
    let mut link = Link::new(stream, options);
    let connect = Connect {
        client_id: options.client_id(),
        keep_alive: u16::try_from(options.keep_alive().as_secs()).unwrap_or(u16::MAX),
        clean_start: options.clean_start(),
        properties: options.connect_properties(),
    };
    link.say(Some(Packet::Connect(connect, options.last_will(), options.credentials())))?;
    link.send().await?;
    let packet = loop {
        if let Some(packet) = link.packet()? {
            break packet;
        }
        link.heard.reserve(READ_BYTES);
        if link.stream.read_buf(&mut link.heard).await? == 0 {
            return Err(StateError::ConnectionAborted.into());
        }
    };
    match packet {
        Packet::ConnAck(ack) if ack.code == ConnectReturnCode::Success => {
            if let Some(properties) = &ack.properties {
                link.said_bytes_max = properties.max_packet_size;
                link.in_flight_max = link.in_flight_max.min(properties.receive_max.unwrap_or(u16::MAX));
                if let Some(asked_s) = properties.server_keep_alive {
                    link.keep_alive = Duration::from_secs(asked_s.into());
                    link.ping.as_mut().reset(Instant::now() + link.keep_alive);
                }
            }
            Ok((link, ack))
        }
        Packet::ConnAck(ack) => Err(ConnectionError::ConnectionRefused(ack.code)),
        other => Err(ConnectionError::NotConnAck(Box::new(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rumqttc::Outgoing;
    use rumqttc::v5::mqttbytes::QoS;
    use std::io;
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll};
    use tokio::io::ReadBuf;
    use tokio::net::TcpListener;

    /// Takes everything, and says nothing.
    #[derive(Clone, Default)]
    struct Deaf(Arc<Mutex<Vec<Vec<u8>>>>);

    impl AsyncRead for Deaf {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Deaf {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.0.lock().unwrap().push(bytes.to_vec());
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// What one turn writes of so many publishes that wait, where no more than `in_flight_max` may be in flight: the packet ids
    /// of each call.
    async fn written(publishes: u16, payload_bytes: usize, in_flight_max: u16, turns: usize) -> Vec<Vec<u16>> {
        let mut options = MqttOptions::new("site", "localhost", 1);
        options.set_outgoing_inflight_upper_limit(in_flight_max);
        let (client, mut wire) = Wire::new(options.clone(), 100);
        for _ in 0..publishes {
            client.try_publish("t", QoS::AtLeastOnce, false, vec![b'x'; payload_bytes]).unwrap();
        }
        let calls = Deaf::default();
        let mut link = Link::new(Box::new(calls.clone()), &options);
        for _ in 0..turns {
            link.turn(&mut wire.state, &wire.requests).await.unwrap();
        }
        let left = wire.state.events.iter().filter(|event| matches!(event, Event::Outgoing(Outgoing::Publish(_))));
        let ids = |call: &Vec<u8>| {
            let (mut bytes, mut ids) = (BytesMut::from(call.as_slice()), Vec::new());
            while let Ok(Packet::Publish(publish)) = Packet::read(&mut bytes, None) {
                ids.push(publish.pkid);
            }
            assert!(bytes.is_empty());
            ids
        };
        let written: Vec<Vec<u16>> = calls.0.lock().unwrap().iter().map(ids).collect();
        assert_eq!(left.count(), written.iter().flatten().count());
        written
    }

    #[tokio::test]
    async fn what_waits_is_written_at_once_as_far_as_it_may() {
        assert_eq!(written(3, 10, 8, 1).await, [vec![1, 2, 3]]);
        assert_eq!(written(5, 10, 2, 1).await, [vec![1, 2]]);
        assert_eq!(written(3, WRITTEN_BYTES_MAX, 8, 2).await, [vec![1], vec![2]]);
    }

    /// What a broker says, piece by piece, after it has heard something: the kinds of what comes of it.
    async fn heard(pieces: &'static [&'static [u8]]) -> Vec<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let broker = async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut connect = [0; 512];
            assert_ne!(socket.read(&mut connect).await.unwrap(), 0);
            for piece in pieces {
                socket.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            socket
        };
        let mut options = MqttOptions::new("site", "127.0.0.1", port);
        options.set_manual_acks(true);
        let (_client, mut wire) = Wire::new(options, 8);
        let hearing = async {
            let mut kinds = Vec::new();
            loop {
                match wire.poll().await {
                    Ok(Event::Incoming(packet)) => {
                        kinds.push(format!("{packet:?}").split(['(', ' ']).next().unwrap().to_owned());
                    }
                    Ok(Event::Outgoing(_)) => {}
                    Err(error) => {
                        kinds.push(error.to_string());
                        return kinds;
                    }
                }
            }
        };
        let (kinds, _) = tokio::join!(hearing, async { drop(broker.await) });
        kinds
    }

    const TAKEN: &[u8] = b"\x20\x03\x00\x00\x00";
    const REFUSED: &[u8] = b"\x20\x03\x00\x86\x00";

    #[tokio::test]
    async fn hears_what_comes_with_the_first_word_and_what_comes_in_pieces() {
        const GONE: &str = "Mqtt state: Connection closed by peer abruptly";
        assert_eq!(heard(&[b"\x20\x03\x00\x00\x00\x32\x07\x00\x01t\x00\x01\x00x"]).await, ["ConnAck", "Publish", GONE]);
        assert_eq!(
            heard(&[b"\x20\x03", b"\x00\x00\x00\x32\x07\x00", b"\x01t\x00\x01\x00x"]).await,
            ["ConnAck", "Publish", GONE]
        );
        assert_eq!(heard(&[TAKEN, b"\x32\x07"]).await, ["ConnAck", GONE]);
        assert_eq!(heard(&[REFUSED]).await.len(), 1);
        assert_eq!(heard(&[b"\x20"]).await, [GONE]);
    }
}
