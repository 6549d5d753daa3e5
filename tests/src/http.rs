//! JSON over HTTP on loopback.

use std::time::Duration;

use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Any answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub body: String,
}

impl Reply {
    /// # Panics
    /// Where the body isn't JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| {
            panic!("no JSON in the answer with status {}: {error}: {:?}", self.status, self.body)
        })
    }

    /// # Panics
    /// Where the status isn't one of success.
    #[must_use]
    #[track_caller]
    pub fn success(self) -> Reply {
        assert!((200..300).contains(&self.status), "answered with status {}: {}", self.status, self.body);
        self
    }
}

/// # Errors
/// Where nobody answers in time.
pub fn get(url: &str) -> Result<Reply, ureq::Error> {
    read(client().get(url).call()?)
}

/// # Errors
/// Where nobody answers in time.
pub fn post(url: &str, body: &Value) -> Result<Reply, ureq::Error> {
    read(client().post(url).content_type("application/json").send(body.to_string())?)
}

/// # Errors
/// Where nobody answers in time.
pub fn put(url: &str, body: &Value) -> Result<Reply, ureq::Error> {
    read(client().put(url).content_type("application/json").send(body.to_string())?)
}

/// A fresh client for each request: no kept connection holds up a server that stops.
fn client() -> ureq::Agent {
    let config = ureq::Agent::config_builder();
    config.http_status_as_error(false).timeout_global(Some(TIMEOUT)).proxy(None).build().into()
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Reply, ureq::Error> {
    let status = response.status().as_u16();
    Ok(Reply { status, body: response.body_mut().read_to_string()? })
}

/// Sends a form as a browser does; a redirect is the answer, not followed.
///
/// # Errors
/// Where nobody answers in time.
pub fn submit(url: &str, fields: &[(&str, &str)]) -> Result<Reply, ureq::Error> {
    let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT)).proxy(None);
    let client: ureq::Agent = config.max_redirects(0).build().into();
    read(client.post(url).send_form(fields.iter().copied())?)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use serde_json::json;

    use super::*;
    use crate::net;

    fn server(response: &'static str) -> (String, thread::JoinHandle<String>) {
        let listener = TcpListener::bind(net::loopback(0)).unwrap();
        let url = format!("http://{}/path", listener.local_addr().unwrap());
        let thread = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(&stream);
            let mut request = String::new();
            while !request.ends_with("\r\n\r\n") {
                reader.read_line(&mut request).unwrap();
            }
            let length =
                request.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            reader.read_exact(&mut body).unwrap();
            (&stream).write_all(response.as_bytes()).unwrap();
            request + std::str::from_utf8(&body).unwrap()
        });
        (url, thread)
    }

    #[test]
    fn posts_json_and_reads_any_status() {
        let (url, server) = server("HTTP/1.1 409 Conflict\r\ncontent-length: 11\r\n\r\n{\"left\": 3}");
        let reply = post(&url, &json!({"quantity": 2})).unwrap();
        assert_eq!((reply.status, reply.json()), (409, json!({"left": 3})));
        let request = server.join().unwrap();
        assert!(request.starts_with("POST /path HTTP/1.1\r\n"), "{request}");
        assert!(request.ends_with(r#"{"quantity":2}"#), "{request}");
    }

    #[test]
    fn says_that_nobody_answers() {
        assert!(get(&format!("http://{}/", net::loopback(net::free_port()))).is_err());
    }
}
