use super::*;
use Believed::{Awaited, Behind, Plausible, Stepped, Synchronized};

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A judge that has gone through rows of the time since the boot, what the wall clock shows and what speaks for it; each
/// ends with how far that is believed, and the label.
#[track_caller]
fn check(known: Option<Known>, rows: &[(u64, &str, Evidence, Believed, &str)]) -> Judge {
    let mut judge = Judge::default();
    if let Some(known) = known {
        judge.resume(known);
    }
    for (since_boot_s, wall, evidence, believed, label) in rows {
        judge.hear(*evidence);
        let reading = Reading { wall: time(wall), since_boot: Duration::from_secs(*since_boot_s) };
        let (labelled, trusted) = judge.judge(reading);
        let found = (judge.standing().believed, labelled.to_string());
        assert_eq!(found, (*believed, (*label).to_owned()), "{since_boot_s} {wall}");
        assert_eq!(trusted, believed.is_trusted());
    }
    judge
}

/// The same without a time server, for what is believed; trusted clocks are their own labels.
#[track_caller]
fn check_steady(rows: &[(u64, &str, bool)]) {
    let mut judge = Judge::default();
    for (since_boot_s, wall, trusted) in rows {
        let reading = Reading { wall: time(wall), since_boot: Duration::from_secs(*since_boot_s) };
        assert_eq!(judge.judge(reading).1, *trusted, "{since_boot_s} {wall}");
    }
}

fn mark(at: &str, since_boot_s: Option<u64>) -> Mark {
    Mark { at: time(at), since_boot: since_boot_s.map(Duration::from_secs) }
}

/// A log whose newest event is this one, with none before it of which the clock was believed.
fn known(at: &str, trusted: bool, since_boot_s: Option<u64>) -> Option<Known> {
    let newest = mark(at, since_boot_s);
    Some(Known { newest, believed: Some(newest).filter(|_| trusted), vouched: false })
}

/// A log that ends in doubt: its newest event, and the newest one of which the clock was believed.
fn doubted(newest: Mark, believed: Mark, vouched: bool) -> Option<Known> {
    Some(Known { newest, believed: Some(believed), vouched })
}

#[test]
fn a_board_in_1970_reckons_from_the_release_until_it_learns_the_time() {
    check(
        None,
        &[
            (30, "1970-01-01T00:00:30Z", Evidence::Awaited, Behind, "2026-01-01T00:00:00Z"),
            (90, "1970-01-01T00:01:30Z", Evidence::Awaited, Behind, "2026-01-01T00:01:00Z"),
            (95, "2026-11-26T10:00:00Z", Evidence::Awaited, Awaited, "2026-11-26T10:00:00Z"),
            (96, "2026-11-26T10:00:01Z", Evidence::Synchronized, Synchronized, "2026-11-26T10:00:01Z"),
        ],
    );
}

#[test]
fn time_goes_on_from_what_the_log_knew_last() {
    let log = known("2026-11-26T10:00:00Z", true, None);
    check(
        log,
        &[
            (30, "1970-01-01T00:00:30Z", Evidence::Plausible, Behind, "2026-11-26T10:00:30Z"),
            (90, "2026-11-20T00:00:00Z", Evidence::Synchronized, Synchronized, "2026-11-20T00:00:00Z"),
        ],
    );
    check(log, &[(30, "2026-11-26T09:00:30Z", Evidence::Plausible, Behind, "2026-11-26T10:00:30Z")]);
    // As good as right; its labels stand still until it is there.
    check(
        log,
        &[
            (30, "2026-11-26T09:56:30Z", Evidence::Plausible, Plausible, "2026-11-26T10:00:00Z"),
            (90, "2026-11-26T09:57:30Z", Evidence::Synchronized, Synchronized, "2026-11-26T09:57:30Z"),
        ],
    );
    check(log, &[(30, "2027-11-26T10:00:30Z", Evidence::Plausible, Plausible, "2027-11-26T10:00:30Z")]);
    // Of this boot, and labelled without a clock.
    let log = known("2026-01-01T00:10:00Z", false, Some(700));
    check(log, &[(760, "1970-01-01T00:10:00Z", Evidence::Plausible, Behind, "2026-01-01T00:11:00Z")]);
    // Written by a version that didn't reckon.
    let log = known("1970-01-01T00:10:00Z", false, None);
    check(log, &[(760, "1970-01-01T00:10:00Z", Evidence::Plausible, Behind, "2026-01-01T00:00:00Z")]);
}

