//! A letter without markup: the plain part of a mail, a text message of at most two parts, a push message.

use super::{Letter, Line};
use crate::shop::Shop;
use crate::words::Words;

/// RFC 5322 wants lines below 79.
const COLUMNS: usize = 72;
/// Of a message of two parts, in the alphabet of GSM 03.38 and in UCS-2.
const SMS_GSM_MAX: usize = 306;
const SMS_UCS2_MAX: usize = 134;
/// What phones show without opening it.
const PUSH_CHARS_MAX: usize = 178;

/// GSM 03.38's basic alphabet, as far as it is no letter or figure of ASCII.
const GSM_BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";
/// Each takes two places.
const GSM_EXTENDED: &str = "^{}\\[~]|€";

/// The text/plain part.
pub fn plain(letter: &Letter, shop: &Shop, words: &Words) -> String {
    let mut parts = vec![wrap(&letter.title), letter.lead.iter().map(|part| wrap(part)).collect::<Vec<_>>().join("\n")];
    let width = letter.when.iter().map(|line| line.label.chars().count()).max().unwrap_or_default();
    let when = letter.when.iter().map(|Line { label, text, .. }| {
        let gap = width.saturating_sub(label.chars().count());
        format!("{label}:{:gap$} {text}", "")
    });
    parts.push(when.collect::<Vec<_>>().join("\n"));
    let rows = letter.rows.iter().flat_map(|row| {
        let lines = row.lines.iter().map(|line| format!("  {}", line.replace('×', "x")));
        let tracking = row.tracking.iter().map(|(text, url)| match url {
            Some(url) => format!("  {text}\n  {url}"),
            None => format!("  {text}"),
        });
        row.head.clone().into_iter().chain(lines).chain(tracking)
    });
    parts.push(rows.collect::<Vec<_>>().join("\n"));
    let silence = letter.silence.iter().map(|silence| format!("{}\n", wrap(&format!("{silence}."))));
    parts.push(format!("{}{}:\n{}", silence.collect::<String>(), letter.button, letter.link));
    let stop = format!("{}: {}/stop", words.say("letter.stop"), letter.link);
    let small = wrap(&words.fill("letter.small", &[("number", &letter.number)]));
    parts.push(format!("-- \n{}\n{small}\n{stop}", shop.name));
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n") + "\n"
}

/// At most two parts; what is too long loses words before its link.
pub fn sms(letter: &Letter, shop: &Shop, words: &Words) -> String {
    let values = [("shop", shop.name.as_str()), ("title", &letter.title), ("number", &letter.number)];
    let mut text = words.fill("letter.sms", &values);
    for line in letter.when.iter().filter(|line| !line.old) {
        text += &format!(" {}: {}.", line.label, line.text);
    }
    let text = for_gsm(&text);
    let end = for_gsm(&format!(" {}: {}", letter.button, letter.link));
    let mut kept: Vec<&str> = text.split(' ').collect();
    while 1 < kept.len() && !fits(&format!("{}{end}", kept.join(" "))) {
        kept.pop();
    }
    format!("{}{end}", kept.join(" "))
}

/// What happened and when, as much as a phone shows.
pub fn push(letter: &Letter, words: &Words) -> String {
    let when = letter.when.iter().filter(|line| !line.old);
    let when = when.map(|line| format!("{}: {}.", line.label, line.text));
    let order = words.fill("page.order", &[("number", &letter.number)]) + ".";
    let parts: Vec<String> = when.chain(letter.lead.first().cloned()).chain([order]).collect();
    let mut body = String::new();
    for part in parts {
        if !body.contains(&letter.number) && body.chars().count() + 1 + part.chars().count() <= PUSH_CHARS_MAX {
            body = format!("{body} {part}");
        }
    }
    body.trim_start().to_owned()
}

/// Without what is only typography: one dash makes a message half as long.
fn for_gsm(text: &str) -> String {
    let plain = text.chars().map(|c| match c {
        '–' | '—' | '‑' => '-',
        '’' | '‘' => '\'',
        '“' | '”' => '"',
        '\u{a0}' | '\u{202f}' => ' ',
        c => c,
    });
    plain.collect()
}

fn fits(text: &str) -> bool {
    let places = text.chars().map(|c| match c {
        c if c.is_ascii_alphanumeric() || GSM_BASIC.contains(c) => Some(1),
        c if GSM_EXTENDED.contains(c) => Some(2),
        _ => None,
    });
    match places.sum::<Option<usize>>() {
        Some(places) => places <= SMS_GSM_MAX,
        None => text.encode_utf16().count() <= SMS_UCS2_MAX,
    }
}

fn wrap(text: &str) -> String {
    let mut wrapped = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let len = word.chars().count();
        if 0 < column && COLUMNS < column + 1 + len {
            wrapped.push('\n');
            column = 0;
        } else if 0 < column {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += len;
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_message_is_counted_as_networks_count_it() {
        let rows = [
            ("a".repeat(306), true),
            ("a".repeat(307), false),
            ("€".repeat(153), true),
            ("€".repeat(154), false),
            ("å".repeat(306), true),
            ("ł".repeat(134), true),
            ("ł".repeat(135), false),
            ("🎁".repeat(67), true),
            ("🎁".repeat(68), false),
        ];
        for (text, expected) in rows {
            assert_eq!(fits(&text), expected, "{} characters", text.chars().count());
        }
    }

    #[test]
    fn lines_are_wrapped_and_a_long_word_stays_whole() {
        let long = "x".repeat(100);
        assert_eq!(wrap(&format!("a {long} b")), format!("a\n{long}\nb"));
    }
}
