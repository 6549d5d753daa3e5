use super::*;
use clap::CommandFactory;

#[test]
fn the_arguments_are_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_verb_has_help_with_examples_and_exit_codes() {
    let verbs = Cli::command().get_subcommands().cloned().collect::<Vec<_>>().into_iter();
    // What only groups verbs has theirs.
    let verbs = verbs.flat_map(|verb| match verb.get_name() {
        "config" => verb.get_subcommands().cloned().collect(),
        _ => vec![verb],
    });
    for mut verb in verbs {
        let help = verb.render_long_help().to_string();
        for part in ["Examples:", "Exit codes:", "  0  "] {
            assert!(help.contains(part), "{} lacks {part:?}:\n{help}", verb.get_name());
        }
    }
}

#[test]
fn takes_the_arguments_as_documented() {
    for line in [
        "parceld run --config parceld.toml",
        "parceld --config parceld.toml run",
        "parceld check-config parceld.toml",
        "parceld check-config",
        "parceld run --strict --log-level debug",
        "parceld --broker-url mqtt://b config show --json",
        "parceld config show --changed --config parceld.toml",
        "parceld config show --running",
        "parceld reload --json",
        "parceld log-level debug",
        "parceld log-level debug --for 2m",
        "parceld status --json",
        "parceld events --follow --since 40 --limit 3 --json",
        "parceld scan --station bench-1 10042",
        "parceld scan --station bench-1 -7 --json",
        "parceld barcodes --json",
        "parceld barcodes --format html --output sheet.html --only verbs,modes",
        "parceld barcodes --badge 17 --badge 18 --bin A-01..A-20 --tote T_1 --parcels 24",
        "parceld doctor --json --config parceld.toml",
        "parceld orders",
        "parceld orders 10042 --json",
        "parceld scanners",
        "parceld scanners reopen hand --json",
        "parceld test-signal --station bench-1",
        "parceld test-signal --station bench-1 refused",
        "parceld test-publish --json",
        "parceld reconnect",
        "parceld claim",
        "parceld resend --from 4200",
        "parceld quarantine list --json",
        "parceld quarantine show 3",
        "parceld quarantine retry 3",
        "parceld quarantine drop 3",
        "parceld guest --station bench-1",
        "parceld backup",
        "parceld backup copy.db --json",
        "parceld restore copy.db",
        "parceld restore copy.db --json",
        "parceld token new",
        "parceld bundle bundle.tar.gz",
        "parceld completions bash",
        "parceld man",
        "parceld man parceld.toml",
        "parceld man --to pages",
    ] {
        assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
    }
    for line in [
        "parceld",
        "parceld fly",
        "parceld scan 10042",
        "parceld events --since -1",
        "parceld barcodes --json --format svg",
        "parceld barcodes --format pdf",
        "parceld barcodes --only colours",
        "parceld barcodes --badge A:1",
        "parceld barcodes --bin A-20..A-01",
        "parceld barcodes --badge 1..5",
        "parceld barcodes --parcels 0",
        "parceld scanners open hand",
        "parceld test-signal refused",
        "parceld resend",
        "parceld resend --from -1",
        "parceld quarantine",
        "parceld quarantine retry",
        "parceld token",
        "parceld completions",
        "parceld log-level",
        "parceld log-level debug --for 2",
        "parceld config",
    ] {
        assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
    }
}

#[test]
fn runs_nothing_without_a_configuration() {
    let cli = Cli::try_parse_from(["parceld", "run", "--config", "/nowhere/parceld.toml"]).unwrap();
    let code = execute(cli, |_| panic!("it must not run"));
    assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(2)));
}

#[test]
fn hands_the_configuration_to_the_agent() {
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/parceld.toml");
    let cli = Cli::try_parse_from(["parceld", "run", "--config", manual]).unwrap();
    let code = execute(cli, |start| {
        assert_eq!(start.stack.path, std::path::Path::new(manual));
        assert_eq!(start.loaded.config.site.id, "sthlm-03");
        Ok(ExitCode::from(7))
    });
    assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(7)));
}
