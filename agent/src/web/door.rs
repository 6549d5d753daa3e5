//! The door: takes connections, keeps their number small, and cuts off who is slow.
//!
//! There are places for the board itself and, apart from them, for everybody else. Where all are taken, whoever has
//! been without a request for the longest leaves; a connection whose request is under way, a stream too, stays.

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::Request;
use axum::serve::Listener;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Sleep;
use tower::ServiceExt;

/// Connections at once from other machines, and from the board itself: the streams and some room for pages.
const PLACES: usize = super::live::STREAMS_MAX + super::station::STREAMS_MAX + 32;

/// A request's head must be here so soon after the connection is, or after the answer before it.
pub const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// Who takes nothing of an answer for so long is gone.
const TAKES_WITHIN: Duration = Duration::from_secs(20);

/// Buffered of one connection; a head that is longer is refused.
const BUFFER_BYTES_MAX: usize = 32 * 1024;

/// How long answers that are under way may take after the stop.
const DRAIN: Duration = Duration::from_secs(2);

/// Where a request comes from, and which address it was made to.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    pub address: SocketAddr,
    pub to: SocketAddr,
}

impl Peer {
    /// Over loopback, or from the board's own address to itself: nobody else gets an answer there.
    pub fn is_on_board(self) -> bool {
        let [from, to] = [self.address, self.to].map(|address| address.ip().to_canonical());
        from.is_loopback() || from == to
    }
}

/// Serves until `stop` is true or gone; what is under way then gets two seconds. Each request is answered by the router
/// that there is when it comes.
pub async fn serve(mut listener: TcpListener, routers: watch::Receiver<Router>, stop: watch::Receiver<bool>) {
    let (here, elsewhere) = (Places::default(), Places::default());
    let mut conversations = JoinSet::new();
    loop {
        let (stream, address) = tokio::select! {
            () = super::stopped(stop.clone()) => break,
            // The runtime's own accept knows which errors to wait out.
            accepted = Listener::accept(&mut listener) => accepted,
            Some(_) = conversations.join_next() => continue,
        };
        let Ok(to) = stream.local_addr() else { continue };
        let peer = Peer { address, to };
        let places = if peer.is_on_board() { &here } else { &elsewhere };
        if let Some(seat) = places.take() {
            conversations.spawn(converse(stream, peer, seat, routers.clone(), stop.clone()));
        } else {
            tracing::debug!(%address, "no place for a connection: all have a request under way");
        }
    }
    drop(listener);
    let drained = async { while conversations.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(DRAIN, drained).await;
}

async fn converse(
    stream: TcpStream,
    peer: Peer,
    seat: Seat,
    routers: watch::Receiver<Router>,
    stop: watch::Receiver<bool>,
) {
    // What is small and late is worse than one packet more.
    let _ = stream.set_nodelay(true);
    let place = Arc::clone(&seat.place);
    let answer = |request: Request<Incoming>| {
        let under_way = UnderWay::begin(&place);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        let router = routers.borrow().clone();
        let answered = router.oneshot(request);
        async move {
            let response = answered.await?;
            Ok::<_, Infallible>(response.map(|body| Kept { body, _under_way: under_way }))
        }
    };
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(Visitor { stream, stalled: None }), service_fn(answer));
    let mut conversation = pin!(conversation);
    let ended = tokio::select! {
        ended = conversation.as_mut() => ended,
        () = seat.place.leave.notified() => return,
        () = super::stopped(stop) => {
            conversation.as_mut().graceful_shutdown();
            conversation.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(address = %peer.address, %error, "a connection ended");
    }
}

/// Who is connected, of one kind of visitors.
#[derive(Clone, Debug, Default)]
struct Places {
    taken: Arc<Mutex<HashMap<u64, Arc<Place>>>>,
    turns: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Place {
    requests: AtomicUsize,
    /// The turn at which it has last become idle: the lowest has been so for the longest.
    idle_since: AtomicU64,
    turns: Arc<AtomicU64>,
    leave: Notify,
}

/// A connection's place, given back when it ends.
#[derive(Debug)]
struct Seat {
    number: u64,
    place: Arc<Place>,
    places: Places,
}

impl Places {
    /// A place; where all are taken, that of whoever is idle the longest. None where nobody is.
    fn take(&self) -> Option<Seat> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if PLACES <= taken.len() {
            let idle = taken.iter().filter(|(_, place)| place.requests.load(Ordering::Relaxed) == 0);
            let longest = idle.min_by_key(|(_, place)| place.idle_since.load(Ordering::Relaxed));
            let number = *longest?.0;
            if let Some(place) = taken.remove(&number) {
                place.leave.notify_one();
            }
        }
        let number = self.turns.fetch_add(1, Ordering::Relaxed);
        let place = Arc::new(Place {
            requests: AtomicUsize::new(0),
            idle_since: AtomicU64::new(number),
            turns: Arc::clone(&self.turns),
            leave: Notify::new(),
        });
        taken.insert(number, Arc::clone(&place));
        drop(taken);
        Some(Seat { number, place, places: self.clone() })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.places.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}

/// A request from its head to the last byte of its answer.
#[derive(Debug)]
struct UnderWay(Arc<Place>);

impl UnderWay {
    fn begin(place: &Arc<Place>) -> Self {
        place.requests.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(place))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.idle_since.store(self.0.turns.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An answer's body, with which its request ends.
struct Kept {
    body: Body,
    _under_way: UnderWay,
}

impl HttpBody for Kept {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection that breaks when nothing of an answer is taken for too long.
#[derive(Debug)]
struct Visitor {
    stream: TcpStream,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Visitor {
    fn or_stalled<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(TAKES_WITHIN)));
        stalled.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Visitor {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Visitor {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.or_stalled(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.or_stalled(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_idle_the_longest_leaves() {
        let places = Places::default();
        let mut seats: Vec<_> = (0..PLACES).map(|_| places.take().unwrap()).collect();
        let working = UnderWay::begin(&seats[0].place);
        drop(UnderWay::begin(&seats[1].place));
        let further = places.take().expect("the third is idle the longest");
        let numbers = |places: &Places| {
            let mut numbers: Vec<_> = places.taken.lock().unwrap().keys().copied().collect();
            numbers.sort_unstable();
            numbers
        };
        assert_eq!(numbers(&places).len(), PLACES);
        assert!(!numbers(&places).contains(&seats[2].number));
        drop(seats.remove(2));
        assert!(numbers(&places).contains(&further.number));
        drop(working);
    }

    #[test]
    fn nobody_leaves_who_is_being_answered() {
        let places = Places::default();
        let seats: Vec<_> = (0..PLACES).map(|_| places.take().unwrap()).collect();
        let mut working: Vec<_> = seats.iter().map(|seat| UnderWay::begin(&seat.place)).collect();
        assert!(places.take().is_none());
        working.pop();
        assert!(places.take().is_some());
    }

    #[test]
    fn knows_the_board_itself() {
        for (address, to, is_on_board) in [
            ("127.0.0.1:1", "127.0.0.1:8080", true),
            ("[::1]:1", "[::1]:8080", true),
            ("[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:8080", true),
            ("10.0.0.1:1", "10.0.0.2:8080", false),
            ("10.0.0.2:1", "10.0.0.2:8080", true),
            ("[::ffff:10.0.0.2]:1", "10.0.0.2:8080", true),
        ] {
            let peer = Peer { address: address.parse().unwrap(), to: to.parse().unwrap() };
            assert_eq!(peer.is_on_board(), is_on_board, "{address} to {to}");
        }
    }
}
