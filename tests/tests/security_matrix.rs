//! The page before strangers: every route of the agent's own table, against everything that somebody on the network, or
//! a page of somebody else in a technician's browser, could try.

use parceld::web::{Does, Needs, ROUTES, Route};
use parceld_tests::agent::{Agent, AgentSetup};
use parceld_tests::net;
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::wait::{self, Stopwatch};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Heads and bodies must be there within ten seconds; the rest is for a loaded machine.
const CUT_OFF_WITHIN: Duration = Duration::from_secs(25);

/// The first wait of a wrong token.
const WRONG_WAITS: Duration = Duration::from_millis(500);

const IDLE_CONNECTIONS: usize = 500;

const SCANS: usize = 300;

/// What scanning may lose beside idle connections: more than noise, less than anybody could feel.
const SLOWER_AT_MOST: u32 = 5;
const FELT: Duration = Duration::from_millis(100);

/// An agent without a broker: nothing here needs one.
fn agent(change: impl FnOnce(AgentSetup) -> AgentSetup) -> Agent {
    let broker = format!("mqtt://{}", net::loopback(net::free_port()));
    let mut agent = change(AgentSetup::new("sthlm-03", &broker).station("bench-1", "pack")).start();
    agent.ready();
    agent
}

fn host(agent: &Agent) -> String {
    agent.url().trim_start_matches("http://").to_owned()
}

/// The route's path with something for each of its places.
fn path(route: &Route) -> String {
    let filled = |part: &str| if part.starts_with('{') { "1".to_owned() } else { part.to_owned() };
    route.path.split('/').map(filled).collect::<Vec<_>>().join("/")
}

fn connect(agent: &Agent) -> TcpStream {
    let stream = TcpStream::connect(host(agent)).expect("the page listens");
    stream.set_read_timeout(Some(CUT_OFF_WITHIN)).expect("a socket has a time-out");
    stream
}

/// A request as bytes, and the answer's status and head with as much of its body as comes with it.
fn send(agent: &Agent, request: &str) -> (u16, String) {
    let mut stream = connect(agent);
    stream.write_all(request.as_bytes()).expect("a request is sent");
    let mut answer = Vec::new();
    let mut some = [0; 4096];
    while !answer.windows(4).any(|part| part == b"\r\n\r\n") {
        match stream.read(&mut some) {
            Ok(0) | Err(_) => break,
            Ok(count) => answer.extend_from_slice(&some[..count]),
        }
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no answer to {request:?}: {answer:?}")), answer)
}

fn get(host: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

fn post(host: &str, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    let kind = "Content-Type: application/x-www-form-urlencoded";
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\n{kind}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    )
}

fn changes() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| route.does != Does::Shows)
}

fn with_token() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| route.does == Does::Changes(Needs::Token))
}

/// The token as a technician gets it.
fn new_token(agent: &Agent) -> String {
    let output = agent.command(&["token", "new"]).output().expect("the agent's program runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("it prints text").trim().to_owned()
}

#[test]
fn every_route_refuses_foreign_hosts_origins_methods_and_sizes() {
    let agent = agent(|setup| setup);
    let own = host(&agent);
    let own_origin = format!("Origin: http://{own}\r\n");
    let large = "x".repeat(17 * 1024);
    let chunked = "Transfer-Encoding: chunked\r\n";
    for route in ROUTES {
        let path = path(route);
        for foreign in ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", ""] {
            assert_eq!(send(&agent, &get(foreign, &path)).0, 421, "{path} as {foreign:?}");
            assert_eq!(send(&agent, &post(foreign, &path, "", "")).0, 421, "POST {path} as {foreign:?}");
        }
        for (what, headers) in [
            ("a foreign origin", "Origin: http://evil.example\r\n"),
            ("an origin without a name", "Origin: null\r\n"),
            ("another port", "Origin: http://127.0.0.1:1\r\n"),
            ("another site", "Sec-Fetch-Site: cross-site\r\n"),
            ("a sibling", "Sec-Fetch-Site: same-site\r\n"),
            ("another site that knows the token", "Sec-Fetch-Site: cross-site\r\nAuthorization: Bearer x\r\n"),
            ("no origin", ""),
        ] {
            assert_eq!(send(&agent, &post(&own, &path, headers, "")).0, 403, "{path} from {what}");
        }
        assert_eq!(send(&agent, &post(&own, &path, &own_origin, &large)).0, 413, "{path}");
        let chunk = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
        let request = format!("POST {path} HTTP/1.1\r\nHost: {own}\r\n{own_origin}{chunked}\r\n{chunk}");
        assert_eq!(send(&agent, &request).0, 413, "{path} in chunks");
        for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
            let request = get(&own, &path).replacen("GET", method, 1);
            assert_eq!(send(&agent, &request).0, 405, "{method} {path}");
        }
        let twins = |does: fn(&Does) -> bool| ROUTES.iter().any(|other| other.path == route.path && does(&other.does));
        if !twins(|does| *does == Does::Shows) {
            assert_eq!(send(&agent, &get(&own, &path)).0, 405, "GET {path}");
        }
        if !twins(|does| *does != Does::Shows) {
            assert_eq!(send(&agent, &post(&own, &path, &own_origin, "")).0, 405, "POST {path}");
        }
    }
}

