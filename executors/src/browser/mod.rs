//! A page in a browser as an executor. This process serves the page and one WebSocket, which carries the same
//! messages as the pipes of a child process.

mod assets;
mod connections;
mod executor;
mod gate;
mod hub;
mod refusals;
mod server;
mod socket;

pub use executor::BrowserExecutor;
pub use hub::{Ended, Progress};
pub use refusals::Say;
pub use server::BrowserServer;
