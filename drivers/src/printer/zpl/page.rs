//! One label while it is written. Places and sizes are tenths of a millimetre on a label of 100 × 150 mm.

use std::fmt::Write as _;

use super::Media;
use crate::code128::{Character, Code128, QUIET_MODULES};

pub(super) const WIDTH: u32 = 1000;
pub(super) const HEIGHT: u32 = 1500;
pub(super) const MARGIN: u32 = 40;
pub(super) const ROOM: u32 = WIDTH - 2 * MARGIN;

/// Below this, 2.5 mm, nobody reads a label at arm's length.
const TEXT_HEIGHT_MIN: u32 = 25;

/// A character of the scalable font in tenths of its height, rather too wide than too narrow.
const CHARACTER_TENTHS: u32 = 6;

/// The narrowest and the widest bar in hundredths of a millimetre: what a hand scanner reads at arm's length, and what
/// GS1 wants of a logistic label at least.
const MODULE_MIN: u32 = 25;
const MODULE_MAX: u32 = 50;

pub(super) struct Page {
    media: Media,
    zpl: String,
}

impl Page {
    /// `^CI28` makes the text UTF-8; the other settings would else be those of whoever printed before.
    pub fn begin(media: Media) -> Self {
        let mut page = Self { media, zpl: String::from("^XA^CI28^LH0,0^LS0^FWN^PON") };
        let (width, height) = (page.x(WIDTH), page.y(HEIGHT));
        page.push(format_args!("^PW{width}^LL{height}\n"));
        page
    }

    pub fn end(mut self) -> String {
        self.zpl.push_str("^PQ1^XZ\n");
        self.zpl
    }

    /// One line of text in a place of `width`: set smaller where it doesn't fit, and cut where that isn't enough.
    pub fn text(&mut self, (left, top): (u32, u32), width: u32, height: u32, text: &str) {
        let length = |height: u32| width * 10 / (CHARACTER_TENTHS * height);
        let wanted = u32::try_from(text.chars().count()).unwrap_or(u32::MAX).max(1);
        let fitting = (width * 10 / CHARACTER_TENTHS) / wanted;
        let height = fitting.clamp(TEXT_HEIGHT_MIN, height);
        let kept = length(height) as usize;
        let (left, top, height) = (self.x(left), self.y(top), self.size(height));
        self.push(format_args!("^FO{left},{top}^A0N,{height}^FH_^FD{}^FS\n", escaped(text, kept)));
    }

    /// Text in the middle of the label, for digits and parentheses alone: `^FB` reads a backslash as more than that.
    pub fn centred(&mut self, top: u32, height: u32, digits: &str) {
        let (left, width) = (self.x(MARGIN), self.x(ROOM));
        let (top, height) = (self.y(top), self.size(height));
        self.push(format_args!("^FO{left},{top}^A0N,{height}^FB{width},1,0,C^FH_^FD{}^FS\n", escaped(digits, 80)));
    }

    pub fn rule(&mut self, top: u32) {
        let (left, width, top) = (self.x(MARGIN), self.x(ROOM), self.y(top));
        self.push(format_args!("^FO{left},{top}^GB{width},2,2^FS\n"));
    }

    /// A barcode with its quiet zones, in the middle of a place of `width`. Nothing where it doesn't fit in it, or
    /// `text` can't be a barcode: its readable text is then all there is.
    pub fn plain_code(&mut self, place: (u32, u32), width: u32, height: u32, text: &str) {
        if let Ok(symbol) = Code128::plain(text) {
            self.symbol(place, width, height, &symbol);
        }
    }

    pub fn gs1_code(&mut self, place: (u32, u32), width: u32, height: u32, element_string: &str) {
        if let Ok(symbol) = Code128::gs1(element_string) {
            self.symbol(place, width, height, &symbol);
        }
    }

    /// `^BC` without mode: every character is chosen here and written as one of its invocation codes. The automatic
    /// modes differ from firmware to firmware (U counts the check digit anew and pads what is short, D strips
    /// characters), and old ones don't know them.
    fn symbol(&mut self, (left, top): (u32, u32), width: u32, height: u32, symbol: &Code128) {
        let modules = (symbol.modules() + 2 * QUIET_MODULES) as u32;
        let (left, top, room, height) = (self.x(left), self.y(top), self.x(width), self.y(height));
        let module = (room / modules).min(self.dots(MODULE_MAX, 100));
        if module < self.dots(MODULE_MIN, 100) {
            return;
        }
        let left = left + (room - module * modules) / 2 + module * QUIET_MODULES as u32;
        let data = invocations(symbol);
        self.push(format_args!("^FO{left},{top}^BY{module}^BCN,{height},N,N,N^FD{data}^FS\n"));
    }

    fn x(&self, tenths: u32) -> u32 {
        self.dots(tenths * self.media.width_mm, WIDTH)
    }

    fn y(&self, tenths: u32) -> u32 {
        self.dots(tenths * self.media.height_mm, HEIGHT)
    }

