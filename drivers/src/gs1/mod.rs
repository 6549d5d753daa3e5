//! GS1 keys, element strings and Digital Links (GS1 General Specifications, GS1 Digital Link: URI Syntax). Pure; nothing
//! is read as GS1 unless the caller knows that it is.
//!
//! Both ways of carrying GS1 data are read into one [`Content`]. Every value in it is what its AI says, by the table
//! that is made from GS1's Barcode Syntax Dictionary. Which AIs stand beside which is only ever a [`Warning`].

mod digital_link;
mod element_string;

mod association;
mod content;

mod ai;
mod ai_table;
mod codes;
mod date;
mod rule;
mod value;

mod check_digit;
mod gtin;
mod sscc;

pub use ai::{Ai, NoSuchAi};
pub use association::{Companions, Warning};
pub use check_digit::{check_digit, is_check_digit_right};
pub use content::{Contained, Content, Element};
pub use date::Date;
pub use digital_link::{DigitalLink, DigitalLinkError};
pub use element_string::{ElementString, ElementStringError};
pub use gtin::{Gtin, GtinError};
pub use rule::Rule;
pub use sscc::{Sscc, SsccError};
pub use value::ValueError;
