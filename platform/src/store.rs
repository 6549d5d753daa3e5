//! The platform's storage: one file (SQLite), or a PostgreSQL server that several instances share.
//!
//! The same statements for both, with parameters `?1`, `?2`. What differs stays below here: types, locks, how a
//! connection is made. `FOR UPDATE` (always last in its statement) locks rows where there are other writers. Everything
//! waits for its answer, and a commit returns when it is on disk.

mod postgres;
mod sqlite;
mod value;

use jiff::Timestamp;
use postgres::Postgres;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
pub(crate) use value::params;
pub use value::{Row, ToValue, Value};

/// What the tables look like. Files and servers of a newer version are refused.
const VERSION: usize = 5;

/// How often a transaction is tried that gave way to another.
const ATTEMPTS_MAX: usize = 8;

/// A connection.
#[derive(Debug)]
pub enum Db {
    Sqlite(rusqlite::Connection),
    Postgres(Box<Postgres>),
}

/// Why something could not be read or stored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("the database: {}", postgres::words(.0))]
    Postgres(#[from] tokio_postgres::Error),
    #[error("the database doesn't answer")]
    Silent,
    #[error("column {0} is not what this program stores there")]
    Column(usize),
    #[error("{0}")]
    Refused(String),
    #[error("stored JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Why the storage can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{place}: has version {found}, this program knows up to {VERSION}: use the newer program")]
    Newer { place: String, found: usize },
    #[error("{place}: {source}")]
    Storage { place: String, source: Error },
}

impl OpenError {
    fn newer(place: impl Display, found: usize) -> Self {
        Self::Newer { place: place.to_string(), found }
    }

    fn storage(place: impl Display, source: impl Into<Error>) -> Self {
        Self::Storage { place: place.to_string(), source: source.into() }
    }
}

/// Errors that may come from the storage.
pub trait OfStorage: From<Error> {
    fn storage(&self) -> Option<&Error>;
}

impl OfStorage for Error {
    fn storage(&self) -> Option<&Error> {
        Some(self)
    }
}

impl Error {
    /// Whether the same transaction may succeed when it is tried again.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Postgres(error) if postgres::is_passing(error))
    }

    /// Whether the values themselves can't be stored.
    #[must_use]
    pub fn is_data(&self) -> bool {
        matches!(self, Self::Postgres(error) if postgres::is_data(error))
    }
}

/// Where the storage is.
#[derive(Clone, Debug)]
pub enum Place {
    File(PathBuf),
    Server { config: Box<tokio_postgres::Config>, schema: Option<String> },
}

impl FromStr for Place {
    type Err = tokio_postgres::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Ok(Self::File(text.into()));
        }
        Ok(Self::Server { config: Box::new(text.parse()?), schema: None })
    }
}

impl Place {
    /// For writing, new or brought up to date.
    ///
    /// # Errors
    /// What is there is newer than this program, or can't be used.
    pub fn open(&self) -> Result<Db, OpenError> {
        match self {
            Self::File(path) => Ok(Db::Sqlite(sqlite::open(path)?)),
            Self::Server { config, schema } => {
                let server = Postgres::connect(config, schema.as_deref());
                let server = server.map_err(|error| OpenError::storage("the database server", error))?;
                server.migrate()?;
                Ok(Db::Postgres(Box::new(server)))
            }
        }
    }

    /// For reading.
    ///
    /// # Errors
    /// The storage's.
    pub fn read(&self) -> Result<Db, Error> {
        match self {
            Self::File(path) => Ok(Db::Sqlite(sqlite::read(path)?)),
            Self::Server { config, schema } => {
                Ok(Db::Postgres(Box::new(Postgres::connect(config, schema.as_deref())?)))
            }
        }
    }

    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Server { .. })
    }
}

impl Db {
    /// Does all of `work`, or nothing of it: in one transaction, which is tried again when it gave way to another.
    ///
    /// # Errors
    /// What `work` says, or the storage's. Nothing is stored then.
    pub fn transact<T, E: OfStorage>(&mut self, mut work: impl FnMut(&Db) -> Result<T, E>) -> Result<T, E> {
        let mut attempts = 1;
        loop {
            self.begin()?;
            let done = work(self).and_then(|done| self.batch("COMMIT").map(|()| done).map_err(E::from));
            let Err(error) = &done else { return done };
            // Where this fails too the connection has ended, and the transaction with it.
            let _ = self.roll_back("ROLLBACK");
            if ATTEMPTS_MAX <= attempts || !error.storage().is_some_and(Error::is_passing) {
                return done;
            }
            attempts += 1;
        }
    }

    /// Reads what was stored at one moment.
    ///
    /// # Errors
    /// What `read` says, or the storage's.
    pub fn snapshot<T, E: From<Error>>(&mut self, read: impl FnOnce(&Db) -> Result<T, E>) -> Result<T, E> {
        match self {
            Self::Sqlite(db) => db.execute_batch("BEGIN").map_err(Error::from)?,
            Self::Postgres(server) => {
                begin(server, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")?;
            }
        }
        let done = read(self);
        let _ = self.batch("ROLLBACK");
        done
    }

    /// Undoes `work` alone, within the open transaction, if it fails.
    ///
    /// # Errors
    /// What `work` says, or the storage's.
    pub fn attempt<T, E: From<Error>>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.batch("SAVEPOINT attempt")?;
        let done = work().and_then(|done| self.flush().map(|()| done).map_err(E::from));
        if done.is_ok() { self.batch("RELEASE attempt") } else { self.roll_back("ROLLBACK TO attempt") }?;
        done
    }

