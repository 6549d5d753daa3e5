//! A printer's word on itself: the first reply counts, and whatever came before it is passed over.

use crate::measure::within;
use parceld_drivers::printer::status::{NoReply, Status};

const GOOD: &[u8] =
    b"\x02030,1,0,1245,007,0,0,0,000,0,0,0\x03\r\n\x02000,0,1,0,0,2,4,0,00000002,1,000\x03\r\n\x021234,0\x03\r\n";

pub fn run(bytes: &[u8]) {
    let found = within(bytes, 32, 1_024, || Status::parse(bytes));
    let longer = [bytes, GOOD].concat();
    match &found {
        Ok(status) => {
            assert_eq!(&Status::parse(&longer), &found, "a later reply counts");
            assert_eq!(status.condition.is_ready(), status.condition.faults().is_empty());
            assert!(status.condition.faults().len() <= 6 && !status.condition.to_string().is_empty());
        }
        Err(NoReply::Garbled) => {
            assert_eq!(Status::parse(&longer), Err(NoReply::Garbled), "what is garbled becomes a reply");
        }
        Err(NoReply::Incomplete) => {}
    }
    if !bytes.contains(&0x02) {
        assert_eq!(Status::parse(&longer), Status::parse(GOOD), "noise before a reply hides it");
    }
}
