//! The journal: one SQLite file that holds the log, its cursors and the projections.
//!
//! One thread owns the write connection. Waiting jobs share one commit; nothing is answered before that commit is on
//! disk. After any error the whole batch is rolled back, memory is read again from the file, and the jobs run one by
//! one: what still fails is answered as not saved. The log is the outbox: nothing is copied, nothing forgotten before
//! the platform's receipt.

mod again;
pub mod agenda;
mod ahead;
pub mod backup;
mod ballast;
mod company;
mod folding;
mod fresh;
mod job;
pub mod log;
pub mod orders;
mod queue;
pub mod reader;
pub mod room;
mod row;
pub mod salvage;
mod schema;
mod shelf;
pub mod size;
mod slate;
mod state;
mod tight;
pub mod view;
mod writer;

pub use job::{CommandOutcome, Job, NotSaved, PrintJob, PrintWhat, ReceiptOutcome, Reply, Retried};
pub use log::{Epoch, Label, Place, Stored};
pub use reader::Reader;
pub use schema::VERSION as SCHEMA_VERSION;
pub use shelf::ORDERS_CACHED;
pub use slate::{DAY_CLOSED, DAY_CLOSED_AT};

use crate::clock::{Boot, Known, Moment};
use crate::domain::name::{ScannerId, StationId};
use crate::domain::rules::Rules;
use crate::domain::station::Mode;
use crate::pulse::Pulse;
use ballast::Ballast;
use fresh::Fresh;
use jiff::Timestamp;
use rustix::fs::FlockOperation;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// What the journal needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    pub path: PathBuf,
    pub rules: Rules,
    /// Each station with the mode that it starts its life in.
    pub stations: HashMap<StationId, Mode>,
    /// Each scanner's bounce time.
    pub bounce: HashMap<ScannerId, Duration>,
    /// The scanners that send a frame again where they hear no answer.
    pub repeating: HashSet<ScannerId>,
    /// Where labels go; more than fit in are dropped, and can be asked for again.
    pub printing: Option<SyncSender<PrintJob>>,
    /// How long received events stay.
    pub keep: Duration,
    /// Room that is kept for when the disk is full; 0: none.
    pub ballast_bytes: u64,
    /// How many orders are kept in memory; there, in 3 kB each.
    pub orders_cached: usize,
    /// Where backups are kept: what a damaged file has lost may stand in one.
    pub backups: Option<PathBuf>,
    /// Forget on the broker's acknowledgement: for a platform that sends no receipts.
    pub forget_on_puback: bool,
    pub version: String,
    pub boot: Boot,
}

/// Where the log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub epoch: Epoch,
    pub place: Place,
    pub sent: Place,
    pub received: Place,
    /// Up to where the platform is sent events once more, because it asked for them.
    pub again_to: Option<Place>,
    /// Times of this boot wait for the clock to be believed, and then to be corrected.
    pub uncorrected: bool,
    /// It is kept that a time server has vouched for the clock in this boot.
    pub vouched: bool,
}

/// Whether scans can be stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    #[default]
    Well,
    /// The last attempt failed; it is tried again each second.
    Failing { error: String },
}

/// Commands that rest until somebody looks.
pub const QUARANTINE_ROWS_MAX: i64 = 1_000;

/// Jobs that wait for the writer, eight full batches; beyond it a scanner's own line holds the scanner up. The queue has its
/// memory from the start, 0.3 kB for each.
const JOBS_WAITING_MAX: usize = 512;

/// The SQLite that is linked.
#[must_use]
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// Whether it is free of the fault that can corrupt a journal.
#[must_use]
pub fn is_sqlite_safe() -> bool {
    schema::SQLITE_VERSION_MIN <= rusqlite::version_number()
}

/// A handle to the writer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Journal {
    jobs: SyncSender<Box<Job>>,
    path: PathBuf,
    head: watch::Receiver<Head>,
    fresh: Fresh,
    storage: watch::Receiver<Storage>,
    stalled: watch::Sender<Storage>,
    pulse: Pulse,
    damage: Damage,
    site_key: [u8; SITE_KEY_BYTES],
    token_digest: Option<[u8; 32]>,
    starts: u64,
    head_at_start: Place,
    unpublished_from: Place,
}

/// Where whoever meets damage in the file says so: the agent then starts over, and salvages it.
#[derive(Clone, Debug)]
pub struct Damage {
    known: watch::Sender<Option<String>>,
    left_since: watch::Sender<Option<Timestamp>>,
}

/// Damage that the agent works on with, as long as that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// What was found.
    pub what: String,
    pub since: Timestamp,
}

impl Damage {
    fn new() -> Self {
        Self { known: watch::channel(None).0, left_since: watch::channel(None).0 }
    }

