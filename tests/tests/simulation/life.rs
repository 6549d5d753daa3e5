//! One life of the agent: its real journal, sync, schedule, floor and clock, without a thread or a socket.

use super::broker::{Broker, Message};
use super::floor::STATIONS;
use super::platform::{ROOT, SITE};
use parceld::clock::{Clock, Moment};
use parceld::domain::carrier::{Carrier, Schedule};
use parceld::domain::rules::{Flow, Rules};
use parceld::domain::station::Mode;
use parceld::floor::Floor;
use parceld::journal::{self, Idle, Journal};
use parceld::pulse::Pulse;
use parceld::schedule;
use parceld::sync::{self, BrokerConfig};
use parceld_tests::random::Random;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, MqttState, Request};
use std::path::Path;
use std::time::Duration;

/// The longest that anything may go round at one moment: beyond it something spins.
const TURNS_MAX: u32 = 5_000;

/// Events in flight at once.
pub const WINDOW: u16 = 8;

/// A client's connect and its answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// The schedule looks as often as the log moves, and once a minute at everything; here minutes are short.
const SCHEDULE_EVERY: Duration = Duration::from_secs(2);
const MINUTE_TURNS: u32 = 5;

/// So short that what is received goes while things break, and longer than a command may come again.
const KEEP: Duration = Duration::from_secs(30);

pub struct Life {
    pub clock: Clock,
    pub journal: Journal,
    pub floor: Floor,
    pub sync: sync::played::Played,
    schedule: schedule::played::Played,
    schedule_at: Duration,
    /// Each so many turns of the schedule a minute is over for it.
    schedule_turns: u32,
    idle: Idle,
    /// Whether its log is made long beforehand.
    lengthens: bool,
    /// When it began, in the world's time.
    born: Duration,
    look_at: Option<Duration>,
    connect_at: Duration,
    client: Option<Client>,
}

/// What rumqttc's event loop would do.
struct Client {
    state: MqttState,
    requests: flume::Receiver<Request>,
    inflight_max: u16,
    /// A broker that says nothing for so long is given up.
    gives_up_at: Duration,
}

/// Fewer orders than are at work: those in memory change all the time.
const ORDERS_CACHED: usize = 3;

pub fn config(path: &Path, boot: &str, forget_on_puback: bool) -> journal::Config {
    let every_day =
        Schedule { days: [true; 7], at: jiff::civil::Time::constant(16, 30, 0, 0), cut_off: Duration::from_secs(900) };
    let dhl = Carrier {
        grace: Duration::from_secs(1_200),
        id: "dhl".into(),
        name: "DHL".into(),
        collections: vec![every_day],
        holidays: Vec::new(),
        tracking_required: false,
        tracking_pattern: None,
        tracking_url: None,
    };
    let bounce = Duration::from_millis(150);
    journal::Config {
        path: path.into(),
        rules: Rules {
            site: SITE.into(),
            zone: jiff::tz::TimeZone::UTC,
            company_prefix: "7350053".into(),
            carriers: vec![dhl],
            low_stock: -1_000,
            flow: Flow::SingleStep,
            operators_required: false,
            idle_sign_out: Duration::from_secs(1_200),
            bins: false,
            batch_size: 8,
            printers: Default::default(),
            notices: Default::default(),
            pledge: Default::default(),
        },
        stations: STATIONS.map(|station| (station.into(), Mode::Pack)).into(),
        bounce: STATIONS.map(|station| (station.into(), bounce)).into(),
        repeating: Default::default(),
        printing: None,
        keep: KEEP,
        orders_cached: ORDERS_CACHED,
        backups: None,
        ballast_bytes: 0,
        forget_on_puback,
        version: "0.1.0".into(),
        boot: boot.into(),
    }
}

fn sync_config() -> sync::Config {
    sync::Config {
        site: SITE.into(),
        version: "0.1.0".into(),
        root: ROOT.into(),
        broker: BrokerConfig { host: "broker".into(), port: 1883, login: None, tls: None },
        client_id: SITE.into(),
        keep_alive: KEEP_ALIVE,
        session_expiry: Duration::from_secs(86_400),
        window: WINDOW,
        ahead: 100,
        receipts_expected: true,
        receipt_timeout: Duration::from_secs(10),
        historical_after: Duration::from_secs(300),
        ack_timeout: Duration::from_secs(5),
    }
}

impl Life {
    /// # Errors
    /// The agent can't start.
    pub fn begin(
        config: journal::Config,
        clock: Clock,
        lengthens: bool,
        now: Duration,
    ) -> Result<Self, journal::Error> {
        if let Some(known) = journal::known(&config.path, &config.boot) {
            clock.resume(known);
        }
        let rules = config.rules.clone();
        let (journal, idle) = journal::prepare(config, clock.now(), &Pulse::default())?;
        let floor = Floor::new(journal.clone(), clock, STATIONS.map(Into::into));
        let sync = sync::played::Played::new(sync_config(), journal.clone(), clock)?;
        let schedule = schedule::played::Played::new(rules, journal.clone(), clock)?;
        Ok(Self {
            clock,
            journal,
            floor,
            sync,
            schedule,
            schedule_at: now,
            schedule_turns: 0,
            idle,
            lengthens,
            born: now,
            look_at: None,
            connect_at: now,
            client: None,
        })
    }

    pub fn moment(&self) -> Moment {
        self.clock.now()
    }

