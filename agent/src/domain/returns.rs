//! Goods that come back. `authorized → receiving → completed`; what nobody announced begins at `receiving`.

use super::code::{Condition, Values};
use super::event::{Event, OrderRef};
use super::name::{ProductCode, ReturnId, Sku};
use std::sync::Arc;

/// A return, and what has been found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Return {
    pub id: ReturnId,
    /// The order that it belongs to, where that is known.
    pub order: Option<OrderRef>,
    /// Whether the platform announced it.
    pub authorized: bool,
    /// What was announced.
    pub lines: Vec<ReturnLine>,
    /// What the customer chose: `refund`, `exchange`, `voucher`, `replacement`, or another word of the platform's.
    pub resolution: Option<Box<str>>,
    pub state: ReturnState,
    /// In the order in which they were inspected.
    pub found: Vec<(Returned, Condition)>,
}

/// So many units of a product that are to come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnLine {
    pub sku: Sku,
    pub name: Arc<str>,
    pub quantity: u32,
    pub codes: Vec<ProductCode>,
}

/// An item in a returned box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    /// None: a product that this site does not know.
    pub sku: Option<Sku>,
    /// For people: its name, or its code.
    pub name: Arc<str>,
    pub code: ProductCode,
    pub values: Values,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReturnState {
    Authorized,
    Receiving,
    Completed,
}

impl ReturnState {
    /// Every state, with the word for it in the database and in interfaces.
    pub const WORDS: [(&str, Self); 3] =
        [("authorized", Self::Authorized), ("receiving", Self::Receiving), ("completed", Self::Completed)];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}

/// How events name a return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnRef {
    pub id: ReturnId,
    pub order: Option<OrderRef>,
    pub authorized: bool,
}

/// An event that the return's state does not allow: a programming error live, a damaged log on replay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} is not allowed for return {id} in state {state}")]
pub struct Illegal {
    pub id: ReturnId,
    pub state: &'static str,
    pub event: &'static str,
}

/// More items than fit into any box that is inspected at a bench.
pub const FOUND_MAX: usize = 500;

impl Return {
    /// Goods that nobody announced.
    #[must_use]
    pub fn unannounced(id: ReturnId, order: Option<OrderRef>) -> Self {
        Self {
            id,
            order,
            authorized: false,
            lines: Vec::new(),
            resolution: None,
            state: ReturnState::Receiving,
            found: Vec::new(),
        }
    }

    #[must_use]
    pub fn reference(&self) -> ReturnRef {
        ReturnRef { id: self.id.clone(), order: self.order.clone(), authorized: self.authorized }
    }

    /// The announced line that `code`, or the product that the catalog knows it as, stands on.
    #[must_use]
    pub fn line_for(&self, code: &str, sku: Option<&Sku>) -> Option<&ReturnLine> {
        let is = |line: &&ReturnLine| Some(&line.sku) == sku || line.codes.iter().any(|known| **known == *code);
        self.lines.iter().find(is)
    }

    /// Units that were announced, and units of any kind that were found.
    #[must_use]
    pub fn units(&self) -> (u32, u32) {
        let found = self.found.iter().filter(|(_, condition)| *condition != Condition::Missing).count();
        (found as u32, self.lines.iter().map(|line| line.quantity).sum())
    }

    /// What was announced and neither found nor said to be missing.
    #[must_use]
    pub fn outstanding(&self) -> Vec<(&ReturnLine, u32)> {
        let left = |line: &ReturnLine| {
            let found = self.found.iter().filter(|(item, _)| item.sku.as_ref() == Some(&line.sku)).count();
            line.quantity.saturating_sub(found as u32)
        };
        self.lines.iter().map(|line| (line, left(line))).filter(|(_, left)| 0 < *left).collect()
    }

    /// Moves on by one event; an event about another return changes nothing.
    ///
    /// # Errors
    /// The return's state does not allow it.
    pub fn apply(&mut self, event: &Event) -> Result<(), Illegal> {
        let illegal = Illegal { id: self.id.clone(), state: self.state.word(), event: event.kind().word() };
        self.follow(event).ok_or(illegal)
    }

    fn follow(&mut self, event: &Event) -> Option<()> {
        match (self.state, event) {
            (_, Event::ReturnAuthorized { terms }) if terms.id == self.id => {
                (self.state != ReturnState::Completed).then_some(())?;
                let (state, found) = (self.state, std::mem::take(&mut self.found));
                *self = Self { state, found, ..(**terms).clone() };
            }
            (ReturnState::Authorized, Event::ReturnReceived { about }) if about.id == self.id => {
                self.state = ReturnState::Receiving;
            }
            (ReturnState::Receiving, Event::ItemInspected { about, item, condition, negates, .. })
                if about.id == self.id =>
            {
                if *negates {
                    let last = self.found.iter().rposition(|found| found == &(item.clone(), *condition))?;
                    self.found.remove(last);
                } else {
                    self.found.push((item.clone(), *condition));
                }
            }
            (ReturnState::Receiving, Event::ReturnCompleted { about, .. }) if about.id == self.id => {
                self.state = ReturnState::Completed;
            }
            (
                _,
                Event::ReturnReceived { about }
                | Event::ItemInspected { about, .. }
                | Event::ReturnCompleted { about, .. },
            ) if about.id == self.id => return None,
            _ => {}
        }
        Some(())
    }
}
