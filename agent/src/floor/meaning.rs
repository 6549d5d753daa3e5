//! What a read means by its symbology and text alone. GS1 is read only where the symbology says GS1, or in a web address
//! that is a Digital Link.

use super::barcode;
use crate::domain::code::{Meaning, Reading, Values};
use crate::domain::sscc::Sscc;
use jiff::civil::Date;
use parceld_drivers::gs1::{Ai, Content};
use parceld_drivers::scan_data::ScanData;
use parceld_drivers::symbology::Symbology;

/// More units in one code than any case has: such a code is not believed.
const UNITS_MAX: u32 = 1_000;

/// The meaning of `payload`, the data of a symbol of this kind. `year` settles which century the two digits of an expiry
/// date are of.
pub fn of(symbology: Symbology, payload: &[u8], year: i16, site_key: &[u8]) -> Meaning {
    match ScanData::of(symbology, payload) {
        Ok(ScanData::ElementString(string)) => gs1(string.content(), year),
        Ok(ScanData::DigitalLink(link)) => gs1(link.content(), year),
        Ok(ScanData::Ean(ean)) => {
            let with_component = ean.component.as_ref().map(|component| gs1(component.content(), year));
            match with_component {
                Some(Meaning::Product(component)) => Meaning::Product(Reading {
                    values: component.values,
                    ..Reading::from(ean.gtin.to_string().as_str())
                }),
                _ => Meaning::Product(ean.gtin.to_string().as_str().into()),
            }
        }
        Ok(ScanData::Plain { text, gtin }) => {
            let gtin = gtin.map(|gtin| Meaning::Product(gtin.to_string().as_str().into()));
            command(text, site_key).or(gtin).unwrap_or(Meaning::Plain)
        }
        Err(_) => Meaning::Plain,
    }
}

/// What a text means that begins as our own barcodes do.
fn command(text: &[u8], site_key: &[u8]) -> Option<Meaning> {
    let text = std::str::from_utf8(text).ok()?;
    if let Some(located) = text.strip_prefix(barcode::PREFIX).and_then(Meaning::located) {
        return Some(located);
    }
    match barcode::word(text, site_key)? {
        Ok(word) => Meaning::commanded(word),
        Err(barcode::WrongCheck) => Some(Meaning::Forged),
    }
}

fn gs1(content: &Content<'_>, year: i16) -> Meaning {
    if let Some(sscc) = content.sscc() {
        return Meaning::Sscc(Sscc(sscc.as_u64()));
    }
    let Some(gtin) = content.gtin().or_else(|| content.contained().map(|contained| contained.gtin)) else {
        return Meaning::Plain;
    };
    let units = match content.value(Ai::COUNT).map(str::parse) {
        None => 1,
        Some(Ok(units)) if (1..=UNITS_MAX).contains(&units) => units,
        Some(_) => return Meaning::Plain,
    };
    Meaning::Product(Reading {
        code: gtin.to_string().as_str().into(),
        units,
        values: Values {
            serial: content.serial().map(Into::into),
            lot: content.lot().map(Into::into),
            expiry: expiry(content, year),
            weight_g: content.net_weight_g(),
        },
    })
}

fn expiry(content: &Content<'_>, year: i16) -> Option<Date> {
    let date = content.expiry(u16::try_from(year).ok()?)?;
    let part = |number: u8| i8::try_from(number).ok();
    Date::new(i16::try_from(date.year).ok()?, part(date.month)?, part(date.day)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::code::Verb;
    use parceld_drivers::symbology::identify;

    #[test]
    fn reads_what_the_symbology_allows() {
        let key = [7; 32];
        let done = barcode::text("DONE", &key);
        let product = |text: &str| Meaning::Product(text.into());
        let with = |units, values| Meaning::Product(Reading { code: "04006381333931".into(), units, values });
        let lot = |lot: &str| Values { lot: Some(lot.into()), ..Values::default() };
        let of_2027 = Values { serial: Some("S1".into()), expiry: Some(jiff::civil::date(2027, 1, 31)), ..lot("20AB") };
        for (frame, expected) in [
            ("4006381333931", product("04006381333931")),
            ("]E04006381333931", product("04006381333931")),
            ("40063813", Meaning::Plain),
            ("96385074", product("00000096385074")),
            ("4006381333932", Meaning::Plain),
            ("]C100106141412345678908", Meaning::Sscc(Sscc(106_141_412_345_678_908))),
            ("]C101040063813339311020AB", with(1, lot("20AB"))),
            ("]d2010400638133393117270131\u{1d}1020AB\u{1d}21S1", with(1, of_2027.clone())),
            ("]C101040063813339313103000750", with(1, Values { weight_g: Some(750), ..Values::default() })),
            ("]C102040063813339313712", with(12, Values::default())),
            ("]C1020400638133393137100000", Meaning::Plain),
            ("]Q1https://example.com/01/04006381333931/10/20AB?17=270131", with(1, Values { serial: None, ..of_2027 })),
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
            assert_eq!(of(symbology, payload, 2026, &key), expected, "{frame}");
        }
    }
}
