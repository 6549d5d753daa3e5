//! Carriers' labels for sites at which no carrier is: a number and a small label for each parcel, made from its SSCC.
//!
//! An SSCC is given once and for ever, so no two parcels get one number, and the same parcel always gets the same.

use crate::command::Label;

/// A label for the parcel `n` of the order `number`.
#[must_use]
pub fn make(sscc: &str, number: &str, n: i64) -> Label {
    let tracking = tracking(sscc);
    let zpl = zpl(&tracking, number, n);
    Label { tracking: Some(tracking), zpl: Some(zpl), revision: None }
}

/// `TN` and the SSCC without its check digit: seventeen digits.
fn tracking(sscc: &str) -> String {
    let digits: String = sscc.chars().filter(char::is_ascii_digit).take(17).collect();
    format!("TN{digits:0>17}")
}

/// Four by three inches at 203 dpi. `^BC` is Code 128; `^FH` reads `_5E` as the byte that would begin a command.
fn zpl(tracking: &str, number: &str, n: i64) -> String {
    let number: String = number
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-. #/".contains(c) { c.to_string() } else { plain(c) })
        .collect();
    format!(
        "^XA^CI28^PW812^LL609\
         ^FO40,40^A0N,50,50^FH^FD{number} / {n}^FS\
         ^FO40,140^BY3^BCN,240,Y,N,N^FD{tracking}^FS\
         ^XZ"
    )
}

fn plain(c: char) -> String {
    let mut bytes = [0; 4];
    c.encode_utf8(&mut bytes).bytes().map(|byte| format!("_{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_made_from_the_sscc_alone() {
        let Label { tracking, zpl, .. } = make("073123450000000122", "A^B", 2);
        assert_eq!(tracking.as_deref(), Some("TN07312345000000012"));
        let zpl = zpl.unwrap();
        assert!(zpl.starts_with("^XA") && zpl.ends_with("^XZ"), "{zpl}");
        assert!(zpl.contains("^BCN,240,Y,N,N^FDTN07312345000000012^FS"), "{zpl}");
        assert!(zpl.contains("^FDA_5EB / 2^FS"), "{zpl}");
    }
}
