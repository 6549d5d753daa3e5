//! What is wrong with a file, as text that a person can act on: place, the line with a caret, fault, advice.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::manual;
use super::sources::{self, Name, Sources};

/// Faults beyond this many are only counted.
const FAULTS_SHOWN_MAX: usize = 20;

/// A longer line is shown only around its fault.
const LINE_CHARS_MAX: usize = 120;

/// Characters kept before the fault when a long line is cut.
const LEAD_CHARS: usize = 40;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "{}: there is no such file\n  = write one; the smallest that works, with your own values:\n\n{}",
        path.display(),
        manual::smallest()
    )]
    Missing {
        /// Absolute, so that it is clear where it was looked for.
        path: PathBuf,
    },
    #[error("{}: this is a directory\n  = name the file in it, for example {}", path.display(), path.join("parceld.toml").display())]
    Directory { path: PathBuf },
    #[error(
        "{}: cannot be read: {source}\n  = the user that runs parceld needs the right to read it",
        path.display()
    )]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}: larger than {} bytes, so it is not a configuration", path.display(), super::FILE_BYTES_MAX)]
    TooLarge { path: PathBuf },
    #[error("{}: more than {} files that end with .toml", path.display(), sources::DROP_INS_MAX)]
    TooMany { path: PathBuf },
    #[error("{0}")]
    Invalid(Report),
}

impl Error {
    /// The first fault in one line, and how many more there are.
    #[must_use]
    pub fn in_short(&self) -> (String, usize) {
        match self {
            Self::Invalid(report) => {
                let first = report.faults.first().map(|fault| format!("{}: {}", fault.place(), fault.what));
                (first.unwrap_or_default(), report.unshown + report.faults.len().saturating_sub(1))
            }
            other => (other.to_string().lines().next().unwrap_or_default().to_owned(), 0),
        }
    }

    pub(super) fn missing(path: PathBuf) -> Self {
        Self::Missing { path: std::path::absolute(&path).unwrap_or(path) }
    }
}

/// Everything that is wrong, in the order of the files and their lines; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub faults: Vec<Fault>,
    /// Further faults that were only counted.
    pub unshown: usize,
}

/// One fault and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it stands in.
    pub name: Name,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to write instead; may have several lines.
    pub advice: String,
    shown: Shown,
}

impl Fault {
    /// Where it is, as a compiler says it; of what was given without a file, what gave it.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.name {
            Name::File(path) => format!("{}:{}:{}", path.display(), self.line, self.column),
            Name::Given(by) => by.to_string(),
        }
    }
}

/// The line as it is shown: no control characters, no secrets, not too long.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    line: String,
    caret_after: usize,
    carets: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, fault) in self.faults.iter().enumerate() {
            if 0 < n {
                f.write_str("\n\n")?;
            }
            write!(f, "{}: {}", fault.place(), fault.what)?;
            let margin = " ".repeat(fault.line.to_string().len());
            write!(f, "\n{margin} |\n{} | {}", fault.line, fault.shown.line)?;
            let (before, carets) = (" ".repeat(fault.shown.caret_after), "^".repeat(fault.shown.carets));
            write!(f, "\n{margin} | {before}{carets}")?;
            write!(f, "\n{margin} = {}", fault.advice.replace('\n', &format!("\n{margin}   ")))?;
        }
        match self.unshown {
            0 => Ok(()),
            1 => f.write_str("\n\nand 1 more fault"),
            more => write!(f, "\n\nand {more} more faults"),
        }
    }
}

/// The faults found so far.
#[derive(Default)]
pub(super) struct Faults {
    found: Vec<Finding>,
    /// Where the tables stand from which a faulty key was taken: what is missing there was perhaps misspelled.
    wounded: Vec<Range<usize>>,
}

struct Finding {
    at: Range<usize>,
    what: String,
    advice: String,
}

impl Faults {
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// `at` is a range of bytes of the text; an empty one at its end says that something is missing.
    pub fn add(&mut self, at: Range<usize>, what: impl Into<String>, advice: impl Into<String>) {
        self.found.push(Finding { at, what: what.into(), advice: advice.into() });
    }

    pub fn wound(&mut self, table: Range<usize>) {
        self.wounded.push(table);
    }

    pub fn is_wounded(&self, table: &Range<usize>) -> bool {
        self.wounded.contains(table)
    }