#[test]
fn a_time_server_that_was_heard_in_this_boot_may_go_away() {
    let rows = [
        (30, "2026-11-26T10:00:00Z", Evidence::Awaited, Awaited, "2026-11-26T10:00:00Z"),
        (60, "2026-11-26T10:00:30Z", Evidence::Synchronized, Synchronized, "2026-11-26T10:00:30Z"),
        (60_030, "2026-11-27T02:40:00Z", Evidence::Awaited, Plausible, "2026-11-27T02:40:00Z"),
    ];
    check(None, &rows);
    let log = known("2026-11-27T02:40:00Z", true, Some(60_030));
    check(log, &[(60_060, "2026-11-27T02:40:30Z", Evidence::Awaited, Plausible, "2026-11-27T02:40:30Z")]);
    let log = known("2026-11-27T02:40:00Z", true, None);
    check(log, &[(30, "2026-11-27T02:41:00Z", Evidence::Awaited, Awaited, "2026-11-27T02:41:00Z")]);
}

#[test]
fn what_is_awaited_is_labelled_by_the_clock_but_never_before_the_log() {
    let log = known("2026-11-26T10:00:00Z", true, None);
    check(log, &[(30, "2026-11-26T09:58:00Z", Evidence::Awaited, Awaited, "2026-11-26T10:00:30Z")]);
    check(log, &[(30, "2026-11-26T10:58:00Z", Evidence::Awaited, Awaited, "2026-11-26T10:58:00Z")]);
}

#[test]
fn a_clock_that_somebody_sets_before_the_log_is_believed_when_it_has_gone_on_for_a_while() {
    check(
        known("2040-01-01T00:00:00Z", true, None),
        &[
            (30, "2026-11-26T10:00:00Z", Evidence::Plausible, Behind, "2040-01-01T00:00:30Z"),
            (60, "2026-11-26T12:00:00Z", Evidence::Plausible, Stepped, "2040-01-01T00:01:00Z"),
            (659, "2026-11-26T12:09:59Z", Evidence::Plausible, Stepped, "2040-01-01T00:10:59Z"),
            (660, "2026-11-26T12:10:00Z", Evidence::Plausible, Plausible, "2026-11-26T12:10:00Z"),
            (720, "2026-11-26T12:11:00Z", Evidence::Plausible, Plausible, "2026-11-26T12:11:00Z"),
        ],
    );
}

#[test]
fn what_goes_on_in_doubt_is_labelled_as_if_nobody_had_set_the_clock() {
    check(
        None,
        &[
            (0, "2026-11-26T10:00:00Z", Evidence::Synchronized, Synchronized, "2026-11-26T10:00:00Z"),
            (60, "2046-11-26T10:01:00Z", Evidence::Plausible, Stepped, "2026-11-26T10:01:00Z"),
            (120, "2046-11-26T10:02:00Z", Evidence::Synchronized, Stepped, "2026-11-26T10:02:00Z"),
            (180, "1970-01-01T00:00:00Z", Evidence::Synchronized, Behind, "2026-11-26T10:03:00Z"),
            (240, "2026-11-26T10:04:02Z", Evidence::Plausible, Plausible, "2026-11-26T10:04:02Z"),
        ],
    );
    // Over a restart of the agent too.
    check(
        known("2026-11-26T10:00:00Z", true, Some(1_000)),
        &[(1_060, "2046-11-26T10:01:00Z", Evidence::Plausible, Stepped, "2026-11-26T10:01:00Z")],
    );
    check(
        None,
        &[
            (0, "2026-11-26T10:00:00Z", Evidence::Plausible, Plausible, "2026-11-26T10:00:00Z"),
            (60, "2026-11-26T08:01:00Z", Evidence::Plausible, Stepped, "2026-11-26T10:01:00Z"),
            (660, "2026-11-26T08:11:00Z", Evidence::Plausible, Plausible, "2026-11-26T08:11:00Z"),
        ],
    );
}

