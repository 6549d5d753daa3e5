//! Printable sheets of barcodes. Pure: a list of codes in, SVG or HTML out.
//!
//! A [`Sheet`] knows nothing of what its codes do; [`parts`] makes its sections from words and ids, [`layout`] puts
//! them on pages, and [`svg`] and [`html`] draw the same pages. What is drawn is what is encoded: the text below the
//! bars is made from nothing else.

pub mod html;
pub mod ids;
pub mod parts;
pub mod svg;
pub mod words;

mod layout;

use parceld_drivers::code128::NotEncodable;
use thiserror::Error;

use crate::words::Language;

pub use words::Words;

/// More codes than this are a mistake: they are 80 pages.
pub const CODES_MAX: usize = 1_000;

/// What is printed together.
#[derive(Clone, Debug)]
pub struct Sheet {
    pub title: String,
    pub sections: Vec<Section>,
    pub language: Language,
}

#[derive(Clone, Debug)]
pub struct Section {
    pub title: String,
    pub codes: Vec<Code>,
}

/// One barcode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// What it is called in lists: `DONE`, `BIN:A-01`.
    pub name: String,
    /// What is encoded; a GS1 element string where `is_gs1` says so.
    pub text: String,
    /// What it is called by people.
    pub label: String,
    /// What it does.
    pub hint: String,
    pub is_gs1: bool,
}

/// Why a sheet can't be drawn.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unprintable {
    #[error("there is nothing to print")]
    Nothing,
    #[error("{count} codes are too many for one sheet, {CODES_MAX} the most: print them in parts")]
    TooMany { count: usize },
    #[error("{text:?} can't be a barcode: {reason}")]
    Code { text: String, reason: NotEncodable },
    #[error("{text:?} is too long for a barcode on a page")]
    TooWide { text: String },
}

impl Sheet {
    pub fn codes(&self) -> impl Iterator<Item = &Code> {
        self.sections.iter().flat_map(|section| &section.codes)
    }
}

impl Code {
    /// The text as people read it below the bars.
    fn shown(&self) -> String {
        match self.text.strip_prefix("00") {
            Some(sscc) if self.is_gs1 => format!("(00) {sscc}"),
            _ => self.text.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn code(text: &str) -> Code {
        Code { name: text.into(), text: text.into(), label: text.into(), hint: "What it does".into(), is_gs1: false }
    }

    pub fn sheet(codes: Vec<Code>) -> Sheet {
        let section = Section { title: "Verbs".into(), codes };
        Sheet { title: "Barcodes · Södermalm".into(), sections: vec![section], language: Language::ENGLISH }
    }

    #[test]
    fn an_sscc_is_shown_with_its_application_identifier() {
        let sscc = Code { is_gs1: true, ..code("00373500120000000012") };
        assert_eq!(sscc.shown(), "(00) 373500120000000012");
        assert_eq!(code("0012").shown(), "0012");
    }
}
