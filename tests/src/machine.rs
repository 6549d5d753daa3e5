//! A Debian of a test's own, with systemd as its first process: namespaces of this machine's kernel, a root made once by
//! debootstrap, and what the test changes in a layer above it.
//!
//! It shares the network with this machine, so that brokers and pages are where they are for every other test. Its units
//! run in control groups of version 2 without controllers where this machine keeps those elsewhere: limits of memory and
//! tasks are then not applied, while devices, system calls, files, users and the watchdog are.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use crate::process::Process;
use crate::tempdir::TempDir;
use crate::{binaries, wait};

/// The oldest Debian that the package is for.
const SUITE: &str = "bookworm";

/// Beside what every Debian has.
const PACKAGES: &str = "dbus,systemd,systemd-sysv,udev";

/// Of the group that may open serial lines, in every Debian.
const DIALOUT: u32 = 20;

/// A slow machine takes this long until systemd has started everything.
const BOOT_WITHIN: Duration = Duration::from_secs(120);

/// Where a test's device stands in the machine.
const DEVICES: &str = "/dev";

/// Switched off and gone when dropped.
#[derive(Debug)]
pub struct Machine {
    /// Its container's process, which keeps the console's log.
    container: Option<Process>,
    cgroup: PathBuf,
    layers: TempDir,
    devices: Vec<(PathBuf, String)>,
}

impl Machine {
    /// Not switched on yet. `dir` is cargo's directory for what tests leave: the root is made there once. `None`, and the
    /// reason printed, where this user or this machine can't have one.
    ///
    /// # Panics
    /// Where the root can't be made, for example without a network.
    #[must_use]
    pub fn new(dir: &str) -> Option<Machine> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: only root may have a machine of its own");
            return None;
        }
        let Some(cgroup) = cgroups() else {
            eprintln!("skipped: this machine has no control groups of version 2");
            return None;
        };
        let base = base(Path::new(dir));
        let layers = TempDir::new("machine");
        let cgroup = cgroup.join(layers.path().file_name().expect("a directory has a name"));
        for layer in ["upper", "work", "root"] {
            fs::create_dir(layers.join(layer)).expect("a directory of our own takes others");
        }
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            base.display(),
            layers.join("upper").display(),
            layers.join("work").display()
        );
        let mut mount = Command::new(binaries::system("mount", "mount"));
        mount.args(["-t", "overlay", "-o", &options, "overlay"]).arg(layers.join("root"));
        let mounted = mount.output().expect("mount can be started");
        if !mounted.status.success() {
            let why = String::from_utf8_lossy(&mounted.stderr);
            eprintln!("skipped: no layer can be put over the root here: {}", why.trim());
            return None;
        }
        let machine = Machine { container: None, cgroup, layers, devices: Vec::new() };
        // Debian's installer makes it, debootstrap doesn't.
        machine.write("/etc/hosts", 0o644, "127.0.0.1\tlocalhost\n");
        Some(machine)
    }

    /// Where a file of the machine is on this one.
    ///
    /// # Panics
    /// Where the path doesn't begin with `/`.
    #[must_use]
    pub fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        let inside = inside.as_ref().strip_prefix("/").expect("a machine's path begins with /");
        self.layers.join("root").join(inside)
    }

    /// Puts a file there, with its directories.
    ///
    /// # Panics
    /// Where it can't be written.
    pub fn write(&self, inside: &str, mode: u32, content: impl AsRef<[u8]>) {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().expect("a file is in a directory")).expect("the layer takes directories");
        fs::write(&path, content).expect("the layer takes files");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a file of our own");
    }

    /// Puts a file of this machine there.
    ///
    /// # Panics
    /// Where it can't be read or written.
    pub fn install(&self, file: &Path, inside: &str, mode: u32) {
        let content = fs::read(file).unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
        self.write(inside, mode, content);
    }

    /// The device that `port` leads to is `/dev/NAME` there, for whoever may open serial lines.
    ///
    /// # Panics
    /// Where there is no such device.
    pub fn plug_in(&mut self, port: &Path, name: &str) {
        let device = fs::canonicalize(port).expect("a port leads to a device");
        chown(&device, None, Some(DIALOUT)).expect("root may give a device away");
        fs::set_permissions(&device, fs::Permissions::from_mode(0o660)).expect("root may change a device");
        self.devices.push((device, format!("{DEVICES}/{name}")));
    }

    /// Switches it on, and waits until systemd has started everything.
    ///
    /// # Panics
    /// Where it doesn't start.
    pub fn boot(&mut self) {
        fs::create_dir(&self.cgroup).expect("root may make a control group");
        let name = self.cgroup.file_name().and_then(OsStr::to_str).expect("our own directories have plain names");
        let mut container = Command::new("sh");
        // A control group of its own: otherwise two machines have one tree of units.
        container.args(["-c", "echo $$ >\"$1/cgroup.procs\" && shift && exec \"$@\"", "sh"]).arg(&self.cgroup);
        container.arg(binaries::system("systemd-nspawn", "systemd-container"));
        container.arg("--directory").arg(self.layers.join("root"));
        container.args(["--boot", "--register=no", "--keep-unit", "--console=pipe", "--link-journal=no"]);
        container.args(["--resolv-conf=off", "--timezone=off", "--machine", name]);
        // What systemd needs on a real machine, and a container is not given otherwise.
        container.args(["--capability=all", "--system-call-filter=bpf"]);
        for (device, inside) in &self.devices {
            container.arg(format!("--bind={}:{inside}", device.display()));
        }
        container.env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1").stdin(Stdio::null());
        self.container = Some(Process::spawn("machine", &mut container, &self.layers.join("console")));
        wait::until("the machine to be up", BOOT_WITHIN, || {
            if let Some(status) = self.container.as_mut()?.ended() {
                panic!("the machine ended with {status}");
            }
            self.init()?;
            let state = self.run(&["systemctl", "is-system-running"]);
            ["running\n", "degraded\n"].contains(&&*String::from_utf8_lossy(&state.stdout)).then_some(())
        });
    }

    /// Runs a program in it and waits for its end.
    ///
    /// # Panics
    /// Where it is switched off.
    #[must_use]
    pub fn run(&self, command: &[&str]) -> Output {
        let init = self.init().expect("the machine is switched on");
        let mut enter = Command::new(binaries::system("nsenter", "util-linux"));
        enter.args(["--all", "--target"]).arg(init).arg("--").args(command).stdin(Stdio::null());
        enter.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        enter.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C.UTF-8");
        enter.output().expect("nsenter can be started")
    }

    /// systemd's number on this machine. While the container is made, a helper's.
    fn init(&self) -> Option<String> {
        let pid = self.container.as_ref()?.pid();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        children.split_whitespace().next().map(str::to_owned)
    }

    /// What a program says that does its work.
    ///
    /// # Panics
    /// Where it fails, with what it said.
    #[track_caller]
    pub fn output(&self, command: &[&str]) -> String {
        let output = self.run(command);
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, errors) = (said(&output.stdout), said(&output.stderr));
        assert!(output.status.success(), "{command:?}: {}: {out}{errors}", output.status);
        out
    }

    /// A property of a unit, as `systemctl show` has it.
    #[must_use]
    #[track_caller]
    pub fn property(&self, unit: &str, property: &str) -> String {
        self.output(&["systemctl", "show", "--value", "--property", property, unit]).trim().to_owned()
    }

    /// What a unit has written, and systemd about it.
    #[must_use]
    #[track_caller]
    pub fn journal(&self, unit: &str) -> String {
        self.output(&["journalctl", "--no-pager", "--output=cat", "--unit", unit])
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if self.container.is_some() {
            let end = fs::write(self.cgroup.join("cgroup.kill"), "1");
            end.unwrap_or_else(|error| eprintln!("cannot end {}: {error}", self.cgroup.display()));
        }
        drop(self.container.take());
        let mut unmount = Command::new(binaries::system("umount", "mount"));
        let root = self.layers.join("root");
        if !unmount.arg("--lazy").arg(&root).status().is_ok_and(|status| status.success()) {
            eprintln!("cannot unmount {}", root.display());
        }
        if self.cgroup.exists() {
            let is_empty =
                || fs::read_to_string(self.cgroup.join("cgroup.events")).ok()?.contains("populated 0").then_some(());
            wait::until("the machine's processes to end", wait::GENEROUS, is_empty);
            remove_groups(&self.cgroup);
        }
    }
}

