//! `parceld scan`

use super::terminal::{self, Paint, Tone, plain};
use super::{Exit, agent};
use crate::config::Config;
use crate::control::{Refusal, Unreached};
use crate::report::Told;
use std::io;
use std::time::Duration;

/// Longer than the agent itself waits for the disk.
const ANSWERED_WITHIN: Duration = Duration::from_secs(15);

pub fn print(config: &Config, station: &str, code: &str, json: bool) -> io::Result<Exit> {
    if code.is_empty() {
        terminal::complain("CODE is empty: nothing was scanned");
        return Ok(Exit::Failed);
    }
    let asked = agent::reach(config, ANSWERED_WITHIN);
    match asked.and_then(|mut client| client.scan(station, code)) {
        Ok(told) => {
            terminal::print(&match json {
                true => terminal::plain_json(&serde_json::to_string(&told)?),
                false => text(&told, Paint::for_stdout()),
            })?;
            Ok(exit(&told))
        }
        Err(error) => {
            terminal::complain(&error.to_string());
            Ok(match error {
                Unreached::NotRunning { .. } | Unreached::Refused(Refusal::Busy) => Exit::Attention,
                _ => Exit::Failed,
            })
        }
    }
}

fn exit(told: &Told) -> Exit {
    match tone(told) {
        Tone::Go | Tone::Quiet => Exit::Well,
        Tone::Stop if told.signal == "not_saved" => Exit::Failed,
        Tone::Look | Tone::Stop => Exit::Attention,
    }
}

fn tone(told: &Told) -> Tone {
    match told.signal.as_str() {
        "accepted" | "completed" | "opened" => Tone::Go,
        "silent" => Tone::Quiet,
        "already" | "unknown" => Tone::Look,
        _ => Tone::Stop,
    }
}

/// The answer for people, without a line end.
fn text(told: &Told, paint: Paint) -> String {
    let word = told.signal.replace('_', " ");
    let mut lines = vec![paint.paint(tone(told), &plain(&word))];
    let progress = told.progress.map(|progress| format!("{} of {}", progress.done, progress.of));
    let expected = (!told.expected.is_empty()).then(|| told.expected.join(", "));
    let reason = told.reason.as_ref().map(|reason| reason.sentence.clone());
    let rows = [
        ("order", told.order.clone()),
        ("item", told.item.clone()),
        ("progress", progress),
        ("reason", reason),
        ("expected", expected),
        ("next", told.ask.as_ref().map(|ask| ask.sentence.clone())),
    ];
    lines.extend(rows.into_iter().filter_map(|(name, text)| Some(format!("{name:<10} {}", plain(&text?)))));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::signal::{Answer, Reason, Signal};

    #[test]
    fn the_exit_code_tells_whether_it_counted() {
        for (signal, expected) in [
            (Signal::Accepted, Exit::Well),
            (Signal::Completed, Exit::Well),
            (Signal::Opened, Exit::Well),
            (Signal::Silent, Exit::Well),
            (Signal::Wrong, Exit::Attention),
            (Signal::Over, Exit::Attention),
            (Signal::Already, Exit::Attention),
            (Signal::Unknown, Exit::Attention),
            (Signal::Refused, Exit::Attention),
            (Signal::NotSaved, Exit::Failed),
        ] {
            assert_eq!(exit(&Told::from(&Answer::new(signal))), expected, "{signal:?}");
        }
    }

    #[test]
    fn prints_what_a_screen_would_show() {
        let mut answer = Answer::because(Signal::Wrong, Reason::NotOnOrder).order(&"10042".into()).item("Te\u{1b}a");
        answer.expected = vec!["Coffee".into(), "Sugar".into()];
        assert_eq!(
            text(&Told::from(&answer), Paint::off()),
            "wrong\norder      10042\nitem       Te\\u{1b}a\nreason     the item is not on this order\nexpected   Coffee, Sugar"
        );
    }
}
