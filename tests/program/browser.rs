//! Whom the server of the page lets in, and what becomes of pages that misbehave. No browser is needed:
//! a plain WebSocket client is the page.

use portamark_executors::protocol::{Request, Response};
use portamark_executors::{BrowserExecutor, BrowserServer, Executor, Fault, FaultKind, Progress};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::{Message, WebSocket};

const DEADLINE: Duration = Duration::from_secs(10);

/// A server, and the lines that it said.
struct Site {
    server: Arc<BrowserServer>,
    said: Arc<Mutex<Vec<String>>>,
}

impl Site {
    fn new() -> Self {
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        let say = move |line: &str| heard.lock().unwrap().push(line.to_string());
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Site { server: Arc::new(BrowserServer::start(address, Arc::new(say)).unwrap()), said }
    }

    fn host(&self) -> String {
        self.server.address().to_string()
    }

    fn executor(&self) -> BrowserExecutor {
        BrowserExecutor::with_patience(Arc::clone(&self.server), Duration::from_secs(5))
    }

    /// What is left of an invitation behind the host.
    fn path(&self) -> String {
        let address = self.server.invitation().unwrap();
        address.strip_prefix(&format!("http://{}", self.host())).unwrap().to_string()
    }

    /// Status line, headers and body of the answer to a request with `headers`.
    fn ask(&self, request: &str, headers: &[(&str, &str)]) -> String {
        let mut stream = TcpStream::connect(self.server.address()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let text = format!("{request} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The same from the own host.
    fn get(&self, path: &str, headers: &[(&str, &str)]) -> String {
        let host = self.host();
        self.ask(&format!("GET {path}"), &[&[("Host", host.as_str())], headers].concat())
    }

    /// The cookie that an invitation is worth.
    fn cookie(&self) -> String {
        let answer = self.get(&self.path(), &[]);
        assert_eq!(status(&answer), 200, "{answer}");
        let line = answer.lines().find(|line| line.to_lowercase().starts_with("set-cookie:")).unwrap();
        line.split_once(':').unwrap().1.split(';').next().unwrap().trim().to_string()
    }

    /// Connects as the page does, with other headers where they are given.
    fn connect(&self, headers: &[(&'static str, &str)]) -> Result<Page, Box<tungstenite::Error>> {
        let mut request = format!("ws://{}/socket", self.host()).into_client_request().unwrap();
        let origin = format!("http://{}", self.host());
        for (name, value) in [&[("origin", origin.as_str())], headers].concat() {
            request.headers_mut().remove(name);
            if !value.is_empty() {
                request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
            }
        }
        let stream = TcpStream::connect(self.server.address()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Page(socket)),
            Err(tungstenite::HandshakeError::Failure(error)) => Err(Box::new(error)),
            Err(error) => panic!("{error}"),
        }
    }

    fn page(&self, cookie: &str) -> Page {
        // The connection before may be closing.
        let until = Instant::now() + DEADLINE;
        loop {
            match self.connect(&[("cookie", cookie)]) {
                Ok(page) => return page,
                Err(error) if Instant::now() > until => panic!("{error}"),
                Err(_) => thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    fn lines(&self, part: &str) -> usize {
        self.said.lock().unwrap().iter().filter(|line| line.contains(part)).count()
    }
}

/// The page's end of a connection.
struct Page(WebSocket<TcpStream>);

impl Page {
    /// The next request; news are passed over.
    fn request(&mut self) -> Request {
        loop {
            let text = self.0.read().unwrap().into_text().unwrap();
            if let Ok(request) = serde_json::from_str(&text) {
                return request;
            }
        }
    }

    /// Answers the next request with `done`.
    fn answer_done(&mut self) {
        self.request();
        self.answer(&Response::Done);
    }

    fn answer(&mut self, response: &Response) {
        self.text(&serde_json::to_string(response).unwrap());
    }

    fn text(&mut self, text: &str) {
        self.0.send(Message::text(text.to_string())).unwrap();
    }

    /// Code of the frame that closes the connection; none where it just ends.
    fn closed(&mut self) -> Option<u16> {
        loop {
            match self.0.read() {
                Ok(Message::Close(frame)) => return frame.map(|frame| frame.code.into()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
}

/// The status that a refused handshake had.
fn refused(connected: Result<Page, Box<tungstenite::Error>>) -> u16 {
    match connected.map(|_| ()) {
        Err(error) => match *error {
            tungstenite::Error::Http(response) => response.status().as_u16(),
            error => panic!("{error}"),
        },
        Ok(()) => panic!("it was let in"),
    }
}

fn poison(executor: &mut BrowserExecutor, deadline: Duration) -> Result<(), Fault> {
    executor.poison(1, deadline)
}

#[test]
fn requests_and_answers_go_over_one_connection() {
    let site = Site::new();
    let cookie = site.cookie();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut page = site.page(&cookie);
            assert_eq!(page.request(), Request::Poison { handle: 1 });
            page.answer(&Response::Done);
            assert_eq!(page.request(), Request::Release { handle: 1 });
            page.answer(&Response::Done);
            assert_eq!(page.closed(), Some(4001));
        });
        let mut executor = site.executor();
        let before = executor.generation();
        poison(&mut executor, DEADLINE).unwrap();
        assert_eq!(executor.generation(), before);
        executor.release(1, DEADLINE).unwrap();
        executor.end();
        assert_eq!(executor.generation(), before + 1);
    });
    assert_eq!(site.lines("refused"), 0);
}

#[test]
fn at_the_end_the_page_is_told_so() {
    let site = Site::new();
    let mut page = site.page(&site.cookie());
    // The first news say that the connection is known.
    page.0.read().unwrap();
    let end = thread::spawn(move || drop(site));
    assert_eq!(page.request(), Request::Bye);
    page.answer(&Response::Done);
    assert_eq!(page.closed(), Some(1000));
    end.join().unwrap();
}

#[test]
fn a_page_learns_how_far_the_run_is() {
    let site = Site::new();
    let progress = Progress { at: 3, total: 40, case: Some("gemm".into()), device: None };
    site.server.tell(progress, None);
    let mut page = site.page(&site.cookie());
    let text = page.0.read().unwrap().into_text().unwrap();
    let news: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(news["progress"]["at"], 3);
    assert_eq!(news["progress"]["total"], 40);
    assert_eq!(news["rows"], serde_json::json!([]));
}

#[test]
fn another_origin_is_refused() {
    let site = Site::new();
    let cookie = site.cookie();
    for origin in ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1", ""] {
        assert_eq!(refused(site.connect(&[("cookie", &cookie), ("origin", origin)])), 403, "{origin}");
    }
    let answer = site.get("/", &[("Cookie", &cookie), ("Origin", "http://evil.example")]);
    assert_eq!(status(&answer), 403);
    assert!(site.lines("another page sent this") >= 5, "{:?}", site.said);
}

#[test]
fn a_name_that_was_pointed_at_this_machine_is_refused() {
    let site = Site::new();
    let path = site.path();
    let port = site.server.address().port();
    for host in [format!("evil.example:{port}"), format!("127.0.0.1.evil.example:{port}"), "127.0.0.1".into()]
    {
        assert_eq!(status(&site.ask(&format!("GET {path}"), &[("Host", &host)])), 403, "{host}");
    }
    let cookie = site.cookie();
    let evil = format!("evil.example:{port}");
    let own = format!("http://{evil}");
    assert_eq!(refused(site.connect(&[("cookie", &cookie), ("host", &evil), ("origin", &own)])), 403);
    assert!(site.lines("not the address of portamark") >= 4, "{:?}", site.said);
}

#[test]
fn without_the_token_nothing_opens_and_with_it_once() {
    let site = Site::new();
    for path in
        ["/", "/?token=", "/?token=0123456789abcdef0123456789abcdef", "/page.js", "/writers.json", "/socket"]
    {
        assert_eq!(status(&site.get(path, &[])), 403, "{path}");
    }
    assert_eq!(refused(site.connect(&[])), 403);
    assert_eq!(refused(site.connect(&[("cookie", "portamark=1")])), 403);
    let path = site.path();
    // A token opens the page and nothing else.
    let elsewhere = path.replace("/?", "/socket?");
    assert_eq!(status(&site.get(&elsewhere, &[])), 403);
    assert_eq!(status(&site.get(&path, &[])), 200);
    assert_eq!(status(&site.get(&path, &[])), 403);
    let cookie = site.cookie();
    // Whoever has the cookie may load the page again, with the old address too.
    assert_eq!(status(&site.get(&path, &[("Cookie", &cookie)])), 200);
    assert_eq!(status(&site.get("/page.js", &[("Cookie", &cookie)])), 200);
}

#[test]
fn every_answer_has_the_strict_headers() {
    let site = Site::new();
    let cookie = site.cookie();
    for (path, cookie) in
        [("/", &*cookie), ("/style.css", &cookie), ("/writers.json", &cookie), ("/none", &cookie), ("/", "")]
    {
        let answer = site.get(path, &[("Cookie", cookie)]).to_lowercase();
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
            "cross-origin-opener-policy: same-origin",
            "cross-origin-embedder-policy: require-corp",
        ] {
            assert!(answer.contains(header), "{path}: {header}\n{answer}");
        }
        assert!(answer.contains("frame-ancestors 'none'"), "{answer}");
        assert!(!answer.contains("access-control-allow"), "{answer}");
    }
}

#[test]
fn other_paths_and_methods_are_answered_without_any_file() {
    let site = Site::new();
    let cookie = site.cookie();
    let cookie = [("Cookie", cookie.as_str())];
    for path in [
        "/none",
        "/../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/etc/passwd",
        "//etc/passwd",
        "/style.css/../../Cargo.toml",
        "/socket/x",
    ] {
        let answer = site.get(path, &cookie);
        assert_eq!(status(&answer), 404, "{path}");
        assert!(!answer.contains("[package]") && !answer.contains("root:"), "{answer}");
    }
    let host = site.host();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
        let answer = site.ask(&format!("{method} /"), &[("Host", &host), cookie[0]]);
        assert_eq!(status(&answer), 405, "{method}");
    }
    let own = format!("http://{host}");
    assert_eq!(status(&site.get("/socket", &[cookie[0], ("Origin", &own)])), 400);
    assert_eq!(status(&site.get("/\u{1b}[2J", &cookie)), 400);
    assert!(site.said.lock().unwrap().iter().all(|line| !line.contains(char::is_control)), "{:?}", site.said);
}

#[test]
fn a_second_page_is_refused_and_the_run_goes_on() {
    let site = Site::new();
    let cookie = site.cookie();
    let mut page = site.page(&cookie);
    assert_eq!(refused(site.connect(&[("cookie", &cookie)])), 409);
    thread::scope(|scope| {
        scope.spawn(|| {
            page.answer_done();
        });
        poison(&mut site.executor(), DEADLINE).unwrap();
    });
    assert_eq!(site.lines("another page is connected"), 1, "{:?}", site.said);
}

#[test]
fn answers_that_nobody_asked_for_end_the_connection_and_not_the_run() {
    let site = Site::new();
    let cookie = site.cookie();
    let mut executor = site.executor();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut page = site.page(&cookie);
            page.answer_done();
            // A flood: the first of them ends the connection.
            for _ in 0..10_000 {
                if page.0.send(Message::text("{\"response\":\"done\"}")).is_err() {
                    break;
                }
            }
            page.closed();
            let mut page = site.page(&cookie);
            page.answer_done();
        });
        poison(&mut executor, DEADLINE).unwrap();
        // Until then one of them could be the answer to the next request.
        let until = Instant::now() + DEADLINE;
        while site.lines("an unexpected message") == 0 && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
        let fault = poison(&mut executor, DEADLINE).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Crashed, "{fault}");
        assert!(fault.is_fatal() && fault.reason.contains("an unexpected message"), "{fault}");
        poison(&mut executor, DEADLINE).unwrap();
    });
    assert_eq!(site.lines("an unexpected message"), 1, "{:?}", site.said);
}

