//! A PostgreSQL server: connecting, migrating, refusing.
//!
//! Waits for answers, so it belongs to threads that may wait; a small runtime of its own drives the connection. What nobody
//! waits for ([`Postgres::write`]) goes to the server with the next statement that somebody waits for, in one packet: the
//! server does them in order, and the way there and back is paid once. A server that is silent for [`ANSWER_MAX`] is as
//! good as gone. The next transaction connects anew.

use super::{Error, OpenError, Row, VERSION, Value};
use bytes::BytesMut;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Config, NoTls, Statement};

/// The whole schema, and what is missing to it from each later version on.
const MIGRATIONS: [(usize, &str); 3] = [
    (3, include_str!("../schema/postgres/3.sql")),
    (4, include_str!("../schema/postgres/4.sql")),
    (5, include_str!("../schema/postgres/5.sql")),
];

/// Statements that wait for another to go with. Their answers are small, so neither side ever waits for the other to read.
const WRITES_MAX: usize = 64;

const CONNECT_MAX: Duration = Duration::from_secs(10);
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Commits are durable whatever the server's default is. The server ends by itself what an instance that stands still
/// has begun, so that its sites are free for the others; all of that is below [`ANSWER_MAX`].
const SETTINGS: &str = "SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') = 'off';
    SET lock_timeout = '10s'; SET statement_timeout = '25s'; SET idle_in_transaction_session_timeout = '15s';
    SET client_min_messages = 'warning'";

/// Taken while migrating, so that only one instance does. An arbitrary number of this program's own.
const MIGRATING: i64 = 0x7061_7263_656c_6400;

#[derive(Debug)]
pub struct Postgres {
    config: Config,
    /// Of tests: tables are in a schema of their own.
    schema: Option<String>,
    statements: RefCell<HashMap<String, Statement>>,
    /// What was not sent yet.
    writes: RefCell<Vec<Write>>,
    client: Client,
    /// An answer is still out: whatever comes is no longer ours.
    silent: Cell<bool>,
    runtime: Runtime,
}

#[derive(Debug)]
struct Write {
    statement: Statement,
    values: Vec<Value<'static>>,
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, tokio_postgres::Error>> + 'a>>;

impl Postgres {
    /// # Errors
    /// The server can't be reached, or refuses.
    pub fn connect(config: &Config, schema: Option<&str>) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = connect(&runtime, config, schema)?;
        let (config, schema) = (config.clone(), schema.map(str::to_owned));
        let (statements, writes, silent) = (RefCell::default(), RefCell::default(), Cell::new(false));
        Ok(Self { config, schema, statements, writes, client, silent, runtime })
    }

    /// Makes the tables, or brings them up to date.
    ///
    /// # Errors
    /// They are newer than this program, or the server refuses.
    pub fn migrate(&self) -> Result<(), OpenError> {
        let place = || format!("database {}", self.config.get_dbname().unwrap_or_default());
        let storage = |error: Error| OpenError::storage(place(), error);
        self.batch("BEGIN").map_err(storage)?;
        match self.migrate_within() {
            Ok(None) => self.batch("COMMIT").map_err(storage),
            Ok(Some(found)) => Err(OpenError::newer(place(), found)),
            Err(error) => Err(storage(error)),
        }
        // What failed is rolled back by the end of the connection.
    }

    fn migrate_within(&self) -> Result<Option<usize>, Error> {
        self.query(
            "SELECT 1 FROM (SELECT pg_advisory_xact_lock($1)) AS locked",
            &[Value::Int(MIGRATING)],
            &mut |_| Ok(()),
        )?;
        self.batch("CREATE TABLE IF NOT EXISTS parceld_version (version BIGINT NOT NULL)")?;
        let mut version = 0;
        self.query("SELECT version FROM parceld_version", &[], &mut |row| {
            version = row.get(0)?;
            Ok(())
        })?;
        if VERSION < version {
            return Ok(Some(version));
        }
        for (_, sql) in MIGRATIONS.iter().filter(|(to, _)| version < *to) {
            self.batch(sql)?;
        }
        self.batch(&format!("DELETE FROM parceld_version; INSERT INTO parceld_version VALUES ({VERSION})"))?;
        Ok(None)
    }

