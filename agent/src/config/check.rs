//! From the file's tables to the configuration: defaults, ranges, and what keys say about each other.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::time::Duration;

use parceld_drivers::framing::line as framing;
use parceld_drivers::port;
use parceld_drivers::printer::zpl::Media;
use parceld_drivers::scanner::{Driver, Family, Preset};
use toml::Spanned;

use self::Absent::{Or, Required};
use crate::domain::promise::Pledge;

use super::error::Faults;
use super::raw::{self, Item, List, Table};
use super::sources::Sources;
use super::values::{self, Complaint};
use super::{
    Broker, Carrier, Collection, Config, Control, DataBits, Floor, Flow, Forget, Format, Identity, Level, Log, Mode,
    Notices, Operators, Parity, Printer, Promise, Scanner, Site, Station, StopBits, Storage, Sync, Terminator, Tls,
    Web, manual, shape,
};
use crate::domain::notice::Milestone;
use crate::domain::rules::FEEDBACK_AFTER;
use crate::words::Language;

const STATIONS_MAX: usize = 64;
const SCANNERS_MAX: usize = 64;
const PRINTERS_MAX: usize = 64;
const CARRIERS_MAX: usize = 32;
const SERVICES_MAX: usize = 64;
/// What [`Media`] takes.
const DPIS: [u32; 3] = [203, 300, 600];
const LABEL_WIDTHS_MM: RangeInclusive<i64> = 60..=120;
const LABEL_HEIGHTS_MM: RangeInclusive<i64> = 90..=250;
/// Totes on the largest cart that one person pushes.
const BATCH_SIZE_MAX: u8 = 24;
const COLLECTIONS_MAX: usize = 24;
const HOLIDAYS_MAX: usize = 366;
const ALLOWED_HOSTS_MAX: usize = 16;
const NAME_CHARS_MAX: usize = 64;
/// Room for a day of the busiest site, and for its system to write its logs.
const LOW_SPACE_BYTES: u64 = 200 << 20;
/// A mebibyte too many is a slip of the pen; a tebibyte is on no board.
const LOW_SPACE_BYTES_MAX: u64 = 1 << 40;

/// Cursors are rewritten in it for as long as somebody takes to make room.
const BALLAST_BYTES: u64 = 8 << 20;
const BALLAST_BYTES_MAX: u64 = 1 << 30;
const CLIENT_ID_CHARS_MAX: usize = 128;

/// A topic has at most seven slashes, of which `{root}/{site}/events/{group}` needs three below the root.
const ROOT_SLASHES_MAX: usize = 7 - 3;

/// The rates of termios that scanners offer.
const BAUDS: [u32; 10] = [1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800];

/// `None` when any part of it is wrong or missing; `faults` then says what.
pub(super) fn check(file: raw::File, sources: &Sources, faults: &mut Faults) -> Option<Config> {
    // What is missing altogether is to be added at the end of the first file.
    let end = sources.end();

    unique_ids(&file.station, |station| &station.id, sources, faults);
    unique_ids(&file.scanner, |scanner| &scanner.id, sources, faults);
    unique_ids(&file.printer, |printer| &printer.id, sources, faults);
    unique_ids(&file.carrier, |carrier| &carrier.id, sources, faults);
    unique_printers(&file.printer, sources, faults);
    unique_ports(&file.scanner, sources, faults);

    need_table(file.site.is_some(), "[site]", &end, faults);
    need_table(file.broker.is_some(), "[broker]", &end, faults);
    need_table(file.station.as_ref().is_some_and(|all| !all.get_ref().is_empty()), "[[station]]", &end, faults);

    let site = file.site.and_then(|table| site(table, faults));
    let storage = storage(file.storage.unwrap_or_else(absent), faults);
    let broker = file.broker.and_then(|table| broker(table, site.as_ref(), faults));
    let sync = sync(file.sync.unwrap_or_else(absent), faults);
    let web = web(file.web.unwrap_or_else(absent), faults);
    let control = control(file.control.unwrap_or_else(absent), faults);
    let floor = floor(file.floor.unwrap_or_else(absent), faults);
    let promise = promise(file.promise.unwrap_or_else(absent), faults);
    let notices = notices(file.notices.unwrap_or_else(absent), faults);
    let stations = tables("station", file.station, STATIONS_MAX, faults, station);
    let voiced = voiced(&file.scanner);
    let scanners = tables("scanner", file.scanner, SCANNERS_MAX, faults, |table, faults| {
        scanner(table, stations.as_deref().unwrap_or_default(), &voiced, faults)
    });
    let printers = tables("printer", file.printer, PRINTERS_MAX, faults, |table, faults| {
        printer(table, stations.as_deref().unwrap_or_default(), faults)
    });
    let carriers =
        tables("carrier", file.carrier, CARRIERS_MAX, faults, |table, faults| carrier(table, sources, faults));
    let log = log(file.log.unwrap_or_else(absent), faults);
    Some(Config {
        site: site?,
        storage: storage?,
        broker: broker?,
        sync: sync?,
        web: web?,
        control: control?,
        floor: floor?,
        promise: promise?,
        notices: notices?,
        stations: stations?,
        scanners: scanners?,
        printers: printers?,
        carriers: carriers?,
        log: log?,
    })
}