#[test]
fn a_message_that_is_too_long_ends_the_connection() {
    let site = Site::new();
    let cookie = site.cookie();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut page = site.page(&cookie);
            page.request();
            let _ = page.0.send(Message::text("x".repeat((64 << 20) + 1)));
            page.closed();
        });
        let fault = poison(&mut site.executor(), DEADLINE).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Crashed, "{fault}");
        assert!(fault.reason.contains("too much"), "{fault}");
    });
    assert_eq!(site.lines("too much"), 1, "{:?}", site.said);
}

#[test]
fn what_is_no_response_is_a_crash_that_shows_it() {
    let site = Site::new();
    let cookie = site.cookie();
    for (text, words) in [
        ("hello", "not a response"),
        ("{\"response\":\"dance\"}", "not a response"),
        (
            "{\"response\":\"error\",\"status\":\"device-lost\",\"reason\":\"the device was lost\"}",
            "device was lost",
        ),
    ] {
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut page = site.page(&cookie);
                page.request();
                page.text(text);
                assert_eq!(page.closed(), Some(4001));
            });
            let fault = poison(&mut site.executor(), DEADLINE).unwrap_err();
            assert_eq!(fault.kind, FaultKind::Crashed, "{fault}");
            assert!(fault.is_fatal() && fault.reason.contains(words), "{fault}");
        });
    }
}

