//! What is on hand of one product, and what open orders still want of it.

/// A product's stock at this site.
///
/// `on_hand` may be negative: a pick that happened is never refused because a count was wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    pub on_hand: i64,
    pub reserved: i64,
}

impl Stock {
    /// What could be promised to a new order. A damaged row may say anything: the difference stays a number.
    #[must_use]
    pub fn available(self) -> i64 {
        self.on_hand.saturating_sub(self.reserved)
    }

    /// One unit leaves the shelf for an order that had reserved it.
    #[must_use]
    pub fn picked(self) -> Self {
        Self { on_hand: self.on_hand - 1, reserved: self.reserved - 1 }
    }

    /// So many more units on hand, or fewer.
    #[must_use]
    pub fn moved(self, delta: i64) -> Self {
        Self { on_hand: self.on_hand + delta, ..self }
    }

    /// So many more units reserved, or fewer.
    #[must_use]
    pub fn reserved_more(self, delta: i64) -> Self {
        Self { reserved: self.reserved + delta, ..self }
    }

    /// Whether `self` is the first at or below `threshold`, coming from `before`.
    #[must_use]
    pub fn falls_to(self, threshold: i64, before: Self) -> bool {
        self.on_hand <= threshold && threshold < before.on_hand
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_two_numbers_have_a_difference() {
        for (on_hand, reserved, available) in
            [(23, 3, 20), (-2, 1, -3), (i64::MIN, 1, i64::MIN), (0, i64::MIN, i64::MAX)]
        {
            assert_eq!(Stock { on_hand, reserved }.available(), available);
        }
    }
}
