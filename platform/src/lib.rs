//! `parceld-platform`: the reference central platform. An independent reader of the contract: it shares no code with
//! the agent.
//!
//! link (MQTT) and web (HTTP) hand jobs to one writer thread, which decides with `central` and stores in `store`.

mod again;
mod answered;
mod apply;
pub mod central;
pub mod clock;
pub mod command;
pub mod counter;
mod dossier;
mod faults;
mod inbox;
mod label;
mod letters;
mod link;
mod outbox;
pub mod played;
mod post;
mod receipts;
mod senders;
pub mod shop;
pub mod store;
mod terms;
mod tls;
pub mod topic;
mod web;
pub mod wire;
mod words;
mod writer;

use anyhow::{Context, bail};
use central::Central;
use clap::Parser;
use clock::Clock;
use command::{Request, Seed};
use futures_util::future::join_all;
use letters::Channel;
use link::Broker;
use senders::{Office, Sender, Smtp, Webhook};
use shop::Shop;
use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use store::Place;
use tls::Tls;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use topic::Topics;
use tracing_subscriber::EnvFilter;
use uuid::Uuid;
use web::Web;
use writer::Job;

/// Takes the events of any number of sites, each once and in sequence, and tells the sites what to do.
///
/// Events are stored before they are acknowledged, receipts tell each site how far, and commands are repeated until
/// their reply. The page and the API are at --listen. One instance keeps everything in a file; several share a PostgreSQL
/// server.
#[derive(Debug, Parser)]
#[command(version, after_long_help = AFTER_HELP)]
struct Options {
    /// Broker, as mqtt://HOST[:PORT], or as mqtts://HOST[:PORT] with TLS, where its certificate must be for HOST.
    #[arg(long, value_name = "URL", default_value = "mqtt://127.0.0.1:1883")]
    broker: String,
    /// Everything is in this file (SQLite), which is made when it is missing, or in the PostgreSQL database at
    /// postgres://USER[:PASSWORD]@HOST[:PORT]/DATABASE. TLS is not built in: keep it on one machine or in a tunnel.
    #[arg(long, value_name = "FILE|URL")]
    database: String,
    /// File with the password of the PostgreSQL user, rather than in the URL, where other users of this machine see it.
    #[arg(long, value_name = "FILE")]
    database_password_file: Option<PathBuf>,
    /// Instances with the same group share what sites send (MQTT 5 shared subscription) on one PostgreSQL database. Any of
    /// them may be killed at any moment.
    #[arg(long, value_name = "GROUP")]
    share: Option<String>,
    /// What all topics begin with.
    #[arg(long, value_name = "TOPIC", default_value = "parceld/v1")]
    root: String,
    /// Where the page and the API listen. They have no login: leave them on loopback, or put a proxy before them.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Further host names that requests may be for; on loopback only its own names are served.
    #[arg(long, value_name = "HOST")]
    allowed_host: Vec<String>,
    /// MQTT client id, by default parceld-platform. The broker keeps what comes while we are away under this name, so
    /// only one may use it. With --share nothing is kept, and by default each instance has a new one.
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// User at the broker.
    #[arg(long, value_name = "NAME", requires = "password_file")]
    username: Option<String>,
    /// File with the password of --username.
    #[arg(long, value_name = "FILE", requires = "username")]
    password_file: Option<PathBuf>,
    /// CAs that may sign the broker's certificate, as PEM: for mqtts://, where nobody else is believed. Read for each
    /// connection, as are --certificate-file and --key-file.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Own certificate for a broker that wants one, as PEM.
    #[arg(long, value_name = "FILE", requires = "key_file")]
    certificate_file: Option<PathBuf>,
    /// Key of --certificate-file.
    #[arg(long, value_name = "FILE", requires = "certificate_file")]
    key_file: Option<PathBuf>,
    /// Catalog, stock and orders for --site, as JSON. What was put before is not put again.
    #[arg(long, value_name = "FILE", requires = "site")]
    orders: Option<PathBuf>,
    /// Site that --orders are for.
    #[arg(long, value_name = "ID", requires = "orders")]
    site: Option<String>,
    /// Make the carrier's label for every parcel that a site asks one for: a tracking number and its barcode.
    #[arg(long)]
    labels: bool,
    /// Shops that customers know, as TOML: look, voice, zone, pages and sites. Without it there is one example shop.
    #[arg(long, value_name = "FILE")]
    shops: Option<PathBuf>,
    /// Mail server that e-mail is handed to, without TLS: keep it on one machine or in a tunnel. Nothing is sent by
    /// channels without a service.
    #[arg(long, value_name = "HOST:PORT")]
    smtp: Option<String>,
    /// Where text messages are posted to, as http://…
    #[arg(long, value_name = "URL")]
    sms_webhook: Option<String>,
    /// Where push messages are posted to, as http://…
    #[arg(long, value_name = "URL")]
    push_webhook: Option<String>,
}