    /// When it has something to do although nothing comes in, in the world's time.
    pub fn due(&self) -> Option<Duration> {
        let connect = self.client.is_none().then_some(self.connect_at);
        let gives_up = self.client.as_ref().map(|client| client.gives_up_at);
        let sync = self.sync.due().map(|due| self.born + due);
        [connect, gives_up, sync, self.look_at, Some(self.schedule_at)].into_iter().flatten().min()
    }

    /// Does all that is to be done at this moment. `stepped` is called after each batch of the writer; where it says no
    /// the life is over.
    ///
    /// # Errors
    /// Something goes round and round.
    pub fn turn(
        &mut self,
        broker: &mut Broker,
        now: Duration,
        random: &mut Random,
        mut stepped: impl FnMut(&Journal) -> bool,
    ) -> Result<bool, String> {
        self.plan(now);
        for _ in 0..TURNS_MAX {
            let mut moved = false;
            if self.look_at.is_some_and(|at| at <= now) {
                self.look_at = None;
                self.idle.look();
                moved = true;
                if !stepped(&self.journal) {
                    return Ok(false);
                }
            }
            while self.idle.step() {
                moved = true;
                if !stepped(&self.journal) {
                    return Ok(false);
                }
            }
            if self.lengthens {
                self.idle.lengthen();
            }
            self.look_at = match (self.idle.patience(), self.look_at) {
                (Some(patience), None) => Some(now + patience.max(Duration::from_millis(1))),
                (Some(_), at) => at,
                (None, _) => None,
            };
            moved |= self.talk(broker, now, random);
            if !moved {
                return Ok(true);
            }
        }
        Err("the agent spins".into())
    }

    fn plan(&mut self, now: Duration) {
        if self.schedule_at <= now {
            self.schedule_at = now + SCHEDULE_EVERY;
            self.schedule.turn(self.schedule_turns.is_multiple_of(MINUTE_TURNS));
            self.schedule_turns += 1;
        }
    }

    /// Packets that the broker has sent.
    pub fn hear(&mut self, packets: Vec<Packet>, broker: &mut Broker, now: Duration, random: &mut Random) {
        for packet in packets {
            let Some(client) = &mut self.client else { return };
            client.gives_up_at = now + 2 * KEEP_ALIVE + CONNECT_TIMEOUT;
            if let Err(error) = client.state.handle_incoming_packet(packet) {
                // What came before it is still heard.
                let events = std::mem::take(&mut client.state.events);
                events.into_iter().for_each(|event| self.sync.hear(event));
                self.lost(&error.to_string(), broker, now, random);
                return;
            }
            self.tell();
        }
    }

    /// The line was cut, and both ends know it.
    pub fn lost(&mut self, why: &str, broker: &mut Broker, now: Duration, random: &mut Random) {
        if self.client.take().is_some() {
            let wait = self.sync.lost(why, random.bits() as u32);
            self.connect_at = now + wait;
            broker.hang_up();
        }
    }

    /// Events of the event loop.
    fn tell(&mut self) {
        if let Some(client) = &mut self.client {
            while let Some(event) = client.state.events.pop_front() {
                self.sync.hear(event);
            }
        }
    }

    fn talk(&mut self, broker: &mut Broker, now: Duration, random: &mut Random) -> bool {
        if self.client.is_none() && self.connect_at <= now {
            self.connect(broker, now, random);
            return true;
        }
        if self.client.as_ref().is_some_and(|client| client.gives_up_at <= now) {
            self.lost("nothing moved", broker, now, random);
            return true;
        }
        if self.client.is_none() {
            return false;
        }
        if let Some(wait) = self.sync.step(random.bits() as u32) {
            self.client = None;
            self.connect_at = now + wait;
            broker.hang_up();
            return true;
        }
        self.post(broker, now, random)
    }

    /// Hands on what sync has asked its client to send.
    fn post(&mut self, broker: &mut Broker, now: Duration, random: &mut Random) -> bool {
        let mut moved = false;
        while let Some(client) = &mut self.client
            && client.state.inflight() < client.inflight_max
            && client.state.collision.is_none()
            && let Ok(request) = client.requests.try_recv()
        {
            moved = true;
            match client.state.handle_outgoing_packet(request) {
                Ok(packet) => packet.into_iter().for_each(|packet| broker.push(packet, now, random)),
                Err(error) => self.lost(&error.to_string(), broker, now, random),
            }
            self.tell();
        }
        moved
    }

    fn connect(&mut self, broker: &mut Broker, now: Duration, random: &mut Random) {
        let (mut made, mut will) = (None, None);
        let wait = self.sync.connect(random.bits() as u32, |options, requests_max| {
            let inflight_max = options.get_outgoing_inflight_upper_limit().unwrap_or(u16::MAX);
            will = options.last_will().map(|will| Message {
                topic: String::from_utf8_lossy(&will.topic).into_owned(),
                payload: will.message.to_vec(),
            });
            let (sender, requests) = flume::bounded(requests_max);
            let state = MqttState::new(inflight_max, true);
            let gives_up_at = now + CONNECT_TIMEOUT;
            made = Some(Client { state, requests, inflight_max, gives_up_at });
            AsyncClient::from_senders(sender)
        });
        match (wait, made) {
            (None, Some(client)) => self.client = Some(client),
            (wait, _) => {
                self.connect_at = now + wait.unwrap_or(Duration::from_secs(1));
                return;
            }
        }
        if broker.weather.unreachable {
            self.lost("unreachable", broker, now, random);
        } else {
            broker.connect(will, now, random);
        }
    }

    /// An orderly end, as far as the journal goes.
    pub fn stop(self) {
        self.idle.stop();
    }
}
