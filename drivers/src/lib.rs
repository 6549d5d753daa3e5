//! Barcode scanners and label printers: bytes in, reads out; labels in, bytes out.
//!
//! ```text
//! port (one thread per line) ─► protocol ─► framing ─► symbology ─► Event::Read ─► the caller's sink
//!   ▲ Answerer: bytes back to the scanner ◄── scanner (which bytes say what)
//!
//! printer (one thread per printer) ◄── zpl (which text makes which label)
//!   └► Event::Printed ─► the caller's sink
//! ```
//!
//! Nothing here knows of warehouses. Only `port` and `printer` do I/O and read time; everything else is a function of
//! its input.
//! Bytes that are not a whole, readable frame are counted and never become a read. Every buffer has a limit.

pub mod port;
pub mod printer;

pub mod protocol;

pub mod capture;
pub mod code128;
pub mod ean;
pub mod framing;
pub mod gs1;
pub mod scan_data;
pub mod scanner;
pub mod symbology;
