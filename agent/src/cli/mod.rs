//! The command line. Data goes to stdout, messages to stderr; what others wrote never reaches the terminal raw.

mod act;
mod agent;
mod barcodes;
mod bundle;
mod config_show;
mod doctor;
mod events;
mod man;
mod orders;
mod quarantine;
mod restore;
mod scan;
mod scanners;
mod status;
mod terminal;

use crate::action::Action;
use crate::config::{self, By, Config, GIVEN, Given, Loaded, Stack, Start, Warning};
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Where the configuration lies by default.
const CONFIG: &str = "/etc/parceld/parceld.toml";

const EXIT_CODES: &str = "\
Exit codes:
  0  well
  1  somebody should look: attention, a scan that did not count, a warning, not running
  2  stopped or failed, an invalid configuration, or wrong arguments";

/// parceld turns barcode scans into durable pick, pack and ship events and sends them to the platform.
///
/// One agent serves one site. `run` starts it; all else looks at it or talks to it. Data is printed to stdout, messages
/// to stderr.
#[derive(Debug, Parser)]
#[command(name = "parceld", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    /// The configuration file
    #[arg(long, global = true, value_name = "FILE", env = "PARCELD_CONFIG", default_value = CONFIG)]
    config: PathBuf,

    #[command(flatten)]
    given: GivenKeys,

    #[command(subcommand)]
    verb: Verb,
}

/// Keys that count before every file.
#[derive(Debug, Args)]
#[command(next_help_heading = "Keys that count before every file")]
struct GivenKeys {
    /// broker.url
    #[arg(long, global = true, value_name = "URL", env = "PARCELD_BROKER_URL", hide_env_values = true)]
    broker_url: Option<String>,
    /// web.listen
    #[arg(long, global = true, value_name = "ADDRESS", env = "PARCELD_WEB_LISTEN")]
    web_listen: Option<String>,
    /// log.level
    #[arg(long, global = true, value_name = "LEVEL", env = "PARCELD_LOG_LEVEL")]
    log_level: Option<String>,
}

impl Cli {
    /// The file, and what was given over it; an empty value is none.
    fn stack(&self) -> Stack {
        let GivenKeys { broker_url, web_listen, log_level } = &self.given;
        let given =
            GIVEN.into_iter().zip([broker_url, web_listen, log_level]).filter_map(|((key, name, flag), value)| {
                let value = value.clone().filter(|value| !value.is_empty())?;
                let is_environment = std::env::var(name).is_ok_and(|set| set == value);
                Some(Given { key, value, by: if is_environment { By::Environment(name) } else { By::Flag(flag) } })
            });
        Stack { given: given.collect(), ..Stack::of(&self.config) }
    }
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the agent in the foreground until SIGTERM or SIGINT
    ///
    /// Checks the configuration, opens the database, the scanners, the page and the connection to the broker. Scanners
    /// and broker may be missing: they are tried again until they are there. Only one agent can use a database.
    #[command(after_help = "\
Examples:
  parceld run --config /etc/parceld/parceld.toml
  systemctl start parceld

Exit codes:
  0  stopped in order
  1  a part that the agent can't do without has died
  2  it could not start: the configuration or the database; stderr says what to do")]
    Run {
        /// Refuse a configuration that is wrong, instead of running on the last one that was right
        #[arg(long)]
        strict: bool,
    },

    /// Check a configuration file without any side effect
    ///
    /// Reads the file and those in conf.d beside it exactly as `run` does and reports everything that is wrong with them:
    /// line, column, and what to write instead. Then warns of what is missing on this machine, for whoever asks: files that
    /// can't be read, secrets that others can read, directories, scanners' ports. Opens no database, no scanner and no
    /// connection.
    #[command(after_help = "\
Examples:
  parceld check-config /etc/parceld/parceld.toml
  parceld check-config new.toml && mv new.toml /etc/parceld/parceld.toml

Exit codes:
  0  the file is right, also where something is missing on this machine
  2  it is not, or can't be read")]
    CheckConfig {
        /// The file to check; without it, the one that --config names
        file: Option<PathBuf>,
    },

    /// Look at the configuration
    Config {
        #[command(subcommand)]
        verb: ConfigVerb,
    },

