//! Who may name whom. The house stands on these rules, so a wrong import is a failing test.
//!
//! Code under `#[cfg(test)]` may name anything.

mod names;

use std::fs;
use std::path::{Path, PathBuf};

use May::{Everything, Only, OnlyAndConfigs};

use names::{Crates, Name, Source};

/// Which of the agent's modules each may name, beside itself.
const MODULES: &[(&str, May)] = &[
    ("clock", Only(&[])),
    ("domain", Only(&[])),
    ("contract", Only(&["domain"])),
    ("journal", Only(&["domain", "contract", "clock", "pulse"])),
    ("access", Only(&["journal", "clock"])),
    ("action", Only(&["access", "clock", "domain", "floor", "journal", "report", "sync", "words"])),
    ("bundle", Only(&["clock", "config", "doctor", "journal", "report"])),
    ("floor", Only(&["domain", "journal", "clock"])),
    ("schedule", Only(&["domain", "journal", "clock", "pulse"])),
    ("sync", Only(&["domain", "contract", "journal", "clock", "pulse"])),
    ("report", Only(&["domain", "contract", "journal", "floor", "schedule", "sync", "clock", "words"])),
    ("screen", Only(&["domain", "journal", "floor", "words"])),
    ("web", Only(WEB)),
    ("sheet", Only(&["domain", "words"])),
    ("config", OnlyAndConfigs(&["domain", "words"])),
    ("pulse", Only(&[])),
    ("words", Only(&[])),
    ("control", Only(&["access", "action", "domain", "floor", "report"])),
    ("doctor", Only(&["config", "contract", "journal", "control", "report", "sync", "clock"])),
    ("app", Everything),
    ("cli", Only(COMMAND_LINE)),
    ("main", Only(COMMAND_LINE)),
    ("lib", Only(&[])),
];

const WEB: &[&str] =
    &["access", "action", "bundle", "clock", "contract", "domain", "floor", "journal", "report", "screen", "words"];

const COMMAND_LINE: &[&str] =
    &["action", "app", "bundle", "cli", "clock", "config", "control", "doctor", "floor", "journal", "report", "sheet"];

/// Crates that belong to some of the agent's modules.
const KEPT_CRATES: &[(&str, &[&str])] = &[
    ("askama", &["web"]),
    ("axum", &["web"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("flate2", &["bundle"]),
    ("hyper", &["web"]),
    ("hyper_util", &["web"]),
    ("prometheus_client", &["web"]),
    ("parceld_drivers", &["app", "config", "contract", "floor", "sheet"]),
    ("rtime_clock", &["clock"]),
    ("rumqttc", &["sync"]),
    ("rustls", &["sync"]),
    ("rusqlite", &["journal"]),
    ("sd_notify", &["app"]),
    ("subtle", &["access"]),
    ("tar", &["bundle"]),
    ("tokio_cron_scheduler", &["schedule"]),
    ("x509_parser", &["sync"]),
];

/// The agent's modules that may name only some crates.
const ONLY_CRATES: &[(&str, &[&str])] = &[("domain", &["std", "core", "thiserror", "jiff"]), ("lib", &[])];

/// What the drivers never name: they know nothing of warehouses.
const NOT_IN_DRIVERS: &[&str] = &["parceld"];

#[derive(Debug, Clone, Copy)]
enum May {
    Everything,
    Only(&'static [&'static str]),
    /// Also the type of any module whose name ends with `Config`.
    OnlyAndConfigs(&'static [&'static str]),
}

#[test]
fn the_agent_names_only_what_it_may() {
    let crates = Crates { own: "parceld", others: dependencies("agent").collect() };
    refuse(&sources("agent").iter().flat_map(|source| agent_violations(source, &crates)).collect::<Vec<_>>());
}

#[test]
fn the_drivers_never_name_the_agent() {
    let others = dependencies("drivers").chain(NOT_IN_DRIVERS.iter().map(ToString::to_string));
    let crates = Crates { own: "parceld_drivers", others: others.collect() };
    refuse(&sources("drivers").iter().flat_map(|source| driver_violations(source, &crates)).collect::<Vec<_>>());
}

fn agent_violations(source: &Source, crates: &Crates) -> Vec<String> {
    let violation = |(name, rule): (Name, String)| format!("{}:{}: {name}: {rule}", source.file, name.line);
    let names = source.names(crates).into_iter();
    names.filter_map(|name| broken_rule(source.owner(), &name).map(|rule| (name, rule))).map(violation).collect()
}

fn driver_violations(source: &Source, crates: &Crates) -> Vec<String> {
    let names = source.names(crates).into_iter();
    let wrong = names.filter(|name| name.other_crate.as_deref().is_some_and(|named| NOT_IN_DRIVERS.contains(&named)));
    wrong.map(|name| format!("{}:{}: {name}: drivers never name the agent", source.file, name.line)).collect()
}

