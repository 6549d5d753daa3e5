//! E-mail, handed to one mail server without TLS: one on this machine, or behind a tunnel.

use super::Fault;
use crate::clock::Now;
use crate::letters::Message;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, SmtpTransport, Transport};
use std::error::Error;
use std::time::{Duration, SystemTime};

/// Of each command. RFC 5321 grants minutes, but a letter has to be out while its claim holds; the next sending comes.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Of what a server says.
const WHY_CHARS_MAX: usize = 300;

pub struct Smtp {
    transport: SmtpTransport,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Smtp")
    }
}

impl Smtp {
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        let transport = SmtpTransport::builder_dangerous(host).port(port).timeout(Some(ANSWER_MAX));
        Self { transport: transport.build() }
    }

    pub fn send(&self, message: &Message, once: &str, now: Now) -> Result<(), Fault> {
        let mail = write(message, once, now).map_err(|why| Fault { final_: true, why })?;
        self.transport.send(&mail).map(|_| ()).map_err(|error| {
            let why = error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
            Fault { final_: error.is_permanent(), why: discreet(&why) }
        })
    }
}

/// What a server says, in one line and without addresses: it is logged and kept, and servers like to repeat to whom.
fn discreet(why: &str) -> String {
    let word = |word: &'_ str| if word.contains('@') { "(address)".to_owned() } else { word.to_owned() };
    let words: Vec<String> = why.split_whitespace().map(word).collect();
    words.join(" ").chars().take(WHY_CHARS_MAX).collect()
}

/// Text and HTML of the same letter. Its Message-ID is the letter's own.
fn write(message: &Message, once: &str, now: Now) -> Result<lettre::Message, String> {
    let Message::Email { from_name, from, reply_to, to, subject, text, html, stop } = message else {
        return Err("no e-mail".into());
    };
    let address = |text: &str| text.parse::<Address>().map_err(|error| format!("an address is none: {error}"));
    let from = address(from)?;
    let id = format!("<{once}@{}>", from.domain());
    let mail = lettre::Message::builder()
        .from(Mailbox::new(Some(from_name.clone()), from))
        .reply_to(Mailbox::new(None, address(reply_to)?))
        .to(Mailbox::new(None, address(to)?))
        .subject(subject)
        .message_id(Some(id))
        .date(SystemTime::from(now.at))
        .header(AutoSubmitted("auto-generated".into()))
        .header(Unsubscribe(format!("<{stop}>")))
        .header(UnsubscribePost("List-Unsubscribe=One-Click".into()))
        .multipart(MultiPart::alternative_plain_html(text.clone(), html.clone()));
    mail.map_err(|error| error.to_string())
}

/// Headers that the library doesn't know.
macro_rules! headers {
    ($($header:ident $name:literal),*) => { $(
        #[derive(Clone)]
        struct $header(String);

        impl Header for $header {
            fn name() -> HeaderName {
                HeaderName::new_from_ascii_str($name)
            }

            fn parse(text: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
                Ok(Self(text.into()))
            }

            fn display(&self) -> HeaderValue {
                HeaderValue::new(Self::name(), self.0.clone())
            }
        }
    )* };
}
headers!(AutoSubmitted "Auto-Submitted", Unsubscribe "List-Unsubscribe", UnsubscribePost "List-Unsubscribe-Post");

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(subject: &str, to: &str) -> Result<String, String> {
        let message = Message::Email {
            from_name: "Lind & Lera".into(),
            from: "order@shop.example".into(),
            reply_to: "help@shop.example".into(),
            to: to.into(),
            subject: subject.into(),
            text: "Hej".into(),
            html: "<p>Hej</p>".into(),
            stop: "https://shop.example/t/x/stop".into(),
        };
        let now = Now { ms: 0, at: "2026-11-26T13:03:00Z".parse().unwrap() };
        write(&message, "0123456789abcdef", now).map(|mail| String::from_utf8(mail.formatted()).unwrap())
    }

    #[test]
    fn a_mail_has_both_parts_and_its_own_id() {
        let text = mail("På väg till dig", "a@b.example").unwrap();
        for part in [
            "Message-ID: <0123456789abcdef@shop.example>\r\n",
            "Date: Thu, 26 Nov 2026 13:03:00 +0000\r\n",
            "Reply-To: help@shop.example\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "List-Unsubscribe: <https://shop.example/t/x/stop>\r\n",
            "Content-Type: multipart/alternative;",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Content-Type: text/html; charset=utf-8\r\n",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn an_address_that_is_none_fails_for_good() {
        assert_eq!(mail("x", "nobody").unwrap_err(), "an address is none: Missing domain or user");
        assert!(mail("x", "a@b.example\r\nBcc: c@d.example").is_err());
    }

    #[test]
    fn what_a_server_says_names_nobody() {
        let said = "permanent error (550): 5.1.1 <anna@kund.example>:\r\n Recipient anna@kund.example rejected";
        assert_eq!(discreet(said), "permanent error (550): 5.1.1 (address) Recipient (address) rejected");
        assert_eq!(discreet(&"x ".repeat(1_000)).len(), WHY_CHARS_MAX);
    }

    #[test]
    fn a_line_break_in_a_subject_ends_no_header() {
        let text = mail("a\r\nBcc: c@d.example", "a@b.example").unwrap();
        assert!(!text.contains("\r\nBcc:"), "{text}");
    }
}
