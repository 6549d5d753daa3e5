//! Who has signed in: random ids in a browser's cookie, their digests here, in memory only.

use super::token::{Digest, digest, random_text};
use std::collections::HashMap;
use std::time::Duration;
use std::{fmt, io};

/// Who does nothing for so long must sign in again.
pub const IDLE_MAX: Duration = Duration::from_secs(12 * 3_600);

/// Sessions at once; a further one ends that which has been idle the longest.
const SESSIONS_MAX: usize = 64;

/// 160 bits.
const ID_CHARS: usize = 32;

/// What a browser keeps in its cookie. `Debug` shows none of it.
pub struct SessionId(String);

/// A session, as far as others may know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Tells sessions apart in what is recorded, and opens nothing.
    pub label: String,
}

#[derive(Debug, Default)]
pub struct Sessions {
    open: HashMap<Digest, Open>,
    opened: u64,
}

#[derive(Debug)]
struct Open {
    session: Session,
    used_at: Duration,
}

impl SessionId {
    pub fn random() -> io::Result<Self> {
        random_text(ID_CHARS).map(Self)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(…)")
    }
}

impl Sessions {
    pub fn open(&mut self, id: &SessionId, now: Duration) {
        self.forget_idle(now);
        if SESSIONS_MAX <= self.open.len()
            && let Some(oldest) = self.open.iter().min_by_key(|(_, open)| open.used_at).map(|(key, _)| *key)
        {
            self.open.remove(&oldest);
        }
        self.opened += 1;
        let session = Session { label: format!("session-{}", self.opened) };
        self.open.insert(digest(id.as_str()), Open { session, used_at: now });
    }

    /// The session with this id; none where there is none, or it was idle for too long.
    pub fn get(&mut self, id: &str, now: Duration) -> Option<Session> {
        self.forget_idle(now);
        self.open.get(&digest(id)).map(|open| open.session.clone())
    }

    /// The same, used now.
    pub fn touch(&mut self, id: &str, now: Duration) -> Option<Session> {
        self.forget_idle(now);
        let open = self.open.get_mut(&digest(id))?;
        open.used_at = now;
        Some(open.session.clone())
    }

    pub fn end(&mut self, id: &str) {
        self.open.remove(&digest(id));
    }

    pub fn end_all(&mut self) {
        self.open.clear();
    }

    fn forget_idle(&mut self, now: Duration) {
        self.open.retain(|_, open| now.saturating_sub(open.used_at) < IDLE_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn lasts_while_it_is_used() {
        let mut sessions = Sessions::default();
        let id = SessionId::random().unwrap();
        sessions.open(&id, Duration::ZERO);
        for at in [11, 22, 33] {
            assert_eq!(sessions.touch(id.as_str(), HOUR * at).unwrap().label, "session-1");
        }
        assert_eq!(sessions.touch(id.as_str(), HOUR * 45), None, "idle for twelve hours");
        assert_eq!(sessions.touch("", Duration::ZERO), None);
    }

    #[test]
    fn looking_does_not_keep_it_open() {
        let mut sessions = Sessions::default();
        let id = SessionId::random().unwrap();
        sessions.open(&id, Duration::ZERO);
        assert!(sessions.get(id.as_str(), HOUR * 11).is_some());
        assert_eq!(sessions.get(id.as_str(), HOUR * 12), None);
    }

    #[test]
    fn ends_when_it_is_ended() {
        let mut sessions = Sessions::default();
        let [one, two] = [(); 2].map(|()| SessionId::random().unwrap());
        sessions.open(&one, Duration::ZERO);
        sessions.open(&two, Duration::ZERO);
        sessions.end(one.as_str());
        assert_eq!(sessions.touch(one.as_str(), Duration::ZERO), None);
        assert_eq!(sessions.touch(two.as_str(), Duration::ZERO).unwrap().label, "session-2");
        sessions.end_all();
        assert_eq!(sessions.touch(two.as_str(), Duration::ZERO), None);
    }

    #[test]
    fn there_are_only_so_many() {
        let mut sessions = Sessions::default();
        let ids: Vec<_> = (0..=SESSIONS_MAX).map(|_| SessionId::random().unwrap()).collect();
        for (id, at) in ids.iter().zip(0..) {
            sessions.open(id, Duration::from_secs(at));
        }
        let now = Duration::from_secs(1_000);
        assert_eq!(sessions.touch(ids[0].as_str(), now), None, "the longest idle one");
        assert!(ids[1..].iter().all(|id| sessions.touch(id.as_str(), now).is_some()));
    }
}
