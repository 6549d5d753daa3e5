//! Sync: the log to the platform, its commands and receipts back.
//!
//! Runs on a thread of its own, so that a slow broker or a slow card delays nobody else. [`plan`] decides what may be
//! sent, [`ledger`] knows what is in flight, [`client`] is thin over the MQTT library, and [`wire`] carries its packets.
//! SQLite is the only retry memory: a connection that ends takes nothing with it. [`way`] and [`tls`] say how the broker is
//! reached, [`trouble`] why it is not, [`rival`] whether another agent serves the site.

mod ahead;
mod backoff;
mod certificate;
mod client;
mod elsewhere;
mod kept;
mod ledger;
mod plan;
pub mod played;
pub mod probe;
mod renewal;
mod rival;
pub mod status;
mod tls;
mod trouble;
mod way;
mod wire;

use crate::clock::Clock;
use crate::contract::topic::Topics;
use crate::domain::promise::offer::Offer;
use crate::journal::{Epoch, Journal, Place, Reader, Stored};
use crate::pulse::Pulse;
use ahead::Ahead;
pub use certificate::Validity;
use client::Ended;
use elsewhere::Elsewhere;
use jiff::Timestamp;
use kept::{Credentials, Kept};
use ledger::Flight;
use plan::{Limits, Plan};
use renewal::Renewal;
use status::{Certificates, Link, Receipts, SyncStatus};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tls::Tls;
use tokio::sync::{mpsc, watch};
pub use trouble::{Refusal, Trouble};
use uuid::Uuid;

/// What sync needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub site: String,
    pub version: String,
    pub root: String,
    pub broker: BrokerConfig,
    pub client_id: String,
    pub keep_alive: Duration,
    pub session_expiry: Duration,
    pub window: u16,
    pub ahead: u64,
    pub receipts_expected: bool,
    pub receipt_timeout: Duration,
    pub historical_after: Duration,
    pub ack_timeout: Duration,
}

/// How the broker is reached. Files are read anew for each connection, and [`renewal`] has one made when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerConfig {
    pub host: String,
    pub port: u16,
    pub login: Option<LoginConfig>,
    /// `None`: in the clear.
    pub tls: Option<TlsConfig>,
}

/// A user and the file whose first line is the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginConfig {
    pub username: String,
    pub password_file: PathBuf,
}

/// The CAs that may sign the broker's certificate, and what this site proves itself with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    pub ca_file: PathBuf,
    /// Lists of the certificates that these CAs have revoked.
    pub crl_file: Option<PathBuf>,
    pub identity: Option<IdentityConfig>,
}

/// This site's certificate and its key, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityConfig {
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
}

impl BrokerConfig {
    fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// What a technician asks of sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Leave the broker, and connect anew at once.
    Reconnect,
    /// Serve this site although another agent does.
    Claim,
    /// Look now whether files of the connection were replaced, and connect anew with them where they do. Without a
    /// connection the same as [`Reconnect`](Ask::Reconnect).
    LookAtFiles,
    /// Send again what comes after this place.
    Resend { after: Place },
}

/// Hands in what a technician asks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Asks(mpsc::Sender<Ask>);

/// Technicians who ask at the same time.
const ASKS_WAITING_MAX: usize = 8;

/// The running thread.
#[derive(Debug)]
pub struct Syncing {
    stop: watch::Sender<bool>,
    configs: watch::Sender<Config>,
    asks: mpsc::Sender<Ask>,
    status: watch::Receiver<SyncStatus>,
    pulse: Pulse,
    thread: JoinHandle<()>,
}

/// Changes what sync goes by. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Changer {
    configs: watch::Sender<Config>,
    asks: mpsc::Sender<Ask>,
}

/// Starts the thread.
///
/// # Errors
/// The journal can't be read, or no thread could be started.
pub fn spawn(
    config: Config,
    journal: Journal,
    offer: watch::Receiver<Option<Arc<Offer>>>,
    clock: Clock,
) -> Result<Syncing, crate::journal::Error> {
    let (shared, handles) = prepare(config, journal, offer, clock)?;
    let Handles { stop, configs, asks, status, pulse } = handles;
    let thread = std::thread::Builder::new().name("sync".into()).spawn(move || shared.run_to_end());
    let thread = thread.map_err(|why| crate::journal::Error::Thread { why })?;
    Ok(Syncing { stop, configs, asks, status, pulse, thread })
}

/// What sync is asked with, and looked at.
struct Handles {
    stop: watch::Sender<bool>,
    configs: watch::Sender<Config>,
    asks: mpsc::Sender<Ask>,
    status: watch::Receiver<SyncStatus>,
    pulse: Pulse,
}

