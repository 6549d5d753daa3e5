//! Where each message goes.

/// The topics of one site under a root such as `parceld/v1`.
#[derive(Clone, Debug)]
pub struct Topics {
    base: String,
}

impl Topics {
    #[must_use]
    pub fn new(root: &str, site: &str) -> Self {
        Self { base: format!("{root}/{site}") }
    }

    /// Events of one group: `order`, `pick`, `pack`, …
    #[must_use]
    pub fn events(&self, group: &str) -> String {
        format!("{}/events/{group}", self.base)
    }

    #[must_use]
    pub fn state_agent(&self) -> String {
        format!("{}/state/agent", self.base)
    }

    #[must_use]
    pub fn state_promise(&self) -> String {
        format!("{}/state/promise", self.base)
    }

    /// Where the doctor tries whether the site may publish; never retained, and no part of what is agreed on.
    #[must_use]
    pub fn state_doctor(&self) -> String {
        format!("{}/state/doctor", self.base)
    }

    #[must_use]
    pub fn receipts(&self) -> String {
        format!("{}/receipts", self.base)
    }

    #[must_use]
    pub fn commands(&self) -> String {
        format!("{}/commands", self.base)
    }

    #[must_use]
    pub fn replies(&self) -> String {
        format!("{}/replies", self.base)
    }
}