    /// Tell how the agent is: the verdict, why, since when, and what to do
    ///
    /// Asks the running agent over its control socket. If none runs, says so and prints what the database knows.
    #[command(after_help = "\
Examples:
  parceld status
  parceld status --json | jq -r .verdict.state

--json prints the same report as http://LISTEN/api/v1/status.

Exit codes:
  0  well
  1  attention, or the agent isn't running
  2  stopped: scans are not saved, or a station can't scan")]
    Status {
        #[command(flatten)]
        json: Json,
    },

    /// Print events from the log
    ///
    /// Reads the database; the agent may run or not. A sequence is that of the newest epoch, as the platform sees it.
    #[command(after_help = "\
Examples:
  parceld events                          the last 20 events
  parceld events --follow                 and whatever happens from now on; Ctrl-C ends it
  parceld events --since 4200 --limit 50  50 events from sequence 4200 on
  parceld events --since 1 --json         everything since the epoch began, as published, one per line

Exit codes:
  0  printed
  2  the database can't be read")]
    Events {
        /// Go on printing as events happen
        #[arg(long, short)]
        follow: bool,
        /// Print only what is about the order with this id or number: from its beginning, without a limit
        #[arg(long, value_name = "ID")]
        order: Option<String>,
        /// Begin with this sequence of the newest epoch instead of the last events
        #[arg(long, value_name = "SEQ")]
        since: Option<u64>,
        /// Print at most so many, with --follow so many of the past [default: 20, no limit with --since]
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
        #[command(flatten)]
        json: Json,
    },

    /// Scan a code at a station, as a scanner would, and print the answer
    ///
    /// The running agent decides the scan and answers when it is on disk: it counts like a real one, and the event says
    /// that it was entered by hand (method: manual).
    #[command(after_help = "\
Examples:
  parceld scan --station bench-1 10042           opens the order 10042
  parceld scan --station bench-1 4006381333931   picks and packs one unit of that product

Exit codes:
  0  the scan counted or opened something
  1  it did not: wrong, over, already, unknown or refused; or the agent isn't running
  2  it could not be saved, or there is no such station")]
    Scan {
        /// The id of the station
        #[arg(long, value_name = "ID")]
        station: String,
        /// The code, as the scanner would send it without its terminator
        #[arg(allow_hyphen_values = true)]
        code: String,
        #[command(flatten)]
        json: Json,
    },

    /// Print this site's barcodes, as a list or as sheets of paper
    ///
    /// Verbs, modes and whatever else is commanded by scanning; badges, bins and totes by their ids. Commands and badges
    /// carry a check that only this site's database can make, so that a label from outside can't drive a station. Sheets
    /// are in the site's language. Print them at 100 %, not fitted to the page.
    #[command(after_help = "\
Examples:
  parceld barcodes                                             every command, as text
  parceld barcodes --format html --output barcodes.html        to print from a browser
  parceld barcodes --format svg --only verbs,modes > verbs.svg
  parceld barcodes --format html --badge 17 --badge 18         two badges and nothing else
  parceld barcodes --format html --bin A-01..A-20 --tote T-1   a shelf of bins, and a tote
  parceld scan --station bench-1 \"$(parceld barcodes --json | jq -r .DONE)\"

Exit codes:
  0  printed
  2  the database can't be read, no agent has ever run on it, or a code can't be printed")]
    Barcodes {
        #[command(flatten)]
        wanted: barcodes::Wanted,
    },

    /// Print the open orders by urgency, or one with what happened to it
    ///
    /// Reads the database; the agent may run or not.
    #[command(after_help = "\
Examples:
  parceld orders
  parceld orders 10042                    by its number, its id, or a parcel's number
  parceld orders --json | jq -r .number   one per line

Exit codes:
  0  printed
  2  there is no such order, or the database can't be read")]
    Orders {
        /// The order's number or id, or the number of one of its parcels
        id: Option<String>,
        #[command(flatten)]
        json: Json,
    },

    /// Tell how each scanner's line is, or open one anew
    ///
    /// Asks the running agent.
    #[command(after_help = "\
Examples:
  parceld scanners
  parceld scanners reopen bench-1-hand

Exit codes:
  0  all of them are open; reopen: it is open again
  1  one isn't, or the agent isn't running
  2  it does not open, or there is no such scanner")]
    Scanners {
        #[command(subcommand)]
        verb: Option<ScannersVerb>,
        #[command(flatten)]
        json: Json,
    },