fn site(table: Spanned<Table<raw::Site>>, faults: &mut Faults) -> Option<Site> {
    let (mut read, raw) = Reader::new("site", table, faults);
    let id = read.text("id", raw.id, Required, values::level);
    let name = read.text("name", raw.name, Or(None), |text| values::line(text, NAME_CHARS_MAX).map(Some));
    let timezone = read.text("timezone", raw.timezone, Required, values::timezone);
    let languages: Vec<_> = Language::all().map(|language| (language.tag(), language)).collect();
    let language = read.named("language", raw.language, Language::ENGLISH, &languages);
    let prefix = read.text("gs1_company_prefix", raw.gs1_company_prefix, Required, values::company_prefix);
    let (id, (timezone, timezone_name)) = (id?, timezone?);
    Some(Site {
        name: name?.unwrap_or_else(|| id.clone()),
        id,
        timezone,
        timezone_name,
        language: language?,
        gs1_company_prefix: prefix?,
    })
}

fn storage(table: Spanned<Table<raw::Storage>>, faults: &mut Faults) -> Option<Storage> {
    let (mut read, raw) = Reader::new("storage", table, faults);
    let path = read.text("path", raw.path, Or(PathBuf::from(super::kept::DATABASE)), values::path);
    let backup_dir = read.text("backup_dir", raw.backup_dir, Or(None), |text| values::path(text).map(Some));
    let keep = read.duration("keep", raw.keep, Or(days(30)), days(1)..=days(3650));
    let low_space =
        read.text("low_space", raw.low_space, Or(LOW_SPACE_BYTES), |text| values::size(text, LOW_SPACE_BYTES_MAX));
    let ballast = read.text("ballast", raw.ballast, Or(BALLAST_BYTES), |text| values::size(text, BALLAST_BYTES_MAX));
    let backup_every = read.duration("backup_every", raw.backup_every, Or(days(1)), Duration::ZERO..=days(365));
    Some(Storage {
        path: path?,
        backup_dir: backup_dir?,
        keep: keep?,
        low_space_bytes: low_space?,
        ballast_bytes: ballast?,
        backup_every: backup_every?,
    })
}