#[test]
fn bytes_are_no_message() {
    let site = Site::new();
    let mut page = site.page(&site.cookie());
    page.0.send(Message::binary(vec![0; 100])).unwrap();
    assert_eq!(page.closed(), Some(1008));
}

#[test]
fn a_page_that_is_late_loads_itself_anew_and_the_next_one_goes_on() {
    let site = Site::new();
    let cookie = site.cookie();
    let mut executor = site.executor();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut page = site.page(&cookie);
            page.request();
            assert_eq!(page.closed(), Some(4001));
            let mut page = site.page(&cookie);
            page.answer_done();
        });
        let before = executor.generation();
        let fault = poison(&mut executor, Duration::from_millis(300)).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Timeout, "{fault}");
        assert!(fault.is_fatal());
        assert_eq!(executor.generation(), before + 1);
        poison(&mut executor, DEADLINE).unwrap();
        assert_eq!(executor.generation(), before + 1);
    });
}

#[test]
fn a_page_that_goes_away_is_a_crash_and_so_is_one_that_does_not_come() {
    let site = Site::new();
    let cookie = site.cookie();
    let mut executor = site.executor();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut page = site.page(&cookie);
            page.request();
        });
        let fault = poison(&mut executor, DEADLINE).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Crashed, "{fault}");
    });
    let mut executor = BrowserExecutor::with_patience(Arc::clone(&site.server), Duration::from_millis(50));
    let fault = poison(&mut executor, DEADLINE).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Crashed);
    assert!(fault.reason.contains("no page was connected"), "{fault}");
}

#[test]
fn names_in_requests_open_nothing() {
    let site = Site::new();
    let cookie = site.cookie();
    for name in
        ["/page.js%00.html", "/kernels/format.wgsl", "/executors/browser/page.js", "/page.js/", "/./page.js"]
    {
        assert_eq!(status(&site.get(name, &[("Cookie", &cookie)])), 404, "{name}");
    }
    let answer = site.get("/writers.json?file=/etc/passwd", &[("Cookie", &cookie)]);
    assert!(status(&answer) == 200 && !answer.contains("root:"), "{answer}");
}