#[test]
fn a_doubt_goes_on_over_a_restart_of_the_agent() {
    let believed = mark("2026-11-26T10:00:00Z", Some(1_000));
    let newest = mark("2026-11-26T10:02:00Z", Some(1_120));
    for vouched in [false, true] {
        check(
            doubted(newest, believed, vouched),
            &[
                (1_180, "2046-11-26T10:03:00Z", Evidence::Plausible, Stepped, "2026-11-26T10:03:00Z"),
                (1_240, "2026-11-26T10:04:02Z", Evidence::Plausible, Plausible, "2026-11-26T10:04:02Z"),
            ],
        );
    }
    // Whoever says so, where one was heard before.
    let vouched = doubted(newest, believed, true);
    check(vouched, &[(1_180, "2046-11-26T10:03:00Z", Evidence::Synchronized, Stepped, "2026-11-26T10:03:00Z")]);
    let taught = doubted(newest, believed, false);
    check(taught, &[(1_180, "2027-11-26T10:03:00Z", Evidence::Synchronized, Synchronized, "2027-11-26T10:03:00Z")]);
    // What a wrong clock showed is nothing to go on from.
    let newest = mark("2046-11-26T10:02:00Z", Some(1_120));
    check(
        doubted(newest, believed, true),
        &[(1_180, "2046-11-26T10:03:00Z", Evidence::Plausible, Stepped, "2026-11-26T10:03:00Z")],
    );
}

#[test]
fn a_clock_that_was_set_back_before_a_restart_is_believed_when_it_has_gone_on_for_a_while() {
    let (believed, newest) = (("2026-11-26T12:00:00Z", 1_000), ("2026-11-26T12:05:00Z", 1_300));
    check(
        doubted(mark(newest.0, Some(newest.1)), mark(believed.0, Some(believed.1)), false),
        &[
            (1_400, "2026-11-26T10:06:40Z", Evidence::Plausible, Stepped, "2026-11-26T12:06:40Z"),
            (1_999, "2026-11-26T10:16:39Z", Evidence::Plausible, Stepped, "2026-11-26T12:16:39Z"),
            (2_000, "2026-11-26T10:16:40Z", Evidence::Plausible, Plausible, "2026-11-26T10:16:40Z"),
        ],
    );
    // After another boot it is before what was believed, until somebody sets it: by however little.
    check(
        doubted(mark(newest.0, None), mark(believed.0, None), false),
        &[
            (30, "2026-11-26T10:06:00Z", Evidence::Plausible, Behind, "2026-11-26T12:05:30Z"),
            (60, "2026-11-26T10:06:31Z", Evidence::Plausible, Stepped, "2026-11-26T12:06:00Z"),
            (660, "2026-11-26T10:16:31Z", Evidence::Plausible, Plausible, "2026-11-26T10:16:31Z"),
        ],
    );
}

#[test]
fn what_a_clock_showed_that_nobody_believed_says_nothing_against_another() {
    let log = doubted(mark("2046-11-26T10:02:00Z", None), mark("2026-11-26T10:00:00Z", None), false);
    check(log, &[(30, "2026-11-26T10:05:00Z", Evidence::Plausible, Plausible, "2026-11-26T10:05:00Z")]);
    check(log, &[(30, "2026-11-26T09:50:00Z", Evidence::Plausible, Behind, "2046-11-26T10:02:30Z")]);
}

#[test]
fn a_time_server_that_is_heard_first_is_believed_by_however_much_it_sets_the_clock() {
    check(
        None,
        &[
            (5, "2026-03-01T00:00:05Z", Evidence::Plausible, Plausible, "2026-03-01T00:00:05Z"),
            (15, "2026-11-26T10:00:00Z", Evidence::Plausible, Stepped, "2026-03-01T00:00:15Z"),
            (17, "2026-11-26T10:00:02Z", Evidence::Synchronized, Synchronized, "2026-11-26T10:00:02Z"),
            (27, "2046-11-26T10:00:12Z", Evidence::Synchronized, Stepped, "2026-11-26T10:00:12Z"),
        ],
    );
}