    /// Notes an error that says that the file is damaged; the first one counts. Others are nothing to it.
    pub fn suspect(&self, error: &Error) {
        if salvage::is_damage(error) {
            self.found(&error.to_string());
        }
    }

    /// Notes what a check has found.
    pub fn found(&self, what: &str) {
        let is_new = self.known.send_if_modified(|known| {
            let is_new = known.is_none();
            known.get_or_insert_with(|| what.to_owned());
            is_new
        });
        if is_new {
            tracing::error!(what, "the database is damaged");
        }
    }

    /// Whether something was found, and a start is to come that salvages it.
    #[must_use]
    pub fn awaits_salvage(&self) -> bool {
        self.known.borrow().is_some() && self.left_since.borrow().is_none()
    }

    /// Notes that the file is left as it is from `now` on, and worked with as long as that goes; where it was already, since then.
    pub fn leave(&self, now: Timestamp) {
        self.left_since.send_if_modified(|since| since.replace(since.unwrap_or(now)).is_none());
    }

    /// Notes that a start is to come that salvages it after all.
    pub fn leave_no_longer(&self) {
        self.left_since.send_replace(None);
    }

    /// What was found and is left.
    #[must_use]
    pub fn left(&self) -> Option<Left> {
        let since = (*self.left_since.borrow())?;
        self.known.borrow().clone().map(|what| Left { what, since })
    }

    /// What was found, once something is.
    pub fn watch(&self) -> watch::Receiver<Option<String>> {
        self.known.subscribe()
    }
}

/// Length of the key that command barcodes are checked with.
pub const SITE_KEY_BYTES: usize = 32;

/// The running writer; [`Writing::stop`] waits for what is in its queue.
#[derive(Debug)]
pub struct Writing {
    jobs: SyncSender<Box<Job>>,
    thread: JoinHandle<()>,
}

/// A writer that has no thread yet: [`open`] gives it one, and a simulation has it do one step at a time.
pub struct Idle {
    writer: writer::Writer,
    queue: job::Queue,
    jobs: SyncSender<Box<Job>>,
    lock: Lock,
}

impl Idle {
    /// Does what waits, as one batch at most; whether anything did.
    pub fn step(&mut self) -> bool {
        let Some(job) = self.writer.waiting(&self.queue) else { return false };
        self.writer.turn(job, &self.queue);
        true
    }

    /// How long the writer waits for work before it has to [`look`](Self::look); none: for ever.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        self.writer.patience()
    }

    /// Nobody has asked for anything: looks after cursors, or a storage that fails.
    pub fn look(&mut self) {
        self.writer.flush();
    }

    /// Nobody has asked for anything: makes the log as long beforehand as it gets.
    pub fn lengthen(&mut self) {
        self.writer.lengthen_log();
    }

    /// The orderly end, after everything that waits.
    pub fn stop(mut self) {
        while self.step() {}
        self.writer.finish();
    }
}

