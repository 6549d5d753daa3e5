//! `parceld barcodes`

use super::terminal::{self, plain_json};
use super::{Exit, agent};
use crate::config::Config;
use crate::control::Unreached;
use crate::floor::barcode;
use crate::journal::Reader;
use crate::sheet::ids::{Id, Ids};
use crate::sheet::parts::{self, Group};
use crate::sheet::{Section, Sheet, Unprintable, Words, html, svg};
use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

/// Longer than the agent itself waits for the disk.
const RESERVED_WITHIN: Duration = Duration::from_secs(15);

/// More labels than this would use up serials for months.
const PARCELS_MAX: i64 = 500;

/// What was asked for.
#[derive(Clone, Debug, Args)]
pub struct Wanted {
    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Text, conflicts_with = "json")]
    format: Format,
    /// Print JSON for programs: each code's name and text
    #[arg(long)]
    json: bool,
    /// Write to this file instead of stdout
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print only these commands [default: all, or none where badges, bins, totes or parcels are asked for]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "GROUPS")]
    only: Vec<Group>,
    /// A badge with this id; may be repeated
    #[arg(long, value_name = "ID")]
    badge: Vec<Id>,
    /// A bin with this id, or a range of them: A-01..A-20; may be repeated
    #[arg(long, value_name = "ID")]
    bin: Vec<Ids>,
    /// A tote with this id, or a range of them; may be repeated
    #[arg(long, value_name = "ID")]
    tote: Vec<Ids>,
    /// So many labels with SSCCs of their own, to stick on parcels
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=PARCELS_MAX))]
    parcels: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Names and texts
    Text,
    /// A drawing of A4 pages below each other
    Svg,
    /// A4 pages for a browser to print
    Html,
    /// The same as --json
    Json,
}

pub fn print(config: &Config, wanted: &Wanted) -> io::Result<Exit> {
    let key = match Reader::open(&config.storage.path).and_then(|reader| reader.site_key()) {
        Ok(Some(key)) => key,
        Ok(None) => return fail("this database has no key yet: run the agent once"),
        Err(error) => return fail(&error.to_string()),
    };
    let first_serial = match wanted.parcels.map(|count| reserve(config, count)).transpose() {
        Ok(first_serial) => first_serial,
        Err(error) => return fail(&error.to_string()),
    };
    let sheet = compose(config, wanted, &key, first_serial);
    let text = match wanted.format {
        _ if wanted.json => json(&sheet)?,
        Format::Json => json(&sheet)?,
        Format::Text => list(&sheet),
        Format::Svg | Format::Html => match draw(&sheet, wanted.format) {
            Ok(text) => text,
            Err(error) => return fail(&error.to_string()),
        },
    };
    match &wanted.output {
        None => io::stdout().write_all(text.as_bytes())?,
        Some(file) => {
            if let Err(error) = std::fs::write(file, text) {
                return fail(&format!("can't write {}: {error}", file.display()));
            }
        }
    }
    Ok(Exit::Well)
}

fn fail(message: &str) -> io::Result<Exit> {
    terminal::complain(message);
    Ok(Exit::Failed)
}

/// Takes serials for so many SSCCs from the running agent, so that nobody else gets them. The first of them.
fn reserve(config: &Config, count: u16) -> Result<u64, Unreached> {
    agent::reach(config, RESERVED_WITHIN)?.reserve_labels(count.into())
}