#[test]
fn actions_need_the_token_and_a_wrong_one_waits() {
    let agent = agent(|setup| setup);
    let own = host(&agent);
    let own_origin = format!("Origin: http://{own}\r\n");
    // A token of this very agent that another took the place of: as near to the right one as a wrong one can be.
    let replaced = new_token(&agent);
    let token = new_token(&agent);
    assert_ne!(with_token().count(), 0);
    for route in with_token() {
        let path = path(route);
        let (status, answer) = send(&agent, &post(&own, &path, &own_origin, ""));
        assert_eq!(status, 401, "{path}");
        assert!(answer.to_ascii_lowercase().contains("www-authenticate: bearer"), "{path}: {answer}");
        let cookie = format!("{own_origin}Cookie: parceld-sthlm-03=made-up\r\n");
        assert_eq!(send(&agent, &post(&own, &path, &cookie, "")).0, 401, "{path} with a made-up session");

        let wrong = format!("Authorization: Bearer {replaced}\r\n");
        let right = format!("Authorization: Bearer {token}\r\n");
        wait::until("one wrong token to wait and the other not to be looked at", wait::GENEROUS, || {
            let asked = Stopwatch::start();
            let both = [(); 2].map(|()| {
                let mut stream = connect(&agent);
                stream.write_all(post(&own, &path, &wrong, "").as_bytes()).expect("a request is sent");
                stream
            });
            let mut answers = both.map(|mut stream| {
                let mut answer = String::new();
                stream.read_to_string(&mut answer).expect("an answer is text");
                answer
            });
            assert!(WRONG_WAITS <= asked.elapsed(), "{path}: {:?}", asked.elapsed());
            answers.sort_unstable();
            // The address begins anew, whether the two met or not.
            assert!(![401, 403, 429].contains(&send(&agent, &post(&own, &path, &right, "")).0), "{path}");
            let [told, refused] = answers;
            let is_refused =
                refused.starts_with("HTTP/1.1 429") && refused.to_ascii_lowercase().contains("retry-after:");
            assert!(told.starts_with("HTTP/1.1 401"), "{path}: {told}");
            is_refused.then_some(())
        });
    }
    let taps: Vec<_> = ROUTES.iter().filter(|route| route.does == Does::Changes(Needs::TokenOrBoard)).collect();
    for route in taps {
        let path = path(route);
        let proxied = format!("{own_origin}X-Forwarded-For: 10.0.0.9\r\n");
        assert_eq!(send(&agent, &post(&own, &path, &proxied, "")).0, 401, "{path} through a proxy");
        assert_ne!(send(&agent, &post(&own, &path, &own_origin, "")).0, 401, "{path} at the board");
    }
}

