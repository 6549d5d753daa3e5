//! What comes out of the stations' printers. A bench never waits for one: a fault is shown, and what was asked for waits
//! in the printer's queue until it is mended.

use super::Floor;
use super::status::{PrinterState, PrinterStatus};
use crate::domain::decide::Print;
use crate::domain::name::StationId;
use crate::domain::order::{Delivery, Order};
use crate::journal::{PrintJob, PrintWhat};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use parceld_drivers::gs1::Sscc;
use parceld_drivers::printer::zpl::{self, Captions, Media};
use parceld_drivers::printer::{self, Job, JobId};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// A printer of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printer {
    pub id: String,
    pub station: StationId,
    pub host: String,
    pub port: u16,
    /// Its labels.
    pub media: Media,
}

/// What labels say besides what is on the order.
#[derive(Clone, Debug)]
pub struct Wording {
    /// The site, for people.
    pub site: String,
    pub zone: TimeZone,
    pub captions: Captions,
    /// Each carrier's id, and what people call it.
    pub carriers: Vec<(String, String)>,
}

/// Labels that wait for a printer to be found: the printers' own queues are behind it.
const WAITING_MAX: usize = 256;

/// The queue that the journal puts its jobs into.
#[must_use]
pub fn queue() -> (SyncSender<PrintJob>, Receiver<PrintJob>) {
    sync_channel(WAITING_MAX)
}

/// The thread that makes labels; it ends when nobody can ask for any more.
#[derive(Debug)]
pub struct Printing {
    floor: Floor,
    desk: Arc<Mutex<Desk>>,
    thread: JoinHandle<()>,
}

/// Changes what labels are made with and where they come out.
#[derive(Clone, Debug)]
pub struct Changer {
    floor: Floor,
    desk: Arc<Mutex<Desk>>,
}

/// What labels are made with.
#[derive(Debug)]
struct Desk {
    open: Vec<(Printer, printer::Printer)>,
    wording: Wording,
}

impl Printing {
    /// Waits for its end, after the journal's.
    pub fn stop(self) {
        if self.thread.join().is_err() {
            tracing::error!("the printers' thread had panicked");
        }
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.thread.is_finished()
    }

    #[must_use]
    pub fn changer(&self) -> Changer {
        Changer { floor: self.floor.clone(), desk: Arc::clone(&self.desk) }
    }
}

impl Changer {
    /// Prints on these from here on. A printer that is the same keeps what waits for it; what waits for another is
    /// dropped.
    ///
    /// # Errors
    /// A thread could not be started: nothing has changed.
    pub fn change_to(&self, printers: &[Printer], wording: Wording) -> std::io::Result<()> {
        let mut desk = lock(&self.desk);
        let is_open = |printer: &Printer| desk.open.iter().any(|(known, _)| known == printer);
        let new = printers.iter().filter(|printer| !is_open(printer));
        let mut new = new.map(|printer| self.floor.open_printer(printer)).collect::<Result<Vec<_>, _>>()?;
        let (stays, goes): (Vec<_>, Vec<_>) = desk.open.drain(..).partition(|(known, _)| printers.contains(known));
        desk.open = stays;
        desk.open.append(&mut new);
        desk.open.sort_by_key(|(known, _)| printers.iter().position(|printer| printer.id == known.id));
        desk.wording = wording;
        drop(desk);
        let gone = goes.iter().map(|(known, _)| known.id.clone());
        let gone: Vec<String> = gone.filter(|id| !printers.iter().any(|printer| printer.id == *id)).collect();
        goes.into_iter().for_each(|(_, printer)| printer.stop());
        self.floor.status.send_modify(|floor| floor.printers.retain(|id, _| !gone.contains(id)));
        Ok(())
    }
}

