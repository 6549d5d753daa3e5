//! Manual pages: one of the program, one of each command that it names, and one of the configuration.

use super::Cli;
use crate::config;
use clap::{CommandFactory, ValueEnum};
use clap_mangen::Man;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// The configuration's page.
const CONFIGURATION: &str = "parceld.toml.5";

/// A page that can be printed alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Page {
    /// The program: parceld(1)
    Parceld,
    /// The configuration: parceld.toml(5)
    #[value(name = "parceld.toml")]
    Configuration,
}

pub fn print(page: Page, out: &mut impl Write) -> io::Result<()> {
    let page = match page {
        Page::Parceld => of_command(Cli::command(), &date())?,
        Page::Configuration => config::manual_page(&date()),
    };
    out.write_all(page.as_bytes())
}

/// Every page, as files under their names in a directory, which is made where it isn't there.
pub fn write_to(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let date = date();
    let mut all = Cli::command().disable_help_subcommand(true);
    all.build();
    let mut waiting = vec![all];
    while let Some(command) = waiting.pop() {
        waiting.extend(command.get_subcommands().filter(|below| !below.is_hide_set()).cloned());
        let file = Man::new(command.clone()).get_filename();
        fs::write(directory.join(file), of_command(command, &date)?)?;
    }
    fs::write(directory.join(CONFIGURATION), config::manual_page(&date))
}

/// The day that whoever packs the program says by `SOURCE_DATE_EPOCH`, as all that makes documents takes it; otherwise the
/// pages are of none.
fn date() -> String {
    let given = env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    let day = given.and_then(|seconds| Timestamp::from_second(seconds).ok());
    day.map(|day| day.to_zoned(TimeZone::UTC).date().to_string()).unwrap_or_default()
}

/// What clap_mangen makes of a command, with a title of ours: it leaves out fields that are empty, so that the ones behind
/// them take their places.
fn of_command(command: clap::Command, date: &str) -> io::Result<String> {
    let mut made = Vec::new();
    let man = Man::new(command);
    let name = man.get_filename();
    man.render(&mut made)?;
    let made = String::from_utf8(made).map_err(io::Error::other)?;
    let name = name.trim_end_matches(".1");
    let title = format!(".TH {name} 1 \"{date}\" \"parceld {}\" \"User commands\"", env!("CARGO_PKG_VERSION"));
    let mut page = String::with_capacity(made.len());
    let mut lines = made.lines().peekable();
    let mut before = "";
    while let Some(line) = lines.next() {
        // A new line at a new paragraph, which formatters have something to say about.
        let is_needless = line == ".br" && (before.is_empty() || lines.peek().is_none_or(|next| next.is_empty()));
        if !is_needless {
            page.push_str(if line.starts_with(".TH ") { &title } else { line });
            page.push('\n');
        }
        before = line;
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_page_that_a_page_names_is_written() {
        let directory = std::env::temp_dir().join(format!("parceld-man-{}", std::process::id()));
        write_to(&directory).unwrap();
        let pages: Vec<(String, String)> = fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()))
            .collect();
        fs::remove_dir_all(&directory).unwrap();

        let written: BTreeSet<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for page in ["parceld.1", "parceld-run.1", "parceld-scanners.1", "parceld-scanners-reopen.1", "parceld.toml.5"]
        {
            assert!(written.contains(page), "{page} is not among {written:?}");
        }
        for (page, text) in &pages {
            let (name, section) = page.rsplit_once('.').unwrap();
            let title = text.lines().find_map(|line| line.strip_prefix(".TH ")).unwrap();
            let fields = format!("{name} {section} \"{}\" \"parceld {}\" ", date(), env!("CARGO_PKG_VERSION"));
            assert!(title.to_lowercase().starts_with(&fields), "{page} is titled {title}");
            let text = text.replace("\\-", "-");
            let named = text.split_whitespace().filter_map(|word| word.strip_suffix("(1)"));
            for name in named.map(|name| name.trim_start_matches("\\fB").replace("\\fR", "")) {
                assert!(written.contains(format!("{name}.1").as_str()), "{page} names {name}(1)");
            }
        }
    }
}
