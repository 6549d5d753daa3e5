//! Where everything stands on pages of A4.
//!
//! Lengths are dots of 1/300 inch, and bars are whole dots: then a printer of 300, 600 or 1200 dots per inch draws
//! each of them exactly as wide as it should be.

use parceld_drivers::code128::{Code128, QUIET_MODULES};

use super::{CODES_MAX, Code, Section, Sheet, Unprintable};

/// A little less than A4: a page that is larger by a rounding would take two.
pub const PAGE_WIDTH: u32 = 2479;
pub const PAGE_HEIGHT: u32 = 3507;

/// No printer reaches the paper's edge.
pub const MARGIN: u32 = tenths(100);
pub const CONTENT_WIDTH: u32 = PAGE_WIDTH - 2 * MARGIN;

const GAP: u32 = tenths(40);
const CONTENT_TOP: u32 = MARGIN + tenths(140);
const CONTENT_BOTTOM: u32 = PAGE_HEIGHT - MARGIN;
const SECTION_HEIGHT: u32 = tenths(120);
const COLUMN_WIDTH: u32 = (CONTENT_WIDTH - GAP) / 2;

/// Within a card's frame.
pub const PADDING: u32 = tenths(25);
pub const LABEL_SIZE: u32 = tenths(60);
pub const TEXT_SIZE: u32 = tenths(30);
pub const HINT_SIZE: u32 = tenths(32);
pub const HINT_LEADING: u32 = tenths(42);
const HINT_LINES_MAX: usize = 2;

/// Between the frame and a quiet zone, so that the frame is no bar.
const FRAME_CLEARANCE: u32 = 6;

/// Bars as high as this are still met by a scanner that is held askew.
const BARS_HEIGHT: u32 = tenths(150);

/// GS1 wants 32 mm for the barcode of a logistic unit.
const GS1_BARS_HEIGHT: u32 = tenths(320);

/// Widths of the thinnest bar: 0.51, 0.42 and 0.34 mm, which a hand scanner reads at arm's length.
const MODULES: [u32; 3] = [6, 5, 4];

/// 0.25 mm, read from closer by: only where a whole row isn't enough for more.
const MODULE_MIN: u32 = 3;

/// Mean width of a character in the widest of the faces that a page may be set in, in hundredths of its size: bold for
/// labels, which may be all capitals, and plain for sentences.
const LABEL_CHARACTER: u32 = 75;
const HINT_CHARACTER: u32 = 55;

#[derive(Debug, Default)]
pub struct Page<'s> {
    pub titles: Vec<(u32, &'s str)>,
    pub cards: Vec<Card<'s>>,
}

#[derive(Debug)]
pub struct Card<'s> {
    pub left: u32,
    pub top: u32,
    pub width: u32,
    pub height: u32,
    pub code: &'s Code,
    pub symbol: Code128,
    /// Width of the thinnest bar.
    pub module: u32,
    pub bars_height: u32,
    pub label_size: u32,
    pub hint: Vec<String>,
}

pub fn pages(sheet: &Sheet) -> Result<Vec<Page<'_>>, Unprintable> {
    match sheet.codes().count() {
        0 => return Err(Unprintable::Nothing),
        count if CODES_MAX < count => return Err(Unprintable::TooMany { count }),
        _ => (),
    }
    let mut paper = Paper { pages: vec![Page::default()], top: CONTENT_TOP };
    for section in &sheet.sections {
        paper.section(section)?;
    }
    Ok(paper.pages)
}

struct Paper<'s> {
    pages: Vec<Page<'s>>,
    /// Where the next row begins.
    top: u32,
}

impl<'s> Paper<'s> {
    fn section(&mut self, section: &'s Section) -> Result<(), Unprintable> {
        let cards = section.codes.iter().map(Card::measure).collect::<Result<Vec<_>, _>>()?;
        let mut is_titled = false;
        for row in rows(cards) {
            let height = row.iter().map(|card| card.height).max().unwrap_or_default();
            let title = if is_titled { 0 } else { SECTION_HEIGHT };
            if CONTENT_BOTTOM < self.top + title + height {
                self.pages.push(Page::default());
                self.top = CONTENT_TOP;
            }
            let Some(page) = self.pages.last_mut() else { continue };
            if !is_titled {
                page.titles.push((self.top, &section.title));
                self.top += SECTION_HEIGHT;
                is_titled = true;
            }
            for (column, card) in (0..).zip(row) {
                page.cards.push(Card { left: MARGIN + column * (COLUMN_WIDTH + GAP), top: self.top, height, ..card });
            }
            self.top += height + GAP;
        }
        Ok(())
    }
}

