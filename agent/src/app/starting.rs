//! A start that takes long: a large database that is salvaged, or brought to this version, on a slow card. The service
//! manager is told that it moves for as long as it does, and waits; one that hangs it ends.

use super::notify;
use crate::pulse::Pulse;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Whoever starts within this has nothing to tell.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How long the service manager waits for the next word: a dying card takes that for a few of its answers.
const EXTENDED_BY: Duration = Duration::from_secs(300);

const LINE: &str = "starting: the database is being read, salvaged or brought to this version";

/// The running thread.
#[derive(Debug)]
pub struct Starting {
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

/// Tells the service manager while `pulse` turns. `None` where there is none.
///
/// # Errors
/// The thread can't be started.
pub fn watch(pulse: Pulse) -> std::io::Result<Option<Starting>> {
    if !notify::is_heard() {
        return Ok(None);
    }
    let (stop, stopped) = sync_channel(1);
    let thread = std::thread::Builder::new()
        .name("start".into())
        .spawn(move || tell(&pulse, &stopped, LOOK_EVERY, || notify::starting(LINE, EXTENDED_BY)))?;
    Ok(Some(Starting { stop, thread }))
}

impl Starting {
    /// The start is over.
    pub fn end(self) {
        let _ = self.stop.try_send(());
        if self.thread.join().is_err() {
            tracing::error!("the start's thread had panicked");
        }
    }
}

/// `pulse` has not turned before the start.
fn tell(pulse: &Pulse, stopped: &Receiver<()>, every: Duration, mut say: impl FnMut()) {
    let mut known = 0;
    while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        let turns = pulse.turns();
        if turns != known {
            say();
        }
        known = turns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_start_that_moves_is_told_and_one_that_hangs_is_not() {
        const SOON: Duration = Duration::from_millis(1);
        let (pulse, (stop, stopped)) = (Pulse::default(), sync_channel(1));
        let (said, heard) = mpsc::channel();
        let turning = pulse.clone();
        let thread = std::thread::spawn(move || {
            tell(&pulse, &stopped, SOON, || {
                let _ = said.send(());
            });
        });
        for _ in 0..3 {
            turning.turned();
            heard.recv_timeout(Duration::from_secs(30)).unwrap();
        }
        // It hangs from here on: a hundred looks find nothing to say.
        assert_eq!(heard.recv_timeout(100 * SOON), Err(RecvTimeoutError::Timeout));
        stop.send(()).unwrap();
        thread.join().unwrap();
    }
}
