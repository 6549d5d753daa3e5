//! GS1 keys and element strings (GS1 General Specifications). Pure; nothing is read as GS1 unless the caller knows
//! that it is.

mod ai_table;
mod check_digit;
mod element_string;
mod gtin;
mod sscc;

pub use check_digit::{check_digit, is_check_digit_right};
pub use element_string::{Element, ElementString, ElementStringError};
pub use gtin::{Gtin, GtinError};
pub use sscc::{Sscc, SsccError};
