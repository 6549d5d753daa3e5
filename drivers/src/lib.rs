//! Barcode scanners: bytes in, reads out.
//!
//! ```text
//! port (one thread per line) ─► protocol ─► framing ─► symbology ─► Event::Read ─► the caller's sink
//!   ▲ Answerer: bytes back to the scanner ◄── scanner (which bytes say what)
//! ```
//!
//! Nothing here knows of warehouses. Only `port` does I/O and reads time; everything else is a function of its input.
//! Bytes that are not a whole, readable frame are counted and never become a read. Every buffer has a limit.

pub mod port;

pub mod protocol;

pub mod capture;
pub mod ean;
pub mod framing;
pub mod gs1;
pub mod scan_data;
pub mod scanner;
pub mod symbology;
