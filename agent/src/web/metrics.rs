//! `/metrics`: the report as figures, in Prometheus' text format.
//!
//! Everything is told from one look at the agent, so a scrape sees one moment. Labels are what the configuration names
//! (stations, scanners, printers) and closed sets of words; never a person, an order or a code.

use super::Shared;
use crate::report::{Facts, Language, Printer, ReceiptsSeen, Report, Scanner, State};
use axum::extract::State as Extract;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Version 0.0.4 is what every Prometheus reads.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const PREFIX: &str = "parceld";

const DAY_S: u64 = 86_400;

/// `GET /metrics`
pub async fn show(Extract(shared): Extract<Shared>) -> Response {
    let asked = shared.gatherer.ask_in_time(|gatherer| {
        let facts = gatherer.facts();
        let report = Report::new(&facts, Language::ENGLISH);
        render(facts, report)
    });
    match asked.await {
        Some(Ok(text)) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Some(Err(_)) | None => (StatusCode::INTERNAL_SERVER_ERROR, "The figures could not be made.\n").into_response(),
    }
}

fn render(facts: Facts, report: Report) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(Look { facts, report }));
    let mut text = String::new();
    encode_registry(&mut text, &registry)?;
    Ok(text)
}

/// The agent at one moment.
#[derive(Debug)]
struct Look {
    facts: Facts,
    report: Report,
}

impl Collector for Look {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Out(encoder);
        self.agent(&mut out)?;
        self.scans(&mut out)?;
        self.scanners(&mut out)?;
        self.printers(&mut out)?;
        self.storage(&mut out)?;
        self.log(&mut out)?;
        self.broker(&mut out)?;
        self.work(&mut out)?;
        self.board(&mut out)
    }
}

impl Look {
    fn agent(&self, out: &mut Out<'_>) -> fmt::Result {
        let report = &self.report;
        let build = vec![
            ("version", report.version.as_str()),
            ("sqlite", &report.versions.sqlite),
            ("contract", &report.versions.contract),
        ];
        out.gauges("build_info", "What the agent is built of; always 1", [(build, 1.0)])?;
        out.gauge("start_time_seconds", "When the agent started, since 1970", seconds(report.started_at))?;
        let is = |state: State| (vec![("state", state.word())], flag(report.verdict.state == state));
        let states = [State::Well, State::Attention, State::Stopped].map(is);
        out.gauges("verdict", "1 for the verdict's state, 0 for the others", states)?;
        let faults: BTreeSet<&str> = report.verdict.findings.iter().map(|finding| finding.fault.as_str()).collect();
        let faults = faults.into_iter().map(|fault| (vec![("fault", fault)], 1.0));
        out.gauges("fault", "1 for each fault that there is; one that there isn't has no row", faults)?;
        out.gauge("clock_trusted", "1 while the wall clock is believed", flag(report.clock.trusted))?;
        let state = |word| (vec![("state", word)], flag(report.clock.state == word));
        let states = ["synchronized", "plausible", "awaited", "stepped", "behind"].map(state);
        out.gauges("clock_state", "1 for how far the wall clock is believed, 0 for the others", states)?;
        let believed = report.clock.believed.unwrap_or(report.clock.trusted);
        out.gauge("clock_believed", "1 while promises are judged by the wall clock", flag(believed))?;
        let is_as_written = report.configuration.refused.is_none();
        let help = "0 while the configuration's files are wrong and what was right last goes on";
        out.gauge("config_last_reload_successful", help, flag(is_as_written))?;
        if let Some(at) = report.configuration.read_at {
            let help = "When the configuration that runs was read, since 1970";
            out.gauge("config_last_reload_success_timestamp_seconds", help, seconds(at))?;
        }
        let waiting = report.configuration.needs_restart.len() as f64;
        out.gauge("config_keys_waiting_for_restart", "Changed keys that count only after a restart", waiting)?;
        let quarantined = report.quarantine.count as f64;
        out.gauge("quarantined_messages", "Messages of the platform that could not be used", quarantined)
    }

