//! Several files as one: what counts, and what is said when they are wrong together.

use super::super::kept;
use super::*;
use std::fs;
use std::path::PathBuf;

/// A folder with a configuration in it; gone when it is dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("parceld-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("conf.d")).unwrap();
        Self(path)
    }

    pub fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.0.join(file);
        fs::write(&path, text).unwrap();
        path
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn stack(&self) -> Stack {
        Stack::of(&self.0.join("parceld.toml"))
    }

    /// What is said of it, its own path left out.
    fn said(&self) -> String {
        let said = self.stack().load().expect_err("the files were accepted").to_string();
        said.replace(&format!("{}/", self.0.display()), "")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The file, the drop-ins, and what `read` then reads.
fn check(name: &str, drop_ins: &[(&str, &str)], read: impl Fn(&Config) -> String, expected: &str) {
    let folder = Folder::new(&format!("layers-{name}"));
    folder.write("parceld.toml", GOOD);
    for (file, text) in drop_ins {
        folder.write(&format!("conf.d/{file}"), text);
    }
    let loaded = folder.stack().load().unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(read(&loaded.config), expected, "{name}");
}

#[test]
fn what_counts_more_overrides_key_by_key() {
    let levels = |config: &Config| format!("{} {}", config.log.level.as_str(), config.log.format.as_str());
    check("none", &[], levels, "info text");
    check("one", &[("a.toml", "[log]\nlevel = \"warn\"")], levels, "warn text");
    let two = [("a.toml", "[log]\nlevel = \"warn\"\nformat = \"json\""), ("b.toml", "[log]\nlevel = \"debug\"")];
    check("by name", &two, levels, "debug json");
    check(
        "numbers",
        &[("9.toml", "[log]\nlevel = \"warn\""), ("10.toml", "[log]\nlevel = \"debug\"")],
        levels,
        "warn text",
    );
    let others =
        [(".a.toml", "[log"), ("a.toml~", "[log"), ("a.toml.dpkg-new", "[log"), ("a.conf", "[log"), ("README", "[log")];
    check("left behind", &others, levels, "info text");
    let inline = [("a.toml", "log = { level = \"warn\" }"), ("b.toml", "log.format = \"json\"")];
    check("other notations", &inline, levels, "warn json");
    let list = |config: &Config| config.web.allowed_hosts.join(" ");
    let lists = [("a.toml", "[web]\nallowed_hosts = [\"a\", \"b\"]"), ("b.toml", "[web]\nallowed_hosts = [\"c\"]")];
    check("a whole list", &lists, list, "c");
    let after = |config: &Config| {
        let after = |milestone| duration_text(config.notices.expire_after[&milestone]);
        format!("{} {}", after(Milestone::Packed), after(Milestone::Delayed))
    };
    let nested = [
        ("a.toml", "[notices.expire_after]\npacked = \"1h\""),
        ("b.toml", "[notices]\nexpire_after = { delayed = \"2h\" }"),
    ];
    check("inside of a table", &nested, after, "1h 2h");
}

#[test]
fn tables_of_a_list_are_known_by_their_id() {
    let stations = |config: &Config| {
        let station = |station: &Station| format!("{} {} {}", station.id, station.name, station.mode.as_str());
        config.stations.iter().map(station).collect::<Vec<_>>().join(", ")
    };
    let same = [("a.toml", "[[station]]\nid = \"bench-1\"\nname = \"The first\"")];
    check("same", &same, stations, "bench-1 The first pack");
    let new = [("a.toml", "[[station]]\nid = \"door\"\nmode = \"load\"")];
    check("new", &new, stations, "bench-1 bench-1 pack, door door load");
    let both = [
        ("a.toml", "[[station]]\nid = \"door\"\nmode = \"load\"\n[[station]]\nid = \"bench-1\"\nmode = \"pick\""),
        ("b.toml", "[[station]]\nid = \"door\"\nname = \"Door\""),
    ];
    check("both", &both, stations, "bench-1 bench-1 pick, door Door load");
    let scanners = |config: &Config| {
        let scanner = |scanner: &Scanner| format!("{} {} {}", scanner.id, scanner.port, scanner.baud);
        config.scanners.iter().map(scanner).collect::<Vec<_>>().join(", ")
    };
    let scanner = "[[scanner]]\nid = \"s\"\nstation = \"bench-1\"\nport = \"/dev/ttyS0\"";
    check(
        "a scanner",
        &[("10.toml", scanner), ("20.toml", "[[scanner]]\nid = \"s\"\nbaud = 115200")],
        scanners,
        "s /dev/ttyS0 115200",
    );
    let collections = |config: &Config| config.carriers[0].collections.len().to_string();
    let carrier = "[[carrier]]\nid = \"post\"\ncollections = [{ days = [\"mon\"], at = \"16:30\", cut_off = \"15m\" }, { days = [\"tue\"], at = \"16:30\", cut_off = \"15m\" }]";
    let one = "[[carrier]]\nid = \"post\"\ncollections = [{ days = [\"mon\"], at = \"17:00\", cut_off = \"15m\" }]";
    check("a list in it is one value", &[("a.toml", carrier), ("b.toml", one)], collections, "1");
}

#[test]
fn what_is_wrong_says_in_which_file() {
    for (name, drop_ins, expected) in [
        (
            "a station that no file has",
            vec![(
                "20-scanners.toml",
                "# The new one.\n[[scanner]]\nid = \"s\"\nstation = \"bench-2\"\nport = \"/dev/ttyS0\"",
            )],
            r#"
            conf.d/20-scanners.toml:4:11: `station` cannot be "bench-2"
              |
            4 | station = "bench-2"
              |           ^^^^^^^^^
              = it can only be "bench-1"
        "#,
        ),
        (
            "a port that another file has taken",
            vec![
                ("a.toml", "[[scanner]]\nid = \"s\"\nstation = \"bench-1\"\nport = \"/dev/ttyS0\""),
                ("b.toml", "[[scanner]]\nid = \"t\"\nstation = \"bench-1\"\nport = \"/dev/ttyS0\""),
            ],
            r#"
            conf.d/b.toml:4:8: the port "/dev/ttyS0" is already taken in conf.d/a.toml, line 4
              |
            4 | port = "/dev/ttyS0"
              |        ^^^^^^^^^^^^
              = give each its own port
        "#,
        ),
        (
            "twice in one file",
            vec![("a.toml", "[[station]]\nid = \"bench-1\"\n[[station]]\nid = \"bench-1\"")],
            r#"
            conf.d/a.toml:4:6: the id "bench-1" is already taken in parceld.toml, line 10
              |
            4 | id = "bench-1"
              |      ^^^^^^^^^
              = give each its own id
        "#,
        ),
        (
            "faults of several files",
            vec![
                ("a.toml", "[log]\nlevle = \"warn\""),
                ("b.toml", "[web]\nlisten = \"8080\"\n[sync]\nwindow = \"64\""),
            ],
            r#"
            conf.d/a.toml:2:1: there is no key `levle` in [log]
              |
            2 | levle = "warn"
              | ^^^^^
              = did you mean `level`?

            conf.d/b.toml:2:10: `listen` must be an IP address and a port
              |
            2 | listen = "8080"
              |          ^^^^^^
              = write it like this: listen = "127.0.0.1:8080"

            conf.d/b.toml:4:10: `window` must be a whole number, but this is a text in quotes
              |
            4 | window = "64"
              |          ^^^^
              = write it like this: window = 64
        "#,
        ),
        (
            "broken syntax alone",
            vec![("a.toml", "[log]\nlevle = \"warn\""), ("b.toml", "[web")],
            r#"
            conf.d/b.toml:1:5: the name of the table is not closed
              |
            1 | [web
              |     ^
              = write [name], or [[name]] for a list
        "#,
        ),
        (
            "a misspelled key is not also missing",
            vec![
                ("a.toml", "[[scanner]]\nid = \"s\"\nstation = \"bench-1\""),
                ("b.toml", "[[scanner]]\nid = \"s\"\nprot = \"/dev/ttyS0\""),
            ],
            r#"
            conf.d/b.toml:3:1: there is no key `prot` in [[scanner]]
              |
            3 | prot = "/dev/ttyS0"
              | ^^^^
              = did you mean `port`?
        "#,
        ),
        (
            "two that don't fit together",
            vec![("a.toml", "[sync]\nwindow = 900"), ("b.toml", "[sync]\nahead = 100")],
            r#"
            conf.d/b.toml:2:9: `ahead` (100) must not be smaller than `window` (900)
              |
            2 | ahead = 100
              |         ^^^
              = write ahead = 900 or more, or a smaller window
        "#,
        ),
    ] {
        let folder = Folder::new("layers-wrong");
        folder.write("parceld.toml", GOOD);
        drop_ins.iter().for_each(|(file, text)| _ = folder.write(&format!("conf.d/{file}"), text));
        assert_eq!(folder.said(), dedent(expected), "{name}");
    }
}

#[test]
fn what_is_given_counts_before_all_files_and_is_named() {
    let folder = Folder::new("layers-given");
    folder.write("parceld.toml", GOOD);
    folder.write("conf.d/a.toml", "[log]\nlevel = \"warn\"");
    let given = |key, value: &str, by| Given { key, value: value.to_owned(), by };
    let stack = Stack {
        given: vec![
            given("broker.url", "mqtt://other", By::Environment("PARCELD_BROKER_URL")),
            given("log.level", "debug", By::Flag("--log-level")),
        ],
        ..folder.stack()
    };
    let loaded = stack.load().unwrap();
    assert_eq!(loaded.config.broker.url.host, "other");
    assert_eq!(loaded.config.log.level, Level::Debug);
    assert_eq!(loaded.origins.of_key("broker.url").to_string(), "environment PARCELD_BROKER_URL");
    assert_eq!(loaded.origins.of_key("log.level").to_string(), "--log-level");
    let wrong = Stack {
        given: vec![given("broker.url", "mqtt://me:hunter2@b", By::Environment("PARCELD_BROKER_URL"))],
        ..folder.stack()
    };
    let said = wrong.load().unwrap_err().to_string();
    assert!(said.starts_with("environment PARCELD_BROKER_URL: `url` must not contain a user or a password"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    // A text is a text, whatever is in it.
    let text = "\"]\n[log]\nlevel = \"trace";
    let odd = Stack { given: vec![given("log.level", text, By::Flag("--log-level"))], ..folder.stack() };
    let said = odd.load().unwrap_err().to_string();
    assert!(said.starts_with("--log-level: `level` cannot be "), "{said}");
}

#[test]
fn a_folder_has_limits_and_must_be_readable() {
    let folder = Folder::new("layers-many");
    folder.write("parceld.toml", GOOD);
    (0..=sources::DROP_INS_MAX).for_each(|n| _ = folder.write(&format!("conf.d/{n}.toml"), ""));
    assert_eq!(folder.said(), "conf.d: more than 64 files that end with .toml");
    let folder = Folder::new("layers-large");
    folder.write("parceld.toml", GOOD);
    folder.write("conf.d/a.toml", &"#".repeat(FILE_BYTES_MAX + 1));
    assert_eq!(folder.said(), "conf.d/a.toml: larger than 262144 bytes, so it is not a configuration");
    let folder = Folder::new("layers-gone");
    folder.write("parceld.toml", GOOD);
    std::os::unix::fs::symlink("nowhere", folder.path().join("conf.d/a.toml")).unwrap();
    assert!(folder.said().starts_with("conf.d/a.toml: there is no such file"), "{}", folder.said());
    let folder = Folder::new("layers-fifo");
    folder.write("parceld.toml", GOOD);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.path().join("conf.d/a.toml"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    assert!(folder.said().starts_with("conf.d/a.toml: cannot be read: this is no file"), "{}", folder.said());
}

#[test]
fn what_was_right_last_is_kept_for_its_own_file_alone() {
    let folder = Folder::new("layers-kept");
    let database = folder.path().join("parceld.db");
    let good = format!("{GOOD}[storage]\npath = {database:?}\n");
    let file = folder.write("parceld.toml", &good);
    let config = folder.stack().load().unwrap().config;
    assert!(kept::last_good(&folder.stack()).is_none(), "it has never run");
    keep(&folder.stack(), &config).unwrap();
    let written = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    let at = written(&copy_of(&database));
    keep(&folder.stack(), &config).unwrap();
    assert_eq!(written(&copy_of(&database)), at, "nothing is written where nothing has changed");
    for broken in [good.replace("[site]", "[site"), good.replace("timezone", "tiemzone"), format!("{good}\0")] {
        fs::write(&file, &broken).unwrap();
        let (copy, loaded) = kept::last_good(&folder.stack()).unwrap_or_else(|| panic!("none for {broken}"));
        assert_eq!(copy, copy_of(&database));
        assert_eq!(loaded.config, config);
    }
    let at_large = good.replace(&format!("[storage]\npath = {database:?}\n"), "");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let drop_in = folder.write("conf.d/storage.toml", &format!("[storage]\npath = {database:?}\n"));
    let (_, loaded) = kept::last_good(&folder.stack()).expect("a file of conf.d names the database");
    assert_eq!(loaded.config, config);
    fs::remove_dir(&file).unwrap();
    fs::write(&file, at_large.replace("[site]", "[site")).unwrap();
    assert!(kept::last_good(&folder.stack()).is_some());
    fs::remove_file(drop_in).unwrap();
    let other = folder.write("other.toml", &good.replace("[site]", "[site"));
    fs::write(&file, good.replace("[site]", "[site")).unwrap();
    assert!(kept::last_good(&Stack::of(&other)).is_none(), "it is of another file");
    folder.write("parceld.db.config.toml", "garbage");
    assert!(kept::last_good(&folder.stack()).is_none(), "a damaged copy is none");
}

/// A folder with a default place, and what runs on a database at `place` in it.
fn runs_on(folder: &Folder, place: &str) -> PathBuf {
    let database = folder.path().join(place).join("parceld.db");
    fs::create_dir_all(database.parent().unwrap()).unwrap();
    folder.write("parceld.toml", &format!("{GOOD}[storage]\npath = {database:?}\n"));
    let config = folder.stack().load().unwrap().config;
    kept::keep_near(&folder.stack(), &config, &folder.path().join("default/parceld.db")).unwrap();
    database
}

/// The database that a start with this text goes on with.
fn goes_on_with(folder: &Folder, text: &str) -> Option<PathBuf> {
    folder.write("parceld.toml", text);
    let found = kept::last_good_near(&folder.stack(), &folder.path().join("default/parceld.db"));
    found.map(|(copy, loaded)| {
        assert_eq!(copy, copy_of(&loaded.config.storage.path));
        loaded.config.storage.path
    })
}

#[test]
fn a_database_that_was_left_is_never_started_on() {
    let folder = Folder::new("layers-moved");
    let at_first = runs_on(&folder, "default");
    assert_eq!(goes_on_with(&folder, ""), Some(at_first.clone()), "a file that lost all its text");
    let ssd = runs_on(&folder, "ssd");
    assert_eq!(goes_on_with(&folder, ""), Some(ssd.clone()));
    assert_eq!(goes_on_with(&folder, &format!("[storage]\npath = {ssd:?}\n[site\n")), Some(ssd.clone()));
    let stale = format!("[storage]\npath = {at_first:?}\n[site\n");
    assert_eq!(goes_on_with(&folder, &stale), Some(ssd.clone()), "the one that was left is no candidate");
    let other = runs_on(&folder, "other-ssd");
    assert!(!copy_of(&ssd).exists(), "its copy is forgotten");
    assert_eq!(goes_on_with(&folder, ""), Some(other.clone()));
    fs::remove_file(copy_of(&other)).unwrap();
    assert_eq!(goes_on_with(&folder, ""), None, "a disk that is not there");

    // As a version that kept only one copy left it.
    let back = runs_on(&folder, "default");
    fs::copy(copy_of(&back), folder.path().join("old")).unwrap();
    let ssd = runs_on(&folder, "ssd");
    fs::rename(folder.path().join("old"), copy_of(&back)).unwrap();
    let broken = format!("[storage]\npath = {ssd:?}\n[site\n");
    assert_eq!(goes_on_with(&folder, &broken), None, "two places say two things");
}

#[test]
fn another_file_s_copy_at_the_default_place_stays() {
    let folder = Folder::new("layers-two");
    let theirs = runs_on(&folder, "default");
    let text = fs::read_to_string(copy_of(&theirs)).unwrap().replace("parceld.toml", "theirs.toml");
    fs::write(copy_of(&theirs), &text).unwrap();
    let ours = runs_on(&folder, "ssd");
    assert_eq!(fs::read_to_string(copy_of(&theirs)).unwrap(), text);
    assert_eq!(goes_on_with(&folder, &format!("[storage]\npath = {ours:?}\n[site\n")), Some(ours));
    assert_eq!(goes_on_with(&folder, ""), None);
}
