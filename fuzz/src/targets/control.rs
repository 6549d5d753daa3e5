//! A request at the control socket: refused in a sentence, or read and written again as the same.

use crate::measure::within;
use parceld::control::Request;

/// What is quoted of a request, escaped, and the names of all that could have stood there.
const REFUSED_EACH: usize = 8;
const REFUSED_BESIDE: usize = 1_000;

pub fn run(bytes: &[u8]) {
    match within(bytes, 64, 16_384, || Request::read(bytes)) {
        Err(refusal) => {
            let said = refusal.to_string();
            assert!(!said.is_empty() && said.len() <= REFUSED_BESIDE + REFUSED_EACH * bytes.len(), "{said}");
        }
        Ok(request) => {
            let written = serde_json::to_vec(&request).expect("a request can be written");
            assert!(!written.contains(&b'\n'), "a request is one line");
            let read = Request::read(&written).unwrap_or_else(|refusal| panic!("{request:?}: {refusal}"));
            assert_eq!(format!("{read:?}"), format!("{request:?}"));
        }
    }
}