/// Two narrow cards to a row, or a wide one.
fn rows<'s>(cards: Vec<Card<'s>>) -> Vec<Vec<Card<'s>>> {
    let mut rows: Vec<Vec<Card<'s>>> = Vec::new();
    for card in cards {
        match rows.last_mut() {
            Some(row) if row.len() == 1 && row[0].is_narrow() && card.is_narrow() => row.push(card),
            _ => rows.push(vec![card]),
        }
    }
    rows
}

impl<'s> Card<'s> {
    /// A card without its place.
    fn measure(code: &'s Code) -> Result<Self, Unprintable> {
        let symbol = if code.is_gs1 { Code128::gs1(&code.text) } else { Code128::plain(&code.text) };
        let symbol = symbol.map_err(|reason| Unprintable::Code { text: code.text.clone(), reason })?;
        let modules = (symbol.modules() + 2 * QUIET_MODULES) as u32;
        let fits = |width: u32, module: u32| module * modules + 2 * FRAME_CLEARANCE <= width;
        let narrow = MODULES.map(|module| (COLUMN_WIDTH, module));
        let wide = MODULES.into_iter().chain([MODULE_MIN]).map(|module| (CONTENT_WIDTH, module));
        let (width, module) = narrow
            .into_iter()
            .chain(wide)
            .find(|(width, module)| fits(*width, *module))
            .ok_or_else(|| Unprintable::TooWide { text: code.text.clone() })?;

        let room = width - 2 * PADDING;
        let label_fits = room * 100 / (LABEL_CHARACTER * code.label.chars().count().max(1) as u32);
        let hint = wrapped(&code.hint, (room * 100 / (HINT_CHARACTER * HINT_SIZE)) as usize);
        let bars_height = if code.is_gs1 { GS1_BARS_HEIGHT } else { BARS_HEIGHT };
        let mut card = Self {
            left: 0,
            top: 0,
            width,
            height: 0,
            code,
            symbol,
            module,
            bars_height,
            label_size: LABEL_SIZE.min(label_fits),
            hint,
        };
        // As high as two lines need, so that cards of a section are alike.
        card.height = card.hint_top() + HINT_LINES_MAX as u32 * HINT_LEADING + tenths(20);
        Ok(card)
    }

    fn is_narrow(&self) -> bool {
        self.width == COLUMN_WIDTH
    }

    /// Places within the card, from its top: of the label's base line, the bars, the text's base line, the hint.
    pub fn label_base(&self) -> u32 {
        PADDING + LABEL_SIZE * 8 / 10
    }

    pub fn bars_top(&self) -> u32 {
        PADDING + LABEL_SIZE + tenths(20)
    }

    pub fn text_base(&self) -> u32 {
        self.bars_top() + self.bars_height + tenths(10) + TEXT_SIZE
    }

    pub fn hint_top(&self) -> u32 {
        self.text_base() + tenths(20)
    }

    /// Of the first bar, from the card's left edge.
    pub fn bars_left(&self) -> u32 {
        (self.width - self.module * self.symbol.modules() as u32) / 2
    }
}

/// `text` in lines of at most `characters`, broken at spaces; what is over the last line is cut.
fn wrapped(text: &str, characters: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let is_last = lines.len() == HINT_LINES_MAX;
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= characters => {
                line.push(' ');
                line.push_str(word);
            }
            Some(line) if is_last => {
                line.push('…');
                break;
            }
            _ => lines.push(word.chars().take(characters).collect()),
        }
    }
    lines
}

/// Tenths of a millimetre in dots.
pub const fn tenths(count: u32) -> u32 {
    (count * 3000 + 1270) / 2540
}

