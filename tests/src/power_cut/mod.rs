//! Power cuts that can be looked at: what a program did to its directory is recorded, and of each moment of it files are
//! made as a disk could have had them then.
//!
//! [`record`] reads a trace into steps; [`disk`] plays them on files of which it knows what was forced to disk and what
//! was not. What is forced to disk is there. Of the rest a disk has kept what it likes, in any order, down to sectors.

pub mod disk;
pub mod record;

pub use disk::{Disk, Image, Loss};
pub use record::{Step, What};
