//! Text messages and push messages, handed to a service of the shop's as JSON by POST.

use super::Fault;
use crate::letters::Message;
use std::time::Duration;
use ureq::Agent;

const ANSWER_MAX: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub struct Webhook {
    url: String,
    agent: Agent,
}

impl Webhook {
    /// `url` is `http://…`: TLS is not built in.
    #[must_use]
    pub fn new(url: &str) -> Self {
        // A redirected message would be fetched, and not sent: what is there then says nothing of it.
        let config = Agent::config_builder()
            .timeout_global(Some(ANSWER_MAX))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build();
        Self { url: url.into(), agent: config.into() }
    }

    pub fn send(&self, message: &Message, once: &str) -> Result<(), Fault> {
        let body = serde_json::to_string(message).map_err(|error| Fault { final_: true, why: error.to_string() })?;
        let answer = self
            .agent
            .post(&self.url)
            .header("Content-Type", "application/json")
            .header("Idempotency-Key", once)
            .send(body)
            .map_err(|error| Fault { final_: false, why: error.to_string() })?;
        judge(answer.status().as_u16())
    }
}

/// What was taken, what may be taken later, and what never will be.
fn judge(status: u16) -> Result<(), Fault> {
    let why = format!("answered {status}");
    match status {
        200..=299 => Ok(()),
        408 | 425 | 429 | 500.. => Err(Fault { final_: false, why }),
        _ => Err(Fault { final_: true, why }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    /// A webhook that redirects to a page that is there: what is there has not taken the message.
    #[test]
    fn a_redirect_is_not_followed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/sms", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 4_096];
            let read = stream.read(&mut head).unwrap();
            stream
                .write_all(b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .unwrap();
            String::from_utf8_lossy(&head[..read]).into_owned()
        });
        let message = Message::Sms { from: "shop".into(), to: "+46".into(), text: "x".into() };
        let fault = Webhook::new(&url).send(&message, "once").unwrap_err();
        assert!(fault.final_ && fault.why.contains("302"), "{}", fault.why);
        assert!(server.join().unwrap().starts_with("POST /sms"));
    }

    #[test]
    fn an_answer_says_whether_another_sending_helps() {
        for (status, expected) in [
            (200, "taken"),
            (202, "taken"),
            (302, "never"),
            (400, "never"),
            (401, "never"),
            (408, "later"),
            (409, "never"),
            (429, "later"),
            (500, "later"),
            (503, "later"),
        ] {
            let judged = match judge(status) {
                Ok(()) => "taken",
                Err(Fault { final_: true, .. }) => "never",
                Err(_) => "later",
            };
            assert_eq!(judged, expected, "{status}");
        }
    }
}
