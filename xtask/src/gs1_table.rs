//! `cargo xtask gs1-table`: makes the drivers' table of application identifiers from GS1's Barcode Syntax Dictionary.
//!
//! The dictionary's own head describes its syntax. What this doesn't know, a linter's name or an attribute, is an error:
//! whoever takes in a new release decides what it means for a scan.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::ops::RangeInclusive;

use anyhow::{Context, bail, ensure};

const DICTIONARY: &str = "drivers/data/gs1-syntax-dictionary.txt";
const TABLE: &str = "drivers/src/gs1/ai_table.rs";

const HEAD: &str = "\
// Made by `cargo xtask gs1-table` from data/gs1-syntax-dictionary.txt, which is © GS1 AISBL and others, Apache-2.0.
//! GS1's application identifiers (AIs).

use super::ai::CharacterSet::{N, X, Y, Z};
use super::ai::{Entry, PLAIN, ai, ais, may, must};
use super::rule::Rule::*;
";

/// The rule of the drivers that a linter of the dictionary is.
const RULES: [(&str, &str); 31] = [
    ("csum", "CheckDigit"),
    ("csumalpha", "CheckCharacters"),
    ("gcppos1", "CompanyPrefix"),
    ("gcppos2", "CompanyPrefixSecond"),
    ("yymmd0", "DateOrMonth"),
    ("yymmdd", "Date"),
    ("yyyymmdd", "FullDate"),
    ("hhmi", "HourMinute"),
    ("hh", "Hour"),
    ("mi", "Minute"),
    ("ss", "Second"),
    ("iso3166", "Country"),
    ("iso3166999", "CountryOr999"),
    ("iso3166alpha2", "CountryLetters"),
    ("iso4217", "Currency"),
    ("iso5218", "Sex"),
    ("pcenc", "PercentEncoding"),
    ("latitude", "Latitude"),
    ("longitude", "Longitude"),
    ("zero", "Zero"),
    ("nonzero", "NotZero"),
    ("nozeroprefix", "NoLeadingZero"),
    ("yesno", "YesNo"),
    ("winding", "Winding"),
    ("hyphen", "Hyphen"),
    ("mediatype", "MediaType"),
    ("pieceoftotal", "PieceOfTotal"),
    ("posinseqslash", "PositionOfEnd"),
    ("iban", "Iban"),
    ("importeridx", "ImporterIndex"),
    ("hasnondigit", "HasNonDigit"),
];

/// Linters that no scan in a warehouse needs. `packagetype` is a list that UN/ECE and GS1 go on extending: a new kind of
/// package must not make a label unreadable. The two others take coupons apart that only tills in North America accept.
const NOT_JUDGED: [&str; 3] = ["packagetype", "couponcode", "couponposoffer"];

/// Writes the table that the dictionary says.
///
/// # Errors
/// Where the dictionary says what this doesn't know: with the line.
pub fn write() -> anyhow::Result<()> {
    let dictionary = fs::read_to_string(DICTIONARY).with_context(|| format!("cannot read {DICTIONARY}"))?;
    fs::write(TABLE, table(&dictionary)?).with_context(|| format!("cannot write {TABLE}"))
}

fn table(dictionary: &str) -> anyhow::Result<String> {
    let mut rows = BTreeMap::new();
    let mut digits_by_prefix = BTreeMap::new();
    for line in dictionary.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let entry = Entry::parse(line).with_context(|| format!("in the dictionary's line {line:?}"))?;
        let (first, last) = entry.numbers()?;
        for prefix in entry.prefixes()? {
            let known = *digits_by_prefix.entry(prefix).or_insert(entry.first.len());
            ensure!(known == entry.first.len(), "{first}: the first two digits no longer tell the AI's length");
        }
        rows.insert(first, (last, entry.row().with_context(|| format!("in the dictionary's line {line:?}"))?));
    }
    let lasts = rows.values().map(|(last, _)| last);
    ensure!(rows.keys().skip(1).zip(lasts).all(|(next, last)| last < next), "two lines are about one AI");

    let mut table = HEAD.to_owned();
    writeln!(table, "\n/// Digits of an AI, by its first two; 0 where no AI begins so.")?;
    writeln!(table, "#[rustfmt::skip]\npub(super) static DIGITS: [u8; 100] = [")?;
    for tens in 0..10 {
        let digits = (0..10).map(|ones| digits_by_prefix.get(&(tens * 10 + ones)).unwrap_or(&0).to_string());
        writeln!(table, "    {},", digits.collect::<Vec<_>>().join(", "))?;
    }
    writeln!(
        table,
        "];\n\n/// In ascending order.\n#[rustfmt::skip]\npub(super) static TABLE: [Entry; {}] = [",
        rows.len()
    )?;
    for (_, row) in rows.values() {
        writeln!(table, "    {row}")?;
    }
    table.push_str("];\n");
    Ok(table)
}

/// One line of the dictionary.
struct Entry<'a> {
    first: &'a str,
    last: &'a str,
    flags: &'a str,
    components: Vec<&'a str>,
    attributes: Vec<&'a str>,
    title: &'a str,
}

impl<'a> Entry<'a> {
    fn parse(line: &'a str) -> anyhow::Result<Self> {
        let (line, title) = line.split_once('#').unwrap_or((line, ""));
        let mut words = line.split_whitespace().peekable();
        let ais = words.next().context("no AI")?;
        let (first, last) = ais.split_once('-').unwrap_or((ais, ais));
        let is_flags = |word: &&str| word.bytes().all(|byte| b"*?".contains(&byte));
        let flags = words.next_if(is_flags).unwrap_or("");
        let (components, attributes): (Vec<_>, Vec<_>) =
            words.partition(|word| word.starts_with(['N', 'X', 'Y', 'Z', '[']));
        ensure!(!components.is_empty(), "no component");
        Ok(Self { first, last, flags, components, attributes, title: title.trim() })
    }

