//! What the rules for scanners make of a device. udev's own tool reads them where it can (`udevadm verify`, since version
//! 254, and `udevadm test` in the machine of the other tests); here they are followed for devices that are not there.

use parceld_tests::board::of_the_project;
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

/// A device: its attributes and what other rules or udev itself have found out, as `KEY` or `KEY{name}`.
type Device = BTreeMap<String, String>;

#[derive(Debug, PartialEq, Eq)]
struct Token {
    key: String,
    operator: &'static str,
    value: String,
}

/// Longer operators first.
const OPERATORS: [&str; 5] = ["==", "!=", "+=", ":=", "="];

/// Every line that is no comment, with those that go on in the next one.
fn rules() -> Vec<Vec<Token>> {
    let text = fs::read_to_string(of_the_project("systemd/60-parceld.rules")).expect("the rules are there");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(tokens).collect()
}

fn tokens(line: &str) -> Vec<Token> {
    let mut rest = line;
    let mut tokens = Vec::new();
    while !rest.is_empty() {
        let end = rest.find(['=', '!', '+', ':']).unwrap_or_else(|| panic!("no operator in {rest:?} of {line:?}"));
        let (key, after) = rest.split_at(end);
        let is_key = key.chars().all(|c| c.is_ascii_alphanumeric() || "_{}/".contains(c));
        assert!(is_key && !key.is_empty(), "{key:?} is no key: {line}");
        let operator = OPERATORS.into_iter().find(|operator| after.starts_with(operator));
        let operator = operator.unwrap_or_else(|| panic!("no operator: {line}"));
        let quoted = after[operator.len()..].strip_prefix('"').unwrap_or_else(|| panic!("no quote: {line}"));
        let (value, after) = quoted.split_once('"').unwrap_or_else(|| panic!("no end of a quote: {line}"));
        tokens.push(Token { key: key.to_owned(), operator, value: value.to_owned() });
        rest = after.strip_prefix(',').map_or_else(
            || {
                assert!(after.trim().is_empty(), "something after a value: {line}");
                ""
            },
            str::trim_start,
        );
    }
    tokens
}

/// The value of a key; what the parents have is asked with an `S` at the key's end.
fn value<'a>(device: &'a Device, key: &str) -> &'a str {
    device.get(key).map_or("", String::as_str)
}

/// A shell's pattern of the kinds that the rules use: alternatives, `?*` for anything, and plain text.
fn matches(pattern: &str, text: &str) -> bool {
    pattern.split('|').any(|one| match one {
        "?*" => !text.is_empty(),
        _ => {
            assert!(!one.contains(['*', '?', '[']), "this test doesn't know the pattern {one:?}");
            one == text
        }
    })
}

fn filled(template: &str, device: &Device) -> String {
    let mut text = template.to_owned();
    while let Some(start) = text.find("$env{") {
        let end = start + text[start..].find('}').expect("a name ends");
        let name = &text[start + "$env".len()..=end];
        let filling = value(device, &format!("ENV{name}")).to_owned();
        text.replace_range(start..=end, &filling);
    }
    text
}

/// Follows the rules: the links that it gets, and the device as it is then.
fn follow(mut device: Device) -> (Vec<String>, Device) {
    let (rules, mut at, mut links) = (rules(), 0, Vec::new());
    while let Some(rule) = rules.get(at) {
        at += 1;
        let fits = rule.iter().all(|token| match token.operator {
            "==" => matches(&token.value, value(&device, &token.key)),
            "!=" => !matches(&token.value, value(&device, &token.key)),
            _ => true,
        });
        if !fits {
            continue;
        }
        for token in rule.iter().filter(|token| !["==", "!="].contains(&token.operator)) {
            match (token.key.as_str(), token.operator) {
                ("GOTO", "=") => {
                    let label =
                        |rule: &Vec<Token>| rule.iter().any(|there| there.key == "LABEL" && there.value == token.value);
                    let ahead = rules[at..].iter().position(label);
                    at += ahead.unwrap_or_else(|| panic!("no label {} below", token.value));
                }
                ("LABEL", "=") => {}
                // What they find out is in the test's devices.
                ("IMPORT{builtin}", "=") => assert!(["usb_id", "path_id"].contains(&token.value.as_str())),
                ("SYMLINK", "+=") => links.push(filled(&token.value, &device)),
                (key @ ("GROUP" | "MODE"), "=") => {
                    device.insert(key.to_owned(), token.value.clone());
                }
                (key, "=") if key.starts_with("ENV{") => {
                    device.insert(key.to_owned(), filled(&token.value, &device));
                }
                (key, operator) => panic!("this test doesn't know {key}{operator}"),
            }
        }
    }
    (links, device)
}

