//! The configuration said again.

use super::layers::Folder;
use super::*;
use live::RESTART;
use std::time::Duration;

fn loaded(text: &str) -> Loaded {
    understand(&Sources::of_text(Path::new("parceld.toml"), text)).unwrap_or_else(|error| panic!("{error}"))
}

/// The manual with every key in the open, over TLS.
fn everything() -> String {
    let all: Vec<usize> = entries().iter().map(|entry| entry.line).collect();
    opened(&all).replace("mqtt://", "mqtts://")
}

#[test]
fn what_is_shown_reads_back_as_the_same() {
    let line = GOOD.replace(
        "[[station]]",
        "[[scanner]]\nid = \"s\"\nstation = \"bench-1\"\nport = \"tcp://h:1\"\ndriver = \"ssi\"\n[[station]]",
    );
    let odd = GOOD.replace("[site]", "[site]\nname = 'Ö \"s\" \\ #'");
    for text in [GOOD, EXAMPLE_SITE, MANUAL, &everything(), &line, &odd] {
        let loaded = loaded(text);
        let shown = Shown::of(&loaded).to_string();
        assert_eq!(accepted(&shown), loaded.config, "{shown}");
        assert_eq!(accepted(&show::whole(&loaded.config)), loaded.config);
    }
}

#[test]
fn every_key_says_where_it_comes_from() {
    let folder = Folder::new("shown");
    folder.write("parceld.toml", GOOD);
    folder
        .write("conf.d/20-scanners.toml", "\n[[scanner]]\nid = \"s\"\nstation = \"bench-1\"\nport = \"/dev/ttyS0\"\n");
    folder.write(
        "conf.d/30.toml",
        "[[scanner]]\nid = \"s\"\nbaud = 115200\n[notices]\nexpire_after = { packed = \"1h\" }",
    );
    let given = vec![Given { key: "log.level", value: "warn".into(), by: By::Environment("PARCELD_LOG_LEVEL") }];
    let loaded = Stack { given, ..folder.stack() }.load().unwrap();
    let shown = Shown::of(&loaded).to_string().replace(&format!("{}/", folder.path().display()), "");
    for line in [
        "id = \"sthlm-03\"  # parceld.toml:2",
        "name = \"sthlm-03\"  # default",
        "keep = \"30d\"  # default",
        "# backup_dir is not set",
        "url = \"mqtt://broker.example.com:1883\"  # parceld.toml:7",
        "id = \"s\"  # conf.d/20-scanners.toml:3",
        "port = \"/dev/ttyS0\"  # conf.d/20-scanners.toml:5",
        "baud = 115200  # conf.d/30.toml:3",
        "packed = \"1h\"  # conf.d/30.toml:5",
        "level = \"warn\"  # environment PARCELD_LOG_LEVEL",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} is not in\n{shown}");
    }
    assert_eq!(accepted(&shown), loaded.config);
    let changed = Shown::of(&loaded).changed().to_string();
    assert!(
        !changed.contains("default") && !changed.contains("not set") && !changed.contains("[storage]"),
        "{changed}"
    );
    assert_eq!(accepted(&changed), loaded.config);
}

#[test]
fn what_may_be_a_secret_is_hidden() {
    let login = |user: &str| {
        GOOD.replace("[[station]]", &format!("username = \"{user}\"\npassword_file = \"/p\"\n[[station]]"))
    };
    let carrier = "[[carrier]]\nid = \"post\"\ntracking_url = \"https://me:hunter2@track/{tracking}\"\n";
    for (text, is_shown) in [
        (login("sthlm-03"), "username = \"sthlm-03\"  # parceld.toml:9"),
        (login("hunter2"), "username = \"(hidden)\"  # parceld.toml:9, hidden here"),
        (format!("{GOOD}{carrier}"), "tracking_url = \"(hidden)\"  # parceld.toml:13, hidden here"),
        (
            format!("{GOOD}{}", carrier.replace("me:hunter2@", "")),
            "tracking_url = \"https://track/{tracking}\"  # parceld.toml:13",
        ),
    ] {
        let shown = Shown::of(&loaded(&text));
        assert!(shown.to_string().lines().any(|line| line == is_shown), "{is_shown} is not in\n{shown}");
        let json = serde_json::to_string(&shown).unwrap();
        assert!(!json.contains("hunter2") && !shown.to_string().contains("hunter2"), "{shown}");
        assert_eq!(serde_json::from_str::<Shown>(&json).unwrap(), shown);
    }
}

