//! A network of a test's own: this host, another one, and two wires between them. One of them can be cut, slowed down, and
//! made to swallow what it is given; on the other the test asks the other host how it is.
//!
//! - The test is run again in a network namespace that it has for itself ([`alone`]): nothing of this machine's network is
//!   touched, and nothing is left when the test ends, however it ends.
//! - The other host is a second namespace, which lives as long as a process in it.
//! - Only root may make namespaces, and the kernel must have veth; without, such a test says that it was skipped.

use std::env;
use std::fs;
use std::net::Ipv4Addr;
use std::process::Command;

use crate::process::Process;
use crate::tempdir::TempDir;
use crate::{binaries, wait};

/// This host on the wire that breaks.
pub const HERE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The other host on the wire that breaks.
pub const THERE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// The other host on the wire that doesn't.
pub const THERE_FOR_SURE: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 2);
const HERE_FOR_SURE: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 1);

/// Each wire's ends have these names on their hosts.
const BREAKS: (&str, &str) = ("breaks-here", "breaks-there");
const HOLDS: (&str, &str) = ("holds-here", "holds-there");

/// Nobody's: what is sent to it reaches the other end, which passes it over.
const NOBODY: &str = "02:00:00:00:00:99";

/// One frame, as a token bucket must hold it.
const FRAME_BYTES: u32 = 1_600;
/// What a modem keeps before it drops.
const QUEUE_BYTES: u32 = 64 * 1024;

/// Set for the test that has a network of its own, to the test's name.
const VARIABLE: &str = "PARCELD_TEST_NETWORK";

/// Whether this is the test with this name in a network of its own. Otherwise runs it there, and fails where it fails: the
/// caller has nothing more to do.
///
/// # Panics
/// Where the test failed, or there is none of this name.
#[must_use]
#[track_caller]
pub fn alone(test: &str) -> bool {
    if env::var_os(VARIABLE).is_some_and(|name| name == test) {
        ip(&["link", "set", "lo", "up"]).expect("root may start the loopback of a new network");
        return true;
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root may have a network of its own");
        return false;
    }
    let itself = env::current_exe().expect("a running program knows its path");
    let mut again = Command::new(binaries::system("unshare", "util-linux"));
    again.arg("--net").arg(itself).args([test, "--exact", "--include-ignored", "--nocapture"]).env(VARIABLE, test);
    let ended = again.output().expect("unshare can be started");
    let said = String::from_utf8_lossy(&ended.stdout);
    println!("{said}");
    eprintln!("{}", String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{test} failed in a network of its own");
    assert!(said.contains("1 passed"), "there is no test {test}");
    false
}

/// The other host. Gone with its wires when dropped.
#[derive(Debug)]
pub struct Host {
    process: Process,
    _dir: TempDir,
}

/// Which way a wire fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Both,
    /// The other host is heard, and hears nothing.
    Thither,
}

impl Host {
    /// In the network that [`alone`] has made. `None`, and the reason printed, where this kernel has no such wires.
    ///
    /// # Panics
    /// Where a wire that the kernel has can't be laid.
    #[must_use]
    pub fn start() -> Option<Host> {
        let dir = TempDir::new("network");
        let mut command = Command::new(binaries::system("unshare", "util-linux"));
        command.args(["--net", "sleep", "infinity"]);
        let process = Process::spawn("host", &mut command, &dir.join("log"));
        let network = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        wait::until("another network", wait::GENEROUS, || {
            let other = network(&process.pid().to_string())?;
            (Some(other) != network("self")).then_some(())
        });
        let host = Host { process, _dir: dir };
        for ((here, there), (from, to)) in [(BREAKS, (HERE, THERE)), (HOLDS, (HERE_FOR_SURE, THERE_FOR_SURE))] {
            let pid = host.process.pid().to_string();
            if let Err(why) = ip(&["link", "add", "name", here, "type", "veth", "peer", "name", there, "netns", &pid]) {
                eprintln!("skipped: this kernel lays no wire between networks: {why}");
                return None;
            }
            let address = |of: Ipv4Addr| format!("{of}/24");
            ip(&["address", "add", &address(from), "dev", here]).expect("a wire takes an address");
            ip(&["link", "set", here, "up"]).expect("a wire can be used");
            host.ip(&["address", "add", &address(to), "dev", there]).expect("a wire takes an address");
            host.ip(&["link", "set", there, "up"]).expect("a wire can be used");
        }
        Some(host)
    }