/// Letters that are under way at the end have this long together, and requests the same.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// A topic of the contract has at most seven slashes, of which three come after the root.
const ROOT_LEVELS_MAX: usize = 5;

const AFTER_HELP: &str = r#"The file for --orders:
  {"catalog": {"products": [{"sku": "TEA", "name": "Green tea", "barcodes": ["7350053850019"]}]},
   "stock": {"items": [{"sku": "TEA", "quantity": 40}]},
   "orders": [{"id": "10042", "delivery": "carrier", "carrier": "postnord",
               "lines": [{"line": "1", "sku": "TEA", "name": "Green tea", "quantity": 2}]}]}

API:
  POST /api/sites/{site}/orders                an order, or an array of them
  POST /api/sites/{site}/orders/{id}/cancel    {"reason": "customer", "notify": true}
  POST /api/sites/{site}/orders/{id}/hold      {"reason": "payment"}
  POST /api/sites/{site}/orders/{id}/release, /api/sites/{site}/orders/{id}/expedite
  POST /api/sites/{site}/orders/{id}/parcels/{n}/label
                                               {"tracking": "TN1", "zpl": "^XA...", "revision": 2}, each optional
  POST /api/sites/{site}/returns               a return, or an array of them
  POST /api/sites/{site}/returns/{id}/resolve  {"resolution": "refund"}
  POST /api/sites/{site}/catalog               {"products": [...]}
  POST /api/sites/{site}/stock                 {"items": [{"sku": "TEA", "quantity": 40}]}
  POST /api/sites/{site}/resend                {"epoch": "...", "from": 1}
  POST /api/sites/{site}/commands              published once, as it is
  PUT  /api/customers/{reference}              {"email": "...", "phone": "...", "push": "...", "language": "sv",
                                                "preferences": {"packed": ["sms"], "*": ["email"]}}; also GET, DELETE
  GET  /api/sites, /api/sites/{site}, /api/quarantine
  GET  /api/sites/{site}/{orders|parcels|dispatches|notifications|returns|stock|refused|scanners|commands|replies}
  GET  /api/sites/{site}/{promises|couriers|days|letters}
  GET  /api/sites/{site}/promise               until when a same-day order can be promised
  GET  /api/sites/{site}/orders/{id}           also ?number=... on orders
  GET  /api/sites/{site}/orders/{id}/events    all that was told of it, in order
  GET  /api/sites/{site}/events?since=0&limit=1000&all=0

RUST_LOG sets what is logged (info by default). SIGTERM and Ctrl-C stop it in order."#;

