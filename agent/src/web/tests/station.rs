//! A station's screen: its page, its stream, its touches.

use super::*;
use crate::web::station::STREAMS_MAX;
use axum::body::BodyDataStream;

impl Bench {
    async fn scan(&self, code: &str) -> String {
        let mut answers = self.stations.floor().answers();
        drop(self.stations.floor().scan("bench-1", code).unwrap());
        answers.recv().await.unwrap().answer.signal.word().to_owned()
    }

    async fn listen(&self) -> Stream {
        let response = self.ask(Method::GET, "/station/bench-1/live", Some("localhost")).await;
        assert_eq!(response.status(), StatusCode::OK);
        Stream { body: response.into_body().into_data_stream(), heard: String::new() }
    }

    async fn tap(&self, word: &str, headers: &[(&str, &str)]) -> (StatusCode, String) {
        let mut request = form("/station/bench-1/tap", word, headers);
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        let response = self.send(request).await;
        (response.status(), text(response).await)
    }
}

/// What a screen hears.
struct Stream {
    body: BodyDataStream,
    heard: String,
}

impl Stream {
    /// The next message but heartbeats.
    async fn next(&mut self) -> Option<String> {
        let next = async {
            loop {
                while let Some((message, rest)) = self.heard.split_once("\n\n") {
                    let (message, rest) = (message.to_owned(), rest.to_owned());
                    self.heard = rest;
                    if message.contains("event: screen") {
                        return Some(message);
                    }
                }
                let bytes = self.body.next().await?.ok()?;
                self.heard.push_str(std::str::from_utf8(&bytes).unwrap());
            }
        };
        tokio::time::timeout(Duration::from_secs(30), next).await.expect("something is heard")
    }

    /// The next message that says `wanted`.
    async fn until(&mut self, wanted: &str) -> String {
        loop {
            let message = self.next().await.expect("the stream goes on");
            if message.contains(wanted) {
                return message;
            }
        }
    }
}

#[tokio::test]
async fn a_screen_is_whole_without_its_stream_and_shows_codes_as_text() {
    let bench = Bench::new();
    let (status, page) = bench.get("/station/bench-1").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("data-state=\"idle\"") && page.contains("bench-1 &#38; co"), "{page}");
    assert_eq!(bench.scan("<img src=x onerror=alert(1)>").await, "unknown");
    let (_, page) = bench.get("/station/bench-1").await;
    assert!(page.contains("data-state=\"unknown\""), "{page}");
    assert!(page.contains("<code class=\"literal\">&#60;img src=x onerror=alert(1)&#62;</code>"), "{page}");
    assert!(!page.contains("<script>") && !page.contains(" style=") && !page.contains("<img"), "{page}");
    assert!(!page.contains("http://") && !page.contains("https://"), "{page}");
    let named: Vec<_> = page.split(['"', '?']).filter(|part| part.starts_with("/assets/")).collect();
    assert_eq!(named.len(), 4, "{page}");
    for asset in named {
        assert_eq!(bench.get(asset).await.0, StatusCode::OK, "{asset}");
    }
}

#[tokio::test]
async fn stations_are_listed_and_one_without_a_screen_says_so() {
    let bench = Bench::new();
    let (status, list) = bench.get("/station").await;
    assert_eq!(status, StatusCode::OK);
    assert!(list.contains("href=\"/station/bench-1\"") && list.contains("PACK"), "{list}");
    let (status, none) = bench.get("/station/quiet").await;
    assert_eq!(status, StatusCode::OK);
    assert!(none.contains("This station has no screen"), "{none}");
    assert_eq!(bench.get("/station/quiet/live").await.0, StatusCode::NOT_FOUND);
    assert_eq!(bench.get("/station/nowhere").await.0, StatusCode::NOT_FOUND);
    assert_eq!(bench.get("/station/nowhere/live").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn every_answer_reaches_the_stream_with_its_number_and_its_tone() {
    let bench = Bench::new();
    let mut stream = bench.listen().await;
    let first = stream.next().await.unwrap();
    assert!(first.contains("id: 0") && !first.contains("data-tone"), "{first}");
    for (number, code) in (1..=3).zip(["4006381333932", "4006381333932", "XYZ"]) {
        bench.scan(code).await;
        let message = stream.until(&format!("id: {number}\n")).await;
        assert!(message.contains("data-state=\"unknown\"") && message.contains("data-tone=\"unknown\""), "{message}");
        assert!(message.contains(code), "{message}");
    }
}

#[tokio::test]
async fn who_reads_too_slowly_is_taken_to_the_newest_answer() {
    let bench = Bench::new();
    let mut stream = bench.listen().await;
    stream.next().await.unwrap();
    for _ in 0..100 {
        bench.scan("XYZ").await;
    }
    let message = stream.next().await.unwrap();
    assert!(message.contains("id: 100\n"), "{message}");
    bench.scan("ABC").await;
    assert!(stream.until("id: 101\n").await.contains("ABC"));
}

#[tokio::test]
async fn a_stop_ends_the_streams_and_a_screen_that_is_gone_gives_its_place_back() {
    let bench = Bench::new();
    let mut streams = Vec::new();
    for _ in 0..STREAMS_MAX {
        streams.push(bench.listen().await);
    }
    let live = || bench.ask(Method::GET, "/station/bench-1/live", Some("localhost"));
    assert_eq!(live().await.status(), StatusCode::SERVICE_UNAVAILABLE);
    streams.pop();
    let mut stream = bench.listen().await;
    stream.next().await.unwrap();
    bench.stop.send_replace(true);
    while stream.next().await.is_some() {}
}

#[tokio::test]
async fn a_touch_does_what_its_barcode_does_and_a_label_does_nothing() {
    let bench = Bench::new();
    let token = bench.access.first_token().await.unwrap().unwrap().shown();
    let bearer = format!("Bearer {token}");
    let signed = [("authorization", bearer.as_str())];
    assert_eq!(bench.tap("mode:load", &[]).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(bench.scan("mode:load").await, "unknown");
    assert_eq!(bench.scan("PD:LOAD").await, "unknown");
    assert_eq!(bench.tap("mode:load", &signed).await, (StatusCode::OK, "opened\n".into()));
    let (_, page) = bench.get("/station/bench-1").await;
    assert!(page.contains("<p class=\"mode\">LOAD</p>"), "{page}");
    assert_eq!(bench.tap("mode:pack", &signed).await.1, "opened\n");
    assert_eq!(bench.tap("done", &signed).await.1, "already\n", "nothing waits");
    for wrong in
        ["", "DONE", "PD:DONE:ABCD", "mode:sleep", "line:0", "quantity:10000", "badge:op-7", "tote:a b", "order:"]
    {
        assert_eq!(bench.tap(wrong, &signed).await.0, StatusCode::BAD_REQUEST, "{wrong:?}");
    }
}