/// From the innermost outwards: a control group is removed when it has no other and no process.
fn remove_groups(group: &Path) {
    let Ok(entries) = fs::read_dir(group) else { return };
    for entry in entries.filter_map(Result::ok).filter(|entry| entry.path().is_dir()) {
        remove_groups(&entry.path());
    }
    if let Err(error) = fs::remove_dir(group) {
        eprintln!("cannot remove {}: {error}", group.display());
    }
}

/// Where control groups of version 2 are mounted.
fn cgroups() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let cgroups = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    cgroups.into_iter().find(|fields| fields.get(2) == Some(&"cgroup2")).map(|fields| PathBuf::from(fields[1]))
}

/// The root that all machines have in common, made once.
fn base(dir: &Path) -> PathBuf {
    let dir = dir.join("debian");
    fs::create_dir_all(&dir).expect("cargo's directory for tests takes a folder");
    let turn = File::create(dir.join("turn")).expect("the folder is our own");
    flock(&turn, FlockOperation::LockExclusive).expect("a file of our own can be locked");
    let (root, made) = (dir.join(SUITE), dir.join(format!("{SUITE}.made")));
    if !made.is_file() {
        if root.exists() {
            fs::remove_dir_all(&root).expect("the folder is our own");
        }
        let mut make = Command::new(binaries::system("debootstrap", "debootstrap"));
        make.arg("--variant=minbase").arg(format!("--include={PACKAGES}")).arg(SUITE).arg(&root).args(mirror());
        let output = make.output().expect("debootstrap can be started");
        assert!(output.status.success(), "no Debian: {}", String::from_utf8_lossy(&output.stdout));
        File::create(made).expect("the folder is our own");
    }
    root
}

/// Where this machine's own Debian comes from; debootstrap knows one where it doesn't say.
fn mirror() -> Option<String> {
    let mut targets = Command::new("apt-get");
    targets.args(["indextargets", "--format", "$(SITE) $(RELEASE)", "Created-By: Packages"]);
    let output = targets.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|line| Some(line.strip_suffix(SUITE)?.trim_end().to_owned()))
}