fn broker(table: Spanned<Table<raw::Broker>>, site: Option<&Site>, faults: &mut Faults) -> Option<Broker> {
    let (mut read, raw) = Reader::new("broker", table, faults);
    match (&raw.username, &raw.password_file) {
        (Some(alone), None) => read.incomplete(alone, "`username` is given without `password_file`", "password_file"),
        (None, Some(alone)) => read.incomplete(alone, "`password_file` is given without `username`", "username"),
        _ => {}
    }
    match (&raw.certificate_file, &raw.key_file) {
        (Some(alone), None) => read.incomplete(alone, "`certificate_file` is given without `key_file`", "key_file"),
        (None, Some(alone)) => {
            read.incomplete(alone, "`key_file` is given without `certificate_file`", "certificate_file");
        }
        _ => {}
    }
    let url_at = raw.url.as_ref().map(Spanned::span);
    let for_tls = [
        ("ca_file", &raw.ca_file),
        ("crl_file", &raw.crl_file),
        ("certificate_file", &raw.certificate_file),
        ("key_file", &raw.key_file),
    ];
    let for_tls = for_tls.map(|(key, item)| (key, item.as_ref().map(Spanned::span)));
    let url = read.text("url", raw.url, Required, values::broker_url);
    let is_tls = url.as_ref().map(|(_, is_tls)| *is_tls);
    let mut is_fit = true;
    if is_tls == Some(false) {
        for (key, at) in for_tls.into_iter().filter_map(|(key, at)| Some((key, at?))) {
            let what = format!("`{key}` is for TLS, and `url` begins with mqtt://");
            read.faults.add(at, what, format!("write mqtts:// in `url`, or leave out `{key}`"));
            is_fit = false;
        }
    }
    if let (Some(true), None, Some(at)) = (is_tls, &raw.ca_file, url_at) {
        let advice =
            format!("name the CA that signs the broker's certificate; {}", shape::example_advice("broker", "ca_file"));
        read.faults.add(at, "`url` asks for TLS, and `ca_file` is missing", advice);
        is_fit = false;
    }
    let mut file = |key, item| read.text(key, item, Or(None), |text| values::file(text).map(Some));
    let ca_file = file("ca_file", raw.ca_file);
    let crl_file = file("crl_file", raw.crl_file);
    let certificate_file = file("certificate_file", raw.certificate_file);
    let key_file = file("key_file", raw.key_file);
    let client_id =
        read.text("client_id", raw.client_id, Or(None), |text| values::line(text, CLIENT_ID_CHARS_MAX).map(Some));
    let root = read.text("root", raw.root, Or("parceld/v1".into()), |text| values::topic(text, ROOT_SLASHES_MAX));
    // The MQTT client panics below five seconds.
    let keep_alive = read.duration("keep_alive", raw.keep_alive, Or(secs(30)), secs(5)..=hours(1));
    let session_expiry = read.duration("session_expiry", raw.session_expiry, Or(days(7)), secs(1)..=days(365));
    let username =
        read.text("username", raw.username, Or(None), |text| values::line(text, CLIENT_ID_CHARS_MAX).map(Some));
    let password_file = read.text("password_file", raw.password_file, Or(None), |text| values::file(text).map(Some));
    let identity = certificate_file?.zip(key_file?);
    let identity = identity.map(|(certificate_file, key_file)| Identity { certificate_file, key_file });
    let (ca_file, crl_file) = (ca_file?, crl_file?);
    if !is_fit {
        return None;
    }
    Some(Broker {
        url: url?.0,
        client_id: client_id?.or_else(|| site.map(super::client_id_of))?,
        root: root?,
        keep_alive: keep_alive?,
        session_expiry: session_expiry?,
        username: username?,
        password_file: password_file?,
        tls: ca_file.map(|ca_file| Tls { ca_file, crl_file, identity }),
    })
}

fn sync(table: Spanned<Table<raw::Sync>>, faults: &mut Faults) -> Option<Sync> {
    let (mut read, raw) = Reader::new("sync", table, faults);
    let relation_at = raw.ahead.as_ref().or(raw.window.as_ref()).map(Spanned::span);
    let window = read.number("window", raw.window, 64, 1..=1000);
    let ahead = read.number("ahead", raw.ahead, 500, 1..=1_000_000);
    let forget = read.named("forget", raw.forget, Forget::Receipt, Forget::NAMED);
    let millis = Duration::from_millis;
    let ack_timeout = read.duration("ack_timeout", raw.ack_timeout, Or(secs(15)), millis(100)..=hours(1));
    let receipt_timeout = read.duration("receipt_timeout", raw.receipt_timeout, Or(secs(60)), millis(100)..=hours(1));
    let historical_after = read.duration("historical_after", raw.historical_after, Or(secs(60)), millis(0)..=days(1));
    let (window, ahead): (u16, u32) = (window?, ahead?);
    if let Some(at) = relation_at
        && ahead < u32::from(window)
    {
        let what = format!("`ahead` ({ahead}) must not be smaller than `window` ({window})");
        read.faults.add(at, what, format!("write ahead = {window} or more, or a smaller window"));
        return None;
    }
    Some(Sync {
        window,
        ahead,
        forget: forget?,
        ack_timeout: ack_timeout?,
        receipt_timeout: receipt_timeout?,
        historical_after: historical_after?,
    })
}

fn web(table: Spanned<Table<raw::Web>>, faults: &mut Faults) -> Option<Web> {
    let (mut read, raw) = Reader::new("web", table, faults);
    let listen = read.text("listen", raw.listen, Or(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))), values::listen);
    let allowed_hosts = read.texts("allowed_hosts", raw.allowed_hosts, ALLOWED_HOSTS_MAX, values::host_name);
    let token_file = read.text("token_file", raw.token_file, Or(None), |text| values::file(text).map(Some));
    Some(Web { listen: listen?, allowed_hosts: allowed_hosts?, token_file: token_file? })
}