    /// Give a signal at a station as a test, or each in turn
    ///
    /// The station's scanners sound it and its screen shows it. Nothing is counted.
    #[command(after_help = "\
Examples:
  parceld test-signal --station bench-1          each, two seconds apart
  parceld test-signal --station bench-1 refused

Exit codes:
  0  it was given
  1  the agent isn't running
  2  no scanner took it, or there is no such station or signal")]
    TestSignal {
        /// The id of the station
        #[arg(long, value_name = "ID")]
        station: String,
        /// accepted, completed, opened, wrong, over, already, unknown, refused or not_saved
        signal: Option<String>,
        #[command(flatten)]
        json: Json,
    },

    /// Send one event to the platform and wait for its receipt
    ///
    /// Says which half of the way fails: no connection, no acknowledgement by the broker, or no receipt of the platform.
    #[command(after_help = "\
Examples:
  parceld test-publish
  parceld test-publish --json | jq -r .values.ms

Exit codes:
  0  the receipt came
  1  the agent isn't running
  2  it did not; stderr says what is missing")]
    TestPublish {
        #[command(flatten)]
        json: Json,
    },

    /// Leave the broker and connect anew at once
    ///
    /// Scanning goes on. A changed password file is read again.
    #[command(after_help = "\
Examples:
  parceld reconnect

Exit codes:
  0  connected
  1  the agent isn't running
  2  there is no connection; stderr says why")]
    Reconnect {
        #[command(flatten)]
        json: Json,
    },

    /// Serve this site although another agent does
    ///
    /// An agent that finds another one's state at the broker sends nothing: two of them would tell the platform two
    /// stories of one site. Claim it for the board that is to stay; the other one stops sending. Switch that off.
    #[command(after_help = "\
Examples:
  parceld claim

Exit codes:
  0  this agent serves the site
  1  the agent isn't running
  2  there is no connection; stderr says why")]
    Claim {
        #[command(flatten)]
        json: Json,
    },

    /// Have the running agent read its configuration again
    ///
    /// All of it is checked first. Where anything is wrong nothing of it is taken, and what was right last goes on. What
    /// can change while people work counts at once; the rest is named and waits for a restart.
    #[command(after_help = "\
Examples:
  parceld check-config && parceld reload
  systemctl reload parceld                the same, as a signal; the page tells how it went

Exit codes:
  0  the files say what runs
  1  something of it waits for a restart, or the agent isn't running
  2  it is wrong, and nothing was taken; stderr says why")]
    Reload {
        #[command(flatten)]
        json: Json,
    },

    /// Log more, or less, for a while
    ///
    /// The running agent's log begins at this level, and goes back to log.level by itself.
    #[command(after_help = "\
Examples:
  parceld log-level debug             for 15 minutes
  parceld log-level trace --for 2m
  parceld log-level info --for 1s     back at once

Exit codes:
  0  it is so
  1  the agent isn't running
  2  there is no such level")]
    LogLevel {
        /// error, warn, info, debug or trace
        level: String,
        /// For how long, up to 24h
        #[arg(long = "for", value_name = "TIME", default_value = "15m", value_parser = a_while)]
        time: Duration,
        #[command(flatten)]
        json: Json,
    },

    /// Send events again from a sequence on
    ///
    /// A sequence is that of the newest epoch, as the platform sees it. The platform takes each event once, however often
    /// it comes.
    #[command(after_help = "\
Examples:
  parceld resend --from 4200

Exit codes:
  0  they are being sent
  1  the agent isn't running
  2  that sequence is not kept here, or does not exist yet")]
    Resend {
        /// The first sequence to send again
        #[arg(long, value_name = "SEQ")]
        from: u64,
        #[command(flatten)]
        json: Json,
    },

    /// Look at commands of the platform that could not be used, and decide them again or throw them away
    ///
    /// `list` and `show` read the database; `retry` and `drop` ask the running agent.
    #[command(after_help = "\
Examples:
  parceld quarantine list
  parceld quarantine show 3
  parceld quarantine retry 3   after an upgrade: as if it had just come
  parceld quarantine drop 3

Exit codes:
  0  printed, carried out or thrown away
  1  the agent isn't running
  2  it can't be used still, or there is none with this number")]
    Quarantine {
        #[command(subcommand)]
        verb: QuarantineVerb,
        #[command(flatten)]
        json: Json,
    },

    /// Let somebody work at a station who forgot their badge
    ///
    /// Signs in an operator of a number that nobody else gets. They are signed out when nothing is scanned for a while.
    #[command(after_help = "\
Examples:
  parceld guest --station bench-1

Exit codes:
  0  the guest is signed in
  1  the agent isn't running
  2  there is no such station, or it could not be saved")]
    Guest {
        /// The id of the station
        #[arg(long, value_name = "ID")]
        station: String,
        #[command(flatten)]
        json: Json,
    },

