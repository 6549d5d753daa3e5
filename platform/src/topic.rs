//! The topics of the contract, seen from the platform.

/// What a topic is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic<'a> {
    Event { site: &'a str, group: &'a str },
    Agent { site: &'a str },
    Reply { site: &'a str },
}

/// All topics under one root.
#[derive(Clone, Debug)]
pub struct Topics {
    root: String,
}

impl Topics {
    #[must_use]
    pub fn new(root: &str) -> Self {
        Self { root: root.to_owned() }
    }

    /// What the platform subscribes to.
    #[must_use]
    pub fn filters(&self) -> [String; 3] {
        let root = &self.root;
        [format!("{root}/+/events/+"), format!("{root}/+/state/agent"), format!("{root}/+/replies")]
    }

    #[must_use]
    pub fn read<'a>(&self, topic: &'a str) -> Option<Topic<'a>> {
        let below = topic.strip_prefix(&self.root)?.strip_prefix('/')?;
        let (site, rest) = below.split_once('/')?;
        if !is_level(site) {
            return None;
        }
        match rest.split_once('/') {
            Some(("events", group)) if is_level(group) => Some(Topic::Event { site, group }),
            Some(("state", "agent")) => Some(Topic::Agent { site }),
            None if rest == "replies" => Some(Topic::Reply { site }),
            _ => None,
        }
    }

    #[must_use]
    pub fn commands(&self, site: &str) -> String {
        format!("{}/{site}/commands", self.root)
    }

    #[must_use]
    pub fn receipts(&self, site: &str) -> String {
        format!("{}/{site}/receipts", self.root)
    }
}

/// Whether `text` can be a site: `[a-z0-9_-]{1,32}`.
#[must_use]
pub fn is_level(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_as_the_contract_writes_them() {
        let topics = Topics::new("parceld/v1");
        let rows = [
            ("parceld/v1/sthlm-03/events/pick", Some(Topic::Event { site: "sthlm-03", group: "pick" })),
            ("parceld/v1/sthlm-03/state/agent", Some(Topic::Agent { site: "sthlm-03" })),
            ("parceld/v1/sthlm-03/replies", Some(Topic::Reply { site: "sthlm-03" })),
            ("parceld/v1/sthlm-03/state/promise", None),
            ("parceld/v1/Sthlm/events/pick", None),
            ("parceld/v1/sthlm-03/events/pick/more", None),
            ("parceld/v2/sthlm-03/replies", None),
            ("parceld/v1", None),
        ];
        for (topic, expected) in rows {
            assert_eq!(topics.read(topic), expected, "{topic}");
        }
    }
}
