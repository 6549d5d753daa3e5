//! Files of a connection that are replaced while it is up: when it is made anew with them.
//!
//! A certificate and its key are two files, and nobody replaces both at once: a pair that doesn't fit is not taken, and
//! what was read goes on. New files are taken once they have rested for a moment and do: they can be read, belong to each
//! other and are in time, and a handshake beside the connection that is up finds both sides content. Only a broker that
//! they say is revoked is left all the same. What the broker refuses to the login that follows is left alone until the files
//! say something else, and the connection is made with what was [`kept`](super::kept).

use super::certificate::{Validity, unusable};
use super::kept::{Credentials, Kept, LoginRefused};
use super::status::Unfit;
use super::tls::{Heard, Tls};
use super::trouble::{Attempt, Trouble};
use super::way::{self, Stamp};
use super::{BrokerConfig, Config};
use crate::clock::{Clock, Moment};
use std::time::Duration;

/// A board that has nothing else to do wakes up for each look.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long files that were just replaced have to rest.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Files that don't do may come to do by themselves, as a certificate that is valid from later on.
const TRY_AGAIN_EVERY: Duration = Duration::from_secs(30);

/// Between the first and the last of several files that belong together; longer is a fault.
const REPLACED_WITHIN: Duration = Duration::from_secs(10);

/// The files that a connection was made with, and what has become of them.
#[derive(Debug)]
pub struct Renewal {
    /// Of those that were read.
    used: Vec<Stamp>,
    contents: u64,
    /// Seen last.
    seen: Vec<Stamp>,
    look_at: Duration,
    /// New files, which ones, whose handshake is under way.
    tried: Option<Vec<Stamp>>,
    refused: Option<Refused>,
    /// Whether the connection is made with what was kept.
    goes_back: bool,
}

/// New files that don't do.
#[derive(Debug)]
struct Refused {
    stamps: Vec<Stamp>,
    trouble: Trouble,
    first: Moment,
    last: Duration,
    /// What they say, where the broker has refused it to a login: a trial costs the connection.
    login: Option<u64>,
}

/// What a look at the files has shown.
#[derive(Debug)]
pub enum Look {
    /// Nothing is to be done now.
    Nothing,
    /// A handshake is to be made with these, and [`Renewal::heard`] wants to know what came of it.
    Try(Box<Tls>),
    /// The connection is to be made anew.
    Take,
}

impl Renewal {
    /// To be made before the files are read: whatever is replaced after that is new. What was `kept` is used where these very
    /// files have been refused.
    pub fn new(config: &BrokerConfig, kept: Option<&Kept>, now: Moment) -> Self {
        let (seen, contents) = (way::stamps(config), way::contents(config));
        let look_at = now.since_start + LOOK_EVERY;
        let kept = kept.filter(|kept| kept.is_to_be_used(contents));
        let Some((kept, login)) = kept.and_then(|kept| Some((kept, kept.refused.as_ref()?))) else {
            let used = seen.clone();
            return Self { used, contents, seen, look_at, tried: None, refused: None, goes_back: false };
        };
        let (trouble, login) = (login.trouble.clone(), (login.at, login.contents));
        let (first, last) = (login.0, now.since_start);
        let refused = Refused { stamps: seen.clone(), trouble, first, last, login: Some(login.1) };
        let (used, contents) = (kept.stamps.clone(), kept.contents);
        Self { used, contents, seen, look_at, tried: None, refused: Some(refused), goes_back: true }
    }

    /// Whether the connection is made with what was kept.
    pub fn goes_back(&self) -> bool {
        self.goes_back
    }

    /// Keeps what the connection was made with, before it is made anew with other files.
    pub fn keep(&self, credentials: Credentials) -> Kept {
        Kept { credentials, stamps: self.used.clone(), contents: self.contents, refused: None }
    }

    /// The broker's refusal of the files that the connection was made with.
    pub fn login_refused(&self, trouble: Trouble, at: Moment) -> LoginRefused {
        LoginRefused { contents: self.contents, trouble, at }
    }

    /// When to look again, since the agent's start; never where a connection needs no files.
    pub fn look_at(&self) -> Option<Duration> {
        (!self.used.is_empty()).then_some(self.look_at)
    }

