//! `parceld barcodes`

use super::Exit;
use super::terminal;
use crate::config::Config;
use crate::floor::barcode;
use crate::journal::Reader;
use std::collections::BTreeMap;
use std::io;

pub fn print(config: &Config, json: bool) -> io::Result<Exit> {
    let key = match Reader::open(&config.storage.path).and_then(|reader| reader.site_key()) {
        Ok(Some(key)) => key,
        Ok(None) => {
            terminal::complain("this database has no key yet: run the agent once");
            return Ok(Exit::Failed);
        }
        Err(error) => {
            terminal::complain(&error.to_string());
            return Ok(Exit::Failed);
        }
    };
    if json {
        let sheet: BTreeMap<_, _> = barcode::sheet(&key).collect();
        terminal::print(&serde_json::to_string(&sheet)?)?;
    } else {
        barcode::sheet(&key).try_for_each(|(word, text)| terminal::print(&format!("{word:<10} {text}")))?;
    }
    Ok(Exit::Well)
}
