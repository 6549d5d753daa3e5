//! Lists the language files of `words`, so that adding a language is adding a file.

use std::path::PathBuf;
use std::{env, fs};

/// The language that texts are written in first: it stands before the others.
const FIRST: &str = "en";

fn main() {
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("words");
    println!("cargo::rerun-if-changed={}", folder.display());
    let files = fs::read_dir(&folder).expect("agent/words can be read").map(|entry| entry.expect("an entry").path());
    let mut tags: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    tags.sort_by_key(|tag| (tag != FIRST, tag.clone()));
    assert_eq!(tags.first().map(String::as_str), Some(FIRST), "agent/words/{FIRST}.toml is missing");
    let line = |tag: &String| format!("    ({tag:?}, include_str!({:?})),\n", folder.join(format!("{tag}.toml")));
    let lines: String = tags.iter().map(line).collect();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("languages.rs");
    fs::write(out, format!("[\n{lines}]\n")).expect("the list can be written");
}
