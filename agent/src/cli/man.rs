//! Manual pages: one of the program, one of each command that it names, and one of the configuration.

use super::Cli;
use crate::config;
use clap::{CommandFactory, ValueEnum};
use clap_mangen::Man;
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
    match page {
        Page::Parceld => Man::new(Cli::command()).render(out),
        Page::Configuration => out.write_all(config::manual_page().as_bytes()),
    }
}

/// Every page, as files under their names in a directory, which is made where it isn't there.
pub fn write_to(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    clap_mangen::generate_to(Cli::command(), directory)?;
    fs::write(directory.join(CONFIGURATION), config::manual_page())
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
            let text = text.replace("\\-", "-");
            let named = text.split_whitespace().filter_map(|word| word.strip_suffix("(1)"));
            for name in named.map(|name| name.trim_start_matches("\\fB").replace("\\fR", "")) {
                assert!(written.contains(format!("{name}.1").as_str()), "{page} names {name}(1)");
            }
        }
    }
}