fn control(table: Spanned<Table<raw::Control>>, faults: &mut Faults) -> Option<Control> {
    let (mut read, raw) = Reader::new("control", table, faults);
    let socket = read.text("socket", raw.socket, Or(None), |text| values::socket_path(text).map(Some));
    Some(Control { socket: socket? })
}

fn floor(table: Spanned<Table<raw::Floor>>, faults: &mut Faults) -> Option<Floor> {
    let (mut read, raw) = Reader::new("floor", table, faults);
    let flow = read.named("flow", raw.flow, Flow::SingleStep, Flow::NAMED);
    let operators = read.named("operators", raw.operators, Operators::Optional, Operators::NAMED);
    let idle_sign_out = read.duration("idle_sign_out", raw.idle_sign_out, Or(secs(1200)), secs(60)..=days(1));
    let bins = read.value("bins", raw.bins, Or(false), |bins| Ok(*bins));
    let batch_size = read.number("batch_size", raw.batch_size, 8, 1..=i64::from(BATCH_SIZE_MAX));
    let low_stock = read.number("low_stock", raw.low_stock, 2, 0..=1_000_000);
    Some(Floor {
        flow: flow?,
        operators: operators?,
        idle_sign_out: idle_sign_out?,
        bins: bins?,
        batch_size: batch_size?,
        low_stock: low_stock?,
    })
}

fn promise(table: Spanned<Table<raw::Promise>>, faults: &mut Faults) -> Option<Promise> {
    let (mut read, raw) = Reader::new("promise", table, faults);
    let pledge = Pledge::default();
    let pace_floor = read.number("pace_floor", raw.pace_floor, pledge.pace_floor, 1..=100_000);
    let pace_window = read.duration("pace_window", raw.pace_window, Or(pledge.pace_window), days(1)..=days(90));
    let at_risk_margin =
        read.duration("at_risk_margin", raw.at_risk_margin, Or(pledge.at_risk_margin), secs(0)..=hours(12));
    let day_closes = read.text("day_closes", raw.day_closes, Or(pledge.day_closes), values::time_of_day);
    Some(Promise {
        pace_floor: pace_floor?,
        pace_window: pace_window?,
        at_risk_margin: at_risk_margin?,
        day_closes: day_closes?,
    })
}

fn notices(table: Spanned<Table<raw::Notices>>, faults: &mut Faults) -> Option<Notices> {
    let (mut read, raw) = Reader::new("notices", table, faults);
    let all = Milestone::WORDS;
    let milestones = match raw.milestones {
        Some(list) => read.texts("milestones", Some(list), all.len(), |text| values::named(text, &all)),
        None => Some(all.map(|(_, milestone)| milestone).into()),
    };
    let (least, most) = EXPIRY;
    let feedback_after = read.duration("feedback_after", raw.feedback_after, Or(FEEDBACK_AFTER), least..=most);
    let expire_after = expire_after(raw.expire_after.unwrap_or_else(absent), read.faults);
    Some(Notices {
        milestones: milestones?.into_iter().collect(),
        expire_after: expire_after?,
        feedback_after: feedback_after?,
    })
}

/// A platform needs time to tell a customer; news of a season ago is none.
const EXPIRY: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(90 * 86_400));

fn expire_after(table: Spanned<Table<raw::ExpireAfter>>, faults: &mut Faults) -> Option<BTreeMap<Milestone, Duration>> {
    let (mut read, raw) = Reader::new("notices.expire_after", table, faults);
    let given = [
        (Milestone::OrderAccepted, raw.order_accepted),
        (Milestone::Packed, raw.packed),
        (Milestone::ReadyForPickup, raw.ready_for_pickup),
        (Milestone::HandedOver, raw.handed_over),
        (Milestone::Collected, raw.collected),
        (Milestone::ShortShipped, raw.short_shipped),
        (Milestone::Delayed, raw.delayed),
        (Milestone::Cancelled, raw.cancelled),
        (Milestone::ReturnReceived, raw.return_received),
        (Milestone::FeedbackInvited, raw.feedback_invited),
    ];
    // Not collected at once, so that every entry is looked at.
    let all = given.map(|(milestone, item)| {
        let default = Or(milestone.expires_after());
        let after = read.duration(milestone.word(), item, default, EXPIRY.0..=EXPIRY.1);
        after.map(|after| (milestone, after))
    });
    all.into_iter().collect()
}

