//! A printer is used over TCP: what is sent comes out once, whatever happens to the printer on the way.

use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use parceld_drivers::gs1::Sscc;
use parceld_drivers::printer::status::{Condition, Fault as Flag};
use parceld_drivers::printer::zpl::{Captions, Media, ParcelLabel};
use parceld_drivers::printer::{self, Config, DropReason, Event, Fault, JOBS_MAX, Job, JobId, Printer};
use parceld_tests::printer::{Label, Trouble, VirtualPrinter};
use parceld_tests::wait::{self, Stopwatch};

/// A printer that nobody uses is left alone for this long to see that.
const LEFT_ALONE: Duration = Duration::from_millis(700);

struct Watched {
    printer: Printer,
    events: Receiver<Event>,
}

impl Watched {
    fn start(device: &VirtualPrinter) -> Watched {
        let (sender, events) = mpsc::channel();
        let config = Config { name: "test".to_owned(), host: "127.0.0.1".to_owned(), port: device.port() };
        let sink = move |event| {
            let _ = sender.send(event);
        };
        Watched { printer: printer::spawn(config, sink).expect("a thread can be started"), events }
    }

    #[track_caller]
    fn print(&self, id: u64) {
        let job = Job::new(JobId(id), format!("^XA^FD{id}^FS^XZ")).expect("it is small");
        self.printer.print(job).expect("the queue has room");
    }

    #[track_caller]
    fn next(&self) -> Event {
        self.events.recv_timeout(wait::GENEROUS).expect("an event comes")
    }

    /// The next event that is not about another reason why the printer can't be reached.
    #[track_caller]
    fn next_but_unreachable(&self) -> Event {
        loop {
            match self.next() {
                Event::Faulty(Fault::Unreachable(_)) => {}
                event => return event,
            }
        }
    }

    #[track_caller]
    fn expect(&self, expected: &[Event]) {
        for event in expected {
            assert_eq!(self.next(), *event);
        }
    }

    /// Stops it; what had happened and nobody had asked for.
    fn stop(self) -> Vec<Event> {
        self.printer.stop();
        self.events.iter().collect()
    }
}

fn texts(labels: &[Label]) -> Vec<String> {
    labels.iter().flat_map(Label::texts).collect()
}

fn not_ready(flags: impl IntoIterator<Item = Flag>) -> Event {
    Event::Faulty(Fault::NotReady(Condition::of(flags)))
}

const fn sent(id: u64) -> Event {
    Event::Sent(JobId(id))
}

const fn printed(id: u64) -> Event {
    Event::Printed(JobId(id))
}

#[test]
fn what_is_sent_comes_out_in_order_and_then_the_printer_is_left_alone() {
    let device = VirtualPrinter::start();
    let watched = Watched::start(&device);
    (1..=3).for_each(|id| watched.print(id));
    watched.expect(&[Event::Ready, sent(1), printed(1), sent(2), printed(2), sent(3), printed(3)]);
    assert_eq!(texts(&device.printed()), ["1", "2", "3"]);
    assert_eq!(watched.printer.waiting(), 0);

    wait::until("the connection's end", wait::GENEROUS, || (device.connections() == 0).then_some(()));
    let (questions, alone) = (device.questions(), Stopwatch::start());
    wait::until("a while", wait::GENEROUS, || (LEFT_ALONE <= alone.elapsed()).then_some(()));
    assert_eq!((device.questions(), device.connections()), (questions, 0));

    watched.print(4);
    watched.expect(&[sent(4), printed(4)]);
    assert_eq!(watched.stop(), []);
}

#[test]
fn a_parcel_label_says_its_sscc_to_scanners_and_people() {
    let device = VirtualPrinter::start();
    let watched = Watched::start(&device);
    let sscc = Sscc::assemble(3, "7350012", 1).expect("a prefix and a serial");
    let label = ParcelLabel {
        sscc,
        order_number: "10042^XZ".to_owned(),
        parcel: 1,
        of: Some(2),
        carrier: "Cykelbudet".to_owned(),
        service: None,
        collection: Some("16:30".to_owned()),
        site: "Södermalm".to_owned(),
        tracking: Some("CB~1234567^SE".to_owned()),
    };
    let job = Job::new(JobId(1), label.zpl(&Captions::ENGLISH, Media::default())).expect("it is small");
    watched.printer.print(job).expect("the queue has room");
    watched.expect(&[Event::Ready, sent(1), printed(1)]);
    let labels = device.printed();
    assert_eq!(labels.len(), 1);
    assert_eq!(labels[0].barcodes(), ["]C0CB~1234567^SE".to_owned(), format!("]C100{sscc}")]);
    for text in ["Södermalm", "Cykelbudet", "10042^XZ", "1 / 2", "16:30", "CB~1234567^SE", &format!("(00) {sscc}")] {
        assert!(labels[0].texts().iter().any(|shown| shown == text), "{text}: {labels:?}");
    }
}

#[test]
fn jobs_wait_for_paper_and_a_closed_head() {
    let device = VirtualPrinter::start();
    let watched = Watched::start(&device);
    device.set(&[Trouble::PaperOut]);
    watched.print(1);
    watched.expect(&[not_ready([Flag::PaperOut])]);
    device.set(&[Trouble::HeadOpen, Trouble::PaperOut]);
    watched.expect(&[not_ready([Flag::PaperOut, Flag::HeadOpen])]);
    device.set(&[]);
    watched.expect(&[Event::Ready, sent(1), printed(1)]);
    assert_eq!(texts(&device.printed()), ["1"]);
}

