//! The code types of Zebra's DECODE_DATA.
//!
//! Source: Symbol PDT 6800 manual, table F-19, and the SSI chapters of Zebra's product reference guides. The batch
//! scanner CS3000 has a list of its own, which is another one.

use super::{Symbology, identify};

/// The symbology of a code type. A type that is not listed is a barcode all the same.
#[must_use]
pub fn of_type(code_type: u8) -> Symbology {
    match code_type {
        0x01 | 0x13 => Symbology::Code39,
        0x02 | 0x18 => Symbology::Codabar,
        0x03 | 0x19 | 0x21 => Symbology::Code128,
        0x04 => Symbology::Standard2Of5,
        0x06 => Symbology::Itf,
        0x07 => Symbology::Code93,
        0x08 | 0x0b | 0x16 => Symbology::Ean13,
        0x09 | 0x10 => Symbology::UpcE,
        0x0a => Symbology::Ean8,
        0x0c => Symbology::Code11,
        0x0e => Symbology::Msi,
        0x0f => Symbology::Gs1128,
        0x11 | 0x1a | 0x28 => Symbology::Pdf417,
        0x1b => Symbology::DataMatrix,
        0x1c | 0x29 | 0x2c => Symbology::Qr,
        0x25 => Symbology::MaxiCode,
        0x2d | 0x2e => Symbology::Aztec,
        0x30..=0x32 | 0xb4 => Symbology::Gs1DataBar,
        0x48..=0x4b | 0x88..=0x8b => Symbology::Ean13WithAddOn,
        0xb7 => Symbology::HanXin,
        0xc1 => Symbology::Gs1DataMatrix,
        0xc2 => Symbology::Gs1Qr,
        0xe0 | 0xe1 => Symbology::NotBarcode,
        _ => Symbology::Other,
    }
}

/// The symbology and payload of decoded `data`. Where the scanner sends an AIM identifier too, that one decides, being
/// the finer of the two; but it must be one of the same kind of symbol, so that a code which only begins like an
/// identifier stays whole.
#[must_use]
pub fn identify_typed(code_type: u8, data: &[u8]) -> (Symbology, &[u8]) {
    let by_type = of_type(code_type);
    let (by_identifier, payload) = identify(data);
    let agree = by_type.aim_code().is_none_or(|code| by_identifier.aim_code() == Some(code));
    if by_identifier != Symbology::Unidentified && agree { (by_identifier, payload) } else { (by_type, data) }
}

#[cfg(test)]
mod tests {
    use super::Symbology::*;
    use super::*;

    #[test]
    fn gs1_types_are_gs1() {
        for code_type in 0..=u8::MAX {
            let gs1 = matches!(code_type, 0x0f | 0x30..=0x32 | 0xb4 | 0xc1 | 0xc2);
            assert_eq!(of_type(code_type).is_gs1(), gs1, "{code_type:02x}");
        }
    }

    #[test]
    fn an_identifier_of_the_same_kind_decides() {
        let rows = [
            (0x0b, "4006381333931", Ean13, "4006381333931"),
            (0x0b, "]E04006381333931", Ean13, "4006381333931"),
            (0x0a, "]E496385074", Ean8, "96385074"),
            (0x09, "]E00012345678905", Ean13, "0012345678905"),
            (0x09, "01234565", UpcE, "01234565"),
            (0x03, "]C110AB", Gs1128, "10AB"),
            (0x0f, "10AB", Gs1128, "10AB"),
            (0x0f, "]C110AB", Gs1128, "10AB"),
            (0x1b, "]d210AB", Gs1DataMatrix, "10AB"),
            (0x1c, "]C110AB", Qr, "]C110AB"),
            (0x1c, "]Q310AB", Gs1Qr, "10AB"),
            (0x06, "]I115901234123457", ItfChecked, "15901234123457"),
            (0x39, "]X01234", Other, "1234"),
            (0x39, "1234", Other, "1234"),
            (0x03, "]C0", Code128, ""),
        ];
        for (code_type, data, symbology, payload) in rows {
            assert_eq!(
                identify_typed(code_type, data.as_bytes()),
                (symbology, payload.as_bytes()),
                "{code_type:02x} {data}"
            );
        }
    }
}
