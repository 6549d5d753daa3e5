//! A scanner's port: there, openable, and nobody else's.

use super::{Check, Outcome};
use crate::config::{Port, Scanner};
use crate::report::{self, Report};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

const CONNECTED_WITHIN: Duration = Duration::from_secs(3);

/// Names that the kernel gives anew at each plugging-in.
const NUMBERED: [&str; 2] = ["/dev/ttyUSB", "/dev/ttyACM"];

/// Asks the agent where one runs, and opens the port otherwise: a port has one user.
pub fn check(scanner: &Scanner, report: Option<&Report>) -> Check {
    let name = format!("scanner {}", scanner.id);
    let seen = report.and_then(|report| report.scanners.iter().find(|seen| seen.id == scanner.id));
    if let Some(seen) = seen {
        return held_by_agent(&name, scanner, seen);
    }
    match &scanner.port {
        Port::Serial(path) => serial(&name, path),
        Port::Tcp { host, port } => network(&name, host, *port),
    }
}

fn held_by_agent(name: &str, scanner: &Scanner, seen: &report::Scanner) -> Check {
    if let Some(reason) = &seen.setup_failure {
        let found = format!("{}: open, and not set up: {reason}", seen.port);
        return Check::new(name, Outcome::Warning, found)
            .fix("compare driver, baud rate and parity with the scanner's own; docs/hardware.md has its settings");
    }
    if 0 < seen.garbled_frames {
        let (frames, settings) = (seen.garbled_frames, seen.setup.settings.as_deref().unwrap_or("its network line"));
        let reason = seen.last_unreadable.as_deref().unwrap_or("no reason was told");
        let found = format!("{}: nothing of the last {frames} that it sent was a code: {reason}", seen.port);
        return Check::new(name, Outcome::Warning, found).fix(format!(
            "wrong baud rate or parity? The configuration says {settings}: set the scanner to the same, and scan once"
        ));
    }
    if seen.state == "open" {
        let found = format!("{}: open, {} reads since the start", seen.port, seen.reads);
        return match &scanner.port {
            Port::Serial(path) => with_stable_name(Check::new(name, Outcome::Ok, found), path),
            Port::Tcp { .. } => Check::new(name, Outcome::Ok, found),
        };
    }
    let reason = seen.reason.as_deref().unwrap_or("not open yet");
    let found = if reason.starts_with(&seen.port) { reason.to_owned() } else { format!("{}: {reason}", seen.port) };
    let check = Check::new(name, Outcome::Error, found);
    match &scanner.port {
        Port::Serial(path) if !path.exists() => check.fix(plug_in(path)),
        Port::Serial(path) => match seen.obstacle.as_deref() {
            Some("held") => check.fix(end_it(path)),
            Some("denied") => check.fix(may_open(path)),
            _ => check.fix(format!("{} If it stays so: {}", plug_in(path), may_open(path))),
        },
        Port::Tcp { .. } => check.fix(reach()),
    }
}

fn serial(name: &str, path: &Path) -> Check {
    let check = |outcome, found: &str| Check::new(name, outcome, format!("{}: {found}", path.display()));
    match fs::metadata(path) {
        Err(_) => return check(Outcome::Error, "there is no such device").fix(plug_in(path)),
        Ok(found) if !found.file_type().is_char_device() => {
            return check(Outcome::Error, "this is no device").fix(plug_in(path));
        }
        Ok(_) => {}
    }
    if let Some(holder) = holder(path) {
        return check(Outcome::Error, &format!("{holder} has it open and would get half of the scans"))
            .fix("end that program, or give the scanner another port");
    }
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(line) if rustix::termios::isatty(&line) => with_stable_name(check(Outcome::Ok, "can be opened"), path),
        Ok(_) => check(Outcome::Error, "this is no serial line").fix(plug_in(path)),
        Err(Errno::ACCESS | Errno::PERM) => check(Outcome::Error, "this user may not open it").fix(may_open(path)),
        Err(Errno::BUSY) => check(Outcome::Error, "another program holds it alone").fix(end_it(path)),
        Err(error) => check(Outcome::Error, &format!("can't be opened: {error}")).fix(plug_in(path)),
    }
}

fn network(name: &str, host: &str, port: u16) -> Check {
    let shown = Port::Tcp { host: host.to_owned(), port };
    let check = |outcome, found: String| Check::new(name, outcome, format!("{shown}: {found}"));
    let address = match (host, port).to_socket_addrs().map(|mut addresses| addresses.next()) {
        Ok(Some(address)) => address,
        Ok(None) => return check(Outcome::Error, "the name has no address".into()).fix(reach()),
        Err(error) => return check(Outcome::Error, format!("the name is not known: {error}")).fix(reach()),
    };
    match TcpStream::connect_timeout(&address, CONNECTED_WITHIN) {
        Ok(_) => check(Outcome::Ok, "answers".into()),
        Err(error) => check(Outcome::Error, error.to_string()).fix(reach()),
    }
}

