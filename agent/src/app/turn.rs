//! One at a time, until nobody may any more.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Whose turn it is.
#[derive(Debug, Default)]
pub struct Turns {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_taken: bool,
    is_closed: bool,
}

/// A turn; dropping it ends it.
#[derive(Debug)]
pub struct Turn<'a>(&'a Turns);

impl Turns {
    /// Waits for a turn; none once they are closed.
    #[must_use]
    pub fn take(&self) -> Option<Turn<'_>> {
        let state = self.freed.wait_while(self.state(), |state| state.is_taken && !state.is_closed);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        if state.is_closed {
            return None;
        }
        state.is_taken = true;
        Some(Turn(self))
    }

    /// Gives no more turns, and waits for the end of the one that is taken. Whether it has come within `patience`.
    #[must_use]
    pub fn close(&self, patience: Duration) -> bool {
        let mut state = self.state();
        state.is_closed = true;
        self.freed.notify_all();
        let state = self.freed.wait_timeout_while(state, patience, |state| state.is_taken);
        !state.unwrap_or_else(PoisonError::into_inner).0.is_taken
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state().is_taken = false;
        self.0.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[test]
    fn who_closes_waits_for_the_one_who_has_a_turn_and_sends_all_others_away() {
        let turns = Turns::default();
        let first = turns.take().unwrap();
        assert!(!turns.close(Duration::ZERO), "it is not over");
        thread::scope(|scope| {
            let (told, is_closed) = mpsc::channel();
            let turns = &turns;
            scope.spawn(move || told.send(turns.close(PATIENCE)));
            assert!(turns.take().is_none());
            assert!(is_closed.try_recv().is_err());
            drop(first);
            assert!(is_closed.recv_timeout(PATIENCE).unwrap());
        });
        assert!(turns.take().is_none());
    }

    #[test]
    fn one_comes_after_the_other() {
        let turns = Turns::default();
        let first = turns.take().unwrap();
        thread::scope(|scope| {
            let (told, has_turn) = mpsc::channel();
            let turns = &turns;
            scope.spawn(move || told.send(turns.take().is_some()));
            assert!(has_turn.try_recv().is_err());
            drop(first);
            assert!(has_turn.recv_timeout(PATIENCE).unwrap());
        });
    }
}
