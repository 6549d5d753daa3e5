//! The agent's side of the socket.

use super::FRAME_BYTES_MAX;
use super::wire::{Ask, Refusal, Reply, Request};
use crate::access::By;
use crate::action::Actions;
use crate::domain::signal::Answer;
use crate::floor::{Floor, UnknownStation};
use crate::report::log::Wanted;
use crate::report::{Gatherer, Language, Report, Told};
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot, watch};

/// Connections at once.
const CONNECTIONS_MAX: usize = 16;

/// Who says nothing for so long is gone.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// A bench that waits longer for its answer has a fault that the report names.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// More labels than anybody prints at once.
const RESERVED_MAX: u32 = 10_000;

/// An accept that failed, for want of descriptors for example, isn't tried again at once.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// User and group of the agent may open the socket.
const MODE: u32 = 0o660;

/// Where scans are decided.
pub trait Bench: Send + Sync {
    /// Hands in a scan of `code` as if it had been scanned at `station`; the answer comes once it is on disk. May block.
    ///
    /// # Errors
    /// There is no such station.
    fn scan(&self, station: &str, code: &str) -> Result<oneshot::Receiver<Answer>, UnknownStation>;

    /// Takes numbers for labels; the first of them once that is on disk, none where it can't be. May block.
    fn reserve_labels(&self, count: u32) -> oneshot::Receiver<Option<u64>>;
}

impl Bench for Floor {
    fn scan(&self, station: &str, code: &str) -> Result<oneshot::Receiver<Answer>, UnknownStation> {
        Floor::scan(self, station, code)
    }

    fn reserve_labels(&self, count: u32) -> oneshot::Receiver<Option<u64>> {
        Floor::reserve_labels(self, count)
    }
}

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: another agent answers there: give this one a [control] socket of its own", .path.display())]
    InUse { path: PathBuf },
    #[error("{}: there is something else than a socket", .path.display())]
    NoSocket { path: PathBuf },
    #[error("{}: can't listen there: {source}", .path.display())]
    Listen { path: PathBuf, source: io::Error },
}

/// The listening socket; its file goes away with it.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

/// Listens at `path`. A socket that an agent left behind is replaced; one where somebody answers is not.
///
/// # Errors
/// Another agent answers there, the path is no socket, or it can't be listened at.
pub fn bind(path: &Path) -> Result<Socket, Error> {
    let failed = |source| Error::Listen { path: path.into(), source };
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Err(Error::NoSocket { path: path.into() }),
        Ok(_) if answers(path) => return Err(Error::InUse { path: path.into() }),
        Ok(_) => fs::remove_file(path).map_err(failed)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(failed)?;
    let inode = fs::symlink_metadata(path).map_err(failed)?.ino();
    Ok(Socket { listener, path: path.into(), inode })
}

/// Anything but a refusal may be an agent, and is left alone.
fn answers(path: &Path) -> bool {
    !matches!(StdStream::connect(path), Err(error) if error.kind() == ErrorKind::ConnectionRefused)
}

impl Socket {
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode);
        if is_ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the control socket's file stays");
        }
    }
}

/// What every connection can use.
struct Shared {
    bench: Arc<dyn Bench>,
    gatherer: Arc<Gatherer>,
    actions: Arc<Actions>,
}