/// The program.
///
/// # Errors
/// Why it can't run, or go on.
pub fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colour).with_writer(std::io::stderr).init();
    let broker = broker(&options)?;
    let seed = options.orders.as_deref().map(seed).transpose()?;
    if let Some(site) = options.site.as_deref().filter(|site| !topic::is_level(site)) {
        bail!("--site {site:?}: 1 to 32 of a-z, 0-9, - and _");
    }
    let levels = options.root.split('/');
    if ROOT_LEVELS_MAX < levels.clone().count()
        || levels.clone().any(|level| level.is_empty() || level.contains(['+', '#']))
    {
        bail!("--root {:?}: 1 to {ROOT_LEVELS_MAX} levels, none of them empty, without + and #", options.root);
    }
    let shops: Arc<[Arc<Shop>]> = match &options.shops {
        Some(file) => shop::load(file).with_context(|| format!("--shops {}", file.display()))?,
        None => shop::built_in(options.listen)?,
    }
    .into();
    let senders = senders(&options)?;
    let channels = senders.iter().map(|(channel, _)| *channel).collect();
    let office = Arc::new(Office { shops: Arc::clone(&shops), channels, name: broker.client_id.clone() });
    let clock = Clock::start();
    let topics = Topics::new(&options.root);
    let place = place(&options)?;
    let central = Central::new(place.open()?, topics.clone(), clock.now()).context("the database can't be read")?;
    let central = if options.share.is_some() { central.sharing() } else { central };
    let central = central.starting_again(&office.name)?;
    let central = if options.labels { central.making_labels()? } else { central };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;

    let (jobs, waiting) = mpsc::channel(writer::JOBS_MAX);
    let (changed, changes) = watch::channel(0);
    let (stop, stopped) = watch::channel(false);
    let timer = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let writer = thread::Builder::new()
        .name("writer".into())
        .spawn(move || writer::run(central, waiting, &timer, clock, &changed))?;
    let hosts = hosts(options.listen, options.allowed_host);
    let web = Web::new(jobs.clone(), place, clock, changes.clone(), stopped.clone(), hosts, shops);
    let served = runtime.block_on(async {
        let listener =
            TcpListener::bind(options.listen).await.with_context(|| format!("--listen {}", options.listen))?;
        tracing::info!(address = %listener.local_addr()?, "the page and the API listen");
        if let (Some(seed), Some(site)) = (seed, options.site) {
            plant(&jobs, site, seed).await?;
        }
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let link = tokio::spawn(link::run(broker, topics, jobs.clone(), stopped.clone()));
        let senders: Vec<_> = senders
            .into_iter()
            .map(|(channel, sender)| {
                let desk = senders::Desk { office: Arc::clone(&office), channel, jobs: jobs.clone(), clock };
                tokio::spawn(desk.run(sender, changes.clone(), stopped.clone()))
            })
            .collect();
        let mut ended = stopped.clone();
        let server = axum::serve(listener, web.clone().router())
            .with_graceful_shutdown(async move {
                let _ = ended.wait_for(|stop| *stop).await;
            })
            .into_future();
        let server = tokio::spawn(server);
        tokio::select! {
            _ = terminate.recv() => tracing::info!("stopping"),
            _ = interrupt.recv() => tracing::info!("stopping"),
            () = jobs.closed() => tracing::error!("the writer ended"),
        }
        let lost = jobs.is_closed();
        stop.send_replace(true);
        drop(jobs);
        link.await?;
        // Cut off in the middle of a letter a sender says nothing of it: after its claim the letter is sent again.
        let _ = timeout(DRAIN_MAX, join_all(senders)).await;
        match timeout(DRAIN_MAX, server).await {
            Ok(ended) => ended??,
            Err(_) => tracing::warn!("some requests were cut off"),
        }
        if lost {
            bail!("the writer ended");
        }
        Ok(())
    });
    runtime.shutdown_timeout(DRAIN_MAX);
    // Its connections to the database can't end within the runtime; and the writer ends when nobody can ask it any more.
    drop(web);
    let ended = writer.join();
    served?;
    if ended.is_err() {
        bail!("the writer panicked");
    }
    Ok(())
}

fn senders(options: &Options) -> anyhow::Result<Vec<(Channel, Sender)>> {
    let mut senders = Vec::new();
    if let Some(place) = &options.smtp {
        let read = place.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = read.with_context(|| format!("--smtp {place}: must be HOST:PORT"))?;
        senders.push((Channel::Email, Sender::Smtp(Smtp::new(host, port))));
    }
    let hooks = [
        (Channel::Sms, "--sms-webhook", &options.sms_webhook),
        (Channel::Push, "--push-webhook", &options.push_webhook),
    ];
    for (channel, option, url) in hooks {
        let Some(url) = url else { continue };
        if !url.starts_with("http://") {
            bail!("{option} {url}: must be http://…; TLS is not built in, so keep it on one machine or in a tunnel");
        }
        senders.push((channel, Sender::Webhook(Webhook::new(url))));
    }
    Ok(senders)
}

