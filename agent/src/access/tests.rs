use super::*;
use crate::report::tests::Running;
use std::path::Path;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 9));

fn access(running: &Running, token_file: Option<&Path>) -> Access {
    let config = Config { token_file: token_file.map(Into::into) };
    Access::new(config, running.journal.clone(), running.clock)
}

#[tokio::test]
async fn makes_one_token_and_knows_it_however_it_is_typed() {
    let running = Running::new();
    let access = access(&running, None);
    assert!(matches!(access.attempt("", HERE), Attempt::Wrong { .. }), "no token yet, and none is right");
    let token = access.first_token().await.unwrap().expect("the first start makes one");
    assert!(access.first_token().await.unwrap().is_none(), "and no other does");
    let shown = token.shown();
    assert_eq!(shown.len(), 34, "{shown}");
    assert!(!format!("{token:?}").contains(&shown[..4]));
    for typed in [shown.clone(), shown.to_lowercase(), shown.replace('-', ""), format!(" {shown}\n")] {
        assert_eq!(access.attempt(&typed, THERE), Attempt::Right, "{typed}");
    }
    assert!(matches!(access.attempt(&shown[1..], THERE), Attempt::Wrong { .. }));
    assert!(matches!(access.attempt(&shown, THERE), Attempt::NotNow { .. }), "while the wrong one is answered");
}

#[tokio::test]
async fn a_token_outlives_a_restart_and_its_text_is_nowhere() {
    let running = Running::new();
    let token = access(&running, None).first_token().await.unwrap().unwrap();
    let digest = running.gatherer.ask(|gatherer| gatherer.events(0, 1).map(|_| ())).await;
    assert!(digest.is_some());
    let files = std::fs::read_dir(&running.directory).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let plain = token.shown().replace('-', "");
    for bytes in files {
        assert!(!bytes.windows(plain.len()).any(|part| part == plain.as_bytes()));
        assert!(!bytes.windows(token.shown().len()).any(|part| part == token.shown().as_bytes()));
    }
}

#[tokio::test]
async fn a_new_token_ends_what_the_old_one_opened() {
    let running = Running::new();
    let access = access(&running, None);
    let old = access.first_token().await.unwrap().unwrap();
    let session = access.open_session().unwrap();
    assert_eq!(access.session(session.as_str()).unwrap().label, "session-1");
    let new = access.new_token().await.unwrap();
    assert_eq!(access.session(session.as_str()), None);
    assert_eq!(access.attempt(&new.shown(), HERE), Attempt::Right);
    assert!(matches!(access.attempt(&old.shown(), HERE), Attempt::Wrong { .. }));
}

#[tokio::test]
async fn says_that_a_token_was_not_saved() {
    let mut running = Running::new();
    let access = access(&running, None);
    let old = access.first_token().await.unwrap().unwrap();
    running.stop_writing();
    assert!(matches!(access.new_token().await, Err(NoToken::NotSaved)));
    assert_eq!(access.attempt(&old.shown(), HERE), Attempt::Right, "the old one stays");
}

#[tokio::test]
async fn a_file_gives_the_token_and_is_read_anew() {
    let running = Running::new();
    let file = running.directory.join("token");
    let access = access(&running, Some(&file));
    assert!(matches!(access.check_file(), Err(BadFile::Unreadable { .. })));
    std::fs::write(&file, "short\n").unwrap();
    assert!(matches!(access.check_file(), Err(BadFile::TooShort { .. })));
    assert!(matches!(access.attempt("short", HERE), Attempt::Wrong { .. }), "too short a token opens nothing");
    std::fs::write(&file, "correct horse battery staple\nnot this\n").unwrap();
    assert!(access.check_file().is_ok());
    assert_eq!(access.attempt("correct horse battery staple", THERE), Attempt::Right);
    assert!(matches!(access.attempt("Correct horse battery staple", THERE), Attempt::Wrong { .. }));
    assert!(access.first_token().await.unwrap().is_none());
    assert!(matches!(access.new_token().await, Err(NoToken::Given(_))));
}
