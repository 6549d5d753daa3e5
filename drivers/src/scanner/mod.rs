//! Which bytes tell a scanner what, one file per family.
//!
//! An answer is sent only when the scan it answers is on disk, or cannot be put there. It carries what the scanner
//! itself can express; the station's screen carries the rest.

pub mod line;

/// What the one who scanned is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feedback {
    /// It counted.
    Accepted,
    /// It counted and finished something.
    Completed,
    /// It opened something to work on.
    Opened,
    /// Another item, parcel or place was expected.
    Wrong,
    /// One more than wanted.
    Over,
    /// Done before.
    Already,
    /// Nobody knows the code.
    Unknown,
    /// Not allowed now.
    Refused,
    /// The storage did not take it: the scan does not count.
    NotSaved,
    /// Taken without a word, as the second half of a double read.
    Silent,
}
