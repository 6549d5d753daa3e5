//! From a scan's line to the painted answer: a page in Chromium, at the agent's station screen or at the floor's.
//!
//! The floor is the least that could paint: a line in, with fsync an append that is forced to disk, one message on an
//! event stream, and a bare page that shows it in another colour.
//!
//! A page counts as painted at the second frame after the one in which its answer came: the first is then on the screen.
//! The end is when the benchmark hears of it, by its own clock; both make it an upper bound.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use parceld_tests::browser::{Browser, Look, Page};
use parceld_tests::net;
use parceld_tests::pty::Pty;
use parceld_tests::random::Random;

use crate::site::Context;

/// The word by which the benchmark starts itself as the screen's floor.
pub const WORD: &str = "screen-floor";

/// A kiosk's screen.
const LOOK: Look = Look::sized(1920, 1080);

/// A frame at 60 Hz: scans come at any time within one.
const FRAME: Duration = Duration::from_micros(16_667);

/// After an answer is painted: what the page does about it is over.
const PAUSE: Duration = Duration::from_millis(20);

const PAINTED_WITHIN: Duration = Duration::from_secs(10);

/// Tells of an answer two frames after it: the page's own event comes when it has changed the document.
const TELL_WHEN_PAINTED: &str = "document.addEventListener('parceld:signal', () =>
    requestAnimationFrame(() => requestAnimationFrame(() => tellHarness(JSON.stringify({ name: 'painted' })))))";

/// Tells whether the document was changed since it was asked last.
const SEE_CHANGES: &str = "{
    let changes = 0;
    const all = { subtree: true, childList: true, characterData: true, attributes: true };
    new MutationObserver(seen => changes += seen.length).observe(document, all);
    window.takeChanges = () => { const seen = changes; changes = 0; return seen };
}";

/// Sends each of `lines`, waits until its answer is painted, and returns how long each took, in milliseconds.
///
/// # Errors
/// Where an answer is never painted, or painted without a change of the page, or the end is asked for.
pub fn scan<'a>(
    url: &str,
    pty: &Pty,
    lines: impl Iterator<Item = &'a str>,
    context: &Context,
) -> anyhow::Result<Vec<f64>> {
    let browser = Browser::start();
    let page = open(&browser, url);
    let mut random = Random::new(1);
    let mut samples = Vec::new();
    for line in lines {
        context.stop.pause(PAUSE + FRAME.mul_f64(random.below(1_000) as f64 / 1e3))?;
        let sent = browser.now();
        pty.write(line.as_bytes());
        let painted = page.heard_within(PAINTED_WITHIN).with_context(|| format!("{line:?} is never painted"))?;
        samples.push(painted.at.saturating_sub(sent).as_secs_f64() * 1e3);
        anyhow::ensure!(page.eval("takeChanges()") != 0, "{line:?} changed nothing on the page");
        // The scanner's own answer: its line must not fill.
        pty.read(Duration::ZERO);
    }
    Ok(samples)
}

fn open<'b>(browser: &'b Browser, url: &str) -> Page<'b> {
    let page = browser.page();
    page.look(LOOK);
    page.prepare(TELL_WHEN_PAINTED);
    page.prepare(SEE_CHANGES);
    page.open(url);
    page
}

/// The command of a floor that reads `pty` and serves its page on `port`; `log` is the file to append to.
///
/// # Errors
/// Where this program's own path is unknown.
pub fn floor(port: u16, log: Option<&Path>, pty: &Pty) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("this program's own path is unknown")?);
    command.arg(WORD).arg(port.to_string()).arg(log.unwrap_or(Path::new(""))).arg(pty.port());
    Ok(command)
}

const FLOOR_PAGE: &str = "<!doctype html><html lang=en><title>Floor</title><link rel=icon href='data:,'>
<body style='font: 40vh sans-serif'><script>
new EventSource('/live').onmessage = message => {
  document.body.textContent = message.data;
  document.body.style.background = message.data % 2 ? 'seagreen' : 'gold';
  document.dispatchEvent(new CustomEvent('parceld:signal'));
};
</script>";

/// What such a command runs, until the line is gone.
///
/// # Errors
/// Where the port, the file or the line can't be opened.
pub fn run_floor(mut words: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let port = words.next().context("no port")?.parse().context("no port")?;
    let log = words.next().filter(|path| !path.is_empty());
    let log = log.map(|path| OpenOptions::new().create(true).append(true).open(path)).transpose()?;
    let line = OpenOptions::new().read(true).write(true).open(words.next().context("no line")?)?;
    let listener = TcpListener::bind(net::loopback(port))?;
    let pages: Mutex<Vec<Sender<u64>>> = Mutex::default();
    thread::scope(|scope| {
        let pages = &pages;
        scope.spawn(move || {
            for visitor in listener.incoming().map_while(Result::ok) {
                scope.spawn(move || serve(&visitor, pages));
            }
        });
        let read = read(&line, log, pages);
        // The listener waits for ever.
        std::process::exit(i32::from(read.is_err()));
    })
}

fn read(line: &File, mut log: Option<File>, pages: &Mutex<Vec<Sender<u64>>>) -> io::Result<()> {
    let (mut lines, mut scan) = (BufReader::new(line), Vec::new());
    for number in 1.. {
        scan.clear();
        if lines.read_until(b'\n', &mut scan)? == 0 {
            break;
        }
        if let Some(log) = &mut log {
            log.write_all(&scan)?;
            log.sync_data()?;
        }
        pages.lock().unwrap_or_else(PoisonError::into_inner).retain(|page| page.send(number).is_ok());
    }
    Ok(())
}

fn serve(mut visitor: &TcpStream, pages: &Mutex<Vec<Sender<u64>>>) -> io::Result<()> {
    visitor.set_nodelay(true)?;
    let mut lines = BufReader::new(visitor).lines();
    let Some(request) = lines.next().transpose()? else { return Ok(()) };
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    if request.starts_with("GET /live ") {
        let (page, scans) = mpsc::channel();
        visitor.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n:\n\n")?;
        pages.lock().unwrap_or_else(PoisonError::into_inner).push(page);
        return tell(visitor, &scans);
    }
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/html; charset=utf-8\r\n";
    visitor.write_all(format!("{head}content-length: {}\r\n\r\n{FLOOR_PAGE}", FLOOR_PAGE.len()).as_bytes())
}

fn tell(mut page: &TcpStream, scans: &Receiver<u64>) -> io::Result<()> {
    scans.iter().try_for_each(|number| page.write_all(format!("data: {number}\n\n").as_bytes()))
}
