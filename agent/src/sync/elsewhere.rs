//! Where else than to the site's own topic replies go: a command may name one, and a broker may take nothing on it. Then replies
//! go to the site's own from there on, or whoever sent the command would never hear, and a broker that hangs up over it would
//! do so for ever.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A topic that a command has named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Named(u64);

impl Named {
    pub fn of(topic: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        topic.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// What is known of such topics; all that are not here may be used.
#[derive(Debug, Default)]
pub struct Elsewhere {
    known: HashMap<Named, Known>,
}

#[derive(Debug)]
enum Known {
    Refused,
    /// So many connections in a row have ended with something for it under way.
    LostWith(u32),
}

/// Connections break for other reasons too, but hardly so often with the same under way.
const LOST_MAX: u32 = 3;

/// As many as anybody names in earnest; whoever names more has them tried again.
const KNOWN_MAX: usize = 256;

impl Elsewhere {
    pub fn may_be_used(&self, topic: Named) -> bool {
        !matches!(self.known.get(&topic), Some(Known::Refused))
    }

    /// The broker has said no.
    pub fn refused(&mut self, topic: Named) {
        self.note(topic, Known::Refused);
    }

    /// The broker has taken something for it.
    pub fn taken(&mut self, topic: Named) {
        self.known.remove(&topic);
    }

    /// A connection has ended with something for it under way.
    pub fn lost(&mut self, topic: Named) {
        let before = match self.known.get(&topic) {
            Some(Known::Refused) => return,
            Some(Known::LostWith(count)) => *count,
            None => 0,
        };
        let count = before + 1;
        self.note(topic, if count < LOST_MAX { Known::LostWith(count) } else { Known::Refused });
    }

    fn note(&mut self, topic: Named, known: Known) {
        if KNOWN_MAX <= self.known.len() && !self.known.contains_key(&topic) {
            self.known.clear();
        }
        self.known.insert(topic, known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_used_until_it_is_refused_or_connections_end_over_it() {
        let mut elsewhere = Elsewhere::default();
        let (denied, hung_up, other) = (Named::of("a/b"), Named::of("a/c"), Named::of("a/d"));
        elsewhere.refused(denied);
        elsewhere.lost(hung_up);
        elsewhere.lost(hung_up);
        assert!(!elsewhere.may_be_used(denied) && elsewhere.may_be_used(hung_up));
        elsewhere.taken(hung_up);
        elsewhere.lost(hung_up);
        elsewhere.lost(hung_up);
        assert!(elsewhere.may_be_used(hung_up));
        elsewhere.lost(hung_up);
        assert!(!elsewhere.may_be_used(hung_up) && elsewhere.may_be_used(other));
        (0..KNOWN_MAX).for_each(|n| elsewhere.lost(Named::of(&n.to_string())));
        assert!(elsewhere.known.len() <= KNOWN_MAX);
    }
}
