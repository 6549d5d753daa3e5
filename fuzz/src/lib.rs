//! What is fuzzed: everything that parses bytes from outside, or bytes that may be damaged.
//!
//! A target is a function of bytes that panics where a property is broken. The engine looks for such bytes; what it has
//! found on its way, and what it found wrong, lies in `corpus/` and is played again by an ordinary test.
//!
//! Properties are more than the absence of panics: a good frame is read after any garbage, what was written is read as
//! the same, what is normal stays as it is, memory is bounded, and two readers of one format agree.

mod input;
mod measure;
mod targets;

use targets::{
    asked, barcode, capture, command, command_line, config, control, conversation, database, event, head, http, lines,
    log, packets, page, presence, printer, receipt, record, report, salvage, scan, sheet, shops, site,
};

/// Which target the engine runs.
pub const VARIABLE: &str = "PARCELD_FUZZ_TARGET";

/// Something that parses bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its folder in `corpus/` is called so.
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// Longer inputs find nothing new, and take long.
    pub bytes_max: usize,
    /// Beginnings of the names of files outside the corpus that are good inputs too, from the workspace on.
    pub seeds: &'static [&'static str],
}

const EXAMPLES: &str = "contract/v1/examples/";

pub const TARGETS: &[Target] = &[
    Target { name: "lines", run: lines::run, bytes_max: 1_024, seeds: &[] },
    Target { name: "packets", run: packets::run, bytes_max: 1_024, seeds: &[] },
    Target { name: "conversation", run: conversation::run, bytes_max: 2_048, seeds: &[] },
    Target { name: "scan", run: scan::run, bytes_max: 512, seeds: &[] },
    Target { name: "barcode", run: barcode::run, bytes_max: 256, seeds: &[] },
    Target { name: "capture", run: capture::run, bytes_max: 1_024, seeds: &[] },
    Target { name: "printer", run: printer::run, bytes_max: 1_024, seeds: &[] },
    Target { name: "command", run: command::run, bytes_max: 8_192, seeds: &["contract/v1/examples/command."] },
    Target { name: "receipt", run: receipt::run, bytes_max: 256, seeds: &["contract/v1/examples/receipt."] },
    Target { name: "presence", run: presence::run, bytes_max: 512, seeds: &["contract/v1/examples/state.agent."] },
    Target { name: "report", run: report::run, bytes_max: 1_024, seeds: &[] },
    Target { name: "event", run: event::run, bytes_max: 8_192, seeds: &["contract/v1/examples/event."] },
    Target { name: "site", run: site::run, bytes_max: 8_192, seeds: &[EXAMPLES] },
    Target { name: "asked", run: asked::run, bytes_max: 4_096, seeds: &[] },
    Target { name: "http", run: http::run, bytes_max: 2_048, seeds: &[] },
    Target {
        name: "config",
        run: config::run,
        bytes_max: 32_768,
        seeds: &["config/parceld.toml", "config/new-site.toml"],
    },
    Target { name: "command_line", run: command_line::run, bytes_max: 512, seeds: &[] },
    Target { name: "control", run: control::run, bytes_max: 2_048, seeds: &[] },
    Target { name: "shops", run: shops::run, bytes_max: 4_096, seeds: &["config/shops.toml"] },
    Target { name: "sheet", run: sheet::run, bytes_max: 256, seeds: &[] },
    Target { name: "head", run: head::run, bytes_max: 1_024, seeds: &[] },
    Target { name: "record", run: record::run, bytes_max: 1_024, seeds: &[] },
    Target { name: "page", run: page::run, bytes_max: 4_096, seeds: &[] },
    Target { name: "log", run: log::run, bytes_max: 16_384, seeds: &[] },
    Target { name: "database", run: database::run, bytes_max: 2_048, seeds: &[] },
    Target { name: "salvage", run: salvage::run, bytes_max: 256, seeds: &[] },
];
