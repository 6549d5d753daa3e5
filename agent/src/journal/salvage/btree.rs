//! A page of a b-tree: its kind, its cells, its children (<https://www.sqlite.org/fileformat2.html>, chapter 1.6).
//!
//! Every offset is checked: a page of noise gives no cells, never a panic.

use super::record::varint;

/// What a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Keys and children of an index, or of a table without rowid.
    InteriorIndex,
    InteriorTable,
    LeafIndex,
    LeafTable,
}

impl Kind {
    pub fn is_table(self) -> bool {
        matches!(self, Self::InteriorTable | Self::LeafTable)
    }

    fn is_interior(self) -> bool {
        matches!(self, Self::InteriorTable | Self::InteriorIndex)
    }
}

/// A page that has the form of one.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    pub kind: Kind,
    bytes: &'a [u8],
    /// Where the page's own header begins: behind the file's on the first page.
    header: usize,
    cells: usize,
}

/// A row or key, with what of it lies on this page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell<'a> {
    /// None in an index.
    pub rowid: Option<i64>,
    pub payload_bytes: usize,
    pub local: &'a [u8],
    /// The page on which it goes on.
    pub overflow: Option<u32>,
}

/// The file's own header, in front of the first page's.
const FILE_HEADER_BYTES: usize = 100;
/// No row of ours is larger: a message has 128 KB at most.
const PAYLOAD_BYTES_MAX: usize = 16 * 1024 * 1024;

impl<'a> Page<'a> {
    /// Page `number` of a file, if it is a b-tree's.
    pub fn parse(number: u32, bytes: &'a [u8]) -> Option<Self> {
        let header = if number == 1 { FILE_HEADER_BYTES } else { 0 };
        let kind = match bytes.get(header)? {
            2 => Kind::InteriorIndex,
            5 => Kind::InteriorTable,
            10 => Kind::LeafIndex,
            13 => Kind::LeafTable,
            _ => return None,
        };
        let cells = usize::from(u16_at(bytes, header + 3)?);
        let page = Self { kind, bytes, header, cells };
        (page.pointers() + 2 * cells <= bytes.len()).then_some(page)
    }

    /// Whether its cells lie where a page's cells may lie; true of nothing that looks like a page by chance.
    pub fn is_plausible(&self) -> bool {
        let first = self.pointers() + 2 * self.cells;
        0 < self.cells && (0..self.cells).all(|n| self.pointer(n).is_some_and(|at| first <= at))
    }

    /// The pages below it, left to right; numbers as they stand there.
    pub fn children(&self) -> Vec<u32> {
        if !self.kind.is_interior() {
            return Vec::new();
        }
        let inner = (0..self.cells).filter_map(|n| u32_at(self.bytes, self.pointer(n)?));
        inner.chain(u32_at(self.bytes, self.header + 8)).collect()
    }

    /// Its rows or keys; none for a cell that can't be read. An interior page of a table has none.
    pub fn cells(&self) -> impl Iterator<Item = Option<Cell<'a>>> {
        let count = if self.kind == Kind::InteriorTable { 0 } else { self.cells };
        let page = *self;
        (0..count).map(move |n| page.cell(n))
    }

    fn cell(&self, n: usize) -> Option<Cell<'a>> {
        let mut at = self.pointer(n)?;
        if self.kind.is_interior() {
            at += 4;
        }
        let (payload_bytes, used) = varint(self.bytes.get(at..)?)?;
        at += used;
        let payload_bytes = usize::try_from(payload_bytes).ok().filter(|bytes| *bytes <= PAYLOAD_BYTES_MAX)?;
        let mut rowid = None;
        if self.kind.is_table() {
            let (id, used) = varint(self.bytes.get(at..)?)?;
            (at, rowid) = (at + used, Some(id.cast_signed()));
        }
        let local_bytes = local_bytes(self.bytes.len(), payload_bytes, self.kind.is_table());
        let local = self.bytes.get(at..at.checked_add(local_bytes)?)?;
        let overflow = match local_bytes == payload_bytes {
            true => None,
            false => Some(u32_at(self.bytes, at + local_bytes)?),
        };
        Some(Cell { rowid, payload_bytes, local, overflow })
    }

    fn pointers(&self) -> usize {
        self.header + if self.kind.is_interior() { 12 } else { 8 }
    }

    fn pointer(&self, n: usize) -> Option<usize> {
        let at = usize::from(u16_at(self.bytes, self.pointers() + 2 * n)?);
        (self.pointers() <= at && at < self.bytes.len()).then_some(at)
    }
}

/// How much of a payload lies on a page of `page` bytes, of which none are reserved.
fn local_bytes(page: usize, payload: usize, is_table: bool) -> usize {
    let most = if is_table { page - 35 } else { (page - 12) * 64 / 255 - 23 };
    if payload <= most {
        return payload;
    }
    let least = (page - 12) * 32 / 255 - 23;
    let local = least + (payload - least) % (page - 4);
    if local <= most { local } else { least }
}

pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 512;

    /// A leaf of a table with one row of three bytes under rowid 7.
    fn leaf() -> Vec<u8> {
        let mut page = vec![0; PAGE];
        page[..8].copy_from_slice(&[13, 0, 0, 0, 1, 1, 0xfb, 0]);
        page[8..10].copy_from_slice(&[0x01, 0xfb]);
        page[0x1fb..].copy_from_slice(&[3, 7, b'a', b'b', b'c']);
        page
    }

    #[test]
    fn reads_a_row() {
        let bytes = leaf();
        let page = Page::parse(2, &bytes).unwrap();
        assert!(page.is_plausible() && page.children().is_empty());
        let cell = Cell { rowid: Some(7), payload_bytes: 3, local: b"abc", overflow: None };
        assert_eq!(page.cells().collect::<Vec<_>>(), [Some(cell)]);
    }

    #[test]
    fn a_cell_beyond_its_page_is_none() {
        for (what, at, byte) in
            [("longer than the page", 0x1fb, 4), ("outside", 8, 0x7f), ("in the page's own header", 9, 0x01)]
        {
            let mut bytes = leaf();
            bytes[at] = byte;
            if what.ends_with("header") {
                bytes[8] = 0;
            }
            let page = Page::parse(2, &bytes).unwrap();
            assert_eq!(page.cells().collect::<Vec<_>>(), [None], "{what}");
        }
    }

    #[test]
    fn noise_is_no_page() {
        for (what, bytes) in [
            ("zeros", vec![0; PAGE]),
            ("more cells than fit", { [vec![13, 0, 0, 0xff, 0xff], vec![0; PAGE - 5]].concat() }),
            ("too short", vec![13, 0]),
            ("nothing", vec![]),
        ] {
            assert!(Page::parse(2, &bytes).is_none(), "{what}");
        }
    }

    #[test]
    fn a_payload_is_split_as_sqlite_does() {
        for (payload, is_table, expected) in
            [(4_061, true, 4_061), (4_062, true, 489), (5_000, true, 908), (1_002, false, 1_002), (1_003, false, 489)]
        {
            assert_eq!(local_bytes(4_096, payload, is_table), expected, "{payload}");
        }
    }
}
