//! What a code is and means: GS1 data is said in one form, keys are what they were, and nothing of it is without bounds.

use crate::input::Input;
use crate::measure::within;
use jiff::Timestamp;
use parceld::domain::code::{Again, Meaning, SHOWN_CHARACTERS_MAX, Scan};
use parceld::floor::meaning;
use parceld_drivers::code128::Code128;
use parceld_drivers::gs1::{Content, DigitalLink, ElementString, Gtin, Sscc};
use parceld_drivers::scan_data::ScanData;
use parceld_drivers::symbology::ssi::identify_typed;
use parceld_drivers::symbology::{Symbology, identify};
use std::time::Duration;

const KEY: &[u8] = b"a key of this site";
const YEAR: i16 = 2026;
/// An element of GS1 data has a handful of bytes, and takes some 60 in a list that grows by doubling; errors repeat
/// nothing.
const MEMORY_EACH: u64 = 64;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (is_typed, code_type) = (input.byte() & 1 == 1, input.byte());
    let frame = input.rest();
    let (symbology, payload) = if is_typed { identify_typed(code_type, frame) } else { identify(frame) };
    assert!(frame.ends_with(payload), "a payload that the frame doesn't hold");
    if let Ok(data) = within(frame, MEMORY_EACH, 4_096, || ScanData::of(symbology, payload)) {
        match &data {
            ScanData::ElementString(string) => is_one_form(string.content()),
            ScanData::DigitalLink(link) => is_one_link(link),
            ScanData::Ean(ean) => is_key(ean.gtin),
            ScanData::Plain { text, gtin } => {
                assert_eq!(*text, payload, "a plain text is the whole payload");
                gtin.iter().copied().for_each(is_key);
            }
        }
    }
    let meant = within(frame, MEMORY_EACH, 4_096, || meaning::of(symbology, payload, YEAR, KEY));
    assert_eq!(meant, meaning::of(symbology, payload, YEAR, KEY), "a code means two things");
    if let Some(reading) = meant.reading() {
        assert!((1..=1_000).contains(&reading.units), "{} units in one code", reading.units);
        assert!(reading.code.parse::<Gtin>().is_ok(), "a product by {}, which is no GTIN", reading.code);
    }
    is_shown_safely(frame, &meant);
}

/// What GS1 data says is said again as one element string, one GS1-128 symbol, and the same keys.
fn is_one_form(content: &Content<'_>) {
    let written = content.to_element_string();
    let read = ElementString::parse(written.as_bytes());
    let read = read.unwrap_or_else(|error| panic!("{content} is written as {written:?}, which is none: {error}"));
    assert_eq!(read.content(), content, "what is written is read as another");
    assert_eq!(read.content().to_element_string(), written, "two forms of the same");
    assert!(content.elements().len() <= 64);
    let _ = (
        content.count(),
        content.net_weight_g(),
        content.expiry(2026),
        content.best_before(1999),
        content.warnings().len(),
    );
    content.gtin().into_iter().for_each(is_key);
    if let Some(sscc) = content.sscc() {
        assert_eq!(sscc.to_string().parse(), Ok(sscc));
        assert_eq!(Sscc::try_from(sscc.as_u64()), Ok(sscc));
    }
    if let Ok(symbol) = Code128::gs1(&written) {
        // Bars with spaces between them: never two beside each other, nor one beyond the end.
        let ends: Vec<(usize, usize)> = symbol.bars().map(|bar| (bar.left, bar.left + bar.width)).collect();
        assert!(ends.windows(2).all(|two| two[0].1 < two[1].0), "bars that touch: {written:?}");
        assert_eq!(ends.last().map(|(_, end)| *end), Some(symbol.modules()));
    }
}

/// A link has one canonical form, which says the same.
fn is_one_link(link: &DigitalLink<'_>) {
    let canonical = link.canonical();
    let read = DigitalLink::parse(&canonical);
    let read = read.unwrap_or_else(|error| panic!("{canonical} is no link: {error}"));
    assert_eq!(read.content(), link.content(), "what is written is read as another");
    assert_eq!(read.canonical(), canonical, "two canonical forms");
}

fn is_key(gtin: Gtin) {
    assert_eq!(gtin.to_string().parse(), Ok(gtin));
    assert_eq!(Gtin::try_from(gtin.as_u64()), Ok(gtin));
    let carried = format!("01{gtin}");
    let read = ScanData::of(Symbology::Gs1128, carried.as_bytes()).expect("a GTIN as AI 01");
    assert_eq!(read.gtin(), Some(gtin), "a GTIN is another one as AI 01");
}

/// What people see of a scan can't change how its line reads, and is normal once.
fn is_shown_safely(text: &[u8], meaning: &Meaning) {
    let scan = |text: &[u8]| Scan {
        scanner: "s".into(),
        text: text.into(),
        meaning: meaning.clone(),
        again: Again::No,
        at: Timestamp::UNIX_EPOCH,
        since_start: Duration::ZERO,
    };
    let shown = scan(text).shown();
    assert!(shown.chars().count() <= SHOWN_CHARACTERS_MAX && !shown.chars().any(char::is_control), "{shown:?}");
    assert_eq!(scan(shown.as_bytes()).shown(), shown, "what is shown is shown as another");
}