/// Serves until `stop` is true or gone.
pub async fn serve(
    socket: Socket,
    bench: Arc<dyn Bench>,
    gatherer: Arc<Gatherer>,
    actions: Arc<Actions>,
    mut stop: watch::Receiver<bool>,
) {
    let shared = Arc::new(Shared { bench, gatherer, actions });
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let accept = async {
        loop {
            let Ok((mut stream, _)) = socket.listener.accept().await else {
                tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
                continue;
            };
            let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
                let _ = stream.try_write(&line(&Reply::Refused(Refusal::Busy)));
                let _ = stream.shutdown().await;
                continue;
            };
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                let _place = place;
                if let Err(error) = converse(stream, &shared).await {
                    tracing::debug!(%error, "a control connection ended");
                }
            });
        }
    };
    tokio::select! {
        () = accept => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

async fn converse(mut stream: UnixStream, shared: &Shared) -> io::Result<()> {
    let (read, mut write) = stream.split();
    let mut requests = BufReader::new(read);
    while let Some(request) = tokio::time::timeout(IDLE_MAX, frame(&mut requests)).await?? {
        let reply = match request {
            Frame::Whole(request) => reply(&request, shared).await,
            Frame::TooLong => {
                let detail = format!("longer than {FRAME_BYTES_MAX} bytes");
                return send(&mut write, &Reply::Refused(Refusal::Unreadable { detail })).await;
            }
        };
        send(&mut write, &reply).await?;
    }
    Ok(())
}

enum Frame {
    Whole(Vec<u8>),
    TooLong,
}

/// The next line; none at the end, where half a line is no request.
async fn frame(requests: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Frame>> {
    let mut line = Vec::new();
    requests.take(FRAME_BYTES_MAX as u64).read_until(b'\n', &mut line).await?;
    match line.pop() {
        Some(b'\n') => Ok(Some(Frame::Whole(line))),
        Some(_) if line.len() + 1 == FRAME_BYTES_MAX => Ok(Some(Frame::TooLong)),
        Some(_) | None => Ok(None),
    }
}

async fn reply(request: &[u8], shared: &Shared) -> Reply {
    let Request { site, ask } = match Request::read(request) {
        Ok(request) => request,
        Err(refusal) => return Reply::Refused(refusal),
    };
    let own = shared.gatherer.about();
    if site != own.site.id {
        return Reply::Refused(Refusal::OtherSite { site: own.site.id.clone() });
    }
    match ask {
        Ask::Status => status(&shared.gatherer).await,
        Ask::Scan { station, code } => scan(Arc::clone(&shared.bench), station, code).await,
        Ask::ReserveLabels { count } => reserve_labels(Arc::clone(&shared.bench), count).await,
        Ask::Configuration => Reply::Configuration { shown: shared.gatherer.configured().shown.to_string() },
        Ask::Log => Reply::Log { lines: log_lines(&shared.gatherer) },
        Ask::Act { action } => Reply::Acted(shared.actions.perform(action, &By::CommandLine).await),
    }
}

/// As many of the newest lines as one reply holds.
fn log_lines(gatherer: &Gatherer) -> Vec<String> {
    gatherer.lines().read(&Wanted::default()).iter().rev().map(ToString::to_string).collect()
}

async fn status(gatherer: &Arc<Gatherer>) -> Reply {
    match gatherer.ask(|gatherer| Report::new(&gatherer.facts(), Language::ENGLISH)).await {
        Some(report) => Reply::Report(Box::new(report)),
        None => Reply::Refused(Refusal::Failed { detail: "the report could not be made".into() }),
    }
}

async fn scan(bench: Arc<dyn Bench>, station: String, code: String) -> Reply {
    let answer = match tokio::task::spawn_blocking(move || bench.scan(&station, &code)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(UnknownStation { asked, known })) => {
            return Reply::Refused(Refusal::UnknownStation { station: asked, known });
        }
        Err(_) => return Reply::Refused(Refusal::Failed { detail: "the scan could not be handed in".into() }),
    };
    match tokio::time::timeout(ANSWER_WITHIN, answer).await {
        Ok(Ok(answer)) => Reply::Answer(Box::new(Told::from(&answer))),
        Ok(Err(_)) => Reply::Refused(Refusal::Failed { detail: "the agent is stopping".into() }),
        Err(_) => Reply::Refused(Refusal::NoAnswer { seconds: ANSWER_WITHIN.as_secs() }),
    }
}

async fn reserve_labels(bench: Arc<dyn Bench>, count: u32) -> Reply {
    let failed = |detail: &str| Reply::Refused(Refusal::Failed { detail: detail.into() });
    if count == 0 || RESERVED_MAX < count {
        return failed("that is no number of labels to print at once");
    }
    let Ok(first) = tokio::task::spawn_blocking(move || bench.reserve_labels(count)).await else {
        return failed("the question could not be handed in");
    };
    match tokio::time::timeout(ANSWER_WITHIN, first).await {
        Ok(Ok(Some(first))) => Reply::Reserved { first },
        Ok(Ok(None)) => failed("it could not be saved that the numbers are taken"),
        Ok(Err(_)) => failed("the agent is stopping"),
        Err(_) => Reply::Refused(Refusal::NoAnswer { seconds: ANSWER_WITHIN.as_secs() }),
    }
}

async fn send(write: &mut (impl AsyncWrite + Unpin), reply: &Reply) -> io::Result<()> {
    tokio::time::timeout(IDLE_MAX, write.write_all(&line(reply))).await?
}

fn line(reply: &Reply) -> Vec<u8> {
    let mut line = serde_json::to_vec(reply).unwrap_or_else(|_| b"{}".to_vec());
    line.push(b'\n');
    line
}
