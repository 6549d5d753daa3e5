//! What a ZPL printer says when it is asked with `~HS` (Host Status; ZPL II Programming Guide). Pure.
//!
//! A reply is three strings, each STX … ETX CR LF, of 12, 11 and 2 fields. Printers that are out of media or ribbon,
//! open or too hot may also give none at all, so silence must be read as "not ready" by whoever asked.

use std::fmt;

/// Asks for the status, at any place between labels.
pub const QUESTION: &[u8] = b"~HS";

/// A whole reply has some 80 bytes; what is longer is none.
pub const REPLY_BYTES_MAX: usize = 1024;

const STX: u8 = 0x02;
const ETX: u8 = 0x03;

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub condition: Condition,
    /// Labels that it has received and not begun to print.
    pub formats_waiting: u32,
    /// What is left of the batch that it is printing.
    pub labels_remaining: u32,
}

/// Everything that keeps a printer from printing: several things at once, or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    faults: Vec<Fault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    PaperOut,
    HeadOpen,
    RibbonOut,
    Paused,
    BufferFull,
    TooHot,
}

/// Why bytes are no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoReply {
    /// Nothing is wrong with it so far.
    Incomplete,
    /// It will not become one.
    Garbled,
}

impl Status {
    /// The first reply in `bytes`. What other programs made the printer send before it is passed over.
    ///
    /// # Errors
    /// When a string is missing, or its fields are none of a status.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoReply> {
        let mut strings = bytes.split(|byte| *byte == STX).skip(1);
        let mut next = |count| strings.next().map_or(Err(NoReply::Incomplete), |string| read(string, count));
        let first = next(12)?;
        let second = next(11)?;
        next(2)?;
        let set = |field: &str| match field {
            "0" => Ok(false),
            "1" => Ok(true),
            _ => Err(NoReply::Garbled),
        };
        let faults = [
            (Fault::PaperOut, set(first[1])?),
            (Fault::HeadOpen, set(second[2])?),
            (Fault::RibbonOut, set(second[3])?),
            (Fault::Paused, set(first[2])?),
            (Fault::BufferFull, set(first[5])?),
            (Fault::TooHot, set(first[11])?),
        ];
        let number = |field: &str| field.trim().parse().map_err(|_| NoReply::Garbled);
        Ok(Self {
            condition: Condition::of(faults.into_iter().filter(|(_, is_set)| *is_set).map(|(fault, _)| fault)),
            formats_waiting: number(first[4])?,
            labels_remaining: number(second[8])?,
        })
    }

    /// Whether everything that it was sent is printed, as far as it can know.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.formats_waiting == 0 && self.labels_remaining == 0
    }
}

fn read(string: &[u8], count: usize) -> Result<Vec<&str>, NoReply> {
    let Some(end) = string.iter().position(|byte| *byte == ETX) else {
        return Err(if string.len() < REPLY_BYTES_MAX { NoReply::Incomplete } else { NoReply::Garbled });
    };
    let text = std::str::from_utf8(&string[..end]).map_err(|_| NoReply::Garbled)?;
    // One more than there are tells that there are too many, however many those would be.
    let fields: Vec<&str> = text.split(',').take(count + 1).collect();
    if fields.len() == count { Ok(fields) } else { Err(NoReply::Garbled) }
}

impl Condition {
    #[must_use]
    pub fn of(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self { faults: faults.into_iter().collect() }
    }

    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.faults.is_empty()
    }

    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_ready() {
            return f.write_str("ready");
        }
        let words: Vec<&str> = self.faults.iter().map(|fault| fault.word()).collect();
        f.write_str(&words.join(", "))
    }
}

