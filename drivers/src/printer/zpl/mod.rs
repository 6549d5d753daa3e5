//! Labels as ZPL II: parcel label, pick ticket, manifest. Pure: a struct in, a text for the printer out.
//!
//! Everything is laid out for 100 × 150 mm and grows or shrinks with the media. A text can't become a command: what
//! would begin one is written in hexadecimal, control characters become spaces, and what is too long for its place is
//! set smaller and then cut. No label has a field for a person.

mod manifest;
mod page;
mod parcel;
mod ticket;

use thiserror::Error;

pub use manifest::{Manifest, ManifestParcel};
pub use parcel::ParcelLabel;
pub use ticket::{Ticket, TicketLine};

/// The label in the printer, and how finely it prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Media {
    dpi: u32,
    width_mm: u32,
    height_mm: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadMedia {
    #[error("a printer has 203, 300 or 600 dots per inch, not {dpi}")]
    Dpi { dpi: u32 },
    #[error("a label is 60 to 120 mm wide and 90 to 250 mm high, not {width_mm} × {height_mm}")]
    Size { width_mm: u32, height_mm: u32 },
}

impl Media {
    /// # Errors
    /// When no printer has so many dots per inch, or the label is too small for its barcodes or too large to be one.
    pub fn new(dpi: u32, width_mm: u32, height_mm: u32) -> Result<Self, BadMedia> {
        if ![203, 300, 600].contains(&dpi) {
            return Err(BadMedia::Dpi { dpi });
        }
        if !(60..=120).contains(&width_mm) || !(90..=250).contains(&height_mm) {
            return Err(BadMedia::Size { width_mm, height_mm });
        }
        Ok(Self { dpi, width_mm, height_mm })
    }

    /// Dots per inch.
    #[must_use]
    pub fn dpi(self) -> u32 {
        self.dpi
    }

    #[must_use]
    pub fn width_mm(self) -> u32 {
        self.width_mm
    }

    #[must_use]
    pub fn height_mm(self) -> u32 {
        self.height_mm
    }
}

/// What most shipping labels are: 100 × 150 mm at 203 dots per inch.
impl Default for Media {
    fn default() -> Self {
        Self { dpi: 203, width_mm: 100, height_mm: 150 }
    }
}

/// The words that labels say by themselves, in the language of those who read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captions {
    pub order: &'static str,
    pub parcel: &'static str,
    pub collection: &'static str,
    pub tracking: &'static str,
    pub lines: &'static str,
    pub bin: &'static str,
    pub manifest: &'static str,
    pub parcels: &'static str,
    /// In place of a carrier, on what its customer fetches.
    pub pickup: &'static str,
    pub page: &'static str,
    /// Before the number of rows for which there was no room.
    pub more: &'static str,
}

impl Captions {
    pub const ENGLISH: Self = Self {
        order: "Order",
        parcel: "Parcel",
        collection: "Collection",
        tracking: "Tracking",
        lines: "Lines",
        bin: "Bin",
        manifest: "Manifest",
        parcels: "Parcels",
        pickup: "Pick-up",
        page: "Page",
        more: "not shown:",
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_are_those_that_exist() {
        assert_eq!(Media::new(203, 100, 150), Ok(Media::default()));
        let media = Media::new(600, 120, 250).unwrap();
        assert_eq!((media.dpi(), media.width_mm(), media.height_mm()), (600, 120, 250));
        assert_eq!(Media::new(200, 100, 150), Err(BadMedia::Dpi { dpi: 200 }));
        for (width_mm, height_mm) in [(59, 150), (121, 150), (100, 89), (100, 251)] {
            assert_eq!(Media::new(300, width_mm, height_mm), Err(BadMedia::Size { width_mm, height_mm }));
        }
    }
}