fn station(table: Spanned<Table<raw::Station>>, faults: &mut Faults) -> Option<Station> {
    let (mut read, raw) = Reader::new("station", table, faults);
    let id = read.text("id", raw.id, Required, values::level);
    let name = read.text("name", raw.name, Or(None), |text| values::line(text, NAME_CHARS_MAX).map(Some));
    let mode = read.named("mode", raw.mode, Mode::Pack, Mode::NAMED);
    let screen = read.value("screen", raw.screen, Or(true), |screen| Ok(*screen));
    let id = id?;
    Some(Station { name: name?.unwrap_or_else(|| id.clone()), id, mode: mode?, screen: screen? })
}

/// One of the stations. `stations` is empty when there are none or one of them is wrong: then nobody knows which are
/// meant to be there.
fn station_named(text: &str, stations: &[Station]) -> Result<String, Complaint> {
    let known: Vec<_> = stations.iter().map(|station| (station.id.as_str(), ())).collect();
    let named = if known.is_empty() { Ok(()) } else { values::named(text, &known) };
    named.map(|()| text.to_owned())
}

fn printer(table: Spanned<Table<raw::Printer>>, stations: &[Station], faults: &mut Faults) -> Option<Printer> {
    let (mut read, raw) = Reader::new("printer", table, faults);
    let id = read.text("id", raw.id, Required, values::level);
    let station = read.text("station", raw.station, Required, |text| station_named(text, stations));
    let host = read.text("host", raw.host, Required, values::host);
    let port = read.number("port", raw.port, 9100, 1..=65_535);
    let dpi = read.value("dpi", raw.dpi, Or(203), |dpi| values::numbered(*dpi, &DPIS.map(|dpi| (i64::from(dpi), dpi))));
    let width_mm = read.number("label_width", raw.label_width, 100, LABEL_WIDTHS_MM);
    let height_mm = read.number("label_height", raw.label_height, 150, LABEL_HEIGHTS_MM);
    let media = Media::new(dpi?, width_mm?, height_mm?).ok()?;
    Some(Printer { id: id?, station: station?, host: host?, port: port?, media })
}

/// `voiced` are the stations where another scanner can speak for this one.
fn scanner(
    table: Spanned<Table<raw::Scanner>>,
    stations: &[Station],
    voiced: &[String],
    faults: &mut Faults,
) -> Option<Scanner> {
    let (mut read, raw) = Reader::new("scanner", table, faults);
    if raw.port.as_ref().is_some_and(|port| port.get_ref().starts_with("tcp://")) {
        read.refuse_on_tcp("baud", raw.baud.as_ref());
        read.refuse_on_tcp("data_bits", raw.data_bits.as_ref());
        read.refuse_on_tcp("parity", raw.parity.as_ref());
        read.refuse_on_tcp("stop_bits", raw.stop_bits.as_ref());
    }
    let millis = Duration::from_millis;
    let id = read.text("id", raw.id, Required, values::level);
    let station = read.text("station", raw.station, Required, |text| station_named(text, stations));
    let driver = driver(&mut read, raw.driver, raw.model);
    let preset = driver.unwrap_or_default().preset();
    let port = read.text("port", raw.port, Required, values::scanner_port);
    let baud = read.value("baud", raw.baud, Or(preset.settings.baud), |baud| {
        values::numbered(*baud, &BAUDS.map(|baud| (i64::from(baud), baud)))
    });
    let data_bits =
        read.value("data_bits", raw.data_bits, Or(data_bits(preset)), |n| values::numbered(*n, &values::DATA_BITS));
    let parity = read.named("parity", raw.parity, parity(preset), Parity::NAMED);
    let stop_bits =
        read.value("stop_bits", raw.stop_bits, Or(stop_bits(preset)), |n| values::numbered(*n, &values::STOP_BITS));
    let terminator = read.named("terminator", raw.terminator, terminator(preset), Terminator::NAMED);
    let idle_gap = read.duration("idle_gap", raw.idle_gap, Or(millis(100)), millis(1)..=secs(5));
    let bounce = read.duration("bounce", raw.bounce, Or(millis(150)), millis(0)..=secs(5));
    let feedback = read.value("feedback", raw.feedback, Or(true), |feedback| Ok(*feedback));
    let is_heard = feedback? && driver?.can_answer() || station.as_ref().is_some_and(|id| voiced.contains(id));
    let unseen = stations.iter().any(|known| Some(&known.id) == station.as_ref() && !known.screen);
    if unseen && !is_heard {
        let what =
            "nothing at its station can answer this scanner, no screen either: nobody would know what a scan meant";
        read.faults.add(read.at.clone(), what, "give the station a screen, or the scanner a driver that answers it");
        return None;
    }
    Some(Scanner {
        id: id?,
        station: station?,
        driver: driver?,
        port: port?,
        baud: baud?,
        data_bits: data_bits?,
        parity: parity?,
        stop_bits: stop_bits?,
        terminator: terminator?,
        idle_gap: idle_gap?,
        bounce: bounce?,
        feedback: feedback?,
    })
}

