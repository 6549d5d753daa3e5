//! `parceld quarantine list` and `show`: commands that could not be used, from the database.

use super::Exit;
use super::terminal::{self, Paint, Tone, plain};
use crate::config::Config;
use crate::journal::reader::Quarantined;
use crate::journal::{Error, Reader};
use jiff::tz::TimeZone;
use std::io;

pub fn list(config: &Config, json: bool) -> io::Result<Exit> {
    let rows = match read(config) {
        Ok(rows) => rows,
        Err(error) => return Ok(complain(&error)),
    };
    if json {
        return rows.iter().try_for_each(|row| terminal::print(&as_json(row))).map(|()| Exit::Well);
    }
    let paint = Paint::for_stdout();
    rows.iter().try_for_each(|row| terminal::print(&line(row, &config.site.timezone, paint)))?;
    if rows.is_empty() {
        terminal::complain("nothing rests in quarantine");
    }
    Ok(Exit::Well)
}

pub fn show(config: &Config, key: i64, json: bool) -> io::Result<Exit> {
    let rows = match read(config) {
        Ok(rows) => rows,
        Err(error) => return Ok(complain(&error)),
    };
    let Some(row) = rows.iter().find(|row| row.key == key) else {
        terminal::complain(&format!("there is no resting command {key}; parceld quarantine list names them"));
        return Ok(Exit::Failed);
    };
    terminal::print(&match json {
        true => as_json(row),
        false => whole(row, &config.site.timezone, Paint::for_stdout()),
    })?;
    Ok(Exit::Well)
}

fn read(config: &Config) -> Result<Vec<Quarantined>, Error> {
    Reader::open(&config.storage.path)?.quarantine(usize::MAX)
}

fn complain(error: &Error) -> Exit {
    terminal::complain(&error.to_string());
    Exit::Failed
}

fn line(row: &Quarantined, zone: &TimeZone, paint: Paint) -> String {
    let head = format!("{:>6}  {}  {}", row.key, terminal::time(row.at, zone), plain(&row.reason));
    format!("{head}  {}", paint.paint(Tone::Quiet, &plain(&row.why)))
}

fn whole(row: &Quarantined, zone: &TimeZone, paint: Paint) -> String {
    let payload = match row.payload.as_slice() {
        [] => "(not kept)".to_owned(),
        payload => plain(&String::from_utf8_lossy(payload)),
    };
    format!("{}\n\n{payload}", line(row, zone, paint))
}

fn as_json(row: &Quarantined) -> String {
    let value = serde_json::json!({
        "key": row.key,
        "at": row.at,
        "reason": row.reason,
        "why": row.why,
        "payload": String::from_utf8_lossy(&row.payload),
    });
    terminal::plain_json(&value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn shows_nothing_raw() {
        let row = Quarantined {
            key: 3,
            at: Timestamp::UNIX_EPOCH,
            reason: "unreadable".into(),
            why: "\u{1b}[2J".into(),
            payload: b"\x1b]0;x\x07".to_vec(),
            bytes: 6,
        };
        for text in [whole(&row, &TimeZone::UTC, Paint::off()), as_json(&row)] {
            assert!(!text.contains('\u{1b}') && !text.contains('\u{7}'), "{text}");
            assert!(text.contains("unreadable"), "{text}");
        }
        let gone = Quarantined { payload: Vec::new(), ..row };
        assert!(whole(&gone, &TimeZone::UTC, Paint::off()).ends_with("(not kept)"));
    }
}