    pub fn report(mut self, sources: &Sources) -> Report {
        self.found.sort_by_key(|finding| finding.at.start);
        let unshown = self.found.len().saturating_sub(FAULTS_SHOWN_MAX);
        self.found.truncate(FAULTS_SHOWN_MAX);
        Report { faults: self.found.into_iter().filter_map(|finding| locate(sources, finding)).collect(), unshown }
    }
}

/// The report on a file whose byte at `offset` is no UTF-8; everything before it is.
pub(super) fn not_utf8(path: &Path, bytes: &[u8], offset: usize) -> Report {
    let text = String::from_utf8_lossy(bytes);
    let mut faults = Faults::default();
    faults.add(
        offset..offset + char::REPLACEMENT_CHARACTER.len_utf8(),
        "this is not UTF-8 text",
        "save the file as UTF-8 in the editor, or convert it: iconv -f LATIN1 -t UTF-8",
    );
    faults.report(&Sources::of_text(path, &text))
}

/// Whether the line that holds the byte `at` is shown without a part of it.
pub(super) fn is_masked(text: &str, at: usize) -> bool {
    let (_, line) = line_at(text, text.floor_char_boundary(at));
    mask(line) != line
}

/// The line around a character boundary, and where it starts.
fn line_at(text: &str, at: usize) -> (usize, &str) {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[start..].split('\n').next().unwrap_or_default();
    (start, line.strip_suffix('\r').unwrap_or(line))
}

fn locate(sources: &Sources, finding: Finding) -> Option<Fault> {
    let (part, start) = sources.part_at(finding.at.start)?;
    let text = part.text.as_str();
    let start = text.floor_char_boundary(start);
    let end = text.ceil_char_boundary(finding.at.end.saturating_sub(part.base).clamp(start, text.len()));
    let (line_start, line) = line_at(text, start);
    let before = text[line_start..start].chars().count();
    let marked = text[start..end].split(['\n', '\r']).next().unwrap_or_default().chars().count();
    Some(Fault {
        name: part.name.clone(),
        line: text[..start].matches('\n').count() + 1,
        column: before + 1,
        what: finding.what,
        advice: finding.advice,
        shown: show(line, before, marked),
    })
}

fn show(line: &str, before: usize, marked: usize) -> Shown {
    let chars: Vec<char> = mask(line).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let skipped = if chars.len() <= LINE_CHARS_MAX { 0 } else { before.saturating_sub(LEAD_CHARS) };
    let kept: String = chars.iter().skip(skipped).take(LINE_CHARS_MAX).collect();
    let lead = if 0 < skipped { "… " } else { "" };
    let rest = if skipped + LINE_CHARS_MAX < chars.len() { " …" } else { "" };
    let room = LINE_CHARS_MAX.min(chars.len() - skipped).saturating_sub(before - skipped);
    Shown {
        caret_after: lead.chars().count() + before - skipped,
        carets: marked.min(room).max(1),
        line: format!("{lead}{kept}{rest}"),
    }
}

/// Stars, one for each character, in place of what could be a secret.
fn mask(line: &str) -> String {
    let stars = |text: &str| "*".repeat(text.chars().count());
    if let Some(value_at) = line.match_indices('=').map(|(at, _)| at + 1).find(|at| names_secret(&line[..at - 1])) {
        let (keys, value) = line.split_at(value_at);
        return format!("{keys}{}", stars(value));
    }
    if let Some((scheme, rest)) = line.split_once("://")
        && let Some((user, host)) = rest.rsplit_once('@')
    {
        return format!("{scheme}://{}@{host}", stars(user));
    }
    line.to_owned()
}

/// Whether the key at the end of `before`, which is followed by `=`, promises a secret.
fn names_secret(before: &str) -> bool {
    let key = before.trim_end_matches([' ', '\t', '"', '\'']);
    let key = key.rsplit([' ', '\t', ',', '{', '.']).next().unwrap_or_default().to_lowercase();
    ["password", "secret", "token", "username"].iter().any(|word| key.contains(word)) && !key.ends_with("_file")
}

/// What somebody wrote, fit to be repeated in a message.
pub(super) fn quote(text: &str) -> String {
    const CHARS_MAX: usize = 64;
    let rest = if text.chars().nth(CHARS_MAX).is_some() { "…" } else { "" };
    let kept: String = text.chars().take(CHARS_MAX).collect();
    format!("\"{}{rest}\"", kept.escape_debug())
}

/// Like [`quote`] for the name of a key or table.
pub(super) fn name(text: &str) -> String {
    quote(text).trim_matches('"').to_owned()
}
