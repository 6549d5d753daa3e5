//! A link that leads nowhere is a failing test: every relative link in the documents names a file, and a heading in it.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_link_in_the_documents_leads_somewhere() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let documents: Vec<PathBuf> =
        ["", "docs", "docs/decisions"].iter().flat_map(|folder| markdown(&root.join(folder))).collect();
    assert!(10 < documents.len());
    let broken: Vec<String> = documents.iter().flat_map(|document| broken_links(document)).collect();
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

fn markdown(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it can be listed").path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

fn broken_links(document: &Path) -> Vec<String> {
    let text = fs::read_to_string(document).expect("a document is text");
    let links = text.match_indices("](").filter_map(|(at, _)| text[at + 2..].split_once(')').map(|(link, _)| link));
    let relative = links.filter(|link| !link.contains("://"));
    relative
        .filter(|link| !leads_somewhere(document, link))
        .map(|link| format!("{}: {link}", document.display()))
        .collect()
}

fn leads_somewhere(document: &Path, link: &str) -> bool {
    let (file, heading) = link.split_once('#').map_or((link, None), |(file, heading)| (file, Some(heading)));
    let target = match file {
        "" => document.to_owned(),
        file => document.with_file_name("").join(file),
    };
    match heading {
        None => target.exists(),
        Some(heading) => fs::read_to_string(target).is_ok_and(|text| text.lines().any(|line| anchor(line) == heading)),
    }
}

/// The anchor that a heading gets: lower case, spaces as hyphens, nothing else but letters, digits, `-` and `_`.
fn anchor(line: &str) -> String {
    let Some(heading) = line.strip_prefix('#') else { return String::new() };
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    heading.trim_start_matches('#').trim().to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}
