//! A mail server that keeps what it is given (RFC 5321, as much as a client needs).

use std::io::{self, Write};

use super::{Door, Mood, Shared, Talk};
use crate::net;

/// A letter as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    pub from: String,
    pub recipients: Vec<String>,
    /// Headers and body, with lines that end with a line feed.
    pub text: String,
    /// Whether its sender was told that it arrived.
    pub acknowledged: bool,
}

impl Mail {
    /// A header's value in one line, by its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let (headers, _) = self.text.split_once("\n\n")?;
        let unfolded = headers.replace("\n ", " ").replace("\n\t", " ");
        unfolded.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }

    /// As its sender wrote it, with its angle brackets; the same for each repeat of one letter.
    #[must_use]
    pub fn message_id(&self) -> Option<String> {
        self.header("Message-ID")
    }
}

/// Listens on a loopback port until it is dropped.
#[derive(Debug)]
pub struct MailSink(Door<Mail>);

impl MailSink {
    #[must_use]
    pub fn start() -> MailSink {
        MailSink(Door::open(talk))
    }

    /// `HOST:PORT`.
    #[must_use]
    pub fn address(&self) -> String {
        net::loopback(self.0.port).to_string()
    }

    /// From the next letter on.
    pub fn set(&self, mood: Mood) {
        self.0.shared.inner().mood = mood;
    }

    /// Everything that has arrived, in its order.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        self.0.shared.inner().arrived.clone()
    }
}

fn talk(talk: &mut Talk, shared: &Shared<Mail>) -> io::Result<()> {
    say(talk, "220 sink.example ESMTP")?;
    let (mut from, mut recipients) = (String::new(), Vec::new());
    loop {
        let line = talk.line(shared)?;
        let (verb, rest) = line.split_once([' ', ':']).unwrap_or((&line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => say(talk, "250-sink.example\r\n250-8BITMIME\r\n250 SMTPUTF8")?,
            "HELO" | "NOOP" => say(talk, "250 fine")?,
            "RSET" => {
                recipients.clear();
                say(talk, "250 fine")?;
            }
            "MAIL" => {
                from = address(rest);
                recipients.clear();
                say(talk, "250 fine")?;
            }
            "RCPT" => {
                recipients.push(address(rest));
                say(talk, "250 fine")?;
            }
            "DATA" if recipients.is_empty() => say(talk, "503 to whom?")?,
            "DATA" => {
                say(talk, "354 go on")?;
                let text = data(talk, shared)?;
                let mail =
                    |acknowledged| Mail { from: from.clone(), recipients: recipients.clone(), text, acknowledged };
                match shared.mood() {
                    Mood::Takes => {
                        shared.arrived(mail(true));
                        say(talk, "250 kept")?;
                    }
                    Mood::Fails => say(talk, "451 not now")?,
                    Mood::Refuses => say(talk, "550 never")?,
                    Mood::Hangs => {
                        shared.arrived(mail(false));
                        shared.hang();
                        return Ok(());
                    }
                    Mood::Drops => {
                        shared.arrived(mail(false));
                        return Ok(());
                    }
                }
            }
            "QUIT" => return say(talk, "221 bye"),
            _ => say(talk, "502 no such command")?,
        }
    }
}

/// Up to the line with nothing but a full stop; one that begins with a full stop has lost the one it was given.
fn data(talk: &mut Talk, shared: &Shared<Mail>) -> io::Result<String> {
    let mut text = String::new();
    loop {
        let line = talk.line(shared)?;
        if line == "." {
            return Ok(text);
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
        text.push('\n');
    }
}

/// What stands in angle brackets.
fn address(path: &str) -> String {
    let inside = path.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or(path, |(address, _)| address).to_owned()
}

fn say(talk: &mut Talk, words: &str) -> io::Result<()> {
    talk.stream.write_all(format!("{words}\r\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait;
    use std::io::{BufRead, BufReader, Read};
    use std::net::TcpStream;

    /// Sends a letter as a client would, and returns the answer to it; nothing where the connection broke.
    fn send(sink: &MailSink) -> String {
        let mut stream = TcpStream::connect(sink.address()).unwrap();
        stream.set_read_timeout(Some(wait::GENEROUS)).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut answer = |expected: &str| {
            let mut line = String::new();
            while !line.starts_with(&format!("{expected} ")) {
                line.clear();
                assert_ne!(reader.read_line(&mut line).unwrap(), 0, "no {expected}");
            }
        };
        for (words, expected) in [
            ("", "220"),
            ("EHLO test\r\n", "250"),
            ("MAIL FROM:<shop@example.com>\r\n", "250"),
            ("RCPT TO:<one@example.com>\r\n", "250"),
            ("RCPT TO:<two@example.com>\r\n", "250"),
            ("DATA\r\n", "354"),
        ] {
            stream.write_all(words.as_bytes()).unwrap();
            answer(expected);
        }
        stream
            .write_all(b"Message-ID:\r\n <k-1@example.com>\r\nSubject: Hello\r\n\r\nfirst\r\n..second\r\n.\r\n")
            .unwrap();
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        stream.write_all(b"QUIT\r\n").unwrap_or_default();
        let _ = reader.read_to_string(&mut String::new());
        line.trim_end().to_owned()
    }

    #[test]
    fn keeps_a_letter_with_all_that_it_says() {
        let sink = MailSink::start();
        assert_eq!(send(&sink), "250 kept");
        let [mail] = &sink.mails()[..] else { panic!("{:?}", sink.mails()) };
        assert_eq!(
            (mail.from.as_str(), &mail.recipients[..]),
            ("shop@example.com", &["one@example.com".to_owned(), "two@example.com".to_owned()][..])
        );
        assert_eq!(
            (mail.message_id().as_deref(), mail.header("subject").as_deref()),
            (Some("<k-1@example.com>"), Some("Hello"))
        );
        assert!(mail.text.ends_with("\n\nfirst\n.second\n") && mail.acknowledged, "{mail:?}");
    }

    #[test]
    fn misbehaves_when_told_to() {
        for (mood, answer, kept) in
            [(Mood::Fails, "451 not now", 0), (Mood::Refuses, "550 never", 0), (Mood::Drops, "", 1)]
        {
            let sink = MailSink::start();
            sink.set(mood);
            assert_eq!(send(&sink), answer, "{mood:?}");
            let mails = sink.mails();
            assert_eq!(mails.len(), kept, "{mood:?}");
            assert!(!mails.iter().any(|mail| mail.acknowledged), "{mood:?}");
        }
    }

    #[test]
    fn says_nothing_while_it_hangs() {
        let sink = MailSink::start();
        sink.set(Mood::Hangs);
        std::thread::scope(|all| {
            let sender = all.spawn(|| send(&sink));
            wait::until("the letter", wait::GENEROUS, || (sink.mails().len() == 1).then_some(()));
            assert!(!sender.is_finished());
            sink.set(Mood::Takes);
            assert_eq!(sender.join().unwrap(), "");
        });
    }
}