    fn scans(&self, out: &mut Out<'_>) -> fmt::Result {
        let floor = &self.facts.floor;
        let given = floor.given.iter().flat_map(|(station, signals)| {
            let row = |(signal, count): (&&'static str, &u64)| {
                (vec![("station", &**station), ("signal", *signal)], *count as f64)
            };
            signals.iter().map(row).collect::<Vec<_>>()
        });
        out.counters("scans_total", "Scans by the signal that they were answered with", given)?;
        let classes = floor.times.classes().map(|(most_us, count)| (most_us.map_or(f64::INFINITY, micros), count));
        let help = "From the last byte of a code to its answer";
        out.histogram("answer_seconds", help, micros(floor.times.sum_us), &classes.collect::<Vec<_>>())
    }

    fn scanners(&self, out: &mut Out<'_>) -> fmt::Result {
        let scanners = &self.report.scanners;
        let rows = |figure: fn(&Scanner) -> f64| {
            scanners.iter().map(move |scanner| {
                let labels = vec![("scanner", scanner.id.as_str()), ("station", &scanner.station)];
                (labels, figure(scanner))
            })
        };
        out.gauges("scanner_up", "1 while the scanner's line is open", rows(|s| flag(s.state == "open")))?;
        out.counters("scanner_reads_total", "Codes read", rows(|s| s.reads as f64))?;
        out.counters("scanner_unreadable_total", "Frames that were no codes", rows(|s| s.unreadable as f64))?;
        out.counters("scanner_losses_total", "How often the line was lost", rows(|s| s.losses as f64))?;
        let help = "Answers that the line did not take in time";
        out.counters("scanner_unanswered_total", help, rows(|s| s.unanswered as f64))
    }

    fn printers(&self, out: &mut Out<'_>) -> fmt::Result {
        let printers = &self.report.printers;
        let rows = |figure: fn(&Printer) -> f64| {
            printers.iter().map(move |printer| {
                let labels = vec![("printer", printer.id.as_str()), ("station", &printer.station)];
                (labels, figure(printer))
            })
        };
        let help = "1 while labels wait for the printer to be mended";
        out.gauges("printer_faulty", help, rows(|printer| flag(printer.state == "faulty")))?;
        let help = "Labels that the printer said it had printed";
        out.counters("printer_labels_total", help, rows(|printer| printer.printed as f64))?;
        out.counters("printer_dropped_total", "Labels that were given up", rows(|printer| printer.dropped as f64))
    }

    fn storage(&self, out: &mut Out<'_>) -> fmt::Result {
        let storage = &self.report.storage;
        let space = &storage.space;
        out.gauge("storage_failing", "1 while scans are not saved", flag(storage.state != "well"))?;
        out.maybe("storage_free_bytes", "Free on the database's disk", count(space.free_bytes))?;
        out.maybe("storage_size_bytes", "Size of the database's disk", count(space.total_bytes))?;
        out.maybe("storage_used_bytes", "Taken by the database and what belongs to it", count(space.ours_bytes))?;
        let help = "Until the disk is full at the pace of the last week if nothing were forgotten any more";
        out.maybe("storage_runway_seconds", help, count(space.runway_days.map(|days| days * DAY_S)))?;
        let written = count(space.written_bytes).map(|bytes| (Vec::new(), bytes));
        out.counters("written_bytes_total", "Written to disk by the agent", written)?;
        let damaged = space.damaged.as_ref().map_or(0, |damaged| damaged.count);
        out.gauge(
            "storage_damaged_files",
            "Damaged databases that wait beside this one to be looked at",
            damaged as f64,
        )?;
        let backup = space.last_backup.map(|backup| seconds(backup.at));
        out.maybe("last_backup_timestamp_seconds", "When the database was last copied", backup)
    }

