//! libFuzzer with one of the targets, which [`VARIABLE`] names; without it, the list of them. `cargo xtask fuzz` builds and starts it.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use parceld_fuzz::{TARGETS, Target, VARIABLE};

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var(VARIABLE).unwrap_or_default();
    let found = TARGETS.iter().find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("{VARIABLE}={name:?} is no target"))
});

fuzz_target!(init: list_if_asked(), |bytes: &[u8]| (TARGET.run)(bytes));

/// Without a target's name: all of them, a line for each.
fn list_if_asked() {
    if std::env::var_os(VARIABLE).is_none() {
        for Target { name, bytes_max, seeds, .. } in TARGETS {
            println!("{name} {bytes_max} {}", seeds.join(" "));
        }
        std::process::exit(0);
    }
}
