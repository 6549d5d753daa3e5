//! The configuration: TOML files, read whole and checked whole before anything is opened.
//!
//! `sources` are the file, those in `conf.d` and what was given over them; `merge` makes one of them. Broken syntax is
//! reported alone. In files that are TOML, everything is reported at once: unknown keys and wrong types (`shape`), values
//! and what they say about each other (`check`). `show` says it all again, with where it comes from. A [`Config`] exists only when nothing was wrong, so
//! nobody checks its fields again. Every fault says where it stands, what is wrong and what to write instead; examples
//! come from the manual, `config/parceld.toml`, which tests hold against the keys and defaults that this module knows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil;
use jiff::tz::TimeZone;
use parceld_drivers::printer::zpl::Media;
use parceld_drivers::scanner::Driver;

use crate::domain::notice::Milestone;
use crate::sync::{BrokerConfig, IdentityConfig, LoginConfig, TlsConfig};
use crate::words::Language;

mod check;
mod credential;
mod error;
mod kept;
mod live;
mod machine;
mod manual;
mod merge;
mod page;
mod raw;
mod shape;
mod show;
mod sources;
mod tree;
mod values;

#[cfg(test)]
mod tests;

pub use error::{Error, Fault, Report};
pub use kept::{Start, copy_of, keep, last_good};
pub use live::{differences, needs_restart};
pub use machine::{Warning, missing_here};
pub use merge::{Origin, Origins};
pub use page::manual_page;
pub use show::{Key, Section, Shown};
use sources::Sources;
pub use sources::{By, GIVEN, Given, Name, Stack};
pub use values::{Endpoint, any_duration as duration, duration_text, size_text};

/// A file larger than this is not a configuration.
pub const FILE_BYTES_MAX: usize = 256 * 1024;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// A configuration, and where each of its keys comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    pub config: Config,
    pub origins: Origins,
}

impl Stack {
    /// Reads and checks the files, and what was given over them. Opens nothing else.
    ///
    /// # Errors
    ///
    /// [`Error`] for a file that is missing, is no file, cannot be read, is too large, or is not right.
    pub fn load(&self) -> Result<Loaded, Error> {
        understand(&self.read()?)
    }
}

/// Reads and checks the file at `path` and those in `conf.d` beside it.
///
/// # Errors
///
/// As [`Stack::load`].
pub fn load(path: &Path) -> Result<Config, Error> {
    Stack::of(path).load().map(|loaded| loaded.config)
}

/// Checks `text`; `path_for_messages` is only named in the faults.
///
/// # Errors
///
/// [`Error::Invalid`] with everything that is wrong.
pub fn parse(path_for_messages: &Path, text: &str) -> Result<Config, Error> {
    understand(&Sources::of_text(path_for_messages, text)).map(|loaded| loaded.config)
}

fn understand(sources: &Sources) -> Result<Loaded, Error> {
    let mut faults = error::Faults::default();
    let loaded = shape::read(sources, &mut faults)
        .and_then(|(file, origins)| Some(Loaded { config: check::check(file, sources, &mut faults)?, origins }));
    match loaded {
        Some(loaded) if faults.is_empty() => Ok(loaded),
        _ => Err(Error::Invalid(faults.report(sources))),
    }
}

/// What the agent was told, complete and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub site: Site,
    pub storage: Storage,
    pub broker: Broker,
    pub sync: Sync,
    pub web: Web,
    pub control: Control,
    pub floor: Floor,
    pub promise: Promise,
    pub notices: Notices,
    /// In the order of the file; at least one, ids unique.
    pub stations: Vec<Station>,
    /// In the order of the file; ids and ports unique, each at a station that exists.
    pub scanners: Vec<Scanner>,
    /// In the order of the file; ids and stations unique, each at a station that exists.
    pub printers: Vec<Printer>,
    /// In the order of the file; ids unique.
    pub carriers: Vec<Carrier>,
    pub log: Log,
}

/// The place this agent serves.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// A topic level: `[a-z0-9_-]{1,32}`.
    pub id: String,
    pub name: String,
    /// Never jiff's unknown zone.
    pub timezone: TimeZone,
    /// The zone's IANA name in its usual spelling.
    pub timezone_name: String,
    pub language: Language,
    /// 4 to 12 digits, as licensed by GS1; SSCCs are built on it.
    pub gs1_company_prefix: String,
}

/// Where events lie, and how long received ones stay.
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    pub path: PathBuf,
    /// `None`: `backups` beside the database.
    pub backup_dir: Option<PathBuf>,
    pub keep: Duration,
    /// With less free space on its disk somebody should look; 0: never.
    pub low_space_bytes: u64,
    /// Room that is kept beside the database for when the disk is full; 0: none.
    pub ballast_bytes: u64,
    /// How often the database is backed up; 0: only by hand.
    pub backup_every: Duration,
}

