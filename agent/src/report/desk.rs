//! One thing that several may use, one after the other, and nobody waits for long: whoever has it may be held in the kernel,
//! by a disk that neither gives nor refuses.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Longer than a good disk takes for anything that is asked here. Whoever waits so long, or comes to something that was
/// taken so long ago, is told.
pub const PATIENCE: Duration = Duration::from_millis(1_500);

/// Made with nothing on it: who takes it first brings something.
#[derive(Debug)]
pub struct Desk<T> {
    state: Mutex<State<T>>,
    freed: Condvar,
}

#[derive(Debug)]
enum State<T> {
    Free(Option<T>),
    /// Since then, by the clock of whoever took it.
    Taken(Duration),
}

/// What was on it; dropping this gives it back, with what is in here then.
#[derive(Debug)]
pub struct Taken<'a, T> {
    desk: &'a Desk<T>,
    pub held: Option<T>,
}

impl<T> Desk<T> {
    pub fn new() -> Self {
        Self { state: Mutex::new(State::Free(None)), freed: Condvar::new() }
    }

    /// Takes what is there at `now`, since the agent's start; none where somebody has had it for too long.
    pub fn take(&self, now: Duration) -> Option<Taken<'_, T>> {
        let state = self.lock();
        let wait = match &*state {
            State::Free(_) => Duration::ZERO,
            State::Taken(since) => PATIENCE.saturating_sub(now.saturating_sub(*since)),
        };
        let is_taken = |state: &mut State<T>| matches!(state, State::Taken(_));
        let (mut state, _) =
            self.freed.wait_timeout_while(state, wait, is_taken).unwrap_or_else(PoisonError::into_inner);
        let State::Free(held) = &mut *state else { return None };
        let held = held.take();
        *state = State::Taken(now + wait);
        Some(Taken { desk: self, held })
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        *self.desk.lock() = State::Free(self.held.take());
        self.desk.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    const NOW: Duration = Duration::from_secs(100);

    #[test]
    fn what_is_brought_stays() {
        let desk = Desk::new();
        let mut taken = desk.take(NOW).unwrap();
        assert_eq!(taken.held, None);
        taken.held = Some(7);
        drop(taken);
        assert_eq!(desk.take(NOW).unwrap().held, Some(7));
    }

    #[test]
    fn who_comes_to_something_that_was_taken_long_ago_is_told_at_once() {
        let desk = Desk::<u8>::new();
        let taken = desk.take(NOW).unwrap();
        assert!(desk.take(NOW + PATIENCE).is_none());
        drop(taken);
        assert!(desk.take(NOW + PATIENCE).is_some());
    }

    #[test]
    fn who_comes_shortly_after_waits() {
        let desk = Desk::<u8>::new();
        let taken = desk.take(NOW).unwrap();
        let (come, has_come) = mpsc::channel();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                come.send(()).unwrap();
                desk.take(NOW).is_some()
            });
            has_come.recv().unwrap();
            drop(taken);
            assert!(waiting.join().unwrap());
        });
    }
}