/// What can go wrong with the file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("SQLite {have} can corrupt a journal: this build needs 3.51.3 or later")]
    OldSqlite { have: String },
    #[error("{}: not there yet: the first `parceld run` makes it", .path.display())]
    Absent { path: PathBuf },
    #[error("{}: can't be opened: {why}: may the user that runs this read and write it and its directory, and is there room on its disk?", .path.display())]
    Open { path: PathBuf, why: rusqlite::Error },
    #[error("{}: written by a newer parceld (schema {found}, this one knows {known}): install that version again, or restore a backup made before the upgrade", .path.display())]
    NewerFile { path: PathBuf, found: i64, known: i64 },
    #[error("{}: of schema {found}, and this parceld reads {known}: it is brought there when the agent starts (systemctl start parceld)", .path.display())]
    OlderFile { path: PathBuf, found: i64, known: i64 },
    #[error("{}: can't be brought from schema {from} to {to}: {why}; it is as it was: make room on its disk, or whatever else is wrong, and start again", .path.display())]
    Migration { path: PathBuf, from: i64, to: i64, why: rusqlite::Error },
    #[error("{}: its write-ahead log can't be made, and stays in mode {mode}: is there room on its disk, or is somebody reading it?", .path.display())]
    NoLog { path: PathBuf, mode: String },
    #[error("{}: is a link to {}: set storage.path to the file itself, since its log lies beside that one", .path.display(), .target.display())]
    Link { path: PathBuf, target: PathBuf },
    #[error("{}: another parceld is using this database: stop it first", .path.display())]
    Locked { path: PathBuf },
    #[error("{}: can't be made: {why}: does its directory belong to the user that runs parceld?", .path.display())]
    Directory { path: PathBuf, why: std::io::Error },
    #[error("{}: can't be looked at: {why}: may the user that runs this read it and enter its directory, and does its disk answer?", .path.display())]
    Unreachable { path: PathBuf, why: std::io::Error },
    #[error("{}: the damaged database can't be salvaged: {why}", .path.display())]
    Salvage { path: PathBuf, why: std::io::Error },
    #[error("{}: what an earlier start left can't be written once more: {why}", .path.display())]
    Log { path: PathBuf, why: std::io::Error },
    #[error("{}: can't be read: {why}", .path.display())]
    UnreadableLog { path: PathBuf, why: std::io::Error },
    #[error("a thread can't be started: {why}")]
    Thread { why: std::io::Error },
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("can't be encoded: {0}")]
    Encoding(#[from] serde_json::Error),
    #[error(transparent)]
    Damaged(#[from] row::Damaged),
    #[error("the log holds an event of kind {kind:?}, which this version does not know")]
    UnknownKind { kind: String },
    #[error("deciding failed: {why}")]
    Panicked { why: String },
    #[error("the writer has ended")]
    Gone,
    #[error("the disk does not answer")]
    NoAnswer,
}

/// Opens or makes the file, takes its lock, records the start, and starts the writer. A file that is damaged is salvaged
/// first.
///
/// # Errors
/// The file can't be opened, is in use, can't be salvaged, or was written by a newer version.
pub fn open(config: Config, moment: Moment) -> Result<(Journal, Writing), Error> {
    open_with(config, moment, &Pulse::default())
}

/// The same, and `pulse` turns while it moves: a migration, or a salvage, takes long where the file is large.
///
/// # Errors
/// As [`open`].
pub fn open_with(config: Config, moment: Moment, pulse: &Pulse) -> Result<(Journal, Writing), Error> {
    let (journal, Idle { writer, queue, jobs, lock }) = prepare(config, moment, pulse)?;
    let thread = std::thread::Builder::new()
        .name("journal".into())
        .spawn(move || {
            writer.run(&queue);
            drop(lock);
        })
        .map_err(|why| Error::Thread { why })?;
    Ok((journal, Writing { jobs, thread }))
}

/// All of that but the thread.
///
/// # Errors
/// As [`open`].
pub fn prepare(config: Config, moment: Moment, pulse: &Pulse) -> Result<(Journal, Idle), Error> {
    let config = Arc::new(config);
    if let Ok(target) = std::fs::read_link(&config.path) {
        return Err(Error::Link { path: config.path.clone(), target });
    }
    if let Some(directory) = config.path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        let failed = |why| Error::Directory { path: directory.into(), why };
        std::fs::create_dir_all(directory).map_err(failed)?;
    }
    let had_lock = lock_path(&config.path).exists();
    let lock = lock(&config.path)?;
    // Whoever opens it makes one.
    let mut has_log = salvage::has_log(&config.path);
    let salvaged = salvage::before_open(&config, &moment, salvage::was_made(&lock.0), pulse)?;
    if salvaged.is_some() {
        has_log = salvage::has_log(&config.path);
    }
    let open = || {
        again::write_log(&config.path)?;
        state::State::open(Arc::clone(&config), moment, has_log, pulse)
    };
    let ballast = Ballast::of(&config.path, config.ballast_bytes);
    let mut opened = open();
    if opened.as_ref().is_err_and(ballast::is_full) && ballast.release() {
        tracing::warn!("the disk is full: the room that was kept for that is given up");
        opened = open();
    }
    // Where no agent has run before, the configuration names some other file.
    let may_be_ours = salvaged.is_none() && had_lock;
    if may_be_ours && let Some(error) = opened.as_ref().err().filter(|error| salvage::is_damage(error)) {
        // What is damaged is so the second time too.
        tracing::warn!(%error, "the database can't be read: it is tried once more");
        opened = open();
    }
    let (state, facts) = match opened {
        Err(error) if may_be_ours && salvage::is_damage(&error) => {
            salvage::salvage(&config, &moment, &error.to_string(), pulse)?;
            open()?
        }
        opened => opened?,
    };
    salvage::name_log_too(&facts.path);
    salvage::note_made(&lock.0);
    let path = facts.path.clone();
    let (head_sender, head) = watch::channel(state.head());
    let fresh = state.fresh();
    let (storage_sender, storage) = watch::channel(Storage::Well);
    let (jobs, queue) = sync_channel(JOBS_WAITING_MAX);
    let pulse = Pulse::default();
    let stalled = storage_sender.clone();
    let damage = Damage::new();
    let watched =
        writer::Watched { head: head_sender, storage: storage_sender, damage: damage.clone(), pulse: pulse.clone() };
    let writer = writer::Writer::new(state, watched, ballast);
    let journal = Journal {
        jobs: jobs.clone(),
        path,
        head,
        fresh,
        storage,
        stalled,
        pulse,
        damage,
        site_key: facts.site_key,
        token_digest: facts.token_digest,
        starts: facts.starts,
        head_at_start: facts.head_at_start,
        unpublished_from: facts.unpublished_from,
    };
    Ok((journal, Idle { writer, queue, jobs, lock }))
}