fn compose(config: &Config, wanted: &Wanted, key: &[u8], first_serial: Option<u64>) -> Sheet {
    let words = Words::of(config.site.language);
    let all = |ids: &[Ids]| ids.iter().flat_map(|ids| ids.0.clone()).collect::<Vec<_>>();
    let (bins, totes) = (all(&wanted.bin), all(&wanted.tote));
    let others = [
        parts::badges(words, &wanted.badge, |word| barcode::text(word, key)),
        parts::bins(words, &bins),
        parts::totes(words, &totes),
        match (wanted.parcels, first_serial) {
            (Some(count), Some(first)) => parts::parcels(words, &config.site.gs1_company_prefix, first, count),
            _ => Section { title: String::new(), codes: Vec::new() },
        },
    ];
    let others: Vec<Section> = others.into_iter().filter(|section| !section.codes.is_empty()).collect();
    let groups = match wanted.only.as_slice() {
        [] if others.is_empty() => &Group::ALL[..],
        only => only,
    };
    let commands: Vec<_> = barcode::sheet(key).collect();
    let sections = parts::commands(words, groups, &commands).into_iter().chain(others).collect();
    Sheet { title: format!("{} · {}", words.title, config.site.name), sections, language: config.site.language }
}

fn draw(sheet: &Sheet, format: Format) -> Result<String, Unprintable> {
    if format == Format::Html { html::draw(sheet) } else { svg::draw(sheet) }
}

fn json(sheet: &Sheet) -> io::Result<String> {
    let texts: BTreeMap<_, _> = sheet.codes().map(|code| (&code.name, &code.text)).collect();
    Ok(plain_json(&serde_json::to_string(&texts)?) + "\n")
}

fn list(sheet: &Sheet) -> String {
    sheet.codes().map(|code| format!("{:<10} {}\n", code.name, code.text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Verb};
    use clap::Parser;
    use std::path::Path;

    fn composed(line: &str, first_serial: Option<u64>) -> Sheet {
        let text = include_str!("../../../config/parceld.toml");
        let config = crate::config::parse(Path::new("parceld.toml"), text).unwrap();
        let cli = Cli::try_parse_from(["parceld", "barcodes"].into_iter().chain(line.split_whitespace())).unwrap();
        let Verb::Barcodes { wanted } = cli.verb else { panic!("{line}") };
        compose(&config, &wanted, &[7; 32], first_serial)
    }

    fn names(sheet: &Sheet) -> Vec<&str> {
        sheet.codes().map(|code| code.name.as_str()).collect()
    }

    #[test]
    fn every_command_is_on_the_whole_sheet() {
        let sheet = composed("", None);
        for (word, text) in barcode::sheet(&[7; 32]) {
            assert!(sheet.codes().any(|code| code.name == word && code.text == text), "{word}");
        }
        assert!(list(&sheet).contains(&format!("DONE       {}\n", barcode::text("DONE", &[7; 32]))));
        let json: BTreeMap<String, String> = serde_json::from_str(&json(&sheet).unwrap()).unwrap();
        assert_eq!(json["HANDOVER"], barcode::text("HANDOVER", &[7; 32]));
    }

    #[test]
    fn prints_what_was_asked_for_and_nothing_else() {
        let modes = composed("--only modes", None);
        assert!(names(&modes).contains(&"PICK") && !names(&modes).contains(&"DONE"), "{modes:?}");
        assert_eq!(names(&composed("--badge 17 --badge ann", None)), ["OP:17", "OP:ann"]);
        let bins = ["BIN:A-1", "BIN:A-2", "BIN:C", "TOTE:T-1"];
        assert_eq!(names(&composed("--bin A-1..A-2 --bin C --tote T-1", None)), bins);
        let both = composed("--bin A-1..A-2 --bin C --tote T-1 --only modes", None);
        assert_eq!(names(&both), [names(&modes), bins.to_vec()].concat());
        let parcels = composed("--parcels 2", Some(40));
        assert_eq!(parcels.codes().count(), 2);
        assert!(parcels.codes().all(|code| code.is_gs1));
    }

    #[test]
    fn a_badge_opens_the_station_of_its_site_only() {
        let badge = composed("--badge 17", None).codes().next().unwrap().text.clone();
        assert_eq!(barcode::word(&badge, &[7; 32]), Some(Ok("OP:17")));
        assert_eq!(barcode::word(&badge, &[8; 32]), Some(Err(barcode::WrongCheck)));
    }
}
