//! The signals as people see them who don't see all colours: each pair of tiers is still two pictures, and differs in its
//! shape and its word whatever the eyes.

use std::collections::BTreeMap;

use parceld_tests::browser::{Browser, Page, Vision};
use parceld_tests::goods::gtin;
use serde_json::Value;

use super::{BIG, Bench};
use crate::judge::picture;

/// One of each tier, in the order in which a bench gets through them with the order of two A and one B; the code by its
/// name.
const TIERS: [(&str, &str); 5] =
    [("opened", "order"), ("accepted", "A"), ("unknown", "never-heard-of"), ("wrong", "C"), ("over", "A")];

/// Brightness or colour of so much of the screen differs, of 255 and on the average of all its points: a picture's
/// worth, where the same screen twice differs by none.
const APART: f64 = 4.0;

/// The average difference of two pictures' points.
const DIFFERENCE: &str = "async (one, other) => {
    const points = async (png) => {
        const image = new Image();
        image.src = 'data:image/png;base64,' + png;
        await image.decode();
        const canvas = new OffscreenCanvas(240, 135).getContext('2d');
        canvas.drawImage(image, 0, 0, 240, 135);
        return canvas.getImageData(0, 0, 240, 135).data;
    };
    const [a, b] = [await points(one), await points(other)];
    return a.reduce((sum, value, at) => sum + Math.abs(value - b[at]), 0) / (a.length * 3 / 4);
}";

#[test]
fn tiers_stay_apart_for_eyes_that_see_other_colours() {
    let browser = Browser::start();
    let mut bench = Bench::new(&browser, "en", Vision::ALL.len());
    let scale = browser.page();
    for (vision, number) in Vision::ALL.into_iter().zip(1..) {
        bench.page.look(BIG.seen_with(vision));
        let mut pictures = BTreeMap::new();
        let mut said: Vec<Value> = Vec::new();
        for (state, code) in TIERS {
            let code = match code {
                "order" => format!("O{number}"),
                letter if letter.len() == 1 => gtin(letter.chars().next().expect("a letter")),
                other => other.to_owned(),
            };
            if state == "over" {
                bench.scan(&code);
            }
            let (_, heard) = bench.scan(&code);
            assert_eq!(heard.detail["state"], state, "{vision:?}");
            pictures.insert(state, bench.page.png_base64());
            said.push(bench.shown());
            picture(&bench.page, &format!("station-{state}-en-1920-{vision:?}").to_lowercase());
        }
        for (at, one) in said.iter().enumerate() {
            for other in &said[at + 1..] {
                assert_ne!((&one["word"], &one["symbol"]), (&other["word"], &other["symbol"]));
                assert_ne!(one["word"], other["word"]);
                assert_ne!(one["symbol"], other["symbol"]);
            }
        }
        assert_apart(&scale, &pictures, vision);
        bench.scan(&gtin('B'));
    }
}

#[track_caller]
fn assert_apart(scale: &Page<'_>, pictures: &BTreeMap<&str, String>, vision: Vision) {
    // "wrong" and "over" are one tier: their shapes tell them apart.
    let tiers: Vec<&str> = pictures.keys().copied().filter(|state| *state != "over").collect();
    for (at, one) in tiers.iter().enumerate() {
        for other in &tiers[at + 1..] {
            let call = format!("({DIFFERENCE})({:?}, {:?})", pictures[one], pictures[other]);
            let difference = scale.eval(&call).as_f64().expect("a number");
            assert!(APART < difference, "{one} and {other} differ by {difference:.1} for {vision:?}");
        }
    }
}
