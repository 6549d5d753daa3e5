//! Scans as GS1's own engine judges them. Where this project judges otherwise, the row is listed with the reason.

use parceld_drivers::gs1::{Content, DigitalLink, ElementString};
use parceld_drivers::scan_data::ScanData;

/// The columns of a file of facts: a verdict first.
fn rows<const N: usize>(file: &'static str, separator: char) -> impl Iterator<Item = [&'static str; N]> {
    file.lines().filter(|line| !line.starts_with('#')).map(move |line| {
        let mut columns = line.splitn(N, separator);
        std::array::from_fn(|_| columns.next().unwrap_or_default())
    })
}

fn verdict<T, E>(result: &Result<T, E>) -> &'static str {
    if result.is_ok() { "accepted" } else { "refused" }
}

/// Takes the row off the differences: what is left there at the end was judged alike after all.
fn is_difference(differences: &mut Vec<&str>, row: &str) -> bool {
    let place = differences.iter().position(|difference| *difference == row);
    place.map(|place| differences.remove(place)).is_some()
}

/// As GS1's engine writes it: `^` is FNC1.
fn said(content: &Content<'_>) -> String {
    format!("^{}", content.to_element_string().replace('\x1d', "^"))
}

#[test]
fn frames_are_read_as_by_gs1s_engine() {
    let mut differences = vec![
        // A scanner that sends no identifier, or one that ISO/IEC 15424 doesn't know, sends plain texts.
        "",
        "ABC",
        "]",
        "]X",
        "]XX",
        // 12 digits: a UPC-A, and a scanner that is set to drop the leading 0.
        "]E0123456789012",
        // A web address that is no Digital Link is a plain text: the catalog may have it.
        "]Q1https://a/NOPRIMARYAI",
    ];
    let mut count = 0;
    for [expected, _symbology, frame, says] in rows(include_str!("data/gs1/scan_data.txt"), '\t') {
        count += 1;
        let bytes = frame.replace("\\u001d", "\x1d");
        let read = ScanData::read(bytes.as_bytes());
        if is_difference(&mut differences, frame) {
            assert!(expected == "refused" && matches!(read, Ok(ScanData::Plain { .. } | ScanData::Ean(_))), "{frame}");
            continue;
        }
        assert_eq!(verdict(&read), expected, "{frame}: {read:?}");
        match read {
            Ok(ScanData::ElementString(string)) => assert_eq!(said(string.content()), says, "{frame}"),
            Ok(ScanData::DigitalLink(link)) => assert_eq!(said(link.content()), "^011231231231233399TEST", "{frame}"),
            Ok(ScanData::Ean(ean)) => {
                let (digits, component) = says.split_once('|').unwrap_or((says, ""));
                assert_eq!(ean.gtin.to_string(), format!("{digits:0>14}"), "{frame}");
                assert_eq!(ean.component.map_or(String::new(), |string| said(string.content())), component, "{frame}");
            }
            Ok(ScanData::Plain { text, .. }) => assert_eq!(text, says.replace("\\^", "^").as_bytes(), "{frame}"),
            Err(_) => {}
        }
    }
    assert_eq!((count, differences), (54, vec![]));
}

#[test]
fn element_strings_are_judged_as_by_gs1s_engine() {
    let mut differences = vec![
        // FNC1 in front is the symbology identifier's to say. Without it nothing is read as an element string.
        "", "991234",
    ];
    let mut count = 0;
    for [expected, row] in rows(include_str!("data/gs1/element_strings.txt"), ' ') {
        count += 1;
        let Some(payload) = row.strip_prefix('^') else {
            assert!(is_difference(&mut differences, row) && expected == "refused", "{row}");
            continue;
        };
        let payload = payload.replace('^', "\x1d");
        let parsed = ElementString::parse(payload.as_bytes());
        assert_eq!(verdict(&parsed), expected, "{row}: {parsed:?}");
    }
    assert_eq!((count, differences), (79, vec![]));
}

#[test]
fn values_are_judged_as_by_gs1s_engine() {
    let mut differences = vec![
        // Base64 is filled up to groups of four characters, not of three.
        "(8030)123=",
        // The coupons of North American tills are not taken apart.
        "(8112)201234561234560123456",
        "(8112)0",
        "(8112)07",
        "(8110)71234567890123",
        "(8110)012345",
    ];
    let mut count = 0;
    for [expected, row] in rows(include_str!("data/gs1/values.txt"), ' ') {
        count += 1;
        let payload = row.replacen('(', "", 1).replacen(')', "", 1);
        let parsed = ElementString::parse(payload.as_bytes());
        if is_difference(&mut differences, row) {
            assert!(expected == "refused" && parsed.is_ok(), "{row}");
            continue;
        }
        assert_eq!(verdict(&parsed), expected, "{row}: {parsed:?}");
        if let Ok(string) = parsed {
            assert_eq!(string.content().to_string(), row);
        }
    }
    assert_eq!((count, differences), (48, vec![]));
}

/// What the engine accepts as an option, GTINs without their leading zeros, is accepted here.
#[test]
fn links_are_judged_as_by_gs1s_engine() {
    let mut count = 0;
    for [expected, text, says] in rows(include_str!("data/gs1/digital_links.txt"), '\t') {
        count += 1;
        let link = DigitalLink::parse(text);
        let expected = if expected == "optional" { "accepted" } else { expected };
        assert_eq!(verdict(&link), expected, "{text}: {link:?}");
        if let Ok(link) = link {
            assert_eq!(said(link.content()), says, "{text}");
            assert_eq!(DigitalLink::parse(&link.canonical()).as_ref(), Ok(&link), "{text}");
        }
    }
    assert_eq!(count, 86);
}

