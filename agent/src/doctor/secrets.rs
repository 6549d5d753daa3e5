//! Files that only the agent's user should be able to read.

use super::{Check, Outcome};
use crate::config::Config;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

pub const NAME: &str = "secrets";

/// What the group and all others may do.
const OF_OTHERS: u32 = 0o077;

/// Where systemd lays credentials: nobody else gets into the directory, and the mode of a file shows more than it allows.
const CREDENTIALS: &str = "/run/credentials";

/// Whether keys, passwords and the token are kept from other users of this machine. Files that are missing are told by those
/// who need them.
pub fn check(config: &Config) -> Check {
    let identity = config.broker.tls.as_ref().and_then(|tls| tls.identity.as_ref());
    let files = [
        identity.map(|identity| identity.key_file.as_path()),
        config.broker.password_file.as_deref(),
        config.web.token_file.as_deref(),
    ];
    judge(&files.into_iter().flatten().collect::<Vec<_>>())
}

fn judge(files: &[&Path]) -> Check {
    if files.is_empty() {
        return Check::new(NAME, Outcome::Skipped, "the configuration names no file with a secret");
    }
    let open = files.iter().filter(|file| !file.starts_with(CREDENTIALS)).filter_map(|file| {
        let mode = std::fs::metadata(file).ok()?.permissions().mode() & 0o777;
        (mode & OF_OTHERS != 0).then_some((file.display(), mode))
    });
    let open: Vec<_> = open.collect();
    let Some((first, _)) = open.first() else {
        return Check::new(NAME, Outcome::Ok, "only the agent's user may read keys, passwords and the token");
    };
    let found = open.iter().map(|(file, mode)| format!("{file} (mode {mode:04o})")).collect::<Vec<_>>().join(", ");
    Check::new(NAME, Outcome::Warning, format!("other users of this board may get at {found}"))
        .fix(format!("chown parceld {first}; chmod 0400 {first}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warns_of_secrets_that_others_may_read() {
        let directory = std::env::temp_dir().join(format!("parceld-secrets-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let file = directory.join("site.key");
        std::fs::write(&file, "secret").unwrap();
        for (mode, outcome) in [
            (0o400, Outcome::Ok),
            (0o600, Outcome::Ok),
            (0o440, Outcome::Warning),
            (0o604, Outcome::Warning),
            (0o644, Outcome::Warning),
        ] {
            std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
            let check = judge(&[&file]);
            assert_eq!(check.outcome, outcome, "{check:?}");
            assert_eq!(check.found.contains("site.key"), outcome == Outcome::Warning, "{check:?}");
        }
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!(judge(&[]).outcome, Outcome::Skipped);
        assert_eq!(judge(&[&file]).outcome, Outcome::Ok, "a missing one is told elsewhere");
    }
}
