//! The server: one page, what it loads, and one WebSocket, for one browser.

use super::assets::{ASSETS, Asset, PAGE, WRITERS, writers};
use super::gate::{Gate, is_own, is_own_page};
use super::hub::{Ended, Hub, Order, Progress};
use super::refusals::{Refusals, Say, one_line};
use super::socket::{self, LONGEST_MESSAGE};
use crate::protocol::Request as Message;
use axum::Router;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Request, State, WebSocketUpgrade};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::IncomingStream;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Time that a page has to take leave when the run is over.
const FAREWELL: Duration = Duration::from_millis(500);
/// A page that loads itself anew is back within this time; for a longer absence a person is asked.
const RETURN: Duration = Duration::from_secs(5);

/// Where the page connects to.
const SOCKET: &str = "/socket";

/// What every response carries: nothing loads but what is served here, nobody may frame the page or read
/// it from elsewhere, and nothing of it is kept. Isolated from other pages it has a finer clock.
const HEADERS: [(HeaderName, &str); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// What requests are answered from.
struct Site {
    hub: Arc<Hub>,
    gate: Gate,
    refusals: Refusals,
    writers: String,
}

/// Both ends of a connection.
#[derive(Clone, Copy)]
struct Ends {
    here: Option<SocketAddr>,
    there: SocketAddr,
}

impl Connected<IncomingStream<'_, tokio::net::TcpListener>> for Ends {
    fn connect_info(stream: IncomingStream<'_, tokio::net::TcpListener>) -> Self {
        Ends { here: stream.io().local_addr().ok(), there: *stream.remote_addr() }
    }
}