#[cfg(test)]
mod tests {
    use super::super::tests::{code, sheet};
    use super::super::words::Words;
    use super::*;
    use crate::words::Language;

    #[test]
    fn nothing_overlaps_or_leaves_the_page() {
        let texts = (0..90).map(|n| code(&format!("PD:{}:ABCD", "X".repeat(1 + n % 40))));
        let sheet = sheet(texts.collect());
        let pages = pages(&sheet).unwrap();
        assert!(1 < pages.len());
        assert_eq!(pages.iter().map(|page| page.cards.len()).sum::<usize>(), 90);
        for page in &pages {
            for (index, card) in page.cards.iter().enumerate() {
                assert!(MARGIN <= card.left && card.left + card.width <= PAGE_WIDTH - MARGIN);
                assert!(CONTENT_TOP <= card.top && card.top + card.height <= CONTENT_BOTTOM);
                let quiet = card.module * QUIET_MODULES as u32;
                assert!(quiet + FRAME_CLEARANCE <= card.bars_left(), "{}", card.code.text);
                for other in &page.cards[..index] {
                    let beside = other.left + other.width <= card.left || card.left + card.width <= other.left;
                    let below = other.top + other.height <= card.top;
                    assert!(beside || below, "{} on {}", card.code.text, other.code.text);
                }
            }
        }
    }

    #[test]
    fn bars_are_as_wide_as_there_is_room() {
        let long_id = format!("PD:OP:{}:ABCD", "W".repeat(32));
        for (text, width, module) in [
            ("PD:Q-5:ABCD", COLUMN_WIDTH, 6),
            ("PD:DONE:ABCD", COLUMN_WIDTH, 5),
            ("PD:HANDOVER:ABCD", COLUMN_WIDTH, 4),
            ("PD:R-LEFT-BEHIND:ABCD", CONTENT_WIDTH, 6),
            (&long_id, CONTENT_WIDTH, 4),
        ] {
            let code = code(text);
            let card = Card::measure(&code).unwrap();
            assert_eq!((card.width, card.module), (width, module), "{text}");
        }
    }

    #[test]
    fn an_sscc_has_the_size_that_gs1_wants() {
        let code = Code { is_gs1: true, ..code("00373500120000000012") };
        let card = Card::measure(&code).unwrap();
        assert_eq!((card.width, card.module, card.bars_height), (COLUMN_WIDTH, 6, tenths(320)));
    }

    #[test]
    fn a_section_begins_with_a_card_below_its_title() {
        let codes: Vec<Code> = (0..12).map(|n| code(&format!("{n}"))).collect();
        let section = |n: usize| Section { title: n.to_string(), codes: codes[..n].to_vec() };
        for before in 1..12 {
            let sheet = Sheet { sections: vec![section(before), section(2)], ..sheet(vec![]) };
            for page in pages(&sheet).unwrap() {
                for (top, _) in &page.titles {
                    assert!(page.cards.iter().any(|card| card.top == top + SECTION_HEIGHT), "{before} before");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_printed_is_said() {
        assert_eq!(pages(&sheet(vec![])).unwrap_err(), Unprintable::Nothing);
        let count = CODES_MAX + 1;
        assert_eq!(pages(&sheet(vec![code("1"); count])).unwrap_err(), Unprintable::TooMany { count });
        assert!(matches!(pages(&sheet(vec![code("Å")])).unwrap_err(), Unprintable::Code { .. }));
        let text = "W".repeat(70);
        assert_eq!(pages(&sheet(vec![code(&text)])).unwrap_err(), Unprintable::TooWide { text });
    }

    #[test]
    fn hints_are_broken_at_spaces() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("one two three four", 7), ["one two", "three…"]);
        assert_eq!(wrapped("incomprehensibilities", 7), ["incompr"]);
        assert!(wrapped("", 7).is_empty());
    }

    #[test]
    fn no_hint_of_ours_is_cut() {
        for words in Language::all().map(Words::of) {
            for word in words.commands() {
                let (label, hint) = words.command(word);
                let code = Code { label, hint, ..code("PD:X:ABCD") };
                let card = Card::measure(&code).unwrap();
                assert_eq!(card.hint.join(" "), code.hint);
            }
        }
    }
}