    /// Copy the running database, consistent and checked
    ///
    /// Without a file, the agent makes the copy where storage.backup_dir says and keeps the newest seven. With one, this
    /// command makes it itself, with the rights of whoever runs it; the file must not be there yet.
    #[command(after_help = "\
Examples:
  parceld backup
  sudo -u parceld parceld backup /mnt/usb/before-the-move.db

Exit codes:
  0  the copy is whole and checked
  1  the agent isn't running, and no file was named
  2  there is no copy; stderr says why")]
    Backup {
        /// Where to
        file: Option<PathBuf>,
        #[command(flatten)]
        json: Json,
    },

    /// Put a backup in the place of the database
    ///
    /// Only while no agent runs. The backup is checked first: it must be whole, of this site, and not of a newer version.
    /// The database whose place it takes is kept beside it. The backup begins a new epoch: what the platform has of later
    /// is not done again, no parcel's number comes twice, and open orders wait until the platform has put them again.
    #[command(after_help = "\
Examples:
  sudo systemctl stop parceld
  sudo -u parceld parceld restore /var/lib/parceld/backups/sthlm-03-20261122T120000Z.db
  sudo systemctl start parceld

Exit codes:
  0  the backup is in its place
  1  an agent is running: stop it first
  2  nothing has changed; stderr says why")]
    Restore {
        /// The backup
        file: PathBuf,
        #[command(flatten)]
        json: Json,
    },

    /// Make a diagnostics bundle: everything that support needs, without secrets, in one file
    ///
    /// A .tar.gz with the status, what the doctor finds, the configuration without secrets, the newest events and log
    /// lines, and facts about the database and the system. MANIFEST lists what is in it and what was left out. Takes at
    /// most five seconds, whether an agent runs or not.
    #[command(after_help = "\
Examples:
  sudo parceld bundle bundle.tar.gz
  tar -xzOf bundle.tar.gz --wildcards '*/MANIFEST'

Exit codes:
  0  made
  2  it can't be written, or the file is there already")]
    Bundle {
        /// Where to
        file: PathBuf,
    },

    /// Make the token anew that opens the page's actions
    ///
    /// Prints it once; only a digest of it is kept. The old one opens nothing any more, and every session ends.
    #[command(after_help = "\
Examples:
  sudo parceld token new

Exit codes:
  0  printed
  1  the agent isn't running
  2  a file gives the token (web.token_file), or the new one could not be saved")]
    Token {
        #[command(subcommand)]
        verb: TokenVerb,
    },

    /// Print what a shell needs to complete these commands
    #[command(after_help = "\
Examples:
  parceld completions bash > /usr/share/bash-completion/completions/parceld
  parceld completions zsh > /usr/share/zsh/site-functions/_parceld

Exit codes:
  0  printed")]
    Completions { shell: Shell },

    /// Print a manual page, or write all of them into a directory
    ///
    /// The program has a page, and so has each command: parceld-run(1), parceld-status(1) and so on. parceld.toml(5) is the
    /// configuration's.
    #[command(after_help = "\
Examples:
  parceld man | man -l -
  parceld man parceld.toml | man -l -
  parceld man --to pages

Exit codes:
  0  printed or written
  2  the directory can't be written")]
    Man {
        /// Which page
        #[arg(value_enum, default_value_t = man::Page::Parceld)]
        page: man::Page,
        /// Write every page as a file into this directory
        #[arg(long, value_name = "DIR", conflicts_with = "page")]
        to: Option<PathBuf>,
    },