/// How the platform is reached.
#[derive(Clone, PartialEq)]
pub struct Broker {
    pub url: Endpoint,
    pub client_id: String,
    /// Topic levels joined by `/`, without one at either end.
    pub root: String,
    /// At least 5 s: the MQTT client refuses less.
    pub keep_alive: Duration,
    pub session_expiry: Duration,
    /// Given exactly when `password_file` is.
    pub username: Option<String>,
    /// Read when the connection is made, not here.
    pub password_file: Option<PathBuf>,
    /// Given exactly when the url is `mqtts://`.
    pub tls: Option<Tls>,
}

/// Whom to believe, and who we are. The files are read when the connection is made, not here.
#[derive(Clone, Debug, PartialEq)]
pub struct Tls {
    pub ca_file: PathBuf,
    pub crl_file: Option<PathBuf>,
    pub identity: Option<Identity>,
}

/// A certificate and its key, as PEM.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
}

impl Broker {
    /// The same in sync's words.
    #[must_use]
    pub fn reached(&self) -> BrokerConfig {
        let login = self.username.clone().zip(self.password_file.clone());
        let identity = |identity: &Identity| IdentityConfig {
            certificate_file: identity.certificate_file.clone(),
            key_file: identity.key_file.clone(),
        };
        let tls = |tls: &Tls| TlsConfig {
            ca_file: tls.ca_file.clone(),
            crl_file: tls.crl_file.clone(),
            identity: tls.identity.as_ref().map(identity),
        };
        BrokerConfig {
            host: self.url.host.clone(),
            port: self.url.port,
            login: login.map(|(username, password_file)| LoginConfig { username, password_file }),
            tls: self.tls.as_ref().map(tls),
        }
    }
}

/// What the broker knows a site by where nothing else is configured.
fn client_id_of(site: &Site) -> String {
    format!("parceld-{}", site.id)
}

impl Config {
    /// Whether the user name at the broker is part of what everybody may read. Some brokers take an access token for it.
    #[must_use]
    pub fn is_user_public(&self) -> bool {
        let public = [self.site.id.as_str(), &self.broker.client_id];
        self.broker.username.as_deref().is_none_or(|user| public.iter().any(|name| name.contains(user)))
    }
}

/// Some brokers take an access token as the user name, so it is not shown.
impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("url", &self.url)
            .field("client_id", &self.client_id)
            .field("root", &self.root)
            .field("keep_alive", &self.keep_alive)
            .field("session_expiry", &self.session_expiry)
            .field("username", &self.username.as_ref().map(|_| "(set)"))
            .field("password_file", &self.password_file)
            .field("tls", &self.tls)
            .finish()
    }
}

/// How events travel, and what lets them be forgotten.
#[derive(Clone, Debug, PartialEq)]
pub struct Sync {
    /// Events sent and not yet acknowledged by the broker, at most.
    pub window: u16,
    /// Events beyond the last receipt, at most; never below `window`.
    pub ahead: u32,
    pub forget: Forget,
    /// How long the broker may owe an acknowledgement before the connection is given up.
    pub ack_timeout: Duration,
    pub receipt_timeout: Duration,
    pub historical_after: Duration,
}

/// The status page.
#[derive(Clone, Debug, PartialEq)]
pub struct Web {
    pub listen: SocketAddr,
    /// Host names that a browser may use besides the address itself; lower case, without a port.
    pub allowed_hosts: Vec<String>,
    /// Its first line is the token that opens actions; `None`: the agent makes one.
    pub token_file: Option<PathBuf>,
}

/// The socket that the command line talks to.
#[derive(Clone, Debug, PartialEq)]
pub struct Control {
    /// `None`: the agent chooses at start.
    pub socket: Option<PathBuf>,
}

/// How work is done here.
#[derive(Clone, Debug, PartialEq)]
pub struct Floor {
    pub flow: Flow,
    pub operators: Operators,
    /// Who scans nothing for so long is signed out.
    pub idle_sign_out: Duration,
    /// An item counts only after its place was scanned.
    pub bins: bool,
    /// Orders in one round, at most.
    pub batch_size: u8,
    /// Units on hand at or below which an item is reported as low.
    pub low_stock: u32,
}

/// Whether what was promised can be kept, and when a day ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Promise {
    /// Units per hour, where too little was measured.
    pub pace_floor: u32,
    /// How far back the pace is measured.
    pub pace_window: Duration,
    /// With less time to spare an order is at risk.
    pub at_risk_margin: Duration,
    /// In the site's civil time.
    pub day_closes: civil::Time,
}

/// What customers are told of.
#[derive(Clone, Debug, PartialEq)]
pub struct Notices {
    pub milestones: BTreeSet<Milestone>,
    /// Of every milestone: after how long nobody wants to hear of it any more.
    pub expire_after: BTreeMap<Milestone, Duration>,
    /// How long after its hand-over a customer is asked what they think of an order.
    pub feedback_after: Duration,
}

