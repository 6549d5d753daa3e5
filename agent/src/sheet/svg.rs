//! Pages as SVG.

use std::fmt::Write as _;

use super::layout::{self, CONTENT_WIDTH, Card, HINT_LEADING, HINT_SIZE, MARGIN, PADDING, PAGE_HEIGHT, PAGE_WIDTH};
use super::layout::{Page, TEXT_SIZE, tenths};
use super::{Sheet, Unprintable, Words};

const DOTS_PER_MM: f64 = 300.0 / 25.4;

const SANS: &str = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif";
const MONO: &str = "ui-monospace, 'SF Mono', 'Cascadia Mono', 'Roboto Mono', 'DejaVu Sans Mono', monospace";

/// Paper is white and ink is black on it, whatever the screen's theme.
const INK: &str = "#12181b";
const INK_2: &str = "#465158";
const LINE: &str = "#bcc5c6";

/// All pages of `sheet` as one drawing, below each other.
///
/// # Errors
/// When there is nothing to draw, or a code can't be drawn.
pub fn draw(sheet: &Sheet) -> Result<String, Unprintable> {
    let pages = pages(sheet)?;
    let height = pages.len() as u32 * PAGE_HEIGHT;
    let mut drawing = open(height);
    for (top, page) in (0..).step_by(PAGE_HEIGHT as usize).zip(&pages) {
        let _ = writeln!(drawing, "<g transform=\"translate(0 {top})\">\n{page}</g>");
    }
    drawing.push_str("</svg>\n");
    Ok(drawing)
}

/// Each page as a drawing of its own.
pub(super) fn each(sheet: &Sheet) -> Result<Vec<String>, Unprintable> {
    Ok(pages(sheet)?.into_iter().map(|page| format!("{}{page}</svg>\n", open(PAGE_HEIGHT))).collect())
}

fn open(height: u32) -> String {
    let mm = |dots: u32| f64::from(dots) / DOTS_PER_MM;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.2}mm\" height=\"{:.2}mm\" \
         viewBox=\"0 0 {PAGE_WIDTH} {height}\" font-family=\"{SANS}\" fill=\"{INK}\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        mm(PAGE_WIDTH),
        mm(height)
    )
}

/// The inside of each page.
fn pages(sheet: &Sheet) -> Result<Vec<String>, Unprintable> {
    let pages = layout::pages(sheet)?;
    let count = pages.len();
    let draw = |(number, page): (usize, &Page<'_>)| {
        let mut inside = String::new();
        header(&mut inside, sheet, number, count);
        for (top, title) in &page.titles {
            section_title(&mut inside, *top, title);
        }
        for card in &page.cards {
            draw_card(&mut inside, card);
        }
        inside
    };
    Ok((1..).zip(&pages).map(draw).collect())
}

fn header(inside: &mut String, sheet: &Sheet, number: usize, count: usize) {
    let (base, right) = (MARGIN + tenths(60), MARGIN + CONTENT_WIDTH);
    text(inside, (MARGIN, base), tenths(65), "font-weight=\"700\"", &sheet.title);
    let page = format!("{} {number} / {count}", Words::of(sheet.language).page);
    text(inside, (right, base), tenths(35), &format!("fill=\"{INK_2}\" text-anchor=\"end\""), &page);
}

fn section_title(inside: &mut String, top: u32, title: &str) {
    text(inside, (MARGIN, top + tenths(60)), tenths(48), "font-weight=\"700\"", title);
    let y = top + tenths(82);
    let _ = writeln!(inside, "<path d=\"M{MARGIN} {y}h{CONTENT_WIDTH}\" stroke=\"{INK}\" stroke-width=\"5\"/>");
}

fn draw_card(inside: &mut String, card: &Card<'_>) {
    let (left, top, centre) = (card.left, card.top, card.left + card.width / 2);
    let _ = writeln!(
        inside,
        "<rect x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" rx=\"24\" fill=\"none\" stroke=\"{LINE}\" \
         stroke-width=\"3\"/>",
        card.width, card.height
    );
    let label = (left + PADDING, top + card.label_base());
    text(inside, label, card.label_size, "font-weight=\"700\"", &card.code.label);
    bars(inside, card);
    let shown = format!("text-anchor=\"middle\" font-family=\"{MONO}\"");
    text(inside, (centre, top + card.text_base()), TEXT_SIZE, &shown, &card.code.shown());
    for (base, line) in (top + card.hint_top()..).step_by(HINT_LEADING as usize).zip(&card.hint) {
        text(inside, (left + PADDING, base + HINT_SIZE), HINT_SIZE, &format!("fill=\"{INK_2}\""), line);
    }
}

/// Edges are on whole dots, and stay there.
fn bars(inside: &mut String, card: &Card<'_>) {
    let (left, top) = (card.left + card.bars_left(), card.top + card.bars_top());
    let _ = write!(inside, "<path fill=\"#000\" shape-rendering=\"crispEdges\" d=\"");
    for bar in card.symbol.bars() {
        let (x, width) = (left + bar.left as u32 * card.module, bar.width as u32 * card.module);
        let _ = write!(inside, "M{x} {top}h{width}v{}h-{width}z", card.bars_height);
    }
    inside.push_str("\"/>\n");
}

/// Writing to a string can't fail.
fn text(inside: &mut String, (x, base): (u32, u32), size: u32, style: &str, text: &str) {
    let text = escaped(text);
    let _ = writeln!(inside, "<text x=\"{x}\" y=\"{base}\" font-size=\"{size}\" {style}>{text}</text>");
}

/// For text and attributes of XML, which has no place for control characters.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::super::tests::{code, sheet};
    use super::*;

    #[test]
    fn a_page_is_as_large_as_paper() {
        let drawing = draw(&sheet(vec![code("1"); 30])).unwrap();
        assert!(
            drawing.contains("width=\"209.89mm\" height=\"890.78mm\" viewBox=\"0 0 2479 10521\""),
            "{drawing:.300}"
        );
        assert_eq!(each(&sheet(vec![code("1"); 30])).unwrap().len(), 3);
    }

    #[test]
    fn bars_are_drawn_in_whole_dots() {
        let drawing = draw(&sheet(vec![code("12")])).unwrap();
        // Start C, 12, check and stop: three bars each, and one more.
        assert_eq!(drawing.matches("v177h-").count(), 13);
        assert!(drawing.contains(">12</text>"));
    }

    #[test]
    fn nothing_that_is_written_becomes_markup() {
        let mut sheet = sheet(vec![code("<&>")]);
        sheet.title = "<script>\"'\u{0}".into();
        let drawing = draw(&sheet).unwrap();
        assert!(drawing.contains("&lt;script&gt;&quot;&#39; </text>"), "{drawing:.900}");
        assert!(drawing.contains(">&lt;&amp;&gt;</text>"));
        assert!(!drawing.contains("<script"));
    }
}
