use super::*;
use crate::config::Stack;
use crate::report::Language;
use crate::report::tests::{Running, facts, wreck};
use std::path::Path;
use std::sync::mpsc;

#[test]
fn the_worst_check_counts() {
    let checks = [Outcome::Ok, Outcome::Skipped, Outcome::Warning].map(|outcome| Check::new("x", outcome, ""));
    assert_eq!(worst(&checks), Outcome::Warning);
    assert_eq!(worst(&[]), Outcome::Ok);
}

#[test]
fn a_configuration_that_is_wrong_is_the_only_finding() {
    let checks = examine(&Stack::of(Path::new("/nowhere/parceld.toml")), Clock::start(), DONE_WITHIN);
    assert_eq!(checks.len(), 1);
    assert_eq!(checks[0].outcome, Outcome::Error);
    assert!(checks[0].found.contains("there is no such file"), "{checks:?}");
}

#[test]
fn a_check_that_panics_hides_no_other() {
    let broken = Probe { names: vec!["one".into(), "two".into()], look: Box::new(|| panic!("on purpose")) };
    let whole = || vec![Check::new("whole", Outcome::Ok, "fine")];
    let whole = Probe { names: vec!["whole".into()], look: Box::new(whole) };
    let checks = run(vec![broken, whole], Clock::start(), DONE_WITHIN);
    assert!(checks[..2].iter().all(|check| check.found == "did not finish in time"), "{checks:?}");
    assert_eq!(checks[2].outcome, Outcome::Ok);
}

#[test]
fn what_takes_longer_than_somebody_waits_is_told_as_hanging() {
    let (hold, held) = mpsc::channel::<()>();
    let hanging = Probe {
        names: vec!["hanging".into()],
        look: Box::new(move || {
            let _ = held.recv();
            Vec::new()
        }),
    };
    let clock = Clock::start();
    let checks = run(vec![hanging], clock, clock.now().since_start);
    assert_eq!((checks[0].outcome, checks[0].found.as_str()), (Outcome::Warning, "did not finish in time"));
    drop(hold);
}

#[test]
fn what_the_agent_says_of_itself_weighs_as_much() {
    for (facts, outcome) in [(facts(), Outcome::Ok), (wreck(), Outcome::Error)] {
        assert_eq!(running(&Report::new(&facts, Language::ENGLISH)).outcome, outcome);
    }
}

#[tokio::test]
async fn looks_at_everything_that_the_configuration_names() {
    let agent = Running::new();
    let path = agent.directory.join("parceld.toml");
    let text = format!(
        "[site]\nid = \"sthlm-03\"\ntimezone = \"Europe/Stockholm\"\ngs1_company_prefix = \"7312345\"\n\
         [storage]\npath = \"{}\"\n[broker]\nurl = \"mqtt://127.0.0.1:1\"\n\
         [[station]]\nid = \"bench-1\"\n[[scanner]]\nid = \"hand\"\nstation = \"bench-1\"\nport = \"/dev/nowhere\"\n",
        agent.database().display()
    );
    std::fs::write(&path, text).unwrap();
    let (done, checks) = mpsc::channel();
    std::thread::spawn(move || done.send(examine(&Stack::of(&path), Clock::start(), DONE_WITHIN)));
    let checks = checks.recv_timeout(Duration::from_secs(30)).unwrap();
    let outcome = |name: &str| checks.iter().find(|check| check.check == name).map(|check| check.outcome);
    for (name, expected) in [
        ("configuration", Outcome::Ok),
        ("agent", Outcome::Warning),
        ("database", Outcome::Ok),
        ("receipts", Outcome::Ok),
        ("sqlite", Outcome::Ok),
        ("name", Outcome::Ok),
        ("network", Outcome::Error),
        ("tls", Outcome::Skipped),
        ("login", Outcome::Error),
        ("topics", Outcome::Skipped),
        ("scanner hand", Outcome::Error),
    ] {
        assert_eq!(outcome(name), Some(expected), "{name}: {checks:#?}");
    }
    for name in ["storage", "space", "lock", "clock"] {
        assert!(outcome(name).is_some(), "{name}: {checks:#?}");
    }
}
