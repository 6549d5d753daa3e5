//! What a station's screen says while people scan: a journal, the floor's memory of answers, and the screen they make.
//!
//! A story is lines of `station: code` and, after `=`, what the screen says then; `+2s` lets time pass. A screen is
//! written as `state | word | big | what | card`.

#![expect(clippy::unwrap_used, reason = "what fails here is a failed test")]

mod sights;
#[path = "../site/mod.rs"]
mod site;

use jiff::Timestamp;
use parceld::domain::code::{Meaning, Scan, Verb};
use parceld::domain::dispatch::{Desk, Gone};
use parceld::domain::event::Method;
use parceld::domain::name::StationId;
use parceld::domain::rules::Flow;
use parceld::domain::station::Mode;
use parceld::floor::status::{Answered, FloorStatus};
use parceld::journal::view::Past;
use parceld::journal::{Config, Job, Reader, Storage};
use parceld::screen::{Below, Big, Counts, Facts, Lead, Mark, Net, Screen, Stage, Touch, Words};
use parceld::words::Language;
use site::{Folder, Site, at, read};

/// A site with what its screens need beside the journal.
pub struct Floor {
    pub site: Site,
    pub config: Config,
    pub status: FloorStatus,
    pub storage: Storage,
    pub storage_since: Timestamp,
    pub net: Net,
    pub is_deaf: bool,
    pub past: Vec<Past>,
    reader: Reader,
    folder: Folder,
}

impl Floor {
    pub fn new(change: impl FnOnce(&mut Config)) -> Self {
        let folder = Folder::in_memory();
        let mut config = site::config(&folder.file("parceld.db"));
        config.stations.insert("desk".into(), Mode::Return);
        config.stations.insert("shelf".into(), Mode::Count);
        change(&mut config);
        Self::start(folder, config)
    }

    fn start(folder: Folder, config: Config) -> Self {
        let site = Site::start_with(clone(&config));
        let reader = site.journal.reader().unwrap();
        Self {
            site,
            config,
            status: FloorStatus::default(),
            storage: Storage::Well,
            storage_since: at(0).wall,
            net: Net::Up(0),
            is_deaf: false,
            past: Vec::new(),
            reader,
            folder,
        }
    }

    /// The agent dies and comes back: nothing is left but the file.
    pub fn restart(self) -> Self {
        let Self { site, config, folder, reader, .. } = self;
        drop(reader);
        site.stop_without_a_word();
        let mut floor = Self::start(folder, config);
        floor.past = floor.reader.counted_before(&"bench".into(), floor.site.journal.head_at_start(), 5).unwrap();
        floor
    }

    /// An order of lines like `2xA@A-03-2`.
    pub fn put(&mut self, number: u32, lines: &str) {
        self.put_with(number, lines, |_| {});
    }

    /// The same, with changes to what the platform says.
    pub fn put_with(&mut self, number: u32, lines: &str, change: impl FnOnce(&mut serde_json::Value)) {
        let mut order = site::order(number, 1, "");
        let mut all = Vec::new();
        for text in lines.split_whitespace() {
            let (goods, bin) = text.split_once('@').map_or((text, None), |(goods, bin)| (goods, Some(bin)));
            let (quantity, letter) = goods.split_once('x').unwrap();
            let mut line = serde_json::json!({
                "line": letter, "sku": letter, "name": format!("Item {letter}"),
                "quantity": quantity.parse::<u32>().unwrap(), "barcodes": [letter],
            });
            if let Some(bin) = bin {
                line["bin"] = bin.into();
            }
            all.push(line);
        }
        order["lines"] = all.into();
        change(&mut order);
        assert_eq!(self.site.tell("order.put", order), "accepted");
    }

    pub fn scan(&mut self, station: &str, code: &str) {
        self.site.now_ms += 1_000;
        let moment = at(self.site.now_ms);
        let text = Verb::named(code).map_or(code.to_owned(), |_| format!("PD:{code}:ABCD"));
        let mut scan = Scan { text: text.as_bytes().into(), ..read(station, code, &moment) };
        if let Some(rest) = code.strip_prefix("PD:") {
            let meaning = Meaning::located(rest).or_else(|| Meaning::commanded(rest)).unwrap();
            scan = Scan { meaning, ..scan };
        }
        self.submit(station, scan);
    }

    pub fn touch(&mut self, station: &str, word: &str) {
        self.site.now_ms += 1_000;
        let touch = Touch::named(word).unwrap_or_else(|| panic!("no word of the page: {word}"));
        let moment = at(self.site.now_ms);
        let text = touch.text();
        let scan = Scan { meaning: touch.meaning(), text: text.as_bytes().into(), ..read("touch", &text, &moment) };
        self.submit(station, scan);
    }

    fn submit(&mut self, station: &str, scan: Scan) {
        let moment = at(self.site.now_ms);
        let (scanner, code) = (scan.scanner.clone(), scan.shown());
        let id = StationId::from(station);
        let answer =
            self.site.ask(|reply| Job::Scan { station: id.clone(), scan, method: Method::Scan, moment, reply });
        let answered = Answered { number: 0, at: moment.wall, station: id, scanner, code, answer, took_us: 0 };
        self.status.answered(answered);
    }

