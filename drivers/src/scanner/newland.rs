//! Newland scanners over RS-232 or USB in its serial mode.
//!
//! They are read, and told nothing. Their guides describe commands that set them up, and none that sounds the beeper;
//! whether they wait for ACK or take BEL is not written there either. The station has to tell in another way, and
//! `line` may be tried: what a scanner doesn't know, it ignores.
//!
//! Source: NLS-HR52 user manual, pp. 35 and 234.

use super::{Model, Preset};
use crate::framing::line::Terminator;
use crate::port::LineSettings;

pub(super) const MODELS: &[Model] = &[Model {
    word: "nls",
    preset: Preset { settings: LineSettings::FACTORY, terminator: Terminator::Auto },
    answer: None,
    voice: None,
    answer_within: None,
}];