/// Serves the page until it is dropped, and then tells the page that the run is over.
pub struct BrowserServer {
    site: Arc<Site>,
    address: SocketAddr,
    say: Say,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for BrowserServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BrowserServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl BrowserServer {
    /// Serves at `address`, port 0 for a free one. What a person should know is said by `say`.
    ///
    /// # Errors
    /// When the address is not to be had.
    pub fn start(address: SocketAddr, say: Say) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let site = Arc::new(Site {
            hub: Arc::default(),
            gate: Gate::new(address.port())?,
            refusals: Refusals::new(Arc::clone(&say)),
            writers: writers(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let router = router(Arc::clone(&site));
        let thread = thread::Builder::new().name("browser".into()).spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                let service = router.into_make_service_with_connect_info::<Ends>();
                tokio::select! {
                    _ = axum::serve(listener, service) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        })?;
        Ok(BrowserServer { site, address, say, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A new address of the page, which opens it once; addresses that were given before open it no more.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn invitation(&self) -> io::Result<String> {
        let host = if self.address.ip().is_unspecified() {
            format!("ADDRESS-OF-THIS-MACHINE:{}", self.address.port())
        } else {
            self.address.to_string()
        };
        Ok(format!("http://{host}/?token={}", self.site.gate.token()?))
    }

    /// Waits until a page is connected, at most for `patience`; its number.
    pub(super) fn wait(&self, patience: Duration) -> Option<u32> {
        let started = Instant::now();
        if let Some(number) = self.site.hub.wait(RETURN.min(patience)) {
            return Some(number);
        }
        if let Ok(address) = self.invitation() {
            (self.say)(&format!("waiting for the page: open {address} in a browser"));
        }
        self.site.hub.wait(patience.saturating_sub(started.elapsed()))
    }

    /// Invites a person to open the page and waits until it is connected, however long that takes.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn welcome(&self) -> io::Result<()> {
        /// When it is said again.
        const REMINDERS: [u64; 3] = [30, 270, 3300];
        (self.say)(&format!("open {} in a browser", self.invitation()?));
        if !self.address.ip().is_loopback() {
            (self.say)(
                "note: browsers offer WebGPU to pages of the same machine and of https alone; from another \
                 machine reach this one by a tunnel, e.g. ssh -L or adb reverse, see docs/browser.md",
            );
        }
        for reminder in REMINDERS {
            if self.site.hub.wait(Duration::from_secs(reminder)).is_some() {
                return Ok(());
            }
            (self.say)(&format!(
                "still waiting for a browser; Ctrl-C ends it. The address now: {}",
                self.invitation()?
            ));
        }
        while self.site.hub.wait(Duration::from_secs(3600)).is_none() {}
        Ok(())
    }

    /// Tells the page how far the run is, and of the row that was made last.
    pub fn tell(&self, progress: Progress, row: Option<Ended>) {
        self.site.hub.tell(progress, row);
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.site.hub
    }
}

impl Drop for BrowserServer {
    fn drop(&mut self) {
        let hub = &self.site.hub;
        // A page that loads itself anew at this moment should learn it too.
        if let Some(number) = hub.wait(if hub.was_occupied() { 2 * FAREWELL } else { Duration::ZERO }) {
            let bye = serde_json::to_string(&Message::Bye).expect("requests are plain data");
            let _ = hub.ask(number, bye, FAREWELL);
            hub.dismiss(number, Order::Over);
            // The connection has a moment to say so.
            thread::sleep(Duration::from_millis(20));
        }
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn router(site: Arc<Site>) -> Router {
    let mut router = Router::new().route(PAGE.path, get(page)).route(SOCKET, get(upgrade)).route(
        WRITERS,
        get(|State(site): State<Arc<Site>>| async move {
            ([(header::CONTENT_TYPE, "application/json")], site.writers.clone())
        }),
    );
    for asset in &ASSETS {
        router = router.route(asset.path, get(move || async move { served(asset) }));
    }
    let entry = middleware::from_fn_with_state(Arc::clone(&site), enter);
    let outer = middleware::from_fn_with_state(Arc::clone(&site), look);
    router.route_layer(entry).fallback(|| async { StatusCode::NOT_FOUND }).layer(outer).with_state(site)
}

fn served(asset: &'static Asset) -> Response {
    ([(header::CONTENT_TYPE, asset.media)], asset.text).into_response()
}

/// The first look at every request: is it meant for this server, and does no other page send it? Every
/// response gets its headers here, and every refusal its line.
async fn look(
    State(site): State<Arc<Site>>,
    ConnectInfo(ends): ConnectInfo<Ends>,
    request: Request,
    next: Next,
) -> Response {
    let what = format!("{} {} from {}", request.method(), request.uri().path(), ends.there);
    let mut response = match misled(&request, ends) {
        Some(why) => refusal(StatusCode::FORBIDDEN, why),
        None => next.run(request).await,
    };
    if response.status().is_client_error() {
        let why = response.extensions().get::<Why>().map_or("", |why| why.0);
        site.refusals.note(&format!("{}: {} {why}", one_line(&what), response.status().as_u16()));
    }
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Why `request` is not meant for this server, or not sent by its page.
fn misled(request: &Request, ends: Ends) -> Option<&'static str> {
    let text = |name: HeaderName| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    let host = text(header::HOST).unwrap_or_default();
    if !ends.here.is_some_and(|here| is_own(host, here)) {
        return Some("this is not the address of portamark");
    }
    let is_socket = request.uri().path() == SOCKET;
    (!is_own_page(text(header::ORIGIN), host, is_socket)).then_some("another page sent this")
}

/// Why a request was refused, for its line.
#[derive(Clone, Copy)]
struct Why(&'static str);

fn refusal(status: StatusCode, why: &'static str) -> Response {
    let mut response = (status, format!("{why}\n")).into_response();
    response.extensions_mut().insert(Why(why));
    response
}

/// Lets in who has the cookie, or at the page itself the token, for which there is the cookie.
async fn enter(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let cookies = request.headers().get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    if site.gate.knows(cookies) {
        return next.run(request).await;
    }
    let is_page = request.uri().path() == PAGE.path && request.method() == axum::http::Method::GET;
    if is_page && site.gate.spend(request.uri().query().unwrap_or_default()) {
        let mut response = next.run(request).await;
        if let Ok(cookie) = HeaderValue::from_str(&site.gate.set_cookie()) {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        return response;
    }
    refusal(
        StatusCode::FORBIDDEN,
        "this address is not complete or was used: open the newest that portamark prints",
    )
}

async fn page() -> Response {
    served(&PAGE)
}

async fn upgrade(
    State(site): State<Arc<Site>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        return refusal(StatusCode::BAD_REQUEST, "this is a WebSocket");
    };
    if site.hub.occupied() {
        return refusal(StatusCode::CONFLICT, "another page is connected");
    }
    upgrade
        .max_message_size(LONGEST_MESSAGE)
        .max_frame_size(LONGEST_MESSAGE)
        .on_upgrade(move |socket| async move { socket::serve(socket, &site.hub, &site.refusals).await })
}
