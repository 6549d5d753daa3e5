//! The diagnostics bundle: what support needs, in one `.tar.gz`, within five seconds whatever hangs, and without secrets.
//!
//! Each file is made on a thread of its own; what is not there in time is left out, and `MANIFEST` says so. No file holds
//! a secret by its making; before they are packed, the secrets that this agent knows of are looked for in all of them
//! once more and taken out.

mod pieces;
mod secrets;

pub use pieces::{FromAgent, pieces};
pub use secrets::Secrets;

use crate::clock::Clock;
use crate::config::Config;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use std::{fmt, io};
use tar::{Builder, Header};

/// All pieces together; packing them takes some of the five seconds too.
const MADE_WITHIN: Duration = Duration::from_secs(4);

/// The doctor's checks: what hangs is to be in the bundle as a check that hangs.
const EXAMINED_WITHIN: Duration = Duration::from_millis(3_500);

/// A longer file is cut.
const FILE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The file that tells what is in a bundle.
pub const MANIFEST: &str = "MANIFEST";

/// Makes bundles of the running agent, one after the other. Cheap to clone.
#[derive(Clone)]
pub struct Maker {
    make: Arc<dyn Fn() -> io::Result<Vec<u8>> + Send + Sync>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Maker {
    /// `make` may block.
    pub fn new(make: impl Fn() -> io::Result<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self { make: Arc::new(make), turn: Arc::default() }
    }

    /// A bundle, away from the runtime's threads.
    ///
    /// # Errors
    /// It can't be packed.
    pub async fn make(&self) -> io::Result<Vec<u8>> {
        let _turn = self.turn.lock().await;
        let make = Arc::clone(&self.make);
        tokio::task::spawn_blocking(move || make()).await?
    }
}

impl fmt::Debug for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Maker")
    }
}

/// A file of the bundle, still to be made.
pub struct Piece {
    pub name: &'static str,
    /// What it is, for who reads the manifest.
    pub about: &'static str,
    /// The file, or why there is none.
    pub make: Box<dyn FnOnce() -> Result<Vec<u8>, String> + Send>,
}

impl Piece {
    pub fn new(
        name: &'static str,
        about: &'static str,
        make: impl FnOnce() -> Result<Vec<u8>, String> + Send + 'static,
    ) -> Self {
        Self { name, about, make: Box::new(make) }
    }
}

/// A file that was made, or why it was not.
struct Made {
    name: &'static str,
    about: &'static str,
    content: Result<Vec<u8>, String>,
    remarks: Vec<String>,
}

/// Makes a bundle, which unpacks into one folder. Takes at most five seconds. Blocks.
///
/// # Errors
/// It can't be packed.
pub fn make(pieces: Vec<Piece>, secrets: &Secrets, folder: &str, clock: Clock) -> io::Result<Vec<u8>> {
    let mut made = gather(pieces, clock);
    for file in &mut made {
        if let Ok(content) = &mut file.content {
            // Before anything is cut: half a secret would not be found.
            let found = secrets.take_out(content);
            if 0 < found {
                file.remarks.push(format!("{found} secrets were taken out"));
            }
            if FILE_BYTES_MAX < content.len() {
                file.remarks.push(format!("cut: it has {} bytes", content.len()));
                content.truncate(FILE_BYTES_MAX);
            }
        }
    }
    let at = clock.now().wall;
    let mut packed = Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    let mut add = |name: &str, content: &[u8]| {
        let mut header = Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(at.as_second()).unwrap_or_default());
        packed.append_data(&mut header, format!("{folder}/{name}"), content)
    };
    add(MANIFEST, manifest(&made, &at.to_string()).as_bytes())?;
    for file in &made {
        if let Ok(content) = &file.content {
            add(file.name, content)?;
        }
    }
    packed.into_inner()?.finish()
}

/// What the folder in a bundle is called.
#[must_use]
pub fn folder(config: &Config, clock: Clock) -> String {
    let at = clock.now().wall.to_zoned(TimeZone::UTC);
    format!("parceld-{}-{}", config.site.id, at.strftime("%Y%m%dT%H%M%SZ"))
}

