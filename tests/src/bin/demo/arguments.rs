//! The demonstration's command line.

pub const HELP: &str = "\
A small site at work on this machine: scans, events, dispatches, notifications.

  cargo demo [--once] [--fast]

  --once   end with exit code 0 once every order has left and the platform shows it, or with 1 if it doesn't
  --fast   work several times as fast as people do";

/// How to run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Arguments {
    /// End after the orders.
    pub once: bool,
    /// Nobody waits as long as people do between scans.
    pub fast: bool,
}

impl Arguments {
    /// `None` where help is wanted.
    ///
    /// # Errors
    /// A word that means nothing here.
    pub fn parse(words: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
        let mut arguments = Arguments::default();
        for word in words {
            match word.as_str() {
                "--once" => arguments.once = true,
                "--fast" => arguments.fast = true,
                "--help" | "-h" => return Ok(None),
                unknown => return Err(format!("{unknown:?} is not known")),
            }
        }
        Ok(Some(arguments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_command_line() {
        let parse = |words: &str| Arguments::parse(words.split_whitespace().map(str::to_owned));
        assert_eq!(parse(""), Ok(Some(Arguments::default())));
        assert_eq!(parse("--fast --once"), Ok(Some(Arguments { once: true, fast: true })));
        assert_eq!(parse("--once --help"), Ok(None));
        assert!(parse("--onse").is_err());
    }
}
