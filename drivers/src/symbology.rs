//! What kind of symbol was read: by its AIM identifier (ISO/IEC 15424), `]cm` in front of a read where the scanner is
//! set to send it, or by the code that scanners with packets put before it.
//!
//! They alone say whether a read is GS1 data. Without them nothing is guessed: lot `10D9T` is a lot, not batch `D9T`.

pub mod ssi;

/// The kind of symbol that was read. Modifiers that say the same for the data share a variant; the read's frame keeps
/// the identifier as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Symbology {
    /// The scanner sent no identifier, or none that ISO/IEC 15424 knows.
    Unidentified,
    Code39,
    Code128,
    /// GS1-128: Code 128 with FNC1 in first position.
    Gs1128,
    /// EAN-13, UPC-A and UPC-E, as 13 digits; 12 where the scanner drops the leading 0.
    Ean13,
    /// UPC-E as printed, 6 to 8 digits: not to be taken for an EAN-8.
    UpcE,
    /// The two digits beside an EAN or UPC symbol, as a read of their own.
    EanAddOn2,
    /// The five digits beside an EAN or UPC symbol, as a read of their own.
    EanAddOn5,
    Ean13WithAddOn,
    Ean8,
    /// GS1 DataBar, and GS1 composites read in one piece.
    Gs1DataBar,
    /// The parts of a GS1 composite after an escape mechanism character.
    CompositeEscaped,
    DataMatrix,
    Gs1DataMatrix,
    Qr,
    Gs1Qr,
    DotCode,
    Gs1DotCode,
    /// Interleaved 2 of 5.
    Itf,
    /// Interleaved 2 of 5 with a verified check digit, as on ITF-14 cartons.
    ItfChecked,
    Codabar,
    Code93,
    Code11,
    Pdf417,
    Msi,
    Standard2Of5,
    MaxiCode,
    Aztec,
    HanXin,
    /// A barcode of another symbology.
    Other,
    /// Data that was not read from a barcode, such as a scanner's own keyboard.
    NotBarcode,
}

impl Symbology {
    /// Whether the payload is a GS1 element string.
    #[must_use]
    pub fn is_gs1(self) -> bool {
        matches!(self, Self::Gs1128 | Self::Gs1DataBar | Self::Gs1DataMatrix | Self::Gs1Qr | Self::Gs1DotCode)
    }

    /// Whether the payload is the digits of an EAN or UPC symbol, perhaps with those of its add-on.
    #[must_use]
    pub fn is_ean(self) -> bool {
        matches!(self, Self::Ean13 | Self::Ean13WithAddOn | Self::Ean8 | Self::UpcE)
    }

    /// The letter of its AIM identifiers; none where symbols of several kinds share the variant.
    fn aim_code(self) -> Option<u8> {
        Some(match self {
            Self::Unidentified | Self::Other | Self::NotBarcode => return None,
            Self::Code39 => b'A',
            Self::Code128 | Self::Gs1128 => b'C',
            Self::Ean13 | Self::UpcE | Self::EanAddOn2 | Self::EanAddOn5 | Self::Ean13WithAddOn | Self::Ean8 => b'E',
            Self::Gs1DataBar | Self::CompositeEscaped => b'e',
            Self::DataMatrix | Self::Gs1DataMatrix => b'd',
            Self::Qr | Self::Gs1Qr => b'Q',
            Self::DotCode | Self::Gs1DotCode => b'J',
            Self::Itf | Self::ItfChecked => b'I',
            Self::Codabar => b'F',
            Self::Code93 => b'G',
            Self::Code11 => b'H',
            Self::Pdf417 => b'L',
            Self::Msi => b'M',
            Self::Standard2Of5 => b'S',
            Self::MaxiCode => b'U',
            Self::Aztec => b'z',
            Self::HanXin => b'h',
        })
    }

