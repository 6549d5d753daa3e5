//! parceld.toml(5), made of the manual: what stands there is in it, and nothing else but where files lie.

use super::manual::MANUAL;
use super::sources::{DROP_INS_MAX, GIVEN};
use std::fmt::Write as _;

/// A table of the manual.
struct Table {
    header: &'static str,
    /// What is said of it as a whole.
    about: Vec<&'static str>,
    entries: Vec<Entry>,
}

/// A key, as it is or may be written, and what is said of it.
struct Entry {
    line: &'static str,
    is_required: bool,
    about: Vec<&'static str>,
}

/// The page, as roff, of that date (`2026-11-26`); an empty one is none.
#[must_use]
pub fn manual_page(date: &str) -> String {
    let (intro, tables) = read();
    let mut page = String::new();
    let version = env!("CARGO_PKG_VERSION");
    let _ = writeln!(page, ".TH PARCELD.TOML 5 \"{date}\" \"parceld {version}\" \"File formats\"\n.nh\n.ad l");
    let _ = writeln!(page, ".SH NAME\nparceld.toml \\- configuration of parceld(1)");
    let _ = writeln!(page, ".SH SYNOPSIS\n.nf\n/etc/parceld/parceld.toml\n/etc/parceld/conf.d/*.toml\n.fi");
    page.push_str(".SH DESCRIPTION\n");
    paragraphs(&mut page, &intro, ".PP");
    for Table { header, about, entries } in tables {
        let _ = writeln!(page, ".SH \"{}\"", escaped(header));
        paragraphs(&mut page, &about, ".PP");
        for Entry { line, is_required, about } in entries {
            let (key, value) = line.split_once(" = ").unwrap_or((line, ""));
            let _ = writeln!(page, ".TP\n\\fB{}\\fR = {}", escaped(key), escaped(value));
            let is_example = about.iter().any(|text| text.contains("Not set by default"));
            paragraphs(&mut page, &about, ".IP");
            let kind = match (is_required, is_example) {
                (true, _) => "Required; this is an example.",
                (false, true) => "This is an example.",
                (false, false) => "This is the default.",
            };
            let _ = writeln!(page, "{}{kind}", if about.is_empty() { "" } else { ".br\n" });
        }
    }
    page.push_str(".SH ENVIRONMENT\n");
    for (key, variable, flag) in GIVEN {
        let _ = writeln!(
            page,
            ".TP\n\\fB{variable}\\fR\n{} before all files; {} counts before it.",
            escaped(key),
            escaped(flag)
        );
    }
    let _ = writeln!(page, ".TP\n\\fBPARCELD_CONFIG\\fR\nAnother file in place of /etc/parceld/parceld.toml.");
    let _ = writeln!(
        page,
        ".SH FILES\n.TP\n\\fI/etc/parceld/parceld.toml\\fR\nThe file. Another one: {}.\n.TP\n\
         \\fI/etc/parceld/conf.d/*.toml\\fR\nUp to {DROP_INS_MAX} further files, beside the file.\n.TP\n\
         \\fI/var/lib/parceld/parceld.db.config.toml\\fR\nWhat the agent has last run on, beside the database: it starts \
         on it where the files are wrong.",
        escaped("--config FILE")
    );
    page.push_str(".SH SEE ALSO\nparceld(1)\n");
    page
}

/// What is said of the file, and its tables in their order.
fn read() -> (Vec<&'static str>, Vec<Table>) {
    let mut lines = MANUAL.lines();
    let intro: Vec<_> = lines.by_ref().take_while(|line| !line.is_empty()).map(bare).collect();
    let (mut tables, mut about): (Vec<Table>, Vec<&str>) = (Vec::new(), Vec::new());
    for line in lines {
        if line.is_empty() {
            about.clear();
        } else if line.starts_with('[') {
            tables.push(Table { header: line, about: std::mem::take(&mut about), entries: Vec::new() });
        } else if is_entry(bare(line)) {
            let entry =
                Entry { line: bare(line), is_required: !line.starts_with('#'), about: std::mem::take(&mut about) };
            if let Some(table) = tables.last_mut() {
                table.entries.push(entry);
            }
        } else {
            about.push(bare(line));
        }
    }
    (intro, tables)
}

fn bare(line: &'static str) -> &'static str {
    line.strip_prefix('#').map_or(line, str::trim_start)
}

fn is_entry(line: &str) -> bool {
    let is_key =
        |key: &str| !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    line.split_once(" = ").is_some_and(|(key, _)| is_key(key))
}

/// Text whose empty lines part it.
fn paragraphs(page: &mut String, text: &[&str], between: &str) {
    for line in text {
        match *line {
            "" => _ = writeln!(page, "{between}"),
            line => _ = writeln!(page, "{}", escaped(line)),
        }
    }
}

/// Text that means itself, in every encoding.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    if text.starts_with(['.', '\'']) {
        escaped.push_str("\\&");
    }
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '"' => escaped.push_str("\\(dq"),
            '\'' => escaped.push_str("\\(aq"),
            '`' => escaped.push_str("\\(ga"),
            '^' => escaped.push_str("\\(ha"),
            '~' => escaped.push_str("\\(ti"),
            c if c.is_ascii() => escaped.push(c),
            c => _ = write!(escaped, "\\[u{:04X}]", u32::from(c)),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_holds_every_line_of_the_manual() {
        let page = manual_page("");
        for line in MANUAL.lines().map(bare).filter(|line| !line.is_empty()) {
            match line.split_once(" = ").filter(|_| is_entry(line)) {
                Some((key, value)) => {
                    let shown = format!("\\fB{}\\fR = {}", escaped(key), escaped(value));
                    assert!(page.contains(&shown), "{line}");
                }
                None => assert!(page.contains(&escaped(line)), "{line}"),
            }
        }
    }

    #[test]
    fn nothing_in_it_is_taken_for_a_request() {
        for (text, shown) in [
            ("a-b \"c\"", "a\\-b \\(dqc\\(dq"),
            (".TH", "\\&.TH"),
            ("'s", "\\&\\(aqs"),
            ("a\\nb", "a\\enb"),
            ("Södermalm", "S\\[u00F6]dermalm"),
        ] {
            assert_eq!(escaped(text), shown);
        }
    }
}
