mod station;

use super::*;
use crate::domain::event::Event;
use crate::domain::rules::Rules;
use crate::domain::station::Mode;
use crate::floor::Floor;
use crate::floor::status::Line;
use crate::report::tests::Running;
use crate::sync::status::Receipts;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use futures_util::StreamExt;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tower::ServiceExt;

/// A page before a running journal.
struct Bench {
    router: Router,
    running: Running,
    access: Arc<Access>,
    stations: Arc<Stations>,
    stop: watch::Sender<bool>,
}

fn router(config: &Config, parts: Parts, stop: watch::Receiver<bool>) -> Router {
    let Parts { gatherer, access, actions, bundle, stations } = parts;
    let (results, listeners) = (Arc::default(), scanners::Listeners::default());
    let reached = Reached { gatherer, access, actions, bundle, results, listeners };
    routes(config, reached, stations, stop)
}

impl Bench {
    fn new() -> Self {
        let running = Running::new();
        let (stop, stop_seen) = watch::channel(false);
        let access = access(&running);
        let stations = stations(&running);
        let router = router(&config(), parts(&running, &access, &stations), stop_seen);
        Self { router, running, access, stations, stop }
    }

    async fn ask(&self, method: Method, path: &str, host: Option<&str>) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(host) = host {
            request = request.header(header::HOST, host);
        }
        self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let response = self.ask(Method::GET, path, Some("localhost:8080")).await;
        (response.status(), text(response).await)
    }
}

fn config() -> Config {
    Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        allowed_hosts: vec!["parceld.local".into()],
        language: Language::ENGLISH,
        timezone: TimeZone::UTC,
        site: "sthlm-03".into(),
    }
}

fn access(running: &Running) -> Arc<Access> {
    Arc::new(Access::new(crate::access::Config::default(), running.journal.clone(), running.clock))
}

/// A bench with a screen, and one without.
fn stations(running: &Running) -> Arc<Stations> {
    let seat = |id: &str, screen| Seat { id: id.into(), name: format!("{id} & co"), mode: Mode::Pack, screen };
    let seats = vec![seat("bench-1", true), seat("quiet", false)];
    let ids = seats.iter().map(|seat| seat.id.clone()).collect::<Vec<_>>();
    let floor = Floor::new(running.journal.clone(), running.clock, ids);
    Arc::new(Stations::new(floor, running.journal.clone(), running.clock, Rules::of_nothing(), seats))
}

fn parts(running: &Running, access: &Arc<Access>, stations: &Arc<Stations>) -> Parts {
    Parts {
        gatherer: Arc::clone(&running.gatherer),
        access: Arc::clone(access),
        actions: crate::action::tests::actions(running, access),
        stations: Arc::clone(stations),
        bundle: bundle::Maker::new(|| Ok(b"a bundle".to_vec())),
    }
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Every path, and one that isn't there.
fn paths() -> impl Iterator<Item = &'static str> {
    ROUTES.iter().map(|route| route.path).chain(["/nowhere"])
}

#[tokio::test]
async fn answers_only_under_its_own_names() {
    let bench = Bench::new();
    for path in paths() {
        for host in [Some("evil.example"), Some("evil.example:8080"), Some(""), None] {
            let response = bench.ask(Method::GET, path, host).await;
            assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST, "{path} as {host:?}");
        }
        for host in ["localhost", "127.0.0.1:8080", "[::1]:1", "parceld.local"] {
            let response = bench.ask(Method::GET, path, Some(host)).await;
            assert_ne!(response.status(), StatusCode::MISDIRECTED_REQUEST, "{path} as {host:?}");
        }
    }
}

#[tokio::test]
async fn says_to_browsers_what_they_may_do() {
    let bench = Bench::new();
    for path in paths() {
        for host in ["localhost", "evil.example"] {
            let response = bench.ask(Method::GET, path, Some(host)).await;
            let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self';"), "{path}: {policy}");
            assert!(!policy.contains("unsafe"), "{path}: {policy}");
            assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        }
    }
}

