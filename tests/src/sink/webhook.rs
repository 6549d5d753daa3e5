//! A webhook that keeps what is posted to it (HTTP/1.1, as much as a client needs).

use std::io::{self, Write};

use serde_json::Value;

use super::{Door, Mood, Shared, Talk};
use crate::net;

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// Whether its sender was told that it arrived.
    pub acknowledged: bool,
}

impl Post {
    /// A header's value, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The same for each repeat of one message.
    #[must_use]
    pub fn idempotency_key(&self) -> Option<&str> {
        self.header("idempotency-key")
    }

    /// # Panics
    /// Where the body isn't JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("no JSON posted: {error}: {:?}", self.body))
    }
}

/// Listens on a loopback port until it is dropped.
#[derive(Debug)]
pub struct WebhookSink(Door<Post>);

impl WebhookSink {
    #[must_use]
    pub fn start() -> WebhookSink {
        WebhookSink(Door::open(talk))
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/hook", net::loopback(self.0.port))
    }

    /// From the next request on.
    pub fn set(&self, mood: Mood) {
        self.0.shared.inner().mood = mood;
    }

    /// Everything that has arrived, in its order.
    #[must_use]
    pub fn posts(&self) -> Vec<Post> {
        self.0.shared.inner().arrived.clone()
    }
}

fn talk(talk: &mut Talk, shared: &Shared<Post>) -> io::Result<()> {
    loop {
        let first = talk.line(shared)?;
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut headers = Vec::new();
        loop {
            let line = talk.line(shared)?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut post = Post { method, path, headers, body: String::new(), acknowledged: false };
        let body = match post.header("content-length").and_then(|length| length.parse().ok()) {
            Some(length) => talk.bytes(length, shared)?,
            None if post.header("transfer-encoding") == Some("chunked") => chunks(talk, shared)?,
            None => Vec::new(),
        };
        post.body = String::from_utf8_lossy(&body).into_owned();
        match shared.mood() {
            Mood::Takes => {
                post.acknowledged = true;
                shared.arrived(post);
                say(talk, "200 OK")?;
            }
            Mood::Fails => say(talk, "503 Service Unavailable")?,
            Mood::Refuses => say(talk, "410 Gone")?,
            Mood::Hangs => {
                shared.arrived(post);
                shared.hang();
                return Ok(());
            }
            Mood::Drops => {
                shared.arrived(post);
                return Ok(());
            }
        }
    }
}

fn chunks(talk: &mut Talk, shared: &Shared<Post>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let length = talk.line(shared)?;
        let length = usize::from_str_radix(length.trim(), 16).map_err(|_| io::ErrorKind::InvalidData)?;
        body.extend(talk.bytes(length, shared)?);
        talk.line(shared)?;
        if length == 0 {
            return Ok(body);
        }
    }
}

fn say(talk: &mut Talk, status: &str) -> io::Result<()> {
    talk.stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{http, wait};
    use serde_json::json;
    use std::net::TcpStream;

    #[test]
    fn keeps_what_is_posted() {
        let sink = WebhookSink::start();
        let reply = http::post(&sink.url(), &json!({ "to": "push-1" })).unwrap();
        assert_eq!(reply.status, 200);
        let [post] = &sink.posts()[..] else { panic!("{:?}", sink.posts()) };
        assert_eq!(
            (post.method.as_str(), post.path.as_str(), post.json()),
            ("POST", "/hook", json!({ "to": "push-1" }))
        );
        assert_eq!((post.header("content-type"), post.idempotency_key()), (Some("application/json"), None));
    }

    #[test]
    fn keeps_each_request_of_one_connection_with_its_key() {
        let sink = WebhookSink::start();
        let mut stream = TcpStream::connect(net::loopback(sink.0.port)).unwrap();
        let whole = "POST /a HTTP/1.1\r\nIdempotency-Key: k-1\r\nContent-Length: 2\r\n\r\nhi";
        let chunked = "POST /b HTTP/1.1\r\nIdempotency-Key: k-2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
        stream.write_all(format!("{whole}{chunked}").as_bytes()).unwrap();
        wait::until("both", wait::GENEROUS, || (sink.posts().len() == 2).then_some(()));
        let posts = sink.posts();
        let shown: Vec<_> = posts.iter().map(|post| (post.idempotency_key(), post.body.as_str())).collect();
        assert_eq!(shown, [(Some("k-1"), "hi"), (Some("k-2"), "hello")]);
    }

    #[test]
    fn misbehaves_when_told_to() {
        for (mood, status, kept) in [(Mood::Fails, Some(503), 0), (Mood::Refuses, Some(410), 0), (Mood::Drops, None, 1)]
        {
            let sink = WebhookSink::start();
            sink.set(mood);
            let reply = http::post(&sink.url(), &json!({}));
            assert_eq!(reply.ok().map(|reply| reply.status), status, "{mood:?}");
            let posts = sink.posts();
            assert_eq!(posts.len(), kept, "{mood:?}");
            assert!(!posts.iter().any(|post| post.acknowledged), "{mood:?}");
        }
    }

    #[test]
    fn says_nothing_while_it_hangs() {
        let sink = WebhookSink::start();
        sink.set(Mood::Hangs);
        std::thread::scope(|all| {
            let sender = all.spawn(|| http::post(&sink.url(), &json!({})));
            wait::until("the request", wait::GENEROUS, || (sink.posts().len() == 1).then_some(()));
            assert!(!sender.is_finished());
            sink.set(Mood::Takes);
            assert!(sender.join().unwrap().is_err());
        });
    }
}
