//! What the writer can be asked to do.

use super::Config;
use super::log::Place;
use crate::clock::Moment;
use crate::contract::receipt::Receipt;
use crate::domain::code::Scan;
use crate::domain::decide::Print;
use crate::domain::event::{Event, Method};
use crate::domain::name::{OrderId, OrderNumber, ScannerId, StationId};
use crate::domain::promise::Finding;
use crate::domain::promise::pace::Slot;
use crate::domain::signal::Answer;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

/// Called on the writer's thread after the commit: it must be quick and must not block.
pub type Reply<T> = Box<dyn FnOnce(T) + Send>;

/// The storage could not take it; nothing of it is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSaved;

/// Jobs that wait for the writer, in boxes: a queue has room from the start for all that may ever wait.
pub type Queue = Receiver<Box<Job>>;

/// One request to the writer.
pub enum Job {
    /// Decide a scan and store what follows from it. A scan that can't be stored is answered with `NotSaved`.
    Scan { station: StationId, scan: Scan, method: Method, moment: Moment, reply: Reply<Answer> },
    /// Decide a command of the platform and store it with its reply.
    Command { payload: Vec<u8>, moment: Moment, reply: Reply<Result<CommandOutcome, NotSaved>> },
    /// Find out by writing whether the storage takes anything.
    Try,
    /// Record an event that no scan caused.
    Record { event: Event, station: Option<StationId>, moment: Moment },
    /// The same, and whoever had it recorded hears its place once it is on disk.
    Note { event: Event, moment: Moment, reply: Reply<Result<Place, NotSaved>> },
    /// Decide once more a command that rests in quarantine.
    Retry { key: i64, moment: Moment, reply: Reply<Result<Retried, NotSaved>> },
    /// Throw a command of the quarantine away; `false`: it isn't there.
    Discard { key: i64, reply: Reply<Result<bool, NotSaved>> },
    /// The broker has acknowledged everything up to this place. Where the platform asked for events again, it gets them once more up
    /// to `again_to`, whatever it says that it has.
    Sent { place: Place, again_to: Option<Place>, moment: Moment },
    /// Events of this file's own are about to be published, for the first time since the start. Answered also where that can't
    /// be written down: sending goes on, and a later start may take the file for an older copy, which costs a new epoch.
    Publishing { reply: Reply<Result<(), NotSaved>> },
    /// The platform has stored everything up to there. `at_start`: nothing of this file's own was published since the start.
    Receipt { receipt: Receipt, at_start: bool, moment: Moment, reply: Reply<Result<ReceiptOutcome, NotSaved>> },
    /// The answer to this scanner's last scan did not reach it.
    Unanswered { scanner: ScannerId },
    /// Sign out whoever has scanned nothing for too long.
    SignOutIdle { moment: Moment },
    /// Judge orders whose promise has turned; on what is true then.
    Judge { findings: Vec<Finding>, moment: Moment },
    /// Record something that the schedule found due, and set marks of the slate; once for each name.
    Duty { name: String, event: Option<Event>, marks: Vec<(&'static str, i64)>, moment: Moment },
    /// Keep what was packed in some slots; units are counted up to this place. Up to `passed` no customer is asked any more.
    Pace { slots: Vec<(i64, Slot)>, counted: Place, passed: Option<Place>, moment: Moment },
    /// Ask the customers of orders, completed at these places, how it was; all of them, or `false`.
    Invite { completed: Vec<(Place, OrderId)>, moment: Moment, reply: Reply<bool> },
    /// Give out so many numbers for labels that are printed beforehand; the first of them.
    ReserveSerials { count: u32, reply: Reply<Result<u64, NotSaved>> },
    /// Keep the digest of a new token of the page in place of the old one's.
    KeepToken { digest: [u8; 32], reply: Reply<Result<(), NotSaved>> },
    /// Tell by how much the times of this boot are to be shifted, now that the clock is believed; `true`: there is more.
    /// `vouched`: a time server has vouched for it, which is kept for this boot.
    CorrectTimes { moment: Moment, vouched: bool, reply: Reply<Result<bool, NotSaved>> },
    /// Decide by another configuration from here on; of the same site and file.
    Configure { config: Arc<Config>, reply: Reply<Result<(), NotSaved>> },
    /// Forget what is received and old; `true`: there is more.
    Retain { moment: Moment, reply: Reply<bool> },
    /// Answered when everything before it is done.
    Barrier { reply: Reply<()> },
    /// End.
    Stop,
}

/// Something for a station's printer, after what it is about is on disk.
#[derive(Clone, Debug)]
pub struct PrintJob {
    /// None: nobody knows any more which station wanted it.
    pub station: Option<StationId>,
    pub what: PrintWhat,
}

#[derive(Clone)]
pub enum PrintWhat {
    Ours(Box<Print>),
    /// A carrier's label, as the platform sent it. It names a person, so it is never in the file.
    Carriers {
        order: OrderNumber,
        parcel: u32,
        zpl: String,
    },
}

impl fmt::Debug for PrintWhat {
    /// Without the carrier's label.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours(print) => f.debug_tuple("Ours").field(print).finish(),
            Self::Carriers { order, parcel, .. } => write!(f, "Carriers({order}/{parcel})"),
        }
    }
}

