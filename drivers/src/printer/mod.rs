//! Label printers that take ZPL.

pub mod status;
pub mod zpl;
