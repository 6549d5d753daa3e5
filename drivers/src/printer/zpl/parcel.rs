//! The label of one parcel.

use super::page::{MARGIN, Page, ROOM, WIDTH};
use super::{Captions, Media};
use crate::gs1::Sscc;

/// What stands on a parcel. The addressee doesn't: that is on the carrier's label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParcelLabel {
    pub sscc: Sscc,
    pub order_number: String,
    /// Which parcel of the order, from 1.
    pub parcel: u32,
    /// How many there are, once that is known.
    pub of: Option<u32>,
    pub carrier: String,
    pub service: Option<String>,
    /// When the courier comes, for people.
    pub collection: Option<String>,
    pub site: String,
    pub tracking: Option<String>,
}

/// GS1 wants at least 32 mm for the barcode of a logistic unit (GS1 Logistic Label Guideline).
const SSCC_HEIGHT: u32 = 320;

/// Where the right column begins.
const MIDDLE: u32 = 640;

impl ParcelLabel {
    #[must_use]
    pub fn zpl(&self, captions: &Captions, media: Media) -> String {
        let mut page = Page::begin(media);
        page.text((MARGIN, 35), ROOM, 36, &self.site);
        page.text((MARGIN, 85), ROOM, 105, &self.carrier);
        if let Some(service) = &self.service {
            page.text((MARGIN, 200), ROOM, 50, service);
        }
        page.rule(265);
        page.text((MARGIN, 285), MIDDLE - MARGIN, 30, captions.order);
        page.text((MARGIN, 320), MIDDLE - MARGIN - 20, 110, &self.order_number);
        page.text((MIDDLE, 285), WIDTH - MARGIN - MIDDLE, 30, captions.parcel);
        page.text((MIDDLE, 320), WIDTH - MARGIN - MIDDLE, 110, &self.place());
        page.rule(450);
        if let Some(collection) = &self.collection {
            page.text((MARGIN, 470), ROOM, 30, captions.collection);
            page.text((MARGIN, 505), ROOM, 70, collection);
        }
        page.rule(600);
        if let Some(tracking) = &self.tracking {
            page.text((MARGIN, 620), ROOM, 30, captions.tracking);
            page.plain_code((0, 665), WIDTH, 170, tracking);
            page.text((MARGIN, 850), ROOM, 45, tracking);
        }
        page.rule(1030);
        page.gs1_code((0, 1060), WIDTH, SSCC_HEIGHT, &format!("00{}", self.sscc));
        page.centred(1400, 50, &format!("(00) {}", self.sscc));
        page.end()
    }

    fn place(&self) -> String {
        match self.of {
            Some(of) => format!("{} / {of}", self.parcel),
            None => self.parcel.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label() -> ParcelLabel {
        ParcelLabel {
            sscc: Sscc::assemble(3, "7350012", 1).unwrap(),
            order_number: "10042".to_owned(),
            parcel: 1,
            of: Some(2),
            carrier: "Cykelbudet".to_owned(),
            service: Some("Samma dag".to_owned()),
            collection: Some("16:30".to_owned()),
            site: "Södermalm".to_owned(),
            tracking: Some("TRACK123456".to_owned()),
        }
    }

    /// Whoever changes this looks at a printed label.
    const EXPECTED: &str = "\
^XA^CI28^LH0,0^LS0^FWN^PON^PW799^LL1199
^FO32,28^A0N,29^FH_^FDSödermalm^FS
^FO32,68^A0N,84^FH_^FDCykelbudet^FS
^FO32,160^A0N,40^FH_^FDSamma dag^FS
^FO32,212^GB735,2,2^FS
^FO32,228^A0N,24^FH_^FDOrder^FS
^FO32,256^A0N,88^FH_^FD10042^FS
^FO511,228^A0N,24^FH_^FDParcel^FS
^FO511,256^A0N,85^FH_^FD1 / 2^FS
^FO32,360^GB735,2,2^FS
^FO32,376^A0N,24^FH_^FDCollection^FS
^FO32,404^A0N,56^FH_^FD16:30^FS
^FO32,480^GB735,2,2^FS
^FO32,496^A0N,24^FH_^FDTracking^FS
^FO131,531^BY4^BCN,136,N,N,N^FD>:TRACK>5123456^FS
^FO32,679^A0N,36^FH_^FDTRACK123456^FS
^FO32,823^GB735,2,2^FS
^FO87,847^BY4^BCN,256,N,N,N^FD>;>800373500120000000012^FS
^FO32,1119^A0N,40^FB735,1,0,C^FH_^FD(00) 373500120000000012^FS
^PQ1^XZ
";

    #[test]
    fn a_label_is_this_text() {
        assert_eq!(label().zpl(&Captions::ENGLISH, Media::default()), EXPECTED);
    }

    #[test]
    fn what_is_unknown_is_left_out() {
        let bare = ParcelLabel { of: None, service: None, collection: None, tracking: None, ..label() };
        let zpl = bare.zpl(&Captions::ENGLISH, Media::default());
        for absent in ["Samma dag", "Collection", "Tracking", "1 / 2"] {
            assert!(!zpl.contains(absent), "{zpl}");
        }
        assert_eq!(zpl.matches("^BC").count(), 1);
    }

    #[test]
    fn the_sscc_is_on_the_smallest_and_on_the_largest_label() {
        for media in [Media::new(203, 60, 90), Media::new(600, 120, 250), Media::new(300, 100, 150)] {
            let zpl = label().zpl(&Captions::ENGLISH, media.unwrap());
            assert!(zpl.contains("^FD>;>800373500120000000012^FS"), "{zpl}");
        }
    }

    #[test]
    fn endless_fields_make_no_endless_label() {
        let long = "^".repeat(100_000);
        let label = ParcelLabel {
            order_number: long.clone(),
            carrier: long.clone(),
            service: Some(long.clone()),
            collection: Some(long.clone()),
            site: long.clone(),
            tracking: Some(long),
            ..label()
        };
        assert!(label.zpl(&Captions::ENGLISH, Media::default()).len() < 4_000);
    }
}
