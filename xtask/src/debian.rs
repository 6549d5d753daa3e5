//! What the tests need beside Rust and a C compiler, installed from Debian where it is missing.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::bail;

use crate::step::Step;

struct Tool {
    program: &'static str,
    package: &'static str,
    why: &'static str,
}

const TOOLS: [Tool; 5] = [
    Tool { program: "mosquitto", package: "mosquitto", why: "the end-to-end tests run against it" },
    Tool {
        program: "rsvg-convert",
        package: "librsvg2-bin",
        why: "a test makes pictures of the barcode sheets with it",
    },
    Tool { program: "zbarimg", package: "zbar-tools", why: "a test reads barcodes with a decoder that isn't ours" },
    Tool { program: "pg_lsclusters", package: "postgresql", why: "the platform is tested on it too" },
    Tool { program: "strace", package: "strace", why: "a test watches the agent's fsyncs and answers with it" },
];

/// Installs what is missing.
///
/// # Errors
/// Where this machine has no apt-get, or this user may not install: with what is to be installed.
pub fn install_missing() -> anyhow::Result<()> {
    let missing: Vec<&Tool> = TOOLS.iter().filter(|tool| find(tool.program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for Tool { program, package, why } in &missing {
        println!("── {program} is missing, {why}: installing Debian's package {package}");
    }
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    let Some(administrator) = Administrator::found() else {
        bail!("this user can't install packages. As root:\n  apt-get install {}", packages.join(" "));
    };
    Step::new("package lists", administrator.command("apt-get").args(["update", "--quiet"])).run()?;
    let mut install = administrator.command("apt-get");
    install.args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(&packages);
    Step::new("packages", &mut install).run()?;
    for service in ["mosquitto", "postgresql"] {
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
    }
}