/// All but the thread.
fn prepare(
    config: Config,
    journal: Journal,
    offer: watch::Receiver<Option<Arc<Offer>>>,
    clock: Clock,
) -> Result<(Shared, Handles), crate::journal::Error> {
    let (stop, stopped) = watch::channel(false);
    let (asks, asked) = mpsc::channel(ASKS_WAITING_MAX);
    let (configs, new_config) = watch::channel(config.clone());
    let receipts = if config.receipts_expected { Receipts::None } else { Receipts::NotExpected };
    let (sender, status) = watch::channel(SyncStatus {
        broker: config.broker.address(),
        link: Link::Connecting,
        since: clock.now().wall,
        attempts: 0,
        receipts,
        in_flight: 0,
        refused: 0,
        last_refusal: None,
        without_subscriber: 0,
        rewinds: 0,
        connections: 0,
        round_trip: None,
        denied: None,
        certificates: Certificates::default(),
        unfit: None,
    });
    let reader = journal.reader()?;
    let head = *journal.head().borrow();
    let limits = limits(&config);
    let epochs = reader.epochs()?;
    let pulse = Pulse::default();
    let origin = rival::origin(journal.site_key());
    let before = journal.starts() * SESSIONS_PER_START;
    let shared = Shared {
        renewal: Renewal::new(&config.broker, None, clock.now()),
        topics: Topics::new(&config.root, &config.site),
        plan: Plan::new(limits, head.place, head.sent, head.received)
            .in_epochs_from(epochs.iter().map(|epoch| epoch.base))
            .sending_again(head.sent, head.again_to),
        told: ((head.sent, head.again_to), Duration::ZERO),
        config,
        new_config,
        journal,
        offer,
        clock,
        reader,
        ahead: Ahead::default(),
        epochs,
        status: sender,
        stop: stopped,
        pulse: pulse.clone(),
        asked,
        leaves_to_return: false,
        rival: None,
        claims: false,
        origin,
        instance: Uuid::new_v4(),
        before,
        has_served: false,
        up_since: None,
        has_sent: false,
        credentials: None,
        kept: None,
        denied_flight: None,
        elsewhere: Elsewhere::default(),
    };
    Ok((shared, Handles { stop, configs, asks, status, pulse }))
}

fn limits(config: &Config) -> Limits {
    Limits {
        window: usize::from(config.window),
        ahead: config.ahead,
        receipt_timeout: config.receipt_timeout,
        receipts_expected: config.receipts_expected,
    }
}

impl Syncing {
    /// How sync is doing, now and whenever that changes.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<SyncStatus> {
        self.status.clone()
    }

    #[must_use]
    pub fn asks(&self) -> Asks {
        Asks(self.asks.clone())
    }

    #[must_use]
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.thread.is_finished()
    }

    #[must_use]
    pub fn changer(&self) -> Changer {
        Changer { configs: self.configs.clone(), asks: self.asks.clone() }
    }
}

impl Changer {
    /// Goes on by `config` over a new connection, where it is another one; of the same site. Where it is not, the files that
    /// it names are looked at. May block for a moment.
    pub fn change_to(&self, config: Config) {
        let is_other = |known: &mut Config| {
            let is_other = *known != config;
            *known = config;
            is_other
        };
        let is_other = self.configs.send_if_modified(is_other);
        // Without a thread to ask there is nothing to change.
        let _ = self.asks.blocking_send(if is_other { Ask::Reconnect } else { Ask::LookAtFiles });
    }
}

impl Syncing {
    /// Says `offline` and ends; waits a few seconds at most.
    pub fn stop(self) {
        let _ = self.stop.send(true);
        if self.thread.join().is_err() {
            tracing::error!("the sync thread had panicked");
        }
    }
}

impl Asks {
    /// Nobody listens.
    #[cfg(test)]
    pub fn unheard() -> Self {
        Self(mpsc::channel(1).0)
    }

    /// Whether it was taken: not by a sync that is busy with others, or has ended.
    #[must_use]
    pub fn ask(&self, ask: Ask) -> bool {
        self.0.try_send(ask).is_ok()
    }
}

