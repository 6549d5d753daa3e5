//! English.

use super::{Said, counted, each, steps};
use crate::report::{Fault, Log};

pub fn say(fault: &Fault, log: &Log) -> Said {
    let waiting = counted(log.backlog, "event waits", "events wait");
    let kept = Some(format!("Scans are saved here as always: staff can go on. {waiting} for the platform."));
    match fault {
        Fault::StorageFailing { error } => Said {
            what: "Scans are not saved".into(),
            reason: format!("The storage refuses to write: {error}."),
            todo: steps(&[
                "Staff put items down: every scan is answered “not saved” and must be scanned again later.",
                "Disk full? Free space on the disk of the database: df -h tells which.",
                "Read-only or failing card? Look at the kernel's log: dmesg | tail. Replace the card if it shows I/O errors.",
                "Nothing to restart: scanning goes on by itself once writing works again.",
            ]),
            safe: Some(format!("Everything that was answered green is saved, up to event {}.", log.head)),
        },
        Fault::DatabaseUnreadable { error } => Said {
            what: "The database can't be looked into".into(),
            reason: format!("Events can't be listed here: {error}."),
            todo: steps(&["Run parceld doctor on the board: it checks the file."]),
            safe: Some("Saving scans has a connection of its own.".into()),
        },
        Fault::ScannersLost { station, lost, all } => Said {
            what: match all {
                true => format!("Nobody can scan at {station}"),
                false => format!("A scanner at {station} is gone"),
            },
            reason: format!("{}.", each(lost)),
            todo: steps(&[
                "Plug the scanner in again; look at both ends of the cable. It is found by itself within 2 seconds.",
                "Try another USB port or cable, then another scanner with the same link.",
                "Still gone? parceld doctor tells whether the port exists and may be opened.",
            ]),
            safe: Some("Everything scanned before is saved.".into()),
        },
        Fault::NoScanner => Said {
            what: "No scanner is configured".into(),
            reason: "Only parceld scan can scan here.".into(),
            todo: steps(&["Add a [[scanner]] to the configuration and restart."]),
            safe: None,
        },
        Fault::ScannerNotSetUp { scanner, reason } => Said {
            what: format!("{scanner} is not set up"),
            reason: format!("{reason}."),
            todo: steps(&[
                "Is it set to the driver that the configuration names? docs/hardware.md has the settings.",
                "Wrong baud rate or parity? Compare the scanner with [[scanner]] in the configuration.",
                "Plug it out and in again: it is told its settings anew.",
            ]),
            safe: Some("What it reads is still saved; only its answers may be missing.".into()),
        },
        Fault::PrinterFaulty { printer, station, reason } => Said {
            what: format!("No labels at {station}"),
            reason: format!("{printer} {reason}."),
            todo: steps(&[
                "Look at the printer: labels, ribbon, lid, power.",
                "Labels that were asked for come out by themselves when it is ready again; REPRINT makes another.",
                "Go on with labels that were printed beforehand: parceld barcodes --parcels 50.",
            ]),
            safe: Some("Packing goes on: a parcel is saved with or without its label.".into()),
        },
        Fault::BrokerDown { url, reason, attempts } => Said {
            what: "No connection to the platform's broker".into(),
            reason: match reason {
                Some(reason) => format!("{url}: {reason}."),
                None => format!("{url} does not answer ({}).", counted((*attempts).into(), "attempt", "attempts")),
            },
            todo: steps(&[
                "Does the site have a network? Look at the router and the board's cable.",
                "Run parceld doctor: it tells name, network and login apart.",
                "If it is only here, ask the platform's on-call whether the broker runs and knows this site.",
            ]),
            safe: kept,
        },
        Fault::PublishRefused { reason, count } => Said {
            what: "The broker refuses events".into(),
            reason: match reason {
                Some(reason) => format!("{}, the last one: {reason}.", counted(*count, "refusal", "refusals")),
                None => format!("{}.", counted(*count, "refusal", "refusals")),
            },
            todo: steps(&[
                "Ask the platform's on-call to let this site's user publish to its own topics (the broker's ACL).",
                "Does the broker have a quota? Then this site has used it up.",
            ]),
            safe: kept,
        },
        Fault::NoSubscriber { count, kept: true } => Said {
            what: "Nobody collects the events".into(),
            reason: format!("The broker said {} that nobody subscribes.", counted(*count, "time", "times")),
            todo: steps(&["Ask the platform's on-call: does its subscriber for this site run?"]),
            safe: kept,
        },
        Fault::NoSubscriber { count, kept: false } => Said {
            what: "Events went to nobody".into(),
            reason: format!(
                "The broker took {} that nobody subscribed to, and no receipts are expected.",
                counted(*count, "event", "events")
            ),
            todo: steps(&[
                "Ask the platform's on-call: does its subscriber for this site run?",
                "Have the platform ask for what it misses (events.resend).",
            ]),
            safe: Some("The events are still stored here for as long as storage.keep says.".into()),
        },
        Fault::ReceiptsNeverCame => Said {
            what: "The platform has never confirmed anything".into(),
            reason: "Events go out, but no receipt has ever come. Only a few are sent, as a probe.".into(),
            todo: steps(&[
                "Ask the platform's on-call: does it subscribe to this site's events and publish receipts?",
                "If this platform never sends receipts, set sync.forget = \"puback\": the weaker promise.",
            ]),
            safe: kept,
        },
        Fault::ReceiptsMissing => Said {
            what: "The platform no longer confirms events".into(),
            reason: format!("Events go out, but receipts stand still at event {}.", log.received),
            todo: steps(&["Ask the platform's on-call: does its subscriber for this site run, and can it store?"]),
            safe: kept,
        },
        Fault::ClockUntrusted => Said {
            what: "The clock is wrong".into(),
            reason: "The board hasn't learned the time: events carry times that can't be right.".into(),
            todo: steps(&[
                "Let the board reach a time server: timedatectl shows which it asks.",
                "Look at the board's clock battery if this comes back after each power cut.",
            ]),
            safe: Some("Order and counting don't depend on the clock.".into()),
        },
        Fault::Quarantined { count } => Said {
            what: "Messages from the platform could not be used".into(),
            reason: format!("{} in quarantine.", counted(*count as u64, "message is", "messages are")),
            todo: steps(&[
                "Look for the reasons in the agent's log: each says what was wrong with its message.",
                "Tell the platform's on-call: these messages are not the contract's.",
            ]),
            safe: Some("Everything else from the platform is applied.".into()),
        },
        Fault::WeakPromise => Said {
            what: "The weaker promise is configured".into(),
            reason: "Events may be forgotten when the broker has them, whether the platform stored them or not.".into(),
            todo: steps(&["If the platform sends receipts, set sync.forget = \"receipt\"."]),
            safe: None,
        },
    }
}

pub fn well(weak: bool) -> Said {
    let reason = match weak {
        false => "Scans are saved at once and the platform confirms them.",
        true => "Scans are saved at once and the broker takes them.",
    };
    Said { what: "All well".into(), reason: reason.into(), ..Said::default() }
}
