//! `parceld doctor`

use super::Exit;
use super::terminal::{self, Paint, Tone, plain};
use crate::clock::Clock;
use crate::config::Stack;
use crate::doctor::{self, Check, Outcome};
use crate::journal;
use std::io;

pub fn print(stack: &Stack, json: bool) -> io::Result<Exit> {
    let clock = Clock::start();
    if let Some(known) = stack.load().ok().and_then(|loaded| journal::known(&loaded.config.storage.path, &clock.boot()))
    {
        clock.resume(known);
    }
    let checks = doctor::examine(stack, clock, doctor::DONE_WITHIN);
    let worst = doctor::worst(&checks);
    if json {
        let all = serde_json::json!({"worst": worst, "checks": checks});
        terminal::print(&terminal::plain_json(&all.to_string()))?;
    } else {
        let paint = Paint::for_stdout();
        checks.iter().try_for_each(|check| terminal::print(&text(check, paint)))?;
    }
    Ok(exit(worst))
}

fn exit(worst: Outcome) -> Exit {
    match worst {
        Outcome::Ok | Outcome::Skipped => Exit::Well,
        Outcome::Warning => Exit::Attention,
        Outcome::Error => Exit::Failed,
    }
}

/// One check for people: what was found, and below it what to do.
fn text(check: &Check, paint: Paint) -> String {
    let tone = match check.outcome {
        Outcome::Ok => Tone::Go,
        Outcome::Skipped => Tone::Quiet,
        Outcome::Warning => Tone::Look,
        Outcome::Error => Tone::Stop,
    };
    let outcome = paint.paint(tone, &format!("{:<8}", check.outcome.word()));
    let found: Vec<String> = check.found.lines().map(plain).collect();
    let fix = check.fix.iter().map(|fix| format!("\n         → {}", plain(fix)));
    let head = format!("{outcome} {}: {}", plain(&check.check), found.join("\n         "));
    std::iter::once(head).chain(fix).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_to_mend_it() {
        let check = Check {
            check: "storage".into(),
            outcome: Outcome::Warning,
            found: "/var/lib/parceld: 90 MiB free".into(),
            fix: Some("free space".into()),
        };
        assert_eq!(
            text(&check, Paint::off()),
            "warning  storage: /var/lib/parceld: 90 MiB free\n         → free space"
        );
    }
}