    fn log(&self, out: &mut Out<'_>) -> fmt::Result {
        let log = &self.report.log;
        out.gauge("log_head", "The newest event's sequence in its epoch", log.head as f64)?;
        out.gauge("log_sent", "The last sequence that the broker has acknowledged", log.sent as f64)?;
        out.gauge("log_received", "The last sequence that the platform's receipts cover", log.received as f64)?;
        out.gauge("backlog_events", "Events that wait for a receipt", log.backlog as f64)?;
        let oldest_s = self.report.backlog.oldest_age_s.unwrap_or_default();
        out.gauge("backlog_oldest_seconds", "How long ago the oldest of them happened", oldest_s as f64)?;
        let missing = matches!(self.report.receipts, ReceiptsSeen::Missing { .. });
        out.gauge("receipts_missing", "1 while events go out and receipts stand still", flag(missing))?;
        let last = match self.report.receipts {
            ReceiptsSeen::Last { at, .. } => Some(seconds(at)),
            ReceiptsSeen::None | ReceiptsSeen::Missing { .. } | ReceiptsSeen::NotExpected => None,
        };
        out.maybe("last_receipt_timestamp_seconds", "When the last receipt came; no row while they are missing", last)
    }

    fn broker(&self, out: &mut Out<'_>) -> fmt::Result {
        let broker = &self.report.broker;
        out.gauge("broker_up", "1 while the connection to the broker stands", flag(broker.state == "up"))?;
        out.counter("broker_reconnects_total", "Connections after the first", broker.reconnects)?;
        out.counter("broker_refused_total", "Publishes that the broker refused", broker.refused)?;
        out.counter("broker_rewinds_total", "How often sending went back to the last receipt", broker.rewinds)?;
        out.gauge("broker_in_flight", "Publishes without their acknowledgement", broker.in_flight as f64)?;
        let help = "How long the last acknowledgement took";
        out.maybe("broker_round_trip_seconds", help, broker.round_trip_us.map(micros))?;
        let expiries = self
            .report
            .certificates
            .iter()
            .map(|certificate| (vec![("certificate", certificate.what.as_str())], seconds(certificate.expires_at)));
        out.gauges("certificate_expiry_timestamp_seconds", "When a certificate expires, since 1970", expiries)
    }

    fn work(&self, out: &mut Out<'_>) -> fmt::Result {
        fn rows<'a>(label: &'static str, counts: &'a BTreeMap<String, u64>) -> impl Iterator<Item = Row<'a>> {
            counts.iter().map(move |(word, count)| (vec![(label, word.as_str())], *count as f64))
        }
        let work = &self.report.work;
        out.gauges("orders", "Orders that aren't closed, by state", rows("state", &work.orders))?;
        let help = "Promises that aren't over, by the course that they are on";
        out.gauges("promises", help, rows("course", &work.promises))
    }

    fn board(&self, out: &mut Out<'_>) -> fmt::Result {
        let board = &self.report.board;
        out.maybe("board_temperature_celsius", "Of the board's hottest sensor", board.temperature_c)?;
        out.maybe("board_under_voltage", "1 while the board's supply is too weak", board.under_voltage.map(flag))
    }
}

/// Labels, and the figure that they stand for.
type Row<'a> = (Vec<(&'static str, &'a str)>, f64);

/// Writes families of figures, each with its help and its type, also those without a row.
struct Out<'a>(DescriptorEncoder<'a>);

impl Out<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.gauges(name, help, [(Vec::new(), value)])
    }

    fn maybe(&mut self, name: &str, help: &str, value: Option<f64>) -> fmt::Result {
        self.gauges(name, help, value.map(|value| (Vec::new(), value)))
    }

    fn gauges<'r>(&mut self, name: &str, help: &str, rows: impl IntoIterator<Item = Row<'r>>) -> fmt::Result {
        self.family(name, help, MetricType::Gauge, rows)
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.counters(name, help, [(Vec::new(), value as f64)])
    }

    /// `name` ends with `_total`.
    fn counters<'r>(&mut self, name: &str, help: &str, rows: impl IntoIterator<Item = Row<'r>>) -> fmt::Result {
        self.family(name, help, MetricType::Counter, rows)
    }

    /// The library's own counters are OpenMetrics', whose type stands under the name without `_total`; Prometheus' text
    /// format has it under the whole name, which is what a row that is written as a gauge has.
    fn family<'r>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        rows: impl IntoIterator<Item = Row<'r>>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in rows {
            match labels.is_empty() {
                true => family.encode_gauge(&value)?,
                false => family.encode_family(&labels)?.encode_gauge(&value)?,
            }
        }
        Ok(())
    }

    /// `classes`: the most that each takes, the last infinite, and how many are in it alone.
    fn histogram(&mut self, name: &str, help: &str, sum: f64, classes: &[(f64, u64)]) -> fmt::Result {
        let count = classes.iter().map(|(_, count)| count).sum();
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        family.encode_histogram::<NoLabelSet>(sum, count, classes, None)
    }
}

