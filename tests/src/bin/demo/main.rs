//! The demonstration: a small site at work, from the scan to the customer's notification.
//!
//! A broker, the platform and the agent run as processes of their own. Staff are threads: each holds a virtual scanner
//! on a pty, and learns as people do, by looking, which order is open and which parcels are sealed; they look at the
//! platform, and at the labels that come out of the benches' printers. What is told is what the scanners were answered,
//! what was printed, and what the platform has received.
//! However it ends, by the last order, a signal or a panic, its processes end with it.

mod arguments;
mod board;
mod goods;
mod scanner;
mod site;
mod staff;
mod stop;
mod story;

use std::panic;
use std::process::ExitCode;
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use anyhow::bail;
use parceld_tests::wait::Stopwatch;

use arguments::Arguments;
use board::Board;
use goods::ORDERS;
use scanner::Scanner;
use site::Site;
use staff::{Bench, Codes, Counter, Door, Pace};
use stop::{Stop, Stopped};
use story::Story;

/// How long the platform may take, after the last scan, to show that all is done.
const COMPLETED_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{}", arguments::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("demo: {error}\n\n{}", arguments::HELP);
            return ExitCode::from(2);
        }
    };
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Stopped>() => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let stop = Stop::at_signals()?;
    let mut scanners = site::scanners();
    let site = Site::open(&scanners);
    scanners.iter_mut().for_each(Scanner::get_ready);
    let story = Story::new();
    story.opening(&site);
    let put = site.put_orders(&stop);
    if put.is_ok() {
        story.pages(&site);
    }
    let worked = put.and_then(|()| work(arguments, &site, &story, &stop, &mut scanners));
    if worked.as_ref().is_err_and(|error| !error.is::<Stopped>()) {
        eprintln!("{}", site.end_of_log());
    }
    site.close();
    worked
}

/// Everything that happens while the story is told.
fn work(
    arguments: Arguments,
    site: &Site,
    story: &Story,
    stop: &Stop,
    [left, right, door, counter]: &mut [Scanner; 4],
) -> anyhow::Result<()> {
    let codes = Codes::of(site);
    let board = Board::default();
    let (codes, board, pace) = (&codes, &board, Pace::of(arguments));
    thread::scope(|scope| {
        let listening = scope.spawn(|| supervised(stop, || story.tell_what_arrives(site, board, stop)));
        let desk = staff::Desk { site, board, story, stop, codes, pace };
        let staff = [
            scope.spawn(move || supervised(stop, || Bench::new(desk, "bench-1", left).work())),
            scope.spawn(move || supervised(stop, || Bench::new(desk, "bench-2", right).work())),
            scope.spawn(move || supervised(stop, || Door::new(desk, "door", door).work())),
            scope.spawn(move || supervised(stop, || Counter::new(desk, "desk", counter).work())),
        ];
        let worked = the_cause(staff.map(joined));
        let ended = worked.and_then(|()| finish(arguments, site, board, story, stop));
        stop.request();
        the_cause([ended, joined(listening).or_else(ignore_stop)])
    })
}

/// Waits for the platform's picture, then for the end: at once with `--once`, else by a signal.
fn finish(arguments: Arguments, site: &Site, board: &Board, story: &Story, stop: &Stop) -> anyhow::Result<()> {
    let waiting = Stopwatch::start();
    while !site.all_completed() {
        if COMPLETED_WITHIN < waiting.elapsed() {
            bail!(
                "the platform doesn't show every order as completed, {} s after the last scan",
                waiting.elapsed().as_secs()
            );
        }
        stop.pause(LOOK_EVERY)?;
    }
    board.find("every order's and the return's completion", stop, |events| {
        let count = |kind: &str| events.iter().filter(|event| event.kind == kind).count();
        (count("order.completed") == ORDERS.len() && count("return.completed") == 1).then_some(())
    })?;
    if arguments.once {
        story.all_done();
        return Ok(());
    }
    story.resting(site);
    stop.wait();
    Ok(())
}

/// Runs `work`; where it fails or panics, everybody else stops too.
fn supervised(stop: &Stop, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let fuse = stop.fuse();
    work()?;
    fuse.defuse();
    Ok(())
}

/// What made everything end: what somebody failed of, and not that the others were stopped for it.
fn the_cause<const N: usize>(outcomes: [anyhow::Result<()>; N]) -> anyhow::Result<()> {
    let (stopped, failed): (Vec<_>, Vec<_>) =
        outcomes.into_iter().filter_map(Result::err).partition(anyhow::Error::is::<Stopped>);
    failed.into_iter().chain(stopped).next().map_or(Ok(()), Err)
}

/// The one who tells goes on until the end: for that one, it is no failure.
fn ignore_stop(error: anyhow::Error) -> anyhow::Result<()> {
    if error.is::<Stopped>() { Ok(()) } else { Err(error) }
}

fn joined(thread: ScopedJoinHandle<'_, anyhow::Result<()>>) -> anyhow::Result<()> {
    thread.join().unwrap_or_else(|cause| panic::resume_unwind(cause))
}