#[test]
fn the_labels_of_a_warehouse_are_read() {
    let rows = [
        // Trade items.
        ("01040063813339311726113010LOT-1", "(01)04006381333931(17)261130(10)LOT-1"),
        ("0104006381333931112601311326020115270300", "(01)04006381333931(11)260131(13)260201(15)270300"),
        ("0304006381333931 21A", "(03)04006381333931(21)A"),
        (
            "01040063813339312042 240ABC 241CUST/1 21S1 250S2",
            "(01)04006381333931(20)42(240)ABC(241)CUST/1(21)S1(250)S2",
        ),
        ("010400638133393122CPV 235TPX", "(01)04006381333931(22)CPV(235)TPX"),
        ("01040063813339313012 3103001250 8005000199", "(01)04006381333931(30)12(3103)001250(8005)000199"),
        ("0104006381333931 3922299 393275219900", "(01)04006381333931(3922)299(3932)75219900"),
        ("0104006381333931 7003261130 1430", "(7003) has 6 characters and needs 10"),
        ("010400638133393170032611301430", "(01)04006381333931(7003)2611301430"),
        (
            "80060400638133393101028008261130",
            "(8006) has 28 characters, at most 18: perhaps a scanner that drops the separators",
        ),
        ("8006040063813339310102 800826113014", "(8006)040063813339310102(8008)26113014"),
        ("12261130 8020INV-7 4159520123456788", "(12)261130(8020)INV-7(415)9520123456788"),
        // Logistic units.
        ("00095201234567890122 400PO-4711 403DHL+1", "(00)095201234567890122(400)PO-4711(403)DHL+1"),
        ("0009520123456789012202040063813339313724", "(00)095201234567890122(02)04006381333931(37)24"),
        ("4109520123456788413952012345678842075211", "(410)9520123456788(413)9520123456788(420)75211"),
        ("4149520123456788254A1 4179520123456788", "(414)9520123456788(254)A1(417)9520123456788"),
        ("42175275211 422276 423276752 426752 427AB", "(421)75275211(422)276(423)276752(426)752(427)AB"),
        ("4019520ORDER-1 40209520123456789014", "(401)9520ORDER-1(402)09520123456789014"),
        ("330200123433100012 34", "(3310) has 4 characters and needs 6"),
        (
            "3302001234331000123456",
            "no application identifier at byte 20: not GS1 data, or a scanner that drops the separators",
        ),
        // The delivery that a transport label carries.
        ("4300Ada%20AB 4302Storgatan%201 4307SE 4308+4670", "(4300)Ada%20AB(4302)Storgatan%201(4307)SE(4308)+4670"),
        ("43091490000000 1980000000", "(4309) has 10 characters and needs 20"),
        ("430914900000001980000000 43211 43220 43231", "(4309)14900000001980000000(4321)1(4322)0(4323)1"),
        ("43242611300800 43252611301800 4326261130", "(4324)2611300800(4325)2611301800(4326)261130"),
        ("43242611302400", "(4324) has no time of day as hhmm"),
        ("4326261100", "(4326) has no date as YYMMDD"),
        ("4330001234- 4331001234", "(4330)001234-(4331)001234"),
        ("4330001234+", "(4330) has no hyphen where one must be"),
        // Assets, people, places, links.
        ("2539520123456787DOC", "(253) has a wrong check digit: a damaged or badly printed code"),
        ("80030952012345678", "(8003) has 13 characters and needs 14"),
        ("800309520123456788TOTE-9 80049520CART", "(8003)09520123456788TOTE-9(8004)9520CART"),
        ("8017952012345678901233 801842", "(8018) has 2 characters and needs 18"),
        ("8017952012345678901233 801942", "(8017)952012345678901233(8019)42"),
        ("80139520ABC123LD", "(8013)9520ABC123LD"),
        ("80139520ABC124LD", "(8013) has wrong check characters: a damaged or badly printed code"),
        ("8200HTTP://A.EXAMPLE", "(8200)HTTP://A.EXAMPLE"),
        ("90ANY 91THING_1 99<OTHER>", "(90)ANY(91)THING_1(99)<OTHER>"),
        // Dates.
        ("17280229", "(17)280229"),
        ("17280200", "(17)280200"),
        ("17270229", "(17) has no date as YYMMDD"),
        ("17271301", "(17) has no date as YYMMDD"),
        ("17270001", "(17) has no date as YYMMDD"),
        ("17270132", "(17) has no date as YYMMDD"),
        ("725019850101", "(7250)19850101"),
        ("725019851301", "(7250) has no date as YYYYMMDD"),
    ];
    for (payload, expected) in rows {
        let payload = payload.replace(' ', "\x1d");
        let shown = match ElementString::parse(payload.as_bytes()) {
            Ok(string) => string.content().to_string(),
            Err(error) => error.to_string(),
        };
        let brief = shown.strip_prefix("the value of ").unwrap_or(&shown);
        assert_eq!(brief, expected, "{payload}");
    }
}
