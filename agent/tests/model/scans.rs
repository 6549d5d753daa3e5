//! What a scan means, before the station's mode is asked: repeats, modes, what was begun.

use super::world::{Heard, Mode, Pending, SKUS, Station, Tally, Work, World};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    Verb(String),
    Mode(Mode),
    Reason(String),
    Condition(String),
    Quantity(u32),
    Bin(String),
    Tote(String),
    Line(usize),
    Label(u64),
    Item(char),
    Order(u32),
    Return(String),
    Nobody,
}

impl Code {
    pub fn read(text: &str, world: &World) -> Self {
        let mode = match text {
            "PICK" => Some(Mode::Pick),
            "PACK" => Some(Mode::Pack),
            "LOAD" => Some(Mode::Load),
            "RETURN" => Some(Mode::Return),
            "COUNT" => Some(Mode::Count),
            "RECEIVE" => Some(Mode::Receive),
            _ => None,
        };
        if let Some(mode) = mode {
            return Self::Mode(mode);
        }
        let verbs = ["DONE", "CANCEL", "UNDO", "SHORT", "REMOVE", "TAKE", "SEAL", "REPRINT", "HANDOVER"];
        match text.split_once([':', '-']) {
            _ if verbs.contains(&text) => Self::Verb(text.into()),
            Some(("R", _)) => Self::Reason(text.into()),
            Some(("C", _)) => Self::Condition(text.into()),
            Some(("Q", units)) => Self::Quantity(units.parse().unwrap()),
            Some(("BIN", id)) => Self::Bin(id.into()),
            Some(("TOTE", id)) => Self::Tote(id.into()),
            Some(("LINE", n)) => Self::Line(n.parse::<usize>().unwrap() - 1),
            _ if world.returns.contains_key(text) => Self::Return(text.into()),
            _ => Self::plain(text, world),
        }
    }

    fn plain(text: &str, world: &World) -> Self {
        let label = text.strip_prefix('p').and_then(|serial| serial.parse().ok());
        let order = text.parse().ok().filter(|number| world.orders.contains_key(number));
        match (label, order, text.chars().next()) {
            (Some(serial), ..) => Self::Label(serial),
            (_, Some(number), _) => Self::Order(number),
            (.., Some(letter)) if text.len() == 1 => Self::Item(letter),
            _ => Self::Nobody,
        }
    }

    /// The letter of a product that the site knows.
    pub fn known(&self) -> Option<char> {
        match self {
            Self::Item(letter) => Some(*letter).filter(|letter| SKUS.contains(letter)),
            _ => None,
        }
    }

    /// Whether it names a line or an item, and not something else.
    pub fn is_item(&self) -> bool {
        matches!(self, Self::Item(_) | Self::Line(_) | Self::Nobody)
    }
}

pub fn refused(reason: impl std::fmt::Display) -> String {
    format!("refused ({reason})")
}

pub fn wrong(reason: impl std::fmt::Display) -> String {
    format!("wrong ({reason})")
}

pub fn other_mode() -> String {
    refused("other_mode")
}

pub fn finished() -> String {
    "already (finished)".into()
}

pub fn unknown() -> String {
    "unknown (unknown_code)".into()
}

impl World {
    /// The answer to `text` at the station, in scripts' words.
    pub fn scan(&mut self, at: &'static str, text: &str) -> String {
        let heard = self.station(at).heard.clone();
        if let Some(heard) = heard.filter(|heard| heard.code == text && heard.doubtful && heard.counted) {
            self.station(at).heard = Some(Heard { signal: "already".into(), doubtful: false, ..heard });
            return "already (perhaps_counted)".into();
        }
        let before = self.counted(at);
        let said = self.means(at, text);
        let signal = said.split(' ').next().unwrap().to_owned();
        let after = self.counted(at);
        let moved = after.0 != before.0 || (after.1 != before.1 && !after.1.is_empty());
        let counted = ["accepted", "completed"].contains(&&*signal) && moved;
        self.station(at).heard = Some(Heard { code: text.into(), signal, counted, doubtful: false });
        said
    }