/// A place where somebody works.
#[derive(Clone, Debug, PartialEq)]
pub struct Station {
    pub id: String,
    /// What people call it.
    pub name: String,
    pub mode: Mode,
    /// Whether staff there see a screen.
    pub screen: bool,
}

/// A label printer that understands ZPL.
#[derive(Clone, Debug, PartialEq)]
pub struct Printer {
    pub id: String,
    /// The id of one of [`Config::stations`].
    pub station: String,
    pub host: String,
    pub port: u16,
    /// Its labels.
    pub media: Media,
}

/// A scanner, its line and its framing.
#[derive(Clone, Debug, PartialEq)]
pub struct Scanner {
    pub id: String,
    /// The id of one of [`Config::stations`].
    pub station: String,
    /// The family and the model, which gives the line its defaults.
    pub driver: Driver,
    pub port: Port,
    /// Like the three below, without meaning for [`Port::Tcp`].
    pub baud: u32,
    pub data_bits: DataBits,
    pub parity: Parity,
    pub stop_bits: StopBits,
    pub terminator: Terminator,
    /// Silence that ends a code which no terminator ended.
    pub idle_gap: Duration,
    /// The same code again within this time is one scan.
    pub bounce: Duration,
    /// Whether the scanner is answered.
    pub feedback: bool,
}

/// Where a scanner's bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Port {
    /// An absolute path, best one below `/dev/serial/by-id`.
    Serial(PathBuf),
    /// A host name or address (IPv6 without brackets).
    Tcp { host: String, port: u16 },
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial(path) => write!(f, "{}", path.display()),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
        }
    }
}

/// Who collects, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Carrier {
    pub id: String,
    pub name: String,
    pub services: Vec<String>,
    /// No two at the same time of the same weekday.
    pub collections: Vec<Collection>,
    /// Days without a collection.
    pub holidays: Vec<civil::Date>,
    /// How long after a collection's time nobody wonders where the courier is.
    pub grace: Duration,
    /// A parcel leaves only with the carrier's own number on it.
    pub tracking_required: bool,
    /// A mask: `#` a digit, `@` a letter, `?` any character, `*` any number of them.
    pub tracking_pattern: Option<String>,
    /// Contains `{tracking}` once, where the parcel's number goes.
    pub tracking_url: Option<String>,
}

/// A collection that repeats every week, in the site's civil time.
#[derive(Clone, Debug, PartialEq)]
pub struct Collection {
    /// Monday first; at least one.
    pub days: [bool; 7],
    pub at: civil::Time,
    /// How long before `at` a parcel must be sealed; it may reach back into the day before.
    pub cut_off: Duration,
}

/// What is written to the log, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    pub level: Level,
    pub format: Format,
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$about])* $variant),+ }

        impl $name {
            const NAMED: &'static [(&'static str, Self)] = &[$(($text, Self::$variant)),+];

            /// As written in the file.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

named! {
    /// What lets an event be forgotten once `storage.keep` has passed.
    Forget {
        /// The platform's receipt: it has stored the event.
        Receipt = "receipt",
        /// The broker's acknowledgement: the weaker promise, for a platform that sends no receipts.
        Puback = "puback",
    }
}
named! {
    /// The order of work.
    Flow {
        /// Items are picked and packed in one go.
        SingleStep = "single_step",
        /// Items are picked into a tote first, and packed at another bench.
        PickThenPack = "pick_then_pack",
    }
}
named! {
    /// Whether staff sign in.
    Operators {
        /// Who wants to.
        Optional = "optional",
        /// Nothing counts without a badge.
        Required = "required",
    }
}
named! {
    /// What a station is for.
    Mode { Pick = "pick", Pack = "pack", Load = "load", Return = "return", Count = "count", Receive = "receive" }
}
named! {
    /// A serial line's parity bit.
    Parity { None = "none", Odd = "odd", Even = "even" }
}
named! {
    /// What ends a code.
    Terminator {
        /// Any of CR, LF, CRLF, ETX and TAB, or the idle gap.
        Auto = "auto",
        Cr = "cr",
        Lf = "lf",
        Crlf = "crlf",
        Etx = "etx",
        Tab = "tab",
        /// Only the idle gap.
        None = "none",
    }
}
named! {
    /// The least important message that is still written.
    Level { Error = "error", Warn = "warn", Info = "info", Debug = "debug", Trace = "trace" }
}
named! {
    /// The form of a log line.
    Format { Text = "text", Json = "json" }
}

/// Data bits of a serial character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataBits {
    Seven,
    Eight,
}

/// Stop bits of a serial character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopBits {
    One,
    Two,
}
