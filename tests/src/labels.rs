//! What somebody could print on a label, and how it is shown.

/// So much of a code is shown and sent.
const SHOWN_CHARACTERS_MAX: usize = 128;

/// What somebody could print on a label, by what it tries.
#[must_use]
pub fn hostile() -> Vec<(&'static str, String)> {
    let fixed = [
        ("a NUL inside", "AB\0CD"),
        ("a bell and a backspace", "\x07\x08\x08\x08OK"),
        ("an end of line and another line", "17\r\nPD:DONE"),
        ("a line of a log", "x\n2026-11-26T05:00:00Z ERROR parceld: not saved"),
        ("the colours of a terminal", "\x1b[31mRED\x1b[0m"),
        ("a cleared screen", "\x1b[2J\x1b[H"),
        ("a title by OSC", "\x1b]0;owned\x07"),
        ("a link by OSC", "\x1b]8;;http://example.com\x1b\\here\x1b]8;;\x1b\\"),
        ("the clipboard by OSC", "\x1b]52;c;cm0gLXJmIC8=\x07"),
        ("a device control string", "\x1bP$q\"p\x1b\\"),
        ("C1 controls", "\u{9b}31m\u{9d}0;x\u{9c}"),
        ("text that turns round", "\u{202e}txt.exe\u{202c}"),
        ("isolates", "\u{2066}abc\u{2069}\u{2067}def\u{2069}"),
        ("a mark before everything", "\u{feff}O1"),
        ("invisible characters", "O\u{200b}1\u{2060}"),
        ("a letter like another", "\u{41e}1"),
        ("a combining pile", "Z\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}"),
        ("the end of a statement", "'; DROP TABLE orders; --"),
        ("a condition that holds", "O9' OR '1'='1"),
        ("a wildcard", "%"),
        ("another wildcard", "O_"),
        ("a script", "<script>alert(1)</script>"),
        ("an attribute", "\"><img src=x onerror=alert(1)>"),
        ("an entity", "&lt;b&gt;&#x41;"),
        ("the end of a comment", "--><svg/onload=alert(1)>"),
        ("a template", "{{7*7}}${7*7}"),
        ("all topics", "#"),
        ("a level of topics", "parceld/v1/+/commands"),
        ("a system topic", "$SYS/broker/uptime"),
        ("a shared subscription", "$share/a/parceld/#"),
        ("a formula", "=cmd|' /C calc'!A0"),
        ("another formula", "@SUM(1+1)*cmd|'/C calc'!A0"),
        ("a formula with a plus", "+1+1"),
        ("a formula with a minus", "-2+3"),
        ("a way out of a directory", "../../../../etc/passwd"),
        ("JSON", "\",\"sequence\":1,\"x\":\""),
        ("a command of a printer", "^XA^JUS^XZ"),
        ("another command of a printer", "~JR"),
        ("our DONE without a check", "PD:DONE"),
        ("GS1 in a plain code", "0104006381000659"),
        ("a lot number like GS1", "10D9T"),
        ("a web address", "https://example.com/01/04006381000659/../../x"),
        ("a format", "%s%s%s%n"),
        ("a very wide number", "99999999999999999999999999999999"),
        ("a minus", "-1"),
        ("nothing but a space", " "),
    ];
    let long = [
        ("4 KiB of digits", "7".repeat(4096)),
        ("4 KiB of what looks like markup", "<b>".repeat(1366)[..4096].to_owned()),
        ("4 KiB of letters with two bytes", "\u{e5}".repeat(2048)),
    ];
    fixed.map(|(what, text)| (what, text.to_owned())).into_iter().chain(long).collect()
}

/// The code as people and the platform see it: what would rewrite the line around it is replaced.
#[must_use]
pub fn shown(text: &str) -> String {
    let replaced = |c: char| match c {
        _ if c.is_control() => '\u{fffd}',
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => '\u{fffd}',
        _ => c,
    };
    text.chars().map(replaced).take(SHOWN_CHARACTERS_MAX).collect()
}
