//! The topics of the contract, seen from the platform.

/// What a topic is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic<'a> {
    Event {
        site: &'a str,
        group: &'a str,
    },
    Agent {
        site: &'a str,
    },
    Promise {
        site: &'a str,
    },
    /// What an instance of the platform has said.
    Receipt {
        site: &'a str,
    },
    Reply {
        site: &'a str,
    },
}

impl<'a> Topic<'a> {
    #[must_use]
    pub fn site(self) -> &'a str {
        match self {
            Self::Event { site, .. }
            | Self::Agent { site }
            | Self::Promise { site }
            | Self::Receipt { site }
            | Self::Reply { site } => site,
        }
    }
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

    /// What the platform subscribes to. Instances of one `group` share events and replies, each of which goes to one of
    /// them. States go to all: a shared subscription would not bring what is retained. So do receipts, so that an
    /// instance hears when another spoke after it and said less.
    #[must_use]
    pub fn filters(&self, group: Option<&str>) -> Vec<String> {
        let root = &self.root;
        let share = group.map_or_else(String::new, |group| format!("$share/{group}/"));
        let mut filters = vec![
            format!("{share}{root}/+/events/+"),
            format!("{share}{root}/+/replies"),
            format!("{root}/+/state/agent"),
            format!("{root}/+/state/promise"),
        ];
        filters.extend(group.map(|_| format!("{root}/+/receipts")));
        filters
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
            Some(("state", "promise")) => Some(Topic::Promise { site }),
            None if rest == "replies" => Some(Topic::Reply { site }),
            None if rest == "receipts" => Some(Topic::Receipt { site }),
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
            ("parceld/v1/sthlm-03/state/promise", Some(Topic::Promise { site: "sthlm-03" })),
            ("parceld/v1/sthlm-03/receipts", Some(Topic::Receipt { site: "sthlm-03" })),
            ("parceld/v1/sthlm-03/state/else", None),
            ("parceld/v1/Sthlm/events/pick", None),
            ("parceld/v1/sthlm-03/events/pick/more", None),
            ("parceld/v2/sthlm-03/replies", None),
            ("parceld/v1", None),
        ];
        for (topic, expected) in rows {
            assert_eq!(topics.read(topic), expected, "{topic}");
        }
    }

    #[test]
    fn a_group_shares_events_and_replies_and_nothing_else() {
        let topics = Topics::new("r");
        assert_eq!(
            topics.filters(Some("g")),
            ["$share/g/r/+/events/+", "$share/g/r/+/replies", "r/+/state/agent", "r/+/state/promise", "r/+/receipts"]
        );
        assert_eq!(topics.filters(None), ["r/+/events/+", "r/+/replies", "r/+/state/agent", "r/+/state/promise"]);
    }
}
