use super::*;
use crate::domain::event::Event;
use crate::floor::status::Line;
use crate::report::tests::Running;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use futures_util::StreamExt;
use tower::ServiceExt;

/// A page before a running journal.
struct Bench {
    router: Router,
    running: Running,
    stop: watch::Sender<bool>,
}

impl Bench {
    fn new() -> Self {
        let running = Running::new();
        let (stop, stop_seen) = watch::channel(false);
        let router = router(&config(), Arc::clone(&running.gatherer), stop_seen);
        Self { router, running, stop }
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
    }
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

const ROUTES: [&str; 11] = [
    "/",
    "/api/v1/status",
    "/api/v1/events",
    "/api/v1/live",
    "/livez",
    "/readyz",
    "/assets/page.css",
    "/assets/tokens.css",
    "/assets/page.js",
    "/assets/icon.svg",
    "/nowhere",
];

#[tokio::test]
async fn answers_only_under_its_own_names() {
    let bench = Bench::new();
    for path in ROUTES {
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
    for path in ROUTES {
        for host in ["localhost", "evil.example"] {
            let response = bench.ask(Method::GET, path, Some(host)).await;
            let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self';"), "{path}: {policy}");
            assert!(!policy.contains("unsafe"), "{path}: {policy}");
            assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        }
    }
}

#[tokio::test]
async fn changes_nothing() {
    let bench = Bench::new();
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        for path in ROUTES {
            let response = bench.ask(method.clone(), path, Some("localhost")).await;
            assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        }
    }
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
    assert!(page.contains("site.started"), "{page}");
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

#[tokio::test]
async fn stops_although_a_page_is_open() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let bench = Bench::new();
    let listener = bind(&config()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(serve(listener, config(), Arc::clone(&bench.running.gatherer), bench.stop.subscribe()));
    let mut visitor = tokio::net::TcpStream::connect(address).await.unwrap();
    visitor.write_all(b"GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut some = [0; 64];
    assert_ne!(visitor.read(&mut some).await.unwrap(), 0);
    bench.stop.send_replace(true);
    tokio::time::timeout(Duration::from_secs(20), serving).await.expect("it ends").unwrap().unwrap();
}