/// What outlives a connection.
struct Shared {
    config: Config,
    /// What counts from the next connection on.
    new_config: watch::Receiver<Config>,
    topics: Topics,
    journal: Journal,
    /// What can be promised, as far as anybody has computed it.
    offer: watch::Receiver<Option<Arc<Offer>>>,
    clock: Clock,
    reader: Reader,
    ahead: Ahead,
    epochs: Vec<Epoch>,
    plan: Plan,
    /// What the journal was last told of how far sending is, and when.
    told: ((Place, Option<Place>), Duration),
    status: watch::Sender<SyncStatus>,
    stop: watch::Receiver<bool>,
    pulse: Pulse,
    asked: mpsc::Receiver<Ask>,
    /// Whether the connection ends only to be made anew.
    leaves_to_return: bool,
    /// Another agent that serves this site: the connection ends because of it.
    rival: Option<Trouble>,
    /// A technician wants this agent to serve the site whoever else does: until it has said that it does.
    claims: bool,
    /// What this agent is known by in `state/agent`: its database, and itself.
    origin: Uuid,
    instance: Uuid,
    /// The last session that its database is known to have had before this start.
    before: u64,
    /// A broker has taken its `online` since its start.
    has_served: bool,
    /// When the connection came up, since the agent's start.
    up_since: Option<Duration>,
    /// Whether this process may have published any event of its own: before it, a receipt beyond what earlier ones published
    /// tells of an old copy.
    has_sent: bool,
    /// Of the last connection.
    credentials: Option<Credentials>,
    /// Of the last connection, too.
    renewal: Renewal,
    /// What the broker took before the files were replaced that are being tried, or that it has refused.
    kept: Option<Kept>,
    /// What the broker has refused, until it takes one of its kind.
    denied_flight: Option<Flight>,
    elsewhere: Elsewhere,
}

/// What comes after a connection.
enum After {
    End,
    AtOnce,
    Wait(Duration),
    /// None, until somebody asks for one.
    Rest,
}

/// Connections of one start; a session counter is the start's number and the connection's.
const SESSIONS_PER_START: u64 = 1_000_000;