impl Fault {
    fn word(self) -> &'static str {
        match self {
            Self::PaperOut => "out of labels",
            Self::HeadOpen => "the print head is open",
            Self::RibbonOut => "out of ribbon",
            Self::Paused => "paused",
            Self::BufferFull => "its buffer is full",
            Self::TooHot => "the print head is too hot",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Fault::*;
    use super::*;

    const WELL: &str = "\u{2}030,0,0,1245,000,0,0,0,000,0,0,0\u{3}\r\n\
                        \u{2}000,0,0,0,0,2,4,0,00000000,1,000\u{3}\r\n\u{2}1234,0\u{3}\r\n";

    /// [`WELL`] with other values in some fields, by string and field.
    fn reply(changes: &[(usize, usize, &str)]) -> String {
        let mut strings: Vec<Vec<&str>> = WELL
            .split_terminator("\r\n")
            .map(|string| string.trim_matches(['\u{2}', '\u{3}']).split(',').collect())
            .collect();
        for (string, field, value) in changes {
            strings[*string][*field] = value;
        }
        strings.iter().map(|fields| format!("\u{2}{}\u{3}\r\n", fields.join(","))).collect()
    }

    #[test]
    fn each_flag_is_a_fault() {
        type Row<'r> = (&'r [(usize, usize, &'r str)], &'r [Fault], &'r str);
        let rows: &[Row<'_>] = &[
            (&[], &[], "ready"),
            (&[(0, 1, "1")], &[PaperOut], "out of labels"),
            (&[(0, 2, "1")], &[Paused], "paused"),
            (&[(0, 5, "1")], &[BufferFull], "its buffer is full"),
            (&[(0, 11, "1")], &[TooHot], "the print head is too hot"),
            (&[(1, 2, "1")], &[HeadOpen], "the print head is open"),
            (&[(1, 3, "1")], &[RibbonOut], "out of ribbon"),
            (
                &[(0, 1, "1"), (1, 2, "1"), (0, 2, "1")],
                &[PaperOut, HeadOpen, Paused],
                "out of labels, the print head is open, paused",
            ),
        ];
        for (changes, faults, shown) in rows {
            let status = Status::parse(reply(changes).as_bytes()).unwrap();
            assert_eq!(status.condition.faults(), *faults);
            assert_eq!(status.condition.to_string(), *shown);
            assert_eq!(status.condition.is_ready(), faults.is_empty());
        }
    }

    #[test]
    fn counts_what_is_not_printed_yet() {
        let status = Status::parse(reply(&[(0, 4, "002"), (1, 8, "00000003")]).as_bytes()).unwrap();
        assert_eq!((status.formats_waiting, status.labels_remaining, status.is_idle()), (2, 3, false));
        assert!(Status::parse(WELL.as_bytes()).unwrap().is_idle());
    }

    #[test]
    fn passes_over_what_comes_before_and_after() {
        let alert = format!("ERROR CONDITION: HEAD OPEN\r\n{WELL}{}", reply(&[(0, 1, "1")]));
        assert!(Status::parse(alert.as_bytes()).unwrap().condition.is_ready());
    }

    #[test]
    fn what_is_no_status_is_garbled() {
        for changes in [&[(0, 1, "2")][..], &[(0, 4, "x")], &[(1, 2, "")], &[(1, 10, "0,0")], &[(2, 1, "0,0,0")]] {
            assert_eq!(Status::parse(reply(changes).as_bytes()), Err(NoReply::Garbled), "{changes:?}");
        }
        let endless = format!("\u{2}{}", "0".repeat(REPLY_BYTES_MAX));
        assert_eq!(Status::parse(endless.as_bytes()), Err(NoReply::Garbled));
    }

    #[test]
    fn every_beginning_of_a_reply_is_incomplete() {
        let end = WELL.rfind('\u{3}').unwrap();
        for length in 0..=end {
            assert_eq!(Status::parse(&WELL.as_bytes()[..length]), Err(NoReply::Incomplete), "{length}");
        }
        assert!(Status::parse(&WELL.as_bytes()[..=end]).is_ok());
    }

    proptest! {
        #[test]
        fn reads_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Status::parse(&bytes);
        }

        #[test]
        fn reads_any_damaged_reply(at in 0..WELL.len(), byte in any::<u8>(), cut in 0..WELL.len()) {
            let mut bytes = WELL.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = Status::parse(&bytes);
            let _ = Status::parse(&bytes[cut..]);
        }
    }
}
