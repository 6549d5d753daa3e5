//! Style sheets stand together: whatever one of them takes for granted, another one gives.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A custom property that nobody defines makes its whole declaration void, and nothing complains.
#[test]
fn every_custom_property_that_is_used_is_defined() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../agent/src/web/assets"));
    let files =
        fs::read_dir(folder).expect("the agent has assets").map(|entry| entry.expect("it can be listed").path());
    let sheets = files.filter(|file| file.extension().is_some_and(|extension| extension == "css"));
    let css: String = sheets.map(|file| fs::read_to_string(file).expect("a style sheet is text")).collect();
    let css: String = css.split("/*").map(|part| part.split_once("*/").map_or(part, |(_, after)| after)).collect();
    let used: BTreeSet<&str> = css.split("var(").skip(1).map(name).collect();
    let defined: BTreeSet<&str> =
        css.split([';', '{']).filter_map(|part| part.trim().split_once(':')).map(|(name, _)| name.trim()).collect();
    assert!(10 < used.len());
    let missing: Vec<&&str> = used.difference(&defined).collect();
    assert!(missing.is_empty(), "used and not defined: {missing:?}");
}

fn name(rest: &str) -> &str {
    rest.split([')', ',']).next().unwrap_or_default().trim()
}