fn lock(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Floor {
    /// Starts a thread for each printer, and the one that makes their labels of `jobs`.
    ///
    /// # Errors
    /// A thread could not be started. A printer that can't be reached is no error: it is tried while something waits.
    pub fn open_printers(
        &self,
        printers: &[Printer],
        wording: Wording,
        jobs: Receiver<PrintJob>,
    ) -> std::io::Result<Printing> {
        let open = printers.iter().map(|printer| self.open_printer(printer)).collect::<Result<Vec<_>, _>>()?;
        let desk = Arc::new(Mutex::new(Desk { open, wording }));
        let (floor, at) = (self.clone(), Arc::clone(&desk));
        let thread = std::thread::Builder::new().name("labels".into()).spawn(move || {
            let mut next_job = 0;
            for job in jobs {
                next_job += 1;
                let desk = lock(&at);
                print(&floor, &desk.open, &desk.wording, job, JobId(next_job));
            }
            let open = std::mem::take(&mut lock(&at).open);
            open.into_iter().for_each(|(_, printer)| printer.stop());
        })?;
        Ok(Printing { floor: self.clone(), desk, thread })
    }

    fn open_printer(&self, printer: &Printer) -> std::io::Result<(Printer, printer::Printer)> {
        self.expect_printer(printer);
        let (floor, id) = (self.clone(), printer.id.clone());
        let config = printer::Config { name: printer.id.clone(), host: printer.host.clone(), port: printer.port };
        let sink = move |event| floor.printer_says(&id, &event);
        Ok((printer.clone(), printer::spawn(config, sink)?))
    }

    fn expect_printer(&self, printer: &Printer) {
        let status = PrinterStatus {
            station: printer.station.clone(),
            address: format!("{}:{}", printer.host, printer.port),
            state: PrinterState::Unused,
            since: self.clock.now().wall,
            printed: 0,
            dropped: 0,
        };
        self.status.send_modify(|floor| {
            floor.printers.insert(printer.id.clone(), status);
        });
    }

    fn printer_says(&self, id: &str, event: &printer::Event) {
        let now = self.clock.now().wall;
        let state = match event {
            printer::Event::Ready => {
                tracing::info!(printer = id, "printer ready");
                Some(PrinterState::Ready)
            }
            printer::Event::Faulty(fault) => {
                tracing::warn!(printer = id, %fault, "printer");
                Some(PrinterState::Faulty { reason: fault.to_string() })
            }
            printer::Event::Dropped(_, reason) => {
                tracing::warn!(printer = id, %reason, "a label was dropped: REPRINT makes it again");
                None
            }
            printer::Event::Sent(_) | printer::Event::Printed(_) => None,
        };
        self.status.send_modify(|floor| {
            let Some(status) = floor.printers.get_mut(id) else { return };
            match event {
                printer::Event::Printed(_) => status.printed += 1,
                printer::Event::Dropped(..) => status.dropped += 1,
                printer::Event::Ready | printer::Event::Faulty(_) | printer::Event::Sent(_) => {}
            }
            if let Some(state) = state.filter(|state| *state != status.state) {
                status.state = state;
                status.since = now;
            }
        });
    }
}

/// To the station's own printer; what nobody's station wanted goes to the first one.
fn print(floor: &Floor, open: &[(Printer, printer::Printer)], wording: &Wording, job: PrintJob, id: JobId) {
    let own = open.iter().find(|(printer, _)| Some(&printer.station) == job.station.as_ref());
    let Some((config, printer)) = own.or_else(|| open.first().filter(|_| job.station.is_none())) else {
        tracing::warn!("a label has come for a station without a printer");
        return;
    };
    let zpl = match job.what {
        PrintWhat::Carriers { zpl, .. } => zpl,
        PrintWhat::Ours(print) => match ours(*print, wording, config.media) {
            Some(zpl) => zpl,
            None => return tracing::error!("a label was asked for, for a parcel that has no number"),
        },
    };
    let refused = match Job::new(id, zpl) {
        Ok(job) => printer.print(job).err().map(|error| error.to_string()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(reason) = refused {
        tracing::error!(printer = config.id, reason, "a label was dropped: REPRINT makes it again");
        floor.status.send_modify(|floor| {
            if let Some(status) = floor.printers.get_mut(&config.id) {
                status.dropped += 1;
            }
        });
    }
}

fn ours(print: Print, wording: &Wording, media: Media) -> Option<String> {
    Some(match print {
        Print::Label { order, parcel } => parcel_label(&order, parcel, wording)?.zpl(&wording.captions, media),
        Print::Ticket { order } => ticket(&order).zpl(&wording.captions, media),
        Print::Manifest { manifest, orders } => {
            let parcels = orders.iter().flat_map(|order| {
                let on_it = order.progress.parcels.iter().filter(|p| p.manifest.as_ref() == Some(&manifest.id));
                on_it.filter_map(|parcel| {
                    Some(zpl::ManifestParcel {
                        sscc: Sscc::try_from(parcel.sscc?.0).ok()?,
                        order_number: order.terms.number.to_string(),
                    })
                })
            });
            let list = zpl::Manifest {
                id: manifest.id.to_string(),
                carrier: wording.carrier(&manifest.carrier),
                collection: manifest.collection.as_ref().map(|collection| wording.time(collection.at)),
                parcels: parcels.collect(),
            };
            list.zpl(&wording.captions, media)
        }
    })
}

fn parcel_label(order: &Order, n: u32, wording: &Wording) -> Option<zpl::ParcelLabel> {
    let parcel = order.parcel(n)?;
    let (carrier, service) = match &order.terms.delivery {
        Delivery::Carrier { carrier, service } => (wording.carrier(carrier), service.as_deref().map(str::to_owned)),
        Delivery::Pickup => (wording.captions.pickup.to_owned(), None),
    };
    // A collection's id is its carrier and the site's time.
    let collection = parcel.collection.as_ref();
    Some(zpl::ParcelLabel {
        sscc: Sscc::try_from(parcel.sscc?.0).ok()?,
        order_number: order.terms.number.to_string(),
        parcel: n,
        of: order.parcels_total(),
        carrier,
        service,
        collection: collection.and_then(|id| Some(id.split_once('@')?.1.replace('T', " "))),
        site: wording.site.clone(),
        tracking: parcel.tracking.as_deref().map(str::to_owned),
    })
}

fn ticket(order: &Order) -> zpl::Ticket {
    let lines = order.terms.lines.iter().enumerate().map(|(index, line)| zpl::TicketLine {
        n: index as u32 + 1,
        code: format!("{}LINE:{}", super::barcode::PREFIX, index + 1),
        name: line.name.as_ref().to_owned(),
        quantity: order.wanted(index),
        bin: line.bin.as_deref().map(str::to_owned),
    });
    zpl::Ticket { order_number: order.terms.number.to_string(), lines: lines.collect() }
}

impl Wording {
    fn carrier(&self, id: &str) -> String {
        let known = self.carriers.iter().find(|(known, _)| known == id);
        known.map_or_else(|| id.to_owned(), |(_, name)| name.clone())
    }

    fn time(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
    }
}
