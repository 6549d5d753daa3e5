use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::*;
use crate::net;
use crate::tempdir::TempDir;

/// Serves the same page to whoever asks, for as long as the test runs.
fn server(page: &'static str) -> String {
    let listener = TcpListener::bind(net::loopback(0)).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A browser opens connections ahead, and sends nothing on them.
            thread::spawn(move || answer(&stream, page));
        }
    });
    url
}

fn answer(mut stream: &TcpStream, page: &str) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    if lines.any(|line| line.is_empty()) {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\nconnection: close\r\n";
        let _ = stream.write_all(format!("{head}content-length: {}\r\n\r\n{page}", page.len()).as_bytes());
    }
}

const PAGE: &str = r#"<!doctype html><html lang="en"><title>Page</title><link rel="icon" href="data:,">
<style>@media (prefers-color-scheme: dark) { body { background: black } }</style>
<body><button onclick="document.dispatchEvent(new CustomEvent('page:pressed', { detail: { times: 2 } }))">Press</button>
<p id="script">off</p><script>document.getElementById("script").textContent = "on"</script>"#;

#[test]
fn drives_a_page() {
    let (browser, url) = (Browser::start(), server(PAGE));
    let page = browser.page();
    page.listen("page:pressed");
    page.open(&url);
    assert_eq!(page.text("#script"), "on");
    let before = browser.now();
    page.click("button");
    let heard = page.heard();
    assert_eq!((heard.name.as_str(), &heard.detail), ("page:pressed", &json!({ "times": 2 })));
    assert!(before <= heard.at && heard.at <= browser.now());
    page.eval("setTimeout(() => document.title = 'later', 20)");
    page.until("another title", "document.title === 'later'");
    assert_eq!((page.requests(), page.faults()), (vec![url.clone()], Vec::<String>::new()));

    let other = browser.page();
    other.without_scripts();
    other.open(&url);
    assert_eq!(other.text("#script"), "off");
}

#[test]
fn tells_what_a_page_asks_for_and_what_goes_wrong_in_it() {
    let browser = Browser::start();
    let page = browser.page();
    page.open(&server(
        "<!doctype html><img src='http://elsewhere.example/a.png'><script>throw new Error('oops')</script>",
    ));
    page.eval("console.error('written')");
    assert!(page.requests().contains(&"http://elsewhere.example/a.png".to_owned()), "{:?}", page.requests());
    for fault in ["oops", "written", "ERR_NAME_NOT_RESOLVED"] {
        assert!(page.faults().iter().any(|said| said.contains(fault)), "{fault}: {:?}", page.faults());
    }
}

#[test]
fn takes_pictures_as_they_are_seen() {
    let (browser, dir, url) = (Browser::start(), TempDir::new("pictures"), server(PAGE));
    let looks = [Look::sized(60, 40), Look::sized(60, 40).dark(), Look::sized(61, 40)];
    let pictures = looks.map(|look| {
        let png = dir.join("picture.png");
        browser.picture(&url, look, &png);
        std::fs::read(png).unwrap()
    });
    assert_ne!(pictures[0], pictures[1]);
    // The width, as a PNG has it.
    assert_eq!(pictures.each_ref().map(|png| png[19]), [60, 60, 61]);
}
