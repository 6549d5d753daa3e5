//! Returns announced.

use super::*;

fn announced(units: u32) -> Return {
    let order = OrderRef { id: "o-1".into(), number: "1".into(), revision: 1 };
    let line = ReturnLine { sku: "sku-A".into(), name: "Product A".into(), quantity: units, codes: vec!["A".into()] };
    Return {
        lines: vec![line],
        resolution: Some("refund".into()),
        authorized: true,
        state: ReturnState::Authorized,
        ..Return::unannounced("r-1".into(), Some(order))
    }
}

#[test]
fn a_return_is_announced_changed_and_at_last_left_alone() {
    let (event, known) = authorize(None, announced(1)).unwrap();
    assert_eq!(
        (event.kind().word(), known.state, known.authorized),
        ("return.authorized", ReturnState::Authorized, true)
    );
    let found = Returned { sku: None, name: "A".into(), code: "A".into(), values: Values::default() };
    for (state, expected) in [
        (ReturnState::Authorized, Ok(ReturnState::Authorized)),
        (ReturnState::Receiving, Ok(ReturnState::Receiving)),
        (ReturnState::Completed, Err(Rejection::ReturnCompleted)),
    ] {
        let before = Return { state, found: vec![(found.clone(), Condition::Inspect)], ..announced(1) };
        let after = authorize(Some(&before), announced(2)).map(|(_, after)| after);
        assert_eq!(after.as_ref().map(|after| after.state).map_err(|rejection| *rejection), expected);
        if let Ok(after) = after {
            assert_eq!((after.lines[0].quantity, after.found), (2, before.found), "what was found stays found");
        }
    }
}

#[test]
fn a_return_that_came_before_it_was_announced_is_authorized_then() {
    let box_here = Return::unannounced("r-1".into(), None);
    let (_, after) = authorize(Some(&box_here), announced(1)).unwrap();
    assert_eq!((after.authorized, after.state, after.lines.len()), (true, ReturnState::Receiving, 1));
}