#[test]
fn slow_clients_are_cut_off_on_every_route() {
    let agent = agent(|setup| setup);
    let own = host(&agent);
    let half_heads = ROUTES.iter().map(|route| format!("GET {} HTTP/1.1\r\nHost: {own}\r\nX-Slow: ", path(route)));
    let half_bodies = changes().map(|route| {
        let origin = format!("Origin: http://{own}");
        format!("POST {} HTTP/1.1\r\nHost: {own}\r\n{origin}\r\nContent-Length: 9\r\n\r\nhalf", path(route))
    });
    let begun = Stopwatch::start();
    let slow: Vec<(String, TcpStream)> = half_heads
        .chain(half_bodies)
        .map(|begun| {
            let mut stream = connect(&agent);
            stream.write_all(begun.as_bytes()).expect("a part of a request is sent");
            (begun, stream)
        })
        .collect();
    for (request, mut stream) in slow {
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer);
        let is_cut = match &ended {
            Ok(_) => true,
            Err(error) => matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
        };
        assert!(is_cut, "{request:?} is still open: {ended:?}");
        let answer = String::from_utf8_lossy(&answer);
        let is_refusal = answer.is_empty() || answer.starts_with("HTTP/1.1 408") || answer.starts_with("HTTP/1.1 503");
        assert!(is_refusal, "{request:?}: {answer}");
    }
    assert!(begun.elapsed() < CUT_OFF_WITHIN, "{:?}", begun.elapsed());
    assert_eq!(send(&agent, &get(&own, "/")).0, 200);
}

#[test]
fn no_page_carries_a_script_or_a_style() {
    let agent = agent(|setup| setup);
    let own = host(&agent);
    let mut pages = 0;
    for route in ROUTES.iter().filter(|route| route.does == Does::Shows) {
        let path = path(route);
        let (_, head) = send(&agent, &get(&own, &path));
        let head = head.to_ascii_lowercase();
        let policy = head.lines().find_map(|line| line.strip_prefix("content-security-policy: "));
        let policy = policy.unwrap_or_else(|| panic!("{path} says nothing of what browsers may do"));
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"), "{path}: {policy}");
        if !head.contains("content-type: text/html") {
            continue;
        }
        pages += 1;
        let mut stream = connect(&agent);
        stream.write_all(get(&own, &path).as_bytes()).expect("a request is sent");
        let mut page = String::new();
        stream.read_to_string(&mut page).expect("a page is text");
        for tag in page.split('<').skip(1).filter_map(|rest| rest.split_once('>').map(|(tag, _)| tag)) {
            let name = tag.split_whitespace().next().unwrap_or_default();
            assert!(name != "style", "{path}: <{tag}>");
            assert!(name != "script" || tag.contains(" src=\"/assets/"), "{path}: <{tag}>");
            let attributes = tag.split_whitespace().skip(1).map(|attribute| attribute.split('=').next().unwrap_or(""));
            let inline =
                |name: &&str| *name == "style" || (name.starts_with("on") && tag.contains(&format!("{name}=")));
            assert_eq!(attributes.clone().find(inline), None, "{path}: <{tag}>");
            // A line of the log may show an address, as text.
            assert!(!tag.contains("http:") && !tag.contains("https:") && !tag.contains("=\"//"), "{path}: <{tag}>");
        }
    }
    assert!(5 < pages, "{pages}");
}

#[test]
fn idle_connections_leave_scanning_and_the_page_as_they_were() {
    let mut scanner = VirtualScanner::new();
    let agent = agent(|setup| setup.scanner("hand", "bench-1", scanner.port()));
    let own = host(&agent);
    let mut measure = |round: &str| {
        let mut took: Vec<Duration> = (0..SCANS).map(|n| scanner.scan(&format!("{round}-{n}")).after).collect();
        took.sort_unstable();
        took[SCANS * 99 / 100]
    };
    measure("warm");
    let alone = measure("alone");
    let mut stream = connect(&agent);
    stream.write_all(get(&own, "/api/v1/live").as_bytes()).expect("a request is sent");
    let mut some = [0; 512];
    assert_ne!(stream.read(&mut some).expect("the stream begins"), 0);
    let idle: Vec<_> = (0..IDLE_CONNECTIONS).map(|_| connect(&agent)).collect();
    let beside = measure("beside");
    eprintln!("p99 of scan to answer: {alone:?} alone, {beside:?} beside {} idle connections", idle.len());
    assert!(beside <= (alone * SLOWER_AT_MOST).max(FELT), "{alone:?} alone, {beside:?} beside idle connections");
    assert_eq!(send(&agent, &get(&own, "/")).0, 200);
    assert_eq!(send(&agent, &get(&own, "/livez")).0, 200);
    assert_ne!(stream.read(&mut some).expect("the stream is open"), 0);
}