/// The stations with a scanner that can speak for others.
fn voiced(scanners: &List<Table<raw::Scanner>>) -> Vec<String> {
    let text = |item: &Item<String>| item.as_ref().map(|text| text.get_ref().clone());
    let tables = scanners.iter().flat_map(Spanned::get_ref).map(|table| &table.get_ref().0);
    let speaks = tables.filter(|scanner| {
        let family = text(&scanner.driver).unwrap_or_else(|| Family::Line.word().to_owned());
        let driver = Driver::named(&family, text(&scanner.model).as_deref());
        let speaks = scanner.feedback.as_ref().is_none_or(|feedback| *feedback.get_ref());
        speaks && driver.is_ok_and(Driver::has_voice)
    });
    speaks.filter_map(|scanner| text(&scanner.station)).collect()
}

/// The family and the model that the file names, or the first of each.
fn driver(read: &mut Reader<'_>, family: Item<String>, model: Item<String>) -> Option<Driver> {
    let families = Family::ALL.map(|family| (family.word(), family));
    let family = read.named("driver", family, Family::Line, &families)?;
    let models = family.models().iter().map(|model| (model.word, model.word)).collect::<Vec<_>>();
    let model = read.named("model", model, models[0].0, &models)?;
    Driver::named(family.word(), Some(model)).ok()
}

fn data_bits(preset: Preset) -> DataBits {
    match preset.settings.data_bits {
        port::DataBits::Seven => DataBits::Seven,
        port::DataBits::Eight => DataBits::Eight,
    }
}

fn parity(preset: Preset) -> Parity {
    match preset.settings.parity {
        port::Parity::None => Parity::None,
        port::Parity::Odd => Parity::Odd,
        port::Parity::Even => Parity::Even,
    }
}

fn stop_bits(preset: Preset) -> StopBits {
    match preset.settings.stop_bits {
        port::StopBits::One => StopBits::One,
        port::StopBits::Two => StopBits::Two,
    }
}

fn terminator(preset: Preset) -> Terminator {
    match preset.terminator {
        framing::Terminator::Auto => Terminator::Auto,
        framing::Terminator::Cr => Terminator::Cr,
        framing::Terminator::Lf => Terminator::Lf,
        framing::Terminator::CrLf => Terminator::Crlf,
        framing::Terminator::Etx => Terminator::Etx,
        framing::Terminator::Tab => Terminator::Tab,
        framing::Terminator::None => Terminator::None,
    }
}

fn carrier(table: Spanned<Table<raw::Carrier>>, sources: &Sources, faults: &mut Faults) -> Option<Carrier> {
    let (mut read, raw) = Reader::new("carrier", table, faults);
    let id = read.text("id", raw.id, Required, values::level);
    let name = read.text("name", raw.name, Or(None), |text| values::line(text, NAME_CHARS_MAX).map(Some));
    let services = read.texts("services", raw.services, SERVICES_MAX, |text| values::line(text, NAME_CHARS_MAX));
    let holidays = read.texts("holidays", raw.holidays, HOLIDAYS_MAX, values::date);
    let grace = read.duration("grace", raw.grace, Or(secs(1200)), secs(0)..=hours(12));
    let tracking_required = read.value("tracking_required", raw.tracking_required, Or(false), |required| Ok(*required));
    let tracking_pattern = read
        .text("tracking_pattern", raw.tracking_pattern, Or(None), |text| values::line(text, NAME_CHARS_MAX).map(Some));
    let tracking_url =
        read.text("tracking_url", raw.tracking_url, Or(None), |text| values::tracking_url(text).map(Some));
    let mut taken = HashMap::new();
    let collections = tables("carrier.collections", raw.collections, COLLECTIONS_MAX, read.faults, |table, faults| {
        let at = table.span();
        let collection = collection(table, faults)?;
        for day in (0..collection.days.len()).filter(|day| collection.days[*day]) {
            if let Some(first) = taken.insert((day, collection.at), at.clone()) {
                let day = values::WEEKDAYS[day];
                let first = sources.line_words(&first, &at);
                let what = format!("this collection is on {day} at the same time as the one {first}");
                faults.add(at, what, "leave the day out of one of them, or change the time");
                return None;
            }
        }
        Some(collection)
    });
    let id = id?;
    Some(Carrier {
        name: name?.unwrap_or_else(|| id.clone()),
        id,
        services: services?,
        collections: collections?,
        holidays: holidays?,
        grace: grace?,
        tracking_required: tracking_required?,
        tracking_pattern: tracking_pattern?,
        tracking_url: tracking_url?,
    })
}

