//! What of a configuration that is right is not there on this machine: worth knowing before the agent starts, and no fault
//! of the file. It is judged with the rights of whoever asks.

use super::{Config, Port};
use rustix::fs::Access;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Something that is missing, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The key that names it: `broker.ca_file`, `scanner.hand.port`.
    pub key: String,
    pub what: String,
    pub advice: String,
}

/// Everything that is missing or open to others here. Reads files' first bytes and metadata, and changes nothing.
#[must_use]
pub fn missing_here(config: &Config) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (key, path, is_secret) in files(config) {
        warnings.extend(file(key, path, is_secret));
    }
    for (key, path) in directories(config) {
        warnings.extend(directory(key, &path));
    }
    for scanner in &config.scanners {
        if let Port::Serial(path) = &scanner.port
            && let Err(error) = fs::metadata(path)
        {
            let advice = match error.kind() {
                ErrorKind::NotFound => "plug the scanner in, and compare with: ls -l /dev/serial/by-id".to_owned(),
                _ => "ask as the agent's user: sudo -u parceld parceld check-config".to_owned(),
            };
            let what = format!("{} is not there: {error}", path.display());
            warnings.push(Warning { key: format!("scanner.{}.port", scanner.id), what, advice });
        }
    }
    warnings
}

/// Each file with its key, and whether others must not read it.
fn files(config: &Config) -> Vec<(&'static str, &Path, bool)> {
    let tls = config.broker.tls.as_ref();
    let identity = tls.and_then(|tls| tls.identity.as_ref());
    let files = [
        ("broker.ca_file", tls.map(|tls| tls.ca_file.as_path()), false),
        ("broker.crl_file", tls.and_then(|tls| tls.crl_file.as_deref()), false),
        ("broker.certificate_file", identity.map(|identity| identity.certificate_file.as_path()), false),
        ("broker.key_file", identity.map(|identity| identity.key_file.as_path()), true),
        ("broker.password_file", config.broker.password_file.as_deref(), true),
        ("web.token_file", config.web.token_file.as_deref(), true),
    ];
    files.into_iter().filter_map(|(key, path, is_secret)| Some((key, path?, is_secret))).collect()
}

fn file(key: &str, path: &Path, is_secret: bool) -> Option<Warning> {
    let warn = |what: String, advice: &str| Some(Warning { key: key.to_owned(), what, advice: advice.to_owned() });
    let shown = path.display();
    let opened = File::open(path).and_then(|mut file| {
        let first = file.read(&mut [0])?;
        Ok((file.metadata()?, first))
    });
    let (found, first) = match opened {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return warn(format!("{shown} is not there"), "put it there before the agent needs it");
        }
        Err(error) => {
            return warn(
                format!("{shown} can't be read by this user: {error}"),
                "the agent's user needs the right to: ask as that user, sudo -u parceld parceld check-config",
            );
        }
    };
    if first == 0 {
        return warn(format!("{shown} is empty"), "write into it what belongs there");
    }
    let mode = found.permissions().mode();
    if is_secret && mode & 0o077 != 0 {
        let what = format!("{shown} can be read or written by others than its owner (mode {:04o})", mode & 0o7777);
        return warn(what, "chmod 0400, and chown to the agent's user");
    }
    None
}

fn directories(config: &Config) -> Vec<(&'static str, PathBuf)> {
    let above = |path: &Path| path.parent().filter(|above| !above.as_os_str().is_empty()).map(Path::to_path_buf);
    let directories = [
        ("storage.path", above(&config.storage.path)),
        ("storage.backup_dir", config.storage.backup_dir.clone()),
        ("control.socket", config.control.socket.as_deref().and_then(above)),
    ];
    directories.into_iter().filter_map(|(key, path)| Some((key, path?))).collect()
}

/// The agent makes what is missing of it below a directory that it can write to.
fn directory(key: &str, path: &Path) -> Option<Warning> {
    let there = path.ancestors().find(|above| above.exists())?;
    let is_writable = rustix::fs::access(there, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    let warn = |what: String, advice: &str| Some(Warning { key: key.to_owned(), what, advice: advice.to_owned() });
    match (there == path, is_writable) {
        (true, _) if !path.is_dir() => warn(format!("{} is no directory", path.display()), "name a directory"),
        (_, true) => None,
        (true, false) => warn(
            format!("{} can't be written to by this user", path.display()),
            "it must belong to the agent's user: ask as that user, sudo -u parceld parceld check-config",
        ),
        (false, false) => warn(
            format!("{} is not there, and this user can't make it", path.display()),
            "make it, and give it to the agent's user",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    const GOOD: &str = "[site]\nid = \"s\"\ntimezone = \"UTC\"\ngs1_company_prefix = \"7312345\"\n[[station]]\nid = \"b\"\n\
                        [[scanner]]\nid = \"hand\"\nstation = \"b\"\nport = \"{}/port\"\n\
                        [broker]\nurl = \"mqtts://b\"\nca_file = \"{}/ca.pem\"\ncertificate_file = \"{}/site.pem\"\n\
                        key_file = \"{}/site.key\"\nusername = \"s\"\npassword_file = \"{}/password\"\n\
                        [storage]\npath = \"{}/data/parceld.db\"\nbackup_dir = \"{}/file\"\n";

    #[test]
    fn what_is_missing_is_named_by_its_key() {
        let folder = std::env::temp_dir().join(format!("parceld-machine-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let shown = folder.display().to_string();
        let config = parse(Path::new("parceld.toml"), &GOOD.replace("{}", &shown)).unwrap();
        let keys = |warnings: &[Warning]| warnings.iter().map(|warning| warning.key.clone()).collect::<Vec<_>>();
        let all = ["broker.ca_file", "broker.certificate_file", "broker.key_file", "broker.password_file"];
        assert_eq!(keys(&missing_here(&config)), [&all[..], &["scanner.hand.port"]].concat());
        let write = |name: &str, text: &str, mode: u32| {
            fs::write(folder.join(name), text).unwrap();
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        write("ca.pem", "a", 0o644);
        write("site.pem", "", 0o644);
        write("site.key", "a", 0o640);
        write("password", "a", 0o400);
        write("port", "", 0o644);
        write("file", "", 0o644);
        let found = missing_here(&config);
        let said: Vec<_> =
            found.iter().map(|Warning { key, what, .. }| format!("{key}: {}", what.replace(&shown, ""))).collect();
        assert_eq!(
            said,
            [
                "broker.certificate_file: /site.pem is empty",
                "broker.key_file: /site.key can be read or written by others than its owner (mode 0640)",
                "storage.backup_dir: /file is no directory",
            ]
        );
        fs::remove_dir_all(folder).unwrap();
    }
}
