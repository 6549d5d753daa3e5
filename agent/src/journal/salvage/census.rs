//! Which page belongs to which table, in a file whose pages can't all be read.
//!
//! Three ways, each for what the ones before leave: down the trees from their roots; up from a page by the file's own
//! account of parents; and by how a page's records look. A page that is pointed at from two sides goes where its records
//! fit. Pages that the file says are free keep what was deleted, and belong to nobody.

use super::btree::{Cell, Kind, Page};
use super::image::{Account, Image, Pointer};
use super::record;
use super::table::Table;
use rusqlite::types::Value;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Whose a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// Of the table at this index.
    Table(usize),
    /// Of an index, or the schema: nothing to take from it.
    Index,
}

/// The owners of pages, in the order in which they are believed.
#[derive(Debug, Default)]
pub struct Census {
    pub owners: Vec<(u32, Owner)>,
    /// Pages of tables that no tree has led to.
    pub strays: usize,
    claimed: HashSet<u32>,
    /// Pages that a tree leads to and whose own account says otherwise.
    doubtful: HashMap<u32, Owner>,
}

/// Pages in which a schema is looked for where the first one is lost: it is written before anything else.
const SCHEMA_WITHIN: u32 = 256;
/// No tree is deeper.
const DEPTH_MAX: usize = 32;

impl Census {
    pub fn take(image: &Image, tables: &[Table]) -> Self {
        let mut census = Self::default();
        let mut account = Account::default();
        census.claim(1, Owner::Index);
        let roots = roots(image, tables, &mut census);
        for (root, owner) in &roots {
            census.claim(*root, *owner);
        }
        for (root, owner) in &roots {
            census.descend(image, tables, &mut account, *root, *owner);
        }
        for page in 1..=image.pages {
            if !census.claimed.contains(&page) {
                census.ascend(image, tables, &roots, &mut account, page);
            }
        }
        for page in 1..=image.pages {
            if !census.claimed.contains(&page) && image.pointer(page, &mut account) != Pointer::Free {
                census.recognise(image, tables, page);
            }
        }
        census
    }

    fn claim(&mut self, page: u32, owner: Owner) {
        if self.claimed.insert(page) {
            self.owners.push((page, owner));
        }
    }

    /// Takes everything below `top`, which is taken already.
    fn descend(&mut self, image: &Image, tables: &[Table], account: &mut Account, top: u32, owner: Owner) {
        let mut below = vec![top];
        while let Some(number) = below.pop() {
            for content in image.contents(number) {
                let Some(page) = Page::parse(number, &content).filter(|page| is_of(page, owner, tables)) else {
                    continue;
                };
                for child in page.children() {
                    if !(2..=image.pages).contains(&child) || self.claimed.contains(&child) {
                        continue;
                    }
                    match image.pointer(child, account) {
                        Pointer::Below(parent) if parent != number => {
                            self.doubtful.entry(child).or_insert(owner);
                        }
                        Pointer::Root | Pointer::Free => {
                            self.doubtful.entry(child).or_insert(owner);
                        }
                        Pointer::Below(_) | Pointer::Other => {
                            self.claim(child, owner);
                            below.push(child);
                        }
                    }
                }
            }
        }
    }

    /// Gives a page that no tree has led to, or one that is in doubt, to whom its records fit.
    fn ascend(
        &mut self,
        image: &Image,
        tables: &[Table],
        roots: &BTreeMap<u32, Owner>,
        account: &mut Account,
        number: u32,
    ) {
        let pointed = self.doubtful.get(&number).copied();
        let accounted = owner_above(image, roots, account, number);
        let Some(content) = image.newest(number) else { return };
        let Some(page) = Page::parse(number, &content) else { return };
        let candidates = [pointed, accounted].into_iter().flatten();
        if let Some(owner) = candidates.into_iter().find(|owner| fits(image, &page, *owner, tables)) {
            self.claim(number, owner);
            self.strays += usize::from(owner != Owner::Index);
            self.descend(image, tables, account, number, owner);
        }
    }

