//! The steps that customers are told of, and how they stand to each other.

use std::time::Duration;

/// A step that customers are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Milestone {
    Packed,
    /// A pick-up order lies where its customer can have it.
    ReadyForPickup,
    HandedOver,
    Collected,
    OrderAccepted,
    /// What the checkout promised won't hold, or holds again.
    Delayed,
    /// Units that don't come, while the order goes on without them.
    ShortShipped,
    Cancelled,
    /// What the customer sent back has arrived.
    ReturnReceived,
    FeedbackInvited,
}

impl Milestone {
    /// Every milestone, with the word for it in interfaces.
    pub const WORDS: [(&str, Self); 10] = [
        ("packed", Self::Packed),
        ("ready_for_pickup", Self::ReadyForPickup),
        ("handed_over", Self::HandedOver),
        ("collected", Self::Collected),
        ("order_accepted", Self::OrderAccepted),
        ("delayed", Self::Delayed),
        ("short_shipped", Self::ShortShipped),
        ("cancelled", Self::Cancelled),
        ("return_received", Self::ReturnReceived),
        ("feedback_invited", Self::FeedbackInvited),
    ];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize].0
    }

    /// How far an order has come: a step with a lower rank is never told after one with a higher.
    #[must_use]
    pub fn rank(self) -> u32 {
        match self {
            Self::OrderAccepted => 10,
            Self::Packed => 20,
            Self::ShortShipped => 22,
            Self::Delayed => 25,
            Self::ReadyForPickup => 30,
            Self::HandedOver | Self::Collected => 40,
            Self::FeedbackInvited => 45,
            Self::Cancelled | Self::ReturnReceived => 50,
        }
    }

    /// After this long nobody wants to hear it any more, where the configuration says nothing else.
    #[must_use]
    pub fn expires_after(self) -> Duration {
        let hours = match self {
            Self::OrderAccepted | Self::Packed | Self::Delayed => 24,
            Self::HandedOver | Self::Collected => 48,
            Self::ReadyForPickup => 72,
            Self::ShortShipped | Self::Cancelled | Self::ReturnReceived | Self::FeedbackInvited => 7 * 24,
        };
        Duration::from_secs(hours * 3600)
    }

    /// Whether it is a step on an order's way: each makes the ones before it old, and an earlier saying of itself.
    #[must_use]
    pub fn is_step(self) -> bool {
        matches!(self, Self::OrderAccepted | Self::Packed | Self::ReadyForPickup | Self::HandedOver | Self::Collected)
    }

    /// Whether the goods are with their carrier or customer by it.
    #[must_use]
    pub fn is_hand_over(self) -> bool {
        matches!(self, Self::HandedOver | Self::Collected)
    }
}
