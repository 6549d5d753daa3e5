//! The files of a bundle.

use super::{EXAMINED_WITHIN, Piece};
use crate::clock::Clock;
use crate::config::{Config, Shown, Stack};
use crate::doctor;
use crate::journal::{self, Reader};
use crate::report::wire::Sender;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Some hours of a busy bench.
const EVENTS_MAX: usize = 500;

/// Of one file below /proc and /sys.
const SYSTEM_FILE_BYTES_MAX: usize = 16 * 1024;

/// What only the running agent knows; each is asked on a thread of its own.
pub struct FromAgent {
    /// The status report as JSON.
    pub report: Box<dyn FnOnce() -> Result<String, String> + Send>,
    /// The newest lines of the log.
    pub log: Box<dyn FnOnce() -> Result<String, String> + Send>,
    /// The configuration that runs.
    pub configuration: Box<dyn FnOnce() -> Result<Shown, String> + Send>,
}

/// Every file of a bundle about the site that `config`, read from `stack`, describes.
#[must_use]
pub fn pieces(stack: &Stack, config: &Arc<Config>, from_agent: FromAgent, clock: Clock) -> Vec<Piece> {
    let FromAgent { report, log, configuration } = from_agent;
    let text = |text: Result<String, String>| text.map(String::into_bytes);
    let database = || config.storage.path.clone();
    let (events_of, facts_of, disk_of) = (database(), database(), database());
    let (doctor_of, shown_of, sent_by) = (stack.clone(), stack.clone(), Arc::clone(config));
    vec![
        Piece::new("versions.txt", "this program, its parts, the system", || Ok(versions().into_bytes())),
        Piece::new("status.json", "the status report of the running agent", move || text(report())),
        Piece::new("doctor.json", "what parceld doctor finds", move || {
            let checks = doctor::examine(&doctor_of, clock, EXAMINED_WITHIN);
            let all = serde_json::json!({"worst": doctor::worst(&checks), "checks": checks});
            Ok(all.to_string().into_bytes())
        }),
        Piece::new(
            "configuration.txt",
            "the configuration with where each key comes from, without secrets",
            move || {
                let text = match configuration() {
                    Ok(runs) => format!("# What the agent runs on\n\n{runs}"),
                    Err(why) => {
                        let loaded = shown_of.load().map_err(|error| error.to_string())?;
                        format!(
                            "# What the files say; of what runs nothing is known: {why}

{}",
                            Shown::of(&loaded)
                        )
                    }
                };
                Ok(text.into_bytes())
            },
        ),
        Piece::new("events.jsonl", "the newest events, oldest first, as they are published", move || {
            events(&events_of, &sent_by, clock).map_err(|error| error.to_string())
        }),
        Piece::new("log.txt", "the newest lines of the running agent's log", move || text(log())),
        Piece::new("database.json", "sizes, schema, cursors, quarantine without payloads", move || {
            facts(&facts_of).map_err(|error| error.to_string())
        }),
        Piece::new("system.txt", "kernel, board, memory, disk, clock, serial and USB devices", move || {
            Ok(system(&disk_of).into_bytes())
        }),
    ]
}

fn versions() -> String {
    let kernel = read("/proc/version");
    format!(
        "parceld {}\nschema {}\nSQLite {}\n{kernel}",
        env!("CARGO_PKG_VERSION"),
        journal::SCHEMA_VERSION,
        journal::sqlite_version()
    )
}

fn events(database: &Path, config: &Config, clock: Clock) -> Result<Vec<u8>, journal::Error> {
    let reader = Reader::open(database)?;
    let sender = Sender {
        site: config.site.id.as_str().into(),
        epochs: reader.epochs()?,
        head: reader.cursors()?.head,
        now: clock.now().wall,
        historical_after: config.sync.historical_after,
    };
    let mut lines = Vec::new();
    for stored in reader.latest(EVENTS_MAX)?.iter().rev() {
        lines.extend_from_slice(sender.render(stored)?.as_bytes());
        lines.push(b'\n');
    }
    Ok(lines)
}

fn facts(database: &Path) -> Result<Vec<u8>, journal::Error> {
    let size = |suffix: &str| {
        let mut path = database.as_os_str().to_owned();
        path.push(suffix);
        fs::metadata(PathBuf::from(path)).ok().map(|found| found.len())
    };
    let reader = Reader::open(database)?;
    let cursors = reader.cursors()?;
    let quarantine = reader.quarantine(0)?;
    let resting: Vec<_> = quarantine
        .iter()
        .map(|row| serde_json::json!({"key": row.key, "at": row.at, "reason": row.reason, "bytes": row.bytes}))
        .collect();
    let facts = serde_json::json!({
        "path": database,
        "bytes": size(""),
        "wal_bytes": size("-wal"),
        "shm_bytes": size("-shm"),
        "schema": reader.schema_version()?,
        "epochs": reader.epochs()?.len(),
        "epoch": cursors.epoch.map(|epoch| epoch.id),
        "head": cursors.head,
        "sent": cursors.sent,
        "received": cursors.received,
        "quarantine": resting,
    });
    Ok(format!("{facts:#}\n").into_bytes())
}

/// The system as it tells of itself; what it doesn't tell is not there.
fn system(database: &Path) -> String {
    let mut text = String::new();
    for path in [
        "/proc/device-tree/model",
        "/etc/os-release",
        "/proc/uptime",
        "/proc/loadavg",
        "/proc/meminfo",
        "/proc/pressure/io",
        "/proc/mounts",
        "/sys/class/thermal/thermal_zone0/temp",
    ] {
        let found = read(path);
        if !found.is_empty() {
            let _ = writeln!(text, "== {path}\n{}", found.trim_end());
        }
    }
    let synchronized = Path::new("/run/systemd/timesync/synchronized").exists();
    let _ = writeln!(text, "== time\nsystemd-timesyncd has synchronized: {synchronized}");
    if let Some(directory) = database.parent()
        && let Ok(found) = rustix::fs::statvfs(directory)
    {
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        let (all, free) = (bytes(found.f_blocks), bytes(found.f_bavail));
        let _ = writeln!(text, "== disk of {}\n{free} of {all} bytes free", directory.display());
    }
    for directory in ["/dev/serial/by-id", "/dev/serial/by-path", "/sys/bus/usb/devices"] {
        let _ = writeln!(text, "== {directory}\n{}", listed(Path::new(directory)).join("\n"));
    }
    text
}

/// Names in a directory, with where each leads; of a USB device what it calls itself.
fn listed(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut lines: Vec<_> = entries
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let target = fs::read_link(entry.path()).map(|target| format!(" -> {}", target.display()));
            let product = read(entry.path().join("product"));
            format!("{name}{} {}", target.unwrap_or_default(), product.trim()).trim_end().to_owned()
        })
        .collect();
    lines.sort_unstable();
    lines
}

fn read(path: impl AsRef<Path>) -> String {
    let mut bytes = fs::read(path).unwrap_or_default();
    bytes.truncate(SYSTEM_FILE_BYTES_MAX);
    String::from_utf8_lossy(&bytes).replace('\0', "")
}
