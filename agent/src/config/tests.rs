//! Bad files as rows: an edit of a good file, and the whole of what is then said.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;

use super::manual::MANUAL;
use super::*;

mod layers;
mod shown;

const GOOD: &str = r#"[site]
id = "sthlm-03"
timezone = "Europe/Stockholm"
gs1_company_prefix = "7312345"

[broker]
url = "mqtt://broker.example.com"

[[station]]
id = "bench-1"
"#;

const EXAMPLE_SITE: &str = include_str!("../../../config/example-site.toml");

fn said(text: &str) -> String {
    parse(Path::new("parceld.toml"), text).expect_err("the file was accepted").to_string()
}

fn accepted(text: &str) -> Config {
    parse(Path::new("parceld.toml"), text).unwrap_or_else(|error| panic!("{error}"))
}

/// Each row replaces a part of the good file, or adds to its end where that part is empty.
fn check(rows: &[(&str, &str, &str)]) {
    for (from, to, expected) in rows {
        let text = match *from {
            "" => format!("{GOOD}{to}\n"),
            from => GOOD.replacen(from, to, 1),
        };
        assert_eq!(said(&text), dedent(expected), "for this file:\n{text}");
    }
}

/// Expected text stands indented in its row, by twelve spaces.
fn dedent(text: &str) -> String {
    let lines: Vec<&str> = text.lines().skip(1).map(|line| line.get(12..).unwrap_or_default()).collect();
    lines.join("\n").trim_end().to_owned()
}