    /// Everything that work changes: what a station has open is not work done, but what it has counted is, until that
    /// is dropped.
    fn counted(&self, at: &str) -> (String, Vec<Tally>) {
        let tally = match &self.stations[at].work {
            Work::Tally(lines) => lines.clone(),
            _ => Vec::new(),
        };
        let Self { orders, on_hand, returns, manifests, written, .. } = self;
        (format!("{orders:?}{on_hand:?}{returns:?}{manifests:?}{written}"), tally)
    }

    fn means(&mut self, at: &'static str, text: &str) -> String {
        let code = Code::read(text, self);
        match &code {
            Code::Mode(mode) => return self.change_mode(at, *mode),
            Code::Verb(verb) if verb == "CANCEL" => return self.leave(at),
            Code::Verb(verb) if verb == "UNDO" => return self.undo(at),
            _ => {}
        }
        let begun = self.station(at).pending.clone();
        let said = self.finishes(at, &code).unwrap_or_else(|| {
            self.station(at).pending = None;
            match self.stations[at].mode {
                Mode::Pick | Mode::Pack => self.bench(at, &code),
                Mode::Load => self.door(at, &code),
                Mode::Return => self.desk(at, &code),
                Mode::Count | Mode::Receive => self.tally(at, &code),
            }
        });
        // A refusal leaves what was begun as it is, and so does a label that is confirmed meanwhile.
        let confirmed = self.stations[at].mode != Mode::Load && matches!(code, Code::Label(_)) && said == "accepted";
        let station = self.station(at);
        if (said.contains('(') || confirmed) && station.pending.is_none() {
            station.pending = begun;
        }
        said
    }

    fn change_mode(&mut self, at: &str, mode: Mode) -> String {
        let station = self.station(at);
        if matches!(&station.work, Work::Tally(lines) if !lines.is_empty()) {
            return refused("unwritten");
        }
        *station = Station { heard: station.heard.take(), ..Station::in_mode(mode) };
        "opened".into()
    }

    fn leave(&mut self, at: &str) -> String {
        let station = self.station(at);
        if station.pending.take().is_none() {
            station.lay_down();
        }
        "accepted".into()
    }

    /// The answer where the scan belongs to what was begun; it is over then, unless the answer says why not.
    fn finishes(&mut self, at: &'static str, code: &Code) -> Option<String> {
        let begun = self.station(at).pending.take()?;
        let unfit = || Some(wrong("unfit"));
        let verb = matches!(code, Code::Verb(_));
        match (begun, code) {
            (Pending::Tote(tote), Code::Verb(done)) if done == "DONE" => match self.most_urgent(at) {
                Some(number) => Some(self.add_to_round(at, &tote, number)),
                None => Some("already (nothing_waits)".into()),
            },
            (Pending::Condition(_), Code::Verb(done)) if done == "DONE" => unfit(),
            _ if verb => None,
            (Pending::Tote(tote), Code::Order(number)) => Some(self.add_to_round(at, &tote, *number)),
            (Pending::Take, _) => self.take_over(at, code).or_else(unfit),
            (Pending::Unit { order, line, tote }, _) => self.unit_into_tote(at, order, &line, &tote, code),
            (Pending::ShortItem, _) if code.is_item() => Some(self.short_item(at, code)),
            (Pending::ShortItem, _) => unfit(),
            (Pending::ShortCause { order, line, .. }, Code::Quantity(units)) => {
                self.station(at).pending = Some(Pending::ShortCause { order, line, there: Some(*units) });
                Some(format!("opened {units}/{units}"))
            }
            (Pending::ShortCause { order, line, there }, Code::Reason(reason))
                if ["R-NOT-THERE", "R-DAMAGED", "R-OTHER"].contains(&&**reason) =>
            {
                Some(self.short(at, order, &line, there, reason))
            }
            (Pending::ShortCause { .. }, _) => unfit(),
            (Pending::Remove, _) if code.is_item() => Some(self.remove_item(at, code)),
            (Pending::Remove, _) => unfit(),
            (Pending::Condition(sku), Code::Condition(condition)) => Some(self.inspect(at, sku, condition)),
            (Pending::Condition(_), _) => unfit(),
            (Pending::Place { order, n }, Code::Bin(_)) => self.put_in_place(at, order, n),
            (Pending::Found { order, n }, Code::Reason(reason)) if reason == "R-LEFT-BEHIND" => {
                self.left_behind(order, n)
            }
            _ => None,
        }
    }
}