    fn numbers(&self) -> anyhow::Result<(u16, u16)> {
        Ok((self.first.parse()?, self.last.parse()?))
    }

    /// The first two digits of each AI of the line.
    fn prefixes(&self) -> anyhow::Result<RangeInclusive<u8>> {
        let prefix = |ai: &str| Ok::<u8, anyhow::Error>(ai.get(..2).context("an AI of less than two digits")?.parse()?);
        Ok(prefix(self.first)?..=prefix(self.last)?)
    }

    fn row(&self) -> anyhow::Result<String> {
        let (first, last) = self.numbers()?;
        let predefined = self.flags.contains('*');
        let attribute = self.flags.contains('?');
        let components = list(&self.components, |word| component(word))?;
        ensure!(!predefined || components.starts_with("&[must(") && self.components.len() == 1, "not one fixed length");
        let mut fields = BTreeMap::new();
        for attribute in &self.attributes {
            let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            let field = match name {
                "req" => ("requires", list(&split(value, ','), |group| list(&split(group, '+'), |ai| ais(ai)))?),
                "ex" => ("excludes", list(&split(value, ','), |ai| ais(ai))?),
                "dlpkey" => ("key", format!("Some({})", list(&split(value, '|'), |one| qualifiers(one))?)),
                _ => bail!("unknown attribute {name}"),
            };
            ensure!(fields.insert(field.0, field.1).is_none(), "{name} is there twice");
        }
        let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}, ")).collect();
        let title = if self.title.is_empty() { String::new() } else { format!(" // {}", self.title) };
        Ok(format!(
            "Entry {{ first: {first}, last: {last}, predefined: {predefined}, attribute: {attribute}, components: \
             {components}, {fields}..PLAIN }},{title}"
        ))
    }
}

/// `N14,csum,gcppos2`, `X..20` or `[N6],yymmdd`.
fn component(word: &str) -> anyhow::Result<String> {
    let mut parts = word.split(',');
    let format = parts.next().unwrap_or_default();
    let (format, presence) = match format.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(optional) => (optional, "may"),
        None => (format, "must"),
    };
    let (set, length) = format.split_at_checked(1).context("an empty component")?;
    let (characters_min, characters_max): (u8, u8) = match length.strip_prefix("..") {
        Some(max) => (1, max.parse()?),
        None => (length.parse()?, length.parse()?),
    };
    let linters: Vec<&str> = parts.filter(|linter| !NOT_JUDGED.contains(linter)).collect();
    let rules = list(&linters, |linter| {
        let (_, rule) = RULES.iter().find(|(name, _)| name == linter).context("unknown linter")?;
        Ok((*rule).to_owned())
    })?;
    Ok(format!("{presence}({set}, {characters_min}, {characters_max}, {rules})"))
}

/// `01`, or the AIs that begin so, `394n` or `31nn`.
fn ais(pattern: &str) -> anyhow::Result<String> {
    let (first, last): (u16, u16) = (pattern.replace('n', "0").parse()?, pattern.replace('n', "9").parse()?);
    Ok(if first == last { format!("ai({first})") } else { format!("ais({first}, {last})") })
}

/// `22,10,21`.
fn qualifiers(sequence: &str) -> anyhow::Result<String> {
    list(&split(sequence, ','), |ai| Ok(ai.parse::<u16>()?.to_string()))
}

fn split(text: &str, separator: char) -> Vec<&str> {
    if text.is_empty() { Vec::new() } else { text.split(separator).collect() }
}

fn list(items: &[&str], item: impl Fn(&&str) -> anyhow::Result<String>) -> anyhow::Result<String> {
    let items = items.iter().map(item).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(format!("&[{}]", items.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_table_is_what_the_dictionary_says() {
        let file = |path| fs::read_to_string(format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert!(
            file(TABLE) == table(&file(DICTIONARY)).unwrap(),
            "the table and the dictionary differ: cargo xtask gs1-table"
        );
    }

    #[test]
    fn a_line_becomes_a_row() {
        let line = "414        *?  N13,csum  [X..17],iban  req=01+31nn,02 ex=255 dlpkey=22,10|7040   # LOC No.";
        assert_eq!(Entry::parse(line).unwrap().flags, "*?");
        let line = line.replace('*', "");
        assert_eq!(
            Entry::parse(&line).unwrap().row().unwrap(),
            "Entry { first: 414, last: 414, predefined: false, attribute: true, components: &[must(N, 13, 13, \
             &[CheckDigit]), may(X, 1, 17, &[Iban])], excludes: &[ai(255)], key: Some(&[&[22, 10], &[7040]]), \
             requires: &[&[ai(1), ais(3100, 3199)], &[ai(2)]], ..PLAIN }, // LOC No."
        );
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        for (lines, error) in [
            ("00 * N18,new", "unknown linter"),
            ("00 * N18 new=1", "unknown attribute new"),
            ("00 * N18 req=01 req=02", "req is there twice"),
            ("00 *", "no component"),
            ("00 * N18 N1", "not one fixed length"),
            ("3100-3105 N1\n3105 N1", "two lines are about one AI"),
            ("20 N1\n201 N1", "201: the first two digits no longer tell the AI's length"),
        ] {
            assert_eq!(table(lines).unwrap_err().root_cause().to_string(), error, "{lines}");
        }
    }
}