impl Shared {
    fn run_to_end(mut self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => {
                runtime.block_on(self.run());
                // A name that is still being looked up would hold the stop up.
                runtime.shutdown_background();
            }
            Err(error) => tracing::error!(%error, "sync can't run"),
        }
    }

    async fn run(&mut self) {
        let mut failures: u32 = 0;
        let mut session = self.journal.starts() * SESSIONS_PER_START;
        loop {
            session += 1;
            self.take_new_config();
            let ended = client::run(self, session).await;
            let wait = match self.after(ended, &mut failures, random()) {
                After::End => return,
                After::AtOnce => continue,
                After::Wait(wait) => Some(wait),
                After::Rest => None,
            };
            let (mut stop, broker, pulse) = (self.stop.clone(), self.config.broker.clone(), self.pulse.clone());
            tokio::select! {
                () = wait_for_change(wait.unwrap_or_default(), &broker, self.clock), if wait.is_some() => {}
                () = self.reconnect_asked() => failures = 0,
                () = pulse.keep_turning() => {}
                _ = stop.changed() => return,
            }
        }
    }

    /// What comes after a connection that has ended; `random` is uniform.
    fn after(&mut self, ended: Ended, failures: &mut u32, random: u32) -> After {
        if let Ended::Journal(error) = &ended {
            self.journal.damage().suspect(error);
        }
        let (returns, rival) = (std::mem::take(&mut self.leaves_to_return), self.rival.take());
        if let Some(trouble) = rival.filter(|_| !*self.stop.borrow()) {
            tracing::error!(%trouble, "nothing is sent until somebody claims this site");
            (*failures, self.up_since) = (0, None);
            self.status.send_modify(|status| (status.attempts, status.in_flight) = (0, 0));
            self.link(Link::Down { trouble, retry_at: None });
            return After::Rest;
        }
        if *self.stop.borrow() {
            return After::End;
        }
        if returns {
            (*failures, self.up_since) = (0, None);
            self.link(Link::Connecting);
            return After::AtOnce;
        }
        // Nobody here has ended it: the client gives a connection up over what breaks the protocol.
        let ended = if matches!(ended, Ended::Stopped) {
            Ended::broken("what the broker sent breaks MQTT's rules")
        } else {
            ended
        };
        let now = self.clock.now();
        let up = self.up_since.take().map(|since| now.since_start.saturating_sub(since));
        *failures = backoff::failures(*failures, up);
        let wait = backoff::wait(*failures, random);
        let retry_at = Some(now.wall.saturating_add(wait).unwrap_or(Timestamp::MAX));
        tracing::warn!(reason = %ended, wait_ms = wait.as_millis(), "not connected");
        self.status.send_modify(|status| status.attempts = *failures);
        self.link(Link::Down { trouble: ended.into(), retry_at });
        After::Wait(wait)
    }

    fn take_new_config(&mut self) {
        if !self.new_config.has_changed().unwrap_or(false) {
            return;
        }
        let config = self.new_config.borrow_and_update().clone();
        if config.broker != self.config.broker {
            self.kept = None;
        }
        self.config = config;
        self.topics = Topics::new(&self.config.root, &self.config.site);
        self.plan.change_limits(limits(&self.config));
        self.denied_flight = None;
        self.elsewhere = Elsewhere::default();
        let (broker, expected) = (self.config.broker.address(), self.config.receipts_expected);
        self.status.send_modify(|status| {
            status.broker = broker;
            status.denied = None;
            match (expected, &status.receipts) {
                (false, _) => status.receipts = Receipts::NotExpected,
                (true, Receipts::NotExpected) => status.receipts = Receipts::None,
                (true, _) => {}
            }
        });
    }

    /// Of the last connection.
    fn tls(&self) -> Option<&Tls> {
        self.credentials.as_ref()?.tls.as_ref()
    }

    /// What comes of a broker's refusal of this site before the connection was up. Where files were replaced, it is made once
    /// more with what the broker took before; where it refuses that too, the files alone count again.
    fn refused(&mut self, trouble: Trouble) -> Ended {
        let goes_back = self.renewal.goes_back();
        let Some(kept) = self.kept.take().filter(|_| !goes_back) else { return trouble.into() };
        tracing::warn!(%trouble, "new files for the broker are refused: connecting anew with what it took before");
        let refused = Some(self.renewal.login_refused(trouble, self.clock.now()));
        self.kept = Some(Kept { refused, ..kept });
        self.leaves_to_return = true;
        Ended::Stopped
    }

    /// Returns when somebody wants to connect now; what else is asked meanwhile is noted.
    async fn reconnect_asked(&mut self) {
        while let Some(ask) = self.asked.recv().await {
            match ask {
                Ask::Reconnect | Ask::LookAtFiles => return,
                Ask::Claim => {
                    self.claims = true;
                    return;
                }
                Ask::Resend { after } => self.plan.asked_back(after, self.clock.now().since_start),
            }
        }
        std::future::pending::<()>().await;
    }

    /// Records how the link is; since when is kept while only the reason's wording changes.
    fn link(&self, link: Link) {
        let now = self.clock.now().wall;
        self.status.send_modify(|status| {
            if std::mem::discriminant(&status.link) != std::mem::discriminant(&link) {
                status.since = now;
            }
            if link == Link::Up {
                status.attempts = 0;
                status.connections += 1;
            }
            status.link = link;
            status.unfit = None;
            if let Some(tls) = self.tls() {
                status.certificates = tls.certificates();
            }
        });
    }

    /// Says until when the certificates are valid that a connection is about to be made with: a broker that can't be
    /// reached must not keep it from being told. What a broker has shown before stays known.
    fn certificates_read(&self) {
        let Some(tls) = self.tls() else { return };
        self.status.send_modify(|status| {
            let server = status.certificates.server;
            status.certificates = Certificates { server, ..tls.certificates() };
        });
    }

    fn receipt_seen(&self, at: Timestamp, sequence: u64) {
        self.status.send_modify(|status| {
            status.receipts = Receipts::Last { at, sequence };
            status.without_subscriber = 0;
        });
    }

    /// Takes note of an epoch that the journal has begun. Whether there is a new one.
    fn follow_epoch(&mut self) -> Result<bool, crate::journal::Error> {
        let head = *self.journal.head().borrow();
        if self.epochs.last() == Some(&head.epoch) {
            return Ok(false);
        }
        self.epochs = self.reader.epochs()?;
        // Places have moved: what was read of them is of before.
        self.ahead = Ahead::default();
        self.plan.restarted_at(head.epoch.base, head.place, self.clock.now().since_start);
        Ok(true)
    }

    /// Up to `limit` events after `after`, in order: those that were just committed from memory, others from the file.
    fn events(&mut self, after: Place, limit: usize) -> Result<Vec<Arc<Stored>>, crate::journal::Error> {
        match self.journal.fresh(after, limit) {
            Some(events) => Ok(events),
            None => self.ahead.take(after, limit, |count| self.reader.events(after, count)),
        }
    }

    fn epoch_of(&self, place: Place) -> Option<Epoch> {
        self.epochs.iter().rev().find(|epoch| epoch.base < place).copied()
    }

    /// The last sequence of an epoch: the log's head in the newest, the next one's base in an older one.
    fn epoch_head(&self, epoch: Epoch, head: Place) -> u64 {
        let next = self.epochs.iter().find(|other| epoch.base < other.base);
        epoch.sequence(next.map_or(head, |next| next.base))
    }
}

/// Waits, but no longer than until a file of the connection is replaced or the clock is set: whoever does that wants to see
/// whether it helps.
async fn wait_for_change(wait: Duration, broker: &BrokerConfig, clock: Clock) {
    let changed = async {
        let before = (way::stamps(broker), clock.standing().changes);
        loop {
            tokio::time::sleep(LOOK_FOR_CHANGE_EVERY).await;
            if (way::stamps(broker), clock.standing().changes) != before {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(wait, changed).await;
}

/// Only while there is no connection.
const LOOK_FOR_CHANGE_EVERY: Duration = Duration::from_secs(1);

/// Uniform over all of `u32`; only spreads reconnects.
fn random() -> u32 {
    let bytes = Uuid::new_v4().into_bytes();
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}
