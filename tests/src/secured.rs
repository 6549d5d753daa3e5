//! A broker as a shop would run it: mosquitto with exactly the files of `config/mosquitto`, and a CA.

use crate::agent::AgentSetup;
use crate::certificates::{Authority, Days, VALID, replace};
use crate::mosquitto::Mosquitto;
use crate::mqtt_client::MqttClient;
use crate::platform::Platform;
use std::path::{Path, PathBuf};

const SETTINGS: &str = include_str!("../../config/mosquitto/mosquitto.conf");
const RULES: &str = include_str!("../../config/mosquitto/parceld.acl");

/// What the shipped settings say of places, and what is there in a test.
const PLACES: [(&str, &str); 3] = [
    ("listener 8883\n", "listener {port} 127.0.0.1\n"),
    ("/etc/mosquitto/parceld/", "{directory}/"),
    ("/var/lib/mosquitto/", "{directory}/"),
];

/// What is added: started by root it would become another user, who can't read the test's files. What it denies it tells in
/// its log alone.
const AS_WE_ARE: &str = "user root\nlog_dest stderr\nlog_type all\n";

/// The platform's user.
pub const PLATFORM: &str = "platform.parceld";

/// Names of the broker's certificate.
pub const NAMES: &[&str] = &["localhost"];

/// The broker and its CA. Files have the names that the shipped settings give them.
pub struct Secured {
    pub broker: Mosquitto,
    pub authority: Authority,
}

impl std::fmt::Debug for Secured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Secured").field(&self.broker).finish()
    }
}

impl Secured {
    #[must_use]
    pub fn start() -> Secured {
        Secured::with(|settings| settings)
    }

    /// The same with settings that somebody has changed.
    #[must_use]
    pub fn with(change: impl FnOnce(String) -> String) -> Secured {
        let authority = Authority::new("parceld sites");
        let places = PLACES.iter().fold(SETTINGS.to_owned(), |settings, (shipped, here)| {
            assert!(settings.contains(shipped), "the shipped settings say nothing of {shipped:?}");
            settings.replace(shipped, here)
        });
        let broker = Mosquitto::configured(&change(format!("{AS_WE_ARE}{places}")), |directory| {
            replace(&directory.join("parceld.acl"), RULES);
            authority.publish(&directory.join("ca.pem"));
            replace(&directory.join("ca.crl"), &authority.list(VALID));
            authority.sign(NAMES, VALID, &directory.join("broker.pem"), &directory.join("broker.key"));
        });
        Secured { broker, authority }
    }

    /// `mqtts://` and the name that its certificate is for.
    #[must_use]
    pub fn url(&self) -> String {
        format!("mqtts://localhost:{}", self.broker.port())
    }

    /// A file beside the broker's own.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.broker.directory().join(name)
    }

    /// Another certificate for the broker, which takes it at once.
    pub fn serve(&self, authority: &Authority, names: &[&str], days: Days) -> u64 {
        let number = authority.sign(names, days, &self.file("broker.pem"), &self.file("broker.key"));
        self.broker.reload();
        number
    }

    /// A platform with its own certificate.
    #[must_use]
    pub fn platform(&self) -> Platform {
        let [certificate, key] = ["platform.pem", "platform.key"].map(|name| self.file(name));
        self.authority.sign(&[PLATFORM], VALID, &certificate, &key);
        let shown = |file: &Path| file.display().to_string();
        let (ca, certificate, key) = (shown(&self.file("ca.pem")), shown(&certificate), shown(&key));
        let files = ["--ca-file", &ca, "--certificate-file", &certificate, "--key-file", &key];
        Platform::reaching(&self.url(), &files)
    }

    /// Gives an agent a certificate for `name`, in files of its own: `site-ca.pem`, `site.pem`, `site.key`.
    pub fn identified(&self, name: &str) -> impl FnOnce(AgentSetup) -> AgentSetup + use<> {
        let [ca, certificate, key] = ["site-ca.pem", "site.pem", "site.key"].map(|name| self.file(name));
        self.authority.publish(&ca);
        self.authority.sign(&[name], VALID, &certificate, &key);
        let shown = |file: PathBuf| file.display().to_string();
        move |setup| {
            setup
                .set("broker.ca_file", shown(ca))
                .set("broker.certificate_file", shown(certificate))
                .set("broker.key_file", shown(key))
        }
    }

    /// Somebody with a certificate for `name`.
    #[must_use]
    #[track_caller]
    pub fn client(&self, name: &str, client_id: &str) -> MqttClient {
        let (_, certificate, key) = self.authority.make(&[name], VALID);
        MqttClient::over_tls(self.broker.port(), client_id, &self.authority.pem(), (&certificate, &key))
    }
}
