//! Connections of the server: few at a time, and none for long except that of the page.

use axum::serve::Listener;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// Maximum number of open connections; more wait to be accepted. A browser opens about six.
const MOST: usize = 64;
/// Maximum lifetime of a connection that is not the page's WebSocket. Whether it is idle or sends a request byte by
/// byte, it then makes room for another one.
const LIFETIME: Duration = Duration::from_secs(30);

/// [`TcpListener`] that limits number and lifetime of its connections.
pub(super) struct Connections {
    listener: TcpListener,
    places: Arc<Semaphore>,
    lifetime: Duration,
}

impl Connections {
    /// Limits the connections of `listener`.
    pub(super) fn of(listener: TcpListener) -> Self {
        Connections { listener, places: Arc::new(Semaphore::new(MOST)), lifetime: LIFETIME }
    }
}

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // The semaphore is never closed.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, there) = Listener::accept(&mut self.listener).await;
        let end = Box::pin(tokio::time::sleep(self.lifetime));
        (Connection { stream, end, stays: Stays::default(), _place: place }, there)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Whether a connection has no limited lifetime, shared with those who handle its requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Stays(Arc<AtomicBool>);

impl Stays {
    /// Lifts the limit of the lifetime: the connection is now that of the page.
    pub(super) fn for_good(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One connection. After its lifetime reading and writing fail, which closes it.
pub(super) struct Connection {
    stream: TcpStream,
    end: Pin<Box<Sleep>>,
    stays: Stays,
    _place: Option<OwnedSemaphorePermit>,
}

impl Connection {
    /// Returns the address of this end.
    pub(super) fn here(&self) -> Option<SocketAddr> {
        self.stream.local_addr().ok()
    }

    /// Returns what lifts the limit of the lifetime.
    pub(super) fn stays(&self) -> Stays {
        self.stays.clone()
    }

    /// Returns an error when the lifetime is over, and wakes the task then.
    fn alive(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let over = !self.stays.0.load(Ordering::Relaxed) && self.end.as_mut().poll(context).is_ready();
        if over { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.alive(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.alive(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use std::io::{Read, Write};
    use std::net::TcpStream as Client;
    use std::time::Instant;

    /// Serves 404 with `places` connections of `lifetime` each; returns the address.
    fn served(places: usize, lifetime: Duration) -> SocketAddr {
        let (send, address) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                send.send(listener.local_addr().unwrap()).unwrap();
                let places = Arc::new(Semaphore::new(places));
                let _ = axum::serve(Connections { listener, places, lifetime }, Router::new()).await;
            });
        });
        address.recv().unwrap()
    }

    #[test]
    fn idle_and_slow_connections_end_and_make_room() {
        let address = served(2, Duration::from_millis(600));
        let started = Instant::now();
        let mut idle = Client::connect(address).unwrap();
        let mut slow = Client::connect(address).unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        // The third waits for a place, and gets its answer once the others have ended.
        let mut third = Client::connect(address).unwrap();
        third.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let dripped = std::thread::spawn(move || {
            while slow.write_all(b"x").is_ok() && started.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let mut answer = String::new();
        third.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        assert!(started.elapsed() >= Duration::from_millis(500), "{:?}", started.elapsed());
        assert_eq!(idle.read(&mut [0; 8]).unwrap_or(0), 0);
        dripped.join().unwrap();
        assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    }
}
