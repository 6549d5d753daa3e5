//! Many simulated sites at one broker: what a platform sees of a fleet, without agents and scanners.
//!
//! - A site is its life (`life`: what happens on its floor, by a seed), its log (`log`: what it has recorded, never lost)
//!   and its line (`line`: an MQTT client that behaves as the contract tells an agent to; `cursor` says what it may send).
//! - The same seed is the same fleet: everything but times, and when which command came, repeats.
//! - [`fold`] reads a log as plainly as can be. It is what [`checks`] hold a platform's picture against.
//! - All sites share one thread.

pub mod checks;
pub mod fold;

mod cursor;
mod life;
mod line;
mod log;

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::watch;

pub use life::site_name;
pub use log::Log;

use crate::random::Random;
use crate::wait;
use life::Life;

/// How large a fleet is, and how it works.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    pub sites: usize,
    /// What each site does by itself; what it is told comes on top.
    pub events_per_site: usize,
    /// From one scan of a site to the next.
    pub pace: Duration,
    /// As the agent's setting of this name.
    pub receipt_timeout: Duration,
    /// As the agent's setting of this name.
    pub historical_after: Duration,
    /// The longest wait before another attempt to connect, of which each takes a random part.
    pub back_off_max: Duration,
}

/// Dropping it takes all sites away at once.
#[derive(Debug)]
pub struct Fleet {
    sites: Vec<Site>,
    /// What each site is to have done by itself.
    goal: watch::Sender<usize>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// One site of a fleet.
#[derive(Debug, Clone)]
pub struct Site {
    pub name: String,
    pub log: Arc<Log>,
}

impl Fleet {
    /// All sites begin to work, and to look for the broker on a loopback port.
    #[must_use]
    pub fn start(broker_port: u16, plan: Plan) -> Fleet {
        let lives: Vec<Life> = (0..plan.sites).map(|number| Life::of(plan.seed, number)).collect();
        let sites: Vec<Site> = lives
            .iter()
            .zip(0..)
            .map(|(life, number)| {
                let name = life.site().to_owned();
                let log = Arc::new(Log::new(&name, Random::stream(plan.seed ^ plan.sites as u64, number)));
                Site { name, log }
            })
            .collect();
        let (stop, stopped) = watch::channel(false);
        let (goal, goals) = watch::channel(plan.events_per_site);
        let runners: Vec<_> = sites.iter().map(|site| Arc::clone(&site.log)).zip(lives).collect();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            tokio::task::LocalSet::new().block_on(&runtime, async {
                let mut tasks = tokio::task::JoinSet::new();
                for (number, (log, life)) in runners.into_iter().enumerate() {
                    let random = Random::stream(plan.seed, (plan.sites + number) as u64);
                    tasks.spawn_local(work(Arc::clone(&log), life, plan.pace, goals.clone(), stopped.clone()));
                    tasks.spawn_local(line::run(broker_port, log, plan, random, stopped.clone()));
                }
                while let Some(ended) = tasks.join_next().await {
                    ended.expect("a site doesn't fail");
                }
            });
        });
        Fleet { sites, goal, stop, thread: Some(thread) }
    }

    /// Each site has so many events more to do.
    pub fn go_on(&self, events_per_site: usize) {
        self.sites.iter().for_each(|site| site.log.done(false));
        self.goal.send_modify(|goal| *goal += events_per_site);
    }

    /// Waits until every site has done its work, whether or not anybody hears of it.
    #[track_caller]
    pub fn until_done(&self, patience: Duration) {
        wait::until("every site's work to be done", patience, || {
            self.sites.iter().all(|site| site.log.is_done()).then_some(())
        });
    }

    #[must_use]
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// How much all sites have recorded, and how much of it receipts cover.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        let sum = |of: fn(&Log) -> u64| self.sites.iter().map(|site| of(&site.log)).sum();
        (sum(Log::head), sum(Log::received))
    }

    /// Waits until every site has done its work, and receipts cover all of it.
    #[track_caller]
    pub fn until_received(&self, patience: Duration) {
        wait::until("every site's work to be done and received", patience, || {
            self.sites.iter().all(|site| site.log.is_done() && site.log.received() == site.log.head()).then_some(())
        });
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || thread::panicking(), "a site failed");
        }
    }
}

