//! The secrets that this agent knows of, to be looked for where they must not be.

use crate::config::Config;
use std::path::Path;

/// What is shorter would take out words that are none.
const SECRET_BYTES_MIN: usize = 6;

const TAKEN_OUT: &[u8] = b"(secret)";

/// Secrets as text. `Debug` shows none of them.
#[derive(Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Each one, but for those that are too short to be told from other text.
    pub fn of(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut secrets: Vec<_> = secrets.into_iter().filter(|secret| SECRET_BYTES_MIN <= secret.len()).collect();
        // The longest first: one may be the beginning of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self(secrets)
    }

    /// What the files hold that the configuration names, and the user name, since some brokers take a token for it; but
    /// not where the user is called what everybody may read, the site or its client.
    #[must_use]
    pub fn known(config: &Config) -> Self {
        let identity = config.broker.tls.as_ref().and_then(|tls| tls.identity.as_ref());
        let key_file = identity.map(|identity| identity.key_file.as_path());
        let files = [config.broker.password_file.as_deref(), config.web.token_file.as_deref(), key_file];
        let lines = files.into_iter().flatten().flat_map(lines);
        Self::of(lines.chain(config.broker.username.clone().filter(|_| !config.is_user_public())))
    }

    /// Takes every secret out of `text`; how many there were.
    pub fn take_out(&self, text: &mut Vec<u8>) -> usize {
        self.0.iter().map(|secret| replace(text, secret.as_bytes())).sum()
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    // A key's first and last line are those of every key.
    text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.starts_with("-----")).collect()
}

fn replace(text: &mut Vec<u8>, secret: &[u8]) -> usize {
    let (mut replaced, mut from, mut found) = (Vec::new(), 0, 0);
    while let Some(at) = text[from..].windows(secret.len()).position(|part| part == secret) {
        replaced.extend_from_slice(&text[from..from + at]);
        replaced.extend_from_slice(TAKEN_OUT);
        from += at + secret.len();
        found += 1;
    }
    if 0 < found {
        replaced.extend_from_slice(&text[from..]);
        *text = replaced;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_out_every_one_and_nothing_else() {
        let secrets = Secrets::of(["hunter2".into(), "hunter2-long".into(), "abc".into(), String::new()]);
        for (text, expected, found) in [
            ("", "", 0),
            ("abc hunter", "abc hunter", 0),
            ("hunter2", "(secret)", 1),
            ("a hunter2hunter2-long z", "a (secret)(secret) z", 2),
        ] {
            let mut bytes = text.as_bytes().to_vec();
            assert_eq!(secrets.take_out(&mut bytes), found, "{text}");
            assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        }
        assert_eq!(format!("{secrets:?}"), "Secrets(2)");
    }
}
