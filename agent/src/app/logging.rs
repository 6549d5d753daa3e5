//! The agent's own log: to stderr, and its newest lines to memory. Its level and its form can change while it is kept.

use crate::clock::Clock;
use crate::config::{self, Format};
use crate::report::Volume;
use crate::report::log::{Keeper, Level};
use std::fmt;
use std::sync::Arc;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

/// The log that is being kept.
pub struct Logging {
    pub volume: Arc<Volume>,
    set_form: Box<dyn Fn(Format) + Send + Sync>,
}

impl fmt::Debug for Logging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Logging").field(&self.volume).finish()
    }
}

/// Begins to keep the log; what it says goes to `keeper` too.
pub fn start(log: &config::Log, keeper: Keeper, clock: Clock) -> Logging {
    let configured = level(log.level);
    let (form, form_handle) = reload::Layer::new(form(log.format));
    let (levels, levels_handle) = reload::Layer::new(levels(configured));
    if tracing_subscriber::registry().with(form).with(keeper).with(levels).try_init().is_err() {
        tracing::debug!("a log is already being kept");
    }
    // What can't be set any more belongs to a log that is not kept.
    let set_form = move |wanted| _ = form_handle.reload(self::form(wanted));
    let set_level = move |wanted| _ = levels_handle.reload(self::levels(wanted));
    Logging { volume: Volume::new(configured, clock, set_level), set_form: Box::new(set_form) }
}

impl Logging {
    /// Keeps it so from here on; a level that somebody has set for a while stays until that is over.
    pub fn change_to(&self, log: &config::Log) {
        (self.set_form)(log.format);
        self.volume.configure(level(log.level));
    }
}

fn form(format: Format) -> Box<dyn Layer<Registry> + Send + Sync> {
    let written = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    match format {
        Format::Json => written.json().boxed(),
        Format::Text => written.with_target(false).boxed(),
    }
}

/// The cron library tells of itself what nobody looks for.
fn levels(level: Level) -> Targets {
    let level = match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    Targets::new().with_default(level).with_target("tokio_cron_scheduler", level.min(LevelFilter::WARN))
}

fn level(level: config::Level) -> Level {
    match level {
        config::Level::Error => Level::Error,
        config::Level::Warn => Level::Warn,
        config::Level::Info => Level::Info,
        config::Level::Debug => Level::Debug,
        config::Level::Trace => Level::Trace,
    }
}
