//! Lines of text: the scanner sends, and nothing has to be said in between.

use std::time::Duration;

use super::{Output, Read};
use crate::framing::line::{Config, Framed, LineFramer};

#[derive(Debug)]
pub struct Lines {
    framer: LineFramer,
    silent_since: Duration,
}

impl Lines {
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { framer: LineFramer::new(config), silent_since: Duration::ZERO }
    }

    pub(super) fn opened(&mut self, at: Duration) {
        self.silent_since = at;
    }

    pub(super) fn push(&mut self, bytes: &[u8], at: Duration, out: &mut dyn FnMut(Output<'_>)) {
        self.silent_since = at;
        self.framer.push(bytes, |framed| out(heard(framed)));
    }

    pub(super) fn due(&self) -> Option<Duration> {
        let gap = Duration::from_millis(self.framer.gap_ms());
        self.framer.is_partial().then(|| self.silent_since.saturating_add(gap))
    }

    pub(super) fn tick(&mut self, at: Duration, out: &mut dyn FnMut(Output<'_>)) {
        if self.due().is_some_and(|due| due <= at) {
            self.framer.idle(|framed| out(heard(framed)));
        }
    }

    pub(super) fn abandon(&mut self, out: &mut dyn FnMut(Output<'_>)) {
        self.framer.abandon(|framed| out(heard(framed)));
    }

    pub(super) fn skip_past(&mut self, bytes: &[u8]) {
        self.framer.skip_past(bytes);
    }
}

fn heard(framed: Framed<'_>) -> Output<'static> {
    match framed {
        Framed::Frame(frame) => match Read::from_line(frame) {
            Ok(read) => Output::Read(read),
            Err(reason) => Output::Unreadable { reason, bytes: frame.len() },
        },
        Framed::Unreadable { reason, bytes } => Output::Unreadable { reason, bytes },
    }
}

#[cfg(test)]
mod tests {
    use super::super::Repeat;
    use super::*;
    use crate::framing::Unreadable;
    use crate::symbology::Symbology;

    #[test]
    fn a_read_needs_more_than_an_identifier() {
        assert_eq!(Read::from_line(b"]C1"), Err(Unreadable::Empty));
        let read = Read::from_line(b"]C110AB").unwrap();
        assert_eq!(
            (read.symbology, &read.payload[..], &read.frame[..], read.repeat),
            (Symbology::Gs1128, &b"10AB"[..], &b"]C110AB"[..], Repeat::No)
        );
    }

    #[test]
    fn silence_is_measured_from_the_last_byte() {
        let ms = Duration::from_millis;
        let mut lines = Lines::new(Config::default());
        let mut seen = Vec::new();
        assert_eq!(lines.due(), None);
        lines.push(b"40", ms(1_000), &mut |output| seen.push(format!("{output:?}")));
        lines.push(b"06", ms(1_150), &mut |output| seen.push(format!("{output:?}")));
        assert_eq!(lines.due(), Some(ms(1_350)));
        lines.tick(ms(1_349), &mut |output| seen.push(format!("{output:?}")));
        assert!(seen.is_empty());
        lines.tick(ms(1_350), &mut |output| seen.push(format!("{output:?}")));
        assert_eq!(seen, ["Unreadable { reason: Unterminated, bytes: 4 }"]);
        assert_eq!(lines.due(), None);
    }
}
