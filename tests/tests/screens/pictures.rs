//! The README's pictures: a bench in the middle of its work, and a status page with something to do.

use parceld_tests::browser::{Browser, Look};
use parceld_tests::site::{Broker, SITE, Site};
use parceld_tests::wait;
use serde_json::{Value, json};

use crate::judge::picture;

/// What is sold: SKU, name, barcode.
const GOODS: [(&str, &str, &str); 3] = [
    ("MUG-BLUE", "Stoneware mug, blue", "7350053850019"),
    ("TEA-EG", "Earl Grey, 100 g", "7350053850026"),
    ("TRAY-OAK", "Serving tray, oak", "7350053850033"),
];

fn line(number: usize, (sku, name, code): (&str, &str, &str), quantity: u32) -> Value {
    json!({ "line": number.to_string(), "sku": sku, "name": name, "quantity": quantity, "barcodes": [code] })
}

#[test]
#[ignore = "makes pictures for people, and proves nothing"]
fn pictures_for_the_readme() {
    let mut site = Site::with(Broker::embedded(), |setup| setup.set("site.name", "Stockholm 3"));
    let product = |(sku, name, code): &(&str, &str, &str)| json!({ "sku": sku, "name": name, "barcodes": [code] });
    site.platform.put_catalog(SITE, &json!({ "products": GOODS.iter().map(product).collect::<Vec<_>>() }));
    for number in 10_042..10_047 {
        let order = json!({
            "id": format!("o-{number}"), "number": number.to_string(), "delivery": "carrier", "carrier": "postnord",
            "service": "standard", "lines": [line(1, GOODS[0], 2), line(2, GOODS[1], 1)],
        });
        site.platform.put_order(SITE, &order);
    }
    site.until_accepted(5);
    let browser = Browser::start();
    let [station, status] = [browser.page(), browser.page()];
    station.look(Look::sized(1920, 1080));
    station.listen("parceld:signal");
    station.open(&format!("{}/station/bench-1", site.agent.url()));
    let mut scan = |code: &str| {
        site.scan(0, code);
        station.heard();
    };
    for code in ["10042", GOODS[0].2] {
        scan(code);
    }
    picture(&station, "readme-station-accepted");
    scan(GOODS[2].2);
    picture(&station, "readme-station-wrong");
    for code in [GOODS[0].2, GOODS[1].2] {
        scan(code);
    }

    status.look(Look::sized(1280, 900));
    status.open(&site.agent.url());
    site.broker.kill9();
    site.scan(0, "10043");
    wait::until("something to see to", wait::GENEROUS, || {
        (site.agent.status()["verdict"]["state"] == "attention").then_some(())
    });
    status.until("it on the page", "document.querySelector('#verdict.warn')");
    picture(&status, "readme-status");
}
