//! Lines of lists: answers that were given, and events.

use crate::journal::Stored;
use crate::report::AnswerGiven;
use crate::web::frame::encoded;
use crate::web::look::{Light, Shown, Sight};
use crate::web::told::{self, Piece};

/// A line of a list.
pub struct Line {
    pub at: Shown,
    pub light: Light,
    pub said: Vec<Piece>,
    /// Where and about what.
    pub around: Vec<Part>,
}

/// A short text, perhaps with a page of its own.
pub struct Part {
    pub text: String,
    pub to: Option<String>,
}

impl From<String> for Part {
    fn from(text: String) -> Self {
        Self { text, to: None }
    }
}

pub fn answer(sight: &Sight<'_>, answer: &AnswerGiven) -> Line {
    let told = &answer.told;
    let (class, icon) = match told.signal.as_str() {
        "accepted" => ("go", "i-accepted"),
        "completed" => ("go", "i-completed"),
        "opened" => ("open", "i-opened"),
        "already" => ("warn", "i-already"),
        "unknown" => ("warn", "i-unknown"),
        "wrong" => ("stop", "i-wrong"),
        "over" => ("stop", "i-over"),
        "not_saved" => ("stop", "i-notsaved"),
        _ => ("stop", "i-refused"),
    };
    let word = sight.answers.signal_name(&told.signal).unwrap_or_default();
    let progress = told.progress.map(|progress| format!("{}/{}", progress.done, progress.of));
    let item = told.item.clone().filter(|item| *item != answer.code);
    let why = told.reason.as_ref();
    let why =
        why.map(|why| sight.answers.reason(&why.word, why.detail.as_deref()).unwrap_or_else(|| why.sentence.clone()));
    let expected =
        (!told.expected.is_empty()).then(|| format!("{}: {}", sight.words.expected, told.expected.join(", ")));
    let ask = told.ask.as_ref();
    let ask =
        ask.map(|ask| sight.answers.ask(&ask.word, ask.detail.as_deref()).unwrap_or_else(|| ask.sentence.clone()));
    let order = told.order.as_ref().map(|order| order_part(order));
    let text = |text: Option<String>| text.map(Part::from);
    let around =
        [text(item), order, text(progress), text(Some(answer.station.clone())), text(why), text(expected), text(ask)];
    Line {
        at: sight.shown(answer.at),
        light: Light { class, icon, word },
        said: vec![Piece::Literal(answer.code.clone())],
        around: around.into_iter().flatten().collect(),
    }
}

pub fn event(sight: &Sight<'_>, event: &Stored) -> Line {
    let order = event.subject.as_deref().and_then(|subject| subject.strip_prefix("orders/"));
    let around = [order.map(order_part), event.station.clone().map(Part::from), event.operator.clone().map(Part::from)];
    Line {
        at: sight.shown(event.at),
        light: told::light(sight, event),
        said: told::sentence(sight, event),
        around: around.into_iter().flatten().collect(),
    }
}

/// An order by its id or number, with a way to its page.
fn order_part(order: &str) -> Part {
    Part { text: order.to_owned(), to: Some(format!("/orders/{}", encoded(order))) }
}
