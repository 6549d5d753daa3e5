//! The status page: one verdict, what to do, and the proof.

mod cards;
mod lines;

pub use lines::{Line, answer as answer_line, event as event_line};

use super::Shared;
use super::frame::{Bar, Made, Page};
use super::guard::Visitor;
use super::look::{Light, Looks, Past, Sight};
use super::told::Piece;
use super::words::Words;
use crate::action;
use crate::report::gather::Page as Latest;
use crate::report::{Finding, Gatherer, Report, Severity, Topic};
use askama::Template;
use axum::extract::State as Extract;
use axum::response::Response;
use cards::{Card, Cards};

/// Events on the page.
const EVENTS_SHOWN_MAX: usize = 20;

#[derive(Template)]
#[template(path = "status.html")]
struct Status<'a> {
    bar: Bar<'a>,
    words: &'static Words,
    act: &'static action::Words,
    report: &'a Report,
    verdict: Light,
    verdict_since: Option<Past>,
    /// Those with something to do or to know, worst first.
    findings: Vec<Told<'a>>,
    cards: Vec<Card>,
    answers: Vec<Line>,
    /// None where they can't be read.
    events: Option<Vec<Line>>,
    quarantine: Quarantine,
}

struct Told<'a> {
    finding: &'a Finding,
    light: Light,
    since: Option<Past>,
}

struct Quarantine {
    class: &'static str,
    icon: &'static str,
    word: String,
    is_empty: bool,
}

/// `GET /`
pub async fn show(Extract(shared): Extract<Shared>, visitor: Visitor) -> Response {
    Page::Status.show(shared, &visitor).await
}

/// The page. Blocks while the database is read.
///
/// # Errors
/// A template that fails; none does.
pub fn make(gatherer: &Gatherer, looks: &Looks) -> askama::Result<Made> {
    let report = Report::new(&gatherer.facts(), looks.language);
    let about = gatherer.about();
    let bar = Page::Status.bar(&about, &Sight::new(looks, report.now));
    render(bar, &report, gatherer.latest(EVENTS_SHOWN_MAX).ok().as_ref(), looks)
}

fn render(bar: Bar<'_>, report: &Report, latest: Option<&Latest>, looks: &Looks) -> askama::Result<Made> {
    let sight = Sight::new(looks, report.now);
    let words = sight.words;
    let template = Status {
        bar,
        words,
        act: action::words(looks.language),
        report,
        verdict: sight.light(report.verdict.state),
        verdict_since: report.verdict.since.map(|since| sight.past(since)),
        findings: report.verdict.findings.iter().map(|finding| told(&sight, finding)).collect(),
        cards: Cards { sight: &sight, report }.all(),
        answers: report.answers.iter().map(|answer| answer_line(&sight, answer)).collect(),
        events: latest.map(|latest| latest.events.iter().map(|event| event_line(&sight, event)).collect()),
        quarantine: quarantine(&sight, report),
    };
    Made::new(words.status, &template)
}

fn told<'a>(sight: &Sight<'_>, finding: &'a Finding) -> Told<'a> {
    let since = finding.since.map(|since| sight.past(since));
    Told { finding, light: sight.severity(finding.severity), since }
}

fn quarantine(sight: &Sight<'_>, report: &Report) -> Quarantine {
    let Light { class, icon, .. } = sight.severity(report.worst_about(Topic::Commands).unwrap_or(Severity::Note));
    let count = report.quarantine.count;
    let word = if count == 0 { sight.words.empty.to_owned() } else { sight.number(count as u64) };
    Quarantine { class, icon, word, is_empty: count == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{facts, wreck};
    use crate::report::{Facts, Language};
    use jiff::tz::TimeZone;

    fn rendered(facts: &Facts, language: Language) -> String {
        let looks = Looks { language, timezone: TimeZone::get("Europe/Stockholm").unwrap() };
        let report = Report::new(facts, language);
        let bar = Bar {
            words: Words::of(language),
            site: "Södermalm",
            site_id: None,
            version: "1.2.3",
            now: Sight::new(&looks, report.now).shown(report.now),
            ways: Vec::new(),
        };
        render(bar, &report, None, &looks).unwrap().parts
    }

    #[test]
    fn shows_every_finding_with_its_steps() {
        for language in Language::all() {
            let report = Report::new(&wreck(), language);
            let page = rendered(&wreck(), language);
            for finding in &report.verdict.findings {
                let texts = [&finding.what, &finding.reason].into_iter().chain(&finding.todo).chain(&finding.safe);
                for text in texts {
                    let escaped =
                        text.replace('&', "&#38;").replace('<', "&#60;").replace('"', "&#34;").replace('\'', "&#39;");
                    assert!(page.contains(&escaped), "{language:?}: {text}\n{page}");
                }
            }
        }
    }

    #[test]
    fn shows_a_hostile_code_as_text() {
        let page = rendered(&facts(), Language::ENGLISH);
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&#60;script&#62;alert(1)&#60;/script&#62;"), "{page}");
    }

    #[test]
    fn what_helps_most_is_one_press_away() {
        for language in Language::all() {
            let page = rendered(&wreck(), language);
            for action in ["test_publish", "reconnect", "backup", "bundle"] {
                assert!(page.contains(&format!("method=\"post\" action=\"/actions/{action}\"")), "{action}");
                assert!(page.contains(action::words(language).name[action]), "{language:?}: {action}");
            }
        }
    }

    #[test]
    fn leads_to_the_quarantine_where_something_is_in_it() {
        assert!(!rendered(&facts(), Language::ENGLISH).contains("href=\"/commands\""));
        assert!(rendered(&wreck(), Language::ENGLISH).contains("href=\"/commands\""));
    }
}
