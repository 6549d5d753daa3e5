//! What goes with one courier, to sign and to look up.

use super::page::{HEIGHT, MARGIN, Page, ROOM, WIDTH};
use super::{Captions, Media};
use crate::gs1::Sscc;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Also a barcode, as it is.
    pub id: String,
    pub carrier: String,
    /// When the courier comes, for people.
    pub collection: Option<String>,
    pub parcels: Vec<ManifestParcel>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestParcel {
    pub sscc: Sscc,
    pub order_number: String,
}

/// More parcels than this are counted and not printed: a courier's van holds fewer.
pub const PARCELS_MAX: usize = 1_000;

const PARCELS_PER_PAGE: usize = 20;
const HEADER: u32 = 430;
const ROW: u32 = 50;

const _: () = assert!(HEADER + PARCELS_PER_PAGE as u32 * ROW <= HEIGHT - 60);

impl Manifest {
    /// As many labels as the parcels need, one behind the other.
    #[must_use]
    pub fn zpl(&self, captions: &Captions, media: Media) -> String {
        let parcels = &self.parcels[..self.parcels.len().min(PARCELS_MAX)];
        let pages = parcels.len().div_ceil(PARCELS_PER_PAGE).max(1);
        let page = |number: usize| {
            let mut page = Page::begin(media);
            self.header(&mut page, captions);
            let first = PARCELS_PER_PAGE * (number - 1);
            let of_page = parcels.iter().enumerate().skip(first).take(PARCELS_PER_PAGE);
            for (top, (index, parcel)) in (HEADER..).step_by(ROW as usize).zip(of_page) {
                parcel.write(&mut page, top, index + 1);
            }
            let more = match self.parcels.len() - parcels.len() {
                0 => String::new(),
                more => format!("   {} {more}", captions.more),
            };
            page.text((MARGIN, HEIGHT - 45), ROOM, 30, &format!("{} {number} / {pages}{more}", captions.page));
            page.end()
        };
        (1..=pages).map(page).collect()
    }

    fn header(&self, page: &mut Page, captions: &Captions) {
        page.text((MARGIN, 35), ROOM, 90, &self.carrier);
        if let Some(collection) = &self.collection {
            page.text((MARGIN, 135), ROOM, 45, &format!("{} {collection}", captions.collection));
        }
        page.text((MARGIN, 190), ROOM, 45, &format!("{} {}", captions.parcels, self.parcels.len()));
        page.plain_code((0, 250), WIDTH, 110, &self.id);
        page.text((MARGIN, 370), ROOM, 36, &format!("{} {}", captions.manifest, self.id));
        page.rule(HEADER - 15);
    }
}

impl ManifestParcel {
    fn write(&self, page: &mut Page, top: u32, n: usize) {
        const SSCC_LEFT: u32 = 480;
        page.text((MARGIN, top), SSCC_LEFT - MARGIN - 20, 38, &format!("{n}. {}", self.order_number));
        page.text((SSCC_LEFT, top), WIDTH - MARGIN - SSCC_LEFT, 38, &format!("(00) {}", self.sscc));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(parcels: u64) -> Manifest {
        let parcel =
            |n| ManifestParcel { sscc: Sscc::assemble(0, "7350012", n).unwrap(), order_number: format!("order-{n}") };
        Manifest {
            id: "2026-11-26-1630-dhl".to_owned(),
            carrier: "DHL".to_owned(),
            collection: Some("16:30".to_owned()),
            parcels: (1..=parcels).map(parcel).collect(),
        }
    }

    #[test]
    fn each_parcel_is_on_one_of_the_pages() {
        for (parcels, pages) in [(0, 1), (1, 1), (20, 1), (21, 2), (1_000, 50)] {
            let zpl = manifest(parcels).zpl(&Captions::ENGLISH, Media::default());
            assert_eq!((zpl.matches("^XA").count(), zpl.matches("^XZ").count()), (pages, pages), "{parcels}");
            assert_eq!(zpl.matches("^FD(00) ").count() as u64, parcels);
            for n in 1..=parcels {
                assert_eq!(zpl.matches(&format!("^FD{n}. order-{n}^FS")).count(), 1, "{n}");
            }
            assert_eq!(zpl.matches(&format!("^FDParcels {parcels}^FS")).count(), pages);
            assert_eq!(zpl.matches("^BC").count(), pages, "the manifest's own code");
        }
    }

    #[test]
    fn parcels_without_room_are_counted() {
        let zpl = manifest(PARCELS_MAX as u64 + 3).zpl(&Captions::ENGLISH, Media::default());
        assert!(zpl.contains("^FDPage 50 / 50   not shown: 3^FS"));
    }
}
