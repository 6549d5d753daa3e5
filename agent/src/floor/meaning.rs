//! What a read means by its symbology and text alone. GS1 is read only where the symbology says GS1.

use super::barcode;
use crate::domain::code::{Meaning, Verb};
use crate::domain::sscc::Sscc;
use parceld_drivers::gs1::{ElementString, Gtin};
use parceld_drivers::symbology::Symbology;

/// The meaning of `payload`.
pub fn of(symbology: Symbology, payload: &[u8], site_key: &[u8]) -> Meaning {
    let Ok(text) = std::str::from_utf8(payload) else {
        return Meaning::Plain;
    };
    if symbology.is_gs1() {
        return element_string(payload);
    }
    match barcode::verb(text, site_key) {
        Some(Ok(verb)) => Verb::named(verb).map_or(Meaning::Plain, Meaning::Verb),
        Some(Err(barcode::WrongCheck)) => Meaning::Forged,
        None => text.parse::<Gtin>().map_or(Meaning::Plain, |gtin| Meaning::Product(gtin.to_string().as_str().into())),
    }
}

fn element_string(payload: &[u8]) -> Meaning {
    let Ok(string) = ElementString::parse(payload) else {
        return Meaning::Plain;
    };
    match (string.content().sscc(), string.content().gtin()) {
        (Some(sscc), _) => Meaning::Sscc(Sscc(sscc.as_u64())),
        (None, Some(gtin)) => Meaning::Product(gtin.to_string().as_str().into()),
        (None, None) => Meaning::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parceld_drivers::symbology::identify;

    #[test]
    fn reads_what_the_symbology_allows() {
        let key = [7; 32];
        let done = barcode::text("DONE", &key);
        let product = |text: &str| Meaning::Product(text.into());
        for (frame, expected) in [
            ("4006381333931", product("04006381333931")),
            ("]E04006381333931", product("04006381333931")),
            ("40063813", Meaning::Plain),
            ("96385074", product("00000096385074")),
            ("4006381333932", Meaning::Plain),
            ("]C100106141412345678908", Meaning::Sscc(Sscc(106_141_412_345_678_908))),
            ("]C101040063813339311020AB", product("04006381333931")),
            ("]C000106141412345678908", Meaning::Plain),
            ("00106141412345678908", Meaning::Plain),
            ("10D9T", Meaning::Plain),
            ("]C010D9T", Meaning::Plain),
            (&done, Meaning::Verb(Verb::Done)),
            ("PD:DONE:AAAA", Meaning::Forged),
            ("PD:SEAL:", Meaning::Forged),
            ("10042", Meaning::Plain),
        ] {
            let (symbology, payload) = identify(frame.as_bytes());
            assert_eq!(of(symbology, payload, &key), expected, "{frame}");
        }
    }
}