    /// Runs a statement. Returns how many rows it changed.
    ///
    /// # Errors
    /// The storage's.
    pub fn run(&self, sql: &str, values: &[Value<'_>]) -> Result<u64, Error> {
        match self {
            Self::Sqlite(db) => sqlite::run(db, sql, values),
            Self::Postgres(server) => server.run(sql, values),
        }
    }

    /// Runs a statement of which nobody asks how many rows it has changed, within a transaction. A server gets it with
    /// the next one that somebody waits for: an error may be that one's, at the latest the commit's.
    ///
    /// # Errors
    /// The storage's.
    pub fn write(&self, sql: &str, values: &[Value<'_>]) -> Result<(), Error> {
        match self {
            Self::Sqlite(db) => sqlite::run(db, sql, values).map(|_| ()),
            Self::Postgres(server) => server.write(sql, values),
        }
    }

    /// The rows of several answers, which a server is asked for at once.
    ///
    /// # Errors
    /// The storage's.
    pub fn all_rows<const N: usize>(&self, queries: [(&str, &[Value<'_>]); N]) -> Result<[Vec<Row>; N], Error> {
        self.many_rows(&queries)?.try_into().map_err(|_| Error::Column(N))
    }

    /// The same of any number of questions; at once means that there should not be thousands.
    ///
    /// # Errors
    /// The storage's.
    pub fn many_rows(&self, queries: &[(&str, &[Value<'_>])]) -> Result<Vec<Vec<Row>>, Error> {
        let ask = |(sql, values): &(&str, &[Value<'_>])| {
            let mut rows = Vec::new();
            self.each(sql, values, &mut |row| {
                rows.push(row);
                Ok(())
            })?;
            Ok(rows)
        };
        match self {
            Self::Sqlite(_) => queries.iter().map(ask).collect(),
            Self::Postgres(server) => server.query_all(queries),
        }
    }

    /// Every row of an answer, as `read` reads it.
    ///
    /// # Errors
    /// What `read` says, or the storage's.
    pub fn rows<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        mut read: impl FnMut(&Row) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut rows = Vec::new();
        self.each(sql, values, &mut |row| {
            rows.push(read(&row)?);
            Ok(())
        })?;
        Ok(rows)
    }

    /// The first row of an answer, if it has one.
    ///
    /// # Errors
    /// What `read` says, or the storage's.
    pub fn row<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        read: impl FnMut(&Row) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        Ok(self.rows(sql, values, read)?.into_iter().next())
    }

    /// The moment, in milliseconds, on a clock that all who use this database have in common.
    ///
    /// # Errors
    /// The storage's.
    pub fn clock_ms(&self, at: Timestamp) -> Result<i64, Error> {
        match self {
            Self::Sqlite(_) => Ok(at.as_millisecond()),
            Self::Postgres(_) => {
                let clock = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";
                self.row(clock, &[], |row| row.get(0))?.ok_or(Error::Column(0))
            }
        }
    }

    /// Leaves a file that needs nothing beside it.
    ///
    /// # Errors
    /// The storage's.
    pub fn close(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(db) => db.close().map_err(|(_, error)| error.into()),
            Self::Postgres(_) => Ok(()),
        }
    }

    fn each(
        &self,
        sql: &str,
        values: &[Value<'_>],
        each: &mut dyn FnMut(Row) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match self {
            Self::Sqlite(db) => sqlite::query(db, sql, values, each),
            Self::Postgres(server) => server.query(sql, values, each),
        }
    }

    fn begin(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(db) => Ok(db.execute_batch("BEGIN IMMEDIATE")?),
            Self::Postgres(server) => begin(server, "BEGIN"),
        }
    }

    fn roll_back(&self, sql: &str) -> Result<(), Error> {
        match self {
            Self::Sqlite(db) => Ok(db.execute_batch(sql)?),
            Self::Postgres(server) => server.roll_back(sql),
        }
    }

    /// What was written is done, or its error known.
    fn flush(&self) -> Result<(), Error> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(server) => server.flush(),
        }
    }

    fn batch(&self, sql: &str) -> Result<(), Error> {
        match self {
            Self::Sqlite(db) => Ok(db.execute_batch(sql)?),
            Self::Postgres(server) => server.batch(sql),
        }
    }
}

/// Connects anew where the connection has ended meanwhile.
fn begin(server: &mut Postgres, how: &str) -> Result<(), Error> {
    server.renew()?;
    match server.batch(how) {
        Err(_) if server.is_closed() => {
            server.renew()?;
            server.batch(how)
        }
        begun => begun,
    }
}

#[cfg(test)]
pub mod testing;
