//! Where letters end in tests: a mail server and a webhook, each on loopback, each keeping all that it takes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::net;

/// Ends with the test's process; its thread waits for connections until then.
#[derive(Debug, Clone)]
pub struct PostOffice {
    port: u16,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    letters: Vec<String>,
    /// So many of the next ones are put off.
    put_off: usize,
    was_put_off: usize,
}

impl PostOffice {
    /// A mail server without TLS. A letter is the mail as it came, with its headers.
    #[must_use]
    pub fn mail() -> PostOffice {
        PostOffice::open(mail)
    }

    /// Takes what is posted. A letter is the request as it came, with its headers.
    #[must_use]
    pub fn webhook() -> PostOffice {
        PostOffice::open(webhook)
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        net::loopback(self.port)
    }

    #[must_use]
    pub fn letters(&self) -> Vec<String> {
        self.taken().letters.clone()
    }

    /// Puts off the next `count` letters: they are to come again.
    pub fn put_off(&self, count: usize) {
        self.taken().put_off = count;
    }

    #[must_use]
    pub fn was_put_off(&self) -> usize {
        self.taken().was_put_off
    }

    fn open(serve: fn(TcpStream, &PostOffice) -> Option<()>) -> PostOffice {
        let port = net::free_port();
        let (listener, taken): (TcpListener, _) = (net::listen(port), Arc::default());
        let office = PostOffice { port, taken };
        let behind = office.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let office = behind.clone();
                thread::spawn(move || serve(stream, &office));
            }
        });
        office
    }

    /// Whether it is taken now.
    fn take(&self, letter: String) -> bool {
        let mut taken = self.taken();
        if 0 < taken.put_off {
            taken.put_off -= 1;
            taken.was_put_off += 1;
            return false;
        }
        taken.letters.push(letter);
        true
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection of SMTP (RFC 5321), as far as a client that behaves goes. `None` where it broke.
fn mail(stream: TcpStream, office: &PostOffice) -> Option<()> {
    let mut out = stream.try_clone().ok()?;
    let mut lines = BufReader::new(stream).lines();
    let mut say = |text: &str| out.write_all(format!("{text}\r\n").as_bytes()).ok();
    say("220 loopback")?;
    while let Some(Ok(line)) = lines.next() {
        match line.get(..4).unwrap_or(&line).to_ascii_uppercase().as_str() {
            "DATA" => {
                say("354 go on")?;
                let letter: Vec<String> = lines.by_ref().map_while(Result::ok).take_while(|line| line != ".").collect();
                say(if office.take(letter.join("\n")) { "250 taken" } else { "451 not now" })?;
            }
            "QUIT" => {
                say("221 bye")?;
                return Some(());
            }
            _ => say("250 loopback")?,
        }
    }
    Some(())
}

/// One request of HTTP.
fn webhook(stream: TcpStream, office: &PostOffice) -> Option<()> {
    let mut out = stream.try_clone().ok()?;
    let mut input = BufReader::new(stream);
    let (mut head, mut bytes) = (String::new(), 0);
    loop {
        let mut line = String::new();
        input.read_line(&mut line).ok().filter(|read| 0 < *read)?;
        if let Some(length) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            bytes = length.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
        head += &line;
    }
    let mut body = vec![0; bytes];
    input.read_exact(&mut body).ok()?;
    let letter = format!("{head}\n{}", String::from_utf8_lossy(&body));
    let status = if office.take(letter) { "202 Accepted" } else { "503 Service Unavailable" };
    out.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes()).ok()
}
