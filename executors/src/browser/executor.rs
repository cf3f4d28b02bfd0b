//! The runner's side of a browser page; it corresponds to the executor in a child process.

use super::hub::{Order, Silence};
use super::server::BrowserServer;
use crate::protocol::{Request, Response};
use crate::remote::{Executor, Fault, FaultKind, understood};
use std::sync::Arc;
use std::time::Duration;

/// Time to wait for a page to connect, whether it reloads by itself or a person opens it.
const RETURN: Duration = Duration::from_secs(60);

/// [`Executor`] in the connected browser page. After a fatal fault the page reloads itself, and the next
/// request waits for it. Several executors may share one page; if one of them reloads it, all of them lose
/// their handles.
#[derive(Debug)]
pub struct BrowserExecutor {
    server: Arc<BrowserServer>,
    /// Number of the page that holds the handles. `None` before the first request and after a reload.
    page: Option<u32>,
    starts: u32,
    patience: Duration,
}

impl BrowserExecutor {
    /// Creates an executor for the page that is connected to `server` at the first request.
    pub fn new(server: Arc<BrowserServer>) -> Self {
        Self::with_patience(server, RETURN)
    }

    /// Like [`new`](Self::new), but waits at most `patience` for a page to connect.
    pub fn with_patience(server: Arc<BrowserServer>, patience: Duration) -> Self {
        BrowserExecutor { server, page: None, starts: 0, patience }
    }

    fn page(&mut self) -> Result<u32, Fault> {
        if let Some(page) = self.page {
            return Ok(page);
        }
        let page = self.server.wait(self.patience).ok_or_else(|| {
            let patience = portamark_model::units::seconds(self.patience.as_secs_f64());
            Fault::fatal(FaultKind::Crashed, format!("no page was connected within {patience}"))
        })?;
        self.page = Some(page);
        self.starts += 1;
        Ok(page)
    }

    /// Makes the page reload, so that it releases everything, and returns a fatal fault.
    fn fault(&mut self, kind: FaultKind, reason: &str) -> Fault {
        self.stop();
        Fault::fatal(kind, reason)
    }

    /// Sends `text` to the page and waits for its answer, for at most `deadline`.
    fn exchange(&mut self, text: String, deadline: Duration) -> Result<Response, Fault> {
        let page = self.page()?;
        let crashed = FaultKind::Crashed;
        match self.server.hub().ask(page, text, deadline) {
            Ok(answer) => understood(&answer, "the page's").map_err(|what| self.fault(crashed, &what)),
            Err(Silence::Gone(why)) => Err(self.fault(crashed, &why)),
            Err(Silence::Late) => {
                let deadline = portamark_model::units::seconds(deadline.as_secs_f64());
                let what = format!("no answer within {deadline}; the page was reloaded");
                Err(self.fault(FaultKind::Timeout, &what))
            }
        }
    }
}

impl Executor for BrowserExecutor {
    fn call(&mut self, request: &Request, deadline: Duration) -> Result<Response, Fault> {
        self.exchange(serde_json::to_string(request).expect("requests are plain data"), deadline)
    }

    fn line(&mut self, line: &str, deadline: Duration) -> Option<Result<Response, Fault>> {
        Some(self.exchange(line.into(), deadline))
    }

    fn generation(&self) -> u32 {
        self.starts + u32::from(self.page.is_none())
    }

    fn stop(&mut self) {
        if let Some(page) = self.page.take() {
            self.server.hub().dismiss(page, Order::Reload);
        }
    }
}
