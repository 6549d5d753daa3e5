//! Shops: whose letters and pages they are. One file, read and checked once at start.
//!
//! A shop has a voice (words), a look (brand tokens) and a place (zone, pages, sites). Its colours are refused where a
//! customer could not read what stands on them: 4.5:1, light and dark (WCAG 2.1, 1.4.3).

mod colour;
mod opening;

pub use opening::{Opening, clock, hours, say};

use crate::words::{Tongues, WordsError};
use colour::Colour;
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// WCAG's least contrast of text.
const CONTRAST_MIN: f64 = 4.5;
/// A picture that every page loads.
const LOGO_BYTES_MAX: usize = 256 * 1024;

const BUILT_IN: &str = include_str!("../../config/shops.toml");
/// What its pages begin with in the file.
const BUILT_IN_PAGES: &str = "http://127.0.0.1:8090";
/// Where tests have them.
#[cfg(test)]
pub const SERVED_AT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8090);

/// Why the shops can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ShopError {
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    #[error("shop {shop}: {what} {} on {} has a contrast of {contrast:.1}:1, and people need {CONTRAST_MIN}:1", .pair.0, .pair.1)]
    Contrast { shop: String, what: &'static str, pair: (String, String), contrast: f64 },
    #[error("shop {shop}: {source}")]
    Words { shop: String, source: WordsError },
    #[error("shop {shop}: {why}")]
    Wrong { shop: String, why: String },
    #[error("there is no shop in the file")]
    Empty,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shops {
    shop: Vec<Told>,
}

/// A shop as its file tells of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    id: String,
    name: String,
    #[serde(default)]
    logo: Option<PathBuf>,
    light: Brand,
    dark: Brand,
    sender: String,
    #[serde(default)]
    reply_to: Option<String>,
    pages: String,
    zone: String,
    sites: BTreeSet<String>,
    #[serde(default = "english")]
    language: String,
    #[serde(default = "refund_days")]
    refund_days: u16,
    #[serde(default)]
    pickup: Option<Pickup>,
    #[serde(default)]
    carriers: BTreeMap<String, String>,
    #[serde(default)]
    words: Option<PathBuf>,
}

/// The brand's tokens in one theme.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brand {
    pub brand: Colour,
    pub on_brand: Colour,
    pub brand_soft: Colour,
}

/// Where customers fetch their orders.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pickup {
    /// As after "come to": `Lergatan 4, Göteborg`.
    pub place: String,
    #[serde(default)]
    pub keep_days: Option<u16>,
    #[serde(default)]
    pub open: Vec<Opening>,
}

#[derive(Clone, Debug)]
pub struct Logo {
    pub content: &'static str,
    pub bytes: Vec<u8>,
}

#[derive(Clone, Debug)]
pub struct Shop {
    pub id: String,
    pub name: String,
    pub logo: Option<Logo>,
    pub light: Brand,
    pub dark: Brand,
    pub sender: String,
    pub reply_to: String,
    /// What tracking pages begin with, without a slash at its end.
    pages: String,
    pub zone: TimeZone,
    sites: BTreeSet<String>,
    pub refund_days: u16,
    pub pickup: Option<Pickup>,
    carriers: BTreeMap<String, String>,
    pub tongues: Tongues,
}

fn english() -> String {
    "en".into()
}

/// The longest that EU law gives a shop (directive 2011/83, article 13).
fn refund_days() -> u16 {
    14
}

/// The example shop, which sells from every site. Its pages are where they are served, as far as that is one address.
///
/// # Errors
/// It can't be used: a mistake in this program.
pub fn built_in(served_at: SocketAddr) -> Result<Vec<Arc<Shop>>, ShopError> {
    if served_at.ip().is_unspecified() {
        return read(BUILT_IN, Path::new(""));
    }
    read(&BUILT_IN.replace(BUILT_IN_PAGES, &format!("http://{served_at}")), Path::new(""))
}

/// The shops of a file; paths in it start at its folder.
///
/// # Errors
/// It can't be read, or a shop in it can't be used.
pub fn load(file: &Path) -> Result<Vec<Arc<Shop>>, ShopError> {
    let text = std::fs::read_to_string(file).map_err(|error| ShopError::File(file.into(), error))?;
    read(&text, file.parent().unwrap_or(Path::new("")))
}

