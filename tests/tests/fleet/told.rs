//! What customers were told, held against what the sites asked for: each key once on each channel, by the key that a
//! letter carries however often it is sent.

use parceld_tests::fleet::fold::Picture;
use parceld_tests::fleet::{self, Site};
use parceld_tests::http;
use parceld_tests::platform::Platform;
use parceld_tests::sink::Mood;
use parceld_tests::sink::smtp::MailSink;
use parceld_tests::sink::webhook::WebhookSink;
use parceld_tests::wait;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;

/// The outboxes of a platform.
#[derive(Debug)]
pub struct Sinks {
    mail: MailSink,
    sms: WebhookSink,
    push: WebhookSink,
}

/// One arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Letter {
    once: String,
    to: String,
    body: String,
    acknowledged: bool,
}

/// How often something arrived.
#[derive(Debug, Default)]
pub struct Told {
    letters: usize,
    /// Beyond the first.
    repeats: usize,
    /// Of those, where the first had been acknowledged.
    repeats_of_acknowledged: usize,
    /// What was sent before something newer was asked for.
    old: usize,
}

impl Sinks {
    pub const COUNT: usize = 3;

    pub fn start() -> Sinks {
        Sinks { mail: MailSink::start(), sms: WebhookSink::start(), push: WebhookSink::start() }
    }

    /// What an instance is started with to use them.
    pub fn arguments(&self) -> Vec<String> {
        let pairs =
            [("--smtp", self.mail.address()), ("--sms-webhook", self.sms.url()), ("--push-webhook", self.push.url())];
        pairs.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
    }

    pub fn set(&self, number: usize, mood: Mood) {
        match number {
            0 => self.mail.set(mood),
            1 => self.sms.set(mood),
            _ => self.push.set(mood),
        }
    }

    fn arrived(&self, channel: &str) -> Vec<Letter> {
        let posts = match channel {
            "email" => {
                let letter = |mail: parceld_tests::sink::smtp::Mail| {
                    let id = mail.message_id().expect("a letter has its own id");
                    let (once, _) = id.trim_start_matches('<').split_once('@').expect("an id has a domain");
                    let (_, body) = mail.text.split_once("\n\n").expect("a letter has a body");
                    // The parts of each sending are divided by a line of its own.
                    let body = body.lines().filter(|line| !line.starts_with("--")).collect();
                    Letter {
                        once: once.to_owned(),
                        to: mail.recipients.join(","),
                        body,
                        acknowledged: mail.acknowledged,
                    }
                };
                return self.mail.mails().into_iter().map(letter).collect();
            }
            "sms" => self.sms.posts(),
            _ => self.push.posts(),
        };
        let letter = |post: parceld_tests::sink::webhook::Post| Letter {
            once: post.idempotency_key().expect("a message has its own key").to_owned(),
            to: post.json()["to"].as_str().unwrap_or_default().to_owned(),
            body: post.body.clone(),
            acknowledged: post.acknowledged,
        };
        posts.into_iter().map(letter).collect()
    }
}

/// The address book has the customer of each site, on every channel.
pub fn introduce(platform: &Platform, sites: usize) {
    for number in 0..sites {
        let site = fleet::site_name(number);
        let entry =
            json!({ "email": format!("{site}@example.com"), "phone": format!("+4670{number:07}"), "push": site });
        let url = format!("{}/api/customers/c-{site}", platform.url());
        let _ = http::put(&url, &entry).expect("the platform answers").success();
    }
}

/// Waits until no letter is to be sent any more.
#[track_caller]
pub fn until_all_sent(platform: &Platform, sites: &[Site], patience: Duration) {
    let mut sites = sites.iter().peekable();
    wait::until("every letter to be sent", patience, || {
        while let Some(site) = sites.peek() {
            if letters(platform, &site.name).iter().any(|letter| letter["state"] == "to_send") {
                return None;
            }
            sites.next();
        }
        Some(())
    });
}

/// Everything that must be said was said once on each channel that its customer allows, what is old not after what is
/// newer, and nothing that nobody asked for.
#[track_caller]
pub fn assert_told(platform: &Platform, sites: &[Site], sinks: &Sinks) -> Told {
    let mut told = Told::default();
    for channel in ["email", "sms", "push"] {
        // Each key: where its first arrival stands, and all of its arrivals.
        let mut arrived: BTreeMap<String, (usize, Vec<Letter>)> = BTreeMap::new();
        for (at, letter) in sinks.arrived(channel).into_iter().enumerate() {
            arrived.entry(letter.once.clone()).or_insert_with(|| (at, Vec::new())).1.push(letter);
        }
        for site in sites {
            let picture = Picture::of(&site.log.events());
            let states = letters(platform, &site.name);
            let asked =
                picture.notices.iter().filter(|(_, notice)| notice.channels.iter().any(|allowed| allowed == channel));
            for (key, notice) in asked {
                let state = states.iter().find(|letter| letter["key"] == **key && letter["channel"] == channel);
                // What was replaced while it was held has no letter.
                assert!(state.is_some() || notice.is_old(), "no letter for {key} by {channel}");
                let first = arrived.get(&once(key, channel)).map(|(first, _)| *first);
                if notice.is_old() {
                    let newer = notice.replaced_by.as_ref().and_then(|newer| arrived.get(&once(newer, channel)));
                    if let (Some(first), Some((newer, _))) = (first, newer) {
                        assert!(first < *newer, "{key} by {channel} came after what replaces it");
                    }
                    told.old += usize::from(first.is_some());
                } else {
                    assert_eq!(state.map(|letter| &letter["state"]), Some(&"sent".into()), "{key} by {channel}");
                    assert!(first.is_some(), "{key} by {channel} is said to be sent and never came");
                }
                let Some((_, all)) = arrived.remove(&once(key, channel)) else { continue };
                told.letters += 1;
                told.repeats += all.len() - 1;
                let acknowledged = all.iter().filter(|letter| letter.acknowledged).count();
                told.repeats_of_acknowledged += acknowledged.saturating_sub(1);
                assert!(all.iter().all(|letter| letter.to == all[0].to), "{key} by {channel} went to others");
            }
        }
        assert!(arrived.is_empty(), "nobody asked for these by {channel}: {arrived:?}");
    }
    told
}

fn letters(platform: &Platform, site: &str) -> Vec<Value> {
    let url = format!("{}/api/sites/{site}/letters", platform.url());
    match http::get(&url).expect("the platform answers").success().json() {
        Value::Array(letters) => letters,
        other => panic!("letters of {site} are no list: {other}"),
    }
}

/// The key that a letter carries, as the platform documents it.
fn once(key: &str, channel: &str) -> String {
    let digest = Sha256::digest(format!("{key}\n{channel}"));
    digest[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}