fn collection(table: Spanned<Table<raw::Collection>>, faults: &mut Faults) -> Option<Collection> {
    let (mut read, raw) = Reader::new("carrier.collections", table, faults);
    let weekdays = match raw.days {
        Some(days) if days.get_ref().is_empty() => {
            let advice = shape::example_advice(read.table, "days");
            read.faults.add(days.span(), "`days` must name at least one day", advice);
            None
        }
        Some(days) => read.texts("days", Some(days), values::WEEKDAYS.len(), values::weekdays),
        None => {
            read.missing("days");
            None
        }
    };
    let at = read.text("at", raw.at, Required, values::time_of_day);
    let cut_off = read.duration("cut_off", raw.cut_off, Required, secs(0)..=days(1));
    let days = weekdays?.iter().fold([false; 7], |week, more| std::array::from_fn(|day| week[day] || more[day]));
    Some(Collection { days, at: at?, cut_off: cut_off? })
}

fn log(table: Spanned<Table<raw::Log>>, faults: &mut Faults) -> Option<Log> {
    let (mut read, raw) = Reader::new("log", table, faults);
    let level = read.named("level", raw.level, Level::Info, Level::NAMED);
    let format = read.named("format", raw.format, Format::Text, Format::NAMED);
    Some(Log { level: level?, format: format? })
}

/// What a key means that is not there.
enum Absent<T> {
    Or(T),
    Required,
}

/// The keys of one table.
struct Reader<'f> {
    /// Its name without brackets.
    table: &'static str,
    at: Range<usize>,
    faults: &'f mut Faults,
}

impl<'f> Reader<'f> {
    fn new<R>(table: &'static str, raw: Spanned<Table<R>>, faults: &'f mut Faults) -> (Self, R) {
        (Self { table, at: raw.span(), faults }, raw.into_inner().0)
    }

    fn text<T>(
        &mut self,
        key: &str,
        item: Item<String>,
        absent: Absent<T>,
        parse: impl FnOnce(&str) -> Result<T, Complaint>,
    ) -> Option<T> {
        self.value(key, item, absent, |text| parse(text))
    }

    fn named<T: Copy>(&mut self, key: &str, item: Item<String>, default: T, known: &[(&str, T)]) -> Option<T> {
        self.text(key, item, Or(default), |text| values::named(text, known))
    }

    fn duration(
        &mut self,
        key: &str,
        item: Item<String>,
        absent: Absent<Duration>,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        self.text(key, item, absent, |text| values::duration(text, &range))
    }

    fn number<T: TryFrom<i64>>(
        &mut self,
        key: &str,
        item: Item<i64>,
        default: T,
        range: RangeInclusive<i64>,
    ) -> Option<T> {
        self.value(key, item, Or(default), |number| values::number(*number, &range))
    }

    fn value<V, T>(
        &mut self,
        key: &str,
        item: Item<V>,
        absent: Absent<T>,
        parse: impl FnOnce(&V) -> Result<T, Complaint>,
    ) -> Option<T> {
        match (item, absent) {
            (Some(value), _) => self.understood(key, value.span(), parse(value.get_ref())),
            (None, Or(default)) => Some(default),
            (None, Required) => {
                self.missing(key);
                None
            }
        }
    }

    fn texts<T>(
        &mut self,
        key: &str,
        list: List<String>,
        count_max: usize,
        parse: impl Fn(&str) -> Result<T, Complaint>,
    ) -> Option<Vec<T>> {
        let Some(list) = list else {
            return Some(Vec::new());
        };
        let at = list.span();
        let list = list.into_inner();
        if count_max < list.len() {
            self.faults.add(at, format!("`{key}` has {} entries", list.len()), format!("write at most {count_max}"));
            return None;
        }
        // Not collected at once, so that every entry is looked at.
        let parsed: Vec<_> = list.iter().map(|text| self.understood(key, text.span(), parse(text.get_ref()))).collect();
        parsed.into_iter().collect()
    }

