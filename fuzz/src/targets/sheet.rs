//! Ids for printed sheets: one or a bounded range, each an id itself, none twice, and every one a barcode.

use crate::measure::within;
use parceld::sheet::CODES_MAX;
use parceld::sheet::ids::{Id, Ids};
use parceld_drivers::code128::Code128;
use std::collections::HashSet;

pub fn run(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    // A range is short, however many it names.
    let Ok(ids) = within(bytes, 8, 128 * CODES_MAX as u64, || text.parse::<Ids>()) else { return };
    let ids: Vec<String> = ids.0.iter().map(ToString::to_string).collect();
    assert!((1..=CODES_MAX).contains(&ids.len()), "{} ids", ids.len());
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "an id twice");
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    assert_eq!((ids.first().map(String::as_str), ids.last().map(String::as_str)), (Some(first), Some(last)));
    for id in &ids {
        assert!(id.parse::<Id>().is_ok(), "{id:?} is an id");
        assert!(Code128::plain(id).is_ok(), "{id:?} has no barcode");
    }
}