    /// Connects anew where the connection has ended.
    ///
    /// # Errors
    /// The server can't be reached, or refuses.
    pub fn renew(&mut self) -> Result<(), Error> {
        if self.is_closed() {
            self.client = connect(&self.runtime, &self.config, self.schema.as_deref())?;
            self.silent.set(false);
            self.statements.get_mut().clear();
            self.writes.get_mut().clear();
        }
        Ok(())
    }

    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.silent.get() || self.client.is_closed()
    }

    pub fn batch(&self, sql: &str) -> Result<(), Error> {
        self.after_writes(Box::pin(self.client.batch_execute(sql)))
    }

    /// Forgets what was not sent: the transaction that it belongs to is given up.
    pub fn roll_back(&self, sql: &str) -> Result<(), Error> {
        self.writes.borrow_mut().clear();
        self.batch(sql)
    }

    pub fn run(&self, sql: &str, values: &[Value<'_>]) -> Result<u64, Error> {
        let statement = self.prepared(sql)?;
        let values = as_parameters(values);
        self.after_writes(Box::pin(self.client.execute(&statement, &values)))
    }

    /// An error of it is the next one's, at the latest the commit's.
    pub fn write(&self, sql: &str, values: &[Value<'_>]) -> Result<(), Error> {
        let statement = self.prepared(sql)?;
        let values = values.iter().map(Value::to_owned).collect();
        self.writes.borrow_mut().push(Write { statement, values });
        if self.writes.borrow().len() < WRITES_MAX { Ok(()) } else { self.flush() }
    }

    /// Sends what was not sent yet, and waits for it.
    pub fn flush(&self) -> Result<(), Error> {
        if self.writes.borrow().is_empty() {
            return Ok(());
        }
        self.after_writes(Box::pin(async { Ok(()) }))
    }

    pub fn query(
        &self,
        sql: &str,
        values: &[Value<'_>],
        each: &mut dyn FnMut(Row) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let statement = self.prepared(sql)?;
        let values = as_parameters(values);
        let rows = self.after_writes(Box::pin(self.client.query(&statement, &values)))?;
        rows.iter().try_for_each(|row| each(self::row(row)?))
    }

    /// Asks several things at once.
    pub fn query_all(&self, queries: &[(&str, &[Value<'_>])]) -> Result<Vec<Vec<Row>>, Error> {
        let asked = queries.iter().map(|(sql, values)| Ok((self.prepared(sql)?, as_parameters(values))));
        let asked: Vec<_> = asked.collect::<Result<_, Error>>()?;
        let answers = asked.iter().map(|(statement, values)| self.client.query(statement, values));
        let mut answers: Vec<Answer<'_, _>> = answers.map(|answer| Box::pin(answer) as _).collect();
        let all = self.after_writes(Box::pin(async move { in_order(&mut answers).await.into_iter().collect() }))?;
        let all: Vec<Vec<tokio_postgres::Row>> = all;
        all.iter().map(|rows| rows.iter().map(row).collect()).collect()
    }

    fn prepared(&self, sql: &str) -> Result<Statement, Error> {
        if let Some(known) = self.statements.borrow().get(sql) {
            return Ok(known.clone());
        }
        let numbered = numbered(sql);
        let statement = self.after_writes(Box::pin(self.client.prepare(&numbered)))?;
        self.statements.borrow_mut().insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// The answer to what is asked behind everything that was not sent yet. An error of that comes first: it is why the
    /// server would do nothing more.
    fn after_writes<T>(&self, asked: Answer<'_, T>) -> Result<T, Error> {
        let writes = self.writes.take();
        if writes.is_empty() {
            return self.wait(asked);
        }
        let values: Vec<_> = writes.iter().map(|write| as_parameters(&write.values)).collect();
        let each = writes.iter().zip(&values);
        let each =
            each.map(|(write, values)| Box::pin(self.client.execute(&write.statement, values)) as Answer<'_, u64>);
        let mut each: Vec<_> = each.collect();
        self.wait(async {
            // Sent in this order: each is polled for the first time before any is awaited.
            let (written, answer) = tokio::join!(biased; in_order(&mut each), asked);
            written.into_iter().try_for_each(|written| written.map(|_| ()))?;
            answer
        })
    }

    fn wait<T>(&self, answer: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Error> {
        if self.silent.get() {
            return Err(Error::Silent);
        }
        let answered = self.runtime.block_on(async { timeout(ANSWER_MAX, answer).await });
        self.silent.set(answered.is_err());
        Ok(answered.map_err(|_| Error::Silent)??)
    }
}

/// Sends all of it in order, and waits for every answer.
async fn in_order<T>(asked: &mut [Answer<'_, T>]) -> Vec<Result<T, tokio_postgres::Error>> {
    let mut answers: Vec<Option<_>> = asked.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut all = true;
        for (asked, answer) in asked.iter_mut().zip(&mut answers).filter(|(_, answer)| answer.is_none()) {
            match asked.as_mut().poll(context) {
                Poll::Ready(answered) => *answer = Some(answered),
                Poll::Pending => all = false,
            }
        }
        if all { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    answers.into_iter().flatten().collect()
}

fn as_parameters<'a>(values: &'a [Value<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    values.iter().map(|value| value as _).collect()
}

fn row(row: &tokio_postgres::Row) -> Result<Row, Error> {
    let cells: Result<Vec<Column>, _> = (0..row.len()).map(|column| row.try_get(column)).collect();
    Ok(Row(cells?.into_iter().map(|Column(value)| value).collect()))
}

fn connect(runtime: &Runtime, config: &Config, schema: Option<&str>) -> Result<Client, Error> {
    let mut config = config.clone();
    config
        .application_name("parceld-platform")
        .connect_timeout(CONNECT_MAX)
        .tcp_user_timeout(ANSWER_MAX)
        .keepalives_idle(ANSWER_MAX);
    runtime.block_on(async {
        let connected = timeout(CONNECT_MAX, config.connect(NoTls)).await.map_err(|_| Error::Silent)?;
        let (client, connection) = connected?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(%error, "the connection to the database ended");
            }
        });
        let settings = match schema {
            Some(schema) => format!("{SETTINGS}; SET search_path TO {schema}"),
            None => SETTINGS.to_owned(),
        };
        timeout(ANSWER_MAX, client.batch_execute(&settings)).await.map_err(|_| Error::Silent)??;
        Ok(client)
    })
}

/// `?1` is SQLite's, `$1` PostgreSQL's. No text of ours has a question mark before a digit.
fn numbered(sql: &str) -> Cow<'_, str> {
    if sql.contains('?') { sql.replace('?', "$").into() } else { sql.into() }
}

/// Whether the server chose this transaction to end a deadlock, or to keep others serial: it may succeed the next time.
#[must_use]
pub fn is_passing(error: &tokio_postgres::Error) -> bool {
    error
        .code()
        .is_some_and(|code| [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE].contains(code))
}

/// Whether it is the values that the server can't store: classes 22 (data) and 54 (program limits).
#[must_use]
pub fn is_data(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| ["22", "54"].iter().any(|class| code.code().starts_with(class)))
}

/// With the server's own words, which the error keeps to itself.
#[must_use]
pub fn words(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |said| format!("{} ({})", said.message(), said.code().code()))
}

impl ToSql for Value<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(number) if *kind == Type::BOOL => (*number != 0).to_sql(kind, out),
            Value::Int(number) if *kind == Type::INT4 => i32::try_from(*number)?.to_sql(kind, out),
            Value::Int(number) if *kind == Type::INT8 => number.to_sql(kind, out),
            // PostgreSQL's text can't hold NUL.
            Value::Text(text) if text.contains('\0') && <&str as ToSql>::accepts(kind) => {
                text.replace('\0', "\u{fffd}").as_str().to_sql(kind, out)
            }
            Value::Text(text) if <&str as ToSql>::accepts(kind) => text.as_ref().to_sql(kind, out),
            Value::Blob(bytes) if *kind == Type::BYTEA => bytes.as_ref().to_sql(kind, out),
            _ => Err(format!("{self:?} is no {kind}").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

struct Column(Value<'static>);

impl<'a> FromSql<'a> for Column {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(match *kind {
            Type::INT8 => Value::Int(i64::from_sql(kind, raw)?),
            Type::INT4 => Value::Int(i32::from_sql(kind, raw)?.into()),
            Type::BOOL => Value::Int(bool::from_sql(kind, raw)?.into()),
            Type::BYTEA => Value::Blob(raw.to_owned().into()),
            _ => Value::Text(String::from_sql(kind, raw)?.into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(Value::Null))
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::INT4, Type::BOOL, Type::BYTEA].contains(kind) || <String as FromSql<'_>>::accepts(kind)
    }
}
