//! A PostgreSQL server of a test's own, from Debian's package.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls};

use crate::process::Process;
use crate::tempdir::TempDir;
use crate::{net, wait};

/// Where Debian puts the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// What a server says that comes before the last children of one that was killed have ended.
const OTHERS_REMAIN: &str = "pre-existing shared memory block";
/// The server refuses to run as root: then it runs as the package's own user.
const USER: &str = "postgres";

#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Commits are on disk before they are confirmed. Without it a test is faster, and a server that is killed is
    /// still consistent as long as the machine runs.
    pub fsync: bool,
    pub connections_max: u32,
    /// [`STATEMENTS`] can be asked for.
    pub counts_statements: bool,
}

/// How many statements the server has run in the database that is asked.
pub const STATEMENTS: &str = "SELECT CAST(sum(calls) AS BIGINT) FROM pg_stat_statements
    JOIN pg_database ON pg_database.oid = dbid WHERE datname = current_database()";

impl Default for Options {
    fn default() -> Options {
        Options { fsync: false, connections_max: 100, counts_statements: false }
    }
}

/// Listens on loopback and on a socket in its directory, and trusts everybody there. Killed when dropped.
#[derive(Debug)]
pub struct Postgres {
    process: Option<Process>,
    programs: PathBuf,
    port: u16,
    options: Options,
    dir: TempDir,
}

impl Postgres {
    #[must_use]
    pub fn start() -> Postgres {
        Postgres::with(Options::default())
    }

    /// # Panics
    /// Where it isn't installed, or can't be started.
    #[must_use]
    pub fn with(options: Options) -> Postgres {
        let (programs, dir) = (programs(), TempDir::new("postgres"));
        let data = dir.join("data");
        fs::create_dir(&data).expect("a directory of our own");
        if is_root() {
            own(dir.path());
            own(&data);
        }
        let mut init = as_user(&programs.join("initdb"));
        init.arg("--pgdata").arg(&data).args(["--username", USER, "--auth", "trust", "--encoding", "UTF8"]);
        let made = init.args(["--no-locale", "--no-sync"]).stdin(Stdio::null()).output().expect("initdb starts");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let mut server = Postgres { process: None, programs, port: net::free_port(), options, dir };
        server.restart();
        server
    }

    /// Starts it again on its port, where it runs after a kill.
    pub fn restart(&mut self) {
        self.kill9();
        let mut command = as_user(&self.programs.join("postgres"));
        command.arg("-D").arg(self.dir.join("data"));
        command.args(["-p", &self.port.to_string()]).arg("-k").arg(self.dir.path());
        let set = |command: &mut Command, setting: &str| {
            command.args(["-c", setting]);
        };
        set(&mut command, "listen_addresses=127.0.0.1");
        set(&mut command, if self.options.fsync { "fsync=on" } else { "fsync=off" });
        set(&mut command, &format!("max_connections={}", self.options.connections_max));
        set(&mut command, "shared_buffers=32MB");
        if self.options.counts_statements {
            set(&mut command, "shared_preload_libraries=pg_stat_statements");
        }
        let mut process = Process::spawn("postgres", &mut command, &self.dir.join("log"));
        wait::until("the database server", wait::GENEROUS, || {
            if let Some(status) = process.ended() {
                assert!(
                    process.log().contains(OTHERS_REMAIN),
                    "the database server ended with {status}: {}",
                    process.log()
                );
                process = Process::spawn("postgres", &mut command, &self.dir.join("log"));
            }
            Session::open(&self.url_of(USER)).ok()
        });
        self.process = Some(process);
    }

    /// SIGKILL. Its children notice and end.
    pub fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill9();
        }
    }

    /// # Panics
    /// Where it is stopped.
    #[must_use]
    pub fn process(&self) -> &Process {
        self.process.as_ref().expect("the database server is stopped")
    }

    /// A new, empty database, as `postgres://USER@127.0.0.1:PORT/NAME`.
    ///
    /// # Panics
    /// Where the server doesn't run.
    #[must_use]
    pub fn database(&self) -> String {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", MADE.fetch_add(1, Ordering::Relaxed));
        let session = Session::open(&self.url_of(USER)).expect("a connection");
        session.batch(&format!("CREATE DATABASE {name}"));
        let url = self.url_of(&name);
        if self.options.counts_statements {
            Session::open(&url).expect("a connection").batch("CREATE EXTENSION pg_stat_statements");
        }
        url
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://{USER}@{}/{database}", net::loopback(self.port))
    }
}

impl Drop for Postgres {
    /// SIGQUIT has the server end its children at once; a kill would leave them with the directory that goes now.
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            process.quit();
        }
    }
}

/// A connection to look at what a program has stored.
#[derive(Debug)]
pub struct Session {
    client: Client,
    runtime: Runtime,
}

impl Session {
    /// # Errors
    /// The server's.
    ///
    /// # Panics
    /// Where this process has no means for a runtime.
    pub fn open(url: &str) -> Result<Session, tokio_postgres::Error> {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            tokio::spawn(connection);
            Ok(client)
        })?;
        Ok(Session { client, runtime })
    }

    /// # Panics
    /// Where a statement fails.
    #[track_caller]
    pub fn batch(&self, sql: &str) {
        let done = self.runtime.block_on(self.client.batch_execute(sql));
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The first column of each row, which is an integer.
    ///
    /// # Panics
    /// Where the statement fails, or has other rows.
    #[track_caller]
    #[must_use]
    pub fn integers(&self, sql: &str) -> Vec<i64> {
        let rows = self.runtime.block_on(self.client.query(sql, &[]));
        let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
        rows.iter().map(|row| row.get(0)).collect()
    }
}

/// The newest version's.
fn programs() -> PathBuf {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let programs = versions.filter_map(|path| Some((number(&path)?, path.join("bin"))));
    let newest = programs.filter(|(_, bin)| bin.join("postgres").is_file()).max();
    let (_, bin) = newest.unwrap_or_else(|| {
        panic!("{VERSIONS}/*/bin/postgres is missing: install it with `apt-get install postgresql`")
    });
    bin
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Gives a directory to the server's user. Others may look through the one that the log and the socket are in.
fn own(path: &Path) {
    let passwords = fs::read_to_string("/etc/passwd").expect("the users of this system");
    let user = passwords.lines().find_map(|line| line.strip_prefix("postgres:x:"));
    let mut ids = user.expect("the package's user").split(':').map(|id| id.parse().expect("a number"));
    chown(path, ids.next(), ids.next()).expect("root may give a directory away");
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).expect("root may close a directory");
}

fn as_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", USER, "--regid", USER, "--init-groups", "--"]).arg(program).current_dir("/");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_empty_and_survive_a_kill() {
        let mut server = Postgres::start();
        let (one, two) = (server.database(), server.database());
        Session::open(&one).unwrap().batch("CREATE TABLE kept (n BIGINT); INSERT INTO kept VALUES (7)");
        let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
        assert_eq!(Session::open(&two).unwrap().integers(tables), [0]);
        server.restart();
        assert_eq!(Session::open(&one).unwrap().integers("SELECT n FROM kept"), [7]);
    }
}
