//! The command line: what was given is understood, or refused with a text that fits on a screen.

use clap::Parser;
use parceld::cli::Cli;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// What is quoted of a word that isn't known, with the help of the longest verb beside it.
const REFUSED_EACH: usize = 16;
const REFUSED_BESIDE: usize = 16_384;

/// A word on each line.
pub fn run(bytes: &[u8]) {
    let words = bytes.split(|byte| *byte == b'\n').map(|word| OsString::from_vec(word.to_vec()));
    if let Err(error) = Cli::try_parse_from([OsString::from("parceld")].into_iter().chain(words)) {
        let said = error.render().to_string();
        let most = REFUSED_BESIDE + REFUSED_EACH * bytes.len();
        assert!(!said.is_empty() && said.len() <= most, "{} bytes: {said}", said.len());
    }
}
