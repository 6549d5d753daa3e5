//! How long a wrong token waits for its answer: longer each time for its address, and longer for everybody's wrong ones
//! while many come. A right token never waits for others.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// The first wrong attempt; each further one doubles it.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const WAIT_MAX: Duration = Duration::from_secs(16);

/// After so long without a wrong attempt an address begins anew.
const FORGIVEN_AFTER: Duration = Duration::from_secs(15 * 60);

/// Each so many wrong attempts of all addresses together double the wait once more.
const TOGETHER_PER_DOUBLING: u32 = 16;

/// Of all wrong attempts together one is forgotten each so often.
const ONE_FORGOTTEN_EVERY: Duration = Duration::from_secs(10);

/// More than may be connected at once, so that no address that waits is forgotten.
const ADDRESSES_MAX: usize = 512;

#[derive(Debug, Default)]
pub struct Patience {
    addresses: HashMap<IpAddr, Failures>,
    together: u32,
    together_at: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last_at: Duration,
    /// When the last one is answered.
    answered_at: Duration,
}

impl Patience {
    /// How long an attempt from `address` has to wait before it is looked at.
    pub fn busy_for(&self, address: IpAddr, now: Duration) -> Option<Duration> {
        let failures = self.addresses.get(&network(address))?;
        (now < failures.answered_at).then(|| failures.answered_at - now)
    }

    /// A wrong attempt: how long its answer takes.
    pub fn failed(&mut self, address: IpAddr, now: Duration) -> Duration {
        self.forget(now);
        self.together = self.together.saturating_add(1);
        let key = network(address);
        if ADDRESSES_MAX <= self.addresses.len() && !self.addresses.contains_key(&key) {
            let oldest = self.addresses.iter().min_by_key(|(_, failures)| failures.answered_at).map(|(key, _)| *key);
            oldest.map(|oldest| self.addresses.remove(&oldest));
        }
        let failures = self.addresses.entry(key).or_insert(Failures { count: 0, last_at: now, answered_at: now });
        let doublings = failures.count.saturating_add(self.together / TOGETHER_PER_DOUBLING);
        let wait = FIRST_WAIT.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(WAIT_MAX);
        *failures = Failures { count: failures.count.saturating_add(1), last_at: now, answered_at: now + wait };
        wait
    }

    /// A right attempt: the address begins anew.
    pub fn forgive(&mut self, address: IpAddr) {
        self.addresses.remove(&network(address));
    }

    fn forget(&mut self, now: Duration) {
        self.addresses.retain(|_, failures| now.saturating_sub(failures.last_at) < FORGIVEN_AFTER);
        let passed = now.saturating_sub(self.together_at).as_secs() / ONE_FORGOTTEN_EVERY.as_secs();
        if 0 < passed {
            self.together = self.together.saturating_sub(u32::try_from(passed).unwrap_or(u32::MAX));
            self.together_at = now;
        }
    }
}

/// One host may have every address of its /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) if !ip.is_loopback() => {
            let [a, b, c, d, ..] = ip.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn waits_longer_each_time_and_begins_anew() {
        let mut patience = Patience::default();
        let (one, mut now) = (address("10.0.0.1"), Duration::ZERO);
        for expected_ms in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 16_000] {
            let wait = patience.failed(one, now);
            assert_eq!(wait, Duration::from_millis(expected_ms));
            assert_eq!(patience.busy_for(one, now), Some(wait));
            now += wait;
            assert_eq!(patience.busy_for(one, now), None, "answered");
        }
        assert_eq!(patience.failed(one, now + FORGIVEN_AFTER), FIRST_WAIT);
        patience.failed(one, now + FORGIVEN_AFTER);
        patience.forgive(one);
        assert_eq!(patience.failed(one, now + FORGIVEN_AFTER), FIRST_WAIT);
    }

    #[test]
    fn one_address_holds_up_no_other() {
        let mut patience = Patience::default();
        patience.failed(address("10.0.0.1"), Duration::ZERO);
        assert_eq!(patience.busy_for(address("10.0.0.2"), Duration::ZERO), None);
        patience.failed(address("fe80::1:0:0:1"), Duration::ZERO);
        assert!(patience.busy_for(address("fe80::2:0:0:9"), Duration::ZERO).is_some(), "the same /64");
        assert_eq!(patience.busy_for(address("fd00::2"), Duration::ZERO), None);
        assert!(patience.busy_for(address("::ffff:10.0.0.1"), Duration::ZERO).is_some(), "the same host");
    }

    #[test]
    fn many_addresses_together_wait_longer() {
        let mut patience = Patience::default();
        let many = (0..=255).map(|n| IpAddr::from([10, 0, 0, n]));
        let waits: Vec<_> = many.map(|one| patience.failed(one, Duration::ZERO)).collect();
        assert_eq!(waits[0], FIRST_WAIT);
        assert_eq!(waits[255], WAIT_MAX);
        assert_eq!(patience.failed(address("10.9.9.9"), Duration::from_secs(3_600)), FIRST_WAIT, "forgotten");
    }

    #[test]
    fn remembers_only_so_many() {
        let mut patience = Patience::default();
        for n in 0..2_000_u32 {
            patience.failed(IpAddr::from(n.to_be_bytes()), Duration::ZERO);
        }
        assert_eq!(patience.addresses.len(), ADDRESSES_MAX);
    }
}
