//! Bytes as a script: how an input says more than one thing.

/// An input that is read from its beginning. Behind its end everything is zero or empty, so that every input says
/// something.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    pub fn pair(&mut self) -> u16 {
        u16::from(self.byte()) << 8 | u16::from(self.byte())
    }

    /// As many as there are, and `count` at most.
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Everything as pieces of a line, each with what happens behind it.
    pub fn pieces(mut self) -> Vec<Piece<'a>> {
        let mut pieces = Vec::new();
        while !self.is_empty() {
            let head = self.byte();
            let bytes = self.take(usize::from(head & 0x3f));
            let then = [Then::Nothing, Then::Gap, Then::Silence, Then::Lost][usize::from(head >> 6)];
            pieces.push(Piece { bytes, then });
        }
        pieces
    }
}

/// Bytes that come together on a line.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    pub bytes: &'a [u8],
    pub then: Then,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Nothing,
    /// The line is silent for long enough to end a frame.
    Gap,
    /// The line is silent for longer than anybody waits.
    Silence,
    /// The line is lost, and found again with these bytes thrown away.
    Lost,
}
