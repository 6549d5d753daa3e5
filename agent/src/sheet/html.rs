//! The same pages as one HTML file that needs nothing else.

use super::svg::{self, escaped};
use super::{Sheet, Unprintable};

/// On a screen pages lie on a ground like paper on a table; on paper there is nothing but them.
const STYLE: &str = "\
@page { size: A4; margin: 0; }
body { margin: 0; background: #eef0ec; }
svg { display: block; margin: 24px auto; max-width: 100%; height: auto; box-shadow: 0 1px 6px #0003; }
@media (prefers-color-scheme: dark) { body { background: #0e1316; } }
@media print {
  body { background: none; }
  svg { margin: 0; max-width: none; box-shadow: none; break-after: page; break-inside: avoid; }
  svg:last-child { break-after: auto; }
}";

/// # Errors
/// When there is nothing to draw, or a code can't be drawn.
pub fn draw(sheet: &Sheet) -> Result<String, Unprintable> {
    let pages = svg::each(sheet)?.concat();
    let (language, title) = (sheet.language.tag(), escaped(&sheet.title));
    Ok(format!(
        "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n{pages}</body>\n</html>\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{code, sheet};
    use super::*;

    #[test]
    fn needs_nothing_from_elsewhere() {
        let mut sheet = sheet(vec![code("1"); 30]);
        sheet.title = "</title><script>".into();
        let page = draw(&sheet).unwrap();
        assert_eq!(page.matches("<svg ").count(), 3);
        assert!(page.contains("<html lang=\"en\">") && page.contains("size: A4"));
        for foreign in ["src=", "href=", "url(", "@import", "<script"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
    }
}