/// A form that a browser sends from a page of ours, with what else a test adds.
fn form(path: &str, fields: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::post(path)
        .header(header::HOST, "localhost:8080")
        .header(header::ORIGIN, "http://localhost:8080")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(fields.to_owned())).unwrap()
}

impl Bench {
    async fn send(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }
}

#[tokio::test]
async fn what_shows_is_asked_for_and_what_changes_is_posted() {
    let bench = Bench::new();
    for route in ROUTES {
        let only_posted = !ROUTES.iter().any(|other| other.path == route.path && other.does == Does::Shows);
        for method in [Method::GET, Method::HEAD] {
            let response = bench.ask(method.clone(), route.path, Some("localhost")).await;
            assert_eq!(response.status() == StatusCode::METHOD_NOT_ALLOWED, only_posted, "{method} {}", route.path);
        }
        let only_shows = !ROUTES.iter().any(|other| other.path == route.path && other.does != Does::Shows);
        let response = bench.send(form(route.path, "", &[])).await;
        assert_eq!(response.status() == StatusCode::METHOD_NOT_ALLOWED, only_shows, "POST {}", route.path);
    }
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS, Method::TRACE] {
        for path in paths() {
            let response = bench.ask(method.clone(), path, Some("localhost")).await;
            assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn changes_come_from_its_own_pages_and_are_small() {
    let bench = Bench::new();
    let token = bench.access.first_token().await.unwrap().unwrap().shown();
    let bearer = format!("Bearer {token}");
    for path in paths() {
        let foreign: [&[(&str, &str)]; 3] = [
            &[("origin", "http://evil.example")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site"), ("authorization", &bearer)],
        ];
        for headers in foreign {
            let mut request = form(path, "", &[]);
            request.headers_mut().remove(header::ORIGIN);
            for (name, value) in headers {
                request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
            }
            assert_eq!(bench.send(request).await.status(), StatusCode::FORBIDDEN, "{path} {headers:?}");
        }
        let response = bench.ask(Method::POST, path, Some("localhost:8080")).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path} without an origin");
        let large = "x".repeat(guard::BODY_BYTES_MAX + 1);
        assert_eq!(bench.send(form(path, &large, &[])).await.status(), StatusCode::PAYLOAD_TOO_LARGE, "{path}");
    }
}

#[tokio::test]
async fn a_session_begins_with_the_token_and_ends() {
    let bench = Bench::new();
    let token = bench.access.first_token().await.unwrap().unwrap().shown();
    let response = bench.send(form("/login", &format!("token={token}&next=%2Flogin"), &[])).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()[header::LOCATION], "/login");
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "HttpOnly; SameSite=Strict; Path=/");
    let (name, id) = pair.split_once('=').unwrap();
    assert_eq!(name, "parceld-sthlm-03");
    assert_eq!(bench.access.session(id).unwrap().label, "session-1");
    let response = bench.send(form("/logout", "", &[("cookie", pair)])).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert!(response.headers()[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(bench.access.session(id), None);
}

/// Signs in; the cookie to send.
async fn signed_in(bench: &Bench) -> String {
    let token = bench.access.first_token().await.unwrap().unwrap().shown();
    let response = bench.send(form("/login", &format!("token={token}"), &[])).await;
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    cookie.split_once(';').unwrap().0.to_owned()
}

#[tokio::test]
async fn actions_are_for_those_who_have_signed_in() {
    let bench = Bench::new();
    for route in ROUTES.iter().filter(|route| route.does == Does::Changes(Needs::Token)) {
        let response = bench.send(form(route.path, "", &[("accept", "text/html")])).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{}", route.path);
        assert!(text(response).await.contains("name=\"token\""), "{}: where to sign in", route.path);
        let response = bench.send(form(route.path, "", &[])).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{}", route.path);
        assert!(response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Bearer"));
    }
    assert_eq!(bench.running.journal.head().borrow().place, 1, "nothing was done");
}

#[tokio::test]
async fn an_action_leads_to_its_result() {
    let bench = Bench::new();
    let cookie = signed_in(&bench).await;
    let headers = [("cookie", cookie.as_str()), ("accept", "text/html")];
    for (path, fields, expected) in [
        ("/actions/resend", "from=900", "There is no sequence 900; the newest is "),
        ("/actions/test_signal", "station=bench-1&signal=wrong", "bench-1 has no scanner that sounds"),
        ("/actions/backup", "", "The copy is whole and checked: "),
        ("/actions/quarantine/7/drop", "", "There is no resting command 7."),
        ("/actions/quarantine/7/retry", "", "There is no resting command 7."),
    ] {
        let response = bench.send(form(path, fields, &headers)).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{path}");
        let result = response.headers()[header::LOCATION].to_str().unwrap().to_owned();
        let (status, page) = bench.get(&result).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(page.contains(expected), "{path}: {page}");
    }
    let events = bench.running.journal.reader().unwrap().latest(1).unwrap();
    assert!(events[0].data.contains(r#""by":"session-1""#), "{}", events[0].data);
    for (path, fields) in [("/actions/fly", ""), ("/actions/resend", ""), ("/actions/quarantine/x/drop", "")] {
        let response = bench.send(form(path, fields, &headers)).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path}");
    }
    assert_eq!(bench.get("/actions/results/none").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_machine_with_the_token_needs_no_session() {
    let bench = Bench::new();
    let token = bench.access.first_token().await.unwrap().unwrap().shown();
    let bearer = format!("Bearer {token}");
    let request = |path: &str| {
        Request::post(path).header(header::HOST, "localhost").header(header::AUTHORIZATION, &bearer).body(Body::empty())
    };
    let response = bench.send(request("/actions/backup").unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    let told: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!((&told["outcome"], &told["recorded"]), (&"backed_up".into(), &true.into()));
    let response = bench.send(request("/actions/bundle").unwrap()).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/gzip");
    assert_eq!(text(response).await, "a bundle");
    let events = bench.running.journal.reader().unwrap().latest(2).unwrap();
    assert!(events[0].data.contains(r#""action":"bundle""#) && events[0].data.contains(r#""by":"token""#));
}

#[tokio::test]
async fn a_wrong_token_waits_for_its_answer() {
    let bench = Bench::new();
    bench.access.first_token().await.unwrap().unwrap();
    let begun = tokio::time::Instant::now();
    let wrong = || bench.send(form("/login", "token=wrong", &[]));
    let (one, other) = tokio::join!(wrong(), wrong());
    assert!(Duration::from_millis(500) <= begun.elapsed(), "{:?}", begun.elapsed());
    let (told, refused) = if one.status() == StatusCode::UNAUTHORIZED { (one, other) } else { (other, one) };
    assert_eq!(told.status(), StatusCode::UNAUTHORIZED);
    assert!(text(told).await.contains("That is not the token of this device."));
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS, "while the first is being answered");
    assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere_and_no_inline_script() {
    let bench = Bench::new();
    let (status, page) = bench.get("/").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("All well"), "{page}");
    assert!(page.contains("Söder &#38; malm"), "{page}");
    assert!(page.contains("&#60;script&#62;alert(1)&#60;/script&#62;"), "{page}");
    assert!(!page.contains("<script>") && !page.contains(" style=") && !page.contains(" onload="), "{page}");
    assert!(!page.contains("http://") && !page.contains("https://"), "{page}");
    assert!(page.contains("Started: <bdi>a new database</bdi>, version <bdi>1.2.3</bdi>"), "{page}");
}

#[tokio::test]
async fn every_asset_of_the_page_is_there() {
    let bench = Bench::new();
    let (_, page) = bench.get("/").await;
    let named: Vec<_> = page.split(['"', '?']).filter(|part| part.starts_with("/assets/")).collect();
    assert_eq!(named.len(), 4, "{page}");
    for asset in named {
        assert_eq!(bench.get(asset).await.0, StatusCode::OK, "{asset}");
    }
}

#[tokio::test]
async fn every_page_leads_to_all_others_and_has_one_first_heading() {
    let bench = Bench::new();
    bench.running.put_order(10_042, "2030-01-02T16:00:00Z").await;
    let pages = ["/", "/orders", "/orders/10042", "/scanners", "/scanners/hand", "/commands"];
    for path in pages {
        let (status, page) = bench.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert_eq!(page.matches("<h1").count(), 1, "{path}");
        assert_eq!(page.matches("aria-current=\"page\"").count(), if path == "/orders" { 2 } else { 1 }, "{path}");
        for way in ["\"/\"", "\"/orders\"", "\"/scanners\"", "\"/commands\""] {
            assert!(page.contains(&format!("href={way}")), "{path}: {way}");
        }
        let headings: Vec<u8> =
            page.match_indices("<h").filter_map(|(at, _)| page.as_bytes().get(at + 2)).copied().collect();
        let levels: Vec<u8> = headings.into_iter().filter(u8::is_ascii_digit).collect();
        assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{path}: {levels:?}");
        assert!(!page.contains("<script>") && !page.contains(" style=") && !page.contains("http:"), "{path}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let bench = Bench::new();
    for path in ["/orders/7", "/orders/%3Cb%3E", "/scanners/gone", "/api/v1/orders/7", "/api/v1/scanners/gone/bytes"] {
        let (status, page) = bench.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(!page.contains("<b>"), "{path}");
    }
    for path in ["/orders?from=x", "/orders?quantity=1", "/orders/7?before=x", "/api/v1/orders?show=all"] {
        assert_eq!(bench.get(path).await.0, StatusCode::BAD_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn an_order_is_found_and_told() {
    let bench = Bench::new();
    bench.running.put_order(10_042, "2030-01-02T16:00:00Z").await;
    let (_, list) = bench.get("/orders?q=100").await;
    assert!(list.contains("href=\"/orders/o-10042\"") && list.contains("0/2"), "{list}");
    let (_, page) = bench.get("/orders/10042").await;
    assert!(page.contains("Tea &#60;b&#62;") && page.contains("Accepted, goes with"), "{page}");
    assert!(page.contains("<details") && page.contains("parceld.order.accepted.v1"), "{page}");
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let told = json(&bench.get("/api/v1/orders?show=open&limit=1").await.1);
    assert_eq!(told["orders"][0]["number"], "10042");
    assert_eq!(told["next"], serde_json::Value::Null);
    let told = json(&bench.get("/api/v1/orders/10042").await.1);
    assert_eq!(told["order"]["lines"][0]["name"], "Tea <b>");
    assert_eq!(told["events"][0]["event"]["type"], "parceld.order.accepted.v1");
}

#[tokio::test]
async fn what_the_platform_sent_in_vain_is_shown() {
    let bench = Bench::new();
    bench.running.send(b"{\"<script>alert(1)</script>").await;
    let (_, page) = bench.get("/commands").await;
    assert!(page.contains("It can&#39;t be read") && page.contains("&#60;script&#62;alert(1)"), "{page}");
    assert!(!page.contains("<script>"), "{page}");
}

/// What a stream says until `end` is in it.
async fn heard(response: Response, end: &str, mut each: impl FnMut(&str)) -> String {
    let mut stream = response.into_body().into_data_stream();
    let mut heard = String::new();
    let until = async {
        while !heard.contains(end) {
            let bytes = stream.next().await.expect("the stream goes on").unwrap();
            heard.push_str(std::str::from_utf8(&bytes).unwrap());
            each(&heard);
        }
    };
    tokio::time::timeout(Duration::from_secs(20), until).await.expect("it comes");
    heard
}

#[tokio::test]
async fn an_open_order_is_told_of_what_happens_to_it() {
    let bench = Bench::new();
    bench.running.put_order(10_042, "2030-01-02T16:00:00Z").await;
    let response = bench.ask(Method::GET, "/api/v1/live/orders/10042", Some("localhost")).await;
    let running = &bench.running;
    let expedite = running.tell("order.expedite", serde_json::json!({"id": "o-10042", "revision": 1}));
    let (heard, ()) = tokio::join!(heard(response, "Comes before all others now", |_| {}), expedite);
    assert!(heard.contains("Accepted"), "{heard}");
}

#[tokio::test]
async fn a_scanners_bytes_are_streamed_to_few_and_end_with_the_agent() {
    let bench = Bench::new();
    let path = "/api/v1/scanners/hand/bytes";
    let mut open = Vec::new();
    for _ in 0..scanners::LISTENERS_MAX {
        let response = bench.ask(Method::GET, path, Some("localhost")).await;
        assert_eq!(response.status(), StatusCode::OK);
        open.push(response);
    }
    let refused = bench.ask(Method::GET, path, Some("localhost")).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let last = open.pop().unwrap();
    drop(open);
    assert_eq!(bench.ask(Method::GET, path, Some("localhost")).await.status(), StatusCode::OK);
    let ear = bench.running.floor.borrow().scanners["hand"].ear.clone();
    ear.hear_for_test(b"]E0<b>\r");
    let heard = heard(last, "5d 45 30", |_| {}).await;
    assert!(heard.contains("\"ascii\":\"]E0<b>·\""), "{heard}");
}

#[tokio::test]
async fn status_is_the_report() {
    let bench = Bench::new();
    let (status, json) = bench.get("/api/v1/status").await;
    assert_eq!(status, StatusCode::OK);
    let report: crate::report::Report = serde_json::from_str(&json).unwrap();
    assert_eq!(report.log.head, 1, "site.started");
    assert_eq!(report.site.id, "sthlm-03");
}

#[tokio::test]
async fn events_come_in_pages() {
    let bench = Bench::new();
    bench.running.record(Event::ScannerBack { scanner: "hand".into() }).await;
    let (_, first) = bench.get("/api/v1/events?after=0&limit=1").await;
    let (_, second) = bench.get("/api/v1/events?after=1&limit=5").await;
    let (_, rest) = bench.get("/api/v1/events?after=2").await;
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(json(&first)["next"], 1);
    assert_eq!(json(&first)["events"][0]["type"], "parceld.site.started.v1");
    assert_eq!(json(&second)["events"][0]["sequence"], 2);
    assert_eq!(json(&second)["events"][0]["head"], 2);
    assert_eq!(json(&rest), serde_json::json!({"events": [], "next": 2}));
    for wrong in ["after=x", "after=-1", "limit=many", "befor=1"] {
        assert_eq!(bench.get(&format!("/api/v1/events?{wrong}")).await.0, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn is_ready_while_the_writer_answers() {
    let mut bench = Bench::new();
    assert_eq!(bench.get("/livez").await, (StatusCode::OK, "alive\n".into()));
    assert_eq!(bench.get("/readyz").await, (StatusCode::OK, "ready\n".into()));
    bench.running.stop_writing();
    assert_eq!(bench.get("/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(bench.get("/livez").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_change_reaches_the_open_page_and_a_stop_ends_it() {
    let bench = Bench::new();
    let response = bench.ask(Method::GET, "/api/v1/live", Some("localhost")).await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut stream = response.into_body().into_data_stream();
    let mut heard = String::new();
    let seen = tokio::time::timeout(Duration::from_secs(20), async {
        while let Some(Ok(bytes)) = stream.next().await {
            heard.push_str(std::str::from_utf8(&bytes).unwrap());
            if heard.contains("\n\n") && !heard.contains("unplugged by hand") {
                bench.running.floor.send_modify(|floor| {
                    let scanner = floor.scanners.values_mut().next().unwrap();
                    scanner.line = Line::Lost { reason: "unplugged by hand".into() };
                });
            }
            if heard.contains("unplugged by hand") {
                bench.stop.send_replace(true);
            }
        }
    });
    seen.await.expect("the stream ends");
    assert!(heard.contains("unplugged by hand"), "{heard}");
}

#[tokio::test]
async fn streams_have_a_limit_and_give_their_place_back() {
    let bench = Bench::new();
    let mut open = Vec::new();
    for _ in 0..live::STREAMS_MAX {
        let response = bench.ask(Method::GET, "/api/v1/live", Some("localhost")).await;
        assert_eq!(response.status(), StatusCode::OK);
        open.push(response);
    }
    let live = || bench.ask(Method::GET, "/api/v1/live", Some("localhost"));
    assert_eq!(live().await.status(), StatusCode::SERVICE_UNAVAILABLE);
    open.pop();
    assert_eq!(live().await.status(), StatusCode::OK);
}

/// The bench over a real listener: where, and its task, which ends with the bench's stop.
async fn served(bench: &Bench) -> (SocketAddr, JoinHandle<()>) {
    let listener = bind(&config()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let parts = parts(&bench.running, &bench.access, &bench.stations);
    (address, tokio::spawn(serve(listener, Arc::new(Pages::new(&config(), parts)), bench.stop.subscribe())))
}

#[tokio::test]
async fn idle_connections_keep_nobody_out() {
    let bench = Bench::new();
    let (address, serving) = served(&bench).await;
    let ask = async |path: &str| {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut some = [0; 15];
        stream.read_exact(&mut some).await.unwrap();
        assert_eq!(&some, b"HTTP/1.1 200 OK", "{path}");
        stream
    };
    let mut open = ask("/api/v1/live").await;
    let mut idle = Vec::new();
    for _ in 0..500 {
        idle.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    ask("/").await;
    let mut some = [0; 1024];
    assert_ne!(open.read(&mut some).await.unwrap(), 0, "a stream stays");
    bench.stop.send_replace(true);
    tokio::time::timeout(Duration::from_secs(20), serving).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn stops_although_a_page_is_open() {
    let bench = Bench::new();
    let (address, serving) = served(&bench).await;
    let mut visitor = tokio::net::TcpStream::connect(address).await.unwrap();
    visitor.write_all(b"GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut some = [0; 64];
    assert_ne!(visitor.read(&mut some).await.unwrap(), 0);
    bench.stop.send_replace(true);
    tokio::time::timeout(Duration::from_secs(20), serving).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn the_log_is_filtered_as_it_is_asked_for() {
    use crate::report::log::Level;
    let bench = Bench::new();
    let lines = bench.running.gatherer.lines();
    lines.say(Level::Warn, "sync", "no receipt for 60 s");
    lines.say(Level::Info, "floor", "scanner open <b>\u{1b}");
    for (query, numbers) in [
        ("", "2 1"),
        ("?level=&part=&text=", "2 1"),
        ("?level=warn", "1"),
        ("?part=floor", "2"),
        ("?text=RECEIPT", "1"),
        ("?after=1", "2"),
        ("?limit=1", "2"),
    ] {
        let (status, json) = bench.get(&format!("/api/v1/log{query}")).await;
        assert_eq!(status, StatusCode::OK, "{query}");
        let log: serde_json::Value = serde_json::from_str(&json).unwrap();
        let found: Vec<_> = log["lines"].as_array().unwrap().iter().map(|line| line["number"].to_string()).collect();
        assert_eq!(found.join(" "), numbers, "{query}");
        assert_eq!(log["parts"], serde_json::json!(["floor", "sync"]));
    }
    for wrong in ["level=loud", "limit=x", "levle=warn"] {
        assert_eq!(bench.get(&format!("/api/v1/log?{wrong}")).await.0, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn health_is_a_word_or_a_line_for_each_check() {
    let mut bench = Bench::new();
    assert_eq!(bench.get("/healthz").await, (StatusCode::OK, "ok\n".into()));
    bench.running.sync.send_modify(|sync| sync.receipts = Receipts::Missing { since: jiff::Timestamp::UNIX_EPOCH });
    assert_eq!(bench.get("/healthz").await, (StatusCode::OK, "degraded\n".into()));
    let (status, text) = bench.get("/healthz?verbose").await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("\nwriter ok\n") && text.contains("\nreceipts degraded: receipts_missing: "), "{text}");
    bench.running.stop_writing();
    let (status, text) = bench.get("/healthz?verbose=1").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.starts_with("failing\nwriter failing: the journal does not answer"), "{text}");
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let bench = Bench::new();
    let response = bench.ask(Method::GET, "/metrics", Some("localhost")).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
    let text = text(response).await;
    assert!(text.starts_with("# HELP parceld_build_info ") && text.contains("\nparceld_log_head 1.0\n"), "{text}");
}
