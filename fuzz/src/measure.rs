//! How much memory a parser takes.

use allocation_counter::measure;

/// Runs `parse`, which may hold `beside` bytes at once and `each` more for each byte of its `input`.
///
/// # Panics
/// It holds more.
pub fn within<T>(input: &[u8], each: u64, beside: u64, parse: impl FnOnce() -> T) -> T {
    let mut parsed = None;
    let taken = measure(|| parsed = Some(parse())).bytes_max;
    let allowed = beside + each * input.len() as u64;
    assert!(taken <= allowed, "{taken} bytes of memory for {} bytes of input, {allowed} allowed", input.len());
    parsed.expect("it has run")
}