async fn plant(jobs: &mpsc::Sender<Job>, site: String, seed: Seed) -> anyhow::Result<()> {
    let (answer, done) = oneshot::channel();
    jobs.send(Job::Ask { site, request: Request::Seed(seed), answer }).await.context("the writer ended")?;
    let commands = done.await.context("the writer ended")?.context("--orders")?;
    tracing::info!(commands = commands.len(), "orders of the file are put");
    Ok(())
}

fn seed(path: &Path) -> anyhow::Result<Seed> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

fn broker(options: &Options) -> anyhow::Result<Broker> {
    let url = &options.broker;
    let (place, default_port, is_tls) = match (url.strip_prefix("mqtt://"), url.strip_prefix("mqtts://")) {
        (Some(place), _) => (place, 1883, false),
        (_, Some(place)) => (place, 8883, true),
        _ => bail!("--broker {url}: must be mqtt://HOST[:PORT] or mqtts://HOST[:PORT]"),
    };
    let identity = options.certificate_file.clone().zip(options.key_file.clone());
    let tls = match (is_tls, &options.ca_file) {
        (true, Some(ca_file)) => Some(Tls { ca_file: ca_file.clone(), identity }),
        (true, None) => bail!("--broker {url}: --ca-file must name the CA that signs the broker's certificate"),
        (false, None) if identity.is_none() => None,
        (false, _) => bail!("--broker {url}: --ca-file and --certificate-file are for mqtts://"),
    };
    if let Some(tls) = &tls {
        // A file that can't be used is told now; later it may be mended while we try again.
        tls.client()?;
    }
    let place = place.trim_end_matches('/');
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            (host, port.parse().with_context(|| format!("--broker {url}: port {port:?}"))?)
        }
        _ => (place, default_port),
    };
    if host.is_empty() || host.contains(['/', '@']) {
        bail!("--broker {url}: must be mqtt://HOST[:PORT] or mqtts://HOST[:PORT]");
    }
    let login = match (&options.username, &options.password_file) {
        (Some(user), Some(file)) => {
            let password = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
            Some((user.clone(), password.trim_end_matches(['\r', '\n']).to_owned()))
        }
        _ => None,
    };
    let group = options.share.clone();
    let client_id = options.client_id.clone().unwrap_or_else(|| match group {
        Some(_) => format!("parceld-platform-{}", Uuid::new_v4().simple()),
        None => "parceld-platform".to_owned(),
    });
    Ok(Broker { host: host.to_owned(), port, client_id, login, tls, group })
}

fn place(options: &Options) -> anyhow::Result<Place> {
    let mut place: Place = options.database.parse().context("--database")?;
    if let Some(group) = &options.share {
        if !topic::is_level(group) {
            bail!("--share {group:?}: 1 to 32 of a-z, 0-9, - and _");
        }
        if !place.is_shared() {
            bail!("--share {group}: instances can share a PostgreSQL database, but no file");
        }
    }
    match (&mut place, &options.database_password_file) {
        (Place::Server { config, .. }, Some(file)) => {
            let password = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
            config.password(password.trim_end_matches(['\r', '\n']));
        }
        (Place::File(_), Some(_)) => bail!("--database-password-file: a file has no password"),
        (_, None) => {}
    }
    Ok(place)
}

/// On loopback only its own names are served: a name that somebody let point here is not.
fn hosts(listen: SocketAddr, allowed: Vec<String>) -> Option<Vec<String>> {
    if !listen.ip().is_loopback() && allowed.is_empty() {
        return None;
    }
    let own = match listen.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned(), own];
    hosts.extend(allowed);
    Some(hosts)
}
