//! The WebSocket connection of one page: sends requests and receives answers until either side closes it.

use super::hub::{Hub, Order, QUEUE};
use super::refusals::{Refusals, one_line};
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Largest accepted message, in bytes. The largest legitimate one carries sampled elements of an output.
pub(super) const LONGEST_MESSAGE: usize = 64 << 20;
/// Timeout for sending a message, after which the page counts as disconnected.
const PATIENCE: Duration = Duration::from_secs(10);

/// Close codes of the WebSocket, from which the page learns the reason. Codes from 4000 on are reserved for
/// applications.
mod code {
    /// The run is over.
    pub const OVER: u16 = 1000;
    /// The page violated the protocol.
    pub const BROKEN: u16 = 1008;
    /// The page must reload itself.
    pub const RELOAD: u16 = 4001;
    /// Another page is already connected.
    pub const OCCUPIED: u16 = 4009;
}

/// Serves one connection until it closes.
pub(super) async fn serve(mut socket: WebSocket, hub: &Hub, refusals: &Refusals) {
    let (send, mut orders) = mpsc::channel(QUEUE);
    let Some(number) = hub.join(send) else {
        refusals.note("a second page: one is connected");
        return close(&mut socket, code::OCCUPIED, "another page is connected").await;
    };
    let why = exchange(&mut socket, &mut orders, hub, refusals, number).await;
    hub.left(number, why);
}

/// Forwards messages in both directions until the connection ends, and returns the reason.
async fn exchange(
    socket: &mut WebSocket,
    orders: &mut mpsc::Receiver<Order>,
    hub: &Hub,
    refusals: &Refusals,
    number: u32,
) -> String {
    loop {
        let wrong = tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Send(text)) => {
                    match timeout(PATIENCE, socket.send(Message::Text(text.into()))).await {
                        Ok(Ok(())) => continue,
                        Ok(Err(error)) => return format!("the page is gone: {error}"),
                        Err(_) => return "the page takes no messages".into(),
                    }
                }
                Some(Order::Over) => {
                    close(socket, code::OVER, "the run is over").await;
                    return "the run is over".into();
                }
                Some(Order::Reload) | None => {
                    close(socket, code::RELOAD, "load anew").await;
                    return "the page was reloaded".into();
                }
            },
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => match hub.answered(number, text.as_str().to_owned()) {
                    Ok(()) => continue,
                    Err(what) => format!("the page sent {what}"),
                },
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Binary(_))) => "the page sent bytes instead of text".into(),
                Some(Ok(Message::Close(_))) | None => return "the page was closed".into(),
                // A broken connection means that the page is gone; a message that is too long violates
                // the protocol.
                Some(Err(error)) => match error.to_string() {
                    text if text.contains("too") => format!("the page sent too much: {text}"),
                    text => return format!("the page is gone: {}", one_line(&text)),
                },
            },
        };
        let wrong = one_line(&wrong);
        refusals.note(&format!("a message: {wrong}; the connection was closed"));
        close(socket, code::BROKEN, "not the protocol").await;
        return wrong;
    }
}

async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame { code, reason: reason.into() };
    // If this message is not delivered, the page still notices that the connection ends.
    let _ = timeout(Duration::from_secs(1), socket.send(Message::Close(Some(frame)))).await;
}
