//! What GS1 data says, whichever way it was carried.

use std::borrow::Cow;
use std::fmt;

use super::ai::Ai;
use super::{Date, Gtin, Sscc};

/// Elements whose values are what their AIs say: at least one, and none with two different values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content<'a> {
    elements: Vec<Element<'a>>,
}

/// An application identifier and its value, which is never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    pub ai: Ai,
    pub value: Cow<'a, str>,
}

/// What a logistic unit contains, where that is trade items of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contained {
    pub gtin: Gtin,
    /// Trade items of that GTIN; `None` where this code doesn't say, and another on the unit has to.
    pub count: Option<u32>,
}

impl<'a> Content<'a> {
    pub(super) fn new(elements: Vec<Element<'a>>) -> Self {
        Self { elements }
    }

    #[must_use]
    pub fn elements(&self) -> &[Element<'a>] {
        &self.elements
    }

    #[must_use]
    pub fn value(&self, ai: Ai) -> Option<&str> {
        self.elements.iter().find(|element| element.ai == ai).map(|element| element.value.as_ref())
    }

    /// AI 01: the product.
    #[must_use]
    pub fn gtin(&self) -> Option<Gtin> {
        self.value(Ai::GTIN)?.parse().ok()
    }

    /// AI 00: the parcel or other logistic unit.
    #[must_use]
    pub fn sscc(&self) -> Option<Sscc> {
        self.value(Ai::SSCC)?.parse().ok()
    }

    /// AIs 02 and 37: what is in the logistic unit.
    #[must_use]
    pub fn contained(&self) -> Option<Contained> {
        let gtin = self.value(Ai::CONTENT)?.parse().ok()?;
        Some(Contained { gtin, count: self.number(Ai::COUNT) })
    }

    /// AI 10: the batch or lot.
    #[must_use]
    pub fn lot(&self) -> Option<&str> {
        self.value(Ai::BATCH)
    }

    /// AI 21: the serial number.
    #[must_use]
    pub fn serial(&self) -> Option<&str> {
        self.value(Ai::SERIAL)
    }

    /// AI 17: the last day of use, as [`Date::from_yymmdd`] reads it.
    #[must_use]
    pub fn expiry(&self, current_year: u16) -> Option<Date> {
        Date::from_yymmdd(self.value(Ai::EXPIRY)?, current_year)
    }

    /// AI 15: the last day of full quality, as [`Date::from_yymmdd`] reads it.
    #[must_use]
    pub fn best_before(&self, current_year: u16) -> Option<Date> {
        Date::from_yymmdd(self.value(Ai::BEST_BEFORE)?, current_year)
    }

    /// AI 30, or else 37: how many items there are.
    #[must_use]
    pub fn count(&self) -> Option<u32> {
        self.number(Ai::VARIABLE_COUNT).or_else(|| self.number(Ai::COUNT))
    }

    /// AI 310n: the net weight. Where the code says tenths or hundredths of a gram, they are dropped.
    #[must_use]
    pub fn net_weight_g(&self) -> Option<u32> {
        let (decimals, value) = self.elements.iter().find_map(|element| {
            let decimals = element.ai.number().checked_sub(3100).filter(|decimals| *decimals <= 5)?;
            Some((u32::from(decimals), element.value.parse::<u32>().ok()?))
        })?;
        Some(if decimals <= 3 { value * 10_u32.pow(3 - decimals) } else { value / 10_u32.pow(decimals - 3) })
    }

    fn number(&self, ai: Ai) -> Option<u32> {
        self.value(ai)?.parse().ok()
    }
}

/// As people read it: `(01)09521234543213(10)ABC`.
impl fmt::Display for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.elements.iter().try_for_each(|element| write!(f, "{element}"))
    }
}

impl fmt::Display for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}){}", self.ai, self.value)
    }
}

#[cfg(test)]
mod tests {
    use crate::gs1::{DigitalLink, ElementString};

    use super::*;

    fn content(payload: &str) -> Content<'static> {
        ElementString::parse(payload.replace('^', "\x1d").leak().as_bytes()).unwrap().into_content()
    }

    #[test]
    fn a_carton_says_what_it_is() {
        let carton = content("01095212345432131729022810LOT-7^21S/42^3012^3103000750");
        assert_eq!(carton.gtin().unwrap().to_string(), "09521234543213");
        assert_eq!(carton.lot(), Some("LOT-7"));
        assert_eq!(carton.serial(), Some("S/42"));
        assert_eq!(carton.expiry(2026), Some(Date { year: 2029, month: 2, day: 28 }));
        assert_eq!(carton.count(), Some(12));
        assert_eq!(carton.net_weight_g(), Some(750));
        assert_eq!((carton.sscc(), carton.contained(), carton.best_before(2026)), (None, None, None));
    }

    #[test]
    fn a_pallet_says_what_it_contains() {
        let pallet = content("0000614141123456789002095212345432131528020037144");
        assert_eq!(pallet.sscc().unwrap().to_string(), "006141411234567890");
        assert_eq!(pallet.gtin(), None, "the pallet is not the product");
        let contained = pallet.contained().unwrap();
        assert_eq!((contained.gtin.to_string().as_str(), contained.count), ("09521234543213", Some(144)));
        assert_eq!(pallet.count(), Some(144));
        assert_eq!(pallet.best_before(2026), Some(Date { year: 2028, month: 2, day: 29 }));
        assert_eq!(content("0209521234543213").contained().unwrap().count, None);
    }

    #[test]
    fn a_link_says_the_same() {
        let link = DigitalLink::parse("https://example.com/01/09521234543213/10/A%2F1?17=290228&3105=012345").unwrap();
        assert_eq!(link.content().lot(), Some("A/1"));
        assert_eq!(link.content().expiry(2026).unwrap().to_string(), "2029-02-28");
        assert_eq!(link.content().net_weight_g(), Some(123));
    }

    #[test]
    fn weights_are_grams_rounded_down() {
        let rows = [
            ("3100000001", Some(1_000)),
            ("3100999999", Some(999_999_000)),
            ("3101000015", Some(1_500)),
            ("3102001234", Some(12_340)),
            ("3103000750", Some(750)),
            ("3104000759", Some(75)),
            ("3105000099", Some(0)),
            ("3105999999", Some(9_999)),
            ("3110000001", None),
            ("3203000750", None),
            ("3303000750", None),
        ];
        for (payload, expected) in rows {
            assert_eq!(content(payload).net_weight_g(), expected, "{payload}");
        }
    }
}
