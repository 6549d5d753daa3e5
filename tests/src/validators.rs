//! Validators that share no code with ours: Python's jsonschema, and AsyncAPI's own parser.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{fs, thread};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::npm::{self, FOLDER};
use crate::{binaries, contract};

/// Debian's own, which is the one that Debian's modules are for.
const PYTHON: &str = "/usr/bin/python3";

/// A command of Debian's Python that needs a module.
///
/// # Panics
/// Where the module isn't installed, with the Debian package to install.
#[must_use]
pub fn debian_python(module: &str, debian_package: &str) -> Command {
    let import = Command::new(PYTHON).args(["-c", &format!("import {module}")]).output();
    assert!(
        import.is_ok_and(|output| output.status.success()),
        "{PYTHON} has no {module}: install it with `apt-get install {debian_package}`"
    );
    Command::new(PYTHON)
}

/// What Python's jsonschema says of each document, by the published schema of that name.
///
/// # Panics
/// Where it can't be run.
#[must_use]
pub fn python(documents: &[(String, Value)]) -> Vec<Result<(), String>> {
    let lines: String = documents
        .iter()
        .map(|(schema, document)| format!("{}\n", json!({ "schema": schema, "document": document })))
        .collect();
    let mut validate = debian_python("jsonschema", "python3-jsonschema");
    validate.arg(Path::new(FOLDER).join("validate.py")).arg(contract::folder().join("schemas"));
    let output = feed(&mut validate, lines);
    assert!(output.status.success(), "validate.py: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("verdicts are text");
    let verdicts: Vec<Option<String>> =
        text.lines().map(|line| serde_json::from_str(line).expect("a verdict is a text or null")).collect();
    assert_eq!(verdicts.len(), documents.len(), "a verdict for each document");
    verdicts.into_iter().map(|fault| fault.map_or(Ok(()), Err)).collect()
}

fn feed(command: &mut Command, input: String) -> Output {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("it can be started");
    let mut stdin = child.stdin.take().expect("it is piped");
    // A reader that stops early says why by itself.
    let writer = thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("it can be waited for");
    let _ = writer.join();
    output
}

/// AsyncAPI's parser.
pub struct AsyncApi {
    dir: PathBuf,
}

impl AsyncApi {
    /// Installs it with npm where it isn't yet; `dir` is cargo's directory for what tests leave.
    ///
    /// # Panics
    /// Where npm can't.
    #[must_use]
    pub fn installed(dir: &str) -> AsyncApi {
        let dir = npm::packages(dir);
        fs::copy(Path::new(FOLDER).join("check.mjs"), dir.join("check.mjs")).expect("a file can be copied");
        AsyncApi { dir }
    }

    /// What it says of each document.
    ///
    /// # Panics
    /// Where node can't be run, or says nothing.
    #[must_use]
    pub fn read<'a>(&self, documents: impl IntoIterator<Item = &'a PathBuf>) -> Vec<Read> {
        let mut node = Command::new(binaries::system("node", "nodejs"));
        let output = node.arg(self.dir.join("check.mjs")).args(documents).output().expect("node can be started");
        assert!(output.status.success(), "check.mjs: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("it prints text");
        text.lines().map(|line| serde_json::from_str(line).expect("it prints JSON")).collect()
    }
}

/// An AsyncAPI document as its parser sees it.
#[derive(Debug, Deserialize)]
pub struct Read {
    /// Empty where it is one.
    pub faults: Vec<String>,
    /// The addresses of its channels.
    pub channels: BTreeSet<String>,
    pub messages: BTreeSet<String>,
}