    /// Looks at the files. For whoever asks, those count too that have not rested yet.
    pub fn look(&mut self, config: &Config, is_asked: bool, clock: Clock) -> Look {
        let now = clock.now();
        let stamps = way::stamps(&config.broker);
        let has_rested = std::mem::replace(&mut self.seen, stamps.clone()) == stamps;
        self.look_at = now.since_start + if has_rested { LOOK_EVERY } else { LOOK_AGAIN_AFTER };
        if stamps == self.used {
            self.refused = None;
            return Look::Nothing;
        }
        let is_known = self.refused.as_ref().is_some_and(|refused| {
            let is_early = now.since_start < refused.last.saturating_add(TRY_AGAIN_EVERY);
            refused.stamps == stamps && (refused.login.is_some() || is_early)
        });
        if self.tried.is_some() || (!is_asked && (!has_rested || is_known)) {
            return Look::Nothing;
        }
        let contents = way::contents(&config.broker);
        if contents == self.contents {
            (self.used, self.refused) = (stamps, None);
            return Look::Nothing;
        }
        if let Some(refused) = self.refused.as_mut().filter(|refused| refused.login == Some(contents) && !is_asked) {
            refused.stamps = stamps;
            return Look::Nothing;
        }
        match read(config, clock) {
            Ok(Some(tls)) => {
                self.tried = Some(stamps);
                Look::Try(Box::new(tls))
            }
            Ok(None) => Look::Take,
            Err(trouble) => {
                self.refuse(stamps, trouble, now);
                Look::Nothing
            }
        }
    }

    /// Whether the connection is to be made anew after this handshake.
    pub fn heard(&mut self, heard: Heard, config: &Config, now: Moment) -> bool {
        let Some(stamps) = self.tried.take().filter(|tried| *tried == way::stamps(&config.broker)) else {
            // Others have come meanwhile.
            return false;
        };
        let trouble = match heard {
            Heard::Silence => return true,
            Heard::Nothing(why) => Trouble::Unreachable(why),
            Heard::Refusal(error) => {
                let (config, client_id) = (&config.broker, config.client_id.as_str());
                let attempt = Attempt { config, client_id, is_accepted: false, own: None, now: now.wall };
                attempt.untrusted(&error)
            }
        };
        if matches!(trouble, Trouble::Revoked { .. }) {
            return true;
        }
        self.refuse(stamps, trouble, now);
        false
    }

    fn refuse(&mut self, stamps: Vec<Stamp>, trouble: Trouble, now: Moment) {
        let first = self.refused.take().filter(|refused| refused.trouble == trouble).map(|refused| refused.first);
        if first.is_none() {
            tracing::warn!(%trouble, "new files for the broker can't be used: the connection goes on with the old ones");
        }
        let (first, last) = (first.unwrap_or(now), now.since_start);
        self.refused = Some(Refused { stamps, trouble, first, last, login: None });
    }

    /// New files that have not been put right for a while.
    pub fn unfit(&self, now: Moment) -> Option<Unfit> {
        let refused = self.refused.as_ref()?;
        let is_due = refused.first.since_start.saturating_add(REPLACED_WITHIN) <= now.since_start;
        is_due.then(|| Unfit { trouble: refused.trouble.clone(), since: refused.first.wall })
    }
}

/// What a connection would be made with; `None` where it is not TLS.
fn read(config: &Config, clock: Clock) -> Result<Option<Tls>, Trouble> {
    let (_, Credentials { tls, .. }) = way::options(&config.broker, &config.client_id, None, clock)?;
    let now = clock.now();
    let identity = config.broker.tls.as_ref().and_then(|tls| tls.identity.as_ref());
    // Without a clock nobody knows, and the broker decides.
    if let (Some(own), Some(identity), true) = (tls.as_ref().and_then(|tls| tls.own), identity, now.trusted) {
        in_time(own, now).map_err(|why| unusable(&identity.certificate_file, &why))?;
    }
    Ok(tls)
}