fn count(number: Option<u64>) -> Option<f64> {
    number.map(|number| number as f64)
}

fn flag(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

fn micros(us: u64) -> f64 {
    us as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{facts, wreck};
    use crate::report::{Backup, Certificate};

    fn of(facts: &Facts) -> String {
        render(facts.clone(), Report::new(facts, Language::ENGLISH)).unwrap()
    }

    #[test]
    fn tells_what_the_report_tells() {
        let mut facts = facts();
        facts.floor.given.insert("gate".into(), [("accepted", 7), ("silent", 2)].into());
        facts.work.promises = [("will_miss".to_owned(), 3)].into();
        facts.space.last_backup =
            Some(Backup { at: Timestamp::from_second(1_800_000_000).unwrap(), bytes: 1, verified: true });
        let text = of(&facts);
        for line in [
            "# TYPE parceld_scans_total counter",
            r#"parceld_scans_total{station="bench-1",signal="unknown"} 1.0"#,
            r#"parceld_scans_total{station="gate",signal="accepted"} 7.0"#,
            "# TYPE parceld_answer_seconds histogram",
            r#"parceld_answer_seconds_bucket{le="0.001"} 0"#,
            r#"parceld_answer_seconds_bucket{le="0.002"} 1"#,
            r#"parceld_answer_seconds_bucket{le="+Inf"} 1"#,
            "parceld_answer_seconds_count 1",
            "parceld_answer_seconds_sum 0.0014",
            r#"parceld_scanner_up{scanner="hand",station="bench-1"} 1.0"#,
            "parceld_storage_free_bytes 11400000000.0",
            "parceld_storage_runway_seconds 18316800.0",
            "parceld_log_head 48.0",
            "parceld_broker_up 1.0",
            "parceld_broker_round_trip_seconds 0.014",
            r#"parceld_promises{course="will_miss"} 3.0"#,
            r#"parceld_verdict{state="well"} 1.0"#,
            "parceld_last_backup_timestamp_seconds 1800000000.0",
            "parceld_board_temperature_celsius 47.0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn names_each_fault_once() {
        let text = of(&wreck());
        let fault = |line: &&str| line.starts_with("parceld_fault{");
        let faults: Vec<_> = text.lines().filter(fault).collect();
        assert!(faults.contains(&r#"parceld_fault{fault="disk_full"} 1.0"#), "{faults:?}");
        assert_eq!(faults.len(), faults.iter().collect::<BTreeSet<_>>().len());
        assert!(text.contains("\nparceld_receipts_missing 1.0\n") && text.contains("\nparceld_broker_up 0.0\n"));
        assert!(!text.contains("\nparceld_last_receipt_timestamp_seconds "), "{text}");
    }

    #[test]
    fn every_family_has_a_help_and_a_type_and_nothing_is_said_twice() {
        let mut report = Report::new(&wreck(), Language::ENGLISH);
        let expires_at = Timestamp::from_second(1_800_000_000).unwrap();
        report.certificates = vec![Certificate { what: "a \"b\"\n".into(), expires_at }];
        let text = render(wreck(), report).unwrap();
        assert!(text.contains(r#"{certificate="a \"b\"\n"} 1800000000.0"#), "{text}");
        let names = |start: &str| {
            let lines = text.lines().filter_map(|line| line.strip_prefix(start));
            lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let (help, kind) = (names("# HELP "), names("# TYPE "));
        assert_eq!(help, kind);
        assert_eq!(help.len(), help.iter().collect::<BTreeSet<_>>().len());
        let rows: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(rows.len(), rows.iter().map(|row| row.rsplit_once(' ').unwrap().0).collect::<BTreeSet<_>>().len());
        assert!(rows.iter().all(|row| help.iter().any(|name| row.starts_with(name.as_str()))), "{text}");
    }
}