/// What the log knew of the time last, for an agent that starts in `boot`; none where there is no log, or none that can be
/// read.
#[must_use]
pub fn known(path: &Path, boot: &Boot) -> Option<Known> {
    // Whoever opens a file that has lost its log makes one, and then nobody would miss what is gone.
    if salvage::lacks_log(path) {
        return None;
    }
    Reader::open(path).ok()?.known(&boot.id).ok().flatten()
}

/// The lock beside the database, so that there is never a second writer.
///
/// It is given back by word, and not by closing the file: a program that is being started on another thread has it open, too,
/// until it runs.
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = rustix::fs::flock(&self.0, FlockOperation::Unlock);
    }
}

/// Takes it.
fn lock(database: &Path) -> Result<Lock, Error> {
    let path = lock_path(database);
    let failed = |why| Error::Directory { path: path.clone(), why };
    let file = File::options().create(true).truncate(false).read(true).write(true).open(&path).map_err(failed)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Lock(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Locked { path: database.into() }),
        Err(errno) => Err(failed(errno.into())),
    }
}

fn lock_path(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    PathBuf::from(path)
}

impl Journal {
    /// Hands a job to the writer; waits while its queue is full.
    ///
    /// # Errors
    /// The writer has ended.
    pub fn submit(&self, job: Job) -> Result<(), Error> {
        self.jobs.send(Box::new(job)).map_err(|_| Error::Gone)
    }

    /// Hands a job to the writer if its queue has room.
    ///
    /// # Errors
    /// The job comes back where the queue is full or the writer has ended.
    pub fn try_submit(&self, job: Job) -> Result<(), Box<Job>> {
        self.jobs.try_send(Box::new(job)).map_err(|refused| match refused {
            TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
        })
    }

    /// Where the log stands, now and whenever it moves.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<Head> {
        self.head.clone()
    }

    /// Up to `limit` events after `after` that were committed lately, as the file has them; none where the first of them is
    /// not at hand, and has to be read.
    #[must_use]
    pub fn fresh(&self, after: Place, limit: usize) -> Option<Vec<Arc<Stored>>> {
        self.fresh.after(after, limit)
    }

    /// Whether the file was found to be damaged, and where to say so.
    #[must_use]
    pub fn damage(&self) -> &Damage {
        &self.damage
    }

    /// Whether scans can be stored, now and whenever that changes.
    #[must_use]
    pub fn storage(&self) -> watch::Receiver<Storage> {
        self.storage.clone()
    }

    /// How often the writer has done what it was asked.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.pulse.turns()
    }

    /// Which turn the writer is at; `None` where it waits for work.
    #[must_use]
    pub fn at_work(&self) -> Option<u64> {
        self.pulse.at_work()
    }

    /// Says for a writer that can't that the disk doesn't answer it. Once it does the writer says that all is well.
    pub fn says_nothing(&self) {
        self.stalled.send_if_modified(|storage| {
            let was_well = *storage == Storage::Well;
            if was_well {
                *storage = Storage::Failing { error: "the disk does not answer".into() };
            }
            was_well
        });
        // It may have come back in between, and would wait for work.
        self.ask_for_a_turn();
    }

    /// Has an idle writer turn once, without a write. One whose queue is full has enough to turn for.
    pub fn ask_for_a_turn(&self) {
        let _ = self.try_submit(Job::Barrier { reply: Box::new(|()| {}) });
    }

    /// A connection of its own for looking.
    ///
    /// # Errors
    /// The file can't be opened.
    pub fn reader(&self) -> Result<Reader, Error> {
        Reader::open(&self.path)
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key that this site's command barcodes are checked with.
    #[must_use]
    pub fn site_key(&self) -> &[u8] {
        &self.site_key
    }

    /// The digest of the page's token, as this start found it.
    #[must_use]
    pub fn token_digest(&self) -> Option<[u8; 32]> {
        self.token_digest
    }

    /// How often the agent has started on this file.
    #[must_use]
    pub fn starts(&self) -> u64 {
        self.starts
    }

    /// The head that this start found.
    #[must_use]
    pub fn head_at_start(&self) -> Place {
        self.head_at_start
    }

    /// The place behind which nothing has been published yet, unless `Job::Publishing` was done since the start.
    #[must_use]
    pub fn unpublished_from(&self) -> Place {
        self.unpublished_from
    }
}

impl Writing {
    /// Lets the writer finish its queue and waits for it. An orderly stop records `site.stopped` before.
    pub fn stop(self) {
        let _ = self.jobs.send(Box::new(Job::Stop));
        if self.thread.join().is_err() {
            tracing::error!("the journal's thread had panicked");
        }
    }

    /// Whether the writer still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.thread.is_finished()
    }
}