/// Staff go on whatever becomes of the connection, until they have done what they are to do.
async fn work(
    log: Arc<Log>,
    mut life: Life,
    pace: Duration,
    mut goals: watch::Receiver<usize>,
    mut stop: watch::Receiver<bool>,
) {
    let mut recorded = 0;
    loop {
        if *goals.borrow_and_update() <= recorded {
            log.done(true);
            tokio::select! {
                Ok(()) = goals.changed() => continue,
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
        recorded += log.record(life.step(wait::wall_clock()));
        tokio::select! {
            () = tokio::time::sleep(pace) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mosquitto::Mosquitto;
    use crate::mqtt_client::MqttClient;
    use serde_json::{Value, json};

    const PLAN: Plan = Plan {
        seed: 7,
        sites: 2,
        events_per_site: 60,
        pace: Duration::from_millis(1),
        receipt_timeout: Duration::from_millis(300),
        historical_after: Duration::from_secs(60),
        back_off_max: Duration::from_secs(1),
    };

    /// The messages of one kind of topic of a site.
    fn of<'a>(messages: &'a [crate::mqtt_client::Message], site: &str, what: &str) -> Vec<(&'a str, Value)> {
        let of_it = messages.iter().filter(|message| message.topic.starts_with(&format!("parceld/v1/{site}/{what}")));
        of_it.map(|message| (message.topic.as_str(), message.json())).collect()
    }

    fn sequences(messages: &[crate::mqtt_client::Message], site: &str) -> Vec<u64> {
        of(messages, site, "events/").iter().filter_map(|(_, event)| event["sequence"].as_u64()).collect()
    }

    #[test]
    fn a_site_goes_back_to_the_receipt_and_on_from_it() {
        let broker = Mosquitto::start();
        let platform = MqttClient::connect(broker.port(), "platform");
        platform.subscribe("parceld/v1/#");
        let fleet = Fleet::start(broker.port(), PLAN);
        let site = &fleet.sites()[0];
        wait::until("a window twice, for no receipt came", wait::GENEROUS, || {
            let sent = sequences(&platform.messages(), &site.name);
            (1 < sent.iter().filter(|sequence| **sequence == 1).count()).then_some(())
        });
        let sent = sequences(&platform.messages(), &site.name);
        assert!(sent.iter().all(|sequence| *sequence <= line::WINDOW as u64), "more than a window: {sent:?}");
        assert_eq!(
            sent.iter().take(line::WINDOW).copied().collect::<Vec<_>>(),
            (1..=line::WINDOW as u64).collect::<Vec<_>>()
        );

        let receipt = json!({ "epoch": site.log.epoch(), "sequence": 12 });
        platform.publish_retained(&format!("parceld/v1/{}/receipts", site.name), receipt.to_string().as_bytes());
        wait::until("what comes after the receipt", wait::GENEROUS, || {
            (site.log.received() == 12 && sequences(&platform.messages(), &site.name).contains(&40)).then_some(())
        });
        let messages = platform.messages();
        let (topic, event) = of(&messages, &site.name, "events/").swap_remove(0);
        assert_eq!(topic, format!("parceld/v1/{}/events/site", site.name));
        assert_eq!((&event["type"], &event["data"]["cause"]), (&json!("parceld.site.started.v1"), &json!("new")));
    }

    #[test]
    fn a_command_has_one_effect_and_the_same_reply_each_time() {
        let broker = Mosquitto::start();
        let platform = MqttClient::connect(broker.port(), "platform");
        platform.subscribe("parceld/v1/#");
        let fleet = Fleet::start(broker.port(), PLAN);
        let site = &fleet.sites()[1];
        let order = crate::goods::order("told-1", "dhl", "1xA");
        let command = json!({ "specversion": "1.0", "id": "c-1", "source": "/platform", "type": "parceld.order.put.v1", "data": order });
        wait::until("the site to be online", wait::GENEROUS, || {
            of(&platform.messages(), &site.name, "state/agent")
                .iter()
                .any(|(_, state)| state["state"] == "online")
                .then_some(())
        });
        for _ in 0..2 {
            platform.publish_json(&format!("parceld/v1/{}/commands", site.name), &command);
        }
        let replies = wait::until("both replies", wait::GENEROUS, || {
            let messages = platform.messages();
            let replies = of(&messages, &site.name, "replies");
            (replies.len() == 2).then(|| replies.iter().map(|(_, reply)| reply.clone()).collect::<Vec<_>>())
        });
        assert_eq!(replies[0], replies[1]);
        assert_eq!(replies[0]["data"]["status"], "accepted");
        let accepted = site.log.events().into_iter().filter(|event| event["data"]["id"] == "told-1").count();
        assert_eq!(accepted, 1);
    }

    #[test]
    fn the_same_seed_is_the_same_fleet() {
        let told = |seed: u64| {
            let mut life = Life::of(seed, 3);
            let now = wait::wall_clock();
            (0..200).flat_map(|_| life.step(now)).map(|fact| (fact.kind, fact.subject)).collect::<Vec<_>>()
        };
        assert_eq!(told(1), told(1));
        assert_ne!(told(1), told(2));
    }
}