/// A name that changes leads to the wrong scanner one day.
fn with_stable_name(check: Check, path: &Path) -> Check {
    let shown = path.display().to_string();
    if !NUMBERED.iter().any(|numbered| shown.starts_with(numbered)) {
        return check;
    }
    let found = format!("{}; but the name {shown} can be another scanner's after plugging in", check.found);
    Check::new(check.check, Outcome::Warning, found)
        .fix("use its name below /dev/serial/by-id (or by-path): ls -l /dev/serial/by-id")
}

/// A process that has the device open, as far as this user may see.
fn holder(path: &Path) -> Option<String> {
    let device = fs::canonicalize(path).ok()?;
    let own = std::process::id().to_string();
    fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        let pid = process.file_name().into_string().ok()?;
        if pid == own || !pid.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mut open = fs::read_dir(process.path().join("fd")).ok()?.flatten();
        open.find(|link| fs::read_link(link.path()).is_ok_and(|target| target == device))?;
        let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        Some(format!("{} (process {pid})", name.trim_end()))
    })
}

fn plug_in(path: &Path) -> String {
    match path.starts_with("/dev/serial") {
        true => {
            "plug the scanner in, and set it to USB serial (CDC); ls -l /dev/serial/by-id shows what is there".into()
        }
        false => format!("plug the scanner in; ls -l {} shows whether it is there", path.display()),
    }
}

fn end_it(path: &Path) -> String {
    format!("fuser -v {} names it; end it", path.display())
}

/// Names the group that the device is given to.
fn may_open(path: &Path) -> String {
    let group = fs::metadata(path).ok().and_then(|device| group(device.gid()));
    match group.as_deref() {
        None | Some("root") => format!(
            "give the device to the group of serial lines: chgrp dialout {0} && chmod 660 {0}, for good by a udev rule",
            path.display()
        ),
        Some(group) => {
            format!("let the agent's user open it: usermod -aG {group} parceld, then restart the agent")
        }
    }
}

/// The group's name in the system's own list.
fn group(id: u32) -> Option<String> {
    let groups = fs::read_to_string("/etc/group").ok()?;
    let is_it = |line: &&str| line.split(':').nth(2) == Some(&id.to_string());
    groups.lines().find(is_it)?.split(':').next().map(str::to_owned)
}

fn reach() -> String {
    "is the scanner on, in this network, and set to serve its reads at that port?".into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Language;
    use crate::report::tests::{facts, wreck};
    use std::net::TcpListener;

    fn scanner(port: Port) -> Scanner {
        let text = include_str!("../../../config/parceld.toml");
        let mut scanner = crate::config::parse(Path::new("parceld.toml"), text).unwrap().scanners.remove(0);
        scanner.id = "hand".into();
        scanner.port = port;
        scanner
    }

    #[track_caller]
    fn expect(check: &Check, outcome: Outcome, found: &str) {
        assert_eq!(check.outcome, outcome, "{check:?}");
        assert!(check.found.contains(found), "{check:?}");
        assert_eq!(check.fix.is_some(), outcome != Outcome::Ok, "{check:?}");
    }

    #[test]
    fn tells_what_is_wrong_with_a_port() {
        let serial = |path: &str| check(&scanner(Port::Serial(path.into())), None);
        expect(&serial("/dev/serial/by-id/usb-Nobody-if00"), Outcome::Error, "no such device");
        expect(&serial("/etc/hostname"), Outcome::Error, "no device");
        expect(&serial("/dev/null"), Outcome::Error, "");
    }

    #[test]
    fn connects_to_a_network_scanner() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let tcp = || check(&scanner(Port::Tcp { host: "127.0.0.1".into(), port }), None);
        expect(&tcp(), Outcome::Ok, "answers");
        drop(listener);
        expect(&tcp(), Outcome::Error, "refused");
    }

    #[test]
    fn believes_the_running_agent() {
        let path = Port::Serial("/dev/serial/by-id/usb-Nobody-if00".into());
        let report = |facts| Report::new(&facts, Language::ENGLISH);
        expect(&check(&scanner(path.clone()), Some(&report(facts()))), Outcome::Ok, "214 reads");
        expect(&check(&scanner(path), Some(&report(wreck()))), Outcome::Error, "unplugged");
        let numbered = Port::Serial("/dev/ttyUSB0".into());
        expect(&check(&scanner(numbered), Some(&report(facts()))), Outcome::Warning, "another scanner's");
    }
}
