//! What a scanner told the one who scanned, as heard.

/// The signals, by sound alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Told {
    /// Nothing to hear, but taken.
    Silent,
    Accepted,
    Completed,
    Opened,
    Wrong,
    Over,
    Already,
    Unknown,
    Refused,
    NotSaved,
}

impl Told {
    /// The meaning of groups of beeps of one pitch. An accepted scan makes no sound either.
    ///
    /// # Panics
    /// Where no signal sounds like that.
    #[must_use]
    #[track_caller]
    pub fn by_rhythm(recorded: bool, groups: &[u8]) -> Told {
        match (recorded, groups) {
            (true, [0]) => Told::Accepted,
            (true, [1]) => Told::Completed,
            (true, [0, 1, 1]) => Told::Opened,
            (true, [2]) => Told::Already,
            (true, [2, 1]) => Told::Unknown,
            (true, [3]) => Told::Wrong,
            (true, [3, 1]) => Told::Over,
            (true, [3, 2]) => Told::Refused,
            (false, [4]) => Told::NotSaved,
            other => panic!("no signal sounds like {other:?}"),
        }
    }

    /// The meaning of a melody: `H` high, `M` medium, `L` low, `_` long and low.
    ///
    /// # Panics
    /// Where no signal sounds like that.
    #[must_use]
    #[track_caller]
    pub fn by_melody(melody: &str) -> Told {
        match melody {
            "" => Told::Silent,
            "H" => Told::Accepted,
            "HH" | "MH" => Told::Completed,
            "HHH" | "M" => Told::Opened,
            "LL" => Told::Wrong,
            "LLL" => Told::Over,
            "HL" => Told::Already,
            "LH" | "LHLH" => Told::Unknown,
            "_" | "LLLL" => Told::Refused,
            "HHHHH" => Told::NotSaved,
            other => panic!("no signal sounds like {other:?}"),
        }
    }
}