#[test]
fn paper_that_runs_out_under_a_job_prints_it_once() {
    let device = VirtualPrinter::start();
    let watched = Watched::start(&device);
    device.set_with_next_label(&[Trouble::PaperOut]);
    watched.print(1);
    watched.print(2);
    watched.expect(&[Event::Ready, sent(1), not_ready([Flag::PaperOut])]);
    assert_eq!(watched.printer.waiting(), 2);
    device.set(&[]);
    watched.expect(&[Event::Ready, printed(1), sent(2), printed(2)]);
    assert_eq!(texts(&device.printed()), ["1", "2"]);
}

#[test]
fn a_printer_that_answers_nothing_is_not_ready() {
    let device = VirtualPrinter::start();
    let watched = Watched::start(&device);
    device.set(&[Trouble::Mute]);
    watched.print(1);
    watched.expect(&[Event::Faulty(Fault::Silent)]);
    assert_eq!(device.printed(), [], "nothing is sent to a printer that doesn't answer");
    device.set(&[]);
    watched.expect(&[Event::Ready, sent(1), printed(1)]);

    device.set_with_next_label(&[Trouble::Mute]);
    watched.print(2);
    watched.expect(&[sent(2), Event::Faulty(Fault::Silent)]);
    device.set(&[]);
    watched.expect(&[Event::Ready, printed(2)]);
    assert_eq!(texts(&device.printed()), ["1", "2"]);
}

#[test]
fn a_printer_that_is_off_is_found_once_it_is_on() {
    let mut device = VirtualPrinter::switched_off();
    let watched = Watched::start(&device);
    watched.print(1);
    assert!(matches!(watched.next(), Event::Faulty(Fault::Unreachable(_))));
    device.switch_on();
    assert_eq!(watched.next_but_unreachable(), Event::Ready);
    watched.expect(&[sent(1), printed(1)]);
    assert_eq!(texts(&device.printed()), ["1"]);
}

#[test]
fn a_job_that_dies_with_the_printers_power_is_sent_again() {
    let mut device = VirtualPrinter::start();
    let watched = Watched::start(&device);
    device.die_after(10_000);
    let drawing = "F".repeat(200_000);
    let job = Job::new(JobId(1), format!("^XA^FD1^FS^GFA,100000,100000,100,{drawing}^XZ")).expect("it is no larger");
    watched.printer.print(job).expect("the queue has room");
    assert_eq!(watched.next(), Event::Ready);
    // The system may take all of it for a printer that is already dead.
    let after = watched.next();
    let lost = if after == sent(1) { watched.next() } else { after };
    assert!(matches!(lost, Event::Faulty(Fault::Lost(_))), "{lost:?}");
    assert!(matches!(watched.next(), Event::Faulty(Fault::Unreachable(_))));
    device.switch_on();
    assert_eq!(watched.next_but_unreachable(), Event::Ready);
    watched.expect(&[sent(1), printed(1)]);
    assert_eq!(texts(&device.printed()), ["1"]);
}

#[test]
fn labels_that_a_printer_held_when_its_power_went_are_sent_again() {
    let mut device = VirtualPrinter::start();
    let watched = Watched::start(&device);
    device.set_with_next_label(&[Trouble::PaperOut]);
    watched.print(1);
    watched.expect(&[Event::Ready, sent(1), not_ready([Flag::PaperOut])]);
    device.switch_off();
    assert!(matches!(watched.next(), Event::Faulty(Fault::Lost(_))));
    device.set(&[]);
    device.switch_on();
    assert_eq!(watched.next_but_unreachable(), Event::Ready);
    watched.expect(&[sent(1), printed(1)]);
    assert_eq!(texts(&device.printed()), ["1"]);
}

#[test]
fn a_job_that_breaks_every_connection_does_not_hold_up_the_others() {
    let device = VirtualPrinter::start();
    let watched = Watched::start(&device);
    device.hang_up_on_labels(true);
    watched.print(1);
    let dropped = loop {
        match watched.next() {
            Event::Dropped(id, reason) => break (id, reason),
            Event::Ready | Event::Sent(_) | Event::Faulty(Fault::Lost(_)) => {}
            event => panic!("{event:?}"),
        }
    };
    assert_eq!(dropped, (JobId(1), DropReason::LostTooOften));
    device.hang_up_on_labels(false);
    // Nothing waits, and what was said of the printer is over all the same.
    while watched.next() != Event::Ready {}
    watched.print(2);
    while watched.next() != printed(2) {}
    assert_eq!(texts(&device.printed()), ["2"]);
}

#[test]
fn a_full_queue_refuses_at_once_and_a_void_label_is_taken_back() {
    let device = VirtualPrinter::start();
    device.set(&[Trouble::Mute]);
    let watched = Watched::start(&device);
    (1..=JOBS_MAX as u64).for_each(|id| watched.print(id));
    let asked = Stopwatch::start();
    let refused = watched.printer.print(Job::new(JobId(99), "^XA^XZ").expect("it is small"));
    assert_eq!(refused.map_err(|full| full.jobs), Err(JOBS_MAX));
    assert!(watched.printer.cancel(JobId(2)));
    assert!(!watched.printer.cancel(JobId(2)));
    assert!(asked.elapsed() < Duration::from_secs(1), "nobody waits for a printer");
    assert_eq!(watched.printer.waiting(), JOBS_MAX - 1);

    let stopping = Stopwatch::start();
    let left = watched.stop();
    assert!(stopping.elapsed() < Duration::from_secs(1), "a printer that says nothing holds nobody up");
    let dropped: Vec<Event> = left.into_iter().filter(|event| matches!(event, Event::Dropped(..))).collect();
    let expected = (1..=JOBS_MAX as u64).filter(|id| *id != 2);
    assert_eq!(dropped, expected.map(|id| Event::Dropped(JobId(id), DropReason::Stopped)).collect::<Vec<_>>());
    assert_eq!(device.printed(), []);
}