/// The rule that `owner`, a module of the agent, breaks by naming `name`.
fn broken_rule(owner: &str, name: &Name) -> Option<String> {
    match &name.other_crate {
        Some(named) => broken_crate_rule(owner, named),
        None => broken_module_rule(owner, name),
    }
}

fn broken_crate_rule(owner: &str, named: &str) -> Option<String> {
    if let Some((_, may)) = ONLY_CRATES.iter().find(|(module, _)| *module == owner)
        && !may.contains(&named)
    {
        return Some(format!("{owner} may name only {}", list(may)));
    }
    let (_, keepers) = KEPT_CRATES.iter().find(|(kept, _)| *kept == named)?;
    (!keepers.contains(&owner)).then(|| format!("only {} may name {named}", list(keepers)))
}

fn broken_module_rule(owner: &str, name: &Name) -> Option<String> {
    let named = name.path.first()?.as_str();
    if named == owner {
        return None;
    }
    let Some((_, may)) = MODULES.iter().find(|(module, _)| *module == owner) else {
        return Some(format!("{owner} has no row in MODULES"));
    };
    if !MODULES.iter().any(|(module, _)| *module == named) {
        return Some(format!("{named} is no module with a row in MODULES"));
    }
    let (modules, configs) = match may {
        Everything => return None,
        Only(modules) => (modules, false),
        OnlyAndConfigs(modules) => (modules, true),
    };
    // A path that ends with the module is an import of its name; what is taken from it has a path of its own.
    let is_config = configs && name.path.get(1).is_none_or(|item| item.ends_with("Config"));
    let rule = || format!("{owner} may name only {}{}", list(modules), if configs { " and any Config" } else { "" });
    (!is_config && !modules.contains(&named)).then(rule)
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "itself".to_owned() } else { names.join(", ") }
}

#[track_caller]
fn refuse(violations: &[String]) {
    assert!(violations.is_empty(), "{} wrong imports:\n{}", violations.len(), violations.join("\n"));
}

