//! A letter as HTML: one column, a few rules of its own that it does not lean on, nothing loaded from anywhere.

use super::{Letter, Line, Row};
use crate::shop::Shop;
use crate::words::Words;
use askama::Template;

#[derive(Template)]
#[template(path = "email.html")]
struct Email<'a> {
    letter: &'a Letter,
    shop: &'a Shop,
    language: &'a str,
    /// What a mailbox shows beside the subject.
    preheader: String,
    small: String,
    stop: String,
}

pub fn html(letter: &Letter, shop: &Shop, words: &Words) -> String {
    let email = Email {
        letter,
        shop,
        language: &words.language,
        preheader: letter.lead.join(" "),
        small: words.fill("letter.small", &[("number", &letter.number)]),
        stop: words.say("letter.stop"),
    };
    // Writing to a string can't fail.
    email.render().unwrap_or_default()
}

impl Line {
    /// `With you: today 18–20`.
    fn sentence(&self) -> String {
        format!("{}: {}", self.label, self.text)
    }
}

impl Row {
    fn tracking_text(&self) -> &str {
        self.tracking.as_ref().map_or("", |(text, _)| text)
    }

    fn tracking_url(&self) -> &str {
        self.tracking.as_ref().and_then(|(_, url)| url.as_deref()).unwrap_or_default()
    }
}
