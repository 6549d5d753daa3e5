//! `cross.toml` is for people who have Docker, so nothing here runs it: it is read and its keys are checked.

use std::fs;

use toml::{Table, Value};

const TARGETS: [&str; 2] = ["aarch64-unknown-linux-gnu", "armv7-unknown-linux-gnueabihf"];
const BUILD_KEYS: [&str; 3] = ["env", "pre-build", "dockerfile"];
const TARGET_KEYS: [&str; 5] = ["image", "runner", "pre-build", "env", "dockerfile"];
const ENV_KEYS: [&str; 2] = ["volumes", "passthrough"];

#[test]
fn cross_file_has_both_targets_and_only_keys_that_cross_knows() {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../cross.toml")).unwrap();
    let file: Table = text.parse().unwrap();
    only(&file, &["build", "target"], "the file");
    if let Some(build) = file.get("build") {
        only(table(build), &BUILD_KEYS, "[build]");
        check_env(table(build), "[build.env]");
    }
    let targets = table(&file["target"]);
    only(targets, &TARGETS, "[target]");
    for name in TARGETS {
        let target = table(&targets[name]);
        only(target, &TARGET_KEYS, name);
        check_env(target, name);
        let image = target["image"].as_str().unwrap();
        assert!(image.contains(name), "{image} is no image for {name}");
        assert!(image.rsplit_once(':').is_some_and(|(_, tag)| !matches!(tag, "latest" | "main" | "edge")), "{image}");
    }
}

fn check_env(parent: &Table, place: &str) {
    if let Some(env) = parent.get("env") {
        only(table(env), &ENV_KEYS, place);
    }
}

fn only(table: &Table, known: &[&str], place: &str) {
    for key in table.keys() {
        assert!(known.contains(&key.as_str()), "{place} has the unknown key {key:?}");
    }
}

fn table(value: &Value) -> &Table {
    value.as_table().unwrap_or_else(|| panic!("not a table: {value}"))
}
