//! A page of a database, with anything in it: cells lie on it, and are as many as it has room for.

use crate::input::Input;
use crate::measure::within;
use parceld::journal::salvage::btree::{Cell, Page};
use parceld::journal::salvage::record;

const SIZES: [usize; 4] = [512, 1_024, 2_048, 4_096];

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let how = usize::from(input.byte());
    let (size, number) = (SIZES[how % SIZES.len()], if how & 0x80 == 0 { 2 } else { 1 });
    let mut content = input.rest().to_vec();
    content.resize(size, 0);
    let Some(page) = Page::parse(number, &content) else { return };
    let cells: Vec<Option<Cell<'_>>> = within(&content, 128, 1_024, || page.cells().collect());
    let children = within(&content, 16, 1_024, || page.children());
    assert!(cells.len() <= size / 2 && children.len() <= size / 2 + 1, "more than a page has room for");
    assert!(children.is_empty() || !page.kind.is_table() || cells.is_empty(), "rows above the leaves");
    for cell in cells.into_iter().flatten() {
        assert!(cell.local.len() <= cell.payload_bytes && cell.local.len() <= size);
        assert_eq!(cell.overflow.is_none(), cell.local.len() == cell.payload_bytes, "what is whole goes on elsewhere");
        assert_eq!(cell.rowid.is_some(), page.kind.is_table());
        let _ = record::decode(cell.local);
    }
}