    fn understood<T>(&mut self, key: &str, at: Range<usize>, parsed: Result<T, Complaint>) -> Option<T> {
        parsed
            .map_err(|complaint| {
                let advice = complaint.advice.unwrap_or_else(|| shape::example_advice(self.table, key));
                self.faults.add(at, format!("`{key}` {}", complaint.what), advice);
            })
            .ok()
    }

    fn missing(&mut self, key: &str) {
        if !self.faults.is_wounded(&self.at) {
            let advice = shape::example_advice(self.table, key);
            self.faults.add(self.at.clone(), format!("`{key}` is missing here"), advice);
        }
    }

    fn incomplete<V>(&mut self, alone: &Spanned<V>, what: &str, other: &str) {
        if !self.faults.is_wounded(&self.at) {
            let advice = format!("give both or neither; {}", shape::example_advice(self.table, other));
            self.faults.add(alone.span(), what, advice);
        }
    }

    fn refuse_on_tcp<V>(&mut self, key: &str, item: Option<&Spanned<V>>) {
        if let Some(value) = item {
            let what = format!("`{key}` belongs to a serial line, and this port is tcp://");
            self.faults.add(value.span(), what, format!("leave out `{key}`"));
        }
    }
}

/// Reads each table of a list, all of them even after a fault.
fn tables<R, T>(
    name: &str,
    list: List<Table<R>>,
    count_max: usize,
    faults: &mut Faults,
    mut read: impl FnMut(Spanned<Table<R>>, &mut Faults) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(list) = list else {
        return Some(Vec::new());
    };
    let list = list.into_inner();
    if let Some(beyond) = list.get(count_max) {
        let what = format!("there are {} of {name}, and {count_max} is the most", list.len());
        faults.add(beyond.span(), what, "leave out this one and those after it");
        return None;
    }
    let read: Vec<_> = list.into_iter().map(|table| read(table, faults)).collect();
    read.into_iter().collect()
}

fn need_table(is_there: bool, header: &'static str, end: &Range<usize>, faults: &mut Faults) {
    if !is_there && !faults.is_wounded(&shape::ROOT) {
        faults.add(end.clone(), format!("{header} is missing"), format!("add:\n{}", manual::required(header)));
    }
}

fn unique_ids<R>(list: &List<Table<R>>, id: impl Fn(&R) -> &Item<String>, sources: &Sources, faults: &mut Faults) {
    let ids = list.iter().flat_map(Spanned::get_ref).filter_map(|table| id(&table.get_ref().0).as_ref());
    unique(ids.map(|id| (id.get_ref().clone(), id.span())), "id", sources, faults);
}

/// A station's labels come out of one printer.
fn unique_printers(printers: &List<Table<raw::Printer>>, sources: &Sources, faults: &mut Faults) {
    let stations = printers.iter().flat_map(Spanned::get_ref).filter_map(|table| table.get_ref().0.station.as_ref());
    unique(stations.map(|station| (station.get_ref().clone(), station.span())), "station", sources, faults);
}

fn unique_ports(scanners: &List<Table<raw::Scanner>>, sources: &Sources, faults: &mut Faults) {
    let ports = scanners.iter().flat_map(Spanned::get_ref).filter_map(|table| table.get_ref().0.port.as_ref());
    let ports = ports.filter_map(|port| Some((values::scanner_port(port.get_ref()).ok()?.to_string(), port.span())));
    unique(ports, "port", sources, faults);
}

fn unique(values: impl Iterator<Item = (String, Range<usize>)>, key: &str, sources: &Sources, faults: &mut Faults) {
    let mut taken: HashMap<String, Range<usize>> = HashMap::new();
    for (value, at) in values {
        match taken.get(&value) {
            Some(first) => {
                let what = format!("the {key} {value:?} is already taken {}", sources.line_words(first, &at));
                faults.add(at, what, format!("give each its own {key}"));
            }
            None => {
                taken.insert(value, at);
            }
        }
    }
}

fn absent<R: Default>() -> Spanned<Table<R>> {
    Spanned::new(0..0, Table::default())
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn hours(hours: u64) -> Duration {
    secs(hours * 3600)
}

fn days(days: u64) -> Duration {
    hours(days * 24)
}