/// A package's own sources, without the files of modules that are only there for tests.
fn sources(package: &str) -> Vec<Source> {
    let root = workspace().join(package).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(!files.is_empty(), "no source in {}", root.display());
    let read = |file: &PathBuf| {
        let text = fs::read_to_string(file).expect("a source can be read");
        let inside = file.strip_prefix(&root).ok().and_then(Path::to_str).expect("a name in ASCII below the root");
        Source::parse(&format!("{package}/src/"), inside, &text)
    };
    let mut sources: Vec<Source> = files.iter().map(read).collect();
    let for_tests: Vec<Vec<String>> = sources.iter().flat_map(|source| source.test_modules.clone()).collect();
    sources.retain(|source| !for_tests.iter().any(|module| source.module.starts_with(module)));
    sources
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory).expect("a package has sources");
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder can be listed").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// What a package depends on, as code spells it, with the crates that need no dependency.
fn dependencies(package: &str) -> impl Iterator<Item = String> {
    let manifest = fs::read_to_string(workspace().join(package).join("Cargo.toml")).expect("a package has a manifest");
    let manifest: toml::Table = manifest.parse().expect("a manifest is TOML");
    let names = manifest["dependencies"].as_table().expect("dependencies are a table").clone();
    names.into_iter().map(|(name, _)| name.replace('-', "_")).chain(["std", "core", "alloc"].map(str::to_owned))
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(file: &str, text: &str) -> Vec<String> {
        let others = ["jiff", "parceld_drivers", "rumqttc", "rusqlite", "serde", "std", "thiserror", "tracing"];
        let crates = Crates { own: "parceld", others: others.map(str::to_owned).into() };
        agent_violations(&Source::parse("", file, text), &crates)
    }

    #[track_caller]
    fn check(file: &str, text: &str, expected: &[&str]) {
        let violations = violations(file, text);
        assert_eq!(violations, expected, "in {file}:\n{text}");
    }

    const IN_DOMAIN: &str = "domain may name only std, core, thiserror, jiff";

    #[test]
    fn lets_pass_what_is_allowed() {
        for (file, text) in [
            ("domain/mod.rs", "mod order; pub use order::Order; use std::fmt; use jiff::Timestamp;"),
            ("domain/order.rs", "use super::{code::Code, event::*}; use crate::domain::Signal; use self::inner::X;"),
            ("journal/writer.rs", "use crate::{clock::Clock, domain::{self, Event}}; use rusqlite::Connection;"),
            ("config/mod.rs", "use crate::sync; use crate::floor::{Config, StationConfig}; type A = sync::Config;"),
            ("app.rs", "use crate::{floor, sync, web}; use parceld_drivers::port;"),
            ("main.rs", "mod cli; use parceld::app; fn main() { cli::run(parceld::control::connect()) }"),
            ("lib.rs", "//! The agent. Uses rusqlite::Connection.\npub mod journal;\npub mod sync;"),
        ] {
            check(file, text, &[]);
        }
    }

    #[test]
    fn finds_a_crate_however_it_is_named() {
        for text in [
            "use rusqlite::Connection;",
            "use {::rusqlite::Connection};",
            "pub(crate) use rusqlite as Connection;",
            "extern crate rusqlite;",
            "fn open() -> rusqlite::Result<()> {}",
            "fn open() { f(|| { <u8 as rusqlite::ToSql>::to_sql(1) }) }",
            "fn open() { tracing::info!(\"{}\", rusqlite::version()) }",
            "#[derive(rusqlite::Row)] struct Row;",
            "mod inner { use rusqlite::Connection; }",
        ] {
            let violations = violations("floor/mod.rs", text);
            assert_eq!(violations.len(), 1, "{text}: {violations:?}");
            assert!(violations[0].starts_with("floor/mod.rs:1: rusqlite"), "{violations:?}");
            assert!(violations[0].ends_with(": only journal may name rusqlite"), "{violations:?}");
        }
    }

    #[test]
    fn finds_a_module_however_it_is_named() {
        let rule = "floor may name only domain, journal, clock";
        for (text, named) in [
            ("use crate::sync::Plan;", "crate::sync::Plan"),
            ("use crate::{domain::Code, sync::{Plan}};", "crate::sync::Plan"),
            ("use crate::sync as uplink;", "crate::sync"),
            ("use super::super::sync::*;", "crate::sync::*"),
            ("fn f(plan: &crate::sync::Plan) {}", "crate::sync::Plan"),
            ("mod inner { use super::super::super::sync::Plan; }", "crate::sync::Plan"),
        ] {
            check("floor/station.rs", text, &[&format!("floor/station.rs:1: {named}: {rule}")]);
        }
    }

    #[test]
    fn keeps_the_domain_pure() {
        check(
            "domain/order.rs",
            "use std::fmt;\nuse serde::Serialize;\nfn f(journal: &crate::journal::Writer) {\n    tracing::info!(\"\");\n}",
            &[
                &format!("domain/order.rs:2: serde::Serialize: {IN_DOMAIN}"),
                "domain/order.rs:3: crate::journal::Writer: domain may name only itself",
                &format!("domain/order.rs:4: tracing::info: {IN_DOMAIN}"),
            ],
        );
    }

    #[test]
    fn lets_the_configuration_name_nothing_but_configs() {
        check(
            "config/mod.rs",
            "use crate::sync::{self, Plan};\ntype A = sync::Config;\ntype B = sync::Client;",
            &[
                "config/mod.rs:1: crate::sync::Plan: config may name only domain, words and any Config",
                "config/mod.rs:3: crate::sync::Client: config may name only domain, words and any Config",
            ],
        );
    }

    #[test]
    fn leaves_tests_alone() {
        let inline = "#[cfg(test)]\nmod tests { use rusqlite::Connection; }\nuse std::fmt;";
        check("domain/order.rs", inline, &[]);
        check("domain/order.rs", "#[cfg(test)] #[derive(serde::Serialize)] pub struct Row { a: rusqlite::Row }", &[]);
        let after = "#[cfg(test)] use rusqlite::Row;\nuse serde::Serialize;";
        check("domain/order.rs", after, &[&format!("domain/order.rs:2: serde::Serialize: {IN_DOMAIN}")]);
        let declared = Source::parse("", "domain/order.rs", "#[cfg(test)] mod tests;");
        assert_eq!(declared.test_modules, [["domain", "order", "tests"].map(str::to_owned)]);
    }

    #[test]
    fn wants_a_row_for_every_module() {
        check(
            "planner.rs",
            "use crate::clock::Clock;",
            &["planner.rs:1: crate::clock::Clock: planner has no row in MODULES"],
        );
        check(
            "web/mod.rs",
            "use crate::Writer;",
            &["web/mod.rs:1: crate::Writer: Writer is no module with a row in MODULES"],
        );
        check("lib.rs", "pub use rusqlite::Row;", &["lib.rs:1: rusqlite::Row: lib may name only itself"]);
    }

    #[test]
    fn keeps_the_agent_out_of_the_drivers() {
        let crates = Crates { own: "parceld_drivers", others: ["parceld", "mio"].map(str::to_owned).into() };
        let source = Source::parse("drivers/src/", "port.rs", "use mio::Poll;\nuse parceld::domain::Code;");
        assert_eq!(
            driver_violations(&source, &crates),
            ["drivers/src/port.rs:2: parceld::domain::Code: drivers never name the agent"]
        );
    }
}
