//! Barcodes as an independent decoder reads them from a drawing.

use std::fs;
use std::process::{Command, Output};

use crate::binaries;
use crate::tempdir::TempDir;

/// What office printers do at least.
const DPI: &str = "300";

/// Width and height of a page. Decoders give up on pictures that are much larger.
const A4_MM: (f64, f64) = (210.0, 297.0);

/// One barcode on a page.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    pub text: String,
    /// FNC1 in first position says that the text is a GS1 element string.
    pub is_gs1: bool,
}

/// All Code 128 barcodes of an SVG drawing of A4 pages below each other, sorted.
///
/// # Panics
/// Where the drawing can't be drawn, or a barcode of another kind is on it.
#[must_use]
#[track_caller]
pub fn read(svg: &str) -> Vec<Read> {
    let dir = TempDir::new("paper");
    let drawing = dir.join("drawing.svg");
    fs::write(&drawing, svg).expect("a directory of our own takes a file");
    let height = height_mm(svg);
    let pages = (height / A4_MM.1).round().max(1.0);
    let mut reads = Vec::new();
    for page in 0..pages as u32 {
        let picture = dir.join("page.png");
        let mut draw = Command::new(binaries::system("rsvg-convert", "librsvg2-bin"));
        draw.args(["--dpi-x", DPI, "--dpi-y", DPI]);
        draw.args([format!("--page-width={}mm", A4_MM.0), format!("--page-height={}mm", A4_MM.1)]);
        draw.arg(format!("--top=-{}mm", f64::from(page) * height / pages));
        succeeded(draw.arg("--output").arg(&picture).arg(&drawing));
        let mut decode = Command::new(binaries::system("zbarimg", "zbar-tools"));
        let output = succeeded(decode.args(["--nodbus", "--quiet", "--xml"]).arg(&picture));
        let found = String::from_utf8(output.stdout).expect("XML is text");
        reads.extend(found.split("<symbol ").skip(1).map(symbol));
    }
    reads.sort();
    reads
}

#[track_caller]
fn height_mm(svg: &str) -> f64 {
    let height = svg.split_once(" height=\"").and_then(|(_, rest)| rest.split_once("mm\""));
    height.and_then(|(height, _)| height.parse().ok()).expect("a drawing says how high it is")
}

/// The drawings in an HTML page.
#[must_use]
pub fn drawings(html: &str) -> Vec<String> {
    let parts = html.split("<svg ").skip(1);
    parts.filter_map(|part| part.split_once("</svg>")).map(|(inside, _)| format!("<svg {inside}</svg>")).collect()
}

fn symbol(xml: &str) -> Read {
    let (attributes, rest) = xml.split_once('>').expect("a tag ends");
    assert!(attributes.contains("type='CODE-128'"), "another kind of barcode: {attributes}");
    let text = rest.strip_prefix("<data><![CDATA[").and_then(|rest| rest.split_once("]]></data>"));
    let (text, _) = text.unwrap_or_else(|| panic!("a barcode that is no text: {xml}"));
    Read { text: text.to_owned(), is_gs1: attributes.contains("modifiers='GS1'") }
}

#[track_caller]
fn succeeded(command: &mut Command) -> Output {
    let output = command.output().expect("an installed program runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_symbols_from_xml() {
        let gs1 = "type='CODE-128' quality='3' modifiers='GS1'><data><![CDATA[0037]]></data></symbol>";
        assert_eq!(symbol(gs1), Read { text: "0037".to_owned(), is_gs1: true });
        let plain = "type='CODE-128' quality='3'><data><![CDATA[a<b]]></data></symbol>";
        assert_eq!(symbol(plain), Read { text: "a<b".to_owned(), is_gs1: false });
    }

    #[test]
    fn takes_drawings_from_html() {
        assert_eq!(drawings("<body><svg a><g/></svg>\n<svg b></svg></body>"), ["<svg a><g/></svg>", "<svg b></svg>"]);
    }
}