fn in_time(own: Validity, now: Moment) -> Result<(), String> {
    if own.until < now.wall {
        return Err(format!("this certificate was valid until {}", own.until));
    }
    if now.wall < own.from {
        return Err(format!("this certificate is valid only from {}", own.from));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{LoginConfig, TlsConfig};
    use std::path::{Path, PathBuf};

    /// A folder of a test's own, gone with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("parceld-renewal-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        /// In one step, as another file.
        fn replace(&self, name: &str, text: &str) -> PathBuf {
            let (file, new) = (self.0.join(name), self.0.join("new"));
            std::fs::write(&new, text).unwrap();
            std::fs::rename(&new, &file).unwrap();
            file
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn config(password_file: &Path, ca_file: Option<PathBuf>) -> Config {
        let second = Duration::from_secs(1);
        let login = LoginConfig { username: "sthlm-03".into(), password_file: password_file.into() };
        let tls = ca_file.map(|ca_file| TlsConfig { ca_file, crl_file: None, identity: None });
        Config {
            site: "sthlm-03".into(),
            version: "0.1.0".into(),
            root: "parceld/v1".into(),
            broker: BrokerConfig { host: "broker".into(), port: 1883, login: Some(login), tls },
            client_id: "parceld-sthlm-03".into(),
            keep_alive: second,
            session_expiry: second,
            window: 1,
            ahead: 1,
            receipts_expected: true,
            receipt_timeout: second,
            historical_after: second,
            ack_timeout: second,
        }
    }

    #[test]
    fn takes_what_was_replaced_once_it_has_rested_or_is_asked_for() {
        let folder = Folder::new("rested");
        let config = config(&folder.replace("password", "old"), None);
        let clock = Clock::start();
        let mut renewal = Renewal::new(&config.broker, None, clock.now());
        let mut look = |is_asked| matches!(renewal.look(&config, is_asked, clock), Look::Take);
        assert!(!look(false) && !look(true), "nothing is new");
        folder.replace("password", "old");
        assert!(!look(false) && !look(false) && !look(true), "it says the same");
        folder.replace("password", "new");
        assert!(!look(false), "it has not rested");
        assert!(look(false), "it has");
        folder.replace("password", "newer");
        assert!(look(true), "somebody asks");
    }

    #[test]
    fn refuses_what_can_not_be_used_until_it_can() {
        let folder = Folder::new("refused");
        let config = config(&folder.replace("password", "old"), Some(folder.replace("ca.pem", "no PEM")));
        let clock = Clock::start();
        let mut renewal = Renewal::new(&config.broker, None, clock.now());
        folder.replace("ca.pem", "no PEM either");
        for _ in 0..3 {
            assert!(matches!(renewal.look(&config, true, clock), Look::Nothing));
        }
        let now = clock.now();
        assert_eq!(renewal.unfit(now), None, "whoever replaces several files is not done yet");
        let later = Moment { since_start: now.since_start + REPLACED_WITHIN, ..now };
        let unfit = renewal.unfit(later).expect("a fault by now");
        assert!(unfit.trouble.to_string().contains("ca.pem: there is no certificate in it"), "{}", unfit.trouble);
        folder.replace("ca.pem", "no PEM");
        assert!(matches!(renewal.look(&config, true, clock), Look::Nothing));
        assert_eq!(renewal.unfit(later), None, "what is in use is back");
    }

    #[test]
    fn leaves_files_that_a_login_has_refused_alone_until_they_say_something_else() {
        let folder = Folder::new("login");
        let config = config(&folder.replace("password", "old"), None);
        let clock = Clock::start();
        let now = clock.now();
        let before = Renewal::new(&config.broker, None, now);
        let (_, credentials) = way::options(&config.broker, "parceld", None, clock).unwrap();
        let mut kept = before.keep(credentials);
        folder.replace("password", "wrong");
        let tried = Renewal::new(&config.broker, Some(&kept), now);
        assert!(!tried.goes_back(), "nobody has refused it yet");
        kept.refused = Some(tried.login_refused(Trouble::LoginRefused("wrong".into()), now));

        let back = || Renewal::new(&config.broker, Some(&kept), now);
        let (options, _) = way::options(&config.broker, "parceld", Some(&kept.credentials), clock).unwrap();
        assert_eq!(options.credentials().map(|login| login.password), Some("old".into()));
        let mut renewal = back();
        assert!(renewal.goes_back());
        let mut look = |is_asked| matches!(renewal.look(&config, is_asked, clock), Look::Take);
        assert!(!look(false) && !look(false), "it is known");
        folder.replace("password", "wrong");
        assert!(!look(false) && !look(false), "it says the same");
        assert!(look(true), "somebody asks");
        let later = Moment { since_start: now.since_start + REPLACED_WITHIN, ..now };
        let unfit = renewal.unfit(later).expect("a fault by now");
        assert_eq!(unfit.trouble, Trouble::LoginRefused("wrong".into()));

        folder.replace("password", "new");
        assert!(!back().goes_back(), "it was never tried");
        let look = |renewal: &mut Renewal| matches!(renewal.look(&config, false, clock), Look::Take);
        assert!(!look(&mut renewal) && look(&mut renewal), "it has rested");
        folder.replace("password", "old");
        assert!(!look(&mut renewal) && !look(&mut renewal), "it is in use");
        assert_eq!(renewal.unfit(later), None);
    }

    #[test]
    fn looks_seldom_and_again_soon_once_something_was_replaced() {
        let folder = Folder::new("seldom");
        let config = config(&folder.replace("password", "old"), None);
        let clock = Clock::start();
        let mut renewal = Renewal::new(&config.broker, None, clock.now());
        let mut pause = || {
            let before = clock.now().since_start;
            let _ = renewal.look(&config, false, clock);
            renewal.look_at().expect("there are files") - before
        };
        assert!(LOOK_EVERY <= pause(), "nothing is new");
        folder.replace("password", "old");
        assert!(pause() < LOOK_EVERY, "it has not rested");
        assert!(LOOK_EVERY <= pause(), "it says the same");
    }
}