    pub fn screen(&self, station: &str, language: Language) -> Screen {
        let id = StationId::from(station);
        let now = at(self.site.now_ms).wall;
        self.site.settle();
        let mode = self.config.stations[&id];
        let bench = self.reader.bench(&id, mode).unwrap();
        let gone = Gone::new();
        let desk = Desk { rules: &self.config.rules, now, clock_trusted: true, gone: &gone };
        let waiting = self.reader.waiting(desk, bench.station.mode, bench.station.put_down.as_ref(), 4).unwrap();
        let door = self.reader.door().unwrap();
        let nothing = Default::default();
        let facts = Facts {
            words: Words::of(language),
            rules: &self.config.rules,
            now,
            clock_trusted: true,
            start: self.site.journal.starts(),
            name: station,
            bench: &bench,
            waiting: &waiting,
            door: &door,
            answers: self.status.by_station.get(&id).unwrap_or(&nothing),
            past: &self.past,
            counts: Some(Counts { today: 214, hour: 61 }),
            storage: &self.storage,
            storage_since: self.storage_since,
            net: self.net,
            is_deaf: self.is_deaf,
        };
        Screen::of(&facts)
    }

    /// Lives a story and compares what each scan shows.
    #[track_caller]
    pub fn check(&mut self, story: &str) {
        let lines = || story.lines().map(str::trim).filter(|line| !line.is_empty());
        let lived: Vec<String> = lines().map(|line| self.live(line)).collect();
        let told: Vec<String> = lines().map(str::to_owned).collect();
        assert!(lived == told, "the story went on like this:\n{}", lived.join("\n"));
    }

    fn live(&mut self, line: &str) -> String {
        let (done, is_looked_at) = line.split_once(" = ").map_or((line, false), |(done, _)| (done, true));
        let Some((station, code)) = done.split_once(": ") else { panic!("no station in {line:?}") };
        match (code, code.strip_prefix("touch ")) {
            ("look", _) => {}
            ("+2s", _) => self.site.now_ms += 2_000,
            (_, Some(word)) => self.touch(station, word),
            (code, None) => self.scan(station, code),
        }
        match is_looked_at {
            true => format!("{done} = {}", written(&self.screen(station, Language::ENGLISH).stage)),
            false => done.to_owned(),
        }
    }
}

fn clone(config: &Config) -> Config {
    Config {
        path: config.path.clone(),
        rules: config.rules.clone(),
        stations: config.stations.clone(),
        bounce: config.bounce.clone(),
        repeating: config.repeating.clone(),
        printing: None,
        keep: config.keep,
        orders_cached: config.orders_cached,
        backups: config.backups.clone(),
        ballast_bytes: config.ballast_bytes,
        forget_on_puback: config.forget_on_puback,
        version: config.version.clone(),
        boot: config.boot.clone(),
    }
}

/// A stage as a line of a story.
pub fn written(stage: &Stage) -> String {
    let big = match &stage.big {
        None => String::new(),
        Some(Big::Of(done, of)) => format!("{done} of {of}"),
        Some(Big::Number(text)) => format!("#{text}"),
        Some(Big::Text(text)) => text.clone(),
        Some(Big::Literal(text)) => format!("[{text}]"),
    };
    let card = match &stage.below {
        Below::Nothing => "-".to_owned(),
        Below::Next(next) => {
            let lead = match &next.lead {
                Lead::Quantity(units) => format!("{units}x "),
                Lead::Icon(_) => String::new(),
                Lead::Tote(tote) => format!("({}) ", tote.letter),
            };
            let place = next.place.as_ref().map(|place| format!(" @ {place}")).unwrap_or_default();
            format!("{lead}{}: {}{place}", next.does, next.name)
        }
        Below::Queue { rows, count } => {
            let rows: Vec<String> = rows.iter().map(|row| format!("{} ({})", row.number, row.more)).collect();
            format!("{count}: {}", rows.join(", "))
        }
        Below::Totes(totes) => {
            let tote = |tote: &parceld::screen::Gathered| {
                let now = if tote.is_now { "*" } else { "" };
                format!("{now}{} {}/{}", tote.tote.letter, tote.done, tote.of)
            };
            totes.iter().map(tote).collect::<Vec<_>>().join(", ")
        }
        Below::Choices(acts) => acts.iter().map(|act| act.touch.to_string()).collect::<Vec<_>>().join(", "),
        Below::Date(date) => date.to_string(),
    };
    let tote = match &stage.mark {
        Mark::Tote(tote) => format!("({}) ", tote.letter),
        Mark::Icon(_) => String::new(),
    };
    let what = stage.what.as_deref().unwrap_or("-");
    let big = if big.is_empty() { "-".to_owned() } else { big };
    format!("{} | {tote}{} | {big} | {what} | {card}", stage.state.word(), stage.word)
}

/// Picking and packing are steps of their own.
pub fn two_steps(config: &mut Config) {
    config.rules.flow = Flow::PickThenPack;
    config.stations.insert("pick".into(), Mode::Pick);
}