#[test]
fn broken_syntax_is_explained() {
    check(&[
        (
            "[site]",
            "[site",
            r#"
            parceld.toml:1:6: the name of the table is not closed
              |
            1 | [site
              |      ^
              = write [name], or [[name]] for a list
        "#,
        ),
        (
            r#"id = "sthlm-03""#,
            "id = sthlm-03",
            r#"
            parceld.toml:2:6: a text needs quotes
              |
            2 | id = sthlm-03
              |      ^^^^^^^^
              = write "sthlm-03"
        "#,
        ),
        (
            r#"id = "sthlm-03""#,
            "id =",
            r#"
            parceld.toml:2:5: there is no value after the =
              |
            2 | id =
              |     ^
              = a line reads: key = value
        "#,
        ),
        (
            r#"id = "sthlm-03""#,
            r#"id "sthlm-03""#,
            r#"
            parceld.toml:2:4: there is no = after the key
              |
            2 | id "sthlm-03"
              |    ^
              = a line reads: key = value
        "#,
        ),
        (
            r#"id = "sthlm-03""#,
            r#"id = "sthlm-03"#,
            r#"
            parceld.toml:2:15: the text is not closed
              |
            2 | id = "sthlm-03
              |               ^
              = end it with " on the same line; inside of it write \" and \\
        "#,
        ),
        (
            r#"id = "sthlm-03""#,
            "id = \"a\"\nid = \"b\"",
            r#"
            parceld.toml:3:1: `id` stands here for the second time
              |
            3 | id = "b"
              | ^^
              = keep one of the two
        "#,
        ),
        (
            "[broker]",
            "[site]",
            r#"
            parceld.toml:6:2: `site` stands here for the second time
              |
            6 | [site]
              |  ^^^^
              = keep one of the two
        "#,
        ),
        (
            "",
            "[log]\nlevel = 007",
            r#"
            parceld.toml:12:9: this is not TOML: unexpected leading zero
               |
            12 | level = 007
               |         ^
               = a line reads: key = value; a table begins with [name]; a comment begins with #
        "#,
        ),
    ]);
}

#[test]
fn unknown_keys_and_tables_get_a_near_name_or_the_list() {
    check(&[
        (
            "timezone",
            "tiemzone",
            r#"
            parceld.toml:3:1: there is no key `tiemzone` in [site]
              |
            3 | tiemzone = "Europe/Stockholm"
              | ^^^^^^^^
              = did you mean `timezone`?
        "#,
        ),
        (
            "url",
            "password = \"hunter2\"\nurl",
            r#"
            parceld.toml:7:1: there is no key `password` in [broker]
              |
            7 | password =**********
              | ^^^^^^^^
              = did you mean `password_file`?
        "#,
        ),
        (
            "",
            "[sight]\nx = 1",
            r#"
            parceld.toml:11:2: there is no table [sight]
               |
            11 | [sight]
               |  ^^^^^
               = the tables are: site, storage, broker, sync, web, control, floor, promise, notices, station, scanner, printer, carrier, log
        "#,
        ),
        (
            "",
            "[schedule]\nx = 1",
            r#"
            parceld.toml:11:2: there is no table [schedule]
               |
            11 | [schedule]
               |  ^^^^^^^^
               = the tables are: site, storage, broker, sync, web, control, floor, promise, notices, station, scanner, printer, carrier, log
        "#,
        ),
        (
            "[site]",
            "retain = true\n[site]",
            r#"
            parceld.toml:1:1: `retain` stands outside of every table
              |
            1 | retain = true
              | ^^^^^^
              = the tables are: site, storage, broker, sync, web, control, floor, promise, notices, station, scanner, printer, carrier, log
        "#,
        ),
        (
            "",
            "[[carrier]]\nid = \"post\"\ncollections = [{ days = [\"mon\"], at = \"16:30\", cutoff = \"15m\" }]",
            r#"
            parceld.toml:13:48: there is no key `cutoff` in carrier.collections
               |
            13 | collections = [{ days = ["mon"], at = "16:30", cutoff = "15m" }]
               |                                                ^^^^^^
               = did you mean `cut_off`?
        "#,
        ),
        (
            "[[station]]",
            "password = hunter2\n[[station]]",
            r#"
            parceld.toml:9:12: a text needs quotes
              |
            9 | password =********
              |            ^^^^^^^
              = write "..."
        "#,
        ),
        (
            "",
            r#"log = { level = "info", api_token = "hunter2" }"#,
            r#"
            parceld.toml:11:1: there is no key `log` in [[station]]
               |
            11 | log = { level = "info", api_token =************
               | ^^^
               = its keys are: id, name, mode, screen
        "#,
        ),
        (
            "",
            r#""\u001b[31m\n" = 1"#,
            r#"
            parceld.toml:11:1: there is no key `\u{1b}[31m\n` in [[station]]
               |
            11 | "\u001b[31m\n" = 1
               | ^^^^^^^^^^^^^^
               = its keys are: id, name, mode, screen
        "#,
        ),
    ]);
}

#[test]
fn wrong_types_are_named_with_an_example() {
    check(&[
        (
            r#""7312345""#,
            "7312345",
            r#"
            parceld.toml:4:22: `gs1_company_prefix` must be a text in quotes, but this is a number
              |
            4 | gs1_company_prefix = 7312345
              |                      ^^^^^^^
              = write it like this: gs1_company_prefix = "7312345"
        "#,
        ),
        (
            "",
            "[sync]\nwindow = \"64\"",
            r#"
            parceld.toml:12:10: `window` must be a whole number, but this is a text in quotes
               |
            12 | window = "64"
               |          ^^^^
               = write it like this: window = 64
        "#,
        ),
        (
            "",
            "[sync]\nwindow = 6.5",
            r#"
            parceld.toml:12:10: `window` must be a whole number, but this is a number with a fraction
               |
            12 | window = 6.5
               |          ^^^
               = write it like this: window = 64
        "#,
        ),
        (
            "",
            "[sync]\nwindow = 99999999999999999999",
            r#"
            parceld.toml:12:10: `window` is far too large
               |
            12 | window = 99999999999999999999
               |          ^^^^^^^^^^^^^^^^^^^^
               = write it like this: window = 64
        "#,
        ),
        (
            "",
            "[web]\nallowed_hosts = \"parceld.local\"",
            r#"
            parceld.toml:12:17: `allowed_hosts` must be a list, but this is a text in quotes
               |
            12 | allowed_hosts = "parceld.local"
               |                 ^^^^^^^^^^^^^^^
               = write it like this: allowed_hosts = ["parceld.local"]
        "#,
        ),
        (
            "",
            "[web]\nallowed_hosts = [\"parceld.local\", 5]",
            r#"
            parceld.toml:12:35: an entry of `allowed_hosts` must be a text in quotes, but this is a number
               |
            12 | allowed_hosts = ["parceld.local", 5]
               |                                   ^
               = write it like this: allowed_hosts = ["parceld.local"]
        "#,
        ),
        (
            "",
            "[[carrier]]\nid = \"post\"\nholidays = [2026-12-25]",
            r#"
            parceld.toml:13:13: an entry of `holidays` must be a text in quotes, but this is a date or time without quotes
               |
            13 | holidays = [2026-12-25]
               |             ^^^^^^^^^^
               = write it like this: holidays = ["2026-12-25"]
        "#,
        ),
        (
            "",
            "[[carrier]]\nid = \"post\"\ncollections = [\"16:30\"]",
            r#"
            parceld.toml:13:16: an entry of `collections` must be a table, but this is a text in quotes
               |
            13 | collections = ["16:30"]
               |                ^^^^^^^
               = write it like this: collections = [{ days = ["mon-fri"], at = "16:30", cut_off = "15m" }]
        "#,
        ),
        (
            "[[station]]",
            "[station]",
            r#"
            parceld.toml:9:1: `station` must be a list, but this is a table
              |
            9 | [station]
              | ^^^^^^^^^
              = write it as [[station]], in double brackets: there may be several
        "#,
        ),
        (
            "[site]",
            "[[site]]",
            r#"
            parceld.toml:1:1: `site` must be a table, but this is a list
              |
            1 | [[site]]
              | ^^^^^^^^
              = write it as [site], in single brackets, with its keys on the lines below
        "#,
        ),
        (
            "[site]",
            "log = \"debug\"\n[site]",
            r#"
            parceld.toml:1:7: `log` must be a table, but this is a text in quotes
              |
            1 | log = "debug"
              |       ^^^^^^^
              = write it as [log], in single brackets, with its keys on the lines below
        "#,
        ),
    ]);
}

#[test]
fn values_out_of_range_are_refused_with_the_range() {
    check(&[
        (
            r#""sthlm-03""#,
            r#""Sthlm 03""#,
            r#"
            parceld.toml:2:6: `id` must be 1 to 32 characters out of a-z, 0-9, _ and -
              |
            2 | id = "Sthlm 03"
              |      ^^^^^^^^^^
              = write "sthlm-03"
        "#,
        ),
        (
            r#""sthlm-03""#,
            r#""""#,
            r#"
            parceld.toml:2:6: `id` must be 1 to 32 characters out of a-z, 0-9, _ and -
              |
            2 | id = ""
              |      ^^
              = write it like this: id = "sthlm-03"
        "#,
        ),
        (
            r#""7312345""#,
            r#""731""#,
            r#"
            parceld.toml:4:22: `gs1_company_prefix` must be the 4 to 12 digits that GS1 gave to the company
              |
            4 | gs1_company_prefix = "731"
              |                      ^^^^^
              = write it like this: gs1_company_prefix = "7312345"
        "#,
        ),
        (
            "",
            "[site.name]",
            r#"
            parceld.toml:11:1: `name` must be a text in quotes, but this is a table
               |
            11 | [site.name]
               | ^^^^^^^^^^^
               = write it like this: name = "Södermalm"
        "#,
        ),
        (
            "",
            "[storage]\nkeep = \"12h\"",
            r#"
            parceld.toml:12:8: `keep` must be between 1d and 3650d
               |
            12 | keep = "12h"
               |        ^^^^^
               = write it like this: keep = "30d"
        "#,
        ),
        (
            "[[station]]",
            "keep_alive = \"4s\"\n[[station]]",
            r#"
            parceld.toml:9:14: `keep_alive` must be between 5s and 1h
              |
            9 | keep_alive = "4s"
              |              ^^^^
              = write it like this: keep_alive = "30s"
        "#,
        ),
        (
            "[[station]]",
            "root = \"/parceld/v1\"\n[[station]]",
            r#"
            parceld.toml:9:8: `root` must be levels of 1 to 32 characters out of a-z, 0-9, _ and -, with / between them
              |
            9 | root = "/parceld/v1"
              |        ^^^^^^^^^^^^^
              = leave out the / at the ends, and any second / in a row
        "#,
        ),
        (
            "[[station]]",
            "root = \"a/b/c/d/e/f\"\n[[station]]",
            r#"
            parceld.toml:9:8: `root` has more than 5 levels, so topics below it would be too deep
              |
            9 | root = "a/b/c/d/e/f"
              |        ^^^^^^^^^^^^^
              = write it like this: root = "parceld/v1"
        "#,
        ),
        (
            "",
            "[sync]\nwindow = 1001",
            r#"
            parceld.toml:12:10: `window` must be between 1 and 1000
               |
            12 | window = 1001
               |          ^^^^
               = write it like this: window = 64
        "#,
        ),
        (
            "",
            "[sync]\nwindow = 0",
            r#"
            parceld.toml:12:10: `window` must be between 1 and 1000
               |
            12 | window = 0
               |          ^
               = write it like this: window = 64
        "#,
        ),
        (
            "",
            "[sync]\nforget = \"reciept\"",
            r#"
            parceld.toml:12:10: `forget` cannot be "reciept"
               |
            12 | forget = "reciept"
               |          ^^^^^^^^^
               = did you mean "receipt"? it can be "receipt", "puback"
        "#,
        ),
        (
            "",
            "[floor]\nflow = \"pick-then-pack\"",
            r#"
            parceld.toml:12:8: `flow` cannot be "pick-then-pack"
               |
            12 | flow = "pick-then-pack"
               |        ^^^^^^^^^^^^^^^^
               = did you mean "pick_then_pack"? it can be "single_step", "pick_then_pack"
        "#,
        ),
        (
            "",
            "[floor]\nlow_stock = -1",
            r#"
            parceld.toml:12:13: `low_stock` must be between 0 and 1000000
               |
            12 | low_stock = -1
               |             ^^
               = write it like this: low_stock = 2
        "#,
        ),
        (
            "",
            "[floor]\nbatch_size = 25",
            r#"
            parceld.toml:12:14: `batch_size` must be between 1 and 24
               |
            12 | batch_size = 25
               |              ^^
               = write it like this: batch_size = 8
        "#,
        ),
        (
            "",
            "[floor]\nidle_sign_out = \"10s\"",
            r#"
            parceld.toml:12:17: `idle_sign_out` must be between 1m and 1d
               |
            12 | idle_sign_out = "10s"
               |                 ^^^^^
               = write it like this: idle_sign_out = "20m"
        "#,
        ),
        (
            "",
            "[floor]\nbins = \"yes\"",
            r#"
            parceld.toml:12:8: `bins` must be true or false, but this is a text in quotes
               |
            12 | bins = "yes"
               |        ^^^^^
               = write it like this: bins = false
        "#,
        ),
        (
            "",
            "[web]\nlisten = \"8080\"",
            r#"
            parceld.toml:12:10: `listen` must be an IP address and a port
               |
            12 | listen = "8080"
               |          ^^^^^^
               = write it like this: listen = "127.0.0.1:8080"
        "#,
        ),
        (
            "",
            "[web]\nallowed_hosts = [\"http://parceld.local\"]",
            r#"
            parceld.toml:12:18: `allowed_hosts` must be host names alone, without http:// and without a port
               |
            12 | allowed_hosts = ["http://parceld.local"]
               |                  ^^^^^^^^^^^^^^^^^^^^^^
               = write it like this: allowed_hosts = ["parceld.local"]
        "#,
        ),
        (
            "",
            "[control]\nsocket = \"\"",
            r#"
            parceld.toml:12:10: `socket` must be the path of a file
               |
            12 | socket = ""
               |          ^^
               = write it like this: socket = "/run/parceld/control.sock"
        "#,
        ),
        (
            "",
            r#"mode = "returns""#,
            r#"
            parceld.toml:11:8: `mode` cannot be "returns"
               |
            11 | mode = "returns"
               |        ^^^^^^^^^
               = did you mean "return"? it can be "pick", "pack", "load", "return", "count", "receive"
        "#,
        ),
        (
            "",
            "[log]\nlevel = \"verbose\"",
            r#"
            parceld.toml:12:9: `level` cannot be "verbose"
               |
            12 | level = "verbose"
               |         ^^^^^^^^^
               = it can be "error", "warn", "info", "debug", "trace"
        "#,
        ),
    ]);
}

#[test]
fn a_scanner_is_of_a_family_and_a_model_of_it() {
    let scanner =
        |rest: &str| format!("{GOOD}[[scanner]]\nid = \"s\"\nstation = \"bench-1\"\nport = \"/dev/a\"\n{rest}\n");
    let line = |rest: &str| {
        let Scanner { driver, data_bits, stop_bits, terminator, .. } = accepted(&scanner(rest)).scanners.remove(0);
        (driver.model(), data_bits, stop_bits, terminator)
    };
    assert_eq!(line(""), ("generic", DataBits::Eight, StopBits::One, Terminator::Auto));
    assert_eq!(line("model = \"is48xx\""), ("is48xx", DataBits::Eight, StopBits::Two, Terminator::Auto));
    assert_eq!(line("driver = \"ssi\""), ("zebra", DataBits::Eight, StopBits::One, Terminator::None));
    assert_eq!(line("model = \"is48xx\"\nstop_bits = 1").2, StopBits::One, "what is written holds");
    for (rest, expected) in [
        ("driver = \"zebra\"", "`driver` cannot be \"zebra\""),
        ("driver = \"ssi\"\nmodel = \"xenon\"", "`model` cannot be \"xenon\""),
    ] {
        let said = said(&scanner(rest));
        assert!(said.contains(expected) && said.contains("= it can be "), "{said}");
    }
}

#[test]
fn what_customers_are_told_is_named_and_lasts_a_while() {
    check(&[
        (
            "",
            "[notices]\nmilestones = [\"packed\", \"handedover\"]",
            r#"
            parceld.toml:12:25: `milestones` cannot be "handedover"
               |
            12 | milestones = ["packed", "handedover"]
               |                         ^^^^^^^^^^^^
               = did you mean "handed_over"? it can be "packed", "ready_for_pickup", "handed_over", "collected", "order_accepted", "delayed", "short_shipped", "cancelled", "return_received", "feedback_invited"
        "#,
        ),
        (
            "",
            "[notices]\nexpire_after = { packed = \"soon\", collected = \"5s\" }\nfeedback_after = \"1y\"",
            r#"
            parceld.toml:12:27: `packed` must be a duration: a whole number, and then ms, s, m, h or d
               |
            12 | expire_after = { packed = "soon", collected = "5s" }
               |                           ^^^^^^
               = write it like this: packed = "24h"

            parceld.toml:12:47: `collected` must be between 1m and 90d
               |
            12 | expire_after = { packed = "soon", collected = "5s" }
               |                                               ^^^^
               = write it like this: collected = "48h"

            parceld.toml:13:18: `feedback_after` must be a duration: a whole number, and then ms, s, m, h or d
               |
            13 | feedback_after = "1y"
               |                  ^^^^
               = write it like this: feedback_after = "48h"
        "#,
        ),
        (
            "",
            "[notices.expire_after]\nsent = \"1d\"",
            r#"
            parceld.toml:12:1: there is no key `sent` in notices.expire_after
               |
            12 | sent = "1d"
               | ^^^^
               = its keys are: order_accepted, packed, ready_for_pickup, handed_over, collected, short_shipped, delayed, cancelled, return_received, feedback_invited
        "#,
        ),
    ]);
    let none = accepted(&format!("{GOOD}[notices]\nmilestones = []\n"));
    assert!(none.notices.milestones.is_empty());
    let some = accepted(&format!("{GOOD}[notices.expire_after]\npacked = \"2h\"\n")).notices;
    assert_eq!(some.expire_after[&Milestone::Packed], Duration::from_secs(7_200));
    assert_eq!((some.milestones.len(), some.expire_after.len()), (Milestone::WORDS.len(), Milestone::WORDS.len()));
}

#[test]
fn whoever_scans_is_told_by_the_scanner_or_by_a_screen() {
    let site = |screen: bool, rest: &str| {
        format!("{GOOD}screen = {screen}\n[[scanner]]\nid = \"s\"\nstation = \"bench-1\"\nport = \"/dev/a\"\n{rest}\n")
    };
    for rest in ["", "driver = \"ssi\"", "driver = \"newland\"", "feedback = false"] {
        accepted(&site(true, rest));
    }
    accepted(&site(false, ""));
    accepted(&site(false, "driver = \"ssi\""));
    let other = "[[scanner]]\nid = \"t\"\nstation = \"bench-1\"\nport = \"/dev/b\"";
    accepted(&site(false, &format!("driver = \"newland\"\n{other}")));
    let mute = format!("driver = \"newland\"\n{other}\nfeedback = false");
    for rest in ["driver = \"newland\"", "feedback = false", "driver = \"ssi\"\nfeedback = false", &mute] {
        let said = said(&site(false, rest));
        assert!(said.contains("nobody would know what a scan meant"), "{rest}: {said}");
        assert!(said.contains("= give the station a screen"), "{rest}: {said}");
    }
}

#[test]
fn printers_stand_at_stations_one_at_each() {
    let printer = |id: &str, rest: &str| format!("[[printer]]\nid = {id:?}\n{rest}\n");
    let there = printer("p", "station = \"bench-1\"\nhost = \"10.0.4.30\"");
    let expected = Printer {
        id: "p".into(),
        station: "bench-1".into(),
        host: "10.0.4.30".into(),
        port: 9100,
        media: Media::default(),
    };
    assert_eq!(accepted(&format!("{GOOD}{there}")).printers, [expected]);
    for (more, expected) in [
        (printer("q", "station = \"bench-1\"\nhost = \"a\""), "the station \"bench-1\" is already taken in line 13"),
        (printer("p", "station = \"bench-1\"\nhost = \"a\""), "the id \"p\" is already taken in line 12"),
        (printer("q", "station = \"bench-2\"\nhost = \"a\""), "`station` cannot be \"bench-2\""),
        (printer("q", "station = \"bench-1\"\nhost = \"a:9100\""), "must be a host name or an address, without a port"),
        (printer("q", "host = \"a\""), "`station` is missing here"),
        (printer("q", "dpi = 200"), "`dpi` can"),
        (printer("q", "label_width = 50"), "`label_width` must be between 60 and 120"),
        (printer("q", "label_height = 300"), "`label_height` must be between 90 and 250"),
    ] {
        let said = said(&format!("{GOOD}{there}{more}"));
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn time_zones_are_checked_against_the_database() {
    check(&[
        (
            "Europe/Stockholm",
            "Europe/Stokholm",
            r#"
            parceld.toml:3:12: `timezone` cannot be "Europe/Stokholm": the IANA time zone database has no such zone
              |
            3 | timezone = "Europe/Stokholm"
              |            ^^^^^^^^^^^^^^^^^
              = did you mean "Europe/Stockholm"?
        "#,
        ),
        (
            "Europe/Stockholm",
            "CET+1",
            r#"
            parceld.toml:3:12: `timezone` cannot be "CET+1": the IANA time zone database has no such zone
              |
            3 | timezone = "CET+1"
              |            ^^^^^^^
              = write it like this: timezone = "Europe/Stockholm"
        "#,
        ),
        (
            "Europe/Stockholm",
            "Etc/Unknown",
            r#"
            parceld.toml:3:12: `timezone` cannot be "Etc/Unknown": the IANA time zone database has no such zone
              |
            3 | timezone = "Etc/Unknown"
              |            ^^^^^^^^^^^^^
              = write it like this: timezone = "Europe/Stockholm"
        "#,
        ),
    ]);
}

#[test]
fn durations_need_a_number_and_a_unit() {
    check(&[
        (
            "",
            "[storage]\nkeep = \"30\"",
            r#"
            parceld.toml:12:8: `keep` must be a duration: a whole number, and then ms, s, m, h or d
               |
            12 | keep = "30"
               |        ^^^^
               = write it like this: keep = "30d"
        "#,
        ),
        (
            "",
            "[storage]\nkeep = \"30 days\"",
            r#"
            parceld.toml:12:8: `keep` must be a duration: a whole number, and then ms, s, m, h or d
               |
            12 | keep = "30 days"
               |        ^^^^^^^^^
               = write it like this: keep = "30d"
        "#,
        ),
        (
            "",
            "[storage]\nkeep = \"d\"",
            r#"
            parceld.toml:12:8: `keep` must be a duration: a whole number, and then ms, s, m, h or d
               |
            12 | keep = "d"
               |        ^^^
               = write it like this: keep = "30d"
        "#,
        ),
        (
            "",
            "[storage]\nlow_space = \"200MB\"",
            r#"
            parceld.toml:12:13: `low_space` must be a size: a whole number, and then KiB, MiB or GiB
               |
            12 | low_space = "200MB"
               |             ^^^^^^^
               = write it like this: low_space = "200MiB"
        "#,
        ),
        (
            "",
            "[storage]\nkeep = \"-1d\"",
            r#"
            parceld.toml:12:8: `keep` must be a duration: a whole number, and then ms, s, m, h or d
               |
            12 | keep = "-1d"
               |        ^^^^^
               = write it like this: keep = "30d"
        "#,
        ),
        (
            "",
            "[storage]\nkeep = \"99999999999999999999d\"",
            r#"
            parceld.toml:12:8: `keep` must be between 1d and 3650d
               |
            12 | keep = "99999999999999999999d"
               |        ^^^^^^^^^^^^^^^^^^^^^^^
               = write it like this: keep = "30d"
        "#,
        ),
    ]);
}

#[test]
fn broker_urls_are_mqtt_and_tls_says_whom_it_believes() {
    check(&[
        (
            "mqtt://broker.example.com",
            "mqtts://broker.example.com",
            r#"
            parceld.toml:7:7: `url` asks for TLS, and `ca_file` is missing
              |
            7 | url = "mqtts://broker.example.com"
              |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
              = name the CA that signs the broker's certificate; write it like this: ca_file = "/etc/parceld/ca.pem"
        "#,
        ),
        (
            "[[station]]",
            "ca_file = \"/etc/parceld/ca.pem\"\n[[station]]",
            r#"
            parceld.toml:9:11: `ca_file` is for TLS, and `url` begins with mqtt://
              |
            9 | ca_file = "/etc/parceld/ca.pem"
              |           ^^^^^^^^^^^^^^^^^^^^^
              = write mqtts:// in `url`, or leave out `ca_file`
        "#,
        ),
        (
            "mqtt://broker.example.com\"\n",
            "mqtts://broker.example.com\"\nca_file = \"ca.pem\"\nkey_file = \"site.key\"\n",
            r#"
            parceld.toml:9:12: `key_file` is given without `certificate_file`
              |
            9 | key_file = "site.key"
              |            ^^^^^^^^^^
              = give both or neither; write it like this: certificate_file = "/etc/parceld/site.pem"
        "#,
        ),
        (
            "mqtt://broker.example.com",
            "broker.example.com",
            r#"
            parceld.toml:7:7: `url` must begin with mqtt:// or mqtts://
              |
            7 | url = "broker.example.com"
              |       ^^^^^^^^^^^^^^^^^^^^
              = write it like this: url = "mqtt://broker.example.com"
        "#,
        ),
        (
            "mqtt://broker.example.com",
            "mqtt://broker.example.com:99999",
            r#"
            parceld.toml:7:7: `url` must be mqtt://host or mqtt://host:port, or mqtts:// for TLS, and nothing else
              |
            7 | url = "mqtt://broker.example.com:99999"
              |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
              = write it like this: url = "mqtt://broker.example.com"
        "#,
        ),
        (
            "mqtt://broker.example.com",
            "mqtt://site:hunter2@broker.example.com",
            r#"
            parceld.toml:7:7: `url` must not contain a user or a password
              |
            7 | url = "mqtt://************@broker.example.com"
              |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
              = use the keys `username` and `password_file`
        "#,
        ),
        (
            "[[station]]",
            "username = \"sthlm\"\n[[station]]",
            r#"
            parceld.toml:9:12: `username` is given without `password_file`
              |
            9 | username =********
              |            ^^^^^^^
              = give both or neither; write it like this: password_file = "/etc/parceld/broker.password"
        "#,
        ),
        (
            "[[station]]",
            "password_file = \"/etc/parceld/pw\"\n[[station]]",
            r#"
            parceld.toml:9:17: `password_file` is given without `username`
              |
            9 | password_file = "/etc/parceld/pw"
              |                 ^^^^^^^^^^^^^^^^^
              = give both or neither; write it like this: username = "sthlm-03"
        "#,
        ),
    ]);
}

#[test]
fn scanners_need_a_port_of_their_own_and_a_station_that_exists() {
    check(&[
        (
            "",
            "[[scanner]]\nid = \"s1\"\nstation = \"bench-2\"\nport = \"/dev/ttyUSB0\"",
            r#"
            parceld.toml:13:11: `station` cannot be "bench-2"
               |
            13 | station = "bench-2"
               |           ^^^^^^^^^
               = it can only be "bench-1"
        "#,
        ),
        (
            "",
            "[[scanner]]\nid = \"s1\"\nstation = \"bench-1\"\nport = \"ttyUSB0\"",
            r#"
            parceld.toml:14:8: `port` must be an absolute path or tcp://host:port
               |
            14 | port = "ttyUSB0"
               |        ^^^^^^^^^
               = write it like this: port = "/dev/serial/by-id/usb-Example_Scanner_0001-if00"
        "#,
        ),
        (
            "",
            "[[scanner]]\nid = \"s1\"\nstation = \"bench-1\"\nport = \"tcp://10.0.4.21\"",
            r#"
            parceld.toml:14:8: `port` must be tcp://host:port
               |
            14 | port = "tcp://10.0.4.21"
               |        ^^^^^^^^^^^^^^^^^
               = write it like this: port = "tcp://10.0.4.21:9000"
        "#,
        ),
        (
            "",
            "[[scanner]]\nid = \"s1\"\nstation = \"bench-1\"\nport = \"tcp://10.0.4.21:9000\"\nbaud = 9600",
            r#"
            parceld.toml:15:8: `baud` belongs to a serial line, and this port is tcp://
               |
            15 | baud = 9600
               |        ^^^^
               = leave out `baud`
        "#,
        ),
        (
            "",
            "[[scanner]]\nid = \"s1\"\nstation = \"bench-1\"\nport = \"/dev/ttyUSB0\"\nbaud = 9660\ndata_bits = 9",
            r#"
            parceld.toml:15:8: `baud` cannot be 9660
               |
            15 | baud = 9660
               |        ^^^^
               = it can be 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800

            parceld.toml:16:13: `data_bits` cannot be 9
               |
            16 | data_bits = 9
               |             ^
               = it can be 7, 8
        "#,
        ),
        (
            "",
            "[[scanner]]\nid = \"s1\"\nstation = \"bench-1\"\nport = \"/dev/ttyUSB0\"\n[[scanner]]\nid = \"s2\"\nstation = \"bench-1\"\nport = \"/dev/ttyUSB0\"",
            r#"
            parceld.toml:18:8: the port "/dev/ttyUSB0" is already taken in line 14
               |
            18 | port = "/dev/ttyUSB0"
               |        ^^^^^^^^^^^^^^
               = give each its own port
        "#,
        ),
        (
            "",
            "[[scanner]]\nid = \"s1\"\nstation = \"bench-1\"\nport = \"tcp://A:1\"\n[[scanner]]\nid = \"s1\"\nstation = \"bench-1\"\nport = \"tcp://a:1\"",
            r#"
            parceld.toml:16:6: the id "s1" is already taken in line 12
               |
            16 | id = "s1"
               |      ^^^^
               = give each its own id

            parceld.toml:18:8: the port "tcp://a:1" is already taken in line 14
               |
            18 | port = "tcp://a:1"
               |        ^^^^^^^^^^^
               = give each its own port
        "#,
        ),
        (
            "",
            "[[station]]\nid = \"bench-1\"",
            r#"
            parceld.toml:12:6: the id "bench-1" is already taken in line 10
               |
            12 | id = "bench-1"
               |      ^^^^^^^^^
               = give each its own id
        "#,
        ),
    ]);
}

#[test]
fn collections_are_days_and_times_of_the_site() {
    check(&[
        (
            "",
            "[[carrier]]\nid = \"post\"\ncollections = [{ days = [], at = \"25:00\", cut_off = \"2d\" }]",
            r#"
            parceld.toml:13:25: `days` must name at least one day
               |
            13 | collections = [{ days = [], at = "25:00", cut_off = "2d" }]
               |                         ^^
               = write it like this: collections = [{ days = ["mon-fri"], at = "16:30", cut_off = "15m" }]

            parceld.toml:13:34: `at` must be a time of the day with hours and minutes, from 00:00 to 23:59
               |
            13 | collections = [{ days = [], at = "25:00", cut_off = "2d" }]
               |                                  ^^^^^^^
               = write it like this: collections = [{ days = ["mon-fri"], at = "16:30", cut_off = "15m" }]

            parceld.toml:13:53: `cut_off` must be between 0s and 1d
               |
            13 | collections = [{ days = [], at = "25:00", cut_off = "2d" }]
               |                                                     ^^^^
               = write it like this: collections = [{ days = ["mon-fri"], at = "16:30", cut_off = "15m" }]
        "#,
        ),
        (
            "",
            "[[carrier]]\nid = \"post\"\ncollections = [{ days = [\"mon-fry\"], at = \"4:30\", cut_off = \"15m\" }]",
            r#"
            parceld.toml:13:26: `days` cannot have "mon-fry"
               |
            13 | collections = [{ days = ["mon-fry"], at = "4:30", cut_off = "15m" }]
               |                          ^^^^^^^^^
               = a day is one of mon, tue, wed, thu, fri, sat, sun, or a range like "mon-fri"

            parceld.toml:13:43: `at` must be a time of the day with hours and minutes, from 00:00 to 23:59
               |
            13 | collections = [{ days = ["mon-fry"], at = "4:30", cut_off = "15m" }]
               |                                           ^^^^^^
               = write it like this: collections = [{ days = ["mon-fri"], at = "16:30", cut_off = "15m" }]
        "#,
        ),
        (
            "",
            "[[carrier]]\nid = \"post\"\ncollections = [{ at = \"16:30\" }]",
            r#"
            parceld.toml:13:16: `days` is missing here
               |
            13 | collections = [{ at = "16:30" }]
               |                ^^^^^^^^^^^^^^^^
               = write it like this: collections = [{ days = ["mon-fri"], at = "16:30", cut_off = "15m" }]

            parceld.toml:13:16: `cut_off` is missing here
               |
            13 | collections = [{ at = "16:30" }]
               |                ^^^^^^^^^^^^^^^^
               = write it like this: collections = [{ days = ["mon-fri"], at = "16:30", cut_off = "15m" }]
        "#,
        ),
        (
            "",
            "[[carrier]]\nid = \"post\"\ncollections = [\n  { days = [\"mon-wed\"], at = \"16:30\", cut_off = \"15m\" },\n  { days = [\"wed\"], at = \"16:30\", cut_off = \"5m\" },\n]",
            r#"
            parceld.toml:15:3: this collection is on wed at the same time as the one in line 14
               |
            15 |   { days = ["wed"], at = "16:30", cut_off = "5m" },
               |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
               = leave the day out of one of them, or change the time
        "#,
        ),
        (
            "",
            "[[carrier]]\nid = \"post\"\nholidays = [\"2026-02-29\"]",
            r#"
            parceld.toml:13:13: `holidays` cannot have "2026-02-29": it is no day of the calendar
               |
            13 | holidays = ["2026-02-29"]
               |             ^^^^^^^^^^^^
               = write it like this: holidays = ["2026-12-25"]
        "#,
        ),
        (
            "",
            "[[carrier]]\nid = \"post\"\ntracking_url = \"https://example.com/\"",
            r#"
            parceld.toml:13:16: `tracking_url` must contain {tracking} once, where the parcel's number goes
               |
            13 | tracking_url = "https://example.com/"
               |                ^^^^^^^^^^^^^^^^^^^^^^
               = write it like this: tracking_url = "https://track.example.com/{tracking}"
        "#,
        ),
    ]);
}

#[test]
fn what_is_missing_is_shown_as_it_would_be_written() {
    check(&[
        (
            "timezone = \"Europe/Stockholm\"\n",
            "",
            r#"
            parceld.toml:1:1: `timezone` is missing here
              |
            1 | [site]
              | ^^^^^^
              = write it like this: timezone = "Europe/Stockholm"
        "#,
        ),
        (
            "[[station]]\nid = \"bench-1\"\n",
            "",
            r#"
            parceld.toml:7:34: [[station]] is missing
              |
            7 | url = "mqtt://broker.example.com"
              |                                  ^
              = add:
                [[station]]
                id = "bench-1"
        "#,
        ),
        (
            "[broker]\nurl = \"mqtt://broker.example.com\"\n",
            "",
            r#"
            parceld.toml:8:15: [broker] is missing
              |
            8 | id = "bench-1"
              |               ^
              = add:
                [broker]
                url = "mqtt://broker.example.com"
        "#,
        ),
        (
            "",
            "[[scanner]]",
            r#"
            parceld.toml:11:1: `id` is missing here
               |
            11 | [[scanner]]
               | ^^^^^^^^^^^
               = write it like this: id = "bench-1-hand"

            parceld.toml:11:1: `station` is missing here
               |
            11 | [[scanner]]
               | ^^^^^^^^^^^
               = write it like this: station = "bench-1"

            parceld.toml:11:1: `port` is missing here
               |
            11 | [[scanner]]
               | ^^^^^^^^^^^
               = write it like this: port = "/dev/serial/by-id/usb-Example_Scanner_0001-if00"
        "#,
        ),
    ]);
}

#[test]
fn every_fault_is_reported_in_the_order_of_the_lines() {
    check(&[
        (
            "timezone = \"Europe/Stockholm\"\n",
            "tiemzone = \"Europe/Stockholm\"\nlanguage = \"de\"\nname = 5\n",
            r#"
            parceld.toml:3:1: there is no key `tiemzone` in [site]
              |
            3 | tiemzone = "Europe/Stockholm"
              | ^^^^^^^^
              = did you mean `timezone`?

            parceld.toml:4:12: `language` cannot be "de"
              |
            4 | language = "de"
              |            ^^^^
              = it can be "en", "sv"

            parceld.toml:5:8: `name` must be a text in quotes, but this is a number
              |
            5 | name = 5
              |        ^
              = write it like this: name = "Södermalm"
        "#,
        ),
        (
            r#"id = "bench-1""#,
            "id = \"Bench 1\"\nmode = \"packing\"\n[[scanner]]\nstation = \"bench-1\"\nport = \"/dev/ttyUSB0\"\n[sync]\nwindow = 900\n[storage]\nkeep = \"1h\"",
            r#"
            parceld.toml:10:6: `id` must be 1 to 32 characters out of a-z, 0-9, _ and -
               |
            10 | id = "Bench 1"
               |      ^^^^^^^^^
               = write "bench-1"

            parceld.toml:11:8: `mode` cannot be "packing"
               |
            11 | mode = "packing"
               |        ^^^^^^^^^
               = it can be "pick", "pack", "load", "return", "count", "receive"

            parceld.toml:12:1: `id` is missing here
               |
            12 | [[scanner]]
               | ^^^^^^^^^^^
               = write it like this: id = "bench-1-hand"

            parceld.toml:16:10: `ahead` (500) must not be smaller than `window` (900)
               |
            16 | window = 900
               |          ^^^
               = write ahead = 900 or more, or a smaller window

            parceld.toml:18:8: `keep` must be between 1d and 3650d
               |
            18 | keep = "1h"
               |        ^^^^
               = write it like this: keep = "30d"
        "#,
        ),
    ]);
}

#[test]
fn a_file_with_only_what_is_required_gets_the_defaults() {
    let config = accepted(GOOD);
    assert_eq!(config.site.name, "sthlm-03");
    assert_eq!(config.site.timezone_name, "Europe/Stockholm");
    assert_eq!(config.broker.client_id, "parceld-sthlm-03");
    assert_eq!(config.broker.url.to_string(), "broker.example.com:1883");
    assert_eq!(config.sync.forget, Forget::Receipt);
    assert_eq!(
        config.stations,
        [Station { id: "bench-1".into(), name: "bench-1".into(), mode: Mode::Pack, screen: true }]
    );
    assert_eq!(accepted(&manual::smallest()), config);
}

#[test]
fn the_example_site_means_what_it_shows() {
    let config = accepted(EXAMPLE_SITE);
    assert_eq!(config.stations.iter().map(|s| s.mode.as_str()).collect::<Vec<_>>(), ["pack", "pack", "load"]);
    let ports: Vec<String> = config.scanners.iter().map(|scanner| scanner.port.to_string()).collect();
    assert_eq!(ports[1], "tcp://10.0.4.21:9000");
    assert_eq!(config.scanners[3].data_bits, DataBits::Seven);
    assert_eq!(config.carriers[0].collections[1].days, [false, false, false, false, false, true, false]);
    assert_eq!(config.carriers[0].collections[0].at, civil::time(16, 30, 0, 0));
    assert_eq!(config.carriers[0].collections[0].cut_off, Duration::from_secs(15 * 60));
    assert_eq!(config.carriers[0].holidays[0], civil::date(2026, 12, 24));
}

#[test]
fn weekdays_are_names_and_ranges() {
    let rows = [("mon", "1000000"), ("sun", "0000001"), ("mon-fri", "1111100"), ("fri-mon", "1000111")];
    for (text, expected) in rows {
        let days = values::weekdays(text).unwrap();
        assert_eq!(days.map(|is_on| if is_on { '1' } else { '0' }).iter().collect::<String>(), expected, "{text}");
    }
}

#[test]
fn durations_come_back_as_they_were_written() {
    for text in ["0s", "1ms", "150ms", "30s", "90s", "5m", "12h", "30d"] {
        let duration = values::duration(text, &(Duration::ZERO..=Duration::MAX)).unwrap();
        assert_eq!(duration_text(duration), text);
    }
}

#[test]
fn sizes_come_back_as_they_were_written() {
    for text in ["0KiB", "1KiB", "200MiB", "1025MiB", "3GiB", "1024GiB"] {
        assert_eq!(size_text(values::size(text, 1 << 40).unwrap()), text);
    }
    for wrong in ["200", "200MB", "MiB", "-1MiB", "1025GiB", "99999999999999999999KiB", "1 MiB"] {
        assert!(values::size(wrong, 1 << 40).is_err(), "{wrong}");
    }
}

#[test]
fn ports_may_be_ipv6_addresses() {
    let port = values::scanner_port("tcp://[fd00::21]:9000").unwrap();
    assert_eq!(port, Port::Tcp { host: "fd00::21".into(), port: 9000 });
    assert_eq!(port.to_string(), "tcp://[fd00::21]:9000");
    for wrong in ["tcp://[fd00::21]", "tcp://fd00::21:9000", "tcp://a:0", "tcp://a:+1", "tcp://:1", "tcp://a b:1"] {
        assert!(values::scanner_port(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_change_nothing() {
    let windows = format!("\u{feff}{}", GOOD.replace('\n', "\r\n"));
    assert_eq!(accepted(&windows), accepted(GOOD));
    assert_eq!(said(&windows.replace("[site]", "[site")), said(&GOOD.replace("[site]", "[site")));
}

#[test]
fn the_word_for_a_fault_cannot_move_the_terminal() {
    let text = said(&format!("{GOOD}\"\\u001b[31m\" = 1 # \u{1b}[31m"));
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn a_long_line_is_shown_around_its_fault() {
    let text = said(&format!("{GOOD}mode = \"{}\"", "x".repeat(1000)));
    assert!(text.lines().all(|line| line.chars().count() < 140), "{text}");
    let text = said(&format!("{GOOD}mode {} \"pack\"", " ".repeat(1000)));
    assert!(text.contains("\n11 | … "), "{text}");
}

#[test]
fn an_endless_list_of_faults_is_cut_and_counted() {
    let keys: String = (0..30).map(|n| format!("unknown-{n} = 1\n")).collect();
    assert!(said(&format!("{GOOD}{keys}")).ends_with("\n\nand 10 more faults"));
}

#[test]
fn a_carrier_has_a_limit_of_collections() {
    let collections = |count: u8| {
        let each = |n| format!("{{ days = [\"mon\"], at = \"{:02}:{:02}\", cut_off = \"0s\" }},\n", n / 2, n % 2 * 30);
        format!("{GOOD}[[carrier]]\nid = \"post\"\ncollections = [\n{}]\n", (0..count).map(each).collect::<String>())
    };
    assert_eq!(accepted(&collections(24)).carriers[0].collections.len(), 24);
    let text = said(&collections(25));
    assert!(text.starts_with("parceld.toml:38:1: there are 25 of carrier.collections, and 24 is the most"), "{text}");
}

#[test]
fn a_list_of_tables_without_tables_is_told_its_brackets() {
    let text = said("station = [5]");
    assert!(text.contains("\n  = write it as [[station]], in double brackets"), "{text}");
}

#[test]
fn without_stations_no_scanner_is_blamed() {
    let text = said(&GOOD.replace("[[station]]\nid =", "[[scanner]]\nport = \"/dev/ttyS0\"\nid = \"s1\"\nstation ="));
    assert!(text.starts_with("parceld.toml:12:20: [[station]] is missing") && !text.contains("cannot"), "{text}");
}

#[test]
fn no_secret_is_shown() {
    let config = accepted(&GOOD.replace("[[station]]", "username = \"hunter2\"\npassword_file = \"/p\"\n[[station]]"));
    assert!(!format!("{config:?}").contains("hunter2"));
    for line in [
        "password = \"hunter2\"",
        "password = hunter2",
        "password = \"hunter2",
        "password == \"hunter2\"",
        "sub = { password = \"hunter2\" }",
        "username = \"hunter2\"",
        "url = \"mqtt://me:hunter2@host\"",
    ] {
        let text = said(&GOOD.replace("[broker]", &format!("[broker]\n{line}")));
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_missing_file_is_named_with_one_that_works() {
    let error = load(Path::new("/nowhere/parceld.toml")).unwrap_err().to_string();
    let expected = "/nowhere/parceld.toml: there is no such file\n  = write one; the smallest that works, with your own \
                    values:\n\n[site]\nid = \"sthlm-03\"\n";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn a_relative_path_is_shown_as_it_was_looked_for() {
    let Error::Missing { path } = load(Path::new("no-such-parceld.toml")).unwrap_err() else {
        panic!("not missing");
    };
    assert!(path.is_absolute());
}

#[test]
fn a_directory_is_not_a_file() {
    let expected = "/: this is a directory\n  = name the file in it, for example /parceld.toml";
    assert_eq!(load(Path::new("/")).unwrap_err().to_string(), expected);
}

#[test]
fn an_endless_file_is_not_read_to_its_end() {
    let expected = "/dev/zero: larger than 262144 bytes, so it is not a configuration";
    assert_eq!(load(Path::new("/dev/zero")).unwrap_err().to_string(), expected);
}

#[test]
fn the_first_byte_that_is_not_utf8_is_shown() {
    let bytes = b"[site]\nname = \"S\xf6dermalm\"\n";
    let path = std::env::temp_dir().join(format!("parceld-config-{}.toml", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    let error = load(&path).unwrap_err().to_string();
    std::fs::remove_file(&path).unwrap();
    let expected = format!(
        "{}:2:10: this is not UTF-8 text\n  |\n2 | name = \"S\u{fffd}dermalm\"\n  |          ^\n  = save the file as UTF-8 in \
         the editor, or convert it: iconv -f LATIN1 -t UTF-8",
        path.display()
    );
    assert_eq!(error, expected);
}

/// A line `key = value` of the manual, or one `# key = value`.
struct Entry {
    table: &'static str,
    key: &'static str,
    is_open: bool,
    line: usize,
    /// Whether the comment above says that there is no default.
    is_example: bool,
}

fn entries() -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut table = "";
    let mut is_example = false;
    for (line, text) in MANUAL.lines().enumerate() {
        let bare = text.strip_prefix("# ").unwrap_or(text);
        let key = bare.split_once(" = ").map_or("", |(key, _)| key);
        if text.starts_with('[') {
            table = text;
        } else if text.is_empty() {
            is_example = false;
        } else if !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
            entries.push(Entry { table, key, is_open: !text.starts_with('#'), line, is_example });
        } else {
            is_example |= text.contains("Not set by default");
        }
    }
    entries
}

/// The manual with these lines no longer commented out.
fn opened(lines: &[usize]) -> String {
    let open = |(n, line): (usize, &'static str)| match lines.contains(&n) {
        true => line.trim_start_matches("# "),
        false => line,
    };
    MANUAL.lines().enumerate().map(open).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_manual_is_a_file_that_works_with_and_without_its_comments() {
    accepted(MANUAL);
    let all: Vec<usize> = entries().iter().map(|entry| entry.line).collect();
    let config = accepted(&opened(&all).replace("mqtt://", "mqtts://"));
    assert_eq!(config.site.name, "Södermalm");
    assert_eq!(config.carriers[0].collections.len(), 1);
    assert_eq!(config.broker.url.port, 8883);
    assert!(config.broker.tls.is_some_and(|tls| tls.identity.is_some()));
}

#[test]
fn the_manual_shows_the_true_defaults() {
    let defaults = accepted(MANUAL);
    for entry in entries().iter().filter(|entry| !entry.is_open && !entry.is_example) {
        assert_eq!(accepted(&opened(&[entry.line])), defaults, "{} {}", entry.table, entry.key);
    }
}

#[test]
fn the_manual_shows_every_key_and_no_other() {
    let mut documented: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for entry in entries() {
        let table = entry.table.trim_matches(['[', ']']).to_owned();
        assert!(documented.entry(table).or_default().insert(entry.key), "{} {} twice", entry.table, entry.key);
    }
    let tables = known_keys("unknown = 1");
    assert_eq!(documented.keys().cloned().collect::<BTreeSet<_>>(), tables);
    for (table, keys) in documented {
        let header = MANUAL.lines().find(|line| line.trim_matches(['[', ']']) == table).unwrap();
        let known = known_keys(&format!("{header}\nunknown = 1"));
        assert_eq!(keys.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), known, "{header}");
    }
    let example = manual::example("[notices]", "expire_after").unwrap();
    for key in known_keys("[notices.expire_after]\nunknown = 1") {
        assert!(example.contains(&format!("{key} = ")), "{key}");
    }
    let example = manual::example("[[carrier]]", "collections").unwrap();
    for key in known_keys("[[carrier]]\ncollections = [{ unknown = 1 }]") {
        assert!(example.contains(&format!("{key} = ")), "{key}");
    }
}

fn known_keys(text: &str) -> BTreeSet<String> {
    let error = toml::from_str::<raw::File>(text).err().unwrap();
    shape::known_keys(error.message()).unwrap().into_iter().map(str::to_owned).collect()
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let _ = parse(Path::new("x"), &text).map_err(|error| error.to_string());
    }

    #[test]
    fn no_pile_of_fragments_makes_the_parser_panic(fragments in proptest::collection::vec(fragment(), 0..40)) {
        let _ = parse(Path::new("x"), &fragments.concat()).map_err(|error| error.to_string());
    }

    #[test]
    fn no_two_piles_laid_over_each_other_make_it_panic(
        below in proptest::collection::vec(fragment(), 0..20),
        above in proptest::collection::vec(fragment(), 0..20),
    ) {
        let mut sources = Sources::of_text(Path::new("x"), &below.concat());
        sources.add(Name::File("y".into()), above.concat());
        let _ = understand(&sources).map_err(|error| error.to_string());
    }

    #[test]
    fn no_damage_to_a_file_over_a_good_one_makes_it_panic(at in 0..EXAMPLE_SITE.len(), length in 0..40_usize, new in ".{0,3}") {
        let start = EXAMPLE_SITE.floor_char_boundary(at);
        let end = EXAMPLE_SITE.ceil_char_boundary(at + length);
        let mut sources = Sources::of_text(Path::new("x"), EXAMPLE_SITE);
        sources.add(Name::File("y".into()), [&EXAMPLE_SITE[..start], &new, &EXAMPLE_SITE[end..]].concat());
        let _ = understand(&sources).map_err(|error| error.to_string());
    }

    #[test]
    fn no_damage_to_a_good_file_makes_the_parser_panic(at in 0..EXAMPLE_SITE.len(), length in 0..40_usize, new in ".{0,3}") {
        let start = EXAMPLE_SITE.floor_char_boundary(at);
        let end = EXAMPLE_SITE.ceil_char_boundary(at + length);
        let text = [&EXAMPLE_SITE[..start], &new, &EXAMPLE_SITE[end..]].concat();
        let _ = parse(Path::new("x"), &text).map_err(|error| error.to_string());
    }
}

fn fragment() -> impl Strategy<Value = String> {
    let tokens = [
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "\"",
        "'",
        "\"\"\"",
        "\\",
        "=",
        " = ",
        ".",
        ",",
        "#",
        "\n",
        "\r\n",
        "\u{feff}",
        "\u{1b}",
        "å",
        "site",
        "broker",
        "station",
        "carrier",
        "collections",
        "id",
        "url",
        "port",
        "1",
        "-1.5",
        "true",
        "2026-12-25",
        "16:30",
        "\"mon-fri\"",
        "\"mqtt://a@b\"",
        "\"tcp://[::1]:1\"",
        "password",
    ];
    prop_oneof![proptest::sample::select(tokens.to_vec()).prop_map(str::to_owned), Just(GOOD.to_owned())]
}
