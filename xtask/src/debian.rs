//! What tests and packages need beside Rust and a C compiler, installed from Debian where it is missing.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::bail;

use crate::step::Step;

#[derive(Clone, Copy)]
pub struct Tool {
    pub what: What,
    pub package: &'static str,
    pub why: &'static str,
}

#[derive(Clone, Copy)]
pub enum What {
    Program(&'static str),
    /// By its whole path.
    File(&'static str),
    /// Of Debian's own Python, which is what Debian's packages of modules are for.
    PythonModule(&'static str),
}

/// What the tests need.
pub const TESTS: &[Tool] = &[
    Tool { what: What::Program("mosquitto"), package: "mosquitto", why: "the end-to-end tests run against it" },
    Tool {
        what: What::Program("rsvg-convert"),
        package: "librsvg2-bin",
        why: "a test makes pictures of the barcode sheets with it",
    },
    Tool {
        what: What::Program("zbarimg"),
        package: "zbar-tools",
        why: "a test reads barcodes with a decoder that isn't ours",
    },
    Tool { what: What::Program("openssl"), package: "openssl", why: "a test makes a CA as the manual says it" },
    Tool { what: What::Program("faketime"), package: "faketime", why: "tests let days pass with its library" },
    Tool { what: What::Program("chromium"), package: "chromium", why: "tests look at pages with it" },
    Tool { what: What::Program("pg_lsclusters"), package: "postgresql", why: "the platform is tested on it too" },
    Tool {
        what: What::Program("promtool"),
        package: "prometheus",
        why: "a test has it check the metrics and the alert rules",
    },
    Tool {
        what: What::Program("groff"),
        package: "groff-base",
        why: "it has nothing to say about the configuration's manual page",
    },
    Tool {
        what: What::Program("strace"),
        package: "strace",
        why: "a test watches the agent's fsyncs and answers with it",
    },
    Tool { what: What::Program("systemd-analyze"), package: "systemd", why: "a test asks it about the units" },
    Tool {
        what: What::Program("systemd-nspawn"),
        package: "systemd-container",
        why: "tests start a Debian with the agent's unit in it",
    },
    Tool { what: What::Program("debootstrap"), package: "debootstrap", why: "that Debian is made with it" },
    Tool {
        what: What::PythonModule("jsonschema"),
        package: "python3-jsonschema",
        why: "tests judge messages with a validator that isn't ours",
    },
    Tool {
        what: What::PythonModule("paho.mqtt.client"),
        package: "python3-paho-mqtt",
        why: "a test runs a consumer that is written in Python",
    },
    Tool {
        what: What::Program("node"),
        package: "nodejs",
        why: "a test reads the AsyncAPI document with AsyncAPI's own parser",
    },
    Tool {
        what: What::Program("npm"),
        package: "npm",
        why: "that parser and axe-core are installed with it, into target/",
    },
];

/// What Debian's own Rust needs, which is unpacked without its dependencies.
pub const RUST_NEEDS: [Tool; 6] = {
    const WHY: &str = "Debian's Rust is linked with it";
    const fn library(file: &'static str, package: &'static str) -> Tool {
        Tool { what: What::File(file), package, why: WHY }
    }
    [
        library("/usr/lib/x86_64-linux-gnu/libz3.so.4", "libz3-4"),
        library("/usr/lib/x86_64-linux-gnu/libedit.so.2", "libedit2"),
        library("/usr/lib/x86_64-linux-gnu/libxml2.so.2", "libxml2"),
        library("/usr/lib/x86_64-linux-gnu/libcurl.so.4", "libcurl4"),
        library("/usr/lib/x86_64-linux-gnu/libssl.so.3", "libssl3"),
        library("/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring"),
    ]
};

const PYTHON: &str = "/usr/bin/python3";

/// Installs what is missing of them.
///
/// # Errors
/// Where this machine has no apt-get, or this user may not install: with what is to be installed.
pub fn install_missing(tools: &[Tool]) -> anyhow::Result<()> {
    let missing: Vec<&Tool> = tools.iter().filter(|tool| !tool.what.is_there()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for Tool { what, package, why } in &missing {
        println!("── {} is missing, {why}: installing Debian's package {package}", what.name());
    }
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    let Some(administrator) = Administrator::found() else {
        bail!("this user can't install packages. As root:\n  apt-get install {}", packages.join(" "));
    };
    Step::new("package lists", administrator.command("apt-get").args(["update", "--quiet"])).run()?;
    let mut install = administrator.command("apt-get");
    install.args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(&packages);
    Step::new("packages", &mut install).run()?;
    for service in ["mosquitto", "postgresql", "prometheus"] {
        if packages.contains(&service) {
            stop_service(&administrator, service)?;
        }
    }
    Ok(())
}

/// Tests start servers of their own, on ports of their own: the one that the package may have started isn't wanted.
fn stop_service(administrator: &Administrator, service: &str) -> anyhow::Result<()> {
    if !Path::new("/run/systemd/system").is_dir() {
        return Ok(());
    }
    let mut stop = administrator.command("systemctl");
    let what = format!("{service}'s own service");
    Step::new(&what, stop.args(["disable", "--now", &format!("{service}.service")])).run()
}

impl What {
    fn name(&self) -> &'static str {
        match self {
            What::Program(name) | What::File(name) | What::PythonModule(name) => name,
        }
    }

    fn is_there(&self) -> bool {
        match self {
            What::Program(name) => find(name).is_some(),
            What::File(path) => Path::new(path).exists(),
            What::PythonModule(name) => {
                let mut import = Command::new(PYTHON);
                import.args(["-c", &format!("import {name}")]).stdout(Stdio::null()).stderr(Stdio::null());
                import.status().is_ok_and(|status| status.success())
            }
        }
    }
}

/// How something is run as root.
enum Administrator {
    Root,
    Sudo,
}

impl Administrator {
    fn found() -> Option<Administrator> {
        find("apt-get")?;
        if fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
            return Some(Administrator::Root);
        }
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "true"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        sudo.status().is_ok_and(|status| status.success()).then_some(Administrator::Sudo)
    }

    /// `RUNLEVEL=1` keeps packages from starting their services where systemd doesn't run.
    fn command(&self, program: &str) -> Command {
        let mut command = match self {
            Administrator::Root => Command::new("env"),
            Administrator::Sudo => Command::new("sudo"),
        };
        if let Administrator::Sudo = self {
            command.args(["-n", "env"]);
        }
        command.args(["RUNLEVEL=1", "DEBIAN_FRONTEND=noninteractive", program]);
        command
    }
}

/// A program of the system, also from the directories that only root has in `PATH`.
fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")])
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_there() {
        assert!(find("env").is_some());
        assert!(find("no-such-program-of-the-system").is_none());
        assert!(What::File("/proc/self").is_there());
        assert!(!What::File("/no/such/file").is_there());
        assert!(!What::PythonModule("no_such_module_of_the_system").is_there());
    }
}
