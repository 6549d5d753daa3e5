//! A disk that fails, below SQLite: what it wrote and did not force to disk is known, sector by sector.
//!
//! The files are real ones, best in memory (`/dev/shm`), so that whoever reads them without SQLite finds them. SQLite's
//! own VFS does the work, and [`vfs`] stands before it: it counts, refuses, and tells a [`Disk`] what is written. A power
//! cut then makes of each file what a disk could have kept: everything that was forced, and of the rest nothing, all, what
//! came first, or any sectors of 512 bytes.
//!
//! Each thread has one disk at most, and sees only the files below its folder; everything else is left alone. What is
//! written without SQLite, and names of files, count as forced at once.

mod disk;
mod vfs;

pub use disk::{Cut, Disk, Faults, Lie, SECTOR};