/// The shop that sells from a site: the one that names it, or the one for all others.
#[must_use]
pub fn of_site<'a>(shops: &'a [Arc<Shop>], site: &str) -> Option<&'a Arc<Shop>> {
    let named = |name: &str| shops.iter().find(|shop| shop.sites.contains(name));
    named(site).or_else(|| named("*"))
}

/// The same, of its text; paths in it start at `folder`.
///
/// # Errors
/// A shop in it can't be used.
pub fn read(text: &str, folder: &Path) -> Result<Vec<Arc<Shop>>, ShopError> {
    let Shops { shop: told } = toml::from_str(text)?;
    let mut shops: Vec<Arc<Shop>> = Vec::new();
    for told in told {
        let wrong = |why: String| ShopError::Wrong { shop: told.id.clone(), why };
        for known in &shops {
            if known.id == told.id {
                return Err(wrong("stands twice in the file".into()));
            }
            if let Some(site) = known.sites.intersection(&told.sites).next() {
                return Err(wrong(format!("site {site} belongs to shop {} already", known.id)));
            }
        }
        shops.push(Arc::new(Shop::check(told, folder)?));
    }
    if shops.is_empty() { Err(ShopError::Empty) } else { Ok(shops) }
}

impl Shop {
    fn check(told: Told, folder: &Path) -> Result<Self, ShopError> {
        let shop = told.id.clone();
        let wrong = |why: String| ShopError::Wrong { shop: shop.clone(), why };
        if !crate::topic::is_level(&told.id) {
            return Err(wrong("id: 1 to 32 of a-z, 0-9, - and _".into()));
        }
        told.light.check(&shop, &LIGHT)?;
        told.dark.check(&shop, &DARK)?;
        let zone = TimeZone::get(&told.zone).map_err(|error| wrong(format!("zone: {error}")))?;
        if !told.pages.starts_with("https://") && !told.pages.starts_with("http://") {
            return Err(wrong(format!("pages {:?}: must start with https:// or http://", told.pages)));
        }
        // Both stand in the headers of mails.
        for (what, text) in [("pages", &told.pages), ("name", &told.name)] {
            if text.chars().any(|c| c.is_control() || (what == "pages" && (c.is_whitespace() || "<>\"".contains(c)))) {
                return Err(wrong(format!("{what} {text:?}: has characters that can't stand there")));
            }
        }
        let reply_to = told.reply_to.unwrap_or_else(|| told.sender.clone());
        for address in [&told.sender, &reply_to] {
            let read: Result<lettre::Address, _> = address.parse();
            read.map_err(|error| wrong(format!("{address:?} is no mail address: {error}")))?;
        }
        for open in told.pickup.iter().flat_map(|pickup| &pickup.open) {
            open.check().map_err(wrong)?;
        }
        let words = told.words.map(|words| folder.join(words));
        let tongues = Tongues::load(words.as_deref(), &told.language)
            .map_err(|source| ShopError::Words { shop: shop.clone(), source })?;
        let logo = told.logo.map(|logo| Logo::read(&folder.join(logo)).map_err(wrong)).transpose()?;
        Ok(Self {
            id: told.id,
            name: told.name,
            logo,
            light: told.light,
            dark: told.dark,
            sender: told.sender,
            reply_to,
            pages: told.pages.trim_end_matches('/').to_owned(),
            zone,
            sites: told.sites,
            refund_days: told.refund_days,
            pickup: told.pickup,
            carriers: told.carriers,
            tongues,
        })
    }

    /// The page of an order, by its token.
    #[must_use]
    pub fn page(&self, token: &str) -> String {
        format!("{}/t/{token}", self.pages)
    }

    /// What customers call a carrier: the shop's name for it, the site's, or its id.
    #[must_use]
    pub fn carrier<'a>(&'a self, id: &'a str, site_says: Option<&'a str>) -> &'a str {
        self.carriers.get(id).map(String::as_str).or(site_says).unwrap_or(id)
    }
}

