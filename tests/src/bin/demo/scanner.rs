//! What staff hold in their hands: a scanner that sends lines, or a Zebra in packets.

use std::path::Path;
use std::time::Duration;

use parceld_tests::scanner::VirtualScanner;
use parceld_tests::scanner::ssi::{Form, Reply, VirtualSsi};
use parceld_tests::wait::{self, Stopwatch};

/// As Zebra's scanners have it.
const RESPONSE_TIME_OUT: Duration = Duration::from_secs(2);

/// What a Zebra is told before it sends packets.
const SETTINGS: [u8; 3] = [0x9f, 0xee, 0x38];

const CODE_128: u8 = 0x03;
const EAN_13: u8 = 0x0b;
const GS1_128: u8 = 0x0f;

#[derive(Debug)]
pub enum Scanner {
    Lines(VirtualScanner),
    Packets(VirtualSsi),
}

/// What came back at once.
#[derive(Debug, Clone, Copy)]
pub struct Heard {
    /// On disk.
    pub recorded: bool,
    /// Where the sounds come with it; a Zebra's come one by one, after it.
    pub beeps: Option<u8>,
    pub after: Duration,
}

impl Scanner {
    #[must_use]
    pub fn in_lines() -> Scanner {
        Scanner::Lines(VirtualScanner::new())
    }

    #[must_use]
    pub fn in_packets() -> Scanner {
        Scanner::Packets(VirtualSsi::new(RESPONSE_TIME_OUT))
    }

    #[must_use]
    pub fn driver(&self) -> &'static str {
        match self {
            Scanner::Lines(_) => "line",
            Scanner::Packets(_) => "ssi",
        }
    }

    #[must_use]
    pub fn port(&self) -> &Path {
        match self {
            Scanner::Lines(scanner) => scanner.port(),
            Scanner::Packets(scanner) => scanner.port(),
        }
    }

    /// Listens until the agent has set it up.
    pub fn get_ready(&mut self) {
        if let Scanner::Packets(scanner) = self {
            scanner.until_set_up(&SETTINGS);
        }
    }

    /// Sends a code, a GS1 one with `]C1` before it. `None` where nothing comes back.
    pub fn scan(&mut self, code: &str) -> Option<Heard> {
        match self {
            Scanner::Lines(scanner) => {
                let answer = scanner.try_scan(code, wait::GENEROUS)?;
                Some(Heard { recorded: answer.recorded, beeps: Some(answer.beeps), after: answer.after })
            }
            Scanner::Packets(scanner) => {
                let sent = Stopwatch::start();
                let (reply, _) = scanner.send_as(code_type(code), code, Form::Single);
                let recorded = match reply {
                    Reply::Acknowledged => true,
                    Reply::Refused(_) => false,
                    Reply::Nothing => return None,
                };
                Some(Heard { recorded, beeps: None, after: sent.elapsed() })
            }
        }
    }
}

fn code_type(code: &str) -> u8 {
    match code {
        _ if code.starts_with("]C1") => GS1_128,
        _ if code.len() == 13 && code.bytes().all(|byte| byte.is_ascii_digit()) => EAN_13,
        _ => CODE_128,
    }
}