#[test]
fn every_key_of_the_manual_is_shown_and_no_other() {
    let documented: BTreeSet<String> = entries()
        .iter()
        .map(|entry| format!("{}.{}", entry.table.trim_matches(['[', ']']), entry.key))
        .filter(|key| key != "notices.expire_after")
        .collect();
    let shown = Shown::of(&loaded(&everything())).sections.into_iter();
    let shown = shown.filter(|section| section.table != "notices.expire_after");
    let shown: BTreeSet<String> = shown
        .flat_map(|section| {
            let table = section.table.clone();
            section.keys.into_iter().map(move |key| format!("{table}.{}", key.key))
        })
        .collect();
    assert_eq!(shown, documented);
}

/// Each row is an edit of the good file, and what differs then.
#[test]
fn what_differs_is_named_by_key() {
    let scanner = "[[scanner]]\nid = \"s\"\nstation = \"bench-1\"\nport = \"/dev/ttyS0\"\n";
    for (name, old, new, expected) in [
        ("nothing", "", "", ""),
        ("a default spelled out", "", "[log]\nlevel = \"info\"\n", ""),
        ("a key", "", "[log]\nlevel = \"warn\"\n", "log.level"),
        ("in several tables", "", "[log]\nlevel = \"warn\"\n[web]\nlisten = \"0.0.0.0:80\"\n", "log.level web.listen"),
        ("a new scanner", "", scanner, "scanner.s"),
        ("one that is gone", scanner, "", "scanner.s"),
        (
            "one that has changed",
            scanner,
            &scanner.replace("ttyS0", "ttyS1\"\nbounce = \"1s"),
            "scanner.s.bounce scanner.s.port",
        ),
        ("inside of a table", "", "[notices.expire_after]\npacked = \"1h\"\n", "notices.expire_after.packed"),
    ] {
        let [old, new] = [old, new].map(|more| accepted(&format!("{GOOD}{more}")));
        assert_eq!(differences(&old, &new).join(" "), expected, "{name}");
    }
}

#[test]
fn what_needs_a_restart_stays_as_it_is_until_then() {
    let running = accepted(GOOD);
    let mut new = accepted(&everything().replace("Europe/Stockholm", "Europe/Oslo").replace("8080", "8081"));
    new.site.id = "other".into();
    new.storage.path = "/elsewhere.db".into();
    new.storage.ballast_bytes += 1;
    new.storage.backup_every += Duration::from_secs(1);
    let live = new.as_far_as_live(&running);
    let changed = differences(&running, &live);
    let restart: Vec<_> = differences(&live, &new);
    let mut all = RESTART;
    all.sort_unstable();
    assert_eq!(restart, all);
    assert!(restart.iter().all(|path| needs_restart(path)) && !changed.iter().any(|path| needs_restart(path)));
}

#[test]
fn every_key_counts_at_once_or_after_a_restart_and_the_manual_says_which() {
    let mut named: Vec<String> = live::LIVE
        .iter()
        .flat_map(|(table, keys)| keys.iter().map(move |key| format!("{table}.{key}")))
        .chain(RESTART.map(str::to_owned))
        .collect();
    named.sort();
    let mut documented: Vec<String> = Vec::new();
    for entry in entries() {
        let key = format!("{}.{}", entry.table.trim_matches(['[', ']']), entry.key);
        let above = MANUAL.lines().take(entry.line).collect::<Vec<_>>();
        let comment = above.iter().rev().take_while(|line| line.starts_with("# ") && !line.contains(" = "));
        let says_restart = comment.into_iter().any(|line| line.contains("after a restart"));
        assert_eq!(says_restart, needs_restart(&key), "{key}");
        documented.push(key);
    }
    documented.sort();
    assert_eq!(named, documented);
}
