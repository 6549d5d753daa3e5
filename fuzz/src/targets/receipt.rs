//! Receipts, which two readers take alike.

use crate::measure::within;
use parceld::contract::receipt::Receipt;
use parceld_platform::wire::ReceiptHeard;
use serde_json::json;

pub fn run(bytes: &[u8]) {
    let Ok(receipt) = within(bytes, 8, 1_024, || Receipt::parse(bytes)) else { return };
    let written = json!({"epoch": receipt.epoch, "sequence": receipt.sequence}).to_string();
    assert_eq!(Receipt::parse(written.as_bytes()), Ok(receipt));
    match serde_json::from_slice::<ReceiptHeard>(bytes) {
        Ok(heard) => {
            assert_eq!((heard.epoch, u64::try_from(heard.sequence)), (receipt.epoch, Ok(receipt.sequence)));
        }
        // No log is so long.
        Err(_) => assert!(i64::try_from(receipt.sequence).is_err(), "the platform can't read a receipt"),
    }
}