/// What a command led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOutcome {
    /// What to publish; none for a message without an id that could be read.
    pub reply: Option<String>,
    /// Sending goes back to after this place.
    pub rewind: Option<Place>,
}

/// What became of a command that was decided once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retried {
    /// There is none with this key.
    Absent,
    /// It held what must not be kept, so nothing of it is here.
    NotKept,
    /// It can't be used by this version either, and stays.
    Unusable { why: String },
    /// It is decided as if it had just come, and rests no more; the status is the contract's.
    Decided { status: String, why: Option<String>, rewind: Option<Place> },
}

/// What a receipt led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptOutcome {
    /// Everything up to this place is received now.
    Advanced(Place),
    /// Nothing new: the platform misses something after this place, or only says it again.
    Repeated(Place),
    /// Less than an earlier receipt said.
    Older,
    /// Of an earlier epoch of this file, or of another file.
    OtherEpoch,
    /// Beyond the head of the log: refused.
    Beyond,
    /// The file is an older copy: a new epoch has begun, with nothing of it sent.
    NewEpoch,
}

impl Job {
    /// Whether it touches nothing but what is in memory, and needs no transaction.
    pub fn is_memory_only(&self) -> bool {
        match self {
            Self::Sent { .. } | Self::Unanswered { .. } | Self::Barrier { .. } | Self::Try | Self::Stop => true,
            Self::Scan { .. }
            | Self::Command { .. }
            | Self::Record { .. }
            | Self::Note { .. }
            | Self::Retry { .. }
            | Self::Discard { .. }
            | Self::Receipt { .. }
            | Self::Publishing { .. }
            | Self::SignOutIdle { .. }
            | Self::Judge { .. }
            | Self::Duty { .. }
            | Self::Pace { .. }
            | Self::Invite { .. }
            | Self::ReserveSerials { .. }
            | Self::KeepToken { .. }
            | Self::CorrectTimes { .. }
            | Self::Configure { .. }
            | Self::Retain { .. } => false,
        }
    }
}

impl Job {
    /// When it was asked for; none where that is nothing to it.
    pub fn moment(&self) -> Option<&Moment> {
        match self {
            Self::Scan { moment, .. }
            | Self::Command { moment, .. }
            | Self::Record { moment, .. }
            | Self::Note { moment, .. }
            | Self::Retry { moment, .. }
            | Self::Sent { moment, .. }
            | Self::Receipt { moment, .. }
            | Self::SignOutIdle { moment }
            | Self::Judge { moment, .. }
            | Self::Duty { moment, .. }
            | Self::Pace { moment, .. }
            | Self::Invite { moment, .. }
            | Self::CorrectTimes { moment, .. }
            | Self::Retain { moment, .. } => Some(moment),
            Self::Configure { .. }
            | Self::Try
            | Self::Discard { .. }
            | Self::Unanswered { .. }
            | Self::ReserveSerials { .. }
            | Self::KeepToken { .. }
            | Self::Publishing { .. }
            | Self::Barrier { .. }
            | Self::Stop => None,
        }
    }

    /// Whether it takes room that it doesn't give back: on a full disk it has to wait.
    pub fn grows(&self) -> bool {
        match self {
            Self::Configure { .. }
            | Self::Sent { .. }
            | Self::Receipt { .. }
            | Self::Publishing { .. }
            | Self::Unanswered { .. }
            | Self::Discard { .. }
            | Self::Retain { .. }
            | Self::Barrier { .. }
            | Self::Try
            | Self::Stop => false,
            Self::Scan { .. }
            | Self::Command { .. }
            | Self::Record { .. }
            | Self::Note { .. }
            | Self::Retry { .. }
            | Self::SignOutIdle { .. }
            | Self::Judge { .. }
            | Self::Duty { .. }
            | Self::Pace { .. }
            | Self::Invite { .. }
            | Self::CorrectTimes { .. }
            | Self::ReserveSerials { .. }
            | Self::KeepToken { .. } => true,
        }
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scan { .. } => "Scan",
            Self::Command { .. } => "Command",
            Self::Record { .. } => "Record",
            Self::Note { .. } => "Note",
            Self::Retry { .. } => "Retry",
            Self::Discard { .. } => "Discard",
            Self::Sent { .. } => "Sent",
            Self::Publishing { .. } => "Publishing",
            Self::Receipt { .. } => "Receipt",
            Self::Unanswered { .. } => "Unanswered",
            Self::SignOutIdle { .. } => "SignOutIdle",
            Self::Judge { .. } => "Judge",
            Self::Duty { .. } => "Duty",
            Self::Pace { .. } => "Pace",
            Self::Invite { .. } => "Invite",
            Self::ReserveSerials { .. } => "ReserveSerials",
            Self::KeepToken { .. } => "KeepToken",
            Self::CorrectTimes { .. } => "CorrectTimes",
            Self::Configure { .. } => "Configure",
            Self::Retain { .. } => "Retain",
            Self::Barrier { .. } => "Barrier",
            Self::Try => "Try",
            Self::Stop => "Stop",
        })
    }
}