impl Logo {
    fn read(file: &Path) -> Result<Self, String> {
        let content = match file.extension().and_then(|extension| extension.to_str()) {
            Some("svg") => "image/svg+xml",
            Some("png") => "image/png",
            Some("jpg" | "jpeg") => "image/jpeg",
            Some("webp") => "image/webp",
            _ => return Err(format!("logo {}: svg, png, jpg or webp", file.display())),
        };
        let bytes = std::fs::read(file).map_err(|error| format!("logo {}: {error}", file.display()))?;
        if LOGO_BYTES_MAX < bytes.len() {
            return Err(format!("logo {}: {} bytes, at most {LOGO_BYTES_MAX}", file.display(), bytes.len()));
        }
        Ok(Self { content, bytes })
    }
}

/// What the pages write on, and with: card, ink and weaker ink of the style's tokens.
struct Ground {
    card: Colour,
    ink: Colour,
    weak: Colour,
}

const LIGHT: Ground = Ground { card: Colour(0xff_ffff), ink: Colour(0x12_181b), weak: Colour(0x46_5158) };
const DARK: Ground = Ground { card: Colour(0x19_2126), ink: Colour(0xf0_f4f3), weak: Colour(0xae_babf) };

impl Brand {
    fn check(&self, shop: &str, ground: &Ground) -> Result<(), ShopError> {
        let pairs = [
            ("on_brand on brand:", self.on_brand, self.brand),
            ("brand on the card:", self.brand, ground.card),
            ("ink on brand_soft:", ground.ink, self.brand_soft),
            ("weaker ink on brand_soft:", ground.weak, self.brand_soft),
        ];
        for (what, ink, paper) in pairs {
            let contrast = ink.contrast(paper);
            if contrast < CONTRAST_MIN {
                let pair = (ink.to_string(), paper.to_string());
                return Err(ShopError::Contrast { shop: shop.into(), what, pair, contrast });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_shop_sells_from_every_site() {
        let shops = built_in(SERVED_AT).unwrap();
        assert_eq!(of_site(&shops, "sthlm-03").map(|shop| shop.id.as_str()), Some("example"));
        assert_eq!(shops[0].page("abc"), "http://127.0.0.1:8090/t/abc");
    }

    #[test]
    fn a_site_belongs_to_the_shop_that_names_it() {
        let second = BUILT_IN.replace("\"example\"", "\"second\"").replace("[\"*\"]", "[\"malmo-1\"]");
        let shops = read(&format!("{BUILT_IN}\n{second}"), Path::new("")).unwrap();
        let shop = |site| of_site(&shops, site).map(|shop| shop.id.as_str());
        assert_eq!((shop("malmo-1"), shop("sthlm-03")), (Some("second"), Some("example")));
    }

    #[test]
    fn what_is_wrong_with_a_shop_is_said() {
        let rows = [
            ("id = \"example\"", "id = \"Ex ample\"", "id: 1 to 32 of"),
            (
                "brand = \"#5b2a86\"",
                "brand = \"#b79fd0\"",
                "on_brand on brand: #ffffff on #b79fd0 has a contrast of 2.4:1",
            ),
            ("brand_soft = \"#2c2138\"", "brand_soft = \"#f1eaf7\"", "ink on brand_soft: #f0f4f3 on #f1eaf7"),
            ("brand = \"#5b2a86\"", "brand = \"purple\"", "#rrggbb"),
            ("zone = \"Europe/Stockholm\"", "zone = \"Europe/Atlantis\"", "zone: "),
            ("pages = \"http://127.0.0.1:8090\"", "pages = \"lind.example\"", "must start with https://"),
            ("sender = \"order@shop.example\"", "sender = \"order\"", "is no mail address"),
            ("from = \"10:00\"", "from = \"20:00\"", "opens at 20:00 and closes at 20:00"),
            ("refund_days = 14", "refund = 14", "unknown field `refund`"),
            ("language = \"en\"", "language = \"de\"", "\"de\" is not built in"),
            ("refund_days = 14", "refund_days = 14\nlogo = \"logo.exe\"", "svg, png, jpg or webp"),
        ];
        for (from, to, expected) in rows {
            let text = BUILT_IN.replace(from, to);
            assert_ne!(text, BUILT_IN, "{from}");
            let why = read(&text, Path::new("")).map(|_| ()).unwrap_err().to_string();
            assert!(why.contains(expected), "{to}: {why}");
        }
        let twice = read(&format!("{BUILT_IN}\n{BUILT_IN}"), Path::new("")).map(|_| ()).unwrap_err();
        assert!(twice.to_string().contains("stands twice"), "{twice}");
    }
}