    /// Look at everything that the agent needs, and say how to mend what is wrong
    ///
    /// Configuration, disk, database, clock, the broker's name, network, TLS, login, topics and receipts, and every
    /// scanner's port, in at most 10 seconds. Changes nothing. Where an agent runs, it is asked instead of disturbed; at
    /// the broker the doctor logs in under a client id of its own.
    #[command(after_help = "\
Examples:
  parceld doctor
  sudo -u parceld parceld doctor   as the agent's own user, to see what it may open
  parceld doctor --json | jq '.checks[] | select(.outcome == \"error\")'

Exit codes:
  0  everything is right, or could not be looked at
  1  there are warnings
  2  there are errors")]
    Doctor {
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigVerb {
    /// Print every key with its value, and where that comes from
    ///
    /// As a file that can be read back, with a comment behind each key: its file and line, what gave it, or "default". What
    /// may be a secret is hidden: a user name at the broker that isn't the site's own id.
    #[command(after_help = "\
Examples:
  parceld config show
  parceld config show --changed                       without the defaults
  parceld config show --json | jq '.sections[]'
  diff <(parceld config show --running) <(parceld config show)   what a reload would change

Exit codes:
  0  printed
  1  with --running: the agent isn't running
  2  the configuration is not right, or can't be read")]
    Show {
        /// Leave out what is as it would be anyway
        #[arg(long)]
        changed: bool,
        /// What the running agent goes by, instead of what the files say now
        #[arg(long)]
        running: bool,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Subcommand)]
enum ScannersVerb {
    /// Close a scanner's line and open it again
    Reopen {
        /// The id of the scanner
        id: String,
    },
}

#[derive(Debug, Subcommand)]
enum QuarantineVerb {
    /// Print each with its number and reason
    List,
    /// Print one as it came
    Show { number: i64 },
    /// Decide one again, as if it had just come
    Retry { number: i64 },
    /// Throw one away
    Drop { number: i64 },
}

#[derive(Debug, Subcommand)]
enum TokenVerb {
    /// Make a new one in place of the old
    New,
}

#[derive(Clone, Copy, Debug, Args)]
struct Json {
    /// Print JSON for programs instead of text for people
    #[arg(long = "json", global = true)]
    wanted: bool,
}

/// What a verb ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    Well,
    Attention,
    Failed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Well => Self::SUCCESS,
            Exit::Attention => Self::from(1),
            Exit::Failed => Self::from(2),
        }
    }
}

/// Does what was asked for; `run` runs the agent.
pub fn execute(cli: Cli, run: impl FnOnce(Start) -> anyhow::Result<ExitCode>) -> ExitCode {
    let stack = cli.stack();
    let done = match cli.verb {
        Verb::Run { strict } => return start(stack, strict, run),
        Verb::CheckConfig { file } => check_config(&Stack { path: file.unwrap_or(cli.config), ..stack }),
        Verb::Config { verb: ConfigVerb::Show { changed, running: false, json } } => {
            config_show::print(&stack, changed, json.wanted)
        }
        Verb::Config { verb: ConfigVerb::Show { changed, running: true, json } } => {
            with_config(&stack, |config| config_show::print_running(config, changed, json.wanted))
        }
        Verb::Status { json } => with_config(&stack, |config| status::print(config, json.wanted)),
        Verb::Events { follow, order, since, limit, json } => {
            let wanted = events::Wanted { follow, order, since, limit, json: json.wanted };
            with_config(&stack, |config| events::print(config, &wanted))
        }
        Verb::Scan { station, code, json } => {
            with_config(&stack, |config| scan::print(config, &station, &code, json.wanted))
        }
        Verb::Barcodes { wanted } => with_config(&stack, |config| barcodes::print(config, &wanted)),
        Verb::Doctor { json } => doctor::print(&stack, json.wanted),
        Verb::Orders { id: None, json } => with_config(&stack, |config| orders::list(config, json.wanted)),
        Verb::Orders { id: Some(id), json } => with_config(&stack, |config| orders::show(config, &id, json.wanted)),
        Verb::Scanners { verb: None, json } => with_config(&stack, |config| scanners::print(config, json.wanted)),
        Verb::Scanners { verb: Some(ScannersVerb::Reopen { id }), json } => {
            act(&stack, Action::ReopenScanner { scanner: id }, json)
        }
        Verb::TestSignal { station, signal, json } => act(&stack, Action::TestSignal { station, signal }, json),
        Verb::TestPublish { json } => act(&stack, Action::TestPublish, json),
        Verb::Reconnect { json } => act(&stack, Action::Reconnect, json),
        Verb::Claim { json } => act(&stack, Action::Claim, json),
        Verb::Reload { json } => with_config(&stack, |config| act::reload(config, json.wanted)),
        Verb::LogLevel { level, time, json } => {
            act(&stack, Action::SetLogLevel { level, seconds: time.as_secs().max(1) }, json)
        }
        Verb::Resend { from, json } => act(&stack, Action::Resend { from }, json),
        Verb::Quarantine { verb, json } => match verb {
            QuarantineVerb::List => with_config(&stack, |config| quarantine::list(config, json.wanted)),
            QuarantineVerb::Show { number } => {
                with_config(&stack, |config| quarantine::show(config, number, json.wanted))
            }
            QuarantineVerb::Retry { number } => act(&stack, Action::RetryQuarantined { key: number }, json),
            QuarantineVerb::Drop { number } => act(&stack, Action::DropQuarantined { key: number }, json),
        },
        Verb::Guest { station, json } => act(&stack, Action::AdmitGuest { station }, json),
        Verb::Backup { file: None, json } => act(&stack, Action::Backup, json),
        Verb::Backup { file: Some(file), json } => {
            with_config(&stack, |config| act::back_up_to(config, &file, json.wanted))
        }
        Verb::Restore { file, json } => with_config(&stack, |config| restore::put_back(config, &file, json.wanted)),
        Verb::Bundle { file } => with_config(&stack, |config| bundle::write(config, &stack, &file)),
        Verb::Token { verb: TokenVerb::New } => with_config(&stack, act::new_token),
        Verb::Completions { shell } => complete(shell),
        Verb::Man { page, to: None } => man::print(page, &mut io::stdout()).map(|()| Exit::Well),
        Verb::Man { to: Some(directory), .. } => write_pages(&directory),
    };
    match done {
        Ok(exit) => exit.into(),
        // Whoever read the output has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            terminal::complain(&format!("can't print: {error}"));
            Exit::Failed.into()
        }
    }
}