    fn identified(code: u8, modifier: u8) -> Option<Self> {
        Some(match (code, modifier) {
            (b'A', b'0'..=b'5' | b'7') => Self::Code39,
            (b'C', b'0' | b'2' | b'4') => Self::Code128,
            (b'C', b'1') => Self::Gs1128,
            (b'E', b'0') => Self::Ean13,
            (b'E', b'1') => Self::EanAddOn2,
            (b'E', b'2') => Self::EanAddOn5,
            (b'E', b'3') => Self::Ean13WithAddOn,
            (b'E', b'4') => Self::Ean8,
            (b'e', b'0') => Self::Gs1DataBar,
            (b'e', b'1'..=b'3') => Self::CompositeEscaped,
            (b'd', b'0' | b'1' | b'3'..=b'6') => Self::DataMatrix,
            (b'd', b'2') => Self::Gs1DataMatrix,
            (b'Q', b'0'..=b'2' | b'4'..=b'6') => Self::Qr,
            (b'Q', b'3') => Self::Gs1Qr,
            (b'J', b'0') => Self::DotCode,
            (b'J', b'1') => Self::Gs1DotCode,
            (b'I', b'0' | b'3') => Self::Itf,
            (b'I', b'1') => Self::ItfChecked,
            (b'F', b'0'..=b'9') => Self::Codabar,
            (b'G', b'0') => Self::Code93,
            (b'H', b'0' | b'1') => Self::Code11,
            (b'L', b'0'..=b'5') => Self::Pdf417,
            (b'M', b'0'..=b'9') => Self::Msi,
            (b'S', b'0') => Self::Standard2Of5,
            (b'U', b'0' | b'1') => Self::MaxiCode,
            (b'z', b'0'..=b'9' | b'A'..=b'C') => Self::Aztec,
            (b'h', b'0'..=b'9') => Self::HanXin,
            (b'X', b'0'..=b'9') => Self::Other,
            (b'Z', b'0'..=b'9') => Self::NotBarcode,
            _ => return None,
        })
    }
}

/// The symbology that `frame` begins with, and the payload behind it. A text that only looks like an identifier stays
/// whole.
#[must_use]
pub fn identify(frame: &[u8]) -> (Symbology, &[u8]) {
    if let [b']', code, modifier, payload @ ..] = frame
        && let Some(symbology) = Symbology::identified(*code, *modifier)
    {
        return (symbology, payload);
    }
    (Symbology::Unidentified, frame)
}

#[cfg(test)]
mod tests {
    use super::Symbology::*;
    use super::*;

    #[test]
    fn identifiers_are_known_and_taken_off() {
        let rows = [
            ("]A0", Code39),
            ("]A1", Code39),
            ("]A2", Code39),
            ("]A3", Code39),
            ("]A4", Code39),
            ("]A5", Code39),
            ("]A7", Code39),
            ("]C0", Code128),
            ("]C1", Gs1128),
            ("]C2", Code128),
            ("]C4", Code128),
            ("]E0", Ean13),
            ("]E1", EanAddOn2),
            ("]E2", EanAddOn5),
            ("]E3", Ean13WithAddOn),
            ("]E4", Ean8),
            ("]e0", Gs1DataBar),
            ("]e1", CompositeEscaped),
            ("]e3", CompositeEscaped),
            ("]d0", DataMatrix),
            ("]d1", DataMatrix),
            ("]d2", Gs1DataMatrix),
            ("]d3", DataMatrix),
            ("]d4", DataMatrix),
            ("]d6", DataMatrix),
            ("]Q0", Qr),
            ("]Q1", Qr),
            ("]Q2", Qr),
            ("]Q3", Gs1Qr),
            ("]Q4", Qr),
            ("]Q6", Qr),
            ("]J0", DotCode),
            ("]J1", Gs1DotCode),
            ("]I0", Itf),
            ("]I1", ItfChecked),
            ("]I3", Itf),
            ("]F0", Codabar),
            ("]G0", Code93),
            ("]H0", Code11),
            ("]H1", Code11),
            ("]L0", Pdf417),
            ("]L5", Pdf417),
            ("]M0", Msi),
            ("]S0", Standard2Of5),
            ("]U0", MaxiCode),
            ("]U1", MaxiCode),
            ("]z0", Aztec),
            ("]zC", Aztec),
            ("]h0", HanXin),
            ("]X0", Other),
            ("]Z0", NotBarcode),
        ];
        for (identifier, symbology) in rows {
            let gs1 = ["]C1", "]d2", "]Q3", "]e0", "]J1"].contains(&identifier);
            let frame = format!("{identifier}]C1 data");
            assert_eq!(identify(frame.as_bytes()), (symbology, &b"]C1 data"[..]), "{identifier}");
            assert_eq!(symbology.is_gs1(), gs1, "{identifier}");
            assert_eq!(identify(identifier.as_bytes()), (symbology, &b""[..]), "{identifier}");
        }
    }

    #[test]
    fn a_text_that_only_begins_with_a_bracket_stays_whole() {
        for text in ["", "]", "]C", "]C9", "]Hello", "]XX", "]A6", "]b0", "] C1", "4006381333931", " ]C1", "]]C1"] {
            assert_eq!(identify(text.as_bytes()), (Unidentified, text.as_bytes()), "{text}");
        }
    }
}
