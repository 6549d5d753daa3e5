//! Requests to the platform's HTTP side: whatever is asked for, and with whatever body, is answered, and never with the
//! fault of a server.

use crate::input::Input;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use parceld_platform::played::router;
use std::fs;
use std::path::{Path, PathBuf};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;
use uuid::Uuid;

const METHODS: [Method; 4] = [Method::GET, Method::PUT, Method::POST, Method::DELETE];
const KINDS: [&str; 3] = ["application/json", "application/x-www-form-urlencoded", "text/plain"];
/// Of all that is asked for at once.
const REQUESTS_MAX: usize = 6;
/// No page and no list of so little is longer.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// The one stream of events, which doesn't end.
const STREAM: &str = "/live";

const ORDER: &str = r#"{"id":"o-1","number":"1","delivery":"carrier","carrier":"dhl","notify":{"customer":"c-1"},
    "lines":[{"line":"1","sku":"TEA","name":"Tea","quantity":2}]}"#;

/// Requests, each two bytes for method and kind, a length, a line for the target, and the body.
pub fn run(bytes: &[u8]) {
    let input = Input::new(bytes);
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let scratch = Scratch::new();
    let (router, writer) = router(&scratch.0).expect("a platform");
    asked(input, &runtime, &router);
    drop((router, runtime));
    writer.join().expect("a writer that ends in order");
}

fn asked(mut input: Input<'_>, runtime: &Runtime, router: &Router) {
    ask(runtime, router, &Method::POST, &Uri::from_static("/api/sites/s/orders"), KINDS[0], ORDER.as_bytes());
    for _ in 0..REQUESTS_MAX {
        if input.is_empty() {
            return;
        }
        let (method, kind, length) = (input.byte(), input.byte(), input.pair());
        let request = input.take(usize::from(length) % 1_024);
        let at = request.iter().position(|byte| *byte == b'\n').unwrap_or(request.len());
        let (target, body) = request.split_at(at);
        let Ok(uri) = Uri::try_from(target) else { continue };
        if uri.path().starts_with(STREAM) {
            continue;
        }
        let method = &METHODS[usize::from(method) % METHODS.len()];
        let kind = KINDS[usize::from(kind) % KINDS.len()];
        let status = ask(runtime, router, method, &uri, kind, body.get(1..).unwrap_or_default());
        assert!(!status.is_server_error(), "{method} {uri}: {status}");
    }
}

fn ask(runtime: &Runtime, router: &Router, method: &Method, uri: &Uri, kind: &'static str, body: &[u8]) -> StatusCode {
    let mut request = Request::new(Body::from(body.to_vec()));
    (*request.method_mut(), *request.uri_mut()) = (method.clone(), uri.clone());
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    runtime.block_on(async {
        let Ok(answer) = router.clone().oneshot(request).await;
        let status = answer.status();
        to_bytes(answer.into_body(), ANSWER_BYTES_MAX).await.expect("an answer ends, and is not long");
        status
    })
}

/// A file of a database; gone at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let shared = Path::new("/dev/shm");
        let folder = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
        Self(folder.join(format!("parceld-fuzz-{}.db", Uuid::now_v7())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let mut name = self.0.clone().into_os_string();
            name.push(end);
            let _ = fs::remove_file(name);
        }
    }
}