fn gather(pieces: Vec<Piece>, clock: Clock) -> Vec<Made> {
    let until = clock.now().since_start + MADE_WITHIN;
    let (done, files) = mpsc::channel();
    let mut made: Vec<Made> = Vec::with_capacity(pieces.len());
    for (index, Piece { name, about, make }) in pieces.into_iter().enumerate() {
        let late = format!("it was not there within {} s", MADE_WITHIN.as_secs());
        made.push(Made { name, about, content: Err(late), remarks: Vec::new() });
        let done = done.clone();
        let started = std::thread::Builder::new().name(format!("bundle-{name}")).spawn(move || {
            let _ = done.send((index, make()));
        });
        if let Err(error) = started {
            made[index].content = Err(error.to_string());
        }
    }
    drop(done);
    loop {
        let left = until.saturating_sub(clock.now().since_start);
        match files.recv_timeout(left) {
            Ok((index, content)) => made[index].content = content,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return made,
        }
    }
}

fn manifest(made: &[Made], at: &str) -> String {
    let mut lines = vec![format!("parceld diagnostics bundle, {at}"), String::new()];
    for Made { name, about, content, remarks } in made {
        let remarks = if remarks.is_empty() { String::new() } else { format!(" ({})", remarks.join("; ")) };
        lines.push(match content {
            Ok(content) => format!("{name:<18} {:>9} bytes  {about}{remarks}", content.len()),
            Err(why) => format!("{name:<18}  left out        {about}: {}", why.replace('\n', " ")),
        });
    }
    lines.push(String::new());
    lines.push(
        "Left out always: the database itself; passwords, tokens, keys and the site's key; who is signed in.".into(),
    );
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::collections::BTreeMap;
    use std::io::Read;

    fn unpacked(bytes: &[u8]) -> BTreeMap<String, String> {
        let mut archive = tar::Archive::new(GzDecoder::new(bytes));
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            (entry.path().unwrap().to_string_lossy().into_owned(), text)
        });
        entries.collect()
    }

    #[test]
    fn lists_what_is_in_it_and_what_is_not() {
        let (hold, held) = mpsc::channel::<()>();
        let pieces = vec![
            Piece::new("a.txt", "the first", || Ok(b"all well, hunter2-hunter2".to_vec())),
            Piece::new("b.txt", "the second", || Err("no such\nfile".into())),
            Piece::new("c.txt", "the third", move || {
                let _ = held.recv();
                Ok(Vec::new())
            }),
            // The secret lies across the place where the file is cut.
            Piece::new("d.txt", "the fourth", || {
                Ok([&vec![b'x'; FILE_BYTES_MAX - 4], &b"hunter2-hunter2 and more"[..]].concat())
            }),
        ];
        let secrets = Secrets::of(["hunter2-hunter2".to_owned()]);
        let clock = Clock::start();
        let bundle = make(pieces, &secrets, "parceld-x", clock).unwrap();
        assert!(clock.now().since_start < Duration::from_secs(5), "{:?}", clock.now().since_start);
        drop(hold);
        let files = unpacked(&bundle);
        assert_eq!(files.keys().collect::<Vec<_>>(), ["parceld-x/MANIFEST", "parceld-x/a.txt", "parceld-x/d.txt"]);
        assert!(!files["parceld-x/a.txt"].contains("hunter2"), "{}", files["parceld-x/a.txt"]);
        assert_eq!(files["parceld-x/d.txt"].len(), FILE_BYTES_MAX);
        assert!(files["parceld-x/d.txt"].ends_with("x(sec"), "no part of it is left");
        let manifest = &files["parceld-x/MANIFEST"];
        for line in [
            "the first (1 secrets were taken out)",
            "b.txt               left out        the second: no such file",
            "the third: it was not there within 4 s",
            "the fourth (1 secrets were taken out; cut: it has 2097165 bytes)",
        ] {
            assert!(manifest.contains(line), "{line}\n{manifest}");
        }
    }
}