fn device(facts: &[(&str, &str)]) -> Device {
    facts.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A serial line at a USB socket.
fn line(vendor: &str, serial: &str, socket: &str) -> Device {
    device(&[
        ("ACTION", "add"),
        ("SUBSYSTEM", "tty"),
        ("SUBSYSTEMS", "usb"),
        ("ENV{ID_VENDOR_ID}", vendor),
        ("ENV{ID_SERIAL_SHORT}", serial),
        ("ENV{ID_PATH_TAG}", socket),
    ])
}

#[test]
fn scanners_are_named_by_their_number_and_by_their_socket() {
    let rows = [
        ("05e0", "S20155", "usb-0_2", &["parceld/by-socket/usb-0_2", "parceld/by-id/zebra-S20155"][..]),
        ("0c2e", "18123A", "usb-0_3", &["parceld/by-socket/usb-0_3", "parceld/by-id/honeywell-18123A"]),
        ("0536", "1", "usb-0_3", &["parceld/by-socket/usb-0_3", "parceld/by-id/honeywell-1"]),
        ("05f9", "G19", "usb-0_4", &["parceld/by-socket/usb-0_4", "parceld/by-id/datalogic-G19"]),
        ("0745", "K7", "usb-0_4", &["parceld/by-socket/usb-0_4", "parceld/by-id/cipherlab-K7"]),
        ("1eab", "N5", "usb-0_5", &["parceld/by-socket/usb-0_5", "parceld/by-id/newland-N5"]),
        // Without a number of its own, a scanner is known by its socket alone, and so is one behind a converter.
        ("05e0", "", "usb-0_2", &["parceld/by-socket/usb-0_2"]),
        ("0403", "FT1234", "usb-0_6", &["parceld/by-socket/usb-0_6"]),
    ];
    for (vendor, serial, socket, expected) in rows {
        assert_eq!(follow(line(vendor, serial, socket)).0, expected, "{vendor} {serial}");
    }
}

#[test]
fn nobody_asks_a_scanner_whether_it_is_a_modem() {
    let (_, scanner) = follow(line("05e0", "S20155", "usb-0_2"));
    for (key, expected) in
        [("ENV{ID_MM_DEVICE_IGNORE}", "1"), ("ENV{ID_MM_PORT_IGNORE}", "1"), ("GROUP", "dialout"), ("MODE", "0660")]
    {
        assert_eq!(value(&scanner, key), expected, "{key}");
    }
    // ModemManager looks at the device before its lines.
    let usb = [("ACTION", "add"), ("SUBSYSTEM", "usb"), ("ENV{DEVTYPE}", "usb_device")];
    let (links, scanner) = follow(device(&[&usb[..], &[("ATTR{idVendor}", "1eab")]].concat()));
    assert_eq!((links.len(), value(&scanner, "ENV{ID_MM_DEVICE_IGNORE}")), (0, "1"));
    let (_, modem) = follow(device(&[&usb[..], &[("ATTR{idVendor}", "1199")]].concat()));
    assert_eq!(value(&modem, "ENV{ID_MM_DEVICE_IGNORE}"), "");
    // A converter may well be a modem's.
    assert_eq!(value(&follow(line("0403", "FT1", "usb-0_6")).1, "ENV{ID_MM_DEVICE_IGNORE}"), "");
}

#[test]
fn lines_on_the_board_and_devices_that_go_are_left_alone() {
    let mut gone = line("05e0", "S20155", "usb-0_2");
    gone.insert("ACTION".to_owned(), "remove".to_owned());
    let on_board = device(&[("ACTION", "add"), ("SUBSYSTEM", "tty"), ("ENV{ID_PATH_TAG}", "platform-3f201000_serial")]);
    for untouched in [gone, on_board] {
        assert_eq!(follow(untouched.clone()), (Vec::new(), untouched));
    }
}

#[test]
fn udevs_own_tool_finds_nothing_wrong() {
    let verify = |arguments: &[&str]| Command::new("udevadm").arg("verify").args(arguments).output();
    let Some(known) = verify(&["--help"]).ok().filter(|help| help.status.success()) else {
        println!("skipped: this udevadm is older than 254, and can't verify rules");
        return;
    };
    drop(known);
    let rules = of_the_project("systemd/60-parceld.rules").display().to_string();
    let verified = verify(&[&rules]).expect("it could just be started");
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}
