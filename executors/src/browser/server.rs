//! HTTP server for one browser: serves the page, its scripts, and one WebSocket.

use super::assets::{ASSETS, Asset, PAGE, WRITERS, writers};
use super::connections::{Connections, Stays};
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

/// Time that a page gets to answer `bye` when the run is over.
const FAREWELL: Duration = Duration::from_millis(500);
/// Time within which a reloading page reconnects. If it takes longer, a person is asked to open the page.
const RETURN: Duration = Duration::from_secs(5);

/// Path of the WebSocket's URL.
const SOCKET: &str = "/socket";

/// Headers of every response. The page may load only files of this server, other pages may neither embed nor
/// read it, and browsers must not cache it. Cross-origin isolation gives the page a clock of finer resolution.
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

/// Shared state of all request handlers.
struct Site {
    hub: Arc<Hub>,
    gate: Gate,
    refusals: Refusals,
    writers: String,
}

/// Addresses of both ends of a connection, and what lifts the limit of its lifetime.
#[derive(Clone)]
struct Ends {
    here: Option<SocketAddr>,
    there: SocketAddr,
    stays: Stays,
}

impl Connected<IncomingStream<'_, Connections>> for Ends {
    fn connect_info(stream: IncomingStream<'_, Connections>) -> Self {
        Ends { here: stream.io().here(), there: *stream.remote_addr(), stays: stream.io().stays() }
    }
}

/// HTTP server of the browser page. It runs until it is dropped, and then tells the page that the run is over.
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
    /// Starts to serve at `address`; port 0 selects a free port. Messages for the user are printed with `say`.
    ///
    /// # Errors
    /// Fails if the address cannot be bound, or the system provides no random numbers or thread.
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
                    _ = axum::serve(Connections::of(listener), service) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        })?;
        Ok(BrowserServer { site, address, say, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns the address and port of the server.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns a new URL that opens the page once, and invalidates all earlier URLs.
    ///
    /// # Errors
    /// Fails if the system provides no random numbers.
    pub fn invitation(&self) -> io::Result<String> {
        let host = if self.address.ip().is_unspecified() {
            format!("ADDRESS-OF-THIS-MACHINE:{}", self.address.port())
        } else {
            self.address.to_string()
        };
        Ok(format!("http://{host}/?token={}", self.site.gate.token()?))
    }

    /// Waits at most `patience` until a page is connected and returns its number. If the page does not come
    /// back within [`RETURN`], asks the user to open it.
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

    /// Asks the user to open the page, with reminders, and waits without limit until the page is connected.
    ///
    /// # Errors
    /// Fails if the system provides no random numbers.
    pub fn welcome(&self) -> io::Result<()> {
        /// Seconds to wait before each reminder, counted from the previous message.
        const REMINDERS: [u64; 3] = [30, 270, 3300];
        (self.say)(&format!("open {} in a browser", self.invitation()?));
        if !self.address.ip().is_loopback() {
            (self.say)(
                "note: browsers offer WebGPU only to pages from the same machine or over https; from another \
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

    /// Sends the page the progress of the run, and the latest row if there is a new one.
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
        // A page that is just reloading should also learn that the run is over.
        if let Some(number) = hub.wait(if hub.was_occupied() { 2 * FAREWELL } else { Duration::ZERO }) {
            let bye = serde_json::to_string(&Message::Bye).expect("requests are plain data");
            let _ = hub.ask(number, bye, FAREWELL);
            hub.dismiss(number, Order::Over);
            // Give the connection a moment to send the close message.
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

/// Outermost middleware. It refuses requests that are not addressed to this server or come from other pages,
/// sets the headers of every response, and reports every refusal.
async fn look(
    State(site): State<Arc<Site>>,
    ConnectInfo(ends): ConnectInfo<Ends>,
    request: Request,
    next: Next,
) -> Response {
    let what = format!("{} {} from {}", request.method(), request.uri().path(), ends.there);
    let mut response = match misled(&request, &ends) {
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

/// Returns why `request` is not addressed to this server or does not come from its page. `None` if it is valid.
fn misled(request: &Request, ends: &Ends) -> Option<&'static str> {
    let text = |name: HeaderName| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    let host = text(header::HOST).unwrap_or_default();
    if !ends.here.is_some_and(|here| is_own(host, here)) {
        return Some("this is not the address of portamark");
    }
    let is_socket = request.uri().path() == SOCKET;
    (!is_own_page(text(header::ORIGIN), host, is_socket)).then_some("another page sent this")
}

/// Reason why a request was refused, attached to the response for the report.
#[derive(Clone, Copy)]
struct Why(&'static str);

fn refusal(status: StatusCode, why: &'static str) -> Response {
    let mut response = (status, format!("{why}\n")).into_response();
    response.extensions_mut().insert(Why(why));
    response
}

/// Middleware that admits requests with the cookie, and requests of the page with a valid token. The latter
/// get the cookie in return.
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
        "this address is incomplete or already used: open the newest one that portamark printed",
    )
}

async fn page() -> Response {
    served(&PAGE)
}

async fn upgrade(
    State(site): State<Arc<Site>>,
    ConnectInfo(ends): ConnectInfo<Ends>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        return refusal(StatusCode::BAD_REQUEST, "this is a WebSocket");
    };
    if site.hub.occupied() {
        return refusal(StatusCode::CONFLICT, "another page is connected");
    }
    upgrade.max_message_size(LONGEST_MESSAGE).max_frame_size(LONGEST_MESSAGE).on_upgrade(
        move |socket| async move {
            ends.stays.for_good();
            socket::serve(socket, &site.hub, &site.refusals).await;
        },
    )
}