#[test]
fn a_time_server_may_set_the_clock_back() {
    for at_once in [Evidence::Synchronized, Evidence::Plausible] {
        let stepped = if at_once == Evidence::Synchronized {
            (Synchronized, "2026-11-26T08:01:00Z")
        } else {
            (Stepped, "2026-11-26T10:01:00Z")
        };
        check(
            None,
            &[
                (0, "2026-11-26T10:00:00Z", Evidence::Plausible, Plausible, "2026-11-26T10:00:00Z"),
                (60, "2026-11-26T08:01:00Z", at_once, stepped.0, stepped.1),
                (70, "2026-11-26T08:01:10Z", Evidence::Synchronized, Synchronized, "2026-11-26T08:01:10Z"),
            ],
        );
    }
}

#[test]
fn a_board_that_learns_the_time_is_believed() {
    check_steady(&[(0, "1970-01-01T00:00:00Z", false), (60, "2026-11-26T10:00:00Z", true)]);
    check_steady(&[(0, "2026-11-25T18:00:00Z", true), (60, "2026-11-26T10:00:00Z", true)]);
}

#[test]
fn twenty_years_ahead_is_not_believed_until_it_comes_back() {
    check_steady(&[
        (0, "2026-11-26T10:00:00Z", true),
        (60, "2046-11-26T10:01:00Z", false),
        (7_200, "2046-11-26T12:00:00Z", false),
        (7_260, "2026-11-26T12:01:00Z", true),
    ]);
    check_steady(&[
        (0, "2026-11-26T10:00:00Z", true),
        (60, "2046-11-26T10:01:00Z", false),
        (120, "1970-01-01T00:00:00Z", false),
        (180, "2026-11-26T10:03:00Z", true),
    ]);
}

#[test]
fn a_clock_that_goes_back_is_believed_when_it_has_gone_on_for_a_while() {
    check_steady(&[
        (0, "2026-11-26T10:00:00Z", true),
        (60, "2026-11-26T08:01:00Z", false),
        (120, "2026-11-26T08:02:00Z", false),
        (660, "2026-11-26T08:11:00Z", true),
    ]);
    check_steady(&[
        (0, "2026-11-26T10:00:00Z", true),
        (60, "2026-11-26T08:01:00Z", false),
        (120, "2026-11-26T10:02:00Z", true),
    ]);
}

#[test]
fn a_clock_that_is_only_set_right_is_believed() {
    check_steady(&[
        (0, "2026-11-26T10:00:00Z", true),
        (60, "2026-11-26T10:05:59Z", true),
        (120, "2026-11-26T09:59:00Z", false),
    ]);
    check_steady(&[(0, "2026-11-26T10:00:00Z", true), (60, "2026-11-26T09:57:00Z", true)]);
}

#[test]
fn notes_the_last_step_of_the_clock() {
    for (rows, expected) in [
        (&[(0, "2026-11-26T10:00:00Z"), (60, "2026-11-26T10:01:00.9Z")][..], None),
        (&[(0, "2026-11-26T10:00:00Z"), (60, "2026-11-26T10:01:01Z")], Some(1_000)),
        (&[(0, "2026-11-26T10:00:00Z"), (60, "2026-11-26T10:00:00Z"), (120, "2026-11-26T10:01:00Z")], Some(-60_000)),
        (&[(0, "1970-01-01T00:00:00Z"), (60, "1970-01-02T00:01:00Z")], Some(86_400_000)),
    ] {
        let mut judge = Judge::default();
        for (since_boot_s, wall) in rows {
            judge.judge(Reading { wall: time(wall), since_boot: Duration::from_secs(*since_boot_s) });
        }
        assert_eq!(judge.standing().step.map(|step| step.by.as_millis()), expected, "{rows:?}");
    }
}