    /// Gives a leaf to the table whose rows look like its records, where they look like no other's.
    fn recognise(&mut self, image: &Image, tables: &[Table], number: u32) {
        let Some(content) = image.newest(number) else { return };
        let Some(page) = Page::parse(number, &content).filter(Page::is_plausible) else { return };
        let distinct = tables.iter().enumerate().filter(|(_, table)| table.is_distinct());
        let mut fitting = distinct.map(|(at, _)| Owner::Table(at)).filter(|owner| fits(image, &page, *owner, tables));
        if let Some(owner) = fitting.next() {
            self.strays += 1;
            self.claim(number, owner);
        }
    }
}

/// The roots of tables and indexes, by the schema and else by where a file of this version has them.
fn roots(image: &Image, tables: &[Table], census: &mut Census) -> BTreeMap<u32, Owner> {
    let mut roots = BTreeMap::new();
    for number in schema_pages(image) {
        census.claim(number, Owner::Index);
        for content in image.contents(number) {
            let Some(page) = Page::parse(number, &content) else { continue };
            for values in page.cells().flatten().filter_map(|cell| values(image, &cell)) {
                let [Value::Text(kind), Value::Text(name), _, Value::Integer(root), _] = values.as_slice() else {
                    continue;
                };
                let Some(root) = u32::try_from(*root).ok().filter(|root| (2..=image.pages).contains(root)) else {
                    continue;
                };
                let owner = match kind.as_str() {
                    "table" => tables.iter().position(|table| table.name == *name).map_or(Owner::Index, Owner::Table),
                    _ => Owner::Index,
                };
                roots.entry(root).or_insert(owner);
            }
        }
    }
    let known: HashSet<Owner> = roots.values().copied().collect();
    for (at, table) in tables.iter().enumerate() {
        let owner = Owner::Table(at);
        if !known.contains(&owner) && !roots.contains_key(&table.usual_root) && table.usual_root <= image.pages {
            let looks_so = image.newest(table.usual_root).is_some_and(|bytes| {
                Page::parse(table.usual_root, &bytes).is_none_or(|page| is_of(&page, owner, tables))
            });
            if looks_so {
                roots.insert(table.usual_root, owner);
            }
        }
    }
    roots
}

/// The leaves of the schema's tree, also where its root is lost.
fn schema_pages(image: &Image) -> Vec<u32> {
    let is_schema = |number: u32| {
        image.contents(number).iter().any(|content| {
            let Some(page) = Page::parse(number, content).filter(|page| page.kind == Kind::LeafTable) else {
                return false;
            };
            let mut records = page.cells().flatten().filter_map(|cell| values(image, &cell));
            records.any(|values| {
                matches!(values.as_slice(), [Value::Text(kind), Value::Text(_), Value::Text(_), Value::Integer(_), _]
                    if kind == "table" || kind == "index")
            })
        })
    };
    (1..=image.pages.min(SCHEMA_WITHIN)).filter(|number| is_schema(*number)).collect()
}

/// The owner of the nearest page above that has one, by the file's own account.
fn owner_above(image: &Image, roots: &BTreeMap<u32, Owner>, account: &mut Account, mut number: u32) -> Option<Owner> {
    for _ in 0..DEPTH_MAX {
        if let Some(owner) = roots.get(&number) {
            return Some(*owner);
        }
        let Pointer::Below(parent) = image.pointer(number, account) else { return None };
        number = parent;
    }
    None
}

fn is_of(page: &Page<'_>, owner: Owner, tables: &[Table]) -> bool {
    match owner {
        Owner::Table(at) => tables.get(at).is_some_and(|table| table.has_rowid == page.kind.is_table()),
        Owner::Index => true,
    }
}

/// Whether at least half of what can be read there are rows of the owner.
fn fits(image: &Image, page: &Page<'_>, owner: Owner, tables: &[Table]) -> bool {
    let Owner::Table(at) = owner else { return true };
    let Some(table) = tables.get(at).filter(|_| is_of(page, owner, tables)) else { return false };
    let (mut rows, mut others) = (0, 0);
    for cell in page.cells() {
        let row = cell.and_then(|cell| table.row(cell.rowid, values(image, &cell)?));
        if row.is_some() { rows += 1 } else { others += 1 }
    }
    others <= rows && (0 < rows || page.kind == Kind::InteriorTable)
}

/// The values of the record in a cell.
pub fn values(image: &Image, cell: &Cell<'_>) -> Option<Vec<Value>> {
    record::decode(&image.payload(cell.local, cell.payload_bytes, cell.overflow)?)
}