    /// The words before a program that have it run on this host.
    #[must_use]
    pub fn runner(&self) -> Vec<String> {
        let network = format!("--net=/proc/{}/ns/net", self.process.pid());
        vec![binaries::system("nsenter", "util-linux").display().to_string(), network, "--".to_owned()]
    }

    /// The wire is unplugged: both ends notice.
    pub fn cut(&self) {
        ip(&["link", "set", BREAKS.0, "down"]).expect("a wire can be unplugged");
    }

    pub fn mend(&self) {
        ip(&["link", "set", BREAKS.0, "up"]).expect("a wire can be plugged in");
    }

    /// The wire swallows what it is given, and nobody notices.
    pub fn swallow(&self, way: Way) {
        let to = |of: Ipv4Addr, end: &str| {
            let of = of.to_string();
            ["neighbor", "replace", &of, "lladdr", NOBODY, "nud", "permanent", "dev", end].map(str::to_owned)
        };
        let words = to(THERE, BREAKS.0);
        ip(&words.each_ref().map(String::as_str)).expect("a neighbour can be misnamed");
        if way == Way::Both {
            let words = to(HERE, BREAKS.1);
            self.ip(&words.each_ref().map(String::as_str)).expect("a neighbour can be misnamed");
        }
    }

    /// It carries again.
    pub fn carry(&self) {
        // Each fails only where that end had swallowed nothing.
        let _ = ip(&["neighbor", "del", &THERE.to_string(), "dev", BREAKS.0]);
        let _ = self.ip(&["neighbor", "del", &HERE.to_string(), "dev", BREAKS.1]);
    }

    /// The wire carries no more than this from now on, each way. `false`, and the reason printed, where this kernel can't
    /// hold anything back.
    #[must_use]
    pub fn slow_down(&self, bits_per_s: u32) -> bool {
        let (rate, burst, queue) = (format!("{bits_per_s}bit"), FRAME_BYTES.to_string(), QUEUE_BYTES.to_string());
        let words = |end| {
            ["qdisc", "replace", "dev", end, "root", "tbf", "rate", &rate, "burst", &burst, "limit", &queue]
                .map(str::to_owned)
        };
        let tc = binaries::system("tc", "iproute2").display().to_string();
        let here = said(Command::new(&tc).args(words(BREAKS.0)));
        let runner = self.runner();
        let there = said(Command::new(&runner[0]).args(&runner[1..]).arg(&tc).args(words(BREAKS.1)));
        if let Err(why) = here.and(there) {
            eprintln!("skipped: this kernel slows no wire down: {why}");
            return false;
        }
        true
    }

    fn ip(&self, words: &[&str]) -> Result<(), String> {
        let runner = self.runner();
        said(Command::new(&runner[0]).args(&runner[1..]).arg(binaries::system("ip", "iproute2")).args(words))
    }
}

fn ip(words: &[&str]) -> Result<(), String> {
    said(Command::new(binaries::system("ip", "iproute2")).args(words))
}

/// Runs it to its end; an error is what it said.
fn said(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_wire_carries_swallows_and_carries_again() {
        if !alone("network::tests::a_wire_carries_swallows_and_carries_again") {
            return;
        }
        let Some(host) = Host::start() else { return };
        let listener = TcpListener::bind((HERE, 7_000)).unwrap();
        let runner = host.runner();
        let mut other = Command::new(&runner[0]);
        // Says what it hears.
        let script = format!("exec 3<>/dev/tcp/{HERE}/7000; cat <&3 >&3");
        let dir = TempDir::new("network");
        let _other = Process::spawn(
            "echo",
            other.args(&runner[1..]).args([binaries::system("bash", "bash").as_os_str()]).args(["-c", &script]),
            &dir.join("log"),
        );
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let echo = |stream: &mut TcpStream| {
            stream.write_all(b"x").unwrap();
            stream.read(&mut [0; 8])
        };
        assert_eq!(echo(&mut stream).unwrap(), 1);
        for way in [Way::Both, Way::Thither] {
            host.swallow(way);
            assert_eq!(echo(&mut stream).unwrap_err().kind(), ErrorKind::WouldBlock, "{way:?}");
            host.carry();
            stream.set_read_timeout(Some(wait::GENEROUS)).unwrap();
            assert_eq!(stream.read(&mut [0; 8]).unwrap(), 1, "TCP sends it again");
            stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        }
        host.cut();
        assert_eq!(echo(&mut stream).unwrap_err().kind(), ErrorKind::WouldBlock);
        host.mend();
        stream.set_read_timeout(Some(wait::GENEROUS)).unwrap();
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 1);
    }
}
