//! Staff and their scanners: what they scan, as bytes on a line, and what they do about the answers.

use super::platform::PRODUCTS;
use parceld::domain::signal::{Answer, Signal};
use parceld::floor::barcode;
use parceld_drivers::framing::line::Config;
use parceld_drivers::protocol::lines::Lines;
use parceld_drivers::protocol::{Output, Protocol, Read};
use parceld_tests::random::Random;
use std::collections::VecDeque;
use std::time::Duration;

pub const STATIONS: [&str; 3] = ["bench-1", "bench-2", "bench-3"];

/// A person at a bench with a scanner.
pub struct Bench {
    pub station: &'static str,
    number: usize,
    protocol: Protocol,
    line: VecDeque<(Duration, Vec<u8>)>,
    next_at: Duration,
    open: Option<String>,
    /// What was scanned last and is not answered with anything but "not saved".
    waiting: Option<String>,
    serials: u64,
}

impl Bench {
    pub fn new(number: usize) -> Self {
        Self {
            station: STATIONS[number],
            number,
            protocol: Protocol::Lines(Lines::new(Config::default())),
            line: VecDeque::new(),
            next_at: Duration::from_millis(200 * number as u64),
            open: None,
            waiting: None,
            serials: 0,
        }
    }

    pub fn due(&self) -> Option<Duration> {
        let line = self.line.front().map(|(at, _)| *at);
        [Some(self.next_at), line, self.protocol.due()].into_iter().flatten().min()
    }

    /// Scans what comes next, if it is time to. What the line gave as whole reads.
    pub fn turn(&mut self, now: Duration, site_key: &[u8], orders: &[String], random: &mut Random) -> Vec<Read> {
        if self.next_at <= now {
            self.next_at = now + Duration::from_millis(150 + random.below(1_800) as u64);
            self.act(now, site_key, orders, random);
        }
        let mut reads = Vec::new();
        let mut out = |output: Output<'_>| {
            if let Output::Read(read) = output {
                reads.push(read);
            }
        };
        self.protocol.tick(now, &mut out);
        while let Some((_, bytes)) = self.line.pop_front_if(|(at, _)| *at <= now) {
            self.protocol.push(&bytes, now, &mut out);
        }
        reads
    }

    /// The agent is gone, and with it all that was on the line.
    pub fn line_lost(&mut self, now: Duration) {
        self.line.clear();
        self.protocol = Protocol::Lines(Lines::new(Config::default()));
        self.protocol.opened(now, &mut |_| {});
    }

    fn act(&mut self, now: Duration, site_key: &[u8], orders: &[String], random: &mut Random) {
        if random.once_in(25) {
            let noise = vec![[0x00, 0xff, 0x80][random.below(3)]; 1 + random.below(20)];
            self.line.push_back((now, noise));
            return;
        }
        let again = self.waiting.take().filter(|_| !random.once_in(4));
        let frame = again.unwrap_or_else(|| self.choose(site_key, orders, random));
        let bytes = [frame.as_bytes(), b"\r"].concat();
        match random.below(14) {
            // Half a line: unplugged, or a cable that fails.
            0 => {
                self.line.push_back((now, bytes[..bytes.len() / 2].to_vec()));
                return;
            }
            // It fires twice.
            1 | 2 => {
                let gap = Duration::from_millis(20 + random.below(120) as u64);
                self.line.push_back((now, bytes.clone()));
                self.line.push_back((now + gap, bytes));
            }
            // In two pieces.
            3 => {
                let (first, second) = bytes.split_at(bytes.len() / 3);
                self.line.push_back((now, first.to_vec()));
                self.line.push_back((now + Duration::from_millis(40), second.to_vec()));
            }
            _ => self.line.push_back((now, bytes)),
        }
        self.waiting = Some(frame);
    }

    fn choose(&mut self, site_key: &[u8], orders: &[String], random: &mut Random) -> String {
        let verb = |word: &str| barcode::text(word, site_key);
        match (self.open.is_some(), random.below(20)) {
            (_, 0) => "nobody knows this".to_owned(),
            (true, 1) => verb("CANCEL"),
            (true, 2) => verb("DONE"),
            (true, _) => {
                self.serials += 1;
                let product = PRODUCTS[random.below(PRODUCTS.len())];
                format!("]C101{product}21S{}-{}", self.number, self.serials)
            }
            (false, 1..=8) if !orders.is_empty() => orders[random.below(orders.len())].clone(),
            (false, _) => verb("DONE"),
        }
    }

    /// The answer to a read.
    pub fn hear(&mut self, answer: &Answer) {
        match answer.signal {
            Signal::NotSaved | Signal::Silent => return,
            Signal::Opened => self.open = answer.order.as_ref().map(ToString::to_string),
            Signal::Completed => self.open = None,
            Signal::Accepted if answer.item.is_none() => self.open = None,
            Signal::Refused if answer.order.is_none() => self.open = None,
            _ => {}
        }
        self.waiting = None;
    }
}

/// The serial in a read's payload.
pub fn serial(read: &Read) -> Option<String> {
    let text = std::str::from_utf8(&read.payload).ok()?;
    let rest = text.strip_prefix("01").filter(|rest| rest.len() > 16 && rest[14..].starts_with("21"))?;
    Some(rest[16..].to_owned())
}
