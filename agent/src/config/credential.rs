//! Files that the service manager hands over (systemd.exec(5), Credentials): `credential:NAME` in place of a path.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

const PREFIX: &str = "credential:";

/// Where systemd puts the service's credentials; told by [`VARIABLE`] within the service alone.
const DIRECTORY: &str = "/run/credentials/parceld.service";
const VARIABLE: &str = "CREDENTIALS_DIRECTORY";

/// What systemd takes for a credential's name: a file name.
const NAME_BYTES_MAX: usize = 255;

/// Why it names no credential.
#[derive(Debug, PartialEq, Eq)]
pub struct BadName;

/// The path of the credential that `text` names; `None` where it names none, but a file.
///
/// # Errors
/// It is no name that systemd takes.
pub fn path(text: &str) -> Option<Result<PathBuf, BadName>> {
    let name = text.strip_prefix(PREFIX)?;
    Some(place(name, std::env::var_os(VARIABLE)))
}

fn place(name: &str, directory: Option<OsString>) -> Result<PathBuf, BadName> {
    let is_known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || NAME_BYTES_MAX < name.len() || !name.chars().all(is_known) || matches!(name, "." | "..") {
        return Err(BadName);
    }
    let directory = directory.map_or_else(|| Path::new(DIRECTORY).to_owned(), PathBuf::from);
    Ok(directory.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_a_file_in_the_services_directory() {
        let rows = [
            ("parceld.password", None, Ok("/run/credentials/parceld.service/parceld.password")),
            ("parceld.password", Some("/run/other"), Ok("/run/other/parceld.password")),
            ("a_b-1", None, Ok("/run/credentials/parceld.service/a_b-1")),
            ("", None, Err(BadName)),
            ("..", None, Err(BadName)),
            ("a/b", None, Err(BadName)),
            ("/etc/passwd", None, Err(BadName)),
            ("space in it", None, Err(BadName)),
        ];
        for (name, directory, expected) in rows {
            assert_eq!(place(name, directory.map(Into::into)), expected.map(PathBuf::from), "{name:?}");
        }
        let too_long = "n".repeat(NAME_BYTES_MAX + 1);
        assert_eq!(place(&too_long, None), Err(BadName));
    }

    #[test]
    fn what_does_not_begin_so_is_a_file() {
        assert_eq!(path("/etc/parceld/broker.password"), None);
        assert_eq!(path("credentials/broker.password"), None);
    }
}