/// A time as the configuration writes it.
fn a_while(text: &str) -> Result<Duration, String> {
    config::duration(text).ok_or_else(|| "write a whole number, and then s, m or h".to_owned())
}

fn act(stack: &Stack, action: Action, json: Json) -> io::Result<Exit> {
    with_config(stack, |config| act::print(config, action, json.wanted))
}

fn complete(shell: Shell) -> io::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "parceld", &mut script);
    io::Write::write_all(&mut io::stdout(), &script)?;
    Ok(Exit::Well)
}

fn write_pages(directory: &Path) -> io::Result<Exit> {
    if let Err(error) = man::write_to(directory) {
        terminal::complain(&format!("can't write into {}: {error}", directory.display()));
        return Ok(Exit::Failed);
    }
    Ok(Exit::Well)
}

fn start(stack: Stack, strict: bool, run: impl FnOnce(Start) -> anyhow::Result<ExitCode>) -> ExitCode {
    let start = match stack.load() {
        Ok(loaded) => Start { stack, loaded, refused: None },
        Err(error) => match config::last_good(&stack).filter(|_| !strict) {
            Some((copy, loaded)) => {
                complain(&error);
                terminal::complain(&format!("starting on the last configuration that was right, {}", copy.display()));
                Start { stack, loaded, refused: Some((error, copy)) }
            }
            None => return complain(&error).into(),
        },
    };
    run(start).unwrap_or_else(|error| {
        terminal::complain(&format!("{error:#}"));
        Exit::Failed.into()
    })
}

fn check_config(stack: &Stack) -> io::Result<Exit> {
    let Loaded { config, .. } = match stack.load() {
        Ok(loaded) => loaded,
        Err(error) => return Ok(complain(&error)),
    };
    let (site, stations, scanners) = (&config.site.id, config.stations.len(), config.scanners.len());
    terminal::print(&format!(
        "{}: right; site: {site}, stations: {stations}, scanners: {scanners}",
        stack.path.display()
    ))?;
    for Warning { key, what, advice } in config::missing_here(&config) {
        terminal::complain(&format!("warning: {key}: {what}"));
        terminal::complain(&format!("  = {advice}"));
    }
    Ok(Exit::Well)
}

/// With files that are wrong a running agent is asked all the same: it runs on what was right last.
fn with_config(stack: &Stack, act: impl FnOnce(&Config) -> io::Result<Exit>) -> io::Result<Exit> {
    let error = match stack.load() {
        Ok(loaded) => return act(&loaded.config),
        Err(error) => error,
    };
    match config::last_good(stack) {
        Some((copy, loaded)) => {
            let (first, more) = error.in_short();
            let more = if 0 < more { format!(", and {more} more") } else { String::new() };
            terminal::complain(&format!("{first}{more}; going on with what was right last, {}", copy.display()));
            act(&loaded.config)
        }
        None => Ok(complain(&error)),
    }
}

/// The message has lines of its own, and shows nothing raw.
fn complain(error: &config::Error) -> Exit {
    eprintln!("{error}");
    Exit::Failed
}

#[cfg(test)]
mod tests;
