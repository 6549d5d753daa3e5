//! What the sheets show is what a decoder that isn't ours reads from them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::net::TcpStream;

use parceld::sheet::{Sheet, Words, parts, svg};
use parceld::words::Language;
use parceld_drivers::gs1::Sscc;
use parceld_drivers::printer::zpl::{Captions, Media, ParcelLabel};
use parceld_tests::agent::{Agent, AgentSetup};
use parceld_tests::net;
use parceld_tests::paper::{self, Read};
use parceld_tests::printer::VirtualPrinter;

fn agent(language: &str) -> Agent {
    let nobody = format!("mqtt://127.0.0.1:{}", net::free_port());
    let setup = AgentSetup::new("site-1", &nobody).station("bench-1", "pack").set("site.language", language);
    let mut agent = setup.start();
    agent.ready();
    agent
}

#[track_caller]
fn printed(agent: &Agent, arguments: &[&str]) -> String {
    let output = agent.command(&[&["barcodes"], arguments].concat()).output().expect("the agent's program runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("sheets are UTF-8")
}

/// What the same arguments print for programs, as it should be read.
fn expected(agent: &Agent, arguments: &[&str]) -> Vec<Read> {
    let json = printed(agent, &[arguments, &["--json"]].concat());
    let texts: BTreeMap<String, String> = serde_json::from_str(&json).expect("a map of names and texts");
    let mut reads: Vec<Read> = texts.into_values().map(|text| Read { text, is_gs1: false }).collect();
    reads.sort();
    reads
}

#[test]
fn every_code_of_every_sheet_reads_as_it_is_listed() {
    let long = "0123456789_abcdefghij-ABCDEFGHIJ";
    let rows: [&[&str]; 3] = [
        &[],
        &["--only", "modes", "--badge", "17", "--badge", long],
        &["--bin", "A-01..A-20", "--bin", long, "--tote", "T-1..T-3"],
    ];
    for language in ["en", "sv"] {
        let agent = agent(language);
        for arguments in rows {
            let expected = expected(&agent, arguments);
            assert!(2 < expected.len(), "{arguments:?}");
            let svg = printed(&agent, &[arguments, &["--format", "svg"]].concat());
            assert_eq!(paper::read(&svg), expected, "{language} {arguments:?}");
            let html = printed(&agent, &[arguments, &["--format", "html"]].concat());
            let mut reads: Vec<Read> = paper::drawings(&html).iter().flat_map(|page| paper::read(page)).collect();
            reads.sort();
            assert_eq!(reads, expected, "{language} {arguments:?}");
        }
    }
}

#[test]
fn every_command_in_every_language_fits_a_sheet() {
    for language in Language::all() {
        let words = Words::of(language);
        let text = |word: &str| format!("PD:{word}:WXYZ");
        let quantities = ["Q-2", "Q-12", "Q-144"];
        let words_and_texts: Vec<(String, String)> =
            (words.commands()).chain(quantities).map(|word| (word.to_owned(), text(word))).collect();
        let sections = parts::commands(words, &parts::Group::ALL, &words_and_texts);
        let drawing = svg::draw(&Sheet { title: "Site".to_owned(), sections, language }).expect("all of it fits");
        let mut expected: Vec<Read> =
            words_and_texts.into_iter().map(|(_, text)| Read { text, is_gs1: false }).collect();
        expected.sort();
        assert_eq!(paper::read(&drawing), expected, "{language:?}");
    }
}

#[test]
fn an_sscc_is_gs1_on_a_sheet_and_on_a_label() {
    let language = Language::ENGLISH;
    let words = Words::of(language);
    let section = parts::parcels(words, "7350012", 1, 14);
    let sheet = Sheet { title: "Site".to_owned(), sections: vec![section], language };
    let reads = paper::read(&svg::draw(&sheet).expect("SSCCs fit"));
    let sscc = |serial| Sscc::assemble(0, "7350012", serial).expect("a serial with room");
    let expected: Vec<Read> =
        (1..=14).map(|serial| Read { text: format!("00{}", sscc(serial)), is_gs1: true }).collect();
    assert_eq!(reads, expected);

    let label = ParcelLabel {
        sscc: sscc(1),
        order_number: "10042".to_owned(),
        parcel: 1,
        of: None,
        carrier: "Cykelbudet".to_owned(),
        service: None,
        collection: None,
        site: "Site".to_owned(),
        tracking: None,
    };
    let printer = VirtualPrinter::start();
    let mut stream = TcpStream::connect(net::loopback(printer.port())).expect("it is on");
    let zpl = label.zpl(&Captions::ENGLISH, Media::default());
    stream.write_all(zpl.as_bytes()).expect("it takes a label");
    assert_eq!(printer.until_printed(1)[0].barcodes(), [format!("]C1{}", reads[0].text)]);
}

#[test]
fn labels_for_parcels_read_back_and_no_number_comes_twice() {
    let agent = agent("en");
    let mut numbers = BTreeSet::new();
    for count in [20, 3] {
        let svg = printed(&agent, &["--parcels", &count.to_string(), "--format", "svg"]);
        let reads = paper::read(&svg);
        assert_eq!(reads.len(), count);
        for read in reads {
            assert!(read.is_gs1, "{read:?}");
            let number = read.text.strip_prefix("00").expect("AI 00");
            number.parse::<Sscc>().expect("an SSCC with its check digit");
            assert!(numbers.insert(number.to_owned()), "{number} was given out twice");
        }
    }
}

#[test]
fn without_the_running_agent_no_number_is_given_out() {
    let mut agent = agent("en");
    agent.kill9();
    let output = agent.command(&["barcodes", "--parcels", "3"]).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("parceld isn't running"), "{message}");
}

#[test]
fn what_cannot_be_printed_is_said_and_nothing_is_written() {
    let agent = agent("en");
    let file = agent.database().with_file_name("sheet.html");
    let file_name = file.to_str().expect("a temporary directory has a plain name");
    for (arguments, said) in [
        (&["--badge", "a b"][..], "an id has 1 to 32 letters"),
        (&["--badge", "<script>"], "an id has 1 to 32 letters"),
        (&["--bin", "A-1..A-2000"], "its last digits, which are as many"),
        (&["--bin", "A-0001..A-2000"], "a range has at most 1000 ids"),
        (&["--bin", "A-001..A-600", "--tote", "A-001..A-600"], "1200 codes are too many for one sheet"),
    ] {
        let fixed = ["barcodes", "--format", "html", "--output", file_name];
        let output = agent.command(&[&fixed[..], arguments].concat()).output().expect("the agent's program runs");
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(message.contains(said), "{arguments:?}: {message}");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!file.exists(), "{arguments:?}");
    }
    printed(&agent, &["--format", "html", "--output", file_name]);
    let html = fs::read_to_string(&file).expect("it was written");
    assert!(html.starts_with("<!doctype html>") && html.ends_with("</html>\n"));
}
