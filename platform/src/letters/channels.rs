//! By which channels a customer is told: what the order allows, what the customer wants, and what there is an address for.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    Email,
    Sms,
    Push,
}

impl Channel {
    pub const ALL: [Self; 3] = [Self::Email, Self::Sms, Self::Push];

    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Push => "push",
        }
    }

    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.word() == word)
    }
}

/// What is never left unsaid, whatever a customer has switched off: their money or their day depends on it.
pub const CRITICAL: [&str; 3] = ["cancelled", "delayed", "short_shipped"];

/// A customer as the address book has them. `put` replaces all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Customer {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<String>,
    /// Before the order's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Channels by milestone; `*` is for all that aren't named. Who says nothing wants all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub preferences: BTreeMap<String, Vec<Channel>>,
    /// Wants nothing that isn't critical. The customer says so too: an entry without it leaves that as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<bool>,
}

impl Customer {
    #[must_use]
    pub fn address(&self, channel: Channel) -> Option<&str> {
        let address = match channel {
            Channel::Email => &self.email,
            Channel::Sms => &self.phone,
            Channel::Push => &self.push,
        };
        address.as_deref().filter(|address| !address.is_empty())
    }

    /// Whether only what is critical is wanted.
    #[must_use]
    pub fn wants_nothing(&self) -> bool {
        self.stopped == Some(true)
    }

    /// # Errors
    /// What is wrong with it, in a sentence for the shop.
    pub fn check(&self) -> Result<(), String> {
        if let Some(email) = &self.email {
            let read: Result<lettre::Address, _> = email.parse();
            read.map_err(|error| format!("email {email:?}: {error}"))?;
        }
        let dialled = |c: char| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-');
        if let Some(phone) = self.phone.as_ref().filter(|phone| phone.is_empty() || !phone.chars().all(dialled)) {
            return Err(format!("phone {phone:?}: digits, +, - and spaces"));
        }
        Ok(())
    }

    fn wants(&self, milestone: &str, channel: Channel) -> bool {
        let chosen = self.preferences.get(milestone).or_else(|| self.preferences.get("*"));
        !self.wants_nothing() && chosen.is_none_or(|channels| channels.contains(&channel))
    }
}

/// Why nobody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsaid {
    /// The address book has no such customer.
    NoCustomer,
    /// There is no address for a channel that the order allows and that is sent here.
    NoAddress,
    Unwanted,
}

impl Unsaid {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NoCustomer => "no_customer",
            Self::NoAddress => "no_address",
            Self::Unwanted => "unwanted",
        }
    }
}

/// The channels for a milestone with their addresses. `senders` is what this platform can send.
///
/// # Errors
/// Why there is none.
pub fn choose<'a>(
    milestone: &str,
    allowed: &[String],
    senders: &[Channel],
    customer: Option<&'a Customer>,
) -> Result<Vec<(Channel, &'a str)>, Unsaid> {
    let customer = customer.ok_or(Unsaid::NoCustomer)?;
    let can = |channel: &Channel| senders.contains(channel);
    let reached: Vec<(Channel, &str)> = allowed
        .iter()
        .filter_map(|word| Channel::named(word))
        .filter(can)
        .filter_map(|channel| Some((channel, customer.address(channel)?)))
        .collect();
    let Some(first) = reached.first().copied() else { return Err(Unsaid::NoAddress) };
    let wanted: Vec<_> = reached.into_iter().filter(|(channel, _)| customer.wants(milestone, *channel)).collect();
    match wanted.is_empty() {
        false => Ok(wanted),
        true if CRITICAL.contains(&milestone) => Ok(vec![first]),
        true => Err(Unsaid::Unwanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_is_told_where_order_customer_and_address_agree() {
        let all = r#"{"email":"a@b.example","phone":"+46700000000","push":"t""#;
        let rows = [
            ("packed", "email sms push", format!("{all}}}"), "email sms push"),
            ("packed", "sms", format!("{all}}}"), "sms"),
            ("packed", "pigeon sms", format!("{all}}}"), "sms"),
            ("packed", "", format!("{all}}}"), "no_address"),
            ("packed", "email sms", r#"{"phone":"1"}"#.into(), "sms"),
            ("packed", "email", r#"{"phone":"1"}"#.into(), "no_address"),
            ("packed", "email", r#"{"email":""}"#.into(), "no_address"),
            ("packed", "email sms", format!(r#"{all},"preferences":{{"packed":["sms"]}}}}"#), "sms"),
            ("packed", "email sms", format!(r#"{all},"preferences":{{"packed":[]}}}}"#), "unwanted"),
            ("packed", "email sms", format!(r#"{all},"preferences":{{"*":["email"]}}}}"#), "email"),
            ("packed", "email sms", format!(r#"{all},"preferences":{{"*":[],"packed":["sms"]}}}}"#), "sms"),
            ("packed", "email sms", format!(r#"{all},"stopped":true}}"#), "unwanted"),
            ("delayed", "sms email", format!(r#"{all},"stopped":true}}"#), "sms"),
            ("cancelled", "email", format!(r#"{all},"preferences":{{"*":["sms"]}}}}"#), "email"),
            ("short_shipped", "email sms", format!(r#"{all},"preferences":{{"short_shipped":["sms"]}}}}"#), "sms"),
            ("cancelled", "", format!("{all}}}"), "no_address"),
        ];
        for (milestone, allowed, customer, expected) in rows {
            let allowed: Vec<String> = allowed.split_whitespace().map(str::to_owned).collect();
            let read: Customer = serde_json::from_str(&customer).unwrap();
            let chosen = match choose(milestone, &allowed, &Channel::ALL, Some(&read)) {
                Ok(chosen) => chosen.iter().map(|(channel, _)| channel.word()).collect::<Vec<_>>().join(" "),
                Err(why) => why.word().to_owned(),
            };
            assert_eq!(chosen, expected, "{milestone} {allowed:?} {customer}");
        }
        assert_eq!(choose("packed", &["sms".into()], &Channel::ALL, None), Err(Unsaid::NoCustomer));
        let reached = Customer { phone: Some("1".into()), ..Customer::default() };
        assert_eq!(choose("packed", &["sms".into()], &[Channel::Email], Some(&reached)), Err(Unsaid::NoAddress));
    }
}