    /// Of text: whatever leaves it in its place in both directions.
    fn size(&self, tenths: u32) -> u32 {
        self.x(tenths).min(self.y(tenths))
    }

    /// So many parts of a millimetre in dots, rounded.
    fn dots(&self, count: u32, parts: u32) -> u32 {
        (count * self.media.dpi * 10 + 127 * parts) / (254 * parts)
    }

    fn push(&mut self, arguments: std::fmt::Arguments<'_>) {
        // Writing to a string can't fail.
        let _ = self.zpl.write_fmt(arguments);
    }
}

/// `text` for `^FD` behind `^FH_`, at most `kept` characters of it.
fn escaped(text: &str, kept: usize) -> String {
    let mut field = String::with_capacity(text.len());
    let is_cut = kept < text.chars().count();
    let shown = if is_cut { kept.saturating_sub(2) } else { kept };
    for c in text.chars().take(shown).chain("..".chars().take(if is_cut { 2 } else { 0 })) {
        match c {
            '^' => field.push_str("_5E"),
            '~' => field.push_str("_7E"),
            '_' => field.push_str("_5F"),
            c if c.is_control() => field.push(' '),
            c => field.push(c),
        }
    }
    field
}

/// A symbol's characters for `^FD` of `^BC` (ZPL II Programming Guide, Code 128 Invocation Characters). `^` and `~`
/// have codes of their own, so no barcode can begin a command.
fn invocations(symbol: &Code128) -> String {
    let mut data = String::new();
    for character in symbol.characters() {
        match character {
            Character::StartB => data.push_str(">:"),
            Character::StartC => data.push_str(">;"),
            Character::CodeB => data.push_str(">6"),
            Character::CodeC => data.push_str(">5"),
            Character::Fnc1 => data.push_str(">8"),
            Character::Ascii('>') => data.push_str(">0"),
            Character::Ascii('^') => data.push_str("><"),
            Character::Ascii('~') => data.push_str(">="),
            Character::Ascii(c) => data.push(c),
            Character::Pair(pair) => _ = write!(data, "{pair:02}"),
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_never_a_command() {
        for (text, kept, expected) in [
            ("10042", 10, "10042"),
            ("Blåbär 250 g", 20, "Blåbär 250 g"),
            ("^XA~JR_", 20, "_5EXA_7EJR_5F"),
            ("a\u{0}b\r\nc\u{7f}\u{9b}", 20, "a b  c  "),
            ("Earl Grey", 6, "Earl.."),
            ("^^^^", 3, "_5E.."),
            ("", 3, ""),
        ] {
            assert_eq!(escaped(text, kept), expected);
        }
    }

    #[test]
    fn barcodes_are_written_character_by_character() {
        for (symbol, expected) in [
            (Code128::gs1("00373500120000000012"), ">;>800373500120000000012"),
            (Code128::plain("PD:LINE:1"), ">:PD:LINE:1"),
            (Code128::plain("A123456B"), ">:A>5123456>6B"),
            (Code128::plain("a>b^c~d_"), ">:a>0b><c>=d_"),
        ] {
            assert_eq!(invocations(&symbol.unwrap()), expected);
        }
    }

    #[test]
    fn sizes_follow_the_media() {
        let rows = [(203, 100, 150, 799, 1199, 4), (300, 100, 150, 1181, 1772, 6), (600, 60, 90, 1417, 2126, 12)];
        for (dpi, width_mm, height_mm, width, height, module) in rows {
            let page = Page::begin(Media::new(dpi, width_mm, height_mm).unwrap());
            assert_eq!((page.x(WIDTH), page.y(HEIGHT)), (width, height));
            assert_eq!(page.dots(MODULE_MAX, 100), module);
            assert!(page.zpl.contains(&format!("^PW{width}^LL{height}")));
        }
    }

    #[test]
    fn a_barcode_that_does_not_fit_is_left_out() {
        let mut page = Page::begin(Media::default());
        let before = page.zpl.clone();
        page.plain_code((0, 0), 300, 100, "A LONG TEXT THAT NEEDS MORE");
        page.plain_code((0, 0), WIDTH, 100, "Å");
        assert_eq!(page.zpl, before);
        page.plain_code((0, 0), WIDTH, 100, "A LONG TEXT THAT NEEDS MORE");
        assert_ne!(page.zpl, before);
    }

    proptest! {
        #[test]
        fn only_our_own_commands_are_in_a_page(text in any::<String>(), ascii in "[ -~]{1,40}", room in 1u32..1000) {
            let write = |text: &str, ascii: &str| {
                let mut page = Page::begin(Media::default());
                page.text((0, 0), room, 100, text);
                page.plain_code((0, 0), WIDTH, 100, ascii);
                page.end()
            };
            let commands = |zpl: &str| zpl.matches(['^', '~']).count();
            prop_assert_eq!(commands(&write(&text, &ascii)), commands(&write("text", &"a".repeat(ascii.len()))));
            prop_assert!(!write(&text, &ascii).chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}
