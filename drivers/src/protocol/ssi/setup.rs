//! Telling the decoder how to behave, one setting at a time.
//!
//! Settings are temporary: they last until the scanner loses power, and don't wear its memory. A command that is not
//! answered within the response time-out is sent again twice, as Zebra's guides ask of a host.

use std::time::Duration;

use super::RESPONSE_TIME_OUT;
use crate::framing::ssi::{Nak, opcode, packet};
use crate::protocol::{Output, SetupFailure};

const SENDS_MAX: u8 = 3;

/// The first byte of PARAM_SEND: make no sound.
const NO_BEEP: u8 = 0xff;
const STATUS_RETRANSMIT: u8 = 0x01;

/// A scanner that was switched off has forgotten its settings, and is told again; not more often than this.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// A parameter of the decoder, with a number of one byte.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// What it does, in words.
    pub name: &'static str,
    pub parameter: u8,
    pub value: u8,
}

#[derive(Debug)]
pub struct Setup {
    settings: &'static [Setting],
    state: State,
    begun: Duration,
    /// What went wrong first since it is told.
    failure: Option<SetupFailure>,
    /// What was reported, until it is set up.
    reported: Option<SetupFailure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Waiting {
        setting: usize,
        sends: u8,
        since: Duration,
    },
    /// The scanner said nothing.
    GivenUp,
}

impl Setup {
    pub fn new(settings: &'static [Setting]) -> Self {
        Self { settings, state: State::Idle, begun: Duration::ZERO, failure: None, reported: None }
    }

    /// Tells everything to a scanner of which nothing was reported.
    pub fn begin(&mut self, at: Duration, out: &mut dyn FnMut(Output<'_>)) {
        self.reported = None;
        self.tell_all(at, out);
    }

    /// The scanner sends as if it had not been told.
    pub fn seems_forgotten(&mut self, at: Duration, out: &mut dyn FnMut(Output<'_>)) {
        let waiting = matches!(self.state, State::Waiting { .. });
        if !waiting && self.begun.saturating_add(AGAIN_AFTER) <= at {
            self.tell_all(at, out);
        }
    }

    /// The scanner is there.
    pub fn heard(&mut self, at: Duration, out: &mut dyn FnMut(Output<'_>)) {
        if self.state == State::GivenUp {
            self.seems_forgotten(at, out);
        }
    }

    pub fn accepted(&mut self, at: Duration, out: &mut dyn FnMut(Output<'_>)) {
        if let State::Waiting { setting, .. } = self.state {
            self.tell(setting + 1, at, out);
        }
    }

    pub fn refused(&mut self, cause: Option<u8>, at: Duration, out: &mut dyn FnMut(Output<'_>)) {
        let State::Waiting { setting, sends, .. } = self.state else {
            return;
        };
        if cause == Some(Nak::Resend as u8) && sends < SENDS_MAX {
            return self.send(setting, sends + 1, at, out);
        }
        self.report(SetupFailure::Refused { setting: self.settings[setting].name }, out);
        self.tell(setting + 1, at, out);
    }

    pub fn due(&self) -> Option<Duration> {
        match self.state {
            State::Waiting { since, .. } => Some(since.saturating_add(RESPONSE_TIME_OUT)),
            State::Idle | State::GivenUp => None,
        }
    }

    pub fn tick(&mut self, at: Duration, out: &mut dyn FnMut(Output<'_>)) {
        let State::Waiting { setting, sends, .. } = self.state else {
            return;
        };
        if self.due().is_none_or(|due| at < due) {
            return;
        }
        if sends < SENDS_MAX {
            return self.send(setting, sends + 1, at, out);
        }
        self.state = State::GivenUp;
        self.report(SetupFailure::Unanswered { setting: self.settings[setting].name }, out);
    }

    pub fn abandon(&mut self) {
        self.state = State::Idle;
    }

    fn tell_all(&mut self, at: Duration, out: &mut dyn FnMut(Output<'_>)) {
        self.begun = at;
        self.failure = None;
        self.tell(0, at, out);
    }

    fn tell(&mut self, setting: usize, at: Duration, out: &mut dyn FnMut(Output<'_>)) {
        if setting < self.settings.len() {
            self.send(setting, 1, at, out);
        } else {
            self.state = State::Idle;
            if self.failure.is_none() && self.reported.take().is_some() {
                out(Output::SetUp);
            }
        }
    }

    fn send(&mut self, setting: usize, sends: u8, at: Duration, out: &mut dyn FnMut(Output<'_>)) {
        let status = if 1 < sends { STATUS_RETRANSMIT } else { 0 };
        let Setting { parameter, value, .. } = self.settings[setting];
        out(Output::Send(&packet(opcode::PARAM_SEND, status, &[NO_BEEP, parameter, value])));
        self.state = State::Waiting { setting, sends, since: at };
    }

    fn report(&mut self, failure: SetupFailure, out: &mut dyn FnMut(Output<'_>)) {
        if self.failure.is_none() {
            self.failure = Some(failure);
            if self.reported.replace(failure) != Some(failure) {
                out(Output::SetupFailed(failure));
            }
        }
    }
}
