//! The pick ticket of one order: its lines, each with a barcode of its own.

use super::page::{HEIGHT, MARGIN, Page, ROOM, WIDTH};
use super::{Captions, Media};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Also a barcode, as it is.
    pub order_number: String,
    pub lines: Vec<TicketLine>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketLine {
    /// From 1, as in the order.
    pub n: u32,
    /// What its barcode says.
    pub code: String,
    pub name: String,
    pub quantity: u32,
    pub bin: Option<String>,
}

/// More lines than this are counted and not printed: 40 labels are more than anybody carries to a shelf.
pub const LINES_MAX: usize = 200;

const LINES_PER_PAGE: usize = 5;
const HEADER: u32 = 320;
const LINE: u32 = 220;

const _: () = assert!(HEADER + LINES_PER_PAGE as u32 * LINE <= HEIGHT - 50);

/// Where a line's barcode begins.
const CODE_LEFT: u32 = 430;

impl Ticket {
    /// As many labels as the lines need, one behind the other.
    #[must_use]
    pub fn zpl(&self, captions: &Captions, media: Media) -> String {
        let lines = &self.lines[..self.lines.len().min(LINES_MAX)];
        let pages = lines.len().div_ceil(LINES_PER_PAGE).max(1);
        let page = |number: usize| {
            let mut page = Page::begin(media);
            self.header(&mut page, captions);
            let of_page = lines.iter().skip(LINES_PER_PAGE * (number - 1)).take(LINES_PER_PAGE);
            for (top, line) in (HEADER..).step_by(LINE as usize).zip(of_page) {
                line.write(&mut page, top, captions);
            }
            let more = match self.lines.len() - lines.len() {
                0 => String::new(),
                more => format!("   {} {more}", captions.more),
            };
            page.text((MARGIN, HEIGHT - 45), ROOM, 30, &format!("{} {number} / {pages}{more}", captions.page));
            page.end()
        };
        (1..=pages).map(page).collect()
    }

    fn header(&self, page: &mut Page, captions: &Captions) {
        page.text((MARGIN, 35), ROOM, 30, captions.order);
        page.text((MARGIN, 70), ROOM / 2, 100, &self.order_number);
        page.text((MARGIN, 180), ROOM / 2, 40, &format!("{} {}", captions.lines, self.lines.len()));
        page.plain_code((CODE_LEFT, 70), WIDTH - CODE_LEFT, 150, &self.order_number);
    }
}

impl TicketLine {
    fn write(&self, page: &mut Page, top: u32, captions: &Captions) {
        page.rule(top - 12);
        page.text((MARGIN, top), ROOM, 42, &format!("{}. {}", self.n, self.name));
        page.text((MARGIN, top + 55), CODE_LEFT - MARGIN, 85, &format!("{} ×", self.quantity));
        if let Some(bin) = &self.bin {
            page.text((MARGIN, top + 150), CODE_LEFT - MARGIN, 45, &format!("{} {bin}", captions.bin));
        }
        page.plain_code((CODE_LEFT, top + 55), WIDTH - CODE_LEFT, 105, &self.code);
        page.text((CODE_LEFT + MARGIN, top + 168), WIDTH - CODE_LEFT - 2 * MARGIN, 28, &self.code);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(lines: u32) -> Ticket {
        let line = |n| TicketLine {
            n,
            code: format!("PD:LINE:{n}"),
            name: format!("Thing {n}"),
            quantity: n,
            bin: (n % 2 == 1).then(|| format!("A-{n:02}")),
        };
        Ticket { order_number: "10042".to_owned(), lines: (1..=lines).map(line).collect() }
    }

    #[test]
    fn each_line_has_its_barcode_on_one_of_the_pages() {
        for (lines, pages) in [(0, 1), (1, 1), (5, 1), (6, 2), (12, 3), (200, 40)] {
            let zpl = ticket(lines).zpl(&Captions::ENGLISH, Media::default());
            assert_eq!((zpl.matches("^XA").count(), zpl.matches("^XZ").count()), (pages, pages), "{lines} lines");
            assert!(zpl.contains(&format!("^FDPage {pages} / {pages}^FS")), "{lines} lines");
            for n in 1..=lines {
                let code = crate::code128::Code128::plain(&format!("PD:LINE:{n}")).unwrap();
                assert!(code.modules() < 200);
                assert_eq!(zpl.matches(&format!("^FDPD:LINE:{n}^FS")).count(), 1, "its text");
            }
            assert_eq!(zpl.matches("^BC").count(), pages + lines as usize, "{lines} lines");
        }
    }

    #[test]
    fn a_line_says_what_to_take_from_where() {
        let zpl = ticket(2).zpl(&Captions::ENGLISH, Media::default());
        for text in ["1. Thing 1", "1 ×", "Bin A-01", "2. Thing 2", "2 ×", "Lines 2"] {
            assert!(zpl.contains(&format!("^FD{text}^FS")), "{text}: {zpl}");
        }
        assert!(!zpl.contains("A-02"));
    }

    #[test]
    fn lines_without_room_are_counted() {
        let zpl = ticket(LINES_MAX as u32 + 7).zpl(&Captions::ENGLISH, Media::default());
        assert_eq!(zpl.matches("^XA").count(), LINES_MAX / LINES_PER_PAGE);
        assert!(zpl.contains("^FDPage 1 / 40   not shown: 7^FS"), "{zpl}");
    }
}
