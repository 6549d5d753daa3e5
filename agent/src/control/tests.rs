use super::server::Bench;
use super::*;
use crate::access::{self, Access};
use crate::action::{self, Action, Outcome};
use crate::domain::signal::{Answer, Signal};
use crate::floor::UnknownStation;
use crate::report::tests::Running;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

const PATIENCE: Duration = Duration::from_secs(20);

struct Counter;

impl Bench for Counter {
    fn scan(&self, station: &str, code: &str) -> Result<oneshot::Receiver<Answer>, UnknownStation> {
        if station != "bench-1" {
            return Err(UnknownStation { asked: station.into(), known: vec!["bench-1".into()] });
        }
        let (reply, answer) = oneshot::channel();
        let _ = reply.send(Answer::new(Signal::Accepted).item(code).progress(1, 3));
        Ok(answer)
    }

    fn reserve_labels(&self, count: u32) -> oneshot::Receiver<Option<u64>> {
        let (reply, first) = oneshot::channel();
        let _ = reply.send((count < 100).then_some(40));
        first
    }
}

/// Serves while `ask` runs on a thread of its own.
async fn serving<T: Send + 'static>(ask: impl FnOnce(PathBuf) -> T + Send + 'static) -> T {
    let running = Running::new();
    let path = running.directory.join("control.sock");
    let socket = bind(&path).unwrap();
    let (stop, stopped) = watch::channel(false);
    let access = Access::new(access::Config::default(), running.journal.clone(), running.clock);
    let actions = action::tests::actions(&running, &Arc::new(access));
    let gatherer = Arc::clone(&running.gatherer);
    let served = tokio::spawn(serve(socket, Arc::new(Counter), gatherer, actions, stopped));
    let asked = path.clone();
    let answer = tokio::task::spawn_blocking(move || ask(asked)).await.unwrap();
    stop.send_replace(true);
    tokio::time::timeout(PATIENCE, served).await.expect("it stops").unwrap();
    assert!(!path.exists(), "the socket's file goes with it");
    answer
}

fn client(path: &Path) -> Client {
    Client::connect(&[path.to_owned()], "sthlm-03", PATIENCE).unwrap()
}

#[tokio::test]
async fn tells_how_the_agent_is() {
    let report = serving(|path| client(&path).status().unwrap()).await;
    assert_eq!(report.site.id, "sthlm-03");
    assert_eq!(report.log.head, 1);
}

#[tokio::test]
async fn hands_in_scans_one_after_the_other() {
    let told = serving(|path| {
        let mut client = client(&path);
        ["4006381333931", "two\nlines and \u{1d}"].map(|code| client.scan("bench-1", code).unwrap())
    });
    let [first, second] = told.await;
    assert_eq!(first.signal, "accepted");
    assert_eq!(second.item.as_deref(), Some("two\nlines and \u{1d}"));
}

#[tokio::test]
async fn gives_out_numbers_for_labels_or_says_that_it_can_t() {
    let (taken, too_many, not_saved) = serving(|path| {
        let mut client = client(&path);
        let refused = |count: u32, client: &mut Client| client.reserve_labels(count).unwrap_err().to_string();
        (client.reserve_labels(3).unwrap(), refused(0, &mut client), refused(100, &mut client))
    })
    .await;
    assert_eq!(taken, 40);
    assert_eq!(too_many, "the agent failed: that is no number of labels to print at once");
    assert_eq!(not_saved, "the agent failed: it could not be saved that the numbers are taken");
}

#[tokio::test]
async fn has_things_done() {
    let (made, refused) = serving(|path| {
        let mut client = client(&path);
        let mut act = |action| client.act(action).unwrap();
        (act(Action::NewToken), act(Action::DropQuarantined { key: 3 }))
    })
    .await;
    assert_eq!((made.outcome, made.recorded), (Outcome::TokenMade, true));
    assert_eq!(made.values["token"].len(), 34);
    assert_eq!(refused.outcome, Outcome::Absent);
}

#[tokio::test]
async fn names_the_stations_that_exist() {
    let refused = serving(|path| client(&path).scan("bench-7", "1").unwrap_err().to_string()).await;
    assert_eq!(refused, "there is no station bench-7; there are: bench-1");
}

#[tokio::test]
async fn refuses_what_is_meant_for_another_site() {
    let asked = |path: PathBuf| Client::connect(&[path], "gbg-01", PATIENCE).unwrap().scan("bench-1", "1");
    let refused = serving(asked).await.unwrap_err();
    assert!(matches!(refused, Unreached::Refused(Refusal::OtherSite { site }) if site == "sthlm-03"));
}

#[tokio::test]
async fn answers_the_next_request_after_one_that_it_cant_read() {
    let replies = serving(|path| {
        let mut stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"what?\n{\"site\":\"sthlm-03\",\"verb\":\"fly\"}\n").unwrap();
        stream
            .write_all(b"{\"site\":\"sthlm-03\",\"verb\":\"scan\",\"station\":\"bench-1\",\"code\":\"1\"}\n")
            .unwrap();
        let lines = BufReader::new(stream).lines();
        lines.take(3).collect::<Result<Vec<_>, _>>().unwrap()
    });
    let replies = replies.await;
    assert!(replies[0].starts_with(r#"{"refused":{"why":"unreadable""#), "{replies:?}");
    assert!(replies[1].starts_with(r#"{"refused":{"why":"unreadable""#), "{replies:?}");
    assert!(replies[2].starts_with(r#"{"answer":{"signal":"accepted""#), "{replies:?}");
}

#[tokio::test]
async fn refuses_a_line_that_is_too_long() {
    let reply = serving(|path| {
        let mut stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = stream.write_all(&[b'x'; FRAME_BYTES_MAX]);
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line
    });
    assert!(reply.await.contains("longer than 65536 bytes"));
}

#[tokio::test]
async fn only_user_and_group_may_open_it() {
    let mode = serving(|path| std::fs::metadata(path).unwrap().permissions().mode()).await;
    assert_eq!(mode & 0o777, 0o660);
}

#[tokio::test]
async fn replaces_what_a_dead_agent_left_and_nothing_else() {
    let running = Running::new();
    let path = running.directory.join("control.sock");
    drop(UnixListener::bind(&path).unwrap());
    let socket = bind(&path).expect("a socket where nobody answers is replaced");
    assert!(matches!(bind(&path), Err(Error::InUse { .. })));
    drop(socket);
    std::fs::write(&path, "notes").unwrap();
    assert!(matches!(bind(&path), Err(Error::NoSocket { .. })));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "notes");
}

#[test]
fn says_where_it_looked() {
    let unreached = Client::connect(&["/nowhere/a".into(), "/nowhere/b".into()], "sthlm-03", PATIENCE).unwrap_err();
    assert_eq!(unreached.to_string(), "parceld isn't running: nobody answers at /nowhere/a or /nowhere/b");
}

#[test]
fn lies_where_it_is_configured_or_beside_the_database() {
    let database = Path::new("/var/lib/parceld/parceld.db");
    assert_eq!(path(Some(Path::new("/tmp/c.sock")), database), Path::new("/tmp/c.sock"));
    assert_eq!(candidates(None, database)[0], Path::new("/var/lib/parceld/parceld.db.sock"));
    assert!(candidates(None, database).contains(&path(None, database)));
}
